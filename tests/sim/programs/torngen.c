/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torngen: a shard that was taken over. It sends numbered slots, and now and then marks one as
 * written for a while that lies behind a gap, by reaching into the library's private books; or, by
 * `lie = beyond`, it says for a while that its tail is beyond all slots. Test-only: its reader must
 * not take what lies behind a gap, believe no tail, and nobody else may notice.
 */
#include <stdint.h>

#include "core/private.h"

#define WORDS (VANITY_SLOT_BYTES_MAX / 8u)

struct torn {
	uint64_t slot[WORDS];
	uint64_t next, left;
};
VANITY_CARRY(struct torn, 1)

enum { TORN_SENT = 1, TORN_LIES };
VANITY_COUNTERS({ TORN_SENT, "sent" }, { TORN_LIES, "lies" })

int vanity_main(struct vanity_shard *self)
{
	struct torn *t = vanity_carry(self);
	struct vanity_tx *out = vanity_tx(self, "out");
	uint32_t words = vanity_tx_slot_bytes(out) / 8;
	uint64_t every = vanity_option_u64(self, "every", 100);
	const char *lie = vanity_option(self, "lie");

	t->left = vanity_option_u64(self, "count", 1000);
	vanity_ready(self);
	while (vanity_running(self)) {
		if (t->left == 0 || vanity_tx_room(out, 4) < 4) {
			vanity_wait(self, 20000);
			continue;
		}
		for (uint32_t w = 0; w < words; w++)
			t->slot[w] = t->next;
		t->left--;
		if (++t->next % every == 0) {
			vanity_count(self, TORN_LIES, 1);
			if (lie == NULL)
				slots_put(out->ch.slots, out->slot, out->tail + 2, 0, t->slot, 1);
			else
				wire_store(&out->mine->tail, out->tail + 1000);
			for (uint32_t i = 0; i < 20; i++)
				arch_pause();
			/* Taken back, so that what follows keeps to the slots. */
			slot_format(&out->ch.slots, out->slot, out->tail + 2);
			wire_store(&out->mine->tail, out->tail);
			continue;
		}
		if (vanity_slot_put(out, t->slot, 1) == 1)
			vanity_count(self, TORN_SENT, 1);
		vanity_tx_publish(out);
	}
	return 0;
}
