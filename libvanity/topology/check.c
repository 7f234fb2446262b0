/* SPDX-License-Identifier: Apache-2.0 */
/* From blocks to rows of the plan: shards, pools and what stands at the top. */
#include "topology/parts.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

const struct topology_item *item_of(const struct topology *t, const struct topology_block *b,
				    uint32_t key)
{
	if (b->item[key] != TOPOLOGY_NONE)
		return &t->item[b->item[key]];
	if (t->defaults[b->kind] == TOPOLOGY_NONE)
		return NULL;
	b = &t->block[t->defaults[b->kind]];
	return b->item[key] != TOPOLOGY_NONE ? &t->item[b->item[key]] : NULL;
}

const struct topology_value *value_of(const struct topology *t, const struct topology_block *b,
				      uint32_t key)
{
	const struct topology_item *item = item_of(t, b, key);

	return item != NULL && item->count > 0 ? &t->value[item->first] : NULL;
}

bool value_is(const struct topology *t, const struct topology_value *v, const char *word)
{
	return v != NULL && same(t->text + v->at, v->bytes, word);
}

uint32_t value_choice(const struct topology *t, const struct topology_value *v, const char *choices)
{
	const char *s = t->text + v->at;

	for (uint32_t i = 0; *choices != '\0'; i++) {
		uint32_t n = 0;

		while (choices[n] != '\0' && choices[n] != '|')
			n++;
		if (n == v->bytes && compare_bytes(s, choices, n) == 0)
			return i;
		choices += n + (choices[n] == '|');
	}
	return TOPOLOGY_NONE;
}

/* The choice of a key that has choices, or @otherwise when it is not given. */
static uint32_t choice_of(const struct topology *t, const struct topology_block *b, uint32_t parent,
			  const char *name, uint32_t otherwise)
{
	const struct key *key = key_find(b->kind, parent, name, length(name));
	const struct topology_value *v = value_of(t, b, key->number);

	return v == NULL ? otherwise : value_choice(t, v, key->choices);
}

void name_copy(char *to, uint32_t room, const char *s, uint32_t bytes)
{
	uint32_t n = bytes < room - 1 ? bytes : room - 1;

	copy_bytes(to, s, n);
	fill_bytes(to + n, 0, room - n);
}

uint32_t line_of(const struct topology *t, uint32_t at)
{
	struct topology_place place;

	topology_place(t, at, &place);
	return place.line;
}

void unbuilt_add(struct topology *t, struct plan *plan, const struct topology_block *b,
		 const char *what, uint32_t at)
{
	struct plan_unbuilt *u = &plan->unbuilt[plan->unbuilt_count];
	const char *kind = kind_name(b->kind);
	struct topology_place place;
	uint32_t n = 0;

	if (plan->unbuilt_count == PLAN_UNBUILT_MAX) {
		plan->unbuilt_more++;
		return;
	}
	plan->unbuilt_count++;
	topology_place(t, at, &place);
	*u = (struct plan_unbuilt){ .line = place.line, .column = place.column };
	/* 7 + 1 + 31 + 2 + "standby = warm" stay below the row's 64 bytes. */
	copy_bytes(u->what, kind, length(kind));
	n += length(kind);
	if (b->name_bytes != 0) {
		u->what[n++] = ' ';
		copy_bytes(u->what + n, t->text + b->name_at, b->name_bytes);
		n += b->name_bytes;
	}
	if (what[0] != '\0') {
		u->what[n++] = ':';
		u->what[n++] = ' ';
		name_copy(u->what + n, (uint32_t)sizeof(u->what) - n, what, length(what));
	}
}

static bool name_is(const char *name, const char *s, uint32_t bytes)
{
	return compare_bytes(name, s, bytes) == 0 && name[bytes] == '\0';
}

uint32_t shard_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near)
{
	near_init(near, s, bytes);
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		if (name_is(plan->shard[i].name, s, bytes))
			return i;
		near_offer(near, plan->shard[i].name, length(plan->shard[i].name));
	}
	return PLAN_NONE;
}

uint32_t pool_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near)
{
	near_init(near, s, bytes);
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		if (name_is(plan->pool[i].name, s, bytes))
			return i;
		near_offer(near, plan->pool[i].name, length(plan->pool[i].name));
	}
	return PLAN_NONE;
}

uint32_t device_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near)
{
	near_init(near, s, bytes);
	for (uint32_t i = 0; i < plan->device_count; i++) {
		if (name_is(plan->device[i].name, s, bytes))
			return i;
		near_offer(near, plan->device[i].name, length(plan->device[i].name));
	}
	return PLAN_NONE;
}

/* A key without which a block means nothing. */
static const struct topology_value *needed(struct topology *t, const struct topology_block *b,
					   const char *name)
{
	const struct key *key = key_find(b->kind, KEY_TOP_LEVEL, name, length(name));
	const struct topology_value *v = value_of(t, b, key->number);

	if (v == NULL)
		REPORT(t, MESSAGE_MISSING_KEY, b->name_at, b->name_bytes,
		       A_TEXT(kind_name(b->kind)), A_NAME(t, b), A_TEXT(name),
		       A_TEXT(key->example));
	return v;
}

/* --- the top --- */

static void check_top(struct topology *t, struct plan *plan)
{
	const struct topology_value *v;
	uint32_t at = t->file[0].at;

	if (t->version_item == TOPOLOGY_NONE)
		REPORT(t, MESSAGE_MISSING_VERSION, at, 0, A_COUNT(0));
	plan->version = 1;
	if (t->system_item == TOPOLOGY_NONE) {
		REPORT(t, MESSAGE_MISSING_SYSTEM, at, 0, A_COUNT(0));
		return;
	}
	v = &t->value[t->item[t->system_item].first];
	if (word_reserved(t->text + v->at, v->bytes))
		REPORT(t, MESSAGE_RESERVED, v->at, v->bytes, A_SPAN(t, v->at, v->bytes));
	name_copy(plan->system, sizeof(plan->system), t->text + v->at, v->bytes);
}

static void check_require(struct topology *t, struct plan *plan, const struct topology_block *b)
{
	plan->require_iommu = choice_of(t, b, KEY_TOP_LEVEL, "iommu", PLAN_REQUIRE_NONE);
	plan->require_hugepages = choice_of(t, b, KEY_TOP_LEVEL, "hugepages", PLAN_REQUIRE_NONE);
	if (choice_of(t, b, KEY_TOP_LEVEL, "cores", 0) == 1)
		plan->require_cores = PLAN_REQUIRE_ISOLATED;
	if (plan->require_iommu == PLAN_REQUIRE_ON)
		unbuilt_add(t, plan, b, "iommu = on", t->item[b->item[KEY_REQUIRE_IOMMU]].at);
}

static void check_host(struct topology *t, struct plan *plan, const struct topology_block *b)
{
	const struct topology_value *cores = value_of(t, b, KEY_HOST_HOUSEKEEPING);
	const struct topology_value *programs = value_of(t, b, KEY_HOST_PROGRAMS);

	if (programs != NULL)
		path_copy(t, programs, plan->programs);
	if (cores == NULL)
		return;
	plan->housekeeping_first = (uint32_t)cores->number;
	plan->housekeeping_last =
		(uint32_t)(cores->kind == VALUE_RANGE ? cores->second : cores->number);
	if (plan->host.cores != 0 && plan->host.ignore_cores == 0 &&
	    plan->housekeeping_last >= plan->host.cores)
		REPORT(t, MESSAGE_CORE_BEYOND, cores->at, cores->bytes,
		       A_COUNT(plan->housekeeping_last), A_COUNT(plan->host.cores),
		       A_COUNT(plan->host.cores - 1));
}

/* --- shards --- */

/* Returns true when the shard has a core of its own in the topology. */
static bool check_cores(struct topology *t, struct plan *plan, uint32_t shard)
{
	const struct topology_block *b = &t->block[t->shard_block[shard]];
	const struct topology_value *v = value_of(t, b, KEY_SHARD_CORES);
	struct plan_shard *row = &plan->shard[shard];

	row->shared = 1;
	row->core = PLAN_NONE;
	if (v == NULL || v->kind == VALUE_WORD)
		return false;
	if (v->kind == VALUE_RANGE && v->second != v->number) {
		REPORT(t, MESSAGE_CORES_MANY, v->at, v->bytes, A_COUNT(0));
		return false;
	}
	row->core = (uint32_t)v->number;
	row->shared = 0;
	for (uint32_t i = 0; i < shard; i++) {
		const struct plan_shard *other = &plan->shard[i];

		if (other->core == row->core) {
			REPORT(t, MESSAGE_CORE_TWICE, v->at, v->bytes, A_COUNT(row->core),
			       A_TEXT(other->name), A_PLACE(t->block[t->shard_block[i]].name_at));
			break;
		}
	}
	if (plan->housekeeping_first != PLAN_NONE && row->core >= plan->housekeeping_first &&
	    row->core <= plan->housekeeping_last) {
		REPORT(t, MESSAGE_CORE_HOUSEKEEPING, v->at, v->bytes, A_COUNT(row->core),
		       A_PLACE(t->mark[0]));
	}
	if (plan->host.cores != 0 && plan->host.ignore_cores == 0 && row->core >= plan->host.cores)
		REPORT(t, MESSAGE_CORE_BEYOND, v->at, v->bytes, A_COUNT(row->core),
		       A_COUNT(plan->host.cores), A_COUNT(plan->host.cores - 1));
	return true;
}

static bool option_exists(const struct topology *t, const struct plan *plan,
			  const struct plan_shard *row, const struct topology_item *item)
{
	for (uint32_t i = 0; i < row->option_count; i++) {
		if (name_is(plan->option[row->option_first + i].name, t->text + item->at,
			    item->bytes))
			return true;
	}
	return false;
}

/* The options of a block; those a shard gave itself stand before those of its defaults. */
static void check_options(struct topology *t, struct plan *plan, uint32_t shard,
			  const struct topology_block *b)
{
	struct plan_shard *row = &plan->shard[shard];

	for (uint32_t i = 0; i < b->option_count; i++) {
		const struct topology_item *item = &t->item[b->option_first + i];
		const struct topology_value *v = &t->value[item->first];
		struct plan_option *option = &plan->option[plan->option_count];

		if (option_exists(t, plan, row, item))
			continue;
		if (plan->option_count == VANITY_OPTIONS_MAX) {
			REPORT(t, MESSAGE_TOO_MANY, item->at, item->bytes, A_TEXT("options"),
			       A_COUNT(VANITY_OPTIONS_MAX));
			return;
		}
		plan->option_count++;
		row->option_count++;
		fill_bytes(option, 0, sizeof(*option));
		name_copy(option->name, sizeof(option->name), t->text + item->at, item->bytes);
		/* A right is written `name:ro`; all of it is the option's text. */
		name_copy(option->text, sizeof(option->text), t->text + v->at,
			  v->kind == VALUE_RIGHT ? v->whole_bytes : v->bytes);
		option->shard = shard;
		option->numeric = v->kind == VALUE_NUMBER;
		option->value = v->kind == VALUE_NUMBER ? v->number : 0;
	}
}

static void check_life(struct topology *t, struct plan *plan, const struct topology_block *b,
		       struct plan_shard *row, bool own_core)
{
	const struct topology_value *watchdog = value_of(t, b, KEY_SHARD_WATCHDOG);
	const struct topology_value *max = value_of(t, b, KEY_RESTART_MAX);
	const struct topology_item *item;

	row->watchdog_ns = row->shared != 0 ? SECOND : 100 * MS;
	/* A watchdog meant for a core of its own would call a shard stuck that merely waits for
	 * a shared one. */
	if (watchdog != NULL && !(own_core && row->shared != 0 && watchdog->number < SECOND))
		row->watchdog_ns = watchdog->number;
	row->restart_max = max == NULL ? 5 : (uint32_t)max->number;
	row->restart_within_ns = max == NULL ? 10 * SECOND : max->second;
	row->restart_on = choice_of(t, b, KEY_SHARD_RESTART, "on", PLAN_ON_FAULT);
	row->restart_then = choice_of(t, b, KEY_SHARD_RESTART, "then", PLAN_THEN_BACKOFF);
	row->carry = choice_of(t, b, KEY_TOP_LEVEL, "carry", PLAN_CARRY_RELOAD);
	row->standby = choice_of(t, b, KEY_TOP_LEVEL, "standby", PLAN_STANDBY_NONE);
	item = item_of(t, b, KEY_SHARD_CARRY);
	if (row->carry == PLAN_CARRY_KEEP)
		unbuilt_add(t, plan, b, "carry = keep", item->at);
	item = item_of(t, b, KEY_SHARD_STANDBY);
	if (row->standby == PLAN_STANDBY_WARM)
		unbuilt_add(t, plan, b, "standby = warm", item->at);
}

static void check_shard(struct topology *t, struct plan *plan, struct topology_block *b)
{
	uint32_t shard = plan->shard_count++;
	struct plan_shard *row = &plan->shard[shard];
	const struct topology_value *v;
	bool own_core;

	t->shard_block[shard] = (uint32_t)(b - t->block);
	name_copy(row->name, sizeof(row->name), t->text + b->name_at, b->name_bytes);
	row->line = line_of(t, b->at);

	v = needed(t, b, "program");
	if (v != NULL)
		name_copy(row->program, sizeof(row->program), t->text + v->at, v->bytes);
	v = value_of(t, b, KEY_SHARD_CONFIG);
	if (v != NULL)
		path_copy(t, v, row->config);
	v = value_of(t, b, KEY_SHARD_TRUST);
	if (v != NULL)
		name_copy(row->trust, sizeof(row->trust), t->text + v->at, v->bytes);
	else
		name_copy(row->trust, sizeof(row->trust), "default", 7);
	v = value_of(t, b, KEY_SHARD_MEMORY);
	row->memory_bytes = v == NULL ? 8ull << 20 : v->number;

	own_core = check_cores(t, plan, shard);
	if (plan->host.ignore_cores != 0)
		row->shared = 1;
	check_life(t, plan, b, row, own_core);
	row->option_first = plan->option_count;
	check_options(t, plan, shard, b);
	if (t->defaults[TOPOLOGY_SHARD] != TOPOLOGY_NONE)
		check_options(t, plan, shard, &t->block[t->defaults[TOPOLOGY_SHARD]]);
}

/* --- pools --- */

static void add_access(struct topology *t, struct plan *plan, uint32_t at, uint32_t bytes,
		       struct plan_pool_access access)
{
	if (plan->access_count == PLAN_POOL_ACCESS_MAX) {
		REPORT(t, MESSAGE_TOO_MANY, at, bytes, A_TEXT("rights on pools"),
		       A_COUNT(PLAN_POOL_ACCESS_MAX));
		return;
	}
	plan->access[plan->access_count++] = access;
}

static void check_access(struct topology *t, struct plan *plan, const struct topology_block *b,
			 uint32_t pool)
{
	const struct topology_item *item = item_of(t, b, KEY_POOL_ACCESS);
	uint32_t owner = plan->pool[pool].owner;

	if (owner != PLAN_NONE)
		add_access(t, plan, b->name_at, b->name_bytes,
			   (struct plan_pool_access){ pool, owner, PLAN_RW });
	for (uint32_t i = 0; item != NULL && i < item->count; i++) {
		const struct topology_value *v = &t->value[item->first + i];
		struct near near;
		uint32_t shard = shard_lookup(plan, t->text + v->at, v->bytes, &near);

		if (shard == PLAN_NONE)
			REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("shard"),
			       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
		else if (shard == owner)
			REPORT(t, MESSAGE_ACCESS_OF_OWNER, v->at, v->whole_bytes,
			       A_SPAN(t, v->at, v->bytes));
		else
			add_access(t, plan, v->at, v->bytes,
				   (struct plan_pool_access){ pool, shard, (uint32_t)v->number });
	}
}

static void check_pool(struct topology *t, struct plan *plan, struct topology_block *b)
{
	uint32_t pool = plan->pool_count++;
	struct plan_pool *row = &plan->pool[pool];
	const struct topology_value *v;
	struct near near;

	t->pool_block[pool] = (uint32_t)(b - t->block);
	name_copy(row->name, sizeof(row->name), t->text + b->name_at, b->name_bytes);
	row->line = line_of(t, b->at);
	row->owner = PLAN_NONE;
	v = needed(t, b, "owner");
	if (v != NULL) {
		row->owner = shard_lookup(plan, t->text + v->at, v->bytes, &near);
		if (row->owner == PLAN_NONE)
			REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("shard"),
			       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
	}
	v = value_of(t, b, KEY_POOL_FRAME);
	row->frame_bytes = v == NULL ? 2048 : (uint32_t)v->number;
	row->first_frame = pool == 0 ? 0 : row[-1].first_frame + row[-1].frame_count;
	v = needed(t, b, "frames");
	if (v != NULL)
		row->frame_count = (uint32_t)v->number;
	if (v != NULL && row->frame_count > VANITY_FRAMES_MAX - row->first_frame) {
		REPORT(t, MESSAGE_TOO_MANY_FRAMES, v->at, v->bytes, A_TEXT(row->name),
		       A_COUNT(row->first_frame + row->frame_count), A_COUNT(VANITY_FRAMES_MAX));
		row->frame_count = 0;
	}
	check_access(t, plan, b, pool);
}

/* --- the whole --- */

static struct topology_block *next_block(struct topology *t, uint32_t kind, uint32_t *at)
{
	while (*at < t->block_count) {
		struct topology_block *b = &t->block[(*at)++];

		if (b->kind == kind && (kind < TOPOLOGY_DEVICE || b->name_bytes != 0))
			return b;
	}
	return NULL;
}

static void check_blocks(struct topology *t, struct plan *plan)
{
	struct topology_block *b;

	check_top(t, plan);
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_REQUIRE, &i)) != NULL;)
		check_require(t, plan, b);
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_HOST, &i)) != NULL;) {
		check_host(t, plan, b);
		t->mark[0] = b->at; /* where housekeeping stands, for messages */
	}
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_SHARD, &i)) != NULL;)
		check_shard(t, plan, b);
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_POOL, &i)) != NULL;)
		check_pool(t, plan, b);
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_DEVICE, &i)) != NULL;)
		t->device_block[plan->device_count++] = (uint32_t)(b - t->block);
	check_devices(t, plan);
	check_grants(t, plan);
	for (uint32_t i = 0; (b = next_block(t, TOPOLOGY_CHANNEL, &i)) != NULL;)
		t->channel_block[plan->channel_count++] = (uint32_t)(b - t->block);
	check_channels(t, plan);
}

int plan_make(struct topology *t, const struct plan_host *host, struct plan *ret_plan)
{
	struct plan *plan = ret_plan;

	fill_bytes(plan, 0, sizeof(*plan));
	if (t->error_count != 0)
		return 1;
	plan->bytes = sizeof(*plan);
	plan->host = *host;
	if (plan->host.page_bytes == 0)
		plan->host.page_bytes = 4096;
	plan->housekeeping_first = PLAN_NONE;
	plan->housekeeping_last = PLAN_NONE;

	check_blocks(t, plan);
	/* Whose frames go where makes sense only between ends that exist. */
	if (t->error_count == 0)
		check_custody(t, plan);
	if (t->error_count != 0)
		return 1;
	plan_layout(plan);
	plan->magic = PLAN_MAGIC;
	return 0;
}

uint32_t plan_shard_find(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		if (same(plan->shard[i].name, length(plan->shard[i].name), name))
			return i;
	}
	return PLAN_NONE;
}

uint32_t plan_channel_find(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		if (same(plan->channel[i].name, length(plan->channel[i].name), name))
			return i;
	}
	return PLAN_NONE;
}

uint32_t plan_pool_find(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		if (same(plan->pool[i].name, length(plan->pool[i].name), name))
			return i;
	}
	return PLAN_NONE;
}

uint32_t plan_access_find(const struct plan *plan, uint32_t pool, uint32_t shard)
{
	for (uint32_t i = 0; i < plan->access_count; i++) {
		if (plan->access[i].pool == pool && plan->access[i].shard == shard)
			return plan->access[i].right;
	}
	return PLAN_NONE;
}
