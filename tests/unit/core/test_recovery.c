/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ends of a channel do at a death, by hand: the test is the daemon, order by order. Each
 * clause of the recovery's rules has a test here; random orders of deaths are test_chaos.c's.
 */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t edge[RIG_CHANNELS]; /* generations */

static struct rig *system_new(const struct rig_spec *spec)
{
	struct rig *r = rig_new(spec);

	for (uint32_t i = 0; i < RIG_CHANNELS; i++)
		edge[i] = 1;
	rig_start(r);
	return r;
}

static bool lives(struct rig *r, uint32_t shard)
{
	return r->shard[shard].state == RIG_LIVE;
}

static uint32_t end_of(struct rig *r, uint32_t channel, uint32_t shard)
{
	return r->plan->channel[channel].producer == shard ? LIFE_PRODUCER : LIFE_CONSUMER;
}

static uint32_t other_of(struct rig *r, uint32_t channel, uint32_t shard)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	return c->producer == shard ? c->consumer : c->producer;
}

/* The shard is dead: its living neighbours state. */
static void detach(struct rig *r, uint32_t shard)
{
	for (uint32_t p = 0; p < r->plan->shard[shard].port_count; p++) {
		uint32_t c = r->plan->shard[shard].port[p].channel, other = other_of(r, c, shard);

		edge[c]++;
		if (!lives(r, other))
			continue;
		rig_order(r, c, end_of(r, c, other), ORDER_DETACH, edge[c]);
		(void)rig_turn(r, other);
		assert_int_equal(wire_load(&rig_cell(r, c, end_of(r, c, other))->detached),
				 edge[c]);
	}
}

static void die(struct rig *r, uint32_t shard)
{
	rig_kill(r, shard);
	detach(r, shard);
}

static void go(struct rig *r, uint32_t shard)
{
	rig_raise(r, shard);
	for (uint32_t p = 0; p < r->plan->shard[shard].port_count; p++) {
		uint32_t c = r->plan->shard[shard].port[p].channel;

		rig_order(r, c, end_of(r, c, shard),
			  lives(r, other_of(r, c, shard)) ? ORDER_RESUME : ORDER_FRESH, edge[c]);
	}
	rig_go(r, shard);
}

static void join(struct rig *r, uint32_t shard)
{
	for (uint32_t p = 0; p < r->plan->shard[shard].port_count; p++) {
		uint32_t c = r->plan->shard[shard].port[p].channel, other = other_of(r, c, shard);

		if (!lives(r, other))
			continue;
		rig_order(r, c, end_of(r, c, other), ORDER_JOIN, edge[c]);
		(void)rig_turn(r, other);
	}
}

static void restart(struct rig *r, uint32_t shard)
{
	go(r, shard);
	rig_ready(r, shard);
	join(r, shard);
	(void)rig_turn(r, shard);
}

/* Take without giving back. */
static uint32_t take(struct rig *r, uint32_t channel, struct vanity_ref *ret_ref, uint32_t n)
{
	uint32_t done = 0, got;

	while (done < n && (got = vanity_rx_take(rig_rx(r, channel), ret_ref + done, n - done)) > 0)
		done += got;
	return done;
}

static void forward(struct rig *r, uint32_t from, uint32_t to, uint32_t n)
{
	struct vanity_ref ref[VANITY_BURST_MAX];

	while (n > 0) {
		uint32_t want = n < VANITY_BURST_MAX ? n : VANITY_BURST_MAX;
		uint32_t got =
			vanity_rx_take(rig_rx(r, from), ref, vanity_tx_room(rig_tx(r, to), want));

		if (got == 0)
			break;
		for (uint32_t i = 0; i < got; i++)
			vanity_tx_put(rig_tx(r, to), &ref[i]);
		vanity_tx_publish(rig_tx(r, to));
		n -= got;
	}
}

static uint64_t count(struct rig *r, uint32_t channel, uint32_t end, size_t offset)
{
	return wire_load((wire_u64 *)((char *)rig_cell(r, channel, end) + offset));
}
#define COUNT(r, channel, end, what) count(r, channel, end, offsetof(struct cell_port, what))

/* The consumer looks, and says that the burst before is finished. */
static void look(struct rig *r, uint32_t channel)
{
	assert_int_equal(vanity_rx_take(rig_rx(r, channel), NULL, 0), 0);
}

static void settle_down(struct rig *r)
{
	for (uint32_t i = 0; i < r->plan->channel_count; i++)
		look(r, i);
	rig_turns(r);
}

static void all_home(struct rig *r)
{
	settle_down(r);
	rig_check(r);
	rig_sound(r);
	rig_exact(r);
	assert_int_equal(rig_free_frames(r, 0), r->plan->pool[0].frame_count);
}

static const struct rig_spec pair = {
	.shard_count = 2,
	.pool = { { .owner = 0, .frames = 1000, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 1024, .pools = RIG_POOL0, .lend = 1000 } },
};

static const struct rig_spec chain = {
	.shard_count = 3,
	.pool = { { .owner = 0, .frames = 32, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 32, .pools = RIG_POOL0, .lend = 32 },
		     { 1, 2, .slots = 32, .pools = RIG_POOL0, .lend = 32 } },
};

static const struct rig_spec fan_in = {
	.shard_count = 5,
	.pool = { { .owner = 0, .frames = 1000, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 1024, .pools = RIG_POOL0, .lend = 900 },
		     { 0, 2, .slots = 1024, .pools = RIG_POOL0, .lend = 900 },
		     { 1, 3, .slots = 1024, .pools = RIG_POOL0, .lend = 900 },
		     { 2, 3, .slots = 1024, .pools = RIG_POOL0, .lend = 900 },
		     { 3, 4, .slots = 1024, .pools = RIG_POOL0, .lend = 1000 } },
};

static const struct rig_spec fan_out = {
	.shard_count = 4,
	.pool = { { .owner = 0, .frames = 32, .bytes = 256 } },
	.channel = { { 0, 1, .slots = 32, .pools = RIG_POOL0, .lend = 32 },
		     { 1, 2, .slots = 32, .pools = RIG_POOL0, .lend = 16 },
		     { 1, 3, .slots = 32, .pools = RIG_POOL0, .lend = 16 } },
};

/* --- the middle, the sink, the owner --------------------------------------------------------- */

static void what_the_dead_middle_had_in_hand_comes_home_and_is_counted(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	assert_int_equal(rig_send(r, 0, 20, 0), 20);
	forward(r, 0, 1, 6); /* to the sink */
	assert_int_equal(take(r, 0, ref, 4), 4); /* finished, but still held */
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref + 4, 3), 3); /* in doubt */
	look(r, 1);
	die(r, 1);
	assert_int_equal(wire_load(&rig_wire_tx(r, 0)->resume), 13);
	restart(r, 1);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, lost_in_hand), 4);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, in_doubt), 3);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, skipped), 0);
	rig_sound(r);
	/* The other seven are still in slots, the sink's six on two ledgers. */
	assert_int_equal(rig_free_frames(r, 0), 32 - 13);
	forward(r, 0, 1, 7);
	assert_int_equal(rig_drain(r, 1, 32), 13);
	all_home(r);
	rig_free(r);
}

static void what_the_sink_had_given_back_is_not_lost_with_the_middle(void **state)
{
	struct rig *r = system_new(&chain);

	(void)state;
	rig_send(r, 0, 10, 0);
	forward(r, 0, 1, 10);
	assert_int_equal(rig_drain(r, 1, 10), 10); /* in the lane to the middle */
	die(r, 1);
	restart(r, 1);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, handled_late), 10);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, lost_in_hand), 0);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, in_doubt), 0);
	all_home(r);
	rig_free(r);
}

static void what_came_into_the_owners_lane_before_a_death_is_simply_home(void **state)
{
	struct rig *r = system_new(&chain);

	(void)state;
	rig_send(r, 0, 10, 0);
	forward(r, 0, 1, 10);
	rig_drain(r, 1, 10);
	(void)rig_turn(r, 1); /* passed on to the owner's lane, which has not looked */
	die(r, 1);
	assert_int_equal(rig_free_frames(r, 0), 32);
	restart(r, 1);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, handled_late), 0);
	all_home(r);
	rig_free(r);
}

static void a_frame_put_and_not_published_is_taken_back(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[4];

	(void)state;
	rig_send(r, 0, 4, 0);
	assert_int_equal(take(r, 0, ref, 4), 4);
	vanity_tx_put(rig_tx(r, 1), &ref[0]);
	vanity_tx_put(rig_tx(r, 1), &ref[1]);
	die(r, 1);
	assert_int_equal(wire_load(&rig_wire_rx(r, 1)->cut), 0);
	restart(r, 1);
	all_home(r);
	rig_free(r);
}

static void a_dead_sinks_frames_come_home_through_the_middle(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 10, 0);
	forward(r, 0, 1, 10);
	take(r, 1, ref, 5);
	die(r, 2);
	restart(r, 2);
	rig_turns(r);
	assert_int_equal(
		COUNT(r, 1, LIFE_PRODUCER, lost_in_hand) + COUNT(r, 1, LIFE_PRODUCER, in_doubt), 5);
	assert_int_equal(rig_drain(r, 1, 32), 5);
	all_home(r);
	rig_free(r);
}

static void an_owners_successor_owns_what_no_statement_names(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 12, 0);
	forward(r, 0, 1, 7);
	take(r, 1, ref, 3);
	die(r, 0);
	/* Five in slots before the cut, four in slots of the second channel, three in hand. */
	restart(r, 0);
	assert_int_equal(rig_free_frames(r, 0), 20);
	rig_sound(r);
	rig_send(r, 0, 20, 100);
	rig_sound(r);
	forward(r, 0, 1, 5);
	for (uint32_t i = 0; i < 3; i++)
		vanity_rx_give_back(rig_rx(r, 1), &ref[i], VANITY_DONE);
	rig_drain(r, 1, 32);
	rig_turns(r);
	forward(r, 0, 1, 32);
	rig_drain(r, 1, 32);
	all_home(r);
	rig_free(r);
}

static void a_detached_consumer_works_off_up_to_the_cut_and_not_beyond(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[16], put;

	(void)state;
	rig_send(r, 0, 6, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 2), 2);
	rig_send(r, 0, 3, 6); /* published, and seen at the last look only */
	assert_int_equal(vanity_frame_take(rig_pool(r, 0), &put, 1), 1);
	vanity_tx_put(rig_tx(r, 0), &put); /* not published: the owner's still */
	die(r, 0);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->cut), 9);
	/* Whatever happens to the dead one's tail, the cut stands. */
	wire_store(&rig_wire_tx(r, 0)->tail, 10);
	assert_int_equal(take(r, 0, ref + 2, 8), 7);
	for (uint32_t i = 0; i < 9; i++) {
		assert_int_equal(ref[i].tag, i);
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	}
	restart(r, 0);
	assert_int_equal(rig_send(r, 0, 1, 50), 1);
	assert_int_equal(take(r, 0, ref, 8), 1);
	assert_int_equal(ref[0].tag, 50);
	vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
	all_home(r);
	rig_free(r);
}

static void two_neighbours_dead_start_downstream_first(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 12, 0);
	forward(r, 0, 1, 8);
	take(r, 1, ref, 3);
	rig_kill(r, 0);
	rig_kill(r, 1);
	detach(r, 1);
	detach(r, 0);
	restart(r, 1); /* its ledger is the sink's statement */
	edge[0]++;
	rig_order(r, 0, LIFE_CONSUMER, ORDER_DETACH, edge[0]);
	(void)rig_turn(r, 1);
	restart(r, 0);
	/* Eight at the sink; four died in slots of a channel without ends. */
	assert_int_equal(rig_free_frames(r, 0), 24);
	rig_sound(r);
	for (uint32_t i = 0; i < 3; i++)
		vanity_rx_give_back(rig_rx(r, 1), &ref[i], VANITY_DONE);
	rig_drain(r, 1, 32);
	all_home(r);
	rig_free(r);
}

static void a_successor_that_dies_before_ready_leaves_the_words_that_stand(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 12, 0);
	forward(r, 0, 1, 8);
	take(r, 1, ref, 3);
	take(r, 0, ref + 3, 2);
	die(r, 1);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t cut = wire_load(&rig_wire_rx(r, 1)->cut);
		uint64_t resume = wire_load(&rig_wire_tx(r, 0)->resume);

		go(r, 1);
		rig_sound(r);
		die(r, 1);
		assert_int_equal(wire_load(&rig_wire_rx(r, 1)->cut), cut);
		assert_int_equal(wire_load(&rig_wire_tx(r, 0)->resume), resume);
	}
	restart(r, 1);
	rig_sound(r);
	for (uint32_t i = 0; i < 3; i++)
		vanity_rx_give_back(rig_rx(r, 1), &ref[i], VANITY_DONE);
	rig_drain(r, 1, 32);
	forward(r, 0, 1, 32);
	rig_drain(r, 1, 32);
	all_home(r);
	rig_free(r);
}

static void a_successor_that_dies_before_anybody_joined_it_moved_nothing(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 12, 0);
	forward(r, 0, 1, 8);
	take(r, 1, ref, 3);
	die(r, 1);
	go(r, 1);
	rig_ready(r, 1);
	/* Ready, and its neighbours have not joined: nothing can be taken or lent. */
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref + 3, 4), 0);
	assert_int_equal(vanity_tx_room(rig_tx(r, 1), 4), 0);
	(void)rig_turn(r, 1);
	die(r, 1);
	restart(r, 1);
	rig_sound(r);
	for (uint32_t i = 0; i < 3; i++)
		vanity_rx_give_back(rig_rx(r, 1), &ref[i], VANITY_DONE);
	rig_drain(r, 1, 32);
	forward(r, 0, 1, 32);
	rig_drain(r, 1, 32);
	all_home(r);
	rig_free(r);
}

static void a_resume_order_that_the_wire_does_not_confirm_starts_afresh(void **state)
{
	struct rig *r = system_new(&chain);

	(void)state;
	rig_send(r, 0, 4, 0);
	rig_kill(r, 1);
	rig_raise(r, 1);
	/* Nobody has detached for this generation. */
	rig_order(r, 0, LIFE_CONSUMER, ORDER_RESUME, 9);
	rig_order(r, 1, LIFE_PRODUCER, ORDER_RESUME, 9);
	rig_go(r, 1);
	assert_int_equal(rig_rx(r, 0)->taken, 0);
	assert_int_equal(rig_tx(r, 1)->tail, 0);
	assert_int_equal(rig_tx(r, 1)->lent_count, 0);
	rig_free(r);
}

/* The other end saw the channel open, sent, and died, before we looked whether it is open. */
static void what_came_before_we_saw_the_channel_open_is_not_lost(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_rx(r, 0)->ch.open = 0;
	rig_rx(r, 0)->ch.self->unopened++;
	rig_send(r, 0, 3, 0);
	die(r, 0);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->cut), 3);
	assert_int_equal(take(r, 0, ref, 8), 3);
	for (uint32_t i = 0; i < 3; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	restart(r, 0);
	all_home(r);
	rig_free(r);
}

/* --- counters that begin near their end ------------------------------------------------------ */

static void cursors_pass_the_end_of_64_bits(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	/* The sink says that it is about there; its lender's successor goes on from it. */
	die(r, 1);
	wire_store(&rig_wire_rx(r, 1)->cut, UINT64_MAX - 5);
	wire_store(&rig_wire_rx(r, 1)->head, UINT64_MAX - 5);
	wire_store(&rig_wire_rx(r, 1)->taken, UINT64_MAX - 5);
	wire_store(&rig_wire_rx(r, 1)->room, UINT64_MAX - 5);
	wire_store(&rig_wire_rx(r, 1)->lane_at, UINT64_MAX - 7);
	wire_store(&rig_wire_rx(r, 1)->lane_tail, UINT64_MAX - 7);
	rig_rx(r, 1)->head = rig_rx(r, 1)->taken = rig_rx(r, 1)->tail = UINT64_MAX - 5;
	rig_rx(r, 1)->room = UINT64_MAX - 5;
	rig_rx(r, 1)->lane_tail = rig_rx(r, 1)->lane_published = UINT64_MAX - 7;
	restart(r, 1);
	for (uint32_t i = 0; i < 5; i++) {
		rig_send(r, 0, 7, i * 7);
		forward(r, 0, 1, 7);
		assert_int_equal(take(r, 1, ref, 8), 7);
		for (uint32_t k = 0; k < 7; k++) {
			assert_int_equal(ref[k].tag, i * 7 + k);
			vanity_rx_give_back(rig_rx(r, 1), &ref[k], VANITY_DONE);
		}
		rig_turns(r);
		rig_check(r);
		if (i == 1) {
			/* And a death on the far side of it. */
			rig_send(r, 0, 3, 90);
			forward(r, 0, 1, 3);
			look(r, 1);
			die(r, 1);
			restart(r, 1);
			assert_int_equal(rig_drain(r, 1, 8), 3);
		}
	}
	all_home(r);
	rig_free(r);
}

/* --- liars ----------------------------------------------------------------------------------- */

/* The last record of a shard's log is "port ...: WORD %0 cannot be, at most %1". */
static void assert_refused(struct rig *r, uint32_t shard, const char *word, uint64_t value,
			   uint64_t bound)
{
	const struct cell *cell = r->shard[shard].cell;
	uint64_t count = wire_load(&cell->log_count);
	const struct cell_log_record *record = &cell->log[(count - 1) % CELL_LOG_RECORDS];
	char text[CELL_WORDS_BYTES + 1] = "", want[CELL_WORDS_BYTES];

	assert_int_not_equal(count, 0);
	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t eight = wire_load(&record->text[i]);

		memcpy(text + i * 8, &eight, 8);
	}
	snprintf(want, sizeof(want), ": %s %%0 cannot be, at most %%1", word);
	assert_memory_equal(text, "port ", 5);
	assert_non_null(strstr(text, want));
	assert_int_equal(wire_load(&record->a), value);
	assert_int_equal(wire_load(&record->b), bound);
}

static void what_the_dead_one_cannot_have_taken_is_skipped_counted_and_said(void **state)
{
	static const struct {
		uint64_t head, taken;
		const char *word; /* the one that is refused */
	} row[] = {
		{ 0, 13, "taken" },	    { 13, 13, "head" },		{ 5, 4, "taken" },
		{ UINT64_MAX, 4, "head" }, { 0, UINT64_MAX, "taken" }, { 1, 0, "taken" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct rig *r = system_new(&chain);

		rig_send(r, 0, 12, 0);
		rig_kill(r, 1);
		wire_store(&rig_wire_rx(r, 0)->head, row[i].head);
		wire_store(&rig_wire_rx(r, 0)->taken, row[i].taken);
		detach(r, 1);
		assert_int_equal(wire_load(&rig_wire_tx(r, 0)->resume), 12);
		assert_refused(r, 0, row[i].word,
			       row[i].word[0] == 'h' ? row[i].head : row[i].taken, 12);
		restart(r, 1);
		/* Each frame of the twelve is counted, by one name. */
		assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, skipped) +
					 COUNT(r, 0, LIFE_PRODUCER, lost_in_hand),
				 12);
		all_home(r);
		rig_free(r);
	}
}

static void more_than_a_burst_in_doubt_is_impossible(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	rig_send(r, 0, 200, 0);
	rig_kill(r, 1);
	wire_store(&rig_wire_rx(r, 0)->taken, VANITY_BURST_MAX + 1);
	detach(r, 1);
	assert_int_equal(wire_load(&rig_wire_tx(r, 0)->resume), 200);
	assert_refused(r, 0, "taken", VANITY_BURST_MAX + 1, VANITY_BURST_MAX);
	restart(r, 1);
	all_home(r);
	rig_free(r);
}

static void a_statement_of_everything_keeps_no_more_than_was_lent(void **state)
{
	struct rig *r = system_new(&pair);

	(void)state;
	rig_send(r, 0, 100, 0);
	die(r, 1);
	go(r, 1);
	for (uint32_t i = 0; i < (1000 + 63) / 64; i++)
		wire_store(&rig_held(r, 0)[i], UINT64_MAX);
	rig_ready(r, 1);
	join(r, 1);
	assert_int_equal(rig_tx(r, 0)->lent_count, 100);
	rig_check(r);
	rig_free(r);
}

static void a_statement_beyond_all_lenders_is_nothing_to_who_has_no_ledger(void **state)
{
	struct rig_spec spec = pair;
	struct rig *r;

	(void)state;
	spec.channel[0].lend = 100;
	r = system_new(&spec);
	rig_send(r, 0, 50, 0);
	die(r, 0);
	for (uint32_t i = 0; i < 101; i++)
		wire_store(&rig_held(r, 0)[i / 64],
			   wire_load(&rig_held(r, 0)[i / 64]) | 1ull << (i % 64));
	restart(r, 0);
	assert_int_equal(rig_tx(r, 0)->lent_count, 0);
	assert_int_equal(rig_free_frames(r, 0), 1000);
	rig_check(r);
	rig_free(r);
}

static void a_frame_two_borrowers_state_comes_home_when_both_gave_it_back(void **state)
{
	struct rig *r = system_new(&fan_out);
	struct vanity_ref a;
	uint64_t bit;

	(void)state;
	rig_send(r, 0, 2, 0);
	forward(r, 0, 1, 1);
	forward(r, 0, 2, 1);
	assert_int_equal(take(r, 1, &a, 1), 1);
	die(r, 1);
	/* Shard 3 states shard 2's frame beside its own. */
	bit = a.frame - r->plan->pool[0].first_frame;
	wire_store(&rig_held(r, 2)[0], wire_load(&rig_held(r, 2)[0]) | 1ull << bit);
	restart(r, 1);
	rig_check(r);
	assert_int_equal(r->shard[1].self->to[bit], TO_MANY);
	/* The liar gives it back: nothing happens to the honest one. */
	wire_store_u32(&rig_lane(r, 2)[rig_rx(r, 2)->lane_tail++ & rig_rx(r, 2)->lane_mask],
		       a.frame);
	(void)rig_turn(r, 3);
	rig_drain(r, 2, 4);
	rig_turns(r);
	rig_check(r);
	assert_int_equal(r->shard[1].self->to[bit], TO_MANY);
	assert_int_equal(rig_free_frames(r, 0), 31);
	vanity_rx_give_back(rig_rx(r, 1), &a, VANITY_DONE);
	rig_turns(r);
	rig_turn(r, 2);
	all_home(r);
	rig_free(r);
}

static void the_word_of_a_living_lender_stands_against_a_false_statement(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[32];
	uint32_t frame;

	(void)state;
	rig_send(r, 0, 1, 0);
	die(r, 1);
	/* The sink states all there is; the owner lends one of them to the middle's successor. */
	wire_store(&rig_held(r, 1)[0], 0xffffffffull);
	restart(r, 1);
	assert_int_equal(rig_tx(r, 1)->lent_count, 32);
	assert_int_equal(take(r, 0, ref, 1), 1);
	frame = ref[0].frame;
	rig_check(r);
	assert_int_equal(rig_tx(r, 1)->lent_count, 31);
	/* And the liar's give-back of it is refused now. */
	wire_store_u32(&rig_lane(r, 1)[0], frame);
	wire_store(&rig_wire_rx(r, 1)->lane_tail, 1);
	(void)rig_turn(r, 1);
	assert_int_equal(COUNT(r, 1, LIFE_PRODUCER, refused), 1);
	rig_check(r);
	vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
	settle_down(r);
	assert_int_equal(rig_free_frames(r, 0), 32);
	rig_free(r);
}

/* The liar waits until the frame is truly lent again, and gives back what it never had. */
static void a_false_statement_cannot_end_a_loan_made_after_it(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[4];

	(void)state;
	die(r, 1);
	wire_store(&rig_held(r, 1)[0], 0xffffffffull);
	restart(r, 1);
	assert_int_equal(rig_send(r, 0, 4, 0), 4); /* in slots, not taken */
	for (uint32_t i = 0; i < 32; i++)
		wire_store_u32(&rig_lane(r, 1)[i], r->plan->pool[0].first_frame + i);
	wire_store(&rig_wire_rx(r, 1)->lane_tail, 32);
	(void)rig_turn(r, 1);
	(void)rig_turn(r, 0);
	rig_check(r);
	rig_sound(r);
	assert_int_equal(take(r, 0, ref, 4), 4);
	rig_sound(r);
	for (uint32_t i = 0; i < 4; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	settle_down(r);
	assert_int_equal(rig_free_frames(r, 0), 32);
	rig_free(r);
}

static void wild_words_of_a_dead_producer_cost_its_consumer_nothing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct rig *r = system_new(&chain);
		static const uint64_t resume[] = { UINT64_MAX, 77, 1ull << 63 };

		die(r, 1);
		wire_store(&rig_wire_tx(r, 0)->resume, resume[i]);
		wire_store(&rig_wire_rx(r, 1)->cut, resume[2 - i]);
		wire_store(&rig_wire_rx(r, 1)->lane_at, resume[i] + 40);
		restart(r, 1);
		rig_turns(r);
		rig_check(r);
		(void)rig_send(r, 0, 4, 0);
		(void)rig_drain(r, 0, 4);
		rig_turns(r);
		rig_check(r);
		rig_free(r);
	}
}

/* --- re-forming ------------------------------------------------------------------------------ */

static void reform(struct rig *r, uint32_t channel)
{
	const struct plan_channel *c = &r->plan->channel[channel];

	edge[channel]++;
	rig_order(r, channel, LIFE_CONSUMER, ORDER_DETACH, edge[channel]);
	(void)rig_turn(r, c->consumer);
	rig_order(r, channel, LIFE_PRODUCER, ORDER_REFORM, edge[channel]);
	(void)rig_turn(r, c->producer);
	rig_order(r, channel, LIFE_CONSUMER, ORDER_JOIN, edge[channel]);
	(void)rig_turn(r, c->consumer);
	(void)rig_turn(r, c->producer);
}

static void a_channel_its_consumer_broke_is_formed_again(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 8, 0);
	wire_store(&rig_slots(r, 0)[2 * 3], WIRE_SLOT_LAP | 77); /* of no pool */
	assert_int_equal(take(r, 0, ref, 8), 3);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_FRAME_UNKNOWN);
	reform(r, 0);
	assert_int_equal(rig_rx(r, 0)->ch.fault, CHANNEL_OK);
	assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_CONSUMER)->broken), 0);
	assert_int_equal(rig_free_frames(r, 0), 32 - 3);
	rig_send(r, 0, 2, 40);
	assert_int_equal(take(r, 0, ref + 3, 5), 2);
	assert_int_equal(ref[3].tag, 40);
	for (uint32_t i = 0; i < 5; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	all_home(r);
	rig_free(r);
}

static void a_channel_its_producer_broke_is_formed_again(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 8, 0);
	assert_int_equal(take(r, 0, ref, 3), 3);
	wire_store(&rig_wire_rx(r, 0)->lane_tail, 5000);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_LANE_BEYOND_SLOTS);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	wire_store(&rig_wire_rx(r, 0)->lane_tail, 0);
	reform(r, 0);
	assert_int_equal(rig_tx(r, 0)->ch.fault, CHANNEL_OK);
	assert_int_equal(take(r, 0, ref + 3, 5), 5); /* seen before the cut */
	for (uint32_t i = 0; i < 8; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	all_home(r);
	rig_free(r);
}

/* Between the consumer's statement and the producer's look at it frames come home and are lent
 * again: their entries must not count twice. */
static void a_re_formed_lane_counts_no_entry_twice(void **state)
{
	struct rig *r = system_new(&pair);
	static struct vanity_ref ref[700];

	(void)state;
	assert_int_equal(rig_send(r, 0, 700, 0), 700);
	assert_int_equal(take(r, 0, ref, 700), 700);
	edge[0]++;
	rig_order(r, 0, LIFE_CONSUMER, ORDER_DETACH, edge[0]);
	(void)rig_turn(r, 1);
	for (uint32_t i = 0; i < 700; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	(void)rig_turn(r, 1);
	for (uint32_t i = 0; i < 5; i++)
		(void)rig_turn(r, 0);
	assert_int_equal(rig_free_frames(r, 0), 1000);
	rig_order(r, 0, LIFE_PRODUCER, ORDER_REFORM, edge[0]);
	(void)rig_turn(r, 0);
	rig_order(r, 0, LIFE_CONSUMER, ORDER_JOIN, edge[0]);
	(void)rig_turn(r, 1);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_send(r, 0, 700, 0), 700);
	for (uint32_t i = 0; i < 5; i++) {
		(void)rig_turn(r, 0);
		rig_sound(r);
	}
	rig_drain(r, 0, 700);
	rig_turns(r);
	all_home(r);
	rig_free(r);
}

/* --- several lenders of one pool ------------------------------------------------------------- */

/* The successor between two lenders gives back to both what one of them lent. The other must not
 * take the old news for the end of a loan it makes later. */
static void old_news_in_the_wrong_lane_ends_no_later_loan(void **state)
{
	struct rig *r = system_new(&fan_in);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rig_send(r, 0, 300, 0), 300);
		forward(r, 0, 2, 300);
		forward(r, 2, 4, 300);
	}
	look(r, 4);
	die(r, 3);
	restart(r, 3);
	assert_int_equal(r->shard[3].self->many_count, 600);
	rig_sound(r);
	assert_int_equal(rig_drain(r, 4, 600), 600);
	for (uint32_t i = 0; i < 4; i++)
		(void)rig_turn(r, 3); /* 600 entries in either lane */
	for (uint32_t i = 0; i < 4; i++)
		(void)rig_turn(r, 1);
	for (uint32_t i = 0; i < 4; i++)
		(void)rig_turn(r, 0);
	assert_int_equal(rig_free_frames(r, 0), 1000);
	/* Shard 2 has not looked yet. It gets the same frames, and lends them on. */
	assert_int_equal(rig_send(r, 1, 900, 0), 900);
	forward(r, 1, 3, 900);
	for (uint32_t i = 0; i < 5; i++) {
		(void)rig_turn(r, 2);
		rig_check(r);
		(void)rig_turn(r, 0);
		rig_sound(r);
	}
	assert_int_equal(rig_drain(r, 3, 900), 900);
	for (uint32_t i = 0; i < 5; i++)
		rig_turns(r);
	all_home(r);
	rig_free(r);
}

static void an_honest_statement_may_exceed_one_lenders_lend(void **state)
{
	struct rig_spec spec = fan_in;
	struct rig *r;

	(void)state;
	spec.channel[1].lend = spec.channel[3].lend = 10;
	r = system_new(&spec);
	rig_send(r, 0, 100, 0);
	forward(r, 0, 2, 100);
	forward(r, 2, 4, 100);
	rig_send(r, 1, 5, 0);
	forward(r, 1, 3, 5);
	forward(r, 3, 4, 5);
	look(r, 4);
	die(r, 3);
	restart(r, 3);
	rig_sound(r);
	assert_int_equal(rig_tx(r, 3)->lent_count, 5);
	assert_int_equal(rig_tx(r, 2)->lent_count, 100);
	/* Its lender's successor has no ledger, and takes the statement; the owner's stands. */
	die(r, 2);
	restart(r, 2);
	rig_sound(r);
	rig_check(r);
	assert_int_equal(rig_tx(r, 1)->lent_count, 5);
	rig_drain(r, 4, 200);
	for (uint32_t i = 0; i < 3; i++)
		rig_turns(r);
	all_home(r);
	rig_free(r);
}

/* --- nobody comes back ----------------------------------------------------------------------- */

static void settled_against_nothing_everything_is_home_and_the_channel_goes_on_later(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 12, 0);
	take(r, 0, ref, 5);
	die(r, 1);
	edge[0]++;
	rig_order(r, 0, LIFE_PRODUCER, ORDER_SETTLE, edge[0]);
	(void)rig_turn(r, 0);
	assert_int_equal(rig_free_frames(r, 0), 32);
	assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_PRODUCER)->detached), edge[0]);
	rig_check(r);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 0);
	restart(r, 1);
	rig_send(r, 0, 3, 60);
	forward(r, 0, 1, 3);
	assert_int_equal(rig_drain(r, 1, 4), 3);
	all_home(r);
	rig_free(r);
}

static void a_closed_channel_drops_at_its_writer_and_is_empty_for_its_reader(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[4];

	(void)state;
	rig_send(r, 0, 2, 0);
	rig_order(r, 0, LIFE_PRODUCER, ORDER_CLOSE, edge[0]);
	rig_order(r, 0, LIFE_CONSUMER, ORDER_CLOSE, edge[0]);
	rig_turns(r);
	assert_int_equal(take(r, 0, ref, 4), 0);
	assert_int_equal(vanity_tx_room(rig_tx(r, 0), 4), 4);
	assert_int_equal(rig_send(r, 0, 4, 0), 4);
	assert_int_equal(COUNT(r, 0, LIFE_PRODUCER, dropped), 4);
	assert_int_equal(rig_free_frames(r, 0), 30);
	rig_check(r);
	/* Told to stop, its reader does not wait for what it will never take. */
	wire_store(&r->shard[1].orders->stop, 1);
	wire_store(&r->shard[1].orders->seq, wire_load(&r->shard[1].orders->seq) + 1);
	assert_int_equal(rig_turn(r, 1), 0);
	rig_free(r);
}

static void what_is_left_is_zero_behind_a_broken_promise(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 6, 0);
	assert_int_equal(vanity_rx_take(rig_rx(r, 0), ref, 1), 1);
	rig_kill(r, 0);
	/* The dead one was no honest shard: what it published means nothing. */
	wire_store(&rig_slots(r, 0)[2], 0);
	detach(r, 0);
	vanity_rx_give_back(rig_rx(r, 0), &ref[0], VANITY_DONE);
	assert_int_equal(take(r, 0, ref, 4), 0);
	(void)rig_turn(r, 1);
	assert_int_equal(COUNT(r, 0, LIFE_CONSUMER, left), 0);
	rig_free(r);
}

static void left_falls_only_after_the_lane_tells(void **state)
{
	struct rig *r = system_new(&chain);
	struct vanity_ref ref[8];

	(void)state;
	rig_send(r, 0, 6, 0);
	take(r, 0, ref, 6);
	die(r, 0);
	assert_int_equal(COUNT(r, 0, LIFE_CONSUMER, left), 6);
	for (uint32_t i = 0; i < 6; i++)
		vanity_rx_give_back(rig_rx(r, 0), &ref[i], VANITY_DONE);
	assert_int_equal(COUNT(r, 0, LIFE_CONSUMER, left), 6);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->lane_tail), 0);
	(void)rig_turn(r, 1);
	assert_int_equal(COUNT(r, 0, LIFE_CONSUMER, left), 0);
	assert_int_equal(wire_load(&rig_wire_rx(r, 0)->lane_tail), 6);
	restart(r, 0);
	/* What came back since the statement is home already. */
	assert_int_equal(rig_free_frames(r, 0), 32);
	all_home(r);
	rig_free(r);
}

/* --- a shard's own end of it ----------------------------------------------------------------- */

static void a_successor_starts_whatever_its_forebear_wrote_into_the_cell(void **state)
{
	static const uint64_t generation[] = { UINT64_MAX, 1ull << 40, 0 };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct rig *r = system_new(&chain);

		wire_store(&r->shard[1].cell->generation, generation[i]);
		wire_store(&r->shard[1].cell->ready, 2);
		wire_store(&rig_cell(r, 0, LIFE_CONSUMER)->joined, 2);
		wire_store(&rig_cell(r, 0, LIFE_CONSUMER)->detached, 2);
		wire_store(&r->shard[1].cell->log_count, UINT64_MAX - 1);
		die(r, 1);
		go(r, 1);
		assert_int_equal(vanity_generation(r->shard[1].self), 2);
		assert_int_equal(wire_load(&r->shard[1].cell->generation), 2);
		assert_int_equal(wire_load(&r->shard[1].cell->ready), 0);
		assert_int_equal(wire_load(&rig_cell(r, 0, LIFE_CONSUMER)->joined), 0);
		for (uint32_t k = 0; k < 3; k++)
			vanity_log(r->shard[1].self, "line", k, 0);
		rig_ready(r, 1);
		join(r, 1);
		all_home(r);
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_dead_middle_had_in_hand_comes_home_and_is_counted),
		cmocka_unit_test(what_the_sink_had_given_back_is_not_lost_with_the_middle),
		cmocka_unit_test(what_came_into_the_owners_lane_before_a_death_is_simply_home),
		cmocka_unit_test(a_frame_put_and_not_published_is_taken_back),
		cmocka_unit_test(a_dead_sinks_frames_come_home_through_the_middle),
		cmocka_unit_test(an_owners_successor_owns_what_no_statement_names),
		cmocka_unit_test(a_detached_consumer_works_off_up_to_the_cut_and_not_beyond),
		cmocka_unit_test(two_neighbours_dead_start_downstream_first),
		cmocka_unit_test(a_successor_that_dies_before_ready_leaves_the_words_that_stand),
		cmocka_unit_test(a_successor_that_dies_before_anybody_joined_it_moved_nothing),
		cmocka_unit_test(a_resume_order_that_the_wire_does_not_confirm_starts_afresh),
		cmocka_unit_test(what_came_before_we_saw_the_channel_open_is_not_lost),
		cmocka_unit_test(cursors_pass_the_end_of_64_bits),
		cmocka_unit_test(what_the_dead_one_cannot_have_taken_is_skipped_counted_and_said),
		cmocka_unit_test(more_than_a_burst_in_doubt_is_impossible),
		cmocka_unit_test(a_statement_of_everything_keeps_no_more_than_was_lent),
		cmocka_unit_test(a_statement_beyond_all_lenders_is_nothing_to_who_has_no_ledger),
		cmocka_unit_test(a_frame_two_borrowers_state_comes_home_when_both_gave_it_back),
		cmocka_unit_test(the_word_of_a_living_lender_stands_against_a_false_statement),
		cmocka_unit_test(a_false_statement_cannot_end_a_loan_made_after_it),
		cmocka_unit_test(wild_words_of_a_dead_producer_cost_its_consumer_nothing),
		cmocka_unit_test(a_channel_its_consumer_broke_is_formed_again),
		cmocka_unit_test(a_channel_its_producer_broke_is_formed_again),
		cmocka_unit_test(a_re_formed_lane_counts_no_entry_twice),
		cmocka_unit_test(old_news_in_the_wrong_lane_ends_no_later_loan),
		cmocka_unit_test(an_honest_statement_may_exceed_one_lenders_lend),
		cmocka_unit_test(
			settled_against_nothing_everything_is_home_and_the_channel_goes_on_later),
		cmocka_unit_test(a_closed_channel_drops_at_its_writer_and_is_empty_for_its_reader),
		cmocka_unit_test(what_is_left_is_zero_behind_a_broken_promise),
		cmocka_unit_test(left_falls_only_after_the_lane_tells),
		cmocka_unit_test(a_successor_starts_whatever_its_forebear_wrote_into_the_cell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
