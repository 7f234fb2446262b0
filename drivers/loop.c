/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c: what was sent comes back. For tests, and for a topology whose device is not there yet.
 */
#include "netdev_inner.h"
#include "shared.h"

_Static_assert((NETDEV_LOOP_MAX & (NETDEV_LOOP_MAX - 1)) == 0, "a masked index");

int loop_open(struct netdev *dev, const char **ret_words)
{
	if (dev->pool == NULL) {
		*ret_words = "device: loop needs a pool of its shard";
		return -1;
	}
	dev->room_max = dev->frame_bytes;
	return 0;
}

uint32_t loop_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	struct netdev_loop *loop = &dev->loop;
	uint32_t n = 0;

	for (; n < ref_max && loop->head != loop->tail; n++)
		ret_ref[n] = loop->ref[loop->head++ & (NETDEV_LOOP_MAX - 1)];
	netdev_add(dev, NETDEV_RECEIVED, n);
	return n;
}

uint32_t loop_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		   uint32_t plain_max)
{
	struct netdev_loop *loop = &dev->loop;
	uint32_t sent = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct vanity_ref ref;

		if (!netdev_takes(dev, &packet[i], plain_max))
			continue;
		/* Nobody will take it back out where nothing is received. */
		if ((dev->uses & NETDEV_RECEIVES) == 0) {
			sent++;
			continue;
		}
		if (loop->tail - loop->head == NETDEV_LOOP_MAX) {
			netdev_add(dev, NETDEV_TX_FULL, 1);
			continue;
		}
		if (!netdev_frame(dev, &ref)) {
			netdev_add(dev, NETDEV_RX_NO_FRAME, 1);
			netdev_add(dev, NETDEV_TX_FULL, 1);
			continue;
		}
		ref.length = packet[i].length;
		memcpy(netdev_bytes(dev, &ref), packet[i].bytes, packet[i].length);
		loop->ref[loop->tail++ & (NETDEV_LOOP_MAX - 1)] = ref;
		netdev_add(dev, NETDEV_COPIED, 1);
		sent++;
	}
	netdev_add(dev, NETDEV_SENT, sent);
	return sent;
}
