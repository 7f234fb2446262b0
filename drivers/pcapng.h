/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng.h: blocks of a capture, written into memory. Little endian, nanoseconds.
 *
 * A generation of a shard is a section: pcapng_begin() once, then a block a packet. Files are
 * appended to, so a second generation's section stands behind the first's, as the format has it.
 *
 * Source: draft-ietf-opsawg-pcapng, 4.1 (section header), 4.2 (interface), 4.3 (enhanced packet).
 */
#ifndef DRIVERS_PCAPNG_H
#define DRIVERS_PCAPNG_H

#include <stdint.h>

#define PCAPNG_BEGIN_MAX 128u
#define PCAPNG_PACKET_HEAD 28u

/** pcapng_begin() - section header and the description of one interface
 * @to: PCAPNG_BEGIN_MAX bytes; @name: at most 31 bytes and a NUL
 * Return: bytes written. */
uint32_t pcapng_begin(uint8_t *to, const char *name);

/** pcapng_packet_bytes() - of the block of a packet of @length bytes */
static inline uint32_t pcapng_packet_bytes(uint32_t length)
{
	return PCAPNG_PACKET_HEAD + ((length + 3u) & ~3u) + 4u;
}

/** pcapng_packet() - one enhanced packet block
 * @to: pcapng_packet_bytes(@length) bytes
 * Return: bytes written. */
uint32_t pcapng_packet(uint8_t *to, uint64_t time_ns, const void *bytes, uint32_t length);

#endif
