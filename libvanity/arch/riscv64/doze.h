/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doze.h (riscv64): see arch/x86_64/doze.h for what each name promises.
 *
 * A load-reserved marks the line; WRS stalls until the mark is lost (Zawrs 1.0). It is WRS.STO, the
 * one with a short time-out: it never traps, while WRS.NTO does where the kernel says so
 * (mstatus.TW), and has no deadline.
 */
#ifndef VANITY_DOZE_H
#define VANITY_DOZE_H

#include <stdint.h>

#include <arch.h>

#include "arch/features.h"

static inline void arch_rest(enum wait_kind kind)
{
	(void)kind;
	arch_pause();
}

static inline void arch_monitor(enum wait_kind kind, const void *word)
{
	uint64_t seen;

	if (kind == WAIT_WRS)
		__asm__ volatile("lr.d.aq %0, (%1)" : "=&r"(seen) : "r"(word) : "memory");
}

/* WRS.STO by its encoding: assemblers know it with Zawrs only. */
static inline void arch_doze(enum wait_kind kind, uint64_t now, uint64_t deadline)
{
	(void)now;
	(void)deadline;
	if (kind == WAIT_WRS)
		__asm__ volatile(".4byte 0x01d00073" : : : "memory");
	else
		arch_pause();
}

#endif
