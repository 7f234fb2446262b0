/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_memory.c: huge pages a node and size, and memory that stays in memory. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NODES_MAX 64u
#define CAPABILITY_SYS_RESOURCE 24 /* linux/capability.h */

/* --- huge pages ---------------------------------------------------------------------------- */

static int node_of(const struct doctor *d, uint32_t core)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES];
	struct doctor_cores cores;

	for (uint32_t node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
		if (look_text(d, path, text) != 0)
			continue;
		cores_parse_list(text, &cores);
		if (cores_has(&cores, core))
			return (int)node;
	}
	return 0;
}

/* Huge pages that the plan wants near a node; of all of them with -1. As setup_huge.c counts. */
static long wanted_pages(const struct doctor *d, int node)
{
	const struct plan *plan = d->plan;
	uint32_t page_bytes = plan->host.huge_page_bytes;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < plan->region_count; i++) {
		const struct plan_region *r = &plan->region[i];
		const struct plan_shard *writer =
			r->a < plan->shard_count ? &plan->shard[r->a] : NULL;
		int near = writer != NULL && !writer->shared ? node_of(d, writer->core) : 0;

		if (r->page_bytes == page_bytes && (node < 0 || near == node))
			bytes += r->bytes;
	}
	return (long)(bytes / page_bytes);
}

struct pages {
	struct doctor_finding *f;
	uint32_t node;
	const char *gap;
	long free_wanted_size; /* of the size that the plan uses, on this node */
	unsigned long wanted_kib;
	uint32_t sizes;
};

static void size_look(struct doctor *d, const char *name, void *context)
{
	char path[DOCTOR_LIST_BYTES];
	struct pages *p = context;
	unsigned long kib;
	long all, unused;

	if (sscanf(name, "hugepages-%lukB", &kib) != 1)
		return;
	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%u/hugepages/hugepages-%lukB/nr_hugepages", p->node,
		 kib);
	all = look_number(d, path, 0);
	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%u/hugepages/hugepages-%lukB/free_hugepages",
		 p->node, kib);
	unused = look_number(d, path, 0);
	EVIDENCE(p->f, "%snode %u: %ld of %ld pages of %lu MiB free", p->gap, p->node, unused, all,
		 kib / 1024);
	p->gap = "; ";
	p->sizes++;
	if (kib == p->wanted_kib)
		p->free_wanted_size = unused;
}

static void pages_judge(struct doctor *d, struct doctor_finding *f, uint32_t nodes,
			const long *unused)
{
	long missing = 0, wanted, all = wanted_pages(d, -1);

	EVIDENCE(f, "; wanted: %ld", all);
	for (uint32_t node = 0; node < NODES_MAX; node++) {
		wanted = nodes > 1 ? wanted_pages(d, (int)node) : node == 0 ? all : 0;
		missing += wanted > unused[node] ? wanted - unused[node] : 0;
	}
	if (missing == 0)
		return;
	EVIDENCE(f, "; start must find %ld more, in one piece each", missing);
	FIX(f, "--fix reserves them now; or hugepages= at boot (--print-boot)");
	UNDO(f, "--undo");
	look_judge(f, DOCTOR_WARNING);
}

void check_huge_pages(struct doctor *d, struct doctor_finding *f)
{
	uint32_t kib = d->plan != NULL ? d->plan->host.huge_page_bytes / 1024 : 0, nodes = 0;
	struct pages p = { .f = f, .gap = "", .wanted_kib = kib };
	int none, required = d->plan != NULL && d->plan->require_hugepages == PLAN_REQUIRE_ON;
	char path[DOCTOR_LIST_BYTES];
	long unused[NODES_MAX] = { 0 };

	for (uint32_t node = 0; node < NODES_MAX; node++) {
		p.node = node;
		p.free_wanted_size = 0;
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/hugepages", node);
		nodes += look_folder(d, path, size_look, &p) > 0;
		unused[node] = p.free_wanted_size;
	}
	none = p.sizes == 0;
	if (none)
		EVIDENCE(f, "this kernel has no huge pages");
	look_can(d, CAN_HUGE, !none,
		 none ? "small pages take their place" : "start reserves what it lacks");
	if (d->plan != NULL && !required && !none && wanted_pages(d, -1) == 0) {
		f->verdict = DOCTOR_NOT_NEEDED;
		return;
	}
	if (none) {
		FIX(f, "a kernel with CONFIG_HUGETLBFS");
		look_judge(f, required ? DOCTOR_REFUSED : DOCTOR_WARNING);
	} else if (d->plan != NULL) {
		pages_judge(d, f, nodes, unused);
	}
}

/* --- locked memory ------------------------------------------------------------------------- */

void check_locked_memory(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES];
	const char *found;
	unsigned long long effective = 0;
	uint64_t need = 0;
	int swap;
	struct rlimit limit;

	if (!d->live || getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
		EVIDENCE(f, "a limit of processes, not of the machine");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	for (uint32_t i = 0; d->plan != NULL && i < d->plan->shard_count; i++)
		if (d->plan->shard[i].memory_bytes > need)
			need = d->plan->shard[i].memory_bytes;
	look_text(d, "/proc/self/status", text);
	found = strstr(text, "CapEff:");
	if (found != NULL)
		effective = strtoull(found + strlen("CapEff:"), NULL, 16);
	if (limit.rlim_max == RLIM_INFINITY)
		EVIDENCE(f, "RLIMIT_MEMLOCK unlimited");
	else
		EVIDENCE(f, "RLIMIT_MEMLOCK at most %llu KiB",
			 (unsigned long long)limit.rlim_max / 1024);
	if (need != 0)
		EVIDENCE(f, "; largest shard: %llu KiB", (unsigned long long)need / 1024);
	if (limit.rlim_max != RLIM_INFINITY && (effective >> CAPABILITY_SYS_RESOURCE & 1) != 0)
		EVIDENCE(f, "; may be raised");
	look_text(d, "/proc/swaps", text);
	swap = strchr(text, '\n') != NULL;
	EVIDENCE(f, swap ? "; swap is on" : "; no swap");
	if (limit.rlim_max == RLIM_INFINITY || (effective >> CAPABILITY_SYS_RESOURCE & 1) != 0 ||
	    (need != 0 && limit.rlim_max >= need) || !swap)
		return;
	FIX(f, "ulimit -l unlimited before start, or LimitMEMLOCK=infinity; or swapoff -a");
	UNDO(f, "swapon -a");
	look_judge(f, DOCTOR_WARNING);
}
