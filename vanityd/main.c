/* SPDX-License-Identifier: Apache-2.0 */
/* vanityd: one image, a table of verbs. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "topology/parts.h"

#include "exit.h"
#include "output.h"
#include "paths.h"
#include "verb.h"
#include "verb_live.h"

#define VERSION "0.1.0"
#define STACK_BYTES (1ull << 20)

/*
 * Whoever reads our words may go at any time: that must not end us between a change of the machine and
 * its undo. And what a supervisor ignored is not for us to inherit: we wait for children of ours.
 * Whoever starts us does not decide by his umask who may reach the system: files are made with the mode
 * they shall have.
 */
static void process_begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	umask(022);
}

/*
 * A shell may have left too little of it. The kernel looks at the limit when the stack grows, so it can
 * still be raised. Return: EXIT_OK; EXIT_MACHINE, said.
 */
static int stack_begin(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= STACK_BYTES)
		return EXIT_OK;
	limit.rlim_cur = STACK_BYTES;
	if (limit.rlim_max < STACK_BYTES) /* root may, in most places */
		limit.rlim_max = STACK_BYTES;
	if (setrlimit(RLIMIT_STACK, &limit) == 0)
		return EXIT_OK;
	fprintf(stderr, "vanityd: a stack of %llu KiB is needed, the limit is lower\n"
			"         raise it: ulimit -Hs\n",
		STACK_BYTES / 1024);
	return EXIT_MACHINE;
}

/* Another image of this build: the simulator links every shard, vanityctl no privilege. */
static int exec_beside(const char *image, char **argv)
{
	static const char *const places[] = { "", "sim/", "../bin/" };
	char folder[PATHS_BYTES], path[PATHS_BYTES + 64];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	char *slash;

	folder[n > 0 ? n : 0] = '\0';
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[1] = '\0';
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s%s%s", folder, places[i], image);
		execv(path, argv);
	}
	fprintf(stderr, "vanityd: %s is not installed beside it: %s\n", image, strerror(errno));
	return EXIT_FAILED;
}

static int verb_sim(int argc, char **argv)
{
	static char name[] = "vanity-sim";

	(void)argc;
	argv[0] = name;
	return exec_beside(name, argv);
}

/* `vanityd status` is `vanityctl status`: argv[-1] is free, it was our own name. */
static int verb_ctl(int argc, char **argv)
{
	static char name[] = "vanityctl";

	(void)argc;
	argv[-1] = name;
	return exec_beside(name, argv - 1);
}

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: of the blueprint, not in this build */
	const char *words; /* NULL: not for people */
} verb_table[] = {
	{ "check", verb_check, "prove a topology before anything starts" },
	{ "fmt", verb_fmt, "write a topology in its canonical form" },
	{ "graph", verb_graph, "draw a topology" },
	{ "doctor", verb_doctor, "what this machine lacks, and what would mend it" },
	{ "start", verb_start, "raise a system; return when every shard is ready" },
	{ "run", verb_run, "the same in the foreground, until Ctrl-C" },
	{ "stop", verb_stop, "drain a system, print its sums, undo what start did" },
	{ "demo", verb_demo, "four shards, one killed under load" },
	{ "sim", verb_sim, "a topology in the deterministic simulator" },
	{ "status", verb_ctl, "shards and channels of a running system (vanityctl)" },
	{ "stats", verb_ctl, "its counters and latencies (vanityctl)" },
	{ "devices", verb_ctl, "what each of its devices is bound to (vanityctl)" },
	{ "log", verb_ctl, "its log (vanityctl)" },
	{ "restart", verb_ctl, "restart one of its shards (vanityctl)" },
	{ "verify", verb_ctl, "compare both ends of its channels (vanityctl)" },
	{ "build", NULL, NULL },
	{ "bench", NULL, NULL },
	{ "new", NULL, NULL },
	{ "explain", NULL, NULL },
	{ "top", NULL, NULL },
	{ "trace", NULL, NULL },
	{ "peek", NULL, NULL },
	{ "reload", NULL, NULL },
	{ "drain", NULL, NULL },
	{ "hold", NULL, NULL },
	{ "release", NULL, NULL },
	{ "dump", NULL, NULL },
	{ "ls", NULL, NULL },
	{ "cat", NULL, NULL },
	{ "daemon", verb_daemon, NULL },
	{ "undo", verb_undo, NULL },
};

#define VERB_COUNT (sizeof(verb_table) / sizeof(verb_table[0]))

static void help(FILE *out)
{
	fputs("usage: vanityd VERB [ARGUMENT]...\n\n", out);
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (verb_table[i].words != NULL)
			fprintf(out, "  %-9s %s\n", verb_table[i].name, verb_table[i].words);
	fputs("\n`vanityd VERB --help` says more. Exit codes: 0 ok, 1 failed, 2 usage, 3 topology\n"
	      "invalid, 4 machine not ready, 5 not running, 6 denied, 7 timeout, 8 degraded.\n",
	      out);
}

static int unknown(const char *word)
{
	struct near near;

	near_init(&near, word, (uint32_t)strnlen(word, UINT16_MAX));
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (verb_table[i].words != NULL)
			near_offer(&near, verb_table[i].name, (uint32_t)strlen(verb_table[i].name));
	fprintf(stderr, "vanityd: unknown verb %s", word);
	if (near.best != NULL)
		fprintf(stderr, "; did you mean %.*s?", (int)near.best_bytes, near.best);
	fputs("\nvanityd: `vanityd --help` lists them all\n", stderr);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	int result;

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		help(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("vanityd " VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verb_table[i].name, argv[1]) != 0)
			continue;
		if (verb_table[i].run == NULL) {
			fprintf(stderr, "vanityd: %s is planned and not in this build\n", argv[1]);
			return EXIT_USAGE;
		}
		/* The keeper's children have the limits it gave them. */
		result = verb_table[i].words != NULL ? stack_begin() : EXIT_OK;
		return result != EXIT_OK ? result : verb_table[i].run(argc - 1, argv + 1);
	}
	return unknown(argv[1]);
}

int main(int argc, char **argv)
{
	process_begin();
	return output_end("vanityd", run(argc, argv));
}
