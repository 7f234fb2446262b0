/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd check --json: one document, "vanity.check/1"; and how check's documents begin and end. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "check_parts.h"
#include "exit.h"

static json_t *json_shard(const struct plan *plan, const struct plan_shard *s)
{
	json_t *ports = json_array(), *options = json_object(), *grants = json_array();
	json_t *calls = json_array();
	struct filter_facts facts = check_filter_facts(plan, (uint32_t)(s - plan->shard));
	struct filter_line line;

	for (uint32_t i = 0; i < s->grant_count; i++)
		json_array_append_new(grants, json_string(plan->device[s->grant[i]].name));
	for (uint32_t i = 0; filter_table(FILTER_STEADY, &facts, i, &line); i++)
		json_array_append_new(calls, json_pack("{ss ss ss}", "call", line.call, "only",
						       line.only, "reason", line.reason));
	for (uint32_t i = 0; i < s->port_count; i++)
		json_array_append_new(ports,
				      json_pack("{ss ss ss}", "name", s->port[i].name, "channel",
						plan->channel[s->port[i].channel].name, "direction",
						s->port[i].output != 0 ? "out" : "in"));
	for (uint32_t i = 0; i < s->option_count; i++)
		json_object_set_new(options, plan->option[s->option_first + i].name,
				    json_string(plan->option[s->option_first + i].text));
	return json_pack("{ss ss ss so sI sI ss sI sI ss so so so so si}", "name", s->name,
			 "program", s->program, "trust", s->trust, "core",
			 s->shared != 0 ? json_null() : json_integer(s->core), "memory_bytes",
			 (json_int_t)s->memory_bytes, "watchdog_ns", (json_int_t)s->watchdog_ns,
			 "restart_on", check_restart_on(s->restart_on), "restart_max",
			 (json_int_t)s->restart_max, "restart_within_ns",
			 (json_int_t)s->restart_within_ns, "restart_then",
			 check_restart_then(s->restart_then), "ports", ports, "options", options,
			 "grants", grants, "calls", calls, "line", (int)s->line);
}

static json_t *json_channel(const struct plan *plan, uint32_t channel)
{
	const struct plan_channel *c = &plan->channel[channel];
	json_t *pools = json_array();
	uint64_t rate, absorbs = check_absorbs_ns(plan, channel, &rate);

	for (uint32_t i = 0; i < c->pool_count; i++)
		json_array_append_new(pools, json_string(plan->pool[c->pool[i]].name));
	return json_pack("{ss ss ss ss ss sI sI ss so sI sI so sb so so si}", "name", c->name,
			 "from", plan->shard[c->producer].name, "from_port",
			 plan->shard[c->producer].port[c->producer_port].name, "to",
			 plan->shard[c->consumer].name, "to_port",
			 plan->shard[c->consumer].port[c->consumer_port].name, "slots",
			 (json_int_t)c->slot_count, "slot_bytes", (json_int_t)c->slot_bytes, "full",
			 c->full == PLAN_FULL_DROP ? "drop" : "wait", "pools", pools, "lend",
			 (json_int_t)c->lend, "lane_slots", (json_int_t)c->lane_slots, "copy",
			 c->copy_pool == PLAN_NONE ? json_null()
						   : json_string(plan->pool[c->copy_pool].name),
			 "borrow_trusted", (int)c->borrow_trusted, "peak_per_s",
			 rate == 0 ? json_null() : json_integer((json_int_t)rate), "absorbs_ns",
			 rate == 0 ? json_null() : json_integer((json_int_t)absorbs), "line",
			 (int)c->line);
}

static json_t *json_region(const struct plan *plan, uint32_t region)
{
	const struct plan_region *r = &plan->region[region];
	json_t *access = json_object();
	char name[CHECK_REGION_NAME];

	check_region_name(plan, region, name);
	for (uint32_t i = 0; i <= plan->shard_count; i++) {
		uint32_t right = check_right(plan, region, i);

		if (right != PLAN_NONE)
			json_object_set_new(
				access, i == plan->shard_count ? "(vanityd)" : plan->shard[i].name,
				json_string(right == PLAN_RW ? "rw" : "ro"));
	}
	return json_pack("{ss sI sI so}", "name", name, "bytes", (json_int_t)r->bytes, "page_bytes",
			 (json_int_t)r->page_bytes, "access", access);
}

static json_t *json_text(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *json_device(const struct plan *plan, uint32_t device)
{
	static const char *const paces[] = { "fast", "recorded", "rate" };
	const struct plan_device *d = &plan->device[device];
	char region[CHECK_REGION_NAME] = "";

	if (d->region != PLAN_NONE)
		check_region_name(plan, d->region, region);
	return json_pack(
		"{ss ss ss so so sI so so so so ss sI sI sb si}", "name", d->name, "backend",
		check_backend(d->backend), "match", d->match, "shard",
		d->shard == PLAN_NONE ? json_null() : json_string(plan->shard[d->shard].name),
		"interface", json_text(d->interface), "queue", (json_int_t)d->queue, "pool",
		d->pool == PLAN_NONE ? json_null() : json_string(plan->pool[d->pool].name),
		"region", json_text(region), "read", json_text(d->read), "write",
		json_text(d->write), "pace", paces[d->pace], "pace_per_s",
		(json_int_t)d->pace_per_s, "peak_per_s", (json_int_t)d->peak_per_s,
		"keeps_descriptor", (int)d->keeps_fd, "line", (int)d->line);
}

static void add_tables(json_t *doc, const struct plan *plan)
{
	json_t *shards = json_array(), *channels = json_array(), *pools = json_array();
	json_t *devices = json_array(), *regions = json_array();

	for (uint32_t i = 0; i < plan->shard_count; i++)
		json_array_append_new(shards, json_shard(plan, &plan->shard[i]));
	for (uint32_t i = 0; i < plan->channel_count; i++)
		json_array_append_new(channels, json_channel(plan, i));
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i];

		json_array_append_new(pools,
				      json_pack("{ss ss sI sI sI si}", "name", p->name, "owner",
						plan->shard[p->owner].name, "frames",
						(json_int_t)p->frame_count, "frame_bytes",
						(json_int_t)p->frame_bytes, "first_frame",
						(json_int_t)p->first_frame, "line", (int)p->line));
	}
	for (uint32_t i = 0; i < plan->device_count; i++)
		json_array_append_new(devices, json_device(plan, i));
	for (uint32_t i = 0; i < plan->region_count; i++)
		json_array_append_new(regions, json_region(plan, i));
	json_object_set_new(doc, "shards", shards);
	json_object_set_new(doc, "channels", channels);
	json_object_set_new(doc, "pools", pools);
	json_object_set_new(doc, "devices", devices);
	json_object_set_new(doc, "regions", regions);
}

static json_t *json_verdicts(const struct plan *plan)
{
	json_t *verdicts = json_array();
	struct check_verdict v;

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		for (uint32_t k = 0; k < plan->pool_count; k++) {
			json_t *shards = json_array(), *devices = json_array();

			if (!check_verdict(plan, i, k, &v)) {
				json_decref(shards);
				json_decref(devices);
				continue;
			}
			for (uint32_t w = 0; w < v.writer_count; w++)
				json_array_append_new(v.writer[w].device ? devices : shards,
						      json_string(v.writer[w].name));
			json_array_append_new(verdicts,
					      json_pack("{ss ss sb so so}", "shard",
							plan->shard[i].name, "pool",
							plan->pool[k].name, "copied", (int)v.copied,
							"writers", shards, "devices", devices));
		}
	}
	return verdicts;
}

static json_t *json_foreign(const struct plan *plan)
{
	json_t *readers = json_array();
	bool copies;

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		for (uint32_t k = 0; k < plan->pool_count; k++) {
			if (!check_foreign(plan, i, k, &copies))
				continue;
			json_array_append_new(readers,
					      json_pack("{ss ss sb}", "shard", plan->shard[i].name,
							"pool", plan->pool[k].name, "copies",
							(int)copies));
		}
	}
	return readers;
}

static void add_decisions(json_t *doc, const struct plan *plan)
{
	json_t *writers = json_array(), *borrows = json_array(), *unbuilt = json_array();

	for (uint32_t i = 0; i < plan->access_count; i++) {
		const struct plan_pool_access *a = &plan->access[i];

		if (a->right == PLAN_RW && a->shard != plan->pool[a->pool].owner)
			json_array_append_new(writers,
					      json_pack("{ss ss}", "pool", plan->pool[a->pool].name,
							"shard", plan->shard[a->shard].name));
	}
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		if (plan->channel[i].borrow_trusted != 0)
			json_array_append_new(borrows, json_string(plan->channel[i].name));
	}
	for (uint32_t i = 0; i < plan->unbuilt_count; i++)
		json_array_append_new(unbuilt,
				      json_pack("{ss si si}", "what", plan->unbuilt[i].what, "line",
						(int)plan->unbuilt[i].line, "column",
						(int)plan->unbuilt[i].column));
	json_object_set_new(doc, "verdicts", json_verdicts(plan));
	json_object_set_new(doc, "second_writers", writers);
	json_object_set_new(doc, "foreign_readers", json_foreign(plan));
	json_object_set_new(doc, "borrow_trusted", borrows);
	json_object_set_new(doc, "unbuilt", unbuilt);
	json_object_set_new(doc, "unbuilt_more", json_integer(plan->unbuilt_more));
}

static json_t *json_error(const struct load_error *e)
{
	json_t *path = json_string(e->path);

	/* The user's own words on the command line need be no UTF-8. */
	return json_pack("{ss? so si si ss? ss?}", "id", e->id, "file",
			 path != NULL ? path : json_string("?"), "line", (int)e->line, "column",
			 (int)e->column, "words", e->words, "help", e->help);
}

json_t *check_json_new(const char *schema, bool ok, const struct load_errors *errors)
{
	json_t *doc = json_pack("{ss sb}", "schema", schema, "ok", (int)ok);
	json_t *list = json_array();

	for (uint32_t i = 0; i < errors->count; i++)
		json_array_append_new(list, json_error(&errors->error[i]));
	json_object_set_new(doc, "errors", list);
	json_object_set_new(doc, "errors_more", json_integer(errors->more));
	return doc;
}

int check_json_print(json_t *doc)
{
	int ret = json_dumpf(doc, stdout, JSON_INDENT(2));

	fputc('\n', stdout);
	json_decref(doc);
	return ret == 0 ? EXIT_OK : EXIT_FAILED;
}

int check_print_json(const struct plan *plan, const struct load_errors *errors)
{
	json_t *doc = check_json_new("vanity.check/1", plan != NULL, errors);
	char digest[65];

	if (plan != NULL) {
		for (int i = 0; i < 32; i++)
			snprintf(digest + 2 * i, 3, "%02x", plan->digest[i]);
		json_object_set_new(doc, "system", json_string(plan->system));
		json_object_set_new(doc, "digest", json_string(digest));
		json_object_set_new(doc, "memory_bytes",
				    json_integer((json_int_t)plan->memory_bytes));
		add_tables(doc, plan);
		add_decisions(doc, plan);
	}
	return check_json_print(doc);
}
