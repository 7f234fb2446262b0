/* SPDX-License-Identifier: Apache-2.0 */
/* vanity-bench net: who joins, in what order, and the table. */
#include "net.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

#define REPETITIONS_MAX 64
#define JOINED_TIMEOUT_MS 8000
#define END_TIMEOUT_MS 5000
#define FAILURES_MAX 3

static const uint32_t lengths[] = { 64, 1514 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

struct joiner {
	const char *name;
	const char *about;
	int (*raise)(struct joiner *j, struct net_lab *lab, const struct net_options *o);
	int (*end)(struct joiner *j);
	const char *variant; /* of the topology's file name, or of testpmd's device arguments */
	struct system system;
	pid_t pid;
	int keyboard, failures, missing;
	int both_cores; /* one of its shards shares the hosts' core */
	int huge_pages; /* open for as long as they are reserved */

	int n;
	double pps[LENGTHS][REPETITIONS_MAX], offered[LENGTHS][REPETITIONS_MAX];
	double p50[REPETITIONS_MAX], p99[REPETITIONS_MAX];
	uint64_t sampled, wrong, lost;
};

/* --- Vanity --------------------------------------------------------------------------------- */

/* "net.conf" and "-l2fwd" make "net-l2fwd.conf". */
static void variant_path(const char *path, const char *variant, char *ret, size_t room)
{
	const char *dot = strrchr(path, '.');
	int stem = dot ? (int)(dot - path) : (int)strlen(path);

	snprintf(ret, room, "%.*s%s%s", stem, path, variant, dot ? dot : "");
}

static int vanity_raise(struct joiner *j, struct net_lab *lab, const struct net_options *o)
{
	char path[PATH_MAX], name[32];

	variant_path(o->topology, j->variant, path, sizeof(path));
	snprintf(name, sizeof(name), "bench-net%s", j->variant);
	/* What it starts stays on the cores that this process is on now. */
	(void)(j->both_cores ? net_pin_both(lab) : net_pin(lab->core_joiner));
	return net_lab_enter(lab, NET_BETWEEN) == 0 ?
		       system_run(&j->system, o->vanityd, path, name, 0) :
		       -1;
}

static int vanity_end(struct joiner *j)
{
	json_t *sums = system_ask(&j->system, "verify", NULL, 0);
	int exact = json_is_true(json_object_get(sums, "exact"));

	json_decref(sums);
	if (!exact)
		fprintf(stderr, "net: %s: the sums are not exact\n", j->name);
	return system_end(&j->system) == 0 && exact ? 0 : -1;
}

/* --- testpmd -------------------------------------------------------------------------------- */

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"
#define TESTPMD_PAGES 160 /* of 2 MiB; given back when it ends */

/* More or fewer than there are now: others (vanityd) reserve and give back meanwhile. */
static void huge_pages_add(long more)
{
	FILE *f = fopen(HUGE_PAGES, "r+");
	long n;

	if (!f)
		return;
	if (fscanf(f, "%ld", &n) == 1 && n + more >= 0) {
		rewind(f);
		fprintf(f, "%ld\n", n + more);
	}
	fclose(f);
}

/* Reserves them for as long as the descriptor is open, even if this process is killed: a child
 * waits for that and gives them back. Return: the descriptor, or -1. */
static int huge_pages_borrow(void)
{
	int life[2];
	char none;
	pid_t pid;

	if (pipe2(life, O_CLOEXEC) != 0)
		return -1;
	huge_pages_add(TESTPMD_PAGES);
	pid = fork();
	if (pid == 0) {
		close(life[1]);
		(void)setsid(); /* a terminal's ^C is not for it */
		while (read(life[0], &none, 1) > 0)
			;
		poll(NULL, 0, 200); /* until who used them is gone */
		huge_pages_add(-TESTPMD_PAGES);
		_exit(0);
	}
	close(life[0]);
	if (pid > 0)
		return life[1];
	huge_pages_add(-TESTPMD_PAGES);
	close(life[1]);
	return -1;
}

static int testpmd_raise(struct joiner *j, struct net_lab *lab, const struct net_options *o)
{
	char cores[64], a[64], b[64];
	const char *argv[] = { "dpdk-testpmd", "--lcores", cores, "--no-pci", "--in-memory",
			       "--no-telemetry", "-m", "256", "--vdev", a, "--vdev", b, "--",
			       "--forward-mode=io", "--nb-cores=1", "--auto-start",
			       "--total-num-mbufs=16384", NULL };
	int keyboard[2];

	(void)o;
	/* Its main thread waits for a key; the thread that forwards has the joiner's core. */
	snprintf(cores, sizeof(cores), "0@%d,1@%d", lab->core_hosts, lab->core_joiner);
	snprintf(a, sizeof(a), "net_af_xdp0,iface=va%s", j->variant);
	snprintf(b, sizeof(b), "net_af_xdp1,iface=vb%s", j->variant);
	j->huge_pages = huge_pages_borrow();
	if (net_lab_enter(lab, NET_BETWEEN) != 0 || pipe2(keyboard, O_CLOEXEC) != 0)
		return -1;
	j->pid = fork();
	if (j->pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(keyboard[0], 0); /* its other end stays open with us: no key, no end of file */
		dup2(null, 1);
		if (!getenv("VANITY_BENCH_VERBOSE"))
			dup2(null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(keyboard[0]);
	j->keyboard = keyboard[1];
	return j->pid > 0 ? 0 : -1;
}

static int testpmd_end(struct joiner *j)
{
	int waited = 0, status;

	kill(j->pid, SIGINT);
	while (waitpid(j->pid, &status, WNOHANG) == 0) {
		if (waited++ == END_TIMEOUT_MS / 10)
			kill(j->pid, SIGKILL);
		poll(NULL, 0, 10);
	}
	close(j->keyboard);
	if (j->huge_pages >= 0)
		close(j->huge_pages);
	while (waitpid(-1, &status, WNOHANG) > 0)
		;
	return 0;
}

/* --- the kernel ------------------------------------------------------------------------------ */

static int kernel_raise(struct joiner *j, struct net_lab *lab, const struct net_options *o)
{
	(void)j;
	(void)o;
	return net_lab_forward(lab);
}

static int kernel_end(struct joiner *j)
{
	(void)j;
	return 0;
}

/* --- a quiet moment ----------------------------------------------------------------------------- */

#define QUIET_LOOK_MS 100
#define QUIET_WAIT_MS 20000
#define QUIET_IDLE 0.95
#define QUIET_TURNS_MAX 6

/* Ticks that all cores had, and of them the idle ones. */
static int cpu_ticks(unsigned long long *ret_all, unsigned long long *ret_idle)
{
	unsigned long long t[8] = { 0 };
	FILE *f = fopen("/proc/stat", "r");
	int n = 0;

	if (!f)
		return -1;
	n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4],
		   &t[5], &t[6], &t[7]);
	fclose(f);
	*ret_all = 0;
	for (int i = 0; i < 8; i++)
		*ret_all += t[i];
	*ret_idle = t[3] + t[4];
	return n == 8 ? 0 : -1;
}

/* Waits until nobody else uses the machine; Return: whether that came. Who polls on a busy machine
 * loses more of it than who sleeps, so a figure of such a moment favours the sleeper. */
static int quiet(int wait_ms)
{
	unsigned long long all, idle, all_before, idle_before;

	for (int waited = 0; waited < wait_ms; waited += QUIET_LOOK_MS) {
		if (cpu_ticks(&all_before, &idle_before) != 0)
			return 1;
		poll(NULL, 0, QUIET_LOOK_MS);
		if (cpu_ticks(&all, &idle) != 0)
			return 1;
		if ((double)(idle - idle_before) >= QUIET_IDLE * (double)(all - all_before))
			return 1;
	}
	return 0;
}

/* --- one turn --------------------------------------------------------------------------------- */

static int measure(struct joiner *j, const struct net_lab *lab, const struct net_options *o)
{
	struct net_times times;
	struct net_rate rate;

	if (!net_wire_joined(lab, JOINED_TIMEOUT_MS))
		return -1;
	for (uint32_t i = 0; i < LENGTHS; i++) {
		if (net_wire_rate(lab, lengths[i], (uint32_t)o->ms, &rate) != 0)
			return -1;
		j->pps[i][j->n] = rate.arrived_pps;
		j->offered[i][j->n] = rate.offered_pps;
		j->sampled += rate.sampled;
		j->wrong += rate.wrong;
	}
	if (net_wire_ping(lab, 64, (uint32_t)o->ms, &times) != 0)
		return -1;
	j->p50[j->n] = times.p50_us;
	j->p99[j->n] = times.p99_us;
	j->lost += times.lost;
	j->n++;
	return 0;
}

static int turn(struct joiner *j, struct net_lab *lab, const struct net_options *o)
{
	int result;

	if (net_lab_plug(lab) != 0)
		return -1;
	result = j->raise(j, lab, o);
	if (result == 0) {
		result = measure(j, lab, o);
		if (j->end(j) != 0)
			result = -1;
	}
	net_lab_unplug(lab);
	return result;
}

/* A turn with a quiet moment before it and behind it, if there is one; it counts even if not. */
static int quiet_turn(struct joiner *j, struct net_lab *lab, const struct net_options *o,
		      int *disturbed)
{
	for (int i = 1;; i++) {
		int was_quiet, n = j->n;

		/* A single repetition tells that it works, not how fast it is. */
		was_quiet = o->count > 1 && quiet(QUIET_WAIT_MS);
		if (turn(j, lab, o) != 0)
			return -1;
		if (was_quiet && quiet(2 * QUIET_LOOK_MS))
			return 0;
		if (o->count == 1 || i == QUIET_TURNS_MAX) {
			*disturbed += 1;
			return 0;
		}
		j->n = n;
	}
}

/* --- the table --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread {
	double median, min, max;
};

static struct spread spread_of(const double *value, int n)
{
	double sorted[REPETITIONS_MAX];

	memcpy(sorted, value, (size_t)n * sizeof(*value));
	qsort(sorted, (size_t)n, sizeof(*sorted), by_size);
	return (struct spread){ sorted[n / 2], sorted[0], sorted[n - 1] };
}

static void print_words(const struct joiner *j, const struct joiner *base)
{
	struct spread s[LENGTHS], p50, p99;

	if (j->n == 0) {
		printf("%-22s not measured\n", j->name);
		return;
	}
	p50 = spread_of(j->p50, j->n);
	p99 = spread_of(j->p99, j->n);
	printf("%-22s", j->name);
	for (uint32_t i = 0; i < LENGTHS; i++) {
		s[i] = spread_of(j->pps[i], j->n);
		printf(" %7.0f (%.0f-%.0f)", s[i].median / 1e3, s[i].min / 1e3, s[i].max / 1e3);
		if (base && base->n)
			printf(" %.2fx", s[i].median / spread_of(base->pps[i], base->n).median);
	}
	printf("  %6.1f %7.1f", p50.median, p99.median);
	if (base && base->n)
		printf(" %.2fx", p50.median / spread_of(base->p50, base->n).median);
	printf("\n");
}

static void print_json(const struct joiner *j)
{
	struct spread s[LENGTHS], o[LENGTHS], p50, p99;

	if (j->n == 0) {
		printf("{\"bench\":\"net\",\"joiner\":\"%s\",\"n\":0}\n", j->name);
		return;
	}
	for (uint32_t i = 0; i < LENGTHS; i++) {
		s[i] = spread_of(j->pps[i], j->n);
		o[i] = spread_of(j->offered[i], j->n);
	}
	p50 = spread_of(j->p50, j->n);
	p99 = spread_of(j->p99, j->n);
	printf("{\"bench\":\"net\",\"joiner\":\"%s\",\"n\":%d", j->name, j->n);
	for (uint32_t i = 0; i < LENGTHS; i++)
		printf(",\"pps_%u\":%.0f,\"pps_%u_min\":%.0f,\"pps_%u_max\":%.0f,\"offered_%u\":%.0f",
		       lengths[i], s[i].median, lengths[i], s[i].min, lengths[i], s[i].max, lengths[i],
		       o[i].median);
	printf(",\"rtt_p50_us\":%.1f,\"rtt_p99_us\":%.1f,\"sampled\":%llu,\"wrong\":%llu,"
	       "\"pings_lost\":%llu}\n",
	       p50.median, p99.median, (unsigned long long)j->sampled, (unsigned long long)j->wrong,
	       (unsigned long long)j->lost);
}

static void print_all(const struct joiner *j, size_t count, const struct joiner *base,
		      const struct net_lab *lab, const struct net_options *o)
{
	uint64_t sampled = 0, wrong = 0, lost = 0;

	for (size_t i = 0; i < count; i++) {
		if (o->json)
			print_json(&j[i]);
		sampled += j[i].sampled;
		wrong += j[i].wrong;
		lost += j[i].lost;
	}
	if (o->json)
		return;
	printf("%d repetitions of each in turn, %d ms a figure: median (min-max), x beside testpmd\n",
	       o->count, o->ms);
	printf("hosts on core %d, joiner on core %d (sender polls: its other nic on core %d); frames "
	       "without their checksum\n\n",
	       lab->core_hosts, lab->core_joiner, lab->core_hosts);
	printf("%-22s %s  %s  %s\n", "", "64 B, kpps", "1514 B, kpps", "there and back p50, p99, us");
	for (size_t i = 0; i < count; i++)
		print_words(&j[i], base);
	printf("\noffered at most, kpps:");
	for (uint32_t l = 0; l < LENGTHS; l++) {
		double most = 0;

		for (size_t i = 0; i < count; i++)
			for (int r = 0; r < j[i].n; r++)
				most = j[i].offered[l][r] > most ? j[i].offered[l][r] : most;
		printf(" %u B %.0f", lengths[l], most / 1e3);
	}
	printf("; %llu packets looked at, %llu of them wrong; %llu pings lost\n",
	       (unsigned long long)sampled, (unsigned long long)wrong, (unsigned long long)lost);
}

int bench_net(const struct net_options *options)
{
	static struct joiner joiner[] = {
		{ .name = "vanity nic-nic", .raise = vanity_raise, .end = vanity_end, .variant = "" },
		{ .name = "vanity nic-l2fwd-nic", .raise = vanity_raise, .end = vanity_end,
		  .variant = "-l2fwd" },
		{ .name = "vanity, sender polls", .raise = vanity_raise, .end = vanity_end,
		  .variant = "-poll", .both_cores = 1 },
		{ .name = "testpmd", .raise = testpmd_raise, .end = testpmd_end, .variant = "" },
		{ .name = "testpmd, no busy poll", .raise = testpmd_raise, .end = testpmd_end,
		  .variant = ",busy_budget=0" },
		{ .name = "kernel forwarding", .raise = kernel_raise, .end = kernel_end },
	};
	const size_t count = sizeof(joiner) / sizeof(joiner[0]);
	struct net_lab lab = { .core_hosts = 0 };
	const char *only = getenv("VANITY_BENCH_ONLY");
	uint64_t wrong = 0;
	int failed = 0, disturbed = 0;

	lab.core_joiner = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
	if (options->count > REPETITIONS_MAX || net_lab_make(&lab) != 0)
		return 1;
	for (int r = 0; r < options->count; r++) {
		for (size_t i = 0; i < count; i++) {
			struct joiner *j = &joiner[i];

			if (j->missing || (only && !strstr(j->name, only)))
				continue;
			if (quiet_turn(j, &lab, options, &disturbed) == 0)
				continue;
			/* Another system may have had the core for a moment. */
			if (++j->failures < FAILURES_MAX && options->count > 1)
				continue;
			fprintf(stderr, "net: %s: joins nothing here, left out\n", j->name);
			j->missing = 1;
			failed |= j->raise == vanity_raise;
		}
	}
	for (size_t i = 0; i < count; i++)
		wrong += joiner[i].wrong;
	print_all(joiner, count, &joiner[3], &lab, options);
	if (disturbed && !options->json)
		printf("%d of the turns beside other work on the machine\n", disturbed);
	return failed || wrong != 0;
}
