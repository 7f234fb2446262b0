/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_cores.c: who else may run on the cores of shards, and how fast they are. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "setup_cores.h"

#define CPU "/sys/devices/system/cpu/"

/* Nothing to judge when no shard wants a core of its own. */
static int none_wanted(const struct doctor *d, struct doctor_finding *f)
{
	if (cores_count(&d->wanted) != 0)
		return 0;
	f->verdict = DOCTOR_NOT_NEEDED;
	return 1;
}

/* What is left to everybody else; all, when shards have every core. */
static struct doctor_cores housekeeping(const struct doctor *d)
{
	struct doctor_cores rest = cores_without(&d->online, &d->wanted);

	return cores_count(&rest) != 0 ? rest : d->online;
}

static int nowhere_else(const struct doctor *d)
{
	struct doctor_cores rest = cores_without(&d->online, &d->wanted);

	return cores_count(&rest) == 0;
}

/* Cores of this plan that another running system has. */
static void cores_taken(const struct doctor *d, struct doctor_finding *f)
{
	struct doctor_cores taken = { { 0 } };
	char text[DOCTOR_LIST_BYTES];

	if (look_lock_held("system", d->plan->system)) {
		EVIDENCE(f, "; system %s runs now, on its own", d->plan->system);
		return;
	}
	for (uint32_t i = 0; i < DOCTOR_CORES_MAX; i++) {
		if (!cores_has(&d->wanted, i))
			continue;
		snprintf(text, sizeof(text), "%u", i);
		if (look_lock_held("core", text))
			cores_add(&taken, i);
	}
	if (cores_count(&taken) == 0)
		return;
	EVIDENCE(f, "; a running system has %s", cores_list(&taken, text, sizeof(text)));
	FIX(f, "%sstop that system, or give the shards other cores", f->fix[0] != '\0' ? "; " : "");
	look_judge(f, DOCTOR_REFUSED);
}

void check_cores(struct doctor *d, struct doctor_finding *f)
{
	struct doctor_cores missing = cores_without(&d->wanted, &d->online);
	char online[DOCTOR_LIST_BYTES], wanted[DOCTOR_LIST_BYTES], text[DOCTOR_LIST_BYTES];

	cores_list(&d->online, online, sizeof(online));
	cores_list(&d->wanted, wanted, sizeof(wanted));
	EVIDENCE(f, "online: %s; for shards: %s", online, wanted[0] != '\0' ? wanted : "none");
	if (cores_count(&missing) != 0) {
		EVIDENCE(f, "; not there: %s", cores_list(&missing, text, sizeof(text)));
		FIX(f, "give those shards other cores, or cores = shared");
		look_judge(f, DOCTOR_REFUSED);
	} else if (cores_count(&d->wanted) != 0 && nowhere_else(d)) {
		FIX(f,
		    "leave one core to keeper, vanityd and the rest: cores = shared for a shard");
		look_judge(f, DOCTOR_WARNING);
	}
	if (d->plan == NULL && cores_count(&d->wanted) == 0) {
		FIX(f, "one core: every shard is shared");
		look_judge(f, DOCTOR_WARNING);
	}
	if (d->live && d->plan != NULL)
		cores_taken(d, f);
	if (d->plan == NULL || wanted[0] != '\0')
		look_can(d, CAN_CORES, cores_count(&missing) == 0 && wanted[0] != '\0', "%s",
			 wanted[0] != '\0' ? wanted : "none to spare");
}

/* --- isolation ----------------------------------------------------------------------------- */

/* Can `start` take cores out of everybody else's scheduling without a new boot? As it asks itself.
 */
static int partitions(const struct doctor *d, char *ret_why, size_t room)
{
	struct machine m = { .root = d->root };
	char text[DOCTOR_FILE_BYTES];
	unsigned major = 0, minor = 0;

	if (cgroup_find(&m, ret_why, room) != 0)
		return 0;
	look_text(d, "/proc/sys/kernel/osrelease", text);
	if (sscanf(text, "%u.%u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 1)))
		return 1;
	snprintf(ret_why, room, "isolated partitions came with Linux 6.1");
	return 0;
}

void check_isolation(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES], a[DOCTOR_LIST_BYTES], b[DOCTOR_LIST_BYTES], why[128] = "";
	struct doctor_cores boot, part, open;

	if (none_wanted(d, f))
		return;
	look_text(d, CPU "isolated", text);
	cores_parse_list(text, &boot);
	look_text(d, "/sys/fs/cgroup/cpuset.cpus.isolated", text);
	cores_parse_list(text, &part);
	open = cores_without(&d->wanted, &boot);
	open = cores_without(&open, &part);
	cores_list(&boot, a, sizeof(a));
	cores_list(&part, b, sizeof(b));
	EVIDENCE(f, "isolated at boot: %s; by a partition now: %s", a[0] != '\0' ? a : "none",
		 b[0] != '\0' ? b : "none");
	if (cores_count(&open) == 0)
		return;
	cores_list(&open, a, sizeof(a));
	if (partitions(d, why, sizeof(why))) {
		EVIDENCE(f, "; start makes one of %s, for as long as it runs", a);
		return;
	}
	EVIDENCE(f, "; start cannot make one (%s): the scheduler may put anything on %s", why, a);
	FIX(f, "boot with the line of --print-boot, or with cpuset in cgroup v2");
	UNDO(f, "boot without it");
	look_judge(f, d->plan != NULL && d->plan->require_cores == PLAN_REQUIRE_ISOLATED
			      ? DOCTOR_REFUSED
			      : DOCTOR_WARNING);
}

/* --- tick and RCU -------------------------------------------------------------------------- */

void check_tick(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES], a[DOCTOR_LIST_BYTES];
	struct doctor_cores quiet, open;

	if (none_wanted(d, f))
		return;
	if (look_text(d, CPU "nohz_full", text) != 0) {
		EVIDENCE(f, "this kernel is built without nohz_full: a tick on every core");
		FIX(f, "a kernel with CONFIG_NO_HZ_FULL, booted with the line of --print-boot");
		look_judge(f, DOCTOR_WARNING);
	} else {
		cores_parse_list(text, &quiet);
		open = cores_without(&d->wanted, &quiet);
		EVIDENCE(f, "nohz_full: %s",
			 cores_count(&quiet) != 0 ? cores_list(&quiet, a, sizeof(a)) : "none");
		if (cores_count(&open) != 0) {
			EVIDENCE(f, "; a tick on %s", cores_list(&open, a, sizeof(a)));
			FIX(f, "boot with the line of --print-boot");
			look_judge(f, DOCTOR_WARNING);
		}
	}
	if (f->verdict == DOCTOR_WARNING)
		UNDO(f, "boot without it");
}

void check_rcu(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES], boot[DOCTOR_MASK_BYTES], a[DOCTOR_LIST_BYTES];
	struct doctor_cores quiet = { { 0 } }, full, open;
	const char *word;

	if (none_wanted(d, f))
		return;
	word = look_boot(d, "rcu_nocbs", boot);
	if (word != NULL && strcmp(word, "all") == 0)
		quiet = d->online;
	else if (word != NULL)
		cores_parse_list(word, &quiet);
	/* A core without tick has no callbacks either. */
	look_text(d, CPU "nohz_full", text);
	cores_parse_list(text, &full);
	EVIDENCE(f, "rcu_nocbs: %s",
		 cores_count(&quiet) != 0 ? cores_list(&quiet, a, sizeof(a)) : "none");
	open = cores_without(&d->wanted, &quiet);
	open = cores_without(&open, &full);
	if (cores_count(&open) == 0)
		return;
	EVIDENCE(f, "; the kernel frees its memory on %s too", cores_list(&open, a, sizeof(a)));
	FIX(f, "boot with the line of --print-boot");
	UNDO(f, "boot without it");
	look_judge(f, DOCTOR_WARNING);
}

/* --- interrupts ---------------------------------------------------------------------------- */

struct interrupts {
	struct doctor_finding *f;
	struct doctor_cores open; /* cores of shards that some interrupt may use */
	uint32_t all, allowed;
	int irqbalance;
};

static int is_number(const char *name)
{
	return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static void interrupt_look(struct doctor *d, const char *name, void *context)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES], list[DOCTOR_MASK_BYTES];
	struct doctor_cores may, ours, rest;
	struct interrupts *i = context;

	if (!is_number(name))
		return;
	snprintf(path, sizeof(path), "/proc/irq/%.16s/smp_affinity_list", name);
	if (look_text(d, path, text) != 0)
		return;
	i->all++;
	cores_parse_list(text, &may);
	ours = cores_and(&may, &d->wanted);
	if (cores_count(&ours) == 0)
		return;
	i->allowed++;
	for (uint32_t w = 0; w < DOCTOR_CORES_MAX / 64; w++)
		i->open.bit[w] |= ours.bit[w];
	if (nowhere_else(d))
		return;
	rest = cores_without(&may, &d->wanted);
	rest = cores_and(&rest, &d->online);
	if (cores_count(&rest) == 0)
		rest = housekeeping(d);
	look_change(d, i->f, path, cores_list(&rest, list, sizeof(list)));
}

static void irqbalance_look(struct doctor *d, const char *name, void *context)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES];
	struct interrupts *i = context;

	if (!is_number(name))
		return;
	snprintf(path, sizeof(path), "/proc/%.16s/comm", name);
	if (look_text(d, path, text) == 0 && strcmp(text, "irqbalance") == 0)
		i->irqbalance = 1;
}

/* The one of all interrupts that hit the cores of shards most often, as evidence. */
static void busiest(const struct doctor *d, struct doctor_finding *f)
{
	char *line = NULL, *at, name[32] = "", best_name[32] = "", best[48] = "";
	unsigned long long hits, most = 0;
	uint32_t column[DOCTOR_CORES_MAX], columns = 0;
	size_t room = 0;
	FILE *file;

	file = look_stream(d, "/proc/interrupts");
	if (file == NULL)
		return;
	if (getline(&line, &room, file) > 0)
		for (at = line; (at = strstr(at, "CPU")) != NULL && columns < DOCTOR_CORES_MAX;
		     at += 3)
			column[columns++] = (uint32_t)strtoul(at + 3, NULL, 10);
	while (columns > 0 && getline(&line, &room, file) > 0) {
		char *end;

		if (sscanf(line, " %31[0-9]:", name) != 1 || (at = strchr(line, ':')) == NULL)
			continue;
		hits = 0;
		at++;
		for (uint32_t i = 0; i < columns; i++) {
			unsigned long long n = strtoull(at, &end, 10);

			if (end == at)
				break;
			at = end;
			hits += cores_has(&d->wanted, column[i]) ? n : 0;
		}
		if (hits <= most)
			continue;
		most = hits;
		at[strcspn(at, "\n")] = '\0';
		end = strrchr(at, ' ');
		snprintf(best_name, sizeof(best_name), "%s", name);
		snprintf(best, sizeof(best), "%.40s", end != NULL ? end + 1 : "");
	}
	free(line);
	fclose(file);
	if (most > 0)
		EVIDENCE(f, "; busiest there: %s (%s), %llu since boot", best_name, best, most);
}

void check_interrupts(struct doctor *d, struct doctor_finding *f)
{
	struct interrupts i = { .f = f };
	char text[DOCTOR_FILE_BYTES], list[DOCTOR_MASK_BYTES];
	struct doctor_cores mask, rest;

	if (none_wanted(d, f))
		return;
	if (look_folder(d, "/proc/irq", interrupt_look, &i) < 0) {
		EVIDENCE(f, "no /proc/irq");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, "%u of %u may interrupt cores of shards", i.allowed, i.all);
	/* Those that come later go where this says. */
	if (look_text(d, "/proc/irq/default_smp_affinity", text) == 0) {
		cores_parse_mask(text, &mask);
		rest = cores_without(&mask, &d->wanted);
		mask = cores_and(&mask, &d->wanted);
		if (cores_count(&mask) != 0 && cores_count(&rest) != 0) {
			EVIDENCE(f, ", and new ones");
			look_judge(f, DOCTOR_WARNING);
			look_change(d, f, "/proc/irq/default_smp_affinity",
				    cores_mask(&rest, list, sizeof(list)));
		}
	}
	if (i.allowed != 0)
		look_judge(f, DOCTOR_WARNING);
	if (f->verdict != DOCTOR_WARNING)
		return;
	if (i.allowed != 0)
		EVIDENCE(f, " (%s)", cores_list(&i.open, list, sizeof(list)));
	busiest(d, f);
	look_folder(d, "/proc", irqbalance_look, &i);
	if (i.irqbalance)
		FIX(f, "stop irqbalance, which would move them again; ");
	rest = housekeeping(d);
	if (nowhere_else(d)) {
		FIX(f, "there is no other core to move them to");
		return;
	}
	/* By hand it would be a loop, and the originals lost. */
	FIX(f,
	    "start moves what can be moved to %s while it runs; now: --fix; those of a device's queues "
	    "refuse it: boot with the line of --print-boot",
	    cores_list(&rest, list, sizeof(list)));
	UNDO(f, "--undo");
}

void check_workqueues(struct doctor *d, struct doctor_finding *f)
{
	static const char path[] = "/sys/devices/virtual/workqueue/cpumask";
	char text[DOCTOR_FILE_BYTES], list[DOCTOR_MASK_BYTES];
	struct doctor_cores may, ours, rest;

	if (none_wanted(d, f))
		return;
	if (look_text(d, path, text) != 0) {
		EVIDENCE(f, "no cpumask of the work queues");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	cores_parse_mask(text, &may);
	EVIDENCE(f, "unbound kernel work runs on %s", cores_list(&may, list, sizeof(list)));
	ours = cores_and(&may, &d->wanted);
	if (cores_count(&ours) == 0)
		return;
	look_judge(f, DOCTOR_WARNING);
	rest = cores_without(&may, &d->wanted);
	if (cores_count(&rest) == 0) {
		FIX(f, "there is no other core to move it to");
		return;
	}
	look_change(d, f, path, cores_mask(&rest, list, sizeof(list)));
	FIX(f, "start does it while it runs; now: --fix, or echo %s > %s", list, path);
	UNDO(f, UNDO_FIX);
}

void check_upkeep(struct doctor *d, struct doctor_finding *f)
{
	static const struct {
		const char *path, *name;
		long at_least, at_most;
		const char *wanted, *what;
	} rows[] = {
		{ "/proc/sys/vm/stat_interval", "vm.stat_interval", 10, 1 << 30, "120",
		  "seconds between two counts of memory, on each core" },
		{ "/proc/sys/kernel/nmi_watchdog", "kernel.nmi_watchdog", 0, 0, "0",
		  "an interrupt that cannot be masked, on each core" },
		{ "/proc/sys/kernel/numa_balancing", "kernel.numa_balancing", 0, 0, "0",
		  "unmaps pages to see who uses them" },
	};
	const char *gap = "";

	if (none_wanted(d, f))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long value = look_number(d, rows[i].path, rows[i].at_least);

		if (value >= rows[i].at_least && value <= rows[i].at_most)
			continue;
		EVIDENCE(f, "%s%s = %ld (%s)", gap, rows[i].name, value, rows[i].what);
		FIX(f, "%s%s=%s", gap[0] != '\0' ? " " : "--fix, or: sysctl -w ", rows[i].name,
		    rows[i].wanted);
		look_change(d, f, rows[i].path, rows[i].wanted);
		look_judge(f, DOCTOR_WARNING);
		gap = "; ";
	}
	if (f->verdict == DOCTOR_FINE)
		EVIDENCE(f, "no periodic upkeep of the kernel on cores of shards");
	else
		UNDO(f, UNDO_FIX);
}
