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

#include <linux/seccomp.h>

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

static int passes_on(enum filter_kind kind, uint32_t machine, long nr, const uint64_t args[6])
{
	struct filter_facts facts = { .image_fd = IMAGE_FD, .neighbour_count = NEIGHBOURS };
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	uint32_t count = filter_make(kind, &facts, code), answer;
	struct seccomp_data data = { .nr = (int)nr, .arch = machine };

	assert_in_range(count, 1, FILTER_INSTRUCTIONS_MAX);
	memcpy(data.args, args, sizeof(data.args));
	answer = run(code, count, &data);
	assert_true(answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_KILL_PROCESS);
	return answer == SECCOMP_RET_ALLOW;
}

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

static void nothing_becomes_executable_while_it_starts(void **state)
{
	(void)state;
	assert_true(PASSES(FILTER_START, __NR_mmap, 0, 4096, 3));
	assert_false(PASSES(FILTER_START, __NR_mmap, 0, 4096, 5));
	assert_true(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 1));
	assert_false(PASSES(FILTER_START, __NR_mprotect, 0, 4096, 7));
	assert_true(PASSES(FILTER_START, __NR_madvise, 0, 4096, 22));
	assert_false(PASSES(FILTER_START, __NR_madvise, 0, 4096, 9)); /* MADV_REMOVE */
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

/* docs/isolation.md prints both tables, in order. */
static void the_page_says_what_the_filters_say(void **state)
{
	char *text = calloc(1, 1 << 16), line[256];
	FILE *f = fopen(ISOLATION_PAGE, "r");
	const struct filter_facts facts = { .neighbour_count = 1 };
	const char *at = text;
	struct filter_line l;

	(void)state;
	assert_non_null(f);
	assert_in_range(fread(text, 1, (1 << 16) - 1, f), 1, (1 << 16) - 2);
	fclose(f);
	for (enum filter_kind kind = FILTER_START; kind <= FILTER_STEADY; kind++) {
		at = strstr(at, "|---|---|---|\n| `");
		assert_non_null(at);
		at = strchr(at, '\n') + 1;
		for (uint32_t n = 0; filter_table(kind, &facts, n, &l); n++) {
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
		cmocka_unit_test(nothing_becomes_executable_while_it_starts),
		cmocka_unit_test(only_the_image_is_executed_and_only_filters_are_added),
		cmocka_unit_test(a_running_shard_has_five_calls),
		cmocka_unit_test(another_machines_calls_do_not_pass),
		cmocka_unit_test(a_shard_without_neighbours_writes_nothing),
		cmocka_unit_test(the_page_says_what_the_filters_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
