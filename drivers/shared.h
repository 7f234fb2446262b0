/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared.h: words that somebody else looks at: the kernel in a ring, our successor in `keep`.
 *
 * Against the kernel, acquire and release order what another core sees. Against a successor only
 * program order counts: it runs after we are dead, so every store before the deadly instruction is
 * there and none behind it. What must not happen is that the compiler moves one; keep_store() is
 * a fence for it, and for nobody else.
 *
 * Each access is an arch_point(): in the simulator and in tests, a place to stop or to die at.
 */
#ifndef DRIVERS_SHARED_H
#define DRIVERS_SHARED_H

#include <stddef.h>
#include <stdint.h>

#include <arch.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

static inline uint32_t shared_load(const uint32_t *word)
{
	arch_point(word);
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint64_t shared_load_u64(const uint64_t *word)
{
	arch_point(word);
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint32_t shared_load_acquire(const uint32_t *word)
{
	arch_point(word);
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void shared_store_release(uint32_t *word, uint32_t value)
{
	arch_point(word);
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void shared_store_u64(uint64_t *word, uint64_t value)
{
	arch_point(word);
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t keep_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void keep_store(uint64_t *word, uint64_t value)
{
	arch_point(word);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
