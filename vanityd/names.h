/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h: what a program calls its counters and functions, read from its sealed image.
 *
 *      .vanity.counters   struct vanity_counter_name[], ended by counter 0
 *      .symtab            functions, for the program counter of a crash record
 *
 * The image is an ELF file somebody compiled: its bytes are a claim. A section that does not
 * parse leaves its names out; nothing else follows from it. Names are kept as plain letters,
 * digits and `_.-`, so that they can go to a terminal and into JSON as they are.
 *
 * When not to use it: in the keeper or in a shard. Names are for people only.
 */
#ifndef VANITYD_NAMES_H
#define VANITYD_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include <vanity/limits.h>

struct names;

/**
 * names_new() - read the names of an image
 * @image_fd: borrowed; any readable file
 * @ret_names: freed with names_free(); usable (and empty) even for an image without names
 * Return: 0, or a negative errno when the file cannot be read at all.
 */
int names_new(int image_fd, struct names **ret_names);
void names_free(struct names *names);

/* Name of a counter; "done" for 0, NULL where the program gave none. @names may be NULL. */
const char *names_counter(const struct names *names, uint32_t counter);

/**
 * names_symbol() - "function+0x12" for an address counted from the image's start
 * @ret_text: @room bytes, "" when unknown
 * Return: 1 found, 0 not.
 */
int names_symbol(const struct names *names, uint64_t address, char *ret_text, size_t room);

#endif
