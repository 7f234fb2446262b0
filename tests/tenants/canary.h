/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary.h: words that are known when they are seen, by whoever sees them, and stand nowhere else.
 *
 *      63      60 59        48 47                                        0
 *      +---------+------------+------------------------------------------+
 *      |  kind   |   number   |  the hash of the two                     |
 *      +---------+------------+------------------------------------------+
 *
 * Nobody has to keep a list to search by, which would be found itself. By chance one word in 2^49 is
 * such a one. tests/tenants/test-tenants writes them, too: in packets.
 */
#ifndef TESTS_TENANTS_CANARY_H
#define TESTS_TENANTS_CANARY_H

#include <stdint.h>
#include <string.h>

#include "core/cell.h"

#define CANARY_KEY 0x76616e697479ull
#define CANARY_HASH_BITS 48

enum canary {
	CANARY_NONE = 0,
	CANARY_SECRET = 1, /* in a packet of tenant B's that is not for A */
	CANARY_GIVEN = 2, /* in one that is: to be found, or the search is blind */
	CANARY_STATE = 3, /* in the memory of B's firewall, its stack and registers */
	CANARY_PLANTED = 4, /* by the search itself, to see that it finds */
	CANARY_OWN = 5, /* in a packet of tenant A's */
	CANARY_KINDS = 6,
};

static inline uint64_t canary_word(enum canary kind, uint32_t number)
{
	uint64_t name = (uint64_t)kind << 12 | (number & 0xfff);

	return name << CANARY_HASH_BITS | cell_mix(name ^ CANARY_KEY) >> 16;
}

static inline enum canary canary_of(uint64_t word)
{
	uint64_t name = word >> CANARY_HASH_BITS;

	if (name >> 12 == CANARY_NONE || name >> 12 >= CANARY_KINDS ||
	    word != (name << CANARY_HASH_BITS | cell_mix(name ^ CANARY_KEY) >> 16))
		return CANARY_NONE;
	return (enum canary)(name >> 12);
}

#endif
