/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_keeper.c: from setup to keeper, by clone and exec.
 *
 * The keeper is pid 1 of a pid namespace of its own. As an ordinary user it is also the first of a
 * user namespace, in which this user's uid is itself and nobody else exists; there it has the
 * capabilities to make the shards' namespaces, and outside none.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/sched.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

#define KEEPER_IMAGE_FD 3
#define UP_MS 30000 /* namespaces of 256 shards take a second or two */

/* --- in the child -------------------------------------------------------------------------- */

static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = fd < 0 ? -errno : 0;

	if (error == 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		error = -errno;
	if (fd >= 0)
		close(fd);
	return error;
}

/* One line each is what the kernel lets a user map without help: its own uid and gid. */
static int map_self(unsigned uid, unsigned gid)
{
	char line[64];
	int error = file_write("/proc/self/setgroups", "deny");

	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	error = error ? error : file_write("/proc/self/uid_map", line);
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return error ? error : file_write("/proc/self/gid_map", line);
}

/* A uid other than 0 loses its capabilities at exec, unless they are ambient. */
static int capabilities_keep(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (syscall(SYS_capset, &head, data) != 0)
		return -errno;
	for (int cap = 0; cap < 64; cap++)
		if ((data[cap / 32].permitted >> cap % 32 & 1) != 0 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
			return -errno;
	return 0;
}

/* For vanity-netdev, which the keeper will run: inheritable now, while the bounding set allows it. */
static int capabilities_inherit(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return -errno;
	data[0].inheritable = (uint32_t)caps;
	data[1].inheritable = (uint32_t)(caps >> 32);
	return syscall(SYS_capset, &head, data) == 0 ? 0 : -errno;
}

static int descriptors(const struct setup *s, int image)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(KEEPER_FD_LOG, STDOUT_FILENO) < 0 ||
	    dup2(KEEPER_FD_LOG, STDERR_FILENO) < 0)
		return -errno;
	if (image != KEEPER_IMAGE_FD && dup3(image, KEEPER_IMAGE_FD, O_CLOEXEC) < 0)
		return -errno;
	syscall(SYS_close_range, KEEPER_IMAGE_FD + 1, KEEPER_FD_BASE - 1, 0);
	syscall(SYS_close_range, s->fd_end, ~0u, 0);
	for (int fd = KEEPER_FD_BASE; fd < s->fd_end; fd++)
		if (fcntl(fd, F_SETFD, 0) != 0 && errno != EBADF) /* a hole is no error */
			return -errno;
	return 0;
}

static void child_fail(const char *what, int error)
{
	struct keeper_up up = { .magic = KEEPER_UP_MAGIC, .error = error };

	snprintf(up.what, sizeof(up.what), "%s", what);
	(void)!send(KEEPER_FD_SETUP, &up, sizeof(up), MSG_NOSIGNAL);
	_exit(1);
}

__attribute__((noreturn)) static void child(const struct setup *s, int image, unsigned uid,
					    unsigned gid)
{
	char *const argv[] = { (char *)"vanity-keeper", (char *)s->plan->system, NULL };
	char *const environment[] = { NULL };
	int error;

	if (s->options->dev) {
		error = map_self(uid, gid);
		if (error != 0)
			child_fail("user namespace", error);
		error = capabilities_keep();
		if (error != 0)
			child_fail("capabilities in the user namespace", error);
	}
	error = setup_namespaces(s->plan);
	if (error != 0)
		child_fail("namespaces", error);
	if (s->hand.netdev_capabilities != 0)
		error = capabilities_inherit(s->hand.netdev_capabilities);
	if (error != 0)
		child_fail("capabilities of vanity-netdev", error);
	error = descriptors(s, image);
	if (error != 0)
		child_fail("descriptors", error);
	syscall(SYS_execveat, KEEPER_IMAGE_FD, "", argv, environment, AT_EMPTY_PATH);
	child_fail("keeper's image", -errno);
	_exit(1);
}

/* --- in setup ------------------------------------------------------------------------------ */

/* "PID STARTTIME": a number that was given to somebody else later is told from ours. */
static int pid_write(struct setup *s)
{
	char path[48], stat[512], line[64], *at;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->result->keeper_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : (int)read(fd, stat, sizeof(stat) - 1);
	if (fd >= 0)
		close(fd);
	stat[n > 0 ? n : 0] = '\0';
	at = strrchr(stat, ')'); /* field 2; field 22 is the start time (proc(5)) */
	for (int field = 2; at != NULL && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return setup_fail(s, 1, "", "%s: %s", path, "cannot be read");
	n = snprintf(line, sizeof(line), "%d %llu\n", (int)s->result->keeper_pid,
		     strtoull(at + 1, NULL, 10));
	fd = openat(s->run_fd, SETUP_KEEPER_PID, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, (size_t)n) != n) {
		setup_fail(s, 4, "", "%s/%s: %s", s->result->run, SETUP_KEEPER_PID, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static const char *remedy(const char *what, int error)
{
	if (strcmp(what, "namespaces") == 0 && error == -ENOSPC)
		return "raise user.max_net_namespaces and its like";
	if (strcmp(what, "namespaces") == 0 && error == -EINVAL)
		return "in a chroot the root must be a mount point: bind the folder on itself first";
	if (strncmp(what, "user namespace", 14) == 0)
		return "allow user namespaces: kernel.unprivileged_userns_clone, AppArmor";
	return "";
}

static int keeper_hear(struct setup *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct keeper_up up;
	ssize_t n;

	if (poll(&p, 1, UP_MS) == 0)
		return setup_fail(s, 1, "try again", "the keeper did not answer in time");
	do {
		n = recv(fd, &up, sizeof(up), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(up) || up.magic != KEEPER_UP_MAGIC)
		return setup_fail(s, 1, "the log may tell", "the keeper died while it started");
	up.what[sizeof(up.what) - 1] = '\0';
	if (up.error != 0)
		return setup_fail(s, 4, remedy(up.what, up.error), "keeper: %s: %s", up.what,
				  strerror(-up.error));
	s->result->inactive = up.inactive;
	return 0;
}

int setup_keeper(struct setup *s)
{
	int pidfd = -1, pair[2], image = setup_image(s, s->keeper);
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_PIDFD |
			 (s->options->dev ? (uint64_t)CLONE_NEWUSER : 0),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	unsigned uid = geteuid(), gid = getegid();
	long pid;

	if (image < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
	    setup_place(s, pair[1], KEEPER_FD_SETUP, "socket") != 0) {
		close(image);
		return setup_fail(s, 1, "", "socketpair: %s", strerror(errno));
	}
	s->result->keeper_fd = pair[0];
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child(s, image, uid, gid);
	close(image);
	close(KEEPER_FD_SETUP);
	if (pid < 0) {
		setup_fail(s, 4, errno == EPERM || errno == ENOSPC ? remedy("user namespace", 0) : "",
			   "a process in new namespaces: %s", strerror(errno));
	} else {
		s->result->keeper_pid = (pid_t)pid;
		s->result->keeper_pidfd = pidfd;
		if (pid_write(s) == 0 && keeper_hear(s, pair[0]) == 0)
			return 0;
		/* It is ours alone to end yet. */
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
		close(pidfd);
		s->result->keeper_pidfd = -1;
	}
	close(pair[0]);
	s->result->keeper_fd = -1;
	return -1;
}
