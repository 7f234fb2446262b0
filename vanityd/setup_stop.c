/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_stop.c: the end of a system, whatever state it is in.
 *
 * A healthy one is stopped through vanityd, which lets it drain; this waits for that. One that
 * does not end is ended here: the keeper is pid 1 of its namespace, so its death is everybody's.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_NOT_RUNNING 5
#define KILL_MS 5000
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

static int wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

int setup_stop(const char *system, unsigned patience_ms, char *ret_why, size_t room)
{
	char run[PATHS_BYTES];
	int folder, lock, pidfd, result = EXIT_NOT_RUNNING;

	ret_why[0] = '\0';
	if (paths_runtime(system, run) != 0) {
		snprintf(ret_why, room, "the runtime folder's name is too long");
		return 1;
	}
	pidfd = keeper_open(run);
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
		if (result != 0)
			return result;
	}
	/* Nobody else's while we undo: a start that is under way holds it. */
	folder = setup_lock_folder(ret_why, room);
	if (folder < 0)
		return 1;
	lock = setup_lock_take(folder, "system", system, STARTING_MS);
	close(folder);
	if (lock < 0) {
		snprintf(ret_why, room, "system %s is just being started", system);
		return 1;
	}
	if (setup_undo(run, ret_why, room) != 0)
		result = 1;
	close(lock);
	return result;
}
