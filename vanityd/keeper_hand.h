/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_hand.h: what setup hands to the keeper across exec, and what they say afterwards.
 *
 * Everything is a descriptor at a number that follows from the plan; no path is looked up again.
 * All numbers lie at KEEPER_FD_BASE or above, because those below are where the keeper lays out
 * the descriptors of a child before it is made (keeper_start.c):
 *
 *      0 1 2              /dev/null, log, log
 *      3 ..               empty: room for one child's descriptors
 *      KEEPER_FD_BASE     struct keeper_hand, sealed
 *      + 1 ..             plan, socket to setup, control socket, log, vanityd image, locks,
 *                         vanity-netdev image
 *      KEEPER_FD_REGIONS  two a region: read-write, then the read-only re-open
 *      then               nine a shard: bind block, eventfd, config, image, its namespaces
 *      then               three a device: what its shard keeps, its facts, what holds it bound
 *      then               locks of exclusive cores and of devices, held only by being open
 *
 *      keeper -> setup    struct keeper_up, once: it is up, or why not
 *      setup -> keeper    one byte: committed. End of file without it ends the system.
 */
#ifndef VANITYD_KEEPER_HAND_H
#define VANITYD_KEEPER_HAND_H

#include <sched.h>
#include <stdint.h>

#include "paths.h"
#include "topology/plan.h"

#define KEEPER_HAND_MAGIC 0x31444e4148544e56ull
#define KEEPER_UP_MAGIC 0x50554b56u

#define KEEPER_FD_BASE 1024
#define KEEPER_CORES_MAX 1024u

enum keeper_fd {
	KEEPER_FD_HAND = KEEPER_FD_BASE,
	KEEPER_FD_PLAN,
	KEEPER_FD_SETUP,
	KEEPER_FD_CONTROL,
	KEEPER_FD_LOG,
	KEEPER_FD_DAEMON, /* the vanityd image */
	KEEPER_FD_SYSTEM_LOCK,
	KEEPER_FD_SLOT_LOCK, /* of the range of uids */
	KEEPER_FD_LANDLOCK, /* a ruleset that denies all */
	KEEPER_FD_CGROUP, /* where shards with a core of their own are born; a hole without a partition */
	KEEPER_FD_NETDEV, /* the vanity-netdev image; a hole where no device can come back */
	KEEPER_FD_REGIONS,
};

/* Of a shard, from keeper_fd_shard() on. */
enum { KEEPER_SHARD_BIND = 0, KEEPER_SHARD_EVENT = 1, KEEPER_SHARD_CONFIG = 2,
       KEEPER_SHARD_IMAGE = 3, KEEPER_SHARD_NS = 4, KEEPER_NAMESPACES = 5, KEEPER_SHARD_FDS = 9 };

/* In this order. The pid namespace is not among them: each generation has a new one. */
static const int keeper_namespace_kind[KEEPER_NAMESPACES] = { CLONE_NEWNET, CLONE_NEWIPC,
							      CLONE_NEWUTS, CLONE_NEWCGROUP,
							      CLONE_NEWNS };

static inline int keeper_fd_region(uint32_t region, uint32_t right)
{
	return (int)(KEEPER_FD_REGIONS + 2 * region + (right == PLAN_RW ? 0 : 1));
}

static inline int keeper_fd_shard(const struct plan *plan, uint32_t shard)
{
	return (int)(KEEPER_FD_REGIONS + 2 * plan->region_count + KEEPER_SHARD_FDS * shard);
}

/* Of a device, from keeper_fd_device() on. A hole where it has none. */
enum {
	KEEPER_DEVICE_KEEP = 0, /* socket, tap or file: its shard's too */
	KEEPER_DEVICE_FACTS = 1, /* struct vanity_grant_facts, sealed: its shard's and vanityd's too */
	KEEPER_DEVICE_LINK = 2, /* the XDP program is attached as long as somebody holds this */
	KEEPER_DEVICE_FDS = 3,
};

static inline int keeper_fd_device(const struct plan *plan, uint32_t device)
{
	return (int)(KEEPER_FD_REGIONS + 2 * plan->region_count +
		     KEEPER_SHARD_FDS * plan->shard_count + KEEPER_DEVICE_FDS * device);
}

/* One beyond the devices': where the locks of cores begin. */
static inline int keeper_fd_cores(const struct plan *plan)
{
	return keeper_fd_device(plan, plan->device_count);
}

/* How cores are the shards' own; the last two isolate. Told to vanityd, for its status. */
enum keeper_cores {
	KEEPER_CORES_SHARED = 0, /* no shard has one */
	KEEPER_CORES_AFFINITY = 1,
	KEEPER_CORES_PARTITION = 2, /* and shards are born in KEEPER_FD_CGROUP */
	KEEPER_CORES_BOOT = 3,
};

static inline const char *keeper_cores_words(uint32_t cores)
{
	static const char *const words[] = { "shared", "affinity", "cgroup v2 isolated partition",
					     "isolated at boot" };

	return cores < sizeof(words) / sizeof(words[0]) ? words[cores] : "?";
}

struct keeper_hand {
	uint64_t magic;
	uint32_t bytes;
	uint32_t dev; /* user namespaces, nobody else's uid */
	uint32_t shard_uid; /* of shard 0; one more each */
	uint32_t daemon_uid, daemon_gid;
	uint32_t fd_end; /* one beyond the last descriptor handed over */
	uint32_t cores; /* enum keeper_cores */
	uint32_t unused;
	uint64_t hz;
	uint64_t inactive; /* what setup knows already (enum setup_inactive) */
	uint64_t netdev_capabilities; /* of vanity-netdev when devices are bound anew; inheritable */
	uint64_t affinity_shared[KEEPER_CORES_MAX / 64]; /* cores that belong to no single shard */
	struct {
		uint64_t address_bytes, data_bytes; /* RLIMIT_AS, RLIMIT_DATA */
		uint64_t file_bytes; /* RLIMIT_FSIZE: 0, but for who writes a capture */
	} limit[VANITY_SHARDS_MAX];
	char run[PATHS_BYTES]; /* the runtime directory, for the undo at the end */
};

struct keeper_up {
	uint32_t magic;
	int32_t error; /* negative errno, 0: up */
	uint64_t inactive;
	char what[48]; /* the step that failed */
};

#endif
