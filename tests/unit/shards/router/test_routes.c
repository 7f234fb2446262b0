/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "frames.h"
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
		     "expected 'address' or the end of the line, found 'addr'", "");
	expect_error("interface out mac 02:00:00:00:00:11 address", 1, 44,
		     "expected an address, found the end of the line", network);
	expect_error("interface out mac 02:00:00:00:00:11 address 192.0.2.1", 1, 45,
		     "the network's length is missing behind '192.0.2.1'", network);
	expect_error("interface out mac 02:00:00:00:00:11 address 224.0.0.1/24", 1, 45,
		     "not the address of one station '224.0.0.1/24'", "");
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
	expect_error(OUT "route 10.0.0.0/8 via 192.0.2.2", 2, 22,
		     "no neighbour line for the next hop '192.0.2.2'",
		     "add: neighbour ADDR MAC port PORT");
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

/* --- frames --------------------------------------------------------------------------------- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_may_stand_in_any_order),
		cmocka_unit_test(each_mistake_has_its_place_words_and_way_out),
		cmocka_unit_test(errors_are_told_in_the_order_of_lines),
		cmocka_unit_test(interface_32_is_read_and_33_refused),
		cmocka_unit_test(two_addresses_may_share_one_network),
		cmocka_unit_test(route_4096_is_read_and_4097_refused),
		cmocka_unit_test(an_ipv4_packet_is_rewritten_and_leaves_by_the_longest_prefix),
		cmocka_unit_test(an_ipv6_packet_is_rewritten),
		cmocka_unit_test(a_hop_limit_of_two_passes_and_of_one_does_not),
		cmocka_unit_test(every_hop_keeps_the_checksum_right),
		cmocka_unit_test(a_wrong_checksum_goes_nowhere),
		cmocka_unit_test(options_are_part_of_the_checksum),
		cmocka_unit_test(what_cannot_be_forwarded_has_a_reason),
		cmocka_unit_test(groups_and_addresses_of_one_link_are_not_forwarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
