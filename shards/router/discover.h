/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover.h: the messages of ARP (RFC 826, RFC 5227) and neighbour discovery (RFC 4861), read
 * with every check their RFCs ask for, and written.
 *
 * Both are read into one struct, because they say the same: whom it is about, who says it, and
 * whether an answer is wanted. A message is a claim of anybody on the link; what it may change
 * is decided by neighbour.h.
 *
 * When not to use it: for tagged frames. A tag is another link, and interfaces have none.
 */
#ifndef SHARDS_ROUTER_DISCOVER_H
#define SHARDS_ROUTER_DISCOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/packet.h"
#include "routes.h"

#define RT_ARP_FRAME_BYTES 60u /* with the padding of a shortest frame: IEEE 802.3 */
#define RT_ND_FRAME_BYTES (CRAFT_ETHERNET_BYTES + CRAFT_IP6_BYTES + 32u)

enum rt_talk_kind { RT_TALK_ASKS, RT_TALK_ANSWERS };

/** struct rt_talk - what was said */
struct rt_talk {
	struct craft_addr target; /* asked for, or advertised */
	struct craft_addr src; /* who says it; zeroes: a station that has no address yet */
	uint8_t mac[CRAFT_MAC_BYTES]; /* of @src where it asks, of @target where it answers */
	uint8_t kind;
	uint8_t family;
	bool has_mac;
	bool solicited; /* flags of an advertisement; an ARP reply has both */
	bool override;
	bool no_source; /* @src is zeroes: answer to all, learn nothing */
};

/** rt_arp_read() - false: not an ARP message for Ethernet and IPv4, or one that cannot be true */
bool rt_arp_read(const void *frame, uint32_t length, struct rt_talk *ret);

/**
 * rt_nd_read() - false: no neighbour solicitation or advertisement, or one to be discarded
 * @packet: as craft_packet_transport() found it; RFC 4861, 7.1.1 and 7.1.2 are checked here
 */
bool rt_nd_read(const void *frame, const struct craft_packet *packet, struct rt_talk *ret);

/** rt_link_local() - fe80::/64 and the interface's link address: RFC 4291, appendix A */
struct craft_addr rt_link_local(const struct rt_interface *interface);

/**
 * rt_own() - whether an address is ours on some interface: configured, or link-local there
 * @ret_interface: which
 */
bool rt_own(const struct rt_routes *routes, uint32_t family, const struct craft_addr *addr,
	    uint8_t *ret_interface);

/**
 * rt_own_source() - the address of ours to speak to @to with on a link
 * Return: false where the router has none of that family.
 */
bool rt_own_source(const struct rt_routes *routes, uint32_t interface, uint32_t family,
		   const struct craft_addr *to, struct craft_addr *ret);

/* Written whole, RT_ARP_FRAME_BYTES or RT_ND_FRAME_BYTES long; @mac NULL: to everybody. */
void rt_arp_write(void *to, bool asks, const struct rt_interface *interface,
		  const struct craft_addr *src, const struct craft_addr *dst, const uint8_t *mac);
void rt_nd_ask(void *to, const struct rt_interface *interface, const struct craft_addr *src,
	       const struct craft_addr *target, const uint8_t *mac);
/** @talk: what asked; @mac: who sent it */
void rt_nd_answer(void *to, const struct rt_interface *interface, const struct rt_talk *talk,
		  const uint8_t *mac);

#endif
