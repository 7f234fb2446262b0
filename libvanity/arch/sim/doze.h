/* SPDX-License-Identifier: Apache-2.0 */
/* doze.h (sim): see arch/x86_64/doze.h for what each name promises. Every wait is a pause here. */
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
	(void)kind;
	(void)word;
}

static inline void arch_doze(enum wait_kind kind, uint64_t now, uint64_t deadline)
{
	(void)kind;
	(void)now;
	(void)deadline;
	arch_pause();
}

#endif
