/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_huge.c: enough huge pages for the plan, taken from the machine and given back.
 *
 * nr_hugepages belongs to everybody: it is raised by what is missing and lowered by exactly what
 * it rose, never set. A lock keeps two starts from counting the same free pages, from the count
 * until the pages are ours.
 *
 * A kill may fall between a change and the line of the journal that tells of it. So whoever holds
 * the lock writes the one change he is about to make into the lock's file first:
 *
 *      up|down NODE KIB FROM TO RUN
 *        change nr_hugepages
 *        "hugepages-got NODE KIB COUNT" into RUN's journal: so many are RUN's from now on
 *      (empty)
 *
 * Whoever takes the lock next finds what was cut short, and brings it to its end before it looks
 * at the count: nobody of ours has changed it since. Each step may be done twice.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANY_NODE (-1)
#define LOCK_MS 2000u
#define CHANGE_BYTES_MAX (PATHS_BYTES + 128u)
#define RUN_SCAN "511"
_Static_assert(PATHS_BYTES == 512, "RUN_SCAN is one less");
#define UNDO_LOCK_MS 10000u /* a start that takes gigabytes may hold it for so long */

static void huge_path(char *ret, size_t room, int node, unsigned long kib, const char *file)
{
	if (node == ANY_NODE)
		snprintf(ret, room, "/sys/kernel/mm/hugepages/hugepages-%lukB/%s", kib, file);
	else
		snprintf(ret, room, "/sys/devices/system/node/node%d/hugepages/hugepages-%lukB/%s",
			 node, kib, file);
}

static long huge_read(int node, unsigned long kib, const char *file)
{
	char path[160], text[32] = "";
	int fd;
	ssize_t n;

	huge_path(path, sizeof(path), node, kib, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : -1;
}

static int huge_write(int node, unsigned long kib, long count)
{
	char path[160], text[32];
	int fd, n, error;

	huge_path(path, sizeof(path), node, kib, "nr_hugepages");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%ld", count);
	error = write(fd, text, (size_t)n) == n ? 0 : -errno;
	close(fd);
	return error;
}

/* --- one change, and its end --------------------------------------------------------------- */

struct change {
	int node;
	unsigned long kib;
	long from, to;
};

static int change_announce(int lock_fd, const struct change *c, const char *run, char *ret_why,
			   size_t room)
{
	char text[CHANGE_BYTES_MAX];
	int n = snprintf(text, sizeof(text), "%s %d %lu %ld %ld %s\n",
			 c->to < c->from ? "down" : "up", c->node, c->kib, c->from, c->to, run);
	ssize_t written = n < (int)sizeof(text) ? pwrite(lock_fd, text, (size_t)n, 0) : 0;

	if (written == n)
		return 0;
	snprintf(ret_why, room, "lock of the huge pages: %s",
		 written < 0 ? strerror(errno) : "no room");
	/* Half a line announces nothing; the file was empty before. */
	(void)!ftruncate(lock_fd, 0);
	return -1;
}

/* Begins a line of its own, whatever a kill or a full disk left of the one before. */
static int journal_tell(const char *run, const struct change *c, long ours)
{
	char path[PATHS_BYTES + 16], line[96];
	int fd, n, error;

	snprintf(path, sizeof(path), "%s/" SETUP_JOURNAL, run);
	fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* removed by hand: nobody to tell */
	n = snprintf(line, sizeof(line), "\nhugepages-got %d %lu %ld\n", c->node, c->kib, ours);
	errno = ENOSPC;
	error = write(fd, line, (size_t)n) == n && fdatasync(fd) == 0 ? 0 : -errno;
	close(fd);
	return error;
}

int setup_huge_settle(int lock_fd, char *ret_why, size_t room)
{
	char text[CHANGE_BYTES_MAX + 1], way[8], run[PATHS_BYTES];
	ssize_t n = pread(lock_fd, text, sizeof(text) - 1, 0);
	struct change c;
	long now, ours = 0;
	int error = 0;

	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n' &&
	    sscanf(text, "%7s %d %lu %ld %ld %" RUN_SCAN "[^\n]", way, &c.node, &c.kib, &c.from,
		   &c.to, run) == 6) {
		now = huge_read(c.node, c.kib, "nr_hugepages");
		/* Never upwards, and not what somebody else has added since. */
		if (c.to < c.from && now > c.to && now <= c.from)
			error = huge_write(c.node, c.kib, c.to);
		if (c.to > c.from && now > c.from)
			ours = (now < c.to ? now : c.to) - c.from;
		if (error != 0) {
			snprintf(ret_why, room, "nr_hugepages: %s", strerror(-error));
		} else if ((error = journal_tell(run, &c, ours)) != 0) {
			snprintf(ret_why, room, "%s/" SETUP_JOURNAL ": %s", run, strerror(-error));
			return 1; /* stays announced, for the next */
		}
	}
	if (n != 0 && ftruncate(lock_fd, 0) != 0 && error == 0) {
		snprintf(ret_why, room, "lock of the huge pages: %s", strerror(errno));
		error = -1;
	}
	return error != 0;
}

/* --- up ------------------------------------------------------------------------------------ */

/* Pages of one size that the plan wants near one node. */
static long huge_wanted(const struct setup *s, int node, uint32_t page_bytes)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->plan->region_count; i++) {
		const struct plan_region *r = &s->plan->region[i];
		int near = node != ANY_NODE ? setup_region_node(s->plan, "", i) : ANY_NODE;

		/* What may lie anywhere is counted on the first. */
		near = near > 0 ? near : 0;
		if (r->page_bytes == page_bytes && (node == ANY_NODE || near == node))
			bytes += r->bytes;
	}
	return (long)(bytes / page_bytes);
}

static int huge_raise(struct setup *s, int node, uint32_t page_bytes)
{
	unsigned long kib = page_bytes / 1024;
	long wanted = huge_wanted(s, node, page_bytes);
	long free = huge_read(node, kib, "free_hugepages"), reserved, got;
	char line[128], why[256];
	struct change c;

	if (wanted == 0)
		return 0;
	if (free < 0)
		return setup_fail(s, 4, "boot with huge pages, or use --dev",
				  "this machine has no huge pages of %lu KiB", kib);
	/* The count of reserved pages is the machine's, not a node's. */
	reserved = huge_read(ANY_NODE, kib, "resv_hugepages");
	free -= reserved > 0 && node == ANY_NODE ? reserved : 0;
	if (free >= wanted)
		return 0;
	c = (struct change){ .node = node,
			     .kib = kib,
			     .from = huge_read(node, kib, "nr_hugepages") };
	c.to = c.from + wanted - free;
	snprintf(line, sizeof(line), "hugepages %d %lu %ld %ld\n", node, kib, c.from, c.to);
	if (setup_journal_write(s, line) != 0)
		return -1;
	if (change_announce(s->hugepages_fd, &c, s->result->run, why, sizeof(why)) != 0)
		return setup_fail(s, 4, "free some room there", "%s", why);
	huge_write(node, kib, c.to);
	got = huge_read(node, kib, "nr_hugepages") - c.from;
	if (setup_huge_settle(s->hugepages_fd, why, sizeof(why)) != 0)
		return setup_fail(s, 4, "free some room there", "%s", why);
	if (got < wanted - free)
		return setup_fail(s, 4, "reserve them early: vm.nr_hugepages",
				  "%ld huge pages of %lu KiB are needed, %ld are to be had", wanted,
				  kib, free + (got > 0 ? got : 0));
	return 0;
}

int setup_huge_reserve(struct setup *s)
{
	uint32_t page_bytes = s->plan->host.huge_page_bytes;
	int nodes = setup_numa_nodes(), fd;
	char why[256];

	s->numa = nodes > 1;
	if (page_bytes == 0 || huge_wanted(s, ANY_NODE, page_bytes) == 0)
		return 0;
	fd = setup_lock_take(s->lock_fd, "hugepages", "machine", LOCK_MS);
	if (fd < 0)
		return setup_fail(s, 4, "try again", "lock of the huge pages: %s", strerror(-fd));
	s->hugepages_fd = fd;
	if (setup_huge_settle(fd, why, sizeof(why)) != 0)
		return setup_fail(s, 4, "try again", "%s", why);
	if (!s->numa)
		return huge_raise(s, ANY_NODE, page_bytes);
	for (int node = 0; node < nodes; node++)
		if (huge_raise(s, node, page_bytes) != 0)
			return -1;
	return 0;
}

/* --- down ---------------------------------------------------------------------------------- */

int setup_huge_lock(char *ret_why, size_t room)
{
	int folder = setup_lock_folder(ret_why, room), fd;

	if (folder < 0)
		return -1;
	fd = setup_lock_take(folder, "hugepages", "machine", UNDO_LOCK_MS);
	close(folder);
	if (fd < 0)
		snprintf(ret_why, room, "lock of the huge pages: %s", strerror(-fd));
	return fd < 0 ? -1 : fd;
}

int setup_huge_undo(int lock_fd, const char *run, const char *line, char *ret_why, size_t room)
{
	struct change c;
	long ours;

	if (sscanf(line, "hugepages-got %d %lu %ld", &c.node, &c.kib, &ours) != 3 || ours <= 0)
		return 0;
	c.from = huge_read(c.node, c.kib, "nr_hugepages");
	if (c.from < 0)
		return 0; /* the node is gone, and its pages */
	c.to = c.from > ours ? c.from - ours : 0;
	if (c.to == c.from)
		return 0;
	if (change_announce(lock_fd, &c, run, ret_why, room) != 0)
		return 1;
	return setup_huge_settle(lock_fd, ret_why, room);
}
