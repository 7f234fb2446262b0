/* SPDX-License-Identifier: Apache-2.0 */
/* explore.c: see explore.h. A switch is _setjmp and _longjmp, as in libvanity/sim/sim.c. */
#undef _FORTIFY_SOURCE /* its longjmp knows one stack */
#include "explore.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define WORDS_MAX 28
#define CLOCKS WORDS_MAX /* of a view: for each thread, of its explore_used() */
#define VIEW_MAX 32
#define STORES_MAX 48
#define STEPS_MAX 400
#define STATES_BITS 23
#define STACK_BYTES 65536

struct view {
	uint8_t at[VIEW_MAX];
};

struct store {
	uint64_t value;
	struct view view;
};

struct word {
	const void *address;
	enum word_kind kind;
	const char *name;
	uint32_t number;
	int writer;
	uint32_t count;
	uint8_t used[THREADS_MAX]; /* clock of the reader */
	struct store store[STORES_MAX];
};

struct thread {
	enum { THREAD_READY, THREAD_SLEEPS, THREAD_DONE } state;
	uint32_t wakes;
	uint64_t history;
	struct view now, acquire, release;
	jmp_buf base, jump;
	ucontext_t context;
	uint8_t *stack;
	struct { /* ACCESS_ORDER: stores that wait for word 0 */
		uint32_t word;
		uint64_t value;
	} held[8];
	uint32_t held_count;
};

struct step {
	uint8_t thread, what, order;
	int16_t word;
	uint16_t which, newest;
	uint64_t value;
};

static struct {
	const struct scenario *scenario;
	const struct mutant *mutant;
	struct word word[WORDS_MAX];
	uint32_t word_count;
	struct view fence;
	struct thread thread[THREADS_MAX];
	uint32_t thread_count, running;
	jmp_buf scheduler;
	ucontext_t main;
	struct {
		uint16_t chosen, count;
	} choice[STEPS_MAX * 2];
	uint32_t choice_count, choice_at;
	struct step step[STEPS_MAX];
	uint32_t step_count, step_limit;
	struct step best[STEPS_MAX]; /* the shortest counterexample */
	uint32_t best_count;
	const char *wrong;
	uint64_t *seen, seen_count;
} e;

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t v;

		memcpy(&v, (const uint8_t *)bytes + i, 8);
		h = mix(h, v);
	}
	return h;
}

static void join(struct view *to, const struct view *from)
{
	for (uint32_t i = 0; i < VIEW_MAX; i++)
		if (to->at[i] < from->at[i])
			to->at[i] = from->at[i];
}

static void impossible(const char *what)
{
	fprintf(stderr, "explore: %s\n", what);
	abort();
}

static uint32_t choose(uint32_t count)
{
	if (count == 1)
		return 0;
	if (e.choice_at == e.choice_count) {
		if (e.choice_count == sizeof(e.choice) / sizeof(e.choice[0]))
			impossible("too many choices");
		e.choice[e.choice_count].chosen = 0;
		e.choice[e.choice_count++].count = (uint16_t)count;
	}
	if (e.choice[e.choice_at].count != count)
		impossible("an execution did not repeat");
	return e.choice[e.choice_at++].chosen;
}

/* --- threads ------------------------------------------------------------------------------- */

static void thread_main(void)
{
	struct thread *t = &e.thread[e.running];

	if (_setjmp(t->base) == 0)
		swapcontext(&t->context, &e.main);
	e.scenario->thread[e.running]();
	e.thread[e.running].state = THREAD_DONE;
	_longjmp(e.scheduler, 1);
}

/*
 * Before each load, fence and wake: whoever is chosen goes on. Not before a store: it takes away
 * nothing that another could do, whose loads may return what was there before.
 */
static void point(void)
{
	if (_setjmp(e.thread[e.running].jump) == 0)
		_longjmp(e.scheduler, 1);
}

void explore_assert(bool holds, const char *wrong)
{
	if (holds)
		return;
	e.wrong = wrong;
	_longjmp(e.scheduler, 1);
}

static void note(uint32_t what, int order, int word, uint64_t value, uint32_t which,
		 uint32_t newest)
{
	struct thread *t = &e.thread[e.running];

	t->history = mix(mix(t->history, what + 1), (uint64_t)(word + 1));
	if (what == ACCESS_LOAD)
		t->history = mix(t->history, value);
	if (e.step_count == STEPS_MAX)
		impossible("too many steps");
	e.step[e.step_count++] =
		(struct step){ (uint8_t)e.running, (uint8_t)what,    (uint8_t)order, (int16_t)word,
			       (uint16_t)which,    (uint16_t)newest, value };
}

const struct scenario *explore_now(void)
{
	return e.scenario;
}

bool explore_without(uint32_t program)
{
	return e.mutant != NULL && e.mutant->access == ACCESS_PROGRAM && e.mutant->kind == program;
}

void explore_here(uint64_t state)
{
	e.thread[e.running].history = mix(1, state);
}

void explore_wake(uint32_t thread)
{
	point();
	note(ACCESS_PROGRAM, 1, -1, thread, 0, 0);
	e.thread[thread].wakes = 1;
}

void explore_sleep(void)
{
	struct thread *t = &e.thread[e.running];

	t->state = THREAD_SLEEPS;
	point();
	t->state = THREAD_READY;
	t->wakes = 0;
	note(ACCESS_PROGRAM, 0, -1, 0, 0, 0);
}

/* --- memory -------------------------------------------------------------------------------- */

void explore_word(const void *address, enum word_kind kind, const char *name, uint32_t number)
{
	struct word *w = &e.word[e.word_count];

	if (e.word_count++ == WORDS_MAX)
		impossible("too many words");
	w->address = address;
	w->kind = kind;
	w->name = name;
	w->number = number;
	w->writer = -1;
	w->count = 1;
	memset(w->used, 0, sizeof(w->used));
	memset(&w->store[0], 0, sizeof(w->store[0]));
}

static uint32_t word_at(const void *address)
{
	for (uint32_t i = 0; i < e.word_count; i++)
		if (e.word[i].address == address)
			return i;
	impossible("a word without a name");
	return 0;
}

static int weakened(enum access access, uint32_t word, int order)
{
	const struct mutant *m = e.mutant;

	if (m != NULL && m->access == access && e.word[word].kind == m->kind)
		return __ATOMIC_RELAXED;
	return order;
}

uint64_t explore_load(const void *address, int order)
{
	struct thread *t = &e.thread[e.running];
	uint32_t at = word_at(address), newest, which;
	struct word *w = &e.word[at];

	order = weakened(ACCESS_LOAD, at, order);
	point();
	newest = w->count - 1;
	which = newest - choose(newest - t->now.at[at] + 1);
	t->now.at[at] = (uint8_t)which;
	join(order == __ATOMIC_RELAXED ? &t->acquire : &t->now, &w->store[which].view);
	note(ACCESS_LOAD, order, (int)at, w->store[which].value, which, newest);
	return w->store[which].value;
}

static void store_now(uint32_t at, uint64_t value, int order)
{
	struct thread *t = &e.thread[e.running];
	struct word *w = &e.word[at];
	struct store *s = &w->store[w->count];

	if (w->writer < 0)
		w->writer = (int)e.running;
	if (w->writer != (int)e.running)
		impossible("two writers of one word");
	if (w->count == STORES_MAX)
		impossible("too many stores");
	t->now.at[at] = (uint8_t)w->count;
	s->value = value;
	s->view = order == __ATOMIC_RELAXED ? t->release : t->now;
	s->view.at[at] = (uint8_t)w->count;
	note(ACCESS_STORE, order, (int)at, value, w->count, w->count);
	w->count++;
	for (uint32_t i = 0; i < e.thread_count; i++)
		explore_assert(w->used[i] <= t->now.at[CLOCKS + i],
			       "written over what was not read yet, for all its writer knows");
}

void explore_store(void *address, uint64_t value, int order)
{
	struct thread *t = &e.thread[e.running];
	uint32_t at = word_at(address);
	bool reorders = e.mutant != NULL && e.mutant->access == ACCESS_ORDER;

	order = weakened(ACCESS_STORE, at, order);
	if (reorders && e.word[at].kind == WORD_PAYLOAD) {
		t->held[t->held_count].word = at;
		t->held[t->held_count++].value = value;
		return;
	}
	store_now(at, value, order);
	if (reorders && e.word[at].kind == WORD_LAP) {
		for (uint32_t i = 0; i < t->held_count; i++)
			store_now(t->held[i].word, t->held[i].value, __ATOMIC_RELAXED);
		t->held_count = 0;
	}
}

/* Both words in one step, after all that was stored before. */
void explore_store_pair(void *address, uint64_t first, uint64_t second)
{
	uint32_t at = word_at(address), next = word_at((uint64_t *)address + 1);
	int order = weakened(ACCESS_STORE, at, __ATOMIC_RELEASE);
	bool halves = e.mutant != NULL && e.mutant->access == ACCESS_PAIR;

	if (e.mutant != NULL && e.mutant->access == ACCESS_ORDER) {
		explore_store((uint64_t *)address + 1, second, __ATOMIC_RELAXED);
		explore_store(address, first, order);
		return;
	}
	if (halves) {
		store_now(at, first, order);
		store_now(next, second, __ATOMIC_RELAXED);
	} else {
		store_now(next, second, __ATOMIC_RELAXED);
		store_now(at, first, order);
		/* One store: who sees the lap sees the other half, in whatever order it was. */
		e.word[at].store[e.word[at].count - 1].view.at[next] =
			(uint8_t)(e.word[next].count - 1);
	}
}

void explore_fence(int order)
{
	struct thread *t = &e.thread[e.running];

	if (order != __ATOMIC_SEQ_CST)
		impossible("a fence that is not known here");
	if (e.mutant != NULL && e.mutant->access == ACCESS_FENCE && e.mutant->kind == e.running)
		return;
	point();
	join(&t->now, &t->acquire);
	join(&t->now, &e.fence);
	e.fence = t->now;
	t->release = t->now;
	note(ACCESS_FENCE, order, -1, 0, 0, 0);
}

void explore_used(const void *address)
{
	struct thread *t = &e.thread[e.running];
	uint32_t at = word_at(address);
	struct word *w = &e.word[at];

	explore_assert(t->now.at[at] == w->count - 1, "written over before it was read");
	w->used[e.running] = ++t->now.at[CLOCKS + e.running];
}

/* --- search -------------------------------------------------------------------------------- */

/* Whether this state was seen; now it was. */
static bool state_seen(void)
{
	uint64_t h = mix_bytes(7, &e.fence, sizeof(e.fence)), mask = (1ull << STATES_BITS) - 1, i;

	for (uint32_t n = 0; n < e.thread_count; n++) {
		struct thread *t = &e.thread[n];

		h = mix(mix(mix(h, t->state), t->wakes), t->history);
		h = mix_bytes(h, &t->now, sizeof(t->now));
		h = mix_bytes(h, &t->acquire, sizeof(t->acquire));
		h = mix_bytes(h, &t->release, sizeof(t->release));
	}
	for (uint32_t n = 0; n < e.word_count; n++) {
		struct word *w = &e.word[n];

		h = mix(h, w->count);
		for (uint32_t u = 0; u < THREADS_MAX; u++)
			h = mix(h, w->used[u]);
		h = mix_bytes(h, w->store, w->count * (uint32_t)sizeof(w->store[0]));
	}
	h |= h == 0;
	for (i = h >> 20 & mask; e.seen[i] != 0; i = (i + 1) & mask)
		if (e.seen[i] == h)
			return true;
	if (++e.seen_count > mask / 4 * 3)
		impossible("too many states");
	e.seen[i] = h;
	return false;
}

/* One execution, along the choices and then on. */
static void execute(void)
{
	volatile uint32_t begun = 0;

	e.choice_at = 0;
	e.step_count = 0;
	e.word_count = 0;
	e.wrong = NULL;
	memset(&e.fence, 0, sizeof(e.fence));
	for (uint32_t i = 0; i < e.thread_count; i++) {
		struct thread *t = &e.thread[i];

		t->state = THREAD_READY;
		t->wakes = 0;
		t->history = 0;
		t->held_count = 0;
		memset(&t->now, 0, sizeof(t->now));
		memset(&t->acquire, 0, sizeof(t->acquire));
		memset(&t->release, 0, sizeof(t->release));
	}
	e.scenario->begin();

	(void)_setjmp(e.scheduler);
	while (e.wrong == NULL) {
		uint32_t can[THREADS_MAX], count = 0, done = 0;

		/* Each up to its first access: nobody sees what is before. */
		if (begun < e.thread_count) {
			e.running = begun++;
			_longjmp(e.thread[e.running].base, 1);
		}
		for (uint32_t i = 0; i < e.thread_count; i++) {
			const struct thread *t = &e.thread[i];

			done += t->state == THREAD_DONE;
			if (t->state == THREAD_READY || (t->state == THREAD_SLEEPS && t->wakes > 0))
				can[count++] = i;
		}
		if (count == 0) {
			if (done < e.thread_count)
				e.wrong = "nobody can go on";
			return;
		}
		if (e.step_count >= e.step_limit)
			return;
		if (e.choice_at == e.choice_count && state_seen())
			return;
		/* The one that ran goes on first: short schedules. */
		e.running = can[choose(count)];
		_longjmp(e.thread[e.running].jump, 1);
	}
}

static const char *order_name(int order)
{
	return order == __ATOMIC_ACQUIRE   ? "acquire"
	       : order == __ATOMIC_RELEASE ? "release"
					   : "relaxed";
}

static void print_step(const struct step *s)
{
	const struct word *w = s->word >= 0 ? &e.word[s->word] : NULL;
	static const char *const names[] = { "A", "B", "C" };

	printf("        %s  ", names[s->thread]);
	switch (s->what) {
	case ACCESS_FENCE:
		printf("fence\n");
		return;
	case ACCESS_PROGRAM:
		if (s->order)
			printf("wakes %s\n", names[s->value]);
		else
			printf("is awake\n");
		return;
	default:
		printf("%s %s", s->what == ACCESS_LOAD ? "loads " : "stores", w->name);
		if (w->kind <= WORD_PAYLOAD)
			printf("[%u]", w->number);
		printf(" %s %llx, %s", s->what == ACCESS_LOAD ? "->" : "=",
		       (unsigned long long)s->value, order_name(s->order));
		if (s->which != s->newest)
			printf(", %u behind", s->newest - s->which);
		printf("\n");
	}
}

struct found explore(const struct scenario *s, const struct mutant *mutant)
{
	struct found found = { 0 };

	e.best_count = 0;
	e.scenario = s;
	e.mutant = mutant;
	e.choice_count = 0;
	e.seen_count = 0;
	e.step_limit = UINT32_MAX;
	if (e.seen == NULL && (e.seen = malloc(sizeof(*e.seen) << STATES_BITS)) == NULL)
		impossible("no memory");
	memset(e.seen, 0, sizeof(*e.seen) << STATES_BITS);
	for (e.thread_count = 0; e.thread_count < THREADS_MAX && s->thread[e.thread_count];)
		e.thread_count++;
	for (e.running = 0; e.running < e.thread_count; e.running++) {
		struct thread *t = &e.thread[e.running];

		if (t->stack == NULL && (t->stack = malloc(STACK_BYTES)) == NULL)
			impossible("no memory");
		getcontext(&t->context);
		t->context.uc_stack.ss_sp = t->stack;
		t->context.uc_stack.ss_size = STACK_BYTES;
		t->context.uc_link = NULL;
		makecontext(&t->context, thread_main, 0);
		swapcontext(&e.main, &t->context);
	}
	for (;;) {
		execute();
		found.executions++;
		if (e.wrong != NULL) {
			/* Go on for a shorter one. */
			found.wrong = e.wrong;
			e.best_count = e.step_count;
			memcpy(e.best, e.step, sizeof(e.best));
			e.step_limit = e.best_count - 1;
		}
		e.choice_count = e.choice_at;
		while (e.choice_count > 0 && e.choice[e.choice_count - 1].chosen + 1u ==
						     e.choice[e.choice_count - 1].count)
			e.choice_count--;
		if (e.choice_count == 0)
			break;
		e.choice[e.choice_count - 1].chosen++;
	}
	found.states = e.seen_count;
	found.steps = e.best_count;
	return found;
}

void explore_print(void)
{
	for (uint32_t i = 0; i < e.best_count; i++)
		print_step(&e.best[i]);
}
