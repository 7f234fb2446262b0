/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewriter: a receiver that was taken over. What it sends asks for port 53; once it is sent, it
 * makes it port 23 where it lies, and 53 again, and so on. It only writes what is its own to write.
 * Test-only: whoever judges its frames where they lie has judged something else.
 *
 * The simulator runs it, and tests/tenants/test-verdict as a process.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#define SENT_MAX 512u
#define PORT_AT 36u /* Ethernet, IPv4 without options, the second port of UDP */
#define BYTES 60u
#define ASKED 53u
#define FORGED 23u

struct rewriter {
	uint64_t left;
	uint8_t *sent[SENT_MAX];
	uint32_t sent_count;
};
VANITY_CARRY(struct rewriter, 1)

enum { REWRITER_SENT = 1, REWRITER_REWRITTEN };
VANITY_COUNTERS({ REWRITER_SENT, "sent" }, { REWRITER_REWRITTEN, "rewritten" })

/* 10.0.0.1 to 198.51.100.7, UDP without a checksum: the port can change and nobody sees it. */
static const uint8_t packet[BYTES] = {
	2,    0, 0, 0,     0, 1,  2, 0, 0,  0,  0,    2,    8,  0, /* */
	0x45, 0, 0, 46,    0, 0,  0, 0, 64, 17, 0x46, 0x86, 10, 0, 0, 1, 198, 51, 100, 7, /* */
	4,    0, 0, ASKED, 0, 26, 0, 0, /* */
};

static void rewrite(struct vanity_shard *self, struct rewriter *r, uint8_t port)
{
	for (uint32_t i = 0; i < r->sent_count; i++)
		*(volatile uint8_t *)&r->sent[i][PORT_AT + 1] = port;
	vanity_count(self, REWRITER_REWRITTEN, r->sent_count);
}

static void send(struct vanity_shard *self, struct rewriter *r, struct vanity_pool *pool,
		 struct vanity_tx *out)
{
	struct vanity_ref ref[8];
	uint32_t n = vanity_tx_room(out, r->left < 8 ? (uint32_t)r->left : 8);

	n = vanity_frame_take(pool, ref, n);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *bytes;
		uint32_t known = 0;

		ref[i].length = BYTES;
		bytes = vanity_ref_write(self, &ref[i]);
		for (uint32_t k = 0; k < BYTES; k++)
			bytes[k] = packet[k];
		while (known < r->sent_count && r->sent[known] != bytes)
			known++;
		if (known == r->sent_count && known < SENT_MAX)
			r->sent[r->sent_count++] = bytes;
		vanity_tx_put(out, &ref[i]);
	}
	vanity_tx_publish(out);
	r->left -= n;
	vanity_count(self, REWRITER_SENT, n);
}

int vanity_main(struct vanity_shard *self)
{
	struct rewriter *r = vanity_carry(self);
	struct vanity_pool *pool = vanity_pool_at(self, 0);
	struct vanity_tx *out = vanity_tx(self, "out");
	uint64_t turn = 0;

	r->left = vanity_option_u64(self, "count", 1000);
	vanity_ready(self);
	while (vanity_running(self)) {
		if (turn % 3 == 0)
			send(self, r, pool, out);
		else
			rewrite(self, r, turn % 3 == 1 ? FORGED : ASKED);
		turn++;
		/* Who waits for room rewrites nothing meanwhile. */
		if (r->left == 0)
			vanity_wait(self, 20000);
	}
	return 0;
}
