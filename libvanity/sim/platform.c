/* SPDX-License-Identifier: Apache-2.0 */
/* platform.c: struct shard_platform in the simulator. Party numbers are the plan's shards. */
#include "sim/sim.h"

static void platform_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	(void)context;
	sim_wait(bell, old, deadline);
}

static void platform_wake(void *context, uint32_t neighbour)
{
	struct sim_shard *s = context;

	/* The write to the eventfd is a touch of its own: a kill may fall before it. */
	sim_point(NULL);
	sim_wake(bind_neighbours(s->bind)[neighbour].shard);
}

static void platform_ready(void *context)
{
	struct sim_shard *s = context;

	sim_note("ready", s->bind->shard, 0);
}

static void platform_fault(void *context)
{
	struct sim_shard *s = context;

	s->ended(s->context, s->bind->shard, 1);
	sim_end();
}

void sim_shard_init(struct sim_shard *s, const struct bind *bind, void *context,
		    void (*ended)(void *context, uint32_t shard, int32_t code))
{
	s->bind = bind;
	s->context = context;
	s->ended = ended;
	s->platform = (struct shard_platform){
		.context = s,
		.wait = platform_wait,
		.wake = platform_wake,
		.ready = platform_ready,
		.fault = platform_fault,
	};
}
