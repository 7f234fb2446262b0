/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netdev.h: a network interface, whatever stands behind it.
 *
 *      vanity_grant_at() --netdev_open--> struct netdev
 *                                            |  each turn of the shard's loop:
 *      netdev_receive()  frames of the shard's own pool, each with one packet   -> refs
 *      netdev_send()     packets, by where their bytes lie                     -> copied, or refused
 *      netdev_turn()     once a turn, after both: rings posted, the kernel told, buffers out
 *
 *      backend   receives                                 sends
 *      xdp       into frames, without a copy              one copy, into a frame of its own pool
 *      tuntap    read(2) into a frame: the kernel copies  write(2): the kernel copies
 *      pcap      one copy out of the capture              one copy into a pcapng block, appended
 *      loop      what was sent, one copy
 *
 * A packet is an Ethernet frame without its checksum, at most netdev_send_max() bytes to send.
 * Nothing here blocks. What device, file and forebear wrote are claims: what cannot be true is
 * counted, and costs that packet or that frame.
 *
 * It is a device interface, not the one: storage and accelerators have their own. Not for finding
 * or configuring interfaces: the topology names them, and setup binds them.
 */
#ifndef DRIVERS_NETDEV_H
#define DRIVERS_NETDEV_H

#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

/* Why packets went no further, and what it cost; 64-bit, only ever growing. */
enum netdev_count {
	NETDEV_RECEIVED, /* packets given to the shard */
	NETDEV_SENT, /* packets the device or file took */
	NETDEV_COPIED, /* of those, copied by us (xdp, pcap, loop) */
	NETDEV_KICKS, /* system calls: kicks, reads, writes */
	NETDEV_RX_NO_FRAME, /* times nothing could be posted or read for want of free frames */
	NETDEV_RX_BAD, /* received what cannot be: outside the pool, not posted, too short or long */
	NETDEV_TX_FULL, /* not sent: the device has no room */
	NETDEV_TX_OVERSIZE, /* not sent: longer than the link or the frame takes */
	NETDEV_TX_BAD, /* not sent: no Ethernet header, or nothing this device can carry */
	NETDEV_LINK_DOWN, /* not sent: the interface is down */
	NETDEV_GONE, /* not sent: the interface is no more */
	NETDEV_REPLAYED, /* ring entries of a forebear that were acted on already */
	NETDEV_RECLAIMED, /* frames found with the device when this generation started */
	NETDEV_COUNTS,
};

struct netdev_packet {
	const void *bytes;
	uint32_t length;
};

/*
 * struct netdev, with the state of its backend, is in the program's carry: see netdev_state.h.
 *
 * int netdev_open(struct netdev *dev, struct vanity_shard *self, const struct vanity_grant *grant,
 *                 struct vanity_pool *pool);
 * uint32_t netdev_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);
 * uint32_t netdev_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n);
 * void netdev_turn(struct netdev *dev);
 * uint32_t netdev_send_max(const struct netdev *dev);
 */

#endif
