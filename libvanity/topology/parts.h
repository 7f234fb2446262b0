/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h: what the sources of this folder share with each other and with nobody else.
 *
 *   lex.c      characters -> tokens             near.c    "did you mean"
 *   value.c    one word -> number, right, ...   keys.c    the table of all keys
 *   report.c   messages of catalogue.h          parse.c   tokens -> blocks, items, values
 *   check.c, channels.c, devices.c  blocks -> rows of the plan; custody.c  rules between rows
 *   source.c   files, their paths and text      layout.c  wires and regions
 *   format.c   canonical text
 */
#ifndef VANITY_TOPOLOGY_PARTS_H
#define VANITY_TOPOLOGY_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/catalogue.h"
#include "topology/topology.h"

/* The four functions a freestanding program may ask for; the compiler knows them. */
#define copy_bytes __builtin_memcpy
#define fill_bytes __builtin_memset
#define compare_bytes __builtin_memcmp

#define FRAME_SLOT_BYTES 16u /* one frame, as core/wire.h lays it out */

/* --- lex.c --- */

enum token_kind {
	TOKEN_END,
	TOKEN_NEWLINE,
	TOKEN_COMMA,
	TOKEN_EQUALS,
	TOKEN_ARROW,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_LIST_OPEN,
	TOKEN_LIST_CLOSE,
	TOKEN_WORD,
	TOKEN_TEXT, /* at, bytes: with the quotes */
	TOKEN_COMMENT, /* only lex_next_all() gives it */
	TOKEN_BAD_TEXT, /* not closed on its line */
	TOKEN_BAD_BYTE,
};

struct token {
	uint32_t kind, at, bytes;
};

struct lex {
	const char *text;
	uint32_t at, end;
};

struct token lex_next_all(struct lex *lex);
struct token lex_next(struct lex *lex); /* comments skipped */

/* --- value.c --- */

/* Reads one word as a value. Returns 0, or the message that refuses it; @ret_skip: how many
 * bytes into the word its fault lies. */
uint32_t value_read(const char *s, uint32_t bytes, struct topology_value *ret_value,
		    uint32_t *ret_skip);
extern const char value_units[]; /* for people: "B, KiB, ..." */

/* A name: 1..31 of [a-z0-9_-], first a letter. */
bool name_valid(const char *s, uint32_t bytes);
bool word_reserved(const char *s, uint32_t bytes);
bool same(const char *a, uint32_t a_bytes, const char *b);
uint32_t length(const char *s);

/* --- near.c --- */

struct near {
	const char *word; /* what was written */
	uint32_t bytes;
	const char *best;
	uint32_t best_bytes;
	uint32_t distance;
};

void near_init(struct near *near, const char *word, uint32_t bytes);
void near_offer(struct near *near, const char *candidate, uint32_t bytes);
void near_offer_all(struct near *near, const char *words); /* separated by '|' */

/* --- report.c --- */

/* clang-format off */
enum arg_kind { ARG_NONE, ARG_SPAN, ARG_COUNT, ARG_BYTES, ARG_TIME, ARG_RATE, ARG_PLACE, ARG_NEAR,
		ARG_KEYS, ARG_CHOICES };
/* clang-format on */

struct arg {
	const char *s;
	uint64_t n; /* a number, or the length of s */
	uint32_t kind;
};

#define A_SPAN(t, at_, bytes_)                                                                     \
	((struct arg){ .kind = ARG_SPAN, .s = (t)->text + (at_), .n = (bytes_) })
#define A_TEXT(s_) ((struct arg){ .kind = ARG_SPAN, .s = (s_), .n = length(s_) })
#define A_COUNT(n_) ((struct arg){ .kind = ARG_COUNT, .n = (n_) })
#define A_BYTES(n_) ((struct arg){ .kind = ARG_BYTES, .n = (n_) })
#define A_NAME(t, b_) A_SPAN(t, (b_)->name_at, (b_)->name_bytes)
#define A_PLACE(at_) ((struct arg){ .kind = ARG_PLACE, .n = (at_) })
/* The keys of a kind of block, or of the braces of one of its keys. */
#define A_KEYS(kind_, parent_)                                                                     \
	((struct arg){ .kind = ARG_KEYS, .n = (uint64_t)(parent_) << 16 | (kind_) })
/* A number in the unit its key takes. */
#define A_NUMBER(shape_, n_) ((struct arg){ .kind = shape_arg(shape_), .n = (n_) })
#define A_CHOICES(s_) ((struct arg){ .kind = ARG_CHOICES, .s = (s_) })
/* Chooses the third text of the message, "did you mean", when something is near enough. */
#define A_NEAR(near_)                                                                              \
	((struct arg){ .kind = ARG_NEAR, .s = (near_)->best, .n = (near_)->best_bytes })

#define REPORT(t, id, at, bytes, ...)                                                              \
	report((t), (id), (at), (bytes), (const struct arg[]){ __VA_ARGS__ },                      \
	       sizeof((const struct arg[]){ __VA_ARGS__ }) / sizeof(struct arg))

void report(struct topology *t, uint32_t id, uint32_t at, uint32_t bytes, const struct arg *args,
	    size_t arg_count);

/* --- keys.c --- */

enum shape {
	SHAPE_COUNT, /* number without unit */
	SHAPE_BYTES,
	SHAPE_TIME,
	SHAPE_PPS,
	SHAPE_RATE, /* 5/10s */
	SHAPE_CHOICE, /* one of the words in choices */
	SHAPE_NAME,
	SHAPE_NAMES, /* a name or a list of them */
	SHAPE_TEXT,
	SHAPE_RIGHT_LIST, /* name:right, or a list of them */
	SHAPE_CORES, /* count, range (refused later) or shared */
	SHAPE_CORE_RANGE, /* count or range */
	SHAPE_PACE, /* rate, or one of the choices */
	SHAPE_BLOCK, /* key { ... } */
};

/* Key numbers: an index into struct topology_block.item. */
/* clang-format off */
enum { KEY_VANITY, KEY_SYSTEM };
enum { KEY_REQUIRE_IOMMU, KEY_REQUIRE_HUGEPAGES, KEY_REQUIRE_CORES };
enum { KEY_HOST_HOUSEKEEPING, KEY_HOST_PROGRAMS };
enum {
	KEY_DEVICE_BACKEND, KEY_DEVICE_MATCH, KEY_DEVICE_QUEUE, KEY_DEVICE_DMA, KEY_DEVICE_PEAK,
	KEY_DEVICE_READ, KEY_DEVICE_WRITE, KEY_DEVICE_PACE, KEY_DEVICE_UNSAFE,
};
enum { KEY_POOL_OWNER, KEY_POOL_FRAMES, KEY_POOL_FRAME, KEY_POOL_ACCESS };
enum {
	KEY_SHARD_PROGRAM, KEY_SHARD_CORES, KEY_SHARD_GRANT, KEY_SHARD_CONFIG, KEY_SHARD_OPTION,
	KEY_SHARD_TRUST, KEY_SHARD_MEMORY, KEY_SHARD_WATCHDOG, KEY_SHARD_RESTART,
	KEY_SHARD_CARRY, KEY_SHARD_STANDBY, KEY_RESTART_ON, KEY_RESTART_MAX, KEY_RESTART_THEN,
};
enum {
	KEY_CHANNEL_SLOTS, KEY_CHANNEL_SLOT, KEY_CHANNEL_FULL, KEY_CHANNEL_POOLS, KEY_CHANNEL_LEND,
	KEY_CHANNEL_COPY, KEY_CHANNEL_BORROW,
};
/* clang-format on */

struct key {
	const char *name;
	uint16_t kind; /* enum topology_kind */
	uint16_t number;
	uint16_t parent; /* KEY_TOP_LEVEL, or the key whose braces it stands in */
	uint16_t shape;
	uint64_t low, high; /* of a number, in base units */
	uint32_t multiple; /* a number must be a multiple of it; MULTIPLE_POWER: a power of two */
	const char *choices; /* words separated by '|', in the order of the plan's enums */
	const char *example;
};

#define MULTIPLE_POWER 0xffffffffu
#define KEY_TOP_LEVEL 0xffffu

const struct key *key_find(uint32_t kind, uint32_t parent, const char *s, uint32_t bytes);
/* The @i-th key of a block (or of the braces of @parent), NULL past the end. */
const struct key *key_at(uint32_t kind, uint32_t parent, uint32_t i);
uint32_t shape_arg(uint32_t shape);
const char *kind_name(uint32_t kind);
uint32_t kind_find(const char *s, uint32_t bytes); /* TOPOLOGY_KINDS when unknown */
/* Does the value fit its key? Reports and returns false when not. */
bool key_check(struct topology *t, const struct key *key, const struct topology_item *item);

/* Text of 1 to 255 bytes without control characters; reports and returns false when not. */
bool text_check(struct topology *t, const struct topology_value *v);

/* --- source.c --- */

/* Joins a path to the folder of the file that names it; false when the result is too long. */
bool path_join(const char *file, const char *s, uint32_t bytes, char *ret_path);
/* A path of the topology, joined to the folder of its file; reports when that is too long. */
bool path_copy(struct topology *t, const struct topology_value *v, char *ret_path);
/* Reads a file into the next free part of the text, as file t->file_count; its caller counts it.
 * @at, @bytes: what to blame. */
bool file_read(struct topology *t, const char *path, uint32_t at, uint32_t bytes);

/* --- check.c --- */

/* The item that counts for a block: its own, or that of its defaults; NULL when neither. */
const struct topology_item *item_of(const struct topology *t, const struct topology_block *b,
				    uint32_t key);
const struct topology_value *value_of(const struct topology *t, const struct topology_block *b,
				      uint32_t key);
bool value_is(const struct topology *t, const struct topology_value *v, const char *word);
/* Index of the word in key's choices. */
uint32_t value_choice(const struct topology *t, const struct topology_value *v,
		      const char *choices);
void name_copy(char *to, uint32_t room, const char *s, uint32_t bytes);
uint32_t line_of(const struct topology *t, uint32_t at);
/* Adds to plan->unbuilt: kind, name, and what of it. */
void unbuilt_add(struct topology *t, struct plan *plan, const struct topology_block *b,
		 const char *what, uint32_t at);
/* The same, for a table of the plan; candidates go to @near when it is not found. */
uint32_t shard_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near);
uint32_t pool_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near);
uint32_t device_lookup(const struct plan *plan, const char *s, uint32_t bytes, struct near *near);

/* --- the rest of the checks, in the order plan_make() calls them --- */

void check_devices(struct topology *t, struct plan *plan); /* devices.c */
void check_grants(struct topology *t, struct plan *plan);
void check_channels(struct topology *t, struct plan *plan); /* channels.c */
void check_custody(struct topology *t, struct plan *plan); /* custody.c */
void plan_layout(struct plan *plan); /* layout.c; the plan is without errors */

#endif
