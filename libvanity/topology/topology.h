/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topology.h: from the text of a topology to its plan, in three steps and without allocation.
 *
 *      text --topology_parse()--> struct topology --plan_make()--> struct plan
 *        \
 *         `--topology_format()--> canonical text
 *
 *   topology_parse()   form: characters, words, blocks, keys, the shape and range of each value
 *   plan_make()        meaning: names, cores, custody, reserves; then regions and wires
 *
 * struct topology is memory of the caller (about 5 MiB: give it static or mapped memory, never a
 * stack). It holds the text of all files, so that a message can show its line. What is in a file
 * is a claim: nothing here asserts about it, every limit is checked, and several errors are
 * reported per run.
 *
 * Messages go to the caller's sink, one call each, already formed (catalogue.h lists them all).
 * A place in the text is one number, an offset into `text`; topology_place() turns it into file,
 * line and column.
 *
 * When not to use it: a running shard. It gets tables bound from the plan, never the text.
 */
#ifndef VANITY_TOPOLOGY_TOPOLOGY_H
#define VANITY_TOPOLOGY_TOPOLOGY_H

#include <stdint.h>

#include "topology/plan.h"

#define TOPOLOGY_FILES_MAX 64u
#define TOPOLOGY_PATH_BYTES (VANITY_TEXT_MAX + 1u)
#define TOPOLOGY_BLOCKS_MAX                                                                        \
	(VANITY_SHARDS_MAX + VANITY_CHANNELS_MAX + VANITY_POOLS_MAX + VANITY_DEVICES_MAX + 8u)
#define TOPOLOGY_ITEMS_MAX 32768u
#define TOPOLOGY_VALUES_MAX 65536u
#define TOPOLOGY_ERRORS_MAX 32u /* reported one by one; the rest is only counted */
#define TOPOLOGY_KEYS_MAX 16u /* of one block */
#define TOPOLOGY_NONE 0xffffffffu

/* Kinds of block; TOPOLOGY_TOP stands for the file itself. */
enum topology_kind {
	TOPOLOGY_TOP,
	TOPOLOGY_REQUIRE,
	TOPOLOGY_HOST,
	TOPOLOGY_DEVICE,
	TOPOLOGY_POOL,
	TOPOLOGY_SHARD,
	TOPOLOGY_CHANNEL,
	TOPOLOGY_KINDS,
};

enum topology_value_kind {
	VALUE_NUMBER, /* number, in base units; unit tells of what */
	VALUE_WORD, /* at, bytes */
	VALUE_TEXT, /* at, bytes: without the quotes */
	VALUE_RANGE, /* number .. second */
	VALUE_RIGHT, /* name at, bytes; number: enum plan_right */
	VALUE_RATE, /* number per second ns */
};

enum topology_unit { UNIT_NONE, UNIT_BYTES, UNIT_TIME, UNIT_RATE };

struct topology_value {
	uint32_t at, bytes; /* as written; of a right the name alone */
	uint32_t whole_bytes; /* as written, right and quotes included */
	uint16_t kind; /* enum topology_value_kind */
	uint16_t unit; /* enum topology_unit */
	uint64_t number, second;
};

struct topology_item {
	uint32_t at, bytes; /* the key */
	uint32_t first, count; /* values */
	uint32_t list; /* 1: written in brackets */
};

/* `shard.port`, as written */
struct topology_end {
	uint32_t shard_at, shard_bytes;
	uint32_t port_at, port_bytes;
};

struct topology_block {
	uint32_t kind; /* enum topology_kind */
	uint32_t at, bytes; /* the kind's word */
	uint32_t name_at, name_bytes; /* 0 bytes: has none */
	uint32_t item[TOPOLOGY_KEYS_MAX]; /* by key number, TOPOLOGY_NONE where not given */
	uint32_t option_first, option_count; /* items */
	uint32_t has_ends; /* a channel: its ends are given */
	struct topology_end from, to;
};

struct topology_file {
	char path[TOPOLOGY_PATH_BYTES];
	uint32_t at, bytes; /* its text */
	uint32_t depth;
	uint32_t included_by; /* file, or TOPOLOGY_NONE */
};

/* Where something stands: line and column count from 1, columns in bytes. */
struct topology_place {
	const char *path;
	uint32_t line, column;
	uint32_t line_at, line_bytes; /* its line in the text */
};

/* One error, as the sink gets it. The strings live during the call only. */
struct topology_message {
	const char *id; /* "unknown-key"; stable, for scripts */
	const char *path;
	uint32_t line, column;
	const char *words, *help; /* help: "" when there is none */
	const char *text; /* all of it, several lines, with source line and caret */
};

/* Everything the library calls out for. */
struct topology_host {
	void *context;
	/*
	 * Reads a whole file into @text, at most @room bytes. Returns NULL, or the reason in a few
	 * words ("no such file"). A file larger than @room sets @ret_bytes to @room + 1.
	 */
	const char *(*read)(void *context, const char *path, char *text, uint32_t room,
			    uint32_t *ret_bytes);
	void (*message)(void *context, const struct topology_message *message);
};

struct topology {
	const struct topology_host *host;
	uint32_t file_count, block_count, item_count, value_count;
	uint32_t text_bytes;
	uint32_t error_count;
	uint32_t kind_count[TOPOLOGY_KINDS];
	uint32_t version_item, system_item; /* or TOPOLOGY_NONE */
	uint32_t defaults[TOPOLOGY_KINDS]; /* block, or TOPOLOGY_NONE */
	struct {
		uint32_t id, at;
	} reported[TOPOLOGY_ERRORS_MAX];
	struct topology_file file[TOPOLOGY_FILES_MAX];
	struct topology_block block[TOPOLOGY_BLOCKS_MAX];
	struct topology_item item[TOPOLOGY_ITEMS_MAX];
	struct topology_value value[TOPOLOGY_VALUES_MAX];
	char text[VANITY_TOPOLOGY_BYTES_MAX + TOPOLOGY_FILES_MAX]; /* a newline behind each file */

	/* Room for the checks: which block made a row of the plan, and marks on channels. */
	uint32_t shard_block[VANITY_SHARDS_MAX];
	uint32_t channel_block[VANITY_CHANNELS_MAX];
	uint32_t pool_block[VANITY_POOLS_MAX];
	uint32_t device_block[VANITY_DEVICES_MAX];
	uint32_t mark[VANITY_CHANNELS_MAX];
	uint32_t next[VANITY_CHANNELS_MAX];
};

/**
 * topology_parse() - read a topology and its includes; check their form
 * @t: the caller's memory, needs no preparation
 * @path: the root file, as handed to @host's read and shown in messages
 * @host: stays valid as long as @t
 *
 * Return: 0; 1 when errors were reported (their number in @t->error_count).
 */
int topology_parse(struct topology *t, const char *path, const struct topology_host *host);

/**
 * plan_make() - check the meaning of a topology and lay it out
 * @t: parsed without errors
 * @host: the machine the plan is for
 * @ret_plan: filled completely; its digest is zero, for the caller to fill in
 *
 * Return: 0; 1 when errors were reported; @ret_plan is then not a plan (its magic is 0).
 */
int plan_make(struct topology *t, const struct plan_host *host, struct plan *ret_plan);

/**
 * topology_format() - write the root file in its canonical form
 * @t: parsed without errors (names need not mean anything)
 * @write: gets the text in pieces
 *
 * Keeps every comment. The result formats to itself.
 */
void topology_format(const struct topology *t,
		     void (*write)(void *context, const char *text, uint32_t bytes), void *context);

/* Where @at is; @t must hold a file there. */
void topology_place(const struct topology *t, uint32_t at, struct topology_place *ret_place);

/* Index of a shard, channel or pool by name, PLAN_NONE when there is none. */
uint32_t plan_shard_find(const struct plan *plan, const char *name);
uint32_t plan_channel_find(const struct plan *plan, const char *name);
uint32_t plan_pool_find(const struct plan *plan, const char *name);

/* The right of @shard on @pool (enum plan_right), PLAN_NONE when it has none. */
uint32_t plan_access_find(const struct plan *plan, uint32_t pool, uint32_t shard);

#endif
