/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry-x86_64.S: the first instruction of a tenant's program that looks what the kernel left in
 * its registers. The vector registers' upper halves are left to the kernel's word: they are one
 * state with the lower ones.
 */
	.text
	.globl	spy_start
	.hidden	spy_registers
	.type	spy_start, @function
spy_start:
	mov	%rax, spy_registers+0(%rip)
	mov	%rbx, spy_registers+8(%rip)
	mov	%rcx, spy_registers+16(%rip)
	mov	%rdx, spy_registers+24(%rip)
	mov	%rsi, spy_registers+32(%rip)
	mov	%rdi, spy_registers+40(%rip)
	mov	%rbp, spy_registers+48(%rip)
	mov	%r8, spy_registers+56(%rip)
	mov	%r9, spy_registers+64(%rip)
	mov	%r10, spy_registers+72(%rip)
	mov	%r11, spy_registers+80(%rip)
	mov	%r12, spy_registers+88(%rip)
	mov	%r13, spy_registers+96(%rip)
	mov	%r14, spy_registers+104(%rip)
	mov	%r15, spy_registers+112(%rip)
	fxsave64 spy_registers+128(%rip)
	jmp	_start
	.size	spy_start, . - spy_start

	.section .note.GNU-stack, "", @progbits
