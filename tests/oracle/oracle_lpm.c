/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle_lpm: shards/router/table.c against rte_lpm and rte_lpm6: 100,000 random tables of each
 * family, each asked for addresses in, at the edge of, and outside of its prefixes.
 */
#include <stdbool.h>
#include <string.h>

#include <rte_lpm.h>
#include <rte_lpm6.h>

#include "oracle.h"
#include "router/table.h"

#define PREFIXES_MAX 12u
#define ADDRESSES 8u

static struct rt_table table;
static struct craft_prefix prefix[PREFIXES_MAX];
static uint32_t prefix_count;
static struct rte_lpm *lpm4;
static struct rte_lpm6 *lpm6;

/* An emptied table costs what was in it: a hundred thousand times a megabyte would be the test. */
static void table_empty(void)
{
	memset(table.node, 0, (table.node_count + 1) * sizeof(table.node[0]));
	memset(table.route, 0, (table.route_count + 1) * sizeof(table.route[0]));
	memset(&table, 0, offsetof(struct rt_table, node));
}

static void to_bytes(const struct craft_addr *addr, uint8_t ret[16])
{
	for (uint32_t i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(addr->hi >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(addr->lo >> (56 - 8 * i));
	}
}

static struct craft_addr random_addr(uint32_t family)
{
	struct craft_addr addr = { oracle_random(), oracle_random() };

	if (family == 4) {
		addr.hi &= 0xffffffff00000000ull;
		addr.lo = 0;
	}
	return addr;
}

/* Often below or above a prefix that is there: paths that part early would prove nothing. */
static struct craft_prefix random_prefix(uint32_t family)
{
	uint32_t bits = family == 4 ? 32 : 128;
	/* Short ones are rare: each fills a part of rte_lpm's 16 million entries. */
	uint32_t shortest = oracle_below(200) == 0 ? 4 : 14;
	struct craft_prefix p = { random_addr(family), (uint8_t)family, 0 };
	struct craft_addr mask;

	p.length = (uint8_t)(shortest + oracle_below(bits - shortest + 1));
	if (prefix_count > 0 && oracle_below(4) != 0) {
		const struct craft_prefix *near = &prefix[oracle_below(prefix_count)];

		mask = craft_addr_mask(oracle_below(near->length + 1u));
		p.addr.hi = (near->addr.hi & mask.hi) | (p.addr.hi & ~mask.hi);
		p.addr.lo = (near->addr.lo & mask.lo) | (p.addr.lo & ~mask.lo);
	}
	mask = craft_addr_mask(p.length);
	p.addr.hi &= mask.hi;
	p.addr.lo &= mask.lo;
	return p;
}

static struct craft_addr random_question(uint32_t family)
{
	const struct craft_prefix *near = &prefix[oracle_below(prefix_count)];
	struct craft_addr addr = random_addr(family);
	struct craft_addr mask = craft_addr_mask(near->length);
	uint32_t bit;

	if (oracle_below(8) == 0)
		return addr;
	addr.hi = (near->addr.hi & mask.hi) | (addr.hi & ~mask.hi);
	addr.lo = (near->addr.lo & mask.lo) | (addr.lo & ~mask.lo);
	if (oracle_below(3) == 0) {
		bit = oracle_below(family == 4 ? 32 : 128);
		if (bit < 64)
			addr.hi ^= 1ull << (63 - bit);
		else
			addr.lo ^= 1ull << (127 - bit);
	}
	return addr;
}

static bool theirs(uint32_t family, const struct craft_addr *addr, uint32_t *ret)
{
	uint8_t bytes[16];

	if (family == 4)
		return rte_lpm_lookup(lpm4, (uint32_t)(addr->hi >> 32), ret) == 0;
	to_bytes(addr, bytes);
	return rte_lpm6_lookup(lpm6, bytes, ret) == 0;
}

static int their_add(const struct craft_prefix *p, uint32_t number)
{
	uint8_t bytes[16];

	if (p->family == 4)
		return rte_lpm_add(lpm4, (uint32_t)(p->addr.hi >> 32), p->length, number);
	to_bytes(&p->addr, bytes);
	return rte_lpm6_add(lpm6, bytes, p->length, number);
}

static int their_delete(const struct craft_prefix *p)
{
	uint8_t bytes[16];

	if (p->family == 4)
		return rte_lpm_delete(lpm4, (uint32_t)(p->addr.hi >> 32), p->length);
	to_bytes(&p->addr, bytes);
	return rte_lpm6_delete(lpm6, bytes, p->length);
}

static int one_table(uint32_t family)
{
	const struct rt_hop hop = { 0 };
	uint32_t wanted = 1 + oracle_below(PREFIXES_MAX);

	table_empty();
	prefix_count = 0;
	while (prefix_count < wanted) {
		struct craft_prefix p = random_prefix(family);

		if (rt_table_add(&table, &p, &hop, prefix_count) != RT_ADDED)
			continue; /* it is there already */
		if (their_add(&p, prefix_count) != 0) {
			printf("DPDK refuses a prefix of length %u\n", p.length);
			return 1;
		}
		prefix[prefix_count++] = p;
	}
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct craft_addr addr = random_question(family);
		const struct rt_route *route = rt_table_lookup(&table, family, &addr);
		uint32_t number = 0;
		bool found = theirs(family, &addr, &number);

		if (found != (route != NULL) || (found && route->line != number)) {
			printf("IPv%u %016llx%016llx: ours %d, DPDK's %d\n", family,
			       (unsigned long long)addr.hi, (unsigned long long)addr.lo,
			       route != NULL ? (int)route->line : -1, found ? (int)number : -1);
			return 1;
		}
	}
	for (uint32_t i = 0; i < prefix_count; i++) {
		if (their_delete(&prefix[i]) != 0)
			return 1;
	}
	return 0;
}

int main(void)
{
	struct rte_lpm_config config4 = { .max_rules = 1024, .number_tbl8s = 1024 };
	struct rte_lpm6_config config6 = { .max_rules = 1024, .number_tbl8s = 4096 };
	int failed = oracle_start("lpm");

	if (failed != 0)
		return failed;
	lpm4 = rte_lpm_create("four", SOCKET_ID_ANY, &config4);
	lpm6 = rte_lpm6_create("six", SOCKET_ID_ANY, &config6);
	if (lpm4 == NULL || lpm6 == NULL) {
		printf("no memory for DPDK's tables\n");
		return 1;
	}
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (uint32_t i = 0; i < ORACLE_QUESTIONS && failed == 0; i++) {
			failed = one_table(family);
			if (failed != 0)
				printf("in table %u\n", i);
		}
	}
	printf("%s: %u tables a family, %u addresses each\n", failed == 0 ? "agreed" : "DISAGREED",
	       ORACLE_QUESTIONS, ADDRESSES);
	return failed;
}
