/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a topology: their paths, and their text in one piece of memory. */
#include "topology/parts.h"

/* Joins a path to the folder of the file that names it; false when the result is too long. */
bool path_join(const char *file, const char *s, uint32_t bytes, char *ret_path)
{
	uint32_t folder = 0;

	for (uint32_t i = 0; s[0] != '/' && file[i] != '\0'; i++) {
		if (file[i] == '/')
			folder = i + 1;
	}
	if (folder + bytes >= TOPOLOGY_PATH_BYTES)
		return false;
	copy_bytes(ret_path, file, folder);
	copy_bytes(ret_path + folder, s, bytes);
	ret_path[folder + bytes] = '\0';
	return true;
}

bool path_copy(struct topology *t, const struct topology_value *v, char *ret_path)
{
	struct topology_place place;

	topology_place(t, v->at, &place);
	if (path_join(place.path, t->text + v->at, v->bytes, ret_path))
		return true;
	REPORT(t, MESSAGE_PATH_TOO_LONG, v->at - 1, v->whole_bytes, A_COUNT(VANITY_TEXT_MAX));
	return false;
}

/* Reads a file into the next free part of the text. @at, @bytes: what to blame. */
bool file_read(struct topology *t, const char *path, uint32_t at, uint32_t bytes)
{
	struct topology_file *file = &t->file[t->file_count];
	uint32_t room = VANITY_TOPOLOGY_BYTES_MAX, size = 0;
	const char *reason;

	for (uint32_t i = 0; i < t->file_count; i++)
		room -= t->file[i].bytes;
	copy_bytes(file->path, path, length(path) + 1);
	reason = t->host->read(t->host->context, path, t->text + t->text_bytes, room, &size);
	file->at = t->text_bytes;
	file->bytes = reason != NULL || size > room ? 0 : size;
	if (t->file_count == 0)
		t->file_count = 1; /* even an unreadable root has a place for messages */
	if (reason != NULL) {
		t->text[file->at] = '\n';
		REPORT(t, MESSAGE_UNREADABLE, at, bytes, A_TEXT(path), A_TEXT(reason));
		return false;
	}
	if (size > room) {
		t->text[file->at] = '\n';
		REPORT(t, MESSAGE_TOO_MUCH_TEXT, at, bytes, A_TEXT(path),
		       A_BYTES(VANITY_TOPOLOGY_BYTES_MAX));
		return false;
	}
	t->text_bytes += size;
	t->text[t->text_bytes++] = '\n';
	return true;
}
