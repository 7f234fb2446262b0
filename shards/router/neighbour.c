/* SPDX-License-Identifier: Apache-2.0 */
#include "neighbour.h"

#include <stdbool.h>
#include <stdint.h>

#include "../common/mem.h"

/* RFC 4861, section 10, in seconds. */
#define REACHABLE_S 30u
#define DELAY_S 5u
#define RETRANS_S 1u
#define STALE_S 1200u /* unused for that long, it is forgotten: RFC 1122, 2.3.2.1 */
#define SWEEPS_A_SECOND 1024u /* steps of RT_NEIGHBOURS_MAX / 64 entries */
#define EVICT_LOOKS 64u

static uint32_t bucket_of(uint32_t interface, uint32_t family, const struct craft_addr *addr)
{
	uint64_t h = addr->hi * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 29 ^ addr->lo) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 32 ^ interface << 8 ^ family) * 0x94d049bb133111ebull;
	return (uint32_t)(h >> 40) & (RT_NEIGHBOUR_BUCKETS - 1);
}

void rt_neighbours_init(struct rt_neighbours *cache, uint64_t hz)
{
	memset(cache, 0, sizeof(*cache));
	cache->hz = hz;
	for (uint32_t i = 1; i < RT_NEIGHBOURS_MAX; i++)
		cache->entry[i].next = (uint16_t)(i + 1);
	cache->free = 1;
}

struct rt_neighbour *rt_neighbour_find(struct rt_neighbours *cache, uint32_t interface,
				       uint32_t family, const struct craft_addr *addr)
{
	uint32_t at = cache->bucket[bucket_of(interface, family, addr)];

	while (at != 0) {
		struct rt_neighbour *entry = &cache->entry[at];

		if (entry->addr.hi == addr->hi && entry->addr.lo == addr->lo &&
		    entry->family == family && entry->interface == interface)
			return entry;
		at = entry->next;
	}
	return NULL;
}

static void set_state(struct rt_neighbours *cache, struct rt_neighbour *entry, uint32_t state,
		      uint64_t due)
{
	cache->asked_count -= entry->state == RT_NEIGHBOUR_INCOMPLETE;
	cache->asked_count += state == RT_NEIGHBOUR_INCOMPLETE;
	entry->state = (uint8_t)state;
	entry->due = due;
	entry->solicits = 0;
}

void rt_neighbour_forget(struct rt_neighbours *cache, struct rt_neighbour *entry)
{
	uint16_t number = (uint16_t)(entry - cache->entry);
	uint16_t *link = &cache->bucket[bucket_of(entry->interface, entry->family, &entry->addr)];

	while (*link != number)
		link = &cache->entry[*link].next;
	*link = entry->next;
	set_state(cache, entry, RT_NEIGHBOUR_FREE, 0);
	entry->next = cache->free;
	cache->free = number;
	cache->count--;
}

/* Makes room by one entry that nobody used lately; gives up after a few looks. */
static void evict(struct rt_neighbours *cache)
{
	for (uint32_t i = 0; i < EVICT_LOOKS; i++) {
		struct rt_neighbour *entry = rt_neighbours_next(cache);

		if (entry->state == RT_NEIGHBOUR_STALE) {
			rt_neighbour_forget(cache, entry);
			return;
		}
	}
}

static struct rt_neighbour *entry_new(struct rt_neighbours *cache, uint32_t interface,
				      uint32_t family, const struct craft_addr *addr)
{
	struct rt_neighbour *entry;
	uint16_t *bucket = &cache->bucket[bucket_of(interface, family, addr)];
	uint16_t number;

	if (cache->free == 0)
		evict(cache);
	number = cache->free;
	if (number == 0)
		return NULL;
	entry = &cache->entry[number];
	cache->free = entry->next;
	cache->count++;
	memset(entry, 0, sizeof(*entry));
	entry->addr = *addr;
	entry->family = (uint8_t)family;
	entry->interface = (uint8_t)interface;
	entry->next = *bucket;
	*bucket = number;
	return entry;
}

struct rt_neighbour *rt_neighbour_ask(struct rt_neighbours *cache, uint32_t interface,
				      uint32_t family, const struct craft_addr *addr, uint64_t now)
{
	struct rt_neighbour *entry;

	if (cache->asked_count >= RT_NEIGHBOURS_ASKED_MAX)
		return NULL;
	entry = entry_new(cache, interface, family, addr);
	if (entry != NULL)
		set_state(cache, entry, RT_NEIGHBOUR_INCOMPLETE, now);
	return entry;
}

void rt_neighbour_use(struct rt_neighbours *cache, struct rt_neighbour *entry, uint64_t now)
{
	/* Reachable for 30 s after the last word from him, not after the last frame to him. */
	if (entry->state == RT_NEIGHBOUR_STALE ||
	    (entry->state == RT_NEIGHBOUR_REACHABLE && now >= entry->due))
		set_state(cache, entry, RT_NEIGHBOUR_DELAY, now + DELAY_S * cache->hz);
}

struct rt_neighbour *rt_neighbour_heard_of(struct rt_neighbours *cache, struct rt_neighbour *entry,
					   uint32_t interface, uint32_t family,
					   const struct craft_addr *addr,
					   const uint8_t mac[CRAFT_MAC_BYTES], uint64_t now)
{
	if (entry == NULL)
		entry = entry_new(cache, interface, family, addr);
	if (entry == NULL)
		return NULL;
	/* The same address again says nothing new: RFC 4861, 7.2.3. */
	if (entry->state >= RT_NEIGHBOUR_REACHABLE && memcmp(entry->mac, mac, CRAFT_MAC_BYTES) == 0)
		return entry;
	memcpy(entry->mac, mac, CRAFT_MAC_BYTES);
	set_state(cache, entry, RT_NEIGHBOUR_STALE, now + STALE_S * cache->hz);
	return entry;
}

void rt_neighbour_answered(struct rt_neighbours *cache, struct rt_neighbour *entry,
			   const uint8_t *mac, bool solicited, bool override, uint64_t now)
{
	bool other = mac != NULL && memcmp(entry->mac, mac, CRAFT_MAC_BYTES) != 0;

	if (entry->state == RT_NEIGHBOUR_INCOMPLETE) {
		if (mac == NULL)
			return;
		other = true;
	} else if (other && !override) {
		/* A proxy's word does not replace his own. */
		if (entry->state == RT_NEIGHBOUR_REACHABLE)
			set_state(cache, entry, RT_NEIGHBOUR_STALE, now + STALE_S * cache->hz);
		return;
	}
	if (other)
		memcpy(entry->mac, mac, CRAFT_MAC_BYTES);
	if (solicited)
		set_state(cache, entry, RT_NEIGHBOUR_REACHABLE, now + REACHABLE_S * cache->hz);
	else if (other)
		set_state(cache, entry, RT_NEIGHBOUR_STALE, now + STALE_S * cache->hz);
}

enum rt_due rt_neighbour_due(struct rt_neighbours *cache, struct rt_neighbour *entry, uint64_t now)
{
	if (entry->state == RT_NEIGHBOUR_FREE || now < entry->due)
		return RT_DUE_NOTHING;
	switch (entry->state) {
	case RT_NEIGHBOUR_REACHABLE:
		set_state(cache, entry, RT_NEIGHBOUR_STALE, now + STALE_S * cache->hz);
		return RT_DUE_NOTHING;
	case RT_NEIGHBOUR_STALE:
		return RT_DUE_GONE;
	case RT_NEIGHBOUR_DELAY:
		set_state(cache, entry, RT_NEIGHBOUR_PROBE, now);
		break;
	default:
		break;
	}
	if (entry->solicits == RT_SOLICITS_MAX)
		return RT_DUE_GONE;
	entry->solicits++;
	entry->due = now + RETRANS_S * cache->hz;
	return entry->state == RT_NEIGHBOUR_PROBE ? RT_DUE_ASK_HIM : RT_DUE_ASK_ALL;
}

uint32_t rt_neighbours_sweep(struct rt_neighbours *cache, uint64_t now)
{
	uint64_t step = cache->hz / SWEEPS_A_SECOND + 1;
	uint64_t steps;

	if (cache->count == 0 || now - cache->swept < step)
		return 0;
	steps = (now - cache->swept) / step;
	cache->swept = now;
	return steps < 64 ? (uint32_t)steps * (RT_NEIGHBOURS_MAX / 64) : RT_NEIGHBOURS_MAX;
}

struct rt_neighbour *rt_neighbours_next(struct rt_neighbours *cache)
{
	cache->hand = cache->hand % RT_NEIGHBOURS_MAX + 1;
	return &cache->entry[cache->hand];
}
