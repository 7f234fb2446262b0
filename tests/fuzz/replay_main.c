/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a corpus through a fuzz target: every file named, and every file in a folder named, in
 * the order of their names. An empty input always comes first. The input lies at the end of its
 * own allocation, so that the sanitizers see a read one byte past it.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (16u << 20)

static unsigned long replayed;

static int replay_file(const char *path, size_t file_bytes)
{
	uint8_t *data = malloc(file_bytes > 0 ? file_bytes : 1);
	FILE *file = fopen(path, "rb");
	int ret = -1;

	if (data == NULL || file == NULL || fread(data, 1, file_bytes, file) != file_bytes) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		goto out;
	}
	/* Named before it runs: after a crash the last line is the culprit. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, file_bytes);
	replayed++;
	ret = 0;
out:
	if (file != NULL)
		fclose(file);
	free(data);
	return ret;
}

static int replay_path(const char *path)
{
	struct dirent **entry = NULL;
	struct stat st;
	int count;
	int ret = 0;

	if (stat(path, &st) != 0) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode) && st.st_size <= INPUT_BYTES_MAX)
		return replay_file(path, (size_t)st.st_size);
	if (!S_ISDIR(st.st_mode)) {
		fprintf(stderr, "replay: %s: neither a folder nor a file of at most %u bytes\n",
			path, INPUT_BYTES_MAX);
		return -1;
	}

	count = scandir(path, &entry, NULL, alphasort);
	if (count < 0) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char name[4096];

		if (entry[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path, entry[i]->d_name);
			if (replay_path(name) != 0)
				ret = -1;
		}
		free(entry[i]);
	}
	free(entry);
	return ret;
}

int main(int argc, char **argv)
{
	uint8_t *nothing = calloc(1, 1);
	int ret = 0;

	if (argc < 2 || nothing == NULL) {
		fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
		free(nothing);
		return 2;
	}
	/* One past the only byte: a target that reads anything of an empty input is seen. */
	LLVMFuzzerTestOneInput(nothing + 1, 0);
	free(nothing);

	for (int i = 1; i < argc; i++) {
		if (replay_path(argv[i]) != 0)
			ret = 1;
	}
	if (replayed == 0) {
		fprintf(stderr, "replay: the corpus is empty\n");
		ret = 1;
	}
	printf("replayed %lu inputs\n", replayed);
	return ret;
}
