/* SPDX-License-Identifier: Apache-2.0 */
/*
 * paths.h: where a system's files lie.
 *
 *      root        /run/vanity                      others  ${XDG_RUNTIME_DIR}/vanity, or
 *                                                           /tmp/vanity-UID/vanity
 *        SYSTEM/        runtime directory of one system
 *          control      socket of vanityctl
 *          journal      what setup changed, for setup_undo()
 *          keeper.pid   "PID STARTTIME" of the keeper, as the host counts
 *          log          lines of keeper and vanityd
 *        .lock/         never removed: a lock file that is unlinked locks nothing
 *          system-SYSTEM  core-N  slot-N  hugepages  setup
 *
 * A runtime root that is not ours alone is refused, by who starts a system and by who asks one:
 * whoever owns it could move a running system's socket aside and listen in its place.
 *
 * Who writes: setup makes and removes; keeper and vanityd only hold descriptors.
 */
#ifndef VANITYD_PATHS_H
#define VANITYD_PATHS_H

#include <stddef.h>

#define PATHS_BYTES 512u
#define PATHS_ROOTS "/run/vanity" /* where root's systems are, for clients of other users */

/**
 * paths_runtime_root() - the folder of all systems of this user
 * @ret_path: PATHS_BYTES
 * Return: 0, or -1 when the result does not fit.
 */
int paths_runtime_root(char *ret_path);

/** paths_runtime() - the runtime directory of @system; nothing is created. Return: 0 or -1. */
int paths_runtime(const char *system, char *ret_path);

/**
 * paths_root_trusted() - a folder of systems that nobody but its owner can have filled
 * @roots: root's (PATHS_ROOTS), else this user's
 * @ret_why: words when it is there and not to be trusted, else ""
 * Return: 0, or -1: not there, or not to be trusted.
 */
int paths_root_trusted(int roots, char *ret_path, char *ret_why, size_t room);

/**
 * paths_control() - the control socket a client should try
 * @ret_path: of this user's own system when it exists, else of root's
 * @ret_why: what was passed over, and why, or that root has one of that name, too; else ""
 *
 * Every folder on the way is its owner's alone: a socket that somebody else could have put there is
 * none. Who answers is looked at besides (control_connect()).
 *
 * Return: 0 when one exists, -1 when neither does, PATHS_UNTRUSTED when what exists is not to be
 * trusted (@ret_path then names the own one).
 */
#define PATHS_UNTRUSTED (-2)
int paths_control(const char *system, char *ret_path, char *ret_why, size_t room);

/** paths_make_private() - make @path and its parents 0700 (root: 0755), or check that they are.
 * Return: 0, or -1 with words in @ret_why (of @room bytes). */
int paths_make_private(const char *path, char *ret_why, size_t room);

/**
 * paths_programs() - the folder of the shards' images
 * @image: path of the vanityd image, as /proc/self/exe tells it
 * @wish: host.programs of the plan or an option; "" for the default
 *
 * The default is ../libexec/vanity beside the image's folder, or the build tree's shards/images.
 * Return: 0 when it is a folder, -1 otherwise.
 */
int paths_programs(const char *image, const char *wish, char *ret_path);

/** paths_keeper() - the keeper's image: beside vanityd, or ../libexec/vanityd/keeper. 0 or -1. */
int paths_keeper(const char *image, char *ret_path);

/** paths_netdev() - vanity-netdev, in the same places. 0 or -1. */
int paths_netdev(const char *image, char *ret_path);

#endif
