/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_ledger.c: who has which cores, and what was turned for it. One file beside the locks:
 *
 *      vanity-cores 1
 *      claim CORES RUN
 *      KIND NUMBER STARTED SPACE ORIGINAL BEFORE WANTED
 *
 * It is replaced as a whole, so no kill leaves half of one, and it is gone when nobody has a claim
 * and everything is as it was.
 */
#include "setup_cores.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "setup_private.h"

#define LEDGER "cores-ledger"
#define LEDGER_FOLDER "/run/vanity/.lock" /* root alone has one */
#define LEDGER_NEW "cores-ledger.new"
#define LEDGER_HEAD "vanity-cores 1"
#define LEDGER_BYTES_MAX (64l << 20)
#define CLAIMS_MAX 512u
#define LOOKS 5
#define TEXT_SCAN "319"
_Static_assert(CORE_SET_TEXT == 320, "TEXT_SCAN is one less");

struct claim {
	struct core_set cores;
	char run[PATHS_BYTES];
};

struct ledger {
	struct knobs knobs;
	struct claim claim[CLAIMS_MAX];
	uint32_t claims;
};

/* --- the file --------------------------------------------------------------------------------- */

static int knob_parse(const char *line, struct knob *ret)
{
	char kind[16], before[CORE_SET_TEXT], wanted[CORE_SET_TEXT];
	unsigned long long started, space;
	struct knob k = { .kind = KNOB_KINDS };

	if (sscanf(line, "%15s %u %llu %llu %" TEXT_SCAN "s %" TEXT_SCAN "s %" TEXT_SCAN "s", kind,
		   &k.number, &started, &space, k.original, before, wanted) != 7)
		return -1;
	k.started = started;
	k.space = space;
	for (uint32_t i = 0; i < KNOB_KINDS; i++)
		if (strcmp(kind, knob_name(i)) == 0)
			k.kind = i;
	*ret = k;
	return k.kind < KNOB_KINDS && core_set_parse(before, &ret->before) == 0 &&
			       core_set_parse(wanted, &ret->wanted) == 0
		       ? 0
		       : -1;
}

static int line_take(struct ledger *l, const char *line)
{
	char cores[CORE_SET_TEXT];
	struct claim *c = &l->claim[l->claims];

	if (strncmp(line, "claim ", 6) != 0) {
		if (l->knobs.count == l->knobs.room ||
		    knob_parse(line, &l->knobs.knob[l->knobs.count]) != 0)
			return -1;
		l->knobs.count++;
		return 0;
	}
	if (l->claims == CLAIMS_MAX - 1 ||
	    sscanf(line, "claim %" TEXT_SCAN "s %511[^\n]", cores, c->run) != 2 ||
	    core_set_parse(cores, &c->cores) != 0)
		return -1;
	l->claims++;
	return 0;
}

/* No file: an empty ledger. 0, or -1 and why. */
static int ledger_load(int folder, struct ledger *l, char *ret_why, size_t room)
{
	int fd = openat(folder, LEDGER, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), lines = 0, error = -1;
	FILE *file = fd >= 0 ? fdopen(fd, "re") : NULL;
	char *line = NULL;
	size_t bytes = 0;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (file == NULL || fstat(fd, &st) != 0 || st.st_size > LEDGER_BYTES_MAX)
		goto out;
	/* Each knob takes a line of at least sixteen bytes. */
	l->knobs.room = (uint32_t)(st.st_size / 16 + 1);
	l->knobs.knob = calloc(l->knobs.room, sizeof(*l->knobs.knob));
	error = l->knobs.knob == NULL ? -1 : 0;
	for (; error == 0 && getline(&line, &bytes, file) > 0; lines++)
		error = lines > 0 ? line_take(l, line) : -(strcmp(line, LEDGER_HEAD "\n") != 0);
out:
	if (error != 0)
		snprintf(ret_why, room, "%s/%s: line %d is no line of ours", LEDGER_FOLDER, LEDGER,
			 lines);
	free(line);
	if (file != NULL)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return error;
}

static void ledger_print(FILE *file, const struct ledger *l)
{
	char before[CORE_SET_TEXT], wanted[CORE_SET_TEXT];

	fputs(LEDGER_HEAD "\n", file);
	for (uint32_t i = 0; i < l->claims; i++) {
		core_set_text(&l->claim[i].cores, before);
		fprintf(file, "claim %s %s\n", before, l->claim[i].run);
	}
	for (uint32_t i = 0; i < l->knobs.count; i++) {
		const struct knob *k = &l->knobs.knob[i];

		core_set_text(&k->before, before);
		core_set_text(&k->wanted, wanted);
		fprintf(file, "%s %u %llu %llu %s %s %s\n", knob_name(k->kind), k->number,
			(unsigned long long)k->started, (unsigned long long)k->space, k->original,
			before, wanted);
	}
}

static int ledger_store(int folder, const struct ledger *l, char *ret_why, size_t room)
{
	int fd, error;
	FILE *file;

	if (l->claims == 0 && l->knobs.count == 0) {
		(void)unlinkat(folder, LEDGER_NEW, 0); /* of one that was killed */
		if (unlinkat(folder, LEDGER, 0) == 0 || errno == ENOENT)
			return 0;
		snprintf(ret_why, room, "%s: %s", LEDGER, strerror(errno));
		return -1;
	}
	fd = openat(folder, LEDGER_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	file = fd >= 0 ? fdopen(fd, "we") : NULL;
	error = file == NULL ? errno : 0;
	if (file != NULL) {
		ledger_print(file, l);
		if (fflush(file) != 0 || fdatasync(fd) != 0)
			error = errno;
		fclose(file);
	} else if (fd >= 0) {
		close(fd);
	}
	if (error == 0 && renameat(folder, LEDGER_NEW, folder, LEDGER) != 0)
		error = errno;
	if (error == 0)
		return 0;
	(void)unlinkat(folder, LEDGER_NEW, 0);
	snprintf(ret_why, room, "%s/%s: %s", LEDGER_FOLDER, LEDGER, strerror(error));
	return -1;
}

/* --- what a kill or somebody else did --------------------------------------------------------- */

static int is_original(const struct knob *k, const struct core_set *set)
{
	struct core_set original;

	return core_set_parse(k->original, &original) == 0 && core_set_equal(&original, set);
}

static void drop(struct knobs *all, uint32_t *at)
{
	all->knob[*at] = all->knob[--all->count];
	--*at;
}

/* Neither as it was nor as it should be, and stays so. Of an interrupt on its way to another core
 * the kernel may show an older affinity for a moment. */
static int somebody_elses(const struct machine *m, const struct knob *k)
{
	char text[CORE_SET_TEXT];
	struct core_set now;

	for (int look = 0; look < LOOKS; look++) {
		if (knob_read(m, k, text, &now) != KNOB_THERE)
			return 1;
		if (core_set_equal(&now, &k->before) || core_set_equal(&now, &k->wanted) ||
		    is_original(k, &now))
			return 0;
		poll(NULL, 0, 1);
	}
	return 1;
}

/* Everything as WANTED, or gone, or somebody else's. 0, or 1 and why. */
static int settle(const struct machine *m, struct ledger *l, char *ret_why, size_t room)
{
	int error = 0;

	for (uint32_t i = 0; i < l->knobs.count; i++) {
		struct knob *k = &l->knobs.knob[i];
		char text[CORE_SET_TEXT];
		struct core_set now;
		enum knob_look look = knob_read(m, k, text, &now);
		int turned = -ENOENT;

		k->settled = look == KNOB_THERE && core_set_equal(&now, &k->wanted);
		if (look == KNOB_OUT_OF_REACH || k->settled)
			continue;
		/* Of a thread the kernel itself changes the affinity, with partitions. */
		if (look == KNOB_THERE && (k->kind == KNOB_THREAD || !somebody_elses(m, k)))
			turned = knob_turn(m, k);
		k->settled = turned == 0;
		/* One that never could be turned is as it was. */
		if (turned == -ENOENT || turned == -ESRCH || turned == -EINVAL ||
		    (turned != 0 && is_original(k, &now))) {
			drop(&l->knobs, &i);
		} else if (turned != 0) {
			snprintf(ret_why, room, "%s %u: %s", knob_name(k->kind), k->number,
				 strerror(-turned));
			error = 1;
		}
	}
	return error;
}

/* A claim ends with its system: whose journal is gone, by hand, has none. */
static void claims_settle(struct ledger *l, const char *without)
{
	char path[PATHS_BYTES + 16];

	for (uint32_t i = 0; i < l->claims; i++) {
		snprintf(path, sizeof(path), "%s/" SETUP_JOURNAL, l->claim[i].run);
		if (strcmp(l->claim[i].run, without) == 0 ||
		    (access(path, F_OK) != 0 && errno == ENOENT)) {
			l->claim[i] = l->claim[--l->claims];
			i--;
		}
	}
}

/* --- a change --------------------------------------------------------------------------------- */

static void knob_aim(struct knob *k, const struct core_set *claimed, const struct core_set *online)
{
	struct core_set original = { { 0 } }, to;

	(void)core_set_parse(k->original, &original);
	if (k->kind == KNOB_DELEGATE) {
		k->wanted = core_set_empty(claimed) ? original : (struct core_set){ { 1 } };
		return;
	}
	to = original;
	core_set_remove(&to, claimed);
	if (core_set_empty(&to)) {
		to = *online;
		core_set_remove(&to, claimed);
	}
	/* All cores are shards': there is nowhere to go. */
	k->wanted = core_set_empty(&to) ? k->before : to;
}

static int knob_done(const struct knob *k)
{
	return is_original(k, &k->wanted);
}

/* The ledger is stored: now do as it says. Refused ones are left out of it; 0, or 1 and why. */
static int turn_all(const struct machine *m, struct ledger *l, char *ret_why, size_t room)
{
	int error = 0;

	for (uint32_t i = 0; i < l->knobs.count; i++) {
		struct knob *k = &l->knobs.knob[i];
		struct core_set now;
		char text[CORE_SET_TEXT];
		int turned;

		if (knob_read(m, k, text, &now) == KNOB_OUT_OF_REACH)
			continue;
		turned = k->settled && core_set_equal(&k->before, &k->wanted) ? 0 : knob_turn(m, k);
		if (turned == 0 && !knob_done(k))
			continue;
		/* Back at its original, refused from the beginning, gone, or kept by another. */
		if (turned == 0 || turned == -ENOENT || turned == -ESRCH || turned == -EINVAL ||
		    !knob_done(k) || k->kind == KNOB_DELEGATE) {
			drop(&l->knobs, &i);
			continue;
		}
		snprintf(ret_why, room, "%s %u: %s", knob_name(k->kind), k->number,
			 strerror(-turned));
		error = 1;
	}
	return error;
}

static void count(const struct ledger *l, uint32_t ret_turned[KNOB_KINDS])
{
	memset(ret_turned, 0, KNOB_KINDS * sizeof(*ret_turned));
	for (uint32_t i = 0; i < l->knobs.count; i++)
		ret_turned[l->knobs.knob[i].kind] += !knob_done(&l->knobs.knob[i]);
}

static int change(const struct machine *m, int folder, struct ledger *l, unsigned kinds,
		  const struct core_set *cores, char *ret_why, size_t room)
{
	struct core_set claimed = { { 0 } }, online;
	int error;

	for (uint32_t i = 0; i < l->claims; i++)
		core_set_add(&claimed, &l->claim[i].cores);
	if (cores != NULL && knobs_find(m, kinds, &claimed, &l->knobs) != 0) {
		snprintf(ret_why, room, "%s", strerror(ENOMEM));
		return 1;
	}
	machine_online(m, &online);
	for (uint32_t i = 0; i < l->knobs.count; i++) {
		struct knob *k = &l->knobs.knob[i];

		/* Not read again: what is shown may be older than what was written. */
		if (k->settled)
			k->before = k->wanted;
		knob_aim(k, &claimed, &online);
	}
	/* With the last claim gone all goes back to its original, which any ledger tells: the old one will do
	 * where there is no room for a new one. */
	if (ledger_store(folder, l, ret_why, room) != 0 && l->claims > 0)
		return 1;
	error = turn_all(m, l, ret_why, room);
	return ledger_store(folder, l, ret_why, room) != 0 || error;
}

int ledger_change(const struct machine *m, int folder, const char *run,
		  const struct core_set *cores, unsigned kinds, uint32_t ret_turned[KNOB_KINDS],
		  char *ret_why, size_t room)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int error = 1;

	if (l == NULL || ledger_load(folder, l, ret_why, room) != 0)
		goto out;
	error = settle(m, l, ret_why, room);
	claims_settle(l, run);
	if (cores != NULL) {
		l->claim[l->claims].cores = *cores;
		snprintf(l->claim[l->claims++].run, PATHS_BYTES, "%s", run);
	}
	error |= change(m, folder, l, kinds, cores, ret_why, room);
	if (ret_turned != NULL)
		count(l, ret_turned);
out:
	if (l != NULL)
		free(l->knobs.knob);
	free(l);
	return error;
}

int ledger_there(int folder)
{
	return faccessat(folder, LEDGER, F_OK, 0) == 0;
}

void ledger_claimed(int folder, struct core_set *ret)
{
	struct ledger *l = ledger_there(folder) ? calloc(1, sizeof(*l)) : NULL;
	char why[128];

	*ret = (struct core_set){ { 0 } };
	if (l != NULL && ledger_load(folder, l, why, sizeof(why)) == 0)
		for (uint32_t i = 0; i < l->claims; i++)
			core_set_add(ret, &l->claim[i].cores);
	if (l != NULL)
		free(l->knobs.knob);
	free(l);
}
