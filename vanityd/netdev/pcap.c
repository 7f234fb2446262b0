/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.c: a capture to read, copied and sealed; a file to append one to.
 *
 * What root reads must be root's and writable by nobody else, as with images and configs
 * (setup_parts.c). What root writes must have one name only, and is emptied here, at start: it then
 * holds what this system sent, over all generations. No link is followed on the way to either: a
 * folder of somebody else's would else decide what root reads, makes or empties.
 */
#include "netdev/run.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

/* The copy is memory of the machine as long as the system runs. */
#define READ_BYTES_MAX (1ll << 30)
#define DATA_AT 4096u /* a page: readers may map it by itself */

static int open_strict(const char *path, int flags, unsigned mode)
{
	const struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.mode = mode,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static int open_failed(struct run *r, const struct bound *b, const char *path)
{
	return run_fail(r, b, -errno, errno == ELOOP ? "give its path without links" : "",
			"capture %s: %s", path, strerror(errno));
}

static int read_open(struct run *r, struct bound *b)
{
	const char *path = b->plan->read;
	struct stat st;

	b->data_fd = open_strict(path, O_RDONLY, 0);
	if (b->data_fd < 0 || fstat(b->data_fd, &st) != 0)
		return open_failed(r, b, path);
	if (!S_ISREG(st.st_mode) || st.st_size > READ_BYTES_MAX)
		return run_fail(r, b, -EFBIG, "cut it: editcap, tcpdump -C",
				"capture %s: not a plain file of at most 1 GiB, which is held in memory",
				path);
	if (!r->plan->host.ignore_cores &&
	    (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
		return run_fail(r, b, -EPERM, "chown root, chmod go-w",
				"capture %s: not root's alone to write, and root is to use it", path);
	b->facts.flags |= VANITY_GRANT_READS;
	b->facts.data_at = DATA_AT;
	b->facts.data_bytes = (uint64_t)st.st_size;
	return 0;
}

static int write_open(struct run *r, struct bound *b)
{
	const char *path = b->plan->write;
	struct stat st;

	b->keep = open_strict(path, O_WRONLY | O_APPEND | O_CREAT, 0640);
	if (b->keep < 0 || fstat(b->keep, &st) != 0)
		return open_failed(r, b, path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid())
		return run_fail(r, b, -EPERM, "name another, or remove it",
				"capture %s: not a plain file of this user with one name only", path);
	if (flock(b->keep, LOCK_EX | LOCK_NB) != 0)
		return run_fail(r, b, -errno, "stop the system that writes it",
				"capture %s: %s", path, errno == EWOULDBLOCK ? "somebody writes it" : strerror(errno));
	if (ftruncate(b->keep, 0) != 0)
		return run_fail(r, b, -errno, "", "capture %s: %s", path, strerror(errno));
	b->facts.flags |= VANITY_GRANT_WRITES;
	return 0;
}

int pcap_bind(struct run *r)
{
	struct bound *b = &r->bound[0];

	b->facts.pace = b->plan->pace;
	b->facts.pace_per_s = b->plan->pace_per_s;
	if (b->plan->read[0] != '\0' && read_open(r, b) != 0)
		return -1;
	return b->plan->write[0] != '\0' ? write_open(r, b) : 0;
}
