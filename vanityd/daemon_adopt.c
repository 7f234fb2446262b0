/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adopting: a new daemon takes over a system that runs.
 *
 *      keeper's handover -> facts of every living shard, against the plan -> cells and orders
 *      -> life_adopt() -> only now the first step
 *
 * The facts are the kernel's words about a process, fetched by the keeper: /proc/PID/status,
 * /proc/PID/maps and its descriptors. What a shard says of itself plays no part in them. Every
 * deviation from the plan is a line in the log, and the shard that has one is restarted: what
 * has more rights than the plan says, or could not be looked at, is not adopted.
 */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#include "core/bind.h"

#define FACTS_BYTES_MAX (8u << 20)
#define FACTS_TIMEOUT_NS 2000000000ull
#define FILTERS_STEADY 2u /* start filter and steady filter */

struct judge {
	struct daemon *d;
	uint32_t shard, generation;
	struct facts *facts;
	const struct bind *bind;
	uint8_t *seen; /* a mark for each bind_region */
	uint8_t rings[VANITY_GRANTS_MAX]; /* a bit for each ring of a device that is mapped */
	uint32_t steady; /* it had said ready when the facts were fetched */
	uint32_t descriptors;
};

__attribute__((format(printf, 2, 3))) static void deviates(struct judge *j, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	j->facts->deviations++;
	daemon_log(j->d, "%s.%u: deviates from the plan: %s", j->d->plan->shard[j->shard].name,
		   j->generation, text);
}

/* --- status -------------------------------------------------------------------------------- */

static void status_line(struct judge *j, const char *line)
{
	struct facts *f = j->facts;
	char *end;

	if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0) {
		f->capabilities |= strtoull(line + 7, NULL, 16);
	} else if (strncmp(line, "NoNewPrivs:", 11) == 0) {
		f->no_new_privs = (uint32_t)strtoul(line + 11, NULL, 10);
	} else if (strncmp(line, "Seccomp:", 8) == 0) {
		f->seccomp_mode = (uint32_t)strtoul(line + 8, NULL, 10);
	} else if (strncmp(line, "Seccomp_filters:", 16) == 0) {
		f->seccomp_filters = (uint32_t)strtoul(line + 16, NULL, 10);
	} else if (strncmp(line, "Cpus_allowed_list:", 18) == 0) {
		f->core_first = (int32_t)strtol(line + 18, &end, 10);
		f->core_last = *end == '\0' ? f->core_first : -1;
	}
}

static void judge_status(struct judge *j)
{
	const struct plan_shard *plan = &j->d->plan->shard[j->shard];
	const struct facts *f = j->facts;

	if (f->capabilities != 0)
		deviates(j, "capabilities 0x%llx", (unsigned long long)f->capabilities);
	if (f->no_new_privs != 1)
		deviates(j, "no_new_privs is not set");
	if (f->seccomp_mode != 2)
		deviates(j, "seccomp mode %u", f->seccomp_mode);
	if (f->seccomp_filters < (j->steady ? FILTERS_STEADY : 1))
		deviates(j, "%u filters", f->seccomp_filters);
	if (!plan->shared &&
	    (f->core_first != (int32_t)plan->core || f->core_last != f->core_first))
		deviates(j, "may run on other cores than %u", plan->core);
}

/* --- maps ---------------------------------------------------------------------------------- */

/*
 * A ring of an AF_XDP socket: mapped read-write, where and as long as its facts say. Two sockets of
 * one shard may have rings of one size; then each mapping is taken for the next that has it.
 */
static int maps_ring(struct judge *j, uint64_t offset, uint64_t bytes)
{
	static const uint64_t place[VANITY_RINGS] = {
		[VANITY_RING_RX] = XDP_PGOFF_RX_RING,
		[VANITY_RING_TX] = XDP_PGOFF_TX_RING,
		[VANITY_RING_FILL] = XDP_UMEM_PGOFF_FILL_RING,
		[VANITY_RING_DONE] = XDP_UMEM_PGOFF_COMPLETION_RING,
	};
	uint64_t page = j->d->plan->host.page_bytes;

	for (uint32_t i = 0; i < j->bind->grant_count; i++) {
		const struct vanity_grant_facts *f = j->d->device[bind_grants(j->bind)[i].device].facts;

		for (uint32_t w = 0; f != NULL && f->kind == VANITY_GRANT_XDP && w < VANITY_RINGS; w++) {
			const struct vanity_ring_place *r = &f->ring[w];
			uint64_t is = r->desc + (uint64_t)r->entries * r->entry_bytes;

			if ((j->rings[i] >> w & 1) != 0 || offset != place[w] ||
			    bytes != (is + page - 1) / page * page)
				continue;
			j->rings[i] |= (uint8_t)(1u << w);
			return 1;
		}
	}
	return 0;
}

/* By the name its memfd was born with (setup_memory.c), its size and its right. */
static void maps_shared(struct judge *j, const char *line, uint64_t bytes, int writable)
{
	static const char name[] = "/memfd:region-";
	const struct bind_region *region = bind_regions(j->bind);
	const char *at = strstr(line, name);
	uint32_t number = at != NULL ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : PLAN_NONE;

	for (uint32_t i = 0; i < j->bind->region_count; i++) {
		if (j->seen[i] || region[i].region != number || region[i].bytes != bytes ||
		    (region[i].right == PLAN_RW) != (writable != 0))
			continue;
		j->seen[i] = 1;
		return;
	}
	deviates(j, "shares %llu bytes %s that no region of it has", (unsigned long long)bytes,
		 writable ? "read-write" : "read-only");
}

/* "FROM-TO rwxp OFFSET DEVICE INODE PATH" */
static void maps_line(struct judge *j, const char *line)
{
	unsigned long long from = 0, to = 0, offset = 0, inode = 0;
	char rights[8] = "", device[16] = "";

	if (sscanf(line, "%llx-%llx %7s %llx %15s %llu", &from, &to, rights, &offset, device,
		   &inode) != 6 ||
	    strlen(rights) != 4 || to <= from) {
		deviates(j, "a line of its maps does not parse");
		return;
	}
	if (rights[1] == 'w' && rights[2] == 'x')
		deviates(j, "memory is writable and executable");
	if (rights[3] == 's' && strstr(line, " socket:[") != NULL) {
		if (rights[1] != 'w' || rights[2] == 'x' || !maps_ring(j, offset, to - from))
			deviates(j, "maps %llu bytes of a socket that are no ring of it", to - from);
	} else if (rights[3] == 's') {
		maps_shared(j, line, to - from, rights[1] == 'w');
		if (rights[2] == 'x')
			deviates(j, "shared memory is executable");
	} else if (rights[2] == 'x' && inode != 0 && j->facts->image_base == 0) {
		/* A static PIE begins at address 0 of its file, which is linked 1:1. */
		j->facts->image_base = from - offset;
	}
}

static void judge_maps(struct judge *j)
{
	const struct bind_region *region = bind_regions(j->bind);

	for (uint32_t i = 0; i < j->bind->region_count; i++) {
		if (!j->seen[i])
			deviates(j, "region %u of %llu bytes is not mapped as planned",
				 region[i].region, (unsigned long long)region[i].bytes);
		else
			j->facts->huge_regions +=
				region[i].page_bytes > j->d->plan->host.page_bytes;
	}
	for (uint32_t i = 0; i < j->bind->grant_count; i++)
		if (bind_grants(j->bind)[i].kind == VANITY_GRANT_XDP &&
		    j->rings[i] != (1u << VANITY_RINGS) - 1)
			deviates(j, "not every ring of device %s is mapped", bind_grants(j->bind)[i].name);
}

/* --- descriptors --------------------------------------------------------------------------- */

/* The same file's name: its folder may have been moved or linked, its own name was no link. */
static int same_name(const char *target, const char *path)
{
	const char *a = strrchr(target, '/'), *b = strrchr(path, '/');
	size_t bytes;

	a = a != NULL ? a + 1 : target;
	b = b != NULL ? b + 1 : path;
	bytes = strlen(b);
	return strncmp(a, b, bytes) == 0 &&
	       (a[bytes] == '\0' || strcmp(a + bytes, " (deleted)") == 0);
}

/* What /proc says of the descriptor of a device. */
static int fd_is_device(const struct judge *j, const struct bind_grant *grant, const char *target)
{
	switch (grant->kind) {
	case VANITY_GRANT_XDP:
		return strncmp(target, "socket:[", 8) == 0;
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		return strcmp(target, "/dev/net/tun") == 0;
	default:
		return same_name(target, j->d->plan->device[grant->device].write);
	}
}

/* "NUMBER TARGET": each has its place (core/bind.h). */
static void fd_line(struct judge *j, const char *line)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	const struct bind_grant *grant = bind_grants(j->bind);
	char *target;
	uint32_t fd = (uint32_t)strtoul(line, &target, 10);
	int planned = 0;

	j->descriptors++;
	if (!j->steady)
		return;
	target += *target == ' ';
	if (fd == BIND_FD_EVENT || (fd >= BIND_FD_NEIGHBOURS && fd < bind_fd_grants(j->bind)))
		planned = strcmp(target, eventfd) == 0;
	for (uint32_t i = 0; i < j->bind->grant_count; i++)
		if (grant[i].keeps_fd && grant[i].fd == fd)
			planned = fd_is_device(j, &grant[i], target);
	if (!planned)
		deviates(j, "descriptor %s", line);
}

static void judge_fds(struct judge *j)
{
	uint32_t planned = 1 + j->bind->neighbour_count + j->bind->grant_fd_count;

	if (j->steady && j->descriptors != planned)
		deviates(j, "%u descriptors, planned are %u", j->descriptors, planned);
}

/* --- all of it ----------------------------------------------------------------------------- */

static char *facts_read(int fd)
{
	char *text = NULL;
	size_t bytes = 0;
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > FACTS_BYTES_MAX)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	while (text != NULL && bytes < (size_t)st.st_size) {
		ssize_t n = pread(fd, text + bytes, (size_t)st.st_size - bytes, (off_t)bytes);

		if (n <= 0)
			break;
		bytes += (size_t)n;
	}
	if (text != NULL)
		text[bytes] = '\0';
	return text;
}

/* Sections as keeper_facts.c writes them; 1 when it was complete and of a living process. */
static int facts_parse(struct judge *j, char *text)
{
	enum { NONE, STATUS, MAPS, FDS, END } section = NONE;
	int sections = 0;
	char *next;

	for (char *line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, "== ", 3) == 0) {
			const char *name = line + 3;

			section = strcmp(name, "status") == 0 ? STATUS
				  : strcmp(name, "maps") == 0 ? MAPS
				  : strcmp(name, "fd") == 0   ? FDS
							      : END;
			sections++;
		} else if (section == STATUS) {
			status_line(j, line);
		} else if (section == MAPS) {
			maps_line(j, line);
		} else if (section == FDS) {
			fd_line(j, line);
		}
	}
	return section == END && sections == 4;
}

void facts_take(struct daemon *d, uint32_t shard, uint32_t generation, int fd)
{
	struct daemon_shard *s = &d->shard[shard];
	struct facts facts = { .core_first = -1, .core_last = -1 };
	struct judge j = { .d = d, .shard = shard, .generation = generation, .facts = &facts };
	uint32_t room = plan_bind_bytes(d->plan, shard);
	struct bind *bind = calloc(1, room);
	char *text = facts_read(fd);

	if (bind == NULL || text == NULL || generation != s->alive ||
	    plan_bind(d->plan, shard, d->hz, bind, room) == 0)
		goto out;
	j.bind = bind;
	j.seen = calloc(1, bind->region_count);
	/* Ready says the shard itself; a lie only makes this judgement stricter. */
	j.steady = wire_load(&s->cell->ready) == generation;
	if (j.seen == NULL || !facts_parse(&j, text))
		goto out;
	judge_status(&j);
	judge_maps(&j);
	judge_fds(&j);
	facts.generation = generation;
	s->facts = facts;
out:
	free(j.seen);
	free(text);
	free(bind);
}

int facts_ask(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];

	s->facts_asked = s->alive;
	if (keeper_send(d, KEEPER_FACTS, shard, s->alive) != 0)
		return 0;
	d->facts_outstanding++;
	return 1;
}

static int facts_wait(struct daemon *d)
{
	uint64_t deadline = daemon_now_ns() + FACTS_TIMEOUT_NS;
	int asked = 0;

	/* All at once: the keeper answers one while we judge another. */
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (d->shard[i].alive != 0)
			asked += facts_ask(d, i);
	while (d->facts_outstanding > 0 && daemon_now_ns() < deadline) {
		struct pollfd p = { .fd = d->keeper_fd, .events = POLLIN };
		int n = keeper_receive(d);

		if (n < 0)
			return n;
		if (n == 0)
			poll(&p, 1, (int)(FACTS_TIMEOUT_NS / 1000000));
	}
	return asked;
}

/* Levels: what was ordered stands in the orders wires. */
static void orders_read(struct daemon *d)
{
	static uint64_t word[VANITY_CHANNELS_MAX][2];
	static uint64_t go[VANITY_SHARDS_MAX];

	for (uint32_t i = 0; i < d->plan->channel_count; i++) {
		const struct plan_channel *c = &d->plan->channel[i];

		word[i][LIFE_PRODUCER] =
			wire_load(&d->shard[c->producer].orders->port[c->producer_port]);
		word[i][LIFE_CONSUMER] =
			wire_load(&d->shard[c->consumer].orders->port[c->consumer_port]);
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		go[i] = wire_load(&d->shard[i].orders->go);
	daemon_look(d);
	life_adopt(&d->life, &d->seen, (const uint64_t(*)[2])word, go);
}

/* An earlier daemon may have died between a freeze and its end, or in the middle of a stop. */
static void orders_finish(struct daemon *d)
{
	uint64_t stop = 0;

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		stop |= wire_load(&d->shard[i].orders->stop);
	if (stop != 0) {
		d->sums.stop = 1;
		d->sums.state = SUMS_STOPPING;
		life_stop(&d->life);
		return;
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		orders_write(d, i, &d->shard[i].orders->freeze, 0);
	orders_announce(d);
}

int daemon_adopt(struct daemon *d)
{
	uint32_t deviations = 0;
	int adopted = facts_wait(d);

	if (adopted < 0)
		return adopted;
	orders_read(d);
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		struct daemon_shard *s = &d->shard[i];

		/* A generation ended while nobody looked: its counts are in its cell still. */
		if (s->alive == 0 && s->ended > 0)
			shard_fold(d, i, s->ended);
		/* Records written before are in the log already, or with the daemon that died. */
		s->log_seen = wire_load(&s->cell->log_count);
		if (s->alive == 0 || (s->facts.generation == s->alive && s->facts.deviations == 0))
			continue;
		/* No facts, or not all: nobody knows what it has, so it is not adopted either. */
		if (s->facts.generation != s->alive)
			daemon_log(d, "%s.%u: could not be verified", d->plan->shard[i].name,
				   s->alive);
		deviations += s->facts.generation == s->alive ? s->facts.deviations : 1;
		life_restart(&d->life, i);
	}
	orders_finish(d);
	d->adopted_ns = daemon_now_ns() - d->born_ns;
	daemon_log(d,
		   "vanityd: adopted %d shards in %llu us (%llu ns), successor %u, %u deviations",
		   adopted, (unsigned long long)(d->adopted_ns / 1000),
		   (unsigned long long)d->adopted_ns, d->successor, deviations);
	return 0;
}
