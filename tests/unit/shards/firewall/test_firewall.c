/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "fake_vanity.h"
#include "frames.h"

static struct vanity_rx *in;
static struct vanity_tx *out;

static void setup(const char *text)
{
	fake_new();
	in = fake_rx("in");
	out = fake_tx("out");
	fake.config = text;
	fake.config_bytes = text != NULL ? strlen(text) : 0;
}

static void queue(uint32_t proto, uint32_t dst_port, uint32_t tag)
{
	struct frame f = frame_l4(4, proto, 1000, dst_port, 0);

	fake_queue(in, f.bytes, f.length)->tag = tag;
}

static void allowed_frames_go_on_and_others_home_with_their_reason(void **state)
{
	static const uint8_t broken[20] = { [12] = 8 };

	(void)state;
	setup("deny tcp from any to any:23\nallow tcp from any to any\n");
	queue(6, 80, 0);
	queue(6, 23, 1);
	queue(17, 53, 2);
	fake_queue(in, broken, sizeof(broken));
	queue(6, 443, 4);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 2);
	assert_int_equal(out->put[0].tag, 0);
	assert_int_equal(out->put[1].tag, 4);
	assert_int_equal(in->back_count, 3);
	assert_int_equal(fake_counter("denied"), 1);
	assert_int_equal(fake_counter("default_denied"), 1);
	assert_int_equal(fake_counter("malformed"), 1);
	assert_int_equal(fake_counter("allowed"), 2);
	assert_int_equal(fake_counter("rule_00"), 1);
	assert_int_equal(fake_counter("rule_01"), 2);
	assert_int_equal(fake_counter("rule_02"), 0);
}

static void a_denied_fragment_has_a_reason_of_its_own(void **state)
{
	struct frame f = frame_l4(4, 17, 1000, 53, 0);

	(void)state;
	setup("fragments deny\ndefault allow\ncount any from any to any\n");
	frame_be16(f.bytes + 20, 10);
	fake_queue(in, f.bytes, f.length);
	queue(17, 53, 1);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("fragment_denied"), 1);
	assert_int_equal(fake_counter("rule_00"), 1);
	assert_int_equal(out->put_count, 1);
}

static void what_is_malformed_passes_no_default(void **state)
{
	static const uint8_t broken[20] = { [12] = 8 };

	(void)state;
	setup("default allow");
	fake_queue(in, broken, sizeof(broken));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 0);
	assert_int_equal(fake_counter("malformed"), 1);
}

static void the_frame_of_a_ref_begins_at_its_offset(void **state)
{
	struct frame f = frame_l4(4, 6, 1000, 80, 0);
	uint8_t shifted[200] = { 0 };
	struct vanity_ref *ref;

	(void)state;
	setup("allow tcp from any to any:80");
	memcpy(shifted + 64, f.bytes, f.length);
	ref = fake_queue(in, shifted, sizeof(shifted));
	ref->offset = 64;
	ref->length = f.length;
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 1);
	assert_int_equal(out->put[0].offset, 64);
}

static void it_takes_no_more_than_its_output_has_room_for(void **state)
{
	(void)state;
	setup("default allow");
	out->room = 3;
	out->room_left = 3;
	for (uint32_t i = 0; i < 200; i++)
		queue(6, 80, i);
	assert_int_equal(fake_run(), 0); /* the fake fails a put without room */
	assert_int_equal(out->put_count, 200);
	assert_int_equal(out->put[199].tag, 199);
}

static void the_first_32_rules_have_a_counter_each_and_later_ones_share_one(void **state)
{
	static char text[64 * 40];
	char name[16];

	(void)state;
	text[0] = '\0';
	for (uint32_t i = 0; i < 39; i++)
		strcat(text, "count tcp from any to any\n");
	setup(strcat(text, "allow tcp from any to any:80\n"));
	queue(6, 80, 0);
	queue(6, 81, 0);
	assert_int_equal(fake_run(), 0);
	for (uint32_t i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "rule_%02u", i);
		assert_int_equal(fake_counter(name), 2);
	}
	/* Seven count rules twice, and the one that decided. */
	assert_int_equal(fake_counter("rule_rest"), 15);
	assert_int_equal(fake_counter("default_denied"), 1);
	assert_true(fake_logged("rule_31, line 32: count tcp from any to any"));
	assert_true(fake_logged("rule_rest: all from line %0 on"));
	assert_int_equal(fake.log[33].a, 33);
}

static void the_log_says_which_rule_a_counter_counts(void **state)
{
	(void)state;
	setup("# who may come in\ndefault deny\n\n allow tcp  from any\tto 192.0.2.1:80 # web\n"
	      "fragments allow\ncount udp from [2001:db8:1:2::1]:53 to [2001:db8::]/32:1024-65535\n");
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.log_count, 3);
	assert_true(fake_logged("rule_00, line 4: allow tcp from any to 192.0.2.1:80"));
	/* 80 bytes, and no more. */
	assert_true(fake_logged("rule_01, line 6: count udp from [2001:db8:1:2::1]:53 to "
				"[2001:db8::]/32:1024-655"));

	/* A later generation has the same rules, and its log other things to say. */
	setup("allow tcp from any to any:80");
	fake.generation = 2;
	assert_int_equal(fake_run(), 0);
	assert_true(fake_logged("%0 rules"));
	assert_int_equal(fake.log_count, 1);
}

static void a_bad_rule_is_told_with_its_place_and_ends_the_shard(void **state)
{
	(void)state;
	setup("allow tcp from any to any\nallow tpc from any to any\nbah\n");
	assert_int_equal(fake_run(), -1);
	assert_false(fake.ready);
	assert_string_equal(fake.fatal_words,
			    "rules:2:7: unknown protocol 'tpc'; did you mean 'tcp'?");
	assert_true(fake_logged("%0:%1: unknown protocol 'tpc'"));
	assert_true(fake_logged("%0:%1: hint: did you mean 'tcp'?"));
	assert_true(fake_logged("%0:%1: unknown action 'bah'"));
	assert_int_equal(fake.log[0].a, 2);
	assert_int_equal(fake.log[0].b, 7);
}

static void more_mistakes_than_are_kept_are_counted(void **state)
{
	(void)state;
	setup("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
	assert_int_equal(fake_run(), -1);
	assert_true(fake_logged("and %0 more"));
}

static void without_rules_it_does_not_start(void **state)
{
	(void)state;
	setup(NULL);
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "firewall needs its rules: config = \"FILE\"");
}

/* Two pairs: a's input to a's output, b's to b's, in the order they are bound. */
static struct vanity_rx *in_b;
static struct vanity_tx *out_b;

static void setup_pairs(const char *text)
{
	setup(text);
	in_b = fake_rx("from_b");
	out_b = fake_tx("to_a");
}

static void queue_on(struct vanity_rx *rx, uint32_t dst_port, uint32_t tag)
{
	struct frame f = frame_l4(4, 6, 1000, dst_port, 0);

	fake_queue(rx, f.bytes, f.length)->tag = tag;
}

static void each_input_has_its_own_output_and_all_the_same_rules(void **state)
{
	(void)state;
	setup_pairs("deny tcp from any to any:23\ndefault allow\n");
	queue_on(in, 80, 1);
	queue_on(in_b, 81, 2);
	queue_on(in_b, 23, 3);
	queue_on(in, 23, 4);
	queue_on(in_b, 82, 5);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out->put_count, 1);
	assert_int_equal(out->put[0].tag, 1);
	assert_int_equal(out_b->put_count, 2);
	assert_int_equal(out_b->put[0].tag, 2);
	assert_int_equal(out_b->put[1].tag, 5);
	assert_int_equal(in->back_count, 1);
	assert_int_equal(in_b->back_count, 1);
	assert_int_equal(fake_counter("denied"), 2);
	assert_int_equal(fake_counter("allowed"), 3);
	assert_true(fake_logged("in -> out"));
	assert_true(fake_logged("from_b -> to_a"));
}

static void a_full_output_stalls_its_own_pair_alone(void **state)
{
	(void)state;
	setup_pairs("default allow");
	out->room = out->room_left = 0;
	for (uint32_t i = 0; i < 100; i++)
		queue_on(in_b, 80, i);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(out_b->put_count, 100);

	/* The same with work before the door that is shut: it waits outside. */
	setup_pairs("default allow");
	out->room = out->room_left = 0;
	fake.turns_max = 9;
	queue_on(in, 80, 0);
	for (uint32_t i = 0; i < 100; i++)
		queue_on(in_b, 80, i);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(in->taken, 0);
	assert_int_equal(out_b->put_count, 100);
	assert_true(fake.waits > 0);
}

static void an_input_without_an_output_ends_the_shard(void **state)
{
	(void)state;
	setup("default allow");
	fake_rx("more");
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "each input needs its output: 2 in, 1 out");
	fake_new();
	fake.config = "default allow";
	fake.config_bytes = 13;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "each input needs its output: 0 in, 0 out");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allowed_frames_go_on_and_others_home_with_their_reason),
		cmocka_unit_test(a_denied_fragment_has_a_reason_of_its_own),
		cmocka_unit_test(what_is_malformed_passes_no_default),
		cmocka_unit_test(the_frame_of_a_ref_begins_at_its_offset),
		cmocka_unit_test(it_takes_no_more_than_its_output_has_room_for),
		cmocka_unit_test(the_first_32_rules_have_a_counter_each_and_later_ones_share_one),
		cmocka_unit_test(the_log_says_which_rule_a_counter_counts),
		cmocka_unit_test(a_bad_rule_is_told_with_its_place_and_ends_the_shard),
		cmocka_unit_test(more_mistakes_than_are_kept_are_counted),
		cmocka_unit_test(without_rules_it_does_not_start),
		cmocka_unit_test(each_input_has_its_own_output_and_all_the_same_rules),
		cmocka_unit_test(a_full_output_stalls_its_own_pair_alone),
		cmocka_unit_test(an_input_without_an_output_ends_the_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
