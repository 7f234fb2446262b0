/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_vanity.h"

struct fake_vanity fake;
static jmp_buf fatal_jump;
static void *carry;

struct vanity_shard {
	int nothing;
};
struct vanity_pool {
	int nothing;
};
static struct vanity_shard the_shard;
static struct vanity_pool the_pool;

void fake_new(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.generation = 1;
	fake.frame_bytes = FAKE_FRAME_BYTES_MAX;
	fake.has_pool = true;
	fake.hz = 1000000000;
	fake.turns = 3;
}

struct vanity_rx *fake_rx(const char *name)
{
	struct vanity_rx *rx = &fake.rx[fake.rx_count++];

	assert_true(fake.rx_count <= FAKE_PORTS);
	strcpy(rx->name, name);
	return rx;
}

struct vanity_tx *fake_tx(const char *name)
{
	struct vanity_tx *tx = &fake.tx[fake.tx_count++];

	assert_true(fake.tx_count <= FAKE_PORTS);
	strcpy(tx->name, name);
	tx->room = VANITY_BURST_MAX;
	tx->room_left = tx->room;
	return tx;
}

void fake_option_add(const char *name, const char *text, uint64_t value)
{
	assert_true(fake.option_count < FAKE_OPTIONS);
	fake.option[fake.option_count++] = (struct fake_option){ name, text, value };
}

struct vanity_ref *fake_queue(struct vanity_rx *rx, const void *bytes, uint32_t length)
{
	struct vanity_ref *ref = &rx->queue[rx->queue_count++];
	uint32_t n = fake.frames_queued++;

	assert_true(n < FAKE_FRAMES && rx->queue_count <= FAKE_REFS);
	assert_true(length <= fake.frame_bytes);
	memcpy(fake.frame[n], bytes, length);
	fake.place[n] = FAKE_QUEUED;
	*ref = (struct vanity_ref){ .frame = n, .length = length };
	return ref;
}

int fake_run(void)
{
	volatile int ret = -1;

	carry = calloc(1, vanity_carry_info.bytes);
	assert_non_null(carry);
	if (setjmp(fatal_jump) == 0)
		ret = vanity_main(&the_shard);
	free(carry);
	carry = NULL;
	return ret;
}

struct vanity_shard *fake_shard(void)
{
	return &the_shard;
}

struct vanity_pool *fake_pool(void)
{
	return &the_pool;
}

uint64_t fake_counter(const char *name)
{
	for (uint32_t i = 0; vanity_counter_names[i].counter != 0; i++) {
		if (strcmp(vanity_counter_names[i].name, name) == 0)
			return fake.counter[vanity_counter_names[i].counter];
	}
	fail_msg("no counter named %s", name);
	return 0;
}

bool fake_logged(const char *text)
{
	for (uint32_t i = 0; i < fake.log_count && i < FAKE_LOGS; i++) {
		if (strcmp(fake.log[i].text, text) == 0)
			return true;
	}
	return false;
}

/* --- life ---------------------------------------------------------------------------------- */

void vanity_ready(struct vanity_shard *self)
{
	(void)self;
	assert_false(fake.ready);
	fake.ready = true;
}

int vanity_running(struct vanity_shard *self)
{
	bool empty = true;

	(void)self;
	assert_true(fake.ready);
	for (uint32_t i = 0; i < FAKE_FRAMES && !fake.may_hold; i++)
		assert_int_not_equal(fake.place[i], FAKE_HELD); /* kept over a turn */
	for (uint32_t i = 0; i < fake.tx_count; i++) {
		struct vanity_tx *tx = &fake.tx[i];

		assert_int_equal(tx->published, tx->put_count);
		for (uint32_t n = 0; tx->recycle && n < tx->put_count; n++)
			fake.place[tx->put[n].frame] = FAKE_FREE;
		tx->room_left = tx->room;
	}
	for (uint32_t i = 0; i < fake.rx_count; i++)
		empty = empty && fake.rx[i].taken == fake.rx[i].queue_count;
	fake.in_hand = false;
	if (fake.turns_max != 0 && --fake.turns_max == 0)
		return 0;
	if (!empty)
		return 1;
	if (fake.turns == 0)
		return 0;
	fake.turns--;
	return 1;
}

void vanity_wait(struct vanity_shard *self, uint64_t spin_ns)
{
	(void)self;
	(void)spin_ns;
	assert_false(fake.in_hand);
	fake.waits++;
}

void vanity_wait_until(struct vanity_shard *self, uint64_t spin_ns, uint64_t at)
{
	fake.wait_until = at;
	vanity_wait(self, spin_ns);
}

int vanity_fatal(struct vanity_shard *self, uint32_t code, const char *words)
{
	(void)self;
	assert_int_not_equal(code, 0);
	fake.fatal_code = code;
	strncpy(fake.fatal_words, words, 80);
	longjmp(fatal_jump, 1);
}

uint32_t vanity_generation(const struct vanity_shard *self)
{
	(void)self;
	return fake.generation;
}

void *vanity_carry(struct vanity_shard *self)
{
	(void)self;
	return carry;
}

/* --- lookups -------------------------------------------------------------------------------- */

struct vanity_rx *vanity_rx(struct vanity_shard *self, const char *port)
{
	assert_false(fake.ready);
	for (uint32_t i = 0; i < fake.rx_count; i++) {
		if (strcmp(fake.rx[i].name, port) == 0)
			return &fake.rx[i];
	}
	vanity_fatal(self, 99, "no such input");
	return NULL;
}

struct vanity_tx *vanity_tx(struct vanity_shard *self, const char *port)
{
	assert_false(fake.ready);
	for (uint32_t i = 0; i < fake.tx_count; i++) {
		if (strcmp(fake.tx[i].name, port) == 0)
			return &fake.tx[i];
	}
	vanity_fatal(self, 99, "no such output");
	return NULL;
}

struct vanity_rx *vanity_rx_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	assert_false(fake.ready);
	return n < fake.rx_count ? &fake.rx[n] : NULL;
}

struct vanity_tx *vanity_tx_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	assert_false(fake.ready);
	return n < fake.tx_count ? &fake.tx[n] : NULL;
}

const char *vanity_rx_name(const struct vanity_rx *rx)
{
	return rx->name;
}

const char *vanity_tx_name(const struct vanity_tx *tx)
{
	return tx->name;
}

struct vanity_pool *vanity_pool_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	assert_false(fake.ready);
	return n == 0 && fake.has_pool ? &the_pool : NULL;
}

const struct vanity_grant *vanity_grant_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	assert_false(fake.ready);
	return n < fake.grant_count ? &fake.grant[n] : NULL;
}

const void *vanity_config(struct vanity_shard *self, size_t *ret_bytes)
{
	(void)self;
	*ret_bytes = fake.config_bytes;
	return fake.config;
}

static const struct fake_option *option_find(const char *name)
{
	for (uint32_t i = 0; i < fake.option_count; i++) {
		if (strcmp(fake.option[i].name, name) == 0)
			return &fake.option[i];
	}
	return NULL;
}

const char *vanity_option(struct vanity_shard *self, const char *name)
{
	const struct fake_option *option = option_find(name);

	(void)self;
	return option != NULL ? option->text : NULL;
}

uint64_t vanity_option_u64(struct vanity_shard *self, const char *name, uint64_t otherwise)
{
	const struct fake_option *option = option_find(name);

	(void)self;
	return option != NULL ? option->value : otherwise;
}

/* --- frames --------------------------------------------------------------------------------- */

uint32_t vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	uint32_t n = 0;

	assert_true(fake.ready);
	assert_true(ref_max <= VANITY_BURST_MAX);
	for (; n < ref_max && rx->taken < rx->queue_count; n++) {
		ret_ref[n] = rx->queue[rx->taken++];
		assert_int_equal(fake.place[ret_ref[n].frame], FAKE_QUEUED);
		fake.place[ret_ref[n].frame] = FAKE_HELD;
		fake.in_hand = true;
	}
	return n;
}

void vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref, uint32_t reason)
{
	assert_true(reason < VANITY_COUNTERS_MAX);
	assert_int_equal(fake.place[ref->frame], FAKE_HELD);
	fake.place[ref->frame] = FAKE_BACK;
	rx->back_count++;
	if (reason != VANITY_DONE)
		fake.counter[reason]++;
}

uint32_t vanity_tx_room(struct vanity_tx *tx, uint32_t max)
{
	return tx->room_left < max ? tx->room_left : max;
}

void vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref)
{
	assert_int_equal(fake.place[ref->frame], FAKE_HELD);
	assert_true(tx->room_left > 0); /* full = wait: a bug of the program's */
	assert_true(tx->put_count < FAKE_REFS);
	assert_true(ref->offset + (uint64_t)ref->length <= fake.frame_bytes);
	assert_int_equal(ref->flags & 0x8000u, 0);
	fake.place[ref->frame] = FAKE_PUT;
	tx->put[tx->put_count++] = *ref;
	tx->room_left--;
}

void vanity_tx_publish(struct vanity_tx *tx)
{
	tx->published = tx->put_count;
}

const void *vanity_ref_read(struct vanity_rx *rx, const struct vanity_ref *ref)
{
	(void)rx;
	assert_int_equal(fake.place[ref->frame], FAKE_HELD);
	return fake.frame[ref->frame] + ref->offset;
}

void *vanity_ref_write(struct vanity_shard *self, const struct vanity_ref *ref)
{
	(void)self;
	assert_int_equal(fake.place[ref->frame], FAKE_HELD);
	return fake.read_only ? NULL : fake.frame[ref->frame] + ref->offset;
}

uint32_t vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ret_ref, uint32_t n)
{
	uint32_t frames = fake.pool_frames != 0 ? fake.pool_frames : FAKE_FRAMES;
	uint32_t taken = 0;

	(void)pool;
	assert_true(fake.ready);
	if (fake.frozen)
		return 0;
	for (uint32_t i = 0; i < frames && taken < n; i++) {
		if (fake.place[i] != FAKE_FREE)
			continue;
		fake.place[i] = FAKE_HELD;
		ret_ref[taken++] = (struct vanity_ref){ .frame = i };
		fake.in_hand = !fake.may_hold; /* else it may be waiting for a packet */
	}
	return taken;
}

void vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref, uint32_t reason)
{
	(void)pool;
	assert_true(reason < VANITY_COUNTERS_MAX);
	assert_int_equal(fake.place[ref->frame], FAKE_HELD);
	fake.place[ref->frame] = FAKE_FREE;
	if (reason != VANITY_DONE)
		fake.counter[reason]++;
}

uint32_t vanity_pool_claim(struct vanity_pool *pool, uint64_t *bits)
{
	uint32_t frames = fake.pool_frames != 0 ? fake.pool_frames : FAKE_FRAMES;
	uint32_t claimed = 0;

	(void)pool;
	assert_false(fake.ready);
	for (uint32_t i = 0; i < (frames + 63) / 64 * 64; i++) {
		if ((bits[i / 64] >> (i % 64) & 1) == 0)
			continue;
		if (i >= frames || fake.place[i] != FAKE_FREE) {
			bits[i / 64] &= ~(1ull << (i % 64));
			continue;
		}
		fake.place[i] = FAKE_HELD;
		claimed++;
	}
	return claimed;
}

uint32_t vanity_pool_frame_bytes(const struct vanity_pool *pool)
{
	(void)pool;
	return fake.frame_bytes;
}

/* --- devices -------------------------------------------------------------------------------- */

enum vanity_link vanity_grant_link(struct vanity_shard *self, const struct vanity_grant *grant,
				   uint32_t *ret_mtu)
{
	(void)self;
	*ret_mtu = fake.link_mtu != 0 ? fake.link_mtu : grant->facts->mtu;
	return fake.link;
}

int vanity_frozen(const struct vanity_shard *self)
{
	(void)self;
	return fake.frozen;
}

/* --- being seen ----------------------------------------------------------------------------- */

uint64_t vanity_now(struct vanity_shard *self)
{
	(void)self;
	fake.now += fake.ticks_a_look;
	return fake.now;
}

uint64_t vanity_hz(struct vanity_shard *self)
{
	(void)self;
	return fake.hz;
}

void vanity_count(struct vanity_shard *self, uint32_t counter, uint64_t n)
{
	(void)self;
	assert_in_range(counter, 1, VANITY_COUNTERS_MAX - 1);
	fake.counter[counter] += n;
}

void vanity_gauge(struct vanity_shard *self, uint32_t counter, uint64_t value)
{
	(void)self;
	assert_in_range(counter, 1, VANITY_COUNTERS_MAX - 1);
	fake.counter[counter] = value;
}

void vanity_log(struct vanity_shard *self, const char *text, uint64_t a, uint64_t b)
{
	struct fake_log *log = &fake.log[fake.log_count++ % FAKE_LOGS];

	(void)self;
	memset(log, 0, sizeof(*log));
	strncpy(log->text, text, 80);
	log->a = a;
	log->b = b;
}
