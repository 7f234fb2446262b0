/* SPDX-License-Identifier: Apache-2.0 */
/*
 * icmp.h: what a router says: errors to a packet's sender, and answers to a ping.
 *
 * Messages are written whole into a frame of our own, link addresses left zero for whoever finds
 * the next hop. The part of somebody's packet that goes with an error is copied as it is; where
 * a checksum must be right it is judged on the copy, which nobody else can change.
 *
 *      error    | Ethernet | IP: us -> sender | type code 0 value | as much of his packet as fits |
 *      echo     | Ethernet | IP turned round  | 0 or 129 ...      | what he sent                  |
 *
 * Limited by the caller (limit.h): RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f).
 */
#ifndef SHARDS_ROUTER_ICMP_H
#define SHARDS_ROUTER_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/packet.h"
#include "forward.h"

/* RFC 792; RFC 1812, 4.3.3 and 5.2.7. */
#define RT_ICMP4_ECHO_REPLY 0u
#define RT_ICMP4_UNREACHABLE 3u
#define RT_ICMP4_ECHO 8u
#define RT_ICMP4_EXPIRED 11u
#define RT_ICMP4_PROBLEM 12u
#define RT_ICMP4_NET 0u
#define RT_ICMP4_HOST 1u
#define RT_ICMP4_PROTOCOL 2u
#define RT_ICMP4_PORT 3u
#define RT_ICMP4_TOO_BIG 4u
#define RT_ICMP4_SOURCE_ROUTE 5u

/* RFC 4443. */
#define RT_ICMP6_UNREACHABLE 1u
#define RT_ICMP6_TOO_BIG 2u
#define RT_ICMP6_EXPIRED 3u
#define RT_ICMP6_PROBLEM 4u
#define RT_ICMP6_ECHO 128u
#define RT_ICMP6_ECHO_REPLY 129u
#define RT_ICMP6_NO_ROUTE 0u
#define RT_ICMP6_SCOPE 2u
#define RT_ICMP6_ADDRESS 3u
#define RT_ICMP6_PORT 4u
#define RT_ICMP6_BAD_FIELD 0u
#define RT_ICMP6_BAD_NEXT 1u
#define RT_ICMP6_BAD_OPTION 2u

#define RT_ICMP_ERROR_BYTES_MAX (CRAFT_ETHERNET_BYTES + 1280u)

/**
 * rt_icmp_may_tell() - whether an error may be sent about a packet at all
 *
 * Not about an error, a group's packet, a later fragment, or one whose source is not one
 * station: RFC 1812, 4.3.2.7; RFC 4443, 2.4 (e).
 */
bool rt_icmp_may_tell(const struct rt_routes *routes, const void *frame, uint32_t length,
		      const struct craft_packet *packet);

/**
 * rt_icmp_error() - write an error about a packet
 * @to: @to_max bytes, at least RT_ICMP_ERROR_BYTES_MAX for all that may be said
 * @src: the address of ours that speaks
 * Return: the frame's length, 0 where it does not fit.
 */
uint32_t rt_icmp_error(void *to, uint32_t to_max, const void *frame,
		       const struct craft_packet *packet, const struct craft_addr *src,
		       const struct rt_error *error);

/**
 * rt_icmp_echo() - answer a ping; @packet as craft_packet_transport() found it
 * @ident: of the answer's IPv4 header
 * Return: the frame's length; 0: no echo request, a part of one, badly summed, or too long.
 */
uint32_t rt_icmp_echo(void *to, uint32_t to_max, const void *frame,
		      const struct craft_packet *packet, uint32_t ident);

/**
 * rt_icmp_arrived() - what to tell the sender of a packet for us that is no echo request
 *
 * A router serves no port and no protocol but ICMP: RFC 1812, 5.2.7.1; RFC 4443, 3.1 and 3.4.
 */
struct rt_error rt_icmp_arrived(const struct craft_packet *packet);

#endif
