/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_device.c: what the backends of devices need. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#define NAME_MAX_TEXT 15 /* of an interface */

/* --- xdp ----------------------------------------------------------------------------------- */

/* The smallest program there is: pass everything on. It is loaded, never attached. */
static int load_try(void)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	static const char license[] = "Apache-2.0";
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_XDP,
				.insns = (uint64_t)(uintptr_t)code,
				.insn_cnt = sizeof(code) / sizeof(code[0]),
				.license = (uint64_t)(uintptr_t)license };
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

/* Return: 1 when both can be had. */
static int xdp_ask(struct doctor_finding *f)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), error = fd < 0 ? errno : 0, load;

	if (fd >= 0)
		close(fd);
	if (error == 0)
		EVIDENCE(f, "AF_XDP sockets");
	else
		EVIDENCE(f, "no AF_XDP socket: %s", strerror(error));
	load = load_try();
	if (load == 0)
		EVIDENCE(f, ", XDP programs load");
	else
		EVIDENCE(f, ", no XDP program loads: %s", strerror(load));
	if (error == EAFNOSUPPORT)
		FIX(f, "a kernel with CONFIG_XDP_SOCKETS");
	else if (error != 0 || load != 0)
		FIX(f, "root with CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF");
	return error == 0 && load == 0;
}

struct queues {
	uint32_t receive;
};

static void queue_look(struct doctor *d, const char *name, void *context)
{
	struct queues *q = context;

	(void)d;
	q->receive += strncmp(name, "rx-", 3) == 0;
}

static void interface_look(struct doctor *d, struct doctor_finding *f, const struct plan_device *p)
{
	const struct plan_pool *pool = &d->plan->pool[p->pool];
	char path[DOCTOR_LIST_BYTES];
	struct queues q = { 0 };
	long mtu, room = (long)pool->frame_bytes - 274;

	snprintf(path, sizeof(path), "/sys/class/net/%.*s", NAME_MAX_TEXT, p->interface);
	if (!look_is_there(d, path)) {
		EVIDENCE(f, "; %s: no such interface", p->interface);
		FIX(f, "%smake %s, in the network namespace of start",
		    f->fix[0] != '\0' ? "; " : "", p->interface);
		look_judge(f, DOCTOR_REFUSED);
		return;
	}
	snprintf(path, sizeof(path), "/sys/class/net/%.*s/mtu", NAME_MAX_TEXT, p->interface);
	mtu = look_number(d, path, 0);
	snprintf(path, sizeof(path), "/sys/class/net/%.*s/queues", NAME_MAX_TEXT, p->interface);
	look_folder(d, path, queue_look, &q);
	EVIDENCE(f, "; %s: MTU %ld, %u receive queues", p->interface, mtu, q.receive);
	if (mtu > room) {
		FIX(f, "%sip link set dev %s mtu %ld", f->fix[0] != '\0' ? "; " : "", p->interface,
		    room);
		UNDO(f, "%sip link set dev %s mtu %ld", f->undo[0] != '\0' ? "; " : "",
		     p->interface, mtu);
		look_judge(f, DOCTOR_REFUSED);
	}
	if (p->queue >= q.receive) {
		FIX(f, "%squeue %u of %s is not there", f->fix[0] != '\0' ? "; " : "", p->queue,
		    p->interface);
		look_judge(f, DOCTOR_REFUSED);
	}
}

void check_xdp(struct doctor *d, struct doctor_finding *f)
{
	static const char jit[] = "/proc/sys/net/core/bpf_jit_enable";
	int able;

	if (!look_needs(d, PLAN_BACKEND_XDP)) {
		f->verdict = DOCTOR_NOT_NEEDED;
		return;
	}
	if (d->live && geteuid() == 0) {
		able = xdp_ask(f);
		if (!able)
			look_judge(f, d->plan != NULL ? DOCTOR_REFUSED : DOCTOR_WARNING);
		look_can(d, CAN_XDP, able, "%s", able ? "by root" : "refused by the kernel");
	} else {
		EVIDENCE(f,
			 d->live ? "is root's alone: ask as root" : "only the kernel itself tells");
		look_judge(f, DOCTOR_UNJUDGED);
	}
	if (look_number(d, jit, 1) == 0) {
		EVIDENCE(f, "; programs are interpreted (net.core.bpf_jit_enable = 0)");
		look_change(d, f, jit, "1");
		FIX(f, "%s--fix, or: sysctl -w net.core.bpf_jit_enable=1",
		    f->fix[0] != '\0' ? "; " : "");
		UNDO(f, UNDO_FIX);
		look_judge(f, DOCTOR_WARNING);
	}
	for (uint32_t i = 0; d->plan != NULL && i < d->plan->device_count; i++)
		if (d->plan->device[i].backend == PLAN_BACKEND_XDP &&
		    d->plan->device[i].shard != PLAN_NONE && d->plan->device[i].pool != PLAN_NONE)
			interface_look(d, f, &d->plan->device[i]);
}

/* --- tuntap and iommu ---------------------------------------------------------------------- */

void check_tuntap(struct doctor *d, struct doctor_finding *f)
{
	int there = look_is_there(d, "/dev/net/tun"), fd = -1, error = 0;

	if (!look_needs(d, PLAN_BACKEND_TUNTAP)) {
		f->verdict = DOCTOR_NOT_NEEDED;
		return;
	}
	if (!d->live) {
		EVIDENCE(f, "only the machine itself tells");
		f->verdict = DOCTOR_UNJUDGED;
		return;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (error == 0)
		EVIDENCE(f, "/dev/net/tun opens");
	else
		EVIDENCE(f, "/dev/net/tun: %s", strerror(error));
	look_can(d, CAN_TUNTAP, error == 0, "%s", error == 0 ? "" : "no /dev/net/tun to open");
	if (error == 0)
		return;
	if (there)
		FIX(f, "chmod 0666 /dev/net/tun");
	else
		FIX(f, "modprobe tun, or: mknod /dev/net/tun c 10 200");
	look_judge(f, d->plan != NULL ? DOCTOR_REFUSED : DOCTOR_WARNING);
}

void check_iommu(struct doctor *d, struct doctor_finding *f)
{
	int required = d->plan != NULL && d->plan->require_iommu == PLAN_REQUIRE_ON;
	int units = look_folder(d, "/sys/class/iommu", NULL, NULL);

	if (d->plan != NULL && !required && !look_needs(d, PLAN_BACKEND_VFIO)) {
		f->verdict = DOCTOR_NOT_NEEDED;
		return;
	}
	if (units > 0) {
		EVIDENCE(f, "%d units", units);
		return;
	}
	EVIDENCE(f, "none");
	FIX(f,
	    "switch it on in firmware and by intel_iommu=on or amd_iommu=on; a guest may have none");
	/* No backend of this build needs one: without a topology it is no more than news. */
	look_judge(f, required ? DOCTOR_REFUSED : DOCTOR_UNJUDGED);
}
