/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_ways.c: two processes that tell each other that there is something.
 *
 * The bare ones have an eventfd each and no channel, no flag, no filter. Ours are shards under
 * Linux' platform, with its steady filter, whose loop is that of vanity.h: take, and where there
 * was nothing vanity_wait(). A message is 16 bytes; each one is looked at.
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "chan_loop.h"
#include "chan_system.h"
#include "notify.h"

/* --- bare ---------------------------------------------------------------------------------- */

static int bare_lay_out(struct chan_run *run, int flags)
{
	for (uint32_t i = 0; i < 2; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | flags);

		if (fd < 0)
			return chan_fail(run, "no eventfd");
		run->memory[run->memory_count++] = (struct chan_memory){ .fd = fd };
	}
	return 0;
}

static int eventfd_lay_out(struct chan_run *run)
{
	return bare_lay_out(run, 0);
}

static int ppoll_lay_out(struct chan_run *run)
{
	return bare_lay_out(run, EFD_NONBLOCK);
}

static int bare_join(struct chan_run *run, enum chan_side side)
{
	static int fd[2];

	fd[0] = run->memory[side].fd;
	fd[1] = run->memory[!side].fd;
	run->end = fd;
	return 0;
}

/* An eventfd has no item: what arrives is how often it was written, which must be once. */
CHAN_INLINE void bare_put(struct chan_run *run)
{
	const uint64_t one = 1;

	if (write(((int *)run->end)[1], &one, sizeof(one)) != sizeof(one))
		run->shared->wrong |= 1;
}

CHAN_INLINE void bare_take(struct chan_run *run, bool polls)
{
	struct pollfd p = { .fd = ((int *)run->end)[0], .events = POLLIN };
	uint64_t count = 0;

	if (polls && ppoll(&p, 1, NULL, NULL) != 1)
		run->shared->wrong |= 2;
	if (read(p.fd, &count, sizeof(count)) != sizeof(count) || count != 1)
		run->shared->wrong |= 4;
}

CHAN_INLINE void bare_near(struct chan_run *run, bool polls)
{
	static uint32_t sample[CHAN_PING_MAX];

	for (uint64_t i = 0; i < run->warm + run->count; i++) {
		uint64_t begun = arch_cycles();

		bare_put(run);
		bare_take(run, polls);
		if (i >= run->warm)
			sample[i - run->warm] = (uint32_t)(arch_cycles() - begun);
	}
	chan_ping_result(run, sample, (uint32_t)run->count);
}

CHAN_INLINE void bare_far(struct chan_run *run, bool polls)
{
	for (uint64_t i = 0; i < run->warm + run->count; i++) {
		bare_take(run, polls);
		bare_put(run);
	}
}

static void eventfd_near(struct chan_run *run)
{
	bare_near(run, false);
}

static void eventfd_far(struct chan_run *run)
{
	bare_far(run, false);
}

static void ppoll_near(struct chan_run *run)
{
	bare_near(run, true);
}

static void ppoll_far(struct chan_run *run)
{
	bare_far(run, true);
}

const struct chan_design notify_eventfd = {
	.name = "eventfd: write, read",
	.lay_out = eventfd_lay_out,
	.join = bare_join,
	.ping = { eventfd_near, eventfd_far },
};

const struct chan_design notify_ppoll = {
	.name = "eventfd: write, ppoll, read",
	.lay_out = ppoll_lay_out,
	.join = bare_join,
	.ping = { ppoll_near, ppoll_far },
};

/* --- shards -------------------------------------------------------------------------------- */

CHAN_INLINE uint32_t shard_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;

	(void)words;
	n = vanity_slot_put(e->tx, item, n);
	vanity_tx_publish(e->tx);
	return n;
}

CHAN_INLINE uint32_t shard_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct chan_end *e = end;

	(void)words;
	return vanity_slot_take(e->rx, ret_item, n);
}

CHAN_INLINE void shard_turn(void *end)
{
	(void)vanity_running(((struct chan_end *)end)->self);
}

CHAN_INLINE void shard_sleep(void *end)
{
	vanity_wait(((struct chan_end *)end)->self, 0);
}

CHAN_INLINE void shard_spin(void *end)
{
	vanity_wait(((struct chan_end *)end)->self, VANITY_SPIN_DEFAULT);
}

CHAN_INLINE void shard_poll(void *end)
{
	vanity_wait(((struct chan_end *)end)->self, VANITY_POLL);
}

#undef CHAN_SIZES
#define CHAN_SIZES(loop, run, ways) CHAN_BATCHES(loop, run, ways, 2)
#define SLEEP_WAYS ((struct chan_ways){ shard_put, shard_take, shard_turn, shard_sleep, 1 })
#define SPIN_WAYS ((struct chan_ways){ shard_put, shard_take, shard_turn, shard_spin, 1 })
#define POLL_WAYS ((struct chan_ways){ shard_put, shard_take, shard_turn, shard_poll, 1 })

CHAN_ROLES(sleep, SLEEP_WAYS)
CHAN_ROLES(spin, SPIN_WAYS)
CHAN_ROLES(poll, POLL_WAYS)

const struct chan_design notify_sleep = {
	.name = "vanity, sleeps",
	.lay_out = chan_system_events,
	.join = chan_system_join_linux,
	CHAN_ROLE_TABLE(sleep),
};

const struct chan_design notify_spin = {
	.name = "vanity, spins first",
	.lay_out = chan_system_events,
	.join = chan_system_join_linux,
	CHAN_ROLE_TABLE(spin),
};

const struct chan_design notify_poll = {
	.name = "vanity, polls",
	.lay_out = chan_system_events,
	.join = chan_system_join_linux,
	CHAN_ROLE_TABLE(poll),
};
