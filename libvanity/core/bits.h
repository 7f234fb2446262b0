/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bits.h: bit counts in plain C. The compiler's builtins are calls into its own library where
 * the base ISA has no such instruction (riscv64 without Zbb, x86_64 without POPCNT), and a
 * freestanding image has no such library.
 */
#ifndef VANITY_CORE_BITS_H
#define VANITY_CORE_BITS_H

#include <stdint.h>

/* Set bits; Warren, Hacker's Delight, 5-1. */
static inline uint32_t bits_count(uint64_t x)
{
	x = x - (x >> 1 & 0x5555555555555555ull);
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

/* Number of the highest set bit; x is not 0. */
static inline uint32_t bits_highest(uint64_t x)
{
	uint32_t n = 0;

	for (uint32_t step = 32; step > 0; step /= 2) {
		if (x >> step != 0) {
			x >>= step;
			n += step;
		}
	}
	return n;
}

#endif
