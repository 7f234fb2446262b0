/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spy.c: the firewall of tenant A after somebody else's code came into it. It goes on with its work
 * and looks for words of tenant B, at every byte of all that it can read:
 *
 *      before libvanity's first instruction   registers, the stack, pages that are zero by right
 *      at the start of its program            the memory that libvanity gives it
 *      as long as it lives                    every region of its plan, again and again
 *
 * Each generation first plants words where it is to look, and looks whether it finds them.
 */
#include "canary.h"
#include "vectors.h"

#include <elf.h>

#include "core/private.h"
#include "vanity/vanity.h"

#define SPIN_NS 50000u
#define PAGE_BYTES 4096ull
#define GENERAL_WORDS 33u /* one more than any ISA has */
#define STACK_BELOW 65536u
#define PRIVATE_BYTES 262144u
#define TURN_BYTES 131072u

enum spy_place { SPY_REGISTERS, SPY_STACK, SPY_PRIVATE, SPY_MEMORY, SPY_PLACES };
enum {
	SPY_FOREIGN = 1, /* + place */
	SPY_PLANTED = SPY_FOREIGN + SPY_PLACES,
	SPY_PLANTED_FOUND,
	SPY_GIVEN,
	SPY_ROUNDS,
	SPY_BYTES,
	SPY_BYTES_AT_ENTRY,
};
VANITY_COUNTERS({ SPY_FOREIGN + SPY_REGISTERS, "foreign_registers" },
		{ SPY_FOREIGN + SPY_STACK, "foreign_stack" },
		{ SPY_FOREIGN + SPY_PRIVATE, "foreign_private" },
		{ SPY_FOREIGN + SPY_MEMORY, "foreign_memory" }, { SPY_PLANTED, "planted" },
		{ SPY_PLANTED_FOUND, "planted_found" }, { SPY_GIVEN, "given" },
		{ SPY_ROUNDS, "rounds" }, { SPY_BYTES, "bytes" },
		{ SPY_BYTES_AT_ENTRY, "bytes_at_entry" })

struct spy {
	uint32_t region; /* looked at now */
	uint64_t at; /* in it */
	uint64_t told; /* regions in which something was found, a bit each */
	uint8_t room[PRIVATE_BYTES];
};
VANITY_CARRY(struct spy, 1)

struct found {
	uint64_t bytes;
	uint64_t kind[CANARY_KINDS];
};

/* Filled by spy_start. */
__attribute__((visibility("hidden"))) uint64_t spy_general[GENERAL_WORDS];
__attribute__((visibility("hidden"), aligned(64))) uint8_t spy_vectors[VECTORS_BYTES];

/* What was found before there was a cell to count in; pages of it are zero by right. */
static struct found early[SPY_PLACES];
static uint32_t early_planted;
static uint8_t early_pages[PRIVATE_BYTES] __attribute__((aligned(4096)));

/* At every byte: a packet's words stand where its headers end. */
static void look(const void *at, uint64_t bytes, struct found *ret)
{
	const uint8_t *from = at;
	uint64_t word;

	for (uint64_t i = 0; i + sizeof(word) <= bytes; i++) {
		memcpy(&word, from + i, sizeof(word));
		ret->kind[canary_of(word)]++;
	}
	ret->bytes += bytes;
}

static uint64_t foreign(const struct found *f)
{
	return f->kind[CANARY_SECRET] + f->kind[CANARY_STATE];
}

/* --- before the start code ----------------------------------------------------------------- */

__attribute__((noreturn, visibility("hidden"))) void __real_start_entry(const uint64_t *stack);
__attribute__((noreturn, visibility("hidden"))) void __wrap_start_entry(const uint64_t *stack);

/* The name it was executed by is the last thing on a stack. */
static uint64_t stack_top(const uint64_t *stack)
{
	const uint64_t *at = stack + 1 + stack[0] + 1;
	uint64_t end = (uint64_t)(uintptr_t)stack;

	while (*at != 0)
		at++;
	for (at++; at[0] != AT_NULL; at += 2)
		if (at[0] == AT_EXECFN)
			end = at[1];
	return (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static void look_early(const uint64_t *stack)
{
	/* Below us, too: pages that come to be by being looked at. */
	uint64_t from = (uint64_t)(uintptr_t)stack - STACK_BELOW;

	look(spy_general, sizeof(spy_general), &early[SPY_REGISTERS]);
	look(spy_vectors, sizeof(spy_vectors), &early[SPY_REGISTERS]);
	look(early_pages, sizeof(early_pages), &early[SPY_PRIVATE]);
	look((const void *)(uintptr_t)from, stack_top(stack) - from, &early[SPY_STACK]);
}

static void plant_early(const uint64_t *stack)
{
	volatile uint64_t *below = (volatile uint64_t *)(uintptr_t)stack - STACK_BELOW / 16;
	uint64_t word;

	*below = canary_word(CANARY_PLANTED, 1);
	word = canary_word(CANARY_PLANTED, 2);
	memcpy(early_pages + 1001, &word, sizeof(word));
	spy_general[GENERAL_WORDS - 1] = canary_word(CANARY_PLANTED, 3);
	word = canary_word(CANARY_PLANTED, 4);
	early_planted = 3 + vectors_fill(&word);
	vectors_save(spy_vectors);
	look_early(stack);
	*below = 0;
}

/* The linker puts it in front of libvanity's own (--wrap). */
void __wrap_start_entry(const uint64_t *stack)
{
	look_early(stack);
	plant_early(stack);
	__real_start_entry(stack);
}

/* --- as a program -------------------------------------------------------------------------- */

static void tell_early(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < SPY_PLACES; i++) {
		vanity_count(self, SPY_FOREIGN + i, foreign(&early[i]));
		/* Of registers each one; elsewhere the compiler may have made copies. */
		vanity_count(self, SPY_PLANTED_FOUND,
			     i == SPY_REGISTERS ? early[i].kind[CANARY_PLANTED]
						: early[i].kind[CANARY_PLANTED] != 0);
		vanity_count(self, SPY_BYTES_AT_ENTRY, early[i].bytes);
	}
	vanity_count(self, SPY_PLANTED, early_planted);
}

static void tell(struct vanity_shard *self, struct spy *spy, const struct found *f)
{
	vanity_count(self, SPY_FOREIGN + SPY_MEMORY, foreign(f));
	vanity_count(self, SPY_GIVEN, f->kind[CANARY_GIVEN]);
	vanity_count(self, SPY_BYTES, f->bytes);
	if (foreign(f) == 0 || (spy->told >> spy->region & 1) != 0)
		return;
	spy->told |= 1ull << spy->region;
	vanity_log(self, "region %0 of the plan shows %1 words of B",
		   bind_regions(self->bind)[spy->region].region, foreign(f));
}

/* A piece of what it can read; when all was seen, the first piece again. */
static void spy_turn(struct vanity_shard *self, struct spy *spy)
{
	const struct bind_region *r = &bind_regions(self->bind)[spy->region];
	/* A word may lie across two pieces. */
	uint64_t bytes = r->bytes - spy->at < TURN_BYTES + 7 ? r->bytes - spy->at : TURN_BYTES + 7;
	struct found f = { 0 };

	look((const uint8_t *)self->base[spy->region] + spy->at, bytes, &f);
	tell(self, spy, &f);
	spy->at += TURN_BYTES;
	if (spy->at < r->bytes)
		return;
	spy->at = 0;
	if (++spy->region < self->bind->region_count)
		return;
	spy->region = 0;
	vanity_count(self, SPY_ROUNDS, 1);
}

/* Its work, as the topology's firewall does it: input i belongs to output i. */
static uint32_t pass(struct vanity_shard *self)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t total = 0;

	for (uint32_t i = 0; vanity_rx_at(self, i) != NULL; i++) {
		struct vanity_tx *tx = vanity_tx_at(self, i);
		uint32_t n = vanity_rx_take(vanity_rx_at(self, i), ref,
					    vanity_tx_room(tx, VANITY_BURST_MAX));

		for (uint32_t k = 0; k < n; k++)
			vanity_tx_put(tx, &ref[k]);
		if (n > 0)
			vanity_tx_publish(tx);
		total += n;
	}
	return total;
}

int vanity_main(struct vanity_shard *self)
{
	struct spy *spy = vanity_carry(self);
	struct found f = { 0 };
	uint64_t turns = 0;

	look(spy, sizeof(*spy), &early[SPY_PRIVATE]);
	look(self->bind, self->bind->bytes, &f);
	look(self->config, self->config_bytes, &f);
	tell_early(self);
	tell(self, spy, &f);
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = pass(self);

		/* Not all the time: its core is everybody's. */
		if (n == 0 || turns++ % 8 == 0)
			spy_turn(self, spy);
		if (n == 0)
			vanity_wait_until(self, SPIN_NS, vanity_now(self) + vanity_hz(self) / 1000);
	}
	return 0;
}
