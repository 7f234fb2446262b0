/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h: a whole system in one process: its memory, its processes, its daemon, its witnesses.
 *
 *      main.c      arguments, seeds, what is printed
 *      world.c     the keeper's part: shards begin, end and are killed; hooks of the scheduler
 *      memory.c    every region twice, writable and read-only, as the plan hands out rights
 *      daemon.c    vanityd's part: hosts the policy (core/life.h), writes orders, rings bells
 *      devices.c   captures and loops, in memory
 *      director.c  the operator: freeze, verify, thaw, stop; knows when a run is over
 *      faults.c    what goes wrong, and when: given, or derived from the seed
 *      ledger.c    who has which frame, by the calls the programs make; accuses the library
 *      oracle.c    sums of the cells, lost wake-ups
 *
 *      sim.h:  party 0..n-1 = shards, n and n+1 = the daemon and its successor, in turns
 *
 * The witnesses look at memory without touching it (sim_peek): looking changes no schedule.
 * Nothing here may depend on an address, on time of day or on what an earlier seed left behind:
 * the same seed must make the same run, byte for byte.
 */
#ifndef VANITYD_SIM_WORLD_H
#define VANITYD_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/cell.h"
#include "core/life.h"
#include "sim/sim.h"
#include "topology/plan.h"

#define FAULTS_MAX 64u
#define LATE_MAX 256u
#define WORDS_BYTES 512u

/* A program of the image table; see programs.c. */
struct program {
	const char *name;
	int (*main)(struct vanity_shard *self);
	const struct vanity_carry_info *carry;
	const struct vanity_counter_name *counters; /* may be NULL */
};
const struct program *program_find(const char *name);

enum fault_kind {
	FAULT_KILL, /* SIGKILL between two touches */
	FAULT_HANG, /* runs on without touching anything: the watchdog's business */
	FAULT_STOP, /* SIGSTOP: likewise, told apart by the scheduler's facts */
	FAULT_STALL, /* gets no time for a while */
	FAULT_LATE, /* the next orders to it arrive late */
};

struct fault {
	enum fault_kind kind;
	uint32_t victim; /* shard, or plan->shard_count: the daemon */
	uint32_t relative; /* `at` counts from the fault before it in the list */
	uint64_t at; /* touches of shared memory by the victim */
	uint64_t ns; /* stall, late: how long */
	uint64_t due; /* absolute; SIM_NEVER until known */
	uint32_t fired;
};

/* What a dead generation's cell said of a port, added up; the cell itself is formatted anew. */
struct port_sums {
	uint64_t lost_in_hand, in_doubt, handled_late, skipped, dropped, refused, faults;
};

struct late_order {
	uint64_t due;
	uint32_t port; /* LATE_GO: orders.go */
	uint64_t value;
};
#define LATE_GO 0xffffffffu

struct watch { /* for lost wake-ups, see oracle.c */
	bool armed, changed;
	uint64_t at; /* virtual time of the expiry */
	uint64_t in_tail[VANITY_PORTS_MAX];
	uint64_t out_head[VANITY_PORTS_MAX], out_lane[VANITY_PORTS_MAX]; /* when it lay down */
	uint64_t then_head[VANITY_PORTS_MAX], then_lane[VANITY_PORTS_MAX]; /* when it got up */
};

struct world_shard {
	const struct program *program;
	struct bind *bind;
	void **base;
	void *config;
	size_t config_bytes;
	void *memory; /* private to a generation */
	uint64_t memory_bytes;
	struct sim_shard sim;
	struct vanity_grant grant[VANITY_GRANTS_MAX];

	/* The process, as a keeper knows it. */
	uint32_t alive, ended, started;
	int32_t exit_code;
	uint32_t signal;
	uint32_t deaths; /* ends that were not a normal exit */
	uint32_t stopped; /* by SIGSTOP */

	/* Orders on their way, when they are to be late. */
	uint64_t late_ns; /* of the next ones; 0: not late */
	uint32_t late_count;
	struct late_order late[LATE_MAX];

	struct port_sums dead[VANITY_PORTS_MAX];
	struct watch watch;
	const void *port_key[VANITY_PORTS_MAX]; /* a program's port objects, once seen */
	uint32_t port_channel[VANITY_PORTS_MAX];
	uint32_t port_keys;
	uint64_t given_back_done; /* frames this shard finished, VANITY_DONE */
	uint64_t frames_taken; /* out of its own pools, and put */
};

enum director_phase {
	DIRECT_RUN,
	DIRECT_SETTLE, /* wait until every recovery has ended */
	DIRECT_FREEZE, /* frozen; wait until nothing moves */
	DIRECT_VERIFY, /* asked; wait for the answers */
	DIRECT_STOP, /* life_stop(): everybody drains */
	DIRECT_OVER,
};

struct options {
	const char *file;
	const char *faults; /* as given; NULL none */
	uint64_t steps; /* 0: until the flow rests */
	const char *hostile; /* a shard whose neighbours may refuse what it says; NULL none */
	bool trace, touches;
	bool write; /* what devices wrote, to their files */
};

struct region {
	uint8_t *rw, *ro;
	uint64_t used; /* bytes that mean something; what is behind them is poison */
};

struct world {
	const struct plan *plan;
	const struct options *options;
	uint64_t seed;
	struct sim_random random; /* stream 2: of the world, not of the schedule */
	struct region region[PLAN_REGIONS_MAX];
	struct world_shard shard[VANITY_SHARDS_MAX];

	/* The daemon. */
	struct life life;
	struct life_seen seen;
	struct life_action action[LIFE_ACTIONS_MAX];
	uint32_t daemon_generation;
	uint32_t daemon_party;
	uint32_t daemon_alive;
	uint64_t daemon_acted; /* when the policy last wanted something */
	wire_u64 daemon_word; /* it sleeps on its event alone */

	/* The director; outlives daemons, as an operator does. */
	enum director_phase phase;
	uint32_t final; /* the next quiesce is the last */
	uint64_t middle_step; /* a quiesce on the way; SIM_NEVER: none or done */
	uint64_t freeze, verify; /* what the orders shall say */
	uint64_t phase_since;
	uint64_t motion, motion_since; /* hash of all cursors, and since when it stands */
	uint64_t motion_step;
	uint64_t motion_touches[SIM_PARTIES_MAX];
	uint64_t quiet_ns;
	uint32_t deaths, deaths_at_freeze;
	uint32_t deaths_in_recovery; /* deaths while another recovery was under way */
	uint32_t quiesces;
	uint32_t stopping;

	struct fault fault[FAULTS_MAX];
	uint32_t fault_count;

	bool failed;
	char words[WORDS_BYTES];
	uint64_t failed_step, failed_now;
	uint32_t hostile; /* shard, or PLAN_NONE */
	uint64_t refusals; /* channels broken by what the hostile one wrote */
};

extern struct world world;

/* world.c */
int world_prepare(const struct plan *plan, const struct options *options, char *ret_words);
void world_begin(uint64_t seed);
void world_run(void);
void world_kill(uint32_t shard, uint32_t signal);
void world_start(uint32_t shard, uint32_t generation);
void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool party_is_shard(uint32_t party);
const char *party_name(uint32_t party);

/* memory.c */
int memory_map(void);
void memory_clear(void);
uint64_t memory_hash(void);
const struct cell *cell_of(uint32_t shard);
struct orders *orders_of(uint32_t shard);
const struct wire_tx *tx_words(uint32_t channel);
const struct wire_rx *rx_words(uint32_t channel);

/* daemon.c */
void daemon_spawn(void);
void daemon_kill(void);
void daemon_poke(void); /* something ended: look */
void daemon_control(void); /* freeze and verify as the director wants them, into all orders */

/* devices.c */
int devices_prepare(char *ret_words);
void devices_begin(void); /* nothing is written yet */
void devices_give(uint32_t shard, struct vanity_shard *self);
/* May its driver keep frames of its own pools while everything rests? */
bool devices_hold(uint32_t shard);
/* What was written to a device; false where nothing can be. */
bool device_result(uint32_t device, uint64_t *ret_bytes, char ret_digest[65]);
int devices_save(char *ret_words);

/* director.c */
void director_begin(void);
void director_step(void);

/* faults.c */
int faults_parse(const char *text, const struct plan *plan, struct fault *ret_fault,
		 uint32_t *ret_count, char *ret_words);
bool faults_are_derived(const char *text);
void faults_derive(const char *text);
void faults_begin(void);
void faults_trip(uint32_t party);
uint32_t faults_left(void);
void faults_print(char *ret_text, size_t room);
/* Touches of each party in a run without faults: where derived faults fall. */
void faults_calibrate(void);

/* ledger.c */
int ledger_prepare(void);
void ledger_begin(void);
void ledger_started(uint32_t shard);
void ledger_died(uint32_t shard);
void ledger_rest(bool final); /* everything stands still: what remains must be explained */
void ledger_pool(uint32_t pool, uint64_t *ret_free, uint64_t *ret_held, uint64_t *ret_lent);
struct ledger_items {
	uint64_t begun, done, dropped; /* by the programs */
	uint64_t lost; /* in the hand of the dead, or on the way from or to it */
	uint64_t unsaid; /* given back, and the news died with the giver */
};
extern struct ledger_items ledger_items;

/* oracle.c */
void oracle_sums(bool final);
bool channel_stands_open(uint32_t channel);
void oracle_sleeps(uint32_t shard);
void oracle_expired(uint32_t shard);
void oracle_took(uint32_t shard, uint32_t channel, uint64_t at);
void oracle_put(uint32_t shard);
void oracle_totals(struct port_sums *ret_sums);

#endif
