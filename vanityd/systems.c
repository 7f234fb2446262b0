/* SPDX-License-Identifier: Apache-2.0 */
#include "systems.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vanity/limits.h>

#include "exit.h"

#define SYSTEMS_MAX 32u
#define WHY_BYTES (PATHS_BYTES + 64u)

struct found {
	char name[SYSTEMS_MAX][VANITY_NAME_MAX + 1];
	unsigned count;
};

int systems_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > VANITY_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return 0;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static void found_add(struct found *found, const char *name)
{
	for (unsigned i = 0; i < found->count; i++)
		if (strcmp(found->name[i], name) == 0)
			return;
	if (found->count < SYSTEMS_MAX)
		snprintf(found->name[found->count++], sizeof(found->name[0]), "%.*s",
			 (int)VANITY_NAME_MAX, name);
}

static void find_in(struct found *found, const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *entry;
	char path[PATHS_BYTES + VANITY_NAME_MAX + 16];

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (!systems_name_valid(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%.*s/control", root, (int)VANITY_NAME_MAX,
			 entry->d_name);
		if (access(path, F_OK) == 0)
			found_add(found, entry->d_name);
	}
	closedir(dir);
}

/* Of what lies where another user could have put it not even the names are believed. */
static void find_all(struct found *found)
{
	char root[PATHS_BYTES], why[WHY_BYTES];

	for (int roots = 0; roots <= (geteuid() != 0); roots++) {
		if (paths_root_trusted(roots, root, why, sizeof(why)) == 0)
			find_in(found, root);
		else if (why[0] != '\0')
			fprintf(stderr, "passed over: %s\n", why);
	}
}

int systems_choose(const char *wish, char *ret_system, char *ret_control)
{
	struct found found = { .count = 0 };
	char why[WHY_BYTES];
	int result;

	if (wish == NULL) {
		find_all(&found);
		if (found.count == 0) {
			fprintf(stderr, "no system runs here\n");
			return EXIT_NOT_RUNNING;
		}
		if (found.count > 1) {
			fprintf(stderr, "several systems run here; name one:");
			for (unsigned i = 0; i < found.count; i++)
				fprintf(stderr, " %s", found.name[i]);
			fputc('\n', stderr);
			return EXIT_USAGE;
		}
		wish = found.name[0];
	}
	if (!systems_name_valid(wish)) {
		fprintf(stderr, "not a system's name: letters, digits, _ and -, first a letter\n");
		return EXIT_USAGE;
	}
	if (wish != ret_system)
		snprintf(ret_system, PATHS_BYTES, "%s", wish);
	result = paths_control(wish, ret_control, why, sizeof(why));
	if (result == PATHS_UNTRUSTED) {
		fprintf(stderr,
			"not trusted: %s\n"
			"remove it, or set XDG_RUNTIME_DIR to a folder of your own, mode 0700\n",
			why);
		return EXIT_DENIED;
	}
	if (result != 0) {
		fprintf(stderr, "system %s does not run\n", wish);
		return EXIT_NOT_RUNNING;
	}
	if (why[0] != '\0')
		fprintf(stderr, "passed over: %s\n", why);
	return EXIT_OK;
}
