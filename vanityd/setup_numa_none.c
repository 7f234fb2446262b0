/* SPDX-License-Identifier: Apache-2.0 */
/* setup_numa_none.c: without libnuma memory lies where the kernel puts it. */
#include "setup_private.h"

int setup_numa_nodes(void)
{
	return 1;
}

int setup_numa_node(uint32_t core)
{
	(void)core;
	return 0;
}

void setup_numa_prefer(int node)
{
	(void)node;
}

void setup_numa_default(void)
{
}
