/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdint.h>

#include "../common/bytes.h"
#include "icmp.h"

/* RFC 791, 3.1. */
#define OPTION4_END 0u
#define OPTION4_NOTHING 1u
#define OPTION4_LOOSE_ROUTE 131u
#define OPTION4_STRICT_ROUTE 137u

/* RFC 8200, 4.2; RFC 2711. */
#define OPTION6_PAD1 0u
#define OPTION6_PADN 1u
#define OPTION6_ROUTER_ALERT 5u
#define OPTION6_ACTION(type) ((type) >> 6)
enum { ACTION_SKIP, ACTION_DISCARD, ACTION_TELL, ACTION_TELL_UNLESS_GROUP };

static enum rt_reason problem(struct rt_error *ret, uint32_t type, uint32_t code, uint32_t at)
{
	ret->type = (uint8_t)type;
	ret->code = (uint8_t)code;
	ret->value = at;
	return RT_BAD_OPTION;
}

enum rt_reason rt_options4(const void *ip, uint32_t header_bytes, struct rt_error *ret_error)
{
	const uint8_t *b = ip;
	uint32_t at = CRAFT_IP4_BYTES;

	while (at < header_bytes) {
		uint32_t type = craft_load_u8(b + at);
		uint32_t bytes;

		if (type == OPTION4_END)
			break;
		if (type == OPTION4_NOTHING) {
			at++;
			continue;
		}
		/* A length that is missing, too small, or leads out: RFC 1812, 5.3.13.2 (1). */
		if (header_bytes - at < 2)
			return problem(ret_error, RT_ICMP4_PROBLEM, 0, at);
		bytes = craft_load_u8(b + at + 1);
		if (bytes < 2 || bytes > header_bytes - at)
			return problem(ret_error, RT_ICMP4_PROBLEM, 0, at + 1);
		if (type == OPTION4_LOOSE_ROUTE || type == OPTION4_STRICT_ROUTE) {
			problem(ret_error, RT_ICMP4_UNREACHABLE, RT_ICMP4_SOURCE_ROUTE, 0);
			return RT_SOURCE_ROUTED;
		}
		at += bytes;
	}
	return RT_FORWARD;
}

enum rt_reason rt_options6(const void *ip, uint32_t ip_bytes, struct rt_error *ret_error)
{
	const uint8_t *b = ip;
	uint32_t at = CRAFT_IP6_BYTES + 2u;
	uint32_t end;

	if (ip_bytes < CRAFT_IP6_BYTES + 8u)
		return RT_MALFORMED;
	end = CRAFT_IP6_BYTES + (craft_load_u8(b + CRAFT_IP6_BYTES + 1) + 1u) * 8u;
	if (end > ip_bytes)
		return RT_MALFORMED;
	while (at < end) {
		uint32_t type = craft_load_u8(b + at);
		uint32_t bytes;

		if (type == OPTION6_PAD1) {
			at++;
			continue;
		}
		if (end - at < 2)
			return problem(ret_error, RT_ICMP6_PROBLEM, RT_ICMP6_BAD_FIELD, at);
		bytes = craft_load_u8(b + at + 1) + 2u;
		if (bytes > end - at)
			return problem(ret_error, RT_ICMP6_PROBLEM, RT_ICMP6_BAD_FIELD, at + 1);
		if (type != OPTION6_PADN && type != OPTION6_ROUTER_ALERT) {
			switch (OPTION6_ACTION(type)) {
			case ACTION_SKIP:
				break;
			case ACTION_DISCARD:
				return RT_BAD_OPTION;
			case ACTION_TELL:
			case ACTION_TELL_UNLESS_GROUP:
			default:
				/* The same to us: packets for a group end before their options. */
				return problem(ret_error, RT_ICMP6_PROBLEM, RT_ICMP6_BAD_OPTION,
					       at);
			}
		}
		at += bytes;
	}
	return RT_FORWARD;
}
