/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold.c: the firewall of tenant B, which keeps what nobody else may see wherever a program can:
 * in its memory, on its stack, in registers. It lets packets pass, but those to the port of the
 * topology's rules, which it drops.
 */
#include "canary.h"
#include "vectors.h"

#include <stdbool.h>

#include "vanity/vanity.h"

#define SPIN_NS 50000u
#define STATE_WORDS 32768u
#define STACK_WORDS 1024u
#define UDP_PORT_AT 36u /* Ethernet, IPv4 without options */
#define DENIED_PORT 7u

enum { HOLD_PASSED = 1, HOLD_DENIED };
VANITY_COUNTERS({ HOLD_PASSED, "passed" }, { HOLD_DENIED, "denied" })

struct hold {
	uint64_t word[STATE_WORDS];
	uint8_t packet[2048]; /* the last one denied */
};
VANITY_CARRY(struct hold, 1)

static __attribute__((noinline)) void fill(volatile uint64_t *word, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		word[i] = canary_word(CANARY_STATE, i);
}

static bool denied(const uint8_t *bytes, uint32_t length)
{
	return length > UDP_PORT_AT + 2 && bytes[UDP_PORT_AT] == 0 &&
	       bytes[UDP_PORT_AT + 1] == DENIED_PORT;
}

static uint32_t pass(struct vanity_shard *self, struct hold *hold, uint32_t pair)
{
	struct vanity_rx *rx = vanity_rx_at(self, pair);
	struct vanity_tx *tx = vanity_tx_at(self, pair);
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t n = vanity_rx_take(rx, ref, vanity_tx_room(tx, VANITY_BURST_MAX));

	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *bytes = vanity_ref_read(rx, &ref[i]);

		if (denied(bytes, ref[i].length)) {
			memcpy(hold->packet, bytes, ref[i].length & 2047);
			vanity_rx_give_back(rx, &ref[i], HOLD_DENIED);
		} else {
			vanity_tx_put(tx, &ref[i]);
			vanity_count(self, HOLD_PASSED, 1);
		}
	}
	if (n > 0)
		vanity_tx_publish(tx);
	return n;
}

int vanity_main(struct vanity_shard *self)
{
	struct hold *hold = vanity_carry(self);
	volatile uint64_t on_stack[STACK_WORDS];
	const uint64_t word = canary_word(CANARY_STATE, 0);

	fill(hold->word, STATE_WORDS);
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = 0;

		fill(on_stack, STACK_WORDS);
		vectors_fill(&word);
		for (uint32_t i = 0; vanity_rx_at(self, i) != NULL; i++)
			n += pass(self, hold, i);
		if (n == 0)
			vanity_wait(self, SPIN_NS);
	}
	return 0;
}
