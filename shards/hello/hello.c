/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello: the front door. Says who it is, counts its beats, and gives back what it is handed.
 * Needs no port and no grant; runs in every world. Copy this file to begin a shard.
 */
#include <stdint.h>

#include <vanity/vanity.h>

enum { HELLO_BEATS = 1, HELLO_GREETED };

VANITY_COUNTERS({ HELLO_BEATS, "beats" }, { HELLO_GREETED, "greeted" })

/* All mutable state of a program lies here: no globals, so two instances never meet. */
struct hello {
	struct vanity_ref burst[VANITY_BURST_MAX];
};
VANITY_CARRY(struct hello, 1)

static void greet(struct vanity_shard *self, const char *name)
{
	char words[64] = "hello, "; /* the rest is zero: it ends where we stop */

	for (uint32_t i = 7; *name != 0 && i < sizeof(words) - 1; i++)
		words[i] = *name++;
	vanity_log(self, words, 0, 0);
}

int vanity_main(struct vanity_shard *self)
{
	struct hello *hello = vanity_carry(self);
	struct vanity_rx *in = vanity_rx_at(self, 0); /* NULL when the topology gives no input */
	const char *name = vanity_option(self, "name");
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	greet(self, name != NULL ? name : "world");
	vanity_ready(self); /* from here on only sleeping enters the kernel */
	while (vanity_running(self)) {
		uint32_t n = 0;

		vanity_count(self, HELLO_BEATS, 1);
		if (in != NULL)
			n = vanity_rx_take(in, hello->burst, VANITY_BURST_MAX);
		for (uint32_t i = 0; i < n; i++)
			vanity_rx_give_back(in, &hello->burst[i], HELLO_GREETED);
		if (n == 0)
			vanity_wait(self, spin_ns);
	}
	return 0;
}
