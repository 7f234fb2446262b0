/* SPDX-License-Identifier: Apache-2.0 */
/* vectors-riscv64.S: see vectors.h. */
	.text
	.globl	vectors_save
	.type	vectors_save, @function
vectors_save:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	fsd	f\n, 8 * \n(a0)
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fsd	f\n, 8 * \n(a0)
	.endr
	ret
	.size	vectors_save, . - vectors_save

/* fs0 to fs11, which are f8, f9 and f18 to f27, are the caller's (RISC-V calling convention). */
	.globl	vectors_fill
	.type	vectors_fill, @function
vectors_fill:
	ld	a1, 0(a0)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	fmv.d.x	f\n, a1
	.endr
	li	a0, 20
	ret
	.size	vectors_fill, . - vectors_fill

	.section .note.GNU-stack, "", @progbits
