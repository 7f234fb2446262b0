/* SPDX-License-Identifier: Apache-2.0 */
#include "pcap.h"

#define FILE_HEADER_BYTES 24u
#define RECORD_HEADER_BYTES 16u
#define MAGIC_USEC 0xa1b2c3d4u
#define MAGIC_NSEC 0xa1b23c4du
#define MAGIC_SECTION 0x0a0d0d0au
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define VERSION_MAJOR 2u
#define NG_VERSION_MAJOR 1u
#define LINKTYPE_ETHERNET 1u

/* Block types: pcapng, 4. */
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 2u /* obsolete, still found */
#define BLOCK_SIMPLE 3u
#define BLOCK_ENHANCED 6u
#define BLOCK_BYTES_MIN 12u
#define SECTION_BYTES_MIN 28u

#define OPTION_END 0u
#define OPTION_RESOLUTION 9u
#define OPTION_OFFSET 14u

/* --- words ----------------------------------------------------------------------------------- */

static void say(struct pcap_error *error, const char *words)
{
	uint32_t at = 0;

	while (error->words[at] != '\0')
		at++;
	while (*words != '\0' && at + 1 < sizeof(error->words))
		error->words[at++] = *words++;
	error->words[at] = '\0';
}

static void say_number(struct pcap_error *error, uint64_t value)
{
	char digits[21];
	uint32_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	say(error, &digits[at]);
}

/* "capture: WORDS [N]" or "capture: packet P at byte B: WORDS". */
static int refuse(struct pcap_error *error, const char *words, const uint32_t *value)
{
	error->words[0] = '\0';
	say(error, "capture: ");
	say(error, words);
	if (value != NULL)
		say_number(error, *value);
	return -1;
}

static int refuse_here(const struct pcap_reader *r, struct pcap_error *error, const char *what,
		       uint64_t number, const char *words)
{
	error->words[0] = '\0';
	say(error, "capture: ");
	say(error, what);
	say_number(error, number);
	say(error, " at byte ");
	say_number(error, r->at);
	say(error, ": ");
	say(error, words);
	return -1;
}

static int refuse_packet(const struct pcap_reader *r, struct pcap_error *error, const char *words)
{
	return refuse_here(r, error, "packet ", r->number, words);
}

/* --- numbers --------------------------------------------------------------------------------- */

static uint32_t load16(const struct pcap_reader *r, uint64_t at)
{
	const uint8_t *b = r->bytes + at;

	return r->swapped ? (uint32_t)b[1] << 8 | b[0] : (uint32_t)b[0] << 8 | b[1];
}

static uint32_t load32(const struct pcap_reader *r, uint64_t at)
{
	uint32_t first = load16(r, at), second = load16(r, at + 2);

	return r->swapped ? second << 16 | first : first << 16 | second;
}

static uint64_t load64(const struct pcap_reader *r, uint64_t at)
{
	uint64_t first = load32(r, at), second = load32(r, at + 4);

	return r->swapped ? second << 32 | first : first << 32 | second;
}

/* Units of a second into nanoseconds; what does not fit in 64 bits wraps, which only moves when
 * a packet is due. */
static uint64_t to_ns(uint64_t units, uint8_t resolution)
{
	uint32_t power = resolution & 0x7fu;

	if ((resolution & 0x80u) != 0) {
		uint64_t whole, part;

		if (power >= 64)
			return 0;
		whole = units >> power;
		part = units & ((1ull << power) - 1);
		/* Ten bits are more than nine digits need: 30 of a fraction are kept. */
		if (power > 30)
			part >>= power - 30;
		return whole * 1000000000u + (part * 1000000000u >> (power > 30 ? 30 : power));
	}
	for (; power < 9; power++)
		units *= 10;
	for (; power > 9 && units != 0; power--)
		units /= 10;
	return units;
}

/* --- classic --------------------------------------------------------------------------------- */

static int classic_open(struct pcap_reader *r, struct pcap_error *error)
{
	uint32_t magic, major, linktype;

	magic = load32(r, 0);
	if (magic != MAGIC_USEC && magic != MAGIC_NSEC) {
		r->swapped = true;
		magic = load32(r, 0);
	}
	if (magic != MAGIC_USEC && magic != MAGIC_NSEC)
		return refuse(error, "the first bytes are not a pcap file's", NULL);
	if (r->byte_count < FILE_HEADER_BYTES)
		return refuse(error, "the file ends within its header", NULL);
	major = load16(r, 4);
	if (major != VERSION_MAJOR)
		return refuse(error, "only version 2 is known, this is ", &major);
	/* The upper bits speak of a checksum behind each frame: not Ethernet as we send it. */
	linktype = load32(r, 20);
	if (linktype != LINKTYPE_ETHERNET)
		return refuse(error, "only Ethernet (link type 1) is known, this is ", &linktype);
	r->nanoseconds = magic == MAGIC_NSEC;
	r->at = FILE_HEADER_BYTES;
	return 0;
}

static int classic_next(struct pcap_reader *r, struct pcap_packet *ret, struct pcap_error *error)
{
	uint64_t left = r->byte_count - r->at;
	uint32_t length;

	if (left == 0)
		return 0;
	if (left < RECORD_HEADER_BYTES)
		return refuse_packet(r, error, "the file ends in its header");
	length = load32(r, r->at + 8);
	if (length == 0)
		return refuse_packet(r, error, "it is empty");
	if (length > left - RECORD_HEADER_BYTES)
		return refuse_packet(r, error, "it ends behind the file");
	ret->at = r->at + RECORD_HEADER_BYTES;
	ret->length = length;
	ret->time_ns = (uint64_t)load32(r, r->at) * 1000000000u +
		       (uint64_t)load32(r, r->at + 4) * (r->nanoseconds ? 1 : 1000);
	r->at = ret->at + length;
	r->number++;
	return 1;
}

/* --- pcapng ---------------------------------------------------------------------------------- */

static int refuse_block(const struct pcap_reader *r, struct pcap_error *error, const char *words)
{
	error->words[0] = '\0';
	say(error, "capture: block at byte ");
	say_number(error, r->at);
	say(error, ": ");
	say(error, words);
	return -1;
}

/* The length of the block at r->at, after its two copies were found right; 0 with words. */
static uint32_t block_bytes(const struct pcap_reader *r, struct pcap_error *error)
{
	uint64_t left = r->byte_count - r->at;
	uint32_t bytes = load32(r, r->at + 4);

	if (bytes < BLOCK_BYTES_MIN || bytes % 4 != 0)
		refuse_block(r, error, "its length is none a block can have");
	else if (bytes > left)
		refuse_block(r, error, "it ends behind the file");
	else if (load32(r, r->at + bytes - 4) != bytes)
		refuse_block(r, error, "its two lengths differ");
	else
		return bytes;
	return 0;
}

/* 4.1: a section has a byte order and interfaces of its own. */
static int section(struct pcap_reader *r, struct pcap_error *error)
{
	uint32_t bytes, major;

	if (r->byte_count - r->at < SECTION_BYTES_MIN)
		return refuse_block(r, error, "the file ends in a section's header");
	r->swapped = false;
	if (load32(r, r->at + 8) != BYTE_ORDER_MAGIC)
		r->swapped = true;
	if (load32(r, r->at + 8) != BYTE_ORDER_MAGIC)
		return refuse_block(r, error, "its byte order is none");
	bytes = block_bytes(r, error);
	if (bytes == 0)
		return -1;
	if (bytes < SECTION_BYTES_MIN)
		return refuse_block(r, error, "its length is none a block can have");
	major = load16(r, r->at + 12);
	if (major != NG_VERSION_MAJOR)
		return refuse(error, "only version 1 of pcapng is known, this is ", &major);
	r->interface_count = 0;
	r->at += bytes;
	return 0;
}

/* 4.2; options as in 3.5. */
static int interface(struct pcap_reader *r, uint32_t bytes, struct pcap_error *error)
{
	uint64_t at = r->at + 16, end = r->at + bytes - 4;
	struct pcap_interface *face;
	uint32_t linktype;

	if (bytes < 20)
		return refuse_block(r, error, "its length is none a block can have");
	linktype = load16(r, r->at + 8);
	if (linktype != LINKTYPE_ETHERNET)
		return refuse(error, "only Ethernet (link type 1) is known, this is ", &linktype);
	if (r->interface_count == PCAP_INTERFACES_MAX)
		return refuse_block(r, error, "it is more than the 64th interface");
	face = &r->interface[r->interface_count++];
	face->snap = load32(r, r->at + 12);
	face->resolution = 6;
	face->offset_s = 0;
	while (end - at >= 4) {
		uint32_t code = load16(r, at), length = load16(r, at + 2);

		at += 4;
		if (code == OPTION_END)
			break;
		if (length > end - at)
			return refuse_block(r, error, "an option ends behind it");
		if (code == OPTION_RESOLUTION && length == 1)
			face->resolution = r->bytes[at];
		if (code == OPTION_OFFSET && length == 8)
			face->offset_s = load64(r, at);
		at += (length + 3u) & ~3u;
		if (at > end)
			return refuse_block(r, error, "an option ends behind it");
	}
	r->at += bytes;
	return 0;
}

/* 4.3, 4.4 and A: enhanced, simple and obsolete packets. */
static int packet(struct pcap_reader *r, uint32_t type, uint32_t bytes, struct pcap_packet *ret,
		  struct pcap_error *error)
{
	uint32_t head = type == BLOCK_SIMPLE ? 12u : 28u;
	uint32_t number = 0, length;
	const struct pcap_interface *face;

	if (bytes < head + 4)
		return refuse_packet(r, error, "its block is short");
	if (type == BLOCK_ENHANCED)
		number = load32(r, r->at + 8);
	else if (type == BLOCK_PACKET)
		number = load16(r, r->at + 8);
	if (number >= r->interface_count)
		return refuse_packet(r, error, "it names no interface");
	face = &r->interface[number];
	length = load32(r, r->at + (type == BLOCK_SIMPLE ? 8 : 20));
	/* A simple one tells the length it had on the wire; the interface, how much was kept. */
	if (type == BLOCK_SIMPLE && face->snap != 0 && length > face->snap)
		length = face->snap;
	if (length == 0)
		return refuse_packet(r, error, "it is empty");
	if (length > bytes - head - 4)
		return refuse_packet(r, error, "it ends behind its block");
	ret->at = r->at + head;
	ret->length = length;
	ret->time_ns = 0;
	if (type != BLOCK_SIMPLE) {
		uint64_t units = (uint64_t)load32(r, r->at + 12) << 32 | load32(r, r->at + 16);

		ret->time_ns = to_ns(units, face->resolution) + face->offset_s * 1000000000u;
	}
	r->at += bytes;
	r->number++;
	return 1;
}

static int ng_next(struct pcap_reader *r, struct pcap_packet *ret, struct pcap_error *error)
{
	/* Ends: each round goes on by at least a block's least. */
	while (r->byte_count - r->at > 0) {
		uint32_t type, bytes;

		if (r->byte_count - r->at < BLOCK_BYTES_MIN)
			return refuse_block(r, error, "the file ends in it");
		type = load32(r, r->at);
		/* Reads the same in both orders, and the section's own is not known before it. */
		if (type == MAGIC_SECTION) {
			if (section(r, error) != 0)
				return -1;
			continue;
		}
		bytes = block_bytes(r, error);
		if (bytes == 0)
			return -1;
		if (type == BLOCK_ENHANCED || type == BLOCK_SIMPLE || type == BLOCK_PACKET)
			return packet(r, type, bytes, ret, error);
		if (type == BLOCK_INTERFACE) {
			if (interface(r, bytes, error) != 0)
				return -1;
			continue;
		}
		r->at += bytes;
	}
	return 0;
}

/* --- both ------------------------------------------------------------------------------------ */

int pcap_open(struct pcap_reader *reader, const void *bytes, uint64_t byte_count,
	      struct pcap_error *ret_error)
{
	reader->bytes = bytes;
	reader->byte_count = byte_count;
	reader->at = 0;
	reader->number = 0;
	reader->swapped = false;
	reader->interface_count = 0;
	if (byte_count < 4)
		return refuse(ret_error, "the file is too short to be one", NULL);
	reader->ng = load32(reader, 0) == MAGIC_SECTION;
	return reader->ng ? section(reader, ret_error) : classic_open(reader, ret_error);
}

int pcap_next(struct pcap_reader *reader, struct pcap_packet *ret, struct pcap_error *ret_error)
{
	return reader->ng ? ng_next(reader, ret, ret_error) : classic_next(reader, ret, ret_error);
}

int pcap_index_read(struct pcap_index *ret, const void *bytes, size_t byte_count,
		    struct pcap_error *ret_error)
{
	struct pcap_reader reader;
	struct pcap_packet packet;
	uint32_t count = 0;
	int more;

	ret->count = 0;
	ret->longest = 0;
	ret->shortest = UINT32_MAX;
	/* Offsets in the index have 32 bits. */
	if (byte_count > UINT32_MAX)
		return refuse(ret_error, "the file is larger than 4 GiB", NULL);
	if (pcap_open(&reader, bytes, byte_count, ret_error) != 0)
		return -1;
	while ((more = pcap_next(&reader, &packet, ret_error)) == 1) {
		if (count == PCAP_PACKETS_MAX)
			return refuse(ret_error, "it holds more than 65536 packets", NULL);
		ret->packet[count].at = (uint32_t)packet.at;
		ret->packet[count].length = packet.length;
		ret->longest = packet.length > ret->longest ? packet.length : ret->longest;
		ret->shortest = packet.length < ret->shortest ? packet.length : ret->shortest;
		count++;
	}
	if (more != 0)
		return -1;
	if (count == 0)
		return refuse(ret_error, "it holds no packet", NULL);
	ret->count = count;
	return 0;
}
