/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch.h (sim): the pseudo-ISA of the simulator. Every touch of shared memory is a point at
 * which the simulator may stop this shard: to let another run, or to kill it right there.
 * Time is the simulator's.
 */
#ifndef VANITY_ARCH_H
#define VANITY_ARCH_H

#include <stdint.h>

#define ARCH_NAME "sim"

void sim_point(const void *word); /* libvanity/sim: may switch to another shard */
uint64_t sim_cycles(void); /* virtual time */

static inline void arch_pause(void)
{
	sim_point(0);
}

static inline uint64_t arch_cycles(void)
{
	return sim_cycles();
}

static inline void arch_store_pair(uint64_t *to, uint64_t first, uint64_t second)
{
	__atomic_store_n(&to[1], second, __ATOMIC_RELAXED);
	__atomic_store_n(&to[0], first, __ATOMIC_RELEASE);
}

static inline void arch_prefetch_write(const void *line)
{
	(void)line;
}

static inline void arch_point(const void *word)
{
	sim_point(word);
}

#endif
