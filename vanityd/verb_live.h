/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_live.h: the verbs that start, stop and follow systems; like those of verb.h otherwise.
 */
#ifndef VANITYD_VERB_LIVE_H
#define VANITYD_VERB_LIVE_H

int verb_start(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_demo(int argc, char **argv);

/* Not for people: the keeper starts the first, keeper and systemd the second. */
int verb_daemon(int argc, char **argv);
int verb_undo(int argc, char **argv);

#endif
