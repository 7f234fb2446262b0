/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_cores.h: cores that belong to one shard each, and everybody else sent away from them.
 *
 *      claim      a running system has these cores (their locks are setup_lock.c's)
 *      knob       something of the machine that lets others run there: the affinity of an
 *                 interrupt or of a kernel thread, the mask of unbound workqueues
 *      ledger     claims, and for each knob that was turned its original text
 *      partition  a cgroup v2 of the system's shards, taken out of everybody else's scheduling
 *
 * A knob belongs to everybody, so it is not in a system's journal but in one ledger for all, beside
 * the locks. A knob is set to its original without the cores of all claims; when a system ends it
 * is worked out anew from those that stay, and with the last one it is its original again, byte for
 * byte. Whoever ends last restores, whoever began first.
 *
 *      "cores" into the journal of RUN      RUN's undo must look into the ledger
 *      ledger: claim, knobs with what they were BEFORE and what is WANTED     (one rename)
 *      turn the knobs
 *
 * Whoever opens the ledger next ends what a kill cut short: a knob that is as BEFORE is turned
 * once more. One that is neither was turned by somebody else since: it is his, and left alone.
 *
 * A kernel thread can only be reached from the pid namespace in which it was found, and the keeper
 * lives in another. So the keeper's own undo leaves these, written down, for `stop`, `undo` or the
 * next start that owns cores.
 *
 * Without a core of its own a system comes near none of this.
 */
#ifndef VANITYD_SETUP_CORES_H
#define VANITYD_SETUP_CORES_H

#include <stddef.h>
#include <stdint.h>

#include "paths.h"

#define CORE_SET_WORDS 16u
#define CORE_SET_MAX (64u * CORE_SET_WORDS)
#define CORE_SET_TEXT 320u /* 32 groups of eight digits, with commas */

struct core_set {
	uint64_t word[CORE_SET_WORDS];
};

/* Where the machine is: "" and the mount of cgroup v2; a copy for a test. */
struct machine {
	const char *root;
	char cgroup[PATHS_BYTES]; /* with @root; "" where there is none with cpuset */
};

enum knob_kind {
	KNOB_DELEGATE = 0, /* cpuset in cgroup.subtree_control: 0 or 1 */
	KNOB_IRQ_DEFAULT = 1,
	KNOB_IRQ = 2,
	KNOB_WORKQUEUE = 3,
	KNOB_THREAD = 4,
	KNOB_KINDS = 5,
};

struct knob {
	uint32_t kind, number; /* interrupt, or pid */
	uint64_t started, space; /* a thread's: its start time; the pid namespace it was found in */
	char original[CORE_SET_TEXT]; /* as read, without the newline */
	struct core_set before, wanted;
	uint32_t settled; /* not in the file: it is as wanted */
};

struct knobs {
	struct knob *knob;
	uint32_t count, room;
};

enum knob_look { KNOB_THERE = 0, KNOB_GONE = 1, KNOB_OUT_OF_REACH = 2 };

/* --- setup_irqs.c ----------------------------------------------------------------------------- */

int core_set_parse(const char *text, struct core_set *ret); /* "3" "ff,00000000"; 0, or -1 */
void core_set_text(const struct core_set *set, char ret[CORE_SET_TEXT]);
int core_list_parse(const char *text, struct core_set *ret); /* "0-3,7" */
void core_list_text(const struct core_set *set, char *ret, size_t room);
int core_set_empty(const struct core_set *set);
int core_set_meet(const struct core_set *a, const struct core_set *b);
int core_set_equal(const struct core_set *a, const struct core_set *b);
void core_set_remove(struct core_set *set, const struct core_set *what);
void core_set_add(struct core_set *set, const struct core_set *what);

const char *knob_name(uint32_t kind);
enum knob_look knob_read(const struct machine *m, const struct knob *k,
			 char ret_text[CORE_SET_TEXT], struct core_set *ret);
int knob_turn(const struct machine *m, const struct knob *k); /* to .wanted; 0, or -errno */
/* Appends each knob of @kinds (bits) that reaches @away and is not among them. 0, or -ENOMEM. */
int knobs_find(const struct machine *m, unsigned kinds, const struct core_set *away,
	       struct knobs *all);
int machine_read(const struct machine *m, const char *path, char *ret_text, size_t room);
void machine_online(const struct machine *m, struct core_set *ret);

/* --- setup_cgroup.c --------------------------------------------------------------------------- */

/* Fills in .cgroup. Return: 0; 1 and why not. */
int cgroup_find(struct machine *m, char *ret_why, size_t room);
/* An empty group of ours that is left at @path goes. Return: 0 nothing is there; 1 and why: somebody's is. */
int cgroup_make_way(const char *path, char *ret_why, size_t room);
/* An isolated partition of @cores at @path. Return: 0; 1 and why not, nothing left behind. */
int cgroup_partition(const char *path, const struct core_set *cores, char *ret_why, size_t room);
/* Takes any line of a journal. 0, or 1 and why. */
int cgroup_undo(const char *line, char *ret_why, size_t room);

/* --- setup_ledger.c --------------------------------------------------------------------------- */

/**
 * ledger_change() - under its lock: claim @cores for @run, or release what it has
 * @folder: of the locks; the ledger lies there
 * @cores: NULL releases
 * @kinds: knobs to look for and turn, bits of enum knob_kind; those in the ledger follow anyway
 * @ret_turned: how many are turned now, by kind; may be NULL
 * Return: 0; 1 and why: what could not be put back stays written down.
 */
int ledger_change(const struct machine *m, int folder, const char *run,
		  const struct core_set *cores, unsigned kinds, uint32_t ret_turned[KNOB_KINDS],
		  char *ret_why, size_t room);
int ledger_there(int folder); /* 1: somebody has a claim, or left something */
/* All claims, without the lock: as of some moment. */
void ledger_claimed(int folder, struct core_set *ret);

#endif
