/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/mem.h"

#define PORT_MAX 65535u

static const char first_words[][CRAFT_NAME_BYTES] = { "deny", "allow", "count", "default",
						      "fragments" };
static const char default_words[][CRAFT_NAME_BYTES] = { "deny", "allow" };
static const char proto_words[][CRAFT_NAME_BYTES] = { "any", "tcp", "udp", "icmp", "icmp6", "arp" };
static const char fragment_words[][CRAFT_NAME_BYTES] = { "rules", "allow", "deny" };
#define FIRST_WORDS 5u
#define FIRST_DEFAULT 3u
#define FRAGMENT_WORDS 3u
#define DEFAULT_WORDS 2u
#define PROTO_WORDS 6u

/* What is known while one file is read. */
struct parser {
	struct craft_errors *errors;
	uint32_t line;
	uint32_t default_line; /* 0: none yet */
	uint32_t fragments_line;
};

/* An error at a word, with the nearest of a table as its hint, or @otherwise. */
static void refuse_word(struct parser *p, const struct craft_word *word, const char *words,
			const char (*table)[CRAFT_NAME_BYTES], uint32_t count,
			const char *otherwise)
{
	struct craft_error *error = craft_error_at(p->errors, p->line, 0, word, words, NULL);
	uint32_t near = craft_word_near(word, table, count);

	if (near < count) {
		craft_say(error->hint, sizeof(error->hint), "did you mean '");
		craft_say(error->hint, sizeof(error->hint), table[near]);
		craft_say(error->hint, sizeof(error->hint), "'?");
	} else {
		craft_say(error->hint, sizeof(error->hint), otherwise);
	}
}

static uint32_t word_index(const struct craft_word *word, const char (*table)[CRAFT_NAME_BYTES],
			   uint32_t count)
{
	uint32_t i = 0;

	while (i < count && !craft_word_is(word, table[i]))
		i++;
	return i;
}

static bool parse_proto(struct parser *p, const struct craft_word *word, struct fw_rule *rule)
{
	static const uint16_t number[] = { FW_PROTO_ANY, CRAFT_PROTO_TCP, CRAFT_PROTO_UDP,
					   CRAFT_PROTO_ICMP, CRAFT_PROTO_ICMP6 };
	uint32_t i = word_index(word, proto_words, PROTO_WORDS);
	uint32_t value;

	if (i == PROTO_WORDS - 1) {
		rule->kind = FW_KIND_ARP;
		return true;
	}
	if (i < PROTO_WORDS) {
		rule->proto = number[i];
		return true;
	}
	if (craft_word_u32(word, 255, &value)) {
		rule->proto = (uint16_t)value;
		return true;
	}
	refuse_word(p, word, "unknown protocol", proto_words, PROTO_WORDS,
		    "any, tcp, udp, icmp, icmp6, arp or a number 0 to 255");
	return false;
}

/* PORT or PORT-PORT. */
static bool parse_ports(struct parser *p, const struct craft_word *word, struct fw_end *end)
{
	uint32_t dash = craft_word_find(word, '-');
	struct craft_word first_word = craft_word_cut(word, 0, dash);
	struct craft_word last_word = craft_word_cut(word, dash + 1, word->length);
	struct craft_error *error;
	uint32_t first, last;

	if (!craft_word_u32(&first_word, PORT_MAX, &first)) {
		craft_error_at(p->errors, p->line, 0, &first_word, "not a port", "0 to 65535");
		return false;
	}
	last = first;
	if (dash < word->length && !craft_word_u32(&last_word, PORT_MAX, &last)) {
		craft_error_at(p->errors, p->line, 0, &last_word, "not a port", "0 to 65535");
		return false;
	}
	if (last < first) {
		error = craft_error_at(p->errors, p->line, 0, word,
				       "the port range ends before it begins", "write ");
		craft_say_u32(error->hint, sizeof(error->hint), last);
		craft_say(error->hint, sizeof(error->hint), "-");
		craft_say_u32(error->hint, sizeof(error->hint), first);
		return false;
	}
	end->port_first = (uint16_t)first;
	end->port_last = (uint16_t)last;
	return true;
}

/*
 * Splits ADDR[/LEN][:PORTS] into its three slices; an absent one has length 0 and lies where
 * it would stand. An IPv6 address without brackets runs to the '/' or the end.
 */
static bool split_end(struct parser *p, const struct craft_word *word, struct craft_word *ret_addr,
		      struct craft_word *ret_length, struct craft_word *ret_ports,
		      bool *ret_has_length, bool *ret_has_ports)
{
	uint32_t at, slash, colon;
	struct craft_word rest;

	if (word->bytes[0] == '[') {
		at = craft_word_find(word, ']');
		if (at == word->length) {
			craft_error_at(p->errors, p->line, 0, word, "the bracket is not closed",
				       "like [2001:db8::1]:53");
			return false;
		}
		*ret_addr = craft_word_cut(word, 1, at);
		if (craft_word_find(ret_addr, ':') == ret_addr->length) {
			craft_error_at(p->errors, p->line, 0, ret_addr,
				       "only IPv6 addresses stand in brackets", NULL);
			return false;
		}
		rest = craft_word_cut(word, at + 1, word->length);
	} else {
		slash = craft_word_find(word, '/');
		colon = craft_word_find(word, ':');
		rest = craft_word_cut(word, colon + 1, slash);
		if (colon < slash && craft_word_find(&rest, ':') < rest.length)
			at = slash; /* a second colon before the length: IPv6 */
		else
			at = colon < slash ? colon : slash;
		*ret_addr = craft_word_cut(word, 0, at);
		rest = craft_word_cut(word, at, word->length);
	}

	*ret_has_length = rest.length > 0 && rest.bytes[0] == '/';
	colon = craft_word_find(&rest, ':');
	*ret_has_ports = colon < rest.length;
	*ret_length = craft_word_cut(&rest, *ret_has_length ? 1 : 0, *ret_has_length ? colon : 0);
	*ret_ports = craft_word_cut(&rest, colon + 1, rest.length);
	if (!*ret_has_length && rest.length > 0 && colon != 0) {
		craft_error_at(p->errors, p->line, 0, &rest, "unexpected behind the address",
			       "/LEN or :PORT may follow");
		return false;
	}
	if (*ret_has_ports && word->bytes[0] != '[' &&
	    craft_word_find(ret_addr, ':') < ret_addr->length) {
		craft_error_at(p->errors, p->line, 0, ret_addr,
			       "before a port an IPv6 address needs brackets",
			       "like [2001:db8::]/32:53");
		return false;
	}
	return true;
}

static bool parse_end(struct parser *p, const struct craft_word *word, struct fw_rule *rule,
		      struct fw_end *end)
{
	struct craft_word addr, length, ports;
	bool has_length, has_ports;

	end->port_last = PORT_MAX;
	if (!split_end(p, word, &addr, &length, &ports, &has_length, &has_ports))
		return false;

	if (craft_word_is(&addr, "any")) {
		if (has_length) {
			craft_error_at(p->errors, p->line, 0, &length, "'any' has no prefix length",
				       NULL);
			return false;
		}
	} else {
		struct craft_prefix prefix;

		if (!craft_word_prefix(p->errors, p->line, &addr, has_length ? &length : NULL,
				       false, &prefix))
			return false;
		if (rule->family != 0 && rule->family != prefix.family) {
			craft_error_at(p->errors, p->line, 0, &addr,
				       "one rule cannot hold IPv4 and IPv6", "write two rules");
			return false;
		}
		rule->family = prefix.family;
		end->addr = prefix.addr;
		end->mask = craft_addr_mask(prefix.length);
	}

	if (!has_ports)
		return true;
	if (rule->proto != CRAFT_PROTO_TCP && rule->proto != CRAFT_PROTO_UDP) {
		craft_error_at(p->errors, p->line, 0, &ports, "only tcp and udp have ports",
			       rule->proto == FW_PROTO_ANY ? "write one rule for each" : NULL);
		return false;
	}
	rule->ports = true;
	return parse_ports(p, &ports, end);
}

/* The word @literal must come next. */
static bool expect(struct parser *p, struct craft_line *line, const char *literal)
{
	struct craft_word word;
	struct craft_error *error;

	craft_text_word(line, &word);
	if (craft_word_is(&word, literal))
		return true;
	error = craft_error_at(p->errors, p->line, 0, &word, "expected '", NULL);
	/* Said again in full, because the word stands before what was found. */
	error->words[0] = '\0';
	craft_say(error->words, sizeof(error->words), "expected '");
	craft_say(error->words, sizeof(error->words), literal);
	if (word.length > 0) {
		craft_say(error->words, sizeof(error->words), "', found '");
		craft_say_word(error->words, sizeof(error->words), &word);
		craft_say(error->words, sizeof(error->words), "'");
	} else {
		craft_say(error->words, sizeof(error->words), "', found the end of the line");
	}
	craft_say(error->hint, sizeof(error->hint), "ACTION PROTO from END to END");
	return false;
}

static bool expect_end(struct parser *p, struct craft_line *line)
{
	struct craft_word word;

	if (!craft_text_word(line, &word))
		return true;
	craft_error_at(p->errors, p->line, 0, &word, "unexpected at the end of the rule", NULL);
	return false;
}

static bool parse_default(struct parser *p, struct craft_line *line, uint8_t *ret_action)
{
	struct craft_word word;
	struct craft_error *error;
	uint32_t action;

	if (p->default_line != 0) {
		error = craft_error_at(p->errors, p->line, 1, NULL,
				       "a second default; the first is in line ", "keep one");
		craft_say_u32(error->words, sizeof(error->words), p->default_line);
		return false;
	}
	craft_text_word(line, &word);
	action = word_index(&word, default_words, DEFAULT_WORDS);
	if (action == DEFAULT_WORDS) {
		refuse_word(p, &word, "the default is allow or deny, not", default_words,
			    DEFAULT_WORDS, "default deny");
		return false;
	}
	p->default_line = p->line;
	*ret_action = (uint8_t)action;
	return expect_end(p, line);
}

static bool parse_fragments(struct parser *p, struct craft_line *line, uint8_t *ret_policy)
{
	struct craft_word word;
	struct craft_error *error;
	uint32_t policy;

	if (p->fragments_line != 0) {
		error = craft_error_at(p->errors, p->line, 1, NULL,
				       "a second fragments line; the first is in line ",
				       "keep one");
		craft_say_u32(error->words, sizeof(error->words), p->fragments_line);
		return false;
	}
	craft_text_word(line, &word);
	policy = word_index(&word, fragment_words, FRAGMENT_WORDS);
	if (policy == FRAGMENT_WORDS) {
		refuse_word(p, &word, "fragments are allow, deny or rules, not", fragment_words,
			    FRAGMENT_WORDS, "fragments rules");
		return false;
	}
	p->fragments_line = p->line;
	*ret_policy = (uint8_t)policy;
	return expect_end(p, line);
}

/* Behind `type` and `code`. */
static bool parse_icmp(struct parser *p, struct craft_line *line, const char *words, uint16_t *ret)
{
	struct craft_word word;
	uint32_t value;

	craft_text_word(line, &word);
	if (!craft_word_u32(&word, 255, &value)) {
		craft_error_at(p->errors, p->line, 0, &word, words, "0 to 255");
		return false;
	}
	*ret = (uint16_t)value;
	return true;
}

/* Letters of TCP's flags, lowest bit first: RFC 9293, 3.1. Return: false where one is none. */
static bool flags_of_word(const struct craft_word *word, uint8_t *ret)
{
	static const char letters[] = "FSRPAUEW";
	uint32_t flags = 0;

	for (uint32_t i = 0; i < word->length; i++) {
		uint32_t bit = 0;

		while (bit < 8 && letters[bit] != (char)word->bytes[i])
			bit++;
		if (bit == 8 || (flags >> bit & 1u) != 0)
			return false;
		flags |= 1u << bit;
	}
	*ret = (uint8_t)flags;
	return true;
}

/* SET/OF: of the flags OF exactly SET are set. */
static bool parse_flags(struct parser *p, struct craft_line *line, struct fw_rule *rule)
{
	struct craft_word word, set, of;
	uint32_t slash;

	craft_text_word(line, &word);
	slash = craft_word_find(&word, '/');
	set = craft_word_cut(&word, 0, slash);
	of = craft_word_cut(&word, slash + 1, word.length);
	if (of.length == 0 || !flags_of_word(&set, &rule->flags) ||
	    !flags_of_word(&of, &rule->flags_of)) {
		craft_error_at(p->errors, p->line, 0, &word, "not flags SET/OF",
			       "like S/SA; letters once each of F S R P A U E W");
		return false;
	}
	if ((rule->flags & ~(uint32_t)rule->flags_of) != 0) {
		craft_error_at(p->errors, p->line, 0, &word, "flags wanted that are not looked at",
			       "name them behind the slash, too");
		return false;
	}
	return true;
}

/* What may stand between the protocol and `from`; the word `from` is taken, too. */
static bool parse_details(struct parser *p, struct craft_line *line, struct fw_rule *rule)
{
	bool icmp = rule->proto == CRAFT_PROTO_ICMP || rule->proto == CRAFT_PROTO_ICMP6;
	struct craft_line ahead = *line;
	struct craft_word word;

	rule->icmp_type = FW_ICMP_ANY;
	rule->icmp_code = FW_ICMP_ANY;
	craft_text_word(&ahead, &word);
	if (craft_word_is(&word, "type")) {
		*line = ahead;
		if (!icmp) {
			craft_error_at(p->errors, p->line, 0, &word, "only icmp and icmp6 have a",
				       NULL);
			return false;
		}
		if (!parse_icmp(p, line, "not an ICMP type", &rule->icmp_type))
			return false;
		ahead = *line;
		craft_text_word(&ahead, &word);
		if (craft_word_is(&word, "code")) {
			*line = ahead;
			if (!parse_icmp(p, line, "not an ICMP code", &rule->icmp_code))
				return false;
		}
	} else if (craft_word_is(&word, "flags")) {
		*line = ahead;
		if (rule->proto != CRAFT_PROTO_TCP) {
			craft_error_at(p->errors, p->line, 0, &word, "only tcp has", NULL);
			return false;
		}
		if (!parse_flags(p, line, rule))
			return false;
	}
	return expect(p, line, "from");
}

static bool parse_rule(struct parser *p, struct craft_line *line, uint32_t action,
		       struct fw_rule *rule)
{
	struct craft_word word, proto;

	memset(rule, 0, sizeof(*rule));
	rule->action = (uint8_t)action;
	if (!craft_text_word(line, &proto)) {
		craft_error_at(p->errors, p->line, 0, &proto, "the protocol is missing",
			       "ACTION PROTO from END to END");
		return false;
	}
	if (!parse_proto(p, &proto, rule))
		return false;
	if (rule->kind == FW_KIND_ARP)
		return expect_end(p, line);

	if (!parse_details(p, line, rule))
		return false;
	if (!craft_text_word(line, &word)) {
		craft_error_at(p->errors, p->line, 0, &word, "an address is missing behind 'from'",
			       "any, or ADDR[/LEN][:PORT[-PORT]]");
		return false;
	}
	if (!parse_end(p, &word, rule, &rule->src) || !expect(p, line, "to"))
		return false;
	if (!craft_text_word(line, &word)) {
		craft_error_at(p->errors, p->line, 0, &word, "an address is missing behind 'to'",
			       "any, or ADDR[/LEN][:PORT[-PORT]]");
		return false;
	}
	if (!parse_end(p, &word, rule, &rule->dst))
		return false;

	/* A rule that can match nothing is a mistake of its author's. */
	if (rule->proto == CRAFT_PROTO_ICMP && rule->family == 6) {
		craft_error_at(p->errors, p->line, 0, &proto, "IPv6 has no", "write icmp6");
		return false;
	}
	if (rule->proto == CRAFT_PROTO_ICMP6 && rule->family == 4) {
		craft_error_at(p->errors, p->line, 0, &proto, "IPv4 has no", "write icmp");
		return false;
	}
	return expect_end(p, line);
}

/* One walk through the file. @ret NULL: only looking; errors are added to @errors. */
static void walk(struct fw_rules *ret, const void *bytes, size_t byte_count,
		 struct craft_errors *errors)
{
	struct parser p = { errors, 0, 0, 0 };
	struct craft_text text;
	struct craft_line line;
	uint32_t count = 0;
	uint8_t default_action = FW_DENY;
	uint8_t fragments = FW_FRAGMENTS_RULES;

	craft_text_init(&text, bytes, byte_count);
	while (craft_text_line(&text, &line, errors)) {
		struct craft_word word;
		struct fw_rule rule;
		uint32_t action;

		p.line = line.number;
		craft_text_word(&line, &word);
		action = word_index(&word, first_words, FIRST_WORDS);
		if (action == FIRST_WORDS) {
			refuse_word(&p, &word, "unknown action", first_words, FIRST_WORDS,
				    "a line begins with allow, deny, count, default or fragments");
		} else if (action == FIRST_DEFAULT) {
			parse_default(&p, &line, &default_action);
		} else if (action > FIRST_DEFAULT) {
			parse_fragments(&p, &line, &fragments);
		} else if (parse_rule(&p, &line, action, &rule)) {
			if (count == FW_RULES_MAX)
				craft_error_at(errors, line.number, 0, &word, "more than 256 rules",
					       "join some by prefix");
			else if (ret != NULL)
				ret->rule[count] = rule;
			/* Counted up to one past the limit: one error, not one a line. */
			if (count <= FW_RULES_MAX)
				count++;
			if (count > FW_RULES_MAX)
				break;
		}
	}
	if (ret != NULL) {
		ret->count = count;
		ret->default_action = default_action;
		ret->fragments = fragments;
	}
}

int fw_rules_parse(struct fw_rules *ret, const void *bytes, size_t byte_count,
		   struct craft_errors *ret_errors)
{
	uint32_t errors_before = ret_errors->count;

	/* Twice over the same sealed bytes: nothing is half loaded, and no second table. */
	walk(NULL, bytes, byte_count, ret_errors);
	if (ret_errors->count != errors_before)
		return -1;
	walk(ret, bytes, byte_count, ret_errors);
	return 0;
}

bool fw_rules_next(struct craft_text *text, struct craft_line *ret)
{
	struct craft_errors none;

	none.count = 0;
	while (craft_text_line(text, ret, &none)) {
		struct craft_line ahead = *ret;
		struct craft_word word;

		craft_text_word(&ahead, &word);
		if (word_index(&word, first_words, FIRST_WORDS) < FIRST_DEFAULT)
			return true;
	}
	return false;
}

static bool end_matches(const struct fw_end *end, const struct craft_addr *addr)
{
	return (((addr->hi ^ end->addr.hi) & end->mask.hi) |
		((addr->lo ^ end->addr.lo) & end->mask.lo)) == 0;
}

bool fw_rule_matches(const struct fw_rule *rule, const struct craft_packet *packet)
{
	if (rule->kind == FW_KIND_ARP)
		return packet->type == CRAFT_TYPE_ARP;
	if (packet->family == 0)
		return false;
	if (rule->proto != FW_PROTO_ANY && rule->proto != packet->proto)
		return false;
	if (rule->family != 0 && rule->family != packet->family)
		return false;
	/* What a later fragment does not show, it does not have. */
	if (rule->icmp_type != FW_ICMP_ANY &&
	    (!packet->has_icmp || packet->icmp_type != rule->icmp_type ||
	     (rule->icmp_code != FW_ICMP_ANY && packet->icmp_code != rule->icmp_code)))
		return false;
	if (rule->flags_of != 0 &&
	    (!packet->has_ports || (packet->tcp_flags & rule->flags_of) != rule->flags))
		return false;
	if (!end_matches(&rule->src, &packet->src) || !end_matches(&rule->dst, &packet->dst))
		return false;
	if (!rule->ports)
		return true;
	return packet->has_ports && packet->src_port >= rule->src.port_first &&
	       packet->src_port <= rule->src.port_last &&
	       packet->dst_port >= rule->dst.port_first && packet->dst_port <= rule->dst.port_last;
}

struct fw_verdict fw_rules_judge(const struct fw_rules *rules, const struct craft_packet *packet,
				 uint16_t *ret_counted, uint32_t *ret_counted_count)
{
	struct fw_verdict verdict = { FW_RULE_NONE, rules->default_action == FW_ALLOW };
	uint32_t counted = 0;

	*ret_counted_count = 0;
	if ((rules->fragments == FW_FRAGMENTS_DENY && packet->fragment) ||
	    (rules->fragments == FW_FRAGMENTS_ALLOW && packet->fragment_later)) {
		verdict.rule = FW_RULE_FRAGMENTS;
		verdict.allowed = rules->fragments == FW_FRAGMENTS_ALLOW;
		return verdict;
	}
	for (uint32_t i = 0; i < rules->count; i++) {
		if (!fw_rule_matches(&rules->rule[i], packet))
			continue;
		if (rules->rule[i].action == FW_COUNT) {
			ret_counted[counted++] = (uint16_t)i;
			continue;
		}
		verdict.rule = i;
		verdict.allowed = rules->rule[i].action == FW_ALLOW;
		break;
	}
	*ret_counted_count = counted;
	return verdict;
}
