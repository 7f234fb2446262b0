/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.h: how a shard's process comes to life under Linux, between execveat and vanity_main.
 *
 *      kernel    maps the image (a sealed memfd), leaves descriptors 3.. (core/bind.h)
 *        |
 *      start_entry()     relocate ourselves, take write access from what was relocated
 *        |               map the bind block, config, facts and windows of devices, regions, private
 *        |               memory; all of it present
 *        |               give up every descriptor but the eventfds and those that devices keep
 *        |               change to a stack of our own
 *      start_main()      fault handlers, shard_format, shard_park, shard_adopt
 *        |
 *      vanity_main()     vanity_ready() adds the steady filter
 *
 * One reservation holds everything, so that nothing lies next to anything by accident:
 *
 *      | guard | stack | guard | fault stack | guard | struct start, private memory | guard |
 *      | region 0 | guard | region 1 | guard | ... | window 0 of device 0 | guard | ...
 *
 * Guards are pages without rights. The fault handler finds struct start through the fault stack's
 * first word, so that this floor has no globals either.
 *
 * Exit codes below tell the keeper's log which step failed; the cell may not be mapped by then.
 */
#ifndef VANITY_LINUX_START_H
#define VANITY_LINUX_START_H

#include <stdint.h>

#include "core/bind.h"
#include "core/shard.h"
#include "linux/device.h"

#define START_STACK_BYTES (64u << 10)
#define START_FAULT_STACK_BYTES (8u << 10) /* plus what the CPU's registers need */

enum start_exit {
	START_EXIT_FAULT = 70, /* vanity_fatal, or a fault signal sent by somebody */
	START_EXIT_RELOCATION = 71, /* the image needs more than relative relocations */
	START_EXIT_BIND = 72, /* descriptor 3 is no bind block */
	START_EXIT_CONFIG = 73,
	START_EXIT_MEMORY = 74, /* private memory is more than `memory` allows, or not to be had */
	START_EXIT_REGION = 75, /* a region could not be mapped */
	START_EXIT_HANDLER = 76,
	START_EXIT_FILTER = 77, /* the steady filter was refused */
	START_EXIT_GRANT = 78, /* a device's facts cannot be true, or its rings cannot be mapped */
};

struct start {
	struct vanity_shard *shard; /* NULL until shard_format */
	const struct bind *bind;
	const void *config;
	uint64_t config_bytes;
	void *memory; /* for shard_format */
	void *fault_stack;
	uint64_t fault_stack_bytes;
	struct shard_platform platform;
	uint32_t polled_count; /* devices that take part in a sleep */
	struct vanity_grant *grant; /* one for each of the bind block */
	struct device *device; /* likewise */
	void *base[]; /* of each region */
};

/* platform.c */
void platform_make(struct start *start);

/* fault.c */
void fault_handlers(struct start *start);

/* arch/<isa>/start.S */
void start_sigreturn(void);
void start_trap(void);

#endif
