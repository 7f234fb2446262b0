/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "frames.h"
#include "router/discover.h"

static struct rt_talk talk;

static struct frame arp(void)
{
	struct frame f;

	frame_link(&f, 0x0806, 0);
	memset(f.bytes, 0xff, 6);
	memcpy(f.bytes + 14, "\0\1\x08\0\6\4\0\1\2\0\0\0\0\7\xc0\0\2\7\0\0\0\0\0\0\xc0\0\2\1", 28);
	f.length = 42;
	return f;
}

static bool arp_read(const struct frame *f)
{
	uint8_t *exact = malloc(f->length != 0 ? f->length : 1);
	bool ret;

	assert_non_null(exact);
	memcpy(exact, f->bytes, f->length);
	ret = rt_arp_read(exact, f->length, &talk);
	free(exact);
	return ret;
}

static void a_sound_arp_message_is_read(void **state)
{
	struct frame f = arp();

	(void)state;
	assert_true(arp_read(&f));
	assert_int_equal(talk.kind, RT_TALK_ASKS);
	assert_int_equal(talk.src.hi, 0xc000020700000000);
	assert_int_equal(talk.target.hi, 0xc000020100000000);
	f.bytes[21] = 2;
	assert_true(arp_read(&f));
	assert_int_equal(talk.kind, RT_TALK_ANSWERS);
	assert_int_equal(talk.target.hi, 0xc000020700000000);
	assert_false(talk.solicited); /* to everybody: an announcement */
	f.bytes[0] = 2;
	assert_true(arp_read(&f));
	assert_true(talk.solicited);
}

static void each_way_an_arp_message_can_be_wrong_is_seen(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t value;
	} spoil[] = {
		{ 13, 0 }, { 15, 6 }, { 16, 9 }, { 17, 1 },   { 18, 8 },   { 19, 16 },   { 21, 0 },
		{ 21, 3 }, { 20, 1 }, { 22, 3 }, { 28, 127 }, { 28, 224 }, { 12, 0x81 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct frame f = arp();

		f.bytes[spoil[i].at] = spoil[i].value;
		if (arp_read(&f))
			fail_msg("accepted with byte %u as %u", spoil[i].at, spoil[i].value);
	}
	for (uint32_t length = 0; length < 42; length++) {
		struct frame f = arp();

		f.length = length;
		assert_false(arp_read(&f));
	}
}

static uint32_t sum_of(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void seal(struct frame *f)
{
	uint32_t bytes = f->length - 54;

	frame_be16(f->bytes + 18, bytes);
	frame_be16(f->bytes + 56, 0);
	frame_be16(f->bytes + 56,
		   ~sum_of(f->bytes + 54, bytes, sum_of(f->bytes + 22, 32, 58 + bytes)));
}

/* From 2001:db8:1::5 to its target 2001:db8:2::7, with the sender's link address. */
static struct frame nd(uint32_t type)
{
	struct frame f = frame_ip6(58, 32, 0);

	f.bytes[14 + 7] = 255;
	f.bytes[54] = (uint8_t)type;
	memcpy(f.bytes + 62, f.bytes + 38, 16);
	f.bytes[78] = type == 135 ? 1 : 2;
	f.bytes[79] = 1;
	f.bytes[80] = 2;
	seal(&f);
	return f;
}

static bool nd_read(const struct frame *f)
{
	struct craft_packet p;

	assert_int_equal(craft_packet_transport(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	return rt_nd_read(f->bytes, &p, &talk);
}

static void a_sound_message_is_read(void **state)
{
	struct frame f = nd(135);

	(void)state;
	assert_true(nd_read(&f));
	assert_int_equal(talk.kind, RT_TALK_ASKS);
	assert_true(talk.has_mac);
	f = nd(136);
	f.bytes[58] = 0x60;
	seal(&f);
	assert_true(nd_read(&f));
	assert_int_equal(talk.kind, RT_TALK_ANSWERS);
	assert_true(talk.solicited && talk.override);
	f.length -= 8; /* no option: of whom is known, where is not */
	seal(&f);
	assert_true(nd_read(&f));
	assert_false(talk.has_mac);
	f = nd(135);
	f.bytes[78] = 77; /* an option nobody knows is passed over */
	seal(&f);
	assert_true(nd_read(&f));
	assert_false(talk.has_mac);
}

/* RFC 4861, 7.1.1 and 7.1.2, line by line. */
static void each_message_to_be_discarded_is(void **state)
{
	(void)state;
	for (uint32_t type = 135; type <= 136; type++) {
		struct frame f = nd(type);

		f.bytes[14 + 7] = 254; /* a router may have passed it on */
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[56] ^= 1; /* checksum */
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[55] = 1; /* code */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.length = 54 + 23; /* short of its target */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[62] = 0xff; /* target is a group */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[79] = 0; /* option of no length */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[79] = 2; /* option that leads out */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.length -= 3; /* option cut off */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[80] = 1; /* a group's link address */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		f.bytes[22] = 0xff; /* from a group */
		seal(&f);
		assert_false(nd_read(&f));
		f = nd(type);
		memset(f.bytes + 22, 0, 16); /* from nobody, to one station */
		seal(&f);
		assert_false(nd_read(&f));
	}
}

static void who_has_no_address_asks_a_group_and_names_no_link_address(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 7 };
	struct frame f = nd(135);

	(void)state;
	memset(f.bytes + 22, 0, 16);
	memcpy(f.bytes + 38, group, 16);
	seal(&f);
	assert_false(nd_read(&f)); /* it names one */
	f.length -= 8;
	seal(&f);
	assert_true(nd_read(&f));
	assert_true(talk.no_source);
	f.bytes[38 + 11] = 2; /* another group */
	seal(&f);
	assert_false(nd_read(&f));
}

static void a_solicited_advertisement_to_a_group_is_discarded(void **state)
{
	struct frame f = nd(136);

	(void)state;
	memset(f.bytes + 38, 0, 16);
	memcpy(f.bytes + 38, "\xff\2", 2);
	f.bytes[53] = 1;
	seal(&f);
	assert_true(nd_read(&f));
	f.bytes[58] = 0x40;
	seal(&f);
	assert_false(nd_read(&f));
}

static void other_messages_tags_and_fragments_are_not_read(void **state)
{
	struct frame f = nd(135);

	(void)state;
	for (uint32_t type = 0; type < 256; type++) {
		f.bytes[54] = (uint8_t)type;
		seal(&f);
		assert_int_equal(nd_read(&f), type == 135 || type == 136);
	}
	f = frame_ip6(58, 32, 7);
	assert_false(nd_read(&f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_arp_message_is_read),
		cmocka_unit_test(each_way_an_arp_message_can_be_wrong_is_seen),
		cmocka_unit_test(a_sound_message_is_read),
		cmocka_unit_test(each_message_to_be_discarded_is),
		cmocka_unit_test(who_has_no_address_asks_a_group_and_names_no_link_address),
		cmocka_unit_test(a_solicited_advertisement_to_a_group_is_discarded),
		cmocka_unit_test(other_messages_tags_and_fragments_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
