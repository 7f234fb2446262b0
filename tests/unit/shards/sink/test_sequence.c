/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include <stdbool.h>

#include "sink/sequence.h"

static struct sequence s;
static struct sequence_input input;

static void begin(uint32_t cycle)
{
	memset(&s, 0, sizeof(s));
	memset(&input, 0, sizeof(input));
	sequence_init(&s, cycle);
}

static void see(uint32_t number)
{
	sequence_see(&s, &input, 1, number);
}

static void an_unbroken_stream_misses_nothing(void **state)
{
	(void)state;
	begin(7);
	for (uint32_t i = 0; i < 1000; i++)
		see(i);
	assert_int_equal(s.missing, 0);
	assert_int_equal(s.out_of_order, 0);
	assert_int_equal(s.epochs, 0);
}

static void the_first_number_is_where_counting_begins(void **state)
{
	(void)state;
	begin(10);
	see(123456);
	see(123457);
	assert_int_equal(s.missing, 0);
	assert_int_equal(s.out_of_order, 0);
}

static void an_index_that_never_comes_is_not_missed(void **state)
{
	(void)state;
	begin(4);
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 4 != 2)
			see(i);
	}
	assert_int_equal(s.missing, 0);
}

static void the_drawing_in_the_header_is_right(void **state)
{
	static const uint32_t came[] = { 0, 1, 3, 4, 7, 8, 9, 11 };

	(void)state;
	begin(4);
	for (size_t i = 0; i < sizeof(came) / sizeof(came[0]); i++)
		see(came[i]);
	assert_int_equal(s.missing, 1);
}

static void an_index_that_comes_late_brings_what_it_had_missed(void **state)
{
	(void)state;
	begin(4);
	see(0);
	see(3);
	see(4);
	see(5); /* index 1, missed once before */
	assert_int_equal(s.missing, 1);
	see(7);
	see(8);
	see(10); /* index 2: missed twice before; index 1 once more */
	assert_int_equal(s.missing, 4);
}

static void a_gap_of_many_cycles_counts_for_every_index_seen(void **state)
{
	(void)state;
	begin(4);
	see(0);
	see(1);
	/* 2 to 4,000 are not there: 1,000 of index 0, 999 of index 1, 1,000 each of 2 and 3. */
	see(4 * 1000 + 1);
	assert_int_equal(s.missing, 1999);
	see(4 * 1000 + 2); /* index 2 comes after all */
	assert_int_equal(s.missing, 2999);
}

static void numbers_behind_or_equal_are_out_of_order_and_change_nothing(void **state)
{
	(void)state;
	begin(1);
	see(10);
	see(10);
	see(9);
	see(11);
	assert_int_equal(s.out_of_order, 2);
	assert_int_equal(s.missing, 0);
	see(13);
	assert_int_equal(s.missing, 1);
}

static void numbers_wrap_at_the_largest_multiple_of_the_cycle(void **state)
{
	uint32_t span = (uint32_t)((1ull << 32) / 1000 * 1000);

	(void)state;
	begin(1000);
	assert_int_equal(s.span, span);
	see(span - 2);
	see(span - 1);
	see(0);
	see(1);
	assert_int_equal(s.missing, 0);
	assert_int_equal(s.out_of_order, 0);
	see(span); /* no number at all */
	see(UINT32_MAX);
	assert_int_equal(s.out_of_order, 2);
	see(2);
	assert_int_equal(s.missing, 0);
	assert_int_equal(s.seen_count, 5); /* 998, 999, 0, 1, 2 */
}

static void a_cycle_that_divides_the_numbers_wraps_with_them(void **state)
{
	(void)state;
	begin(65536);
	assert_true(s.span == 1ull << 32);
	see(UINT32_MAX);
	see(0);
	see(2);
	assert_int_equal(s.missing, 0); /* index 1 was never seen */
	begin(1);
	see(UINT32_MAX - 1);
	see(1);
	assert_int_equal(s.missing, 2);
}

static void half_the_span_ahead_is_a_gap_and_more_is_behind(void **state)
{
	(void)state;
	begin(1);
	see(0);
	see(1u << 31);
	assert_true(s.missing == (1ull << 31) - 1);
	begin(1);
	see(0);
	see((1u << 31) + 1);
	assert_int_equal(s.out_of_order, 1);
	assert_int_equal(s.missing, 0);
}

static void a_new_generation_begins_anew_and_keeps_what_was_counted(void **state)
{
	(void)state;
	begin(1);
	see(100);
	see(102);
	assert_int_equal(s.missing, 1);
	sequence_see(&s, &input, 2, 5);
	assert_int_equal(s.epochs, 1);
	assert_int_equal(s.missing, 1);
	sequence_see(&s, &input, 2, 7);
	assert_int_equal(s.missing, 2);
	assert_int_equal(s.out_of_order, 0);
}

static void streams_are_followed_apart(void **state)
{
	struct sequence_input other = { 0, 0, false };

	(void)state;
	begin(1);
	for (uint32_t i = 0; i < 100; i++) {
		sequence_see(&s, &input, 1, i);
		sequence_see(&s, &other, 1, 5000 + i);
	}
	assert_int_equal(s.missing, 0);
	assert_int_equal(s.out_of_order, 0);
}

/* The definition, word for word and number for number. */
static uint64_t missing_by_definition(uint32_t cycle, const uint32_t *came, uint32_t count)
{
	static uint64_t miss[64];
	static bool seen[64];
	uint64_t sum = 0;

	memset(miss, 0, sizeof(miss));
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < count; i++) {
		for (uint64_t t = i > 0 ? came[i - 1] + 1ull : came[i]; t < came[i]; t++)
			miss[t % cycle]++;
		seen[came[i] % cycle] = true;
	}
	for (uint32_t i = 0; i < cycle; i++)
		sum += seen[i] ? miss[i] : 0;
	return sum;
}

static void random_streams_agree_with_the_definition_at_every_step(void **state)
{
	static uint32_t came[300];
	uint64_t seed = 31337;
	uint64_t random = seed;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (uint32_t turn = 0; turn < 200; turn++) {
		uint32_t cycle = 1 + turn % 64;
		uint32_t number = turn * 17;

		begin(cycle);
		for (uint32_t i = 0; i < 300; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			number += 1;
			if (random >> 60 == 0)
				number += (uint32_t)(random >> 33) % 200;
			/* One index in three is refused on its way. */
			while (number % cycle % 3 == 1)
				number++;
			came[i] = number;
			see(number);
			if (i % 50 == 49 || i < 10)
				assert_int_equal(s.missing,
						 missing_by_definition(cycle, came, i + 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unbroken_stream_misses_nothing),
		cmocka_unit_test(the_first_number_is_where_counting_begins),
		cmocka_unit_test(an_index_that_never_comes_is_not_missed),
		cmocka_unit_test(the_drawing_in_the_header_is_right),
		cmocka_unit_test(an_index_that_comes_late_brings_what_it_had_missed),
		cmocka_unit_test(a_gap_of_many_cycles_counts_for_every_index_seen),
		cmocka_unit_test(numbers_behind_or_equal_are_out_of_order_and_change_nothing),
		cmocka_unit_test(numbers_wrap_at_the_largest_multiple_of_the_cycle),
		cmocka_unit_test(a_cycle_that_divides_the_numbers_wraps_with_them),
		cmocka_unit_test(half_the_span_ahead_is_a_gap_and_more_is_behind),
		cmocka_unit_test(a_new_generation_begins_anew_and_keeps_what_was_counted),
		cmocka_unit_test(streams_are_followed_apart),
		cmocka_unit_test(random_streams_agree_with_the_definition_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
