/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost between two processes: a ball goes to and fro over two channels, and whoever
 * does not have it waits in the platform's own wait, on real eventfds. Nobody but the other can end
 * that wait in time: without a ring a sleep ends after seconds, and a doze goes over into a sleep.
 * Either is a wake-up lost.
 *
 *      left   --(0)-->  right         each holds the ball for a moment, at random, so that the
 *             <--(1)--                other is met looking, arming, dozing and asleep
 */
#include "../core/rig.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/wait.h"
#include "linux/start.h"

#define LONG_NS 10000000000ull /* more than any sleep of the platform's, */
#define SLEEP_S 4 /* which is this long */

static const struct rig_spec spec = {
	.shard_count = 2,
	.channel = { { 0, 1, .slots = 8, .slot_bytes = 8 }, { 1, 0, .slots = 8, .slot_bytes = 8 } },
	.processes = 1,
};

static const struct phase {
	const char *what;
	enum wait_kind kind;
	uint64_t spin_ns;
	uint32_t held_ns; /* the ball, at most */
	uint32_t rounds;
} phases[] = {
	{ "asleep at once", WAIT_PPOLL, 0, 4000, 20000 },
	{ "a short spin, then asleep", WAIT_PAUSE, 3000, 20000, 10000 },
	{ "dozing as long as it takes", WAIT_BELL, LONG_NS, 6000, 60000 },
	{ "a short doze, then asleep", WAIT_BELL, 60000, 120000, 10000 },
};

/* Of one process. */
static struct start start;
static uint64_t sleeps, dozes, calls, random_word;

/* Ends this process, so that its end is the test's. */
_Noreturn static void give_up(const char *why)
{
	printf("shard %u: %s\n", start.bind->shard, why);
	fflush(stdout);
	_exit(1);
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void player_wait(void *context, const wire_u64 *bell, uint64_t old, uint64_t deadline)
{
	time_t begun = seconds();

	(void)context;
	(void)deadline;
	sleeps++;
	/* A sleep may end for no reason, such as a ring of the one before. */
	start.platform.wait(&start, bell, old, arch_cycles() + LONG_NS);
	if (seconds() - begun >= SLEEP_S)
		give_up("asleep, and nobody rang");
}

static void player_wake(void *context, uint32_t neighbour)
{
	(void)context;
	calls++;
	start.platform.wake(&start, neighbour);
}

/* The rig's clock has a tick a nanosecond; which it is here does not matter. */
static void hold(uint32_t ns_max)
{
	uint64_t until;

	random_word ^= random_word << 13;
	random_word ^= random_word >> 7;
	random_word ^= random_word << 17;
	until = arch_cycles() + random_word % (ns_max + 1);
	while (arch_cycles() < until)
		arch_pause();
}

static void player_pass(struct vanity_shard *self, uint64_t ball)
{
	struct vanity_tx *out = vanity_tx_at(self, 0);

	(void)vanity_slot_put(out, &ball, 1);
	vanity_tx_publish(out);
	(void)vanity_running(self); /* it rings */
}

static void phase_play(struct vanity_shard *self, const struct phase *phase, int begins)
{
	uint64_t next = 1, ball = 0;

	sleeps = dozes = calls = 0;
	if (begins)
		player_pass(self, next);
	while (next <= phase->rounds) {
		uint64_t number = self->asleep_number;

		(void)vanity_running(self);
		if (vanity_slot_take(vanity_rx_at(self, 0), &ball, 1) == 1) {
			if ((ball & ~(1ull << 63)) != next++)
				give_up("another ball");
			hold(phase->held_ns);
			if (!begins || next <= phase->rounds)
				player_pass(self, begins ? next : ball);
			continue;
		}
		vanity_wait(self, phase->spin_ns);
		dozes += (self->asleep_number & WIRE_DOZES) != 0 && self->asleep_number != number;
		/* What dozes for so long sleeps only if nobody rang. */
		if (phase->spin_ns == LONG_NS && (self->asleep_number & WIRE_DOZES) == 0 &&
		    self->asleep_number != number)
			give_up("dozed, and nobody rang");
	}
	/* Who never slept was never woken by a call of the other's. */
	if (phase->spin_ns == LONG_NS && (calls != 0 || sleeps != 0))
		give_up("a call for one that dozes");
	if (begins)
		printf("%-28s %6u rounds, of one side: %llu waits ended by a doze, %llu sleeps, %llu calls to wake the other\n",
		       phase->what, phase->rounds, (unsigned long long)dozes,
		       (unsigned long long)sleeps, (unsigned long long)calls);
	fflush(stdout);
}

/* A process of its own from here on: descriptors as a shard has them, and a core if there are two.
 */
_Noreturn static void play(struct rig_shard *s, const int event[2], int core)
{
	uint32_t side = s->number;
	cpu_set_t set;

	if (dup2(event[side], 40) != 40 || dup2(event[1 - side], 41) != 41 ||
	    dup2(40, BIND_FD_EVENT) != BIND_FD_EVENT ||
	    dup2(41, BIND_FD_NEIGHBOURS) != BIND_FD_NEIGHBOURS)
		_exit(2);
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		_exit(2);
	start.bind = s->block;
	platform_make(&start);
	s->platform.wait = player_wait;
	s->platform.wake = player_wake;
	s->block->shared = 0;
	s->block->watchdog_ns = 100 * LONG_NS;
	s->self->sleep_cycles = 10 * LONG_NS;
	random_word = 88172645463325252ull + side;
	for (uint32_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		s->block->wait = phases[i].kind;
		phase_play(s->self, &phases[i], side == 0);
	}
	_exit(0);
}

static void no_wake_up_is_lost_between_two_processes(void **state)
{
	struct rig *r = rig_new(&spec);
	int event[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	int core[2] = { 0, 0 }, n = 0, status;
	pid_t pid[2];
	cpu_set_t set;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			core[n++] = i;
	if (n < 2) {
		print_message("SKIP: one core: who dozes would keep it from who is to ring\n");
		skip();
	}
	assert_true(event[0] >= 0 && event[1] >= 0);
	rig_start(r);
	fflush(stdout);
	for (uint32_t i = 0; i < 2; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0)
			play(&r->shard[i], event, core[i]);
	}
	/* Whichever fails first: the other would wait for it for ever. */
	for (uint32_t i = 0; i < 2; i++) {
		pid_t ended = wait(&status);

		assert_true(ended == pid[0] || ended == pid[1]);
		if (status != 0)
			kill(ended == pid[0] ? pid[1] : pid[0], SIGKILL);
		assert_int_equal(status, 0);
	}
	close(event[0]);
	close(event[1]);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_wake_up_is_lost_between_two_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
