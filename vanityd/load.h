/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h: from a file's name to a plan, for every command that takes a topology.
 *
 *      load_host()  asks the machine  --.
 *      load_plan()  reads, parses, checks, plans; prints every error to stderr
 *
 * With LOAD_ROOT_ONLY each file must be a regular one, owned by root, writable by nobody else,
 * and reached through no symbolic link; includes lie beneath the folder of the topology. That
 * is for the commands that run as root and act on what they read.
 */
#ifndef VANITYD_LOAD_H
#define VANITYD_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "topology/plan.h"
#include "topology/topology.h"

#define LOAD_ROOT_ONLY 1u
#define LOAD_QUIET 2u /* print no errors: the caller does, from struct load_errors */
#define LOAD_NO_INCLUDES 4u /* included files count as empty; for fmt */

/* The errors of a failed load, as text; freed with load_errors_free(). */
struct load_errors {
	struct load_error {
		char *id, *path, *words, *help, *text;
		uint32_t line, column;
	} error[TOPOLOGY_ERRORS_MAX];
	uint32_t count;
	uint32_t more; /* found beyond the table */
};

/**
 * load_plan() - read a topology and plan it
 * @path: a file, or "-" for standard input
 * @ret_plan: large (over 1 MiB): static or allocated memory
 *
 * Fills in the plan's digest: SHA-256 over the text of all files, in the order they were read.
 * Return: EXIT_OK, EXIT_TOPOLOGY after errors (printed to stderr), EXIT_FAILED.
 */
int load_plan(const char *path, const struct plan_host *host, unsigned int flags,
	      struct plan *ret_plan);

/* The same with the errors for the caller; @errors may be NULL. */
int load_plan_errors(const char *path, const struct plan_host *host, unsigned int flags,
		     struct plan *ret_plan, struct load_errors *errors);

/* Parses only; for fmt. The topology is allocated; free it with load_topology_free(). */
int load_topology(const char *path, unsigned int flags, struct topology **ret_topology);
void load_topology_free(struct topology *t);

void load_errors_free(struct load_errors *errors);

/* Page sizes and number of cores of this machine. Return: EXIT_OK or EXIT_MACHINE. */
int load_host(struct plan_host *ret_host);

/* SHA-256 (FIPS 180-4) of a piece of memory. */
void load_digest(const void *bytes, size_t count, uint8_t ret_digest[32]);

#endif
