/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose writes stand behind a verdict. What a shard takes in frames and passes on it has judged,
 * for all this program knows: it knows no meaning of bytes, and a nic that only sends has no say.
 * Where the frames lie decides who can change them after that: every writer of their pool, and the
 * device that receives into it. And who can read more than he is handed: a pool is mapped whole.
 */
#include <string.h>

#include "check_parts.h"

static bool passes_on(const struct plan *plan, uint32_t shard, uint32_t pool)
{
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		if (c->producer != shard)
			continue;
		for (uint32_t k = 0; k < c->pool_count; k++) {
			if (c->pool[k] == pool)
				return true;
		}
	}
	return false;
}

/* Does a frame of this pool reach the shard: as a copy of another, or as it is? */
static bool judges(const struct plan *plan, uint32_t shard, uint32_t pool, bool *ret_copied)
{
	bool as_it_is = false, copied = false;

	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		if (c->consumer != shard)
			continue;
		copied = copied || c->copy_pool == pool;
		for (uint32_t k = 0; k < c->pool_count && c->copy_pool == PLAN_NONE; k++)
			as_it_is = as_it_is || c->pool[k] == pool;
	}
	*ret_copied = copied;
	/* What comes back to its owner goes no further. */
	return copied || (as_it_is && plan->pool[pool].owner != shard);
}

static void add_writer(struct check_verdict *v, const char *name, bool device)
{
	v->writer[v->writer_count].name = name;
	v->writer[v->writer_count++].device = device;
}

bool check_verdict(const struct plan *plan, uint32_t shard, uint32_t pool,
		   struct check_verdict *ret)
{
	bool copied;

	if (!judges(plan, shard, pool, &copied) || !passes_on(plan, shard, pool))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->copied = copied;
	for (uint32_t i = 0; i < plan->access_count; i++) {
		const struct plan_pool_access *a = &plan->access[i];

		if (a->pool == pool && a->right == PLAN_RW && a->shard != shard)
			add_writer(ret, plan->shard[a->shard].name, false);
	}
	for (uint32_t i = 0; i < plan->device_count; i++) {
		if (plan->device[i].pool == pool && plan->device[i].shard != PLAN_NONE)
			add_writer(ret, plan->device[i].name, true);
	}
	return true;
}

bool check_foreign(const struct plan *plan, uint32_t shard, uint32_t pool, bool *ret_copies)
{
	const struct plan_shard *s = &plan->shard[shard];
	bool mapped = false, copies = false, as_it_is = false;

	for (uint32_t i = 0; i < plan->access_count; i++)
		mapped = mapped || (plan->access[i].pool == pool && plan->access[i].shard == shard);
	if (!mapped || strcmp(s->trust, plan->shard[plan->pool[pool].owner].trust) == 0)
		return false;
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		for (uint32_t k = 0; k < c->pool_count && c->consumer == shard; k++) {
			if (c->pool[k] == pool && c->copy_pool != PLAN_NONE)
				copies = true;
			else if (c->pool[k] == pool)
				as_it_is = true;
		}
	}
	*ret_copies = copies && !as_it_is;
	return true;
}
