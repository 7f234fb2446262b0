/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define QUOTE_BYTES_MAX 24u
#define NEAR_BYTES_MAX 16u /* longer words get no suggestion: the table below is on the stack */
#define NEAR_EDITS_MAX 2u
#define GAP_NONE 9u /* beyond any group: a gap may stand behind the eighth, and is refused */
#define LINES_MAX 0xffffffu /* keeps line numbers far from overflow; a 16 MiB file of newlines */

/* --- saying things -------------------------------------------------------------------------- */

static uint32_t said_length(const char *buffer, uint32_t size)
{
	uint32_t length = 0;

	while (length < size && buffer[length] != '\0')
		length++;
	return length;
}

static void say_byte(char *buffer, uint32_t size, char byte)
{
	uint32_t length = said_length(buffer, size);

	if (length + 1 < size) {
		buffer[length] = byte;
		buffer[length + 1] = '\0';
	}
}

void craft_say(char *buffer, uint32_t size, const char *text)
{
	for (; *text != '\0'; text++)
		say_byte(buffer, size, *text);
}

void craft_say_word(char *buffer, uint32_t size, const struct craft_word *word)
{
	for (uint32_t i = 0; i < word->length && i < QUOTE_BYTES_MAX; i++) {
		uint8_t byte = word->bytes[i];

		/* '%' begins an argument to whoever formats the log record. */
		if (byte < 0x20 || byte > 0x7e || byte == '%')
			byte = '?';
		say_byte(buffer, size, (char)byte);
	}
	if (word->length > QUOTE_BYTES_MAX)
		craft_say(buffer, size, "...");
}

void craft_say_u32(char *buffer, uint32_t size, uint32_t value)
{
	char digits[11];
	uint32_t n = sizeof(digits) - 1;

	digits[n] = '\0';
	do {
		digits[--n] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	craft_say(buffer, size, digits + n);
}

static void say_hex(char *buffer, uint32_t size, uint32_t value)
{
	static const char hex[] = "0123456789abcdef";
	bool leading = true;

	for (uint32_t shift = 16; shift > 0; shift -= 4) {
		uint32_t digit = value >> (shift - 4) & 15u;

		leading = leading && digit == 0 && shift > 4;
		if (!leading)
			say_byte(buffer, size, hex[digit]);
	}
}

void craft_say_prefix(char *buffer, uint32_t size, const struct craft_prefix *prefix)
{
	if (prefix->family == 4) {
		for (uint32_t shift = 64; shift > 32; shift -= 8) {
			if (shift < 64)
				say_byte(buffer, size, '.');
			craft_say_u32(buffer, size,
				      (uint32_t)(prefix->addr.hi >> (shift - 8)) & 255u);
		}
	} else {
		for (uint32_t group = 0; group < 8; group++) {
			uint64_t half = group < 4 ? prefix->addr.hi : prefix->addr.lo;

			if (group > 0)
				say_byte(buffer, size, ':');
			say_hex(buffer, size, (uint32_t)(half >> (48 - group % 4 * 16)) & 0xffffu);
		}
	}
	say_byte(buffer, size, '/');
	craft_say_u32(buffer, size, prefix->length);
}

struct craft_error *craft_error_at(struct craft_errors *errors, uint32_t line, uint32_t column,
				   const struct craft_word *word, const char *words,
				   const char *hint)
{
	uint32_t n = errors->count < CRAFT_ERRORS_KEPT ? errors->count : CRAFT_ERRORS_KEPT;
	struct craft_error *error = &errors->kept[n];

	if (errors->count < UINT32_MAX)
		errors->count++;
	memset(error, 0, sizeof(*error));
	error->line = line;
	error->column = word != NULL ? word->column : column;
	craft_say(error->words, sizeof(error->words), words);
	if (word != NULL && word->length > 0) {
		craft_say(error->words, sizeof(error->words), " '");
		craft_say_word(error->words, sizeof(error->words), word);
		craft_say(error->words, sizeof(error->words), "'");
	}
	if (hint != NULL)
		craft_say(error->hint, sizeof(error->hint), hint);
	return error;
}

void craft_error_line(const struct craft_error *error, char *buffer, uint32_t size)
{
	craft_say_u32(buffer, size, error->line);
	craft_say(buffer, size, ":");
	craft_say_u32(buffer, size, error->column);
	craft_say(buffer, size, ": ");
	craft_say(buffer, size, error->words);
	if (error->hint[0] != '\0') {
		craft_say(buffer, size, "; ");
		craft_say(buffer, size, error->hint);
	}
}

/* --- lines and words ------------------------------------------------------------------------ */

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

void craft_text_init(struct craft_text *text, const void *bytes, size_t byte_count)
{
	text->bytes = bytes;
	text->byte_count = bytes != NULL ? byte_count : 0;
	text->at = 0;
	text->line = 0;
}

/* Whether the line is fit to be split into words; says so where it is not. */
static bool line_is_sound(const struct craft_line *line, struct craft_errors *errors)
{
	for (uint32_t i = 0; i < line->length; i++) {
		uint8_t byte = line->bytes[i];

		if ((byte < 0x20 || byte > 0x7e) && !is_blank(byte)) {
			struct craft_word word = { line->bytes + i, 0, i + 1 };

			craft_error_at(errors, line->number, 0, &word,
				       "a byte that is not printable ASCII",
				       "only comments may hold it");
			return false;
		}
	}
	return true;
}

bool craft_text_line(struct craft_text *text, struct craft_line *ret, struct craft_errors *errors)
{
	while (text->at < text->byte_count) {
		const uint8_t *bytes = text->bytes + text->at;
		size_t left = text->byte_count - text->at;
		size_t end = 0;
		size_t length = 0;

		while (end < left && bytes[end] != '\n')
			end++;
		while (length < end && bytes[length] != '#')
			length++;
		text->at += end < left ? end + 1 : end;
		if (text->line == LINES_MAX) {
			craft_error_at(errors, text->line, 1, NULL, "too many lines", NULL);
			text->at = text->byte_count;
			return false;
		}
		text->line++;

		while (length > 0 && is_blank(bytes[length - 1]))
			length--;
		if (length == 0)
			continue;
		if (length > CRAFT_LINE_BYTES_MAX) {
			craft_error_at(errors, text->line, CRAFT_LINE_BYTES_MAX + 1, NULL,
				       "the line is longer than 255 bytes", NULL);
			continue;
		}
		ret->bytes = bytes;
		ret->length = (uint32_t)length;
		ret->number = text->line;
		ret->at = 0;
		if (line_is_sound(ret, errors))
			return true;
	}
	return false;
}

bool craft_text_word(struct craft_line *line, struct craft_word *ret)
{
	uint32_t end;

	while (line->at < line->length && is_blank(line->bytes[line->at]))
		line->at++;
	end = line->at;
	while (end < line->length && !is_blank(line->bytes[end]))
		end++;
	ret->bytes = line->bytes + line->at;
	ret->length = end - line->at;
	ret->column = line->at + 1;
	line->at = end;
	return ret->length > 0;
}

bool craft_word_is(const struct craft_word *word, const char *literal)
{
	uint32_t i = 0;

	while (i < word->length && literal[i] != '\0' && word->bytes[i] == (uint8_t)literal[i])
		i++;
	return i == word->length && literal[i] == '\0';
}

uint32_t craft_word_find(const struct craft_word *word, uint8_t byte)
{
	uint32_t i = 0;

	while (i < word->length && word->bytes[i] != byte)
		i++;
	return i;
}

struct craft_word craft_word_cut(const struct craft_word *word, uint32_t from, uint32_t to)
{
	struct craft_word cut;

	if (to > word->length)
		to = word->length;
	if (from > to)
		from = to;
	cut.bytes = word->bytes + from;
	cut.length = to - from;
	cut.column = word->column + from;
	return cut;
}

/* Edits (insert, delete, replace) between a word and a literal, by the usual table, one row
 * at a time. Both are at most NEAR_BYTES_MAX long. */
static uint32_t edits(const struct craft_word *word, const char *literal, uint32_t literal_length)
{
	uint32_t row[NEAR_BYTES_MAX + 1];

	for (uint32_t j = 0; j <= literal_length; j++)
		row[j] = j;
	for (uint32_t i = 0; i < word->length; i++) {
		uint32_t diagonal = row[0];

		row[0] = i + 1;
		for (uint32_t j = 0; j < literal_length; j++) {
			uint32_t best = diagonal + (word->bytes[i] != (uint8_t)literal[j]);

			diagonal = row[j + 1];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[literal_length];
}

uint32_t craft_word_near(const struct craft_word *word, const char (*table)[CRAFT_NAME_BYTES],
			 uint32_t count)
{
	uint32_t nearest = count;
	uint32_t edits_best = NEAR_EDITS_MAX + 1;

	if (word->length == 0 || word->length > NEAR_BYTES_MAX)
		return count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = said_length(table[i], CRAFT_NAME_BYTES);
		uint32_t n;

		if (length > NEAR_BYTES_MAX)
			continue;
		n = edits(word, table[i], length);
		/* Two edits turn any two letters into any others: that is no suggestion. */
		if (n < edits_best && n < length) {
			edits_best = n;
			nearest = i;
		}
	}
	return nearest;
}

/* --- numbers and addresses ------------------------------------------------------------------ */

bool craft_word_u32(const struct craft_word *word, uint32_t max, uint32_t *ret)
{
	uint64_t value = 0;

	if (word->length == 0 || word->length > 10)
		return false;
	if (word->length > 1 && word->bytes[0] == '0')
		return false;
	for (uint32_t i = 0; i < word->length; i++) {
		if (!is_digit(word->bytes[i]))
			return false;
		value = value * 10 + (uint32_t)(word->bytes[i] - '0');
	}
	if (value > max)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* The value of a hexadecimal digit, 16 for anything else. */
static uint32_t hex_digit(uint8_t byte)
{
	if (is_digit(byte))
		return (uint32_t)(byte - '0');
	if (byte >= 'a' && byte <= 'f')
		return (uint32_t)(byte - 'a') + 10u;
	if (byte >= 'A' && byte <= 'F')
		return (uint32_t)(byte - 'A') + 10u;
	return 16;
}

bool craft_word_mac(const struct craft_word *word, uint8_t ret[CRAFT_MAC_BYTES])
{
	uint8_t mac[CRAFT_MAC_BYTES];

	if (word->length != CRAFT_MAC_BYTES * 3 - 1)
		return false;
	for (uint32_t i = 0; i < CRAFT_MAC_BYTES; i++) {
		uint32_t high = hex_digit(word->bytes[i * 3]);
		uint32_t low = hex_digit(word->bytes[i * 3 + 1]);

		if (high > 15 || low > 15)
			return false;
		if (i + 1 < CRAFT_MAC_BYTES && word->bytes[i * 3 + 2] != ':')
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return true;
}

static bool addr4(const struct craft_word *word, uint32_t *ret)
{
	struct craft_word rest = *word;
	uint32_t value = 0;

	for (uint32_t i = 0; i < 4; i++) {
		uint32_t dot = craft_word_find(&rest, '.');
		struct craft_word part = craft_word_cut(&rest, 0, dot);
		uint32_t byte;

		/* Leading zeroes are refused by craft_word_u32: some read them as octal. */
		if (!craft_word_u32(&part, 255, &byte) || (i < 3 && dot == rest.length))
			return false;
		value = value << 8 | byte;
		if (i == 3 && dot != rest.length)
			return false;
		rest = craft_word_cut(&rest, dot + 1, rest.length);
	}
	*ret = value;
	return true;
}

/* RFC 4291, 2.2: eight groups, one run of zeroes as "::", the last 32 bits maybe dotted. */
static bool addr6(const struct craft_word *word, struct craft_addr *ret)
{
	uint16_t group[8] = { 0 };
	uint32_t count = 0;
	uint32_t gap = GAP_NONE; /* group index where "::" stood */
	uint32_t at = 0;

	if (word->length >= 2 && word->bytes[0] == ':' && word->bytes[1] == ':') {
		gap = 0;
		at = 2;
	}
	while (at < word->length) {
		struct craft_word rest = craft_word_cut(word, at, word->length);
		uint32_t colon = craft_word_find(&rest, ':');
		struct craft_word part = craft_word_cut(&rest, 0, colon);
		uint32_t value = 0;

		if (colon == rest.length && craft_word_find(&part, '.') < part.length) {
			if (count > 6 || !addr4(&part, &value))
				return false;
			group[count++] = (uint16_t)(value >> 16);
			group[count++] = (uint16_t)value;
			break;
		}
		if (count == 8 || part.length == 0 || part.length > 4)
			return false;
		for (uint32_t i = 0; i < part.length; i++) {
			uint32_t digit = hex_digit(part.bytes[i]);

			if (digit > 15)
				return false;
			value = value << 4 | digit;
		}
		group[count++] = (uint16_t)value;
		at += part.length;
		if (at == word->length)
			break;
		at++; /* the colon; one more makes it the gap */
		if (at == word->length)
			return false;
		if (word->bytes[at] == ':') {
			if (gap != GAP_NONE)
				return false;
			gap = count;
			at++;
		}
	}
	/* A gap stands for at least one group; without one all eight must be there. */
	if (gap == GAP_NONE ? count != 8 : count > 7)
		return false;
	ret->hi = 0;
	ret->lo = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t to = i < gap ? i : i + (8 - count);

		if (to < 4)
			ret->hi |= (uint64_t)group[i] << (48 - to * 16);
		else
			ret->lo |= (uint64_t)group[i] << (48 - (to - 4) * 16);
	}
	return true;
}

bool craft_word_addr(const struct craft_word *word, struct craft_addr *ret, uint8_t *ret_family)
{
	uint32_t value;

	if (craft_word_find(word, ':') < word->length) {
		if (!addr6(word, ret))
			return false;
		*ret_family = 6;
		return true;
	}
	if (!addr4(word, &value))
		return false;
	ret->hi = (uint64_t)value << 32;
	ret->lo = 0;
	*ret_family = 4;
	return true;
}

bool craft_word_prefix(struct craft_errors *errors, uint32_t line, const struct craft_word *addr,
		       const struct craft_word *length, bool host_bits, struct craft_prefix *ret)
{
	struct craft_prefix prefix;
	struct craft_addr mask;
	struct craft_error *error;
	uint32_t bits;

	if (!craft_word_addr(addr, &prefix.addr, &prefix.family)) {
		craft_error_at(errors, line, 0, addr, "not an address",
			       "like 192.0.2.1 or 2001:db8::1");
		return false;
	}
	bits = prefix.family == 4 ? 32 : 128;
	if (length != NULL && !craft_word_u32(length, bits, &bits)) {
		craft_error_at(errors, line, 0, length, "not a prefix length",
			       prefix.family == 4 ? "0 to 32 in IPv4" : "0 to 128 in IPv6");
		return false;
	}
	prefix.length = (uint8_t)bits;
	mask = craft_addr_mask(bits);
	if (!host_bits && ((prefix.addr.hi & ~mask.hi) | (prefix.addr.lo & ~mask.lo)) != 0) {
		error = craft_error_at(errors, line, 0, addr, "bits are set behind the prefix of",
				       "write ");
		prefix.addr.hi &= mask.hi;
		prefix.addr.lo &= mask.lo;
		craft_say_prefix(error->hint, sizeof(error->hint), &prefix);
		return false;
	}
	*ret = prefix;
	return true;
}
