/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_claims.c: what could not be true, said: who claimed it, of what, and what its bound is.
 *
 * Nothing is decided here. A port that breaks is the library's verdict, and what follows the
 * policy's; a give-back that is refused, or a word of a cell that cannot be, changes nothing at
 * all. But an operator shall hear of it: an honest library writes no such word. One line a second,
 * shard and port, however many there are.
 */
#include "daemon.h"

#include <stdio.h>

static const char *const fault_words[] = {
	[CHANNEL_ROOM_BEYOND_TAIL] = "room beyond the tail, or behind what was seen",
	[CHANNEL_SLOT_STALE] = "a slot below the cut that is not there",
	[CHANNEL_FRAME_UNKNOWN] = "a frame of none of its pools",
	[CHANNEL_FRAME_BOUNDS] = "bytes beyond the frame",
	[CHANNEL_FRAME_TWICE] = "a frame that is lent already",
	[CHANNEL_LEND_EXCEEDED] = "more frames than `lend`",
	[CHANNEL_LANE_BEYOND_SLOTS] = "a lane tail beyond the lane",
};
#define FAULTS (sizeof(fault_words) / sizeof(fault_words[0]))

/* The number that a claim was held against; the plan's, so nobody's to change. */
static void bound_print(const struct daemon *d, const struct plan_channel *c, uint32_t fault,
			char *ret, size_t room)
{
	const struct plan_pool *pool = d->plan->pool;
	uint32_t frames = 0, bytes = 0;

	for (uint32_t i = 0; i < c->pool_count; i++) {
		frames += pool[c->pool[i]].frame_count;
		if (pool[c->pool[i]].frame_bytes > bytes)
			bytes = pool[c->pool[i]].frame_bytes;
	}
	switch (fault) {
	case CHANNEL_FRAME_UNKNOWN:
	case CHANNEL_FRAME_TWICE:
		snprintf(ret, room, "of %u frames", frames);
		break;
	case CHANNEL_FRAME_BOUNDS:
		snprintf(ret, room, "at most %u bytes", bytes);
		break;
	case CHANNEL_LEND_EXCEEDED:
		snprintf(ret, room, "at most %u frames", c->lend);
		break;
	case CHANNEL_LANE_BEYOND_SLOTS:
		snprintf(ret, room, "at most %u entries", c->lane_slots);
		break;
	default:
		snprintf(ret, room, "at most %u slots", c->slot_count);
		break;
	}
}

/* Who is at the other end of a port. */
static const char *neighbour(const struct daemon *d, uint32_t shard, uint32_t port)
{
	const struct plan_port *p = &d->plan->shard[shard].port[port];
	const struct plan_channel *c = &d->plan->channel[p->channel];

	return d->plan->shard[p->output ? c->consumer : c->producer].name;
}

void claims_broken(struct daemon *d, uint32_t shard, uint32_t port, uint32_t generation,
		   uint64_t broken)
{
	const struct plan_shard *plan = &d->plan->shard[shard];
	const struct plan_port *p = &plan->port[port];
	uint32_t fault = (uint32_t)(broken >> 56);
	char bound[40];

	bound_print(d, &d->plan->channel[p->channel], fault, bound, sizeof(bound));
	daemon_log(d, "%s.%u: port %s broke: fault %u, value 0x%llx: %s claims %s, %s", plan->name,
		   generation, p->name, fault, (unsigned long long)(broken & 0xffffffffffffffull),
		   neighbour(d, shard, port),
		   fault < FAULTS && fault_words[fault] != NULL ? fault_words[fault] : "nonsense",
		   bound);
}

/* --- a cell -------------------------------------------------------------------------------- */

/* The first that cannot be since one was said; one a second is enough. */
static uint32_t is_lie(struct daemon_shard *s, const char *what, uint64_t found, uint64_t bound,
		       int exactly)
{
	if (exactly ? found == bound : found <= bound)
		return 0;
	s->lie.what = what;
	s->lie.than = exactly ? "it is" : "at most";
	s->lie.found = found;
	s->lie.bound = bound;
	return 1;
}

void claims_look(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];
	const struct cell *cell = s->cell;
	uint64_t newest = s->alive > s->ended ? s->alive : s->ended;

	if (s->lie.what != NULL || newest == 0)
		return;
	if (newest < d->life.shard[shard].generation)
		newest = d->life.shard[shard].generation;
	/* Whose it is: the keeper's word of a start may come later than what was started. */
	s->lie.generation = s->alive != 0 ? s->alive : (uint32_t)newest;
	(void)(is_lie(s, "state", wire_load(&cell->state), CELL_FAULT, 0) ||
	       is_lie(s, "generation", wire_load(&cell->generation), newest, 0) ||
	       is_lie(s, "ready", wire_load(&cell->ready), newest, 0) ||
	       is_lie(s, "shard", wire_load(&cell->shard), shard, 1) ||
	       is_lie(s, "port count", wire_load(&cell->port_count),
		      d->plan->shard[shard].port_count, 1));
}

/* --- give-backs ---------------------------------------------------------------------------- */

static void refused_say(struct daemon *d, uint32_t shard, uint32_t generation, uint32_t port,
			uint64_t count)
{
	const struct plan_shard *plan = &d->plan->shard[shard];

	daemon_log(d,
		   "%s.%u: port %s: %llu give-backs by %s refused: not lent to it, of at most %u",
		   plan->name, generation, plan->port[port].name, (unsigned long long)count,
		   neighbour(d, shard, port), d->plan->channel[plan->port[port].channel].lend);
}

/* Refused by this generation and not said yet. */
static uint64_t refused_new(struct daemon_shard *s, uint32_t generation, uint32_t port)
{
	uint64_t count = shard_count_port(s, port, PORT_REFUSED), before;

	if (s->refused_generation != generation) {
		for (uint32_t i = 0; i < VANITY_PORTS_MAX; i++)
			s->refused_said[i] = 0;
		s->refused_generation = generation;
	}
	before = s->refused_said[port];
	s->refused_said[port] = count;
	return count > before ? count - before : 0;
}

static void refused_tell(struct daemon *d, uint32_t shard, uint32_t generation)
{
	struct daemon_shard *s = &d->shard[shard];

	/* In between it is another one's cell. */
	if (generation == 0 || wire_load_acquire(&s->cell->generation) != generation)
		return;
	for (uint32_t i = 0; i < d->plan->shard[shard].port_count; i++) {
		uint64_t count = refused_new(s, generation, i);

		if (count != 0 && d->plan->shard[shard].port[i].output)
			refused_say(d, shard, generation, i, count);
	}
}

void claims_tell(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];

	if (s->lie.what != NULL)
		daemon_log(d, "%s.%u: cell: %s %llu cannot be, %s %llu", d->plan->shard[shard].name,
			   s->lie.generation, s->lie.what, (unsigned long long)s->lie.found,
			   s->lie.than, (unsigned long long)s->lie.bound);
	s->lie.what = NULL;
	refused_tell(d, shard, s->alive);
}

/* Of one that died: kept before its successor may write, said when there is time. */
void claims_last(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];
	struct crash *crash = &s->crash;

	if (wire_load_acquire(&s->cell->generation) != crash->generation)
		return;
	for (uint32_t i = 0; i < d->plan->shard[shard].port_count; i++)
		crash->port[i].refused = refused_new(s, crash->generation, i);
}

void claims_tell_last(struct daemon *d, uint32_t shard)
{
	const struct crash *crash = &d->shard[shard].crash;

	for (uint32_t i = 0; i < d->plan->shard[shard].port_count; i++)
		if (crash->port[i].refused != 0 && d->plan->shard[shard].port[i].output)
			refused_say(d, shard, crash->generation, i, crash->port[i].refused);
}
