/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_parts.h: what `vanityd check` knows about a plan beyond its tables, for its three ways
 * of showing it: summary and tables (verb_check.c, check_tables.c), JSON (check_json.c); and what
 * follows from it: whose writes stand behind a verdict, who reads what (check_verdict.c).
 */
#ifndef VANITYD_CHECK_PARTS_H
#define VANITYD_CHECK_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "linux/shard_filter.h"
#include "load.h"
#include "topology/plan.h"

#define CHECK_REGION_NAME 96u
#define CHECK_DEVICE_TEXT 1024u

/* "pool packets", "wire gen -> fw" */
void check_region_name(const struct plan *plan, uint32_t region, char ret_name[CHECK_REGION_NAME]);

/* Right of a shard on a region; @shard == plan->shard_count is vanityd. PLAN_NONE: not mapped. */
uint32_t check_right(const struct plan *plan, uint32_t region, uint32_t shard);

/* How long a stalled reader can be absorbed; @ret_rate is 0 where nothing tells a rate. */
uint64_t check_absorbs_ns(const struct plan *plan, uint32_t channel, uint64_t *ret_rate);

const char *check_backend(uint32_t backend);

/* `xdp "netdev veth0" queue 0, writes pool frames`: what it is, not whose. */
void check_device_text(const struct plan *plan, uint32_t device, char ret_text[CHECK_DEVICE_TEXT]);

/* What the filters of a shard depend on. */
struct filter_facts check_filter_facts(const struct plan *plan, uint32_t shard);

/* Who else writes the frames of one pool that a shard judges; names are the plan's. */
struct check_verdict {
	bool copied; /* they are its own copies */
	uint32_t writer_count;
	struct {
		const char *name;
		bool device;
	} writer[VANITY_SHARDS_MAX + VANITY_DEVICES_MAX];
};

/* False where the shard passes no frame of that pool on that it took. */
bool check_verdict(const struct plan *plan, uint32_t shard, uint32_t pool,
		   struct check_verdict *ret);

/*
 * May the shard read a pool whose owner is of another label? It maps it whole: every frame there
 * is, and not only those it is handed. @ret_copies: all it takes from there it takes by copy.
 */
bool check_foreign(const struct plan *plan, uint32_t shard, uint32_t pool, bool *ret_copies);

const char *check_restart_on(uint32_t on);
const char *check_restart_then(uint32_t then);

/*
 * What @plan allows and @old did not, and the other way round: a line each, or with @json one
 * document. EXIT_OK, or no memory.
 */
int check_print_against(const struct plan *plan, const struct plan *old, bool json,
			uint32_t *ret_gained);

void check_print_matrix(const struct plan *plan);
void check_print_plan(const struct plan *plan);
/* @plan is NULL when there were errors. */
int check_print_json(const struct plan *plan, const struct load_errors *errors);

/* How each document begins: schema, whether all was valid, what was not. */
json_t *check_json_new(const char *schema, bool ok, const struct load_errors *errors);
/* Printed and freed. EXIT_OK, or it could not be written. */
int check_json_print(json_t *doc);

/* 8388608 -> "8MiB", 20000000 -> "20ms", in the largest unit that is exact. */
const char *check_bytes(uint64_t bytes, char ret_text[32]);
const char *check_time(uint64_t ns, char ret_text[32]);

#endif
