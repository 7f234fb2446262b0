/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invents inputs for a fuzz target from numbers, where there is no libFuzzer, or where the same
 * inputs must come again: seed N is always the same bytes. They run in a child, so that whatever
 * ends it, its seed is named.
 *
 *      seeds_NAME FIRST LAST           0: all passed; 1: "FAILED: seed N"
 *      seeds_NAME --print N            its bytes, for a corpus
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_BYTES_MAX 512u

static size_t invent(uint64_t seed, uint8_t *bytes)
{
	/* splitmix64 (Steele, Lea and Flood 2014) */
	uint64_t state = seed;
	size_t n = 0, end = INPUT_BYTES_MAX;

	while (n < end) {
		uint64_t z = state += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		z ^= z >> 31;
		if (n == 0)
			end = 32 + z % (INPUT_BYTES_MAX - 32) / 8 * 8;
		memcpy(bytes + n, &z, 8);
		n += 8;
	}
	return end;
}

static int run(uint64_t first, uint64_t last)
{
	uint64_t *at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	int status;
	pid_t child;

	if (at == MAP_FAILED) {
		fprintf(stderr, "seeds: %s\n", strerror(errno));
		return 2;
	}
	child = fork();
	if (child == 0) {
		for (*at = first; *at <= last; ++*at) {
			/* Its own allocation, so that the sanitizers see a read one byte past it. */
			uint8_t bytes[INPUT_BYTES_MAX];
			size_t n = invent(*at, bytes);
			uint8_t *data = malloc(n);

			if (data == NULL)
				_exit(2);
			memcpy(data, bytes, n);
			LLVMFuzzerTestOneInput(data, n);
			free(data);
		}
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "seeds: %s\n", strerror(errno));
		return 2;
	}
	if (*at == last + 1) {
		printf("%llu inputs passed\n", (unsigned long long)(last + 1 - first));
		return 0;
	}
	printf("FAILED: seed %llu\n", (unsigned long long)*at);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--print") == 0) {
		uint8_t bytes[INPUT_BYTES_MAX];
		size_t n = invent(strtoull(argv[2], NULL, 10), bytes);

		return fwrite(bytes, 1, n, stdout) == n ? 0 : 1;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: %s FIRST LAST, or --print N\n", argv[0]);
		return 2;
	}
	return run(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10));
}
