/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_device.c: devices bound anew, by vanity-netdev, while the system runs.
 *
 *      REBIND --> vanity-netdev --answers--> kept aside; when all of the run are there, the three
 *                                            descriptors of each device are replaced where they
 *                                            lie; vanityd is told; what a living shard has of the
 *                                            old ones it keeps until it is restarted
 *
 * All or none, as it was bound: half a run would hold the queues that the next try needs.
 *
 * What vanity-netdev says is checked like all that comes from outside: one size, a device of this
 * run, exactly the descriptors that its kind has.
 */
#include "keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void rebind_end(struct keeper *k, uint32_t device, int error, const char *words,
		       const char *remedy)
{
	struct keeper_device *d = &k->device[device];

	/* The same reason again is no news. */
	if (error != 0 && error != d->error) {
		keeper_say(k, "not bound anew:", PLAN_NONE, 0, words, error);
		if (remedy[0] != '\0')
			keeper_say(k, "remedy:", PLAN_NONE, 0, remedy, KEEPER_NO_NUMBER);
	}
	d->error = error;
	d->tell = TELL_DEVICE;
}

/* A run's epoch is new to each of its devices. */
void keeper_rebind(struct keeper *k, uint32_t device)
{
	struct keeper_netdev *n = &k->netdev;
	int error;

	n->device = device;
	n->epoch = 0;
	n->missing = 0;
	for (uint32_t i = 0; i < k->plan->device_count; i++) {
		if (!netdev_together(k->plan, device, i))
			continue;
		n->missing++;
		if (n->epoch <= k->device[i].epoch)
			n->epoch = k->device[i].epoch + 1;
	}
	error = keeper_netdev_start(k);
	if (error != 0)
		rebind_end(k, device, error, "vanity-netdev", "");
}

/* Out of the room of children, who are made while we wait for the rest. Return: 0, or -errno. */
static int answer_keep(struct keeper_netdev *n, struct netdev_heard *h)
{
	int *kept = n->kept[h->answer.device], *fd = h->fd, error = 0;

	for (int i = 0; i < KEEPER_DEVICE_FDS; i++) {
		if ((h->answer.have >> i & 1) == 0)
			continue;
		kept[i] = keeper_keep(*fd++);
		error = kept[i] < 0 ? kept[i] : error;
	}
	h->fd_count = 0;
	n->missing--;
	return error;
}

static void kept_drop(struct keeper_netdev *n)
{
	for (uint32_t device = 0; device < VANITY_DEVICES_MAX; device++) {
		for (int i = 0; i < KEEPER_DEVICE_FDS; i++) {
			if (n->kept[device][i] > 0)
				close(n->kept[device][i]);
			n->kept[device][i] = 0;
		}
	}
}

static void device_replace(struct keeper *k, uint32_t device)
{
	int own = keeper_fd_device(k->plan, device), error = 0;
	const int *kept = k->netdev.kept[device];

	for (int i = 0; i < KEEPER_DEVICE_FDS; i++)
		if (kept[i] > 0 && dup3(kept[i], own + i, O_CLOEXEC) < 0)
			error = -errno;
	k->device[device].epoch = k->netdev.epoch;
	k->device[device].stale = k->shard[k->plan->device[device].shard].generation;
	rebind_end(k, device, error, "descriptors", "");
}

static void run_failed(struct keeper *k, int error, const char *words, const char *remedy)
{
	k->netdev.missing = 0;
	rebind_end(k, k->netdev.device, error, words, remedy);
}

static void answer_judge(struct keeper *k, struct netdev_heard *h)
{
	const struct netdev_answer *a = &h->answer;
	uint32_t have = 1u << KEEPER_DEVICE_KEEP | 1u << KEEPER_DEVICE_FACTS;
	struct keeper_netdev *n = &k->netdev;
	int error;

	if (a->device >= k->plan->device_count || n->missing == 0 ||
	    !netdev_together(k->plan, n->device, a->device))
		return;
	if (k->plan->device[a->device].kind == VANITY_GRANT_XDP)
		have |= 1u << KEEPER_DEVICE_LINK;
	if (a->error != 0) {
		run_failed(k, a->error, a->words, a->remedy);
		return;
	}
	if (a->have != have || n->kept[a->device][KEEPER_DEVICE_KEEP] != 0)
		return;
	error = answer_keep(n, h);
	if (error != 0) {
		run_failed(k, error, "descriptors", "");
		return;
	}
	for (uint32_t i = 0; i < k->plan->device_count && n->missing == 0; i++)
		if (netdev_together(k->plan, n->device, i))
			device_replace(k, i);
}

void keeper_netdev_hear(struct keeper *k)
{
	struct netdev_heard heard;
	int result = netdev_hear(k->netdev.fd, MSG_DONTWAIT, &heard);

	if (result > 0) {
		answer_judge(k, &heard);
		netdev_drop(&heard);
	} else if (result == 0 && k->netdev.missing > 0) {
		run_failed(k, -EIO, "vanity-netdev ended", "");
	}
	/* Before vanityd is told: it may ask for the next at once. */
	if (k->netdev.missing == 0) {
		kept_drop(&k->netdev);
		close(k->netdev.fd);
		k->netdev.fd = -1;
	}
}
