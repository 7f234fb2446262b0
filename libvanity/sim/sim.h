/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h: one token, virtual time, and a stack for each party.
 *
 * A party is a shard or the daemon. Exactly one runs; it gives the token away when it waits, when
 * it ends, or when the seeded scheduler takes it at a touch of shared memory (arch_point). Nothing
 * else is ever a place where another party can step in, and every one of them is: what two
 * processes could do to each other between any two touches happens under some seed.
 *
 *                     sim_spawn
 *            NONE ----------------> READY <---------------- WAITING
 *             ^                      |  |   event, deadline    ^
 *             |   sim_kill, end      |  +---- sim_wait --------+
 *             +----------------------+
 *
 * `hung` and `stalled_until` lie across these states: such a party is never picked.
 *
 * Time is virtual: each touch costs a few nanoseconds, and when everybody waits it jumps to the
 * nearest deadline. It knows no wall clock; the same seed makes the same run.
 *
 * The sleep is Linux' (an eventfd): what wakes a sleeper is the event, not the bell word alone;
 * an event that comes before the sleep is kept. A wait may also return early, by the seed.
 *
 * When not to use it: to find data races of weak memory. All touches here are in one order.
 */
#ifndef VANITY_SIM_SIM_H
#define VANITY_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/shard.h"
#include "sim/random.h"

#define SIM_PARTIES_MAX (VANITY_SHARDS_MAX + 1u)
#define SIM_NEVER UINT64_MAX
#define SIM_HZ 1000000000ull /* one tick of virtual time is a nanosecond */
#define SIM_WAKE_NS 50000u /* what shards take a sleep and a wake to cost */

enum sim_state { SIM_NONE = 0, SIM_READY = 1, SIM_WAITING = 2 };

struct sim_fiber; /* sim.c */

struct sim_party {
	const char *name;
	uint32_t state; /* enum sim_state */
	uint32_t hung; /* never picked again in this generation */
	uint32_t event; /* its eventfd holds a count */
	uint32_t rank; /* of the scheduler: weight or priority */
	uint64_t stalled_until;
	uint64_t deadline; /* WAITING */
	uint64_t touches; /* of shared memory, over all generations */
	uint64_t trip; /* host->trip() is called before this touch; SIM_NEVER */
	uint64_t voluntary, involuntary; /* context switches, over all generations */
	void (*entry)(void *argument);
	void *argument;
	struct sim_fiber *fiber;
};

/* What the world wants to hear. Called on the stack of the running party. */
struct sim_host {
	void *context;
	/* @party stands before the touch it named in `trip`; may kill, hang or stall it. */
	void (*trip)(void *context, uint32_t party);
	/* @party arms a sleep (it may still return at once). */
	void (*sleeps)(void *context, uint32_t party);
	/* @party slept to its deadline: nobody rang. */
	void (*expired)(void *context, uint32_t party);
	/* When tracing, before each touch: @word is in shared memory, or NULL. May be NULL. */
	void (*touches)(void *context, uint32_t party, const void *word);
	/* More than `step_limit` touches: the world does not come to rest. */
	void (*limit)(void *context);
};

/* How this seed schedules; drawn by sim_init, printed by the trace. */
struct sim_style {
	uint32_t pick; /* 0: all alike, 1: by weight, 2: by priority */
	uint32_t slice; /* touches between preemptions, on average */
	uint32_t early; /* one wait in this many returns at once; 0: none */
	uint32_t change; /* slices between changes of rank */
};

struct sim {
	uint64_t now; /* virtual nanoseconds */
	uint64_t step; /* touches of all parties together */
	uint64_t step_limit;
	uint64_t switches;
	uint64_t trace; /* rolling hash of everything noted */
	uint32_t current;
	uint32_t party_count;
	uint32_t slice; /* touches left before the scheduler is asked */
	uint32_t slice_drawn;
	uint32_t cost; /* nanoseconds a touch in this slice */
	uint32_t stop;
	struct sim_style style;
	struct sim_random random;
	const struct sim_host *host;
	struct sim_party party[SIM_PARTIES_MAX];
};

extern struct sim sim; /* one world a process at a time; sim_init() makes it fresh */

/* Makes a fresh world. Stacks of an earlier one are kept for use. */
void sim_init(uint64_t seed, const struct sim_host *host, uint32_t party_count);
void sim_fini(void);

/* A new generation of @party begins at @entry, on an empty stack. It must be NONE. */
void sim_spawn(uint32_t party, const char *name, void (*entry)(void *argument), void *argument);

/* SIGKILL: @party's stack is dropped where it stands. Does not return when it is the current one
 * and called outside of a hook; in a hook, the switch follows when the hook returns. */
void sim_kill(uint32_t party);

/* The current party is done. Does not return. */
_Noreturn void sim_end(void);

/* Runs until sim_stop(). From the process' own stack only. */
void sim_run(void);

/* Leave sim_run(); at once when a party calls it outside of a hook. */
void sim_stop(void);

/* Sleep of the current party; see struct shard_platform. */
void sim_wait(const wire_u64 *bell, uint64_t old, uint64_t deadline);

/* Write @party's eventfd. */
void sim_wake(uint32_t party);

/* The trip of the current party changed, or @party's: the running slice must not step over it. */
void sim_trip(uint32_t party, uint64_t touch);

/* One line of the trace: into the hash, and printed when tracing. */
void sim_note(const char *what, uint64_t a, uint64_t b);
extern bool sim_tracing;

/* A look at a word of shared memory from outside: no touch, no cost. For oracles only. */
static inline uint64_t sim_peek(const wire_u64 *w)
{
	return w->word_do_not_touch;
}

/* The platform of a simulated shard: party numbers of its neighbours, and an end. */
struct sim_shard {
	const struct bind *bind;
	void (*ended)(void *context, uint32_t shard, int32_t code);
	void *context;
	struct shard_platform platform;
};

void sim_shard_init(struct sim_shard *s, const struct bind *bind, void *context,
		    void (*ended)(void *context, uint32_t shard, int32_t code));

#endif
