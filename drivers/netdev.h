/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netdev.h: a network interface, whatever stands behind it.
 *
 *      vanity_grant_at() --netdev_open--> struct netdev
 *                                            |  each turn of the shard's loop:
 *      netdev_send()     packets, by where their bytes lie                     -> copied, or
 * refused netdev_receive()  frames of the shard's own pool, each with one packet  -> refs
 *      netdev_turn()     once a turn, after both: rings posted, the kernel told, buffers out
 *
 *      backend   receives                                 sends
 *      xdp       into frames, without a copy              one copy, into a frame of its own pool
 *      tuntap    read(2) into a frame: the kernel copies  write(2): the kernel copies
 *      pcap      one copy out of the capture              one copy into a pcapng block, appended
 *      loop      what was sent, one copy                  that copy
 *
 * A packet is an Ethernet frame without its checksum. What was sent is copied (or written) before
 * netdev_send() returns: the sender's frame can go home at once, and nothing borrowed ever lies in
 * a device. Nothing here blocks. What device, file and forebear wrote are claims: what cannot be
 * true is counted, and costs that packet or that frame; a ring whose indices cannot be true stops
 * the device, which from then on receives nothing and sends nothing.
 *
 * A packet that is not sent has exactly one of the reasons TX_FULL, TX_OVERSIZE, TX_BAD, LINK_DOWN
 * and GONE.
 *
 * It is a device interface, not the one: storage and accelerators have their own. Not for finding
 * or configuring interfaces: the topology names them, and setup binds them.
 */
#ifndef DRIVERS_NETDEV_H
#define DRIVERS_NETDEV_H

#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

#define NETDEV_ETHERNET_BYTES 14u
#define NETDEV_VLAN_BYTES 4u

/* Why packets went no further, and what it cost; 64-bit, only ever growing. */
enum netdev_count {
	NETDEV_RECEIVED, /* packets given to the shard */
	NETDEV_SENT, /* packets the device or file took */
	NETDEV_COPIED, /* packets copied by us: xdp and pcap to send, pcap and loop to receive */
	NETDEV_KICKS, /* system calls: kicks, reads, writes */
	NETDEV_RX_NO_FRAME, /* turns in which the device was short of frames and none was free */
	NETDEV_RX_BAD, /* the device said what cannot be: a frame outside the pool or not its own, a
			* length, an index; or a file did */
	NETDEV_TX_FULL, /* not sent: the device has no room */
	NETDEV_TX_OVERSIZE, /* not sent: longer than the link or the frame takes */
	NETDEV_TX_BAD, /* not sent: no Ethernet header, or nothing this device can carry */
	NETDEV_LINK_DOWN, /* not sent: the interface is down; and each time that was found reading
			   */
	NETDEV_GONE, /* not sent: the interface is no more; and each time that was found reading */
	NETDEV_REPLAYED, /* ring entries of a forebear that were acted on already */
	NETDEV_RECLAIMED, /* frames found with the device when this generation started */
	NETDEV_COUNTS,
};

struct netdev_packet {
	const void *bytes;
	uint32_t length;
};

/* What the program will do with it. */
#define NETDEV_RECEIVES (1u << 0)
#define NETDEV_SENDS (1u << 1)

#include "netdev_state.h"

/**
 * netdev_open() - make a granted device ready
 * @dev: zeroed, in the program's carry; keeps pointers to @self, @grant and @pool
 * @pool: where frames come from: of this shard; xdp has its own (`dma`) and ignores this one; NULL
 *        where nothing is received
 * @uses: NETDEV_RECEIVES, NETDEV_SENDS or both
 * @ret_words: why not, for vanity_fatal()
 *
 * Context: before vanity_ready(): frames the device still has of our forebear are claimed here.
 * Return: 0, or -1.
 */
int netdev_open(struct netdev *dev, struct vanity_shard *self, const struct vanity_grant *grant,
		struct vanity_pool *pool, uint32_t uses, const char **ret_words);

/**
 * netdev_receive() - take packets that arrived
 * @ret_ref: room for @ref_max; each names a frame this shard now holds, its packet within
 * @ref_max: 0..VANITY_BURST_MAX
 *
 * Take only what can be put: the rest waits where it is. Not while vanity_frozen().
 * Return: number of packets.
 */
uint32_t netdev_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);

/**
 * netdev_send_room() - how many packets netdev_send() would deal with now, at most @max
 *
 * A device that is down, gone or has taken nothing for a while has room for @max: it refuses them,
 * counted, so that it stops nobody but itself. Else what it has no room for may wait where it is.
 */
uint32_t netdev_send_room(struct netdev *dev, uint32_t max);

/**
 * netdev_send() - send packets, or count why not
 * @n: 0..VANITY_BURST_MAX
 *
 * Owner: the bytes are the caller's again when this returns.
 * Return: number accepted.
 */
uint32_t netdev_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n);

/**
 * netdev_turn() - the end of a turn
 * Return: 1 when another turn would move something now: do not sleep.
 */
int netdev_turn(struct netdev *dev);

/**
 * netdev_due() - when the device has a packet by a clock of its own (a capture's pace)
 *
 * For vanity_wait_until(), after a netdev_receive() of one or more: what is due then waits for
 * nothing but its time.
 * Return: a value of vanity_now(), in the past where there is one now; VANITY_NEVER where no clock
 * has a say.
 */
uint64_t netdev_due(const struct netdev *dev);

/** netdev_send_max() - bytes of the longest packet without a VLAN tag that can be sent now */
uint32_t netdev_send_max(const struct netdev *dev);

/** netdev_bytes() - where a received packet lies */
void *netdev_bytes(const struct netdev *dev, const struct vanity_ref *ref);

#endif
