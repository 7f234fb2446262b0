/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_dpdk.c: rte_ring, one producer and one consumer, as a library: the ring lies in memory of
 * ours, and no EAL is started. Both sides map it for writing; it can be had no other way.
 *
 *      rte_ring       bursts by copy, rte_ring_elem.h
 *      rte_ring zc    bursts made and read in place, rte_ring_peek_zc.h
 */
#include <sys/mman.h>

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include "chan.h"
#include "chan_loop.h"

#define WAYS 2u

/* By side: the ring it sends on, and the one it takes from. */
struct rings {
	struct rte_ring *out, *in;
};

static int rings_lay_out(struct chan_run *run)
{
	ssize_t bytes = rte_ring_get_memsize_elem(run->c.slot_bytes, run->c.slot_count);

	if (bytes < 0)
		return chan_fail(run, "rte_ring has no ring of %u", run->c.slot_count);
	for (uint32_t i = 0; i < WAYS; i++) {
		int memory = chan_memory_new(run, (uint64_t)bytes, true);
		struct rte_ring *ring;

		if (memory < 0)
			return -1;
		ring = chan_memory_map(run, memory, true);
		if (!ring)
			return -1;
		if (rte_ring_init(ring, "bench", run->c.slot_count,
				  RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
			return chan_fail(run, "rte_ring_init refused the ring");
		munmap(ring, run->memory[memory].bytes);
	}
	return 0;
}

static int rings_join(struct chan_run *run, enum chan_side side)
{
	static struct rings rings;

	rings.out = chan_memory_map(run, (int)side, true);
	rings.in = chan_memory_map(run, !side, true);
	run->end = &rings;
	return rings.out && rings.in ? 0 : -1;
}

/* --- by copy ------------------------------------------------------------------------------- */

CHAN_INLINE uint32_t copy_put(void *end, const uint64_t *item, uint32_t words, uint32_t n)
{
	struct rings *r = end;

	return rte_ring_sp_enqueue_burst_elem(r->out, item, words * 8, n, NULL);
}

CHAN_INLINE uint32_t copy_take(void *end, uint64_t *ret_item, uint32_t words, uint32_t n)
{
	struct rings *r = end;

	return rte_ring_sc_dequeue_burst_elem(r->in, ret_item, words * 8, n, NULL);
}

#define COPY_WAYS ((struct chan_ways){ copy_put, copy_take, chan_nothing, chan_pause, CHAN_TURN })

CHAN_ROLES(copy, COPY_WAYS)

const struct chan_design chan_rte = {
	.name = "rte_ring",
	.lay_out = rings_lay_out,
	.join = rings_join,
	CHAN_ROLE_TABLE(copy),
};

/* --- in place ------------------------------------------------------------------------------ */

/* Make up to @n items in the ring; returns how many there was room for. */
CHAN_INLINE uint32_t place_make(struct rte_ring *ring, uint64_t number, uint32_t words, uint32_t n)
{
	struct rte_ring_zc_data at;

	n = rte_ring_enqueue_zc_burst_elem_start(ring, words * 8, n, &at, NULL);
	if (n == 0)
		return 0;
	chan_make(at.ptr1, number, words, at.n1 < n ? at.n1 : n);
	if (at.n1 < n)
		chan_make(at.ptr2, number + at.n1, words, n - at.n1);
	rte_ring_enqueue_zc_elem_finish(ring, n);
	return n;
}

CHAN_INLINE uint32_t place_check(struct rte_ring *ring, uint64_t number, uint32_t words, uint32_t n,
				 uint64_t *wrong)
{
	struct rte_ring_zc_data at;

	n = rte_ring_dequeue_zc_burst_elem_start(ring, words * 8, n, &at, NULL);
	if (n == 0)
		return 0;
	*wrong |= chan_check(at.ptr1, number, words, at.n1 < n ? at.n1 : n);
	if (at.n1 < n)
		*wrong |= chan_check(at.ptr2, number + at.n1, words, n - at.n1);
	rte_ring_dequeue_zc_elem_finish(ring, n);
	return n;
}

CHAN_INLINE void place_make_all(struct rte_ring *ring, uint64_t number, uint32_t words,
				uint32_t batch)
{
	for (uint32_t done = 0; done < batch;) {
		uint32_t n = place_make(ring, number + done, words, batch - done);

		if (n == 0)
			arch_pause();
		done += n;
	}
}

CHAN_INLINE uint64_t place_check_all(struct rte_ring *ring, uint64_t number, uint32_t words,
				     uint32_t batch)
{
	uint64_t wrong = 0;

	for (uint32_t done = 0; done < batch;) {
		uint32_t n = place_check(ring, number + done, words, batch - done, &wrong);

		if (n == 0)
			arch_pause();
		done += n;
	}
	return wrong;
}

CHAN_INLINE void place_far(struct chan_run *run, int unused, uint32_t words, uint32_t batch)
{
	struct rings *r = run->end;
	uint64_t end = run->warm + run->count;

	(void)unused;
	for (uint64_t number = 0; number < end; number += batch)
		place_make_all(r->out, number, words, batch);
}

CHAN_INLINE uint64_t place_receive(struct chan_run *run, uint32_t words, uint32_t batch,
				   uint64_t number, uint64_t end)
{
	struct rings *r = run->end;
	uint64_t wrong = 0;

	while (number < end) {
		uint32_t n = place_check(r->in, number, words, batch, &wrong);

		if (n == 0)
			arch_pause();
		number += n;
	}
	run->shared->wrong |= wrong;
	return number;
}

CHAN_INLINE void place_near(struct chan_run *run, int unused, uint32_t words, uint32_t batch)
{
	(void)unused;
	CHAN_RECEIVE(run, place_receive(run, words, batch, number, end));
}

CHAN_INLINE void place_ask(struct chan_run *run, int unused, uint32_t words, uint32_t batch)
{
	static uint32_t sample[CHAN_PING_MAX];
	struct rings *r = run->end;
	uint64_t end = run->warm + run->count, wrong = 0;

	(void)unused;
	for (uint64_t i = 0; i < end; i++) {
		uint64_t begun = arch_cycles();

		place_make_all(r->out, i * batch, words, batch);
		wrong |= place_check_all(r->in, i * batch, words, batch);
		if (i >= run->warm)
			sample[i - run->warm] = (uint32_t)(arch_cycles() - begun);
	}
	run->shared->wrong = wrong;
	chan_ping_result(run, sample, (uint32_t)run->count);
}

CHAN_INLINE void place_answer(struct chan_run *run, int unused, uint32_t words, uint32_t batch)
{
	struct rings *r = run->end;
	uint64_t end = run->warm + run->count, wrong = 0;

	(void)unused;
	for (uint64_t i = 0; i < end; i++) {
		wrong |= place_check_all(r->in, i * batch, words, batch);
		place_make_all(r->out, i * batch + (wrong != 0), words, batch);
	}
}

static void place_stream_near(struct chan_run *run)
{
	CHAN_SIZES(place_near, run, 0);
}

static void place_stream_far(struct chan_run *run)
{
	CHAN_SIZES(place_far, run, 0);
}

static void place_ping_near(struct chan_run *run)
{
	CHAN_SIZES(place_ask, run, 0);
}

static void place_ping_far(struct chan_run *run)
{
	CHAN_SIZES(place_answer, run, 0);
}

const struct chan_design chan_rte_zc = {
	.name = "rte_ring zc",
	.lay_out = rings_lay_out,
	.join = rings_join,
	CHAN_ROLE_TABLE(place),
};
