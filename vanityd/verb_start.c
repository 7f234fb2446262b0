/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd start FILE: raise a system and leave it running. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "exit.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "verb_live.h"

static const char usage[] =
	"usage: vanityd start FILE [--dev] [--quiet] [--json]\n"
	"\n"
	"Checks the topology, raises its system, and returns when every shard is ready. If one\n"
	"cannot be, says why, undoes everything and returns the reason's exit code.\n"
	"\n"
	"  --dev    without root: user namespaces, small pages, core numbers ignored\n"
	"  --quiet  no progress lines\n"
	"  --json   print the status document vanity.status/1\n";

int verb_start(int argc, char **argv)
{
	static const struct option options[] = { { "dev", no_argument, NULL, 'd' },
						 { "quiet", no_argument, NULL, 'q' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int dev = 0, quiet = 0, json = 0, option, result;
	static struct session session; /* zeroed, and found by whoever looks for leaks */
	struct session *s = &session;
	json_t *status = NULL;

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
		result = session_raise(s, &status);
	/* Before the system stands without us: who cannot be told of it has none. */
	if (result == EXIT_OK && json) {
		report_json(stdout, status);
		result = output_end("vanityd: not started", EXIT_OK);
		if (result != EXIT_OK)
			session_drop(s);
	}
	if (result == EXIT_OK && setup_commit(&s->setup) != 0) {
		fprintf(stderr, "vanityd: not started: the keeper ended\n");
		session_drop(s);
		result = EXIT_FAILED;
	}
	json_decref(status);
	return result;
}
