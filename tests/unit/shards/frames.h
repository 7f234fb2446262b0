/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.h: sound packets of every kind the parsers know, to be spoilt one byte at a time.
 * Written apart from shards/common/craft.c on purpose: what checks must not be what made.
 */
#ifndef TESTS_UNIT_SHARDS_FRAMES_H
#define TESTS_UNIT_SHARDS_FRAMES_H

#include <stdint.h>
#include <string.h>

struct frame {
	uint32_t length;
	uint32_t l3;
	uint8_t bytes[1600];
};

static inline void frame_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The IPv4 header's checksum, word by word as RFC 791 tells it. */
static inline void frame_ip4_seal(struct frame *f)
{
	uint8_t *ip = f->bytes + f->l3;
	uint32_t bytes = (ip[0] & 15u) * 4u;
	uint32_t sum = 0;

	frame_be16(ip + 10, 0);
	for (uint32_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	frame_be16(ip + 10, ~sum);
}

static inline void frame_link(struct frame *f, uint32_t type, uint32_t vlan)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 0x10, 2, 0, 0, 0, 1, 1 };

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes, macs, 12);
	f->l3 = 14;
	if (vlan != 0) {
		frame_be16(f->bytes + 12, 0x8100);
		frame_be16(f->bytes + 14, vlan);
		f->l3 = 18;
	}
	frame_be16(f->bytes + f->l3 - 2, type);
}

/* 10.1.2.3 -> 198.51.100.7, TTL 64, @payload_bytes of zeroes behind 20 bytes of header. */
static inline struct frame frame_ip4(uint32_t proto, uint32_t payload_bytes, uint32_t vlan)
{
	static const uint8_t addrs[8] = { 10, 1, 2, 3, 198, 51, 100, 7 };
	struct frame f;
	uint8_t *ip;

	frame_link(&f, 0x0800, vlan);
	ip = f.bytes + f.l3;
	ip[0] = 0x45;
	frame_be16(ip + 2, 20 + payload_bytes);
	ip[8] = 64;
	ip[9] = (uint8_t)proto;
	memcpy(ip + 12, addrs, 8);
	frame_ip4_seal(&f);
	f.length = f.l3 + 20 + payload_bytes;
	return f;
}

/* 2001:db8:1::5 -> 2001:db8:2::7, hop limit 64. */
static inline struct frame frame_ip6(uint32_t next, uint32_t payload_bytes, uint32_t vlan)
{
	static const uint8_t addrs[32] = {
		0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5,
		0x20, 1, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7
	};
	struct frame f;
	uint8_t *ip;

	frame_link(&f, 0x86dd, vlan);
	ip = f.bytes + f.l3;
	ip[0] = 0x60;
	frame_be16(ip + 4, payload_bytes);
	ip[6] = (uint8_t)next;
	ip[7] = 64;
	memcpy(ip + 8, addrs, 32);
	f.length = f.l3 + 40 + payload_bytes;
	return f;
}

/* Ports and lengths of a TCP or UDP header at @at. */
static inline void frame_ports(uint8_t *at, uint32_t proto, uint32_t src, uint32_t dst,
			       uint32_t bytes)
{
	frame_be16(at, src);
	frame_be16(at + 2, dst);
	if (proto == 6)
		at[12] = 0x50;
	else
		frame_be16(at + 4, bytes);
}

static inline struct frame frame_l4(uint32_t family, uint32_t proto, uint32_t src, uint32_t dst,
				    uint32_t vlan)
{
	uint32_t bytes = proto == 6 ? 20 : 12;
	struct frame f =
		family == 4 ? frame_ip4(proto, bytes, vlan) : frame_ip6(proto, bytes, vlan);

	frame_ports(f.bytes + f.l3 + (family == 4 ? 20 : 40), proto, src, dst, bytes);
	return f;
}

#endif
