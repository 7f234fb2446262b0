/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firewall: each frame meets an ordered list of rules; it goes on, or home with a reason.
 *
 *      in_a  --> rules --> out_a       pair 0: the first input and the first output that the
 *      in_b  --> rules --> out_b       topology names; one list of rules for all pairs
 */
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/mem.h"
#include "../common/report.h"
#include "rules.h"

#define FW_RULES_SHOWN 32u /* rules with a counter of their own */
#define FW_PAIRS_MAX (VANITY_PORTS_MAX / 2)

enum { FW_BAD_RULES = 1, FW_NO_RULES, FW_UNPAIRED };
enum {
	FW_DENIED = 1,
	FW_DEFAULT_DENIED,
	FW_MALFORMED,
	FW_ALLOWED,
	FW_RULE_FIRST, /* .. FW_RULE_FIRST + FW_RULES_SHOWN - 1 */
};
#define FW_FRAGMENT_DENIED (FW_RULE_FIRST + FW_RULES_SHOWN)
#define FW_RULE_REST (FW_FRAGMENT_DENIED + 1)
_Static_assert(FW_RULE_REST < VANITY_COUNTERS_MAX, "a counter a rule shown");

#define FW_RULE(n) (FW_RULE_FIRST + (n))

VANITY_COUNTERS({ FW_DENIED, "denied" }, { FW_DEFAULT_DENIED, "default_denied" },
		{ FW_MALFORMED, "malformed" }, { FW_ALLOWED, "allowed" }, { FW_RULE(0), "rule_00" },
		{ FW_RULE(1), "rule_01" }, { FW_RULE(2), "rule_02" }, { FW_RULE(3), "rule_03" },
		{ FW_RULE(4), "rule_04" }, { FW_RULE(5), "rule_05" }, { FW_RULE(6), "rule_06" },
		{ FW_RULE(7), "rule_07" }, { FW_RULE(8), "rule_08" }, { FW_RULE(9), "rule_09" },
		{ FW_RULE(10), "rule_10" }, { FW_RULE(11), "rule_11" }, { FW_RULE(12), "rule_12" },
		{ FW_RULE(13), "rule_13" }, { FW_RULE(14), "rule_14" }, { FW_RULE(15), "rule_15" },
		{ FW_RULE(16), "rule_16" }, { FW_RULE(17), "rule_17" }, { FW_RULE(18), "rule_18" },
		{ FW_RULE(19), "rule_19" }, { FW_RULE(20), "rule_20" }, { FW_RULE(21), "rule_21" },
		{ FW_RULE(22), "rule_22" }, { FW_RULE(23), "rule_23" }, { FW_RULE(24), "rule_24" },
		{ FW_RULE(25), "rule_25" }, { FW_RULE(26), "rule_26" }, { FW_RULE(27), "rule_27" },
		{ FW_RULE(28), "rule_28" }, { FW_RULE(29), "rule_29" }, { FW_RULE(30), "rule_30" },
		{ FW_RULE(31), "rule_31" }, { FW_FRAGMENT_DENIED, "fragment_denied" },
		{ FW_RULE_REST, "rule_rest" })

/* What comes in here leaves there. */
struct fw_pair {
	struct vanity_rx *in;
	struct vanity_tx *out;
};

struct fw {
	struct fw_rules rules;
	struct fw_pair pair[FW_PAIRS_MAX];
	uint32_t pair_count;
	uint32_t hits[FW_RULES_SHOWN]; /* of the burst at hand; shown at its end */
	uint32_t hits_rest; /* of all rules behind those */
	uint16_t counted[FW_RULES_MAX];
};
VANITY_CARRY(struct fw, 4)

/* "rule_03, line 7: allow tcp from any to any:80", for who reads the counters of that name. */
static void show_rule(struct vanity_shard *self, uint32_t rule, struct craft_line *line)
{
	char record[81] = "rule_";
	struct craft_word word;

	if (rule < 10)
		craft_say(record, sizeof(record), "0");
	craft_say_u32(record, sizeof(record), rule);
	craft_say(record, sizeof(record), ", line ");
	craft_say_u32(record, sizeof(record), line->number);
	craft_say(record, sizeof(record), ":");
	while (craft_text_word(line, &word)) {
		craft_say(record, sizeof(record), " ");
		/* Byte by byte: a whole word is cut where an error would quote it. */
		for (uint32_t i = 0; i < word.length; i++) {
			struct craft_word byte = craft_word_cut(&word, i, i + 1);

			craft_say_word(record, sizeof(record), &byte);
		}
	}
	vanity_log(self, record, 0, 0);
}

/* A config is the same for all generations: its first one says what the counters mean. */
static void show_rules(struct vanity_shard *self, const struct fw *fw, const void *config,
		       size_t config_bytes)
{
	uint32_t rule = 0;
	struct craft_text text;
	struct craft_line line;

	vanity_log(self, "%0 rules", fw->rules.count, 0);
	if (vanity_generation(self) != 1)
		return;
	craft_text_init(&text, config, config_bytes);
	while (fw_rules_next(&text, &line)) {
		if (rule == FW_RULES_SHOWN) {
			vanity_log(self, "rule_rest: all from line %0 on", line.number, 0);
			break;
		}
		show_rule(self, rule++, &line);
	}
}

static int load(struct vanity_shard *self, struct fw *fw)
{
	struct craft_errors errors;
	size_t config_bytes = 0;
	const void *config = vanity_config(self, &config_bytes);

	if (config == NULL)
		return vanity_fatal(self, FW_NO_RULES,
				    "firewall needs its rules: config = \"FILE\"");
	memset(&errors, 0, sizeof(errors));
	if (fw_rules_parse(&fw->rules, config, config_bytes, &errors) != 0)
		return craft_report(self, FW_BAD_RULES, "rules", &errors);
	show_rules(self, fw, config, config_bytes);
	return 0;
}

/* Input i belongs to output i, in the order of the topology's channels. */
static int bind_pairs(struct vanity_shard *self, struct fw *fw)
{
	uint32_t in_count = 0, out_count = 0;
	char words[81] = "";

	while (vanity_rx_at(self, in_count) != NULL)
		in_count++;
	while (vanity_tx_at(self, out_count) != NULL)
		out_count++;
	if (in_count == 0 || in_count != out_count || in_count > FW_PAIRS_MAX) {
		craft_say(words, sizeof(words), "each input needs its output: ");
		craft_say_u32(words, sizeof(words), in_count);
		craft_say(words, sizeof(words), " in, ");
		craft_say_u32(words, sizeof(words), out_count);
		craft_say(words, sizeof(words), " out");
		return vanity_fatal(self, FW_UNPAIRED, words);
	}
	fw->pair_count = in_count;
	for (uint32_t i = 0; i < in_count; i++) {
		fw->pair[i].in = vanity_rx_at(self, i);
		fw->pair[i].out = vanity_tx_at(self, i);
	}
	return 0;
}

/* With one pair there is nothing to confuse. */
static void show_pairs(struct vanity_shard *self, const struct fw *fw)
{
	for (uint32_t i = 0; fw->pair_count > 1 && i < fw->pair_count; i++) {
		char record[81] = "";

		craft_say(record, sizeof(record), vanity_rx_name(fw->pair[i].in));
		craft_say(record, sizeof(record), " -> ");
		craft_say(record, sizeof(record), vanity_tx_name(fw->pair[i].out));
		vanity_log(self, record, 0, 0);
	}
}

static void hit(struct fw *fw, uint32_t rule)
{
	if (rule < FW_RULES_SHOWN)
		fw->hits[rule]++;
	else if (rule < FW_RULES_MAX)
		fw->hits_rest++;
}

/* Return: VANITY_DONE to let it pass, else the reason. */
static uint32_t judge(struct fw *fw, const void *bytes, uint32_t length)
{
	struct craft_packet packet;
	struct fw_verdict verdict;
	uint32_t counted;

	if (craft_packet_transport(bytes, length, &packet) != CRAFT_FAULT_NONE)
		return FW_MALFORMED;
	verdict = fw_rules_judge(&fw->rules, &packet, fw->counted, &counted);
	for (uint32_t i = 0; i < counted; i++)
		hit(fw, fw->counted[i]);
	hit(fw, verdict.rule);
	if (verdict.allowed)
		return VANITY_DONE;
	if (verdict.rule == FW_RULE_FRAGMENTS)
		return FW_FRAGMENT_DENIED;
	return verdict.rule == FW_RULE_NONE ? FW_DEFAULT_DENIED : FW_DENIED;
}

static void show_hits(struct vanity_shard *self, struct fw *fw)
{
	for (uint32_t i = 0; i < FW_RULES_SHOWN && i < fw->rules.count; i++) {
		if (fw->hits[i] != 0)
			vanity_count(self, FW_RULE(i), fw->hits[i]);
		fw->hits[i] = 0;
	}
	if (fw->hits_rest != 0)
		vanity_count(self, FW_RULE_REST, fw->hits_rest);
	fw->hits_rest = 0;
}

/* Return: how many frames were judged. */
static uint32_t burst(struct vanity_shard *self, struct fw *fw, const struct fw_pair *pair)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	/* Never take what cannot be put on: a full output stops its input, not our frames. */
	uint32_t room = vanity_tx_room(pair->out, VANITY_BURST_MAX);
	uint32_t n = vanity_rx_take(pair->in, ref, room);
	uint32_t allowed = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t reason = judge(fw, vanity_ref_read(pair->in, &ref[i]), ref[i].length);

		if (reason == VANITY_DONE) {
			vanity_tx_put(pair->out, &ref[i]);
			allowed++;
		} else {
			vanity_rx_give_back(pair->in, &ref[i], reason);
		}
	}
	if (n > 0) {
		vanity_tx_publish(pair->out);
		vanity_count(self, FW_ALLOWED, allowed);
		show_hits(self, fw);
	}
	return n;
}

int vanity_main(struct vanity_shard *self)
{
	struct fw *fw = vanity_carry(self);
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (bind_pairs(self, fw) != 0 || load(self, fw) != 0)
		return 1;
	show_pairs(self, fw);
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < fw->pair_count; i++)
			n += burst(self, fw, &fw->pair[i]);
		if (n == 0)
			vanity_wait(self, spin_ns);
	}
	return 0;
}
