/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb.h: the subcommands, one file each. argv[0] is the verb; a verb returns an exit code of
 * exit.h. stdout is the result, stderr the progress.
 */
#ifndef VANITYD_VERB_H
#define VANITYD_VERB_H

int verb_check(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_fmt(int argc, char **argv);
int verb_graph(int argc, char **argv);

#endif
