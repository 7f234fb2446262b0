/* SPDX-License-Identifier: Apache-2.0 */
/* random.c: see random.h. */
#include "sim/random.h"

static uint64_t splitmix(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void sim_random_init(struct sim_random *r, uint64_t seed, uint64_t stream)
{
	uint64_t state = seed;

	state = splitmix(&state) ^ (stream * 0xd1342543de82ef95ull);
	for (uint32_t i = 0; i < 4; i++)
		r->s[i] = splitmix(&state);
}

static uint64_t rotate(uint64_t x, unsigned int by)
{
	return x << by | x >> (64 - by);
}

uint64_t sim_random_next(struct sim_random *r)
{
	uint64_t result = rotate(r->s[1] * 5, 7) * 9;
	uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotate(r->s[3], 45);
	return result;
}

uint64_t sim_random_below(struct sim_random *r, uint64_t bound)
{
	/* The bias of a plain remainder is far below what a schedule could notice. */
	return bound == 0 ? 0 : sim_random_next(r) % bound;
}

uint64_t sim_random_log(struct sim_random *r, uint64_t low, uint64_t high)
{
	uint32_t octaves = 0;
	uint64_t top;

	if (high <= low)
		return low;
	while (octaves < 63 && low << octaves < high)
		octaves++;
	top = low << (1 + sim_random_below(r, octaves));
	if (top > high)
		top = high;
	return low + sim_random_below(r, top - low + 1);
}
