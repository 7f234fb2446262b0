/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.h: an index of a classic capture file, made once.
 *
 *      +-------------+----------+--------+----------+--------+--
 *      | file header | record 0 | bytes  | record 1 | bytes  | ...
 *      +-------------+----------+--------+----------+--------+--
 *       24 bytes      16 bytes   included
 *
 * Both byte orders, microsecond and nanosecond stamps, Ethernet. The whole file is walked and
 * checked before the first packet leaves; after that entry i is a range inside the file, and
 * nobody looks at a record header again. pcapng is another format and refused by name.
 *
 * Source: draft-ietf-opsawg-pcap, sections 4 and 5.
 */
#ifndef SHARDS_PKTGEN_PCAP_H
#define SHARDS_PKTGEN_PCAP_H

#include <stddef.h>
#include <stdint.h>

#define PCAP_PACKETS_MAX 65536u

/** struct pcap_packet - where a packet's bytes lie in the file */
struct pcap_packet {
	uint32_t at;
	uint32_t length;
};

/** struct pcap_index - zeroed memory is an empty index */
struct pcap_index {
	uint32_t count;
	uint32_t longest;
	uint32_t shortest;
	struct pcap_packet packet[PCAP_PACKETS_MAX];
};

/** struct pcap_error - what and where; @words ends in NUL and fits a crash record */
struct pcap_error {
	char words[80];
};

/**
 * pcap_index_read() - check a capture and note where its packets are
 * @bytes: the file; hostile
 * @ret: filled on success, else its count is 0
 *
 * Return: 0, or -1 with @ret_error filled.
 */
int pcap_index_read(struct pcap_index *ret, const void *bytes, size_t byte_count,
		    struct pcap_error *ret_error);

#endif
