/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hand.h: what vanity-netdev is given, and what it answers.
 *
 *      setup, or the keeper for KEEPER_REBIND              vanity-netdev, a process of its own
 *        plan, a socket, the pools' memory  ---exec---->     binds all devices of one run
 *        keeps the descriptors              <--SEQPACKET--   one answer a device; then it ends
 *
 * A run is all devices of the plan that share an XDP program, those of one interface; any other
 * device is a run of its own. It is bound whole or not at all: the first error is the only
 * answer, and with the process everything goes that it had made.
 *
 * Its arguments are two numbers: a device of the run, and the epoch of this binding. It has no
 * environment and exactly these descriptors:
 *
 *      0 1 2    /dev/null, log, log
 *      3        the plan, sealed
 *      4        its end of the socket
 *      5 ..     of each xdp device of the run, in the plan's order: its pool, read-write
 *      then     of such a run, from its second epoch on: the link of the binding before, and one of
 *               its sockets; where these still are as they were, the answer is -EALREADY
 *
 * Why a program of its own: libraries are loaded into it, and it asks the kernel for much. Neither
 * is for the keeper, which is resident, nor for vanityd, which operators talk to.
 */
#ifndef VANITYD_NETDEV_HAND_H
#define VANITYD_NETDEV_HAND_H

#include <stdint.h>
#include <string.h>

#include <vanity/grant.h>

#include "topology/plan.h"

#define NETDEV_MAGIC 0x444e4e56u
#define NETDEV_DEADLINE_S 10 /* for a run; a queue that was just left is busy for a second */
#define NETDEV_ANSWER_FDS 3u

enum { NETDEV_FD_PLAN = 3, NETDEV_FD_ANSWER = 4, NETDEV_FD_POOLS = 5 };

/** struct netdev_answer - one device, with its descriptors beside it */
struct netdev_answer {
	uint32_t magic;
	uint32_t device;
	int32_t error; /* 0, or a negative errno */
	uint32_t have; /* bit n: a descriptor for KEEPER_DEVICE_KEEP + n; they come in this order */
	char words[240]; /* what failed; without an error what is worth knowing, or "" */
	char remedy[160];
};
_Static_assert(sizeof(struct netdev_answer) == 416, "one size, no padding");

/** struct netdev_heard - an answer as it came; its descriptors are the hearer's to place or drop */
struct netdev_heard {
	struct netdev_answer answer;
	int fd[NETDEV_ANSWER_FDS];
	uint32_t fd_count; /* one a bit of answer.have */
};

/**
 * netdev_hear() - take an answer
 * @flags: of recvmsg(2)
 * Return: 1; 0: no more will come (it ended, or said what is none); -EAGAIN: nothing yet.
 */
int netdev_hear(int fd, int flags, struct netdev_heard *ret);
void netdev_drop(struct netdev_heard *heard);

/* Is there anything to bind? */
static inline int netdev_planned(const struct plan *plan, uint32_t device)
{
	return plan->device[device].kind != VANITY_GRANT_NONE &&
	       plan->device[device].shard != PLAN_NONE;
}

/* Do @a and @b belong to one run? Each device belongs to its own. */
static inline int netdev_together(const struct plan *plan, uint32_t a, uint32_t b)
{
	const struct plan_device *x = &plan->device[a], *y = &plan->device[b];

	return a == b ||
	       (netdev_planned(plan, a) && netdev_planned(plan, b) &&
		x->kind == VANITY_GRANT_XDP && y->kind == VANITY_GRANT_XDP &&
		strncmp(x->interface, y->interface, sizeof(x->interface)) == 0);
}

/* Can it come back after it was gone? */
static inline int netdev_rebindable(const struct plan *plan, uint32_t device)
{
	uint32_t kind = plan->device[device].kind;

	return netdev_planned(plan, device) &&
	       (kind == VANITY_GRANT_XDP || kind == VANITY_GRANT_TAP || kind == VANITY_GRANT_TUN);
}

#endif
