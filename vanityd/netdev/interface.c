/* SPDX-License-Identifier: Apache-2.0 */
/* interface.c: what the kernel says of a network interface of this namespace. */
#include "netdev/run.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

static int ask(const char *name, unsigned long what, struct ifreq *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

	snprintf(ret->ifr_name, sizeof(ret->ifr_name), "%.15s", name);
	error = fd >= 0 && ioctl(fd, what, ret) == 0 ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	return error;
}

/* The folder sysfs has of each receive queue; this /sys may be of another namespace. */
static uint32_t queues_listed(const char *name)
{
	char path[64];
	const struct dirent *entry;
	uint32_t count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", name);
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		count += strncmp(entry->d_name, "rx-", 3) == 0;
	if (folder != NULL)
		closedir(folder);
	return count > 0 ? count : 1;
}

static uint32_t queues(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { .ifr_data = (void *)&channels };

	/* Drivers without the call have one, or tell sysfs. */
	if (ask(name, SIOCETHTOOL, &request) != 0 ||
	    channels.rx_count + channels.combined_count == 0)
		return queues_listed(name);
	return channels.rx_count + channels.combined_count;
}

int interface_look(const char *name, struct interface *ret)
{
	struct ifreq request = { 0 };
	int error;

	*ret = (struct interface){ .index = if_nametoindex(name) };
	if (ret->index == 0)
		return 0;
	error = ask(name, SIOCGIFFLAGS, &request);
	ret->flags = (uint16_t)request.ifr_flags;
	error = error ? error : ask(name, SIOCGIFMTU, &request);
	ret->mtu = error == 0 ? (uint32_t)request.ifr_mtu : 0;
	error = error ? error : ask(name, SIOCGIFHWADDR, &request);
	ret->type = request.ifr_hwaddr.sa_family;
	memcpy(ret->mac, request.ifr_hwaddr.sa_data, sizeof(ret->mac));
	ret->queues = queues(name);
	return error;
}

int interface_up(const char *name)
{
	struct ifreq request = { 0 };
	int error = ask(name, SIOCGIFFLAGS, &request);

	request.ifr_flags |= IFF_UP;
	return error ? error : ask(name, SIOCSIFFLAGS, &request);
}
