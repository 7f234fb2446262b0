/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard_filter.h: the two seccomp filters of a shard, and the one of vanityd.
 *
 *      start filter    added by the keeper before the image is executed: what libvanity's start
 *                      code needs to map, to park and to add the next one
 *      steady filter   added by the shard in vanity_ready(): sleep, wake, return from a handler,
 *                      end. The kernel asks both and the stricter answer wins.
 *
 *      daemon filter   added by vanityd before it reads what anybody wrote: reading, answering, its log.
 *                      It is linked with libc, so there are more of them, and none that makes a socket
 *                      or a process, names another one, or writes a file that is not open
 *
 * Filters are made from a table of calls with the reason beside each (shard_filter.c), as a binary tree
 * over the call numbers: the kernel's translation of a tree costs half that of a list, and it is
 * paid at every restart. Another architecture's calls and, on x86_64, x32's end the process.
 *
 * filter_table() gives the same table in words, for `check` and docs/isolation.md.
 */
#ifndef VANITY_LINUX_SHARD_FILTER_H
#define VANITY_LINUX_SHARD_FILTER_H

#include <stdint.h>

#include <linux/filter.h>

#include <vanity/grant.h>

#define FILTER_INSTRUCTIONS_MAX 240u /* below what a jump of one byte reaches */

struct bind;

enum filter_kind { FILTER_START = 0, FILTER_STEADY = 1, FILTER_DAEMON = 2 };

/* What a filter's argument checks depend on. */
struct filter_facts {
	uint32_t image_fd; /* start: the only descriptor that may be executed */
	uint32_t neighbour_count; /* both: eventfds that may be written */
	/* Both: descriptors of devices, from BIND_FD_NEIGHBOURS + neighbour_count on, in this order. */
	uint32_t grant_fd_count;
	uint32_t grant_kind[VANITY_GRANTS_MAX]; /* enum vanity_grant_kind of each of those */
};

struct filter_line {
	const char *call;
	const char *only; /* which arguments, "" for any */
	const char *reason;
};

/**
 * filter_make() - write a filter
 * @ret: room for FILTER_INSTRUCTIONS_MAX
 * Return: instructions written.
 */
uint32_t filter_make(enum filter_kind kind, const struct filter_facts *facts,
		     struct sock_filter *ret);

/** filter_facts_of() - what the filters of a shard depend on, without the image's descriptor */
struct filter_facts filter_facts_of(const struct bind *bind);

/** filter_table() - line @n in words, for such a shard. Return: 1, or 0 beyond the last. */
int filter_table(enum filter_kind kind, const struct filter_facts *facts, uint32_t n,
		 struct filter_line *ret_line);

#endif
