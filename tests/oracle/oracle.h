/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle.h: what the oracles share: a seed that is printed, and a DPDK that owns nothing.
 *
 * An oracle asks two programs the same question until they disagree. The other program is DPDK's,
 * written by other people from other ideas, so that a mistake would have to be made twice. The
 * seed is new in each run: VANITY_SEED=N repeats one.
 */
#ifndef VANITY_TESTS_ORACLE_H
#define VANITY_TESTS_ORACLE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <rte_eal.h>

#define ORACLE_QUESTIONS 100000u

static uint64_t oracle_state;

/* splitmix64: any seed will do, zero too. */
static inline uint64_t oracle_random(void)
{
	uint64_t z = oracle_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline uint32_t oracle_below(uint32_t n)
{
	return (uint32_t)(oracle_random() % n);
}

/* No device, no huge page, no file, no thread on another core: an ordinary user may run it. */
static inline int oracle_start(const char *name)
{
	static char arg[][24] = { "oracle", "--no-huge",      "--no-shconf",   "--no-pci", "-m",
				  "512",    "--no-telemetry", "--log-level=3", "-l",       "0" };
	char *argv[sizeof(arg) / sizeof(arg[0]) + 1] = { NULL };
	const char *seed = getenv("VANITY_SEED");
	uint32_t fresh = 0;

	for (size_t i = 0; i < sizeof(arg) / sizeof(arg[0]); i++)
		argv[i] = arg[i];
	if (seed != NULL)
		oracle_state = strtoull(seed, NULL, 0);
	else if (getrandom(&fresh, sizeof(fresh), 0) == sizeof(fresh))
		oracle_state = fresh;
	printf("%s: VANITY_SEED=%llu\n", name, (unsigned long long)oracle_state);
	fflush(stdout);
	if (rte_eal_init((int)(sizeof(arg) / sizeof(arg[0])), argv) < 0) {
		printf("SKIP: DPDK does not start here\n");
		return 77;
	}
	return 0;
}

#endif
