/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h: the router's config, and what it does to one frame.
 *
 *      interface PORT mac MAC [address ADDR/LEN]...     a port, and who we are on its link
 *      neighbour ADDR MAC port PORT                     somebody on that link
 *      route PREFIX via ADDR                            ... who knows the way
 *      route PREFIX port PORT MAC                       the same without an address
 *
 * Lines may stand in any order. All become routes of one table: an own address is a route of
 * full length that ends here, a neighbour one that forwards, an interface's network one that
 * knows no link address. So a lookup is the whole decision.
 *
 *      frame -> Ethernet, IP, checksum -> lookup -> hop limit -> MACs, checksum in place -> port
 *                    |        |             |          |
 *                malformed  bad_checksum  no_route  ttl_expired ...
 *
 * When not to use it: neighbours do not answer and are not asked (no ARP, no ND), and nobody
 * is told why his packet was dropped (no ICMP); both come later.
 */
#ifndef SHARDS_ROUTER_ROUTES_H
#define SHARDS_ROUTER_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "../common/text.h"
#include "table.h"

#define RT_INTERFACES_MAX 32u

/** enum rt_reason - why a frame goes no further; 0: it does. Counters of the program. */
enum rt_reason {
	RT_FORWARD,
	RT_NO_ROUTE,
	RT_TTL_EXPIRED,
	RT_MALFORMED,
	RT_BAD_CHECKSUM,
	RT_NOT_FOR_US, /* for a group of stations, or an address that no router forwards */
	RT_FOR_US, /* for an address of ours; nobody is there to answer yet */
	RT_NO_NEIGHBOUR,
	RT_NOT_IP,
	RT_REASONS,
};

struct rt_interface {
	char name[CRAFT_NAME_BYTES];
	uint8_t mac[CRAFT_MAC_BYTES];
};

/** struct rt_routes - zeroed memory is an empty config */
struct rt_routes {
	uint32_t interface_count;
	struct rt_interface interface[RT_INTERFACES_MAX];
	struct rt_table table;
};

/**
 * rt_routes_parse() - read a config
 * @bytes: hostile; may be NULL when @byte_count is 0
 * @ret: zeroed by the caller; zeroed again on failure
 * @ret_errors: zeroed by the caller; sorted by line
 *
 * Return: 0, or -1 with at least one error.
 */
int rt_routes_parse(struct rt_routes *ret, const void *bytes, size_t byte_count,
		    struct craft_errors *ret_errors);

/**
 * rt_routes_forward() - decide and rewrite one frame in place
 * @frame: @length bytes; others may write them meanwhile, which harms the frame alone
 * @ret_interface: where it goes; untouched unless it is forwarded, as is the frame
 */
enum rt_reason rt_routes_forward(const struct rt_routes *routes, void *frame, uint32_t length,
				 uint32_t *ret_interface);

#endif
