/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netdev_state.h: what netdev.h keeps between two calls. For the backends; a program only makes
 * room for it. Plain private memory: no field is shared with anybody.
 */
#ifndef DRIVERS_NETDEV_STATE_H
#define DRIVERS_NETDEV_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

#include "pcap.h"

#define NETDEV_SPARE_MAX 2048u /* frames kept for sending */
#define NETDEV_LOOP_MAX 256u /* packets that loop holds; power of two */
/* The longest IP packet with its Ethernet header and a tag, as a block, and a file's header. */
#define NETDEV_FILE_BYTES (66u * 1024u)

/* Frames we hold and nothing lies in; last in, first out, so that the warm one is used next. */
struct netdev_spare {
	uint32_t count;
	uint32_t frame[NETDEV_SPARE_MAX]; /* system-wide numbers */
};

/* One end of a ring whose other end is the kernel's. Both cursors run freely, modulo 2^32. */
struct xdp_ring {
	uint32_t *mine, *flags;
	const uint32_t *theirs;
	void *slot;
	uint32_t entries, mask;
	uint32_t at; /* ours; what lies in *mine once it was published */
	uint32_t seen; /* theirs, last found possible */
};

struct xdp {
	struct xdp_ring rx, tx, fill, done;
	struct xdp_keep *keep;
	uint64_t *posted, *sending; /* in keep: one bit a frame */
	uint8_t *base;
	uint32_t frames, shift; /* of the pool; a frame has 1 << shift bytes */
	uint32_t posted_count, posted_max, posted_batch;
	uint32_t sending_count;
	uint32_t send_frames; /* spare and sending together */
	uint32_t outstanding; /* in the tx ring, not taken by the kernel when last looked at */
	uint32_t moved; /* the kernel's progress in sending, in entries */
	uint64_t moved_at; /* when that last changed, or we began to wait for it */
	bool waited, stalled;
};

struct tuntap {
	bool tun;
};

struct netdev_file {
	struct pcap_reader reader;
	struct pcap_packet next; /* read and not given yet */
	bool reads, writes, have_next;
	bool begun; /* the clock of the pace runs */
	bool starved; /* a packet was due, and no frame free */
	uint64_t hz, then;
	uint64_t passed_ns; /* since it began */
	uint64_t first_ns; /* the first packet's stamp */
	uint64_t credit; /* VANITY_PACE_RATE: packets that may go, times hz */
	uint32_t number;
	uint32_t pending; /* packets in the buffer */
	uint32_t written, used; /* bytes of the buffer */
	uint8_t buffer[NETDEV_FILE_BYTES];
};

struct netdev_loop {
	uint32_t head, tail;
	struct vanity_ref ref[NETDEV_LOOP_MAX];
};

struct netdev {
	struct vanity_shard *self;
	const struct vanity_grant *grant;
	struct vanity_pool *pool;
	uint64_t count[NETDEV_COUNTS];
	uint32_t kind; /* enum vanity_grant_kind */
	uint32_t uses;
	uint32_t frame_bytes; /* of the pool; 0 without */
	uint32_t room_max; /* longest packet the backend can send, whatever the link says */
	int error; /* enum vanity_grant_error of the last call, 0 once one succeeded */
	bool broken; /* the device's indices cannot be true */
	struct netdev_spare spare;
	union {
		struct xdp xdp;
		struct tuntap tuntap;
		struct netdev_file file;
		struct netdev_loop loop;
	};
};

#endif
