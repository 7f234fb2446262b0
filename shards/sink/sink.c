/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink: the end of the road, and the witness. Takes from every input it was given, counts,
 * follows the sequence numbers, hashes the bytes, and gives every frame back.
 */
#include <stdbool.h>
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/text.h"
#include "digest.h"
#include "sequence.h"

enum { SINK_BAD_OPTION = 1, SINK_NO_INPUT };
enum {
	SINK_RECEIVED = 1,
	SINK_BYTES,
	SINK_MISSING,
	SINK_OUT_OF_ORDER,
	SINK_EPOCHS,
	SINK_DIGEST,
};

VANITY_COUNTERS({ SINK_RECEIVED, "received" }, { SINK_BYTES, "bytes" }, { SINK_MISSING, "missing" },
		{ SINK_OUT_OF_ORDER, "out_of_order" }, { SINK_EPOCHS, "epochs" },
		{ SINK_DIGEST, "digest" })

struct sink_input {
	struct vanity_rx *rx;
	uint64_t digest;
	struct sequence_input sequence;
};

struct sink {
	uint32_t input_count;
	bool hash;
	struct sink_input input[VANITY_PORTS_MAX];
	struct sequence sequence;
};
VANITY_CARRY(struct sink, 1)

static int load(struct vanity_shard *self, struct sink *sink)
{
	uint64_t cycle = vanity_option_u64(self, "cycle", 1);
	const char *check = vanity_option(self, "check");
	struct vanity_rx *rx;

	if (cycle < 1 || cycle > SEQUENCE_CYCLE_MAX)
		return vanity_fatal(self, SINK_BAD_OPTION, "option cycle: 1 to 65536");
	sequence_init(&sink->sequence, (uint32_t)cycle);
	sink->hash = true;
	if (check != NULL) {
		struct craft_word word = { (const uint8_t *)check, 0, 1 };

		while (word.length < VANITY_TEXT_MAX && check[word.length] != '\0')
			word.length++;
		sink->hash = craft_word_is(&word, "all");
		if (!sink->hash && !craft_word_is(&word, "none"))
			return vanity_fatal(self, SINK_BAD_OPTION, "option check: all or none");
	}
	while (sink->input_count < VANITY_PORTS_MAX &&
	       (rx = vanity_rx_at(self, sink->input_count)) != NULL) {
		sink->input[sink->input_count].rx = rx;
		sink->input[sink->input_count].digest = DIGEST_START;
		sink->input_count++;
	}
	if (sink->input_count == 0)
		return vanity_fatal(self, SINK_NO_INPUT, "sink has no input: bind a channel to it");
	return 0;
}

static uint32_t drain_burst(struct vanity_shard *self, struct sink *sink, struct sink_input *input)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t n = vanity_rx_take(input->rx, ref, VANITY_BURST_MAX);
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		bytes += ref[i].length;
		sequence_see(&sink->sequence, &input->sequence, ref[i].flags, ref[i].tag);
		if (sink->hash)
			input->digest = digest_frame(
				input->digest, vanity_ref_read(input->rx, &ref[i]), ref[i].length);
		vanity_rx_give_back(input->rx, &ref[i], VANITY_DONE);
	}
	if (n > 0) {
		vanity_count(self, SINK_RECEIVED, n);
		vanity_count(self, SINK_BYTES, bytes);
	}
	return n;
}

/* Each input has a digest of its own, because the order between inputs is nobody's promise;
 * their sum does not depend on it. With one input it is that input's. */
static void show(struct vanity_shard *self, const struct sink *sink)
{
	uint64_t digest = 0;

	for (uint32_t i = 0; i < sink->input_count; i++)
		digest += sink->input[i].digest;
	vanity_gauge(self, SINK_DIGEST, sink->hash ? digest : 0);
	vanity_gauge(self, SINK_MISSING, sink->sequence.missing);
	vanity_gauge(self, SINK_OUT_OF_ORDER, sink->sequence.out_of_order);
	vanity_gauge(self, SINK_EPOCHS, sink->sequence.epochs);
}

int vanity_main(struct vanity_shard *self)
{
	struct sink *sink = vanity_carry(self);
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (load(self, sink) != 0)
		return 1;
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < sink->input_count; i++)
			n += drain_burst(self, sink, &sink->input[i]);
		if (n > 0)
			show(self, sink);
		else
			vanity_wait(self, spin_ns);
	}
	return 0;
}
