/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swaps.c: whatever root reads is exchanged as fast as can be, while root reads it.
 *
 * A racer turns a name into root's own file, a file of somebody else, one that others may write, a
 * link to one of root's, and back; and the folder on the way to it into a link and back. Root
 * takes it ten thousand times, as `start` does: the topology, what it includes, a program, a config,
 * a capture. Each time it must be refused, or be root's own file to the last byte.
 *
 *      swaps [TRIES]        as root; 77 without
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exit.h"
#include "load.h"
#include "netdev/run.h"
#include "setup_private.h"

#define TRIES 10000u
#define SOMEBODY 65534u
#define RENAME_EXCHANGE_FLAG 2u /* linux/fs.h */
#define OURS "ours"
#define FOREIGN "evil" /* as long: nothing is told from its size */

static const char top[] = "vanity = 1\nsystem = swaps\ninclude \"sub/part\"\n";
static const char part[] = "shard a { program = %s, cores = shared }\n";

static char folder[64];
static struct plan plan;
static uint8_t digest[32];

static const char *in(const char *name)
{
	static char path[4][160];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "swaps: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(const char *name, const char *text, unsigned owner, mode_t mode)
{
	FILE *f;

	unlink(in(name)); /* it may be another name of another file */
	f = fopen(in(name), "we");
	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(in(name), mode) != 0 ||
	    chown(in(name), owner, owner) != 0)
		die(in(name));
}

/* --- the racer ------------------------------------------------------------------------------- */

/* Each is a name for the same file for ever; what is renamed over "sub/part" is another link. */
static const char *const states[] = { "good", "foreign", "writable", "good", "link", "good" };
#define STATES (sizeof(states) / sizeof(states[0]))

__attribute__((noreturn)) static void race(const char *name)
{
	for (unsigned n = 0;; n++) {
		/* One name more, and moved at once over the one that is read. */
		if (linkat(AT_FDCWD, in(states[n % STATES]), AT_FDCWD, in("next"), 0) != 0)
			_exit(1);
		if (rename(in("next"), in(name)) != 0)
			_exit(1);
		unlink(in("next")); /* rename() of two names of one file does nothing */
		if (n % 4 == 3)
			syscall(SYS_renameat2, AT_FDCWD, in("sub"), AT_FDCWD, in("elsewhere"),
				RENAME_EXCHANGE_FLAG);
	}
}

/* "sub" is a folder of root's; "elsewhere" a link to "other", where the same name is root's, too. */
static void lay(const char *good, const char *evil)
{
	struct stat st;

	/* As the last racer left it, who was ended anywhere. */
	unlink(in("next"));
	if (lstat(in("sub"), &st) == 0 && S_ISLNK(st.st_mode))
		syscall(SYS_renameat2, AT_FDCWD, in("sub"), AT_FDCWD, in("elsewhere"),
			RENAME_EXCHANGE_FLAG);
	put("good", good, 0, 0644);
	put("foreign", evil, SOMEBODY, 0644);
	put("writable", evil, 0, 0666);
	put("secret", evil, 0, 0600);
	unlink(in("link"));
	if (symlink("../secret", in("link")) != 0)
		die("symlink");
	unlink(in("sub/part"));
	if (link(in("good"), in("sub/part")) != 0)
		die("link");
	put("other/part", evil, 0, 0644);
}

/* --- what root takes ------------------------------------------------------------------------- */

static struct setup_result result;
static const struct setup_options options;
static struct setup setup = { .plan = &plan, .options = &options, .result = &result, .run_fd = -1,
			      .lock_fd = -1, .programs_fd = -1, .journal_fd = -1,
			      .hugepages_fd = -1 };

static int holds(int fd, const char *text)
{
	char read_text[256];
	ssize_t n = pread(fd, read_text, sizeof(read_text), 0);

	return n == (ssize_t)strlen(text) && memcmp(read_text, text, (size_t)n) == 0;
}

/* Each returns 1: taken, and ours; 0: refused; -1: taken, and not ours. */
static int take_topology(void)
{
	static struct plan other;
	static const struct plan_host host = { .page_bytes = 4096, .cores = 1 };

	if (load_plan(in("top.conf"), &host, LOAD_ROOT_ONLY | LOAD_QUIET, &other) != EXIT_OK)
		return 0;
	return memcmp(other.digest, digest, sizeof(digest)) == 0 ? 1 : -1;
}

static int take_setup(int (*run)(struct setup *s), int number)
{
	int error, ours;

	result.exit_code = 0;
	error = run(&setup);
	if (setup.programs_fd >= 0)
		close(setup.programs_fd);
	setup.programs_fd = -1;
	if (error != 0)
		return 0;
	/* A program can be executed and not be read by its name; root can, through the descriptor. */
	ours = holds(number, OURS) ? 1 : -1;
	close(number);
	return ours;
}

static int take_program(void)
{
	return take_setup(setup_images, keeper_fd_shard(&plan, 0) + KEEPER_SHARD_IMAGE);
}

static int take_config(void)
{
	return take_setup(setup_configs, keeper_fd_shard(&plan, 0) + KEEPER_SHARD_CONFIG);
}

/* vanity-netdev's two, of main.c there. */
int run_fail(struct run *r, const struct bound *b, int error, const char *remedy,
	     const char *format, ...)
{
	(void)r, (void)b, (void)error, (void)remedy, (void)format;
	return -1;
}

void bound_note(struct bound *b, const char *format, ...)
{
	(void)b, (void)format;
}

static int take_capture(void)
{
	static struct plan_device device = { .kind = VANITY_GRANT_PCAP };
	static struct run run;
	int error, ours;

	snprintf(device.read, sizeof(device.read), "%s", in("sub/part"));
	run = (struct run){ .plan = &plan, .count = 1 };
	run.bound[0] = (struct bound){ .plan = &device, .keep = -1, .link = -1, .data_fd = -1 };
	error = pcap_bind(&run);
	ours = error != 0 ? 0 : holds(run.bound[0].data_fd, OURS) ? 1 : -1;
	if (run.bound[0].data_fd >= 0)
		close(run.bound[0].data_fd);
	return ours;
}

/* --- one of them ----------------------------------------------------------------------------- */

static int contest(const char *what, const char *name, int (*take)(void), unsigned tries)
{
	unsigned count[3] = { 0 };
	pid_t racer = fork();
	int status;

	if (racer == 0)
		race(name);
	for (unsigned i = 0; i < tries; i++)
		count[take() + 1]++;
	if (waitpid(racer, &status, WNOHANG) != 0)
		die("the racer gave up");
	kill(racer, SIGKILL);
	waitpid(racer, &status, 0);
	printf("%-9s %6u tries: %6u taken, %6u refused, %u taken that were not root's own\n", what,
	       tries, count[2], count[1], count[0]);
	if (count[1] == 0 || count[2] == 0)
		printf("          and nothing was won: no race\n");
	return count[0] != 0 || count[1] == 0 || count[2] == 0;
}

/* What the topology is, as long as nobody exchanges anything. */
static void learn(void)
{
	static const struct plan_host host = { .page_bytes = 4096, .cores = 1 };

	if (load_plan(in("top.conf"), &host, LOAD_ROOT_ONLY, &plan) != EXIT_OK)
		exit(1);
	memcpy(digest, plan.digest, sizeof(digest));
}

static void prepare(void)
{
	struct rlimit room = { 4096, 4096 };
	char good[128];

	setrlimit(RLIMIT_NOFILE, &room);
	snprintf(folder, sizeof(folder), "/tmp/vanity-swaps-XXXXXX");
	if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0 || mkdir(in("sub"), 0755) != 0 ||
	    mkdir(in("other"), 0755) != 0 || symlink("other", in("elsewhere")) != 0)
		die(folder);
	put("top.conf", top, 0, 0644);
	snprintf(good, sizeof(good), part, OURS);
	put("sub/part", good, 0, 0644);
	learn();
}

int main(int argc, char **argv)
{
	unsigned tries = argc > 1 ? (unsigned)atoi(argv[1]) : TRIES;
	char good[128], evil[128], command[96];
	int failed = 0;

	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	prepare();
	snprintf(good, sizeof(good), part, OURS);
	snprintf(evil, sizeof(evil), part, FOREIGN);
	lay(good, evil);
	failed |= contest("include", "sub/part", take_topology, tries);
	lay(OURS, FOREIGN);
	snprintf(result.programs, sizeof(result.programs), "%s", folder);
	snprintf(plan.shard[0].program, sizeof(plan.shard[0].program), "sub/part");
	failed |= contest("program", "sub/part", take_program, tries);
	snprintf(plan.shard[0].config, sizeof(plan.shard[0].config), "%s", in("sub/part"));
	lay(OURS, FOREIGN);
	failed |= contest("config", "sub/part", take_config, tries);
	lay(OURS, FOREIGN);
	failed |= contest("capture", "sub/part", take_capture, tries);
	/* The topology itself: without the include, and with nothing but a name to exchange. */
	lay("vanity = 1\nsystem = swaps\nshard a { program = " OURS ", cores = shared }\n",
	    "vanity = 1\nsystem = swaps\nshard a { program = " FOREIGN ", cores = shared }\n");
	unlink(in("top.conf"));
	if (link(in("good"), in("top.conf")) != 0)
		die("top.conf");
	learn();
	failed |= contest("topology", "top.conf", take_topology, tries);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? failed : 1;
}
