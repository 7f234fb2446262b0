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

int doctor_folder(const struct doctor *d, char ret_path[PATHS_BYTES])
{
	char root[PATHS_BYTES];
	int n;

	if (!d->live)
		n = snprintf(ret_path, PATHS_BYTES, "%s/run/vanity/.doctor", d->root);
	else if (paths_runtime_root(root) == 0)
		n = snprintf(ret_path, PATHS_BYTES, "%.*s/.doctor", (int)PATHS_BYTES - 16, root);
	else
		return -1;
	return n > 0 && n < (int)PATHS_BYTES ? 0 : -1;
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "vanityd doctor: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
	return EXIT_FAILED;
}

/* In a copy of a machine all below its root is the caller's. */
static int folder_make(const struct doctor *d, const char *path, char *ret_why, size_t room)
{
	char part[PATHS_BYTES];

	if (d->live)
		return paths_make_private(path, ret_why, room);
	snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + strlen(d->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		if (mkdir(part, 0755) != 0 && errno != EEXIST)
			break;
		*at = '/';
	}
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	snprintf(ret_why, room, "%.256s: %s", path, strerror(errno));
	return -1;
}

/* Return: a descriptor to append to; -1, said. */
static int journal_open(const char *folder)
{
	static const char head[] = SETUP_JOURNAL_HEAD;
	char path[PATHS_BYTES + 16], text[sizeof(head)] = "";
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/" SETUP_JOURNAL, folder);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		n = pread(fd, text, sizeof(head) - 1, 0);
	if (n >= 0 && n < (ssize_t)sizeof(head) - 1 && strncmp(text, head, (size_t)n) == 0) {
		/* New, or killed while it was. */
		errno = ENOSPC;
		if (ftruncate(fd, 0) == 0 &&
		    write(fd, head, sizeof(head) - 1) == sizeof(head) - 1 && fdatasync(fd) == 0)
			return fd;
	} else if (n == (ssize_t)sizeof(head) - 1 && strncmp(text, head, (size_t)n) == 0) {
		return fd;
	} else if (n >= 0) {
		errno = 0;
	}
	complain(path, errno != 0 ? strerror(errno) : "no journal of ours");
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * A system that owns cores has moved others away from them, and will put back what it found. What
 * one writes down as it was would be what the other has made of it.
 * Return: EXIT_OK; else said.
 */
static int permitted(const struct doctor *d, const char *what)
{
	char name[16], words[96];

	if (!d->live)
		return EXIT_OK;
	if (geteuid() != 0) {
		snprintf(words, sizeof(words), "%s changes the machine: it takes root", what);
		complain(words, "");
		return EXIT_DENIED;
	}
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

/* Only one doctor at a time. Return: a descriptor; -1, said; -2 where there is nothing to lock. */
static int lock_take(const struct doctor *d)
{
	char why[256] = "";
	int folder, fd;

	if (!d->live)
		return -2;
	folder = setup_lock_folder(why, sizeof(why));
	if (folder < 0) {
		complain(why, "");
		return -1;
	}
	fd = setup_lock_take(folder, "doctor", "machine", LOCK_MS);
	close(folder);
	if (fd < 0)
		complain("another one is at work", strerror(-fd));
	return fd < 0 ? -1 : fd;
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

static int changes_make(struct doctor *d, const char *folder, uint32_t *ret_changed)
{
	uint32_t failed = 0;
	int journal = journal_open(folder), result;
	char why[512] = "";

	if (journal < 0)
		return EXIT_FAILED;
	for (uint32_t i = 0; i < d->change_count; i++) {
		result = setup_file_change(journal, d->change[i].path, d->change[i].text, why,
					   sizeof(why));
		*ret_changed += result == 0;
		/* Interrupts of a device's queues and of one core cannot be moved: that is no
		 * failure. */
		if (result < 0 && failed++ < FAILURES_SAID)
			complain("not changed", why);
	}
	if (failed > FAILURES_SAID)
		fprintf(stderr, "vanityd doctor: and %u more\n", failed - FAILURES_SAID);
	if (d->live && d->plan != NULL) {
		result = huge_reserve(d, folder, journal);
		*ret_changed += result == 0;
		failed += result < 0;
	}
	close(journal);
	return failed != 0 && *ret_changed == 0 ? EXIT_FAILED : EXIT_OK;
}

int doctor_fix(struct doctor *d, uint32_t *ret_changed)
{
	char folder[PATHS_BYTES], why[512] = "";
	int lock, result, fresh;

	*ret_changed = 0;
	result = permitted(d, "--fix");
	if (result != EXIT_OK)
		return result;
	if (d->change_count == 0 && (d->plan == NULL || !d->live))
		return EXIT_OK;
	if (doctor_folder(d, folder) != 0)
		return complain("the runtime folder's name is too long", "");
	lock = lock_take(d);
	if (lock == -1)
		return EXIT_FAILED;
	fresh = access(folder, F_OK) != 0;
	result = folder_make(d, folder, why, sizeof(why)) == 0
			 ? changes_make(d, folder, ret_changed)
			 : complain(why, "");
	/* Nothing done, now or earlier: nothing to undo one day. */
	if (fresh && *ret_changed == 0 && setup_undo(folder, why, sizeof(why)) != 0)
		complain(why, "");
	if (lock >= 0)
		close(lock);
	return result;
}

int doctor_undo(struct doctor *d)
{
	char folder[PATHS_BYTES], why[512] = "";
	int lock, result = permitted(d, "--undo");

	if (result != EXIT_OK)
		return result;
	if (doctor_folder(d, folder) != 0)
		return complain("the runtime folder's name is too long", "");
	lock = lock_take(d);
	if (lock == -1)
		return EXIT_FAILED;
	if (access(folder, F_OK) != 0)
		fprintf(stderr, "vanityd doctor: nothing to undo\n");
	else if (setup_undo(folder, why, sizeof(why)) != 0)
		result = complain(why, "");
	if (lock >= 0)
		close(lock);
	return result;
}
