/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "setup_private.h"

enum { WIRE, POOL, POOL_OF_DEVICE, BELL, POOL_OF_VETH, REGIONS };

/* Two cores a node. */
int setup_numa_node(uint32_t core)
{
	return (int)core / 2;
}

/* Shard 0 on core 1, shard 1 on core 2, shard 2 shared. */
static struct plan *plan_new(void)
{
	struct plan *p = calloc(1, sizeof(*p));

	p->shard_count = 3;
	p->shard[0].core = 1;
	p->shard[1].core = 2;
	p->shard[2].shared = 1;
	p->region_count = REGIONS;
	p->region[WIRE] = (struct plan_region){ .kind = PLAN_REGION_WIRE, .a = 1, .b = 0 };
	p->region[POOL] = (struct plan_region){ .kind = PLAN_REGION_POOL, .a = 0, .b = 0 };
	p->region[POOL_OF_DEVICE] =
		(struct plan_region){ .kind = PLAN_REGION_POOL, .a = 0, .b = 1 };
	p->region[BELL] = (struct plan_region){ .kind = PLAN_REGION_BELL, .a = PLAN_NONE, .b = 1 };
	p->region[POOL_OF_VETH] = (struct plan_region){ .kind = PLAN_REGION_POOL, .a = 2, .b = 2 };
	p->pool_count = 3;
	p->pool[0].region = POOL;
	p->pool[1].region = POOL_OF_DEVICE;
	p->pool[2].region = POOL_OF_VETH;
	p->device_count = 2;
	p->device[0] = (struct plan_device){ .backend = PLAN_BACKEND_XDP,
					     .interface = "eth0",
					     .pool = 1,
					     .region = PLAN_NONE,
					     .shard = 0 };
	p->device[1] = (struct plan_device){ .backend = PLAN_BACKEND_XDP,
					     .interface = "veth0",
					     .pool = 2,
					     .region = PLAN_NONE,
					     .shard = 2 };
	return p;
}

static void memory_lies_near_its_device_or_else_its_writer(void **state)
{
	char root[] = "/tmp/vanity-node-XXXXXX", path[128];
	struct plan *p = plan_new();
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "mkdir -p %s/sys/class/net/eth0/device", root);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/sys/class/net/eth0/device/numa_node", root);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("3\n", file);
	fclose(file);
	assert_int_equal(setup_region_node(p, root, WIRE), 1);
	assert_int_equal(setup_region_node(p, root, POOL), 0);
	assert_int_equal(setup_region_node(p, root, POOL_OF_DEVICE), 3);
	assert_int_equal(setup_region_node(p, root, BELL), 1);
	assert_int_equal(setup_region_node(p, root, POOL_OF_VETH), -1);
	/* What a machine with one node says of its devices. */
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("-1\n", file);
	fclose(file);
	assert_int_equal(setup_region_node(p, root, POOL_OF_DEVICE), 0);
	/* Granted to nobody, it says nothing. */
	p->device[0].shard = PLAN_NONE;
	assert_int_equal(setup_region_node(p, root, POOL_OF_DEVICE), 0);
	snprintf(path, sizeof(path), "rm -rf %s", root);
	assert_int_equal(system(path), 0);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_lies_near_its_device_or_else_its_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
