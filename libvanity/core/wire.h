/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h: what lies in shared memory, and the only functions that touch it.
 *
 * For each ordered pair of neighbours A, B there is one wire A->B. A writes it, B reads it,
 * nobody else maps it. Everything A tells B about a channel between them lies in it, in one
 * of two blocks: wire_tx where A is the channel's producer, wire_rx where it is the consumer.
 *
 *      wire P->C (written by P)                    wire C->P (written by C)
 *      +------------------------------+            +------------------------------+
 *      | wire_head   magic, asleep    |            | wire_head   magic, asleep    |
 *      +------------------------------+            +------------------------------+
 *      | wire_tx     tail             |            | wire_rx     head, taken      |
 *      |             stamp            |            |             room             |
 *      |             lane_head        |            |             lane_tail        |
 *      |             resume, detached,|            |             cut, lane_at,    |
 *      |             joined           |            |             detached, joined |
 *      |             slots[slot_count]|            |             held[], back[]   |
 *      +------------------------------+            |             lane[lane_slots] |
 *                                                  +------------------------------+
 *
 * A frame's way there and back (P owns the pool):
 *
 *      P: write payload, release slot with lap   ->  C: acquire slot, check it, store taken
 *      P: read lane, check ledger, frame is free <-  C: lane entry, release lane_tail, head, room
 *
 * What travels in steady state: slots one way; lane and room, rarely, the other. How the two ends
 * use these words while the channel is open: channel.h.
 *
 * A change of generation g (C died; P lives):
 *
 *      P: drain lane, read head and taken once, store resume, detached = g
 *      C': start at resume; store cut, lane_at, held, back, detached = g; joined = g
 *      P: settle ledger against held; joined = g
 *      both see joined == g in the other's words: the channel is open again
 *
 *  and when P died and C lives:
 *
 *      C: store cut (tail seen), lane_at, held, back, detached = g; works off up to the cut
 *      P': ledger = held, tail = cut, formats free slots; resume, detached = g; joined = g
 *      C: joined = g, drops its cut
 *
 * Rules of this memory (DESIGN section 4): no pointers, bit-fields or enums; 64-bit cursors,
 * never a masked index; atomics of 4 or 8 bytes; one cache-line pair per writer and purpose.
 * Whatever is read here was written by a neighbour and is a claim: one load, a check, then use.
 * Shared words carry the type wire_u64 / wire_u32, which only the functions below look into.
 */
#ifndef VANITY_CORE_WIRE_H
#define VANITY_CORE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <arch.h>

#define WIRE_LINE 128u /* a cache-line pair: what the adjacent-line prefetcher moves together */
#define WIRE_MAGIC 0x31455249574e4156ull /* "VANWIRE1" */

typedef struct {
	uint64_t word_do_not_touch;
} wire_u64;
typedef struct {
	uint32_t word_do_not_touch;
} wire_u32;

static inline uint64_t wire_load_acquire(const wire_u64 *w)
{
	arch_point(w);
	return __atomic_load_n(&w->word_do_not_touch, __ATOMIC_ACQUIRE);
}

static inline uint64_t wire_load(const wire_u64 *w)
{
	arch_point(w);
	return __atomic_load_n(&w->word_do_not_touch, __ATOMIC_RELAXED);
}

static inline void wire_store_release(wire_u64 *w, uint64_t value)
{
	arch_point(w);
	__atomic_store_n(&w->word_do_not_touch, value, __ATOMIC_RELEASE);
}

static inline void wire_store(wire_u64 *w, uint64_t value)
{
	arch_point(w);
	__atomic_store_n(&w->word_do_not_touch, value, __ATOMIC_RELAXED);
}

static inline uint32_t wire_load_u32(const wire_u32 *w)
{
	arch_point(w);
	return __atomic_load_n(&w->word_do_not_touch, __ATOMIC_RELAXED);
}

static inline void wire_store_u32(wire_u32 *w, uint32_t value)
{
	arch_point(w);
	__atomic_store_n(&w->word_do_not_touch, value, __ATOMIC_RELAXED);
}

/* A hint: this line will be written. */
static inline void wire_prefetch_write(const wire_u64 *w)
{
	arch_prefetch_write(w);
}

/*
 * Two neighbouring words of which the first vouches for both: who sees the first sees the second,
 * and all that was stored before. @pair: this machine stores 16 aligned bytes at once
 * (ARCH_FEATURE_PAIR), which spares every line of four such slots four stores.
 */
static inline void wire_store_pair_release(wire_u64 *w, uint64_t first, uint64_t second,
					   uint32_t pair)
{
	if (pair) {
		arch_point(w);
		arch_store_pair(&w->word_do_not_touch, first, second);
		return;
	}
	wire_store(&w[1], second);
	wire_store_release(&w[0], first);
}

/* One more, whoever else adds to it: a bell, the one word with several writers. Two that ring at once
 * must not put it back to what its owner has seen, or one that watches it would miss them. */
static inline void wire_ring(wire_u64 *w)
{
	arch_point(w);
	(void)__atomic_fetch_add(&w->word_do_not_touch, 1, __ATOMIC_RELEASE);
}

/* Full fence between a store of ours and a load of a neighbour's word (asleep flags). */
static inline void wire_fence(void)
{
	arch_point(0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

struct wire_head {
	_Alignas(WIRE_LINE) wire_u64 magic; /* written last by a new generation */
	wire_u64 asleep; /* not 0: the writer of this wire sleeps or dozes, ring its bell */
};
_Static_assert(sizeof(struct wire_head) == WIRE_LINE, "one line pair");

/* In `asleep`: its writer watches its bell's word, and need not be woken by the kernel. */
#define WIRE_DOZES 1ull

/* The producer's words of one channel. */
struct wire_tx {
	_Alignas(WIRE_LINE) wire_u64 tail; /* items published: for observers; the slots say it to C */
	_Alignas(WIRE_LINE) wire_u64 stamp_at; /* position of a sampled item ... */
	wire_u64 stamp_cycles; /* ... and when it was published: hop latency */
	_Alignas(WIRE_LINE) wire_u64 lane_head; /* lane entries passed on; after their effect */
	_Alignas(WIRE_LINE) wire_u64 resume; /* where the consumer's successor goes on */
	wire_u64 detached; /* generation the words above are for; stored last */
	wire_u64 joined; /* generation this end has joined */
};
_Static_assert(sizeof(struct wire_tx) == 4 * WIRE_LINE, "four line pairs");
_Static_assert(offsetof(struct wire_tx, stamp_at) == WIRE_LINE, "own line pair");
_Static_assert(offsetof(struct wire_tx, lane_head) == 2 * WIRE_LINE, "own line pair");
_Static_assert(offsetof(struct wire_tx, resume) == 3 * WIRE_LINE, "own line pair");

/* The consumer's words of one channel. */
struct wire_rx {
	_Alignas(WIRE_LINE) wire_u64 head; /* items whose effects are done; read when C is dead */
	wire_u64 taken; /* items taken; stored before the first effect; likewise */
	_Alignas(WIRE_LINE) wire_u64 room; /* slots below are free: head as it was a while ago */
	_Alignas(WIRE_LINE) wire_u64 lane_tail; /* frames given back */
	_Alignas(WIRE_LINE) wire_u64 cut; /* where the producer's successor goes on */
	wire_u64 lane_at; /* first lane entry that counts for it */
	wire_u64 detached; /* generation the words above, held and back are for; stored last */
	wire_u64 joined; /* generation this end has joined */
};
_Static_assert(sizeof(struct wire_rx) == 4 * WIRE_LINE, "four line pairs");
_Static_assert(offsetof(struct wire_rx, room) == WIRE_LINE, "own line pair");
_Static_assert(offsetof(struct wire_rx, lane_tail) == 2 * WIRE_LINE, "own line pair");
_Static_assert(offsetof(struct wire_rx, cut) == 3 * WIRE_LINE, "own line pair");

/*
 * In a lane entry: the consumer never took this frame itself; a borrower of its own stated it when
 * the consumer started. Such an entry may be false, or meant for another lender, and lie here
 * while the frame is lent anew: it ends no loan made after the statement.
 */
#define WIRE_LANE_ADOPTED (1u << 31)

/*
 * Behind struct wire_rx, each part on its own line pair:
 *   held[bits/64]  frames the consumer has from this channel (the statement of rule 8)
 *   back[bits/64]  frames it gave back that the dead producer may not have passed on; they
 *                  tell "lost" from "handled, but the news was lost", and decide nothing
 *   lane[slots]    32-bit frame numbers, WIRE_LANE_ADOPTED in the top bit
 * Bit b of a channel is frame b of the concatenation of its pools, in the plan's order.
 */
static inline uint64_t wire_align(uint64_t bytes)
{
	return (bytes + WIRE_LINE - 1) & ~(uint64_t)(WIRE_LINE - 1);
}

static inline uint64_t wire_bitmap_bytes(uint32_t frame_bits)
{
	return wire_align(((uint64_t)frame_bits + 63) / 64 * 8);
}

static inline uint64_t wire_tx_bytes(uint32_t slot_count, uint32_t slot_bytes)
{
	return sizeof(struct wire_tx) + wire_align((uint64_t)slot_count * slot_bytes);
}

static inline uint64_t wire_rx_bytes(uint32_t frame_bits, uint32_t lane_slots)
{
	return sizeof(struct wire_rx) + 2 * wire_bitmap_bytes(frame_bits) +
	       wire_align((uint64_t)lane_slots * 4);
}

/*
 * Frame slot, 16 bytes, little endian as all of Vanity's shared memory:
 *   word 0: frame 0..31, offset 32..47, flags 48..62, lap 63
 *   word 1: length 0..31, tag 32..63
 * The lap bit of position p is ((p / slot_count) & 1) ^ 1: zeroed memory is "not yet".
 */
#define WIRE_SLOT_LAP (1ull << 63)
#define WIRE_FRAME_SLOT_BYTES 16u

#endif
