/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "firewall/rules.h"
#include "frames.h"

static struct fw_rules rules;
static struct craft_errors errors;

static int load(const char *text)
{
	memset(&errors, 0, sizeof(errors));
	return fw_rules_parse(&rules, text, strlen(text), &errors);
}

static void expect_error(const char *text, uint32_t line, uint32_t column, const char *words,
			 const char *hint)
{
	struct fw_rules before = rules;

	if (load(text) == 0)
		fail_msg("accepted: %s", text);
	if (errors.kept[0].line != line || errors.kept[0].column != column)
		fail_msg("%s: at %u:%u", text, errors.kept[0].line, errors.kept[0].column);
	assert_string_equal(errors.kept[0].words, words);
	assert_string_equal(errors.kept[0].hint, hint);
	assert_memory_equal(&before, &rules, sizeof(rules)); /* nothing half loaded */
}

static void an_empty_file_denies_everything(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_int_equal(rules.count, 0);
	assert_int_equal(rules.default_action, FW_DENY);
	assert_int_equal(fw_rules_parse(&rules, NULL, 0, &errors), 0);
}

static void every_form_of_a_rule_is_read(void **state)
{
	(void)state;
	assert_int_equal(load("default allow\n"
			      "allow any from any to any\n"
			      "deny tcp from 10.0.0.0/8 to 192.0.2.1:80\n"
			      "count udp from any:1-65535 to [2001:db8::]/32:53-54 # dns\n"
			      "deny icmp6 from 2001:db8::/32 to [::1]\n"
			      "allow 47 from 198.51.100.0/24 to any\n"
			      "allow arp\n"
			      "allow tcp from [::]:1 to ::\n"),
			 0);
	assert_int_equal(rules.count, 7);
	assert_int_equal(rules.default_action, FW_ALLOW);
	assert_int_equal(rules.rule[0].proto, FW_PROTO_ANY);
	assert_int_equal(rules.rule[0].family, 0);
	assert_int_equal(rules.rule[1].family, 4);
	assert_true(rules.rule[1].src.mask.hi == 0xff00000000000000);
	assert_true(rules.rule[1].src.addr.hi == 0x0a00000000000000);
	assert_int_equal(rules.rule[1].dst.port_first, 80);
	assert_int_equal(rules.rule[1].dst.port_last, 80);
	assert_int_equal(rules.rule[1].src.port_first, 0);
	assert_int_equal(rules.rule[1].src.port_last, 65535);
	assert_int_equal(rules.rule[2].action, FW_COUNT);
	assert_int_equal(rules.rule[2].dst.port_last, 54);
	assert_true(rules.rule[2].ports);
	assert_false(rules.rule[3].ports);
	assert_int_equal(rules.rule[4].proto, 47);
	assert_int_equal(rules.rule[5].kind, FW_KIND_ARP);
	assert_int_equal(rules.rule[6].family, 6);
}

static void each_mistake_has_its_place_words_and_way_out(void **state)
{
	static const char form[] = "ACTION PROTO from END to END";
	static const char end_form[] = "any, or ADDR[/LEN][:PORT[-PORT]]";

	(void)state;
	expect_error("alow tcp from any to any", 1, 1, "unknown action 'alow'",
		     "did you mean 'allow'?");
	expect_error("frobnicate", 1, 1, "unknown action 'frobnicate'",
		     "a line begins with allow, deny, count, default or fragments");
	expect_error("allow", 1, 6, "the protocol is missing", form);
	expect_error("\n  allow tpc from any to any", 2, 9, "unknown protocol 'tpc'",
		     "did you mean 'tcp'?");
	expect_error("allow 256 from any to any", 1, 7, "unknown protocol '256'",
		     "any, tcp, udp, icmp, icmp6, arp or a number 0 to 255");
	expect_error("allow tcp any to any", 1, 11, "expected 'from', found 'any'", form);
	expect_error("allow tcp", 1, 10, "expected 'from', found the end of the line", form);
	expect_error("allow tcp from", 1, 15, "an address is missing behind 'from'", end_form);
	expect_error("allow tcp from any", 1, 19, "expected 'to', found the end of the line", form);
	expect_error("allow tcp from any to", 1, 22, "an address is missing behind 'to'", end_form);
	expect_error("allow tcp from any to any log", 1, 27,
		     "unexpected at the end of the rule 'log'", "");
	expect_error("allow arp from any", 1, 11, "unexpected at the end of the rule 'from'", "");
	expect_error("allow tcp from 10.0.0.1/8 to any", 1, 16,
		     "bits are set behind the prefix of '10.0.0.1'", "write 10.0.0.0/8");
	expect_error("allow tcp from 10.0.0.0/33 to any", 1, 25, "not a prefix length '33'",
		     "0 to 32 in IPv4");
	expect_error("allow tcp from 10.0.0 to any", 1, 16, "not an address '10.0.0'",
		     "like 192.0.2.1 or 2001:db8::1");
	expect_error("allow tcp from any/8 to any", 1, 20, "'any' has no prefix length '8'", "");
	expect_error("allow tcp from any:x to any", 1, 20, "not a port 'x'", "0 to 65535");
	expect_error("allow tcp from any:65536 to any", 1, 20, "not a port '65536'", "0 to 65535");
	expect_error("allow tcp from any:1- to any", 1, 22, "not a port", "0 to 65535");
	expect_error("allow tcp from any:-1 to any", 1, 20, "not a port", "0 to 65535");
	expect_error("allow tcp from any to any:90-80", 1, 27,
		     "the port range ends before it begins '90-80'", "write 80-90");
	expect_error("allow any from any to any:53", 1, 27, "only tcp and udp have ports '53'",
		     "write one rule for each");
	expect_error("allow icmp from any to any:53", 1, 28, "only tcp and udp have ports '53'",
		     "");
	expect_error("allow tcp from [2001:db8::1 to any", 1, 16,
		     "the bracket is not closed '[2001:db8::1'", "like [2001:db8::1]:53");
	expect_error("allow tcp from [10.0.0.1]:5 to any", 1, 17,
		     "only IPv6 addresses stand in brackets '10.0.0.1'", "");
	expect_error("allow tcp from [::1]x to any", 1, 21, "unexpected behind the address 'x'",
		     "/LEN or :PORT may follow");
	expect_error("allow tcp from 2001:db8::/32:53 to any", 1, 16,
		     "before a port an IPv6 address needs brackets '2001:db8::'",
		     "like [2001:db8::]/32:53");
	expect_error("allow tcp from 10.0.0.1 to ::1", 1, 28,
		     "one rule cannot hold IPv4 and IPv6 '::1'", "write two rules");
	expect_error("allow icmp from ::1 to any", 1, 7, "IPv6 has no 'icmp'", "write icmp6");
	expect_error("allow icmp6 from 10.0.0.1 to any", 1, 7, "IPv4 has no 'icmp6'", "write icmp");
	expect_error("default count", 1, 9, "the default is allow or deny, not 'count'",
		     "default deny");
	expect_error("default", 1, 8, "the default is allow or deny, not", "default deny");
	expect_error("default denny", 1, 9, "the default is allow or deny, not 'denny'",
		     "did you mean 'deny'?");
	expect_error("default deny please", 1, 14, "unexpected at the end of the rule 'please'",
		     "");
	expect_error("default deny\n\ndefault deny", 3, 1,
		     "a second default; the first is in line 1", "keep one");
}

static void several_mistakes_are_told_at_once(void **state)
{
	(void)state;
	assert_int_equal(load("allow tpc from any to any\nallow tcp from any to any\n"
			      "deny udp from 1 to any\nx\n"),
			 -1);
	assert_int_equal(errors.count, 3);
	assert_int_equal(errors.kept[1].line, 3);
	assert_int_equal(errors.kept[2].line, 4);
}

static void rule_256_is_read_and_rule_257_refused_once(void **state)
{
	static char text[400 * 32];

	(void)state;
	text[0] = '\0';
	for (uint32_t i = 0; i < FW_RULES_MAX; i++)
		strcat(text, "allow arp\n");
	assert_int_equal(load(text), 0);
	assert_int_equal(rules.count, FW_RULES_MAX);
	strcat(text, "deny arp\ndeny arp\n");
	assert_int_equal(load(text), -1);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.kept[0].line, 257);
	assert_string_equal(errors.kept[0].words, "more than 256 rules 'deny'");
}

/* --- verdicts ------------------------------------------------------------------------------- */

static struct fw_verdict judge(const struct frame *f)
{
	struct craft_packet packet;
	uint16_t counted[FW_RULES_MAX];
	uint32_t count;

	assert_int_equal(craft_packet_transport(f->bytes, f->length, &packet), CRAFT_FAULT_NONE);
	return fw_rules_judge(&rules, &packet, counted, &count);
}

static bool allows(const char *text, const struct frame *f)
{
	assert_int_equal(load(text), 0);
	return judge(f).allowed;
}

static void the_first_match_decides(void **state)
{
	struct frame f = frame_l4(4, 6, 1000, 80, 0);

	(void)state;
	assert_true(allows("allow tcp from any to any\ndeny any from any to any", &f));
	assert_int_equal(judge(&f).rule, 0);
	assert_false(allows("deny any from any to any\nallow tcp from any to any", &f));
	assert_int_equal(judge(&f).rule, 0);
	assert_true(allows("deny udp from any to any\nallow tcp from any to any", &f));
	assert_int_equal(judge(&f).rule, 1);
}

static void the_default_decides_what_no_rule_does(void **state)
{
	struct frame f = frame_l4(4, 6, 1000, 80, 0);

	(void)state;
	assert_false(allows("deny udp from any to any", &f));
	assert_int_equal(judge(&f).rule, FW_RULE_NONE);
	assert_false(allows("deny udp from any to any\ndefault deny", &f));
	assert_true(allows("default allow\ndeny udp from any to any", &f));
	assert_int_equal(judge(&f).rule, FW_RULE_NONE);
}

static void a_count_rule_counts_and_goes_on(void **state)
{
	struct frame f = frame_l4(4, 6, 1000, 80, 0);
	struct craft_packet packet;
	uint16_t counted[FW_RULES_MAX];
	uint32_t count;

	(void)state;
	assert_int_equal(load("count tcp from any to any\ncount udp from any to any\n"
			      "count any from any to any\nallow tcp from any to any\n"
			      "count tcp from any to any"),
			 0);
	assert_int_equal(craft_packet_transport(f.bytes, f.length, &packet), CRAFT_FAULT_NONE);
	assert_int_equal(fw_rules_judge(&rules, &packet, counted, &count).rule, 3);
	assert_int_equal(count, 2);
	assert_int_equal(counted[0], 0);
	assert_int_equal(counted[1], 2);
}

static void ports_match_from_first_to_last(void **state)
{
	static const char text[] = "allow udp from any:100-200 to any:53";

	(void)state;
	for (uint32_t family = 4; family <= 6; family += 2) {
		struct frame first = frame_l4(family, 17, 100, 53, 0);
		struct frame last = frame_l4(family, 17, 200, 53, 0);
		struct frame before = frame_l4(family, 17, 99, 53, 0);
		struct frame behind = frame_l4(family, 17, 201, 53, 0);
		struct frame other = frame_l4(family, 17, 150, 54, 0);
		struct frame tcp = frame_l4(family, 6, 150, 53, 0);

		assert_true(allows(text, &first));
		assert_true(allows(text, &last));
		assert_false(allows(text, &before));
		assert_false(allows(text, &behind));
		assert_false(allows(text, &other));
		assert_false(allows(text, &tcp));
	}
}

static void addresses_match_by_prefix_and_family(void **state)
{
	struct frame f4 = frame_l4(4, 6, 1, 2, 0);
	struct frame f6 = frame_l4(6, 6, 1, 2, 0);

	(void)state;
	assert_true(allows("allow any from 10.0.0.0/8 to 198.51.100.7", &f4));
	assert_false(allows("allow any from 11.0.0.0/8 to 198.51.100.7", &f4));
	assert_false(allows("allow any from 10.0.0.0/8 to 198.51.100.6", &f4));
	assert_true(allows("allow any from 0.0.0.0/0 to any", &f4));
	assert_false(allows("allow any from 0.0.0.0/0 to any", &f6));
	assert_true(allows("allow any from 2001:db8:1::/48 to 2001:db8:2::7", &f6));
	assert_false(allows("allow any from 2001:db8:1::/48 to 2001:db8:2::6", &f6));
	assert_false(allows("allow any from 2001:db8:3::/48 to any", &f6));
	assert_false(allows("allow any from ::/0 to any", &f4));
	assert_true(allows("allow any from ::/0 to any", &f6));
}

static void a_tagged_packet_is_judged_by_what_it_carries(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 7);

	(void)state;
	assert_true(allows("allow tcp from 10.0.0.0/8 to any:2", &f));
}

static void a_later_fragment_meets_only_rules_without_ports(void **state)
{
	struct frame f = frame_l4(4, 17, 53, 53, 0);

	(void)state;
	frame_be16(f.bytes + 14 + 6, 0x0010);
	assert_false(allows("allow udp from any to any:53", &f));
	assert_false(allows("allow udp from any to any:0-65535", &f));
	assert_true(allows("allow udp from 10.0.0.0/8 to any", &f));
}

static void arp_passes_by_its_own_rule_or_the_default_only(void **state)
{
	struct frame f;
	struct frame ip = frame_l4(4, 17, 1, 2, 0);

	(void)state;
	frame_link(&f, CRAFT_TYPE_ARP, 0);
	f.length = 60;
	assert_true(allows("allow arp", &f));
	assert_false(allows("deny arp\ndefault allow", &f));
	assert_false(allows("allow any from any to any", &f));
	assert_true(allows("default allow", &f));
	assert_false(allows("allow arp", &ip));
	frame_link(&f, 0x88cc, 0);
	f.length = 60;
	assert_false(allows("allow arp\nallow any from any to any", &f));
	assert_true(allows("deny arp\ndeny any from any to any\ndefault allow", &f));
}

static bool passes(const struct frame *f)
{
	struct craft_packet p;
	uint16_t counted[FW_RULES_MAX];
	uint32_t count;

	assert_int_equal(craft_packet_transport(f->bytes, f->length, &p), CRAFT_FAULT_NONE);
	return fw_rules_judge(&rules, &p, counted, &count).allowed;
}

static void an_icmp_rule_may_ask_for_a_type_and_a_code(void **state)
{
	struct frame f = frame_ip4(1, 20, 0);
	struct frame six = frame_ip6(58, 20, 0);

	(void)state;
	assert_int_equal(load("allow icmp type 8 from any to any\n"
			      "allow icmp type 3 code 4 from any to any\n"
			      "allow icmp6 type 255 code 255 from any to any\n"),
			 0);
	for (uint32_t type = 0; type < 256; type++) {
		for (uint32_t code = 0; code < 256; code += 4) {
			f.bytes[34] = six.bytes[54] = (uint8_t)type;
			f.bytes[35] = (uint8_t)code;
			six.bytes[55] = (uint8_t)code;
			assert_int_equal(passes(&f), type == 8 || (type == 3 && code == 4));
			assert_false(passes(&six));
		}
	}
	six.bytes[55] = 255;
	assert_true(passes(&six));
	f.bytes[34] = 8;
	frame_be16(f.bytes + 20, 10); /* a later fragment has no type */
	assert_false(passes(&f));
	assert_int_equal(load("allow icmp type 0 from any to any"), 0);
	frame_be16(f.bytes + 20, 0);
	assert_false(passes(&f));
	f.bytes[34] = 0;
	assert_true(passes(&f));
	frame_be16(f.bytes + 20, 10);
	assert_false(passes(&f));
}

static void a_tcp_rule_may_ask_for_flags_of_those_it_names(void **state)
{
	struct frame f = frame_l4(4, 6, 1000, 80, 0);

	(void)state;
	assert_int_equal(load("allow tcp flags S/SA from any to any"), 0);
	for (uint32_t flags = 0; flags < 256; flags++) {
		f.bytes[34 + 13] = (uint8_t)flags;
		assert_int_equal(passes(&f), (flags & 0x12) == 0x02);
	}
	assert_int_equal(load("allow tcp flags /FSRPAUEW from any to any"), 0);
	for (uint32_t flags = 0; flags < 256; flags++) {
		f.bytes[34 + 13] = (uint8_t)flags;
		assert_int_equal(passes(&f), flags == 0);
	}
	assert_int_equal(load("allow tcp flags FRUW/FRUW from any to any"), 0);
	f.bytes[34 + 13] = 0xa5;
	assert_true(passes(&f));
	f.bytes[34 + 13] = 0xa4;
	assert_false(passes(&f));
	frame_be16(f.bytes + 20, 10); /* a later fragment has no flags */
	f.bytes[34 + 13] = 0xa5;
	assert_false(passes(&f));
}

static void fragments_meet_the_policy_of_their_line(void **state)
{
	struct frame whole = frame_l4(4, 17, 1000, 53, 0);
	struct frame first = whole, later = whole;
	struct frame six = frame_ip6(44, 20, 0);

	(void)state;
	frame_be16(first.bytes + 20, 0x2000);
	frame_be16(later.bytes + 20, 10);
	six.bytes[54] = 17;
	frame_be16(six.bytes + 56, 8 << 3);
	assert_int_equal(load("allow udp from any to any:53\n"), 0);
	assert_int_equal(rules.fragments, FW_FRAGMENTS_RULES);
	assert_true(passes(&whole) && passes(&first) && !passes(&later) && !passes(&six));
	assert_int_equal(load("allow udp from any to any:53\nfragments allow\n"), 0);
	assert_true(passes(&whole) && passes(&first) && passes(&later) && passes(&six));
	assert_int_equal(load("deny udp from any to any:53\nfragments allow\n"), 0);
	assert_true(!passes(&whole) && !passes(&first) && passes(&later));
	assert_int_equal(load("fragments deny\nallow any from any to any\n"), 0);
	assert_true(passes(&whole) && !passes(&first) && !passes(&later) && !passes(&six));
	assert_int_equal(load("fragments rules\nallow any from any to any\n"), 0);
	assert_true(passes(&whole) && passes(&first) && passes(&later) && passes(&six));
}

static void mistakes_in_details_have_their_place_words_and_way_out(void **state)
{
	static const char letters[] = "like S/SA; letters once each of F S R P A U E W";

	(void)state;
	expect_error("allow udp type 8 from any to any", 1, 11, "only icmp and icmp6 have a 'type'",
		     "");
	expect_error("allow icmp type from any to any", 1, 17, "not an ICMP type 'from'",
		     "0 to 255");
	expect_error("allow icmp type 256 from any to any", 1, 17, "not an ICMP type '256'",
		     "0 to 255");
	expect_error("allow icmp type", 1, 16, "not an ICMP type", "0 to 255");
	expect_error("allow icmp type 3 code x from any to any", 1, 24, "not an ICMP code 'x'",
		     "0 to 255");
	expect_error("allow icmp code 3 from any to any", 1, 12, "expected 'from', found 'code'",
		     "ACTION PROTO from END to END");
	expect_error("allow udp flags S/SA from any to any", 1, 11, "only tcp has 'flags'", "");
	expect_error("allow tcp flags S from any to any", 1, 17, "not flags SET/OF 'S'", letters);
	expect_error("allow tcp flags S/ from any to any", 1, 17, "not flags SET/OF 'S/'", letters);
	expect_error("allow tcp flags S/SX from any to any", 1, 17, "not flags SET/OF 'S/SX'",
		     letters);
	expect_error("allow tcp flags SS/SA from any to any", 1, 17, "not flags SET/OF 'SS/SA'",
		     letters);
	expect_error("allow tcp flags", 1, 16, "not flags SET/OF", letters);
	expect_error("allow tcp flags SF/SA from any to any", 1, 17,
		     "flags wanted that are not looked at 'SF/SA'",
		     "name them behind the slash, too");
	expect_error("fragments alow", 1, 11, "fragments are allow, deny or rules, not 'alow'",
		     "did you mean 'allow'?");
	expect_error("fragments", 1, 10, "fragments are allow, deny or rules, not",
		     "fragments rules");
	expect_error("fragments deny now", 1, 16, "unexpected at the end of the rule 'now'", "");
	expect_error("fragments deny\nfragments deny", 2, 1,
		     "a second fragments line; the first is in line 1", "keep one");
	expect_error("fragment deny", 1, 1, "unknown action 'fragment'",
		     "did you mean 'fragments'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_denies_everything),
		cmocka_unit_test(every_form_of_a_rule_is_read),
		cmocka_unit_test(each_mistake_has_its_place_words_and_way_out),
		cmocka_unit_test(several_mistakes_are_told_at_once),
		cmocka_unit_test(rule_256_is_read_and_rule_257_refused_once),
		cmocka_unit_test(the_first_match_decides),
		cmocka_unit_test(the_default_decides_what_no_rule_does),
		cmocka_unit_test(a_count_rule_counts_and_goes_on),
		cmocka_unit_test(ports_match_from_first_to_last),
		cmocka_unit_test(addresses_match_by_prefix_and_family),
		cmocka_unit_test(a_tagged_packet_is_judged_by_what_it_carries),
		cmocka_unit_test(a_later_fragment_meets_only_rules_without_ports),
		cmocka_unit_test(arp_passes_by_its_own_rule_or_the_default_only),
		cmocka_unit_test(an_icmp_rule_may_ask_for_a_type_and_a_code),
		cmocka_unit_test(a_tcp_rule_may_ask_for_flags_of_those_it_names),
		cmocka_unit_test(fragments_meet_the_policy_of_their_line),
		cmocka_unit_test(mistakes_in_details_have_their_place_words_and_way_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
