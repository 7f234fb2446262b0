/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <arch.h>

#include "exit.h"
#include "verb_live.h"

#define HELLO_TIMEOUT_MS 10000
#define PAUSE_BUSY_NS 20000ull /* a recovery or an operator waits */
#define PAUSE_MAX_NS 50000000ull
#define PAUSE_MIN_NS 200000ull
#define FACTS_AFTER_NS 50000000ull /* of quiet running: never inside a recovery */
#define ENDING_NS 1000000000ull /* for slow readers of the last answer */
#define POLL_MAX (2u + VANITY_SHARDS_MAX + CONTROL_CLIENTS_MAX + 1u)

/* Zeroed memory of a few MiB; everything else hangs on it. */
static struct daemon the_daemon;

uint64_t daemon_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

uint64_t daemon_cycles_ns(const struct daemon *d, uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / (double)d->hz);
}

uint64_t daemon_stamp_ns(const struct daemon *d, uint64_t cycles)
{
	uint64_t now = arch_cycles();

	if (cycles == 0 || cycles > now)
		return 0;
	return daemon_now_ns() - daemon_cycles_ns(d, now - cycles);
}

/* The keeper hands over everything, then says so. */
static int hello_wait(struct daemon *d)
{
	while (!d->ready) {
		struct pollfd p = { .fd = d->keeper_fd, .events = POLLIN };
		int n = keeper_receive(d);

		if (n < 0)
			return n;
		if (n == 0 && poll(&p, 1, HELLO_TIMEOUT_MS) == 0)
			return -ETIMEDOUT;
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (d->shard[i].cell == NULL)
			return -EPROTO;
	return 0;
}

/* Raw facts of a generation that has run quietly for a while: for status and for symbols. */
static void facts_refresh(struct daemon *d)
{
	uint64_t now = daemon_now_ns();

	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		struct daemon_shard *s = &d->shard[i];
		uint32_t phase = d->life.shard[i].phase;

		if (phase != LIFE_RUNNING && phase != LIFE_WAITING) {
			s->ready_ns = 0;
			continue;
		}
		if (s->ready_ns == 0)
			s->ready_ns = now;
		if (d->facts_outstanding == 0 && s->alive != 0 && s->facts_asked != s->alive &&
		    now - s->ready_ns >= FACTS_AFTER_NS)
			facts_ask(d, i);
	}
}

static uint64_t pause_ns(const struct daemon *d, uint32_t acted)
{
	uint64_t now = daemon_now_ns(), next;

	if (acted || life_busy(&d->life) || daemon_waiting(d))
		return PAUSE_BUSY_NS;
	next = life_next_ns(&d->life, now);
	if (next < now + PAUSE_MIN_NS)
		return PAUSE_MIN_NS;
	return next - now < PAUSE_MAX_NS ? next - now : PAUSE_MAX_NS;
}

/*
 * Sleep, also when something is under way: on a core shared with polling shards the scheduler
 * lets a sleeper in at once and a spinner last.
 */
static void daemon_sleep(struct daemon *d, uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000ull),
			      .tv_nsec = (long)(ns % 1000000000ull) };
	struct pollfd p[POLL_MAX];
	uint32_t n = 0;

	p[n++] = (struct pollfd){ .fd = d->keeper_fd, .events = POLLIN };
	n += control_poll(d->control, &p[n]);
	ppoll(p, n, &t, NULL);
}

/* The keeper replaces who says no more that he turns. */
static void alive_tell(struct daemon *d)
{
	uint64_t now = daemon_now_ns();

	if (now - d->alive_ns < KEEPER_ALIVE_NS)
		return;
	d->alive_ns = now;
	(void)keeper_send(d, KEEPER_ALIVE, 0, 0);
}

/* One turn. Negative when the keeper is gone. */
static int daemon_turn(struct daemon *d)
{
	uint32_t actions;
	int n;

	while ((n = keeper_receive(d)) > 0)
		;
	if (n < 0)
		return n;
	alive_tell(d);
	daemon_devices(d);
	daemon_look(d);
	actions = life_step(&d->life, &d->seen, d->action);
	daemon_act(d, actions);
	sums_step(d);
	access_step(d);
	daemon_jobs(d);
	control_serve(d->control, daemon_now_ns());
	if (!life_busy(&d->life)) {
		for (uint32_t i = 0; i < d->plan->shard_count; i++)
			daemon_log_drain(d, i);
		facts_refresh(d);
	}
	daemon_sleep(d, pause_ns(d, actions > 0));
	return 0;
}

static int daemon_run(struct daemon *d)
{
	for (;;) {
		int error = daemon_turn(d);

		if (error != 0)
			return error;
		/* Answers out first: with the keeper's stop everything ends, this process too. */
		if (d->ending &&
		    (!control_sending(d->control) || daemon_now_ns() - d->ending_ns > ENDING_NS))
			return keeper_send(d, KEEPER_STOP, 0, 0);
	}
}

static int daemon_start(struct daemon *d)
{
	const struct control_host host = { .context = d,
					   .request = daemon_request,
					   .gone = daemon_gone,
					   .refused = daemon_refused };
	int error;

	d->control = control_new(d->control_fd, (int)d->dev, &host);
	error = d->control == NULL ? -ENOMEM : daemon_confine(d);
	if (error != 0)
		return error;
	life_init(&d->life, d->plan);
	if (d->successor > 0)
		return daemon_adopt(d);
	daemon_log(d, "vanityd: system %s, %u shards, %u channels%s", d->plan->system,
		   d->plan->shard_count, d->plan->channel_count, d->dev ? ", --dev" : "");
	return 0;
}

int verb_daemon(int argc, char **argv)
{
	struct daemon *d = &the_daemon;
	int error;

	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "vanityd daemon: started by the keeper, takes no arguments\n");
		return EXIT_USAGE;
	}
	/* The user it runs as may be nobody's alone: no other process of that user, not even the
	 * vanityd of another system, shall trace it or write its memory through /proc. */
	prctl(PR_SET_DUMPABLE, 0ul, 0, 0, 0);
	d->born_ns = daemon_now_ns();
	d->keeper_fd = DAEMON_KEEPER_FD;
	d->control_fd = d->log_fd = d->look_fd = d->watch_fd = -1;
	for (uint32_t i = 0; i < VANITY_SHARDS_MAX; i++)
		d->shard[i].pidfd = d->shard[i].event_fd = -1;
	/* Short sleeps are this loop's clock during a recovery; the default rounds them by 50 us.
	 */
	prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	error = hello_wait(d);
	/* With --dev that user is the developer, whose debugger is welcome. */
	if (error == 0 && d->dev)
		prctl(PR_SET_DUMPABLE, 1ul, 0, 0, 0);
	if (error == 0)
		error = daemon_start(d);
	if (error == 0)
		error = daemon_run(d);
	if (error == 0)
		return EXIT_OK;
	if (d->log_fd >= 0)
		daemon_log(d, "vanityd: ends: %s", strerror(-error));
	else
		fprintf(stderr, "vanityd daemon: %s\n", strerror(-error));
	return EXIT_FAILED;
}
