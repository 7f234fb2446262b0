/* SPDX-License-Identifier: Apache-2.0 */
/*
 * random.h: the simulator's only source of chance.
 *
 * xoshiro256** (Blackman, Vigna 2018), filled by SplitMix64 (Steele, Lea, Flood 2014), written
 * from their papers. libc's generators differ from machine to machine; these do not, so that a
 * seed in a failure report means the same run everywhere.
 */
#ifndef VANITY_SIM_RANDOM_H
#define VANITY_SIM_RANDOM_H

#include <stdint.h>

struct sim_random {
	uint64_t s[4];
};

/* Streams with different @stream never meet: schedule and fault plan do not disturb each other. */
void sim_random_init(struct sim_random *r, uint64_t seed, uint64_t stream);

uint64_t sim_random_next(struct sim_random *r);

/* 0..bound-1; 0 for a bound of 0. */
uint64_t sim_random_below(struct sim_random *r, uint64_t bound);

/* low..high, small values as likely as large ones on a logarithmic scale; low > 0. */
uint64_t sim_random_log(struct sim_random *r, uint64_t low, uint64_t high);

#endif
