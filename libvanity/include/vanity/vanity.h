/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanity.h: everything a shard's author needs.
 *
 * A shard is one running instance of a program: its own address space, its own cores, and
 * exactly what the topology grants it. It is written once and runs in every world: as a
 * sandboxed process under Linux, on bare metal, and in the simulator.
 *
 *      int vanity_main(struct vanity_shard *self)
 *           |  look up ports, pools, options, config      (may fail: vanity_fatal)
 *           v
 *      vanity_ready(self)                                 from here on no system call but sleep
 *           |
 *           v
 *      while (vanity_running(self)) {                     heartbeat, orders, frames coming home
 *              take a burst -> work -> put or give back -> publish
 *              nothing there? vanity_wait()
 *      }
 *
 * Rules a program keeps (and the build checks where it can):
 *   - no mutable globals: all state lives in the struct named by VANITY_CARRY;
 *   - every frame it took is put into an output or given back, with a reason;
 *   - bytes behind a ref are a claim: somebody else's packet. Read them once, check, then use;
 *   - outputs are published before the next vanity_running(), so that what is in doubt at a
 *     death is at most one burst.
 *
 * Every function here is for the shard's single lane (one thread). Lookups return a valid
 * object or end the shard with a message: the plan bound every name before it started.
 *
 * When not to use it: control planes, anything that wants files, sockets or threads. Those
 * live beside the system and talk to a shard through its options, its config and vanityctl.
 */
#ifndef VANITY_H
#define VANITY_H

#include <stddef.h>
#include <stdint.h>

#include <vanity/limits.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vanity_shard; /* this shard: opaque */
struct vanity_rx; /* the consumer's end of a channel */
struct vanity_tx; /* the producer's end of a channel */
struct vanity_pool; /* frames this shard owns */

/**
 * struct vanity_ref - a frame (or a part of one) that this shard holds
 * @frame: system-wide frame number
 * @offset: bytes from the frame's start to the first byte of the payload
 * @flags: 15 bits, the programs' own; bit 15 is zero
 * @length: bytes of payload; offset + length never exceeds the frame (checked on take)
 * @tag: 32 bits, the programs' own (a sequence number, a flow hash, ...)
 *
 * A plain value. Holding a ref is custody: put it, give it back, or keep it until you do.
 * A program may change offset, length, flags and tag before it puts the ref on.
 */
struct vanity_ref {
	uint32_t frame;
	uint16_t offset;
	uint16_t flags;
	uint32_t length;
	uint32_t tag;
};

/* Counters and reasons are one table: giving a frame back with reason R adds 1 to counter R.
 * Number 0 is always "done": the frame did what it came for. */
#define VANITY_DONE 0u

/** struct vanity_counter_name - one entry of a program's name table, read from its image */
struct vanity_counter_name {
	uint32_t counter; /* 1..VANITY_COUNTERS_MAX-1 */
	char name[VANITY_NAME_MAX + 1];
};

/** struct vanity_carry_info - size, alignment and version of a program's state */
struct vanity_carry_info {
	uint32_t bytes;
	uint32_t align;
	uint32_t version;
	uint32_t reserved;
};

/**
 * VANITY_CARRY() - name the struct that holds all of a program's mutable state
 * @type: the struct; zeroed memory must be a valid start
 * @v: version, 1..; raise it whenever the layout changes
 *
 * At file scope, once a program. A program without it gets vanity_carry() of 0 bytes.
 */
#define VANITY_CARRY(type, v)                                                                      \
	__attribute__((used, section(".vanity.carry"))) const struct vanity_carry_info             \
	vanity_carry_info = { (uint32_t)sizeof(type), (uint32_t)_Alignof(type), (v), 0 };
extern const struct vanity_carry_info vanity_carry_info;

/**
 * VANITY_COUNTERS() - name the program's counters and reasons
 *
 * At file scope, once a program: VANITY_COUNTERS({ FW_DENIED, "denied" }, { FW_BAD, "bad" })
 */
#define VANITY_COUNTERS(...)                                                                       \
	__attribute__((used, section(".vanity.counters"))) const struct vanity_counter_name        \
	vanity_counter_names[] = { __VA_ARGS__, { 0, "" } };
extern const struct vanity_counter_name vanity_counter_names[]; /* ends at counter 0 */

/** vanity_main() - the program. Return 0 when vanity_running() said stop. */
int vanity_main(struct vanity_shard *self);

/* --- life ---------------------------------------------------------------------------------- */

/**
 * vanity_ready() - setup is over
 *
 * Closes what is no longer needed, adds the steady filter, joins the channels. No frame moves
 * before it; vanity_rx_take() and vanity_frame_take() return 0 until it was called.
 */
void vanity_ready(struct vanity_shard *self);

/**
 * vanity_running() - once a loop: heartbeat, orders, frames coming home
 *
 * Return: 1 to go on, 0 when the shard was told to stop and its inputs are empty.
 * Cost: one load of the orders and one of each output's give-back lane.
 */
int vanity_running(struct vanity_shard *self);

#define VANITY_POLL UINT64_MAX
#define VANITY_SPIN_DEFAULT (UINT64_MAX - 1) /* about what a sleep and a wake cost on this machine */

/**
 * vanity_wait() - nothing to do: spin, then sleep until something may have changed
 * @spin_ns: how long to spin before sleeping; taken as 0 where the core is shared. From half the
 *           watchdog on (VANITY_POLL) it never sleeps: a polling shard makes no system call.
 *           Who has a tun or tap does not spin: nothing but a call tells of a packet there.
 *           VANITY_SPIN_DEFAULT was measured when the system started; who spins as long as a sleep
 *           costs never pays more than twice what the better of the two would have cost.
 *
 * Returns when a neighbour moved, an order came, a deadline passed (at most half the watchdog),
 * or for no reason at all. Look at the channels afterwards; never at the return itself.
 */
void vanity_wait(struct vanity_shard *self, uint64_t spin_ns);

#define VANITY_NEVER UINT64_MAX

/**
 * vanity_wait_until() - the same, for who has something to do at a time of its own
 * @at: a value of vanity_now(); VANITY_NEVER: as vanity_wait()
 *
 * Returns at about @at at the latest; without waiting when that has passed. How much later depends
 * on the world: a sleep under Linux ends some 50 us late, more where others share the core. Give a
 * time only while what is due could be done: one that passed because an output is full or a pool
 * empty makes a shard that never sleeps.
 */
void vanity_wait_until(struct vanity_shard *self, uint64_t spin_ns, uint64_t at);

/**
 * vanity_fatal() - leave last words and end this generation with a fault
 * @code: the program's own number, shown in the crash record
 * @words: at most 80 bytes are kept
 *
 * Does not return; declared int so that `return vanity_fatal(...)` reads naturally.
 */
int vanity_fatal(struct vanity_shard *self, uint32_t code, const char *words);

/** vanity_generation() - 1 for the first start, one more each restart */
uint32_t vanity_generation(const struct vanity_shard *self);

/** vanity_carry() - the program's state: vanity_carry_info.bytes of zeroes at each start */
void *vanity_carry(struct vanity_shard *self);

/* --- lookups (before vanity_ready) --------------------------------------------------------- */

struct vanity_rx *vanity_rx(struct vanity_shard *self, const char *port);
struct vanity_tx *vanity_tx(struct vanity_shard *self, const char *port);
struct vanity_pool *vanity_pool(struct vanity_shard *self, const char *name);

/* Ports are also reachable by number, in the order the topology names the channels; for
 * programs that take any number of them. NULL beyond the last. */
struct vanity_rx *vanity_rx_at(struct vanity_shard *self, uint32_t n);
struct vanity_tx *vanity_tx_at(struct vanity_shard *self, uint32_t n);
const char *vanity_rx_name(const struct vanity_rx *rx);
const char *vanity_tx_name(const struct vanity_tx *tx);
/** the n-th pool this shard owns, NULL beyond the last */
struct vanity_pool *vanity_pool_at(struct vanity_shard *self, uint32_t n);

/**
 * vanity_config() - the sealed copy of the shard's `config` file
 * @ret_bytes: its length; 0 without a config
 * Return: first byte, or NULL without a config. Not NUL-terminated. Hostile bytes: parse so.
 */
const void *vanity_config(struct vanity_shard *self, size_t *ret_bytes);

/**
 * vanity_option() - the text of `option { NAME = ... }`, NULL where the topology has none
 * vanity_option_u64() - its value in base units: bytes, nanoseconds, per second, or a count
 * @otherwise: returned when the option is absent; an option that is not a number is fatal
 */
const char *vanity_option(struct vanity_shard *self, const char *name);
uint64_t vanity_option_u64(struct vanity_shard *self, const char *name, uint64_t otherwise);

/* --- frames -------------------------------------------------------------------------------- */

/**
 * vanity_rx_take() - take up to @ref_max frames from a channel
 * @ret_ref: room for @ref_max refs, each checked against its pool before it is returned
 * @ref_max: 0..VANITY_BURST_MAX (more is taken as VANITY_BURST_MAX)
 *
 * Context: hot path; never blocks, never fails.
 * Order: says that the burst before it is finished; acquires the writer's tail; publishes
 *        `taken` before it returns.
 * Owner: custody of the frames is the caller's until put or given back. Where the topology says
 *        `copy = POOL` they are copies in frames of POOL, this shard's own, and go on as such.
 * Return: number taken; 0 when the channel is empty, detached or broken.
 * Source: DESIGN section 4, rules 4, 5, 7 and 9.
 */
uint32_t vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ret_ref, uint32_t ref_max);

/**
 * vanity_rx_give_back() - done with a frame: it goes home to its lender
 * @reason: VANITY_DONE or one of the program's reasons; adds 1 to that counter
 *
 * For any frame this shard took from @rx and has not put. In any order.
 */
void vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref, uint32_t reason);

/**
 * vanity_tx_room() - how many refs may be put now
 * Return: 0..@max; on `full = drop` always @max (a put beyond the true room drops, counted).
 */
uint32_t vanity_tx_room(struct vanity_tx *tx, uint32_t max);

/**
 * vanity_tx_put() - lend a frame on; visible to the reader after vanity_tx_publish()
 *
 * The frame must be held: taken from an input or from a pool of the shard's own, and not put
 * since. Without room the put is a bug on `full = wait` and a counted drop on `full = drop`. A
 * frame of a pool that the channel does not carry goes home, counted as dropped and logged once.
 */
void vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref);

/**
 * vanity_tx_publish() - make all puts so far visible. Order: releases them.
 *
 * Frames are not seen before it, or before VANITY_BURST_MAX of them wait for it. Once a burst: it
 * fills whole cache lines while they are here.
 */
void vanity_tx_publish(struct vanity_tx *tx);

/** vanity_ref_read() - the payload's first byte, read-only; the bytes are a claim */
const void *vanity_ref_read(struct vanity_rx *rx, const struct vanity_ref *ref);

/** vanity_ref_write() - the same for writing; NULL where the topology says `ro` */
void *vanity_ref_write(struct vanity_shard *self, const struct vanity_ref *ref);

/** vanity_ref_frame_bytes() - size of the frame a ref names: offset + length stay within it */
uint32_t vanity_ref_frame_bytes(struct vanity_shard *self, const struct vanity_ref *ref);

/**
 * vanity_frame_take() - take free frames of a pool this shard owns
 * @ret_ref: offset 0, length 0, flags 0, tag 0
 * Return: number taken, at most @n; 0 while the system is being drained or verified.
 */
uint32_t vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ret_ref, uint32_t n);

/** vanity_frame_drop() - put a frame of our own pool back unused, counted by reason */
void vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref, uint32_t reason);

/** vanity_pool_frame_bytes() - size of each frame */
uint32_t vanity_pool_frame_bytes(const struct vanity_pool *pool);

/* --- plain slots (channels without pools) -------------------------------------------------- */

/**
 * vanity_slot_take() / vanity_slot_put() - move whole slots by copy
 * @ret_slots, @slots: @n slots of vanity_rx_slot_bytes() / vanity_tx_slot_bytes() each
 *
 * The top bit of a slot's first 64-bit word (little endian: the top bit of byte 7) is the
 * library's: it reads as 0 and what is written there is lost. put returns how many fitted;
 * on `full = drop` the rest is counted as dropped and @n is returned. Publish as with frames: that
 * wakes a reader that sleeps; one that looks may see a slot as soon as it was put.
 */
uint32_t vanity_slot_take(struct vanity_rx *rx, void *ret_slots, uint32_t n);
uint32_t vanity_slot_put(struct vanity_tx *tx, const void *slots, uint32_t n);
uint32_t vanity_rx_slot_bytes(const struct vanity_rx *rx);
uint32_t vanity_tx_slot_bytes(const struct vanity_tx *tx);

/* --- being seen ---------------------------------------------------------------------------- */

/** vanity_now() - cycle counter; virtual in the simulator. vanity_hz() - its ticks a second */
uint64_t vanity_now(struct vanity_shard *self);
uint64_t vanity_hz(struct vanity_shard *self);

/** vanity_count() - add @n to one of the program's counters */
void vanity_count(struct vanity_shard *self, uint32_t counter, uint64_t n);

/** vanity_gauge() - set one of the program's counters to a value (a digest, a depth) */
void vanity_gauge(struct vanity_shard *self, uint32_t counter, uint64_t value);

/**
 * vanity_log() - a line for the operator: a plain store into the cell, formatted by the reader
 * @text: at most 80 bytes are kept; "%0" and "%1" stand for @a and @b
 * The ring keeps the last records; a flood loses the oldest, never blocks.
 */
void vanity_log(struct vanity_shard *self, const char *text, uint64_t a, uint64_t b);

#ifdef __cplusplus
}
#endif

#endif
