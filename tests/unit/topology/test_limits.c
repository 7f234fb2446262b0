/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of include/vanity/limits.h: at the edge accepted, one past it refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static struct memory memory;
static char *text;
static size_t text_at;

#define TEXT_ROOM (4u << 20)

static void __attribute__((format(printf, 1, 2))) add(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	text_at += (size_t)vsnprintf(text + text_at, TEXT_ROOM - text_at, format, list);
	va_end(list);
	assert_true(text_at < TEXT_ROOM);
}

static void start(void)
{
	text_at = 0;
	add("vanity = 1\nsystem = limits\n");
}

static void accepted(void)
{
	if (memory_plan(&memory, text) != 0)
		print_error("%s", memory.said);
	assert_int_equal(memory.messages, 0);
	assert_true(memory_result.magic == PLAN_MAGIC);
}

/* The first message, its place, and what it says from behind "error: " on. */
static void refused(const char *id, uint32_t line, uint32_t column, const char *words)
{
	assert_int_not_equal(memory_plan(&memory, text), 0);
	assert_string_equal(memory.first_id, id);
	assert_int_equal(memory.first_line, line);
	assert_int_equal(memory.first_column, column);
	if (strstr(memory.said, words) == NULL)
		print_error("%s", memory.said);
	assert_non_null(strstr(memory.said, words));
	assert_true(memory_result.magic == 0);
}

static void shards(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add("shard s%u { program = hello }\n", i);
}

static void shards_up_to_256(void **state)
{
	(void)state;
	start();
	shards(VANITY_SHARDS_MAX);
	accepted();
	assert_int_equal(memory_result.shard_count, VANITY_SHARDS_MAX);
	add("shard one-more { program = hello }\n");
	refused("too-many-blocks", 259, 1,
		"more than 256 blocks `shard` [too-many-blocks]\n"
		"  259 | shard one-more { program = hello }\n"
		"      | ^~~~~\n"
		"      = split the topology into several systems\n");
}

/* @count channels from s0.. to s128.., so that nobody has more than 64 ports. */
static void channels(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add("channel c%u { s%u.o%u -> s%u.i%u, slots = 2, slot = 8B }\n", i, i % 128,
		    i / 128, 128 + i % 128, i / 128);
}

static void channels_up_to_1024(void **state)
{
	(void)state;
	start();
	shards(VANITY_SHARDS_MAX);
	channels(VANITY_CHANNELS_MAX);
	accepted();
	assert_int_equal(memory_result.channel_count, VANITY_CHANNELS_MAX);
	channels(0);
	add("channel one-more { s0.more -> s1.more }\n");
	refused("too-many-blocks", 1283, 1, "more than 1024 blocks `channel` [too-many-blocks]\n");
}

static void pools_up_to_256(void **state)
{
	(void)state;
	start();
	shards(1);
	for (uint32_t i = 0; i < VANITY_POOLS_MAX; i++)
		add("pool p%u { owner = s0, frames = 1, frame = 256B }\n", i);
	accepted();
	assert_int_equal(memory_result.pool_count, VANITY_POOLS_MAX);
	add("pool one-more { owner = s0, frames = 1 }\n");
	refused("too-many-blocks", 260, 1, "more than 256 blocks `pool` [too-many-blocks]\n");
}

static void devices_up_to_256(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < VANITY_DEVICES_MAX; i++)
		add("device d%u { backend = loop }\n", i);
	accepted();
	assert_int_equal(memory_result.device_count, VANITY_DEVICES_MAX);
	assert_int_equal(memory_result.unbuilt_count, 0);
	add("device one-more { backend = loop }\n");
	refused("too-many-blocks", 259, 1, "more than 256 blocks `device` [too-many-blocks]\n");
}

static void unbuilt_devices_are_listed_up_to_64_and_the_rest_counted(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < VANITY_DEVICES_MAX; i++)
		add("device d%u { backend = dpdk, match = \"net_null%u\" }\n", i, i);
	accepted();
	assert_int_equal(memory_result.unbuilt_count, PLAN_UNBUILT_MAX);
	assert_int_equal(memory_result.unbuilt_more, VANITY_DEVICES_MAX - PLAN_UNBUILT_MAX);
}

static void devices_of_a_shard_up_to_8(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i <= VANITY_GRANTS_MAX; i++)
		add("device d%u { backend = loop }\n", i);
	add("shard s { program = nic, grant = [ d0, d1, d2, d3, d4, d5, d6, d7 ] }\n");
	accepted();
	assert_int_equal(memory_result.shard[0].grant_count, VANITY_GRANTS_MAX);
	start();
	for (uint32_t i = 0; i <= VANITY_GRANTS_MAX; i++)
		add("device d%u { backend = loop }\n", i);
	add("shard s { program = nic, grant = [ d0, d1, d2, d3, d4, d5, d6, d7, d8 ] }\n");
	refused("too-many-grants", 12, 68, "shard `s` has more than 8 devices [too-many-grants]\n");
}

static void ports_of_a_shard_up_to_64(void **state)
{
	(void)state;
	start();
	shards(3);
	/* Both directions count together. */
	for (uint32_t i = 0; i < VANITY_PORTS_MAX / 2; i++) {
		add("channel o%u { s0.o%u -> s1.i%u }\n", i, i, i);
		add("channel i%u { s2.o%u -> s0.i%u }\n", i, i, i);
	}
	accepted();
	assert_int_equal(memory_result.shard[0].port_count, VANITY_PORTS_MAX);
	add("channel one-more { s0.more -> s1.more }\n");
	refused("too-many-ports", 70, 20,
		"shard `s0` has more than 64 ports [too-many-ports]\n"
		"   70 | channel one-more { s0.more -> s1.more }\n"
		"      |                    ^~~~~~~\n"
		"      = let a second shard of this program take some of its channels\n");
}

static void options_of_a_system_up_to_1024(void **state)
{
	(void)state;
	start();
	for (uint32_t s = 0; s < 2; s++) {
		add("shard s%u {\n\tprogram = hello\n\toption {\n", s);
		for (uint32_t i = 0; i < VANITY_OPTIONS_MAX / 2; i++)
			add("\t\to%u = %u\n", i, i);
		add("\t}\n}\n");
	}
	accepted();
	assert_int_equal(memory_result.option_count, VANITY_OPTIONS_MAX);
	add("shard s2 { program = hello, option { one-more = 1 } }\n");
	refused("too-many", 1037, 38,
		"more than 1024 options [too-many]\n"
		" 1037 | shard s2 { program = hello, option { one-more = 1 } }\n"
		"      |                                      ^~~~~~~~\n"
		"      = split the topology into several systems\n");
}

static void rights_on_pools_up_to_4096(void **state)
{
	(void)state;
	/* 32 owners of 8 pools each, 15 readers of all of them: 256 x (1 + 15) rights. */
	for (uint32_t extra = 0; extra < 2; extra++) {
		start();
		shards(48);
		for (uint32_t i = 0; i < 256; i++) {
			add("pool p%u { owner = s%u, frames = 16, access = [ s32:ro", i, i / 8);
			for (uint32_t s = 33; s < 47 + (i == 255 ? extra : 0); s++)
				add(", s%u:ro", s);
			add(" ] }\n");
		}
		for (uint32_t i = 0; i < 32 * 15; i++) {
			add("channel c%u { s%u.o%u -> s%u.i%u, pools = [ p%u", i, i / 15, i % 15,
			    32 + i % 15, i / 15, i / 15 * 8);
			for (uint32_t p = 1; p < 8; p++)
				add(", p%u", i / 15 * 8 + p);
			add(" ] }\n");
		}
		if (extra == 0)
			accepted();
		else
			refused("too-many", 306, 170,
				"more than 4096 rights on pools [too-many]\n");
		assert_int_equal(memory_result.access_count, PLAN_POOL_ACCESS_MAX);
	}
}

static void slots_from_2_to_2_24_and_8_bytes_to_4_kib(void **state)
{
	static const char *const good[] = { "slots = 2, slot = 8B",
					    "slots = 16777216, slot = 4KiB" };
	static const char *const bad[] = { "slots = 1", "slots = 33554432", "slot = 0B",
					   "slot = 4104B", "slots = 16777215" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		start();
		shards(2);
		add("channel c { s0.o -> s1.i, %s }\n", good[i]);
		accepted();
	}
	assert_int_equal(memory_result.channel[0].slot_count, VANITY_SLOTS_MAX);
	assert_int_equal(memory_result.channel[0].slot_bytes, VANITY_SLOT_BYTES_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		shards(2);
		add("channel c { s0.o -> s1.i, %s }\n", bad[i]);
		refused(i == 4 ? "not-power-of-two" : "out-of-range", 5, i == 2 || i == 3 ? 34 : 35,
			"");
	}
}

static void frames_from_256_bytes_to_1_mib_and_2_24_of_them(void **state)
{
	static const char *const good[] = { "frames = 1, frame = 256B", "frames = 1, frame = 1MiB",
					    "frames = 16777216, frame = 256B" };
	static const char *const bad[] = { "frames = 1, frame = 192B",
					   "frames = 1, frame = 1048640B", "frames = 0",
					   "frames = 16777217" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		start();
		shards(1);
		add("pool p { owner = s0, %s }\n", good[i]);
		accepted();
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		shards(1);
		add("pool p { owner = s0, %s }\n", bad[i]);
		refused("out-of-range", 4, i < 2 ? 42 : 31, "it goes from ");
	}
}

static void pools_of_a_channel_up_to_8(void **state)
{
	(void)state;
	for (uint32_t count = 8; count <= 9; count++) {
		start();
		shards(2);
		for (uint32_t i = 0; i < count; i++)
			add("pool p%u { owner = s0, frames = 8, access = s1:ro }\n", i);
		add("channel c { s0.o -> s1.i, pools = [ p0");
		for (uint32_t i = 1; i < count; i++)
			add(", p%u", i);
		add(" ] }\n");
		if (count == PLAN_CHANNEL_POOLS_MAX)
			accepted();
		else
			refused("list-too-long", 14, 27, "a list of 9; the limit is 8");
	}
}

static void names_up_to_31_characters(void **state)
{
	(void)state;
	start();
	add("shard a%030d { program = hello }\n", 0);
	accepted();
	start();
	add("shard a%031d { program = hello }\n", 0);
	refused("bad-name", 3, 7, "is no name");
}

static void texts_up_to_255_bytes(void **state)
{
	(void)state;
	start();
	add("shard a { program = hello, config = \"%0255d\", option { o = \"%0255d\" } }\n", 0, 0);
	accepted();
	assert_int_equal(strlen(memory_result.shard[0].config), VANITY_TEXT_MAX);
	assert_int_equal(strlen(memory_result.option[0].text), VANITY_TEXT_MAX);
	start();
	add("shard a { program = hello, option { o = \"%0256d\" } }\n", 0);
	refused("text-too-long", 3, 41, "256 bytes of text; the limit is 255");
	start();
	add("shard a { program = hello, option { o = a%0255d } }\n", 0);
	refused("text-too-long", 3, 41, "256 bytes of text; the limit is 255");
}

static void text_of_a_topology_up_to_1_mib(void **state)
{
	(void)state;
	start();
	shards(1);
	add("#");
	memset(text + text_at, 'x', TEXT_ROOM - text_at);
	text[VANITY_TOPOLOGY_BYTES_MAX] = '\0';
	accepted();
	text[VANITY_TOPOLOGY_BYTES_MAX] = 'x';
	text[VANITY_TOPOLOGY_BYTES_MAX + 1] = '\0';
	refused("too-much-text", 1, 1,
		"with `test.conf` the topology is larger than 1MiB [too-much-text]\n");
}

static void items_and_values_beyond_the_tables_are_refused(void **state)
{
	(void)state;
	start();
	for (uint32_t b = 0; b < 64; b++) {
		add("shard s%u { program = hello, option {\n", b);
		for (uint32_t i = 0; i < 600; i++)
			add("o%u=1\n", i);
		add("} }\n");
	}
	refused("too-many", 32768, 1, "more than 32768 items [too-many]\n");

	start();
	add("pool p { access = [ a:ro\n");
	for (uint32_t i = 0; i < TOPOLOGY_VALUES_MAX; i++)
		add(",a:ro\n");
	add("] }\n");
	refused("too-many", 65537, 2, "more than 65536 values [too-many]\n");
}

static void errors_beyond_32_are_only_counted(void **state)
{
	(void)state;
	start();
	for (uint32_t i = 0; i < 40; i++)
		add("shard s%u { colour = red }\n", i);
	assert_int_not_equal(memory_plan(&memory, text), 0);
	assert_int_equal(memory.messages, TOPOLOGY_ERRORS_MAX);
	assert_int_equal(memory_topology.error_count, 40);
}

static int room(void **state)
{
	(void)state;
	text = malloc(TEXT_ROOM);
	return text == NULL;
}

static int room_free(void **state)
{
	(void)state;
	free(text);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_up_to_256),
		cmocka_unit_test(channels_up_to_1024),
		cmocka_unit_test(pools_up_to_256),
		cmocka_unit_test(devices_up_to_256),
		cmocka_unit_test(unbuilt_devices_are_listed_up_to_64_and_the_rest_counted),
		cmocka_unit_test(devices_of_a_shard_up_to_8),
		cmocka_unit_test(ports_of_a_shard_up_to_64),
		cmocka_unit_test(options_of_a_system_up_to_1024),
		cmocka_unit_test(rights_on_pools_up_to_4096),
		cmocka_unit_test(slots_from_2_to_2_24_and_8_bytes_to_4_kib),
		cmocka_unit_test(frames_from_256_bytes_to_1_mib_and_2_24_of_them),
		cmocka_unit_test(pools_of_a_channel_up_to_8),
		cmocka_unit_test(names_up_to_31_characters),
		cmocka_unit_test(texts_up_to_255_bytes),
		cmocka_unit_test(text_of_a_topology_up_to_1_mib),
		cmocka_unit_test(items_and_values_beyond_the_tables_are_refused),
		cmocka_unit_test(errors_beyond_32_are_only_counted),
	};

	return cmocka_run_group_tests(tests, room, room_free);
}
