/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rules: any bytes as a rules file; what is accepted then judges packets that hit the
 * edges of every field. A refused file leaves the rules as they were and says where and why.
 */
#include <stdlib.h>
#include <string.h>

#include "firewall/rules.h"
#include "fuzz.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

static void judge(const struct fw_rules *rules)
{
	static const uint8_t protos[] = { 0, 1, 6, 17, 58, 255 };

	for (uint32_t i = 0; i < 64; i++) {
		struct craft_packet packet;
		struct fw_verdict verdict;
		uint16_t counted[FW_RULES_MAX];
		uint32_t count;

		memset(&packet, 0, sizeof(packet));
		packet.family = i % 3 == 0 ? 0 : (i % 3 == 1 ? 4 : 6);
		packet.type = i % 2 ? CRAFT_TYPE_ARP : 0;
		packet.proto = protos[i % sizeof(protos)];
		packet.has_ports = packet.proto == 6 || packet.proto == 17;
		packet.has_icmp = packet.proto == 1 || packet.proto == 58;
		packet.tcp_flags = (uint8_t)(i * 37u);
		packet.icmp_type = (uint8_t)(i * 5u);
		packet.icmp_code = (uint8_t)(i % 7);
		packet.fragment = i % 11 == 0;
		packet.src_port = (uint16_t)(i * 1041u);
		packet.dst_port = (uint16_t)(65535u - i);
		packet.src.hi = i % 4 ? ~0ull : 0;
		packet.dst.lo = i % 5 ? ~0ull : 0;
		verdict = fw_rules_judge(rules, &packet, counted, &count);
		check(count <= rules->count);
		check(verdict.rule >= FW_RULE_FRAGMENTS || verdict.rule < rules->count);
		check(verdict.rule != FW_RULE_FRAGMENTS || packet.fragment);
		if (verdict.rule < FW_RULE_FRAGMENTS) {
			check(fw_rule_matches(&rules->rule[verdict.rule], &packet));
			check(rules->rule[verdict.rule].action != FW_COUNT);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	static struct fw_rules rules, before;
	struct craft_errors errors;

	memset(&rules, 0xa5, sizeof(rules));
	before = rules;
	memset(&errors, 0, sizeof(errors));
	if (fw_rules_parse(&rules, data, data_bytes, &errors) == 0) {
		check(errors.count == 0 && rules.count <= FW_RULES_MAX);
		judge(&rules);
		return 0;
	}
	check(errors.count > 0);
	check(memcmp(&rules, &before, sizeof(rules)) == 0);
	for (uint32_t i = 0; i < errors.count && i < CRAFT_ERRORS_KEPT; i++) {
		char line[200] = "";

		check(errors.kept[i].line >= 1 && errors.kept[i].column >= 1);
		check(errors.kept[i].words[0] != '\0');
		craft_error_line(&errors.kept[i], line, sizeof(line));
		for (const char *at = line; *at != '\0'; at++)
			check(*at >= 0x20 && *at <= 0x7e && *at != '%');
	}
	return 0;
}
