/* SPDX-License-Identifier: Apache-2.0 */
/* world.c: the keeper's part of a simulated system, and the scheduler's hooks. See world.h. */
#include "world.h"

#include "topology/topology.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;

#define STEPS_HARD_LIMIT 200000000ull

bool party_is_shard(uint32_t party)
{
	return party < world.plan->shard_count;
}

const char *party_name(uint32_t party)
{
	return party_is_shard(party) ? world.plan->shard[party].name : "daemon";
}

/* The first failure counts; what follows from it is noise. */
void world_fail(const char *format, ...)
{
	va_list list;

	if (world.failed)
		return;
	world.failed = true;
	world.failed_step = sim.step;
	world.failed_now = sim.now;
	va_start(list, format);
	vsnprintf(world.words, sizeof(world.words), format, list);
	va_end(list);
	sim_note("FAILED", 0, 0);
	sim_stop();
}

/* --- shards -------------------------------------------------------------------------------- */

static void harvest(uint32_t shard)
{
	struct world_shard *s = &world.shard[shard];
	const struct cell *cell = cell_of(shard);

	/* A generation that was never told to go has not reset the cell: it is its forebear's. */
	if (sim_peek(&cell->generation) != s->alive)
		return;
	for (uint32_t i = 0; i < world.plan->shard[shard].port_count; i++) {
		const struct cell_port *p = &cell->port[i];

		s->dead[i].lost_in_hand += sim_peek(&p->lost_in_hand);
		s->dead[i].in_doubt += sim_peek(&p->in_doubt);
		s->dead[i].handled_late += sim_peek(&p->handled_late);
		s->dead[i].skipped += sim_peek(&p->skipped);
		s->dead[i].dropped += sim_peek(&p->dropped);
		s->dead[i].refused += sim_peek(&p->refused);
		s->dead[i].faults += sim_peek(&p->faults);
	}
}

/* Has every death before this one been recovered from, in truth and not only by the policy? */
static bool world_recovered(void)
{
	if (world.deaths == 0)
		return true;
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		if (world.shard[i].alive == 0 ||
		    sim_peek(&cell_of(i)->ready) != world.shard[i].alive)
			return false;
	for (uint32_t i = 0; i < world.plan->channel_count; i++)
		if (!channel_stands_open(i))
			return false;
	return !life_busy(&world.life);
}

static void shard_over(uint32_t shard, int32_t code, uint32_t signal)
{
	struct world_shard *s = &world.shard[shard];

	harvest(shard);
	if (signal != 0 || code != 0) {
		world.deaths_in_recovery += !world_recovered();
		world.deaths++;
		s->deaths++;
	}
	ledger_died(shard);
	s->ended = s->alive;
	s->alive = 0;
	s->exit_code = code;
	s->signal = signal;
	s->stopped = 0;
	s->watch.armed = false;
	sim_note("ends", s->ended, signal);
	daemon_poke();
}

static void shard_ended(void *context, uint32_t shard, int32_t code)
{
	char text[CELL_WORDS_BYTES + 1] = { 0 };
	const struct cell *cell = cell_of(shard);

	(void)context;
	/* No packet and no neighbour may bring a program or the library to give up. */
	for (uint32_t i = 0; i < CELL_WORDS_BYTES / 8; i++) {
		uint64_t word = sim_peek(&cell->words.words[i]);

		memcpy(text + 8 * i, &word, 8);
	}
	world_fail("%s ends itself, code %" PRIu64 ": %s", party_name(shard),
		   sim_peek(&cell->words.code), text);
	shard_over(shard, code, 0);
}

static void shard_entry(void *argument)
{
	struct world_shard *s = argument;
	uint32_t shard = (uint32_t)(s - world.shard);
	struct vanity_shard *self;
	int code;

	self = shard_format(s->memory, s->bind, s->base, s->program->carry, s->config,
			    s->config_bytes, &s->sim.platform);
	devices_give(shard, self);
	shard_park(self);
	shard_adopt(self);
	code = s->program->main(self);
	if (code == 0)
		shard_done(self);
	shard_over(shard, code, 0);
}

void world_start(uint32_t shard, uint32_t generation)
{
	struct world_shard *s = &world.shard[shard];

	if (s->alive != 0) {
		world_fail("the policy starts generation %u of %s while %u lives", generation,
			   party_name(shard), s->alive);
		return;
	}
	if (generation <= s->started) {
		world_fail("the policy starts generation %u of %s after %u", generation,
			   party_name(shard), s->started);
		return;
	}
	memset(s->memory, 0, s->memory_bytes);
	s->alive = s->started = generation;
	s->port_keys = 0;
	sim_spawn(shard, party_name(shard), shard_entry, s);
	ledger_started(shard);
}

void world_kill(uint32_t shard, uint32_t signal)
{
	if (world.shard[shard].alive == 0)
		return;
	shard_over(shard, 0, signal);
	sim_kill(shard);
}

/* --- hooks --------------------------------------------------------------------------------- */

static void hook_trip(void *context, uint32_t party)
{
	(void)context;
	faults_trip(party);
}

static void hook_sleeps(void *context, uint32_t party)
{
	(void)context;
	if (party_is_shard(party))
		oracle_sleeps(party);
}

static void hook_expired(void *context, uint32_t party)
{
	(void)context;
	if (party_is_shard(party))
		oracle_expired(party);
}

static void hook_limit(void *context)
{
	(void)context;
	world_fail("no rest after %" PRIu64 " steps", sim.step);
}

/* A touch by name: which region, and where in it. Names and offsets, never addresses. */
static void hook_touches(void *context, uint32_t party, const void *word)
{
	static const char *const kinds[] = { "wire", "pool", "cell", "orders", "bell", "device" };
	const uint8_t *at = word;

	(void)context;
	if (!world.options->touches)
		return;
	for (uint32_t i = 0; i < world.plan->region_count; i++) {
		const struct plan_region *p = &world.plan->region[i];
		const struct region *r = &world.region[i];
		const uint8_t *base = at >= r->rw && at < r->rw + p->bytes   ? r->rw
				      : at >= r->ro && at < r->ro + p->bytes ? r->ro
									     : NULL;

		uint64_t there = 0;

		if (base == NULL)
			continue;
		/* A lane entry is a word of four bytes, and may stand at any multiple of them. */
		memcpy(&there, word, (uintptr_t)word % 8 == 0 ? 8 : 4);
		printf("%10" PRIu64 " %12" PRIu64 " %-8s . %s %s %s +%u = %" PRIx64 "\n", sim.step,
		       sim.now, party_name(party), kinds[p->kind],
		       p->a == PLAN_NONE ? "daemon" : party_name(p->a),
		       p->b == PLAN_NONE || p->kind == PLAN_REGION_POOL ||
				       p->kind == PLAN_REGION_DEVICE
			       ? ""
			       : party_name(p->b),
		       (unsigned int)(at - base), there);
		return;
	}
}

static const struct sim_host host = {
	.touches = hook_touches,
	.trip = hook_trip,
	.sleeps = hook_sleeps,
	.expired = hook_expired,
	.limit = hook_limit,
};

/* --- a run --------------------------------------------------------------------------------- */

static int config_read(struct world_shard *s, const char *path, char *ret_words)
{
	FILE *f = fopen(path, "rb");
	long bytes = -1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		bytes = ftell(f);
	if (bytes < 0 || fseek(f, 0, SEEK_SET) != 0) {
		snprintf(ret_words, WORDS_BYTES, "%.300s: cannot be read", path);
		if (f != NULL)
			fclose(f);
		return -1;
	}
	s->config_bytes = (size_t)bytes;
	s->config = malloc(s->config_bytes + 1);
	if (s->config == NULL || fread(s->config, 1, s->config_bytes, f) != s->config_bytes) {
		snprintf(ret_words, WORDS_BYTES, "%.300s: cannot be read", path);
		fclose(f);
		return -1;
	}
	fclose(f);
	return 0;
}

static int shard_prepare(uint32_t shard, char *ret_words)
{
	const struct plan_shard *p = &world.plan->shard[shard];
	struct world_shard *s = &world.shard[shard];
	uint32_t bytes = plan_bind_bytes(world.plan, shard);
	const struct bind_machine machine = { .hz = SIM_HZ, .wake_ns = SIM_WAKE_NS };

	s->program = program_find(p->program);
	if (s->program == NULL) {
		snprintf(ret_words, WORDS_BYTES, "shard %s: vanity-sim links no program %s",
			 p->name, p->program);
		return -1;
	}
	if (p->config[0] != '\0' && config_read(s, p->config, ret_words) != 0)
		return -1;
	s->bind = calloc(1, bytes);
	if (s->bind == NULL || plan_bind(world.plan, shard, &machine, s->bind, bytes) == 0) {
		snprintf(ret_words, WORDS_BYTES, "shard %s: no bind block", p->name);
		return -1;
	}
	s->base = calloc(s->bind->region_count, sizeof(*s->base));
	s->memory_bytes = shard_footprint(s->bind, s->program->carry);
	s->memory = aligned_alloc(4096, (s->memory_bytes + 4095) & ~4095ull);
	if (s->base == NULL || s->memory == NULL) {
		snprintf(ret_words, WORDS_BYTES, "shard %s: no memory", p->name);
		return -1;
	}
	for (uint32_t i = 0; i < s->bind->region_count; i++) {
		const struct bind_region *r = &bind_regions(s->bind)[i];
		struct region *region = &world.region[r->region];

		s->base[i] = r->right == PLAN_RW ? region->rw : region->ro;
	}
	return 0;
}

int world_prepare(const struct plan *plan, const struct options *options, char *ret_words)
{
	world.plan = plan;
	world.options = options;
	world.hostile =
		options->hostile != NULL ? plan_shard_find(plan, options->hostile) : PLAN_NONE;
	if (options->hostile != NULL && world.hostile == PLAN_NONE) {
		snprintf(ret_words, WORDS_BYTES, "--hostile %.40s: no such shard",
			 options->hostile);
		return -1;
	}
	if (memory_map() != 0 || ledger_prepare() != 0) {
		snprintf(ret_words, WORDS_BYTES, "no memory for the plan's regions");
		return -1;
	}
	for (uint32_t i = 0; i < plan->shard_count; i++)
		if (shard_prepare(i, ret_words) != 0)
			return -1;
	return devices_prepare(ret_words);
}

/* A fresh system, nothing started yet: the daemon's first step does that. */
void world_begin(uint64_t seed)
{
	memory_clear();
	world.seed = seed;
	world.failed = false;
	world.deaths = world.deaths_in_recovery = 0;
	world.refusals = 0;
	world.daemon_generation = 0;
	world.daemon_alive = 0;
	world.daemon_acted = 0;
	sim_init(seed, &host, world.plan->shard_count + 2);
	sim.step_limit = STEPS_HARD_LIMIT;
	sim_random_init(&world.random, seed, 2);
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		struct world_shard *s = &world.shard[i];

		s->alive = s->ended = s->started = s->deaths = s->stopped = 0;
		s->exit_code = 0;
		s->signal = 0;
		s->late_ns = 0;
		s->late_count = 0;
		s->given_back_done = s->frames_taken = 0;
		memset(s->dead, 0, sizeof(s->dead));
		memset(&s->watch, 0, sizeof(s->watch));
		sim_shard_init(&s->sim, s->bind, NULL, shard_ended);
		/* Cores of their own or a shared one: both ways to wait are run. */
		s->bind->shared =
			world.plan->shard[i].shared || sim_random_below(&world.random, 4) != 0;
	}
	devices_begin();
	ledger_begin();
	director_begin();
	faults_begin();
}

void world_run(void)
{
	daemon_spawn();
	sim_run();
	sim_note("memory", memory_hash(), 0);
}
