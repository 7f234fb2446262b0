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
	assert_int_equal(four("\x01\x1e\x03\x00", 4), RT_FORWARD);
	assert_int_equal(four("\x01\x01\x01\x07", 4), RT_BAD_OPTION); /* no length at all */
	assert_int_equal(told.value, 23);
}

static void a_list_whose_pointer_leads_nowhere_is_a_parameter_problem_there(void **state)
{
	(void)state;
	assert_int_equal(four("\x07\x07\x03\0\0\0\0\0", 8), RT_BAD_OPTION); /* into its head */
	assert_int_equal(told.value, 22);
	assert_int_equal(four("\x07\x06\x04\0\0\0\0\0", 8),
			 RT_BAD_OPTION); /* three bytes of four */
	assert_int_equal(told.value, 22);
	assert_int_equal(four("\x07\x07\x05\0\0\0\0\0", 8), RT_BAD_OPTION);
	assert_int_equal(four("\x07\x02\0\0", 4), RT_BAD_OPTION); /* no pointer at all */
	assert_int_equal(told.value, 21);
	assert_int_equal(four("\x07\x07\x08\0\0\0\0\0", 8), RT_FORWARD); /* full */
	assert_int_equal(four("\x07\x03\x04\0", 4), RT_FORWARD); /* no room at all */

	assert_int_equal(four("\x44\x08\x04\0\0\0\0\0", 8), RT_BAD_OPTION);
	assert_int_equal(told.value, 22);
	assert_int_equal(four("\x44\x03\x05\0", 4), RT_BAD_OPTION);
	assert_int_equal(told.value, 21);
	assert_int_equal(four("\x44\x08\x06\0\0\0\0\0", 8), RT_BAD_OPTION);
	assert_int_equal(four("\x44\x08\x05\1\0\0\0\0", 8), RT_BAD_OPTION); /* with addresses */
	assert_int_equal(four("\x44\x08\x09\xe0\0\0\0\0", 8), RT_FORWARD); /* the 15th overflow */
	assert_int_equal(four("\x44\x08\x09\xf0\0\0\0\0", 8), RT_BAD_OPTION); /* the 16th */
	assert_int_equal(told.value, 23);
	assert_int_equal(four("\x44\x08\x09\xf3\0\0\0\0", 8), RT_FORWARD); /* none was meant */
}

static const uint8_t *marked(const char *options, uint32_t bytes)
{
	static uint8_t ip[60];

	memset(ip, 0xee, sizeof(ip));
	memcpy(ip + 20, options, bytes);
	rt_options4_mark(ip, 20 + bytes, 0xc0000201, 0x12345);
	for (uint32_t i = 20 + bytes; i < sizeof(ip); i++)
		assert_int_equal(ip[i], 0xee);
	return ip + 20;
}

static void a_route_is_recorded_where_it_has_room(void **state)
{
	(void)state;
	assert_memory_equal(marked("\1\x07\x07\x04\0\0\0\0", 8), "\1\x07\x07\x08\xc0\0\2\1", 8);
	assert_memory_equal(marked("\x07\x0b\x08\1\2\3\4\0\0\0\0\0", 12),
			    "\x07\x0b\x0c\1\2\3\4\xc0\0\2\1\0", 12);
	/* Full, or in error: as it was. */
	assert_memory_equal(marked("\x07\x07\x08\1\2\3\4\0", 8), "\x07\x07\x08\1\2\3\4\0", 8);
	assert_memory_equal(marked("\x07\x06\x04\0\0\0\1\0", 8), "\x07\x06\x04\0\0\0\1\0", 8);
	assert_memory_equal(marked("\x07\x07\xff\1\2\3\4\0", 8), "\x07\x07\xff\1\2\3\4\0", 8);
	assert_memory_equal(marked("\0\x07\x07\x04\0\0\0\0", 8), "\0\x07\x07\x04\0\0\0\0", 8);
	assert_memory_equal(marked("\x07\x09\x04\0\0\0\0\0", 8), "\x07\x09\x04\0\0\0\0\0", 8);
	assert_memory_equal(marked("\1\1\1\x07", 4), "\1\1\1\x07", 4);
}

static void a_timestamp_is_ours_by_its_top_bit_and_what_finds_no_room_is_counted(void **state)
{
	(void)state;
	assert_memory_equal(marked("\x44\x08\x05\0\0\0\0\0", 8), "\x44\x08\x09\0\x80\1\x23\x45", 8);
	assert_memory_equal(marked("\x44\x0c\x05\1\0\0\0\0\0\0\0\0", 12),
			    "\x44\x0c\x0d\1\xc0\0\2\1\x80\1\x23\x45", 12);
	assert_memory_equal(marked("\x44\x08\x09\x20\1\2\3\4", 8), "\x44\x08\x09\x30\1\2\3\4", 8);
	/* By name: only where the name is ours. */
	assert_memory_equal(marked("\x44\x0c\x05\3\xc0\0\2\1\0\0\0\0", 12),
			    "\x44\x0c\x0d\3\xc0\0\2\1\x80\1\x23\x45", 12);
	assert_memory_equal(marked("\x44\x0c\x05\3\xc0\0\2\2\0\0\0\0", 12),
			    "\x44\x0c\x05\3\xc0\0\2\2\0\0\0\0", 12);
	assert_memory_equal(marked("\x44\x0c\x0d\3\xc0\0\2\2\0\0\0\0", 12),
			    "\x44\x0c\x0d\3\xc0\0\2\2\0\0\0\0", 12);
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
		cmocka_unit_test(a_list_whose_pointer_leads_nowhere_is_a_parameter_problem_there),
		cmocka_unit_test(a_route_is_recorded_where_it_has_room),
		cmocka_unit_test(
			a_timestamp_is_ours_by_its_top_bit_and_what_finds_no_room_is_counted),
		cmocka_unit_test(padding_and_router_alert_pass),
		cmocka_unit_test(the_two_top_bits_of_an_unknown_option_decide),
		cmocka_unit_test(a_malformed_ipv6_option_is_a_parameter_problem_at_its_place),
		cmocka_unit_test(a_header_that_does_not_fit_its_packet_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
