/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "fake_vanity.h"
#include "frames.h"

static const char world[] = "interface a mac 02:00:00:00:0a:01\n"
			    "interface b mac 02:00:00:00:0b:01\n"
			    "route 198.51.100.0/24 port a 02:00:00:00:0a:02\n"
			    "route 2001:db8:2::/48 port b 02:00:00:00:0b:02\n";

static struct vanity_rx *in;
static struct vanity_tx *a, *b;

static void setup(const char *text)
{
	fake_new();
	fake.has_pool = false; /* with one: test_station.c */
	in = fake_rx("in");
	/* Not in the order of the config: ports are found by name. */
	b = fake_tx("b");
	a = fake_tx("a");
	fake.config = text;
	fake.config_bytes = text != NULL ? strlen(text) : 0;
}

static void queue(uint32_t family, uint32_t tag)
{
	struct frame f = frame_l4(family, 17, 1000, 53, 0);

	fake_queue(in, f.bytes, f.length)->tag = tag;
}

static void frames_leave_by_the_port_of_their_route(void **state)
{
	(void)state;
	setup(world);
	queue(4, 0);
	queue(6, 1);
	queue(4, 2);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(a->put_count, 2);
	assert_int_equal(b->put_count, 1);
	assert_int_equal(a->put[1].tag, 2);
	assert_int_equal(b->put[0].tag, 1);
	assert_int_equal(fake.frame[b->put[0].frame][5], 2);
	assert_int_equal(fake.frame[b->put[0].frame][4], 0x0b);
	assert_int_equal(fake_counter("forwarded"), 3);
	assert_true(fake_logged("%0 interfaces, %1 routes, neighbours and addresses"));
}

static void what_is_not_forwarded_goes_home_with_its_reason(void **state)
{
	static const uint8_t broken[20] = { [12] = 8 };
	struct frame f = frame_l4(4, 17, 1000, 53, 0);

	(void)state;
	setup(world);
	fake_queue(in, broken, sizeof(broken));
	f.bytes[14 + 8] = 1;
	frame_ip4_seal(&f);
	fake_queue(in, f.bytes, f.length);
	f.bytes[14 + 10] ^= 1;
	fake_queue(in, f.bytes, f.length);
	f.bytes[14 + 16] = 9;
	frame_ip4_seal(&f);
	fake_queue(in, f.bytes, f.length);
	frame_link(&f, 0x0806, 0);
	fake_queue(in, f.bytes, 60);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(in->back_count, 5);
	assert_int_equal(fake_counter("malformed"), 1);
	assert_int_equal(fake_counter("ttl_expired"), 1);
	assert_int_equal(fake_counter("bad_checksum"), 1);
	assert_int_equal(fake_counter("no_route"), 1);
	assert_int_equal(fake_counter("not_ip"), 1);
	assert_int_equal(fake_counter("forwarded"), 0);
}

static void the_fullest_output_says_how_many_are_taken(void **state)
{
	(void)state;
	setup(world);
	a->room = a->room_left = 7;
	b->room = b->room_left = 2;
	for (uint32_t i = 0; i < 100; i++)
		queue(i % 2 ? 6 : 4, i);
	assert_int_equal(fake_run(), 0); /* the fake fails a put without room */
	assert_int_equal(a->put_count, 50);
	assert_int_equal(b->put_count, 50);
}

static void a_pool_it_may_not_write_costs_frames_and_not_the_shard(void **state)
{
	(void)state;
	setup(world);
	fake.read_only = true;
	queue(4, 0);
	queue(6, 1);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(fake_counter("read_only"), 2);
	assert_int_equal(in->back_count, 2);
}

static void a_bad_config_is_told_with_its_place_and_ends_the_shard(void **state)
{
	(void)state;
	setup("interface a mac 02:00:00:00:0a:01\nroute 10.0.0.0/8 port aa 02:00:00:00:0a:02\n");
	assert_int_equal(fake_run(), -1);
	assert_false(fake.ready);
	assert_string_equal(
		fake.fatal_words,
		"routes:2:23: no interface line names 'aa'; add: interface PORT mac MAC");
}

static void an_interface_without_a_channel_ends_the_shard(void **state)
{
	(void)state;
	setup("interface nowhere mac 02:00:00:00:0a:01\n");
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "no such output");
}

static void without_routes_it_does_not_start(void **state)
{
	(void)state;
	setup(NULL);
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "router needs its routes: config = \"FILE\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_by_the_port_of_their_route),
		cmocka_unit_test(what_is_not_forwarded_goes_home_with_its_reason),
		cmocka_unit_test(the_fullest_output_says_how_many_are_taken),
		cmocka_unit_test(a_pool_it_may_not_write_costs_frames_and_not_the_shard),
		cmocka_unit_test(a_bad_config_is_told_with_its_place_and_ends_the_shard),
		cmocka_unit_test(an_interface_without_a_channel_ends_the_shard),
		cmocka_unit_test(without_routes_it_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
