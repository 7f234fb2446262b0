/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave_out.h: put in front of vanityd/keeper_start.c for the keeper of these tests alone.
 *
 * A shard's option `leave_out` is a mask of steps (bit n: step n of shard_steps[], counted from 0,
 * and the LEAVE_ bits behind them) that its second generation goes without. The first is raised as
 * ever, so that the system comes up; so are the third and those behind it. LEAVE_BOUNDS is the
 * keeper's own and holds for the whole system when shard 0 says it.
 */
#ifndef TESTS_ATTACK_LEAVE_OUT_H
#define TESTS_ATTACK_LEAVE_OUT_H

#include "keeper_private.h"

#define LEAVE_OUT_BOUNDS_BIT 18u

static inline int leave_out_is(const char *name)
{
	const char *want = "leave_out";

	while (*want != '\0' && *want == *name)
		want++, name++;
	return *want == *name;
}

static inline int leaves_out(const struct keeper *k, uint32_t shard, uint32_t what)
{
	const struct bind *bind = k->shard[shard].bind;

	/* The newest generation so far, while the next one is made. */
	if (what != LEAVE_OUT_BOUNDS_BIT && k->shard[shard].generation != 1)
		return 0;
	for (uint32_t i = 0; i < bind->option_count; i++)
		if (leave_out_is(bind_options(bind)[i].name))
			return bind_options(bind)[i].value >> what & 1;
	return 0;
}

#define KEEPER_LEAVES_OUT(k, shard, what) leaves_out(k, shard, what)

#endif
