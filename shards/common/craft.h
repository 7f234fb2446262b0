/* SPDX-License-Identifier: Apache-2.0 */
/*
 * craft.h: checksums, and headers written in place.
 *
 * The checksum is the internet's (RFC 1071): a one's complement sum of 16-bit words in network
 * order. craft_sum() may be chained over pieces as long as every piece but the last is even.
 */
#ifndef SHARDS_COMMON_CRAFT_H
#define SHARDS_COMMON_CRAFT_H

#include <stdint.h>

#include "packet.h"

#define CRAFT_UDP4_HEADERS (CRAFT_ETHERNET_BYTES + CRAFT_IP4_BYTES + CRAFT_UDP_BYTES)

/** struct craft_udp4 - one UDP/IPv4 packet; addresses and ports as numbers */
struct craft_udp4 {
	uint32_t src;
	uint32_t dst;
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t src_mac[CRAFT_MAC_BYTES];
	uint8_t dst_mac[CRAFT_MAC_BYTES];
	uint8_t ttl;
};

/** craft_sum() - add @byte_count bytes at @bytes to @sum; at most 64 KiB a call */
uint64_t craft_sum(const void *bytes, uint32_t byte_count, uint64_t sum);

/** craft_fold() - a sum down to 16 bits; the checksum is its complement */
uint16_t craft_fold(uint64_t sum);

/**
 * craft_checksum_update() - the checksum after one 16-bit word changed
 *
 * Source: RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). Equation 4 of RFC 1141 gets a sum of
 * zero wrong.
 */
uint16_t craft_checksum_update(uint16_t checksum, uint16_t before, uint16_t after);

/**
 * craft_ip4_write() - an IPv4 header without options, its checksum right
 * @total_bytes: with what follows it
 * @tos: precedence and class; @ident: 0 says that nobody may cut it (RFC 6864, 4.1)
 */
void craft_ip4_write(void *ip, uint32_t total_bytes, uint32_t tos, uint32_t ident, uint32_t proto,
		     const struct craft_addr *src, const struct craft_addr *dst);

/** craft_ip6_write() - an IPv6 header; @payload_bytes: what follows it */
void craft_ip6_write(void *ip, uint32_t payload_bytes, uint32_t next, uint32_t hop_limit,
		     const struct craft_addr *src, const struct craft_addr *dst);

/**
 * craft_ip6_sum() - the checksum over an upper layer and its pseudo header (RFC 8200, 8.1)
 * @ip: an IPv6 header without extensions, @upper_bytes of upper layer right behind it
 *
 * Return: 0xffff where the checksum in place is right; else its complement goes there, once it
 * was zeroed.
 */
uint16_t craft_ip6_sum(const void *ip, uint32_t next, const void *upper, uint32_t upper_bytes);

/**
 * craft_udp4_write() - an Ethernet frame of exactly @frame_bytes with a payload of zeroes
 * @frame_bytes: CRAFT_UDP4_HEADERS..65549 (14 and the 65,535 bytes an IPv4 packet can have)
 *
 * Zeroes do not change a checksum, so the time taken hardly depends on the size.
 */
void craft_udp4_write(void *frame, uint32_t frame_bytes, const struct craft_udp4 *udp);

#endif
