/* SPDX-License-Identifier: Apache-2.0 */
/* The four functions a shard has instead of libc's, against the plainest loops there are. */
#define memcpy shard_memcpy
#define memmove shard_memmove
#define memset shard_memset
#define memcmp shard_memcmp
#include "linux/memory.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROOM 96u

static void fill(uint8_t *at, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)(i * 37 + 11);
}

static void moves_agree_with_a_byte_loop_for_every_length_and_overlap(void **state)
{
	uint8_t a[ROOM], b[ROOM], copy[ROOM];

	(void)state;
	for (uint32_t from = 0; from < 32; from++)
		for (uint32_t to = 0; to < 32; to++)
			for (uint32_t bytes = 0; bytes <= 64; bytes++) {
				fill(a, ROOM);
				fill(b, ROOM);
				fill(copy, ROOM);
				for (uint32_t i = 0; i < bytes; i++)
					b[to + i] = copy[from + i];
				assert_ptr_equal(shard_memmove(a + to, a + from, bytes), a + to);
				for (uint32_t i = 0; i < ROOM; i++)
					assert_int_equal(a[i], b[i]);
			}
}

static void copies_write_exactly_the_bytes_asked_for(void **state)
{
	uint8_t a[ROOM], source[ROOM];

	(void)state;
	fill(source, ROOM);
	for (uint32_t at = 0; at < 16; at++)
		for (uint32_t bytes = 0; bytes <= 64; bytes++) {
			shard_memset(a, 0xee, ROOM);
			assert_ptr_equal(shard_memcpy(a + at, source + 3, bytes), a + at);
			for (uint32_t i = 0; i < ROOM; i++)
				assert_int_equal(a[i], i >= at && i < at + bytes ?
							       source[3 + i - at] :
							       0xee);
		}
}

static void comparing_finds_the_first_difference_and_its_sign(void **state)
{
	uint8_t a[ROOM], b[ROOM];

	(void)state;
	for (uint32_t bytes = 1; bytes <= 64; bytes++)
		for (uint32_t at = 0; at < bytes; at++) {
			fill(a, ROOM);
			fill(b, ROOM);
			assert_int_equal(shard_memcmp(a, b, bytes), 0);
			b[bytes] ^= 0xff; /* behind the end */
			assert_int_equal(shard_memcmp(a, b, bytes), 0);
			a[at] = 0x80;
			b[at] = 0x7f;
			for (uint32_t i = at + 1; i < bytes; i++)
				b[i] = 0xff;
			assert_true(shard_memcmp(a, b, bytes) > 0);
			assert_true(shard_memcmp(b, a, bytes) < 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_agree_with_a_byte_loop_for_every_length_and_overlap),
		cmocka_unit_test(copies_write_exactly_the_bytes_asked_for),
		cmocka_unit_test(comparing_finds_the_first_difference_and_its_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
