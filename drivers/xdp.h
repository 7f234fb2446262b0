/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp.h: what an AF_XDP driver writes down for its successor, and how the two stay right.
 *
 *                 take            post             packet             put or drop
 *      pool free ------> in hand ------> posted ----------> in hand ------------> lent, or free
 *                           |                                  (its bit is clear before it is seen)
 *                           v   post              completion
 *                         spare ------> sending ------------> spare
 *
 * A frame is posted (in the fill ring, with the kernel, or in the rx ring) exactly while its bit
 * in `posted` is set, and sending (in the tx ring, with the kernel, or in the done ring) while it
 * is in `sending`; what a death can leave between the two is put right by the successor.
 *
 * Posting n entries where our producer is P:
 *      1 the slots P .. P+n-1 are written      the kernel does not look beyond P
 *      2 intent = { P, n }
 *      3 the bits are set
 *      4 producer = P+n, released              the kernel may take them
 *   A successor that finds intent.at == producer knows that 4 was not done: it clears the bits of
 *   the frames in those slots, which are free. Else all bits of the entries are set.
 *
 * Taking n entries of a ring the kernel fills, where our consumer is C:
 *      1 each entry's bit is cleared, in order, and only then is its frame used
 *      2 consumer = C+n, released
 *   A successor finds entries whose bit is clear only in front: those between 1 and 2. It skips
 *   them, counted as replayed, before it posts anything: a frame posted anew would have its bit
 *   set, and a stale entry would then look like a fresh one.
 *
 * Frames whose bits are left then are claimed from the pool (vanity_pool_claim), which knows
 * nothing of the device and thinks them free.
 *
 * All of it belongs to one binding: another facts.epoch means new rings, and voids every bit.
 */
#ifndef DRIVERS_XDP_H
#define DRIVERS_XDP_H

#include <stdint.h>

#include <vanity/grant.h>

#define XDP_KICKS_MAX 8u /* a turn; in copy mode one moves at most 32 packets */
#define XDP_STALL_PER_S 100u /* the tx ring stands still for 1/100 s: refuse, do not wait */
#define XDP_ENTRIES_MAX (1u << 20)

/* linux/if_xdp.h */
#define XDP_FLAG_NEED_WAKEUP 1u /* XDP_RING_NEED_WAKEUP */
#define XDP_DESC_CONTINUED                                                                         \
	1u /* XDP_PKT_CONTD: a packet in several frames, which we did not ask for */

struct xdp_desc {
	uint64_t addr; /* of the packet's first byte, from the pool's first */
	uint32_t len;
	uint32_t options;
};
_Static_assert(sizeof(struct xdp_desc) == 16, "struct xdp_desc of linux/if_xdp.h");

struct xdp_keep {
	uint64_t epoch; /* the binding all else is about; stored last when it is made void */
	uint64_t fill_intent, tx_intent; /* entries << 32 | producer */
	uint64_t reserved[29];
	uint64_t bits[]; /* posted, then sending: (frames + 63) / 64 words each */
};
_Static_assert(sizeof(struct xdp_keep) == 256, "two line pairs");

static inline uint64_t xdp_keep_bytes(uint32_t frames)
{
	return sizeof(struct xdp_keep) + 16ull * ((frames + 63ull) / 64);
}

#endif
