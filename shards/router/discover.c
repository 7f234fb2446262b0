/* SPDX-License-Identifier: Apache-2.0 */
#include "discover.h"

#include <stdbool.h>
#include <stdint.h>

#include "../common/bytes.h"
#include "../common/craft.h"
#include "../common/mem.h"
#include "forward.h"

#define ARP_BYTES 28u
#define ARP_ETHERNET 1u
#define ARP_REQUEST 1u
#define ARP_REPLY 2u

#define ND_SOLICITATION 135u
#define ND_ADVERTISEMENT 136u
#define ND_BYTES 24u
#define ND_OPTION_SOURCE 1u
#define ND_OPTION_TARGET 2u
#define ND_ROUTER 0x80000000u /* flags of an advertisement: RFC 4861, 4.4 */
#define ND_SOLICITED 0x40000000u
#define ND_OVERRIDE 0x20000000u
#define HOP_LIMIT 255u

/* ff02::1 and ff02::1:ff00:0/104: RFC 4291, 2.7.1. */
static const struct craft_addr all_nodes = { 0xff02000000000000ull, 1 };
#define SOLICITED_NODE_LO 0x00000001ff000000ull
#define SOLICITED_NODE_BITS 0xffffffull

static bool is_none(const struct craft_addr *addr)
{
	return (addr->hi | addr->lo) == 0;
}

static bool mac_is_station(const uint8_t mac[CRAFT_MAC_BYTES])
{
	static const uint8_t none[CRAFT_MAC_BYTES] = { 0 };

	return (mac[0] & 1u) == 0 && memcmp(mac, none, CRAFT_MAC_BYTES) != 0;
}

bool rt_arp_read(const void *frame, uint32_t length, struct rt_talk *ret)
{
	const uint8_t *b = frame;
	uint8_t arp[ARP_BYTES];
	uint32_t operation;

	memset(ret, 0, sizeof(*ret));
	if (length < CRAFT_ETHERNET_BYTES + ARP_BYTES || craft_load_be16(b + 12) != CRAFT_TYPE_ARP)
		return false;
	memcpy(arp, b + CRAFT_ETHERNET_BYTES, sizeof(arp));
	operation = craft_load_be16(arp + 6);
	if (craft_load_be16(arp) != ARP_ETHERNET || craft_load_be16(arp + 2) != CRAFT_TYPE_IP4 ||
	    arp[4] != CRAFT_MAC_BYTES || arp[5] != 4 ||
	    (operation != ARP_REQUEST && operation != ARP_REPLY))
		return false;
	ret->family = 4;
	ret->src.hi = (uint64_t)craft_load_be32(arp + 14) << 32;
	ret->target.hi = (uint64_t)craft_load_be32(arp + 24) << 32;
	memcpy(ret->mac, arp + 8, CRAFT_MAC_BYTES);
	if (!mac_is_station(ret->mac))
		return false;
	ret->has_mac = true;
	/* Zeroes ask whether an address is free: RFC 5227, 2.1.1. */
	ret->no_source = is_none(&ret->src);
	if (!ret->no_source && !rt_is_station(4, &ret->src))
		return false;
	ret->kind = operation == ARP_REQUEST ? RT_TALK_ASKS : RT_TALK_ANSWERS;
	if (ret->kind == RT_TALK_ANSWERS) {
		if (ret->no_source)
			return false;
		ret->target = ret->src;
		ret->override = true;
		/* A reply is to one station; to all it is an announcement: RFC 5227, 3. */
		ret->solicited = (craft_load_u8(b) & 1u) == 0;
	}
	return true;
}

/* Walks the options; an empty one spoils the message: RFC 4861, 4.6. */
static bool nd_options(const uint8_t *at, uint32_t left, uint32_t wanted, struct rt_talk *ret)
{
	while (left != 0) {
		uint32_t bytes;

		if (left < 8)
			return false;
		bytes = craft_load_u8(at + 1) * 8u;
		if (bytes == 0 || bytes > left)
			return false;
		if (craft_load_u8(at) == wanted && bytes == 8) {
			memcpy(ret->mac, at + 2, CRAFT_MAC_BYTES);
			if (!mac_is_station(ret->mac))
				return false;
			ret->has_mac = true;
		}
		at += bytes;
		left -= bytes;
	}
	return true;
}

static bool is_solicited_node(const struct craft_addr *addr)
{
	return addr->hi == all_nodes.hi && (addr->lo & ~SOLICITED_NODE_BITS) == SOLICITED_NODE_LO;
}

bool rt_nd_read(const void *frame, const struct craft_packet *packet, struct rt_talk *ret)
{
	const uint8_t *b = frame;
	const uint8_t *icmp = b + packet->l4;
	uint32_t bytes = packet->l3_end - packet->l4;
	uint32_t type, flags;
	bool to_group;

	memset(ret, 0, sizeof(*ret));
	if (packet->family != 6 || packet->proto != CRAFT_PROTO_ICMP6 || packet->fragment ||
	    packet->tagged || bytes < ND_BYTES)
		return false;
	type = craft_load_u8(icmp);
	/* 255 says that no router has passed it on: nobody from afar may speak here. */
	if ((type != ND_SOLICITATION && type != ND_ADVERTISEMENT) || packet->ttl != HOP_LIMIT ||
	    craft_load_u8(icmp + 1) != 0 ||
	    craft_ip6_sum(b + packet->l3, CRAFT_PROTO_ICMP6, icmp, bytes) != 0xffffu)
		return false;
	flags = craft_load_be32(icmp + 4);
	ret->family = 6;
	ret->src = packet->src;
	ret->target.hi = craft_load_be64(icmp + 8);
	ret->target.lo = craft_load_be64(icmp + 16);
	ret->no_source = is_none(&packet->src);
	if (!rt_is_station(6, &ret->target) || (!ret->no_source && !rt_is_station(6, &ret->src)))
		return false;
	to_group = packet->dst.hi >> 56 == 0xff;
	if (type == ND_SOLICITATION) {
		ret->kind = RT_TALK_ASKS;
		if (!nd_options(icmp + ND_BYTES, bytes - ND_BYTES, ND_OPTION_SOURCE, ret))
			return false;
		/* Somebody without an address asks a group, and names no link address. */
		return !ret->no_source || (is_solicited_node(&packet->dst) && !ret->has_mac);
	}
	ret->kind = RT_TALK_ANSWERS;
	ret->solicited = (flags & ND_SOLICITED) != 0;
	ret->override = (flags & ND_OVERRIDE) != 0;
	if (ret->no_source || (to_group && ret->solicited))
		return false;
	return nd_options(icmp + ND_BYTES, bytes - ND_BYTES, ND_OPTION_TARGET, ret);
}

struct craft_addr rt_link_local(const struct rt_interface *interface)
{
	const uint8_t *m = interface->mac;
	struct craft_addr addr = { 0xfe80000000000000ull, 0 };

	addr.lo = (uint64_t)(m[0] ^ 2u) << 56 | (uint64_t)m[1] << 48 | (uint64_t)m[2] << 40 |
		  0xfffe000000ull | (uint64_t)m[3] << 16 | (uint64_t)m[4] << 8 | m[5];
	return addr;
}

static bool speaks_ip6(const struct rt_interface *interface)
{
	for (uint32_t i = 0; i < interface->address_count; i++) {
		if (interface->address[i].family == 6)
			return true;
	}
	return false;
}

bool rt_own(const struct rt_routes *routes, uint32_t family, const struct craft_addr *addr,
	    uint8_t *ret_interface)
{
	struct craft_prefix host = { *addr, (uint8_t)family, family == 4 ? 32 : 128 };
	const struct rt_route *route = rt_table_find(&routes->table, &host);

	if (route != NULL && route->hop.kind == RT_KIND_LOCAL) {
		*ret_interface = route->hop.interface;
		return true;
	}
	if (family != 6 || !rt_is_link_local(6, addr))
		return false;
	for (uint32_t i = 0; i < routes->interface_count; i++) {
		struct craft_addr own = rt_link_local(&routes->interface[i]);

		if (speaks_ip6(&routes->interface[i]) && own.hi == addr->hi && own.lo == addr->lo) {
			*ret_interface = (uint8_t)i;
			return true;
		}
	}
	return false;
}

bool rt_own_source(const struct rt_routes *routes, uint32_t interface, uint32_t family,
		   const struct craft_addr *to, struct craft_addr *ret)
{
	const struct rt_interface *out = &routes->interface[interface];
	const struct craft_prefix *own = rt_interface_network(out, family, to);

	if (own != NULL) {
		*ret = own->addr;
		return true;
	}
	if (family == 6 && rt_is_link_local(6, to) && speaks_ip6(out)) {
		*ret = rt_link_local(out);
		return true;
	}
	/* The interface's own first, then anybody's: RFC 1812, 4.3.2.4. */
	for (uint32_t n = 0; n < routes->interface_count; n++) {
		const struct rt_interface *i =
			&routes->interface[(interface + n) % routes->interface_count];

		for (uint32_t k = 0; k < i->address_count; k++) {
			if (i->address[k].family == family) {
				*ret = i->address[k].addr;
				return true;
			}
		}
	}
	return false;
}

static void link_write(uint8_t *to, const uint8_t *dst, const uint8_t *src, uint32_t type)
{
	memcpy(to, dst, CRAFT_MAC_BYTES);
	memcpy(to + CRAFT_MAC_BYTES, src, CRAFT_MAC_BYTES);
	craft_store_be16(to + 12, type);
}

void rt_arp_write(void *to, bool asks, const struct rt_interface *interface,
		  const struct craft_addr *src, const struct craft_addr *dst, const uint8_t *mac)
{
	static const uint8_t everybody[CRAFT_MAC_BYTES] = { 255, 255, 255, 255, 255, 255 };
	uint8_t *arp = (uint8_t *)to + CRAFT_ETHERNET_BYTES;

	memset(to, 0, RT_ARP_FRAME_BYTES);
	link_write(to, mac != NULL ? mac : everybody, interface->mac, CRAFT_TYPE_ARP);
	craft_store_be16(arp, ARP_ETHERNET);
	craft_store_be16(arp + 2, CRAFT_TYPE_IP4);
	craft_store_u8(arp + 4, CRAFT_MAC_BYTES);
	craft_store_u8(arp + 5, 4);
	craft_store_be16(arp + 6, asks ? ARP_REQUEST : ARP_REPLY);
	memcpy(arp + 8, interface->mac, CRAFT_MAC_BYTES);
	craft_store_be32(arp + 14, (uint32_t)(src->hi >> 32));
	if (!asks && mac != NULL)
		memcpy(arp + 18, mac, CRAFT_MAC_BYTES);
	craft_store_be32(arp + 24, (uint32_t)(dst->hi >> 32));
}

/* 33-33 and the last four bytes of the group: RFC 2464, 7. */
static void group_mac(const struct craft_addr *group, uint8_t ret[CRAFT_MAC_BYTES])
{
	ret[0] = 0x33;
	ret[1] = 0x33;
	craft_store_be32(ret + 2, (uint32_t)group->lo);
}

static void nd_write(uint8_t *to, const struct rt_interface *interface,
		     const struct craft_addr *src, const struct craft_addr *dst, const uint8_t *mac,
		     uint32_t type, uint32_t flags, const struct craft_addr *target)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES;
	uint8_t *icmp = ip + CRAFT_IP6_BYTES;
	uint8_t group[CRAFT_MAC_BYTES];

	group_mac(dst, group);
	link_write(to, mac != NULL ? mac : group, interface->mac, CRAFT_TYPE_IP6);
	craft_ip6_write(ip, ND_BYTES + 8, CRAFT_PROTO_ICMP6, HOP_LIMIT, src, dst);
	memset(icmp, 0, ND_BYTES + 8);
	craft_store_u8(icmp, type);
	craft_store_be32(icmp + 4, flags);
	craft_store_be64(icmp + 8, target->hi);
	craft_store_be64(icmp + 16, target->lo);
	craft_store_u8(icmp + ND_BYTES,
		       type == ND_SOLICITATION ? ND_OPTION_SOURCE : ND_OPTION_TARGET);
	craft_store_u8(icmp + ND_BYTES + 1, 1); /* of 8 bytes */
	memcpy(icmp + ND_BYTES + 2, interface->mac, CRAFT_MAC_BYTES);
	craft_store_be16(icmp + 2,
			 (uint16_t)~craft_ip6_sum(ip, CRAFT_PROTO_ICMP6, icmp, ND_BYTES + 8));
}

void rt_nd_ask(void *to, const struct rt_interface *interface, const struct craft_addr *src,
	       const struct craft_addr *target, const uint8_t *mac)
{
	struct craft_addr group = { all_nodes.hi,
				    SOLICITED_NODE_LO | (target->lo & SOLICITED_NODE_BITS) };

	nd_write(to, interface, src, mac != NULL ? target : &group, mac, ND_SOLICITATION, 0,
		 target);
}

void rt_nd_answer(void *to, const struct rt_interface *interface, const struct rt_talk *talk,
		  const uint8_t *mac)
{
	/* RFC 4861, 7.2.4: to one who has no address yet, everybody is answered. */
	if (talk->no_source)
		nd_write(to, interface, &talk->target, &all_nodes, NULL, ND_ADVERTISEMENT,
			 ND_ROUTER | ND_OVERRIDE, &talk->target);
	else
		nd_write(to, interface, &talk->target, &talk->src, mac, ND_ADVERTISEMENT,
			 ND_ROUTER | ND_SOLICITED | ND_OVERRIDE, &talk->target);
}
