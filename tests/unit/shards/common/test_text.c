/* SPDX-License-Identifier: Apache-2.0 */
#include "cm.h"

#include "common/text.h"

static struct craft_word word_of(const char *text)
{
	return (struct craft_word){ (const uint8_t *)text, (uint32_t)strlen(text), 1 };
}

static struct craft_errors errors;

static uint32_t lines_of(const char *text, size_t length, uint32_t *ret_first_number)
{
	struct craft_text t;
	struct craft_line line;
	uint32_t n = 0;

	memset(&errors, 0, sizeof(errors));
	craft_text_init(&t, text, length);
	while (craft_text_line(&t, &line, &errors)) {
		if (n++ == 0 && ret_first_number != NULL)
			*ret_first_number = line.number;
	}
	return n;
}

static void blank_lines_and_comments_say_nothing_but_are_counted(void **state)
{
	static const char text[] = "\n# one\n   \t\r\nword # two\nlast";
	uint32_t first = 0;

	(void)state;
	assert_int_equal(lines_of(text, sizeof(text) - 1, &first), 2);
	assert_int_equal(first, 4);
	assert_int_equal(errors.count, 0);
	assert_int_equal(lines_of(NULL, 0, NULL), 0);
	assert_int_equal(lines_of(NULL, 10, NULL), 0);
}

static void a_line_of_255_bytes_is_read_and_one_of_256_is_refused(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(lines_of(text, 255, NULL), 1);
	assert_int_equal(errors.count, 0);
	assert_int_equal(lines_of(text, 256, NULL), 0);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.kept[0].words, "the line is longer than 255 bytes");
	assert_int_equal(errors.kept[0].column, 256);
}

static void a_byte_beyond_ascii_is_refused_outside_comments_only(void **state)
{
	static const char fine[] = "word # caf\xc3\xa9\n";
	static const char bad[] = "wo\xc3\xa9 x\nword\n";
	static const char nul[] = "a\0b\n";

	(void)state;
	assert_int_equal(lines_of(fine, sizeof(fine) - 1, NULL), 1);
	assert_int_equal(errors.count, 0);
	assert_int_equal(lines_of(bad, sizeof(bad) - 1, NULL), 1);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.kept[0].line, 1);
	assert_int_equal(errors.kept[0].column, 3);
	assert_int_equal(lines_of(nul, sizeof(nul) - 1, NULL), 0);
	assert_int_equal(errors.count, 1);
}

static void words_know_their_column(void **state)
{
	static const char text[] = "  one\ttwo  three";
	struct craft_line line = { (const uint8_t *)text, sizeof(text) - 1, 1, 0 };
	struct craft_word word;

	(void)state;
	assert_true(craft_text_word(&line, &word));
	assert_true(craft_word_is(&word, "one"));
	assert_int_equal(word.column, 3);
	assert_true(craft_text_word(&line, &word));
	assert_true(craft_word_is(&word, "two"));
	assert_int_equal(word.column, 7);
	assert_true(craft_text_word(&line, &word));
	assert_int_equal(word.column, 12);
	assert_false(craft_word_is(&word, "thre"));
	assert_false(craft_word_is(&word, "threee"));
	assert_false(craft_text_word(&line, &word));
	assert_int_equal(word.length, 0);
	assert_int_equal(word.column, 17);
}

static void a_cut_is_clamped_to_its_word(void **state)
{
	struct craft_word word = word_of("abcdef");
	struct craft_word cut = craft_word_cut(&word, 2, 4);

	(void)state;
	assert_true(craft_word_is(&cut, "cd"));
	assert_int_equal(cut.column, 3);
	assert_int_equal(craft_word_cut(&word, 4, 99).length, 2);
	assert_int_equal(craft_word_cut(&word, 99, 99).length, 0);
	assert_int_equal(craft_word_cut(&word, 5, 2).length, 0);
	assert_int_equal(craft_word_find(&word, 'd'), 3);
	assert_int_equal(craft_word_find(&word, 'x'), 6);
}

static void numbers_are_plain_decimals_within_their_limit(void **state)
{
	static const char *good[] = { "0", "7", "255", "4294967295" };
	static const char *bad[] = { "",   "00",  "01",         "+1",          "-1",
				     "1a", "0x1", "4294967296", "99999999999", " 1" };
	uint32_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct craft_word word = word_of(good[i]);

		assert_true(craft_word_u32(&word, UINT32_MAX, &value));
		assert_int_equal(value, strtoul(good[i], NULL, 10));
	}
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct craft_word word = word_of(bad[i]);

		assert_false(craft_word_u32(&word, UINT32_MAX, &value));
		assert_int_equal(value, 42);
	}
	assert_true(
		craft_word_u32(&(struct craft_word){ (const uint8_t *)"255", 3, 1 }, 255, &value));
	assert_false(
		craft_word_u32(&(struct craft_word){ (const uint8_t *)"256", 3, 1 }, 255, &value));
}

static void link_addresses_are_six_pairs_of_digits(void **state)
{
	static const uint8_t want[6] = { 2, 0x1f, 0xff, 0xaa, 0, 9 };
	static const char *bad[] = { "",
				     "02:1f:ff:aa:00",
				     "02:1f:ff:aa:00:09:",
				     "02-1f-ff-aa-00-09",
				     "02:1f:ff:aa:0:009",
				     "0g:1f:ff:aa:00:09",
				     "02:1f:ff:aa:00:0:" };
	struct craft_word word = word_of("02:1f:FF:aA:00:09");
	uint8_t mac[6];

	(void)state;
	assert_true(craft_word_mac(&word, mac));
	assert_memory_equal(mac, want, 6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		word = word_of(bad[i]);
		assert_false(craft_word_mac(&word, mac));
	}
	assert_memory_equal(mac, want, 6);
}

struct address {
	const char *text;
	uint64_t hi;
	uint64_t lo;
	uint8_t family; /* 0: refused */
};

static void addresses_are_read_as_the_standards_say_and_their_neighbours_refused(void **state)
{
	static const struct address table[] = {
		{ "0.0.0.0", 0, 0, 4 },
		{ "192.0.2.1", 0xc000020100000000, 0, 4 },
		{ "255.255.255.255", 0xffffffff00000000, 0, 4 },
		{ "256.0.0.1", 0, 0, 0 },
		{ "1.2.3", 0, 0, 0 },
		{ "1.2.3.", 0, 0, 0 },
		{ "1.2.3.4.", 0, 0, 0 },
		{ "1.2.3.4.5", 0, 0, 0 },
		{ "1..3.4", 0, 0, 0 },
		{ "01.2.3.4", 0, 0, 0 },
		{ "1.2.3.4x", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "::", 0, 0, 6 },
		{ "::1", 0, 1, 6 },
		{ "1::", 0x0001000000000000, 0, 6 },
		{ "2001:db8::8:0", 0x20010db800000000, 0x80000, 6 },
		{ "2001:DB8:0:0:1:2:3:4", 0x20010db800000000, 0x0001000200030004, 6 },
		{ "1:2:3:4:5:6:7::", 0x0001000200030004, 0x0005000600070000, 6 },
		{ "::2:3:4:5:6:7:8", 0x0000000200030004, 0x0005000600070008, 6 },
		{ "::ffff:192.0.2.1", 0, 0x0000ffffc0000201, 6 },
		{ "1:2:3:4:5:6:1.2.3.4", 0x0001000200030004, 0x0005000601020304, 6 },
		{ "::1.2.3.4", 0, 0x01020304, 6 },
		{ ":", 0, 0, 0 },
		{ ":::", 0, 0, 0 },
		{ "1:", 0, 0, 0 },
		{ ":1", 0, 0, 0 },
		{ "1:2", 0, 0, 0 },
		{ "1::2::3", 0, 0, 0 },
		{ "1:2:3:4:5:6:7", 0, 0, 0 },
		{ "1:2:3:4:5:6:7:8:9", 0, 0, 0 },
		{ "1:2:3:4:5:6:7:8::", 0, 0, 0 },
		{ "1:2:3:4::5:6:7:8", 0, 0, 0 },
		{ "1:2:3:4:5:6:7:8:", 0, 0, 0 },
		{ "12345::", 0, 0, 0 },
		{ "g::", 0, 0, 0 },
		{ "1:2:3:4:5:6:7:1.2.3.4", 0, 0, 0 },
		{ "::1.2.3", 0, 0, 0 },
		{ "::1.2.3.4:5", 0, 0, 0 },
		{ "fe80::1%eth0", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct craft_word word = word_of(table[i].text);
		struct craft_addr addr = { 0, 0 };
		uint8_t family = 0;
		bool ok = craft_word_addr(&word, &addr, &family);

		if (ok != (table[i].family != 0) || family != table[i].family)
			fail_msg("'%s'", table[i].text);
		if (ok && (addr.hi != table[i].hi || addr.lo != table[i].lo))
			fail_msg("'%s' is another", table[i].text);
	}
}

static bool prefix_of(const char *addr, const char *length, bool host_bits,
		      struct craft_prefix *ret)
{
	struct craft_word a = word_of(addr);
	struct craft_word l = word_of(length != NULL ? length : "");

	memset(&errors, 0, sizeof(errors));
	return craft_word_prefix(&errors, 5, &a, length != NULL ? &l : NULL, host_bits, ret);
}

static void a_prefix_with_bits_behind_it_is_refused_with_what_to_write(void **state)
{
	struct craft_prefix prefix = { { 0, 0 }, 0, 0 };

	(void)state;
	assert_true(prefix_of("10.0.0.0", "8", false, &prefix));
	assert_int_equal(prefix.length, 8);
	assert_false(prefix_of("10.1.2.3", "8", false, &prefix));
	assert_string_equal(errors.kept[0].words, "bits are set behind the prefix of '10.1.2.3'");
	assert_string_equal(errors.kept[0].hint, "write 10.0.0.0/8");
	assert_false(prefix_of("2001:db8::1", "32", false, &prefix));
	assert_string_equal(errors.kept[0].hint, "write 2001:db8:0:0:0:0:0:0/32");
	assert_true(prefix_of("10.1.2.3", "8", true, &prefix));
	assert_true(prefix_of("10.1.2.3", NULL, false, &prefix));
	assert_int_equal(prefix.length, 32);
	assert_true(prefix_of("::1", NULL, false, &prefix));
	assert_int_equal(prefix.length, 128);
}

static void a_prefix_length_goes_to_32_or_128(void **state)
{
	struct craft_prefix prefix;

	(void)state;
	assert_true(prefix_of("10.0.0.0", "32", false, &prefix));
	assert_false(prefix_of("10.0.0.0", "33", false, &prefix));
	assert_string_equal(errors.kept[0].words, "not a prefix length '33'");
	assert_string_equal(errors.kept[0].hint, "0 to 32 in IPv4");
	assert_true(prefix_of("::", "128", false, &prefix));
	assert_true(prefix_of("::", "0", false, &prefix));
	assert_false(prefix_of("::", "129", false, &prefix));
	assert_string_equal(errors.kept[0].hint, "0 to 128 in IPv6");
	assert_false(prefix_of("::", "", false, &prefix));
	assert_false(prefix_of("nonsense", NULL, false, &prefix));
	assert_string_equal(errors.kept[0].words, "not an address 'nonsense'");
}

static void masks_reach_from_nothing_to_all_of_an_address(void **state)
{
	(void)state;
	assert_true(craft_addr_mask(0).hi == 0 && craft_addr_mask(0).lo == 0);
	assert_true(craft_addr_mask(1).hi == 1ull << 63 && craft_addr_mask(1).lo == 0);
	assert_true(craft_addr_mask(64).hi == ~0ull && craft_addr_mask(64).lo == 0);
	assert_true(craft_addr_mask(65).hi == ~0ull && craft_addr_mask(65).lo == 1ull << 63);
	assert_true(craft_addr_mask(128).hi == ~0ull && craft_addr_mask(128).lo == ~0ull);
}

static void the_nearest_word_is_suggested_and_a_far_one_is_not(void **state)
{
	static const char table[3][CRAFT_NAME_BYTES] = { "allow", "deny", "tcp" };
	static const struct {
		const char *text;
		uint32_t near;
	} cases[] = { { "alow", 0 },  { "allows", 0 }, { "dney", 1 },
		      { "deni", 1 },  { "tpc", 2 },    { "ab", 3 },
		      { "xyzzy", 3 }, { "", 3 },       { "allowallowallowallow", 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct craft_word word = word_of(cases[i].text);

		if (craft_word_near(&word, table, 3) != cases[i].near)
			fail_msg("'%s'", cases[i].text);
	}
}

static void a_quoted_word_is_cut_and_cleaned(void **state)
{
	char buffer[64] = "";
	struct craft_word word = word_of("a%b\x01\xff 0123456789012345678901234567890");

	(void)state;
	craft_say_word(buffer, sizeof(buffer), &word);
	assert_string_equal(buffer, "a?b?? 012345678901234567...");
}

static void what_does_not_fit_a_buffer_is_cut_and_ends_in_nul(void **state)
{
	char buffer[6] = "";

	(void)state;
	craft_say(buffer, sizeof(buffer), "abc");
	craft_say_u32(buffer, sizeof(buffer), 4294967295u);
	assert_string_equal(buffer, "abc42");
	craft_say(buffer, sizeof(buffer), "x");
	assert_string_equal(buffer, "abc42");
}

static void errors_beyond_those_kept_are_only_counted(void **state)
{
	char line[128] = "";

	(void)state;
	memset(&errors, 0, sizeof(errors));
	for (uint32_t i = 1; i <= CRAFT_ERRORS_KEPT + 5; i++)
		craft_error_at(&errors, i, i + 1, NULL, "wrong", i == 1 ? "right" : NULL);
	assert_int_equal(errors.count, CRAFT_ERRORS_KEPT + 5);
	assert_int_equal(errors.kept[CRAFT_ERRORS_KEPT - 1].line, CRAFT_ERRORS_KEPT);
	craft_error_line(&errors.kept[0], line, sizeof(line));
	assert_string_equal(line, "1:2: wrong; right");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_lines_and_comments_say_nothing_but_are_counted),
		cmocka_unit_test(a_line_of_255_bytes_is_read_and_one_of_256_is_refused),
		cmocka_unit_test(a_byte_beyond_ascii_is_refused_outside_comments_only),
		cmocka_unit_test(words_know_their_column),
		cmocka_unit_test(a_cut_is_clamped_to_its_word),
		cmocka_unit_test(numbers_are_plain_decimals_within_their_limit),
		cmocka_unit_test(link_addresses_are_six_pairs_of_digits),
		cmocka_unit_test(
			addresses_are_read_as_the_standards_say_and_their_neighbours_refused),
		cmocka_unit_test(a_prefix_with_bits_behind_it_is_refused_with_what_to_write),
		cmocka_unit_test(a_prefix_length_goes_to_32_or_128),
		cmocka_unit_test(masks_reach_from_nothing_to_all_of_an_address),
		cmocka_unit_test(the_nearest_word_is_suggested_and_a_far_one_is_not),
		cmocka_unit_test(a_quoted_word_is_cut_and_cleaned),
		cmocka_unit_test(what_does_not_fit_a_buffer_is_cut_and_ends_in_nul),
		cmocka_unit_test(errors_beyond_those_kept_are_only_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
