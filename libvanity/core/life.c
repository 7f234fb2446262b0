/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.c: the supervision policy. life.h has the phases, the truth table and the order of
 * steps after a death; here each of them is a function over (life, seen).
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/cell.h"
#include "core/life.h"

void *memset(void *to, int value, size_t n);

#define LIFE_LATE_NS 100000ull /* an answer is never late before this: a shard may be mid-burst */
#define LIFE_STOP_NS 1000000000ull
#define LIFE_HOLDER_NS 1000000000ull /* a dead owner waits this long for holders below a held shard */

/* One step's surroundings, so that the functions below stay small. */
struct step {
	struct life *life;
	const struct life_seen *seen;
	struct life_action *action;
	uint32_t count;
};

static void act(struct step *st, uint32_t what, uint32_t shard, uint32_t port, uint32_t reason,
		uint64_t value)
{
	if (st->count < LIFE_ACTIONS_MAX)
		st->action[st->count++] = (struct life_action){ .what = what,
								.shard = shard,
								.port = port,
								.reason = reason,
								.value = value };
}

static void tell(struct step *st, uint32_t shard, uint32_t port, uint32_t event, uint64_t value)
{
	act(st, LIFE_DO_TELL, shard, port, event, value);
}

/* Ready, and not known to have ended: it answers orders. */
static bool life_up(const struct life *life, uint32_t shard)
{
	uint32_t phase = life->shard[shard].phase;

	return phase == LIFE_READY || phase == LIFE_RUNNING || phase == LIFE_WAITING ||
	       phase == LIFE_DRAINING;
}

/* Told to go, not ready yet: it may be writing its words. */
static bool life_going(const struct life *life, uint32_t shard)
{
	const struct life_shard *sh = &life->shard[shard];

	return sh->phase == LIFE_STARTING && sh->go == sh->generation;
}

static void order(struct step *st, uint32_t channel, uint32_t end, uint64_t word)
{
	struct life_end *e = &st->life->channel[channel].end[end];

	if (e->word == word)
		return;
	e->word = word;
	e->since_ns = st->seen->now_ns;
	e->heartbeat_valid = 0;
	act(st, LIFE_DO_ORDER, e->shard, e->port, 0, word);
}

void life_init(struct life *life, const struct plan *plan)
{
	memset(life, 0, sizeof(*life));
	life->plan = plan;
	for (uint32_t i = 0; i < plan->shard_count; i++)
		life->shard[i].wanted = 1;
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		life->channel[i].generation = 1;
		life->channel[i].end[LIFE_PRODUCER].shard = c->producer;
		life->channel[i].end[LIFE_PRODUCER].port = c->producer_port;
		life->channel[i].end[LIFE_CONSUMER].shard = c->consumer;
		life->channel[i].end[LIFE_CONSUMER].port = c->consumer_port;
	}
}

/*
 * The edges of a shard that is dead or was not told to go. The host before us had seen a death
 * and may not have lived to order a single neighbour: then no word tells of the new generation.
 * One more than needed costs a detach that is answered with the words that stand; one too few
 * starts a successor on words of before the death. Edges on which it never went have no past.
 */
static void life_adopt_edges(struct life *life, uint32_t shard, const uint64_t (*order_word)[2])
{
	const struct plan_shard *ps = &life->plan->shard[shard];

	for (uint32_t p = 0; p < ps->port_count; p++) {
		uint32_t ci = ps->port[p].channel;

		if (order_word[ci][ps->port[p].output ? LIFE_PRODUCER : LIFE_CONSUMER] != 0)
			life->channel[ci].generation++;
	}
}

void life_adopt(struct life *life, const struct life_seen *seen, const uint64_t (*order_word)[2],
		const uint64_t *go)
{
	for (uint32_t i = 0; i < life->plan->shard_count; i++) {
		const struct life_seen_shard *s = &seen->shard[i];
		struct life_shard *sh = &life->shard[i];

		sh->generation = s->alive ? s->alive : s->ended;
		if (sh->generation == 0)
			continue;
		sh->go = go[i] == sh->generation ? sh->generation : 0;
		sh->heartbeat = s->heartbeat;
		sh->heartbeat_ns = seen->now_ns;
		sh->started_ns = seen->now_ns;
		/* One that ended while nobody looked is found dead by the first step. */
		if (s->cell_generation == sh->generation && s->cell_ready == sh->generation)
			sh->phase = LIFE_READY;
		else
			sh->phase = LIFE_STARTING;
	}
	for (uint32_t i = 0; i < life->plan->channel_count; i++) {
		struct life_channel *c = &life->channel[i];

		for (uint32_t e = 0; e < 2; e++) {
			uint64_t word = order_word[i][e];

			c->end[e].word = word;
			c->end[e].since_ns = seen->now_ns;
			if (ORDER_GENERATION(word) > c->generation)
				c->generation = ORDER_GENERATION(word);
			if (ORDER_VERB(word) == ORDER_CLOSE)
				c->closed = 1;
		}
	}
	for (uint32_t i = 0; i < life->plan->shard_count; i++)
		if (!seen->shard[i].alive || go[i] != seen->shard[i].alive)
			life_adopt_edges(life, i, order_word);
}

uint32_t life_open(const struct life *life, const struct life_seen *seen, uint32_t channel)
{
	const struct life_channel *c = &life->channel[channel];

	return life_up(life, c->end[0].shard) && life_up(life, c->end[1].shard) &&
	       seen->end[channel][0].joined == c->generation &&
	       seen->end[channel][1].joined == c->generation;
}

/* --- a death ------------------------------------------------------------------------------- */

/* Every edge of a shard whose memory it may have touched goes on under a new generation. */
static void life_bump_edges(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];

	for (uint32_t p = 0; p < ps->port_count; p++) {
		struct life_channel *c = &st->life->channel[ps->port[p].channel];

		c->generation++;
		c->reforming = 0;
		c->settled = 0;
	}
}

/* Somebody wanted it to end, and to start again. */
static bool life_is_planned(uint32_t fault)
{
	return fault == LIFE_FAULT_OPERATOR || fault == LIFE_FAULT_REBOUND;
}

/* When may it start again? Fills start_after_ns, or holds it. */
static void life_schedule(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];
	struct life_shard *sh = &st->life->shard[shard];
	uint64_t now = st->seen->now_ns, wait = LIFE_BACKOFF_FIRST_NS;
	uint32_t recent = 0, max = ps->restart_max;

	sh->start_after_ns = now;
	if (life_is_planned(sh->fault))
		return;
	if (max > LIFE_RESTARTS_KEPT)
		max = LIFE_RESTARTS_KEPT;
	for (uint32_t i = 0; i < LIFE_RESTARTS_KEPT && i < sh->restart_at; i++)
		if (now - sh->restarted_ns[i] < ps->restart_within_ns)
			recent++;
	if (recent < max) {
		sh->backoff = 0;
		sh->restarted_ns[sh->restart_at++ % LIFE_RESTARTS_KEPT] = now;
		return;
	}
	if (ps->restart_then != PLAN_THEN_BACKOFF) {
		sh->phase = LIFE_HELD;
		sh->wanted = 0;
		tell(st, shard, 0, LIFE_EVENT_HELD, sh->generation);
		if (ps->restart_then == PLAN_THEN_STOP)
			act(st, LIFE_DO_STOP_SYSTEM, shard, 0, sh->fault, 0);
		return;
	}
	for (uint32_t i = 0; i < sh->backoff && wait < LIFE_BACKOFF_MAX_NS; i++)
		wait *= 2;
	if (wait > LIFE_BACKOFF_MAX_NS)
		wait = LIFE_BACKOFF_MAX_NS;
	sh->backoff++;
	sh->restarted_ns[sh->restart_at++ % LIFE_RESTARTS_KEPT] = now;
	sh->start_after_ns = now + wait;
	tell(st, shard, 0, LIFE_EVENT_BACKOFF, wait);
}

static void life_died(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];
	const struct life_seen_shard *s = &st->seen->shard[shard];
	struct life_shard *sh = &st->life->shard[shard];
	bool went = sh->go == sh->generation;

	if (sh->killing)
		sh->fault = sh->killing;
	else if (s->signal != 0)
		sh->fault = LIFE_FAULT_SIGNAL;
	else
		sh->fault = s->exit_code != 0 ? LIFE_FAULT_EXIT : LIFE_FAULT_NONE;
	sh->killing = 0;
	sh->go = 0;
	sh->look = sh->looked = sh->told = 0;
	sh->phase = LIFE_FAULTED;
	if (!sh->recovering) {
		sh->recovering = 1;
		sh->died_ns = st->seen->now_ns;
	}
	if (went && !st->life->stopping)
		life_bump_edges(st, shard);
	if (sh->fault != LIFE_FAULT_NONE && !st->life->stopping)
		tell(st, shard, 0, LIFE_EVENT_FAULT, sh->generation);
	if (st->life->stopping || !sh->wanted ||
	    (sh->fault == LIFE_FAULT_NONE && ps->restart_on != PLAN_ON_ALWAYS)) {
		sh->phase = LIFE_STOPPED;
		sh->wanted = 0;
		tell(st, shard, 0, LIFE_EVENT_STOPPED, sh->generation);
	} else if (ps->restart_on == PLAN_ON_NEVER && !life_is_planned(sh->fault)) {
		sh->phase = LIFE_HELD;
		sh->wanted = 0;
		tell(st, shard, 0, LIFE_EVENT_HELD, sh->generation);
	} else {
		life_schedule(st, shard);
	}
}

static void life_kill(struct step *st, uint32_t shard, uint32_t reason)
{
	struct life_shard *sh = &st->life->shard[shard];

	if (sh->killing)
		return;
	sh->killing = reason;
	act(st, LIFE_DO_KILL, shard, 0, reason, sh->generation);
}

/* --- start --------------------------------------------------------------------------------- */

static void life_start(struct step *st, uint32_t shard)
{
	struct life_shard *sh = &st->life->shard[shard];

	sh->generation++;
	if (sh->generation > 1)
		sh->restarts++;
	sh->phase = LIFE_STARTING;
	sh->started_ns = st->seen->now_ns;
	sh->go = 0;
	/* A go that its predecessor did not live to see must not be taken for its own. */
	act(st, LIFE_DO_GO, shard, 0, 0, 0);
	act(st, LIFE_DO_START, shard, 0, 0, sh->generation);
}

static bool life_lends(const struct plan_channel *c)
{
	return c->pool_count > 0;
}

/*
 * Does anybody who lives below a dead shard still have frames that came through it? The way
 * down stops at living shards: what they hold of the edge they say themselves (`left`), and a
 * pool's owner never borrows its own frames.
 */
static bool life_holders_below(struct step *st, uint32_t dead, uint32_t owner, bool kill)
{
	const struct plan *plan = st->life->plan;
	uint32_t stack[VANITY_SHARDS_MAX], depth = 0;
	uint64_t visited[VANITY_SHARDS_MAX / 64] = { 0 };
	bool holders = false;

	stack[depth++] = dead;
	visited[dead / 64] |= 1ull << (dead % 64);
	while (depth > 0) {
		const struct plan_shard *ps = &plan->shard[stack[--depth]];

		for (uint32_t p = 0; p < ps->port_count; p++) {
			uint32_t ci = ps->port[p].channel;
			const struct plan_channel *c = &plan->channel[ci];
			const struct life_seen_end *e = &st->seen->end[ci][LIFE_CONSUMER];
			uint32_t below = c->consumer;

			if (!ps->port[p].output || !life_lends(c) || below == owner ||
			    visited[below / 64] >> (below % 64) & 1)
				continue;
			if (life_up(st->life, below) || life_going(st->life, below)) {
				if (life_up(st->life, below) &&
				    e->detached == st->life->channel[ci].generation && e->left == 0)
					continue;
				holders = true;
				if (kill)
					life_kill(st, below, LIFE_FAULT_HOLDER);
				continue;
			}
			visited[below / 64] |= 1ull << (below % 64);
			stack[depth++] = below;
		}
	}
	return holders;
}

/* May @shard go, as far as this channel is concerned? Says how it would start there. */
static bool life_may_go(struct step *st, uint32_t shard, uint32_t port, uint32_t *ret_verb)
{
	const struct plan_port *pp = &st->life->plan->shard[shard].port[port];
	const struct plan_channel *c = &st->life->plan->channel[pp->channel];
	const struct life_channel *lc = &st->life->channel[pp->channel];
	struct life_shard *sh = &st->life->shard[shard];
	uint32_t other = pp->output ? c->consumer : c->producer;
	uint32_t other_end = pp->output ? LIFE_CONSUMER : LIFE_PRODUCER;

	*ret_verb = ORDER_FRESH;
	if (other == shard)
		return true;
	if (life_up(st->life, other)) {
		*ret_verb = ORDER_RESUME;
		return st->seen->end[pp->channel][other_end].detached == lc->generation;
	}
	if (life_going(st->life, other))
		return lc->generation == 1; /* the first start: neither has a past */
	if (!pp->output || !life_lends(c))
		return true;
	/* Downstream first: a dead borrower's own borrowers know what is held. */
	if (lc->generation == 1 || !life_holders_below(st, other, shard, false))
		return true;
	if (!st->life->shard[other].wanted &&
	    st->seen->now_ns - sh->started_ns > LIFE_HOLDER_NS)
		(void)life_holders_below(st, other, shard, true);
	return false;
}

static void life_try_go(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];
	struct life_shard *sh = &st->life->shard[shard];
	uint32_t verb[VANITY_PORTS_MAX];

	/* Its forebear forged that; it takes it back when it parks. Gone before, it would be
	 * believed ready before it has stated anything. */
	if (st->seen->shard[shard].cell_ready == sh->generation)
		return;
	for (uint32_t p = 0; p < ps->port_count; p++)
		if (!life_may_go(st, shard, p, &verb[p]))
			return;
	for (uint32_t p = 0; p < ps->port_count; p++) {
		uint32_t ci = ps->port[p].channel;

		order(st, ci, ps->port[p].output ? LIFE_PRODUCER : LIFE_CONSUMER,
		      ORDER_WORD(st->life->channel[ci].generation, verb[p]));
	}
	sh->go = sh->generation;
	sh->started_ns = st->seen->now_ns;
	act(st, LIFE_DO_GO, shard, 0, 0, sh->generation);
}

/* --- the watchdog -------------------------------------------------------------------------- */

enum life_verdict life_judge(uint32_t heartbeat_moved, uint32_t sched_state,
			     uint32_t voluntary_moved, uint32_t kept_off)
{
	if (heartbeat_moved)
		return LIFE_ALIVE;
	if (sched_state == 'T' || sched_state == 't')
		return LIFE_SUSPENDED;
	if (sched_state == 'R')
		return kept_off ? LIFE_STARVED : LIFE_STUCK;
	return voluntary_moved ? LIFE_SLOW : LIFE_STUCK;
}

static void life_watch(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];
	const struct life_seen_shard *s = &st->seen->shard[shard];
	struct life_shard *sh = &st->life->shard[shard];
	uint64_t age, now = st->seen->now_ns;

	if (s->heartbeat != sh->heartbeat) {
		sh->heartbeat = s->heartbeat;
		sh->heartbeat_ns = now;
		sh->look = sh->looked = sh->told = 0;
		return;
	}
	age = now - sh->heartbeat_ns;
	if (age <= ps->watchdog_ns / 2)
		return;
	sh->look = 1;
	if (!s->sched_valid)
		return;
	if (!sh->looked) {
		sh->looked = 1;
		sh->voluntary = s->voluntary;
		sh->involuntary = s->involuntary;
		sh->cpu_ns = s->cpu_ns;
		return;
	}
	if (age <= ps->watchdog_ns)
		return;
	switch (life_judge(0, s->sched_state, s->voluntary != sh->voluntary,
			   s->involuntary != sh->involuntary || s->cpu_ns == sh->cpu_ns)) {
	case LIFE_SUSPENDED:
		life_kill(st, shard, LIFE_FAULT_STOPPED);
		break;
	case LIFE_STUCK:
		life_kill(st, shard, LIFE_FAULT_STUCK);
		break;
	case LIFE_STARVED:
	case LIFE_SLOW:
		if (!sh->told) {
			sh->told = 1;
			tell(st, shard, 0, LIFE_EVENT_STARVED, age);
		}
		if (age > ps->watchdog_ns * LIFE_STARVED_FACTOR)
			life_kill(st, shard,
				  s->sched_state == 'R' ? LIFE_FAULT_STARVED : LIFE_FAULT_SLOW);
		break;
	case LIFE_ALIVE:
		break;
	}
}

/* An order that stands unanswered for two heartbeats: not an honest shard. */
static void life_late(struct step *st, uint32_t channel, uint32_t end)
{
	struct life_end *e = &st->life->channel[channel].end[end];
	const struct life_seen_end *s = &st->seen->end[channel][end];
	uint64_t generation = ORDER_GENERATION(e->word), heartbeat;

	if (!life_up(st->life, e->shard))
		return;
	switch (ORDER_VERB(e->word)) {
	/* Nothing newer was ever ordered: a number beyond is a lie, and no answer either. */
	case ORDER_DETACH:
	case ORDER_SETTLE:
		if (s->detached == generation)
			return;
		break;
	case ORDER_JOIN:
	case ORDER_REFORM:
		if (s->joined == generation)
			return;
		break;
	default:
		return;
	}
	heartbeat = st->seen->shard[e->shard].heartbeat;
	if (!e->heartbeat_valid) {
		/* The order was carried out after the step that gave it: count from here. */
		e->heartbeat_valid = 1;
		e->heartbeat = heartbeat;
	} else if (heartbeat - e->heartbeat >= 2 && st->seen->now_ns - e->since_ns >= LIFE_LATE_NS) {
		life_kill(st, e->shard, LIFE_FAULT_LATE);
	}
}

/* --- channels ------------------------------------------------------------------------------ */

/* A claim that cannot be true broke it: re-form it, within the accused end's intensity. */
static void life_broken(struct step *st, uint32_t channel, uint32_t accuser)
{
	struct life_channel *c = &st->life->channel[channel];
	const struct life_end *e = &c->end[accuser];
	const struct plan_shard *accused = &st->life->plan->shard[c->end[!accuser].shard];
	uint64_t now = st->seen->now_ns;

	tell(st, e->shard, e->port, LIFE_EVENT_BROKEN, st->seen->end[channel][accuser].broken);
	if (now - c->reform_ns > accused->restart_within_ns) {
		c->reform_ns = now;
		c->reforms = 0;
	}
	if (c->reforms >= accused->restart_max) {
		c->closed = 1;
		tell(st, e->shard, e->port, LIFE_EVENT_CLOSED, 0);
		return;
	}
	c->reforms++;
	c->generation++;
	c->reforming = 1;
	order(st, channel, LIFE_CONSUMER, ORDER_WORD(c->generation, ORDER_DETACH));
}

/* Both ends live: the consumer states, the producer takes its words, the consumer joins. */
static void life_reform(struct step *st, uint32_t channel)
{
	struct life_channel *c = &st->life->channel[channel];
	const struct life_seen_end *s = st->seen->end[channel];

	if (c->reforming == 1 && s[LIFE_CONSUMER].detached == c->generation) {
		c->reforming = 2;
		order(st, channel, LIFE_PRODUCER, ORDER_WORD(c->generation, ORDER_REFORM));
	} else if (c->reforming == 2 && s[LIFE_PRODUCER].joined == c->generation) {
		c->reforming = 3;
		order(st, channel, LIFE_CONSUMER, ORDER_WORD(c->generation, ORDER_JOIN));
	} else if (c->reforming == 3 && s[LIFE_CONSUMER].joined == c->generation) {
		c->reforming = 0;
		tell(st, c->end[LIFE_PRODUCER].shard, c->end[LIFE_PRODUCER].port,
		     LIFE_EVENT_REFORMED, c->generation);
	}
}

/* The consumer will not come back and nobody below it has anything: the lender settles. */
static void life_settle(struct step *st, uint32_t channel)
{
	const struct plan_channel *pc = &st->life->plan->channel[channel];
	struct life_channel *c = &st->life->channel[channel];
	const struct life_shard *consumer = &st->life->shard[pc->consumer];

	if (c->settled || (consumer->phase != LIFE_HELD && consumer->phase != LIFE_STOPPED))
		return;
	if (st->seen->end[channel][LIFE_PRODUCER].detached != c->generation ||
	    life_holders_below(st, pc->consumer, pc->producer, false))
		return;
	c->generation++;
	c->settled = 1;
	order(st, channel, LIFE_PRODUCER, ORDER_WORD(c->generation, ORDER_SETTLE));
	tell(st, pc->producer, pc->producer_port, LIFE_EVENT_SETTLED, c->generation);
}

static void life_channel_step(struct step *st, uint32_t channel)
{
	struct life_channel *c = &st->life->channel[channel];
	const struct life_seen_end *s = st->seen->end[channel];
	bool up[2] = { life_up(st->life, c->end[0].shard), life_up(st->life, c->end[1].shard) };

	for (uint32_t e = 0; e < 2; e++)
		life_late(st, channel, e);
	if (up[0] && up[1] && c->reforming) {
		life_reform(st, channel);
		return;
	}
	for (uint32_t e = 0; e < 2; e++) {
		if (!up[e])
			continue;
		if (s[e].detached != c->generation) {
			/* A settle is an answer of its own. */
			if (ORDER_GENERATION(c->end[e].word) < c->generation)
				order(st, channel, e, ORDER_WORD(c->generation, ORDER_DETACH));
		} else if (up[!e] && s[e].joined != c->generation &&
			   s[!e].joined == c->generation) {
			order(st, channel, e, ORDER_WORD(c->generation, ORDER_JOIN));
		} else if (c->closed && s[e].joined == c->generation) {
			order(st, channel, e, ORDER_WORD(c->generation, ORDER_CLOSE));
		}
	}
	if (up[0] && !up[1])
		life_settle(st, channel);
	if (!up[0] || !up[1] || c->closed)
		return;
	for (uint32_t e = 0; e < 2; e++) {
		if (s[e].broken != 0 && s[e].joined == c->generation) {
			life_broken(st, channel, e);
			return;
		}
	}
	/* Both live, both stated, nobody joined: an earlier host died in the middle of a re-form. */
	if (s[0].joined != c->generation && s[1].joined != c->generation &&
	    s[0].detached == c->generation && s[1].detached == c->generation) {
		c->generation++;
		c->reforming = 1;
		order(st, channel, LIFE_CONSUMER, ORDER_WORD(c->generation, ORDER_DETACH));
	}
}

/* --- a shard ------------------------------------------------------------------------------- */

static bool life_all_open(struct step *st, uint32_t shard)
{
	const struct plan_shard *ps = &st->life->plan->shard[shard];

	for (uint32_t p = 0; p < ps->port_count; p++) {
		const struct life_channel *c = &st->life->channel[ps->port[p].channel];

		if (!c->closed && life_up(st->life, c->end[0].shard) &&
		    life_up(st->life, c->end[1].shard) &&
		    !life_open(st->life, st->seen, ps->port[p].channel))
			return false;
	}
	return true;
}

static void life_shard_step(struct step *st, uint32_t shard)
{
	const struct life_seen_shard *s = &st->seen->shard[shard];
	struct life_shard *sh = &st->life->shard[shard];
	uint64_t now = st->seen->now_ns;

	switch (sh->phase) {
	case LIFE_DECLARED:
		if (sh->wanted && !st->life->stopping)
			life_start(st, shard);
		break;
	case LIFE_FAULTED:
		if (st->life->stopping) {
			sh->phase = LIFE_STOPPED;
			sh->wanted = 0;
		} else if (now >= sh->start_after_ns) {
			life_start(st, shard);
		}
		break;
	case LIFE_STARTING:
		if (st->life->stopping) {
			life_kill(st, shard, LIFE_FAULT_OPERATOR);
		} else if (sh->go != sh->generation) {
			life_try_go(st, shard);
		} else if (s->cell_generation == sh->generation && s->cell_ready == sh->generation) {
			sh->phase = LIFE_READY;
			sh->heartbeat = s->heartbeat;
			sh->heartbeat_ns = now;
			tell(st, shard, 0, LIFE_EVENT_READY, sh->generation);
		} else if (now - sh->started_ns > LIFE_START_NS) {
			life_kill(st, shard, LIFE_FAULT_START);
		}
		break;
	case LIFE_READY:
	case LIFE_RUNNING:
	case LIFE_WAITING:
		life_watch(st, shard);
		if (!life_all_open(st, shard)) {
			sh->phase = LIFE_READY;
			break;
		}
		sh->phase = s->cell_state == CELL_WAITING ? LIFE_WAITING : LIFE_RUNNING;
		if (sh->recovering) {
			sh->recovering = 0;
			tell(st, shard, 0, LIFE_EVENT_RECOVERED, now - sh->died_ns);
		}
		break;
	case LIFE_DRAINING:
		if (now - sh->started_ns > LIFE_STOP_NS)
			life_kill(st, shard, LIFE_FAULT_OPERATOR);
		break;
	default:
		break;
	}
	if (st->life->stopping && life_up(st->life, shard) && sh->phase != LIFE_DRAINING) {
		sh->phase = LIFE_DRAINING;
		sh->started_ns = now;
		sh->wanted = 0;
		act(st, LIFE_DO_STOP_ORDER, shard, 0, 0, 1);
	}
}

/* What an operator or the host wants ended; who died in the same moment needs no kill. */
static void life_asked_end(struct step *st, uint32_t shard)
{
	struct life_shard *sh = &st->life->shard[shard];
	uint32_t reason = sh->asked_end;

	sh->asked_end = LIFE_FAULT_NONE;
	if (reason == LIFE_FAULT_NONE)
		return;
	if (life_up(st->life, shard) || sh->phase == LIFE_STARTING)
		life_kill(st, shard, reason);
	else if (life_is_planned(reason) && !st->life->stopping)
		life_restart(st->life, shard, reason);
}

uint32_t life_step(struct life *life, const struct life_seen *seen,
		   struct life_action *ret_action)
{
	struct step st = { .life = life, .seen = seen, .action = ret_action };

	/* Deaths first: everything after them works on who really lives. */
	for (uint32_t i = 0; i < life->plan->shard_count; i++) {
		const struct life_shard *sh = &life->shard[i];

		if (sh->generation > 0 && seen->shard[i].ended >= sh->generation &&
		    seen->shard[i].device_quiet &&
		    (life_up(life, i) || sh->phase == LIFE_STARTING))
			life_died(&st, i);
	}
	if (!life->stopping)
		for (uint32_t i = 0; i < life->plan->channel_count; i++)
			life_channel_step(&st, i);
	for (uint32_t i = 0; i < life->plan->shard_count; i++) {
		life_asked_end(&st, i);
		life_shard_step(&st, i);
	}
	return st.count;
}

uint64_t life_next_ns(const struct life *life, uint64_t now_ns)
{
	uint64_t next = now_ns + 1000000000ull;

	for (uint32_t i = 0; i < life->plan->shard_count; i++) {
		const struct life_shard *sh = &life->shard[i];
		uint64_t at = now_ns + life->plan->shard[i].watchdog_ns / 4;

		if (sh->phase == LIFE_FAULTED)
			at = sh->start_after_ns;
		else if (sh->phase == LIFE_HELD || sh->phase == LIFE_STOPPED)
			continue;
		if (at < next)
			next = at;
	}
	return next > now_ns ? next : now_ns;
}

uint32_t life_busy(const struct life *life)
{
	for (uint32_t i = 0; i < life->plan->shard_count; i++) {
		uint32_t phase = life->shard[i].phase;

		if (life->shard[i].killing || phase == LIFE_STARTING || phase == LIFE_READY)
			return 1;
	}
	for (uint32_t i = 0; i < life->plan->channel_count; i++)
		if (life->channel[i].reforming)
			return 1;
	return 0;
}

void life_restart(struct life *life, uint32_t shard, enum life_fault why)
{
	struct life_shard *sh = &life->shard[shard];

	sh->wanted = 1;
	sh->backoff = 0;
	sh->restart_at = 0;
	if (life_up(life, shard) || sh->phase == LIFE_STARTING)
		sh->asked_end = why;
	else
		sh->phase = LIFE_DECLARED;
}

void life_fault(struct life *life, uint32_t shard, uint32_t reason)
{
	struct life_shard *sh = &life->shard[shard];

	if (sh->asked_end == LIFE_FAULT_NONE &&
	    (life_up(life, shard) || sh->phase == LIFE_STARTING))
		sh->asked_end = reason;
}

void life_stop(struct life *life)
{
	life->stopping = 1;
}

/* --- words --------------------------------------------------------------------------------- */

const char *life_phase_name(uint32_t phase)
{
	static const char names[][12] = { "declared", "starting", "ready",  "running", "waiting",
					  "draining", "parked",   "faulted", "held",    "stopped" };

	return phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "unknown";
}

const char *life_fault_name(uint32_t fault)
{
	static const char names[][24] = {
		"none",	   "signal",	"fatal exit", "stuck",		"starved", "stopped by a signal",
		"too slow", "late answer", "start too long", "operator", "held frames too long",
		"deviates from the plan", "device bound anew",
	};

	return fault < sizeof(names) / sizeof(names[0]) ? names[fault] : "unknown";
}
