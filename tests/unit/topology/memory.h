/* SPDX-License-Identifier: Apache-2.0 */
/* A topology from a text in memory, and everything it said, for tests. */
#ifndef TESTS_TOPOLOGY_MEMORY_H
#define TESTS_TOPOLOGY_MEMORY_H

#include <stdint.h>

#include "topology/topology.h"

struct memory {
	struct topology_host host;
	const char *folder; /* files are read beneath it; NULL: only `text` exists */
	const char *text; /* what every path reads as */
	uint32_t text_bytes;
	char said[65536]; /* all messages, one behind the other */
	uint32_t said_bytes;
	uint32_t messages;
	char first_id[64];
	uint32_t first_line, first_column;
};

/* The machine the tests plan for, whatever the one they run on. */
extern const struct plan_host memory_machine;

void memory_init(struct memory *m);

/* Parses and plans; returns plan_make()'s answer. @plan and @t belong to the tests. */
int memory_plan(struct memory *m, const char *text);
int memory_parse(struct memory *m, const char *text); /* form only */
int memory_plan_file(struct memory *m, const char *folder, const char *path);

/* The same memory for every test: large, and empty of earlier tests' marks on purpose. */
extern struct topology memory_topology;
extern struct plan memory_result;

#endif
