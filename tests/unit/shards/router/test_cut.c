/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "common/craft.h"
#include "frames.h"
#include "router/cut.h"

static struct frame packet_of(uint32_t bytes, uint32_t vlan)
{
	struct frame f = frame_ip4(17, bytes, vlan);

	for (uint32_t i = 0; i < bytes; i++)
		f.bytes[f.l3 + 20 + i] = (uint8_t)(i * 7 + i / 256);
	return f;
}

/* Cuts and puts together again; how many pieces it were. */
static uint32_t cut_and_join(const struct frame *f, uint32_t mtu, uint32_t frame_bytes)
{
	struct craft_packet p, piece;
	uint8_t *out = malloc(frame_bytes), joined[2048] = { 0 };
	uint32_t bytes, payload, pieces = 0;

	assert_non_null(out);
	assert_int_equal(craft_packet_ip(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	bytes = rt_cut_bytes(&p, mtu, frame_bytes);
	payload = p.l3_end - p.l4;
	assert_true(bytes >= 8 && bytes % 8 == 0);
	for (uint32_t at = 0; at < payload; at += bytes, pieces++) {
		uint32_t n = rt_cut(out, f->bytes, &p, at, bytes);
		uint32_t word;

		assert_true(n <= frame_bytes && n - p.l3 <= mtu);
		assert_int_equal(craft_packet_ip(out, n, &piece), CRAFT_FAULT_NONE);
		assert_int_equal(piece.l3_end, n);
		assert_int_equal(craft_fold(craft_sum(out + p.l3, piece.l4 - p.l3, 0)), 0xffff);
		assert_int_equal(piece.ttl, p.ttl - 1);
		word = (uint32_t)out[p.l3 + 6] << 8 | out[p.l3 + 7];
		assert_int_equal((word & 0x1fff) * 8, at);
		assert_int_equal(word >> 13, at + bytes < payload ? 1 : 0);
		memcpy(joined + at, out + piece.l4, n - piece.l4);
	}
	assert_memory_equal(joined, f->bytes + p.l4, payload);
	free(out);
	return pieces;
}

static void pieces_make_the_packet_again(void **state)
{
	struct frame f = packet_of(1480, 0), tagged = packet_of(1001, 7);

	(void)state;
	assert_int_equal(cut_and_join(&f, 1400, 2048), 2);
	assert_int_equal(cut_and_join(&f, 576, 2048), 3);
	assert_int_equal(cut_and_join(&f, 68, 2048), 31);
	assert_int_equal(cut_and_join(&f, 1400, 256), 7); /* frames are smaller than the MTU */
	assert_int_equal(cut_and_join(&tagged, 1000, 2048), 2);
}

static void a_part_is_cut_where_it_stands_in_its_whole(void **state)
{
	struct frame f = packet_of(1400, 0);
	struct craft_packet p;
	uint8_t out[2048];

	(void)state;
	frame_be16(f.bytes + 20, 0x2000 | 100);
	frame_ip4_seal(&f);
	assert_int_equal(craft_packet_ip(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
	rt_cut(out, f.bytes, &p, 0, 800);
	assert_memory_equal(out + 20, "\x20\x64", 2);
	rt_cut(out, f.bytes, &p, 800, 800);
	assert_memory_equal(out + 20, "\x20\xc8", 2); /* more to come, as before */
}

static void only_options_meant_for_every_piece_go_with_the_later_ones(void **state)
{
	struct frame f = frame_ip4(17, 8 + 1000, 0);
	struct craft_packet p;
	uint8_t out[2048];

	(void)state;
	f.bytes[14] = 0x47;
	memcpy(f.bytes + 34, "\x94\x04\0\0\x07\x03\x04\0", 8); /* router alert, record route */
	frame_ip4_seal(&f);
	assert_int_equal(craft_packet_ip(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
	rt_cut(out, f.bytes, &p, 0, 496);
	assert_memory_equal(out + 34, f.bytes + 34, 8);
	rt_cut(out, f.bytes, &p, 496, 496);
	assert_memory_equal(out + 34, "\x94\x04\0\0\1\1\1\0", 8);
	assert_int_equal(craft_fold(craft_sum(out + 14, 28, 0)), 0xffff);
}

static void frames_smaller_than_a_header_hold_nothing(void **state)
{
	struct frame f = packet_of(100, 0);
	struct craft_packet p;

	(void)state;
	assert_int_equal(craft_packet_ip(f.bytes, f.length, &p), CRAFT_FAULT_NONE);
	assert_int_equal(rt_cut_bytes(&p, 1500, 33), 0);
	assert_int_equal(rt_cut_bytes(&p, 1500, 41), 0);
	assert_int_equal(rt_cut_bytes(&p, 1500, 42), 8);
	assert_int_equal(rt_cut_bytes(&p, 68, 2048), 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_make_the_packet_again),
		cmocka_unit_test(a_part_is_cut_where_it_stands_in_its_whole),
		cmocka_unit_test(only_options_meant_for_every_piece_go_with_the_later_ones),
		cmocka_unit_test(frames_smaller_than_a_header_hold_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
