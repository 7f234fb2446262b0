/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_look.c: reading the machine: small files, folders, sets of cores. */
#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "setup_private.h"

/* --- sets of cores ------------------------------------------------------------------------- */

int cores_has(const struct doctor_cores *cores, uint32_t core)
{
	return core < DOCTOR_CORES_MAX && (cores->bit[core / 64] >> (core % 64) & 1) != 0;
}

void cores_add(struct doctor_cores *cores, uint32_t core)
{
	if (core < DOCTOR_CORES_MAX)
		cores->bit[core / 64] |= 1ull << (core % 64);
}

uint32_t cores_count(const struct doctor_cores *cores)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX / 64; i++)
		count += (uint32_t)__builtin_popcountll(cores->bit[i]);
	return count;
}

struct doctor_cores cores_and(const struct doctor_cores *a, const struct doctor_cores *b)
{
	struct doctor_cores ret;

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX / 64; i++)
		ret.bit[i] = a->bit[i] & b->bit[i];
	return ret;
}

struct doctor_cores cores_without(const struct doctor_cores *a, const struct doctor_cores *b)
{
	struct doctor_cores ret;

	for (uint32_t i = 0; i < DOCTOR_CORES_MAX / 64; i++)
		ret.bit[i] = a->bit[i] & ~b->bit[i];
	return ret;
}

void cores_parse_list(const char *text, struct doctor_cores *ret)
{
	char *at;

	memset(ret, 0, sizeof(*ret));
	while (*text >= '0' && *text <= '9') {
		unsigned long first = strtoul(text, &at, 10), last = first;

		if (at[0] == '-' && at[1] >= '0' && at[1] <= '9')
			last = strtoul(at + 1, &at, 10);
		for (; first <= last && first < DOCTOR_CORES_MAX; first++)
			cores_add(ret, (uint32_t)first);
		if (*at != ',')
			return;
		text = at + 1;
	}
}

void cores_parse_mask(const char *text, struct doctor_cores *ret)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF,");
	uint32_t core = 0;

	memset(ret, 0, sizeof(*ret));
	while (n > 0 && core < DOCTOR_CORES_MAX) {
		char c = text[--n];
		unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);

		if (c == ',')
			continue;
		ret->bit[core / 64] |= (uint64_t)digit << (core % 64);
		core += 4;
	}
}

const char *cores_list(const struct doctor_cores *cores, char *ret, size_t room)
{
	char part[24];
	size_t used = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < DOCTOR_CORES_MAX; i++) {
		uint32_t last = i;
		int n;

		if (!cores_has(cores, i))
			continue;
		while (cores_has(cores, last + 1))
			last++;
		n = last > i ? snprintf(part, sizeof(part), "%s%u-%u", used > 0 ? "," : "", i, last)
			     : snprintf(part, sizeof(part), "%s%u", used > 0 ? "," : "", i);
		if (used + (size_t)n + 4 >= room) {
			memcpy(ret + used, "...", 4);
			return ret;
		}
		memcpy(ret + used, part, (size_t)n + 1);
		used += (size_t)n;
		i = last;
	}
	return ret;
}

const char *cores_mask(const struct doctor_cores *cores, char *ret, size_t room)
{
	size_t used = 0;

	snprintf(ret, room, "0");
	for (uint32_t i = DOCTOR_CORES_MAX / 32; i > 0 && used + 10 < room; i--) {
		uint32_t group = (uint32_t)(cores->bit[(i - 1) / 2] >> ((i - 1) % 2 * 32));

		if (group == 0 && used == 0)
			continue;
		used += (size_t)snprintf(ret + used, room - used, used > 0 ? ",%08x" : "%x", group);
	}
	return ret;
}

/* --- files --------------------------------------------------------------------------------- */

FILE *look_stream(const struct doctor *d, const char *path)
{
	int fd = setup_root_open(d->root, path, O_RDONLY | O_NONBLOCK, 0);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

int look_text(const struct doctor *d, const char *path, char ret[DOCTOR_FILE_BYTES])
{
	ssize_t n = -1;
	int fd, error;

	ret[0] = '\0';
	fd = setup_root_open(d->root, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd >= 0)
		n = read(fd, ret, DOCTOR_FILE_BYTES - 1);
	error = errno;
	if (fd >= 0)
		close(fd);
	ret[n > 0 ? n : 0] = '\0';
	if (n < 0)
		return -error;
	if (n > 0 && ret[n - 1] == '\n')
		ret[n - 1] = '\0';
	/* It goes to a terminal. */
	for (char *at = ret; *at != '\0'; at++)
		if (!isprint((unsigned char)*at) && *at != '\n' && *at != '\t')
			*at = '?';
	return 0;
}

long look_number(const struct doctor *d, const char *path, long otherwise)
{
	char text[DOCTOR_FILE_BYTES], *end;
	long value;

	if (look_text(d, path, text) != 0)
		return otherwise;
	value = strtol(text, &end, 10);
	return end == text ? otherwise : value;
}

int look_is_there(const struct doctor *d, const char *path)
{
	int fd = setup_root_open(d->root, path, O_PATH, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int look_folder(const struct doctor *d, const char *path,
		void (*each)(struct doctor *d, const char *name, void *context), void *context)
{
	int fd = setup_root_open(d->root, path, O_RDONLY | O_DIRECTORY, 0), count = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (each != NULL)
			each((struct doctor *)d, entry->d_name, context);
	}
	closedir(dir);
	return count;
}

const char *look_boot(const struct doctor *d, const char *word, char ret[DOCTOR_MASK_BYTES])
{
	char text[DOCTOR_FILE_BYTES];
	size_t length = strlen(word);
	const char *found = NULL;
	char *save = NULL;

	if (look_text(d, "/proc/cmdline", text) != 0)
		return NULL;
	for (char *at = strtok_r(text, " ", &save); at != NULL; at = strtok_r(NULL, " ", &save)) {
		if (strncmp(at, word, length) != 0 || (at[length] != '=' && at[length] != '\0'))
			continue;
		snprintf(ret, DOCTOR_MASK_BYTES, "%s", at[length] == '=' ? at + length + 1 : "");
		found = ret; /* the last one counts */
	}
	return found;
}

int look_lock_held(const char *kind, const char *name)
{
	char path[PATHS_BYTES + 64], root[PATHS_BYTES];
	int fd, held;

	if (paths_runtime_root(root) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/.lock/%s-%s", root, kind, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

/* --- findings ------------------------------------------------------------------------------ */

void say(char *to, size_t room, const char *format, ...)
{
	size_t used = strnlen(to, room - 1);
	va_list list;

	va_start(list, format);
	vsnprintf(to + used, room - used, format, list);
	va_end(list);
}

void look_judge(struct doctor_finding *f, enum doctor_verdict verdict)
{
	if (verdict > f->verdict)
		f->verdict = verdict;
}

void look_change(struct doctor *d, struct doctor_finding *f, const char *path, const char *text)
{
	struct doctor_change *c;

	if (d->change_count == DOCTOR_CHANGES_MAX) {
		d->changes_more++;
		return;
	}
	c = &d->change[d->change_count];
	if (strstr(text, "...") != NULL || /* a list cut short says something else */
	    snprintf(c->path, sizeof(c->path), "%s", path) >= (int)sizeof(c->path) ||
	    snprintf(c->text, sizeof(c->text), "%s", text) >= (int)sizeof(c->text)) {
		d->changes_long++;
		return;
	}
	if (f->change_count == 0)
		f->change_first = d->change_count;
	f->change_count++;
	d->change_count++;
}

void look_can(struct doctor *d, enum doctor_can what, int able, const char *format, ...)
{
	struct doctor_ability *a = &d->can[what];
	va_list list;

	/* Who says no first is the reason. */
	if (a->known && (!a->able || able))
		return;
	*a = (struct doctor_ability){ .known = 1, .able = able };
	va_start(list, format);
	vsnprintf(a->words, sizeof(a->words), format, list);
	va_end(list);
}

int look_needs(const struct doctor *d, uint32_t backend)
{
	if (d->plan == NULL)
		return 1;
	for (uint32_t i = 0; i < d->plan->device_count; i++)
		if (d->plan->device[i].backend == backend && d->plan->device[i].shard != PLAN_NONE)
			return 1;
	return 0;
}
