/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h: the daemon's documents as text for people. What --json prints is the document
 * itself; nothing is computed here that is not in it.
 */
#ifndef VANITYD_REPORT_H
#define VANITYD_REPORT_H

#include <stdio.h>

#include <jansson.h>

/* All write to @out; colour only where @out is a terminal. */
void report_status_text(FILE *out, const json_t *status);
void report_devices_text(FILE *out, const json_t *devices); /* a list of status, or of `devices` */
void report_shard_text(FILE *out, const json_t *shard);
void report_stats_text(FILE *out, const json_t *stats);
void report_sums_text(FILE *out, const json_t *sums);
void report_access_text(FILE *out, const json_t *access);

/* The whole document on one line and indented alike for every verb, with a newline. */
void report_json(FILE *out, const json_t *document);

/* A member by name, found in an array of objects by its "name"; NULL when absent. Borrowed. */
json_t *report_named(const json_t *array, const char *name);
/* An integer member, 0 when absent. */
long long report_number(const json_t *object, const char *key);
/* A text member, "" when absent. */
const char *report_text(const json_t *object, const char *key);

#endif
