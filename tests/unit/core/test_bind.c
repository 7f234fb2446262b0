/* SPDX-License-Identifier: Apache-2.0 */
/* One shard's part of the plan: all it needs, each with the plan's right, and nothing else's. */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

#include "core/wait.h"

/* Two pools of two owners, and shard 4 that is nobody's neighbour but 3's. */
static const struct rig_spec spec = {
	.shard_count = 5,
	.pool = { { .owner = 0, .frames = 16, .bytes = 256 },
		  { .owner = 1, .frames = 32, .bytes = 512 } },
	.channel = { { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 4 },
		     { 1, 2, .slots = 16, .pools = RIG_POOL1, .lend = 8 },
		     { 2, 3, .slots = 32, .pools = RIG_POOL0 | RIG_POOL1, .lend = 12 },
		     { 3, 4, .slots = 4, .slot_bytes = 8 },
		     { 4, 3, .slots = 4, .slot_bytes = 64 } },
	.device = { { VANITY_GRANT_PCAP, 1, .keeps_fd = 1 },
		    { VANITY_GRANT_XDP, 1, .keeps_fd = 1 },
		    { VANITY_GRANT_LOOP, 1, .keeps_fd = 0 },
		    { VANITY_GRANT_TAP, 4, .keeps_fd = 1 },
		    { VANITY_GRANT_TUN, 1, .keeps_fd = 1 } },
};

static const struct bind_machine machine = { .hz = 1000, .wake_ns = 7000, .wait = WAIT_MWAITX };

/* What the plan gives a shard, from the plan's own tables. */
static bool may_see(const struct plan *plan, uint32_t shard, uint32_t region, uint32_t *ret_right)
{
	const struct plan_region *q = &plan->region[region];

	*ret_right = PLAN_RW;
	switch (q->kind) {
	case PLAN_REGION_WIRE:
		*ret_right = q->a == shard ? PLAN_RW : PLAN_RO;
		return q->a == shard || q->b == shard;
	case PLAN_REGION_POOL:
		for (uint32_t i = 0; i < plan->access_count; i++) {
			if (plan->access[i].pool == q->b && plan->access[i].shard == shard) {
				*ret_right = plan->access[i].right;
				return true;
			}
		}
		return false;
	case PLAN_REGION_CELL:
		return q->a == shard;
	case PLAN_REGION_ORDERS:
		*ret_right = PLAN_RO;
		return q->b == shard;
	case PLAN_REGION_DEVICE:
		return q->a == shard;
	default: /* a bell: its own and its neighbours' */
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			const struct plan_channel *c = &plan->channel[i];

			if ((c->producer == shard && c->consumer == q->b) ||
			    (c->consumer == shard && c->producer == q->b))
				return true;
		}
		return q->b == shard;
	}
}

static void a_shard_gets_each_region_with_the_plans_right_and_no_other(void **state)
{
	struct rig *r = rig_new(&spec);

	(void)state;
	r->plan->access[1].right = PLAN_RO;
	for (uint32_t s = 0; s < 5; s++) {
		uint32_t bytes = plan_bind_bytes(r->plan, s), seen = 0;
		struct bind *b = calloc(1, bytes);

		assert_int_equal(plan_bind(r->plan, s, &machine, b, bytes), bytes);
		for (uint32_t q = 0; q < r->plan->region_count; q++) {
			uint32_t right, found = 0;

			for (uint32_t i = 0; i < b->region_count; i++) {
				const struct bind_region *m = &bind_regions(b)[i];

				if (m->region != q)
					continue;
				found++;
				assert_true(may_see(r->plan, s, q, &right));
				assert_int_equal(m->right, right);
				assert_int_equal(m->bytes, r->plan->region[q].bytes);
				assert_int_equal(m->page_bytes, r->plan->region[q].page_bytes);
			}
			assert_int_equal(found, may_see(r->plan, s, q, &right));
			seen += found;
		}
		assert_int_equal(seen, b->region_count);
		assert_int_equal(bind_regions(b)[BIND_CELL].region, r->plan->shard[s].cell_region);
		assert_int_equal(bind_regions(b)[BIND_ORDERS].region,
				 r->plan->shard[s].orders_region);
		assert_int_equal(bind_regions(b)[BIND_BELL].region, r->plan->shard[s].bell_region);
		free(b);
	}
	rig_free(r);
}

static void a_block_is_written_whole_or_not_at_all(void **state)
{
	struct rig *r = rig_new(&spec);

	(void)state;
	for (uint32_t s = 0; s < 5; s++) {
		uint32_t bytes = plan_bind_bytes(r->plan, s);
		uint8_t *block = malloc(bytes), *again = malloc(bytes);

		assert_int_equal(bytes % 8, 0);
		memset(block, 0x5a, bytes);
		assert_int_equal(plan_bind(r->plan, s, &machine, block, bytes - 1), 0);
		for (uint32_t i = 0; i < bytes; i++)
			assert_int_equal(block[i], 0x5a);
		assert_int_equal(plan_bind(r->plan, s, &machine, block, bytes), bytes);
		/* Every byte is the plan's: nothing of the memory before shines through. */
		memset(again, 0xa5, bytes);
		assert_int_equal(plan_bind(r->plan, s, &machine, again, bytes), bytes);
		assert_memory_equal(block, again, bytes);
		free(block);
		free(again);
	}
	rig_free(r);
}

static void a_shard_waits_as_its_option_says_or_as_the_machine_does(void **state)
{
	static const struct {
		const char *name, *text;
		enum wait_kind wait;
	} cases[] = {
		{ WAIT_OPTION, "pause", WAIT_PAUSE },
		{ WAIT_OPTION, "umwait", WAIT_UMWAIT },
		{ WAIT_OPTION, "umwai", WAIT_MWAITX },
		{ "vanity_wai", "pause", WAIT_MWAITX },
	};
	struct rig *r = rig_new(&spec);
	struct plan_option *o = &r->plan->option[1];
	uint32_t bytes;

	(void)state;
	r->plan->shard[2].option_first = 1;
	r->plan->shard[2].option_count = 1;
	bytes = plan_bind_bytes(r->plan, 2);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bind *b = calloc(1, bytes);

		strcpy(o->name, cases[i].name);
		strcpy(o->text, cases[i].text);
		assert_int_equal(plan_bind(r->plan, 2, &machine, b, bytes), bytes);
		assert_int_equal(b->wait, cases[i].wait);
		assert_int_equal(b->wake_ns, 7000);
		assert_int_equal(b->hz, 1000);
		free(b);
	}
	r->plan->shard[2].option_count = 0;
	assert_null(plan_wait(r->plan, 2));
	rig_free(r);
}

static void both_ends_of_a_channel_agree_and_lie_within_their_wires(void **state)
{
	struct rig *r = rig_new(&spec);

	(void)state;
	for (uint32_t i = 0; i < r->plan->channel_count; i++) {
		const struct plan_channel *c = &r->plan->channel[i];
		const struct bind *pb = r->shard[c->producer].block;
		const struct bind *cb = r->shard[c->consumer].block;
		const struct bind_port *tx = &bind_ports(pb)[c->producer_port];
		const struct bind_port *rx = &bind_ports(cb)[c->consumer_port];
		const struct bind_neighbour *to = &bind_neighbours(pb)[tx->neighbour];
		const struct bind_neighbour *from = &bind_neighbours(cb)[rx->neighbour];

		assert_true(tx->output && !rx->output);
		assert_int_equal(tx->slot_count, rx->slot_count);
		assert_int_equal(tx->slot_bytes, rx->slot_bytes);
		assert_int_equal(tx->lend, rx->lend);
		assert_int_equal(tx->lane_slots, rx->lane_slots);
		assert_int_equal(tx->state_max, rx->state_max);
		assert_int_equal(tx->frame_bits, rx->frame_bits);
		assert_int_equal(tx->mine_at, rx->peer_at);
		assert_int_equal(tx->peer_at, rx->mine_at);
		assert_int_equal(to->shard, c->consumer);
		assert_int_equal(from->shard, c->producer);
		assert_int_equal(bind_regions(pb)[to->wire_out].region,
				 bind_regions(cb)[from->wire_in].region);
		assert_int_equal(bind_regions(pb)[to->wire_in].region,
				 bind_regions(cb)[from->wire_out].region);
		assert_true(tx->mine_at + wire_tx_bytes(tx->slot_count, tx->slot_bytes) <=
			    bind_regions(pb)[to->wire_out].bytes);
		assert_true(rx->mine_at + wire_rx_bytes(rx->frame_bits, rx->lane_slots) <=
			    bind_regions(cb)[from->wire_out].bytes);
		assert_int_equal(tx->pool_count, rx->pool_count);
		for (uint32_t k = 0; k < tx->pool_count; k++)
			assert_int_equal(bind_pools(pb)[tx->pool[k]].first_frame,
					 bind_pools(cb)[rx->pool[k]].first_frame);
	}
	rig_free(r);
}

static void descriptors_of_devices_follow_the_neighbours_in_the_order_of_grants(void **state)
{
	/* d0, d1, d2 and d4 are shard 1's; it has one neighbour. */
	static const uint32_t kind[] = { VANITY_GRANT_PCAP, VANITY_GRANT_XDP, VANITY_GRANT_LOOP,
					 VANITY_GRANT_TUN };
	static const uint32_t fd[] = { BIND_FD_NEIGHBOURS + 1, BIND_FD_NEIGHBOURS + 2, PLAN_NONE,
				       BIND_FD_NEIGHBOURS + 3 };
	struct rig *r = rig_new(&spec);
	const struct bind *b = r->shard[1].block;

	(void)state;
	assert_int_equal(b->neighbour_count, 1);
	assert_int_equal(b->grant_count, 4);
	assert_int_equal(b->grant_fd_count, 3);
	for (uint32_t i = 0; i < 4; i++) {
		const struct bind_grant *g = &bind_grants(b)[i];

		assert_int_equal(g->kind, kind[i]);
		assert_int_equal(g->fd, fd[i]);
		assert_int_equal(g->keeps_fd, fd[i] != PLAN_NONE);
		assert_string_equal(g->name, r->plan->device[g->device].name);
		assert_int_equal(r->plan->device[g->device].shard, 1);
	}
	assert_int_equal(bind_fd_grants(b), BIND_FD_NEIGHBOURS + 1);
	assert_int_equal(bind_fd_regions(b), BIND_FD_NEIGHBOURS + 4);
	assert_int_equal(bind_fd_facts(b), BIND_FD_NEIGHBOURS + 4 + b->region_count);
	assert_int_equal(r->shard[0].block->grant_count, 0);
	assert_int_equal(bind_fd_regions(r->shard[0].block), bind_fd_grants(r->shard[0].block));
	rig_free(r);
}

static void an_xdp_device_has_the_plans_pool_and_its_own_memory_and_others_have_neither(
	void **state)
{
	struct rig *r = rig_new(&spec);
	const struct bind *b = r->shard[1].block;
	const struct bind_grant *g = bind_grants(b);

	(void)state;
	assert_string_equal(bind_pools(b)[g[1].pool].name, "p1");
	assert_int_equal(bind_regions(b)[g[1].region].region, r->plan->device[1].region);
	assert_int_equal(bind_regions(b)[g[1].region].right, PLAN_RW);
	for (uint32_t i = 0; i < 4; i++) {
		if (i == 1)
			continue;
		assert_int_equal(g[i].pool, PLAN_NONE);
		assert_int_equal(g[i].region, PLAN_NONE);
	}
	rig_free(r);
}

static void a_statement_has_room_for_all_that_honest_shards_may_say(void **state)
{
	/* Two ways of a pool meet at 3; above them any number can be honest. */
	static const struct rig_spec meet = {
		.shard_count = 5,
		.pool = { { .owner = 0, .frames = 64, .bytes = 256 } },
		.channel = { { 0, 1, .slots = 8, .pools = RIG_POOL0, .lend = 20 },
			     { 0, 2, .slots = 8, .pools = RIG_POOL0, .lend = 4 },
			     { 1, 3, .slots = 8, .pools = RIG_POOL0, .lend = 20 },
			     { 2, 3, .slots = 8, .pools = RIG_POOL0, .lend = 4 },
			     { 3, 4, .slots = 8, .pools = RIG_POOL0, .lend = 24 } },
	};
	static const uint32_t want[] = { 64, 64, 24, 24, 24 };
	struct rig *r = rig_new(&meet);

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		const struct plan_channel *c = &r->plan->channel[i];

		assert_int_equal(
			bind_ports(r->shard[c->producer].block)[c->producer_port].state_max,
			want[i]);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shard_gets_each_region_with_the_plans_right_and_no_other),
		cmocka_unit_test(a_block_is_written_whole_or_not_at_all),
		cmocka_unit_test(a_shard_waits_as_its_option_says_or_as_the_machine_does),
		cmocka_unit_test(both_ends_of_a_channel_agree_and_lie_within_their_wires),
		cmocka_unit_test(
			descriptors_of_devices_follow_the_neighbours_in_the_order_of_grants),
		cmocka_unit_test(
			an_xdp_device_has_the_plans_pool_and_its_own_memory_and_others_have_neither),
		cmocka_unit_test(a_statement_has_room_for_all_that_honest_shards_may_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
