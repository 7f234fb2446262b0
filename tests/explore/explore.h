/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explore.h: a model checker for the C program that it is linked with: two or three threads over a
 * few words of shared memory, every interleaving and every value that a load may return.
 *
 * Memory. Each word keeps all that was stored in it, in order (one writer a word: asserted). A
 * thread has a view: for each word the oldest store that it may still see. A store takes along a
 * view, the writer's whole one when it is a release; an acquire load joins it into the reader's. A
 * load returns any store that is not older than the view says. A full fence exchanges views with
 * all full fences before it. This is the release/acquire part of C11 where no load returns what is
 * stored later only (RC11).
 *
 * What that leaves out, a load that a compiler or a core delays behind a later store, is found
 * otherwise: explore_used() says that what a word holds has been read as part of an item, and who
 * stores there without an order behind that read has written over it.
 *
 * Search. Depth first over the recorded choices (who goes on, which store a load returns); an
 * execution is begun again for each. A state that was seen is not entered twice: memory, views, and
 * for each thread what it has loaded since explore_here(), which stands for all its private memory.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

#include <arch.h>

#define THREADS_MAX 3

/* What a word is for; a mutant weakens all accesses of one kind. */
enum word_kind {
	WORD_LAP, /* word 0 of a slot */
	WORD_PAYLOAD,
	WORD_ROOM,
	WORD_HEAD,
	WORD_TAKEN,
	WORD_ASLEEP,
};

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FENCE, ACCESS_PAIR, ACCESS_ORDER, ACCESS_PROGRAM };

struct mutant {
	const char *name; /* what is taken away */
	enum access access;
	uint32_t kind; /* enum word_kind; ACCESS_FENCE: the thread; ACCESS_PROGRAM: the scenario's
			  number */
};

struct scenario {
	const char *name;
	void (*begin)(void); /* names the words */
	void (*thread[THREADS_MAX])(void);
	uint32_t words, pair, items; /* for the threads */
};

struct found {
	uint64_t executions, states;
	uint32_t steps; /* of the counterexample */
	const char *wrong; /* NULL: all was searched, nothing is wrong */
};

/* @mutant may be NULL. */
struct found explore(const struct scenario *s, const struct mutant *mutant);
void explore_print(void); /* the counterexample, a line for each access */

/* For scenarios. */
const struct scenario *explore_now(void);
bool explore_without(uint32_t program); /* is this mutant of the program itself on? */
void explore_word(const void *word, enum word_kind kind, const char *name, uint32_t number);
void explore_here(uint64_t state); /* private memory is @state and nothing else */
void explore_used(const void *word);
void explore_assert(bool holds, const char *wrong);
void explore_wake(uint32_t thread); /* an eventfd: wakes are not lost, and say nothing of memory */
void explore_sleep(void);

#endif
