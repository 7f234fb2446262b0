/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c: last words, then the true signal.
 *
 * The handler is reset by its own delivery (SA_RESETHAND). It writes the crash record, returns
 * into the instruction that faulted, and the second fault has the default action: the process
 * dies of the signal it really met, and whoever waits for it sees that.
 *
 * Two cases would not fault again by themselves. A trap instruction that the CPU reports after
 * the fact (int3): the handler returns to start_trap instead. A signal that somebody sent: there
 * is no fault to return to, so the shard ends with a fault of its own.
 */
#include "linux/start.h"

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>

#include "linux/call.h"

#define REGISTERS_MAX 32u

#if defined(__x86_64__)
/* In the order of the ISA's numbering, then the flags. */
static uint32_t registers(const struct ucontext *u, uint64_t *ret)
{
	const struct sigcontext *c = &u->uc_mcontext;

	ret[0] = c->rax, ret[1] = c->rcx, ret[2] = c->rdx, ret[3] = c->rbx;
	ret[4] = c->rsp, ret[5] = c->rbp, ret[6] = c->rsi, ret[7] = c->rdi;
	ret[8] = c->r8, ret[9] = c->r9, ret[10] = c->r10, ret[11] = c->r11;
	ret[12] = c->r12, ret[13] = c->r13, ret[14] = c->r14, ret[15] = c->r15;
	ret[16] = c->eflags;
	return 17;
}
#define PC(u) ((u)->uc_mcontext.rip)
#define SP(u) ((u)->uc_mcontext.rsp)
#elif defined(__aarch64__)
/* x0 to x30, then pstate. */
static uint32_t registers(const struct ucontext *u, uint64_t *ret)
{
	for (uint32_t i = 0; i < 31; i++)
		ret[i] = u->uc_mcontext.regs[i];
	ret[31] = u->uc_mcontext.pstate;
	return 32;
}
#define PC(u) ((u)->uc_mcontext.pc)
#define SP(u) ((u)->uc_mcontext.sp)
#elif defined(__riscv)
/* x1 to x31: struct user_regs_struct has pc in x0's place. */
static uint32_t registers(const struct ucontext *u, uint64_t *ret)
{
	const unsigned long *x = (const unsigned long *)&u->uc_mcontext.sc_regs;

	ret[0] = 0;
	for (uint32_t i = 1; i < 32; i++)
		ret[i] = x[i];
	return 32;
}
#define PC(u) ((u)->uc_mcontext.sc_regs.pc)
#define SP(u) ((u)->uc_mcontext.sc_regs.sp)
#endif

static void fault(int signal, siginfo_t *info, void *context)
{
	struct ucontext *u = context;
	/* The fault stack's first word is ours; the kernel says where the stack is. */
	struct start *start = *(struct start **)u->uc_stack.ss_sp;
	uint64_t reg[REGISTERS_MAX];
	uint32_t count = registers(u, reg);

	/* Before shard_format there is nowhere to write to. */
	if (start->shard != NULL)
		shard_last_words(start->shard, (uint32_t)signal, (uint32_t)info->si_code,
				 (uint64_t)(uintptr_t)info->si_addr, (uint64_t)PC(u),
				 (uint64_t)SP(u), reg, count);
	if (info->si_code <= 0)
		call_exit(START_EXIT_FAULT);
	if (signal == SIGTRAP)
		PC(u) = (uintptr_t)start_trap;
}

static void handle(int signal)
{
	struct sigaction action = { 0 };

	/* The kernel's idea of a handler has one argument; SA_SIGINFO makes it three. */
	action.sa_handler = (__sighandler_t)(uintptr_t)fault;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND;
#ifdef SA_RESTORER
	action.sa_flags |= SA_RESTORER;
	action.sa_restorer = start_sigreturn;
#endif
	if (CALL_4(__NR_rt_sigaction, signal, &action, NULL, 8) != 0)
		call_exit(START_EXIT_HANDLER);
}

void fault_handlers(struct start *start)
{
	stack_t stack = { 0 };

	*(struct start **)start->fault_stack = start;
	stack.ss_sp = start->fault_stack;
	stack.ss_size = start->fault_stack_bytes;
	if (CALL_2(__NR_sigaltstack, &stack, NULL) != 0)
		call_exit(START_EXIT_HANDLER);
	handle(SIGSEGV);
	handle(SIGBUS);
	handle(SIGILL);
	handle(SIGFPE);
	handle(SIGTRAP);
	handle(SIGSYS);
}
