/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "router/neighbour.h"

#define HZ 1000u

static struct rt_neighbours cache;
static const struct craft_addr addr = { 0xc000020200000000, 0 };
static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t other[6] = { 2, 0, 0, 0, 0, 2 };

static struct rt_neighbour *known(uint64_t now)
{
	struct rt_neighbour *n;

	rt_neighbours_init(&cache, HZ);
	n = rt_neighbour_ask(&cache, 1, 4, &addr, now);
	assert_non_null(n);
	rt_neighbour_answered(&cache, n, mac, true, true, now);
	assert_int_equal(n->state, RT_NEIGHBOUR_REACHABLE);
	return n;
}

static void silence_is_asked_three_times_a_second_apart(void **state)
{
	struct rt_neighbour *n;

	(void)state;
	rt_neighbours_init(&cache, HZ);
	n = rt_neighbour_ask(&cache, 1, 4, &addr, 0);
	assert_int_equal(rt_neighbour_due(&cache, n, 0), RT_DUE_ASK_ALL);
	assert_int_equal(rt_neighbour_due(&cache, n, 999), RT_DUE_NOTHING);
	assert_int_equal(rt_neighbour_due(&cache, n, 1000), RT_DUE_ASK_ALL);
	assert_int_equal(rt_neighbour_due(&cache, n, 2000), RT_DUE_ASK_ALL);
	assert_int_equal(rt_neighbour_due(&cache, n, 2999), RT_DUE_NOTHING);
	assert_int_equal(rt_neighbour_due(&cache, n, 3000), RT_DUE_GONE);
	rt_neighbour_forget(&cache, n);
	assert_null(rt_neighbour_find(&cache, 1, 4, &addr));
	assert_int_equal(cache.asked_count, 0);
}

static void one_in_use_is_probed_after_reachable_and_delay(void **state)
{
	struct rt_neighbour *n = known(0);

	(void)state;
	rt_neighbour_use(&cache, n, 29999);
	assert_int_equal(n->state, RT_NEIGHBOUR_REACHABLE);
	rt_neighbour_use(&cache, n, 30000);
	assert_int_equal(n->state, RT_NEIGHBOUR_DELAY);
	assert_int_equal(rt_neighbour_due(&cache, n, 34999), RT_DUE_NOTHING);
	assert_int_equal(rt_neighbour_due(&cache, n, 35000), RT_DUE_ASK_HIM);
	assert_int_equal(rt_neighbour_due(&cache, n, 36000), RT_DUE_ASK_HIM);
	assert_int_equal(rt_neighbour_due(&cache, n, 37000), RT_DUE_ASK_HIM);
	assert_memory_equal(n->mac, mac, 6); /* frames go there still */
	assert_int_equal(rt_neighbour_due(&cache, n, 38000), RT_DUE_GONE);
	rt_neighbour_answered(&cache, n, NULL, true, true, 38000);
	assert_int_equal(n->state, RT_NEIGHBOUR_REACHABLE);
}

static void one_that_nobody_uses_is_forgotten(void **state)
{
	struct rt_neighbour *n = known(0);

	(void)state;
	assert_int_equal(rt_neighbour_due(&cache, n, 30000), RT_DUE_NOTHING);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	assert_int_equal(rt_neighbour_due(&cache, n, 30000 + 1199999), RT_DUE_NOTHING);
	assert_int_equal(rt_neighbour_due(&cache, n, 30000 + 1200000), RT_DUE_GONE);
}

static void an_advertisement_changes_what_rfc_4861_lets_it(void **state)
{
	struct rt_neighbour *n = known(0);

	(void)state;
	rt_neighbour_answered(&cache, n, other, true, false, 1); /* no override */
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	assert_memory_equal(n->mac, mac, 6);
	rt_neighbour_answered(&cache, n, other, true, false, 1);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	rt_neighbour_answered(&cache, n, mac, false, true, 1); /* says nothing new */
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	rt_neighbour_answered(&cache, n, mac, true, false, 1);
	assert_int_equal(n->state, RT_NEIGHBOUR_REACHABLE);
	rt_neighbour_answered(&cache, n, other, false, true, 1);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	assert_memory_equal(n->mac, other, 6);
	n = rt_neighbour_ask(&cache, 2, 4, &addr, 0);
	rt_neighbour_answered(&cache, n, NULL, true, true, 1); /* where, it does not say */
	assert_int_equal(n->state, RT_NEIGHBOUR_INCOMPLETE);
	rt_neighbour_answered(&cache, n, mac, false, false, 1);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
}

static void a_word_unasked_is_stale_until_it_is_proved(void **state)
{
	struct rt_neighbour *n = known(0);

	(void)state;
	assert_ptr_equal(rt_neighbour_heard_of(&cache, n, 1, 4, &addr, mac, 1), n);
	assert_int_equal(n->state, RT_NEIGHBOUR_REACHABLE);
	rt_neighbour_heard_of(&cache, n, 1, 4, &addr, other, 1);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	n = rt_neighbour_heard_of(&cache, NULL, 3, 4, &addr, mac, 1);
	assert_non_null(n);
	assert_int_equal(n->state, RT_NEIGHBOUR_STALE);
	assert_ptr_equal(rt_neighbour_find(&cache, 3, 4, &addr), n);
	assert_null(rt_neighbour_find(&cache, 3, 6, &addr));
}

static void a_full_cache_gives_up_the_stale_and_never_the_reachable(void **state)
{
	struct rt_neighbour *first = known(0);

	(void)state;
	for (uint64_t i = 0; i < 5 * RT_NEIGHBOURS_MAX; i++) {
		struct craft_addr a = { i, 7 };

		rt_neighbour_heard_of(&cache, NULL, 0, 6, &a, mac, 1);
	}
	assert_int_equal(cache.count, RT_NEIGHBOURS_MAX);
	assert_ptr_equal(rt_neighbour_find(&cache, 1, 4, &addr), first);
	for (uint64_t i = 0; i < 600; i++) {
		struct craft_addr a = { i, 9 };
		struct rt_neighbour *n = rt_neighbour_ask(&cache, 0, 6, &a, 1);

		assert_int_equal(n != NULL, i < RT_NEIGHBOURS_ASKED_MAX);
	}
}

static void a_sweep_reaches_every_entry_however_long_the_sleep(void **state)
{
	uint32_t looks = 0;

	(void)state;
	known(0);
	for (uint64_t now = 0; now <= 200; now += 2)
		looks += rt_neighbours_sweep(&cache, now);
	assert_true(looks >= RT_NEIGHBOURS_MAX);
	assert_int_equal(rt_neighbours_sweep(&cache, 10000), RT_NEIGHBOURS_MAX);
	assert_int_equal(rt_neighbours_sweep(&cache, 10000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_asked_three_times_a_second_apart),
		cmocka_unit_test(one_in_use_is_probed_after_reachable_and_delay),
		cmocka_unit_test(one_that_nobody_uses_is_forgotten),
		cmocka_unit_test(an_advertisement_changes_what_rfc_4861_lets_it),
		cmocka_unit_test(a_word_unasked_is_stale_until_it_is_proved),
		cmocka_unit_test(a_full_cache_gives_up_the_stale_and_never_the_reachable),
		cmocka_unit_test(a_sweep_reaches_every_entry_however_long_the_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
