/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nic: one interface. What it receives goes to its outputs, what its inputs bring is sent.
 *
 *      device --receive--> frames of our pool --> out ...      several: by flow hash
 *      in ...  --> copied into the device, and home at once --> device
 *
 * Both sides are optional: without outputs nothing is received, without inputs nothing is sent.
 */
#include <stdbool.h>
#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

#include "drivers/netdev.h"

#include "flow.h"

#define LAST_TURNS 64u

enum { NIC_NO_GRANT = 1, NIC_MANY_GRANTS, NIC_NO_POOL, NIC_NO_PORT, NIC_BAD_DEVICE };

#define NIC_COUNTER(count) ((count) + 1u)
VANITY_COUNTERS({ NIC_COUNTER(NETDEV_RECEIVED), "received" }, { NIC_COUNTER(NETDEV_SENT), "sent" },
		{ NIC_COUNTER(NETDEV_COPIED), "copied" }, { NIC_COUNTER(NETDEV_KICKS), "kicks" },
		{ NIC_COUNTER(NETDEV_RX_NO_FRAME), "no_frame" },
		{ NIC_COUNTER(NETDEV_RX_BAD), "rx_bad" },
		{ NIC_COUNTER(NETDEV_TX_FULL), "tx_full" },
		{ NIC_COUNTER(NETDEV_TX_OVERSIZE), "oversize" },
		{ NIC_COUNTER(NETDEV_TX_BAD), "tx_bad" },
		{ NIC_COUNTER(NETDEV_LINK_DOWN), "link_down" },
		{ NIC_COUNTER(NETDEV_GONE), "gone" }, { NIC_COUNTER(NETDEV_REPLAYED), "replayed" },
		{ NIC_COUNTER(NETDEV_RECLAIMED), "reclaimed" })
_Static_assert(NETDEV_COUNTS == 13, "a name for each count");

struct nic {
	struct vanity_rx *in[VANITY_PORTS_MAX];
	struct vanity_tx *out[VANITY_PORTS_MAX];
	uint32_t in_count, out_count;
	bool asked; /* this turn the device was asked for packets */
	uint64_t shown[NETDEV_COUNTS]; /* what our counters say */
	struct netdev dev;
};
VANITY_CARRY(struct nic, 1)

static int bind(struct vanity_shard *self, struct nic *nic)
{
	const struct vanity_grant *grant = vanity_grant_at(self, 0);
	struct vanity_pool *pool = vanity_pool_at(self, 0);
	const char *words = "";
	uint32_t uses = 0;

	while (nic->in_count < VANITY_PORTS_MAX && vanity_rx_at(self, nic->in_count) != NULL) {
		nic->in[nic->in_count] = vanity_rx_at(self, nic->in_count);
		nic->in_count++;
	}
	while (nic->out_count < VANITY_PORTS_MAX && vanity_tx_at(self, nic->out_count) != NULL) {
		nic->out[nic->out_count] = vanity_tx_at(self, nic->out_count);
		nic->out_count++;
	}
	if (grant == NULL)
		return vanity_fatal(self, NIC_NO_GRANT, "nic has no device: say grant = DEVICE");
	if (vanity_grant_at(self, 1) != NULL)
		return vanity_fatal(self, NIC_MANY_GRANTS, "nic drives one device, and has more");
	if (nic->in_count == 0 && nic->out_count == 0)
		return vanity_fatal(self, NIC_NO_PORT, "nic has no channel: nothing to do");
	if (pool == NULL && (nic->out_count > 0 || grant->facts->kind == VANITY_GRANT_XDP))
		return vanity_fatal(self, NIC_NO_POOL,
				    "nic owns no pool: say pool NAME { owner = ... }");
	if (nic->in_count > 0)
		uses |= NETDEV_SENDS;
	if (nic->out_count > 0)
		uses |= NETDEV_RECEIVES;
	if (netdev_open(&nic->dev, self, grant, pool, uses, &words) != 0)
		return vanity_fatal(self, NIC_BAD_DEVICE, words);
	return 0;
}

/* Any packet may go to any output: the fullest that makes us wait says how many we can take. */
static uint32_t room(const struct nic *nic)
{
	uint32_t least = VANITY_BURST_MAX;

	for (uint32_t i = 0; i < nic->out_count && least > 0; i++)
		least = vanity_tx_room(nic->out[i], least);
	return least;
}

/* Return: packets received and put. */
static uint32_t receive(struct vanity_shard *self, struct nic *nic)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t n, max;

	nic->asked = false;
	/* Sums are being compared, or we are to come to rest: what arrives waits in the device. */
	if (nic->out_count == 0 || vanity_frozen(self))
		return 0;
	max = room(nic);
	nic->asked = max > 0;
	n = netdev_receive(&nic->dev, ref, max);
	if (n == 0)
		return 0;
	if (nic->out_count == 1) {
		for (uint32_t i = 0; i < n; i++)
			vanity_tx_put(nic->out[0], &ref[i]);
		vanity_tx_publish(nic->out[0]);
		return n;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t hash = nic_flow_hash(netdev_bytes(&nic->dev, &ref[i]), ref[i].length);

		vanity_tx_put(nic->out[nic_flow_pick(hash, nic->out_count)], &ref[i]);
	}
	for (uint32_t i = 0; i < nic->out_count; i++)
		vanity_tx_publish(nic->out[i]);
	return n;
}

/* Return: packets taken from an input, all of them sent or counted. */
static uint32_t transmit(struct nic *nic, struct vanity_rx *in)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	struct netdev_packet packet[VANITY_BURST_MAX];
	uint32_t n = vanity_rx_take(in, ref, netdev_send_room(&nic->dev, VANITY_BURST_MAX));

	for (uint32_t i = 0; i < n; i++) {
		packet[i].bytes = vanity_ref_read(in, &ref[i]);
		packet[i].length = ref[i].length;
		__builtin_prefetch(packet[i].bytes);
	}
	if (n > 0)
		(void)netdev_send(&nic->dev, packet, n);
	/* Copied or refused: either way the device does not need it any more. */
	for (uint32_t i = 0; i < n; i++)
		vanity_rx_give_back(in, &ref[i], VANITY_DONE);
	return n;
}

static void show(struct vanity_shard *self, struct nic *nic)
{
	for (uint32_t i = 0; i < NETDEV_COUNTS; i++) {
		uint64_t more = nic->dev.count[i] - nic->shown[i];

		if (more == 0)
			continue;
		vanity_count(self, NIC_COUNTER(i), more);
		nic->shown[i] = nic->dev.count[i];
	}
}

int vanity_main(struct vanity_shard *self)
{
	struct nic *nic = vanity_carry(self);
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (bind(self, nic) != 0)
		return 1;
	vanity_ready(self);
	/* Frames into the device before the first packet is looked for. */
	(void)netdev_turn(&nic->dev);
	while (vanity_running(self)) {
		uint32_t moved = 0;
		int again;

		for (uint32_t i = 0; i < nic->in_count; i++)
			moved += transmit(nic, nic->in[i]);
		moved += receive(self, nic);
		again = netdev_turn(&nic->dev);
		show(self, nic);
		/* A packet that comes by a clock rings no bell. */
		if (moved == 0 && !again)
			vanity_wait_until(self, spin_ns,
					  nic->asked ? netdev_due(&nic->dev) : VANITY_NEVER);
	}
	/* What it took it said is done: a device without room at the very end gets more chances. */
	for (uint32_t i = 0; i < LAST_TURNS && netdev_turn(&nic->dev) != 0; i++)
		continue;
	show(self, nic);
	return 0;
}
