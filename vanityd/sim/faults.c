/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults.c: what goes wrong.
 *
 *      spec  = "random:" N[-M]          kills of shards, N to M of them, by the seed
 *            | "mixed:" N[-M]           all kinds, the daemon too, by the seed
 *            | fault { "," fault }
 *      fault = kind SHARD at [":" time]      SHARD: a shard's name, or daemon
 *      kind  = kill | hang | stop | stall | late
 *      at    = "@" N     before the shard's N-th touch of shared memory, over all generations
 *            | "+" N     N of its touches after the fault before this one in the list
 *      time  = N ns | N us | N ms            how long a stall lasts, how late orders come
 *
 * A touch of the victim's own, not a step of the world, is what places a fault: every gap
 * between two of its stores is then as likely as any other, however the others are scheduled.
 * Derived faults are printed in this grammar, so that a failure is repeated by hand.
 */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_name[] = { "kill", "hang", "stop", "stall", "late" };
static uint64_t calibrated[SIM_PARTIES_MAX]; /* touches while anything moved, without faults */

bool faults_are_derived(const char *text)
{
	return strncmp(text, "random:", 7) == 0 || strncmp(text, "mixed:", 6) == 0;
}

/* --- the grammar --------------------------------------------------------------------------- */

static const char *skip_space(const char *c)
{
	while (*c == ' ')
		c++;
	return c;
}

static const char *parse_time(const char *c, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = { { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 } };
	char *end;

	*ret_ns = strtoull(c, &end, 10);
	if (end == c)
		return NULL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strncmp(end, units[i].unit, 2) != 0)
			continue;
		*ret_ns *= units[i].ns;
		return end + 2;
	}
	return NULL;
}

static uint32_t parse_victim(const struct plan *plan, const char *name, size_t bytes)
{
	if (bytes == 6 && strncmp(name, "daemon", 6) == 0)
		return plan->shard_count;
	for (uint32_t i = 0; i < plan->shard_count; i++)
		if (strlen(plan->shard[i].name) == bytes &&
		    strncmp(plan->shard[i].name, name, bytes) == 0)
			return i;
	return PLAN_NONE;
}

static const char *parse_fault(const char *c, const struct plan *plan, struct fault *f,
			       char *ret_words)
{
	size_t bytes = strcspn(c, " ");
	uint32_t kind = 0;
	char *end;

	memset(f, 0, sizeof(*f));
	while (kind < 5 && (strlen(kind_name[kind]) != bytes || strncmp(c, kind_name[kind], bytes)))
		kind++;
	if (kind == 5) {
		snprintf(ret_words, WORDS_BYTES, "faults: %.40s: kill, hang, stop, stall or late",
			 c);
		return NULL;
	}
	f->kind = (enum fault_kind)kind;
	c = skip_space(c + bytes);
	bytes = strcspn(c, "@+, ");
	f->victim = parse_victim(plan, c, bytes);
	if (f->victim == PLAN_NONE) {
		snprintf(ret_words, WORDS_BYTES, "faults: no shard %.*s", (int)bytes, c);
		return NULL;
	}
	if (f->victim == plan->shard_count && f->kind != FAULT_KILL) {
		snprintf(ret_words, WORDS_BYTES, "faults: the daemon can only be killed");
		return NULL;
	}
	c = skip_space(c + bytes);
	f->relative = *c == '+';
	if (*c != '+' && *c != '@') {
		snprintf(ret_words, WORDS_BYTES, "faults: say @N or +N where %.40s stands", c);
		return NULL;
	}
	f->at = strtoull(c + 1, &end, 10);
	if (end == c + 1 || f->at == 0) {
		snprintf(ret_words, WORDS_BYTES, "faults: no number where %.40s stands", c + 1);
		return NULL;
	}
	c = end;
	f->ns = f->kind == FAULT_STALL ? 1000000 : 10000;
	if (*c == ':') {
		c = parse_time(c + 1, &f->ns);
		if (c == NULL) {
			snprintf(ret_words, WORDS_BYTES, "faults: a time is N ns, us or ms");
			return NULL;
		}
	}
	return skip_space(c);
}

int faults_parse(const char *text, const struct plan *plan, struct fault *ret_fault,
		 uint32_t *ret_count, char *ret_words)
{
	const char *c = skip_space(text);

	*ret_count = 0;
	while (*c != '\0') {
		if (*ret_count == FAULTS_MAX) {
			snprintf(ret_words, WORDS_BYTES, "faults: more than %u", FAULTS_MAX);
			return -1;
		}
		c = parse_fault(c, plan, &ret_fault[*ret_count], ret_words);
		if (c == NULL)
			return -1;
		++*ret_count;
		if (*c != ',' && *c != '\0') {
			snprintf(ret_words, WORDS_BYTES, "faults: a comma, not %.40s", c);
			return -1;
		}
		if (*c == ',')
			c = skip_space(c + 1);
	}
	return 0;
}

void faults_print(char *ret_text, size_t room)
{
	size_t at = 0;

	ret_text[0] = '\0';
	for (uint32_t i = 0; i < world.fault_count && at < room; i++) {
		const struct fault *f = &world.fault[i];

		at += (size_t)snprintf(ret_text + at, room - at, "%s%s %s%c%" PRIu64, i ? ", " : "",
				       kind_name[f->kind], party_name(f->victim),
				       f->relative ? '+' : '@', f->at);
		if ((f->kind == FAULT_STALL || f->kind == FAULT_LATE) && at < room)
			at += (size_t)snprintf(ret_text + at, room - at, ":%" PRIu64 "ns", f->ns);
	}
}

/* --- derived faults ------------------------------------------------------------------------ */

void faults_calibrate(void)
{
	uint32_t daemon = world.plan->shard_count;

	for (uint32_t i = 0; i < daemon; i++)
		calibrated[i] = world.motion_touches[i];
	calibrated[daemon] = world.motion_touches[daemon] + world.motion_touches[daemon + 1];
	if (calibrated[daemon] < 2000)
		calibrated[daemon] = 2000;
}

static void derive_one(struct sim_random *r, bool mixed, uint32_t shards, uint32_t n)
{
	static const enum fault_kind kinds[] = {
		FAULT_KILL, FAULT_KILL, FAULT_KILL,  FAULT_KILL,
		FAULT_HANG, FAULT_STOP, FAULT_STALL, FAULT_LATE,
	};
	struct fault *f = &world.fault[n];

	memset(f, 0, sizeof(*f));
	if (mixed)
		f->kind = kinds[sim_random_below(r, sizeof(kinds) / sizeof(kinds[0]))];
	f->victim = (uint32_t)sim_random_below(r, shards + (mixed && f->kind == FAULT_KILL));
	if (f->kind == FAULT_STALL)
		f->ns = sim_random_log(r, 1000, 4000000);
	if (f->kind == FAULT_LATE)
		f->ns = sim_random_log(r, 1000, 1000000);
	/* Half of the faults fall into the recovery from the one before. */
	f->relative = n > 0 && sim_random_below(r, 2) == 0;
	f->at = f->relative ? sim_random_log(r, 1, 2000)
			    : 1 + sim_random_below(r, calibrated[f->victim]);
}

void faults_derive(const char *text)
{
	bool mixed = text[0] == 'm';
	const char *c = strchr(text, ':') + 1;
	struct sim_random r;
	uint64_t low, high;
	char *end;

	low = high = strtoull(c, &end, 10);
	if (*end == '-')
		high = strtoull(end + 1, NULL, 10);
	if (high > FAULTS_MAX)
		high = FAULTS_MAX;
	if (low > high)
		low = high;
	sim_random_init(&r, world.seed, 3);
	world.fault_count = (uint32_t)(low + sim_random_below(&r, high - low + 1));
	for (uint32_t i = 0; i < world.fault_count; i++)
		derive_one(&r, mixed, world.plan->shard_count, i);
}

/* --- at work ------------------------------------------------------------------------------- */

static uint32_t party_of(uint32_t victim)
{
	return victim == world.plan->shard_count ? world.daemon_party : victim;
}

/* The next fault of each victim becomes the trip of its party. */
static void faults_arm(void)
{
	for (uint32_t v = 0; v <= world.plan->shard_count; v++) {
		uint64_t due = SIM_NEVER;

		for (uint32_t i = 0; i < world.fault_count; i++) {
			const struct fault *f = &world.fault[i];

			if (!f->fired && f->victim == v && f->due < due)
				due = f->due;
		}
		sim_trip(party_of(v), due);
	}
}

void faults_begin(void)
{
	for (uint32_t i = 0; i < world.fault_count; i++) {
		struct fault *f = &world.fault[i];

		f->fired = 0;
		f->due = f->relative && i > 0 ? SIM_NEVER : f->at;
	}
	world.daemon_party = world.plan->shard_count; /* where daemon_spawn() begins */
	faults_arm();
}

static void fault_fire(const struct fault *f)
{
	struct world_shard *s = &world.shard[f->victim];

	sim_note(kind_name[f->kind], f->victim, f->ns);
	switch (f->kind) {
	case FAULT_KILL:
		if (f->victim == world.plan->shard_count)
			daemon_kill();
		else
			world_kill(f->victim, 9);
		break;
	case FAULT_HANG:
		sim.party[f->victim].hung = 1;
		break;
	case FAULT_STOP:
		sim.party[f->victim].hung = 1;
		s->stopped = 1;
		break;
	case FAULT_STALL:
		sim.party[f->victim].stalled_until = sim.now + f->ns;
		break;
	case FAULT_LATE:
		s->late_ns = f->ns;
		break;
	}
}

void faults_trip(uint32_t party)
{
	uint32_t victim = party_is_shard(party) ? party : world.plan->shard_count;
	uint64_t touches = sim.party[party].touches;

	for (uint32_t i = 0; i < world.fault_count; i++) {
		struct fault *f = &world.fault[i];

		if (f->fired || f->victim != victim || f->due > touches)
			continue;
		f->fired = 1;
		fault_fire(f);
		if (i + 1 < world.fault_count && world.fault[i + 1].relative) {
			struct fault *next = &world.fault[i + 1];

			next->due = sim.party[party_of(next->victim)].touches + next->at;
		}
		break; /* one at a time: its victim may be gone */
	}
	faults_arm();
}

uint32_t faults_left(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < world.fault_count; i++)
		n += !world.fault[i].fired;
	return n;
}
