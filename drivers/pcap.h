/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.h: the packets of a capture file, one after the other, and an index of them.
 *
 *      pcap:     +-------------+----------+--------+----------+--------+--
 *                | file header | record 0 | bytes  | record 1 | bytes  | ...
 *                +-------------+----------+--------+----------+--------+--
 *      pcapng:   +-----+-----+-----+-----+--     +-----+-----+--
 *                | SHB | IDB | EPB | EPB | ...   | SHB | IDB | ...    blocks; SHB begins a section
 *                +-----+-----+-----+-----+--     +-----+-----+--
 *
 * Both byte orders (of each section), any resolution of time, Ethernet. The bytes are hostile: each
 * length is checked against what is left before anything behind it is looked at. Blocks and
 * options that are not packets or interfaces are passed over, as the format wants it.
 *
 * Nothing here allocates or calls: the file lies in memory, and a packet is a range of it.
 *
 * Source: draft-ietf-opsawg-pcap, sections 4 and 5; draft-ietf-opsawg-pcapng, sections 3 and 4.
 */
#ifndef DRIVERS_PCAP_H
#define DRIVERS_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAP_INTERFACES_MAX 64u /* of one section */
#define PCAP_PACKETS_MAX 65536u /* of an index */

/** struct pcap_error - what and where; @words ends in NUL and fits a crash record */
struct pcap_error {
	char words[80];
};

/** struct pcap_packet - a packet of the file */
struct pcap_packet {
	uint64_t at; /* of its first byte */
	uint64_t time_ns; /* since 1970; 0 where the block has none */
	uint32_t length; /* of what was captured, 1.. */
};

/** struct pcap_reader - where we are */
struct pcap_reader {
	const uint8_t *bytes;
	uint64_t byte_count, at;
	uint64_t number; /* of the next packet */
	bool ng, swapped; /* swapped: little endian, on every machine */
	bool nanoseconds; /* classic */
	uint32_t interface_count;
	struct pcap_interface {
		uint64_t offset_s; /* if_tsoffset, two's complement */
		uint32_t snap;
		uint8_t resolution; /* if_tsresol: a power of ten, with the top bit of two */
	} interface[PCAP_INTERFACES_MAX];
};

/**
 * pcap_open() - begin to read; the file header is checked
 * Return: 0, or -1 with @ret_error filled.
 */
int pcap_open(struct pcap_reader *reader, const void *bytes, uint64_t byte_count,
	      struct pcap_error *ret_error);

/**
 * pcap_next() - the next packet
 * Return: 1, 0 at the end, or -1 with @ret_error filled; then it stays there.
 */
int pcap_next(struct pcap_reader *reader, struct pcap_packet *ret, struct pcap_error *ret_error);

/** struct pcap_index - all packets of a file; zeroed memory is an empty index */
struct pcap_index {
	uint32_t count;
	uint32_t longest;
	uint32_t shortest;
	struct pcap_place {
		uint32_t at;
		uint32_t length;
	} packet[PCAP_PACKETS_MAX];
};

/**
 * pcap_index_read() - check a whole capture and note where its packets are
 * @bytes: the file, less than 4 GiB; hostile
 * @ret: filled on success, else its count is 0
 *
 * Return: 0, or -1 with @ret_error filled.
 */
int pcap_index_read(struct pcap_index *ret, const void *bytes, size_t byte_count,
		    struct pcap_error *ret_error);

#endif
