/* SPDX-License-Identifier: Apache-2.0 */
/* merge: every input into one output, as room allows. Test-only: a middle with many lenders. */
#include <stdint.h>

#include <vanity/vanity.h>

#define BURST 16u

enum { MERGE_PASSED = 1 };
VANITY_COUNTERS({ MERGE_PASSED, "passed" })

int vanity_main(struct vanity_shard *self)
{
	struct vanity_tx *out = vanity_tx(self, "out");

	vanity_ready(self);
	while (vanity_running(self)) {
		struct vanity_rx *in;
		uint32_t sum = 0;

		for (uint32_t k = 0; (in = vanity_rx_at(self, k)) != NULL; k++) {
			struct vanity_ref ref[BURST];
			uint32_t n = vanity_rx_take(in, ref, vanity_tx_room(out, BURST));

			for (uint32_t i = 0; i < n; i++)
				vanity_tx_put(out, &ref[i]);
			vanity_tx_publish(out);
			sum += n;
		}
		vanity_count(self, MERGE_PASSED, sum);
		if (sum == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
