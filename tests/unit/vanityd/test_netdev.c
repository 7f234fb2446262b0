/* SPDX-License-Identifier: Apache-2.0 */
/* What vanity-netdev is told and answers: runs of devices, and answers as they come. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper_hand.h"
#include "netdev/hand.h"

struct rig {
	int us, them;
	struct netdev_heard heard;
};

static int rig_make(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	r->us = pair[0];
	r->them = pair[1];
	*state = r;
	return 0;
}

static int rig_drop(void **state)
{
	struct rig *r = *state;

	netdev_drop(&r->heard);
	close(r->us);
	if (r->them >= 0)
		close(r->them);
	free(r);
	return 0;
}

/* An answer of @bytes with @fd_count descriptors of /dev/null. */
static void say(struct rig *r, const struct netdev_answer *answer, size_t bytes, uint32_t fd_count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)answer, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd[8];

	for (uint32_t i = 0; i < fd_count; i++)
		assert_true((fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	if (fd_count > 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fd, sizeof(int) * fd_count);
	}
	assert_int_equal(sendmsg(r->them, &msg, 0), (int)bytes);
	for (uint32_t i = 0; i < fd_count; i++)
		close(fd[i]);
}

static int hear(struct rig *r)
{
	return netdev_hear(r->us, MSG_DONTWAIT, &r->heard);
}

static const struct netdev_answer good = {
	.magic = NETDEV_MAGIC, .device = 2, .have = 1u << KEEPER_DEVICE_KEEP | 1u << KEEPER_DEVICE_FACTS
};

static void an_answer_is_heard_with_its_descriptors(void **state)
{
	struct rig *r = *state;

	say(r, &good, sizeof(good), 2);
	assert_int_equal(hear(r), 1);
	assert_int_equal(r->heard.answer.device, 2);
	assert_int_equal(r->heard.fd_count, 2);
	assert_true(fcntl(r->heard.fd[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(r->heard.fd[1], F_GETFD) & FD_CLOEXEC);
}

static void nothing_yet_is_told_from_nothing_more(void **state)
{
	struct rig *r = *state;

	assert_int_equal(hear(r), -EAGAIN);
	close(r->them);
	r->them = -1;
	assert_int_equal(hear(r), 0);
}

/* The lowest number that is free: what was taken and closed leaves it where it was. */
static int fd_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void refused(struct rig *r, const struct netdev_answer *answer, size_t bytes, uint32_t fds)
{
	int before = fd_free();

	say(r, answer, bytes, fds);
	assert_int_equal(hear(r), 0);
	assert_int_equal(r->heard.fd_count, 0);
	assert_int_equal(fd_free(), before);
}

static void an_answer_of_another_size_or_magic_is_none(void **state)
{
	struct netdev_answer other = good;

	refused(*state, &good, sizeof(good) - 1, 2);
	refused(*state, &good, 1, 0);
	other.magic++;
	refused(*state, &other, sizeof(other), 2);
}

static void descriptors_that_do_not_match_their_bits_are_closed(void **state)
{
	struct netdev_answer other = good;

	refused(*state, &good, sizeof(good), 0);
	refused(*state, &good, sizeof(good), 1);
	refused(*state, &good, sizeof(good), 3);
	refused(*state, &good, sizeof(good), 8); /* more than there is room for */
	other.have = 1u << KEEPER_DEVICE_KEEP | 1u << NETDEV_ANSWER_FDS;
	refused(*state, &other, sizeof(other), 2);
}

static void words_end_where_their_room_does(void **state)
{
	struct netdev_answer long_one = good;
	struct rig *r = *state;

	memset(long_one.words, 'w', sizeof(long_one.words));
	memset(long_one.remedy, 'r', sizeof(long_one.remedy));
	long_one.have = 0;
	say(r, &long_one, sizeof(long_one), 0);
	assert_int_equal(hear(r), 1);
	assert_int_equal(strlen(r->heard.answer.words), sizeof(long_one.words) - 1);
	assert_int_equal(strlen(r->heard.answer.remedy), sizeof(long_one.remedy) - 1);
}

static struct plan plan;

static void device(uint32_t n, uint32_t kind, const char *interface, uint32_t shard)
{
	plan.device[n].kind = kind;
	plan.device[n].shard = shard;
	memcpy(plan.device[n].interface, interface, strlen(interface) + 1);
}

static void a_run_is_all_queues_of_one_interface(void **state)
{
	(void)state;
	plan.device_count = 8;
	device(0, VANITY_GRANT_XDP, "veth0", 0);
	device(1, VANITY_GRANT_XDP, "veth1", 0);
	device(2, VANITY_GRANT_XDP, "veth0", 1);
	device(3, VANITY_GRANT_XDP, "veth0", PLAN_NONE); /* granted to nobody: not bound */
	device(4, VANITY_GRANT_TAP, "veth0", 0);
	device(5, VANITY_GRANT_LOOP, "", 0);
	device(6, VANITY_GRANT_LOOP, "", 0);
	device(7, VANITY_GRANT_NONE, "", 0);
	assert_true(netdev_together(&plan, 0, 2) && netdev_together(&plan, 2, 0));
	assert_true(netdev_together(&plan, 5, 5));
	assert_false(netdev_together(&plan, 0, 1));
	assert_false(netdev_together(&plan, 0, 3));
	assert_false(netdev_together(&plan, 0, 4));
	assert_false(netdev_together(&plan, 5, 6));
	assert_false(netdev_planned(&plan, 3) || netdev_planned(&plan, 7));
	assert_true(netdev_rebindable(&plan, 0) && netdev_rebindable(&plan, 4));
	assert_false(netdev_rebindable(&plan, 3) || netdev_rebindable(&plan, 5) ||
		     netdev_rebindable(&plan, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_is_heard_with_its_descriptors, rig_make, rig_drop),
		cmocka_unit_test_setup_teardown(nothing_yet_is_told_from_nothing_more, rig_make, rig_drop),
		cmocka_unit_test_setup_teardown(an_answer_of_another_size_or_magic_is_none, rig_make, rig_drop),
		cmocka_unit_test_setup_teardown(descriptors_that_do_not_match_their_bits_are_closed, rig_make,
						rig_drop),
		cmocka_unit_test_setup_teardown(words_end_where_their_room_does, rig_make, rig_drop),
		cmocka_unit_test(a_run_is_all_queues_of_one_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
