/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.h: one device, as the platform hands it to the shard that the topology grants it to.
 *
 * For drivers. A program that only wants packets uses drivers/netdev.h and never looks in here.
 *
 *      privileged side (setup, the builder, vanity-sim)         shard
 *      opens, binds, programs what needs privilege   --facts-->  reads them, read-only
 *                                                    --windows-> rings or registers, mapped
 *                                                    --calls-->  read, write, kick: only those
 *                                                                 its steady filter has
 *      struct vanity_grant is the same in every world; who filled it differs.
 *
 * A shard may die and its device go on: a socket that the keeper holds still receives into frames
 * that the dead generation posted. `keep` is memory of this grant alone that outlives generations,
 * where a driver writes down what the device has; what it finds there is a claim of its forebear.
 * It belongs to one binding of the device: `facts->epoch` is new whenever the device was bound
 * anew, and what stands in `keep` of another epoch is void.
 *
 * What the device itself writes (rings, lengths, frames) is a claim as well.
 *
 * When not to use it: nothing here finds a device, asks for one or widens a right. No probe code.
 */
#ifndef VANITY_GRANT_H
#define VANITY_GRANT_H

#include <stddef.h>
#include <stdint.h>

#include <vanity/limits.h>
#include <vanity/vanity.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VANITY_GRANT_MAGIC 0x31544e4152475456ull
#define VANITY_INTERFACE_MAX 15u /* bytes of an interface's name */

enum vanity_grant_kind {
	VANITY_GRANT_NONE = 0,
	VANITY_GRANT_XDP = 1, /* an AF_XDP socket: windows are its four rings */
	VANITY_GRANT_TAP = 2, /* read and write move one Ethernet frame */
	VANITY_GRANT_TUN = 3, /* read and write move one IP packet */
	VANITY_GRANT_PCAP = 4, /* data is a capture, write appends to one */
	VANITY_GRANT_LOOP = 5, /* nothing at all */
};

/* Windows of VANITY_GRANT_XDP. */
enum vanity_ring {
	VANITY_RING_RX = 0, /* descriptors of 16 bytes, the kernel produces */
	VANITY_RING_TX = 1, /* 16 bytes, the shard produces */
	VANITY_RING_FILL = 2, /* addresses of 8 bytes, the shard produces */
	VANITY_RING_DONE = 3, /* 8 bytes, the kernel produces (its completion ring) */
	VANITY_RINGS = 4,
};

/* Byte offsets in a ring's window (struct xdp_ring_offset, linux/if_xdp.h). */
struct vanity_ring_place {
	uint64_t producer, consumer, flags, desc;
	uint32_t entries; /* power of two */
	uint32_t entry_bytes;
};

enum vanity_pace { VANITY_PACE_MAX = 0, VANITY_PACE_RECORDED = 1, VANITY_PACE_RATE = 2 };

/* enum bits of facts.flags */
#define VANITY_GRANT_ZERO_COPY (1u << 0) /* the driver moves frames itself; else the kernel copies */
#define VANITY_GRANT_GENERIC (1u << 1) /* XDP in generic mode: the driver has none of its own */
#define VANITY_GRANT_READS (1u << 2) /* pcap: there is a capture to read */
#define VANITY_GRANT_WRITES (1u << 3) /* pcap: there is one to write */
#define VANITY_GRANT_HAS_MAC (1u << 4)

/**
 * struct vanity_grant_facts - what the privileged side found out when it bound the device
 *
 * Sealed and mapped read-only; for a capture its bytes follow at @data_at.
 */
struct vanity_grant_facts {
	uint64_t magic;
	uint32_t bytes; /* sizeof this struct */
	uint32_t kind; /* enum vanity_grant_kind */
	uint64_t epoch; /* never 0; another one for each binding */
	uint32_t flags;
	uint32_t mtu; /* largest IP packet when it was bound; 0: no limit of its own */
	uint8_t mac[6];
	uint8_t reserved[2];
	char interface[VANITY_INTERFACE_MAX + 1];
	uint32_t ifindex;
	uint32_t queue, queues; /* bound one, and how many receive queues the interface has */
	uint32_t headroom; /* xdp: bytes the kernel keeps free at a frame's start */
	uint32_t pace; /* enum vanity_pace */
	uint32_t reserved_2;
	uint64_t pace_per_s; /* VANITY_PACE_RATE */
	struct vanity_ring_place ring[VANITY_RINGS];
	uint64_t data_at, data_bytes;
};

/** struct vanity_grant_calls - what of the kernel a grant may use; NULL where it may not */
struct vanity_grant_calls {
	/* One packet into @to. Return: its bytes, 0 nothing there, negative: a platform error. */
	long (*read)(void *context, void *to, size_t bytes);
	/* One packet, or a piece of a file. Return: bytes written, 0 full, negative error. */
	long (*write)(void *context, const void *from, size_t bytes);
	/* Have the device look at its rings. Return: 0, or a negative platform error. */
	long (*kick)(void *context);
};

/* Errors of the calls, the same in every world. */
enum vanity_grant_error {
	VANITY_GRANT_GONE = -1, /* the device is no more */
	VANITY_GRANT_DOWN = -2, /* it is switched off, or its link is */
	VANITY_GRANT_REFUSED = -3, /* this packet is not to its liking */
	VANITY_GRANT_FAILED = -4, /* anything else; no room on the disk, for example */
};

struct vanity_window {
	void *base; /* NULL: none */
	uint64_t bytes;
};

/**
 * struct vanity_grant - a device, ready to be driven
 * @name: of the device in the topology
 * @facts: read-only; checked by the platform for magic and size, by the driver for the rest
 * @window: kind by kind, see above
 * @keep: memory that outlives generations, zeroed when the system starts; NULL where none is needed
 * @pool: the pool the device may use (`dma`), NULL without; it is this shard's own
 * @pool_base: first byte of its first frame
 *
 * Owner: the library; valid as long as the shard.
 */
struct vanity_grant {
	const char *name;
	const struct vanity_grant_facts *facts;
	const void *data;
	uint64_t data_bytes;
	struct vanity_window window[VANITY_RINGS];
	void *keep;
	uint64_t keep_bytes;
	struct vanity_pool *pool;
	void *pool_base;
	uint32_t pool_first, pool_frames; /* numbers of its frames */
	const struct vanity_grant_calls *calls;
	void *context; /* for the calls */
};

/** vanity_grant() - a granted device by its name in the topology; fatal when it is not granted */
const struct vanity_grant *vanity_grant(struct vanity_shard *self, const char *name);

/** vanity_grant_at() - the n-th of this shard, in the order of `grant = [ ... ]`; NULL beyond */
const struct vanity_grant *vanity_grant_at(struct vanity_shard *self, uint32_t n);

/**
 * vanity_grant_link() - what the daemon last saw of the device's interface
 * @ret_mtu: largest IP packet now; that of the facts while nobody said otherwise
 *
 * A word of the daemon's, which may be late, or wrong: good for counting and for refusing what is
 * too long, never for memory safety.
 */
enum vanity_link { VANITY_LINK_UP = 0, VANITY_LINK_DOWN = 1, VANITY_LINK_GONE = 2 };
enum vanity_link vanity_grant_link(struct vanity_shard *self, const struct vanity_grant *grant,
				   uint32_t *ret_mtu);

/**
 * vanity_pool_claim() - take those frames of a pool that a device still has from our forebear
 * @bits: one bit a frame of the pool; those that are not free any more (a living borrower has
 *        them, or we hold them) are cleared
 *
 * Before vanity_ready(), once for each kind of posting. Claimed frames are held by this shard.
 * Return: number of frames claimed.
 */
uint32_t vanity_pool_claim(struct vanity_pool *pool, uint64_t *bits);

/**
 * vanity_frozen() - 1 while the system is verified or drained: take nothing new from the device
 *
 * A source of frames publishes nothing then, so that the sums of both ends can be compared.
 */
int vanity_frozen(const struct vanity_shard *self);

#ifdef __cplusplus
}
#endif

#endif
