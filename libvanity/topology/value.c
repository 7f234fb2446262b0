/* SPDX-License-Identifier: Apache-2.0 */
/* One word of a topology, read as a value. Claims from a file: every digit is checked. */
#include "topology/parts.h"

const char value_units[] = "B|KiB|MiB|GiB|ns|us|ms|s|pps|kpps|Mpps";

static const struct unit {
	const char *name;
	uint64_t factor;
	uint16_t of;
} units[] = {
	{ "B", 1, UNIT_BYTES },
	{ "KiB", 1ull << 10, UNIT_BYTES },
	{ "MiB", 1ull << 20, UNIT_BYTES },
	{ "GiB", 1ull << 30, UNIT_BYTES },
	{ "ns", 1, UNIT_TIME },
	{ "us", 1000, UNIT_TIME },
	{ "ms", 1000000, UNIT_TIME },
	{ "s", 1000000000, UNIT_TIME },
	{ "pps", 1, UNIT_RATE },
	{ "kpps", 1000, UNIT_RATE },
	{ "Mpps", 1000000, UNIT_RATE },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

uint32_t length(const char *s)
{
	uint32_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

bool same(const char *a, uint32_t a_bytes, const char *b)
{
	return length(b) == a_bytes && compare_bytes(a, b, a_bytes) == 0;
}

bool name_valid(const char *s, uint32_t bytes)
{
	if (bytes == 0 || bytes > VANITY_NAME_MAX || !is_lower(s[0]))
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	}
	return true;
}

bool word_reserved(const char *s, uint32_t bytes)
{
	static const char *const words[] = { "lanes", "replay",      "mirror", "latest", "call",
					     "cache", "speculation", "smt",    "lease",  "role" };

	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (same(s, bytes, words[i]))
			return true;
	}
	return false;
}

static const struct unit *unit_find(const char *s, uint32_t bytes)
{
	for (uint32_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (same(s, bytes, units[i].name))
			return &units[i];
	}
	return NULL;
}

/* Digits of @s from @at on, as a number; false when it does not fit 64 bits. */
static bool digits_read(const char *s, uint32_t bytes, uint32_t *at, uint64_t *ret)
{
	uint64_t n = 0;

	for (; *at < bytes && is_digit(s[*at]); (*at)++) {
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s[*at] - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

/* `whole` and the digits behind the point, times the unit's factor: exact or refused. */
static uint32_t scale(uint64_t whole, const char *fraction, uint32_t bytes, uint64_t factor,
		      uint64_t *ret)
{
	uint64_t part = 0, tens = 1, a, b;

	while (bytes > 0 && fraction[bytes - 1] == '0')
		bytes--;
	if (bytes > 18)
		return MESSAGE_NOT_WHOLE;
	for (uint32_t i = 0; i < bytes; i++) {
		part = part * 10 + (uint64_t)(fraction[i] - '0');
		tens *= 10;
	}
	/* part / tens in lowest terms; the rest of tens must divide the factor. */
	for (a = part, b = tens; b != 0;) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	part /= a;
	tens /= a;
	if (factor % tens != 0)
		return MESSAGE_NOT_WHOLE;
	if (__builtin_mul_overflow(whole, factor, ret) ||
	    __builtin_add_overflow(*ret, part * (factor / tens), ret))
		return MESSAGE_NUMBER_TOO_LARGE;
	return 0;
}

/* A number with or without unit, from @from to the end of the word. */
static uint32_t number_read(const char *s, uint32_t bytes, uint32_t from, uint64_t *ret_number,
			    uint16_t *ret_unit, uint32_t *ret_skip)
{
	uint32_t at = from, fraction, fraction_bytes;
	const struct unit *unit = NULL;
	uint64_t whole, factor = 1;

	*ret_skip = from;
	if (at == bytes || !is_digit(s[at]))
		return MESSAGE_BAD_VALUE;
	if (!digits_read(s, bytes, &at, &whole))
		return MESSAGE_NUMBER_TOO_LARGE;
	fraction = at;
	if (at < bytes && s[at] == '.') {
		fraction = ++at;
		while (at < bytes && is_digit(s[at]))
			at++;
		if (at == fraction)
			return MESSAGE_BAD_VALUE;
	}
	fraction_bytes = at - fraction;
	if (at < bytes) {
		unit = unit_find(s + at, bytes - at);
		if (unit == NULL) {
			*ret_skip = at;
			return MESSAGE_UNKNOWN_UNIT;
		}
		factor = unit->factor;
	}
	*ret_unit = unit == NULL ? UNIT_NONE : unit->of;
	return scale(whole, s + fraction, fraction_bytes, factor, ret_number);
}

/* `5/10s`: what stands in front of the slash is read already. */
static uint32_t rate_read(const char *s, uint32_t bytes, uint32_t slash, struct topology_value *v,
			  uint32_t *ret_skip)
{
	uint16_t unit;
	uint32_t id = number_read(s, bytes, slash + 1, &v->second, &unit, ret_skip);

	if (id == MESSAGE_BAD_VALUE || (id == 0 && unit != UNIT_TIME)) {
		*ret_skip = slash + 1;
		return MESSAGE_RATE_WITHOUT_TIME;
	}
	v->kind = VALUE_RATE;
	return id;
}

static uint32_t digits_value(const char *s, uint32_t bytes, struct topology_value *v,
			     uint32_t *ret_skip)
{
	uint32_t at = 0, rest;

	if (!digits_read(s, bytes, &at, &v->number))
		return MESSAGE_NUMBER_TOO_LARGE;
	if (at < bytes && s[at] == '/')
		return rate_read(s, bytes, at, v, ret_skip);
	if (at < bytes && s[at] == '-') {
		rest = at + 1;
		*ret_skip = rest;
		if (rest == bytes || !is_digit(s[rest]))
			return MESSAGE_BAD_VALUE;
		if (!digits_read(s, bytes, &rest, &v->second))
			return MESSAGE_NUMBER_TOO_LARGE;
		if (rest != bytes)
			return MESSAGE_BAD_VALUE;
		*ret_skip = 0;
		if (v->second < v->number)
			return MESSAGE_RANGE_BACKWARDS;
		v->kind = VALUE_RANGE;
		return 0;
	}
	v->kind = VALUE_NUMBER;
	return number_read(s, bytes, 0, &v->number, &v->unit, ret_skip);
}

uint32_t value_read(const char *s, uint32_t bytes, struct topology_value *v, uint32_t *ret_skip)
{
	uint32_t colon = 0;

	*ret_skip = 0;
	if (is_digit(s[0]))
		return digits_value(s, bytes, v, ret_skip);
	if (s[0] == '/' || s[0] == '.')
		return MESSAGE_PATH_WITHOUT_QUOTES;
	while (colon < bytes && s[colon] != ':') {
		if (s[colon] == '/')
			return MESSAGE_PATH_WITHOUT_QUOTES;
		colon++;
	}
	v->kind = VALUE_WORD;
	if (colon == bytes)
		return 0;
	v->kind = VALUE_RIGHT;
	v->bytes = colon;
	if (same(s + colon, bytes - colon, ":ro"))
		v->number = PLAN_RO;
	else if (same(s + colon, bytes - colon, ":rw"))
		v->number = PLAN_RW;
	else {
		*ret_skip = colon + 1 < bytes ? colon + 1 : colon;
		return MESSAGE_UNKNOWN_RIGHT;
	}
	return 0;
}
