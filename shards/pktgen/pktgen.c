/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pktgen: frames out of a pool, from a capture or a pattern, numbered.
 *
 *      config or pattern -> N packets, index 0..N-1
 *      tag:   0 1 2 ... N-1 | N ... | ... span-1 | 0 ...      span: the largest multiple of N
 *      index: tag % N                                         that fits in 32 bits
 *
 * Because the tag wraps at a multiple of N, its remainder is the packet's index for ever: who
 * counts what is missing (see the sink) can tell a packet that never comes from one that was
 * lost. A packet that fits no frame keeps its number and is skipped.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/craft.h"
#include "../common/mem.h"
#include "drivers/pcap.h"

#define GENERATION_MASK 0x7fffu /* what the 15 flag bits of a ref can hold */
#define PATTERN_BYTES_MIN 60u /* Ethernet's least, without the checksum behind it */
#define PATTERN_BYTES_MAX 65549u /* 14 and the most an IPv4 packet can have */
#define PATTERN_FLOWS_MAX 65536u /* as many indexes as a sink can follow */
#define RATE_MAX 1000000000u /* a packet a nanosecond: keeps the arithmetic in 64 bits */
#define HZ_MAX 9000000000u /* likewise: twice rate times hz must fit */

enum { PKTGEN_BAD_CAPTURE = 1, PKTGEN_BAD_OPTION, PKTGEN_NO_POOL, PKTGEN_READ_ONLY };
enum { PKTGEN_PACKETS = 1, PKTGEN_BYTES, PKTGEN_OVERSIZE, PKTGEN_POOL_EMPTY };

VANITY_COUNTERS({ PKTGEN_PACKETS, "packets" }, { PKTGEN_BYTES, "bytes" },
		{ PKTGEN_OVERSIZE, "oversize" }, { PKTGEN_POOL_EMPTY, "pool_empty" })

struct pktgen {
	const uint8_t *capture; /* NULL: the pattern */
	uint32_t frame_bytes;
	uint32_t pattern_bytes;
	uint32_t cycle; /* N */
	uint32_t index; /* tag % N, kept to save the division */
	uint64_t tag; /* below span */
	uint64_t span; /* up to 2^32 */
	uint64_t left; /* packets still to send; UINT64_MAX: endless */
	uint64_t rate; /* a second; 0: as fast as there is room */
	uint64_t hz;
	uint64_t then; /* cycle counter when credit was last added */
	uint64_t credit; /* packets that may go, times hz */
	struct pcap_index pcap;
};
VANITY_CARRY(struct pktgen, 1)

/* Flow f: its own source address and port; all else is the same in every packet. */
static void pattern_write(void *frame, uint32_t frame_bytes, uint32_t flow)
{
	const struct craft_udp4 udp = {
		.src = 0x0a000000u + flow, /* 10.0.0.0/8 */
		.dst = 0xc6336400u + 1u + flow % 254u, /* 198.51.100.1 to .254 */
		.src_port = (uint16_t)(1024u + flow % 60000u),
		.dst_port = 9, /* discard, RFC 863 */
		.src_mac = { 0x02, 0, 0, 0, 0, 0x01 },
		.dst_mac = { 0x02, 0, 0, 0, 0, 0x02 },
		.ttl = 64,
	};

	craft_udp4_write(frame, frame_bytes, &udp);
}

static uint32_t packet_bytes(const struct pktgen *gen)
{
	return gen->capture != NULL ? gen->pcap.packet[gen->index].length : gen->pattern_bytes;
}

static void next_number(struct pktgen *gen)
{
	gen->index = gen->index + 1 < gen->cycle ? gen->index + 1 : 0;
	gen->tag = gen->tag + 1 < gen->span ? gen->tag + 1 : 0;
}

/* Skips what fits no frame. Ends: at least one packet of the cycle fits, checked at start. */
static void skip_oversize(struct vanity_shard *self, struct pktgen *gen)
{
	uint32_t skipped = 0;

	for (; packet_bytes(gen) > gen->frame_bytes; skipped++)
		next_number(gen);
	if (skipped > 0)
		vanity_count(self, PKTGEN_OVERSIZE, skipped);
}

/* How many packets the rate allows now, at most @max. */
static uint32_t rate_allows(struct vanity_shard *self, struct pktgen *gen, uint32_t max)
{
	uint64_t now, passed, allowed;

	now = vanity_now(self);
	passed = now - gen->then;
	gen->then = now;
	/* What a sleep or a full output cost is made up for, but only a second of it. */
	if (passed > gen->hz)
		passed = gen->hz;
	gen->credit += passed * gen->rate;
	if (gen->credit > gen->rate * gen->hz)
		gen->credit = gen->rate * gen->hz;
	allowed = gen->credit / gen->hz;
	return allowed < max ? (uint32_t)allowed : max;
}

/* When the rate lets the next packet go. */
static uint64_t rate_next(const struct pktgen *gen)
{
	if (gen->credit >= gen->hz)
		return gen->then;
	return gen->then + (gen->hz - gen->credit + gen->rate - 1) / gen->rate;
}

static int load(struct vanity_shard *self, struct pktgen *gen)
{
	size_t config_bytes = 0;
	const void *config = vanity_config(self, &config_bytes);
	uint64_t size, flows;

	if (config != NULL) {
		struct pcap_error error;

		if (pcap_index_read(&gen->pcap, config, config_bytes, &error) != 0)
			return vanity_fatal(self, PKTGEN_BAD_CAPTURE, error.words);
		if (gen->pcap.shortest > gen->frame_bytes)
			return vanity_fatal(self, PKTGEN_BAD_CAPTURE,
					    "capture: no packet fits a frame of the pool");
		gen->capture = config;
		gen->cycle = gen->pcap.count;
	} else {
		size = vanity_option_u64(self, "size", PATTERN_BYTES_MIN);
		if (size < PATTERN_BYTES_MIN || size > gen->frame_bytes || size > PATTERN_BYTES_MAX)
			return vanity_fatal(self, PKTGEN_BAD_OPTION,
					    "option size: 60 to the bytes of a frame");
		flows = vanity_option_u64(self, "flows", 1);
		if (flows < 1 || flows > PATTERN_FLOWS_MAX)
			return vanity_fatal(self, PKTGEN_BAD_OPTION, "option flows: 1 to 65536");
		gen->pattern_bytes = (uint32_t)size;
		gen->cycle = (uint32_t)flows;
	}
	gen->span = (1ull << 32) / gen->cycle * gen->cycle;

	gen->left = vanity_option_u64(self, "count", 0);
	if (gen->left == 0)
		gen->left = UINT64_MAX;
	gen->rate = vanity_option_u64(self, "rate", 0);
	if (gen->rate > RATE_MAX)
		return vanity_fatal(self, PKTGEN_BAD_OPTION, "option rate: at most 1000Mpps");
	gen->hz = vanity_hz(self);
	if (gen->rate != 0 && (gen->hz == 0 || gen->hz > HZ_MAX))
		return vanity_fatal(self, PKTGEN_BAD_OPTION, "option rate: no usable clock here");
	return 0;
}

/* Fills and sends up to @max frames. Return: how many. */
static uint32_t send_burst(struct vanity_shard *self, struct pktgen *gen, struct vanity_pool *pool,
			   struct vanity_tx *out, uint32_t max)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t flags = vanity_generation(self) & GENERATION_MASK;
	uint32_t n = vanity_frame_take(pool, ref, max);
	uint64_t bytes = 0;

	if (n < max)
		vanity_count(self, PKTGEN_POOL_EMPTY, 1);
	for (uint32_t i = 0; i < n; i++) {
		void *frame;

		skip_oversize(self, gen);
		ref[i].offset = 0;
		ref[i].length = packet_bytes(gen);
		ref[i].flags = (uint16_t)flags;
		ref[i].tag = (uint32_t)gen->tag;
		frame = vanity_ref_write(self, &ref[i]);
		/* The owner of a pool writes it, or the plan is not what we think. */
		if (frame == NULL)
			return (uint32_t)vanity_fatal(self, PKTGEN_READ_ONLY,
						      "the pool is not ours to write");
		if (gen->capture != NULL)
			memcpy(frame, gen->capture + gen->pcap.packet[gen->index].at,
			       ref[i].length);
		else
			pattern_write(frame, ref[i].length, gen->index);
		bytes += ref[i].length;
		vanity_tx_put(out, &ref[i]);
		next_number(gen);
	}
	vanity_tx_publish(out);
	if (n > 0) {
		vanity_count(self, PKTGEN_PACKETS, n);
		vanity_count(self, PKTGEN_BYTES, bytes);
	}
	return n;
}

int vanity_main(struct vanity_shard *self)
{
	struct pktgen *gen = vanity_carry(self);
	struct vanity_pool *pool = vanity_pool_at(self, 0);
	struct vanity_tx *out = vanity_tx(self, "out");
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (pool == NULL)
		return vanity_fatal(self, PKTGEN_NO_POOL,
				    "pktgen owns no pool: say pool NAME { owner = ... }");
	gen->frame_bytes = vanity_pool_frame_bytes(pool);
	if (load(self, gen) != 0)
		return 1;
	vanity_ready(self);
	gen->then = vanity_now(self);
	while (vanity_running(self)) {
		uint32_t n = vanity_tx_room(out, VANITY_BURST_MAX);
		uint64_t next = VANITY_NEVER;

		if (n > gen->left)
			n = (uint32_t)gen->left;
		if (n > 0 && gen->rate > 0) {
			n = rate_allows(self, gen, n);
			next = n > 0 ? VANITY_NEVER : rate_next(gen);
		}
		if (n > 0)
			n = send_burst(self, gen, pool, out, n);
		if (gen->left != UINT64_MAX)
			gen->left -= n;
		if (gen->rate != 0)
			gen->credit -= n * gen->hz;
		if (n == 0)
			vanity_wait_until(self, spin_ns, next);
	}
	return 0;
}
