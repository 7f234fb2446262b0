/* SPDX-License-Identifier: Apache-2.0 */
/* syscall.h (riscv64): see arch/x86_64/syscall.h for what each name promises. */
#ifndef VANITY_ARCH_SYSCALL_H
#define VANITY_ARCH_SYSCALL_H

#include <stdint.h>

#include <asm/unistd.h>
#include <linux/audit.h>

#include "arch/features.h"

#define ARCH_AUDIT AUDIT_ARCH_RISCV64

static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

static inline long arch_clone_call(const void *args, unsigned long bytes, void (*fn)(void *),
				   void *arg)
{
	register long a7 __asm__("a7") = __NR_clone3;
	register long a0 __asm__("a0") = (long)args;
	register long a1 __asm__("a1") = (long)bytes;
	register void (*child)(void *) __asm__("s2") = fn;
	register void *given __asm__("s3") = arg;

	__asm__ volatile("ecall\n\t"
			 "bnez a0, 1f\n\t"
			 "mv s0, zero\n\t"
			 "mv a0, s3\n\t"
			 "jalr s2\n\t"
			 "ebreak\n"
			 "1:"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(child), "r"(given)
			 : "memory", "ra");
	return a0;
}

__attribute__((noreturn)) static inline void arch_stack_call(void *top, void (*fn)(void *),
							     void *arg)
{
	register void *a0 __asm__("a0") = arg;

	__asm__ volatile("mv sp, %0\n\t"
			 "mv s0, zero\n\t"
			 "jalr %1\n\t"
			 "ebreak"
			 :
			 : "r"(top), "r"(fn), "r"(a0)
			 : "memory");
	__builtin_unreachable();
}

/* Linux 6.4 and later; a pair whose key it does not know comes back with the key -1. */
static inline void arch_features(const uint64_t hwcap[2], uint64_t ret[ARCH_FEATURE_WORDS])
{
	struct {
		int64_t key;
		uint64_t value;
	} extensions = { .key = 4 }; /* RISCV_HWPROBE_KEY_IMA_EXT_0 */
	long error = arch_syscall(258, (long)&extensions, 1, 0, 0, 0, 0); /* riscv_hwprobe */

	(void)hwcap;
	ret[0] = error == 0 && extensions.key == 4 ? extensions.value : 0;
	ret[1] = ret[2] = 0;
}

static inline uint64_t arch_hz(void)
{
	return 0; /* in the device tree, which is not ours to read; measured */
}

#endif
