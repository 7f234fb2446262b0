/* SPDX-License-Identifier: Apache-2.0 */
/* attack_memory.c: memory of others: through descriptors, mappings, and by searching for it. */
#include "attack.h"

#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>

#define DESCRIPTORS_MAX 8192
#define SEEDED_ADDRESSES 1000000u
#define PAGE_BYTES 4096ull
#define PUNCH_A_HOLE 3 /* FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */

/* --- at entry: nothing is relocated yet, so no table and no text of ours may be reached through
 * one */

/* Any number that is not one of those it was given. lseek is the start code's own call. */
bool attack_descriptors(struct attacker *a)
{
	uint32_t end = bind_fd_facts(a->bind) + a->bind->grant_count;
	long found = 0;

	for (long fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		long result = CALL_3(__NR_lseek, fd, 0, 1 /* SEEK_CUR */);

		if (result == -9 /* EBADF */ || (fd >= BIND_FD_BLOCK && fd < (long)end))
			continue;
		found++;
	}
	a->detail = found;
	return found != 0;
}

/* A region it may only read, opened once more through its descriptor. */
bool attack_reopen(struct attacker *a)
{
	uint32_t region = bind_pools(a->bind)[0].region;
	uint32_t fd = bind_fd_regions(a->bind) + region;
	char path[] = "/proc/self/fd/000";
	long opened;

	path[14] = (char)('0' + fd / 100 % 10);
	path[15] = (char)('0' + fd / 10 % 10);
	path[16] = (char)('0' + fd % 10);
	/* procfs knows no leading zeros. */
	while (path[14] == '0')
		for (uint32_t i = 14; i < sizeof(path) - 1; i++)
			path[i] = path[i + 1];
	opened = CALL_4(__NR_openat, AT_FDCWD, path, O_RDWR, 0);
	if (!attack_call(a, opened))
		return false;
	return attack_call(a, CALL_6(__NR_mmap, NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
				     MAP_SHARED, opened, 0));
}

/* What it reads of the victim, and its own pool: by the descriptors that it starts with. */
static uint32_t pool_fd(const struct attacker *a, bool owned, uint64_t *ret_bytes)
{
	const struct bind_pool *pool = bind_pools(a->bind);

	for (uint32_t i = 0; i < a->bind->pool_count; i++) {
		if ((pool[i].owned != 0) != owned)
			continue;
		*ret_bytes = bind_regions(a->bind)[pool[i].region].bytes;
		return bind_fd_regions(a->bind) + pool[i].region;
	}
	return ~0u;
}

/* Longer than planned, then nothing: whoever reads it dies of that. Then as it was. */
bool attack_resize(struct attacker *a)
{
	uint64_t bytes = 0;
	uint32_t fd = pool_fd(a, true, &bytes);

	return attack_call(a, CALL_2(__NR_ftruncate, fd, 2 * bytes)) &&
	       attack_call(a, CALL_2(__NR_ftruncate, fd, 0)) &&
	       attack_call(a, CALL_4(__NR_fallocate, fd, 0, 0, bytes));
}

/* The same of one that it may only read; longer does no harm yet. */
bool attack_lengthen(struct attacker *a)
{
	uint64_t bytes = 0;
	uint32_t fd = pool_fd(a, false, &bytes);

	return attack_call(a, CALL_2(__NR_ftruncate, fd, 2 * bytes));
}

/* A hole in what others read, and in what it may only read. */
bool attack_punch_own(struct attacker *a)
{
	uint64_t bytes = 0;
	uint32_t fd = pool_fd(a, true, &bytes);

	return attack_call(a, CALL_4(__NR_fallocate, fd, PUNCH_A_HOLE, 0, bytes));
}

bool attack_punch(struct attacker *a)
{
	uint64_t bytes = 0;
	uint32_t fd = pool_fd(a, false, &bytes);

	return attack_call(a, CALL_4(__NR_fallocate, fd, PUNCH_A_HOLE, 0, bytes));
}

/* --- mappings it has ----------------------------------------------------------------------- */

static const struct bind_region *victims_pool(const struct attacker *a, uint8_t **ret_at)
{
	uint32_t region = bind_pools(a->bind)[0].region;

	*ret_at = a->self->base[region];
	return &bind_regions(a->bind)[region];
}

/* Made writable, and written: the victim's canary is in it. */
static bool attack_rewrite(struct attacker *a)
{
	uint8_t *at;
	const struct bind_region *r = victims_pool(a, &at);

	if (!attack_call(a, CALL_3(__NR_mprotect, at, r->bytes, PROT_READ | PROT_WRITE)))
		return false;
	*(volatile uint64_t *)(at + r->bytes - 8) = 0;
	return true;
}

/* Mapped, and its pages taken away under everybody. */
static bool attack_remove(struct attacker *a)
{
	uint8_t *at;
	const struct bind_region *r = victims_pool(a, &at);

	return attack_call(a, CALL_3(__NR_madvise, at, r->bytes, 9 /* MADV_REMOVE */));
}

/* The same of what it may write itself: its readers would die of it, or read zeroes. */
static bool attack_remove_own(struct attacker *a)
{
	uint32_t wire = bind_neighbours(a->bind)[0].wire_out;

	return attack_call(a, CALL_3(__NR_madvise, a->self->base[wire],
				     bind_regions(a->bind)[wire].bytes, 9 /* MADV_REMOVE */));
}

/* Executable memory of its own making. */
static bool attack_execute(struct attacker *a)
{
	return attack_call(a,
			   CALL_6(__NR_mmap, NULL, PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* --- more than was planned ----------------------------------------------------------------- */

#define MUCH (16ull << 20) /* of a shard with a MiB */

static bool map_much(struct attacker *a, long rights, long flags)
{
	return attack_call(a, CALL_6(__NR_mmap, NULL, MUCH, rights, flags, -1, 0));
}

/* Half of what the victim has besides: no shard's limit counts what is another's to map. */
static bool attack_eat_memory(struct attacker *a)
{
	return map_much(a, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* Addresses alone. They can be made memory in place (MAP_FIXED), which RLIMIT_DATA does not see. */
static bool attack_eat_addresses(struct attacker *a)
{
	return map_much(a, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

/* What the kernel counts as stack, as shared, and as huge pages is no data. */
static bool attack_eat_stack(struct attacker *a)
{
	return map_much(a, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN);
}

static bool attack_eat_shared(struct attacker *a)
{
	return map_much(a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
}

/* Mapped is reserved: then nobody else can have it. */
static bool attack_eat_huge(struct attacker *a)
{
	return attack_call(a, CALL_6(__NR_mmap, NULL, 2ull << 20, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
}

/* --- the search ---------------------------------------------------------------------------- */

/* Both filters let it ring a neighbour: the kernel says EFAULT where the word to add would be. */
static bool is_readable(uint64_t at)
{
	return CALL_3(__NR_write, BIND_FD_NEIGHBOURS, at, 8) != -14 /* EFAULT */;
}

/* Readable, and the victim's word stands there. */
static bool is_victims(uint64_t at, uint64_t n)
{
	return is_readable(at) && *(const volatile uint64_t *)(uintptr_t)at == CANARY_OF(n);
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	return cell_mix(*state);
}

/*
 * Every address the victim says it has, every page beside each own mapping, and 10^6 seeded others.
 * The probe itself is shown to see what is there: each own mapping must be found.
 */
static bool attack_search(struct attacker *a)
{
	uint8_t *pool;
	const struct bind_region *r = victims_pool(a, &pool);
	const struct told *told = (const struct told *)pool;
	uint64_t state = a->number, blind = 0, found = 0, gaps = 0;

	(void)r;
	for (uint32_t i = 0; i < a->bind->region_count; i++) {
		uint64_t at = (uint64_t)(uintptr_t)a->self->base[i];
		uint64_t bytes = bind_regions(a->bind)[i].bytes;

		blind += !is_readable(at) + !is_readable(at + bytes - PAGE_BYTES);
		gaps += (uint64_t)is_readable(at - PAGE_BYTES) + is_readable(at + bytes);
	}
	if (told->magic != TOLD_MAGIC || told->count == 0 || told->count > TOLD_MAX || blind != 0) {
		a->detail = -1000 - (long)blind; /* the control failed: nothing is shown */
		return true;
	}
	for (uint32_t i = 0; i < told->count; i++)
		found += is_victims(told->address[i], i);
	/* A start has five seconds. */
	for (uint32_t i = 0; i < (a->self->live ? SEEDED_ADDRESSES : SEEDED_ADDRESSES / 10); i++) {
		uint64_t at = next_random(&state) & 0x7ffffffff000ull;

		/* It takes longer than a watchdog's patience. */
		if (i % 1000 == 0)
			wire_store_release(&a->self->cell->heartbeat, ++a->self->beat);
		/* What is readable there is its own: the canary's first word is searched for. */
		for (uint32_t n = 0; n < told->count && is_readable(at); n++)
			found += is_victims(at, n);
	}
	a->detail = (long)(found * 1000 + gaps);
	return found + gaps != 0;
}

/* A page beside a mapping, by touching it. */
static bool attack_touch(struct attacker *a)
{
	uint8_t *pool;
	const struct bind_region *r = victims_pool(a, &pool);

	a->detail = *(volatile uint8_t *)(pool + r->bytes);
	return true;
}

/* A store where only reading is planned. */
static bool attack_store(struct attacker *a)
{
	uint8_t *pool;
	const struct bind_region *r = victims_pool(a, &pool);

	*(volatile uint64_t *)(pool + r->bytes - 8) = 0;
	return true;
}

const struct attack attack_memory[] = {
	{ "rewrite", attack_rewrite },       { "remove", attack_remove },
	{ "remove_own", attack_remove_own }, { "execute", attack_execute },
	{ "search", attack_search },         { "touch", attack_touch },
	{ "store", attack_store },           { "eat_memory", attack_eat_memory },
	{ "eat_addresses", attack_eat_addresses },
	{ "eat_stack", attack_eat_stack },   { "eat_shared", attack_eat_shared },
	{ "eat_huge", attack_eat_huge },     { NULL, NULL },
};
