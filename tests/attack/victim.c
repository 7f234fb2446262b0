/* SPDX-License-Identifier: Apache-2.0 */
/*
 * victim.c: memory full of known words, in private and in frames that its neighbours may read,
 * looked at again and again. It tells its neighbours where it has them: an attacker need not guess.
 */
#include "attack.h"

#define WORDS 4096u
#define SPIN_NS 50000u

enum { VICTIM_PASSES = 1, VICTIM_DAMAGED = 2 };

VANITY_COUNTERS({ VICTIM_PASSES, "passes" }, { VICTIM_DAMAGED, "damaged" })
struct carry {
	uint64_t word[WORDS];
};
VANITY_CARRY(struct carry, 1)

static uint64_t *frames(struct vanity_shard *self, uint64_t *ret_words)
{
	*ret_words = (uint64_t)self->pool[0].count * self->pool[0].frame_bytes / 8;
	return (uint64_t *)self->pool[0].base;
}

static void tell(struct vanity_shard *self, const struct carry *c)
{
	uint64_t words, on_stack = CANARY_OF(2);
	struct told *told = (struct told *)frames(self, &words);

	told->address[0] = (uint64_t)(uintptr_t)&c->word[0];
	told->address[1] = (uint64_t)(uintptr_t)&c->word[1];
	told->address[2] = (uint64_t)(uintptr_t)&on_stack;
	told->count = 3;
	/* All its own regions, too: whatever stands there, it shall not be to be had. */
	for (uint32_t i = 0; i < self->bind->region_count && told->count < TOLD_MAX; i++)
		told->address[told->count++] = (uint64_t)(uintptr_t)self->base[i];
	told->magic = TOLD_MAGIC;
}

static uint64_t damage(struct vanity_shard *self, const struct carry *c)
{
	uint64_t words, bad = 0, first = sizeof(struct told) / 8;
	const volatile uint64_t *frame = frames(self, &words);

	for (uint64_t i = 0; i < WORDS; i++)
		bad += *(const volatile uint64_t *)&c->word[i] != CANARY_OF(i);
	for (uint64_t i = first; i < words; i++)
		bad += frame[i] != CANARY_OF(i);
	return bad + (((const volatile struct told *)frame)->magic != TOLD_MAGIC);
}

int vanity_main(struct vanity_shard *self)
{
	struct carry *c = vanity_carry(self);
	uint64_t words, *frame = frames(self, &words);

	for (uint64_t i = 0; i < WORDS; i++)
		c->word[i] = CANARY_OF(i);
	for (uint64_t i = 0; i < words; i++)
		frame[i] = CANARY_OF(i);
	tell(self, c);
	vanity_ready(self);
	while (vanity_running(self)) {
		vanity_count(self, VICTIM_DAMAGED, damage(self, c));
		vanity_count(self, VICTIM_PASSES, 1);
		vanity_wait(self, SPIN_NS);
	}
	return 0;
}
