/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custody.pml: a frame's way there and back (core/channel.c) on the weak memory of memory.pml. The
 * owner P fills a free frame, puts it into a channel, and fills it again when it came home through the
 * give-back lane; C reads it and gives it back, in any order.
 *
 *      P: payload; slot (release)          C: slot (acquire); payload; lane entry; lane_tail (release)
 *      P: lane_tail (acquire); entry; is it on the ledger? then free, and filled anew
 *
 * Each filling of a frame changes its one payload bit. LIAR: C stores any entry and any
 * lane_tail at any time; then only P's books are judged.
 *
 * What must hold, for ever:
 *   - what C reads is what P filled, as long as C has not given the frame back, late loads too
 *   - free + lent = all, no frame twice; at most LEND are lent, whatever C stores
 *   - the lane never holds more than it has room for; an honest C's entries are never refused
 *
 * Mutants: sizes.py says what each takes away.
 */
#define F 2
#ifndef LEND
#define LEND 2
#endif
#define SLOTS 2
#define LANE 2
#define ALL 8
#define LAP(at) ((((at) / SLOTS) & 1) ^ 1)

#define PAYLOAD(f) (f)
#define ENTRY(at) (F + (at) % LANE)
#define LANE_TAIL (F + LANE)
#define SLOT(at) (F + LANE + 1 + (at) % SLOTS)
#define WORDS (F + LANE + 1 + SLOTS)
#define OLDS WORDS
#define P 0
#define C 1
#define PROCESSES 2
#ifndef DEPTH
#define DEPTH 3
#endif
#include "memory.pml"

#define LESS(a, b) (((a) + ALL - (b)) % ALL)
#define HAS(mask, f) (((mask) >> (f)) & 1)
#define BIT(f) (1 << (f))

#ifdef MUT_SLOT_RELAXED
#define SLOT_ORDER RELAXED
#else
#define SLOT_ORDER RELEASE
#endif

#ifdef MUT_LANE_BOUND
#define BEYOND(n) false
#else
#define BEYOND(n) ((n) > LANE)
#endif
#ifdef LIAR
#define HONEST false
#else
#define HONEST true
#endif

bit now[F]; /* what P filled last */
byte free_ = 3, lent; /* P's books: bits */
bit late[F]; /* loads of a payload that have not got their value yet */
bit expected[F];

inline arrive(f)
{
	d_step {
		late[f] ->
		assert(mem[PAYLOAD(f)] == expected[f]); /* read after it was filled anew */
		late[f] = 0;
		expected[f] = 0
	}
}

/* --- P ------------------------------------------------------------------------------------- */

byte tail, lane_head;

/* Slots are free when frames are, here: at most LEND are lent, and C has read the slot of one that it
 * gives back. */
inline fill(f)
{
	atomic {
		HAS(free_, f) && (LEND > 1 || lent == 0) ->
		free_ = free_ & ~BIT(f);
		lent = lent | BIT(f);
		now[f] = !now[f]
	};
#ifndef LIAR /* what C is told decides nothing there */
	put(P, PAYLOAD(f), now[f], RELAXED);
	put(P, SLOT(tail), LAP(tail) * 128 + f, SLOT_ORDER);
#endif
	tail = (tail + 1) % ALL
}

inline poll()
{
#ifdef MUT_LANE_LOOK_RELAXED
	load_relaxed(P, LANE_TAIL, seen);
#else
	load_acquire(P, LANE_TAIL, seen);
#endif
	if
	:: BEYOND(LESS(seen, lane_head)) ->
		assert(!HONEST); /* an honest lane is refused */
		broken = 1;
		seen = lane_head
	:: else
	fi;
	assert(LESS(seen, lane_head) <= LANE); /* more than a lane holds */
	do
	:: lane_head != seen ->
		load_relaxed(P, ENTRY(lane_head), entry);
		d_step {
			if
#ifdef MUT_LEDGER
			:: entry < F ->
#else
			:: entry < F && HAS(lent, entry) ->
#endif
				assert(!HAS(free_, entry)); /* freed twice */
				lent = lent & ~BIT(entry);
				free_ = free_ | BIT(entry)
			:: else ->
				assert(!HONEST) /* an honest entry is refused */
			fi;
			entry = 0
		};
		lane_head = (lane_head + 1) % ALL
	:: else -> break
	od;
	seen = 0
}

active proctype owner()
{
	byte seen, entry;
	bit broken;

end:	do
	:: !broken && HAS(free_, 0) && (LEND > 1 || lent == 0) -> fill(0)
	:: !broken && HAS(free_, 1) && (LEND > 1 || lent == 0) -> fill(1)
	:: !broken && mem[LANE_TAIL] != lane_head -> poll()
	od
}

/* --- C ------------------------------------------------------------------------------------- */

#ifdef LIAR
active proctype liar()
{
end:	do
	:: mem[ENTRY(0)] = 0
	:: mem[ENTRY(0)] = 1
	:: mem[ENTRY(1)] = 0
	:: mem[ENTRY(1)] = 200
	:: mem[LANE_TAIL] = (mem[LANE_TAIL] + 1) % ALL
	:: mem[LANE_TAIL] = (mem[LANE_TAIL] + 5) % ALL
	od
}
#else
inline read(f)
{
#ifdef TSO
	word = mem[PAYLOAD(f)];
	assert(word == now[f]) /* read before it was filled, or after it was filled anew */
#else
	if
	:: load_relaxed(C, PAYLOAD(f), word);
		assert(word == now[f]) /* read before it was filled, or after it was filled anew */
	:: d_step { !late[f] -> late[f] = 1; expected[f] = now[f] }
	fi
#endif
}

inline give_back(f)
{
#ifndef MUT_LANE_RELAXED
	/* A release: what was loaded before has its value. */
	atomic {
		if
		:: arrive(f)
		:: !late[f]
		fi
	};
#endif
	held = held & ~BIT(f);
#ifdef MUT_ENTRY_LATE
	put(C, LANE_TAIL, (lane_tail + 1) % ALL, RELEASE);
	put(C, ENTRY(lane_tail), f, RELAXED);
#else
	put(C, ENTRY(lane_tail), f, RELAXED);
#ifdef MUT_LANE_RELAXED
	put(C, LANE_TAIL, (lane_tail + 1) % ALL, RELAXED);
#else
	put(C, LANE_TAIL, (lane_tail + 1) % ALL, RELEASE);
#endif
#endif
	lane_tail = (lane_tail + 1) % ALL
}

active proctype consumer()
{
	byte taken, lane_tail, held, word;

end:	do
	:: mem[SLOT(taken)] / 128 == LAP(taken) ->
#ifdef MUT_LOOK_RELAXED
		load_relaxed(C, SLOT(taken), word);
#else
		load_acquire(C, SLOT(taken), word);
#endif
		if
		:: word / 128 == LAP(taken) ->
			word = word % 128;
			assert(!HAS(held, word)); /* a frame is taken twice */
			held = held | BIT(word);
			taken = (taken + 1) % ALL;
			if
			:: word == 0 -> read(0)
			:: else -> read(1)
			fi
		:: else
		fi;
		word = 0
	:: HAS(held, 0) -> give_back(0)
	:: HAS(held, 1) -> give_back(1)
	od
}

active proctype loads()
{
end:	do
	:: arrive(0)
	:: arrive(1)
	od
}
#endif

init {
	atomic {
		run memory(P);
		run memory(C)
	}
}
