/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of core/channel.h under every interleaving and every stale load, small: 2 slots, items
 * for two laps and more. Then with one order taken away at a time: each must have a counterexample.
 *
 *   explore [--table]
 *
 * --table prints rows for docs/memory-ordering.md, else each counterexample is a schedule.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/channel.h"
#include "explore.h"

#define SLOTS_SHIFT 1u
#define SLOTS (1u << SLOTS_SHIFT)
#define WORDS_OF_SLOT_MAX 3u
#define INPUTS 2u

/* ACCESS_PROGRAM: what a program of the channel must do, beside the orders. */
enum program { ROOM_UNASKED = 1, ROOM_EARLY, TAKEN_LATE, NO_SECOND_LOOK, LOOK_THEN_ARM };

static struct {
	_Alignas(16) wire_u64 slot[INPUTS][SLOTS * WORDS_OF_SLOT_MAX];
	struct wire_rx rx[INPUTS];
	struct wire_head head[THREADS_MAX];
} shared;

static struct channel_slots slots_now(void)
{
	const struct scenario *s = explore_now();

	return (struct channel_slots){ SLOTS_SHIFT, SLOTS - 1, s->words, s->pair };
}

static void channel_words(uint32_t i)
{
	uint32_t words = explore_now()->words;

	for (uint32_t w = 0; w < SLOTS * words; w++)
		explore_word(&shared.slot[i][w], w % words == 0 ? WORD_LAP : WORD_PAYLOAD, "slot",
			     w);
	explore_word(&shared.rx[i].room, WORD_ROOM, "room", 0);
	explore_word(&shared.rx[i].taken, WORD_TAKEN, "taken", 0);
	explore_word(&shared.rx[i].head, WORD_HEAD, "head", 0);
}

static uint64_t item_word(uint64_t at, uint32_t w)
{
	return (w + 1) * 16 + at;
}

/* --- one end each -------------------------------------------------------------------------- */

static uint32_t put(struct channel_slots s, uint32_t i, uint64_t at, uint64_t end)
{
	uint64_t flat[SLOTS * WORDS_OF_SLOT_MAX];
	uint32_t n = (uint32_t)(end - at);

	if (n > explore_now()->items - at)
		n = (uint32_t)(explore_now()->items - at);
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t w = 0; w < s.words; w++)
			flat[k * s.words + w] = item_word(at + k, w);
	/* As channel.c does it, for frames too: out of their stage. */
	slots_put(s, shared.slot[i], at, end, flat, n);
	return n;
}

/* Takes what is there and looks at all of it. */
static uint32_t take(struct channel_slots s, uint32_t i, uint64_t at)
{
	uint64_t flat[SLOTS * WORDS_OF_SLOT_MAX] = { 0 };
	uint32_t n = 0;

	if (s.words == 2)
		while (n < SLOTS && slot_take_frame(&s, shared.slot[i], at + n, &flat[n * 2]))
			n++;
	else
		n = slots_take(s, shared.slot[i], at, flat, SLOTS);
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t w = 0; w < s.words; w++) {
			explore_assert(flat[k * s.words] == item_word(at + k, 0),
				       "lost, doubled or out of order");
			explore_assert(flat[k * s.words + w] == item_word(at + k, w), "torn");
			explore_used(&shared.slot[i][slot_word(&s, at + k) + w]);
		}
	return n;
}

static uint64_t look_for_room(uint32_t i, uint64_t known, uint64_t at)
{
	uint64_t room;

	explore_assert(room_look(&shared.rx[i], known, at, &room), "an honest room is refused");
	return room;
}

static void finish(uint32_t i, uint64_t at)
{
	burst_take(&shared.rx[i], at);
	burst_finish(&shared.rx[i], at);
	if (!explore_without(ROOM_EARLY))
		room_say(&shared.rx[i], at);
}

/* --- scenarios: both awake ----------------------------------------------------------------- */

static void open_begin(void)
{
	channel_words(0);
}

static void open_producer(void)
{
	struct channel_slots s = slots_now();
	uint64_t at = 0, room = 0;

	while (at < explore_now()->items) {
		explore_here(at << 8 | room);
		if (explore_without(ROOM_UNASKED))
			room = at;
		if (at - room == SLOTS)
			room = look_for_room(0, room, at);
		else
			at += put(s, 0, at, room + SLOTS);
	}
}

static void open_consumer(void)
{
	struct channel_slots s = slots_now();
	uint64_t at = 0;

	while (at < explore_now()->items) {
		uint32_t n;

		explore_here(at);
		if (explore_without(ROOM_EARLY) && slot_ready(&s, shared.slot[0], at))
			room_say(&shared.rx[0], at + 1);
		n = take(s, 0, at);
		at += n;
		if (n > 0)
			finish(0, at);
	}
}

/* --- scenarios: the bell, as core/shard.c has it ------------------------------------------- */

struct sleeper {
	uint32_t self;
	uint64_t number, rung[THREADS_MAX];
};

static void ring(struct sleeper *z, uint32_t peer)
{
	uint64_t asleep;

	wire_fence();
	asleep = wire_load(&shared.head[peer].asleep);
	if (asleep == 0 || asleep == z->rung[peer])
		return;
	z->rung[peer] = asleep;
	explore_wake(peer);
}

/* Arm, look again, sleep. @news looks. */
static void wait_for(struct sleeper *z, bool (*news)(uint64_t at), uint64_t at)
{
	wire_u64 *asleep = &shared.head[z->self].asleep;
	bool before = explore_without(LOOK_THEN_ARM) && news(at);

	z->number += 2;
	wire_store(asleep, z->number);
	wire_fence();
	if (explore_without(LOOK_THEN_ARM) ? !before : explore_without(NO_SECOND_LOOK) || !news(at))
		explore_sleep();
	wire_store(asleep, 0);
}

static bool room_news(uint64_t at)
{
	return look_for_room(0, at - SLOTS, at) != at - SLOTS;
}

static bool slot_news(uint64_t at)
{
	struct channel_slots s = slots_now();

	return slot_ready(&s, shared.slot[0], at);
}

static void bell_begin(void)
{
	channel_words(0);
	explore_word(&shared.head[0].asleep, WORD_ASLEEP, "asleep of A", 0);
	explore_word(&shared.head[1].asleep, WORD_ASLEEP, "asleep of B", 0);
}

static void bell_producer(void)
{
	struct channel_slots s = slots_now();
	struct sleeper z = { 0 };
	uint64_t at = 0, room = 0;

	while (at < explore_now()->items) {
		explore_here(((at << 8 | room) << 8 | z.number) << 8 | z.rung[1]);
		if (at - room == SLOTS)
			room = look_for_room(0, room, at);
		if (at - room == SLOTS) {
			wait_for(&z, room_news, at);
			continue;
		}
		at += put(s, 0, at, room + SLOTS);
		ring(&z, 1);
	}
}

static void bell_consumer(void)
{
	struct channel_slots s = slots_now();
	struct sleeper z = { .self = 1 };
	uint64_t at = 0;

	while (at < explore_now()->items) {
		uint32_t n;

		explore_here((at << 8 | z.number) << 8 | z.rung[0]);
		n = take(s, 0, at);
		at += n;
		if (n == 0) {
			wait_for(&z, slot_news, at);
			continue;
		}
		finish(0, at);
		ring(&z, 0);
	}
}

static void two_begin(void)
{
	channel_words(0);
	channel_words(1);
	explore_word(&shared.head[2].asleep, WORD_ASLEEP, "asleep of C", 0);
}

static void two_producer(uint32_t i)
{
	struct channel_slots s = slots_now();
	struct sleeper z = { .self = i };

	for (uint64_t at = 0; at < explore_now()->items; at++) {
		explore_here(at << 8 | z.rung[2]);
		(void)put(s, i, at, at + 1);
		ring(&z, 2);
	}
}

static void two_first(void)
{
	two_producer(0);
}

static void two_second(void)
{
	two_producer(1);
}

static bool two_news(uint64_t at)
{
	struct channel_slots s = slots_now();

	return slot_ready(&s, shared.slot[0], at & 0xff) || slot_ready(&s, shared.slot[1], at >> 8);
}

static void two_consumer(void)
{
	struct channel_slots s = slots_now();
	struct sleeper z = { .self = 2 };
	uint64_t at[INPUTS] = { 0 };

	while (at[0] + at[1] < INPUTS * explore_now()->items) {
		uint32_t n = 0;

		explore_here((at[0] << 8 | at[1]) << 8 | z.number);
		for (uint32_t i = 0; i < INPUTS; i++) {
			uint32_t some = take(s, i, at[i]);

			at[i] += some;
			n += some;
		}
		if (n == 0)
			wait_for(&z, two_news, at[0] | at[1] << 8);
	}
}

/* --- scenarios: what somebody sees of a consumer, wherever it has come to -------------------- */

/* A works off positions 0 and 1; its effect is an item in a channel of its own. */
static void worker(void)
{
	struct channel_slots s = slots_now();

	for (uint64_t at = 0; at < SLOTS; at++) {
		if (!explore_without(TAKEN_LATE))
			burst_take(&shared.rx[0], at + 1);
		(void)put(s, 0, at, at + 1);
		if (explore_without(TAKEN_LATE))
			burst_take(&shared.rx[0], at + 1);
		burst_finish(&shared.rx[0], at + 1);
		room_say(&shared.rx[0], at + 1);
	}
}

static void room_then_head(void)
{
	uint64_t room = look_for_room(0, 0, SLOTS);

	explore_assert(room <= wire_load_acquire(&shared.rx[0].head), "room is beyond head");
}

static void head_then_effect(void)
{
	struct channel_slots s = slots_now();
	uint64_t head = wire_load_acquire(&shared.rx[0].head);

	for (uint64_t at = 0; at < head; at++)
		explore_assert(slot_ready(&s, shared.slot[0], at), "finished without its effect");
}

static void effect_then_taken(void)
{
	struct channel_slots s = slots_now();

	for (uint64_t at = SLOTS; at-- > 0;)
		if (slot_ready(&s, shared.slot[0], at))
			explore_assert(wire_load_acquire(&shared.rx[0].taken) > at,
				       "an effect of what was not taken");
}

static void taken_then_head(void)
{
	uint64_t taken = wire_load_acquire(&shared.rx[0].taken);

	explore_assert(taken <= wire_load_acquire(&shared.rx[0].head) + 1,
		       "in doubt is more than a burst");
}

/* --- the tables ---------------------------------------------------------------------------- */

enum which {
	FRAMES,
	FRAMES_PAIR,
	WORD_1,
	WORDS_3,
	WORDS_3_PAIR,
	BELL,
	BELL_LONG,
	BELL_TWO,
	ROOM_HEAD,
	HEAD_EFFECT,
	EFFECT_TAKEN,
	TAKEN_HEAD,
	SCENARIOS
};

#define OPEN                                                                                       \
	open_begin,                                                                                \
	{                                                                                          \
		open_producer, open_consumer                                                       \
	}

static const struct scenario scenarios[SCENARIOS] = {
	[FRAMES] = { "frame slots, two stores", OPEN, 2, 0, 9 },
	[FRAMES_PAIR] = { "frame slots, one store of 16 bytes", OPEN, 2, 1, 9 },
	[WORD_1] = { "slots of 8 bytes", OPEN, 1, 0, 9 },
	[WORDS_3] = { "slots of 24 bytes", OPEN, 3, 0, 9 },
	[WORDS_3_PAIR] = { "slots of 24 bytes, first 16 in one store", OPEN, 3, 1, 9 },
	[BELL] = { "both sleep and ring", bell_begin, { bell_producer, bell_consumer }, 1, 0, 3 },
	[BELL_LONG] = { "both sleep and ring",
			bell_begin,
			{ bell_producer, bell_consumer },
			1,
			0,
			4 },
	[BELL_TWO] = { "two ring one",
		       two_begin,
		       { two_first, two_second, two_consumer },
		       1,
		       0,
		       1 },
	[ROOM_HEAD] = { "room, then head", open_begin, { worker, room_then_head }, 1, 0, 2 },
	[HEAD_EFFECT] = { "head, then effects", open_begin, { worker, head_then_effect }, 1, 0, 2 },
	[EFFECT_TAKEN] = { "effect, then taken",
			   open_begin,
			   { worker, effect_then_taken },
			   1,
			   0,
			   2 },
	[TAKEN_HEAD] = { "taken, then head", open_begin, { worker, taken_then_head }, 1, 0, 2 },
};

static const struct {
	struct mutant mutant;
	enum which where;
} mutants[] = {
	{ { "slot, word 0: stored relaxed", ACCESS_STORE, WORD_LAP }, FRAMES },
	{ { "slot, word 0: stored relaxed", ACCESS_STORE, WORD_LAP }, WORDS_3_PAIR },
	{ { "slot, word 0: loaded relaxed", ACCESS_LOAD, WORD_LAP }, FRAMES },
	{ { "slot, word 0: loaded relaxed", ACCESS_LOAD, WORD_LAP }, WORDS_3 },
	{ { "slot: word 0 before the others", ACCESS_ORDER, 0 }, FRAMES },
	{ { "slot: word 0 before the others", ACCESS_ORDER, 0 }, WORDS_3_PAIR },
	{ { "slot: 16 bytes are two stores, word 0 first", ACCESS_PAIR, 0 }, FRAMES_PAIR },
	{ { "room: stored relaxed", ACCESS_STORE, WORD_ROOM }, FRAMES },
	{ { "room: stored relaxed", ACCESS_STORE, WORD_ROOM }, ROOM_HEAD },
	{ { "room: loaded relaxed", ACCESS_LOAD, WORD_ROOM }, FRAMES },
	{ { "room: not asked for", ACCESS_PROGRAM, ROOM_UNASKED }, FRAMES },
	{ { "room: told before the slot is read", ACCESS_PROGRAM, ROOM_EARLY }, FRAMES },
	{ { "head: stored relaxed", ACCESS_STORE, WORD_HEAD }, HEAD_EFFECT },
	{ { "head: loaded relaxed", ACCESS_LOAD, WORD_HEAD }, HEAD_EFFECT },
	{ { "taken: stored relaxed", ACCESS_STORE, WORD_TAKEN }, TAKEN_HEAD },
	{ { "taken: stored after the effect", ACCESS_PROGRAM, TAKEN_LATE }, EFFECT_TAKEN },
	{ { "bell: producer's fences", ACCESS_FENCE, 0 }, BELL },
	{ { "bell: consumer's fences", ACCESS_FENCE, 1 }, BELL },
	{ { "bell: one ringer's fence", ACCESS_FENCE, 1 }, BELL_TWO },
	{ { "bell: the sleeper's fence", ACCESS_FENCE, 2 }, BELL_TWO },
	{ { "bell: no second look", ACCESS_PROGRAM, NO_SECOND_LOOK }, BELL },
	{ { "bell: look, then arm", ACCESS_PROGRAM, LOOK_THEN_ARM }, BELL },
};

int main(int argc, char **argv)
{
	bool table = argc > 1 && strcmp(argv[1], "--table") == 0;
	uint32_t passed = 0, failed = 0;

	if (table)
		printf("| scenario | states | executions | result |\n|---|---|---|---|\n");
	for (uint32_t i = 0; i < SCENARIOS; i++) {
		const struct scenario *s = &scenarios[i];
		struct found f = explore(s, NULL);

		*(f.wrong == NULL ? &passed : &failed) += 1;
		printf(table ? "| %s, %u items | %" PRIu64 " | %" PRIu64 " | %s |\n"
			     : "%s, %u items: %" PRIu64 " states, %" PRIu64 " executions: %s\n",
		       s->name, s->items, f.states, f.executions, f.wrong ? f.wrong : "all clean");
		fflush(stdout);
	}
	if (table)
		printf("\n| mutant | scenario | counterexample |\n|---|---|---|\n");
	for (uint32_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
		const struct mutant *m = &mutants[i].mutant;
		const struct scenario *s = &scenarios[mutants[i].where];
		struct found f = explore(s, m);

		*(f.wrong != NULL ? &passed : &failed) += 1;
		if (table)
			printf("| %s | %s | %s, in %u steps |\n", m->name, s->name,
			       f.wrong ? f.wrong : "NONE", f.steps);
		else
			printf("%s  %s; %s: %s\n",
			       f.wrong ? "found  " : "FAILED: no counterexample", m->name, s->name,
			       f.wrong ? f.wrong : "");
		if (!table)
			explore_print();
		fflush(stdout);
	}
	printf("%s%u passed, %u failed\n", table ? "\n" : "", passed, failed);
	return failed > 0;
}
