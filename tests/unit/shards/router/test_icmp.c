/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "frames.h"
#include "router/icmp.h"
#include "router/limit.h"

static struct rt_routes routes;
static uint8_t out[2048];
static const struct craft_addr us4 = { 0xc633640100000000, 0 };
static const struct craft_addr us6 = { 0x20010db800020000, 1 };

static int setup(void **state)
{
	static const char text[] = "interface a mac 02:00:00:00:0a:01 address 198.51.100.1/24\n";
	struct craft_errors errors = { 0 };

	(void)state;
	return rt_routes_parse(&routes, text, strlen(text), &errors);
}

/* Sums apart from craft.c: what checks must not be what made. */
static uint32_t sum_of(const uint8_t *b, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool may_tell(const struct frame *f)
{
	struct craft_packet p;

	assert_int_equal(craft_packet_ip(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	return rt_icmp_may_tell(&routes, f->bytes, f->length, &p);
}

static uint32_t tell(const struct frame *f, struct rt_error error, uint32_t max)
{
	struct craft_packet p;

	assert_int_equal(craft_packet_ip(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	memset(out, 0xee, sizeof(out));
	return rt_icmp_error(out, max, f->bytes, &p, p.family == 4 ? &us4 : &us6, &error);
}

static void an_ipv4_error_shows_the_packet_within_576_bytes(void **state)
{
	struct frame f = frame_ip4(17, 20, 0);
	uint32_t n;

	(void)state;
	n = tell(&f, (struct rt_error){ 11, 0, 0 }, sizeof(out));
	assert_int_equal(n, 14 + 28 + 40);
	assert_int_equal(out[12] << 8 | out[13], 0x0800);
	assert_int_equal(out[14 + 1] >> 5, 6); /* internetwork control */
	assert_int_equal(out[14 + 9], 1);
	assert_int_equal(sum_of(out + 14, 20, 0), 0xffff);
	assert_int_equal(sum_of(out + 34, 48, 0), 0xffff);
	assert_int_equal(out[34], 11);
	assert_memory_equal(out + 14 + 16, f.bytes + 14 + 12, 4); /* to its sender */
	assert_memory_equal(out + 14 + 12, "\xc6\x33\x64\x01", 4);
	assert_memory_equal(out + 42, f.bytes + 14, 40);
	assert_int_equal(out[n], 0xee);
	f = frame_ip4(17, 1400, 0);
	assert_int_equal(tell(&f, (struct rt_error){ 3, 4, 1400 }, sizeof(out)), 14 + 576);
	assert_int_equal(out[40] << 8 | out[41], 1400);
	assert_int_equal(tell(&f, (struct rt_error){ 12, 0, 21 }, sizeof(out)), 14 + 576);
	assert_int_equal(out[38], 21);
	assert_int_equal(tell(&f, (struct rt_error){ 12, 0, 21 }, 256), 256);
	assert_int_equal(sum_of(out + 34, 256 - 34, 0), 0xffff);
	assert_int_equal(tell(&f, (struct rt_error){ 12, 0, 21 }, 60), 0);
}

static void an_ipv6_error_shows_the_packet_within_1280_bytes(void **state)
{
	struct frame f = frame_ip6(17, 20, 0);
	uint32_t n;

	(void)state;
	n = tell(&f, (struct rt_error){ 2, 0, 1280 }, sizeof(out));
	assert_int_equal(n, 14 + 48 + 60);
	assert_int_equal(out[14 + 6], 58);
	assert_int_equal(sum_of(out + 54, 68, sum_of(out + 22, 32, 58 + 68)), 0xffff);
	assert_int_equal(out[54 + 6] << 8 | out[54 + 7], 1280);
	assert_memory_equal(out + 62, f.bytes + 14, 60);
	f = frame_ip6(17, 1400, 0);
	assert_int_equal(tell(&f, (struct rt_error){ 1, 0, 0 }, sizeof(out)), 14 + 1280);
}

static void an_odd_number_of_bytes_is_summed_right(void **state)
{
	struct frame f = frame_ip4(17, 21, 0);

	(void)state;
	f.bytes[14 + 40] = 0x77;
	assert_int_equal(tell(&f, (struct rt_error){ 3, 0, 0 }, sizeof(out)), 14 + 28 + 41);
	assert_int_equal(sum_of(out + 34, 49, 0), 0xffff);
}

static void nobody_is_told_about_an_error(void **state)
{
	static const uint8_t errors4[] = { 3, 4, 5, 11, 12, 1, 2, 6, 7, 19, 255 };
	static const uint8_t queries4[] = { 0, 8, 9, 10, 13, 14, 15, 16, 17, 18 };
	struct frame f = frame_ip4(1, 20, 0);
	struct frame six = frame_ip6(58, 20, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(errors4); i++) {
		f.bytes[34] = errors4[i];
		assert_false(may_tell(&f));
	}
	for (size_t i = 0; i < sizeof(queries4); i++) {
		f.bytes[34] = queries4[i];
		assert_true(may_tell(&f));
	}
	f = frame_ip4(1, 0, 0); /* its type is not there */
	assert_false(may_tell(&f));
	for (uint32_t type = 0; type < 256; type++) {
		six.bytes[54] = (uint8_t)type;
		assert_int_equal(may_tell(&six), type >= 128 && type != 137);
	}
	/* Behind an extension header it is an error still. */
	six = frame_ip6(60, 28, 0);
	six.bytes[54] = 58;
	six.bytes[62] = 1;
	assert_false(may_tell(&six));
	six.bytes[62] = 128;
	assert_true(may_tell(&six));
	six.bytes[55] = 9; /* ... and behind one that cannot be walked it may be */
	assert_false(may_tell(&six));
}

static void nobody_is_told_about_a_later_fragment(void **state)
{
	struct frame f = frame_ip4(17, 100, 0);
	struct frame six = frame_ip6(44, 100, 0);

	(void)state;
	frame_be16(f.bytes + 14 + 6, 0x2000);
	assert_true(may_tell(&f));
	frame_be16(f.bytes + 14 + 6, 0x0010);
	assert_false(may_tell(&f));
	six.bytes[54] = 17;
	frame_be16(six.bytes + 54 + 2, 1);
	frame_be16(six.bytes + 62 + 4, 92);
	assert_true(may_tell(&six));
	frame_be16(six.bytes + 54 + 2, 8 << 3);
	assert_false(may_tell(&six));
}

static void nobody_is_told_about_a_group_or_by_a_source_that_is_none(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 2, 0), spoilt;
	struct frame six = frame_l4(6, 17, 1, 2, 0);

	(void)state;
	assert_true(may_tell(&f));
	assert_true(may_tell(&six));
	spoilt = f;
	spoilt.bytes[0] |= 1; /* a link's group */
	assert_false(may_tell(&spoilt));
	spoilt = f;
	spoilt.bytes[14 + 16] = 224;
	assert_false(may_tell(&spoilt));
	spoilt = f;
	spoilt.bytes[14 + 12] = 0;
	assert_false(may_tell(&spoilt));
	spoilt = f;
	spoilt.bytes[14 + 12] = 127;
	assert_false(may_tell(&spoilt));
	spoilt = f;
	memcpy(spoilt.bytes + 14 + 12, "\xc6\x33\x64\xff", 4); /* our link's broadcast */
	assert_false(may_tell(&spoilt));
	spoilt = f;
	spoilt.bytes[14 + 19] = 255;
	assert_false(may_tell(&spoilt));
	spoilt = six;
	spoilt.bytes[14 + 24] = 0xff;
	assert_false(may_tell(&spoilt));
	spoilt = six;
	memset(spoilt.bytes + 14 + 8, 0, 16);
	assert_false(may_tell(&spoilt));
	spoilt = six;
	spoilt.bytes[14 + 8] = 0xff;
	assert_false(may_tell(&spoilt));
}

static uint32_t echo(struct frame *f, uint32_t max)
{
	struct craft_packet p;

	assert_int_equal(craft_packet_transport(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	memset(out, 0xee, sizeof(out));
	return rt_icmp_echo(out, max, f->bytes, &p, 77);
}

static struct frame ping4(uint32_t bytes)
{
	struct frame f = frame_ip4(1, bytes, 0);

	f.bytes[34] = 8;
	f.bytes[38] = 0x12;
	for (uint32_t i = 8; i < bytes; i++)
		f.bytes[34 + i] = (uint8_t)i;
	frame_be16(f.bytes + 36, ~sum_of(f.bytes + 34, bytes, 0));
	return f;
}

static struct frame ping6(uint32_t bytes)
{
	struct frame f = frame_ip6(58, bytes, 0);

	f.bytes[54] = 128;
	for (uint32_t i = 4; i < bytes; i++)
		f.bytes[54 + i] = (uint8_t)i;
	frame_be16(f.bytes + 56,
		   ~sum_of(f.bytes + 54, bytes, sum_of(f.bytes + 22, 32, 58 + bytes)));
	return f;
}

static void an_echo_request_is_answered_with_what_it_said(void **state)
{
	(void)state;
	for (uint32_t bytes = 8; bytes <= 1480; bytes += 23) {
		struct frame f = ping4(bytes);
		struct frame six = ping6(bytes < 1400 ? bytes : 1400);
		uint32_t n = echo(&f, sizeof(out));

		assert_int_equal(n, f.length);
		assert_int_equal(out[34], 0);
		assert_memory_equal(out + 38, f.bytes + 38, bytes - 4);
		assert_memory_equal(out + 26, f.bytes + 30, 4);
		assert_memory_equal(out + 30, f.bytes + 26, 4);
		assert_int_equal(sum_of(out + 14, 20, 0), 0xffff);
		assert_int_equal(sum_of(out + 34, bytes, 0), 0xffff);
		assert_int_equal(out[n], 0xee);
		n = echo(&six, sizeof(out));
		assert_int_equal(n, six.length);
		assert_int_equal(out[54], 129);
		assert_memory_equal(out + 22, six.bytes + 38, 16);
		assert_memory_equal(out + 38, six.bytes + 22, 16);
		assert_int_equal(sum_of(out + 54, n - 54, sum_of(out + 22, 32, 58 + n - 54)),
				 0xffff);
	}
}

static void what_is_no_sound_echo_request_is_not_answered(void **state)
{
	struct frame f = ping4(64), spoilt;
	struct frame six = ping6(64);

	(void)state;
	assert_int_equal(echo(&f, f.length), f.length);
	assert_int_equal(echo(&f, f.length - 1), 0);
	spoilt = f;
	spoilt.bytes[34 + 60] ^= 1; /* its checksum is not right any more */
	assert_int_equal(echo(&spoilt, sizeof(out)), 0);
	spoilt = f;
	spoilt.bytes[34] = 0;
	spoilt.bytes[36] = (uint8_t)(spoilt.bytes[36] + 8);
	assert_int_equal(echo(&spoilt, sizeof(out)), 0);
	spoilt = f;
	frame_be16(spoilt.bytes + 14 + 6, 0x2000); /* nothing is put together here */
	assert_int_equal(echo(&spoilt, sizeof(out)), 0);
	spoilt = f;
	spoilt.bytes[14 + 9] = 58;
	assert_int_equal(echo(&spoilt, sizeof(out)), 0);
	six.bytes[54 + 60] ^= 1;
	assert_int_equal(echo(&six, sizeof(out)), 0);
	six = frame_ip6(58, 4, 0); /* shorter than any echo */
	assert_int_equal(echo(&six, sizeof(out)), 0);
}

static struct rt_error arrived(const struct frame *f)
{
	struct craft_packet p;

	assert_int_equal(craft_packet_transport(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	return rt_icmp_arrived(&p);
}

static void what_no_router_serves_is_unreachable(void **state)
{
	struct frame f = frame_l4(4, 17, 1, 33434, 0);
	struct frame six = frame_l4(6, 17, 1, 33434, 0);

	(void)state;
	assert_int_equal(arrived(&f).type << 8 | arrived(&f).code, 0x0303);
	assert_int_equal(arrived(&six).type << 8 | arrived(&six).code, 0x0104);
	f = frame_l4(4, 6, 1, 22, 0);
	assert_int_equal(arrived(&f).type << 8 | arrived(&f).code, 0x0303);
	f = frame_ip4(89, 20, 0);
	assert_int_equal(arrived(&f).type << 8 | arrived(&f).code, 0x0302);
	six = frame_l4(6, 6, 1, 22, 0);
	assert_int_equal(arrived(&six).type << 8 | arrived(&six).code, 0x0104);
	six = frame_ip6(89, 20, 0);
	assert_int_equal(arrived(&six).type << 8 | arrived(&six).code, 0x0401);
	assert_int_equal(arrived(&six).value, 6);
	f = frame_ip4(1, 8, 0);
	assert_int_equal(arrived(&f).type, 0);
	six = frame_ip6(58, 8, 0);
	assert_int_equal(arrived(&six).type, 0);
	f = frame_l4(4, 17, 1, 33434, 0);
	frame_be16(f.bytes + 14 + 6, 0x2000);
	assert_int_equal(arrived(&f).type, 0);
}

static void the_bucket_gives_a_burst_and_then_its_rate(void **state)
{
	struct rt_limit limit;
	uint32_t passed = 0;

	(void)state;
	rt_limit_init(&limit, 1000000, 100, 5);
	for (uint32_t i = 0; i < 50; i++)
		passed += rt_limit_take(&limit, 1000);
	assert_int_equal(passed, 5);
	for (uint64_t now = 1000; now < 1001000; now += 100)
		passed += rt_limit_take(&limit, now);
	assert_in_range(passed, 5 + 99, 5 + 101);
	/* An hour of silence saves no more than the bucket holds. */
	passed = 0;
	for (uint32_t i = 0; i < 50; i++)
		passed += rt_limit_take(&limit, 3600ull * 1000000);
	assert_int_equal(passed, 5);
	rt_limit_init(&limit, 1000000, 0, 5);
	assert_false(rt_limit_take(&limit, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_error_shows_the_packet_within_576_bytes),
		cmocka_unit_test(an_ipv6_error_shows_the_packet_within_1280_bytes),
		cmocka_unit_test(an_odd_number_of_bytes_is_summed_right),
		cmocka_unit_test(nobody_is_told_about_an_error),
		cmocka_unit_test(nobody_is_told_about_a_later_fragment),
		cmocka_unit_test(nobody_is_told_about_a_group_or_by_a_source_that_is_none),
		cmocka_unit_test(an_echo_request_is_answered_with_what_it_said),
		cmocka_unit_test(what_is_no_sound_echo_request_is_not_answered),
		cmocka_unit_test(what_no_router_serves_is_unreachable),
		cmocka_unit_test(the_bucket_gives_a_burst_and_then_its_rate),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
