/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.h: one number for all bytes of all frames of a stream, in order.
 *
 * In the manner of FNV-1a (xor, multiply by the 64-bit FNV prime), but eight bytes at a time,
 * with the upper half folded down after each step, because a multiplication only carries
 * upwards. Each frame begins with its length, so that cutting a stream into other frames
 * gives another digest:
 *
 *      digest = 0xcbf29ce484222325
 *      frame:   step(length), then each 8 bytes as a little-endian word, the rest padded
 *               with zeroes to one more word
 *      step(w): digest = (digest ^ w) * 0x100000001b3; digest = digest ^ digest >> 32
 *
 * The same in every world. When not to use it: against an adversary; it is a witness of
 * accidents, not of intent.
 */
#ifndef SHARDS_SINK_DIGEST_H
#define SHARDS_SINK_DIGEST_H

#include <stdint.h>

#include "../common/bytes.h"
#include "../common/mem.h"

#define DIGEST_START 0xcbf29ce484222325ull
#define DIGEST_PRIME 0x100000001b3ull

static inline uint64_t digest_step(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * DIGEST_PRIME;
	return digest ^ digest >> 32;
}

/** digest_frame() - the digest with one more frame */
static inline uint64_t digest_frame(uint64_t digest, const void *bytes, uint32_t length)
{
	const uint8_t *b = bytes;

	digest = digest_step(digest, length);
	for (; length >= 8; length -= 8, b += 8)
		digest = digest_step(digest, craft_load_le64(b));
	if (length > 0) {
		uint8_t rest[8] = { 0 };

		memcpy(rest, b, length);
		digest = digest_step(digest, craft_load_le64(rest));
	}
	return digest;
}

#endif
