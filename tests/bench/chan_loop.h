/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_loop.h: what both sides of a run do, for any design: make items, put them; take items, look
 * at every word of them.
 *
 * Functions to put and take are given as constants to functions that are always inlined, so that a
 * design made of inline functions is used as its authors mean it. The number of words of an item
 * is a constant in each copy; so is a batch of 1.
 *
 * Word i of item n is n * words + i: no two words of a run are alike, and the top bit stays clear.
 *
 * A turn is what a program must do once in a while beside moving items (vanity_running); every
 * CHAN_TURN items or looks in vain. Idle is what it does when there was nothing to move.
 */
#ifndef TESTS_BENCH_CHAN_LOOP_H
#define TESTS_BENCH_CHAN_LOOP_H

#include <stdint.h>

#include <arch.h>

#include "chan.h"

#define CHAN_TURN 32u
#define CHAN_INLINE static inline __attribute__((always_inline))

/* Return: how many of @n fitted, or were there. */
typedef uint32_t chan_put(void *end, const uint64_t *item, uint32_t words, uint32_t n);
typedef uint32_t chan_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n);
typedef void chan_beside(void *end);

struct chan_ways {
	chan_put *put;
	chan_take *take;
	chan_beside *turn, *idle;
	uint32_t turn_every;
};

CHAN_INLINE void chan_nothing(void *end)
{
	(void)end;
}

CHAN_INLINE void chan_pause(void *end)
{
	(void)end;
	arch_pause();
}

CHAN_INLINE void chan_make(uint64_t *item, uint64_t number, uint32_t words, uint32_t n)
{
	for (uint32_t i = 0; i < n * words; i++)
		item[i] = number * words + i;
}

/* 0 when every word is what chan_make() wrote. */
CHAN_INLINE uint64_t chan_check(const uint64_t *item, uint64_t number, uint32_t words, uint32_t n)
{
	uint64_t wrong = 0;

	for (uint32_t i = 0; i < n * words; i++)
		wrong |= item[i] ^ (number * words + i);
	return wrong;
}

/* Put a whole batch, however often that takes. */
CHAN_INLINE void chan_put_all(void *end, struct chan_ways w, const uint64_t *item, uint32_t words,
			      uint32_t batch, uint32_t *since)
{
	for (uint32_t done = 0; done < batch;) {
		uint32_t n = w.put(end, item + done * words, words, batch - done);

		done += n;
		*since += n ? n : 1;
		if (n == 0)
			w.idle(end);
		if (*since >= w.turn_every) {
			w.turn(end);
			*since = 0;
		}
	}
}

/* Take up to a batch and look at it; returns what there was. */
CHAN_INLINE uint32_t chan_take_some(void *end, struct chan_ways w, uint64_t number, uint32_t words,
				    uint32_t batch, uint32_t *since, uint64_t *wrong)
{
	_Alignas(64) uint64_t item[CHAN_BATCH_MAX * CHAN_WORDS_MAX];
	uint32_t n = w.take(end, item, words, batch);

	if (n > 0)
		*wrong |= chan_check(item, number, words, n);
	else
		w.idle(end);
	*since += n ? n : 1;
	if (*since >= w.turn_every) {
		w.turn(end);
		*since = 0;
	}
	return n;
}

CHAN_INLINE void chan_stream_far(struct chan_run *run, struct chan_ways w, uint32_t words,
				 uint32_t batch)
{
	_Alignas(64) uint64_t item[CHAN_BATCH_MAX * CHAN_WORDS_MAX];
	uint64_t end = run->warm + run->count;
	uint32_t since = 0;

	for (uint64_t number = 0; number < end; number += batch) {
		chan_make(item, number, words, batch);
		chan_put_all(run->end, w, item, words, batch, &since);
	}
}

/* The near side of a stream. @receive takes until it has item @end, and returns how far it got. */
#define CHAN_RECEIVE(run, receive)                                                                 \
	do {                                                                                       \
		double rate[CHAN_PIECES];                                                          \
		uint64_t number = 0, end = (run)->warm;                                            \
                                                                                                   \
		number = (receive);                                                                \
		for (uint32_t piece = 0; piece < CHAN_PIECES; piece++) {                           \
			uint64_t begun = arch_cycles(), first = number;                            \
                                                                                                   \
			end = (run)->warm + (run)->count * (piece + 1) / CHAN_PIECES;              \
			number = (receive);                                                        \
			rate[piece] = (double)(number - first) * 1e3 * (run)->cycles_per_ns /      \
				      (double)(arch_cycles() - begun);                             \
		}                                                                                  \
		chan_stream_result(run, rate);                                                     \
	} while (0)

CHAN_INLINE uint64_t chan_receive(struct chan_run *run, struct chan_ways w, uint32_t words,
				  uint32_t batch, uint64_t number, uint64_t end, uint32_t *since)
{
	uint64_t wrong = 0;

	while (number < end)
		number += chan_take_some(run->end, w, number, words, batch, since, &wrong);
	run->shared->wrong |= wrong;
	return number;
}

CHAN_INLINE void chan_stream_near(struct chan_run *run, struct chan_ways w, uint32_t words,
				  uint32_t batch)
{
	uint32_t since = 0;

	CHAN_RECEIVE(run, chan_receive(run, w, words, batch, number, end, &since));
}

CHAN_INLINE void chan_ping_near(struct chan_run *run, struct chan_ways w, uint32_t words,
				uint32_t batch)
{
	static uint32_t sample[CHAN_PING_MAX];
	_Alignas(64) uint64_t item[CHAN_BATCH_MAX * CHAN_WORDS_MAX];
	uint64_t end = run->warm + run->count, wrong = 0;
	uint32_t since = 0;

	for (uint64_t i = 0; i < end; i++) {
		uint64_t begun = arch_cycles();

		chan_make(item, i * batch, words, batch);
		chan_put_all(run->end, w, item, words, batch, &since);
		for (uint32_t done = 0; done < batch;)
			done += chan_take_some(run->end, w, i * batch + done, words, batch - done,
					       &since, &wrong);
		if (i >= run->warm)
			sample[i - run->warm] = (uint32_t)(arch_cycles() - begun);
	}
	run->shared->wrong = wrong;
	chan_ping_result(run, sample, (uint32_t)run->count);
}

/* A batch is answered when all of it is there, by as many items of our own making. */
CHAN_INLINE void chan_ping_far(struct chan_run *run, struct chan_ways w, uint32_t words,
			       uint32_t batch)
{
	_Alignas(64) uint64_t item[CHAN_BATCH_MAX * CHAN_WORDS_MAX];
	uint64_t end = run->warm + run->count, wrong = 0;
	uint32_t since = 0;

	for (uint64_t i = 0; i < end; i++) {
		for (uint32_t done = 0; done < batch;)
			done += chan_take_some(run->end, w, i * batch + done, words, batch - done,
					       &since, &wrong);
		/* An answer that is made wrong on purpose: the near side sees it. */
		chan_make(item, i * batch + (wrong != 0), words, batch);
		chan_put_all(run->end, w, item, words, batch, &since);
	}
}

#define CHAN_BATCHES(loop, run, ways, words)                                                       \
	((run)->c.batch == 1 ? loop(run, ways, words, 1) : loop(run, ways, words, (run)->c.batch))

/* @loop for each size an item can have. */
#define CHAN_SIZES(loop, run, ways)                                                                \
	do {                                                                                       \
		if ((run)->c.slot_bytes == 8)                                                      \
			CHAN_BATCHES(loop, run, ways, 1);                                          \
		else if ((run)->c.slot_bytes == 16)                                                \
			CHAN_BATCHES(loop, run, ways, 2);                                          \
		else                                                                               \
			CHAN_BATCHES(loop, run, ways, 8);                                          \
	} while (0)

/* The four roles of a design whose items can have any size. */
#define CHAN_ROLES(name, ways)                                                                     \
	static void name##_stream_near(struct chan_run *run)                                       \
	{                                                                                          \
		CHAN_SIZES(chan_stream_near, run, ways);                                           \
	}                                                                                          \
	static void name##_stream_far(struct chan_run *run)                                        \
	{                                                                                          \
		CHAN_SIZES(chan_stream_far, run, ways);                                            \
	}                                                                                          \
	static void name##_ping_near(struct chan_run *run)                                         \
	{                                                                                          \
		CHAN_SIZES(chan_ping_near, run, ways);                                             \
	}                                                                                          \
	static void name##_ping_far(struct chan_run *run)                                          \
	{                                                                                          \
		CHAN_SIZES(chan_ping_far, run, ways);                                              \
	}

#define CHAN_ROLE_TABLE(name)                                                                      \
	.stream = { name##_stream_near, name##_stream_far },                                       \
	.ping = { name##_ping_near, name##_ping_far }

#endif
