/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h: another process's system calls, counted from outside by the kernel's own tracepoint
 * raw_syscalls:sys_enter. Needs root; where it is not to be had there is no figure.
 */
#ifndef TESTS_BENCH_CALLS_H
#define TESTS_BENCH_CALLS_H

#include <stdint.h>
#include <sys/types.h>

/* The tracepoint's number. 0: none. */
uint64_t tracepoint_id(void);

/* A descriptor that counts the calls of @pid (0: our own); -1 with errno where there is none. */
int syscall_counter(pid_t pid, uint64_t tracepoint);

/* The count so far, -1 when it cannot be read. */
long long counter_read(int fd);

#endif
