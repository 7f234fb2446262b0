/* SPDX-License-Identifier: Apache-2.0 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "linux/call.h"

/* Kernel ABI, linux/landlock.h; newer fields than the oldest headers we build with know. */
struct landlock_ruleset {
	uint64_t fs; /* ABI 1, 2 refer, 3 truncate, 5 ioctl on devices */
	uint64_t net; /* ABI 4: bind, connect */
	uint64_t scoped; /* ABI 6: abstract sockets, signals */
};

#define LANDLOCK_VERSION 1 /* a flag of landlock_create_ruleset */
#define LANDLOCK_PATH_BENEATH 1 /* a kind of rule */
#define LANDLOCK_READ (1u << 2 | 1u << 3) /* files, folders */

struct landlock_beneath {
	uint64_t allowed;
	int32_t folder_fd;
} __attribute__((packed));

int landlock_abi(void)
{
	return (int)CALL_3(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
}

int landlock_all(int abi)
{
	struct landlock_ruleset all = { .fs = (1ull << 13) - 1 };
	size_t bytes = 8;

	all.fs |= abi >= 2 ? 1ull << 13 : 0; /* refer */
	all.fs |= abi >= 3 ? 1ull << 14 : 0; /* truncate */
	all.fs |= abi >= 5 ? 1ull << 15 : 0; /* ioctl on devices */
	if (abi >= LANDLOCK_ABI_NET) {
		all.net = 3; /* bind, connect */
		bytes = 16;
	}
	if (abi >= LANDLOCK_ABI_SCOPE) {
		all.scoped = 3; /* abstract sockets, signals */
		bytes = 24;
	}
	return (int)CALL_3(__NR_landlock_create_ruleset, &all, bytes, 0);
}

int landlock_read(int ruleset_fd, const char *folder)
{
	struct landlock_beneath rule = { .allowed = LANDLOCK_READ };
	long error;

	rule.folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.folder_fd < 0)
		return -errno;
	error = CALL_4(__NR_landlock_add_rule, ruleset_fd, LANDLOCK_PATH_BENEATH, &rule, 0);
	close(rule.folder_fd);
	return (int)error;
}
