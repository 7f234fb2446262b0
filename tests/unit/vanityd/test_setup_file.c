/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the kernel, written with the journal and written back: on copies in a folder. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "setup_private.h"

struct rig {
	char folder[32], run[48], journal[64], file[48];
	int fd;
	char why[256];
};

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void says(const char *path, const char *text)
{
	char have[256] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	have[fread(have, 1, sizeof(have) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(have, text);
}

static int rig_make(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	snprintf(r->folder, sizeof(r->folder), "/tmp/vanity-file-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	snprintf(r->run, sizeof(r->run), "%s/run", r->folder);
	snprintf(r->journal, sizeof(r->journal), "%s/journal", r->run);
	snprintf(r->file, sizeof(r->file), "%s/file", r->folder);
	assert_int_equal(mkdir(r->run, 0700), 0);
	put(r->journal, SETUP_JOURNAL_HEAD);
	put(r->file, "0-3\n");
	r->fd = open(r->journal, O_WRONLY | O_APPEND | O_CLOEXEC);
	*state = r;
	return 0;
}

static int rig_drop(void **state)
{
	struct rig *r = *state;

	close(r->fd);
	unlink(r->file);
	unlink(r->journal);
	rmdir(r->run);
	assert_int_equal(rmdir(r->folder), 0);
	free(r);
	return 0;
}

static int change(struct rig *r, const char *text)
{
	return setup_file_change(r->fd, "", r->file, text, r->why, sizeof(r->why));
}

static int undo(struct rig *r)
{
	return setup_undo(r->run, r->why, sizeof(r->why));
}

static void undo_writes_the_first_words_back_and_removes_the_journal(void **state)
{
	struct rig *r = *state;

	assert_int_equal(change(r, "0"), 0);
	assert_int_equal(change(r, "1-2"), 0);
	says(r->file, "1-2");
	assert_int_equal(undo(r), 0);
	says(r->file, "0-3\n");
	assert_int_equal(access(r->run, F_OK), -1);
	assert_int_equal(undo(r), 0);
}

static void what_is_so_already_is_not_journalled(void **state)
{
	struct rig *r = *state;

	assert_int_equal(change(r, "0-3"), 1);
	says(r->journal, SETUP_JOURNAL_HEAD);
	says(r->file, "0-3\n");
}

static void any_byte_survives_the_journal(void **state)
{
	struct rig *r = *state;

	put(r->file, "%0A a\tb \x7f\xff\n\n");
	assert_int_equal(change(r, "x"), 0);
	assert_int_equal(undo(r), 0);
	says(r->file, "%0A a\tb \x7f\xff\n\n");
}

static void an_empty_file_is_empty_again(void **state)
{
	struct rig *r = *state;

	put(r->file, "");
	assert_int_equal(change(r, "x"), 0);
	assert_int_equal(undo(r), 0);
	says(r->file, "");
}

static void a_torn_line_says_nothing_whatever_follows_it(void **state)
{
	struct rig *r = *state;
	char torn[128];

	snprintf(torn, sizeof(torn), SETUP_JOURNAL_HEAD "\nfile %s =0-", r->file);
	put(r->journal, torn);
	assert_int_equal(change(r, "1"), 0);
	assert_int_equal(undo(r), 0);
	says(r->file, "0-3\n");
}

static void a_file_that_is_gone_is_not_missed(void **state)
{
	struct rig *r = *state;

	assert_int_equal(change(r, "1"), 0);
	unlink(r->file);
	assert_int_equal(undo(r), 0);
	assert_int_equal(access(r->file, F_OK), -1);
}

static void a_file_that_cannot_be_written_back_keeps_the_journal(void **state)
{
	struct rig *r = *state;

	assert_int_equal(change(r, "1"), 0);
	unlink(r->file);
	assert_int_equal(symlink("/dev/null", r->file), 0);
	assert_int_equal(undo(r), 1);
	assert_non_null(strstr(r->why, r->file));
	assert_int_equal(access(r->journal, F_OK), 0);
}

static void what_is_not_there_cannot_be_changed(void **state)
{
	struct rig *r = *state;

	unlink(r->file);
	assert_true(change(r, "1") < 0);
	says(r->journal, SETUP_JOURNAL_HEAD);
}

static void a_text_too_long_to_be_put_back_is_left_alone(void **state)
{
	struct rig *r = *state;
	char text[SETUP_FILE_BYTES + 1];

	memset(text, 'x', SETUP_FILE_BYTES);
	text[SETUP_FILE_BYTES] = '\0';
	put(r->file, text);
	assert_true(change(r, "1") < 0);
	says(r->journal, SETUP_JOURNAL_HEAD);
	text[SETUP_FILE_BYTES - 1] = '\0';
	put(r->file, text);
	assert_int_equal(change(r, "1"), 0);
}

static void of_another_boot_nothing_is_put_back(void **state)
{
	struct rig *r = *state;
	char text[512], boot[SETUP_BOOT_BYTES];

	/* Without it, as before there were such lines, it is of this one. */
	for (int of_this = 2; of_this >= 0; of_this--) {
		put(r->file, "1");
		(void)mkdir(r->run, 0700);
		assert_int_equal(setup_boot_line(boot, sizeof(boot)), 0);
		if (of_this == 0)
			boot[strlen("boot ")] ^= 1;
		snprintf(text, sizeof(text), "%s%s\nfile %s =0-3%%0A .\n", SETUP_JOURNAL_HEAD,
			 of_this == 2 ? "" : boot, r->file);
		put(r->journal, text);
		assert_int_equal(undo(r), 0);
		says(r->file, of_this > 0 ? "0-3\n" : "1");
		assert_int_equal(access(r->run, F_OK), -1);
	}
}

static void lines_that_are_none_are_passed_over(void **state)
{
	static const char *const lines[] = { "file ",          "file /x",
					     "file /x =",      "file /x =%4",
					     "file /x =%zz .", "file  = .",
					     "files /x =1 .",  "" };
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(setup_file_undo("", lines[i], r->why, sizeof(r->why)), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_drop)
	const struct CMUnitTest tests[] = {
		T(undo_writes_the_first_words_back_and_removes_the_journal),
		T(what_is_so_already_is_not_journalled),
		T(any_byte_survives_the_journal),
		T(an_empty_file_is_empty_again),
		T(a_torn_line_says_nothing_whatever_follows_it),
		T(a_file_that_is_gone_is_not_missed),
		T(a_file_that_cannot_be_written_back_keeps_the_journal),
		T(what_is_not_there_cannot_be_changed),
		T(a_text_too_long_to_be_put_back_is_left_alone),
		T(of_another_boot_nothing_is_put_back),
		T(lines_that_are_none_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
