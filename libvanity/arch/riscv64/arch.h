/* SPDX-License-Identifier: Apache-2.0 */
/* arch.h (riscv64): see arch/x86_64/arch.h for what each name promises. */
#ifndef VANITY_ARCH_H
#define VANITY_ARCH_H

#include <stdint.h>

#define ARCH_NAME "riscv64"

/* PAUSE (Zihintpause) by its encoding: a hint, a no-op where the extension is absent. */
static inline void arch_pause(void)
{
	__asm__ volatile(".4byte 0x0100000f" ::: "memory");
}

/* The `time` counter: constant rate, readable in U-mode (Zicntr). */
static inline uint64_t arch_cycles(void)
{
	uint64_t value;

	__asm__ volatile("rdtime %0" : "=r"(value));
	return value;
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
	(void)word;
}

#endif
