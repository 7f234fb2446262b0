/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_speed.c: how fast and how even a core is: siblings, governor, clock, jitter. */
#include "doctor.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arch.h>

#include "waits.h"

#define CPU "/sys/devices/system/cpu/"
#define CLOCK "/sys/devices/system/clocksource/clocksource0/"
#define JITTER_CORES_MAX 64u /* so that the whole spin stays within a few seconds */
#define GAP_LONG_NS 100000u /* 1,024 slots hold 69 us of 64-byte packets at 10 Gbit/s */
#define GAP_SEEN_NS 5000u

static int none_wanted(const struct doctor *d, struct doctor_finding *f)
{
	if (cores_count(&d->wanted) != 0)
		return 0;
	f->verdict = DOCTOR_NOT_NEEDED;
	return 1;
}

/* --- siblings ------------------------------------------------------------------------------ */

/* Trust labels of the shards on these cores; 0 without a plan. */
static uint32_t labels_on(const struct doctor *d, const struct doctor_cores *cores)
{
	const char *first = NULL;

	for (uint32_t i = 0; d->plan != NULL && i < d->plan->shard_count; i++) {
		const struct plan_shard *s = &d->plan->shard[i];

		if (s->shared || !cores_has(cores, s->core))
			continue;
		if (first == NULL)
			first = s->trust;
		else if (strcmp(first, s->trust) != 0)
			return 2;
	}
	return first != NULL;
}

void check_siblings(struct doctor *d, struct doctor_finding *f)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES], list[DOCTOR_LIST_BYTES];
	struct doctor_cores pair, shared = { { 0 } };
	uint32_t judged = 0;
	int mixed = 0;

	if (none_wanted(d, f))
		return;
	for (uint32_t i = 0; i < DOCTOR_CORES_MAX; i++) {
		if (!cores_has(&d->wanted, i))
			continue;
		snprintf(path, sizeof(path), CPU "cpu%u/topology/thread_siblings_list", i);
		if (look_text(d, path, text) != 0)
			continue;
		judged++;
		cores_parse_list(text, &pair);
		pair = cores_and(&pair, &d->online);
		if (cores_count(&pair) < 2)
			continue;
		cores_add(&shared, i);
		mixed |= labels_on(d, &pair) > 1;
	}
	if (judged == 0) {
		EVIDENCE(f, "the machine does not say which cores are siblings");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	if (cores_count(&shared) == 0) {
		EVIDENCE(f, "no core of a shard has an online sibling thread");
		return;
	}
	EVIDENCE(f, "%s: each shares its caches and pipelines with a sibling thread",
		 cores_list(&shared, list, sizeof(list)));
	if (mixed)
		EVIDENCE(f, "; shards of two trust labels share one");
	FIX(f, "plan one shard a physical core, or: echo off > " CPU "smt/control");
	UNDO(f, "echo on > " CPU "smt/control");
	look_judge(f, DOCTOR_WARNING);
}

/* --- governor ------------------------------------------------------------------------------ */

void check_governor(struct doctor *d, struct doctor_finding *f)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES], have[DOCTOR_FILE_BYTES];
	char list[DOCTOR_LIST_BYTES], last[64] = "";
	struct doctor_cores slow = { { 0 } };
	uint32_t judged = 0;

	if (none_wanted(d, f))
		return;
	for (uint32_t i = 0; i < DOCTOR_CORES_MAX; i++) {
		if (!cores_has(&d->wanted, i))
			continue;
		snprintf(path, sizeof(path), CPU "cpu%u/cpufreq/scaling_governor", i);
		if (look_text(d, path, text) != 0)
			continue;
		judged++;
		if (strcmp(text, "performance") == 0)
			continue;
		snprintf(last, sizeof(last), "%.63s", text);
		cores_add(&slow, i);
		look_judge(f, DOCTOR_WARNING);
		snprintf(have, sizeof(have), CPU "cpu%u/cpufreq/scaling_available_governors", i);
		if (look_text(d, have, text) == 0 && strstr(text, "performance") != NULL)
			look_change(d, f, path, "performance");
	}
	if (judged == 0) {
		EVIDENCE(f, "no frequency control here: firmware or hypervisor decides");
	} else if (cores_count(&slow) == 0) {
		EVIDENCE(f, "performance on every core of a shard");
	} else {
		EVIDENCE(f, "%s on %s", last, cores_list(&slow, list, sizeof(list)));
		FIX(f, "--fix, or: cpupower -c %s frequency-set -g performance", list);
		UNDO(f, UNDO_FIX);
	}
}

/* --- clock --------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Does the processor say this word of itself? Only the first core is asked. */
static int has_flag(const struct doctor *d, const char *flag)
{
	char *line = NULL, *save = NULL;
	size_t room = 0;
	FILE *file;
	int found = 0;

	file = look_stream(d, "/proc/cpuinfo");
	while (file != NULL && !found && getline(&line, &room, file) > 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (char *at = strtok_r(line, " \t\n", &save); at != NULL && !found;
		     at = strtok_r(NULL, " \t\n", &save))
			found = strcmp(at, flag) == 0;
		break;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return found;
}

void check_clock(struct doctor *d, struct doctor_finding *f)
{
	char now[DOCTOR_FILE_BYTES], have[DOCTOR_FILE_BYTES];
	int constant = has_flag(d, "constant_tsc"), nonstop = has_flag(d, "nonstop_tsc");

	if (look_text(d, CLOCK "current_clocksource", now) != 0) {
		EVIDENCE(f, "the machine does not say its clock source");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, "clock source %.40s", now);
	if (d->live) {
		uint64_t begun = now_ns();

		for (int i = 0; i < 1000; i++)
			now_ns();
		EVIDENCE(f, ", %.0f ns a look", (double)(now_ns() - begun) / 1000);
	}
	if (strcmp(now, "arch_sys_counter") == 0 || strcmp(now, "riscv_clocksource") == 0)
		return;
	EVIDENCE(f, "; cycle counter: %s, %s", constant ? "constant" : "rate may change",
		 nonstop ? "never stops" : "may stop when idle");
	if (!constant || !nonstop) {
		FIX(f, "none: latencies and rates shown here are not to be trusted");
		look_judge(f, DOCTOR_WARNING);
	}
	if (strcmp(now, "tsc") == 0)
		return;
	look_judge(f, DOCTOR_WARNING);
	if (look_text(d, CLOCK "available_clocksource", have) == 0 && strstr(have, "tsc") != NULL) {
		look_change(d, f, CLOCK "current_clocksource", "tsc");
		FIX(f, "--fix, or: echo tsc > " CLOCK "current_clocksource");
		UNDO(f, UNDO_FIX);
	} else if (f->fix[0] == '\0') {
		FIX(f, "none at run time: the kernel does not trust this machine's tsc");
	}
}

/* --- waits --------------------------------------------------------------------------------- */

/* Those every processor has say nothing about this one. */
static int wait_is_special(uint32_t kind)
{
	return kind != WAIT_PAUSE && kind != WAIT_PPOLL && kind != WAIT_BELL;
}

static void waits_judge(struct doctor *d, struct doctor_finding *f, struct waits *w)
{
	uint32_t core[2] = { WAITS_CORES_MAX, WAITS_CORES_MAX }, n = 0;
	const char *gap = "";

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX && n < 2; i++)
		if (cores_has(&d->wanted, i))
			core[n++] = i;
	if (waits_measure(w, core[0], core[1]) != 0) {
		EVIDENCE(f, "; not measured: no two cores to be had; chosen: %s",
			 wait_name(w->best));
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, "; a wake by the kernel takes %.1f us, which is the default spin; dozes end in",
		 (double)w->wake_ns / 1e3);
	for (uint32_t k = 0; k < WAIT_KINDS; k++) {
		if (!wait_dozes(k) || (w->features >> k & 1) == 0)
			continue;
		if (w->doze_ns[k] == 0)
			EVIDENCE(f, "%s %s: not in time", gap, wait_name(k));
		else
			EVIDENCE(f, "%s %s: %.2f us", gap, wait_name(k),
				 (double)w->doze_ns[k] / 1e3);
		gap = ",";
	}
	EVIDENCE(f, "; chosen: %s", wait_name(w->best));
	if (w->best == wait_best(w->features))
		return;
	look_judge(f, DOCTOR_WARNING);
	FIX(f, "%s is passed over here: the host of this guest traps it, or this machine is busy",
	    wait_name(wait_best(w->features)));
}

void check_waits(struct doctor *d, struct doctor_finding *f)
{
	char why[DOCTOR_LIST_BYTES];
	struct waits w;
	int any = 0;

	if (none_wanted(d, f))
		return;
	if (!d->live) {
		EVIDENCE(f, "only the processor itself tells");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	waits_look(&w);
	EVIDENCE(f, "this processor reports");
	for (uint32_t k = 0; k < WAIT_KINDS; k++)
		if (wait_is_special(k) && (w.features >> k & 1) != 0)
			EVIDENCE(f, "%s %s", any++ ? "," : "", wait_name(k));
	if (!any)
		EVIDENCE(f, " no wait beside pause");
	waits_judge(d, f, &w);
	if (d->plan != NULL && waits_refuse(&w, d->plan, why, sizeof(why)) != 0) {
		EVIDENCE(f, "; %s", why);
		FIX(f, "%sname another wait, or leave the option out",
		    f->fix[0] != '\0' ? "; " : "");
		look_judge(f, DOCTOR_REFUSED);
	}
}

/* --- jitter -------------------------------------------------------------------------------- */

struct jitter {
	uint64_t longest_ns, stolen_ns, spent_ns, gaps; /* spent: longer by a gap over the end */
};

/*
 * Looks at the cycle counter without a pause; what lies between two looks beyond a moment, somebody
 * else took. Return: 0, or -1 when this core may not be used.
 */
static int spin(uint32_t core, uint32_t ms, struct jitter *ret)
{
	size_t bytes = CPU_ALLOC_SIZE(DOCTOR_CORES_MAX);
	cpu_set_t *set = CPU_ALLOC(DOCTOR_CORES_MAX);
	uint64_t begun_ns, begun, last, now, cycles, longest = 0, stolen = 0, gaps = 0;
	uint64_t per_look, limit, spent_ns, until_ns;
	int error = set == NULL;

	if (!error) {
		CPU_ZERO_S(bytes, set);
		CPU_SET_S(core, bytes, set);
		error = sched_setaffinity(0, bytes, set) != 0;
		CPU_FREE(set);
	}
	if (error)
		return -1;
	/* How many cycles a nanosecond has is known only afterwards: a first, short spin tells. */
	begun_ns = now_ns();
	begun = arch_cycles();
	while (now_ns() - begun_ns < 1000000)
		;
	per_look = (arch_cycles() - begun) * GAP_SEEN_NS / (now_ns() - begun_ns);
	limit = per_look != 0 ? per_look : 1;
	begun_ns = now_ns();
	until_ns = begun_ns + (uint64_t)ms * 1000000;
	begun = last = arch_cycles();
	do {
		for (int i = 0; i < 1000; i++) {
			now = arch_cycles();
			if (now - last > limit) {
				gaps++;
				stolen += now - last;
				longest = now - last > longest ? now - last : longest;
			}
			last = now;
		}
	} while (now_ns() < until_ns);
	cycles = arch_cycles() - begun;
	spent_ns = now_ns() - begun_ns;
	*ret = (struct jitter){ .gaps = gaps, .spent_ns = spent_ns };
	if (cycles != 0) {
		ret->longest_ns = (uint64_t)((double)longest * (double)spent_ns / (double)cycles);
		ret->stolen_ns = (uint64_t)((double)stolen * (double)spent_ns / (double)cycles);
	}
	return 0;
}

static void jitter_measure(struct doctor *d, struct doctor_finding *f)
{
	uint32_t done = 0, refused = 0, worst_core = 0;
	const char *gap = "";
	struct jitter j, worst = { 0 };

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX && done < JITTER_CORES_MAX; i++) {
		if (!cores_has(&d->wanted, i) || !cores_has(&d->online, i))
			continue;
		if (spin(i, d->spin_ms, &j) != 0) {
			refused++;
			continue;
		}
		if (done < 4)
			EVIDENCE(
				f,
				"%score %u: longest gap %.3f ms, %llu gaps beyond 5 us, %.1f %% taken",
				gap, i, (double)j.longest_ns / 1e6, (unsigned long long)j.gaps,
				100.0 * (double)j.stolen_ns / (double)(j.spent_ns != 0 ? j.spent_ns : 1));
		gap = "; ";
		if (j.longest_ns >= worst.longest_ns) {
			worst = j;
			worst_core = i;
		}
		done++;
	}
	if (done > 4)
		EVIDENCE(f, "; %u more; longest of all: core %u, %.3f ms", done - 4, worst_core,
			 (double)worst.longest_ns / 1e6);
	if (refused != 0)
		EVIDENCE(f, "%s%u cores may not be used from here", gap, refused);
	if (done == 0) {
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, " (%u ms each)", d->spin_ms);
	if (worst.longest_ns < GAP_LONG_NS)
		return;
	look_judge(f, DOCTOR_WARNING);
	FIX(f, "what the other findings say; then %s",
	    has_flag(d, "hypervisor") ? "the host of this guest: it must give it cores of its own"
				      : "firmware: power saving, system management interrupts");
}

void check_jitter(struct doctor *d, struct doctor_finding *f)
{
	cpu_set_t *before = CPU_ALLOC(DOCTOR_CORES_MAX);
	size_t bytes = CPU_ALLOC_SIZE(DOCTOR_CORES_MAX);

	f->verdict = cores_count(&d->wanted) == 0 ? DOCTOR_NOT_NEEDED : DOCTOR_FINE;
	if (!d->live || d->spin_ms == 0 || before == NULL ||
	    sched_getaffinity(0, bytes, before) != 0) {
		EVIDENCE(f, "not measured");
		look_judge(f, DOCTOR_UNJUDGED);
	} else if (f->verdict == DOCTOR_FINE) {
		jitter_measure(d, f);
		sched_setaffinity(0, bytes, before);
	}
	CPU_FREE(before);
}
