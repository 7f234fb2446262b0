/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd run FILE: a system in the foreground. Its log goes to stderr, its sums to stdout. */
#include <getopt.h>
#include <stdio.h>

#include "exit.h"
#include "report.h"
#include "session.h"
#include "verb_live.h"

#define LOG_POLL_MS 60000
#define AGAIN_MS 20 /* a socket that nobody answers is no reason to spin */

static const char usage[] =
	"usage: vanityd run FILE [--dev] [--quiet] [--json]\n"
	"\n"
	"Raises a system and stays: its log on stderr until Ctrl-C or SIGTERM, then it is drained\n"
	"and stopped, and its sums are printed. It does not outlive this process.\n"
	"\n"
	"  --dev    without root: user namespaces, small pages, core numbers ignored\n"
	"  --quiet  no progress lines, no log\n"
	"  --json   print the sums as the document vanity.sums/1\n";

/* The log, as it grows. Returns when a signal came or nobody is left to ask. */
static int log_follow(struct session *s)
{
	json_int_t next = 0;

	while (!session_interrupted(s)) {
		json_t *result = NULL, *line;
		size_t i;
		int error = session_ask(s, json_pack("{s:s,s:I}", "verb", "log", "since", next),
					LOG_POLL_MS, &result);

		if (error != EXIT_OK) {
			json_decref(result);
			/* A vanityd that was killed has a successor; only the keeper's end ends
			 * all. */
			if (session_interrupted(s))
				return EXIT_OK;
			if (session_alive(s)) {
				next = 0;
				session_pause(s, AGAIN_MS);
				continue;
			}
			fprintf(stderr, "vanityd: the system ended by itself\n");
			return EXIT_FAILED;
		}
		next = report_number(result, "next");
		json_array_foreach(json_object_get(result, "lines"), i, line) if (!s->quiet)
			fprintf(stderr, "%s\n", json_string_value(line));
		json_decref(result);
	}
	return EXIT_OK;
}

int verb_run(int argc, char **argv)
{
	static const struct option options[] = { { "dev", no_argument, NULL, 'd' },
						 { "quiet", no_argument, NULL, 'q' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int dev = 0, quiet = 0, json = 0, option, result, ended;
	static struct session session; /* zeroed, and found by whoever looks for leaks */
	struct session *s = &session;
	json_t *sums = NULL;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		dev |= option == 'd';
		quiet |= option == 'q';
		json |= option == 'j';
		if (option == '?') {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	result = session_load(s, argv[optind], dev, quiet);
	if (result == EXIT_OK)
		result = session_signals(s) == 0 ? EXIT_OK : EXIT_FAILED;
	if (result == EXIT_OK)
		result = session_raise(s, NULL);
	if (result != EXIT_OK)
		return result;
	result = log_follow(s);
	ended = session_end(s, &sums);
	if (sums != NULL && json)
		report_json(stdout, sums);
	else if (sums != NULL)
		report_sums_text(stdout, sums);
	if (result == EXIT_OK)
		result = ended;
	if (result == EXIT_OK && !json_is_true(json_object_get(sums, "exact")))
		result = EXIT_DEGRADED;
	json_decref(sums);
	return result;
}
