/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doze.h (x86_64): a core that stands still until a line is written.
 *
 * Every ISA has the same file with the same names; none is called for a kind that the processor
 * does not report:
 *   arch_rest()     between two looks, some hundred ticks at most
 *   arch_monitor()  have the core watch the line of @word; what was stored before that is not told,
 *                   so look once more behind it
 *   arch_doze()     until that line is written, until @deadline of arch_cycles(), or for no reason
 *
 * No call in here. Intel SDM volume 2, TPAUSE, UMONITOR, UMWAIT; AMD APM volume 3, MONITORX,
 * MWAITX.
 */
#ifndef VANITY_DOZE_H
#define VANITY_DOZE_H

#include <stdint.h>

#include <arch.h>

#include "arch/features.h"

#define ARCH_REST_TICKS 256u
#define ARCH_C0_1 1u /* the lighter of the two states: less saved, sooner back */
#define ARCH_MWAITX_C0 0xf0u /* hint: no C-state */
#define ARCH_MWAITX_TIMED 2u /* EBX: ticks of the time stamp counter */

static inline void arch_rest(enum wait_kind kind)
{
	if (kind == WAIT_TPAUSE) {
		uint64_t until = arch_cycles() + ARCH_REST_TICKS;

		__asm__ volatile("tpause %0"
				 :
				 : "r"(ARCH_C0_1), "a"((uint32_t)until),
				   "d"((uint32_t)(until >> 32))
				 : "memory", "cc");
		return;
	}
	arch_pause();
}

static inline void arch_monitor(enum wait_kind kind, const void *word)
{
	if (kind == WAIT_UMWAIT)
		__asm__ volatile("umonitor %0" : : "r"(word) : "memory");
	else if (kind == WAIT_MWAITX)
		__asm__ volatile("monitorx" : : "a"(word), "c"(0), "d"(0) : "memory");
}

/* The kernel may end UMWAIT earlier (umwait_control/max_time); both end with any interrupt. */
static inline void arch_doze(enum wait_kind kind, uint64_t now, uint64_t deadline)
{
	uint64_t ticks = deadline - now;

	if (kind == WAIT_UMWAIT)
		__asm__ volatile("umwait %0"
				 :
				 : "r"(ARCH_C0_1), "a"((uint32_t)deadline),
				   "d"((uint32_t)(deadline >> 32))
				 : "memory", "cc");
	else if (kind == WAIT_MWAITX)
		__asm__ volatile("mwaitx"
				 :
				 : "a"(ARCH_MWAITX_C0), "c"(ARCH_MWAITX_TIMED),
				   "b"(ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks)
				 : "memory");
	else
		arch_pause();
}

#endif
