/* SPDX-License-Identifier: Apache-2.0 */
#include "../cm.h"

#include "../fake_vanity.h"

static const uint8_t packet[60] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0 };

static void pair(const char *in, const char *out)
{
	fake_rx(in);
	fake_tx(out);
}

static const uint8_t *put(uint32_t output, uint32_t n)
{
	return fake.frame[fake.tx[output].put[n].frame];
}

static void every_input_goes_to_its_own_output(void **state)
{
	(void)state;
	fake_new();
	pair("in_a", "out_a");
	pair("in_b", "out_b");
	fake_queue(&fake.rx[0], packet, sizeof(packet));
	fake_queue(&fake.rx[1], packet, sizeof(packet));
	fake_queue(&fake.rx[1], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.tx[0].put_count, 1);
	assert_int_equal(fake.tx[1].put_count, 2);
	assert_int_equal(fake_counter("forwarded"), 3);
}

static void addresses_are_updated_to_the_output_when_nothing_is_said(void **state)
{
	static const uint8_t want[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 8, 0 };

	(void)state;
	fake_new();
	pair("in_a", "out_a");
	pair("in_b", "out_b");
	fake_queue(&fake.rx[1], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_memory_equal(put(1, 0), want, sizeof(want));
	assert_memory_equal(put(1, 0) + 14, packet + 14, 46);
}

static void swap_changes_the_ends_and_keep_changes_nothing(void **state)
{
	static const uint8_t swapped[14] = { 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 8, 0 };

	(void)state;
	fake_new();
	pair("in", "out");
	fake_option_add("mac", "swap", 0);
	fake_queue(&fake.rx[0], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_memory_equal(put(0, 0), swapped, sizeof(swapped));
	fake_new();
	pair("in", "out");
	fake_option_add("mac", "keep", 0);
	fake.read_only = true;
	fake_queue(&fake.rx[0], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_memory_equal(put(0, 0), packet, sizeof(packet));
}

static void a_frame_that_cannot_be_rewritten_goes_home_with_the_reason(void **state)
{
	(void)state;
	fake_new();
	pair("in", "out");
	fake_queue(&fake.rx[0], packet, 13);
	fake_queue(&fake.rx[0], packet, 14);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.tx[0].put_count, 1);
	assert_int_equal(fake_counter("short"), 1);
	fake_new();
	pair("in", "out");
	fake.read_only = true;
	fake_queue(&fake.rx[0], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("read_only"), 1);
	assert_int_equal(fake.tx[0].put_count, 0);
}

static void no_more_is_taken_than_the_output_has_room_for(void **state)
{
	(void)state;
	fake_new();
	pair("in_a", "out_a");
	pair("in_b", "out_b");
	fake.tx[0].room = 0;
	fake.tx[0].room_left = 0;
	fake.turns_max = 4;
	fake_queue(&fake.rx[0], packet, sizeof(packet));
	fake_queue(&fake.rx[1], packet, sizeof(packet));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.rx[0].taken, 0);
	assert_int_equal(fake.tx[1].put_count, 1); /* a full output stops its own pair alone */
}

static void unpaired_ports_and_unknown_options_end_the_shard(void **state)
{
	(void)state;
	fake_new();
	fake_tx("out");
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "l2fwd has no input");
	fake_new();
	fake_rx("in");
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "l2fwd has more inputs than outputs");
	fake_new();
	pair("in", "out");
	fake_tx("more");
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "l2fwd has more outputs than inputs");
	fake_new();
	pair("in", "out");
	fake_option_add("mac", "swapp", 0);
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "option mac: update, swap or keep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_input_goes_to_its_own_output),
		cmocka_unit_test(addresses_are_updated_to_the_output_when_nothing_is_said),
		cmocka_unit_test(swap_changes_the_ends_and_keep_changes_nothing),
		cmocka_unit_test(a_frame_that_cannot_be_rewritten_goes_home_with_the_reason),
		cmocka_unit_test(no_more_is_taken_than_the_output_has_room_for),
		cmocka_unit_test(unpaired_ports_and_unknown_options_end_the_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
