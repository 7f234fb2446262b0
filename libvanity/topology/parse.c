/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar (docs/topology.md has it on one page):
 *
 *   file  = { item end }
 *   item  = key "=" value | kind [ name ] block | "defaults" kind block | "include" text
 *   block = "{" [ name "." name "->" name "." name end ] { key "=" value end | key block end } "}"
 *   value = number | word | text | range | right | rate | "[" { value "," } "]"
 *   end   = newline | "," | what closes the block
 *
 * After an error the parser goes on at the end of the item, so that one run shows several.
 * Recursion: one level per include (at most 8), two for a block in a block.
 */
#include "topology/parts.h"

struct parser {
	struct topology *t;
	struct lex lex;
	struct token tok; /* the next one, not yet used */
	uint32_t file;
};

static void parse_file(struct topology *t, uint32_t file);

static void next(struct parser *p)
{
	p->tok = lex_next(&p->lex);
}

static bool is_end(const struct parser *p)
{
	return p->tok.kind == TOKEN_NEWLINE || p->tok.kind == TOKEN_COMMA ||
	       p->tok.kind == TOKEN_CLOSE || p->tok.kind == TOKEN_END;
}

static const char *token_words(uint32_t kind)
{
	static const char *const words[] = {
		[TOKEN_END] = "the end of the file",
		[TOKEN_NEWLINE] = "the end of the line",
		[TOKEN_COMMA] = "a comma",
		[TOKEN_EQUALS] = "`=`",
		[TOKEN_ARROW] = "`->`",
		[TOKEN_OPEN] = "`{`",
		[TOKEN_CLOSE] = "`}`",
		[TOKEN_LIST_OPEN] = "`[`",
		[TOKEN_LIST_CLOSE] = "`]`",
		[TOKEN_WORD] = "a word",
		[TOKEN_TEXT] = "quoted text",
	};

	return words[kind];
}

/* What stands at the current token is not what the grammar wants there. */
static void unexpected(struct parser *p, const char *wanted)
{
	struct topology *t = p->t;

	if (p->tok.kind == TOKEN_BAD_BYTE)
		REPORT(t, MESSAGE_BAD_BYTE, p->tok.at, p->tok.bytes,
		       A_SPAN(t, p->tok.at, p->tok.bytes),
		       A_COUNT((unsigned char)t->text[p->tok.at]));
	else if (p->tok.kind == TOKEN_BAD_TEXT)
		REPORT(t, MESSAGE_TEXT_OPEN, p->tok.at, p->tok.bytes, A_COUNT(0));
	else
		REPORT(t, MESSAGE_UNEXPECTED, p->tok.at, p->tok.bytes,
		       A_TEXT(token_words(p->tok.kind)), A_TEXT(wanted));
}

/* Goes to the end of the item: a newline or comma outside braces, or the brace that closes us. */
static void skip_item(struct parser *p)
{
	uint32_t depth = 0;

	while (p->tok.kind != TOKEN_END && (depth > 0 || !is_end(p))) {
		if (p->tok.kind == TOKEN_OPEN)
			depth++;
		else if (p->tok.kind == TOKEN_CLOSE)
			depth--;
		next(p);
	}
}

/* --- values --- */

/* The word behind @v looks like a unit that a blank parted from its number. */
static bool unit_apart(struct parser *p, const struct topology_value *v)
{
	struct topology *t = p->t;
	struct topology_value both;
	uint32_t skip;
	char joined[4] = "0";

	if (p->tok.kind != TOKEN_WORD || v->kind != VALUE_NUMBER || v->unit != UNIT_NONE ||
	    p->tok.bytes > 3)
		return false;
	copy_bytes(joined + 1, t->text + p->tok.at, p->tok.bytes > 3 ? 3 : p->tok.bytes);
	if (p->tok.bytes == 3 || value_read(joined, p->tok.bytes + 1, &both, &skip) != 0)
		return same(t->text + p->tok.at, p->tok.bytes, "KiB") ||
		       same(t->text + p->tok.at, p->tok.bytes, "MiB") ||
		       same(t->text + p->tok.at, p->tok.bytes, "GiB") ||
		       same(t->text + p->tok.at, p->tok.bytes, "pps");
	return true;
}

static bool add_value(struct parser *p, const struct topology_value *v)
{
	struct topology *t = p->t;

	if (t->value_count == TOPOLOGY_VALUES_MAX) {
		REPORT(t, MESSAGE_TOO_MANY, v->at, v->bytes, A_TEXT("values"),
		       A_COUNT(TOPOLOGY_VALUES_MAX));
		return false;
	}
	t->value[t->value_count++] = *v;
	return true;
}

/* One value at the current token; false when an error was reported. */
static bool parse_value(struct parser *p)
{
	struct topology *t = p->t;
	struct token tok = p->tok;
	struct topology_value v = { .at = tok.at, .bytes = tok.bytes, .whole_bytes = tok.bytes };
	uint32_t id, skip;

	if (tok.kind == TOKEN_TEXT) {
		v.kind = VALUE_TEXT;
		v.at++;
		v.bytes -= 2;
		next(p);
		return add_value(p, &v);
	}
	if (tok.kind != TOKEN_WORD) {
		unexpected(p, "a value");
		return false;
	}
	id = value_read(t->text + tok.at, tok.bytes, &v, &skip);
	if (id != 0) {
		const char *s = t->text + tok.at + skip;
		struct near near;

		near_init(&near, s, tok.bytes - skip);
		near_offer_all(&near, id == MESSAGE_UNKNOWN_RIGHT ? "ro|rw" : value_units);
		REPORT(t, id, tok.at + skip, tok.bytes - skip, A_SPAN(t, tok.at, tok.bytes),
		       A_SPAN(t, tok.at + skip, tok.bytes - skip), A_NEAR(&near));
		return false;
	}
	next(p);
	return add_value(p, &v);
}

static void skip_newlines(struct parser *p)
{
	while (p->tok.kind == TOKEN_NEWLINE)
		next(p);
}

static bool parse_list(struct parser *p)
{
	struct token open = p->tok;
	bool parted;

	next(p);
	for (;;) {
		skip_newlines(p);
		if (p->tok.kind == TOKEN_LIST_CLOSE)
			break;
		/* What can only stand outside says that the bracket was forgotten. */
		if (p->tok.kind == TOKEN_END || p->tok.kind == TOKEN_CLOSE ||
		    p->tok.kind == TOKEN_OPEN || p->tok.kind == TOKEN_EQUALS) {
			REPORT(p->t, MESSAGE_LIST_OPEN, open.at, open.bytes,
			       A_TEXT(token_words(p->tok.kind)));
			return false;
		}
		if (!parse_value(p))
			return false;
		/* A comma or a line end parts two values; a line may also begin with its comma. */
		parted = p->tok.kind == TOKEN_NEWLINE;
		skip_newlines(p);
		if (p->tok.kind == TOKEN_COMMA)
			next(p);
		else if (!parted && (p->tok.kind == TOKEN_WORD || p->tok.kind >= TOKEN_TEXT)) {
			unexpected(p, "a comma or `]`");
			return false;
		}
	}
	next(p);
	return true;
}

/* `= value`, at the `=`. Fills @item; false when an error was reported (and skipped). */
static bool parse_assignment(struct parser *p, struct token key, struct topology_item *item)
{
	struct topology *t = p->t;
	bool ok;

	*item = (struct topology_item){ .at = key.at, .bytes = key.bytes, .first = t->value_count };
	next(p);
	if (is_end(p)) {
		REPORT(t, MESSAGE_VALUE_MISSING, key.at, key.bytes, A_SPAN(t, key.at, key.bytes));
		return false;
	}
	item->list = p->tok.kind == TOKEN_LIST_OPEN;
	ok = item->list != 0 ? parse_list(p) : parse_value(p);
	item->count = t->value_count - item->first;
	if (ok && !is_end(p)) {
		if (item->count == 1 && unit_apart(p, &t->value[item->first]))
			REPORT(t, MESSAGE_UNIT_APART, p->tok.at, p->tok.bytes,
			       A_SPAN(t, t->value[item->first].at, t->value[item->first].bytes),
			       A_SPAN(t, p->tok.at, p->tok.bytes));
		else
			unexpected(p, "a comma or the end of the line");
		ok = false;
	}
	if (!ok)
		skip_item(p);
	return ok;
}

static uint32_t add_item(struct parser *p, const struct topology_item *item)
{
	struct topology *t = p->t;

	if (t->item_count == TOPOLOGY_ITEMS_MAX) {
		REPORT(t, MESSAGE_TOO_MANY, item->at, item->bytes, A_TEXT("items"),
		       A_COUNT(TOPOLOGY_ITEMS_MAX));
		return TOPOLOGY_NONE;
	}
	t->item[t->item_count] = *item;
	return t->item_count++;
}

/* --- blocks --- */

/* A key nobody knows: say so, with the nearest that is known. */
static void unknown_key(struct parser *p, uint32_t kind, uint32_t parent, struct token tok)
{
	struct topology *t = p->t;
	const char *s = t->text + tok.at;
	const struct key *key;
	struct near near;

	if (word_reserved(s, tok.bytes)) {
		REPORT(t, MESSAGE_RESERVED, tok.at, tok.bytes, A_SPAN(t, tok.at, tok.bytes));
		return;
	}
	near_init(&near, s, tok.bytes);
	for (uint32_t i = 0; (key = key_at(kind, parent, i)) != NULL; i++)
		near_offer(&near, key->name, length(key->name));
	REPORT(t, MESSAGE_UNKNOWN_KEY, tok.at, tok.bytes, A_TEXT(kind_name(kind)),
	       A_SPAN(t, tok.at, tok.bytes), A_KEYS(kind, parent), A_NEAR(&near));
}

/* Enters an item under its key; the second of one name is an error. */
static void set_item(struct parser *p, struct topology_block *b, const struct key *key,
		     const struct topology_item *item)
{
	struct topology *t = p->t;
	uint32_t *slot = &b->item[key->number];

	if (*slot != TOPOLOGY_NONE) {
		REPORT(t, MESSAGE_REPEATED_KEY, item->at, item->bytes,
		       A_SPAN(t, item->at, item->bytes), A_PLACE(t->item[*slot].at));
		return;
	}
	*slot = add_item(p, item);
}

/* option { name = value ... } */
static void parse_option(struct parser *p, struct topology_block *b, struct token tok)
{
	struct topology *t = p->t;
	struct topology_item item;

	if (!name_valid(t->text + tok.at, tok.bytes)) {
		REPORT(t, MESSAGE_BAD_NAME, tok.at, tok.bytes, A_SPAN(t, tok.at, tok.bytes));
		skip_item(p);
		return;
	}
	if (!parse_assignment(p, tok, &item))
		return;
	if (item.list != 0) {
		REPORT(t, MESSAGE_LIST_UNWANTED, item.at, item.bytes,
		       A_SPAN(t, item.at, item.bytes), A_TEXT("one value"),
		       A_TEXT("option { rate = 1Mpps }"));
		return;
	}
	if (t->value[item.first].kind == VALUE_TEXT && t->value[item.first].bytes != 0 &&
	    !text_check(t, &t->value[item.first]))
		return;
	if (t->value[item.first].kind != VALUE_TEXT &&
	    t->value[item.first].whole_bytes > VANITY_TEXT_MAX) {
		REPORT(t, MESSAGE_TEXT_TOO_LONG, t->value[item.first].at,
		       t->value[item.first].whole_bytes, A_COUNT(t->value[item.first].whole_bytes),
		       A_COUNT(VANITY_TEXT_MAX));
		return;
	}
	for (uint32_t i = 0; i < b->option_count; i++) {
		const struct topology_item *other = &t->item[b->option_first + i];

		if (other->bytes == item.bytes &&
		    compare_bytes(t->text + other->at, t->text + item.at, item.bytes) == 0) {
			REPORT(t, MESSAGE_REPEATED_KEY, item.at, item.bytes,
			       A_SPAN(t, item.at, item.bytes), A_PLACE(other->at));
			return;
		}
	}
	if (b->option_count == VANITY_OPTIONS_MAX) {
		REPORT(t, MESSAGE_TOO_MANY, item.at, item.bytes, A_TEXT("options"),
		       A_COUNT(VANITY_OPTIONS_MAX));
		return;
	}
	if (b->option_count == 0)
		b->option_first = t->item_count;
	if (add_item(p, &item) != TOPOLOGY_NONE)
		b->option_count++;
}

static bool end_read(const char *text, struct token tok, struct topology_end *end)
{
	uint32_t dot = 0;

	while (dot < tok.bytes && text[tok.at + dot] != '.')
		dot++;
	if (dot == tok.bytes)
		return false;
	end->shard_at = tok.at;
	end->shard_bytes = dot;
	end->port_at = tok.at + dot + 1;
	end->port_bytes = tok.bytes - dot - 1;
	return name_valid(text + end->shard_at, end->shard_bytes) &&
	       name_valid(text + end->port_at, end->port_bytes);
}

/* shard.port -> shard.port, at the arrow */
static void parse_ends(struct parser *p, struct topology_block *b, struct token from, bool first)
{
	struct topology *t = p->t;
	struct token to;

	next(p);
	to = p->tok;
	if (b->kind != TOPOLOGY_CHANNEL || b->name_bytes == 0) {
		REPORT(t, MESSAGE_ENDS_UNWANTED, from.at, to.at + to.bytes - from.at, A_COUNT(0));
		skip_item(p);
		return;
	}
	if (!first) {
		REPORT(t, MESSAGE_ENDS_LATE, from.at, to.at + to.bytes - from.at, A_COUNT(0));
		skip_item(p);
		b->has_ends = 2;
		return;
	}
	b->has_ends = 2; /* given, but not to be looked at */
	if (!end_read(t->text, from, &b->from)) {
		REPORT(t, MESSAGE_BAD_END, from.at, from.bytes, A_SPAN(t, from.at, from.bytes));
	} else if (to.kind != TOKEN_WORD) {
		unexpected(p, "a port, as in `fw.in`,");
	} else if (!end_read(t->text, to, &b->to)) {
		REPORT(t, MESSAGE_BAD_END, to.at, to.bytes, A_SPAN(t, to.at, to.bytes));
	} else {
		next(p);
		if (is_end(p)) {
			b->has_ends = 1;
			return;
		}
		unexpected(p, "a comma or the end of the line");
	}
	skip_item(p);
}

static void parse_braces(struct parser *p, struct topology_block *b, uint32_t parent,
			 struct token open);

/* One item of a block; its first word is used up. */
static void parse_block_item(struct parser *p, struct topology_block *b, uint32_t parent,
			     struct token word, bool first)
{
	struct topology *t = p->t;
	const struct key *key = key_find(b->kind, parent, t->text + word.at, word.bytes);
	struct topology_item item = { .at = word.at, .bytes = word.bytes };
	struct token open = p->tok;

	if (p->tok.kind == TOKEN_ARROW && parent == KEY_TOP_LEVEL) {
		parse_ends(p, b, word, first);
	} else if (p->tok.kind != TOKEN_EQUALS &&
		   (p->tok.kind != TOKEN_OPEN || parent != KEY_TOP_LEVEL)) {
		unexpected(p, "`=`");
		skip_item(p);
	} else if (b->kind == TOPOLOGY_SHARD && parent == KEY_SHARD_OPTION &&
		   p->tok.kind == TOKEN_EQUALS) {
		parse_option(p, b, word);
	} else if (key == NULL) {
		unknown_key(p, b->kind, parent, word);
		skip_item(p);
	} else if (p->tok.kind == TOKEN_OPEN) {
		if (key->shape != SHAPE_BLOCK) {
			REPORT(t, MESSAGE_BLOCK_UNWANTED, word.at, word.bytes, A_TEXT(key->name),
			       A_TEXT(key->example));
			skip_item(p);
			return;
		}
		set_item(p, b, key, &item);
		next(p);
		parse_braces(p, b, key->number, open);
	} else if (parse_assignment(p, word, &item)) {
		if (key->shape == SHAPE_BLOCK)
			REPORT(t, MESSAGE_BLOCK_WANTED, word.at, word.bytes, A_TEXT(key->name),
			       A_TEXT(key->example));
		else if (key_check(t, key, &item))
			set_item(p, b, key, &item);
	}
}

/* Is this word the start of a new block, so that the brace of ours was forgotten? */
static bool starts_block(const struct parser *p, struct token word)
{
	struct lex ahead = p->lex;

	return kind_find(p->t->text + word.at, word.bytes) != TOPOLOGY_KINDS &&
	       p->tok.kind == TOKEN_WORD && lex_next(&ahead).kind == TOKEN_OPEN;
}

/* From behind the opening brace to behind the closing one. */
static void parse_braces(struct parser *p, struct topology_block *b, uint32_t parent,
			 struct token open)
{
	struct topology *t = p->t;
	bool first = true;

	for (;;) {
		struct parser before;
		struct token word;

		while (p->tok.kind == TOKEN_NEWLINE || p->tok.kind == TOKEN_COMMA)
			next(p);
		if (p->tok.kind == TOKEN_CLOSE) {
			next(p);
			return;
		}
		if (p->tok.kind == TOKEN_END) {
			REPORT(t, MESSAGE_BLOCK_OPEN, open.at, open.bytes, A_COUNT(0));
			return;
		}
		if (p->tok.kind != TOKEN_WORD) {
			unexpected(p, "a key");
			if (p->tok.kind != TOKEN_OPEN)
				next(p);
			skip_item(p);
			continue;
		}
		before = *p;
		word = p->tok;
		next(p);
		if (starts_block(p, word)) {
			REPORT(t, MESSAGE_BLOCK_OPEN, open.at, open.bytes, A_COUNT(0));
			*p = before;
			return;
		}
		parse_block_item(p, b, parent, word, first);
		first = false;
		if (!is_end(p) && p->tok.kind != TOKEN_WORD) {
			unexpected(p, "a comma or the end of the line");
			skip_item(p);
		}
	}
}

/* --- the top --- */

static struct topology_block *add_block(struct parser *p, uint32_t kind, struct token word)
{
	static const uint32_t limits[TOPOLOGY_KINDS] = {
		[TOPOLOGY_REQUIRE] = 1,
		[TOPOLOGY_HOST] = 1,
		[TOPOLOGY_DEVICE] = VANITY_DEVICES_MAX,
		[TOPOLOGY_POOL] = VANITY_POOLS_MAX,
		[TOPOLOGY_SHARD] = VANITY_SHARDS_MAX,
		[TOPOLOGY_CHANNEL] = VANITY_CHANNELS_MAX,
	};
	struct topology *t = p->t;
	struct topology_block *b = &t->block[t->block_count];

	/* The last place is never kept: what is beyond a limit is parsed into it and forgotten. */
	fill_bytes(b, 0, sizeof(*b));
	fill_bytes(b->item, 0xff, sizeof(b->item));
	b->kind = kind;
	b->at = word.at;
	b->bytes = word.bytes;
	if (t->kind_count[kind] < limits[kind]) {
		t->kind_count[kind]++;
		t->block_count++;
	} else if (limits[kind] == 1) {
		REPORT(t, MESSAGE_REPEATED_BLOCK, word.at, word.bytes, A_TEXT(kind_name(kind)));
	} else {
		REPORT(t, MESSAGE_TOO_MANY_BLOCKS, word.at, word.bytes, A_TEXT(kind_name(kind)),
		       A_COUNT(limits[kind]));
	}
	return b;
}

/* Comes to the opening brace of a block; false when there is none (reported and skipped). */
static bool find_open(struct parser *p, const char *wanted)
{
	struct parser ahead = *p;

	if (p->tok.kind == TOKEN_OPEN)
		return true;
	skip_newlines(&ahead);
	if (ahead.tok.kind == TOKEN_OPEN) {
		REPORT(p->t, MESSAGE_BRACE_BELOW, ahead.tok.at, ahead.tok.bytes, A_COUNT(0));
		*p = ahead;
		return true;
	}
	unexpected(p, wanted);
	skip_item(p);
	return false;
}

/* defaults KIND { ... }, at the kind */
static void parse_defaults(struct parser *p, struct token word)
{
	struct topology *t = p->t;
	struct token tok = p->tok, open;
	struct topology_block *b;
	uint32_t kind;

	if (tok.kind != TOKEN_WORD) {
		unexpected(p, "the kind of block these are the defaults of");
		skip_item(p);
		return;
	}
	kind = kind_find(t->text + tok.at, tok.bytes);
	if (kind < TOPOLOGY_DEVICE || kind == TOPOLOGY_KINDS) {
		struct near near;

		near_init(&near, t->text + tok.at, tok.bytes);
		near_offer_all(&near, "device|pool|shard|channel");
		REPORT(t, MESSAGE_NO_DEFAULTS, tok.at, tok.bytes, A_SPAN(t, tok.at, tok.bytes),
		       A_NEAR(&near));
		skip_item(p);
		return;
	}
	next(p);
	if (!find_open(p, "`{`"))
		return;
	open = p->tok;
	b = &t->block[t->block_count];
	fill_bytes(b, 0, sizeof(*b));
	fill_bytes(b->item, 0xff, sizeof(b->item));
	b->kind = kind;
	b->at = word.at;
	b->bytes = word.bytes;
	if (t->defaults[kind] != TOPOLOGY_NONE) {
		REPORT(t, MESSAGE_REPEATED_BLOCK, word.at, tok.at + tok.bytes - word.at,
		       A_TEXT("defaults"));
	} else {
		t->defaults[kind] = t->block_count++;
	}
	next(p);
	parse_braces(p, b, KEY_TOP_LEVEL, open);
}

/* Names of one kind are given once. */
static void check_name(struct parser *p, struct topology_block *b)
{
	struct topology *t = p->t;
	const char *s = t->text + b->name_at;

	if (word_reserved(s, b->name_bytes)) {
		REPORT(t, MESSAGE_RESERVED, b->name_at, b->name_bytes,
		       A_SPAN(t, b->name_at, b->name_bytes));
		return;
	}
	if (!name_valid(s, b->name_bytes)) {
		REPORT(t, MESSAGE_BAD_NAME, b->name_at, b->name_bytes,
		       A_SPAN(t, b->name_at, b->name_bytes));
		return;
	}
	for (uint32_t i = 0; i < t->block_count; i++) {
		const struct topology_block *other = &t->block[i];

		if (other != b && other->kind == b->kind && other->name_bytes == b->name_bytes &&
		    compare_bytes(t->text + other->name_at, s, b->name_bytes) == 0) {
			REPORT(t, MESSAGE_REPEATED_NAME, b->name_at, b->name_bytes,
			       A_TEXT(kind_name(b->kind)), A_SPAN(t, b->name_at, b->name_bytes),
			       A_PLACE(other->name_at));
			return;
		}
	}
}

/* kind [ name ] { ... }, behind the kind */
static void parse_block(struct parser *p, uint32_t kind, struct token word)
{
	struct topology *t = p->t;
	struct token name = p->tok, open;
	struct topology_block *b;
	bool named = kind >= TOPOLOGY_DEVICE;

	if (name.kind == TOKEN_WORD && !named) {
		REPORT(t, MESSAGE_NAME_UNWANTED, name.at, name.bytes, A_TEXT(kind_name(kind)));
		skip_item(p);
		return;
	}
	if (name.kind == TOKEN_OPEN && named) {
		REPORT(t, MESSAGE_NAME_MISSING, word.at, word.bytes, A_TEXT(kind_name(kind)));
		skip_item(p);
		return;
	}
	if (named && name.kind != TOKEN_WORD) {
		unexpected(p, "a name");
		skip_item(p);
		return;
	}
	if (named)
		next(p);
	if (!find_open(p, "`{`"))
		return;
	open = p->tok;
	b = add_block(p, kind, word);
	if (named) {
		b->name_at = name.at;
		b->name_bytes = name.bytes;
		check_name(p, b);
	}
	next(p);
	parse_braces(p, b, KEY_TOP_LEVEL, open);
}

/* key = value at the top: vanity, system */
static void parse_top_key(struct parser *p, struct token word)
{
	struct topology *t = p->t;
	const struct key *key =
		key_find(TOPOLOGY_TOP, KEY_TOP_LEVEL, t->text + word.at, word.bytes);
	struct topology_item item;
	uint32_t *slot;

	if (key == NULL) {
		unknown_key(p, TOPOLOGY_TOP, KEY_TOP_LEVEL, word);
		skip_item(p);
		return;
	}
	if (!parse_assignment(p, word, &item))
		return;
	slot = key->number == KEY_VANITY ? &t->version_item : &t->system_item;
	if (*slot != TOPOLOGY_NONE) {
		REPORT(t, MESSAGE_REPEATED_KEY, item.at, item.bytes, A_SPAN(t, item.at, item.bytes),
		       A_PLACE(t->item[*slot].at));
		return;
	}
	key_check(t, key, &item);
	*slot = add_item(p, &item);
}

/* include "file", behind the word */
static void parse_include(struct parser *p)
{
	struct topology *t = p->t;
	struct token tok = p->tok;
	struct topology_value v = {
		.at = tok.at + 1,
		.bytes = tok.bytes - 2,
		.whole_bytes = tok.bytes,
	};
	char path[TOPOLOGY_PATH_BYTES];

	if (tok.kind != TOKEN_TEXT) {
		unexpected(p, "the file in quotes");
		skip_item(p);
		return;
	}
	next(p);
	if (!is_end(p)) {
		unexpected(p, "a comma or the end of the line");
		skip_item(p);
		return;
	}
	if (!text_check(t, &v))
		return;
	if (!path_join(t->file[p->file].path, t->text + v.at, v.bytes, path)) {
		REPORT(t, MESSAGE_PATH_TOO_LONG, tok.at, tok.bytes, A_COUNT(VANITY_TEXT_MAX));
		return;
	}
	for (uint32_t f = p->file; f != TOPOLOGY_NONE; f = t->file[f].included_by) {
		if (same(path, length(path), t->file[f].path)) {
			REPORT(t, MESSAGE_INCLUDE_CIRCLE, tok.at, tok.bytes, A_TEXT(path));
			return;
		}
	}
	if (t->file[p->file].depth == VANITY_TOPOLOGY_DEPTH_MAX) {
		REPORT(t, MESSAGE_INCLUDE_DEPTH, tok.at, tok.bytes,
		       A_COUNT(VANITY_TOPOLOGY_DEPTH_MAX));
		return;
	}
	if (t->file_count == TOPOLOGY_FILES_MAX) {
		REPORT(t, MESSAGE_TOO_MANY, tok.at, tok.bytes, A_TEXT("files"),
		       A_COUNT(TOPOLOGY_FILES_MAX));
		return;
	}
	if (!file_read(t, path, tok.at, tok.bytes))
		return;
	t->file[t->file_count].depth = t->file[p->file].depth + 1;
	t->file[t->file_count].included_by = p->file;
	parse_file(t, t->file_count++);
}

/* An item whose first word is nothing we know. */
static void unknown_kind(struct parser *p, struct token word)
{
	struct topology *t = p->t;
	struct near near;

	if (word_reserved(t->text + word.at, word.bytes)) {
		REPORT(t, MESSAGE_RESERVED, word.at, word.bytes, A_SPAN(t, word.at, word.bytes));
	} else {
		near_init(&near, t->text + word.at, word.bytes);
		near_offer_all(&near, "require|host|device|pool|shard|channel|defaults|include");
		REPORT(t, MESSAGE_UNKNOWN_KIND, word.at, word.bytes, A_SPAN(t, word.at, word.bytes),
		       A_NEAR(&near));
	}
	skip_item(p);
}

static void parse_top_item(struct parser *p, struct token word)
{
	const char *s = p->t->text + word.at;
	uint32_t kind = kind_find(s, word.bytes);

	if (p->tok.kind == TOKEN_EQUALS)
		parse_top_key(p, word);
	else if (same(s, word.bytes, "include"))
		parse_include(p);
	else if (same(s, word.bytes, "defaults"))
		parse_defaults(p, word);
	else if (kind != TOPOLOGY_KINDS)
		parse_block(p, kind, word);
	else
		unknown_kind(p, word);
}

static void parse_file(struct topology *t, uint32_t file)
{
	struct parser p = {
		.t = t,
		.lex = { t->text, t->file[file].at, t->file[file].at + t->file[file].bytes },
		.file = file,
	};

	next(&p);
	while (p.tok.kind != TOKEN_END && t->error_count < TOPOLOGY_ERRORS_MAX * 2) {
		struct token word = p.tok;

		if (word.kind == TOKEN_NEWLINE || word.kind == TOKEN_COMMA) {
			next(&p);
		} else if (word.kind == TOKEN_WORD) {
			next(&p);
			parse_top_item(&p, word);
		} else {
			unexpected(&p, "a key or a kind of block");
			next(&p);
			/* What is left of the line only makes sense with what was wrong. */
			if (word.kind != TOKEN_CLOSE)
				skip_item(&p);
		}
	}
}

int topology_parse(struct topology *t, const char *path, const struct topology_host *host)
{
	fill_bytes(t, 0, offsetof(struct topology, file));
	fill_bytes(t->defaults, 0xff, sizeof(t->defaults));
	t->version_item = TOPOLOGY_NONE;
	t->system_item = TOPOLOGY_NONE;
	t->host = host;
	t->file[0] = (struct topology_file){ .included_by = TOPOLOGY_NONE };
	if (length(path) >= TOPOLOGY_PATH_BYTES) {
		copy_bytes(t->file[0].path, "topology", 9);
		t->file_count = 1;
		t->text[0] = '\n';
		REPORT(t, MESSAGE_PATH_TOO_LONG, 0, 0, A_COUNT(VANITY_TEXT_MAX));
		return 1;
	}
	if (file_read(t, path, 0, 0))
		parse_file(t, 0);
	return t->error_count != 0;
}
