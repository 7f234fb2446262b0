/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h: what a frame says, bounds checked, read once.
 *
 *      bytes  +----------+-------+--------------------+------------------+---------+-----+
 *             | Ethernet | 802.1Q| IPv4 | IPv6        | extension headers| TCP ... | pad |
 *             +----------+-------+--------------------+------------------+---------+-----+
 *             0          12..14  l3                                      l4        l3_end
 *
 *             |<- craft_packet_ip(): what a router needs ->|
 *             |<- craft_packet_transport(): and what a filter needs --------->|
 *
 * Every way a frame can be wrong has a number of its own, so that a test can name each branch
 * and a counter may later. Nothing here keeps a pointer: the result is a snapshot in private
 * memory, and the frame may change as soon as it was taken.
 *
 * When not to use it: for payloads; and a verdict on borrowed bytes binds nobody (DESIGN
 * section 4, rule 10).
 */
#ifndef SHARDS_COMMON_PACKET_H
#define SHARDS_COMMON_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#define CRAFT_ETHERNET_BYTES 14u
#define CRAFT_VLAN_BYTES 4u
#define CRAFT_MAC_BYTES 6u
#define CRAFT_IP4_BYTES 20u /* without options: RFC 791, 3.1 */
#define CRAFT_IP6_BYTES 40u /* the fixed header: RFC 8200, section 3 */
#define CRAFT_UDP_BYTES 8u
#define CRAFT_TCP_BYTES 20u
#define CRAFT_IP6_EXTENSIONS_MAX 8u /* a longer chain is an attack, not a packet */

#define CRAFT_TYPE_IP4 0x0800u
#define CRAFT_TYPE_ARP 0x0806u
#define CRAFT_TYPE_VLAN 0x8100u
#define CRAFT_TYPE_IP6 0x86ddu

#define CRAFT_PROTO_ICMP 1u
#define CRAFT_PROTO_TCP 6u
#define CRAFT_PROTO_UDP 17u
#define CRAFT_PROTO_ICMP6 58u

/** enum craft_fault - why a frame is malformed; private, never in shared memory */
enum craft_fault {
	CRAFT_FAULT_NONE,
	CRAFT_FAULT_ETHERNET_SHORT,
	CRAFT_FAULT_VLAN_SHORT,
	CRAFT_FAULT_IP4_SHORT,
	CRAFT_FAULT_IP4_VERSION,
	CRAFT_FAULT_IP4_HEADER_BYTES,
	CRAFT_FAULT_IP4_TOTAL_BYTES,
	CRAFT_FAULT_IP4_FRAGMENT_END,
	CRAFT_FAULT_IP6_SHORT,
	CRAFT_FAULT_IP6_VERSION,
	CRAFT_FAULT_IP6_PAYLOAD_BYTES,
	CRAFT_FAULT_IP6_HOP_BY_HOP_LATE,
	CRAFT_FAULT_IP6_EXTENSION_SHORT,
	CRAFT_FAULT_IP6_EXTENSIONS_MANY,
	CRAFT_FAULT_IP6_FRAGMENT_TWICE,
	CRAFT_FAULT_IP6_FRAGMENT_END,
	CRAFT_FAULT_TCP_SHORT,
	CRAFT_FAULT_TCP_HEADER_BYTES,
	CRAFT_FAULT_UDP_SHORT,
	CRAFT_FAULT_UDP_BYTES,
	CRAFT_FAULT_ICMP_SHORT,
};

/**
 * struct craft_addr - an address as a number, first bit of the address uppermost
 *
 * IPv4 lies in the upper half of @hi with zeroes behind, so that prefixes of both families
 * are compared and masked by the same two operations.
 */
struct craft_addr {
	uint64_t hi;
	uint64_t lo;
};

/** struct craft_packet - the snapshot */
struct craft_packet {
	struct craft_addr src;
	struct craft_addr dst;
	uint32_t l3; /* offset of the IP header */
	uint32_t l3_end; /* offset one past the IP packet; Ethernet padding lies behind it */
	uint32_t l4; /* offset of what follows the IP headers */
	uint16_t type; /* EtherType, of the inner packet where there is a tag */
	uint16_t vlan; /* identifier, 0 without a tag */
	uint16_t src_port; /* of TCP and UDP; see has_ports */
	uint16_t dst_port;
	uint8_t family; /* 4, 6, or 0 for everything else */
	uint8_t proto; /* transport_ok: the upper layer; else the first next header */
	uint8_t ttl; /* hop limit in IPv6 */
	uint8_t tcp_flags; /* the eight of RFC 9293, 3.1; 0 where it is no TCP */
	uint8_t icmp_type; /* of both ICMPs; see has_icmp */
	uint8_t icmp_code;
	bool tagged;
	bool fragment; /* part of a larger packet */
	bool fragment_later; /* ... and not the first: no ports to see */
	bool has_ports;
	bool has_icmp;
};

/**
 * craft_packet_ip() - Ethernet, one VLAN tag, the IP header
 * @bytes: the frame, @length bytes of it; may change meanwhile
 * @ret: filled as far as was read; complete to l3_end, l4, proto on CRAFT_FAULT_NONE
 *
 * Frames that are not IP (and a second VLAN tag is not) have family 0 and are no fault.
 */
enum craft_fault craft_packet_ip(const void *bytes, uint32_t length, struct craft_packet *ret);

/**
 * craft_packet_transport() - the same, then IPv6 extension headers and ports
 *
 * A first fragment must hold its whole header chain (RFC 1858, RFC 7112); a later one has no
 * ports and its @proto is what its fragment header says.
 */
enum craft_fault craft_packet_transport(const void *bytes, uint32_t length,
					struct craft_packet *ret);

/** craft_addr_mask() - ones in the first @length bits (0..128) */
static inline struct craft_addr craft_addr_mask(uint32_t length)
{
	struct craft_addr mask = { 0, 0 };

	/* A shift by 64 has no meaning in C: each half has its own case of nothing and all. */
	if (length >= 64)
		mask.hi = ~0ull;
	else if (length > 0)
		mask.hi = ~0ull << (64 - length);
	if (length >= 128)
		mask.lo = ~0ull;
	else if (length > 64)
		mask.lo = ~0ull << (128 - length);
	return mask;
}

#endif
