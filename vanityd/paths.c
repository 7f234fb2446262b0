/* SPDX-License-Identifier: Apache-2.0 */
/* paths.c: see paths.h. */
#include "paths.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static int path_print(char *ret_path, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(ret_path, PATHS_BYTES, format, list);
	va_end(list);
	return n >= 0 && n < (int)PATHS_BYTES ? 0 : -1;
}

/* The folder above all that is ours: made by others, and trusted or checked below. */
static int runtime_base(char *ret_path)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return path_print(ret_path, "/run");
	if (dir != NULL && dir[0] == '/')
		return path_print(ret_path, "%s", dir);
	return path_print(ret_path, "/tmp/vanity-%u", (unsigned)geteuid());
}

int paths_runtime_root(char *ret_path)
{
	char base[PATHS_BYTES];

	return runtime_base(base) == 0 ? path_print(ret_path, "%.*s/vanity", (int)PATHS_BYTES - 8, base) :
					 -1;
}

int paths_runtime(const char *system, char *ret_path)
{
	char root[PATHS_BYTES];

	return paths_runtime_root(root) == 0 ? path_print(ret_path, "%s/%s", root, system) : -1;
}

/* Of @owner, a real folder, and none of the rights @refused on it for others. */
static int folder_of(const char *path, uid_t owner, mode_t refused, char *ret_why, size_t room)
{
	const char *why = NULL;
	struct stat st;

	if (lstat(path, &st) != 0)
		why = strerror(errno);
	else if (!S_ISDIR(st.st_mode))
		why = "not a folder";
	else if (st.st_uid != owner)
		why = "belongs to somebody else";
	else if ((st.st_mode & refused) != 0)
		why = "others have rights on it";
	if (why == NULL)
		return 0;
	snprintf(ret_why, room, "%s: %s", path, why);
	return -1;
}

/* Ours, and not for others to write (or, but for root's, to look into). */
static int folder_check(const char *path, char *ret_why, size_t room)
{
	return folder_of(path, geteuid(),
			 geteuid() == 0 ? S_IWGRP | S_IWOTH : S_IRWXG | S_IRWXO, ret_why, room);
}

/* Of root's systems a client looks at them where root put them, and nobody else can write. */
static int folder_check_roots(const char *path, char *ret_why, size_t room)
{
	return folder_of(path, 0, S_IWGRP | S_IWOTH, ret_why, room);
}

int paths_root_trusted(int roots, char *ret_path, char *ret_why, size_t room)
{
	char base[PATHS_BYTES];

	ret_why[0] = '\0';
	if (roots)
		return path_print(ret_path, "%s", PATHS_ROOTS) == 0 && access(ret_path, F_OK) == 0 ?
			       folder_check_roots(ret_path, ret_why, room) :
			       -1;
	if (runtime_base(base) != 0 || paths_runtime_root(ret_path) != 0 ||
	    access(ret_path, F_OK) != 0)
		return -1;
	/* The base, too: who owns it can put another root in its place. */
	if (geteuid() != 0 && folder_check(base, ret_why, room) != 0)
		return -1;
	return folder_check(ret_path, ret_why, room);
}

/* 1: a socket is there and nobody else can have put it there; 0: none is; -1: see @ret_why. */
static int control_in(int roots, const char *system, char *ret_path, char *ret_why, size_t room)
{
	char root[PATHS_BYTES], folder[PATHS_BYTES];
	struct stat st;

	if ((roots ? path_print(root, "%s", PATHS_ROOTS) : paths_runtime_root(root)) != 0 ||
	    path_print(folder, "%s/%s", root, system) != 0 ||
	    path_print(ret_path, "%s/control", folder) != 0 || lstat(ret_path, &st) != 0)
		return 0;
	if (paths_root_trusted(roots, root, ret_why, room) != 0 ||
	    (roots ? folder_check_roots : folder_check)(folder, ret_why, room) != 0)
		return -1;
	return 1;
}

int paths_control(const char *system, char *ret_path, char *ret_why, size_t room)
{
	char own[PATHS_BYTES], roots[PATHS_BYTES], why[PATHS_BYTES + 64] = "";
	int own_is = control_in(0, system, own, ret_why, room);
	int roots_is = geteuid() == 0 ? 0 : control_in(1, system, roots, why, sizeof(why));

	if (own_is >= 0)
		snprintf(ret_why, room, "%s", why);
	if (own_is > 0 && roots_is > 0)
		snprintf(ret_why, room, "%s is root's of the same name", roots);
	(void)path_print(ret_path, "%s", own_is <= 0 && roots_is > 0 ? roots : own);
	return own_is > 0 || roots_is > 0 ? 0 : own_is < 0 || roots_is < 0 ? PATHS_UNTRUSTED : -1;
}

static int folder_make(const char *path, char *ret_why, size_t room)
{
	if (mkdir(path, geteuid() == 0 ? 0755 : 0700) != 0 && errno != EEXIST) {
		snprintf(ret_why, room, "%s: %s", path, strerror(errno));
		return -1;
	}
	return folder_check(path, ret_why, room);
}

int paths_make_private(const char *path, char *ret_why, size_t room)
{
	char base[PATHS_BYTES], part[PATHS_BYTES];
	size_t length;

	if (runtime_base(base) != 0 || path_print(part, "%s", path) != 0) {
		snprintf(ret_why, room, "%s: path too long", path);
		return -1;
	}
	length = strlen(base);
	if (strncmp(path, base, length) != 0 || path[length] != '/') {
		snprintf(ret_why, room, "%s: not below %s", path, base);
		return -1;
	}
	/* /run is the system's; the user's own base is made or checked like all below it. */
	if (geteuid() != 0 && folder_make(base, ret_why, room) != 0)
		return -1;
	for (char *at = part + length + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		if (folder_make(part, ret_why, room) != 0)
			return -1;
		*at = '/';
	}
	return folder_make(path, ret_why, room);
}

/* The folder an image lies in. */
static int image_folder(const char *image, char *ret_path)
{
	char *real = realpath(image, NULL);
	int error = real == NULL ? -1 : path_print(ret_path, "%s", real);

	free(real);
	if (error == 0)
		*strrchr(ret_path, '/') = '\0';
	return error;
}

static int is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int paths_programs(const char *image, const char *wish, char *ret_path)
{
	char dir[PATHS_BYTES];

	if (wish != NULL && wish[0] != '\0')
		return path_print(ret_path, "%s", wish) == 0 && is_folder(ret_path) ? 0 : -1;
	if (image_folder(image, dir) != 0)
		return -1;
	if (path_print(ret_path, "%s/../shards/images", dir) == 0 && is_folder(ret_path))
		return 0; /* a build tree: BUILD/vanityd and BUILD/shards/images */
	if (path_print(ret_path, "%s/../libexec/vanity", dir) == 0 && is_folder(ret_path))
		return 0;
	return -1;
}

static int paths_beside(const char *image, const char *name, char *ret_path)
{
	char dir[PATHS_BYTES];

	if (image_folder(image, dir) != 0)
		return -1;
	if (path_print(ret_path, "%s/%s", dir, name) == 0 && access(ret_path, X_OK) == 0)
		return 0;
	if (path_print(ret_path, "%s/../libexec/vanityd/%s", dir, name) == 0 &&
	    access(ret_path, X_OK) == 0)
		return 0;
	return -1;
}

int paths_keeper(const char *image, char *ret_path)
{
	return paths_beside(image, "keeper", ret_path);
}

int paths_netdev(const char *image, char *ret_path)
{
	return paths_beside(image, "vanity-netdev", ret_path);
}
