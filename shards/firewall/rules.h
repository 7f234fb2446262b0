/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h: an ordered list of rules, from its text to a verdict.
 *
 *      allow|deny|count PROTO from END to END      END: ADDR[/LEN][:PORT[-PORT]]
 *      allow|deny|count arp                        ADDR: any, IPv4, IPv6 ([IPv6] before a port)
 *      default allow|deny                          PROTO: any udp 0..255, tcp [flags SET/OF],
 *      fragments allow|deny|rules                         icmp|icmp6 [type N [code N]]
 *
 *                  +--------+   +--------+   +--------+   +---------+
 *      packet ---> | rule 0 |-->| rule 1 |-->| rule 2 |-->| default |     first match decides;
 *                  +--------+   +--------+   +--------+   +---------+     count goes on
 *
 * A rule is compared, not interpreted: addresses as masked 128-bit numbers, ports as ranges
 * that hold everything where none was given. Ports need a protocol that has them; a later
 * fragment has no ports and meets only rules without. What cannot be parsed matches nothing,
 * not even the default: it is malformed.
 *
 * When not to use it: for state. It sees one packet at a time.
 */
#ifndef SHARDS_FIREWALL_RULES_H
#define SHARDS_FIREWALL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/packet.h"
#include "../common/text.h"

#define FW_RULES_MAX 256u
#define FW_PROTO_ANY 0x100u /* beyond any protocol number */
#define FW_RULE_NONE UINT32_MAX
#define FW_RULE_FRAGMENTS (UINT32_MAX - 1) /* the line of that name decided */
#define FW_ICMP_ANY 0x100u

enum fw_action { FW_DENY, FW_ALLOW, FW_COUNT };
enum fw_kind { FW_KIND_IP, FW_KIND_ARP };

/*
 * What becomes of parts of packets. RULES: the first one is judged as a whole packet would be, a
 * later one by rules that ask for nothing it lacks. ALLOW: later ones pass, since without their
 * first they are worth nothing. DENY: no part passes, not even the first.
 */
enum fw_fragments { FW_FRAGMENTS_RULES, FW_FRAGMENTS_ALLOW, FW_FRAGMENTS_DENY };

/** struct fw_end - one side of a rule; zeroed with port_last 65535 it matches everything */
struct fw_end {
	struct craft_addr addr;
	struct craft_addr mask;
	uint16_t port_first;
	uint16_t port_last;
};

struct fw_rule {
	struct fw_end src;
	struct fw_end dst;
	uint16_t proto; /* 0..255 or FW_PROTO_ANY */
	uint16_t icmp_type; /* 0..255 or FW_ICMP_ANY, as is the code */
	uint16_t icmp_code;
	uint8_t flags; /* of TCP: these of ... */
	uint8_t flags_of; /* ... these are set; 0: any */
	uint8_t action;
	uint8_t kind;
	uint8_t family; /* 4, 6, or 0 for both */
	bool ports; /* a port was named: packets without ports do not match */
};

/** struct fw_rules - zeroed memory is a sound list: empty, and everything is denied */
struct fw_rules {
	uint32_t count;
	uint8_t default_action;
	uint8_t fragments;
	struct fw_rule rule[FW_RULES_MAX];
};

/**
 * fw_rules_parse() - read a rules file
 * @bytes: hostile; may be NULL when @byte_count is 0
 * @ret: as it was unless everything was right
 * @ret_errors: zeroed by the caller; every error of the file, the first with words
 *
 * Return: 0, or -1 with at least one error.
 */
int fw_rules_parse(struct fw_rules *ret, const void *bytes, size_t byte_count,
		   struct craft_errors *ret_errors);

/**
 * fw_rules_next() - the next rule's line in a file that was read without error
 * @text: from craft_text_init() on; the rules come in the order of their indexes
 * Return: false at the end.
 */
bool fw_rules_next(struct craft_text *text, struct craft_line *ret);

/** fw_rule_matches() - one rule, one packet that was parsed without fault */
bool fw_rule_matches(const struct fw_rule *rule, const struct craft_packet *packet);

/** struct fw_verdict - what decided; @rule is FW_RULE_NONE for the default, or _FRAGMENTS */
struct fw_verdict {
	uint32_t rule;
	bool allowed;
};

/**
 * fw_rules_judge() - walk the list
 * @ret_counted: indexes of the count rules met, in order; room for FW_RULES_MAX
 * @ret_counted_count: how many
 */
struct fw_verdict fw_rules_judge(const struct fw_rules *rules, const struct craft_packet *packet,
				 uint16_t *ret_counted, uint32_t *ret_counted_count);

#endif
