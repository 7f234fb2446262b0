/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h: what a router must read between the IP header and what it carries.
 *
 * IPv4 (RFC 1812, 5.3.13): unknown options, record route and timestamp are passed on unchanged;
 * a malformed list is a parameter problem; source routes are refused (RFC 7126, 4.3 and 4.4: the
 * older "must support" helped attackers only). IPv6 (RFC 8200, 4.2): of all extension headers
 * only hop-by-hop is a router's, and the two top bits of an unknown option say what to do.
 */
#ifndef SHARDS_ROUTER_OPTIONS_H
#define SHARDS_ROUTER_OPTIONS_H

#include <stdint.h>

#include "forward.h"

/**
 * rt_options4() - the bytes behind the fixed header of a packet with any
 * Return: RT_FORWARD, RT_SOURCE_ROUTED or RT_BAD_OPTION with @ret_error filled.
 */
enum rt_reason rt_options4(const void *ip, uint32_t header_bytes, struct rt_error *ret_error);

/**
 * rt_options6() - the hop-by-hop header of a packet that has one
 * @ip: with @ip_bytes, the whole packet
 * Return: RT_FORWARD, RT_MALFORMED, or RT_BAD_OPTION; type 0 in @ret_error: tell nobody.
 */
enum rt_reason rt_options6(const void *ip, uint32_t ip_bytes, struct rt_error *ret_error);

#endif
