/* SPDX-License-Identifier: Apache-2.0 */
/* vectors-x86_64.S: see vectors.h. What there is, CPUID and XCR0 say (SDM volume 1, chapter 13). */
#include "vectors.h"

#define CPUID_1_ECX_OSXSAVE 27
#define CPUID_1_ECX_AVX 28
#define CPUID_7_EBX_AVX512F 16
#define CPUID_7_EBX_AVX512BW 30
#define XCR0_AVX 0x06 /* with SSE */
#define XCR0_AVX512 0xe6 /* masks, upper halves, zmm16 to zmm31 */

	.text
	.globl	vectors_save
	.type	vectors_save, @function
vectors_save:
	push	%rbx
	mov	$1, %eax
	xor	%ecx, %ecx
	cpuid
	bt	$CPUID_1_ECX_OSXSAVE, %ecx
	jnc	1f
	mov	$0xd, %eax
	xor	%ecx, %ecx
	cpuid
	cmp	$VECTORS_BYTES, %ebx /* of what XCR0 enables */
	ja	2f
	xor	%ecx, %ecx
	xgetbv
	xsave64	(%rdi) /* plain: it also writes what is in its initial state */
	pop	%rbx
	ret
1:	fxsave64 (%rdi)
	pop	%rbx
	ret
2:	ud2
	.size	vectors_save, . - vectors_save

	.globl	vectors_fill
	.type	vectors_fill, @function
vectors_fill:
	push	%rbx
	mov	$1, %eax
	xor	%ecx, %ecx
	cpuid
	bt	$CPUID_1_ECX_OSXSAVE, %ecx
	jnc	1f
	bt	$CPUID_1_ECX_AVX, %ecx
	jnc	1f
	xor	%ecx, %ecx
	xgetbv
	mov	%eax, %esi
	and	$XCR0_AVX, %eax
	cmp	$XCR0_AVX, %eax
	jne	1f
	and	$XCR0_AVX512, %esi
	cmp	$XCR0_AVX512, %esi
	jne	2f
	mov	$7, %eax
	xor	%ecx, %ecx
	cpuid
	bt	$CPUID_7_EBX_AVX512F, %ebx
	jnc	2f
	bt	$CPUID_7_EBX_AVX512BW, %ebx /* masks of 64 bits */
	jnc	2f
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vpbroadcastq (%rdi), %zmm\n
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vpbroadcastq (%rdi), %zmm\n
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq	(%rdi), %k\n
	.endr
	mov	$(32 * 8 + 8), %eax
	pop	%rbx
	ret
2:	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vbroadcastsd (%rdi), %ymm\n
	.endr
	mov	$(16 * 4), %eax
	pop	%rbx
	ret
1:	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movq	(%rdi), %xmm\n
	punpcklqdq %xmm\n, %xmm\n
	.endr
	mov	$(16 * 2), %eax
	pop	%rbx
	ret
	.size	vectors_fill, . - vectors_fill

	.section .note.GNU-stack, "", @progbits
