/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "common/craft.h"
#include "common/packet.h"

static void a_sum_is_folded_to_sixteen_bits(void **state)
{
	static const uint8_t rfc1071[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	/* The example of RFC 1071, section 3. */
	assert_int_equal(craft_fold(craft_sum(rfc1071, 8, 0)), 0xddf2);
	assert_int_equal(craft_fold(craft_sum(rfc1071, 3, 0)), 0xf201);
	assert_int_equal(craft_fold(craft_sum(rfc1071, 0, 0x1ffff)), 1);
}

static void an_updated_checksum_equals_a_new_one_for_every_hop_limit(void **state)
{
	uint8_t header[20] = {
		0x45, 0, 0, 84, 0, 0, 0x40, 0, 0, 1, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1
	};

	(void)state;
	for (uint32_t ident = 0; ident < 65536; ident += 13) {
		header[4] = (uint8_t)(ident >> 8);
		header[5] = (uint8_t)ident;
		for (uint32_t ttl = 2; ttl <= 255; ttl += 11) {
			uint16_t before, after;

			header[8] = (uint8_t)ttl;
			before = (uint16_t)~craft_fold(craft_sum(header, 20, 0));
			header[8] = (uint8_t)(ttl - 1);
			after = (uint16_t)~craft_fold(craft_sum(header, 20, 0));
			before = craft_checksum_update(before, (uint16_t)(ttl << 8 | 1),
						       (uint16_t)((ttl - 1) << 8 | 1));
			assert_int_equal(before, after);
		}
	}
}

static void the_example_of_rfc_1624_comes_out_right(void **state)
{
	(void)state;
	/* Section 4: the checksum 0xdd2f, a word 0x5555 that becomes 0x3285, gives 0x0000. */
	assert_int_equal(craft_checksum_update(0xdd2f, 0x5555, 0x3285), 0);
}

static void a_crafted_packet_is_sound_at_every_size(void **state)
{
	static const uint32_t sizes[] = { 42, 60, 61, 512, 1514, 2048, 65549 };
	const struct craft_udp4 udp = {
		.src = 0x0a000001,
		.dst = 0xc6336401,
		.src_port = 1024,
		.dst_port = 9,
		.src_mac = { 2, 0, 0, 0, 0, 1 },
		.dst_mac = { 2, 0, 0, 0, 0, 2 },
		.ttl = 64,
	};
	uint8_t *frame = malloc(65549);

	(void)state;
	assert_non_null(frame);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct craft_packet p;
		uint32_t udp_bytes = sizes[i] - 34;
		uint64_t sum;

		memset(frame, 0xee, sizes[i]);
		craft_udp4_write(frame, sizes[i], &udp);
		assert_int_equal(craft_packet_transport(frame, sizes[i], &p), CRAFT_FAULT_NONE);
		assert_int_equal(p.l3_end, sizes[i]);
		assert_int_equal(p.src_port, 1024);
		assert_int_equal(p.ttl, 64);
		assert_int_equal(craft_fold(craft_sum(frame + 14, 20, 0)), 0xffff);
		sum = craft_sum(frame + 26, 8, 17 + udp_bytes);
		assert_int_equal(craft_fold(craft_sum(frame + 34, udp_bytes, sum)), 0xffff);
	}
	free(frame);
}

static void a_udp_checksum_of_zero_is_sent_as_all_ones(void **state)
{
	struct craft_udp4 udp = { .src = 0x0a000001, .dst = 0xc6336401, .dst_port = 9, .ttl = 64 };
	uint8_t frame[60];
	bool seen = false;

	(void)state;
	for (uint32_t port = 0; port < 65536; port++) {
		udp.src_port = (uint16_t)port;
		craft_udp4_write(frame, sizeof(frame), &udp);
		assert_false(frame[40] == 0 && frame[41] == 0);
		seen = seen || (frame[40] == 0xff && frame[41] == 0xff);
	}
	assert_true(seen);
}

static void headers_of_our_own_are_sound(void **state)
{
	const struct craft_addr a = { 0xc000020100000000, 0 }, b = { 0xc633640700000000, 0 };
	const struct craft_addr a6 = { 0x20010db800000000, 1 }, b6 = { 0x20010db800000000, 2 };
	uint8_t frame[14 + 40 + 9] = { 0 };
	struct craft_packet p;

	(void)state;
	frame[12] = 8;
	craft_ip4_write(frame + 14, 29, 0xc0, 0, 1, &a, &b);
	assert_int_equal(craft_packet_ip(frame, sizeof(frame), &p), CRAFT_FAULT_NONE);
	assert_int_equal(craft_fold(craft_sum(frame + 14, 20, 0)), 0xffff);
	assert_int_equal(p.l3_end, 14 + 29);
	assert_true(p.src.hi == a.hi && p.dst.hi == b.hi && !p.fragment);
	assert_int_equal(frame[20], 0x40); /* no identification: nobody may cut it */
	craft_ip4_write(frame + 14, 29, 0, 7, 1, &a, &b);
	assert_int_equal(frame[20], 0);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[54 + 8] = 0x55;
	craft_ip6_write(frame + 14, 9, 58, 255, &a6, &b6);
	assert_int_equal(craft_packet_ip(frame, sizeof(frame), &p), CRAFT_FAULT_NONE);
	assert_true(p.src.lo == 1 && p.dst.lo == 2 && p.ttl == 255 && p.proto == 58);
	/* Two addresses, length 9, next header 58, and the odd byte: by hand. */
	assert_int_equal(craft_ip6_sum(frame + 14, 58, frame + 54, 9),
			 (0x2001 + 0xdb8) * 2 + 3 + 9 + 58 + 0x5500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sum_is_folded_to_sixteen_bits),
		cmocka_unit_test(an_updated_checksum_equals_a_new_one_for_every_hop_limit),
		cmocka_unit_test(the_example_of_rfc_1624_comes_out_right),
		cmocka_unit_test(a_crafted_packet_is_sound_at_every_size),
		cmocka_unit_test(a_udp_checksum_of_zero_is_sent_as_all_ones),
		cmocka_unit_test(headers_of_our_own_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
