/* SPDX-License-Identifier: Apache-2.0 */
#include "../shards/cm.h"

#include "model_xdp.h"

struct model model;

static long model_kick(void *context);

static const struct vanity_grant_calls calls = { .kick = model_kick };

void model_new(void *pool, uint32_t frames, uint32_t entries, uint32_t fill, uint32_t start)
{
	memset(&model, 0, sizeof(model));
	model.pool = pool;
	model.frames = frames;
	model.kick_max = 32;
	model.facts.kind = VANITY_GRANT_XDP;
	model.facts.epoch = 7;
	model.facts.mtu = 1500;
	for (uint32_t i = 0; i < VANITY_RINGS; i++) {
		struct model_ring *ring = &model.ring[i];
		bool descs = i == VANITY_RING_RX || i == VANITY_RING_TX;

		ring->producer = start;
		ring->consumer = start;
		model.facts.ring[i] = (struct vanity_ring_place){
			.producer = offsetof(struct model_ring, producer),
			.consumer = offsetof(struct model_ring, consumer),
			.flags = offsetof(struct model_ring, flags),
			.desc = offsetof(struct model_ring, addr),
			.entries = i == VANITY_RING_FILL ? fill : entries,
			.entry_bytes = descs ? 16 : 8,
		};
		model.grant.window[i] = (struct vanity_window){ ring, sizeof(*ring) };
	}
	/* Copy mode: the tx ring wants a kick, always. */
	model.ring[VANITY_RING_TX].flags = 1;
	model.grant.name = "wan";
	model.grant.facts = &model.facts;
	model.grant.keep = model.keep;
	model.grant.keep_bytes = sizeof(model.keep);
	model.grant.pool_base = pool;
	model.grant.pool_frames = frames;
	model.grant.calls = &calls;
}

static uint32_t mask(uint32_t ring)
{
	return model.facts.ring[ring].entries - 1;
}

void model_packet(void *packet, uint32_t length, uint32_t number)
{
	memset(packet, 0x5a, length);
	memcpy((uint8_t *)packet + 6, &number, 4);
}

uint32_t model_number(const void *packet)
{
	uint32_t number;

	memcpy(&number, (const uint8_t *)packet + 6, 4);
	return number;
}

bool model_arrive(uint32_t length)
{
	struct model_ring *fill = &model.ring[VANITY_RING_FILL], *rx = &model.ring[VANITY_RING_RX];
	uint32_t number = model.arrived++;
	uint64_t addr;

	if (fill->producer == fill->consumer ||
	    rx->producer - rx->consumer > mask(VANITY_RING_RX)) {
		model.dropped++;
		return false;
	}
	addr = fill->addr[fill->consumer++ & mask(VANITY_RING_FILL)];
	assert_true(addr / MODEL_FRAME_BYTES < model.frames);
	addr += MODEL_HEADROOM;
	model_packet(model.pool + addr, length, number);
	rx->desc[rx->producer & mask(VANITY_RING_RX)].addr = addr;
	rx->desc[rx->producer & mask(VANITY_RING_RX)].length = length;
	rx->desc[rx->producer & mask(VANITY_RING_RX)].options = 0;
	rx->producer++;
	return true;
}

void model_complete(void)
{
	struct model_ring *done = &model.ring[VANITY_RING_DONE];

	assert_true(model.kernel_count > 0);
	assert_true(done->producer - done->consumer <= mask(VANITY_RING_DONE));
	done->addr[done->producer++ & mask(VANITY_RING_DONE)] = model.kernel[0];
	model.kernel_count--;
	memmove(model.kernel, model.kernel + 1, model.kernel_count * sizeof(model.kernel[0]));
}

static long model_kick(void *context)
{
	struct model_ring *tx = &model.ring[VANITY_RING_TX];

	(void)context;
	model.kicks++;
	if (model.kick_answer != 0)
		return model.kick_answer;
	for (uint32_t i = 0; i < model.kick_max && tx->consumer != tx->producer; i++) {
		uint64_t addr = tx->desc[tx->consumer & mask(VANITY_RING_TX)].addr;

		assert_true(addr / MODEL_FRAME_BYTES < model.frames);
		assert_true(model.kernel_count < MODEL_FRAMES_MAX);
		if (model.sent_count < MODEL_SENT_MAX)
			model.sent[model.sent_count++] = model_number(model.pool + addr);
		model.kernel[model.kernel_count++] = addr;
		tx->consumer++;
		if (!model.no_completion)
			model_complete();
	}
	return 0;
}

static uint32_t in_ring(uint32_t ring, uint32_t frame)
{
	const struct model_ring *r = &model.ring[ring];
	uint32_t n = 0;

	for (uint32_t at = r->consumer; at != r->producer; at++) {
		uint64_t addr = ring == VANITY_RING_RX || ring == VANITY_RING_TX
					? r->desc[at & mask(ring)].addr
					: r->addr[at & mask(ring)];

		n += addr / MODEL_FRAME_BYTES == frame;
	}
	return n;
}

uint32_t model_has(uint32_t frame)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < VANITY_RINGS; i++)
		n += in_ring(i, frame);
	for (uint32_t i = 0; i < model.kernel_count; i++)
		n += model.kernel[i] / MODEL_FRAME_BYTES == frame;
	return n;
}
