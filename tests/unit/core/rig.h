/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig.h: a whole system in one process, without threads: every region, every shard, and a daemon
 * played by hand or by the policy (life.c).
 *
 *      rig_new(spec)            plan by hand, laid out by the topology's planner; regions zeroed
 *      rig_start(r)             all shards up, all channels open, by hand: generation 1, fresh
 *      rig_kill(r, s)           the process is gone: its private memory is poisoned and freed
 *      rig_raise / enter / ready   a successor: parked, words taken, joined
 *      rig_order(r, c, end, w)  one order, and the bell-less look at it is the shard's next turn
 *
 *      rig_daemon(r)            instead of all that: life_step() on what the cells say, obeyed
 *      rig_work(r, s)           a step of a small honest program
 *
 * After each operation rig_check() recounts every living shard's books, and rig_exact() compares
 * both ends of everything through the same words that vanityctl verify reads.
 *
 * Regions lie in allocations of exactly their planned size, so that a sanitizer sees the first
 * byte beyond.
 */
#ifndef VANITY_TESTS_UNIT_CORE_RIG_H
#define VANITY_TESTS_UNIT_CORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/life.h"
#include "core/private.h"

#define RIG_SHARDS 8u
#define RIG_CHANNELS 8u
#define RIG_POOLS 2u
#define RIG_FRAMES 1024u /* of all pools, for the oracle */

#define RIG_PLAIN 0u /* a channel's pools: none, or a bit for each */
#define RIG_POOL0 1u
#define RIG_POOL1 2u

struct rig_spec {
	uint32_t shard_count;
	struct {
		uint32_t owner, frames, bytes;
	} pool[RIG_POOLS];
	struct {
		uint32_t from, to, slots, pools, lend, full, slot_bytes;
		uint32_t copy; /* 1 and the pool to copy into; 0: none */
	} channel[RIG_CHANNELS]; /* ends at the first without slots */
	struct {
		uint32_t kind, owner, keeps_fd; /* xdp: of the owner's first pool */
	} device[VANITY_GRANTS_MAX]; /* ends at the first without a kind */
	uint32_t restart_max; /* 0: 1000 */
	uint32_t restart_then;
	uint32_t processes; /* 1: regions that processes forked later share */
};

enum rig_state { RIG_NONE, RIG_PARKED, RIG_ENTERED, RIG_LIVE };

struct rig_shard {
	struct rig *rig;
	struct vanity_shard *self;
	void *memory;
	void *base[64];
	struct bind *block;
	struct cell *cell;
	struct orders *orders;
	struct shard_platform platform;
	struct vanity_grant grant[VANITY_GRANTS_MAX];
	enum rig_state state;
	uint32_t number, generation; /* of the process */
	uint32_t waits, wakes, readies;
	uint64_t deadline; /* of the last wait */
	uint32_t stalled; /* the program takes nothing */
	uint32_t hand_count; /* frames the program keeps for a while */
	struct vanity_ref hand[RIG_FRAMES];
	uint32_t hand_from[RIG_FRAMES];
	uint32_t ended, signal; /* newest generation that is over */
};

struct rig {
	struct plan *plan;
	uint32_t processes;
	void *region[PLAN_REGIONS_MAX];
	struct rig_shard shard[RIG_SHARDS];
	struct life *life;
	struct life_seen *seen;
	struct life_action *action;
	uint64_t now_ns;
	uint64_t random;
	uint64_t made, ended; /* frames sent by owners, given back as done by leaves */
	void (*on_wait)(struct rig *r, uint32_t shard); /* runs while a shard sleeps */
	void (*on_action)(struct rig *r, const struct life_action *a); /* before it is obeyed */
	jmp_buf *fault; /* where a shard's fault goes; NULL: the test fails */
	char words[CELL_WORDS_BYTES + 1]; /* last words of that fault */
	uint32_t faulted; /* shard */
	uint32_t verify; /* number of the last question */
	struct vanity_grant_facts facts; /* of every device */
};

struct rig *rig_new(const struct rig_spec *spec);
void rig_free(struct rig *r);

/* --- the daemon's hand --------------------------------------------------------------------- */

void rig_raise(struct rig *r, uint32_t shard); /* a new process: formatted, not told to go */
void rig_go(struct rig *r, uint32_t shard); /* orders.go, and it takes its words */
void rig_enter(struct rig *r, uint32_t shard); /* the same for one that was told already */
void rig_ready(struct rig *r, uint32_t shard);
void rig_kill(struct rig *r, uint32_t shard);
void rig_start(struct rig *r);
void rig_order(struct rig *r, uint32_t channel, uint32_t end, uint32_t verb, uint64_t generation);
int rig_turn(struct rig *r, uint32_t shard); /* vanity_running() */
void rig_turns(struct rig *r); /* of all that live, a few times */

/* --- ends ---------------------------------------------------------------------------------- */

struct vanity_rx *rig_rx(struct rig *r, uint32_t channel);
struct vanity_tx *rig_tx(struct rig *r, uint32_t channel);
struct wire_tx *rig_wire_tx(struct rig *r, uint32_t channel); /* the producer's words */
struct wire_rx *rig_wire_rx(struct rig *r, uint32_t channel); /* the consumer's words */
wire_u64 *rig_slots(struct rig *r, uint32_t channel);
wire_u64 *rig_held(struct rig *r, uint32_t channel);
wire_u32 *rig_lane(struct rig *r, uint32_t channel);
struct cell_port *rig_cell(struct rig *r, uint32_t channel, uint32_t end);
struct vanity_pool *rig_pool(struct rig *r, uint32_t shard);

/* Take @n frames of the owner's pool and publish them; tags count from @tag. */
uint32_t rig_send(struct rig *r, uint32_t channel, uint32_t n, uint32_t tag);
/* Take up to @n and give them back at once. */
uint32_t rig_drain(struct rig *r, uint32_t channel, uint32_t n);

/* --- oracles ------------------------------------------------------------------------------- */

void rig_check(struct rig *r); /* each living shard's own books add up */
void rig_sound(struct rig *r); /* no free frame is in another hand, or will be */
void rig_exact(struct rig *r); /* empty of traffic: both ends of every channel agree */
uint64_t rig_free_frames(struct rig *r, uint32_t shard);

/* --- the policy as the daemon -------------------------------------------------------------- */

void rig_daemon_start(struct rig *r); /* life_init */
void rig_daemon(struct rig *r); /* look, one step, obey */
void rig_work(struct rig *r, uint32_t shard); /* one step of a small honest program */
void rig_look(struct rig *r, struct life_seen *ret);
/* All alive, all open, nothing under way. */
bool rig_settled(struct rig *r);

uint32_t rig_random(struct rig *r, uint32_t below);

#endif
