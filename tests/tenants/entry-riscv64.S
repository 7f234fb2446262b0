/* SPDX-License-Identifier: Apache-2.0 */
/* entry-riscv64.S: see entry-x86_64.S. One register goes by way of the stack: a base is needed. */
	.text
	.globl	spy_start
	.hidden	spy_general
	.hidden	spy_vectors
	.type	spy_start, @function
spy_start:
	addi	sp, sp, -16
	sd	x5, 0(sp)
	lla	x5, spy_general
	.irp	n, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26
	sd	x\n, 8 * \n(x5)
	.endr
	.irp	n, 27, 28, 29, 30, 31
	sd	x\n, 8 * \n(x5)
	.endr
	ld	x6, 0(sp)
	addi	sp, sp, 16
	sd	x6, 40(x5)
	lla	a0, spy_vectors
	call	vectors_save
	j	_start
	.size	spy_start, . - spy_start

	.section .note.GNU-stack, "", @progbits
