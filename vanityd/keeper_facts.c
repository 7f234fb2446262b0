/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_facts.c: what the kernel says of a shard's process, raw, for vanityd to judge.
 *
 * Text in a memfd, sections in this order; each begins with a line "== NAME":
 *
 *      == status     /proc/PID/status whole: Uid, Cap*, NoNewPrivs, Seccomp, Seccomp_filters,
 *                    Cpus_allowed_list, NSpid, ...
 *      == maps       /proc/PID/maps whole
 *      == fd         one line a descriptor: "NUMBER TARGET", as /proc/PID/fd has them
 *      == end        nothing was cut off
 *
 * A shard that does not live gives "== end" alone. vanityd cannot read these itself: the processes
 * have other uids and are not dumpable.
 */
#include "keeper_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER_BYTES 16384u
#define TEXT_BYTES_MAX (4u << 20) /* 256 ports have about 600 lines of maps */
#define DESCRIPTORS_MAX 1024u

static int say(int to, const char *text)
{
	size_t bytes = strlen(text);

	return write(to, text, bytes) == (ssize_t)bytes ? 0 : -EIO;
}

char *keeper_number(char *end, unsigned long value)
{
	*end = '\0';
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	return end;
}

/* The host's number: a pidfd tells it in terms of the /proc it is asked through. */
static long host_pid(int pidfd)
{
	char path[48] = "/proc/self/fdinfo/", buffer[1024], digits[24];
	const char *at;
	long pid = 0;
	ssize_t n;
	int fd;

	strcat(path, keeper_number(digits + sizeof(digits) - 1, (unsigned long)pidfd));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buffer, sizeof(buffer) - 1);
	close(fd);
	buffer[n > 0 ? n : 0] = '\0';
	at = strstr(buffer, "\nPid:\t");
	for (at = at ? at + 6 : ""; *at >= '0' && *at <= '9'; at++)
		pid = pid * 10 + (*at - '0');
	return pid > 0 ? pid : -ESRCH;
}

static int copy(int proc, const char *name, int to)
{
	static char buffer[BUFFER_BYTES];
	int fd = openat(proc, name, O_RDONLY | O_CLOEXEC), error = 0;
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0)
			error = -errno;
		else if (n > 0 && write(to, buffer, (size_t)n) != n)
			error = -EIO;
		total += n > 0 ? (size_t)n : 0;
		/* A shard that split its memory into more than that hides no line behind it. */
		if (total > TEXT_BYTES_MAX)
			error = -EFBIG;
	} while (error == 0 && n > 0);
	close(fd);
	return error;
}

static int descriptors(int proc, int to)
{
	static char buffer[BUFFER_BYTES];
	int dir = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	long n;

	if (dir < 0)
		return -errno;
	for (uint32_t turns = 0; turns < DESCRIPTORS_MAX && error == 0; turns++) {
		n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer));
		if (n <= 0)
			break;
		for (long at = 0; at < n && error == 0;) {
			const struct dirent64 *d = (const void *)(buffer + at);
			char target[256];
			ssize_t length;

			at += d->d_reclen;
			if (d->d_name[0] == '.')
				continue;
			length = readlinkat(dir, d->d_name, target, sizeof(target) - 2);
			target[length > 0 ? length : 0] = '\n';
			target[length > 0 ? length + 1 : 1] = '\0';
			error = say(to, d->d_name);
			error = error ? error : say(to, " ");
			error = error ? error : say(to, target);
		}
	}
	close(dir);
	return error;
}

static int sections(int proc, int to)
{
	int error = say(to, "== status\n");

	error = error ? error : copy(proc, "status", to);
	error = error ? error : say(to, "== maps\n");
	error = error ? error : copy(proc, "maps", to);
	error = error ? error : say(to, "== fd\n");
	return error ? error : descriptors(proc, to);
}

int keeper_facts(const struct keeper *k, uint32_t shard)
{
	const struct keeper_shard *s = &k->shard[shard];
	int to = keeper_keep(memfd_create("facts", MFD_CLOEXEC | MFD_ALLOW_SEALING)), proc, error = 0;
	char path[32] = "/proc/", digits[24];
	long pid;

	if (to < 0)
		return to;
	if (s->alive) {
		pid = host_pid(s->pidfd);
		strcat(path, keeper_number(digits + sizeof(digits) - 1, pid > 0 ? (unsigned long)pid : 0));
		/* The folder stays that process': a number that was used again is not followed. */
		proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc >= 0) {
			error = sections(proc, to);
			close(proc);
		}
	}
	error = error ? error : say(to, "== end\n");
	if (error != 0) {
		keeper_say(k, "facts cut short:", shard, s->generation, "", error);
	} else {
		lseek(to, 0, SEEK_SET);
		fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	}
	return to;
}
