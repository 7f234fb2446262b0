/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_journal.c: what was changed in the machine, written down before it is changed.
 *
 *      vanity-journal 1
 *      hugepages NODE KIB BEFORE WANTED     about to raise nr_hugepages
 *      hugepages-got NODE KIB COUNT         raised by so many; replaces the line above
 *
 * Lines are replayed from the last to the first. A torn last line was never acted on. The runtime
 * folder goes last, and the journal last of it, so that an undo that is killed is done again.
 */
#include "setup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_BYTES_MAX 65536u
#define LINES_MAX 256u

int setup_journal_write(struct setup *s, const char *line)
{
	ssize_t bytes = (ssize_t)strlen(line), n = write(s->journal_fd, line, (size_t)bytes);

	if (n != bytes || fdatasync(s->journal_fd) != 0)
		return setup_fail(s, 4, "free some room there", "%s/%s: %s", s->result->run,
				  SETUP_JOURNAL, n < 0 || n == bytes ? strerror(errno) : "no room");
	return 0;
}

/*
 * Reads and replays.
 * Return: 0 or 1 as setup_undo(), and whether the folder is one of ours: what else lies in it was
 * made after the journal's first line. Without that line there is at most a torn journal in it.
 */
static int replay(int folder, int *ret_ours, char *ret_why, size_t room)
{
	static char text[JOURNAL_BYTES_MAX + 1];
	const size_t head = strlen(SETUP_JOURNAL_HEAD);
	char *line[LINES_MAX], *end;
	uint32_t count = 0;
	ssize_t n;
	int fd = openat(folder, SETUP_JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), error = 0;

	*ret_ours = 0;
	if (fd < 0)
		return 0;
	n = read(fd, text, JOURNAL_BYTES_MAX);
	if (n < 0)
		snprintf(ret_why, room, "%s: %s", SETUP_JOURNAL, strerror(errno));
	close(fd);
	if (n < 0)
		return 1;
	text[n] = '\0';
	*ret_ours = strncmp(text, SETUP_JOURNAL_HEAD, head) == 0;
	/* Killed while it wrote that line, and so before it did anything else. */
	if (strlen(text) < head && strncmp(text, SETUP_JOURNAL_HEAD, strlen(text)) == 0)
		unlinkat(folder, SETUP_JOURNAL, 0);
	if (!*ret_ours)
		return 0;
	for (char *at = text; (end = strchr(at, '\n')) != NULL && count < LINES_MAX; at = end + 1) {
		*end = '\0';
		line[count++] = at;
	}
	for (; count > 0; count--) {
		const char *at = line[count - 1];

		if (strncmp(at, "hugepages-got ", 14) == 0) {
			error |= setup_huge_undo(at, ret_why, room);
			/* Its announcement stands just before it and is done with. */
			count -= count > 1;
		} else if (strncmp(at, "hugepages ", 10) == 0) {
			error |= setup_huge_undo(at, ret_why, room);
		}
	}
	return error;
}

static void remove_files(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *d;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
		    strcmp(d->d_name, SETUP_JOURNAL) != 0)
			unlinkat(folder, d->d_name, 0);
	closedir(dir);
}

int setup_undo(const char *run, char *ret_why, size_t room)
{
	int folder = open(run, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error, ours;
	struct stat st;

	ret_why[0] = '\0';
	if (folder < 0 && errno == ENOENT)
		return 0;
	if (folder < 0 || fstat(folder, &st) != 0 || st.st_uid != geteuid()) {
		snprintf(ret_why, room, "%s: %s", run, folder < 0 ? strerror(errno) : "not ours");
		if (folder >= 0)
			close(folder);
		return 1;
	}
	error = replay(folder, &ours, ret_why, room);
	if (error == 0 && ours) {
		remove_files(folder);
		unlinkat(folder, SETUP_JOURNAL, 0);
	}
	/* What could not be undone stays written down, for the next try. */
	if (error == 0 && rmdir(run) != 0 && errno != ENOENT) {
		snprintf(ret_why, room, "%s: %s", run,
			 ours ? strerror(errno) : "has no journal of ours, and files of somebody");
		error = 1;
	}
	close(folder);
	return error;
}
