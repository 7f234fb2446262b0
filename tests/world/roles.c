/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles: everybody asks for everything, and gets what his role may.
 *
 *      roles VANITYD TOPOLOGY NAME        as root; 77 elsewhere
 *
 * Groups `vanity` and `vanity-ops` are made in a copy of /etc/group that only this process and its
 * children see. Each role is a child with its uid and groups; each verb is that of the daemon's own
 * list. First as the socket is, then open for all: what its mode holds off, the daemon must refuse.
 * Every refusal of the daemon's must be a line of the log. Prints the matrix.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "control_verbs.h"
#include "exit.h"
#include "paths.h"

#include "system.h"

#define SKIPPED 77
#define GID_READ 64001u
#define GID_ACT 64002u
#define GID_OTHER 64003u
#define UNREACHED 13 /* the socket could not even be opened */

static const struct role {
	const char *name;
	uid_t uid;
	gid_t gid, group[3];
	int groups;
	uint32_t rights; /* what the daemon gives who reaches it */
	int reaches; /* through the socket's mode */
} role_list[] = {
	{ "anybody", 64010, GID_OTHER, { 0 }, 0, 0, 0 },
	{ "anybody, in group 0", 64010, 0, { 0, GID_OTHER }, 2, 0, 0 },
	{ "group vanity", 64011, GID_OTHER, { GID_OTHER, GID_READ }, 2, CONTROL_READ, 1 },
	{ "group vanity, as his own", 64012, GID_READ, { 0 }, 0, CONTROL_READ, 1 },
	{ "group vanity-ops alone", 64013, GID_OTHER, { GID_ACT }, 1, CONTROL_READ | CONTROL_ACT, 0 },
	{ "groups vanity and vanity-ops", 64014, GID_OTHER, { GID_READ, GID_ACT }, 2,
	  CONTROL_READ | CONTROL_ACT, 1 },
	{ "another system's vanityd", 0x760100ff, 0x760100ff, { 0 }, 0, 0, 0 },
	{ "root", 0, 0, { 0 }, 0, CONTROL_READ | CONTROL_ACT, 1 },
};
#define ROLES (sizeof(role_list) / sizeof(role_list[0]))

static const struct {
	const char *name;
	uint32_t right;
} verb_list[] = {
#define ROW(name, right) { #name, right },
	CONTROL_VERBS(ROW)
#undef ROW
	{ "nonsense", 0 }, /* nobody's */
};
#define VERBS (sizeof(verb_list) / sizeof(verb_list[0]))

static int failures, refusals;
static struct system s;

static void be(const struct role *r)
{
	if (setgroups((size_t)r->groups, r->group) != 0 || setresgid(r->gid, r->gid, r->gid) != 0 ||
	    setresuid(r->uid, r->uid, r->uid) != 0)
		_exit(99);
}

/* In a child: the exit code of the answer. */
static int ask_as(const struct role *r, const char *verb)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		json_t *request, *answer = NULL;
		int fd;

		be(r);
		fd = control_connect(s.control);
		if (fd == -EACCES)
			_exit(UNREACHED);
		request = json_pack("{s:s,s:s,s:i}", "verb", verb, "shard", "other", "generation", 1);
		if (strcmp(verb, "item") == 0) /* one that handles items */
			json_object_set_new(request, "shard", json_string("sink"));
		if (fd < 0 || control_ask(fd, request, -1, 20000, &answer) != 0)
			_exit(98);
		_exit(control_exit(answer));
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

static int expected(const struct role *r, size_t verb, int open)
{
	if (!r->reaches && !open)
		return UNREACHED;
	if (r->rights == 0)
		return EXIT_DENIED;
	if (verb_list[verb].right == 0)
		return EXIT_USAGE;
	return (r->rights & verb_list[verb].right) != 0 ? EXIT_OK : EXIT_DENIED;
}

static const char *words(int code)
{
	switch (code) {
	case EXIT_OK:
		return "yes";
	case EXIT_DENIED:
		return "denied";
	case EXIT_USAGE:
		return "no such";
	case UNREACHED:
		return "-";
	default:
		return "?";
	}
}

/* A copy with our groups in it, over the real one, for us and our children alone. */
static int groups_make(void)
{
	char path[] = "/tmp/vanity-roles-XXXXXX", line[4096];
	int fd = mkstemp(path), error;
	FILE *in = fopen("/etc/group", "r");

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	while (in != NULL && fgets(line, sizeof(line), in) != NULL)
		if (strncmp(line, "vanity", 6) != 0)
			dprintf(fd, "%s", line);
	dprintf(fd, "vanity:x:%u:\nvanity-ops:x:%u:\n", GID_READ, GID_ACT);
	fchmod(fd, 0644);
	close(fd);
	if (in != NULL)
		fclose(in);
	error = mount(path, "/etc/group", NULL, MS_BIND, NULL);
	unlink(path);
	return error;
}

static void begin(char **argv, int open)
{
	struct stat st;

	if (system_run(&s, argv[1], argv[2], argv[3], 0) != 0)
		exit(1);
	if (stat(s.control, &st) != 0 || (st.st_mode & 07777) != 0660 || st.st_uid != 0 ||
	    st.st_gid != GID_READ) {
		printf("FAILED  the socket is %u:%u, mode %o\n", st.st_uid, st.st_gid, st.st_mode & 07777);
		failures++;
	}
	if (open)
		chmod(s.control, 0666);
	refusals = 0;
}

/* As many as there were, in the file: the daemon's own memory of lines is shorter. */
static void refusals_are_logged(void)
{
	char path[PATHS_BYTES + 16], line[512];
	int found = 0;
	FILE *f;

	paths_runtime(s.name, path);
	strcat(path, "/log");
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		found += strstr(line, " refused uid ") != NULL;
	if (f != NULL)
		fclose(f);
	if (found != refusals) {
		printf("FAILED  %d refusals, %d lines in the log\n", refusals, found);
		failures++;
	}
}

static void role_try(char **argv, const struct role *r, int open)
{
	printf("| %-28s |", r->name);
	for (size_t v = 0; v < VERBS; v++) {
		int code = ask_as(r, verb_list[v].name), want = expected(r, v, open);

		printf(" %s |", words(code));
		refusals += code == EXIT_DENIED || code == EXIT_USAGE;
		if (code != want) {
			printf("\nFAILED  %s, %s: %d, expected %d\n", r->name, verb_list[v].name, code, want);
			failures++;
		}
		if (strcmp(verb_list[v].name, "stop") != 0 || code != EXIT_OK)
			continue;
		(void)system_end(&s);
		begin(argv, open);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: roles VANITYD TOPOLOGY NAME\n");
		return 2;
	}
	if (geteuid() != 0 || groups_make() != 0) {
		printf("SKIP: clients of other users and groups are made by root, in a mount namespace\n");
		return SKIPPED;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int open = 0; open < 2; open++) {
		begin(argv, open);
		printf("\n%s\n| %-28s |", open ? "the socket open for all" : "the socket as it is", "");
		for (size_t v = 0; v < VERBS; v++)
			printf(" %s |", verb_list[v].name);
		printf("\n");
		/* Who may stop it last: each of them begins another, with an empty log. */
		for (size_t i = 0; i < ROLES; i++) {
			if ((role_list[i].rights & CONTROL_ACT) != 0)
				refusals_are_logged();
			role_try(argv, &role_list[i], open);
		}
		refusals_are_logged();
		(void)system_end(&s);
	}
	return failures != 0;
}
