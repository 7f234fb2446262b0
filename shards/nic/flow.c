/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include "../common/bytes.h"
#include "../common/packet.h"

/* SplitMix64's finaliser (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t mix_addr(const struct craft_addr *addr)
{
	return mix(addr->hi + 0x9e3779b97f4a7c15ull + mix(addr->lo));
}

/* The sum of two mixed values does not tell which was first. */
static uint64_t of_ethernet(const uint8_t *b)
{
	uint64_t dst = (uint64_t)craft_load_be32(b) << 16 | craft_load_be16(b + 4);
	uint64_t src = (uint64_t)craft_load_be32(b + 6) << 16 | craft_load_be16(b + 10);

	return mix(dst + 1) + mix(src + 1);
}

uint32_t nic_flow_hash(const void *bytes, uint32_t length)
{
	struct craft_packet packet;
	enum craft_fault fault;
	uint64_t hash;

	if (length < CRAFT_ETHERNET_BYTES)
		return 0;
	fault = craft_packet_transport(bytes, length, &packet);
	if (fault != CRAFT_FAULT_NONE || packet.family == 0)
		return (uint32_t)(mix(of_ethernet(bytes)) >> 32);
	hash = mix_addr(&packet.src) + mix_addr(&packet.dst);
	if (!packet.fragment) {
		hash += mix(packet.proto + 0x100u);
		if (packet.has_ports)
			hash += mix(packet.src_port + 0x10000u) + mix(packet.dst_port + 0x10000u);
	}
	return (uint32_t)(mix(hash) >> 32);
}
