/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry-x86_64.S: the first instruction of a tenant's program that looks what the kernel left in
 * its registers.
 */
	.text
	.globl	spy_start
	.hidden	spy_general
	.hidden	spy_vectors
	.type	spy_start, @function
spy_start:
	mov	%rax, spy_general+0(%rip)
	mov	%rbx, spy_general+8(%rip)
	mov	%rcx, spy_general+16(%rip)
	mov	%rdx, spy_general+24(%rip)
	mov	%rsi, spy_general+32(%rip)
	mov	%rdi, spy_general+40(%rip)
	mov	%rbp, spy_general+48(%rip)
	mov	%r8, spy_general+56(%rip)
	mov	%r9, spy_general+64(%rip)
	mov	%r10, spy_general+72(%rip)
	mov	%r11, spy_general+80(%rip)
	mov	%r12, spy_general+88(%rip)
	mov	%r13, spy_general+96(%rip)
	mov	%r14, spy_general+104(%rip)
	mov	%r15, spy_general+112(%rip)
	lea	spy_vectors(%rip), %rdi
	call	vectors_save
	jmp	_start
	.size	spy_start, . - spy_start

	.section .note.GNU-stack, "", @progbits
