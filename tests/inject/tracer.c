/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracer.c: one system call of one process of a command fails, as strace's inject does it.
 *
 *      tracer LIST [--user UID] -- COMMAND...                       lists every call to the file LIST
 *      tracer LIST --fail PROCESS CALL NTH ERRNO -- COMMAND...      writes what it failed there
 *
 * strace counts when=N in each process alone and fails the call in all of them, so whatever setup
 * does as well can never be reached in the keeper's children. Here a process has a number, by the
 * order in which the processes of the command came to be (0 is the command itself), and one call
 * of one process is failed: it is not made, and answers ERRNO.
 *
 * A line of LIST is "PROCESS IMAGE NTH CALL EXE": the NTH call of that number (from 1) in that
 * process, after IMAGE successful exec calls (1: the command). When the command ends, so does the
 * tracer, with its exit code; what still runs of it runs on, no longer traced.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <grp.h>
#include <unistd.h>

#define PROCESSES_MAX 512u
#define CALLS_MAX 512u
#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |  \
	 PTRACE_O_TRACEEXEC)

struct process {
	pid_t pid;
	unsigned images;
	int inside; /* between entry and exit of a call */
	int failing; /* its call was taken away, its answer is ours */
	unsigned count[CALLS_MAX];
	char exe[128];
};

static struct process process[PROCESSES_MAX];
static unsigned process_count;
static FILE *list;
static long fail_process = -1, fail_call, fail_nth, fail_errno;
static int done; /* the one call was failed: nothing is to be seen any more */

static struct process *process_of(pid_t pid)
{
	for (unsigned i = 0; i < process_count; i++)
		if (process[i].pid == pid)
			return &process[i];
	if (process_count == PROCESSES_MAX) {
		fprintf(stderr, "tracer: too many processes\n");
		exit(99);
	}
	process[process_count].pid = pid;
	return &process[process_count++];
}

/* --- registers ----------------------------------------------------------------------------- */

#if defined(__x86_64__)
static void call_skip(pid_t pid)
{
	struct user_regs_struct r;
	struct iovec io = { &r, sizeof(r) };

	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
	r.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io);
}

static void call_answer(pid_t pid, long value)
{
	struct user_regs_struct r;
	struct iovec io = { &r, sizeof(r) };

	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
	r.rax = (unsigned long long)value;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io);
}
#elif defined(__aarch64__)
static void call_skip(pid_t pid)
{
	int none = -1;
	struct iovec io = { &none, sizeof(none) };

	ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &io);
}

static void call_answer(pid_t pid, long value)
{
	struct user_regs_struct r;
	struct iovec io = { &r, sizeof(r) };

	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
	r.regs[0] = (unsigned long long)value;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io);
}
#endif

/* --- stops --------------------------------------------------------------------------------- */

struct call_info { /* linux/ptrace.h, struct ptrace_syscall_info, up to the number of an entry */
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t instruction, stack, nr;
};

static void stop_call(struct process *p)
{
	struct call_info info = { 0 };
	uint64_t nr;

	ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info);
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY) {
		if (p->failing) {
			call_answer(p->pid, -fail_errno);
			p->failing = 0;
			done = 1;
		}
		return;
	}
	nr = info.nr;
	if (nr >= CALLS_MAX)
		return;
	p->count[nr]++;
	if (fail_process < 0) {
		fprintf(list, "%ld %u %u %lu %s\n", (long)(p - process), p->images, p->count[nr],
			(unsigned long)nr, p->exe);
		return;
	}
	if (p - process == fail_process && (long)nr == fail_call && p->count[nr] == fail_nth) {
		fprintf(list, "failed %u %s\n", p->images, p->exe);
		call_skip(p->pid);
		p->failing = 1;
	}
}

static void stop_exec(struct process *p)
{
	char path[40], exe[sizeof(p->exe)];
	ssize_t n;

	p->images++;
	/* How far the command came before we held it is not the same each time. */
	if (p == process && p->images == 1)
		memset(p->count, 0, sizeof(p->count));
	snprintf(path, sizeof(path), "/proc/%d/exe", p->pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	for (char *at = exe; *at != '\0'; at++)
		if (*at == ' ')
			*at = '_';
	memcpy(p->exe, strrchr(exe, '/') != NULL ? strrchr(exe, '/') + 1 : exe,
	       strlen(strrchr(exe, '/') != NULL ? strrchr(exe, '/') + 1 : exe) + 1);
}

static void stopped(pid_t pid, int status)
{
	struct process *p = process_of(pid);
	int event = status >> 16, signal = WSTOPSIG(status), deliver = 0;
	unsigned long child;

	if (signal == (SIGTRAP | 0x80)) {
		stop_call(p);
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		   event == PTRACE_EVENT_CLONE) {
		if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0) {
			struct process *c = process_of((pid_t)child);

			c->images = p->images;
			memcpy(c->exe, p->exe, sizeof(c->exe));
		}
	} else if (event == PTRACE_EVENT_EXEC) {
		stop_exec(p);
	} else if (event == 0) {
		deliver = signal;
	}
	ptrace(done ? PTRACE_DETACH : PTRACE_SYSCALL, pid, 0, deliver);
}

/* --- the command --------------------------------------------------------------------------- */

static pid_t command(char **argv, uid_t user)
{
	int gate[2];
	char byte = 0;
	pid_t pid;

	if (pipe(gate) != 0 || (pid = fork()) < 0)
		exit(99);
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		close(gate[0]);
		if (user != 0 && (setgroups(0, NULL) != 0 || setresgid(user, user, user) != 0 ||
				  setresuid(user, user, user) != 0))
			_exit(98);
		execv(argv[0], argv);
		_exit(98);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) != 0) {
		fprintf(stderr, "tracer: ptrace: %s\n", strerror(errno));
		exit(99);
	}
	/* Its first stops are fork's and exec's rests: the count begins with the exec. */
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	close(gate[1]);
	return pid;
}

int main(int argc, char **argv)
{
	uid_t user = 0;
	pid_t main_pid, pid;
	int at = 2, status;

	while (at < argc && strcmp(argv[at], "--") != 0) {
		if (strcmp(argv[at], "--user") == 0 && at + 1 < argc) {
			user = (uid_t)atol(argv[at + 1]);
			at += 2;
		} else if (strcmp(argv[at], "--fail") == 0 && at + 4 < argc) {
			fail_process = atol(argv[at + 1]);
			fail_call = atol(argv[at + 2]);
			fail_nth = atol(argv[at + 3]);
			fail_errno = atol(argv[at + 4]);
			at += 5;
		} else {
			return 99;
		}
	}
	list = argc > 2 ? fopen(argv[1], "we") : NULL;
	if (list == NULL || at + 1 >= argc)
		return 99;
	main_pid = command(argv + at + 1, user);
	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0)
			return 99;
		if (WIFSTOPPED(status))
			stopped(pid, status);
		else if (pid == main_pid)
			break;
	}
	fclose(list);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "tracer: the command died of signal %d\n", WTERMSIG(status));
		return 97;
	}
	return WEXITSTATUS(status);
}
