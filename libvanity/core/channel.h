/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h: the few steps by which items go from a producer P to a consumer C while a channel is
 * open. They are all here, as inline functions over the words of wire.h, without books and without
 * policy; channel.c adds custody, recovery.c what happens at a death. The tests compile this very
 * file against other memories (tests/explore), so it includes nothing but wire.h.
 *
 * An item's way
 *
 *      slots   0     1     2     3     4     5     6     7        slot_count 8, third lap
 *            +-----+-----+-----+-----+-----+-----+-----+-----+
 *      lap   |  1  |  1  |  1  |  1  |  0  |  0  |  0  |  0  |    bit 63 of each slot's first word
 *            +-----+-----+-----+-----+-----+-----+-----+-----+
 *              16    17    18    19    12    13    14    15       position of the item that lies there
 *                                ^           ^
 *                                |           +-- C goes on here: taken = 14
 *                                +-- P has come to here: tail = 20
 *
 *      P  stores the item, and last its first word with the lap of this round (release)
 *      C  loads the first word of the slot it waits for (acquire): the lap of this round? Then the
 *         item is there, all of it, and it came in the same cache line as the news of it
 *
 * So an idle pair moves one line an item. Nothing else is read in steady state: there is a tail,
 * but C never looks at it, and C's own cursors lie where P does not look.
 *
 *      C  stores `taken`, then does its work, then stores `head`. A line of its own: read by P when
 *         C has died, to tell what was finished, what is in doubt, and what was never begun
 *      C  stores `room` now and then, when an eighth of the slots has become free, or it has nothing
 *         to do. P looks at it when it knows of too few free slots: once in many bursts
 *
 * Who writes what
 *
 *      word         writer   read by              ordered
 *      slot         P        C, each item         word 0 last (release); word 0 first (acquire)
 *      taken        C        P at C's death       release, before the first effect of its burst
 *      head         C        P at C's death       release, after the last effect, and its lane entries
 *      room         C        P when it needs room release; never beyond head
 *      tail         P        observers            release, after the slots
 *
 * Why a lap needs no more than a bit: P never passes room + slot_count, and room <= head <= taken. So
 * the slot C waits for holds this round's item or the last round's, whose bit differs. Zeroed memory
 * is "not yet" in round 0. One that lies about it gives C an item that P never wrote there: C checks
 * what it takes as ever, and no promise about a slot of a hostile P is worth more than its bytes.
 *
 * What a peer can do: store anything, at any time, also between two loads of ours. Each word is
 * loaded once; what was loaded is checked and then used. No function here follows a peer's number
 * anywhere but into its own slots, and none waits.
 *
 * When not to use it: with two producers (give each a channel), for one value of which only the
 * newest counts (a ring makes the reader drink it all), between threads that share their memory
 * anyway and trust each other (a pointer is cheaper).
 */
#ifndef VANITY_CORE_CHANNEL_H
#define VANITY_CORE_CHANNEL_H

#include "core/wire.h"

/* A channel's geometry, from the plan, in private memory. */
struct channel_slots {
	uint32_t shift; /* slot_count is 1 << shift */
	uint32_t mask; /* slot_count - 1 */
	uint32_t words; /* of a slot, 64 bits each: 1..512 */
	uint32_t pair; /* wire_store_pair_release() may use one store */
};

/* Lap bit of position @at as it stands in a slot that has been written. */
static inline uint64_t slot_lap(const struct channel_slots *s, uint64_t at)
{
	return ((at >> s->shift & 1) ^ 1) << 63;
}

/* Index of the first word of the slot of position @at. */
static inline uint64_t slot_word(const struct channel_slots *s, uint64_t at)
{
	return (at & s->mask) * s->words;
}

/* Of @n positions from @at on, those before the slots begin again: one lap, one piece of memory. */
static inline uint32_t slot_run(const struct channel_slots *s, uint64_t at, uint32_t n)
{
	uint32_t end = s->mask + 1 - (uint32_t)(at & s->mask);

	return n < end ? n : end;
}

/* --- P: the item, and last its lap --------------------------------------------------------- */

/* How far ahead of its stores P asks for the lines, in bytes: what it writes in the time that a line
 * takes to come back from C. */
#define SLOTS_AHEAD 1024u
#define SLOTS_LINE 64u

/* Ask for the lines that lie so far behind [at, at + n), where C said that they are free: below @end. */
static inline __attribute__((always_inline)) void
slots_ahead(struct channel_slots s, const wire_u64 *slots, uint64_t at, uint64_t end, uint32_t n)
{
	uint32_t bytes = s.words * 8, ahead = SLOTS_AHEAD / bytes;
	uint32_t step = bytes < SLOTS_LINE ? SLOTS_LINE / bytes : 1;
	uint64_t p = (at + step - 1) & ~(uint64_t)(step - 1);

	if (bytes > SLOTS_LINE || end - at < ahead + n)
		return;
	for (; p - at < n; p += step)
		wire_prefetch_write(&slots[slot_word(&s, p + ahead)]);
}

/* A frame slot: WIRE_FRAME_SLOT_BYTES. @word0 without lap. */
static inline void slot_put_frame(const struct channel_slots *s, wire_u64 *slots, uint64_t at,
				  uint64_t word0, uint64_t word1)
{
	wire_store_pair_release(&slots[(at & s->mask) * 2], word0 | slot_lap(s, at), word1, s->pair);
}

/* One plain slot from @bytes, in any alignment; the top bit of its first word is ours. */
static inline __attribute__((always_inline)) void slot_put(struct channel_slots s, wire_u64 *slot,
							   uint64_t lap, const uint8_t *bytes)
{
	uint64_t word[2];

	for (uint32_t w = 2; w < s.words; w++) {
		__builtin_memcpy(word, bytes + (uint64_t)w * 8, 8);
		wire_store(&slot[w], word[0]);
	}
	__builtin_memcpy(word, bytes, s.words == 1 ? 8 : 16);
	word[0] = (word[0] & ~WIRE_SLOT_LAP) | lap;
	if (s.words == 1)
		wire_store_release(slot, word[0]);
	else
		wire_store_pair_release(slot, word[0], word[1], s.pair);
}

/*
 * @n of them, where there is room up to @end. Always inlined, with @s by value: with a constant number
 * of words it is a loop of plain moves.
 */
static inline __attribute__((always_inline)) void
slots_put(struct channel_slots s, wire_u64 *slots, uint64_t at, uint64_t end, const void *bytes,
	  uint32_t n)
{
	const uint8_t *from = bytes;

	slots_ahead(s, slots, at, end, n);
	while (n > 0) {
		wire_u64 *slot = &slots[slot_word(&s, at)];
		uint32_t run = slot_run(&s, at, n);
		uint64_t lap = slot_lap(&s, at);

		n -= run;
		at += run;
		for (; run > 0; run--, slot += s.words, from += s.words * 8)
			slot_put(s, slot, lap, from);
	}
}

/* "Not yet": the lap of the round before. A successor of P does this to the slots that are free. */
static inline void slot_format(const struct channel_slots *s, wire_u64 *slots, uint64_t at)
{
	wire_store(&slots[slot_word(s, at)], slot_lap(s, at) ^ WIRE_SLOT_LAP);
}

/*
 * What C says is free, in *ret_room: a claim, read once. @known is what it said before, @published
 * where P has come to. Return: whether it can be true.
 */
static inline int room_look(const struct wire_rx *c, uint64_t known, uint64_t published,
			    uint64_t *ret_room)
{
	*ret_room = wire_load_acquire(&c->room);
	return *ret_room - known <= published - known;
}

/* --- C: the lap, then the item ------------------------------------------------------------- */

static inline int slot_ready(const struct channel_slots *s, const wire_u64 *slots, uint64_t at)
{
	return (wire_load_acquire(&slots[slot_word(s, at)]) & WIRE_SLOT_LAP) == slot_lap(s, at);
}

/* Return: whether there is one. ret_word[0] comes as it stands there, or without lap. */
static inline int slot_take_frame(const struct channel_slots *s, const wire_u64 *slots, uint64_t at,
				  uint64_t ret_word[2])
{
	const wire_u64 *slot = &slots[(at & s->mask) * 2];

	ret_word[0] = wire_load_acquire(&slot[0]) ^ slot_lap(s, at);
	if (ret_word[0] & WIRE_SLOT_LAP)
		return 0;
	ret_word[1] = wire_load(&slot[1]);
	return 1;
}

static inline __attribute__((always_inline)) int slot_take(struct channel_slots s,
							   const wire_u64 *slot, uint64_t lap,
							   uint8_t *ret_bytes)
{
	uint64_t word = wire_load_acquire(slot) ^ lap;

	if (word & WIRE_SLOT_LAP)
		return 0;
	__builtin_memcpy(ret_bytes, &word, 8);
	for (uint32_t w = 1; w < s.words; w++) {
		word = wire_load(&slot[w]);
		__builtin_memcpy(ret_bytes + (uint64_t)w * 8, &word, 8);
	}
	return 1;
}

/* Up to @n plain slots. Return: how many there are, up to the first that is not. */
static inline __attribute__((always_inline)) uint32_t
slots_take(struct channel_slots s, const wire_u64 *slots, uint64_t at, void *ret_bytes, uint32_t n)
{
	uint8_t *to = ret_bytes;
	uint32_t left = n;

	while (left > 0) {
		const wire_u64 *slot = &slots[slot_word(&s, at)];
		uint32_t run = slot_run(&s, at, left);
		uint64_t lap = slot_lap(&s, at);

		at += run;
		for (; run > 0; run--, left--, slot += s.words, to += s.words * 8)
			if (!slot_take(s, slot, lap, to))
				return n - left;
	}
	return n;
}

/* Before the first effect of a burst that ends at @taken. */
static inline void burst_take(struct wire_rx *c, uint64_t taken)
{
	wire_store_release(&c->taken, taken);
}

/* After its last effect; what it gave back is in the lane before. */
static inline void burst_finish(struct wire_rx *c, uint64_t head)
{
	wire_store_release(&c->head, head);
}

/* P may write over the slots below @room, which is not beyond what burst_finish() said. */
static inline void room_say(struct wire_rx *c, uint64_t room)
{
	wire_store_release(&c->room, room);
}

#endif
