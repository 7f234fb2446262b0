/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch.h (x86_64): what the C language cannot say of this machine.
 *
 * Every ISA has the same file with the same names:
 *   arch_pause()   in a polling loop: be kind to the sibling thread
 *   arch_cycles()  a counter that runs at a constant rate on all cores
 *   arch_point()   nothing; the simulator's pseudo-ISA (arch/sim) schedules here
 *   arch_prefetch_write()  this cache line will be written soon: a hint
 *   arch_store_pair()  two words at a multiple of 16 at once, after all that was stored before; only
 *                  where the machine says that it can (ARCH_FEATURE_PAIR)
 */
#ifndef VANITY_ARCH_H
#define VANITY_ARCH_H

#include <stdint.h>

#define ARCH_NAME "x86_64"

static inline void arch_pause(void)
{
	__builtin_ia32_pause();
}

/* Not serialising: a few instructions may drift across it, which is less than its own cost. */
static inline uint64_t arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

/* Processors with AVX store 16 aligned bytes as one (Intel SDM 3A 9.1.1, AMD APM 2 7.3.2); stores
 * are seen in their order. */
static inline void arch_store_pair(uint64_t *to, uint64_t first, uint64_t second)
{
	typedef uint64_t words __attribute__((vector_size(16)));
	words both = { first, second };

	__asm__ volatile("movdqa %1, %0" : "=m"(*(words *)to) : "x"(both) : "memory");
}

/* The line will be written: PREFETCHW, a no-op where it is not known. */
static inline void arch_prefetch_write(const void *line)
{
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
}

static inline void arch_point(const void *word)
{
	(void)word;
}

#endif
