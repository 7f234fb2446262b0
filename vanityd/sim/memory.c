/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c: the regions of the plan, each mapped twice from one memory file.
 *
 *      | guard | writable view | guard | read-only view | guard | next region ...
 *
 * A shard gets the view its right says, so that a store into a neighbour's wire faults here as
 * it would under Linux. Behind the bytes that the layout names, the sanitizer sees poison.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_ASAN 1
#endif
#endif
#ifdef MEMORY_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

static uint64_t more(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* How much of each region the layout uses. */
static void memory_measure(void)
{
	const struct plan *p = world.plan;

	for (uint32_t i = 0; i < p->region_count; i++) {
		const struct plan_region *r = &p->region[i];
		uint64_t *used = &world.region[i].used;

		switch (r->kind) {
		case PLAN_REGION_WIRE:
			*used = sizeof(struct wire_head);
			break;
		case PLAN_REGION_POOL:
			*used = (uint64_t)p->pool[r->b].frame_count * p->pool[r->b].frame_bytes;
			break;
		case PLAN_REGION_CELL:
			*used = cell_bytes(p->shard[r->a].port_count);
			break;
		case PLAN_REGION_ORDERS:
			*used = orders_bytes(p->shard[r->b].port_count);
			break;
		case PLAN_REGION_DEVICE:
			*used = r->bytes;
			break;
		default:
			*used = WIRE_LINE;
			break;
		}
	}
	for (uint32_t i = 0; i < p->channel_count; i++) {
		const struct plan_channel *c = &p->channel[i];
		uint64_t *tx = &world.region[p->wire[c->tx_wire].region].used;
		uint64_t *rx = &world.region[p->wire[c->rx_wire].region].used;

		*tx = more(*tx, c->tx_at + wire_tx_bytes(c->slot_count, c->slot_bytes));
		*rx = more(*rx, c->rx_at + wire_rx_bytes(c->frame_bits, c->lane_slots));
	}
}

int memory_map(void)
{
	const struct plan *p = world.plan;
	uint64_t guard = (uint64_t)sysconf(_SC_PAGESIZE), file_bytes = 0, bytes = guard, at = 0;
	uint8_t *base;
	int fd;

	memory_measure();
	for (uint32_t i = 0; i < p->region_count; i++) {
		file_bytes += p->region[i].bytes;
		bytes += 2 * (p->region[i].bytes + guard);
	}
	fd = memfd_create("vanity-sim", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)file_bytes) != 0)
		return -1;
	base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -1;
	base += guard;
	for (uint32_t i = 0; i < p->region_count; i++) {
		struct region *r = &world.region[i];
		uint64_t size = p->region[i].bytes;

		r->rw = base;
		r->ro = base + size + guard;
		base += 2 * (size + guard);
		if (mmap(r->rw, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 (off_t)at) == MAP_FAILED ||
		    mmap(r->ro, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd, (off_t)at) ==
			    MAP_FAILED)
			return -1;
		at += size;
		if (r->used < size) {
			ASAN_POISON_MEMORY_REGION(r->rw + r->used, size - r->used);
			ASAN_POISON_MEMORY_REGION(r->ro + r->used, size - r->used);
		}
	}
	close(fd);
	return 0;
}

void memory_clear(void)
{
	for (uint32_t i = 0; i < world.plan->region_count; i++)
		memset(world.region[i].rw, 0, world.region[i].used);
}

/* All shared memory: no pointer lies in it, so two equal runs leave equal bytes. */
uint64_t memory_hash(void)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < world.plan->region_count; i++) {
		const struct region *r = &world.region[i];

		for (uint64_t at = 0; at + 8 <= r->used; at += 8) {
			uint64_t word;

			memcpy(&word, r->rw + at, 8);
			hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
			hash ^= hash >> 29;
		}
	}
	return hash;
}

const struct cell *cell_of(uint32_t shard)
{
	return (const void *)world.region[world.plan->shard[shard].cell_region].ro;
}

struct orders *orders_of(uint32_t shard)
{
	return (void *)world.region[world.plan->shard[shard].orders_region].rw;
}

const struct wire_tx *tx_words(uint32_t channel)
{
	const struct plan_channel *c = &world.plan->channel[channel];

	return (const void *)(world.region[world.plan->wire[c->tx_wire].region].ro + c->tx_at);
}

const struct wire_rx *rx_words(uint32_t channel)
{
	const struct plan_channel *c = &world.plan->channel[channel];

	return (const void *)(world.region[world.plan->wire[c->rx_wire].region].ro + c->rx_at);
}
