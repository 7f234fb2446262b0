/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sums.c: conservation, from cursors and ledgers (DESIGN section 4, rule 11).
 *
 * On a verify order each shard stores, for every end of every channel, its cursor and what its
 * ledger says of the other end: how many frames and a sum over their numbers. Whoever asked
 * compares the two ends. Nothing here reads a counter that was kept for this purpose.
 */
#include "core/private.h"

static void rx_sums(struct vanity_rx *rx)
{
	struct channel *ch = &rx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t frames = 0, hash = 0;

	for (uint32_t i = 0; i < ch->pool_count; i++) {
		for (uint32_t n = 0; n < ch->pool[i].count; n++) {
			uint32_t local = ch->pool[i].local + n, me = (uint32_t)(rx - self->rx);

			if (self->from[local] != me && self->guest[local] != me)
				continue;
			frames++;
			hash += cell_mix(ch->pool[i].first + n);
		}
	}
	wire_store(&ch->cell->cursor, rx->head);
	wire_store(&ch->cell->taken, rx->taken);
	wire_store(&ch->cell->frames, frames);
	wire_store(&ch->cell->frames_hash, hash);
}

static void tx_sums(struct vanity_tx *tx)
{
	struct channel *ch = &tx->ch;
	struct vanity_shard *self = ch->self;
	uint64_t frames = 0, hash = 0;

	for (uint32_t i = 0; i < ch->pool_count; i++) {
		const struct channel_pool *p = &ch->pool[i];

		for (uint32_t n = 0; n < p->count; n++) {
			uint32_t to = self->to[p->local + n], bit = p->bit + n;

			if (to != (uint32_t)(tx - self->tx) &&
			    !(to == TO_MANY && tx->claim[bit / 64] >> (bit % 64) & 1))
				continue;
			frames++;
			hash += cell_mix(p->first + n);
		}
	}
	vanity_assert(self, frames == tx->lent_count);
	wire_store(&ch->cell->cursor, tx->published);
	wire_store(&ch->cell->taken, tx->tail);
	wire_store(&ch->cell->frames, frames);
	wire_store(&ch->cell->frames_hash, hash);
}

static void pool_sums(struct vanity_pool *pool)
{
	struct vanity_shard *self = pool->self;
	struct cell_pool *sums;
	uint64_t held = 0, lent = 0;

	if (!pool->owned || pool->report >= CELL_POOLS_MAX)
		return;
	for (uint32_t n = 0; n < pool->count; n++) {
		if (self->to[pool->local + n] != TO_NOBODY)
			lent++;
		else if (self->from[pool->local + n] == FROM_POOL)
			held++;
	}
	sums = &self->cell->pool[pool->report];
	wire_store(&sums->total, pool->count);
	wire_store(&sums->free, pool->free_count);
	wire_store(&sums->held, held);
	wire_store(&sums->lent, lent);
}

void shard_sums(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->rx_count; i++) {
		rx_finish(&self->rx[i]);
		rx_sums(&self->rx[i]);
	}
	for (uint32_t i = 0; i < self->tx_count; i++)
		tx_sums(&self->tx[i]);
	for (uint32_t i = 0; i < self->pool_count; i++)
		pool_sums(&self->pool[i]);
	wire_store_release(&self->cell->verified, self->verify);
}
