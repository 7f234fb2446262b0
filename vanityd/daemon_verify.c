/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The access matrix of the running system, against the plan: a round over all shards.
 *
 *      asked ---> a shard that is up: its facts, fetched anew ---> judged (daemon_access.c)
 *                 one that comes up: when it is               \--> collected here
 *                 one that is held or stopped: has nothing to compare
 *
 * Nothing is frozen and no shard takes part. Who asks while a round is under way gets the next: its
 * facts are none from before the question. The result of a round stays until the next one has its
 * own, for those who have not fetched it yet. A shard that was found to deviate is ended at once; what
 * it had is in the round's result all the same.
 */
#include "daemon.h"

#include <string.h>

#define ACCESS_TIMEOUT_NS 3000000000ull

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void round_begin(struct daemon *d)
{
	struct access *a = &d->access;

	json_decref(a->differs);
	a->differs = json_array();
	a->round++;
	a->again = 0;
	a->shards = a->mappings = a->descriptors = 0;
	a->uids = a->cores = 1;
	a->deadline_ns = daemon_now_ns() + ACCESS_TIMEOUT_NS;
}

uint64_t access_start(struct daemon *d)
{
	struct access *a = &d->access;

	if (a->round == a->done)
		round_begin(d);
	else
		a->again = 1;
	return a->round + a->again;
}

static void differs(struct daemon *d, uint32_t shard, const char *thing, const char *expected,
		    const char *found)
{
	/* Names of files stand in it, which may be any bytes. */
	char safe[4 * sizeof(((struct deviation *)0)->found)];

	text_escape(safe, sizeof(safe), found, strlen(found));
	json_array_append_new(d->access.differs,
			      json_pack("{s:s,s:i,s:s,s:s,s:s}", "shard", d->plan->shard[shard].name,
					"generation", (int)d->shard[shard].alive, "thing", thing,
					"expected", expected, "found", safe));
}

void access_collect(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];
	const struct facts *f = &s->facts;
	struct access *a = &d->access;

	if (a->round == a->done || s->access_asked != a->round || s->access_judged == a->round)
		return;
	s->access_judged = a->round;
	a->shards++;
	a->mappings += f->mappings;
	a->descriptors += f->descriptors;
	a->uids &= f->uid_compared;
	a->cores &= f->cores_compared;
	for (uint32_t i = 0; i < f->deviations && i < DEVIATIONS_KEPT; i++)
		differs(d, shard, f->deviation[i].thing, f->deviation[i].expected,
			f->deviation[i].found);
	if (f->deviations > DEVIATIONS_KEPT)
		differs(d, shard, "more", "none", "the log has them");
}

/* Return: 1 while there is something to wait for. */
static uint32_t shard_step(struct daemon *d, uint32_t shard)
{
	struct daemon_shard *s = &d->shard[shard];
	uint32_t phase = d->life.shard[shard].phase;

	if (s->access_judged == d->access.round || phase == LIFE_HELD || phase == LIFE_STOPPED)
		return 0;
	if (phase == LIFE_RUNNING || phase == LIFE_WAITING)
		if (s->alive != 0 && facts_ask(d, shard))
			s->access_asked = d->access.round;
	return 1;
}

static void round_end(struct daemon *d)
{
	struct access *a = &d->access;
	json_t *vanityd;

	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (d->shard[i].access_judged != a->round && d->shard[i].alive != 0)
			differs(d, i, "facts", "the kernel's words", "none in time");
	json_decref(a->result);
	vanityd = report_confinement(d, a->differs);
	a->result = json_pack("{s:s,s:s,s:b,s:o,s:o,s:o,s:b,s:b,s:o,s:O}", "schema", "vanity.access/1",
			      "system", d->plan->system, "as_planned",
			      json_array_size(a->differs) == 0, "shards", number(a->shards),
			      "mappings", number(a->mappings), "descriptors", number(a->descriptors),
			      "uids_compared", (int)a->uids, "cores_compared", (int)a->cores, "vanityd",
			      vanityd, "differs", a->differs);
	daemon_log(d, "access: %s, %u shards compared",
		   json_array_size(a->differs) == 0 ? "as planned" : "DIFFERS", a->shards);
	a->done = a->round;
	if (a->again)
		round_begin(d);
}

void access_step(struct daemon *d)
{
	uint32_t waiting = 0;

	if (d->access.round == d->access.done)
		return;
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		waiting |= shard_step(d, i);
	if (!waiting || daemon_now_ns() >= d->access.deadline_ns)
		round_end(d);
}
