/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h: vanityd, the restartable brain, and the memory it thinks with.
 *
 *      keeper --SOCK_SEQPACKET (fd 3)--> hello, shards with their descriptors, ends
 *         |
 *         v            one turn of the loop, in daemon.c
 *      daemon_look()   cells, processes, scheduler facts      -> struct life_seen
 *      life_step()     the policy, a pure function (core)     -> actions
 *      daemon_act()    orders wires and bells, keeper verbs, log lines
 *      daemon_jobs()   what operators wait for: restart, verify, stop
 *         |
 *         v
 *      ppoll()         keeper, operators; short while something is under way
 *
 * Nothing here is needed to keep packets flowing. It may be killed at any instruction: all that
 * matters stands in cells, orders and the keeper's head, and a successor reads it back
 * (daemon_adopt.c). It holds no privilege: it maps the cells read-only, writes the orders and
 * the bells, and asks the keeper, who does nothing outside the sealed plan.
 *
 * Whatever stands in a cell is a claim of a shard, which may have been taken over: one load, a
 * bound, then use; text from it goes nowhere unescaped.
 */
#ifndef VANITYD_DAEMON_H
#define VANITYD_DAEMON_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include <vanity/grant.h>

#include "core/cell.h"
#include "core/life.h"
#include "topology/plan.h"

#include "control.h"
#include "keeper.h"
#include "names.h"

#define DAEMON_KEEPER_FD 3
#define DAEMON_LOG_LINES 512u /* kept for `vanityctl log` */
#define DAEMON_LOG_LINE_BYTES 240u
#define DAEMON_LOG_RATE 200u /* lines a second and shard that reach the log */

/* Counts of the library in a cell_port that are kept over generations. */
enum port_count {
	PORT_LOST_IN_HAND,
	PORT_IN_DOUBT,
	PORT_HANDLED_LATE,
	PORT_SKIPPED,
	PORT_DROPPED,
	PORT_REFUSED,
	PORT_FAULTS,
	PORT_COPIED,
	PORT_COUNTS,
};
extern const char *const port_count_name[PORT_COUNTS];

#define DAEMON_NAMESPACES 7u /* net ipc uts cgroup mnt pid user */
#define DEVIATIONS_KEPT 8u
#define DEVIATIONS_SAID_MAX 16u /* lines in the log a generation; the others are counted */

/* Something that is not as planned. */
struct deviation {
	char thing[128], expected[64], found[112];
};

/* What the keeper says of a living generation, as its raw facts show it. */
struct facts {
	uint32_t generation; /* 0: none yet */
	uint32_t seccomp_mode, seccomp_filters, no_new_privs;
	uint64_t capabilities; /* all five sets, or-ed */
	uint64_t image_base; /* 0 unknown */
	uint32_t huge_regions;
	uint32_t mappings, descriptors; /* that were compared */
	uint32_t uid_compared, cores_compared; /* 0: this system gives it none of its own */
	uint64_t ns[DAEMON_NAMESPACES];
	uint32_t deviations; /* from the plan */
	uint32_t faults; /* those among them that give it more */
	struct deviation deviation[DEVIATIONS_KEPT];
};

struct crash {
	uint32_t generation; /* 0: no fault yet */
	uint32_t fault; /* enum life_fault */
	uint32_t signal, code_valid;
	int32_t exit_code;
	uint64_t code, address, pc, sp; /* last words; valid with code_valid */
	uint64_t reg[32];
	char words[CELL_WORDS_BYTES + 1];
	char symbol[96];
	uint64_t at_ns; /* CLOCK_REALTIME */
	struct {
		uint64_t cursor, taken;
		uint64_t refused; /* give-backs nobody was told of while it lived */
	} port[VANITY_PORTS_MAX];
};

struct daemon_shard {
	/* Handed over by the keeper; stays for the life of this daemon. */
	const struct cell *cell;
	struct orders *orders;
	wire_u64 *bell;
	int event_fd;
	int image_fd; /* sealed */
	char image_digest[65]; /* SHA-256 of it, once somebody asked; "" before */
	struct names *names;

	/* The process, as the keeper tells. */
	int pidfd; /* -1: none lives */
	pid_t pid; /* the host's number of it, 0 unknown */
	uint32_t alive, ended;
	int32_t exit_code;
	uint32_t signal;
	uint64_t started_ns;

	uint32_t dirty; /* orders changed, not yet announced */
	uint64_t ready_ns; /* when this generation was first seen running */
	struct facts facts;
	uint32_t facts_asked; /* generation */
	uint32_t facts_pending; /* the keeper's answer is to come */
	uint32_t facts_steady; /* it was ready when they were asked for */
	uint32_t deviations_of, deviations_said; /* generation, and lines that the log has of it */
	uint64_t access_asked, access_judged; /* rounds of daemon_verify.c */
	struct crash crash;

	/* Sums over dead generations, from the time this daemon watches. */
	uint32_t folded; /* newest generation in them */
	uint64_t counter_before[VANITY_COUNTERS_MAX];
	uint64_t port_before[VANITY_PORTS_MAX][PORT_COUNTS];

	/* What could not be true; see daemon_claims.c. */
	struct {
		const char *what; /* NULL: none since it was said */
		const char *than;
		uint64_t found, bound;
		uint32_t generation;
	} lie;
	uint32_t refused_generation;
	uint64_t refused_said[VANITY_PORTS_MAX];

	/* Its log records. */
	uint32_t log_generation;
	uint64_t log_seen;
	uint64_t log_lost;
	uint64_t log_second_ns;
	uint32_t log_in_second;
};

/* A network interface, as last seen. */
struct daemon_interface {
	uint32_t known; /* somebody looked since it was bound */
	uint32_t link; /* enum vanity_link, of the bound interface */
	uint32_t index, mtu; /* of whatever has its name now; 0 none */
};

struct daemon_device {
	const struct vanity_grant_facts *facts; /* NULL: not granted, so not bound */
	uint64_t epoch; /* of the binding that stands; 1: setup's */
	uint32_t stale; /* generations of the owner up to this one have the binding before it */
	uint32_t restarted; /* the one of those that was told to end */
	uint32_t lost; /* its interface left this namespace since: the kernel unbound the socket */
	struct daemon_interface interface;
	int rebind_error; /* of the last try; 0: it was none */
	uint64_t rebind_after_ns, backoff_ns;
};

/* What an operator waits for; one a client. */
struct job {
	enum job_kind {
		JOB_NONE, JOB_READY, JOB_ITEM, JOB_RESTART, JOB_LOG, JOB_SUMS, JOB_VERIFY, JOB_ACCESS
	} kind;
	uint32_t shard;
	uint32_t generation;
	uint64_t deadline_ns;
	uint64_t since; /* log lines; or the round of access to wait for, 0 none yet */
	struct control_client *client;
};

/* The question all shards are asked together; see daemon_sums.c. */
struct sums {
	enum sums_state { SUMS_IDLE, SUMS_ASKED, SUMS_STOPPING, SUMS_STOPPED } state;
	uint32_t stop; /* the system is to be stopped after it */
	uint64_t number; /* orders.verify */
	uint64_t deadline_ns, asked_ns;
	uint32_t rounds;
	json_t *result;
};

/* The access matrix compared with the plan; see daemon_verify.c. */
struct access {
	uint64_t round, done; /* equal: none is under way */
	uint32_t again; /* one more after it */
	uint64_t deadline_ns;
	uint32_t shards, mappings, descriptors, uids, cores;
	json_t *differs, *result;
};

struct daemon {
	const struct plan *plan;
	uint64_t plan_bytes;
	int keeper_fd, control_fd, log_fd;
	uint32_t successor; /* 0 first vanityd, n the n-th successor */
	uint32_t ready; /* the keeper handed everything over */
	uint32_t dev;
	uint32_t landlocked; /* the ruleset of daemon_confine.c holds */
	pid_t own_pid; /* as the host counts */
	uint32_t ending; /* KEEPER_STOP is due when the answers are out */
	uint64_t ending_ns;
	uint64_t born_ns;
	uint64_t alive_ns; /* when the keeper was last told that we turn */
	uint64_t adopted_ns; /* how long adopting took; 0 for the first vanityd */
	uint64_t hz; /* cycles a second, as setup measured them */
	uint32_t cores; /* enum keeper_cores, as setup could make them */

	struct life life;
	struct life_seen seen;
	struct life_action action[LIFE_ACTIONS_MAX];
	struct daemon_shard shard[VANITY_SHARDS_MAX];

	struct daemon_device device[VANITY_DEVICES_MAX];
	int look_fd; /* a socket to ask of interfaces; -1 where there is none to ask of */
	int watch_fd; /* one that tells of interfaces that left */
	uint64_t looked_ns;
	uint64_t rebind_until_ns; /* the keeper was asked to bind one anew; 0: it is not busy */

	struct control *control;
	struct job job[CONTROL_CLIENTS_MAX];
	struct sums sums;
	struct access access;
	uint32_t facts_outstanding;

	struct {
		uint64_t count; /* lines ever */
		char line[DAEMON_LOG_LINES][DAEMON_LOG_LINE_BYTES];
	} log;
};

/* daemon.c */
uint64_t daemon_now_ns(void);
/* Nanoseconds for a number of cycles. */
uint64_t daemon_cycles_ns(const struct daemon *d, uint64_t cycles);
/* CLOCK_MONOTONIC of a time stamp in cycles, 0 for a stamp of 0 or from the future. */
uint64_t daemon_stamp_ns(const struct daemon *d, uint64_t cycles);

/* daemon_keeper.c */
int keeper_receive(struct daemon *d); /* 1: handled one, 0: none waits, negative: gone */
int keeper_send(struct daemon *d, uint32_t verb, uint32_t shard, uint32_t generation);

/* daemon_look.c */
void daemon_look(struct daemon *d);
pid_t pidfd_host_pid(int pidfd);
pid_t own_host_pid(void);
int pidfd_ended(int pidfd);
uint64_t shard_count_port(const struct daemon_shard *s, uint32_t port, enum port_count which);
/* Add a dead generation's counts to what came before; once each. */
void shard_fold(struct daemon *d, uint32_t shard, uint32_t generation);

/* daemon_act.c */
void daemon_act(struct daemon *d, uint32_t action_count);
void orders_write(struct daemon *d, uint32_t shard, wire_u64 *word, uint64_t value);
void orders_announce(struct daemon *d);
void crash_record(struct daemon *d, uint32_t shard);

/* daemon_device.c */
int device_take(struct daemon *d, const struct keeper_message *m, int fd); /* 0, or -EPROTO */
void daemon_devices(struct daemon *d);
void devices_open(struct daemon *d); /* what they are looked at through, if there are such */
json_t *report_devices(const struct daemon *d, uint32_t shard); /* a list; PLAN_NONE: of all */

/* daemon_confine.c */
int daemon_confine(struct daemon *d); /* 0, or -errno */
/* How it is confined by what the kernel says; what is not as it should be goes into @list. */
json_t *report_confinement(const struct daemon *d, json_t *list);
/* tests/world builds a vanityd that leaves some of it out and then does what a client says. In every
 * other there is no code for it. */
#ifndef DAEMON_LEAVES_OUT
#define DAEMON_LEAVES_OUT(d, what) 0
#define DAEMON_TAKEN_OVER(client, verb, request) 0
#endif
enum { LEAVE_LIMITS = 0, LEAVE_LANDLOCK = 1, LEAVE_FILTER = 2 };

/* daemon_log.c */
void daemon_log(struct daemon *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* New records of a shard's cell. */
void daemon_log_drain(struct daemon *d, uint32_t shard);
/* Plain text of bytes of a cell: what is not printable becomes \xNN. */
void text_escape(char *ret, size_t room, const char *bytes, size_t count);
void cell_text(const wire_u64 *words, char ret_bytes[CELL_WORDS_BYTES + 1]);

/* daemon_claims.c */
void claims_look(struct daemon *d, uint32_t shard); /* each turn: words of its cell that cannot be */
void claims_tell(struct daemon *d, uint32_t shard); /* once a second */
void claims_broken(struct daemon *d, uint32_t shard, uint32_t port, uint32_t generation,
		   uint64_t broken);
void claims_last(struct daemon *d, uint32_t shard); /* with its crash record */
void claims_tell_last(struct daemon *d, uint32_t shard);

/* daemon_adopt.c */
int daemon_adopt(struct daemon *d);

/* daemon_access.c */
int facts_ask(struct daemon *d, uint32_t shard); /* 1: an answer is to come */
void facts_take(struct daemon *d, uint32_t shard, uint32_t generation, int fd);

/* daemon_verify.c */
uint64_t access_start(struct daemon *d); /* the round to wait for */
void access_step(struct daemon *d);
void access_collect(struct daemon *d, uint32_t shard); /* its facts were judged */

/* daemon_sums.c */
void sums_start(struct daemon *d, uint32_t stop);
void sums_step(struct daemon *d);

/* daemon_verb.c */
void daemon_request(void *context, struct control_client *client, const char *verb,
		    const json_t *request);
void daemon_gone(void *context, struct control_client *client);
void daemon_refused(void *context, const char *line);
void daemon_jobs(struct daemon *d);
uint32_t daemon_waiting(const struct daemon *d); /* somebody waits for something */

/* report_status.c: documents, built by the daemon */
json_t *report_status(const struct daemon *d);
/* Works out the images' digests, once: an operator's status names them, a start does not wait. */
void report_images(struct daemon *d);
/* Of one shard and its channels, or of all: PLAN_NONE. */
json_t *report_stats(const struct daemon *d, uint32_t shard);
/* All that is said of one shard: status, counters, its channels and devices. */
json_t *report_shard(const struct daemon *d, uint32_t shard);

#endif
