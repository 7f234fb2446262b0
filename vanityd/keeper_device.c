/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_device.c: devices bound anew, by vanity-netdev, while the system runs.
 *
 *      REBIND --> vanity-netdev --answers--> the three descriptors of each device are replaced
 *                                            where they lie; vanityd is told; what a living shard
 *                                            has of the old ones it keeps until it is restarted
 *
 * What vanity-netdev says is checked like all that comes from outside: one size, a device of this
 * run, exactly the descriptors that its kind has.
 */
#include "keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void rebind_end(struct keeper *k, uint32_t device, int error, const char *words)
{
	struct keeper_device *d = &k->device[device];

	/* The same reason again is no news. */
	if (error != 0 && error != d->error)
		keeper_say(k, "not bound anew:", PLAN_NONE, 0, words, error);
	d->error = error;
	d->tell = TELL_DEVICE;
}

void keeper_rebind(struct keeper *k, uint32_t device)
{
	struct keeper_netdev *n = &k->netdev;
	int error;

	n->device = device;
	n->epoch = k->device[device].epoch + 1;
	n->missing = 0;
	for (uint32_t i = 0; i < k->plan->device_count; i++)
		n->missing += netdev_together(k->plan, device, i) != 0;
	error = keeper_netdev_start(k);
	if (error != 0)
		rebind_end(k, device, error, "vanity-netdev");
}

static void device_replace(struct keeper *k, uint32_t device, uint32_t have, const int *fd)
{
	int own = keeper_fd_device(k->plan, device), error = 0;

	for (int i = 0; i < KEEPER_DEVICE_FDS; i++)
		if ((have >> i & 1) != 0 && dup3(*fd++, own + i, O_CLOEXEC) < 0)
			error = -errno;
	k->device[device].epoch = k->netdev.epoch;
	k->device[device].stale = k->shard[k->plan->device[device].shard].generation;
	rebind_end(k, device, error, "descriptors");
}

static void answer_judge(struct keeper *k, struct netdev_answer *a, const int *fd, uint32_t fd_count)
{
	uint32_t kind, have = 1u << KEEPER_DEVICE_KEEP | 1u << KEEPER_DEVICE_FACTS;
	struct keeper_netdev *n = &k->netdev;

	if (a->magic != NETDEV_MAGIC || a->device >= k->plan->device_count || n->missing == 0 ||
	    !netdev_together(k->plan, n->device, a->device))
		return;
	a->words[sizeof(a->words) - 1] = '\0';
	kind = k->plan->device[a->device].kind;
	have |= kind == VANITY_GRANT_XDP ? 1u << KEEPER_DEVICE_LINK : 0;
	if (a->error != 0) {
		n->missing = 0;
		rebind_end(k, n->device, a->error, a->words);
	} else if (a->have == have && fd_count == (uint32_t)__builtin_popcount(have)) {
		n->missing--;
		device_replace(k, a->device, have, fd);
	}
}

void keeper_netdev_hear(struct keeper *k)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * NETDEV_ANSWER_FDS)];
		struct cmsghdr align;
	} control;
	struct netdev_answer answer;
	struct iovec iov = { &answer, sizeof(answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t bytes = recvmsg(k->netdev.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = bytes > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int fd[NETDEV_ANSWER_FDS];
	uint32_t count = 0;

	if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (bytes <= 0) {
		if (k->netdev.missing > 0)
			rebind_end(k, k->netdev.device, -EIO, "vanity-netdev ended");
		close(k->netdev.fd);
		k->netdev.fd = -1;
		return;
	}
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fd, CMSG_DATA(c), count * sizeof(int));
	}
	if (bytes == sizeof(answer))
		answer_judge(k, &answer, fd, count);
	while (count > 0)
		close(fd[--count]);
}
