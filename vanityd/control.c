/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Who made this socket listen, says the kernel: root (setup, for every system of root's) or this user
 * himself. Whoever else it is, what he answers is not the system's. */
static int peer_check(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
		return -errno;
	return peer.uid == 0 || peer.uid == geteuid() ? 0 : -EBADE;
}

int control_connect(const char *path)
{
	const struct timeval patience = { .tv_sec = CONTROL_CONNECT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* With a full backlog connect() waits for the daemon, and so does send(): not for ever. */
	error = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ? -errno : 0;
	if (error == 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		error = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (error == 0)
		error = peer_check(fd);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

static int request_send(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t bytes, sent = 0;
	int error = 0;

	if (text == NULL)
		return -ENOMEM;
	bytes = strlen(text);
	text[bytes++] = '\n'; /* in place of the NUL */
	while (sent < bytes && error == 0) {
		ssize_t n = send(fd, text + sent, bytes - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EINTR)
			error = errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	free(text);
	return error;
}

/* Waits for the next bytes of the answer; 1 when there are some. */
static int answer_wait(int fd, int stop_fd, int64_t deadline_ms)
{
	struct pollfd poll_fd[2] = { { .fd = fd, .events = POLLIN },
				     { .fd = stop_fd, .events = POLLIN } };

	for (;;) {
		int64_t left = deadline_ms < 0 ? -1 : deadline_ms - now_ms();
		int n;

		if (deadline_ms >= 0 && left <= 0)
			return -ETIMEDOUT;
		n = poll(poll_fd, 2, left > 3600000 ? 3600000 : (int)left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && poll_fd[0].revents != 0)
			return 1;
		if (n > 0 && poll_fd[1].revents != 0)
			return -EINTR;
	}
}

/* --- what a daemon said --------------------------------------------------------------------- */

void control_plain(char *ret, size_t room, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 5 <= room; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f)
			ret[n++] = (char)c;
		else
			n += (size_t)snprintf(ret + n, 5, "\\x%02x", c);
	}
	ret[n] = '\0';
}

/* In memory of the caller's, each byte up to four. */
static char *plain_new(const char *text)
{
	size_t room = 4 * strlen(text) + 5;
	char *plain = malloc(room);

	if (plain != NULL)
		control_plain(plain, room, text);
	return plain;
}

static json_t *plain_document(const json_t *from, unsigned depth);

static json_t *plain_object(const json_t *from, unsigned depth)
{
	json_t *object = json_object(), *value;
	const char *key;
	int error = 0;

	json_object_foreach((json_t *)from, key, value)
	{
		char *plain = plain_new(key);

		error |= plain == NULL ||
			 json_object_set_new(object, plain, plain_document(value, depth + 1)) != 0;
		free(plain);
	}
	if (error) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *plain_array(const json_t *from, unsigned depth)
{
	json_t *array = json_array();
	int error = 0;

	for (size_t i = 0; i < json_array_size(from); i++)
		error |= json_array_append_new(
			array, plain_document(json_array_get(from, i), depth + 1));
	if (error) {
		json_decref(array);
		return NULL;
	}
	return array;
}

/* A copy whose keys and texts are plain. NULL: deeper than any answer, or no memory. */
static json_t *plain_document(const json_t *from, unsigned depth)
{
	json_t *text;
	char *plain;

	if (depth > CONTROL_ANSWER_DEPTH)
		return NULL;
	if (json_is_object(from))
		return plain_object(from, depth);
	if (json_is_array(from))
		return plain_array(from, depth);
	if (!json_is_string(from))
		return json_incref((json_t *)from);
	plain = plain_new(json_string_value(from));
	text = json_string(plain);
	free(plain);
	return text;
}

/* Every answer passes here, so that no printing has to think of it. */
static int answer_take(const char *text, size_t bytes, json_t **ret_answer)
{
	json_t *said = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL), *answer;

	if (said == NULL)
		return -ECONNRESET;
	answer = json_is_object(said) ? plain_document(said, 0) : NULL;
	json_decref(said);
	if (answer == NULL)
		return -EBADMSG;
	*ret_answer = answer;
	return 0;
}

int control_ask(int fd, const json_t *request, int stop_fd, int timeout_ms, json_t **ret_answer)
{
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	size_t room = 65536, bytes = 0;
	char *text, *more;
	int error;

	error = request_send(fd, request);
	/* A daemon that refuses us answers and closes before it has read: go on to the answer. */
	if (error != 0 && error != -EPIPE)
		return error;
	text = malloc(room);
	if (text == NULL)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		error = answer_wait(fd, stop_fd, deadline);
		if (error < 0)
			goto out;
		if (bytes == room) {
			error = -EMSGSIZE;
			if (room >= CONTROL_ANSWER_MAX)
				goto out;
			more = realloc(text, room * 2);
			error = -ENOMEM;
			if (more == NULL)
				goto out;
			text = more;
			room *= 2;
		}
		n = recv(fd, text + bytes, room - bytes, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		bytes += (size_t)n;
		if (text[bytes - 1] == '\n')
			break;
	}
	error = answer_take(text, bytes, ret_answer);
out:
	free(text);
	return error;
}

int control_exit(const json_t *answer)
{
	const json_t *value = json_object_get(answer, "exit");
	json_int_t code = json_is_integer(value) ? json_integer_value(value) : EXIT_FAILED;

	return (code >= EXIT_OK && code <= EXIT_DEGRADED) || code == EXIT_ROLLED_BACK ? (int)code :
											EXIT_FAILED;
}

const char *control_words(const json_t *answer)
{
	const char *words = json_string_value(json_object_get(answer, "words"));

	return words != NULL ? words : "";
}
