/* SPDX-License-Identifier: Apache-2.0 */
#include "../shards/cm.h"

#include <stdbool.h>

#include "drivers/pcap.h"

static struct pcap_index captured;
static struct pcap_error error;
static uint8_t file[4096];
static uint32_t file_bytes;
static bool big; /* the byte order that is being written */

static void put32(uint32_t at, uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++)
		file[at + i] = (uint8_t)(value >> (big ? 24 - i * 8 : i * 8));
}

static void put16(uint32_t at, uint32_t value)
{
	file[at] = (uint8_t)(big ? value >> 8 : value);
	file[at + 1] = (uint8_t)(big ? value : value >> 8);
}

static void begin(bool big_endian, uint32_t magic)
{
	big = big_endian;
	memset(file, 0, sizeof(file));
	put32(0, magic);
	put16(4, 2);
	put16(6, 4);
	put32(16, 65535);
	put32(20, 1);
	file_bytes = 24;
}

static void add(uint32_t length)
{
	put32(file_bytes + 8, length);
	put32(file_bytes + 12, length);
	memset(file + file_bytes + 16, (int)length, length);
	file_bytes += 16 + length;
}

static int read_file(void)
{
	/* Exactly as long as it is, so that a sanitizer sees a byte too many. */
	uint8_t *exact = malloc(file_bytes != 0 ? file_bytes : 1);
	int ret;

	assert_non_null(exact);
	memcpy(exact, file, file_bytes);
	memset(&error, 0, sizeof(error));
	ret = pcap_index_read(&captured, exact, file_bytes, &error);
	free(exact);
	if (ret != 0)
		assert_int_equal(captured.count, 0);
	return ret;
}

static void both_byte_orders_and_both_clocks_are_read(void **state)
{
	static const uint32_t magic[] = { 0xa1b2c3d4, 0xa1b23c4d };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		begin(i / 2 != 0, magic[i % 2]);
		add(60);
		add(100);
		add(1);
		assert_int_equal(read_file(), 0);
		assert_int_equal(captured.count, 3);
		assert_int_equal(captured.packet[0].at, 40);
		assert_int_equal(captured.packet[1].at, 40 + 60 + 16);
		assert_int_equal(captured.packet[1].length, 100);
		assert_int_equal(captured.longest, 100);
		assert_int_equal(captured.shortest, 1);
	}
}

static void a_file_that_is_no_capture_is_refused_by_what_it_is(void **state)
{
	(void)state;
	file_bytes = 0;
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: the file is too short to be one");
	begin(false, 0xa1b2c3d5);
	add(60);
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: the first bytes are not a pcap file's");
	begin(false, 0x0a0d0d0a);
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words,
			    "capture: block at byte 0: the file ends in a section's header");
	begin(false, 0xa1b2c3d4);
	file_bytes = 23;
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: the file ends within its header");
	begin(true, 0xa1b2c3d4);
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: it holds no packet");
}

static void only_version_2_and_ethernet_are_read(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		begin(i != 0, 0xa1b2c3d4);
		add(60);
		put16(4, 1);
		assert_int_equal(read_file(), -1);
		assert_string_equal(error.words, "capture: only version 2 is known, this is 1");
		put16(4, 2);
		put32(20, 101);
		assert_int_equal(read_file(), -1);
		assert_string_equal(error.words,
				    "capture: only Ethernet (link type 1) is known, this is 101");
		put32(20, 1);
		assert_int_equal(read_file(), 0);
	}
}

static void a_record_that_lies_about_its_length_is_refused_with_its_place(void **state)
{
	(void)state;
	begin(false, 0xa1b2c3d4);
	add(60);
	add(60);
	put32(24 + 76 + 8, 61);
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: packet 1 at byte 100: it ends behind the file");
	put32(24 + 76 + 8, 0xffffffff);
	assert_int_equal(read_file(), -1);
	put32(24 + 76 + 8, 0);
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, "capture: packet 1 at byte 100: it is empty");
	put32(24 + 76 + 8, 60);
	assert_int_equal(read_file(), 0);
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	begin(false, 0xa1b2c3d4);
	add(20);
	add(30);
	for (uint32_t whole = file_bytes; file_bytes > 0; file_bytes--) {
		bool between = file_bytes == whole || file_bytes == 24 + 36;

		assert_int_equal(read_file(), between ? 0 : -1);
	}
}

static void packet_65536_is_read_and_65537_refused(void **state)
{
	uint32_t bytes = 24 + 17 * (PCAP_PACKETS_MAX + 1);
	uint8_t *large = calloc(1, bytes);

	(void)state;
	assert_non_null(large);
	begin(false, 0xa1b2c3d4);
	memcpy(large, file, 24);
	for (uint32_t i = 0; i <= PCAP_PACKETS_MAX; i++)
		large[24 + i * 17 + 8] = 1;
	assert_int_equal(pcap_index_read(&captured, large, bytes - 17, &error), 0);
	assert_int_equal(captured.count, PCAP_PACKETS_MAX);
	assert_int_equal(pcap_index_read(&captured, large, bytes, &error), -1);
	assert_string_equal(error.words, "capture: it holds more than 65536 packets");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_byte_orders_and_both_clocks_are_read),
		cmocka_unit_test(a_file_that_is_no_capture_is_refused_by_what_it_is),
		cmocka_unit_test(only_version_2_and_ethernet_are_read),
		cmocka_unit_test(a_record_that_lies_about_its_length_is_refused_with_its_place),
		cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
		cmocka_unit_test(packet_65536_is_read_and_65537_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
