/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a topology, made from its tokens, so that every comment is kept:
 *
 *   - one item a line, indented by tabs; at most one empty line between two
 *   - a block or list that stands on one line, without comment, stays on it while it fits into
 *     100 columns: `{ a = 1, b = 2 }`, `[ a, b ]`
 *   - any other has one item a line, and its closing brace stands alone
 *   - a comment stays behind what it stood behind, or on its own line
 *
 * Each choice depends only on what the output keeps, so formatting twice changes nothing.
 */
#include "topology/parts.h"

#define COLUMNS_MAX 100u
#define TAB_COLUMNS 8u
#define NO_FIT 0xffffffffu

struct format {
	const char *text;
	struct lex lex;
	struct token tok; /* next, not yet used */
	uint32_t newlines; /* line ends between the token before and this one */
	void (*write)(void *context, const char *text, uint32_t bytes);
	void *context;
	uint32_t column;
};

static void next(struct format *f)
{
	f->newlines = 0;
	for (;;) {
		f->tok = lex_next_all(&f->lex);
		if (f->tok.kind != TOKEN_NEWLINE)
			return;
		f->newlines++;
	}
}

static void put(struct format *f, const char *s, uint32_t bytes)
{
	f->write(f->context, s, bytes);
	f->column += bytes;
}

static void put_line(struct format *f, uint32_t depth)
{
	f->write(f->context, "\n", 1);
	for (uint32_t i = 0; i < depth; i++)
		f->write(f->context, "\t", 1);
	f->column = depth * TAB_COLUMNS;
}

/* What parts two tokens on one line; @comma: the source has a comma between them. */
static const char *between(uint32_t before, uint32_t after, bool comma)
{
	if (before == TOKEN_LIST_OPEN && after == TOKEN_LIST_CLOSE)
		return "";
	if (before == TOKEN_OPEN || before == TOKEN_LIST_OPEN || after == TOKEN_CLOSE ||
	    after == TOKEN_LIST_CLOSE)
		return " ";
	/* `} word`: the brace ended the item. */
	return comma || before == TOKEN_CLOSE ? ", " : " ";
}

/* Columns a block or list takes on one line, from its opening token; NO_FIT when it has line
 * ends or comments. */
static uint32_t width(const struct format *f)
{
	struct lex lex = f->lex;
	uint32_t depth = 1, columns = 1, before = f->tok.kind;
	bool comma = false;

	while (depth > 0 && columns <= COLUMNS_MAX) {
		struct token tok = lex_next_all(&lex);

		if (tok.kind == TOKEN_NEWLINE || tok.kind == TOKEN_COMMENT || tok.kind == TOKEN_END)
			return NO_FIT;
		if (tok.kind == TOKEN_COMMA) {
			comma = true;
			continue;
		}
		depth += tok.kind == TOKEN_OPEN || tok.kind == TOKEN_LIST_OPEN;
		depth -= tok.kind == TOKEN_CLOSE || tok.kind == TOKEN_LIST_CLOSE;
		columns += length(between(before, tok.kind, comma)) + tok.bytes;
		before = tok.kind;
		comma = false;
	}
	return columns;
}

/* From the opening token to behind the closing one, on one line. */
static void put_inline(struct format *f)
{
	uint32_t depth = 0, before = TOKEN_END;
	bool comma = false;

	do {
		if (f->tok.kind == TOKEN_COMMA) {
			comma = true;
		} else {
			const char *gap =
				before == TOKEN_END ? "" : between(before, f->tok.kind, comma);

			put(f, gap, length(gap));
			put(f, f->text + f->tok.at, f->tok.bytes);
			depth += f->tok.kind == TOKEN_OPEN || f->tok.kind == TOKEN_LIST_OPEN;
			depth -= f->tok.kind == TOKEN_CLOSE || f->tok.kind == TOKEN_LIST_CLOSE;
			before = f->tok.kind;
			comma = false;
		}
		next(f);
	} while (depth > 0 && f->tok.kind != TOKEN_END);
}

static void put_comment(struct format *f)
{
	uint32_t bytes = f->tok.bytes;

	while (bytes > 0 &&
	       (f->text[f->tok.at + bytes - 1] == ' ' || f->text[f->tok.at + bytes - 1] == '\t' ||
		f->text[f->tok.at + bytes - 1] == '\r'))
		bytes--;
	put(f, f->text + f->tok.at, bytes);
	next(f);
}

static void put_items(struct format *f, uint32_t depth, bool list);

/* A block or list, at its opening token. */
static void put_group(struct format *f, uint32_t depth)
{
	uint32_t columns = width(f);
	bool list = f->tok.kind == TOKEN_LIST_OPEN;

	if (columns != NO_FIT && f->column + columns <= COLUMNS_MAX) {
		put_inline(f);
		return;
	}
	put(f, f->text + f->tok.at, 1);
	next(f);
	put_items(f, depth + 1, list);
	put_line(f, depth);
	put(f, list ? "]" : "}", 1);
	if (f->tok.kind == TOKEN_CLOSE || f->tok.kind == TOKEN_LIST_CLOSE)
		next(f);
}

/* One item of a block: everything up to a comma, a line end, a comment or a closing brace. */
static void put_item(struct format *f, uint32_t depth)
{
	bool first = true;

	for (;;) {
		uint32_t kind = f->tok.kind;

		if (kind == TOKEN_END || kind == TOKEN_COMMA || kind == TOKEN_COMMENT ||
		    kind == TOKEN_CLOSE || kind == TOKEN_LIST_CLOSE || (f->newlines > 0 && !first))
			return;
		if (!first)
			put(f, " ", 1);
		first = false;
		if (kind == TOKEN_OPEN || kind == TOKEN_LIST_OPEN) {
			put_group(f, depth);
			if (kind == TOKEN_OPEN)
				return;
		} else {
			put(f, f->text + f->tok.at, f->tok.bytes);
			next(f);
		}
	}
}

/* The items of a block, list or file, one a line, up to what closes it. */
static void put_items(struct format *f, uint32_t depth, bool list)
{
	bool first = true;

	while (f->tok.kind != TOKEN_END && f->tok.kind != TOKEN_CLOSE &&
	       f->tok.kind != TOKEN_LIST_CLOSE) {
		uint32_t newlines = f->newlines;

		/* A comma only ends an item; line ends before it belong to what follows. */
		if (f->tok.kind == TOKEN_COMMA) {
			next(f);
			f->newlines += newlines;
			continue;
		}
		if (f->tok.kind == TOKEN_COMMENT && newlines == 0 && (depth > 0 || !first)) {
			put(f, " ", 1);
			put_comment(f);
			continue;
		}
		if (!first && newlines > 1)
			f->write(f->context, "\n", 1);
		if (depth > 0 || !first)
			put_line(f, depth);
		first = false;
		if (f->tok.kind == TOKEN_COMMENT) {
			put_comment(f);
		} else if (list) {
			put(f, f->text + f->tok.at, f->tok.bytes);
			put(f, ",", 1);
			next(f);
		} else {
			put_item(f, depth);
		}
	}
}

void topology_format(const struct topology *t,
		     void (*write)(void *context, const char *text, uint32_t bytes), void *context)
{
	struct format f = {
		.text = t->text,
		.lex = { t->text, t->file[0].at, t->file[0].at + t->file[0].bytes },
		.write = write,
		.context = context,
	};

	next(&f);
	put_items(&f, 0, false);
	/* Of a text without items and comments nothing is left. */
	if (f.column > 0)
		write(context, "\n", 1);
}
