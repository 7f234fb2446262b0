/* SPDX-License-Identifier: Apache-2.0 */
#include "netdev_inner.h"

int netdev_open(struct netdev *dev, struct vanity_shard *self, const struct vanity_grant *grant,
		struct vanity_pool *pool, uint32_t uses, const char **ret_words)
{
	const char *words = NULL;
	int ret = -1;

	dev->self = self;
	dev->grant = grant;
	dev->kind = grant->facts->kind;
	dev->uses = uses;
	dev->pool = dev->kind == VANITY_GRANT_XDP ? grant->pool : pool;
	if (dev->pool != NULL)
		dev->frame_bytes = vanity_pool_frame_bytes(dev->pool);
	dev->room_max = UINT32_MAX;
	if (dev->pool == NULL && dev->kind != VANITY_GRANT_XDP && (uses & NETDEV_RECEIVES) != 0) {
		*ret_words = "device: nothing to receive into: its shard owns no pool";
		return -1;
	}
	switch (dev->kind) {
	case VANITY_GRANT_XDP:
		ret = xdp_open(dev, &words);
		break;
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		ret = tuntap_open(dev, &words);
		break;
	case VANITY_GRANT_PCAP:
		ret = file_open(dev, &words);
		break;
	case VANITY_GRANT_LOOP:
		ret = loop_open(dev, &words);
		break;
	default:
		words = "device: of a kind this program does not know";
		break;
	}
	if (words != NULL)
		*ret_words = words;
	return ret;
}

uint32_t netdev_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	if (ref_max > NETDEV_BURST)
		ref_max = NETDEV_BURST;
	switch (dev->kind) {
	case VANITY_GRANT_XDP:
		return xdp_receive(dev, ret_ref, ref_max);
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		return tuntap_receive(dev, ret_ref, ref_max);
	case VANITY_GRANT_PCAP:
		return file_receive(dev, ret_ref, ref_max);
	default:
		return loop_receive(dev, ret_ref, ref_max);
	}
}

/* Why nothing can be sent now, or NETDEV_COUNTS. @ret_max: bytes of a packet without a tag. */
static enum netdev_count refusal(const struct netdev *dev, uint32_t *ret_max)
{
	uint32_t mtu = 0;
	enum vanity_link link = vanity_grant_link(dev->self, dev->grant, &mtu);

	*ret_max = dev->room_max;
	if (mtu != 0 && mtu < dev->room_max - NETDEV_ETHERNET_BYTES)
		*ret_max = mtu + NETDEV_ETHERNET_BYTES;
	if (dev->broken || link == VANITY_LINK_GONE || dev->error == VANITY_GRANT_GONE)
		return NETDEV_GONE;
	if (link == VANITY_LINK_DOWN || dev->error == VANITY_GRANT_DOWN)
		return NETDEV_LINK_DOWN;
	return NETDEV_COUNTS;
}

uint32_t netdev_send_room(struct netdev *dev, uint32_t max)
{
	uint32_t plain_max, room;

	if (max > NETDEV_BURST)
		max = NETDEV_BURST;
	if (dev->kind != VANITY_GRANT_XDP || refusal(dev, &plain_max) != NETDEV_COUNTS)
		return max;
	room = xdp_send_room(dev, max);
	return room == 0 && dev->xdp.stalled ? max : room;
}

uint32_t netdev_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n)
{
	uint32_t plain_max;
	enum netdev_count why = refusal(dev, &plain_max);

	if (n == 0)
		return 0;
	if (why != NETDEV_COUNTS) {
		netdev_add(dev, why, n);
		return 0;
	}
	switch (dev->kind) {
	case VANITY_GRANT_XDP:
		return xdp_send(dev, packet, n, plain_max);
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		return tuntap_send(dev, packet, n, plain_max);
	case VANITY_GRANT_PCAP:
		return file_send(dev, packet, n, plain_max);
	default:
		return loop_send(dev, packet, n, plain_max);
	}
}

int netdev_turn(struct netdev *dev)
{
	switch (dev->kind) {
	case VANITY_GRANT_XDP:
		return xdp_turn(dev);
	case VANITY_GRANT_PCAP:
		return file_turn(dev);
	default:
		return 0;
	}
}

uint64_t netdev_due(const struct netdev *dev)
{
	return dev->kind == VANITY_GRANT_PCAP ? file_due(dev) : VANITY_NEVER;
}

uint32_t netdev_send_max(const struct netdev *dev)
{
	uint32_t plain_max;

	(void)refusal(dev, &plain_max);
	return plain_max;
}

void *netdev_bytes(const struct netdev *dev, const struct vanity_ref *ref)
{
	if (dev->kind == VANITY_GRANT_XDP)
		return dev->xdp.base +
		       ((uint64_t)(ref->frame - dev->grant->pool_first) << dev->xdp.shift) +
		       ref->offset;
	return vanity_ref_write(dev->self, ref);
}
