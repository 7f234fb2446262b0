/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pcap: any bytes as a capture. Every packet of an accepted one lies within the file. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "drivers/pcap.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

/* Every packet the reader names lies within the file, behind the one before. */
static void walk(const uint8_t *data, size_t data_bytes)
{
	struct pcap_reader reader;
	struct pcap_packet packet;
	struct pcap_error error;
	uint64_t end = 0, number = 0;
	int more;

	if (pcap_open(&reader, data, data_bytes, &error) != 0) {
		check(memchr(error.words, '\0', sizeof(error.words)) != NULL);
		return;
	}
	while ((more = pcap_next(&reader, &packet, &error)) == 1) {
		check(packet.at >= end && packet.length >= 1);
		end = packet.at + packet.length;
		check(end <= data_bytes && reader.at >= end && reader.at <= data_bytes);
		check(reader.number == ++number);
	}
	check(more == 0 || memchr(error.words, '\0', sizeof(error.words)) != NULL);
	/* It stays where it ended. */
	check(pcap_next(&reader, &packet, &error) == more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	static struct pcap_index captured;
	struct pcap_error error;
	uint32_t end = 0;

	walk(data, data_bytes);
	memset(&error, 0, sizeof(error));
	if (pcap_index_read(&captured, data, data_bytes, &error) != 0) {
		check(captured.count == 0);
		check(error.words[0] != '\0' && memchr(error.words, '\0', sizeof(error.words)));
		return 0;
	}
	check(captured.count >= 1 && captured.count <= PCAP_PACKETS_MAX);
	for (uint32_t i = 0; i < captured.count; i++) {
		const struct pcap_place *p = &captured.packet[i];

		check(p->at >= end && p->length >= 1);
		end = p->at + p->length;
		check(p->length <= captured.longest && p->length >= captured.shortest);
	}
	check(end <= data_bytes);
	return 0;
}
