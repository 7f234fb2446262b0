/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chan_raw.c: what the cache lines allow, with nothing around them.
 *
 *      line     one line that both sides write in turn
 *      lines    two lines, each written by one side: the fair limit of a channel, whose two
 *               directions can never share a line
 *      stream   lines written one after the other, read by the other side as they arrive; every
 *               word is its own number, so that "is it there" and "is it right" are one question
 *
 * A stream's reader gives its lines back every eighth of the ring. There is no call, no item and
 * no check of a peer: nothing that moves the same bytes through the same footprint has less to do.
 */
#include <string.h>

#include <arch.h>

#include "chan.h"
#include "chan_loop.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LINE_WORDS 8u

static int raw_lay_out(struct chan_run *run)
{
	uint64_t bytes = (uint64_t)run->c.slot_bytes * run->c.slot_count;

	return run->c.kind == CHAN_STREAM && chan_memory_new(run, bytes, true) < 0 ? -1 : 0;
}

static int raw_join(struct chan_run *run, enum chan_side side)
{
	if (run->c.kind == CHAN_STREAM)
		run->end = chan_memory_map(run, 0, side == CHAN_FAR);
	return run->c.kind == CHAN_STREAM && !run->end ? -1 : 0;
}

/* --- one line, two lines ------------------------------------------------------------------- */

static void raw_ask(struct chan_run *run, uint64_t *there, const uint64_t *back)
{
	static uint32_t sample[CHAN_PING_MAX];
	uint64_t end = run->warm + run->count;

	for (uint64_t i = 0; i < end; i++) {
		uint64_t begun = arch_cycles();

		__atomic_store_n(there, 2 * i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(back, __ATOMIC_ACQUIRE) != 2 * i + 2)
			arch_pause();
		if (i >= run->warm)
			sample[i - run->warm] = (uint32_t)(arch_cycles() - begun);
	}
	chan_ping_result(run, sample, (uint32_t)run->count);
}

static void raw_answer(struct chan_run *run, const uint64_t *there, uint64_t *back)
{
	uint64_t end = run->warm + run->count;

	for (uint64_t i = 0; i < end; i++) {
		while (__atomic_load_n(there, __ATOMIC_ACQUIRE) != 2 * i + 1)
			arch_pause();
		__atomic_store_n(back, 2 * i + 2, __ATOMIC_RELEASE);
	}
}

static void line_near(struct chan_run *run)
{
	raw_ask(run, &run->shared->there.word, &run->shared->there.word);
}

static void line_far(struct chan_run *run)
{
	raw_answer(run, &run->shared->there.word, &run->shared->there.word);
}

static void lines_near(struct chan_run *run)
{
	raw_ask(run, &run->shared->there.word, &run->shared->back.word);
}

static void lines_far(struct chan_run *run)
{
	raw_answer(run, &run->shared->there.word, &run->shared->back.word);
}

const struct chan_design chan_line = {
	.name = "one line",
	.lay_out = raw_lay_out,
	.join = raw_join,
	.ping = { line_near, line_far },
};

const struct chan_design chan_lines = {
	.name = "two lines",
	.lay_out = raw_lay_out,
	.join = raw_join,
	.ping = { lines_near, lines_far },
};

/* --- streams of stores --------------------------------------------------------------------- */

struct stream {
	uint64_t mask, lines; /* of a ring of a power of two lines; of the whole run */
};

static struct stream stream_of(const struct chan_run *run)
{
	uint64_t bytes = run->c.slot_bytes, line = LINE_WORDS * 8;

	return (struct stream){ .mask = bytes * run->c.slot_count / line - 1,
				.lines = (run->warm + run->count) * bytes / line };
}

/* Until the line at @at may be written anew. */
CHAN_INLINE void stream_wait_room(struct chan_run *run, const struct stream *s, uint64_t at,
				  uint64_t *room)
{
	while (at - *room > s->mask) {
		*room = __atomic_load_n(&run->shared->room.word, __ATOMIC_ACQUIRE);
		if (at - *room > s->mask)
			arch_pause();
	}
}

CHAN_INLINE void stream_free(struct chan_run *run, const struct stream *s, uint64_t at)
{
	if (((at + 1) & s->mask / 8) == 0)
		__atomic_store_n(&run->shared->room.word, at + 1, __ATOMIC_RELEASE);
}

static const uint64_t stream_first[LINE_WORDS] = { 1, 2, 3, 4, 5, 6, 7, 8 };
/* By pieces of 8, 16, 32 and 64 bytes: how many words further the next one is. */
static const uint64_t stream_step[][LINE_WORDS] = {
	[0] = { 1 },
	[1] = { 2, 2 },
	[2] = { 4, 4, 4, 4 },
	[4] = { 8, 8, 8, 8, 8, 8, 8, 8 },
};

#define PIECES(piece) (LINE_WORDS * 8 / sizeof(piece))

/* @differs: not 0 when a piece is not what it should be, or not yet. */
#define STREAM(width, piece, target, differs)                                                      \
	target static void stream##width##_far(struct chan_run *run)                               \
	{                                                                                          \
		const struct stream s = stream_of(run);                                            \
		piece *ring = run->end, next, step;                                                \
		uint64_t room = 0;                                                                 \
                                                                                                   \
		memcpy(&next, stream_first, sizeof(piece));                                        \
		memcpy(&step, stream_step[sizeof(piece) / 16], sizeof(piece));                     \
		for (uint64_t at = 0; at < s.lines; at++) {                                        \
			piece *line = ring + (at & s.mask) * PIECES(piece);                        \
                                                                                                   \
			stream_wait_room(run, &s, at, &room);                                      \
			for (uint32_t i = 0; i < PIECES(piece); i++) {                             \
				*(volatile piece *)&line[i] = next;                                \
				next += step;                                                      \
			}                                                                          \
		}                                                                                  \
	}                                                                                          \
	/* Items @number to @end, by whole lines. */                                               \
	target static inline uint64_t stream##width##_receive(                                     \
		struct chan_run *run, const struct stream *s, uint64_t number, uint64_t end)       \
	{                                                                                          \
		const uint64_t bytes = run->c.slot_bytes, first = number * bytes / 8;              \
		uint64_t to = end * bytes / 8 / LINE_WORDS;                                        \
		piece next, step, add;                                                             \
                                                                                                   \
		memcpy(&next, stream_first, sizeof(piece));                                        \
		memcpy(&step, stream_step[sizeof(piece) / 16], sizeof(piece));                     \
		for (uint32_t i = 0; i < sizeof(piece) / 8; i++)                                   \
			memcpy((char *)&add + i * 8, &first, 8);                                   \
		next += add;                                                                       \
		for (uint64_t at = first / LINE_WORDS; at < to;) {                                 \
			const piece *line = (piece *)run->end + (at & s->mask) * PIECES(piece);    \
			piece want = next, all = step ^ step;                                      \
                                                                                                   \
			for (uint32_t i = 0; i < PIECES(piece); i++) {                             \
				all |= *(const volatile piece *)&line[i] ^ want;                   \
				want += step;                                                      \
			}                                                                          \
			if (differs(all)) {                                                        \
				arch_pause();                                                      \
				continue;                                                          \
			}                                                                          \
			next = want;                                                               \
			stream_free(run, s, at);                                                   \
			at++;                                                                      \
		}                                                                                  \
		return end;                                                                        \
	}                                                                                          \
	target static void stream##width##_near(struct chan_run *run)                              \
	{                                                                                          \
		const struct stream s = stream_of(run);                                            \
                                                                                                   \
		CHAN_RECEIVE(run, stream##width##_receive(run, &s, number, end));                  \
	}

typedef uint64_t piece16 __attribute__((vector_size(16)));

#define DIFFERS_8(x) ((x) != 0)
#define DIFFERS_16(x) (((x)[0] | (x)[1]) != 0)

STREAM(8, uint64_t, , DIFFERS_8)

#if defined(__x86_64__)
typedef uint64_t piece32 __attribute__((vector_size(32)));
typedef uint64_t piece64 __attribute__((vector_size(64)));

#define DIFFERS_32(x) (!_mm256_testz_si256((__m256i)(x), (__m256i)(x)))
#define DIFFERS_64(x) (_mm512_test_epi64_mask((__m512i)(x), (__m512i)(x)) != 0)

STREAM(16, piece16, , DIFFERS_16)
STREAM(32, piece32, __attribute__((target("avx2"))), DIFFERS_32)
STREAM(64, piece64, __attribute__((target("avx512f"))), DIFFERS_64)

bool chan_stream_possible(const struct chan_design *design)
{
	if (design == &chan_stream32)
		return __builtin_cpu_supports("avx2");
	return design != &chan_stream64 || __builtin_cpu_supports("avx512f");
}
#else
STREAM(16, piece16, , DIFFERS_16)
#define stream32_near stream16_near
#define stream32_far stream16_far
#define stream64_near stream16_near
#define stream64_far stream16_far

/* No wider stores without more of the architecture than this build asks for. */
bool chan_stream_possible(const struct chan_design *design)
{
	return design != &chan_stream32 && design != &chan_stream64;
}
#endif

#define STREAM_DESIGN(width)                                                                       \
	const struct chan_design chan_stream##width = {                                            \
		.name = "stores of " #width " B",                                                  \
		.lay_out = raw_lay_out,                                                            \
		.join = raw_join,                                                                  \
		.stream = { stream##width##_near, stream##width##_far },                           \
	};

STREAM_DESIGN(8)
STREAM_DESIGN(16)
STREAM_DESIGN(32)
STREAM_DESIGN(64)
