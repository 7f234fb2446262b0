/* SPDX-License-Identifier: Apache-2.0 */
/*
 * demo_files.h: the demo's topology and its data, in a private folder that lives until the
 * system is up: setup seals what it read, and nothing looks at a path again.
 */
#ifndef VANITYD_DEMO_FILES_H
#define VANITYD_DEMO_FILES_H

#include <stdint.h>

#include "paths.h"

struct demo_files {
	char folder[PATHS_BYTES];
	char topology[PATHS_BYTES + 32];
	uint32_t packets; /* in the capture: the sink's cycle */
	int foreign; /* the capture is the user's: everything is allowed and routed */
};

/**
 * demo_files_make() - write them all
 * @system: name for the topology
 * @pcap: a classic capture of the user's, or NULL for the shipped one
 * @core: first core of four for the shards, or -1 for shared ones
 * Return: EXIT_OK, or an exit code with words on stderr and nothing left behind.
 */
int demo_files_make(struct demo_files *files, const char *system, const char *pcap, int core);
void demo_files_remove(struct demo_files *files);

#endif
