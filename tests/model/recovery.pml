/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recovery.pml: custody of frames while shards die and start again (core/recovery.c, core/life.c), in
 * sequentially consistent memory; one step is what lies between two stores that a peer acts on. A
 * burst is one item. What weak memory adds is in channel, bell, custody and words.
 *
 *      CHAIN    0 --> 1 --> 2            owner 0
 *      ROUTER   0 --> 1 --> 2            owner 0, two outputs
 *                      `--> 3
 *      FANIN    0 --> 2 --> 3            owners 0 and 1; frame 0 is 0's, the others are 1's
 *               1 --'
 *      TWIN     0 ==> 1 --> 2            owner 0, two channels to 1, which cannot know through which of
 *                                        them an adopted frame came
 *
 * A shard is up, or dead (killed at any moment, KILLS of them), or parked (started, not told to go),
 * or going (it may write its words: outputs, then inputs), then up. A new life needs what life.c asks:
 *   1 the end is seen: one generation more on every edge it may have touched
 *   2 living neighbours answer DETACH with their words
 *   3 go, downstream first; it takes the words, formats free slots, writes its own
 *   4 ready; JOIN to the neighbours: the lender settles, the consumer drops its cut
 * RELOAD: one shard is parked for good by order and a successor goes in its place, KILLS of them being
 * planned ends: in hand is nothing, taken = head. Going back to the old program is the same again.
 * STALL: a sink may keep what it has for ever.
 *
 * What must hold, in every step:
 *   - who fills a frame anew is the only one that has it: no living shard has it in hand
 *   - who takes a frame takes what was put: nobody filled or freed it since
 *   - no item that was published is passed over, and none is taken twice
 *   - honest words are never refused: no claim breaks a channel
 * and when nothing moves any more: all are up and joined, and all frames are free (with STALL: free, or
 * lent to a shard that has them).
 *
 * Mutants: sizes.py says what each takes away.
 * Not modelled: several frames in a burst, `back` and the five counts (they decide nothing), re-forming
 * of a broken channel, liars, copies, guests.
 */
#ifndef F
#define F 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef LEND
#define LEND 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef PUTS
#define PUTS 3
#endif
#define ALL (4 * SLOTS)
#define LAP(at) ((((at) / SLOTS) & 1) ^ 1)
#ifndef LANE
#define LANE 4
#endif
#define LANES 8

#ifdef ROUTER
#define S 4
#define E 3
#define PROD(e) ((e) == 0 -> 0 : 1)
#define CONS(e) ((e) + 1)
#elif defined(FANIN)
#define S 4
#define E 3
#define PROD(e) (e)
#define CONS(e) ((e) == 2 -> 3 : 2)
#elif defined(TWIN)
#define S 3
#define E 3
#define PROD(e) ((e) == 2 -> 1 : 0)
#define CONS(e) ((e) == 2 -> 2 : 1)
#else
#define S 3
#define E 2
#define PROD(e) (e)
#define CONS(e) ((e) + 1)
#endif
#ifdef FANIN
#define OWNER(f) ((f) == 0 -> 0 : 1)
#define CARRIES(e, f) ((e) == 2 || (e) == OWNER(f))
#else
#define OWNER(f) 0
#define CARRIES(e, f) true
#endif

#define UP 0
#define DEAD_UP 1 /* dead, and the daemon has not seen it: it takes it for up */
#define DEAD_GOING 6 /* likewise, for going */
#define PARKED 2
#define GOING 3
#define GOING_RX 4
#define READY 5

#define NOTHING 0 /* from, to: nothing; or an edge + 1 */
#define MANY 6
#define POOL 7
#define ADOPTED 8 /* in a lane entry */

/* --- shared: the wires --------------------------------------------------------------------- */

typedef edge {
	byte slot[SLOTS]; /* frame */
	bit lap[SLOTS];
	byte filled[SLOTS]; /* which filling of the frame was put: nobody in the system knows */
	byte taken, head;
	byte lane[LANE];
	byte lane_tail;
	byte cut, lane_at, held; /* consumer's words */
	byte resume; /* producer's */
	byte detached_c, joined_c, detached_p, joined_p;
	byte gen; /* what the daemon orders */
	/* private to the producer */
	byte tail, room, lane_head, gen_p, kept;
	/* private to the consumer */
	byte end, gen_c; /* end: the cut, while not open */
	bit resumes_p, resumes_c
}

typedef books {
	byte from[F];
	byte to[F];
	byte adopted
}

edge w[E];
books b[S];
byte phase[S];
byte free_; /* frames that are free, of all owners: bits */
byte filled[F];
byte kills = KILLS, puts = PUTS;
byte i, j, k, v, m; /* of one step, like ok */
bit ok;

byte came_to[E]; /* a producer that died and whose consumer lives; 255: nothing to compare with */

#define DEAD(s) (phase[s] == DEAD_UP || phase[s] == DEAD_GOING)
/* As the daemon sees it. */
#define LIVES(s) (phase[s] == UP || phase[s] == DEAD_UP)
#define GOES(s) (phase[s] == GOING || phase[s] == GOING_RX || phase[s] == READY || phase[s] == DEAD_GOING)
#define BIT(f) (1 << (f))
#define HAS(mask, f) (((mask) >> (f)) & 1)
#define LESS(a, c) (((a) + ALL - (c)) % ALL)
#define IS_UP(s) (phase[s] == UP)
#ifdef MUT_NO_JOIN
#define OPEN_P(e) (w[e].joined_p == w[e].gen_p)
#define OPEN_C(e) (w[e].joined_c == w[e].gen_c)
#else
#define OPEN_P(e) (w[e].joined_p == w[e].gen_p && w[e].joined_c == w[e].gen_p)
#define OPEN_C(e) (w[e].joined_c == w[e].gen_c && w[e].joined_p == w[e].gen_c)
#endif
#define IN_HAND(s, f) (b[s].from[f] != NOTHING && b[s].from[f] != POOL && b[s].to[f] == NOTHING)

/* Does anybody who lives read this frame? */
#define READ_BY(s, f) (!DEAD(s) && phase[s] != PARKED && IN_HAND(s, f) && s != OWNER(f))
#if S == 3
#define ANY_READS(f) (READ_BY(0, f) || READ_BY(1, f) || READ_BY(2, f))
#else
#define ANY_READS(f) (READ_BY(0, f) || READ_BY(1, f) || READ_BY(2, f) || READ_BY(3, f))
#endif

inline lane_push(e, entry)
{
	assert((w[e].lane_tail + LANES - (OPEN_C(e) -> w[e].lane_head : w[e].lane_at)) % LANES < LANE); /* the lane is full */
	w[e].lane[w[e].lane_tail % LANE] = entry;
	w[e].lane_tail = (w[e].lane_tail + 1) % LANES
}

/* tx_home(): to whom we have it from. Uses k. */
inline home(s, f)
{
	b[s].to[f] = NOTHING;
	if
	:: b[s].from[f] == POOL ->
		b[s].from[f] = NOTHING;
		assert(!HAS(free_, f)); /* freed twice */
		free_ = free_ | BIT(f)
	:: b[s].from[f] == MANY ->
		k = 0;
		do
		:: k < E && CONS(k) == s -> lane_push(k, f | ADOPTED); k++
		:: k < E && CONS(k) != s -> k++
		:: k == E -> break
		od
	:: b[s].from[f] != POOL && b[s].from[f] != MANY && b[s].from[f] != NOTHING ->
		lane_push(b[s].from[f] - 1, f | (HAS(b[s].adopted, f) -> ADOPTED : 0))
	:: else
	fi;
	b[s].from[f] = NOTHING;
	b[s].adopted = b[s].adopted & ~BIT(f);
	k = 0
}

#ifdef STALL
#define MAY_GIVE(s) && (s != S - 1 || !stalled)
#define STALLED stalled
bit stalled;
#else
#define MAY_GIVE(s)
#define STALLED false
#endif
#ifdef RELOAD
/* Asked to stop between two bursts, with nothing in hand. */
#define NOTHING_IN_HAND(s, f) (!IN_HAND(s, f) || OWNER(f) == s)
#define MAY_END(s) && phase[s] == UP && NOTHING_IN_HAND(s, 0) && NOTHING_IN_HAND(s, F - 1) && BETWEEN(s)
#define BETWEEN_E(s, e) (CONS(e) != s || w[e].head == w[e].taken)
#define BETWEEN(s) (BETWEEN_E(s, 0) && BETWEEN_E(s, 1) && BETWEEN_E(s, E - 1))
#else
#define MAY_END(s)
#endif

/* --- the open channel ---------------------------------------------------------------------- */

#define ROOM(e) (LESS(w[e].tail, w[e].room) < SLOTS)
#ifdef MUT_LEND
#define MAY_LEND(e) true
#else
#define LENT1(e, f) (b[PROD(e)].to[f] == (e) + 1 -> 1 : 0)
#if F == 1
#define MAY_LEND(e) (LENT1(e, 0) < LEND)
#elif F == 2
#define MAY_LEND(e) (LENT1(e, 0) + LENT1(e, 1) < LEND)
#else
#define MAY_LEND(e) (LENT1(e, 0) + LENT1(e, 1) + LENT1(e, 2) < LEND)
#endif
#endif

#define CAN_PUT(e) (IS_UP(PROD(e)) && OPEN_P(e) && ROOM(e) && MAY_LEND(e))
#define MINE(e, f) (OWNER(f) == PROD(e) && HAS(free_, f) && puts > 0 && CARRIES(e, f))
#define THEIRS(e, f) (OWNER(f) != PROD(e) && IN_HAND(PROD(e), f) && CARRIES(e, f))

inline put(e, f)
{
	d_step {
		CAN_PUT(e) && (MINE(e, f) || THEIRS(e, f)) ->
		if
		:: OWNER(f) == PROD(e) ->
			assert(!ANY_READS(f)); /* a frame is filled that somebody reads */
			filled[f] = (filled[f] + 1) % 8;
			free_ = free_ & ~BIT(f);
			b[PROD(e)].from[f] = POOL;
			puts--
		:: else
		fi;
		b[PROD(e)].to[f] = e + 1;
		w[e].kept = w[e].kept & ~BIT(f);
		w[e].slot[w[e].tail % SLOTS] = f;
		w[e].lap[w[e].tail % SLOTS] = LAP(w[e].tail);
		w[e].filled[w[e].tail % SLOTS] = filled[f];
		w[e].tail = (w[e].tail + 1) % ALL
	}
}

inline look_room(e)
{
	d_step {
		IS_UP(PROD(e)) && OPEN_P(e) && w[e].room != w[e].head ->
		assert(LESS(w[e].head, w[e].room) <= LESS(w[e].tail, w[e].room)); /* an honest room is refused */
		w[e].room = w[e].head
	}
}

#define SLOT_READY(e, at) (w[e].lap[(at) % SLOTS] == LAP(at))
#define CAN_TAKE(e) (IS_UP(CONS(e)) && \
	((OPEN_C(e) && SLOT_READY(e, w[e].taken)) || (!OPEN_C(e) && w[e].taken != w[e].end)))

inline take(e)
{
	d_step {
		CAN_TAKE(e) ->
		w[e].head = w[e].taken; /* the burst before */
		v = w[e].slot[w[e].taken % SLOTS];
		assert(SLOT_READY(e, w[e].taken)); /* an honest slot is stale */
		assert(w[e].filled[w[e].taken % SLOTS] == filled[v]); /* taken, and filled anew since it was put */
		assert(!HAS(free_, v)); /* taken, and free */
		assert(b[CONS(e)].from[v] == NOTHING || HAS(b[CONS(e)].adopted, v)); /* an honest frame is refused: twice */
		assert(!ANY_READS(v)); /* two have one frame */
		b[CONS(e)].from[v] = e + 1; /* a false record by hearsay goes */
		b[CONS(e)].to[v] = NOTHING;
		b[CONS(e)].adopted = b[CONS(e)].adopted & ~BIT(v);
		w[e].taken = (w[e].taken + 1) % ALL;
		if
		:: OPEN_C(e) -> w[e].end = w[e].taken
		:: else
		fi;
		v = 0
	}
}

/* The program may keep a frame beyond its burst. */
inline finish(e)
{
	d_step {
		IS_UP(CONS(e)) && w[e].head != w[e].taken ->
		w[e].head = w[e].taken
	}
}

inline give_back(s, f)
{
	d_step {
		IS_UP(s) && IN_HAND(s, f) && OWNER(f) != s MAY_GIVE(s) ->
		home(s, f)
	}
}

inline poll(e)
{
	d_step {
		IS_UP(PROD(e)) && OPEN_P(e) && w[e].lane_head != w[e].lane_tail ->
		poll_one(e)
	}
}

inline poll_one(e)
{
	v = w[e].lane[w[e].lane_head % LANE] & 7;
	ok = (w[e].lane[w[e].lane_head % LANE] & ADOPTED) == 0 || HAS(w[e].kept, v);
#ifdef MUT_HEARSAY
	ok = 1;
#endif
	w[e].lane_head = (w[e].lane_head + 1) % LANES;
	if
	:: ok && b[PROD(e)].to[v] == e + 1 ->
		w[e].kept = w[e].kept & ~BIT(v);
		home(PROD(e), v)
	:: else /* refused, and counted */
	fi;
	v = 0;
	ok = 0
}

/* --- DETACH -------------------------------------------------------------------------------- */

/* What the consumer has from this edge, in m: in hand, lent on, or in slots [taken, end). */
inline state_held(e)
{
	m = 0;
	k = 0;
	do
	:: k < F ->
		if
		:: b[CONS(e)].from[k] == e + 1 || (b[CONS(e)].from[k] == MANY && CARRIES(e, k)) ->
			m = m | BIT(k)
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = w[e].taken;
	do
	:: k != w[e].end -> m = m | BIT(w[e].slot[k % SLOTS]); k = (k + 1) % ALL
	:: else -> break
	od;
	k = 0
}

inline detach_c(e)
{
	d_step {
		IS_UP(CONS(e)) && w[e].gen_c < w[e].gen ->
		if
#ifndef MUT_KEEP_WORDS
		:: w[e].joined_c == w[e].gen_c ->
#else
		:: true ->
#endif
			w[e].end = w[e].taken;
#ifndef MUT_CUT_UNSEEN
			do
			:: LESS(w[e].end, w[e].taken) < SLOTS && SLOT_READY(e, w[e].end) ->
				w[e].end = (w[e].end + 1) % ALL
			:: else -> break
			od;
#endif
			w[e].cut = w[e].end;
			w[e].lane_at = w[e].lane_tail;
			state_held(e);
			w[e].held = m;
			m = 0
		:: else
		fi;
		w[e].detached_c = w[e].gen;
		w[e].gen_c = w[e].gen
	}
}

inline detach_p(e)
{
	d_step {
		IS_UP(PROD(e)) && w[e].gen_p < w[e].gen ->
		if
#ifndef MUT_KEEP_WORDS
		:: w[e].joined_p == w[e].gen_p ->
#else
		:: true ->
#endif
#ifndef MUT_LANE_UNREAD
			do
			:: OPEN_P(e) && w[e].lane_head != w[e].lane_tail -> poll_one(e)
			:: else -> break
			od;
#endif
			/* The dead one's claims, as honest ones must be. */
			assert(LESS(w[e].taken, w[e].head) <= 1); /* more than a burst in doubt */
			assert(LESS(w[e].taken, w[e].room) <= LESS(w[e].tail, w[e].room)); /* an honest taken is refused */
#ifdef MUT_TAKEN_LATE
			w[e].resume = w[e].head /* which is stored when taken is */
#elif defined(MUT_RESUME_TAIL)
			w[e].resume = w[e].tail
#else
			w[e].resume = w[e].taken
#endif
			;
			assert(LESS(w[e].taken, w[e].resume) <= 1) /* items that nobody began are passed over */
		:: else
		fi;
		w[e].detached_p = w[e].gen;
		w[e].gen_p = w[e].gen
	}
}

/* --- JOIN ---------------------------------------------------------------------------------- */

inline join_c(e)
{
	d_step {
		IS_UP(CONS(e)) && LIVES(PROD(e)) && w[e].gen_c == w[e].gen && w[e].joined_c != w[e].gen &&
		w[e].detached_c == w[e].gen && w[e].joined_p == w[e].gen ->
		w[e].joined_c = w[e].gen
	}
}

/* What is stated, or named in our own slots from resume on, stays lent; the rest comes home. */
inline join_p(e)
{
	d_step {
		IS_UP(PROD(e)) && LIVES(CONS(e)) && w[e].gen_p == w[e].gen && w[e].joined_p != w[e].gen &&
		w[e].detached_p == w[e].gen && w[e].joined_c == w[e].gen ->
		m = 0;
#ifndef MUT_OWN_SLOTS
		i = w[e].resume;
		do
		:: i != w[e].tail -> m = m | BIT(w[e].slot[i % SLOTS]); i = (i + 1) % ALL
		:: else -> break
		od;
#endif
		i = 0;
		do
		:: i < F ->
			if
			:: b[PROD(e)].to[i] != e + 1
			:: b[PROD(e)].to[i] == e + 1 && HAS(m, i) ->
				w[e].kept = w[e].kept & ~BIT(i)
			:: b[PROD(e)].to[i] == e + 1 && !HAS(m, i) && HAS(w[e].held, i) ->
				w[e].kept = w[e].kept | BIT(i)
			:: b[PROD(e)].to[i] == e + 1 && !HAS(m, i) && !HAS(w[e].held, i) ->
				w[e].kept = w[e].kept & ~BIT(i);
				home(PROD(e), i)
			fi;
			i++
		:: else -> break
		od;
#ifndef MUT_LANE_SEEN
		w[e].lane_head = w[e].lane_at;
#endif
		w[e].room = w[e].resume;
		w[e].joined_p = w[e].gen;
		i = 0;
		m = 0
	}
}

/* --- an end, and the next life ------------------------------------------------------------- */

/* What it had in its books is gone; its wires stand as they are. */
inline forget_books(s)
{
	i = 0;
	do
	:: i < F ->
		if
		:: OWNER(i) == s -> free_ = free_ & ~BIT(i)
		:: else
		fi;
		b[s].from[i] = NOTHING;
		b[s].to[i] = NOTHING;
		i++
	:: else -> break
	od;
	b[s].adopted = 0;
	i = 0;
	do
	:: i < E ->
		if
		:: PROD(i) == s ->
			came_to[i] = (OPEN_P(i) && IS_UP(CONS(i)) -> w[i].tail : 255);
			w[i].tail = 0; w[i].room = 0; w[i].lane_head = 0; w[i].kept = 0; w[i].gen_p = 0;
			w[i].resumes_p = 0
		:: else
		fi;
		if
		:: CONS(i) == s ->
			w[i].end = 0; w[i].gen_c = 0; w[i].resumes_c = 0;
			came_to[i] = 255
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline kill(s)
{
	d_step {
		kills > 0 && !DEAD(s) && phase[s] != PARKED MAY_END(s) ->
		kills--;
		phase[s] = (phase[s] == UP -> DEAD_UP : DEAD_GOING)
	}
}

inline see(s)
{
	d_step {
		DEAD(s) ->
		forget_books(s);
		do
		:: i < E ->
			if
			:: PROD(i) == s || CONS(i) == s -> w[i].gen++
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		phase[s] = PARKED
	}
}

/* What its consumer has of an edge, as its cell says it. */
#define FROM1(e, f) (b[CONS(e)].from[f] == (e) + 1 || b[CONS(e)].from[f] == MANY)
#if F == 1
#define FROMS(e) FROM1(e, 0)
#elif F == 2
#define FROMS(e) (FROM1(e, 0) || FROM1(e, 1))
#else
#define FROMS(e) (FROM1(e, 0) || FROM1(e, 1) || FROM1(e, 2))
#endif
#define LEFT(e) (w[e].detached_c != w[e].gen || w[e].taken != w[e].end || FROMS(e))
#define HOLDS(e) ((LIVES(CONS(e)) && LEFT(e)) || GOES(CONS(e)))

/* Does anybody below the dead consumer of this edge have frames that came through it? */
#if defined(MUT_DOWNSTREAM)
#define HOLDERS(e) false
#elif defined(ROUTER)
#define HOLDERS(e) ((e) == 0 && (HOLDS(1) || HOLDS(2)))
#elif defined(FANIN) || defined(TWIN)
#define HOLDERS(e) ((e) < 2 && HOLDS(2))
#else
#define HOLDERS(e) ((e) == 0 && HOLDS(1))
#endif

/* life_may_go() */
#define MAY_P(s, e) (PROD(e) != s || (LIVES(CONS(e)) && w[e].detached_c == w[e].gen) || \
		     (!LIVES(CONS(e)) && !GOES(CONS(e)) && !HOLDERS(e)))
#define MAY_C(s, e) (CONS(e) != s || (LIVES(PROD(e)) && w[e].detached_p == w[e].gen) || \
		     (!LIVES(PROD(e)) && !GOES(PROD(e))))
#define MAY(s, e) (MAY_P(s, e) && MAY_C(s, e))
#if E == 2
#define MAY_GO(s) (MAY(s, 0) && MAY(s, 1))
#elif E == 3
#define MAY_GO(s) (MAY(s, 0) && MAY(s, 1) && MAY(s, 2))
#else
#define MAY_GO(s) (MAY(s, 0) && MAY(s, 1) && MAY(s, 2) && MAY(s, 3))
#endif

byte at_e; /* of one step */

inline go(s)
{
	d_step {
		phase[s] == PARKED && MAY_GO(s) ->
		at_e = 0;
		do
		:: at_e < E ->
			if
			:: PROD(at_e) == s ->
				w[at_e].resumes_p = LIVES(CONS(at_e));
				w[at_e].gen_p = w[at_e].gen
			:: CONS(at_e) == s ->
				w[at_e].resumes_c = LIVES(PROD(at_e));
				w[at_e].gen_c = w[at_e].gen
			:: else
			fi;
			at_e++
		:: else -> break
		od;
		at_e = 0;
		phase[s] = GOING
	}
}

/* tx_adopt(): cursors and ledger from the living consumer's words. */
inline adopt_p(e)
{
	i = 0;
	if
	:: w[e].resumes_p && w[e].detached_c == w[e].gen_p ->
#ifdef MUT_CUT_ZERO
		w[e].tail = 0;
#else
		w[e].tail = w[e].cut;
#endif
		assert(came_to[e] == 255 || came_to[e] == w[e].cut); /* a published item is passed over */
		w[e].room = w[e].head;
#ifndef MUT_FORMAT
		i = w[e].tail;
		do
		:: i != (w[e].head + SLOTS) % ALL ->
			w[e].lap[i % SLOTS] = !LAP(i);
			i = (i + 1) % ALL
		:: else -> break
		od;
		i = 0;
#endif
		m = w[e].held;
		w[e].lane_head = w[e].lane_at;
#ifndef MUT_LANE_WORKED
		do
		:: w[e].lane_head != w[e].lane_tail ->
			m = m & ~BIT(w[e].lane[w[e].lane_head % LANE] & 7);
			w[e].lane_head = (w[e].lane_head + 1) % LANES
		:: else -> break
		od;
#endif
#ifdef MUT_STATEMENT
		m = 0;
#endif
		do
		:: i < F ->
			if
			:: HAS(m, i) && CARRIES(e, i) ->
				b[PROD(e)].to[i] = (b[PROD(e)].to[i] == NOTHING -> e + 1 : MANY);
				w[e].kept = w[e].kept | BIT(i)
			:: else
			fi;
			i++
		:: else -> break
		od;
		m = 0
	:: else ->
#ifndef MUT_FORMAT
		do
		:: i < SLOTS -> w[e].lap[i] = !LAP(i); i++
		:: else -> break
		od;
#endif
		w[e].tail = 0;
		w[e].room = 0;
		w[e].lane_head = 0
	fi;
	w[e].resume = w[e].tail;
	came_to[e] = 255;
	w[e].detached_p = w[e].gen_p;
	i = 0
}

/* From whom it must have come what is lent below: k. */
inline lender(s, f)
{
	k = NOTHING;
	j = 0;
	do
	:: j < E ->
		if
		:: CONS(j) == s && CARRIES(j, f) -> k = (k == NOTHING -> j + 1 : MANY)
		:: else
		fi;
		j++
	:: else -> break
	od;
	j = 0
}

inline adopt_tx(s)
{
	d_step {
		phase[s] == GOING ->
		at_e = 0;
		do
		:: at_e < E ->
			if
			:: PROD(at_e) == s -> adopt_p(at_e)
			:: else
			fi;
			at_e++
		:: else -> break
		od;
		at_e = 0;
		i = 0;
		do
		:: i < F ->
			if
			:: b[s].to[i] == NOTHING && OWNER(i) == s -> free_ = free_ | BIT(i)
			:: b[s].to[i] != NOTHING && OWNER(i) == s -> b[s].from[i] = POOL
			:: b[s].to[i] != NOTHING && OWNER(i) != s ->
				lender(s, i);
				b[s].from[i] = k;
				k = 0;
				b[s].adopted = b[s].adopted | BIT(i)
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		phase[s] = GOING_RX
	}
}

inline adopt_rx(s)
{
	d_step {
		phase[s] == GOING_RX ->
		at_e = 0;
		do
		:: at_e < E ->
			if
			:: CONS(at_e) == s ->
				v = (w[at_e].resumes_c && w[at_e].detached_p == w[at_e].gen_c -> w[at_e].resume : 0);
				w[at_e].head = v;
				w[at_e].taken = v;
				w[at_e].end = v;
				w[at_e].cut = v;
				v = 0;
				w[at_e].lane_tail = 0;
				w[at_e].lane_at = 0;
				state_held(at_e);
				w[at_e].held = m;
				m = 0;
				w[at_e].detached_c = w[at_e].gen_c
			:: else
			fi;
			at_e++
		:: else -> break
		od;
		at_e = 0;
#ifdef MUT_ADOPT
		/* Its borrowers' frames are stated above, and not on its own ledger. */
		do
		:: at_e < F ->
			if
			:: OWNER(at_e) != s -> b[s].from[at_e] = NOTHING; b[s].to[at_e] = NOTHING
			:: else
			fi;
			at_e++
		:: else -> break
		od;
		at_e = 0;
#endif
		phase[s] = READY
	}
}

/* vanity_ready(): one store a channel, and then the cell. */
inline ready(s)
{
	d_step {
		phase[s] == READY ->
		at_e = 0;
		do
		:: at_e < E ->
			if
			:: PROD(at_e) == s -> w[at_e].joined_p = w[at_e].gen_p
			:: CONS(at_e) == s -> w[at_e].joined_c = w[at_e].gen_c
			:: else
			fi;
			at_e++
		:: else -> break
		od;
		at_e = 0;
		phase[s] = UP
	}
}

/* --- what may happen ----------------------------------------------------------------------- */

inline of_edge(e)
{
	if
	:: put(e, 0)
#if F > 1
	:: put(e, 1)
#endif
#if F > 2
	:: put(e, 2)
#endif
	:: look_room(e)
	:: take(e)
	:: finish(e)
	:: poll(e)
	:: detach_c(e)
	:: detach_p(e)
	:: join_c(e)
	:: join_p(e)
	fi
}

inline of_shard(s)
{
	if
	:: give_back(s, 0)
#if F > 1
	:: give_back(s, 1)
#endif
#if F > 2
	:: give_back(s, 2)
#endif
	:: kill(s)
	:: see(s)
	:: go(s)
	:: adopt_tx(s)
	:: adopt_rx(s)
	:: ready(s)
	fi
}

/* Nothing moves any more. */
inline quiet()
{
	i = 0;
	do
	:: i < S -> assert(phase[i] == UP); i++ /* recovery never ends */
	:: else -> break
	od;
	i = 0;
	do
	:: i < E ->
		assert(OPEN_P(i) && OPEN_C(i)); /* a channel never opens */
		k = 0;
		v = LESS(w[i].tail, w[i].taken);
		do
		:: k < F ->
			v = v + (b[CONS(i)].from[k] == i + 1 -> 1 : 0) - (b[PROD(i)].to[k] == i + 1 -> 1 : 0);
			k++
		:: else -> break
		od;
		assert(v == 0); /* lent is not held and in the channel */
		k = 0;
		i++
	:: else -> break
	od;
	i = 0;
	do
	:: i < F ->
		assert(HAS(free_, i) || (STALLED && b[OWNER(i)].to[i] != NOTHING)); /* a frame is lost */
		i++
	:: else -> break
	od;
	i = 0
}

active proctype system()
{
	d_step {
		do
		:: i < E ->
			w[i].gen = 1; w[i].gen_p = 1; w[i].gen_c = 1;
			w[i].detached_p = 1; w[i].detached_c = 1; w[i].joined_p = 1; w[i].joined_c = 1;
			came_to[i] = 255;
			i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < F -> free_ = free_ | BIT(i); i++
		:: else -> break
		od;
		i = 0
	};
	do
	:: of_edge(0)
	:: of_edge(1)
#if E > 2
	:: of_edge(2)
#endif
#if E > 3
	:: of_edge(3)
#endif
	:: of_shard(0)
	:: of_shard(1)
	:: of_shard(2)
#if S > 3
	:: of_shard(3)
#endif
#ifdef STALL
	:: d_step { !stalled -> stalled = 1 }
#endif
	:: timeout -> d_step { quiet() }; break
	od
}
