/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_packet: any bytes as a frame, through the parser and through a router that knows a way
 * for everything. Beside memory: a snapshot lies within its frame, parsing is repeatable, and
 * a frame that was not forwarded was not touched. What is said about a frame is itself a sound
 * packet of right checksum, within its room.
 */
#include <stdlib.h>
#include <string.h>

#include "common/packet.h"
#include "fuzz.h"
#include "router/cut.h"
#include "router/discover.h"
#include "router/forward.h"
#include "router/icmp.h"

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

/* All that the router reads of a frame that ends here, and what it writes about it. */
static void say(const uint8_t *frame, uint32_t length, const struct craft_packet *packet)
{
	static const struct craft_addr us = { 0xc000020100000000ull, 1 };
	struct rt_error error = { 3, 0, 1280 };
	struct craft_packet said;
	struct rt_talk talk;
	uint8_t out[400];
	uint32_t n;

	(void)rt_arp_read(frame, length, &talk);
	(void)rt_nd_read(frame, packet, &talk);
	if (packet->family == 0)
		return;
	(void)rt_icmp_may_tell(&routes, frame, length, packet);
	n = rt_icmp_error(out, sizeof(out), frame, packet, &us, &error);
	check(n != 0 && n <= sizeof(out));
	check(craft_packet_transport(out, n, &said) == CRAFT_FAULT_NONE && said.l3_end == n);
	check(said.family == packet->family && said.dst.hi == packet->src.hi);
	check(!rt_icmp_may_tell(&routes, out, n, &said));
	if (craft_packet_ip(frame, length, &said) == CRAFT_FAULT_NONE && said.family == 4 &&
	    rt_cut_bytes(&said, 1500, sizeof(out)) >= 8 && said.l3_end > said.l4) {
		n = rt_cut(out, frame, &said, 0, 8);
		check(n <= said.l4 + 8);
		check(craft_packet_ip(out, n, &said) == CRAFT_FAULT_NONE && said.l3_end == n);
	}
	n = rt_icmp_echo(out, sizeof(out), frame, packet, 1);
	check(n <= sizeof(out));
	check(n == 0 || craft_packet_transport(out, n, &said) == CRAFT_FAULT_NONE);
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
		say(data, length, &packet);
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
