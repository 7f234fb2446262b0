/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c: the token. See sim.h.
 *
 * A switch is _setjmp and _longjmp between stacks that makecontext made: swapcontext saves the
 * signal mask by a system call each time and takes ten times as long (docs/decisions/0002). The
 * address sanitizer must be told of each change of stack, and its _longjmp is made for one stack
 * only: under it the slow way is taken.
 */
#undef _FORTIFY_SOURCE /* its longjmp refuses another stack */

#include "sim/sim.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifndef SIM_ASAN
#define SIM_ASAN 0
#endif

#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_BYTES (1024u * 1024u)
#else
#define STACK_BYTES (128u * 1024u)
#endif
#define STACK_GUARD 65536u /* a multiple of every page size there is */

struct sim_fiber {
	ucontext_t context;
	jmp_buf jump;
	bool started;
	void *fake; /* of the sanitizer */
	const void *stack;
	size_t stack_bytes;
};

struct sim sim;
bool sim_tracing;

static struct sim_fiber process; /* the stack sim_run() was called on */
static struct sim_fiber fiber[SIM_PARTIES_MAX];
static bool in_hook;

/* --- fibers -------------------------------------------------------------------------------- */

static void fiber_arrive(struct sim_fiber *to)
{
#if SIM_ASAN
	const void *stack;
	size_t bytes;

	__sanitizer_finish_switch_fiber(to->fake, &stack, &bytes);
	to->fake = NULL;
	if (process.stack == NULL) {
		process.stack = stack;
		process.stack_bytes = bytes;
	}
#else
	(void)to;
#endif
}

/* @ends: @from is never resumed. */
static void fiber_switch(struct sim_fiber *from, struct sim_fiber *to, bool ends)
{
#if SIM_ASAN
	__sanitizer_start_switch_fiber(ends ? NULL : &from->fake, to->stack, to->stack_bytes);
	swapcontext(&from->context, &to->context);
	fiber_arrive(from);
#else
	(void)ends;
	if (_setjmp(from->jump) != 0)
		return;
	if (to->started)
		_longjmp(to->jump, 1);
	to->started = true;
	setcontext(&to->context);
#endif
}

static void fiber_main(void)
{
	struct sim_party *p = &sim.party[sim.current];

	fiber_arrive(p->fiber);
	p->entry(p->argument);
	sim_end();
}

static void fiber_make(struct sim_fiber *f)
{
	if (f->stack == NULL) {
		char *at = mmap(NULL, STACK_GUARD + STACK_BYTES, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED ||
		    mprotect(at + STACK_GUARD, STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
			perror("vanity-sim: no memory for a stack");
			exit(2);
		}
		f->stack = at + STACK_GUARD;
		f->stack_bytes = STACK_BYTES;
	}
#if SIM_ASAN
	ASAN_UNPOISON_MEMORY_REGION(f->stack, f->stack_bytes);
#endif
	/* What an earlier generation left must not reach the next run: the same bytes every time.
	 */
	memset((void *)(uintptr_t)f->stack, 0xa5, f->stack_bytes);
	memset(&f->context, 0, sizeof(f->context));
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = (void *)(uintptr_t)f->stack;
	f->context.uc_stack.ss_size = f->stack_bytes;
	f->context.uc_link = NULL;
	f->started = false;
	f->fake = NULL;
	makecontext(&f->context, fiber_main, 0);
}

/* --- the trace ----------------------------------------------------------------------------- */

static void trace_mix(uint64_t x)
{
	sim.trace = cell_mix(sim.trace ^ x);
}

static void trace_print(const char *what, uint64_t a, uint64_t b)
{
	printf("%10" PRIu64 " %12" PRIu64 " %-8s %s %" PRIu64 " %" PRIu64 "\n", sim.step, sim.now,
	       sim.party[sim.current].name, what, a, b);
}

void sim_note(const char *what, uint64_t a, uint64_t b)
{
	uint64_t word = 0;

	for (const char *c = what; *c != '\0'; c++)
		word = word * 131 + (unsigned char)*c;
	trace_mix(word);
	trace_mix(a);
	trace_mix(b);
	trace_mix(sim.step);
	trace_mix(sim.now);
	if (sim_tracing)
		trace_print(what, a, b);
}

/* --- the scheduler ------------------------------------------------------------------------- */

static bool party_can_run(const struct sim_party *p)
{
	if (p->state == SIM_NONE || p->hung || p->stalled_until > sim.now)
		return false;
	return p->state == SIM_READY || p->event || p->deadline <= sim.now;
}

/* When @p may run at the earliest if nobody does anything; SIM_NEVER. */
static uint64_t party_next(const struct sim_party *p)
{
	uint64_t at = p->stalled_until;

	if (p->state == SIM_NONE || p->hung)
		return SIM_NEVER;
	if (p->state == SIM_WAITING && !p->event && p->deadline > at)
		at = p->deadline;
	return at;
}

static uint32_t rank_draw(void)
{
	if (sim.style.pick == 1)
		return 1u << (2 * sim_random_below(&sim.random, 4)); /* 1, 4, 16, 64 */
	return (uint32_t)sim_random_below(&sim.random, 1u << 20);
}

static uint32_t pick_among(const uint32_t *able, uint32_t count)
{
	uint64_t sum = 0, at;
	uint32_t best = 0;

	if (count == 1)
		return able[0];
	switch (sim.style.pick) {
	case 0:
		return able[sim_random_below(&sim.random, count)];
	case 1:
		for (uint32_t i = 0; i < count; i++)
			sum += sim.party[able[i]].rank;
		at = sim_random_below(&sim.random, sum);
		for (uint32_t i = 0; i < count; i++) {
			if (at < sim.party[able[i]].rank)
				return able[i];
			at -= sim.party[able[i]].rank;
		}
		return able[count - 1];
	default:
		for (uint32_t i = 1; i < count; i++)
			if (sim.party[able[i]].rank > sim.party[able[best]].rank)
				best = i;
		return able[best];
	}
}

static uint32_t sim_pick(void)
{
	uint32_t able[SIM_PARTIES_MAX];
	uint32_t count = 0;

	if (sim.style.pick != 0 && sim_random_below(&sim.random, sim.style.change) == 0)
		sim.party[sim.current].rank = rank_draw();
	for (;;) {
		uint64_t next = SIM_NEVER;

		for (uint32_t i = 0; i < sim.party_count; i++) {
			uint64_t at;

			if (party_can_run(&sim.party[i])) {
				able[count++] = i;
				continue;
			}
			at = party_next(&sim.party[i]);
			if (at < next)
				next = at;
		}
		if (count > 0)
			return pick_among(able, count);
		if (next == SIM_NEVER) {
			/* Cannot be: the daemon's waits have deadlines. */
			fprintf(stderr, "vanity-sim: nobody can ever run again\n");
			exit(2);
		}
		sim.now = next;
	}
}

static void slice_draw(void)
{
	struct sim_party *p = &sim.party[sim.current];
	uint64_t slice = 1 + sim_random_below(&sim.random, 2 * sim.style.slice - 1);

	/* Now and then a party runs far ahead of the others. */
	if (sim_random_below(&sim.random, 16) == 0)
		slice *= 16;
	if (p->trip != SIM_NEVER && p->trip - p->touches < slice)
		slice = p->trip > p->touches ? p->trip - p->touches : 1;
	sim.slice = (uint32_t)slice;
	sim.cost = 4 + (uint32_t)sim_random_below(&sim.random, 29);
}

/* Gives the token to whoever comes next; returns when it comes back. */
static void sim_leave(bool ends)
{
	uint32_t from = sim.current, to;

	if (sim.stop) {
		fiber_switch(sim.party[from].fiber, &process, ends);
		return;
	}
	to = sim_pick();
	sim.party[to].state = SIM_READY;
	sim.current = to;
	slice_draw();
	if (to == from && !ends)
		return;
	sim.switches++;
	trace_mix((uint64_t)to << 48 ^ sim.step);
	if (sim_tracing)
		trace_print("runs", sim.slice, sim.cost);
	fiber_switch(sim.party[from].fiber, sim.party[to].fiber, ends);
}

static void sim_slow(void)
{
	struct sim_party *p = &sim.party[sim.current];

	if (p->touches >= p->trip) {
		p->trip = SIM_NEVER;
		in_hook = true;
		sim.host->trip(sim.host->context, sim.current);
		in_hook = false;
	}
	if (sim.step > sim.step_limit) {
		in_hook = true;
		sim.host->limit(sim.host->context);
		in_hook = false;
	}
	if (p->state == SIM_NONE) {
		sim_leave(true);
		abort(); /* nobody comes back to a stack that was dropped */
	}
	p->involuntary++;
	sim_leave(false);
}

void sim_point(const void *word)
{
	struct sim_party *p = &sim.party[sim.current];

	sim.step++;
	sim.now += sim.cost;
	p->touches++;
	if (word == NULL) {
		/* A pause in a polling loop (or a fence): it takes longer, and others come first.
		 */
		sim.now += 8 * (uint64_t)sim.cost;
		if (p->trip - p->touches > 1 && sim.slice > 4)
			sim.slice = 4;
	}
	if (sim_tracing && sim.host->touches != NULL)
		sim.host->touches(sim.host->context, sim.current, word);
	if (--sim.slice == 0)
		sim_slow();
}

uint64_t sim_cycles(void)
{
	/* Whoever only looks at the clock sees it move. */
	sim.now += 1;
	return sim.now;
}

/* --- parties ------------------------------------------------------------------------------- */

void sim_init(uint64_t seed, const struct sim_host *host, uint32_t party_count)
{
	static const uint32_t slices[] = { 1, 3, 8, 24, 80, 300 };
	struct sim_random *r = &sim.random;

	memset(&sim, 0, sizeof(sim));
	sim_random_init(r, seed, 1);
	sim.host = host;
	sim.party_count = party_count;
	sim.step_limit = SIM_NEVER;
	sim.cost = 10;
	sim.slice = 1;
	sim.style.pick = (uint32_t)sim_random_below(r, 3);
	sim.style.slice = slices[sim_random_below(r, sizeof(slices) / sizeof(slices[0]))];
	sim.style.early = sim_random_below(r, 4) == 0 ? 8 : 0;
	sim.style.change = 1u << (3 + sim_random_below(r, 5));
	for (uint32_t i = 0; i < party_count; i++) {
		sim.party[i].fiber = &fiber[i];
		sim.party[i].trip = SIM_NEVER;
		sim.party[i].rank = rank_draw();
	}
}

void sim_fini(void)
{
	for (uint32_t i = 0; i < SIM_PARTIES_MAX; i++) {
		if (fiber[i].stack != NULL)
			munmap((char *)(uintptr_t)fiber[i].stack - STACK_GUARD,
			       STACK_GUARD + fiber[i].stack_bytes);
		fiber[i].stack = NULL;
	}
}

void sim_spawn(uint32_t party, const char *name, void (*entry)(void *argument), void *argument)
{
	struct sim_party *p = &sim.party[party];

	if (p->state != SIM_NONE)
		abort();
	fiber_make(p->fiber);
	p->name = name;
	p->entry = entry;
	p->argument = argument;
	p->state = SIM_READY;
	p->hung = 0;
	p->stalled_until = 0;
	sim_note("spawn", party, 0);
}

void sim_kill(uint32_t party)
{
	struct sim_party *p = &sim.party[party];

	p->state = SIM_NONE;
	p->hung = 0;
	p->stalled_until = 0;
	if (party == sim.current && !in_hook) {
		sim_leave(true);
		abort();
	}
}

_Noreturn void sim_end(void)
{
	sim.party[sim.current].state = SIM_NONE;
	sim_leave(true);
	abort();
}

void sim_run(void)
{
	uint32_t first = sim_pick();

	sim.party[first].state = SIM_READY;
	sim.current = first;
	slice_draw();
	process.started = true;
	fiber_switch(&process, sim.party[first].fiber, false);
}

void sim_stop(void)
{
	sim.stop = 1;
	if (!in_hook)
		sim_leave(false);
}

void sim_wait(const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	struct sim_party *p = &sim.party[sim.current];

	if (wire_load_acquire(bell) != old)
		return;
	if (sim.style.early != 0 && sim_random_below(&sim.random, sim.style.early) == 0) {
		sim_point(bell);
		return;
	}
	p->voluntary++;
	if (p->event) {
		p->event = 0;
		return;
	}
	sim.host->sleeps(sim.host->context, sim.current);
	p->deadline = deadline;
	p->state = SIM_WAITING;
	sim_leave(false);
	if (p->event)
		p->event = 0;
	else
		sim.host->expired(sim.host->context, sim.current);
}

void sim_wake(uint32_t party)
{
	sim.party[party].event = 1;
}

void sim_trip(uint32_t party, uint64_t touch)
{
	struct sim_party *p = &sim.party[party];

	p->trip = touch;
	if (party == sim.current && touch > p->touches && touch - p->touches < sim.slice)
		sim.slice = (uint32_t)(touch - p->touches);
}
