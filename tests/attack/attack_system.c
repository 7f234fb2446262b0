/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack_system.c: attacks on what a machine has besides: queues, keys, handles, devices, clocks,
 * namespaces to enter, and what a process may change of itself.
 */
#include "attack.h"

#include <elf.h>

#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/in.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/mqueue.h>
#include <linux/perf_event.h>
#include <linux/personality.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <linux/time_types.h>

#include <asm/signal.h>

#ifndef __NR_mseal
#define __NR_mseal 462 /* Linux 6.10 */
#endif
#ifndef MS_REMOUNT
#define MS_REMOUNT 32 /* older kernels' headers have it elsewhere */
#endif

#define SOCKET_INET 2 /* AF_INET and its like are libc's words */
#define SOCKET_STREAM 1
#define HANDLE_BYTES 128u
#define STACK_DEPTH (1u << 20)
#define PAGE_BYTES 4096u
#define EXIT_OWN_CODE 42

/* The path of the secret, and something behind it. */
static const char *beside(const struct attacker *a, const char *end, char *ret)
{
	uint32_t n = 0;

	for (; a->path[n] != '\0'; n++)
		ret[n] = a->path[n];
	for (; *end != '\0'; n++, end++)
		ret[n] = *end;
	ret[n] = '\0';
	return ret;
}

static const char *last_name(const char *path)
{
	const char *name = path;

	for (; *path != '\0'; path++)
		name = *path == '/' ? path + 1 : name;
	return name;
}

/* The folder of the secret. */
static const char *folder(const struct attacker *a, char *ret)
{
	(void)beside(a, "", ret);
	ret[last_name(a->path) - a->path] = '\0';
	return ret;
}

static bool opens(struct attacker *a, const char *path)
{
	return attack_call(a, CALL_4(__NR_openat, AT_FDCWD, path, O_RDONLY, 0));
}

/* --- folders ------------------------------------------------------------------------------- */

/* By its name alone, from wherever it stands: the keeper of these tests stands in that folder. */
static bool attack_relative(struct attacker *a)
{
	return opens(a, last_name(a->path));
}

/* Into a smaller root, whose outside it still stands in, and up from there. Where there is no
 * folder to do it with, the root is an empty one: made writable, it is given one. */
static bool attack_chroot(struct attacker *a)
{
	char at[VANITY_TEXT_MAX + 8];

	CALL_1(__NR_chdir, "/");
	if (!attack_call(a, CALL_1(__NR_chroot, folder(a, at)))) {
		if (a->detail != -2 /* ENOENT */)
			return false;
		CALL_5(__NR_mount, NULL, "/", NULL, MS_REMOUNT, "size=64k,nr_inodes=16");
		CALL_3(__NR_mkdirat, AT_FDCWD, "/out", 0700);
		CALL_1(__NR_chroot, "/out");
	}
	for (uint32_t i = 0; i < 16; i++)
		CALL_1(__NR_chdir, "..");
	CALL_1(__NR_chroot, ".");
	return opens(a, a->path);
}

/* A file by its handle: no folder on the way is asked. */
static bool attack_handle(struct attacker *a)
{
	_Alignas(8) struct {
		uint32_t bytes;
		int32_t type;
		uint8_t handle[HANDLE_BYTES];
	} h = { .bytes = HANDLE_BYTES };
	int mount;

	return attack_call(a, CALL_5(__NR_name_to_handle_at, AT_FDCWD, a->path, &h, &mount, 0)) &&
	       attack_call(a, CALL_3(__NR_open_by_handle_at, AT_FDCWD, &h, O_RDONLY));
}

/* A device node of its own: the disk, say. Here /dev/zero, in the driver's folder. */
static bool attack_node(struct attacker *a)
{
	char path[VANITY_TEXT_MAX + 8], end[] = ".a00";

	end[2] = (char)('0' + a->number / 10 % 10);
	end[3] = (char)('0' + a->number % 10);
	if (!attack_call(a, CALL_4(__NR_mknodat, AT_FDCWD, beside(a, end, path), S_IFCHR | 0600,
				   1 << 8 | 5)))
		return false;
	CALL_3(__NR_unlinkat, AT_FDCWD, path, 0);
	return true;
}

/* --- the host's objects -------------------------------------------------------------------- */

/* A port of the host's, to answer in the host's name; whether it is that, a connection tells. */
static bool attack_listen(struct attacker *a)
{
	struct sockaddr_in at = { .sin_family = SOCKET_INET };
	long fd = CALL_3(__NR_socket, SOCKET_INET, SOCKET_STREAM, 0);
	long other = CALL_3(__NR_socket, SOCKET_INET, SOCKET_STREAM, 0);
	int bytes = sizeof(at);

	at.sin_addr.s_addr = 0x0100007f;
	return attack_call(a, fd) && attack_call(a, CALL_3(__NR_bind, fd, &at, sizeof(at))) &&
	       attack_call(a, CALL_2(__NR_listen, fd, 1)) &&
	       attack_call(a, CALL_3(__NR_getsockname, fd, &at, &bytes)) &&
	       attack_call(a, CALL_3(__NR_connect, other, &at, sizeof(at)));
}

/* The driver's POSIX message queue; it has the secret's name. */
static bool attack_queue(struct attacker *a)
{
	return attack_call(a, CALL_4(__NR_mq_open, last_name(a->path), O_RDONLY, 0, NULL));
}

/* One of its own: memory of the kernel's that no plan counts. */
static bool attack_queue_own(struct attacker *a)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 8192 };

	char name[] = "vanity-attack-00";

	name[14] = (char)('0' + a->number / 10 % 10);
	name[15] = (char)('0' + a->number % 10);
	if (!attack_call(a, CALL_4(__NR_mq_open, name, O_RDWR | O_CREAT, 0600, &attr)))
		return false;
	CALL_1(__NR_mq_unlink, name);
	return true;
}

/* The operator's key, which lies in the session keyring that all his processes have. */
static bool attack_key(struct attacker *a)
{
	char text[8];
	long key = CALL_5(__NR_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
			  last_name(a->path), 0);

	return attack_call(a, key) &&
	       attack_call(a, CALL_4(__NR_keyctl, KEYCTL_READ, key, text, sizeof(text)));
}

/* --- namespaces, rights ---------------------------------------------------------------------- */

/* Into the network namespace of anybody it can name: a shard's, or the keeper's, which is the
 * host's. */
static bool attack_setns(struct attacker *a)
{
	long own = CALL_0(__NR_getpid), refused = -3 /* ESRCH */;

	for (long pid = 1; pid < ATTACK_PIDS_MAX; pid++) {
		long fd = pid == own ? -3 : CALL_2(__NR_pidfd_open, pid, 0);

		if (call_failed(fd))
			continue;
		if (attack_call(a, CALL_2(__NR_setns, fd, CLONE_NEWNET)))
			return true;
		refused = a->detail;
		CALL_1(__NR_close, fd);
	}
	a->detail = refused;
	return false;
}

/* A child that is root in a user namespace of its own. */
static bool attack_clone_user(struct attacker *a)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	long pid = CALL_2(__NR_clone3, &args, sizeof(args));

	if (pid == 0)
		call_exit(0);
	return attack_call(a, pid);
}

/* What runs on a core, whoever it is. */
static bool attack_perf(struct attacker *a)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr) };

	attr.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
	return attack_call(a, CALL_5(__NR_perf_event_open, &attr, -1, 0, -1, 0));
}

static bool attack_landlock(struct attacker *a)
{
	const struct landlock_ruleset_attr attr = { .handled_access_fs =
							    LANDLOCK_ACCESS_FS_EXECUTE };

	return attack_call(a, CALL_3(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0));
}

/* --- what a process may say of itself -------------------------------------------------------- */

static bool attack_dumpable(struct attacker *a)
{
	return attack_call(a, CALL_5(__NR_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/* What `ps` and a debugger believe of it: where its code, heap and arguments are. */
static bool attack_words(struct attacker *a)
{
	uint64_t at = a->stack, end = a->stack + 1;
	struct prctl_mm_map map = { .start_code = at,
				    .end_code = end,
				    .start_data = at,
				    .end_data = end,
				    .start_brk = end + PAGE_BYTES,
				    .brk = end + PAGE_BYTES,
				    .start_stack = at,
				    .arg_start = at,
				    .arg_end = end,
				    .env_start = at,
				    .env_end = end,
				    .exe_fd = ~0u };

	return attack_call(a, CALL_5(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0));
}

/* A filter of its own, by the older call: it may answer any call of the library as it likes. */
static bool attack_filter(struct attacker *a)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, code };

	return attack_call(a,
			   CALL_5(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

/* From here on whatever is readable is executable. */
static bool attack_personality(struct attacker *a)
{
	return attack_call(a, CALL_1(__NR_personality, READ_IMPLIES_EXEC));
}

static bool attack_seal(struct attacker *a)
{
	long at =
		CALL_6(__NR_mmap, NULL, PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return attack_call(a, at) && attack_call(a, CALL_3(__NR_mseal, at, PAGE_BYTES, 0));
}

/* A clock that strikes a process that may be another program by then. */
static bool attack_alarm(struct attacker *a)
{
	const uint64_t clock[4] = { 0, 0, 3600, 0 };

	return attack_call(a, CALL_3(__NR_setitimer, 0 /* ITIMER_REAL */, clock, NULL));
}

/* One of the kernel's, for as long as the process lives. */
static bool attack_timer(struct attacker *a)
{
	int timer;

	return attack_call(a, CALL_3(__NR_timer_create, 1 /* CLOCK_MONOTONIC */, NULL, &timer));
}

/* exit_group(EXIT_OWN_CODE), in the words of the machine. */
#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
static const uint32_t own_code[] = { 0x00002abf, 0x00e7b800, 0x050f0000 };
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
static const uint32_t own_code[] = { 0xd2800540, 0xd2800bc8, 0xd4000001 };
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
static const uint32_t own_code[] = { 0x02a00513, 0x05e00893, 0x00000073 };
#endif

/* Another program, which nobody has checked: written into memory, and executed from there. */
static bool attack_program(struct attacker *a)
{
	const uint64_t at = 1ull << 22;
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr part;
		uint32_t code[sizeof(own_code) / 4];
	} image = { .head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			      .e_type = ET_EXEC,
			      .e_machine = OWN_MACHINE,
			      .e_version = 1,
			      .e_phoff = sizeof(Elf64_Ehdr),
			      .e_ehsize = sizeof(Elf64_Ehdr),
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_phnum = 1 },
		    .part = { .p_type = PT_LOAD,
			      .p_flags = PF_R | PF_X,
			      .p_vaddr = at,
			      .p_filesz = sizeof(image),
			      .p_memsz = sizeof(image),
			      .p_align = PAGE_BYTES } };
	const char *const none[] = { NULL };
	const char *const argv[] = { "own", NULL };
	long fd = CALL_2(__NR_memfd_create, "own", 0);

	image.head.e_entry = at + sizeof(image.head) + sizeof(image.part);
	for (uint32_t i = 0; i < sizeof(own_code) / 4; i++)
		image.code[i] = own_code[i];
	return attack_call(a, fd) &&
	       attack_call(a, CALL_3(__NR_write, fd, &image, sizeof(image))) &&
	       attack_call(a, CALL_5(__NR_execveat, fd, "", argv, none, AT_EMPTY_PATH));
}

/* --- more than was planned ------------------------------------------------------------------- */

/* The kernel lets a stack grow on a touch, up to its limit. */
static bool attack_stack(struct attacker *a)
{
	*(volatile uint8_t *)(uintptr_t)(a->stack - STACK_DEPTH) = 1;
	return true;
}

/* All its memory, and what it may read of others, in a file. The driver looks for one. */
static bool attack_dump(struct attacker *a)
{
	*(volatile uint8_t *)(uintptr_t)a->detail = 0;
	return true;
}

/* No more than being there still, when the system is not. The driver looks; it has ten seconds. */
static bool attack_outlive(struct attacker *a)
{
	const struct __kernel_timespec tenth = { .tv_nsec = 100000000 };
	struct pollfd nobody = { .fd = -1 };

	(void)a;
	for (uint32_t i = 0; i < 100; i++) {
		struct __kernel_timespec time = tenth;

		CALL_5(__NR_ppoll, &nobody, 1, &time, NULL, 8);
	}
	return true;
}

const struct attack attack_system[] = {
	{ "relative", attack_relative },   { "chroot", attack_chroot },
	{ "handle", attack_handle },       { "node", attack_node },
	{ "listen", attack_listen },       { "queue", attack_queue },
	{ "queue_own", attack_queue_own }, { "key", attack_key },
	{ "setns", attack_setns },         { "clone_user", attack_clone_user },
	{ "perf", attack_perf },           { "landlock", attack_landlock },
	{ "dumpable", attack_dumpable },   { "words", attack_words },
	{ "filter", attack_filter },       { "personality", attack_personality },
	{ "seal", attack_seal },           { "alarm", attack_alarm },
	{ "timer", attack_timer },         { "program", attack_program },
	{ "stack", attack_stack },         { "dump", attack_dump },
	{ "outlive", attack_outlive },     { NULL, NULL },
};
