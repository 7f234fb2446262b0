/* SPDX-License-Identifier: Apache-2.0 */
/* Devices under Linux: facts that cannot be true, results in words, and who takes part in a sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <asm/errno.h>
#include <linux/poll.h>

#include "linux/device.h"

static const struct bind_grant socket_grant = { .kind = VANITY_GRANT_XDP, .keeps_fd = 1, .fd = 8 };
static const struct bind_grant capture_grant = { .kind = VANITY_GRANT_PCAP, .fd = PLAN_NONE };

#define RING(bytes)                                                                                \
	{                                                                                          \
		.producer = 0, .consumer = 64, .flags = 192, .desc = 256, .entries = 16,           \
		.entry_bytes = (bytes)                                                             \
	}

static struct vanity_grant_facts socket_facts(void)
{
	return (struct vanity_grant_facts){ .magic = VANITY_GRANT_MAGIC,
					    .bytes = sizeof(struct vanity_grant_facts),
					    .kind = VANITY_GRANT_XDP,
					    .epoch = 1,
					    .ring = { RING(16), RING(16), RING(8), RING(8) } };
}

static bool possible(const struct vanity_grant_facts *facts)
{
	return device_facts_possible(&socket_grant, facts, sizeof(*facts));
}

static void facts_of_another_kind_size_or_making_are_refused(void **state)
{
	struct vanity_grant_facts facts = socket_facts(), bad;

	(void)state;
	assert_true(possible(&facts));
	assert_false(device_facts_possible(&socket_grant, NULL, 0)); /* an empty file */
	assert_false(device_facts_possible(&socket_grant, &facts, sizeof(facts) - 1));
	assert_false(device_facts_possible(&capture_grant, &facts, sizeof(facts)));
	bad = facts, bad.magic++;
	assert_false(possible(&bad));
	bad = facts, bad.bytes--;
	assert_false(possible(&bad));
	bad = facts, bad.epoch = 0;
	assert_false(possible(&bad));
}

static void rings_that_no_kernel_makes_are_refused(void **state)
{
	struct vanity_grant_facts facts = socket_facts(), bad;

	(void)state;
	for (uint32_t i = 0; i < VANITY_RINGS; i++) {
		bad = facts, bad.ring[i].entries = 0;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].entries = 17;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].entries = 1u << 31;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].entry_bytes = 24 - bad.ring[i].entry_bytes;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].producer = 256;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].consumer = 66;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].flags = ~0ull - 3;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].desc = 8192;
		assert_false(possible(&bad));
		bad = facts, bad.ring[i].desc = 260;
		assert_false(possible(&bad));
	}
	assert_int_equal(device_window_bytes(&facts, VANITY_RING_RX), 256 + 16 * 16);
	assert_int_equal(device_window_bytes(&facts, VANITY_RING_DONE), 256 + 16 * 8);
}

static void a_capture_lies_within_its_file(void **state)
{
	struct {
		struct vanity_grant_facts facts;
		char data[64];
	} file = { .facts = { .magic = VANITY_GRANT_MAGIC,
			      .bytes = sizeof(struct vanity_grant_facts),
			      .kind = VANITY_GRANT_PCAP,
			      .epoch = 7,
			      .data_at = sizeof(struct vanity_grant_facts),
			      .data_bytes = 64 } };
	struct vanity_grant grant = { .name = "d" };
	struct device d = { 0 };
	struct vanity_grant_facts *facts = &file.facts;

	(void)state;
	assert_true(device_facts_possible(&capture_grant, facts, sizeof(*facts) + 64));
	device_make(&d, &capture_grant, facts, &grant);
	assert_ptr_equal(grant.data, file.data);
	assert_int_equal(grant.data_bytes, 64);
	assert_int_equal(device_window_bytes(facts, 0), 0);
	assert_false(device_facts_possible(&capture_grant, facts, sizeof(*facts) + 63));
	facts->data_at--;
	assert_false(device_facts_possible(&capture_grant, facts, sizeof(*facts) + 64));
	facts->data_at = ~0ull;
	assert_false(device_facts_possible(&capture_grant, facts, sizeof(*facts) + 64));
	facts->data_at = sizeof(*facts) + 32;
	facts->data_bytes = ~0ull;
	assert_false(device_facts_possible(&capture_grant, facts, sizeof(*facts) + 64));
}

static void a_grant_has_the_calls_of_its_kind_and_no_other(void **state)
{
	static const struct {
		struct bind_grant bind;
		int read, write, kick, polled;
	} row[] = {
		{ { .kind = VANITY_GRANT_XDP, .keeps_fd = 1, .fd = 9 }, 0, 0, 1, 1 },
		{ { .kind = VANITY_GRANT_TAP, .keeps_fd = 1, .fd = 9 }, 1, 1, 0, 1 },
		{ { .kind = VANITY_GRANT_TUN, .keeps_fd = 1, .fd = 9 }, 1, 1, 0, 1 },
		{ { .kind = VANITY_GRANT_PCAP, .keeps_fd = 1, .fd = 9 }, 0, 1, 0, 0 },
		{ { .kind = VANITY_GRANT_PCAP, .fd = PLAN_NONE }, 0, 0, 0, 0 },
		{ { .kind = VANITY_GRANT_LOOP, .fd = PLAN_NONE }, 0, 0, 0, 0 },
	};
	const struct vanity_grant_facts facts = { 0 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct vanity_grant grant = { 0 };
		struct device d = { 0 };

		device_make(&d, &row[i].bind, &facts, &grant);
		assert_int_equal(grant.calls->read != NULL, row[i].read);
		assert_int_equal(grant.calls->write != NULL, row[i].write);
		assert_int_equal(grant.calls->kick != NULL, row[i].kick);
		assert_int_equal(d.polled, row[i].polled);
		assert_int_equal(d.fd, row[i].bind.keeps_fd ? 9 : -1);
		assert_ptr_equal(grant.context, &d);
	}
}

static void no_room_is_no_error_and_the_rest_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(device_error(1500), 1500);
	assert_int_equal(device_error(0), 0);
	assert_int_equal(device_error(-EAGAIN), 0);
	assert_int_equal(device_error(-EBUSY), 0);
	assert_int_equal(device_error(-ENOBUFS), 0);
	assert_int_equal(device_error(-EINTR), 0);
	assert_int_equal(device_error(-ENXIO), VANITY_GRANT_GONE);
	assert_int_equal(device_error(-ENODEV), VANITY_GRANT_GONE);
	assert_int_equal(device_error(-EBADFD), VANITY_GRANT_GONE);
	assert_int_equal(device_error(-ENETDOWN), VANITY_GRANT_DOWN);
	assert_int_equal(device_error(-EIO), VANITY_GRANT_DOWN);
	assert_int_equal(device_error(-EMSGSIZE), VANITY_GRANT_REFUSED);
	assert_int_equal(device_error(-EINVAL), VANITY_GRANT_REFUSED);
	assert_int_equal(device_error(-ENOSPC), VANITY_GRANT_FAILED);
}

/* A socket whose RX ring is here. */
struct rig {
	uint32_t words[64 + 16];
	struct vanity_grant_facts facts;
	struct vanity_grant grant;
	struct device device;
	struct pollfd poll;
};

static void rig_make(struct rig *r, const struct bind_grant *bind)
{
	memset(r, 0, sizeof(*r));
	r->facts = socket_facts();
	device_make(&r->device, bind, &r->facts, &r->grant);
	r->grant.window[VANITY_RING_RX] = (struct vanity_window){ r->words, sizeof(r->words) };
}

static uint32_t *produced(struct rig *r)
{
	return &r->words[0];
}

static uint32_t *consumed(struct rig *r)
{
	return &r->words[64 / 4];
}

/* A sleep from @now on that ends with @revents of the device; was it asked? */
static bool sleep_asks(struct rig *r, uint64_t now, short revents)
{
	bool asked;

	(void)devices_arm(&r->device, 1, now, now + 1000, &r->poll);
	asked = r->poll.fd == r->device.fd;
	assert_true(asked || r->poll.fd == ~r->device.fd);
	assert_int_equal(r->poll.events, POLLIN);
	r->poll.revents = asked ? revents : 0;
	devices_woken(&r->device, 1, now + 100, &r->poll);
	return asked;
}

static void a_device_that_only_answers_errors_is_left_alone_for_a_while(void **state)
{
	struct rig r;

	(void)state;
	rig_make(&r, &socket_grant);
	assert_true(sleep_asks(&r, 1000, POLLERR | POLLHUP));
	assert_false(sleep_asks(&r, 1001, 0));
	/* A sleep ends in time to ask again. */
	assert_int_equal(devices_arm(&r.device, 1, 1050, 9000, &r.poll), 1100);
	assert_int_equal(devices_arm(&r.device, 1, 1050, 1060, &r.poll), 1060);
	assert_false(sleep_asks(&r, 1099, 0));
	assert_true(sleep_asks(&r, 1100, POLLERR));
	assert_false(sleep_asks(&r, 1101, 0));
	assert_true(sleep_asks(&r, 1200, 0));
	assert_true(sleep_asks(&r, 1201, 0));
	/* Packets and an error together: the packets are there to be taken. */
	assert_true(sleep_asks(&r, 1202, POLLIN | POLLERR));
	assert_true(sleep_asks(&r, 1203, 0));
}

static void packets_that_a_shard_cannot_take_do_not_keep_it_awake(void **state)
{
	struct rig r;

	(void)state;
	rig_make(&r, &socket_grant);
	assert_true(sleep_asks(&r, 1, POLLIN));
	*produced(&r) = 5;
	/* It may have come between its look and its sleep: one more chance to take. */
	assert_true(sleep_asks(&r, 2, POLLIN));
	assert_false(sleep_asks(&r, 3, 0));
	*produced(&r) = 6;
	assert_false(sleep_asks(&r, 4, 0));
	/* Frames came home and rang its bell; it took, and is asked for again. */
	*consumed(&r) = 2;
	assert_true(sleep_asks(&r, 5, POLLIN));
	*consumed(&r) = 4;
	assert_true(sleep_asks(&r, 6, POLLIN));
	*consumed(&r) = 6;
	assert_true(sleep_asks(&r, 7, 0));
}

static void a_ring_that_is_empty_is_always_asked(void **state)
{
	struct rig r;

	(void)state;
	rig_make(&r, &socket_grant);
	for (uint64_t now = 1; now < 10; now++)
		assert_true(sleep_asks(&r, now, now % 2 ? POLLIN : 0));
	/* A packet each time at the last moment: never quiet, whatever woke it. */
	for (uint64_t now = 10; now < 20; now++) {
		++*produced(&r);
		assert_true(sleep_asks(&r, now, 0));
		++*consumed(&r);
		assert_true(sleep_asks(&r, now, 0));
	}
}

static void a_tap_is_asked_again_when_it_was_read(void **state)
{
	static const struct bind_grant tap = { .kind = VANITY_GRANT_TAP, .keeps_fd = 1, .fd = 8 };
	struct rig r;

	(void)state;
	rig_make(&r, &tap);
	assert_true(sleep_asks(&r, 1, POLLIN));
	r.device.looks++;
	assert_true(sleep_asks(&r, 2, POLLIN));
	assert_false(sleep_asks(&r, 3, 0));
	assert_false(sleep_asks(&r, 4, 0));
	r.device.looks++;
	assert_true(sleep_asks(&r, 5, 0));
	assert_true(sleep_asks(&r, 6, 0));
	assert_true(sleep_asks(&r, 7, 0));
}

static void a_shard_that_spins_is_told_once_of_a_packet(void **state)
{
	struct rig r;

	(void)state;
	rig_make(&r, &socket_grant);
	assert_int_equal(devices_news(&r.device, 1), 0);
	*produced(&r) = 1;
	assert_int_equal(devices_news(&r.device, 1), 1);
	assert_int_equal(devices_news(&r.device, 1), 0);
	*produced(&r) = 3;
	assert_int_equal(devices_news(&r.device, 1), 1);
	/* What it took before it asked is no news. */
	*produced(&r) = 4;
	*consumed(&r) = 4;
	assert_int_equal(devices_news(&r.device, 1), 0);
}

static void nothing_but_a_call_tells_a_spinning_shard_of_its_tap(void **state)
{
	static const struct bind_grant tap = { .kind = VANITY_GRANT_TAP, .keeps_fd = 1, .fd = 8 };
	struct rig r;

	(void)state;
	rig_make(&r, &tap);
	assert_int_equal(devices_news(&r.device, 1), -1);
	rig_make(&r, &capture_grant);
	assert_int_equal(devices_news(&r.device, 1), 0);
}

static void what_cannot_be_polled_takes_no_part(void **state)
{
	struct rig r;

	(void)state;
	rig_make(&r, &capture_grant);
	r.poll.fd = 77;
	assert_int_equal(devices_arm(&r.device, 1, 1, 50, &r.poll), 50);
	assert_int_equal(r.poll.fd, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_another_kind_size_or_making_are_refused),
		cmocka_unit_test(rings_that_no_kernel_makes_are_refused),
		cmocka_unit_test(a_capture_lies_within_its_file),
		cmocka_unit_test(a_grant_has_the_calls_of_its_kind_and_no_other),
		cmocka_unit_test(no_room_is_no_error_and_the_rest_is_told_apart),
		cmocka_unit_test(a_device_that_only_answers_errors_is_left_alone_for_a_while),
		cmocka_unit_test(packets_that_a_shard_cannot_take_do_not_keep_it_awake),
		cmocka_unit_test(a_ring_that_is_empty_is_always_asked),
		cmocka_unit_test(a_tap_is_asked_again_when_it_was_read),
		cmocka_unit_test(a_shard_that_spins_is_told_once_of_a_packet),
		cmocka_unit_test(nothing_but_a_call_tells_a_spinning_shard_of_its_tap),
		cmocka_unit_test(what_cannot_be_polled_takes_no_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
