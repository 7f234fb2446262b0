/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c: the resident process that owns memory, devices and processes.
 *
 * It is pid 1 of the system: when it ends, the kernel ends every shard and vanityd with it, so
 * nothing outlives its owner. It is privileged, so it does little: it holds the descriptors setup
 * handed over, starts what the sealed plan names, tells who ended, and hands everything to a new
 * vanityd when one died. It decides nothing, repairs nothing, parses nothing.
 *
 *      setup ---exec---> main: take the hand, give up what no child may have
 *                          |
 *              +-----------+-----------+------------ one poll, nothing else ever blocks
 *              |           |           |           |
 *           signalfd    vanityd      setup       vanity-netdev, while a device is bound anew
 *           somebody    START KILL   committed,  its answers
 *           ended       FACTS STOP   or gone:
 *                       REBIND       end
 *
 * What vanityd says is a claim: a message has one size, its verb and shard are in the plan, the
 * generation is the next (START) or the living one (KILL). Everything else is counted and ignored.
 * What vanityd must be told is a flag a shard, not a queue: a vanityd that hangs costs nothing.
 *
 * The verbs are listed in keeper.h, a child's steps in keeper_start.c; devices are keeper_device.c's.
 */
#include "keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_NS 10000000ull
#define BACKOFF_MAX_NS 1000000000ull
#define REFUSED_SAID_MAX 16u /* refused messages that are said one by one */
#define FDS_MAX 6u

static struct keeper keeper;
static struct keeper_shard shards[VANITY_SHARDS_MAX];
static struct keeper_device devices[VANITY_DEVICES_MAX];

/* --- small things -------------------------------------------------------------------------- */

int keeper_keep(int fd)
{
	int kept = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, KEEPER_FD_BASE);
	int error = errno;

	if (fd >= 0)
		close(fd);
	return kept < 0 ? -error : kept;
}

static void text_add(char *text, size_t *at, size_t room, const char *more)
{
	while (*more != '\0' && *at < room)
		text[(*at)++] = *more++;
}

static void number_add(char *text, size_t *at, size_t room, int64_t number)
{
	char digits[24], *d = digits + sizeof(digits) - 1;
	uint64_t left = number < 0 ? (uint64_t)-number : (uint64_t)number;

	*d = '\0';
	do {
		*--d = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (number < 0)
		*--d = '-';
	text_add(text, at, room, d);
}

/* "keeper: SHARD GENERATION WHAT MORE NUMBER", one write: lines of two processes do not mix. */
void keeper_say(const struct keeper *k, const char *what, uint32_t shard, uint64_t generation,
		const char *more, int64_t number)
{
	char line[320]; /* the words of vanity-netdev are the longest */
	size_t at = 0, room = sizeof(line) - 1;

	text_add(line, &at, room, "keeper: ");
	if (shard != PLAN_NONE) {
		text_add(line, &at, room, k->plan->shard[shard].name);
		text_add(line, &at, room, " ");
		number_add(line, &at, room, (int64_t)generation);
		text_add(line, &at, room, " ");
	}
	text_add(line, &at, room, what);
	text_add(line, &at, room, " ");
	text_add(line, &at, room, more);
	if (number != KEEPER_NO_NUMBER) {
		text_add(line, &at, room, " ");
		number_add(line, &at, room, number);
	}
	line[at++] = '\n';
	(void)!write(STDERR_FILENO, line, at);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* --- what vanityd is told ------------------------------------------------------------------ */

/* Return: 1 sent, 0 its socket is full, -errno it is gone. */
static int send_message(const struct keeper *k, struct keeper_message *m, const int *fd,
			uint32_t fd_count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	m->magic = KEEPER_MAGIC;
	if (fd_count > 0) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fd, sizeof(int) * fd_count);
	}
	do {
		n = sendmsg(k->daemon_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static int tell(struct keeper *k, uint32_t shard, uint32_t what)
{
	struct keeper_shard *s = &k->shard[shard];
	struct keeper_message m = { .shard = shard, .generation = s->generation };
	int fd = -1, result;

	switch (what) {
	case TELL_STARTED:
		m.verb = KEEPER_STARTED;
		m.alive = s->alive;
		fd = s->pidfd;
		break;
	case TELL_ENDED:
		m.verb = KEEPER_ENDED;
		m.generation = s->ended;
		m.code = s->code;
		m.signal = s->signal;
		break;
	default:
		m.verb = KEEPER_FACTS_ARE;
		m.alive = s->alive;
		fd = s->facts_fd;
		break;
	}
	/* Its process is gone already: the end that follows tells all there is. */
	if (what == TELL_STARTED && fd < 0)
		result = 1;
	else
		result = send_message(k, &m, &fd, fd >= 0 ? 1 : 0);
	if (result > 0) {
		s->tell &= ~what;
		if (what == TELL_FACTS && s->facts_fd >= 0) {
			close(s->facts_fd);
			s->facts_fd = -1;
		}
	}
	return result;
}

/* An end of an older generation is told before the newer start, one of the same after it. */
static int tell_all(struct keeper *k, uint32_t shard)
{
	struct keeper_shard *s = &k->shard[shard];
	int result = 1;

	if ((s->tell & TELL_ENDED) != 0 && s->ended < s->generation)
		result = tell(k, shard, TELL_ENDED);
	if (result > 0 && (s->tell & TELL_STARTED) != 0)
		result = tell(k, shard, TELL_STARTED);
	if (result > 0 && (s->tell & TELL_ENDED) != 0)
		result = tell(k, shard, TELL_ENDED);
	if (result > 0 && (s->tell & TELL_FACTS) != 0)
		result = tell(k, shard, TELL_FACTS);
	return result;
}

/* The binding that stands, or why it could not be replaced. */
static int tell_device(struct keeper *k, uint32_t device, int32_t error)
{
	struct keeper_message m = { .verb = KEEPER_DEVICE, .shard = device, .code = error,
				    .generation = k->device[device].stale,
				    .value = k->device[device].epoch };
	int fd = keeper_fd_device(k->plan, device) + KEEPER_DEVICE_FACTS, result = 1;

	if (netdev_planned(k->plan, device))
		result = send_message(k, &m, &fd, error == 0 ? 1 : 0);
	if (result > 0)
		k->device[device].tell = 0;
	return result;
}

/* The n-th message of the handover to a new vanityd. */
static int hand_over(struct keeper *k, uint32_t n)
{
	struct keeper_message m = { 0 };
	const struct plan_shard *p;
	struct keeper_shard *s;
	int fd[FDS_MAX] = { KEEPER_FD_PLAN, KEEPER_FD_CONTROL, KEEPER_FD_LOG };
	int own, result;

	if (n == 0) {
		m.verb = KEEPER_HELLO;
		m.value = k->daemons - 1;
		return send_message(k, &m, fd, 3);
	}
	if (n > k->plan->shard_count && n <= k->plan->shard_count + k->plan->device_count)
		return tell_device(k, n - k->plan->shard_count - 1, 0);
	if (n > k->plan->shard_count) {
		m.verb = KEEPER_READY;
		m.value = k->hand->hz;
		m.code = (int32_t)k->hand->cores;
		return send_message(k, &m, fd, 0);
	}
	s = &k->shard[n - 1];
	p = &k->plan->shard[n - 1];
	own = keeper_fd_shard(k->plan, n - 1);
	m = (struct keeper_message){ .verb = KEEPER_SHARD, .shard = n - 1, .code = s->code,
				     .generation = s->generation, .signal = s->signal,
				     .alive = s->alive };
	fd[0] = keeper_fd_region(p->cell_region, PLAN_RO);
	fd[1] = keeper_fd_region(p->orders_region, PLAN_RW);
	fd[2] = own + KEEPER_SHARD_IMAGE;
	fd[3] = own + KEEPER_SHARD_EVENT;
	fd[4] = keeper_fd_region(p->bell_region, PLAN_RW);
	fd[5] = s->pidfd;
	result = send_message(k, &m, fd, s->alive ? 6 : 5);
	if (result > 0)
		s->tell = 0; /* said by this */
	return result;
}

/* Tell what there is to tell. Return: 1 all told, 0 the socket is full, -errno it is gone. */
static int flush(struct keeper *k)
{
	int result = 1;

	if (k->daemon_fd < 0)
		return 1;
	for (; k->handed < k->plan->shard_count + k->plan->device_count + 2 && result > 0;
	     k->handed += result > 0)
		result = hand_over(k, k->handed);
	for (uint32_t i = 0; i < k->plan->shard_count && result > 0; i++)
		if (k->shard[i].tell != 0)
			result = tell_all(k, i);
	for (uint32_t i = 0; i < k->plan->device_count && result > 0; i++)
		if (k->device[i].tell != 0)
			result = tell_device(k, i, k->device[i].error);
	return result;
}

/* --- who ended ----------------------------------------------------------------------------- */

static void shard_ended(struct keeper_shard *s, const siginfo_t *info)
{
	close(s->pidfd);
	s->pidfd = -1;
	s->pid = 0;
	s->alive = 0;
	s->ended = s->generation;
	s->code = info->si_code == CLD_EXITED ? info->si_status : 0;
	s->signal = info->si_code == CLD_EXITED ? 0 : (uint32_t)info->si_status;
	s->tell |= TELL_ENDED;
}

/* Its successor comes at once the first time, later and later when it does not last. */
static void daemon_ended(struct keeper *k, const siginfo_t *info)
{
	uint64_t now = now_ns();

	if (k->daemon_fd >= 0)
		close(k->daemon_fd);
	k->daemon_fd = -1;
	k->daemon_pid = 0;
	if (now - k->daemon_started_ns >= BACKOFF_MAX_NS)
		k->backoff_ns = 0;
	k->daemon_after_ns = now + k->backoff_ns;
	k->backoff_ns = k->backoff_ns == 0 ? BACKOFF_FIRST_NS : 2 * k->backoff_ns;
	if (k->backoff_ns > BACKOFF_MAX_NS)
		k->backoff_ns = BACKOFF_MAX_NS;
	keeper_say(k, "vanityd ended,", PLAN_NONE, 0,
		   info->si_code == CLD_EXITED ? "exit code" : "signal", info->si_status);
}

static void reap(struct keeper *k)
{
	siginfo_t info;

	/* As pid 1 the keeper also inherits what its children leave behind; those are just reaped. */
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
			return;
		if (info.si_pid == k->daemon_pid)
			daemon_ended(k, &info);
		for (uint32_t i = 0; i < k->plan->shard_count; i++)
			if (k->shard[i].alive && k->shard[i].pid == info.si_pid)
				shard_ended(&k->shard[i], &info);
	}
}

/* --- the end ------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void stop(struct keeper *k, const char *why)
{
	char *const argv[] = { (char *)"vanityd", (char *)"undo", (char *)k->hand->run, NULL };
	char *const environment[] = { NULL };
	sigset_t none;

	keeper_say(k, "stopping:", PLAN_NONE, 0, why, 0);
	/* All of this pid namespace; none of them can have left it. */
	kill(-1, SIGKILL);
	while (waitid(P_ALL, 0, NULL, WEXITED) == 0 || errno == EINTR)
		;
	/* The undo reads a file, which is no work for a keeper: become the program that does. The
	 * lock of the system stays ours until it is done, the plan's memory is freed before. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_close_range, KEEPER_FD_REGIONS, ~0u, 0);
	syscall(SYS_execveat, KEEPER_FD_DAEMON, "", argv, environment, AT_EMPTY_PATH);
	_exit(1); /* `vanityd stop` and the next start undo what is left */
}

/* --- what vanityd asks for ----------------------------------------------------------------- */

static void refuse(struct keeper *k, const char *why, const struct keeper_message *m)
{
	if (k->refused++ < REFUSED_SAID_MAX)
		keeper_say(k, "refused a message of vanityd:", PLAN_NONE, 0, why, m->verb);
}

static void verb_start(struct keeper *k, const struct keeper_message *m)
{
	struct keeper_shard *s = &k->shard[m->shard];
	int error;

	/* vanityd may have seen the end through the pidfd before we did. */
	reap(k);
	/* One by one: a number near the last one would leave its successors none. */
	if (s->alive || m->generation != s->generation + 1 || m->generation == 0) {
		refuse(k, "start of a generation that is not the next", m);
		return;
	}
	error = keeper_shard_start(k, m->shard, m->generation);
	if (error == 0) {
		s->tell |= TELL_STARTED;
		return;
	}
	keeper_say(k, "could not be made", m->shard, m->generation, "", error);
	s->generation = s->ended = m->generation;
	s->code = STEP_EXIT_BASE;
	s->signal = 0;
	s->tell |= TELL_ENDED;
}

static void verb_kill(struct keeper *k, const struct keeper_message *m)
{
	const struct keeper_shard *s = &k->shard[m->shard];

	if (!s->alive || s->generation != m->generation)
		return; /* it ended meanwhile: what was asked for is the case */
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
}

static void verb_facts(struct keeper *k, const struct keeper_message *m)
{
	struct keeper_shard *s = &k->shard[m->shard];

	if (s->facts_fd >= 0)
		close(s->facts_fd);
	reap(k);
	s->facts_fd = keeper_facts(k, m->shard);
	s->tell |= TELL_FACTS;
}

static void verb_rebind(struct keeper *k, const struct keeper_message *m)
{
	if (m->shard >= k->plan->device_count || !netdev_rebindable(k->plan, m->shard))
		refuse(k, "no such device to bind anew", m);
	else if (k->netdev.fd >= 0)
		refuse(k, "a device is being bound already", m);
	else
		keeper_rebind(k, m->shard);
}

static void obey(struct keeper *k, const struct keeper_message *m, size_t bytes)
{
	if (bytes != sizeof(*m) || m->magic != KEEPER_MAGIC)
		refuse(k, "not a message", m);
	else if (m->verb == KEEPER_REBIND)
		verb_rebind(k, m);
	else if (m->verb == KEEPER_ALIVE)
		k->silent_after_ns = k->hand->dev ? 0 : now_ns() + KEEPER_SILENCE_NS;
	else if (m->verb != KEEPER_STOP && m->shard >= k->plan->shard_count)
		refuse(k, "no such shard", m);
	else if (m->verb == KEEPER_START)
		verb_start(k, m);
	else if (m->verb == KEEPER_KILL)
		verb_kill(k, m);
	else if (m->verb == KEEPER_FACTS)
		verb_facts(k, m);
	else if (m->verb == KEEPER_STOP)
		stop(k, "vanityd asked for it");
	else
		refuse(k, "no such verb", m);
}

/* A burst at most, so that ends are seen whatever vanityd sends. No room for descriptors: what
 * comes with a message is closed by the kernel. */
static void listen_daemon(struct keeper *k)
{
	struct keeper_message m;

	for (uint32_t i = 0; i < VANITY_SHARDS_MAX && k->daemon_fd >= 0; i++) {
		ssize_t n = recv(k->daemon_fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0)
			return;
		if (n == 0) {
			/* It closed its end: of no use any more, so it shall end, and be replaced.
			 * Until it has ended, a socket that says so for ever is not listened to. */
			if (k->daemon_pid > 0)
				kill(k->daemon_pid, SIGKILL);
			close(k->daemon_fd);
			k->daemon_fd = -1;
			return;
		}
		obey(k, &m, (size_t)n);
	}
}

/* --- the loop ------------------------------------------------------------------------------ */

static int daemon_start(struct keeper *k)
{
	int error;

	k->daemon_started_ns = now_ns();
	k->silent_after_ns = 0;
	k->handed = 0;
	k->daemons++;
	error = keeper_daemon_start(k);
	if (error != 0) {
		siginfo_t info = { .si_code = CLD_EXITED, .si_status = error };

		daemon_ended(k, &info);
	}
	return error;
}

static void listen_signals(struct keeper *k)
{
	struct signalfd_siginfo info;

	while (read(k->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM)
			stop(k, "terminated");
	reap(k);
}

static void listen_setup(struct keeper *k)
{
	char byte;
	ssize_t n = recv(KEEPER_FD_SETUP, &byte, 1, MSG_DONTWAIT);

	if (n < 0)
		return;
	if (n == 0)
		stop(k, "start did not come to its end");
	k->committed = 1;
	close(KEEPER_FD_SETUP);
}

/* Until a vanityd is due, or the sign of life of the one there is. */
static int timeout_ms(const struct keeper *k)
{
	uint64_t now, then = k->daemon_pid != 0 ? k->silent_after_ns : k->daemon_after_ns;

	if (k->daemon_pid != 0 && then == 0)
		return -1;
	now = now_ns();
	return now >= then ? 0 : (int)((then - now) / 1000000u) + 1;
}

/* Stopped, or in a loop: it shall end, and be replaced. */
static void daemon_watch(struct keeper *k)
{
	if (k->daemon_pid == 0 || k->silent_after_ns == 0 || now_ns() < k->silent_after_ns)
		return;
	keeper_say(k, "vanityd gives no sign of life;", PLAN_NONE, 0, "killed", 0);
	kill(k->daemon_pid, SIGKILL);
	k->silent_after_ns = 0;
}

__attribute__((noreturn)) static void loop(struct keeper *k)
{
	for (;;) {
		int told = flush(k);
		struct pollfd poll_for[4] = {
			{ .fd = k->signal_fd, .events = POLLIN },
			{ .fd = k->daemon_fd, .events = told == 0 ? POLLIN | POLLOUT : POLLIN },
			{ .fd = k->committed ? -1 : KEEPER_FD_SETUP, .events = POLLIN },
			{ .fd = k->netdev.fd, .events = POLLIN },
		};

		poll(poll_for, 4, timeout_ms(k));
		/* Before its end is seen, which closes the socket: a stop may be its last word. */
		if (poll_for[1].revents != 0)
			listen_daemon(k);
		daemon_watch(k);
		if (poll_for[0].revents != 0)
			listen_signals(k);
		if (poll_for[2].revents != 0)
			listen_setup(k);
		if (poll_for[3].revents != 0)
			keeper_netdev_hear(k);
		if (k->daemon_pid == 0 && now_ns() >= k->daemon_after_ns)
			(void)daemon_start(k);
	}
}

/* --- the beginning ------------------------------------------------------------------------- */

static const void *take(int fd, size_t bytes)
{
	const void *at;

	/* Sealed: nobody changes it while we believe it. */
	if ((fcntl(fd, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_SHRINK)) !=
	    (F_SEAL_WRITE | F_SEAL_SHRINK))
		return NULL;
	at = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static int begin(struct keeper *k, const char **ret_what)
{
	sigset_t set;
	int error;

	*ret_what = "hand";
	k->hand = take(KEEPER_FD_HAND, sizeof(*k->hand));
	k->plan = take(KEEPER_FD_PLAN, sizeof(*k->plan));
	if (k->hand == NULL || k->plan == NULL || k->hand->magic != KEEPER_HAND_MAGIC ||
	    k->hand->bytes != sizeof(*k->hand) || k->plan->magic != PLAN_MAGIC ||
	    k->plan->bytes != sizeof(*k->plan) || k->plan->shard_count > VANITY_SHARDS_MAX ||
	    k->plan->device_count > VANITY_DEVICES_MAX)
		return -EINVAL;
	k->inactive = k->hand->inactive;
	(void)keeper_go_first();
	syscall(SYS_close_range, 3, KEEPER_FD_BASE - 1, 0);
	syscall(SYS_close_range, k->hand->fd_end, ~0u, 0);
	for (uint32_t i = 0; i < k->plan->shard_count; i++) {
		int fd = keeper_fd_shard(k->plan, i) + KEEPER_SHARD_BIND;

		k->shard[i].pidfd = k->shard[i].facts_fd = -1;
		k->shard[i].bind = take(fd, (size_t)lseek(fd, 0, SEEK_END));
		if (k->shard[i].bind == NULL || k->shard[i].bind->magic != BIND_MAGIC)
			return -EINVAL;
	}
	for (uint32_t i = 0; i < k->plan->device_count; i++)
		k->device[i].epoch = 1; /* setup's */
	*ret_what = "session";
	setsid();
	(void)!chdir("/");
	/* What an operator's shell ignored is not for children to inherit. */
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	k->signal_fd = keeper_keep(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	if (k->signal_fd < 0)
		return k->signal_fd;
	*ret_what = "bounding set";
	error = keeper_prepare(k);
	if (error != 0)
		return error;
	/* Later it is tried again and again; now somebody waits to hear of it. */
	*ret_what = "vanityd";
	return daemon_start(k);
}

int main(void)
{
	struct keeper *k = &keeper;
	struct keeper_up up = { .magic = KEEPER_UP_MAGIC };
	const char *what = "";

	k->shard = shards;
	k->device = devices;
	k->daemon_fd = k->netdev.fd = -1;
	up.error = begin(k, &what);
	up.inactive = k->inactive;
	strncpy(up.what, what, sizeof(up.what) - 1);
	/* Whoever cannot be told waits for our end as well as for a word. */
	if (send(KEEPER_FD_SETUP, &up, sizeof(up), MSG_NOSIGNAL) < 0 || up.error != 0)
		_exit(1);
	loop(k);
}
