/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defaults.c: for programs that say neither VANITY_CARRY nor VANITY_COUNTERS. An archive member
 * of its own: the linker takes it only where the program left a name undefined.
 */
#include <vanity/vanity.h>

const struct vanity_carry_info vanity_carry_info = { 0, 1, 0, 0 };
