/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which waits a processor has, and which is taken, by faked feature words of every ISA; and that a
 * doze ends. What an instruction does on a processor that has it cannot be shown here: tests/house
 * shows that each is the instruction it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/wait.h"

#define EVERYBODYS (1u << WAIT_PAUSE | 1u << WAIT_PPOLL | 1u << WAIT_BELL)
#define WAITPKG (1ull << 5)
#define MONITORX (1ull << 29)
#define EVTSTRM (1ull << 2)
#define WFXT (1ull << 31)
#define ZAWRS (1ull << 48)

static void feature_words_say_which_waits_there_are(void **state)
{
	static const struct {
		const char *isa;
		uint64_t word[ARCH_FEATURE_WORDS];
		uint32_t more; /* beside everybody's */
		enum wait_kind best;
	} cases[] = {
		{ "x86_64", { 0, 0 }, 0, WAIT_PAUSE },
		{ "x86_64", { WAITPKG, 0 }, 1u << WAIT_TPAUSE | 1u << WAIT_UMWAIT, WAIT_UMWAIT },
		{ "x86_64", { 0, MONITORX }, 1u << WAIT_MWAITX, WAIT_MWAITX },
		{ "x86_64",
		  { WAITPKG, MONITORX },
		  1u << WAIT_TPAUSE | 1u << WAIT_UMWAIT | 1u << WAIT_MWAITX,
		  WAIT_UMWAIT },
		/* The neighbours of each bit, and the bits in the other word. */
		{ "x86_64",
		  { WAITPKG << 1 | WAITPKG >> 1, MONITORX << 1 | MONITORX >> 1 },
		  0,
		  WAIT_PAUSE },
		{ "x86_64", { MONITORX, WAITPKG }, 0, WAIT_PAUSE },
		/* The words of a processor in a virtual machine that hides its own MONITORX. */
		{ "x86_64", { 0x405fc6, 0x4003f3, 1 << 28 }, ARCH_FEATURE_PAIR, WAIT_PAUSE },
		{ "x86_64", { 0, 0, ~(1ull << 28) }, 0, WAIT_PAUSE },
		{ "aarch64", { 0, 0 }, 0, WAIT_PAUSE },
		{ "aarch64", { EVTSTRM, 0 }, 1u << WAIT_WFE, WAIT_WFE },
		{ "aarch64", { EVTSTRM, WFXT }, 1u << WAIT_WFE | 1u << WAIT_WFET, WAIT_WFET },
		{ "aarch64", { 0, WFXT }, 1u << WAIT_WFET, WAIT_WFET },
		{ "aarch64", { WFXT, EVTSTRM }, 0, WAIT_PAUSE },
		{ "aarch64",
		  { EVTSTRM << 1 | EVTSTRM >> 1, WFXT << 1 | WFXT >> 1 },
		  0,
		  WAIT_PAUSE },
		{ "riscv64", { 0, 0 }, 0, WAIT_PAUSE },
		{ "riscv64", { ZAWRS, 0 }, 1u << WAIT_WRS, WAIT_WRS },
		{ "riscv64", { ZAWRS << 1 | ZAWRS >> 1, ZAWRS }, 0, WAIT_PAUSE },
		/* Every bit there is: still only what the ISA has. */
		{ "aarch64",
		  { UINT64_MAX, UINT64_MAX, UINT64_MAX },
		  1u << WAIT_WFE | 1u << WAIT_WFET,
		  WAIT_WFET },
		{ "riscv64", { UINT64_MAX, UINT64_MAX, UINT64_MAX }, 1u << WAIT_WRS, WAIT_WRS },
		{ "sim", { UINT64_MAX, UINT64_MAX, UINT64_MAX }, 0, WAIT_PAUSE },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t features = features_of(cases[i].isa, cases[i].word);

		assert_int_equal(features, EVERYBODYS | cases[i].more);
		assert_int_equal(wait_best(features), cases[i].best);
	}
}

static void what_is_slow_here_is_passed_over(void **state)
{
	const uint64_t both[ARCH_FEATURE_WORDS] = { WAITPKG, MONITORX };
	uint32_t features = features_of("x86_64", both);

	(void)state;
	assert_int_equal(wait_best(features & ~(1u << WAIT_UMWAIT)), WAIT_MWAITX);
	assert_int_equal(wait_best(features & ~(1u << WAIT_UMWAIT | 1u << WAIT_MWAITX)),
			 WAIT_PAUSE);
	assert_int_equal(wait_best(0), WAIT_PAUSE);
}

static void a_wait_is_found_by_its_name_and_no_other(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < WAIT_KINDS; k++) {
		assert_string_not_equal(wait_name(k), "?");
		assert_int_equal(wait_find(wait_name(k)), k);
	}
	assert_int_equal(wait_find("umwai"), WAIT_KINDS);
	assert_int_equal(wait_find("umwaits"), WAIT_KINDS);
	assert_int_equal(wait_find(""), WAIT_KINDS);
	assert_string_equal(wait_name(WAIT_KINDS), "?");
}

static void a_doze_over_a_word_that_changed_is_none(void **state)
{
	wire_u64 word = { 0 };

	(void)state;
	wire_store(&word, 7);
	/* A deadline that never comes: only the word can end it. */
	wait_doze(WAIT_BELL, &word, 6, UINT64_MAX);
}

static void a_doze_ends_with_its_deadline(void **state)
{
	wire_u64 word = { 0 };
	uint64_t end;

	(void)state;
	wire_store(&word, 7);
	end = arch_cycles() + 1000;
	wait_doze(WAIT_BELL, &word, 7, end);
	assert_true(arch_cycles() >= end);
	/* And does not begin behind it. */
	wait_doze(WAIT_BELL, &word, 7, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feature_words_say_which_waits_there_are),
		cmocka_unit_test(what_is_slow_here_is_passed_over),
		cmocka_unit_test(a_wait_is_found_by_its_name_and_no_other),
		cmocka_unit_test(a_doze_over_a_word_that_changed_is_none),
		cmocka_unit_test(a_doze_ends_with_its_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
