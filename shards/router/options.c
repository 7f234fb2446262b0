/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdint.h>

#include "../common/bytes.h"
#include "icmp.h"

/* RFC 791, 3.1. */
#define OPTION4_END 0u
#define OPTION4_NOTHING 1u
#define OPTION4_RECORD_ROUTE 7u
#define OPTION4_TIMESTAMP 68u
#define OPTION4_LOOSE_ROUTE 131u
#define OPTION4_STRICT_ROUTE 137u

/* Offsets in an option; pointers in it count bytes from 1. */
#define POINTER 2u
#define FLAGS 3u
#define ROUTE_FIRST 4u
#define STAMP_FIRST 5u
#define OVERFLOWS_MAX 15u
#define ENTRY_BYTES 4u
enum { STAMPS_ALONE, STAMPS_WITH_ADDRESSES, STAMPS_BY_NAME = 3 };
#define STAMP_IS_OURS 0x80000000u /* of no clock that others know: RFC 791, 3.1 */

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

/*
 * A list is full where its pointer lies behind it, and goes on as it is; one with room for a part
 * of an entry, or a pointer into its own head, is in error: RFC 791, 3.1. Return: the offset in
 * the option of what is wrong, 0 where nothing is.
 */
static uint32_t route_fault(const uint8_t *option, uint32_t bytes)
{
	uint32_t at = bytes > POINTER ? craft_load_u8(option + POINTER) : 0;

	if (at < ROUTE_FIRST)
		return bytes > POINTER ? POINTER : 1;
	return at <= bytes && at + ENTRY_BYTES - 1 > bytes ? POINTER : 0;
}

static uint32_t stamp_fault(const uint8_t *option, uint32_t bytes)
{
	uint32_t at = bytes > FLAGS ? craft_load_u8(option + POINTER) : 0;
	uint32_t flags = bytes > FLAGS ? craft_load_u8(option + FLAGS) : 0;

	if (at < STAMP_FIRST)
		return bytes > FLAGS ? POINTER : 1;
	if (at > bytes)
		return flags >> 4 == OVERFLOWS_MAX && (flags & 15u) != STAMPS_BY_NAME ? FLAGS : 0;
	return at + ((flags & 15u) == STAMPS_ALONE ? 1u : 2u) * ENTRY_BYTES - 1 > bytes ? POINTER
											: 0;
}

static void mark_route(uint8_t *option, uint32_t bytes, uint32_t own)
{
	uint32_t at = option[POINTER];

	if (route_fault(option, bytes) != 0 || at > bytes)
		return;
	craft_store_be32(option + at - 1, own);
	option[POINTER] = (uint8_t)(at + ENTRY_BYTES);
}

static void mark_stamp(uint8_t *option, uint32_t bytes, uint32_t own, uint32_t stamp)
{
	uint32_t at, kind;

	if (stamp_fault(option, bytes) != 0)
		return;
	at = option[POINTER];
	kind = option[FLAGS] & 15u;
	if (at > bytes) {
		/* One more that found no room. */
		if (kind != STAMPS_BY_NAME)
			option[FLAGS] = (uint8_t)(option[FLAGS] + 16u);
		return;
	}
	if (kind == STAMPS_BY_NAME && craft_load_be32(option + at - 1) != own)
		return;
	if (kind == STAMPS_WITH_ADDRESSES)
		craft_store_be32(option + at - 1, own);
	if (kind != STAMPS_ALONE)
		at += ENTRY_BYTES;
	craft_store_be32(option + at - 1, stamp | STAMP_IS_OURS);
	option[POINTER] = (uint8_t)(at + ENTRY_BYTES);
}

void rt_options4_mark(void *ip, uint32_t header_bytes, uint32_t own, uint32_t stamp)
{
	uint8_t *b = ip;
	uint32_t at = CRAFT_IP4_BYTES;

	while (at < header_bytes && b[at] != OPTION4_END) {
		uint32_t bytes = 1;

		if (b[at] != OPTION4_NOTHING) {
			bytes = at + 1 < header_bytes ? b[at + 1] : 0;
			if (bytes < 2 || bytes > header_bytes - at)
				return;
			if (b[at] == OPTION4_RECORD_ROUTE)
				mark_route(b + at, bytes, own);
			else if (b[at] == OPTION4_TIMESTAMP)
				mark_stamp(b + at, bytes, own, stamp);
		}
		at += bytes;
	}
}

enum rt_reason rt_options4(const void *ip, uint32_t header_bytes, struct rt_error *ret_error)
{
	const uint8_t *b = ip;
	uint32_t at = CRAFT_IP4_BYTES;

	while (at < header_bytes) {
		uint32_t type = craft_load_u8(b + at);
		uint32_t bytes, fault;

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
		fault = 0;
		if (type == OPTION4_RECORD_ROUTE)
			fault = route_fault(b + at, bytes);
		else if (type == OPTION4_TIMESTAMP)
			fault = stamp_fault(b + at, bytes);
		if (fault != 0)
			return problem(ret_error, RT_ICMP4_PROBLEM, 0, at + fault);
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
