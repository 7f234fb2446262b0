/* SPDX-License-Identifier: Apache-2.0 */
/* nic over devices that need no kernel: tap by calls of the test's own, and loop. */
#include "../cm.h"

#include "../fake_vanity.h"
#include "../frames.h"

static struct vanity_grant_facts facts;
static struct frame arrived[256]; /* what the tap gives, in order */
static uint32_t arrived_count, given;
static struct frame left[256]; /* what it was given */
static uint32_t left_count;
static long answer; /* of write, where it is not done */

static long tap_read(void *context, void *to, size_t bytes)
{
	(void)context;
	if (given == arrived_count)
		return 0;
	assert_true(arrived[given].length <= bytes);
	memcpy(to, arrived[given].bytes, arrived[given].length);
	return (long)arrived[given++].length;
}

static long tap_write(void *context, const void *from, size_t bytes)
{
	(void)context;
	if (answer != 0)
		return answer;
	memcpy(left[left_count].bytes, from, bytes);
	left[left_count++].length = (uint32_t)bytes;
	return (long)bytes;
}

static const struct vanity_grant_calls calls = { .read = tap_read, .write = tap_write };

static void begin(void)
{
	fake_new();
	fake.may_hold = true; /* frames that wait for a packet */
	memset(&facts, 0, sizeof(facts));
	facts.kind = VANITY_GRANT_TAP;
	facts.mtu = 1500;
	fake.grant_count = 1;
	fake.grant[0] = (struct vanity_grant){ .name = "lan", .facts = &facts, .calls = &calls };
	arrived_count = given = left_count = 0;
	answer = 0;
}

static void arrive(struct frame f)
{
	arrived[arrived_count++] = f;
}

static void what_is_received_goes_out_and_what_comes_in_is_sent(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0), g = frame_l4(4, 17, 3, 4, 0);
	const struct vanity_ref *ref;

	(void)state;
	begin();
	fake_rx("in");
	fake_tx("out");
	arrive(f);
	fake_queue(&fake.rx[0], g.bytes, g.length);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.tx[0].put_count, 1);
	ref = &fake.tx[0].put[0];
	assert_int_equal(ref->length, f.length);
	assert_memory_equal(fake.frame[ref->frame] + ref->offset, f.bytes, f.length);
	assert_int_equal((ref->offset + 14u) % 4, 0);
	assert_int_equal(left_count, 1);
	assert_memory_equal(left[0].bytes, g.bytes, g.length);
	assert_int_equal(fake.rx[0].back_count, 1);
	assert_int_equal(fake_counter("received"), 1);
	assert_int_equal(fake_counter("sent"), 1);
	assert_true(fake.waits > 0);
}

static void flows_are_spread_over_outputs_and_stay_together(void **state)
{
	uint32_t seen = 0;

	(void)state;
	begin();
	fake_tx("out_a");
	fake_tx("out_b");
	for (uint32_t i = 0; i < 64; i++)
		arrive(frame_l4(4, 6, 1000 + i % 16, 443, 0));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.tx[0].put_count + fake.tx[1].put_count, 64);
	assert_true(fake.tx[0].put_count > 0 && fake.tx[1].put_count > 0);
	for (uint32_t o = 0; o < 2; o++) {
		for (uint32_t i = 0; i < fake.tx[o].put_count; i++) {
			const struct vanity_ref *ref = &fake.tx[o].put[i];
			uint32_t port = fake.frame[ref->frame][ref->offset + 35] - (1000u & 0xff);

			assert_int_equal(seen >> (port + 16 * !o) & 1, 0);
			seen |= 1u << (port + 16 * o);
		}
	}
}

static void nothing_is_taken_from_the_device_that_an_output_has_no_room_for(void **state)
{
	(void)state;
	begin();
	fake_tx("out_a");
	fake_tx("out_b");
	fake.tx[1].room = 2;
	fake.tx[1].room_left = 2;
	fake.turns = 1;
	for (uint32_t i = 0; i < 10; i++)
		arrive(frame_l4(4, 6, i, 443, 0));
	assert_int_equal(fake_run(), 0);
	assert_int_equal(given, 2);
	assert_int_equal(fake_counter("received"), 2);
}

static void a_frozen_system_gets_no_new_packet_and_sends_what_it_has(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);

	(void)state;
	begin();
	fake_rx("in");
	fake_tx("out");
	fake.frozen = true;
	arrive(f);
	fake_queue(&fake.rx[0], f.bytes, f.length);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(given, 0);
	assert_int_equal(left_count, 1);
}

static void what_is_too_long_for_the_link_is_refused(void **state)
{
	struct frame fits = frame_l4(4, 6, 1, 2, 0), tagged = frame_l4(4, 6, 1, 2, 7);

	(void)state;
	begin();
	fake_rx("in");
	fake.link_mtu = 100;
	fits.length = 114;
	tagged.length = 118;
	fake_queue(&fake.rx[0], fits.bytes, 114);
	fake_queue(&fake.rx[0], fits.bytes, 115);
	fake_queue(&fake.rx[0], tagged.bytes, 118);
	fake_queue(&fake.rx[0], tagged.bytes, 119);
	fake_queue(&fake.rx[0], fits.bytes, 13);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(left_count, 2);
	assert_int_equal(fake_counter("oversize"), 2);
	assert_int_equal(fake_counter("tx_bad"), 1);
	assert_int_equal(fake.rx[0].back_count, 5);
}

static void an_interface_that_is_down_or_gone_takes_what_comes_and_counts_it(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		begin();
		fake_rx("in");
		fake.link = i == 0 ? VANITY_LINK_DOWN : VANITY_LINK_GONE;
		for (uint32_t n = 0; n < 100; n++)
			fake_queue(&fake.rx[0], f.bytes, f.length);
		assert_int_equal(fake_run(), 0);
		assert_int_equal(left_count, 0);
		assert_int_equal(fake.rx[0].back_count, 100);
		assert_int_equal(fake_counter(i == 0 ? "link_down" : "gone"), 100);
	}
}

static void without_what_it_needs_it_ends_with_words(void **state)
{
	(void)state;
	begin();
	fake_tx("out");
	fake.grant_count = 0;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "nic has no device: say grant = DEVICE");
	begin();
	fake_tx("out");
	fake.grant_count = 2;
	fake.grant[1] = fake.grant[0];
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "nic drives one device, and has more");
	begin();
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "nic has no channel: nothing to do");
	begin();
	fake_tx("out");
	fake.has_pool = false;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "nic owns no pool: say pool NAME { owner = ... }");
	begin();
	fake_rx("in");
	fake.has_pool = false;
	facts.kind = VANITY_GRANT_XDP;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "nic owns no pool: say pool NAME { owner = ... }");
	begin();
	fake_rx("in");
	facts.kind = 99;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "device: of a kind this program does not know");
	begin();
	fake_rx("in");
	fake.has_pool = false; /* who only sends by tap needs none */
	assert_int_equal(fake_run(), 0);
}

static void a_looped_device_gives_back_what_was_sent(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	const struct vanity_ref *ref;

	(void)state;
	begin();
	facts.kind = VANITY_GRANT_LOOP;
	fake_rx("in");
	fake_tx("out");
	fake_queue(&fake.rx[0], f.bytes, f.length);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake.tx[0].put_count, 1);
	ref = &fake.tx[0].put[0];
	assert_int_not_equal(ref->frame, fake.rx[0].queue[0].frame);
	assert_memory_equal(fake.frame[ref->frame] + ref->offset, f.bytes, f.length);
	assert_int_equal(fake.rx[0].back_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_received_goes_out_and_what_comes_in_is_sent),
		cmocka_unit_test(flows_are_spread_over_outputs_and_stay_together),
		cmocka_unit_test(nothing_is_taken_from_the_device_that_an_output_has_no_room_for),
		cmocka_unit_test(a_frozen_system_gets_no_new_packet_and_sends_what_it_has),
		cmocka_unit_test(what_is_too_long_for_the_link_is_refused),
		cmocka_unit_test(an_interface_that_is_down_or_gone_takes_what_comes_and_counts_it),
		cmocka_unit_test(without_what_it_needs_it_ends_with_words),
		cmocka_unit_test(a_looped_device_gives_back_what_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
