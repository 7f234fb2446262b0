/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c: the table of checks. Figures are those of docs/performance.md, "What the doctor asks
 * for". */
#include "doctor.h"

#include <stdlib.h>

#include "exit.h"

const struct doctor_check doctor_checks[] = {
	{ "cores",
	  "a polling shard takes all of its core; keeper and vanityd need one that is not taken",
	  check_cores },
	{ "isolation",
	  "beside one busy process on its core a spinning loop lost 58 to 69 % of its time, in pieces of "
	  "10 to 15 ms (p99)",
	  check_isolation },
	{ "tick",
	  "the kernel takes the core each tick, 250 times a second at HZ 250; the median gap in a "
	  "spinning loop was 17 to 29 us",
	  check_tick },
	{ "rcu",
	  "freeing what others gave up runs behind the tick and makes its gap longer; no figure of it alone",
	  check_rcu },
	{ "interrupts",
	  "each takes the core from its shard, and what it wakes runs there: a gap like the tick's, 17 to "
	  "29 us (median), whenever a device likes",
	  check_interrupts },
	{ "workqueues",
	  "a worker is one busy process more on that core, see isolation: pieces of 10 to 15 ms",
	  check_workqueues },
	{ "upkeep",
	  "work of the kernel on every core, at its own period: a gap like the tick's each time",
	  check_upkeep },
	{ "siblings",
	  "two threads of one core share its caches and units, and can tell each other's pace; no figure: "
	  "the machine of docs/performance.md has none",
	  check_siblings },
	{ "governor",
	  "a core that slows down when it thinks it may needs time to be fast again; no figure: the machine "
	  "of docs/performance.md leaves it to its host",
	  check_governor },
	{ "clock", "a look at the clock took 27 ns, and 251 ns when it had to ask the kernel",
	  check_clock },
	{ "waits",
	  "a wake by the kernel takes 15 to 46 us from core to core, and the end of a doze 0.1 us: a shard "
	  "on a core of its own spins for as long as a wake costs before it sleeps",
	  check_waits },
	{ "jitter",
	  "1,024 slots hold 69 us of the smallest packets at 10 Gbit/s (14.88 Mpps): a longer gap fills "
	  "the channel before it",
	  check_jitter },
	{ "huge pages",
	  "random reads of 128 MiB took 1.05 to 1.62 times as long in small pages; a page touched for the "
	  "first time took 2.9 us, later 17 ns",
	  check_huge_pages },
	{ "locked memory",
	  "what was swapped out comes back at a disk's pace; what is present takes 17 ns to touch",
	  check_locked_memory },
	{ "kernel",
	  "regions are populated before use (MADV_POPULATE_WRITE, Linux 5.14): a polling shard had 0 page "
	  "faults in 5 s",
	  check_kernel },
	{ "namespaces",
	  "steps 3 and 4 of the 14 in docs/isolation.md: no network, no file, no process to see",
	  check_namespaces },
	{ "user namespaces", "--dev, without root, takes steps 3 and 4 of docs/isolation.md in one",
	  check_user_namespaces },
	{ "seccomp",
	  "step 13 of the 14 in docs/isolation.md, and what vanity_ready adds: of all system calls 5 remain",
	  check_seccomp },
	{ "landlock",
	  "step 11 of the 14 in docs/isolation.md: a leaked descriptor of a folder opens nothing",
	  check_landlock },
	{ "memfd",
	  "what was read and checked at start is what runs: images are executed from sealed memfds",
	  check_memfd },
	{ "xdp",
	  "without it no queue of a network interface reaches a shard past the kernel's stack",
	  check_xdp },
	{ "tuntap", "without it no packets go between a shard and this kernel's stack",
	  check_tuntap },
	{ "iommu", "without it a device that a shard drives itself could write any memory",
	  check_iommu },
	{ "side channels",
	  "shards of several trust labels share caches and predictors; a polling shard makes 0 system "
	  "calls in 5 s, so mitigations at the kernel's door cost it nothing",
	  check_side_channels },
	{ NULL, NULL, NULL },
};

_Static_assert(sizeof(doctor_checks) / sizeof(doctor_checks[0]) <= DOCTOR_FINDINGS_MAX, "room");

/* The shards' own cores; without a topology, all that could be. */
static void cores_find(struct doctor *d)
{
	char text[DOCTOR_FILE_BYTES];

	look_text(d, "/sys/devices/system/cpu/online", text);
	cores_parse_list(text, &d->online);
	if (d->plan == NULL) {
		struct doctor_cores first = { { 0 } };

		for (uint32_t i = 0; i < DOCTOR_CORES_MAX && cores_count(&first) == 0; i++)
			if (cores_has(&d->online, i))
				cores_add(&first, i);
		d->wanted = cores_without(&d->online, &first);
		return;
	}
	for (uint32_t i = 0; i < d->plan->shard_count; i++)
		if (!d->plan->shard[i].shared)
			cores_add(&d->wanted, d->plan->shard[i].core);
}

int doctor_examine(struct doctor *d)
{
	d->change = calloc(DOCTOR_CHANGES_MAX, sizeof(*d->change));
	if (d->change == NULL)
		return -1;
	cores_find(d);
	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		doctor_checks[i].look(d, &d->finding[i]);
	return 0;
}

void doctor_free(struct doctor *d)
{
	free(d->change);
	d->change = NULL;
}

int doctor_exit(const struct doctor *d)
{
	for (uint32_t i = 0; doctor_checks[i].name != NULL; i++)
		if (d->finding[i].verdict == DOCTOR_REFUSED)
			return EXIT_MACHINE;
	return EXIT_OK;
}

/* --- the next boot ------------------------------------------------------------------------- */

/* Huge pages of the size the plan uses, wherever they are wanted. */
static unsigned long huge_pages(const struct plan *plan)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < plan->region_count; i++)
		if (plan->region[i].page_bytes == plan->host.huge_page_bytes)
			bytes += plan->region[i].bytes;
	return plan->host.huge_page_bytes != 0 ? (unsigned long)(bytes / plan->host.huge_page_bytes)
					       : 0;
}

void doctor_boot(const struct doctor *d, char *ret, size_t room)
{
	struct doctor_cores rest = cores_without(&d->online, &d->wanted);
	char list[DOCTOR_MASK_BYTES], others[2 * DOCTOR_MASK_BYTES];
	unsigned long pages = d->plan != NULL ? huge_pages(d->plan) : 0;

	ret[0] = '\0';
	if (cores_count(&d->wanted) != 0) {
		cores_list(&d->wanted, list, sizeof(list));
		say(ret, room, "isolcpus=managed_irq,domain,%s nohz_full=%s rcu_nocbs=%s", list,
		    list, list);
		if (cores_count(&rest) != 0)
			say(ret, room, " irqaffinity=%s",
			    cores_list(&rest, others, sizeof(others)));
		say(ret, room, " nmi_watchdog=0");
	}
	if (pages != 0)
		say(ret, room, "%shugepagesz=%uM hugepages=%lu", ret[0] != '\0' ? " " : "",
		    d->plan->host.huge_page_bytes >> 20, pages);
}
