/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vanity-bench: figures of a running Vanity, each measured from outside.
 *
 *      vanity-bench start    vanityd start to every shard ready, four shards
 *      vanity-bench restart  SIGKILL to the first item of the successor, beside vfork+exec
 *      vanity-bench adopt    SIGKILL of vanityd to its successor having verified every shard
 *      vanity-bench steady   what a polling shard asks of the kernel: nothing, counted
 *      vanity-bench net      packets between two interfaces, beside testpmd and the kernel (net.c)
 *      vanity-bench chan     the channel alone, beside other rings and the cache lines (chan.h)
 *      vanity-bench notify   waking a neighbour that sleeps, beside a bare eventfd (notify.c)
 *      vanity-bench curve    latency and rate by burst, polling and sleeping, drawn (curve.c)
 *
 * Nothing is asserted by wall clock; a figure that cannot be measured here is said to be missing.
 * Every run that is timed is verified, too: sums exact, or the run does not count.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "chan.h"
#include "net.h"
#include "system.h"

#define SAMPLES_MAX 4096

struct bench {
	const char *vanityd, *topology;
	int dev, json, count, seconds, ms;
};

struct samples {
	double us[SAMPLES_MAX];
	int n;
};

extern char **environ;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that a share of the samples does not exceed. */
static double percentile(struct samples *s, double share)
{
	int rank = (int)(share * (s->n - 1) + 0.5);

	qsort(s->us, (size_t)s->n, sizeof(s->us[0]), by_value);
	return s->us[rank];
}

static void add(struct samples *s, double us)
{
	if (s->n < SAMPLES_MAX)
		s->us[s->n++] = us;
}

static void print(const struct bench *b, const char *bench, const char *what, struct samples *s,
		  double ratio)
{
	double p50, p99;

	if (s->n == 0) {
		printf(b->json ? "{\"bench\":\"%s\",\"what\":\"%s\",\"n\":0}\n" :
				 "%-8s %-34s not measured\n",
		       bench, what);
		return;
	}
	p50 = percentile(s, 0.50);
	p99 = percentile(s, 0.99);
	if (b->json)
		printf("{\"bench\":\"%s\",\"what\":\"%s\",\"unit\":\"us\",\"n\":%d,\"min\":%.1f,"
		       "\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"ratio\":%.2f}\n",
		       bench, what, s->n, s->us[0], p50, p99, s->us[s->n - 1], ratio);
	else if (ratio > 0)
		printf("%-8s %-34s n %4d  min %9.1f  p50 %9.1f  p99 %9.1f  max %9.1f us  ratio %.2f\n",
		       bench, what, s->n, s->us[0], p50, p99, s->us[s->n - 1], ratio);
	else
		printf("%-8s %-34s n %4d  min %9.1f  p50 %9.1f  p99 %9.1f  max %9.1f us\n", bench,
		       what, s->n, s->us[0], p50, p99, s->us[s->n - 1]);
	fflush(stdout);
}

/* Runs a command to its end with its output thrown away; its exit code, -1 if it had none. */
static int run(const char *const argv[])
{
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status = -1;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, argv[0], &quiet, NULL, (char *const *)(uintptr_t)argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&quiet);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- start --------------------------------------------------------------------------------- */

static int bench_start(struct bench *b)
{
	const char *start[] = { b->vanityd, "start", b->topology, "--quiet",
				b->dev ? "--dev" : NULL, NULL };
	const char *stop[] = { b->vanityd, "stop", b->topology, NULL };
	struct samples s = { 0 };

	for (int i = 0; i <= b->count; i++) {
		uint64_t begun = system_now_ns();
		int started = run(start);
		double us = (double)(system_now_ns() - begun) / 1e3;

		if (started != 0 || run(stop) != 0) {
			fprintf(stderr, "start or stop failed (exit %d)\n", started);
			return 1;
		}
		if (i > 0) /* the first warms the page cache */
			add(&s, us);
	}
	print(b, "start", "command to all shards ready", &s, 0);
	return 0;
}

/* --- restart ------------------------------------------------------------------------------- */

/* A bare vfork+exec, the least that a new process costs here: to the child's first instruction
 * beyond exec, seen by the pipe that closes on it. */
static double vfork_exec_us(const char *image)
{
	uint64_t begun = system_now_ns();
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execl(image, image, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		return -1;
	waitpid(pid, &status, 0);
	return (double)(system_now_ns() - begun) / 1e3;
}

static int bench_restart(struct bench *b, const char *bare)
{
	struct samples restart = { 0 }, ready = { 0 }, spawn = { 0 };
	const char *victim = "fw";
	struct system s;
	int failed = 0;

	if (system_run(&s, b->vanityd, b->topology, "bench", b->dev) != 0)
		return 1;
	for (int i = 0; i < b->count && !failed; i++) {
		json_t *status = system_ask(&s, "status", NULL, 0), *shard, *item, *sums;
		long long pid, generation, first;
		uint64_t killed;
		double us = vfork_exec_us(bare);

		if (us > 0)
			add(&spawn, us);
		shard = system_shard(status, victim);
		pid = system_number(shard, "pid");
		generation = system_number(shard, "generation");
		json_decref(status);
		if (pid <= 0) {
			failed = 1;
			break;
		}
		killed = system_now_ns();
		kill((pid_t)pid, SIGKILL);
		item = system_ask(&s, "item", victim, (uint32_t)generation + 1);
		first = system_number(item, "first_item_ns");
		if (first > (long long)killed)
			add(&restart, (double)(first - (long long)killed) / 1e3);
		add(&ready, (double)(system_now_ns() - killed) / 1e3);
		json_decref(item);
		sums = system_ask(&s, "verify", NULL, 0);
		failed = !json_is_true(json_object_get(sums, "exact"));
		json_decref(sums);
		poll(NULL, 0, 2); /* traffic again before the next kill */
	}
	if (system_end(&s) != 0)
		failed = 1;
	if (failed) {
		fprintf(stderr, "restart: a run was not exact; no figure\n");
		return 1;
	}
	print(b, "restart", "bare vfork+exec to its end", &spawn, 0);
	print(b, "restart", "SIGKILL to the successor's first item", &restart,
	      percentile(&restart, 0.5) / percentile(&spawn, 0.5));
	print(b, "restart", "SIGKILL to the operator's answer", &ready, 0);
	return 0;
}

/* --- adopt --------------------------------------------------------------------------------- */

static int bench_adopt(struct bench *b)
{
	struct samples adopt = { 0 }, whole = { 0 };
	struct system s;
	int failed = 0;

	if (system_run(&s, b->vanityd, b->topology, "bench", b->dev) != 0)
		return 1;
	for (int i = 0; i < b->count && !failed; i++) {
		json_t *status = system_ask(&s, "status", NULL, 0);
		long long pid = system_number(status, "daemon_pid"), adopted;
		long long generation = system_number(status, "daemon_generation");
		uint64_t killed;

		json_decref(status);
		if (pid <= 0) {
			fprintf(stderr, "adopt: the status names no daemon_pid\n");
			failed = 1;
			break;
		}
		killed = system_now_ns();
		kill((pid_t)pid, SIGKILL);
		/* The listening socket survives: the question waits in its queue. */
		for (int k = 0; k < 200; k++) {
			status = system_ask(&s, "status", NULL, 0);
			if (status && system_number(status, "daemon_generation") > generation)
				break;
			json_decref(status);
			status = NULL;
			poll(NULL, 0, 1);
		}
		adopted = system_number(status, "adopted_at_ns");
		if (adopted > (long long)killed)
			add(&whole, (double)(adopted - (long long)killed) / 1e3);
		if (system_number(status, "adopt_ns") > 0)
			add(&adopt, (double)system_number(status, "adopt_ns") / 1e3);
		json_decref(status);
		poll(NULL, 0, 1050); /* a vanityd that lived this long is followed without delay */
	}
	if (system_end(&s) != 0)
		failed = 1;
	if (failed)
		return 1;
	print(b, "adopt", "SIGKILL of vanityd to verified", &whole, 0);
	print(b, "adopt", "of it: the successor's own work", &adopt, 0);
	return 0;
}

/* --- steady -------------------------------------------------------------------------------- */

struct usage {
	long long voluntary, involuntary, minor, major;
};

static int usage_of(long long pid, struct usage *u)
{
	char path[64], line[1024];
	FILE *f;

	memset(u, 0, sizeof(*u));
	snprintf(path, sizeof(path), "/proc/%lld/status", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		(void)sscanf(line, "voluntary_ctxt_switches: %lld", &u->voluntary);
		(void)sscanf(line, "nonvoluntary_ctxt_switches: %lld", &u->involuntary);
	}
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%lld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fgets(line, sizeof(line), f)) {
		const char *after = strrchr(line, ')');

		if (after)
			(void)sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %lld %*d %lld", &u->minor,
				     &u->major);
	}
	fclose(f);
	return 0;
}

static int bench_steady(struct bench *b)
{
	struct system s;
	json_t *status, *shard, *sums;
	size_t i;
	int failed = 0;
	uint64_t tracepoint = tracepoint_id();

	if (system_run(&s, b->vanityd, b->topology, "bench-steady", b->dev) != 0)
		return 1;
	poll(NULL, 0, 200);
	status = system_ask(&s, "status", NULL, 0);
	json_array_foreach(json_object_get(status, "shards"), i, shard) {
		const char *name = json_string_value(json_object_get(shard, "name"));
		long long pid = system_number(shard, "pid"), calls, control = -1;
		int fd = syscall_counter((pid_t)pid, tracepoint);
		int own = syscall_counter(0, tracepoint);
		struct usage before, after;

		if (own >= 0) {
			long long at = counter_read(own);

			for (int k = 0; k < 100; k++)
				(void)syscall(SYS_getppid);
			control = counter_read(own) - at;
		}
		if (usage_of(pid, &before) != 0) {
			failed = 1;
			break;
		}
		calls = counter_read(fd);
		poll(NULL, 0, b->seconds * 1000);
		if (calls >= 0)
			calls = counter_read(fd) - calls;
		if (usage_of(pid, &after) != 0) {
			failed = 1;
			break;
		}
		if (b->json)
			printf("{\"bench\":\"steady\",\"shard\":\"%s\",\"seconds\":%d,"
			       "\"system_calls\":%lld,\"control_of_100\":%lld,\"minor_faults\":%lld,"
			       "\"major_faults\":%lld,\"voluntary\":%lld,\"involuntary\":%lld}\n",
			       name, b->seconds, calls, control, after.minor - before.minor,
			       after.major - before.major, after.voluntary - before.voluntary,
			       after.involuntary - before.involuntary);
		else if (calls >= 0)
			printf("steady   %-8s %d s: system calls %lld (the counter saw %lld of 100 of"
			       " our own), page faults %lld, voluntary switches %lld, involuntary"
			       " %lld\n",
			       name, b->seconds, calls, control,
			       after.minor - before.minor + after.major - before.major,
			       after.voluntary - before.voluntary,
			       after.involuntary - before.involuntary);
		else
			printf("steady   %-8s %d s: system calls not measured (no tracepoint: %s), page"
			       " faults %lld, voluntary switches %lld, involuntary %lld\n",
			       name, b->seconds, strerror(errno),
			       after.minor - before.minor + after.major - before.major,
			       after.voluntary - before.voluntary,
			       after.involuntary - before.involuntary);
		if (fd >= 0)
			close(fd);
		if (own >= 0)
			close(own);
	}
	json_decref(status);
	sums = system_ask(&s, "verify", NULL, 0);
	if (!json_is_true(json_object_get(sums, "exact")))
		failed = 1;
	json_decref(sums);
	return system_end(&s) != 0 || failed;
}

/* ------------------------------------------------------------------------------------------- */

static const char usage[] =
	"usage: vanity-bench BENCH --vanityd PATH --topology FILE [options]\n"
	"\n"
	"  start     `vanityd start` to every shard ready\n"
	"  restart   SIGKILL of shard fw to the first item of its successor, cold\n"
	"  adopt     SIGKILL of vanityd to its successor having verified every shard\n"
	"  steady    system calls, page faults and switches of polling shards, from outside\n"
	"  net       packets between two AF_XDP interfaces, in turn with testpmd and the kernel; root\n"
	"  chan      the channel beside other rings; needs no system: vanity-bench chan --help\n"
	"  notify    waking who sleeps, beside a bare eventfd: vanity-bench notify --help\n"
	"  curve     latency and rate by burst, drawn: vanity-bench curve --help\n"
	"\n"
	"  --count N     repetitions (start 20, restart 500, adopt 20, net 7)\n"
	"  --ms N        net: how long each figure is measured (300)\n"
	"  --seconds N   steady: how long each shard is watched (5)\n"
	"  --bare IMAGE  restart: the image for the bare vfork+exec (vanity-bench-bare beside this)\n"
	"  --dev         without root\n"
	"  --json        one JSON object a line\n"
	"\n"
	"The topology must name its system `bench` (steady: `bench-steady`); tests/bench has both. net\n"
	"takes net.conf from there, and net-l2fwd.conf beside it.\n";

static void bare_beside(char *ret_path, size_t room)
{
	static const char name[] = "vanity-bench-bare";
	ssize_t n = readlink("/proc/self/exe", ret_path, room - sizeof(name) - 1);
	char *slash;

	ret_path[n > 0 ? n : 0] = '\0';
	slash = strrchr(ret_path, '/');
	memcpy(slash ? slash + 1 : ret_path, name, sizeof(name));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vanityd", required_argument, NULL, 'v' }, { "topology", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'n' },   { "seconds", required_argument, NULL, 's' },
		{ "bare", required_argument, NULL, 'b' },    { "dev", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },	     { "help", no_argument, NULL, 'h' },
		{ "ms", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	struct bench b = { .seconds = 5, .ms = 300 };
	char beside[4096];
	const char *bare = beside, *bench;
	int c;

	if (argc > 1 && strcmp(argv[1], "chan") == 0)
		return bench_chan(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "notify") == 0)
		return bench_notify(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "curve") == 0)
		return bench_curve(argc - 1, argv + 1);
	bare_beside(beside, sizeof(beside));

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			b.vanityd = optarg;
			break;
		case 't':
			b.topology = optarg;
			break;
		case 'n':
			b.count = atoi(optarg);
			break;
		case 's':
			b.seconds = atoi(optarg);
			break;
		case 'm':
			b.ms = atoi(optarg);
			break;
		case 'b':
			bare = optarg;
			break;
		case 'd':
			b.dev = 1;
			break;
		case 'j':
			b.json = 1;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	bench = optind < argc ? argv[optind] : "";
	if (!b.vanityd || !b.topology || b.count < 0 || b.count > SAMPLES_MAX || b.seconds < 1 ||
	    b.ms < 1) {
		fputs(usage, stderr);
		return 2;
	}
	if (strcmp(bench, "start") == 0) {
		b.count = b.count ? b.count : 20;
		return bench_start(&b);
	}
	if (strcmp(bench, "restart") == 0) {
		b.count = b.count ? b.count : 500;
		return bench_restart(&b, bare);
	}
	if (strcmp(bench, "adopt") == 0) {
		b.count = b.count ? b.count : 20;
		return bench_adopt(&b);
	}
	if (strcmp(bench, "steady") == 0)
		return bench_steady(&b);
	if (strcmp(bench, "net") == 0) {
		const struct net_options net = { b.vanityd, b.topology, b.count ? b.count : 7, b.ms,
						 b.json };

		return bench_net(&net);
	}
	fprintf(stderr, "vanity-bench: no benchmark `%s`\n%s", bench, usage);
	return 2;
}
