/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits.h: what the processor reports, once, for all shards of a system (docs/waiting.md).
 */
#ifndef VANITYD_WAITS_H
#define VANITYD_WAITS_H

#include <stdint.h>

#include "core/wait.h"

#define WAITS_WAKE_NS 50000u /* where it was not measured */

struct waits {
	uint32_t features; /* arch/features.h */
	enum wait_kind best;
	uint32_t wake_ns; /* what a sleep and a wake by the kernel cost, from core to core */
};

/* What the processor reports; nothing is measured, and the best is what everybody has. */
void waits_look(struct waits *ret);

#endif
