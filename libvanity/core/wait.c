/* SPDX-License-Identifier: Apache-2.0 */
/* wait.c: see wait.h. */
#include "core/wait.h"

#include <stdbool.h>
#include <stddef.h>

#include <doze.h>

/* What a processor or its kernel must report; the order is that of enum wait_kind. */
static const struct {
	const char *name;
	const char *isa; /* NULL: of all */
	uint32_t word, bit;
} waits[WAIT_KINDS] = {
	[WAIT_PAUSE] = { "pause", NULL, 0, 0 },
	[WAIT_PPOLL] = { "ppoll", NULL, 0, 0 },
	[WAIT_BELL] = { "bell", NULL, 0, 0 },
	/* Intel SDM volume 2, CPUID leaf 7: WAITPKG. */
	[WAIT_TPAUSE] = { "tpause", "x86_64", 0, 5 },
	[WAIT_UMWAIT] = { "umwait", "x86_64", 0, 5 },
	/* AMD APM volume 3, CPUID Fn8000_0001: MONITORX. */
	[WAIT_MWAITX] = { "mwaitx", "x86_64", 1, 29 },
	/* Linux, asm/hwcap.h: EVTSTRM, without which nothing need ever end a WFE; WFXT. */
	[WAIT_WFE] = { "wfe", "aarch64", 0, 2 },
	[WAIT_WFET] = { "wfet", "aarch64", 1, 31 },
	/* Linux, asm/hwprobe.h: RISCV_HWPROBE_EXT_ZAWRS. */
	[WAIT_WRS] = { "wrs", "riscv64", 0, 48 },
};

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

uint32_t features_of(const char *isa, const uint64_t word[ARCH_FEATURE_WORDS])
{
	uint32_t features = 0;

	for (uint32_t k = 0; k < WAIT_KINDS; k++)
		if (waits[k].isa == NULL ||
		    (same(waits[k].isa, isa) && (word[waits[k].word] >> waits[k].bit & 1) != 0))
			features |= 1u << k;
	/* CPUID leaf 1: AVX; with it, aligned 16-byte accesses are atomic (Intel SDM volume
	 * 3, 9.1.1; AMD APM volume 2, 7.3.2). */
	if (same("x86_64", isa) && (word[2] >> 28 & 1) != 0)
		features |= ARCH_FEATURE_PAIR;
	return features;
}

enum wait_kind wait_best(uint32_t features)
{
	static const enum wait_kind order[] = { WAIT_UMWAIT, WAIT_MWAITX, WAIT_WFET, WAIT_WFE,
						WAIT_WRS };

	for (uint32_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if ((features >> order[i] & 1) != 0)
			return order[i];
	return WAIT_PAUSE;
}

const char *wait_name(enum wait_kind kind)
{
	return kind < WAIT_KINDS ? waits[kind].name : "?";
}

enum wait_kind wait_find(const char *name)
{
	uint32_t k = 0;

	while (k < WAIT_KINDS && !same(waits[k].name, name))
		k++;
	return (enum wait_kind)k;
}

const char *plan_wait(const struct plan *plan, uint32_t shard)
{
	const struct plan_shard *s = &plan->shard[shard];

	for (uint32_t i = 0; i < s->option_count; i++)
		if (same(plan->option[s->option_first + i].name, WAIT_OPTION))
			return plan->option[s->option_first + i].text;
	return NULL;
}

void wait_doze(enum wait_kind kind, const wire_u64 *word, uint64_t old, uint64_t deadline)
{
	for (;;) {
		uint64_t now = arch_cycles();

		if (now >= deadline)
			return;
		arch_monitor(kind, word);
		/* Behind the monitor: what was stored before it is seen here, what comes now ends
		 * the doze. */
		if (wire_load_acquire(word) != old)
			return;
		arch_doze(kind, now, deadline);
	}
}
