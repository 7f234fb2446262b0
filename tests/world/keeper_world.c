/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_world.c: setup and keeper in the world they are for, without the policy above them.
 *
 *      this program, the test  --setup_start()-->  keeper  --executes-->  this program, `daemon`
 *             |                                                              |
 *             +------- struct keeper_message over the control socket --------+
 *
 * The stand-in for vanityd forwards what it is asked to the keeper, and what the keeper says back.
 * Verbs of 100 and more are for itself. So a test sees exactly what vanityd would see.
 *
 *      keeper_world PROGRAMS KEEPER [--dev | --user]      run all cases
 *      keeper_world PROGRAMS KEEPER [--dev] restart N     figures: kill to parked and to ready
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bind.h"
#include "core/cell.h"
#include "topology/topology.h"

#include "keeper.h"
#include "keeper_hand.h"
#include "setup.h"

enum {
	DO_GO = 100, /* shard, generation: write orders.go and ring */
	DO_CELL = 101, /* shard: answer value = ready << 32 | generation, code = state */
	DO_DIE = 102,
	DO_GARBAGE = 103, /* a message of the wrong size */
	DO_WHO = 104, /* value = successor, generation = pid by the host */
};

#define WAIT_MS 5000
#define NOBODY 65534u

/* ------------------------------------------------------------------ the stand-in for vanityd */

static struct {
	const struct plan *plan;
	int control, client;
	int ready; /* everything was handed over: answer now */
	uint64_t successor;
	struct {
		const struct cell *cell;
		struct orders *orders;
		wire_u64 *bell;
		int event, pidfd;
	} shard[VANITY_SHARDS_MAX];
} stand;

static void *map(int fd, uint64_t bytes, int rights)
{
	void *at = mmap(NULL, bytes, rights, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static uint64_t host_pid(int pidfd)
{
	char path[64], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\nPid:");
	return at ? strtoull(at + 5, NULL, 10) : 0;
}

static void reply(const struct keeper_message *m, const char *text)
{
	if (stand.client < 0)
		return;
	(void)!send(stand.client, m, sizeof(*m), MSG_NOSIGNAL);
	if (text != NULL && m->value > 0)
		(void)!send(stand.client, text, m->value, MSG_NOSIGNAL);
}

static void daemon_shard(const struct keeper_message *m, const int *fd)
{
	const struct plan_shard *p = &stand.plan->shard[m->shard];

	stand.shard[m->shard].cell = map(fd[0], stand.plan->region[p->cell_region].bytes, PROT_READ);
	/* A cell cannot be mapped for writing by its reader. */
	if (map(fd[0], 4096, PROT_READ | PROT_WRITE) != NULL)
		_exit(91);
	stand.shard[m->shard].orders = map(fd[1], stand.plan->region[p->orders_region].bytes,
					   PROT_READ | PROT_WRITE);
	stand.shard[m->shard].event = fd[3];
	stand.shard[m->shard].bell = map(fd[4], stand.plan->region[p->bell_region].bytes,
					 PROT_READ | PROT_WRITE);
	stand.shard[m->shard].pidfd = m->alive ? fd[5] : -1;
	if (stand.shard[m->shard].cell == NULL || stand.shard[m->shard].orders == NULL ||
	    stand.shard[m->shard].bell == NULL)
		_exit(92);
}

static void daemon_hears(void)
{
	static char text[1 << 20];
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} control;
	struct keeper_message m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(3, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fd[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };

	if (n != sizeof(m) || m.magic != KEEPER_MAGIC)
		_exit(93);
	if (c != NULL)
		memcpy(fd, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	switch (m.verb) {
	case KEEPER_HELLO:
		stand.plan = map(fd[0], sizeof(*stand.plan), PROT_READ);
		stand.control = fd[1];
		stand.successor = m.value;
		break;
	case KEEPER_SHARD:
		daemon_shard(&m, fd);
		break;
	case KEEPER_STARTED:
		stand.shard[m.shard].pidfd = fd[0];
		m.value = host_pid(fd[0]);
		reply(&m, NULL);
		break;
	case KEEPER_FACTS_ARE:
		n = pread(fd[0], text, sizeof(text), 0);
		m.value = n > 0 ? (uint64_t)n : 0;
		close(fd[0]);
		reply(&m, text);
		break;
	case KEEPER_READY:
		stand.ready = 1;
		break;
	default:
		reply(&m, NULL);
		break;
	}
}

static void daemon_go(const struct keeper_message *m)
{
	struct orders *o = stand.shard[m->shard].orders;
	uint64_t one = 1;

	for (uint32_t i = 0; i < stand.plan->shard[m->shard].port_count; i++)
		wire_store(&o->port[i], ORDER_WORD(m->generation, ORDER_FRESH));
	wire_store(&o->magic, ORDERS_MAGIC);
	wire_store(&o->go, m->generation);
	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
	wire_store_release(stand.shard[m->shard].bell, wire_load(stand.shard[m->shard].bell) + 1);
	(void)!write(stand.shard[m->shard].event, &one, 8);
}

static void daemon_obeys(void)
{
	struct keeper_message m;
	const struct cell *cell;

	if (recv(stand.client, &m, sizeof(m), MSG_WAITALL) != sizeof(m)) {
		close(stand.client);
		stand.client = -1;
		return;
	}
	switch (m.verb) {
	case DO_GO:
		daemon_go(&m);
		break;
	case DO_CELL:
		cell = stand.shard[m.shard].cell;
		m.value = wire_load(&cell->ready) << 32 | wire_load(&cell->generation);
		m.code = (int32_t)wire_load(&cell->state);
		m.signal = (uint32_t)wire_load(&cell->words.signal);
		m.generation = (uint32_t)wire_load(&cell->words.generation);
		reply(&m, NULL);
		break;
	case DO_DIE:
		raise(SIGKILL);
		break;
	case DO_GARBAGE:
		(void)!send(3, &m, sizeof(m) - 1, MSG_NOSIGNAL);
		break;
	case DO_WHO:
		m.value = stand.successor;
		m.generation = stand.shard[m.shard].pidfd >= 0 ?
				       (uint32_t)host_pid(stand.shard[m.shard].pidfd) :
				       0;
		reply(&m, NULL);
		break;
	default:
		(void)!send(3, &m, sizeof(m), MSG_NOSIGNAL);
		break;
	}
}

static int daemon_main(void)
{
	stand.control = stand.client = -1;
	for (;;) {
		struct pollfd p[3] = { { .fd = 3, .events = POLLIN },
				       { .fd = stand.ready && stand.client < 0 ? stand.control : -1,
					 .events = POLLIN },
				       { .fd = stand.client, .events = POLLIN } };

		if (poll(p, 3, -1) < 0)
			return 94;
		if (p[0].revents != 0)
			daemon_hears();
		if (p[1].revents != 0)
			stand.client = accept(stand.control, NULL, NULL);
		if (p[2].revents != 0)
			daemon_obeys();
	}
}

/* -------------------------------------------------------------------------------- the test */

static const char text_of[] =
	"vanity = 1\n"
	"system = %s\n"
	"pool packets { owner = a, frames = 256, frame = 2KiB, access = [ b:ro ] }\n"
	"defaults shard { cores = shared, trust = test }\n"
	"defaults channel { slots = 64, full = wait, pools = [ packets ] }\n"
	"shard a { program = pktgen }\n"
	"shard b { program = sink }\n"
	"shard c { program = hello, config = \"%s\" }\n"
	"channel a_b { a.out -> b.in }\n";

static struct {
	char programs[512], keeper[512], image[512];
	char name[32], config[64];
	char text[2048];
	int dev;
	const char *now; /* the sentence under test */
	int failures;
	struct plan plan;
	struct topology topology;
	struct setup_result result;
	int client;
} t;

__attribute__((format(printf, 2, 3))) static void check(int condition, const char *format, ...)
{
	va_list list;

	if (condition)
		return;
	fprintf(stderr, "FAILED %s: ", t.now);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	t.failures++;
}

static const char *text_read(void *context, const char *path, char *text, uint32_t room,
			     uint32_t *ret_bytes)
{
	(void)context;
	(void)path;
	(void)room;
	*ret_bytes = (uint32_t)strlen(t.text);
	memcpy(text, t.text, *ret_bytes);
	return NULL;
}

static void text_message(void *context, const struct topology_message *message)
{
	(void)context;
	fputs(message->text, stderr);
}

static void plan_build(void)
{
	struct topology_host host = { NULL, text_read, text_message };
	struct plan_host machine = { .page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
				     .huge_page_bytes = t.dev ? 0 : 2u << 20, .cores = 0,
				     .ignore_cores = (uint32_t)t.dev };

	snprintf(t.text, sizeof(t.text), text_of, t.name, t.config);
	if (topology_parse(&t.topology, "world.conf", &host) != 0 ||
	    plan_make(&t.topology, &machine, &t.plan) != 0)
		exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* The runtime folder's socket, again after a successor took over: same listener. */
static void client_open(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	memcpy(name.sun_path, t.result.control, sizeof(name.sun_path) - 1);
	t.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(connect(t.client, (void *)&name, sizeof(name)) == 0, "control: %s", strerror(errno));
}

static void ask(uint32_t verb, uint32_t shard, uint32_t generation)
{
	struct keeper_message m = { .magic = KEEPER_MAGIC, .verb = verb, .shard = shard,
				    .generation = generation };

	(void)!send(t.client, &m, sizeof(m), MSG_NOSIGNAL);
}

/* The next message, of any kind; verb 0 when none comes. */
static struct keeper_message hear(int timeout_ms)
{
	struct keeper_message m = { 0 };
	struct pollfd p = { .fd = t.client, .events = POLLIN };

	if (poll(&p, 1, timeout_ms) != 1 || recv(t.client, &m, sizeof(m), MSG_WAITALL) != sizeof(m))
		m.verb = 0;
	return m;
}

static struct keeper_message expect(uint32_t verb, uint32_t shard)
{
	struct keeper_message m = hear(WAIT_MS);

	check(m.verb == verb && m.shard == shard, "expected verb %u of shard %u, got %u of %u", verb,
	      shard, m.verb, m.shard);
	return m;
}

static int start(void)
{
	struct setup_options options = { .dev = t.dev, .image = t.image, .programs = t.programs,
					 .keeper = t.keeper };
	int code = setup_start(&t.plan, &options, &t.result);

	if (code != 0)
		fprintf(stderr, "setup_start: %d %s (%s)\n", code, t.result.error, t.result.remedy);
	return code;
}

static int file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

/* In the background of a test a child of ours stays a zombie until it is waited for. */
static void keeper_reap(void)
{
	check(gone(t.result.keeper_pidfd), "the keeper lives on");
	waitpid(t.result.keeper_pid, NULL, 0);
	close(t.result.keeper_pidfd);
	if (t.client >= 0)
		close(t.client);
	t.client = -1;
}

static void up(void)
{
	plan_build();
	if (start() != 0)
		exit(1);
	client_open();
}

static void down(void)
{
	ask(KEEPER_STOP, 0, 0);
	keeper_reap();
	if (t.result.keeper_fd >= 0)
		close(t.result.keeper_fd);
	check(!file_exists(t.result.run), "%s is left behind", t.result.run);
}

static int cell_wait(uint32_t shard, uint32_t generation, int state)
{
	uint64_t end = now_ns() + WAIT_MS * 1000000ull;
	struct keeper_message m;

	do {
		ask(DO_CELL, shard, 0);
		m = hear(WAIT_MS);
		if (m.verb != DO_CELL) {
			check(0, "shard %u: verb %u, code %d, signal %u while waiting for a state", shard,
			      m.verb, m.code, m.signal);
			return 0;
		}
		if ((m.code == state || (state == CELL_RUNNING && m.code == CELL_WAITING)) &&
		    (state == CELL_PARKED || m.value == ((uint64_t)generation << 32 | generation)))
			return 1;
	} while (now_ns() < end);
	check(0, "shard %u: state %d, wanted %d; value %llx", shard, m.code, state,
	      (unsigned long long)m.value);
	return 0;
}

static void shard_up(uint32_t shard, uint32_t generation)
{
	struct keeper_message m;

	ask(KEEPER_START, shard, generation);
	m = expect(KEEPER_STARTED, shard);
	check(m.value > 1, "its host pid is %llu", (unsigned long long)m.value);
	cell_wait(shard, generation, CELL_PARKED);
}

static char facts_text[1 << 20];

static const char *facts(uint32_t shard)
{
	struct keeper_message m;
	size_t at = 0;

	ask(KEEPER_FACTS, shard, 0);
	m = expect(KEEPER_FACTS_ARE, shard);
	while (at < m.value && at < sizeof(facts_text) - 1) {
		ssize_t n = recv(t.client, facts_text + at, m.value - at, MSG_WAITALL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	facts_text[at] = '\0';
	return facts_text;
}

/* A line of /proc/PID/status: does the value of @key begin with @value? */
static void status_is(const char *text, const char *key, const char *value)
{
	char start_of[64];
	const char *at;

	snprintf(start_of, sizeof(start_of), "\n%s:\t", key);
	at = strstr(text, start_of);
	check(at != NULL && strncmp(at + strlen(start_of), value, strlen(value)) == 0 &&
		      strchr("\n\t ", at[strlen(start_of) + strlen(value)]) != NULL,
	      "%s is not %s but %.20s", key, value, at ? at + strlen(start_of) : "absent");
}

static const char no_capabilities[] = "0000000000000000";

/* ------------------------------------------------------------------------------- the cases */

static void a_shard_is_started_parked_released_killed_and_started_again(void)
{
	struct keeper_message m;

	up();
	shard_up(2, 1);
	ask(DO_GO, 2, 1);
	cell_wait(2, 1, CELL_RUNNING);
	ask(KEEPER_KILL, 2, 1);
	m = expect(KEEPER_ENDED, 2);
	check(m.generation == 1 && m.signal == SIGKILL && m.code == 0, "ended as %u by %u code %d",
	      m.generation, m.signal, m.code);
	shard_up(2, 2);
	ask(DO_GO, 2, 2);
	cell_wait(2, 2, CELL_RUNNING);
	down();
}

static void every_step_of_the_list_is_active(void)
{
	const char *text;
	char uid[16];

	up();
	shard_up(2, 1);
	ask(DO_GO, 2, 1);
	cell_wait(2, 1, CELL_RUNNING);
	text = facts(2);
	check(strncmp(text, "== status\n", 10) == 0 && strstr(text, "\n== maps\n") != NULL &&
		      strstr(text, "\n== fd\n") != NULL && strstr(text, "\n== end\n") != NULL,
	      "sections: %.200s", text);
	status_is(text, "NoNewPrivs", "1");
	status_is(text, "Seccomp", "2");
	status_is(text, "Seccomp_filters", "2");
	status_is(text, "CapInh", no_capabilities);
	status_is(text, "CapPrm", no_capabilities);
	status_is(text, "CapEff", no_capabilities);
	status_is(text, "CapBnd", no_capabilities);
	status_is(text, "CapAmb", no_capabilities);
	status_is(text, "SigBlk", "0000000000000000");
	status_is(text, "SigIgn", "0000000000000000");
	snprintf(uid, sizeof(uid), "%u", t.dev ? geteuid() : 0x76000000u + 2);
	if (t.dev)
		status_is(text, "Uid", uid);
	else
		check(strstr(text, "\nUid:\t19797") != NULL, "no uid of the range 0x76000000");
	if (!t.dev)
		status_is(text, "Groups", "");
	/* Nothing writable is executable, nothing of the host's files is mapped. */
	check(strstr(text, " rwx") == NULL && strstr(text, "/usr/") == NULL &&
		      strstr(text, "[heap]") == NULL,
	      "maps");
	down();
}

/* The lines of a section, counted. */
static int lines(const char *text, const char *section)
{
	const char *at = strstr(text, section);
	int n = 0;

	for (at = at ? at + strlen(section) : ""; *at != '\0' && strncmp(at, "== ", 3) != 0; n++)
		at = strchr(at, '\n') + 1;
	return n;
}

static void a_parked_shard_holds_nothing_but_its_eventfds(void)
{
	const char *text;

	up();
	shard_up(0, 1);
	text = facts(0);
	/* Its own bell and that of its one neighbour. */
	check(lines(text, "\n== fd\n") == 2, "%d descriptors: %s", lines(text, "\n== fd\n"),
	      strstr(text, "== fd"));
	check(strstr(text, "\n4 = anon_inode:[eventfd]\n") != NULL &&
		      strstr(text, "\n6 = anon_inode:[eventfd]\n") != NULL,
	      "descriptors: %s", strstr(text, "== fd"));
	status_is(text, "Seccomp_filters", "1");
	/* The pool is written by its owner and read by its neighbour. */
	check(strstr(text, "rw-s") != NULL, "nothing mapped for writing");
	shard_up(1, 1);
	text = facts(1);
	check(strstr(text, "r--s") != NULL, "nothing mapped read-only");
	down();
}

static int same_namespace(uint32_t pid, const char *kind, char *ret_name, size_t room)
{
	char path[64], own[64] = "", ours[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, kind);
	n = readlink(path, ret_name, room - 1);
	ret_name[n > 0 ? n : 0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	n = readlink(path, ours, sizeof(ours) - 1);
	ours[n > 0 ? n : 0] = '\0';
	(void)own;
	return ret_name[0] == '\0' || strcmp(ours, ret_name) == 0;
}

static uint32_t shard_pid(uint32_t shard)
{
	ask(DO_WHO, shard, 0);
	return hear(WAIT_MS).generation;
}

static void a_generation_enters_the_namespaces_of_the_one_before(void)
{
	static const char *const kinds[] = { "net", "ipc", "uts", "cgroup", "mnt" };
	char first[5][64], second[64], pid_first[64], path[64], root[64];
	uint32_t pid;
	struct stat st;

	/* Looking into another's namespaces is root's: the process cannot be traced by its user. */
	if (geteuid() != 0)
		return;
	up();
	shard_up(2, 1);
	pid = shard_pid(2);
	for (int i = 0; i < 5; i++)
		check(!same_namespace(pid, kinds[i], first[i], sizeof(first[i])), "%s is the host's",
		      kinds[i]);
	check(!same_namespace(pid, "pid", pid_first, sizeof(pid_first)), "pid is the host's");
	snprintf(path, sizeof(path), "/proc/%u/root/proc", pid);
	check(lstat(path, &st) != 0, "its root is not empty");
	snprintf(path, sizeof(path), "/proc/%u/root/new", pid);
	snprintf(root, sizeof(root), "/proc/%u/mem", pid);
	check(mkdir(path, 0700) != 0 && errno == EROFS, "its root can be written: %s", strerror(errno));
	check(t.dev || (stat(root, &st) == 0 && st.st_uid == 0), "it can be dumped by its own uid");
	ask(KEEPER_KILL, 2, 1);
	expect(KEEPER_ENDED, 2);
	shard_up(2, 2);
	pid = shard_pid(2);
	for (int i = 0; i < 5; i++) {
		same_namespace(pid, kinds[i], second, sizeof(second));
		check(strcmp(first[i], second) == 0, "%s is a new one", kinds[i]);
	}
	same_namespace(pid, "pid", second, sizeof(second));
	check(strcmp(pid_first, second) != 0, "the pid namespace is the old one");
	down();
}

static void messages_outside_the_plan_change_nothing(void)
{
	struct keeper_message m;

	up();
	shard_up(2, 1);
	ask(KEEPER_START, 2, 1); /* lives */
	ask(KEEPER_START, 2, 2); /* lives */
	ask(KEEPER_START, 3, 1); /* no such shard */
	ask(KEEPER_START, 0xffffffffu, 1);
	ask(KEEPER_KILL, 2, 2); /* not that generation */
	ask(KEEPER_HELLO, 0, 0); /* not vanityd's to say */
	ask(77, 0, 0);
	ask(DO_GARBAGE, 0, 0);
	ask(KEEPER_START, 1, 0); /* generation 0 is none */
	ask(KEEPER_START, 1, 2); /* there was no first one */
	ask(KEEPER_START, 1, 0xffffffffu); /* its successor would have no number */
	m = hear(100);
	check(m.verb == 0, "answered verb %u", m.verb);
	ask(KEEPER_FACTS, 1, 0); /* not alive: answered, with nothing */
	m = expect(KEEPER_FACTS_ARE, 1);
	check(m.value == strlen("== end\n"), "%llu bytes of facts of nobody",
	      (unsigned long long)m.value);
	(void)!recv(t.client, facts_text, m.value, MSG_WAITALL);
	ask(KEEPER_KILL, 2, 1);
	expect(KEEPER_ENDED, 2);
	ask(KEEPER_START, 2, 3); /* nor a second one */
	check(hear(100).verb == 0, "a generation was left out");
	shard_up(2, 2);
	down();
}

static void a_fault_leaves_last_words_and_the_true_signal(void)
{
	struct keeper_message m;

	up();
	shard_up(2, 1);
	ask(DO_GO, 2, 1);
	cell_wait(2, 1, CELL_RUNNING);
	/* Sent by somebody: no fault to go back to, so it ends with a fault of its own. */
	check(kill((pid_t)shard_pid(2), SIGSEGV) == 0, "kill: %s", strerror(errno));
	m = expect(KEEPER_ENDED, 2);
	check(m.code == 70 && m.signal == 0, "code %d, signal %u", m.code, m.signal);
	ask(DO_CELL, 2, 0);
	m = hear(WAIT_MS);
	check(m.signal == SIGSEGV && m.generation == 1, "words: signal %u, generation %u", m.signal,
	      m.generation);
	down();
}

static void a_killed_vanityd_has_a_successor_that_gets_everything(void)
{
	struct keeper_message m;
	uint32_t pid;

	up();
	shard_up(2, 1);
	pid = shard_pid(2);
	for (uint32_t i = 1; i <= 3; i++) {
		ask(DO_DIE, 0, 0);
		close(t.client);
		client_open();
		ask(DO_WHO, 2, 0);
		m = hear(WAIT_MS);
		check(m.verb == DO_WHO && m.value == i, "successor %llu, expected %u",
		      (unsigned long long)m.value, i);
		check(m.generation == pid, "the shard's pid is %u, was %u", m.generation, pid);
	}
	ask(DO_GO, 2, 1);
	cell_wait(2, 1, CELL_RUNNING);
	ask(KEEPER_KILL, 2, 1);
	expect(KEEPER_ENDED, 2);
	shard_up(2, 2);
	down();
}

static void all_die_with_the_keeper(void)
{
	char path[PATHS_BYTES], why[256];
	int pidfd;

	up();
	shard_up(0, 1);
	shard_up(2, 1);
	pidfd = (int)syscall(SYS_pidfd_open, shard_pid(2), 0);
	check(pidfd >= 0, "no pidfd: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s", t.result.run);
	kill(t.result.keeper_pid, SIGKILL);
	check(gone(pidfd), "a shard outlives the keeper");
	close(pidfd);
	keeper_reap();
	close(t.result.keeper_fd);
	check(file_exists(path), "nobody was there to remove %s", path);
	/* And what it left blocks nobody. */
	check(setup_stop(t.name, 0, why, sizeof(why)) == 5, "stop: %s", why);
	check(!file_exists(path), "%s is left behind", path);
}

static void a_start_that_dies_before_its_commit_takes_the_system_along(void)
{
	int status, pair[2];
	pid_t pid;

	plan_build();
	check(pipe(pair) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		int code = start();

		(void)!write(pair[1], &t.result, sizeof(t.result));
		(void)code;
		pause();
		_exit(0);
	}
	check(read(pair[0], &t.result, sizeof(t.result)) == sizeof(t.result), "no start");
	close(pair[0]);
	close(pair[1]);
	t.result.keeper_pidfd = (int)syscall(SYS_pidfd_open, t.result.keeper_pid, 0);
	check(t.result.keeper_pidfd >= 0, "no keeper");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	check(gone(t.result.keeper_pidfd), "the keeper lives on");
	close(t.result.keeper_pidfd);
	check(!file_exists(t.result.run), "%s is left behind", t.result.run);
}

static void a_committed_system_outlives_its_start(void)
{
	char why[256];
	int pair[2];
	pid_t pid;

	plan_build();
	check(pipe(pair) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		int code = start();

		code |= setup_commit(&t.result);
		(void)!write(pair[1], &t.result, sizeof(t.result));
		_exit(code);
	}
	check(read(pair[0], &t.result, sizeof(t.result)) == sizeof(t.result), "no start");
	close(pair[0]);
	close(pair[1]);
	waitpid(pid, NULL, 0);
	client_open();
	shard_up(2, 1);
	/* A second of the same name is refused, and harms nothing. */
	{
		struct setup_options options = { .dev = t.dev, .image = t.image,
						 .programs = t.programs, .keeper = t.keeper };
		struct setup_result second;

		check(setup_start(&t.plan, &options, &second) == 1, "a second start: %d %s",
		      second.exit_code, second.error);
	}
	check(shard_pid(2) != 0, "the first system is gone");
	check(setup_stop(t.name, 0, why, sizeof(why)) == 0, "stop: %s", why);
	close(t.client);
	t.client = -1;
	check(!file_exists(t.result.run), "%s is left behind", t.result.run);
	check(setup_stop(t.name, 0, why, sizeof(why)) == 5, "a second stop: %s", why);
}

/* Kills a start after a number of system calls' worth of time; whatever it left, the next works. */
static void a_start_killed_anywhere_never_blocks_the_next(void)
{
	for (unsigned us = 100; us < 12000; us += 700) {
		struct timespec pause_for = { 0, (long)us * 1000 };
		pid_t pid;

		plan_build();
		pid = fork();
		if (pid == 0) {
			start();
			pause();
			_exit(0);
		}
		nanosleep(&pause_for, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		up();
		down();
	}
}

static void two_systems_run_side_by_side(void)
{
	struct setup_result first;
	int client;

	up();
	shard_up(2, 1);
	first = t.result;
	client = t.client;
	t.name[0] = 'w';
	up();
	shard_up(2, 1);
	down();
	t.name[0] = 'v';
	t.result = first;
	t.client = client;
	check(shard_pid(2) != 0, "the first one died");
	down();
}

static long huge_total(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "r");
	long n = -1;

	if (f != NULL) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

/* Does @life leave the machine's count as it was? Others raise and lower it too while we look, so
 * one undisturbed try of a few is proof. */
static void huge_kept(const char *what, void (*life)(void))
{
	long before = -1, after = -2;

	for (int i = 0; i < 8 && before != after; i++) {
		before = huge_total();
		life();
		after = huge_total();
	}
	check(before == after, "%s: %ld huge pages, %ld before", what, after, before);
}

/* As root, and with a name that somebody typed. */
static void an_undo_removes_nothing_that_is_not_ours(void)
{
	static const char *const heads[] = { NULL, "", "vanity-jour", "somebody's diary\n" };
	char path[PATHS_BYTES + 16], other[PATHS_BYTES + 16], why[256];

	snprintf(path, sizeof(path), "%s/journal", t.result.run);
	snprintf(other, sizeof(other), "%s/other", t.result.run);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (int with_other = 1; with_other >= 0; with_other--) {
			FILE *f = NULL;
			int kept = with_other || i == 3;

			check(mkdir(t.result.run, 0700) == 0, "%s", t.result.run);
			if (heads[i] != NULL && (f = fopen(path, "w")) != NULL) {
				fputs(heads[i], f);
				fclose(f);
			}
			if (with_other && (f = fopen(other, "w")) != NULL)
				fclose(f);
			check(setup_undo(t.result.run, why, sizeof(why)) == kept, "undo %zu: %s", i,
			      why);
			check(file_exists(other) == with_other, "%s: %zu", other, i);
			check(file_exists(path) == (i == 3), "%s: %zu", path, i);
			check(file_exists(t.result.run) == kept, "%s: %zu", t.result.run, i);
			unlink(other);
			unlink(path);
			rmdir(t.result.run);
		}
	}
}

/* As /tmp/vanity-UID may be, when another user was there first. */
static void a_runtime_folder_of_somebody_else_is_refused_with_a_remedy(void)
{
	struct setup_options options = { .dev = 1, .image = t.image, .programs = t.programs,
					 .keeper = t.keeper };
	const char *old = getenv("XDG_RUNTIME_DIR");
	struct setup_result refused;

	if (geteuid() == 0)
		return; /* root's is below /run, whatever the environment says */
	old = old != NULL ? strdup(old) : NULL;
	plan_build();
	setenv("XDG_RUNTIME_DIR", "/usr", 1);
	check(setup_start(&t.plan, &options, &refused) == 4, "start: %d %s", refused.exit_code,
	      refused.error);
	check(strstr(refused.error, "/usr: belongs to somebody else") != NULL, "%s", refused.error);
	check(strstr(refused.remedy, "XDG_RUNTIME_DIR") != NULL, "remedy: %s", refused.remedy);
	if (old != NULL)
		setenv("XDG_RUNTIME_DIR", old, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	free((char *)old);
}

/* The setting is a pid namespace's own: this is the first process of a new one. Return: 0 when it
 * could be made and start said the right thing; 2 when it could not be made. */
static int start_without_executable_memory(void)
{
	struct setup_options options = { .dev = t.dev, .image = t.image, .programs = t.programs,
					 .keeper = t.keeper };
	int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
	struct setup_result refused;

	if (fd < 0 || write(fd, "2", 1) != 1)
		return 2;
	if (setup_start(&t.plan, &options, &refused) == 4 &&
	    strstr(refused.remedy, "vm.memfd_noexec") != NULL && !file_exists(refused.run))
		return 0;
	fprintf(stderr, "start: %d %s (%s)\n", refused.exit_code, refused.error, refused.remedy);
	return 1;
}

static void a_machine_that_executes_no_memory_is_refused_with_a_remedy(void)
{
	int status = 0;
	pid_t pid;

	plan_build();
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) != 0)
			_exit(2); /* an ordinary user */
		pid = fork();
		if (pid == 0)
			_exit(start_without_executable_memory());
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	waitpid(pid, &status, 0);
	check(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2),
	      "wait status %x", (unsigned)status);
}

static void life_plain(void)
{
	up();
	down();
}

static void life_of_a_killed_keeper(void)
{
	char why[256];

	up();
	kill(t.result.keeper_pid, SIGKILL);
	keeper_reap();
	close(t.result.keeper_fd);
	check(setup_stop(t.name, 0, why, sizeof(why)) == 5, "stop: %s", why);
}

/* Killed between the announcement and the change: nothing is taken that was not given. */
static void life_of_a_torn_journal(void)
{
	char path[PATHS_BYTES + 16], why[256];
	long before = huge_total();
	FILE *f;

	check(mkdir(t.result.run, 0755) == 0, "%s", t.result.run);
	snprintf(path, sizeof(path), "%s/journal", t.result.run);
	f = fopen(path, "w");
	check(f != NULL, "journal");
	fprintf(f, "vanity-journal 1\nhugepages -1 2048 %ld %ld\nhugepa", before, before + 3);
	fclose(f);
	check(setup_undo(t.result.run, why, sizeof(why)) == 0, "undo: %s", why);
	check(!file_exists(t.result.run), "%s is left behind", t.result.run);
}

static void huge_set(long count)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "w");

	check(f != NULL && fprintf(f, "%ld", count) > 0 && fclose(f) == 0, "nr_hugepages");
}

/* The lock of the huge pages, as setup takes it; closing gives it up. */
static int huge_lock(void)
{
	char path[PATHS_BYTES + 32], root[PATHS_BYTES] = "";
	int fd;

	paths_runtime_root(root);
	snprintf(path, sizeof(path), "%s/.lock/hugepages-machine", root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && flock(fd, LOCK_EX) == 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* A journal, and a change that was announced in the lock's file, as a kill leaves them. */
static void huge_leave(int lock, const char *lines, const char *way, long from, long to)
{
	char path[PATHS_BYTES + 16];
	FILE *f;

	check(mkdir(t.result.run, 0755) == 0, "%s", t.result.run);
	snprintf(path, sizeof(path), "%s/journal", t.result.run);
	f = fopen(path, "w");
	check(f != NULL && fprintf(f, "vanity-journal 1\nhugepages -1 2048 0 0\n%s", lines) > 0 &&
		      fclose(f) == 0,
	      "journal");
	if (way != NULL)
		dprintf(lock, "%s -1 2048 %ld %ld %s\n", way, from, to, t.result.run);
}

static void huge_undo(void)
{
	char why[256];

	check(setup_undo(t.result.run, why, sizeof(why)) == 0, "undo: %s", why);
	check(!file_exists(t.result.run), "%s is left behind", t.result.run);
}

/* More than are to be lowered twice: a count that is too low must be seen, not cut off at 0. */
#define OTHERS_PAGES 4

static void huge_others_leave(void)
{
	int lock = huge_lock();
	long now = huge_total();

	check(now >= OTHERS_PAGES, "%ld huge pages are left of somebody's %d", now, OTHERS_PAGES);
	huge_set(now > OTHERS_PAGES ? now - OTHERS_PAGES : 0);
	close(lock);
}

/* Raised, and killed before the next line: undone. */
static void life_of_a_raised_count(void)
{
	int lock = huge_lock();
	long before = huge_total();

	huge_leave(lock, "", "up", before, before + 2);
	huge_set(before + 2);
	close(lock);
	huge_undo();
}

/* The same, not yet raised, and somebody else is first to take the lock and raises. */
static void life_of_an_overtaken_count(void)
{
	char name = t.name[0];
	int lock = huge_lock();
	long before = huge_total();
	struct setup_result dead = t.result, living;

	huge_leave(lock, "", "up", before, before + 2);
	close(lock);
	t.name[0] = 'w';
	up();
	living = t.result;
	t.result = dead;
	huge_undo();
	t.result = living;
	down();
	t.result = dead;
	t.name[0] = name;
}

/* Lowered, and killed before the journal says so: not lowered again. */
static void life_of_a_lowered_count(void)
{
	int lock = huge_lock();
	long before = huge_total();

	huge_set(before + OTHERS_PAGES);
	huge_leave(lock, "hugepages-got -1 2048 2\n", "down", before + OTHERS_PAGES + 2,
		   before + OTHERS_PAGES);
	close(lock);
	huge_undo();
	huge_others_leave();
}

/* Two systems: each gives back what it took, in whatever order. */
static void life_of_two(void)
{
	char name = t.name[0];
	struct setup_result first;
	int client;

	up();
	first = t.result;
	client = t.client;
	t.name[0] = 'w';
	up();
	{
		struct setup_result second = t.result;
		int second_client = t.client;

		t.result = first;
		t.client = client;
		down();
		t.result = second;
		t.client = second_client;
	}
	shard_up(2, 1);
	down();
	t.name[0] = name;
	t.result = first;
}

/* Runs an undo up to its @stops-th system call's beginning or end, kills it there. Return: 1 when
 * it came to its end before. */
static int undo_killed_at(int stops)
{
	char why[256];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* Another traces us: then it is not killed, and runs to its end. */
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			raise(SIGSTOP);
		_exit(setup_undo(t.result.run, why, sizeof(why)));
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < stops && WIFSTOPPED(status); i++) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
	}
	if (!WIFSTOPPED(status))
		return 1;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return 0;
}

static int undo_stops, undo_ended;

static void life_of_a_killed_undo(void)
{
	int lock = huge_lock();

	huge_leave(lock, "hugepages-got -1 2048 2\n", NULL, 0, 0);
	huge_set(huge_total() + OTHERS_PAGES + 2);
	close(lock);
	undo_ended = undo_killed_at(undo_stops);
	huge_undo();
	huge_others_leave();
}

static void huge_pages_are_given_back(void)
{
	if (t.dev || huge_total() < 0)
		return;
	huge_kept("stopped", life_plain);
	huge_kept("killed keeper", life_of_a_killed_keeper);
	huge_kept("torn journal", life_of_a_torn_journal);
	huge_kept("raised, not counted", life_of_a_raised_count);
	huge_kept("not raised, overtaken", life_of_an_overtaken_count);
	huge_kept("lowered, not told", life_of_a_lowered_count);
	huge_kept("two, the first stopped first", life_of_two);
	for (undo_stops = 1, undo_ended = 0; !undo_ended && undo_stops < 1000; undo_stops++) {
		char what[48];

		snprintf(what, sizeof(what), "undo killed at stop %d", undo_stops);
		huge_kept(what, life_of_a_killed_undo);
	}
	check(undo_ended, "an undo of more than %d stops", undo_stops);
}

static void run_case(const char *sentence, void (*fn)(void))
{
	int before = t.failures;

	t.now = sentence;
	t.client = -1;
	fn();
	printf("%s %s\n", t.failures == before ? "ok    " : "FAILED", sentence);
	fflush(stdout);
}
#define CASE(fn) run_case(#fn, fn)

/* --------------------------------------------------------------------------------- figures */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void figure(const char *what, uint64_t *ns, int n)
{
	qsort(ns, (size_t)n, sizeof(*ns), by_value);
	printf("%-28s p50 %7.1f us   p99 %7.1f us\n", what, (double)ns[n / 2] / 1e3,
	       (double)ns[n * 99 / 100] / 1e3);
}

/* In a function of its own: its caller's variables are none of the child's business. */
__attribute__((noinline)) static pid_t bare_child(void)
{
	static char path[] = "/bin/true";
	char *const argv[] = { path, NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, argv, argv + 1);
		_exit(1);
	}
	return pid;
}

/* Without a policy in between: kill to ended, started, parked, and go to ready. */
static void restart_figures(int n)
{
	uint64_t *bare = calloc((size_t)n, 8), *ended = calloc((size_t)n, 8);
	uint64_t *started = calloc((size_t)n, 8), *ready = calloc((size_t)n, 8);

	for (int i = 0; i < n; i++) {
		uint64_t begin = now_ns();
		pid_t pid = bare_child();

		bare[i] = now_ns() - begin;
		waitpid(pid, NULL, 0);
	}
	up();
	shard_up(2, 1);
	ask(DO_GO, 2, 1);
	cell_wait(2, 1, CELL_RUNNING);
	for (int i = 0; i < n; i++) {
		uint32_t generation = (uint32_t)i + 2;
		uint64_t begin = now_ns();

		ask(KEEPER_KILL, 2, generation - 1);
		expect(KEEPER_ENDED, 2);
		ended[i] = now_ns() - begin;
		/* It may go as soon as it is parked. */
		ask(DO_GO, 2, generation);
		ask(KEEPER_START, 2, generation);
		expect(KEEPER_STARTED, 2);
		started[i] = now_ns() - begin;
		cell_wait(2, generation, CELL_RUNNING);
		ready[i] = now_ns() - begin;
	}
	down();
	figure("bare vfork and exec", bare, n);
	figure("kill to ended", ended, n);
	figure("kill to executed", started, n);
	figure("kill to ready", ready, n);
	printf("ready is %.2f times a bare vfork and exec\n",
	       (double)ready[n / 2] / (double)bare[n / 2]);
}

static void start_figure(int n)
{
	uint64_t *whole = calloc((size_t)n, 8);

	for (int i = 0; i < n; i++) {
		uint64_t begin;

		plan_build();
		begin = now_ns();
		if (start() != 0)
			exit(1);
		whole[i] = now_ns() - begin;
		client_open();
		down();
	}
	figure("setup_start", whole, n);
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	static char buffer[1 << 16];
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)n) != n)
			exit(2);
	if (in < 0 || out < 0 || n < 0) {
		perror(from);
		exit(2);
	}
	close(in);
	close(out);
}

/* As an ordinary user, from a folder he can read: the build tree may be closed to him. Executed
 * anew, for who changes its uid cannot look into its own /proc until then. */
static int run_as_nobody(void)
{
	static const char *const files[] = { "pktgen", "sink", "hello", "keeper", "world" };
	char folder[] = "/tmp/vanity-world-XXXXXX", path[5][64], from[1024];
	char *const argv[] = { path[4], folder, path[3], (char *)"--user", NULL };
	char *const environment[] = { NULL };
	int status = -1;
	pid_t pid;

	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
		return 2;
	for (int i = 0; i < 5; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", folder, files[i]);
		snprintf(from, sizeof(from), "%s/%s", t.programs, files[i]);
		copy(i == 4 ? "/proc/self/exe" : i == 3 ? t.keeper : from, path[i]);
	}
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(2);
		execve(argv[0], argv, environment);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < 5; i++)
		unlink(path[i]);
	rmdir(folder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	int at = 3;

	if (argc >= 2 && strcmp(argv[1], "daemon") == 0)
		return daemon_main();
	if (argc == 3 && strcmp(argv[1], "undo") == 0) {
		char why[256];

		return setup_undo(argv[2], why, sizeof(why));
	}
	if (argc < 3)
		return 2;
	snprintf(t.programs, sizeof(t.programs), "%s", argv[1]);
	snprintf(t.keeper, sizeof(t.keeper), "%s", argv[2]);
	snprintf(t.image, sizeof(t.image), "/proc/self/exe");
	t.dev = geteuid() != 0;
	if (argc > at && strcmp(argv[at], "--dev") == 0) {
		t.dev = 1;
		at++;
	} else if (argc > at && strcmp(argv[at], "--user") == 0) {
		if (geteuid() == 0)
			return run_as_nobody();
		t.dev = 1;
		at++;
	}
	snprintf(t.name, sizeof(t.name), "vworld-%d", (int)getpid());
	snprintf(t.config, sizeof(t.config), "/tmp/vanity-world-%d", (int)getpid());
	close(open(t.config, O_CREAT | O_EXCL | O_WRONLY, 0600));
	if (argc > at + 1 && strcmp(argv[at], "restart") == 0) {
		t.now = "restart";
		restart_figures(atoi(argv[at + 1]));
		start_figure(20);
		unlink(t.config);
		return 0;
	}

	CASE(a_shard_is_started_parked_released_killed_and_started_again);
	CASE(every_step_of_the_list_is_active);
	CASE(a_parked_shard_holds_nothing_but_its_eventfds);
	CASE(a_generation_enters_the_namespaces_of_the_one_before);
	CASE(messages_outside_the_plan_change_nothing);
	CASE(a_fault_leaves_last_words_and_the_true_signal);
	CASE(a_killed_vanityd_has_a_successor_that_gets_everything);
	CASE(all_die_with_the_keeper);
	CASE(a_start_that_dies_before_its_commit_takes_the_system_along);
	CASE(a_committed_system_outlives_its_start);
	CASE(a_start_killed_anywhere_never_blocks_the_next);
	CASE(two_systems_run_side_by_side);
	CASE(an_undo_removes_nothing_that_is_not_ours);
	CASE(a_runtime_folder_of_somebody_else_is_refused_with_a_remedy);
	CASE(a_machine_that_executes_no_memory_is_refused_with_a_remedy);
	CASE(huge_pages_are_given_back);
	unlink(t.config);
	return t.failures != 0;
}
