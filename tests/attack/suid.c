/* SPDX-License-Identifier: Apache-2.0 */
/* suid.c: root's, with the setuid bit: writes into the file that its argument names, if it is root.
 * It fails in any case: a program that ends well is not started again. */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 && geteuid() == 0 ? open(argv[1], O_WRONLY | O_APPEND) : -1;

	return fd >= 0 && write(fd, "!", 1) == 1 ? 2 : 1;
}
