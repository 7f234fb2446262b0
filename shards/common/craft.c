/* SPDX-License-Identifier: Apache-2.0 */
#include "craft.h"

#include <stdint.h>

#include "bytes.h"

uint64_t craft_sum(const void *bytes, uint32_t byte_count, uint64_t sum)
{
	const uint8_t *b = bytes;

	for (; byte_count >= 2; byte_count -= 2, b += 2)
		sum += craft_load_be16(b);
	if (byte_count != 0)
		sum += (uint32_t)craft_load_u8(b) << 8;
	return sum;
}

uint16_t craft_fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)sum;
}

uint16_t craft_checksum_update(uint16_t checksum, uint16_t before, uint16_t after)
{
	uint32_t sum = (~(uint32_t)checksum & 0xffffu) + (~(uint32_t)before & 0xffffu) + after;

	return (uint16_t)~craft_fold(sum);
}

/* What the programs send themselves goes as far as anything: RFC 1812, 4.2.2.9; RFC 1700. */
#define OWN_TTL 64u

void craft_ip4_write(void *ip, uint32_t total_bytes, uint32_t tos, uint32_t ident, uint32_t proto,
		     const struct craft_addr *src, const struct craft_addr *dst)
{
	uint8_t *at = ip;

	memset(at, 0, CRAFT_IP4_BYTES);
	craft_store_u8(at, 0x45);
	craft_store_u8(at + 1, tos);
	craft_store_be16(at + 2, total_bytes);
	craft_store_be16(at + 4, ident);
	craft_store_be16(at + 6, ident == 0 ? 0x4000 : 0);
	craft_store_u8(at + 8, OWN_TTL);
	craft_store_u8(at + 9, proto);
	craft_store_be32(at + 12, (uint32_t)(src->hi >> 32));
	craft_store_be32(at + 16, (uint32_t)(dst->hi >> 32));
	craft_store_be16(at + 10, (uint16_t)~craft_fold(craft_sum(at, CRAFT_IP4_BYTES, 0)));
}

void craft_ip6_write(void *ip, uint32_t payload_bytes, uint32_t next, uint32_t hop_limit,
		     const struct craft_addr *src, const struct craft_addr *dst)
{
	uint8_t *at = ip;

	memset(at, 0, 8);
	craft_store_u8(at, 0x60);
	craft_store_be16(at + 4, payload_bytes);
	craft_store_u8(at + 6, next);
	craft_store_u8(at + 7, hop_limit);
	craft_store_be64(at + 8, src->hi);
	craft_store_be64(at + 16, src->lo);
	craft_store_be64(at + 24, dst->hi);
	craft_store_be64(at + 32, dst->lo);
}

uint16_t craft_ip6_sum(const void *ip, uint32_t next, const void *upper, uint32_t upper_bytes)
{
	uint64_t sum = craft_sum((const uint8_t *)ip + 8, 32, (uint64_t)next + upper_bytes);

	return craft_fold(craft_sum(upper, upper_bytes, sum));
}

void craft_udp4_write(void *frame, uint32_t frame_bytes, const struct craft_udp4 *udp)
{
	uint8_t *eth = frame;
	uint8_t *ip = eth + CRAFT_ETHERNET_BYTES;
	uint8_t *at = ip + CRAFT_IP4_BYTES;
	uint32_t ip_bytes = frame_bytes - CRAFT_ETHERNET_BYTES;
	uint32_t udp_bytes = ip_bytes - CRAFT_IP4_BYTES;
	uint64_t sum;

	memset(eth, 0, frame_bytes);
	memcpy(eth, udp->dst_mac, CRAFT_MAC_BYTES);
	memcpy(eth + CRAFT_MAC_BYTES, udp->src_mac, CRAFT_MAC_BYTES);
	craft_store_be16(eth + 12, CRAFT_TYPE_IP4);

	craft_store_u8(ip, 0x45); /* version 4, five words of header */
	craft_store_be16(ip + 2, ip_bytes);
	craft_store_be16(ip + 6, 0x4000); /* don't fragment: the identification may stay 0 */
	craft_store_u8(ip + 8, udp->ttl);
	craft_store_u8(ip + 9, CRAFT_PROTO_UDP);
	craft_store_be32(ip + 12, udp->src);
	craft_store_be32(ip + 16, udp->dst);
	craft_store_be16(ip + 10, (uint16_t)~craft_fold(craft_sum(ip, CRAFT_IP4_BYTES, 0)));

	craft_store_be16(at, udp->src_port);
	craft_store_be16(at + 2, udp->dst_port);
	craft_store_be16(at + 4, udp_bytes);
	/* Pseudo header (RFC 768): both addresses, protocol, length. */
	sum = craft_sum(ip + 12, 8, CRAFT_PROTO_UDP + udp_bytes);
	sum = craft_fold(craft_sum(at, CRAFT_UDP_BYTES, sum));
	/* A computed zero is sent as all ones: zero means "none". */
	craft_store_be16(at + 6, sum == 0xffffu ? 0xffffu : ~(uint32_t)sum);
}
