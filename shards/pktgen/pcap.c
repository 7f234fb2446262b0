/* SPDX-License-Identifier: Apache-2.0 */
#include "pcap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/bytes.h"
#include "../common/text.h"

#define FILE_HEADER_BYTES 24u
#define RECORD_HEADER_BYTES 16u
#define MAGIC_USEC 0xa1b2c3d4u
#define MAGIC_NSEC 0xa1b23c4du
#define MAGIC_PCAPNG 0x0a0d0d0au
#define VERSION_MAJOR 2u
#define LINKTYPE_ETHERNET 1u

static uint32_t load_u32(const uint8_t *at, bool swapped)
{
	uint32_t value = craft_load_be32(at);

	return swapped ? __builtin_bswap32(value) : value;
}

/* "capture: WORDS N" or "capture: packet P at byte B: WORDS". */
static int refuse(struct pcap_error *error, const char *words, const uint32_t *value)
{
	error->words[0] = '\0';
	craft_say(error->words, sizeof(error->words), "capture: ");
	craft_say(error->words, sizeof(error->words), words);
	if (value != NULL)
		craft_say_u32(error->words, sizeof(error->words), *value);
	return -1;
}

static int refuse_packet(struct pcap_error *error, uint32_t packet, uint32_t at, const char *words)
{
	error->words[0] = '\0';
	craft_say(error->words, sizeof(error->words), "capture: packet ");
	craft_say_u32(error->words, sizeof(error->words), packet);
	craft_say(error->words, sizeof(error->words), " at byte ");
	craft_say_u32(error->words, sizeof(error->words), at);
	craft_say(error->words, sizeof(error->words), ": ");
	craft_say(error->words, sizeof(error->words), words);
	return -1;
}

/* The byte order, after everything in the file header was found right. */
static int file_header(const uint8_t *bytes, uint32_t byte_count, bool *ret_swapped,
		       struct pcap_error *error)
{
	uint32_t magic, major, linktype;
	bool swapped;

	if (byte_count < 4)
		return refuse(error, "the file is too short to be one", NULL);
	magic = craft_load_be32(bytes);
	if (magic == MAGIC_PCAPNG)
		return refuse(error, "this is pcapng; convert it: editcap -F pcap IN OUT", NULL);
	swapped = magic != MAGIC_USEC && magic != MAGIC_NSEC;
	if (swapped && load_u32(bytes, true) != MAGIC_USEC && load_u32(bytes, true) != MAGIC_NSEC)
		return refuse(error, "the first bytes are not a pcap file's", NULL);
	if (byte_count < FILE_HEADER_BYTES)
		return refuse(error, "the file ends within its header", NULL);
	/* The major number leads in big endian and trails in little. */
	major = load_u32(bytes + 4, swapped);
	major = swapped ? major & 0xffffu : major >> 16;
	if (major != VERSION_MAJOR)
		return refuse(error, "only version 2 is known, this is ", &major);
	/* The upper bits speak of a checksum behind each frame: not Ethernet as we send it. */
	linktype = load_u32(bytes + 20, swapped);
	if (linktype != LINKTYPE_ETHERNET)
		return refuse(error, "only Ethernet (link type 1) is known, this is ", &linktype);
	*ret_swapped = swapped;
	return 0;
}

int pcap_index_read(struct pcap_index *ret, const void *bytes, size_t byte_count,
		    struct pcap_error *ret_error)
{
	const uint8_t *b = bytes;
	uint32_t file_bytes, at, count = 0;
	bool swapped;

	ret->count = 0;
	ret->longest = 0;
	ret->shortest = UINT32_MAX;
	/* Offsets in the index have 32 bits. */
	if (byte_count > UINT32_MAX)
		return refuse(ret_error, "the file is larger than 4 GiB", NULL);
	file_bytes = (uint32_t)byte_count;
	if (file_header(b, file_bytes, &swapped, ret_error) != 0)
		return -1;

	for (at = FILE_HEADER_BYTES; at < file_bytes; count++) {
		uint32_t length;

		if (count == PCAP_PACKETS_MAX)
			return refuse(ret_error, "it holds more than 65536 packets", NULL);
		if (file_bytes - at < RECORD_HEADER_BYTES)
			return refuse_packet(ret_error, count, at, "the file ends in its header");
		length = load_u32(b + at + 8, swapped);
		if (length == 0)
			return refuse_packet(ret_error, count, at, "it is empty");
		if (length > file_bytes - at - RECORD_HEADER_BYTES)
			return refuse_packet(ret_error, count, at, "it ends behind the file");
		ret->packet[count].at = at + RECORD_HEADER_BYTES;
		ret->packet[count].length = length;
		ret->longest = length > ret->longest ? length : ret->longest;
		ret->shortest = length < ret->shortest ? length : ret->shortest;
		at += RECORD_HEADER_BYTES + length;
	}
	if (count == 0)
		return refuse(ret_error, "it holds no packet", NULL);
	ret->count = count;
	return 0;
}
