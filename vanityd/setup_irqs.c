/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_irqs.c: knobs of the machine that let others run on a core: found, read, turned.
 *
 * Not among them, because nobody can: threads bound to their core (PF_NO_SETAFFINITY), interrupts
 * whose affinity the kernel manages (the write fails), the timer. Threads of an interrupt follow
 * it; workers of unbound workqueues follow their mask.
 */
#include "setup_cores.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KNOBS_MAX 65536u
#define THREAD_KERNEL 0x00200000u /* PF_KTHREAD, linux/sched.h */
#define THREAD_BOUND 0x04000000u /* PF_NO_SETAFFINITY */
#define THREAD_PARENT 2u /* kthreadd: whoever it makes would inherit what we did to it, for ever   \
			  */
#define WORKQUEUE "/sys/devices/virtual/workqueue/cpumask"

_Static_assert(sizeof(struct core_set) == sizeof(cpu_set_t), "one is handed over as the other");

/* --- sets of cores ---------------------------------------------------------------------------- */

int core_set_parse(const char *text, struct core_set *ret)
{
	uint32_t bit = 0;
	struct core_set set = { { 0 } };
	size_t i = strcspn(text, "\n");

	if (i == 0)
		return -1;
	while (i-- > 0) {
		char c = text[i];
		uint64_t digit;

		if (c == ',')
			continue;
		if (!isxdigit((unsigned char)c))
			return -1;
		digit = (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
		if (digit != 0 && bit >= CORE_SET_MAX)
			return -1;
		if (bit < CORE_SET_MAX)
			set.word[bit / 64] |= digit << bit % 64;
		bit += 4;
	}
	*ret = set;
	return 0;
}

/* As the kernel writes it, but without groups that are zero at its beginning. */
void core_set_text(const struct core_set *set, char ret[CORE_SET_TEXT])
{
	int at = 0;

	ret[0] = '\0';
	for (uint32_t i = 2 * CORE_SET_WORDS; i > 0; i--) {
		uint32_t group = (uint32_t)(set->word[(i - 1) / 2] >> 32 * ((i - 1) % 2));

		if (at > 0)
			at += snprintf(ret + at, CORE_SET_TEXT - (size_t)at, ",%08x", group);
		else if (group != 0 || i == 1)
			at += snprintf(ret + at, CORE_SET_TEXT - (size_t)at, "%x", group);
	}
}

int core_list_parse(const char *text, struct core_set *ret)
{
	struct core_set set = { { 0 } };

	while (isdigit((unsigned char)*text)) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last >= CORE_SET_MAX || first > last)
			return -1;
		for (; first <= last; first++)
			set.word[first / 64] |= 1ull << first % 64;
		text = *end == ',' ? end + 1 : end;
	}
	if (*text != '\0' && *text != '\n')
		return -1;
	*ret = set;
	return 0;
}

void core_list_text(const struct core_set *set, char *ret, size_t room)
{
	size_t at = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < CORE_SET_MAX && at < room; i++) {
		uint32_t last = i;

		if ((set->word[i / 64] >> i % 64 & 1) == 0)
			continue;
		while (last + 1 < CORE_SET_MAX &&
		       (set->word[(last + 1) / 64] >> (last + 1) % 64 & 1) != 0)
			last++;
		at += (size_t)snprintf(ret + at, room - at, last > i ? "%s%u-%u" : "%s%u",
				       at > 0 ? "," : "", i, last);
		i = last;
	}
}

int core_set_empty(const struct core_set *set)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < CORE_SET_WORDS; i++)
		any |= set->word[i];
	return any == 0;
}

int core_set_meet(const struct core_set *a, const struct core_set *b)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < CORE_SET_WORDS; i++)
		any |= a->word[i] & b->word[i];
	return any != 0;
}

int core_set_equal(const struct core_set *a, const struct core_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void core_set_remove(struct core_set *set, const struct core_set *what)
{
	for (uint32_t i = 0; i < CORE_SET_WORDS; i++)
		set->word[i] &= ~what->word[i];
}

void core_set_add(struct core_set *set, const struct core_set *what)
{
	for (uint32_t i = 0; i < CORE_SET_WORDS; i++)
		set->word[i] |= what->word[i];
}

/* --- files of the machine --------------------------------------------------------------------- */

/* Return: bytes, without a newline at the end; -errno. */
int machine_read(const struct machine *m, const char *path, char *ret_text, size_t room)
{
	char whole[PATHS_BYTES + 128];
	int fd, error = 0;
	ssize_t n;

	snprintf(whole, sizeof(whole), "%s%s", m->root, path);
	ret_text[0] = '\0';
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret_text, room);
	if (n < 0)
		error = -errno;
	else if ((size_t)n == room)
		error = -EFBIG;
	close(fd);
	if (error != 0)
		n = 0;
	while (n > 0 && ret_text[n - 1] == '\n')
		n--;
	ret_text[n] = '\0';
	return error != 0 ? error : (int)n;
}

static int machine_write(const struct machine *m, const char *path, const char *text)
{
	char whole[PATHS_BYTES + 128], line[CORE_SET_TEXT + 1];
	int fd, error, n = snprintf(line, sizeof(line), "%s\n", text);

	snprintf(whole, sizeof(whole), "%s%s", m->root, path);
	/* A copy for a test is a plain file; to the kernel's own O_TRUNC says nothing. */
	fd = open(whole, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	errno = EIO;
	error = write(fd, line, (size_t)n) == n ? 0 : -errno;
	close(fd);
	return error;
}

void machine_online(const struct machine *m, struct core_set *ret)
{
	char text[1024];

	*ret = (struct core_set){ { 0 } };
	if (machine_read(m, "/sys/devices/system/cpu/online", text, sizeof(text)) > 0)
		(void)core_list_parse(text, ret);
}

/* --- threads of the kernel -------------------------------------------------------------------- */

/* Number of the pid namespace we are in, 0 where nobody can tell; only /proc of the same one
 * counts. */
static uint64_t pid_space(const struct machine *m)
{
	char path[PATHS_BYTES], link[64];
	unsigned long long space = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/proc/self", m->root);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	if (atoi(link) != getpid())
		return 0;
	snprintf(path, sizeof(path), "%s/proc/self/ns/pid", m->root);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	return sscanf(link, "pid:[%llu]", &space) == 1 ? space : 0;
}

/* Return: 0, and what /proc/PID/stat says (proc(5)); -1 there is none of that number. */
static int thread_look(const struct machine *m, uint32_t pid, unsigned *ret_flags,
		       uint64_t *ret_started, int *ret_of_interrupt)
{
	char path[48], text[1024], *at;
	unsigned long long started;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (machine_read(m, path, text, sizeof(text)) < 0 || (at = strrchr(text, ')')) == NULL)
		return -1;
	*ret_of_interrupt = strstr(text, "(irq/") != NULL;
	if (sscanf(at,
		   ") %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   ret_flags, &started) != 2)
		return -1;
	*ret_started = started;
	return 0;
}

static enum knob_look thread_read(const struct machine *m, const struct knob *k,
				  struct core_set *ret)
{
	unsigned flags;
	uint64_t started;
	int of_interrupt;

	if (pid_space(m) != k->space)
		return KNOB_OUT_OF_REACH;
	if (thread_look(m, k->number, &flags, &started, &of_interrupt) != 0 ||
	    started != k->started || (flags & THREAD_KERNEL) == 0)
		return KNOB_GONE;
	*ret = (struct core_set){ { 0 } };
	return sched_getaffinity((pid_t)k->number, sizeof(*ret), (cpu_set_t *)ret) == 0 ? KNOB_THERE
											: KNOB_GONE;
}

/* --- one knob --------------------------------------------------------------------------------- */

const char *knob_name(uint32_t kind)
{
	static const char *const name[KNOB_KINDS] = { "delegate", "irq-default", "irq", "workqueue",
						      "thread" };

	return kind < KNOB_KINDS ? name[kind] : "?";
}

static void knob_path(const struct machine *m, const struct knob *k, int write, char *ret,
		      size_t room)
{
	char asked[sizeof(WORKQUEUE) + 16];

	if (k->kind == KNOB_IRQ) {
		snprintf(ret, room, "/proc/irq/%u/smp_affinity", k->number);
	} else if (k->kind == KNOB_IRQ_DEFAULT) {
		snprintf(ret, room, "/proc/irq/default_smp_affinity");
	} else if (k->kind == KNOB_WORKQUEUE) {
		/* Newer kernels show what is in force, and beside it what was asked for. */
		snprintf(asked, sizeof(asked), "%s_requested", WORKQUEUE);
		if (!write && machine_read(m, asked, ret, room) > 0)
			snprintf(ret, room, "%s", asked);
		else
			snprintf(ret, room, "%s", WORKQUEUE);
	}
}

/* Is cpuset among the words? */
static int delegated(const struct machine *m)
{
	char path[PATHS_BYTES + 32], text[1024], *save = NULL;
	struct machine absolute = { .root = "" };

	if (m->cgroup[0] == '\0')
		return -1;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", m->cgroup);
	if (machine_read(&absolute, path, text, sizeof(text)) < 0)
		return -1;
	for (char *word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save))
		if (strcmp(word, "cpuset") == 0)
			return 1;
	return 0;
}

enum knob_look knob_read(const struct machine *m, const struct knob *k,
			 char ret_text[CORE_SET_TEXT], struct core_set *ret)
{
	char path[PATHS_BYTES];
	enum knob_look look;
	int there;

	ret_text[0] = '\0';
	if (k->kind == KNOB_THREAD || k->kind == KNOB_DELEGATE) {
		if (k->kind == KNOB_THREAD) {
			look = thread_read(m, k, ret);
		} else {
			there = delegated(m);
			look = there < 0 ? KNOB_GONE : KNOB_THERE;
			*ret = (struct core_set){ { there > 0 } };
		}
		if (look == KNOB_THERE)
			core_set_text(ret, ret_text);
		return look;
	}
	knob_path(m, k, 0, path, sizeof(path));
	if (machine_read(m, path, ret_text, CORE_SET_TEXT) <= 0 ||
	    core_set_parse(ret_text, ret) != 0)
		return KNOB_GONE;
	return KNOB_THERE;
}

int knob_turn(const struct machine *m, const struct knob *k)
{
	char path[PATHS_BYTES + 32], text[CORE_SET_TEXT];
	struct machine absolute = { .root = "" };
	struct core_set original;

	if (k->kind == KNOB_THREAD)
		return sched_setaffinity((pid_t)k->number, sizeof(k->wanted),
					 (const cpu_set_t *)&k->wanted) == 0
			       ? 0
			       : -errno;
	if (k->kind == KNOB_DELEGATE) {
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", m->cgroup);
		return machine_write(&absolute, path,
				     core_set_empty(&k->wanted) ? "-cpuset" : "+cpuset");
	}
	knob_path(m, k, 1, path, sizeof(path));
	core_set_text(&k->wanted, text);
	/* Going back, it gets the very text it had. */
	if (core_set_parse(k->original, &original) == 0 && core_set_equal(&original, &k->wanted))
		snprintf(text, sizeof(text), "%s", k->original);
	return machine_write(m, path, text);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int known(const struct knobs *all, const struct knob *k)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->knob[i].kind == k->kind && all->knob[i].number == k->number &&
		    all->knob[i].started == k->started && all->knob[i].space == k->space)
			return 1;
	return 0;
}

static int append(struct knobs *all, const struct knob *k)
{
	if (all->count == all->room) {
		uint32_t room = all->room == 0 ? 64 : 2 * all->room;
		struct knob *more =
			room > KNOBS_MAX ? NULL : realloc(all->knob, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		all->knob = more;
		all->room = room;
	}
	all->knob[all->count++] = *k;
	return 0;
}

static int offer(const struct machine *m, struct knob *k, const struct core_set *away,
		 struct knobs *all)
{
	if (known(all, k) || knob_read(m, k, k->original, &k->before) != KNOB_THERE)
		return 0;
	if (k->kind == KNOB_DELEGATE ? !core_set_empty(&k->before)
				     : !core_set_meet(&k->before, away))
		return 0;
	k->wanted = k->before;
	k->settled = 1;
	return append(all, k);
}

/* Those numbers that are folders of @path. */
static int offer_numbers(const struct machine *m, uint32_t kind, const char *path,
			 const struct core_set *away, struct knobs *all)
{
	char whole[PATHS_BYTES];
	uint64_t space = kind == KNOB_THREAD ? pid_space(m) : 0;
	const struct dirent *d;
	int error = 0;
	DIR *dir;

	snprintf(whole, sizeof(whole), "%s%s", m->root, path);
	dir = kind == KNOB_THREAD && space == 0 ? NULL : opendir(whole);
	while (dir != NULL && error == 0 && (d = readdir(dir)) != NULL) {
		struct knob k = { .kind = kind, .space = space };
		int of_interrupt = 0;
		unsigned flags = 0;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		k.number = (uint32_t)strtoul(d->d_name, NULL, 10);
		if (kind == KNOB_THREAD &&
		    (k.number == THREAD_PARENT ||
		     thread_look(m, k.number, &flags, &k.started, &of_interrupt) != 0 ||
		     (flags & (THREAD_KERNEL | THREAD_BOUND)) != THREAD_KERNEL || of_interrupt))
			continue;
		error = offer(m, &k, away, all);
	}
	if (dir != NULL)
		closedir(dir);
	return error;
}

int knobs_find(const struct machine *m, unsigned kinds, const struct core_set *away,
	       struct knobs *all)
{
	static const uint32_t single[] = { KNOB_DELEGATE, KNOB_IRQ_DEFAULT, KNOB_WORKQUEUE };
	char text[CORE_SET_TEXT];
	struct core_set force;
	int error = 0;

	for (uint32_t i = 0; i < sizeof(single) / sizeof(single[0]) && error == 0; i++) {
		struct knob k = { .kind = single[i] };

		if ((kinds >> single[i] & 1) == 0)
			continue;
		/* Where the kernel keeps them from a partition by itself there is nothing to do. */
		if (single[i] == KNOB_WORKQUEUE &&
		    machine_read(m, WORKQUEUE, text, sizeof(text)) > 0 &&
		    core_set_parse(text, &force) == 0 && !core_set_meet(&force, away))
			continue;
		error = offer(m, &k, away, all);
	}
	if (error == 0 && (kinds >> KNOB_IRQ & 1) != 0)
		error = offer_numbers(m, KNOB_IRQ, "/proc/irq", away, all);
	if (error == 0 && (kinds >> KNOB_THREAD & 1) != 0)
		error = offer_numbers(m, KNOB_THREAD, "/proc", away, all);
	return error;
}
