/* SPDX-License-Identifier: Apache-2.0 */
/* syscall.h (aarch64): see arch/x86_64/syscall.h for what each name promises. */
#ifndef VANITY_ARCH_SYSCALL_H
#define VANITY_ARCH_SYSCALL_H

#include <stdint.h>

#include <asm/unistd.h>
#include <linux/audit.h>

#include "arch/features.h"

#define ARCH_AUDIT AUDIT_ARCH_AARCH64

static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

static inline long arch_clone_call(const void *args, unsigned long bytes, void (*fn)(void *),
				   void *arg)
{
	register long x8 __asm__("x8") = __NR_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)bytes;
	register void (*child)(void *) __asm__("x19") = fn;
	register void *given __asm__("x20") = arg;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "mov x0, x20\n\t"
			 "blr x19\n\t"
			 "brk #1\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(child), "r"(given)
			 : "memory", "cc", "x30");
	return x0;
}

__attribute__((noreturn)) static inline void arch_stack_call(void *top, void (*fn)(void *),
							     void *arg)
{
	register void *x0 __asm__("x0") = arg;

	__asm__ volatile("mov sp, %0\n\t"
			 "mov x29, xzr\n\t"
			 "blr %1\n\t"
			 "brk #1"
			 :
			 : "r"(top), "r"(fn), "r"(x0)
			 : "memory");
	__builtin_unreachable();
}

static inline void arch_features(const uint64_t hwcap[2], uint64_t ret[ARCH_FEATURE_WORDS])
{
	ret[0] = hwcap[0];
	ret[1] = hwcap[1];
	ret[2] = 0;
}

static inline uint64_t arch_hz(void)
{
	uint64_t hz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

#endif
