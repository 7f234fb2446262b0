/* SPDX-License-Identifier: Apache-2.0 */
/* What spy.c saves of registers at its entry is all that it can fill: it sees the upper halves. */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORD 0x9c3f5a71d2e8b604ull

_Alignas(64) static uint8_t before[VECTORS_BYTES], after[VECTORS_BYTES];

static uint32_t words_in(const uint8_t *area)
{
	uint32_t count = 0;
	uint64_t word;

	for (size_t i = 0; i + sizeof(word) <= VECTORS_BYTES; i += sizeof(word)) {
		memcpy(&word, area + i, sizeof(word));
		count += word == WORD;
	}
	return count;
}

static void every_word_that_was_filled_is_saved(void **state)
{
	const uint64_t word = WORD;
	uint32_t filled;

	(void)state;
	vectors_save(before);
	filled = vectors_fill(&word);
	vectors_save(after);
	printf("%u words in vector registers\n", filled);
	assert_int_equal(words_in(before), 0);
	assert_true(filled >= 20);
	assert_int_equal(words_in(after), filled);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_word_that_was_filled_is_saved) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
