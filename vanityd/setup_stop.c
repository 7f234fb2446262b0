/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_stop.c: the end of a system, whatever state it is in.
 *
 * A healthy one is stopped through vanityd, which lets it drain; this waits for that. One that
 * does not end is ended here: the keeper is pid 1 of its namespace, so its death is everybody's.
 */
#include "setup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_NOT_RUNNING 5
#define KILL_MS 5000
#define KEEPER_NAME "vanity-keeper" /* setup_keeper.c */
#define STARTING_MS 200u

static int file_read(const char *path, char *ret_text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_text, room - 1);

	if (fd >= 0)
		close(fd);
	ret_text[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -1;
}

static unsigned long long start_time(int pid)
{
	char path[48], stat[512], *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(path, stat, sizeof(stat)) != 0)
		return 0;
	at = strrchr(stat, ')');
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

/* A pidfd of the keeper, -1 when it is gone. */
static int keeper_open(const char *run)
{
	char path[PATHS_BYTES + 16], text[64];
	unsigned long long started;
	int pid, fd;

	snprintf(path, sizeof(path), "%s/" SETUP_KEEPER_PID, run);
	if (file_read(path, text, sizeof(text)) != 0 || sscanf(text, "%d %llu", &pid, &started) != 2)
		return -1;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Looked at through the pidfd's process: it cannot change its number any more. */
	if (fd >= 0 && start_time(pid) != started) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Is this the keeper that holds the lock of the system? Its name alone could be anybody's. */
static int keeper_holds(int pid, const char *system, const struct stat *lock)
{
	char path[48], text[PATHS_BYTES];
	size_t bytes = strlen(KEEPER_NAME) + 1;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if (file_read(path, text, sizeof(text)) != 0 || strcmp(text, KEEPER_NAME) != 0 ||
	    strcmp(text + bytes, system) != 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, KEEPER_FD_SYSTEM_LOCK);
	if (stat(path, &st) != 0 || st.st_dev != lock->st_dev || st.st_ino != lock->st_ino)
		return 0;
	/* Anybody may open the file somehow; the keeper's descriptor holds the lock. */
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, KEEPER_FD_SYSTEM_LOCK);
	return file_read(path, text, sizeof(text)) == 0 && strstr(text, "FLOCK") != NULL;
}

/* The same of a keeper whose runtime folder somebody removed: found by what it holds. */
static int keeper_find(int folder, const char *system)
{
	const struct dirent *entry;
	struct stat lock;
	char file[64];
	int found = -1;
	DIR *dir;

	snprintf(file, sizeof(file), "system-%s", system);
	dir = fstatat(folder, file, &lock, AT_SYMLINK_NOFOLLOW) == 0 ? opendir("/proc") : NULL;
	while (dir != NULL && found < 0 && (entry = readdir(dir)) != NULL) {
		int pid = atoi(entry->d_name);

		found = pid > 0 && keeper_holds(pid, system, &lock) ?
				(int)syscall(SYS_pidfd_open, pid, 0) :
				-1;
		if (found >= 0 && !keeper_holds(pid, system, &lock)) {
			close(found);
			found = -1;
		}
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static int wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* The keeper's last act is to become us: then the lock is ours already, at its number. */
static int lock_inherited(int folder, const char *system)
{
	struct stat ours, file;
	char name[64];

	snprintf(name, sizeof(name), "system-%s", system);
	return fstat(KEEPER_FD_SYSTEM_LOCK, &ours) == 0 &&
	       fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_dev == file.st_dev &&
	       ours.st_ino == file.st_ino && flock(KEEPER_FD_SYSTEM_LOCK, LOCK_EX | LOCK_NB) == 0;
}

/* Nobody else's while we undo: a start that is under way holds it. @folder is closed. */
static int undo_locked(int folder, const char *system, const char *run, const char *held,
		       char *ret_why, size_t room)
{
	int lock = lock_inherited(folder, system) ?
			   KEEPER_FD_SYSTEM_LOCK :
			   setup_lock_take(folder, "system", system, STARTING_MS);
	int error;

	close(folder);
	if (lock < 0) {
		snprintf(ret_why, room, "system %s %s", system,
			 lock == -EWOULDBLOCK ? held : strerror(-lock));
		return 1;
	}
	error = setup_undo(run, ret_why, room);
	close(lock);
	return error != 0;
}

int setup_clear(const char *system, char *ret_why, size_t room)
{
	char run[PATHS_BYTES];
	int folder, left, error;

	ret_why[0] = '\0';
	if (paths_runtime(system, run) != 0) {
		snprintf(ret_why, room, "the runtime folder's name is too long");
		return 1;
	}
	left = access(run, F_OK) == 0;
	folder = setup_lock_folder(ret_why, room);
	if (folder < 0)
		return 1;
	error = undo_locked(folder, system, run, "runs, or is being started: stop it first, vanityd stop",
			    ret_why, room);
	return error != 0 ? 1 : left ? 0 : EXIT_NOT_RUNNING;
}

int setup_stop(const char *system, unsigned patience_ms, char *ret_why, size_t room)
{
	char run[PATHS_BYTES];
	int folder, pidfd, result = EXIT_NOT_RUNNING;

	ret_why[0] = '\0';
	if (paths_runtime(system, run) != 0) {
		snprintf(ret_why, room, "the runtime folder's name is too long");
		return 1;
	}
	folder = setup_lock_folder(ret_why, room);
	if (folder < 0)
		return 1;
	pidfd = keeper_open(run);
	if (pidfd < 0)
		pidfd = keeper_find(folder, system);
	if (pidfd >= 0) {
		result = 0;
		if (!wait_end(pidfd, (int)patience_ms)) {
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
			if (!wait_end(pidfd, KILL_MS)) {
				snprintf(ret_why, room, "the keeper does not die");
				result = 1;
			}
		}
		close(pidfd);
	}
	if (result == 1)
		close(folder);
	else if (undo_locked(folder, system, run, "is just being started: try again", ret_why, room) != 0)
		result = 1;
	return result;
}
