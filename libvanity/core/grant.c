/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant.c: a shard's devices: found by name, with the memory and frames that the plan gives them.
 *
 * What a device is, the platform and its driver know; here is only what follows from the plan.
 */
#include "core/private.h"

_Static_assert(sizeof(struct vanity_grant_facts) == 264, "one layout, no padding");
_Static_assert(offsetof(struct vanity_grant_facts, ring) == 88, "rings behind the words");

void shard_grants(struct vanity_shard *self, struct vanity_grant *grant)
{
	self->grant = grant;
	self->grant_count = self->bind->grant_count;
	for (uint32_t i = 0; i < self->grant_count; i++) {
		const struct bind_grant *b = &bind_grants(self->bind)[i];

		grant[i].name = b->name;
		if (b->region != PLAN_NONE) {
			grant[i].keep = self->base[b->region];
			grant[i].keep_bytes = bind_regions(self->bind)[b->region].bytes;
		}
		if (b->pool != PLAN_NONE) {
			struct vanity_pool *pool = &self->pool[b->pool];

			grant[i].pool = pool;
			grant[i].pool_base = pool->base;
			grant[i].pool_first = pool->first;
			grant[i].pool_frames = pool->count;
		}
	}
}

const struct vanity_grant *vanity_grant(struct vanity_shard *self, const char *name)
{
	for (uint32_t i = 0; i < self->grant_count; i++)
		if (shard_name_equal(self->grant[i].name, name))
			return &self->grant[i];
	shard_lookup_failed(self, "this shard is granted no device ", name);
	return NULL;
}

const struct vanity_grant *vanity_grant_at(struct vanity_shard *self, uint32_t n)
{
	return n < self->grant_count ? &self->grant[n] : NULL;
}

enum vanity_link vanity_grant_link(struct vanity_shard *self, const struct vanity_grant *grant,
				   uint32_t *ret_mtu)
{
	uint32_t n = (uint32_t)(grant - self->grant);
	uint64_t word;

	vanity_assert(self, n < self->grant_count);
	word = wire_load(&self->orders->link[n]);
	*ret_mtu = ORDERS_LINK_MTU(word);
	/* Nothing said, or nothing that has a meaning: then what was found when it was bound. */
	if (*ret_mtu == 0)
		*ret_mtu = grant->facts->mtu;
	if (ORDERS_LINK_STATE(word) > VANITY_LINK_GONE)
		return VANITY_LINK_UP;
	return (enum vanity_link)ORDERS_LINK_STATE(word);
}

/* Free is who is in no hand at all: not ours, not a borrower's, not on its way round. */
static int frame_is_free(const struct vanity_shard *self, uint32_t local)
{
	return self->from[local] == FROM_NOTHING && self->to[local] == TO_NOBODY;
}

uint32_t vanity_pool_claim(struct vanity_pool *pool, uint64_t *bits)
{
	struct vanity_shard *self = pool->self;
	uint32_t words = (pool->count + 63) / 64, kept = 0, claimed = 0;

	vanity_assert(self, pool->owned);
	vanity_assert(self, !self->live);
	for (uint32_t w = 0; w < words; w++) {
		for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
			uint64_t bit = left & (~left + 1); /* the lowest */
			uint32_t n = w * 64 + bits_highest(bit);

			if (n >= pool->count || !frame_is_free(self, pool->local + n))
				bits[w] &= ~bit;
		}
	}
	for (uint32_t i = 0; i < pool->free_count; i++) {
		uint32_t frame = pool->free[i], n = frame - pool->first;

		if (!(bits[n / 64] >> (n % 64) & 1)) {
			pool->free[kept++] = frame;
			continue;
		}
		self->from[pool->local + n] = FROM_POOL;
		claimed++;
	}
	pool->free_count = kept;
	return claimed;
}

int vanity_frozen(const struct vanity_shard *self)
{
	return self->frozen || self->stop;
}
