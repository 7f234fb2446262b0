/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus of malformed frames through the whole firewall. */
#include "cm.h"

#include "corpus.h"

static struct vanity_rx *in;
static struct vanity_tx *out;

static void setup(void)
{
	fake_new();
	in = fake_rx("in");
	out = fake_tx("out");
	corpus_config("malformed.rules");
}

static uint64_t refused(void)
{
	return fake_counter("malformed") + fake_counter("denied") + fake_counter("default_denied");
}

static void each_frame_moves_the_counter_that_is_written_beside_it(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < corpus_count; i++) {
		const struct corpus_frame *frame = &corpus[i];

		setup();
		corpus_queue(in, frame->bytes, frame->length);
		corpus_run(in, frame->name);
		if (fake_counter(frame->firewall) != 1)
			fail_msg("%s is not %s", frame->name, frame->firewall);
		assert_int_equal(fake_counter("allowed") + refused(), 1);
		assert_int_equal(out->put_count, fake_counter("allowed"));
		/* What passes is what came. */
		if (out->put_count == 1)
			assert_memory_equal(fake.frame[out->put[0].frame], frame->bytes,
					    frame->length);
	}
}

static void all_of_them_in_a_row_move_the_same_counters(void **state)
{
	static const char names[][16] = { "allowed", "malformed", "denied", "default_denied" };

	(void)state;
	setup();
	for (uint32_t i = 0; i < corpus_count; i++)
		corpus_queue(in, corpus[i].bytes, corpus[i].length);
	corpus_run(in, "all");
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < corpus_count; i++)
			count += strcmp(corpus[i].firewall, names[n]) == 0;
		assert_int_equal(fake_counter(names[n]), count);
	}
}

static void cut(const struct corpus_frame *frame)
{
	setup();
	for (uint32_t length = 0; length <= frame->length; length++)
		corpus_queue(in, frame->bytes, length);
	corpus_run(in, frame->name);
	assert_int_equal(fake_counter("allowed") + refused(), frame->length + 1);
	/* A frame that ends before its IP packet does is none. */
	assert_true(fake_counter("malformed") >= 14);
}

static void no_frame_cut_short_is_read_too_far_or_lost(void **state)
{
	(void)state;
	corpus_each_cut(cut);
}

static void spoil(const struct corpus_frame *frame)
{
	static const uint8_t by[4] = { 0x01, 0x80, 0x0f, 0xff };

	for (uint32_t n = 0; n < 4; n++) {
		setup();
		for (uint32_t at = 0; at < frame->length; at++) {
			uint8_t bytes[sizeof(frame->bytes)];

			memcpy(bytes, frame->bytes, frame->length);
			bytes[at] ^= by[n];
			corpus_queue(in, bytes, frame->length);
		}
		corpus_run(in, frame->name);
		assert_int_equal(fake_counter("allowed") + refused(), frame->length);
	}
}

static void no_frame_spoilt_anywhere_is_read_too_far_or_lost(void **state)
{
	(void)state;
	corpus_each_cut(spoil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_moves_the_counter_that_is_written_beside_it),
		cmocka_unit_test(all_of_them_in_a_row_move_the_same_counters),
		cmocka_unit_test(no_frame_cut_short_is_read_too_far_or_lost),
		cmocka_unit_test(no_frame_spoilt_anywhere_is_read_too_far_or_lost),
	};

	return cmocka_run_group_tests(tests, corpus_load, NULL);
}
