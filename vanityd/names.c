/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <gelf.h>
#include <libelf.h>

#include <vanity/vanity.h>

#define IMAGE_BYTES_MAX (64u << 20)
#define SYMBOLS_MAX 65536u
#define SYMBOL_NAME_MAX 63u

struct symbol {
	uint64_t at, bytes;
	char name[SYMBOL_NAME_MAX + 1];
};

struct names {
	char counter[VANITY_COUNTERS_MAX][VANITY_NAME_MAX + 1];
	struct symbol *symbol;
	uint32_t symbol_count;
};

/* Copies at most @room - 1 bytes up to a NUL; what is no plain character becomes '?'. */
static void name_take(char *ret, size_t room, const char *bytes, size_t bytes_max)
{
	size_t n = 0;

	while (n + 1 < room && n < bytes_max && bytes[n] != '\0') {
		char c = bytes[n];
		int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';

		ret[n++] = plain ? c : '?';
	}
	ret[n] = '\0';
}

static void counters_read(struct names *names, const Elf_Data *data)
{
	const struct vanity_counter_name *entry = data->d_buf;
	size_t count = data->d_size / sizeof(*entry);

	for (size_t i = 0; i < count && entry != NULL; i++) {
		struct vanity_counter_name one;

		/* The section need not be aligned in the file. */
		memcpy(&one, entry + i, sizeof(one));
		if (one.counter == 0)
			return;
		if (one.counter < VANITY_COUNTERS_MAX)
			name_take(names->counter[one.counter], sizeof(names->counter[0]), one.name,
				  sizeof(one.name));
	}
}

static int symbol_order(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void symbols_read(struct names *names, Elf *elf, const GElf_Shdr *header, Elf_Data *data)
{
	size_t count = header->sh_entsize != 0 ? header->sh_size / header->sh_entsize : 0;

	if (names->symbol != NULL || count == 0)
		return;
	if (count > SYMBOLS_MAX)
		count = SYMBOLS_MAX;
	names->symbol = calloc(count, sizeof(*names->symbol));
	if (names->symbol == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		struct symbol *symbol = &names->symbol[names->symbol_count];
		const char *name;
		GElf_Sym sym;

		if (gelf_getsym(data, (int)i, &sym) == NULL ||
		    GELF_ST_TYPE(sym.st_info) != STT_FUNC || sym.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, sym.st_name);
		if (name == NULL || name[0] == '\0')
			continue;
		symbol->at = sym.st_value;
		symbol->bytes = sym.st_size;
		name_take(symbol->name, sizeof(symbol->name), name, SIZE_MAX);
		names->symbol_count++;
	}
	qsort(names->symbol, names->symbol_count, sizeof(*names->symbol), symbol_order);
}

static void sections_read(struct names *names, Elf *elf)
{
	size_t strings = 0;

	if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &strings) != 0)
		return;
	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn != NULL; scn = elf_nextscn(elf, scn)) {
		const char *name;
		GElf_Shdr header;
		Elf_Data *data;

		if (gelf_getshdr(scn, &header) == NULL)
			continue;
		name = elf_strptr(elf, strings, header.sh_name);
		if (name == NULL)
			continue;
		if (header.sh_type == SHT_SYMTAB) {
			data = elf_getdata(scn, NULL);
			if (data != NULL)
				symbols_read(names, elf, &header, data);
		} else if (header.sh_type == SHT_PROGBITS &&
			   strcmp(name, ".vanity.counters") == 0) {
			data = elf_rawdata(scn, NULL);
			if (data != NULL && data->d_buf != NULL)
				counters_read(names, data);
		}
	}
}

int names_new(int image_fd, struct names **ret_names)
{
	struct names *names;
	struct stat st;
	void *image;
	Elf *elf;

	if (fstat(image_fd, &st) != 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > IMAGE_BYTES_MAX)
		return -EFBIG;
	names = calloc(1, sizeof(*names));
	if (names == NULL)
		return -ENOMEM;
	image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, image_fd, 0);
	if (image == MAP_FAILED) {
		int error = -errno;

		free(names);
		return error;
	}
	elf_version(EV_CURRENT);
	elf = elf_memory(image, (size_t)st.st_size);
	if (elf != NULL) {
		sections_read(names, elf);
		elf_end(elf);
	}
	/* Everything was copied; the image itself stays with the keeper. */
	munmap(image, (size_t)st.st_size);
	*ret_names = names;
	return 0;
}

void names_free(struct names *names)
{
	if (names == NULL)
		return;
	free(names->symbol);
	free(names);
}

const char *names_counter(const struct names *names, uint32_t counter)
{
	if (counter == VANITY_DONE)
		return "done";
	if (names == NULL || counter >= VANITY_COUNTERS_MAX || names->counter[counter][0] == '\0')
		return NULL;
	return names->counter[counter];
}

int names_symbol(const struct names *names, uint64_t address, char *ret_text, size_t room)
{
	const struct symbol *best = NULL;

	ret_text[0] = '\0';
	if (names == NULL)
		return 0;
	for (uint32_t i = 0; i < names->symbol_count && names->symbol[i].at <= address; i++)
		best = &names->symbol[i];
	/* A size of 0 is an assembly label: it reaches to the next one. */
	if (best == NULL || (best->bytes != 0 && address - best->at >= best->bytes))
		return 0;
	snprintf(ret_text, room, "%s+0x%llx", best->name, (unsigned long long)(address - best->at));
	return 1;
}
