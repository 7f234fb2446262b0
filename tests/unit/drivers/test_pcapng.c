/* SPDX-License-Identifier: Apache-2.0 */
/* pcapng: blocks written here, byte by byte in either order, read by the reader; and the writer's
 * read by it, and by tcpdump where there is one. */
#include "../shards/cm.h"

#include <stdbool.h>
#include <unistd.h>

#include "drivers/pcap.h"
#include "drivers/pcapng.h"

static uint8_t file[65536];
static uint32_t end, block; /* where the file ends, and where its last block began */
static bool big;
static struct pcap_error error;
static struct pcap_reader reader;
static struct pcap_packet packet[64];

static void put16(uint32_t value)
{
	file[end + !big] = (uint8_t)(value >> 8);
	file[end + big] = (uint8_t)value;
	end += 2;
}

static void put32(uint32_t value)
{
	put16(big ? value >> 16 : value & 0xffff);
	put16(big ? value & 0xffff : value >> 16);
}

static void open_block(uint32_t type)
{
	block = end;
	put32(type);
	put32(0);
}

static void close_block(void)
{
	uint32_t last = end, bytes = end + 4 - block;

	end = block + 4;
	put32(bytes);
	end = last;
	put32(bytes);
}

static void section(bool big_endian)
{
	big = big_endian;
	open_block(0x0a0d0d0a);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put32(UINT32_MAX);
	put32(UINT32_MAX);
	close_block();
}

/* @resolution: 0 for none said; @offset_s likewise */
static void interface(uint32_t linktype, uint32_t snap, uint32_t resolution, uint32_t offset_s)
{
	open_block(1);
	put16(linktype);
	put16(0);
	put32(snap);
	if (resolution != 0) {
		put16(9);
		put16(1);
		file[end++] = (uint8_t)resolution;
		file[end++] = 0;
		file[end++] = 0;
		file[end++] = 0;
	}
	if (offset_s != 0) {
		put16(14);
		put16(8);
		put32(big ? 0 : offset_s);
		put32(big ? offset_s : 0);
	}
	put16(0);
	put16(0);
	close_block();
}

static void payload(uint32_t length)
{
	memset(file + end, (int)length, (length + 3) & ~3u);
	end += (length + 3) & ~3u;
}

static void enhanced(uint32_t number, uint64_t units, uint32_t length)
{
	open_block(6);
	put32(number);
	put32((uint32_t)(units >> 32));
	put32((uint32_t)units);
	put32(length);
	put32(length + 1000);
	payload(length);
	close_block();
}

static void simple(uint32_t original, uint32_t kept)
{
	open_block(3);
	put32(original);
	payload(kept);
	close_block();
}

static void obsolete(uint32_t number, uint64_t units, uint32_t length)
{
	open_block(2);
	put16(number);
	put16(0xffff);
	put32((uint32_t)(units >> 32));
	put32((uint32_t)units);
	put32(length);
	put32(length);
	payload(length);
	close_block();
}

static void begin(bool big_endian)
{
	memset(file, 0, sizeof(file));
	end = 0;
	section(big_endian);
}

/* Return: packets, or -1. */
static int read_file(void)
{
	/* Exactly as long as it is, so that a sanitizer sees a byte too many. */
	uint8_t *exact = malloc(end);
	int n = 0, more;

	assert_non_null(exact);
	memcpy(exact, file, end);
	memset(&error, 0, sizeof(error));
	more = pcap_open(&reader, exact, end, &error);
	while (more == 0 && (more = pcap_next(&reader, &packet[n], &error)) == 1) {
		assert_true(packet[n].at + packet[n].length <= end);
		n++;
		more = 0;
		if (reader.at == end)
			break;
	}
	if (more == 0)
		more = pcap_next(&reader, &packet[n], &error);
	free(exact);
	return more == 0 ? n : -1;
}

static void refused(const char *want)
{
	assert_int_equal(read_file(), -1);
	assert_string_equal(error.words, want);
}

static void every_kind_of_packet_is_read_in_both_orders(void **state)
{
	(void)state;
	for (uint32_t order = 0; order < 2; order++) {
		begin(order != 0);
		interface(1, 0, 0, 0);
		enhanced(0, 0x100000002ull, 61);
		simple(60, 60);
		obsolete(0, 7, 64);
		assert_int_equal(read_file(), 3);
		assert_int_equal(packet[0].length, 61);
		assert_int_equal(file[packet[0].at], 61);
		assert_int_equal(packet[0].time_ns, 0x100000002ull * 1000);
		assert_int_equal(packet[1].length, 60);
		assert_int_equal(file[packet[1].at], 60);
		assert_int_equal(packet[1].time_ns, 0);
		assert_int_equal(packet[2].time_ns, 7000);
		assert_int_equal(file[packet[2].at], 64);
	}
}

static void each_interface_has_its_own_resolution_of_time(void **state)
{
	(void)state;
	begin(true);
	interface(1, 0, 9, 0);
	interface(1, 0, 0x8a, 0); /* 2^-10 s */
	interface(1, 0, 3, 1700000000);
	interface(1, 0, 12, 0);
	interface(1, 0, 0xa8, 0); /* 2^-40 s */
	interface(1, 0, 0xff, 0); /* 2^-127 s: nothing that 64 bits hold is one nanosecond */
	enhanced(0, 123456789, 60);
	enhanced(1, 1024 * 5 + 512, 60);
	enhanced(2, 5, 60);
	enhanced(3, 7000, 60);
	enhanced(4, (3ull << 40) + (1ull << 39), 60);
	enhanced(5, ~0ull, 60);
	assert_int_equal(read_file(), 6);
	assert_int_equal(packet[0].time_ns, 123456789);
	assert_int_equal(packet[1].time_ns, 5500000000ull);
	assert_int_equal(packet[2].time_ns, 1700000000005000000ull);
	assert_int_equal(packet[3].time_ns, 7);
	assert_int_equal(packet[4].time_ns, 3500000000ull);
	assert_int_equal(packet[5].time_ns, 0);
}

static void a_section_forgets_the_interfaces_and_the_order_of_the_one_before(void **state)
{
	(void)state;
	begin(true);
	interface(1, 0, 0, 0);
	enhanced(0, 1, 60);
	section(false);
	interface(1, 0, 9, 0);
	enhanced(0, 1, 60);
	assert_int_equal(read_file(), 2);
	assert_int_equal(packet[0].time_ns, 1000);
	assert_int_equal(packet[1].time_ns, 1);
	section(true);
	enhanced(0, 1, 60);
	refused("capture: packet 2 at byte 324: it names no interface");
}

static void a_simple_packet_is_as_long_as_its_interface_keeps(void **state)
{
	(void)state;
	begin(false);
	interface(1, 40, 0, 0);
	simple(1500, 40);
	assert_int_equal(read_file(), 1);
	assert_int_equal(packet[0].length, 40);
	simple(1500, 36);
	refused("capture: packet 1 at byte 108: it ends behind its block");
}

static void unknown_blocks_and_options_are_passed_over(void **state)
{
	(void)state;
	begin(false);
	open_block(0x0bad);
	put32(1);
	close_block();
	interface(1, 0, 0, 0);
	open_block(5); /* statistics */
	close_block();
	enhanced(0, 0, 60);
	assert_int_equal(read_file(), 1);
	begin(false);
	open_block(1);
	put16(1);
	put16(0);
	put32(0);
	put16(0x8000);
	put16(5);
	put32(0);
	put32(0);
	close_block();
	enhanced(0, 0, 60);
	assert_int_equal(read_file(), 1);
}

static void blocks_that_lie_about_themselves_are_refused_with_their_place(void **state)
{
	(void)state;
	begin(false);
	interface(113, 0, 0, 0);
	refused("capture: only Ethernet (link type 1) is known, this is 113");
	begin(false);
	file[8] ^= 1;
	refused("capture: block at byte 0: its byte order is none");
	begin(true);
	file[13] = 2;
	refused("capture: only version 1 of pcapng is known, this is 2");
	begin(false);
	file[4]++;
	refused("capture: block at byte 0: its length is none a block can have");
	begin(false);
	file[4] = 24;
	memcpy(file + 20, file + 4, 4);
	refused("capture: block at byte 0: its length is none a block can have");
	begin(false);
	file[5] = 1;
	refused("capture: block at byte 0: it ends behind the file");
	begin(false);
	file[24] ^= 4;
	refused("capture: block at byte 0: its two lengths differ");
	begin(false);
	interface(1, 0, 0, 0);
	enhanced(0, 0, 60);
	file[block + 20] = 61;
	refused("capture: packet 0 at byte 52: it ends behind its block");
	file[block + 20] = 0;
	refused("capture: packet 0 at byte 52: it is empty");
	file[block + 23] = 0xff;
	refused("capture: packet 0 at byte 52: it ends behind its block");
	begin(false);
	interface(1, 0, 0, 0);
	open_block(6);
	put32(0);
	close_block();
	refused("capture: packet 0 at byte 52: its block is short");
	begin(false);
	open_block(1);
	put32(1);
	close_block();
	refused("capture: block at byte 28: its length is none a block can have");
	begin(false);
	interface(1, 0, 9, 0);
	file[block + 18] = 200;
	refused("capture: block at byte 28: an option ends behind it");
}

static void interfaces_beyond_64_are_refused(void **state)
{
	(void)state;
	begin(false);
	for (uint32_t i = 0; i < PCAP_INTERFACES_MAX; i++)
		interface(1, 0, 0, 0);
	enhanced(63, 0, 60);
	assert_int_equal(read_file(), 1);
	enhanced(64, 0, 60);
	refused("capture: packet 1 at byte 1656: it names no interface");
	begin(false);
	for (uint32_t i = 0; i <= PCAP_INTERFACES_MAX; i++)
		interface(1, 0, 0, 0);
	refused("capture: block at byte 1564: it is more than the 64th interface");
}

static void a_file_cut_short_anywhere_is_refused_or_ends_between_blocks(void **state)
{
	uint32_t at[8], count = 0;

	(void)state;
	begin(true);
	at[count++] = end;
	interface(1, 0, 9, 5);
	at[count++] = end;
	enhanced(0, 1, 61);
	at[count++] = end;
	simple(60, 60);
	at[count++] = end;
	for (; end >= 4; end--) {
		bool between = false;

		for (uint32_t i = 0; i < count; i++)
			between = between || at[i] == end;
		assert_int_equal(read_file() >= 0, between);
	}
}

static void what_the_writer_writes_is_what_the_reader_reads(void **state)
{
	uint8_t bytes[1514];

	(void)state;
	memset(bytes, 0x77, sizeof(bytes));
	end = pcapng_begin(file, "a_name_of_thirty-one_characters");
	assert_true(end <= PCAPNG_BEGIN_MAX);
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t n = pcapng_packet(file + end, 1ull << (8 * i), bytes, 1507 + i);

		assert_int_equal(n, pcapng_packet_bytes(1507 + i));
		end += n;
	}
	assert_int_equal(read_file(), 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(packet[i].length, 1507 + i);
		assert_int_equal(packet[i].time_ns, 1ull << (8 * i));
		assert_memory_equal(file + packet[i].at, bytes, packet[i].length);
	}
}

static void tcpdump_reads_what_the_writer_writes(void **state)
{
	char path[] = "/tmp/vanity-pcapng-XXXXXX", command[128];
	uint8_t bytes[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6 };
	int fd, ret, lines = 0, c;
	FILE *said;

	(void)state;
	if (system("command -v tcpdump >/dev/null") != 0) {
		print_message("SKIP: tcpdump is not installed: no other reader looked\n");
		skip();
	}
	for (uint32_t i = 0; i < 2; i++) {
		end = i == 0 ? 0 : end;
		end += pcapng_begin(file + end, "dev");
		end += pcapng_packet(file + end, 1700000000000000000ull, bytes, sizeof(bytes));
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, end), end);
	close(fd);
	snprintf(command, sizeof(command), "tcpdump -n -e -tt -r %s 2>/dev/null", path);
	said = popen(command, "r");
	assert_non_null(said);
	while ((c = fgetc(said)) != EOF)
		lines += c == '\n';
	ret = pclose(said);
	unlink(path);
	assert_int_equal(ret, 0);
	assert_int_equal(lines, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_packet_is_read_in_both_orders),
		cmocka_unit_test(each_interface_has_its_own_resolution_of_time),
		cmocka_unit_test(a_section_forgets_the_interfaces_and_the_order_of_the_one_before),
		cmocka_unit_test(a_simple_packet_is_as_long_as_its_interface_keeps),
		cmocka_unit_test(unknown_blocks_and_options_are_passed_over),
		cmocka_unit_test(blocks_that_lie_about_themselves_are_refused_with_their_place),
		cmocka_unit_test(interfaces_beyond_64_are_refused),
		cmocka_unit_test(a_file_cut_short_anywhere_is_refused_or_ends_between_blocks),
		cmocka_unit_test(what_the_writer_writes_is_what_the_reader_reads),
		cmocka_unit_test(tcpdump_reads_what_the_writer_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
