/* SPDX-License-Identifier: Apache-2.0 */
#include "cut.h"

#include <stdint.h>

#include "../common/bytes.h"
#include "../common/craft.h"
#include "../common/mem.h"

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_BITS 0x1fffu
#define OPTION_COPIED 0x80u
#define OPTION_END 0u
#define OPTION_NOTHING 1u

uint32_t rt_cut_bytes(const struct craft_packet *packet, uint32_t mtu, uint32_t frame_bytes)
{
	uint32_t header_bytes = packet->l4 - packet->l3;
	uint32_t bytes;

	if (frame_bytes < packet->l4)
		return 0;
	bytes = frame_bytes - packet->l4;
	if (bytes > mtu - header_bytes)
		bytes = mtu - header_bytes;
	return bytes & ~7u;
}

/* Only some options go with every piece; the others' bytes do nothing: RFC 791, 3.1. */
static void null_options(uint8_t *ip, uint32_t header_bytes)
{
	uint32_t at = CRAFT_IP4_BYTES;

	while (at < header_bytes && ip[at] != OPTION_END) {
		uint32_t bytes = 1;

		if (ip[at] != OPTION_NOTHING) {
			bytes = at + 1 < header_bytes ? ip[at + 1] : 0;
			if (bytes < 2 || bytes > header_bytes - at)
				return;
			if ((ip[at] & OPTION_COPIED) == 0)
				memset(ip + at, OPTION_NOTHING, bytes);
		}
		at += bytes;
	}
}

uint32_t rt_cut(void *to, const void *frame, const struct craft_packet *packet, uint32_t at,
		uint32_t bytes)
{
	const uint8_t *from = frame;
	uint8_t *ip = (uint8_t *)to + packet->l3;
	uint32_t header_bytes = packet->l4 - packet->l3;
	uint32_t left = packet->l3_end - packet->l4 - at;
	uint32_t fragment;

	memcpy(to, from, packet->l4);
	fragment = craft_load_be16(ip + 6);
	fragment = (fragment & MORE_FRAGMENTS) | ((fragment + at / 8) & OFFSET_BITS);
	if (bytes < left)
		fragment |= MORE_FRAGMENTS;
	else
		bytes = left;
	memcpy(ip + header_bytes, from + packet->l4 + at, bytes);
	/* The header's length, too, is what was judged: it decides what the sum is over. */
	craft_store_u8(ip, 0x40u | header_bytes / 4);
	craft_store_be16(ip + 2, header_bytes + bytes);
	craft_store_be16(ip + 6, fragment);
	craft_store_u8(ip + 8, packet->ttl - 1u);
	if (at != 0)
		null_options(ip, header_bytes);
	craft_store_be16(ip + 10, 0);
	craft_store_be16(ip + 10, (uint16_t)~craft_fold(craft_sum(ip, header_bytes, 0)));
	return packet->l4 + bytes;
}
