/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_ck.c: ck_ring of Concurrency Kit, one producer and one consumer. It has no bursts: a batch
 * is so many calls. One slot of its ring is never used. Both sides map it for writing.
 */
#include <stddef.h>
#include <sys/mman.h>

#include <ck_ring.h>

#include "chan.h"
#include "chan_loop.h"

#define WAYS 2u

struct item8 {
	uint64_t word[1];
};
struct item16 {
	uint64_t word[2];
};
struct item64 {
	uint64_t word[8];
};

CK_RING_PROTOTYPE(item8, item8)
CK_RING_PROTOTYPE(item16, item16)
CK_RING_PROTOTYPE(item64, item64)

/* In shared memory; the slots follow on a line pair of their own. */
struct way {
	_Alignas(128) ck_ring_t ring;
	_Alignas(128) unsigned char slots[];
};

struct rings {
	struct way *out, *in;
};

static int ring_lay_out(struct chan_run *run)
{
	uint64_t bytes = sizeof(struct way) + (uint64_t)run->c.slot_bytes * run->c.slot_count;

	for (uint32_t i = 0; i < WAYS; i++) {
		int memory = chan_memory_new(run, bytes, true);
		struct way *way;

		if (memory < 0)
			return -1;
		way = chan_memory_map(run, memory, true);
		if (!way)
			return -1;
		ck_ring_init(&way->ring, run->c.slot_count);
		munmap(way, run->memory[memory].bytes);
	}
	return 0;
}

static int ring_join(struct chan_run *run, enum chan_side side)
{
	static struct rings rings;

	rings.out = chan_memory_map(run, (int)side, true);
	rings.in = chan_memory_map(run, !side, true);
	run->end = &rings;
	return rings.out && rings.in ? 0 : -1;
}

#define RING_EACH(call)                                                                            \
	do {                                                                                       \
		for (i = 0; i < n; i++)                                                            \
			if (!(call))                                                               \
				break;                                                             \
	} while (0)

CHAN_INLINE uint32_t ring_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct way *w = ((struct rings *)end)->out;
	void *slots = w->slots;
	uint32_t i;

	if (words == 1)
		RING_EACH(
			CK_RING_ENQUEUE_SPSC(item8, &w->ring, slots, (void *)(uintptr_t)&item[i]));
	else if (words == 2)
		RING_EACH(CK_RING_ENQUEUE_SPSC(item16, &w->ring, slots,
					       (void *)(uintptr_t)&item[i * 2]));
	else
		RING_EACH(CK_RING_ENQUEUE_SPSC(item64, &w->ring, slots,
					       (void *)(uintptr_t)&item[i * 8]));
	return i;
}

CHAN_INLINE uint32_t ring_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct way *w = ((struct rings *)end)->in;
	void *slots = w->slots;
	uint32_t i;

	if (words == 1)
		RING_EACH(CK_RING_DEQUEUE_SPSC(item8, &w->ring, slots, (void *)&ret_item[i]));
	else if (words == 2)
		RING_EACH(CK_RING_DEQUEUE_SPSC(item16, &w->ring, slots, (void *)&ret_item[i * 2]));
	else
		RING_EACH(CK_RING_DEQUEUE_SPSC(item64, &w->ring, slots, (void *)&ret_item[i * 8]));
	return i;
}

#define RING_WAYS ((struct chan_ways){ ring_put, ring_take, chan_nothing, chan_pause, CHAN_TURN })

CHAN_ROLES(ring, RING_WAYS)

const struct chan_design chan_ck = {
	.name = "ck_ring",
	.lay_out = ring_lay_out,
	.join = ring_join,
	CHAN_ROLE_TABLE(ring),
};
