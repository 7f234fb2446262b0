/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h: longest-prefix match for IPv4 and IPv6 in memory of constant size.
 *
 * A trie that looks at four bits a step and leaves out the steps that decide nothing. A node
 * stands at a depth (a multiple of 4) and names the bits that lead to it, so a path is checked
 * as it is walked and nothing is ever undone:
 *
 *      2001:db8::/32     node at depth 28, key 2001:db8     slot 8 -> route
 *      2001:db8:5::/48   node at depth 44, key 2001:db8:5   slot 5 -> route
 *
 *           root6 --> [28 | 2001:db ] --8--> [44 | 2001:db8:000 ] slot 5
 *
 * A prefix of length L lives in the node at depth (L - 1) rounded down to 4, in every slot it
 * covers (one to eight), and yields a slot to a longer one. Each route adds at most two nodes,
 * its own and one where two paths part, so RT_ROUTES_MAX routes fit whatever they are. Length
 * 0 needs no node. A lookup visits at most 8 nodes in IPv4 and 32 in IPv6; depth only grows.
 *
 * Exact matches (is it there already? who is that neighbour?) go through a small hash.
 *
 * When not to use it: routes cannot be taken out again. A table is built, used, and replaced.
 */
#ifndef SHARDS_ROUTER_TABLE_H
#define SHARDS_ROUTER_TABLE_H

#include <stdint.h>

#include "../common/packet.h"
#include "../common/text.h"

#define RT_ROUTES_MAX 4096u /* prefixes, neighbours and own addresses together */
#define RT_NODES_MAX (2u * RT_ROUTES_MAX)
#define RT_SLOTS 16u
#define RT_HASH_SLOTS 8192u /* a power of two, at least half of it always free */

enum rt_kind {
	RT_KIND_NEIGHBOUR, /* to a known link address: it forwards without asking */
	RT_KIND_CONNECTED, /* on a link of ours, but nobody told us its link address */
	RT_KIND_LOCAL, /* an address of ours */
	RT_KIND_GATEWAY, /* to somebody on a link of ours whose link address is asked for */
};

/** struct rt_hop - where a packet goes next */
struct rt_hop {
	uint8_t kind;
	uint8_t interface; /* index */
	uint8_t mac[CRAFT_MAC_BYTES];
	uint16_t via; /* of a gateway: the route that is its address */
};

/** struct rt_route - one prefix; @line: where the config says so */
struct rt_route {
	struct craft_addr addr;
	struct rt_hop hop;
	uint32_t line;
	uint8_t family;
	uint8_t length;
};

struct rt_node {
	struct craft_addr key; /* the first depth bits, zeroes behind */
	uint16_t child[RT_SLOTS]; /* node, 0: none */
	uint16_t route[RT_SLOTS]; /* route, 0: none */
	uint8_t depth;
};

/** struct rt_table - zeroed memory is an empty table; entry 0 of both arrays is unused */
struct rt_table {
	uint32_t node_count;
	uint32_t route_count;
	uint16_t root[2]; /* IPv4, IPv6 */
	uint16_t everything[2]; /* the routes of length 0 */
	uint16_t hash[RT_HASH_SLOTS];
	struct rt_node node[RT_NODES_MAX + 1];
	struct rt_route route[RT_ROUTES_MAX + 1];
};

enum rt_added { RT_ADDED, RT_THERE_ALREADY, RT_FULL };

/**
 * rt_table_add() - one more prefix
 * @prefix: bits behind its length are zero
 *
 * Return: RT_ADDED, or why not; then the table is as it was.
 */
enum rt_added rt_table_add(struct rt_table *table, const struct craft_prefix *prefix,
			   const struct rt_hop *hop, uint32_t line);

/** rt_table_find() - the route for exactly this prefix, or NULL */
const struct rt_route *rt_table_find(const struct rt_table *table,
				     const struct craft_prefix *prefix);

/** rt_table_lookup() - the longest prefix that holds an address, or NULL; @family 4 or 6 */
const struct rt_route *rt_table_lookup(const struct rt_table *table, uint32_t family,
				       const struct craft_addr *addr);

#endif
