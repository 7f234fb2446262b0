/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscall.h (x86_64): how a program without libc enters Linux and moves between stacks.
 *
 * Every ISA has the same file with the same names:
 *   arch_syscall()     up to six arguments; -errno on failure, as the kernel says it
 *   arch_clone_call()  clone3 whose child runs fn(arg) on the stack named in the arguments; the
 *                      child never returns into the caller's frame, which CLONE_VM would share
 *   arch_stack_call()  leave this stack for good and go on in fn(arg)
 *   arch_hz()          ticks of arch_cycles() a second where the CPU says it, else 0
 *   arch_features()    the feature words of core/wait.h; given AT_HWCAP and AT_HWCAP2
 *   ARCH_AUDIT         what seccomp calls this machine
 */
#ifndef VANITY_ARCH_SYSCALL_H
#define VANITY_ARCH_SYSCALL_H

#include <stdint.h>

#include <asm/unistd.h>
#include <linux/audit.h>

#include "arch/features.h"

#define ARCH_AUDIT AUDIT_ARCH_X86_64

static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long arch_clone_call(const void *args, unsigned long bytes, void (*fn)(void *),
				   void *arg)
{
	register void (*child)(void *) __asm__("r12") = fn;
	register void *given __asm__("r13") = arg;
	long ret;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(__NR_clone3), "D"(args), "S"(bytes), "r"(child), "r"(given)
			 : "rcx", "r11", "memory");
	return ret;
}

__attribute__((noreturn)) static inline void arch_stack_call(void *top, void (*fn)(void *),
							     void *arg)
{
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%1\n\t"
			 "ud2"
			 :
			 : "r"(top), "r"(fn), "D"(arg)
			 : "memory");
	__builtin_unreachable();
}

static inline uint64_t arch_hz(void)
{
	return 0; /* measured by whoever wants to know: CPUID is a trap in many virtual machines */
}

/* Leaf and sub-leaf; 0 beyond the last leaf of its range. */
static inline uint32_t arch_cpuid_ecx(uint32_t leaf)
{
	uint32_t a = leaf & 0x80000000u, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < leaf)
		return 0;
	a = leaf;
	c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c;
}

static inline void arch_features(const uint64_t hwcap[2], uint64_t ret[ARCH_FEATURE_WORDS])
{
	(void)hwcap;
	ret[0] = arch_cpuid_ecx(7);
	ret[1] = arch_cpuid_ecx(0x80000001u);
	ret[2] = arch_cpuid_ecx(1);
}

#endif
