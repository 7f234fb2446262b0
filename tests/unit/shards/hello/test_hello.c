/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "fake_vanity.h"

static void it_greets_and_beats_without_any_port(void **state)
{
	(void)state;
	fake_new();
	fake.turns = 10;
	assert_int_equal(fake_run(), 0);
	assert_true(fake_logged("hello, world"));
	assert_int_equal(fake_counter("beats"), 10);
	assert_int_equal(fake.waits, 10);
}

static void it_greets_by_the_name_it_was_given(void **state)
{
	(void)state;
	fake_new();
	fake_option_add("name", "vanity", 0);
	assert_int_equal(fake_run(), 0);
	assert_true(fake_logged("hello, vanity"));
}

static void a_name_too_long_for_the_greeting_is_cut(void **state)
{
	char name[VANITY_TEXT_MAX + 1];

	(void)state;
	memset(name, 'x', VANITY_TEXT_MAX);
	name[VANITY_TEXT_MAX] = '\0';
	fake_new();
	fake_option_add("name", name, 0);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(strlen(fake.log[0].text), 63);
}

static void an_input_is_drained_and_given_back(void **state)
{
	struct vanity_rx *in;

	(void)state;
	fake_new();
	in = fake_rx("anything");
	for (uint32_t i = 0; i < 100; i++)
		fake_queue(in, "x", 1);
	assert_int_equal(fake_run(), 0);
	assert_int_equal(in->back_count, 100);
	assert_int_equal(fake_counter("greeted"), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_greets_and_beats_without_any_port),
		cmocka_unit_test(it_greets_by_the_name_it_was_given),
		cmocka_unit_test(a_name_too_long_for_the_greeting_is_cut),
		cmocka_unit_test(an_input_is_drained_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
