/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_sandbox.c: what the walls between shards are made of, and whether it is here. */
#include "doctor.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u
#define LANDLOCK_VERSION 1u /* linux/landlock.h, LANDLOCK_CREATE_RULESET_VERSION */
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID)

/* --- kernel -------------------------------------------------------------------------------- */

void check_kernel(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES];
	unsigned major = 0, minor = 0;

	if (look_text(d, "/proc/sys/kernel/osrelease", text) != 0 ||
	    sscanf(text, "%u.%u", &major, &minor) != 2) {
		EVIDENCE(f, "the kernel does not say its version");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, "Linux %.60s", text);
	if (major > 5 || (major == 5 && minor >= 14))
		return;
	FIX(f, "Linux 5.14 or later");
	look_judge(f, DOCTOR_REFUSED);
	look_can(d, CAN_ROOT, 0, "the kernel is too old");
	look_can(d, CAN_DEV, 0, "the kernel is too old");
}

/* --- namespaces ---------------------------------------------------------------------------- */

/* Tries it in a child that does nothing else. Return: 0, or the errno. */
static int unshare_try(unsigned flags, int as_nobody)
{
	int status = 0;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child == 0) {
		if (as_nobody && (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
				  setresuid(NOBODY, NOBODY, NOBODY) != 0))
			_exit(errno);
		_exit(unshare((int)flags) == 0 ? 0 : errno);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static const char *missing_namespace(const struct doctor *d)
{
	static const char *const kinds[] = { "net", "pid", "mnt", "ipc", "uts", "cgroup", "user" };
	char path[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (!look_is_there(d, path))
			return kinds[i];
	}
	return NULL;
}

void check_namespaces(struct doctor *d, struct doctor_finding *f)
{
	const char *missing = missing_namespace(d);
	int error = 0, tried = 0;

	if (missing != NULL && strcmp(missing, "user") != 0) {
		EVIDENCE(f, "this kernel has no %s namespaces", missing);
		FIX(f, "a kernel with CONFIG_NAMESPACES and all of its kinds");
		look_judge(f, d->live ? DOCTOR_REFUSED : DOCTOR_UNJUDGED);
		look_can(d, CAN_ROOT, 0, "no %s namespaces", missing);
		look_can(d, CAN_DEV, 0, "no %s namespaces", missing);
		return;
	}
	EVIDENCE(f, "net, pid, mnt, ipc, uts, cgroup");
	if (d->live && geteuid() == 0) {
		tried = 1;
		error = unshare_try(NAMESPACES, 0);
		EVIDENCE(f, error == 0 ? "; made by root, tried" : "; refused to root: %s",
			 strerror(error));
	}
	if (error != 0) {
		FIX(f,
		    "run where root may make namespaces: not in a container without CAP_SYS_ADMIN");
		look_judge(f, DOCTOR_REFUSED);
	}
	if (tried)
		look_can(d, CAN_ROOT, error == 0, "%s", error == 0 ? "" : "no namespaces");
}

void check_user_namespaces(struct doctor *d, struct doctor_finding *f)
{
	long most = look_number(d, "/proc/sys/user/max_user_namespaces", -1);
	long debian = look_number(d, "/proc/sys/kernel/unprivileged_userns_clone", 1);
	long ubuntu = look_number(d, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0);
	int error = 0;

	if (most < 0) {
		EVIDENCE(f, "this kernel has no user namespaces");
		FIX(f, "a kernel with CONFIG_USER_NS");
		look_judge(f, DOCTOR_WARNING);
	} else {
		EVIDENCE(f, "user.max_user_namespaces = %ld", most);
	}
	if (most == 0)
		FIX(f, "sysctl -w user.max_user_namespaces=10000");
	if (debian == 0) {
		EVIDENCE(f, "; kernel.unprivileged_userns_clone = 0");
		FIX(f, "%ssysctl -w kernel.unprivileged_userns_clone=1",
		    f->fix[0] != '\0' ? "; " : "");
	}
	if (ubuntu == 1) {
		EVIDENCE(f, "; kernel.apparmor_restrict_unprivileged_userns = 1");
		FIX(f, "%san AppArmor profile with `userns` for vanityd",
		    f->fix[0] != '\0' ? "; " : "");
	}
	if (most == 0 || debian == 0 || ubuntu == 1) {
		UNDO(f, "the value as it is in the evidence");
		look_judge(f, DOCTOR_WARNING);
	}
	if (d->live) {
		error = unshare_try(CLONE_NEWUSER | NAMESPACES, geteuid() == 0);
		EVIDENCE(f,
			 error == 0 ? "; made by an ordinary user, tried"
				    : "; refused to an ordinary user: %s",
			 strerror(error));
		look_can(d, CAN_DEV, error == 0, "%s",
			 error == 0 ? "small pages, core numbers ignored, no xdp"
				    : "no user namespaces");
		if (error != 0)
			look_judge(f, DOCTOR_WARNING);
	}
	/* Root's systems use none; with a topology, this is another's question. */
	if (d->plan != NULL && d->live && geteuid() == 0)
		f->verdict = DOCTOR_NOT_NEEDED;
}

/* --- filters ------------------------------------------------------------------------------- */

void check_seccomp(struct doctor *d, struct doctor_finding *f)
{
	char text[DOCTOR_FILE_BYTES];
	uint32_t action = SECCOMP_RET_KILL_PROCESS;
	int can;

	if (d->live) {
		can = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	} else if (look_text(d, "/proc/sys/kernel/seccomp/actions_avail", text) == 0) {
		can = strstr(text, "kill_process") != NULL;
	} else {
		EVIDENCE(f, "no word of it");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, can ? "filters that end the process" : "no filters that end the process");
	if (can)
		return;
	FIX(f, "a kernel with CONFIG_SECCOMP_FILTER");
	look_judge(f, DOCTOR_REFUSED);
	look_can(d, CAN_ROOT, 0, "no system-call filters");
	look_can(d, CAN_DEV, 0, "no system-call filters");
}

void check_landlock(struct doctor *d, struct doctor_finding *f)
{
	long abi;

	if (!d->live) {
		EVIDENCE(f, "only the kernel itself tells");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	if (abi < 1) {
		EVIDENCE(f, "none: %s", strerror(errno));
		FIX(f, "CONFIG_SECURITY_LANDLOCK, and landlock in lsm= of the kernel command line");
		look_judge(f, DOCTOR_WARNING);
		return;
	}
	EVIDENCE(f, "ABI %ld: files%s%s", abi, abi >= 4 ? ", TCP" : "; no TCP rights before ABI 4",
		 abi >= 6 ? ", signals, abstract sockets" : "; no scopes before ABI 6");
	if (abi < 6) {
		FIX(f, "Linux 6.12; step 11 does what this kernel can, the other steps stand");
		look_judge(f, DOCTOR_WARNING);
	}
}

void check_memfd(struct doctor *d, struct doctor_finding *f)
{
	long value = look_number(d, "/proc/sys/vm/memfd_noexec", 0);
	const char *name = "vanity-doctor";
	int fd;

	EVIDENCE(f, "vm.memfd_noexec = %ld", value);
	if (d->live) {
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10u /* MFD_EXEC */);
		if (fd < 0 && errno == EINVAL)
			fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
		EVIDENCE(f, fd >= 0 ? "; one that can be executed was made" : "; refused: %s",
			 strerror(errno));
		if (fd >= 0)
			close(fd);
		else
			value = 2;
	}
	if (value < 2)
		return;
	FIX(f,
	    "sysctl -w vm.memfd_noexec=1; where the kernel refuses to lower it, boot without it");
	UNDO(f, "sysctl -w vm.memfd_noexec=2");
	look_judge(f, DOCTOR_REFUSED);
	look_can(d, CAN_ROOT, 0, "vm.memfd_noexec = 2");
	look_can(d, CAN_DEV, 0, "vm.memfd_noexec = 2");
}

/* --- side channels ------------------------------------------------------------------------- */

struct holes {
	struct doctor_finding *f;
	uint32_t all, open;
};

static void hole_look(struct doctor *d, const char *name, void *context)
{
	char path[DOCTOR_LIST_BYTES], text[DOCTOR_FILE_BYTES];
	struct holes *h = context;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/vulnerabilities/%.60s", name);
	if (look_text(d, path, text) != 0)
		return;
	h->all++;
	if (strncmp(text, "Vulnerable", strlen("Vulnerable")) != 0)
		return;
	EVIDENCE(h->f, "%s%.40s (%.60s)", h->open++ == 0 ? "open: " : ", ", name, text);
}

void check_side_channels(struct doctor *d, struct doctor_finding *f)
{
	struct holes h = { .f = f };
	char boot[DOCTOR_MASK_BYTES];
	const char *word;
	int labels = 0;

	for (uint32_t i = 1; d->plan != NULL && i < d->plan->shard_count; i++)
		labels |= strcmp(d->plan->shard[i].trust, d->plan->shard[0].trust) != 0;
	look_folder(d, "/sys/devices/system/cpu/vulnerabilities", hole_look, &h);
	if (h.all == 0) {
		EVIDENCE(f, "the kernel does not say");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	EVIDENCE(f, "%s%u of %u known holes closed or absent", h.open != 0 ? "; " : "",
		 h.all - h.open, h.all);
	word = look_boot(d, "mitigations", boot);
	if (word != NULL && strcmp(word, "off") == 0)
		EVIDENCE(f, "; booted with mitigations=off");
	if (h.open == 0)
		return;
	if (labels)
		EVIDENCE(f, "; this topology has shards of several trust labels");
	FIX(f, "new microcode, a newer kernel, or mitigations=auto at boot");
	UNDO(f, "boot as before");
	look_judge(f, DOCTOR_WARNING);
}
