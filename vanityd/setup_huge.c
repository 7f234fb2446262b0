/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_huge.c: enough huge pages for the plan, taken from the machine and given back.
 *
 * nr_hugepages belongs to everybody: it is raised by what is missing and lowered by exactly what
 * it rose, never set. A lock keeps two starts from counting the same free pages, from the count
 * until the pages are ours.
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

/* Pages of one size that the plan wants near one node. */
static long huge_wanted(const struct setup *s, int node, uint32_t page_bytes)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->plan->region_count; i++) {
		const struct plan_region *r = &s->plan->region[i];
		const struct plan_shard *writer = r->a < s->plan->shard_count ? &s->plan->shard[r->a] :
										NULL;
		int near = writer != NULL && !writer->shared ? setup_numa_node(writer->core) : 0;

		if (r->page_bytes == page_bytes && (node == ANY_NODE || near == node))
			bytes += r->bytes;
	}
	return (long)(bytes / page_bytes);
}

static int huge_raise(struct setup *s, int node, uint32_t page_bytes)
{
	unsigned long kib = page_bytes / 1024;
	long wanted = huge_wanted(s, node, page_bytes);
	long free = huge_read(node, kib, "free_hugepages"), reserved, now, got;
	char line[128];

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
	now = huge_read(node, kib, "nr_hugepages");
	snprintf(line, sizeof(line), "hugepages %d %lu %ld %ld\n", node, kib, now,
		 now + wanted - free);
	if (setup_journal_write(s, line) != 0)
		return -1;
	huge_write(node, kib, now + wanted - free);
	got = huge_read(node, kib, "nr_hugepages") - now;
	snprintf(line, sizeof(line), "hugepages-got %d %lu %ld\n", node, kib, got > 0 ? got : 0);
	if (setup_journal_write(s, line) != 0)
		return -1;
	if (got < wanted - free)
		return setup_fail(s, 4, "reserve them early: vm.nr_hugepages",
				  "%ld huge pages of %lu KiB are needed, %ld are to be had", wanted, kib,
				  free + (got > 0 ? got : 0));
	return 0;
}

int setup_huge_reserve(struct setup *s)
{
	uint32_t page_bytes = s->plan->host.huge_page_bytes;
	int nodes = setup_numa_nodes(), fd;

	s->numa = nodes > 1;
	if (page_bytes == 0 || huge_wanted(s, ANY_NODE, page_bytes) == 0)
		return 0;
	fd = setup_lock_take(s->lock_fd, "hugepages", "machine", LOCK_MS);
	if (fd < 0)
		return setup_fail(s, 4, "try again", "lock of the huge pages: %s", strerror(-fd));
	s->hugepages_fd = fd;
	if (!s->numa)
		return huge_raise(s, ANY_NODE, page_bytes);
	for (int node = 0; node < nodes; node++)
		if (huge_raise(s, node, page_bytes) != 0)
			return -1;
	return 0;
}

int setup_huge_undo(const char *line, char *ret_why, size_t room)
{
	long now, before = 0, count = 0;
	unsigned long kib;
	int node, error;

	if (sscanf(line, "hugepages-got %d %lu %ld", &node, &kib, &count) == 3) {
		now = huge_read(node, kib, "nr_hugepages");
	} else if (sscanf(line, "hugepages %d %lu %ld %ld", &node, &kib, &before, &count) == 4) {
		/* Killed between the announcement and the count: whatever is there beyond what was,
		 * up to what was wanted, is taken as ours. */
		now = huge_read(node, kib, "nr_hugepages");
		count = now < count ? now - before : count - before;
	} else {
		return 0; /* not a line of ours */
	}
	if (count <= 0 || now < 0)
		return 0;
	error = huge_write(node, kib, now > count ? now - count : 0);
	if (error == 0)
		return 0;
	snprintf(ret_why, room, "nr_hugepages: %s", strerror(-error));
	return 1;
}
