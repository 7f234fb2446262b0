/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_devices.c: vanity-netdev, run once for each interface, and its answers.
 *
 * What it binds exists as long as somebody holds the descriptors: a start that is killed here
 * leaves no XDP program, no socket and no tap behind, so nothing of this is in the journal.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "netdev/hand.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

#define FIRST_EPOCH "1"

/* What its descriptors lie at until the child moves them: never among their final numbers. */
#define ASIDE 512

/* --- the child ------------------------------------------------------------------------------- */

/* One number after the other, from copies that lie above all of them. */
static int child_descriptors(const struct setup *s, uint32_t device, int image, int socket)
{
	int from[NETDEV_FD_POOLS + VANITY_DEVICES_MAX], count = NETDEV_FD_POOLS;

	from[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	from[1] = from[2] = KEEPER_FD_LOG;
	from[NETDEV_FD_PLAN] = KEEPER_FD_PLAN;
	from[NETDEV_FD_ANSWER] = socket;
	for (uint32_t i = 0; i < s->plan->device_count; i++)
		if (netdev_together(s->plan, device, i) &&
		    s->plan->device[i].kind == VANITY_GRANT_XDP)
			from[count++] = keeper_fd_region(
				s->plan->pool[s->plan->device[i].pool].region, PLAN_RW);
	image = fcntl(image, F_DUPFD_CLOEXEC, ASIDE);
	for (int i = 0; i < count; i++)
		from[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, ASIDE);
	for (int i = 0; i < count; i++)
		if (from[i] < 0 || dup2(from[i], i) < 0)
			return -1;
	/* Also what our caller may have left open for its children. */
	if (syscall(SYS_close_range, count, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		return -1;
	return image;
}

__attribute__((noreturn)) static void child(const struct setup *s, uint32_t device, int image,
					    int socket)
{
	char number[16];
	char *const argv[] = { (char *)"vanity-netdev", number, (char *)FIRST_EPOCH, NULL };
	char *const environment[] = { NULL };
	sigset_t none;

	snprintf(number, sizeof(number), "%u", device);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	image = child_descriptors(s, device, image, socket);
	if (image >= 0)
		syscall(SYS_execveat, image, "", argv, environment, AT_EMPTY_PATH);
	_exit(127);
}

/* --- its answers ----------------------------------------------------------------------------- */

static int answer_wait(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, NETDEV_DEADLINE_S * 1000) != 0 ? 0 : -1;
}

static int answer_place(struct setup *s, struct netdev_heard *h)
{
	const struct plan_device *d = &s->plan->device[h->answer.device];
	uint32_t next = 0;
	char line[320];

	for (uint32_t i = 0; i < NETDEV_ANSWER_FDS; i++)
		if ((h->answer.have >> i & 1) != 0 &&
		    setup_place(s, h->fd[next++],
				keeper_fd_device(s->plan, h->answer.device) + (int)i, d->name) != 0)
			return -1;
	if (h->answer.words[0] != '\0' && s->options->note != NULL) {
		snprintf(line, sizeof(line), "device %s: %s", d->name, h->answer.words);
		s->options->note(s->options->context, line);
	}
	return 0;
}

/* All of a run, or the first reason why not. */
static int answers_take(struct setup *s, uint32_t device, int fd)
{
	const char *why = "died";
	struct netdev_heard h;
	uint32_t missing = 0;

	for (uint32_t i = 0; i < s->plan->device_count; i++)
		missing += netdev_together(s->plan, device, i) != 0;
	for (; missing > 0; missing--) {
		uint32_t of;

		if (answer_wait(fd) != 0) {
			why = "did not answer in time";
			break;
		}
		if (netdev_hear(fd, 0, &h) != 1)
			break;
		of = h.answer.device;
		if (of >= s->plan->device_count || !netdev_together(s->plan, device, of)) {
			netdev_drop(&h);
			break;
		}
		if (h.answer.error != 0) {
			netdev_drop(&h);
			return setup_fail(s, 4, h.answer.remedy, "device %s: %s",
					  s->plan->device[of].name, h.answer.words);
		}
		if (answer_place(s, &h) != 0)
			return -1;
	}
	if (missing == 0)
		return 0;
	return setup_fail(s, 1, "the log may tell", "device %s: vanity-netdev %s",
			  s->plan->device[device].name, why);
}

static int run(struct setup *s, uint32_t device, int image)
{
	int pair[2], result;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return setup_fail(s, 1, "", "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		child(s, device, image, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return setup_fail(s, 1, "", "vanity-netdev: %s", strerror(errno));
	}
	result = answers_take(s, device, pair[0]);
	close(pair[0]);
	if (result != 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return result;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int image_open(struct setup *s)
{
	const char *image = s->options->netdev;
	char path[PATHS_BYTES];

	if (image == NULL) {
		if (paths_netdev(s->image, path) != 0) {
			setup_fail(s, 4, "install Vanity, or build it", "vanity-netdev is missing");
			return -1;
		}
		image = path;
	}
	return setup_image(s, image);
}

/* What the kernel asks of who binds this device anew: for an interface and its XDP program, for a
 * packet socket, for a program at all, for pinned memory. Never CAP_SYS_ADMIN. A user needs none. */
static uint64_t capabilities(const struct setup *s, uint32_t device)
{
	uint64_t xdp = 1ull << CAP_NET_RAW | 1ull << CAP_BPF | 1ull << CAP_IPC_LOCK;

	if (s->options->dev || !netdev_rebindable(s->plan, device))
		return 0;
	return 1ull << CAP_NET_ADMIN |
	       (s->plan->device[device].kind == VANITY_GRANT_XDP ? xdp : 0);
}

/* What we have ourselves: in a container root may lack some, and do without for its own taps. */
static int permitted(struct setup *s, uint64_t *ret_capabilities)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return setup_fail(s, 1, "", "capabilities: %s", strerror(errno));
	*ret_capabilities = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int first_of_run(const struct plan *plan, uint32_t device)
{
	for (uint32_t i = 0; i < device; i++)
		if (netdev_together(plan, i, device))
			return 0;
	return netdev_planned(plan, device);
}

int setup_devices(struct setup *s)
{
	const struct plan *plan = s->plan;
	int image = -1, rebindable = 0, error;
	uint64_t had = 0;

	error = permitted(s, &had);
	for (uint32_t i = 0; i < plan->device_count && error == 0; i++) {
		const struct plan_device *d = &plan->device[i];

		if (!first_of_run(plan, i))
			continue;
		if (image < 0 && s->options->stage != NULL)
			s->options->stage(s->options->context, "devices");
		if (d->kind == VANITY_GRANT_XDP && s->options->dev)
			error = setup_fail(s, 4,
					   "say backend = tuntap, match = \"tap NAME\"; or start it as root",
					   "device %s: xdp is not for --dev: the kernel lets root alone load XDP programs",
					   d->name);
		if (error == 0 && image < 0)
			image = image_open(s);
		error = error != 0 || image < 0 ? -1 : run(s, i, image);
		rebindable |= netdev_rebindable(plan, i);
		s->hand.netdev_capabilities |= capabilities(s, i) & had;
	}
	if (error == 0 && rebindable)
		return setup_place(s, image, KEEPER_FD_NETDEV, "vanity-netdev");
	if (image >= 0)
		close(image);
	return error;
}
