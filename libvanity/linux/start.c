/* SPDX-License-Identifier: Apache-2.0 */
/* start.c: from the kernel's hands to vanity_main; the way is drawn in start.h. */
#include "linux/start.h"

#include <elf.h>

#include <linux/mman.h>

#include "linux/call.h"

#define ADVISE_POPULATE_READ 22 /* Linux 5.14; older headers lack it */
#define ADVISE_POPULATE_WRITE 23
#define SEEK_TO_END 2
#define PAGE_BYTES_MIN 4096u

#if defined(__x86_64__)
#define RELOCATION_RELATIVE R_X86_64_RELATIVE
#elif defined(__aarch64__)
#define RELOCATION_RELATIVE R_AARCH64_RELATIVE
#elif defined(__riscv)
#define RELOCATION_RELATIVE R_RISCV_RELATIVE
#endif

/* The linker's names for where this image begins and for its dynamic section. Hidden, so that
 * their addresses are computed from the program counter and not read from a table. The image is no
 * constant: relocation writes it, and clang drops what is written to a constant. */
extern char image_start[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
extern const Elf64_Dyn image_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

__attribute__((noreturn, visibility("hidden"))) void start_entry(const uint64_t *stack);

/* Room in the reservation, with a guard in front of each piece. */
struct room {
	uint64_t at; /* bytes so far, then the address */
	uint64_t page_bytes;
};

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static uint64_t room_take(struct room *room, uint64_t bytes, uint64_t align)
{
	uint64_t at = align_up(room->at + room->page_bytes, align);

	room->at = at + align_up(bytes, align);
	return at;
}

/* Right as soon as the image is relocated. */
static const char *const image_probe = image_start;

/* Only what a static PIE of hidden symbols has. Runs before relocation: no table is read. */
static void image_relocate(void)
{
	const Elf64_Rela *rela = NULL;
	uint64_t bytes = 0;

	for (const Elf64_Dyn *d = image_dynamic; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(image_start + d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			bytes = d->d_un.d_val;
		else if (d->d_tag == DT_REL || d->d_tag == DT_JMPREL || d->d_tag == DT_NEEDED ||
			 d->d_tag == DT_TEXTREL)
			call_exit(START_EXIT_RELOCATION);
	}
	for (uint64_t i = 0; rela != NULL && i < bytes / sizeof(*rela); i++) {
		if (ELF64_R_TYPE(rela[i].r_info) != RELOCATION_RELATIVE)
			call_exit(START_EXIT_RELOCATION);
		*(uint64_t *)(uintptr_t)(image_start + rela[i].r_offset) =
			(uint64_t)(uintptr_t)(image_start + rela[i].r_addend);
	}
	/* Volatile, or the compiler knows the answer. */
	if (*(const char *const volatile *)&image_probe != image_start)
		call_exit(START_EXIT_RELOCATION);
}

/* Every page of the image present, and what was relocated read-only from now on. */
static void image_settle(uint64_t page_bytes)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)image_start;
	const Elf64_Phdr *part = (const Elf64_Phdr *)(image_start + head->e_phoff);

	for (uint32_t i = 0; i < head->e_phnum; i++) {
		uint64_t from = (uint64_t)(uintptr_t)image_start + part[i].p_vaddr;
		uint64_t end = align_up(from + part[i].p_memsz, page_bytes);

		from &= ~(page_bytes - 1);
		/* A kernel before 5.14 lacks the advice; then the first touch faults. */
		if (part[i].p_type == PT_LOAD)
			CALL_3(__NR_madvise, from, end - from,
			       (part[i].p_flags & PF_W) != 0 ? ADVISE_POPULATE_WRITE :
							       ADVISE_POPULATE_READ);
	}
	for (uint32_t i = 0; i < head->e_phnum; i++) {
		uint64_t from = (uint64_t)(uintptr_t)image_start + part[i].p_vaddr;
		/* Down to a page: the linker pads so that what shares the last one is data. */
		uint64_t end = (from + part[i].p_memsz) & ~(page_bytes - 1);

		from &= ~(page_bytes - 1);
		if (part[i].p_type == PT_GNU_RELRO && end > from &&
		    CALL_3(__NR_mprotect, from, end - from, PROT_READ) != 0)
			call_exit(START_EXIT_RELOCATION);
	}
}

static const void *map_file(int fd, uint64_t *ret_bytes, int failure)
{
	long bytes = CALL_3(__NR_lseek, fd, 0, SEEK_TO_END);
	long at;

	if (call_failed(bytes))
		call_exit(failure);
	*ret_bytes = (uint64_t)bytes;
	if (bytes == 0)
		return NULL;
	at = CALL_6(__NR_mmap, NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (call_failed(at))
		call_exit(failure);
	return (const void *)at;
}

static void map_private(uint64_t at, uint64_t bytes)
{
	const long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE;
	long result = CALL_6(__NR_mmap, at, bytes, PROT_READ | PROT_WRITE, flags | MAP_LOCKED, -1, 0);

	/* More than RLIMIT_MEMLOCK allows: present all the same, but it may be swapped out. */
	if (call_failed(result))
		result = CALL_6(__NR_mmap, at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (call_failed(result))
		call_exit(START_EXIT_MEMORY);
}

/* Its pages are present and locked already, by the keeper, once for all generations. */
static void map_region(uint64_t at, const struct bind_region *region, int fd)
{
	int rights = region->right == PLAN_RW ? PROT_READ | PROT_WRITE : PROT_READ;
	long result = CALL_6(__NR_mmap, at, region->bytes, rights,
			     MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);

	if (call_failed(result))
		call_exit(START_EXIT_REGION);
}

/* The bind block is the platform's own word, but a wrong descriptor must not become a crash. */
static const struct bind *bind_take(void)
{
	uint64_t bytes;
	const struct bind *bind = map_file(BIND_FD_BLOCK, &bytes, START_EXIT_BIND);

	if (bind == NULL || bytes < sizeof(*bind) || bind->magic != BIND_MAGIC || bind->bytes > bytes)
		call_exit(START_EXIT_BIND);
	return bind;
}

/* What the privileged side found out about each device. */
struct facts {
	const struct vanity_grant_facts *of[VANITY_GRANTS_MAX];
};

static void facts_take(const struct bind *bind, struct facts *ret)
{
	if (bind->grant_count > VANITY_GRANTS_MAX)
		call_exit(START_EXIT_BIND);
	for (uint32_t i = 0; i < bind->grant_count; i++) {
		uint64_t bytes;

		ret->of[i] = map_file((int)(bind_fd_facts(bind) + i), &bytes, START_EXIT_GRANT);
		if (!device_facts_possible(&bind_grants(bind)[i], ret->of[i], bytes))
			call_exit(START_EXIT_GRANT);
	}
}

/* Lay everything out twice: once to measure, once to map. */
struct layout {
	uint64_t stack, fault_stack, fault_stack_bytes, start, start_bytes;
};

/* Byte offsets of what stands behind struct start and its base[]. */
struct head {
	uint64_t grant_at, device_at, bytes;
};

static struct head head_of(const struct bind *bind)
{
	struct head h = { .grant_at = sizeof(struct start) + bind->region_count * sizeof(void *) };

	h.device_at = h.grant_at + bind->grant_count * sizeof(struct vanity_grant);
	h.bytes = align_up(h.device_at + bind->grant_count * sizeof(struct device), WIRE_LINE);
	return h;
}

static void layout_private(struct layout *l, struct room *room)
{
	l->stack = room_take(room, START_STACK_BYTES, room->page_bytes);
	l->fault_stack = room_take(room, l->fault_stack_bytes, room->page_bytes);
	l->start = room_take(room, l->start_bytes, room->page_bytes);
}

static uint64_t region_align(const struct bind_region *region, uint64_t page_bytes)
{
	return region->page_bytes > page_bytes ? region->page_bytes : page_bytes;
}

/* Room for the windows of all devices; mapped there once @start is. */
static void layout_windows(const struct bind *bind, const struct facts *facts, struct room *room,
			   struct start *start)
{
	for (uint32_t i = 0; i < bind->grant_count; i++) {
		for (uint32_t w = 0; w < VANITY_RINGS; w++) {
			uint64_t bytes = device_window_bytes(facts->of[i], w), at;

			if (bytes == 0)
				continue;
			at = room_take(room, bytes, room->page_bytes);
			if (start == NULL)
				continue;
			if (!device_window_map(&bind_grants(bind)[i], w, at, bytes))
				call_exit(START_EXIT_GRANT);
			start->grant[i].window[w] = (struct vanity_window){ (void *)at, bytes };
		}
	}
}

/* Everything measured, then reserved in one piece. Return: its first byte, aligned. */
static uint64_t memory_reserve(const struct bind *bind, const struct facts *facts, struct layout *l,
			       uint64_t page_bytes)
{
	const struct bind_region *region = bind_regions(bind);
	struct room room = { 0, page_bytes };
	uint64_t align_max = page_bytes;
	long at;

	layout_private(l, &room);
	for (uint32_t i = 0; i < bind->region_count; i++) {
		uint64_t align = region_align(&region[i], page_bytes);

		room_take(&room, region[i].bytes, align);
		align_max = align > align_max ? align : align_max;
	}
	layout_windows(bind, facts, &room, NULL);
	at = CALL_6(__NR_mmap, NULL, room.at + page_bytes + align_max, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (call_failed(at))
		call_exit(START_EXIT_MEMORY);
	return align_up((uint64_t)at, align_max);
}

static struct start *memory_map(const struct bind *bind, const struct facts *facts,
				uint64_t page_bytes, uint64_t signal_bytes, uint64_t *ret_stack_top)
{
	const struct bind_region *region = bind_regions(bind);
	struct head head = head_of(bind);
	uint64_t private_bytes = shard_footprint(bind, &vanity_carry_info);
	struct layout l = {
		.fault_stack_bytes = align_up(START_FAULT_STACK_BYTES + signal_bytes, page_bytes),
		.start_bytes = align_up(head.bytes + private_bytes, page_bytes),
	};
	struct room room = { 0, page_bytes };
	struct start *start;

	if (private_bytes > bind->memory_bytes)
		call_exit(START_EXIT_MEMORY);
	room.at = memory_reserve(bind, facts, &l, page_bytes);
	layout_private(&l, &room);
	map_private(l.stack, START_STACK_BYTES);
	map_private(l.fault_stack, l.fault_stack_bytes);
	map_private(l.start, l.start_bytes);
	start = (struct start *)l.start;
	for (uint32_t i = 0; i < bind->region_count; i++) {
		uint64_t base = room_take(&room, region[i].bytes, region_align(&region[i], page_bytes));

		map_region(base, &region[i], (int)(bind_fd_regions(bind) + i));
		start->base[i] = (void *)base;
	}
	start->bind = bind;
	start->memory = (void *)(l.start + head.bytes);
	start->fault_stack = (void *)l.fault_stack;
	start->fault_stack_bytes = l.fault_stack_bytes;
	start->grant = (struct vanity_grant *)(l.start + head.grant_at);
	start->device = (struct device *)(l.start + head.device_at);
	for (uint32_t i = 0; i < bind->grant_count; i++) {
		device_make(&start->device[i], &bind_grants(bind)[i], facts->of[i],
			    &start->grant[i]);
		start->polled_count += start->device[i].polled;
	}
	layout_windows(bind, facts, &room, start);
	*ret_stack_top = l.stack + START_STACK_BYTES;
	return start;
}

/* On our own stack. */
__attribute__((noreturn)) static void start_main(void *context)
{
	struct start *start = context;
	int code;

	platform_make(start);
	fault_handlers(start);
	start->shard = shard_format(start->memory, start->bind, start->base, &vanity_carry_info,
				    start->config, start->config_bytes, &start->platform);
	if (start->bind->grant_count != 0)
		shard_grants(start->shard, start->grant);
	shard_park(start->shard);
	shard_adopt(start->shard);
	code = vanity_main(start->shard);
	shard_done(start->shard);
	call_exit(code);
}

static void start_main_call(void *context)
{
	start_main(context);
}

/* What the kernel says of the machine, behind arguments and environment (System V ABI). */
static uint64_t auxiliary(const uint64_t *stack, uint64_t type, uint64_t otherwise)
{
	const uint64_t *at = stack + 1 + stack[0] + 1; /* argc, its pointers, NULL */

	while (*at != 0)
		at++; /* the environment */
	for (at++; at[0] != AT_NULL; at += 2)
		if (at[0] == type)
			return at[1];
	return otherwise;
}

void start_entry(const uint64_t *stack)
{
	uint64_t page_bytes, stack_top, config_bytes;
	const struct bind *bind;
	const void *config;
	struct facts facts;
	struct start *start;

	image_relocate();
	page_bytes = auxiliary(stack, AT_PAGESZ, PAGE_BYTES_MIN);
	image_settle(page_bytes);
	bind = bind_take();
	config = map_file(BIND_FD_CONFIG, &config_bytes, START_EXIT_CONFIG);
	facts_take(bind, &facts);
	start = memory_map(bind, &facts, page_bytes, auxiliary(stack, AT_MINSIGSTKSZ, 0),
			   &stack_top);
	start->config = config;
	start->config_bytes = config_bytes;

	/* What is mapped needs no descriptor, and a read-only one could be opened again for writing
	 * by whoever finds a way to a file system: all are closed but the eventfds and those that
	 * a device is driven by. */
	CALL_3(__NR_close_range, BIND_FD_BLOCK, BIND_FD_BLOCK, 0);
	CALL_3(__NR_close_range, BIND_FD_CONFIG, BIND_FD_CONFIG, 0);
	CALL_3(__NR_close_range, bind_fd_regions(bind), ~0u, 0);
	arch_stack_call((void *)stack_top, start_main_call, start);
}
