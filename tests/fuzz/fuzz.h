/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h: the one function a fuzz target defines.
 *
 * The same source is linked with libFuzzer, which invents inputs (clang), and in every build with
 * replay_main.c, which replays the corpus. A target returns 0, keeps no state between two inputs,
 * and says that something is wrong by crashing.
 */
#ifndef VANITY_TESTS_FUZZ_H
#define VANITY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

#endif
