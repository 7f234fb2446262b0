/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h: a system raised by this process: what start, run and demo have in common.
 *
 *      session_load()    file -> plan; refuses what this build or this machine lacks
 *      session_raise()   setup, then wait until every shard is ready; else everything is undone
 *      session_ask()     a request to its daemon
 *      session_end()     drain, sums, stop, undo
 *
 * Until setup_commit() the system goes when this process goes.
 */
#ifndef VANITYD_SESSION_H
#define VANITYD_SESSION_H

#include <stdint.h>

#include <jansson.h>

#include "setup.h"
#include "topology/plan.h"

struct session {
	struct plan *plan;
	const char *path; /* borrowed: its topology */
	struct setup_result setup;
	int dev, quiet;
	int raised; /* setup_start succeeded and nothing undid it yet */
	int stop_fd; /* readable: a signal asked us to stop, or the keeper is gone; or -1 */
	int signal_fd;
	uint64_t begun_ns;
	const char *stage; /* the last one setup began; borrowed */
	char stages[2048]; /* progress lines kept back behind the first line of --dev */
};

uint64_t session_now_ns(void);

/**
 * session_load() - a plan fit to be started here
 * @path: topology file
 * Return: EXIT_OK, or an exit code with everything said on stderr.
 */
int session_load(struct session *s, const char *path, int dev, int quiet);

/**
 * session_raise() - up to every shard ready
 * @ret_status: the daemon's status document, or NULL if nobody wants it
 * Return: EXIT_OK, or an exit code: said on stderr, and nothing is left behind.
 */
int session_raise(struct session *s, json_t **ret_status);

/* Signals that end a foreground system; session_ask() gives up when one comes. */
int session_signals(struct session *s);
/* 1 when a signal came; it stays so. */
int session_interrupted(const struct session *s);

/* Waits, but not beyond such a signal or the keeper's end. */
void session_pause(const struct session *s, int timeout_ms);

/* From here on questions are answered in spite of the signal that came. */
void session_forget_stop(struct session *s);

/* 1 while its keeper lives. */
int session_alive(const struct session *s);

/**
 * session_ask() - one request to its daemon
 * @request: stolen
 * Return: exit code; @ret_result is the caller's, or NULL.
 */
int session_ask(struct session *s, json_t *request, int timeout_ms, json_t **ret_result);

/**
 * session_end() - drain, sums, stop, undo
 * @ret_sums: the caller's; NULL when the daemon could not say them
 * Return: exit code
 */
int session_end(struct session *s, json_t **ret_sums);

/* Undo at once, nothing asked. For the way out of a failure. */
void session_drop(struct session *s);

/**
 * system_stop() - stop a system by its name, whoever raised it
 * @control: path of its control socket
 * @ret_sums: the caller's, or NULL when its daemon does not answer
 * Return: exit code
 */
int system_stop(const char *system, const char *control, json_t **ret_sums);

/** system_clear() - end what runs of @system without asking it anything, undo what it left, and say so
 * where somebody wants to know. Return: as setup_stop(). */
int system_clear(const char *system, unsigned patience_ms);

/* A reason on stderr, with its remedy if there is one. */
void session_say(const char *why);

#endif
