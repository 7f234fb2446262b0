/* SPDX-License-Identifier: Apache-2.0 */
/* vanity-netdev: binds the devices of one run, hands them over, and ends. See hand.h. */
#include "netdev/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper_hand.h"

int run_fail(struct run *r, const struct bound *b, int error, const char *remedy,
	     const char *format, ...)
{
	va_list list;

	if (r->failure.error != 0)
		return -1;
	r->failure.device = b->device;
	r->failure.error = error < 0 ? error : -EIO;
	snprintf(r->failure.remedy, sizeof(r->failure.remedy), "%s", remedy);
	va_start(list, format);
	vsnprintf(r->failure.words, sizeof(r->failure.words), format, list);
	va_end(list);
	return -1;
}

void bound_note(struct bound *b, const char *format, ...)
{
	size_t used = strlen(b->note);
	va_list list;

	if (used > 0 && used + 2 < sizeof(b->note))
		used += (size_t)snprintf(b->note + used, sizeof(b->note) - used, "; ");
	va_start(list, format);
	vsnprintf(b->note + used, sizeof(b->note) - used, format, list);
	va_end(list);
}

/* --- facts ----------------------------------------------------------------------------------- */

static int facts_fill(const struct bound *b, int fd)
{
	off_t from = 0;

	if (pwrite(fd, &b->facts, sizeof(b->facts), 0) != sizeof(b->facts))
		return -EIO;
	if (b->data_fd < 0)
		return 0;
	if (ftruncate(fd, (off_t)b->facts.data_at) != 0 || lseek(fd, 0, SEEK_END) < 0)
		return -errno;
	while (from < (off_t)b->facts.data_bytes) {
		ssize_t n = sendfile(fd, b->data_fd, &from, b->facts.data_bytes - (uint64_t)from);

		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* it shrank meanwhile */
	}
	return 0;
}

/* Sealed, of mode 0400, and a descriptor that was never one for writing. */
static int facts_seal(struct run *r, const struct bound *b, int *ret_fd)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	char path[40], name[24];
	int fd, error;

	snprintf(name, sizeof(name), "device-%u", b->device);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	error = fd < 0 ? -errno : facts_fill(b, fd);
	if (error == 0 && (fchmod(fd, 0400) != 0 || fcntl(fd, F_ADD_SEALS, seals) != 0))
		error = -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret_fd = error == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (*ret_fd >= 0)
		return 0;
	error = error ? error : -errno;
	return run_fail(r, b, error, error == -ENOSPC || error == -ENOMEM ? "free memory" : "",
			"facts of device %s: %s", b->plan->name, strerror(-error));
}

static void facts_begin(const struct run *r, struct bound *b)
{
	b->facts = (struct vanity_grant_facts){ .magic = VANITY_GRANT_MAGIC,
						.bytes = sizeof(b->facts),
						.kind = b->plan->kind,
						.epoch = r->epoch };
	snprintf(b->facts.interface, sizeof(b->facts.interface), "%.15s", b->plan->interface);
}

/* --- answers --------------------------------------------------------------------------------- */

static int answer_send(struct netdev_answer *answer, const int *fd, uint32_t fd_count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * NETDEV_ANSWER_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { answer, sizeof(*answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	answer->magic = NETDEV_MAGIC;
	if (fd_count > 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fd, sizeof(int) * fd_count);
	}
	return sendmsg(NETDEV_FD_ANSWER, &msg, MSG_NOSIGNAL) == sizeof(*answer) ? 0 : -1;
}

static int answer_bound(const struct bound *b, int facts)
{
	struct netdev_answer answer = { .device = b->device };
	const int all[NETDEV_ANSWER_FDS] = { [KEEPER_DEVICE_KEEP] = b->keep,
					     [KEEPER_DEVICE_FACTS] = facts,
					     [KEEPER_DEVICE_LINK] = b->link };
	int fd[NETDEV_ANSWER_FDS];
	uint32_t count = 0;

	memcpy(answer.words, b->note, sizeof(answer.words));
	for (uint32_t n = 0; n < NETDEV_ANSWER_FDS; n++) {
		if (all[n] < 0)
			continue;
		answer.have |= 1u << n;
		fd[count++] = all[n];
	}
	return answer_send(&answer, fd, count);
}

/* --- the run --------------------------------------------------------------------------------- */

static int run_begin(struct run *r, uint32_t device)
{
	r->plan = mmap(NULL, sizeof(*r->plan), PROT_READ, MAP_SHARED, NETDEV_FD_PLAN, 0);
	if (r->plan == MAP_FAILED || r->plan->magic != PLAN_MAGIC ||
	    r->plan->bytes != sizeof(*r->plan) || r->plan->device_count > VANITY_DEVICES_MAX ||
	    device >= r->plan->device_count || !netdev_planned(r->plan, device))
		return -1;
	for (uint32_t i = 0; i < r->plan->device_count; i++) {
		struct bound *b = &r->bound[r->count];

		if (!netdev_together(r->plan, device, i))
			continue;
		*b = (struct bound){ .device = i, .plan = &r->plan->device[i], .keep = -1, .link = -1,
				     .data_fd = -1 };
		facts_begin(r, b);
		r->count++;
	}
	return 0;
}

static int run_bind(struct run *r)
{
	switch (r->bound[0].plan->kind) {
	case VANITY_GRANT_XDP:
		return xdp_bind(r);
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		return tuntap_bind(r);
	case VANITY_GRANT_PCAP:
		return pcap_bind(r);
	case VANITY_GRANT_LOOP:
		return 0;
	default:
		return run_fail(r, &r->bound[0], -EOPNOTSUPP, "", "device %s: no such backend",
				r->bound[0].plan->name);
	}
}

static int number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct run run; /* zeroed */
	static int facts[VANITY_DEVICES_MAX];
	struct run *r = &run;
	uint64_t device;
	int error;

	if (argc != 3 || number(argv[1], &device) != 0 || number(argv[2], &r->epoch) != 0 ||
	    r->epoch == 0 || device >= VANITY_DEVICES_MAX || run_begin(r, (uint32_t)device) != 0) {
		fprintf(stderr, "vanity-netdev: started by vanityd and the keeper, not by hand\n");
		return 2;
	}
	/* Whoever waits for the answer ended: so do we, and what we made goes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	error = run_bind(r);
	for (uint32_t n = 0; n < r->count && error == 0; n++)
		error = facts_seal(r, &r->bound[n], &facts[n]);
	if (error != 0)
		return answer_send(&r->failure, NULL, 0) == 0 ? 1 : 3;
	for (uint32_t n = 0; n < r->count && error == 0; n++)
		error = answer_bound(&r->bound[n], facts[n]);
	return error == 0 ? 0 : 3;
}
