/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "common/packet.h"
#include "frames.h"

static struct craft_packet packet;

/* The frame in a buffer of exactly its length, so that a sanitizer sees one byte too many. */
static enum craft_fault parse(const struct frame *f)
{
	uint8_t *exact = malloc(f->length != 0 ? f->length : 1);
	enum craft_fault fault;

	assert_non_null(exact);
	memcpy(exact, f->bytes, f->length);
	fault = craft_packet_transport(exact, f->length, &packet);
	free(exact);
	return fault;
}

static void every_sound_packet_is_understood(void **state)
{
	(void)state;
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (uint32_t vlan = 0; vlan <= 0xfff; vlan += 0xfff) {
			for (uint32_t proto = 6; proto <= 17; proto += 11) {
				struct frame f = frame_l4(family, proto, 1000, 65535, vlan);

				assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
				assert_int_equal(packet.family, family);
				assert_int_equal(packet.proto, proto);
				assert_int_equal(packet.vlan, vlan);
				assert_int_equal(packet.tagged, vlan != 0);
				assert_true(packet.has_ports);
				assert_int_equal(packet.src_port, 1000);
				assert_int_equal(packet.dst_port, 65535);
				assert_int_equal(packet.ttl, 64);
				assert_int_equal(packet.l3_end, f.length);
				assert_false(packet.fragment);
			}
		}
	}
}

static void addresses_are_read_as_numbers(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.src.hi == 0x0a01020300000000 && packet.src.lo == 0);
	assert_true(packet.dst.hi == 0xc633640700000000 && packet.dst.lo == 0);
	f = frame_l4(6, 17, 1, 2, 0);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.src.hi == 0x20010db800010000 && packet.src.lo == 5);
	assert_true(packet.dst.hi == 0x20010db800020000 && packet.dst.lo == 7);
}

static void padding_behind_the_packet_is_no_part_of_it(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);

	(void)state;
	f.length = 60;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.l3_end, 14 + 32);
}

static void a_frame_that_is_not_ip_is_no_fault(void **state)
{
	struct frame f;

	(void)state;
	frame_link(&f, CRAFT_TYPE_ARP, 0);
	f.length = 14;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.family, 0);
	assert_int_equal(packet.type, CRAFT_TYPE_ARP);
	/* A second tag is not looked behind. */
	frame_link(&f, CRAFT_TYPE_VLAN, 7);
	f.length = 22;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.family, 0);
	assert_int_equal(packet.type, CRAFT_TYPE_VLAN);
}

static void a_frame_cut_short_anywhere_is_a_fault_and_never_read_beyond(void **state)
{
	(void)state;
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (uint32_t vlan = 0; vlan <= 5; vlan += 5) {
			for (uint32_t proto = 6; proto <= 17; proto += 11) {
				struct frame f = frame_l4(family, proto, 1, 2, vlan);
				uint32_t whole = f.length;

				for (f.length = 0; f.length < whole; f.length++)
					assert_int_not_equal(parse(&f), CRAFT_FAULT_NONE);
			}
		}
	}
}

static void a_short_ethernet_header_is_a_fault(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);

	(void)state;
	f.length = 13;
	assert_int_equal(parse(&f), CRAFT_FAULT_ETHERNET_SHORT);
	f = frame_l4(4, 17, 1, 2, 9);
	f.length = 17;
	assert_int_equal(parse(&f), CRAFT_FAULT_VLAN_SHORT);
	f.length = 18;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_SHORT);
}

static void every_lie_of_an_ipv4_header_has_its_own_fault(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0);
	uint8_t *ip = f.bytes + 14;

	(void)state;
	ip[0] = 0x65;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_VERSION);
	ip[0] = 0x44;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_HEADER_BYTES);
	ip[0] = 0x4f; /* 60 bytes of header in 32 */
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_HEADER_BYTES);
	ip[0] = 0x45;
	frame_be16(ip + 2, 33);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_TOTAL_BYTES);
	frame_be16(ip + 2, 19);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_TOTAL_BYTES);
	frame_be16(ip + 2, 32);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
}

static void ipv4_options_move_the_ports(void **state)
{
	struct frame f = frame_ip4(17, 4 + 12, 0);
	uint8_t *ip = f.bytes + 14;

	(void)state;
	ip[0] = 0x46;
	frame_ports(ip + 24, 17, 53, 54, 12);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.src_port, 53);
	assert_int_equal(packet.l4, 14 + 24);
}

static void a_fragment_may_end_at_65535_and_not_behind(void **state)
{
	struct frame f = frame_ip4(17, 15, 0);
	uint8_t *ip = f.bytes + 14;

	(void)state;
	frame_be16(ip + 2, 20 + 12);
	frame_be16(ip + 6, 65496 / 8);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	frame_be16(ip + 6, 65504 / 8);
	frame_be16(ip + 2, 20 + 11);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	frame_be16(ip + 2, 20 + 12);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP4_FRAGMENT_END);
}

static void only_the_first_fragment_has_ports(void **state)
{
	struct frame f = frame_l4(4, 17, 5, 6, 0);

	(void)state;
	frame_be16(f.bytes + 14 + 6, 0x2000); /* more to come */
	frame_be16(f.bytes + 34 + 4, 2000); /* a datagram longer than its first part */
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.fragment && !packet.fragment_later && packet.has_ports);
	frame_be16(f.bytes + 14 + 6, 0x2001);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.fragment && packet.fragment_later && !packet.has_ports);
	frame_be16(f.bytes + 14 + 6, 0x4000); /* don't fragment is none */
	assert_int_equal(parse(&f), CRAFT_FAULT_UDP_BYTES);
	frame_be16(f.bytes + 34 + 4, 12);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_false(packet.fragment);
}

static void a_first_fragment_too_small_for_its_header_is_a_fault(void **state)
{
	struct frame f = frame_ip4(6, 16, 0);

	(void)state;
	frame_be16(f.bytes + 14 + 6, 0x2000);
	assert_int_equal(parse(&f), CRAFT_FAULT_TCP_SHORT);
	f = frame_ip4(17, 7, 0);
	frame_be16(f.bytes + 14 + 6, 0x2000);
	assert_int_equal(parse(&f), CRAFT_FAULT_UDP_SHORT);
}

static void every_lie_of_a_tcp_or_udp_header_has_its_own_fault(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);

	(void)state;
	f.bytes[34 + 12] = 0x40;
	assert_int_equal(parse(&f), CRAFT_FAULT_TCP_HEADER_BYTES);
	f.bytes[34 + 12] = 0x60; /* four bytes of options that are not there */
	assert_int_equal(parse(&f), CRAFT_FAULT_TCP_HEADER_BYTES);
	f.bytes[34 + 12] = 0x50;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);

	f = frame_l4(4, 17, 1, 2, 0);
	frame_be16(f.bytes + 34 + 4, 7);
	assert_int_equal(parse(&f), CRAFT_FAULT_UDP_BYTES);
	frame_be16(f.bytes + 34 + 4, 13);
	assert_int_equal(parse(&f), CRAFT_FAULT_UDP_BYTES);
	frame_be16(f.bytes + 34 + 4, 8);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
}

static void icmp_needs_its_eight_bytes_and_icmp6_its_four(void **state)
{
	struct frame f = frame_ip4(1, 8, 0);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_false(packet.has_ports);
	f = frame_ip4(1, 7, 0);
	assert_int_equal(parse(&f), CRAFT_FAULT_ICMP_SHORT);
	f = frame_ip6(58, 4, 0);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	f = frame_ip6(58, 3, 0);
	assert_int_equal(parse(&f), CRAFT_FAULT_ICMP_SHORT);
}

static void an_unknown_protocol_needs_no_header_at_all(void **state)
{
	struct frame f = frame_ip4(47, 0, 0);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.proto, 47);
	f = frame_ip6(59, 0, 0);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.proto, 59);
}

static void every_lie_of_an_ipv6_header_has_its_own_fault(void **state)
{
	struct frame f = frame_l4(6, 17, 1, 2, 0);

	(void)state;
	f.bytes[14] = 0x40;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_VERSION);
	f.bytes[14] = 0x60;
	frame_be16(f.bytes + 14 + 4, 13);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_PAYLOAD_BYTES);
	frame_be16(f.bytes + 14 + 4, 12);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	f.length = 14 + 39;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_SHORT);
}

/* @count headers of eight bytes, first @first then @rest, then UDP. */
static struct frame chain(uint32_t first, uint32_t rest, uint32_t count)
{
	struct frame f = frame_ip6(first, count * 8 + 12, 0);
	uint8_t *at = f.bytes + 54;

	for (uint32_t i = 0; i < count; i++, at += 8)
		at[0] = (uint8_t)(i + 1 < count ? rest : 17);
	frame_ports(at, 17, 7, 8, 12);
	return f;
}

static void extension_headers_are_walked_to_the_ports(void **state)
{
	static const uint8_t headers[] = { 0, 43, 44, 60 };

	(void)state;
	for (size_t i = 0; i < sizeof(headers); i++) {
		struct frame f = chain(headers[i], 0, 1);

		assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
		assert_int_equal(packet.proto, 17);
		assert_int_equal(packet.dst_port, 8);
		assert_int_equal(packet.l4, 62);
	}
}

static void an_authentication_header_counts_in_words_of_four(void **state)
{
	struct frame f = frame_ip6(51, 16 + 12, 0);

	(void)state;
	f.bytes[54] = 17;
	f.bytes[55] = 2;
	frame_ports(f.bytes + 54 + 16, 17, 7, 8, 12);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.src_port, 7);
	f.bytes[55] = 6; /* 32 bytes in 28 */
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_EXTENSION_SHORT);
}

static void eight_extension_headers_are_walked_and_nine_are_a_fault(void **state)
{
	struct frame f = chain(60, 60, 8);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_int_equal(packet.src_port, 7);
	f = chain(60, 60, 9);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_EXTENSIONS_MANY);
}

static void a_hop_by_hop_header_stands_first_or_is_a_fault(void **state)
{
	struct frame f = chain(0, 60, 2);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	f = chain(60, 0, 2);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_HOP_BY_HOP_LATE);
}

static void an_extension_header_beyond_the_packet_is_a_fault(void **state)
{
	struct frame f = frame_ip6(60, 7, 0);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_EXTENSION_SHORT);
	f = frame_ip6(60, 8, 0);
	f.bytes[54] = 59;
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	f.bytes[55] = 1;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_EXTENSION_SHORT);
	f.bytes[55] = 255;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_EXTENSION_SHORT);
}

static void a_later_ipv6_fragment_ends_the_walk(void **state)
{
	struct frame f = chain(44, 0, 1);

	(void)state;
	frame_be16(f.bytes + 54 + 2, 8);
	f.bytes[54] = 60; /* what follows would be a bad header, but is data */
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.fragment_later && !packet.has_ports);
	assert_int_equal(packet.proto, 60);
	frame_be16(f.bytes + 54 + 2, 0xfff8);
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_FRAGMENT_END);
}

static void a_second_fragment_header_is_a_fault_and_a_lone_one_is_a_whole_packet(void **state)
{
	struct frame f = chain(44, 44, 2);

	(void)state;
	assert_int_equal(parse(&f), CRAFT_FAULT_IP6_FRAGMENT_TWICE);
	f = chain(44, 0, 1);
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_false(packet.fragment);
	frame_be16(f.bytes + 54 + 2, 1); /* more to come */
	assert_int_equal(parse(&f), CRAFT_FAULT_NONE);
	assert_true(packet.fragment && packet.has_ports);
}

static void a_router_does_not_look_behind_the_ip_header(void **state)
{
	struct frame f = frame_ip4(6, 3, 0);

	(void)state;
	assert_int_equal(craft_packet_ip(f.bytes, f.length, &packet), CRAFT_FAULT_NONE);
	assert_int_equal(craft_packet_transport(f.bytes, f.length, &packet), CRAFT_FAULT_TCP_SHORT);
	f = frame_ip6(60, 1, 0);
	assert_int_equal(craft_packet_ip(f.bytes, f.length, &packet), CRAFT_FAULT_NONE);
}

static void flags_and_types_are_read_where_they_are_and_nowhere_else(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	struct craft_packet p;

	(void)state;
	f.bytes[34 + 13] = 0x12;
	assert_int_equal(craft_packet_transport(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
	assert_int_equal(p.tcp_flags, 0x12);
	assert_false(p.has_icmp);
	frame_be16(f.bytes + 20, 10); /* a later fragment */
	assert_int_equal(craft_packet_transport(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
	assert_int_equal(p.tcp_flags, 0);
	for (uint32_t family = 4; family <= 6; family += 2) {
		f = family == 4 ? frame_ip4(1, 8, 7) : frame_ip6(58, 4, 7);
		f.bytes[f.length - (family == 4 ? 8 : 4)] = 3;
		f.bytes[f.length - (family == 4 ? 7 : 3)] = 4;
		assert_int_equal(craft_packet_transport(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
		assert_true(p.has_icmp && !p.has_ports);
		assert_int_equal(p.icmp_type, 3);
		assert_int_equal(p.icmp_code, 4);
		f = family == 4 ? frame_ip4(1, 7, 0) : frame_ip6(58, 3, 0);
		assert_int_equal(craft_packet_transport(f.bytes, f.length, &p),
				 CRAFT_FAULT_ICMP_SHORT);
		assert_false(p.has_icmp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sound_packet_is_understood),
		cmocka_unit_test(addresses_are_read_as_numbers),
		cmocka_unit_test(padding_behind_the_packet_is_no_part_of_it),
		cmocka_unit_test(a_frame_that_is_not_ip_is_no_fault),
		cmocka_unit_test(a_frame_cut_short_anywhere_is_a_fault_and_never_read_beyond),
		cmocka_unit_test(a_short_ethernet_header_is_a_fault),
		cmocka_unit_test(every_lie_of_an_ipv4_header_has_its_own_fault),
		cmocka_unit_test(ipv4_options_move_the_ports),
		cmocka_unit_test(a_fragment_may_end_at_65535_and_not_behind),
		cmocka_unit_test(only_the_first_fragment_has_ports),
		cmocka_unit_test(a_first_fragment_too_small_for_its_header_is_a_fault),
		cmocka_unit_test(every_lie_of_a_tcp_or_udp_header_has_its_own_fault),
		cmocka_unit_test(icmp_needs_its_eight_bytes_and_icmp6_its_four),
		cmocka_unit_test(an_unknown_protocol_needs_no_header_at_all),
		cmocka_unit_test(every_lie_of_an_ipv6_header_has_its_own_fault),
		cmocka_unit_test(extension_headers_are_walked_to_the_ports),
		cmocka_unit_test(an_authentication_header_counts_in_words_of_four),
		cmocka_unit_test(eight_extension_headers_are_walked_and_nine_are_a_fault),
		cmocka_unit_test(a_hop_by_hop_header_stands_first_or_is_a_fault),
		cmocka_unit_test(an_extension_header_beyond_the_packet_is_a_fault),
		cmocka_unit_test(a_later_ipv6_fragment_ends_the_walk),
		cmocka_unit_test(
			a_second_fragment_header_is_a_fault_and_a_lone_one_is_a_whole_packet),
		cmocka_unit_test(a_router_does_not_look_behind_the_ip_header),
		cmocka_unit_test(flags_and_types_are_read_where_they_are_and_nowhere_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
