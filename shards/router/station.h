/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station.h: the router as a station on its links: what it answers, asks, and says.
 *
 *      frame that ends here ---> ARP, ND: neighbours learn, an answer goes out
 *                           ---> ping of ours: a reply      ---> other: port unreachable ...
 *                           ---> refused on its way: an ICMP error to its sender
 *      frame whose neighbour is not known ---> held, the neighbour asked ---> released, decided
 *                                                                             again | told, home
 *
 * All it says lies in frames of a pool of its own. Without one it says nothing and asks nobody,
 * and counts what it would have said.
 *
 * Which link an input is the end of: `in_NAME` that of the interface NAME; of others nobody
 * knows, and what holds for any link of ours has to do. A frame for another station of its link
 * is none of our business, however it came here (a switch floods, a tap listens to all).
 *
 * Room: one input frame leads to at most one put beside the released, and a burst is only taken
 * where every output has room for all of it; `reserved` keeps that room for the frames behind
 * the one at hand. What would need more is not sent, and counted: a peer repeats his question.
 */
#ifndef SHARDS_ROUTER_STATION_H
#define SHARDS_ROUTER_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include <vanity/vanity.h>

#include "forward.h"
#include "limit.h"
#include "neighbour.h"
#include "routes.h"

#define ROUTER_INPUTS_MAX RT_INTERFACES_MAX
#define ROUTER_HELD_MAX 256u

/* Behind the reasons of forward.h, which are counters 1.. themselves. */
enum {
	ROUTER_FORWARDED = RT_REASONS,
	ROUTER_READ_ONLY,
	ROUTER_HEARD,
	ROUTER_HELD_FULL,
	ROUTER_SENT,
	ROUTER_UNSENT,
	ROUTER_LIMITED,
	ROUTER_NEIGHBOURS,
	ROUTER_CUT,
	ROUTER_NOT_OUR_MAC,
	ROUTER_CONFLICTS,
};

#define RT_LINK_UNKNOWN 255u

struct router {
	struct vanity_tx *out[RT_INTERFACES_MAX];
	struct vanity_rx *in[ROUTER_INPUTS_MAX];
	uint8_t in_link[ROUTER_INPUTS_MAX]; /* interface, or RT_LINK_UNKNOWN */
	struct vanity_pool *pool; /* NULL: no frames of our own */
	uint64_t now; /* once a turn; 0 without a pool: nothing then depends on time */
	uint64_t ticks_a_ms;
	uint32_t stamp; /* now in milliseconds */
	uint32_t in_count;
	uint32_t pool_frame_bytes;
	uint32_t reserved; /* frames of this burst that are not decided yet */
	uint32_t forwarded; /* in this turn, as are those put */
	uint32_t put_count;
	uint32_t held_count; /* waiting and released, never more than held_max */
	uint32_t held_max;
	uint32_t released_first;
	uint32_t released_count;
	uint16_t ident;
	struct rt_limit limit;
	struct rt_held released[ROUTER_HELD_MAX]; /* a ring */
	struct rt_neighbours neighbours;
	struct rt_routes routes;
};

/** router_frame() - one frame of input @from: forwarded, held, or home with its reason */
void router_frame(struct vanity_shard *self, struct router *router, uint32_t from,
		  const struct vanity_ref *ref);

/** station_is_meant() - whether a frame is for us, or for a group of stations, by its link address
 */
bool station_is_meant(const struct router *router, uint32_t from, const void *frame,
		      uint32_t length);

/**
 * station_heard() - a frame that ends here may say something to us
 * @link: of its input; Return: its reason
 */
uint32_t station_heard(struct vanity_shard *self, struct router *router, uint32_t link,
		       const void *frame, uint32_t length, const struct rt_decision *decision,
		       uint32_t reason);

/**
 * station_way() - the link address of the next hop, or the frame is held or given up
 * @from, @ref: the frame, in case it has to wait
 * Return: the address; NULL: the frame is not the caller's any more.
 */
const uint8_t *station_way(struct vanity_shard *self, struct router *router,
			   const struct rt_path *path, uint32_t family, uint32_t from,
			   const struct vanity_ref *ref);

/**
 * station_cut() - forward a packet that is too big in pieces of our own
 * Return: the frame's reason, or ROUTER_GONE: it waits, or was given up already.
 */
uint32_t station_cut(struct vanity_shard *self, struct router *router, const void *frame,
		     const struct rt_decision *decision, uint32_t from,
		     const struct vanity_ref *ref);
#define ROUTER_GONE UINT32_MAX

/** station_turn() - once a turn, before inputs are read: released frames, questions, timeouts */
void station_turn(struct vanity_shard *self, struct router *router);

/** station_due() - when the next turn must be, whatever comes: for vanity_wait_until() */
uint64_t station_due(const struct router *router);

/** station_stop() - every frame that waits goes home */
void station_stop(struct vanity_shard *self, struct router *router);

#endif
