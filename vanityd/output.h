/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h: the last act of a command. Its result is what it wrote to stdout: if that did not arrive,
 * the command failed, whatever else went well.
 */
#ifndef VANITYD_OUTPUT_H
#define VANITYD_OUTPUT_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exit.h"

/* Return: @exit_code; EXIT_FAILED instead of EXIT_OK when stdout could not be written. */
static inline int output_end(const char *who, int exit_code)
{
	int lost = ferror(stdout) != 0;

	errno = 0;
	if (fflush(stdout) == 0 && !lost)
		return exit_code;
	/* A reader that has seen enough (`| head`) needs no words. */
	if (errno != EPIPE)
		fprintf(stderr, "%s: standard output: %s\n", who,
			errno != 0 ? strerror(errno) : "not all of it could be written");
	return exit_code == EXIT_OK ? EXIT_FAILED : exit_code;
}

#endif
