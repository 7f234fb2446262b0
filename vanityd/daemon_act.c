/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy decided, carried out: words in orders wires, keeper verbs, lines in the log. */
#include "daemon.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void orders_write(struct daemon *d, uint32_t shard, wire_u64 *word, uint64_t value)
{
	struct daemon_shard *s = &d->shard[shard];

	/* Pairs with the shard's acquire of the same word, or of seq. */
	wire_store_release(word, value);
	s->dirty = 1;
}

/* One announcement a shard and turn, after all its words. */
void orders_announce(struct daemon *d)
{
	for (uint32_t i = 0; i < d->plan->shard_count; i++) {
		struct daemon_shard *s = &d->shard[i];
		const uint64_t one = 1;

		if (!s->dirty)
			continue;
		s->dirty = 0;
		wire_store_release(&s->orders->seq, wire_load(&s->orders->seq) + 1);
		wire_ring(s->bell);
		/* Non-blocking: a saturated eventfd is readable, which is all a wake needs. */
		if (write(s->event_fd, &one, sizeof(one)) < 0)
			continue;
	}
}

/* --- crash records ------------------------------------------------------------------------- */

static void crash_words(struct crash *crash, const struct cell_words *words)
{
	char bytes[CELL_WORDS_BYTES + 1];

	if (wire_load_acquire(&words->generation) != crash->generation)
		return;
	crash->code_valid = 1;
	crash->code = wire_load(&words->code);
	crash->address = wire_load(&words->address);
	crash->pc = wire_load(&words->pc);
	crash->sp = wire_load(&words->sp);
	for (uint32_t i = 0; i < 32; i++)
		crash->reg[i] = wire_load(&words->reg[i]);
	cell_text(words->words, bytes);
	text_escape(crash->words, sizeof(crash->words), bytes, CELL_WORDS_BYTES);
}

void crash_record(struct daemon *d, uint32_t shard)
{
	const struct life_shard *life = &d->life.shard[shard];
	const struct plan_shard *plan = &d->plan->shard[shard];
	struct daemon_shard *s = &d->shard[shard];
	struct crash *crash = &s->crash;
	struct timespec t;

	memset(crash, 0, sizeof(*crash));
	clock_gettime(CLOCK_REALTIME, &t);
	crash->at_ns = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
	crash->generation = s->ended;
	crash->fault = life->fault;
	crash->signal = s->signal;
	crash->exit_code = s->exit_code;
	crash_words(crash, &s->cell->words);
	if (crash->pc != 0 && s->facts.generation == crash->generation &&
	    crash->pc >= s->facts.image_base)
		names_symbol(s->names, crash->pc - s->facts.image_base, crash->symbol,
			     sizeof(crash->symbol));
	for (uint32_t i = 0; i < plan->port_count; i++) {
		crash->port[i].cursor = wire_load(&s->cell->port[i].cursor);
		crash->port[i].taken = wire_load(&s->cell->port[i].taken);
	}
	claims_last(d, shard);
}

static void tell_fault(struct daemon *d, uint32_t shard)
{
	const struct plan_shard *plan = &d->plan->shard[shard];
	const struct crash *crash = &d->shard[shard].crash;
	char cursors[120];
	size_t n = 0;

	daemon_log(d, "%s.%u: fault: %s, signal %u, exit code %d", plan->name, crash->generation,
		   life_fault_name(crash->fault), crash->signal, crash->exit_code);
	if (crash->code_valid)
		daemon_log(d, "%s.%u: last words: code %llu, address 0x%llx, pc 0x%llx%s%s%s%s%s",
			   plan->name, crash->generation, (unsigned long long)crash->code,
			   (unsigned long long)crash->address, (unsigned long long)crash->pc,
			   crash->symbol[0] != '\0' ? " in " : "", crash->symbol,
			   crash->words[0] != '\0' ? ", \"" : "", crash->words,
			   crash->words[0] != '\0' ? "\"" : "");
	cursors[0] = '\0';
	for (uint32_t i = 0; i < plan->port_count && n + 64 < sizeof(cursors); i++)
		n += (size_t)snprintf(cursors + n, sizeof(cursors) - n, " %s %llu",
				      plan->port[i].name,
				      (unsigned long long)crash->port[i].cursor);
	/* A crash leaves them with its last words; a kill leaves no time to. */
	daemon_log(d, "%s.%u: cursors at %s:%s", plan->name, crash->generation,
		   crash->code_valid ? "the fault" : "the last sums", cursors);
	claims_tell_last(d, shard);
}

static const char *port_name(const struct daemon *d, const struct life_action *a)
{
	const struct plan_shard *plan = &d->plan->shard[a->shard];

	return a->port < plan->port_count ? plan->port[a->port].name : "?";
}

static void tell(struct daemon *d, const struct life_action *a)
{
	const char *name = d->plan->shard[a->shard].name;
	uint32_t generation = d->life.shard[a->shard].generation;
	unsigned long long value = a->value;

	switch (a->reason) {
	case LIFE_EVENT_FAULT:
		tell_fault(d, a->shard);
		break;
	case LIFE_EVENT_READY:
		daemon_log(d, "%s.%u: ready", name, generation);
		break;
	case LIFE_EVENT_RECOVERED:
		daemon_log(
			d,
			"%s.%u: recovered, every channel open again %llu us after the end was seen",
			name, generation, value / 1000);
		break;
	case LIFE_EVENT_BACKOFF:
		daemon_log(d, "%s: restart intensity exceeded, next start in %llu ms", name,
			   value / 1000000);
		break;
	case LIFE_EVENT_HELD:
		daemon_log(d, "%s: held; `vanityctl restart %s` starts it again", name, name);
		break;
	case LIFE_EVENT_STOPPED:
		daemon_log(d, "%s.%u: stopped", name, generation);
		break;
	case LIFE_EVENT_STARVED:
		daemon_log(d, "%s.%u: starved, heartbeat is %llu ms old", name, generation,
			   value / 1000000);
		break;
	case LIFE_EVENT_BROKEN:
		claims_broken(d, a->shard, a->port, generation, a->value);
		break;
	case LIFE_EVENT_REFORMED:
		daemon_log(d, "%s.%u: port %s re-formed", name, generation, port_name(d, a));
		break;
	case LIFE_EVENT_CLOSED:
		daemon_log(d, "%s.%u: port %s closed, it broke too often", name, generation,
			   port_name(d, a));
		break;
	case LIFE_EVENT_SETTLED:
		daemon_log(d, "%s.%u: port %s settled against nothing", name, generation,
			   port_name(d, a));
		break;
	default:
		daemon_log(d, "%s.%u: event %u, value %llu", name, generation, a->reason, value);
		break;
	}
}

/* --- actions ------------------------------------------------------------------------------- */

static void act(struct daemon *d, const struct life_action *a)
{
	struct daemon_shard *s = &d->shard[a->shard];

	switch (a->what) {
	case LIFE_DO_START:
		/* Before the keeper acts: the dead one's counts are still in the cell. */
		if (a->value > 1)
			shard_fold(d, a->shard, (uint32_t)a->value - 1);
		keeper_send(d, KEEPER_START, a->shard, (uint32_t)a->value);
		break;
	case LIFE_DO_KILL:
		daemon_log(d, "%s.%llu: killed: %s", d->plan->shard[a->shard].name,
			   (unsigned long long)a->value, life_fault_name(a->reason));
		keeper_send(d, KEEPER_KILL, a->shard, (uint32_t)a->value);
		break;
	case LIFE_DO_GO:
		orders_write(d, a->shard, &s->orders->go, a->value);
		break;
	case LIFE_DO_ORDER:
		orders_write(d, a->shard, &s->orders->port[a->port % VANITY_PORTS_MAX], a->value);
		break;
	case LIFE_DO_STOP_ORDER:
		orders_write(d, a->shard, &s->orders->stop, a->value);
		break;
	case LIFE_DO_TELL:
		tell(d, a);
		break;
	case LIFE_DO_STOP_SYSTEM:
		daemon_log(d, "%s: the topology says `then = stop`: stopping the system",
			   d->plan->shard[a->shard].name);
		sums_start(d, 1);
		break;
	default:
		break;
	}
}

void daemon_act(struct daemon *d, uint32_t action_count)
{
	/*
	 * Crash records first, from cells nobody writes now. Then words and processes (orders are
	 * levels, so their order among shards is free), and lines for people last: a log must
	 * not stand between a death and its recovery.
	 */
	for (uint32_t i = 0; i < action_count; i++)
		if (d->action[i].what == LIFE_DO_TELL && d->action[i].reason == LIFE_EVENT_FAULT)
			crash_record(d, d->action[i].shard);
	for (uint32_t i = 0; i < action_count; i++)
		if (d->action[i].what != LIFE_DO_TELL)
			act(d, &d->action[i]);
	orders_announce(d);
	for (uint32_t i = 0; i < action_count; i++)
		if (d->action[i].what == LIFE_DO_TELL)
			tell(d, &d->action[i]);
}
