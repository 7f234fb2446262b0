/* SPDX-License-Identifier: Apache-2.0 */
/* Meaning: defaults, rights, custody and reserves; and the layout that follows from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vanity/grant.h>

#include "core/cell.h"
#include "core/wire.h"
#include "memory.h"

static struct memory memory;
static const struct plan *const plan = &memory_result;

#define TOP "vanity = 1\nsystem = x\n"
#define SHARD(name) "shard " name " { program = hello }\n"

static void planned(const char *text)
{
	if (memory_plan(&memory, text) != 0)
		print_error("%s", memory.said);
	assert_int_equal(memory.messages, 0);
}

static void refused(const char *text, const char *id)
{
	assert_int_not_equal(memory_plan(&memory, text), 0);
	assert_string_equal(memory.first_id, id);
}

static uint32_t lend(const char *channel)
{
	return plan->channel[plan_channel_find(plan, channel)].lend;
}

static void what_is_not_said_has_its_documented_default(void **state)
{
	const struct plan_shard *s = &plan->shard[0];
	const struct plan_channel *c = &plan->channel[0];

	(void)state;
	planned(TOP SHARD("a") SHARD(
		"b") "pool p { owner = a, frames = 4, access = b:ro }\n"
		     "channel c { a.o -> b.i, pools = p }\nchannel d { b.o -> a.i }\n");
	assert_int_equal(s->shared, 1);
	assert_int_equal(s->core, PLAN_NONE);
	assert_string_equal(s->trust, "default");
	assert_string_equal(s->config, "");
	assert_true(s->memory_bytes == 8u << 20);
	assert_true(s->watchdog_ns == 1000000000);
	assert_int_equal(s->restart_on, PLAN_ON_FAULT);
	assert_int_equal(s->restart_max, 5);
	assert_true(s->restart_within_ns == 10000000000ull);
	assert_int_equal(s->restart_then, PLAN_THEN_BACKOFF);
	assert_int_equal(s->carry, PLAN_CARRY_RELOAD);
	assert_int_equal(s->standby, PLAN_STANDBY_NONE);
	assert_int_equal(s->grant_count, 0);
	assert_int_equal(c->slot_count, 1024);
	assert_int_equal(c->slot_bytes, 16);
	assert_int_equal(c->full, PLAN_FULL_WAIT);
	assert_int_equal(c->lend, 4);
	assert_int_equal(c->copy_pool, PLAN_NONE);
	assert_int_equal(plan->channel[1].lend, 0);
	assert_int_equal(plan->channel[1].lane_slots, 0);
	assert_int_equal(plan->pool[0].frame_bytes, 2048);
	assert_int_equal(plan->housekeeping_first, PLAN_NONE);
}

static void a_shard_with_a_core_of_its_own_has_a_watchdog_of_100_ms(void **state)
{
	(void)state;
	planned(TOP "shard a { program = hello, cores = 3 }\n");
	assert_int_equal(plan->shard[0].shared, 0);
	assert_int_equal(plan->shard[0].core, 3);
	assert_true(plan->shard[0].watchdog_ns == 100000000);
	/* One core may also be written as a range; two are lanes. */
	planned(TOP "shard a { program = hello, cores = 3-3 }\n");
	assert_int_equal(plan->shard[0].core, 3);
	refused(TOP "shard a { program = hello, cores = 3-4 }\n", "cores-many");
}

static void under_dev_every_core_is_shared_and_no_watchdog_is_shorter_than_a_second(void **state)
{
	static const struct plan_host dev = { .page_bytes = 4096, .cores = 2, .ignore_cores = 1 };

	(void)state;
	memory_plan(&memory, TOP "shard a { program = hello, cores = 40, watchdog = 20ms }\n"
				 "shard b { program = hello, watchdog = 20ms }\n");
	assert_int_equal(plan_make(&memory_topology, &dev, &memory_result), 0);
	assert_int_equal(plan->shard[0].shared, 1);
	assert_true(plan->shard[0].watchdog_ns == 1000000000);
	/* Who shares a core by his own word has said so knowingly. */
	assert_true(plan->shard[1].watchdog_ns == 20000000);
}

static void what_a_block_says_stands_before_its_defaults(void **state)
{
	(void)state;
	planned(TOP
		"defaults shard { program = hello, trust = x, restart { on = never, max = 1/1s }\n"
		"option { a = 1, b = 2KiB } }\n"
		"shard a { trust = y, restart { max = 2/1s }, option { b = \"two\", c = p:ro } }\n"
		"shard b { }\n");
	assert_string_equal(plan->shard[0].trust, "y");
	assert_int_equal(plan->shard[0].restart_max, 2);
	assert_int_equal(plan->shard[0].restart_on, PLAN_ON_NEVER);
	assert_int_equal(plan->shard[0].option_count, 3);
	assert_string_equal(plan->option[0].name, "b");
	assert_string_equal(plan->option[0].text, "two");
	assert_int_equal(plan->option[0].numeric, 0);
	assert_string_equal(plan->option[1].text, "p:ro");
	assert_string_equal(plan->option[2].name, "a");
	assert_int_equal(plan->option[2].value, 1);
	assert_int_equal(plan->shard[1].option_count, 2);
	assert_string_equal(plan->option[4].text, "2KiB");
	assert_int_equal(plan->option[4].numeric, 1);
	assert_int_equal(plan->option[4].value, 2048);
	assert_int_equal(plan->option[4].shard, 1);
}

static void the_demo_is_laid_out_to_the_byte(void **state)
{
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES "/good", "demo.conf"), 0);
	assert_int_equal(plan->shard_count, 4);
	assert_int_equal(plan->wire_count, 6);
	assert_int_equal(plan->region_count, 4 * 3 + 6 + 1);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(plan->shard[i].cell_region, 3 * i);
		assert_int_equal(plan->shard[i].orders_region, 3 * i + 1);
		assert_int_equal(plan->shard[i].bell_region, 3 * i + 2);
		assert_int_equal(plan->region[3 * i].a, i);
		assert_int_equal(plan->region[3 * i].b, PLAN_NONE);
		assert_int_equal(plan->region[3 * i + 1].a, PLAN_NONE);
		assert_int_equal(plan->region[3 * i + 1].b, i);
		assert_true(plan->region[3 * i].bytes >= cell_bytes(plan->shard[i].port_count));
	}
	for (uint32_t i = 0; i < 3; i++) {
		const struct plan_channel *c = &plan->channel[i];
		const struct plan_region *tx = &plan->region[plan->wire[c->tx_wire].region];
		const struct plan_region *rx = &plan->region[plan->wire[c->rx_wire].region];

		assert_int_equal(c->tx_wire, 2 * i);
		assert_int_equal(c->rx_wire, 2 * i + 1);
		assert_int_equal(c->tx_at, sizeof(struct wire_head));
		assert_int_equal(c->rx_at, sizeof(struct wire_head));
		assert_int_equal(tx->a, i);
		assert_int_equal(tx->b, i + 1);
		assert_int_equal(tx->bytes,
				 (sizeof(struct wire_head) + wire_tx_bytes(1024, 16) + 4095) /
					 4096 * 4096);
		/* The last one lends nothing on: nobody below it can claim frames beside its own. */
		assert_int_equal(c->lane_slots, i == 2 ? 4096 : 8192);
		assert_int_equal(rx->bytes,
				 (sizeof(struct wire_head) + wire_rx_bytes(4096, c->lane_slots) + 4095) /
					 4096 * 4096);
		assert_int_equal(c->lend, 4096);
		assert_int_equal(c->frame_bits, 4096);
	}
	assert_int_equal(plan->region[18].kind, PLAN_REGION_POOL);
	assert_int_equal(plan->region[18].page_bytes, 2u << 20);
	assert_int_equal(plan->region[18].bytes, 8u << 20);
	for (uint32_t i = 0; i < plan->region_count; i++)
		sum += plan->region[i].bytes;
	assert_true(plan->memory_bytes == sum);
	assert_int_equal(plan->unbuilt_count, 0);
}

static void the_example_of_the_blueprint_is_valid_and_its_devices_unbuilt(void **state)
{
	static const char *const what[] = { "require: iommu = on", "device wan", "device lan" };

	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES "/good", "edge.conf"), 0);
	assert_int_equal(plan->unbuilt_count, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_string_equal(plan->unbuilt[i].what, what[i]);
	assert_int_equal(plan->unbuilt[1].line, 8);
	assert_int_equal(plan->unbuilt[1].column, 1);
	assert_int_equal(plan->device[0].shard, 0);
	assert_int_equal(plan->device[0].kind, VANITY_GRANT_NONE);
	assert_int_equal(plan->device[0].region, PLAN_NONE);
	assert_true(plan->device[0].peak_per_s == 14880000);
	assert_int_equal(plan->housekeeping_last, 1);
	assert_int_equal(plan->require_cores, PLAN_REQUIRE_ISOLATED);
}

static const struct plan_device *device(const char *name)
{
	for (uint32_t i = 0; i < plan->device_count; i++)
		if (strcmp(plan->device[i].name, name) == 0)
			return &plan->device[i];
	fail_msg("no device %s", name);
	return NULL;
}

static void devices_are_planned_as_their_backends_need_them(void **state)
{
	const struct plan_device *wan;

	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES, "good/devices.conf"), 0);
	assert_int_equal(plan->unbuilt_count, 0);
	wan = device("wan");
	assert_int_equal(wan->kind, VANITY_GRANT_XDP);
	assert_string_equal(wan->interface, "veth0");
	assert_int_equal(wan->queue, 1);
	assert_int_equal(wan->pool, plan_pool_find(plan, "frames"));
	assert_int_equal(wan->shard, plan_shard_find(plan, "nic_wan"));
	assert_int_equal(wan->keeps_fd, 1);
	assert_int_equal(device("lan")->kind, VANITY_GRANT_TAP);
	assert_string_equal(device("lan")->interface, "vanity0");
	assert_int_equal(device("lan")->keeps_fd, 1);
	assert_int_equal(device("lan")->pool, PLAN_NONE);
	assert_int_equal(device("vpn")->kind, VANITY_GRANT_TUN);
	assert_string_equal(device("vpn")->interface, "vanity1");
	assert_int_equal(device("none")->kind, VANITY_GRANT_LOOP);
	assert_int_equal(device("none")->keeps_fd, 0);
	/* Granted to nobody: nobody's, and no error. */
	assert_int_equal(device("spare")->shard, PLAN_NONE);
}

static void captures_have_paths_of_their_file_and_a_pace(void **state)
{
	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES, "good/devices.conf"), 0);
	assert_int_equal(device("playback")->kind, VANITY_GRANT_PCAP);
	assert_string_equal(device("playback")->read, "good/captures/in.pcap");
	assert_string_equal(device("playback")->write, "");
	assert_int_equal(device("playback")->keeps_fd, 0);
	assert_int_equal(device("playback")->pace, VANITY_PACE_RECORDED);
	assert_string_equal(device("record")->write, "/var/tmp/out.pcapng");
	assert_string_equal(device("record")->read, "");
	assert_int_equal(device("record")->keeps_fd, 1);
	assert_int_equal(device("record")->pace, VANITY_PACE_MAX);
	assert_int_equal(device("both")->pace, VANITY_PACE_RATE);
	assert_true(device("both")->pace_per_s == 10000);
}

static void grants_stand_in_the_order_of_their_list(void **state)
{
	static const char *const order[] = { "none", "both", "record", "vpn", "lan", "playback" };
	const struct plan_shard *s;

	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES, "good/devices.conf"), 0);
	s = &plan->shard[plan_shard_find(plan, "nic_lan")];
	assert_int_equal(s->grant_count, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_string_equal(plan->device[s->grant[i]].name, order[i]);
	assert_int_equal(plan->shard[plan_shard_find(plan, "nic_wan")].grant_count, 1);
}

static void only_an_xdp_device_has_memory_of_its_own_and_its_shard_alone_writes_it(void **state)
{
	const struct plan_region *r;
	uint32_t count = 0;

	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES, "good/devices.conf"), 0);
	for (uint32_t i = 0; i < plan->region_count; i++)
		count += plan->region[i].kind == PLAN_REGION_DEVICE;
	assert_int_equal(count, 1);
	r = &plan->region[device("wan")->region];
	assert_int_equal(r->kind, PLAN_REGION_DEVICE);
	assert_int_equal(r->a, plan_shard_find(plan, "nic_wan"));
	assert_int_equal(r->b, (uint32_t)(device("wan") - plan->device));
	/* Two line pairs, and two bitmaps of 4096 frames: below a page. */
	assert_int_equal(r->page_bytes, 4096);
	assert_int_equal(r->bytes, 4096);
	planned(TOP "shard nic { program = nic, grant = d }\n"
		    "pool p { owner = nic, frames = 1048576, frame = 4KiB }\n"
		    "device d { backend = xdp, match = \"netdev veth0\", dma = p:rw }\n");
	assert_int_equal(plan->region[plan->device[0].region].page_bytes, 4096);
	assert_int_equal(plan->region[plan->device[0].region].bytes, 2 * 131072 + 4096);
}

static void one_interface_may_give_each_queue_to_another_shard(void **state)
{
	(void)state;
	planned(TOP
		"shard a { program = nic, grant = d }\nshard b { program = nic, grant = e }\n"
		"pool p { owner = a, frames = 64 }\npool q { owner = b, frames = 64, frame = 4KiB }\n"
		"device d { backend = xdp, match = \"netdev veth0\", dma = p:rw }\n"
		"device e { backend = xdp, match = \"netdev veth0\", queue = 1, dma = q:rw }\n");
	assert_int_equal(plan->device[0].queue, 0);
	assert_int_equal(plan->device[1].queue, 1);
}

static void channels_of_one_pair_share_its_two_wires(void **state)
{
	const struct plan_channel *c = plan->channel;

	(void)state;
	planned(TOP SHARD("a") SHARD(
		"b") "channel c { a.o -> b.i, slots = 2, slot = 8B }\n"
		     "channel d { a.p -> b.j, slots = 4 }\nchannel e { b.o -> a.i, slots = 2 }\n");
	assert_int_equal(plan->wire_count, 2);
	assert_int_equal(c[0].tx_at, 128);
	assert_int_equal(c[1].tx_at, 128 + wire_tx_bytes(2, 8));
	assert_int_equal(c[2].rx_at, 128 + wire_tx_bytes(2, 8) + wire_tx_bytes(4, 16));
	assert_int_equal(c[0].rx_at, 128);
	assert_int_equal(c[1].rx_at, 128 + wire_rx_bytes(0, 0));
	assert_int_equal(c[2].tx_wire, c[0].rx_wire);
	assert_int_equal(c[2].tx_at, 128 + 2 * wire_rx_bytes(0, 0));
}

static void huge_pages_are_for_what_fills_half_of_one(void **state)
{
	(void)state;
	planned(TOP SHARD(
		"a") "pool p { owner = a, frames = 512 }\npool q { owner = a, frames = 511 }\n");
	assert_int_equal(plan->region[plan->pool[0].region].page_bytes, 2u << 20);
	assert_int_equal(plan->region[plan->pool[1].region].page_bytes, 4096);
	assert_int_equal(plan->pool[1].first_frame, 512);
}

#define FAN                                                                                        \
	TOP SHARD("a") SHARD("r") SHARD("x") SHARD("y") SHARD(                                     \
		"z") "pool p { owner = a, frames = 100, access = [ r:ro, x:ro, y:ro, z:ro ] }\n"   \
		     "defaults channel { pools = [ p ] }\nchannel in { a.o -> r.i }\n"

static void outputs_share_equally_what_their_lender_has(void **state)
{
	(void)state;
	planned(FAN
		"channel x { r.x -> x.i }\nchannel y { r.y -> y.i }\nchannel z { r.z -> z.i }\n");
	assert_int_equal(lend("in"), 100);
	assert_int_equal(lend("x"), 33);
	assert_int_equal(lend("y"), 33);
	assert_int_equal(lend("z"), 33);
	assert_int_equal(plan->channel[0].lane_slots, 256); /* 100 of its own, 99 claimed below */
	assert_int_equal(plan->channel[1].lane_slots, 64);
}

static void all_outputs_but_one_leave_a_frame_for_it(void **state)
{
	(void)state;
	/* 60 + 39 leave one of 100 for z; 60 + 40 none. */
	planned(FAN "channel x { r.x -> x.i, lend = 60 }\nchannel y { r.y -> y.i, lend = 39 }\n"
		    "channel z { r.z -> z.i, lend = 20 }\n");
	refused(FAN "channel x { r.x -> x.i, lend = 60 }\nchannel y { r.y -> y.i, lend = 40 }\n"
		    "channel z { r.z -> z.i, lend = 20 }\n",
		"lend-no-reserve");
	assert_int_equal(memory.first_line, 13);
	/* The same at a borrower with few frames of a large pool: what it may borrow counts. */
	refused(TOP SHARD("a") SHARD("r") SHARD("x") SHARD(
			"y") "pool p { owner = a, frames = 1000, access = [ r:ro, x:ro, y:ro ] }\n"
			     "defaults channel { pools = [ p ] }\nchannel in { a.o -> r.i, lend = 10 }\n"
			     "channel x { r.x -> x.i, lend = 10 }\nchannel y { r.y -> y.i, lend = 1 }\n",
		"lend-no-reserve");
}

static void a_borrower_of_two_inputs_may_lend_their_sum(void **state)
{
	static const char *const base = TOP SHARD("a") SHARD("l") SHARD("r") SHARD("m") SHARD(
		"x") "pool p { owner = a, frames = 100, access = [ l:ro, r:ro, m:ro, x:ro ] }\n"
		     "defaults channel { pools = [ p ] }\n"
		     "channel al { a.l -> l.i, lend = 30 }\nchannel ar { a.r -> r.i, lend = 40 }\n"
		     "channel lm { l.o -> m.l }\nchannel rm { r.o -> m.r }\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%schannel mx { m.o -> x.i }\n", base);
	planned(text);
	assert_int_equal(lend("lm"), 30);
	assert_int_equal(lend("rm"), 40);
	assert_int_equal(lend("mx"), 70);
	/* A lane holds what its writer can have of the pool from anybody, and what is claimed below. */
	assert_int_equal(plan->channel[plan_channel_find(plan, "lm")].lane_slots, 256);
	snprintf(text, sizeof(text), "%schannel mx { m.o -> x.i, lend = 71 }\n", base);
	refused(text, "lend-too-much");
}

static void frames_may_return_to_their_owner_by_a_channel(void **state)
{
	(void)state;
	/* rx and tx of one NIC: the owner is met twice, and never borrows its own. */
	planned(TOP SHARD("nic") SHARD(
		"fw") "pool p { owner = nic, frames = 64, access = fw:ro }\n"
		      "channel c { nic.rx -> fw.i, pools = p }\nchannel d { fw.o -> nic.tx, pools = p }\n");
	assert_int_equal(lend("c"), 64);
	assert_int_equal(lend("d"), 64);
}

static void channels_may_cross_a_trust_label_without_frames_or_with_a_word(void **state)
{
	static const char *const base =
		TOP SHARD("a") "shard b { program = hello, trust = guest }\n"
			       "pool p { owner = a, frames = 64, access = b:ro }\n"
			       "pool q { owner = b, frames = 64 }\nchannel c { a.o -> b.i, %s }\n"
			       "channel e { a.e -> b.e, pools = p, borrow = trusted }\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), base, "slots = 2");
	planned(text);
	snprintf(text, sizeof(text), base, "pools = p, borrow = trusted");
	planned(text);
	assert_int_equal(plan->channel[0].borrow_trusted, 1);
	snprintf(text, sizeof(text), base, "pools = p, copy = q");
	planned(text);
	assert_int_equal(plan->channel[0].copy_pool, 1);
	assert_int_equal(plan->unbuilt_count, 0);
	snprintf(text, sizeof(text), base, "pools = p");
	refused(text, "trust-crossed");
}

static void unbuilt_words_of_a_shard_are_listed_where_they_stand(void **state)
{
	(void)state;
	planned(TOP "shard a { program = hello, standby = warm, carry = keep }\n"
		    "shard b { program = hello, standby = none, carry = reload }\n");
	assert_int_equal(plan->unbuilt_count, 2);
	assert_string_equal(plan->unbuilt[0].what, "shard a: carry = keep");
	assert_int_equal(plan->unbuilt[0].column, 44);
	assert_string_equal(plan->unbuilt[1].what, "shard a: standby = warm");
}

static void paths_are_joined_to_the_folder_of_their_file(void **state)
{
	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES, "good/options.conf"), 0);
	assert_string_equal(plan->shard[plan_shard_find(plan, "gen")].config,
			    "good/rules/gen.rules");
	assert_string_equal(plan->shard[plan_shard_find(plan, "fw")].config,
			    "/etc/vanity/fw.rules");
	assert_string_equal(plan->programs, "good/bin");
}

static void access_is_found_by_pool_and_shard(void **state)
{
	(void)state;
	assert_int_equal(memory_plan_file(&memory, TOPOLOGIES "/good", "demo.conf"), 0);
	assert_int_equal(plan_access_find(plan, 0, 0), PLAN_RW);
	assert_int_equal(plan_access_find(plan, 0, 1), PLAN_RO);
	assert_int_equal(plan_access_find(plan, 0, 2), PLAN_RW);
	assert_int_equal(plan_access_find(plan, 1, 0), PLAN_NONE);
	assert_int_equal(plan_shard_find(plan, "router"), 2);
	assert_int_equal(plan_shard_find(plan, "route"), PLAN_NONE);
	assert_int_equal(plan_pool_find(plan, "packets"), 0);
	assert_int_equal(plan_channel_find(plan, "rt_sink"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_has_its_documented_default),
		cmocka_unit_test(a_shard_with_a_core_of_its_own_has_a_watchdog_of_100_ms),
		cmocka_unit_test(
			under_dev_every_core_is_shared_and_no_watchdog_is_shorter_than_a_second),
		cmocka_unit_test(what_a_block_says_stands_before_its_defaults),
		cmocka_unit_test(the_demo_is_laid_out_to_the_byte),
		cmocka_unit_test(the_example_of_the_blueprint_is_valid_and_its_devices_unbuilt),
		cmocka_unit_test(devices_are_planned_as_their_backends_need_them),
		cmocka_unit_test(captures_have_paths_of_their_file_and_a_pace),
		cmocka_unit_test(grants_stand_in_the_order_of_their_list),
		cmocka_unit_test(
			only_an_xdp_device_has_memory_of_its_own_and_its_shard_alone_writes_it),
		cmocka_unit_test(one_interface_may_give_each_queue_to_another_shard),
		cmocka_unit_test(channels_of_one_pair_share_its_two_wires),
		cmocka_unit_test(huge_pages_are_for_what_fills_half_of_one),
		cmocka_unit_test(outputs_share_equally_what_their_lender_has),
		cmocka_unit_test(all_outputs_but_one_leave_a_frame_for_it),
		cmocka_unit_test(a_borrower_of_two_inputs_may_lend_their_sum),
		cmocka_unit_test(frames_may_return_to_their_owner_by_a_channel),
		cmocka_unit_test(channels_may_cross_a_trust_label_without_frames_or_with_a_word),
		cmocka_unit_test(unbuilt_words_of_a_shard_are_listed_where_they_stand),
		cmocka_unit_test(paths_are_joined_to_the_folder_of_their_file),
		cmocka_unit_test(access_is_found_by_pool_and_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
