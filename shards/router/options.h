/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h: what a router must read between the IP header and what it carries.
 *
 * IPv4 (RFC 1812, 5.3.13): record route and timestamp get the router's entry where they have
 * room, unknown options are passed on unchanged, a malformed list is a parameter problem; source
 * routes are refused (RFC 7126, 4.3 and 4.4: the older "must support" helped attackers only). IPv6
 * (RFC 8200, 4.2): of all extension headers only hop-by-hop is a router's, and the two top bits of
 * an unknown option say what to do.
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
 * rt_options4_mark() - our entry in record route and timestamp options: RFC 791, 3.1
 * @ip: a header of our own with @header_bytes; what a list cannot hold is left out
 * @own: an address of ours on the link it leaves by, as in the header
 * @stamp: milliseconds of a clock of our own
 */
void rt_options4_mark(void *ip, uint32_t header_bytes, uint32_t own, uint32_t stamp);

/**
 * rt_options6() - the hop-by-hop header of a packet that has one
 * @ip: with @ip_bytes, the whole packet
 * Return: RT_FORWARD, RT_MALFORMED, or RT_BAD_OPTION; type 0 in @ret_error: tell nobody.
 */
enum rt_reason rt_options6(const void *ip, uint32_t ip_bytes, struct rt_error *ret_error);

#endif
