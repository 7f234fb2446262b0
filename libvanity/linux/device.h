/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h: devices of a shard under Linux, behind struct vanity_grant.
 *
 *      facts     a sealed memfd from the privileged side: checked here before anything is believed
 *      windows   xdp: four rings, each a mapping of the socket that the shard keeps
 *      calls     read and write on a tun or tap, write on a capture, one kick of a socket
 *      sleep     sockets, tuns and taps stand in the shard's ppoll behind its eventfd
 *
 *      a polled descriptor, from sleep to sleep:
 *
 *      armed --readable--> the shard looks --took--> armed
 *        |                      `--left it there--> quiet until it has taken
 *        `--error alone--> quiet for FAILED_MS, then armed again
 *
 * So neither an interface that is gone nor a packet that nobody can take keeps a core from
 * sleeping.
 */
#ifndef VANITY_LINUX_DEVICE_H
#define VANITY_LINUX_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <vanity/grant.h>

#include "core/bind.h"
#include "core/wire.h"

struct pollfd;

#define DEVICE_FAILED_MS 100u

struct device {
	struct vanity_grant *grant;
	int fd; /* -1: none */
	uint32_t kind;
	bool polled;
	bool woke; /* the last sleep it took part in ended with it readable */
	bool offered; /* there was something to take when it last went to sleep */
	uint64_t offered_at; /* what device_left() saw then */
	uint64_t looks; /* reads */
	uint32_t produced; /* xdp: the kernel's word when devices_news() looked last */
	uint64_t failed_until; /* arch_cycles() */
};

/* May these be the facts of that grant? @bytes: of the whole mapping. */
bool device_facts_possible(const struct bind_grant *bind, const struct vanity_grant_facts *facts,
			   uint64_t bytes);

/* 0 where there is no such window. */
uint64_t device_window_bytes(const struct vanity_grant_facts *facts, uint32_t window);
bool device_window_map(const struct bind_grant *bind, uint32_t window, uint64_t at, uint64_t bytes);

/* Everything of a grant but its windows and what core fills. */
void device_make(struct device *d, const struct bind_grant *bind,
		 const struct vanity_grant_facts *facts, struct vanity_grant *grant);

/**
 * devices_news() - has one of them something that it had not when this was asked last?
 * Context: while its shard spins; no call. Told once, so that who cannot take it may sleep.
 * Return: as shard_platform.news: a tun or tap cannot be looked at without a call, so -1.
 */
int devices_news(struct device *d, uint32_t count);

/* A result of the kernel as enum vanity_grant_error; 0 when it is only a matter of time. */
long device_error(long result);

/**
 * devices_arm() - a sleep begins
 * @ret_poll: one for each polled device
 * Return: when it must end: @deadline, or earlier.
 */
uint64_t devices_arm(struct device *d, uint32_t count, uint64_t now, uint64_t deadline,
		     struct pollfd *ret_poll);

/** devices_woken() - it is over; @until: when to look again at what answered with an error */
void devices_woken(struct device *d, uint32_t count, uint64_t until, const struct pollfd *poll);

#endif
