/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy against cells of paper: what a shard says of itself is written by the test, honest or
 * not. A paper shard answers orders at once unless told otherwise.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull

struct paper_shard {
	uint32_t alive, ended, signal, generation;
	int32_t exit_code;
	uint64_t go, beat, cell_generation, ready;
	uint64_t word[VANITY_PORTS_MAX];
	uint64_t detached[VANITY_PORTS_MAX], joined[VANITY_PORTS_MAX], left[VANITY_PORTS_MAX];
	uint64_t broken[VANITY_PORTS_MAX];
	uint32_t stop;
	uint32_t mute; /* beats, answers nothing */
	uint32_t dead_heart; /* does not even beat */
	uint32_t kills; /* ordered by the policy */
	uint32_t kill_reason;
	uint32_t starts;
};

struct paper {
	struct rig *rig; /* for its plan */
	const struct plan *plan;
	struct life *life;
	struct life_seen *seen;
	struct life_action *action;
	uint32_t count; /* actions of the last step */
	uint64_t now;
	uint32_t sched_state; /* of all, when asked */
	uint64_t voluntary, involuntary, cpu_ns;
	struct paper_shard s[RIG_SHARDS];
	uint32_t told[16]; /* by event */
	uint64_t told_value[16];
	uint32_t stop_system;
	uint32_t strict; /* assert on every order that it may be given */
};

static const struct rig_spec three = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 2, .slots = 8, .pools = RIG_POOL0, .lend = 16 } },
	.restart_max = 3,
};

static const struct rig_spec diamond = {
	.shard_count = 5,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
		     { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
		     { 1, 3, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
		     { 2, 3, .slots = 8, .pools = RIG_POOL0, .lend = 8 },
		     { 3, 4, .slots = 8, .pools = RIG_POOL0, .lend = 16 } },
};

static struct paper *paper_new(const struct rig_spec *spec)
{
	struct paper *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->rig = rig_new(spec);
	p->plan = p->rig->plan;
	p->life = calloc(1, sizeof(*p->life));
	p->seen = calloc(1, sizeof(*p->seen));
	p->action = calloc(LIFE_ACTIONS_MAX, sizeof(*p->action));
	assert_true(p->life && p->seen && p->action);
	p->now = SECOND;
	p->sched_state = 'S';
	p->strict = 1;
	life_init(p->life, p->plan);
	return p;
}

static void paper_free(struct paper *p)
{
	rig_free(p->rig);
	free(p->life);
	free(p->seen);
	free(p->action);
	free(p);
}

static void paper_look(struct paper *p)
{
	memset(p->seen, 0, sizeof(*p->seen));
	p->seen->now_ns = p->now;
	for (uint32_t i = 0; i < p->plan->shard_count; i++) {
		const struct paper_shard *s = &p->s[i];

		p->seen->shard[i] = (struct life_seen_shard){
			.alive = s->alive,
			.ended = s->ended,
			.exit_code = s->exit_code,
			.signal = s->signal,
			.device_quiet = 1,
			.sched_valid = p->life->shard[i].look,
			.sched_state = p->sched_state,
			.voluntary = p->voluntary,
			.involuntary = p->involuntary,
			.cpu_ns = p->cpu_ns,
			.cell_state = CELL_RUNNING,
			.cell_generation = s->cell_generation,
			.cell_ready = s->ready,
			.heartbeat = s->beat,
		};
	}
	for (uint32_t i = 0; i < p->plan->channel_count; i++) {
		const struct plan_channel *c = &p->plan->channel[i];

		for (uint32_t e = 0; e < 2; e++) {
			const struct paper_shard *s = &p->s[e ? c->consumer : c->producer];
			uint32_t port = e ? c->consumer_port : c->producer_port;

			p->seen->end[i][e] =
				(struct life_seen_end){ s->detached[port], s->joined[port],
							s->left[port], s->broken[port] };
		}
	}
}

static uint32_t paper_other(const struct paper *p, uint32_t shard, uint32_t port)
{
	const struct plan_port *pp = &p->plan->shard[shard].port[port];
	const struct plan_channel *c = &p->plan->channel[pp->channel];

	return pp->output ? c->consumer : c->producer;
}

static bool paper_up(const struct paper *p, uint32_t shard)
{
	return p->s[shard].alive && p->s[shard].ready == p->s[shard].alive;
}

/* What a go promises: nobody next to it is half way, and the living have answered. */
static void paper_may_go(struct paper *p, uint32_t shard)
{
	for (uint32_t port = 0; port < p->plan->shard[shard].port_count; port++) {
		uint32_t other = paper_other(p, shard, port);
		const struct paper_shard *o = &p->s[other];
		uint64_t word = p->s[shard].word[port];
		uint32_t oport = 0;

		while (p->plan->shard[other].port[oport].channel !=
		       p->plan->shard[shard].port[port].channel)
			oport++;
		if (ORDER_VERB(word) == ORDER_RESUME) {
			assert_true(paper_up(p, other));
			assert_int_equal(o->detached[oport], ORDER_GENERATION(word));
		} else {
			assert_int_equal(ORDER_VERB(word), ORDER_FRESH);
			assert_false(paper_up(p, other) && ORDER_GENERATION(word) > 1);
			if (o->alive && o->go == o->alive && !paper_up(p, other))
				assert_int_equal(ORDER_GENERATION(word), 1);
		}
	}
}

static void paper_obey(struct paper *p, const struct life_action *a)
{
	struct paper_shard *s = &p->s[a->shard];

	switch (a->what) {
	case LIFE_DO_START:
		assert_int_equal(s->alive, 0);
		assert_true(a->value > s->generation);
		s->generation = s->alive = (uint32_t)a->value;
		s->starts++;
		break;
	case LIFE_DO_KILL:
		assert_int_equal(a->value, s->generation);
		s->kills++;
		s->kill_reason = a->reason;
		if (s->alive) {
			s->alive = 0;
			s->ended = s->generation;
			s->signal = 9;
		}
		break;
	case LIFE_DO_GO:
		if (a->value != 0 && p->strict)
			paper_may_go(p, a->shard);
		s->go = a->value;
		break;
	case LIFE_DO_ORDER:
		/* An order to a shard that is not up is the word it finds when it goes. */
		if (p->strict && ORDER_VERB(a->value) > ORDER_RESUME)
			assert_true(paper_up(p, a->shard) || !s->alive);
		s->word[a->port] = a->value;
		break;
	case LIFE_DO_STOP_ORDER:
		s->stop = (uint32_t)a->value;
		break;
	case LIFE_DO_TELL:
		p->told[a->reason]++;
		p->told_value[a->reason] = a->value;
		break;
	case LIFE_DO_STOP_SYSTEM:
		p->stop_system++;
		break;
	default:
		fail();
	}
}

static void paper_step(struct paper *p, uint64_t ns)
{
	p->now += ns;
	paper_look(p);
	p->count = life_step(p->life, p->seen, p->action);
	assert_true(p->count <= LIFE_ACTIONS_MAX);
	for (uint32_t i = 0; i < p->count; i++)
		paper_obey(p, &p->action[i]);
}

/* One look of a shard at its orders. */
static void paper_turn(struct paper *p, uint32_t shard)
{
	struct paper_shard *s = &p->s[shard];

	if (!s->alive)
		return;
	if (s->ready != s->alive) {
		if (s->go != s->alive)
			return;
		s->cell_generation = s->alive;
		for (uint32_t i = 0; i < p->plan->shard[shard].port_count; i++)
			s->detached[i] = s->joined[i] = ORDER_GENERATION(s->word[i]);
		s->ready = s->alive;
		return;
	}
	if (s->dead_heart)
		return;
	s->beat++;
	if (s->mute)
		return;
	for (uint32_t i = 0; i < p->plan->shard[shard].port_count; i++) {
		uint64_t generation = ORDER_GENERATION(s->word[i]);

		switch (ORDER_VERB(s->word[i])) {
		case ORDER_DETACH:
		case ORDER_SETTLE:
			if (generation > s->detached[i])
				s->detached[i] = generation;
			break;
		case ORDER_JOIN:
			s->joined[i] = generation;
			s->broken[i] = 0;
			break;
		case ORDER_REFORM:
			s->detached[i] = s->joined[i] = generation;
			s->broken[i] = 0;
			break;
		default:
			break;
		}
	}
}

static void paper_run(struct paper *p, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++) {
		paper_step(p, 1000000);
		for (uint32_t s = 0; s < p->plan->shard_count; s++)
			paper_turn(p, s);
	}
}

static void paper_kill(struct paper *p, uint32_t shard)
{
	p->s[shard].alive = 0;
	p->s[shard].ended = p->s[shard].generation;
	p->s[shard].signal = 11;
}

static bool paper_open(struct paper *p)
{
	paper_look(p);
	for (uint32_t i = 0; i < p->plan->channel_count; i++)
		if (!life_open(p->life, p->seen, i))
			return false;
	return true;
}

static uint32_t paper_find(const struct paper *p, uint32_t what, uint32_t shard)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->action[i].what == what && p->action[i].shard == shard)
			return i;
	return UINT32_MAX;
}

static struct paper *paper_running(const struct rig_spec *spec)
{
	struct paper *p = paper_new(spec);

	paper_run(p, 8);
	assert_true(paper_open(p));
	return p;
}

/* --- start ---------------------------------------------------------------------------------- */

static void the_first_start_goes_fresh_everywhere_at_once(void **state)
{
	struct paper *p = paper_new(&diamond);

	(void)state;
	paper_step(p, 1);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(p->s[i].alive, 1);
	paper_step(p, 1);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(p->s[i].go, 1);
		for (uint32_t k = 0; k < p->plan->shard[i].port_count; k++)
			assert_int_equal(p->s[i].word[k], ORDER_WORD(1, ORDER_FRESH));
	}
	paper_run(p, 3);
	assert_true(paper_open(p));
	assert_int_equal(life_busy(p->life), 0);
	paper_free(p);
}

/* --- a death --------------------------------------------------------------------------------- */

static void after_a_death_the_living_detach_before_the_successor_goes(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	paper_kill(p, 1);
	paper_step(p, 1000);
	/* RECOVERY 1 and 2: new generation, DETACH to both, and the successor is started. */
	assert_int_equal(p->s[0].word[0], ORDER_WORD(2, ORDER_DETACH));
	assert_int_equal(p->s[2].word[0], ORDER_WORD(2, ORDER_DETACH));
	assert_true(paper_find(p, LIFE_DO_ORDER, 0) < paper_find(p, LIFE_DO_START, 1));
	assert_true(paper_find(p, LIFE_DO_ORDER, 2) < paper_find(p, LIFE_DO_START, 1));
	assert_int_equal(p->s[1].go, 0);
	paper_step(p, 1000);
	assert_int_equal(p->s[1].go, 0);
	paper_turn(p, 0);
	paper_step(p, 1000);
	assert_int_equal(p->s[1].go, 0); /* the borrower has not stated */
	paper_turn(p, 2);
	paper_step(p, 1000);
	assert_int_equal(p->s[1].go, 2); /* 4 */
	assert_int_equal(p->s[1].word[0], ORDER_WORD(2, ORDER_RESUME));
	assert_int_equal(p->s[0].word[0], ORDER_WORD(2, ORDER_DETACH));
	paper_turn(p, 1); /* 5: ready */
	paper_step(p, 1000);
	paper_step(p, 1000);
	assert_int_equal(p->s[0].word[0], ORDER_WORD(2, ORDER_JOIN)); /* 6 */
	assert_int_equal(p->s[2].word[0], ORDER_WORD(2, ORDER_JOIN));
	paper_run(p, 2);
	assert_true(paper_open(p));
	assert_int_equal(p->told[LIFE_EVENT_RECOVERED], 1);
	paper_free(p);
}

static void downstream_goes_first_when_neighbours_die_together(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	/* The sink holds frames that came through both. */
	p->s[2].left[0] = 5;
	paper_kill(p, 0);
	paper_kill(p, 1);
	paper_step(p, 1000);
	paper_turn(p, 2);
	paper_step(p, 1000);
	assert_int_equal(p->s[1].go, 2);
	assert_int_equal(p->s[0].go, 0);
	paper_step(p, 1000);
	assert_int_equal(p->s[0].go, 0); /* between go and ready: it may be writing */
	paper_turn(p, 1);
	paper_step(p, 1000);
	paper_step(p, 1000);
	assert_int_equal(p->s[0].go, 2);
	p->s[2].left[0] = 0;
	paper_run(p, 6);
	assert_true(paper_open(p));
	paper_free(p);
}

static void an_owner_starts_beside_a_dead_borrower_when_nobody_below_holds(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	paper_kill(p, 0);
	paper_kill(p, 1);
	paper_step(p, 1000);
	paper_step(p, 1000);
	assert_int_equal(p->s[0].go, 0); /* the sink has not said what is left */
	paper_turn(p, 2);
	paper_step(p, 1000);
	assert_true(p->s[0].go == 2 || p->s[1].go == 2);
	paper_run(p, 6);
	assert_true(paper_open(p));
	paper_free(p);
}

/* --- liars ----------------------------------------------------------------------------------- */

static void a_wild_detached_is_no_answer_and_kills_the_liar_only(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	p->s[2].mute = 1;
	p->s[2].detached[0] = UINT64_MAX;
	paper_kill(p, 1);
	paper_run(p, 40);
	assert_int_equal(p->s[2].kills, 1);
	assert_int_equal(p->s[2].kill_reason, LIFE_FAULT_LATE);
	assert_int_equal(p->s[0].kills, 0);
	assert_int_equal(p->s[1].kills, 0);
	p->s[2].mute = 0;
	p->s[2].detached[0] = 0;
	paper_run(p, 40);
	assert_true(paper_open(p));
	paper_free(p);
}

static void a_wild_joined_is_no_answer_and_kills_the_liar_only(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	paper_kill(p, 1);
	paper_run(p, 2);
	p->s[2].mute = 1;
	p->s[2].joined[0] = UINT64_MAX;
	paper_run(p, 40);
	assert_int_equal(p->s[2].kills, 1);
	assert_int_equal(p->s[2].kill_reason, LIFE_FAULT_LATE);
	assert_int_equal(p->s[0].kills + p->s[1].kills, 0);
	paper_free(p);
}

static void a_late_answer_kills_the_late_one_and_only_it(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	p->s[0].mute = 1;
	paper_kill(p, 1);
	paper_run(p, 5);
	assert_int_equal(p->s[0].kills, 1);
	assert_int_equal(p->s[0].kill_reason, LIFE_FAULT_LATE);
	assert_int_equal(p->s[1].kills + p->s[2].kills, 0);
	p->s[0].mute = 0;
	paper_run(p, 20);
	assert_true(paper_open(p));
	paper_free(p);
}

static void one_heartbeat_after_an_order_is_not_late(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	p->s[0].mute = 1;
	paper_kill(p, 1);
	paper_step(p, 1000000); /* the order */
	paper_step(p, 1000000); /* the first look after it */
	p->s[0].beat++;
	paper_step(p, 1000000);
	paper_step(p, 1000000);
	assert_int_equal(p->s[0].kills, 0);
	p->s[0].beat++;
	paper_step(p, 1000000);
	assert_int_equal(p->s[0].kills, 1);
	paper_free(p);
}

static void a_forged_ready_of_the_next_generation_does_not_make_it_ready(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	/* Its forebear knew the numbers. */
	p->s[1].cell_generation = p->s[1].ready = 2;
	p->s[1].detached[0] = p->s[1].joined[0] = 2;
	p->s[1].detached[1] = p->s[1].joined[1] = 2;
	p->strict = 0;
	paper_kill(p, 1);
	for (uint32_t i = 0; i < 8; i++) {
		paper_step(p, 1000000);
		paper_turn(p, 0);
		paper_turn(p, 2);
	}
	assert_int_equal(p->s[1].go, 0);
	assert_int_equal(ORDER_VERB(p->s[0].word[0]), ORDER_DETACH);
	/* The honest successor parks and takes it back. */
	p->s[1].ready = 0;
	p->s[1].joined[0] = p->s[1].joined[1] = 0;
	paper_run(p, 10);
	assert_int_equal(p->s[1].go, 2);
	assert_true(paper_open(p));
	paper_free(p);
}

static void a_broken_channel_is_formed_again_within_intensity_and_then_closed(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		p->s[2].broken[0] = (uint64_t)CHANNEL_SLOT_STALE << 56;
		paper_step(p, 1000000);
		assert_int_equal(ORDER_VERB(p->s[2].word[0]), ORDER_DETACH);
		paper_run(p, 5);
		assert_true(paper_open(p));
		assert_int_equal(p->told[LIFE_EVENT_REFORMED], i + 1);
	}
	p->s[2].broken[0] = (uint64_t)CHANNEL_SLOT_STALE << 56;
	paper_run(p, 5);
	assert_int_equal(p->told[LIFE_EVENT_CLOSED], 1);
	assert_int_equal(ORDER_VERB(p->s[2].word[0]), ORDER_CLOSE);
	assert_int_equal(ORDER_VERB(p->s[1].word[1]), ORDER_CLOSE);
	paper_run(p, 20);
	assert_int_equal(p->told[LIFE_EVENT_CLOSED], 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p->s[i].kills, 0);
	paper_free(p);
}

static void the_producer_may_accuse_too(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	p->s[0].broken[0] = (uint64_t)CHANNEL_ROOM_BEYOND_TAIL << 56;
	paper_step(p, 1000000);
	assert_int_equal(p->s[1].word[0], ORDER_WORD(2, ORDER_DETACH));
	assert_int_equal(ORDER_VERB(p->s[0].word[0]), ORDER_FRESH);
	paper_turn(p, 1);
	paper_step(p, 1000000);
	assert_int_equal(p->s[0].word[0], ORDER_WORD(2, ORDER_REFORM));
	paper_turn(p, 0);
	paper_step(p, 1000000);
	assert_int_equal(p->s[1].word[0], ORDER_WORD(2, ORDER_JOIN));
	paper_run(p, 3);
	assert_true(paper_open(p));
	paper_free(p);
}

/* --- the watchdog ---------------------------------------------------------------------------- */

static void the_truth_table_of_the_watchdog_holds(void **state)
{
	static const uint32_t states[] = { 'R', 'S', 'D', 'T', 't', 'Z', 0 };

	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		for (uint32_t v = 0; v < 2; v++) {
			for (uint32_t n = 0; n < 2; n++) {
				enum life_verdict want;

				assert_int_equal(life_judge(1, states[i], v, n), LIFE_ALIVE);
				if (states[i] == 'T' || states[i] == 't')
					want = LIFE_SUSPENDED;
				else if (states[i] == 'R')
					want = n ? LIFE_STARVED : LIFE_STUCK;
				else
					want = v ? LIFE_SLOW : LIFE_STUCK;
				assert_int_equal(life_judge(0, states[i], v, n), want);
			}
		}
	}
}

static void watch(uint32_t sched, uint32_t involuntary, uint32_t voluntary, uint32_t cpu,
		  uint32_t fault, uint64_t after_watchdogs)
{
	struct paper *p = paper_running(&three);
	uint64_t beats = 0;

	p->sched_state = sched;
	p->s[1].dead_heart = 1;
	while (p->s[1].kills == 0 && beats < 30 * 20) {
		p->involuntary += involuntary;
		p->voluntary += voluntary;
		p->cpu_ns += cpu;
		paper_run(p, 1);
		beats++;
	}
	assert_int_equal(p->s[1].kills, 1);
	assert_int_equal(p->s[1].kill_reason, fault);
	assert_true(beats >= after_watchdogs * 20);
	assert_true(beats <= after_watchdogs * 20 + 4);
	assert_int_equal(p->told[LIFE_EVENT_STARVED], after_watchdogs > 1);
	assert_int_equal(p->s[0].kills + p->s[2].kills, 0);
	paper_free(p);
}

static void the_watchdog_tells_stuck_starved_slow_and_stopped_apart(void **state)
{
	(void)state;
	watch('R', 0, 0, 1, LIFE_FAULT_STUCK, 1);
	watch('S', 0, 0, 0, LIFE_FAULT_STUCK, 1);
	watch('T', 1, 1, 0, LIFE_FAULT_STOPPED, 1);
	watch('R', 1, 0, 1, LIFE_FAULT_STARVED, LIFE_STARVED_FACTOR);
	/* In the run queue from the first look on: no switch, and no CPU time either. */
	watch('R', 0, 0, 0, LIFE_FAULT_STARVED, LIFE_STARVED_FACTOR);
	watch('S', 0, 1, 0, LIFE_FAULT_SLOW, LIFE_STARVED_FACTOR);
}

static void a_heartbeat_that_runs_backwards_is_its_own_shards_trouble(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		p->s[1].beat = (uint64_t)0 - i * 7;
		paper_run(p, 1);
	}
	assert_int_equal(p->s[0].kills + p->s[1].kills + p->s[2].kills, 0);
	assert_true(paper_open(p));
	paper_free(p);
}

/* --- restart by policy ----------------------------------------------------------------------- */

static void beyond_its_intensity_a_shard_waits_twice_as_long_each_time_up_to_a_second(void **state)
{
	struct paper *p = paper_running(&three);
	uint64_t want = 10000000;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		paper_kill(p, 2);
		paper_run(p, 8);
		assert_int_equal(p->told[LIFE_EVENT_BACKOFF], 0);
	}
	for (uint32_t i = 0; i < 9; i++) {
		uint32_t starts = p->s[2].starts;

		paper_kill(p, 2);
		paper_step(p, 1000);
		assert_int_equal(p->told[LIFE_EVENT_BACKOFF], i + 1);
		assert_int_equal(p->told_value[LIFE_EVENT_BACKOFF], want);
		assert_true(life_next_ns(p->life, p->now) <= p->now + want);
		for (uint64_t left = want - 1; left > 0;) {
			uint64_t ns = left < 5000000 ? left : 5000000;

			paper_step(p, ns);
			paper_turn(p, 0);
			paper_turn(p, 1);
			left -= ns;
		}
		assert_int_equal(p->s[2].starts, starts);
		paper_step(p, 1);
		assert_int_equal(p->s[2].starts, starts + 1);
		paper_run(p, 8);
		want = want * 2 > SECOND ? SECOND : want * 2;
	}
	paper_free(p);
}

static void then_hold_holds_and_an_operator_brings_it_back(void **state)
{
	struct rig_spec spec = three;
	struct paper *p;

	(void)state;
	spec.restart_then = PLAN_THEN_HOLD;
	p = paper_running(&spec);
	for (uint32_t i = 0; i < 4; i++) {
		paper_kill(p, 2);
		paper_run(p, 8);
	}
	assert_int_equal(p->life->shard[2].phase, LIFE_HELD);
	assert_int_equal(p->told[LIFE_EVENT_HELD], 1);
	assert_int_equal(p->s[2].alive, 0);
	/* Its lender does not wait for it. */
	assert_int_equal(p->told[LIFE_EVENT_SETTLED], 1);
	assert_int_equal(ORDER_VERB(p->s[1].word[1]), ORDER_SETTLE);
	life_restart(p->life, 2, LIFE_FAULT_OPERATOR);
	paper_run(p, 8);
	assert_true(paper_open(p));
	paper_free(p);
}

static void then_stop_stops_the_system(void **state)
{
	struct rig_spec spec = three;
	struct paper *p;

	(void)state;
	spec.restart_then = PLAN_THEN_STOP;
	p = paper_running(&spec);
	for (uint32_t i = 0; i < 4; i++) {
		paper_kill(p, 2);
		paper_run(p, 8);
	}
	assert_int_equal(p->stop_system, 1);
	paper_free(p);
}

static void on_decides_who_is_restarted(void **state)
{
	static const struct {
		uint32_t on, signal, exit_code, phase;
	} row[] = {
		{ PLAN_ON_FAULT, 11, 0, LIFE_RUNNING }, { PLAN_ON_FAULT, 0, 3, LIFE_RUNNING },
		{ PLAN_ON_FAULT, 0, 0, LIFE_STOPPED },  { PLAN_ON_ALWAYS, 0, 0, LIFE_RUNNING },
		{ PLAN_ON_ALWAYS, 6, 0, LIFE_RUNNING }, { PLAN_ON_NEVER, 11, 0, LIFE_HELD },
		{ PLAN_ON_NEVER, 0, 0, LIFE_STOPPED },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct paper *p = paper_running(&three);

		p->rig->plan->shard[2].restart_on = row[i].on;
		paper_kill(p, 2);
		p->s[2].signal = row[i].signal;
		p->s[2].exit_code = (int32_t)row[i].exit_code;
		paper_run(p, 10);
		assert_int_equal(p->life->shard[2].phase, row[i].phase);
		/* The operator always may. */
		life_restart(p->life, 2, LIFE_FAULT_OPERATOR);
		paper_run(p, 10);
		assert_int_equal(p->life->shard[2].phase, LIFE_RUNNING);
		assert_true(paper_open(p));
		paper_free(p);
	}
}

static void an_operators_restart_of_a_running_shard_is_no_fault_of_its(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		life_restart(p->life, 1, LIFE_FAULT_OPERATOR);
		paper_run(p, 10);
		assert_true(paper_open(p));
	}
	assert_int_equal(p->s[1].starts, 11);
	assert_int_equal(p->s[1].kill_reason, LIFE_FAULT_OPERATOR);
	assert_int_equal(p->told[LIFE_EVENT_BACKOFF], 0);
	paper_free(p);
}

static void a_fault_that_the_host_saw_ends_a_shard_and_counts(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	life_fault(p->life, 1, LIFE_FAULT_DEVIATES);
	paper_run(p, 10);
	assert_true(paper_open(p));
	assert_int_equal(p->s[1].starts, 2);
	assert_int_equal(p->s[1].kill_reason, LIFE_FAULT_DEVIATES);
	/* Against the intensity, unlike an operator's wish. */
	for (uint32_t i = 0; i < 40 && p->told[LIFE_EVENT_BACKOFF] == 0; i++) {
		life_fault(p->life, 1, LIFE_FAULT_DEVIATES);
		paper_run(p, 10);
	}
	assert_int_equal(p->told[LIFE_EVENT_BACKOFF], 1);
	paper_free(p);
}

static void a_restart_for_a_device_bound_anew_says_so_and_counts_as_no_fault(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		life_restart(p->life, 1, LIFE_FAULT_REBOUND);
		paper_run(p, 10);
		assert_true(paper_open(p));
	}
	assert_int_equal(p->s[1].starts, 11);
	assert_int_equal(p->s[1].kill_reason, LIFE_FAULT_REBOUND);
	assert_int_equal(p->told[LIFE_EVENT_BACKOFF] + p->told[LIFE_EVENT_HELD], 0);
	paper_free(p);
}

static void stop_orders_all_and_kills_who_stays(void **state)
{
	struct paper *p = paper_running(&three);

	(void)state;
	life_stop(p->life);
	paper_step(p, 1000000);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p->s[i].stop, 1);
	for (uint32_t i = 0; i < 2; i++) {
		paper_kill(p, i);
		p->s[i].signal = 0;
	}
	paper_run(p, 5);
	assert_int_equal(p->life->shard[0].phase, LIFE_STOPPED);
	assert_int_equal(p->s[2].kills, 0);
	paper_run(p, 1001);
	assert_int_equal(p->s[2].kills, 1);
	paper_run(p, 2);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(p->life->shard[i].phase, LIFE_STOPPED);
	paper_free(p);
}

static void a_shard_that_is_never_ready_is_killed_after_its_time(void **state)
{
	struct paper *p = paper_new(&three);

	(void)state;
	paper_step(p, 1);
	for (uint32_t i = 0; i < 5100; i++) {
		paper_step(p, 1000000);
		paper_turn(p, 0);
		paper_turn(p, 1);
		if (p->s[2].kills > 0)
			break;
	}
	assert_int_equal(p->s[2].kills, 1);
	assert_int_equal(p->s[2].kill_reason, LIFE_FAULT_START);
	paper_free(p);
}

/* --- adoption -------------------------------------------------------------------------------- */

static void paper_adopt(struct paper *p)
{
	uint64_t word[RIG_CHANNELS][2], go[RIG_SHARDS];

	for (uint32_t i = 0; i < p->plan->channel_count; i++) {
		const struct plan_channel *c = &p->plan->channel[i];

		word[i][LIFE_PRODUCER] = p->s[c->producer].word[c->producer_port];
		word[i][LIFE_CONSUMER] = p->s[c->consumer].word[c->consumer_port];
	}
	for (uint32_t i = 0; i < p->plan->shard_count; i++)
		go[i] = p->s[i].go;
	life_init(p->life, p->plan);
	paper_look(p);
	life_adopt(p->life, p->seen, (const uint64_t(*)[2])word, go);
}

static void a_new_host_goes_on_in_the_middle_of_every_step(void **state)
{
	(void)state;
	for (uint32_t when = 0; when < 24; when++) {
		for (uint32_t half = 0; half < 6; half++) {
			struct paper *p = paper_running(&diamond);

			paper_kill(p, 3);
			for (uint32_t i = 0; i < when; i++) {
				paper_step(p, 500000);
				paper_turn(p, i % 5);
				paper_turn(p, (i + 2) % 5);
			}
			/* The old host dies with some of its last actions not done. */
			p->now += 500000;
			paper_look(p);
			p->count = life_step(p->life, p->seen, p->action);
			for (uint32_t i = 0; i < p->count && i < half; i++)
				paper_obey(p, &p->action[i]);
			paper_adopt(p);
			paper_run(p, 40);
			assert_true(paper_open(p));
			for (uint32_t i = 0; i < 5; i++)
				assert_int_equal(p->s[i].kills, 0);
			paper_free(p);
		}
	}
}

static void a_new_host_never_starts_a_successor_on_words_of_before_the_death(void **state)
{
	struct paper *p = paper_running(&three);
	uint64_t old;

	(void)state;
	old = p->s[2].detached[0];
	paper_kill(p, 1);
	p->now += 1000;
	paper_look(p);
	p->count = life_step(p->life, p->seen, p->action);
	/* Only the start is done: no neighbour was ever ordered. */
	paper_obey(p, &p->action[paper_find(p, LIFE_DO_START, 1)]);
	p->s[1].go = 0;
	paper_adopt(p);
	paper_run(p, 10);
	assert_true(paper_open(p));
	assert_true(ORDER_GENERATION(p->s[1].word[1]) > old);
	assert_true(p->s[2].detached[0] > old);
	paper_free(p);
}

static void a_new_host_finishes_a_re_forming(void **state)
{
	(void)state;
	for (uint32_t when = 0; when < 8; when++) {
		struct paper *p = paper_running(&three);

		p->s[2].broken[0] = (uint64_t)CHANNEL_SLOT_STALE << 56;
		for (uint32_t i = 0; i < when; i++) {
			paper_step(p, 1000000);
			paper_turn(p, 1 + i % 2);
		}
		paper_adopt(p);
		paper_run(p, 20);
		assert_true(paper_open(p));
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(p->s[i].kills, 0);
		paper_free(p);
	}
}

/* --- any order, any liar --------------------------------------------------------------------- */

static uint64_t wild(struct rig *r)
{
	static const uint64_t value[] = { 0, 1, 2, 3, UINT64_MAX, UINT64_MAX - 1, 1ull << 56, 77 };

	return rig_random(r, 3) ? value[rig_random(r, 8)] : rig_random(r, 1000);
}

/* Shards that answer at random times, die at random times, and a host that dies, too. */
static void any_order_of_deaths_ends_with_everything_open(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct paper *p = paper_new(seed % 2 ? &diamond : &three);
		struct rig *r = p->rig;

		r->random ^= seed * 0x9e3779b97f4a7c15ull;
		for (uint32_t i = 0; i < p->plan->shard_count; i++)
			r->plan->shard[i].restart_max = 256;
		for (uint32_t i = 0; i < 3000; i++) {
			uint32_t who = rig_random(r, p->plan->shard_count);

			if (rig_random(r, 3) == 0)
				paper_step(p, rig_random(r, 3000000));
			else if (rig_random(r, 40) == 0 && p->s[who].alive)
				paper_kill(p, who);
			else if (rig_random(r, 300) == 0)
				paper_adopt(p);
			else
				paper_turn(p, who);
		}
		paper_run(p, 3000);
		if (!paper_open(p))
			fail_msg("seed %llu: not all open", (unsigned long long)seed);
		paper_free(p);
	}
}

/* One shard's cell is noise. Nobody else is killed, and everybody else's edges open. */
static void a_cell_of_noise_harms_its_own_shard_only(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct paper *p = paper_running(&diamond);
		struct rig *r = p->rig;
		uint32_t liar = (uint32_t)seed % 5;

		r->random ^= seed * 0x9e3779b97f4a7c15ull;
		p->strict = 0;
		for (uint32_t i = 0; i < 2000; i++) {
			struct paper_shard *s = &p->s[liar];
			uint32_t port = rig_random(r, p->plan->shard[liar].port_count);

			if (s->alive) {
				switch (rig_random(r, 12)) {
				case 0:
					s->detached[port] = wild(r);
					break;
				case 1:
					s->joined[port] = wild(r);
					break;
				case 2:
					s->broken[port] = wild(r);
					break;
				case 3:
					s->beat = wild(r);
					break;
				case 4:
					s->left[port] = wild(r);
					break;
				case 5:
					s->ready = s->cell_generation = wild(r);
					break;
				default:
					break;
				}
			} else {
				s->ready = 0;
			}
			if (rig_random(r, 100) == 0) {
				uint32_t who = rig_random(r, 5);

				if (p->s[who].alive)
					paper_kill(p, who);
			}
			paper_run(p, 1);
		}
		for (uint32_t i = 0; i < 5; i++)
			if (i != liar && p->s[i].kills > 0)
				fail_msg("seed %llu: shard %u was killed (%s) for the lies of %u",
					 (unsigned long long)seed, i,
					 life_fault_name(p->s[i].kill_reason), liar);
		paper_free(p);
	}
}

static void every_phase_and_fault_has_a_name(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= LIFE_STOPPED; i++)
		assert_string_not_equal(life_phase_name(i), "unknown");
	for (uint32_t i = 0; i <= LIFE_FAULT_REBOUND; i++)
		assert_string_not_equal(life_fault_name(i), "unknown");
	assert_string_equal(life_phase_name(LIFE_STOPPED + 1), "unknown");
	assert_string_equal(life_fault_name(LIFE_FAULT_REBOUND + 1), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_start_goes_fresh_everywhere_at_once),
		cmocka_unit_test(after_a_death_the_living_detach_before_the_successor_goes),
		cmocka_unit_test(downstream_goes_first_when_neighbours_die_together),
		cmocka_unit_test(an_owner_starts_beside_a_dead_borrower_when_nobody_below_holds),
		cmocka_unit_test(a_wild_detached_is_no_answer_and_kills_the_liar_only),
		cmocka_unit_test(a_wild_joined_is_no_answer_and_kills_the_liar_only),
		cmocka_unit_test(a_late_answer_kills_the_late_one_and_only_it),
		cmocka_unit_test(one_heartbeat_after_an_order_is_not_late),
		cmocka_unit_test(a_forged_ready_of_the_next_generation_does_not_make_it_ready),
		cmocka_unit_test(a_broken_channel_is_formed_again_within_intensity_and_then_closed),
		cmocka_unit_test(the_producer_may_accuse_too),
		cmocka_unit_test(the_truth_table_of_the_watchdog_holds),
		cmocka_unit_test(the_watchdog_tells_stuck_starved_slow_and_stopped_apart),
		cmocka_unit_test(a_heartbeat_that_runs_backwards_is_its_own_shards_trouble),
		cmocka_unit_test(
			beyond_its_intensity_a_shard_waits_twice_as_long_each_time_up_to_a_second),
		cmocka_unit_test(then_hold_holds_and_an_operator_brings_it_back),
		cmocka_unit_test(then_stop_stops_the_system),
		cmocka_unit_test(on_decides_who_is_restarted),
		cmocka_unit_test(an_operators_restart_of_a_running_shard_is_no_fault_of_its),
		cmocka_unit_test(a_fault_that_the_host_saw_ends_a_shard_and_counts),
		cmocka_unit_test(a_restart_for_a_device_bound_anew_says_so_and_counts_as_no_fault),
		cmocka_unit_test(stop_orders_all_and_kills_who_stays),
		cmocka_unit_test(a_shard_that_is_never_ready_is_killed_after_its_time),
		cmocka_unit_test(a_new_host_goes_on_in_the_middle_of_every_step),
		cmocka_unit_test(a_new_host_never_starts_a_successor_on_words_of_before_the_death),
		cmocka_unit_test(a_new_host_finishes_a_re_forming),
		cmocka_unit_test(any_order_of_deaths_ends_with_everything_open),
		cmocka_unit_test(a_cell_of_noise_harms_its_own_shard_only),
		cmocka_unit_test(every_phase_and_fault_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
