/* SPDX-License-Identifier: Apache-2.0 */
/* vanityctl: an ordinary user's client of a running system. One request, one answer. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "topology/parts.h"

#include "control.h"
#include "exit.h"
#include "output.h"
#include "report.h"
#include "systems.h"

#define ANSWER_TIMEOUT_MS 35000
#define LOG_LINES 40

static const char usage[] =
	"usage: vanityctl [-s SYSTEM] VERB [ARGUMENT] [--json]\n"
	"\n"
	"  status [SHARD]   shards, channels, devices, protections; of one shard its counters too\n"
	"  stats [SHARD]    counters of every shard, hop latency of every channel\n"
	"  devices          what each is bound to, how, and for whom\n"
	"  log [N]          the last N lines of the log (default 40)\n"
	"  restart SHARD    end this generation, wait until the next one runs\n"
	"  verify           freeze, compare the two ends of every channel, unfreeze; then compare what\n"
	"                   every shard can reach with the plan. With --access only that: no freeze\n"
	"\n"
	"  -s, --system SYSTEM   which one, when several run here\n"
	"  --json                print the document\n"
	"\n"
	"Groups: vanity may read, vanity-ops and root may act. Exit codes: 0 ok, 1 failed, 2 usage,\n"
	"5 not running, 6 denied, 7 timeout, 8 degraded. verify: 1 when a shard can reach other things\n"
	"than planned, 8 when the sums are not exact.\n";

static int print_status(json_t *result, int json)
{
	if (json)
		report_json(stdout, result);
	else if (json_object_get(result, "shard") != NULL)
		report_shard_text(stdout, result);
	else
		report_status_text(stdout, result);
	return EXIT_OK;
}

static int print_devices(json_t *result, int json)
{
	if (json)
		report_json(stdout, result);
	else
		report_devices_text(stdout, json_object_get(result, "devices"));
	return EXIT_OK;
}

static int print_stats(json_t *result, int json)
{
	if (json)
		report_json(stdout, result);
	else
		report_stats_text(stdout, result);
	return EXIT_OK;
}

static int print_log(json_t *result, int json)
{
	json_t *line;
	size_t i;

	if (json) {
		report_json(stdout, result);
		return EXIT_OK;
	}
	json_array_foreach(json_object_get(result, "lines"), i, line)
		puts(json_is_string(line) ? json_string_value(line) : "?");
	return EXIT_OK;
}

static int print_restart(json_t *result, int json)
{
	if (json)
		report_json(stdout, result);
	else
		printf("%s: generation %lld, pid %lld\n", report_text(result, "shard"),
		       report_number(result, "generation"), report_number(result, "pid"));
	return EXIT_OK;
}

/* The sums with "access" in them, or that alone. */
static int print_verify(json_t *result, int json)
{
	const json_t *exact = json_object_get(result, "exact");
	const json_t *access = exact != NULL ? json_object_get(result, "access") : result;

	if (json)
		report_json(stdout, result);
	if (!json && exact != NULL)
		report_sums_text(stdout, result);
	if (!json)
		report_access_text(stdout, access);
	if (!json_is_true(json_object_get(access, "as_planned")))
		return EXIT_FAILED;
	return exact == NULL || json_is_true(exact) ? EXIT_OK : EXIT_DEGRADED;
}

enum argument { ARGUMENT_NONE, ARGUMENT_LINES, ARGUMENT_SHARD, ARGUMENT_ANY_SHARD };

static const struct verb {
	const char *name;
	enum argument argument;
	int (*print)(json_t *result, int json);
	const char *member; /* what a result must have, and of which type */
	json_type type;
} verb_table[] = {
	{ "status", ARGUMENT_ANY_SHARD, print_status, "channels", JSON_ARRAY },
	{ "stats", ARGUMENT_ANY_SHARD, print_stats, "shards", JSON_ARRAY },
	{ "log", ARGUMENT_LINES, print_log, "lines", JSON_ARRAY },
	{ "restart", ARGUMENT_SHARD, print_restart, "shard", JSON_STRING },
	{ "verify", ARGUMENT_NONE, print_verify, "differs", JSON_ARRAY },
	{ "devices", ARGUMENT_NONE, print_devices, "devices", JSON_ARRAY },
};

/* Of the blueprint, and not in this build. */
static const char *const unbuilt[] = { "top",  "trace",	  "peek", "reload", "drain",
				       "hold", "release", "dump", "ls",	    "cat" };

static const struct verb *verb_find(const char *name)
{
	struct near near;

	near_init(&near, name, (uint32_t)strnlen(name, UINT16_MAX));
	for (size_t i = 0; i < sizeof(verb_table) / sizeof(verb_table[0]); i++) {
		near_offer(&near, verb_table[i].name, (uint32_t)strlen(verb_table[i].name));
		if (strcmp(verb_table[i].name, name) == 0)
			return &verb_table[i];
	}
	for (size_t i = 0; i < sizeof(unbuilt) / sizeof(unbuilt[0]); i++) {
		if (strcmp(unbuilt[i], name) == 0) {
			fprintf(stderr, "vanityctl: %s is planned and not in this build\n", name);
			return NULL;
		}
	}
	if (near.best != NULL)
		fprintf(stderr, "vanityctl: unknown verb %s; did you mean %.*s?\n", name,
			(int)near.best_bytes, near.best);
	else
		fprintf(stderr, "vanityctl: unknown verb %s\n", name);
	return NULL;
}

static json_t *request_new(const struct verb *verb, int argc, char **argv)
{
	const char *argument = argc > 1 ? argv[1] : NULL;
	char *end = NULL;
	long lines = LOG_LINES;

	if (argc > (verb->argument == ARGUMENT_NONE ? 1 : 2) ||
	    (verb->argument == ARGUMENT_SHARD && argument == NULL))
		return NULL;
	if (verb->argument == ARGUMENT_SHARD ||
	    (verb->argument == ARGUMENT_ANY_SHARD && argument != NULL))
		return json_pack("{s:s,s:s}", "verb", verb->name, "shard", argument);
	if (verb->argument != ARGUMENT_LINES)
		return json_pack("{s:s}", "verb", verb->name);
	if (argument != NULL) {
		errno = 0;
		lines = strtol(argument, &end, 10);
		if (errno != 0 || *end != '\0' || end == argument || lines < 0)
			return NULL;
	}
	return json_pack("{s:s,s:I}", "verb", verb->name, "lines", (json_int_t)lines);
}

static int connect_failed(const char *system, int error)
{
	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr,
			"vanityctl: denied: the socket of %s is for root and groups vanity "
			"and vanity-ops\n",
			system);
		return EXIT_DENIED;
	}
	if (error == -EBADE) {
		fprintf(stderr,
			"vanityctl: denied: at the socket of %s listens neither root nor you; "
			"nothing was asked\n",
			system);
		return EXIT_DENIED;
	}
	if (error == -ETIMEDOUT) {
		fprintf(stderr, "vanityctl: the daemon of %s does not answer\n", system);
		return EXIT_TIMEOUT;
	}
	fprintf(stderr, "vanityctl: system %s does not run (%s)\n", system, strerror(-error));
	return EXIT_NOT_RUNNING;
}

static int answer_print(const struct verb *verb, const json_t *answer, int json)
{
	json_t *result = json_object_get(answer, "result");
	const json_t *member = json_object_get(result, verb->member);
	int exit_code = control_exit(answer);

	if (exit_code != EXIT_OK) {
		fprintf(stderr, "vanityctl: %s\n", control_words(answer));
		return exit_code;
	}
	if (member == NULL || json_typeof(member) != verb->type) {
		fprintf(stderr, "vanityctl: the daemon's answer is none to %s\n", verb->name);
		return EXIT_FAILED;
	}
	return verb->print(result, json);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = { { "system", required_argument, NULL, 's' },
						 { "json", no_argument, NULL, 'j' },
						 { "access", no_argument, NULL, 'a' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	char system[PATHS_BYTES], control[PATHS_BYTES];
	const char *wish = NULL;
	const struct verb *verb;
	int json = 0, access = 0, option, fd, error, result;
	json_t *request, *answer = NULL;

	while ((option = getopt_long(argc, argv, "hs:", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		if (option == 's')
			wish = optarg;
		json |= option == 'j';
		access |= option == 'a';
		if (option == '?') {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind >= argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	verb = verb_find(argv[optind]);
	if (verb == NULL)
		return EXIT_USAGE;
	request = request_new(verb, argc - optind, argv + optind);
	if (request == NULL || (access && strcmp(verb->name, "verify") != 0)) {
		json_decref(request);
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (access)
		json_object_set_new(request, "access", json_true());
	result = systems_choose(wish, system, control);
	if (result != EXIT_OK)
		goto out;
	fd = control_connect(control);
	if (fd < 0) {
		result = connect_failed(system, fd);
		goto out;
	}
	error = control_ask(fd, request, -1, ANSWER_TIMEOUT_MS, &answer);
	close(fd);
	if (error == 0) {
		result = answer_print(verb, answer, json);
	} else {
		fprintf(stderr, "vanityctl: no answer from %s: %s\n", system, strerror(-error));
		result = error == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_FAILED;
	}
	json_decref(answer);
out:
	json_decref(request);
	return result;
}

int main(int argc, char **argv)
{
	return output_end("vanityctl", run(argc, argv));
}
