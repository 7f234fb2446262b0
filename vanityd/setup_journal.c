/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_journal.c: what was changed in the machine, written down before it is changed.
 *
 *      vanity-journal 1
 *      boot ID                              that of the kernel; of another boot nothing is left to undo
 *      hugepages NODE KIB BEFORE WANTED     about to raise nr_hugepages
 *      hugepages-got NODE KIB COUNT         so many of its pages are ours; 0 when given back
 *      file PATH =BEFORE .                  about to write another text there (setup_file.c)
 *
 *      cores MASK                           about to claim them (setup_cores.h)
 *      cgroup PATH                          about to make it
 *
 * Of a node and a size the last line counts, of a file the first. What was cut short between a
 * change of huge pages and its line is in the file of the lock (setup_huge.c); what was turned for
 * cores, and must go on being so for others, is in the ledger of all. A torn last line was never
 * acted on. The runtime folder goes last, and the journal last of it, so that an undo that is
 * killed is done again.
 */
#include "setup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 16384u

int setup_journal_write(struct setup *s, const char *line)
{
	ssize_t bytes = (ssize_t)strlen(line), n = write(s->journal_fd, line, (size_t)bytes);

	if (n != bytes || fdatasync(s->journal_fd) != 0)
		return setup_fail(s, 4, "free some room there", "%s/%s: %s", s->result->run,
				  SETUP_JOURNAL, n < 0 || n == bytes ? strerror(errno) : "no room");
	return 0;
}

#define NO_JOURNAL (-2)

/* Return: bytes read; NO_JOURNAL; -1 and why. */
static ssize_t journal_read(int folder, char *ret_text, char *ret_why, size_t room)
{
	int fd = openat(folder, SETUP_JOURNAL, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? NO_JOURNAL : read(fd, ret_text, SETUP_JOURNAL_BYTES_MAX);

	if (n == -1)
		snprintf(ret_why, room, "%s: %s", SETUP_JOURNAL, strerror(errno));
	if (fd >= 0)
		close(fd);
	ret_text[n > 0 ? n : 0] = '\0';
	return n;
}

/* Does a later line speak of the same node and size? */
static int outdated(char *const line[], uint32_t at, uint32_t count)
{
	unsigned long kib, other_kib;
	int node, other;
	long ours;

	if (sscanf(line[at], "hugepages-got %d %lu %ld", &node, &kib, &ours) != 3)
		return 1; /* announces, and is done with */
	for (uint32_t i = at + 1; i < count; i++)
		if (sscanf(line[i], "hugepages-got %d %lu %ld", &other, &other_kib, &ours) == 3 &&
		    other == node && other_kib == kib)
			return 1;
	return 0;
}

/* The lines of @text, which it cuts up. Those of huge pages only under their lock; -1 without. A copy has
 * files alone: of all else there is only one, this machine's. */
static int replay_lines(char *text, const char *root, const char *run, int lock, char *ret_why,
			size_t room)
{
	char *line[LINES_MAX], *end, *real = realpath(run, NULL);
	uint32_t count = 0;
	int error = 0;

	for (char *at = text; (end = strchr(at, '\n')) != NULL && count < LINES_MAX; at = end + 1) {
		*end = '\0';
		if (end > at)
			line[count++] = at;
	}
	for (uint32_t i = count; i > 0; i--) {
		error |= setup_file_undo(root, line[i - 1], ret_why, room);
		if (root[0] != '\0')
			continue;
		error |= setup_cores_undo(line[i - 1], real != NULL ? real : run, ret_why, room);
		if (lock >= 0 && !outdated(line, i - 1, count))
			error |= setup_huge_undo(lock, real != NULL ? real : run, line[i - 1],
						 ret_why, room);
	}
	free(real);
	return error;
}

/*
 * Reads and replays.
 * Return: 0 or 1 as setup_undo(), and whether the folder is one of ours: what else lies in it was
 * made after the journal's first line. Without that line there is at most a torn journal in it.
 */
static int replay(int folder, const char *root, const char *run, int hugepages_fd, int *ret_ours,
		  char *ret_why, size_t room)
{
	static char text[SETUP_JOURNAL_BYTES_MAX + 1];
	const size_t head = strlen(SETUP_JOURNAL_HEAD);
	int lock = hugepages_fd, error;
	ssize_t n = journal_read(folder, text, ret_why, room);

	*ret_ours = n > 0 && strncmp(text, SETUP_JOURNAL_HEAD, head) == 0;
	if (n < 0)
		return n != NO_JOURNAL;
	/* Killed while it wrote that line, and so before it did anything else. */
	if (strlen(text) < head && strncmp(text, SETUP_JOURNAL_HEAD, strlen(text)) == 0)
		unlinkat(folder, SETUP_JOURNAL, 0);
	if (!*ret_ours || (root[0] == '\0' && setup_boot_other(text)))
		return 0;
	if (root[0] != '\0' || strstr(text, "\nhugepages") == NULL)
		return replay_lines(text, root, run, -1, ret_why, room);
	if (lock < 0)
		lock = setup_huge_lock(ret_why, room);
	if (lock < 0)
		return 1;
	/* That may write into this very journal, as may another undo of it until we have the lock. */
	error = setup_huge_settle(lock, ret_why, room);
	if (error == 0)
		error = journal_read(folder, text, ret_why, room) == -1 ||
			replay_lines(text, root, run, lock, ret_why, room) != 0;
	if (lock != hugepages_fd)
		close(lock);
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

int setup_boot_line(char *ret_line, size_t room)
{
	char id[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	int read = file != NULL && fscanf(file, "%63s", id) == 1;

	if (file != NULL)
		fclose(file);
	snprintf(ret_line, room, "%s%s%s", read ? "boot " : "", read ? id : "", read ? "\n" : "");
	return read ? 0 : -1;
}

int setup_boot_other(const char *journal)
{
	char line[SETUP_BOOT_BYTES];
	const char *at = strstr(journal, "\nboot ");

	return at != NULL && setup_boot_line(line, sizeof(line)) == 0 &&
	       strncmp(at + 1, line, strlen(line)) != 0;
}

/* The folder above @run; @ret_name points to the rest. -1 and errno. */
static int parent_open(const char *root, const char *run, const char **ret_name)
{
	const char *slash = strrchr(run, '/');
	char parent[PATHS_BYTES];

	*ret_name = slash != NULL ? slash + 1 : run;
	if (slash == NULL || (size_t)(slash - run) >= sizeof(parent)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(parent, run, (size_t)(slash - run));
	parent[slash - run] = '\0';
	return setup_root_open(root, parent[0] != '\0' ? parent : "/", O_PATH | O_DIRECTORY, 0);
}

int setup_undo_held(const char *root, const char *run, int hugepages_fd, char *ret_why, size_t room)
{
	const char *name;
	int parent = parent_open(root, run, &name), folder = -1, error, ours;
	struct stat st;

	ret_why[0] = '\0';
	if (parent >= 0)
		folder = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 && errno == ENOENT) {
		error = 0;
		goto out;
	}
	if (folder < 0 || fstat(folder, &st) != 0 || st.st_uid != geteuid()) {
		snprintf(ret_why, room, "%s%s: %s", root, run,
			 folder < 0 ? strerror(errno) : "not ours");
		error = 1;
		goto out;
	}
	error = replay(folder, root, run, hugepages_fd, &ours, ret_why, room);
	if (error == 0 && ours) {
		remove_files(folder);
		unlinkat(folder, SETUP_JOURNAL, 0);
	}
	/* What could not be undone stays written down, for the next try. */
	if (error == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
		snprintf(ret_why, room, "%s%s: %s", root, run,
			 ours ? strerror(errno) : "has no journal of ours, and files of somebody");
		error = 1;
	}
out:
	if (folder >= 0)
		close(folder);
	if (parent >= 0)
		close(parent);
	return error;
}

int setup_undo(const char *run, char *ret_why, size_t room)
{
	int error = setup_undo_held("", run, -1, ret_why, room);
	char others[256] = "";

	/* What others left in the ledger of all is no failure of this undo. */
	if (setup_cores_settle(others, sizeof(others)) != 0 && error == 0)
		snprintf(ret_why, room, "%s", others);
	return error;
}
