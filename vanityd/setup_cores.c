/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_cores.c: the stage of a start that makes the shards' cores theirs, and its undo.
 *
 *      isolated at boot          isolcpus= names them all: nothing is scheduled there
 *      cgroup v2 partition       the same while the system runs
 *      affinity                  the shards are there and nowhere else; others may visit
 *
 * The first of these that the machine has; in all of them the knobs of setup_cores.h are turned.
 * cpuset of cgroup v1 can only be made to isolate by moving every process of the machine into
 * another group, so it is not used.
 */
#include "setup_cores.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "setup_private.h"

#define LOCK_MS 2000u
#define UNDO_LOCK_MS 10000u
#define ALL_KNOBS ((1u << KNOB_KINDS) - 1u)

_Static_assert(CORE_SET_MAX == KEEPER_CORES_MAX, "one size of set");

static void own_cores(const struct plan *plan, struct core_set *ret)
{
	*ret = (struct core_set){ { 0 } };
	for (uint32_t i = 0; i < plan->shard_count; i++)
		if (!plan->shard[i].shared && plan->shard[i].core < CORE_SET_MAX)
			ret->word[plan->shard[i].core / 64] |= 1ull << plan->shard[i].core % 64;
}

/* In the kernel's own list, made at boot? */
static int isolated_at_boot(const struct machine *m, const struct core_set *own)
{
	char text[1024];
	struct core_set isolated, left = *own;

	if (machine_read(m, "/sys/devices/system/cpu/isolated", text, sizeof(text)) <= 0 ||
	    core_list_parse(text, &isolated) != 0)
		return 0;
	core_set_remove(&left, &isolated);
	return core_set_empty(&left);
}

int setup_cores_lock(int folder, unsigned patience_ms, char *ret_why, size_t room)
{
	int fd = setup_lock_take(folder, "cores", "machine", patience_ms);

	if (fd < 0)
		snprintf(ret_why, room, "lock of the cores: %s", strerror(-fd));
	return fd;
}

/* Return: 0 made; 1 not to be had, and why; -1 after setup_fail(). */
static int make_partition(struct setup *s, struct machine *m, const char *run,
			  const struct core_set *own, char *ret_why, size_t room)
{
	char path[PATHS_BYTES], line[PATHS_BYTES + 16];

	if (cgroup_find(m, ret_why, room) != 0)
		return 1;
	if (snprintf(path, sizeof(path), "%s/vanity-%s", m->cgroup, s->plan->system) >=
	    (int)sizeof(path))
		return 1;
	/* Before the journal has it: an undo would take away whoever's it is. */
	if (cgroup_make_way(path, ret_why, room) != 0)
		return 1;
	if (ledger_change(m, s->lock_fd, run, own, 1u << KNOB_DELEGATE, NULL, ret_why, room) != 0)
		return setup_fail(s, 4, "look into the log of the kernel", "cores: %s", ret_why);
	snprintf(line, sizeof(line), "cgroup %s\n", path);
	if (setup_journal_write(s, line) != 0)
		return -1;
	if (cgroup_partition(path, own, ret_why, room) != 0)
		return 1;
	return setup_place(s, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), KEEPER_FD_CGROUP, path);
}

static void tell(struct setup *s, const struct core_set *own, const uint32_t turned[KNOB_KINDS],
		 const char *why)
{
	struct setup_result *r = s->result;
	char list[64];

	core_list_text(own, list, sizeof(list));
	snprintf(r->cores, sizeof(r->cores),
		 "cores %s: %s%s%s%s; sent away: %u interrupts, %u kernel threads%s", list,
		 keeper_cores_words(s->hand.cores), why[0] != '\0' ? " (" : "", why,
		 why[0] != '\0' ? ")" : "", turned[KNOB_IRQ], turned[KNOB_THREAD],
		 turned[KNOB_WORKQUEUE] > 0 ? ", unbound workqueues" : "");
	if (s->options->stage != NULL)
		s->options->stage(s->options->context, r->cores);
}

static int take(struct setup *s, const char *run, const struct core_set *own)
{
	struct machine m = { .root = "" };
	uint32_t turned[KNOB_KINDS] = { 0 };
	char why[256] = "", line[CORE_SET_TEXT + 64], text[CORE_SET_TEXT];
	int made = 1;

	core_set_text(own, text);
	snprintf(line, sizeof(line), "cores %s\n", text);
	if (setup_journal_write(s, line) != 0)
		return -1;
	if (isolated_at_boot(&m, own))
		s->hand.cores = KEEPER_CORES_BOOT;
	else
		made = make_partition(s, &m, run, own, why, sizeof(why));
	if (made < 0)
		return -1;
	if (made == 0)
		s->hand.cores = KEEPER_CORES_PARTITION;
	if (s->plan->require_cores == PLAN_REQUIRE_ISOLATED &&
	    s->hand.cores == KEEPER_CORES_AFFINITY)
		return setup_fail(
			s, 4, "boot with isolcpus= naming them, or with cgroup v2 and cpuset in it",
			"the topology requires isolated cores: %s", why);
	if (ledger_change(&m, s->lock_fd, run, own, ALL_KNOBS, turned, line, sizeof(line)) != 0)
		return setup_fail(s, 4,
				  setup_remedy(line)[0] != '\0' ? setup_remedy(line) :
								  "docs/operations.md, cores of their own, says what to do",
				  "cores: %s", line);
	tell(s, own, turned, why);
	/* Less than this machine gives to others: that is worth more than a line of progress. */
	if (s->hand.cores == KEEPER_CORES_AFFINITY && m.cgroup[0] != '\0' && s->options->note != NULL) {
		char words[320];

		snprintf(words, sizeof(words), "cores are not isolated, only their affinity is set: %s", why);
		s->options->note(s->options->context, words);
	}
	return 0;
}

int setup_cores(struct setup *s)
{
	struct core_set own;
	char why[128], *run;
	int lock, error;

	own_cores(s->plan, &own);
	if (s->options->dev || core_set_empty(&own))
		return 0;
	s->hand.cores = KEEPER_CORES_AFFINITY;
	run = realpath(s->result->run, NULL);
	if (run == NULL)
		return setup_fail(s, 4, "", "%s: %s", s->result->run, strerror(errno));
	lock = setup_cores_lock(s->lock_fd, LOCK_MS, why, sizeof(why));
	if (lock < 0) {
		free(run);
		return setup_fail(s, 4, "try again", "%s", why);
	}
	error = take(s, run, &own);
	close(lock);
	free(run);
	return error;
}

/* Gives up what @run claimed; "" claims nothing. */
static int release(const char *run, char *ret_why, size_t room)
{
	struct machine m = { .root = "" };
	int folder = setup_lock_folder(ret_why, room), lock = -1, error = 1;
	char why[128];

	if (folder < 0)
		return 1;
	lock = setup_cores_lock(folder, UNDO_LOCK_MS, ret_why, room);
	(void)cgroup_find(&m, why, sizeof(why));
	if (lock >= 0)
		error = ledger_change(&m, folder, run, NULL, 0, NULL, ret_why, room);
	if (lock >= 0)
		close(lock);
	close(folder);
	return error;
}

int setup_cores_undo(const char *line, const char *run, char *ret_why, size_t room)
{
	if (strncmp(line, "cores ", 6) != 0)
		return cgroup_undo(line, ret_why, room);
	return release(run, ret_why, room);
}

int setup_cores_settle(char *ret_why, size_t room)
{
	char root[PATHS_BYTES], path[PATHS_BYTES + 32];

	if (paths_runtime_root(root) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/.lock/cores-ledger", root);
	return access(path, F_OK) == 0 ? release("", ret_why, room) : 0;
}

/* Cores that other systems have for themselves. */
void setup_cores_of_others(const struct setup *s, uint64_t ret[KEEPER_CORES_MAX / 64])
{
	struct core_set claimed;

	ledger_claimed(s->lock_fd, &claimed);
	memcpy(ret, claimed.word, sizeof(claimed.word));
}
