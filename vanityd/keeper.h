/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h: what setup hands to the keeper, and what keeper and vanityd say to each other.
 *
 *      setup (root, `vanityd start`) --- fork/exec, descriptors --> keeper (pid 1 of the system)
 *      keeper ---- SOCK_SEQPACKET socketpair ---- vanityd (unprivileged, restartable)
 *      keeper ---- exec from sealed memfds ------ shards
 *
 * Messages are fixed structs of one size, checked against the sealed plan; no later message
 * names a path, a program, a device or a region that is not in it. Descriptors travel as
 * SCM_RIGHTS beside them.
 *
 *      keeper -> vanityd, once, when a vanityd starts (the first or a successor):
 *         KEEPER_HELLO            fds: plan (sealed), control socket (listening), log file
 *         KEEPER_SHARD per shard  fds: cell (read-only), orders (read-write), image (sealed,
 *                                 for names and symbols), eventfd of its bell, bell (rw),
 *                                 [pidfd when alive]
 *         KEEPER_DEVICE per granted device  shard: the device; value: its epoch; generation:
 *                                 the owner's newest when it was bound: that one and those before
 *                                 have the binding before it; fd: its facts
 *         KEEPER_READY            nothing more to hand over: act; value: ticks of the clock a
 *                                 second; code: how cores are the shards' own (keeper_hand.h)
 *      vanityd -> keeper:
 *         KEEPER_START shard generation      the one after the last; answered by KEEPER_STARTED (fd:
 *                                            pidfd) or KEEPER_ENDED
 *         KEEPER_KILL shard generation       SIGKILL, only if that generation is alive
 *         KEEPER_FACTS shard                 answered by KEEPER_FACTS_ARE (fd: memfd of text)
 *         KEEPER_REBIND device               its interface is back: bind it anew; one at a time,
 *                                            answered by KEEPER_DEVICE when it was done, code 0,
 *                                            or a negative errno and no descriptor
 *         KEEPER_ALIVE                       once a second: it turns. Who said so once and then not
 *                                            for KEEPER_SILENCE_NS is ended and replaced; not with
 *                                            --dev, where a debugger may hold it
 *         KEEPER_STOP                        kill all shards, replay the journal, exit
 *      keeper -> vanityd, any time:
 *         KEEPER_ENDED shard generation code/signal
 */
#ifndef VANITYD_KEEPER_H
#define VANITYD_KEEPER_H

#include <stdint.h>

#define KEEPER_MAGIC 0x4b564e54u

enum keeper_verb {
	KEEPER_HELLO = 1, /* value = 0 for the first vanityd, n for the n-th successor */
	KEEPER_SHARD = 2, /* generation: newest started; alive: 1 if it lives; code/signal of the last end */
	KEEPER_READY = 3,
	KEEPER_START = 4,
	KEEPER_STARTED = 5,
	KEEPER_ENDED = 6,
	KEEPER_KILL = 7,
	KEEPER_FACTS = 8,
	KEEPER_FACTS_ARE = 9,
	KEEPER_STOP = 10,
	KEEPER_DEVICE = 11, /* `shard` is a device of the plan */
	KEEPER_REBIND = 12,
	KEEPER_ALIVE = 13,
};

#define KEEPER_ALIVE_NS 1000000000ull
#define KEEPER_SILENCE_NS 10000000000ull

struct keeper_message {
	uint32_t magic;
	uint32_t verb;
	uint32_t shard;
	uint32_t generation;
	int32_t code; /* exit code */
	uint32_t signal;
	uint32_t alive;
	uint32_t reserved;
	uint64_t value;
};
_Static_assert(sizeof(struct keeper_message) == 40, "one size, no padding");

#endif
