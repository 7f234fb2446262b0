/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bell.pml: nobody sleeps on news (vanity_wait, shard_ring in core/shard.c), on the weak memory of
 * memory.pml. N producers, each with a channel of one slot to the one consumer C; C sleeps while all
 * slots are empty, a producer while its slot is full. So each rings the others, and both directions
 * are at stake.
 *
 *      who has stored something                       who is about to sleep
 *      ------------------------                       ---------------------
 *      slot or room (release)                         looks: nothing
 *      fence                                          rings whom it gave something itself
 *      asleep of the other?                           bell (acquire), to be compared
 *        0, or rung already: nothing                  asleep = a new number, in the wire to each
 *        else bell + 1 (release), eventfd write       fence
 *                                                     looks again: news? then it does not sleep
 *                                                     sleeps until the eventfd counts
 *                                                     asleep = 0
 *
 * What must hold: all items arrive. There is no clock in the model, so who sleeps on news that it was
 * not woken for sleeps for ever, and Spin says "invalid end state": nobody can go on.
 *
 * DOZE: before it sleeps a shard may doze, asleep odd: it watches its bell word for a while, and who
 * rings saves the eventfd write. WORD: no eventfd at all, a sleeper watches its bell word (the seam
 * of a machine without Linux). FORGE: somebody may store into C's bell what it likes, and eat the
 * count of its eventfd; then C has a deadline (it ends a sleep only when nobody can go on: the forger
 * may delay, and lose nothing).
 *
 * Mutants:
 *   SLEEPER_FENCE    no fence between asleep and the second look
 *   RINGER_FENCE     no fence between the store and the look at asleep
 *   NO_SECOND_LOOK   arms and sleeps
 *   LOOK_THEN_ARM    looks again, then arms
 *   SAME_NUMBER      asleep is 1 or 0, no number of each sleep; "rung already" is then for ever
 *   NO_RING          goes to sleep without ringing whom it gave something
 *   NO_COUNT         the eventfd does not keep a wake that came before the sleep
 *   BELL_LATE        bell is read after the second look (WORD)
 *   DOZE_NUMBER      the sleep after a doze keeps the doze's number: no eventfd write comes (DOZE)
 *   DOZE_NO_LOOK     the sleep after a doze does not look again (DOZE)
 *   NO_DEADLINE      with a forger
 *   BELL_RELAXED     the bell's store without release, its load without acquire
 */
#ifndef N
#define N 1
#endif
#ifndef ITEMS
#define ITEMS 2
#endif

#define ASLEEP_P(i) (i)
#define ASLEEP_C(i) (N + (i))
#define BELL_P(i) (2 * N + (i))
#define BELL_C (3 * N)
#define SLOT(i) (3 * N + 1 + (i))
#define ROOM(i) (4 * N + 1 + (i))
#define WORDS (5 * N + 1)
#define OLDS (3 * N + 1)
#define PROCESSES (N + 1)
#define C N /* producers are 0..N-1 */
#ifndef DEPTH
#define DEPTH 3
#endif
#include "memory.pml"

#ifdef MUT_BELL_RELAXED
#define BELL_ORDER RELAXED
#else
#define BELL_ORDER RELEASE
#endif
#ifdef MUT_SAME_NUMBER
#define NEXT(number) 2
#else
#define NEXT(number) (((number) + 2) & 254) /* even; odd: dozes */
#endif
#define DOZES(number) ((number) & 1)

#if defined(FORGE) && !defined(MUT_NO_DEADLINE)
#define DEADLINE :: timeout
#else
#define DEADLINE
#endif

bit event[PROCESSES]; /* each shard's eventfd counts */
bit sleeps[PROCESSES]; /* only NO_COUNT asks */

inline bell_load(me, w, ret)
{
#ifdef MUT_BELL_RELAXED
	load_relaxed(me, w, ret)
#else
	load_acquire(me, w, ret)
#endif
}

/* Ring the one whose asleep word and bell these are, if it says that it sleeps. */
inline ring(me, who, w_asleep, w_bell, dirty, rung)
{
	if
	:: dirty ->
		dirty = 0;
#ifndef MUT_RINGER_FENCE
		fence(me);
#endif
		load_relaxed(me, w_asleep, v);
		if
		:: v != 0 && v != rung ->
			rung = v;
			load_relaxed(me, w_bell, v);
			put(me, w_bell, v + 1, BELL_ORDER);
#ifndef WORD
			if
			:: !DOZES(rung) ->
#ifdef MUT_NO_COUNT
				event[who] = sleeps[who]
#else
				event[who] = 1
#endif
			:: else
			fi
#endif
		:: else
		fi;
		v = 0
	:: else
	fi
}

/* The seam: returns when rung, and early if the bell is another than before. */
inline sleep(me, w_bell, bell)
{
#ifdef WORD
	if
	:: mem[w_bell] != bell
	DEADLINE
	fi
#else
	bell_load(me, w_bell, v);
	if
	:: v == bell ->
		sleeps[me] = 1;
		if
		:: atomic { event[me] -> event[me] = 0 }
		DEADLINE
		fi;
		sleeps[me] = 0
	:: else
	fi;
	v = 0
#endif
}

#ifdef MUT_SLEEPER_FENCE
#define SLEEPER_FENCE(me) skip
#else
#define SLEEPER_FENCE(me) fence(me)
#endif

/* --- a producer ---------------------------------------------------------------------------- */

inline p_has_news(ret)
{
	load_acquire(me, ROOM(me), v);
	ret = (v != seen);
	seen = v;
	v = 0
}

inline p_arm()
{
	put(me, ASLEEP_P(me), number, RELAXED);
	SLEEPER_FENCE(me)
}

inline p_wait()
{
#ifndef MUT_NO_RING
	ring(me, C, ASLEEP_C(me), BELL_C, dirty, rung);
#endif
#ifndef MUT_BELL_LATE
	bell_load(me, BELL_P(me), bell);
#endif
	news = 0;
#ifdef DOZE
	if
	:: number = NEXT(number) | 1;
		p_arm();
		p_has_news(news);
		dozed = 1;
		if
		:: !news && mem[BELL_P(me)] != bell -> news = 1
		:: !news
		:: else
		fi
	:: skip
	fi;
#endif
	if
	:: !news ->
#ifdef MUT_LOOK_THEN_ARM
		p_has_news(news);
#endif
#ifdef MUT_DOZE_NUMBER
		number = (DOZES(number) -> number : NEXT(number));
#else
		number = NEXT(number) & 254;
#endif
		p_arm();
#if !defined(MUT_NO_SECOND_LOOK) && !defined(MUT_LOOK_THEN_ARM)
#ifdef MUT_DOZE_NO_LOOK
		if
		:: !dozed -> p_has_news(news)
		:: else
		fi;
#else
		p_has_news(news);
#endif
#endif
#ifdef MUT_BELL_LATE
		bell_load(me, BELL_P(me), bell);
#endif
		if
		:: !news -> sleep(me, BELL_P(me), bell)
		:: else
		fi
	:: else
	fi;
	news = 0;
	dozed = 0;
	bell = 0;
	put(me, ASLEEP_P(me), 0, RELAXED)
}

proctype producer(byte me)
{
	byte tail, room, seen, bell, number, rung, v;
	bit dirty, news, dozed;

	do
	:: tail == ITEMS -> break
	:: tail < ITEMS && tail - room < 1 ->
		tail++;
		put(me, SLOT(me), tail, RELEASE);
		dirty = 1;
		if
		:: ring(me, C, ASLEEP_C(me), BELL_C, dirty, rung)
		:: skip /* on a shared core: later, and before it sleeps itself */
		fi
	:: tail < ITEMS && tail - room == 1 ->
		load_acquire(me, ROOM(me), room);
		seen = room;
		if
		:: tail - room == 1 -> p_wait()
		:: else
		fi
	od;
	ring(me, C, ASLEEP_C(me), BELL_C, dirty, rung)
}

/* --- the consumer -------------------------------------------------------------------------- */

inline c_has_news(ret)
{
	atomic { i = 0; ret = 0 };
	do
	:: i < N && !ret ->
		load_acquire(me, SLOT(i), v);
		ret = (v != taken[i]);
		i++
	:: else -> break
	od;
	atomic { i = 0; v = 0 }
}

inline c_say_asleep(what)
{
	put(me, ASLEEP_C(0), what, RELAXED);
#if N > 1
	put(me, ASLEEP_C(1), what, RELAXED)
#endif
}

inline c_arm()
{
	c_say_asleep(number);
	SLEEPER_FENCE(me)
}

inline c_ring()
{
	ring(me, 0, ASLEEP_P(0), BELL_P(0), dirty[0], rung[0]);
#if N > 1
	ring(me, 1, ASLEEP_P(1), BELL_P(1), dirty[1], rung[1])
#endif
}

inline c_wait()
{
#ifndef MUT_NO_RING
	c_ring();
#endif
#ifndef MUT_BELL_LATE
	bell_load(me, BELL_C, bell);
#endif
	news = 0;
#ifdef DOZE
	if
	:: number = NEXT(number) | 1;
		c_arm();
		c_has_news(news);
		dozed = 1;
		if
		:: !news && mem[BELL_C] != bell -> news = 1
		:: !news
		:: else
		fi
	:: skip
	fi;
#endif
	if
	:: !news ->
#ifdef MUT_LOOK_THEN_ARM
		c_has_news(news);
#endif
#ifdef MUT_DOZE_NUMBER
		number = (DOZES(number) -> number : NEXT(number));
#else
		number = NEXT(number) & 254;
#endif
		c_arm();
#if !defined(MUT_NO_SECOND_LOOK) && !defined(MUT_LOOK_THEN_ARM)
#ifdef MUT_DOZE_NO_LOOK
		if
		:: !dozed -> c_has_news(news)
		:: else
		fi;
#else
		c_has_news(news);
#endif
#endif
#ifdef MUT_BELL_LATE
		bell_load(me, BELL_C, bell);
#endif
		if
		:: !news -> sleep(me, BELL_C, bell)
		:: else
		fi
	:: else
	fi;
	news = 0;
	dozed = 0;
	bell = 0;
	c_say_asleep(0)
}

proctype consumer(byte me)
{
	byte taken[N], rung[N], bell, number, v, i, left = N * ITEMS;
	bit dirty[N], news, took, dozed;

	do
	:: left == 0 -> break
	:: else ->
		took = 0;
		do
		:: i < N ->
			load_acquire(me, SLOT(i), v);
			if
			:: v != taken[i] ->
				assert(v == taken[i] + 1); /* lost, or doubled */
				taken[i] = v;
				took = 1;
				left--;
				put(me, ROOM(i), v, RELEASE);
				dirty[i] = 1
			:: else
			fi;
			i++
		:: else -> break
		od;
		atomic { i = 0; v = 0 };
		if
		:: took ->
			if
			:: c_ring()
			:: skip
			fi
		:: else -> c_wait()
		fi
	od;
	c_ring()
}

/* --- a forger ------------------------------------------------------------------------------ */

#ifdef FORGE
active proctype forger()
{
	byte n;

end:	do
	:: n < FORGE -> mem[BELL_C] = 0; n++
	:: n < FORGE -> mem[BELL_C] = mem[BELL_C] + 1; n++
	:: n < FORGE -> event[C] = 0; n++
	:: n < FORGE -> event[C] = 1; n++
	od
}
#endif

init {
	atomic {
		run memory(0);
		run producer(0);
#if N > 1
		run memory(1);
		run producer(1);
#endif
		run memory(C);
		run consumer(C)
	}
}
