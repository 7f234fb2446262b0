/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a topology: parse, plan, format. Includes read as the same bytes, so depth and
 * circles are in reach. What must hold of whatever was accepted:
 *
 *   - the plan keeps its promises to those who bind it (indices, sizes, reserves)
 *   - the canonical form parses, plans to the same plan, and formats to itself
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"
#include "fuzz.h"
#include "topology/topology.h"

#define TEXT_ROOM (8u << 20)

struct input {
	const uint8_t *bytes;
	size_t count;
	uint32_t reads;
};

static struct topology first, second;
static struct plan plan, again;
static char form[TEXT_ROOM], form_again[TEXT_ROOM];

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const char *read_input(void *context, const char *path, char *text, uint32_t room,
			      uint32_t *ret_bytes)
{
	struct input *in = context;

	/* Each include reads the input from another place; the twentieth fails. */
	uint32_t skip = in->reads * 16;

	if (in->reads++ == 20 || strlen(path) > VANITY_TEXT_MAX)
		return "enough";
	if (skip > in->count)
		skip = (uint32_t)in->count;
	*ret_bytes = (uint32_t)(in->count - skip);
	if (*ret_bytes > room) {
		*ret_bytes = room + 1;
		memcpy(text, in->bytes + skip, room);
	} else if (*ret_bytes > 0) {
		memcpy(text, in->bytes + skip, *ret_bytes);
	}
	return NULL;
}

static void check_message(void *context, const struct topology_message *m)
{
	(void)context;
	must(m->line >= 1 && m->column >= 1 && m->id[0] != '\0' && m->words[0] != '\0');
	for (const char *s = m->text; *s != '\0'; s++)
		must(*s == '\n' || (*s >= 0x20 && *s < 0x7f));
}

struct sink {
	char *text;
	size_t count;
};

static void write_form(void *context, const char *text, uint32_t bytes)
{
	struct sink *sink = context;

	must(sink->count + bytes <= TEXT_ROOM);
	memcpy(sink->text + sink->count, text, bytes);
	sink->count += bytes;
}

static void check_channel(const struct plan *p, const struct plan_channel *c)
{
	const struct plan_wire *tx = &p->wire[c->tx_wire], *rx = &p->wire[c->rx_wire];

	must(c->producer < p->shard_count && c->consumer < p->shard_count);
	must(c->producer != c->consumer);
	must(p->shard[c->producer].port[c->producer_port].output == 1);
	must(p->shard[c->consumer].port[c->consumer_port].output == 0);
	must(tx->from == c->producer && tx->to == c->consumer);
	must(rx->from == c->consumer && rx->to == c->producer);
	must(c->tx_at % WIRE_LINE == 0 && c->rx_at % WIRE_LINE == 0);
	must(c->tx_at + wire_tx_bytes(c->slot_count, c->slot_bytes) <= p->region[tx->region].bytes);
	must(c->rx_at + wire_rx_bytes(c->frame_bits, c->lane_slots) <= p->region[rx->region].bytes);
	must((c->slot_count & (c->slot_count - 1)) == 0);
	must((c->pool_count == 0) == (c->lend == 0));
	must((c->lane_slots & (c->lane_slots - 1)) == 0 && c->lane_slots >= c->lend);
	for (uint32_t i = 0; i < c->pool_count; i++) {
		must(plan_access_find(p, c->pool[i], c->consumer) != PLAN_NONE);
		must(plan_access_find(p, c->pool[i], c->producer) != PLAN_NONE);
	}
}

static void check_plan(const struct plan *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->channel_count; i++)
		check_channel(p, &p->channel[i]);
	for (uint32_t i = 0; i < p->region_count; i++) {
		must(p->region[i].bytes > 0 && p->region[i].bytes % p->region[i].page_bytes == 0);
		sum += p->region[i].bytes;
	}
	must(sum == p->memory_bytes);
	for (uint32_t i = 0; i < p->pool_count; i++)
		must(p->region[p->pool[i].region].bytes >=
		     (uint64_t)p->pool[i].frame_count * p->pool[i].frame_bytes);
	for (uint32_t i = 0; i < p->shard_count; i++)
		must(p->shard[i].watchdog_ns > 0 && p->shard[i].program[0] != '\0' &&
		     p->shard[i].option_first + p->shard[i].option_count <= p->option_count);
}

/* Lines move when a text is formatted; nothing else may. */
static void forget_lines(struct plan *p)
{
	for (uint32_t i = 0; i < p->shard_count; i++)
		p->shard[i].line = 0;
	for (uint32_t i = 0; i < p->channel_count; i++)
		p->channel[i].line = 0;
	for (uint32_t i = 0; i < p->pool_count; i++)
		p->pool[i].line = 0;
	for (uint32_t i = 0; i < p->device_count; i++)
		p->device[i].line = 0;
	for (uint32_t i = 0; i < p->unbuilt_count; i++)
		p->unbuilt[i].line = p->unbuilt[i].column = 0;
}

static void check_form(const struct plan_host *machine, bool planned, bool included)
{
	struct sink sink = { form, 0 }, sink_again = { form_again, 0 };
	struct input in = { (const uint8_t *)form, 0, 0 };
	struct topology_host host = { &in, read_input, check_message };

	topology_format(&first, write_form, &sink);
	/* The form may outgrow what may be read, and its includes are other pieces of it. */
	if (sink.count > VANITY_TOPOLOGY_BYTES_MAX || included)
		return;
	in.count = sink.count;
	must(topology_parse(&second, "fuzz.conf", &host) == 0);
	topology_format(&second, write_form, &sink_again);
	must(sink.count == sink_again.count && memcmp(form, form_again, sink.count) == 0);
	if (!planned)
		return;
	must(plan_make(&second, machine, &again) == 0);
	forget_lines(&plan);
	forget_lines(&again);
	must(memcmp(&plan, &again, sizeof(plan)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	/* The first byte chooses the machine; the rest is text. */
	static const struct plan_host machines[] = {
		{ 4096, 2u << 20, 64, 0 },
		{ 65536, 512u << 20, 0, 0 },
		{ 4096, 0, 2, 1 },
	};
	const struct plan_host *machine;
	struct input in = { data + 1, data_bytes - 1, 0 };
	struct topology_host host = { &in, read_input, check_message };
	bool planned;

	if (data_bytes == 0)
		return 0;
	machine = &machines[data[0] % 3];
	if (topology_parse(&first, "fuzz.conf", &host) != 0) {
		must(first.error_count > 0);
		must(plan_make(&first, machine, &plan) != 0 && plan.magic == 0);
		return 0;
	}
	planned = plan_make(&first, machine, &plan) == 0;
	must(planned == (plan.magic == PLAN_MAGIC));
	if (planned)
		check_plan(&plan);
	/* Errors of meaning do not keep a text from being formatted. */
	check_form(machine, planned, first.file_count > 1);
	return 0;
}
