/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_device.c: the interfaces behind the devices, watched from outside.
 *
 *      SIOCGIFINDEX, FLAGS, MTU   every LOOK_NS, on a plain socket of setup's network namespace
 *        |
 *        +--> up, down, gone, MTU --> orders.link[] of the owner, a line in the log, status
 *        |
 *        +--> another interface of that name than the facts tell, or the same one after it had
 *             left (moved to another namespace and back) --> KEEPER_REBIND
 *                 |  KEEPER_DEVICE: bound, with new facts
 *                 v
 *             the owner lives since before the binding: a planned restart, not counted
 *
 * Levels again: what stands in the facts and what the kernel says now decide, so a successor of
 * this daemon goes on where the old one died. Two things neither tells: which generation of the
 * owner has the old binding, which the keeper says with the facts; and that an interface left and
 * came back under its own number, without its socket. That is an event (RTM_DELLINK), and is made
 * a level in the link word, in bits that are nobody else's, with the epoch it is true of.
 */
#include "daemon.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "netdev/hand.h"

#define LOOK_NS 100000000ull
#define WATCH_BURST 64u /* messages a look; more wait for the next */
#define REBIND_FIRST_NS 200000000ull
#define REBIND_MAX_NS 1000000000ull
/* After that the request or its answer was lost, and asking again is right. */
#define REBIND_PATIENCE_NS ((NETDEV_DEADLINE_S + 2) * 1000000000ull)

/* Beside ORDERS_LINK(): the epoch that was lost, 0 for none. */
#define LINK_LOST_AT 40
#define LINK_LOST(epoch) (((epoch) & 0x3fffff) << LINK_LOST_AT)
#define LINK_LOST_EPOCH(word) ((word) >> LINK_LOST_AT & 0x3fffff)

/* Where the owner is told of this device; NULL when it is not granted. */
static wire_u64 *link_word(const struct daemon *d, uint32_t device)
{
	uint32_t shard = d->plan->device[device].shard;

	for (uint32_t i = 0; shard != PLAN_NONE && i < d->plan->shard[shard].grant_count; i++)
		if (d->plan->shard[shard].grant[i] == device)
			return &d->shard[shard].orders->link[i];
	return NULL;
}

/* --- facts --------------------------------------------------------------------------------- */

/* Return: 0, or -EPROTO. The descriptor is closed either way. */
static int facts_map(struct daemon *d, uint32_t device, int fd)
{
	struct daemon_device *dev = &d->device[device];
	const struct vanity_grant_facts *facts = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(*facts))
		facts = mmap(NULL, sizeof(*facts), PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (facts == MAP_FAILED)
		return -EPROTO;
	if (facts->magic != VANITY_GRANT_MAGIC || facts->bytes != sizeof(*facts) ||
	    facts->kind != d->plan->device[device].kind) {
		munmap((void *)facts, sizeof(*facts));
		return -EPROTO;
	}
	if (dev->facts != NULL)
		munmap((void *)dev->facts, sizeof(*facts));
	dev->facts = facts;
	return 0;
}

static void rebind_failed(struct daemon *d, uint32_t device, int error)
{
	struct daemon_device *dev = &d->device[device];

	/* The keeper's line before this one has the reason in full. */
	if (error != dev->rebind_error)
		daemon_log(d, "device %s: could not be bound anew: %s; trying on",
			   d->plan->device[device].name, strerror(-error));
	dev->rebind_error = error;
	dev->backoff_ns = dev->backoff_ns == 0 ? REBIND_FIRST_NS : 2 * dev->backoff_ns;
	if (dev->backoff_ns > REBIND_MAX_NS)
		dev->backoff_ns = REBIND_MAX_NS;
	dev->rebind_after_ns = daemon_now_ns() + dev->backoff_ns;
}

/* It had not left: who said so in the link word was wrong, or not honest. */
static void rebind_needless(struct daemon *d, uint32_t device)
{
	for (uint32_t i = 0; i < d->plan->device_count; i++) {
		if (!netdev_together(d->plan, device, i))
			continue;
		d->device[i].lost = 0;
		d->device[i].interface.known = 0;
	}
	d->device[device].rebind_error = 0;
	d->device[device].rebind_after_ns = daemon_now_ns() + REBIND_MAX_NS;
	daemon_log(d, "device %s: is bound to %s as it was", d->plan->device[device].name,
		   d->plan->device[device].interface);
}

int device_take(struct daemon *d, const struct keeper_message *m, int fd)
{
	struct daemon_device *dev = &d->device[m->shard];
	int error = 0;

	d->rebind_until_ns = 0; /* its run is over */
	if (m->code == 0) {
		const wire_u64 *word = link_word(d, m->shard);

		error = facts_map(d, m->shard, fd);
		dev->epoch = m->value;
		dev->stale = m->generation;
		/* Only of this very binding: what was lost before it is mended by it. */
		dev->lost = word != NULL && LINK_LOST_EPOCH(wire_load(word)) == dev->epoch;
		dev->rebind_error = 0;
		dev->backoff_ns = dev->rebind_after_ns = 0;
		dev->interface.known = 0;
		if (d->ready && error == 0)
			daemon_log(d, "device %s: bound anew to %s, epoch %llu",
				   d->plan->device[m->shard].name,
				   d->plan->device[m->shard].interface,
				   (unsigned long long)dev->epoch);
	} else {
		if (fd >= 0)
			close(fd);
		if (m->code == -EALREADY)
			rebind_needless(d, m->shard);
		else
			rebind_failed(d, m->shard, m->code < 0 ? m->code : -EPROTO);
	}
	return error;
}

/* --- looking ------------------------------------------------------------------------------- */

static int ask(int fd, const char *name, unsigned long what, struct ifreq *ret)
{
	snprintf(ret->ifr_name, sizeof(ret->ifr_name), "%.15s", name);
	return ioctl(fd, what, ret);
}

static struct daemon_interface look(int fd, const char *name)
{
	struct daemon_interface now = { .known = 1, .link = VANITY_LINK_GONE };
	struct ifreq index, flags, mtu;

	if (ask(fd, name, SIOCGIFINDEX, &index) != 0 || ask(fd, name, SIOCGIFFLAGS, &flags) != 0 ||
	    ask(fd, name, SIOCGIFMTU, &mtu) != 0)
		return now;
	now.index = (uint32_t)index.ifr_ifindex;
	now.mtu = (uint32_t)mtu.ifr_mtu;
	/* Switched on, and with something at the other end of the cable. */
	now.link = (flags.ifr_flags & IFF_UP) != 0 && (flags.ifr_flags & IFF_RUNNING) != 0 ?
			   VANITY_LINK_UP :
			   VANITY_LINK_DOWN;
	return now;
}

static void link_write(struct daemon *d, uint32_t device, const struct daemon_interface *now)
{
	const struct daemon_device *dev = &d->device[device];
	wire_u64 *word = link_word(d, device);

	if (word != NULL)
		wire_store_release(word, ORDERS_LINK(now->link, now->mtu) |
						 (dev->lost ? LINK_LOST(dev->epoch) : 0));
}

static void link_log(struct daemon *d, uint32_t device, const struct daemon_interface *old,
		     const struct daemon_interface *now)
{
	static const char *const word[] = { [VANITY_LINK_UP] = "up", [VANITY_LINK_DOWN] = "down",
					    [VANITY_LINK_GONE] = "gone" };
	const struct plan_device *p = &d->plan->device[device];

	/* Up is what a first look expects. */
	if (old->known ? now->link != old->link : now->link != VANITY_LINK_UP)
		daemon_log(d, "device %s: interface %s is %s", p->name, p->interface,
			   word[now->link]);
	if (old->known && now->link != VANITY_LINK_GONE && old->link != VANITY_LINK_GONE &&
	    now->mtu != old->mtu)
		daemon_log(d, "device %s: MTU of %s is %u, was %u", p->name, p->interface, now->mtu,
			   old->mtu);
}

static void rebind_ask(struct daemon *d, uint32_t device)
{
	uint64_t now = daemon_now_ns();

	if (now < d->rebind_until_ns || now < d->device[device].rebind_after_ns || d->sums.stop)
		return;
	/* One of a run stands for all of it. */
	for (uint32_t i = 0; i < device; i++)
		if (netdev_together(d->plan, i, device))
			return;
	if (d->device[device].rebind_error == 0)
		daemon_log(d, "device %s: interface %s is back, binding it anew",
			   d->plan->device[device].name, d->plan->device[device].interface);
	if (keeper_send(d, KEEPER_REBIND, device, 0) == 0)
		d->rebind_until_ns = now + REBIND_PATIENCE_NS;
}

/* Is there still an interface of this number, under whatever name? */
static int index_exists(int fd, uint32_t index)
{
	struct ifreq request = { .ifr_ifindex = (int)index };

	return ioctl(fd, SIOCGIFNAME, &request) == 0;
}

static void device_look(struct daemon *d, uint32_t device)
{
	struct daemon_device *dev = &d->device[device];
	struct daemon_interface now = look(d->look_fd, d->plan->device[device].interface);
	uint32_t was_lost = dev->lost, other = now.index != dev->facts->ifindex;

	/* A tap goes with its descriptor through namespaces; a socket is unbound for good. */
	if (dev->facts->kind == VANITY_GRANT_XDP && other)
		dev->lost |= !index_exists(d->look_fd, dev->facts->ifindex);
	/* Another interface of that name, or one that left, carries none of our packets. */
	if (other || dev->lost)
		now.link = VANITY_LINK_GONE;
	if (!dev->interface.known || now.link != dev->interface.link ||
	    now.mtu != dev->interface.mtu || dev->lost != was_lost) {
		link_write(d, device, &now);
		link_log(d, device, &dev->interface, &now);
	}
	dev->interface = now;
	if (now.index != 0 && (other || dev->lost))
		rebind_ask(d, device);
}

/* One that left and came back between two looks would look as if nothing had been. */
static void watch_left(struct daemon *d, uint32_t index)
{
	for (uint32_t i = 0; i < d->plan->device_count; i++) {
		struct daemon_device *dev = &d->device[i];

		if (dev->facts == NULL || dev->facts->kind != VANITY_GRANT_XDP ||
		    dev->facts->ifindex != index || dev->lost)
			continue;
		dev->lost = 1;
		dev->interface.mtu = 0; /* the next look differs, and is written */
	}
}

static void watch_hear(struct daemon *d, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);

	/* A bridge's port that left the bridge says the same, of another family. */
	if (h->nlmsg_type == RTM_DELLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof(*i)) &&
	    i->ifi_family == AF_UNSPEC)
		watch_left(d, (uint32_t)i->ifi_index);
}

static int watch_open(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const void *)&address, sizeof(address)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Without it, or when it overflows, there still are the looks. */
static void watch_read(struct daemon *d)
{
	static union {
		struct nlmsghdr head;
		char bytes[32768];
	} message;
	struct sockaddr_nl from;
	socklen_t from_bytes = sizeof(from);
	ssize_t n;

	for (uint32_t i = 0; i < WATCH_BURST; i++) {
		n = recvfrom(d->watch_fd, &message, sizeof(message), 0, (void *)&from, &from_bytes);
		if (n < (ssize_t)sizeof(struct nlmsghdr))
			return;
		/* Of the kernel alone: any process may write to this one's address. */
		if (from.nl_pid != 0)
			continue;
		for (const struct nlmsghdr *h = &message.head; NLMSG_OK(h, (size_t)n);
		     h = NLMSG_NEXT(h, n))
			watch_hear(d, h);
	}
}

/* A generation from before the binding that stands has the rings of the one before. */
static void device_owner(struct daemon *d, uint32_t device)
{
	struct daemon_device *dev = &d->device[device];
	uint32_t shard = d->plan->device[device].shard;
	uint32_t alive = d->shard[shard].alive;

	if (alive == 0 || alive > dev->stale || dev->restarted == alive)
		return;
	dev->restarted = alive;
	daemon_log(d, "%s.%u: planned restart: device %s was bound anew", d->plan->shard[shard].name,
		   alive, d->plan->device[device].name);
	life_restart(&d->life, shard, LIFE_FAULT_REBOUND);
}

void devices_open(struct daemon *d)
{
	for (uint32_t i = 0; i < d->plan->device_count && d->look_fd < 0; i++) {
		if (!netdev_rebindable(d->plan, i))
			continue;
		d->look_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		d->watch_fd = watch_open();
	}
}

void daemon_devices(struct daemon *d)
{
	uint64_t now = daemon_now_ns();

	for (uint32_t i = 0; i < d->plan->device_count; i++)
		if (d->device[i].stale != 0)
			device_owner(d, i);
	if (now - d->looked_ns < LOOK_NS)
		return;
	d->looked_ns = now;
	if (d->watch_fd >= 0)
		watch_read(d);
	for (uint32_t i = 0; i < d->plan->device_count; i++) {
		if (d->device[i].facts == NULL || !netdev_rebindable(d->plan, i))
			continue;
		if (d->look_fd >= 0)
			device_look(d, i);
	}
}

/* --- report -------------------------------------------------------------------------------- */

/* How packets move, in a word or two. */
static json_t *mode(const struct vanity_grant_facts *f)
{
	uint32_t pcap = f->flags & (VANITY_GRANT_READS | VANITY_GRANT_WRITES);

	switch (f->kind) {
	case VANITY_GRANT_XDP:
		return json_sprintf("%s%s",
				    f->flags & VANITY_GRANT_ZERO_COPY ? "zero-copy" : "copy",
				    f->flags & VANITY_GRANT_GENERIC ? ", generic" : "");
	case VANITY_GRANT_TAP:
		return json_string("tap");
	case VANITY_GRANT_TUN:
		return json_string("tun");
	case VANITY_GRANT_PCAP:
		return json_string(pcap == VANITY_GRANT_READS  ? "read" :
				   pcap == VANITY_GRANT_WRITES ? "write" :
								 "read, write");
	default:
		return json_string("loop");
	}
}

static json_t *device_report(const struct daemon *d, uint32_t device)
{
	static const char *const backend[] = {
		[PLAN_BACKEND_VFIO] = "vfio",	  [PLAN_BACKEND_XDP] = "xdp",
		[PLAN_BACKEND_DPDK] = "dpdk",	  [PLAN_BACKEND_TUNTAP] = "tuntap",
		[PLAN_BACKEND_PCAP] = "pcap",	  [PLAN_BACKEND_LOOP] = "loop",
	};
	static const char *const link[] = { [VANITY_LINK_UP] = "up", [VANITY_LINK_DOWN] = "down",
					    [VANITY_LINK_GONE] = "gone" };
	const struct plan_device *p = &d->plan->device[device];
	const struct daemon_device *dev = &d->device[device];
	json_t *report = json_object();

	json_object_set_new(report, "name", json_string(p->name));
	json_object_set_new(report, "backend",
			    p->backend <= PLAN_BACKEND_LOOP ? json_string(backend[p->backend]) :
							      json_null());
	json_object_set_new(report, "shard",
			    p->shard != PLAN_NONE ? json_string(d->plan->shard[p->shard].name) :
						    json_null());
	json_object_set_new(report, "mode", dev->facts != NULL ? mode(dev->facts) : json_null());
	json_object_set_new(report, "epoch", json_integer((json_int_t)dev->epoch));
	if (dev->facts == NULL || p->interface[0] == '\0')
		return report;
	json_object_set_new(report, "interface", json_string(p->interface));
	if (p->kind == VANITY_GRANT_XDP) {
		json_object_set_new(report, "queue", json_integer(dev->facts->queue));
		json_object_set_new(report, "queues", json_integer(dev->facts->queues));
	}
	json_object_set_new(report, "ifindex", json_integer(dev->facts->ifindex));
	json_object_set_new(report, "error",
			    dev->rebind_error != 0 ? json_string(strerror(-dev->rebind_error)) :
						     json_null());
	json_object_set_new(report, "link",
			    dev->interface.known ? json_string(link[dev->interface.link]) :
						   json_null());
	json_object_set_new(report, "mtu",
			    json_integer(dev->interface.known ? dev->interface.mtu :
								dev->facts->mtu));
	return report;
}

json_t *report_devices(const struct daemon *d, uint32_t shard)
{
	json_t *devices = json_array();

	for (uint32_t i = 0; i < d->plan->device_count; i++)
		if (shard == PLAN_NONE || d->plan->device[i].shard == shard)
			json_array_append_new(devices, device_report(d, i));
	return devices;
}
