/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_start.c: how a child comes to be, and the list of what it gives up first.
 *
 * A child shares the keeper's memory until exec (vfork), so that nothing is copied; it runs on a
 * stack of its own and calls the kernel directly, because libc's state is the keeper's. Its
 * descriptors are laid out in the keeper's own table below KEEPER_FD_BASE first. The child then
 * shares the table, and its first act takes a private copy of exactly that part: what the keeper
 * holds besides was never in the child's reach.
 */
#include "keeper_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

#include "linux/call.h"
#include "linux/shard_filter.h"

#include "setup.h"

#define FD_FIRST 3
#define CHILD_STACK_BYTES (64u << 10)
#define STACK_LIMIT_BYTES (256u << 10)
#define CAPABILITIES 64 /* as many as their sets have bits */

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1u << 1)
#endif

/* tests/attack builds a keeper that leaves steps out, to show what each of them holds off. In every
 * other there is no code for it. */
#ifndef KEEPER_LEAVES_OUT
#define KEEPER_LEAVES_OUT(k, shard, what) 0
#endif
enum { /* beside the steps */
	LEAVE_READ_ONLY = 16, LEAVE_PID_NAMESPACE = 17, LEAVE_BOUNDS = 18, LEAVE_CLOSE_ON_EXEC = 19,
	LEAVE_KEYRING = 22
};

struct child {
	const struct keeper *k;
	const struct keeper_shard *s; /* NULL: vanityd, or vanity-netdev */
	const struct step *steps;
	uint32_t step_count;
	uint32_t shard;
	uint32_t fd_end; /* first number beyond what it may keep after exec */
	int image_fd, landlock_fd, ns_fd; /* close-on-exec ones behind those */
	uint32_t room_end; /* first number beyond all of them */
	const char *argv[4];
	struct sock_fprog filter;
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	volatile uint32_t step; /* how far it came; shared memory is good for something */
	volatile long error;
};

struct step {
	const char *name;
	long (*run)(struct child *c);
	uint32_t inactive; /* left out when this bit of enum setup_inactive is set, + 1; 0: never */
};

static uint8_t child_stack[CHILD_STACK_BYTES] __attribute__((aligned(64)));
static struct child child; /* one at a time: the keeper sleeps until exec */

/* --- the steps ----------------------------------------------------------------------------- */

/* 1. Nothing else may run while a descriptor that is not the child's is open. */
static long step_descriptors(struct child *c)
{
	long error = CALL_3(__NR_close_range, c->room_end, ~0u, CLOSE_RANGE_UNSHARE);

	/* The others keep 0 to 2, /dev/null and the log; a shard has nothing to say there. */
	return error != 0 || c->s == NULL ? error : CALL_3(__NR_close_range, 0, 2, 0);
}

/* 2. No terminal, no process group and no blocked or ignored signal is inherited. */
static long step_session(struct child *c)
{
	const uint64_t none = 0;
	long error = CALL_0(__NR_setsid);

	(void)c;
	if (call_failed(error))
		return error;
	return CALL_4(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

/* 3. The shard's own net, ipc, uts, cgroup and mount namespaces, made once, entered again by each
 * generation (the pid namespace is new, by clone). Before the uid is given up: later it is EPERM. */
static long step_namespaces(struct child *c)
{
	long error = 0;

	for (uint32_t i = 0; i < KEEPER_NAMESPACES && error == 0; i++)
		error = CALL_2(__NR_setns, c->ns_fd + (int)i, keeper_namespace_kind[i]);
	return error;
}

/* 4. The mount namespace brought an empty, read-only root; stand in it, not in an old folder. */
static long step_root(struct child *c)
{
	(void)c;
	return CALL_1(__NR_chdir, "/");
}

/*
 * Keeper and vanityd act when a shard has died: on cores that shards share they go first, with a
 * short slice (Linux 6.12; older kernels take the nice value alone), and sleep otherwise. Reset
 * on fork: no shard inherits it. Without root the nice value is refused and the slice asked alone.
 */
long keeper_go_first(void)
{
	/* sched_setattr(2); the kernel's header with it does not go with libc's. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime_ns, deadline_ns, period_ns;
	} attr = { .size = sizeof(attr),
		   .policy = SCHED_OTHER,
		   .flags = SCHED_FLAG_RESET_ON_FORK,
		   .nice = -10,
		   .runtime_ns = 100000 };

	if (CALL_3(__NR_sched_setattr, 0, &attr, 0) != 0) {
		attr.nice = 0;
		(void)CALL_3(__NR_sched_setattr, 0, &attr, 0);
	}
	return 0; /* a delay, not a hole */
}

static long step_go_first(struct child *c)
{
	(void)c;
	return keeper_go_first();
}

/* 5. Its own core, or those that belong to no single shard. */
static long step_affinity(struct child *c)
{
	uint64_t own[16] = { 0 };
	const uint64_t *set = c->k->hand->affinity_shared;
	long result;

	if (c->s != NULL && !c->k->plan->shard[c->shard].shared) {
		uint32_t core = c->k->plan->shard[c->shard].core;

		own[core / 64 % 16] = 1ull << core % 64;
		set = own;
	}
	result = CALL_3(__NR_sched_setaffinity, 0, sizeof(own), set);
	return result > 0 ? 0 : result;
}

static long limit(int what, uint64_t value)
{
	const uint64_t both[2] = { value, value };

	return CALL_4(__NR_prlimit64, 0, what, both, NULL);
}

/* Locked memory as much as is private; where the host's own limit is lower, that one stays. */
static long limit_locked(uint64_t value)
{
	long error = limit(RLIMIT_MEMLOCK, value);

	return error == -EPERM ? 0 : error;
}

/* 6. What it may use up: no files but a capture it was granted to write, no dumps, no queues,
 * memory as planned, descriptors exactly. */
static long step_limits(struct child *c)
{
	const struct { int what; uint64_t value; } list[] = {
		{ RLIMIT_CORE, 0 }, /* a dump would carry other shards' frames to disk */
		{ RLIMIT_FSIZE, c->k->hand->limit[c->shard].file_bytes },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, 0 },
		{ RLIMIT_STACK, STACK_LIMIT_BYTES },
		{ RLIMIT_AS, c->k->hand->limit[c->shard].address_bytes },
		{ RLIMIT_DATA, c->k->hand->limit[c->shard].data_bytes },
		{ RLIMIT_NOFILE, c->fd_end },
	};
	long error = limit_locked(c->k->hand->limit[c->shard].data_bytes);

	for (uint32_t i = 0; i < sizeof(list) / sizeof(list[0]) && error == 0; i++)
		error = limit(list[i].what, list[i].value);
	return error;
}

static long identity(uint32_t uid, uint32_t gid)
{
	long error = CALL_2(__NR_setgroups, 0, NULL);

	if (error == 0)
		error = CALL_3(__NR_setresgid, gid, gid, gid);
	return error == 0 ? CALL_3(__NR_setresuid, uid, uid, uid) : error;
}

/* 7. A uid no other shard, system or user has: no signal and no file is shared by accident. */
static long step_identity(struct child *c)
{
	uint32_t id = c->k->hand->shard_uid + c->shard;

	return identity(id, id);
}

/* 8. No processes. After the uid: the kernel counts those of the new one. */
static long step_processes(struct child *c)
{
	(void)c;
	return limit(RLIMIT_NPROC, 0);
}

/* 9. No capabilities in any set. The bounding set and the secure bits were given up by the keeper
 * itself, once: it inherits them to all its children. */
static long step_capabilities(struct child *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { 0 };
	long error = CALL_5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

	(void)c;
	return error == 0 ? CALL_2(__NR_capset, &head, none) : error;
}

/* 10. And no way to gain one back by executing anything. */
static long step_no_new_privs(struct child *c)
{
	(void)c;
	return CALL_5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* 11. Every right Landlock knows, denied: should a descriptor of a folder ever leak in, it opens
 * nothing. The image lies in a memfd, which Landlock does not govern. */
static long step_landlock(struct child *c)
{
	return CALL_2(__NR_landlock_restrict_self, c->landlock_fd, 0);
}

/* 12. It dies with the keeper. Last of the changes of credentials, which would clear it. */
static long step_parent(struct child *c)
{
	(void)c;
	return CALL_5(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* 13. The start filter: from here on only what the image's start code needs. */
static long step_filter(struct child *c)
{
	return CALL_3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &c->filter);
}

/* 14. The image, from its sealed memfd, with an empty environment. */
static long step_execute(struct child *c)
{
	const char *const environment[] = { NULL };

	return CALL_5(__NR_execveat, c->image_fd, "", c->argv, environment, AT_EMPTY_PATH);
}

/* vanityd, whose uid is a user's: no capabilities will follow it. */
static long step_daemon_identity(struct child *c)
{
	return identity(c->k->hand->daemon_uid, c->k->hand->daemon_gid);
}

static long step_daemon_limits(struct child *c)
{
	(void)c;
	return limit(RLIMIT_CORE, 0);
}

/* vanity-netdev: exactly the capabilities that setup left inheritable, by way of the ambient set.
 * As a user it has none at all. */
static long step_netdev_capabilities(struct child *c)
{
	long error = c->k->hand->netdev_capabilities == 0 ? step_capabilities(c) : 0;

	for (int cap = 0; cap < 64 && error == 0; cap++)
		if ((c->k->hand->netdev_capabilities >> cap & 1) != 0)
			error = CALL_5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return error;
}

/* A clock that exec does not stop: who hangs ends, and the keeper hears it from the socket. */
static long step_deadline(struct child *c)
{
	const struct itimerval clock = { .it_value.tv_sec = NETDEV_DEADLINE_S };

	(void)c;
	return CALL_3(__NR_setitimer, ITIMER_REAL, &clock, NULL);
}

#define UNLESS(bit) ((bit) + 1u)

static const struct step shard_steps[] = {
	{ "descriptors", step_descriptors, 0 },
	{ "session", step_session, 0 },
	{ "namespaces", step_namespaces, 0 },
	{ "empty root", step_root, 0 },
	{ "affinity", step_affinity, UNLESS(SETUP_INACTIVE_PINNING) },
	{ "limits", step_limits, 0 },
	{ "own uid", step_identity, UNLESS(SETUP_INACTIVE_OWN_UID) },
	{ "no processes", step_processes, 0 },
	{ "no capabilities", step_capabilities, 0 },
	{ "no_new_privs", step_no_new_privs, 0 },
	{ "Landlock", step_landlock, UNLESS(SETUP_INACTIVE_LANDLOCK) },
	{ "dies with the keeper", step_parent, 0 },
	{ "start filter", step_filter, 0 },
	{ "execute", step_execute, 0 },
};
#define SHARD_STEPS (sizeof(shard_steps) / sizeof(shard_steps[0]))

static const struct step daemon_steps[] = {
	{ "descriptors", step_descriptors, 0 },
	{ "session", step_session, 0 },
	{ "affinity", step_affinity, UNLESS(SETUP_INACTIVE_PINNING) },
	{ "goes first", step_go_first, 0 },
	{ "limits", step_daemon_limits, 0 },
	{ "own uid", step_daemon_identity, UNLESS(SETUP_INACTIVE_DAEMON_UID) },
	{ "no capabilities", step_capabilities, 0 },
	{ "no_new_privs", step_no_new_privs, 0 },
	{ "dies with the keeper", step_parent, 0 },
	{ "execute", step_execute, 0 },
};
#define DAEMON_STEPS (sizeof(daemon_steps) / sizeof(daemon_steps[0]))

static const struct step netdev_steps[] = {
	{ "descriptors", step_descriptors, 0 },
	{ "session", step_session, 0 },
	{ "limits", step_daemon_limits, 0 },
	{ "deadline", step_deadline, 0 },
	{ "its capabilities", step_netdev_capabilities, 0 },
	{ "no_new_privs", step_no_new_privs, 0 },
	{ "dies with the keeper", step_parent, 0 },
	{ "execute", step_execute, 0 },
};
#define NETDEV_STEPS (sizeof(netdev_steps) / sizeof(netdev_steps[0]))

const char *keeper_step(uint32_t n)
{
	return n < SHARD_STEPS ? shard_steps[n].name : "?";
}

/* In the child, up to exec. Each failure ends it: a list with a hole is no list. */
static void child_run(void *context)
{
	struct child *c = context;

	for (c->step = 0; c->step < c->step_count; c->step++) {
		const struct step *step = &c->steps[c->step];
		long error;

		if (step->inactive != 0 && (c->k->inactive >> (step->inactive - 1) & 1) != 0)
			continue;
		if (c->s != NULL && KEEPER_LEAVES_OUT(c->k, c->shard, c->step))
			continue;
		error = step->run(c);
		if (error != 0) {
			c->error = error;
			break;
		}
	}
	call_exit(STEP_EXIT_BASE + (int)c->step);
}

/* --- making one ---------------------------------------------------------------------------- */

static int place(int fd, int at, int flags)
{
	long result = CALL_3(__NR_dup3, fd, at, flags);

	return call_failed(result) ? (int)result : 0;
}

/* Sleeps until the child executed or died. Return: pid, or -errno. */
static pid_t child_clone(struct child *c, uint64_t flags, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)child_stack,
		.stack_size = sizeof(child_stack),
		.cgroup = KEEPER_FD_CGROUP,
	};
	long pid;

	c->error = 0;
	pid = arch_clone_call(&args, sizeof(args), child_run, c);
	if (pid > 0)
		*ret_pidfd = keeper_keep(pidfd);
	return (pid_t)pid;
}

/* Which of our descriptors a starting shard has at a number (core/bind.h), its image last; -1: none. */
int keeper_planned_fd(const struct keeper *k, uint32_t shard, uint32_t at)
{
	const struct bind *b = k->shard[shard].bind;
	const struct bind_grant *grant = bind_grants(b);
	int own = keeper_fd_shard(k->plan, shard);

	if (at == BIND_FD_BLOCK)
		return own + KEEPER_SHARD_BIND;
	if (at == BIND_FD_EVENT)
		return own + KEEPER_SHARD_EVENT;
	if (at == BIND_FD_CONFIG)
		return own + KEEPER_SHARD_CONFIG;
	if (at >= BIND_FD_NEIGHBOURS && at < bind_fd_grants(b))
		return keeper_fd_shard(k->plan, bind_neighbours(b)[at - BIND_FD_NEIGHBOURS].shard) +
		       KEEPER_SHARD_EVENT;
	for (uint32_t i = 0; i < b->grant_count; i++) {
		if (grant[i].keeps_fd && grant[i].fd == at)
			return keeper_fd_device(k->plan, grant[i].device) + KEEPER_DEVICE_KEEP;
		if (at == bind_fd_facts(b) + i)
			return keeper_fd_device(k->plan, grant[i].device) + KEEPER_DEVICE_FACTS;
	}
	if (at >= bind_fd_regions(b) && at < bind_fd_facts(b)) {
		const struct bind_region *r = &bind_regions(b)[at - bind_fd_regions(b)];
		uint32_t right = KEEPER_LEAVES_OUT(k, shard, LEAVE_READ_ONLY) ? PLAN_RW : r->right;

		return keeper_fd_region(r->region, right);
	}
	return at == bind_fd_facts(b) + b->grant_count ? own + KEEPER_SHARD_IMAGE : -1;
}

/* Its descriptors, in the order core/bind.h promises, then what it needs up to exec. */
static int shard_place(const struct keeper *k, struct child *c)
{
	int own = keeper_fd_shard(k->plan, c->shard), error = 0;
	int until_exec = KEEPER_LEAVES_OUT(k, c->shard, LEAVE_CLOSE_ON_EXEC) ? 0 : O_CLOEXEC;
	int at = BIND_FD_BLOCK;

	c->image_fd = (int)(bind_fd_facts(c->s->bind) + c->s->bind->grant_count);
	c->fd_end = (uint32_t)c->image_fd;
	for (; at <= c->image_fd && error == 0; at++)
		error = place(keeper_planned_fd(k, c->shard, (uint32_t)at), at,
			      at == c->image_fd ? until_exec : 0);
	c->ns_fd = at;
	for (uint32_t i = 0; i < KEEPER_NAMESPACES && error == 0; i++)
		error = place(own + KEEPER_SHARD_NS + (int)i, at++, until_exec);
	c->landlock_fd = at;
	if ((k->inactive >> SETUP_INACTIVE_LANDLOCK & 1) == 0 && error == 0)
		error = place(KEEPER_FD_LANDLOCK, at++, until_exec);
	c->room_end = (uint32_t)at;
	return error;
}

/* One with a core of its own is born in the partition, where there is one: from outside its core
 * cannot be had, and to move there later takes milliseconds. */
static uint64_t shard_clone_flags(const struct keeper *k, uint32_t shard)
{
	int born = k->hand->cores == KEEPER_CORES_PARTITION && !k->plan->shard[shard].shared;

	return (KEEPER_LEAVES_OUT(k, shard, LEAVE_PID_NAMESPACE) ? 0 : CLONE_NEWPID) |
	       (born ? CLONE_INTO_CGROUP : 0);
}

int keeper_shard_start(struct keeper *k, uint32_t shard, uint32_t generation)
{
	struct keeper_shard *s = &k->shard[shard];
	struct filter_facts facts = filter_facts_of(s->bind);
	int error, pidfd = -1;
	pid_t pid = -1;

	child = (struct child){ .k = k, .s = s, .shard = shard, .steps = shard_steps,
				.step_count = SHARD_STEPS,
				.argv = { k->plan->shard[shard].name } };
	error = shard_place(k, &child);
	if (error == 0) {
		facts.image_fd = (uint32_t)child.image_fd;
		child.filter.filter = child.code;
		child.filter.len = (unsigned short)filter_make(FILTER_START, &facts, child.code);
		pid = child_clone(&child, shard_clone_flags(k, shard), &pidfd);
		error = pid < 0 ? pid : 0;
	}
	CALL_3(__NR_close_range, FD_FIRST, KEEPER_FD_BASE - 1, 0);
	/* Whom nobody could end later must not be; gone before its successor has the same memory. */
	if (error == 0 && pidfd < 0) {
		error = pidfd;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (error != 0)
		return error;
	if (child.error != 0)
		keeper_say(k, "could not start", shard, generation, keeper_step(child.step),
			   child.error);
	s->pid = pid;
	s->pidfd = pidfd;
	s->generation = generation;
	s->alive = 1;
	return 0;
}

/* A child that talks to us: our end of the socket, or -errno. Its own comes to @at. */
static int socket_place(int at, int *ret_theirs)
{
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	pair[0] = keeper_keep(pair[0]);
	*ret_theirs = keeper_keep(pair[1]);
	error = pair[0] < 0 ? pair[0] : place(*ret_theirs, at, 0);
	return error < 0 ? error : pair[0];
}

/* Made, or its descriptors failed with @error. Return: pid, or -errno. */
static pid_t helper_make(struct keeper *k, int theirs, int error)
{
	int pidfd = -1;
	pid_t pid = error != 0 ? error : child_clone(&child, 0, &pidfd);

	CALL_3(__NR_close_range, FD_FIRST, KEEPER_FD_BASE - 1, 0);
	if (theirs >= 0)
		close(theirs);
	if (pidfd >= 0)
		close(pidfd);
	if (pid > 0 && child.error != 0)
		keeper_say(k, "could not start", PLAN_NONE, 0, child.steps[child.step].name, child.error);
	return pid;
}

int keeper_daemon_start(struct keeper *k)
{
	int theirs = -1, error = 0;
	pid_t pid;

	child = (struct child){ .k = k, .fd_end = FD_FIRST + 1, .image_fd = FD_FIRST + 1,
				.room_end = FD_FIRST + 2, .argv = { "vanityd", "daemon" },
				.steps = daemon_steps, .step_count = DAEMON_STEPS };
	k->daemon_fd = socket_place(FD_FIRST, &theirs);
	error = k->daemon_fd < 0 ? k->daemon_fd : place(KEEPER_FD_DAEMON, FD_FIRST + 1, O_CLOEXEC);
	pid = helper_make(k, theirs, error);
	/* One that did not come to its image is nobody to wait for. */
	error = pid > 0 ? (int)child.error : pid;
	k->daemon_pid = error == 0 ? pid : 0;
	return error;
}

/* Its descriptors, in the order of netdev/hand.h. */
int keeper_netdev_start(struct keeper *k)
{
	char device[12], epoch[12];
	int at = NETDEV_FD_POOLS, theirs = -1, error;

	child = (struct child){ .k = k, .steps = netdev_steps, .step_count = NETDEV_STEPS };
	child.argv[0] = "vanity-netdev";
	child.argv[1] = keeper_number(device + sizeof(device) - 1, k->netdev.device);
	child.argv[2] = keeper_number(epoch + sizeof(epoch) - 1, k->netdev.epoch);
	error = place(KEEPER_FD_PLAN, NETDEV_FD_PLAN, 0);
	k->netdev.fd = error != 0 ? error : socket_place(NETDEV_FD_ANSWER, &theirs);
	error = k->netdev.fd < 0 ? k->netdev.fd : 0;
	for (uint32_t i = 0; i < k->plan->device_count && error == 0; i++) {
		const struct plan_device *d = &k->plan->device[i];

		if (netdev_together(k->plan, k->netdev.device, i) && d->kind == VANITY_GRANT_XDP)
			error = place(keeper_fd_region(k->plan->pool[d->pool].region, PLAN_RW), at++, 0);
	}
	for (int i = 0; i < 2 && k->plan->device[k->netdev.device].kind == VANITY_GRANT_XDP; i++)
		error = error ? error
			      : place(keeper_fd_device(k->plan, k->netdev.device) +
					      (i == 0 ? KEEPER_DEVICE_LINK : KEEPER_DEVICE_KEEP),
				      at++, 0);
	child.image_fd = at;
	child.room_end = (uint32_t)at + 1;
	error = error ? error : place(KEEPER_FD_NETDEV, at, O_CLOEXEC);
	error = helper_make(k, theirs, error);
	if (error > 0)
		return 0;
	if (k->netdev.fd >= 0)
		close(k->netdev.fd);
	k->netdev.fd = -1;
	return error;
}

/* --- once ---------------------------------------------------------------------------------- */

/* Every page of a descriptor present and locked, for all generations at once: what a shard does
 * itself it would do again at each restart, which costs 80 us. */
static int lock_pages(int fd, uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	if (mlock(at, bytes) == 0)
		return 0;
	munmap(at, bytes);
	return -errno;
}

/* Huge pages are never swapped; what has small ones is locked here. */
static void memory_lock(struct keeper *k)
{
	int error = 0;

	for (uint32_t i = 0; i < k->plan->region_count && error == 0; i++) {
		const struct plan_region *r = &k->plan->region[i];

		if (r->page_bytes <= k->plan->host.page_bytes)
			error = lock_pages(keeper_fd_region(i, PLAN_RO), r->bytes);
	}
	for (uint32_t i = 0; i < k->plan->shard_count && error == 0; i++) {
		int fd = keeper_fd_shard(k->plan, i) + KEEPER_SHARD_IMAGE;
		struct stat st;

		error = fstat(fd, &st) != 0 ? -errno : lock_pages(fd, (uint64_t)st.st_size);
	}
	if (error != 0)
		k->inactive |= 1u << SETUP_INACTIVE_LOCKED;
}

/* What no child shall ever have again, and the keeper needs for nothing it still does: its own
 * capabilities are in the other sets and stay. What vanity-netdev shall have is inheritable since
 * before; only a child that still has it can make it ambient, which no step after 9 does. */
static long bounds_drop(const struct keeper *k)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;

	if (k->hand->netdev_capabilities == 0)
		bits |= SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	/* Dropping fails for numbers that this kernel does not know, so what counts is what is left:
	 * to end at the first failure would leave the rest, should it be of another kind. */
	for (int cap = 0; cap < CAPABILITIES; cap++)
		(void)CALL_5(__NR_prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
	for (int cap = 0; cap < CAPABILITIES; cap++)
		if (CALL_5(__NR_prctl, PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			return -EPERM;
	return CALL_5(__NR_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0);
}

int keeper_prepare(struct keeper *k)
{
	memory_lock(k);
	/* An operator's keys lie in his session keyring, which all his processes have, whatever uid
	 * they become. An empty one takes its place; a kernel that makes none keeps none. */
	if (!KEEPER_LEAVES_OUT(k, 0, LEAVE_KEYRING))
		(void)CALL_2(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return KEEPER_LEAVES_OUT(k, 0, LEAVE_BOUNDS) ? 0 : (int)bounds_drop(k);
}
