/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.c: the programs this image links, each under its own names (the build compiles every
 * program with -Dvanity_main=NAME_main and so on). sim_programs.h is one PROGRAM(name, NAME) a
 * program, made by the build. A program need not have counters or a carry.
 */
#include "world.h"

#include <string.h>

#define PROGRAM(text, prefix)                                                                      \
	int prefix##_main(struct vanity_shard *self);                                              \
	extern const struct vanity_carry_info prefix##_carry_info __attribute__((weak));           \
	extern const struct vanity_counter_name prefix##_counter_names[] __attribute__((weak));
#include "sim_programs.h"
#undef PROGRAM

const struct program *program_find(const char *name)
{
	static const struct vanity_carry_info nothing = { 0, 1, 0, 0 };
	static struct program table[] = {
#define PROGRAM(text, prefix) { text, prefix##_main, &prefix##_carry_info, prefix##_counter_names },
#include "sim_programs.h"
#undef PROGRAM
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		if (table[i].carry == NULL)
			table[i].carry = &nothing;
		return &table[i];
	}
	return NULL;
}
