/* SPDX-License-Identifier: Apache-2.0 */
/* slotrelay: takes no more slots than it can pass on. Test-only. */
#include <stdint.h>

#include <vanity/vanity.h>

#define BURST 8u
#define WORDS (VANITY_SLOT_BYTES_MAX / 8u)

struct relay {
	uint64_t slot[BURST * WORDS];
};
VANITY_CARRY(struct relay, 1)

enum { RELAY_SHORT = 1 };
VANITY_COUNTERS({ RELAY_SHORT, "short" })

int vanity_main(struct vanity_shard *self)
{
	struct relay *r = vanity_carry(self);
	struct vanity_rx *in = vanity_rx(self, "in");
	struct vanity_tx *out = vanity_tx(self, "out");

	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = vanity_slot_take(in, r->slot, vanity_tx_room(out, BURST));

		if (n == 0) {
			vanity_wait(self, 20000);
			continue;
		}
		if (vanity_slot_put(out, r->slot, n) != n)
			return vanity_fatal(self, 1, "room was promised and is not there");
		vanity_tx_publish(out);
	}
	return 0;
}
