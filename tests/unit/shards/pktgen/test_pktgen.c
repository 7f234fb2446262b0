/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "common/packet.h"
#include "fake_vanity.h"

static struct vanity_tx *out;

static void setup(void)
{
	fake_new();
	out = fake_tx("out");
}

/* A little-endian capture; packet i has lengths[i] bytes of the value i. */
static void give_capture(const uint32_t *lengths, uint32_t count)
{
	static uint8_t file[65536];
	uint32_t at = 24;

	memset(file, 0, sizeof(file));
	memcpy(file, "\xd4\xc3\xb2\xa1\2\0\4\0", 8);
	file[20] = 1;
	for (uint32_t i = 0; i < count; i++) {
		file[at + 8] = (uint8_t)lengths[i];
		file[at + 9] = (uint8_t)(lengths[i] >> 8);
		memset(file + at + 16, (int)i, lengths[i]);
		at += 16 + lengths[i];
	}
	fake.config = file;
	fake.config_bytes = at;
}

static void a_capture_is_sent_in_order_and_again_with_running_numbers(void **state)
{
	static const uint32_t lengths[] = { 60, 100, 1514 };

	(void)state;
	setup();
	give_capture(lengths, 3);
	fake_option_add("count", "7", 7);
	fake.generation = 0x18003;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 7);
	for (uint32_t i = 0; i < 7; i++) {
		const struct vanity_ref *ref = &out->put[i];

		assert_int_equal(ref->tag, i);
		assert_int_equal(ref->flags, 3);
		assert_int_equal(ref->offset, 0);
		assert_int_equal(ref->length, lengths[i % 3]);
		assert_int_equal(fake.frame[ref->frame][0], i % 3);
		assert_int_equal(fake.frame[ref->frame][ref->length - 1], i % 3);
	}
	assert_int_equal(fake_counter("packets"), 7);
	assert_int_equal(fake_counter("bytes"), 2 * 1674 + 60);
	assert_int_equal(fake_counter("oversize"), 0);
}

static void a_packet_larger_than_a_frame_keeps_its_number_and_is_skipped(void **state)
{
	static const uint32_t lengths[] = { 60, 1000, 1001, 70 };

	(void)state;
	setup();
	fake.frame_bytes = 1000;
	give_capture(lengths, 4);
	fake_option_add("count", "6", 6);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 6);
	assert_int_equal(out->put[1].tag, 1);
	assert_int_equal(out->put[2].tag, 3);
	assert_int_equal(out->put[3].tag, 4);
	assert_int_equal(out->put[5].tag, 7);
	assert_int_equal(fake_counter("oversize"), 2);
	assert_int_equal(fake_counter("packets"), 6);
}

static void a_capture_without_a_packet_that_fits_does_not_start(void **state)
{
	static const uint32_t lengths[] = { 1001, 1002 };

	(void)state;
	setup();
	fake.frame_bytes = 1000;
	give_capture(lengths, 2);
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "capture: no packet fits a frame of the pool");
}

static void a_broken_capture_does_not_start(void **state)
{
	(void)state;
	setup();
	fake.config = "nonsense";
	fake.config_bytes = 8;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "capture: the first bytes are not a pcap file's");
	assert_false(fake.ready);
}

static void the_pattern_is_sound_packets_of_as_many_flows_as_asked(void **state)
{
	struct craft_packet p;

	(void)state;
	setup();
	fake_option_add("size", "128B", 128);
	fake_option_add("flows", "3", 3);
	fake_option_add("count", "6", 6);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		const struct vanity_ref *ref = &out->put[i];

		assert_int_equal(ref->length, 128);
		assert_int_equal(ref->tag, i);
		assert_int_equal(craft_packet_transport(fake.frame[ref->frame], 128, &p),
				 CRAFT_FAULT_NONE);
		assert_int_equal(p.src.hi >> 32, 0x0a000000 + i % 3);
		assert_int_equal(p.src_port, 1024 + i % 3);
		assert_memory_equal(fake.frame[ref->frame], fake.frame[out->put[i % 3].frame], 128);
	}
}

static void options_have_their_limits_at_and_one_beyond(void **state)
{
	static const struct {
		const char *name;
		uint64_t value;
		int ret;
	} cases[] = {
		{ "size", 60, 0 },          { "size", 59, -1 },     { "size", 2048, 0 },
		{ "size", 2049, -1 },       { "flows", 1, 0 },      { "flows", 0, -1 },
		{ "flows", 65536, 0 },      { "flows", 65537, -1 }, { "rate", 1000000000, 0 },
		{ "rate", 1000000001, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup();
		fake_option_add(cases[i].name, "", cases[i].value);
		fake_option_add("count", "1", 1);
		if (fake_run() != cases[i].ret)
			fail_msg("%s = %llu", cases[i].name, (unsigned long long)cases[i].value);
	}
}

static void it_stops_at_its_count_and_goes_on_beating(void **state)
{
	(void)state;
	setup();
	fake_option_add("count", "100", 100);
	fake.turns = 50;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 100);
	assert_true(fake.waits >= 40);
}

static void it_sends_no_more_than_there_is_room(void **state)
{
	(void)state;
	setup();
	out->room = 5;
	out->room_left = 5;
	fake.turns = 4;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 20);
	setup();
	out->room = 0;
	out->room_left = 0;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 0);
	assert_int_equal(fake_counter("pool_empty"), 0);
	assert_int_equal(fake.waits, 3);
}

static void an_empty_pool_is_counted_and_waited_for(void **state)
{
	(void)state;
	setup();
	fake.turns = FAKE_FRAMES / VANITY_BURST_MAX + 2;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, FAKE_FRAMES);
	assert_int_equal(fake_counter("pool_empty"), 2);
	assert_int_equal(fake.waits, 2);
}

static void a_rate_is_kept_on_average(void **state)
{
	(void)state;
	setup();
	out->recycle = true;
	fake_option_add("rate", "1Mpps", 1000000);
	fake.ticks_a_look = 3500; /* 3.5 us between two looks at the clock: 3.5 packets */
	fake.turns = 1000;
	assert_int_equal(fake_run(), 0);
	assert_in_range(out->put_count, 3497, 3500);
}

static void what_a_long_sleep_cost_is_made_up_for_a_second_of_it(void **state)
{
	(void)state;
	setup();
	out->recycle = true;
	fake_option_add("rate", "100pps", 100);
	fake.ticks_a_look = 0;
	fake.turns = 1;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 0);
	setup();
	out->recycle = true;
	fake_option_add("rate", "100pps", 100);
	fake.ticks_a_look = 3600ull * 1000000000;
	fake.turns = 2;
	assert_int_equal(fake_run(), 0);
	assert_in_range(out->put_count, 100, 128); /* two bursts of 64 at most */
}

static void between_two_packets_of_a_rate_it_sleeps_until_the_next_is_due(void **state)
{
	(void)state;
	setup();
	out->recycle = true;
	fake_option_add("rate", "100pps", 100);
	fake.ticks_a_look = 9000000;
	fake.turns = 1;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 0);
	assert_int_equal(fake.waits, 1);
	assert_int_equal(fake.wait_until, fake.now + 1000000);
	/* What cannot go for want of room is not a matter of time. */
	setup();
	out->room = 0;
	fake_option_add("rate", "100pps", 100);
	fake.turns = 3;
	assert_int_equal(fake_run(), 0);
	assert_true(fake.wait_until == VANITY_NEVER);
}

static void a_rate_needs_a_clock(void **state)
{
	(void)state;
	setup();
	fake.hz = 0;
	fake_option_add("rate", "1pps", 1);
	assert_int_equal(fake_run(), -1);
	setup();
	fake.hz = 0;
	assert_int_equal(fake_run(), 0);
}

static void without_a_pool_it_does_not_start(void **state)
{
	(void)state;
	setup();
	fake.has_pool = false;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "pktgen owns no pool: say pool NAME { owner = ... }");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_is_sent_in_order_and_again_with_running_numbers),
		cmocka_unit_test(a_packet_larger_than_a_frame_keeps_its_number_and_is_skipped),
		cmocka_unit_test(a_capture_without_a_packet_that_fits_does_not_start),
		cmocka_unit_test(a_broken_capture_does_not_start),
		cmocka_unit_test(the_pattern_is_sound_packets_of_as_many_flows_as_asked),
		cmocka_unit_test(options_have_their_limits_at_and_one_beyond),
		cmocka_unit_test(it_stops_at_its_count_and_goes_on_beating),
		cmocka_unit_test(it_sends_no_more_than_there_is_room),
		cmocka_unit_test(an_empty_pool_is_counted_and_waited_for),
		cmocka_unit_test(a_rate_is_kept_on_average),
		cmocka_unit_test(what_a_long_sleep_cost_is_made_up_for_a_second_of_it),
		cmocka_unit_test(between_two_packets_of_a_rate_it_sleeps_until_the_next_is_due),
		cmocka_unit_test(a_rate_needs_a_clock),
		cmocka_unit_test(without_a_pool_it_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
