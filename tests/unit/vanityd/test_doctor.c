/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor on copies of machines: folders with the files of /proc and /sys that it reads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "doctor.h"
#include "exit.h"

#define CPU "/sys/devices/system/cpu/"

struct rig {
	char root[32];
	struct plan *plan;
	struct doctor d;
};

static void put(struct rig *r, const char *path, const char *text)
{
	char whole[256];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", r->root, path);
	for (char *at = whole + strlen(r->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		mkdir(whole, 0755);
		*at = '/';
	}
	f = fopen(whole, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void says(struct rig *r, const char *path, const char *text)
{
	char whole[256], have[256] = "";
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", r->root, path);
	f = fopen(whole, "re");
	assert_non_null(f);
	have[fread(have, 1, sizeof(have) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(have, text);
}

/* Four cores, none of them prepared. */
static int rig_make(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	snprintf(r->root, sizeof(r->root), "/tmp/vanity-doctor-XXXXXX");
	assert_non_null(mkdtemp(r->root));
	put(r, CPU "online", "0-3\n");
	put(r, CPU "isolated", "\n");
	put(r, CPU "nohz_full", "(null)\n");
	put(r, "/proc/cmdline", "quiet rcu_nocbs=2 ro\n");
	put(r, "/proc/irq/default_smp_affinity", "f\n");
	put(r, "/proc/irq/7/smp_affinity_list", "0-3\n");
	put(r, "/proc/irq/8/smp_affinity_list", "0\n");
	put(r, "/proc/irq/9/smp_affinity_list", "2\n");
	put(r, "/proc/interrupts",
	    "           CPU0       CPU1       CPU2       CPU3\n"
	    "  7:    1000000          1          2          3  PCI-MSI  eth0-rx\n"
	    "  9:          0          0         50          0  PCI-MSI  nvme0q1\n"
	    "NMI:          9          9          9          9  Non-maskable\n");
	put(r, "/sys/devices/virtual/workqueue/cpumask", "f\n");
	put(r, "/proc/sys/kernel/osrelease", "6.1.0-17-amd64\n");
	put(r, "/proc/sys/vm/memfd_noexec", "0\n");
	put(r, "/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n");
	r->plan = calloc(1, sizeof(*r->plan));
	assert_non_null(r->plan);
	r->d.root = r->root;
	*state = r;
	return 0;
}

static int drop_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int rig_drop(void **state)
{
	struct rig *r = *state;

	doctor_free(&r->d);
	assert_int_equal(nftw(r->root, drop_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(r->plan);
	free(r);
	return 0;
}

/* A plan with a shard on each of these cores; -1 is a shared one. */
static void plan_shards(struct rig *r, const int *cores, uint32_t count)
{
	r->d.plan = r->plan;
	r->plan->shard_count = count;
	r->plan->host.huge_page_bytes = 2u << 20;
	for (uint32_t i = 0; i < count; i++) {
		snprintf(r->plan->shard[i].name, sizeof(r->plan->shard[i].name), "s%u", i);
		snprintf(r->plan->shard[i].trust, sizeof(r->plan->shard[i].trust), "t");
		r->plan->shard[i].shared = cores[i] < 0;
		r->plan->shard[i].core = cores[i] < 0 ? 0 : (uint32_t)cores[i];
	}
}

#define PLAN(r, ...)                                                                               \
	plan_shards(r, (int[]){ __VA_ARGS__ }, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))

static const struct doctor_finding *finding(struct rig *r, const char *name)
{
	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		if (strcmp(doctor_checks[i].name, name) == 0)
			return &r->d.finding[i];
	fail_msg("no check %s", name);
	return NULL;
}

static const struct doctor_finding *look(struct rig *r, const char *name)
{
	const struct plan *plan = r->d.plan;

	doctor_free(&r->d);
	r->d = (struct doctor){ .root = r->root, .plan = plan };
	assert_int_equal(doctor_examine(&r->d), 0);
	return finding(r, name);
}

static void verdict_is(struct rig *r, const char *name, enum doctor_verdict verdict)
{
	const struct doctor_finding *f = look(r, name);

	if (f->verdict != verdict)
		fail_msg("%s: %s, not %s: %s", name, doctor_verdict(f->verdict),
			 doctor_verdict(verdict), f->evidence);
}

static void change_is(struct rig *r, const struct doctor_finding *f, const char *path,
		      const char *text)
{
	for (uint32_t i = 0; i < f->change_count; i++) {
		const struct doctor_change *c = &r->d.change[f->change_first + i];

		if (strcmp(c->path, path) != 0)
			continue;
		if (text == NULL)
			fail_msg("%s is changed to %s", path, c->text);
		assert_string_equal(c->text, text);
		return;
	}
	if (text != NULL)
		fail_msg("no change of %s", path);
}

/* --- sets of cores ------------------------------------------------------------------------- */

static void a_list_of_cores_is_read_and_written(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = { { "0-3,8", "0-3,8" }, { "", "" },
		     { "(null)", "" },     { "5", "5" },
		     { "3-1", "" },        { "1,", "1" },
		     { "1-", "1" },        { "4090-99999999999", "4090-4095" },
		     { "2,1", "1-2" },     { "0x1", "0" },
		     { "-1", "" } };
	struct doctor_cores cores;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cores_parse_list(rows[i].in, &cores);
		assert_string_equal(cores_list(&cores, text, sizeof(text)), rows[i].out);
	}
	cores_parse_list("0,2,4,6,8,10,12", &cores);
	assert_string_equal(cores_list(&cores, text, 12), "0,2,4,6...");
}

static void a_mask_of_cores_is_read_and_written(void **state)
{
	static const struct {
		const char *in, *list, *out;
	} rows[] = { { "f", "0-3", "f" },
		     { "1,00000000", "32", "1,00000000" },
		     { "80000001,00000003", "0-1,32,63", "80000001,00000003" },
		     { "FF", "0-7", "ff" },
		     { "", "", "0" },
		     { "xyz", "", "0" } };
	struct doctor_cores cores;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cores_parse_mask(rows[i].in, &cores);
		assert_string_equal(cores_list(&cores, text, sizeof(text)), rows[i].list);
		assert_string_equal(cores_mask(&cores, text, sizeof(text)), rows[i].out);
	}
}

/* --- cores --------------------------------------------------------------------------------- */

static void without_a_topology_all_but_the_first_core_are_for_shards(void **state)
{
	struct rig *r = *state;
	char text[64];

	verdict_is(r, "cores", DOCTOR_FINE);
	assert_string_equal(cores_list(&r->d.wanted, text, sizeof(text)), "1-3");
}

static void a_core_that_is_not_there_is_refused(void **state)
{
	struct rig *r = *state;

	PLAN(r, 1, 4);
	verdict_is(r, "cores", DOCTOR_REFUSED);
	assert_int_equal(doctor_exit(&r->d), EXIT_MACHINE);
	PLAN(r, 1, 3);
	verdict_is(r, "cores", DOCTOR_FINE);
	assert_int_equal(doctor_exit(&r->d), EXIT_OK);
}

static void shards_on_every_core_leave_none_to_the_rest(void **state)
{
	struct rig *r = *state;

	PLAN(r, 0, 1, 2, 3);
	verdict_is(r, "cores", DOCTOR_WARNING);
	assert_int_equal(finding(r, "interrupts")->change_count, 0);
	assert_int_equal(finding(r, "workqueues")->change_count, 0);
}

static void shared_shards_need_nothing_of_a_core(void **state)
{
	static const char *const names[] = { "isolation",  "tick",       "rcu",
					     "interrupts", "workqueues", "upkeep",
					     "siblings",   "governor",   "jitter" };
	struct rig *r = *state;

	PLAN(r, -1, -1);
	look(r, "cores");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(finding(r, names[i])->verdict, DOCTOR_NOT_NEEDED);
	assert_int_equal(r->d.change_count, 0);
}

static void cores_are_isolated_by_the_boot_or_by_a_partition(void **state)
{
	struct rig *r = *state;

	PLAN(r, 1, 2);
	verdict_is(r, "isolation", DOCTOR_WARNING);
	put(r, CPU "isolated", "1\n");
	verdict_is(r, "isolation", DOCTOR_WARNING);
	put(r, "/sys/fs/cgroup/cpuset.cpus.isolated", "2\n");
	verdict_is(r, "isolation", DOCTOR_FINE);
	put(r, "/sys/fs/cgroup/cpuset.cpus.isolated", "\n");
	r->plan->require_cores = PLAN_REQUIRE_ISOLATED;
	verdict_is(r, "isolation", DOCTOR_REFUSED);
	put(r, CPU "isolated", "1-2\n");
	verdict_is(r, "isolation", DOCTOR_FINE);
}

static void a_partition_is_made_where_cgroup_v2_has_cpuset(void **state)
{
	struct rig *r = *state;

	PLAN(r, 1, 2);
	r->plan->require_cores = PLAN_REQUIRE_ISOLATED;
	put(r, "/proc/self/mountinfo", "31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put(r, "/sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
	verdict_is(r, "isolation", DOCTOR_REFUSED);
	put(r, "/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory\n");
	verdict_is(r, "isolation", DOCTOR_FINE);
	put(r, "/proc/sys/kernel/osrelease", "6.0.19\n");
	verdict_is(r, "isolation", DOCTOR_REFUSED);
}

static void the_tick_stops_on_cores_named_at_boot_only(void **state)
{
	struct rig *r = *state;
	char path[128];

	PLAN(r, 1, 2);
	verdict_is(r, "tick", DOCTOR_WARNING);
	verdict_is(r, "rcu", DOCTOR_WARNING);
	put(r, CPU "nohz_full", "1-2\n");
	verdict_is(r, "tick", DOCTOR_FINE);
	verdict_is(r, "rcu", DOCTOR_FINE);
	snprintf(path, sizeof(path), "%s" CPU "nohz_full", r->root);
	unlink(path);
	verdict_is(r, "tick", DOCTOR_WARNING);
	put(r, "/proc/cmdline", "rcu_nocbs=1 rcu_nocbs=all\n");
	verdict_is(r, "rcu", DOCTOR_FINE);
}

/* --- interrupts and kernel work ------------------------------------------------------------ */

static void interrupts_keep_their_other_cores(void **state)
{
	const struct doctor_finding *f;
	struct rig *r = *state;

	PLAN(r, 1, 2);
	verdict_is(r, "interrupts", DOCTOR_WARNING);
	f = finding(r, "interrupts");
	change_is(r, f, "/proc/irq/7/smp_affinity_list", "0,3");
	change_is(r, f, "/proc/irq/8/smp_affinity_list", NULL);
	change_is(r, f, "/proc/irq/9/smp_affinity_list", "0,3");
	change_is(r, f, "/proc/irq/default_smp_affinity", "9");
	/* 1,000,000 on core 0 are nobody's concern. */
	assert_non_null(strstr(f->evidence, "busiest there: 9 (nvme0q1), 50 "));
}

/* Every second core of the largest machine there is. */
static void no_list_or_mask_is_cut_short(void **state)
{
	static char all[128 * 9], expected[DOCTOR_MASK_BYTES];
	const struct doctor_finding *f;
	struct rig *r = *state;
	int cores[256];

	for (int i = 0; i < 128; i++)
		snprintf(all + 9 * i, 10, "%s%s", "ffffffff", i < 127 ? "," : "");
	put(r, CPU "online", "0-4095\n");
	put(r, "/proc/irq/default_smp_affinity", all);
	put(r, "/proc/irq/7/smp_affinity_list", "0-4095\n");
	for (int i = 0; i < 256; i++)
		cores[i] = 2 * i + 1;
	plan_shards(r, cores, 256);
	f = look(r, "interrupts");
	memcpy(expected, all, sizeof(all));
	for (int i = 112; i < 128; i++)
		memcpy(expected + 9 * i, "55555555", 8);
	change_is(r, f, "/proc/irq/default_smp_affinity", expected);
	for (int i = 0, at = 0; i < 512; i += 2)
		at += snprintf(expected + at, sizeof(expected) - (size_t)at, "%d,", i);
	strcat(expected, "512-4095");
	change_is(r, f, "/proc/irq/7/smp_affinity_list", expected);
}

static void interrupts_elsewhere_are_fine(void **state)
{
	struct rig *r = *state;

	PLAN(r, 3);
	put(r, "/proc/irq/7/smp_affinity_list", "0-2\n");
	put(r, "/proc/irq/default_smp_affinity", "7\n");
	verdict_is(r, "interrupts", DOCTOR_FINE);
}

static void irqbalance_is_named(void **state)
{
	struct rig *r = *state;

	put(r, "/proc/1/comm", "init\n");
	assert_null(strstr(look(r, "interrupts")->fix, "irqbalance"));
	put(r, "/proc/77/comm", "irqbalance\n");
	assert_non_null(strstr(look(r, "interrupts")->fix, "irqbalance"));
}

static void work_of_the_kernel_goes_to_the_other_cores(void **state)
{
	struct rig *r = *state;

	PLAN(r, 2, 3);
	change_is(r, look(r, "workqueues"), "/sys/devices/virtual/workqueue/cpumask", "3");
	put(r, "/sys/devices/virtual/workqueue/cpumask", "3\n");
	verdict_is(r, "workqueues", DOCTOR_FINE);
}

static void upkeep_is_named_value_by_value(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "upkeep", DOCTOR_FINE);
	put(r, "/proc/sys/vm/stat_interval", "1\n");
	put(r, "/proc/sys/kernel/nmi_watchdog", "0\n");
	put(r, "/proc/sys/kernel/numa_balancing", "1\n");
	verdict_is(r, "upkeep", DOCTOR_WARNING);
	assert_int_equal(finding(r, "upkeep")->change_count, 2);
	change_is(r, finding(r, "upkeep"), "/proc/sys/vm/stat_interval", "120");
	change_is(r, finding(r, "upkeep"), "/proc/sys/kernel/numa_balancing", "0");
}

/* --- speed --------------------------------------------------------------------------------- */

static void siblings_of_two_labels_are_named(void **state)
{
	struct rig *r = *state;

	put(r, CPU "cpu1/topology/thread_siblings_list", "1,3\n");
	put(r, CPU "cpu2/topology/thread_siblings_list", "2\n");
	put(r, CPU "cpu3/topology/thread_siblings_list", "1,3\n");
	PLAN(r, 2);
	verdict_is(r, "siblings", DOCTOR_FINE);
	PLAN(r, 1, 3);
	verdict_is(r, "siblings", DOCTOR_WARNING);
	assert_null(strstr(finding(r, "siblings")->evidence, "two trust labels"));
	snprintf(r->plan->shard[1].trust, sizeof(r->plan->shard[1].trust), "other");
	assert_non_null(strstr(look(r, "siblings")->evidence, "two trust labels"));
	/* Switched off, a sibling is no concern. */
	put(r, CPU "online", "0-2\n");
	PLAN(r, 1);
	verdict_is(r, "siblings", DOCTOR_FINE);
}

static void a_governor_is_changed_where_there_is_a_better_one(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "governor", DOCTOR_FINE);
	put(r, CPU "cpu1/cpufreq/scaling_governor", "performance\n");
	put(r, CPU "cpu2/cpufreq/scaling_governor", "powersave\n");
	put(r, CPU "cpu2/cpufreq/scaling_available_governors", "performance powersave \n");
	put(r, CPU "cpu3/cpufreq/scaling_governor", "schedutil\n");
	verdict_is(r, "governor", DOCTOR_WARNING);
	assert_int_equal(finding(r, "governor")->change_count, 1);
	change_is(r, finding(r, "governor"), CPU "cpu2/cpufreq/scaling_governor", "performance");
}

static void a_clock_that_takes_a_call_is_changed_where_tsc_is_to_be_had(void **state)
{
#define CLOCK "/sys/devices/system/clocksource/clocksource0/"
	struct rig *r = *state;

	verdict_is(r, "clock", DOCTOR_UNJUDGED);
	put(r, CLOCK "current_clocksource", "tsc\n");
	verdict_is(r, "clock", DOCTOR_FINE);
	put(r, CLOCK "current_clocksource", "hpet\n");
	put(r, CLOCK "available_clocksource", "hpet acpi_pm\n");
	verdict_is(r, "clock", DOCTOR_WARNING);
	assert_int_equal(finding(r, "clock")->change_count, 0);
	put(r, CLOCK "available_clocksource", "tsc hpet acpi_pm\n");
	change_is(r, look(r, "clock"), CLOCK "current_clocksource", "tsc");
	put(r, CLOCK "current_clocksource", "tsc\n");
	put(r, "/proc/cpuinfo", "flags\t\t: fpu constant_tsc\n");
	verdict_is(r, "clock", DOCTOR_WARNING);
}

/* --- memory -------------------------------------------------------------------------------- */

static void huge_pages_are_counted_on_the_node_that_wants_them(void **state)
{
#define NODE "/sys/devices/system/node/node"
	struct rig *r = *state;

	put(r, NODE "0/cpulist", "0-1\n");
	put(r, NODE "1/cpulist", "2-3\n");
	put(r, NODE "0/hugepages/hugepages-2048kB/nr_hugepages", "8\n");
	put(r, NODE "0/hugepages/hugepages-2048kB/free_hugepages", "8\n");
	put(r, NODE "1/hugepages/hugepages-2048kB/nr_hugepages", "2\n");
	put(r, NODE "1/hugepages/hugepages-2048kB/free_hugepages", "1\n");
	PLAN(r, 1, 2);
	verdict_is(r, "huge pages", DOCTOR_NOT_NEEDED);
	r->plan->region_count = 1;
	r->plan->region[0] =
		(struct plan_region){ .a = 0, .page_bytes = 2u << 20, .bytes = 8u << 20 };
	verdict_is(r, "huge pages", DOCTOR_FINE);
	r->plan->region[0].a = 1; /* four pages, written by the shard on core 2: node 1 */
	verdict_is(r, "huge pages", DOCTOR_WARNING);
	assert_non_null(strstr(finding(r, "huge pages")->evidence, "find 3 more"));
}

static void required_huge_pages_that_no_kernel_has_are_refused(void **state)
{
	struct rig *r = *state;

	PLAN(r, -1);
	verdict_is(r, "huge pages", DOCTOR_WARNING);
	r->plan->require_hugepages = PLAN_REQUIRE_ON;
	verdict_is(r, "huge pages", DOCTOR_REFUSED);
}

/* --- sandbox and devices ------------------------------------------------------------------- */

static void memfds_that_cannot_be_executed_are_refused(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "memfd", DOCTOR_FINE);
	put(r, "/proc/sys/vm/memfd_noexec", "1\n");
	verdict_is(r, "memfd", DOCTOR_FINE);
	put(r, "/proc/sys/vm/memfd_noexec", "2\n");
	verdict_is(r, "memfd", DOCTOR_REFUSED);
	assert_int_equal(doctor_exit(&r->d), EXIT_MACHINE);
}

static void a_kernel_too_old_is_refused(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "kernel", DOCTOR_FINE);
	put(r, "/proc/sys/kernel/osrelease", "5.14.0\n");
	verdict_is(r, "kernel", DOCTOR_FINE);
	put(r, "/proc/sys/kernel/osrelease", "5.13.19\n");
	verdict_is(r, "kernel", DOCTOR_REFUSED);
	put(r, "/proc/sys/kernel/osrelease", "\n");
	verdict_is(r, "kernel", DOCTOR_UNJUDGED);
}

static void filters_are_known_by_the_list_of_their_actions(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "seccomp", DOCTOR_UNJUDGED);
	put(r, "/proc/sys/kernel/seccomp/actions_avail", "kill_thread errno allow\n");
	verdict_is(r, "seccomp", DOCTOR_REFUSED);
	put(r, "/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread errno allow\n");
	verdict_is(r, "seccomp", DOCTOR_FINE);
}

static void user_namespaces_can_be_closed_in_three_ways(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "user namespaces", DOCTOR_WARNING);
	put(r, "/proc/sys/user/max_user_namespaces", "1000\n");
	verdict_is(r, "user namespaces", DOCTOR_FINE);
	put(r, "/proc/sys/kernel/unprivileged_userns_clone", "0\n");
	verdict_is(r, "user namespaces", DOCTOR_WARNING);
	put(r, "/proc/sys/kernel/unprivileged_userns_clone", "1\n");
	put(r, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
	verdict_is(r, "user namespaces", DOCTOR_WARNING);
	put(r, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n");
	put(r, "/proc/sys/user/max_user_namespaces", "0\n");
	verdict_is(r, "user namespaces", DOCTOR_WARNING);
}

static void open_side_channels_are_named(void **state)
{
	struct rig *r = *state;

	verdict_is(r, "side channels", DOCTOR_UNJUDGED);
	put(r, CPU "vulnerabilities/meltdown", "Mitigation: PTI\n");
	put(r, CPU "vulnerabilities/l1tf", "Not affected\n");
	verdict_is(r, "side channels", DOCTOR_FINE);
	put(r, CPU "vulnerabilities/mds", "Vulnerable: no microcode\n");
	verdict_is(r, "side channels", DOCTOR_WARNING);
	assert_non_null(
		strstr(finding(r, "side channels")->evidence, "mds (Vulnerable: no microcode)"));
}

static void an_interface_must_be_there_and_fit_its_frames(void **state)
{
	struct plan_device *device;
	struct rig *r = *state;

	PLAN(r, -1);
	verdict_is(r, "xdp", DOCTOR_NOT_NEEDED);
	r->plan->device_count = 1;
	device = &r->plan->device[0];
	*device = (struct plan_device){ .backend = PLAN_BACKEND_XDP,
					.shard = PLAN_NONE,
					.interface = "wan0" };
	verdict_is(r, "xdp", DOCTOR_NOT_NEEDED);
	device->shard = 0;
	r->plan->pool[0].frame_bytes = 2048;
	verdict_is(r, "xdp", DOCTOR_REFUSED);
	put(r, "/sys/class/net/wan0/mtu", "1500\n");
	put(r, "/sys/class/net/wan0/queues/rx-0/rps_cpus", "0\n");
	verdict_is(r, "xdp", DOCTOR_UNJUDGED);
	device->queue = 1;
	verdict_is(r, "xdp", DOCTOR_REFUSED);
	device->queue = 0;
	put(r, "/sys/class/net/wan0/mtu", "9000\n");
	verdict_is(r, "xdp", DOCTOR_REFUSED);
	assert_string_equal(finding(r, "xdp")->fix, "ip link set dev wan0 mtu 1774");
	assert_string_equal(finding(r, "xdp")->undo, "ip link set dev wan0 mtu 9000");
}

static void an_iommu_is_refused_only_when_it_is_required(void **state)
{
	struct rig *r = *state;

	PLAN(r, -1);
	verdict_is(r, "iommu", DOCTOR_NOT_NEEDED);
	r->plan->require_iommu = PLAN_REQUIRE_ON;
	verdict_is(r, "iommu", DOCTOR_REFUSED);
	put(r, "/sys/class/iommu/dmar0/x", "\n");
	verdict_is(r, "iommu", DOCTOR_FINE);
}

/* --- the whole ----------------------------------------------------------------------------- */

static void the_next_boot_is_one_line(void **state)
{
	struct rig *r = *state;
	char line[512];

	PLAN(r, 1, 2, -1);
	r->plan->region_count = 1;
	r->plan->region[0] = (struct plan_region){ .page_bytes = 2u << 20, .bytes = 8u << 20 };
	look(r, "cores");
	doctor_boot(&r->d, line, sizeof(line));
	assert_string_equal(
		line, "isolcpus=managed_irq,domain,1-2 nohz_full=1-2 rcu_nocbs=1-2 irqaffinity=0,3 "
		      "nmi_watchdog=0 hugepagesz=2M hugepages=4");
	PLAN(r, -1);
	r->plan->region_count = 0;
	look(r, "cores");
	doctor_boot(&r->d, line, sizeof(line));
	assert_string_equal(line, "");
}

static void what_is_fixed_is_fine_and_what_is_undone_is_as_it_was(void **state)
{
	struct rig *r = *state;
	uint32_t changed;

	put(r, CPU "cpu1/cpufreq/scaling_governor", "powersave\n");
	put(r, CPU "cpu1/cpufreq/scaling_available_governors", "performance powersave\n");
	PLAN(r, 1, 2);
	look(r, "cores");
	assert_int_equal(doctor_fix(&r->d, &changed), EXIT_OK);
	assert_int_equal(changed, 5);
	says(r, "/proc/irq/7/smp_affinity_list", "0,3");
	says(r, "/proc/irq/default_smp_affinity", "9");
	verdict_is(r, "interrupts", DOCTOR_FINE);
	verdict_is(r, "workqueues", DOCTOR_FINE);
	verdict_is(r, "governor", DOCTOR_FINE);
	/* A second time there is nothing to do, and the first journal stays. */
	assert_int_equal(doctor_fix(&r->d, &changed), EXIT_OK);
	assert_int_equal(changed, 0);
	assert_int_equal(doctor_undo(&r->d), EXIT_OK);
	says(r, "/proc/irq/7/smp_affinity_list", "0-3\n");
	says(r, "/proc/irq/8/smp_affinity_list", "0\n");
	says(r, "/proc/irq/9/smp_affinity_list", "2\n");
	says(r, "/proc/irq/default_smp_affinity", "f\n");
	says(r, "/sys/devices/virtual/workqueue/cpumask", "f\n");
	says(r, CPU "cpu1/cpufreq/scaling_governor", "powersave\n");
	assert_int_equal(doctor_undo(&r->d), EXIT_OK);
}

/* As interrupts of one core are. */
static void what_cannot_be_changed_undoes_nothing_else(void **state)
{
	struct rig *r = *state;
	char path[128];
	uint32_t changed;

	put(r, "/proc/irq/10/real", "1\n");
	snprintf(path, sizeof(path), "%s/proc/irq/10/smp_affinity_list", r->root);
	assert_int_equal(symlink("real", path), 0);
	PLAN(r, 1);
	look(r, "cores");
	assert_int_equal(doctor_fix(&r->d, &changed), EXIT_OK);
	assert_true(changed > 0);
	verdict_is(r, "interrupts", DOCTOR_WARNING);
	assert_int_equal(doctor_fix(&r->d, &changed), EXIT_FAILED);
	assert_int_equal(changed, 0);
	says(r, "/proc/irq/7/smp_affinity_list", "0,2-3");
	assert_int_equal(doctor_undo(&r->d), EXIT_OK);
	says(r, "/proc/irq/7/smp_affinity_list", "0-3\n");
	says(r, "/proc/irq/10/real", "1\n");
}

/* Someone else's journal, or an edited one, is nobody's to replay or append to. */
static void a_foreign_journal_is_left_alone(void **state)
{
	struct rig *r = *state;
	uint32_t changed;

	put(r, "/run/vanity/.doctor/journal", "something else entirely, of somebody\n");
	look(r, "cores");
	assert_int_equal(doctor_fix(&r->d, &changed), EXIT_FAILED);
	says(r, "/proc/irq/7/smp_affinity_list", "0-3\n");
	says(r, "/run/vanity/.doctor/journal", "something else entirely, of somebody\n");
	assert_int_equal(doctor_undo(&r->d), EXIT_FAILED);
}

static void nonsense_in_the_files_is_survived(void **state)
{
	static const char *const paths[] = {
		CPU "online",
		CPU "isolated",
		CPU "nohz_full",
		"/proc/cmdline",
		"/proc/irq/default_smp_affinity",
		"/proc/irq/7/smp_affinity_list",
		"/proc/interrupts",
		"/sys/devices/virtual/workqueue/cpumask",
		"/proc/sys/kernel/osrelease",
		"/proc/cpuinfo",
		CPU "cpu1/topology/thread_siblings_list",
		CPU "vulnerabilities/x",
		"/proc/sys/vm/stat_interval",
	};
	static const char *const texts[] = { "",
					     "\n",
					     "-",
					     "CPU",
					     "  7:",
					     "0-",
					     "flags",
					     ",,,,",
					     "99999999999999999999",
					     "CPU0 CPU99999\n 1: 1 1 1 1 1\n",
					     "\xff\xfe%n%s\x1b[31m" };
	struct rig *r = *state;
	char *large = malloc(100000);

	memset(large, 'f', 99999);
	large[99999] = '\0';
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			put(r, paths[i], texts[k]);
			look(r, "cores");
		}
		put(r, paths[i], large);
		look(r, "cores");
	}
	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		assert_null(strchr(r->d.finding[i].evidence, '\x1b'));
	free(large);
}

static void an_empty_folder_is_a_machine_that_says_nothing(void **state)
{
	struct rig *r = *state;
	char empty[96];

	snprintf(empty, sizeof(empty), "%s/proc/irq/7/empty", r->root);
	r->d = (struct doctor){ .root = empty };
	assert_int_equal(doctor_examine(&r->d), 0);
	assert_int_equal(r->d.change_count, 0);
}

static void the_document_has_every_finding(void **state)
{
	struct rig *r = *state;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_t *doc, *f;

	look(r, "cores");
	assert_int_equal(doctor_print_json(out, &r->d, NULL), EXIT_OK);
	fclose(out);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "schema")), "vanity.doctor/1");
	assert_string_equal(json_string_value(json_object_get(doc, "shard_cores")), "1-3");
	assert_true(json_is_true(json_object_get(doc, "ready")));
	f = json_array_get(json_object_get(doc, "findings"), 1);
	assert_string_equal(json_string_value(json_object_get(f, "name")), "isolation");
	assert_string_equal(json_string_value(json_object_get(f, "verdict")), "warning");
	assert_true(json_string_length(json_object_get(f, "why")) > 0);
	assert_true(json_string_length(json_object_get(f, "undo")) > 0);
	json_decref(doc);
	free(text);
}

/* A copy of a machine is looked at with openat2 alone, which emulators of user space (QEMU 7.2 runs
 * the aarch64 build's tests) do not know. */
static bool has_openat2(void)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd < 0)
		return errno != ENOSYS;
	close(fd);
	return true;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rig_make, rig_drop)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_cores_is_read_and_written),
		cmocka_unit_test(a_mask_of_cores_is_read_and_written),
		T(without_a_topology_all_but_the_first_core_are_for_shards),
		T(a_core_that_is_not_there_is_refused),
		T(shards_on_every_core_leave_none_to_the_rest),
		T(shared_shards_need_nothing_of_a_core),
		T(cores_are_isolated_by_the_boot_or_by_a_partition),
		T(a_partition_is_made_where_cgroup_v2_has_cpuset),
		T(the_tick_stops_on_cores_named_at_boot_only),
		T(interrupts_keep_their_other_cores),
		T(no_list_or_mask_is_cut_short),
		T(interrupts_elsewhere_are_fine),
		T(irqbalance_is_named),
		T(work_of_the_kernel_goes_to_the_other_cores),
		T(upkeep_is_named_value_by_value),
		T(siblings_of_two_labels_are_named),
		T(a_governor_is_changed_where_there_is_a_better_one),
		T(a_clock_that_takes_a_call_is_changed_where_tsc_is_to_be_had),
		T(huge_pages_are_counted_on_the_node_that_wants_them),
		T(required_huge_pages_that_no_kernel_has_are_refused),
		T(memfds_that_cannot_be_executed_are_refused),
		T(a_kernel_too_old_is_refused),
		T(filters_are_known_by_the_list_of_their_actions),
		T(user_namespaces_can_be_closed_in_three_ways),
		T(open_side_channels_are_named),
		T(an_interface_must_be_there_and_fit_its_frames),
		T(an_iommu_is_refused_only_when_it_is_required),
		T(the_next_boot_is_one_line),
		T(what_is_fixed_is_fine_and_what_is_undone_is_as_it_was),
		T(what_cannot_be_changed_undoes_nothing_else),
		T(a_foreign_journal_is_left_alone),
		T(nonsense_in_the_files_is_survived),
		T(an_empty_folder_is_a_machine_that_says_nothing),
		T(the_document_has_every_finding),
	};

	if (!has_openat2()) {
		printf("SKIP: this kernel, or its emulator, has no openat2\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
