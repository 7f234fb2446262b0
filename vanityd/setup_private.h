/* SPDX-License-Identifier: Apache-2.0 */
/* setup_private.h: one start under way, and what setup's sources call in each other. */
#ifndef VANITYD_SETUP_PRIVATE_H
#define VANITYD_SETUP_PRIVATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper_hand.h"
#include "setup.h"
#include "waits.h"

#define SETUP_JOURNAL "journal"
#define SETUP_JOURNAL_HEAD "vanity-journal 1\n" /* whose folder has it is ours to remove */
#define SETUP_JOURNAL_BYTES_MAX (1u << 20)
#define SETUP_FILE_BYTES 1024u /* of a file of the kernel that setup writes, at most one less */
#define SETUP_KEEPER_PID "keeper.pid"

struct setup {
	const struct plan *plan;
	const struct setup_options *options;
	struct setup_result *result;
	char root[PATHS_BYTES]; /* the runtime root */
	char image[PATHS_BYTES], keeper[PATHS_BYTES];
	int run_fd, lock_fd; /* folders: the system's, and the locks' */
	int programs_fd;
	gid_t control_gid; /* the group vanity; 0: there is none */
	int journal_fd;
	int lock_at; /* where the next lock of a core or a device goes */
	int hugepages_fd; /* lock, held from counting to taking; -1 without */
	int numa; /* 1: memory has more than one node */
	int fd_end;
	struct waits waits;
	uint64_t cycles, cycles_ns; /* a look at both clocks, at the beginning */
	struct keeper_hand hand;
};

/* setup.c: remember the first failure. Return: always -1. */
int setup_fail(struct setup *s, int exit_code, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int setup_place(struct setup *s, int fd, int at, const char *what);

/* setup_lock.c: all locks are files below .lock, taken by flock, released by the last close */
int setup_lock_folder(char *ret_why, size_t room); /* descriptor, or -1 */
int setup_lock_take(int folder, const char *kind, const char *name, unsigned patience_ms);
int setup_lock_all(struct setup *s); /* the system, its cores, its devices, a range of uids */

/* setup_memory.c */
int setup_sealed(struct setup *s, const char *name, const void *bytes, size_t count, mode_t mode,
		 int from_fd);
int setup_memory(struct setup *s);

/* setup_huge.c: huge pages of the machine, with the journal. @lock_fd is setup_huge_lock()'s, or
 * setup's hugepages_fd. Return of the undoing ones: 0, or 1 and why. */
int setup_huge_reserve(struct setup *s);
int setup_huge_lock(char *ret_why, size_t room); /* descriptor, or -1 */
/* Ends a change that was cut short. */
int setup_huge_settle(int lock_fd, char *ret_why, size_t room);
int setup_huge_undo(int lock_fd, const char *run, const char *line, char *ret_why, size_t room);

/*
 * setup_file.c: small files of the kernel (affinities, governors), written with the journal.
 * setup_file_change() returns 0 written; 1 it says so already, nothing was done; -errno and why: then
 * it is as it was, or the undo makes it so. @journal_fd is opened O_APPEND and has its first line.
 * setup_file_undo() takes any line; 0, or 1 and why. @root: "", or the folder of a copy of a machine,
 * which nothing leads out of. setup_root_open() opens so, always O_CLOEXEC.
 */
int setup_file_change(int journal_fd, const char *root, const char *path, const char *text,
		      char *ret_why, size_t room);
int setup_file_undo(const char *root, const char *line, char *ret_why, size_t room);
int setup_root_open(const char *root, const char *path, int flags, mode_t mode);

/* setup_cores.c: cores of their own, and others sent away. An undo takes any line; 0, or 1 and why.
 * setup_cores_settle() mends what is left in the ledger of all, from where it can be reached. */
int setup_cores(struct setup *s);
int setup_cores_undo(const char *line, const char *run, char *ret_why, size_t room);
int setup_cores_settle(char *ret_why, size_t room);
int setup_cores_lock(int folder, unsigned patience_ms, char *ret_why, size_t room); /* or -1 */
void setup_cores_of_others(const struct setup *s, uint64_t ret[KEEPER_CORES_MAX / 64]);

/* setup_parts.c: images, configs, bells, bind blocks, sockets */
/* For root without a link on the way; descriptor, or -1 and errno. */
int setup_open(const struct setup *s, const char *path, int flags);
/* What root is to run, which nobody else may have written; O_PATH descriptor, or -1 after setup_fail(). */
int setup_image(struct setup *s, const char *path);
int setup_images(struct setup *s);
int setup_configs(struct setup *s);
int setup_events(struct setup *s);
int setup_binds(struct setup *s);
int setup_socket(struct setup *s);
int setup_log(struct setup *s);

/* setup_journal.c: the line that names this boot, "" and -1 when it cannot be told; and whether a journal
 * names another one: its folder lies where a boot leaves things as they are. */
#define SETUP_BOOT_BYTES 80u
int setup_boot_line(char *ret_line, size_t room);
int setup_boot_other(const char *journal);
int setup_journal_write(struct setup *s, const char *line);
/* setup_undo() of one folder alone. @root: "", or that of a copy of a machine, with @run in it: then files
 * of the copy are written back, and nothing else is. @hugepages_fd: the lock of the huge pages; -1: not held,
 * taken when needed. */
int setup_undo_held(const char *root, const char *run, int hugepages_fd, char *ret_why, size_t room);

/* setup_bounds.c: limits, cores and the Landlock ruleset of the keeper's children */
int setup_bounds(struct setup *s);

/* setup_namespaces.c: in the keeper-to-be; 0, or -errno */
int setup_namespaces(const struct plan *plan);

/* setup_devices.c: each granted device bound, its descriptors at their numbers */
int setup_devices(struct setup *s);

/* setup_keeper.c */
int setup_keeper(struct setup *s);

/* setup_node.c: the node a region shall lie on; -1: no matter. @root is "" but for a test. */
int setup_region_node(const struct plan *plan, const char *root, uint32_t region);

/* setup_numa.c or setup_numa_none.c */
int setup_numa_nodes(void); /* nodes with memory; 1 where nobody can tell */
void setup_numa_prefer(int node); /* memory taken from now on lies there, if there is room */
void setup_numa_default(void);
int setup_numa_node(uint32_t core);

#endif
