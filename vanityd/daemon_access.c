/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a living shard can reach, against the plan.
 *
 * The facts are the kernel's words about a process, fetched by the keeper (keeper_facts.c), who
 * puts beside them what it gave the process. What a shard says of itself plays no part in them:
 *
 *      maps         each region once, by its file, with its length and right; the rings of its
 *                   devices; its image; nothing else of any file, device or socket; memory of
 *                   no file as much as is planned
 *      descriptors  exactly the planned ones, the very same open files
 *      namespaces   those made for it, nobody else's, not the host's
 *      identity     its own uid, no groups, no capability in any set, no_new_privs
 *      filters      two more than the keeper has
 *      cores        its own, or all that shards share
 *
 * A difference is a deviation: a line in the log, and a fault of the shard, unless it gives the
 * shard nothing (cores, a tracer): those an operator's own tools can bring about.
 */
#include "daemon.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_xdp.h>

#include "check_parts.h"
#include "core/bind.h"

#define FACTS_BYTES_MAX (8u << 20)
#define FILTERS_OWN 2u /* start filter and steady filter */
#define CORE_WORDS 16u

/* What /proc/PID/status says. */
struct status {
	uint32_t uid[4], gid[4], groups;
	uint64_t capabilities; /* of all five sets */
	uint32_t no_new_privs, mode, filters, threads, tracer;
	uint64_t cores[CORE_WORDS];
};

/* A file, by what makes it this one and no other. */
struct file {
	uint64_t major, minor, inode;
	uint32_t mapped; /* seen in maps */
};

struct judge {
	struct daemon *d;
	uint32_t shard, generation;
	struct facts *facts;
	const struct bind *bind;
	struct status own, keeper;
	struct file *file; /* by number of the descriptor at the start; the image last */
	uint8_t *open; /* a mark for each planned descriptor that is there */
	uint32_t file_count, files;
	uint8_t rings[VANITY_GRANTS_MAX]; /* a bit for each ring of a device that is mapped */
	uint32_t unsaid; /* deviations that are only counted */
	uint32_t cut; /* the keeper found more than it tells */
	uint32_t steady; /* it had said ready when the facts were asked for */
	uint32_t uid, has_uid, pinned;
	uint64_t memory_bytes, anonymous_bytes; /* of no file: planned, and mapped with any right */
	uint64_t cores[CORE_WORDS];
};

enum weight { FAULT, NOTE };

__attribute__((format(printf, 5, 6))) static void deviates(struct judge *j, enum weight weight,
							   const char *thing, const char *expected,
							   const char *format, ...)
{
	struct daemon_shard *s = &j->d->shard[j->shard];
	struct deviation more, *at = &more;
	va_list args;

	if (j->facts->deviations < DEVIATIONS_KEPT)
		at = &j->facts->deviation[j->facts->deviations];
	j->facts->deviations++;
	j->facts->faults += weight == FAULT;
	snprintf(at->thing, sizeof(at->thing), "%s", thing);
	snprintf(at->expected, sizeof(at->expected), "%s", expected);
	va_start(args, format);
	vsnprintf(at->found, sizeof(at->found), format, args);
	va_end(args);
	if (s->deviations_of != j->generation) {
		s->deviations_of = j->generation;
		s->deviations_said = 0;
	}
	/* How many there are is the shard's to choose, and the log is the operator's. */
	if (s->deviations_said == DEVIATIONS_SAID_MAX) {
		j->unsaid++;
		return;
	}
	s->deviations_said++;
	daemon_log(j->d, "%s.%u: deviates from the plan: %s: expected %s, found %s",
		   j->d->plan->shard[j->shard].name, j->generation, at->thing, at->expected,
		   at->found);
}

/* --- status -------------------------------------------------------------------------------- */

/* "0-3,5" as bits; what lies beyond them is no core of a plan. */
static void cores_parse(const char *list, uint64_t cores[CORE_WORDS])
{
	char *end = NULL;

	for (const char *at = list; end == NULL || *end == ','; at = end + 1) {
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long i = first; i <= last && i < 64 * CORE_WORDS; i++)
			cores[i / 64] |= 1ull << i % 64;
	}
}

static const char *cores_words(const uint64_t cores[CORE_WORDS], char *ret, size_t room)
{
	size_t at = 0;

	snprintf(ret, room, "none");
	for (uint32_t i = 0; i < 64 * CORE_WORDS && at + 12 < room; i++) {
		uint32_t first = i;

		while (i < 64 * CORE_WORDS && (cores[i / 64] >> i % 64 & 1) != 0)
			i++;
		if (i > first + 1)
			at += (size_t)snprintf(ret + at, room - at, "%s%u-%u", at > 0 ? "," : "",
					       first, i - 1);
		else if (i > first)
			at += (size_t)snprintf(ret + at, room - at, "%s%u", at > 0 ? "," : "", first);
	}
	return ret;
}

static void four_parse(const char *text, uint32_t ret[4])
{
	char *end = (char *)text;

	for (int i = 0; i < 4; i++)
		ret[i] = (uint32_t)strtoul(end, &end, 10);
}

static void status_line(struct status *s, const char *line)
{
	static const struct { const char *key; size_t at; } number[] = {
		{ "NoNewPrivs:", offsetof(struct status, no_new_privs) },
		{ "Seccomp:", offsetof(struct status, mode) },
		{ "Seccomp_filters:", offsetof(struct status, filters) },
		{ "Threads:", offsetof(struct status, threads) },
		{ "TracerPid:", offsetof(struct status, tracer) },
	};

	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		size_t n = strlen(number[i].key);

		if (strncmp(line, number[i].key, n) == 0)
			*(uint32_t *)((char *)s + number[i].at) = (uint32_t)strtoul(line + n, NULL, 10);
	}
	if (strncmp(line, "Cap", 3) == 0 && strlen(line) > 7)
		s->capabilities |= strtoull(line + 7, NULL, 16);
	else if (strncmp(line, "Uid:", 4) == 0)
		four_parse(line + 4, s->uid);
	else if (strncmp(line, "Gid:", 4) == 0)
		four_parse(line + 4, s->gid);
	else if (strncmp(line, "Groups:", 7) == 0)
		s->groups = strpbrk(line + 7, "0123456789") != NULL;
	else if (strncmp(line, "Cpus_allowed_list:", 18) == 0)
		cores_parse(line + 18, s->cores);
}

static void judge_identity(struct judge *j, const char *thing, const uint32_t found[4], uint32_t id)
{
	char expected[16];

	snprintf(expected, sizeof(expected), "%u", id);
	for (int i = 0; i < 4; i++) {
		if (found[i] == id)
			continue;
		deviates(j, FAULT, thing, expected, "%u %u %u %u", found[0], found[1], found[2],
			 found[3]);
		return;
	}
}

static void judge_status(struct judge *j)
{
	const struct status *s = &j->own;
	uint32_t filters = j->keeper.filters + FILTERS_OWN;
	char expected[64], found[112];

	judge_identity(j, "uid", s->uid, j->has_uid ? j->uid : j->keeper.uid[0]);
	judge_identity(j, "gid", s->gid, j->has_uid ? j->uid : j->keeper.gid[0]);
	if (j->has_uid && s->groups)
		deviates(j, FAULT, "groups", "none", "some");
	if (s->capabilities != 0)
		deviates(j, FAULT, "capabilities", "none in any set", "0x%llx",
			 (unsigned long long)s->capabilities);
	if (s->no_new_privs != 1)
		deviates(j, FAULT, "no_new_privs", "1", "%u", s->no_new_privs);
	if (s->mode != 2)
		deviates(j, FAULT, "seccomp mode", "2", "%u", s->mode);
	snprintf(expected, sizeof(expected), "%u", filters);
	if (j->steady ? s->filters != filters : s->filters + 1 < filters)
		deviates(j, FAULT, "filters", expected, "%u", s->filters);
	if (s->threads != 1)
		deviates(j, FAULT, "threads", "1", "%u", s->threads);
	if (s->tracer != 0 && !j->d->dev)
		deviates(j, NOTE, "tracer", "none", "pid %u", s->tracer);
	if (j->pinned && memcmp(s->cores, j->cores, sizeof(s->cores)) != 0)
		deviates(j, NOTE, "cores", cores_words(j->cores, expected, sizeof(expected)), "%s",
			 cores_words(s->cores, found, sizeof(found)));
	j->facts->capabilities = s->capabilities;
	j->facts->no_new_privs = s->no_new_privs;
	j->facts->seccomp_mode = s->mode;
	j->facts->seccomp_filters = s->filters;
}

/* --- what the keeper gave it --------------------------------------------------------------- */

static void planned_line(struct judge *j, const char *line)
{
	char *end;

	if (strncmp(line, "uid ", 4) == 0) {
		j->uid = (uint32_t)strtoul(line + 4, NULL, 10);
		j->has_uid = 1;
	} else if (strncmp(line, "memory ", 7) == 0) {
		j->memory_bytes = strtoull(line + 7, NULL, 10);
	} else if (strncmp(line, "core ", 5) == 0) {
		unsigned long core = strtoul(line + 5, NULL, 10) % (64 * CORE_WORDS);

		j->cores[core / 64] |= 1ull << core % 64;
		j->pinned = 1;
	} else if (strncmp(line, "cores ", 6) == 0) {
		end = (char *)line + 6;
		for (uint32_t i = 0; i < CORE_WORDS; i++)
			j->cores[i] = strtoull(end, &end, 10);
		j->pinned = 1;
	}
}

static void file_line(struct judge *j, const char *line)
{
	unsigned long long major = 0, minor = 0, inode = 0;
	unsigned at = 0;

	if (sscanf(line, "%u %llu %llu %llu", &at, &major, &minor, &inode) != 4 ||
	    at >= j->file_count)
		return;
	j->file[at] = (struct file){ .major = major, .minor = minor, .inode = inode };
	j->files++;
}

/* --- namespaces ---------------------------------------------------------------------------- */

static uint64_t namespace_number(const char *name)
{
	const char *at = strchr(name, '[');

	return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

/* "KIND ITS PLANNED KEEPERS" */
static void namespace_line(struct judge *j, const char *line)
{
	static const char *const kinds[] = { "net", "ipc", "uts", "cgroup", "mnt", "pid", "user" };
	char kind[16] = "", its[48] = "", planned[48] = "", keepers[48] = "", thing[32];
	uint32_t n = 0;

	if (sscanf(line, "%15s %47s %47s %47s", kind, its, planned, keepers) != 4)
		return;
	while (n < DAEMON_NAMESPACES && strcmp(kinds[n], kind) != 0)
		n++;
	if (n == DAEMON_NAMESPACES)
		return;
	snprintf(thing, sizeof(thing), "%s namespace", kind);
	j->facts->ns[n] = namespace_number(its);
	/* The user namespace is the keeper's; the pid namespace is each generation's own. */
	if (strcmp(kind, "user") == 0) {
		if (strcmp(its, keepers) != 0)
			deviates(j, FAULT, thing, keepers, "%s", its);
		return;
	}
	if (strcmp(its, keepers) == 0 || j->facts->ns[n] == 0)
		deviates(j, FAULT, thing, "one of its own", "the host's, %s", its);
	else if (strcmp(kind, "pid") != 0 && strcmp(its, planned) != 0)
		deviates(j, FAULT, thing, planned, "%s", its);
	for (uint32_t i = 0; i < j->d->plan->shard_count; i++) {
		const struct daemon_shard *other = &j->d->shard[i];

		if (i != j->shard && other->alive != 0 && other->facts.generation == other->alive &&
		    other->facts.ns[n] == j->facts->ns[n])
			deviates(j, FAULT, thing, "one of its own", "that of shard %s",
				 j->d->plan->shard[i].name);
	}
}

/* --- maps ---------------------------------------------------------------------------------- */

struct map {
	uint64_t bytes, offset;
	struct file file;
	char rights[8];
	const char *path; /* "" none */
};

/* A ring of this device's socket: mapped read-write, where and as long as its facts say. */
static int map_is_ring(struct judge *j, uint32_t grant, const struct map *m)
{
	static const uint64_t place[VANITY_RINGS] = {
		[VANITY_RING_RX] = XDP_PGOFF_RX_RING,
		[VANITY_RING_TX] = XDP_PGOFF_TX_RING,
		[VANITY_RING_FILL] = XDP_UMEM_PGOFF_FILL_RING,
		[VANITY_RING_DONE] = XDP_UMEM_PGOFF_COMPLETION_RING,
	};
	const struct vanity_grant_facts *f = j->d->device[bind_grants(j->bind)[grant].device].facts;
	uint64_t page = j->d->plan->host.page_bytes;

	if (f == NULL || f->kind != VANITY_GRANT_XDP || strcmp(m->rights, "rw-s") != 0)
		return 0;
	for (uint32_t w = 0; w < VANITY_RINGS; w++) {
		const struct vanity_ring_place *r = &f->ring[w];
		uint64_t is = r->desc + (uint64_t)r->entries * r->entry_bytes;

		if ((j->rings[grant] >> w & 1) != 0 || m->offset != place[w] ||
		    m->bytes != (is + page - 1) / page * page)
			continue;
		j->rings[grant] |= (uint8_t)(1u << w);
		return 1;
	}
	return 0;
}

static void region_words(const struct judge *j, uint32_t n, char thing[128], char expected[64])
{
	const struct bind_region *r = &bind_regions(j->bind)[n];
	char name[CHECK_REGION_NAME];

	check_region_name(j->d->plan, r->region, name);
	snprintf(thing, 128, "mapping of %s", name);
	snprintf(expected, 64, "%s of %llu bytes", r->right == PLAN_RW ? "rw-s" : "r--s",
		 (unsigned long long)r->bytes);
}

static void map_region(struct judge *j, uint32_t n, const struct map *m, struct file *file)
{
	const struct bind_region *r = &bind_regions(j->bind)[n];
	char thing[128], expected[64];

	if (file->mapped == 0 && m->bytes == r->bytes && m->offset == 0 &&
	    strcmp(m->rights, r->right == PLAN_RW ? "rw-s" : "r--s") == 0) {
		file->mapped = 1;
		return;
	}
	region_words(j, n, thing, expected);
	deviates(j, FAULT, thing, file->mapped ? "one" : expected, "%s of %llu bytes at %llu%s",
		 m->rights, (unsigned long long)m->bytes, (unsigned long long)m->offset,
		 file->mapped ? " besides" : "");
	file->mapped = 1;
}

/* Its bind block, its config and what is known of its devices are private and read-only. */
static int map_is_planned(struct judge *j, const struct map *m)
{
	uint32_t regions = bind_fd_regions(j->bind), facts = bind_fd_facts(j->bind);
	uint32_t image = j->file_count - 1;

	for (uint32_t at = BIND_FD_BLOCK; at < j->file_count; at++) {
		struct file *f = &j->file[at];

		/* Every eventfd has the number of all other files that have no name. */
		if (f->inode != m->file.inode || f->major != m->file.major ||
		    f->minor != m->file.minor || at == BIND_FD_EVENT ||
		    (at >= BIND_FD_NEIGHBOURS && at < bind_fd_grants(j->bind)))
			continue;
		if (at >= regions && at < facts) {
			map_region(j, at - regions, m, f);
			return 1;
		}
		if (at == image)
			return m->rights[3] == 'p';
		for (uint32_t i = 0; i < j->bind->grant_count && at < regions; i++)
			if (bind_grants(j->bind)[i].keeps_fd && bind_grants(j->bind)[i].fd == at)
				return map_is_ring(j, i, m);
		return strcmp(m->rights, "r--p") == 0;
	}
	return 0;
}

/* "FROM-TO rwxp OFFSET MAJOR:MINOR INODE PATH" */
static void maps_line(struct judge *j, const char *line)
{
	unsigned long long from = 0, to = 0, offset = 0, inode = 0;
	unsigned major = 0, minor = 0;
	int path = 0;
	struct map m = { .path = "" };
	const struct file *image = &j->file[j->file_count - 1];

	if (sscanf(line, "%llx-%llx %7s %llx %x:%x %llu %n", &from, &to, m.rights, &offset, &major,
		   &minor, &inode, &path) < 7 ||
	    strlen(m.rights) != 4 || to <= from || path == 0) {
		deviates(j, FAULT, "maps", "lines that parse", "%.80s", line);
		return;
	}
	m.path = line + path;
	m.bytes = to - from;
	m.offset = offset;
	m.file = (struct file){ .major = major, .minor = minor, .inode = inode };
	if (m.rights[1] == 'w' && m.rights[2] == 'x')
		deviates(j, FAULT, "memory", "never writable and executable", "%s %.60s", m.rights,
			 m.path);
	if (inode == 0) {
		/* The kernel's own pages are not its memory; guards and what is reserved are none. */
		if (memcmp(m.rights, "---", 3) != 0 && strncmp(m.path, "[v", 2) != 0)
			j->anonymous_bytes += m.bytes;
		if (m.rights[2] == 'x' && strcmp(m.path, "[vdso]") != 0 &&
		    strcmp(m.path, "[vsyscall]") != 0)
			deviates(j, FAULT, "executable memory", "its image's alone", "%s %.60s",
				 m.rights, m.path);
		return;
	}
	j->facts->mappings++;
	if (!map_is_planned(j, &m))
		deviates(j, FAULT, "mapping", "none", "%s of %llu bytes at %llx of %.60s", m.rights,
			 (unsigned long long)m.bytes, offset, m.path);
	if (m.rights[2] != 'x')
		return;
	if (inode != image->inode)
		deviates(j, FAULT, "executable memory", "its image's alone", "%s %.60s", m.rights,
			 m.path);
	else if (j->facts->image_base == 0)
		/* A static PIE begins at address 0 of its file, which is linked 1:1. */
		j->facts->image_base = from - offset;
}

static void judge_maps(struct judge *j)
{
	const struct bind_region *region = bind_regions(j->bind);
	const struct bind_grant *grant = bind_grants(j->bind);
	char thing[128], expected[64];

	for (uint32_t i = 0; i < j->bind->region_count; i++) {
		if (j->file[bind_fd_regions(j->bind) + i].mapped) {
			j->facts->huge_regions +=
				region[i].page_bytes > j->d->plan->host.page_bytes;
			continue;
		}
		region_words(j, i, thing, expected);
		deviates(j, FAULT, thing, expected, "none");
	}
	snprintf(expected, sizeof(expected), "at most %llu bytes of no file",
		 (unsigned long long)j->memory_bytes);
	if (j->anonymous_bytes > j->memory_bytes)
		deviates(j, FAULT, "memory", expected, "%llu bytes",
			 (unsigned long long)j->anonymous_bytes);
	for (uint32_t i = 0; i < j->bind->grant_count; i++) {
		if (grant[i].kind != VANITY_GRANT_XDP || j->rings[i] == (1u << VANITY_RINGS) - 1)
			continue;
		snprintf(thing, sizeof(thing), "rings of device %s", grant[i].name);
		deviates(j, FAULT, thing, "four", "%d", __builtin_popcount(j->rings[i]));
	}
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

static const struct bind_grant *fd_grant(const struct judge *j, uint32_t fd)
{
	const struct bind_grant *grant = bind_grants(j->bind);

	for (uint32_t i = 0; i < j->bind->grant_count; i++)
		if (grant[i].keeps_fd && grant[i].fd == fd)
			return &grant[i];
	return NULL;
}

/* Does a ready shard have it, and as what? */
static int fd_planned(const struct judge *j, uint32_t fd, char ret_words[64])
{
	const struct bind_grant *grant = fd_grant(j, fd);

	snprintf(ret_words, 64, "none");
	if (fd == BIND_FD_EVENT)
		snprintf(ret_words, 64, "its own eventfd");
	else if (fd >= BIND_FD_NEIGHBOURS && fd < bind_fd_grants(j->bind))
		snprintf(ret_words, 64, "the eventfd of %s",
			 j->d->plan->shard[bind_neighbours(j->bind)[fd - BIND_FD_NEIGHBOURS].shard]
				 .name);
	else if (grant != NULL)
		snprintf(ret_words, 64, "device %s", grant->name);
	else
		return 0;
	return 1;
}

/* Where the kernel cannot compare open files: by what /proc calls them. */
static int fd_looks_planned(const struct judge *j, uint32_t fd, const char *target)
{
	const struct bind_grant *grant = fd_grant(j, fd);

	if (grant == NULL)
		return strcmp(target, "anon_inode:[eventfd]") == 0;
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

/* "NUMBER MARK TARGET" */
static void fd_line(struct judge *j, const char *line)
{
	char thing[32], expected[64], mark = '?';
	unsigned fd = 0;
	int target = 0;

	if (!j->steady)
		return;
	j->facts->descriptors++;
	if (sscanf(line, "%u %c %n", &fd, &mark, &target) < 2 || target == 0) {
		deviates(j, FAULT, "descriptors", "lines that parse", "%.80s", line);
		return;
	}
	snprintf(thing, sizeof(thing), "descriptor %u", fd);
	if (!fd_planned(j, fd, expected)) {
		deviates(j, FAULT, thing, expected, "%.100s", line + target);
		return;
	}
	j->open[fd] = 1;
	if (mark == '!' || (mark != '=' && !fd_looks_planned(j, fd, line + target)))
		deviates(j, FAULT, thing, expected, "another, %.90s", line + target);
}

static void judge_fds(struct judge *j)
{
	char thing[32], expected[64];

	for (uint32_t fd = 0; j->steady && fd < bind_fd_regions(j->bind); fd++) {
		snprintf(thing, sizeof(thing), "descriptor %u", fd);
		if (fd_planned(j, fd, expected) && !j->open[fd])
			deviates(j, FAULT, thing, expected, "none");
	}
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

/* In the order in which keeper_facts.c writes them: files are known before maps are judged. */
enum { STATUS, KEEPER, PLANNED, FILES, NAMESPACES, FDS, MAPS, END, NONE };
static const char *const section_name[] = { "status", "keeper", "planned", "files",
					    "ns",     "fd",	"maps",	   "end" };

static void section_line(struct judge *j, int section, const char *line)
{
	switch (section) {
	case STATUS:
		status_line(&j->own, line);
		break;
	case KEEPER:
		status_line(&j->keeper, line);
		break;
	case PLANNED:
		planned_line(j, line);
		break;
	case FILES:
		file_line(j, line);
		break;
	case NAMESPACES:
		namespace_line(j, line);
		break;
	case FDS:
		fd_line(j, line);
		break;
	case MAPS:
		maps_line(j, line);
		break;
	default:
		break;
	}
}

/* 1 when it was of a living process, and complete or too much. */
static int facts_parse(struct judge *j, char *text)
{
	int section = NONE, next_section = STATUS;
	char *next;

	for (char *line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, "== ", 3) != 0) {
			section_line(j, section, line);
			continue;
		}
		if (strcmp(line, "== long") == 0) {
			j->cut = 1;
			return section == MAPS && j->files == j->file_count - BIND_FD_BLOCK;
		}
		if (next_section > END || strcmp(line + 3, section_name[next_section]) != 0)
			return 0;
		section = next_section++;
	}
	return section == END && j->files == j->file_count - BIND_FD_BLOCK;
}

/* Its device was bound anew and it has the binding before: what the keeper has is its successor's. */
static int binding_is_stale(const struct judge *j)
{
	for (uint32_t i = 0; i < j->bind->grant_count; i++)
		if (j->d->device[bind_grants(j->bind)[i].device].stale >= j->generation)
			return 1;
	return 0;
}

void facts_take(struct daemon *d, uint32_t shard, uint32_t generation, int fd)
{
	struct daemon_shard *s = &d->shard[shard];
	struct facts facts = { .generation = generation };
	struct judge j = { .d = d, .shard = shard, .generation = generation, .facts = &facts,
			   .steady = s->facts_steady };
	uint32_t room = plan_bind_bytes(d->plan, shard);
	const struct bind_machine machine = { .hz = d->hz };
	struct bind *bind = calloc(1, room);
	char *text = facts_read(fd);

	if (bind == NULL || text == NULL || generation != s->alive ||
	    plan_bind(d->plan, shard, &machine, bind, room) == 0)
		goto out;
	j.bind = bind;
	if (binding_is_stale(&j))
		goto out;
	j.file_count = bind_fd_facts(bind) + bind->grant_count + 1;
	j.file = calloc(j.file_count, sizeof(*j.file));
	j.open = calloc(1, j.file_count);
	if (j.file == NULL || j.open == NULL || !facts_parse(&j, text))
		goto out;
	judge_status(&j);
	judge_maps(&j);
	judge_fds(&j);
	if (j.cut)
		deviates(&j, FAULT, "mappings", "no more than the keeper tells", "more");
	if (j.unsaid > 0)
		daemon_log(d, "%s.%u: deviates from the plan: %u times more",
			   d->plan->shard[shard].name, generation, j.unsaid);
	facts.uid_compared = j.has_uid;
	facts.cores_compared = j.pinned;
	s->facts = facts;
	access_collect(d, shard);
	if (facts.faults > 0 && !d->sums.stop)
		life_fault(&d->life, shard, LIFE_FAULT_DEVIATES);
out:
	free(j.open);
	free(j.file);
	free(text);
	free(bind);
}

int facts_ask(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];

	if (s->facts_pending)
		return 0;
	s->facts_asked = s->alive;
	/* Ready says the shard itself; a lie only makes the judgement stricter, and who takes it back
	 * is what the policy knows it was. */
	s->facts_steady = wire_load(&s->cell->ready) == s->alive ||
			  d->life.shard[shard].phase == LIFE_RUNNING ||
			  d->life.shard[shard].phase == LIFE_WAITING;
	if (keeper_send(d, KEEPER_FACTS, shard, s->alive) != 0)
		return 0;
	s->facts_pending = 1;
	d->facts_outstanding++;
	return 1;
}
