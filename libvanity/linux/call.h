/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h: the system calls of a program without libc, typed. Each returns what the kernel says:
 * negative errno on failure. The keeper's children use them too, between clone and exec, where
 * libc's own state is shared with the parent.
 */
#ifndef VANITY_LINUX_CALL_H
#define VANITY_LINUX_CALL_H

#include <stddef.h>
#include <stdint.h>

#include <syscall.h>

#define CALL_0(nr) arch_syscall(nr, 0, 0, 0, 0, 0, 0)
#define CALL_1(nr, a) arch_syscall(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL_2(nr, a, b) arch_syscall(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL_3(nr, a, b, c) arch_syscall(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL_4(nr, a, b, c, d)                                                                     \
	arch_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL_5(nr, a, b, c, d, e)                                                                  \
	arch_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL_6(nr, a, b, c, d, e, f)                                                               \
	arch_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* An address, or -errno: the last page of the address space is nobody's. */
static inline int call_failed(long result)
{
	return (unsigned long)result > -4096ul;
}

__attribute__((noreturn)) static inline void call_exit(int code)
{
	for (;;)
		CALL_1(__NR_exit_group, code);
}

#endif
