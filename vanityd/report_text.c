/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <string.h>
#include <unistd.h>

/* --- small tools --------------------------------------------------------------------------- */

static const char *string_text(const json_t *string)
{
	const char *text = json_string_value(string);

	return text != NULL ? text : "";
}

const char *report_text(const json_t *object, const char *key)
{
	return string_text(json_object_get(object, key));
}

long long report_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

json_t *report_named(const json_t *array, const char *name)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (strcmp(report_text(json_array_get(array, i), "name"), name) == 0)
			return json_array_get(array, i);
	return NULL;
}

void report_json(FILE *out, const json_t *document)
{
	json_dumpf(document, out, JSON_INDENT(2));
	fputc('\n', out);
}

static const char *colour(FILE *out, const char *code)
{
	return isatty(fileno(out)) ? code : "";
}

#define RED(out) colour(out, "\033[31m")
#define GREEN(out) colour(out, "\033[32m")
#define PLAIN(out) colour(out, "\033[0m")

static void duration(char *ret, size_t room, long long ns)
{
	if (ns < 1000000)
		snprintf(ret, room, "%lld us", ns / 1000);
	else if (ns < 1000000000)
		snprintf(ret, room, "%lld ms", ns / 1000000);
	else if (ns < 60000000000)
		snprintf(ret, room, "%.1f s", (double)ns / 1e9);
	else
		snprintf(ret, room, "%lld min", ns / 60000000000);
}

/* --- status -------------------------------------------------------------------------------- */

static void fault_text(FILE *out, const char *name, const json_t *fault)
{
	const char *symbol = report_text(fault, "symbol"), *words = report_text(fault, "words");

	fprintf(out, "  last fault of %s: generation %lld, %s", name,
		report_number(fault, "generation"), report_text(fault, "fault"));
	if (report_number(fault, "signal") != 0)
		fprintf(out, ", signal %lld", report_number(fault, "signal"));
	else
		fprintf(out, ", exit code %lld", report_number(fault, "exit_code"));
	if (json_object_get(fault, "pc") != NULL)
		fprintf(out, ", code %lld, address %s, pc %s%s%s", report_number(fault, "code"),
			report_text(fault, "address"), report_text(fault, "pc"),
			symbol[0] != '\0' ? " in " : "", symbol);
	fprintf(out, "%s%s%s\n", words[0] != '\0' ? ": \"" : "", words,
		words[0] != '\0' ? "\"" : "");
}

static void shards_text(FILE *out, const json_t *shards)
{
	fprintf(out, "%-16s %8s %4s  %-9s %6s %9s %8s\n", "SHARD", "PID", "GEN", "PHASE", "CORE",
		"UPTIME", "RESTARTS");
	for (size_t i = 0; i < json_array_size(shards); i++) {
		const json_t *shard = json_array_get(shards, i);
		const json_t *core = json_object_get(shard, "core");
		const char *phase = report_text(shard, "phase");
		int up = strcmp(phase, "running") == 0 || strcmp(phase, "waiting") == 0;
		char number[24], uptime[32];

		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(core));
		duration(uptime, sizeof(uptime), report_number(shard, "uptime_ns"));
		fprintf(out, "%-16s %8lld %4lld  %s%-9s%s %6s %9s %8lld\n",
			report_text(shard, "name"), report_number(shard, "pid"),
			report_number(shard, "generation"), up ? GREEN(out) : RED(out), phase,
			PLAIN(out), json_is_string(core) ? json_string_value(core) : number, uptime,
			report_number(shard, "restarts"));
	}
	for (size_t i = 0; i < json_array_size(shards); i++) {
		const json_t *shard = json_array_get(shards, i);
		const json_t *fault = json_object_get(shard, "last_fault");

		if (json_is_object(fault))
			fault_text(out, report_text(shard, "name"), fault);
	}
}

static void channels_text(FILE *out, const json_t *channels)
{
	fprintf(out, "%-16s %-9s %8s %8s %8s %8s %8s %8s\n", "CHANNEL", "STATE", "IN-DOUBT", "LOST",
		"LATE", "SKIPPED", "DROPPED", "REFUSED");
	for (size_t i = 0; i < json_array_size(channels); i++) {
		const json_t *channel = json_array_get(channels, i);
		const char *state = report_text(channel, "state");
		int open = strcmp(state, "open") == 0;

		fprintf(out, "%-16s %s%-9s%s %8lld %8lld %8lld %8lld %8lld %8lld\n",
			report_text(channel, "name"), open ? GREEN(out) : RED(out), state,
			PLAIN(out), report_number(channel, "in_doubt"),
			report_number(channel, "lost_in_hand"),
			report_number(channel, "handled_late"), report_number(channel, "skipped"),
			report_number(channel, "dropped"), report_number(channel, "refused"));
	}
}

static void number_text(FILE *out, const json_t *object, const char *key, int width)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value))
		fprintf(out, " %*lld", width, (long long)json_integer_value(value));
	else
		fprintf(out, " %*s", width, "-");
}

static const char *or_dash(const char *text)
{
	return text[0] != '\0' ? text : "-";
}

/* Nothing at all for a system without devices. */
void report_devices_text(FILE *out, const json_t *devices)
{
	if (json_array_size(devices) == 0)
		return;
	fprintf(out, "%-16s %-7s %-15s %6s %-14s %-5s %6s %6s  %s\n", "DEVICE", "BACKEND",
		"INTERFACE", "QUEUE", "MODE", "LINK", "MTU", "EPOCH", "SHARD");
	for (size_t i = 0; i < json_array_size(devices); i++) {
		const json_t *device = json_array_get(devices, i);
		const char *link = report_text(device, "link");
		int bad = link[0] != '\0' && strcmp(link, "up") != 0;

		fprintf(out, "%-16s %-7s %-15s", report_text(device, "name"),
			report_text(device, "backend"), or_dash(report_text(device, "interface")));
		number_text(out, device, "queue", 6);
		fprintf(out, " %-14s %s%-5s%s", or_dash(report_text(device, "mode")),
			bad ? RED(out) : "", or_dash(link), bad ? PLAIN(out) : "");
		number_text(out, device, "mtu", 6);
		number_text(out, device, "epoch", 6);
		fprintf(out, "  %s\n", or_dash(report_text(device, "shard")));
		if (report_text(device, "error")[0] != '\0')
			fprintf(out, "    %snot bound anew: %s%s; the log says more\n", RED(out),
				report_text(device, "error"), PLAIN(out));
	}
}

void report_status_text(FILE *out, const json_t *status)
{
	const json_t *active = json_object_get(status, "active");

	fprintf(out, "system %s: %s%s, vanityd generation %lld (pid %lld), plan %.12s\n",
		report_text(status, "system"), report_text(status, "state"),
		json_is_true(json_object_get(status, "dev")) ? " (--dev)" : "",
		report_number(status, "daemon_generation"), report_number(status, "daemon_pid"),
		report_text(status, "plan"));
	fprintf(out, "active: huge pages %s, cores %s, sandbox %s\n",
		json_is_true(json_object_get(active, "hugepages")) ? "yes" : "no",
		report_text(active, "cores"),
		json_is_true(json_object_get(active, "sandbox")) ? "verified" : "not verified");
	shards_text(out, json_object_get(status, "shards"));
	channels_text(out, json_object_get(status, "channels"));
	report_devices_text(out, json_object_get(status, "devices"));
}

/* --- stats --------------------------------------------------------------------------------- */

static void counter_text(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		fprintf(out, "%20s", json_string_value(value));
	else
		fprintf(out, "%20lld", (long long)json_integer_value(value));
}

/* Of an object with counters, those of dead generations beside them. */
static void counters_text(FILE *out, const json_t *shard)
{
	const json_t *before = json_object_get(shard, "earlier_generations"), *value;
	const char *name;

	json_object_foreach(json_object_get(shard, "counters"), name, value)
	{
		fprintf(out, "  %-24s", name);
		counter_text(out, value);
		if (json_object_get(before, name) != NULL) {
			fputs("  earlier ", out);
			counter_text(out, json_object_get(before, name));
		}
		fputc('\n', out);
	}
}

static void shard_stats_text(FILE *out, const json_t *shard)
{
	fprintf(out, "%s.%lld\n", report_text(shard, "name"), report_number(shard, "generation"));
	counters_text(out, shard);
}

static void hop_text(FILE *out, const json_t *channel, const char *key)
{
	const json_t *value = json_object_get(channel, key);

	if (json_is_integer(value))
		fprintf(out, " %12lld", (long long)json_integer_value(value));
	else
		fprintf(out, " %12s", "-");
}

void report_stats_text(FILE *out, const json_t *stats)
{
	const json_t *shards = json_object_get(stats, "shards");
	const json_t *channels = json_object_get(stats, "channels");

	for (size_t i = 0; i < json_array_size(shards); i++)
		shard_stats_text(out, json_array_get(shards, i));
	fprintf(out, "%-16s %12s %12s %12s\n", "CHANNEL", "HOP-P50-NS", "HOP-P99-NS", "SAMPLES");
	for (size_t i = 0; i < json_array_size(channels); i++) {
		const json_t *channel = json_array_get(channels, i);

		fprintf(out, "%-16s", report_text(channel, "name"));
		hop_text(out, channel, "hop_p50_ns");
		hop_text(out, channel, "hop_p99_ns");
		fprintf(out, " %12lld\n", report_number(channel, "hop_samples"));
	}
}

/* --- one shard ----------------------------------------------------------------------------- */

void report_shard_text(FILE *out, const json_t *shard)
{
	json_t *list = json_array();

	json_array_append(list, json_object_get(shard, "shard"));
	shards_text(out, list);
	json_decref(list);
	if (json_array_size(json_object_get(shard, "channels")) > 0)
		channels_text(out, json_object_get(shard, "channels"));
	report_devices_text(out, json_object_get(shard, "devices"));
	fprintf(out, "%-24s\n", "COUNTER");
	counters_text(out, shard);
}

/* --- sums ---------------------------------------------------------------------------------- */

void report_sums_text(FILE *out, const json_t *sums)
{
	const json_t *channels = json_object_get(sums, "channels");
	const json_t *pools = json_object_get(sums, "pools");
	const json_t *differs = json_object_get(sums, "differs");
	int exact = json_is_true(json_object_get(sums, "exact"));

	for (size_t i = 0; i < json_array_size(channels); i++) {
		const json_t *c = json_array_get(channels, i);

		fprintf(out,
			"channel %-12s published %lld = handled %lld + in the channel %lld; lent %lld, held %lld\n",
			report_text(c, "name"), report_number(c, "published"),
			report_number(c, "handled"), report_number(c, "in_channel"),
			report_number(c, "lent"), report_number(c, "held"));
	}
	for (size_t i = 0; i < json_array_size(pools); i++) {
		const json_t *p = json_array_get(pools, i);

		fprintf(out, "pool    %-12s free %lld + held %lld + lent %lld = total %lld\n",
			report_text(p, "name"), report_number(p, "free"), report_number(p, "held"),
			report_number(p, "lent"), report_number(p, "total"));
	}
	for (size_t i = 0; i < json_array_size(differs); i++)
		fprintf(out, "%sdiffers: %s%s\n", RED(out), string_text(json_array_get(differs, i)),
			PLAIN(out));
	fprintf(out, "sums: %s%s%s\n", exact ? GREEN(out) : RED(out), exact ? "exact" : "NOT EXACT",
		PLAIN(out));
}

void report_access_text(FILE *out, const json_t *access)
{
	const json_t *differs = json_object_get(access, "differs");
	const json_t *vanityd = json_object_get(access, "vanityd");
	int planned = json_is_true(json_object_get(access, "as_planned"));
	const json_t *d;
	size_t i;

	json_array_foreach((json_t *)differs, i, d)
		fprintf(out, "%sdiffers: %s.%lld: %s: expected %s, found %s%s\n", RED(out),
			report_text(d, "shard"), report_number(d, "generation"),
			report_text(d, "thing"), report_text(d, "expected"),
			report_text(d, "found"), PLAIN(out));
	fprintf(out, "access: %s%s%s; %lld shards, %lld mappings, %lld descriptors%s%s\n",
		planned ? GREEN(out) : RED(out), planned ? "as planned" : "NOT AS PLANNED", PLAIN(out),
		report_number(access, "shards"), report_number(access, "mappings"),
		report_number(access, "descriptors"),
		json_is_true(json_object_get(access, "uids_compared")) ? "" :
									 "; no uids of their own",
		json_is_true(json_object_get(access, "cores_compared")) ? "" : "; cores not planned");
	fprintf(out, "vanityd: uid %lld, filters %lld, no_new_privs %s, capabilities %s, Landlock %s\n",
		report_number(vanityd, "uid"), report_number(vanityd, "filters"),
		json_is_true(json_object_get(vanityd, "no_new_privs")) ? "yes" : "NO",
		report_number(vanityd, "capabilities") == 0 ? "none" : "SOME",
		json_is_true(json_object_get(vanityd, "landlock")) ? "yes" : "no");
}
