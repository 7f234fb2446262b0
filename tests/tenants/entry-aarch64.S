/* SPDX-License-Identifier: Apache-2.0 */
/* entry-aarch64.S: see entry-x86_64.S. Two registers go by way of the stack: a base is needed. */
	.text
	.globl	spy_start
	.hidden	spy_general
	.hidden	spy_vectors
	.type	spy_start, %function
spy_start:
	stp	x0, x1, [sp, #-16]!
	adrp	x0, spy_general
	add	x0, x0, :lo12:spy_general
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	str	x30, [x0, #240]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0]
	adrp	x0, spy_vectors
	add	x0, x0, :lo12:spy_vectors
	bl	vectors_save
	b	_start
	.size	spy_start, . - spy_start

	.section .note.GNU-stack, "", %progbits
