/* SPDX-License-Identifier: Apache-2.0 */
/* Which wait a machine's shards get: by what was measured, faked here; and the measurement itself.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arch.h>

#include "waits.h"

#define BIT(kind) (1u << (kind))
#define EVERYBODYS (BIT(WAIT_PAUSE) | BIT(WAIT_PPOLL) | BIT(WAIT_BELL))

static void a_doze_is_chosen_only_where_it_was_seen_to_end_in_time(void **state)
{
	uint32_t both = EVERYBODYS | BIT(WAIT_TPAUSE) | BIT(WAIT_UMWAIT) | BIT(WAIT_MWAITX);
	uint32_t ns[WAIT_KINDS] = { [WAIT_BELL] = 60, [WAIT_UMWAIT] = 300, [WAIT_MWAITX] = 400 };

	(void)state;
	assert_int_equal(waits_choose(both, ns), WAIT_UMWAIT);
	ns[WAIT_UMWAIT] = WAITS_SLOW_NS;
	assert_int_equal(waits_choose(both, ns), WAIT_UMWAIT);
	ns[WAIT_UMWAIT] = WAITS_SLOW_NS + 1;
	assert_int_equal(waits_choose(both, ns), WAIT_MWAITX);
	ns[WAIT_MWAITX] = 0; /* it did not end */
	assert_int_equal(waits_choose(both, ns), WAIT_PAUSE);
	/* However fast something is that the processor does not report. */
	ns[WAIT_WFET] = 1;
	assert_int_equal(waits_choose(both, ns), WAIT_PAUSE);
	assert_int_equal(waits_choose(both | BIT(WAIT_WFET), ns), WAIT_WFET);
}

static struct plan *plan_with(const char *text)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	assert_non_null(plan);
	plan->shard_count = 2;
	strcpy(plan->shard[0].name, "left");
	strcpy(plan->shard[1].name, "right");
	if (text != NULL) {
		plan->shard[1].option_first = 3;
		plan->shard[1].option_count = 1;
		strcpy(plan->option[3].name, WAIT_OPTION);
		strcpy(plan->option[3].text, text);
	}
	return plan;
}

static void a_wait_that_is_not_to_be_had_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ NULL, NULL },
		{ "pause", NULL },
		{ "ppoll", NULL },
		{ "bell", NULL },
		{ "mwaitx", NULL },
		{ "umwait", "shard right: vanity_wait = umwait: this processor does not report it; "
			    "there is: pause, ppoll, bell, mwaitx" },
		{ "umwai", "shard right: vanity_wait = umwai: no wait has that name; "
			   "there is: pause, ppoll, bell, mwaitx" },
		{ "?", "shard right: vanity_wait = ?: no wait has that name; "
		       "there is: pause, ppoll, bell, mwaitx" },
	};
	struct waits w = { .features = EVERYBODYS | BIT(WAIT_MWAITX) };
	char why[256];

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan *plan = plan_with(cases[i].text);

		assert_int_equal(waits_refuse(&w, plan, why, sizeof(why)), cases[i].words != NULL);
		if (cases[i].words != NULL)
			assert_string_equal(why, cases[i].words);
		free(plan);
	}
}

static void without_a_measurement_every_shard_pauses(void **state)
{
	struct waits w;

	(void)state;
	waits_look(&w);
	assert_int_equal(w.best, WAIT_PAUSE);
	assert_int_equal(w.wake_ns, WAITS_WAKE_NS);
	assert_int_equal(w.features & EVERYBODYS, EVERYBODYS);
}

/* Of any machine: what was measured can be true, and nobody is left on another core. */
static void a_measurement_leaves_nothing_behind(void **state)
{
	cpu_set_t before, after;
	struct waits w;

	(void)state;
	if (sched_getaffinity(0, sizeof(before), &before) != 0)
		skip();
	waits_look(&w);
	/* Cores that nobody has: two others are taken. */
	if (waits_measure(&w, WAITS_CORES_MAX, WAITS_CORES_MAX) != 0) {
		assert_int_equal(w.best, WAIT_PAUSE);
		assert_int_equal(w.wake_ns, WAITS_WAKE_NS);
	} else {
		assert_in_range(w.wake_ns, WAITS_WAKE_NS_MIN, WAITS_WAKE_NS_MAX);
		assert_int_not_equal(w.features & BIT(w.best), 0);
	}
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	/* With one core there is nothing to measure. */
	memset(&after, 0, sizeof(after));
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&after) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &after);
	assert_int_equal(sched_setaffinity(0, sizeof(after), &after), 0);
	waits_look(&w);
	assert_int_equal(waits_measure(&w, 0, 1), 1);
	assert_int_equal(w.wake_ns, WAITS_WAKE_NS);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

/* Those of this processor: executed. */
static void every_doze_this_processor_has_ends(void **state)
{
	wire_u64 word = { 0 };
	struct waits w;

	(void)state;
	waits_look(&w);
	for (uint32_t k = 0; k < WAIT_KINDS; k++) {
		if (!wait_dozes(k) || (w.features & BIT(k)) == 0)
			continue;
		print_message("executed: %s\n", wait_name(k));
		wire_store(&word, k);
		wait_doze(k, &word, k + 1, UINT64_MAX);
		wait_doze(k, &word, k, arch_cycles() + 20000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_doze_is_chosen_only_where_it_was_seen_to_end_in_time),
		cmocka_unit_test(a_wait_that_is_not_to_be_had_is_refused_by_name),
		cmocka_unit_test(without_a_measurement_every_shard_pauses),
		cmocka_unit_test(a_measurement_leaves_nothing_behind),
		cmocka_unit_test(every_doze_this_processor_has_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
