/* SPDX-License-Identifier: Apache-2.0 */
/* waits.c: see waits.h. */
#include "waits.h"

#include <sys/auxv.h>

#include <arch.h>
#include <syscall.h>

void waits_look(struct waits *ret)
{
	const uint64_t hwcap[2] = { getauxval(AT_HWCAP), getauxval(AT_HWCAP2) };
	uint64_t word[ARCH_FEATURE_WORDS];

	arch_features(hwcap, word);
	*ret = (struct waits){ .features = features_of(ARCH_NAME, word),
			       .best = WAIT_PAUSE,
			       .wake_ns = WAITS_WAKE_NS };
}
