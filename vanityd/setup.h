/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.h: root's short-lived hand: everything that must be done before a system runs, and undone
 * after it.
 *
 *      vanityd start
 *        setup_start()     lock, undo leftovers, journal, memory, images, socket, keeper
 *          |                 the keeper is up and has started vanityd; nothing is committed:
 *          |                 if this process dies now, the system goes with it
 *          v
 *        (wait for the shards over the control socket)
 *          |
 *        setup_commit()    from here on the system stands without us
 *
 *      `run` and `demo` never commit: a killed terminal takes its system along.
 *
 *      vanityd stop
 *        (tell vanityd to stop: it drains and sends KEEPER_STOP)
 *        setup_stop()      waits for the keeper's end, kills it when the patience is over,
 *                          replays the journal
 *
 *      vanityd undo RUNDIR (hidden verb; the keeper's last act, and systemd's ExecStopPost)
 *        setup_clear()
 *
 * Whoever calls these has checked the plan: setup acts on it and judges only the machine. All
 * descriptors made here are O_CLOEXEC and lie at KEEPER_FD_BASE or above (keeper_hand.h).
 */
#ifndef VANITYD_SETUP_H
#define VANITYD_SETUP_H

#include <stdint.h>
#include <sys/types.h>

#include "paths.h"
#include "topology/plan.h"

struct setup_options {
	int dev; /* 1: no root: user namespaces, small pages, core numbers ignored */
	const char *image; /* path of the vanityd image; NULL: /proc/self/exe */
	const char *programs; /* folder of the images; NULL: host.programs, then the default */
	const char *keeper; /* path of the keeper's image; NULL: the default */
	const char *netdev; /* path of vanity-netdev; NULL: beside the vanityd image */
	const char *log; /* path of the log file; NULL: RUNDIR/log */
	/* Called between stages, for progress lines; may be NULL. */
	void (*stage)(void *context, const char *what);
	/* What is worth knowing and stops nothing, a line each; may be NULL. */
	void (*note)(void *context, const char *words);
	void *context;
};

/* What is not active in this system, for the first line of `start`. */
enum setup_inactive {
	SETUP_INACTIVE_OWN_UID = 0, /* shards share the user's uid and groups */
	SETUP_INACTIVE_PINNING = 1, /* core numbers are ignored */
	SETUP_INACTIVE_HUGE_PAGES = 2, /* every region takes small pages */
	SETUP_INACTIVE_LOCKED = 3, /* memory is pre-faulted, not locked: RLIMIT_MEMLOCK is too low */
	SETUP_INACTIVE_LANDLOCK = 4, /* this kernel has none */
	SETUP_INACTIVE_LANDLOCK_NET = 5, /* ABI < 4: no TCP rights */
	SETUP_INACTIVE_LANDLOCK_SCOPE = 6, /* ABI < 6: no scopes for signals and abstract sockets */
	SETUP_INACTIVE_DAEMON_UID = 7, /* vanityd runs as the user who started it */
	SETUP_INACTIVE_COUNT,
};

struct setup_result {
	int exit_code; /* 0, 1 failed, 4 machine not ready */
	char error[512]; /* one line, no newline; "" when all is well */
	char remedy[256]; /* what the operator can do about it, or "" */
	char run[PATHS_BYTES]; /* the runtime directory */
	char control[PATHS_BYTES]; /* the control socket */
	char log[PATHS_BYTES];
	char programs[PATHS_BYTES];
	pid_t keeper_pid; /* as this process counts */
	int keeper_pidfd; /* readable when the keeper is gone; the caller closes it */
	int keeper_fd; /* the socket whose closing, without a commit, ends the system */
	uint64_t inactive; /* bits of enum setup_inactive */
	char cores[256]; /* how its cores are its own, or "": a line for the operator */
	uint64_t hz; /* ticks of arch_cycles() a second, as measured */
};

/**
 * setup_start() - raise a system up to a running keeper and vanityd
 * @ret_result: filled in completely, also on failure
 * Return: 0, or @ret_result->exit_code. After a failure nothing is left behind.
 */
int setup_start(const struct plan *plan, const struct setup_options *options,
		struct setup_result *ret_result);

/** setup_commit() - the system shall outlive this process. Return: 0, or -1: the keeper is gone. */
int setup_commit(struct setup_result *result);

/**
 * setup_stop() - wait until @system is gone, then undo what setup did
 * @patience_ms: how long the keeper may take before it is killed; 0 kills at once
 * Return: 0 stopped, 5 it was not running (leftovers are undone all the same), 1 failed.
 */
int setup_stop(const char *system, unsigned patience_ms, char *ret_why, size_t room);

/**
 * setup_clear() - undo what @system left, if it does not run: setup_undo() under its lock
 * Return: 0; 1 it runs, or is being started, or something could not be undone (said); 5 nothing was
 *         left.
 * The keeper ends as a process that calls this, and hands its lock down to it.
 */
int setup_clear(const char *system, char *ret_why, size_t room);

/**
 * setup_undo() - replay the journal of a system whose keeper is gone, by a holder of its lock
 * @run: its runtime directory; all of it is removed. A folder without a journal of ours is, too,
 *       but only if it is empty.
 * Return: 0; 1 when something could not be undone (said in @ret_why; the rest is). With 0 @ret_why is empty, or
 *         says what cannot be put back of systems before.
 * Idempotent: a run interrupted anywhere is completed by the next.
 */
int setup_undo(const char *run, char *ret_why, size_t room);

/** setup_remedy() - what can be done about a reason that ends with the kernel's own words; or "" */
const char *setup_remedy(const char *reason);

/** setup_inactive_words() - a few words for the operator, NULL beyond the last */
const char *setup_inactive_words(enum setup_inactive what);

#endif
