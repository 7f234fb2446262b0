/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32

extern char **environ;

int net_pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

int net_pin_both(const struct net_lab *lab)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)lab->core_hosts, &set);
	CPU_SET((size_t)lab->core_joiner, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

int net_lab_command(const char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status = -1;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&quiet);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int net_lab_words(const char *line)
{
	char copy[512], *rest = copy, *word;
	const char *argv[WORDS_MAX] = { NULL };
	int n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) != NULL && n < WORDS_MAX - 1)
		argv[n++] = word;
	if (net_lab_command(argv) == 0)
		return 0;
	fprintf(stderr, "net: failed: %s\n", line);
	return -1;
}

int net_lab_enter(const struct net_lab *lab, enum net_place place)
{
	if (setns(lab->ns[place], CLONE_NEWNET) == 0)
		return 0;
	fprintf(stderr, "net: setns: %s\n", strerror(errno));
	return -1;
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = write(fd, text, strlen(text));
		close(fd);
	}
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* /sys shows the namespace that mounted it, and /run/vanity must be nobody else's: ours alone. */
static int private_mounts(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	return 0;
}

int net_lab_make(struct net_lab *lab)
{
	if (private_mounts() != 0) {
		fprintf(stderr, "net: no namespaces to be had: %s; as root?\n", strerror(errno));
		return -1;
	}
	for (int i = 0; i < NET_PLACES; i++) {
		if (unshare(CLONE_NEWNET) != 0) {
			fprintf(stderr, "net: no network namespace: %s\n", strerror(errno));
			return -1;
		}
		lab->ns[i] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (lab->ns[i] < 0)
			return -1;
		/* Nobody here says anything by itself. */
		(void)write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
		(void)write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
		if (net_lab_words("ip link set lo up") != 0)
			return -1;
	}
	return 0;
}

static int mac_of(const char *interface, uint8_t ret_mac[6])
{
	char path[128];
	unsigned b[6];
	FILE *f;
	int n = 0;

	snprintf(path, sizeof(path), "/sys/class/net/%s/address", interface);
	f = fopen(path, "r");
	if (f) {
		n = fscanf(f, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
		fclose(f);
	}
	for (int i = 0; i < 6 && n == 6; i++)
		ret_mac[i] = (uint8_t)b[i];
	return n == 6 ? 0 : -1;
}

/* sysfs of the namespace we are in now. */
static int sysfs_here(void)
{
	(void)umount2("/sys", MNT_DETACH);
	return mount("sysfs", "/sys", "sysfs", 0, NULL);
}

static int plug_one(struct net_lab *lab, enum net_place place, const char *leg)
{
	char line[256];

	snprintf(line, sizeof(line), "ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d",
		 leg, (int)getpid(), lab->ns[place]);
	if (net_lab_words(line) != 0)
		return -1;
	snprintf(line, sizeof(line), "ip link set %s up", leg);
	return net_lab_words(line);
}

static int set_up_host(struct net_lab *lab, enum net_place place, const char *address)
{
	char line[128];

	snprintf(line, sizeof(line), "ip addr add %s dev eth0", address);
	return net_lab_enter(lab, place) != 0 || net_lab_words("ethtool -K eth0 tx off") != 0 ||
			       net_lab_words("ip link set eth0 up") != 0 || net_lab_words(line) != 0 ?
		       -1 :
		       0;
}

int net_lab_plug(struct net_lab *lab)
{
	if (net_lab_enter(lab, NET_BETWEEN) != 0 || sysfs_here() != 0 ||
	    plug_one(lab, NET_A, "va") != 0 || plug_one(lab, NET_B, "vb") != 0 ||
	    mac_of("va", lab->mac_va) != 0 || mac_of("vb", lab->mac_vb) != 0)
		return -1;
	if (set_up_host(lab, NET_B, "10.77.2.2/24") != 0 ||
	    set_up_host(lab, NET_A, "10.77.1.2/24") != 0 || sysfs_here() != 0 ||
	    mac_of("eth0", lab->mac_a) != 0)
		return -1;
	return net_lab_enter(lab, NET_BETWEEN);
}

void net_lab_unplug(struct net_lab *lab)
{
	(void)net_lab_enter(lab, NET_BETWEEN);
	(void)net_lab_words("ip link del va");
	(void)net_lab_words("ip link del vb");
}

int net_lab_forward(struct net_lab *lab)
{
	char mask[32];

	snprintf(mask, sizeof(mask), "%x", 1u << lab->core_joiner);
	if (net_lab_enter(lab, NET_BETWEEN) != 0 || sysfs_here() != 0 ||
	    net_lab_words("ip addr add 10.77.1.1/24 dev va") != 0 ||
	    net_lab_words("ip addr add 10.77.2.1/24 dev vb") != 0 ||
	    /* Stations that do not exist: see the header. */
	    net_lab_words("ip neigh add 10.77.2.2 lladdr 02:00:00:00:00:bb dev vb") != 0 ||
	    net_lab_words("ip neigh add 10.77.1.2 lladdr 02:00:00:00:00:aa dev va") != 0 ||
	    write_text("/proc/sys/net/ipv4/ip_forward", "1") != 0)
		return -1;
	if (write_text("/sys/class/net/va/queues/rx-0/rps_cpus", mask) != 0 ||
	    write_text("/sys/class/net/vb/queues/rx-0/rps_cpus", mask) != 0)
		fprintf(stderr, "net: the kernel forwards on the sender's core: no rps_cpus here\n");
	return 0;
}
