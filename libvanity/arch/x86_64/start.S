/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.S (x86_64): a shard's first instruction, and the way back out of a signal handler.
 *
 * The kernel leaves argc at the top of the stack (System V ABI x86-64, 3.4.1). The stack is
 * aligned here because a call expects it so and nobody else has called us.
 */
	.text
	.globl	_start
	.hidden	start_entry
	.type	_start, @function
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	start_entry
	ud2
	.size	_start, . - _start

/* The kernel wants a restorer on this ISA: rt_sigreturn is call 15. */
	.globl	start_sigreturn
	.hidden	start_sigreturn
	.type	start_sigreturn, @function
start_sigreturn:
	mov	$15, %eax
	syscall
	ud2
	.size	start_sigreturn, . - start_sigreturn

/* Where a fault handler returns to when the fault would not come again by itself. */
	.globl	start_trap
	.hidden	start_trap
	.type	start_trap, @function
start_trap:
	int3
	ud2
	.size	start_trap, . - start_trap

	.section .note.GNU-stack, "", @progbits
