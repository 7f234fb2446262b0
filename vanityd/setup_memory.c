/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_memory.c: the regions of the plan, and sealed copies of what must not change.
 *
 * A region is a memfd of exactly its size, every page present, its size sealed (writing is not: a
 * successor must map it anew). Its mode is 0400, for a memfd is born 0777 and could be opened
 * again, for writing, by whoever gets near a descriptor. Readers get another open file, made
 * read-only: a mapping of it can neither become writable nor punch holes.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

static int reopen(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* An executable one must say so where the machine's default is not to be (vm.memfd_noexec = 1).
 * Where it may not be one at all (2, EACCES), one that cannot be executed is no help either. */
static int memfd(const char *name, mode_t mode)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = -1;

	if ((mode & 0111) != 0) {
		fd = memfd_create(name, flags | MFD_EXEC);
		if (fd < 0 && errno != EINVAL)
			return -1;
	}
	return fd >= 0 ? fd : memfd_create(name, flags);
}

static int fill(int fd, const void *bytes, size_t count, int from_fd)
{
	struct stat st;
	off_t at = 0;

	for (size_t done = 0; bytes != NULL && done < count;) {
		ssize_t n = write(fd, (const char *)bytes + done, count - done);

		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	if (from_fd < 0)
		return 0;
	if (fstat(from_fd, &st) != 0)
		return -1;
	while (at < st.st_size) {
		ssize_t n = sendfile(fd, from_fd, &at, (size_t)(st.st_size - at));

		if (n == 0)
			errno = EIO; /* it shrank meanwhile */
		if (n <= 0)
			return -1;
	}
	return 0;
}

/* A read-only descriptor of a sealed copy of @bytes or of a file; -1 after setup_fail(). */
int setup_sealed(struct setup *s, const char *name, const void *bytes, size_t count, mode_t mode,
		 int from_fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	int fd = memfd(name, mode), ro = -1;

	if (fd < 0 && errno == EACCES && (mode & 0111) != 0) {
		setup_fail(s, 4, "set vm.memfd_noexec = 0 or 1",
			   "%s: this machine executes nothing from memory", name);
		return -1;
	}
	if (fd >= 0 && fill(fd, bytes, count, from_fd) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0)
		ro = reopen(fd);
	if (ro >= 0 && fchmod(fd, mode) != 0) {
		close(ro);
		ro = -1;
	}
	if (ro < 0)
		setup_fail(s, 1, "", "a sealed copy of %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ro;
}

static int region_fail(struct setup *s, const struct plan_region *r, int error)
{
	if (r->page_bytes > s->plan->host.page_bytes)
		return setup_fail(s, 4, "reserve them early: vm.nr_hugepages",
				  "%llu KiB of huge pages: %s", (unsigned long long)r->bytes / 1024,
				  strerror(error));
	return setup_fail(s, 4, "free memory, or make the pools smaller", "%llu KiB of memory: %s",
			  (unsigned long long)r->bytes / 1024, strerror(error));
}

static int region_make(struct setup *s, uint32_t n)
{
	const struct plan_region *r = &s->plan->region[n];
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	char name[24];
	int fd, ro;

	if (r->page_bytes > s->plan->host.page_bytes)
		flags |= MFD_HUGETLB |
			 (unsigned)__builtin_ctz(r->page_bytes) << MAP_HUGE_SHIFT;
	snprintf(name, sizeof(name), "region-%u", n);
	fd = memfd_create(name, flags);
	if (fd < 0)
		return region_fail(s, r, errno);
	/* Taken now, from this node, rather than when a shard first touches it. */
	if (fallocate(fd, 0, 0, (off_t)r->bytes) != 0 || fchmod(fd, 0400) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		int error = errno;

		close(fd);
		return region_fail(s, r, error);
	}
	ro = reopen(fd);
	if (setup_place(s, fd, keeper_fd_region(n, PLAN_RW), name) != 0) {
		if (ro >= 0)
			close(ro);
		return -1;
	}
	return setup_place(s, ro, keeper_fd_region(n, PLAN_RO), name);
}

int setup_memory(struct setup *s)
{
	for (uint32_t i = 0; i < s->plan->region_count; i++) {
		int node = s->numa ? setup_region_node(s->plan, "", i) : -1;

		if (node >= 0)
			setup_numa_prefer(node);
		if (region_make(s, i) != 0)
			return -1;
		if (s->numa)
			setup_numa_default();
	}
	/* The pages are ours: others may count again. */
	if (s->hugepages_fd >= 0)
		close(s->hugepages_fd);
	s->hugepages_fd = -1;
	return 0;
}
