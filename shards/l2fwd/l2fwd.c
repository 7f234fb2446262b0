/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l2fwd: what comes in by one input goes out by the output of the same number; the least a program
 * can do to a packet and still touch it.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/mem.h"

#define ETHERNET_BYTES 14u

enum { L2FWD_NO_INPUT = 1, L2FWD_UNPAIRED, L2FWD_BAD_OPTION };
enum { L2FWD_FORWARDED = 1, L2FWD_SHORT, L2FWD_READ_ONLY };
VANITY_COUNTERS({ L2FWD_FORWARDED, "forwarded" }, { L2FWD_SHORT, "short" },
		{ L2FWD_READ_ONLY, "read_only" })

enum l2fwd_mac { MAC_UPDATE, MAC_SWAP, MAC_KEEP };

struct l2fwd {
	struct vanity_rx *in[VANITY_PORTS_MAX];
	struct vanity_tx *out[VANITY_PORTS_MAX];
	uint32_t pair_count;
	enum l2fwd_mac mac;
};
VANITY_CARRY(struct l2fwd, 1)

static int same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

static int bind(struct vanity_shard *self, struct l2fwd *fwd)
{
	const char *mac = vanity_option(self, "mac");
	uint32_t n = 0;

	for (; n < VANITY_PORTS_MAX && vanity_rx_at(self, n) != NULL; n++) {
		fwd->in[n] = vanity_rx_at(self, n);
		fwd->out[n] = vanity_tx_at(self, n);
		if (fwd->out[n] == NULL)
			return vanity_fatal(self, L2FWD_UNPAIRED,
					    "l2fwd has more inputs than outputs");
	}
	if (n == 0)
		return vanity_fatal(self, L2FWD_NO_INPUT, "l2fwd has no input");
	if (vanity_tx_at(self, n) != NULL)
		return vanity_fatal(self, L2FWD_UNPAIRED, "l2fwd has more outputs than inputs");
	fwd->pair_count = n;
	if (mac == NULL || same(mac, "update"))
		fwd->mac = MAC_UPDATE;
	else if (same(mac, "swap"))
		fwd->mac = MAC_SWAP;
	else if (same(mac, "keep"))
		fwd->mac = MAC_KEEP;
	else
		return vanity_fatal(self, L2FWD_BAD_OPTION, "option mac: update, swap or keep");
	return 0;
}

/* From us, on this output, to whoever is behind it: as the example of that name does. */
static void mac_update(uint8_t *frame, uint32_t output)
{
	const uint8_t to[6] = { 2, 0, 0, 0, 0, (uint8_t)output };
	const uint8_t from[6] = { 2, 0, 0, 0, 1, (uint8_t)output };

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
}

static void mac_swap(uint8_t *frame)
{
	uint8_t addr[12];

	memcpy(addr, frame + 6, 6);
	memcpy(addr + 6, frame, 6);
	memcpy(frame, addr, 12);
}

/* Return: VANITY_DONE, or why it cannot go on. */
static uint32_t rewrite(struct vanity_shard *self, const struct l2fwd *fwd, uint32_t pair,
			const struct vanity_ref *ref)
{
	uint8_t *frame;

	if (ref->length < ETHERNET_BYTES)
		return L2FWD_SHORT;
	if (fwd->mac == MAC_KEEP)
		return VANITY_DONE;
	frame = vanity_ref_write(self, ref);
	/* The topology's mistake, not the packet's: say `access = [ l2fwd:rw ]`. */
	if (frame == NULL)
		return L2FWD_READ_ONLY;
	if (fwd->mac == MAC_UPDATE)
		mac_update(frame, pair);
	else
		mac_swap(frame);
	return VANITY_DONE;
}

static uint32_t forward(struct vanity_shard *self, struct l2fwd *fwd, uint32_t pair)
{
	struct vanity_rx *in = fwd->in[pair];
	struct vanity_tx *out = fwd->out[pair];
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t n = vanity_rx_take(in, ref, vanity_tx_room(out, VANITY_BURST_MAX));
	uint32_t forwarded = 0;

	if (n == 0)
		return 0;
	if (fwd->mac != MAC_KEEP) {
		for (uint32_t i = 0; i < n; i++)
			__builtin_prefetch(vanity_ref_read(in, &ref[i]), 1);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t reason = rewrite(self, fwd, pair, &ref[i]);

		if (reason != VANITY_DONE) {
			vanity_rx_give_back(in, &ref[i], reason);
			continue;
		}
		vanity_tx_put(out, &ref[i]);
		forwarded++;
	}
	vanity_tx_publish(out);
	vanity_count(self, L2FWD_FORWARDED, forwarded);
	return n;
}

int vanity_main(struct vanity_shard *self)
{
	struct l2fwd *fwd = vanity_carry(self);
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (bind(self, fwd) != 0)
		return 1;
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < fwd->pair_count; i++)
			n += forward(self, fwd, i);
		if (n == 0)
			vanity_wait(self, spin_ns);
	}
	return 0;
}
