/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "fake_vanity.h"
#include "sink/digest.h"

static struct vanity_rx *in;

static void setup(void)
{
	fake_new();
	in = fake_rx("in");
}

static void queue(struct vanity_rx *rx, const char *bytes, uint32_t tag)
{
	struct vanity_ref *ref = fake_queue(rx, bytes, (uint32_t)strlen(bytes));

	ref->tag = tag;
	ref->flags = 1;
}

static void everything_is_counted_and_given_back(void **state)
{
	(void)state;
	setup();
	for (uint32_t i = 0; i < 150; i++)
		queue(in, "0123456789", i);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(in->back_count, 150);
	assert_int_equal(fake_counter("received"), 150);
	assert_int_equal(fake_counter("bytes"), 1500);
	assert_int_equal(fake_counter("missing"), 0);
	assert_int_equal(fake_counter("out_of_order"), 0);
}

/* As the header defines it, with other words: one byte after the other. */
static uint64_t by_definition(uint64_t digest, const char *bytes)
{
	size_t length = strlen(bytes);
	uint64_t word = length;

	for (size_t at = 0;; at += 8) {
		digest ^= word;
		digest *= 0x100000001b3ull;
		digest ^= digest >> 32;
		if (at >= length)
			return digest;
		word = 0;
		for (size_t i = 0; i < 8 && at + i < length; i++)
			word |= (uint64_t)(uint8_t)bytes[at + i] << (8 * i);
	}
}

static void the_digest_is_what_its_header_says(void **state)
{
	static const char *frames[] = { "a", "12345678", "123456789", "the quick brown fox", "" };
	uint64_t digest = 0xcbf29ce484222325ull;

	(void)state;
	setup();
	for (uint32_t i = 0; i < 5; i++) {
		queue(in, frames[i], i);
		digest = by_definition(digest, frames[i]);
	}
	assert_int_equal(fake_run(), 0);
	assert_true(fake_counter("digest") == digest);
}

static void the_digest_depends_on_order_and_on_where_frames_end(void **state)
{
	uint64_t ab = digest_frame(digest_frame(DIGEST_START, "a", 1), "b", 1);

	(void)state;
	assert_true(ab != digest_frame(digest_frame(DIGEST_START, "b", 1), "a", 1));
	assert_true(ab != digest_frame(DIGEST_START, "ab", 2));
	assert_true(digest_frame(DIGEST_START, "a", 1) != digest_frame(DIGEST_START, "a\0", 2));
}

static void what_is_missing_is_told_by_index(void **state)
{
	(void)state;
	setup();
	fake_option_add("cycle", "4", 4);
	for (uint32_t i = 0; i < 40; i++) {
		if (i % 4 != 2 && i != 21 && i != 25)
			queue(in, "x", i);
	}
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("missing"), 2);
	assert_int_equal(fake_counter("epochs"), 0);
}

static void a_new_generation_is_an_epoch(void **state)
{
	(void)state;
	setup();
	queue(in, "x", 50);
	queue(in, "x", 0);
	in->queue[1].flags = 2;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("epochs"), 1);
	assert_int_equal(fake_counter("out_of_order"), 0);
}

static void without_hashing_the_sequence_is_still_checked(void **state)
{
	(void)state;
	setup();
	fake_option_add("check", "none", 0);
	queue(in, "x", 0);
	queue(in, "x", 2);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("digest"), 0);
	assert_int_equal(fake_counter("missing"), 1);
}

static void the_digest_of_two_inputs_does_not_depend_on_their_order(void **state)
{
	uint64_t digest[2];

	(void)state;
	for (uint32_t turn = 0; turn < 2; turn++) {
		struct vanity_rx *other;

		setup();
		other = fake_rx("more");
		queue(turn == 0 ? in : other, "one", 0);
		queue(turn == 0 ? other : in, "two", 0);
		assert_int_equal(fake_run(), 0);
		assert_int_equal(fake_counter("received"), 2);
		digest[turn] = fake_counter("digest");
	}
	assert_true(digest[0] == digest[1]);
}

static void options_have_their_limits_at_and_one_beyond(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		uint64_t value;
		int ret;
	} cases[] = {
		{ "cycle", "1", 1, 0 },         { "cycle", "0", 0, -1 },
		{ "cycle", "65536", 65536, 0 }, { "cycle", "65537", 65537, -1 },
		{ "check", "all", 0, 0 },       { "check", "al", 0, -1 },
		{ "check", "", 0, -1 },         { "check", "nonee", 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup();
		fake_option_add(cases[i].name, cases[i].text, cases[i].value);
		if (fake_run() != cases[i].ret)
			fail_msg("%s = %s", cases[i].name, cases[i].text);
	}
}

static void without_an_input_it_does_not_start(void **state)
{
	(void)state;
	fake_new();
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "sink has no input: bind a channel to it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_counted_and_given_back),
		cmocka_unit_test(the_digest_is_what_its_header_says),
		cmocka_unit_test(the_digest_depends_on_order_and_on_where_frames_end),
		cmocka_unit_test(what_is_missing_is_told_by_index),
		cmocka_unit_test(a_new_generation_is_an_epoch),
		cmocka_unit_test(without_hashing_the_sequence_is_still_checked),
		cmocka_unit_test(the_digest_of_two_inputs_does_not_depend_on_their_order),
		cmocka_unit_test(options_have_their_limits_at_and_one_beyond),
		cmocka_unit_test(without_an_input_it_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
