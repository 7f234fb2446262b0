/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <string.h>

#include "common/bytes.h"
#include "common/craft.h"

uint8_t script_u8(struct script *script)
{
	return script->at < script->bytes ? script->data[script->at++] : 0;
}

uint16_t script_u16(struct script *script)
{
	uint32_t high = script_u8(script);

	return (uint16_t)(high << 8 | script_u8(script));
}

bool script_ended(const struct script *script)
{
	return script->at >= script->bytes;
}

uint32_t script_bytes(struct script *script, uint8_t *to)
{
	uint32_t length = script_u8(script);

	for (uint32_t i = 0; i < length; i++)
		to[i] = script_u8(script);
	return length;
}

/* Addresses that matter, then any host of the three links. */
static struct craft_addr addr4(struct script *script)
{
	static const uint32_t some[] = {
		0xc0000201, /* 192.0.2.1: ours on a */
		0xc6336401, /* 198.51.100.1: ours on b */
		0xcb007101, /* 203.0.113.1: ours on c */
		0xc0000209, /* 192.0.2.9: a's, known by the config */
		0xc633640a, /* 198.51.100.10: b's */
		0xc63364fe, /* 198.51.100.254: b's gateway */
		0xcb007102, /* 203.0.113.2: c's */
		0x0a010203, /* 10.1.2.3: behind the gateway */
		0x64400001, /* 100.64.0.1: behind a's neighbour */
		0xc63364ff, /* 198.51.100.255: all of b */
		0, /* nobody */
		0xe0000001, /* a group */
		0x7f000001, 0xa9fe0101, 0xffffffff, 0x08080808, /* no route to the last */
	};
	uint32_t n = script_u8(script);
	uint32_t addr = n < 16 ? some[n] : n < 128 ? 0xc0000200 + n : 0xc6336400 + n;

	return (struct craft_addr){ (uint64_t)addr << 32, 0 };
}

static struct craft_addr addr6(struct script *script)
{
	static const struct craft_addr some[] = {
		{ 0x20010db8000a0000, 1 }, /* ours on a and b */
		{ 0x20010db8000b0000, 1 },
		{ 0xfe80000000000000, 0x000000fffe000a01 },
		{ 0xfe80000000000000, 0x000000fffe000b01 },
		{ 0x20010db8000a0000, 9 },
		{ 0x20010db8000b0000, 0xfe }, /* b's gateway */
		{ 0xfe80000000000000, 0x14 },
		{ 0x20010db800010000, 5 }, /* behind the gateway */
		{ 0xff02000000000000, 1 },
		{ 0xff02000000000000, 0x00000001ff000001 }, /* who asks for ours */
		{ 0xff02000000000000, 0x00000001ff000a01 },
		{ 0, 0 },
		{ 0, 1 },
		{ 0x20010db8ffff0000, 1 }, /* no route */
		{ 0xff05000000000000, 2 },
		{ 0x20010db8000b0000, 0 },
	};
	uint32_t n = script_u8(script);

	if (n < 16)
		return some[n];
	return (struct craft_addr){ n < 128 ? 0x20010db8000a0000 : 0x20010db8000b0000, n };
}

static void mac(struct script *script, uint8_t *to)
{
	static const uint8_t some[8][6] = {
		{ 2, 0, 0, 0, 0x0a, 1 },
		{ 2, 0, 0, 0, 0x0b, 1 },
		{ 2, 0, 0, 0, 0x0c, 1 },
		{ 255, 255, 255, 255, 255, 255 },
		{ 0x33, 0x33, 0xff, 0, 0, 1 },
		{ 2, 0, 0, 0, 0x0a, 9 },
		{ 0 },
		{ 1, 0, 0x5e, 0, 0, 5 },
	};
	uint32_t n = script_u8(script);

	if (n < 8) {
		memcpy(to, some[n], 6);
		return;
	}
	memset(to, 0, 6);
	to[0] = 2;
	to[5] = (uint8_t)n;
}

static uint32_t arp(struct script *script, uint8_t *to)
{
	uint8_t *at = to + CRAFT_ETHERNET_BYTES;
	struct craft_addr src = addr4(script), dst = addr4(script);

	craft_store_be16(to + 12, CRAFT_TYPE_ARP);
	memset(at, 0, 28);
	craft_store_be16(at, 1);
	craft_store_be16(at + 2, CRAFT_TYPE_IP4);
	at[4] = 6;
	at[5] = 4;
	craft_store_be16(at + 6, 1u + (script_u8(script) & 1u));
	mac(script, at + 8);
	craft_store_be32(at + 14, (uint32_t)(src.hi >> 32));
	craft_store_be32(at + 24, (uint32_t)(dst.hi >> 32));
	return CRAFT_ETHERNET_BYTES + 28;
}

static uint32_t discovery(struct script *script, uint8_t *to)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES, *icmp = ip + CRAFT_IP6_BYTES;
	struct craft_addr src = addr6(script), dst = addr6(script), target = addr6(script);
	uint8_t flags = script_u8(script);
	uint32_t bytes = (flags & 4u) != 0 ? 24 : 32;

	craft_store_be16(to + 12, CRAFT_TYPE_IP6);
	craft_ip6_write(ip, bytes, CRAFT_PROTO_ICMP6, 255, &src, &dst);
	memset(icmp, 0, 32);
	icmp[0] = (flags & 1u) != 0 ? 136 : 135;
	icmp[4] = flags & 0xe0u;
	craft_store_be64(icmp + 8, target.hi);
	craft_store_be64(icmp + 16, target.lo);
	icmp[24] = (flags & 1u) != 0 ? 2 : 1;
	icmp[25] = 1;
	if (bytes == 32)
		mac(script, icmp + 26);
	craft_store_be16(icmp + 2, ~(uint32_t)craft_ip6_sum(ip, CRAFT_PROTO_ICMP6, icmp, bytes));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP6_BYTES + bytes;
}

/* Behind either header: a datagram, a ping, or a segment with nothing in it. */
static uint32_t upper(uint8_t *at, uint32_t proto, uint32_t bytes)
{
	memset(at, 0, bytes + 20);
	if (proto == CRAFT_PROTO_UDP) {
		craft_store_be16(at + 2, 53);
		craft_store_be16(at + 4, bytes + 8);
		return bytes + 8;
	}
	if (proto == CRAFT_PROTO_TCP) {
		at[12] = 0x50;
		return bytes + 20;
	}
	at[0] = proto == CRAFT_PROTO_ICMP ? 8 : 128;
	return bytes + 8;
}

static uint32_t packet4(struct script *script, uint8_t *to)
{
	static const uint8_t protos[4] = { CRAFT_PROTO_UDP, CRAFT_PROTO_ICMP, CRAFT_PROTO_TCP,
					   253 };
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES, *at = ip + CRAFT_IP4_BYTES;
	struct craft_addr src = addr4(script), dst = addr4(script);
	uint8_t how = script_u8(script);
	uint32_t proto = protos[how & 3u];
	/* Up to what Ethernet carries. */
	uint32_t bytes = upper(at, proto, (uint32_t)script_u8(script) * 5u);

	craft_store_be16(to + 12, CRAFT_TYPE_IP4);
	craft_ip4_write(ip, CRAFT_IP4_BYTES + bytes, 0, (how & 4u) != 0 ? 7 : 0, proto, &src, &dst);
	if (proto == CRAFT_PROTO_ICMP)
		craft_store_be16(at + 2, ~(uint32_t)craft_fold(craft_sum(at, bytes, 0)));
	if ((how & 8u) != 0)
		ip[8] = script_u8(script);
	if ((how & 16u) != 0)
		craft_store_be16(ip + 6, script_u16(script) & 0x3fffu);
	craft_store_be16(ip + 10, 0);
	craft_store_be16(ip + 10, ~(uint32_t)craft_fold(craft_sum(ip, CRAFT_IP4_BYTES, 0)));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP4_BYTES + bytes;
}

static uint32_t packet6(struct script *script, uint8_t *to)
{
	static const uint8_t protos[4] = { CRAFT_PROTO_UDP, CRAFT_PROTO_ICMP6, CRAFT_PROTO_TCP,
					   253 };
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES, *at = ip + CRAFT_IP6_BYTES;
	struct craft_addr src = addr6(script), dst = addr6(script);
	uint8_t how = script_u8(script);
	uint32_t proto = protos[how & 3u];
	uint32_t bytes = upper(at, proto, (uint32_t)script_u8(script) * 5u);

	craft_store_be16(to + 12, CRAFT_TYPE_IP6);
	craft_ip6_write(ip, bytes, proto, (how & 8u) != 0 ? script_u8(script) : 64, &src, &dst);
	if (proto == CRAFT_PROTO_ICMP6)
		craft_store_be16(at + 2, ~(uint32_t)craft_ip6_sum(ip, proto, at, bytes));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP6_BYTES + bytes;
}

uint32_t script_frame(struct script *script, uint8_t *to)
{
	uint8_t kind = script_u8(script);
	uint32_t length, spoils;

	mac(script, to);
	mac(script, to + CRAFT_MAC_BYTES);
	switch (kind & 3u) {
	case 0:
		length = arp(script, to);
		break;
	case 1:
		length = discovery(script, to);
		break;
	case 2:
		length = packet4(script, to);
		break;
	default:
		length = packet6(script, to);
		break;
	}
	spoils = kind >> 2 & 3u;
	for (uint32_t i = 0; i < spoils; i++) {
		uint32_t at = script_u16(script) % length;

		to[at] ^= script_u8(script);
	}
	if ((kind & 16u) != 0)
		length = script_u16(script) % (length + 1);
	return length;
}
