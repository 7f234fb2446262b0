/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_vanity.h: the vanity API at link level, for one program at a time.
 *
 * A test fills frames, queues refs on inputs, says how much room an output has, and calls
 * fake_run(): vanity_main() runs until its inputs are empty and its turns are used up. What it
 * did is then in `fake`: refs put by output, frames given back by reason, counters, logs, last
 * words.
 *
 * The fake is stricter than any world: it fails the test when a program takes more than it has
 * room for, puts or gives back a frame it does not hold, keeps a frame over vanity_running(),
 * leaves a put unpublished, waits with work in hand, or calls a lookup after vanity_ready().
 *
 *      free --vanity_frame_take--> held --vanity_tx_put--> put
 *      queued --vanity_rx_take---> held --give_back------> back
 *      free --vanity_pool_claim-> held                     (before vanity_ready alone)
 *
 * A driver is tested without a program: fake_shard() and fake_pool() are what its functions take,
 * and fake.ready is the test's to set.
 */
#ifndef TESTS_UNIT_SHARDS_FAKE_VANITY_H
#define TESTS_UNIT_SHARDS_FAKE_VANITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vanity/grant.h>
#include <vanity/vanity.h>

#define FAKE_FRAMES 1024u
#define FAKE_FRAME_BYTES_MAX 2048u
#define FAKE_PORTS 4u
#define FAKE_REFS 16384u /* puts that one output remembers */
#define FAKE_LOGS 64u
#define FAKE_OPTIONS 8u
#define FAKE_GRANTS 2u

enum fake_place { FAKE_FREE, FAKE_QUEUED, FAKE_HELD, FAKE_PUT, FAKE_BACK };

struct vanity_rx {
	char name[VANITY_NAME_MAX + 1];
	struct vanity_ref queue[FAKE_REFS];
	uint32_t queue_count;
	uint32_t taken;
	uint32_t back_count;
};

struct vanity_tx {
	char name[VANITY_NAME_MAX + 1];
	struct vanity_ref put[FAKE_REFS];
	uint32_t put_count;
	uint32_t published;
	uint32_t room; /* what vanity_tx_room() says at most, each turn anew */
	uint32_t room_left; /* of this turn */
	bool recycle; /* frames put are free again at the next turn, as if the reader was quick */
};

struct fake_log {
	char text[81];
	uint64_t a;
	uint64_t b;
};

struct fake_option {
	const char *name;
	const char *text;
	uint64_t value;
};

struct fake_vanity {
	/* what the test says */
	uint32_t generation;
	uint32_t frame_bytes;
	bool has_pool;
	bool may_hold; /* frames may be kept over a turn: packets that wait for something */
	bool read_only; /* vanity_ref_write() gives NULL for frames that came by an input */
	uint64_t hz;
	uint64_t ticks_a_look; /* what each vanity_now() adds */
	uint32_t turns; /* of vanity_running() that are granted once the inputs are empty */
	uint32_t turns_max; /* of vanity_running() at all: an input may stay full; 0: no limit */
	const void *config;
	size_t config_bytes;
	struct fake_option option[FAKE_OPTIONS];
	uint32_t option_count;
	struct vanity_rx rx[FAKE_PORTS];
	uint32_t rx_count;
	struct vanity_tx tx[FAKE_PORTS];
	uint32_t tx_count;
	struct vanity_grant grant[FAKE_GRANTS];
	uint32_t grant_count;
	enum vanity_link link; /* of every grant */
	uint32_t link_mtu;
	bool frozen;
	uint32_t pool_frames; /* 0: FAKE_FRAMES */

	/* what the program did */
	uint8_t place[FAKE_FRAMES];
	uint8_t frame[FAKE_FRAMES][FAKE_FRAME_BYTES_MAX];
	uint64_t counter[VANITY_COUNTERS_MAX];
	struct fake_log log[FAKE_LOGS];
	uint32_t log_count;
	uint32_t waits;
	uint64_t wait_until; /* what the last vanity_wait_until() was told */
	uint64_t now;
	bool ready;
	bool in_hand; /* something was taken since the last vanity_running() */
	uint32_t fatal_code; /* 0: it ended by itself */
	char fatal_words[81];
	uint32_t frames_queued; /* by fake_queue(): the next free frame number */
};
extern struct fake_vanity fake;

/** fake_new() - forget everything: frames of 2048 bytes, a pool, no port, generation 1 */
void fake_new(void);
/** fake_rx(), fake_tx() - bind a port; the order of calls is the order of ports */
struct vanity_rx *fake_rx(const char *name);
struct vanity_tx *fake_tx(const char *name);
/** fake_option_add() - option { NAME = TEXT }, @value what it is as a number */
void fake_option_add(const char *name, const char *text, uint64_t value);
/** fake_queue() - copy @length bytes into a fresh frame and queue it on an input */
struct vanity_ref *fake_queue(struct vanity_rx *rx, const void *bytes, uint32_t length);
/** fake_run() - vanity_main() until it returns or dies; its return value, -1 where fatal */
int fake_run(void);
/** fake_shard(), fake_pool() - what the API's functions want, for a test that calls them itself */
struct vanity_shard *fake_shard(void);
struct vanity_pool *fake_pool(void);
/** fake_counter() - by the name in the program's table; fails the test where there is none */
uint64_t fake_counter(const char *name);
/** fake_logged() - whether a line of the log says exactly this (before %0 is filled in) */
bool fake_logged(const char *text);

#endif
