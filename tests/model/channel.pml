/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.pml: the way of items through an open channel (core/channel.h), on the weak memory of
 * memory.pml. One producer P, one consumer C, SLOTS slots, for ever: positions count modulo four
 * laps, which is more than the two that can be told apart in the slots, so that a lost or doubled
 * item is seen as one.
 *
 *      P: second word; first word with lap (release); tail (release)     C: first word (acquire);
 *      P: room (acquire), when it knows of too few free slots            second word; taken; head;
 *                                                                        room (release), sometimes
 *
 * An item is its position, in both words. What must hold:
 *   - C takes position 0, 1, 2, ... and both words are that position's: nothing lost, doubled, torn
 *   - a P that wants two free slots gets them while C has nothing to do: C tells all room when idle
 *   - room is never beyond what was finished, nor behind what was said (else P would break the channel)
 *   - an observer that sees tail sees the slots below it (OBSERVER)
 *
 * PAIR: both words in one store, as x86-64 with AVX does. SLOTS, TELL (C tells room when it has grown
 * by so many), BURST.
 *
 * Mutants: each takes away one order or one check.
 *   SLOT_RELAXED     first word stored without release
 *   LAP_FIRST        first word stored before the second
 *   LOOK_RELAXED     first word loaded without acquire
 *   ROOM_RELAXED     room stored without release: C's late load sees P's next item
 *   ROOM_UNORDERED   room loaded without acquire, as C11 would have it: P stores on a guess of room that
 *                    comes true later. No machine guesses a store (control dependency), so the acquire
 *                    asks nothing of the machine; it binds the compiler
 *   NO_ROOM          P does not ask
 *   NO_LAP           the lap bit never changes
 *   ROOM_UNREAD      C says that slots are free before it has read them
 *   IDLE_SILENT      C does not tell room when it finds nothing
 *   TAIL_RELAXED     tail stored without release (OBSERVER)
 *   TAIL_LOOK_RELAXED   tail loaded without acquire (OBSERVER)
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef TELL
#define TELL SLOTS
#endif
#ifndef BURST
#define BURST 2
#endif
#define ALL (4 * SLOTS)
#define LAP(at) ((((at) / SLOTS) & 1) ^ 1)
#define FIRST(at) (2 * ((at) % SLOTS)) /* the slot's first word; the second is behind it */
#define ROOM (2 * SLOTS)
#define TAIL (2 * SLOTS + 1)
#define ITEM(at) (LAP(at) * 128 + (at))
#define LESS(a, b) (((a) + ALL - (b)) % ALL)

#define WORDS (2 * SLOTS + 2)
#define OLDS (2 * SLOTS + 2)
#define P 0
#define C 1
#define O 2
#ifdef OBSERVER
#define PROCESSES 3
#else
#define PROCESSES 2
#endif
#ifndef DEPTH
#define DEPTH 3
#endif
#include "memory.pml"

#ifdef MUT_SLOT_RELAXED
#define SLOT_ORDER RELAXED
#else
#define SLOT_ORDER RELEASE
#endif
#ifdef MUT_TAIL_RELAXED
#define TAIL_ORDER RELAXED
#else
#define TAIL_ORDER RELEASE
#endif

/* --- P ------------------------------------------------------------------------------------- */

byte tail; /* how far P has come; its own */

inline slot_put()
{
#ifdef PAIR
	put_both(P, FIRST(tail), ITEM(tail), tail, SLOT_ORDER);
#elif defined(MUT_LAP_FIRST)
	put(P, FIRST(tail), ITEM(tail), RELEASE);
	put(P, FIRST(tail) + 1, tail, RELAXED);
#else
	put(P, FIRST(tail) + 1, tail, RELAXED);
	put(P, FIRST(tail), ITEM(tail), SLOT_ORDER);
#endif
	tail = (tail + 1) % ALL
}

active proctype producer()
{
	byte room, seen, wanted;

	do
	:: wanted == 0 -> /* a program that puts one when it can, or waits until it can put two */
		if
		:: wanted = 1
#if SLOTS > 1
		:: wanted = 2
#endif
		fi
	:: wanted > 0 && SLOTS - LESS(tail, room) >= wanted ->
		do
		:: wanted > 0 -> slot_put(); wanted--
		:: else -> break
		od
#ifdef OBSERVER
		; put(P, TAIL, tail, TAIL_ORDER)
#endif
#ifdef MUT_NO_ROOM
	:: wanted > 0 && SLOTS - LESS(tail, room) < wanted -> room = (room + 1) % ALL
#endif
#if defined(MUT_ROOM_UNORDERED) && !defined(TSO)
	:: wanted > 0 && LESS(tail, room) == SLOTS ->
		seen = (room + 1) % ALL;
		wanted = 0;
		slot_put();
end_guess:	mem[ROOM] == seen; /* or it is no execution */
		room = seen
#endif
	/* Waits here; that it would look again and again makes no difference. */
	:: wanted > 0 && SLOTS - LESS(tail, room) < wanted && mem[ROOM] != room ->
		load_acquire(P, ROOM, seen);
		assert(LESS(seen, room) <= LESS(tail, room)); /* an honest room is refused */
		room = seen
	od
}

/* --- C ------------------------------------------------------------------------------------- */

byte taken; /* how far C has come; its own */
bit late[SLOTS]; /* loads of a second word that have not got their value yet */
byte expected[SLOTS];

inline arrive(s)
{
	d_step {
		late[s] ->
		assert(mem[2 * (s) + 1] == expected[s]); /* torn */
		late[s] = 0;
		expected[s] = 0
	}
}

/* A release: what was loaded before has its value. */
inline arrive_all()
{
	atomic {
		if
		:: arrive(0)
		:: !late[0]
		fi;
#if SLOTS > 1
		if
		:: arrive(1)
		:: !late[1]
		fi;
#endif
#if SLOTS > 2
		if
		:: arrive(2)
		:: !late[2]
		fi;
		if
		:: arrive(3)
		:: !late[3]
		fi
#endif
	}
}

inline slot_read()
{
#ifdef TSO
	word = mem[FIRST(taken) + 1];
	assert(word == taken); /* torn */
#else
	if
	:: load_relaxed(C, FIRST(taken) + 1, word);
		assert(word == taken) /* torn */
	:: atomic { late[taken % SLOTS] = 1; expected[taken % SLOTS] = taken }
	fi;
#endif
	taken = (taken + 1) % ALL
}

inline room_say(what)
{
#ifdef MUT_ROOM_RELAXED
	put(C, ROOM, what, RELAXED)
#else
	arrive_all();
	put(C, ROOM, what, RELEASE)
#endif
}

active proctype consumer()
{
	byte word, room, head, n;

	do
	:: /* The burst before is finished. */
		head = taken;
		if
		:: LESS(head, room) >= TELL ->
			room_say(head);
			room = head
		:: else
		fi;
		n = 0;
		do
		:: n < BURST ->
			/* The same word is never loaded out of order. */
			atomic {
				if
				:: arrive(taken % SLOTS)
				:: !late[taken % SLOTS]
				fi
			};
#ifdef MUT_LOOK_RELAXED
			load_relaxed(C, FIRST(taken), word);
#else
			load_acquire(C, FIRST(taken), word);
#endif
			if
#ifdef MUT_NO_LAP
			:: word >= 128 ->
#else
			:: word / 128 == LAP(taken) ->
#endif
				assert(word % 128 == taken); /* lost, or doubled */
#ifdef MUT_ROOM_UNREAD
				room_say((taken + 1) % ALL);
				room = (taken + 1) % ALL;
#endif
				slot_read();
				n++
			:: else -> break
			fi
		:: else -> break
		od;
		if
		:: n == 0 ->
#ifndef MUT_IDLE_SILENT
			if
			:: room != head ->
				room_say(head);
				room = head
			:: else
			fi;
#endif
			/* Waits here; that it would look again and again makes no difference. */
#ifdef MUT_ROOM_UNORDERED
end_wait: /* for a guess that did not come true is no lost news */
#endif
			mem[FIRST(taken)] / 128 == LAP(taken) && mem[FIRST(taken)] % 128 == taken
		:: else
		fi
	od
}

/* A late load arrives at any time. */
active proctype loads()
{
end:	do
	:: arrive(0)
#if SLOTS > 1
	:: arrive(1)
#endif
#if SLOTS > 2
	:: arrive(2)
	:: arrive(3)
#endif
	od
}

/* Whoever reads tail, at any time and again: the slots below are complete. */
#ifdef OBSERVER
active proctype observer()
{
	byte seen, word;

end:	do
	:: atomic {
		mem[TAIL] != seen ->
#ifdef MUT_TAIL_LOOK_RELAXED
		load_relaxed(O, TAIL, seen);
#else
		load_acquire(O, TAIL, seen);
#endif
		load_relaxed(O, FIRST((seen + ALL - 1) % ALL), word);
		/* That item, or the one a lap later. */
		if
		:: seen != 0 ->
			word = LESS(word % 128, (seen + ALL - 1) % ALL) + (word == 0);
			assert(word == 0 || word == SLOTS) /* a slot below tail is not there */
		:: else
		fi;
		word = 0
	}
	od
}
#endif

init {
	atomic {
		run memory(P);
		run memory(C)
	}
}
