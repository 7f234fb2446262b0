/* SPDX-License-Identifier: Apache-2.0 */
/* The image of these tests is an image with names: this very program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elf.h>

#include <vanity/vanity.h>

#include "names.h"

VANITY_COUNTERS({ 1, "denied" }, { 2, "bad\033name" }, { 63, "last" },
		{ VANITY_COUNTERS_MAX, "beyond" })

static uint8_t *image;
static size_t image_bytes;

static int image_read(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	(void)state;
	if (fd < 0 || fstat(fd, &st) != 0)
		return -1;
	image_bytes = (size_t)st.st_size;
	image = malloc(image_bytes);
	if (image == NULL || read(fd, image, image_bytes) != (ssize_t)image_bytes)
		return -1;
	return close(fd);
}

static int image_drop(void **state)
{
	(void)state;
	free(image);
	return 0;
}

static struct names *names_of(const void *bytes, size_t count)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct names *names = NULL;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), (ssize_t)count);
	if (count == 0)
		assert_true(names_new(fd, &names) < 0);
	else
		assert_int_equal(names_new(fd, &names), 0);
	close(fd);
	return names;
}

static void counters_have_the_names_the_program_gave_them(void **state)
{
	struct names *names = names_of(image, image_bytes);

	(void)state;
	assert_string_equal(names_counter(names, 0), "done");
	assert_string_equal(names_counter(names, 1), "denied");
	assert_string_equal(names_counter(names, 63), "last");
	assert_null(names_counter(names, 3));
	names_free(names);
}

static void a_name_cannot_speak_to_a_terminal(void **state)
{
	struct names *names = names_of(image, image_bytes);

	(void)state;
	assert_string_equal(names_counter(names, 2), "bad?name");
	names_free(names);
}

static void a_counter_beyond_the_table_has_no_name(void **state)
{
	struct names *names = names_of(image, image_bytes);

	(void)state;
	assert_null(names_counter(names, VANITY_COUNTERS_MAX));
	assert_null(names_counter(names, UINT32_MAX));
	names_free(names);
}

static void what_is_no_image_has_no_names(void **state)
{
	struct names *names = names_of("not an image", 12);
	char text[64] = "before";

	(void)state;
	assert_null(names_counter(names, 1));
	assert_int_equal(names_symbol(names, 0x1000, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	names_free(names);
	assert_null(names_of("", 0));
}

static void an_address_in_no_function_has_no_symbol(void **state)
{
	struct names *names = names_of(image, image_bytes);
	char text[64];

	(void)state;
	assert_int_equal(names_symbol(names, 0, text, sizeof(text)), 0);
	names_free(names);
}

/* An image is a file somebody compiled: whatever is in it, nothing but names follows. */
static void a_damaged_image_does_no_harm(void **state)
{
	uint8_t *damaged = malloc(image_bytes);
	Elf64_Ehdr head;
	uint64_t seed = 1;
	char text[64];

	(void)state;
	assert_non_null(damaged);
	memcpy(&head, image, sizeof(head));
	for (uint32_t i = 0; i < 600; i++) {
		size_t from = i % 2 ? (size_t)head.e_shoff : 0,
		       room = i % 2 ? image_bytes - from : 64;
		struct names *names;

		memcpy(damaged, image, image_bytes);
		for (uint32_t k = 0; k < 1 + i % 3; k++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			damaged[from + (seed >> 33) % room] = (uint8_t)(seed >> 25);
		}
		names = names_of(damaged, image_bytes);
		(void)names_counter(names, 1);
		(void)names_symbol(names, seed, text, sizeof(text));
		names_free(names);
	}
	for (size_t n = 1; n < image_bytes; n += image_bytes / 97 + 1)
		names_free(names_of(image, n));
	free(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_have_the_names_the_program_gave_them),
		cmocka_unit_test(a_name_cannot_speak_to_a_terminal),
		cmocka_unit_test(a_counter_beyond_the_table_has_no_name),
		cmocka_unit_test(what_is_no_image_has_no_names),
		cmocka_unit_test(an_address_in_no_function_has_no_symbol),
		cmocka_unit_test(a_damaged_image_does_no_harm),
	};

	return cmocka_run_group_tests(tests, image_read, image_drop);
}
