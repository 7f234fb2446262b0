/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system.h: a running system as a test or a benchmark sees it: raised by `vanityd run` as a
 * child, asked over its control socket like any operator's client, ended with the child.
 */
#ifndef TESTS_WORLD_SYSTEM_H
#define TESTS_WORLD_SYSTEM_H

#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

struct system {
	pid_t run; /* `vanityd run`; the system goes when it goes */
	char name[32];
	char control[512];
	const char *vanityd;
};

uint64_t system_now_ns(void);

/**
 * system_run() - raise a topology in the foreground of a child and wait until it is ready
 * @dev: --dev
 * Return: 0, or -1 with words on stderr and nothing left behind.
 */
int system_run(struct system *s, const char *vanityd, const char *topology, const char *name,
	       int dev);

/* A request (stolen), as it is; Return: the whole answer (the caller's), or NULL. */
json_t *system_request(const struct system *s, json_t *request);

/* A request; Return: its result (the caller's), or NULL with words on stderr. */
json_t *system_ask(const struct system *s, const char *verb, const char *shard,
		   uint32_t generation);

/* Ends it by SIGTERM. Return: the exit code of `vanityd run`, -1 when it did not exit. */
int system_end(struct system *s);

/* The shard's entry of a status document; NULL when there is none. Borrowed. */
json_t *system_shard(const json_t *status, const char *name);
/* An integer member; -1 when absent. */
long long system_number(const json_t *object, const char *key);

#endif
