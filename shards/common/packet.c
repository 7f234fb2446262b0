/* SPDX-License-Identifier: Apache-2.0 */
#include "packet.h"

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* Next headers that are not yet the upper layer: RFC 8200 section 4, RFC 4302. */
#define NEXT_HOP_BY_HOP 0u
#define NEXT_ROUTING 43u
#define NEXT_FRAGMENT 44u
#define NEXT_AUTHENTICATION 51u
#define NEXT_DESTINATION 60u

#define IP_PACKET_BYTES_MAX 65535u
#define ICMP_BYTES_MIN 8u /* RFC 792 */
#define ICMP6_BYTES_MIN 4u /* RFC 4443, 2.1 */

static enum craft_fault ip4_header(const uint8_t *bytes, uint32_t length, struct craft_packet *p)
{
	const uint8_t *ip = bytes + p->l3;
	uint32_t first, header_bytes, total_bytes, fragment, fragment_at;

	if (length - p->l3 < CRAFT_IP4_BYTES)
		return CRAFT_FAULT_IP4_SHORT;
	first = craft_load_u8(ip);
	if (first >> 4 != 4)
		return CRAFT_FAULT_IP4_VERSION;
	header_bytes = (first & 15u) * 4u;
	if (header_bytes < CRAFT_IP4_BYTES || header_bytes > length - p->l3)
		return CRAFT_FAULT_IP4_HEADER_BYTES;
	total_bytes = craft_load_be16(ip + 2);
	if (total_bytes < header_bytes || total_bytes > length - p->l3)
		return CRAFT_FAULT_IP4_TOTAL_BYTES;

	fragment = craft_load_be16(ip + 6);
	fragment_at = (fragment & 0x1fffu) * 8u;
	/* A packet put together from its parts must not outgrow 16 bits of length. */
	if (fragment_at + total_bytes > IP_PACKET_BYTES_MAX)
		return CRAFT_FAULT_IP4_FRAGMENT_END;

	p->family = 4;
	p->l4 = p->l3 + header_bytes;
	p->l3_end = p->l3 + total_bytes;
	p->fragment = (fragment & 0x3fffu) != 0; /* more to come, or not at the start */
	p->fragment_later = fragment_at != 0;
	p->ttl = craft_load_u8(ip + 8);
	p->proto = craft_load_u8(ip + 9);
	p->src.hi = (uint64_t)craft_load_be32(ip + 12) << 32;
	p->dst.hi = (uint64_t)craft_load_be32(ip + 16) << 32;
	return CRAFT_FAULT_NONE;
}

static enum craft_fault ip6_header(const uint8_t *bytes, uint32_t length, struct craft_packet *p)
{
	const uint8_t *ip = bytes + p->l3;
	uint32_t payload_bytes;

	if (length - p->l3 < CRAFT_IP6_BYTES)
		return CRAFT_FAULT_IP6_SHORT;
	if (craft_load_u8(ip) >> 4 != 6)
		return CRAFT_FAULT_IP6_VERSION;
	payload_bytes = craft_load_be16(ip + 4);
	if (payload_bytes > length - p->l3 - CRAFT_IP6_BYTES)
		return CRAFT_FAULT_IP6_PAYLOAD_BYTES;

	p->family = 6;
	p->l4 = p->l3 + CRAFT_IP6_BYTES;
	p->l3_end = p->l4 + payload_bytes;
	p->proto = craft_load_u8(ip + 6);
	p->ttl = craft_load_u8(ip + 7);
	p->src.hi = craft_load_be64(ip + 8);
	p->src.lo = craft_load_be64(ip + 16);
	p->dst.hi = craft_load_be64(ip + 24);
	p->dst.lo = craft_load_be64(ip + 32);
	return CRAFT_FAULT_NONE;
}

enum craft_fault craft_packet_ip(const void *bytes, uint32_t length, struct craft_packet *ret)
{
	const uint8_t *b = bytes;

	memset(ret, 0, sizeof(*ret));
	if (length < CRAFT_ETHERNET_BYTES)
		return CRAFT_FAULT_ETHERNET_SHORT;
	ret->type = craft_load_be16(b + 12);
	ret->l3 = CRAFT_ETHERNET_BYTES;
	if (ret->type == CRAFT_TYPE_VLAN) {
		if (length < CRAFT_ETHERNET_BYTES + CRAFT_VLAN_BYTES)
			return CRAFT_FAULT_VLAN_SHORT;
		ret->tagged = true;
		ret->vlan = craft_load_be16(b + 14) & 0x0fffu;
		ret->type = craft_load_be16(b + 16);
		ret->l3 += CRAFT_VLAN_BYTES;
	}
	ret->l4 = ret->l3;
	ret->l3_end = length;
	if (ret->type == CRAFT_TYPE_IP4)
		return ip4_header(b, length, ret);
	if (ret->type == CRAFT_TYPE_IP6)
		return ip6_header(b, length, ret);
	return CRAFT_FAULT_NONE;
}

/* The fragment header at p->l4, of which 8 bytes are there: RFC 8200, 4.5. */
static enum craft_fault ip6_fragment(const uint8_t *at, struct craft_packet *p)
{
	uint32_t word = craft_load_be16(at + 2);
	uint32_t fragment_at = word & 0xfff8u;

	if (fragment_at + (p->l3_end - p->l4 - 8u) > IP_PACKET_BYTES_MAX)
		return CRAFT_FAULT_IP6_FRAGMENT_END;
	/* Offset 0 and nothing to follow is a whole packet in a fragment's coat: RFC 6946. */
	p->fragment = (word & 0xfff9u) != 0;
	p->fragment_later = fragment_at != 0;
	return CRAFT_FAULT_NONE;
}

/* Walks from p->l4 to the upper layer, at most CRAFT_IP6_EXTENSIONS_MAX headers. */
static enum craft_fault ip6_extensions(const uint8_t *bytes, struct craft_packet *p)
{
	bool fragment_seen = false;

	for (uint32_t n = 0;; n++) {
		const uint8_t *at = bytes + p->l4;
		uint32_t header_bytes;
		uint8_t this_header = p->proto;
		enum craft_fault fault;

		if (this_header != NEXT_HOP_BY_HOP && this_header != NEXT_ROUTING &&
		    this_header != NEXT_FRAGMENT && this_header != NEXT_AUTHENTICATION &&
		    this_header != NEXT_DESTINATION)
			return CRAFT_FAULT_NONE;
		if (n == CRAFT_IP6_EXTENSIONS_MAX)
			return CRAFT_FAULT_IP6_EXTENSIONS_MANY;
		if (this_header == NEXT_HOP_BY_HOP && n != 0)
			return CRAFT_FAULT_IP6_HOP_BY_HOP_LATE;
		if (p->l3_end - p->l4 < 8)
			return CRAFT_FAULT_IP6_EXTENSION_SHORT;

		p->proto = craft_load_u8(at);
		if (this_header == NEXT_FRAGMENT) {
			if (fragment_seen)
				return CRAFT_FAULT_IP6_FRAGMENT_TWICE;
			fragment_seen = true;
			fault = ip6_fragment(at, p);
			if (fault != CRAFT_FAULT_NONE)
				return fault;
			header_bytes = 8;
		} else if (this_header == NEXT_AUTHENTICATION) {
			/* Counted in words of 4, less 2: RFC 4302, 2.2. */
			header_bytes = (craft_load_u8(at + 1) + 2u) * 4u;
		} else {
			header_bytes = (craft_load_u8(at + 1) + 1u) * 8u;
		}
		if (header_bytes > p->l3_end - p->l4)
			return CRAFT_FAULT_IP6_EXTENSION_SHORT;
		p->l4 += header_bytes;
		/* What follows a later fragment's header is data, whatever it looks like. */
		if (p->fragment_later)
			return CRAFT_FAULT_NONE;
	}
}

static enum craft_fault tcp_header(const uint8_t *at, uint32_t left, struct craft_packet *p)
{
	uint32_t header_bytes;

	if (left < CRAFT_TCP_BYTES)
		return CRAFT_FAULT_TCP_SHORT;
	header_bytes = (uint32_t)(craft_load_u8(at + 12) >> 4) * 4u;
	/* Options may be cut off by fragmentation; the part we judge may not. */
	if (header_bytes < CRAFT_TCP_BYTES || (!p->fragment && header_bytes > left))
		return CRAFT_FAULT_TCP_HEADER_BYTES;
	p->src_port = craft_load_be16(at);
	p->dst_port = craft_load_be16(at + 2);
	p->tcp_flags = craft_load_u8(at + 13);
	p->has_ports = true;
	return CRAFT_FAULT_NONE;
}

static enum craft_fault icmp_header(const uint8_t *at, uint32_t left, uint32_t bytes_min,
				    struct craft_packet *p)
{
	if (left < bytes_min)
		return CRAFT_FAULT_ICMP_SHORT;
	p->icmp_type = craft_load_u8(at);
	p->icmp_code = craft_load_u8(at + 1);
	p->has_icmp = true;
	return CRAFT_FAULT_NONE;
}

static enum craft_fault udp_header(const uint8_t *at, uint32_t left, struct craft_packet *p)
{
	uint32_t datagram_bytes;

	if (left < CRAFT_UDP_BYTES)
		return CRAFT_FAULT_UDP_SHORT;
	datagram_bytes = craft_load_be16(at + 4);
	if (datagram_bytes < CRAFT_UDP_BYTES || (!p->fragment && datagram_bytes > left))
		return CRAFT_FAULT_UDP_BYTES;
	p->src_port = craft_load_be16(at);
	p->dst_port = craft_load_be16(at + 2);
	p->has_ports = true;
	return CRAFT_FAULT_NONE;
}

enum craft_fault craft_packet_transport(const void *bytes, uint32_t length,
					struct craft_packet *ret)
{
	const uint8_t *b = bytes;
	enum craft_fault fault = craft_packet_ip(bytes, length, ret);
	uint32_t left;

	if (fault != CRAFT_FAULT_NONE || ret->family == 0)
		return fault;
	if (ret->family == 6) {
		fault = ip6_extensions(b, ret);
		if (fault != CRAFT_FAULT_NONE)
			return fault;
	}
	if (ret->fragment_later)
		return CRAFT_FAULT_NONE;

	left = ret->l3_end - ret->l4;
	switch (ret->proto) {
	case CRAFT_PROTO_TCP:
		return tcp_header(b + ret->l4, left, ret);
	case CRAFT_PROTO_UDP:
		return udp_header(b + ret->l4, left, ret);
	case CRAFT_PROTO_ICMP:
		return icmp_header(b + ret->l4, left, ICMP_BYTES_MIN, ret);
	case CRAFT_PROTO_ICMP6:
		return icmp_header(b + ret->l4, left, ICMP6_BYTES_MIN, ret);
	default:
		return CRAFT_FAULT_NONE;
	}
}
