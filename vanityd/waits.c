/* SPDX-License-Identifier: Apache-2.0 */
/* waits.c: see waits.h. */
#include "waits.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arch.h>
#include <syscall.h>

#define ROUNDS 7u
#define ROUNDS_MIN 3u /* fewer tell nothing */
#define WAKES_NS_MAX 3000000u /* then what there is must do */
#define DOZES_NS_MAX 1000000u /* of all rounds of one kind */
#define PATIENCE_MS 50

/* What the two processes share: one line pair for each direction. */
struct table {
	_Alignas(WIRE_LINE) wire_u64 ping;
	_Alignas(WIRE_LINE) wire_u64 pong;
	_Alignas(WIRE_LINE) wire_u64 over; /* no more wakes by the kernel */
	wire_u64 per_us; /* ticks */
};

void waits_look(struct waits *ret)
{
	const uint64_t hwcap[2] = { getauxval(AT_HWCAP), getauxval(AT_HWCAP2) };
	uint64_t word[ARCH_FEATURE_WORDS];

	arch_features(hwcap, word);
	*ret = (struct waits){ .features = features_of(ARCH_NAME, word),
			       .best = WAIT_PAUSE,
			       .wake_ns = WAITS_WAKE_NS };
}

enum wait_kind waits_choose(uint32_t features, const uint32_t doze_ns[WAIT_KINDS])
{
	for (uint32_t k = 0; k < WAIT_KINDS; k++)
		if (wait_dozes(k) && (doze_ns[k] == 0 || doze_ns[k] > WAITS_SLOW_NS))
			features &= ~(1u << k);
	return wait_best(features);
}

/* --- both processes ------------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int event_wait(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&poll_fd, 1, PATIENCE_MS) == 1 &&
			       read(fd, &count, sizeof(count)) == sizeof(count)
		       ? 0
		       : -1;
}

static int event_ring(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* Dozes until @word is @next. */
static int doze_until(enum wait_kind kind, const wire_u64 *word, uint64_t next, uint64_t end)
{
	uint64_t seen;

	while ((seen = wire_load_acquire(word)) != next) {
		if (arch_cycles() >= end)
			return -1;
		wait_doze(kind, word, seen, end);
	}
	return 0;
}

static int core_take(uint32_t core)
{
	cpu_set_t *set = CPU_ALLOC(WAITS_CORES_MAX);
	size_t bytes = CPU_ALLOC_SIZE(WAITS_CORES_MAX);
	int error = -1;

	if (set != NULL && core < WAITS_CORES_MAX) {
		CPU_ZERO_S(bytes, set);
		CPU_SET_S(core, bytes, set);
		error = sched_setaffinity(0, bytes, set);
	}
	CPU_FREE(set);
	return error;
}

/* --- the other ----------------------------------------------------------------------------- */

/* It has nothing of its parent's but two descriptors: no lock outlives who took it. */
_Noreturn static void other(struct table *t, const int event[2], uint32_t features, uint32_t core)
{
	uint64_t at = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(event[0], 0) != 0 || dup2(event[1], 1) != 1 ||
	    syscall(SYS_close_range, 2, ~0u, 0) != 0 || core_take(core) != 0)
		_exit(1);
	while (event_wait(0) == 0 && event_ring(1) == 0 && wire_load_acquire(&t->over) == 0)
		;
	for (uint32_t k = 0; k < WAIT_KINDS && wire_load_acquire(&t->over) != 0; k++) {
		uint64_t end = arch_cycles() + 2 * DOZES_NS_MAX / 1000 * wire_load(&t->per_us);

		if (!wait_dozes(k) || (features >> k & 1) == 0)
			continue;
		for (uint32_t i = 0; i < ROUNDS; i++) {
			if (doze_until(k, &t->ping, ++at, end) != 0)
				_exit(1);
			wire_store_release(&t->pong, at);
		}
	}
	_exit(0);
}

/* --- this one ------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median(uint64_t *of, uint32_t count)
{
	qsort(of, count, sizeof(*of), by_size);
	return of[count / 2];
}

/* One way is half a round: both sleep, both are woken. */
static int wakes_measure(struct waits *w, struct table *t, const int event[2])
{
	uint64_t round[ROUNDS], begun_ns = now_ns(), begun = arch_cycles(), wake_ns;
	uint32_t n = 0;

	/* The first finds the other not there yet. */
	for (uint32_t i = 0; i <= ROUNDS; i++) {
		uint64_t from = now_ns(), to;
		int last = i == ROUNDS || (n >= ROUNDS_MIN && from - begun_ns > WAKES_NS_MAX);

		wire_store(&t->per_us, (arch_cycles() - begun) * 1000 / (from - begun_ns + 1));
		if (last)
			wire_store_release(&t->over, 1);
		if (event_ring(event[0]) != 0 || event_wait(event[1]) != 0)
			return -1;
		to = now_ns();
		if (i > 0)
			round[n++] = to - from;
		if (last)
			break;
	}
	wake_ns = median(round, n) / 2;
	w->wake_ns = wake_ns < WAITS_WAKE_NS_MIN   ? WAITS_WAKE_NS_MIN
		     : wake_ns > WAITS_WAKE_NS_MAX ? WAITS_WAKE_NS_MAX
						   : (uint32_t)wake_ns;
	return 0;
}

static void dozes_measure(struct waits *w, struct table *t)
{
	uint64_t per_us = wire_load(&t->per_us), at = 0;

	for (uint32_t k = 0; k < WAIT_KINDS && per_us != 0; k++) {
		uint64_t round[ROUNDS], end = arch_cycles() + DOZES_NS_MAX / 1000 * per_us;

		if (!wait_dozes(k) || (w->features >> k & 1) == 0)
			continue;
		for (uint32_t i = 0; i < ROUNDS; i++) {
			uint64_t from = arch_cycles();

			wire_store_release(&t->ping, ++at);
			if (doze_until(k, &t->pong, at, end) != 0)
				return; /* nor is any kind behind it seen to end */
			round[i] = arch_cycles() - from;
		}
		w->doze_ns[k] = (uint32_t)(median(round, ROUNDS) * 1000 / per_us / 2);
		w->doze_ns[k] += w->doze_ns[k] == 0;
	}
}

/* Two cores of those we may use, @a and @b if they are among them. Return: how many. */
static uint32_t cores_pick(const cpu_set_t *may, size_t bytes, uint32_t a, uint32_t b,
			   uint32_t ret[2])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t core = i == 0 ? a : b;

		if (core < WAITS_CORES_MAX && CPU_ISSET_S(core, bytes, may) &&
		    (n == 0 || ret[0] != core))
			ret[n++] = core;
	}
	for (uint32_t core = 0; core < WAITS_CORES_MAX && n < 2; core++)
		if (CPU_ISSET_S(core, bytes, may) && (n == 0 || ret[0] != core))
			ret[n++] = core;
	return n;
}

/* With the other process, from its birth to its end. */
static int pair_measure(struct waits *w, struct table *t, uint32_t mine, uint32_t its)
{
	int event[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };
	pid_t pid = -1;
	int error = -1;

	if (event[0] >= 0 && event[1] >= 0 && core_take(mine) == 0 && (pid = fork()) == 0)
		other(t, event, w->features, its);
	if (pid > 0) {
		error = wakes_measure(w, t, event);
		if (error == 0)
			dozes_measure(w, t);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (int i = 0; i < 2; i++)
		if (event[i] >= 0)
			close(event[i]);
	return error;
}

int waits_refuse(const struct waits *w, const struct plan *plan, char *ret_why, size_t room)
{
	char names[128] = "";
	size_t at = 0;

	for (uint32_t k = 0; k < WAIT_KINDS; k++)
		if ((w->features >> k & 1) != 0)
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s",
					       at == 0 ? "" : ", ", wait_name(k));
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const char *name = plan_wait(plan, i);
		enum wait_kind kind = name != NULL ? wait_find(name) : WAIT_PAUSE;

		if (kind < WAIT_KINDS && (w->features >> kind & 1) != 0)
			continue;
		snprintf(ret_why, room, "shard %s: " WAIT_OPTION " = %s: %s; there is: %s",
			 plan->shard[i].name, name,
			 kind < WAIT_KINDS ? "this processor does not report it"
					   : "no wait has that name",
			 names);
		return 1;
	}
	return 0;
}

int waits_measure(struct waits *w, uint32_t a, uint32_t b)
{
	size_t bytes = CPU_ALLOC_SIZE(WAITS_CORES_MAX);
	cpu_set_t *before = CPU_ALLOC(WAITS_CORES_MAX);
	struct table *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t core[2];
	int error = -1;

	if (before != NULL && t != MAP_FAILED && sched_getaffinity(0, bytes, before) == 0 &&
	    cores_pick(before, bytes, a, b, core) == 2) {
		error = pair_measure(w, t, core[0], core[1]);
		sched_setaffinity(0, bytes, before);
	}
	if (t != MAP_FAILED)
		munmap(t, sizeof(*t));
	CPU_FREE(before);
	if (error != 0)
		return 1;
	w->measured = 1;
	w->best = waits_choose(w->features, w->doze_ns);
	return 0;
}
