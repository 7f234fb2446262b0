/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <stdio.h>
#include <string.h>

const struct plan_host memory_machine = {
	.page_bytes = 4096,
	.huge_page_bytes = 2u << 20,
	.cores = 64,
};
struct topology memory_topology;
struct plan memory_result;

static const char *memory_read(void *context, const char *path, char *text, uint32_t room,
			       uint32_t *ret_bytes)
{
	struct memory *m = context;
	char full[1024], beyond;
	FILE *f;

	if (m->folder == NULL) {
		*ret_bytes = m->text_bytes > room ? room + 1 : m->text_bytes;
		memcpy(text, m->text, m->text_bytes > room ? room : m->text_bytes);
		return NULL;
	}
	snprintf(full, sizeof(full), "%s/%s", m->folder, path);
	f = fopen(full, "r");
	if (f == NULL)
		return "no such file";
	*ret_bytes = (uint32_t)fread(text, 1, room, f);
	*ret_bytes += (uint32_t)fread(&beyond, 1, 1, f);
	fclose(f);
	return NULL;
}

static void memory_message(void *context, const struct topology_message *message)
{
	struct memory *m = context;
	size_t n = strlen(message->text);

	if (m->messages++ == 0) {
		snprintf(m->first_id, sizeof(m->first_id), "%s", message->id);
		m->first_line = message->line;
		m->first_column = message->column;
	}
	if (m->said_bytes + n < sizeof(m->said)) {
		memcpy(m->said + m->said_bytes, message->text, n + 1);
		m->said_bytes += (uint32_t)n;
	}
}

void memory_init(struct memory *m)
{
	memset(m, 0, sizeof(*m));
	m->host = (struct topology_host){ m, memory_read, memory_message };
}

static int plan_it(struct memory *m, const char *path)
{
	memset(&memory_topology, 0xa5, sizeof(memory_topology));
	memset(&memory_result, 0xa5, sizeof(memory_result));
	/* Both even after errors of form: plan_make() must then do nothing. */
	topology_parse(&memory_topology, path, &m->host);
	return plan_make(&memory_topology, &memory_machine, &memory_result);
}

int memory_plan(struct memory *m, const char *text)
{
	memory_init(m);
	m->text = text;
	m->text_bytes = (uint32_t)strlen(text);
	return plan_it(m, "test.conf");
}

int memory_parse(struct memory *m, const char *text)
{
	memory_init(m);
	m->text = text;
	m->text_bytes = (uint32_t)strlen(text);
	return topology_parse(&memory_topology, "test.conf", &m->host);
}

int memory_plan_file(struct memory *m, const char *folder, const char *path)
{
	memory_init(m);
	m->folder = folder;
	return plan_it(m, path);
}
