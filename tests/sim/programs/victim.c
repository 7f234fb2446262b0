/* SPDX-License-Identifier: Apache-2.0 */
/* victim: what lies behind a firewall that lets port 53 through, and counts what came for another.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#define PORT_AT 36u

enum { VICTIM_ASKED = 1, VICTIM_FORGED };
VANITY_COUNTERS({ VICTIM_ASKED, "asked" }, { VICTIM_FORGED, "forged" })

int vanity_main(struct vanity_shard *self)
{
	struct vanity_rx *in = vanity_rx(self, "in");

	vanity_ready(self);
	while (vanity_running(self)) {
		struct vanity_ref ref[16];
		uint32_t n = vanity_rx_take(in, ref, 16);

		for (uint32_t i = 0; i < n; i++) {
			const volatile uint8_t *bytes = vanity_ref_read(in, &ref[i]);
			uint32_t port = (uint32_t)bytes[PORT_AT] << 8 | bytes[PORT_AT + 1];

			vanity_count(self, port == 53 ? VICTIM_ASKED : VICTIM_FORGED, 1);
			vanity_rx_give_back(in, &ref[i], VANITY_DONE);
		}
		if (n == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
