/* SPDX-License-Identifier: Apache-2.0 */
#include "icmp.h"

#include <stdbool.h>
#include <stdint.h>

#include "../common/bytes.h"
#include "../common/craft.h"
#include "../common/mem.h"

#define ICMP_BYTES 8u
#define ICMP4_DATAGRAM_MAX 576u /* RFC 1812, 4.3.2.3 */
#define ICMP6_PACKET_MAX 1280u /* RFC 4443, 2.4 (c) */
#define ICMP6_REDIRECT 137u
#define ICMP6_INFORMATIONAL 128u /* and above: RFC 4443, 2.1 */
#define TOS_INTERNETWORK 0xc0u /* RFC 1812, 4.3.2.5 */
#define HOP_LIMIT 64u

/* Types that ask or answer; all others are errors, or unknown and treated as such. */
static bool is_query4(uint32_t type)
{
	return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}

bool rt_icmp_may_tell(const struct rt_routes *routes, const void *frame, uint32_t length,
		      const struct craft_packet *packet)
{
	const uint8_t *b = frame;
	struct craft_packet upper;

	if ((craft_load_u8(b) & 1u) != 0 || packet->fragment_later)
		return false;
	if (!rt_is_station(packet->family, &packet->src) ||
	    !rt_is_station(packet->family, &packet->dst))
		return false;
	if (packet->family == 4) {
		if (rt_is_broadcast(routes, &packet->src) || rt_is_broadcast(routes, &packet->dst))
			return false;
		if (packet->proto != CRAFT_PROTO_ICMP)
			return true;
		return packet->l3_end > packet->l4 && is_query4(craft_load_u8(b + packet->l4));
	}
	/* What lies behind headers we cannot walk may be an error: say nothing. */
	if (craft_packet_transport(frame, length, &upper) != CRAFT_FAULT_NONE ||
	    upper.family != 6 || upper.fragment_later)
		return false;
	if (upper.proto == CRAFT_PROTO_ICMP6) {
		uint32_t type = craft_load_u8(b + upper.l4);

		return type >= ICMP6_INFORMATIONAL && type != ICMP6_REDIRECT;
	}
	return true;
}

static void link_header(uint8_t *to, uint32_t type)
{
	memset(to, 0, 2 * CRAFT_MAC_BYTES);
	craft_store_be16(to + 12, type);
}

static uint32_t error4(uint8_t *to, uint32_t shown_bytes, const struct craft_packet *packet,
		       const struct craft_addr *src, const struct rt_error *error)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES;
	uint8_t *icmp = ip + CRAFT_IP4_BYTES;
	uint32_t value = error->value;

	/* RFC 792: a pointer is the word's first byte; RFC 1191: an MTU its last two. */
	if (error->type == RT_ICMP4_PROBLEM)
		value <<= 24;
	link_header(to, CRAFT_TYPE_IP4);
	craft_ip4_write(ip, CRAFT_IP4_BYTES + ICMP_BYTES + shown_bytes, TOS_INTERNETWORK, 0,
			CRAFT_PROTO_ICMP, src, &packet->src);
	craft_store_u8(icmp, error->type);
	craft_store_u8(icmp + 1, error->code);
	craft_store_be16(icmp + 2, 0);
	craft_store_be32(icmp + 4, value);
	craft_store_be16(icmp + 2,
			 (uint16_t)~craft_fold(craft_sum(icmp, ICMP_BYTES + shown_bytes, 0)));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP4_BYTES + ICMP_BYTES + shown_bytes;
}

static uint32_t error6(uint8_t *to, uint32_t shown_bytes, const struct craft_packet *packet,
		       const struct craft_addr *src, const struct rt_error *error)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES;
	uint8_t *icmp = ip + CRAFT_IP6_BYTES;
	uint32_t icmp_bytes = ICMP_BYTES + shown_bytes;

	link_header(to, CRAFT_TYPE_IP6);
	craft_ip6_write(ip, icmp_bytes, CRAFT_PROTO_ICMP6, HOP_LIMIT, src, &packet->src);
	craft_store_u8(icmp, error->type);
	craft_store_u8(icmp + 1, error->code);
	craft_store_be16(icmp + 2, 0);
	craft_store_be32(icmp + 4, error->value);
	craft_store_be16(icmp + 2,
			 (uint16_t)~craft_ip6_sum(ip, CRAFT_PROTO_ICMP6, icmp, icmp_bytes));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP6_BYTES + icmp_bytes;
}

uint32_t rt_icmp_error(void *to, uint32_t to_max, const void *frame,
		       const struct craft_packet *packet, const struct craft_addr *src,
		       const struct rt_error *error)
{
	uint32_t header_bytes = packet->family == 4 ? CRAFT_IP4_BYTES : CRAFT_IP6_BYTES;
	uint32_t limit = packet->family == 4 ? ICMP4_DATAGRAM_MAX : ICMP6_PACKET_MAX;
	uint32_t around = header_bytes + ICMP_BYTES;
	uint32_t shown_bytes = packet->l3_end - packet->l3;
	uint8_t *b = to;

	if (to_max < CRAFT_ETHERNET_BYTES + around + header_bytes + ICMP_BYTES)
		return 0;
	if (limit > to_max - CRAFT_ETHERNET_BYTES)
		limit = to_max - CRAFT_ETHERNET_BYTES;
	if (shown_bytes > limit - around)
		shown_bytes = limit - around;
	memcpy(b + CRAFT_ETHERNET_BYTES + around, (const uint8_t *)frame + packet->l3, shown_bytes);
	if (packet->family == 4)
		return error4(to, shown_bytes, packet, src, error);
	return error6(to, shown_bytes, packet, src, error);
}

static uint32_t echo4(uint8_t *to, const uint8_t *frame, const struct craft_packet *packet,
		      uint32_t icmp_bytes, uint32_t ident)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES;
	uint8_t *icmp = ip + CRAFT_IP4_BYTES;

	if (craft_load_u8(icmp) != RT_ICMP4_ECHO ||
	    craft_fold(craft_sum(icmp, icmp_bytes, 0)) != 0xffffu)
		return 0;
	craft_ip4_write(ip, CRAFT_IP4_BYTES + icmp_bytes, craft_load_u8(frame + packet->l3 + 1),
			ident, CRAFT_PROTO_ICMP, &packet->dst, &packet->src);
	craft_store_u8(icmp, RT_ICMP4_ECHO_REPLY);
	craft_store_be16(icmp + 2, 0);
	craft_store_be16(icmp + 2, (uint16_t)~craft_fold(craft_sum(icmp, icmp_bytes, 0)));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP4_BYTES + icmp_bytes;
}

static uint32_t echo6(uint8_t *to, const struct craft_packet *packet, uint32_t icmp_bytes)
{
	uint8_t *ip = to + CRAFT_ETHERNET_BYTES;
	uint8_t *icmp = ip + CRAFT_IP6_BYTES;

	/* The pseudo header sums both addresses: turned round or not, it is the same. */
	craft_ip6_write(ip, icmp_bytes, CRAFT_PROTO_ICMP6, HOP_LIMIT, &packet->dst, &packet->src);
	if (craft_load_u8(icmp) != RT_ICMP6_ECHO ||
	    craft_ip6_sum(ip, CRAFT_PROTO_ICMP6, icmp, icmp_bytes) != 0xffffu)
		return 0;
	craft_store_u8(icmp, RT_ICMP6_ECHO_REPLY);
	craft_store_be16(icmp + 2, 0);
	craft_store_be16(icmp + 2,
			 (uint16_t)~craft_ip6_sum(ip, CRAFT_PROTO_ICMP6, icmp, icmp_bytes));
	return CRAFT_ETHERNET_BYTES + CRAFT_IP6_BYTES + icmp_bytes;
}

uint32_t rt_icmp_echo(void *to, uint32_t to_max, const void *frame,
		      const struct craft_packet *packet, uint32_t ident)
{
	const uint8_t *b = frame;
	uint32_t header_bytes = packet->family == 4 ? CRAFT_IP4_BYTES : CRAFT_IP6_BYTES;
	uint32_t icmp_bytes = packet->l3_end - packet->l4;
	uint32_t proto = packet->family == 4 ? CRAFT_PROTO_ICMP : CRAFT_PROTO_ICMP6;

	/* Nothing is put together from fragments here. */
	if (packet->proto != proto || packet->fragment || icmp_bytes < ICMP_BYTES ||
	    CRAFT_ETHERNET_BYTES + header_bytes + icmp_bytes > to_max)
		return 0;
	memcpy((uint8_t *)to + CRAFT_ETHERNET_BYTES + header_bytes, b + packet->l4, icmp_bytes);
	link_header(to, packet->family == 4 ? CRAFT_TYPE_IP4 : CRAFT_TYPE_IP6);
	if (packet->family == 4)
		return echo4(to, b, packet, icmp_bytes, ident);
	return echo6(to, packet, icmp_bytes);
}

struct rt_error rt_icmp_arrived(const struct craft_packet *packet)
{
	struct rt_error error = { 0, 0, 0 };

	if (packet->fragment)
		return error;
	if (packet->family == 4 && packet->proto != CRAFT_PROTO_ICMP) {
		error.type = RT_ICMP4_UNREACHABLE;
		/* TCP as if its ports were closed: a caller is refused, in both families. */
		error.code = packet->has_ports ? RT_ICMP4_PORT : RT_ICMP4_PROTOCOL;
	} else if (packet->family == 6 && packet->has_ports) {
		error.type = RT_ICMP6_UNREACHABLE;
		error.code = RT_ICMP6_PORT;
	} else if (packet->family == 6 && packet->proto != CRAFT_PROTO_ICMP6 &&
		   packet->l4 == packet->l3 + CRAFT_IP6_BYTES) {
		/* Behind extension headers its place is not known any more; then nothing is said.
		 */
		error.type = RT_ICMP6_PROBLEM;
		error.code = RT_ICMP6_BAD_NEXT;
		error.value = 6; /* the next header field */
	}
	return error;
}
