/* SPDX-License-Identifier: Apache-2.0 */
/* The whole router with a pool of its own: what it asks, answers and says. */
#include "cm.h"

#include "fake_vanity.h"
#include "frames.h"

/* a's link: 192.0.2.0/24 and 2001:db8:a::/64; b's: 198.51.100.0/24 and 2001:db8:2::/64. */
static const char world[] =
	"interface a mac 02:00:00:00:0a:01 address 192.0.2.1/24 address 2001:db8:a::1/64\n"
	"interface b mac 02:00:00:00:0b:01 address 198.51.100.1/24 address 2001:db8:2::1/64 "
	"mtu 1400\n"
	"neighbour 192.0.2.9 02:00:00:00:0a:09 port a\n"
	"neighbour 2001:db8:a::9 02:00:00:00:0a:09 port a\n"
	"route 10.0.0.0/8 via 192.0.2.9\n"
	"route 2001:db8:1::/48 via 2001:db8:a::9\n"
	"route 203.0.113.0/24 via 198.51.100.254\n";

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0x0a, 1 };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0x0b, 1 };
static const uint8_t mac_client[6] = { 2, 0, 0, 0, 0x0a, 9 };
static const uint8_t mac_server[6] = { 2, 0, 0, 0, 0x0b, 7 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t server4[4] = { 198, 51, 100, 7 };
static const uint8_t b4[4] = { 198, 51, 100, 1 };
static const uint8_t server6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 2, [15] = 7 };
static const uint8_t b6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 2, [15] = 1 };
static const uint8_t none[16];

static struct vanity_rx *in;
static struct vanity_tx *a, *b;

static void setup(void)
{
	fake_new();
	in = fake_rx("in");
	a = fake_tx("a");
	b = fake_tx("b");
	fake.may_hold = true;
	fake.now = 1000000000000;
	fake.config = world;
	fake.config_bytes = strlen(world);
}

/* Frames of the fake are counted: every one is put, back or free at the end. */
static void run(void)
{
	assert_int_equal(fake_run(), 0);
	for (uint32_t i = 0; i < FAKE_FRAMES; i++)
		assert_int_not_equal(fake.place[i], FAKE_HELD);
}

static const uint8_t *sent(const struct vanity_tx *tx, uint32_t n)
{
	assert_true(n < tx->put_count);
	return fake.frame[tx->put[n].frame];
}

static uint32_t sum_of(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void queue(struct frame f)
{
	static const uint8_t someone[6] = { 2, 0, 0, 0, 0, 0x10 };

	/* What frames.h makes is for nobody here. */
	if (memcmp(f.bytes, someone, 6) == 0)
		memcpy(f.bytes, mac_a, 6);
	fake_queue(in, f.bytes, f.length);
}

static void queue_arp(uint32_t operation, const uint8_t *to, const uint8_t *mac,
		      const uint8_t src[4], const uint8_t dst[4])
{
	struct frame f;

	frame_link(&f, 0x0806, 0);
	memcpy(f.bytes, to, 6);
	memcpy(f.bytes + 6, mac, 6);
	memcpy(f.bytes + 14, "\0\1\x08\0\6\4\0", 7);
	f.bytes[21] = (uint8_t)operation;
	memcpy(f.bytes + 22, mac, 6);
	memcpy(f.bytes + 28, src, 4);
	memcpy(f.bytes + 38, dst, 4);
	f.length = 60;
	queue(f);
}

/* A solicitation (135) or advertisement (136); @option 0: none. */
static struct frame nd(uint32_t type, uint32_t flags, const uint8_t *mac, const uint8_t src[16],
		       const uint8_t dst[16], const uint8_t target[16], uint32_t option)
{
	uint32_t bytes = option != 0 ? 32 : 24;
	struct frame f = frame_ip6(58, bytes, 0);
	uint8_t *icmp = f.bytes + 54;

	if (dst[0] == 0xff) {
		memcpy(f.bytes, "\x33\x33", 2);
		memcpy(f.bytes + 2, dst + 12, 4);
	} else {
		memcpy(f.bytes, mac_b, 6);
	}
	memcpy(f.bytes + 6, mac, 6);
	f.bytes[14 + 7] = 255;
	memcpy(f.bytes + 22, src, 16);
	memcpy(f.bytes + 38, dst, 16);
	icmp[0] = (uint8_t)type;
	icmp[4] = (uint8_t)flags;
	memcpy(icmp + 8, target, 16);
	if (option != 0) {
		icmp[24] = (uint8_t)option;
		icmp[25] = 1;
		memcpy(icmp + 26, mac, 6);
	}
	frame_be16(icmp + 2, ~sum_of(icmp, bytes, sum_of(f.bytes + 22, 32, 58 + bytes)));
	return f;
}

static void an_arp_request_for_our_address_is_answered_and_teaches(void **state)
{
	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, server4, b4);
	queue(frame_l4(4, 17, 1, 53, 0)); /* to 198.51.100.7: nobody needs to be asked */
	run();
	assert_int_equal(b->put_count, 2);
	assert_int_equal(b->put[0].length, 60);
	assert_memory_equal(sent(b, 0), mac_server, 6);
	assert_memory_equal(sent(b, 0) + 6, mac_b, 6);
	assert_memory_equal(sent(b, 0) + 12, "\x08\x06\0\1\x08\0\6\4\0\2", 10);
	assert_memory_equal(sent(b, 0) + 22, mac_b, 6);
	assert_memory_equal(sent(b, 0) + 28, b4, 4);
	assert_memory_equal(sent(b, 0) + 32, mac_server, 6);
	assert_memory_equal(sent(b, 0) + 38, server4, 4);
	assert_memory_equal(sent(b, 1), mac_server, 6);
	assert_memory_equal(sent(b, 1) + 6, mac_b, 6);
	assert_int_equal(fake_counter("heard"), 1);
	assert_int_equal(fake_counter("sent"), 1);
	assert_int_equal(fake_counter("forwarded"), 1);
}

static void an_arp_probe_is_answered_and_teaches_nothing(void **state)
{
	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, none, b4);
	run();
	assert_int_equal(b->put_count, 1);
	assert_int_equal(fake_counter("neighbours"), 0);
}

static void arp_from_another_network_or_in_our_name_is_not_believed(void **state)
{
	static const uint8_t far[4] = { 9, 9, 9, 9 };

	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, far, b4);
	queue_arp(1, everybody, mac_server, b4, b4);
	queue_arp(1, everybody, mac_server, server4, far); /* asks for somebody else */
	queue_arp(2, mac_b, mac_server, server4, b4); /* answers what nobody asked */
	run();
	assert_int_equal(a->put_count + b->put_count, 0);
	assert_int_equal(fake_counter("neighbours"), 0);
}

static void who_claims_an_address_of_ours_is_counted(void **state)
{
	static const uint8_t all6[16] = { 0xff, 2, [15] = 1 };

	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, b4, b4); /* announced */
	queue_arp(1, everybody, mac_server, b4, server4);
	queue_arp(2, mac_b, mac_server, b4, b4);
	queue(nd(136, 0x20, mac_server, b6, all6, b6, 2));
	queue_arp(1, everybody, mac_server, none, b4); /* asks whether he may: he may not */
	queue_arp(1, everybody, mac_b, b4, b4); /* our own, come back */
	run();
	assert_int_equal(fake_counter("conflicts"), 4);
	assert_int_equal(fake_counter("heard"), 6);
	assert_int_equal(fake_counter("neighbours"), 0);
	assert_int_equal(b->put_count, 1);
}

static void a_packet_waits_while_its_neighbour_is_asked(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	queue(f);
	queue_arp(2, mac_b, mac_server, server4, b4);
	run();
	assert_int_equal(b->put_count, 2);
	assert_memory_equal(sent(b, 0), everybody, 6);
	assert_memory_equal(sent(b, 0) + 20, "\0\1", 2);
	assert_memory_equal(sent(b, 0) + 28, b4, 4);
	assert_memory_equal(sent(b, 0) + 38, server4, 4);
	assert_memory_equal(sent(b, 1), mac_server, 6);
	assert_int_equal(sent(b, 1)[14 + 8], 63);
	assert_int_equal(sum_of(sent(b, 1) + 14, 20, 0), 0xffff);
	assert_int_equal(fake_counter("no_neighbour"), 0);
}

static void an_answer_for_another_link_address_is_none(void **state)
{
	(void)state;
	setup();
	queue(frame_l4(4, 17, 1, 53, 0));
	queue_arp(2, mac_a, mac_server, server4, b4);
	run();
	assert_int_equal(fake_counter("forwarded"), 0);
}

static void the_gateway_is_asked_and_not_the_destination(void **state)
{
	static const uint8_t gateway[4] = { 198, 51, 100, 254 };
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	memcpy(f.bytes + 30, "\xcb\0\x71\5", 4);
	frame_ip4_seal(&f);
	queue(f);
	queue_arp(2, mac_b, mac_server, gateway, b4);
	run();
	assert_memory_equal(sent(b, 0) + 38, gateway, 4);
	assert_memory_equal(sent(b, 1), mac_server, 6);
}

static void who_does_not_answer_is_asked_three_times_and_the_sender_told(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	fake.ticks_a_look = fake.hz / 10;
	fake.turns = 60;
	queue(f);
	run();
	assert_int_equal(b->put_count, 3); /* one a second: RFC 1122, 2.3.2.1 */
	assert_int_equal(fake_counter("no_neighbour"), 1);
	assert_int_equal(fake_counter("neighbours"), 0);
	assert_int_equal(a->put_count, 1);
	assert_memory_equal(sent(a, 0), mac_client, 6);
	assert_memory_equal(sent(a, 0) + 34, "\3\1", 2); /* host unreachable */
	assert_memory_equal(sent(a, 0) + 42, f.bytes + 14, f.length - 14); /* as it came */
}

static void senders_behind_the_neighbour_that_does_not_answer_cost_no_frame_twice(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	fake.ticks_a_look = fake.hz / 10;
	fake.turns = 90;
	memcpy(f.bytes + 26, "\xcb\0\x71\5\xcb\0\x71\6", 8); /* from and to 203.0.113.0/24 */
	frame_ip4_seal(&f);
	for (uint32_t i = 0; i < 3; i++)
		queue(f);
	run(); /* the fake fails a frame that is given back twice */
	assert_int_equal(fake_counter("no_neighbour"), 3);
	/* Three questions for the packets, three for what was to be said about them. */
	assert_int_equal(b->put_count, 6);
	assert_int_equal(fake_counter("unsent"), 3);
	assert_int_equal(fake_counter("neighbours"), 0);
}

static void the_fourth_that_waits_costs_the_first(void **state)
{
	(void)state;
	setup();
	for (uint32_t i = 0; i < 4; i++)
		queue(frame_l4(4, 17, i, 53, 0));
	queue_arp(2, mac_b, mac_server, server4, b4);
	run();
	assert_int_equal(fake_counter("held_full"), 1);
	assert_int_equal(b->put_count, 1 + 3);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(sent(b, i)[35], i); /* in their order */
}

static void no_more_frames_wait_than_the_option_says(void **state)
{
	(void)state;
	setup();
	fake_option_add("hold", "5", 5);
	for (uint32_t i = 2; i < 12; i++) {
		struct frame f = frame_l4(4, 17, 1, 53, 0);

		f.bytes[14 + 19] = (uint8_t)i;
		frame_ip4_seal(&f);
		queue(f);
	}
	run();
	assert_int_equal(fake_counter("held_full"), 5);
	assert_int_equal(fake_counter("no_neighbour"), 5); /* when it stopped */
}

static void a_stop_sends_every_waiting_frame_home(void **state)
{
	(void)state;
	setup();
	queue(frame_l4(4, 17, 1, 53, 0));
	queue(frame_l4(6, 17, 1, 53, 0));
	run();
	assert_int_equal(in->back_count, 2);
}

static void a_flood_of_absent_neighbours_fills_half_and_spares_who_is_known(void **state)
{
	static const uint8_t twice = 2;

	(void)state;
	setup();
	b->recycle = true;
	queue_arp(1, everybody, mac_server, server4, b4);
	for (uint32_t i = 0; i < 900; i++) {
		struct frame f = frame_l4(6, 17, 1, 53, 0);

		frame_be16(f.bytes + 38 + 14, 0x100 + i);
		queue(f);
	}
	for (uint32_t i = 0; i < twice; i++)
		queue(frame_l4(4, 17, 1, 53, 0));
	run();
	assert_int_equal(fake_counter("neighbours"), 512 + 1);
	assert_int_equal(fake_counter("forwarded"), 2);
}

static void a_solicitation_for_our_address_is_answered_and_teaches(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };

	(void)state;
	setup();
	queue(nd(135, 0, mac_server, server6, group, b6, 1));
	queue(frame_l4(6, 17, 1, 53, 0));
	run();
	assert_int_equal(b->put_count, 2);
	assert_int_equal(b->put[0].length, 86);
	assert_memory_equal(sent(b, 0), mac_server, 6);
	assert_int_equal(sent(b, 0)[14 + 7], 255);
	assert_memory_equal(sent(b, 0) + 22, b6, 16);
	assert_memory_equal(sent(b, 0) + 38, server6, 16);
	assert_memory_equal(sent(b, 0) + 54, "\x88\0", 2);
	assert_int_equal(sent(b, 0)[58], 0xe0); /* router, solicited, override */
	assert_memory_equal(sent(b, 0) + 62, b6, 16);
	assert_memory_equal(sent(b, 0) + 78, "\2\1", 2);
	assert_memory_equal(sent(b, 0) + 80, mac_b, 6);
	assert_int_equal(sum_of(sent(b, 0) + 54, 32, sum_of(sent(b, 0) + 22, 32, 58 + 32)), 0xffff);
	assert_memory_equal(sent(b, 1), mac_server, 6);
}

static void one_without_an_address_is_answered_to_all_nodes(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };
	static const uint8_t all[16] = { 0xff, 2, [15] = 1 };

	(void)state;
	setup();
	queue(nd(135, 0, mac_server, none, group, b6, 0));
	run();
	assert_int_equal(b->put_count, 1);
	assert_memory_equal(sent(b, 0), "\x33\x33\0\0\0\1", 6);
	assert_memory_equal(sent(b, 0) + 38, all, 16);
	assert_int_equal(sent(b, 0)[58], 0xa0); /* not solicited */
	assert_int_equal(fake_counter("neighbours"), 0);
}

static void our_link_local_address_is_ours(void **state)
{
	/* fe80::ff:fe00:b01, from 02:00:00:00:0b:01 */
	static const uint8_t own[16] = { 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0x0b, 1 };
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0x0b, 1 };
	static const uint8_t peer[16] = { 0xfe, 0x80, [15] = 7 };
	struct frame f = frame_ip6(58, 16, 0);

	(void)state;
	setup();
	queue(nd(135, 0, mac_server, peer, group, own, 1));
	f.bytes[54] = 128;
	memcpy(f.bytes + 22, peer, 16);
	memcpy(f.bytes + 38, own, 16);
	frame_be16(f.bytes + 56, ~sum_of(f.bytes + 54, 16, sum_of(f.bytes + 22, 32, 58 + 16)));
	queue(f);
	run();
	assert_int_equal(b->put_count, 2);
	assert_memory_equal(sent(b, 0) + 22, own, 16);
	assert_int_equal(sent(b, 1)[54], 129);
	assert_memory_equal(sent(b, 1), mac_server, 6);
	assert_memory_equal(sent(b, 1) + 38, peer, 16);
}

static void an_ipv6_neighbour_is_asked_by_its_group(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 7 };

	(void)state;
	setup();
	queue(frame_l4(6, 17, 1, 53, 0));
	queue(nd(136, 0x60, mac_server, server6, b6, server6, 2));
	run();
	assert_int_equal(b->put_count, 2);
	assert_memory_equal(sent(b, 0), "\x33\x33\xff\0\0\7", 6);
	assert_memory_equal(sent(b, 0) + 22, b6, 16);
	assert_memory_equal(sent(b, 0) + 38, group, 16);
	assert_int_equal(sent(b, 0)[54], 135);
	assert_memory_equal(sent(b, 0) + 62, server6, 16);
	assert_memory_equal(sent(b, 0) + 78, "\1\1", 2);
	assert_memory_equal(sent(b, 0) + 80, mac_b, 6);
	assert_int_equal(sum_of(sent(b, 0) + 54, 32, sum_of(sent(b, 0) + 22, 32, 58 + 32)), 0xffff);
	assert_memory_equal(sent(b, 1), mac_server, 6);
	assert_int_equal(sent(b, 1)[14 + 7], 63);
}

static void an_expired_packet_is_told_to_its_sender(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);
	struct frame six = frame_l4(6, 17, 1, 53, 0);

	(void)state;
	setup();
	f.bytes[14 + 8] = 1;
	frame_ip4_seal(&f);
	six.bytes[14 + 7] = 1;
	queue(f);
	queue(six);
	run();
	assert_int_equal(a->put_count, 2);
	assert_memory_equal(sent(a, 0), mac_client, 6);
	assert_memory_equal(sent(a, 0) + 6, mac_a, 6);
	assert_memory_equal(sent(a, 0) + 26, "\xc0\0\2\1\x0a\1\2\3", 8);
	assert_memory_equal(sent(a, 0) + 34, "\x0b\0", 2);
	assert_memory_equal(sent(a, 1) + 54, "\3\0", 2);
	assert_int_equal(fake_counter("ttl_expired"), 2);
	assert_int_equal(fake_counter("sent"), 2);
}

static void a_packet_too_big_is_told_the_mtu_of_its_way(void **state)
{
	struct frame f = frame_ip4(17, 1381, 0);
	struct frame six = frame_ip6(59, 1361, 0);

	(void)state;
	setup();
	frame_be16(f.bytes + 14 + 6, 0x4000);
	frame_ip4_seal(&f);
	queue(f);
	queue(six);
	run();
	assert_int_equal(a->put_count, 2);
	assert_memory_equal(sent(a, 0) + 34, "\3\4", 2);
	assert_memory_equal(sent(a, 0) + 38, "\0\0\5\x78", 4);
	assert_memory_equal(sent(a, 1) + 54, "\2\0", 2);
	assert_memory_equal(sent(a, 1) + 58, "\0\0\5\x78", 4);
	assert_int_equal(fake_counter("too_big"), 2);
}

static void a_packet_too_big_without_df_goes_on_in_pieces(void **state)
{
	struct frame f = frame_ip4(17, 1480, 0);

	(void)state;
	setup();
	queue(f); /* waits for its neighbour as a whole */
	queue_arp(2, mac_b, mac_server, server4, b4);
	run();
	assert_int_equal(b->put_count, 3);
	assert_int_equal(b->put[1].length, 14 + 20 + 1376);
	assert_int_equal(b->put[2].length, 14 + 20 + 104);
	for (uint32_t i = 1; i < 3; i++) {
		assert_memory_equal(sent(b, i), mac_server, 6);
		assert_memory_equal(sent(b, i) + 6, mac_b, 6);
		assert_int_equal(sum_of(sent(b, i) + 14, 20, 0), 0xffff);
	}
	assert_int_equal(a->put_count, 0);
	assert_int_equal(fake_counter("cut"), 1);
	assert_int_equal(fake_counter("too_big"), 0);
}

/* Record route with room for one, and a timestamp with room for one: 16 bytes of options. */
static struct frame with_lists(uint32_t payload_bytes)
{
	struct frame f = frame_ip4(17, payload_bytes + 16, 0);

	f.bytes[14] = 0x49;
	memcpy(f.bytes + 34, "\7\7\4\0\0\0\0\1\x44\x08\5\0\0\0\0\0", 16);
	frame_ip4_seal(&f);
	return f;
}

static void the_lists_of_a_packet_that_goes_on_get_our_entry(void **state)
{
	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, server4, b4);
	queue(with_lists(8));
	run();
	assert_int_equal(b->put_count, 2);
	assert_int_equal(sum_of(sent(b, 1) + 14, 36, 0), 0xffff);
	assert_memory_equal(sent(b, 1) + 34, "\7\7\x08\xc6\x33\x64\1\1\x44\x08\x09\0", 12);
	assert_int_equal(sent(b, 1)[46] & 0x80, 0x80); /* a clock of our own */
	assert_int_equal(sent(b, 1)[22], 63);
}

static void the_first_of_the_pieces_has_our_entry_and_the_others_no_lists(void **state)
{
	(void)state;
	setup();
	queue_arp(1, everybody, mac_server, server4, b4);
	queue(with_lists(1448));
	run();
	assert_int_equal(b->put_count, 3);
	assert_int_equal(sum_of(sent(b, 1) + 14, 36, 0), 0xffff);
	assert_int_equal(sum_of(sent(b, 2) + 14, 36, 0), 0xffff);
	assert_memory_equal(sent(b, 1) + 34, "\7\7\x08\xc6\x33\x64\1\1\x44\x08\x09\0", 12);
	assert_memory_equal(sent(b, 2) + 34, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16);
}

static void a_packet_of_more_than_16_pieces_is_too_big(void **state)
{
	static const char narrow[] = "interface a mac 02:00:00:00:0a:01 address 192.0.2.1/24\n"
				     "interface b mac 02:00:00:00:0b:01 address 198.51.100.1/24 "
				     "mtu 68\n"
				     "neighbour 198.51.100.7 02:00:00:00:0b:07 port b\n";

	(void)state;
	setup();
	fake.config = narrow;
	fake.config_bytes = strlen(narrow);
	queue(frame_ip4(17, 16 * 48, 0));
	queue(frame_ip4(17, 16 * 48 + 1, 0));
	run();
	assert_int_equal(b->put_count, 16);
	assert_int_equal(fake_counter("cut"), 1);
	assert_int_equal(fake_counter("too_big"), 1);
}

static void an_interface_without_an_address_of_the_family_has_nobody_to_speak(void **state)
{
	static const char mute[] = "interface a mac 02:00:00:00:0a:01\n"
				   "interface b mac 02:00:00:00:0b:01\n"
				   "route 10.0.0.0/8 port a 02:00:00:00:0a:09\n"
				   "route 198.51.100.0/24 port b 02:00:00:00:0b:07\n";
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	fake.config = mute;
	fake.config_bytes = strlen(mute);
	queue(f);
	f.bytes[14 + 8] = 1;
	frame_ip4_seal(&f);
	queue(f);
	run();
	assert_int_equal(b->put_count, 1);
	assert_int_equal(a->put_count, 0);
	assert_int_equal(fake_counter("ttl_expired"), 1);
	assert_int_equal(fake_counter("unsent"), 1);
}

static void a_packet_whose_pieces_find_no_room_is_dropped_whole(void **state)
{
	(void)state;
	setup();
	b->room = b->room_left = 1;
	queue_arp(1, everybody, mac_server, server4, b4);
	queue(frame_ip4(17, 1480, 0));
	run();
	assert_int_equal(b->put_count, 1);
	assert_int_equal(fake_counter("too_big"), 1);
	assert_int_equal(fake_counter("unsent"), 1);
}

static void a_ping_of_any_own_address_is_answered(void **state)
{
	struct frame f = frame_ip4(1, 64, 0);
	struct frame six = frame_ip6(58, 64, 0);

	(void)state;
	setup();
	memcpy(f.bytes + 30, b4, 4);
	frame_ip4_seal(&f);
	f.bytes[34] = 8;
	frame_be16(f.bytes + 36, ~0x0800u);
	queue(f);
	memcpy(six.bytes + 38, b6, 16);
	six.bytes[54] = 128;
	frame_be16(six.bytes + 56,
		   ~sum_of(six.bytes + 54, 64, sum_of(six.bytes + 22, 32, 58 + 64)));
	queue(six);
	run();
	assert_int_equal(a->put_count, 2);
	assert_int_equal(sent(a, 0)[34], 0);
	assert_memory_equal(sent(a, 0) + 26, b4, 4);
	assert_memory_equal(sent(a, 0), mac_client, 6);
	assert_int_equal(sent(a, 1)[54], 129);
	assert_memory_equal(sent(a, 1) + 22, b6, 16);
	assert_int_equal(fake_counter("for_us"), 2);
}

static void a_port_of_ours_is_unreachable(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 33434, 0);

	(void)state;
	setup();
	memcpy(f.bytes + 30, b4, 4);
	frame_ip4_seal(&f);
	queue(f);
	run();
	assert_int_equal(a->put_count, 1);
	assert_memory_equal(sent(a, 0) + 34, "\3\3", 2);

	/* A connection is refused: protocol unreachable would read "protocol not available". */
	setup();
	f = frame_l4(4, 6, 1, 22, 0);
	memcpy(f.bytes + 30, b4, 4);
	frame_ip4_seal(&f);
	queue(f);
	run();
	assert_memory_equal(sent(a, 0) + 34, "\3\3", 2);
}

static void more_messages_than_the_rate_are_counted_and_not_sent(void **state)
{
	(void)state;
	setup();
	fake_option_add("icmp_rate", "100", 100);
	for (uint32_t i = 0; i < 200; i++) {
		struct frame f = frame_l4(4, 17, 1, 53, 0);

		f.bytes[14 + 8] = 1;
		frame_ip4_seal(&f);
		queue(f);
	}
	run();
	assert_int_equal(a->put_count, 50);
	assert_int_equal(fake_counter("limited"), 150);
	assert_int_equal(fake_counter("ttl_expired"), 200);
}

static void without_a_pool_it_counts_what_it_would_have_said(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	fake.has_pool = false;
	queue(f); /* a neighbour nobody asks */
	f.bytes[14 + 8] = 1;
	frame_ip4_seal(&f);
	queue(f);
	queue_arp(1, everybody, mac_server, server4, b4);
	run();
	assert_int_equal(a->put_count + b->put_count, 0);
	assert_int_equal(fake_counter("no_neighbour"), 1);
	assert_int_equal(fake_counter("ttl_expired"), 1);
	assert_int_equal(fake_counter("not_ip"), 1);
	assert_int_equal(fake_counter("unsent"), 1);
}

static void a_full_output_costs_messages_and_never_a_forwarded_frame(void **state)
{
	(void)state;
	setup();
	a->room = a->room_left = 1;
	b->room = b->room_left = 1;
	for (uint32_t i = 0; i < 20; i++) {
		queue(frame_l4(4, 17, 1, 53, 0));
		queue_arp(1, everybody, mac_server, server4, b4);
	}
	run(); /* the fake fails a put without room */
	assert_int_equal(fake_counter("heard"), 20);
	assert_int_equal(fake_counter("forwarded") + fake_counter("held_full"), 20);
}

static void every_input_is_served(void **state)
{
	struct vanity_rx *other;
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	other = fake_rx("more");
	memcpy(f.bytes, mac_a, 6);
	memcpy(f.bytes + 30, "\x0a\1\2\3", 4);
	frame_ip4_seal(&f);
	fake_queue(other, f.bytes, f.length);
	queue(f);
	run();
	assert_int_equal(a->put_count, 2);
}

static void a_frame_for_another_station_of_the_link_is_not_forwarded(void **state)
{
	static const uint8_t nobody[6] = { 2, 0, 0, 0, 0x0b, 9 };
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	memcpy(f.bytes + 30, "\x0a\1\2\3", 4); /* to 10/8, whose next hop is known */
	frame_ip4_seal(&f);
	memcpy(f.bytes, nobody, 6);
	queue(f);
	memcpy(f.bytes, none, 6);
	queue(f);
	queue_arp(1, nobody, mac_server, server4, b4);
	/* The same to either link address of ours goes on: nobody knows which link `in` is. */
	memcpy(f.bytes, mac_a, 6);
	queue(f);
	memcpy(f.bytes, mac_b, 6);
	queue(f);
	/* Too short to say whom it is for: malformed. */
	fake_queue(in, nobody, 6);
	run();
	assert_int_equal(fake_counter("not_our_mac"), 3);
	assert_int_equal(fake_counter("malformed"), 1);
	assert_int_equal(fake_counter("heard"), 0);
	assert_int_equal(a->put_count, 2);
	assert_int_equal(b->put_count, 0);
}

static void without_a_pool_whoever_hands_it_a_frame_means_it(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup();
	fake.has_pool = false;
	memcpy(f.bytes + 30, "\x0a\1\2\3", 4);
	frame_ip4_seal(&f);
	fake_queue(in, f.bytes, f.length);
	run();
	assert_int_equal(fake_counter("not_our_mac"), 0);
	assert_int_equal(a->put_count, 1);
}

/* Two inputs, each the end of a link. */
static struct vanity_rx *in_a, *in_b;

static void setup_links(void)
{
	setup();
	in_a = fake_rx("in_a");
	in_b = fake_rx("in_b");
}

static void queue_on(struct vanity_rx *rx, struct frame f)
{
	fake_queue(rx, f.bytes, f.length);
}

/* What queue_arp() made, on another input. */
static void queue_arp_on(struct vanity_rx *rx, uint32_t operation, const uint8_t *to,
			 const uint8_t *mac, const uint8_t src[4], const uint8_t dst[4])
{
	queue_arp(operation, to, mac, src, dst);
	rx->queue[rx->queue_count++] = in->queue[--in->queue_count];
}

static void an_input_named_for_an_interface_takes_frames_to_that_one_alone(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 53, 0);

	(void)state;
	setup_links();
	memcpy(f.bytes + 30, "\x0a\1\2\3", 4);
	frame_ip4_seal(&f);
	memcpy(f.bytes, mac_a, 6);
	queue_on(in_a, f);
	queue_on(in_b, f);
	memcpy(f.bytes, mac_b, 6);
	queue_on(in_a, f);
	queue_on(in_b, f);
	run();
	assert_int_equal(fake_counter("not_our_mac"), 2);
	assert_int_equal(a->put_count, 2);
	assert_int_equal(in_a->back_count, 1);
	assert_int_equal(in_b->back_count, 1);
}

static void a_link_speaks_of_its_own_neighbours_alone(void **state)
{
	static const uint8_t liar[6] = { 2, 0, 0, 0, 0x0a, 0x66 };
	struct frame f = frame_l4(4, 17, 1, 53, 0);
	struct frame elsewhere = f;

	(void)state;
	memcpy(f.bytes, mac_b, 6);
	setup_links();
	/* a's link says who the server on b's link is, and asks for our address on b's. */
	queue_arp_on(in_a, 1, everybody, liar, server4, b4);
	queue_arp_on(in_a, 1, everybody, liar, server4, server4);
	queue_on(in_a, nd(135, 0, liar, none,
			  (const uint8_t[16]){ 0xff, 2, [11] = 1, 0xff, 0, 0, 1 }, b6, 0));
	queue_arp_on(in_b, 1, everybody, mac_server, server4, b4);
	queue_arp_on(in_a, 1, everybody, liar, server4, server4);
	run();
	assert_int_equal(a->put_count, 0);
	assert_int_equal(b->put_count, 1);
	assert_memory_equal(sent(b, 0), mac_server, 6);
	assert_int_equal(fake_counter("neighbours"), 1);

	/* Nor does an answer from there replace what b's link said. */
	setup_links();
	queue_arp_on(in_b, 1, everybody, mac_server, server4, b4);
	/* A burst of others' frames: a's link speaks in the turn after b's did. */
	for (uint32_t i = 0; i < VANITY_BURST_MAX; i++) {
		queue_on(in_a, elsewhere);
		queue_on(in_b, elsewhere);
	}
	queue_arp_on(in_a, 1, everybody, liar, server4, server4);
	queue_arp_on(in_a, 2, everybody, liar, server4, b4);
	queue_on(in_b, f);
	run();
	assert_int_equal(b->put_count, 2);
	assert_memory_equal(sent(b, 1), mac_server, 6);
}

static void a_host_that_asks_from_a_foreign_address_is_answered_on_its_own_link(void **state)
{
	static const uint8_t far4[4] = { 10, 9, 9, 9 };
	static const uint8_t far6[16] = { 0x20, 1, 0x0d, 0xb8, 0xff, 0xff, [15] = 9 };
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };

	(void)state;
	setup_links();
	queue_arp_on(in_b, 1, everybody, mac_server, far4, b4);
	queue_on(in_b, nd(135, 0, mac_server, far6, group, b6, 1));
	run();
	assert_int_equal(b->put_count, 2);
	assert_memory_equal(sent(b, 0), mac_server, 6);
	assert_memory_equal(sent(b, 0) + 38, far4, 4);
	assert_memory_equal(sent(b, 1), mac_server, 6);
	assert_memory_equal(sent(b, 1) + 38, far6, 16);
	/* Answered, and not believed: it stands in no network of that link. */
	assert_int_equal(fake_counter("neighbours"), 0);
}

static void who_names_our_own_link_address_or_a_groups_is_not_heard(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };
	struct frame f;

	(void)state;
	setup();
	queue_arp(1, everybody, mac_a, server4, b4);
	queue_arp(2, mac_b, mac_b, server4, b4);
	queue(nd(135, 0, mac_b, server6, group, b6, 1));
	f = nd(135, 0, mac_server, server6, group, b6, 0);
	f.bytes[6] |= 1; /* and no option to answer to */
	queue(f);
	run();
	assert_int_equal(fake_counter("heard"), 4);
	assert_int_equal(fake_counter("neighbours"), 0);
	assert_int_equal(a->put_count + b->put_count, 0);
}

static void frames_of_its_own_that_are_too_small_end_it(void **state)
{
	(void)state;
	setup();
	fake.frame_bytes = 128;
	assert_int_equal(fake_run(), -1);
	assert_string_equal(fake.fatal_words, "the router's own frames are small");
}

static void no_cut_of_any_message_is_read_too_far(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 1 };
	struct frame f = nd(135, 0, mac_server, server6, group, b6, 1);

	(void)state;
	for (uint32_t length = 0; length <= f.length; length++) {
		setup();
		fake_queue(in, f.bytes, length);
		run();
		assert_int_equal(b->put_count, length == f.length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arp_request_for_our_address_is_answered_and_teaches),
		cmocka_unit_test(an_arp_probe_is_answered_and_teaches_nothing),
		cmocka_unit_test(arp_from_another_network_or_in_our_name_is_not_believed),
		cmocka_unit_test(who_claims_an_address_of_ours_is_counted),
		cmocka_unit_test(a_packet_waits_while_its_neighbour_is_asked),
		cmocka_unit_test(an_answer_for_another_link_address_is_none),
		cmocka_unit_test(the_gateway_is_asked_and_not_the_destination),
		cmocka_unit_test(who_does_not_answer_is_asked_three_times_and_the_sender_told),
		cmocka_unit_test(
			senders_behind_the_neighbour_that_does_not_answer_cost_no_frame_twice),
		cmocka_unit_test(the_fourth_that_waits_costs_the_first),
		cmocka_unit_test(no_more_frames_wait_than_the_option_says),
		cmocka_unit_test(a_stop_sends_every_waiting_frame_home),
		cmocka_unit_test(a_flood_of_absent_neighbours_fills_half_and_spares_who_is_known),
		cmocka_unit_test(a_solicitation_for_our_address_is_answered_and_teaches),
		cmocka_unit_test(one_without_an_address_is_answered_to_all_nodes),
		cmocka_unit_test(our_link_local_address_is_ours),
		cmocka_unit_test(an_ipv6_neighbour_is_asked_by_its_group),
		cmocka_unit_test(an_expired_packet_is_told_to_its_sender),
		cmocka_unit_test(a_packet_too_big_is_told_the_mtu_of_its_way),
		cmocka_unit_test(a_packet_too_big_without_df_goes_on_in_pieces),
		cmocka_unit_test(the_lists_of_a_packet_that_goes_on_get_our_entry),
		cmocka_unit_test(the_first_of_the_pieces_has_our_entry_and_the_others_no_lists),
		cmocka_unit_test(a_packet_of_more_than_16_pieces_is_too_big),
		cmocka_unit_test(an_interface_without_an_address_of_the_family_has_nobody_to_speak),
		cmocka_unit_test(a_packet_whose_pieces_find_no_room_is_dropped_whole),
		cmocka_unit_test(a_ping_of_any_own_address_is_answered),
		cmocka_unit_test(a_port_of_ours_is_unreachable),
		cmocka_unit_test(more_messages_than_the_rate_are_counted_and_not_sent),
		cmocka_unit_test(without_a_pool_it_counts_what_it_would_have_said),
		cmocka_unit_test(a_full_output_costs_messages_and_never_a_forwarded_frame),
		cmocka_unit_test(every_input_is_served),
		cmocka_unit_test(a_frame_for_another_station_of_the_link_is_not_forwarded),
		cmocka_unit_test(without_a_pool_whoever_hands_it_a_frame_means_it),
		cmocka_unit_test(an_input_named_for_an_interface_takes_frames_to_that_one_alone),
		cmocka_unit_test(a_link_speaks_of_its_own_neighbours_alone),
		cmocka_unit_test(
			a_host_that_asks_from_a_foreign_address_is_answered_on_its_own_link),
		cmocka_unit_test(who_names_our_own_link_address_or_a_groups_is_not_heard),
		cmocka_unit_test(frames_of_its_own_that_are_too_small_end_it),
		cmocka_unit_test(no_cut_of_any_message_is_read_too_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
