/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_namespaces.c: a set of namespaces a shard, with an empty, read-only root.
 *
 * Made once, by the process that is about to become the keeper (in --dev they must belong to its
 * user namespace), and kept by it as descriptors: a new network namespace alone costs twice a bare
 * exec, so a generation enters those of the one before.
 *
 * The helpers share memory and descriptors with us and call the kernel directly.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

#include "linux/call.h"

#define STACK_BYTES 16384u

static const char *const namespace_path[KEEPER_NAMESPACES] = {
	"/proc/self/ns/net", "/proc/self/ns/ipc", "/proc/self/ns/uts", "/proc/self/ns/cgroup",
	"/proc/self/ns/mnt",
};

/* Taking the old root away waits for all CPUs (RCU), so several are made at a time. */
#define HELPERS 16u

static struct helper {
	int opened[KEEPER_NAMESPACES]; /* in the table it shares with us */
	long error;
	pid_t pid;
	uint8_t stack[STACK_BYTES] __attribute__((aligned(64)));
} helpers[HELPERS];

static long namespaces_make(struct helper *h)
{
	long error = CALL_1(__NR_unshare, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
						  CLONE_NEWCGROUP | CLONE_NEWNS);

	for (uint32_t i = 0; i < KEEPER_NAMESPACES && error == 0; i++) {
		h->opened[i] = (int)CALL_4(__NR_openat, AT_FDCWD, namespace_path[i],
					   O_RDONLY | O_CLOEXEC, 0);
		error = h->opened[i] < 0 ? h->opened[i] : 0;
	}
	/* The host's name is nobody's business in there. */
	error = error ? error : CALL_2(__NR_sethostname, "shard", 5);
	error = error ? error : CALL_5(__NR_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	/* Any folder will do to mount the new root on; /proc is on every host. */
	error = error ? error : CALL_5(__NR_mount, "none", "/proc", "tmpfs",
				       MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
				       "size=4k,nr_inodes=1,mode=0555");
	error = error ? error : CALL_1(__NR_chdir, "/proc");
	/* The old root lands on top of the new one and is taken away (pivot_root(2)). */
	error = error ? error : CALL_2(__NR_pivot_root, ".", ".");
	return error ? error : CALL_2(__NR_umount2, ".", MNT_DETACH);
}

static void namespaces_run(void *context)
{
	struct helper *h = context;

	h->error = namespaces_make(h);
	call_exit(0);
}

static long helper_start(struct helper *h)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FILES,
		.stack = (uint64_t)(uintptr_t)h->stack,
		.stack_size = sizeof(h->stack),
		.exit_signal = SIGCHLD,
	};
	long pid = arch_clone_call(&args, sizeof(args), namespaces_run, h);

	h->pid = pid > 0 ? (pid_t)pid : 0;
	return pid > 0 ? 0 : pid;
}

static int helper_end(struct helper *h, int place)
{
	int error;

	if (h->pid == 0)
		return 0;
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
	error = (int)h->error;
	for (int i = 0; i < KEEPER_NAMESPACES && error == 0; i++) {
		error = dup3(h->opened[i], place + i, O_CLOEXEC) < 0 ? -errno : 0;
		/* Given back at once: those of 256 shards would reach up into the keeper's numbers. */
		close(h->opened[i]);
	}
	return error;
}

int setup_namespaces(const struct plan *plan)
{
	long error = 0;

	for (uint32_t first = 0; first < plan->shard_count && error == 0; first += HELPERS) {
		uint32_t n = plan->shard_count - first;

		n = n < HELPERS ? n : HELPERS;
		for (uint32_t i = 0; i < n; i++) {
			long one = helper_start(&helpers[i]);

			error = error ? error : one;
		}
		for (uint32_t i = 0; i < n; i++) {
			int one = helper_end(&helpers[i],
					     keeper_fd_shard(plan, first + i) + KEEPER_SHARD_NS);

			error = error ? error : one;
		}
	}
	return (int)error;
}
