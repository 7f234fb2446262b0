/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack_wire.c: lies in shared memory, and what a program may do to those who wait for it.
 *
 *      gen --- in ---> the attacker --- out ---> sink
 *
 * Each lie stands for a while, so that the neighbour it is meant for sees it from a living shard.
 * What becomes of it is in the log: who refused what of whom.
 */
#include "attack.h"

#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/seccomp.h>
#include <linux/time_types.h>

#include <asm/signal.h>

#include "core/shard.h"

#define LIE_MS 600u
#define FLOOD 100000u
#define BELL_TURNS 100000u

/* No descriptor, so that nothing but the time ends it. */
static void linger(uint32_t ms)
{
	struct __kernel_timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000ll };
	struct pollfd nobody = { .fd = -1 };

	CALL_5(__NR_ppoll, &nobody, 1, &time, NULL, 8);
}

static void ring(const struct attacker *a)
{
	const uint64_t one = 1;

	for (uint32_t i = 0; i < a->self->neighbour_count; i++) {
		wire_store_release(a->self->neighbour[i].bell,
				   wire_load(a->self->neighbour[i].bell) + 1);
		CALL_3(__NR_write, BIND_FD_NEIGHBOURS + i, &one, sizeof(one));
	}
}

/* With a heartbeat: a lie of somebody who does not answer is not looked at. */
static bool lie(const struct attacker *a)
{
	ring(a);
	for (uint32_t ms = 0; ms < LIE_MS && vanity_running(a->self); ms += 10)
		linger(10);
	return false; /* the log says whether it was believed */
}

static struct vanity_rx *in(const struct attacker *a)
{
	return &a->self->rx[0];
}

static struct vanity_tx *out(const struct attacker *a)
{
	return &a->self->tx[0];
}

/* --- as a consumer ------------------------------------------------------------------------- */

static bool attack_room_beyond(struct attacker *a)
{
	wire_store_release(&in(a)->mine->room, wire_load(&in(a)->peer->tail) + 1000);
	return lie(a);
}

static bool attack_room_back(struct attacker *a)
{
	wire_store_release(&in(a)->mine->room, in(a)->room - 1000);
	return lie(a);
}

/* Read once, when this shard is dead: what is in doubt. */
static bool attack_taken(struct attacker *a)
{
	wire_store_release(&in(a)->mine->taken, ~0ull / 3);
	return lie(a);
}

static bool attack_lane_beyond(struct attacker *a)
{
	/* In its own books too: the library would put it right with the next frame that comes home. */
	in(a)->lane_tail += 1u << 20;
	in(a)->lane_published = in(a)->lane_tail;
	wire_store_release(&in(a)->mine->lane_tail, in(a)->lane_tail);
	return lie(a);
}

static void lane_push(struct vanity_rx *rx, uint32_t entry)
{
	wire_store_u32(&rx->lane[rx->lane_tail++ & rx->lane_mask], entry);
	wire_store_release(&rx->mine->lane_tail, rx->lane_tail);
}

/* A frame of nobody's, then one with every bit. */
static bool attack_give_unknown(struct attacker *a)
{
	lane_push(in(a), 0x00ffffff);
	lane_push(in(a), ~0u);
	return lie(a);
}

/* The frames it was never lent. */
static bool attack_give_early(struct attacker *a)
{
	const struct channel_pool *pool = &in(a)->ch.pool[0];

	for (uint32_t i = 0; i < 8; i++)
		if (a->self->from[pool->local + i] == FROM_NOTHING)
			lane_push(in(a), pool->first + i);
	return lie(a);
}

/* Waits for what it needs to lie about. */
static uint32_t take(struct attacker *a, struct vanity_ref *ret, uint32_t n)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < 1000 && got < n && vanity_running(a->self); i++) {
		got += vanity_rx_take(in(a), ret + got, n - got);
		if (got < n)
			linger(1);
	}
	return got;
}

static bool attack_give_twice(struct attacker *a)
{
	struct vanity_ref ref[1];

	if (take(a, ref, 1) != 1)
		return true;
	lane_push(in(a), ref[0].frame);
	lane_push(in(a), ref[0].frame);
	return lie(a);
}

/* All it can get, and nothing back: no more than `lend`. */
static bool attack_hoard(struct attacker *a)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t got = 0, n;

	for (uint32_t i = 0; i < 400 && vanity_running(a->self); i++) {
		n = vanity_rx_take(in(a), ref, VANITY_BURST_MAX);
		got += n;
		if (n == 0)
			linger(1);
	}
	a->detail = (long)got;
	return got > in(a)->ch.bind->lend || got == 0;
}

/* --- as a producer ------------------------------------------------------------------------- */

static bool attack_tail_beyond(struct attacker *a)
{
	wire_store_release(&out(a)->mine->tail, out(a)->tail + out(a)->ch.slots.mask + 2);
	return lie(a);
}

static bool attack_tail_back(struct attacker *a)
{
	wire_store_release(&out(a)->mine->tail, out(a)->tail - 1000);
	return lie(a);
}

/* All slots but the next look as if they were written. */
static bool attack_gap(struct attacker *a)
{
	struct vanity_tx *tx = out(a);

	for (uint32_t i = 1; i <= tx->ch.slots.mask; i++)
		slot_put_frame(&tx->ch.slots, tx->slot, tx->tail + i, 0x00ffffff, 64);
	return lie(a);
}

/* A slot as it should be, but for what it names: the @n-th from here. */
static void claim(struct vanity_tx *tx, uint32_t n, uint32_t frame, uint64_t offset, uint32_t length)
{
	slot_put_frame(&tx->ch.slots, tx->slot, tx->tail + n, offset << 32 | frame, length);
}

/* What went before was taken, so that several claims are one burst: the first is written last. */
static void settle(struct attacker *a)
{
	for (uint32_t i = 0; i < 1000 && vanity_running(a->self); i++) {
		if (wire_load(&out(a)->peer->taken) == out(a)->tail)
			return;
		ring(a);
		linger(1);
	}
}

static bool attack_frame_unknown(struct attacker *a)
{
	claim(out(a), 0, 0x00ffffff, 0, 64);
	return lie(a);
}

static bool attack_frame_bounds(struct attacker *a)
{
	claim(out(a), 0, out(a)->ch.pool[0].first, 0xffff, 0xffffffff);
	return lie(a);
}

static bool attack_frame_twice(struct attacker *a)
{
	uint32_t frame = out(a)->ch.pool[0].first;

	settle(a);
	claim(out(a), 1, frame, 0, 64);
	claim(out(a), 0, frame, 0, 64);
	return lie(a);
}

/* Frames it was never lent, and more of them than it may have out. */
static bool attack_lend(struct attacker *a)
{
	struct vanity_tx *tx = out(a);
	uint32_t n = tx->ch.bind->lend < tx->ch.slots.mask ? tx->ch.bind->lend + 1 : tx->ch.slots.mask;

	settle(a);
	while (n-- > 0)
		claim(tx, n, tx->ch.pool[0].first + n, 0, 64);
	return lie(a);
}

/* One that is the owner's at this moment: the sink cannot know; the ledgers above must. */
static bool attack_forged(struct attacker *a)
{
	const struct channel_pool *pool = &out(a)->ch.pool[0];

	for (uint32_t i = 0; i < pool->count; i++) {
		if (a->self->from[pool->local + i] != FROM_NOTHING)
			continue;
		claim(out(a), 0, pool->first + i, 0, 64);
		break;
	}
	return lie(a);
}

/* --- words of recovery, bells, flags -------------------------------------------------------- */

static uint64_t next_random(struct attacker *a)
{
	return cell_mix(a->number++);
}

/* All of its own wires, again and again: cursors, statements, lanes, slots, generations. */
static bool attack_wires(struct attacker *a)
{
	for (uint32_t turn = 0; turn < 50; turn++) {
		for (uint32_t i = 0; i < a->bind->neighbour_count; i++) {
			uint32_t r = bind_neighbours(a->bind)[i].wire_out;
			wire_u64 *word = a->self->base[r];

			for (uint64_t n = 0; n < bind_regions(a->bind)[r].bytes / 8; n++)
				wire_store(&word[n], next_random(a));
		}
		ring(a);
		linger(5);
	}
	return false;
}

static bool attack_asleep(struct attacker *a)
{
	for (uint32_t turn = 0; turn < BELL_TURNS; turn++)
		for (uint32_t i = 0; i < a->self->neighbour_count; i++)
			wire_store(&a->self->neighbour[i].mine->asleep, next_random(a) & 3);
	return lie(a);
}

/* Who sleeps says so in its own wire, which is not ours to write. */
static bool attack_asleep_of_others(struct attacker *a)
{
	const struct wire_head *peer = a->self->neighbour[0].peer;

	wire_store((wire_u64 *)(uintptr_t)&peer->asleep, 0);
	return true;
}

/* A bell is written by all neighbours of its owner: forged, and set back again and again. */
static bool attack_bell(struct attacker *a)
{
	for (uint32_t turn = 0; turn < BELL_TURNS; turn++)
		for (uint32_t i = 0; i < a->self->neighbour_count; i++)
			wire_store_release(a->self->neighbour[i].bell,
					   turn % 2 ? 0 : next_random(a));
	return lie(a);
}

/* As full as can be, for all who ring the same one. */
static bool attack_saturate(struct attacker *a)
{
	const uint64_t most = ~0ull - 1;

	for (uint32_t turn = 0; turn < 100; turn++) {
		for (uint32_t i = 0; i < a->self->neighbour_count; i++)
			CALL_3(__NR_write, BIND_FD_NEIGHBOURS + i, &most, sizeof(most));
		linger(2);
	}
	return false;
}

/* A neighbour's wake, stolen. */
static bool attack_drain(struct attacker *a)
{
	uint64_t count;

	return attack_call(a, CALL_3(__NR_read, BIND_FD_NEIGHBOURS, &count, sizeof(count)));
}

/* --- towards the daemon -------------------------------------------------------------------- */

/* Every word of its cell, what the policy acts on first of all. */
static bool attack_cell(struct attacker *a)
{
	wire_u64 *word = (wire_u64 *)a->self->cell;

	for (uint32_t turn = 0; turn < 50; turn++) {
		for (uint64_t n = 0; n < bind_regions(a->bind)[BIND_CELL].bytes / 8; n++)
			wire_store(&word[n], turn % 2 ? next_random(a) : 0x1b5b324a07080a0dull);
		/* Now and then the magic is right, so that the rest is looked at. */
		wire_store(&a->self->cell->magic, CELL_MAGIC);
		linger(5);
	}
	return false;
}

static bool attack_log(struct attacker *a)
{
	for (uint32_t i = 0; i < FLOOD; i++) {
		vanity_log(a->self,
			   "\x1b[2J\x07\r\n2026-01-01T00:00:00Z sink0.1: fault: forged %0\xff", i,
			   0);
		if (i % 1000 == 0 && vanity_running(a->self))
			linger(5);
	}
	(void)lie(a);
	return lie(a);
}

/* --- ways to be of no use ------------------------------------------------------------------ */

static bool attack_stall(struct attacker *a)
{
	(void)a;
	for (;;)
		linger(60000);
	return false;
}

static bool attack_spin(struct attacker *a)
{
	for (;;)
		a->number++;
	return false;
}

static bool attack_stop(struct attacker *a)
{
	return attack_call(a, CALL_2(__NR_kill, 1, SIGSTOP));
}

static bool attack_fault(struct attacker *a)
{
	*(volatile uint64_t *)(uintptr_t)a->detail = 0;
	return true;
}

/* --- before it is ready -------------------------------------------------------------------- */

static struct shard_platform forged;

static void ready_without(void *context)
{
	(void)context;
}

static void ready_with_its_own(void *context)
{
	struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct sock_fprog program = { .len = 1, .filter = &allow };

	(void)context;
	(void)CALL_3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* In its work as ever, but for what becomes of it in vanity_ready(). */
static void ready_by(struct attacker *a, void (*ready)(void *context))
{
	forged = *a->self->platform;
	forged.ready = ready;
	a->self->platform = &forged;
	vanity_ready(a->self);
}

static bool attack_no_filter(struct attacker *a)
{
	ready_by(a, ready_without);
	while (vanity_running(a->self))
		vanity_wait(a->self, 1000);
	return true;
}

/* As many filters as planned. What the start filter lets through, it can do still; and no more. */
static bool attack_own_filter(struct attacker *a)
{
	long at;

	ready_by(a, ready_with_its_own);
	at = CALL_6(__NR_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!call_failed(at))
		vanity_log(a->self, "mapped a page", 0, 0);
	/* Long enough to be looked at. */
	for (uint32_t ms = 0; ms < LIE_MS && vanity_running(a->self); ms += 20)
		linger(20);
	return attack_call(a, CALL_0(__NR_getpid));
}

/* Every second page of nothing readable: more mappings than the keeper tells of. */
static bool attack_split(struct attacker *a)
{
	const uint64_t bytes = 60ull << 20;
	long at = CALL_6(__NR_mmap, NULL, bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!attack_call(a, at))
		return false;
	for (uint64_t i = 0; i < bytes; i += 8192)
		if (!attack_call(a, CALL_3(__NR_mprotect, at + (long)i, 4096, PROT_READ)))
			return false;
	vanity_ready(a->self);
	while (vanity_running(a->self))
		vanity_wait(a->self, 1000);
	return true;
}

const struct attack attack_wire[] = {
	{ "room_beyond", attack_room_beyond },
	{ "room_back", attack_room_back },
	{ "taken", attack_taken },
	{ "lane_beyond", attack_lane_beyond },
	{ "give_unknown", attack_give_unknown },
	{ "give_early", attack_give_early },
	{ "give_twice", attack_give_twice },
	{ "hoard", attack_hoard },
	{ "tail_beyond", attack_tail_beyond },
	{ "tail_back", attack_tail_back },
	{ "gap", attack_gap },
	{ "frame_unknown", attack_frame_unknown },
	{ "frame_bounds", attack_frame_bounds },
	{ "frame_twice", attack_frame_twice },
	{ "lend", attack_lend },
	{ "forged", attack_forged },
	{ "wires", attack_wires },
	{ "asleep", attack_asleep },
	{ "asleep_of_others", attack_asleep_of_others },
	{ "bell", attack_bell },
	{ "saturate", attack_saturate },
	{ "drain", attack_drain },
	{ "cell", attack_cell },
	{ "log", attack_log },
	{ "stall", attack_stall },
	{ "no_filter", attack_no_filter },
	{ "own_filter", attack_own_filter },
	{ "split", attack_split },
	{ "spin", attack_spin },
	{ "stop", attack_stop },
	{ "fault", attack_fault },
	{ NULL, NULL },
};
