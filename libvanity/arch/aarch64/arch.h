/* SPDX-License-Identifier: Apache-2.0 */
/* arch.h (aarch64): see arch/x86_64/arch.h for what each name promises. */
#ifndef VANITY_ARCH_H
#define VANITY_ARCH_H

#include <stdint.h>

#define ARCH_NAME "aarch64"

static inline void arch_pause(void)
{
	__asm__ volatile("yield" ::: "memory");
}

/* The generic timer's virtual count: readable at EL0, constant rate (Arm ARM D11.2). */
static inline uint64_t arch_cycles(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
	return value;
}

static inline void arch_store_pair(uint64_t *to, uint64_t first, uint64_t second)
{
	__atomic_store_n(&to[1], second, __ATOMIC_RELAXED);
	__atomic_store_n(&to[0], first, __ATOMIC_RELEASE);
}

static inline void arch_prefetch_write(const void *line)
{
	__asm__ volatile("prfm pstl1keep, [%0]" : : "r"(line));
}

static inline void arch_point(const void *word)
{
	(void)word;
}

#endif
