/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_fuzz.c: what a vanityd that was taken over can get out of the keeper.
 *
 *      keeper_fuzz PROGRAMS KEEPER [--dev] [SEED [MESSAGES]]
 *
 *      this program, the test --setup_start()--> keeper <--messages--> this program, `daemon`
 *             |                                                             |
 *             +--- /proc, fanotify: what the keeper has and touches         |
 *             +--- struct order over the control socket: fuzz so much, stop +
 *
 * The stand-in for vanityd says anything: verbs there are and are not, all shards and devices and
 * none, generations past and to come, too short, too long, with descriptors attached, without
 * hearing what is answered. Afterwards the keeper is what it was: the same descriptors, memory, and
 * children; it opened and wrote nothing but its log; nobody else's process was hurt. What it did are
 * starts and ends of what the plan names, and facts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "topology/topology.h"

#include "keeper.h"
#include "keeper_hand.h"
#include "setup.h"

#define SHARDS 4u
#define MESSAGE_BYTES_MAX 70000u
#define ATTACHED_MAX 253u /* SCM_MAX_FD of Linux */
#define INNOCENTS 3
#define WAIT_MS 20000

enum order_what { ORDER_FUZZ = 1, ORDER_QUIET, ORDER_EMPTY, ORDER_STOP };

/* Test and stand-in; the answer is the same with the counts filled in. */
struct order {
	uint32_t what;
	uint32_t successor;
	uint64_t seed, messages;
	uint64_t started, ended, facts, other;
};

/* --- the stand-in for vanityd -------------------------------------------------------------- */

static struct {
	const struct plan *plan;
	int control, client, ready;
	uint64_t random;
	uint32_t generation[SHARDS]; /* newest heard of */
	uint64_t sent; /* messages, starts among them */
	uint32_t alive[SHARDS];
	struct order done;
	int spare[8]; /* descriptors to attach */
} stand;

static uint32_t pick(uint32_t below)
{
	stand.random ^= stand.random << 13;
	stand.random ^= stand.random >> 7;
	stand.random ^= stand.random << 17;
	return (uint32_t)(stand.random >> 32) % below;
}

/* Return: 1 heard something, 0 nothing waits. */
static int daemon_hears(int flags)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control;
	struct keeper_message m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(3, &msg, MSG_CMSG_CLOEXEC | flags);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	int fd[8], fds = 0;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n != sizeof(m) || m.magic != KEEPER_MAGIC)
		_exit(93);
	if (c != NULL) {
		fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fd, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	}
	if (m.verb == KEEPER_HELLO) {
		stand.plan = mmap(NULL, sizeof(struct plan), PROT_READ, MAP_SHARED, fd[0], 0);
		stand.control = dup(fd[1]);
		stand.done.successor = (uint32_t)m.value;
	}
	stand.ready |= m.verb == KEEPER_READY;
	stand.done.facts += m.verb == KEEPER_FACTS_ARE;
	if (m.verb == KEEPER_STARTED || m.verb == KEEPER_ENDED) {
		if (m.shard >= SHARDS)
			_exit(94);
		stand.done.started += m.verb == KEEPER_STARTED;
		stand.done.ended += m.verb == KEEPER_ENDED;
		/* Generations are counted one by one, whatever was asked for. */
		if (m.generation > stand.sent)
			_exit(92);
		if (m.generation >= stand.generation[m.shard])
			stand.alive[m.shard] = m.verb == KEEPER_STARTED;
		if (m.generation > stand.generation[m.shard])
			stand.generation[m.shard] = m.generation;
	} else if (stand.ready && m.verb != KEEPER_FACTS_ARE && m.verb != KEEPER_READY) {
		stand.done.other++;
	}
	for (int i = 0; i < fds; i++)
		close(fd[i]);
	return 1;
}

/* Any word: near what is right, at its edges, or nothing of the kind. */
static uint32_t word(uint32_t right)
{
	switch (pick(8)) {
	case 0:
		return (uint32_t)stand.random;
	case 1:
		return 0xffffffffu;
	case 2:
		return right - 1;
	case 3:
		return 1u << pick(32);
	default:
		return right;
	}
}

static struct keeper_message message_make(void)
{
	static const uint32_t verbs[] = { KEEPER_START, KEEPER_KILL, KEEPER_FACTS, KEEPER_REBIND,
					  KEEPER_HELLO, KEEPER_SHARD, KEEPER_READY, KEEPER_STARTED,
					  KEEPER_ENDED, KEEPER_FACTS_ARE, KEEPER_DEVICE, KEEPER_ALIVE, 0, 14 };
	uint32_t shard = pick(SHARDS);
	struct keeper_message m = { .magic = KEEPER_MAGIC, .shard = shard };

	m.verb = verbs[pick(sizeof(verbs) / sizeof(verbs[0]))];
	m.generation = stand.generation[shard] + (m.verb == KEEPER_START);
	/* What is dear comes seldom: a start, and facts, take most of a millisecond. */
	if ((m.verb == KEEPER_START || m.verb == KEEPER_FACTS) && pick(4) != 0)
		m.verb = KEEPER_REBIND;
	if (pick(2) == 0)
		return m;
	m.magic = pick(16) == 0 ? word(KEEPER_MAGIC) : KEEPER_MAGIC;
	m.verb = pick(4) == 0 ? word(m.verb) : m.verb;
	m.verb = m.verb == KEEPER_STOP ? 0 : m.verb; /* tried by itself, at the end */
	m.shard = pick(4) == 0 ? pick(VANITY_SHARDS_MAX + 2) : word(m.shard);
	m.generation = word(m.generation);
	m.code = (int32_t)word(0);
	m.signal = word(9);
	m.alive = word(1);
	m.reserved = word(0);
	m.value = (uint64_t)word(0) << 32 | word(0);
	return m;
}

static void message_send(const struct keeper_message *m)
{
	static char bytes[MESSAGE_BYTES_MAX];
	static union {
		char bytes[CMSG_SPACE(sizeof(int) * ATTACHED_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { bytes, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint32_t attached = pick(4) == 0 ? 1 + pick(pick(8) == 0 ? ATTACHED_MAX : 4) : 0;

	memcpy(bytes, m, sizeof(*m));
	if (pick(8) == 0)
		bytes[pick(sizeof(*m))] ^= (char)(1u << pick(8));
	/* Not even by a flipped bit. */
	if (((struct keeper_message *)(void *)bytes)->verb == KEEPER_STOP)
		return;
	if (pick(8) == 0)
		iov.iov_len = 1 + pick(sizeof(*m) - 1);
	else if (pick(32) == 0)
		iov.iov_len = sizeof(*m) + 1 + pick(pick(8) == 0 ? MESSAGE_BYTES_MAX - 100 : 64);
	if (attached > 0) {
		struct cmsghdr *c = &control.align;
		int *fd = (int *)(void *)CMSG_DATA(c);

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * attached);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * attached);
		for (uint32_t i = 0; i < attached; i++)
			fd[i] = stand.spare[pick(8)];
	}
	/* Blocks while the keeper is busy; what is too large for its socket is refused by that. */
	while (sendmsg(3, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == ETOOMANYREFS))
		poll(&(struct pollfd){ .fd = 3, .events = POLLOUT }, 1, 10);
}

static void daemon_fuzz(uint64_t seed, uint64_t messages)
{
	uint32_t deaf = 0; /* messages for which it hears nothing */

	stand.random = seed | 1;
	for (uint64_t i = 0; i < messages; i++) {
		struct keeper_message m = message_make();

		stand.sent++;
		message_send(&m);
		if (deaf > 0)
			deaf--;
		else if (pick(4096) == 0)
			deaf = pick(4096);
		while (deaf == 0 && daemon_hears(MSG_DONTWAIT))
			;
	}
}

/* Everything ended, and everything heard. */
static void daemon_quiet(void)
{
	for (int i = 0; i < 200; i++) {
		uint32_t living = 0;

		for (uint32_t s = 0; s < SHARDS; s++) {
			struct keeper_message m = { .magic = KEEPER_MAGIC, .verb = KEEPER_KILL, .shard = s,
						    .generation = stand.generation[s] };

			living += stand.alive[s];
			(void)!send(3, &m, sizeof(m), MSG_NOSIGNAL);
		}
		poll(NULL, 0, 10);
		while (daemon_hears(MSG_DONTWAIT))
			;
		if (living == 0 && i > 5)
			return;
	}
	_exit(95);
}

static void daemon_obeys(void)
{
	struct keeper_message stop = { .magic = KEEPER_MAGIC, .verb = KEEPER_STOP, .shard = ~0u };
	struct order order;

	if (recv(stand.client, &order, sizeof(order), MSG_WAITALL) != sizeof(order)) {
		close(stand.client);
		stand.client = -1;
		return;
	}
	if (order.what == ORDER_FUZZ)
		daemon_fuzz(order.seed, order.messages);
	if (order.what == ORDER_FUZZ || order.what == ORDER_QUIET)
		daemon_quiet();
	if (order.what == ORDER_EMPTY)
		(void)!send(3, &stop, 0, MSG_NOSIGNAL);
	if (order.what == ORDER_STOP)
		(void)!send(3, &stop, sizeof(stop), MSG_NOSIGNAL);
	(void)!send(stand.client, &stand.done, sizeof(stand.done), MSG_NOSIGNAL);
}

static int daemon_main(void)
{
	int pair[2];

	stand.control = stand.client = -1;
	while (!stand.ready)
		daemon_hears(0);
	/* What a daemon can have and pass on: things to read, to write, to wait for, to listen on. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return 96;
	stand.spare[0] = eventfd(0, 0);
	stand.spare[1] = memfd_create("spare", 0);
	stand.spare[2] = stand.control;
	stand.spare[3] = 3; /* its end of the very socket */
	stand.spare[4] = pair[0];
	stand.spare[5] = pair[1];
	stand.spare[6] = dup(0);
	stand.spare[7] = dup(2);
	for (;;) {
		struct pollfd p[3] = { { .fd = 3, .events = POLLIN },
				       { .fd = stand.client < 0 ? stand.control : -1, .events = POLLIN },
				       { .fd = stand.client, .events = POLLIN } };

		if (poll(p, 3, -1) < 0)
			return 97;
		if (p[0].revents != 0)
			daemon_hears(MSG_DONTWAIT);
		if (p[1].revents != 0)
			stand.client = accept(stand.control, NULL, NULL);
		if (p[2].revents != 0)
			daemon_obeys();
	}
}

/* --- the test ------------------------------------------------------------------------------ */

static const char text_of[] =
	"vanity = 1\n"
	"system = %s\n"
	"pool packets { owner = a, frames = 64, frame = 2KiB, access = [ b:ro ] }\n"
	"defaults shard { cores = shared }\n"
	"shard a { program = pktgen }\n"
	"shard b { program = sink }\n"
	"shard c { program = hello }\n"
	"shard d { program = hello }\n"
	"channel a_b { a.out -> b.in, slots = 16, pools = [ packets ] }\n";

static struct {
	char text[1024], name[32], programs[512], keeper[512];
	int dev, failures, client;
	struct topology topology;
	struct plan plan;
	struct setup_result result;
} t;

__attribute__((format(printf, 2, 3))) static void check(int condition, const char *format, ...)
{
	va_list list;

	if (condition)
		return;
	printf("FAILED  ");
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	t.failures++;
}

static const char *text_read(void *context, const char *path, char *text, uint32_t room,
			     uint32_t *ret_bytes)
{
	(void)context, (void)path, (void)room;
	*ret_bytes = (uint32_t)strlen(t.text);
	memcpy(text, t.text, *ret_bytes);
	return NULL;
}

static void text_message(void *context, const struct topology_message *message)
{
	(void)context;
	fputs(message->text, stderr);
}

static void up(void)
{
	struct topology_host host = { NULL, text_read, text_message };
	struct plan_host machine = { .page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
				     .ignore_cores = (uint32_t)t.dev };
	struct setup_options options = { .dev = t.dev, .image = "/proc/self/exe",
					 .programs = t.programs, .keeper = t.keeper };

	snprintf(t.text, sizeof(t.text), text_of, t.name);
	if (topology_parse(&t.topology, "fuzz.conf", &host) != 0 ||
	    plan_make(&t.topology, &machine, &t.plan) != 0)
		exit(2);
	if (setup_start(&t.plan, &options, &t.result) != 0) {
		fprintf(stderr, "setup_start: %s (%s)\n", t.result.error, t.result.remedy);
		exit(2);
	}
}

/* A vanityd that ended has a successor behind the same listener. */
static void client_open(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path, t.result.control, sizeof(name.sun_path) - 1);
	t.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(connect(t.client, (void *)&name, sizeof(name)) == 0, "control: %s", strerror(errno));
}

static struct order tell(struct order order)
{
	struct pollfd p = { .fd = t.client, .events = POLLIN };

	(void)!send(t.client, &order, sizeof(order), MSG_NOSIGNAL);
	if (poll(&p, 1, 3 * WAIT_MS) != 1 ||
	    recv(t.client, &order, sizeof(order), MSG_WAITALL) != sizeof(order))
		order.what = ~0u;
	return order;
}

/* All that a process holds: numbers and what is behind them, in the order of the numbers. */
static char *descriptors_of(pid_t pid)
{
	char *text = malloc(1 << 18), path[64], target[256];
	size_t at = 0;

	for (int fd = 0; fd < 2048 && at < (1 << 18) - 300; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		at += (size_t)sprintf(text + at, "%d %s\n", fd, target);
	}
	text[at] = '\0';
	return text;
}

static long status_of(pid_t pid, const char *key)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	if (f != NULL)
		fclose(f);
	return value;
}

/* -1 where this kernel does not list them. */
static int children_of(pid_t pid)
{
	char path[64], text[4096];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	while (fscanf(f, "%4095s", text) == 1)
		n++;
	fclose(f);
	return n;
}

/* Whatever is opened or written below these mounts; -1 where that is not to be had. */
static int watch_open(void)
{
	static const char *const mount[] = { "/", "/run", "/tmp", "/dev" };
	int fd = fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE, O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < sizeof(mount) / sizeof(mount[0]); i++)
		if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN | FAN_MODIFY | FAN_OPEN_EXEC,
				  AT_FDCWD, mount[i]) != 0) {
			close(fd);
			return -1;
		}
	return fd;
}

/* What the keeper touched but for its log. Return: events of anybody, so that a blind watch is
 * seen. */
static int watch_read(int watch)
{
	static char buffer[1 << 16] __attribute__((aligned(8)));
	char path[64], target[512];
	int events = 0;
	ssize_t n;

	while (watch >= 0 && (n = read(watch, buffer, sizeof(buffer))) > 0) {
		const struct fanotify_event_metadata *e = (const void *)buffer;

		for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n)) {
			ssize_t length;

			snprintf(path, sizeof(path), "/proc/self/fd/%d", e->fd);
			length = e->fd < 0 ? 0 : readlink(path, target, sizeof(target) - 1);
			target[length > 0 ? length : 0] = '\0';
			events++;
			if (e->pid == t.result.keeper_pid && strcmp(target, t.result.log) != 0)
				check(0, "the keeper touched %s: %llx", target,
				      (unsigned long long)e->mask);
			if (e->fd >= 0)
				close(e->fd);
		}
	}
	return events;
}

static void same(const char *what, const char *before, const char *after)
{
	if (strcmp(before, after) != 0)
		check(0, "%s changed:\n--- before\n%s--- after\n%s", what, before, after);
}

static void fuzz(uint64_t seed, uint64_t messages)
{
	pid_t keeper = t.result.keeper_pid, innocent[INNOCENTS];
	struct order order;
	struct stat log;
	char *before, *after, own[] = "/tmp/vanity-watched-XXXXXX";
	long pages;
	int watch, fd;

	for (int i = 0; i < INNOCENTS; i++) {
		innocent[i] = fork();
		if (innocent[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	up();
	client_open();
	/* Each way taken once before it is measured. */
	order = tell((struct order){ .what = ORDER_FUZZ, .seed = seed, .messages = 2000 });
	check(order.what == 0, "the stand-in died in its warm-up");
	before = descriptors_of(keeper = t.result.keeper_pid);
	pages = status_of(keeper, "VmRSS:");
	watch = watch_open();
	order = tell((struct order){ .what = ORDER_FUZZ, .seed = seed + 1, .messages = messages });
	check(order.what == 0 && order.successor == 0, "the stand-in died, or was replaced");
	check(order.other == 0, "%llu messages of a kind that nobody asked for",
	      (unsigned long long)order.other);
	/* Flags, not a queue: who does not hear for a while is told the last of each. */
	check(order.started > messages / 1000 && order.ended > messages / 1000 &&
		      order.facts > messages / 1000,
	      "too little was done to say something: %llu starts, %llu ends, %llu facts",
	      (unsigned long long)order.started, (unsigned long long)order.ended,
	      (unsigned long long)order.facts);
	after = descriptors_of(keeper);
	same("the keeper's descriptors", before, after);
	check(strlen(before) > 100, "the keeper's descriptors cannot be seen");
	check(status_of(keeper, "VmRSS:") <= pages + 64, "the keeper grew from %ld to %ld KiB", pages,
	      status_of(keeper, "VmRSS:"));
	check(status_of(keeper, "Threads:") == 1, "the keeper has threads");
	check(children_of(keeper) <= 1, "the keeper has %d children", children_of(keeper));
	fd = mkstemp(own); /* a file, not a folder: seen by a watch that is not blind */
	check(fd >= 0 && unlink(own) == 0 && close(fd) == 0, "%s cannot be made", own);
	check(watch < 0 || watch_read(watch) > 0, "the watch sees nothing");
	check(stat(t.result.log, &log) == 0 && log.st_size < 4 << 20, "the log has %lld bytes",
	      (long long)log.st_size);
	for (int i = 0; i < INNOCENTS; i++)
		check(waitpid(innocent[i], NULL, WNOHANG) == 0, "a process that is nobody's was ended");
	printf("%llu messages: %llu starts, %llu ends, %llu facts; %s\n", (unsigned long long)messages,
	       (unsigned long long)order.started, (unsigned long long)order.ended,
	       (unsigned long long)order.facts,
	       watch < 0 ? "files could not be watched" : "no file touched but the log");
	/* An empty message is a closed socket to the keeper: that vanityd goes, the next one comes. */
	order = (struct order){ .what = ORDER_EMPTY };
	(void)!send(t.client, &order, sizeof(order), MSG_NOSIGNAL);
	while (poll(&(struct pollfd){ .fd = t.client, .events = POLLIN }, 1, WAIT_MS) == 1 &&
	       recv(t.client, &order, sizeof(order), 0) > 0)
		; /* until its end: it could take the next client along */
	close(t.client);
	client_open();
	order = tell((struct order){ .what = ORDER_QUIET });
	check(order.what == 0 && order.successor == 1, "no successor after an empty message");
	free(after);
	after = descriptors_of(keeper);
	/* It has another socket, and that alone. */
	check(children_of(keeper) <= 1 && llabs((long long)strlen(after) - (long long)strlen(before)) < 8,
	      "after an empty message:\n--- before\n%s--- after\n%s", before, after);
	(void)tell((struct order){ .what = ORDER_STOP });
	check(poll(&(struct pollfd){ .fd = t.result.keeper_pidfd, .events = POLLIN }, 1, WAIT_MS) == 1,
	      "a stop does not stop");
	waitpid(keeper, NULL, 0);
	check(access(t.result.run, F_OK) != 0, "%s is left behind", t.result.run);
	for (int i = 0; i < INNOCENTS; i++) {
		check(waitpid(innocent[i], NULL, WNOHANG) == 0, "a process that is nobody's was ended");
		kill(innocent[i], SIGKILL);
		waitpid(innocent[i], NULL, 0);
	}
	if (watch >= 0)
		close(watch);
	free(before);
	free(after);
}

int main(int argc, char **argv)
{
	uint64_t seed = 20261120, messages = 100000;
	int at = 3;

	if (argc >= 2 && strcmp(argv[1], "daemon") == 0)
		return daemon_main();
	if (argc == 3 && strcmp(argv[1], "undo") == 0) {
		char why[256];

		return setup_undo(argv[2], why, sizeof(why));
	}
	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(t.programs, sizeof(t.programs), "%s", argv[1]);
	snprintf(t.keeper, sizeof(t.keeper), "%s", argv[2]);
	t.dev = geteuid() != 0;
	if (argc > at && strcmp(argv[at], "--dev") == 0) {
		t.dev = 1;
		at++;
	}
	if (argc > at)
		seed = strtoull(argv[at++], NULL, 10);
	if (argc > at)
		messages = strtoull(argv[at], NULL, 10);
	snprintf(t.name, sizeof(t.name), "vfuzz-%d", (int)getpid());
	printf("seed %llu\n", (unsigned long long)seed);
	fuzz(seed, messages);
	return t.failures != 0;
}
