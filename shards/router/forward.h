/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.h: what happens to one frame.
 *
 *      frame -> Ethernet, IP, checksum -> ours? -> source, options -> lookup -> hop limit -> MTU
 *                    |        |             |           |               |          |         |
 *                malformed  bad_checksum  for_us   bad_source ..    no_route  ttl_expired  too_big
 *
 * A decision reads and never writes: the frame of a refused packet is what its sender is shown
 * in an ICMP error, and a frame that waits for its neighbour is decided again when it may go.
 * rt_rewrite() then changes link addresses, hop limit and checksum where the frame lies.
 *
 * When not to use it: for a packet that was decided about in another loop. The bytes are
 * somebody else's; decide again.
 */
#ifndef SHARDS_ROUTER_FORWARD_H
#define SHARDS_ROUTER_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/packet.h"
#include "routes.h"

/** enum rt_reason - why a frame goes no further; 0: it does. Counters of the program. */
enum rt_reason {
	RT_FORWARD,
	RT_NO_ROUTE,
	RT_TTL_EXPIRED,
	RT_MALFORMED,
	RT_BAD_CHECKSUM,
	RT_NOT_FOR_US, /* for a group of stations, or an address that no router forwards */
	RT_FOR_US, /* for an address of ours */
	RT_NO_NEIGHBOUR, /* the link is known, the link address is not */
	RT_NOT_IP,
	RT_BAD_SOURCE, /* from an address that no packet may come from, or not beyond its link */
	RT_SOURCE_ROUTED,
	RT_BAD_OPTION,
	RT_TOO_BIG,
	RT_REASONS,
};

/** struct rt_error - what to tell the sender, in the ICMP of his family; type 0: nothing */
struct rt_error {
	uint8_t type;
	uint8_t code;
	uint32_t value; /* an MTU, or the offset of what is wrong */
};

/** struct rt_path - the way to the next hop */
struct rt_path {
	struct craft_addr next; /* who gets the frame; meaningless where @mac is known by route */
	const uint8_t *mac; /* its link address, in the table; NULL: ask */
	uint8_t interface;
};

/** struct rt_decision - all there is to know; @path from RT_FORWARD, _NO_NEIGHBOUR, _TOO_BIG on */
struct rt_decision {
	struct craft_packet packet;
	struct rt_error error;
	struct rt_path path;
};

/**
 * rt_decide() - where a frame should go, or why not
 * @frame: @length bytes; others may write them meanwhile, which harms the frame alone
 *
 * Return: RT_FORWARD with a link address, RT_NO_NEIGHBOUR with a path to ask along, RT_FOR_US
 * with the interface whose address was meant, or why the packet ends here.
 */
enum rt_reason rt_decide(const struct rt_routes *routes, const void *frame, uint32_t length,
			 struct rt_decision *ret);

/**
 * rt_rewrite() - link addresses, hop limit, options, checksum, in place
 * @packet: as decided just now
 * @stamp: for an IPv4 timestamp option: milliseconds of a clock of our own
 */
void rt_rewrite(const struct rt_routes *routes, void *frame, const struct craft_packet *packet,
		uint32_t interface, const uint8_t mac[CRAFT_MAC_BYTES], uint32_t stamp);

/** rt_mark() - our entry in the options of an IPv4 header of our own, and its checksum */
void rt_mark(const struct rt_routes *routes, void *ip, uint32_t header_bytes, uint32_t interface,
	     uint32_t stamp);

/**
 * rt_path_find() - the way to an address for packets of our own
 * Return: true, or false: no route, or the address is ours.
 */
bool rt_path_find(const struct rt_routes *routes, uint32_t family, const struct craft_addr *dst,
		  struct rt_path *ret);

/** rt_routes_forward() - both at once for a router that asks nobody; as the frame was, if not */
enum rt_reason rt_routes_forward(const struct rt_routes *routes, void *frame, uint32_t length,
				 uint32_t *ret_interface);

/** rt_is_station() - whether an address may be a packet's source: RFC 1812, 5.3.7; RFC 4291, 2.7 */
bool rt_is_station(uint32_t family, const struct craft_addr *addr);
/** rt_is_link_local() - RFC 3927; RFC 4291, 2.5.6 */
bool rt_is_link_local(uint32_t family, const struct craft_addr *addr);
/** rt_is_broadcast() - all ones, or zeroes, behind the prefix of an IPv4 network of ours */
bool rt_is_broadcast(const struct rt_routes *routes, const struct craft_addr *addr);

#endif
