/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack.h: a shard that was taken over, as a program.
 *
 *      generation 1    honest; the driver kills it when the system is up
 *      generation 2    option `attack` names a row of the table, option `when` the moment:
 *                        entry   before libvanity's start code: every descriptor is still open
 *                        start   in vanity_main, under the start filter alone
 *                        ready   after vanity_ready, under both
 *                      It says what came of it in its counters and ends with a fault, unless the
 *                      kernel was faster.
 *      generation 3    honest: what it left behind must be in order again
 *
 * Everything an attack is told (a path, a port, a core) are options of its shard. Attacks have no
 * libc and call the kernel themselves; they look into libvanity's private books as a taken-over
 * program could.
 */
#ifndef TESTS_ATTACK_ATTACK_H
#define TESTS_ATTACK_ATTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/private.h"
#include "linux/call.h"
#include "vanity/vanity.h"

/* Both images know it: an attack that finds it elsewhere has found foreign memory. */
#define CANARY 0x5645525947524559ull
#define CANARY_OF(n) (CANARY ^ (uint64_t)(n)*0x9e3779b97f4a7c15ull)

/* What the victim tells an attacker of itself, in its first frame: where it has what. */
#define TOLD_MAGIC 0x544f4c44544f4c44ull
#define TOLD_MAX 64u
struct told {
	uint64_t magic;
	uint64_t count;
	uint64_t address[TOLD_MAX];
};

#define ATTACK_PIDS_MAX 400

enum {
	ATTACK_TRIED = 1, /* an attack came to its end */
	ATTACK_WORKED = 2,
	ATTACK_DETAIL = 3, /* what the kernel said, or a count of its own */
	ATTACK_LEFT = 4, /* at entry: it is under way */
};

struct attacker {
	struct vanity_shard *self; /* NULL at entry */
	const struct bind *bind;
	const char *path;
	uint64_t number;
	uint32_t generation;
	uint64_t stack; /* where the kernel's own began */
	long detail;
};

struct attack {
	const char *name;
	bool (*run)(struct attacker *a); /* did it work? */
};

/* Each ends with a row without a name. */
extern const struct attack attack_calls[];
extern const struct attack attack_system[];
extern const struct attack attack_memory[];
extern const struct attack attack_wire[];
extern const struct attack attack_sweep[]; /* again in each generation, up to option `last` */

bool attack_descriptors(struct attacker *a);
bool attack_reopen(struct attacker *a);
bool attack_resize(struct attacker *a);
bool attack_lengthen(struct attacker *a);
bool attack_punch_own(struct attacker *a);
bool attack_punch(struct attacker *a);
bool attack_same(const char *a, const char *b);

/* The call worked, or why not is noted. */
static inline bool attack_call(struct attacker *a, long result)
{
	a->detail = result;
	return !call_failed(result);
}

#endif
