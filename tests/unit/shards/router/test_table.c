/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include <stdbool.h>

#include "router/table.h"

static struct rt_table table;

static struct craft_prefix prefix(uint32_t family, uint64_t hi, uint64_t lo, uint32_t length)
{
	struct craft_addr mask = craft_addr_mask(length);

	return (struct craft_prefix){ { hi & mask.hi, lo & mask.lo },
				      (uint8_t)family,
				      (uint8_t)length };
}

static enum rt_added add(struct craft_prefix p, uint32_t line)
{
	struct rt_hop hop = { RT_KIND_NEIGHBOUR, 0, { 0 } };

	return rt_table_add(&table, &p, &hop, line);
}

/* The line that added the best route, 0 for none. */
static uint32_t best(uint32_t family, uint64_t hi, uint64_t lo)
{
	struct craft_addr addr = { hi, lo };
	const struct rt_route *route = rt_table_lookup(&table, family, &addr);

	return route != NULL ? route->line : 0;
}

static void an_empty_table_knows_no_way(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	assert_int_equal(best(4, 0, 0), 0);
	assert_int_equal(best(6, ~0ull, ~0ull), 0);
}

static void the_longest_prefix_wins_in_any_order_of_adding(void **state)
{
	static const uint32_t lengths[] = { 8, 0, 24, 32, 16, 9, 31, 12, 1, 5 };

	(void)state;
	for (uint32_t turn = 0; turn < 2; turn++) {
		memset(&table, 0, sizeof(table));
		for (uint32_t i = 0; i < 10; i++) {
			uint32_t length = lengths[turn == 0 ? i : 9 - i];

			assert_int_equal(add(prefix(4, 0x0a01020300000000, 0, length), length + 1),
					 RT_ADDED);
		}
		assert_int_equal(best(4, 0x0a01020300000000, 0), 33);
		assert_int_equal(best(4, 0x0a01020200000000, 0), 32);
		assert_int_equal(best(4, 0x0a01020500000000, 0), 25);
		assert_int_equal(best(4, 0x0a01ff0000000000, 0), 17);
		assert_int_equal(best(4, 0x0a0fff0000000000, 0), 13);
		assert_int_equal(best(4, 0x0a7f000000000000, 0), 10);
		assert_int_equal(best(4, 0x0aff000000000000, 0), 9);
		assert_int_equal(best(4, 0x0f00000000000000, 0), 6);
		assert_int_equal(best(4, 0x7f00000000000000, 0), 2);
		assert_int_equal(best(4, 0xff00000000000000, 0), 1);
	}
}

static void the_families_do_not_meet(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	assert_int_equal(add(prefix(4, 0x2001000000000000, 0, 16), 4), RT_ADDED);
	assert_int_equal(add(prefix(6, 0, 0, 0), 6), RT_ADDED);
	assert_int_equal(best(4, 0x2001000000000000, 0), 4);
	assert_int_equal(best(6, 0x2001000000000000, 0), 6);
	assert_int_equal(best(4, 0x3001000000000000, 0), 0);
	assert_int_equal(add(prefix(6, 0x2001000000000000, 0, 16), 7), RT_ADDED);
	assert_int_equal(best(6, 0x2001000000000000, 0), 7);
	assert_int_equal(best(4, 0x2001000000000000, 0), 4);
}

static void a_prefix_is_added_once_and_found_again(void **state)
{
	struct craft_prefix p = prefix(6, 0x20010db800000000, 0, 32);
	struct craft_prefix longer = prefix(6, 0x20010db800000000, 0, 33);

	(void)state;
	memset(&table, 0, sizeof(table));
	assert_null(rt_table_find(&table, &p));
	assert_int_equal(add(p, 3), RT_ADDED);
	assert_int_equal(add(p, 9), RT_THERE_ALREADY);
	assert_int_equal(rt_table_find(&table, &p)->line, 3);
	assert_null(rt_table_find(&table, &longer));
	assert_int_equal(table.route_count, 1);
}

/* --- against an oracle that cannot be wrong -------------------------------------------------- */

static uint64_t random_state;

static uint64_t random64(void)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

static struct craft_prefix listed[RT_ROUTES_MAX];
static uint32_t listed_count;

static uint32_t linear(uint32_t family, uint64_t hi, uint64_t lo)
{
	uint32_t found = 0;
	int longest = -1;

	for (uint32_t i = 0; i < listed_count; i++) {
		struct craft_addr mask = craft_addr_mask(listed[i].length);

		if (listed[i].family == family && (hi & mask.hi) == listed[i].addr.hi &&
		    (lo & mask.lo) == listed[i].addr.lo && listed[i].length > longest) {
			longest = listed[i].length;
			found = i + 1;
		}
	}
	return found;
}

/* Addresses that like to share their beginnings: @spread bits of them are free. */
static void random_addr(uint32_t family, uint32_t spread, uint64_t *hi, uint64_t *lo)
{
	uint64_t keep = spread >= 64 ? 0 : ~0ull >> spread;

	*hi = (random64() & ~keep) | (0x20010db85a5a1234ull & keep);
	*lo = random64() & random64();
	if (random64() % 4 == 0)
		*hi ^= 1ull << (random64() % 64);
	if (family == 4) {
		*hi &= 0xffffffff00000000ull;
		*lo = 0;
	}
}

static void fill(uint32_t count, uint32_t spread, uint32_t six_of_eight)
{
	memset(&table, 0, sizeof(table));
	listed_count = 0;
	while (listed_count < count) {
		uint32_t family = random64() % 8 < six_of_eight ? 6 : 4;
		uint64_t hi, lo;
		struct craft_prefix p;
		enum rt_added added;

		random_addr(family, spread, &hi, &lo);
		p = prefix(family, hi, lo, (uint32_t)(random64() % (family == 4 ? 33 : 129)));
		added = add(p, listed_count + 1);
		if (added == RT_THERE_ALREADY)
			continue;
		assert_int_equal(added, RT_ADDED);
		listed[listed_count++] = p;
	}
}

static void random_tables_agree_with_a_linear_search(void **state)
{
	static const uint32_t spreads[] = { 8, 20, 32, 64 };
	uint64_t seed = 20260101;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	for (uint32_t turn = 0; turn < 400; turn++) {
		uint32_t spread = spreads[turn % 4];

		fill((uint32_t)(random64() % 60), spread, turn % 9);
		for (uint32_t i = 0; i < 200; i++) {
			uint32_t family = random64() % 2 ? 4 : 6;
			uint64_t hi, lo;

			random_addr(family, spread, &hi, &lo);
			/* Half of them within or just outside a prefix that is there. */
			if (listed_count > 0 && random64() % 2) {
				struct craft_prefix p = listed[random64() % listed_count];
				struct craft_addr mask = craft_addr_mask(p.length);

				family = p.family;
				hi = p.addr.hi | (family == 4 ? hi & 0xffffffff00000000 & ~mask.hi
							      : hi & ~mask.hi);
				lo = family == 4 ? 0 : p.addr.lo | (lo & ~mask.lo);
				if (random64() % 4 == 0)
					hi ^= 1ull << (63 - random64() % 32);
			}
			if (best(family, hi, lo) != linear(family, hi, lo))
				fail_msg("seed %llu turn %u: %u %016llx %016llx",
					 (unsigned long long)seed, turn, family,
					 (unsigned long long)hi, (unsigned long long)lo);
		}
	}
}

static void a_full_table_still_agrees_and_takes_no_more(void **state)
{
	uint64_t seed = 7919;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	fill(RT_ROUTES_MAX, 64, 4);
	assert_true(table.node_count <= RT_NODES_MAX);
	assert_int_equal(add(prefix(6, 0x1234567812345678, 0x1234567812345678, 127), 1), RT_FULL);
	assert_null(rt_table_find(
		&table,
		&(struct craft_prefix){ { 0x1234567812345678, 0x1234567812345678 }, 6, 127 }));
	for (uint32_t i = 0; i < 2000; i++) {
		struct craft_prefix p = listed[random64() % listed_count];

		assert_int_equal(best(p.family, p.addr.hi, p.addr.lo),
				 linear(p.family, p.addr.hi, p.addr.lo));
	}
}

static void the_worst_table_uses_no_more_nodes_than_there_are(void **state)
{
	uint64_t seed = 4242;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	memset(&table, 0, sizeof(table));
	/* Full length and far apart: each route wants a node of its own and one above it. */
	for (uint32_t i = 0; i < RT_ROUTES_MAX; i++)
		assert_int_equal(add(prefix(6, random64(), random64(), 128), i + 1), RT_ADDED);
	assert_true(table.node_count <= RT_NODES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_knows_no_way),
		cmocka_unit_test(the_longest_prefix_wins_in_any_order_of_adding),
		cmocka_unit_test(the_families_do_not_meet),
		cmocka_unit_test(a_prefix_is_added_once_and_found_again),
		cmocka_unit_test(random_tables_agree_with_a_linear_search),
		cmocka_unit_test(a_full_table_still_agrees_and_takes_no_more),
		cmocka_unit_test(the_worst_table_uses_no_more_nodes_than_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
