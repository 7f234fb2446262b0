/* SPDX-License-Identifier: Apache-2.0 */
/* The documents vanity.status/1, vanity.shard/1 and vanity.stats/1, built by the daemon from claims of cells. */
#include "daemon.h"
#include "keeper_hand.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sha2.h>

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

/* JSON integers are signed: beyond them (a digest, or a lie) the value is text. */
static json_t *number(uint64_t value)
{
	return value <= INT64_MAX ? json_integer((json_int_t)value) : hex(value);
}

static json_t *digest_text(const uint8_t digest[32])
{
	char text[65];

	for (uint32_t i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return json_string(text);
}

/* --- status -------------------------------------------------------------------------------- */

static json_t *crash_report(const struct daemon *d, uint32_t shard)
{
	const struct crash *crash = &d->shard[shard].crash;
	const struct plan_shard *plan = &d->plan->shard[shard];
	json_t *report, *list;

	if (crash->generation == 0)
		return json_null();
	report = json_object();
	json_object_set_new(report, "generation", number(crash->generation));
	json_object_set_new(report, "fault", json_string(life_fault_name(crash->fault)));
	json_object_set_new(report, "signal", number(crash->signal));
	json_object_set_new(report, "exit_code", json_integer(crash->exit_code));
	json_object_set_new(report, "at_ns", number(crash->at_ns));
	if (crash->code_valid) {
		json_object_set_new(report, "code", number(crash->code));
		json_object_set_new(report, "address", hex(crash->address));
		json_object_set_new(report, "pc", hex(crash->pc));
		json_object_set_new(report, "sp", hex(crash->sp));
		if (crash->symbol[0] != '\0')
			json_object_set_new(report, "symbol", json_string(crash->symbol));
		if (crash->words[0] != '\0')
			json_object_set_new(report, "words", json_string(crash->words));
		list = json_array();
		for (uint32_t i = 0; i < 32; i++)
			json_array_append_new(list, hex(crash->reg[i]));
		json_object_set_new(report, "registers", list);
	}
	/* A crash leaves them with its last words; after a kill they are those of the last sums. */
	json_object_set_new(report, "cursors_of",
			    json_string(crash->code_valid ? "fault" : "last sums"));
	list = json_array();
	for (uint32_t i = 0; i < plan->port_count; i++) {
		json_t *port = json_object();

		json_object_set_new(port, "port", json_string(plan->port[i].name));
		json_object_set_new(port, "cursor", number(crash->port[i].cursor));
		json_object_set_new(port, "taken", number(crash->port[i].taken));
		json_array_append_new(list, port);
	}
	json_object_set_new(report, "cursors", list);
	return report;
}

static json_t *facts_report(const struct facts *facts, uint32_t generation)
{
	json_t *report;

	if (facts->generation != generation || generation == 0)
		return json_null();
	report = json_object();
	json_object_set_new(report, "seccomp", number(facts->seccomp_mode));
	json_object_set_new(report, "filters", number(facts->seccomp_filters));
	json_object_set_new(report, "no_new_privs", json_boolean(facts->no_new_privs));
	json_object_set_new(report, "capabilities", hex(facts->capabilities));
	json_object_set_new(report, "deviations", number(facts->deviations));
	return report;
}

/* Which program runs: SHA-256 of its sealed image. */
static void image_digest(struct daemon_shard *s)
{
	uint8_t bytes[16384], digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX sha;
	off_t at = 0;
	ssize_t n;

	if (s->image_digest[0] != '\0')
		return;
	SHA256Init(&sha);
	while ((n = pread(s->image_fd, bytes, sizeof(bytes), at)) > 0) {
		SHA256Update(&sha, bytes, (size_t)n);
		at += n;
	}
	if (n < 0 || at == 0)
		return;
	SHA256Final(digest, &sha);
	for (uint32_t i = 0; i < sizeof(digest); i++)
		snprintf(s->image_digest + 2 * i, 3, "%02x", digest[i]);
}

void report_images(struct daemon *d)
{
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		image_digest(&d->shard[i]);
}

static json_t *shard_report(const struct daemon *d, uint32_t shard)
{
	const struct plan_shard *plan = &d->plan->shard[shard];
	const struct life_shard *life = &d->life.shard[shard];
	const struct daemon_shard *s = &d->shard[shard];
	json_t *report = json_object();

	json_object_set_new(report, "name", json_string(plan->name));
	json_object_set_new(report, "program", json_string(plan->program));
	json_object_set_new(report, "image",
			    s->image_digest[0] != '\0' ? json_string(s->image_digest) : json_null());
	json_object_set_new(report, "pid", s->alive ? json_integer(s->pid) : json_null());
	json_object_set_new(report, "generation", number(life->generation));
	json_object_set_new(report, "phase", json_string(life_phase_name(life->phase)));
	if (plan->shared)
		json_object_set_new(report, "core", json_string("shared"));
	else
		json_object_set_new(report, "core", number(plan->core));
	json_object_set_new(report, "uptime_ns",
			    number(s->alive ? daemon_now_ns() - s->started_ns : 0));
	json_object_set_new(report, "restarts",
			    number(life->generation > 0 ? life->generation - 1 : 0));
	json_object_set_new(report, "first_item_ns",
			    number(daemon_stamp_ns(d, wire_load(&s->cell->first_item_cycles))));
	json_object_set_new(report, "facts", facts_report(&s->facts, s->alive));
	json_object_set_new(report, "last_fault", crash_report(d, shard));
	return report;
}

static const char *channel_state(const struct daemon *d, uint32_t channel)
{
	if (d->life.channel[channel].closed)
		return "closed";
	if (d->seen.end[channel][LIFE_PRODUCER].broken != 0 ||
	    d->seen.end[channel][LIFE_CONSUMER].broken != 0)
		return "broken";
	return life_open(&d->life, &d->seen, channel) ? "open" : "detached";
}

/* Counts of both ends, this generation and those before. */
static void channel_counts(const struct daemon *d, const struct plan_channel *c, json_t *report)
{
	for (uint32_t k = 0; k < PORT_COUNTS; k++) {
		const struct daemon_shard *tx = &d->shard[c->producer];
		const struct daemon_shard *rx = &d->shard[c->consumer];
		uint64_t sum =
			tx->port_before[c->producer_port][k] + rx->port_before[c->consumer_port][k];

		/* A cell whose generation is folded in already still shows the dead one's. */
		if (wire_load(&tx->cell->generation) > tx->folded)
			sum += shard_count_port(tx, c->producer_port, k);
		if (wire_load(&rx->cell->generation) > rx->folded)
			sum += shard_count_port(rx, c->consumer_port, k);
		json_object_set_new(report, port_count_name[k], number(sum));
	}
}

static json_t *channel_report(const struct daemon *d, uint32_t channel)
{
	const struct plan_channel *c = &d->plan->channel[channel];
	const struct cell_port *tx = &d->shard[c->producer].cell->port[c->producer_port];
	const struct cell_port *rx = &d->shard[c->consumer].cell->port[c->consumer_port];
	uint64_t published = wire_load(&tx->cursor), handled = wire_load(&rx->cursor);
	json_t *report = json_object();

	json_object_set_new(report, "name", json_string(c->name));
	json_object_set_new(report, "from", json_string(d->plan->shard[c->producer].name));
	json_object_set_new(report, "to", json_string(d->plan->shard[c->consumer].name));
	json_object_set_new(report, "state", json_string(channel_state(d, channel)));
	/* Cursors are as of the last sums; before any there is nothing to say. */
	json_object_set_new(report, "published", number(published));
	json_object_set_new(report, "handled", number(handled));
	json_object_set_new(report, "in_channel",
			    number(published - handled <= c->slot_count ? published - handled : 0));
	channel_counts(d, c, report);
	return report;
}

/* What protects and what speeds up this system: true only where it is so for every shard. */
static json_t *active_report(const struct daemon *d)
{
	uint32_t huge = 0, pinned = 1, sandbox = 1;
	json_t *report = json_object();

	for (uint32_t i = 0; i < d->plan->region_count; i++)
		huge |= d->plan->region[i].page_bytes > d->plan->host.page_bytes;
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		const struct facts *facts = &d->shard[i].facts;

		pinned &= !d->plan->shard[i].shared;
		/* Start filter and steady filter; both seen from outside, for this generation. */
		sandbox &= facts->generation == d->shard[i].alive && facts->generation != 0 &&
			   facts->seccomp_mode == 2 && facts->seccomp_filters >= 2 &&
			   facts->no_new_privs && facts->capabilities == 0 &&
			   facts->deviations == 0;
	}
	json_object_set_new(report, "hugepages", json_boolean(huge));
	json_object_set_new(report, "pinned", json_boolean(pinned));
	json_object_set_new(report, "cores", json_string(keeper_cores_words(d->cores)));
	json_object_set_new(report, "sandbox", json_boolean(sandbox));
	return report;
}

static const char *system_state(const struct daemon *d)
{
	if (d->sums.stop)
		return "stopping";
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		uint32_t phase = d->life.shard[i].phase;

		if (phase != LIFE_RUNNING && phase != LIFE_WAITING)
			return "degraded";
	}
	return "running";
}

json_t *report_status(const struct daemon *d)
{
	json_t *report = json_object(), *shards = json_array(), *channels = json_array();

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		json_array_append_new(shards, shard_report(d, i));
	for (uint32_t i = 0; i < d->plan->channel_count; i++)
		json_array_append_new(channels, channel_report(d, i));
	json_object_set_new(report, "schema", json_string("vanity.status/1"));
	json_object_set_new(report, "system", json_string(d->plan->system));
	json_object_set_new(report, "state", json_string(system_state(d)));
	json_object_set_new(report, "dev", json_boolean(d->dev));
	json_object_set_new(report, "plan", digest_text(d->plan->digest));
	json_object_set_new(report, "daemon_generation", number(d->successor + 1));
	json_object_set_new(report, "daemon_pid", json_integer(d->own_pid));
	if (d->successor > 0) {
		json_object_set_new(report, "adopt_ns", number(d->adopted_ns));
		json_object_set_new(report, "adopted_at_ns", number(d->born_ns + d->adopted_ns));
	}
	/* Counts of dead generations are this daemon's memory, and it may be a successor. */
	json_object_set_new(report, "counted_since",
			    json_string(d->successor == 0 ? "start" : "adoption"));
	json_object_set_new(report, "now_ns", number(daemon_now_ns()));
	json_object_set_new(report, "active", active_report(d));
	json_object_set_new(report, "shards", shards);
	json_object_set_new(report, "channels", channels);
	json_object_set_new(report, "devices", report_devices(d, PLAN_NONE));
	return report;
}

/* --- stats --------------------------------------------------------------------------------- */

static json_t *shard_stats(const struct daemon *d, uint32_t shard)
{
	const struct daemon_shard *s = &d->shard[shard];
	json_t *report = json_object(), *now = json_object(), *before = json_object();

	for (uint32_t i = 0; i < VANITY_COUNTERS_MAX; i++) {
		const char *name = names_counter(s->names, i);
		uint64_t value = wire_load(&s->cell->counter[i]);
		char plain[24];

		if (name == NULL && value == 0 && s->counter_before[i] == 0)
			continue;
		if (name == NULL) {
			snprintf(plain, sizeof(plain), "counter-%u", i);
			name = plain;
		}
		json_object_set_new(now, name, number(value));
		if (s->folded > 0)
			json_object_set_new(before, name, number(s->counter_before[i]));
	}
	json_object_set_new(report, "name", json_string(d->plan->shard[shard].name));
	json_object_set_new(report, "generation", number(wire_load(&s->cell->generation)));
	json_object_set_new(report, "counters", now);
	json_object_set_new(report, "earlier_generations", before);
	return report;
}

/* The value below which a share of the samples lies: the floor of its bucket, in ns. */
static json_t *percentile(const struct daemon *d, const uint64_t *bucket, uint64_t samples,
			  double share)
{
	uint64_t rank = (uint64_t)((double)samples * share), seen = 0;

	for (uint32_t i = 0; i < CELL_HISTOGRAM && samples > 0; i++) {
		seen += bucket[i];
		if (seen > rank)
			return number(daemon_cycles_ns(d, cell_bucket_floor(i)));
	}
	return json_null();
}

static void hop_report(const struct daemon *d, const uint64_t *bucket, json_t *report)
{
	uint64_t samples = 0;

	for (uint32_t i = 0; i < CELL_HISTOGRAM; i++)
		samples += bucket[i];
	json_object_set_new(report, "hop_samples", number(samples));
	json_object_set_new(report, "hop_p50_ns", percentile(d, bucket, samples, 0.50));
	json_object_set_new(report, "hop_p99_ns", percentile(d, bucket, samples, 0.99));
}

static json_t *channel_stats(const struct daemon *d, uint32_t channel, uint64_t *all)
{
	const struct plan_channel *c = &d->plan->channel[channel];
	const struct cell_port *rx = &d->shard[c->consumer].cell->port[c->consumer_port];
	uint64_t bucket[CELL_HISTOGRAM];
	json_t *report = json_object();

	for (uint32_t i = 0; i < CELL_HISTOGRAM; i++) {
		bucket[i] = wire_load(&rx->hop[i]) & UINT32_MAX; /* no sum can overflow */
		all[i] += bucket[i];
	}
	json_object_set_new(report, "name", json_string(c->name));
	hop_report(d, bucket, report);
	return report;
}

static int channel_is_of(const struct daemon *d, uint32_t channel, uint32_t shard)
{
	const struct plan_channel *c = &d->plan->channel[channel];

	return shard == PLAN_NONE || c->producer == shard || c->consumer == shard;
}

json_t *report_stats(const struct daemon *d, uint32_t shard)
{
	json_t *report = json_object(), *shards = json_array(), *channels = json_array();
	uint64_t all[CELL_HISTOGRAM] = { 0 };

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (shard == PLAN_NONE || shard == i)
			json_array_append_new(shards, shard_stats(d, i));
	for (uint32_t i = 0; i < d->plan->channel_count; i++)
		if (channel_is_of(d, i, shard))
			json_array_append_new(channels, channel_stats(d, i, all));
	json_object_set_new(report, "schema", json_string("vanity.stats/1"));
	json_object_set_new(report, "system", json_string(d->plan->system));
	json_object_set_new(report, "now_ns", number(daemon_now_ns()));
	hop_report(d, all, report); /* over every sample of these channels */
	json_object_set_new(report, "shards", shards);
	json_object_set_new(report, "channels", channels);
	return report;
}

/* --- one shard ----------------------------------------------------------------------------- */

json_t *report_shard(const struct daemon *d, uint32_t shard)
{
	json_t *report = json_object(), *channels = json_array(), *stats = shard_stats(d, shard);

	for (uint32_t i = 0; i < d->plan->channel_count; i++)
		if (channel_is_of(d, i, shard))
			json_array_append_new(channels, channel_report(d, i));
	json_object_set_new(report, "schema", json_string("vanity.shard/1"));
	json_object_set_new(report, "system", json_string(d->plan->system));
	json_object_set_new(report, "now_ns", number(daemon_now_ns()));
	json_object_set_new(report, "shard", shard_report(d, shard));
	json_object_set(report, "counters", json_object_get(stats, "counters"));
	json_object_set(report, "earlier_generations",
			json_object_get(stats, "earlier_generations"));
	json_object_set_new(report, "channels", channels);
	json_object_set_new(report, "devices", report_devices(d, shard));
	json_decref(stats);
	return report;
}
