/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_private.h: the keeper's memory, and what its sources call in each other. */
#ifndef VANITYD_KEEPER_PRIVATE_H
#define VANITYD_KEEPER_PRIVATE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/bind.h"
#include "keeper.h"
#include "keeper_hand.h"
#include "netdev/hand.h"

#define STEP_EXIT_BASE 100 /* exit code of a child whose step n failed: this + n */

/* What vanityd has yet to be told; flags, so that nothing queues up behind one that hangs. */
enum { TELL_STARTED = 1, TELL_ENDED = 2, TELL_FACTS = 4, TELL_DEVICE = 8 };

struct keeper_shard {
	const struct bind *bind;
	uint32_t generation; /* newest started, 0 none */
	uint32_t alive;
	pid_t pid; /* in our namespace */
	int pidfd; /* -1 when dead */
	uint32_t ended; /* newest generation that ended */
	int32_t code;
	uint32_t signal;
	uint32_t tell;
	int facts_fd;
};

struct keeper_device {
	uint32_t epoch; /* of the binding that stands */
	uint32_t stale; /* its shard's generations up to this one have the binding before it */
	int32_t error; /* of the last try to bind it anew */
	uint32_t tell;
};

/* vanity-netdev at work, for KEEPER_REBIND; one at a time. It ends by a clock of its own. */
struct keeper_netdev {
	int fd; /* our end of its socket; -1: none runs */
	uint32_t device; /* the one that was asked for */
	uint32_t epoch; /* of the binding it makes */
	uint32_t missing; /* answers of this run */
	int kept[VANITY_DEVICES_MAX][KEEPER_DEVICE_FDS]; /* of those that came; 0: none */
};

struct keeper {
	const struct keeper_hand *hand;
	const struct plan *plan;
	struct keeper_shard *shard;
	struct keeper_device *device;
	struct keeper_netdev netdev;
	uint64_t inactive;
	int signal_fd;
	int committed;

	pid_t daemon_pid; /* 0: none runs */
	int daemon_fd; /* our end of its socket */
	uint32_t daemons; /* started so far */
	uint32_t handed; /* messages of the handover sent: hello, shards, devices, ready */
	uint64_t daemon_started_ns, daemon_after_ns, backoff_ns;
	uint64_t silent_after_ns; /* it gives a sign of life before that; 0: it gave none yet */

	uint64_t refused; /* messages that asked for something outside the plan */
};

/* keeper_start.c */
int keeper_prepare(struct keeper *k); /* lock memory, drop bounds; 0, or -errno */
int keeper_shard_start(struct keeper *k, uint32_t shard, uint32_t generation);
int keeper_daemon_start(struct keeper *k);
int keeper_netdev_start(struct keeper *k);
long keeper_go_first(void); /* before the shards, where they share a core. Return: 0 */
const char *keeper_step(uint32_t n); /* name of a shard's step */
int keeper_planned_fd(const struct keeper *k, uint32_t shard, uint32_t at);

/* keeper_facts.c */
int keeper_facts(const struct keeper *k, uint32_t shard); /* memfd, or -errno */
char *keeper_number(char *end, unsigned long value); /* its digits, up to and with *@end = 0 */

/* keeper_device.c */
void keeper_rebind(struct keeper *k, uint32_t device);
void keeper_netdev_hear(struct keeper *k);

/* keeper.c */
int keeper_keep(int fd); /* move a descriptor out of the children's room; -errno */
#define KEEPER_NO_NUMBER INT64_MIN
void keeper_say(const struct keeper *k, const char *what, uint32_t shard, uint64_t generation,
		const char *more, int64_t number);

#endif
