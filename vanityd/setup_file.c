/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup_file.c: a small file of the kernel is written, and one day written back.
 *
 *      file PATH =BEFORE .
 *
 * stands in the journal, on disk, before PATH is touched. What is not printable is %XX. A line
 * that a kill or a full disk cut short has no dot at its end and says nothing: its file was never
 * touched. Replayed from the last line to the first, so that the oldest words stay; as often as
 * one likes.
 *
 * In a copy of a machine PATH is that of the machine it is of, and ROOT is put before it: a journal that
 * came with the copy, and a link in it, lead to files of the copy.
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ESCAPED_BYTES(bytes) (3u * (bytes) + 1u)
#define LINE_BYTES (ESCAPED_BYTES(PATHS_BYTES) + ESCAPED_BYTES(SETUP_FILE_BYTES) + 16u)

int setup_root_open(const char *root, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
				.mode = mode,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int folder, fd, error;

	if (root[0] == '\0')
		return open(path, flags | O_CLOEXEC, mode);
	folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
	error = errno;
	close(folder);
	errno = error;
	return fd;
}

/* Return: bytes read; -errno. */
static ssize_t file_read(const char *root, const char *path, char ret_text[SETUP_FILE_BYTES])
{
	int fd = setup_root_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0), error;
	ssize_t n = fd >= 0 ? read(fd, ret_text, SETUP_FILE_BYTES) : -1;

	error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -error;
	/* Half of it could not be put back. */
	return n < (ssize_t)SETUP_FILE_BYTES ? n : -EFBIG;
}

static int file_write(const char *root, const char *path, const char *text, size_t bytes)
{
	/* A copy for a test is a plain file; to the kernel's own O_TRUNC says nothing. */
	int fd = setup_root_open(root, path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0), error;
	ssize_t n = fd >= 0 ? write(fd, text, bytes) : -1;

	error = n < 0 ? -errno : n == (ssize_t)bytes ? 0 : -EIO;
	if (fd >= 0)
		close(fd);
	return error;
}

static char *escape(char *to, const char *text, size_t bytes)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > 0x20 && c < 0x7f && c != '%') {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	*to = '\0';
	return to;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Up to a space. Return: bytes; -1 when they are no such text, or more than @room. */
static ssize_t unescape(const char *from, char *ret, size_t room, const char **ret_end)
{
	size_t n = 0;

	for (; *from != ' ' && *from != '\0'; n++) {
		if (n == room)
			return -1;
		if (*from != '%') {
			ret[n] = *from++;
			continue;
		}
		if (hex_digit(from[1]) < 0 || hex_digit(from[2]) < 0)
			return -1;
		ret[n] = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
		from += 3;
	}
	*ret_end = from;
	return (ssize_t)n;
}

/* Return: where the journal ended before it; -errno. */
static off_t file_announce(int journal_fd, const char *path, const char *before, size_t bytes)
{
	char line[LINE_BYTES], *at = line;
	struct stat st;

	if (strlen(path) >= PATHS_BYTES)
		return -ENAMETOOLONG;
	/* Begins a line of its own, whatever was cut short before it. */
	at = stpcpy(at, "\nfile ");
	at = escape(at, path, strlen(path));
	at = stpcpy(at, " =");
	at = escape(at, before, bytes);
	at = stpcpy(at, " .\n");
	if (fstat(journal_fd, &st) != 0)
		return -errno;
	if (st.st_size + (at - line) > (off_t)SETUP_JOURNAL_BYTES_MAX)
		return -EFBIG;
	errno = ENOSPC;
	return write(journal_fd, line, (size_t)(at - line)) == at - line &&
			       fdatasync(journal_fd) == 0
		       ? st.st_size
		       : -errno;
}

static int file_says(const char *root, const char *path, const char *text, size_t bytes)
{
	char now[SETUP_FILE_BYTES];
	ssize_t n = file_read(root, path, now);

	return n == (ssize_t)bytes && memcmp(now, text, bytes) == 0;
}

int setup_file_change(int journal_fd, const char *root, const char *path, const char *text,
		      char *ret_why, size_t room)
{
	char before[SETUP_FILE_BYTES];
	ssize_t n = file_read(root, path, before);
	size_t bytes = strlen(text);
	int error = n < 0 ? (int)n : 0;
	off_t end = 0;

	if (error == 0 && (size_t)n >= bytes && memcmp(before, text, bytes) == 0 &&
	    ((size_t)n == bytes || ((size_t)n == bytes + 1 && before[bytes] == '\n')))
		return 1;
	if (error == 0) {
		end = file_announce(journal_fd, path, before, (size_t)n);
		if (end < 0) {
			snprintf(ret_why, room, "journal: %s", strerror((int)-end));
			return (int)end;
		}
		error = file_write(root, path, text, bytes);
	}
	if (error == 0)
		return 0;
	/* What refused it will do so again: the journal need not grow each time. */
	if (end > 0 && file_says(root, path, before, (size_t)n))
		(void)!ftruncate(journal_fd, end);
	snprintf(ret_why, room, "%s%s: %s", root, path, strerror(-error));
	return error;
}

int setup_file_undo(const char *root, const char *line, char *ret_why, size_t room)
{
	char path[PATHS_BYTES], before[SETUP_FILE_BYTES], now[SETUP_FILE_BYTES];
	const char *at = line + strlen("file ");
	ssize_t n, have;
	int error;

	if (strncmp(line, "file ", strlen("file ")) != 0)
		return 0;
	n = unescape(at, path, sizeof(path) - 1, &at);
	if (n <= 0 || strncmp(at, " =", 2) != 0)
		return 0;
	path[n] = '\0';
	n = unescape(at + 2, before, sizeof(before), &at);
	if (n < 0 || strcmp(at, " .") != 0)
		return 0;
	have = file_read(root, path, now);
	if (have == -ENOENT)
		return 0; /* an interrupt or core that is gone */
	if (have == n && memcmp(now, before, (size_t)n) == 0)
		return 0;
	error = file_write(root, path, before, (size_t)n);
	if (error == 0 && file_says(root, path, before, (size_t)n))
		return 0;
	snprintf(ret_why, room, "%s%s: cannot be written back: %s", root, path,
		 strerror(error != 0 ? -error : EIO));
	return 1;
}
