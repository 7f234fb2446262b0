/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock.h: a ruleset that denies all that this kernel knows to deny. Shards get it as it is; vanityd
 * adds what it reads.
 */
#ifndef VANITYD_LANDLOCK_H
#define VANITYD_LANDLOCK_H

#define LANDLOCK_ABI_NET 4 /* the first that governs TCP */
#define LANDLOCK_ABI_SCOPE 6 /* and abstract sockets and signals */

/* The version of this kernel's Landlock, 0 or less where it has none. */
int landlock_abi(void);

/** landlock_all() - deny everything. Return: a descriptor (close-on-exec), or -errno. */
int landlock_all(int abi);

/** landlock_read() - allow files and folders beneath @folder to be read. Return: 0 or -errno. */
int landlock_read(int ruleset_fd, const char *folder);

#endif
