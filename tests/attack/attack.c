/* SPDX-License-Identifier: Apache-2.0 */
/* attack.c: the way of an attacker, drawn in attack.h. */
#include "attack.h"

#include <linux/mman.h>

#define SPIN_NS 50000u

VANITY_COUNTERS({ ATTACK_TRIED, "tried" }, { ATTACK_WORKED, "worked" }, { ATTACK_DETAIL, "detail" },
		{ ATTACK_LEFT, "left" })
struct carry {
	struct vanity_ref burst[VANITY_BURST_MAX];
};
VANITY_CARRY(struct carry, 1)

/* What came of an attack at entry, until there is a cell to say it in. */
static struct {
	bool tried, worked;
	long detail;
	uint64_t stack; /* the first one, which is the kernel's */
} early;

bool attack_same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b)
		a++, b++;
	return *a == *b;
}

/* --- before the start code ----------------------------------------------------------------- */

__attribute__((noreturn, visibility("hidden"))) void __real_start_entry(const uint64_t *stack);
__attribute__((noreturn, visibility("hidden"))) void __wrap_start_entry(const uint64_t *stack);

static const char *entry_option(const struct bind *bind, const char *name)
{
	for (uint32_t i = 0; i < bind->option_count; i++)
		if (attack_same(bind_options(bind)[i].name, name))
			return bind_options(bind)[i].text;
	return "";
}

/* No filter lets a mapping go, but one without rights may take its place. */
static void forget(const void *at, uint64_t bytes)
{
	CALL_6(__NR_mmap, at, bytes, PROT_NONE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

/* The second generation: its cell is still the first one's. */
static bool entry_wanted(const struct bind *bind)
{
	uint64_t bytes = bind_regions(bind)[BIND_CELL].bytes;
	struct cell *cell;
	bool wanted;
	long at;

	if (!attack_same(entry_option(bind, "when"), "entry"))
		return false;
	at = CALL_6(__NR_mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		    bind_fd_regions(bind) + BIND_CELL, 0);
	cell = (struct cell *)at;
	if (call_failed(at))
		return false;
	wanted = wire_load(&cell->generation) == 1 && wire_load(&cell->counter[ATTACK_LEFT]) == 0;
	/* Who dies of it leaves the cell as it is: the next one shall not try again. */
	if (wanted)
		wire_store(&cell->counter[ATTACK_LEFT], 1);
	forget(cell, bytes);
	return wanted;
}

/* One that needs the descriptors that it starts with. Return: it is none of them. */
static bool run_early(struct attacker *a, const char *name, bool *ret_worked)
{
	if (attack_same(name, "descriptors"))
		*ret_worked = attack_descriptors(a);
	else if (attack_same(name, "reopen"))
		*ret_worked = attack_reopen(a);
	else if (attack_same(name, "resize"))
		*ret_worked = attack_resize(a);
	else if (attack_same(name, "lengthen"))
		*ret_worked = attack_lengthen(a);
	else if (attack_same(name, "punch_own"))
		*ret_worked = attack_punch_own(a);
	else if (attack_same(name, "punch"))
		*ret_worked = attack_punch(a);
	else
		return true;
	return false;
}

static void entry(const struct bind *bind)
{
	struct attacker a = { .bind = bind };

	early.tried = true;
	(void)run_early(&a, entry_option(bind, "attack"), &early.worked);
	early.detail = a.detail;
}

/* The linker puts it in front of libvanity's own (--wrap). */
void __wrap_start_entry(const uint64_t *stack)
{
	long bytes = CALL_3(__NR_lseek, BIND_FD_BLOCK, 0, 2 /* SEEK_END */);
	long at = CALL_6(__NR_mmap, NULL, bytes, PROT_READ, MAP_PRIVATE, BIND_FD_BLOCK, 0);
	const struct bind *bind = (const struct bind *)at;

	early.stack = (uint64_t)(uintptr_t)stack;
	if (!call_failed(at) && entry_wanted(bind))
		entry(bind);
	if (!call_failed(at))
		forget(bind, (uint64_t)bytes);
	__real_start_entry(stack);
}

/* --- as a program -------------------------------------------------------------------------- */

static const struct attack *find(const struct attack *table, const char *name)
{
	for (; table->name != NULL; table++)
		if (attack_same(table->name, name))
			return table;
	return NULL;
}

static bool run(struct attacker *a, const char *name)
{
	const struct attack *attack = find(attack_calls, name);
	bool worked = false;

	attack = attack != NULL ? attack : find(attack_system, name);
	attack = attack != NULL ? attack : find(attack_memory, name);
	attack = attack != NULL ? attack : find(attack_wire, name);
	attack = attack != NULL ? attack : find(attack_sweep, name);
	if (attack != NULL)
		return attack->run(a);
	if (run_early(a, name, &worked))
		(void)vanity_fatal(a->self, 2, "no such attack");
	return worked;
}

__attribute__((noreturn)) static void finish(struct vanity_shard *self, bool worked, long detail)
{
	vanity_count(self, ATTACK_DETAIL, (uint64_t)detail);
	vanity_count(self, ATTACK_WORKED, worked);
	vanity_count(self, ATTACK_TRIED, 1);
	(void)vanity_fatal(self, 1, worked ? "the attack worked" : "the attack was refused");
	__builtin_unreachable();
}

static void attack(struct vanity_shard *self, const char *name)
{
	struct attacker a = { .self = self, .bind = self->bind, .stack = early.stack };
	bool worked;

	a.path = vanity_option(self, "path");
	a.path = a.path != NULL ? a.path : "";
	a.number = vanity_option_u64(self, "number", 1);
	a.generation = vanity_generation(self);
	worked = run(&a, name);
	finish(self, worked, a.detail);
}

/* Every input's frames go to every output in turn, or home. */
static uint32_t honest(struct vanity_shard *self, struct carry *c)
{
	uint32_t total = 0;

	for (uint32_t i = 0; vanity_rx_at(self, i) != NULL; i++) {
		struct vanity_rx *rx = vanity_rx_at(self, i);
		struct vanity_tx *tx = vanity_tx_at(self, i);
		uint32_t room =
			tx != NULL ? vanity_tx_room(tx, VANITY_BURST_MAX) : VANITY_BURST_MAX;
		uint32_t n = vanity_rx_take(rx, c->burst, room);

		for (uint32_t k = 0; k < n; k++)
			if (tx != NULL)
				vanity_tx_put(tx, &c->burst[k]);
			else
				vanity_rx_give_back(rx, &c->burst[k], VANITY_DONE);
		if (tx != NULL)
			vanity_tx_publish(tx);
		total += n;
	}
	return total;
}

int vanity_main(struct vanity_shard *self)
{
	struct carry *c = vanity_carry(self);
	const char *name = vanity_option(self, "attack");
	const char *when = vanity_option(self, "when");
	uint64_t last = vanity_option_u64(self, "last", 2);
	bool second = vanity_generation(self) >= 2 && vanity_generation(self) <= last &&
		      name != NULL && when != NULL;

	if (second && attack_same(when, "entry") && early.tried)
		finish(self, early.worked, early.detail);
	if (second && attack_same(when, "start"))
		attack(self, name);
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t n = honest(self, c);

		/* In the middle of its work, when its channels are open. */
		if (second && attack_same(when, "ready") && self->unopened == 0)
			attack(self, name);
		if (n == 0)
			vanity_wait(self, SPIN_NS);
	}
	return 0;
}
