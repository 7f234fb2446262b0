/* SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <stdbool.h>
#include <stdint.h>

#include "../common/bytes.h"
#include "../common/craft.h"
#include "../common/mem.h"
#include "icmp.h"
#include "options.h"

#define IP6_NEXT_HOP_BY_HOP 0u
#define IP4_DONT_FRAGMENT 0x4000u
#define IP4_HEADER_BYTES_MAX 60u /* RFC 791, 3.1: fifteen words */

bool rt_is_link_local(uint32_t family, const struct craft_addr *addr)
{
	if (family == 4)
		return addr->hi >> 48 == 0xa9fe;
	return addr->hi >> 54 == 0xfe80 >> 6;
}

bool rt_is_station(uint32_t family, const struct craft_addr *addr)
{
	if (family == 4) {
		uint32_t first = (uint32_t)(addr->hi >> 56);

		return first != 0 && first != 127 && first < 224;
	}
	return addr->hi >> 56 != 0xff && (addr->hi | (addr->lo & ~1ull)) != 0;
}

bool rt_is_broadcast(const struct rt_routes *routes, const struct craft_addr *addr)
{
	const struct rt_route *route = rt_table_lookup(&routes->table, 4, addr);
	uint64_t host, ones;

	/* Two addresses of a point-to-point link are both stations: RFC 3021. */
	if (route == NULL || route->hop.kind != RT_KIND_CONNECTED || route->length > 30)
		return false;
	ones = ~craft_addr_mask(route->length).hi & 0xffffffff00000000ull;
	host = addr->hi & ones;
	return host == ones || host == 0;
}

/* Destinations no router forwards: RFC 1812, 4.2.2.11 and 5.3.7; RFC 3927, 7; RFC 4291, 2.5. */
static bool stays_on_link(const struct craft_packet *packet)
{
	return !rt_is_station(packet->family, &packet->dst) ||
	       rt_is_link_local(packet->family, &packet->dst);
}

static void path_along(const struct rt_routes *routes, const struct rt_route *route,
		       const struct craft_addr *dst, struct rt_path *ret)
{
	const struct rt_hop *hop = &route->hop;

	ret->interface = hop->interface;
	ret->mac = hop->kind == RT_KIND_NEIGHBOUR ? hop->mac : NULL;
	ret->next = hop->kind == RT_KIND_GATEWAY ? routes->table.route[hop->via].addr : *dst;
}

bool rt_path_find(const struct rt_routes *routes, uint32_t family, const struct craft_addr *dst,
		  struct rt_path *ret)
{
	const struct rt_route *route = rt_table_lookup(&routes->table, family, dst);

	if (route == NULL || route->hop.kind == RT_KIND_LOCAL)
		return false;
	path_along(routes, route, dst, ret);
	return true;
}

static enum rt_reason refuse(struct rt_decision *d, enum rt_reason reason, uint32_t type4,
			     uint32_t code4, uint32_t type6, uint32_t code6)
{
	d->error.type = (uint8_t)(d->packet.family == 4 ? type4 : type6);
	d->error.code = (uint8_t)(d->packet.family == 4 ? code4 : code6);
	return reason;
}

/* What the packet says of itself, without asking the table. */
static enum rt_reason judge_source(struct rt_decision *d)
{
	const struct craft_packet *packet = &d->packet;

	if (!rt_is_station(packet->family, &packet->src))
		return RT_BAD_SOURCE;
	/* Nobody there could be answered: RFC 3927, 7; RFC 4291, 2.5.6; RFC 4443, 3.1. */
	if (rt_is_link_local(packet->family, &packet->src))
		return refuse(d, RT_BAD_SOURCE, 0, 0, RT_ICMP6_UNREACHABLE, RT_ICMP6_SCOPE);
	return RT_FORWARD;
}

static enum rt_reason judge_options(struct rt_decision *d, const uint8_t *ip)
{
	const struct craft_packet *packet = &d->packet;

	if (packet->family == 4 && packet->l4 - packet->l3 > CRAFT_IP4_BYTES)
		return rt_options4(ip, packet->l4 - packet->l3, &d->error);
	if (packet->family == 6 && packet->proto == IP6_NEXT_HOP_BY_HOP)
		return rt_options6(ip, packet->l3_end - packet->l3, &d->error);
	return RT_FORWARD;
}

static enum rt_reason too_big(struct rt_decision *d, const uint8_t *ip, uint32_t mtu)
{
	/* Without DF the packet may be cut in pieces, and nobody needs to know. */
	if (d->packet.family == 4 && (craft_load_be16(ip + 6) & IP4_DONT_FRAGMENT) == 0)
		return RT_TOO_BIG;
	d->error.value = mtu; /* RFC 1191, 4; RFC 4443, 3.2 */
	return refuse(d, RT_TOO_BIG, RT_ICMP4_UNREACHABLE, RT_ICMP4_TOO_BIG, RT_ICMP6_TOO_BIG, 0);
}

enum rt_reason rt_decide(const struct rt_routes *routes, const void *frame, uint32_t length,
			 struct rt_decision *ret)
{
	const uint8_t *bytes = frame;
	struct craft_packet *packet = &ret->packet;
	const struct rt_route *route;
	enum rt_reason reason;
	uint32_t mtu;

	memset(&ret->error, 0, sizeof(ret->error));
	if (craft_packet_ip(frame, length, packet) != CRAFT_FAULT_NONE)
		return RT_MALFORMED;
	if (packet->family == 0)
		return RT_NOT_IP;
	/* A frame for a group of stations is not forwarded: RFC 1812, 5.3.4. */
	if ((craft_load_u8(bytes) & 1u) != 0)
		return RT_NOT_FOR_US;
	if (packet->family == 4 &&
	    craft_fold(craft_sum(bytes + packet->l3, packet->l4 - packet->l3, 0)) != 0xffffu)
		return RT_BAD_CHECKSUM;
	if (stays_on_link(packet))
		return RT_NOT_FOR_US;

	route = rt_table_lookup(&routes->table, packet->family, &packet->dst);
	/* Ours first: a packet that has arrived needs no more hops. */
	if (route != NULL && route->hop.kind == RT_KIND_LOCAL) {
		ret->path.interface = route->hop.interface;
		return RT_FOR_US;
	}
	reason = judge_source(ret);
	if (reason == RT_FORWARD)
		reason = judge_options(ret, bytes + packet->l3);
	if (reason != RT_FORWARD)
		return reason;
	if (route == NULL)
		return refuse(ret, RT_NO_ROUTE, RT_ICMP4_UNREACHABLE, RT_ICMP4_NET,
			      RT_ICMP6_UNREACHABLE, RT_ICMP6_NO_ROUTE);
	if (packet->ttl <= 1)
		return refuse(ret, RT_TTL_EXPIRED, RT_ICMP4_EXPIRED, 0, RT_ICMP6_EXPIRED, 0);
	/* Directed broadcasts end at a router: RFC 2644. */
	if (packet->family == 4 && route->hop.kind == RT_KIND_CONNECTED &&
	    rt_is_broadcast(routes, &packet->dst))
		return RT_NOT_FOR_US;

	path_along(routes, route, &packet->dst, &ret->path);
	mtu = routes->interface[ret->path.interface].mtu;
	if (packet->l3_end - packet->l3 > mtu)
		return too_big(ret, bytes + packet->l3, mtu);
	return ret->path.mac != NULL ? RT_FORWARD : RT_NO_NEIGHBOUR;
}

void rt_mark(const struct rt_routes *routes, void *ip, uint32_t header_bytes, uint32_t interface,
	     uint32_t stamp)
{
	const struct rt_interface *out = &routes->interface[interface];
	uint8_t *b = ip;
	uint32_t i = 0;

	while (i < out->address_count && out->address[i].family != 4)
		i++;
	if (i < out->address_count)
		rt_options4_mark(b, header_bytes, (uint32_t)(out->address[i].addr.hi >> 32), stamp);
	craft_store_be16(b + 10, 0);
	craft_store_be16(b + 10, (uint16_t)~craft_fold(craft_sum(b, header_bytes, 0)));
}

/* One hop less, and what the header's checksum becomes by it. */
static void age(const struct craft_packet *packet, uint8_t *ip)
{
	uint16_t before = (uint16_t)((uint32_t)packet->ttl << 8 | packet->proto);
	uint16_t after = (uint16_t)(before - 0x0100u);

	if (packet->family == 4) {
		craft_store_u8(ip + 8, packet->ttl - 1u);
		craft_store_be16(ip + 10,
				 craft_checksum_update(craft_load_be16(ip + 10), before, after));
	} else {
		craft_store_u8(ip + 7, packet->ttl - 1u);
	}
}

/* The same where there are options: in a copy, whose lengths are what was judged. */
static void age_options(const struct rt_routes *routes, const struct craft_packet *packet,
			uint8_t *ip, uint32_t interface, uint32_t stamp)
{
	uint8_t header[IP4_HEADER_BYTES_MAX];
	uint32_t header_bytes = packet->l4 - packet->l3;

	memcpy(header, ip, header_bytes);
	header[0] = (uint8_t)(0x40u | header_bytes / 4u);
	craft_store_be16(header + 2, packet->l3_end - packet->l3);
	header[8] = (uint8_t)(packet->ttl - 1u);
	rt_mark(routes, header, header_bytes, interface, stamp);
	memcpy(ip, header, header_bytes);
}

void rt_rewrite(const struct rt_routes *routes, void *frame, const struct craft_packet *packet,
		uint32_t interface, const uint8_t mac[CRAFT_MAC_BYTES], uint32_t stamp)
{
	uint8_t *bytes = frame;

	memcpy(bytes, mac, CRAFT_MAC_BYTES);
	memcpy(bytes + CRAFT_MAC_BYTES, routes->interface[interface].mac, CRAFT_MAC_BYTES);
	if (packet->family == 4 && packet->l4 - packet->l3 > CRAFT_IP4_BYTES)
		age_options(routes, packet, bytes + packet->l3, interface, stamp);
	else
		age(packet, bytes + packet->l3);
}

enum rt_reason rt_routes_forward(const struct rt_routes *routes, void *frame, uint32_t length,
				 uint32_t *ret_interface)
{
	struct rt_decision d;
	enum rt_reason reason = rt_decide(routes, frame, length, &d);

	if (reason != RT_FORWARD)
		return reason;
	rt_rewrite(routes, frame, &d.packet, d.path.interface, d.path.mac, 0);
	*ret_interface = d.path.interface;
	return RT_FORWARD;
}
