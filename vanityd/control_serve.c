/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exit.h"

#define PEER_GROUPS_MAX 256u
#define QUOTAS 16u
#define SECOND_NS 1000000000ull

enum client_state { CLIENT_NONE, CLIENT_ASKING, CLIENT_WAITING, CLIENT_SENDING };

struct control_client {
	struct control *control;
	int fd;
	enum client_state state;
	uint32_t rights;
	uid_t uid;
	uint64_t since_ns; /* of the state; 0: not stamped yet */
	char name[48];
	char request[CONTROL_REQUEST_MAX];
	size_t request_bytes;
	char *answer;
	size_t answer_bytes, answer_sent;
};

/* Requests of a uid in the second that began then. */
struct quota {
	uid_t uid;
	uint32_t requests;
	uint64_t since_ns; /* 0: free */
};

struct control {
	int listen_fd;
	int dev;
	gid_t read_gid, act_gid;
	int has_read_gid, has_act_gid;
	struct control_host host;
	uint64_t now_ns;
	struct quota quota[QUOTAS];
	uint64_t second_ns; /* of refusals */
	uint32_t refusals;
	struct control_client client[CONTROL_CLIENTS_MAX];
};

static int group_find(const char *name, gid_t *ret_gid)
{
	const struct group *group = getgrnam(name);

	if (group == NULL)
		return 0;
	*ret_gid = group->gr_gid;
	return 1;
}

struct control *control_new(int listen_fd, int dev, const struct control_host *host)
{
	struct control *control = calloc(1, sizeof(*control));
	int flags = fcntl(listen_fd, F_GETFL);

	if (control == NULL || flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		free(control);
		return NULL;
	}
	control->listen_fd = listen_fd;
	control->dev = dev;
	control->host = *host;
	control->has_read_gid = group_find("vanity", &control->read_gid);
	control->has_act_gid = group_find("vanity-ops", &control->act_gid);
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		control->client[i].fd = -1;
		control->client[i].control = control;
	}
	return control;
}

void control_grant(struct control *control, gid_t read_gid, gid_t act_gid)
{
	control->read_gid = read_gid;
	control->act_gid = act_gid;
	control->has_read_gid = control->has_act_gid = 1;
}

static void client_drop(struct control_client *client)
{
	if (client->state == CLIENT_NONE)
		return;
	if (client->control->host.gone != NULL)
		client->control->host.gone(client->control->host.context, client);
	close(client->fd);
	free(client->answer);
	client->fd = -1;
	client->answer = NULL;
	client->answer_bytes = client->answer_sent = client->request_bytes = 0;
	client->state = CLIENT_NONE;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_drop(&control->client[i]);
	free(control);
}

/* What the peer may do: root and, in --dev, the owner everything; else by group. The kernel
 * recorded all of this at connect; nothing the peer says matters. */
static uint32_t rights_of(const struct control *control, int fd, const struct ucred *peer)
{
	gid_t group[PEER_GROUPS_MAX];
	socklen_t bytes = sizeof(group);
	uint32_t rights = 0, count;

	if (peer->uid == 0 || (control->dev && peer->uid == geteuid()))
		return CONTROL_READ | CONTROL_ACT;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, group, &bytes) != 0)
		bytes = 0;
	count = bytes / sizeof(group[0]);
	for (uint32_t i = 0; i <= count; i++) {
		gid_t gid = i < count ? group[i] : peer->gid;

		if (control->has_read_gid && gid == control->read_gid)
			rights |= CONTROL_READ;
		if (control->has_act_gid && gid == control->act_gid)
			rights |= CONTROL_READ | CONTROL_ACT;
	}
	return rights;
}

static uint32_t clients_of(const struct control *control, uid_t uid)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		count += control->client[i].state != CLIENT_NONE && control->client[i].uid == uid;
	return count;
}

static void clients_accept(struct control *control, uint64_t now_ns)
{
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->client[i];
		struct ucred peer = { 0 };
		socklen_t bytes = sizeof(peer);
		int fd;

		if (client->state != CLIENT_NONE)
			continue;
		fd = accept4(control->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
			close(fd);
			continue;
		}
		client->fd = fd;
		client->state = CLIENT_ASKING;
		client->since_ns = now_ns;
		client->rights = rights_of(control, fd, &peer);
		client->uid = peer.uid;
		/* A peer outside our pid namespace has no number here. */
		if (peer.pid > 0)
			snprintf(client->name, sizeof(client->name), "uid %u pid %d", peer.uid,
				 peer.pid);
		else
			snprintf(client->name, sizeof(client->name), "uid %u", peer.uid);
		if ((client->rights & CONTROL_ACT) != 0)
			continue;
		if (i >= CONTROL_CLIENTS_READ)
			control_refuse(client, EXIT_FAILED, "too many clients; try again later");
		else if (clients_of(control, peer.uid) > CONTROL_CLIENTS_UID)
			control_refuse(client, EXIT_FAILED, "too many clients of one user");
	}
}

static void client_send(struct control_client *client)
{
	while (client->answer_sent < client->answer_bytes) {
		ssize_t n = send(client->fd, client->answer + client->answer_sent,
				 client->answer_bytes - client->answer_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0)
			break;
		client->answer_sent += (size_t)n;
	}
	client_drop(client);
}

void control_answer(struct control_client *client, int exit_code, const char *words, json_t *result)
{
	json_t *answer = json_object();
	char *text;

	json_object_set_new(answer, "exit", json_integer(exit_code));
	if (words != NULL)
		json_object_set_new(answer, "words", json_string(words));
	if (result != NULL)
		json_object_set_new(answer, "result", result);
	text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	if (text == NULL) {
		client_drop(client);
		return;
	}
	client->answer = text;
	client->answer_bytes = strlen(text);
	text[client->answer_bytes++] = '\n'; /* in place of the NUL */
	client->answer_sent = 0;
	client->state = CLIENT_SENDING;
	client->since_ns = 0;
}

/* A second of refusals is over: how many of them were not said. */
static void refusals_renew(struct control *control)
{
	char line[80];

	if (control->now_ns - control->second_ns < SECOND_NS)
		return;
	if (control->refusals > CONTROL_REFUSALS_SAID) {
		snprintf(line, sizeof(line), "refused %u more requests within a second",
			 control->refusals - CONTROL_REFUSALS_SAID);
		control->host.refused(control->host.context, line);
	}
	control->refusals = 0;
	control->second_ns = control->now_ns;
}

void control_refuse(struct control_client *client, int exit_code, const char *words)
{
	struct control *control = client->control;
	char line[160];

	snprintf(line, sizeof(line), "refused %s: %s", client->name, words);
	if (control->refusals++ < CONTROL_REFUSALS_SAID)
		control->host.refused(control->host.context, line);
	control_answer(client, exit_code, words, NULL);
}

/* One more request of that uid within its second? Who was not seen longest makes room for others. */
static int quota_take(struct control *control, uid_t uid)
{
	struct quota *q = &control->quota[0];

	for (uint32_t i = 0; i < QUOTAS && (q->uid != uid || q->since_ns == 0); i++)
		if (control->quota[i].uid == uid || control->quota[i].since_ns < q->since_ns)
			q = &control->quota[i];
	if (q->uid != uid || q->since_ns == 0 || control->now_ns - q->since_ns >= SECOND_NS)
		*q = (struct quota){ .uid = uid, .since_ns = control->now_ns };
	return q->requests++ < CONTROL_REQUESTS_UID;
}

static void request_take(struct control_client *client, size_t bytes)
{
	json_t *request = json_loadb(client->request, bytes, JSON_REJECT_DUPLICATES, NULL);
	const char *verb = json_string_value(json_object_get(request, "verb"));

	if (verb == NULL) {
		control_refuse(client, EXIT_USAGE, "no request: one line of JSON with a verb");
	} else if (client->rights == 0) {
		control_refuse(client, EXIT_DENIED,
			      "denied: neither root nor in group vanity or vanity-ops");
	} else if ((client->rights & CONTROL_ACT) == 0 && !quota_take(client->control, client->uid)) {
		control_refuse(client, EXIT_FAILED, "too many requests in a second");
	} else {
		client->state = CLIENT_WAITING;
		client->control->host.request(client->control->host.context, client, verb, request);
	}
	json_decref(request);
}

static void client_read(struct control_client *client)
{
	const char *end;
	ssize_t n;

	n = recv(client->fd, client->request + client->request_bytes,
		 sizeof(client->request) - client->request_bytes, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		client_drop(client);
		return;
	}
	client->request_bytes += (size_t)n;
	end = memchr(client->request, '\n', client->request_bytes);
	if (end != NULL)
		request_take(client, (size_t)(end - client->request));
	else if (client->request_bytes == sizeof(client->request))
		control_refuse(client, EXIT_USAGE, "the request is too long");
}

/* A client that waits says nothing; when it closes its end, what it waits for is forgotten. */
static void client_listen(struct control_client *client)
{
	char byte;
	ssize_t n = recv(client->fd, &byte, 1, 0);

	if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		client_drop(client);
}

uint32_t control_poll(struct control *control, struct pollfd *ret_poll)
{
	uint32_t n = 0, free_slots = 0;

	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct control_client *client = &control->client[i];

		if (client->state == CLIENT_NONE) {
			free_slots++;
			continue;
		}
		ret_poll[n].fd = client->fd;
		ret_poll[n].events = client->state == CLIENT_SENDING ? POLLOUT : POLLIN;
		ret_poll[n++].revents = 0;
	}
	/* With every place taken the next client waits in the backlog, not in this process. */
	if (free_slots > 0) {
		ret_poll[n].fd = control->listen_fd;
		ret_poll[n].events = POLLIN;
		ret_poll[n++].revents = 0;
	}
	return n;
}

void control_serve(struct control *control, uint64_t now_ns)
{
	control->now_ns = now_ns;
	refusals_renew(control);
	clients_accept(control, now_ns);
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->client[i];

		if (client->state == CLIENT_ASKING)
			client_read(client);
		else if (client->state == CLIENT_WAITING)
			client_listen(client);
		if (client->state == CLIENT_SENDING)
			client_send(client);
		if (client->state == CLIENT_NONE || client->state == CLIENT_WAITING)
			continue;
		if (client->since_ns == 0)
			client->since_ns = now_ns;
		else if (now_ns - client->since_ns > CONTROL_SLOW_NS)
			client_drop(client);
	}
}

int control_sending(const struct control *control)
{
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->client[i].state == CLIENT_SENDING)
			return 1;
	return 0;
}

uint32_t control_client_rights(const struct control_client *client)
{
	return client->rights;
}

const char *control_client_name(const struct control_client *client)
{
	return client->name;
}

uint32_t control_client_index(const struct control_client *client)
{
	return (uint32_t)(client - client->control->client);
}
