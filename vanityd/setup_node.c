/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_node.c: near what a region shall lie, on a machine with more than one node of memory.
 *
 * A pool lies where its device writes and reads it; everything else, and a pool without such a
 * device, near the core of its writer; of whom it is written for, where that is nobody of ours (a
 * bell, orders). A shared shard may run anywhere: its memory lies where the kernel puts it.
 */
#include "setup_cores.h"
#include "setup_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -1 where it has none, or nobody knows: also of a veth and of a tap. */
static int device_node(const struct machine *m, const struct plan_device *d)
{
	char path[PATHS_BYTES], text[32];

	if (d->backend == PLAN_BACKEND_XDP)
		snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", d->interface);
	else if (d->backend == PLAN_BACKEND_VFIO && strncmp(d->match, "pci ", 4) == 0)
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", d->match + 4);
	else
		return -1;
	return machine_read(m, path, text, sizeof(text)) > 0 ? atoi(text) : -1;
}

int setup_region_node(const struct plan *plan, const char *root, uint32_t region)
{
	const struct machine m = { .root = root };
	const struct plan_region *r = &plan->region[region];
	uint32_t near = r->a < plan->shard_count ? r->a : r->b;
	int node = -1;

	for (uint32_t i = 0; i < plan->device_count && node < 0; i++) {
		const struct plan_device *d = &plan->device[i];
		int its = d->region == region ||
			  (d->pool < plan->pool_count && plan->pool[d->pool].region == region);

		if (its && d->shard != PLAN_NONE)
			node = device_node(&m, d);
	}
	if (node >= 0)
		return node;
	if (near >= plan->shard_count || plan->shard[near].shared)
		return -1;
	return setup_numa_node(plan->shard[near].core);
}
