/* SPDX-License-Identifier: Apache-2.0 */
#include "pcapng.h"

#include "shared.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_ENHANCED 6u
#define LINKTYPE_ETHERNET 1u
#define NAME_MAX 31u

/* Options: 3.5, 4.1 and 4.2 */
#define OPTION_END 0u
#define SHB_USERAPPL 4u
#define IF_NAME 2u
#define IF_TSRESOL 9u

static uint32_t put16(uint8_t *to, uint32_t at, uint32_t value)
{
	to[at] = (uint8_t)value;
	to[at + 1] = (uint8_t)(value >> 8);
	return at + 2;
}

static uint32_t put32(uint8_t *to, uint32_t at, uint32_t value)
{
	return put16(to, put16(to, at, value & 0xffffu), value >> 16);
}

static uint32_t put_padded(uint8_t *to, uint32_t at, const void *bytes, uint32_t length)
{
	uint32_t end = at + ((length + 3u) & ~3u);

	memcpy(to + at, bytes, length);
	memset(to + at + length, 0, end - at - length);
	return end;
}

static uint32_t put_option(uint8_t *to, uint32_t at, uint32_t code, const void *bytes,
			   uint32_t length)
{
	at = put16(to, put16(to, at, code), length);
	return put_padded(to, at, bytes, length);
}

/* The length stands at both ends of a block. */
static uint32_t close_block(uint8_t *to, uint32_t from, uint32_t at)
{
	put32(to, from + 4, at + 4 - from);
	return put32(to, at, at + 4 - from);
}

uint32_t pcapng_begin(uint8_t *to, const char *name)
{
	static const uint8_t nanoseconds = 9;
	uint32_t length = 0, at, from;

	while (length < NAME_MAX && name[length] != '\0')
		length++;
	at = put32(to, 0, BLOCK_SECTION);
	at = put32(to, at + 4, 0x1a2b3c4du);
	at = put16(to, put16(to, at, 1), 0);
	/* Length of the section: not known. */
	at = put32(to, put32(to, at, UINT32_MAX), UINT32_MAX);
	at = put_option(to, at, SHB_USERAPPL, "vanity", 6);
	at = put32(to, at, OPTION_END);
	from = close_block(to, 0, at);

	at = put32(to, from, BLOCK_INTERFACE);
	at = put16(to, put16(to, at + 4, LINKTYPE_ETHERNET), 0);
	at = put32(to, at, 0); /* no limit to a packet's length */
	at = put_option(to, at, IF_NAME, name, length);
	at = put_option(to, at, IF_TSRESOL, &nanoseconds, 1);
	at = put32(to, at, OPTION_END);
	return close_block(to, from, at);
}

uint32_t pcapng_packet(uint8_t *to, uint64_t time_ns, const void *bytes, uint32_t length)
{
	uint32_t at = put32(to, 0, BLOCK_ENHANCED);

	at = put32(to, at + 4, 0); /* interface 0 */
	at = put32(to, at, (uint32_t)(time_ns >> 32));
	at = put32(to, at, (uint32_t)time_ns);
	at = put32(to, at, length);
	at = put32(to, at, length);
	at = put_padded(to, at, bytes, length);
	return close_block(to, 0, at);
}
