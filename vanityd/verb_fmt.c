/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd fmt: the canonical form of one topology file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "load.h"
#include "verb.h"

static const char help[] =
	"usage: vanityd fmt [--check | --in-place] FILE\n"
	"\n"
	"Prints FILE (- is standard input) in its canonical form; comments are kept.\n"
	"Included files are not read; format each by its own name.\n"
	"\n"
	"  --check      print nothing; exit 1 when FILE is not in canonical form\n"
	"  --in-place   replace FILE by its canonical form\n"
	"  --help       this text\n"
	"\n"
	"Exit codes: 0 done, 1 not canonical or not written, 2 usage, 3 FILE does not parse.\n";

struct text {
	char *bytes;
	size_t count, room;
	bool failed;
};

static void text_add(void *context, const char *s, uint32_t n)
{
	struct text *text = context;

	if (text->count + n > text->room) {
		size_t room = (text->count + n) * 2;
		char *bytes = realloc(text->bytes, room);

		if (bytes == NULL) {
			text->failed = true;
			return;
		}
		text->bytes = bytes;
		text->room = room;
	}
	memcpy(text->bytes + text->count, s, n);
	text->count += n;
}

static bool write_all(int fd, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		count -= (size_t)n;
	}
	return true;
}

/* Writes beside the file and renames: a reader sees the old text or the new one. */
static int replace(const char *path, const struct text *text)
{
	char beside[4096];
	struct stat st;
	int fd, saved;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside)) {
		fprintf(stderr, "vanityd fmt: %s: the name is too long\n", path);
		return EXIT_FAILED;
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "vanityd fmt: %s: %s\n", beside, strerror(errno));
		return EXIT_FAILED;
	}
	if (stat(path, &st) != 0 || fchmod(fd, st.st_mode & 07777) != 0 ||
	    !write_all(fd, text->bytes, text->count) || fsync(fd) != 0 ||
	    rename(beside, path) != 0) {
		saved = errno;
		unlink(beside);
		close(fd);
		fprintf(stderr, "vanityd fmt: %s: %s\n", path, strerror(saved));
		return EXIT_FAILED;
	}
	close(fd);
	return EXIT_OK;
}

static bool unchanged(const struct topology *t, const struct text *text)
{
	return t->file[0].bytes == text->count &&
	       (text->count == 0 || memcmp(t->text + t->file[0].at, text->bytes, text->count) == 0);
}

static int act(const char *path, const struct topology *t, const struct text *text, bool check,
	       bool in_place)
{
	if (check) {
		if (unchanged(t, text))
			return EXIT_OK;
		fprintf(stderr, "%s: not in canonical form; vanityd fmt --in-place %s\n", path,
			path);
		return EXIT_FAILED;
	}
	if (in_place)
		return unchanged(t, text) ? EXIT_OK : replace(path, text);
	return fwrite(text->bytes, 1, text->count, stdout) == text->count ? EXIT_OK : EXIT_FAILED;
}

int verb_fmt(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "in-place", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool check = false, in_place = false;
	struct topology *t;
	struct text text = { .bytes = NULL };
	int c, ret;

	optind = 0; /* glibc: start over, permute anew */
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(help, stdout) < 0 ? EXIT_FAILED : EXIT_OK;
		if (c == '?')
			return EXIT_USAGE;
		check = check || c == 'c';
		in_place = in_place || c == 'i';
	}
	if (argc - optind != 1 || (check && in_place) ||
	    (in_place && strcmp(argv[optind], "-") == 0)) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	ret = load_topology(argv[optind], LOAD_NO_INCLUDES, &t);
	if (ret != EXIT_OK)
		return ret;
	topology_format(t, text_add, &text);
	if (text.failed) {
		fprintf(stderr, "vanityd fmt: out of memory\n");
		ret = EXIT_FAILED;
	} else {
		ret = act(argv[optind], t, &text, check, in_place);
	}
	free(text.bytes);
	load_topology_free(t);
	return ret;
}
