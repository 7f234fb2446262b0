/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be true is said once, with who claimed it and what it was held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon.h"

/* --- what the rest of vanityd would be ----------------------------------------------------- */

static char said[2048];

void daemon_log(struct daemon *d, const char *format, ...)
{
	size_t used = strlen(said);
	va_list list;

	(void)d;
	va_start(list, format);
	vsnprintf(said + used, sizeof(said) - used, format, list);
	va_end(list);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

uint64_t shard_count_port(const struct daemon_shard *s, uint32_t port, enum port_count which)
{
	return which == PORT_REFUSED ? wire_load(&s->cell->port[port].refused) : 0;
}

/* --- nic -> fw, each with one port ------------------------------------------------------------ */

static struct daemon daemon_memory;
static struct plan plan_memory;
static struct cell *cells[2];

static struct daemon *daemon_new(void)
{
	struct daemon *d = &daemon_memory;
	struct plan *plan = &plan_memory;

	memset(d, 0, sizeof(*d));
	memset(plan, 0, sizeof(*plan));
	said[0] = '\0';
	d->plan = plan;
	plan->shard_count = 2;
	plan->channel_count = plan->pool_count = 1;
	plan->channel[0] = (struct plan_channel){ .producer = 0,
						  .consumer = 1,
						  .slot_count = 64,
						  .lend = 32,
						  .lane_slots = 128,
						  .pool_count = 1 };
	plan->pool[0] = (struct plan_pool){ .frame_count = 256, .frame_bytes = 2048 };
	for (uint32_t i = 0; i < 2; i++) {
		strcpy(plan->shard[i].name, i == 0 ? "nic" : "fw");
		plan->shard[i].port_count = 1;
		plan->shard[i].port[0].output = i == 0;
		strcpy(plan->shard[i].port[0].name, i == 0 ? "out" : "in");
		if (cells[i] == NULL)
			cells[i] = aligned_alloc(WIRE_LINE, cell_bytes(1));
		assert_non_null(cells[i]);
		memset((void *)cells[i], 0, cell_bytes(1));
		wire_store(&cells[i]->shard, i);
		wire_store(&cells[i]->port_count, 1);
		wire_store(&cells[i]->generation, 3);
		wire_store(&cells[i]->ready, 3);
		wire_store(&cells[i]->state, CELL_RUNNING);
		d->shard[i].cell = cells[i];
		d->shard[i].alive = 3;
	}
	return d;
}

static void look_and_tell(struct daemon *d)
{
	said[0] = '\0';
	for (uint32_t i = 0; i < 2; i++)
		claims_look(d, i);
	for (uint32_t i = 0; i < 2; i++)
		claims_tell(d, i);
}

static void of_an_honest_shard_nothing_is_said(void **state)
{
	struct daemon *d = daemon_new();

	(void)state;
	look_and_tell(d);
	assert_string_equal(said, "");
	/* Its successor is being started: the cell still is its own. */
	d->shard[0].alive = 0;
	d->shard[0].ended = 3;
	d->life.shard[0].generation = 4;
	look_and_tell(d);
	wire_store(&cells[0]->generation, 4);
	look_and_tell(d);
	assert_string_equal(said, "");
}

static void a_word_of_a_cell_that_cannot_be_is_said_once_with_its_bound(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		const char *words;
	} row[] = {
		{ offsetof(struct cell, state), 7, "fw.3: cell: state 7 cannot be, at most 6\n" },
		{ offsetof(struct cell, generation), 4,
		  "fw.3: cell: generation 4 cannot be, at most 3\n" },
		{ offsetof(struct cell, ready), UINT64_MAX,
		  "fw.3: cell: ready 18446744073709551615 cannot be, at most 3\n" },
		{ offsetof(struct cell, shard), 0, "fw.3: cell: shard 0 cannot be, it is 1\n" },
		{ offsetof(struct cell, port_count), 2,
		  "fw.3: cell: port count 2 cannot be, it is 1\n" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct daemon *d = daemon_new();
		wire_u64 *word = (wire_u64 *)((char *)cells[1] + row[i].at);
		uint64_t before = wire_load(word);

		wire_store(word, row[i].value);
		claims_look(d, 1);
		/* Who took it back said it all the same. */
		wire_store(word, before);
		look_and_tell(d);
		assert_string_equal(said, row[i].words);
		look_and_tell(d);
		assert_string_equal(said, "");
	}
}

static void refused_give_backs_are_said_with_whose_they_are(void **state)
{
	struct daemon *d = daemon_new();

	(void)state;
	wire_store(&cells[0]->port[0].refused, 2);
	look_and_tell(d);
	assert_string_equal(
		said,
		"nic.3: port out: 2 give-backs by fw refused: not lent to it, of at most 32\n");
	look_and_tell(d);
	assert_string_equal(said, "");
	wire_store(&cells[0]->port[0].refused, 5);
	look_and_tell(d);
	assert_non_null(strstr(said, ": 3 give-backs"));
	/* Its successor counts from 0. */
	d->shard[0].alive = 4;
	look_and_tell(d);
	assert_string_equal(said, "");
	wire_store(&cells[0]->generation, 4);
	wire_store(&cells[0]->port[0].refused, 1);
	look_and_tell(d);
	assert_non_null(strstr(said, "nic.4: port out: 1 give-backs"));
}

static void what_a_dead_one_refused_last_is_said_too(void **state)
{
	struct daemon *d = daemon_new();

	(void)state;
	wire_store(&cells[0]->port[0].refused, 2);
	d->shard[0].alive = 0;
	d->shard[0].crash.generation = 3;
	claims_last(d, 0);
	/* The successor is faster than the log. */
	wire_store(&cells[0]->port[0].refused, 0);
	wire_store(&cells[0]->generation, 4);
	claims_tell_last(d, 0);
	assert_non_null(strstr(said, "nic.3: port out: 2 give-backs by fw"));
}

static void a_broken_port_names_accused_claim_and_bound(void **state)
{
	static const struct {
		uint32_t shard, fault;
		const char *end;
	} row[] = {
		{ 0, CHANNEL_ROOM_BEYOND_TAIL,
		  ": fw claims room beyond the tail, or behind what was seen, at most 64 slots\n" },
		{ 1, CHANNEL_SLOT_STALE,
		  ": nic claims a slot below the cut that is not there, at most 64 slots\n" },
		{ 1, CHANNEL_FRAME_UNKNOWN,
		  ": nic claims a frame of none of its pools, of 256 frames\n" },
		{ 1, CHANNEL_FRAME_BOUNDS,
		  ": nic claims bytes beyond the frame, at most 2048 bytes\n" },
		{ 1, CHANNEL_FRAME_TWICE,
		  ": nic claims a frame that is lent already, of 256 frames\n" },
		{ 1, CHANNEL_LEND_EXCEEDED,
		  ": nic claims more frames than `lend`, at most 32 frames\n" },
		{ 0, CHANNEL_LANE_BEYOND_SLOTS,
		  ": fw claims a lane tail beyond the lane, at most 128 entries\n" },
		/* The accuser's cell may lie, too. */
		{ 0, 200, ": fw claims nonsense, at most 64 slots\n" },
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct daemon *d = daemon_new();
		char want[160];

		claims_broken(d, row[i].shard, 0, 3, (uint64_t)row[i].fault << 56 | 0xabc);
		snprintf(want, sizeof(want), "%s.3: port %s broke: fault %u, value 0xabc%s",
			 row[i].shard == 0 ? "nic" : "fw", row[i].shard == 0 ? "out" : "in",
			 row[i].fault, row[i].end);
		assert_string_equal(said, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_an_honest_shard_nothing_is_said),
		cmocka_unit_test(a_word_of_a_cell_that_cannot_be_is_said_once_with_its_bound),
		cmocka_unit_test(refused_give_backs_are_said_with_whose_they_are),
		cmocka_unit_test(what_a_dead_one_refused_last_is_said_too),
		cmocka_unit_test(a_broken_port_names_accused_claim_and_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
