/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "router/routes.h"

#define OUT "interface out mac 02:00:00:00:00:11 address 192.0.2.1/24 address 2001:db8::1/64\n"

static struct rt_routes routes;
static struct craft_errors errors;

static int load(const char *text)
{
	memset(&routes, 0, sizeof(routes));
	memset(&errors, 0, sizeof(errors));
	return rt_routes_parse(&routes, text, strlen(text), &errors);
}

static void expect_error(const char *text, uint32_t line, uint32_t column, const char *words,
			 const char *hint)
{
	static const struct rt_routes empty;

	if (load(text) == 0)
		fail_msg("accepted: %s", text);
	if (errors.kept[0].line != line || errors.kept[0].column != column)
		fail_msg("%s: at %u:%u: %s", text, errors.kept[0].line, errors.kept[0].column,
			 errors.kept[0].words);
	assert_string_equal(errors.kept[0].words, words);
	assert_string_equal(errors.kept[0].hint, hint);
	assert_memory_equal(&empty, &routes, sizeof(routes)); /* nothing half loaded */
}

static void lines_may_stand_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(load("route 198.51.100.0/24 via 192.0.2.2\n"
			      "route 2001:db8:2::/48 via 2001:db8::2\n"
			      "route ::/0 port b-2 02:00:00:00:00:03\n"
			      "neighbour 192.0.2.2 02:00:00:00:00:02 port out\n"
			      "neighbour 2001:db8::2 02:00:00:00:00:02 port out # note\n"
			      "interface b-2 mac 02:00:00:00:00:12\n" OUT),
			 0);
	assert_int_equal(routes.interface_count, 2);
	assert_string_equal(routes.interface[0].name, "b-2");
	assert_int_equal(routes.table.route_count, 9);
}

static void each_mistake_has_its_place_words_and_way_out(void **state)
{
	static const char station[] = "like 192.0.2.1 or 2001:db8::1";
	static const char network[] = "like 192.0.2.1/24 or 2001:db8::1/64";
	static const char mac[] = "like 02:00:00:00:00:01";
	static const char mtu[] = "68 to 65535; IPv6 needs 1280";

	(void)state;
	expect_error("", 1, 1, "no interface line: nothing could leave",
		     "add: interface PORT mac MAC");
	expect_error("interfaces out", 1, 1, "unknown line 'interfaces'",
		     "did you mean 'interface'?");
	expect_error("frobnicate", 1, 1, "unknown line 'frobnicate'",
		     "a line begins with interface, neighbour or route");
	expect_error("interface", 1, 10, "expected a port's name, found the end of the line",
		     "interface PORT mac MAC");
	expect_error("interface Out mac 02:00:00:00:00:11", 1, 11,
		     "expected a port's name, found 'Out'", "interface PORT mac MAC");
	expect_error("interface abcdefghijklmnopqrstuvwxyz012345 mac 02:00:00:00:00:11", 1, 11,
		     "expected a port's name, found 'abcdefghijklmnopqrstuvwx...'",
		     "interface PORT mac MAC");
	expect_error("interface out 02:00:00:00:00:11", 1, 15,
		     "expected 'mac', found '02:00:00:00:00:11'", "interface PORT mac MAC");
	expect_error("interface out mac 02:00:00:00:00", 1, 19,
		     "expected a link address, found '02:00:00:00:00'", mac);
	expect_error("interface out mac", 1, 18,
		     "expected a link address, found the end of the line", mac);
	expect_error("interface out mac 03:00:00:00:00:01", 1, 19,
		     "a group's link address is nobody's '03:00:00:00:00:01'",
		     "its first byte must be even");
	expect_error("interface out mac 00:00:00:00:00:00", 1, 19,
		     "this link address is nobody's '00:00:00:00:00:00'", "");
	expect_error("interface out mac 02:00:00:00:00:11 addr 192.0.2.1/24", 1, 37,
		     "expected 'address', 'mtu' or the end of the line, found 'addr'", "");
	expect_error("interface out mac 02:00:00:00:00:11 address", 1, 44,
		     "expected an address, found the end of the line", network);
	expect_error("interface out mac 02:00:00:00:00:11 address 192.0.2.1", 1, 45,
		     "the network's length is missing behind '192.0.2.1'", network);
	expect_error("interface out mac 02:00:00:00:00:11 address 224.0.0.1/24", 1, 45,
		     "not the address of one station '224.0.0.1/24'", "");
	expect_error("interface out mac 02:00:00:00:00:11 mtu", 1, 40,
		     "expected an MTU, found the end of the line", mtu);
	expect_error("interface out mac 02:00:00:00:00:11 mtu 67", 1, 41,
		     "expected an MTU, found '67'", mtu);
	expect_error("interface out mac 02:00:00:00:00:11 mtu 65536", 1, 41,
		     "expected an MTU, found '65536'", mtu);
	expect_error("interface out mac 02:00:00:00:00:11 mtu 1500 mtu 1500", 1, 46,
		     "expected 'address' or the end of the line, found 'mtu'", "");
	expect_error("interface out mac 02:00:00:00:00:11 mtu 1279 address 2001:db8::1/64", 1, 11,
		     "an MTU below 1280 and IPv6 on 'out'", "1280 or more, or no IPv6 address");
	expect_error(OUT "interface out mac 02:00:00:00:00:12", 2, 11,
		     "a second interface line for 'out'", "keep one");
	expect_error(OUT "interface b mac 02:00:00:00:00:12 address 192.0.2.1/25", 2, 43,
		     "given twice: '192.0.2.1/25'", "see line 1");
	expect_error(OUT "interface b mac 02:00:00:00:00:12 address 192.0.2.9/24", 2, 43,
		     "given twice: '192.0.2.9/24'", "see line 1");

	expect_error(OUT "neighbour", 2, 10, "expected an address, found the end of the line",
		     station);
	expect_error(OUT "neighbour 192.0.2.2/24 02:00:00:00:00:02 port out", 2, 11,
		     "one address is meant here, without a length '192.0.2.2/24'", "");
	expect_error(OUT "neighbour ff02::1 02:00:00:00:00:02 port out", 2, 11,
		     "not the address of one station 'ff02::1'", "");
	expect_error(OUT "neighbour 192.0.2.2 port out", 2, 21,
		     "expected a link address, found 'port'", mac);
	expect_error(OUT "neighbour 192.0.2.2 02:00:00:00:00:02 out", 2, 39,
		     "expected 'port', found 'out'", "neighbour ADDR MAC port PORT");
	expect_error(OUT "neighbour 192.0.2.2 02:00:00:00:00:02 port ot", 2, 44,
		     "no interface line names 'ot'", "did you mean 'out'?");
	expect_error(OUT "neighbour 192.0.2.2 02:00:00:00:00:02 port wan", 2, 44,
		     "no interface line names 'wan'", "add: interface PORT mac MAC");
	expect_error(OUT "neighbour 192.0.2.2 02:00:00:00:00:02 port", 2, 43,
		     "expected a port, found the end of the line", "");
	expect_error(OUT "neighbour 192.0.2.2 02:00:00:00:00:02 port out now", 2, 48,
		     "expected the end of the line, found 'now'", "");
	expect_error(OUT "neighbour 192.0.2.1 02:00:00:00:00:02 port out", 2, 11,
		     "given twice: '192.0.2.1'", "see line 1");
	expect_error(OUT "interface b mac 02:00:00:00:00:12\n"
			 "neighbour 192.0.2.2 02:00:00:00:00:02 port b",
		     3, 11, "another port's network holds '192.0.2.2'", "see line 1");

	expect_error(OUT "route", 2, 6, "expected a prefix, found the end of the line",
		     "route PREFIX via ADDR");
	expect_error(OUT "route default via 192.0.2.2", 2, 7, "not a prefix 'default'",
		     "write 0.0.0.0/0 or ::/0");
	expect_error(OUT "route 10.0.0.1/8 via 192.0.2.2", 2, 7,
		     "bits are set behind the prefix of '10.0.0.1'", "write 10.0.0.0/8");
	expect_error(OUT "route 10.0.0.0/8 192.0.2.2", 2, 18,
		     "expected 'via' or 'port', found '192.0.2.2'",
		     "route PREFIX via ADDR, or port PORT MAC");
	expect_error(OUT "route 10.0.0.0/8 via 192.0.3.2", 2, 22,
		     "nobody on our links is the next hop '192.0.3.2'",
		     "an interface's network must hold it, or a neighbour line");
	expect_error(OUT "route 10.0.0.0/8 via 192.0.2.1", 2, 22,
		     "the next hop is not somebody else: '192.0.2.1'", "see line 1");
	expect_error(OUT "route 10.0.0.0/8 via 2001:db8::2", 2, 22,
		     "prefix and next hop are of different families: '2001:db8::2'", "");
	expect_error(OUT "route 10.0.0.0/8 port out", 2, 26,
		     "expected a link address, found the end of the line", mac);
	expect_error(OUT "route 10.0.0.0/8 port out 02:00:00:00:00:02\n"
			 "route 10.0.0.0/8 port out 02:00:00:00:00:03",
		     3, 7, "given twice: '10.0.0.0/8'", "see line 2");
	expect_error(OUT "route 192.0.2.0/24 port out 02:00:00:00:00:02", 2, 7,
		     "given twice: '192.0.2.0/24'", "see line 1");
	expect_error(OUT "route 10.0.0.0/8 port out 02:00:00:00:00:02 metric", 2, 45,
		     "expected the end of the line, found 'metric'", "");
}

static void errors_are_told_in_the_order_of_lines(void **state)
{
	(void)state;
	assert_int_equal(load(OUT "route x via y\nneighbour x\nroute z via y\nneighbour y\n"), -1);
	/* Neighbours are understood before routes, and their errors end the reading. */
	assert_int_equal(errors.count, 2);
	assert_int_equal(errors.kept[0].line, 3);
	assert_int_equal(errors.kept[1].line, 5);
	assert_int_equal(load("interface a mac x\nbogus\n\xff\ninterface b mac y\n"), -1);
	assert_int_equal(errors.count, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(errors.kept[i].line, i + 1);
}

static void interface_32_is_read_and_33_refused(void **state)
{
	static char text[64 * 40];
	char line[64];

	(void)state;
	text[0] = '\0';
	for (uint32_t i = 0; i < RT_INTERFACES_MAX; i++) {
		snprintf(line, sizeof(line), "interface p%u mac 02:00:00:00:00:%02x\n", i, i);
		strcat(text, line);
	}
	assert_int_equal(load(text), 0);
	strcat(text, "interface more mac 02:00:00:00:01:00\n");
	assert_int_equal(load(text), -1);
	assert_string_equal(errors.kept[0].words, "more than 32 interfaces 'more'");
}

static void two_addresses_may_share_one_network(void **state)
{
	(void)state;
	assert_int_equal(load("interface out mac 02:00:00:00:00:11 address 192.0.2.1/24 "
			      "address 192.0.2.2/24 address 192.0.2.3/32\n"),
			 0);
	assert_int_equal(routes.table.route_count, 4);
}

static void an_interface_knows_its_mtu_and_its_addresses(void **state)
{
	const struct rt_interface *interface = &routes.interface[0];
	struct craft_addr there = { 0xc000020900000000, 0 };

	(void)state;
	assert_int_equal(load(OUT "interface b mac 02:00:00:00:00:12 mtu 68 address 10.0.0.1/8\n"),
			 0);
	assert_int_equal(interface->mtu, 1500);
	assert_int_equal(routes.interface[1].mtu, 68);
	assert_int_equal(interface->address_count, 2);
	assert_ptr_equal(rt_interface_network(interface, 4, &there), &interface->address[0]);
	assert_null(rt_interface_network(interface, 6, &there));
	there.hi = 0xc000030900000000;
	assert_null(rt_interface_network(interface, 4, &there));
	assert_int_equal(load("interface b mac 02:00:00:00:00:12 mtu 1280 address fd00::1/64"), 0);
}

static void address_8_of_an_interface_is_read_and_9_refused(void **state)
{
	static const char text[] = "interface b mac 02:00:00:00:00:12 address 10.0.0.1/8 "
				   "address 10.0.0.2/8 address 10.0.0.3/8 address 10.0.0.4/8 "
				   "address 10.0.0.5/8 address 10.0.0.6/8 address 10.0.0.7/8 "
				   "address 10.0.0.8/8";
	char more[300];

	(void)state;
	assert_int_equal(load(text), 0);
	snprintf(more, sizeof(more), "%s address 10.0.0.9/8", text);
	assert_int_equal(load(more), -1);
	assert_string_equal(errors.kept[0].words,
			    "more than 8 addresses of one interface '10.0.0.9/8'");
}

static void a_next_hop_on_a_link_needs_no_neighbour_line(void **state)
{
	const struct rt_route *route;
	struct craft_prefix prefix = { { 0x0a00000000000000, 0 }, 4, 8 };

	(void)state;
	/* The route that covers the next hop, too, does not hide the link it is on. */
	assert_int_equal(load(OUT "route 192.0.2.0/25 via 192.0.2.3\n"
				  "route 10.0.0.0/8 via 192.0.2.2\n"
				  "route 11.0.0.0/8 via 192.0.2.2\n"),
			 0);
	route = rt_table_find(&routes.table, &prefix);
	assert_int_equal(route->hop.kind, RT_KIND_GATEWAY);
	assert_int_equal(routes.table.route[route->hop.via].addr.hi, 0xc000020200000000);
	assert_int_equal(routes.table.route[route->hop.via].length, 32);
	assert_int_equal(routes.table.route_count, 4 + 3 + 2);
	assert_int_equal(load(OUT "route 192.0.2.2/32 via 192.0.2.3\n"
				  "route 10.0.0.0/8 via 192.0.2.2\n"),
			 -1);
	assert_string_equal(errors.kept[0].words, "the next hop is not somebody else: '192.0.2.2'");
}

static void route_4096_is_read_and_4097_refused(void **state)
{
	char *text = malloc(64 * (RT_ROUTES_MAX + 4));
	size_t at = 0;

	(void)state;
	assert_non_null(text);
	at += (size_t)sprintf(text + at, "interface out mac 02:00:00:00:00:11\n");
	for (uint32_t i = 0; i < RT_ROUTES_MAX; i++)
		at += (size_t)sprintf(text + at, "route 10.%u.%u.0/24 port out 02:00:00:00:00:02\n",
				      i / 256, i % 256);
	assert_int_equal(load(text), 0);
	sprintf(text + at, "route 11.0.0.0/8 port out 02:00:00:00:00:02\n");
	assert_int_equal(load(text), -1);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.kept[0].words, "the table is full '11.0.0.0/8'");
	assert_string_equal(errors.kept[0].hint, "4096 routes, neighbours and addresses");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_may_stand_in_any_order),
		cmocka_unit_test(each_mistake_has_its_place_words_and_way_out),
		cmocka_unit_test(errors_are_told_in_the_order_of_lines),
		cmocka_unit_test(interface_32_is_read_and_33_refused),
		cmocka_unit_test(two_addresses_may_share_one_network),
		cmocka_unit_test(an_interface_knows_its_mtu_and_its_addresses),
		cmocka_unit_test(address_8_of_an_interface_is_read_and_9_refused),
		cmocka_unit_test(a_next_hop_on_a_link_needs_no_neighbour_line),
		cmocka_unit_test(route_4096_is_read_and_4097_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
