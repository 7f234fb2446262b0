/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "router/icmp.h"
#include "router/options.h"

static struct rt_error told;

static enum rt_reason four(const char *options, uint32_t bytes)
{
	uint8_t *ip = calloc(1, 20 + bytes); /* exact: asan sees a byte too far */
	enum rt_reason reason;

	assert_non_null(ip);
	memcpy(ip + 20, options, bytes);
	memset(&told, 0, sizeof(told));
	reason = rt_options4(ip, 20 + bytes, &told);
	free(ip);
	return reason;
}

/* Options are put behind the two bytes of a hop-by-hop header of @bytes + 2. */
static enum rt_reason six(const char *options, uint32_t bytes)
{
	uint8_t *ip = calloc(1, 42 + bytes);
	enum rt_reason reason;

	assert_non_null(ip);
	assert_int_equal((bytes + 2) % 8, 0);
	ip[41] = (uint8_t)((bytes + 2) / 8 - 1);
	memcpy(ip + 42, options, bytes);
	memset(&told, 0, sizeof(told));
	reason = rt_options6(ip, 42 + bytes, &told);
	free(ip);
	return reason;
}

static void record_route_timestamp_and_unknown_options_pass(void **state)
{
	(void)state;
	assert_int_equal(four("\x01\x01\x01\x00", 4), RT_FORWARD);
	assert_int_equal(four("\x07\x07\x04\0\0\0\0\0", 8), RT_FORWARD);
	assert_int_equal(four("\x44\x08\x05\0\0\0\0\0", 8), RT_FORWARD);
	assert_int_equal(four("\x94\x04\0\0", 4), RT_FORWARD); /* router alert */
	assert_int_equal(four("\x9e\x02\x1e\x02", 4), RT_FORWARD); /* experiments */
	assert_int_equal(told.type, 0);
}

static void what_stands_behind_the_end_of_options_is_not_read(void **state)
{
	(void)state;
	assert_int_equal(four("\x00\x83\x00\x83", 4), RT_FORWARD);
}

static void a_source_route_is_refused_and_its_sender_told(void **state)
{
	(void)state;
	assert_int_equal(four("\x83\x07\x04\x0a\0\0\1\0", 8), RT_SOURCE_ROUTED);
	assert_int_equal(told.type, RT_ICMP4_UNREACHABLE);
	assert_int_equal(told.code, 5);
	assert_int_equal(four("\x01\x89\x03\x04", 4), RT_SOURCE_ROUTED);
	assert_int_equal(four("\x88\x04\x00\x00", 4), RT_FORWARD); /* its refused neighbour's */
}

static void a_malformed_ipv4_option_is_a_parameter_problem_at_its_place(void **state)
{
	(void)state;
	assert_int_equal(four("\x07\x00\x00\x00", 4), RT_BAD_OPTION);
	assert_int_equal(told.type, RT_ICMP4_PROBLEM);
	assert_int_equal(told.code, 0);
	assert_int_equal(told.value, 21);
	assert_int_equal(four("\x07\x01\x00\x00", 4), RT_BAD_OPTION);
	assert_int_equal(four("\x01\x07\x04\x00", 4), RT_BAD_OPTION); /* leads out by one */
	assert_int_equal(told.value, 22);
	assert_int_equal(four("\x01\x07\x03\x00", 4), RT_FORWARD);
	assert_int_equal(four("\x01\x01\x01\x07", 4), RT_BAD_OPTION); /* no length at all */
	assert_int_equal(told.value, 23);
}

static void padding_and_router_alert_pass(void **state)
{
	(void)state;
	assert_int_equal(six("\0\0\0\0\0\0", 6), RT_FORWARD);
	assert_int_equal(six("\x01\x04\0\0\0\0", 6), RT_FORWARD);
	assert_int_equal(six("\x05\x02\0\0\x01\x00", 6), RT_FORWARD);
}

static void the_two_top_bits_of_an_unknown_option_decide(void **state)
{
	(void)state;
	assert_int_equal(six("\x1e\x04\0\0\0\0", 6), RT_FORWARD);
	assert_int_equal(six("\x5e\x04\0\0\0\0", 6), RT_BAD_OPTION);
	assert_int_equal(told.type, 0);
	assert_int_equal(six("\0\x9e\x03\0\0\0", 6), RT_BAD_OPTION);
	assert_int_equal(told.type, RT_ICMP6_PROBLEM);
	assert_int_equal(told.code, 2);
	assert_int_equal(told.value, 43);
	assert_int_equal(six("\xc2\x04\0\1\0\0", 6), RT_BAD_OPTION); /* a jumbogram */
	assert_int_equal(told.code, 2);
	assert_int_equal(told.value, 42);
}

static void a_malformed_ipv6_option_is_a_parameter_problem_at_its_place(void **state)
{
	(void)state;
	assert_int_equal(six("\x1e\x05\0\0\0\0", 6), RT_BAD_OPTION);
	assert_int_equal(told.type, RT_ICMP6_PROBLEM);
	assert_int_equal(told.code, 0);
	assert_int_equal(told.value, 43);
	assert_int_equal(six("\x01\x03\0\0\0\x1e", 6), RT_BAD_OPTION); /* no length */
	assert_int_equal(told.value, 47);
	assert_int_equal(six("\x01\xff\0\0\0\x1e", 6), RT_BAD_OPTION);
}

static void a_header_that_does_not_fit_its_packet_is_malformed(void **state)
{
	uint8_t ip[48] = { 0 };

	(void)state;
	assert_int_equal(rt_options6(ip, 47, &told), RT_MALFORMED);
	assert_int_equal(rt_options6(ip, 48, &told), RT_FORWARD);
	ip[41] = 1;
	assert_int_equal(rt_options6(ip, 48, &told), RT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_route_timestamp_and_unknown_options_pass),
		cmocka_unit_test(what_stands_behind_the_end_of_options_is_not_read),
		cmocka_unit_test(a_source_route_is_refused_and_its_sender_told),
		cmocka_unit_test(a_malformed_ipv4_option_is_a_parameter_problem_at_its_place),
		cmocka_unit_test(padding_and_router_alert_pass),
		cmocka_unit_test(the_two_top_bits_of_an_unknown_option_decide),
		cmocka_unit_test(a_malformed_ipv6_option_is_a_parameter_problem_at_its_place),
		cmocka_unit_test(a_header_that_does_not_fit_its_packet_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
