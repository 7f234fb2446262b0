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

static void answer_judge(struct keeper *k, const struct netdev_heard *h)
{
	const struct netdev_answer *a = &h->answer;
	uint32_t kind, have = 1u << KEEPER_DEVICE_KEEP | 1u << KEEPER_DEVICE_FACTS;
	struct keeper_netdev *n = &k->netdev;

	if (a->device >= k->plan->device_count || n->missing == 0 ||
	    !netdev_together(k->plan, n->device, a->device))
		return;
	kind = k->plan->device[a->device].kind;
	have |= kind == VANITY_GRANT_XDP ? 1u << KEEPER_DEVICE_LINK : 0;
	if (a->error != 0) {
		n->missing = 0;
		rebind_end(k, n->device, a->error, a->words);
	} else if (a->have == have) {
		n->missing--;
		device_replace(k, a->device, have, h->fd);
	}
}

void keeper_netdev_hear(struct keeper *k)
{
	struct netdev_heard heard;
	int result = netdev_hear(k->netdev.fd, MSG_DONTWAIT, &heard);

	if (result > 0) {
		answer_judge(k, &heard);
		netdev_drop(&heard);
	} else if (result == 0 && k->netdev.missing > 0) {
		k->netdev.missing = 0;
		rebind_end(k, k->netdev.device, -EIO, "vanity-netdev ended");
	}
	/* Before vanityd is told: it may ask for the next at once. */
	if (k->netdev.missing == 0) {
		close(k->netdev.fd);
		k->netdev.fd = -1;
	}
}
