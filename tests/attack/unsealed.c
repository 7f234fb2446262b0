/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unsealed.c: preloaded into a setup whose regions shall not have their sizes sealed, to show what
 * the seals hold off. What else is sealed (plan, images, configs) is sealed against writing, too.
 */
#undef _FILE_OFFSET_BITS /* it would make both names one */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

static int unsealed(int fd, int command, long argument)
{
	if (command == F_ADD_SEALS && (argument & F_SEAL_WRITE) == 0)
		return 0;
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

#define FCNTL(name)                                                                                \
	int name(int fd, int command, ...);                                                        \
	int name(int fd, int command, ...)                                                         \
	{                                                                                          \
		va_list arguments;                                                                 \
		long argument;                                                                     \
                                                                                                   \
		va_start(arguments, command);                                                      \
		argument = va_arg(arguments, long);                                                \
		va_end(arguments);                                                                 \
		return unsealed(fd, command, argument);                                            \
	}

FCNTL(fcntl)
FCNTL(fcntl64)
