/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages: from the catalogue's words and up to a few arguments to text in a buffer of
 * constant size. A message that does not fit is cut, never refused.
 *
 * What comes from the file is shown with every byte outside printable ASCII replaced by '?': a
 * topology must not be able to write to somebody's terminal. It also keeps the caret in place.
 */
#include "topology/parts.h"

#define WORDS_BYTES 768u
#define LINE_SHOWN_MAX 160u

struct out {
	char *text;
	uint32_t at, room; /* room counts the closing NUL */
};

struct template
{
	const char *id, *words, *help, *near;
};

#define ROW(name, id, words, help, near) { id, words, help, near },
static const struct template templates[] = { { "", "", "", "" }, TOPOLOGY_MESSAGES(ROW) };
#undef ROW

static void put(struct out *out, char c)
{
	if (out->at + 1 < out->room)
		out->text[out->at++] = c;
}

static void put_text(struct out *out, const char *s)
{
	while (*s != '\0')
		put(out, *s++);
}

static void put_shown(struct out *out, char c)
{
	put(out, c >= 0x20 && c < 0x7f ? c : '?');
}

static void put_number(struct out *out, uint64_t n)
{
	char digits[20];
	uint32_t count = 0;

	do {
		digits[count++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (count > 0)
		put(out, digits[--count]);
}

/* The largest unit that leaves a whole number. */
static void put_scaled(struct out *out, uint64_t n, const char *const *names,
		       const uint64_t *factors, uint32_t count)
{
	while (count > 1 && (n == 0 || n % factors[count - 1] != 0))
		count--;
	put_number(out, n / factors[count - 1]);
	put_text(out, names[count - 1]);
}

static void put_arg(struct out *out, const struct topology *t, const struct arg *arg)
{
	static const char *const size_names[] = { "B", "KiB", "MiB", "GiB" };
	static const uint64_t sizes[] = { 1, 1 << 10, 1 << 20, 1 << 30 };
	static const char *const time_names[] = { "ns", "us", "ms", "s" };
	static const uint64_t times[] = { 1, 1000, 1000000, 1000000000 };
	static const char *const rate_names[] = { "pps", "kpps", "Mpps" };
	struct topology_place place;
	const struct key *key;

	switch (arg->kind) {
	case ARG_SPAN:
	case ARG_NEAR:
		for (uint64_t i = 0; i < arg->n && i < 64; i++)
			put_shown(out, arg->s[i]);
		if (arg->n > 64)
			put_text(out, "...");
		break;
	case ARG_COUNT:
		put_number(out, arg->n);
		break;
	case ARG_BYTES:
		put_scaled(out, arg->n, size_names, sizes, 4);
		break;
	case ARG_TIME:
		put_scaled(out, arg->n, time_names, times, 4);
		break;
	case ARG_RATE:
		put_scaled(out, arg->n, rate_names, times, 3);
		break;
	case ARG_PLACE:
		topology_place(t, (uint32_t)arg->n, &place);
		for (const char *s = place.path; *s != '\0'; s++)
			put_shown(out, *s);
		put(out, ':');
		put_number(out, place.line);
		break;
	case ARG_KEYS:
		for (uint32_t i = 0; (key = key_at((uint32_t)(arg->n & 0xffff),
						   (uint32_t)(arg->n >> 16), i)) != NULL;
		     i++) {
			put_text(out, i == 0 ? "" : ", ");
			put_text(out, key->name);
		}
		break;
	case ARG_CHOICES:
		for (const char *s = arg->s; *s != '\0'; s++)
			put_text(out, *s == '|' ? ", " : (const char[]){ *s, '\0' });
		break;
	default:
		break;
	}
}

/* "%1" .. "%9" stand for the arguments. */
static void put_template(struct out *out, const struct topology *t, const char *words,
			 const struct arg *args, size_t arg_count)
{
	for (; *words != '\0'; words++) {
		if (words[0] == '%' && words[1] >= '1' && words[1] <= '9') {
			words++;
			if ((size_t)(*words - '1') < arg_count)
				put_arg(out, t, &args[*words - '1']);
		} else {
			put(out, *words);
		}
	}
}

void topology_place(const struct topology *t, uint32_t at, struct topology_place *ret)
{
	const struct topology_file *file = &t->file[0];

	for (uint32_t i = 0; i < t->file_count; i++) {
		/* The end of a file belongs to it: "} is missing" points there. */
		if (at >= t->file[i].at && at <= t->file[i].at + t->file[i].bytes)
			file = &t->file[i];
	}
	*ret = (struct topology_place){ .path = file->path, .line = 1, .line_at = file->at };
	for (uint32_t i = file->at; i < at; i++) {
		if (t->text[i] == '\n') {
			ret->line++;
			ret->line_at = i + 1;
		}
	}
	ret->column = at - ret->line_at + 1;
	while (ret->line_at + ret->line_bytes < file->at + file->bytes &&
	       t->text[ret->line_at + ret->line_bytes] != '\n')
		ret->line_bytes++;
	if (ret->line_bytes > 0 && t->text[ret->line_at + ret->line_bytes - 1] == '\r')
		ret->line_bytes--;
}

/* The source line with its number, and the caret under it. */
static void put_source(struct out *out, const struct topology *t,
		       const struct topology_place *place, uint32_t bytes)
{
	uint32_t from = 0, shown = place->line_bytes, column = place->column - 1;
	uint32_t digits = 1;

	if (column > LINE_SHOWN_MAX / 2 && shown > LINE_SHOWN_MAX)
		from = column - LINE_SHOWN_MAX / 2;
	shown = shown > from ? shown - from : 0;
	if (shown > LINE_SHOWN_MAX)
		shown = LINE_SHOWN_MAX;

	for (uint32_t n = place->line; n >= 10; n /= 10)
		digits++;
	for (uint32_t i = digits; i < 5; i++)
		put(out, ' ');
	put_number(out, place->line);
	put_text(out, " | ");
	for (uint32_t i = 0; i < shown; i++) {
		char c = t->text[place->line_at + from + i];

		put_shown(out, c == '\t' ? ' ' : c);
	}
	put_text(out, "\n      | ");
	for (uint32_t i = from; i < column; i++)
		put(out, ' ');
	put(out, '^');
	for (uint32_t i = 1; i < bytes && column - from + i < shown; i++)
		put(out, '~');
	put(out, '\n');
}

static bool reported_before(struct topology *t, uint32_t id, uint32_t at)
{
	uint32_t n = t->error_count < TOPOLOGY_ERRORS_MAX ? t->error_count : TOPOLOGY_ERRORS_MAX;

	for (uint32_t i = 0; i < n; i++) {
		if (t->reported[i].id == id && t->reported[i].at == at)
			return true;
	}
	return false;
}

void report(struct topology *t, uint32_t id, uint32_t at, uint32_t bytes, const struct arg *args,
	    size_t arg_count)
{
	const struct template *row = &templates[id];
	char words[WORDS_BYTES], help[WORDS_BYTES], text[3 * WORDS_BYTES];
	struct out w = { words, 0, sizeof(words) }, h = { help, 0, sizeof(help) };
	struct out all = { text, 0, sizeof(text) };
	struct topology_message message;
	struct topology_place place;
	const char *advice = row->help;

	/* A fault in `defaults` is met by every block; it is told once. */
	if (reported_before(t, id, at))
		return;
	t->error_count++;
	if (t->error_count > TOPOLOGY_ERRORS_MAX)
		return;
	t->reported[t->error_count - 1].id = id;
	t->reported[t->error_count - 1].at = at;

	for (size_t i = 0; i < arg_count; i++) {
		if (args[i].kind == ARG_NEAR && args[i].n != 0 && row->near[0] != '\0')
			advice = row->near;
	}
	put_template(&w, t, row->words, args, arg_count);
	words[w.at] = '\0';
	put_template(&h, t, advice, args, arg_count);
	help[h.at] = '\0';

	topology_place(t, at, &place);
	for (const char *s = place.path; *s != '\0'; s++)
		put_shown(&all, *s);
	put(&all, ':');
	put_number(&all, place.line);
	put(&all, ':');
	put_number(&all, place.column);
	put_text(&all, ": error: ");
	put_text(&all, words);
	put_text(&all, " [");
	put_text(&all, row->id);
	put_text(&all, "]\n");
	put_source(&all, t, &place, bytes);
	if (h.at != 0) {
		put_text(&all, "      = ");
		put_text(&all, help);
		put(&all, '\n');
	}
	text[all.at] = '\0';

	message = (struct topology_message){
		.id = row->id,
		.path = place.path,
		.line = place.line,
		.column = place.column,
		.words = words,
		.help = help,
		.text = text,
	};
	if (t->host->message != NULL)
		t->host->message(t->host->context, &message);
}
