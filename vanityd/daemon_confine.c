/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vanityd gives up before it reads the first word of a shard or of a client.
 *
 *      opened first     the sockets that devices are looked at through
 *      limits           no process, no file longer than its log may be, no endless memory
 *      Landlock         nothing but /proc is read, nothing is written, no TCP, and no abstract
 *                       socket or signal beyond itself
 *      filter           FILTER_DAEMON of linux/shard_filter.h: no socket is made or connected, no
 *                       program runs, no process is made or signalled; a forbidden call ends it
 *
 * All that came before was said by root: the plan, the images, the keeper. Its uid, capabilities
 * and no_new_privs are the keeper's work (keeper_start.c). What is left is what it holds: its end
 * of the keeper's socket, clients that come to the control socket, cells to read, orders to
 * write, the log.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "linux/call.h"
#include "linux/shard_filter.h"

#include "landlock.h"

#define FILE_BYTES_MAX (64ull << 20)
#define DATA_BYTES_MAX (1ull << 30)

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int limit(int what, uint64_t value)
{
	const uint64_t both[2] = { value, value };

	return (int)CALL_4(__NR_prlimit64, 0, what, both, NULL);
}

static int limits(void)
{
	int error = limit(RLIMIT_NPROC, 0);

	error = error ? error : limit(RLIMIT_FSIZE, FILE_BYTES_MAX);
	/* The sanitizers' shadow counts as data. */
	return error || SANITIZED ? error : limit(RLIMIT_DATA, DATA_BYTES_MAX);
}

/* Return: 1 when it holds, 0 where the kernel has none, of which `start` has said so; -errno. */
static int landlock(void)
{
	int abi = landlock_abi(), fd, error;

	if (abi == -ENOSYS || abi == -EOPNOTSUPP)
		return 0;
	fd = abi > 0 ? landlock_all(abi) : abi;
	if (fd < 0)
		return fd;
	/* Without /proc nothing of it can be read either way. */
	(void)landlock_read(fd, "/proc");
	error = (int)CALL_2(__NR_landlock_restrict_self, fd, 0);
	close(fd);
	return error < 0 ? error : 1;
}

static int filter(void)
{
	const struct filter_facts none = { 0 };
	struct sock_filter code[FILTER_INSTRUCTIONS_MAX];
	struct sock_fprog program = { .filter = code };

	program.len = (unsigned short)filter_make(FILTER_DAEMON, &none, code);
	/* A sanitizer's library calls for more: it is refused, not ended. */
	for (uint32_t i = 0; i < program.len && SANITIZED; i++)
		if (code[i].code == (BPF_RET | BPF_K) && code[i].k == SECCOMP_RET_KILL_PROCESS)
			code[i].k = SECCOMP_RET_ERRNO | ENOSYS;
	return (int)CALL_3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* What libraries look up once, at their first use. */
static void look_up(struct daemon *d)
{
	const time_t now = 0;
	struct tm tm;

	(void)gmtime_r(&now, &tm); /* the time zone */
	json_object_seed(0); /* random numbers */
	d->own_pid = own_host_pid();
}

int daemon_confine(struct daemon *d)
{
	int error;

	look_up(d);
	devices_open(d);
	error = DAEMON_LEAVES_OUT(d, LEAVE_LIMITS) ? 0 : limits();
	if (error == 0 && !DAEMON_LEAVES_OUT(d, LEAVE_LANDLOCK))
		error = landlock();
	if (error < 0)
		return error;
	d->landlocked = (uint32_t)error;
	return DAEMON_LEAVES_OUT(d, LEAVE_FILTER) ? 0 : filter();
}

/* --- as the kernel says it ----------------------------------------------------------------- */

static uint64_t status_field(const char *text, const char *key, int base)
{
	const char *line = strstr(text, key);

	return line != NULL ? strtoull(line + strlen(key), NULL, base) : 0;
}

static void differs(const struct daemon *d, json_t *list, const char *thing, const char *expected,
		    uint64_t found)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)found);
	json_array_append_new(list, json_pack("{s:s,s:i,s:s,s:s,s:s}", "shard", "vanityd",
					      "generation", (int)d->successor + 1, "thing", thing,
					      "expected", expected, "found", text));
}

json_t *report_confinement(const struct daemon *d, json_t *list)
{
	static const char *const sets[] = { "\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t",
					    "\nCapBnd:\t", "\nCapAmb:\t" };
	char text[4096] = "";
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	uint64_t filters, no_new_privs, capabilities = 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	filters = status_field(text, "\nSeccomp_filters:\t", 10);
	no_new_privs = status_field(text, "\nNoNewPrivs:\t", 10);
	for (uint32_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		capabilities |= status_field(text, sets[i], 16);
	if (filters == 0)
		differs(d, list, "filters", "at least 1", filters);
	if (no_new_privs != 1)
		differs(d, list, "no_new_privs", "1", no_new_privs);
	if (capabilities != 0)
		differs(d, list, "capabilities", "none", capabilities);
	return json_pack("{s:I,s:I,s:I,s:b,s:I,s:b}", "pid", (json_int_t)d->own_pid, "uid",
			 (json_int_t)status_field(text, "\nUid:\t", 10), "filters",
			 (json_int_t)filters, "no_new_privs", no_new_privs == 1, "capabilities",
			 (json_int_t)capabilities, "landlock", (int)d->landlocked);
}
