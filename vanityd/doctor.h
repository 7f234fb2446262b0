/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h: is this machine ready, and what would make it so?
 *
 *      files below ROOT ---.
 *      questions to the     >-- check table --> findings --> text, vanity.doctor/1, exit code
 *      kernel (live only)  /                       |
 *      a plan (--for) ----'                        '--> changes --setup_file_change()--> journal
 *
 * A check looks, and writes a finding: evidence as read, verdict, what to do, how to undo it. Why
 * it matters stands in the table, with the figure and where that was measured. A check changes
 * nothing; what --fix may write for it is a list of files and texts, each of which can be put back
 * byte for byte.
 *
 * ROOT is "/" or a folder with a copy of /proc and /sys: of a test, or of another machine. Then
 * the kernel is asked nothing, and what only it can tell is not judged.
 *
 * What the files say is read as it comes: one that is missing, cut short or odd makes a finding
 * poorer, never wrong memory.
 */
#ifndef VANITYD_DOCTOR_H
#define VANITYD_DOCTOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "paths.h"
#include "topology/plan.h"

#define DOCTOR_CORES_MAX 4096u /* a topology can name no more */
#define DOCTOR_FILE_BYTES 4096u /* of a small file; the rest is not looked at */
#define DOCTOR_LIST_BYTES 160u
#define DOCTOR_MASK_BYTES 1280u /* 128 groups of eight digits, with commas; any list of 256 cores  \
				 */
#define DOCTOR_BOOT_BYTES 8192u
#define DOCTOR_TEXT_BYTES 512u
#define DOCTOR_FINDINGS_MAX 32u
#define DOCTOR_CHANGES_MAX 4096u

/* --- sets of cores ------------------------------------------------------------------------- */

struct doctor_cores {
	uint64_t bit[DOCTOR_CORES_MAX / 64];
};

/* "0-3,8": up to the first thing that is no list. @ret is emptied first. */
void cores_parse_list(const char *text, struct doctor_cores *ret);
/* "0000000f,ffffffff": hexadecimal, 32 cores a group, the highest first. */
void cores_parse_mask(const char *text, struct doctor_cores *ret);
/* The same, written; a list that does not fit ends in "...". Return: @ret. */
const char *cores_list(const struct doctor_cores *cores, char *ret, size_t room);
const char *cores_mask(const struct doctor_cores *cores, char *ret, size_t room);

int cores_has(const struct doctor_cores *cores, uint32_t core);
void cores_add(struct doctor_cores *cores, uint32_t core);
uint32_t cores_count(const struct doctor_cores *cores);
struct doctor_cores cores_and(const struct doctor_cores *a, const struct doctor_cores *b);
struct doctor_cores cores_without(const struct doctor_cores *a, const struct doctor_cores *b);

/* --- what is found ------------------------------------------------------------------------- */

enum doctor_verdict {
	DOCTOR_FINE,
	DOCTOR_UNJUDGED, /* cannot be seen from here, or without rights */
	DOCTOR_WARNING, /* runs, slower or less exactly than it could */
	DOCTOR_REFUSED, /* what the topology needs, or every system, cannot be had */
	DOCTOR_NOT_NEEDED, /* left out of what is printed */
};

struct doctor_finding {
	enum doctor_verdict verdict;
	uint32_t change_first, change_count;
	char evidence[DOCTOR_TEXT_BYTES];
	char fix[DOCTOR_TEXT_BYTES]; /* "" when there is nothing to do */
	char undo[DOCTOR_LIST_BYTES];
};

/* What --fix would write. */
struct doctor_change {
	char path[DOCTOR_LIST_BYTES]; /* without ROOT */
	char text[DOCTOR_MASK_BYTES];
};

/* What this machine can run, collected by the checks for the last lines. */
struct doctor_ability {
	int known; /* 0: not seen from here */
	int able;
	char words[DOCTOR_LIST_BYTES];
};

enum doctor_can {
	CAN_ROOT, /* vanityd start */
	CAN_DEV, /* vanityd start --dev, as an ordinary user */
	CAN_CORES,
	CAN_HUGE,
	CAN_XDP,
	CAN_TUNTAP,
	CAN_COUNT,
};

struct doctor {
	const char *root; /* "" for the machine itself, else a folder without a slash at its end */
	int live; /* 1: this machine; the kernel may be asked */
	const struct plan
		*plan; /* --for; NULL: all is judged, and nothing is refused for want of it */
	uint32_t spin_ms; /* jitter, each core; 0: not measured */
	struct doctor_cores online,
		wanted; /* wanted: of the plan's shards, else all but the first */
	struct doctor_ability can[CAN_COUNT];
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
	uint32_t change_count, changes_more, changes_long; /* more than there is room for; too long */
	struct doctor_change *change; /* DOCTOR_CHANGES_MAX */
};

struct doctor_check {
	const char *name;
	const char *why; /* with a figure and its source */
	void (*look)(struct doctor *d, struct doctor_finding *f);
};

/* The table, ended by a NULL name; finding[i] is that of entry i. */
extern const struct doctor_check doctor_checks[];

/** doctor_examine() - run all checks. @d: root, live, plan and spin_ms given, the rest zero.
 * Return: 0, or -1 without memory. Freed by doctor_free(). */
int doctor_examine(struct doctor *d);
void doctor_free(struct doctor *d);

/* The worst verdict: EXIT_OK or EXIT_MACHINE. */
int doctor_exit(const struct doctor *d);

/* The kernel command line for the wanted cores, without a newline; "" when there are
 * none. */
void doctor_boot(const struct doctor *d, char *ret, size_t room);

/* doctor_fix.c. @ret_changed: files written. Return: an exit code, failures said on stderr. */
int doctor_fix(struct doctor *d, uint32_t *ret_changed);
int doctor_undo(struct doctor *d);

/* doctor_report.c */
void doctor_print(FILE *out, const struct doctor *d, const char *file);
int doctor_print_json(FILE *out, const struct doctor *d, const char *file);
const char *doctor_verdict(enum doctor_verdict verdict);

/* --- for checks (doctor_look.c) ------------------------------------------------------------- */

/* The text of a small file below ROOT, without its last newline; "" and -errno. */
int look_text(const struct doctor *d, const char *path, char ret[DOCTOR_FILE_BYTES]);
long look_number(const struct doctor *d, const char *path, long otherwise);
int look_is_there(const struct doctor *d, const char *path);
/* For what is read line by line; NULL when it cannot be opened. Nothing leads out of a copy. */
FILE *look_stream(const struct doctor *d, const char *path);
/* Calls @each with every name in a folder, in no order. Return: how many; -1 without a folder. */
int look_folder(const struct doctor *d, const char *path,
		void (*each)(struct doctor *d, const char *name, void *context), void *context);
/* The value of a word of the kernel's command line, NULL when it is not there. */
const char *look_boot(const struct doctor *d, const char *word, char ret[DOCTOR_MASK_BYTES]);

/* Is a lock of setup_lock.c taken? Looked at for a moment, never made. Of this machine only. */
int look_lock_held(const char *kind, const char *name);

/* Appends to a text of a finding, up to its room. */
void say(char *to, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define EVIDENCE(f, ...) say((f)->evidence, sizeof((f)->evidence), __VA_ARGS__)
#define FIX(f, ...) say((f)->fix, sizeof((f)->fix), __VA_ARGS__)
#define UNDO(f, ...) say((f)->undo, sizeof((f)->undo), __VA_ARGS__)

/* --undo knows what --fix did, and nothing else. */
#define UNDO_FIX "--undo after --fix; by hand: the value that stands above"

/* A change for --fix; those of one finding follow each other. @path without ROOT. */
void look_change(struct doctor *d, struct doctor_finding *f, const char *path, const char *text);
/* Raises the verdict. */
void look_judge(struct doctor_finding *f, enum doctor_verdict verdict);
void look_can(struct doctor *d, enum doctor_can what, int able, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* 1 when the plan has a granted device of this backend, or there is no plan. */
int look_needs(const struct doctor *d, uint32_t backend);

/* The groups. */
void check_cores(struct doctor *d, struct doctor_finding *f);
void check_isolation(struct doctor *d, struct doctor_finding *f);
void check_tick(struct doctor *d, struct doctor_finding *f);
void check_rcu(struct doctor *d, struct doctor_finding *f);
void check_interrupts(struct doctor *d, struct doctor_finding *f);
void check_workqueues(struct doctor *d, struct doctor_finding *f);
void check_upkeep(struct doctor *d, struct doctor_finding *f);
void check_siblings(struct doctor *d, struct doctor_finding *f);
void check_governor(struct doctor *d, struct doctor_finding *f);
void check_clock(struct doctor *d, struct doctor_finding *f);
void check_waits(struct doctor *d, struct doctor_finding *f);
void check_jitter(struct doctor *d, struct doctor_finding *f);
void check_huge_pages(struct doctor *d, struct doctor_finding *f);
void check_locked_memory(struct doctor *d, struct doctor_finding *f);
void check_kernel(struct doctor *d, struct doctor_finding *f);
void check_namespaces(struct doctor *d, struct doctor_finding *f);
void check_user_namespaces(struct doctor *d, struct doctor_finding *f);
void check_seccomp(struct doctor *d, struct doctor_finding *f);
void check_landlock(struct doctor *d, struct doctor_finding *f);
void check_memfd(struct doctor *d, struct doctor_finding *f);
void check_xdp(struct doctor *d, struct doctor_finding *f);
void check_tuntap(struct doctor *d, struct doctor_finding *f);
void check_iommu(struct doctor *d, struct doctor_finding *f);
void check_side_channels(struct doctor *d, struct doctor_finding *f);

#endif
