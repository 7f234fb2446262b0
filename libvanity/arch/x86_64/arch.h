/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch.h (x86_64): what the C language cannot say of this machine.
 *
 * Every ISA has the same file with the same names:
 *   arch_pause()   in a polling loop: be kind to the sibling thread
 *   arch_cycles()  a counter that runs at a constant rate on all cores
 *   arch_point()   nothing; the simulator's pseudo-ISA (arch/sim) schedules here
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

static inline void arch_point(const void *word)
{
	(void)word;
}

#endif
