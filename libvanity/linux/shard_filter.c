/* SPDX-License-Identifier: Apache-2.0 */
/* shard_filter.c: from a table of calls to a tree of seccomp instructions. */
#include "linux/shard_filter.h"

#include <stdbool.h>
#include <stddef.h>

#include <syscall.h>

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/seccomp.h>

#include "core/bind.h"

/* Not in every kernel's headers we compile with; Linux 5.14. */
#define ADVISE_POPULATE_READ 22u
#define ADVISE_POPULATE_WRITE 23u

#define NO_CALL 0xffffffffu

/* linux/sockios.h: SIOCGIFNAME, FLAGS, MTU, INDEX. */
static const uint32_t daemon_ioctl[] = { 0x8910, 0x8913, 0x8921, 0x8933 };

#define X32_BIT 0x40000000u /* x86_64: the bit that makes a number an x32 call */

#define ROWS_MAX 40u
#define TESTS_MAX 6u
#define MESSAGE_DO_NOT_WAIT 0x40u /* MSG_DONTWAIT; linux/socket.h does not export it */

/* What start.c and device.c map with. */
#define MAPPED_RIGHTS (uint32_t)(PROT_READ | PROT_WRITE)
#define MAPPED_SHARED (uint32_t)(MAP_SHARED | MAP_FIXED | MAP_POPULATE)
#define MAPPED_PRIVATE                                                                             \
	(uint32_t)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE | MAP_LOCKED |           \
		   MAP_NORESERVE)
/* What libc's malloc and its threads map with, in vanityd. */
#define DAEMON_PRIVATE                                                                             \
	(uint32_t)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK)

/* A test of one argument. All tests of a row must hold; a call may have several rows, one of which
 * must. */
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

struct tests {
	struct test test[TESTS_MAX]; /* the first without a kind ends them */
};

struct row {
	uint32_t nr;
	struct tests tests;
};

struct table {
	struct row row[ROWS_MAX];
	uint32_t count;
	struct filter_line line[ROWS_MAX];
	uint32_t line_count;
};

static void table_row(struct table *t, uint32_t nr, struct tests tests)
{
	t->row[t->count++] = (struct row){ nr, tests };
}

static void table_line(struct table *t, const char *name, const char *only, const char *reason)
{
	t->line[t->line_count++] = (struct filter_line){ name, only, reason };
}

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

#define TESTS(...) ((struct tests){ { __VA_ARGS__ } })
#define ANY ((struct tests){ 0 })

/* A row, and how it is said. */
#define ADD(call_name, only, reason, tests)                                                        \
	(table_row(t, __NR_##call_name, tests), table_line(t, #call_name, only, reason))

static const char *const sleeping[] = {
	"nfds = 1, sigmask = 0", "nfds = 2, sigmask = 0", "nfds = 3, sigmask = 0",
	"nfds = 4, sigmask = 0", "nfds = 5, sigmask = 0", "nfds = 6, sigmask = 0",
	"nfds = 7, sigmask = 0", "nfds = 8, sigmask = 0", "nfds = 9, sigmask = 0",
};
_Static_assert(sizeof(sleeping) / sizeof(sleeping[0]) == VANITY_GRANTS_MAX + 1, "its own and each");

static uint32_t kind_bit(uint32_t kind)
{
	return 1u << kind;
}

#define TAPS (1u << VANITY_GRANT_TAP | 1u << VANITY_GRANT_TUN)

/*
 * One row for each run of descriptors of these kinds. Return: how many descriptors they are. A test
 * of the descriptor comes in front of @tests.
 */
static uint32_t table_devices(struct table *t, const struct filter_facts *facts, uint32_t kinds,
			      uint32_t nr, struct tests tests)
{
	uint32_t first = BIND_FD_NEIGHBOURS + facts->neighbour_count, found = 0;

	for (uint32_t i = TESTS_MAX - 1; i > 0; i--)
		tests.test[i] = tests.test[i - 1];
	for (uint32_t i = 0, n; i < facts->grant_fd_count; i += n) {
		bool wanted = (kinds & kind_bit(facts->grant_kind[i])) != 0;

		for (n = 1; i + n < facts->grant_fd_count; n++)
			if (((kinds & kind_bit(facts->grant_kind[i + n])) != 0) != wanted)
				break;
		if (!wanted)
			continue;
		found += n;
		tests.test[0] = low(0, first + i, first + i + n - 1);
		if (nr != NO_CALL)
			table_row(t, nr, tests);
	}
	return found;
}

/* What the devices of a shard add to sleep, wake, die. */
static void table_grants(struct table *t, const struct filter_facts *facts)
{
	/* Every argument: no address, no data, nothing that could name another socket. */
	if (table_devices(t, facts, kind_bit(VANITY_GRANT_XDP), __NR_sendto,
			  TESTS(whole(1, 0), whole(2, 0),
				low(3, MESSAGE_DO_NOT_WAIT, MESSAGE_DO_NOT_WAIT), whole(4, 0),
				low(5, 0, 0))) != 0)
		table_line(t, "sendto", "fd = an xdp socket, MSG_DONTWAIT, the rest 0",
			   "xdp: having the kernel look at the rings");
	if (table_devices(t, facts, TAPS, __NR_read, ANY) != 0)
		table_line(t, "read", "fd = a tun or tap", "tuntap: receiving a packet");
	if (table_devices(t, facts, TAPS, __NR_write, ANY) != 0)
		table_line(t, "write", "fd = a tun or tap", "tuntap: sending a packet");
	if (table_devices(t, facts, kind_bit(VANITY_GRANT_PCAP), __NR_write, ANY) != 0)
		table_line(t, "write", "fd = a capture to append to", "pcap: recording packets");
}

/* Sleep, wake, die: what a running shard has. */
static void table_steady(struct table *t, const struct filter_facts *facts)
{
	uint32_t first = BIND_FD_NEIGHBOURS;
	uint32_t last = first + facts->neighbour_count - 1;
	uint32_t polled = table_devices(t, facts, TAPS | kind_bit(VANITY_GRANT_XDP), NO_CALL, ANY);

	/* As many descriptors as it has, so that no list of a thousand is walked in the kernel; no
	 * mask: it needs none. (A forged frame of rt_sigreturn can block signals: then the kernel ends
	 * it at its next fault, without last words.) */
	ADD(ppoll, sleeping[polled],
	    polled == 0 ? "sleeping on the own bell, with a deadline"
			: "sleeping on the own bell and on devices, with a deadline",
	    TESTS(whole(1, 1 + polled), whole(3, 0)));
	/* Its own eventfd only: reading a neighbour's would steal its wake. */
	ADD(read, "fd = own eventfd, count = 8", "taking back the bell's count after a sleep",
	    TESTS(low(0, BIND_FD_EVENT, BIND_FD_EVENT), whole(2, 8)));
	if (facts->neighbour_count > 0)
		/* They are non-blocking: a saturated one refuses, it does not hold us. */
		ADD(write, "fd = a neighbour's eventfd, count = 8",
		    "ringing a neighbour that sleeps", TESTS(low(0, first, last), whole(2, 8)));
	table_grants(t, facts);
	ADD(rt_sigreturn, "", "back from the fault handler, into the fault", ANY);
	ADD(exit_group, "", "the end: done, or a fault with last words", ANY);
}

/* What libvanity's start code does before vanity_ready. */
static void table_start(struct table *t, const struct filter_facts *facts)
{
	table_steady(t, facts);
	/* No instruction is ever made writable or writable memory executable. And no memory that the
	 * limits do not count: not shared without a file, none that grows as a stack does, no huge
	 * pages but those of a region. */
	ADD(mmap, "shared: MAP_FIXED, MAP_POPULATE; prot without PROT_EXEC",
	    "mapping regions, and the rings of devices",
	    TESTS(clear(2, ~MAPPED_RIGHTS), clear(3, ~MAPPED_SHARED)));
	ADD(mmap, "private: those, MAP_ANONYMOUS, MAP_LOCKED, MAP_NORESERVE; prot without PROT_EXEC",
	    "private memory, config, what is known of devices",
	    TESTS(clear(2, ~MAPPED_RIGHTS), clear(3, ~MAPPED_PRIVATE)));
	ADD(mprotect, "prot = PROT_READ", "taking write access from relocated tables",
	    TESTS(low(2, PROT_READ, PROT_READ)));
	ADD(madvise, "populate only", "pre-faulting the image: a running shard faults no page in",
	    TESTS(low(2, ADVISE_POPULATE_READ, ADVISE_POPULATE_WRITE)));
	ADD(lseek, "", "lengths of the bind block, of the config and of what is known of devices",
	    ANY);
	ADD(close_range, "", "giving descriptors up after mapping", ANY);
	ADD(rt_sigaction, "", "the fault handler", ANY);
	ADD(sigaltstack, "", "its stack: a fault may be an overflow of the first", ANY);
	ADD(seccomp, "SECCOMP_SET_MODE_FILTER, flags = 0", "adding the steady filter",
	    TESTS(low(0, SECCOMP_SET_MODE_FILTER, SECCOMP_SET_MODE_FILTER), low(1, 0, 0)));
	/* The descriptor is close-on-exec: after the image started, the call finds nothing. */
	ADD(execveat, "fd = the image, AT_EMPTY_PATH", "the keeper's last call in this process",
	    TESTS(low(0, facts->image_fd, facts->image_fd), low(4, AT_EMPTY_PATH, AT_EMPTY_PATH)));
}

/* vanityd's. Sockets and files it has already, /proc it opens to read. */
static void table_daemon(struct table *t)
{
	ADD(ppoll, "", "sleeping until somebody says something", ANY);
#ifdef __NR_poll
	table_row(t, __NR_poll, ANY);
#endif
	table_line(t, "poll", "", "the same, where the architecture has it");
	ADD(restart_syscall, "", "a sleep that was stopped goes on", ANY);
	ADD(recvmsg, "", "the keeper's messages, with descriptors", ANY);
	ADD(recvfrom, "", "requests; the kernel's news of interfaces", ANY);
	/* Without an address: to who is connected already. And never with a descriptor. */
	ADD(sendto, "no address", "verbs to the keeper, answers to clients",
	    TESTS(whole(4, 0), low(5, 0, 0)));
	ADD(accept4, "", "clients", ANY);
	ADD(getsockopt, "", "who a client is", ANY);
	ADD(openat, "to read, close-on-exec",
	    "/proc: processes of shards; Landlock leaves nothing else",
	    TESTS(low(2, O_CLOEXEC, O_CLOEXEC)));
	ADD(read, "", "what was opened", ANY);
	ADD(pread64, "", "digests of the images", ANY);
	ADD(lseek, "", "facts that the keeper handed over", ANY);
	ADD(write, "", "the log", ANY);
	ADD(ftruncate, "", "a log that reached its end keeps its older half", ANY);
	ADD(fstat, "", "sizes", ANY);
	ADD(newfstatat, "flags = AT_EMPTY_PATH", "the same, of a descriptor",
	    TESTS(low(3, AT_EMPTY_PATH, AT_EMPTY_PATH)));
	ADD(close, "", "what is done with", ANY);
	for (uint32_t i = 0; i < sizeof(daemon_ioctl) / sizeof(daemon_ioctl[0]); i++)
		table_row(t, __NR_ioctl, TESTS(low(1, daemon_ioctl[i], daemon_ioctl[i])));
	table_line(t, "ioctl", "SIOCGIFINDEX, NAME, FLAGS, MTU", "the state of an interface");
	/* None that the limit on data does not count: not shared without a file, none that grows, no
	 * huge pages. */
	ADD(mmap, "shared, no other flag; prot without PROT_EXEC", "what the keeper hands over",
	    TESTS(clear(2, PROT_EXEC), clear(3, ~(uint32_t)MAP_SHARED)));
	ADD(mmap, "private: MAP_ANONYMOUS, MAP_FIXED, MAP_NORESERVE, MAP_STACK; prot without PROT_EXEC",
	    "memory", TESTS(clear(2, PROT_EXEC), clear(3, ~DAEMON_PRIVATE)));
	ADD(mprotect, "prot without PROT_EXEC", "memory", TESTS(clear(2, PROT_EXEC)));
	ADD(munmap, "", "memory", ANY);
	ADD(mremap, "", "memory", ANY);
	ADD(madvise, "", "memory", ANY);
	ADD(brk, "", "memory", ANY);
	ADD(futex, "", "libc's locks", ANY);
	ADD(getrandom, "", "libc's", ANY);
	ADD(clock_gettime, "", "time, where it cannot be read without a call", ANY);
	ADD(geteuid, "", "whether a client is the owner", ANY);
	ADD(rt_sigreturn, "", "back from a handler", ANY);
	ADD(exit_group, "", "the end", ANY);
}

/* Rows of one call stay in their order. */
static void table_sort(struct table *t)
{
	for (uint32_t i = 1; i < t->count; i++) {
		struct row row = t->row[i];
		uint32_t at = i;

		for (; at > 0 && t->row[at - 1].nr > row.nr; at--)
			t->row[at] = t->row[at - 1];
		t->row[at] = row;
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

#define TO_NEXT 0xffu /* a jump whose end is known when its row is written */

/* Falls through when the test holds. Vanity runs on little-endian machines only. */
static void emit_test(struct emit *e, const struct test *test)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8u * test->argument;

	emit_load(e, at);
	switch (test->kind) {
	case TEST_LOW:
		if (test->a == test->b) {
			emit(e, BPF_JMP | BPF_JEQ | BPF_K, test->a, 0, TO_NEXT);
			break;
		}
		emit(e, BPF_JMP | BPF_JGE | BPF_K, test->a, 0, TO_NEXT);
		emit(e, BPF_JMP | BPF_JGT | BPF_K, test->b, TO_NEXT, 0);
		break;
	case TEST_CLEAR:
		emit(e, BPF_JMP | BPF_JSET | BPF_K, test->a, TO_NEXT, 0);
		break;
	default:
		emit(e, BPF_JMP | BPF_JEQ | BPF_K, test->a, 0, TO_NEXT);
		emit_load(e, at + 4);
		emit(e, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, TO_NEXT);
		break;
	}
}

/* Allowed when all its tests hold; goes on behind itself when one does not. */
static void emit_row(struct emit *e, const struct row *row)
{
	uint32_t from = e->count;

	for (uint32_t i = 0; i < TESTS_MAX && row->tests.test[i].kind != TEST_NONE; i++)
		emit_test(e, &row->tests.test[i]);
	emit(e, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	for (uint32_t i = from; i < e->count && i < FILTER_INSTRUCTIONS_MAX; i++) {
		struct sock_filter *jump = &e->code[i];

		if (BPF_CLASS(jump->code) != BPF_JMP)
			continue;
		if (jump->jt == TO_NEXT)
			jump->jt = (uint8_t)(e->count - i - 1);
		if (jump->jf == TO_NEXT)
			jump->jf = (uint8_t)(e->count - i - 1);
	}
}

/* One call: its rows, one behind the other, then the end. */
static void emit_call(struct emit *e, const struct table *t, uint32_t first, uint32_t end)
{
	emit(e, BPF_JMP | BPF_JEQ | BPF_K, t->row[first].nr, 1, 0);
	emit_kill(e);
	for (uint32_t i = first; i < end; i++)
		emit_row(e, &t->row[i]);
	if (t->row[end - 1].tests.test[0].kind != TEST_NONE)
		emit_kill(e);
}

/* Where the call of row @at begins, and where it ends. */
static uint32_t call_first(const struct table *t, uint32_t at)
{
	while (at > 0 && t->row[at - 1].nr == t->row[at].nr)
		at--;
	return at;
}

static uint32_t call_end(const struct table *t, uint32_t at)
{
	uint32_t nr = t->row[at].nr;

	while (at < t->count && t->row[at].nr == nr)
		at++;
	return at;
}

/* Rows first..end - 1, whole calls; the accumulator holds the number. Depth: log2(ROWS_MAX). */
static void emit_tree(struct emit *e, const struct table *t, uint32_t first, uint32_t end)
{
	uint32_t middle = call_first(t, (first + end) / 2), jump;

	if (middle == first)
		middle = call_end(t, first);
	if (middle == end) {
		emit_call(e, t, first, end);
		return;
	}
	jump = e->count;
	emit(e, BPF_JMP | BPF_JGE | BPF_K, t->row[middle].nr, 0, 0);
	emit_tree(e, t, first, middle);
	if (jump < FILTER_INSTRUCTIONS_MAX)
		e->code[jump].jt = (uint8_t)(e->count - jump - 1);
	emit_tree(e, t, middle, end);
}

static void table_make(enum filter_kind kind, const struct filter_facts *facts, struct table *t)
{
	t->count = 0;
	t->line_count = 0;
	if (kind == FILTER_START)
		table_start(t, facts);
	else if (kind == FILTER_STEADY)
		table_steady(t, facts);
	else
		table_daemon(t);
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
	emit_tree(&e, &t, 0, t.count);
	/* The table is ours and constant; a longer one must fail to load, not be cut short. */
	return e.count;
}

struct filter_facts filter_facts_of(const struct bind *bind)
{
	struct filter_facts facts = { .neighbour_count = bind->neighbour_count };

	for (uint32_t i = 0; i < bind->grant_count; i++)
		if (bind_grants(bind)[i].keeps_fd)
			facts.grant_kind[facts.grant_fd_count++] = bind_grants(bind)[i].kind;
	return facts;
}

int filter_table(enum filter_kind kind, const struct filter_facts *facts, uint32_t n,
		 struct filter_line *ret_line)
{
	struct table t;

	table_make(kind, facts, &t);
	if (n >= t.line_count)
		return 0;
	*ret_line = t.line[n];
	return 1;
}
