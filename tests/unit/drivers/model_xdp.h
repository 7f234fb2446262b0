/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_xdp.h: the kernel's side of an AF_XDP socket, in memory of the test's own.
 *
 * It follows linux/if_xdp.h and no code of the driver's: what checks must not be what made. It
 * says by its cursors and descriptors what the kernel would, or what a test wants it to claim.
 *
 *      model_arrive()   fill ring -> a packet -> rx ring
 *      model_kick()     tx ring -> noted -> done ring (at most model.kick_max a call)
 *
 * A packet that arrives carries a running number, so that a test can tell lost from doubled.
 */
#ifndef TESTS_UNIT_DRIVERS_MODEL_XDP_H
#define TESTS_UNIT_DRIVERS_MODEL_XDP_H

#include <stdbool.h>
#include <stdint.h>

#include <vanity/grant.h>

#define MODEL_ENTRIES_MAX 64u
#define MODEL_FRAMES_MAX 256u
#define MODEL_FRAME_BYTES 2048u
#define MODEL_HEADROOM 256u
#define MODEL_SENT_MAX 4096u

struct model_ring {
	uint32_t producer, consumer, flags, unused;
	union {
		uint64_t addr[MODEL_ENTRIES_MAX];
		struct {
			uint64_t addr;
			uint32_t length, options;
		} desc[MODEL_ENTRIES_MAX];
	};
};

struct model {
	/* what the driver sees */
	struct model_ring ring[VANITY_RINGS];
	uint64_t keep[64];
	struct vanity_grant_facts facts;
	struct vanity_grant grant;

	/* what the test says */
	uint32_t kick_max;
	bool no_completion; /* what was sent stays with the kernel */
	long kick_answer;

	/* what happened */
	uint8_t *pool;
	uint32_t frames;
	uint32_t arrived; /* number of the next packet */
	uint32_t dropped; /* arrived, and there was no frame posted */
	uint32_t kicks;
	uint32_t sent_count;
	uint32_t sent[MODEL_SENT_MAX]; /* the number in each packet that left */
	uint32_t kernel_count;
	uint64_t kernel[MODEL_FRAMES_MAX]; /* addresses being sent */
};
extern struct model model;

/** model_new() - rings of @entries (rx, tx, done) and @fill entries, all cursors at @start */
void model_new(void *pool, uint32_t frames, uint32_t entries, uint32_t fill, uint32_t start);
/** model_arrive() - one packet of @length bytes. Return: whether there was a frame for it */
bool model_arrive(uint32_t length);
/** model_complete() - one frame being sent is done */
void model_complete(void);
/** model_has() - how often the kernel has a frame: in a ring, or under way */
uint32_t model_has(uint32_t frame);
/** model_number() - of a packet that arrived, or was made by model_packet() */
uint32_t model_number(const void *packet);
void model_packet(void *packet, uint32_t length, uint32_t number);

#endif
