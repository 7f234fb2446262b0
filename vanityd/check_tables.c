/* SPDX-License-Identifier: Apache-2.0 */
/* Who may touch what, and the plan as tables. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vanity/grant.h>

#include "check_parts.h"

static const char *scaled(uint64_t n, const char *const *names, const uint64_t *factors, int count,
			  char ret_text[32])
{
	while (count > 1 && (n == 0 || n % factors[count - 1] != 0))
		count--;
	snprintf(ret_text, 32, "%llu%s", (unsigned long long)(n / factors[count - 1]),
		 names[count - 1]);
	return ret_text;
}

const char *check_bytes(uint64_t bytes, char ret_text[32])
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB" };
	static const uint64_t factors[] = { 1, 1 << 10, 1 << 20, 1 << 30 };

	return scaled(bytes, names, factors, 4, ret_text);
}

const char *check_time(uint64_t ns, char ret_text[32])
{
	static const char *const names[] = { "ns", "us", "ms", "s" };
	static const uint64_t factors[] = { 1, 1000, 1000000, 1000000000 };

	return scaled(ns, names, factors, 4, ret_text);
}

const char *check_restart_on(uint32_t on)
{
	static const char *const words[] = { "fault", "always", "never" };

	return words[on];
}

const char *check_restart_then(uint32_t then)
{
	static const char *const words[] = { "backoff", "hold", "stop" };

	return words[then];
}

static const char *shard_name(const struct plan *plan, uint32_t shard)
{
	return shard < plan->shard_count ? plan->shard[shard].name : "vanityd";
}

void check_region_name(const struct plan *plan, uint32_t region, char ret_name[CHECK_REGION_NAME])
{
	const struct plan_region *r = &plan->region[region];

	switch (r->kind) {
	case PLAN_REGION_WIRE:
		snprintf(ret_name, CHECK_REGION_NAME, "wire %s -> %s", shard_name(plan, r->a),
			 shard_name(plan, r->b));
		break;
	case PLAN_REGION_POOL:
		snprintf(ret_name, CHECK_REGION_NAME, "pool %s", plan->pool[r->b].name);
		break;
	case PLAN_REGION_CELL:
		snprintf(ret_name, CHECK_REGION_NAME, "cell %s", shard_name(plan, r->a));
		break;
	case PLAN_REGION_ORDERS:
		snprintf(ret_name, CHECK_REGION_NAME, "orders %s", shard_name(plan, r->b));
		break;
	case PLAN_REGION_DEVICE:
		snprintf(ret_name, CHECK_REGION_NAME, "device %s", plan->device[r->b].name);
		break;
	default:
		snprintf(ret_name, CHECK_REGION_NAME, "bell %s", shard_name(plan, r->b));
		break;
	}
}

static bool neighbours(const struct plan *plan, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < plan->wire_count; i++) {
		if (plan->wire[i].from == a && plan->wire[i].to == b)
			return true;
	}
	return false;
}

uint32_t check_right(const struct plan *plan, uint32_t region, uint32_t shard)
{
	const struct plan_region *r = &plan->region[region];
	bool vanityd = shard == plan->shard_count;

	switch (r->kind) {
	case PLAN_REGION_WIRE:
		return shard == r->a ? PLAN_RW : shard == r->b ? PLAN_RO : PLAN_NONE;
	case PLAN_REGION_POOL:
		for (uint32_t i = 0; i < plan->access_count; i++) {
			if (plan->access[i].pool == r->b && plan->access[i].shard == shard)
				return plan->access[i].right;
		}
		return PLAN_NONE;
	case PLAN_REGION_CELL:
		return shard == r->a ? PLAN_RW : vanityd ? PLAN_RO : PLAN_NONE;
	case PLAN_REGION_ORDERS:
		return shard == r->b ? PLAN_RO : vanityd ? PLAN_RW : PLAN_NONE;
	case PLAN_REGION_DEVICE:
		return shard == r->a ? PLAN_RW : PLAN_NONE;
	default:
		return shard == r->b || vanityd || neighbours(plan, shard, r->b) ? PLAN_RW
										 : PLAN_NONE;
	}
}

/* --- how long a channel absorbs --- */

/* What a shard brings into the system of its own: its devices' peaks, or its option `rate`. */
static uint64_t own_rate(const struct plan *plan, uint32_t shard)
{
	const struct plan_shard *s = &plan->shard[shard];
	uint64_t rate = 0;

	for (uint32_t i = 0; i < plan->device_count; i++) {
		if (plan->device[i].shard == shard)
			rate += plan->device[i].peak_per_s;
	}
	for (uint32_t i = 0; i < s->option_count && rate == 0; i++) {
		const struct plan_option *o = &plan->option[s->option_first + i];

		if (o->numeric != 0 && strcmp(o->name, "rate") == 0)
			rate = o->value;
	}
	return rate;
}

/* The most that can come down a channel: everything brought in by the shards it is reached from. */
static uint64_t channel_rate(const struct plan *plan, uint32_t channel)
{
	bool reached[VANITY_SHARDS_MAX] = { false }, again = true;
	uint64_t rate = 0;

	reached[plan->channel[channel].producer] = true;
	while (again) {
		again = false;
		for (uint32_t i = 0; i < plan->channel_count; i++) {
			const struct plan_channel *c = &plan->channel[i];

			if (reached[c->consumer] && !reached[c->producer]) {
				reached[c->producer] = true;
				again = true;
			}
		}
	}
	for (uint32_t i = 0; i < plan->shard_count; i++)
		rate += reached[i] ? own_rate(plan, i) : 0;
	return rate;
}

uint64_t check_absorbs_ns(const struct plan *plan, uint32_t channel, uint64_t *ret_rate)
{
	const struct plan_channel *c = &plan->channel[channel];
	uint64_t items = c->slot_count;

	/* Frames run out before slots do when fewer are lent. */
	if (c->pool_count != 0 && c->lend < items)
		items = c->lend;
	*ret_rate = channel_rate(plan, channel);
	return *ret_rate == 0 ? 0 : items * 1000000000ull / *ret_rate;
}

/* --- tables --- */

static size_t longest_region(const struct plan *plan)
{
	char name[CHECK_REGION_NAME];
	size_t longest = 0;

	for (uint32_t i = 0; i < plan->region_count; i++) {
		check_region_name(plan, i, name);
		if (strlen(name) > longest)
			longest = strlen(name);
	}
	return longest;
}

void check_print_matrix(const struct plan *plan)
{
	/* What carries the payload first, what carries the news of it after. */
	static const uint32_t order[] = { PLAN_REGION_POOL, PLAN_REGION_DEVICE, PLAN_REGION_WIRE,
					  PLAN_REGION_CELL, PLAN_REGION_ORDERS, PLAN_REGION_BELL };
	int width = (int)longest_region(plan);
	char name[CHECK_REGION_NAME];

	printf("%-*s", width, "");
	for (uint32_t i = 0; i <= plan->shard_count; i++)
		printf("  %-4s", shard_name(plan, i));
	printf("\n");
	for (uint32_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
		for (uint32_t i = 0; i < plan->region_count; i++) {
			if (plan->region[i].kind != order[k])
				continue;
			check_region_name(plan, i, name);
			printf("%-*s", width, name);
			for (uint32_t s = 0; s <= plan->shard_count; s++) {
				uint32_t right = check_right(plan, i, s);
				size_t column = strlen(shard_name(plan, s));

				printf("  %-*s",
				       s == plan->shard_count ? 0
				       : column < 4           ? 4
							      : (int)column,
				       right == PLAN_NONE ? "-"
				       : right == PLAN_RW ? "rw"
							  : "ro");
			}
			printf("\n");
		}
	}
}

/* --- devices --- */

const char *check_backend(uint32_t backend)
{
	static const char *const words[] = { "vfio", "xdp", "dpdk", "tuntap", "pcap", "loop" };

	return words[backend];
}

void check_device_text(const struct plan *plan, uint32_t device, char ret_text[CHECK_DEVICE_TEXT])
{
	const struct plan_device *d = &plan->device[device];
	int n = snprintf(ret_text, CHECK_DEVICE_TEXT, "%s", check_backend(d->backend));

	if (d->match[0] != '\0')
		n += snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n, " \"%s\"", d->match);
	if (d->backend == PLAN_BACKEND_XDP)
		n += snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n,
			      " queue %u, writes pool %s", d->queue, plan->pool[d->pool].name);
	if (d->read[0] != '\0')
		n += snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n, " reads \"%s\"",
			      d->read);
	if (d->read[0] != '\0' && d->pace == VANITY_PACE_RECORDED)
		n += snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n, " as recorded");
	if (d->read[0] != '\0' && d->pace == VANITY_PACE_RATE)
		n += snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n,
			      " at %llu packets a second", (unsigned long long)d->pace_per_s);
	if (d->write[0] != '\0')
		snprintf(ret_text + n, CHECK_DEVICE_TEXT - (size_t)n, " writes \"%s\"", d->write);
}

struct filter_facts check_filter_facts(const struct plan *plan, uint32_t shard)
{
	struct filter_facts facts = { .neighbour_count = 0 };
	const struct plan_shard *s = &plan->shard[shard];

	for (uint32_t i = 0; i < plan->wire_count; i++)
		facts.neighbour_count += plan->wire[i].from == shard;
	for (uint32_t i = 0; i < s->grant_count; i++) {
		const struct plan_device *d = &plan->device[s->grant[i]];

		if (d->keeps_fd != 0)
			facts.grant_kind[facts.grant_fd_count++] = d->kind;
	}
	return facts;
}

static void print_access(const struct plan *plan, uint32_t region, uint32_t right)
{
	const char *gap = "";

	for (uint32_t s = 0; s <= plan->shard_count; s++) {
		if (check_right(plan, region, s) != right)
			continue;
		printf("%s%s", gap, shard_name(plan, s));
		gap = ",";
	}
	if (gap[0] == '\0')
		printf("-");
}

/* What a shard may ask the kernel for once it is ready: the same few calls for every one. */
static void print_filter(const struct filter_facts *facts)
{
	struct filter_line line;

	for (uint32_t i = 0; filter_table(FILTER_STEADY, facts, i, &line); i++)
		printf("  %-14s %-46s %s\n", line.call, line.only, line.reason);
}

/* Those of shards whose devices need a call, then that of all the others. */
static void print_filters(const struct plan *plan)
{
	const struct filter_facts plain = { .neighbour_count = 1 };
	uint32_t shown = 0;

	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const struct filter_facts facts = check_filter_facts(plan, i);

		if (facts.grant_fd_count == 0)
			continue;
		printf("system calls of %s when it is ready (the rest ends it)\n",
		       plan->shard[i].name);
		print_filter(&facts);
		shown++;
	}
	if (shown == plan->shard_count)
		return;
	printf("system calls of every %sready shard (the rest ends it)\n",
	       shown != 0 ? "other " : "");
	print_filter(&plain);
}

static void print_devices(const struct plan *plan)
{
	char text[CHECK_DEVICE_TEXT];

	if (plan->device_count != 0)
		printf("devices\n");
	for (uint32_t i = 0; i < plan->device_count; i++) {
		const struct plan_device *d = &plan->device[i];

		check_device_text(plan, i, text);
		printf("  %s: %s; ", d->name, text);
		if (d->shard == PLAN_NONE)
			printf("granted to nobody");
		else
			printf("granted to %s", plan->shard[d->shard].name);
		if (d->keeps_fd != 0)
			printf(", which keeps a descriptor of it");
		if (d->region != PLAN_NONE)
			printf("; region %u", d->region);
		printf("\n");
	}
}

void check_print_plan(const struct plan *plan)
{
	int width = (int)longest_region(plan);
	char name[CHECK_REGION_NAME], a[32], b[32];

	printf("regions\n");
	for (uint32_t i = 0; i < plan->region_count; i++) {
		const struct plan_region *r = &plan->region[i];

		check_region_name(plan, i, name);
		printf("  %4u  %-*s  %10llu B  %llu x %s  write ", i, width, name,
		       (unsigned long long)r->bytes, (unsigned long long)(r->bytes / r->page_bytes),
		       check_bytes(r->page_bytes, a));
		print_access(plan, i, PLAN_RW);
		printf("  read ");
		print_access(plan, i, PLAN_RO);
		printf("\n");
	}
	printf("pools\n");
	for (uint32_t i = 0; i < plan->pool_count; i++) {
		const struct plan_pool *p = &plan->pool[i];

		printf("  %s: frames %u to %u of %s, owner %s, region %u\n", p->name,
		       p->first_frame, p->first_frame + p->frame_count - 1,
		       check_bytes(p->frame_bytes, a), plan->shard[p->owner].name, p->region);
	}
	printf("channels\n");
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		printf("  %s: %u slots of %s at region %u + %llu; cursors, %u lane entries and "
		       "%u ledger bits at region %u + %llu; lend %u",
		       c->name, c->slot_count, check_bytes(c->slot_bytes, a),
		       plan->wire[c->tx_wire].region, (unsigned long long)c->tx_at, c->lane_slots,
		       c->frame_bits, plan->wire[c->rx_wire].region, (unsigned long long)c->rx_at,
		       c->lend);
		if (c->copy_pool != PLAN_NONE)
			printf("; copied into pool %s", plan->pool[c->copy_pool].name);
		printf("\n");
	}
	print_devices(plan);
	printf("shards\n");
	for (uint32_t i = 0; i < plan->shard_count; i++) {
		const struct plan_shard *s = &plan->shard[i];

		printf("  %s: ", s->name);
		if (s->shared != 0)
			printf("shared core");
		else
			printf("core %u", s->core);
		printf(", memory %s, watchdog %s", check_bytes(s->memory_bytes, a),
		       check_time(s->watchdog_ns, b));
		printf(", restart on %s, %u in %s, then %s\n", check_restart_on(s->restart_on),
		       s->restart_max, check_time(s->restart_within_ns, a),
		       check_restart_then(s->restart_then));
	}
	print_filters(plan);
}
