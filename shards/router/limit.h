/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.h: a token bucket, told by one moment (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)).
 *
 * Instead of counting tokens it keeps the time at which the bucket will be full again. Each
 * message moves it one interval on; a message that would move it further ahead than the bucket
 * is deep finds the bucket empty. No division, no refill, nothing to overflow.
 */
#ifndef SHARDS_ROUTER_LIMIT_H
#define SHARDS_ROUTER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/** struct rt_limit - in ticks of vanity_now(); zeroed it lets everything pass */
struct rt_limit {
	uint64_t full; /* when */
	uint64_t interval; /* a message */
	uint64_t depth; /* intervals the bucket holds, less one */
};

/** rt_limit_init() - @rate messages a second (0: none at all), @burst at once */
static inline void rt_limit_init(struct rt_limit *limit, uint64_t hz, uint64_t rate, uint64_t burst)
{
	limit->full = 0;
	limit->interval = rate != 0 ? hz / rate : UINT64_MAX;
	limit->depth = rate != 0 ? limit->interval * (burst - 1) : 0;
}

static inline bool rt_limit_take(struct rt_limit *limit, uint64_t now)
{
	if (limit->interval == UINT64_MAX)
		return false;
	if (limit->full < now)
		limit->full = now;
	if (limit->full - now > limit->depth)
		return false;
	limit->full += limit->interval;
	return true;
}

#endif
