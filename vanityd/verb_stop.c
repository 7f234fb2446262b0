/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd stop: drain a system, print its sums, undo what start did. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit.h"
#include "load.h"
#include "report.h"
#include "session.h"
#include "systems.h"
#include "verb_live.h"

static const char usage[] =
	"usage: vanityd stop [SYSTEM | FILE] [--json]\n"
	"\n"
	"Drains the system, prints its sums, stops it, and undoes what start did; also when its\n"
	"daemon is dead, then without sums. Without a name: the only system that runs here.\n"
	"\n"
	"  --json  print the sums as the document vanity.sums/1\n"
	"\n"
	"Returns 0 when it stopped, 5 when it did not run, 8 when its sums are not exact.\n";

/* A file is known by its look; a system's name has neither dots nor slashes. */
static int name_from(const char *argument, char *ret_system)
{
	struct plan_host host = { 0 };
	struct plan *plan;
	int result;

	if (systems_name_valid(argument)) {
		snprintf(ret_system, PATHS_BYTES, "%s", argument);
		return EXIT_OK;
	}
	plan = calloc(1, sizeof(*plan));
	if (plan == NULL)
		return EXIT_FAILED;
	result = load_host(&host);
	/* Whether its cores exist here does not matter for what it is called. */
	host.ignore_cores = 1;
	if (result == EXIT_OK)
		result = load_plan(argument, &host, 0, plan);
	if (result == EXIT_OK)
		snprintf(ret_system, PATHS_BYTES, "%s", plan->system);
	free(plan);
	return result;
}

int verb_stop(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	char system[PATHS_BYTES] = "", control[PATHS_BYTES], why[512];
	int json = 0, option, result = EXIT_OK, exact;
	json_t *sums = NULL;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		json |= option == 'j';
		if (option == '?') {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind + 1 < argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (optind < argc)
		result = name_from(argv[optind], system);
	if (result != EXIT_OK)
		return result;
	/* No socket, but perhaps what a killed start left behind. */
	if (system[0] != '\0' && paths_control(system, control, why, sizeof(why)) == -1)
		return system_clear(system, 0);
	result = systems_choose(system[0] != '\0' ? system : NULL, system, control);
	if (result != EXIT_OK)
		return result;
	result = system_stop(system, control, &sums);
	if (sums != NULL && json)
		report_json(stdout, sums);
	else if (sums != NULL)
		report_sums_text(stdout, sums);
	exact = json_is_true(json_object_get(sums, "exact"));
	if (result == EXIT_OK && sums != NULL && !exact)
		result = EXIT_DEGRADED;
	json_decref(sums);
	return result;
}
