/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.c: vanityd's part. One turn: look at cells and processes, ask the policy, carry out
 * what it says, let the director do its work, sleep. It touches shared memory as vanityd does,
 * so it may be killed between any two of these touches; its successor, a party of its own,
 * adopts what stands in cells and orders.
 */
#include "world.h"

#include <string.h>

#define LOOK_BUSY_NS 20000u /* between looks while a recovery is under way */

void daemon_poke(void)
{
	if (world.daemon_alive)
		sim_wake(world.daemon_party);
}

/* --- orders -------------------------------------------------------------------------------- */

static void orders_ring(uint32_t shard)
{
	uint32_t region = world.plan->shard[shard].bell_region;
	wire_u64 *bell = (void *)world.region[region].rw;

	wire_ring(bell);
	sim_point(bell);
	sim_wake(shard);
}

static void orders_changed(uint32_t shard)
{
	struct orders *o = orders_of(shard);

	wire_store_release(&o->seq, wire_load(&o->seq) + 1);
	orders_ring(shard);
}

static void orders_apply(uint32_t shard, uint32_t port, uint64_t value)
{
	struct orders *o = orders_of(shard);

	if (port == LATE_GO)
		wire_store_release(&o->go, value);
	else
		wire_store_release(&o->port[port], value);
	orders_changed(shard);
}

/* Deliver what is due for a shard by @now. */
static void orders_deliver(uint32_t shard, uint64_t now)
{
	struct world_shard *s = &world.shard[shard];
	uint32_t n = 0;

	while (n < s->late_count && s->late[n].due <= now) {
		struct late_order o = s->late[n++];

		orders_apply(shard, o.port, o.value);
	}
	s->late_count -= n;
	memmove(s->late, s->late + n, s->late_count * sizeof(s->late[0]));
}

/* An order to a shard whose orders are to be late lies in the post for a while. */
static void orders_send(uint32_t shard, uint32_t port, uint64_t value)
{
	struct world_shard *s = &world.shard[shard];
	uint64_t due = sim.now + s->late_ns;

	/* A start takes back the word that let the forebear go, and never overtakes it. */
	if (port == LATE_GO && value == 0)
		orders_deliver(shard, SIM_NEVER);
	if ((port == LATE_GO && value == 0) || (s->late_count == 0 && s->late_ns == 0)) {
		orders_apply(shard, port, value);
		return;
	}
	s->late_ns = 0;
	/* Never before what was sent earlier. */
	if (s->late_count > 0 && s->late[s->late_count - 1].due > due)
		due = s->late[s->late_count - 1].due;
	if (s->late_count == LATE_MAX) {
		world_fail("too many orders to %s in the post", party_name(shard));
		return;
	}
	s->late[s->late_count++] = (struct late_order){ due, port, value };
}

void daemon_control(void)
{
	for (uint32_t i = 0; i < world.plan->shard_count; i++) {
		struct orders *o = orders_of(i);

		if (wire_load(&o->freeze) == world.freeze && wire_load(&o->verify) == world.verify)
			continue;
		wire_store(&o->freeze, world.freeze);
		wire_store(&o->verify, world.verify);
		orders_changed(i);
	}
}

/* --- looking ------------------------------------------------------------------------------- */

static void look_shard(uint32_t shard)
{
	struct life_seen_shard *seen = &world.seen.shard[shard];
	struct world_shard *s = &world.shard[shard];
	const struct sim_party *p = &sim.party[shard];
	const struct cell *cell = cell_of(shard);

	memset(seen, 0, sizeof(*seen));
	seen->alive = s->alive;
	seen->ended = s->ended;
	seen->exit_code = s->exit_code;
	seen->signal = s->signal;
	seen->device_quiet = 1;
	if (world.life.shard[shard].look) {
		seen->sched_valid = 1;
		seen->sched_state = s->stopped                ? 'T'
				    : p->hung                 ? 'R'
				    : p->state == SIM_WAITING ? 'S'
							      : 'R';
		seen->voluntary = p->voluntary;
		seen->involuntary = p->involuntary;
		seen->cpu_ns = sim_cycles(); /* who hangs has a core of its own */
	}
	if (wire_load_acquire(&cell->magic) != CELL_MAGIC)
		return;
	seen->cell_state = (uint32_t)wire_load_acquire(&cell->state);
	seen->cell_generation = wire_load(&cell->generation);
	seen->cell_ready = wire_load(&cell->ready);
	seen->heartbeat = wire_load_acquire(&cell->heartbeat);
}

static void look_end(uint32_t shard, uint32_t port, struct life_seen_end *ret)
{
	const struct cell_port *p = &cell_of(shard)->port[port];

	memset(ret, 0, sizeof(*ret));
	if (wire_load_acquire(&cell_of(shard)->magic) != CELL_MAGIC)
		return;
	ret->detached = wire_load_acquire(&p->detached);
	ret->joined = wire_load_acquire(&p->joined);
	ret->left = wire_load_acquire(&p->left);
	ret->broken = wire_load_acquire(&p->broken);
}

static void daemon_look(void)
{
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		look_shard(i);
	for (uint32_t i = 0; i < world.plan->channel_count; i++) {
		const struct plan_channel *c = &world.plan->channel[i];

		look_end(c->producer, c->producer_port, &world.seen.end[i][LIFE_PRODUCER]);
		look_end(c->consumer, c->consumer_port, &world.seen.end[i][LIFE_CONSUMER]);
	}
	world.seen.now_ns = sim.now;
}

/* --- acting -------------------------------------------------------------------------------- */

/* A claim that cannot be true: a failure, unless its writer is meant to lie. */
static void told_broken(const struct life_action *a)
{
	uint32_t number = world.plan->shard[a->shard].port[a->port].channel;
	const struct plan_channel *c = &world.plan->channel[number];
	uint32_t accused = c->producer == a->shard ? c->consumer : c->producer;

	if (accused == world.hostile) {
		world.refusals++;
		return;
	}
	world_fail("%s refuses channel %s: fault %u, value %llx", party_name(a->shard), c->name,
		   (uint32_t)(a->value >> 56),
		   (unsigned long long)(a->value & 0x00ffffffffffffffull));
}

static void act(const struct life_action *a)
{
	switch (a->what) {
	case LIFE_DO_START:
		sim_note("start", a->shard, a->value);
		world_start(a->shard, (uint32_t)a->value);
		break;
	case LIFE_DO_KILL:
		sim_note("kill", a->shard, a->reason);
		if (world.phase == DIRECT_STOP && !sim.party[a->shard].hung)
			world_fail("%s does not drain: it is killed, %s", party_name(a->shard),
				   life_fault_name(a->reason));
		if (world.shard[a->shard].alive == a->value)
			world_kill(a->shard, 9);
		break;
	case LIFE_DO_GO:
		sim_note("go", a->shard, a->value);
		orders_send(a->shard, LATE_GO, a->value);
		break;
	case LIFE_DO_ORDER:
		sim_note("order", (uint64_t)a->shard << 32 | a->port, a->value);
		orders_send(a->shard, a->port, a->value);
		break;
	case LIFE_DO_STOP_ORDER:
		sim_note("stop", a->shard, a->value);
		wire_store(&orders_of(a->shard)->stop, a->value);
		orders_changed(a->shard);
		break;
	case LIFE_DO_TELL:
		sim_note("tell", (uint64_t)a->shard << 32 | a->reason, a->value);
		if (a->reason == LIFE_EVENT_BROKEN)
			told_broken(a);
		break;
	case LIFE_DO_STOP_SYSTEM:
		life_stop(&world.life);
		break;
	default:
		world_fail("the policy says %u", a->what);
	}
}

static void daemon_adopt(void)
{
	static uint64_t order[VANITY_CHANNELS_MAX][2], go[VANITY_SHARDS_MAX];
	const struct plan *p = world.plan;

	for (uint32_t i = 0; i < p->shard_count; i++)
		go[i] = wire_load(&orders_of(i)->go);
	for (uint32_t i = 0; i < p->channel_count; i++) {
		const struct plan_channel *c = &p->channel[i];

		order[i][LIFE_PRODUCER] =
			wire_load(&orders_of(c->producer)->port[c->producer_port]);
		order[i][LIFE_CONSUMER] =
			wire_load(&orders_of(c->consumer)->port[c->consumer_port]);
	}
	daemon_look();
	life_adopt(&world.life, &world.seen, order, go);
	if (world.stopping)
		life_stop(&world.life);
	/* The predecessor may have died between an order's word and its announcement. */
	for (uint32_t i = 0; i < p->shard_count; i++)
		orders_changed(i);
}

static void daemon_entry(void *argument)
{
	(void)argument;
	life_init(&world.life, world.plan);
	if (world.daemon_generation > 1)
		daemon_adopt();
	for (;;) {
		uint64_t next;
		uint32_t n;

		for (uint32_t i = 0; i < world.plan->shard_count; i++)
			orders_deliver(i, sim.now);
		daemon_look();
		n = life_step(&world.life, &world.seen, world.action);
		if (n > 0)
			world.daemon_acted = sim.now;
		for (uint32_t i = 0; i < n; i++)
			act(&world.action[i]);
		director_step();
		daemon_control();
		next = life_next_ns(&world.life, sim.now);
		if (life_busy(&world.life) || world.phase != DIRECT_RUN) {
			/* The longer nothing happens, the less often. */
			uint64_t soon = sim.now + LOOK_BUSY_NS +
					sim_random_below(&world.random, LOOK_BUSY_NS) +
					(sim.now - world.daemon_acted) / 16;

			/* At rest there is nothing to hurry for. */
			if (!life_busy(&world.life) && world.phase != DIRECT_VERIFY)
				soon = sim.now + world.quiet_ns / 8;
			if (soon < next)
				next = soon;
		} else if (next > sim.now + world.quiet_ns / 8) {
			next = sim.now + world.quiet_ns / 8;
		}
		for (uint32_t i = 0; i < world.plan->shard_count; i++)
			if (world.shard[i].late_count > 0 && world.shard[i].late[0].due < next)
				next = world.shard[i].late[0].due;
		sim_wait(&world.daemon_word, 0, next);
	}
}

void daemon_spawn(void)
{
	world.daemon_party = world.plan->shard_count + world.daemon_generation % 2;
	world.daemon_generation++;
	world.daemon_alive = 1;
	sim_spawn(world.daemon_party, "daemon", daemon_entry, NULL);
}

/* The keeper starts a successor at once, on the other stack: this one may be in use. */
void daemon_kill(void)
{
	uint32_t old = world.daemon_party;

	sim_kill(old);
	/* What it had not written yet, nobody will. */
	for (uint32_t i = 0; i < world.plan->shard_count; i++)
		world.shard[i].late_count = 0;
	daemon_spawn();
	/* Faults count a daemon's touches over all its lives. */
	sim.party[world.daemon_party].touches = sim.party[old].touches;
}
