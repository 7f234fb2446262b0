/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed in authority between two topologies, one line an edge (with --json one document,
 * "vanity.against/1"): who may read or write which region, who drives which device, which cores are
 * whose, which system calls a shard may make, what runs and by which words, how much of memory, time
 * and frames it may have, and which decisions of trust were taken. Edges are compared by their words,
 * so that shards and regions are the same when their names are.
 *
 * What a program makes of its options and of its configuration nobody here knows: another word is
 * another authority. Of an amount only more is. What decides how a system behaves when something
 * fails or is full, and lets nobody reach anything, is told beside it and counted as neither.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sha2.h>

#include "check_parts.h"
#include "exit.h"

#define EDGE_BYTES 1536u

struct edges {
	char **line;
	size_t count, room;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void edge_add(struct edges *e, const char *format, ...)
{
	char text[EDGE_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (e->count == e->room) {
		size_t room = e->room == 0 ? 256 : 2 * e->room;
		char **line = realloc(e->line, room * sizeof(*line));

		if (line == NULL) {
			e->failed = true;
			return;
		}
		e->line = line;
		e->room = room;
	}
	e->line[e->count] = strdup(text);
	if (e->line[e->count] == NULL)
		e->failed = true;
	else
		e->count++;
}

static void edges_of_regions(struct edges *e, const struct plan *plan)
{
	char region[CHECK_REGION_NAME];

	for (uint32_t i = 0; i < plan->region_count; i++) {
		check_region_name(plan, i, region);
		for (uint32_t s = 0; s <= plan->shard_count; s++) {
			uint32_t right = check_right(plan, i, s);
			const char *who = s < plan->shard_count ? plan->shard[s].name : "(vanityd)";

			if (right != PLAN_NONE)
				edge_add(e, "%s may read %s", who, region);
			if (right == PLAN_RW)
				edge_add(e, "%s may write %s", who, region);
		}
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* By content, where it can be read: a copy beside the other topology is the same words. */
static void edge_of_config(struct edges *e, const struct plan_shard *s)
{
	uint8_t bytes[16384], digest[SHA256_DIGEST_LENGTH];
	char text[2 * SHA256_DIGEST_LENGTH + 1];
	const char *name = strrchr(s->config, '/');
	FILE *file = s->config[0] != '\0' ? fopen(s->config, "re") : NULL;
	SHA2_CTX sha;
	size_t n;

	if (s->config[0] == '\0')
		return;
	if (file == NULL) {
		edge_add(e, "%s is configured by %s, which cannot be read here", s->name, s->config);
		return;
	}
	SHA256Init(&sha);
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		SHA256Update(&sha, bytes, n);
	fclose(file);
	SHA256Final(digest, &sha);
	for (uint32_t i = 0; i < sizeof(digest); i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	edge_add(e, "%s is configured by %s, SHA-256 %s", s->name, name != NULL ? name + 1 : s->config,
		 text);
}

static void edges_of_program(struct edges *e, const struct plan *plan, uint32_t shard)
{
	const struct plan_shard *s = &plan->shard[shard];

	if (plan->programs[0] != '\0')
		edge_add(e, "%s runs program %s of folder %s", s->name, s->program, plan->programs);
	else
		edge_add(e, "%s runs program %s", s->name, s->program);
	edge_of_config(e, s);
	for (uint32_t i = 0; i < s->option_count; i++) {
		const struct plan_option *o = &plan->option[s->option_first + i];

		edge_add(e, "%s has option %s = %s", s->name, o->name, o->text);
	}
}

/* Of amounts only that which is more than in @other, or of what is not there. */
static void edges_of_amounts(struct edges *e, const struct plan *plan, const struct plan *other)
{
	char text[32];

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const struct plan_shard *s = &plan->shard[i], *o = NULL;

		for (uint32_t k = 0; k < other->shard_count; k++)
			if (strcmp(other->shard[k].name, s->name) == 0)
				o = &other->shard[k];
		if (o == NULL || s->memory_bytes > o->memory_bytes)
			edge_add(e, "%s may have %s of memory of its own", s->name,
				 check_bytes(s->memory_bytes, text));
		if (o == NULL || s->watchdog_ns > o->watchdog_ns)
			edge_add(e, "%s may be silent for %s", s->name,
				 check_time(s->watchdog_ns, text));
	}
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i], *o = NULL;

		for (uint32_t k = 0; k < other->channel_count; k++)
			if (strcmp(other->channel[k].name, c->name) == 0)
				o = &other->channel[k];
		if (c->pool_count > 0 && (o == NULL || c->lend > o->lend))
			edge_add(e, "%s may keep %u frames of channel %s",
				 plan->shard[c->consumer].name, c->lend, c->name);
	}
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i], *o = NULL;
		uint64_t bytes = (uint64_t)p->frame_count * p->frame_bytes;

		for (uint32_t k = 0; k < other->pool_count; k++)
			if (strcmp(other->pool[k].name, p->name) == 0)
				o = &other->pool[k];
		if (o == NULL || bytes > (uint64_t)o->frame_count * o->frame_bytes)
			edge_add(e, "pool %s has %s of frames", p->name, check_bytes(bytes, text));
	}
}

/* What the machine need not have. */
static void edges_of_host(struct edges *e, const struct plan *plan)
{
	if (plan->require_iommu != PLAN_REQUIRE_ON)
		edge_add(e, "the system may run without an IOMMU");
	if (plan->require_hugepages != PLAN_REQUIRE_ON)
		edge_add(e, "the system may run without huge pages");
	if (plan->require_cores != PLAN_REQUIRE_ISOLATED)
		edge_add(e, "the system may run on cores that are not isolated");
}

/* No authority: what happens when something ends, or is full. */
static void behaviour_make(struct edges *e, const struct plan *plan)
{
	char text[32];

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const struct plan_shard *s = &plan->shard[i];

		edge_add(e, "%s: watchdog %s", s->name, check_time(s->watchdog_ns, text));
		edge_add(e, "%s: restart on %s, %u in %s, then %s", s->name,
			 check_restart_on(s->restart_on), s->restart_max,
			 check_time(s->restart_within_ns, text), check_restart_then(s->restart_then));
	}
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		edge_add(e, "channel %s: %u slots of %s, full = %s", c->name, c->slot_count,
			 check_bytes(c->slot_bytes, text), c->full == PLAN_FULL_DROP ? "drop" : "wait");
	}
	if (e->count > 0)
		qsort(e->line, e->count, sizeof(*e->line), compare_lines);
}

static void edges_of_shard(struct edges *e, const struct plan *plan, uint32_t shard)
{
	const struct plan_shard *s = &plan->shard[shard];
	const struct filter_facts facts = check_filter_facts(plan, shard);
	char device[CHECK_DEVICE_TEXT];
	struct filter_line line;

	edges_of_program(e, plan, shard);
	edge_add(e, "%s is of trust %s", s->name, s->trust);
	if (s->shared != 0)
		edge_add(e, "%s runs on the shared cores", s->name);
	else
		edge_add(e, "%s has core %u", s->name, s->core);
	for (uint32_t i = 0; i < s->grant_count; i++) {
		check_device_text(plan, s->grant[i], device);
		edge_add(e, "%s drives device %s: %s", s->name, plan->device[s->grant[i]].name,
			 device);
	}
	for (uint32_t i = 0; filter_table(FILTER_STEADY, &facts, i, &line); i++)
		edge_add(e, "%s may call %s: %s", s->name, line.call, line.only);
}

static void edges_of_trust(struct edges *e, const struct plan *plan)
{
	struct check_verdict v;

	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		if (c->borrow_trusted != 0)
			edge_add(e, "%s trusts who writes what channel %s lends it",
				 plan->shard[c->consumer].name, c->name);
		if (c->pool_count > 0 && c->copy_pool == PLAN_NONE)
			edge_add(e, "%s takes frames of channel %s as they lie, not as copies",
				 plan->shard[c->consumer].name, c->name);
	}
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		for (uint32_t k = 0; k < plan->pool_count; k++) {
			if (!check_verdict(plan, i, k, &v))
				continue;
			for (uint32_t w = 0; w < v.writer_count; w++)
				edge_add(e, "%s%s can change what %s judged in pool %s",
					 v.writer[w].device ? "device " : "", v.writer[w].name,
					 plan->shard[i].name, plan->pool[k].name);
		}
	}
}

static void edges_make(struct edges *e, const struct plan *plan, const struct plan *other)
{
	edges_of_host(e, plan);
	edges_of_amounts(e, plan, other);
	edges_of_regions(e, plan);
	for (uint32_t i = 0; i < plan->shard_count; i++)
		edges_of_shard(e, plan, i);
	edges_of_trust(e, plan);
	if (e->count > 0)
		qsort(e->line, e->count, sizeof(*e->line), compare_lines);
}

static void edges_free(struct edges *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->line[i]);
	free(e->line);
}

/* Into @list, or where that is NULL to stdout. */
static bool tell(json_t *list, const char *what, const char *line)
{
	if (list != NULL)
		return json_array_append_new(list, json_string(line)) == 0;
	printf("%s: %s\n", what, line);
	return true;
}

/* What is in one of two sorted lists alone, how much of each. */
struct changes {
	const char *word[2]; /* of the newer's, of the older's */
	json_t *list[2]; /* NULL: printed */
	uint32_t count[2];
};

static bool tell_changes(const struct edges *now, const struct edges *then, struct changes *c)
{
	size_t a = 0, b = 0;
	bool told = true;

	while (a < now->count || b < then->count) {
		int order = a == now->count    ? 1
			    : b == then->count ? -1
					       : strcmp(now->line[a], then->line[b]);

		if (order < 0) {
			told = tell(c->list[0], c->word[0], now->line[a]) && told;
			c->count[0]++;
		} else if (order > 0) {
			told = tell(c->list[1], c->word[1], then->line[b]) && told;
			c->count[1]++;
		}
		a += order <= 0;
		b += order >= 0;
	}
	return told;
}

static int print_document(const struct changes *authority, const struct changes *behaviour)
{
	json_t *doc = check_json_new("vanity.against/1", true, &(struct load_errors){ .count = 0 });

	for (uint32_t i = 0; i < 2; i++) {
		json_object_set(doc, authority->word[i], authority->list[i]);
		json_object_set(doc, behaviour->word[i], behaviour->list[i]);
	}
	return check_json_print(doc);
}

int check_print_against(const struct plan *plan, const struct plan *old, bool json,
			uint32_t *ret_gained)
{
	struct edges now = { .line = NULL }, then = { .line = NULL };
	struct edges does = { .line = NULL }, did = { .line = NULL };
	struct changes authority = { .word = { "gained", "lost" } };
	struct changes behaviour = { .word = { "now", "before" } };
	int ret = EXIT_FAILED;

	for (uint32_t i = 0; i < 2 && json; i++) {
		authority.list[i] = json_array();
		behaviour.list[i] = json_array();
	}
	edges_make(&now, plan, old);
	edges_make(&then, old, plan);
	behaviour_make(&does, plan);
	behaviour_make(&did, old);
	if (now.failed || then.failed || does.failed || did.failed ||
	    !tell_changes(&now, &then, &authority) || !tell_changes(&does, &did, &behaviour))
		goto free_edges;
	if (!json)
		printf("authority: %u gained, %u lost\n", authority.count[0], authority.count[1]);
	*ret_gained = authority.count[0];
	ret = json ? print_document(&authority, &behaviour) : EXIT_OK;
free_edges:
	for (uint32_t i = 0; i < 2; i++) {
		json_decref(authority.list[i]);
		json_decref(behaviour.list[i]);
	}
	edges_free(&did);
	edges_free(&does);
	edges_free(&then);
	edges_free(&now);
	return ret;
}
