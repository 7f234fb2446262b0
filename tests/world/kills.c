/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kills: SIGKILL under load, again and again, each shard in turn.
 *
 *      kills VANITYD TOPOLOGY NAME KILLS_EACH        as root, or with --dev where we are not
 *
 * Per kill: the shard's host pid is killed as an operator would; its successor must handle an
 * item; then the system is verified: every cursor and every ledger of both ends of every channel
 * equal, every pool whole. No other shard may have changed its pid or its generation. Ends with
 * one line per shard and a line of all; exit 1 at the first thing that is not so.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

#define SHARDS_MAX 16

struct seen {
	char name[32];
	long long pid, generation;
};

static size_t look(const struct system *s, struct seen *ret_seen)
{
	json_t *status = system_ask(s, "status", NULL, 0), *shard;
	size_t i, n = 0;

	json_array_foreach(json_object_get(status, "shards"), i, shard) {
		if (n == SHARDS_MAX)
			break;
		snprintf(ret_seen[n].name, sizeof(ret_seen[n].name), "%s",
			 json_string_value(json_object_get(shard, "name")));
		ret_seen[n].pid = system_number(shard, "pid");
		ret_seen[n].generation = system_number(shard, "generation");
		n++;
	}
	json_decref(status);
	return n;
}

/* 1 when the sums are exact; says what differs otherwise. */
static int exact(const struct system *s)
{
	json_t *sums = system_ask(s, "verify", NULL, 0);
	int is = json_is_true(json_object_get(sums, "exact")) &&
		 json_is_true(json_object_get(sums, "quiet"));

	if (!is && sums)
		json_dumpf(sums, stderr, JSON_INDENT(1));
	json_decref(sums);
	return is;
}

static int kill_once(const struct system *s, size_t victim)
{
	struct seen before[SHARDS_MAX], after[SHARDS_MAX];
	size_t n = look(s, before);
	json_t *item;

	if (victim >= n || before[victim].pid <= 0) {
		fprintf(stderr, "shard %zu is not running\n", victim);
		return -1;
	}
	if (kill((pid_t)before[victim].pid, SIGKILL) != 0) {
		perror("kill");
		return -1;
	}
	item = system_ask(s, "item", before[victim].name, (uint32_t)before[victim].generation + 1);
	if (!item) {
		fprintf(stderr, "%s: no item after the kill\n", before[victim].name);
		return -1;
	}
	json_decref(item);
	if (!exact(s)) {
		fprintf(stderr, "%s: sums are not exact after the kill\n", before[victim].name);
		return -1;
	}
	if (look(s, after) != n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int same = before[i].pid == after[i].pid &&
			   before[i].generation == after[i].generation;

		if (i == victim ? after[i].generation != before[i].generation + 1 : !same) {
			fprintf(stderr, "killed %s: %s went from pid %lld generation %lld to %lld, %lld\n",
				before[victim].name, before[i].name, before[i].pid,
				before[i].generation, after[i].pid, after[i].generation);
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct system s;
	struct seen seen[SHARDS_MAX];
	size_t shards;
	int each, failed = 0;
	uint64_t begun;

	if (argc != 5) {
		fprintf(stderr, "usage: kills VANITYD TOPOLOGY NAME KILLS_EACH\n");
		return 2;
	}
	each = atoi(argv[4]);
	if (each < 1 || system_run(&s, argv[1], argv[2], argv[3], geteuid() != 0) != 0)
		return 1;
	shards = look(&s, seen);
	begun = system_now_ns();
	for (int round = 0; round < each && !failed; round++) {
		for (size_t i = 0; i < shards && !failed; i++) {
			failed = kill_once(&s, i) != 0;
			if (failed)
				fprintf(stderr, "round %d of %d\n", round + 1, each);
		}
	}
	if (!failed)
		printf("%d kills of each of %zu shards: sums exact every time, %.1f ms a kill\n", each,
		       shards, (double)(system_now_ns() - begun) / 1e6 / each / (double)shards);
	if (failed) {
		json_t *log = system_ask(&s, "log", NULL, 0);

		json_dumpf(log, stderr, JSON_INDENT(1));
		json_decref(log);
	}
	if (system_end(&s) != 0) {
		fprintf(stderr, "the system did not end with exact sums\n");
		failed = 1;
	}
	return failed;
}
