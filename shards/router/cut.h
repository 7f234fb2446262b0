/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut.h: an IPv4 packet that is too big for its way, in pieces (RFC 791, 3.2; RFC 1812, 4.2.2.7).
 *
 *      | IP, options | 1480 bytes ......... | .......... | .... |     DF not set
 *      | IP, options | a multiple of 8, MF  |
 *                    | IP, options nulled   | MF         |
 *                                           | IP ...     | as the packet said |
 *
 * Each piece is a frame of our own; the hop it costs is taken from all. The header is copied
 * once and every field of length is written from what was judged, never read again.
 */
#ifndef SHARDS_ROUTER_CUT_H
#define SHARDS_ROUTER_CUT_H

#include <stdint.h>

#include "../common/packet.h"

#define RT_PIECES_MAX 16u /* of one packet: more is somebody's 68-byte joke */

/** rt_cut_bytes() - bytes of payload a piece holds: a multiple of 8; 0: none fits */
uint32_t rt_cut_bytes(const struct craft_packet *packet, uint32_t mtu, uint32_t frame_bytes);

/**
 * rt_cut() - write one piece with a link header whose addresses are the packet's
 * @to: room for the headers and @bytes
 * @at: offset of the piece in the payload; @bytes: how much it may hold
 * Return: the frame's length
 */
uint32_t rt_cut(void *to, const void *frame, const struct craft_packet *packet, uint32_t at,
		uint32_t bytes);

#endif
