/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuntap.c: /dev/net/tun: one call a packet, and the kernel copies.
 *
 *      frame   |<- 66 ->| Ethernet 14 | IP ...        tap reads at 66
 *                       |<- made up ->|               tun reads at 80
 *
 * The IP header is aligned to 16 bytes, and there is room in front for a tag or a tunnel's header.
 * A tun has no Ethernet: what is received gets a header from 02:00:00:00:00:01 (the kernel's side)
 * to 02:00:00:00:00:02 (ours), locally administered as IEEE 802 has it; what is sent loses its own.
 *
 * Source: Linux Documentation/networking/tuntap.rst, without IFF_VNET_HDR, with IFF_NO_PI.
 */
#include "netdev_inner.h"
#include "shared.h"

#define TUNTAP_AT 66u
#define TUNTAP_BURST 32u /* reads a turn: a call each */
#define TUNTAP_FRAME_MIN 256u

static const uint8_t tun_macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

int tuntap_open(struct netdev *dev, const char **ret_words)
{
	const struct vanity_grant_calls *calls = dev->grant->calls;

	if (calls == NULL || calls->read == NULL || calls->write == NULL) {
		*ret_words = "device: it can be neither read nor written";
		return -1;
	}
	if (dev->pool != NULL && dev->frame_bytes < TUNTAP_FRAME_MIN) {
		*ret_words = "device: the frames of its pool are small";
		return -1;
	}
	dev->tuntap.tun = dev->kind == VANITY_GRANT_TUN;
	return 0;
}

/* Once a time it is found, not once a look. */
static void lost(struct netdev *dev, int before)
{
	if (dev->error != before && dev->error == VANITY_GRANT_GONE)
		netdev_add(dev, NETDEV_GONE, 1);
	else if (dev->error != before && dev->error == VANITY_GRANT_DOWN)
		netdev_add(dev, NETDEV_LINK_DOWN, 1);
}

/* The header a tun's packet does not have. Return: whether it is IP at all. */
static bool tun_header(uint8_t *at)
{
	uint8_t version = at[NETDEV_ETHERNET_BYTES] >> 4;

	memcpy(at, tun_macs, sizeof(tun_macs));
	at[12] = version == 4 ? 0x08 : 0x86;
	at[13] = version == 4 ? 0x00 : 0xdd;
	return version == 4 || version == 6;
}

uint32_t tuntap_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	uint32_t in_front = dev->tuntap.tun ? NETDEV_ETHERNET_BYTES : 0;
	uint32_t room = dev->frame_bytes - TUNTAP_AT - in_front;
	uint32_t n = 0;

	if (dev->error == VANITY_GRANT_GONE)
		return 0;
	for (uint32_t i = 0; i < TUNTAP_BURST && n < ref_max; i++) {
		struct vanity_ref ref;
		int before = dev->error;
		uint8_t *at;
		long bytes;

		if (!netdev_frame(dev, &ref)) {
			netdev_add(dev, NETDEV_RX_NO_FRAME, 1);
			break;
		}
		ref.offset = TUNTAP_AT;
		at = netdev_bytes(dev, &ref);
		bytes = dev->grant->calls->read(dev->grant->context, at + in_front, room);
		netdev_add(dev, NETDEV_KICKS, 1);
		if (bytes <= 0) {
			netdev_frame_spare(dev, ref.frame);
			if (netdev_failed(dev, bytes))
				lost(dev, before);
			break;
		}
		dev->error = 0;
		/* All the room there was is used: it may have been longer, and cut. */
		if ((uint64_t)bytes >= room ||
		    (dev->tuntap.tun ? !tun_header(at) : bytes < (long)NETDEV_ETHERNET_BYTES)) {
			netdev_frame_spare(dev, ref.frame);
			netdev_add(dev, NETDEV_RX_BAD, 1);
			continue;
		}
		ref.length = (uint32_t)bytes + in_front;
		ret_ref[n++] = ref;
	}
	netdev_add(dev, NETDEV_RECEIVED, n);
	return n;
}

/* Whether a tun can carry it: IP, and no tag. */
static bool tun_carries(const struct netdev_packet *packet)
{
	const uint8_t *b = packet->bytes;
	uint32_t type = (uint32_t)b[12] << 8 | b[13];

	return (type == 0x0800 || type == 0x86dd) && packet->length > NETDEV_ETHERNET_BYTES;
}

/* One packet out. Return: 1 when it went. */
static uint32_t put_out(struct netdev *dev, const struct netdev_packet *packet)
{
	uint32_t strip = dev->tuntap.tun ? NETDEV_ETHERNET_BYTES : 0;
	long bytes = dev->grant->calls->write(dev->grant->context,
					      (const uint8_t *)packet->bytes + strip,
					      packet->length - strip);

	netdev_add(dev, NETDEV_KICKS, 1);
	switch (bytes) {
	case VANITY_GRANT_GONE:
		dev->error = (int)bytes;
		netdev_add(dev, NETDEV_GONE, 1);
		return 0;
	case VANITY_GRANT_DOWN:
		/* Not remembered: nothing but the next packet would tell that it is up again. */
		netdev_add(dev, NETDEV_LINK_DOWN, 1);
		return 0;
	case VANITY_GRANT_REFUSED:
		netdev_add(dev, NETDEV_TX_BAD, 1);
		return 0;
	default:
		break;
	}
	if (bytes != (long)(packet->length - strip)) {
		netdev_add(dev, NETDEV_TX_FULL, 1);
		return 0;
	}
	return 1;
}

uint32_t tuntap_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		     uint32_t plain_max)
{
	uint32_t sent = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!netdev_takes(dev, &packet[i], plain_max))
			continue;
		if (dev->error == VANITY_GRANT_GONE)
			netdev_add(dev, NETDEV_GONE, 1);
		else if (dev->tuntap.tun && !tun_carries(&packet[i]))
			netdev_add(dev, NETDEV_TX_BAD, 1);
		else
			sent += put_out(dev, &packet[i]);
	}
	netdev_add(dev, NETDEV_SENT, sent);
	return sent;
}
