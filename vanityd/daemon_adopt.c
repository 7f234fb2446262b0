/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adopting: a new daemon takes over a system that runs.
 *
 *      keeper's handover -> facts of every living shard, against the plan -> cells and orders
 *      -> life_adopt() -> only now the first step
 *
 * Whoever has more rights than the plan says (daemon_access.c), or could not be looked at, is not
 * adopted but restarted.
 */
#include "daemon.h"

#include <poll.h>

#define FACTS_TIMEOUT_NS 2000000000ull

static int facts_wait(struct daemon *d)
{
	uint64_t deadline = daemon_now_ns() + FACTS_TIMEOUT_NS;
	int asked = 0;

	/* All at once: the keeper answers one while we judge another. */
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (d->shard[i].alive != 0)
			asked += facts_ask(d, i);
	while (d->facts_outstanding > 0 && daemon_now_ns() < deadline) {
		struct pollfd p = { .fd = d->keeper_fd, .events = POLLIN };
		int n = keeper_receive(d);

		if (n < 0)
			return n;
		if (n == 0)
			poll(&p, 1, (int)(FACTS_TIMEOUT_NS / 1000000));
	}
	return asked;
}

/* Levels: what was ordered stands in the orders wires. */
static void orders_read(struct daemon *d)
{
	static uint64_t word[VANITY_CHANNELS_MAX][2];
	static uint64_t go[VANITY_SHARDS_MAX];

	for (uint32_t i = 0; i < d->plan->channel_count; i++) {
		const struct plan_channel *c = &d->plan->channel[i];

		word[i][LIFE_PRODUCER] =
			wire_load(&d->shard[c->producer].orders->port[c->producer_port]);
		word[i][LIFE_CONSUMER] =
			wire_load(&d->shard[c->consumer].orders->port[c->consumer_port]);
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		go[i] = wire_load(&d->shard[i].orders->go);
	daemon_look(d);
	life_adopt(&d->life, &d->seen, (const uint64_t(*)[2])word, go);
}

/* An earlier daemon may have died between a freeze and its end, or in the middle of a stop. */
static void orders_finish(struct daemon *d)
{
	uint64_t stop = 0;

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		stop |= wire_load(&d->shard[i].orders->stop);
	if (stop != 0) {
		d->sums.stop = 1;
		d->sums.state = SUMS_STOPPING;
		life_stop(&d->life);
		return;
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		orders_write(d, i, &d->shard[i].orders->freeze, 0);
	orders_announce(d);
}

int daemon_adopt(struct daemon *d)
{
	uint32_t deviations = 0;
	int adopted = facts_wait(d);

	if (adopted < 0)
		return adopted;
	orders_read(d);
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		struct daemon_shard *s = &d->shard[i];

		/* A generation ended while nobody looked: its counts are in its cell still. */
		if (s->alive == 0 && s->ended > 0)
			shard_fold(d, i, s->ended);
		/* Records written before are in the log already, or with the daemon that died. */
		s->log_seen = wire_load(&s->cell->log_count);
		if (s->alive == 0)
			continue;
		if (s->facts.generation == s->alive) {
			deviations += s->facts.deviations;
			if (s->facts.faults > 0)
				life_fault(&d->life, i, LIFE_FAULT_DEVIATES);
			continue;
		}
		/* No facts, or not all: nobody knows what it has, so it is not adopted either. */
		daemon_log(d, "%s.%u: could not be verified", d->plan->shard[i].name, s->alive);
		deviations++;
		life_restart(&d->life, i, LIFE_FAULT_OPERATOR);
	}
	orders_finish(d);
	d->adopted_ns = daemon_now_ns() - d->born_ns;
	daemon_log(d,
		   "vanityd: adopted %d shards in %llu us (%llu ns), successor %u, %u deviations",
		   adopted, (unsigned long long)(d->adopted_ns / 1000),
		   (unsigned long long)d->adopted_ns, d->successor, deviations);
	return 0;
}
