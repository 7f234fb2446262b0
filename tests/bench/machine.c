/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanity-bench-machine: what the machine under Vanity costs, for docs/performance.md and the words
 * of `vanityd doctor`.
 *
 *      spin     gaps in a loop that only looks at the cycle counter, alone on its core and beside a
 *               busy process on the same core, in turn
 *      memory   random reads from small and from huge pages; touching a page for the first time
 *      clock    a look at the clock, and the same by a system call
 *
 * Usage: vanity-bench-machine [CORE [SPIN_MS]]. Nothing is asserted by a figure.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arch.h>

#define GAPS_MAX 200000u
#define GAP_NS 1000.0
#define READ_BYTES (128ul << 20)
#define READS_MS 8000u /* so many for each millisecond of a spin */
#define ROUNDS 5

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double cycles_per_ns(void)
{
	double begun_ns = now_ns();
	uint64_t begun = arch_cycles();

	while (now_ns() - begun_ns < 20e6)
		;
	return (double)(arch_cycles() - begun) / (now_ns() - begun_ns);
}

/* --- spin ---------------------------------------------------------------------------------- */

static void spin(const char *what, double rate, int ms)
{
	static double gap[GAPS_MAX];
	double begun_ns = now_ns(), spent, sum = 0;
	uint64_t last = arch_cycles(), now;
	uint32_t n = 0;

	while (now_ns() - begun_ns < ms * 1e6) {
		last = arch_cycles();
		for (int i = 0; i < 10000; i++) {
			now = arch_cycles();
			if ((double)(now - last) > GAP_NS * rate && n < GAPS_MAX) {
				gap[n] = (double)(now - last) / rate;
				sum += gap[n++];
			}
			last = now;
		}
	}
	spent = now_ns() - begun_ns;
	qsort(gap, n, sizeof(gap[0]), by_value);
	printf("spin     %-34s gaps beyond 1 us a second %6.0f  p50 %7.1f  p99 %8.1f  max %8.1f us  taken %4.1f %%\n",
	       what, n / spent * 1e9, n ? gap[n / 2] / 1e3 : 0,
	       n ? gap[(n - 1) * 99 / 100] / 1e3 : 0, n ? gap[n - 1] / 1e3 : 0, sum / spent * 100);
}

static pid_t neighbour_start(void)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	for (;;)
		arch_pause();
}

/* --- memory -------------------------------------------------------------------------------- */

static void *map(size_t bytes, int huge)
{
	void *at;
	int fd = memfd_create("bench", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));

	if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		return NULL;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

/* Each read's address follows from what the one before brought. */
static double read_ns(const uint64_t *memory, size_t words, uint32_t reads, double *ret_sum)
{
	uint64_t at = 88172645463325252ull, sum = 0;
	double begun = now_ns();

	for (uint32_t i = 0; i < reads; i++) {
		at ^= at << 13;
		at ^= at >> 7;
		at ^= at << 17;
		at += memory[at % words];
		sum += at;
	}
	*ret_sum += (double)sum;
	return (now_ns() - begun) / reads;
}

/* In turn, so that both meet the same neighbours. */
static void reads(uint32_t count)
{
	static const char *const what[2] = { "small", "huge" };
	uint64_t *memory[2] = { map(READ_BYTES, 0), map(READ_BYTES, 1) };
	double ns[2][ROUNDS], sum = 0;
	volatile double kept;

	for (int kind = 0; kind < 2; kind++)
		if (memory[kind] != NULL &&
		    madvise(memory[kind], READ_BYTES, MADV_POPULATE_WRITE) != 0) {
			munmap(memory[kind], READ_BYTES);
			memory[kind] = NULL;
		}
	for (int i = 0; i < ROUNDS; i++)
		for (int kind = 0; kind < 2; kind++)
			if (memory[kind] != NULL)
				ns[kind][i] = read_ns(memory[kind], READ_BYTES / sizeof(uint64_t),
						      count, &sum);
	kept = sum;
	(void)kept;
	for (int kind = 0; kind < 2; kind++) {
		if (memory[kind] == NULL) {
			printf("memory   random reads, 128 MiB in %s pages: not measured, there are too few\n",
			       what[kind]);
			continue;
		}
		qsort(ns[kind], ROUNDS, sizeof(ns[kind][0]), by_value);
		printf("memory   random reads, 128 MiB in %-5s pages, p50 of %d runs %6.1f ns each\n",
		       what[kind], ROUNDS, ns[kind][ROUNDS / 2]);
		munmap(memory[kind], READ_BYTES);
	}
}

static void touches(void)
{
	const size_t bytes = 32ul << 20, page = 4096;
	unsigned char *memory = map(bytes, 0);
	double first, again, begun;

	if (memory == NULL)
		return;
	begun = now_ns();
	for (size_t i = 0; i < bytes; i += page)
		((volatile unsigned char *)memory)[i] = 1;
	first = (now_ns() - begun) / (double)(bytes / page);
	begun = now_ns();
	for (size_t i = 0; i < bytes; i += page)
		((volatile unsigned char *)memory)[i] = 2;
	again = (now_ns() - begun) / (double)(bytes / page);
	printf("memory   touching a small page for the first time %6.1f ns, again %6.1f ns\n",
	       first, again);
	munmap(memory, bytes);
}

/* --- clock --------------------------------------------------------------------------------- */

static void clocks(void)
{
	const int looks = 1000000;
	struct timespec t;
	double begun = now_ns(), plain, call;

	for (int i = 0; i < looks; i++)
		clock_gettime(CLOCK_MONOTONIC, &t);
	plain = (now_ns() - begun) / looks;
	begun = now_ns();
	for (int i = 0; i < looks; i++)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	call = (now_ns() - begun) / looks;
	printf("clock    a look without a system call %6.1f ns, with one %6.1f ns\n", plain, call);
}

int main(int argc, char **argv)
{
	int core = argc > 1 ? atoi(argv[1]) : 1, ms = argc > 2 ? atoi(argv[2]) : 500;
	cpu_set_t set;
	double rate;

	CPU_ZERO(&set);
	CPU_SET(core < 0 || core >= CPU_SETSIZE ? 0 : (size_t)core, &set);
	if (ms < 1 || ms > 60000) {
		fprintf(stderr, "usage: vanity-bench-machine [CORE [SPIN_MS]]\n");
		return 2;
	}
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		fprintf(stderr, "vanity-bench-machine: core %d: %s\n", core, strerror(errno));
		return 1;
	}
	rate = cycles_per_ns();
	for (int i = 0; i < 3; i++) {
		pid_t child;

		spin("alone on its core", rate, ms);
		child = neighbour_start();
		spin("beside one busy process", rate, ms);
		if (child > 0) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
		}
	}
	reads((uint32_t)ms * READS_MS);
	touches();
	clocks();
	return 0;
}
