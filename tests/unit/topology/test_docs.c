/* SPDX-License-Identifier: Apache-2.0 */
/* docs/topology.md and the manual page say every key with its choices, in the section of its block;
 * and their examples are valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "topology/parts.h"

static struct memory memory;
static char page[65536], manual[65536];

static int text_read(const char *path, char *to, size_t room)
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return 1;
	n = fread(to, 1, room - 1, f);
	to[n] = '\0';
	fclose(f);
	return 0;
}

static int page_read(void **state)
{
	(void)state;
	return text_read(TOPOLOGIES "/../../docs/topology.md", page, sizeof(page)) +
	       text_read(TOPOLOGIES "/../../docs/man/topology.conf.5", manual, sizeof(manual));
}

/* Is the word there, in backquotes, before the next section? */
static int said(const char *section, const char *word, size_t bytes)
{
	const char *end = strstr(section + 3, "\n## "), *next = strstr(section + 3, "\n### ");
	char quoted[128];
	const char *at;

	if (next != NULL && (end == NULL || next < end))
		end = next;
	snprintf(quoted, sizeof(quoted), "`%.*s", (int)bytes, word);
	for (at = strstr(section, quoted); at != NULL; at = strstr(at + 1, quoted)) {
		char behind = at[bytes + 1];

		if ((end == NULL || at < end) && (behind == '`' || behind == ' '))
			return 1;
	}
	return 0;
}

static void key_is_said(const char *section, const struct key *key)
{
	if (!said(section, key->name, strlen(key->name)))
		fail_msg("docs/topology.md lacks `%s` of %s", key->name, kind_name(key->kind));
	for (const char *c = key->choices; c != NULL && *c != '\0';) {
		size_t n = strcspn(c, "|");

		if (!said(section, c, n))
			fail_msg("docs/topology.md lacks `%.*s` of `%s`", (int)n, c, key->name);
		c += n + (c[n] == '|');
	}
}

static void every_key_and_choice_is_on_the_page(void **state)
{
	static const char *const sections[TOPOLOGY_KINDS] = {
		"### top",  "### require", "### host",    "### device",
		"### pool", "### shard",   "### channel",
	};
	const struct key *key;

	(void)state;
	for (uint32_t kind = 0; kind < TOPOLOGY_KINDS; kind++) {
		const char *section = strstr(page, sections[kind]);

		assert_non_null(section);
		for (uint32_t i = 0; (key = key_at(kind, KEY_TOP_LEVEL, i)) != NULL; i++)
			key_is_said(section, key);
		for (uint32_t i = 0; (key = key_at(kind, KEY_SHARD_RESTART, i)) != NULL; i++)
			key_is_said(section, key);
	}
}

/* Set in bold, as a word of its own, before the next section? */
static int manual_says(const char *section, const char *word, size_t bytes)
{
	const char *end = strstr(section + 4, "\n.SH ");

	for (const char *line = section; line != NULL && (end == NULL || line < end);
	     line = strchr(line + 1, '\n')) {
		if (strncmp(line, "\n.B", 3) != 0)
			continue;
		for (const char *at = line + 3; *at != '\n' && *at != '\0'; at++) {
			int starts = at[-1] == ' ' || at[-1] == '"';
			char behind = at[bytes];

			if (starts && strncmp(at, word, bytes) == 0 &&
			    (behind == ' ' || behind == '\n' || behind == '"'))
				return 1;
		}
	}
	return 0;
}

static void manual_says_key(const char *section, const struct key *key)
{
	if (!manual_says(section, key->name, strlen(key->name)))
		fail_msg("topology.conf.5 lacks %s of %s", key->name, kind_name(key->kind));
	for (const char *c = key->choices; c != NULL && *c != '\0';) {
		size_t n = strcspn(c, "|");

		if (!manual_says(section, c, n))
			fail_msg("topology.conf.5 lacks %.*s of %s", (int)n, c, key->name);
		c += n + (c[n] == '|');
	}
}

static void every_key_and_choice_is_in_the_manual(void **state)
{
	static const char *const sections[TOPOLOGY_KINDS] = {
		"\n.SH TOP\n",  "\n.SH REQUIRE\n", "\n.SH HOST\n",    "\n.SH DEVICE\n",
		"\n.SH POOL\n", "\n.SH SHARD\n",   "\n.SH CHANNEL\n",
	};
	const struct key *key;

	(void)state;
	for (uint32_t kind = 0; kind < TOPOLOGY_KINDS; kind++) {
		const char *section = strstr(manual, sections[kind]);

		assert_non_null(section);
		for (uint32_t i = 0; (key = key_at(kind, KEY_TOP_LEVEL, i)) != NULL; i++)
			manual_says_key(section, key);
		for (uint32_t i = 0; (key = key_at(kind, KEY_SHARD_RESTART, i)) != NULL; i++)
			manual_says_key(section, key);
	}
}

static void the_example_of_the_manual_is_valid(void **state)
{
	char *from = strstr(manual, "\n.EX\n"), *to;

	(void)state;
	assert_non_null(from);
	to = strstr(from, "\n.EE\n");
	assert_non_null(to);
	to[1] = '\0';
	assert_int_equal(memory_plan(&memory, from + 5), 0);
	assert_int_equal(memory_result.device_count, 2);
	to[1] = '.';
}

static void the_example_of_the_page_is_valid(void **state)
{
	char *from = strstr(page, "```\n"), *to;

	(void)state;
	assert_non_null(from);
	to = strstr(from + 4, "```\n");
	assert_non_null(to);
	*to = '\0';
	assert_int_equal(memory_plan(&memory, from + 4), 0);
	assert_int_equal(memory_result.channel_count, 2);
	*to = '`';
}

/* The examples of single blocks, one a section, are right in form. */
static void every_example_of_a_block_parses(void **state)
{
	uint32_t count = 0;

	(void)state;
	for (char *from = strstr(page, "\nExample: `"); from != NULL;
	     from = strstr(from, "\nExample: `")) {
		char *to;

		from += strlen("\nExample: `");
		to = strchr(from, '`');
		assert_non_null(to);
		*to = '\0';
		if (memory_parse(&memory, from) != 0)
			print_error("%s", memory.said);
		assert_int_equal(memory.messages, 0);
		*to = '`';
		count++;
	}
	assert_int_equal(count, TOPOLOGY_KINDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_and_choice_is_on_the_page),
		cmocka_unit_test(every_key_and_choice_is_in_the_manual),
		cmocka_unit_test(the_example_of_the_manual_is_valid),
		cmocka_unit_test(the_example_of_the_page_is_valid),
		cmocka_unit_test(every_example_of_a_block_parses),
	};

	return cmocka_run_group_tests(tests, page_read, NULL);
}
