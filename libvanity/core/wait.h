/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait.h: what a processor has, which way to wait is taken, and how a shard dozes.
 *
 *      feature words --features_of()--> features --wait_best()--> the wait of all shards
 *                                                                         |
 *                               option { vanity_wait = NAME } ------------+--> struct bind
 *                                                                                  |
 *                                                                             wait_doze()
 *
 * Selection is a pure function of three words, the same for every ISA on every machine, so that a
 * test decides for processors that nobody has. The words are read once, by who starts the system:
 * CPUID is a trap in many virtual machines. How a shard waits: docs/waiting.md.
 *
 *      ISA        word 0                  word 1                  word 2
 *      x86_64     CPUID.7.0:ECX           CPUID.80000001:ECX      CPUID.1:ECX
 *      aarch64    AT_HWCAP                AT_HWCAP2               0
 *      riscv64    hwprobe's IMA_EXT_0     0                       0
 */
#ifndef VANITY_CORE_WAIT_H
#define VANITY_CORE_WAIT_H

#include <stdint.h>

#include "arch/features.h"
#include "core/wire.h"
#include "topology/plan.h"

#define WAIT_OPTION "vanity_wait" /* option of a shard: a wait by its name, whatever is best here  \
				   */

/* @isa is an ARCH_NAME. */
uint32_t features_of(const char *isa, const uint64_t word[ARCH_FEATURE_WORDS]);
/* The best wait among them. WAIT_BELL, WAIT_TPAUSE and WAIT_PPOLL are for who asks for them. */
enum wait_kind wait_best(uint32_t features);

const char *wait_name(enum wait_kind kind);
/* WAIT_KINDS: none has this name. */
enum wait_kind wait_find(const char *name);

/* The name that option { vanity_wait = NAME } of a shard gives, as written; NULL without one. */
const char *plan_wait(const struct plan *plan, uint32_t shard);

/**
 * wait_doze() - have the core watch a word
 * @kind: one that dozes, and that this processor has
 *
 * Return: *word was not @old any more, or @deadline of arch_cycles() has passed.
 * Context: no call; ends in time whatever is written. A word that was written and is @old again is
 *          as if nothing happened.
 */
void wait_doze(enum wait_kind kind, const wire_u64 *word, uint64_t old, uint64_t deadline);

#endif
