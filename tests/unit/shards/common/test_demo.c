/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's three data files against the programs' own parsers: nothing may be lost on purpose. */
#include "cm.h"

#include "common/craft.h"
#include "firewall/rules.h"
#include "drivers/pcap.h"
#include "router/forward.h"

static struct pcap_index captured;
static struct fw_rules rules;
static struct rt_routes routes;

static uint8_t *slurp(const char *name, size_t *ret_bytes)
{
	static uint8_t buffer[1 << 20];
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", DEMO_DIR, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	*ret_bytes = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	assert_true(*ret_bytes < sizeof(buffer)); /* less than 1 MiB */
	return buffer;
}

static int load_all(void **state)
{
	struct craft_errors errors;
	struct pcap_error error;
	size_t bytes;
	uint8_t *data;

	(void)state;
	memset(&errors, 0, sizeof(errors));
	data = slurp("fw.rules", &bytes);
	assert_int_equal(fw_rules_parse(&rules, data, bytes, &errors), 0);
	data = slurp("routes.conf", &bytes);
	assert_int_equal(rt_routes_parse(&routes, data, bytes, &errors), 0);
	data = slurp("demo.pcap", &bytes);
	assert_int_equal(pcap_index_read(&captured, data, bytes, &error), 0);
	return 0;
}

static uint8_t *packet_at(uint32_t i)
{
	size_t bytes;
	static uint8_t *data;

	if (i == 0)
		data = slurp("demo.pcap", &bytes);
	return data + captured.packet[i].at;
}

static void the_capture_is_as_large_and_mixed_as_promised(void **state)
{
	uint32_t v4 = 0, v6 = 0, tagged = 0, protos[256] = { 0 };

	(void)state;
	assert_int_equal(captured.count, 1000);
	assert_int_equal(captured.shortest, 60);
	assert_int_equal(captured.longest, 1514);
	for (uint32_t i = 0; i < captured.count; i++) {
		struct craft_packet p;

		assert_int_equal(craft_packet_transport(packet_at(i), captured.packet[i].length,
							&p),
				 CRAFT_FAULT_NONE);
		v4 += p.family == 4;
		v6 += p.family == 6;
		tagged += p.tagged;
		protos[p.proto]++;
		assert_true(p.ttl > 1);
	}
	assert_int_equal(v4 + v6, captured.count);
	assert_true(v4 > 100 && v6 > 100 && tagged > 50);
	assert_true(protos[1] > 10 && protos[6] > 100 && protos[17] > 50 && protos[58] > 10);
}

static void only_documentation_addresses_speak(void **state)
{
	static const struct {
		uint64_t hi;
		uint32_t length;
		uint32_t family;
	} good[] = {
		{ 0xc000020000000000, 24, 4 }, { 0xc633640000000000, 24, 4 },
		{ 0xcb00710000000000, 24, 4 }, { 0x0a00000000000000, 8, 4 },
		{ 0x20010db800000000, 32, 6 },
	};

	(void)state;
	for (uint32_t i = 0; i < captured.count; i++) {
		struct craft_packet p;
		uint32_t src = 0, dst = 0;

		craft_packet_ip(packet_at(i), captured.packet[i].length, &p);
		for (uint32_t k = 0; k < 5; k++) {
			uint64_t mask = craft_addr_mask(good[k].length).hi;

			src += p.family == good[k].family && (p.src.hi & mask) == good[k].hi;
			dst += p.family == good[k].family && (p.dst.hi & mask) == good[k].hi;
		}
		assert_int_equal(src, 1);
		assert_int_equal(dst, 1);
	}
}

static void every_checksum_of_the_capture_is_right(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < captured.count; i++) {
		const uint8_t *b = packet_at(i);
		struct craft_packet p;
		uint64_t sum = 0;
		uint32_t l4_bytes;

		craft_packet_ip(b, captured.packet[i].length, &p);
		l4_bytes = p.l3_end - p.l4;
		if (p.family == 4)
			assert_int_equal(craft_fold(craft_sum(b + p.l3, p.l4 - p.l3, 0)), 0xffff);
		if (p.proto != 1) {
			sum = craft_sum(b + p.l3 + (p.family == 4 ? 12 : 8), p.family == 4 ? 8 : 32,
					p.proto + l4_bytes);
		}
		assert_int_equal(craft_fold(craft_sum(b + p.l4, l4_bytes, sum)), 0xffff);
	}
}

static void every_packet_passes_the_firewall(void **state)
{
	uint64_t counted_all = 0;

	(void)state;
	for (uint32_t i = 0; i < captured.count; i++) {
		struct craft_packet p;
		uint16_t counted[FW_RULES_MAX];
		uint32_t count;

		craft_packet_transport(packet_at(i), captured.packet[i].length, &p);
		assert_true(fw_rules_judge(&rules, &p, counted, &count).allowed);
		counted_all += count;
	}
	assert_int_equal(rules.default_action, FW_DENY);
	assert_true(counted_all > 100); /* the count rules have something to show */
}

static void every_packet_is_routed_to_out(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < captured.count; i++) {
		uint32_t interface = 9;

		assert_int_equal(rt_routes_forward(&routes, packet_at(i), captured.packet[i].length,
						   &interface),
				 RT_FORWARD);
		assert_string_equal(routes.interface[interface].name, "out");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_capture_is_as_large_and_mixed_as_promised),
		cmocka_unit_test(only_documentation_addresses_speak),
		cmocka_unit_test(every_checksum_of_the_capture_is_right),
		cmocka_unit_test(every_packet_passes_the_firewall),
		cmocka_unit_test(every_packet_is_routed_to_out),
	};

	return cmocka_run_group_tests(tests, load_all, NULL);
}
