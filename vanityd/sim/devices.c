/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.c: what devices are here. A capture is read into memory once, for all runs; what is
 * written to one stays in memory, is hashed, and with --write goes to its file after the run. A
 * loop is nothing at all. Interfaces of a machine have no place in a world of virtual time.
 *
 * The kernel's part in a write is played by the seed: now and then there is no room, or only for
 * half of it. Whatever kills fall between two writes, the file keeps what was written.
 */
#include "world.h"

#include "../load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WRITTEN_MAX (64u << 20)
#define ODDLY_EVERY 32u /* one write in so many */

struct device {
	struct vanity_grant_facts *facts; /* read-only, its capture behind it */
	uint8_t *written;
	uint64_t used, room;
};

static struct device device[VANITY_DEVICES_MAX];

/* --- facts --------------------------------------------------------------------------------- */

static long file_bytes(FILE *f)
{
	long bytes = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;

	return bytes >= 0 && fseek(f, 0, SEEK_SET) == 0 ? bytes : -1;
}

static void facts_fill(struct vanity_grant_facts *facts, const struct plan_device *d,
		       uint64_t data_bytes)
{
	*facts = (struct vanity_grant_facts){
		.magic = VANITY_GRANT_MAGIC,
		.bytes = sizeof(*facts),
		.kind = d->kind,
		.epoch = 1,
		.flags = (d->read[0] != '\0' ? VANITY_GRANT_READS : 0u) |
			 (d->write[0] != '\0' ? VANITY_GRANT_WRITES : 0u),
		.pace = d->pace,
		.pace_per_s = d->pace_per_s,
		.data_at = sizeof(*facts),
		.data_bytes = data_bytes,
	};
}

/* In memory that a driver cannot write, as everywhere. */
static int facts_make(const struct plan_device *d, struct device *to, char *ret_words)
{
	FILE *f = d->read[0] != '\0' ? fopen(d->read, "rb") : NULL;
	long data = f != NULL ? file_bytes(f) : 0;
	size_t bytes = sizeof(*to->facts) + (data > 0 ? (size_t)data : 0);
	void *at;

	if ((d->read[0] != '\0' && f == NULL) || data < 0) {
		snprintf(ret_words, WORDS_BYTES, "%.300s: cannot be read: %s", d->read,
			 strerror(errno));
		goto close_file;
	}
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		snprintf(ret_words, WORDS_BYTES, "device %s: no memory", d->name);
		goto close_file;
	}
	to->facts = at;
	facts_fill(to->facts, d, (uint64_t)data);
	if (data > 0 && fread(to->facts + 1, 1, (size_t)data, f) != (size_t)data) {
		snprintf(ret_words, WORDS_BYTES, "%.300s: cannot be read", d->read);
		goto close_file;
	}
	if (f != NULL)
		fclose(f);
	return mprotect(at, bytes, PROT_READ);
close_file:
	if (f != NULL)
		fclose(f);
	return -1;
}

int devices_prepare(char *ret_words)
{
	for (uint32_t i = 0; i < world.plan->device_count; i++) {
		const struct plan_device *d = &world.plan->device[i];

		if (d->shard == PLAN_NONE)
			continue;
		if (d->kind != VANITY_GRANT_PCAP && d->kind != VANITY_GRANT_LOOP) {
			snprintf(ret_words, WORDS_BYTES,
				 "device %s (line %u): the simulator has no interfaces; use "
				 "`backend = pcap` with files to read and write, or "
				 "`backend = loop`",
				 d->name, d->line);
			return -1;
		}
		if (facts_make(d, &device[i], ret_words) != 0)
			return -1;
	}
	return 0;
}

void devices_begin(void)
{
	for (uint32_t i = 0; i < world.plan->device_count; i++)
		device[i].used = 0;
}

/* --- writing ------------------------------------------------------------------------------- */

static bool device_grow(struct device *d, uint64_t bytes)
{
	uint64_t room = d->room != 0 ? 2 * d->room : 65536;
	uint8_t *more;

	if (bytes > WRITTEN_MAX)
		return false;
	while (room < bytes)
		room *= 2;
	more = realloc(d->written, room);
	if (more == NULL)
		return false;
	d->written = more;
	d->room = room;
	return true;
}

static long device_write(void *context, const void *from, size_t bytes)
{
	struct device *d = context;

	/* The call is a touch of its own: a kill may fall before it. */
	sim_point(NULL);
	if (sim_random_below(&world.random, ODDLY_EVERY) == 0)
		bytes = sim_random_below(&world.random, 2) == 0 ? 0 : bytes / 2;
	if (bytes == 0)
		return 0;
	if (d->used + bytes > d->room && !device_grow(d, d->used + bytes))
		return VANITY_GRANT_FAILED;
	memcpy(d->written + d->used, from, bytes);
	d->used += bytes;
	sim_note("writes", (uint64_t)(d - device), bytes);
	return (long)bytes;
}

void devices_give(uint32_t shard, struct vanity_shard *self)
{
	static const struct vanity_grant_calls none, writing = { .write = device_write };
	struct world_shard *s = &world.shard[shard];

	memset(s->grant, 0, sizeof(s->grant));
	for (uint32_t i = 0; i < s->bind->grant_count; i++) {
		const struct bind_grant *b = &bind_grants(s->bind)[i];
		struct device *d = &device[b->device];
		struct vanity_grant *g = &s->grant[i];

		g->facts = d->facts;
		g->data_bytes = d->facts->data_bytes;
		g->data = g->data_bytes != 0 ? (const void *)(d->facts + 1) : NULL;
		g->calls = b->keeps_fd != 0 ? &writing : &none;
		g->context = d;
	}
	if (s->bind->grant_count != 0)
		shard_grants(self, s->grant);
}

bool devices_hold(uint32_t shard)
{
	return world.plan->shard[shard].grant_count != 0;
}

/* --- after a run --------------------------------------------------------------------------- */

bool device_result(uint32_t number, uint64_t *ret_bytes, char ret_digest[65])
{
	uint8_t digest[32];

	if (world.plan->device[number].shard == PLAN_NONE ||
	    world.plan->device[number].write[0] == '\0')
		return false;
	*ret_bytes = device[number].used;
	load_digest(device[number].used != 0 ? (const void *)device[number].written : "",
		    device[number].used, digest);
	for (int i = 0; i < 32; i++)
		snprintf(ret_digest + 2 * i, 3, "%02x", digest[i]);
	return true;
}

int devices_save(char *ret_words)
{
	for (uint32_t i = 0; i < world.plan->device_count; i++) {
		const struct plan_device *d = &world.plan->device[i];
		FILE *f;
		int wrong;

		if (d->shard == PLAN_NONE || d->write[0] == '\0')
			continue;
		f = fopen(d->write, "wb");
		wrong = f == NULL;
		if (f != NULL) {
			wrong = device[i].used != 0 &&
				fwrite(device[i].written, device[i].used, 1, f) != 1;
			wrong |= fclose(f) != 0;
		}
		if (wrong) {
			snprintf(ret_words, WORDS_BYTES, "%.300s: cannot be written: %s", d->write,
				 strerror(errno));
			return -1;
		}
	}
	return 0;
}
