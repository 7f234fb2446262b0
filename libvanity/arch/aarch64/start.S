/* SPDX-License-Identifier: Apache-2.0 */
/* start.S (aarch64): see arch/x86_64/start.S for what each name is. */
	.text
	.globl	_start
	.hidden	start_entry
	.type	_start, %function
_start:
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, sp
	bl	start_entry
	brk	#1
	.size	_start, . - _start

/* rt_sigreturn is call 139. */
	.globl	start_sigreturn
	.hidden	start_sigreturn
	.type	start_sigreturn, %function
start_sigreturn:
	mov	x8, #139
	svc	#0
	brk	#1
	.size	start_sigreturn, . - start_sigreturn

	.globl	start_trap
	.hidden	start_trap
	.type	start_trap, %function
start_trap:
	brk	#1
	.size	start_trap, . - start_trap

	.section .note.GNU-stack, "", %progbits
