/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "setup_cores.h"

#define ALL_KNOBS ((1u << KNOB_KINDS) - 1u)
#define SPACE 777u
#define THREAD 45 /* may run anywhere */

/* A machine of four cores: a copy of the files, and of one kernel thread's affinity. */
struct copy {
	char root[64], locks[96];
	int folder;
	struct machine m;
	char why[256];
};

static struct core_set thread_cores; /* of THREAD */
static int thread_error; /* errno of a change */

int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *ret)
{
	assert_int_equal(bytes, sizeof(thread_cores));
	if (pid != THREAD)
		return -1;
	memcpy(ret, &thread_cores, bytes);
	return 0;
}

int sched_setaffinity(pid_t pid, size_t bytes, const cpu_set_t *set)
{
	assert_int_equal(pid, THREAD);
	errno = thread_error;
	if (thread_error != 0)
		return -1;
	memcpy(&thread_cores, set, bytes);
	return 0;
}

static void put(struct copy *c, const char *path, const char *text)
{
	char whole[256];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", c->root, path);
	for (char *at = whole + strlen(c->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		(void)mkdir(whole, 0755);
		*at = '/';
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void check_is(struct copy *c, const char *path, const char *text)
{
	char whole[256], now[512] = "";
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", c->root, path);
	file = fopen(whole, "r");
	if (text == NULL) {
		assert_null(file);
		return;
	}
	assert_non_null(file);
	(void)!fread(now, 1, sizeof(now) - 1, file);
	fclose(file);
	assert_string_equal(now, text);
}

static void links(struct copy *c, unsigned space)
{
	char path[160], to[32];

	snprintf(path, sizeof(path), "%s/proc/self", c->root);
	snprintf(to, sizeof(to), "%d", (int)getpid());
	(void)unlink(path);
	assert_int_equal(symlink(to, path), 0);
	snprintf(path, sizeof(path), "/proc/%d/ns/none", (int)getpid());
	put(c, path, "");
	snprintf(path, sizeof(path), "%s/proc/%d/ns/pid", c->root, (int)getpid());
	snprintf(to, sizeof(to), "pid:[%u]", space);
	(void)unlink(path);
	assert_int_equal(symlink(to, path), 0);
}

/* "PID (NAME) S PPID ...", flags ninth, start time 22nd. */
static void thread(struct copy *c, int pid, const char *name, unsigned flags, unsigned started)
{
	char path[48], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S 2 0 0 0 -1 %u 0 0 0 0 0 0 0 0 20 0 1 0 %u 0 0\n",
		 pid, name, flags, started);
	put(c, path, text);
}

static int copy_new(void **state)
{
	struct copy *c = calloc(1, sizeof(*c));

	snprintf(c->root, sizeof(c->root), "/tmp/vanity-ledger-XXXXXX");
	assert_non_null(mkdtemp(c->root));
	put(c, "/sys/devices/system/cpu/online", "0-3\n");
	put(c, "/proc/irq/default_smp_affinity", "f\n");
	put(c, "/proc/irq/5/smp_affinity", "0000000f\n");
	put(c, "/proc/irq/6/smp_affinity", "1\n");
	put(c, "/proc/irq/7/smp_affinity", "4\n");
	put(c, "/sys/devices/virtual/workqueue/cpumask", "f\n");
	thread(c, THREAD, "khungtaskd", 0x00200040, 30);
	thread(c, 2, "kthreadd", 0x00208040, 1);
	thread(c, 46, "ksoftirqd/1", 0x04208040, 30); /* bound */
	thread(c, 47, "irq/5-x", 0x00208040, 30);
	thread(c, 48, "sshd", 0x00400000, 30); /* not the kernel's */
	links(c, SPACE);
	thread_cores = (struct core_set){ { 0xf } };
	thread_error = 0;
	put(c, "/locks/none", "");
	put(c, "/a/journal", "");
	put(c, "/b/journal", "");
	snprintf(c->locks, sizeof(c->locks), "%s/locks", c->root);
	c->folder = open(c->locks, O_PATH | O_DIRECTORY);
	c->m.root = c->root;
	*state = c;
	return 0;
}

static int copy_free(void **state)
{
	struct copy *c = *state;
	char command[128];

	close(c->folder);
	snprintf(command, sizeof(command), "rm -rf %s", c->root);
	(void)!system(command);
	free(c);
	return 0;
}

static int change(struct copy *c, const char *name, uint64_t cores, uint32_t turned[KNOB_KINDS])
{
	const struct core_set set = { { cores } };
	char run[96];

	snprintf(run, sizeof(run), "%s/%s", c->root, name);
	return ledger_change(&c->m, c->folder, run, cores != 0 ? &set : NULL, ALL_KNOBS, turned,
			     c->why, sizeof(c->why));
}

static void check_untouched(struct copy *c)
{
	check_is(c, "/proc/irq/default_smp_affinity", "f\n");
	check_is(c, "/proc/irq/5/smp_affinity", "0000000f\n");
	check_is(c, "/proc/irq/6/smp_affinity", "1\n");
	check_is(c, "/proc/irq/7/smp_affinity", "4\n");
	check_is(c, "/sys/devices/virtual/workqueue/cpumask", "f\n");
	assert_int_equal(thread_cores.word[0], 0xf);
	check_is(c, "/locks/cores-ledger", NULL);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_claim_sends_away_and_its_end_restores_the_very_bytes(void **state)
{
	struct copy *c = *state;
	uint32_t turned[KNOB_KINDS];

	assert_int_equal(change(c, "a", 0x4, turned), 0);
	check_is(c, "/proc/irq/default_smp_affinity", "b\n");
	check_is(c, "/proc/irq/5/smp_affinity", "b\n");
	check_is(c, "/proc/irq/6/smp_affinity", "1\n");
	check_is(c, "/proc/irq/7/smp_affinity", "b\n"); /* it had that core alone */
	check_is(c, "/sys/devices/virtual/workqueue/cpumask", "b\n");
	assert_int_equal(thread_cores.word[0], 0xb);
	assert_int_equal(turned[KNOB_IRQ], 2);
	assert_int_equal(turned[KNOB_THREAD], 1);
	assert_int_equal(turned[KNOB_WORKQUEUE], 1);
	assert_int_equal(change(c, "a", 0, turned), 0);
	assert_int_equal(turned[KNOB_IRQ], 0);
	check_untouched(c);
}

static void of_two_claims_the_last_to_end_restores_what_the_first_found(void **state)
{
	static const char *const order[2][2] = { { "a", "b" }, { "b", "a" } };
	struct copy *c = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(change(c, "a", 0x4, NULL), 0);
		assert_int_equal(change(c, "b", 0x8, NULL), 0);
		check_is(c, "/proc/irq/5/smp_affinity", "3\n");
		assert_int_equal(change(c, order[i][0], 0, NULL), 0);
		check_is(c, "/proc/irq/5/smp_affinity", i == 0 ? "7\n" : "b\n");
		assert_int_equal(thread_cores.word[0], i == 0 ? 0x7 : 0xb);
		assert_int_equal(change(c, order[i][1], 0, NULL), 0);
		check_untouched(c);
	}
}

static void the_same_claim_twice_is_one(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_untouched(c);
	assert_int_equal(change(c, "a", 0, NULL), 0); /* nor does it matter how often it ends */
}

static void with_all_cores_claimed_nobody_is_sent_anywhere(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0xf, NULL), 0);
	check_is(c, "/proc/irq/5/smp_affinity", "0000000f\n");
	assert_int_equal(thread_cores.word[0], 0xf);
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_untouched(c);
}

static void a_change_cut_short_is_ended_by_the_next(void **state)
{
	struct copy *c = *state;
	char text[256], run[96];

	snprintf(run, sizeof(run), "%s/a", c->root);
	snprintf(text, sizeof(text), "vanity-cores 1\nclaim 4 %s\nirq 5 0 0 0000000f f b\n", run);
	put(c, "/locks/cores-ledger", text); /* stored, and then killed: irq 5 was not turned */
	assert_int_equal(change(c, "b", 0x8, NULL), 0);
	check_is(c, "/proc/irq/5/smp_affinity", "3\n");
	assert_int_equal(change(c, "b", 0, NULL), 0);
	check_is(c, "/proc/irq/5/smp_affinity", "b\n");
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_untouched(c);
}

static void a_restoring_cut_short_is_ended_by_the_next(void **state)
{
	struct copy *c = *state;

	put(c, "/proc/irq/5/smp_affinity", "b\n");
	put(c, "/locks/cores-ledger", "vanity-cores 1\nirq 5 0 0 0000000f b f\n");
	put(c, "/locks/cores-ledger.new", "vanity-cores 1\nirq 5 0 ");
	assert_int_equal(change(c, "nobody", 0, NULL), 0);
	check_is(c, "/locks/cores-ledger.new", NULL);
	check_untouched(c);
}

static void what_somebody_else_turned_since_is_left_alone(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	put(c, "/proc/irq/5/smp_affinity", "1\n");
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_is(c, "/proc/irq/5/smp_affinity", "1\n");
	check_is(c, "/proc/irq/7/smp_affinity", "4\n");
	check_is(c, "/locks/cores-ledger", NULL);
}

static void a_thread_out_of_reach_stays_written_down_until_somebody_reaches_it(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	links(c, SPACE + 1); /* the keeper's own undo, in its pid namespace */
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_is(c, "/proc/irq/5/smp_affinity", "0000000f\n");
	assert_int_equal(thread_cores.word[0], 0xb);
	assert_true(ledger_there(c->folder));
	links(c, SPACE);
	assert_int_equal(change(c, "", 0, NULL), 0);
	check_untouched(c);
}

static void a_thread_with_the_number_of_a_dead_one_is_not_touched(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	thread(c, THREAD, "kswapd0", 0x00200040, 99);
	assert_int_equal(change(c, "a", 0, NULL), 0);
	assert_int_equal(thread_cores.word[0], 0xb);
	check_is(c, "/locks/cores-ledger", NULL);
}

static void what_cannot_be_turned_is_nobodys_to_restore(void **state)
{
	struct copy *c = *state;
	uint32_t turned[KNOB_KINDS];

	thread_error = EPERM;
	assert_int_equal(change(c, "a", 0x4, turned), 0);
	assert_int_equal(turned[KNOB_THREAD], 0);
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_untouched(c);
}

static void what_cannot_be_restored_now_stays_written_down(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	thread_error = EPERM;
	assert_int_equal(change(c, "a", 0, NULL), 1);
	assert_string_equal(c->why, "thread 45: Operation not permitted");
	thread_error = 0;
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_untouched(c);
}

/* As on a full disk: the new ledger cannot be written. */
static void the_last_claim_is_given_back_without_a_new_ledger(void **state)
{
	struct copy *c = *state;

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	assert_int_equal(change(c, "b", 0x2, NULL), 0);
	assert_int_equal(mkdirat(c->folder, "cores-ledger.new", 0700), 0);
	assert_int_equal(change(c, "b", 0, NULL), 1);
	assert_non_null(strstr(c->why, "/cores-ledger: "));
	assert_int_equal(unlinkat(c->folder, "cores-ledger.new", AT_REMOVEDIR), 0);
	assert_int_equal(change(c, "b", 0, NULL), 0);
	assert_int_equal(mkdirat(c->folder, "cores-ledger.new", 0700), 0);
	assert_int_equal(change(c, "a", 0, NULL), 0);
	assert_int_equal(unlinkat(c->folder, "cores-ledger.new", AT_REMOVEDIR), 0);
	check_untouched(c);
}

static void a_claim_whose_journal_is_gone_ends(void **state)
{
	struct copy *c = *state;
	struct core_set claimed;
	char path[96];

	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	ledger_claimed(c->folder, &claimed);
	assert_int_equal(claimed.word[0], 0x4);
	snprintf(path, sizeof(path), "%s/a/journal", c->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(change(c, "", 0, NULL), 0);
	check_untouched(c);
}

static void a_ledger_that_is_not_ours_is_left_alone(void **state)
{
	static const char *const wrong[] = { "", "vanity-cores 2\n",
					     "vanity-cores 1\nirq 5 0 0 f\n",
					     "vanity-cores 1\nclaim x /a\n",
					     "vanity-cores 1\nfan 5 0 0 f f b\n" };
	struct copy *c = *state;

	for (uint32_t i = 1; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put(c, "/locks/cores-ledger", wrong[i]);
		assert_int_equal(change(c, "a", 0x4, NULL), 1);
		check_is(c, "/locks/cores-ledger", wrong[i]);
		check_is(c, "/proc/irq/5/smp_affinity", "0000000f\n");
	}
}

static void a_workqueue_that_the_kernel_keeps_away_itself_is_not_turned(void **state)
{
	struct copy *c = *state;

	put(c, "/sys/devices/virtual/workqueue/cpumask_requested", "f\n");
	put(c, "/sys/devices/virtual/workqueue/cpumask", "b\n");
	assert_int_equal(change(c, "a", 0x4, NULL), 0);
	check_is(c, "/sys/devices/virtual/workqueue/cpumask", "b\n");
	assert_int_equal(change(c, "a", 0, NULL), 0);
	check_is(c, "/sys/devices/virtual/workqueue/cpumask", "b\n");
}

static void cpuset_is_delegated_as_long_as_somebody_has_cores(void **state)
{
	struct copy *c = *state;
	uint32_t turned[KNOB_KINDS];

	snprintf(c->m.cgroup, sizeof(c->m.cgroup), "%s/cgroup", c->root);
	put(c, "/cgroup/cgroup.subtree_control", "memory pids\n");
	assert_int_equal(change(c, "a", 0x4, turned), 0);
	check_is(c, "/cgroup/cgroup.subtree_control", "+cpuset\n"); /* what the kernel is told */
	assert_int_equal(turned[KNOB_DELEGATE], 1);
	put(c, "/cgroup/cgroup.subtree_control", "cpuset memory pids\n");
	assert_int_equal(change(c, "a", 0, turned), 0);
	check_is(c, "/cgroup/cgroup.subtree_control", "-cpuset\n");
	put(c, "/cgroup/cgroup.subtree_control", "cpuset memory pids\n");
	assert_int_equal(change(c, "a", 0x4, turned), 0);
	assert_int_equal(turned[KNOB_DELEGATE], 0);
}

static void a_mount_with_cpuset_is_found_and_one_without_is_not(void **state)
{
	struct copy *c = *state;
	char why[128], expected[128];

	put(c, "/proc/99/mountinfo", "");
	put(c, "/cg/cgroup.controllers", "cpu memory\n");
	put(c, "/proc/self/mountinfo",
	    "20 1 0:5 / /proc rw - proc proc rw\n30 1 0:26 / /cg rw,relatime - cgroup2 none rw\n");
	assert_int_equal(cgroup_find(&c->m, why, sizeof(why)), 1);
	assert_string_equal(why, "cgroup v2 has no cpuset here");
	put(c, "/cg/cgroup.controllers", "cpuset cpu memory\n");
	assert_int_equal(cgroup_find(&c->m, why, sizeof(why)), 0);
	snprintf(expected, sizeof(expected), "%s/cg", c->root);
	assert_string_equal(c->m.cgroup, expected);
	put(c, "/proc/self/mountinfo", "30 1 0:26 /part /cg rw,relatime - cgroup2 none rw\n");
	assert_int_equal(cgroup_find(&c->m, why, sizeof(why)), 1);
	assert_string_equal(why, "no cgroup v2 is mounted");
}

static void a_journal_removes_no_folder_but_a_cgroup_of_ours(void **state)
{
	struct copy *c = *state;
	char line[160], why[128];

	put(c, "/cg/vanity-a/none", "");
	snprintf(line, sizeof(line), "%s/cg/vanity-a/none", c->root);
	(void)unlink(line);
	put(c, "/cg/other/none", "");
	snprintf(line, sizeof(line), "%s/cg/other/none", c->root);
	(void)unlink(line);
	snprintf(line, sizeof(line), "cgroup %s/cg/other", c->root);
	assert_int_equal(cgroup_undo(line, why, sizeof(why)), 0);
	assert_int_equal(access(strchr(line, ' ') + 1, F_OK), 0);
	snprintf(line, sizeof(line), "cgroup %s/cg/vanity-a", c->root);
	assert_int_equal(cgroup_undo(line, why, sizeof(why)), 0);
	assert_int_not_equal(access(strchr(line, ' ') + 1, F_OK), 0);
	assert_int_equal(cgroup_undo(line, why, sizeof(why)), 0);
}

static void somebody_elses_group_is_left_and_an_empty_one_of_ours_is_not(void **state)
{
	struct copy *c = *state;
	char path[128], why[256] = "";

	put(c, "/cg/vanity-a/cgroup.procs", "");
	snprintf(path, sizeof(path), "%s/cg/vanity-a", c->root);
	assert_int_equal(cgroup_make_way(path, why, sizeof(why)), 1);
	assert_non_null(strstr(why, "is there already"));
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/cg/vanity-a/cgroup.procs", c->root);
	assert_int_equal(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(cgroup_make_way(path, why, sizeof(why)), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(cgroup_make_way(path, why, sizeof(why)), 0);
}

static void sets_are_read_and_written_as_the_kernel_does(void **state)
{
	char text[CORE_SET_TEXT];
	struct core_set set;

	(void)state;
	assert_int_equal(core_set_parse("8,00000001\n", &set), 0);
	assert_int_equal(set.word[0], 0x800000001);
	core_set_text(&set, text);
	assert_string_equal(text, "8,00000001");
	assert_int_equal(core_set_parse("00000000,0000000f", &set), 0);
	core_set_text(&set, text);
	assert_string_equal(text, "f");
	assert_int_equal(core_set_parse("", &set), -1);
	assert_int_equal(core_set_parse("\n", &set), -1);
	assert_int_equal(core_set_parse("0x3", &set), -1);
	memset(text, 'f', 257); /* 1,028 cores */
	text[257] = '\0';
	assert_int_equal(core_set_parse(text, &set), -1);
	assert_int_equal(core_set_parse(text + 1, &set), 0);
	assert_int_equal(set.word[15], UINT64_MAX);
}

static void lists_are_read_and_written_as_the_kernel_does(void **state)
{
	struct core_set set;
	char text[64];

	(void)state;
	assert_int_equal(core_list_parse("0-2,7,64\n", &set), 0);
	assert_int_equal(set.word[0], 0x87);
	assert_int_equal(set.word[1], 1);
	core_list_text(&set, text, sizeof(text));
	assert_string_equal(text, "0-2,7,64");
	assert_int_equal(core_list_parse("", &set), 0);
	assert_true(core_set_empty(&set));
	assert_int_equal(core_list_parse("0-1024", &set), -1);
	assert_int_equal(core_list_parse("3-1", &set), -1);
	assert_int_equal(core_list_parse("1;2", &set), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, copy_new, copy_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claim_sends_away_and_its_end_restores_the_very_bytes),
		TEST(of_two_claims_the_last_to_end_restores_what_the_first_found),
		TEST(the_same_claim_twice_is_one),
		TEST(with_all_cores_claimed_nobody_is_sent_anywhere),
		TEST(a_change_cut_short_is_ended_by_the_next),
		TEST(a_restoring_cut_short_is_ended_by_the_next),
		TEST(what_somebody_else_turned_since_is_left_alone),
		TEST(a_thread_out_of_reach_stays_written_down_until_somebody_reaches_it),
		TEST(a_thread_with_the_number_of_a_dead_one_is_not_touched),
		TEST(what_cannot_be_turned_is_nobodys_to_restore),
		TEST(what_cannot_be_restored_now_stays_written_down),
		TEST(the_last_claim_is_given_back_without_a_new_ledger),
		TEST(a_claim_whose_journal_is_gone_ends),
		TEST(a_ledger_that_is_not_ours_is_left_alone),
		TEST(a_workqueue_that_the_kernel_keeps_away_itself_is_not_turned),
		TEST(cpuset_is_delegated_as_long_as_somebody_has_cores),
		TEST(a_mount_with_cpuset_is_found_and_one_without_is_not),
		TEST(a_journal_removes_no_folder_but_a_cgroup_of_ours),
		TEST(somebody_elses_group_is_left_and_an_empty_one_of_ours_is_not),
		cmocka_unit_test(sets_are_read_and_written_as_the_kernel_does),
		cmocka_unit_test(lists_are_read_and_written_as_the_kernel_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
