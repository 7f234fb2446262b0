/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell.h: what a shard says of itself, and what it is told.
 *
 * The daemon is a neighbour like any other. A shard's cell is its wire to the observers; its
 * orders are the wire back. Both exist from start to stop and outlive every generation of the
 * shard and of the daemon: a restarted daemon reads the cells and goes on, because orders are
 * levels ("edge 3 shall be detached at generation 7"), never events.
 *
 *      cell (shard writes, daemon reads)          orders (daemon writes, shard reads)
 *      +--------------------------------+        +--------------------------------+
 *      | magic, shard, digest           |        | magic, seq (any change below)  |
 *      | generation, state, ready       |        | go: generation that may start  |
 *      | heartbeat                      |        | freeze, stop                   |
 *      | verified, answering orders     |        | verify: a question's number    |
 *      | last words (crash record)      |        | port[]: generation << 8 | verb |
 *      | counters[64], pools[], log[64] |        | link[]: of each granted device |
 *      | port[]: detached, joined, left,|        +--------------------------------+
 *      |   broken, sums, hop histogram  |
 *      +--------------------------------+
 *
 * All that stands in a cell is a claim to its readers; all that stands in the orders is one to
 * the shard (a taken-over daemon can stop and restart shards, and widen nothing).
 */
#ifndef VANITY_CORE_CELL_H
#define VANITY_CORE_CELL_H

#include <stdint.h>

#include <vanity/limits.h>

#include "core/bits.h"
#include "core/wire.h"

#define CELL_MAGIC 0x314c4c4543544e56ull /* "VNTCELL1" */
#define ORDERS_MAGIC 0x3152524f544e5631ull

/* States a shard tells; the policy knows more (core/life.h). */
enum cell_state {
	CELL_NONE = 0,
	CELL_PARKED = 1, /* mapped, waiting for orders.go */
	CELL_STARTING = 2, /* words taken, vanity_main runs, not ready */
	CELL_RUNNING = 3,
	CELL_WAITING = 4, /* asleep, or about to */
	CELL_DONE = 5, /* vanity_main returned 0 */
	CELL_FAULT = 6, /* last words are written */
};

/* Why this end refuses a channel: CHANNEL_OK, or the first claim that could not be true. */
enum channel_fault {
	CHANNEL_OK = 0,
	/* 1 was a tail beyond the slots: nobody believes a tail any more */
	CHANNEL_ROOM_BEYOND_TAIL = 2, /* or behind the room that was seen */
	CHANNEL_SLOT_STALE = 3, /* lap bit of another lap below the cut */
	CHANNEL_FRAME_UNKNOWN = 4, /* outside the channel's pools */
	CHANNEL_FRAME_BOUNDS = 5, /* offset + length beyond the frame */
	CHANNEL_FRAME_TWICE = 6, /* a frame we hold from this channel already */
	CHANNEL_LEND_EXCEEDED = 7, /* more frames than `lend` */
	CHANNEL_LANE_BEYOND_SLOTS = 8,
	CHANNEL_CLOSED = 9, /* by order: it broke too often */
};

#define CELL_WORDS_BYTES 80u
#define CELL_LOG_RECORDS 64u
#define CELL_HISTOGRAM 160u /* buckets: 4 an octave, see cell_bucket() */

struct cell_log_record {
	wire_u64 number; /* 1.. ; stored last, 0 while being written */
	wire_u64 cycles;
	wire_u64 a, b;
	wire_u64 text[CELL_WORDS_BYTES / 8]; /* bytes, zero-filled */
	wire_u64 reserved[2];
};
_Static_assert(sizeof(struct cell_log_record) == WIRE_LINE, "one line pair");

/* Last words: written by the fault handler or vanity_fatal, `generation` last. */
struct cell_words {
	_Alignas(WIRE_LINE) wire_u64 generation;
	wire_u64 signal; /* 0: vanity_fatal */
	wire_u64 code; /* si_code, or vanity_fatal's code */
	wire_u64 address; /* fault address */
	wire_u64 pc, sp;
	wire_u64 words[CELL_WORDS_BYTES / 8];
	wire_u64 reg[32]; /* general registers, in the ISA's order */
};
_Static_assert(sizeof(struct cell_words) == 3 * WIRE_LINE, "three line pairs");

struct cell_port {
	/* Recovery, stored when they change. */
	_Alignas(WIRE_LINE) wire_u64 detached; /* generation answered */
	wire_u64 joined;
	wire_u64 left; /* frames (or slots) of a detached edge not worked off yet */
	wire_u64 broken; /* enum channel_fault << 56 | low bits of the value that was refused */
	/* Sums, stored on verify (exact at a quiesce). */
	wire_u64 cursor; /* producer: tail; consumer: head */
	wire_u64 taken; /* consumer only */
	wire_u64 frames; /* producer: lent to that neighbour; consumer: held from it */
	wire_u64 frames_hash; /* sum of cell_mix(frame) over them: both ends must agree */
	/* Counts of the library, over this generation. */
	wire_u64 lost_in_hand; /* frames taken back at joins, beyond those in doubt */
	wire_u64 in_doubt; /* items between head and taken at a death, effect unknown */
	wire_u64 handled_late; /* frames taken back that had been given back already */
	wire_u64 skipped; /* items given up because the dead one's words could not be true */
	wire_u64 dropped; /* full = drop */
	wire_u64 refused; /* give-backs that are not on the ledger */
	wire_u64 faults; /* times this end broke the channel */
	wire_u64 copied; /* consumer, `copy = POOL`: frames copied on take */
	/* Hop latency of sampled items, consumer only: cycles from publish to take. */
	_Alignas(WIRE_LINE) wire_u64 hop[CELL_HISTOGRAM];
};
_Static_assert(sizeof(struct cell_port) == WIRE_LINE * 11, "eleven line pairs");

struct cell_pool {
	wire_u64 total, free, held, lent; /* owner only; stored on verify */
};

#define CELL_POOLS_MAX 16u /* pools one shard may own and report */

struct cell {
	_Alignas(WIRE_LINE) wire_u64 magic; /* stored last by each generation */
	wire_u64 shard;
	wire_u64 generation;
	wire_u64 state; /* enum cell_state */
	wire_u64 ready; /* generation that said vanity_ready */
	wire_u64 port_count;
	wire_u64 verified; /* number of the last verify answered */
	wire_u64 first_item_cycles; /* when this generation first took or published an item */
	wire_u64 digest[4]; /* plan */
	_Alignas(WIRE_LINE) wire_u64 heartbeat; /* after the orders were obeyed */
	_Alignas(WIRE_LINE) wire_u64 log_count; /* records ever written */
	_Alignas(WIRE_LINE) wire_u64 counter[VANITY_COUNTERS_MAX];
	struct cell_pool pool[CELL_POOLS_MAX];
	struct cell_words words;
	struct cell_log_record log[CELL_LOG_RECORDS];
	struct cell_port port[]; /* port_count of them, in the plan's order */
};

/* What an end of an edge shall do; a level, with the edge's generation. */
enum order_verb {
	ORDER_NONE = 0,
	ORDER_FRESH = 1, /* read at go: start at 0, nobody lives on the other side */
	ORDER_RESUME = 2, /* read at go: take the neighbour's words of this generation */
	ORDER_DETACH = 3, /* state your words */
	ORDER_JOIN = 4, /* the neighbour is ready: settle, and go on */
	ORDER_REFORM = 5, /* producer of a broken channel: take the living consumer's words */
	ORDER_SETTLE = 6, /* producer: nobody will come back: settle against nothing */
	ORDER_CLOSE = 7, /* broke too often: drop */
};
#define ORDER_WORD(generation, verb) ((uint64_t)(generation) << 8 | (verb))
#define ORDER_VERB(word) ((uint32_t)((word) & 0xff))
#define ORDER_GENERATION(word) ((word) >> 8)

struct orders {
	_Alignas(WIRE_LINE) wire_u64 seq; /* any change below; stored last */
	wire_u64 magic;
	wire_u64 go; /* shard generation that may take its words and run */
	wire_u64 freeze; /* 1: pool owners hand out no frames, sources no slots */
	wire_u64 stop; /* 1: vanity_running says no once the inputs are empty; 2: at once */
	wire_u64 verify; /* answer in the cell: sums now */
	_Alignas(WIRE_LINE) wire_u64 port[VANITY_PORTS_MAX];
	/* Of each granted device; 0: nothing said. Not announced by seq: read when it is needed. */
	_Alignas(WIRE_LINE) wire_u64 link[VANITY_GRANTS_MAX];
};

/* A link word: enum vanity_link, and the largest IP packet now. */
#define ORDERS_LINK(state, mtu) (1ull << 63 | (uint64_t)(state) << 32 | (uint32_t)(mtu))
#define ORDERS_LINK_STATE(word) ((uint32_t)((word) >> 32) & 0xffu)
#define ORDERS_LINK_MTU(word) ((uint32_t)(word))

static inline uint64_t cell_bytes(uint32_t port_count)
{
	return sizeof(struct cell) + (uint64_t)port_count * sizeof(struct cell_port);
}

static inline uint64_t orders_bytes(uint32_t port_count)
{
	(void)port_count;
	return sizeof(struct orders);
}

/* Bucket of a value: exact below 4, then four buckets an octave (HdrHistogram's idea with two
 * bits of precision: at most 19 % off). */
static inline uint32_t cell_bucket(uint64_t value)
{
	uint32_t msb, bucket;

	if (value < 4)
		return (uint32_t)value;
	msb = bits_highest(value);
	bucket = (msb - 1) * 4 + (uint32_t)(value >> (msb - 2) & 3);
	return bucket < CELL_HISTOGRAM ? bucket : CELL_HISTOGRAM - 1;
}

/* Smallest value of a bucket; cell_bucket(cell_bucket_floor(b)) == b. */
static inline uint64_t cell_bucket_floor(uint32_t bucket)
{
	if (bucket < 4)
		return bucket;
	return (4ull + (bucket & 3)) << (bucket / 4 - 1);
}

/* SplitMix64's finaliser (Steele, Lea, Flood 2014): spreads frame numbers so that equal sums
 * mean equal sets for all practical purposes. */
static inline uint64_t cell_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
