/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.c: the stages of a start, in order.
 *
 *      what                          what a kill here leaves         what takes it away
 *      lock the system               nothing (flock)
 *      undo what a dead one left
 *      runtime folder, journal       the folder                      next start, stop, undo
 *      locks of cores, devices, uids nothing (flock)
 *      huge pages      (journalled)  a larger nr_hugepages           next start, stop, undo
 *      memory, images, configs       nothing (memfds)
 *      log                           a file in the folder            next start, stop, undo
 *      devices                       nothing: sockets, taps and XDP links end with their holders
 *      control socket                a file in the folder            next start, stop, undo
 *      cores           (journalled)  affinities, a cgroup            next start, stop, undo
 *      keeper                        nothing: it sees our end        the keeper itself
 *      setup_commit()                the running system
 *
 * So there are two kinds of things: descriptors, which the kernel takes back when their last
 * holder dies, and changes to the machine, each of which is in the journal, on disk, before it is
 * made. A failure of any stage ends in the same undo that a kill would.
 *
 * Every descriptor goes straight to its number in keeper_hand.h; whatever lies at
 * KEEPER_FD_BASE or above after a failure is closed as one range.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <arch.h>
#include <syscall.h>

/* What the keeper opens besides: a pidfd and facts a shard, and a few of its own. */
#define FDS_PER_SHARD 3u
#define FDS_SPARE 64u
#define CALIBRATE_NS_MIN 2000000ull
#define CLOCK_LOOKS 5
#define FILE_ROOM_BYTES (64ull << 20) /* the largest image; the log is smaller */

const char *setup_remedy(const char *reason)
{
	static const struct {
		int error;
		const char *remedy;
	} table[] = {
		{ ENOSPC, "free some room there" },
		{ EDQUOT, "free some room there" },
		{ EROFS, "make it writable" },
		{ EMFILE, "raise it: ulimit -Hn" },
		{ ENFILE, "raise fs.file-max" },
		{ ENOMEM, "free memory" },
	};
	size_t bytes = strlen(reason);

	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *words = strerror(table[i].error);

		if (bytes >= strlen(words) && strcmp(reason + bytes - strlen(words), words) == 0)
			return table[i].remedy;
	}
	return "";
}

int setup_fail(struct setup *s, int exit_code, const char *remedy, const char *format, ...)
{
	struct setup_result *r = s->result;
	va_list list;

	if (r->exit_code != 0)
		return -1;
	va_start(list, format);
	vsnprintf(r->error, sizeof(r->error), format, list);
	va_end(list);
	/* What the machine lacks is the machine's, whoever asked for it. */
	if (remedy[0] == '\0') {
		remedy = setup_remedy(r->error);
		exit_code = remedy[0] != '\0' ? 4 : exit_code;
	}
	r->exit_code = exit_code;
	snprintf(r->remedy, sizeof(r->remedy), "%s", remedy);
	return -1;
}

int setup_place(struct setup *s, int fd, int at, const char *what)
{
	int error = fd < 0 ? errno : 0;

	if (error == 0 && dup3(fd, at, O_CLOEXEC) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	return error == 0 ? 0 : setup_fail(s, 1, "", "%s: %s", what, strerror(error));
}

const char *setup_inactive_words(enum setup_inactive what)
{
	static const char *const words[SETUP_INACTIVE_COUNT] = {
		[SETUP_INACTIVE_OWN_UID] = "a uid of its own for each shard",
		[SETUP_INACTIVE_PINNING] = "cores of their own",
		[SETUP_INACTIVE_HUGE_PAGES] = "huge pages",
		[SETUP_INACTIVE_LOCKED] = "locked memory (RLIMIT_MEMLOCK)",
		[SETUP_INACTIVE_LANDLOCK] = "Landlock",
		[SETUP_INACTIVE_LANDLOCK_NET] = "Landlock for TCP",
		[SETUP_INACTIVE_LANDLOCK_SCOPE] = "Landlock for signals and abstract sockets",
		[SETUP_INACTIVE_DAEMON_UID] = "a uid of its own for vanityd",
	};

	return (unsigned)what < SETUP_INACTIVE_COUNT ? words[what] : NULL;
}

/* --- the clock ----------------------------------------------------------------------------- */

/* Both clocks at one moment: of a few looks the one that was interrupted least. */
static void clock_look(uint64_t *ret_cycles, uint64_t *ret_ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < CLOCK_LOOKS; i++) {
		struct timespec t;
		uint64_t before = arch_cycles(), after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = arch_cycles();
		if (after - before < best) {
			best = after - before;
			*ret_cycles = before + (after - before) / 2;
			*ret_ns = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
		}
	}
}

/* What the CPU says, or what is seen over the time the rest of setup took anyway; at least 2 ms,
 * for an error below 0.01 %. */
static uint64_t clock_hz(const struct setup *s)
{
	uint64_t cycles, ns, hz = arch_hz();

	if (hz != 0)
		return hz;
	do {
		clock_look(&cycles, &ns);
	} while (ns - s->cycles_ns < CALIBRATE_NS_MIN);
	return (uint64_t)((unsigned __int128)(cycles - s->cycles) * 1000000000ull /
			  (ns - s->cycles_ns));
}

/* --- stages -------------------------------------------------------------------------------- */

static int stage_room(struct setup *s)
{
	uint32_t fds = (uint32_t)s->fd_end + FDS_PER_SHARD * s->plan->shard_count + FDS_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return setup_fail(s, 1, "", "RLIMIT_NOFILE: %s", strerror(errno));
	if (limit.rlim_max < fds)
		return setup_fail(s, 4, "raise it: ulimit -Hn", "%u descriptors are needed, the limit is %llu",
				  fds, (unsigned long long)limit.rlim_max);
	if (limit.rlim_cur < fds) {
		limit.rlim_cur = fds;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			return setup_fail(s, 1, "", "RLIMIT_NOFILE: %s", strerror(errno));
	}
	return 0;
}

/* Memory is files to the kernel: a limit on those would end us by a signal while we make it. */
static int stage_file_room(struct setup *s)
{
	struct rlimit limit, all = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t needed = FILE_ROOM_BYTES;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
		return setup_fail(s, 1, "", "RLIMIT_FSIZE: %s", strerror(errno));
	if (limit.rlim_cur == RLIM_INFINITY || setrlimit(RLIMIT_FSIZE, &all) == 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	for (uint32_t i = 0; i < s->plan->region_count; i++)
		if (s->plan->region[i].bytes > needed)
			needed = s->plan->region[i].bytes;
	if (limit.rlim_max < needed || setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return setup_fail(s, 4, "raise it: ulimit -Hf",
				  "files of %llu bytes are needed, the limit is %llu",
				  (unsigned long long)needed, (unsigned long long)limit.rlim_max);
	return 0;
}

static int stage_paths(struct setup *s)
{
	const struct setup_options *o = s->options;
	const char *image = o->image != NULL ? o->image : "/proc/self/exe";
	const char *programs = o->programs != NULL ? o->programs : s->plan->programs;
	struct setup_result *r = s->result;
	int n;

	if (paths_runtime_root(s->root) != 0 || paths_runtime(s->plan->system, r->run) != 0)
		return setup_fail(s, 4, "", "the runtime folder's name is too long");
	n = snprintf(r->control, sizeof(r->control), "%s/control", r->run);
	if (n < 0 || n >= (int)sizeof(r->control))
		return setup_fail(s, 4, "", "the runtime folder's name is too long");
	n = o->log != NULL ? snprintf(r->log, sizeof(r->log), "%s", o->log) :
			     snprintf(r->log, sizeof(r->log), "%s/log", r->run);
	if (n < 0 || n >= (int)sizeof(r->log))
		return setup_fail(s, 2, "", "the log's name is too long");
	snprintf(s->image, sizeof(s->image), "%s", image);
	if (paths_programs(image, programs, r->programs) != 0)
		return setup_fail(s, 4, "say host { programs = \"FOLDER\" }",
				  "no folder of programs: %s",
				  programs[0] != '\0' ? programs : "neither built nor installed");
	if (o->keeper != NULL)
		snprintf(s->keeper, sizeof(s->keeper), "%s", o->keeper);
	else if (paths_keeper(image, s->keeper) != 0)
		return setup_fail(s, 4, "install Vanity, or build it", "the keeper's image is missing");
	return 0;
}

/* What a dead system of this name left, then a folder and a journal of our own. */
static int stage_folder(struct setup *s)
{
	char why[256], head[sizeof(SETUP_JOURNAL_HEAD) + SETUP_BOOT_BYTES] = SETUP_JOURNAL_HEAD;
	struct setup_result *r = s->result;

	if (access(r->run, F_OK) == 0 && setup_undo(r->run, why, sizeof(why)) != 0)
		return setup_fail(s, 4,
				  setup_remedy(why)[0] != '\0' ?
					  setup_remedy(why) :
					  "mend that and try again; what is to be put back stands in its journal",
				  "leftovers of %s: %s", r->run, why);
	if (paths_make_private(r->run, why, sizeof(why)) != 0)
		setup_fail(s, 4, "", "%s", why);
	else if ((s->run_fd = open(r->run, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		setup_fail(s, 4, "", "%s: %s", r->run, strerror(errno));
	else if ((s->journal_fd = openat(s->run_fd, SETUP_JOURNAL,
					 O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
					 0600)) < 0)
		setup_fail(s, 4, "", "%s/%s: %s", r->run, SETUP_JOURNAL, strerror(errno));
	(void)setup_boot_line(head + strlen(head), SETUP_BOOT_BYTES);
	if (s->journal_fd >= 0)
		return setup_journal_write(s, head);
	/* Without a journal no undo would take it away; with anything in it, it is not ours. */
	(void)rmdir(r->run);
	return -1;
}

/* Who may open the control socket. Before anything is changed: names are looked up by libraries of the
 * machine's, some of which end us when the kernel refuses them something. */
static int stage_users(struct setup *s)
{
	const struct group *group;

	s->hand.dev = s->options->dev != 0;
	s->hand.daemon_uid = geteuid();
	s->hand.daemon_gid = getegid();
	if (s->options->dev) {
		s->hand.inactive |= 1u << SETUP_INACTIVE_OWN_UID | 1u << SETUP_INACTIVE_PINNING |
				    1u << SETUP_INACTIVE_DAEMON_UID;
	} else {
		group = getgrnam("vanity");
		s->control_gid = group != NULL ? group->gr_gid : 0;
	}
	if (s->plan->host.huge_page_bytes == 0)
		s->hand.inactive |= 1u << SETUP_INACTIVE_HUGE_PAGES;
	return 0;
}

/* What the processor reports. Asked before anything is made, because a plan may want more. */
static int stage_features(struct setup *s)
{
	char why[256];

	waits_look(&s->waits);
	if (waits_refuse(&s->waits, s->plan, why, sizeof(why)) != 0)
		return setup_fail(s, 4, "name another, or leave the option out", "%s", why);
	return 0;
}

/* On two of the shards' own cores, which are locked by now; of a shard that shares one, nothing hangs
 * on it. Without it every shard pauses, and spins for what a wake costs elsewhere. */
static int stage_waits(struct setup *s)
{
	uint32_t core[2] = { WAITS_CORES_MAX, WAITS_CORES_MAX }, n = 0;

	for (uint32_t i = 0; i < s->plan->shard_count && n < 2; i++)
		if (!s->plan->shard[i].shared)
			core[n++] = s->plan->shard[i].core;
	if (n != 0)
		(void)waits_measure(&s->waits, core[0], core[1]);
	return 0;
}

static int stage_plan(struct setup *s)
{
	int fd = setup_sealed(s, "plan", s->plan, sizeof(*s->plan), 0400, -1);

	return fd < 0 ? -1 : setup_place(s, fd, KEEPER_FD_PLAN, "plan");
}

static int stage_clock(struct setup *s)
{
	s->hand.hz = s->result->hz = clock_hz(s);
	return 0;
}

static int stage_hand(struct setup *s)
{
	int fd;

	s->hand.magic = KEEPER_HAND_MAGIC;
	s->hand.bytes = sizeof(s->hand);
	s->hand.fd_end = (uint32_t)s->fd_end;
	memcpy(s->hand.run, s->result->run, sizeof(s->hand.run));
	fd = setup_sealed(s, "hand", &s->hand, sizeof(s->hand), 0400, -1);
	return fd < 0 ? -1 : setup_place(s, fd, KEEPER_FD_HAND, "hand");
}

static int stage_daemon(struct setup *s)
{
	return setup_place(s, open(s->image, O_PATH | O_CLOEXEC), KEEPER_FD_DAEMON, s->image);
}

static const struct {
	const char *what; /* said before it; NULL: too short to be said */
	int (*run)(struct setup *s);
} stages[] = {
	{ NULL, stage_paths },
	{ NULL, stage_room },
	{ NULL, stage_file_room },
	{ NULL, stage_features },
	{ NULL, stage_users },
	{ "lock", setup_lock_all },
	{ NULL, stage_folder },
	{ "memory", setup_huge_reserve },
	{ NULL, setup_memory },
	{ "programs", setup_images },
	{ NULL, setup_configs },
	{ NULL, setup_events },
	{ NULL, stage_plan },
	{ NULL, stage_daemon },
	{ NULL, setup_log },
	{ NULL, setup_devices },
	{ NULL, setup_socket },
	{ NULL, setup_bounds },
	{ NULL, stage_waits },
	{ NULL, stage_clock },
	{ NULL, setup_binds },
	{ NULL, setup_cores },
	{ NULL, stage_hand },
	{ "keeper", setup_keeper },
};

/* Everything that is the keeper's now, or nobody's. Its socket went to a small number before. */
static void setup_close(struct setup *s)
{
	syscall(SYS_close_range, KEEPER_FD_BASE, (unsigned)s->fd_end - 1, 0);
	if (s->run_fd >= 0)
		close(s->run_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->programs_fd >= 0)
		close(s->programs_fd);
	if (s->journal_fd >= 0)
		close(s->journal_fd);
	if (s->hugepages_fd >= 0)
		close(s->hugepages_fd);
}

int setup_start(const struct plan *plan, const struct setup_options *options,
		struct setup_result *ret_result)
{
	struct setup s = { .plan = plan, .options = options, .result = ret_result, .run_fd = -1,
			   .lock_fd = -1, .programs_fd = -1, .journal_fd = -1, .hugepages_fd = -1 };
	char why[256];
	int error = 0;

	*ret_result = (struct setup_result){ .keeper_pidfd = -1, .keeper_fd = -1 };
	/* One more a core and a device: their locks lie behind the devices. */
	s.lock_at = keeper_fd_cores(plan);
	s.fd_end = s.lock_at + (int)(plan->shard_count + plan->device_count);
	clock_look(&s.cycles, &s.cycles_ns);
	for (uint32_t i = 0; i < sizeof(stages) / sizeof(stages[0]) && error == 0; i++) {
		if (stages[i].what != NULL && options->stage != NULL)
			options->stage(options->context, stages[i].what);
		error = stages[i].run(&s);
	}
	/* Undone under the lock, which the next line gives up. A journal is there only if the folder
	 * was ours to make. */
	if (error != 0 && s.journal_fd >= 0)
		setup_undo_held("", ret_result->run, s.hugepages_fd, why, sizeof(why));
	setup_close(&s);
	return ret_result->exit_code;
}

int setup_commit(struct setup_result *result)
{
	int error = send(result->keeper_fd, "c", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;

	close(result->keeper_fd);
	result->keeper_fd = -1;
	return error;
}
