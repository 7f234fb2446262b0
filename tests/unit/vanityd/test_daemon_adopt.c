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

#include "core/bind.h"
#include "daemon.h"
#include "topology/topology.h"

#define PAGE 4096u
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

static char said[1024];

void daemon_log(struct daemon *d, const char *format, ...)
{
	size_t used = strlen(said);
	va_list list;

	(void)d;
	va_start(list, format);
	vsnprintf(said + used, sizeof(said) - used, format, list);
	va_end(list);
}

uint64_t daemon_now_ns(void)
{
	return 1;
}

int keeper_receive(struct daemon *d)
{
	(void)d;
	return 0;
}

int keeper_send(struct daemon *d, uint32_t verb, uint32_t shard, uint32_t generation)
{
	(void)d, (void)verb, (void)shard, (void)generation;
	return 0;
}

void daemon_look(struct daemon *d)
{
	(void)d;
}

void orders_write(struct daemon *d, uint32_t shard, wire_u64 *word, uint64_t value)
{
	(void)d, (void)shard, (void)word, (void)value;
}

void orders_announce(struct daemon *d)
{
	(void)d;
}

void shard_fold(struct daemon *d, uint32_t shard, uint32_t generation)
{
	(void)d, (void)shard, (void)generation;
}

/* --- an honest shard ----------------------------------------------------------------------- */

static struct rig {
	struct topology topology;
	struct plan plan;
	struct daemon d;
	struct vanity_grant_facts facts;
	struct cell cell;
	char text[TEXT_BYTES];
	size_t used;
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
static void map(uint64_t bytes, const char *rights, uint64_t offset, const char *path)
{
	static uint64_t at = 0x7f0000000000;

	line("%llx-%llx %s %08llx 00:01 77 %s\n", (unsigned long long)at,
	     (unsigned long long)(at + bytes), rights, (unsigned long long)offset, path);
	at += 2 * bytes;
}

static void maps_of(const struct bind *bind)
{
	static const uint64_t ring[VANITY_RINGS] = { 0, 0x80000000, 0x100000000, 0x180000000 };

	line("== maps\n");
	for (uint32_t i = 0; i < bind->region_count; i++) {
		const struct bind_region *r = &bind_regions(bind)[i];
		char path[48];

		snprintf(path, sizeof(path), "/memfd:region-%u (deleted)", r->region);
		map(r->bytes, r->right == PLAN_RW ? "rw-s" : "r--s", 0, path);
	}
	for (uint32_t w = 0; w < VANITY_RINGS; w++)
		map(w == VANITY_RING_RX || w == VANITY_RING_TX ? 0x9000 : 0x2000, "rw-s", ring[w],
		    "socket:[4711]");
	map(PAGE, "r--p", 0, "/memfd:device-0 (deleted)");
	map(PAGE, "r-xp", 0, "/memfd:nic (deleted)");
}

static int rig_make(void **state)
{
	const struct topology_host host = { NULL, conf_read, conf_message };
	const struct plan_host machine = { .page_bytes = PAGE, .ignore_cores = 1 };
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
	rig.facts.kind = VANITY_GRANT_XDP;
	for (uint32_t w = 0; w < VANITY_RINGS; w++) {
		int wide = w == VANITY_RING_RX || w == VANITY_RING_TX;

		rig.facts.ring[w] = (struct vanity_ring_place){ 0, 64, 192, 320, wide ? 2048 : 512,
								wide ? 16 : 8 };
	}
	rig.d.device[0].facts = &rig.facts;

	room = plan_bind_bytes(&rig.plan, 0);
	bind = calloc(1, room);
	assert_true(plan_bind(&rig.plan, 0, rig.d.hz, bind, room) > 0);
	assert_int_equal(bind->grant_fd_count, 3);
	line("== status\nCapPrm:\t0\nCapEff:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	     "Seccomp_filters:\t2\nCpus_allowed_list:\t0-1\n");
	maps_of(bind);
	line("== fd\n4 anon_inode:[eventfd]\n6 anon_inode:[eventfd]\n7 socket:[4711]\n"
	     "8 /dev/net/tun\n9 /var/tmp/out.pcapng\n== end\n");
	free(bind);
	return 0;
}

static uint32_t judged(void)
{
	int fd = memfd_create("facts", MFD_CLOEXEC);

	assert_int_equal(write(fd, rig.text, strlen(rig.text)), (int)strlen(rig.text));
	memset(&rig.d.shard[0].facts, 0, sizeof(rig.d.shard[0].facts));
	facts_take(&rig.d, 0, 1, fd);
	close(fd);
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
	change("9 /var/tmp/out.pcapng", "9 /mnt/tmp/out.pcapng (deleted)");
	assert_int_equal(judged(), 0);
}

static void a_ring_elsewhere_longer_or_missing_deviates(void **state)
{
	(void)state;
	refused("80000000 00:01 77 socket", "70000000 00:01 77 socket", "no ring of it");
	refused("rw-s 180000000 00:01 77 socket:[4711]", "r--s 180000000 00:01 77 socket:[4711]",
		"no ring of it");
	refused("rw-s 180000000 00:01 77 socket:[4711]", "rwxs 180000000 00:01 77 socket:[4711]",
		"no ring of it");
	/* Twice the same: one too many, and another one missing. */
	refused("rw-s 180000000 00:01 77 socket", "rw-s 100000000 00:01 77 socket", "not every ring");
	refused("rw-s 180000000 00:01 77 socket:[4711]", "rw-p 180000000 00:01 77 ", "not every ring");
}

static void a_descriptor_at_anothers_number_deviates(void **state)
{
	(void)state;
	refused("7 socket:[4711]\n8 /dev/net/tun", "7 /dev/net/tun\n8 socket:[4711]", "descriptor 7");
	refused("\n7 socket:[4711]", "\n7 anon_inode:[eventfd]", "descriptor 7");
	refused("\n4 anon_inode:[eventfd]", "\n4 socket:[4711]", "descriptor 4");
	refused("8 /dev/net/tun", "8 /dev/mem", "descriptor 8");
	refused("9 /var/tmp/out.pcapng", "9 /etc/shadow", "descriptor 9");
	refused("9 /var/tmp/out.pcapng", "9 /var/tmp/out.pcapng/shadow", "descriptor 9");
	refused("9 /var/tmp/out.pcapng", "9 /var/tmp/out.pcapngs", "descriptor 9");
}

static void a_descriptor_too_many_or_too_few_deviates(void **state)
{
	(void)state;
	refused("== end", "10 anon_inode:[eventfd]\n== end", "descriptor 10");
	refused("9 /var/tmp/out.pcapng\n", "", "4 descriptors, planned are 5");
}

static void memory_that_is_no_region_of_it_deviates(void **state)
{
	(void)state;
	refused("/memfd:region-0 ", "/memfd:region-99 ", "that no region of it has");
	refused("/memfd:nic (deleted)", "/memfd:nic\n7fff00000000-7fff00001000 rw-s 0 00:01 9 /x",
		"that no region of it has");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_honest_shard_with_devices_deviates_in_nothing, rig_make),
		cmocka_unit_test_setup(a_capture_may_have_been_moved_or_removed, rig_make),
		cmocka_unit_test(a_ring_elsewhere_longer_or_missing_deviates),
		cmocka_unit_test(a_descriptor_at_anothers_number_deviates),
		cmocka_unit_test(a_descriptor_too_many_or_too_few_deviates),
		cmocka_unit_test(memory_that_is_no_region_of_it_deviates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
