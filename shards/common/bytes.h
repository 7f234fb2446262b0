/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.h: numbers out of, and into, bytes that somebody else may be writing.
 *
 * A packet lies in memory that its pool's writer can change while we look. A length that is
 * read once for the check and once for the use is two lengths. The loads below go through a
 * volatile byte, so what was checked is what is used, whatever the compiler would prefer; and
 * no load needs alignment. Wide loads without a say in any bound (addresses) are copies.
 *
 * When not to use it: memory of our own, where a plain member is shorter and faster.
 */
#ifndef SHARDS_COMMON_BYTES_H
#define SHARDS_COMMON_BYTES_H

#include <stdint.h>

#include "mem.h"

static inline uint8_t craft_load_u8(const void *at)
{
	return *(const volatile uint8_t *)at;
}

static inline uint16_t craft_load_be16(const void *at)
{
	const volatile uint8_t *b = at;
	uint32_t high = b[0];
	uint32_t low = b[1];

	return (uint16_t)(high << 8 | low);
}

static inline uint32_t craft_load_be32(const void *at)
{
	const uint8_t *b = at;

	return (uint32_t)craft_load_be16(b) << 16 | craft_load_be16(b + 2);
}

/* By halves: a builtin that swaps is a call into libgcc on riscv64 without Zbb. */
static inline uint64_t craft_load_be64(const void *at)
{
	const uint8_t *b = at;

	return (uint64_t)craft_load_be32(b) << 32 | craft_load_be32(b + 4);
}

static inline uint64_t craft_load_le64(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value = __builtin_bswap64(value);
#endif
	return value;
}

static inline void craft_store_u8(void *at, uint32_t value)
{
	*(uint8_t *)at = (uint8_t)value;
}

static inline void craft_store_be16(void *at, uint32_t value)
{
	uint8_t *b = at;

	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

static inline void craft_store_be32(void *at, uint32_t value)
{
	uint8_t *b = at;

	craft_store_be16(b, value >> 16);
	craft_store_be16(b + 2, value & 0xffffu);
}

static inline void craft_store_be64(void *at, uint64_t value)
{
	uint8_t *b = at;

	craft_store_be32(b, (uint32_t)(value >> 32));
	craft_store_be32(b + 4, (uint32_t)value);
}

#endif
