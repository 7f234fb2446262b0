/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two native threads over core/channel.h as it is, with an end each and memory that is not atomic
 * behind it: the thread sanitizer must find every plain access ordered by the header's words alone.
 *
 *   explore-stress [--broken]
 *
 * --broken hands a slot's plain memory over without its lap: the sanitizer must say so.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"

#define SLOTS_SHIFT 3u
#define SLOTS (1u << SLOTS_SHIFT)
#define WORDS 3u
#define ITEMS 200000u
#define BURST 5u

struct end {
	uint32_t words;
	int broken;
	uint64_t wrong;
};

static struct {
	wire_u64 slot[SLOTS * WORDS];
	struct wire_rx rx;
	wire_u64 broken; /* --broken: how far P is, without an order */
	uint64_t frame[SLOTS]; /* plain memory that an item hands over, and room hands back */
} shared;

static struct channel_slots geometry(const struct end *e)
{
	return (struct channel_slots){ SLOTS_SHIFT, SLOTS - 1, e->words, 0 };
}

static void *producer(void *context)
{
	struct end *e = context;
	struct channel_slots s = geometry(e);
	uint64_t at = 0, room = 0, items[BURST * WORDS];

	while (at < ITEMS) {
		uint32_t n = BURST;

		if (at - room > SLOTS - BURST) {
			if (!room_look(&shared.rx, room, at, &room))
				e->wrong++;
			sched_yield();
			continue;
		}
		if (n > ITEMS - at)
			n = (uint32_t)(ITEMS - at);
		for (uint32_t k = 0; k < n; k++) {
			shared.frame[(at + k) % SLOTS] = at + k;
			for (uint32_t w = 0; w < s.words; w++)
				items[k * s.words + w] = at + k + w;
		}
		if (e->broken)
			wire_store(&shared.broken, at + n);
		slots_put(s, shared.slot, at, room + SLOTS, items, n);
		at += n;
	}
	return NULL;
}

static uint32_t take(const struct end *e, uint64_t at, uint64_t *items)
{
	struct channel_slots s = geometry(e);
	uint32_t n = 0;

	if (e->broken && wire_load(&shared.broken) == at)
		return 0;
	if (e->broken) {
		for (uint32_t w = 0; w < s.words; w++)
			items[w] = at + w;
		return 1;
	}
	if (s.words != 2)
		return slots_take(s, shared.slot, at, items, BURST);
	while (n < BURST && slot_take_frame(&s, shared.slot, at + n, &items[n * 2]))
		n++;
	return n;
}

static void *consumer(void *context)
{
	struct end *e = context;
	uint64_t at = 0, items[BURST * WORDS];

	while (at < ITEMS) {
		uint32_t n = take(e, at, items);

		if (n == 0) {
			sched_yield();
			continue;
		}
		burst_take(&shared.rx, at + n);
		for (uint32_t k = 0; k < n; k++) {
			e->wrong += shared.frame[(at + k) % SLOTS] != at + k;
			for (uint32_t w = 0; w < e->words; w++)
				e->wrong += items[k * e->words + w] != at + k + w;
		}
		at += n;
		burst_finish(&shared.rx, at);
		room_say(&shared.rx, at);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int broken = argc > 1 && strcmp(argv[1], "--broken") == 0;
	uint32_t passed = 0, failed = 0;

	for (uint32_t words = 1; words <= WORDS; words++) {
		struct end p = { words, broken, 0 }, c = { words, broken, 0 };
		pthread_t thread[2];

		memset(&shared, 0, sizeof(shared));
		if (pthread_create(&thread[0], NULL, producer, &p) != 0 ||
		    pthread_create(&thread[1], NULL, consumer, &c) != 0) {
			fputs("explore-stress: no threads\n", stderr);
			return 1;
		}
		pthread_join(thread[0], NULL);
		pthread_join(thread[1], NULL);
		printf("%u items of %u bytes: %llu wrong\n", ITEMS, words * 8,
		       (unsigned long long)(p.wrong + c.wrong));
		*(p.wrong + c.wrong == 0 ? &passed : &failed) += 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed > 0;
}
