/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave_out.h: put in front of vanityd/keeper_start.c for the keeper of these tests alone.
 *
 * A shard's option `leave_out` is a mask of steps (bit n: step n of shard_steps[], counted from 0,
 * and the LEAVE_ bits behind them) that its second generation goes without. The first is raised as
 * ever, so that the system comes up; so are the third and those behind it. LEAVE_BOUNDS,
 * LEAVE_KEYRING and LEAVE_OUT_INIT are the keeper's own and hold for the whole system when shard 0
 * says them.
 *
 * This keeper stays in the folder of who started it: what a shard's own step 4 does would not be
 * seen in one that stands in / already.
 */
#ifndef TESTS_ATTACK_LEAVE_OUT_H
#define TESTS_ATTACK_LEAVE_OUT_H

#include "keeper_private.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAVE_OUT_INIT_BIT 20u /* the keeper is pid 1, so that its end is everybody's */
#define LEAVE_OUT_WHOLE (1u << 18 | 1u << LEAVE_OUT_INIT_BIT | 1u << 22)

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
	if ((LEAVE_OUT_WHOLE >> what & 1) == 0 && k->shard[shard].generation != 1)
		return 0;
	for (uint32_t i = 0; i < bind->option_count; i++)
		if (leave_out_is(bind_options(bind)[i].name))
			return bind_options(bind)[i].value >> what & 1;
	return 0;
}

#define KEEPER_LEAVES_OUT(k, shard, what) leaves_out(k, shard, what)

/* Pid 1 of a keeper that is not: it ends when the keeper ends of itself, but waits for whom a
 * killed one leaves behind. */
static inline void leave_out_init(pid_t keeper)
{
	int status;

	syscall(SYS_close_range, 3, ~0u, 0);
	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);

		if ((pid < 0 && errno == ECHILD) || (pid == keeper && WIFEXITED(status)))
			_exit(0);
	}
}

/* In place of the one chdir() of keeper.c, when it has its hand and nothing else yet. */
static inline int leave_out_begin(const struct keeper *k)
{
	pid_t keeper = leaves_out(k, 0, LEAVE_OUT_INIT_BIT) ? fork() : 0;

	if (keeper > 0)
		leave_out_init(keeper);
	return keeper;
}
#define chdir(path) leave_out_begin(k)

#endif
