/* SPDX-License-Identifier: Apache-2.0 */
/* setup_bounds.c: what the keeper will hold its children to, worked out once. */
#include "setup_private.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <vanity/grant.h>

#include "core/bind.h"
#include "linux/call.h"

#include "landlock.h"

#define SLACK_BYTES (2u << 20) /* stacks, vdso, guards, rounding */
#define RINGS_BYTES (1u << 20) /* four of at most 4,096 entries of 16 bytes, and their heads */

/* A ruleset that denies all that this kernel knows to deny. */
static int bounds_landlock(struct setup *s)
{
	int abi = landlock_abi(), fd;

	if (abi < 1) {
		s->hand.inactive |= 1u << SETUP_INACTIVE_LANDLOCK;
		return 0;
	}
	if (abi < LANDLOCK_ABI_NET)
		s->hand.inactive |= 1u << SETUP_INACTIVE_LANDLOCK_NET;
	if (abi < LANDLOCK_ABI_SCOPE)
		s->hand.inactive |= 1u << SETUP_INACTIVE_LANDLOCK_SCOPE;
	fd = landlock_all(abi);
	errno = fd < 0 ? -fd : 0;
	return setup_place(s, fd, KEEPER_FD_LANDLOCK, "Landlock ruleset");
}

/* Shared shards and vanityd stay off the cores that belong to one shard, here or elsewhere. */
static void bounds_affinity(struct setup *s)
{
	uint64_t all[KEEPER_CORES_MAX / 64] = { 0 }, others[KEEPER_CORES_MAX / 64], any = 0;
	uint64_t *set = s->hand.affinity_shared;

	if (CALL_3(__NR_sched_getaffinity, 0, sizeof(all), all) < 0)
		memset(all, 0xff, sizeof(all));
	memcpy(set, all, sizeof(all));
	for (uint32_t i = 0; i < s->plan->shard_count; i++) {
		uint32_t core = s->plan->shard[i].core;

		if (!s->plan->shard[i].shared && core < KEEPER_CORES_MAX)
			set[core / 64] &= ~(1ull << core % 64);
	}
	setup_cores_of_others(s, others);
	for (uint32_t i = 0; i < KEEPER_CORES_MAX / 64; i++)
		any |= set[i] &= ~others[i];
	/* All cores are taken: whoever has none of its own visits. */
	if (any == 0)
		memcpy(set, all, sizeof(all));
}

/* What its start code maps: each region it is bound to and the bind block itself. Not a region
 * that is somebody else's, or its limit would be the whole system's memory. */
static int bounds_mapped(struct setup *s, uint32_t shard, uint64_t *ret_bytes)
{
	const struct bind_machine machine = { .hz = 1 };
	uint32_t room = plan_bind_bytes(s->plan, shard);
	struct bind *bind = calloc(1, room);

	if (bind == NULL || plan_bind(s->plan, shard, &machine, bind, room) == 0) {
		free(bind);
		return setup_fail(s, 1, "", "no memory for a bind block");
	}
	*ret_bytes = room;
	for (uint32_t i = 0; i < bind->region_count; i++) {
		const struct bind_region *r = &bind_regions(bind)[i];

		/* With its guard, and room to align a huge page. */
		*ret_bytes += r->bytes + 2ull * r->page_bytes;
	}
	free(bind);
	return 0;
}

static int bounds_limits(struct setup *s, uint32_t shard)
{
	const struct plan *plan = s->plan;
	const struct plan_shard *p = &plan->shard[shard];
	uint64_t data, address, mapped = 0;
	struct rlimit locked;
	struct stat image, config;

	if (fstat(keeper_fd_shard(plan, shard) + KEEPER_SHARD_IMAGE, &image) != 0)
		return setup_fail(s, 1, "", "image of %s: %s", p->name, strerror(errno));
	if (fstat(keeper_fd_shard(plan, shard) + KEEPER_SHARD_CONFIG, &config) != 0)
		return setup_fail(s, 1, "", "config of %s: %s", p->name, strerror(errno));
	if (bounds_mapped(s, shard, &mapped) != 0)
		return -1;
	data = p->memory_bytes + (uint64_t)image.st_size + SLACK_BYTES;
	address = data + (uint64_t)config.st_size + mapped;
	for (uint32_t i = 0; i < p->grant_count; i++) {
		const struct plan_device *d = &plan->device[p->grant[i]];
		int fd = keeper_fd_device(plan, p->grant[i]);
		struct stat st;

		/* Facts with what stands behind them, and the rings. */
		if (fstat(fd + KEEPER_DEVICE_FACTS, &st) != 0)
			return setup_fail(s, 1, "", "facts of %s: %s", d->name, strerror(errno));
		address += (uint64_t)st.st_size + RINGS_BYTES;
		if (d->kind == VANITY_GRANT_PCAP && d->keeps_fd)
			s->hand.limit[shard].file_bytes = UINT64_MAX;
	}
	s->hand.limit[shard].address_bytes = address;
	s->hand.limit[shard].data_bytes = data;
	/* Private memory is the shard's to lock; the limit is inherited, and root can raise it. */
	if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_max < p->memory_bytes) {
		locked.rlim_cur = locked.rlim_max = data;
		if (setrlimit(RLIMIT_MEMLOCK, &locked) != 0)
			s->hand.inactive |= 1u << SETUP_INACTIVE_LOCKED;
	}
	return 0;
}

int setup_bounds(struct setup *s)
{
	if (bounds_landlock(s) != 0)
		return -1;
	bounds_affinity(s);
	for (uint32_t i = 0; i < s->plan->shard_count; i++)
		if (bounds_limits(s, i) != 0)
			return -1;
	return 0;
}
