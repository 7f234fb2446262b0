/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with the keeper, whose descriptors are all this daemon ever gets. */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_MAX 8u
#define SEND_TRIES 100u /* a millisecond each */

struct parcel {
	struct keeper_message message;
	int fd[FDS_MAX];
	uint32_t fd_count;
};

static void parcel_drop(struct parcel *parcel)
{
	for (uint32_t i = 0; i < parcel->fd_count; i++)
		if (parcel->fd[i] >= 0)
			close(parcel->fd[i]);
	parcel->fd_count = 0;
}

static int fd_take(struct parcel *parcel, uint32_t n)
{
	int fd = -1;

	if (n < parcel->fd_count) {
		fd = parcel->fd[n];
		parcel->fd[n] = -1;
	}
	return fd;
}

/* 1 with a parcel, 0 when none waits, -ECONNRESET when the keeper is gone. */
static int parcel_receive(int fd, struct parcel *ret)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = &ret->message, .iov_len = sizeof(ret->message) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	ret->fd_count = 0;
	do {
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		ret->fd_count = (uint32_t)(bytes / sizeof(int));
		memcpy(ret->fd, CMSG_DATA(c), ret->fd_count * sizeof(int));
	}
	if (n != sizeof(ret->message) || ret->message.magic != KEEPER_MAGIC) {
		parcel_drop(ret);
		return -EPROTO;
	}
	return 1;
}

int keeper_send(struct daemon *d, uint32_t verb, uint32_t shard, uint32_t generation)
{
	struct keeper_message message = {
		.magic = KEEPER_MAGIC, .verb = verb, .shard = shard, .generation = generation
	};
	ssize_t n = -1;

	for (uint32_t tries = 0; tries < SEND_TRIES; tries++) {
		n = send(d->keeper_fd, &message, sizeof(message), MSG_NOSIGNAL);
		if (n >= 0 || (errno != EINTR && errno != ENOMEM && errno != ENOBUFS))
			break;
		/* What the policy asked for once it does not ask for again: memory may come back. */
		if (errno != EINTR)
			poll(NULL, 0, 1);
	}
	return n == sizeof(message) ? 0 : -errno;
}

/* Map @bytes of a descriptor; it is closed either way. */
static void *fd_map(int fd, uint64_t bytes, int rights)
{
	void *memory = MAP_FAILED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= bytes)
		memory = mmap(NULL, bytes, rights, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return memory == MAP_FAILED ? NULL : memory;
}

static int plan_take(struct daemon *d, int fd)
{
	const struct plan *plan = fd_map(fd, sizeof(struct plan), PROT_READ);

	if (plan == NULL || plan->magic != PLAN_MAGIC || plan->bytes != sizeof(*plan) ||
	    plan->shard_count > VANITY_SHARDS_MAX || plan->channel_count > VANITY_CHANNELS_MAX ||
	    plan->device_count > VANITY_DEVICES_MAX)
		return -EPROTO;
	d->plan = plan;
	d->dev = plan->host.ignore_cores;
	return 0;
}

static int hello(struct daemon *d, struct parcel *parcel)
{
	int error;

	if (d->plan != NULL || parcel->fd_count < 3)
		return -EPROTO;
	error = plan_take(d, fd_take(parcel, 0));
	if (error != 0)
		return error;
	d->control_fd = fd_take(parcel, 1);
	d->log_fd = fd_take(parcel, 2);
	d->successor = (uint32_t)parcel->message.value;
	return 0;
}

static void process_take(struct daemon_shard *s, int pidfd, uint32_t generation)
{
	if (s->pidfd >= 0)
		close(s->pidfd);
	s->pidfd = pidfd;
	/* Asked again, for it is never asked later: a stuck shard could not be told from a starved one. */
	s->pid = pidfd_host_pid(pidfd);
	if (s->pid <= 0)
		s->pid = pidfd_host_pid(pidfd);
	s->alive = generation;
	s->started_ns = daemon_now_ns();
	s->ready_ns = 0;
}

static int shard_take(struct daemon *d, struct parcel *parcel)
{
	const struct keeper_message *m = &parcel->message;
	struct daemon_shard *s = &d->shard[m->shard];
	const struct plan_shard *p = &d->plan->shard[m->shard];
	int image_fd;

	if (parcel->fd_count < 5 || s->cell != NULL)
		return -EPROTO;
	s->cell = fd_map(fd_take(parcel, 0), d->plan->region[p->cell_region].bytes, PROT_READ);
	s->orders = fd_map(fd_take(parcel, 1), d->plan->region[p->orders_region].bytes,
			   PROT_READ | PROT_WRITE);
	image_fd = fd_take(parcel, 2);
	s->event_fd = fd_take(parcel, 3);
	s->bell = fd_map(fd_take(parcel, 4), d->plan->region[p->bell_region].bytes,
			 PROT_READ | PROT_WRITE);
	/* A program without names is shown by numbers. */
	(void)names_new(image_fd, &s->names);
	s->image_fd = image_fd;
	if (s->cell == NULL || s->orders == NULL || s->bell == NULL)
		return -EPROTO;
	if (m->alive) {
		process_take(s, fd_take(parcel, 5), m->generation);
		s->ended = m->generation - 1;
	} else {
		s->ended = m->generation;
	}
	s->exit_code = m->code;
	s->signal = m->signal;
	return 0;
}

static void shard_ended(struct daemon *d, const struct keeper_message *m)
{
	struct daemon_shard *s = &d->shard[m->shard];

	if (m->generation <= s->ended)
		return;
	s->ended = m->generation;
	s->exit_code = m->code;
	s->signal = m->signal;
	if (s->alive <= m->generation) {
		if (s->pidfd >= 0)
			close(s->pidfd);
		s->pidfd = -1;
		s->pid = 0;
		s->alive = 0;
	}
	shard_fold(d, m->shard, m->generation);
}

static int parcel_handle(struct daemon *d, struct parcel *parcel)
{
	const struct keeper_message *m = &parcel->message;

	if (m->verb == KEEPER_HELLO)
		return hello(d, parcel);
	if (d->plan == NULL)
		return -EPROTO;
	if (m->verb == KEEPER_READY) {
		d->hz = m->value;
		d->cores = (uint32_t)m->code;
		d->ready = d->hz != 0;
		return 0;
	}
	if (m->verb == KEEPER_DEVICE && m->shard < d->plan->device_count)
		return device_take(d, m, fd_take(parcel, 0));
	if (m->shard >= d->plan->shard_count)
		return -EPROTO;
	switch (m->verb) {
	case KEEPER_SHARD:
		return shard_take(d, parcel);
	case KEEPER_STARTED:
		if (parcel->fd_count >= 1 && m->generation > d->shard[m->shard].ended)
			process_take(&d->shard[m->shard], fd_take(parcel, 0), m->generation);
		return 0;
	case KEEPER_ENDED:
		shard_ended(d, m);
		return 0;
	case KEEPER_FACTS_ARE:
		if (d->shard[m->shard].facts_pending)
			d->facts_outstanding--;
		d->shard[m->shard].facts_pending = 0;
		if (parcel->fd_count >= 1)
			facts_take(d, m->shard, m->generation, parcel->fd[0]);
		return 0;
	default:
		return -EPROTO;
	}
}

int keeper_receive(struct daemon *d)
{
	struct parcel parcel;
	int result = parcel_receive(d->keeper_fd, &parcel);

	if (result <= 0)
		return result;
	result = parcel_handle(d, &parcel);
	parcel_drop(&parcel);
	return result == 0 ? 1 : result;
}
