/* SPDX-License-Identifier: Apache-2.0 */
/* Form: values, blocks, includes, places, and going on after an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "topology/parts.h"

static struct memory memory;

/* Reads one word as a value; returns the message that refuses it. */
static uint32_t value(const char *word, struct topology_value *ret)
{
	uint32_t skip;

	*ret = (struct topology_value){ .bytes = (uint32_t)strlen(word) };
	return value_read(word, (uint32_t)strlen(word), ret, &skip);
}

static void numbers_are_read_in_base_units(void **state)
{
	static const struct {
		const char *word;
		uint64_t number;
		uint16_t unit;
	} good[] = {
		{ "0", 0, UNIT_NONE },
		{ "18446744073709551615", UINT64_MAX, UNIT_NONE },
		{ "16B", 16, UNIT_BYTES },
		{ "2KiB", 2048, UNIT_BYTES },
		{ "1.5KiB", 1536, UNIT_BYTES },
		{ "0.0009765625KiB", 1, UNIT_BYTES },
		{ "3.0", 3, UNIT_NONE },
		{ "17179869183GiB", 17179869183ull << 30, UNIT_BYTES },
		{ "250ns", 250, UNIT_TIME },
		{ "1.5us", 1500, UNIT_TIME },
		{ "20ms", 20000000, UNIT_TIME },
		{ "0.000000001s", 1, UNIT_TIME },
		{ "14.88Mpps", 14880000, UNIT_RATE },
		{ "1kpps", 1000, UNIT_RATE },
		{ "7pps", 7, UNIT_RATE },
	};
	struct topology_value v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(value(good[i].word, &v), 0);
		assert_int_equal(v.kind, VALUE_NUMBER);
		assert_true(v.number == good[i].number);
		assert_int_equal(v.unit, good[i].unit);
	}
}

static void words_that_are_nearly_numbers_are_refused_by_name(void **state)
{
	static const struct {
		const char *word;
		uint32_t message;
	} bad[] = {
		{ "18446744073709551616", MESSAGE_NUMBER_TOO_LARGE },
		{ "17179869184GiB", MESSAGE_NUMBER_TOO_LARGE },
		{ "18446744073709551615.5KiB", MESSAGE_NUMBER_TOO_LARGE },
		{ "1.5", MESSAGE_NOT_WHOLE },
		{ "0.1KiB", MESSAGE_NOT_WHOLE },
		{ "0.0000000001s", MESSAGE_NOT_WHOLE },
		{ "1.", MESSAGE_BAD_VALUE },
		{ "1.KiB", MESSAGE_BAD_VALUE },
		{ "2-", MESSAGE_BAD_VALUE },
		{ "2-x", MESSAGE_BAD_VALUE },
		{ "2-3-4", MESSAGE_BAD_VALUE },
		{ "5-2", MESSAGE_RANGE_BACKWARDS },
		{ "5/10", MESSAGE_RATE_WITHOUT_TIME },
		{ "5/10KiB", MESSAGE_RATE_WITHOUT_TIME },
		{ "5/", MESSAGE_RATE_WITHOUT_TIME },
		{ "5/s", MESSAGE_RATE_WITHOUT_TIME },
		{ "5/10sec", MESSAGE_UNKNOWN_UNIT },
		{ "8mib", MESSAGE_UNKNOWN_UNIT },
		{ "1e6", MESSAGE_UNKNOWN_UNIT },
		{ "0x10", MESSAGE_UNKNOWN_UNIT },
		{ "/etc/x", MESSAGE_PATH_WITHOUT_QUOTES },
		{ "./x", MESSAGE_PATH_WITHOUT_QUOTES },
		{ "a/b", MESSAGE_PATH_WITHOUT_QUOTES },
		{ "p:", MESSAGE_UNKNOWN_RIGHT },
		{ "p:wo", MESSAGE_UNKNOWN_RIGHT },
		{ "p:rw:ro", MESSAGE_UNKNOWN_RIGHT },
	};
	struct topology_value v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t message = value(bad[i].word, &v);

		if (message != bad[i].message)
			print_error("%s\n", bad[i].word);
		assert_int_equal(message, bad[i].message);
	}
}

static void ranges_rights_rates_and_words_are_told_apart(void **state)
{
	struct topology_value v;

	(void)state;
	assert_int_equal(value("2-5", &v), 0);
	assert_int_equal(v.kind, VALUE_RANGE);
	assert_int_equal(v.number, 2);
	assert_int_equal(v.second, 5);
	assert_int_equal(value("packets:rw", &v), 0);
	assert_int_equal(v.kind, VALUE_RIGHT);
	assert_int_equal(v.bytes, 7);
	assert_int_equal(v.number, PLAN_RW);
	assert_int_equal(value("5/10s", &v), 0);
	assert_int_equal(v.kind, VALUE_RATE);
	assert_int_equal(v.number, 5);
	assert_true(v.second == 10000000000ull);
	assert_int_equal(value("edge-fw", &v), 0);
	assert_int_equal(v.kind, VALUE_WORD);
}

static void every_example_of_the_key_table_is_accepted_by_its_own_row(void **state)
{
	static const char *const frame[TOPOLOGY_KINDS] = {
		"%s\n",
		"require { %s }\n",
		"host { %s }\n",
		"defaults device { %s }\n",
		"defaults pool { %s }\n",
		"defaults shard { %s }\n",
		"defaults channel { %s }\n",
	};
	static const char *const inner = "defaults shard { restart { %s } }\n";
	char text[512];
	const struct key *key;

	(void)state;
	for (uint32_t kind = 0; kind < TOPOLOGY_KINDS; kind++) {
		for (uint32_t i = 0; (key = key_at(kind, KEY_TOP_LEVEL, i)) != NULL; i++) {
			snprintf(text, sizeof(text), frame[kind], key->example);
			assert_int_equal(memory_parse(&memory, text), 0);
		}
	}
	for (uint32_t i = 0; (key = key_at(TOPOLOGY_SHARD, KEY_SHARD_RESTART, i)) != NULL; i++) {
		snprintf(text, sizeof(text), inner, key->example);
		assert_int_equal(memory_parse(&memory, text), 0);
	}
}

static void separators_may_be_commas_line_ends_and_closing_braces(void **state)
{
	(void)state;
	assert_int_equal(
		memory_plan(
			&memory,
			"vanity=1,system=x,shard a{program=hello,restart{on=never}"
			"carry=reload}shard b{\r\n\tprogram = hello # why\r\n\r\n}, channel c { a.o->b.i }"),
		0);
	assert_int_equal(memory_result.shard_count, 2);
	assert_int_equal(memory_result.shard[0].restart_on, PLAN_ON_NEVER);
	assert_int_equal(memory_result.channel_count, 1);
	/* The neighbour: no separator at all. */
	assert_int_not_equal(memory_plan(&memory, "vanity = 1 system = x"), 0);
	assert_string_equal(memory.first_id, "unexpected");
	assert_int_equal(memory.first_column, 12);
}

static void a_list_may_span_lines_and_hold_comments(void **state)
{
	(void)state;
	assert_int_equal(
		memory_plan(
			&memory,
			"vanity = 1\nsystem = x\nshard a { program = hello }\nshard b { program = hello }\n"
			"pool p {\n\towner = a\n\tframes = 4\n\taccess = [ # who\n\t\tb:ro, # reads\n\n\t]\n}\n"
			"channel c {\n\ta.o -> b.i\n\tpools = [\n\t\tp\n\t]\n}\n"),
		0);
	assert_int_equal(memory_result.access_count, 2);
}

static void several_errors_are_shown_in_one_run(void **state)
{
	(void)state;
	assert_int_not_equal(memory_plan(&memory,
					 "vanity = 1\nsystem = x\n"
					 "shard a { program = hello, colour = red, memory = 8 }\n"
					 "shrad b { program = { } }\n"
					 "shard c { trust = }\n"
					 "pool p { frames = 1.5, owner = a }\n"),
			     0);
	assert_int_equal(memory.messages, 5);
	assert_non_null(strstr(memory.said, ":3:28: "));
	assert_non_null(strstr(memory.said, ":3:51: "));
	assert_non_null(strstr(memory.said, ":4:1: "));
	assert_non_null(strstr(memory.said, ":5:11: "));
	assert_non_null(strstr(memory.said, ":6:19: "));
}

static void a_fault_in_defaults_is_told_once(void **state)
{
	(void)state;
	assert_int_not_equal(
		memory_plan(&memory,
			    "vanity = 1\nsystem = x\ndefaults channel { pools = [ packets ] }\n"
			    "shard a { program = hello }\nshard b { program = hello }\n"
			    "channel c { a.o -> b.i }\nchannel d { a.p -> b.j }\n"),
		0);
	assert_int_equal(memory.messages, 1);
	assert_string_equal(memory.first_id, "unknown-name");
	assert_int_equal(memory.first_line, 3);
}

static void hostile_bytes_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_int_not_equal(memory_plan(&memory, "shard \"\033[31m\x9b\" { } \xc3\xa9\n"), 0);
	for (const char *s = memory.said; *s != '\0'; s++)
		assert_true(*s == '\n' || (*s >= 0x20 && *s < 0x7f));
}

static void texts_are_utf_8_without_control_characters(void **state)
{
	static const char *const good[] = { "r\xc3\xa8gles", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d" };
	static const char *const bad[] = {
		"r\xe8gles", /* Latin-1 */
		"\xc3", /* cut off */
		"\xc0\xaf", /* overlong slash */
		"\xe0\x80\xaf", /* the same, longer */
		"\xed\xa0\x80", /* a surrogate */
		"\xf4\x90\x80\x80", /* beyond U+10FFFF */
		"\xc2\x9b", /* CSI, a control character */
		"\x7f",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "shard a { config = \"%s\" }", good[i]);
		assert_int_equal(memory_parse(&memory, text), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "shard a { config = \"%s\" }", bad[i]);
		assert_int_equal(memory_parse(&memory, text), 1);
		assert_string_equal(memory.first_id, i < 6 ? "text-not-utf8" : "text-control");
	}
}

static void a_caret_stands_under_its_column_in_a_long_line(void **state)
{
	char text[1024];
	const char *line, *caret;

	(void)state;
	snprintf(text, sizeof(text), "vanity = 1, %400s colour = red, %400s\n", "", "");
	assert_int_not_equal(memory_plan(&memory, text), 0);
	assert_int_equal(memory.first_column, 414);
	line = strchr(memory.said, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	assert_true(strlen(line) < 400);
	assert_int_equal(strstr(line, "colour") - line, strchr(caret, '^') - caret);
}

static const char *const included[] = { "vanity = 1\nsystem = x\ninclude \"sub/b.conf\"\n",
					"shard b { program = hello, config = \"b.rules\" }\n"
					"shard c { prgram = hello }\n" };

static const char *read_two(void *context, const char *path, char *text, uint32_t room,
			    uint32_t *ret_bytes)
{
	const char *from = included[strcmp(path, "top/a.conf") != 0];

	(void)context;
	(void)room;
	if (from == included[1])
		assert_string_equal(path, "top/sub/b.conf");
	*ret_bytes = (uint32_t)strlen(from);
	memcpy(text, from, *ret_bytes);
	return NULL;
}

static void an_include_is_relative_to_its_file_and_blamed_by_its_own_name(void **state)
{
	struct topology_host host;

	(void)state;
	memory_init(&memory);
	host = memory.host;
	host.read = read_two;
	assert_int_equal(topology_parse(&memory_topology, "top/a.conf", &host), 1);
	assert_memory_equal(memory.said, "top/sub/b.conf:2:11: error: ", 28);
}

static void near_words_are_suggested_and_far_ones_are_not(void **state)
{
	static const struct {
		const char *word, *best;
	} cases[] = {
		{ "prgram", "program" },  { "progarm", "program" }, { "memroy", "memory" },
		{ "core", "cores" },      { "colour", NULL },       { "x", NULL },
		{ "restrat", "restart" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct near near;

		near_init(&near, cases[i].word, (uint32_t)strlen(cases[i].word));
		near_offer_all(&near, "program|cores|memory|restart|trust");
		if (cases[i].best == NULL) {
			assert_int_equal(near.best_bytes, 0);
			continue;
		}
		assert_int_equal(near.best_bytes, strlen(cases[i].best));
		assert_memory_equal(near.best, cases[i].best, near.best_bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_in_base_units),
		cmocka_unit_test(words_that_are_nearly_numbers_are_refused_by_name),
		cmocka_unit_test(ranges_rights_rates_and_words_are_told_apart),
		cmocka_unit_test(every_example_of_the_key_table_is_accepted_by_its_own_row),
		cmocka_unit_test(separators_may_be_commas_line_ends_and_closing_braces),
		cmocka_unit_test(a_list_may_span_lines_and_hold_comments),
		cmocka_unit_test(several_errors_are_shown_in_one_run),
		cmocka_unit_test(a_fault_in_defaults_is_told_once),
		cmocka_unit_test(hostile_bytes_do_not_reach_the_terminal),
		cmocka_unit_test(texts_are_utf_8_without_control_characters),
		cmocka_unit_test(a_caret_stands_under_its_column_in_a_long_line),
		cmocka_unit_test(an_include_is_relative_to_its_file_and_blamed_by_its_own_name),
		cmocka_unit_test(near_words_are_suggested_and_far_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
