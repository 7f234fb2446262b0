/* SPDX-License-Identifier: Apache-2.0 */
/* chan_run.c: one run of `vanity-bench chan`: memory, two pinned processes, their placement. */
#include <errno.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arch.h>

#include "chan.h"

#define HUGE_BYTES (2ull << 20)
#define PLACEMENT_ROUNDS 3000u
#define RUN_SECONDS_MAX 20u /* a side that waits for longer has lost something */
#define FAIL_EXIT 3

int chan_fail(struct chan_run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(run->shared->words, sizeof(run->shared->words), format, args);
	va_end(args);
	return -1;
}

double chan_cycles_per_ns(void)
{
	struct timespec t, u;
	uint64_t begun = arch_cycles();
	double ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	do {
		clock_gettime(CLOCK_MONOTONIC, &u);
		ns = (double)(u.tv_sec - t.tv_sec) * 1e9 + (double)(u.tv_nsec - t.tv_nsec);
	} while (ns < 50e6);
	return (double)(arch_cycles() - begun) / ns;
}

int chan_cores(int ret_core[2])
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET((size_t)i, &set))
			ret_core[found++] = i;
	return found == 2 ? 0 : -1;
}

struct chan_shared *chan_shared_new(void)
{
	struct chan_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared != MAP_FAILED)
		return shared;
	fprintf(stderr, "vanity-bench: shared memory: %s\n", strerror(errno));
	return NULL;
}

/* --- memory -------------------------------------------------------------------------------- */

int chan_memory_new(struct chan_run *run, uint64_t bytes, bool huge)
{
	struct chan_memory *m = &run->memory[run->memory_count];
	uint64_t page = huge ? HUGE_BYTES : (uint64_t)sysconf(_SC_PAGESIZE);
	void *probe;

	if (run->memory_count == CHAN_MEMORIES_MAX)
		return chan_fail(run, "more memory than one run has");
	m->bytes = (bytes + page - 1) / page * page;
	m->fd = memfd_create("vanity-bench", MFD_CLOEXEC | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (m->fd >= 0 && huge) {
		/* A huge page is had when it is reserved by a mapping, not before. */
		probe = MAP_FAILED;
		if (ftruncate(m->fd, (off_t)m->bytes) == 0)
			probe = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
		if (probe == MAP_FAILED) {
			close(m->fd);
			m->fd = -1;
		} else {
			munmap(probe, m->bytes);
		}
	}
	if (m->fd < 0 && huge) {
		run->small_pages = true;
		m->fd = memfd_create("vanity-bench", MFD_CLOEXEC);
	}
	if (m->fd < 0 || ftruncate(m->fd, (off_t)m->bytes) != 0)
		return chan_fail(run, "memfd of %llu bytes: %s", (unsigned long long)m->bytes,
				 strerror(errno));
	return (int)run->memory_count++;
}

void *chan_memory_map(struct chan_run *run, int memory, bool writable)
{
	const struct chan_memory *m = &run->memory[memory];
	void *base = mmap(NULL, m->bytes, PROT_READ | (writable ? PROT_WRITE : 0),
			  MAP_SHARED | MAP_POPULATE, m->fd, 0);

	if (base == MAP_FAILED) {
		chan_fail(run, "mapping %llu bytes: %s", (unsigned long long)m->bytes,
			  strerror(errno));
		return NULL;
	}
	return base;
}

/* --- placement ----------------------------------------------------------------------------- */

enum chan_class chan_class_of(double ns)
{
	if (ns < CHAN_ONE_CORE_BELOW_NS)
		return CHAN_ONE_CORE;
	return ns < CHAN_ONE_CACHE_BELOW_NS ? CHAN_ONE_CACHE : CHAN_APART;
}

/* Shell's (1959), with Ciura's gaps. The library's qsort may ask for memory, and a shard under its
 * filter gets none. */
static void sort(uint32_t *v, uint32_t n)
{
	static const uint32_t gaps[] = { 8858, 3937, 1750, 701, 301, 132, 57, 23, 10, 4, 1 };

	for (uint32_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		for (uint32_t i = gaps[g]; i < n; i++) {
			uint32_t at = i, x = v[i];

			for (; at >= gaps[g] && v[at - gaps[g]] > x; at -= gaps[g])
				v[at] = v[at - gaps[g]];
			v[at] = x;
		}
	}
}

void chan_ping_result(struct chan_run *run, uint32_t *sample, uint32_t count)
{
	double half = 0.5 / run->cycles_per_ns;

	sort(sample, count);
	run->shared->p50 = (double)sample[count / 2] * half;
	run->shared->p99 = (double)sample[(uint64_t)count * 99 / 100] * half;
	run->shared->value = run->shared->p50;
}

static int by_rate(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void chan_stream_result(struct chan_run *run, double rate[CHAN_PIECES])
{
	qsort(rate, CHAN_PIECES, sizeof(rate[0]), by_rate);
	run->shared->p50 = (rate[CHAN_PIECES / 2 - 1] + rate[CHAN_PIECES / 2]) / 2;
	run->shared->p99 = rate[CHAN_PIECES / 100];
	run->shared->value = run->shared->p50;
}

static void meet(struct chan_run *run, enum chan_side side, uint64_t number)
{
	__atomic_store_n(&run->shared->arrived[side].word, number, __ATOMIC_RELEASE);
	while (__atomic_load_n(&run->shared->arrived[!side].word, __ATOMIC_ACQUIRE) < number)
		arch_pause();
}

/* One line, there and back; half of the median. @at: what the line holds, even. */
static double placement(struct chan_run *run, enum chan_side side, uint64_t at)
{
	static uint32_t sample[PLACEMENT_ROUNDS];
	uint64_t *line = &run->shared->line.word;

	if (side == CHAN_FAR) {
		for (uint32_t i = 0; i < PLACEMENT_ROUNDS; i++, at += 2) {
			while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != at + 1)
				arch_pause();
			__atomic_store_n(line, at + 2, __ATOMIC_RELEASE);
		}
		return 0;
	}
	for (uint32_t i = 0; i < PLACEMENT_ROUNDS; i++, at += 2) {
		uint64_t begun = arch_cycles();

		__atomic_store_n(line, at + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(line, __ATOMIC_ACQUIRE) != at + 2)
			arch_pause();
		sample[i] = (uint32_t)(arch_cycles() - begun);
	}
	sort(sample, PLACEMENT_ROUNDS);
	return (double)sample[PLACEMENT_ROUNDS / 2] * 0.5 / run->cycles_per_ns;
}

/* --- watched by the parent ----------------------------------------------------------------- */

static void moment(struct chan_run *run, enum chan_side side, uint64_t number)
{
	if (run->watch == NULL)
		return;
	__atomic_store_n(&run->shared->moment[side].word, number + 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&run->shared->watched.word, __ATOMIC_ACQUIRE) < number + 1)
		arch_pause();
}

/* The parent's part; gives up when a side has ended, which sides_wait() will say. */
static void moments_watch(struct chan_run *run, const pid_t pid[2])
{
	for (uint64_t number = 0; number < 2; number++) {
		for (int side = 0; side < 2; side++) {
			uint64_t *word = &run->shared->moment[side].word;

			while (__atomic_load_n(word, __ATOMIC_ACQUIRE) <= number) {
				siginfo_t ended = { 0 };

				if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
				    ended.si_pid != 0)
					return;
				usleep(200);
			}
		}
		run->watch(run, (int)number, pid);
		__atomic_store_n(&run->shared->watched.word, number + 1, __ATOMIC_RELEASE);
	}
}

/* --- the two processes --------------------------------------------------------------------- */

static void side_main(struct chan_run *run, enum chan_side side)
{
	chan_role *role =
		run->c.kind == CHAN_STREAM ? run->design->stream[side] : run->design->ping[side];
	uint64_t barrier = 0;
	cpu_set_t set;
	double ns;

	CPU_ZERO(&set);
	CPU_SET((size_t)run->core[side], &set);
	alarm(RUN_SECONDS_MAX);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		chan_fail(run, "core %d: %s", run->core[side], strerror(errno));
		_exit(FAIL_EXIT);
	}
	if (run->design->join(run, side) != 0)
		_exit(FAIL_EXIT);
	meet(run, side, ++barrier);
	ns = placement(run, side, 0);
	if (side == CHAN_NEAR)
		run->shared->placement[0] = ns;
	meet(run, side, ++barrier);
	moment(run, side, 0);
	role(run);
	moment(run, side, 1);
	meet(run, side, ++barrier);
	ns = placement(run, side, 2 * PLACEMENT_ROUNDS);
	if (side == CHAN_NEAR)
		run->shared->placement[1] = ns;
	_exit(0);
}

/* Waits for both; the first that fails takes the other with it. */
static int sides_wait(struct chan_run *run, pid_t pid[2])
{
	int failed = 0;

	for (int left = 2; left > 0; left--) {
		int status;
		pid_t ended = waitpid(-1, &status, 0);
		int side = ended == pid[CHAN_FAR];

		if (ended != pid[side])
			return chan_fail(run, "a process ended that is none of this run's");
		pid[side] = 0;
		if (status == 0)
			continue;
		if (!failed && run->shared->words[0] == '\0')
			chan_fail(run,
				  WIFSIGNALED(status) ? "the %s side died by signal %d"
						      : "the %s side ended with %d",
				  side == CHAN_NEAR ? "near" : "far",
				  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		failed = -1;
		if (pid[!side] > 0)
			kill(pid[!side], SIGKILL);
	}
	return failed;
}

int chan_run_once(struct chan_run *run)
{
	pid_t pid[2] = { 0 };
	int status = -1;

	memset(run->shared, 0, sizeof(*run->shared));
	run->memory_count = 0;
	run->plan = NULL;
	if (run->design->lay_out(run) != 0)
		goto close;
	for (int side = 0; side < 2; side++) {
		pid[side] = fork();
		if (pid[side] == 0)
			side_main(run, side);
		if (pid[side] < 0) {
			if (side == 1) {
				kill(pid[0], SIGKILL);
				waitpid(pid[0], NULL, 0);
			}
			chan_fail(run, "fork: %s", strerror(errno));
			goto close;
		}
	}
	if (run->watch != NULL)
		moments_watch(run, pid);
	status = sides_wait(run, pid);
	if (status == 0 && run->shared->wrong != 0)
		status = chan_fail(run, "words arrived that were not sent (difference %#llx)",
				   (unsigned long long)run->shared->wrong);
	if (status == 0)
		status = chan_class_of(run->shared->placement[0]) !=
			 chan_class_of(run->shared->placement[1]);
close:
	for (uint32_t i = 0; i < run->memory_count; i++)
		close(run->memory[i].fd);
	free(run->plan);
	return status;
}
