/* SPDX-License-Identifier: Apache-2.0 */
/* attack_calls.c: attacks on the kernel's side: files, network, processes, rights, resources. */
#include "attack.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/mman.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/uio.h>
#include <linux/un.h>
#include <linux/utsname.h>

#include <asm/signal.h>

#define SOCKET_UNIX 1 /* AF_UNIX and its like are libc's words */
#define SOCKET_INET 2
#define SOCKET_PACKET 17
#define SOCKET_STREAM 1
#define SOCKET_RAW 3
#define MANY_DESCRIPTORS 2000
#define STACK_BYTES 4096u

static uint8_t thread_stack[STACK_BYTES] __attribute__((aligned(64)));

/* --- files, network, what the host is called ----------------------------------------------- */

static bool readable(struct attacker *a, const char *path)
{
	long fd = CALL_4(__NR_openat, AT_FDCWD, path, O_RDONLY, 0);
	char byte;

	if (!attack_call(a, fd))
		return false;
	return attack_call(a, CALL_3(__NR_read, fd, &byte, 1));
}

/* The driver's secret, by its path. */
static bool attack_file(struct attacker *a)
{
	return readable(a, a->path);
}

static bool attack_proc(struct attacker *a)
{
	return readable(a, "/proc/self/maps") || readable(a, "/proc/1/status");
}

static bool attack_device(struct attacker *a)
{
	return readable(a, "/dev/zero");
}

static bool attack_network(struct attacker *a)
{
	struct sockaddr_in to = { .sin_family = SOCKET_INET };
	long fd = CALL_3(__NR_socket, SOCKET_INET, SOCKET_STREAM, 0);

	to.sin_port = (uint16_t)(a->number >> 8 | a->number << 8);
	to.sin_addr.s_addr = 0x0100007f;
	return attack_call(a, fd) && attack_call(a, CALL_3(__NR_connect, fd, &to, sizeof(to)));
}

/* A name beyond all files, of the network namespace; the path of the secret is used for it. */
static bool attack_abstract(struct attacker *a)
{
	struct sockaddr_un to = { .sun_family = SOCKET_UNIX };
	long fd = CALL_3(__NR_socket, SOCKET_UNIX, SOCKET_STREAM, 0);
	uint32_t n = 0;

	for (; a->path[n] != '\0' && n < sizeof(to.sun_path) - 2; n++)
		to.sun_path[1 + n] = a->path[n];
	return attack_call(a, fd) &&
	       attack_call(a, CALL_3(__NR_connect, fd, &to, sizeof(uint16_t) + 1 + n));
}

static bool attack_packet(struct attacker *a)
{
	return attack_call(a, CALL_3(__NR_socket, SOCKET_PACKET, SOCKET_RAW, 0x0300));
}

/* System V memory of the driver. */
static bool attack_ipc(struct attacker *a)
{
	long id = CALL_3(__NR_shmget, a->number, 0, 0);
	long at = call_failed(id) ? id : CALL_3(__NR_shmat, id, NULL, 010000 /* SHM_RDONLY */);

	return attack_call(a, at);
}

static bool attack_hostname(struct attacker *a)
{
	struct new_utsname name;

	if (!attack_call(a, CALL_1(__NR_uname, &name)))
		return false;
	return !attack_same(name.nodename, "shard");
}

static bool attack_keyring(struct attacker *a)
{
	return attack_call(a, CALL_5(__NR_add_key, "user", "vanity-attack", "x", 1,
				     KEY_SPEC_PROCESS_KEYRING));
}

/* --- processes ----------------------------------------------------------------------------- */

/* Whoever is in its process group: the keeper, if nobody made it a group of its own. */
static bool attack_group(struct attacker *a)
{
	const uint64_t term = 1ull << (SIGTERM - 1);

	CALL_4(__NR_rt_sigprocmask, SIG_BLOCK, &term, NULL, 8);
	(void)attack_call(a, CALL_2(__NR_kill, 0, SIGTERM));
	return false; /* the driver sees whether the system went down */
}

static bool attack_fork(struct attacker *a)
{
	long pid = CALL_5(__NR_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		call_exit(0);
	return attack_call(a, pid);
}

static void thread(void *context)
{
	(void)context;
	for (;;)
		CALL_1(__NR_exit, 0);
}

static bool attack_thread(struct attacker *a)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
		.stack = (uint64_t)(uintptr_t)thread_stack,
		.stack_size = sizeof(thread_stack),
	};

	return attack_call(a, arch_clone_call(&args, sizeof(args), thread, NULL));
}

/* @touch is tried on every process it can name but itself; the first answer that somebody is there
 * is kept. */
static bool anybody(struct attacker *a, bool (*touch)(struct attacker *a, long pid))
{
	long own = CALL_0(__NR_getpid), refused = -3 /* ESRCH */;

	for (long pid = 1; pid < ATTACK_PIDS_MAX; pid++) {
		if (pid != own && touch(a, pid))
			return true;
		if (pid != own && refused == -3)
			refused = a->detail;
	}
	a->detail = refused;
	return false;
}

static bool touch_signal(struct attacker *a, long pid)
{
	return attack_call(a, CALL_2(__NR_kill, pid, 0));
}

static bool touch_trace(struct attacker *a, long pid)
{
	return attack_call(a, CALL_4(__NR_ptrace, PTRACE_SEIZE, pid, 0, 0));
}

/* A bad address is an answer of somebody whose memory may be read. */
static bool touch_memory(struct attacker *a, long pid)
{
	char byte;
	struct iovec own = { &byte, 1 }, foreign = { (void *)4096, 1 };
	long n = CALL_6(__NR_process_vm_readv, pid, &own, 1, &foreign, 1, 0);

	return attack_call(a, n == -14 /* EFAULT */ ? 1 : n);
}

static bool touch_descriptor(struct attacker *a, long pid)
{
	long fd = CALL_2(__NR_pidfd_open, pid, 0);

	/* Of a shard: its bell. Of vanityd: anything. */
	return attack_call(a, fd) && attack_call(a, CALL_3(__NR_pidfd_getfd, fd, 4, 0));
}

static bool attack_signal(struct attacker *a)
{
	return anybody(a, touch_signal);
}

static bool attack_ptrace(struct attacker *a)
{
	return anybody(a, touch_trace);
}

static bool attack_process_vm(struct attacker *a)
{
	return anybody(a, touch_memory);
}

static bool attack_pidfd(struct attacker *a)
{
	return anybody(a, touch_descriptor);
}

static bool attack_affinity(struct attacker *a)
{
	const uint64_t all[16] = { ~0ull, ~0ull };

	return attack_call(a, CALL_3(__NR_sched_setaffinity, 0, sizeof(all), all));
}

/* The core that is another shard's alone: option `number`. */
static bool attack_core(struct attacker *a)
{
	uint64_t own[16] = { 0 };

	if (!attack_call(a, CALL_3(__NR_sched_getaffinity, 0, sizeof(own), own)))
		return false;
	a->detail = 0;
	return own[a->number / 64 % 16] >> a->number % 64 & 1;
}

/* --- rights -------------------------------------------------------------------------------- */

static bool attack_priority(struct attacker *a)
{
	return attack_call(a, CALL_3(__NR_setpriority, 0, 0, -20));
}

static bool attack_realtime(struct attacker *a)
{
	const int priority = 1;

	return attack_call(a, CALL_3(__NR_sched_setscheduler, 0, 1 /* SCHED_FIFO */, &priority));
}

static bool attack_mount(struct attacker *a)
{
	return attack_call(a, CALL_1(__NR_unshare, CLONE_NEWNS));
}

static bool attack_user_namespace(struct attacker *a)
{
	return attack_call(a, CALL_1(__NR_unshare, CLONE_NEWUSER));
}

/* A program of root's with the setuid bit, which says in the file `path` who it is. */
static bool attack_setuid(struct attacker *a)
{
	char program[VANITY_TEXT_MAX + 8];
	const char *const argv[] = { program, a->path, NULL };
	const char *const environment[] = { NULL };
	const char *end = ".suid";
	uint32_t n = 0;

	for (; a->path[n] != '\0'; n++)
		program[n] = a->path[n];
	for (; *end != '\0'; n++, end++)
		program[n] = *end;
	program[n] = '\0';
	return attack_call(a, CALL_3(__NR_execve, program, argv, environment));
}

static bool attack_io_uring(struct attacker *a)
{
	struct io_uring_params params = { 0 };

	return attack_call(a, CALL_2(__NR_io_uring_setup, 1, &params));
}

static bool attack_bpf(struct attacker *a)
{
	union bpf_attr attr = { 0 };

	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return attack_call(a, CALL_3(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static bool attack_userfaultfd(struct attacker *a)
{
	return attack_call(a, CALL_1(__NR_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
}

/* --- resources ----------------------------------------------------------------------------- */

static bool attack_descriptor_eater(struct attacker *a)
{
	long n = 0;

	while (n < MANY_DESCRIPTORS && attack_call(a, CALL_1(__NR_dup, BIND_FD_EVENT)))
		n++;
	return n == MANY_DESCRIPTORS;
}

/* Memory that no plan counts, as a file. */
static bool attack_file_eater(struct attacker *a)
{
	long fd = CALL_2(__NR_memfd_create, "attack", 0);

	return attack_call(a, fd) &&
	       attack_call(a, CALL_3(__NR_write, fd, thread_stack, sizeof(thread_stack)));
}

const struct attack attack_calls[] = {
	{ "file", attack_file },
	{ "proc", attack_proc },
	{ "device", attack_device },
	{ "network", attack_network },
	{ "abstract", attack_abstract },
	{ "packet", attack_packet },
	{ "ipc", attack_ipc },
	{ "hostname", attack_hostname },
	{ "keyring", attack_keyring },
	{ "group", attack_group },
	{ "fork", attack_fork },
	{ "thread", attack_thread },
	{ "signal", attack_signal },
	{ "ptrace", attack_ptrace },
	{ "process_vm", attack_process_vm },
	{ "pidfd", attack_pidfd },
	{ "affinity", attack_affinity },
	{ "core", attack_core },
	{ "priority", attack_priority },
	{ "realtime", attack_realtime },
	{ "mount", attack_mount },
	{ "user_namespace", attack_user_namespace },
	{ "setuid", attack_setuid },
	{ "io_uring", attack_io_uring },
	{ "bpf", attack_bpf },
	{ "userfaultfd", attack_userfaultfd },
	{ "eat_descriptors", attack_descriptor_eater },
	{ "eat_files", attack_file_eater },
	{ NULL, NULL },
};
