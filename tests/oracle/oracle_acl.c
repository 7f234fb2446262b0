/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle_acl: shards/firewall/rules.c against rte_acl: 100,000 random packets through random lists
 * of rules. Rules go to ours as text and packets as frames, so both parsers are asked, too; DPDK
 * gets the numbers the text was made from, and reads the frame's bytes where they lie.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <rte_acl.h>

#include "firewall/rules.h"
#include "oracle.h"

#define LISTS 500u
#define RULES_MAX 40u
#define FRAME_BYTES 62u

enum { FIELD_PROTO, FIELD_SRC, FIELD_DST, FIELD_SRC_PORT, FIELD_DST_PORT, FIELDS };
RTE_ACL_RULE_DEF(oracle_rule, FIELDS);

/* Offsets from the IPv4 header; the first field must be one byte, the others groups of four. */
static const struct rte_acl_field_def defs[FIELDS] = {
	{ RTE_ACL_FIELD_TYPE_BITMASK, 1, FIELD_PROTO, 0, 9 },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, FIELD_SRC, 1, 12 },
	{ RTE_ACL_FIELD_TYPE_MASK, 4, FIELD_DST, 2, 16 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, FIELD_SRC_PORT, 3, 20 },
	{ RTE_ACL_FIELD_TYPE_RANGE, 2, FIELD_DST_PORT, 3, 22 },
};

static struct fw_rules rules;
static struct oracle_rule theirs[RULES_MAX];
static char text[RULES_MAX * 128];
static uint32_t text_bytes;

/* Few values, so that rules and packets meet; and their neighbours, so that they miss by one. */
static uint32_t random_addr(void)
{
	static const uint32_t base[] = { 0x0a000000, 0x0a010000, 0xc0000200, 0xc6336400 };

	return base[oracle_below(4)] + oracle_below(4) + (oracle_below(4) << 8);
}

static uint32_t random_port(void)
{
	static const uint32_t base[] = { 0, 22, 53, 80, 1024, 65533 };

	return base[oracle_below(6)] + oracle_below(3);
}

static void end_text(uint32_t addr, uint32_t length, bool ports, uint32_t first, uint32_t last)
{
	text_bytes += (uint32_t)sprintf(text + text_bytes, "%u.%u.%u.%u/%u", addr >> 24,
					addr >> 16 & 255, addr >> 8 & 255, addr & 255, length);
	if (ports)
		text_bytes += (uint32_t)sprintf(text + text_bytes, ":%u-%u", first, last);
}

static uint32_t mask_of(uint32_t length)
{
	return length == 0 ? 0 : ~0u << (32 - length);
}

static void random_rule(uint32_t n)
{
	static const char *const names[] = { "any", "tcp", "udp", "icmp", "47" };
	static const uint8_t protos[] = { 0, 6, 17, 1, 47 };
	static const uint8_t lengths[] = { 0, 8, 16, 22, 23, 24, 30, 31, 32 };
	uint32_t proto = oracle_below(5);
	bool ports = (proto == 1 || proto == 2) && oracle_below(3) != 0;
	uint32_t length[2], addr[2], first[2] = { 0, 0 }, last[2] = { 65535, 65535 };
	struct oracle_rule *rule = &theirs[n];

	memset(rule, 0, sizeof(*rule));
	for (uint32_t i = 0; i < 2; i++) {
		length[i] = lengths[oracle_below(sizeof(lengths))];
		addr[i] = random_addr() & mask_of(length[i]);
		if (ports) {
			first[i] = random_port();
			last[i] = first[i] + oracle_below(65536 - first[i]);
		}
		rule->field[FIELD_SRC + i].value.u32 = addr[i];
		rule->field[FIELD_SRC + i].mask_range.u32 = length[i];
		rule->field[FIELD_SRC_PORT + i].value.u16 = (uint16_t)first[i];
		rule->field[FIELD_SRC_PORT + i].mask_range.u16 = (uint16_t)last[i];
	}
	rule->field[FIELD_PROTO].value.u8 = protos[proto];
	rule->field[FIELD_PROTO].mask_range.u8 = proto == 0 ? 0 : 255;
	rule->data.category_mask = 1;
	rule->data.priority = (int32_t)(RULES_MAX - n); /* the first that matches wins */
	rule->data.userdata = n + 1;

	text_bytes += (uint32_t)sprintf(text + text_bytes, "%s %s from ",
					oracle_below(2) ? "allow" : "deny", names[proto]);
	end_text(addr[0], length[0], ports, first[0], last[0]);
	text_bytes += (uint32_t)sprintf(text + text_bytes, " to ");
	end_text(addr[1], length[1], ports, first[1], last[1]);
	text_bytes += (uint32_t)sprintf(text + text_bytes, "\n");
}

static void be(uint8_t *at, uint32_t bytes, uint32_t value)
{
	for (uint32_t i = bytes; i > 0; i--, value >>= 8)
		at[i - 1] = (uint8_t)value;
}

static void random_frame(uint8_t f[FRAME_BYTES])
{
	static const uint8_t protos[] = { 6, 6, 17, 17, 1, 47, 132 };

	memset(f, 0, FRAME_BYTES);
	be(f + 12, 2, 0x0800);
	f[14] = 0x45;
	be(f + 16, 2, FRAME_BYTES - 14);
	f[22] = 64;
	f[23] = protos[oracle_below(sizeof(protos))];
	be(f + 26, 4, random_addr());
	be(f + 30, 4, random_addr());
	be(f + 34, 2, random_port());
	be(f + 36, 2, random_port());
	if (f[23] == 6)
		f[46] = 0x50;
	else if (f[23] == 17)
		be(f + 38, 2, FRAME_BYTES - 34);
}

static int one_packet(struct rte_acl_ctx *ctx)
{
	uint8_t frame[FRAME_BYTES + 16]; /* DPDK reads in words of its own */
	const uint8_t *data = frame + 14;
	struct craft_packet packet;
	struct fw_verdict verdict;
	uint16_t counted[FW_RULES_MAX];
	uint32_t count, found = 0;

	random_frame(frame);
	if (craft_packet_transport(frame, FRAME_BYTES, &packet) != CRAFT_FAULT_NONE) {
		printf("our parser refuses a sound packet\n");
		return 1;
	}
	verdict = fw_rules_judge(&rules, &packet, counted, &count);
	if (rte_acl_classify(ctx, &data, &found, 1, 1) != 0) {
		printf("rte_acl_classify fails\n");
		return 1;
	}
	if (found != (verdict.rule == FW_RULE_NONE ? 0 : verdict.rule + 1)) {
		printf("rules (first is 1), ours %u, DPDK's %u; protocol %u in\n%s",
		       verdict.rule + 1, found, frame[23], text);
		return 1;
	}
	return 0;
}

static int one_list(uint32_t number)
{
	struct rte_acl_param param = { .socket_id = SOCKET_ID_ANY,
				       .rule_size = sizeof(struct oracle_rule),
				       .max_rule_num = RULES_MAX };
	struct rte_acl_config config = { .num_categories = 1, .num_fields = FIELDS };
	struct craft_errors errors;
	struct rte_acl_ctx *ctx;
	char name[24];
	uint32_t count = 1 + oracle_below(RULES_MAX);
	int failed = 0;

	text_bytes = 0;
	for (uint32_t i = 0; i < count; i++)
		random_rule(i);
	memset(&errors, 0, sizeof(errors));
	if (fw_rules_parse(&rules, text, text_bytes, &errors) != 0) {
		printf("our parser refuses line %u: %s\n%s", errors.kept[0].line,
		       errors.kept[0].words, text);
		return 1;
	}
	snprintf(name, sizeof(name), "list%u", number);
	param.name = name;
	memcpy(config.defs, defs, sizeof(defs));
	ctx = rte_acl_create(&param);
	if (ctx == NULL ||
	    rte_acl_add_rules(ctx, (const struct rte_acl_rule *)theirs, count) != 0 ||
	    rte_acl_build(ctx, &config) != 0) {
		printf("rte_acl refuses the rules\n");
		return 1;
	}
	for (uint32_t i = 0; i < ORACLE_QUESTIONS / LISTS && failed == 0; i++)
		failed = one_packet(ctx);
	rte_acl_free(ctx);
	return failed;
}

int main(void)
{
	int failed = oracle_start("acl");

	if (failed != 0)
		return failed;
	for (uint32_t i = 0; i < LISTS && failed == 0; i++)
		failed = one_list(i);
	printf("%s: %u packets through %u lists of rules\n", failed == 0 ? "agreed" : "DISAGREED",
	       ORACLE_QUESTIONS, LISTS);
	return failed;
}
