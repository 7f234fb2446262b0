/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_packet: any bytes as a frame, through the parser and through a router that knows a way
 * for everything. Beside memory: a snapshot lies within its frame, parsing is repeatable, and
 * a frame that was not forwarded was not touched.
 */
#include <stdlib.h>
#include <string.h>

#include "common/packet.h"
#include "fuzz.h"
#include "router/forward.h"

static struct rt_routes routes;

static void check(int holds)
{
	if (!holds)
		abort();
}

static void load(void)
{
	static const char text[] = "interface out mac 02:00:00:00:00:11 address 192.0.2.1/24\n"
				   "route 0.0.0.0/0 port out 02:00:00:00:00:02\n"
				   "route ::/0 port out 02:00:00:00:00:02\n";
	struct craft_errors errors;

	if (routes.interface_count != 0)
		return;
	memset(&errors, 0, sizeof(errors));
	check(rt_routes_parse(&routes, text, sizeof(text) - 1, &errors) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	struct craft_packet packet, again, ip;
	uint32_t length = (uint32_t)data_bytes;
	uint32_t interface = 7;
	enum craft_fault fault;
	enum rt_reason reason;
	uint8_t *frame;

	load();
	fault = craft_packet_transport(data, length, &packet);
	check(craft_packet_transport(data, length, &again) == fault);
	check(memcmp(&packet, &again, sizeof(packet)) == 0);
	check(packet.l3_end <= length || fault == CRAFT_FAULT_ETHERNET_SHORT ||
	      fault == CRAFT_FAULT_VLAN_SHORT);
	if (fault == CRAFT_FAULT_NONE) {
		check(packet.l3 <= packet.l4 && packet.l4 <= packet.l3_end);
		check(!packet.has_ports || (packet.family != 0 && !packet.fragment_later &&
					    packet.l3_end - packet.l4 >= 8));
		check(!packet.fragment_later || packet.fragment);
		check(craft_packet_ip(data, length, &ip) == CRAFT_FAULT_NONE);
	}

	frame = malloc(length != 0 ? length : 1);
	check(frame != NULL);
	memcpy(frame, data, length);
	reason = rt_routes_forward(&routes, frame, length, &interface);
	if (reason == RT_FORWARD) {
		check(interface == 0);
		check(craft_packet_ip(frame, length, &again) == CRAFT_FAULT_NONE);
		check(craft_packet_ip(data, length, &ip) == CRAFT_FAULT_NONE);
		check(again.ttl + 1 == ip.ttl);
		/* What we send on must not be refused by the next as badly summed. */
		check(rt_routes_forward(&routes, frame, length, &interface) == RT_FORWARD ||
		      again.ttl <= 1);
	} else {
		check(memcmp(frame, data, length) == 0);
	}
	free(frame);
	return 0;
}
