/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shard.c: a shard's frame around its program: private memory, heartbeat, orders, sleep, and
 * what it says of itself. The life of a generation is drawn in shard.h.
 */
#include "core/private.h"

#include <doze.h>

#include "core/wait.h"

#define LOOK_NS 2000u /* looked at everything before a doze: about what arming it and being rung costs */

/* --- private memory ------------------------------------------------------------------------ */

/* One bump through the private block; run twice, once to measure and once to hand out. */
struct carve {
	uint8_t *base; /* NULL while measuring */
	uint64_t at;
};

static void *carve(struct carve *c, uint64_t count, uint64_t bytes, uint64_t align)
{
	uint64_t at = (c->at + align - 1) & ~(align - 1);

	c->at = at + count * bytes;
	return c->base ? c->base + at : NULL;
}

static uint64_t bitmap_words(uint64_t bits)
{
	return (bits + 63) / 64;
}

static uint32_t bind_widest(const struct bind *b)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < b->port_count; i++)
		if (bind_ports(b)[i].frame_bits > bits)
			bits = bind_ports(b)[i].frame_bits;
	return (uint32_t)bitmap_words(bits);
}

static struct vanity_shard *shard_carve(struct carve *c, const struct bind *b,
					const struct vanity_carry_info *carry)
{
	struct vanity_shard *self = carve(c, 1, sizeof(*self), WIRE_LINE);
	struct vanity_shard scrap = { 0 };
	struct vanity_shard *s = self ? self : &scrap;
	uint64_t frames = 0;

	for (uint32_t i = 0; i < b->port_count; i++)
		*(bind_ports(b)[i].output ? &s->tx_count : &s->rx_count) += 1;
	for (uint32_t i = 0; i < b->pool_count; i++)
		frames += bind_pools(b)[i].frame_count;
	s->bind = b;
	s->pool_count = b->pool_count;
	s->neighbour_count = b->neighbour_count;
	s->frames = (uint32_t)frames;
	s->scratch_words = bind_widest(b);
	s->rx = carve(c, s->rx_count, sizeof(*s->rx), WIRE_LINE);
	s->tx = carve(c, s->tx_count, sizeof(*s->tx), WIRE_LINE);
	s->pool = carve(c, s->pool_count, sizeof(*s->pool), 8);
	s->neighbour = carve(c, s->neighbour_count, sizeof(*s->neighbour), 8);
	s->from = carve(c, frames, 1, WIRE_LINE);
	s->to = carve(c, frames, 1, WIRE_LINE);
	s->guest = carve(c, frames, 1, WIRE_LINE);
	s->adopted = carve(c, bitmap_words(frames), 8, WIRE_LINE);
	s->news = carve(c, bitmap_words(frames), 8, WIRE_LINE);
	s->scratch = carve(c, 4ull * s->scratch_words, 8, WIRE_LINE);
	for (uint32_t i = 0, t = 0; i < b->port_count; i++) {
		const struct bind_port *p = &bind_ports(b)[i];
		uint64_t *claim, *kept;

		if (!p->output)
			continue;
		claim = carve(c, bitmap_words(p->frame_bits), 8, 8);
		kept = carve(c, bitmap_words(p->frame_bits), 8, 8);
		if (self) {
			self->tx[t].claim = claim;
			self->tx[t].kept = kept;
		}
		t++;
	}
	for (uint32_t i = 0; i < b->pool_count; i++) {
		const struct bind_pool *p = &bind_pools(b)[i];
		uint32_t *free = carve(c, p->owned ? p->frame_count : 0, 4, 8);

		if (self)
			self->pool[i].free = free;
	}
	s->carry = carve(c, 1, carry->bytes, carry->align > WIRE_LINE ? carry->align : WIRE_LINE);
	return self;
}

uint64_t shard_footprint(const struct bind *bind, const struct vanity_carry_info *carry)
{
	struct carve c = { 0 };

	(void)shard_carve(&c, bind, carry);
	return wire_align(c.at);
}

/* --- format -------------------------------------------------------------------------------- */

static void channel_format(struct channel *ch, struct vanity_shard *self, uint32_t port)
{
	const struct bind_port *p = &bind_ports(self->bind)[port];
	uint32_t bit = 0;

	ch->self = self;
	ch->bind = p;
	ch->cell = &self->cell->port[port];
	ch->port = port;
	ch->neighbour = p->neighbour;
	ch->slots.shift = bits_highest(p->slot_count);
	ch->slots.mask = p->slot_count - 1;
	ch->slots.words = p->slot_bytes / 8;
	/* Aligned to 16 where the slots are. */
	ch->slots.pair = (self->bind->features & ARCH_FEATURE_PAIR) != 0 && ch->slots.words % 2 == 0;
	ch->pool_count = p->pool_count;
	for (uint32_t i = 0; i < p->pool_count; i++) {
		const struct vanity_pool *pool = &self->pool[p->pool[i]];

		ch->pool[i] = (struct channel_pool){ .first = pool->first,
						     .count = pool->count,
						     .bit = bit,
						     .local = pool->local,
						     .frame_bytes = pool->frame_bytes,
						     .pool = p->pool[i] };
		bit += pool->count;
	}
}

static void rx_format(struct vanity_rx *rx, uint8_t *mine, const uint8_t *peer)
{
	const struct bind_port *p = rx->ch.bind;
	uint64_t bitmap = wire_bitmap_bytes(p->frame_bits);

	rx->mine = (struct wire_rx *)(void *)(mine + p->mine_at);
	rx->peer = (const struct wire_tx *)(const void *)(peer + p->peer_at);
	rx->slot = (const wire_u64 *)(const void *)(peer + p->peer_at + sizeof(struct wire_tx));
	mine += p->mine_at + sizeof(struct wire_rx);
	rx->held = (wire_u64 *)(void *)mine;
	rx->back = (wire_u64 *)(void *)(mine + bitmap);
	rx->lane = (wire_u32 *)(void *)(mine + 2 * bitmap);
	rx->lane_mask = p->lane_slots ? p->lane_slots - 1 : 0;
	rx->copy = p->copy == PLAN_NONE ? NULL : &rx->ch.self->pool[p->copy];
}

static void tx_format_end(struct vanity_tx *tx, uint8_t *mine, const uint8_t *peer)
{
	const struct bind_port *p = tx->ch.bind;
	uint64_t bitmap = wire_bitmap_bytes(p->frame_bits);

	tx->mine = (struct wire_tx *)(void *)(mine + p->mine_at);
	tx->slot = (wire_u64 *)(void *)(mine + p->mine_at + sizeof(struct wire_tx));
	tx->peer = (const struct wire_rx *)(const void *)(peer + p->peer_at);
	peer += p->peer_at + sizeof(struct wire_rx);
	tx->held = (const wire_u64 *)(const void *)peer;
	tx->back = (const wire_u64 *)(const void *)(peer + bitmap);
	tx->lane = (const wire_u32 *)(const void *)(peer + 2 * bitmap);
	tx->lane_mask = p->lane_slots ? p->lane_slots - 1 : 0;
}

static void shard_format_pools(struct vanity_shard *self, void *const *base)
{
	uint32_t local = 0, report = 0;

	for (uint32_t i = 0; i < self->pool_count; i++) {
		const struct bind_pool *p = &bind_pools(self->bind)[i];
		struct vanity_pool *pool = &self->pool[i];

		pool->self = self;
		pool->bind = p;
		pool->base = base[p->region];
		pool->first = p->first_frame;
		pool->count = p->frame_count;
		pool->frame_bytes = p->frame_bytes;
		pool->local = local;
		pool->owned = p->owned;
		pool->writable = p->right == PLAN_RW;
		pool->report = p->owned ? report++ : CELL_POOLS_MAX;
		local += p->frame_count;
	}
}

struct vanity_shard *shard_format(void *memory, const struct bind *bind, void *const *base,
				  const struct vanity_carry_info *carry, const void *config,
				  size_t config_bytes, const struct shard_platform *platform)
{
	struct carve c = { .base = memory };
	struct vanity_shard *self = shard_carve(&c, bind, carry);
	uint32_t rx = 0, tx = 0;

	self->platform = platform;
	self->base = base;
	self->cell = base[BIND_CELL];
	self->orders = base[BIND_ORDERS];
	self->bell = base[BIND_BELL];
	self->config = config;
	self->config_bytes = config_bytes;
	/* No sleep is longer than half the watchdog; in two steps, so that nothing overflows. */
	self->sleep_cycles = bind->watchdog_ns / 2 / 1000 * (bind->hz / 1000) / 1000;
	memset(self->from, FROM_NOTHING, self->frames);
	memset(self->to, TO_NOBODY, self->frames);
	memset(self->guest, FROM_NOTHING, self->frames);
	for (uint32_t i = 0; i < self->neighbour_count; i++) {
		const struct bind_neighbour *n = &bind_neighbours(bind)[i];

		self->neighbour[i].mine = base[n->wire_out];
		self->neighbour[i].peer = base[n->wire_in];
		self->neighbour[i].bell = base[n->bell];
	}
	shard_format_pools(self, base);
	for (uint32_t i = 0; i < bind->port_count; i++) {
		const struct bind_port *p = &bind_ports(bind)[i];
		const struct bind_neighbour *n = &bind_neighbours(bind)[p->neighbour];

		if (p->output) {
			channel_format(&self->tx[tx].ch, self, i);
			tx_format_end(&self->tx[tx++], base[n->wire_out], base[n->wire_in]);
		} else {
			channel_format(&self->rx[rx].ch, self, i);
			rx_format(&self->rx[rx++], base[n->wire_out], base[n->wire_in]);
		}
	}
	self->unopened = bind->port_count;
	return self;
}

/* --- a generation's beginning and end ------------------------------------------------------ */

/* The cell of the generation before is history: the observers have read it. */
static void shard_cell_reset(struct vanity_shard *self)
{
	struct cell *cell = self->cell;
	const struct bind *b = self->bind;

	wire_store(&cell->shard, b->shard);
	wire_store(&cell->port_count, b->port_count);
	wire_store(&cell->first_item_cycles, 0);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t word;

		memcpy(&word, b->digest + i * 8, 8);
		wire_store(&cell->digest[i], word);
	}
	for (uint32_t i = 0; i < VANITY_COUNTERS_MAX; i++)
		wire_store(&cell->counter[i], 0);
	for (uint32_t i = 0; i < b->port_count; i++) {
		struct cell_port *p = &cell->port[i];

		wire_store(&p->broken, 0);
		wire_store(&p->left, 0);
		wire_store(&p->lost_in_hand, 0);
		wire_store(&p->in_doubt, 0);
		wire_store(&p->handled_late, 0);
		wire_store(&p->skipped, 0);
		wire_store(&p->dropped, 0);
		wire_store(&p->refused, 0);
		wire_store(&p->faults, 0);
		wire_store(&p->copied, 0);
		for (uint32_t k = 0; k < CELL_HISTOGRAM; k++)
			wire_store(&p->hop[k], 0);
	}
	/* The log goes on where it stood: its readers follow the numbers. A wild count is ours. */
	self->log_count = wire_load(&cell->log_count);
	wire_store_release(&cell->generation, self->generation);
	wire_store_release(&cell->magic, CELL_MAGIC);
}

/* Answers of the generation before, or what it left for us to be blamed with: gone before we are
 * told to go, so that nobody takes them for ours. */
static void shard_cell_park(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->bind->port_count; i++) {
		wire_store(&self->cell->port[i].detached, 0);
		wire_store(&self->cell->port[i].joined, 0);
	}
	wire_store_release(&self->cell->ready, 0);
	wire_store_release(&self->cell->state, CELL_PARKED);
}

/* Parked until the policy says that the living have stated. Any go but our forebear's is ours: a
 * wild generation in the cell must not keep all that come after from starting. */
void shard_park(struct vanity_shard *self)
{
	uint64_t before = wire_load(&self->cell->generation);

	shard_cell_park(self);
	for (;;) {
		uint64_t bell = wire_load_acquire(self->bell);
		uint64_t go = wire_load_acquire(&self->orders->go);

		if (go != 0 && go != before) {
			self->generation = (uint32_t)go;
			break;
		}
		self->platform->wait(self->platform->context, self->bell, bell,
				     arch_cycles() + self->bind->hz / 10);
	}
	/* A neighbour rings once a sleep, by its number: ours are none that a forebear slept. */
	self->asleep_number = (uint64_t)self->generation << 32;
	shard_cell_reset(self);
	/* Answers given before this generation are not ours: verify starts over. */
	self->verify = wire_load(&self->orders->verify);
	self->beat = wire_load(&self->cell->heartbeat);
	for (uint32_t i = 0; i < self->rx_count + self->tx_count; i++) {
		struct channel *ch =
			i < self->rx_count ? &self->rx[i].ch : &self->tx[i - self->rx_count].ch;

		ch->order = wire_load(&self->orders->port[ch->port]);
		ch->generation = ORDER_GENERATION(ch->order);
	}
	for (uint32_t i = 0; i < self->neighbour_count; i++) {
		wire_store(&self->neighbour[i].mine->asleep, 0);
		wire_store_release(&self->neighbour[i].mine->magic, WIRE_MAGIC);
	}
}

void shard_done(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->rx_count; i++)
		rx_idle(&self->rx[i]);
	shard_ring(self);
	wire_store_release(&self->cell->state, CELL_DONE);
}

void vanity_ready(struct vanity_shard *self)
{
	if (self->live)
		return;
	self->platform->ready(self->platform->context);
	self->live = 1;
	shard_join_all(self);
	wire_store_release(&self->cell->state, CELL_RUNNING);
	wire_store_release(&self->cell->ready, self->generation);
	shard_open(self);
	shard_ring(self);
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Ring whom we gave something and who said it sleeps: once for each of its sleeps. */
void shard_ring(struct vanity_shard *self)
{
	uint32_t fenced = 0;

	for (uint32_t i = 0; i < self->neighbour_count; i++) {
		struct neighbour *n = &self->neighbour[i];
		uint64_t asleep;

		if (!n->dirty)
			continue;
		n->dirty = 0;
		/* Pairs with the fence in vanity_wait(): it armed before it looked again, or it
		 * sees what we stored. */
		if (!fenced) {
			wire_fence();
			fenced = 1;
		}
		asleep = wire_load(&n->peer->asleep);
		if (asleep == 0 || asleep == n->rung)
			continue;
		n->rung = asleep;
		wire_ring(n->bell);
		/* Who dozes watches that word. Said falsely it delays the one who said it. */
		if ((asleep & WIRE_DOZES) == 0)
			self->platform->wake(self->platform->context, i);
	}
}

static int shard_inputs_empty(struct vanity_shard *self)
{
	for (uint32_t i = 0; i < self->rx_count; i++) {
		struct vanity_rx *rx = &self->rx[i];

		/* A refused channel is empty for its reader: what it still names is nobody's. */
		if (rx->ch.fault != CHANNEL_OK)
			continue;
		if (rx->ch.open ? slot_ready(&rx->ch.slots, rx->slot, rx->taken) : rx->tail != rx->taken)
			return 0;
	}
	return 1;
}

int vanity_running(struct vanity_shard *self)
{
	if (wire_load_acquire(&self->orders->seq) != self->seq)
		shard_obey(self);
	/* After the orders: who sees two heartbeats more has waited for an answer long enough. */
	self->beat++;
	wire_store_release(&self->cell->heartbeat, self->beat);
	if (self->unopened)
		shard_open(self);
	for (uint32_t i = 0; i < self->tx_count; i++)
		tx_lane_poll(&self->tx[i], LANE_BURST);
	/* Who is rung on a core we share may run in our place, for one burst. So there it is done
	 * every few turns; and always before we sleep ourselves. */
	if (!self->bind->shared || self->beat % RING_TURNS == 0)
		shard_ring(self);
	if (!self->stop)
		return 1;
	return self->stop == 1 && !shard_inputs_empty(self);
}

/* Has @w moved since we looked last? Told once: a program that cannot use the news (its output is
 * full) must be able to sleep on them. */
static int word_has_news(const wire_u64 *w, uint64_t *seen)
{
	uint64_t now = wire_load_acquire(w);

	if (now == *seen)
		return 0;
	*seen = now;
	return 1;
}

/* Has anything moved that a sleeper could be waiting for? */
static int shard_has_news(struct vanity_shard *self)
{
	if (wire_load_acquire(&self->orders->seq) != self->seq)
		return 1;
	for (uint32_t i = 0; i < self->rx_count; i++) {
		struct vanity_rx *rx = &self->rx[i];

		if (rx->ch.open ? rx_look(rx) :
				  rx->ch.fault == CHANNEL_OK && channel_opens(&rx->ch, &rx->peer->joined))
			return 1;
	}
	for (uint32_t i = 0; i < self->tx_count; i++) {
		struct vanity_tx *tx = &self->tx[i];

		if (!tx->ch.open) {
			if (tx->ch.fault == CHANNEL_OK && channel_opens(&tx->ch, &tx->peer->joined))
				return 1;
			continue;
		}
		if (word_has_news(&tx->peer->room, &tx->room_seen))
			return 1;
		if (tx->ch.pool_count > 0 && wire_load_acquire(&tx->peer->lane_tail) != tx->lane_head)
			return 1;
	}
	return 0;
}

/* Spin until @end, or until there is news. Return: whether there is. */
static bool shard_spin(struct vanity_shard *self, uint64_t end)
{
	const struct shard_platform *platform = self->platform;
	enum wait_kind wait = self->bind->wait;

	while (arch_cycles() < end) {
		int device = platform->news == NULL ? 0 : platform->news(platform->context);

		if (shard_has_news(self) || device > 0)
			return true;
		if (device < 0)
			return false;
		arch_rest(wait);
	}
	return false;
}

static void shard_say_asleep(struct vanity_shard *self, uint64_t asleep)
{
	for (uint32_t i = 0; i < self->neighbour_count; i++)
		wire_store(&self->neighbour[i].mine->asleep, asleep);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Arm, with a number that no sleep had: even for a sleep, odd for a doze. What was stored before the
 * fence is seen when we look again, or its writer sees that we are armed. */
static void shard_arm(struct vanity_shard *self, uint64_t dozes)
{
	self->asleep_number++;
	if ((self->asleep_number & WIRE_DOZES) != dozes)
		self->asleep_number++;
	shard_say_asleep(self, self->asleep_number);
	wire_fence();
}

/* Until @end, or until a neighbour rings. It rings by one store: no call on either side. Return:
 * whether there is something to look at. */
static bool shard_doze(struct vanity_shard *self, uint64_t end)
{
	uint64_t bell = wire_load_acquire(self->bell);
	bool news;

	shard_arm(self, WIRE_DOZES);
	news = shard_has_news(self);
	if (!news) {
		wait_doze(self->bind->wait, self->bell, bell, end);
		news = wire_load_acquire(self->bell) != bell;
	}
	if (news)
		shard_say_asleep(self, 0);
	return news;
}

/* Awake, for at most @spin_ns. Return: whether the wait is over. */
static bool shard_spend(struct vanity_shard *self, uint64_t spin_ns, uint64_t now, uint64_t at)
{
	const struct bind *bind = self->bind;
	bool poll = spin_ns >= bind->watchdog_ns / 2;
	uint64_t per_us = bind->hz / 1000000;
	uint64_t end;

	/* One that polls has spun as long as anybody may stay away from vanity_running(). */
	if (poll) {
		(void)shard_spin(self, earlier(now + self->sleep_cycles, at));
		return true;
	}
	end = earlier(now + spin_ns * per_us / 1000, at);
	/* A device writes no bell. */
	if (!wait_dozes(bind->wait) || self->platform->news != NULL)
		return shard_spin(self, end);
	return shard_spin(self, earlier(now + LOOK_NS * per_us / 1000, end)) || shard_doze(self, end);
}

void vanity_wait(struct vanity_shard *self, uint64_t spin_ns)
{
	vanity_wait_until(self, spin_ns, VANITY_NEVER);
}

void vanity_wait_until(struct vanity_shard *self, uint64_t spin_ns, uint64_t at)
{
	uint64_t now = arch_cycles(), bell;

	for (uint32_t i = 0; i < self->rx_count; i++)
		rx_idle(&self->rx[i]);
	shard_ring(self);
	if (now >= at)
		return;
	if (spin_ns == VANITY_SPIN_DEFAULT)
		spin_ns = earlier(self->bind->wake_ns, self->bind->watchdog_ns / 4);
	if (!self->bind->shared && self->bind->wait != WAIT_PPOLL && spin_ns > 0 &&
	    shard_spend(self, spin_ns, now, at))
		return;
	/* Arm, look again, sleep. From a doze on we were armed all the time. */
	bell = wire_load_acquire(self->bell);
	shard_arm(self, 0);
	if (!shard_has_news(self)) {
		wire_store(&self->cell->state, CELL_WAITING);
		self->platform->wait(self->platform->context, self->bell, bell,
				     earlier(arch_cycles() + self->sleep_cycles, at));
		wire_store(&self->cell->state, CELL_RUNNING);
	}
	shard_say_asleep(self, 0);
}

/* --- lookups ------------------------------------------------------------------------------- */

int shard_name_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* "no <what> NAME": the words of a lookup that failed, cut to what a cell keeps. */
void shard_lookup_failed(struct vanity_shard *self, const char *what, const char *name)
{
	char words[CELL_WORDS_BYTES];
	uint32_t n = 0;

	while (*what && n < sizeof(words) - 1)
		words[n++] = *what++;
	while (*name && n < sizeof(words) - 1)
		words[n++] = *name++;
	words[n] = 0;
	(void)vanity_fatal(self, 0, words);
}

struct vanity_rx *vanity_rx(struct vanity_shard *self, const char *port)
{
	for (uint32_t i = 0; i < self->rx_count; i++)
		if (shard_name_equal(self->rx[i].ch.bind->name, port))
			return &self->rx[i];
	shard_lookup_failed(self, "the topology binds no input port ", port);
	return NULL;
}

struct vanity_tx *vanity_tx(struct vanity_shard *self, const char *port)
{
	for (uint32_t i = 0; i < self->tx_count; i++)
		if (shard_name_equal(self->tx[i].ch.bind->name, port))
			return &self->tx[i];
	shard_lookup_failed(self, "the topology binds no output port ", port);
	return NULL;
}

struct vanity_pool *vanity_pool(struct vanity_shard *self, const char *name)
{
	for (uint32_t i = 0; i < self->pool_count; i++)
		if (self->pool[i].owned && shard_name_equal(self->pool[i].bind->name, name))
			return &self->pool[i];
	shard_lookup_failed(self, "this shard owns no pool ", name);
	return NULL;
}

struct vanity_rx *vanity_rx_at(struct vanity_shard *self, uint32_t n)
{
	return n < self->rx_count ? &self->rx[n] : NULL;
}

struct vanity_tx *vanity_tx_at(struct vanity_shard *self, uint32_t n)
{
	return n < self->tx_count ? &self->tx[n] : NULL;
}

struct vanity_pool *vanity_pool_at(struct vanity_shard *self, uint32_t n)
{
	for (uint32_t i = 0; i < self->pool_count; i++)
		if (self->pool[i].owned && n-- == 0)
			return &self->pool[i];
	return NULL;
}

const char *vanity_rx_name(const struct vanity_rx *rx)
{
	return rx->ch.bind->name;
}

const char *vanity_tx_name(const struct vanity_tx *tx)
{
	return tx->ch.bind->name;
}

uint32_t vanity_rx_slot_bytes(const struct vanity_rx *rx)
{
	return rx->ch.bind->slot_bytes;
}

uint32_t vanity_tx_slot_bytes(const struct vanity_tx *tx)
{
	return tx->ch.bind->slot_bytes;
}

static const struct bind_option *shard_option(struct vanity_shard *self, const char *name)
{
	for (uint32_t i = 0; i < self->bind->option_count; i++)
		if (shard_name_equal(bind_options(self->bind)[i].name, name))
			return &bind_options(self->bind)[i];
	return NULL;
}

const char *vanity_option(struct vanity_shard *self, const char *name)
{
	const struct bind_option *o = shard_option(self, name);

	return o ? o->text : NULL;
}

uint64_t vanity_option_u64(struct vanity_shard *self, const char *name, uint64_t otherwise)
{
	const struct bind_option *o = shard_option(self, name);

	if (!o)
		return otherwise;
	if (!o->numeric)
		shard_lookup_failed(self, "not a number: option ", name);
	return o->value;
}

const void *vanity_config(struct vanity_shard *self, size_t *ret_bytes)
{
	*ret_bytes = self->config_bytes;
	return self->config_bytes ? self->config : NULL;
}

void *vanity_carry(struct vanity_shard *self)
{
	return self->carry;
}

uint32_t vanity_generation(const struct vanity_shard *self)
{
	return self->generation;
}

/* --- being seen ---------------------------------------------------------------------------- */

uint64_t vanity_now(struct vanity_shard *self)
{
	(void)self;
	return arch_cycles();
}

uint64_t vanity_hz(struct vanity_shard *self)
{
	return self->bind->hz;
}

void vanity_count(struct vanity_shard *self, uint32_t counter, uint64_t n)
{
	vanity_assert(self, counter < VANITY_COUNTERS_MAX);
	self->counter[counter] += n;
	wire_store(&self->cell->counter[counter], self->counter[counter]);
}

void vanity_gauge(struct vanity_shard *self, uint32_t counter, uint64_t value)
{
	vanity_assert(self, counter < VANITY_COUNTERS_MAX);
	self->counter[counter] = value;
	wire_store(&self->cell->counter[counter], value);
}

/* At most CELL_WORDS_BYTES of text into words, zero-filled. */
static void words_store(wire_u64 *to, const char *text)
{
	uint32_t ended = 0;

	for (uint32_t w = 0; w < CELL_WORDS_BYTES / 8; w++) {
		uint64_t word = 0;

		for (uint32_t i = 0; i < 8; i++) {
			if (!ended && *text == 0)
				ended = 1;
			if (!ended)
				word |= (uint64_t)(uint8_t)*text++ << (i * 8);
		}
		wire_store(&to[w], word);
	}
}

void vanity_log(struct vanity_shard *self, const char *text, uint64_t a, uint64_t b)
{
	struct cell_log_record *r = &self->cell->log[self->log_count % CELL_LOG_RECORDS];

	/* A reader that sees 0, or another number after than before, saw a record being written. */
	wire_store_release(&r->number, 0);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	wire_store(&r->cycles, arch_cycles());
	wire_store(&r->a, a);
	wire_store(&r->b, b);
	words_store(r->text, text);
	self->log_count++;
	wire_store_release(&r->number, self->log_count);
	wire_store_release(&self->cell->log_count, self->log_count);
}

/* --- the end ------------------------------------------------------------------------------- */

void shard_last_words(struct vanity_shard *self, uint32_t signal, uint32_t code, uint64_t address,
		      uint64_t pc, uint64_t sp, const uint64_t *reg, uint32_t reg_count)
{
	struct cell_words *w = &self->cell->words;

	wire_store(&w->signal, signal);
	wire_store(&w->code, code);
	wire_store(&w->address, address);
	wire_store(&w->pc, pc);
	wire_store(&w->sp, sp);
	for (uint32_t i = 0; i < 32; i++)
		wire_store(&w->reg[i], i < reg_count ? reg[i] : 0);
	if (signal != 0)
		words_store(w->words, "");
	for (uint32_t i = 0; i < self->rx_count; i++) {
		wire_store(&self->rx[i].ch.cell->cursor, self->rx[i].head);
		wire_store(&self->rx[i].ch.cell->taken, self->rx[i].taken);
	}
	for (uint32_t i = 0; i < self->tx_count; i++) {
		wire_store(&self->tx[i].ch.cell->cursor, self->tx[i].published);
		wire_store(&self->tx[i].ch.cell->taken, self->tx[i].tail);
	}
	wire_store_release(&w->generation, self->generation);
	wire_store_release(&self->cell->state, CELL_FAULT);
}

__attribute__((noreturn)) static void shard_end(struct vanity_shard *self, uint32_t code,
						const char *words, const void *pc)
{
	words_store(self->cell->words.words, words);
	shard_last_words(self, 0, code, 0, (uint64_t)(uintptr_t)pc, 0, NULL, 0);
	self->platform->fault(self->platform->context);
	for (;;) /* a platform that returns from fault() has a bug; stay out of the program */
		arch_pause();
}

int vanity_fatal(struct vanity_shard *self, uint32_t code, const char *words)
{
	shard_end(self, code, words, __builtin_return_address(0));
}

void shard_bug(struct vanity_shard *self, const char *words)
{
	shard_end(self, 0xffff, words, __builtin_return_address(0));
}
