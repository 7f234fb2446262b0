/* SPDX-License-Identifier: Apache-2.0 */
/* setup_numa.c: memory near the core that writes it, by libnuma. */
#include "setup_private.h"

#include <numa.h>

int setup_numa_nodes(void)
{
	return numa_available() < 0 ? 1 : numa_max_node() + 1;
}

int setup_numa_node(uint32_t core)
{
	int node = setup_numa_nodes() > 1 ? numa_node_of_cpu((int)core) : 0;

	return node > 0 ? node : 0;
}

void setup_numa_prefer(int node)
{
	numa_set_preferred(node < setup_numa_nodes() ? node : -1);
}

void setup_numa_default(void)
{
	numa_set_localalloc();
}
