/* SPDX-License-Identifier: Apache-2.0 */
/* Clients are of three kinds: well-behaved, wordy, and silent. None may cost the daemon anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "exit.h"

#define NOW 1000000000ull

/* Who the kernel says the peer is, where a test wants somebody else than us. */
static struct ucred peer;
static int peer_faked;

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict bytes)
{
	if (!peer_faked || level != SOL_SOCKET)
		return (int)syscall(SYS_getsockopt, fd, level, name, value, bytes);
	if (name != SO_PEERCRED) {
		errno = ENOPROTOOPT; /* and he has no groups */
		return -1;
	}
	memcpy(value, &peer, sizeof(peer));
	return 0;
}

/* What a client learns of the other end is left as it is: this process. */
static int client_connect(const char *path)
{
	int faked = peer_faked, fd;

	peer_faked = 0;
	fd = control_connect(path);
	peer_faked = faked;
	return fd;
}

struct world {
	char folder[64], path[96];
	int listen_fd;
	struct control *control;
	uint32_t requests, gone, refused;
	int answer; /* at once */
	struct control_client *waiting;
	char said[160];
};

static void on_request(void *context, struct control_client *client, const char *verb,
		       const json_t *request)
{
	struct world *w = context;

	assert_string_equal(json_string_value(json_object_get(request, "verb")), verb);
	w->requests++;
	w->waiting = client;
	if (w->answer)
		control_answer(client, EXIT_OK, NULL, json_pack("{s:s}", "said", verb));
}

static void on_gone(void *context, struct control_client *client)
{
	struct world *w = context;

	(void)client;
	w->gone++;
}

static void on_refused(void *context, const char *line)
{
	struct world *w = context;

	assert_null(strchr(line, '\n'));
	snprintf(w->said, sizeof(w->said), "%s", line);
	w->refused++;
}

static int world_new(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control_host host = { w, on_request, on_gone, on_refused };

	snprintf(w->folder, sizeof(w->folder), "/tmp/vanity-control-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->path, sizeof(w->path), "%s/control", w->folder);
	memcpy(address.sun_path, w->path, strlen(w->path) + 1);
	w->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(w->listen_fd, 64), 0);
	w->control = control_new(w->listen_fd, 1, &host);
	assert_non_null(w->control);
	w->answer = 1;
	*state = w;
	return 0;
}

static int world_free(void **state)
{
	struct world *w = *state;

	control_free(w->control);
	close(w->listen_fd);
	unlink(w->path);
	rmdir(w->folder);
	free(w);
	return 0;
}

static int client_new(struct world *w, const char *text, size_t bytes)
{
	int fd = client_connect(w->path);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, text, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
	return fd;
}

/* What the daemon said until it closed; 0 bytes when nothing is there yet. */
static size_t client_read(int fd, char *ret_text, size_t room)
{
	size_t bytes = 0;
	ssize_t n;

	while (bytes < room - 1 &&
	       (n = recv(fd, ret_text + bytes, room - 1 - bytes, MSG_DONTWAIT)) > 0)
		bytes += (size_t)n;
	ret_text[bytes] = '\0';
	return bytes;
}

static void one_line_gets_one_answer(void **state)
{
	struct world *w = *state;
	int fd = client_new(w, "{\"verb\":\"status\"}\n", 18);
	char text[256];

	control_serve(w->control, NOW);
	client_read(fd, text, sizeof(text));
	assert_string_equal(text, "{\"exit\":0,\"result\":{\"said\":\"status\"}}\n");
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->gone, 1);
	close(fd);
}

static void those_who_may_only_look_leave_room_for_those_who_act(void **state)
{
	struct world *w = *state;
	int fd[CONTROL_CLIENTS_MAX], operator;
	char text[256];

	peer_faked = 1;
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		peer = (struct ucred){ .uid = 12345 + i / 4, .gid = 12345 };
		assert_true((fd[i] = client_connect(w->path)) >= 0);
		control_serve(w->control, NOW);
	}
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		client_read(fd[i], text, sizeof(text));
		assert_int_equal(strstr(text, "too many clients") != NULL,
				 i >= CONTROL_CLIENTS_READ);
	}
	peer = (struct ucred){ .uid = 0 };
	operator= client_new(w, "{\"verb\":\"stop\"}\n", 16);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, 1);
	peer_faked = 0;
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
	close(operator);
}

static void a_client_asks_nobody_but_root_and_himself(void **state)
{
	struct world *w = *state;
	int fd;

	peer_faked = 1;
	peer = (struct ucred){ .uid = geteuid() + 1 };
	assert_int_equal(control_connect(w->path), -EBADE);
	peer.uid = 0;
	fd = control_connect(w->path);
	peer_faked = 0;
	assert_true(fd >= 0);
	close(fd);
}

/* The peer of a test has no groups; as one in group vanity it may look. */
static int looker(struct world *w, uid_t uid)
{
	peer = (struct ucred){ .uid = uid, .gid = 12345 };
	peer_faked = 1;
	control_grant(w->control, 12345, 54321);
	return client_new(w, "{\"verb\":\"status\"}\n", 18);
}

static void one_who_looks_leaves_places_for_others_who_look(void **state)
{
	struct world *w = *state;
	int fd[CONTROL_CLIENTS_UID + 2];
	char text[256];

	w->answer = 0;
	for (uint32_t i = 0; i <= CONTROL_CLIENTS_UID; i++)
		fd[i] = looker(w, 1000);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, CONTROL_CLIENTS_UID);
	client_read(fd[CONTROL_CLIENTS_UID], text, sizeof(text));
	assert_non_null(strstr(text, "too many clients of one user"));
	fd[CONTROL_CLIENTS_UID + 1] = looker(w, 1001);
	control_serve(w->control, NOW);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, CONTROL_CLIENTS_UID + 1);
	peer_faked = 0;
	for (uint32_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		close(fd[i]);
}

static void one_who_looks_has_so_many_requests_a_second(void **state)
{
	struct world *w = *state;
	char text[256];

	for (uint32_t i = 0; i < CONTROL_REQUESTS_UID + 10; i++) {
		int fd = looker(w, 1000);

		control_serve(w->control, NOW);
		client_read(fd, text, sizeof(text));
		assert_int_equal(strstr(text, "too many requests") != NULL, i >= CONTROL_REQUESTS_UID);
		close(fd);
	}
	assert_int_equal(w->requests, CONTROL_REQUESTS_UID);
	/* Others have theirs, also many others; and so has he in the next second. */
	for (uid_t uid = 1001; uid < 1101; uid++) {
		close(looker(w, uid));
		control_serve(w->control, NOW + 1);
	}
	assert_int_equal(w->requests, CONTROL_REQUESTS_UID + 100);
	close(looker(w, 1000));
	control_serve(w->control, NOW + 1000000001);
	assert_int_equal(w->requests, CONTROL_REQUESTS_UID + 101);
	/* Who acts is not counted. */
	peer = (struct ucred){ .uid = 0 };
	for (uint32_t i = 0; i < 2 * CONTROL_REQUESTS_UID; i++) {
		close(client_new(w, "{\"verb\":\"status\"}\n", 18));
		control_serve(w->control, NOW + 1000000002);
	}
	assert_int_equal(w->requests, 3 * CONTROL_REQUESTS_UID + 101);
	peer_faked = 0;
}

static void a_flood_of_refusals_is_a_number_in_the_log(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < CONTROL_REFUSALS_SAID + 50; i++) {
		close(client_new(w, "nonsense\n", 9));
		control_serve(w->control, NOW);
	}
	assert_int_equal(w->refused, CONTROL_REFUSALS_SAID);
	control_serve(w->control, NOW + 1000000000);
	assert_int_equal(w->refused, CONTROL_REFUSALS_SAID + 1);
	assert_string_equal(w->said, "refused 50 more requests within a second");
}

static void a_request_may_come_in_pieces(void **state)
{
	struct world *w = *state;
	int fd = client_new(w, "{\"verb\":", 8);
	char text[256];

	control_serve(w->control, NOW);
	assert_int_equal(w->requests, 0);
	assert_int_equal(send(fd, "\"log\"}\n", 7, 0), 7);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, 1);
	assert_true(client_read(fd, text, sizeof(text)) > 0);
	close(fd);
}

static void what_is_no_request_is_refused_with_a_line_in_the_log(void **state)
{
	static const char *const bad[] = { "\n",
					   "status\n",
					   "[]\n",
					   "{}\n",
					   "{\"verb\":7}\n",
					   "{\"verb\":\"a\",\"verb\":\"b\"}\n",
					   "{\"verb\":\"a\"\n" };
	struct world *w = *state;
	char text[256];

	for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = client_new(w, bad[i], strlen(bad[i]));

		control_serve(w->control, NOW);
		client_read(fd, text, sizeof(text));
		assert_non_null(strstr(text, "\"exit\":2"));
		assert_int_equal(w->refused, i + 1);
		close(fd);
	}
	assert_int_equal(w->requests, 0);
}

static void a_request_longer_than_the_limit_is_refused(void **state)
{
	struct world *w = *state;
	char text[CONTROL_REQUEST_MAX + 1], answer[256];
	int fd;

	memset(text, ' ', sizeof(text));
	fd = client_new(w, text, CONTROL_REQUEST_MAX);
	control_serve(w->control, NOW);
	client_read(fd, answer, sizeof(answer));
	assert_non_null(strstr(answer, "too long"));
	close(fd);
	/* Its refused neighbour: one byte less, and the line ends. */
	text[CONTROL_REQUEST_MAX - 1] = '\n';
	memcpy(text, "{\"verb\":\"log\"}", 14);
	fd = client_new(w, text, CONTROL_REQUEST_MAX);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, 1);
	close(fd);
}

static void a_client_that_says_nothing_is_dropped(void **state)
{
	struct world *w = *state;
	int fd = client_new(w, "{", 1);
	char byte;

	control_serve(w->control, NOW);
	control_serve(w->control, NOW + CONTROL_SLOW_NS);
	assert_int_equal(w->gone, 0);
	control_serve(w->control, NOW + CONTROL_SLOW_NS + 1);
	assert_int_equal(w->gone, 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

static void a_client_that_waits_for_an_answer_is_not(void **state)
{
	struct world *w = *state;
	int fd;

	w->answer = 0;
	fd = client_new(w, "{\"verb\":\"restart\"}\n", 19);
	control_serve(w->control, NOW);
	control_serve(w->control, NOW + 10 * CONTROL_SLOW_NS);
	assert_int_equal(w->gone, 0);
	/* It goes away by itself: then nobody is told any more. */
	close(fd);
	control_serve(w->control, NOW + 10 * CONTROL_SLOW_NS);
	assert_int_equal(w->gone, 1);
}

static void a_client_that_does_not_read_is_dropped_and_blocks_nobody(void **state)
{
	struct world *w = *state;
	char *large = malloc((8u << 20) + 1), text[256];
	int fd, other;

	memset(large, 'x', 8u << 20);
	large[8u << 20] = '\0';
	w->answer = 0;
	fd = client_new(w, "{\"verb\":\"log\"}\n", 15);
	control_serve(w->control, NOW);
	control_answer(w->waiting, EXIT_OK, large, NULL);
	control_serve(w->control, NOW);
	assert_true(control_sending(w->control));
	w->answer = 1;
	other = client_new(w, "{\"verb\":\"status\"}\n", 18);
	control_serve(w->control, NOW);
	assert_true(client_read(other, text, sizeof(text)) > 0);
	control_serve(w->control, NOW + CONTROL_SLOW_NS + 1);
	assert_false(control_sending(w->control));
	close(fd);
	close(other);
	free(large);
}

static void more_clients_than_places_wait_in_the_backlog(void **state)
{
	struct world *w = *state;
	struct pollfd p[CONTROL_CLIENTS_MAX + 1];
	int fd[CONTROL_CLIENTS_MAX + 1];

	w->answer = 0;
	for (uint32_t i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		fd[i] = client_new(w, "{\"verb\":\"log\"}\n", 15);
	control_serve(w->control, NOW);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, CONTROL_CLIENTS_MAX);
	/* All places taken: the listening socket is not even looked at. */
	assert_int_equal(control_poll(w->control, p), CONTROL_CLIENTS_MAX);
	close(fd[0]);
	control_serve(w->control, NOW);
	control_serve(w->control, NOW);
	assert_int_equal(w->requests, CONTROL_CLIENTS_MAX + 1);
	for (uint32_t i = 1; i <= CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(one_line_gets_one_answer),
		WITH_WORLD(those_who_may_only_look_leave_room_for_those_who_act),
		WITH_WORLD(a_client_asks_nobody_but_root_and_himself),
		WITH_WORLD(one_who_looks_leaves_places_for_others_who_look),
		WITH_WORLD(one_who_looks_has_so_many_requests_a_second),
		WITH_WORLD(a_flood_of_refusals_is_a_number_in_the_log),
		WITH_WORLD(a_request_may_come_in_pieces),
		WITH_WORLD(what_is_no_request_is_refused_with_a_line_in_the_log),
		WITH_WORLD(a_request_longer_than_the_limit_is_refused),
		WITH_WORLD(a_client_that_says_nothing_is_dropped),
		WITH_WORLD(a_client_that_waits_for_an_answer_is_not),
		WITH_WORLD(a_client_that_does_not_read_is_dropped_and_blocks_nobody),
		WITH_WORLD(more_clients_than_places_wait_in_the_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
