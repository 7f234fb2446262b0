/* SPDX-License-Identifier: Apache-2.0 */
/*
 * victim: what lies behind a firewall that lets port 53 through. It counts what came for another,
 * and frames whose bytes changed while it had them: it takes a digest of each twice.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#define PORT_AT 36u
#define BURST 16u

enum { VICTIM_ASKED = 1, VICTIM_FORGED, VICTIM_MOVED };
VANITY_COUNTERS({ VICTIM_ASKED, "asked" }, { VICTIM_FORGED, "forged" }, { VICTIM_MOVED, "moved" })

/* FNV-1a, each byte read once. */
static uint64_t digest(const volatile uint8_t *bytes, uint32_t length)
{
	uint64_t sum = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; i < length; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3ull;
	return sum;
}

static void look(struct vanity_shard *self, struct vanity_rx *in, const struct vanity_ref *ref,
		 uint32_t n)
{
	uint64_t first[BURST];

	for (uint32_t i = 0; i < n; i++) {
		const volatile uint8_t *bytes = vanity_ref_read(in, &ref[i]);
		uint32_t port = (uint32_t)bytes[PORT_AT] << 8 | bytes[PORT_AT + 1];

		vanity_count(self, port == 53 ? VICTIM_ASKED : VICTIM_FORGED, 1);
		first[i] = digest(bytes, ref[i].length);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (digest(vanity_ref_read(in, &ref[i]), ref[i].length) != first[i])
			vanity_count(self, VICTIM_MOVED, 1);
		vanity_rx_give_back(in, &ref[i], VANITY_DONE);
	}
}

int vanity_main(struct vanity_shard *self)
{
	struct vanity_rx *in = vanity_rx(self, "in");

	vanity_ready(self);
	while (vanity_running(self)) {
		struct vanity_ref ref[BURST];
		uint32_t n = vanity_rx_take(in, ref, BURST);

		look(self, in, ref, n);
		if (n == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
