/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_parts.c: what a shard gets besides memory, each as a descriptor at its number.
 *
 * What root reads here must be root's and writable by nobody else, and no link may lie on the way
 * to it: images are opened beneath one folder, configs by their path. Each is looked at through the
 * descriptor it is then read from, so a name that is exchanged meanwhile changes nothing. All are
 * copied into sealed memfds, so that what was read is what every generation gets.
 */
#include "setup_private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "core/bind.h"

#define FILE_BYTES_MAX (64u << 20)
#define LISTEN_BACKLOG 16

/* A plain file that nobody below us could have written. */
static int file_check(struct setup *s, int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return setup_fail(s, 4, "", "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
		return setup_fail(s, 4, "", "%s: not a plain file of at most 64 MiB", path);
	if (!s->options->dev && (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
		return setup_fail(s, 4, "chown root, chmod go-w",
				  "%s: not root's alone to write, and root is to use it", path);
	return 0;
}

int setup_open(const struct setup *s, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return s->options->dev ? open(path, flags | O_CLOEXEC) :
				 (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* Why, of a path that setup_open() refused. */
static const char *open_words(int error)
{
	return error == ELOOP ? "a symbolic link is on its way, and root is to use it" : strerror(error);
}

/* An image that root is to run; found beside our own, whose path has no link. */
int setup_image(struct setup *s, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		setup_fail(s, 4, "", "%s: %s", path, strerror(errno));
	} else if (file_check(s, fd, path) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int folder_check(struct setup *s)
{
	const char *path = s->result->programs;
	struct stat st;

	s->programs_fd = setup_open(s, path, O_PATH | O_DIRECTORY);
	if (s->programs_fd < 0 || fstat(s->programs_fd, &st) != 0)
		return setup_fail(s, 4, errno == ELOOP ? "name the folder itself" : "", "%s: %s", path,
				  open_words(errno));
	if (!s->options->dev && (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
		return setup_fail(s, 4, "chown root, chmod go-w",
				  "%s: not root's alone to write, and root is to use it", path);
	return 0;
}

/* Memory that is writable and executable is nobody's, also not for the time until somebody looks.
 * Of the sealed copy: what is looked at is what runs. What is no ELF image does not run. */
static int image_check(struct setup *s, int fd, const char *program)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	for (uint32_t i = 0; i < head.e_phnum; i++) {
		off_t at = (off_t)(head.e_phoff + (uint64_t)i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) != (ssize_t)sizeof(part))
			return 0;
		if (part.p_type == PT_GNU_STACK && (part.p_flags & PF_X) != 0)
			return setup_fail(s, 4, "link it with -z noexecstack",
					  "program %s: its stack is to be executable", program);
		if (part.p_type == PT_LOAD && (part.p_flags & PF_W) != 0 && (part.p_flags & PF_X) != 0)
			return setup_fail(s, 4, "link it without --omagic",
					  "program %s: segment %u is both writable and executable",
					  program, i);
	}
	return 0;
}

static int image_open(struct setup *s, const char *program)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int fd = (int)syscall(SYS_openat2, s->programs_fd, program, &how, sizeof(how));
	int sealed = -1;

	if (fd < 0) {
		setup_fail(s, 4, "build or install it, or say host { programs = \"FOLDER\" }",
			   "program %s in %s: %s", program, s->result->programs, open_words(errno));
		return -1;
	}
	/* Nobody may read it, so no process of it can be dumped or traced by its own uid. With --dev
	 * that uid is the developer's, whose debugger is welcome. */
	if (file_check(s, fd, program) == 0)
		sealed = setup_sealed(s, program, NULL, 0, s->options->dev ? 0555 : 0111, fd);
	close(fd);
	if (sealed >= 0 && image_check(s, sealed, program) != 0) {
		close(sealed);
		sealed = -1;
	}
	return sealed;
}

static int image_fd(const struct setup *s, uint32_t shard)
{
	return keeper_fd_shard(s->plan, shard) + KEEPER_SHARD_IMAGE;
}

int setup_images(struct setup *s)
{
	if (folder_check(s) != 0)
		return -1;
	for (uint32_t i = 0; i < s->plan->shard_count; i++) {
		const char *program = s->plan->shard[i].program;
		int fd = -1;

		/* One copy for all shards of a program. */
		for (uint32_t j = 0; j < i && fd < 0; j++)
			if (strcmp(s->plan->shard[j].program, program) == 0)
				fd = fcntl(image_fd(s, j), F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = image_open(s, program);
		if (fd < 0 || setup_place(s, fd, image_fd(s, i), program) != 0)
			return -1;
	}
	return 0;
}

static int config_open(struct setup *s, const char *path)
{
	int fd, sealed = -1;

	if (path[0] == '\0')
		return setup_sealed(s, "config", NULL, 0, 0400, -1);
	fd = setup_open(s, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		setup_fail(s, 4, errno == ELOOP ? "name the file itself" : "", "config %s: %s", path,
			   open_words(errno));
		return -1;
	}
	if (file_check(s, fd, path) == 0)
		sealed = setup_sealed(s, "config", NULL, 0, 0400, fd);
	close(fd);
	return sealed;
}

int setup_configs(struct setup *s)
{
	for (uint32_t i = 0; i < s->plan->shard_count; i++) {
		int fd = config_open(s, s->plan->shard[i].config);

		if (fd < 0 || setup_place(s, fd, keeper_fd_shard(s->plan, i) + KEEPER_SHARD_CONFIG,
					  "config") != 0)
			return -1;
	}
	return 0;
}

int setup_events(struct setup *s)
{
	for (uint32_t i = 0; i < s->plan->shard_count; i++)
		if (setup_place(s, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
				keeper_fd_shard(s->plan, i) + KEEPER_SHARD_EVENT, "eventfd") != 0)
			return -1;
	return 0;
}

int setup_binds(struct setup *s)
{
	const struct bind_machine machine = { .hz = s->hand.hz,
					      .features = s->waits.features,
					      .wake_ns = s->waits.wake_ns,
					      .wait = s->waits.best };

	for (uint32_t i = 0; i < s->plan->shard_count; i++) {
		uint32_t bytes = plan_bind_bytes(s->plan, i);
		void *block = calloc(1, bytes);
		int fd = -1;

		if (block == NULL || (bytes = plan_bind(s->plan, i, &machine, block, bytes)) == 0)
			setup_fail(s, 1, "", "no memory for a bind block");
		else
			fd = setup_sealed(s, "bind", block, bytes, 0400, -1);
		free(block);
		if (fd < 0 || setup_place(s, fd, keeper_fd_shard(s->plan, i) + KEEPER_SHARD_BIND,
					  "bind block") != 0)
			return -1;
	}
	return 0;
}

/* Bound through the folder's descriptor: a socket's name has room for 107 bytes only. */
int setup_socket(struct setup *s)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	mode_t old;

	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/control", s->run_fd);
	/* Nobody's until it has its group. */
	old = umask(0177);
	if (fd < 0 || bind(fd, (const void *)&name, sizeof(name)) != 0)
		error = errno;
	umask(old);
	if (error == 0 && s->control_gid != 0 &&
	    (fchownat(s->run_fd, "control", 0, s->control_gid, AT_SYMLINK_NOFOLLOW) != 0 ||
	     fchmodat(s->run_fd, "control", 0660, 0) != 0))
		error = errno;
	if (error == 0 && listen(fd, LISTEN_BACKLOG) != 0)
		error = errno;
	if (error != 0) {
		if (fd >= 0)
			close(fd);
		return setup_fail(s, 4, "", "%s: %s", s->result->control, strerror(error));
	}
	return setup_place(s, fd, KEEPER_FD_CONTROL, "control socket");
}

int setup_log(struct setup *s)
{
	int fd = open(s->result->log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);

	return setup_place(s, fd, KEEPER_FD_LOG, s->result->log);
}
