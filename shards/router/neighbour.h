/* SPDX-License-Identifier: Apache-2.0 */
/*
 * neighbour.h: who has which link address, for ARP and neighbour discovery alike.
 *
 *                  asked                    answered
 *      (none) ------------> INCOMPLETE -----------------> REACHABLE <------------.
 *                            | 3 x 1 s, no answer           | 30 s               | answered
 *                            v                              v                    |
 *                          (none)         heard of ----> STALE --used--> DELAY --5 s--> PROBE
 *                                                           ^                           | 3 x 1 s
 *                                                           |                           v
 *                                              another link address                  (none)
 *
 * The states and times are RFC 4861's (7.3.2 and 10); ARP gets the same, which keeps RFC 1122,
 * 2.3.2.1: entries time out, and nobody is asked more than once a second. Frames wait for an
 * answer in the entry: RT_HELD_MAX a neighbour, the oldest makes room (RFC 4861, 7.2.2), and a
 * limit over all, because waiting frames are somebody's custody.
 *
 * A flood of addresses that nobody has fills at most half of the entries, and never pushes one
 * out that is in use (RFC 6583, section 7).
 *
 * Time is given, nothing is sent: rt_neighbour_due() says what to do. When not to use it: for
 * neighbours the config names; they are routes.
 */
#ifndef SHARDS_ROUTER_NEIGHBOUR_H
#define SHARDS_ROUTER_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/packet.h"

#define RT_NEIGHBOURS_MAX 1024u
#define RT_NEIGHBOURS_ASKED_MAX (RT_NEIGHBOURS_MAX / 2)
#define RT_NEIGHBOUR_BUCKETS 1024u /* a power of two */
#define RT_HELD_MAX 3u /* frames waiting for one neighbour */
#define RT_SOLICITS_MAX 3u /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT: RFC 4861, 10 */

enum rt_neighbour_state {
	RT_NEIGHBOUR_FREE,
	RT_NEIGHBOUR_INCOMPLETE,
	RT_NEIGHBOUR_REACHABLE,
	RT_NEIGHBOUR_STALE,
	RT_NEIGHBOUR_DELAY,
	RT_NEIGHBOUR_PROBE,
};

/** struct rt_held - a frame that waits; @from: its input, or RT_FROM_US */
struct rt_held {
	struct vanity_ref ref;
	uint8_t from;
	uint8_t interface; /* of a frame of ours: where it goes */
};
#define RT_FROM_US 255u

struct rt_neighbour {
	struct craft_addr addr;
	uint64_t due; /* when its state's time is over */
	uint16_t next; /* in its bucket, or among the free */
	uint8_t state;
	uint8_t family;
	uint8_t interface;
	uint8_t solicits; /* sent in this state */
	uint8_t held_count;
	uint8_t mac[CRAFT_MAC_BYTES]; /* but in INCOMPLETE */
	struct rt_held held[RT_HELD_MAX]; /* in INCOMPLETE only, oldest first */
};

/** struct rt_neighbours - rt_neighbours_init() makes it of zeroes; entry 0 is unused */
struct rt_neighbours {
	uint64_t hz;
	uint64_t swept; /* when, and below how far */
	uint32_t hand;
	uint32_t count;
	uint32_t asked_count; /* in INCOMPLETE */
	uint16_t free;
	uint16_t bucket[RT_NEIGHBOUR_BUCKETS];
	struct rt_neighbour entry[RT_NEIGHBOURS_MAX + 1];
};

void rt_neighbours_init(struct rt_neighbours *cache, uint64_t hz);

/** rt_neighbour_find() - who has this address on this link; NULL: not known */
struct rt_neighbour *rt_neighbour_find(struct rt_neighbours *cache, uint32_t interface,
				       uint32_t family, const struct craft_addr *addr);

/**
 * rt_neighbour_ask() - a new entry in INCOMPLETE, its first question due at once
 * Return: NULL when too many are asked for, or every entry is in use.
 */
struct rt_neighbour *rt_neighbour_ask(struct rt_neighbours *cache, uint32_t interface,
				      uint32_t family, const struct craft_addr *addr, uint64_t now);

/** rt_neighbour_use() - a frame goes there now; the entry is not INCOMPLETE */
void rt_neighbour_use(struct rt_neighbours *cache, struct rt_neighbour *entry, uint64_t now);

/**
 * rt_neighbour_heard_of() - somebody named his own address, unasked: RFC 4861, 7.2.3; RFC 826
 * @entry: NULL: a new one is made in STALE where there is room
 * Return: the entry, or NULL; its held frames may go now.
 */
struct rt_neighbour *rt_neighbour_heard_of(struct rt_neighbours *cache, struct rt_neighbour *entry,
					   uint32_t interface, uint32_t family,
					   const struct craft_addr *addr,
					   const uint8_t mac[CRAFT_MAC_BYTES], uint64_t now);

/**
 * rt_neighbour_answered() - an ARP reply or neighbour advertisement: RFC 4861, 7.2.5
 * @mac: NULL where the advertisement has none
 */
void rt_neighbour_answered(struct rt_neighbours *cache, struct rt_neighbour *entry,
			   const uint8_t *mac, bool solicited, bool override, uint64_t now);

enum rt_due { RT_DUE_NOTHING, RT_DUE_ASK_ALL, RT_DUE_ASK_HIM, RT_DUE_GONE };

/** rt_neighbour_due() - what one entry needs now; GONE: give back what it holds, then forget it */
enum rt_due rt_neighbour_due(struct rt_neighbours *cache, struct rt_neighbour *entry, uint64_t now);

/** rt_neighbour_forget() - free an entry; it holds no frame any more */
void rt_neighbour_forget(struct rt_neighbours *cache, struct rt_neighbour *entry);

/**
 * rt_neighbours_sweep() - how many entries to look after now: all of them in 64 ms of any length
 * Walk with rt_neighbours_next(), once for each.
 */
uint32_t rt_neighbours_sweep(struct rt_neighbours *cache, uint64_t now);
struct rt_neighbour *rt_neighbours_next(struct rt_neighbours *cache);

#endif
