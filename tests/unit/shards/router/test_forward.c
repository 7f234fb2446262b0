/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "frames.h"
#include "router/forward.h"
#include "router/icmp.h"

static struct rt_routes routes;

static int load(const char *text)
{
	struct craft_errors errors;

	memset(&routes, 0, sizeof(routes));
	memset(&errors, 0, sizeof(errors));
	return rt_routes_parse(&routes, text, strlen(text), &errors);
}

static const char world[] =
	"interface a mac 02:00:00:00:0a:01 address 192.0.2.1/24 address 2001:db8:a::1/64\n"
	"interface b mac 02:00:00:00:0b:01\n"
	"neighbour 192.0.2.2 02:00:00:00:0a:02 port a\n"
	"route 198.51.100.0/24 via 192.0.2.2\n"
	"route 198.51.100.128/25 port b 02:00:00:00:0b:02\n"
	"route 2001:db8:2::/48 port b 02:00:00:00:0b:03\n";

static enum rt_reason forward(struct frame *f, uint32_t *ret_interface)
{
	uint8_t *exact = malloc(f->length);
	enum rt_reason reason;

	assert_non_null(exact);
	memcpy(exact, f->bytes, f->length);
	reason = rt_routes_forward(&routes, exact, f->length, ret_interface);
	if (reason != RT_FORWARD)
		assert_memory_equal(exact, f->bytes, f->length); /* untouched */
	memcpy(f->bytes, exact, f->length);
	free(exact);
	return reason;
}

static uint32_t ip4_sum(const struct frame *f)
{
	const uint8_t *ip = f->bytes + f->l3;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < (ip[0] & 15u) * 4u; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void send_to(struct frame *f, uint32_t last_byte)
{
	f->bytes[f->l3 + 19] = (uint8_t)last_byte;
	frame_ip4_seal(f);
}

static void an_ipv4_packet_is_rewritten_and_leaves_by_the_longest_prefix(void **state)
{
	static const uint8_t macs_a[12] = { 2, 0, 0, 0, 0x0a, 2, 2, 0, 0, 0, 0x0a, 1 };
	static const uint8_t macs_b[12] = { 2, 0, 0, 0, 0x0b, 2, 2, 0, 0, 0, 0x0b, 1 };

	(void)state;
	assert_int_equal(load(world), 0);
	for (uint32_t vlan = 0; vlan < 8; vlan += 7) {
		struct frame f = frame_l4(4, 17, 1, 2, vlan);
		struct frame before = f;
		uint32_t interface = 9;

		assert_int_equal(forward(&f, &interface), RT_FORWARD);
		assert_int_equal(interface, 0);
		assert_memory_equal(f.bytes, macs_a, 12);
		assert_int_equal(f.bytes[f.l3 + 8], 63);
		assert_int_equal(ip4_sum(&f), 0xffff);
		/* Everything else is as it was. */
		assert_memory_equal(f.bytes + 12, before.bytes + 12, f.l3 + 8 - 12);
		assert_memory_equal(f.bytes + f.l3 + 12, before.bytes + f.l3 + 12, 32 - 12);

		f = before;
		send_to(&f, 200);
		assert_int_equal(forward(&f, &interface), RT_FORWARD);
		assert_int_equal(interface, 1);
		assert_memory_equal(f.bytes, macs_b, 12);
	}
}

static void an_ipv6_packet_is_rewritten(void **state)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0x0b, 3, 2, 0, 0, 0, 0x0b, 1 };
	struct frame f = frame_l4(6, 17, 1, 2, 0);
	struct frame before = f;
	uint32_t interface = 9;

	(void)state;
	assert_int_equal(load(world), 0);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);
	assert_int_equal(interface, 1);
	assert_memory_equal(f.bytes, macs, 12);
	assert_int_equal(f.bytes[14 + 7], 63);
	f.bytes[14 + 7] = 64;
	assert_memory_equal(f.bytes + 12, before.bytes + 12, f.length - 12);
}

static void a_hop_limit_of_two_passes_and_of_one_does_not(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct frame six = frame_l4(6, 17, 1, 2, 0);
	uint32_t interface;

	(void)state;
	assert_int_equal(load(world), 0);
	f.bytes[14 + 8] = 2;
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);
	assert_int_equal(forward(&f, &interface), RT_TTL_EXPIRED);
	f.bytes[14 + 8] = 0;
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_TTL_EXPIRED);
	six.bytes[14 + 7] = 1;
	assert_int_equal(forward(&six, &interface), RT_TTL_EXPIRED);
}

static void every_hop_keeps_the_checksum_right(void **state)
{
	uint32_t interface;

	(void)state;
	assert_int_equal(load(world), 0);
	for (uint32_t ident = 0; ident < 65536; ident += 251) {
		struct frame f = frame_l4(4, 17, 1, 2, 0);

		frame_be16(f.bytes + 14 + 4, ident);
		f.bytes[14 + 8] = 255;
		frame_ip4_seal(&f);
		for (uint32_t hop = 0; hop < 254; hop++)
			assert_int_equal(forward(&f, &interface), RT_FORWARD);
		assert_int_equal(forward(&f, &interface), RT_TTL_EXPIRED);
	}
}

static void a_wrong_checksum_goes_nowhere(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	uint32_t interface;

	(void)state;
	assert_int_equal(load(world), 0);
	f.bytes[14 + 10] ^= 1;
	assert_int_equal(forward(&f, &interface), RT_BAD_CHECKSUM);
}

static void options_are_part_of_the_checksum(void **state)
{
	struct frame f = frame_ip4(17, 4 + 12, 0);
	uint32_t interface;

	(void)state;
	assert_int_equal(load(world), 0);
	f.bytes[14] = 0x46;
	f.bytes[14 + 20] = 1; /* no operation */
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);
	f.bytes[14 + 21] ^= 1;
	assert_int_equal(forward(&f, &interface), RT_BAD_CHECKSUM);
}

static void what_cannot_be_forwarded_has_a_reason(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct frame six = frame_l4(6, 17, 1, 2, 0);
	uint32_t interface = 9;

	(void)state;
	assert_int_equal(load(world), 0);
	f.length = 33;
	assert_int_equal(forward(&f, &interface), RT_MALFORMED);
	f = frame_l4(4, 17, 1, 2, 0);
	f.bytes[14 + 16] = 9; /* to 9.51.100.7 */
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_NO_ROUTE);
	memcpy(f.bytes + 14 + 16, "\xc0\0\2\1", 4);
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_FOR_US);
	f.bytes[14 + 8] = 1; /* arrived: no hop is needed any more */
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_FOR_US);
	f.bytes[14 + 8] = 64;
	send_to(&f, 3); /* on a's network, and no neighbour line */
	assert_int_equal(forward(&f, &interface), RT_NO_NEIGHBOUR);
	send_to(&f, 2);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);
	six.bytes[14 + 24 + 5] = 9;
	assert_int_equal(forward(&six, &interface), RT_NO_ROUTE);
	frame_link(&f, CRAFT_TYPE_ARP, 0);
	f.length = 60;
	assert_int_equal(forward(&f, &interface), RT_NOT_IP);
	assert_int_equal(interface, 0);
}

static void groups_and_addresses_of_one_link_are_not_forwarded(void **state)
{
	static const uint8_t firsts[] = { 0, 127, 224, 239, 255 };
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct frame six = frame_l4(6, 17, 1, 2, 0);
	uint32_t interface;

	(void)state;
	assert_int_equal(load("interface out mac 02:00:00:00:00:11\n"
			      "route 0.0.0.0/0 port out 02:00:00:00:00:02\n"
			      "route ::/0 port out 02:00:00:00:00:02\n"),
			 0);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);
	f.bytes[0] = 1;
	assert_int_equal(forward(&f, &interface), RT_NOT_FOR_US);
	f.bytes[0] = 2;
	for (size_t i = 0; i < sizeof(firsts); i++) {
		f.bytes[14 + 16] = firsts[i];
		frame_ip4_seal(&f);
		assert_int_equal(forward(&f, &interface), RT_NOT_FOR_US);
	}
	memcpy(f.bytes + 14 + 16, "\xa9\xfe", 2);
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_NOT_FOR_US);
	memcpy(f.bytes + 14 + 16, "\xa9\xfd", 2);
	frame_ip4_seal(&f);
	assert_int_equal(forward(&f, &interface), RT_FORWARD);

	assert_int_equal(forward(&six, &interface), RT_FORWARD);
	memcpy(six.bytes + 14 + 24, "\xff\x02", 2);
	assert_int_equal(forward(&six, &interface), RT_NOT_FOR_US);
	memcpy(six.bytes + 14 + 24, "\xfe\xbf", 2);
	assert_int_equal(forward(&six, &interface), RT_NOT_FOR_US);
	memcpy(six.bytes + 14 + 24, "\xfe\xc0", 2);
	assert_int_equal(forward(&six, &interface), RT_FORWARD);
	memset(six.bytes + 14 + 24, 0, 15);
	six.bytes[14 + 24 + 15] = 1;
	assert_int_equal(forward(&six, &interface), RT_NOT_FOR_US);
	six.bytes[14 + 24 + 15] = 0;
	assert_int_equal(forward(&six, &interface), RT_NOT_FOR_US);
	six.bytes[14 + 24 + 15] = 2;
	assert_int_equal(forward(&six, &interface), RT_FORWARD);
}

/* What a frame's sender is told: type, code and value in one number, easy to read in a failure. */
#define TOLD(type, code, value) ((uint64_t)(type) << 40 | (uint64_t)(code) << 32 | (value))

static enum rt_reason decide(const struct frame *f, uint64_t *ret_told)
{
	struct rt_decision d;
	enum rt_reason reason = rt_decide(&routes, f->bytes, f->length, &d);

	*ret_told = TOLD(d.error.type, d.error.code, d.error.value);
	return reason;
}

static void each_refusal_says_what_its_sender_is_told(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct frame six = frame_l4(6, 17, 1, 2, 0);
	uint64_t told;

	(void)state;
	assert_int_equal(load(world), 0);
	assert_int_equal(decide(&f, &told), RT_FORWARD);
	assert_int_equal(told, 0);
	f.bytes[14 + 8] = 1;
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_TTL_EXPIRED);
	assert_int_equal(told, TOLD(11, 0, 0));
	f.bytes[14 + 16] = 9;
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_NO_ROUTE);
	assert_int_equal(told, TOLD(3, 0, 0));
	six.bytes[14 + 7] = 1;
	assert_int_equal(decide(&six, &told), RT_TTL_EXPIRED);
	assert_int_equal(told, TOLD(3, 0, 0));
	six.bytes[14 + 24] = 9;
	assert_int_equal(decide(&six, &told), RT_NO_ROUTE);
	assert_int_equal(told, TOLD(1, 0, 0));
}

static void a_packet_longer_than_the_mtu_is_too_big(void **state)
{
	struct frame f = frame_ip4(17, 1480, 0);
	struct frame six = frame_ip6(17, 1460, 7);
	uint64_t told;

	(void)state;
	assert_int_equal(load(world), 0);
	frame_be16(f.bytes + 14 + 24, 1480);
	assert_int_equal(decide(&f, &told), RT_FORWARD);
	assert_int_equal(decide(&six, &told), RT_FORWARD);
	f = frame_ip4(17, 1481, 0);
	assert_int_equal(decide(&f, &told), RT_TOO_BIG); /* may be cut: nobody is told */
	assert_int_equal(told, 0);
	frame_be16(f.bytes + 14 + 6, 0x4000);
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_TOO_BIG);
	assert_int_equal(told, TOLD(3, 4, 1500));
	six = frame_ip6(17, 1461, 0);
	assert_int_equal(decide(&six, &told), RT_TOO_BIG);
	assert_int_equal(told, TOLD(2, 0, 1500));
	six.length += 20; /* bytes behind the packet do not count */
	frame_be16(six.bytes + 14 + 4, 1460);
	assert_int_equal(decide(&six, &told), RT_FORWARD);
}

static void fragments_are_packets_like_others(void **state)
{
	struct frame f = frame_ip4(17, 100, 0);
	struct frame six = frame_ip6(44, 100, 0);
	uint64_t told;

	(void)state;
	assert_int_equal(load(world), 0);
	frame_be16(f.bytes + 14 + 6, 0x2000);
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_FORWARD);
	frame_be16(f.bytes + 14 + 6, 0x00b9);
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_FORWARD);
	assert_int_equal(decide(&six, &told), RT_FORWARD);
}

static void a_source_that_is_no_station_is_refused(void **state)
{
	static const uint8_t firsts[] = { 0, 127, 224, 240, 255 };
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct frame six = frame_l4(6, 17, 1, 2, 0);
	uint64_t told;

	(void)state;
	assert_int_equal(load(world), 0);
	for (size_t i = 0; i < sizeof(firsts); i++) {
		f.bytes[14 + 12] = firsts[i];
		frame_ip4_seal(&f);
		assert_int_equal(decide(&f, &told), RT_BAD_SOURCE);
		assert_int_equal(told, 0);
	}
	memcpy(f.bytes + 14 + 12, "\xa9\xfe", 2);
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_BAD_SOURCE);
	assert_int_equal(told, 0);
	memcpy(six.bytes + 14 + 8, "\xfe\x80", 2);
	assert_int_equal(decide(&six, &told), RT_BAD_SOURCE);
	assert_int_equal(told, TOLD(1, 2, 0)); /* beyond scope of source address */
	six.bytes[14 + 8] = 0xff;
	assert_int_equal(decide(&six, &told), RT_BAD_SOURCE);
	assert_int_equal(told, 0);
	memset(six.bytes + 14 + 8, 0, 16);
	assert_int_equal(decide(&six, &told), RT_BAD_SOURCE);
	six.bytes[14 + 8 + 15] = 1;
	assert_int_equal(decide(&six, &told), RT_BAD_SOURCE);
}

static void a_directed_broadcast_ends_here(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	uint64_t told;

	(void)state;
	assert_int_equal(load("interface a mac 02:00:00:00:0a:01 address 198.51.100.1/24 "
			      "address 10.0.0.0/31\n"),
			 0);
	send_to(&f, 255);
	assert_int_equal(decide(&f, &told), RT_NOT_FOR_US);
	send_to(&f, 0);
	assert_int_equal(decide(&f, &told), RT_NOT_FOR_US);
	send_to(&f, 254);
	assert_int_equal(decide(&f, &told), RT_NO_NEIGHBOUR);
	memcpy(f.bytes + 14 + 16, "\x0a\0\0\1", 4); /* the other end of a pair */
	frame_ip4_seal(&f);
	assert_int_equal(decide(&f, &told), RT_NO_NEIGHBOUR);
}

static void the_next_hop_is_the_gateway_or_the_destination(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	struct rt_decision d;
	struct rt_path path;
	struct craft_addr addr = { 0xc633640700000000, 0 };

	(void)state;
	assert_int_equal(load("interface a mac 02:00:00:00:0a:01 address 192.0.2.1/24\n"
			      "interface b mac 02:00:00:00:0b:01 address 203.0.113.1/24\n"
			      "route 198.51.100.0/24 via 203.0.113.9\n"),
			 0);
	assert_int_equal(rt_decide(&routes, f.bytes, f.length, &d), RT_NO_NEIGHBOUR);
	assert_int_equal(d.path.interface, 1);
	assert_null(d.path.mac);
	assert_int_equal(d.path.next.hi, 0xcb00710900000000);
	assert_true(rt_path_find(&routes, 4, &addr, &path));
	assert_int_equal(path.next.hi, 0xcb00710900000000);
	addr.hi = 0xc000020800000000;
	assert_true(rt_path_find(&routes, 4, &addr, &path));
	assert_int_equal(path.interface, 0);
	assert_int_equal(path.next.hi, addr.hi);
	addr.hi = 0xc000020100000000; /* ours */
	assert_false(rt_path_find(&routes, 4, &addr, &path));
	addr.hi = 0x0800000000000000;
	assert_false(rt_path_find(&routes, 4, &addr, &path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_packet_is_rewritten_and_leaves_by_the_longest_prefix),
		cmocka_unit_test(an_ipv6_packet_is_rewritten),
		cmocka_unit_test(a_hop_limit_of_two_passes_and_of_one_does_not),
		cmocka_unit_test(every_hop_keeps_the_checksum_right),
		cmocka_unit_test(a_wrong_checksum_goes_nowhere),
		cmocka_unit_test(options_are_part_of_the_checksum),
		cmocka_unit_test(what_cannot_be_forwarded_has_a_reason),
		cmocka_unit_test(groups_and_addresses_of_one_link_are_not_forwarded),
		cmocka_unit_test(each_refusal_says_what_its_sender_is_told),
		cmocka_unit_test(a_packet_longer_than_the_mtu_is_too_big),
		cmocka_unit_test(fragments_are_packets_like_others),
		cmocka_unit_test(a_source_that_is_no_station_is_refused),
		cmocka_unit_test(a_directed_broadcast_ends_here),
		cmocka_unit_test(the_next_hop_is_the_gateway_or_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
