/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_netdev: an AF_XDP kernel that claims anything, and a driver that dies at any time.
 *
 * Each byte of input is a step: a turn of the shard, a death and a successor, or a claim: a cursor,
 * a descriptor, a completion, a word of `keep`. The pool here checks what the real one asserts: no
 * frame is taken that is not free, none is dropped, put or claimed twice, every packet received
 * lies within its frame. An honest kernel's steps are among them, so that things get anywhere.
 */
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/netdev.h"
#include "drivers/xdp.h"

#include "../fuzz.h"

#define FRAMES 40u /* not a multiple of 64 */
#define FRAME_BYTES 2048u
#define ENTRIES 8u
#define KEEP_BYTES 512u

struct vanity_shard {
	int nothing;
};
struct vanity_pool {
	int nothing;
};

struct ring {
	uint32_t producer, consumer, flags, unused;
	uint64_t slot[2 * ENTRIES];
};

static struct vanity_shard shard;
static struct vanity_pool pool;
static uint8_t memory[FRAMES * FRAME_BYTES];
static uint8_t place[FRAMES]; /* 0 free, 1 held, 2 lent on */
static bool ready, frozen;
static struct ring ring[VANITY_RINGS];
static uint64_t keep[KEEP_BYTES / 8];
static struct vanity_grant_facts facts;
static struct vanity_grant grant;
static struct netdev dev;
static uint64_t now;
static const uint8_t *input;
static size_t left;

static void check(int holds)
{
	if (!holds)
		abort();
}

static uint32_t take(uint32_t bytes)
{
	uint32_t value = 0;

	for (; bytes > 0 && left > 0; bytes--, left--)
		value = value << 8 | *input++;
	return value;
}

/* --- the library, as far as a driver wants it ------------------------------------------------- */

uint32_t vanity_frame_take(struct vanity_pool *p, struct vanity_ref *ret_ref, uint32_t n)
{
	uint32_t taken = 0;

	(void)p;
	check(ready);
	for (uint32_t i = 0; i < FRAMES && taken < n && !frozen; i++) {
		if (place[i] == 0) {
			place[i] = 1;
			ret_ref[taken++] = (struct vanity_ref){ .frame = i };
		}
	}
	return taken;
}

void vanity_frame_drop(struct vanity_pool *p, const struct vanity_ref *ref, uint32_t reason)
{
	(void)p;
	(void)reason;
	check(ready && ref->frame < FRAMES && place[ref->frame] == 1);
	place[ref->frame] = 0;
}

uint32_t vanity_pool_claim(struct vanity_pool *p, uint64_t *bits)
{
	uint32_t claimed = 0;

	(void)p;
	check(!ready);
	for (uint32_t i = 0; i < 64; i++) {
		if (!(*bits >> i & 1))
			continue;
		if (i >= FRAMES || place[i] != 0) {
			*bits &= ~(1ull << i);
			continue;
		}
		place[i] = 1;
		claimed++;
	}
	return claimed;
}

uint32_t vanity_pool_frame_bytes(const struct vanity_pool *p)
{
	(void)p;
	return FRAME_BYTES;
}

enum vanity_link vanity_grant_link(struct vanity_shard *self, const struct vanity_grant *g,
				   uint32_t *ret_mtu)
{
	(void)self;
	*ret_mtu = g->facts->mtu;
	return VANITY_LINK_UP;
}

int vanity_frozen(const struct vanity_shard *self)
{
	(void)self;
	return frozen;
}

uint64_t vanity_now(struct vanity_shard *self)
{
	(void)self;
	return now++;
}

uint64_t vanity_hz(struct vanity_shard *self)
{
	(void)self;
	return 1000;
}

void vanity_log(struct vanity_shard *self, const char *text, uint64_t a, uint64_t b)
{
	(void)self;
	(void)text;
	(void)a;
	(void)b;
}

void *vanity_ref_write(struct vanity_shard *self, const struct vanity_ref *ref)
{
	(void)self;
	return memory + ref->frame * FRAME_BYTES + ref->offset;
}

void sim_point(const void *word);
uint64_t sim_cycles(void);

static uint32_t until_death;
static jmp_buf death;

void sim_point(const void *word)
{
	(void)word;
	if (until_death != 0 && --until_death == 0)
		longjmp(death, 1);
}

uint64_t sim_cycles(void)
{
	return now;
}

/* --- the kernel --------------------------------------------------------------------------------
 */

static long kick(void *context)
{
	struct ring *tx = &ring[VANITY_RING_TX], *done = &ring[VANITY_RING_DONE];

	(void)context;
	for (uint32_t i = 0; i < 2 && tx->consumer != tx->producer; i++)
		done->slot[done->producer++ % ENTRIES] = tx->slot[tx->consumer++ % ENTRIES * 2];
	return left > 0 && *input == 0xff ? VANITY_GRANT_DOWN : 0;
}

static void arrive(uint32_t length)
{
	struct ring *fill = &ring[VANITY_RING_FILL], *rx = &ring[VANITY_RING_RX];

	if (fill->consumer == fill->producer)
		return;
	rx->slot[rx->producer % ENTRIES * 2] = fill->slot[fill->consumer++ % ENTRIES] + 256;
	rx->slot[rx->producer++ % ENTRIES * 2 + 1] = length;
}

static void claim(void)
{
	struct ring *r = &ring[take(1) % VANITY_RINGS];
	uint32_t what = take(1);

	switch (what % 6) {
	case 0:
		r->producer += (uint32_t)(int8_t)take(1);
		break;
	case 1:
		r->consumer += (uint32_t)(int8_t)take(1);
		break;
	case 2:
		r->flags = take(1);
		break;
	case 3:
		r->slot[take(1) % (2 * ENTRIES)] = take(4);
		break;
	case 4:
		r->slot[take(1) % (2 * ENTRIES)] = (uint64_t)take(4) << 32 | take(4);
		break;
	default:
		/* What a forebear left: never between two touches of a living one. */
		keep[take(1) % (KEEP_BYTES / 8)] = (uint64_t)take(4) << 32 | take(4);
		memset(&dev, 0, sizeof(dev));
		break;
	}
}

/* --- the shard ---------------------------------------------------------------------------------
 */

static void raise_shard(void)
{
	const char *words = NULL;

	for (uint32_t i = 0; i < FRAMES; i++)
		place[i] = place[i] == 1 ? 0 : place[i];
	memset(&dev, 0, sizeof(dev));
	ready = false;
	check(netdev_open(&dev, &shard, &grant, NULL, NETDEV_RECEIVES | NETDEV_SENDS, &words) == 0);
	ready = true;
	(void)netdev_turn(&dev);
}

static void turn(void)
{
	static uint8_t bytes[FRAME_BYTES];
	struct vanity_ref ref[VANITY_BURST_MAX];
	struct netdev_packet packet[3] = { { bytes, 60 }, { bytes, take(1) * 8 }, { bytes, 1514 } };
	uint32_t n = netdev_receive(&dev, ref, take(1) % 65), held = 0;

	for (uint32_t i = 0; i < n; i++) {
		check(ref[i].frame < FRAMES && place[ref[i].frame] == 1);
		check(ref[i].length >= 14 && ref[i].offset + ref[i].length <= FRAME_BYTES);
		place[ref[i].frame] = 2;
	}
	n = netdev_send_room(&dev, 3);
	check(netdev_send(&dev, packet, n) <= n);
	(void)netdev_turn(&dev);
	for (uint32_t i = 0; i < FRAMES; i++)
		held += place[i] == 1;
	/* What we hold is with the kernel as far as we know, or spare. */
	check(held == dev.spare.count + dev.xdp.posted_count + dev.xdp.sending_count);
	for (uint32_t i = take(1) % 8; i < FRAMES; i++)
		place[i] = place[i] == 2 ? 0 : place[i];
}

static void begin(void)
{
	static const struct vanity_grant_calls calls = { .kick = kick };

	memset(place, 0, sizeof(place));
	memset(ring, 0, sizeof(ring));
	memset(keep, 0, sizeof(keep));
	facts = (struct vanity_grant_facts){ .kind = VANITY_GRANT_XDP, .epoch = 1, .mtu = 1500 };
	grant = (struct vanity_grant){ .name = "d",
				       .facts = &facts,
				       .keep = keep,
				       .keep_bytes = sizeof(keep),
				       .pool = &pool,
				       .pool_base = memory,
				       .pool_frames = FRAMES,
				       .calls = &calls };
	for (uint32_t i = 0; i < VANITY_RINGS; i++) {
		facts.ring[i] = (struct vanity_ring_place){
			.producer = 0,
			.consumer = 4,
			.flags = 8,
			.desc = 16,
			.entries = ENTRIES,
			.entry_bytes = i == VANITY_RING_RX || i == VANITY_RING_TX ? 16 : 8,
		};
		grant.window[i] = (struct vanity_window){ &ring[i], sizeof(ring[i]) };
		ring[i].producer = ring[i].consumer = 0xfffffffcu;
	}
	ring[VANITY_RING_TX].flags = 1;
	frozen = false;
	until_death = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	input = data;
	left = data_bytes;
	begin();
	raise_shard();
	while (left > 0) {
		switch (take(1) % 8) {
		case 0:
			if (setjmp(death) == 0) {
				until_death = 1 + take(1);
				turn();
				until_death = 0;
				break;
			}
			raise_shard();
			break;
		case 1:
			claim();
			if (dev.self == NULL)
				raise_shard();
			break;
		case 2:
			frozen = take(1) & 1;
			break;
		case 3:
			facts.epoch += take(1) & 1;
			raise_shard();
			break;
		case 4:
			arrive(take(2));
			break;
		case 5:
			arrive(60);
			break;
		default:
			turn();
			break;
		}
	}
	return 0;
}
