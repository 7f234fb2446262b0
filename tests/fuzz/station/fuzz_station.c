/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_station: the whole router over time. An input is a script (script.h) of frames, passing
 * time, and room that comes and goes; this file is the world under the router, and the judge.
 *
 * What must hold, at every turn and at the end:
 *   - each frame that came in is put or given back once, or waits; each of the router's own is
 *     put, or back in its pool, or waits; as many wait as the router says, and no more than may;
 *   - nothing is put beyond an output's room, or left unpublished; nothing is read behind a frame;
 *   - the cache holds what its numbers say, no address of ours, none of another link's, nobody
 *     with a group's link address or ours, and frames only where an answer is awaited;
 *   - what is sent on or said is a sound packet of right checksum from our link address;
 *   - nobody is asked twice within a second, and ICMP keeps to its rate;
 *   - when the script is over and the outputs have room, the router comes to rest.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <vanity/vanity.h>

#include "common/bytes.h"
#include "common/craft.h"
#include "fuzz.h"
#include "router/discover.h"
#include "router/station.h"
#include "script.h"

#define FRAMES_IN 256u /* an input's frames; more are not made */
#define FRAMES_OWN 64u
#define FRAMES (FRAMES_IN + FRAMES_OWN)
#define PORTS 3u
#define HZ 1000000ull
#define ICMP_BURST 50u
#define ASKED 256u
#define TURNS_LAST 2000u

static const char world[] =
	"interface a mac 02:00:00:00:0a:01 address 192.0.2.1/24 address 2001:db8:a::1/64\n"
	"interface b mac 02:00:00:00:0b:01 address 198.51.100.1/24 address 2001:db8:b::1/64 "
	"mtu 1400\n"
	"interface c mac 02:00:00:00:0c:01 address 203.0.113.1/29 mtu 68\n"
	"neighbour 192.0.2.9 02:00:00:00:0a:09 port a\n"
	"route 10.0.0.0/8 via 198.51.100.254\n"
	"route 100.64.0.0/10 via 192.0.2.9\n"
	"route 2001:db8:1::/48 via 2001:db8:b::fe\n";

enum place { FREE, QUEUED, HELD, PUT, BACK };

struct vanity_rx {
	const char *name;
	uint32_t queue[FRAMES_IN];
	uint32_t count;
	uint32_t taken;
};
struct vanity_tx {
	const char *name;
	uint32_t room;
	uint32_t room_left;
	bool unpublished;
};
struct vanity_pool {
	uint32_t frames;
	uint32_t frame_bytes;
};
struct vanity_shard {
	int nothing;
};

struct asked {
	struct craft_addr addr;
	uint64_t when;
	uint8_t family;
	uint8_t interface;
};

static struct {
	struct script script;
	struct vanity_shard shard;
	struct vanity_rx rx[PORTS];
	struct vanity_tx tx[PORTS];
	struct vanity_pool pool;
	uint8_t *bytes[FRAMES]; /* each its own allocation, exactly as long as the frame */
	uint32_t length[FRAMES];
	enum place place[FRAMES];
	struct asked asked[ASKED];
	uint32_t frames_in;
	uint32_t asked_count;
	uint32_t turns_last;
	uint64_t now, start, rate, told, hold;
	uint64_t counter[VANITY_COUNTERS_MAX];
	bool frozen; /* the pool hands out nothing */
	bool was_full; /* the cache: who is forgotten may be asked anew */
	bool ready;
	struct router *router;
} w;

static jmp_buf fatal;

static void check(int holds)
{
	if (!holds)
		abort();
}

/* --- the judge ------------------------------------------------------------------------------ */

static bool is_mac_of_ours(const uint8_t *mac)
{
	for (uint32_t i = 0; i < w.router->routes.interface_count; i++) {
		if (memcmp(mac, w.router->routes.interface[i].mac, CRAFT_MAC_BYTES) == 0)
			return true;
	}
	return false;
}

static void judge_cache(void)
{
	const struct rt_neighbours *cache = &w.router->neighbours;
	uint32_t count = 0, incomplete = 0;
	uint8_t interface;

	for (uint32_t i = 1; i <= RT_NEIGHBOURS_MAX; i++) {
		const struct rt_neighbour *entry = &cache->entry[i];

		if (entry->state == RT_NEIGHBOUR_FREE)
			continue;
		count++;
		incomplete += entry->state == RT_NEIGHBOUR_INCOMPLETE;
		check(entry->held_count <= RT_HELD_MAX);
		check(entry->held_count == 0 || entry->state == RT_NEIGHBOUR_INCOMPLETE);
		check(entry->interface < w.router->routes.interface_count);
		check(!rt_own(&w.router->routes, entry->family, &entry->addr, &interface));
		check(rt_is_link_local(entry->family, &entry->addr) ||
		      rt_interface_network(&w.router->routes.interface[entry->interface],
					   entry->family, &entry->addr) != NULL);
		if (entry->state == RT_NEIGHBOUR_INCOMPLETE)
			continue;
		check((entry->mac[0] & 1u) == 0 && !is_mac_of_ours(entry->mac));
	}
	check(count == cache->count && incomplete == cache->asked_count);
	check(incomplete <= RT_NEIGHBOURS_ASKED_MAX);
	w.was_full |= count == RT_NEIGHBOURS_MAX;
}

static void judge_turn(void)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < FRAMES; i++)
		held += w.place[i] == HELD;
	check(held == w.router->held_count && held <= w.hold);
	for (uint32_t i = 0; i < PORTS; i++)
		check(!w.tx[i].unpublished);
	judge_cache();
}

/* Each neighbour at most once a second: RFC 1122, 2.3.2.1; RFC 4861, 10 (RETRANS_TIMER). */
static void judge_question(uint32_t port, uint32_t family, const struct craft_addr *addr)
{
	for (uint32_t i = 0; i < w.asked_count; i++) {
		struct asked *asked = &w.asked[i];

		if (asked->family != family || asked->interface != port ||
		    asked->addr.hi != addr->hi || asked->addr.lo != addr->lo)
			continue;
		check(w.was_full || w.now - asked->when >= HZ);
		asked->when = w.now;
		return;
	}
	if (w.asked_count < ASKED)
		w.asked[w.asked_count++] =
			(struct asked){ *addr, w.now, (uint8_t)family, (uint8_t)port };
}

/* What the router says itself: ARP, neighbour discovery, ICMP, or a piece of a packet. */
static void judge_own(uint32_t port, const uint8_t *frame, uint32_t length,
		      const struct craft_packet *packet)
{
	const uint8_t *upper = frame + packet->l4;
	uint32_t bytes = packet->l3_end - packet->l4;
	struct craft_addr target;

	check(length >= 60);
	if (packet->type == CRAFT_TYPE_ARP) {
		target.hi = (uint64_t)craft_load_be32(frame + 38) << 32;
		target.lo = 0;
		if (craft_load_be16(frame + 20) == 1)
			judge_question(port, 4, &target);
		return;
	}
	check(packet->family != 0);
	if (packet->fragment)
		return;
	if (packet->family == 4) {
		/* A packet to be cut may be anything; what we say is ICMP, from an address of ours.
		 */
		uint8_t interface;

		if (!rt_own(&w.router->routes, 4, &packet->src, &interface))
			return;
		check(packet->proto == CRAFT_PROTO_ICMP);
		check(craft_fold(craft_sum(upper, bytes, 0)) == 0xffffu);
	} else {
		check(packet->proto == CRAFT_PROTO_ICMP6);
		check(craft_ip6_sum(frame + packet->l3, CRAFT_PROTO_ICMP6, upper, bytes) ==
		      0xffffu);
		target.hi = craft_load_be64(upper + 8);
		target.lo = craft_load_be64(upper + 16);
		if (upper[0] == 135)
			judge_question(port, 6, &target);
		if (upper[0] == 135 || upper[0] == 136)
			return;
	}
	w.told++;
	check(w.rate != 0);
	check(w.told <= ICMP_BURST + 1 + (w.now - w.start) / (HZ / w.rate));
}

static void judge_put(uint32_t port, const struct vanity_ref *ref)
{
	const struct rt_interface *out = &w.router->routes.interface[port];
	const uint8_t *frame = w.bytes[ref->frame];
	struct craft_packet packet;

	check(ref->offset == 0 && ref->length <= w.length[ref->frame]);
	check(memcmp(frame + CRAFT_MAC_BYTES, out->mac, CRAFT_MAC_BYTES) == 0);
	check(!is_mac_of_ours(frame));
	check(craft_packet_ip(frame, ref->length, &packet) == CRAFT_FAULT_NONE);
	if (packet.family == 4)
		check(craft_fold(craft_sum(frame + packet.l3, packet.l4 - packet.l3, 0)) ==
		      0xffffu);
	check(packet.family == 0 || packet.l3_end - packet.l3 <= out->mtu);
	if (ref->frame >= FRAMES_IN) {
		judge_own(port, frame, ref->length, &packet);
		return;
	}
	check(packet.family != 0 && packet.ttl >= 1 && (frame[0] & 1u) == 0);
	check(rt_is_station(packet.family, &packet.src) &&
	      rt_is_station(packet.family, &packet.dst));
}

/* --- the world ------------------------------------------------------------------------------ */

static void queue(struct vanity_rx *rx, const uint8_t *bytes, uint32_t length)
{
	uint32_t n = w.frames_in;

	if (n == FRAMES_IN)
		return;
	w.frames_in++;
	w.bytes[n] = malloc(length != 0 ? length : 1);
	check(w.bytes[n] != NULL);
	memcpy(w.bytes[n], bytes, length);
	w.length[n] = length;
	w.place[n] = QUEUED;
	rx->queue[rx->count++] = n;
}

/* The reader of the outputs is done with what it got: frames of ours are free again. */
static void come_home(void)
{
	for (uint32_t i = FRAMES_IN; i < FRAMES; i++) {
		if (w.place[i] == PUT)
			w.place[i] = FREE;
	}
}

static void scribble(void)
{
	uint32_t n = script_u8(&w.script) % FRAMES_IN;
	uint32_t at = script_u8(&w.script);
	uint8_t by = script_u8(&w.script);

	if (w.place[n] == HELD && at < w.length[n])
		w.bytes[n][at] ^= by;
}

/* Steps up to the next turn. */
static void steps(void)
{
	static const uint32_t ms[8] = { 0, 1, 100, 999, 1000, 5000, 31000, 1300000 };
	uint8_t frame[SCRIPT_FRAME_BYTES];
	uint32_t n;

	while (!script_ended(&w.script)) {
		switch (script_u8(&w.script) % STEPS) {
		case STEP_TIME:
			w.now += ms[script_u8(&w.script) % 8u] * (HZ / 1000);
			break;
		case STEP_FRAME:
			n = script_u8(&w.script) % PORTS;
			queue(&w.rx[n], frame, script_frame(&w.script, frame));
			break;
		case STEP_BYTES:
			n = script_u8(&w.script) % PORTS;
			queue(&w.rx[n], frame, script_bytes(&w.script, frame));
			break;
		case STEP_ROOM:
			n = script_u8(&w.script) % PORTS;
			w.tx[n].room = script_u8(&w.script) % (VANITY_BURST_MAX + 1);
			break;
		case STEP_HOME:
			come_home();
			break;
		case STEP_SCRIBBLE:
			scribble();
			break;
		case STEP_FREEZE:
			w.frozen = !w.frozen;
			break;
		case STEP_TURN:
		default:
			return;
		}
	}
}

/* The script is over: what may hold the router up is taken away. */
static bool rested(void)
{
	bool rest = true;

	w.frozen = false;
	come_home();
	for (uint32_t i = 0; i < PORTS; i++) {
		w.tx[i].room = VANITY_BURST_MAX;
		rest = rest && w.rx[i].taken == w.rx[i].count;
	}
	check(++w.turns_last < TURNS_LAST);
	/* Ten seconds more: every question ends, and those of the errors they lead to. */
	w.now += HZ / 10;
	return rest && w.turns_last > 100;
}

int vanity_running(struct vanity_shard *self)
{
	bool go_on = true;

	(void)self;
	judge_turn();
	if (script_ended(&w.script))
		go_on = !rested();
	else
		steps();
	for (uint32_t i = 0; i < PORTS; i++)
		w.tx[i].room_left = w.tx[i].room;
	if (!go_on)
		check(w.router->held_count == 0);
	return go_on;
}

void vanity_ready(struct vanity_shard *self)
{
	(void)self;
	w.ready = true;
}

void vanity_wait(struct vanity_shard *self, uint64_t spin_ns)
{
	(void)self;
	(void)spin_ns;
}

void vanity_wait_until(struct vanity_shard *self, uint64_t spin_ns, uint64_t at)
{
	(void)self;
	(void)spin_ns;
	(void)at;
}

int vanity_fatal(struct vanity_shard *self, uint32_t code, const char *words)
{
	(void)self;
	(void)code;
	(void)words;
	check(!w.ready);
	longjmp(fatal, 1);
}

void *vanity_carry(struct vanity_shard *self)
{
	(void)self;
	return w.router;
}

struct vanity_rx *vanity_rx(struct vanity_shard *self, const char *port)
{
	(void)self;
	(void)port;
	abort();
}

struct vanity_tx *vanity_tx(struct vanity_shard *self, const char *port)
{
	(void)self;
	for (uint32_t i = 0; i < PORTS; i++) {
		if (strcmp(w.tx[i].name, port) == 0)
			return &w.tx[i];
	}
	abort();
}

struct vanity_rx *vanity_rx_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	return n < PORTS ? &w.rx[n] : NULL;
}

const char *vanity_rx_name(const struct vanity_rx *rx)
{
	return rx->name;
}

struct vanity_pool *vanity_pool_at(struct vanity_shard *self, uint32_t n)
{
	(void)self;
	return n == 0 ? &w.pool : NULL;
}

const void *vanity_config(struct vanity_shard *self, size_t *ret_bytes)
{
	(void)self;
	*ret_bytes = sizeof(world) - 1;
	return world;
}

uint64_t vanity_option_u64(struct vanity_shard *self, const char *name, uint64_t otherwise)
{
	(void)self;
	if (strcmp(name, "icmp_rate") == 0)
		return w.rate;
	return strcmp(name, "hold") == 0 ? w.hold : otherwise;
}

uint32_t vanity_rx_take(struct vanity_rx *rx, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	uint32_t n = 0;

	for (; n < ref_max && rx->taken < rx->count; n++) {
		uint32_t frame = rx->queue[rx->taken++];

		check(w.place[frame] == QUEUED);
		w.place[frame] = HELD;
		ret_ref[n] = (struct vanity_ref){ .frame = frame, .length = w.length[frame] };
	}
	return n;
}

void vanity_rx_give_back(struct vanity_rx *rx, const struct vanity_ref *ref, uint32_t reason)
{
	(void)rx;
	check(ref->frame < FRAMES_IN && w.place[ref->frame] == HELD);
	check(reason != VANITY_DONE && reason < VANITY_COUNTERS_MAX);
	w.place[ref->frame] = BACK;
	w.counter[reason]++;
}

uint32_t vanity_tx_room(struct vanity_tx *tx, uint32_t max)
{
	return tx->room_left < max ? tx->room_left : max;
}

void vanity_tx_put(struct vanity_tx *tx, const struct vanity_ref *ref)
{
	check(tx->room_left > 0 && w.place[ref->frame] == HELD);
	judge_put((uint32_t)(tx - w.tx), ref);
	w.place[ref->frame] = PUT;
	tx->room_left--;
	tx->unpublished = true;
}

void vanity_tx_publish(struct vanity_tx *tx)
{
	tx->unpublished = false;
}

const void *vanity_ref_read(struct vanity_rx *rx, const struct vanity_ref *ref)
{
	(void)rx;
	check(w.place[ref->frame] == HELD);
	return w.bytes[ref->frame];
}

void *vanity_ref_write(struct vanity_shard *self, const struct vanity_ref *ref)
{
	(void)self;
	check(w.place[ref->frame] == HELD);
	return w.bytes[ref->frame];
}

uint32_t vanity_frame_take(struct vanity_pool *pool, struct vanity_ref *ret_ref, uint32_t n)
{
	uint32_t taken = 0;

	for (uint32_t i = FRAMES_IN; !w.frozen && i < FRAMES_IN + pool->frames && taken < n; i++) {
		if (w.place[i] != FREE)
			continue;
		w.place[i] = HELD;
		ret_ref[taken++] = (struct vanity_ref){ .frame = i };
	}
	return taken;
}

void vanity_frame_drop(struct vanity_pool *pool, const struct vanity_ref *ref, uint32_t reason)
{
	check(ref->frame >= FRAMES_IN && ref->frame < FRAMES_IN + pool->frames);
	check(w.place[ref->frame] == HELD && reason < VANITY_COUNTERS_MAX);
	w.place[ref->frame] = FREE;
}

uint32_t vanity_pool_frame_bytes(const struct vanity_pool *pool)
{
	return pool->frame_bytes;
}

uint64_t vanity_now(struct vanity_shard *self)
{
	(void)self;
	return w.now;
}

uint64_t vanity_hz(struct vanity_shard *self)
{
	(void)self;
	return HZ;
}

void vanity_count(struct vanity_shard *self, uint32_t counter, uint64_t n)
{
	(void)self;
	check(counter != 0 && counter < VANITY_COUNTERS_MAX);
	w.counter[counter] += n;
}

void vanity_gauge(struct vanity_shard *self, uint32_t counter, uint64_t value)
{
	(void)self;
	check(counter < VANITY_COUNTERS_MAX);
	w.counter[counter] = value;
}

void vanity_log(struct vanity_shard *self, const char *text, uint64_t a, uint64_t b)
{
	(void)self;
	(void)text;
	(void)a;
	(void)b;
}

/* --- one input ------------------------------------------------------------------------------ */

static void setup(const uint8_t *data, size_t data_bytes)
{
	static const char *const in_names[PORTS] = { "in_a", "in_b", "more" };
	static const char *const out_names[PORTS] = { "a", "b", "c" };
	static const uint32_t sizes[4] = { 2048, 256, 512, 1024 };
	static const uint64_t rates[4] = { 1000, 0, 1, 100 };

	memset(&w, 0, sizeof(w));
	w.script = (struct script){ data, data_bytes, 0 };
	w.pool.frames = 1u + script_u8(&w.script) % FRAMES_OWN;
	w.pool.frame_bytes = sizes[script_u8(&w.script) % 4u];
	w.hold = script_u8(&w.script) % 40u;
	w.rate = rates[script_u8(&w.script) % 4u];
	w.now = w.start = 1000 * HZ;
	for (uint32_t i = 0; i < PORTS; i++) {
		w.rx[i].name = in_names[i];
		w.tx[i].name = out_names[i];
		w.tx[i].room = w.tx[i].room_left = VANITY_BURST_MAX;
	}
	for (uint32_t i = FRAMES_IN; i < FRAMES_IN + w.pool.frames; i++) {
		w.bytes[i] = calloc(1, w.pool.frame_bytes);
		check(w.bytes[i] != NULL);
		w.length[i] = w.pool.frame_bytes;
	}
	w.router = calloc(1, sizeof(*w.router));
	check(w.router != NULL && vanity_carry_info.bytes == sizeof(*w.router));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	uint64_t judged = 0;

	setup(data, data_bytes);
	if (setjmp(fatal) != 0)
		abort();
	check(vanity_main(&w.shard) == 0);
	for (uint32_t i = 0; i < FRAMES; i++) {
		check(i >= w.frames_in || w.place[i] == PUT || w.place[i] == BACK);
		check(i < FRAMES_IN || w.place[i] != HELD);
		free(w.bytes[i]);
	}
	/* Every frame that came in moved one counter: a reason's, or the one of those sent on. */
	for (uint32_t i = 1; i < RT_REASONS; i++)
		judged += w.counter[i];
	judged += w.counter[ROUTER_FORWARDED] + w.counter[ROUTER_HEARD] + w.counter[ROUTER_CUT] +
		  w.counter[ROUTER_HELD_FULL] + w.counter[ROUTER_NOT_OUR_MAC];
	check(judged == w.frames_in);
	free(w.router);
	return 0;
}
