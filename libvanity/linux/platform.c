/* SPDX-License-Identifier: Apache-2.0 */
/* platform.c: struct shard_platform under Linux. Every call here is one the steady filter knows. */
#include "linux/start.h"

#include <linux/filter.h>
#include <linux/poll.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>

#include "linux/call.h"
#include "linux/shard_filter.h"

#define NS_PER_S 1000000000ull
#define SLEEP_S_MAX 4u /* nothing in Vanity sleeps longer without looking */

static struct __kernel_timespec ticks_to_time(uint64_t ticks, uint64_t hz)
{
	struct __kernel_timespec time = { 0 };

	if (hz == 0 || ticks / hz >= SLEEP_S_MAX) {
		time.tv_sec = SLEEP_S_MAX;
		return time;
	}
	time.tv_sec = (long long)(ticks / hz);
	/* The remainder is below hz, a few 10^9: the product stays below 2^64. */
	time.tv_nsec = (long long)(ticks % hz * NS_PER_S / hz);
	return time;
}

static void platform_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	const struct start *start = context;
	struct pollfd poll[1 + VANITY_GRANTS_MAX] = { { .fd = BIND_FD_EVENT, .events = POLLIN } };
	uint32_t devices = start->bind->grant_count;
	struct __kernel_timespec time;
	uint64_t now, count;

	if (wire_load_acquire(bell) != old)
		return;
	now = arch_cycles();
	if (now >= deadline)
		return;
	if (devices != 0)
		deadline = devices_arm(start->device, devices, now, deadline, &poll[1]);
	time = ticks_to_time(deadline - now, start->bind->hz);
	/* A wake between the look above and this call stays in the eventfd's count: not lost. */
	if (CALL_5(__NR_ppoll, poll, 1 + start->polled_count, &time, NULL, 8) > 0 &&
	    poll[0].revents != 0)
		CALL_3(__NR_read, BIND_FD_EVENT, &count, sizeof(count));
	if (devices != 0)
		devices_woken(start->device, devices,
			      arch_cycles() + start->bind->hz / 1000 * DEVICE_FAILED_MS, &poll[1]);
}

static int platform_news(void *context)
{
	const struct start *start = context;

	return devices_news(start->device, start->bind->grant_count);
}

static void platform_wake(void *context, uint32_t neighbour)
{
	const uint64_t one = 1;

	(void)context;
	/* It is non-blocking; a full count wakes as well as one more would. */
	CALL_3(__NR_write, BIND_FD_NEIGHBOURS + neighbour, &one, sizeof(one));
}

static void platform_ready(void *context)
{
	const struct start *start = context;
	struct filter_facts facts = filter_facts_of(start->bind);
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	struct sock_fprog program = { .filter = code };

	/* The others were closed when they were mapped; this holds whatever happened since. */
	CALL_3(__NR_close_range, 0, BIND_FD_EVENT - 1, 0);
	CALL_3(__NR_close_range, BIND_FD_CONFIG, BIND_FD_CONFIG, 0);
	CALL_3(__NR_close_range, bind_fd_regions(start->bind), ~0u, 0);
	program.len = (unsigned short)filter_make(FILTER_STEADY, &facts, code);
	if (CALL_3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		call_exit(START_EXIT_FILTER);
}

static void platform_fault(void *context)
{
	(void)context;
	call_exit(START_EXIT_FAULT);
}

void platform_make(struct start *start)
{
	start->platform = (struct shard_platform){
		.context = start,
		.wait = platform_wait,
		.news = start->polled_count != 0 ? platform_news : NULL,
		.wake = platform_wake,
		.ready = platform_ready,
		.fault = platform_fault,
	};
}
