/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus.h: the frames of tests/corpus/malformed.jsonl, as scripts/make-malformed writes them:
 * one a line, keys in one order, no escapes. What the keys mean stands in that script.
 *
 * Under the address sanitizer what lies behind a queued frame may not be looked at.
 */
#ifndef TESTS_UNIT_SHARDS_CORPUS_H
#define TESTS_UNIT_SHARDS_CORPUS_H

#include <stdlib.h>

#include "fake_vanity.h"

#if defined(__SANITIZE_ADDRESS__)
#define CORPUS_FENCES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORPUS_FENCES 1
#endif
#endif
#ifdef CORPUS_FENCES
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define CORPUS_FRAMES_MAX 1024u
#define CORPUS_SAYS_MAX 4u
#define CORPUS_WORDS 32u

struct corpus_frame {
	char name[64];
	char firewall[CORPUS_WORDS];
	char router[CORPUS_WORDS];
	char says[CORPUS_SAYS_MAX][CORPUS_WORDS];
	uint32_t says_count;
	bool cut;
	uint32_t length;
	uint8_t bytes[1514];
};

static struct corpus_frame corpus[CORPUS_FRAMES_MAX];
static uint32_t corpus_count;
static char corpus_text[4096]; /* rules or routes */

/* The text behind `"KEY": "`, up to its quote. */
static inline const char *corpus_string(const char *line, const char *key, char *to,
					size_t to_bytes)
{
	char begin[32];
	const char *at;
	size_t n;

	snprintf(begin, sizeof(begin), "\"%s\": \"", key);
	at = strstr(line, begin);
	assert_non_null(at);
	at += strlen(begin);
	n = strcspn(at, "\"");
	assert_true(n < to_bytes);
	memcpy(to, at, n);
	to[n] = '\0';
	return at + n;
}

static inline void corpus_line(const char *line, struct corpus_frame *ret)
{
	static char hex[2 * sizeof(ret->bytes) + 1];
	const char *at, *end;

	corpus_string(line, "name", ret->name, sizeof(ret->name));
	corpus_string(line, "hex", hex, sizeof(hex));
	corpus_string(line, "firewall", ret->firewall, sizeof(ret->firewall));
	corpus_string(line, "router", ret->router, sizeof(ret->router));
	for (; hex[2 * ret->length] != '\0'; ret->length++) {
		char digits[3] = { hex[2 * ret->length], hex[2 * ret->length + 1], '\0' };

		ret->bytes[ret->length] = (uint8_t)strtoul(digits, NULL, 16);
	}
	at = strstr(line, "\"says\": [");
	assert_non_null(at);
	at += strlen("\"says\": [");
	end = strchr(at, ']');
	while ((at = strchr(at, '"')) != NULL && at < end) {
		size_t n = strcspn(++at, "\"");

		assert_true(ret->says_count < CORPUS_SAYS_MAX && n < CORPUS_WORDS);
		memcpy(ret->says[ret->says_count++], at, n);
		at += n + 1;
	}
	ret->cut = strstr(line, "\"cut\": true") != NULL;
}

static inline int corpus_load(void **state)
{
	static char line[8192];
	FILE *file = fopen(CORPUS_DIR "/malformed.jsonl", "r");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_true(corpus_count < CORPUS_FRAMES_MAX && strchr(line, '\n') != NULL);
		corpus_line(line, &corpus[corpus_count++]);
	}
	fclose(file);
	assert_true(corpus_count > 200);
	return 0;
}

/* A config of the corpus for fake.config. */
static inline void corpus_config(const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), CORPUS_DIR "/%s", name);
	file = fopen(path, "r");
	assert_non_null(file);
	fake.config = corpus_text;
	fake.config_bytes = fread(corpus_text, 1, sizeof(corpus_text), file);
	assert_true(fake.config_bytes < sizeof(corpus_text));
	fclose(file);
}

static inline void corpus_queue(struct vanity_rx *rx, const uint8_t *bytes, uint32_t length)
{
	uint32_t n = fake_queue(rx, bytes, length)->frame;

	ASAN_POISON_MEMORY_REGION(fake.frame[n] + length, FAKE_FRAME_BYTES_MAX - length);
}

/* Runs, and checks that every queued frame went one way, and no other is still in hand. */
static inline void corpus_run(struct vanity_rx *rx, const char *name)
{
	uint32_t put = 0, back = 0;

	if (fake_run() != 0)
		fail_msg("%s: %s", name, fake.fatal_words);
	for (uint32_t i = 0; i < FAKE_FRAMES; i++) {
		ASAN_UNPOISON_MEMORY_REGION(fake.frame[i], FAKE_FRAME_BYTES_MAX);
		if (fake.place[i] == FAKE_HELD || fake.place[i] == FAKE_QUEUED)
			fail_msg("%s: frame %u is neither put nor back", name, i);
		put += i < fake.frames_queued && fake.place[i] == FAKE_PUT;
		back += i < fake.frames_queued && fake.place[i] == FAKE_BACK;
	}
	assert_int_equal(rx->taken, fake.frames_queued);
	assert_int_equal(rx->back_count, back);
	assert_int_equal(put + back, fake.frames_queued);
}

/* Every length of a frame from nothing on, or every byte spoilt in four ways. */
static inline void corpus_each_cut(void (*each)(const struct corpus_frame *frame))
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < corpus_count; i++) {
		if (!corpus[i].cut)
			continue;
		each(&corpus[i]);
		count++;
	}
	assert_true(count >= 12);
}

#endif
