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
 */
#include "setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ESCAPED_BYTES(bytes) (3u * (bytes) + 1u)
#define LINE_BYTES (ESCAPED_BYTES(PATHS_BYTES) + ESCAPED_BYTES(SETUP_FILE_BYTES) + 16u)

/* Return: bytes read; -errno. */
static ssize_t file_read(const char *path, char ret_text[SETUP_FILE_BYTES])
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), error;
	ssize_t n = fd >= 0 ? read(fd, ret_text, SETUP_FILE_BYTES) : -1;

	error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -error;
	/* Half of it could not be put back. */
	return n < (ssize_t)SETUP_FILE_BYTES ? n : -EFBIG;
}

static int file_write(const char *path, const char *text, size_t bytes)
{
	/* A copy for a test is a plain file; to the kernel's own O_TRUNC says nothing. */
	int fd = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC), error;
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

static int file_announce(int journal_fd, const char *path, const char *before, size_t bytes)
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
		       ? 0
		       : -errno;
}

int setup_file_change(int journal_fd, const char *path, const char *text, char *ret_why,
		      size_t room)
{
	char before[SETUP_FILE_BYTES];
	ssize_t n = file_read(path, before);
	size_t bytes = strlen(text);
	int error = n < 0 ? (int)n : 0;

	if (error == 0 && (size_t)n >= bytes && memcmp(before, text, bytes) == 0 &&
	    ((size_t)n == bytes || ((size_t)n == bytes + 1 && before[bytes] == '\n')))
		return 1;
	if (error == 0) {
		error = file_announce(journal_fd, path, before, (size_t)n);
		if (error != 0) {
			snprintf(ret_why, room, "journal: %s", strerror(-error));
			return -1;
		}
		error = file_write(path, text, bytes);
	}
	if (error == 0)
		return 0;
	snprintf(ret_why, room, "%s: %s", path, strerror(-error));
	return -1;
}

int setup_file_undo(const char *line, char *ret_why, size_t room)
{
	char path[PATHS_BYTES], before[SETUP_FILE_BYTES], now[SETUP_FILE_BYTES];
	const char *at = line + strlen("file ");
	ssize_t n, have;
	int error = 0;

	if (strncmp(line, "file ", strlen("file ")) != 0)
		return 0;
	n = unescape(at, path, sizeof(path) - 1, &at);
	if (n <= 0 || strncmp(at, " =", 2) != 0)
		return 0;
	path[n] = '\0';
	n = unescape(at + 2, before, sizeof(before), &at);
	if (n < 0 || strcmp(at, " .") != 0)
		return 0;
	have = file_read(path, now);
	if (have == -ENOENT)
		return 0; /* an interrupt or core that is gone */
	if (have == n && memcmp(now, before, (size_t)n) == 0)
		return 0;
	error = file_write(path, before, (size_t)n);
	if (error == 0) {
		have = file_read(path, now);
		if (have == n && memcmp(now, before, (size_t)n) == 0)
			return 0;
		error = -EIO;
	}
	snprintf(ret_why, room, "%s: cannot be written back: %s", path, strerror(-error));
	return 1;
}
