/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed in authority between two topologies, one line an edge (with --json one document,
 * "vanity.against/1"): who may read or write which
 * region, who drives which device, which cores are whose, which system calls a shard may make, and
 * which decisions of trust were taken. Edges are compared by their words, so that shards and
 * regions are the same when their names are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void edges_of_shard(struct edges *e, const struct plan *plan, uint32_t shard)
{
	const struct plan_shard *s = &plan->shard[shard];
	const struct filter_facts facts = check_filter_facts(plan, shard);
	char device[CHECK_DEVICE_TEXT];
	struct filter_line line;

	edge_add(e, "%s runs program %s", s->name, s->program);
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

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void edges_make(struct edges *e, const struct plan *plan)
{
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

/* Two sorted lists side by side. */
static bool tell_changes(const struct edges *now, const struct edges *then, json_t *list_gained,
			 json_t *list_lost, uint32_t *ret_gained, uint32_t *ret_lost)
{
	size_t a = 0, b = 0;
	bool told = true;

	while (a < now->count || b < then->count) {
		int order = a == now->count    ? 1
			    : b == then->count ? -1
					       : strcmp(now->line[a], then->line[b]);

		if (order < 0) {
			told = tell(list_gained, "gained", now->line[a]) && told;
			++*ret_gained;
		} else if (order > 0) {
			told = tell(list_lost, "lost", then->line[b]) && told;
			++*ret_lost;
		}
		a += order <= 0;
		b += order >= 0;
	}
	return told;
}

static int print_document(json_t *gained, json_t *lost)
{
	json_t *doc = check_json_new("vanity.against/1", true, &(struct load_errors){ .count = 0 });

	json_object_set(doc, "gained", gained);
	json_object_set(doc, "lost", lost);
	return check_json_print(doc);
}

int check_print_against(const struct plan *plan, const struct plan *old, bool json,
			uint32_t *ret_gained)
{
	struct edges now = { .line = NULL }, then = { .line = NULL };
	json_t *gained = json ? json_array() : NULL;
	json_t *lost = json ? json_array() : NULL;
	uint32_t lost_count = 0;
	int ret = EXIT_FAILED;

	*ret_gained = 0;
	edges_make(&now, plan);
	edges_make(&then, old);
	if (now.failed || then.failed ||
	    !tell_changes(&now, &then, gained, lost, ret_gained, &lost_count))
		goto free_edges;
	if (!json)
		printf("authority: %u gained, %u lost\n", *ret_gained, lost_count);
	ret = json ? print_document(gained, lost) : EXIT_OK;
free_edges:
	json_decref(lost);
	json_decref(gained);
	edges_free(&then);
	edges_free(&now);
	return ret;
}
