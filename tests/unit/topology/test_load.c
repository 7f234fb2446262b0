/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd/load.c: which files are read, and which are refused where root acts on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exit.h"
#include "load.h"

static const struct plan_host machine = { .page_bytes = 4096 };
static struct plan plan;
static struct load_errors errors;
static char folder[128];

static const char *in_folder(const char *name)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_folder(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(in_folder(name), mode), 0);
}

static int load(const char *path, unsigned int flags)
{
	load_errors_free(&errors);
	return load_plan_errors(path, &machine, flags | LOAD_QUIET, &plan, &errors);
}

static void loads(const char *name, unsigned int flags)
{
	int ret = load(in_folder(name), flags);

	if (ret != EXIT_OK && errors.count > 0)
		print_error("%s", errors.error[0].text);
	assert_int_equal(ret, EXIT_OK);
}

static void refuses(const char *name, unsigned int flags, const char *words)
{
	assert_int_equal(load(in_folder(name), flags), EXIT_TOPOLOGY);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.error[0].id, "unreadable");
	if (strstr(errors.error[0].words, words) == NULL)
		print_error("%s", errors.error[0].text);
	assert_non_null(strstr(errors.error[0].words, words));
}

#define TOP "vanity = 1\nsystem = x\n"

static void a_file_becomes_a_plan_with_the_digest_of_all_its_text(void **state)
{
	/* SHA-256 of "abc" and of the empty text: FIPS 180-4's examples. */
	static const uint8_t abc[4] = { 0xba, 0x78, 0x16, 0xbf },
			     none[4] = { 0xe3, 0xb0, 0xc4, 0x42 };
	uint8_t digest[32], whole[32];
	char text[512];

	(void)state;
	load_digest("abc", 3, digest);
	assert_memory_equal(digest, abc, 4);
	load_digest("", 0, digest);
	assert_memory_equal(digest, none, 4);

	put("part.conf", "shard a { program = hello, config = \"a.rules\" }\n", 0644);
	put("whole.conf", TOP "include \"part.conf\"\n", 0644);
	loads("whole.conf", 0);
	assert_string_equal(plan.shard[0].config, in_folder("a.rules"));
	snprintf(text, sizeof(text), "%s%s", TOP "include \"part.conf\"\n",
		 "shard a { program = hello, config = \"a.rules\" }\n");
	load_digest(text, strlen(text), whole);
	assert_memory_equal(plan.digest, whole, 32);
}

/* 55, 56, 64 and 119 bytes are where the padding takes another block. */
static void a_digest_does_not_depend_on_how_its_bytes_were_cut(void **state)
{
	uint8_t first[32], second[32];
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = 50; n < 130; n++) {
		load_digest(text, n, first);
		load_digest(text, n + 1, second);
		assert_memory_not_equal(first, second, 32);
	}
}

static void what_cannot_be_read_is_said_with_its_reason(void **state)
{
	(void)state;
	refuses("missing.conf", 0, "No such file");
	refuses("", 0, "it is a folder");
	put("includes.conf", TOP "include \"missing.conf\"\n", 0644);
	refuses("includes.conf", 0, "No such file");
	assert_int_equal(errors.error[0].line, 3);
	/* fmt looks at one file only. */
	put("fragment.conf", "include \"missing.conf\"\n", 0644);
	assert_int_equal(load(in_folder("fragment.conf"), LOAD_NO_INCLUDES), EXIT_TOPOLOGY);
	assert_string_equal(errors.error[0].id, "missing-version");
}

static void errors_are_kept_for_the_caller(void **state)
{
	(void)state;
	put("two.conf", TOP "shard a { program = hello, colour = red }\nshrd b { }\n", 0644);
	assert_int_equal(load(in_folder("two.conf"), 0), EXIT_TOPOLOGY);
	assert_int_equal(errors.count, 2);
	assert_string_equal(errors.error[0].id, "unknown-key");
	assert_int_equal(errors.error[1].line, 4);
	assert_string_equal(errors.error[1].help, "did you mean `shard`?");
}

/* Emulators of user space (QEMU 7.2 runs the aarch64 build's tests) know no openat2: what root
 * reads cannot be opened there at all. */
static void needs_openat2(void)
{
	struct open_how how = { .flags = O_PATH };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS) {
		print_message("SKIP: this kernel, or its emulator, has no openat2\n");
		skip();
	}
	close(fd);
}

static void what_is_not_roots_is_refused_where_root_acts_on_it(void **state)
{
	(void)state;
	needs_openat2();
	put("own.conf", TOP, 0644);
	if (geteuid() == 0)
		assert_int_equal(chown(in_folder("own.conf"), 1, 1), 0);
	refuses("own.conf", LOAD_ROOT_ONLY, "it is not root's");
	loads("own.conf", 0);
}

static void root_reads_only_what_nobody_else_can_write_and_through_no_link(void **state)
{
	(void)state;
	needs_openat2();
	if (geteuid() != 0) {
		print_message("SKIP: nothing that this test makes would belong to root\n");
		skip();
	}
	put("good.conf", TOP "include \"sub/part.conf\"\n", 0644);
	assert_int_equal(mkdir(in_folder("sub"), 0755), 0);
	put("sub/part.conf", "shard a { program = hello }\n", 0644);
	loads("good.conf", LOAD_ROOT_ONLY);

	put("wide.conf", TOP, 0666);
	refuses("wide.conf", LOAD_ROOT_ONLY, "others than root may write it");
	assert_int_equal(symlink("good.conf", in_folder("link.conf")), 0);
	refuses("link.conf", LOAD_ROOT_ONLY, "a symbolic link");
	loads("link.conf", 0);
	put("up.conf", TOP "include \"../outside.conf\"\n", 0644);
	refuses("up.conf", LOAD_ROOT_ONLY, "not beneath");
	put("absolute.conf", TOP "include \"/etc/passwd\"\n", 0644);
	refuses("absolute.conf", LOAD_ROOT_ONLY, "not beneath");
	put("through.conf", TOP "include \"linked/part.conf\"\n", 0644);
	assert_int_equal(symlink("sub", in_folder("linked")), 0);
	refuses("through.conf", LOAD_ROOT_ONLY, "a symbolic link");
	/* A pipe would make root wait for whoever holds its other end. */
	assert_int_equal(mkfifo(in_folder("pipe.conf"), 0644), 0);
	refuses("pipe.conf", LOAD_ROOT_ONLY, "no regular file");
}

static int folder_make(void **state)
{
	const char *base = getenv("TMPDIR");
	char *real = realpath(base == NULL ? "/tmp" : base, NULL);

	(void)state;
	if (real == NULL)
		return 1;
	snprintf(folder, sizeof(folder), "%s/vanity-load-XXXXXX", real);
	free(real);
	return mkdtemp(folder) == NULL;
}

static int folder_remove(void **state)
{
	static const char *const names[] = {
		"part.conf", "whole.conf",    "includes.conf", "fragment.conf", "two.conf",
		"own.conf",  "good.conf",     "sub/part.conf", "wide.conf",     "link.conf",
		"up.conf",   "absolute.conf", "through.conf",  "linked",        "pipe.conf",
	};

	(void)state;
	load_errors_free(&errors);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	rmdir(in_folder("sub"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_becomes_a_plan_with_the_digest_of_all_its_text),
		cmocka_unit_test(a_digest_does_not_depend_on_how_its_bytes_were_cut),
		cmocka_unit_test(what_cannot_be_read_is_said_with_its_reason),
		cmocka_unit_test(errors_are_kept_for_the_caller),
		cmocka_unit_test(what_is_not_roots_is_refused_where_root_acts_on_it),
		cmocka_unit_test(root_reads_only_what_nobody_else_can_write_and_through_no_link),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
