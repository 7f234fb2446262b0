/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h: vanity-bench net: what joins two networks, and what its packets cost.
 *
 *      A (core 0)                    between (core 1)                 B (core 0)
 *      eth0 --------------------- va [ joiner ] vb ------------------ eth0
 *      net_wire_send()               Vanity, testpmd, kernel          counted by the interface,
 *      net_wire_ping() ------------> <-------------------------------- sampled; echo
 *
 * A joiner is raised over links that nobody used before, measured, and taken down again; then the
 * next one; then the first again. What one run compares shares cores, links and the hour.
 *
 * Packets are IPv4 and UDP, addressed so that the kernel would forward them too, with a number and
 * a pattern that follows from it. In B they are for a station that does not exist: its kernel
 * drops them at the same early place whoever sent them.
 */
#ifndef TESTS_BENCH_NET_H
#define TESTS_BENCH_NET_H

#include <stdint.h>
#include <sys/types.h>

#define NET_FRAME_MAX 1514
#define NET_PINGS_MAX 100000

/* The two networks and what lies between, as descriptors of network namespaces. */
enum net_place { NET_A, NET_BETWEEN, NET_B, NET_PLACES };

struct net_lab {
	int ns[NET_PLACES];
	uint8_t mac_a[6], mac_va[6], mac_vb[6]; /* of A's eth0 and of the ends between */
	int core_hosts, core_joiner;
};

struct net_rate {
	double offered_pps, arrived_pps;
	uint64_t sampled; /* packets looked at */
	uint64_t wrong; /* of those, with other bytes than were sent, or out of order */
};

struct net_times {
	double p50_us, p99_us;
	uint32_t answered, lost;
};

/* --- net_lab.c: namespaces and links ------------------------------------------------------- */

/* All of them, nameless: they end with this process. Return: 0, or -1 with words on stderr. */
int net_lab_make(struct net_lab *lab);
/* Fresh links between them, without addresses between. */
int net_lab_plug(struct net_lab *lab);
void net_lab_unplug(struct net_lab *lab);
/* This process, and what it starts, goes on there. */
int net_lab_enter(const struct net_lab *lab, enum net_place place);
/* Runs a command to its end in the present namespace, its output thrown away; its exit code. */
int net_lab_command(const char *const argv[]);
/* The same of words in one line, separated by single spaces. */
int net_lab_words(const char *line);
/* Lets the kernel forward, and sends what arrives at va to the joiner's core. */
int net_lab_forward(struct net_lab *lab);
int net_pin(int core);
int net_pin_both(const struct net_lab *lab);

/* --- net_wire.c: packets -------------------------------------------------------------------- */

/* Does a packet from A reach B, within @timeout_ms? Asked until it does. */
int net_wire_joined(const struct net_lab *lab, int timeout_ms);
/* Sends frames of @length for @ms, as fast as one core can, and looks at what arrives. */
int net_wire_rate(const struct net_lab *lab, uint32_t length, uint32_t ms, struct net_rate *ret);
/* One packet of @length at a time, there and back, for @ms. */
int net_wire_ping(const struct net_lab *lab, uint32_t length, uint32_t ms, struct net_times *ret);

/* --- net.c ---------------------------------------------------------------------------------- */

struct net_options {
	const char *vanityd, *topology;
	int count, ms, json;
};

int bench_net(const struct net_options *options);

#endif
