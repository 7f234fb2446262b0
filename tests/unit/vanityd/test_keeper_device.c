/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper binds devices anew: a run is replaced whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper_private.h"

/* Two queues of one interface, then a device that is alone. */
enum { QUEUE_0, QUEUE_1, ALONE, DEVICES };

struct rig {
	struct keeper keeper;
	struct plan plan;
	struct keeper_shard shard[1];
	struct keeper_device device[DEVICES];
	int them;
	ino_t memory[DEVICES][KEEPER_DEVICE_FDS]; /* what lies there: files with a number each */
};

static struct rig *rig; /* for the two calls below, which get no context */
static int start_error;

int keeper_netdev_start(struct keeper *k)
{
	int pair[2];

	if (start_error != 0)
		return start_error;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	k->netdev.fd = pair[0];
	rig->them = pair[1];
	return 0;
}

static char said[320]; /* the newest line without a number */

void keeper_say(const struct keeper *k, const char *what, uint32_t shard, uint64_t generation,
		const char *more, int64_t number)
{
	(void)k, (void)shard, (void)generation;
	if (number == KEEPER_NO_NUMBER)
		snprintf(said, sizeof(said), "%s %s", what, more);
}

int keeper_keep(int fd)
{
	int kept = fcntl(fd, F_DUPFD_CLOEXEC, KEEPER_FD_BASE);

	close(fd);
	return kept;
}

/* A file that no other descriptor has. */
static int file_new(void)
{
	char path[] = "/tmp/vanity-keeper-device-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static ino_t file_number(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int rig_make(void **state)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	rig = calloc(1, sizeof(*rig));
	rig->keeper = (struct keeper){ .plan = &rig->plan, .shard = rig->shard,
				       .device = rig->device, .netdev.fd = -1 };
	rig->plan.device_count = DEVICES;
	rig->plan.shard_count = 1;
	rig->shard[0].generation = 7;
	rig->them = -1;
	for (uint32_t i = 0; i < DEVICES; i++) {
		struct plan_device *d = &rig->plan.device[i];

		d->kind = i == ALONE ? VANITY_GRANT_TAP : VANITY_GRANT_XDP;
		strcpy(d->interface, i == ALONE ? "tap0" : "eth0");
		rig->device[i].epoch = 1;
		for (int n = 0; n < KEEPER_DEVICE_FDS; n++) {
			int fd = file_new();

			rig->memory[i][n] = file_number(fd);
			assert_true(dup3(fd, keeper_fd_device(&rig->plan, i) + n, O_CLOEXEC) >= 0);
			close(fd);
		}
	}
	start_error = 0;
	*state = rig;
	return 0;
}

static int rig_drop(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < DEVICES; i++)
		for (int n = 0; n < KEEPER_DEVICE_FDS; n++)
			close(keeper_fd_device(&rig->plan, i) + n);
	if (rig->them >= 0)
		close(rig->them);
	if (rig->keeper.netdev.fd >= 0)
		close(rig->keeper.netdev.fd);
	free(rig);
	return 0;
}

/* vanity-netdev answers; the keeper hears it. */
static void answer(uint32_t device, int error)
{
	struct netdev_answer a = { .magic = NETDEV_MAGIC, .device = device, .error = error };
	union {
		char bytes[CMSG_SPACE(sizeof(int) * KEEPER_DEVICE_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { &a, sizeof(a) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd[KEEPER_DEVICE_FDS], count = error != 0 ? 0 : device == ALONE ? 2 : 3;

	a.have = (1u << count) - 1;
	if (error != 0)
		strcpy(a.remedy, "stop who has it");
	for (int i = 0; i < count; i++)
		fd[i] = file_new();
	if (count > 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
		memcpy(CMSG_DATA(c), fd, sizeof(int) * (size_t)count);
	}
	assert_int_equal(sendmsg(rig->them, &msg, 0), sizeof(a));
	for (int i = 0; i < count; i++)
		close(fd[i]);
	keeper_netdev_hear(&rig->keeper);
}

static void die(void)
{
	close(rig->them);
	rig->them = -1;
	if (rig->keeper.netdev.fd >= 0)
		keeper_netdev_hear(&rig->keeper);
}

/* Which of its descriptors lie there no more: a bit each. */
static uint32_t replaced(uint32_t device)
{
	uint32_t bits = 0;

	for (int i = 0; i < KEEPER_DEVICE_FDS; i++) {
		ino_t now = file_number(keeper_fd_device(&rig->plan, device) + i);

		assert_true(now != 0);
		bits |= (uint32_t)(now != rig->memory[device][i]) << i;
	}
	return bits;
}

/* Open descriptors beyond the children's room. */
static uint32_t descriptors(void)
{
	uint32_t count = 0;

	for (int fd = KEEPER_FD_BASE; fd < KEEPER_FD_BASE + 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void a_run_is_replaced_when_its_last_answer_came(void **state)
{
	uint32_t before = descriptors();

	(void)state;
	keeper_rebind(&rig->keeper, QUEUE_0);
	answer(QUEUE_1, 0);
	assert_int_equal(replaced(QUEUE_0) | replaced(QUEUE_1), 0);
	assert_int_equal(rig->device[QUEUE_1].tell, 0);
	answer(QUEUE_0, 0);
	assert_int_equal(replaced(QUEUE_0), 7);
	assert_int_equal(replaced(QUEUE_1), 7);
	assert_int_equal(replaced(ALONE), 0);
	for (uint32_t i = QUEUE_0; i <= QUEUE_1; i++) {
		assert_int_equal(rig->device[i].tell, TELL_DEVICE);
		assert_int_equal(rig->device[i].error, 0);
		assert_int_equal(rig->device[i].epoch, 2);
		assert_int_equal(rig->device[i].stale, 7);
	}
	assert_int_equal(rig->keeper.netdev.fd, -1);
	assert_int_equal(descriptors(), before);
}

static void a_helper_that_dies_between_two_answers_changes_nothing(void **state)
{
	uint32_t before = descriptors();

	(void)state;
	keeper_rebind(&rig->keeper, QUEUE_1);
	answer(QUEUE_0, 0);
	die();
	assert_int_equal(replaced(QUEUE_0) | replaced(QUEUE_1), 0);
	assert_int_equal(rig->device[QUEUE_0].epoch, 1);
	assert_int_equal(rig->device[QUEUE_0].tell, 0);
	assert_int_equal(rig->device[QUEUE_1].tell, TELL_DEVICE);
	assert_int_equal(rig->device[QUEUE_1].error, -EIO);
	assert_int_equal(rig->keeper.netdev.fd, -1);
	assert_int_equal(descriptors(), before);
	/* And nothing of it is in the way of the next. */
	keeper_rebind(&rig->keeper, QUEUE_1);
	answer(QUEUE_0, 0);
	answer(QUEUE_1, 0);
	assert_int_equal(replaced(QUEUE_0) & replaced(QUEUE_1), 7);
	assert_int_equal(descriptors(), before);
}

static void an_error_behind_an_answer_gives_up_the_whole_run(void **state)
{
	uint32_t before = descriptors();

	(void)state;
	keeper_rebind(&rig->keeper, QUEUE_0);
	answer(QUEUE_0, 0);
	answer(QUEUE_1, -EBUSY);
	assert_int_equal(replaced(QUEUE_0) | replaced(QUEUE_1), 0);
	assert_int_equal(rig->device[QUEUE_0].error, -EBUSY);
	assert_string_equal(said, "remedy: stop who has it");
	assert_int_equal(rig->keeper.netdev.fd, -1);
	assert_int_equal(descriptors(), before);
}

static void one_device_answers_once_and_a_stranger_never(void **state)
{
	uint32_t before = descriptors();

	(void)state;
	keeper_rebind(&rig->keeper, QUEUE_0);
	answer(QUEUE_0, 0);
	answer(QUEUE_0, 0);
	answer(ALONE, 0);
	assert_int_equal(replaced(QUEUE_0) | replaced(QUEUE_1) | replaced(ALONE), 0);
	assert_true(rig->keeper.netdev.fd >= 0);
	answer(QUEUE_1, 0);
	assert_int_equal(replaced(QUEUE_0) & replaced(QUEUE_1), 7);
	assert_int_equal(replaced(ALONE), 0);
	assert_int_equal(descriptors(), before);
}

static void an_epoch_is_new_to_each_device_of_its_run(void **state)
{
	(void)state;
	rig->device[QUEUE_1].epoch = 5;
	keeper_rebind(&rig->keeper, QUEUE_0);
	answer(QUEUE_0, 0);
	answer(QUEUE_1, 0);
	assert_int_equal(rig->device[QUEUE_0].epoch, 6);
	assert_int_equal(rig->device[QUEUE_1].epoch, 6);
}

static void a_tap_is_a_run_of_its_own(void **state)
{
	(void)state;
	keeper_rebind(&rig->keeper, ALONE);
	answer(ALONE, 0);
	assert_int_equal(replaced(ALONE), 3); /* it has no link */
	assert_int_equal(rig->device[ALONE].epoch, 2);
	assert_int_equal(rig->device[QUEUE_0].epoch, 1);
}

static void a_helper_that_cannot_be_made_is_told(void **state)
{
	(void)state;
	start_error = -EAGAIN;
	keeper_rebind(&rig->keeper, ALONE);
	assert_int_equal(rig->device[ALONE].tell, TELL_DEVICE);
	assert_int_equal(rig->device[ALONE].error, -EAGAIN);
	assert_int_equal(rig->device[ALONE].epoch, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_run_is_replaced_when_its_last_answer_came),
		TEST(a_helper_that_dies_between_two_answers_changes_nothing),
		TEST(an_error_behind_an_answer_gives_up_the_whole_run),
		TEST(one_device_answers_once_and_a_stranger_never),
		TEST(an_epoch_is_new_to_each_device_of_its_run),
		TEST(a_tap_is_a_run_of_its_own),
		TEST(a_helper_that_cannot_be_made_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
