/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor_fix.c: what can be changed without a new boot, with setup's journal in a folder of its
 * own:
 *
 *      /run/vanity/.doctor/journal        below ROOT, when that is a copy
 *
 * Its name is that of no system. `vanityd doctor --undo` replays it, as would `vanityd undo` with
 * the folder. Files are written back as they were, whoever has written there since: they are the
 * operator's, and --undo is his word. Huge pages are given back by their count.
 */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit.h"
#include "setup.h"
#include "setup_private.h"

#define LOCK_MS 2000u
#define FAILURES_SAID 4u

/* Without ROOT. */
static int doctor_folder(const struct doctor *d, char ret_path[PATHS_BYTES])
{
	char root[PATHS_BYTES];
	int n;

	if (!d->live)
		n = snprintf(ret_path, PATHS_BYTES, "/run/vanity/.doctor");
	else if (paths_runtime_root(root) == 0)
		n = snprintf(ret_path, PATHS_BYTES, "%.*s/.doctor", (int)PATHS_BYTES - 16, root);
	else
		return -1;
	return n > 0 && n < (int)PATHS_BYTES ? 0 : -1;
}

static int complain(const char *what, const char *why)
{
	const char *remedy = setup_remedy(why[0] != '\0' ? why : what);

	fprintf(stderr, "vanityd doctor: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
	if (remedy[0] != '\0')
		fprintf(stderr, "                %s\n", remedy);
	return EXIT_FAILED;
}

/* In a copy of a machine all below its root is the caller's, and nothing else is. */
static int folder_make(const struct doctor *d, const char *path, char *ret_why, size_t room)
{
	char part[PATHS_BYTES], *name;
	int parent, made = 0;

	if (d->live)
		return paths_make_private(path, ret_why, room);
	snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + 1; made == 0 && at != NULL;) {
		char *end = strchr(at, '/');

		if (end != NULL)
			*end = '\0';
		name = strrchr(part, '/');
		*name = '\0';
		parent = setup_root_open(d->root, part[0] != '\0' ? part : "/", O_PATH | O_DIRECTORY, 0);
		*name = '/';
		made = parent >= 0 && (mkdirat(parent, name + 1, 0755) == 0 || errno == EEXIST) ? 0 : -1;
		if (made != 0)
			snprintf(ret_why, room, "%s%.256s: %s", d->root, part, strerror(errno));
		if (parent >= 0)
			close(parent);
		if (end != NULL)
			*end = '/';
		at = end != NULL ? end + 1 : NULL;
	}
	return made;
}

static int folder_there(const struct doctor *d, const char *path)
{
	int fd = setup_root_open(d->root, path, O_PATH | O_NOFOLLOW, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A first line, in a journal that is empty from now on. 0, or -1 and errno. */
static int journal_begin(const struct doctor *d, int fd)
{
	char head[sizeof(SETUP_JOURNAL_HEAD) + SETUP_BOOT_BYTES] = SETUP_JOURNAL_HEAD;
	ssize_t bytes;

	if (d->live)
		(void)setup_boot_line(head + strlen(head), SETUP_BOOT_BYTES);
	bytes = (ssize_t)strlen(head);
	errno = ENOSPC;
	return ftruncate(fd, 0) == 0 && write(fd, head, (size_t)bytes) == bytes && fdatasync(fd) == 0 ? 0 :
														-1;
}

/* Return: a descriptor to append to; -1, said. */
static int journal_open(const struct doctor *d, const char *folder)
{
	static const char head[] = SETUP_JOURNAL_HEAD;
	char path[PATHS_BYTES + 16], text[sizeof(head) + SETUP_BOOT_BYTES] = "";
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/" SETUP_JOURNAL, folder);
	fd = setup_root_open(d->root, path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0)
		n = pread(fd, text, sizeof(text) - 1, 0);
	if (n >= 0 && strncmp(text, head, strlen(text) < strlen(head) ? strlen(text) : strlen(head)) != 0) {
		errno = 0;
	} else if (n >= 0) {
		/* New, or killed while it was, or of a boot before, which nothing is left of. */
		if ((strlen(text) >= strlen(head) && !(d->live && setup_boot_other(text))) ||
		    journal_begin(d, fd) == 0)
			return fd;
	}
	complain(path, errno != 0 ? strerror(errno) : "no journal of ours");
	if (fd >= 0)
		close(fd);
	return -1;
}

static int is_root(const struct doctor *d, const char *what)
{
	char words[96];

	if (!d->live || geteuid() == 0)
		return EXIT_OK;
	snprintf(words, sizeof(words), "%s changes the machine: it takes root", what);
	complain(words, "");
	return EXIT_DENIED;
}

/*
 * A system that owns cores has moved others away from them, and will put back what it found. What
 * one writes down as it was would be what the other has made of it.
 * Return: EXIT_OK; else said.
 */
static int permitted(const char *what)
{
	char name[16], words[96];

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		if (!look_lock_held("core", name))
			continue;
		snprintf(words, sizeof(words), "%s: a running system has core %u", what, i);
		complain(words, "stop it first");
		return EXIT_MACHINE;
	}
	return EXIT_OK;
}

/*
 * One doctor at a time, and no system that takes cores of its own meanwhile: a start has locked them
 * before it takes the lock of all cores, under which it turns what we turn. Huge pages' lock comes
 * before that one, as in a start.
 */
struct locks {
	int doctor, huge, cores; /* -1: not held */
};

static void locks_drop(struct locks *l)
{
	if (l->cores >= 0)
		close(l->cores);
	if (l->huge >= 0)
		close(l->huge);
	if (l->doctor >= 0)
		close(l->doctor);
	l->doctor = l->huge = l->cores = -1;
}

/* Return: EXIT_OK; else said, and none is held. */
static int locks_take(const struct doctor *d, const char *what, int huge, struct locks *ret_locks)
{
	char why[256] = "";
	int folder, result = EXIT_FAILED;

	*ret_locks = (struct locks){ -1, -1, -1 };
	if (!d->live)
		return EXIT_OK;
	folder = setup_lock_folder(why, sizeof(why));
	if (folder < 0)
		return complain(why, "");
	ret_locks->doctor = setup_lock_take(folder, "doctor", "machine", LOCK_MS);
	if (ret_locks->doctor < 0) {
		complain("another one is at work", strerror(-ret_locks->doctor));
	} else if ((huge && (ret_locks->huge = setup_huge_lock(why, sizeof(why))) < 0) ||
		   (ret_locks->cores = setup_cores_lock(folder, LOCK_MS, why, sizeof(why))) < 0) {
		complain(why, "");
	} else {
		result = permitted(what);
	}
	close(folder);
	if (result != EXIT_OK)
		locks_drop(ret_locks);
	return result;
}

/* The pages that the plan lacks, by setup's own hand. Return: 0, 1 when there were all, -1 said. */
static int huge_reserve(const struct doctor *d, const char *folder, int journal_fd)
{
	struct setup_result result = { .exit_code = 0 };
	struct setup s = { .plan = d->plan,
			   .result = &result,
			   .lock_fd = -1,
			   .journal_fd = journal_fd,
			   .hugepages_fd = -1 };
	struct stat before, after;
	char why[256] = "";
	int error;

	snprintf(result.run, sizeof(result.run), "%s", folder);
	s.lock_fd = setup_lock_folder(why, sizeof(why));
	if (s.lock_fd < 0) {
		complain(why, "");
		return -1;
	}
	fstat(journal_fd, &before);
	error = setup_huge_reserve(&s);
	fstat(journal_fd, &after);
	close(s.lock_fd);
	if (s.hugepages_fd >= 0)
		close(s.hugepages_fd);
	if (error != 0)
		complain(result.error, result.remedy);
	return error != 0 ? -1 : before.st_size == after.st_size;
}

/* Those of a device's queues and of one core cannot be moved, on any machine. */
static int is_immovable(const struct doctor_change *c, int result)
{
	return strncmp(c->path, "/proc/irq/", strlen("/proc/irq/")) == 0 &&
	       (result == -EPERM || result == -EIO);
}

static int files_write(const struct doctor *d, int journal, uint32_t *ret_changed)
{
	uint32_t failed = 0, immovable = 0;
	char why[512] = "";
	int result;

	for (uint32_t i = 0; i < d->change_count; i++) {
		result = setup_file_change(journal, d->root, d->change[i].path, d->change[i].text,
					   why, sizeof(why));
		*ret_changed += result == 0;
		if (result < 0 && is_immovable(&d->change[i], result)) {
			if (immovable++ < FAILURES_SAID)
				fprintf(stderr, "vanityd doctor: note: stays where it is: %s\n", why);
		} else if (result < 0 && failed++ < FAILURES_SAID) {
			complain("not changed", why);
		}
	}
	if (immovable > FAILURES_SAID)
		fprintf(stderr, "vanityd doctor: note: and %u more\n", immovable - FAILURES_SAID);
	if (failed > FAILURES_SAID)
		fprintf(stderr, "vanityd doctor: and %u more\n", failed - FAILURES_SAID);
	return failed == 0;
}

static int changes_make(struct doctor *d, const char *folder, struct locks *locks,
			uint32_t *ret_changed)
{
	int journal = journal_open(d, folder), result = 1, done;

	if (journal < 0)
		return EXIT_FAILED;
	done = files_write(d, journal, ret_changed);
	if (locks->cores >= 0)
		close(locks->cores);
	locks->cores = -1;
	if (d->live && d->plan != NULL)
		result = huge_reserve(d, folder, journal);
	*ret_changed += result == 0;
	close(journal);
	return (done && result >= 0) || *ret_changed != 0 ? EXIT_OK : EXIT_FAILED;
}

int doctor_fix(struct doctor *d, uint32_t *ret_changed)
{
	char folder[PATHS_BYTES], why[512] = "";
	int result = is_root(d, "--fix"), fresh;
	struct locks locks;

	*ret_changed = 0;
	if (result != EXIT_OK)
		return result;
	if (doctor_folder(d, folder) != 0)
		return complain("the runtime folder's name is too long", "");
	result = locks_take(d, "--fix", 0, &locks);
	if (result != EXIT_OK)
		return result;
	if (d->change_count == 0 && (d->plan == NULL || !d->live)) {
		locks_drop(&locks);
		return EXIT_OK;
	}
	fresh = !folder_there(d, folder);
	result = folder_make(d, folder, why, sizeof(why)) == 0 ?
			 changes_make(d, folder, &locks, ret_changed) :
			 complain(why, "");
	/* Nothing done, now or earlier: nothing to undo one day. */
	if (fresh && *ret_changed == 0 && setup_undo_held(d->root, folder, -1, why, sizeof(why)) != 0)
		complain(why, "");
	locks_drop(&locks);
	return result;
}

int doctor_undo(struct doctor *d)
{
	char folder[PATHS_BYTES], why[512] = "";
	int result = is_root(d, "--undo");
	struct locks locks;

	if (result != EXIT_OK)
		return result;
	if (doctor_folder(d, folder) != 0)
		return complain("the runtime folder's name is too long", "");
	result = locks_take(d, "--undo", 1, &locks);
	if (result != EXIT_OK)
		return result;
	if (!folder_there(d, folder))
		fprintf(stderr, "vanityd doctor: nothing to undo\n");
	else if (setup_undo_held(d->root, folder, locks.huge, why, sizeof(why)) != 0)
		result = complain(why, "");
	locks_drop(&locks);
	return result;
}
