/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h: the router's config, read into one table.
 *
 *      interface PORT mac MAC [address ADDR/LEN]... [mtu N]     a port, and who we are there
 *      neighbour ADDR MAC port PORT                             somebody on that link, not asked
 *      route PREFIX via ADDR                                    ... or asked, who knows the way
 *      route PREFIX port PORT MAC                               the same without an address
 *
 * Lines may stand in any order. All become routes of one table: an own address is a route of
 * full length that ends here, a neighbour one that forwards, an interface's network one whose
 * stations are asked for their link addresses. So a lookup is the whole decision; forward.h
 * makes it.
 */
#ifndef SHARDS_ROUTER_ROUTES_H
#define SHARDS_ROUTER_ROUTES_H

#include <stddef.h>
#include <stdint.h>

#include "../common/text.h"
#include "table.h"

#define RT_INTERFACES_MAX 32u
#define RT_ADDRESSES_MAX 8u /* of one interface */
#define RT_MTU 1500u /* Ethernet's: RFC 894, RFC 2464 */
#define RT_MTU_MIN 68u /* RFC 791, 3.2: every module must forward this much */
#define RT_MTU6_MIN 1280u /* RFC 8200, section 5 */
#define RT_MTU_MAX 65535u

struct rt_interface {
	char name[CRAFT_NAME_BYTES];
	uint8_t mac[CRAFT_MAC_BYTES];
	uint32_t mtu; /* bytes of an IP packet */
	uint32_t address_count;
	struct craft_prefix address[RT_ADDRESSES_MAX]; /* bits behind the length are ours */
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

/** rt_interface_network() - the address of ours whose network holds @addr, or NULL */
const struct craft_prefix *rt_interface_network(const struct rt_interface *interface,
						uint32_t family, const struct craft_addr *addr);

#endif
