/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tuntap.c: the end of a TUN or TAP interface that a program holds.
 *
 * One that exists already and belongs to this user needs no privilege. One that does not is made
 * (as root), brought up, and goes with the last holder of its descriptor.
 */
#include "netdev/run.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

static int attach_failed(struct run *r, const struct bound *b, int error, int existed)
{
	const char *name = b->plan->interface;
	const char *mode = b->plan->kind == VANITY_GRANT_TAP ? "tap" : "tun";
	char remedy[160] = "";

	if (error == -EPERM)
		snprintf(remedy, sizeof(remedy),
			 "as root, once: ip tuntap add dev %s mode %s user NAME; ip link set dev %s up",
			 name, mode, name);
	if (error == -EBUSY)
		return run_fail(r, b, error, "stop the program that has it open",
				"%s %s is somebody else's", mode, name);
	if (error == -EINVAL && existed)
		return run_fail(r, b, error, "take another name, or remove that interface",
				"interface %s is no %s with one queue", name, mode);
	return run_fail(r, b, error, remedy, "%s %s%s: %s", mode, name,
			existed ? "" : ", which has to be made", strerror(-error));
}

int tuntap_bind(struct run *r)
{
	struct bound *b = &r->bound[0];
	const char *name = b->plan->interface;
	int tap = b->plan->kind == VANITY_GRANT_TAP, existed, error;
	struct ifreq request = { .ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI) };
	struct interface i;

	existed = if_nametoindex(name) != 0;
	b->keep = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (b->keep < 0)
		return run_fail(r, b, -errno, "modprobe tun", "/dev/net/tun: %s", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	if (ioctl(b->keep, TUNSETIFF, &request) != 0)
		return attach_failed(r, b, -errno, existed);
	error = existed ? 0 : interface_up(name);
	error = error ? error : interface_look(name, &i);
	if (error == 0 && i.index == 0)
		error = -ENODEV;
	if (error != 0)
		return run_fail(r, b, error, "", "interface %s: %s", name, strerror(-error));
	if ((i.flags & IFF_UP) == 0)
		bound_note(b, "interface %s is down: ip link set dev %s up", name, name);
	/* Its address is the kernel's, at the other end of the cable: no HAS_MAC. */
	b->facts.ifindex = i.index;
	b->facts.mtu = i.mtu;
	b->facts.queues = 1;
	return 0;
}
