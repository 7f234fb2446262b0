/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netdev_inner.h: what netdev.c and the backends tell each other.
 *
 *      netdev.c   what all have in common: the link's state and length, which backend
 *      xdp.c tuntap.c file.c loop.c   one backend each; open, receive, send, turn
 */
#ifndef DRIVERS_NETDEV_INNER_H
#define DRIVERS_NETDEV_INNER_H

#include "netdev.h"

#define NETDEV_BURST VANITY_BURST_MAX

int xdp_open(struct netdev *dev, const char **ret_words);
uint32_t xdp_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);
uint32_t xdp_send_room(struct netdev *dev, uint32_t max);
uint32_t xdp_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		  uint32_t plain_max);
int xdp_turn(struct netdev *dev);

int tuntap_open(struct netdev *dev, const char **ret_words);
uint32_t tuntap_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);
uint32_t tuntap_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		     uint32_t plain_max);

int file_open(struct netdev *dev, const char **ret_words);
uint32_t file_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);
uint32_t file_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		   uint32_t plain_max);
int file_turn(struct netdev *dev);
uint64_t file_due(const struct netdev *dev);

int loop_open(struct netdev *dev, const char **ret_words);
uint32_t loop_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max);
uint32_t loop_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		   uint32_t plain_max);

static inline void netdev_add(struct netdev *dev, enum netdev_count count, uint64_t n)
{
	dev->count[count] += n;
}

/* A call failed or did not. Return: whether it failed. */
static inline bool netdev_failed(struct netdev *dev, long result)
{
	dev->error = result < 0 ? (int)result : 0;
	return result < 0;
}

/* Whether the length suits; counts why not. @plain_max: of a packet without a VLAN tag. */
static inline bool netdev_takes(struct netdev *dev, const struct netdev_packet *packet,
				uint32_t plain_max)
{
	const uint8_t *b = packet->bytes;
	uint32_t type;

	if (packet->length < NETDEV_ETHERNET_BYTES) {
		netdev_add(dev, NETDEV_TX_BAD, 1);
		return false;
	}
	if (packet->length <= plain_max)
		return true;
	/* Four bytes more behind an 802.1Q or 802.1ad tag: the link's limit is without it. */
	type = (uint32_t)b[12] << 8 | b[13];
	if ((type == 0x8100 || type == 0x88a8) && packet->length <= dev->room_max &&
	    packet->length - NETDEV_VLAN_BYTES <= plain_max)
		return true;
	netdev_add(dev, NETDEV_TX_OVERSIZE, 1);
	return false;
}

/* A free frame: from the spare ones, else from the pool. */
static inline bool netdev_frame(struct netdev *dev, struct vanity_ref *ret_ref)
{
	if (dev->spare.count == 0)
		return vanity_frame_take(dev->pool, ret_ref, 1) == 1;
	*ret_ref = (struct vanity_ref){ .frame = dev->spare.frame[--dev->spare.count] };
	return true;
}

/* Keep it for the next packet. */
static inline void netdev_frame_spare(struct netdev *dev, uint32_t frame)
{
	const struct vanity_ref ref = { .frame = frame };

	if (dev->spare.count < NETDEV_SPARE_MAX)
		dev->spare.frame[dev->spare.count++] = frame;
	else
		vanity_frame_drop(dev->pool, &ref, VANITY_DONE);
}

#endif
