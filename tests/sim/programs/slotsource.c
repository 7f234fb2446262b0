/* SPDX-License-Identifier: Apache-2.0 */
/* slotsource: numbered slots into a plain channel. Test-only. */
#include <stdint.h>

#include <vanity/vanity.h>

#define BURST 8u
#define WORDS (VANITY_SLOT_BYTES_MAX / 8u)

enum { SOURCE_SENT = 1 };
VANITY_COUNTERS({ SOURCE_SENT, "sent" })

struct source {
	uint64_t slot[BURST * WORDS];
	uint64_t next;
	uint64_t left;
};
VANITY_CARRY(struct source, 1)

int vanity_main(struct vanity_shard *self)
{
	struct source *s = vanity_carry(self);
	struct vanity_tx *out = vanity_tx(self, "out");
	uint32_t words = vanity_tx_slot_bytes(out) / 8;

	s->left = vanity_option_u64(self, "count", 100);
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = s->left < BURST ? (uint32_t)s->left : BURST;

		/* Every word of a slot names its number: a torn one shows. */
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t w = 0; w < words; w++)
				s->slot[i * words + w] =
					(uint64_t)vanity_generation(self) << 32 | (s->next + i);
		n = vanity_slot_put(out, s->slot, n);
		vanity_tx_publish(out);
		s->next += n;
		s->left -= n;
		vanity_count(self, SOURCE_SENT, n);
		if (n == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
