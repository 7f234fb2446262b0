/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_facts.c: what the kernel says of a shard's process, raw, for vanityd to judge.
 *
 * Text in a memfd, sections in this order; each begins with a line "== NAME":
 *
 *      == status     /proc/PID/status whole: Uid, Cap*, NoNewPrivs, Seccomp, Seccomp_filters,
 *                    Cpus_allowed_list, NSpid, ...
 *      == keeper     the same of the keeper, from whom it inherited what is not its own
 *      == planned    numbers, a line each: "memory N" bytes of no file, "uid N" where it has one of
 *                    its own, "cores WORD..." where it is pinned and shares cores, "core N" where
 *                    it has its own
 *      == files      what the plan gives it, "NUMBER MAJOR MINOR INODE" by its number as a
 *                    descriptor at the start (core/bind.h), the image last
 *      == ns         a line a namespace: "KIND ITS PLANNED KEEPERS"
 *      == fd         one line a descriptor: "NUMBER MARK TARGET", as /proc/PID/fd has them; MARK
 *                    is = for the very same open file as planned at that number, ! for another
 *                    one, ? where this kernel cannot tell
 *      == maps       /proc/PID/maps whole
 *      == end        nothing was cut off; or
 *      == long       a file was longer than that of any planned shard, and cut off
 *
 * A shard that does not live gives "== end" alone. vanityd cannot read these itself: the processes
 * have other uids and are not dumpable.
 */
#include "keeper_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/kcmp.h>

#include "setup.h"

#define BUFFER_BYTES 16384u
#define TEXT_BYTES_MAX (512u << 10) /* 256 ports have about 1,200 lines of maps, with guards */
#define DESCRIPTORS_MAX 1024u

/* Words on their way: a line is made of several, and a call for each costs more than they do. */
static struct {
	char text[BUFFER_BYTES];
	size_t bytes;
} held;

static int say_all(int to)
{
	size_t bytes = held.bytes;

	held.bytes = 0;
	return write(to, held.text, bytes) == (ssize_t)bytes ? 0 : -EIO;
}

static int say(int to, const char *text)
{
	size_t bytes = strlen(text);
	int error = held.bytes + bytes > sizeof(held.text) ? say_all(to) : 0;

	memcpy(held.text + held.bytes, text, bytes);
	held.bytes += bytes;
	return error;
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
	int fd = openat(proc, name, O_RDONLY | O_CLOEXEC), error;
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	error = say_all(to);
	do {
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0)
			error = -errno;
		else if (n > 0 && write(to, buffer, (size_t)n) != n)
			error = -EIO;
		total += n > 0 ? (size_t)n : 0;
		/* A shard that split its memory into more than that has no line hidden behind it: that
		 * it is so is said, and is more than was planned. */
		if (total > TEXT_BYTES_MAX)
			error = -EFBIG;
	} while (error == 0 && n > 0);
	close(fd);
	return error;
}

/* Numbers and a newline; @words before them. */
static int say_numbers(int to, const char *words, const uint64_t *number, uint32_t count)
{
	int error = say(to, words);

	for (uint32_t i = 0; i < count && error == 0; i++) {
		char digits[24];

		error = say(to, " ");
		error = error ? error : say(to, keeper_number(digits + sizeof(digits) - 1, number[i]));
	}
	return error ? error : say(to, "\n");
}

/* Return: ret_target, "?" when there is nothing. */
static const char *target(int dir, const char *name, char ret_target[256])
{
	ssize_t length = readlinkat(dir, name, ret_target, 255);

	strcpy(ret_target + (length > 0 ? length : 0), length > 0 ? "" : "?");
	return ret_target;
}

static const char *mark(const struct keeper *k, uint32_t shard, const char *name)
{
	unsigned long at = strtoul(name, NULL, 10);
	int fd = keeper_planned_fd(k, shard, (uint32_t)at);
	long result = fd < 0 ? 1 : syscall(SYS_kcmp, getpid(), k->shard[shard].pid, KCMP_FILE, fd, at);

	return result == 0 ? " = " : result > 0 ? " ! " : " ? ";
}

static int descriptors(const struct keeper *k, uint32_t shard, int proc, int to)
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
			char words[256];

			at += d->d_reclen;
			if (d->d_name[0] == '.')
				continue;
			error = say(to, d->d_name);
			error = error ? error : say(to, mark(k, shard, d->d_name));
			error = error ? error : say(to, target(dir, d->d_name, words));
			error = error ? error : say(to, "\n");
		}
	}
	close(dir);
	return error;
}

static int planned(const struct keeper *k, uint32_t shard, int to)
{
	const struct plan_shard *p = &k->plan->shard[shard];
	uint64_t uid = k->hand->shard_uid + shard, core = p->core;
	int error = say_numbers(to, "memory", &k->hand->limit[shard].data_bytes, 1);

	if (error == 0 && (k->inactive >> SETUP_INACTIVE_OWN_UID & 1) == 0)
		error = say_numbers(to, "uid", &uid, 1);
	if (error != 0 || (k->inactive >> SETUP_INACTIVE_PINNING & 1) != 0)
		return error;
	if (!p->shared)
		return say_numbers(to, "core", &core, 1);
	return say_numbers(to, "cores", k->hand->affinity_shared, KEEPER_CORES_MAX / 64);
}

static int files(const struct keeper *k, uint32_t shard, int to)
{
	int error = 0, fd;

	for (uint32_t at = BIND_FD_BLOCK; error == 0; at++) {
		char digits[24];
		struct stat st;

		fd = keeper_planned_fd(k, shard, at);
		if (fd < 0)
			break;
		if (fstat(fd, &st) != 0)
			return -errno;
		error = say_numbers(to, keeper_number(digits + sizeof(digits) - 1, at),
				    (uint64_t[]){ major(st.st_dev), minor(st.st_dev), st.st_ino }, 3);
	}
	return error;
}

/* In keeper_namespace_kind's order, then two that have no planned descriptor. */
static int namespaces(const struct keeper *k, uint32_t shard, int proc, int self, int to)
{
	static const char *const kind[] = { "net", "ipc", "uts", "cgroup", "mnt", "pid", "user" };
	int first = keeper_fd_shard(k->plan, shard) + KEEPER_SHARD_NS, error = 0;

	for (uint32_t i = 0; i < sizeof(kind) / sizeof(kind[0]) && error == 0; i++) {
		char digits[24], path[32] = "ns/", fd[32] = "fd/", words[256];

		strcat(path, kind[i]);
		strcat(fd, keeper_number(digits + sizeof(digits) - 1, (unsigned long)first + i));
		error = say(to, kind[i]);
		error = error ? error : say(to, " ");
		error = error ? error : say(to, target(proc, path, words));
		error = error ? error : say(to, " ");
		error = error ? error : say(to, target(self, i < KEEPER_NAMESPACES ? fd : "", words));
		error = error ? error : say(to, " ");
		error = error ? error : say(to, target(self, path, words));
		error = error ? error : say(to, "\n");
	}
	return error;
}

static int sections(const struct keeper *k, uint32_t shard, int proc, int to)
{
	int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = self < 0 ? -errno : say(to, "== status\n");

	error = error ? error : copy(proc, "status", to);
	error = error ? error : say(to, "== keeper\n");
	error = error ? error : copy(self, "status", to);
	error = error ? error : say(to, "== planned\n");
	error = error ? error : planned(k, shard, to);
	error = error ? error : say(to, "== files\n");
	error = error ? error : files(k, shard, to);
	error = error ? error : say(to, "== ns\n");
	error = error ? error : namespaces(k, shard, proc, self, to);
	error = error ? error : say(to, "== fd\n");
	error = error ? error : descriptors(k, shard, proc, to);
	error = error ? error : say(to, "== maps\n");
	error = error ? error : copy(proc, "maps", to);
	if (self >= 0)
		close(self);
	return error;
}

int keeper_facts(const struct keeper *k, uint32_t shard)
{
	const struct keeper_shard *s = &k->shard[shard];
	int to = keeper_keep(memfd_create("facts", MFD_CLOEXEC | MFD_ALLOW_SEALING)), proc, error = 0;
	char path[32] = "/proc/", digits[24];
	long pid;

	if (to < 0)
		return to;
	held.bytes = 0;
	if (s->alive) {
		pid = host_pid(s->pidfd);
		strcat(path, keeper_number(digits + sizeof(digits) - 1, pid > 0 ? (unsigned long)pid : 0));
		/* The folder stays that process': a number that was used again is not followed. */
		proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc >= 0) {
			error = sections(k, shard, proc, to);
			close(proc);
		}
	}
	if (error == -EFBIG)
		error = say(to, "\n== long\n");
	else
		error = error ? error : say(to, "== end\n");
	error = error ? error : say_all(to);
	if (error != 0) {
		keeper_say(k, "facts cut short:", shard, s->generation, "", error);
	} else {
		lseek(to, 0, SEEK_SET);
		fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	}
	return to;
}
