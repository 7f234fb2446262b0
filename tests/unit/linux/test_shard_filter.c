/* SPDX-License-Identifier: Apache-2.0 */
/* The filters, run by an interpreter of our own: what passes, and for each its refused neighbour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/mman.h>
#include <linux/seccomp.h>

#include "core/bind.h"
#include "linux/call.h"
#include "linux/shard_filter.h"

#define IMAGE_FD 20u
#define NEIGHBOURS 2u
#define OTHER_MACHINE (ARCH_AUDIT ^ 1u)

/* The part of classic BPF that filters are made of (linux/filter.h). */
static uint32_t run(const struct sock_filter *code, uint32_t count, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (uint32_t pc = 0; pc < count; pc++) {
		const struct sock_filter *i = &code[pc];
		int yes;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k + 4 <= sizeof(*data));
			memcpy(&a, (const char *)data + i->k, 4);
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & i->k) != 0;
			break;
		default:
			fail_msg("instruction %u has code %x", pc, i->code);
			return 0;
		}
		pc += yes ? i->jt : i->jf;
	}
	fail_msg("ran beyond its end");
	return 0;
}

static int passes_for(const struct filter_facts *facts, enum filter_kind kind, uint32_t machine,
		      long nr, const uint64_t args[6])
{
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	uint32_t count = filter_make(kind, facts, code), answer;
	struct seccomp_data data = { .nr = (int)nr, .arch = machine };

	assert_in_range(count, 1, FILTER_INSTRUCTIONS_MAX);
	memcpy(data.args, args, sizeof(data.args));
	answer = run(code, count, &data);
	assert_true(answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_KILL_PROCESS);
	return answer == SECCOMP_RET_ALLOW;
}

static int passes_on(enum filter_kind kind, uint32_t machine, long nr, const uint64_t args[6])
{
	const struct filter_facts facts = { .image_fd = IMAGE_FD, .neighbour_count = NEIGHBOURS };

	return passes_for(&facts, kind, machine, nr, args);
}

/* Neighbours are 6 and 7; devices: 8 a socket, 9 and 10 a tap and a tun, 11 a capture, 12 a tap. */
static const struct filter_facts granted = {
	.image_fd = IMAGE_FD,
	.neighbour_count = NEIGHBOURS,
	.grant_fd_count = 5,
	.grant_kind = { VANITY_GRANT_XDP, VANITY_GRANT_TAP, VANITY_GRANT_TUN, VANITY_GRANT_PCAP,
			VANITY_GRANT_TAP },
};

#define GRANTED(nr, ...)                                                                           \
	passes_for(&granted, FILTER_STEADY, ARCH_AUDIT, nr, (const uint64_t[6]){ __VA_ARGS__ })

#define PASSES(kind, nr, ...) passes_on(kind, ARCH_AUDIT, nr, (const uint64_t[6]){ __VA_ARGS__ })

static void sleeping_takes_one_descriptor_and_no_mask(void **state)
{
	(void)state;
	for (enum filter_kind kind = FILTER_START; kind <= FILTER_STEADY; kind++) {
		assert_true(PASSES(kind, __NR_ppoll, 0x1000, 1, 0x2000, 0, 8));
		assert_false(PASSES(kind, __NR_ppoll, 0x1000, 2, 0x2000, 0, 8));
		assert_false(PASSES(kind, __NR_ppoll, 0x1000, 1ull << 32 | 1, 0x2000, 0, 8));
		assert_false(PASSES(kind, __NR_ppoll, 0x1000, 1, 0x2000, 0x3000, 8));
		assert_false(PASSES(kind, __NR_ppoll, 0x1000, 1, 0x2000, 1ull << 32, 8));
	}
}

static void only_the_own_eventfd_is_read_and_only_neighbours_are_written(void **state)
{
	(void)state;
	for (enum filter_kind kind = FILTER_START; kind <= FILTER_STEADY; kind++) {
		assert_true(PASSES(kind, __NR_read, 4, 0x1000, 8));
		assert_false(PASSES(kind, __NR_read, 6, 0x1000, 8));
		assert_false(PASSES(kind, __NR_read, 4, 0x1000, 16));
		assert_true(PASSES(kind, __NR_write, 6, 0x1000, 8));
		assert_true(PASSES(kind, __NR_write, 7, 0x1000, 8));
		assert_false(PASSES(kind, __NR_write, 4, 0x1000, 8));
		assert_false(PASSES(kind, __NR_write, 5, 0x1000, 8));
		assert_false(PASSES(kind, __NR_write, 8, 0x1000, 8));
		assert_false(PASSES(kind, __NR_write, 6, 0x1000, 1ull << 32 | 8));
	}
}

static void a_shard_with_devices_sleeps_on_exactly_those_that_can_be_polled(void **state)
{
	(void)state;
	/* Its own, the socket, three taps and tuns; a capture is never waited for. */
	assert_true(GRANTED(__NR_ppoll, 0x1000, 5, 0x2000, 0, 8));
	assert_false(GRANTED(__NR_ppoll, 0x1000, 1, 0x2000, 0, 8));
	assert_false(GRANTED(__NR_ppoll, 0x1000, 4, 0x2000, 0, 8));
	assert_false(GRANTED(__NR_ppoll, 0x1000, 6, 0x2000, 0, 8));
	assert_false(GRANTED(__NR_ppoll, 0x1000, 1ull << 32 | 5, 0x2000, 0, 8));
	assert_false(GRANTED(__NR_ppoll, 0x1000, 5, 0x2000, 0x3000, 8));
}

static void a_socket_is_kicked_and_nothing_is_sent_through_it(void **state)
{
	(void)state;
	assert_true(GRANTED(__NR_sendto, 8, 0, 0, 0x40, 0, 0));
	for (uint64_t fd = 0; fd < 14; fd++)
		assert_int_equal(GRANTED(__NR_sendto, fd, 0, 0, 0x40, 0, 0), fd == 8);
	assert_false(GRANTED(__NR_sendto, 8, 0x1000, 0, 0x40, 0, 0)); /* data */
	assert_false(GRANTED(__NR_sendto, 8, 1ull << 32, 0, 0x40, 0, 0));
	assert_false(GRANTED(__NR_sendto, 8, 0, 1, 0x40, 0, 0));
	assert_false(GRANTED(__NR_sendto, 8, 0, 1ull << 32, 0x40, 0, 0));
	assert_false(GRANTED(__NR_sendto, 8, 0, 0, 0, 0, 0)); /* would block */
	assert_false(GRANTED(__NR_sendto, 8, 0, 0, 0x41, 0, 0)); /* MSG_OOB */
	assert_false(GRANTED(__NR_sendto, 8, 0, 0, 0x40, 0x1000, 0)); /* to somebody */
	assert_false(GRANTED(__NR_sendto, 8, 0, 0, 0x40, 1ull << 32, 0));
	assert_false(GRANTED(__NR_sendto, 8, 0, 0, 0x40, 0, 16));
	assert_false(GRANTED(__NR_read, 8, 0x1000, 64));
	assert_false(GRANTED(__NR_write, 8, 0x1000, 64));
}

static void packets_are_read_from_taps_and_written_to_taps_and_captures(void **state)
{
	(void)state;
	for (uint64_t fd = 0; fd < 14; fd++) {
		int tap = fd == 9 || fd == 10 || fd == 12;

		assert_int_equal(GRANTED(__NR_read, fd, 0x1000, 2048), tap);
		assert_int_equal(GRANTED(__NR_write, fd, 0x1000, 2048), tap || fd == 11);
		/* Eventfds keep their own rules. */
		assert_int_equal(GRANTED(__NR_read, fd, 0x1000, 8), tap || fd == 4);
		assert_int_equal(GRANTED(__NR_write, fd, 0x1000, 8),
				 tap || fd == 11 || fd == 6 || fd == 7);
	}
	assert_false(GRANTED(__NR_sendto, 9, 0, 0, 0x40, 0, 0));
	/* No other way of reading or writing, and nothing that takes a descriptor apart. */
	assert_false(GRANTED(__NR_readv, 9, 0x1000, 1));
	assert_false(GRANTED(__NR_writev, 11, 0x1000, 1));
	assert_false(GRANTED(__NR_ioctl, 9, 0x400454ca, 0x1000));
	assert_false(GRANTED(__NR_ftruncate, 11, 0));
	assert_false(GRANTED(__NR_lseek, 11, 0, 0));
	assert_false(GRANTED(__NR_fcntl, 9, 4, 0));
	assert_false(GRANTED(__NR_setsockopt, 8, 283, 1));
}

static void a_shard_without_devices_has_none_of_their_calls(void **state)
{
	(void)state;
	for (uint64_t fd = 0; fd < 14; fd++) {
		assert_false(PASSES(FILTER_STEADY, __NR_sendto, fd, 0, 0, 0x40, 0, 0));
		assert_false(PASSES(FILTER_STEADY, __NR_read, fd, 0x1000, 2048));
		assert_false(PASSES(FILTER_STEADY, __NR_write, fd, 0x1000, 2048));
	}
}

/* Kinds in turn make the most rows. */
static void the_largest_filters_fit(void **state)
{
	static const uint32_t kind[][2] = { { VANITY_GRANT_XDP, VANITY_GRANT_TAP },
					    { VANITY_GRANT_TAP, VANITY_GRANT_PCAP },
					    { VANITY_GRANT_XDP, VANITY_GRANT_PCAP },
					    { VANITY_GRANT_XDP, VANITY_GRANT_XDP } };
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];

	(void)state;
	for (uint32_t k = 0; k < 4; k++) {
		struct filter_facts facts = { .neighbour_count = 63, .grant_fd_count = 8 };

		for (uint32_t i = 0; i < VANITY_GRANTS_MAX; i++)
			facts.grant_kind[i] = kind[k][i % 2];
		assert_in_range(filter_make(FILTER_START, &facts, code), 1,
				FILTER_INSTRUCTIONS_MAX);
		for (uint64_t i = 0; i < VANITY_GRANTS_MAX; i++) {
			uint64_t fd = BIND_FD_NEIGHBOURS + 63 + i;
			uint32_t is = kind[k][i % 2];
			const uint64_t kick[6] = { fd, 0, 0, 0x40, 0, 0 };
			const uint64_t move[6] = { fd, 0x1000, 1500 };

			assert_int_equal(passes_for(&facts, FILTER_START, ARCH_AUDIT, __NR_sendto,
						    kick),
					 is == VANITY_GRANT_XDP);
			assert_int_equal(passes_for(&facts, FILTER_START, ARCH_AUDIT, __NR_read,
						    move),
					 is == VANITY_GRANT_TAP);
			assert_int_equal(passes_for(&facts, FILTER_START, ARCH_AUDIT, __NR_write,
						    move),
					 is != VANITY_GRANT_XDP);
		}
	}
}

static void nothing_becomes_executable_while_it_starts(void **state)
{
	(void)state;
	assert_true(PASSES(FILTER_START, __NR_mmap, 0, 4096, 3, MAP_PRIVATE));
	assert_false(PASSES(FILTER_START, __NR_mmap, 0, 4096, 5, MAP_PRIVATE));
	assert_false(PASSES(FILTER_START, __NR_mmap, 0, 4096, 5, MAP_SHARED));
	assert_true(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 1));
	assert_false(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 0));
	assert_false(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 3));
	assert_false(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 7));
	assert_true(PASSES(FILTER_START, __NR_madvise, 0, 4096, 22));
	assert_false(PASSES(FILTER_START, __NR_madvise, 0, 4096, 9)); /* MADV_REMOVE */
}

/* libvanity/linux/start.c and device.c have these; every other flag by itself is refused. */
static void only_memory_that_the_limits_count_is_mapped(void **state)
{
	static const uint32_t needed[] = {
		MAP_PRIVATE | MAP_POPULATE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE | MAP_LOCKED,
		MAP_SHARED | MAP_FIXED | MAP_POPULATE,
	};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(PASSES(FILTER_START, __NR_mmap, 0, 4096, 3, needed[i]));
		assert_false(PASSES(FILTER_STEADY, __NR_mmap, 0, 4096, 3, needed[i]));
		for (uint32_t bit = 0; bit < 32; bit++) {
			uint32_t flag = 1u << bit;
			int known = (flag & (needed[1] | needed[2])) != 0;

			if ((needed[i] & MAP_SHARED) != 0)
				known = (flag & needed[3]) != 0;
			assert_int_equal(PASSES(FILTER_START, __NR_mmap, 0, 4096, 3, needed[i] | flag),
					 known);
		}
	}
}

static void only_the_image_is_executed_and_only_filters_are_added(void **state)
{
	(void)state;
	assert_true(PASSES(FILTER_START, __NR_execveat, IMAGE_FD, 1, 2, 3, 0x1000));
	assert_false(PASSES(FILTER_START, __NR_execveat, IMAGE_FD + 1, 1, 2, 3, 0x1000));
	assert_false(PASSES(FILTER_START, __NR_execveat, IMAGE_FD, 1, 2, 3, 0));
	assert_true(PASSES(FILTER_START, __NR_seccomp, 1, 0));
	assert_false(PASSES(FILTER_START, __NR_seccomp, 1, 8)); /* a listener */
	assert_false(PASSES(FILTER_START, __NR_seccomp, 3, 0));
}

static void a_running_shard_has_five_calls(void **state)
{
	static const uint64_t none[6];
	uint32_t count = 0;

	(void)state;
	for (long nr = 0; nr < 1024; nr++) {
		const uint64_t args[][6] = { { 0, 1, 0, 0 }, { 4, 0, 8 }, { 6, 0, 8 }, { 0 } };
		int passes = 0;

		for (uint32_t i = 0; i < 4; i++)
			passes |= passes_on(FILTER_STEADY, ARCH_AUDIT, nr, args[i]);
		count += (uint32_t)passes;
	}
	assert_int_equal(count, 5);
	assert_true(passes_on(FILTER_STEADY, ARCH_AUDIT, __NR_exit_group, none));
	assert_true(passes_on(FILTER_STEADY, ARCH_AUDIT, __NR_rt_sigreturn, none));
}

static void vanityd_reads_and_answers_and_makes_nothing(void **state)
{
	static const long never[] = { __NR_socket, __NR_connect, __NR_bind, __NR_sendmsg,
				      __NR_clone, __NR_clone3, __NR_execve, __NR_execveat,
				      __NR_kill, __NR_tgkill, __NR_pidfd_send_signal, __NR_ptrace,
				      __NR_process_vm_writev, __NR_unlinkat, __NR_mkdirat,
				      __NR_unshare, __NR_setns, __NR_mount, __NR_io_uring_setup,
				      __NR_bpf, __NR_keyctl, __NR_seccomp, __NR_prctl,
				      __NR_sched_setaffinity, __NR_memfd_create };
	static const uint64_t none[6];

	(void)state;
	for (uint32_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(passes_on(FILTER_DAEMON, ARCH_AUDIT, never[i], none));
	/* To who is connected, and only to be read. */
	assert_true(PASSES(FILTER_DAEMON, __NR_sendto, 5, 0x1000, 40, 0x4000, 0, 0));
	assert_false(PASSES(FILTER_DAEMON, __NR_sendto, 5, 0x1000, 40, 0x4000, 0x1000, 16));
	assert_true(PASSES(FILTER_DAEMON, __NR_openat, -100, 0x1000, 02000000));
	assert_false(PASSES(FILTER_DAEMON, __NR_openat, -100, 0x1000, 02000001)); /* to write */
	assert_false(PASSES(FILTER_DAEMON, __NR_openat, -100, 0x1000, 02000100)); /* made */
	assert_true(PASSES(FILTER_DAEMON, __NR_ioctl, 5, 0x8933)); /* SIOCGIFINDEX */
	assert_false(PASSES(FILTER_DAEMON, __NR_ioctl, 5, 0x8914)); /* SIOCSIFFLAGS */
	assert_true(PASSES(FILTER_DAEMON, __NR_mmap, 0, 4096, 3));
	assert_false(PASSES(FILTER_DAEMON, __NR_mmap, 0, 4096, 7));
	assert_false(PASSES(FILTER_DAEMON, __NR_mprotect, 0, 4096, 5));
}

static void another_machines_calls_do_not_pass(void **state)
{
	static const uint64_t none[6];

	(void)state;
	assert_false(passes_on(FILTER_STEADY, OTHER_MACHINE, __NR_exit_group, none));
	assert_false(passes_on(FILTER_START, OTHER_MACHINE, __NR_exit_group, none));
	assert_false(passes_on(FILTER_START, ARCH_AUDIT, 0x40000000 | __NR_exit_group, none));
	assert_false(passes_on(FILTER_START, ARCH_AUDIT, -1, none));
}

static void a_shard_without_neighbours_writes_nothing(void **state)
{
	struct filter_facts facts = { .image_fd = IMAGE_FD };
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	uint32_t count = filter_make(FILTER_STEADY, &facts, code);
	struct seccomp_data data = { .nr = __NR_write, .arch = ARCH_AUDIT, .args = { 6, 0, 8 } };

	(void)state;
	assert_int_equal(run(code, count, &data), SECCOMP_RET_KILL_PROCESS);
}

/* docs/isolation.md prints the tables, in order: start, steady, steady with devices, vanityd's. */
static void the_page_says_what_the_filters_say(void **state)
{
	static const struct filter_facts plain = { .neighbour_count = 1 };
	static const struct filter_facts devices = {
		.neighbour_count = 1,
		.grant_fd_count = 3,
		.grant_kind = { VANITY_GRANT_XDP, VANITY_GRANT_TAP, VANITY_GRANT_PCAP },
	};
	static const struct {
		enum filter_kind kind;
		const struct filter_facts *facts;
	} table[] = { { FILTER_START, &plain },
		      { FILTER_STEADY, &plain },
		      { FILTER_STEADY, &devices },
		      { FILTER_DAEMON, &plain } };
	char *text = calloc(1, 1 << 16), line[256];
	FILE *f = fopen(ISOLATION_PAGE, "r");
	const char *at = text;
	struct filter_line l;

	(void)state;
	assert_non_null(f);
	assert_in_range(fread(text, 1, (1 << 16) - 1, f), 1, (1 << 16) - 2);
	fclose(f);
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		at = strstr(at, table[i].kind == FILTER_DAEMON ? "\n## vanityd\n" : "|---|---|---|\n| `");
		assert_non_null(at);
		at = strstr(at, "|---|---|---|\n| `");
		assert_non_null(at);
		at = strchr(at, '\n') + 1;
		for (uint32_t n = 0; filter_table(table[i].kind, table[i].facts, n, &l); n++) {
			snprintf(line, sizeof(line), "| `%s` | %s | %s |\n", l.call,
				 l.only[0] != '\0' ? l.only : "any", l.reason);
			if (strncmp(at, line, strlen(line)) != 0)
				fail_msg("expected: %sfound: %.100s", line, at);
			at += strlen(line);
		}
		assert_int_equal(*at, '\n');
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeping_takes_one_descriptor_and_no_mask),
		cmocka_unit_test(only_the_own_eventfd_is_read_and_only_neighbours_are_written),
		cmocka_unit_test(a_shard_with_devices_sleeps_on_exactly_those_that_can_be_polled),
		cmocka_unit_test(a_socket_is_kicked_and_nothing_is_sent_through_it),
		cmocka_unit_test(packets_are_read_from_taps_and_written_to_taps_and_captures),
		cmocka_unit_test(a_shard_without_devices_has_none_of_their_calls),
		cmocka_unit_test(the_largest_filters_fit),
		cmocka_unit_test(nothing_becomes_executable_while_it_starts),
		cmocka_unit_test(only_memory_that_the_limits_count_is_mapped),
		cmocka_unit_test(only_the_image_is_executed_and_only_filters_are_added),
		cmocka_unit_test(a_running_shard_has_five_calls),
		cmocka_unit_test(vanityd_reads_and_answers_and_makes_nothing),
		cmocka_unit_test(another_machines_calls_do_not_pass),
		cmocka_unit_test(a_shard_without_neighbours_writes_nothing),
		cmocka_unit_test(the_page_says_what_the_filters_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
