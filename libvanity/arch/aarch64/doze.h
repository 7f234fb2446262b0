/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doze.h (aarch64): see arch/x86_64/doze.h for what each name promises.
 *
 * A load-exclusive marks the line; a store of another core to it clears the mark, and that is an
 * event to WFE (Arm ARM B2.10.5, D1.7). One that came before the WFE is remembered: none is lost.
 * SEV is never used: it wakes every core, and is a channel in time to all of them.
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

	if (kind == WAIT_WFE || kind == WAIT_WFET)
		__asm__ volatile("ldaxr %0, [%1]" : "=&r"(seen) : "r"(word) : "memory");
}

/* WFET x0 by its encoding: assemblers know it from armv8.7-a on only. Its time is that of
 * cntvct_el0, which is arch_cycles(). */
static inline void arch_doze(enum wait_kind kind, uint64_t now, uint64_t deadline)
{
	register uint64_t until __asm__("x0") = deadline;

	(void)now;
	if (kind == WAIT_WFET)
		__asm__ volatile(".inst 0xd5031000" : : "r"(until) : "memory");
	else if (kind == WAIT_WFE)
		__asm__ volatile("wfe" : : : "memory");
	else
		arch_pause();
}

#endif
