/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_lock.c: one holder a system name, a core, a device, a range of uids.
 *
 * A lock is a flock on a file that is never removed. The keeper inherits the open file, so the
 * lock lives exactly as long as the keeper: no kill leaves one behind.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A uid a shard, from 0x76000000 on ("v"), 256 a system, and behind all those one a system for its
 * vanityd: below 2^31, above what people assign. No two systems share one, nor does any user: vanityd
 * can neither be signalled by another's nor be taken for somebody with rights of his own. */
#define UID_BASE 0x76000000u
#define UID_SLOTS 256u
#define UID_DAEMONS (UID_BASE + UID_SLOTS * VANITY_SHARDS_MAX)
#define ENDING_MS 300u /* how long a keeper that just ended may hold its lock */

int setup_lock_folder(char *ret_why, size_t room)
{
	char path[PATHS_BYTES + 8], root[PATHS_BYTES];
	int fd;

	if (paths_runtime_root(root) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/.lock", root);
	if (paths_make_private(path, ret_why, room) != 0)
		return -1;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		snprintf(ret_why, room, "%s: %s", path, strerror(errno));
	return fd;
}

/* Return: a descriptor that holds it; -EWOULDBLOCK when another holds it; -errno. */
int setup_lock_take(int folder, const char *kind, const char *name, unsigned patience_ms)
{
	char file[64];
	int fd, error;

	snprintf(file, sizeof(file), "%s-%s", kind, name);
	fd = openat(folder, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited++) {
		error = errno;
		if (error == EWOULDBLOCK && waited < patience_ms) {
			poll(NULL, 0, 1);
			continue;
		}
		close(fd);
		return -error;
	}
	return fd;
}

static int lock_system(struct setup *s)
{
	int fd = setup_lock_take(s->lock_fd, "system", s->plan->system, ENDING_MS);

	if (fd == -EWOULDBLOCK)
		return setup_fail(s, 1, "stop it first: vanityd stop", "system %s is running already",
				  s->plan->system);
	errno = -fd;
	return setup_place(s, fd, KEEPER_FD_SYSTEM_LOCK, "lock of the system");
}

static int lock_cores(struct setup *s)
{
	for (uint32_t i = 0; i < s->plan->shard_count; i++) {
		const struct plan_shard *p = &s->plan->shard[i];
		char name[16];
		int fd;

		if (p->shared)
			continue;
		snprintf(name, sizeof(name), "%u", p->core);
		fd = setup_lock_take(s->lock_fd, "core", name, ENDING_MS);
		if (fd == -EWOULDBLOCK)
			return setup_fail(s, 4, "give the shard another core, or cores = shared",
					  "core %u, wanted by shard %s, is another system's", p->core,
					  p->name);
		errno = -fd;
		if (setup_place(s, fd, s->lock_at++, "lock of a core") != 0)
			return -1;
	}
	return 0;
}

/* A name that no two devices have: of interfaces there are as many as network namespaces. Return: 0;
 * 1 where two may well have the same. */
static int device_name(const struct plan_device *d, char *ret, size_t room)
{
	char space[64] = "";
	unsigned long long number = 0;
	ssize_t n;

	if (d->backend == PLAN_BACKEND_VFIO) {
		snprintf(ret, room, "%s", strncmp(d->match, "pci ", 4) == 0 ? d->match + 4 : d->match);
		for (char *at = ret; *at != '\0'; at++)
			*at = *at == '/' ? '-' : *at;
		return 0;
	}
	if (d->backend != PLAN_BACKEND_XDP && d->backend != PLAN_BACKEND_TUNTAP)
		return 1;
	n = readlink("/proc/self/ns/net", space, sizeof(space) - 1);
	if (n <= 0 || sscanf(space, "net:[%llu]", &number) != 1)
		number = 0;
	snprintf(ret, room, "%llu-%s-%u", number, d->interface, d->queue);
	return 0;
}

static int lock_devices(struct setup *s)
{
	for (uint32_t i = 0; i < s->plan->device_count; i++) {
		const struct plan_device *d = &s->plan->device[i];
		char name[48];
		int fd;

		if (d->shard == PLAN_NONE || device_name(d, name, sizeof(name)) != 0)
			continue;
		fd = setup_lock_take(s->lock_fd,
				     d->backend == PLAN_BACKEND_VFIO ? "device-pci" : "device-net", name,
				     ENDING_MS);
		if (fd == -EWOULDBLOCK)
			return setup_fail(s, 4, "stop it first, or match another one",
					  "device %s (%s, queue %u) is another system's", d->name,
					  d->match, d->queue);
		errno = -fd;
		if (setup_place(s, fd, s->lock_at++, "lock of a device") != 0)
			return -1;
	}
	return 0;
}

static int lock_uids(struct setup *s)
{
	for (uint32_t slot = 0; slot < UID_SLOTS; slot++) {
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "%u", slot);
		fd = setup_lock_take(s->lock_fd, "slot", name, 0);
		if (fd == -EWOULDBLOCK)
			continue;
		s->hand.shard_uid = UID_BASE + VANITY_SHARDS_MAX * slot;
		s->hand.daemon_uid = s->hand.daemon_gid = UID_DAEMONS + slot;
		errno = -fd;
		return setup_place(s, fd, KEEPER_FD_SLOT_LOCK, "lock of uids");
	}
	return setup_fail(s, 4, "stop one", "%u systems run already", UID_SLOTS);
}

int setup_lock_all(struct setup *s)
{
	char why[256] = "";

	s->lock_fd = setup_lock_folder(why, sizeof(why));
	/* A user's runtime root may lie where others got first, /tmp before all. Root's does not. */
	if (s->lock_fd < 0)
		return setup_fail(s, 4,
				  geteuid() == 0 ? "" : "set XDG_RUNTIME_DIR to a folder of your own, mode 0700",
				  "%s", why);
	if (lock_system(s) != 0)
		return -1;
	if (lock_devices(s) != 0)
		return -1;
	/* Without root, core numbers are ignored and uids are the user's. */
	if (s->options->dev)
		return 0;
	return lock_cores(s) != 0 ? -1 : lock_uids(s);
}
