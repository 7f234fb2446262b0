/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sha2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exit.h"

/* What the parser's two calls need. */
struct loader {
	struct topology_host host; /* its context is this loader */
	const char *root; /* the file the user named */
	unsigned int flags;
	uint32_t files; /* read so far */
	struct load_errors *errors;
};

void load_digest(const void *bytes, size_t count, uint8_t ret_digest[32])
{
	SHA2_CTX sha;

	SHA256Init(&sha);
	SHA256Update(&sha, bytes, count);
	SHA256Final(ret_digest, &sha);
}

/* --- files --- */

/* No link on the way. Beneath @folder unless that is AT_FDCWD: then anywhere. */
static int open_strict(int folder, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   (folder == AT_FDCWD ? 0u : RESOLVE_BENEATH),
	};

	return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

/* A pipe is opened without waiting for a writer: one that has none is empty. What it is read for is
 * waited for. */
static int open_patient(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_RDONLY);
	return fd;
}

/* The folder of the root file, and what follows it in @path. */
static int open_include(const struct loader *l, const char *path)
{
	const char *slash = strrchr(l->root, '/');
	size_t bytes = slash == NULL ? 0 : (size_t)(slash - l->root) + 1;
	char folder[TOPOLOGY_PATH_BYTES] = ".";
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int at, fd, saved;

	if (path[0] == '/' && (bytes == 0 || strncmp(path, l->root, bytes) != 0)) {
		errno = EXDEV;
		return -1;
	}
	if (bytes != 0) {
		memcpy(folder, l->root, bytes);
		folder[bytes] = '\0';
	}
	at = (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof(how));
	if (at < 0)
		return -1;
	fd = open_strict(at, path + bytes);
	saved = errno;
	close(at);
	errno = saved;
	return fd;
}

static const char *refusal(int fd, unsigned int flags)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return "it is a folder";
	if ((flags & LOAD_ROOT_ONLY) == 0)
		return NULL;
	if (!S_ISREG(st.st_mode))
		return "it is no regular file, and root acts on it";
	if (st.st_uid != 0)
		return "it is not root's, and root acts on it";
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than root may write it, and root acts on it";
	return NULL;
}

static const char *read_all(int fd, char *text, uint32_t room, uint32_t *ret_bytes)
{
	uint32_t at = 0;
	char beyond;

	for (;;) {
		ssize_t n = at < room ? read(fd, text + at, room - at) : read(fd, &beyond, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0 || at == room) {
			*ret_bytes = at + (uint32_t)n;
			return NULL;
		}
		at += (uint32_t)n;
	}
}

static const char *loader_read(void *context, const char *path, char *text, uint32_t room,
			       uint32_t *ret_bytes)
{
	struct loader *l = context;
	bool root = l->files++ == 0, strict = (l->flags & LOAD_ROOT_ONLY) != 0;
	const char *reason;
	int fd;

	if (!root && (l->flags & LOAD_NO_INCLUDES) != 0) {
		*ret_bytes = 0;
		return NULL;
	}
	if (root && strcmp(l->root, "-") == 0)
		return read_all(STDIN_FILENO, text, room, ret_bytes);
	if (!strict)
		fd = open_patient(path);
	else
		fd = root ? open_strict(AT_FDCWD, path) : open_include(l, path);
	if (fd < 0 && strict && errno == ELOOP)
		return "a symbolic link is on its way, and root acts on it";
	if (fd < 0 && strict && errno == EXDEV)
		return "it is not beneath the folder of the topology, and root acts on it";
	if (fd < 0)
		return strerror(errno);
	reason = refusal(fd, l->flags);
	if (reason == NULL)
		reason = read_all(fd, text, room, ret_bytes);
	close(fd);
	return reason;
}

/* --- messages --- */

static void loader_message(void *context, const struct topology_message *m)
{
	struct loader *l = context;

	if ((l->flags & LOAD_QUIET) == 0)
		fputs(m->text, stderr);
	if (l->errors != NULL && l->errors->count < TOPOLOGY_ERRORS_MAX) {
		l->errors->error[l->errors->count++] = (struct load_error){
			.id = strdup(m->id),
			.path = strdup(m->path),
			.words = strdup(m->words),
			.help = strdup(m->help),
			.text = strdup(m->text),
			.line = m->line,
			.column = m->column,
		};
	}
}

void load_errors_free(struct load_errors *errors)
{
	for (uint32_t i = 0; i < errors->count; i++) {
		free(errors->error[i].id);
		free(errors->error[i].path);
		free(errors->error[i].words);
		free(errors->error[i].help);
		free(errors->error[i].text);
	}
	errors->count = 0;
}

/* What the parser did not show one by one. */
static void finish_errors(struct loader *l, const struct topology *t)
{
	uint32_t more;

	if (t->error_count <= TOPOLOGY_ERRORS_MAX)
		return;
	more = t->error_count - TOPOLOGY_ERRORS_MAX;
	if (l->errors != NULL)
		l->errors->more = more;
	if ((l->flags & LOAD_QUIET) == 0)
		fprintf(stderr, "%s: %u more error%s\n", t->file[0].path, more,
			more == 1 ? "" : "s");
}

/* --- the calls --- */

static struct topology *topology_new(struct loader *l, const char *path, unsigned int flags,
				     struct load_errors *errors)
{
	*l = (struct loader){
		.host = { l, loader_read, loader_message },
		.root = path,
		.flags = flags,
		.errors = errors,
	};
	return calloc(1, sizeof(struct topology));
}

static const char *shown_path(const char *path)
{
	return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

int load_topology(const char *path, unsigned int flags, struct topology **ret_topology)
{
	struct loader l;
	struct topology *t = topology_new(&l, path, flags, NULL);

	if (t == NULL) {
		fprintf(stderr, "%s: out of memory\n", shown_path(path));
		return EXIT_FAILED;
	}
	if (topology_parse(t, shown_path(path), &l.host) != 0) {
		finish_errors(&l, t);
		free(t);
		return EXIT_TOPOLOGY;
	}
	t->host = NULL; /* it was ours, and ends here */
	*ret_topology = t;
	return EXIT_OK;
}

void load_topology_free(struct topology *t)
{
	free(t);
}

int load_plan_errors(const char *path, const struct plan_host *host, unsigned int flags,
		     struct plan *ret_plan, struct load_errors *errors)
{
	struct loader l;
	struct topology *t = topology_new(&l, path, flags, errors);
	SHA2_CTX sha;

	if (errors != NULL)
		*errors = (struct load_errors){ .count = 0 };
	if (t == NULL) {
		fprintf(stderr, "%s: out of memory\n", shown_path(path));
		return EXIT_FAILED;
	}
	if (topology_parse(t, shown_path(path), &l.host) != 0 ||
	    plan_make(t, host, ret_plan) != 0) {
		finish_errors(&l, t);
		free(t);
		return EXIT_TOPOLOGY;
	}
	SHA256Init(&sha);
	for (uint32_t i = 0; i < t->file_count; i++)
		SHA256Update(&sha, (const uint8_t *)t->text + t->file[i].at, t->file[i].bytes);
	SHA256Final(ret_plan->digest, &sha);
	free(t);
	return EXIT_OK;
}

int load_plan(const char *path, const struct plan_host *host, unsigned int flags,
	      struct plan *ret_plan)
{
	return load_plan_errors(path, host, flags, ret_plan, NULL);
}

int load_host(struct plan_host *ret_host)
{
	long page = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_CONF);
	unsigned long kib;
	char line[256];
	FILE *f;

	if (page <= 0 || cores <= 0) {
		fprintf(stderr, "this machine does not tell its page size and cores\n");
		return EXIT_MACHINE;
	}
	*ret_host = (struct plan_host){ .page_bytes = (uint32_t)page, .cores = (uint32_t)cores };
	f = fopen("/proc/meminfo", "re");
	if (f == NULL)
		return EXIT_OK; /* no huge pages, then */
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Hugepagesize: %lu kB", &kib) == 1 && kib < 1ul << 22)
			ret_host->huge_page_bytes = (uint32_t)(kib * 1024);
	}
	fclose(f);
	return EXIT_OK;
}
