/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file in tests/topologies/bad has one defect, and beside it stands exactly what is said
 * about it. TOPOLOGIES is the folder above. With VANITY_BLESS=1 in the environment the files
 * beside are written anew: read the difference before it is committed.
 */
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

static int is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static void read_beside(const char *conf, char *text, size_t room)
{
	char path[1024];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/bad/%.*s.out", TOPOLOGIES, (int)strlen(conf) - 5, conf);
	if (getenv("VANITY_BLESS") != NULL) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(memory.said, f);
		fclose(f);
	}
	f = fopen(path, "r");
	if (f != NULL) {
		n = fread(text, 1, room - 1, f);
		fclose(f);
	}
	text[n] = '\0';
}

static void each_bad_file_is_refused_in_the_words_beside_it(void **state)
{
	static char expected[65536];
	struct dirent **list;
	int count = scandir(TOPOLOGIES "/bad", &list, is_conf, alphasort);
	int wrong = 0;

	(void)state;
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		int ret = memory_plan_file(&memory, TOPOLOGIES "/bad", list[i]->d_name);

		read_beside(list[i]->d_name, expected, sizeof(expected));
		if (ret == 0 || memory.messages != 1 || strcmp(expected, memory.said) != 0) {
			print_error("%s: %u messages, one is wanted\nexpected:\n%sfound:\n%s",
				    list[i]->d_name, memory.messages, expected, memory.said);
			wrong++;
		}
		free(list[i]);
	}
	free(list);
	assert_int_equal(wrong, 0);
}

static void each_good_file_becomes_a_plan(void **state)
{
	struct dirent **list;
	int count = scandir(TOPOLOGIES "/good", &list, is_conf, alphasort);
	int wrong = 0;

	(void)state;
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		if (memory_plan_file(&memory, TOPOLOGIES "/good", list[i]->d_name) != 0) {
			print_error("%s is refused:\n%s", list[i]->d_name, memory.said);
			wrong++;
		}
		free(list[i]);
	}
	free(list);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bad_file_is_refused_in_the_words_beside_it),
		cmocka_unit_test(each_good_file_becomes_a_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
