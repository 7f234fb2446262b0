/* SPDX-License-Identifier: Apache-2.0 */
/* vectors-aarch64.S: see vectors.h. */
	.text
	.globl	vectors_save
	.type	vectors_save, %function
vectors_save:
	stp	q0, q1, [x0], #32
	stp	q2, q3, [x0], #32
	stp	q4, q5, [x0], #32
	stp	q6, q7, [x0], #32
	stp	q8, q9, [x0], #32
	stp	q10, q11, [x0], #32
	stp	q12, q13, [x0], #32
	stp	q14, q15, [x0], #32
	stp	q16, q17, [x0], #32
	stp	q18, q19, [x0], #32
	stp	q20, q21, [x0], #32
	stp	q22, q23, [x0], #32
	stp	q24, q25, [x0], #32
	stp	q26, q27, [x0], #32
	stp	q28, q29, [x0], #32
	stp	q30, q31, [x0], #32
	ret
	.size	vectors_save, . - vectors_save

/* The lower halves of v8 to v15 are the caller's (AAPCS64, 6.1.2). */
	.globl	vectors_fill
	.type	vectors_fill, %function
vectors_fill:
	ldr	x1, [x0]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	dup	v\n\().2d, x1
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	v\n\().d[1], x1
	.endr
	mov	w0, #(24 * 2 + 8)
	ret
	.size	vectors_fill, . - vectors_fill

	.section .note.GNU-stack, "", %progbits
