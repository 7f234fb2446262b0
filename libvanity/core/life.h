/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h: the supervision policy, a pure function with three hosts.
 *
 *      host (vanityd | bare-metal kernel | simulator)
 *        looks: processes, cells              -> struct life_seen
 *        life_step(life, seen)                -> actions, in order
 *        acts: start, kill, write orders, log
 *
 * The policy owns no clock, no memory and no process; the same (life, seen) gives the same
 * actions everywhere. It works on levels: what it sees now, not what happened in between, so a
 * restarted host adopts (life_adopt) and goes on where the old one died.
 *
 * A shard's phases, edges labelled with what moves it:
 *
 *                 start                 cell parked,          cell ready
 *      DECLARED --------> STARTING ---------------> (go) -------------> RUNNING <--> WAITING
 *          ^                 |  dead, late                                 |   |
 *          |                 v                                             |   | stop order
 *          |              FAULTED <----------- dead, stuck, late ----------+   v
 *          |  restart at |   |                                             DRAINING
 *          +-------------+   | intensity exceeded and `then = hold`            |
 *            (intensity,     v                                                 v cell done
 *             backoff)      HELD ---- operator's restart ----> DECLARED      STOPPED
 *
 *  A shard whose program returns 0 on its own is STOPPED unless `on = always`.
 *
 * One death of X (RECOVERY, "orders when shard X died"), each line one or more steps:
 *   1. ended seen, device quiet: generation + 1 on every edge of X; DETACH to living neighbours;
 *      START X' at once (it parks until told to go)
 *   2. all living neighbours have answered, all borrowers live and have stated or have nothing
 *      living below, nobody next to X' is between go and ready: GO
 *   3. X' is ready: JOIN to its living neighbours; both joined: the edge is open
 *   late answers (two heartbeats after the order, or the watchdog): KILL, go to 1
 *
 * Watchdog, by age of the heartbeat against the shard's limit and by what the scheduler says
 * (a truth table, tested whole):
 *
 *      heartbeat   state     switches since        verdict
 *      moved       any       any                   alive  (slow: it took longer than half)
 *      old         T         any                   stopped (somebody sent SIGSTOP): fault
 *      old         R         involuntary moved,    starved: others had the core; wait, up to
 *                            or no CPU time        LIFE_STARVED_FACTOR watchdogs, then fault
 *      old         R         none moved,           stuck: it had the core all the time: fault
 *                            CPU time did
 *      old         S, D      voluntary moved       slow: it sleeps and wakes, does not get round
 *                                                  to vanity_running: wait as for starved
 *      old         S, D      voluntary not moved   stuck in the kernel: fault
 */
#ifndef VANITY_CORE_LIFE_H
#define VANITY_CORE_LIFE_H

#include <stdint.h>

#include <vanity/limits.h>

#include "topology/plan.h"

enum life_phase {
	LIFE_DECLARED = 0,
	LIFE_STARTING = 1,
	LIFE_READY = 2, /* ready, not yet joined everywhere */
	LIFE_RUNNING = 3,
	LIFE_WAITING = 4,
	LIFE_DRAINING = 5,
	LIFE_PARKED = 6,
	LIFE_FAULTED = 7,
	LIFE_HELD = 8,
	LIFE_STOPPED = 9,
};

/* Why a generation ended, or is being ended. */
enum life_fault {
	LIFE_FAULT_NONE = 0,
	LIFE_FAULT_SIGNAL = 1, /* died of a signal (a crash, a kill) */
	LIFE_FAULT_EXIT = 2, /* vanity_fatal, or vanity_main returned non-zero */
	LIFE_FAULT_STUCK = 3,
	LIFE_FAULT_STARVED = 4,
	LIFE_FAULT_STOPPED = 5,
	LIFE_FAULT_SLOW = 6,
	LIFE_FAULT_LATE = 7, /* did not answer an order within two heartbeats */
	LIFE_FAULT_START = 8, /* not ready within LIFE_START_NS */
	LIFE_FAULT_OPERATOR = 9, /* vanityctl restart */
	LIFE_FAULT_HOLDER = 10, /* held frames of a dead owner for too long */
	LIFE_FAULT_DEVIATES = 11, /* has other rights than the plan says; the host saw it */
	LIFE_FAULT_REBOUND = 12, /* has the old binding of a device that was bound anew */
};

enum life_verdict {
	LIFE_ALIVE = 0,
	LIFE_SLOW = 1,
	LIFE_STARVED = 2,
	LIFE_STUCK = 3,
	LIFE_SUSPENDED = 4, /* stopped by a signal */
};

#define LIFE_START_NS 5000000000ull
#define LIFE_STARVED_FACTOR 10u
#define LIFE_BACKOFF_FIRST_NS 10000000ull
#define LIFE_BACKOFF_MAX_NS 1000000000ull
#define LIFE_RESTARTS_KEPT 256u /* times remembered for the intensity; the language limits `max` to this */

/* What the host sees. Everything from a cell is a claim. */
struct life_seen_shard {
	uint32_t alive; /* generation of the living process, 0 when none */
	uint32_t ended; /* newest generation whose end is confirmed, 0 when none */
	int32_t exit_code; /* of it; valid when signal == 0 */
	uint32_t signal; /* of it */
	uint32_t device_quiet; /* its devices cannot write any more (1 without devices) */
	uint32_t sched_valid; /* the three below were read for this step */
	uint32_t sched_state; /* 'R', 'S', 'D', 'T', 'Z' */
	uint32_t cell_state; /* enum cell_state */
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t cpu_ns; /* CPU time; moves with the tick only, so it tells nothing finer */
	uint64_t cell_generation;
	uint64_t cell_ready;
	uint64_t heartbeat;
};

struct life_seen_end {
	uint64_t detached, joined, left, broken; /* struct cell_port */
};

enum { LIFE_PRODUCER = 0, LIFE_CONSUMER = 1 };

struct life_seen {
	uint64_t now_ns;
	struct life_seen_shard shard[VANITY_SHARDS_MAX];
	struct life_seen_end end[VANITY_CHANNELS_MAX][2]; /* [channel][LIFE_PRODUCER|CONSUMER] */
};

enum life_what {
	LIFE_DO_START = 1, /* shard, value = generation */
	LIFE_DO_KILL = 2, /* shard, value = generation, reason = enum life_fault */
	LIFE_DO_GO = 3, /* shard, value = generation: write orders.go */
	LIFE_DO_ORDER = 4, /* shard, port, value = order word */
	LIFE_DO_STOP_ORDER = 5, /* shard, value = orders.stop */
	LIFE_DO_TELL = 6, /* log: shard, reason = enum life_event, value */
	LIFE_DO_STOP_SYSTEM = 7, /* `then = stop`: the host stops everything */
};

enum life_event {
	LIFE_EVENT_FAULT = 1, /* value = generation; life->shard[].fault says why */
	LIFE_EVENT_READY = 2, /* value = generation */
	LIFE_EVENT_RECOVERED = 3, /* all its edges are open again; value = ns since the death was seen */
	LIFE_EVENT_BACKOFF = 4, /* value = ns until the restart */
	LIFE_EVENT_HELD = 5,
	LIFE_EVENT_STOPPED = 6,
	LIFE_EVENT_STARVED = 7, /* value = heartbeat age in ns */
	LIFE_EVENT_BROKEN = 8, /* port; value = the cell's broken word */
	LIFE_EVENT_REFORMED = 9, /* port */
	LIFE_EVENT_CLOSED = 10, /* port */
	LIFE_EVENT_SETTLED = 11, /* port: against nothing */
};

struct life_action {
	uint32_t what; /* enum life_what */
	uint32_t shard;
	uint32_t port; /* index into plan_shard.port */
	uint32_t reason;
	uint64_t value;
};

/* The policy's memory of one shard. */
struct life_shard {
	uint32_t phase; /* enum life_phase */
	uint32_t generation; /* newest started */
	uint32_t go; /* newest generation that was told to go */
	uint32_t fault; /* enum life_fault of the last end */
	uint32_t killing; /* a kill is under way; its reason */
	uint32_t wanted; /* 0: the operator or the policy wants it down */
	uint32_t look; /* the host shall fill sched_* on the next step */
	uint32_t restarts; /* ever */
	uint32_t restart_at; /* ring index below */
	uint32_t backoff; /* consecutive restarts beyond the intensity */
	uint32_t recovering; /* not all edges open since the last death */
	uint32_t told; /* starved was told */
	uint64_t restarted_ns[LIFE_RESTARTS_KEPT];
	uint64_t start_after_ns; /* when FAULTED: not before */
	uint64_t started_ns; /* when STARTING */
	uint64_t died_ns; /* when the death was seen */
	uint64_t heartbeat, heartbeat_ns; /* last seen to move */
	uint64_t voluntary, involuntary, cpu_ns; /* at the last look */
	uint32_t looked; /* the two above are valid for this heartbeat */
	uint32_t asked_end; /* enum life_fault: life_restart() or life_fault() of a living shard */
};

struct life_end {
	uint64_t word; /* the order that stands */
	uint64_t since_ns; /* since when */
	uint64_t heartbeat; /* the shard's at the first look after the order */
	uint32_t heartbeat_valid;
	uint32_t port; /* of the shard at this end */
	uint32_t shard;
	uint32_t reserved;
};

struct life_channel {
	uint64_t generation; /* of the edge */
	struct life_end end[2];
	uint32_t reforms; /* times it broke within the intensity window */
	uint32_t closed;
	uint32_t reforming; /* 1: consumer detaching, 2: producer re-forming, 3: consumer joining */
	uint32_t settled; /* generation settled against nothing, low bits */
	uint64_t reform_ns; /* start of the window */
};

struct life {
	const struct plan *plan;
	uint32_t stopping;
	uint32_t reserved;
	struct life_shard shard[VANITY_SHARDS_MAX];
	struct life_channel channel[VANITY_CHANNELS_MAX];
};

/* A step gives a channel at most two go-words, two orders and two tells, a shard at most eight
 * actions: what is given always fits. */
#define LIFE_ACTIONS_MAX (6u * VANITY_CHANNELS_MAX + 8u * VANITY_SHARDS_MAX)

/** life_init() - nothing runs yet. @plan must outlive @life. */
void life_init(struct life *life, const struct plan *plan);

/**
 * life_adopt() - a new host takes over a system that runs
 * @order: the order words that stand, [channel][end], read back from the orders wires
 * @go: orders.go of each shard
 * Call it after life_init() and before the first step; nothing is acted on here.
 */
void life_adopt(struct life *life, const struct life_seen *seen,
		const uint64_t (*order)[2], const uint64_t *go);

/**
 * life_step() - what to do now
 * @ret_action: room for LIFE_ACTIONS_MAX
 * Return: number of actions, to be carried out in order. Call again whenever something moved,
 * and at least every life_next_ns().
 */
uint32_t life_step(struct life *life, const struct life_seen *seen,
		   struct life_action *ret_action);

/** life_next_ns() - the latest time at which life_step() should be called again */
uint64_t life_next_ns(const struct life *life, uint64_t now_ns);

/** life_busy() - 1 while a recovery is under way: the host should look often */
uint32_t life_busy(const struct life *life);

/**
 * life_restart() - a shard is to be restarted, by no fault of its own: HELD and STOPPED ones too
 * @why: LIFE_FAULT_OPERATOR or LIFE_FAULT_REBOUND; neither counts against its intensity
 */
void life_restart(struct life *life, uint32_t shard, enum life_fault why);

/**
 * life_fault() - the host saw a fault of a living shard that the policy cannot see
 * @reason: enum life_fault; the shard is ended and restarted as after any other fault
 */
void life_fault(struct life *life, uint32_t shard, uint32_t reason);

/** life_stop() - stop the whole system: no restarts; stop orders, then kills after 1 s */
void life_stop(struct life *life);

/** life_open() - 1 when both ends of a channel have joined its generation */
uint32_t life_open(const struct life *life, const struct life_seen *seen, uint32_t channel);

/**
 * life_judge() - the watchdog's truth table, pure
 * @kept_off: involuntary switches moved, or its CPU time did not: it wanted the core and was
 *            not there (who waits in a run queue all the time is switched nowhere)
 */
enum life_verdict life_judge(uint32_t heartbeat_moved, uint32_t sched_state,
			     uint32_t voluntary_moved, uint32_t kept_off);

const char *life_phase_name(uint32_t phase);
const char *life_fault_name(uint32_t fault);

#endif
