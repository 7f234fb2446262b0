/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c: the four functions a compiler expects of any platform.
 *
 * Two words at a time: what a shard moves in bulk is a few cache lines, and anything cleverer is
 * within reach of that. The compiler must not recognise these loops as calls to themselves.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#if defined(__clang__)
#define NO_IDIOM __attribute__((no_builtin))
#else
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

/* Unaligned pieces of memory that has another type. */
typedef uint64_t __attribute__((may_alias, aligned(1))) any_u64;
/* In two steps: a vector made in the same breath takes its own alignment back. */
typedef uint64_t __attribute__((vector_size(16))) pair;
typedef pair __attribute__((may_alias, aligned(1))) any_pair;

/* Upwards, each piece loaded before it is stored: right for overlaps with @to below @from too. */
NO_IDIOM static void *copy_up(uint8_t *to, const uint8_t *from, size_t bytes)
{
	uint8_t *start = to;

	for (; bytes >= 16; bytes -= 16, to += 16, from += 16)
		*(any_pair *)to = *(const any_pair *)from;
	if (bytes >= 8) {
		*(any_u64 *)to = *(const any_u64 *)from;
		bytes -= 8, to += 8, from += 8;
	}
	for (; bytes > 0; bytes--)
		*to++ = *from++;
	return start;
}

NO_IDIOM void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	return copy_up(to, from, bytes);
}

NO_IDIOM void *memmove(void *to, const void *from, size_t bytes)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	/* Unsigned: also true when @to lies below. */
	if ((uintptr_t)t - (uintptr_t)f >= bytes)
		return copy_up(t, f, bytes);
	for (; (bytes & 7) != 0; bytes--)
		t[bytes - 1] = f[bytes - 1];
	for (; bytes > 0; bytes -= 8)
		*(any_u64 *)(t + bytes - 8) = *(const any_u64 *)(f + bytes - 8);
	return to;
}

NO_IDIOM void *memset(void *to, int value, size_t bytes)
{
	uint8_t *t = to;
	uint64_t word = (uint8_t)value * 0x0101010101010101ull;

	for (; bytes >= 8; bytes -= 8, t += 8)
		*(any_u64 *)t = word;
	for (; bytes > 0; bytes--)
		*t++ = (uint8_t)value;
	return to;
}

NO_IDIOM int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a, *y = b;

	for (; bytes >= 8; bytes -= 8, x += 8, y += 8)
		if (*(const any_u64 *)x != *(const any_u64 *)y)
			break; /* the byte loop finds which */
	for (; bytes > 0; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
