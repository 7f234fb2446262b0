/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_cgroup.c: an isolated partition of cgroup v2, where the machine has cpuset there.
 *
 *      cgroup PATH                     into the journal, before it is made
 *      PATH/cpuset.cpus                the system's cores
 *      PATH/cpuset.cpus.partition      isolated: nobody outside runs on them, and nothing is
 *                                      balanced to them (Linux 6.1)
 *
 * The kernel takes the cores from everybody else, and gives them back when PATH is removed. Whoever
 * is to run there must be born there: sched_setaffinity() from outside is refused.
 */
#include "setup_cores.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMOVE_MS 1000 /* its last process may still be on its way out */

/* One word of a list of them. */
static int has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; (at = strstr(at, word)) != NULL; at += length)
		if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
			return 1;
	return 0;
}

/* A mount of the whole tree: "ID PARENT DEV / POINT OPTIONS ... - cgroup2 ..." (proc(5)). */
static int mount_parse(char *line, char *ret_point, size_t room)
{
	char root[8], point[PATHS_BYTES];
	const char *kind = strstr(line, " - ");

	if (kind == NULL || strncmp(kind, " - cgroup2 ", 11) != 0 ||
	    sscanf(line, "%*s %*s %*s %7s %511s", root, point) != 2 || strcmp(root, "/") != 0 ||
	    strchr(point, '\\') != NULL)
		return 0;
	snprintf(ret_point, room, "%s", point);
	return 1;
}

int cgroup_find(struct machine *m, char *ret_why, size_t room)
{
	char path[PATHS_BYTES], *line = NULL, point[PATHS_BYTES] = "", text[512];
	size_t bytes = 0;
	FILE *file;

	m->cgroup[0] = '\0';
	snprintf(path, sizeof(path), "%s/proc/self/mountinfo", m->root);
	file = fopen(path, "re");
	while (file != NULL && getline(&line, &bytes, file) > 0 &&
	       !mount_parse(line, point, sizeof(point)))
		;
	free(line);
	if (file != NULL)
		fclose(file);
	if (point[0] == '\0' ||
	    snprintf(path, sizeof(path), "%s/cgroup.controllers", point) >= (int)sizeof(path)) {
		snprintf(ret_why, room, "no cgroup v2 is mounted");
		return 1;
	}
	if (machine_read(m, path, text, sizeof(text)) < 0 || !has_word(text, "cpuset")) {
		snprintf(ret_why, room, "cgroup v2 has no cpuset here");
		return 1;
	}
	snprintf(path, sizeof(path), "%s%s", m->root, point);
	snprintf(m->cgroup, sizeof(m->cgroup), "%s", path);
	return 0;
}

static int cgroup_write(const char *path, const char *file, const char *text, char *ret_why,
			size_t room)
{
	char whole[PATHS_BYTES + 64];
	ssize_t n = (ssize_t)strlen(text);
	int fd, error;

	snprintf(whole, sizeof(whole), "%s/%s", path, file);
	fd = open(whole, O_WRONLY | O_CLOEXEC);
	error = fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : errno;
	if (fd >= 0)
		close(fd);
	if (error != 0)
		snprintf(ret_why, room, "%s: %s", file, strerror(error));
	return error != 0;
}

int cgroup_make_way(const char *path, char *ret_why, size_t room)
{
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	snprintf(ret_why, room, "%s: is there already, and is not ours: %s", path, strerror(errno));
	return 1;
}

int cgroup_partition(const char *path, const struct core_set *cores, char *ret_why, size_t room)
{
	const struct machine absolute = { .root = "" };
	char whole[PATHS_BYTES + 64], text[1024];

	if (mkdir(path, 0755) != 0) {
		snprintf(ret_why, room, "%s: %s", path, strerror(errno));
		return 1;
	}
	core_list_text(cores, text, sizeof(text));
	if (cgroup_write(path, "cpuset.cpus", text, ret_why, room) != 0 ||
	    cgroup_write(path, "cpuset.cpus.partition", "isolated", ret_why, room) != 0)
		goto remove;
	/* The write succeeds even where the kernel then says: isolated invalid (REASON). */
	snprintf(whole, sizeof(whole), "%s/cpuset.cpus.partition", path);
	if (machine_read(&absolute, whole, text, sizeof(text)) > 0 && strcmp(text, "isolated") == 0)
		return 0;
	snprintf(ret_why, room, "cpuset.cpus.partition: %s", text);
remove:
	(void)rmdir(path);
	return 1;
}

int cgroup_undo(const char *line, char *ret_why, size_t room)
{
	char path[PATHS_BYTES];
	const char *name;

	if (sscanf(line, "cgroup %511s", path) != 1)
		return 0;
	name = strrchr(path, '/');
	if (name == NULL || strncmp(name, "/vanity-", 8) != 0)
		return 0;
	for (int waited = 0; rmdir(path) != 0 && errno != ENOENT; waited++) {
		if (errno == EBUSY && waited < REMOVE_MS) {
			poll(NULL, 0, 1);
			continue;
		}
		snprintf(ret_why, room, "%s: %s", path, strerror(errno));
		return 1;
	}
	return 0;
}
