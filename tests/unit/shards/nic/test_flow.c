/* SPDX-License-Identifier: Apache-2.0 */
#include "../cm.h"

#include <stdbool.h>

#include "../frames.h"
#include "nic/flow.h"

static uint32_t hash(const struct frame *f)
{
	return nic_flow_hash(f->bytes, f->length);
}

static void exchange(uint8_t *a, uint8_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

/* The packet that answers: every pair of ends the other way round. */
static struct frame answer(struct frame f, uint32_t family, bool ports)
{
	uint8_t *ip = f.bytes + f.l3;
	uint32_t bytes = family == 4 ? 4 : 16, at = family == 4 ? 12 : 8;
	uint8_t *l4 = ip + (family == 4 ? 20 : 40);

	exchange(f.bytes, f.bytes + 6, 6);
	exchange(ip + at, ip + at + bytes, bytes);
	if (ports)
		exchange(l4, l4 + 2, 2);
	return f;
}

static void both_directions_of_a_conversation_have_one_hash(void **state)
{
	static const uint32_t proto[] = { 6, 17 };

	(void)state;
	for (uint32_t family = 4; family <= 6; family += 2) {
		for (uint32_t i = 0; i < 2; i++) {
			struct frame f = frame_l4(family, proto[i], 40000, 443, 0);
			struct frame back = answer(f, family, true);

			assert_int_equal(hash(&f), hash(&back));
		}
	}
}

static void ports_protocol_and_addresses_each_make_another_flow(void **state)
{
	struct frame f = frame_l4(4, 6, 40000, 443, 0);
	uint32_t first = hash(&f);

	(void)state;
	f = frame_l4(4, 6, 40001, 443, 0);
	assert_int_not_equal(hash(&f), first);
	f = frame_l4(4, 17, 40000, 443, 0);
	assert_int_not_equal(hash(&f), first);
	f = frame_l4(4, 6, 40000, 443, 0);
	f.bytes[f.l3 + 15]++;
	frame_ip4_seal(&f);
	assert_int_not_equal(hash(&f), first);
}

static void a_tag_changes_nothing(void **state)
{
	struct frame plain = frame_l4(4, 6, 40000, 443, 0), tagged = frame_l4(4, 6, 40000, 443, 7);

	(void)state;
	assert_int_equal(hash(&plain), hash(&tagged));
}

static void all_fragments_of_a_packet_go_one_way(void **state)
{
	struct frame first = frame_l4(4, 17, 40000, 53, 0), later = first;

	(void)state;
	frame_be16(first.bytes + first.l3 + 6, 0x2000);
	frame_ip4_seal(&first);
	frame_be16(later.bytes + later.l3 + 6, 0x0001);
	frame_be16(later.bytes + later.l3 + 20, 0xdead);
	frame_ip4_seal(&later);
	assert_int_equal(hash(&first), hash(&later));
}

static void what_is_not_ip_goes_by_its_ethernet_addresses(void **state)
{
	struct frame f, other;

	(void)state;
	frame_link(&f, 0x0806, 0);
	f.length = 60;
	other = f;
	exchange(other.bytes, other.bytes + 6, 6);
	assert_int_equal(hash(&f), hash(&other));
	other.bytes[30] ^= 0xff; /* not looked at */
	assert_int_equal(hash(&f), hash(&other));
	other.bytes[5] ^= 1;
	assert_int_not_equal(hash(&f), hash(&other));
	/* Broken IP has nothing else, either. */
	f = frame_l4(4, 6, 1, 2, 0);
	f.bytes[f.l3] = 0x44;
	other = frame_l4(4, 6, 3, 4, 0);
	other.bytes[other.l3] = 0x44;
	assert_int_equal(hash(&f), hash(&other));
}

static void a_frame_cut_anywhere_is_hashed_within_its_bytes(void **state)
{
	struct frame f = frame_l4(6, 6, 40000, 443, 7);

	(void)state;
	for (uint32_t length = 0; length <= f.length; length++) {
		uint8_t *exact = malloc(length != 0 ? length : 1);

		assert_non_null(exact);
		memcpy(exact, f.bytes, length);
		(void)nic_flow_hash(exact, length);
		free(exact);
	}
}

static void flows_spread_evenly(void **state)
{
	uint32_t count[3] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		struct frame f = frame_l4(4, 6, 1024 + i, 443, 0);

		count[nic_flow_pick(hash(&f), 3)]++;
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(count[i], 850, 1150);
	assert_int_equal(nic_flow_pick(UINT32_MAX, 3), 2);
	assert_int_equal(nic_flow_pick(0, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_of_a_conversation_have_one_hash),
		cmocka_unit_test(ports_protocol_and_addresses_each_make_another_flow),
		cmocka_unit_test(a_tag_changes_nothing),
		cmocka_unit_test(all_fragments_of_a_packet_go_one_way),
		cmocka_unit_test(what_is_not_ip_goes_by_its_ethernet_addresses),
		cmocka_unit_test(a_frame_cut_anywhere_is_hashed_within_its_bytes),
		cmocka_unit_test(flows_spread_evenly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
