/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c: the receiving end of vanity-netdev's socket, for setup and keeper alike. */
#include "netdev/hand.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void netdev_drop(struct netdev_heard *h)
{
	while (h->fd_count > 0)
		close(h->fd[--h->fd_count]);
}

int netdev_hear(int fd, int flags, struct netdev_heard *ret)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * NETDEV_ANSWER_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &ret->answer, sizeof(ret->answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      /* Not CMSG_SPACE: its padding would have room for one more. */
			      .msg_controllen = CMSG_LEN(sizeof(int) * NETDEV_ANSWER_FDS) };
	ssize_t bytes = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = bytes > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	ret->fd_count = 0;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		ret->fd_count = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret->fd, CMSG_DATA(c), ret->fd_count * sizeof(int));
	}
	if (bytes < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	if (bytes == 0)
		return 0;
	ret->answer.words[sizeof(ret->answer.words) - 1] = '\0';
	ret->answer.remedy[sizeof(ret->answer.remedy) - 1] = '\0';
	if (bytes == sizeof(ret->answer) && ret->answer.magic == NETDEV_MAGIC &&
	    (ret->answer.have >> NETDEV_ANSWER_FDS) == 0 &&
	    ret->fd_count == (uint32_t)__builtin_popcount(ret->answer.have))
		return 1;
	netdev_drop(ret);
	return 0;
}
