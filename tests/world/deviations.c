/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deviations: what a shard could only have by an escape is planted into it, and named.
 *
 *      deviations VANITYD TOPOLOGY NAME [--dev]        as root; 77 where that is not to be had
 *
 * A shard is held by ptrace with its filters suspended, and made to call the kernel: to map, to open,
 * to close, to leave its namespaces. While it is held `verify` must name the shard, the thing, what
 * was planned and what is there; then the shard must be ended for it, its successor must run, and be
 * as planned. Cores changed from outside are named too, and are no fault.
 */
#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

#define SKIPPED 77
#define VICTIM "sink"
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

/* --- making it call the kernel ------------------------------------------------------------- */

#if defined(__x86_64__)
#define CALL_BYTES 2 /* of the instruction */
#define REG_AT(r) ((r)->rip)
#define REG_STACK(r) ((r)->rsp)
#define REG_RESULT(r) ((r)->rax)

static void call_set(struct user_regs_struct *r, long nr, const unsigned long a[6])
{
	r->rax = (unsigned long)nr;
	r->orig_rax = ~0ul;
	r->rdi = a[0], r->rsi = a[1], r->rdx = a[2], r->r10 = a[3], r->r8 = a[4], r->r9 = a[5];
}
#elif defined(__aarch64__)
#define CALL_BYTES 4
#define REG_AT(r) ((r)->pc)
#define REG_STACK(r) ((r)->sp)
#define REG_RESULT(r) ((r)->regs[0])

static void call_set(struct user_regs_struct *r, long nr, const unsigned long a[6])
{
	r->regs[8] = (unsigned long)nr;
	for (int i = 0; i < 6; i++)
		r->regs[i] = a[i];
}
#endif

static pid_t held;

static int stopped(void)
{
	int status;

	return waitpid(held, &status, __WALL) == held && WIFSTOPPED(status);
}

static int regs_get(struct user_regs_struct *r)
{
	struct iovec iov = { r, sizeof(*r) };

	return ptrace(PTRACE_GETREGSET, held, (void *)NT_PRSTATUS, &iov) == 0;
}

/* Held right behind a system call: its instruction can be used again. */
static int hold(pid_t pid)
{
	held = pid;
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)(PTRACE_O_SUSPEND_SECCOMP | PTRACE_O_TRACESYSGOOD)) != 0)
		return 0;
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	if (!stopped())
		return 0;
	/* Into the next call and out of it, wherever it was. */
	for (int i = 0; i < 2; i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (!stopped())
			return 0;
	}
	return 1;
}

static void let_go(void)
{
	int status;

	/* When it was ended for what it has: its parent hears of that once we have. */
	for (int i = 0; i < 500 && waitpid(held, &status, WNOHANG | __WALL) == 0; i++)
		poll(NULL, 0, 10);
}

static long call_6(long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		   unsigned long e, unsigned long f)
{
	struct user_regs_struct r;
	struct iovec iov = { &r, sizeof(r) };

	if (!regs_get(&r))
		return -ESRCH;
	REG_AT(&r) -= CALL_BYTES;
	call_set(&r, nr, (unsigned long[]){ a, b, c, d, e, f });
	ptrace(PTRACE_SETREGSET, held, (void *)NT_PRSTATUS, &iov);
	for (int i = 0; i < 2; i++) {
		ptrace(PTRACE_SYSCALL, held, NULL, NULL);
		if (!stopped())
			return -ESRCH;
	}
	return regs_get(&r) ? (long)REG_RESULT(&r) : -ESRCH;
}
#define CALL(nr, a, b, c, d) \
	call_6(nr, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), (unsigned long)(d), \
	       ~0ul, 0)

/* --- what is planted ----------------------------------------------------------------------- */

static long map_anonymous(int rights, int flags)
{
	return CALL(SYS_mmap, 0, 4096, rights, flags | MAP_ANONYMOUS) > 0 ? 0 : -1;
}

static long shared_memory(void)
{
	return map_anonymous(PROT_READ | PROT_WRITE, MAP_SHARED);
}

static long executable_memory(void)
{
	return map_anonymous(PROT_READ | PROT_EXEC, MAP_PRIVATE);
}

static long writable_and_executable(void)
{
	return map_anonymous(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
}

/* The first mapping of a region with these rights, of so many bytes at least. */
static unsigned long region_at(const char *rights, unsigned long least, unsigned long *ret_bytes)
{
	char path[64], line[256], has[8];
	unsigned long from, to, at = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)held);
	f = fopen(path, "r");
	while (f != NULL && at == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "/memfd:region-") != NULL &&
		    sscanf(line, "%lx-%lx %7s", &from, &to, has) == 3 && strcmp(has, rights) == 0 &&
		    to - from >= least) {
			at = from;
			*ret_bytes = to - from;
		}
	if (f != NULL)
		fclose(f);
	return at;
}

static long region_with_another_right(void)
{
	unsigned long bytes = 0, at = region_at("rw-s", 0, &bytes);

	return CALL(SYS_mprotect, at, bytes, PROT_READ, 0);
}

static long region_not_mapped(void)
{
	unsigned long bytes = 0, at = region_at("r--s", 0, &bytes);

	return CALL(SYS_munmap, at, bytes, 0, 0);
}

/* As many addresses as before, so no limit is in the way: much memory that is only its own. */
static long memory_in_place_of_a_region(void)
{
	unsigned long bytes = 0, at = region_at("r--s", 4 << 20, &bytes);

	if (at == 0)
		return -1;
	return CALL(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) == (long)at ? 0 : -1;
}

static long region_mapped_twice(void)
{
	unsigned long bytes = 0, at = region_at("r--s", 0, &bytes);

	/* A size of 0 leaves the old mapping where it is (mremap(2)). */
	return CALL(SYS_mremap, at, 0, 4096, MREMAP_MAYMOVE) > 0 ? 0 : -1;
}

static long a_descriptor_more(void)
{
	return CALL(SYS_dup, 4, 0, 0, 0) >= 0 ? 0 : -1;
}

static long anothers_bell(void)
{
	return CALL(SYS_dup3, 6, 4, 0, 0) == 4 ? 0 : -1;
}

static long a_descriptor_less(void)
{
	return CALL(SYS_close, 6, 0, 0, 0);
}

static long a_socket(void)
{
	return CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0) >= 0 ? 0 : -1;
}

static long poke(unsigned long at, const void *bytes, size_t count)
{
	long word;

	for (size_t i = 0; i < count; i += sizeof(word)) {
		memcpy(&word, (const char *)bytes + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, held, (void *)(at + i), (void *)word) != 0)
			return -1;
	}
	return 0;
}

static long a_third_filter(void)
{
	const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct user_regs_struct r;
	struct sock_fprog program = { .len = 1 };
	unsigned long at;

	if (!regs_get(&r))
		return -1;
	at = (REG_STACK(&r) - 1024) & ~15ul; /* below anything it has there */
	program.filter = (struct sock_filter *)(at + 64);
	if (poke(at, &program, sizeof(program)) != 0 || poke(at + 64, &allow, sizeof(allow)) != 0)
		return -1;
	return CALL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, at, 0);
}

static long a_user_namespace(void)
{
	return CALL(SYS_unshare, CLONE_NEWUSER, 0, 0, 0);
}

static long a_net_namespace(void)
{
	return CALL(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET, 0, 0, 0);
}

static const struct planted {
	const char *sentence;
	long (*plant)(void);
	int may_fail; /* by the machine's policy */
	const char *thing, *found;
} list[] = {
	{ "shared memory of its own", shared_memory, 0, "mapping", "/dev/zero" },
	{ "executable memory", executable_memory, 0, "executable memory", "r-xp" },
	{ "writable and executable memory", writable_and_executable, 0, "memory", "rwxp" },
	{ "a region with another right", region_with_another_right, 0, "mapping of ", "r--s" },
	{ "a region that is not mapped", region_not_mapped, 0, "mapping of ", "none" },
	{ "more memory than planned", memory_in_place_of_a_region, 0, "memory", " bytes" },
	{ "a region mapped twice", region_mapped_twice, 0, "mapping of ", "besides" },
	{ "a descriptor more", a_descriptor_more, 0, "descriptor 0", "eventfd" },
	{ "another's bell for its own", anothers_bell, 0, "descriptor 4", "another, anon_inode:[eventfd]" },
	{ "a descriptor less", a_descriptor_less, 0, "descriptor 6", "none" },
	{ "a socket", a_socket, 0, "descriptor ", "socket:[" },
	{ "a third filter", a_third_filter, 0, "filters", "" },
	{ "a user namespace of its own", a_user_namespace, 1, "user namespace", "user:[" },
	{ "capabilities in it", a_user_namespace, 1, "capabilities", "0x" },
	{ "a net namespace nobody planned", a_net_namespace, 1, "net namespace", "net:[" },
};

/* --- what verify says ---------------------------------------------------------------------- */

static int failures;

static json_t *access_of(const struct system *s)
{
	json_t *result = system_ask(s, "verify", NULL, 0);
	json_t *access = json_incref(json_object_get(result, "access"));

	json_decref(result);
	return access;
}

/* Only what is frozen would wait for a shard that is held: access alone. */
static json_t *differs_of(const struct system *s)
{
	json_t *request = json_pack("{s:s,s:b}", "verb", "verify", "access", 1);
	json_t *answer = system_request(s, request);
	json_t *list_of = json_incref(json_object_get(json_object_get(answer, "result"), "differs"));

	json_decref(answer);
	return list_of;
}

static int named(const json_t *differs, long long generation, const char *thing, const char *found)
{
	const json_t *d;
	size_t i;

	json_array_foreach((json_t *)differs, i, d) {
		const char *t = json_string_value(json_object_get(d, "thing"));
		const char *f = json_string_value(json_object_get(d, "found"));

		if (strcmp(json_string_value(json_object_get(d, "shard")), VICTIM) == 0 &&
		    system_number(d, "generation") == generation &&
		    strncmp(t, thing, strlen(thing)) == 0 && strstr(f, found) != NULL)
			return 1;
	}
	return 0;
}

static json_t *victim(const struct system *s)
{
	json_t *status = system_ask(s, "status", NULL, 0);
	json_t *shard = json_incref(system_shard(status, VICTIM));

	json_decref(status);
	return shard;
}

static int logged(const struct system *s, const char *words)
{
	json_t *log = system_ask(s, "log", NULL, 0), *line;
	int found = 0;
	size_t i;

	json_array_foreach(json_object_get(log, "lines"), i, line)
		found |= strstr(json_string_value(line), words) != NULL;
	json_decref(log);
	return found;
}

static void failed(const char *sentence, const char *why, const json_t *what)
{
	printf("FAILED  %s: %s\n", sentence, why);
	if (what != NULL)
		json_dumpf(what, stdout, JSON_INDENT(1) | JSON_ENCODE_ANY);
	failures++;
}

/* Its successor runs, by the policy, and what it was ended for is in the log. */
static void ended_and_restarted(const struct system *s, const char *sentence, long long generation)
{
	char words[96];
	json_t *item = system_ask(s, "item", VICTIM, (uint32_t)generation + 1);
	json_t *access = access_of(s);
	json_t *shard = victim(s);
	const json_t *fault = json_object_get(shard, "last_fault");

	if (item == NULL || system_number(shard, "generation") != generation + 1)
		failed(sentence, "no successor", shard);
	if (fault == NULL || strcmp(json_string_value(json_object_get(fault, "fault")),
				    "deviates from the plan") != 0)
		failed(sentence, "its fault has another name", fault);
	snprintf(words, sizeof(words), VICTIM ".%lld: deviates from the plan: ", generation);
	if (!logged(s, words))
		failed(sentence, "no line in the log", NULL);
	if (!json_is_true(json_object_get(access, "as_planned")))
		failed(sentence, "its successor deviates", access);
	json_decref(shard);
	json_decref(access);
	json_decref(item);
}

static void planted_run(const struct system *s, const struct planted *p)
{
	json_t *shard = victim(s), *differs;
	long long generation = system_number(shard, "generation");
	int before = failures;

	if (!hold((pid_t)system_number(shard, "pid"))) {
		failed(p->sentence, strerror(errno), NULL);
		exit(1);
	}
	json_decref(shard);
	if (p->plant() != 0) {
		ptrace(PTRACE_DETACH, held, NULL, NULL);
		if (p->may_fail)
			printf("skipped %s: this machine lets nobody\n", p->sentence);
		else
			failed(p->sentence, "could not be planted", NULL);
		return;
	}
	differs = differs_of(s);
	if (!named(differs, generation, p->thing, p->found))
		failed(p->sentence, "not named", differs);
	json_decref(differs);
	let_go();
	ended_and_restarted(s, p->sentence, generation);
	if (failures == before)
		printf("ok      %s\n", p->sentence);
}

/* From outside, as any root can: named, and no reason to end it. */
static void cores_run(const struct system *s)
{
	json_t *shard = victim(s), *differs, *after;
	long long generation = system_number(shard, "generation");
	pid_t pid = (pid_t)system_number(shard, "pid");
	cpu_set_t one, was;
	int core = 0;

	sched_getaffinity(pid, sizeof(was), &was);
	json_decref(shard);
	if (CPU_COUNT(&was) < 2) {
		printf("skipped other cores: one core is all that shards share here\n");
		return;
	}
	while (!CPU_ISSET(core, &was))
		core++;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(pid, sizeof(one), &one) != 0)
		failed("other cores", strerror(errno), NULL);
	differs = differs_of(s);
	if (!named(differs, generation, "cores", "") || json_array_size(differs) != 1)
		failed("other cores", "not named, or not alone", differs);
	sched_setaffinity(pid, sizeof(was), &was);
	json_decref(differs);
	differs = differs_of(s);
	after = victim(s);
	if (json_array_size(differs) != 0 || system_number(after, "pid") != pid)
		failed("other cores", "it was ended, or deviates still", differs);
	json_decref(after);
	json_decref(differs);
	printf("ok      other cores, set from outside\n");
}

/* Root of a container, or a kernel without CONFIG_CHECKPOINT_RESTORE, may not suspend filters. */
static int may_hold(void)
{
	pid_t pid = fork();
	int status, may;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	may = ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)PTRACE_O_SUSPEND_SECCOMP) == 0;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return may;
}

int main(int argc, char **argv)
{
	struct system s;
	json_t *access;
	int dev = argc == 5 && strcmp(argv[4], "--dev") == 0;

	if (argc != 4 && !dev) {
		fprintf(stderr, "usage: deviations VANITYD TOPOLOGY NAME [--dev]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() != 0 || !may_hold()) {
		printf("SKIP: only root may trace a shard with its filters suspended, and not everywhere\n");
		return SKIPPED;
	}
	if (system_run(&s, argv[1], argv[2], argv[3], dev) != 0)
		return 1;
	access = access_of(&s);
	if (!json_is_true(json_object_get(access, "as_planned")) ||
	    system_number(access, "shards") != 3)
		failed("an honest system", "deviates", access);
	json_decref(access);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		planted_run(&s, &list[i]);
	if (!dev)
		cores_run(&s);
	if (failures != 0) {
		json_t *log = system_ask(&s, "log", NULL, 0);

		json_dumpf(log, stdout, JSON_INDENT(1));
		json_decref(log);
	}
	if (system_end(&s) != 0)
		failed("the end", "not with exact sums", NULL);
	return failures != 0;
}
