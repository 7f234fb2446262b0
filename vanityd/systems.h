/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systems.h: which systems run here, by their runtime directories.
 */
#ifndef VANITYD_SYSTEMS_H
#define VANITYD_SYSTEMS_H

#include "paths.h"

/**
 * systems_choose() - the system a command is meant for
 * @wish: a name, or NULL for the only one that runs
 * @ret_system: PATHS_BYTES, its name; may be @wish itself
 * @ret_control: PATHS_BYTES, its control socket
 * Return: EXIT_OK, EXIT_NOT_RUNNING, EXIT_USAGE (several run) or EXIT_DENIED (another user could have
 * put it there), said on stderr; so is what was passed over.
 */
int systems_choose(const char *wish, char *ret_system, char *ret_control);

/* A name of DESIGN section 12: 1 to 31 of [a-z0-9_-], first a letter. */
int systems_name_valid(const char *name);

#endif
