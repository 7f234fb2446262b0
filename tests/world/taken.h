/* SPDX-License-Identifier: Apache-2.0 */
/*
 * taken.h: put in front of vanityd's sources for the vanityd of test-taken alone.
 *
 * Its system's name says what it leaves out of daemon_confine.c: taken-none-N all of it, taken-KIND-N
 * all but that KIND (limits, landlock, filter), taken-all-N nothing. A request whose verb begins with
 * `attack-` it does, as one that was taken over would.
 */
#ifndef TESTS_WORLD_TAKEN_H
#define TESTS_WORLD_TAKEN_H

struct daemon;
struct control_client;
struct json_t;

int taken_leaves_out(const struct daemon *d, int what);
int taken_over(struct control_client *client, const char *verb, const struct json_t *request);

#define DAEMON_LEAVES_OUT(d, what) taken_leaves_out(d, what)
#define DAEMON_TAKEN_OVER(client, verb, request) taken_over(client, verb, request)

#endif
