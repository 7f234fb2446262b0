/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <stdbool.h>
#include <stdint.h>

#define STEP_BITS 4u

static uint32_t family_index(uint32_t family)
{
	return family == 4 ? 0 : 1;
}

/* The four bits of an address behind the first @depth. */
static uint32_t slot_at(const struct craft_addr *addr, uint32_t depth)
{
	/* Halves hold 16 steps each, so that no step lies across both. */
	uint64_t half = depth < 64 ? addr->hi : addr->lo;

	return (uint32_t)(half >> (60 - depth % 64)) & (RT_SLOTS - 1);
}

static bool shares(const struct craft_addr *a, const struct craft_addr *b, uint32_t bits)
{
	struct craft_addr mask = craft_addr_mask(bits);

	return (((a->hi ^ b->hi) & mask.hi) | ((a->lo ^ b->lo) & mask.lo)) == 0;
}

/*
 * How many whole steps two addresses share, in bits. Only when a table is built: a count of
 * leading zeroes would be shorter, and on riscv64 without Zbb a call into libgcc.
 */
static uint32_t common_bits(const struct craft_addr *a, const struct craft_addr *b)
{
	uint32_t bits = 0;

	while (bits < 128 && shares(a, b, bits + STEP_BITS))
		bits += STEP_BITS;
	return bits;
}

static uint32_t hash_of(const struct craft_prefix *prefix)
{
	/* Odd constants from the golden ratio; only the spread matters. */
	uint64_t h = prefix->addr.hi * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 29 ^ prefix->addr.lo) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 32 ^ prefix->length ^ (uint64_t)prefix->family << 8) * 0x94d049bb133111ebull;
	return (uint32_t)(h >> 40) & (RT_HASH_SLOTS - 1);
}

static bool is_prefix(const struct rt_route *route, const struct craft_prefix *prefix)
{
	return route->family == prefix->family && route->length == prefix->length &&
	       route->addr.hi == prefix->addr.hi && route->addr.lo == prefix->addr.lo;
}

/* The hash slot that holds a prefix, or the free one where it belongs. */
static uint32_t hash_slot(const struct rt_table *t, const struct craft_prefix *prefix)
{
	uint32_t at = hash_of(prefix);

	_Static_assert(RT_HASH_SLOTS >= 2 * RT_ROUTES_MAX, "a free slot ends every walk");
	while (t->hash[at] != 0 && !is_prefix(&t->route[t->hash[at]], prefix))
		at = (at + 1) & (RT_HASH_SLOTS - 1);
	return at;
}

static uint16_t node_new(struct rt_table *t, const struct craft_addr *addr, uint32_t depth)
{
	struct craft_addr mask = craft_addr_mask(depth);
	struct rt_node *node;

	/* Two a route, and rt_table_add() counts the routes: there is always one left. */
	t->node_count++;
	node = &t->node[t->node_count];
	node->key.hi = addr->hi & mask.hi;
	node->key.lo = addr->lo & mask.lo;
	node->depth = (uint8_t)depth;
	return (uint16_t)t->node_count;
}

/* The node at @depth on the way to @addr, made where it is not there yet. */
static struct rt_node *node_for(struct rt_table *t, uint16_t *link, const struct craft_addr *addr,
				uint32_t depth)
{
	for (;;) {
		uint32_t below = *link;
		struct rt_node *node = &t->node[below];
		uint32_t shared;

		if (below == 0) {
			*link = node_new(t, addr, depth);
			return &t->node[*link];
		}
		shared = common_bits(addr, &node->key);
		if (shared > node->depth)
			shared = node->depth;
		if (shared > depth)
			shared = depth;
		if (shared == node->depth) {
			if (shared == depth)
				return node;
			link = &node->child[slot_at(addr, node->depth)];
			continue;
		}
		/* The paths part, or ours ends, above that node: one goes in between. */
		*link = node_new(t, addr, shared);
		node = &t->node[*link];
		node->child[slot_at(&t->node[below].key, shared)] = (uint16_t)below;
		if (shared == depth)
			return node;
		link = &node->child[slot_at(addr, shared)];
	}
}

enum rt_added rt_table_add(struct rt_table *table, const struct craft_prefix *prefix,
			   const struct rt_hop *hop, uint32_t line)
{
	uint32_t hash = hash_slot(table, prefix);
	uint32_t family = family_index(prefix->family);
	struct rt_route *route;
	struct rt_node *node;
	uint32_t depth, first, slots;
	uint16_t number;

	if (table->hash[hash] != 0)
		return RT_THERE_ALREADY;
	if (table->route_count == RT_ROUTES_MAX)
		return RT_FULL;
	number = (uint16_t)++table->route_count;
	table->hash[hash] = number;
	route = &table->route[number];
	route->addr = prefix->addr;
	route->family = prefix->family;
	route->length = prefix->length;
	route->hop = *hop;
	route->line = line;
	if (prefix->length == 0) {
		table->everything[family] = number;
		return RT_ADDED;
	}

	depth = (prefix->length - 1u) & ~(STEP_BITS - 1);
	node = node_for(table, &table->root[family], &prefix->addr, depth);
	slots = 1u << (depth + STEP_BITS - prefix->length);
	first = slot_at(&prefix->addr, depth);
	for (uint32_t i = first; i < first + slots; i++) {
		uint32_t there = node->route[i];

		if (there == 0 || table->route[there].length < prefix->length)
			node->route[i] = number;
	}
	return RT_ADDED;
}

const struct rt_route *rt_table_find(const struct rt_table *table,
				     const struct craft_prefix *prefix)
{
	uint32_t number = table->hash[hash_slot(table, prefix)];

	return number == 0 ? NULL : &table->route[number];
}

const struct rt_route *rt_table_lookup(const struct rt_table *table, uint32_t family,
				       const struct craft_addr *addr)
{
	uint32_t best = table->everything[family_index(family)];
	uint32_t at = table->root[family_index(family)];

	while (at != 0) {
		const struct rt_node *node = &table->node[at];
		uint32_t slot;

		if (!shares(addr, &node->key, node->depth))
			break;
		slot = slot_at(addr, node->depth);
		if (node->route[slot] != 0)
			best = node->route[slot];
		at = node->child[slot];
	}
	return best == 0 ? NULL : &table->route[best];
}
