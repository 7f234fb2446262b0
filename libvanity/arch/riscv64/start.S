/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.S (riscv64): see arch/x86_64/start.S for what each name is. No gp: small data is reached
 * like all else, so that nothing depends on a register set before relocation.
 */
	.text
	.globl	_start
	.hidden	start_entry
	.type	_start, @function
_start:
	mv	s0, zero
	mv	ra, zero
	mv	a0, sp
	andi	sp, sp, -16
	call	start_entry
	ebreak
	.size	_start, . - _start

/* rt_sigreturn is call 139. */
	.globl	start_sigreturn
	.hidden	start_sigreturn
	.type	start_sigreturn, @function
start_sigreturn:
	li	a7, 139
	ecall
	ebreak
	.size	start_sigreturn, . - start_sigreturn

	.globl	start_trap
	.hidden	start_trap
	.type	start_trap, @function
start_trap:
	ebreak
	.size	start_trap, . - start_trap

	.section .note.GNU-stack, "", @progbits
