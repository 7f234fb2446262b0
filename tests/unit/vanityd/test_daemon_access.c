/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A living shard is judged by what the kernel says of it. Here the kernel's words are ours: first
 * those of an honest shard with an xdp device, a tap and a capture, then with one line changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "check_parts.h"
#include "core/bind.h"
#include "daemon.h"
#include "topology/topology.h"

#define PAGE 4096u
#define FIRST_INODE 100u /* of what the keeper gave it, by number of the descriptor */
#define UID 1979711490u
#define TEXT_BYTES 16384u

static const char conf[] =
	"vanity = 1\n"
	"system = judged\n"
	"device wan { backend = xdp, match = \"netdev veth0\", dma = frames:rw }\n"
	"device tap { backend = tuntap, match = \"tap vanity0\" }\n"
	"device out { backend = pcap, write = \"/var/tmp/out.pcapng\" }\n"
	"pool frames { owner = nic, frames = 256, frame = 2KiB, access = other:ro }\n"
	"defaults shard { cores = shared }\n"
	"shard nic { program = nic, grant = [ wan, tap, out ] }\n"
	"shard other { program = sink }\n"
	"channel c { nic.out -> other.in, slots = 64, pools = frames }\n";

/* --- what the rest of vanityd would be ----------------------------------------------------- */

static char said[16384];

void daemon_log(struct daemon *d, const char *format, ...)
{
	size_t used = strlen(said);
	va_list list;

	(void)d;
	va_start(list, format);
	vsnprintf(said + used, sizeof(said) - used, format, list);
	va_end(list);
}

int keeper_send(struct daemon *d, uint32_t verb, uint32_t shard, uint32_t generation)
{
	(void)d, (void)verb, (void)shard, (void)generation;
	return 0;
}

void access_collect(struct daemon *d, uint32_t shard)
{
	(void)d, (void)shard;
}

void check_region_name(const struct plan *plan, uint32_t region, char ret_name[CHECK_REGION_NAME])
{
	(void)plan;
	snprintf(ret_name, CHECK_REGION_NAME, "region %u", region);
}

/* --- an honest shard ----------------------------------------------------------------------- */

static struct rig {
	struct topology topology;
	struct plan plan;
	struct daemon d;
	struct vanity_grant_facts facts;
	char text[TEXT_BYTES];
	size_t used;
	struct cell cell; /* without ports; it ends in a list of them */
} rig;

static const char *conf_read(void *context, const char *path, char *text, uint32_t room,
			     uint32_t *ret_bytes)
{
	(void)context, (void)path, (void)room;
	*ret_bytes = sizeof(conf) - 1;
	memcpy(text, conf, sizeof(conf) - 1);
	return NULL;
}

static void conf_message(void *context, const struct topology_message *message)
{
	(void)context;
	fputs(message->text, stderr);
}

__attribute__((format(printf, 1, 2))) static void line(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	rig.used += (size_t)vsnprintf(rig.text + rig.used, TEXT_BYTES - rig.used, format, list);
	va_end(list);
	assert_true(rig.used < TEXT_BYTES);
}

/* A mapping of @bytes, as /proc/PID/maps has it. */
static void map(uint64_t bytes, const char *rights, uint64_t offset, uint32_t inode, const char *path)
{
	static uint64_t at = 0x7f0000000000;

	line("%llx-%llx %s %08llx 00:01 %u %s\n", (unsigned long long)at,
	     (unsigned long long)(at + bytes), rights, (unsigned long long)offset, inode, path);
	at += 2 * bytes;
}

static void maps_of(const struct bind *bind)
{
	static const uint64_t ring[VANITY_RINGS] = { 0, 0x80000000, 0x100000000, 0x180000000 };
	uint32_t image = FIRST_INODE + bind_fd_facts(bind) + bind->grant_count;

	line("== maps\n");
	for (uint32_t i = 0; i < bind->region_count; i++) {
		const struct bind_region *r = &bind_regions(bind)[i];
		char path[48];

		snprintf(path, sizeof(path), "/memfd:region-%u (deleted)", r->region);
		map(r->bytes, r->right == PLAN_RW ? "rw-s" : "r--s", 0,
		    FIRST_INODE + bind_fd_regions(bind) + i, path);
	}
	for (uint32_t w = 0; w < VANITY_RINGS; w++)
		map(w == VANITY_RING_RX || w == VANITY_RING_TX ? 0x9000 : 0x2000, "rw-s", ring[w],
		    FIRST_INODE + bind_fd_grants(bind), "socket:[4711]");
	map(PAGE, "r--p", 0, FIRST_INODE + bind_fd_facts(bind), "/memfd:device-0 (deleted)");
	map(PAGE, "r--p", 0, FIRST_INODE + BIND_FD_BLOCK, "/memfd:bind (deleted)");
	map(PAGE, "r--p", 0, image, "/memfd:nic (deleted)");
	map(PAGE, "r-xp", PAGE, image, "/memfd:nic (deleted)");
	map(PAGE, "rw-p", 2 * PAGE, image, "/memfd:nic (deleted)");
	line("7e0000000000-7e0000001000 rw-p 00000000 00:00 0 \n"
	     "7e0000001000-7e0000002000 ---p 00000000 00:00 0\n"
	     "7ffe00000000-7ffe00001000 rw-p 00000000 00:00 0                  [stack]\n"
	     "7fff00000000-7fff00001000 r-xp 00000000 00:00 0                  [vdso]\n");
}

static void files_of(const struct bind *bind)
{
	line("== files\n");
	for (uint32_t at = BIND_FD_BLOCK; at <= bind_fd_facts(bind) + bind->grant_count; at++)
		line("%u 0 1 %u\n", at, FIRST_INODE + at);
}

static int rig_make(void **state)
{
	const struct topology_host host = { NULL, conf_read, conf_message };
	const struct plan_host machine = { .page_bytes = PAGE, .ignore_cores = 1 };
	const struct bind_machine world = { .hz = 1000000000 };
	struct bind *bind;
	uint32_t room;

	(void)state;
	memset(&rig, 0, sizeof(rig));
	said[0] = '\0';
	assert_int_equal(topology_parse(&rig.topology, "judged.conf", &host), 0);
	assert_int_equal(plan_make(&rig.topology, &machine, &rig.plan), 0);
	rig.d.plan = &rig.plan;
	rig.d.hz = 1000000000;
	rig.d.shard[0].alive = 1;
	rig.d.shard[0].cell = &rig.cell;
	wire_store(&rig.cell.ready, 1);
	assert_int_equal(facts_ask(&rig.d, 0), 1);
	rig.facts.kind = VANITY_GRANT_XDP;
	for (uint32_t w = 0; w < VANITY_RINGS; w++) {
		int wide = w == VANITY_RING_RX || w == VANITY_RING_TX;

		rig.facts.ring[w] = (struct vanity_ring_place){ 0, 64, 192, 320, wide ? 2048 : 512,
								wide ? 16 : 8 };
	}
	rig.d.device[0].facts = &rig.facts;

	room = plan_bind_bytes(&rig.plan, 0);
	bind = calloc(1, room);
	assert_true(plan_bind(&rig.plan, 0, &world, bind, room) > 0);
	assert_int_equal(bind->grant_fd_count, 3);
	line("== status\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t \nThreads:\t1\n"
	     "TracerPid:\t0\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\n"
	     "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\nCpus_allowed_list:\t0-1\n",
	     UID, UID, UID, UID, UID, UID, UID, UID);
	line("== keeper\nUid:\t0\t0\t0\t0\nCapBnd:\tff\nSeccomp_filters:\t1\n");
	line("== planned\nmemory 4194304\nuid %u\ncores 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", UID);
	files_of(bind);
	line("== ns\nnet net:[11] net:[11] net:[1]\nipc ipc:[12] ipc:[12] ipc:[2]\n"
	     "uts uts:[13] uts:[13] uts:[3]\ncgroup cgroup:[14] cgroup:[14] cgroup:[4]\n"
	     "mnt mnt:[15] mnt:[15] mnt:[5]\npid pid:[16] ? pid:[6]\nuser user:[7] ? user:[7]\n");
	line("== fd\n4 = anon_inode:[eventfd]\n6 = anon_inode:[eventfd]\n7 = socket:[4711]\n"
	     "8 = /dev/net/tun\n9 ? /var/tmp/out.pcapng\n");
	maps_of(bind);
	line("== end\n");
	free(bind);
	return 0;
}

static void judge(void)
{
	int fd = memfd_create("facts", MFD_CLOEXEC);

	assert_int_equal(write(fd, rig.text, strlen(rig.text)), (int)strlen(rig.text));
	memset(&rig.d.shard[0].facts, 0, sizeof(rig.d.shard[0].facts));
	facts_take(&rig.d, 0, 1, fd);
	close(fd);
}

static uint32_t judged(void)
{
	judge();
	assert_int_equal(rig.d.shard[0].facts.generation, 1);
	return rig.d.shard[0].facts.deviations;
}

/* The text with @from, which stands there, replaced by @to. */
static void change(const char *from, const char *to)
{
	char *at = strstr(rig.text, from), rest[TEXT_BYTES];

	assert_non_null(at);
	strcpy(rest, at + strlen(from));
	strcpy(at, to);
	strcat(rig.text, rest);
}

static void refused(const char *from, const char *to, const char *words)
{
	rig_make(NULL);
	change(from, to);
	assert_true(judged() > 0);
	if (strstr(said, words) == NULL)
		fail_msg("\"%s\" -> \"%s\": %s", from, to, said);
}

static void an_honest_shard_with_devices_deviates_in_nothing(void **state)
{
	(void)state;
	if (judged() != 0)
		fail_msg("%s", said);
}

static void a_capture_may_have_been_moved_or_removed(void **state)
{
	(void)state;
	change("9 ? /var/tmp/out.pcapng", "9 ? /mnt/tmp/out.pcapng (deleted)");
	assert_int_equal(judged(), 0);
}

static void a_ring_elsewhere_longer_or_missing_deviates(void **state)
{
	(void)state;
	refused("80000000 00:01 107 socket", "70000000 00:01 107 socket", "socket:[4711]");
	refused("rw-s 180000000 00:01 107 ", "r--s 180000000 00:01 107 ", "socket:[4711]");
	refused("rw-s 180000000 00:01 107 ", "rwxs 180000000 00:01 107 ", "never writable and exec");
	/* Twice the same: one too many, and another one missing. */
	refused("rw-s 180000000 00:01 107 ", "rw-s 100000000 00:01 107 ",
		"rings of device wan: expected four, found 3");
	/* Of somebody else's socket. */
	refused("rw-s 180000000 00:01 107 ", "rw-s 180000000 00:01 999 ",
		"rings of device wan: expected four, found 3");
}

static void a_descriptor_that_is_another_file_deviates(void **state)
{
	(void)state;
	refused("\n4 = anon", "\n4 ! anon", "descriptor 4: expected its own eventfd, found another");
	refused("\n6 = anon", "\n6 ! anon", "descriptor 6: expected the eventfd of other");
	refused("\n7 = socket", "\n7 ! socket", "descriptor 7: expected device wan");
	/* Where the kernel cannot tell, its name must be right. */
	refused("\n7 = socket:[4711]", "\n7 ? anon_inode:[eventfd]", "descriptor 7");
	refused("\n4 = anon_inode:[eventfd]", "\n4 ? socket:[4711]", "descriptor 4");
	refused("8 = /dev/net/tun", "8 ? /dev/mem", "descriptor 8");
	refused("9 ? /var/tmp/out.pcapng", "9 ? /etc/shadow", "descriptor 9");
	refused("9 ? /var/tmp/out.pcapng", "9 ? /var/tmp/out.pcapng/shadow", "descriptor 9");
	refused("9 ? /var/tmp/out.pcapng", "9 ? /var/tmp/out.pcapngs", "descriptor 9");
}

static void a_descriptor_too_many_or_too_few_deviates(void **state)
{
	(void)state;
	refused("== maps", "10 ! anon_inode:[eventfd]\n== maps", "descriptor 10: expected none");
	/* Planned at the start and closed since: it has no business there either. */
	refused("\n4 = ", "\n3 = /memfd:bind (deleted)\n4 = ", "descriptor 3: expected none");
	refused("\n9 ? /var/tmp/out.pcapng", "", "descriptor 9: expected device out, found none");
}

static void more_memory_without_a_file_than_planned_deviates(void **state)
{
	static const char page[] = "7e0000000000-7e0000001000 rw-p", more[] = "memory: expected at most 4194304";

	(void)state;
	refused(page, "7e0000000000-7e0000400000 rw-p", more);
	/* Made read-only it is memory still. */
	refused(page, "7e0000000000-7e0000400000 r--p", more);
	/* As much with what else there is; the stack counts, guards and the kernel's pages do not. */
	rig_make(NULL);
	change(page, "7e0000000000-7e00003ff000 rw-p");
	assert_int_equal(judged(), 0);
	rig_make(NULL);
	change("7e0000001000-7e0000002000 ---p", "7e0000001000-7e0040002000 ---p");
	assert_int_equal(judged(), 0);
	/* A keeper that says nothing of memory has planned none. */
	refused("memory 4194304\n", "", "memory: expected at most 0");
}

/* A shard that split its memory into more lines than the keeper copies. */
static void facts_that_are_too_long_deviate(void **state)
{
	(void)state;
	refused("== end", "7e00000\n== long", "mappings: expected no more than the keeper tells, found more");
	assert_true(rig.d.shard[0].facts.faults > 0);
	/* Only maps can be. */
	rig_make(NULL);
	change("== maps", "== long");
	judge();
	assert_int_equal(rig.d.shard[0].facts.generation, 0);
}

static uint32_t lines_said(void)
{
	uint32_t count = 0;

	for (const char *at = said; (at = strstr(at, "deviates from")) != NULL; at++)
		count++;
	return count;
}

static void many_deviations_are_few_lines_and_a_count(void **state)
{
	char more[40 * 64] = "";

	(void)state;
	for (int i = 0; i < 40; i++)
		snprintf(more + strlen(more), sizeof(more) - strlen(more),
			 "7e%08x000-7e%08x000 r-xp 00000000 00:00 0 \n", 2 * i, 2 * i + 1);
	strcat(more, "== end");
	rig_make(NULL);
	change("== end", more);
	assert_int_equal(judged(), 40);
	assert_int_equal(lines_said(), 17);
	assert_non_null(strstr(said, "deviates from the plan: 24 times more"));
	/* Judged again, it has had its lines. */
	assert_int_equal(judged(), 40);
	assert_int_equal(lines_said(), 18);
	/* Its successor has its own. */
	assert_int_equal(rig.d.shard[0].deviations_of, 1);
	rig.d.shard[0].deviations_of = 0;
	assert_int_equal(judged(), 40);
	assert_int_equal(lines_said(), 18 + 17);
}

static void memory_that_is_not_planned_deviates(void **state)
{
	(void)state;
	/* Another file of the same name and length. */
	refused("00:01 110 /memfd:region", "00:01 999 /memfd:region", "mapping: expected none");
	refused("00:01 110 /memfd:region", "00:01 999 /memfd:region", "expected rw-s of ");
	refused("00:01 110 /memfd:region", "00:02 110 /memfd:region", "mapping: expected none");
	refused("rw-s 00000000 00:01 110", "r--s 00000000 00:01 110", "mapping of region");
	refused("rw-s 00000000 00:01 110", "rw-p 00000000 00:01 110", "mapping of region");
	refused("rw-s 00000000 00:01 110", "rw-s 00001000 00:01 110", "mapping of region");
	refused("== end", "1000-2000 rw-s 00000000 00:01 110 /memfd:region-0\n== end", "besides");
	refused("== end", "1000-2000 rw-s 0 00:01 9 /dev/zero (deleted)\n== end", "/dev/zero");
	refused("== end", "1000-2000 rw-p 0 00:05 9 /dev/mem\n== end", "/dev/mem");
	/* The eventfds' file is that of everything else that has no name. */
	refused("== end", "1000-2000 rw-s 0 00:01 104 anon_inode:[io_uring]\n== end", "io_uring");
	refused("== end", "1000-2000 nonsense\n== end", "lines that parse");
}

static void executable_memory_is_the_images_alone(void **state)
{
	(void)state;
	refused("== end", "1000-2000 r-xp 00000000 00:00 0 \n== end", "executable memory");
	refused("== end", "1000-2000 r-xp 00000000 00:00 0 [anon:[vdso]]\n== end", "executable memory");
	refused("r--p 00000000 00:01 103", "r-xp 00000000 00:01 103", "executable memory");
	refused("rw-p 00002000", "rwxp 00002000", "never writable and executable");
	refused("r--p 00000000 00:01 103", "rw-p 00000000 00:01 103", "mapping: expected none");
}

static void an_identity_that_is_not_its_own_deviates(void **state)
{
	(void)state;
	refused("Uid:\t1979711490", "Uid:\t0", "uid: expected 1979711490, found 0 1979711490");
	refused("\t1979711490\nGid", "\t0\nGid", "uid: expected 1979711490");
	refused("Gid:\t1979711490", "Gid:\t5", "gid: expected 1979711490");
	refused("Groups:\t ", "Groups:\t27 ", "groups");
	refused("CapBnd:\t0", "CapBnd:\t1", "capabilities: expected none in any set, found 0x1");
	refused("CapInh:\t0", "CapInh:\t200000", "0x200000");
	refused("CapAmb:\t0", "CapAmb:\t2", "0x2");
	refused("NoNewPrivs:\t1", "NoNewPrivs:\t0", "no_new_privs");
	refused("Threads:\t1", "Threads:\t2", "threads: expected 1, found 2");
	refused("uid 1979711490\n", "", "uid: expected 0"); /* with --dev: the keeper's */
}

static void filters_are_two_more_than_the_keepers(void **state)
{
	(void)state;
	refused("Seccomp:\t2", "Seccomp:\t0", "seccomp mode: expected 2, found 0");
	refused("Seccomp_filters:\t3", "Seccomp_filters:\t2", "filters: expected 3, found 2");
	refused("Seccomp_filters:\t3", "Seccomp_filters:\t4", "filters: expected 3, found 4");
}

static void a_namespace_that_is_not_its_own_deviates(void **state)
{
	(void)state;
	refused("net net:[11] ", "net net:[1] ", "net namespace: expected one of its own");
	refused("net net:[11] ", "net net:[99] ", "net namespace: expected net:[11], found net:[99]");
	refused("mnt mnt:[15] ", "mnt ? ", "mnt namespace");
	refused("pid pid:[16] ", "pid pid:[6] ", "pid namespace: expected one of its own");
	refused("user user:[7] ", "user user:[8] ", "user namespace: expected user:[7]");
	/* And what another living shard has. */
	rig_make(NULL);
	rig.d.shard[1].alive = rig.d.shard[1].facts.generation = 4;
	rig.d.shard[1].facts.ns[2] = 13;
	assert_true(judged() > 0);
	assert_non_null(strstr(said, "uts namespace: expected one of its own, found that of shard other"));
}

/* Its own core, or those that are shared: what an operator's own tools change is no fault. */
static void other_cores_deviate_and_are_no_fault(void **state)
{
	(void)state;
	refused("list:\t0-1", "list:\t0", "cores: expected 0-1, found 0");
	assert_int_equal(rig.d.shard[0].facts.faults, 0);
	refused("list:\t0-1", "list:\t0-2,64-65,1023", "cores: expected 0-1, found 0-2,64-65,1023");
	refused("cores 3 0", "core 1", "cores: expected 1, found 0-1");
	rig_make(NULL);
	change("cores 3 0", "what 3 0"); /* with --dev */
	assert_int_equal(judged(), 0);
}

static void a_deviation_is_a_fault_of_a_shard_that_runs(void **state)
{
	(void)state;
	rig_make(NULL);
	rig.d.life.shard[0].phase = LIFE_RUNNING;
	assert_int_equal(judged(), 0);
	assert_int_equal(rig.d.life.shard[0].asked_end, LIFE_FAULT_NONE);
	change("CapEff:\t0", "CapEff:\t1");
	assert_int_equal(judged(), 1);
	assert_int_equal(rig.d.life.shard[0].asked_end, LIFE_FAULT_DEVIATES);
}

/* Nobody knows what it has: not taken for something that was looked at. */
static void facts_that_are_cut_short_or_mixed_up_are_none(void **state)
{
	static const char *const cut[] = { "== end\n", "== maps\n", "== ns\n", "== planned\n" };
	char *at;

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		rig_make(NULL);
		at = strstr(rig.text, cut[i]);
		*at = '\0';
		judge();
		assert_int_equal(rig.d.shard[0].facts.generation, 0);
	}
	rig_make(NULL);
	change("5 0 1 105\n", "");
	judge();
	assert_int_equal(rig.d.shard[0].facts.generation, 0);
	rig_make(NULL);
	change("== end", "== maps\n== end");
	judge();
	assert_int_equal(rig.d.shard[0].facts.generation, 0);
	/* And those of a shard whose device was bound anew: the keeper's are its successor's. */
	rig_make(NULL);
	rig.d.device[0].stale = 1;
	judge();
	assert_int_equal(rig.d.shard[0].facts.generation, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_honest_shard_with_devices_deviates_in_nothing, rig_make),
		cmocka_unit_test_setup(a_capture_may_have_been_moved_or_removed, rig_make),
		cmocka_unit_test(a_ring_elsewhere_longer_or_missing_deviates),
		cmocka_unit_test(a_descriptor_that_is_another_file_deviates),
		cmocka_unit_test(a_descriptor_too_many_or_too_few_deviates),
		cmocka_unit_test_setup(more_memory_without_a_file_than_planned_deviates, rig_make),
		cmocka_unit_test_setup(facts_that_are_too_long_deviate, rig_make),
		cmocka_unit_test(many_deviations_are_few_lines_and_a_count),
		cmocka_unit_test(memory_that_is_not_planned_deviates),
		cmocka_unit_test(executable_memory_is_the_images_alone),
		cmocka_unit_test(an_identity_that_is_not_its_own_deviates),
		cmocka_unit_test(filters_are_two_more_than_the_keepers),
		cmocka_unit_test(a_namespace_that_is_not_its_own_deviates),
		cmocka_unit_test(other_cores_deviate_and_are_no_fault),
		cmocka_unit_test(a_deviation_is_a_fault_of_a_shard_that_runs),
		cmocka_unit_test(facts_that_are_cut_short_or_mixed_up_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
