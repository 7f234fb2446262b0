/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask, answered at once or when it has come true (table in control.h). */
#include "daemon.h"

#include <stdio.h>
#include <string.h>

#include "control_verbs.h"
#include "exit.h"

#define RESTART_TIMEOUT_NS 10000000000ull
#define READY_TIMEOUT_NS 30000000000ull
#define LOG_POLL_NS 25000000000ull
#define SUMS_JOB_TIMEOUT_NS 30000000000ull

static void answer_log(struct daemon *d, struct control_client *client, uint64_t from)
{
	json_t *result = json_object(), *lines = json_array();
	uint64_t oldest = d->log.count > DAEMON_LOG_LINES ? d->log.count - DAEMON_LOG_LINES : 0;

	for (uint64_t i = from > oldest ? from : oldest; i < d->log.count; i++)
		json_array_append_new(lines, json_string(d->log.line[i % DAEMON_LOG_LINES]));
	json_object_set_new(result, "schema", json_string("vanity.log/1"));
	json_object_set_new(result, "next", json_integer((json_int_t)d->log.count));
	json_object_set_new(result, "lines", lines);
	control_answer(client, EXIT_OK, NULL, result);
}

static struct job *job_start(struct daemon *d, struct control_client *client, enum job_kind kind,
			     uint64_t timeout_ns)
{
	struct job *job = &d->job[control_client_index(client)];

	memset(job, 0, sizeof(*job));
	job->kind = kind;
	job->client = client;
	job->deadline_ns = daemon_now_ns() + timeout_ns;
	return job;
}

/* The shard a request names, PLAN_NONE after an answer that there is none. */
static uint32_t request_shard(struct daemon *d, struct control_client *client,
			      const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "shard"));
	char words[96];

	for (uint32_t i = 0; name != NULL && i < d->plan->shard_count; i++)
		if (strcmp(d->plan->shard[i].name, name) == 0)
			return i;
	snprintf(words, sizeof(words), "no shard of that name in system %s", d->plan->system);
	control_answer(client, EXIT_USAGE, words, NULL);
	return PLAN_NONE;
}

static void verb_status(struct daemon *d, struct control_client *client, const json_t *request)
{
	int one = json_object_get(request, "shard") != NULL;
	uint32_t shard = one ? request_shard(d, client, request) : PLAN_NONE;

	if (one && shard == PLAN_NONE)
		return;
	report_images(d);
	control_answer(client, EXIT_OK, NULL, one ? report_shard(d, shard) : report_status(d));
}

static void verb_stats(struct daemon *d, struct control_client *client, const json_t *request)
{
	int one = json_object_get(request, "shard") != NULL;
	uint32_t shard = one ? request_shard(d, client, request) : PLAN_NONE;

	if (!one || shard != PLAN_NONE)
		control_answer(client, EXIT_OK, NULL, report_stats(d, shard));
}

static void verb_devices(struct daemon *d, struct control_client *client, const json_t *request)
{
	json_t *result = json_object();

	(void)request;
	json_object_set_new(result, "schema", json_string("vanity.devices/1"));
	json_object_set_new(result, "system", json_string(d->plan->system));
	json_object_set_new(result, "devices", report_devices(d, PLAN_NONE));
	control_answer(client, EXIT_OK, NULL, result);
}

static void verb_log(struct daemon *d, struct control_client *client, const json_t *request)
{
	const json_t *since = json_object_get(request, "since");
	const json_t *lines = json_object_get(request, "lines");
	uint64_t n = DAEMON_LOG_LINES;

	if (json_is_integer(since)) {
		uint64_t from = (uint64_t)json_integer_value(since);

		if (from >= d->log.count)
			job_start(d, client, JOB_LOG, LOG_POLL_NS)->since = d->log.count;
		else
			answer_log(d, client, from);
		return;
	}
	if (json_is_integer(lines) && json_integer_value(lines) >= 0 &&
	    (uint64_t)json_integer_value(lines) < n)
		n = (uint64_t)json_integer_value(lines);
	answer_log(d, client, d->log.count > n ? d->log.count - n : 0);
}

static void verb_ready(struct daemon *d, struct control_client *client, const json_t *request)
{
	(void)request;
	job_start(d, client, JOB_READY, READY_TIMEOUT_NS);
}

static void verb_item(struct daemon *d, struct control_client *client, const json_t *request)
{
	uint32_t shard = request_shard(d, client, request);
	struct job *job;

	if (shard == PLAN_NONE)
		return;
	job = job_start(d, client, JOB_ITEM, RESTART_TIMEOUT_NS);
	job->shard = shard;
	job->generation = (uint32_t)json_integer_value(json_object_get(request, "generation"));
}

static void verb_restart(struct daemon *d, struct control_client *client, const json_t *request)
{
	uint32_t shard = request_shard(d, client, request);
	struct job *job;

	if (shard == PLAN_NONE)
		return;
	if (d->sums.stop) {
		control_answer(client, EXIT_FAILED, "the system is being stopped", NULL);
		return;
	}
	daemon_log(d, "%s: restart, asked by %s", d->plan->shard[shard].name,
		   control_client_name(client));
	job = job_start(d, client, JOB_RESTART, RESTART_TIMEOUT_NS);
	job->shard = shard;
	job->generation = d->life.shard[shard].generation + 1;
	life_restart(&d->life, shard, LIFE_FAULT_OPERATOR);
}

static void verb_verify(struct daemon *d, struct control_client *client, const json_t *request)
{
	if (json_is_true(json_object_get(request, "access"))) {
		job_start(d, client, JOB_ACCESS, SUMS_JOB_TIMEOUT_NS)->since = access_start(d);
		return;
	}
	job_start(d, client, JOB_VERIFY, SUMS_JOB_TIMEOUT_NS);
	sums_start(d, 0);
}

static void verb_stop(struct daemon *d, struct control_client *client, const json_t *request)
{
	(void)request;
	daemon_log(d, "stop, asked by %s", control_client_name(client));
	job_start(d, client, JOB_SUMS, SUMS_JOB_TIMEOUT_NS);
	sums_start(d, 1);
}

static const struct {
	const char *name;
	uint32_t right;
	void (*run)(struct daemon *d, struct control_client *client, const json_t *request);
} verb_table[] = {
#define ROW(name, right) { #name, right, verb_##name },
	CONTROL_VERBS(ROW)
#undef ROW
};

void daemon_request(void *context, struct control_client *client, const char *verb,
		    const json_t *request)
{
	struct daemon *d = context;
	char words[80];

	if (DAEMON_TAKEN_OVER(client, verb, request))
		return;
	for (uint32_t i = 0; i < sizeof(verb_table) / sizeof(verb_table[0]); i++) {
		if (strcmp(verb_table[i].name, verb) != 0)
			continue;
		if ((control_client_rights(client) & verb_table[i].right) == 0) {
			snprintf(words, sizeof(words), "denied: %s is for root and group vanity-ops",
				 verb_table[i].name);
			control_refuse(client, EXIT_DENIED, words);
			return;
		}
		verb_table[i].run(d, client, request);
		return;
	}
	control_refuse(client, EXIT_USAGE, "this daemon knows no such verb");
}

void daemon_gone(void *context, struct control_client *client)
{
	struct daemon *d = context;

	/* What was begun goes on; only the answer has nobody left to go to. */
	d->job[control_client_index(client)].kind = JOB_NONE;
}

void daemon_refused(void *context, const char *line)
{
	daemon_log(context, "%s", line);
}

/* --- what is waited for -------------------------------------------------------------------- */

static void job_answer(struct job *job, int exit_code, const char *words, json_t *result)
{
	job->kind = JOB_NONE;
	control_answer(job->client, exit_code, words, result);
}

static uint32_t phase_up(uint32_t phase)
{
	return phase == LIFE_RUNNING || phase == LIFE_WAITING;
}

/* Every shard up: 0. One that cannot come up ends the wait at once, with its reason. */
static void job_ready(struct daemon *d, struct job *job)
{
	uint32_t up = 0;
	char words[224];

	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		const struct life_shard *life = &d->life.shard[i];
		const struct crash *crash = &d->shard[i].crash;

		up += phase_up(life->phase) || life->phase == LIFE_STOPPED;
		if (life->phase != LIFE_HELD && crash->generation == 0)
			continue;
		/* A shard that faults before the system was ever up has a reason for people. */
		snprintf(words, sizeof(words), "shard %s: %s%s%s", d->plan->shard[i].name,
			 life_fault_name(crash->fault), crash->words[0] != '\0' ? ": " : "",
			 crash->words);
		job_answer(job, EXIT_FAILED, words, NULL);
		return;
	}
	if (up == d->plan->shard_count)
		job_answer(job, EXIT_OK, NULL, report_status(d));
}

static void job_item(struct daemon *d, struct job *job)
{
	const struct daemon_shard *s = &d->shard[job->shard];
	json_t *result;
	uint64_t first;

	if (wire_load_acquire(&s->cell->generation) < job->generation)
		return;
	first = daemon_stamp_ns(d, wire_load(&s->cell->first_item_cycles));
	if (first == 0)
		return;
	result = json_object();
	json_object_set_new(result, "generation",
			    json_integer((json_int_t)wire_load(&s->cell->generation)));
	json_object_set_new(result, "first_item_ns", json_integer((json_int_t)first));
	job_answer(job, EXIT_OK, NULL, result);
}

static void job_restart(struct daemon *d, struct job *job)
{
	const struct life_shard *life = &d->life.shard[job->shard];
	json_t *result;

	if (life->generation < job->generation || !phase_up(life->phase) || life->recovering)
		return;
	result = json_object();
	json_object_set_new(result, "shard", json_string(d->plan->shard[job->shard].name));
	json_object_set_new(result, "generation", json_integer(life->generation));
	json_object_set_new(result, "pid", json_integer(d->shard[job->shard].pid));
	job_answer(job, EXIT_OK, NULL, result);
}

static void job_sums(struct daemon *d, struct job *job)
{
	json_t *result = d->sums.result;

	if (d->sums.stop ? d->sums.state != SUMS_STOPPED : d->sums.state != SUMS_IDLE)
		return;
	/* The last word of every cell: nobody can ask for it afterwards. */
	if (d->sums.stop)
		json_object_set_new(result, "final",
				    json_pack("{s:o,s:o}", "status", report_status(d), "stats",
					      report_stats(d, PLAN_NONE)));
	job_answer(job, EXIT_OK, NULL, json_incref(result));
}

static void job_access(struct daemon *d, struct job *job)
{
	if (d->access.done >= job->since)
		job_answer(job, EXIT_OK, NULL, json_incref(d->access.result));
}

/* The sums first: when they are known all shards are up, and nothing is frozen any more. */
static void job_verify(struct daemon *d, struct job *job)
{
	json_t *result;

	if (d->sums.stop) {
		job_answer(job, EXIT_FAILED, "the system is being stopped", NULL);
		return;
	}
	if (job->since == 0 && d->sums.state == SUMS_IDLE)
		job->since = access_start(d);
	if (job->since == 0 || d->access.done < job->since || d->sums.result == NULL)
		return;
	result = json_copy(d->sums.result);
	json_object_set_new(result, "schema", json_string("vanity.verify/1"));
	json_object_set(result, "access", d->access.result);
	job_answer(job, EXIT_OK, NULL, result);
}

static void job_step(struct daemon *d, struct job *job)
{
	switch (job->kind) {
	case JOB_READY:
		job_ready(d, job);
		break;
	case JOB_ITEM:
		job_item(d, job);
		break;
	case JOB_RESTART:
		job_restart(d, job);
		break;
	case JOB_SUMS:
		job_sums(d, job);
		break;
	case JOB_VERIFY:
		job_verify(d, job);
		break;
	case JOB_ACCESS:
		job_access(d, job);
		break;
	case JOB_LOG:
		if (d->log.count > job->since) {
			job->kind = JOB_NONE;
			answer_log(d, job->client, job->since);
		}
		break;
	case JOB_NONE:
		break;
	}
}

void daemon_jobs(struct daemon *d)
{
	uint64_t now = daemon_now_ns();

	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct job *job = &d->job[i];

		job_step(d, job);
		if (job->kind == JOB_NONE || now < job->deadline_ns)
			continue;
		if (job->kind == JOB_LOG) {
			job->kind = JOB_NONE;
			answer_log(d, job->client, job->since);
			continue;
		}
		job_answer(job, EXIT_TIMEOUT, "it did not come true in time", NULL);
	}
}

uint32_t daemon_waiting(const struct daemon *d)
{
	if (d->sums.state != SUMS_IDLE)
		return 1;
	for (uint32_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (d->job[i].kind != JOB_NONE && d->job[i].kind != JOB_LOG)
			return 1;
	return 0;
}
