/* SPDX-License-Identifier: Apache-2.0 */
/* shard_filter.c: from a table of calls to a tree of seccomp instructions. */
#include "linux/shard_filter.h"

#include <stddef.h>

#include <syscall.h>

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/seccomp.h>

#include "core/bind.h"

/* Not in every kernel's headers we compile with; Linux 5.14. */
#define ADVISE_POPULATE_READ 22u
#define ADVISE_POPULATE_WRITE 23u

#define X32_BIT 0x40000000u /* x86_64: the bit that makes a number an x32 call */

#define CALLS_MAX 24u
#define TESTS_MAX 3u

/* A test of one argument; all tests of a call must hold. */
enum test_kind {
	TEST_NONE = 0,
	TEST_LOW = 1, /* low word in a..b; for ints, whose high word the kernel ignores */
	TEST_CLEAR = 2, /* no bit of a in the low word */
	TEST_WHOLE = 3, /* all 64 bits equal a */
};

struct test {
	uint8_t kind;
	uint8_t argument;
	uint32_t a, b;
};

struct call {
	uint32_t nr;
	struct test test[TESTS_MAX];
};

struct table {
	struct call call[CALLS_MAX];
	struct filter_line line[CALLS_MAX];
	uint32_t count;
};

static void table_add(struct table *t, uint32_t nr, const char *name, const char *only,
		      const char *reason, struct test x, struct test y, struct test z)
{
	t->call[t->count] = (struct call){ nr, { x, y, z } };
	t->line[t->count] = (struct filter_line){ name, only, reason };
	t->count++;
}

static const struct test any; /* no test */

static struct test low(uint8_t argument, uint32_t a, uint32_t b)
{
	return (struct test){ TEST_LOW, argument, a, b };
}

static struct test clear(uint8_t argument, uint32_t bits)
{
	return (struct test){ TEST_CLEAR, argument, bits, 0 };
}

static struct test whole(uint8_t argument, uint32_t value)
{
	return (struct test){ TEST_WHOLE, argument, value, 0 };
}

#define ADD(call_name, only, reason, ...)                                                          \
	table_add(t, __NR_##call_name, #call_name, only, reason, __VA_ARGS__)

/* Sleep, wake, die: what a running shard has. */
static void table_steady(struct table *t, const struct filter_facts *facts)
{
	uint32_t first = BIND_FD_NEIGHBOURS;
	uint32_t last = first + facts->neighbour_count - 1;

	/* One descriptor at most, so that no list of a thousand is walked in the kernel; no mask,
	 * so that no fault signal can be blocked while it runs. */
	ADD(ppoll, "nfds = 1, sigmask = 0", "sleeping on the own bell, with a deadline",
	    whole(1, 1), whole(3, 0), any);
	/* Its own eventfd only: reading a neighbour's would steal its wake. */
	ADD(read, "fd = own eventfd, count = 8", "taking back the bell's count after a sleep",
	    low(0, BIND_FD_EVENT, BIND_FD_EVENT), whole(2, 8), any);
	if (facts->neighbour_count > 0)
		/* They are non-blocking: a saturated one refuses, it does not hold us. */
		ADD(write, "fd = a neighbour's eventfd, count = 8", "ringing a neighbour that sleeps",
		    low(0, first, last), whole(2, 8), any);
	ADD(rt_sigreturn, "", "back from the fault handler, into the fault", any, any, any);
	ADD(exit_group, "", "the end: done, or a fault with last words", any, any, any);
}

/* What libvanity's start code does before vanity_ready. */
static void table_start(struct table *t, const struct filter_facts *facts)
{
	table_steady(t, facts);
	/* No instruction is ever made writable or writable memory executable. */
	ADD(mmap, "prot without PROT_EXEC", "mapping regions, config and private memory",
	    clear(2, PROT_EXEC), any, any);
	ADD(mprotect, "prot without PROT_EXEC", "taking write access from relocated tables",
	    clear(2, PROT_EXEC), any, any);
	ADD(madvise, "populate only", "pre-faulting the image: a running shard faults no page in",
	    low(2, ADVISE_POPULATE_READ, ADVISE_POPULATE_WRITE), any, any);
	ADD(lseek, "", "lengths of the bind block and of the config", any, any, any);
	ADD(close_range, "", "giving descriptors up after mapping", any, any, any);
	ADD(rt_sigaction, "", "the fault handler", any, any, any);
	ADD(sigaltstack, "", "its stack: a fault may be an overflow of the first", any, any, any);
	ADD(seccomp, "SECCOMP_SET_MODE_FILTER, flags = 0", "adding the steady filter",
	    low(0, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_FILTER), low(1, 0, 0), any);
	/* The descriptor is close-on-exec: after the image started, the call finds nothing. */
	ADD(execveat, "fd = the image, AT_EMPTY_PATH", "the keeper's last call in this process",
	    low(0, facts->image_fd, facts->image_fd), low(4, AT_EMPTY_PATH, AT_EMPTY_PATH), any);
}

static void table_sort(struct table *t)
{
	for (uint32_t i = 1; i < t->count; i++) {
		struct call call = t->call[i];
		uint32_t at = i;

		for (; at > 0 && t->call[at - 1].nr > call.nr; at--)
			t->call[at] = t->call[at - 1];
		t->call[at] = call;
	}
}

struct emit {
	struct sock_filter *code;
	uint32_t count;
};

static void emit(struct emit *e, uint16_t code, uint32_t k, uint32_t jump_true, uint32_t jump_false)
{
	if (e->count < FILTER_INSTRUCTIONS_MAX)
		e->code[e->count] = (struct sock_filter){ code, (uint8_t)jump_true,
							  (uint8_t)jump_false, k };
	e->count++;
}

static void emit_load(struct emit *e, uint32_t offset)
{
	emit(e, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void emit_kill(struct emit *e)
{
	emit(e, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* Falls through when the test holds. Vanity runs on little-endian machines only. */
static void emit_test(struct emit *e, const struct test *test)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8u * test->argument;

	emit_load(e, at);
	switch (test->kind) {
	case TEST_LOW:
		if (test->a == test->b) {
			emit(e, BPF_JMP | BPF_JEQ | BPF_K, test->a, 1, 0);
			emit_kill(e);
			break;
		}
		emit(e, BPF_JMP | BPF_JGE | BPF_K, test->a, 1, 0);
		emit_kill(e);
		emit(e, BPF_JMP | BPF_JGT | BPF_K, test->b, 0, 1);
		emit_kill(e);
		break;
	case TEST_CLEAR:
		emit(e, BPF_JMP | BPF_JSET | BPF_K, test->a, 0, 1);
		emit_kill(e);
		break;
	default:
		emit(e, BPF_JMP | BPF_JEQ | BPF_K, test->a, 1, 0);
		emit_kill(e);
		emit_load(e, at + 4);
		emit(e, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		emit_kill(e);
		break;
	}
}

/* Calls first..last, the accumulator holds the number. Depth: log2(CALLS_MAX). */
static void emit_tree(struct emit *e, const struct table *t, uint32_t first, uint32_t last)
{
	uint32_t middle = (first + last + 1) / 2, jump;

	if (first == last) {
		const struct call *call = &t->call[first];

		emit(e, BPF_JMP | BPF_JEQ | BPF_K, call->nr, 1, 0);
		emit_kill(e);
		for (uint32_t i = 0; i < TESTS_MAX; i++)
			if (call->test[i].kind != TEST_NONE)
				emit_test(e, &call->test[i]);
		emit(e, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
		return;
	}
	jump = e->count;
	emit(e, BPF_JMP | BPF_JGE | BPF_K, t->call[middle].nr, 0, 0);
	emit_tree(e, t, first, middle - 1);
	if (jump < FILTER_INSTRUCTIONS_MAX)
		e->code[jump].jt = (uint8_t)(e->count - jump - 1);
	emit_tree(e, t, middle, last);
}

static void table_make(enum filter_kind kind, const struct filter_facts *facts, struct table *t)
{
	t->count = 0;
	if (kind == FILTER_START)
		table_start(t, facts);
	else
		table_steady(t, facts);
}

uint32_t filter_make(enum filter_kind kind, const struct filter_facts *facts,
		     struct sock_filter *ret)
{
	struct table t;
	struct emit e = { ret, 0 };

	table_make(kind, facts, &t);
	table_sort(&t);
	emit_load(&e, offsetof(struct seccomp_data, arch));
	emit(&e, BPF_JMP | BPF_JEQ | BPF_K, ARCH_AUDIT, 1, 0);
	emit_kill(&e);
	emit_load(&e, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	emit(&e, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_kill(&e);
#endif
	emit_tree(&e, &t, 0, t.count - 1);
	/* The table is ours and constant; a longer one must fail to load, not be cut short. */
	return e.count;
}

struct filter_facts filter_facts_of(const struct bind *bind)
{
	return (struct filter_facts){ .neighbour_count = bind->neighbour_count };
}

int filter_table(enum filter_kind kind, const struct filter_facts *facts, uint32_t n,
		 struct filter_line *ret_line)
{
	struct table t;

	table_make(kind, facts, &t);
	if (n >= t.count)
		return 0;
	*ret_line = t.line[n];
	return 1;
}
