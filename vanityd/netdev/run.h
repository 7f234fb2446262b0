/* SPDX-License-Identifier: Apache-2.0 */
/* run.h: one run of vanity-netdev, and what its sources call in each other. */
#ifndef VANITYD_NETDEV_RUN_H
#define VANITYD_NETDEV_RUN_H

#include <stdint.h>

#include <vanity/grant.h>

#include "netdev/hand.h"
#include "topology/plan.h"

/* A device of the run. What is opened is never closed by hand: the process ends with it. */
struct bound {
	uint32_t device;
	const struct plan_device *plan;
	struct vanity_grant_facts facts;
	int keep, link; /* -1: none */
	int data_fd; /* pcap: the capture to copy behind the facts; -1: none */
	char note[240]; /* worth knowing, or "" */
};

struct run {
	const struct plan *plan;
	uint64_t epoch;
	uint32_t count;
	struct bound bound[VANITY_DEVICES_MAX];
	struct netdev_answer failure; /* error != 0: the first one */
};

/* Remember the first failure, of @b. Return: always -1. */
int run_fail(struct run *r, const struct bound *b, int error, const char *remedy,
	     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* One sentence more for the operator. */
void bound_note(struct bound *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* interface.c: what the kernel says of @b's interface, into its facts. @error is for run_fail(). */
struct interface {
	uint32_t index; /* 0: there is none of that name */
	uint32_t flags; /* IFF_UP and its like */
	uint32_t mtu;
	uint32_t queues; /* receive queues */
	uint16_t type; /* ARPHRD_ */
	uint8_t mac[6];
};
int interface_look(const char *name, struct interface *ret);
int interface_up(const char *name);

/* The backends. Each binds all of the run (or its one device). Return: 0, or -1 after run_fail(). */
int xdp_bind(struct run *r);
int tuntap_bind(struct run *r);
int pcap_bind(struct run *r);

#endif
