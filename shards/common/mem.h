/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.h: the four functions a freestanding program may call.
 *
 * Compilers call them anyway for struct copies, so every world has them. <string.h> would
 * promise a libc that is not there; this header promises exactly what is.
 */
#ifndef SHARDS_COMMON_MEM_H
#define SHARDS_COMMON_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t byte_count);
void *memmove(void *to, const void *from, size_t byte_count);
void *memset(void *at, int value, size_t byte_count);
int memcmp(const void *a, const void *b, size_t byte_count);

#endif
