/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features.h: what not every processor of an ISA has. A set of features is 32 bits: one for each
 * way to wait, by its number, and those below.
 *
 * The ways to wait on a core of one's own; arch/<isa>/doze.h does them:
 *
 *      look    WAIT_PAUSE WAIT_TPAUSE    looks at all it waits for, and rests between two looks
 *      doze    WAIT_BELL and behind it   has the core watch one line, its bell, and stand still
 *      sleep   WAIT_PPOLL                asks the kernel; what every other wait ends in
 *
 * Which of them a processor has: core/wait.c. When each is used: docs/waiting.md.
 */
#ifndef VANITY_ARCH_FEATURES_H
#define VANITY_ARCH_FEATURES_H

enum wait_kind {
	WAIT_PAUSE, /* PAUSE, YIELD, the pause hint; everybody has it */
	WAIT_PPOLL, /* no spin at all */
	WAIT_TPAUSE, /* x86_64, WAITPKG: a light state for some hundred ticks */
	WAIT_BELL, /* a doze without hardware: looks at the bell alone, PAUSE between two looks */
	WAIT_UMWAIT, /* x86_64, WAITPKG */
	WAIT_MWAITX, /* x86_64, MONITORX */
	WAIT_WFE, /* aarch64: ends with the kernel's event stream when nobody writes */
	WAIT_WFET, /* aarch64, FEAT_WFxT */
	WAIT_WRS, /* riscv64, Zawrs */
	WAIT_KINDS,
};

/* An aligned store of 16 bytes is seen whole or not at all. */
#define ARCH_FEATURE_PAIR (1u << 31)

/* Words in which a processor or its kernel says what it has; core/wait.h says which. */
#define ARCH_FEATURE_WORDS 3u

static inline int wait_dozes(enum wait_kind kind)
{
	return kind >= WAIT_BELL;
}

#endif
