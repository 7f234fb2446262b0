/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h: config files of the programs: lines, words, addresses, and errors worth reading.
 *
 * A config is a sealed copy of somebody's file: hostile bytes without a NUL at the end. The
 * scanner hands out slices of it and never writes; every slice knows its column, so that an
 * error points at the byte that is wrong and not at its line.
 *
 *      craft_text_line()   "deny tcp from any to any:90-80  # old"     comments and blanks gone
 *      craft_text_word()    ^deny ^tcp ^from ^any ^to ^any:90-80
 *      an error             line 3, column 26: port range ends before it begins '90-80'
 *                           write 80-90
 *
 * A parser goes on after an error, so that one run shows several: CRAFT_ERRORS_KEPT of them
 * with their words, the rest as a number.
 *
 * When not to use it: in a hot loop.
 */
#ifndef SHARDS_COMMON_TEXT_H
#define SHARDS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

#define CRAFT_LINE_BYTES_MAX 255u
#define CRAFT_ERRORS_KEPT 8u
#define CRAFT_ERROR_BYTES 72u /* with "LINE:COLUMN: " before it most fit a log record */
#define CRAFT_NAME_BYTES 32u /* a port's name and its NUL: VANITY_NAME_MAX + 1 */

/** struct craft_error - one thing wrong; both texts end in NUL, @hint may be empty */
struct craft_error {
	uint32_t line;
	uint32_t column;
	char words[CRAFT_ERROR_BYTES];
	char hint[CRAFT_ERROR_BYTES];
};

/** struct craft_errors - all that were found; @kept holds the first, in the order found */
struct craft_errors {
	uint32_t count;
	struct craft_error kept[CRAFT_ERRORS_KEPT + 1]; /* the last: scratch beyond the limit */
};

/** struct craft_text - a file being read */
struct craft_text {
	const uint8_t *bytes;
	size_t byte_count;
	size_t at;
	uint32_t line; /* number of the line last handed out */
};

/** struct craft_line - one line without its comment and end; @at is the scanner's own */
struct craft_line {
	const uint8_t *bytes;
	uint32_t length;
	uint32_t number;
	uint32_t at;
};

/** struct craft_word - a slice of a line; @column counts bytes from 1 */
struct craft_word {
	const uint8_t *bytes;
	uint32_t length;
	uint32_t column;
};

/** struct craft_prefix - an address and how many bits of it count */
struct craft_prefix {
	struct craft_addr addr;
	uint8_t family; /* 4 or 6 */
	uint8_t length; /* 0..32 or 0..128 */
};

/** craft_say() - append @text to a NUL-terminated buffer of @size bytes; cut where full */
void craft_say(char *buffer, uint32_t size, const char *text);
/** craft_say_word() - the same for a slice, unprintable bytes and '%' as '?', cut at 24 */
void craft_say_word(char *buffer, uint32_t size, const struct craft_word *word);
/** craft_say_u32() - the same for a number */
void craft_say_u32(char *buffer, uint32_t size, uint32_t value);
/** craft_say_prefix() - the same for ADDR/LEN; IPv6 in full groups, never shortened by :: */
void craft_say_prefix(char *buffer, uint32_t size, const struct craft_prefix *prefix);

/**
 * craft_error_at() - one more error
 * @word: where, and quoted behind @words; NULL for @column alone
 * @hint: what to write instead; may be NULL and said later
 * Return: the entry, to say more; never NULL (beyond the limit it is scratch)
 */
struct craft_error *craft_error_at(struct craft_errors *errors, uint32_t line, uint32_t column,
				   const struct craft_word *word, const char *words,
				   const char *hint);

/** craft_error_line() - append "LINE:COLUMN: words; hint" to a buffer, cut where full */
void craft_error_line(const struct craft_error *error, char *buffer, uint32_t size);

/** craft_text_init() - begin; @bytes may be NULL when @byte_count is 0 */
void craft_text_init(struct craft_text *text, const void *bytes, size_t byte_count);

/**
 * craft_text_line() - the next line that says something
 *
 * Lines too long or with bytes no config needs are errors, reported and skipped.
 * Return: false at the end.
 */
bool craft_text_line(struct craft_text *text, struct craft_line *ret, struct craft_errors *errors);

/** craft_text_word() - the next word of a line; false, and an empty word behind it, at the end */
bool craft_text_word(struct craft_line *line, struct craft_word *ret);

/** craft_word_is() - equal to a literal */
bool craft_word_is(const struct craft_word *word, const char *literal);
/** craft_word_find() - offset of the first @byte, or the length */
uint32_t craft_word_find(const struct craft_word *word, uint8_t byte);
/** craft_word_cut() - bytes @from..@to of a word (clamped), with their own column */
struct craft_word craft_word_cut(const struct craft_word *word, uint32_t from, uint32_t to);

/**
 * craft_word_near() - the literal of a table nearest to a word
 * @table: @count entries of CRAFT_NAME_BYTES
 * Return: its index, or @count when none is within two edits
 */
uint32_t craft_word_near(const struct craft_word *word, const char (*table)[CRAFT_NAME_BYTES],
			 uint32_t count);

/** craft_word_u32() - a decimal number 0..@max without sign or leading zeroes */
bool craft_word_u32(const struct craft_word *word, uint32_t max, uint32_t *ret);
/** craft_word_mac() - aa:bb:cc:dd:ee:ff */
bool craft_word_mac(const struct craft_word *word, uint8_t ret[CRAFT_MAC_BYTES]);
/** craft_word_addr() - an IPv4 or IPv6 address, nothing before or behind it */
bool craft_word_addr(const struct craft_word *word, struct craft_addr *ret, uint8_t *ret_family);

/**
 * craft_word_prefix() - ADDR[/LEN] with errors
 * @host_bits: whether bits behind the length may be set (an interface's address)
 * Return: true, or false with an error added and @ret as it was
 */
bool craft_word_prefix(struct craft_errors *errors, uint32_t line, const struct craft_word *addr,
		       const struct craft_word *length, bool host_bits, struct craft_prefix *ret);

#endif
