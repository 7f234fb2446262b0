/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack_sweep.c: every number of every way into the kernel, one a generation: who calls what no
 * filter knows is dead, and its successor takes the next.
 */
#include "attack.h"

#define X32_BIT 0x40000000

/* All arguments 1: a descriptor that nobody has, a length of one. */
static bool sweep(struct attacker *a, long nr)
{
	return attack_call(a, CALL_6(nr, 1, 1, 1, 1, 1, 1));
}

/* Option `number` is the first; the second generation begins with it. */
static long number(const struct attacker *a)
{
	return (long)(a->number + a->generation - 2);
}

static bool attack_native(struct attacker *a)
{
	return sweep(a, number(a));
}

static bool attack_x32(struct attacker *a)
{
	return sweep(a, number(a) | X32_BIT);
}

/* The 32-bit entry of x86_64; the one instruction of assembly here, which no floor has a use for.
 */
static bool attack_int80(struct attacker *a)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number(a)), "b"(1), "c"(1), "d"(1), "S"(1), "D"(1)
			 : "memory", "r8", "r9", "r10", "r11");
	return attack_call(a, result);
#else
	return sweep(a, number(a));
#endif
}

const struct attack attack_sweep[] = {
	{ "native", attack_native },
	{ "x32", attack_x32 },
	{ "int80", attack_int80 },
	{ NULL, NULL },
};
