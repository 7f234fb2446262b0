/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon sees: cells, processes, and the scheduler where the policy asks for it. */
#include "daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const port_count_name[PORT_COUNTS] = {
	"lost_in_hand", "in_doubt", "handled_late", "skipped", "dropped", "refused", "faults",
	"copied",
};

/* A small file of procfs as text; 0 when it cannot be read. */
static size_t proc_read(const char *path, char *ret_text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t bytes = 0;

	if (fd < 0)
		return 0;
	while (bytes < room - 1) {
		ssize_t n = read(fd, ret_text + bytes, room - 1 - bytes);

		if (n <= 0)
			break;
		bytes += (size_t)n;
	}
	close(fd);
	ret_text[bytes] = '\0';
	return bytes;
}

/* procfs is the host's, so the number it gives is what `kill` takes in the operator's shell. */
pid_t pidfd_host_pid(int pidfd)
{
	char path[64], text[1024];
	const char *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (pidfd < 0 || proc_read(path, text, sizeof(text)) == 0)
		return 0;
	line = strstr(text, "\nPid:");
	return line != NULL ? (pid_t)strtol(line + 5, NULL, 10) : 0;
}

/* getpid() would tell the number in the keeper's namespace. */
pid_t own_host_pid(void)
{
	char text[24];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

int pidfd_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents != 0;
}

static uint64_t status_number(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line != NULL ? strtoull(line + strlen(key), NULL, 10) : 0;
}

/* Scheduler facts are read only when a heartbeat is old: they cost a few microseconds. */
static void look_scheduler(const struct daemon_shard *s, struct life_seen_shard *seen)
{
	char path[64], text[4096];
	const char *state;

	seen->sched_valid = 0;
	if (s->pid <= 0 || s->pidfd < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)s->pid);
	if (proc_read(path, text, sizeof(text)) == 0 || pidfd_ended(s->pidfd))
		return; /* the number may name somebody else by now */
	state = strstr(text, "\nState:");
	if (state == NULL)
		return;
	state += 7;
	while (*state == ' ' || *state == '\t')
		state++;
	seen->sched_state = *state == 't' ? 'T' : (unsigned char)*state;
	seen->voluntary = status_number(text, "\nvoluntary_ctxt_switches:");
	seen->involuntary = status_number(text, "\nnonvoluntary_ctxt_switches:");
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)s->pid);
	/* Where the kernel does not say, it counts as moving: the table is then what it was. */
	seen->cpu_ns = proc_read(path, text, sizeof(text)) != 0 ? strtoull(text, NULL, 10) :
								  daemon_now_ns();
	seen->sched_valid = !pidfd_ended(s->pidfd);
}

static void look_shard(struct daemon *d, uint32_t shard)
{
	struct life_seen_shard *seen = &d->seen.shard[shard];
	struct daemon_shard *s = &d->shard[shard];
	const struct cell *cell = s->cell;

	seen->alive = s->alive;
	seen->ended = s->ended;
	seen->exit_code = s->exit_code;
	seen->signal = s->signal;
	/*
	 * No device of this build writes where somebody else may be told to: an AF_XDP socket goes on
	 * after its shard's end, in frames that are the owner's and that its successor claims first
	 * (vanity_pool_claim). One that is bound anew is another: the old one ended with its shard.
	 */
	seen->device_quiet = 1;
	seen->cell_state = CELL_NONE;
	seen->cell_generation = seen->cell_ready = seen->heartbeat = 0;
	if (wire_load_acquire(&cell->magic) == CELL_MAGIC) {
		seen->cell_state = (uint32_t)wire_load_acquire(&cell->state);
		seen->cell_generation = wire_load(&cell->generation);
		seen->cell_ready = wire_load(&cell->ready);
		seen->heartbeat = wire_load_acquire(&cell->heartbeat);
		claims_look(d, shard);
	}
	seen->sched_valid = 0;
	if (d->life.shard[shard].look)
		look_scheduler(s, seen);
}

static void look_end(const struct daemon *d, uint32_t shard, uint32_t port,
		     struct life_seen_end *ret)
{
	const struct cell_port *p = &d->shard[shard].cell->port[port];

	memset(ret, 0, sizeof(*ret));
	if (wire_load_acquire(&d->shard[shard].cell->magic) != CELL_MAGIC)
		return;
	ret->detached = wire_load_acquire(&p->detached);
	ret->joined = wire_load_acquire(&p->joined);
	ret->left = wire_load_acquire(&p->left);
	ret->broken = wire_load_acquire(&p->broken);
}

void daemon_look(struct daemon *d)
{
	const struct plan *plan = d->plan;

	d->seen.now_ns = daemon_now_ns();
	for (uint32_t i = 0; i < plan->shard_count; i++)
		look_shard(d, i);
	for (uint32_t i = 0; i < plan->channel_count; i++) {
		const struct plan_channel *c = &plan->channel[i];

		look_end(d, c->producer, c->producer_port, &d->seen.end[i][LIFE_PRODUCER]);
		look_end(d, c->consumer, c->consumer_port, &d->seen.end[i][LIFE_CONSUMER]);
	}
}

uint64_t shard_count_port(const struct daemon_shard *s, uint32_t port, enum port_count which)
{
	const struct cell_port *p = &s->cell->port[port];
	const wire_u64 *const word[PORT_COUNTS] = {
		[PORT_LOST_IN_HAND] = &p->lost_in_hand,
		[PORT_IN_DOUBT] = &p->in_doubt,
		[PORT_HANDLED_LATE] = &p->handled_late,
		[PORT_SKIPPED] = &p->skipped,
		[PORT_DROPPED] = &p->dropped,
		[PORT_REFUSED] = &p->refused,
		[PORT_FAULTS] = &p->faults,
		[PORT_COPIED] = &p->copied,
	};

	return wire_load(word[which]);
}

void shard_fold(struct daemon *d, uint32_t shard, uint32_t generation)
{
	struct daemon_shard *s = &d->shard[shard];

	/* The cell still is the dead one's: its successor writes nothing before it is told to go.
	 */
	if (generation <= s->folded || wire_load_acquire(&s->cell->generation) != generation)
		return;
	s->folded = generation;
	for (uint32_t i = 0; i < VANITY_COUNTERS_MAX; i++)
		s->counter_before[i] += wire_load(&s->cell->counter[i]);
	for (uint32_t i = 0; i < d->plan->shard[shard].port_count; i++)
		for (uint32_t k = 0; k < PORT_COUNTS; k++)
			s->port_before[i][k] += shard_count_port(s, i, k);
}
