/* SPDX-License-Identifier: Apache-2.0 */
/* slotdrain: takes slots and gives up on a torn one. Test-only. */
#include <stdint.h>

#include <vanity/vanity.h>

#define BURST 8u
#define WORDS (VANITY_SLOT_BYTES_MAX / 8u)

enum { DRAIN_RECEIVED = 1 };
VANITY_COUNTERS({ DRAIN_RECEIVED, "received" })

struct drain {
	uint64_t slot[BURST * WORDS];
};
VANITY_CARRY(struct drain, 1)

int vanity_main(struct vanity_shard *self)
{
	struct drain *d = vanity_carry(self);
	struct vanity_rx *in = vanity_rx(self, "in");
	uint32_t words = vanity_rx_slot_bytes(in) / 8;

	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = vanity_slot_take(in, d->slot, BURST);

		for (uint32_t i = 0; i < n * words; i++)
			if (d->slot[i] != d->slot[i / words * words])
				return vanity_fatal(self, 1, "a slot is torn");
		vanity_count(self, DRAIN_RECEIVED, n);
		if (n == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
