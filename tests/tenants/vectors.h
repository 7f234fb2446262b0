/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.h: the registers beside the general ones, whole: whoever had the processor before may
 * have left something in any of them. One source an ISA (vectors-*.S).
 *
 *      x86_64     all that the kernel saves (XSAVE): x87, xmm, ymm, zmm, masks, keys, tiles
 *      aarch64    v0 to v31, 128 bits each; not what SVE and SME add
 *      riscv64    f0 to f31; not the vector extension's
 */
#ifndef TESTS_TENANTS_VECTORS_H
#define TESTS_TENANTS_VECTORS_H

#define VECTORS_BYTES 16384

#ifndef __ASSEMBLER__
#include <stdint.h>

/* @area: VECTORS_BYTES of them, aligned to 64. What is not there on this processor is left alone.
 */
void vectors_save(void *area);

/*
 * Fills every such register with @word, again and again where it is wider, but for what belongs to
 * the caller by the ABI. Return: how often a vectors_save() right after it stores the word.
 */
uint32_t vectors_fill(const uint64_t *word);
#endif

#endif
