/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind.h: one shard's part of the plan, in one block without pointers.
 *
 * The platform makes it once a shard (plan_bind), hands it to every generation, and the
 * library's start code works through it: map each region, look up nothing else. It is the only
 * thing a shard knows of the system: its own ports, pools, neighbours and options.
 *
 *      struct bind | bind_region[] | bind_neighbour[] | bind_pool[] | bind_port[] | bind_option[]
 *                  | bind_grant[]
 *
 * Region numbers here are indices into this shard's bind_region[], in the order in which the
 * platform hands over their memory. bind_region[0] is the cell, [1] the orders, [2] the own bell.
 *
 * Linux: descriptors of a starting shard, in this order from 3 on:
 *      3 this block, 4 own eventfd, 5 config (an empty file where there is none),
 *      6.. the neighbours' eventfds, then one for each grant with keeps_fd (a socket, a tap, a file
 *      to append to): all these stay open. Then one for each region, then the facts of each grant:
 *      these are mapped and closed.
 */
#ifndef VANITY_CORE_BIND_H
#define VANITY_CORE_BIND_H

#include <stdint.h>

#include "topology/plan.h"

#define BIND_MAGIC 0x32444e49425644ull

enum { BIND_CELL = 0, BIND_ORDERS = 1, BIND_BELL = 2 };

enum { BIND_FD_BLOCK = 3, BIND_FD_EVENT = 4, BIND_FD_CONFIG = 5, BIND_FD_NEIGHBOURS = 6 };

struct bind_region {
	uint32_t region; /* in the plan */
	uint32_t right; /* enum plan_right */
	uint64_t bytes;
	uint32_t page_bytes;
	uint32_t reserved;
};

struct bind_neighbour {
	uint32_t shard; /* in the plan; for messages */
	uint32_t wire_out; /* we write */
	uint32_t wire_in; /* it writes */
	uint32_t bell;
};

struct bind_pool {
	char name[PLAN_NAME_BYTES];
	uint32_t region;
	uint32_t right;
	uint32_t owned;
	uint32_t first_frame, frame_count, frame_bytes;
};

struct bind_port {
	char name[PLAN_NAME_BYTES];
	uint32_t output;
	uint32_t neighbour; /* index into bind_neighbour */
	uint32_t slot_count, slot_bytes;
	uint32_t full;
	uint32_t lend, lane_slots;
	uint32_t state_max; /* frames the consumer may have from all its lenders of these pools */
	uint32_t frame_bits;
	uint32_t pool_count;
	uint32_t pool[PLAN_CHANNEL_POOLS_MAX]; /* index into bind_pool */
	uint32_t copy; /* input: the pool of this shard's to copy into, index into bind_pool; or PLAN_NONE */
	uint32_t reserved;
	uint64_t mine_at, peer_at; /* offsets in wire_out and wire_in */
};

struct bind_option {
	char name[PLAN_NAME_BYTES];
	char text[PLAN_TEXT_BYTES];
	uint64_t value;
	uint32_t numeric;
	uint32_t reserved;
};

struct bind_grant {
	char name[PLAN_NAME_BYTES]; /* of the device */
	uint32_t kind; /* enum vanity_grant_kind */
	uint32_t device; /* in the plan */
	uint32_t pool; /* index into bind_pool, or PLAN_NONE */
	uint32_t region; /* index into bind_region: its `keep`; or PLAN_NONE */
	uint32_t keeps_fd;
	uint32_t fd; /* number of its descriptor when keeps_fd, else PLAN_NONE */
};

struct bind {
	uint64_t magic;
	uint32_t bytes; /* of the whole block */
	uint32_t shard;
	char name[PLAN_NAME_BYTES];
	uint8_t digest[32]; /* of the topology */
	uint64_t watchdog_ns;
	uint64_t hz; /* ticks of arch_cycles() a second, measured by the platform */
	uint64_t memory_bytes;
	uint32_t shared; /* 1: never spin, the core is not ours alone */
	uint32_t region_count, neighbour_count, pool_count, port_count, option_count, grant_count;
	uint32_t region_at, neighbour_at, pool_at, port_at, option_at, grant_at; /* byte offsets */
	uint32_t grant_fd_count; /* of them with keeps_fd */
	uint32_t wait; /* enum wait_kind */
	uint32_t wake_ns; /* what a sleep and a wake by the kernel cost: VANITY_SPIN_DEFAULT */
	uint32_t features; /* arch/features.h */
};

/* What a plan cannot know. */
struct bind_machine {
	uint64_t hz; /* ticks of arch_cycles() a second */
	uint32_t features; /* arch/features.h; the same on every core */
	uint32_t wake_ns;
	uint32_t wait; /* enum wait_kind, of every shard whose options name no other */
};

static inline const struct bind_region *bind_regions(const struct bind *b)
{
	return (const void *)((const char *)b + b->region_at);
}

static inline const struct bind_neighbour *bind_neighbours(const struct bind *b)
{
	return (const void *)((const char *)b + b->neighbour_at);
}

static inline const struct bind_pool *bind_pools(const struct bind *b)
{
	return (const void *)((const char *)b + b->pool_at);
}

static inline const struct bind_port *bind_ports(const struct bind *b)
{
	return (const void *)((const char *)b + b->port_at);
}

static inline const struct bind_option *bind_options(const struct bind *b)
{
	return (const void *)((const char *)b + b->option_at);
}

static inline const struct bind_grant *bind_grants(const struct bind *b)
{
	return (const void *)((const char *)b + b->grant_at);
}

/* Where a starting shard's descriptors begin, see above. */
static inline uint32_t bind_fd_grants(const struct bind *b)
{
	return BIND_FD_NEIGHBOURS + b->neighbour_count;
}

static inline uint32_t bind_fd_regions(const struct bind *b)
{
	return bind_fd_grants(b) + b->grant_fd_count;
}

static inline uint32_t bind_fd_facts(const struct bind *b)
{
	return bind_fd_regions(b) + b->region_count;
}

/**
 * plan_bind() - extract one shard's part
 * @machine: of the world the shard will run in
 * @ret_block: @room bytes, 8-byte aligned
 * Return: bytes used, a multiple of 8; 0 when @room is too small (plan_bind_bytes() is enough).
 */
uint32_t plan_bind(const struct plan *plan, uint32_t shard, const struct bind_machine *machine,
		   void *ret_block, uint32_t room);
uint32_t plan_bind_bytes(const struct plan *plan, uint32_t shard);

#endif
