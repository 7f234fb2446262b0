/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h: what an operator's client and the daemon say to each other.
 *
 *      client                                 daemon (vanityd)
 *        | connect to the control socket         |
 *        | {"verb": "restart", "shard": "fw"}\n  |  one line, at most CONTROL_REQUEST_MAX
 *        |-------------------------------------->|  peer's uid and groups -> rights
 *        |                                       |  ... at once, or when it has come true
 *        | {"exit": 0, "result": { ... }}\n      |  one line, then the connection ends
 *        |<--------------------------------------|
 *
 * A refusal is the same document with its exit code (exit.h) and "words" that say why.
 *
 *      verb      right   members of the request         answered
 *      status    read    [shard]                        at once
 *      stats     read    [shard]                        at once
 *      devices   read                                   at once
 *      log       read    lines | since (long poll)      at once | when there is more
 *      ready     read                                   when every shard runs, or one cannot
 *      item      read    shard, generation              when that generation handled an item
 *      restart   act     shard                          when its successor runs
 *      verify    act     [access: true]                 when the sums, and what every shard can
 *                                                       reach, are known; or the latter alone
 *      stop      act                                    when everything stopped; then the end
 *
 * What a client sends is a claim. A client that is slow, silent or wordy is dropped and never
 * makes the daemon wait: every descriptor is non-blocking, every buffer bounded. Who may only look
 * has a share of the places and of a second; who may act is never kept out by him.
 */
#ifndef VANITYD_CONTROL_H
#define VANITYD_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#define CONTROL_REQUEST_MAX 4096u
#define CONTROL_ANSWER_MAX (16u << 20)
#define CONTROL_ANSWER_DEPTH 16u
#define CONTROL_CLIENTS_MAX 16u
/* Places for those who may not act: they never keep an operator out. */
#define CONTROL_CLIENTS_READ 12u
/* Of one uid that may not act: at a time, and requests a second. */
#define CONTROL_CLIENTS_UID 6u
#define CONTROL_REQUESTS_UID 50u
#define CONTROL_REFUSALS_SAID 100u /* a second; of the rest the log has the number */
#define CONTROL_CONNECT_S 2 /* how long a client waits for room in the backlog */
#define CONTROL_SLOW_NS 5000000000ull /* to send a request, or to take an answer */

enum control_right { CONTROL_READ = 1, CONTROL_ACT = 2 };

/* --- the client's side --------------------------------------------------------------------- */

/**
 * control_connect() - reach a system's daemon
 * Return: a descriptor, or a negative errno (-ECONNREFUSED: nobody there, -ETIMEDOUT: a daemon
 * that hangs, its backlog is full; -EBADE: neither root nor this user made the socket listen).
 */
int control_connect(const char *path);

/**
 * control_ask() - one request, one answer
 * @fd: from control_connect(); good for one request
 * @request: borrowed
 * @stop_fd: readable when the caller gives up waiting (a signalfd), or -1
 * @timeout_ms: -1 for ever
 * @ret_answer: the caller's; an object. All its texts and keys are plain (control_plain())
 *
 * The daemon reads what shards wrote and may have been taken over: what it says is a claim.
 *
 * Return: 0, -ETIMEDOUT, -EINTR (stop_fd), -ECONNRESET (the daemon went away, or no JSON), -EBADMSG
 * (no answer: no object, or deeper than CONTROL_ANSWER_DEPTH), or another errno.
 */
int control_ask(int fd, const json_t *request, int stop_fd, int timeout_ms, json_t **ret_answer);

/* "exit" of an answer, 1 when it has none of exit.h's; its "words" or "". Borrowed. */
int control_exit(const json_t *answer);
const char *control_words(const json_t *answer);

/* What any terminal shows as it is: bytes other than printable ASCII become \xNN. Cut to @room. */
void control_plain(char *ret, size_t room, const char *text);

/* --- the daemon's side --------------------------------------------------------------------- */

struct control;
struct control_client;
struct pollfd;

/* Called with a complete request of a peer; answers now or later with control_answer(). */
typedef void control_request_fn(void *context, struct control_client *client, const char *verb,
				const json_t *request);
/* Called when a client is gone, answered or not. */
typedef void control_gone_fn(void *context, struct control_client *client);
typedef void control_refused_fn(void *context, const char *line);

struct control_host {
	void *context;
	control_request_fn *request;
	control_gone_fn *gone;
	control_refused_fn *refused; /* one line for the log */
};

/**
 * control_new() - serve a listening socket
 * @listen_fd: borrowed, made non-blocking
 * @dev: acting verbs are for the owner, too
 */
struct control *control_new(int listen_fd, int dev, const struct control_host *host);
void control_free(struct control *control);
/* The groups who may look and who may act; control_new() takes those of the machine, if any. */
void control_grant(struct control *control, gid_t read_gid, gid_t act_gid);

/* Fills at most CONTROL_CLIENTS_MAX + 1 entries; returns how many. */
uint32_t control_poll(struct control *control, struct pollfd *ret_poll);
/* Does what can be done without waiting. */
void control_serve(struct control *control, uint64_t now_ns);
/* 1 while an answer is on its way out. */
int control_sending(const struct control *control);

uint32_t control_client_rights(const struct control_client *client);
const char *control_client_name(const struct control_client *client); /* "uid 1000" */
uint32_t control_client_index(const struct control_client *client);

/** control_refuse() - an answer that says no, and a line for the log */
void control_refuse(struct control_client *client, int exit, const char *words);

/** control_answer() - @result is stolen; may be NULL. @words: may be NULL */
void control_answer(struct control_client *client, int exit, const char *words, json_t *result);

#endif
