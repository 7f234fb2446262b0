/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanityd undo: what a system left behind is undone. The keeper ends as this, and systemd's ExecStopPost
 * may call it. As root it removes files, so it takes a folder of the runtime root and no other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "exit.h"
#include "paths.h"
#include "session.h"
#include "setup.h"
#include "systems.h"
#include "verb_live.h"

static const char usage[] =
	"usage: vanityd undo FOLDER\n"
	"\n"
	"Undoes what a system that is gone left behind, by the journal in its runtime folder,\n"
	"/run/vanity/SYSTEM, and removes the folder. `vanityd stop SYSTEM` does the same, and ends a\n"
	"system that runs.\n"
	"\n"
	"Returns 0 when it is undone, 1 when that failed or the system runs, 2 when FOLDER is no runtime\n"
	"folder, 5 when there is nothing.\n";

/* The last part of @path and the real folder before it. Return: 0; -1 when that is none. */
static int path_split(const char *path, char *ret_parent, char *ret_name)
{
	char text[PATHS_BYTES], *real, *slash;
	size_t bytes = strlen(path);

	while (bytes > 1 && path[bytes - 1] == '/')
		bytes--;
	if (bytes >= sizeof(text))
		return -1;
	memcpy(text, path, bytes);
	text[bytes] = '\0';
	slash = strrchr(text, '/');
	snprintf(ret_name, PATHS_BYTES, "%s", slash != NULL ? slash + 1 : text);
	if (slash != NULL)
		slash[slash == text] = '\0';
	real = realpath(slash != NULL ? text : ".", NULL);
	if (real == NULL || strlen(real) >= PATHS_BYTES) {
		free(real);
		return -1;
	}
	strcpy(ret_parent, real);
	free(real);
	return 0;
}

/* A user's keeper has no environment: then the folder itself tells where his systems are. */
static void runtime_root_from(const char *parent)
{
	char base[PATHS_BYTES], lock[PATHS_BYTES + 8], *slash;

	snprintf(base, sizeof(base), "%s", parent);
	snprintf(lock, sizeof(lock), "%s/.lock", parent);
	slash = strrchr(base, '/');
	if (geteuid() == 0 || getenv("XDG_RUNTIME_DIR") != NULL || slash == NULL ||
	    strcmp(slash, "/vanity") != 0 || access(lock, W_OK) != 0)
		return;
	*slash = '\0';
	setenv("XDG_RUNTIME_DIR", base, 1);
}

static int in_runtime_root(const char *parent)
{
	char root[PATHS_BYTES], *real;
	int same;

	runtime_root_from(parent);
	real = paths_runtime_root(root) == 0 ? realpath(root, NULL) : NULL;
	same = real != NULL && strcmp(real, parent) == 0;
	free(real);
	return same;
}

int verb_undo(int argc, char **argv)
{
	struct doctor doctor = { .root = "", .live = 1 };
	char parent[PATHS_BYTES], name[PATHS_BYTES], why[512] = "";
	int result;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return EXIT_OK;
	}
	if (argc != 2 || argv[1][0] == '-' || argv[1][0] == '\0') {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (path_split(argv[1], parent, name) != 0 || !in_runtime_root(parent) ||
	    (!systems_name_valid(name) && strcmp(name, ".doctor") != 0)) {
		fprintf(stderr, "vanityd: %s is no runtime folder of a system, such as %s\n", argv[1],
			geteuid() == 0 ? "/run/vanity/SYSTEM" : "$XDG_RUNTIME_DIR/vanity/SYSTEM");
		return EXIT_USAGE;
	}
	if (strcmp(name, ".doctor") == 0)
		return doctor_undo(&doctor);
	result = setup_clear(name, why, sizeof(why));
	if (result == EXIT_NOT_RUNNING)
		fprintf(stderr, "vanityd: %s: nothing to undo\n", argv[1]);
	else if (result != EXIT_OK)
		session_say(why);
	return result;
}
