/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h: the topology after checking, as plain tables.
 *
 *      topology.conf --parse--> struct topology --check--> struct plan --bind--> struct bind (a shard's)
 *
 * The plan is the whole authority of a system: what is not in it cannot be mapped, started or
 * opened. It holds no pointers, so it can be sealed in a memfd (Linux), compiled into an image
 * (bare metal) or handed to the simulator as it is. Everything is an index into a table here;
 * names are for people.
 *
 *   region   a piece of shared memory with one writer (a bell excepted)
 *   wire     the region of one ordered pair of neighbours; laid out by core/wire.h
 *   access   who maps which region, and with what right
 *
 * Made by plan_make() only; read-only ever after.
 */
#ifndef VANITY_TOPOLOGY_PLAN_H
#define VANITY_TOPOLOGY_PLAN_H

#include <stdint.h>

#include <vanity/limits.h>

#define PLAN_MAGIC 0x314e4c5059544e56ull /* "VNTYPLN1" */
#define PLAN_NONE 0xffffffffu /* no index */

#define PLAN_NAME_BYTES (VANITY_NAME_MAX + 1u)
#define PLAN_TEXT_BYTES (VANITY_TEXT_MAX + 1u)
#define PLAN_WIRES_MAX (2u * VANITY_CHANNELS_MAX)
#define PLAN_REGIONS_MAX                                                                           \
	(PLAN_WIRES_MAX + VANITY_POOLS_MAX + 3u * VANITY_SHARDS_MAX + VANITY_DEVICES_MAX)
#define PLAN_POOL_ACCESS_MAX 4096u
#define PLAN_CHANNEL_POOLS_MAX 8u

/* What the planner must know of the machine the plan is for. */
struct plan_host {
	uint32_t page_bytes; /* small page */
	uint32_t huge_page_bytes; /* 0: no huge pages, all regions take small ones */
	uint32_t cores; /* number of cores; 0: core numbers are not checked against it */
	uint32_t ignore_cores; /* --dev: every shard is treated as `cores = shared` */
};

enum plan_right { PLAN_RO = 0, PLAN_RW = 1 };

/* Values that appear in the tables; 32-bit fields hold them, never the enum type itself. */
enum plan_full { PLAN_FULL_WAIT = 0, PLAN_FULL_DROP = 1 };
enum plan_restart_on { PLAN_ON_FAULT = 0, PLAN_ON_ALWAYS = 1, PLAN_ON_NEVER = 2 };
enum plan_restart_then { PLAN_THEN_BACKOFF = 0, PLAN_THEN_HOLD = 1, PLAN_THEN_STOP = 2 };
enum plan_carry { PLAN_CARRY_RELOAD = 0, PLAN_CARRY_KEEP = 1 };
enum plan_standby { PLAN_STANDBY_NONE = 0, PLAN_STANDBY_WARM = 1 };
enum plan_backend {
	PLAN_BACKEND_VFIO = 0,
	PLAN_BACKEND_XDP = 1,
	PLAN_BACKEND_DPDK = 2,
	PLAN_BACKEND_TUNTAP = 3,
	PLAN_BACKEND_PCAP = 4,
	PLAN_BACKEND_LOOP = 5,
};
enum plan_require { PLAN_REQUIRE_NONE = 0, PLAN_REQUIRE_ON = 1, PLAN_REQUIRE_ISOLATED = 2 };

enum plan_region_kind {
	PLAN_REGION_WIRE = 0, /* a = from, b = to */
	PLAN_REGION_POOL = 1, /* a = owner, b = pool */
	PLAN_REGION_CELL = 2, /* a = shard; read by the daemon */
	PLAN_REGION_ORDERS = 3, /* b = shard; written by the daemon */
	PLAN_REGION_BELL = 4, /* b = shard; written by its neighbours */
	PLAN_REGION_DEVICE = 5, /* a = shard, b = device: its `keep`, nobody else maps it */
};

struct plan_region {
	uint32_t kind;
	uint32_t a, b; /* see above; PLAN_NONE where the daemon is meant */
	uint32_t page_bytes;
	uint64_t bytes; /* multiple of page_bytes */
};

struct plan_option {
	char name[PLAN_NAME_BYTES];
	char text[PLAN_TEXT_BYTES]; /* as written, quotes removed */
	uint32_t shard;
	uint32_t numeric; /* 1: value holds it in base units */
	uint64_t value; /* bytes, ns, per second, or count */
};

struct plan_port {
	char name[PLAN_NAME_BYTES];
	uint32_t channel;
	uint32_t output; /* 1: this shard is the producer */
};

struct plan_shard {
	char name[PLAN_NAME_BYTES];
	char program[PLAN_NAME_BYTES];
	char config[PLAN_TEXT_BYTES]; /* path, relative ones already joined to the file's folder; "" none */
	char trust[PLAN_NAME_BYTES];
	uint32_t shared; /* 1: `cores = shared` (or --dev) */
	uint32_t core; /* when not shared */
	uint64_t memory_bytes; /* private memory limit */
	uint64_t watchdog_ns;
	uint32_t restart_on, restart_then;
	uint32_t restart_max; /* restarts allowed in restart_within_ns */
	uint32_t carry, standby;
	uint64_t restart_within_ns;
	uint32_t option_first, option_count;
	uint32_t cell_region, orders_region, bell_region;
	uint32_t port_count;
	struct plan_port port[VANITY_PORTS_MAX]; /* in the order the topology names the channels */
	uint32_t grant_count;
	uint32_t grant[VANITY_GRANTS_MAX]; /* devices, in the order of `grant = [ ... ]` */
	uint32_t line; /* where it stands in the topology, for messages */
};

struct plan_channel {
	char name[PLAN_NAME_BYTES];
	uint32_t producer, consumer; /* shards */
	uint32_t producer_port, consumer_port; /* index into plan_shard.port */
	uint32_t slot_count; /* power of two */
	uint32_t slot_bytes;
	uint32_t full; /* enum plan_full */
	uint32_t lend; /* frames out to the consumer at most; 0 without pools */
	uint32_t lane_slots; /* power of two; 0 without pools */
	uint32_t pool_count;
	uint32_t pool[PLAN_CHANNEL_POOLS_MAX];
	uint32_t frame_bits; /* frames of all its pools: bits in its ledgers */
	uint32_t copy_pool; /* or PLAN_NONE */
	uint32_t borrow_trusted;
	uint32_t tx_wire, rx_wire; /* wires producer->consumer and consumer->producer */
	uint64_t tx_at, rx_at; /* byte offsets of struct wire_tx / wire_rx there */
	uint32_t line;
};

struct plan_pool {
	char name[PLAN_NAME_BYTES];
	uint32_t owner;
	uint32_t frame_count;
	uint32_t frame_bytes;
	uint32_t first_frame; /* its range of the system-wide numbers */
	uint32_t region;
	uint32_t line;
};

struct plan_pool_access {
	uint32_t pool, shard, right; /* enum plan_right; the owner is listed too, as PLAN_RW */
};

struct plan_wire {
	uint32_t from, to;
	uint32_t region;
};

struct plan_device {
	char name[PLAN_NAME_BYTES];
	char match[PLAN_TEXT_BYTES];
	uint32_t backend;
	uint32_t line;
	uint32_t shard; /* the shard it is granted to, or PLAN_NONE */
	uint32_t kind; /* enum vanity_grant_kind; VANITY_GRANT_NONE where this build has no such backend */
	char interface[PLAN_NAME_BYTES]; /* xdp, tuntap: of `match`; "" for others */
	uint32_t queue;
	uint32_t pool; /* xdp: the one of `dma`; else PLAN_NONE */
	uint32_t region; /* PLAN_REGION_DEVICE, or PLAN_NONE */
	uint32_t keeps_fd; /* 1: its shard keeps a descriptor of it: xdp, tuntap, pcap with `write` */
	uint32_t pace; /* pcap: enum vanity_pace */
	uint64_t pace_per_s;
	char read[PLAN_TEXT_BYTES], write[PLAN_TEXT_BYTES]; /* pcap: joined to the file's folder */
	uint64_t peak_per_s; /* 0: not given */
};

/* A key of the topology whose mechanism this build lacks: `check` lists it, `start` refuses it. */
#define PLAN_UNBUILT_MAX 64u
struct plan_unbuilt {
	char what[PLAN_NAME_BYTES * 2]; /* "shard fw: standby = warm" */
	uint32_t line, column;
};

struct plan {
	uint64_t magic;
	uint32_t bytes; /* sizeof(struct plan) */
	uint32_t version; /* of the topology language */
	char system[PLAN_NAME_BYTES];
	char programs[PLAN_TEXT_BYTES]; /* host.programs, "" for the default */
	uint8_t digest[32]; /* SHA-256 of the topology text, filled in by the host */
	struct plan_host host;
	uint32_t require_iommu, require_hugepages, require_cores;
	uint32_t housekeeping_first, housekeeping_last; /* PLAN_NONE when not given */

	uint32_t shard_count, channel_count, pool_count, access_count;
	uint32_t wire_count, region_count, option_count, device_count, unbuilt_count;
	uint32_t unbuilt_more; /* found beyond the table */
	uint64_t memory_bytes; /* sum over regions */

	struct plan_shard shard[VANITY_SHARDS_MAX];
	struct plan_channel channel[VANITY_CHANNELS_MAX];
	struct plan_pool pool[VANITY_POOLS_MAX];
	struct plan_pool_access access[PLAN_POOL_ACCESS_MAX];
	struct plan_wire wire[PLAN_WIRES_MAX];
	struct plan_region region[PLAN_REGIONS_MAX];
	struct plan_option option[VANITY_OPTIONS_MAX];
	struct plan_device device[VANITY_DEVICES_MAX];
	struct plan_unbuilt unbuilt[PLAN_UNBUILT_MAX];
};

#endif
