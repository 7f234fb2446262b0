/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waits.h: how the shards of this machine wait (docs/waiting.md): what its processor reports, and
 * what that is worth here.
 *
 *      waits_look()       feature words; then every shard pauses, and a wake is taken to cost 50 us
 *      waits_measure()    a round of wakes by the kernel between two cores, and one of each doze;
 * then the best that is not slow here, and what a wake costs
 *
 * A hypervisor may trap what its processor reports, which makes the fastest wait the slowest: so
 * nothing is chosen that was not seen to end in time.
 */
#ifndef VANITYD_WAITS_H
#define VANITYD_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "core/wait.h"

#define WAITS_WAKE_NS 50000u /* where it was not measured */
#define WAITS_WAKE_NS_MIN 1000u
#define WAITS_WAKE_NS_MAX 100000u /* beyond it somebody else had that core */
#define WAITS_SLOW_NS 5000u /* a line moves in a tenth of a microsecond */
#define WAITS_CORES_MAX 4096u

struct waits {
	uint32_t features; /* arch/features.h */
	enum wait_kind best;
	uint32_t wake_ns; /* what a sleep and a wake by the kernel cost, from core to core */
	uint32_t doze_ns[WAIT_KINDS]; /* from a store to the end of the doze; 0: not seen to end */
	uint32_t measured; /* 1: the two above are this machine's */
};

void waits_look(struct waits *ret);

/**
 * waits_measure() - after waits_look(); some wakes, a millisecond or two
 * @a, @b: the cores; either may be refused to us, and then any two are taken
 * Return: 0, or 1: nothing was measured, because there are no two cores or no process to be had.
 */
int waits_measure(struct waits *w, uint32_t a, uint32_t b);

/* Does an option of a shard name a wait that is not to be had? Return: 0, or 1 and why. */
int waits_refuse(const struct waits *w, const struct plan *plan, char *ret_why, size_t room);

/* The best wait that was seen to end in time. */
enum wait_kind waits_choose(uint32_t features, const uint32_t doze_ns[WAIT_KINDS]);

#endif
