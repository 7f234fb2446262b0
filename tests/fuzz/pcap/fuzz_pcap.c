/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pcap: any bytes as a capture. Every packet of an accepted one lies within the file. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pktgen/pcap.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	static struct pcap_index captured;
	struct pcap_error error;
	uint32_t end = 24;

	memset(&error, 0, sizeof(error));
	if (pcap_index_read(&captured, data, data_bytes, &error) != 0) {
		check(captured.count == 0);
		check(error.words[0] != '\0' && memchr(error.words, '\0', sizeof(error.words)));
		return 0;
	}
	check(captured.count >= 1 && captured.count <= PCAP_PACKETS_MAX);
	for (uint32_t i = 0; i < captured.count; i++) {
		const struct pcap_packet *p = &captured.packet[i];

		check(p->at == end + 16 && p->length >= 1);
		end = p->at + p->length;
		check(p->length <= captured.longest && p->length >= captured.shortest);
	}
	check(end == data_bytes);
	return 0;
}
