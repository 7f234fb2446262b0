/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch.h (explore): the pseudo-ISA of tests/explore. wire.h is compiled with -D__atomic_load_n and
 * its like, so each access that the shipped headers make comes to the functions declared here.
 */
#ifndef VANITY_ARCH_H
#define VANITY_ARCH_H

#include <stdint.h>

#define ARCH_NAME "explore"

uint64_t explore_load(const void *word, int order);
void explore_store(void *word, uint64_t value, int order);
void explore_store_pair(void *word, uint64_t first, uint64_t second);
void explore_fence(int order);

static inline void arch_store_pair(uint64_t *to, uint64_t first, uint64_t second)
{
	explore_store_pair(to, first, second);
}

static inline void arch_prefetch_write(const void *line)
{
	(void)line;
}

static inline void arch_point(const void *word)
{
	(void)word;
}

#endif
