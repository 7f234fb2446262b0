/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form: what it is, that it is stable, and that it means the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static struct memory memory;
static char form[65536], form_again[65536];
static struct plan before;

struct sink {
	char *text;
	size_t count;
};

static void write_form(void *context, const char *text, uint32_t bytes)
{
	struct sink *sink = context;

	assert_true(sink->count + bytes < sizeof(form));
	memcpy(sink->text + sink->count, text, bytes);
	sink->count += bytes;
	sink->text[sink->count] = '\0';
}

static void format(char *ret_form)
{
	struct sink sink = { ret_form, 0 };

	ret_form[0] = '\0';
	topology_format(&memory_topology, write_form, &sink);
}

static void formats(const char *text, const char *expected)
{
	assert_int_equal(memory_parse(&memory, text), 0);
	format(form);
	assert_string_equal(form, expected);
	assert_int_equal(memory_parse(&memory, form), 0);
	format(form_again);
	assert_string_equal(form_again, form);
}

static void one_item_stands_on_a_line_and_blanks_are_single(void **state)
{
	(void)state;
	formats("vanity   =1,system=  x\r\n\r\n\r\n\r\nhost{housekeeping=0-1}",
		"vanity = 1\nsystem = x\n\nhost { housekeeping = 0-1 }\n");
	formats("", "");
	formats("\n\n\n", "");
	formats(" , ,\n", "");
	formats("# only this", "# only this\n");
}

static void a_block_on_one_line_stays_on_one_line_while_it_fits(void **state)
{
	(void)state;
	formats("shard a{program=hello,restart{on=never}carry=keep}",
		"shard a { program = hello, restart { on = never }, carry = keep }\n");
	formats("shard a { }", "shard a { }\n");
	formats("channel c{a.o->b.i,pools=[],lend=3}",
		"channel c { a.o -> b.i, pools = [], lend = 3 }\n");
	/* 100 columns fit, 101 do not. */
	formats("shard a { config = \"0123456789012345678901234567890123456789012345678901234567890123"
		"4567890123456\" }",
		"shard a { config = \"0123456789012345678901234567890123456789012345678901234567890123"
		"4567890123456\" }\n");
	formats("shard a { config = \"0123456789012345678901234567890123456789012345678901234567890123"
		"45678901234567\" }",
		"shard a {\n\tconfig = \"0123456789012345678901234567890123456789012345678901234567890123"
		"45678901234567\"\n}\n");
}

static void a_block_over_several_lines_has_one_item_a_line(void **state)
{
	(void)state;
	formats("shard a { program = hello\n  trust = x, memory = 8MiB\n\n\n cores = 2 }",
		"shard a {\n\tprogram = hello\n\ttrust = x\n\tmemory = 8MiB\n\n\tcores = 2\n}\n");
	formats("pool p { access = [ a:ro\n b:rw, c:ro ] }",
		"pool p {\n\taccess = [\n\t\ta:ro,\n\t\tb:rw,\n\t\tc:ro,\n\t]\n}\n");
}

static void every_comment_stays_where_it_was(void **state)
{
	(void)state;
	formats("# first\n\n  # second\nvanity = 1# behind\n"
		"shard a { # of the brace\n# own line\nprogram = hello, # of the item  \n\n# last\n} # end\n",
		"# first\n\n# second\nvanity = 1 # behind\n"
		"shard a { # of the brace\n\t# own line\n\tprogram = hello # of the item\n\n\t# last\n"
		"} # end\n");
	formats("pool p { access = [ # who\n a:ro, # reads\n # nobody else\n ] # so\n}",
		"pool p {\n\taccess = [ # who\n\t\ta:ro, # reads\n\t\t# nobody else\n\t] # so\n}\n");
	formats("shard a { option { t = \"a # b\" } }", "shard a { option { t = \"a # b\" } }\n");
}

static int is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static void forget_lines(struct plan *p)
{
	for (uint32_t i = 0; i < p->shard_count; i++)
		p->shard[i].line = 0;
	for (uint32_t i = 0; i < p->channel_count; i++)
		p->channel[i].line = 0;
	for (uint32_t i = 0; i < p->pool_count; i++)
		p->pool[i].line = 0;
	for (uint32_t i = 0; i < p->device_count; i++)
		p->device[i].line = 0;
	for (uint32_t i = 0; i < p->unbuilt_count; i++)
		p->unbuilt[i].line = p->unbuilt[i].column = 0;
}

/* The formatted root file, with its includes where they were. */
static const char *read_form(void *context, const char *path, char *text, uint32_t room,
			     uint32_t *ret_bytes)
{
	if (strchr(path, '/') != NULL)
		return memory.host.read(context, path, text, room, ret_bytes);
	*ret_bytes = (uint32_t)strlen(form);
	memcpy(text, form, *ret_bytes);
	return NULL;
}

static void each_good_topology_means_the_same_when_formatted(void **state)
{
	struct dirent **list;
	int count = scandir(TOPOLOGIES "/good", &list, is_conf, alphasort);

	(void)state;
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		struct topology_host host;

		assert_int_equal(memory_plan_file(&memory, TOPOLOGIES "/good", list[i]->d_name), 0);
		before = memory_result;
		format(form);
		host = memory.host;
		host.read = read_form;
		assert_int_equal(topology_parse(&memory_topology, list[i]->d_name, &host), 0);
		assert_int_equal(plan_make(&memory_topology, &memory_machine, &memory_result), 0);
		format(form_again);
		assert_string_equal(form_again, form);
		forget_lines(&before);
		forget_lines(&memory_result);
		assert_memory_equal(&before, &memory_result, sizeof(before));
		free(list[i]);
	}
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_item_stands_on_a_line_and_blanks_are_single),
		cmocka_unit_test(a_block_on_one_line_stays_on_one_line_while_it_fits),
		cmocka_unit_test(a_block_over_several_lines_has_one_item_a_line),
		cmocka_unit_test(every_comment_stays_where_it_was),
		cmocka_unit_test(each_good_topology_means_the_same_when_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
