/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.pml: words that vouch for others, on the weak memory of memory.pml.
 *
 * A statement goes from a living shard D to a successor P' by way of the daemon, twice (a neighbour
 * dies again):
 *
 *      D: words; detached in the wire (release); detached in the cell (release)
 *      daemon: cell (acquire); the order to P'; seq, or go (release)
 *      P': seq or go (acquire); the order; detached in the wire: of this generation? then the words
 *
 * DIRECT: without the daemon, as `joined` goes from one end to the other.
 * What must hold: no order is passed over; who was told to resume finds words of that generation, all
 * of them. `ready` and `heartbeat` have the same shape.
 *
 * LOG: a log record is written again while it is read; its reader looks at the number before and after.
 */
#ifdef LOG
#define NUMBER 0
#define TEXT_A 1
#define TEXT_B 2
#define WORDS 3
#else
#define CUT 0
#define HELD 1
#define WIRE 2
#define CELL 3
#define ORDER 4
#define SEQ 5
#define WORDS 6
#endif
#define OLDS WORDS
#define PROCESSES 3
#define DEPTH 4
#define D 0
#define DAEMON 1
#define NEXT 2
#include "memory.pml"

#ifdef LOG
active proctype writer()
{
	byte n;

	do
	:: n < 2 ->
		n++;
		put(D, NUMBER, 0, RELEASE);
#ifndef MUT_LOG_UNFENCED
		BUFFER_EMPTY(D); /* a release fence: nothing after it leaves before what is before it */
#endif
		put(D, TEXT_A, n, RELAXED);
		put(D, TEXT_B, n, RELAXED);
#ifdef MUT_LOG_RELAXED
		put(D, NUMBER, n, RELAXED)
#else
		put(D, NUMBER, n, RELEASE)
#endif
	:: else -> break
	od
}

active proctype reader()
{
	byte before, a, c, after;

end:	do
	::
#ifdef MUT_LOG_LOOK_RELAXED
		load_relaxed(NEXT, NUMBER, before);
#else
		load_acquire(NEXT, NUMBER, before);
#endif
		load_relaxed(NEXT, TEXT_A, a);
		load_relaxed(NEXT, TEXT_B, c);
#ifndef MUT_LOG_LOOK_UNFENCED
		forget_old(NEXT); /* an acquire fence: nothing after it is older than what was before it */
#endif
#ifdef MUT_LOG_ONCE
		after = before;
#else
		load_relaxed(NEXT, NUMBER, after);
#endif
		assert(before == 0 || before != after || (a == before && c == before)); /* a torn record is read */
		d_step { before = 0; a = 0; c = 0; after = 0 }
	od
}
#else
#ifdef MUT_WIRE_RELAXED
#define WIRE_ORDER RELAXED
#else
#define WIRE_ORDER RELEASE
#endif
#ifdef MUT_CELL_RELAXED
#define CELL_ORDER RELAXED
#else
#define CELL_ORDER RELEASE
#endif
#ifdef MUT_SEQ_RELAXED
#define SEQ_ORDER RELAXED
#else
#define SEQ_ORDER RELEASE
#endif

byte read_;

active proctype states()
{
	byte gen;

	do
	:: gen < 2 ->
		gen++;
#ifdef MUT_DETACHED_FIRST
		put(D, WIRE, gen, RELEASE);
		put(D, CELL, gen, RELEASE);
		put(D, CUT, gen, RELAXED);
		put(D, HELD, gen, RELAXED);
#else
		put(D, CUT, gen, RELAXED);
		put(D, HELD, gen, RELAXED);
		put(D, WIRE, gen, WIRE_ORDER);
		put(D, CELL, gen, CELL_ORDER);
#endif
		read_ == gen /* it states again when P' has started, and died */
	:: else -> break
	od
}

active proctype daemon()
{
	byte gen, seen;

	do
	:: gen < 2 && mem[CELL] > gen ->
#ifdef MUT_CELL_LOOK_RELAXED
		/* Its store may depend on a guess of what it will load: late. */
		gen++;
		put(DAEMON, ORDER, gen, RELAXED);
		put(DAEMON, SEQ, gen, SEQ_ORDER)
#else
		load_acquire(DAEMON, CELL, seen);
		gen = seen;
		put(DAEMON, ORDER, gen, RELAXED);
		put(DAEMON, SEQ, gen, SEQ_ORDER)
#endif
	:: gen == 2 -> break
	od
}

active proctype successor()
{
	byte gen, seen, cut, held;

end:	do
#ifdef DIRECT
	:: gen < 2 && mem[WIRE] > gen ->
		atomic {
#ifdef MUT_WIRE_LOOK_RELAXED
			load_relaxed(NEXT, WIRE, seen);
#else
			load_acquire(NEXT, WIRE, seen);
#endif
			if
			:: seen > gen -> gen = seen
			:: else -> goto end
			fi
		};
#else
	:: gen < 2 && mem[SEQ] > gen ->
#ifdef MUT_SEQ_LOOK_RELAXED
		load_relaxed(NEXT, SEQ, seen);
		if
		:: seen > gen -> gen = seen
		:: else -> goto end
		fi;
#else
		load_acquire(NEXT, SEQ, gen);
#endif
		load_relaxed(NEXT, ORDER, seen);
		assert(seen == gen); /* an order is passed over */
		load_acquire(NEXT, WIRE, seen);
		assert(seen == gen); /* told to resume, and there are no words: it starts empty */
#endif
		load_relaxed(NEXT, CUT, cut);
		load_relaxed(NEXT, HELD, held);
		assert(cut == gen && held == gen); /* words of another generation */
		d_step { seen = 0; cut = 0; held = 0; read_ = gen }
	od
}
#endif

init {
	atomic {
		run memory(D);
#ifndef LOG
		run memory(DAEMON)
#endif
	}
}
