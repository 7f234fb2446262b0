/* SPDX-License-Identifier: Apache-2.0 */
#include "station.h"

#include <stdbool.h>
#include <stdint.h>

#include "../common/bytes.h"
#include "../common/mem.h"
#include "cut.h"
#include "discover.h"
#include "icmp.h"

#define LOOKS_A_SECOND 8u /* for answers that did not come, while we wait for some */
#define FRAME_BYTES_SHORTEST 60u /* IEEE 802.3, without its checksum */

/* --- frames of our own ---------------------------------------------------------------------- */

/* A frame for one message to a link, where pool and output have room. NULL: counted as unsent. */
static uint8_t *own_take(struct vanity_shard *self, struct router *router, uint32_t interface,
			 struct vanity_ref *ret)
{
	uint32_t room = router->reserved + 1;

	if (router->pool == NULL || vanity_tx_room(router->out[interface], room) < room ||
	    vanity_frame_take(router->pool, ret, 1) == 0) {
		vanity_count(self, ROUTER_UNSENT, 1);
		return NULL;
	}
	return vanity_ref_write(self, ret);
}

static void own_put(struct vanity_shard *self, struct router *router, uint32_t interface,
		    struct vanity_ref *ref, uint32_t length)
{
	uint8_t *frame = vanity_ref_write(self, ref);

	/* A frame on a wire has 60 bytes at least; nothing of an earlier one goes along. */
	if (length < FRAME_BYTES_SHORTEST) {
		memset(frame + length, 0, FRAME_BYTES_SHORTEST - length);
		length = FRAME_BYTES_SHORTEST;
	}
	ref->length = length;
	vanity_tx_put(router->out[interface], ref);
	router->put_count++;
	vanity_count(self, ROUTER_SENT, 1);
}

/* A whole packet of ours on its way, its link addresses yet to be filled in. */
static void own_send(struct vanity_shard *self, struct router *router, const struct rt_path *path,
		     uint32_t family, struct vanity_ref *ref)
{
	uint8_t *frame = vanity_ref_write(self, ref);
	const uint8_t *mac;

	if (ref->length - CRAFT_ETHERNET_BYTES > router->routes.interface[path->interface].mtu) {
		vanity_frame_drop(router->pool, ref, ROUTER_UNSENT);
		return;
	}
	mac = station_way(self, router, path, family, RT_FROM_US, ref);
	if (mac == NULL)
		return;
	memcpy(frame, mac, CRAFT_MAC_BYTES);
	memcpy(frame + CRAFT_MAC_BYTES, router->routes.interface[path->interface].mac,
	       CRAFT_MAC_BYTES);
	own_put(self, router, path->interface, ref, ref->length);
}

/* --- frames that wait ----------------------------------------------------------------------- */

static void held_drop(struct vanity_shard *self, struct router *router, const struct rt_held *held,
		      uint32_t reason)
{
	(void)self;
	/* Reasons are of frames that came in: their sum is what was taken. */
	if (held->from == RT_FROM_US)
		vanity_frame_drop(router->pool, &held->ref, ROUTER_UNSENT);
	else
		vanity_rx_give_back(router->in[held->from], &held->ref, reason);
}

static void hold(struct vanity_shard *self, struct router *router, struct rt_neighbour *entry,
		 uint32_t from, uint32_t interface, const struct vanity_ref *ref)
{
	struct rt_held held = { *ref, (uint8_t)from, (uint8_t)interface };

	/* The newest is the one somebody still waits for: RFC 4861, 7.2.2; RFC 1122, 2.3.2.2. */
	if (entry->held_count == RT_HELD_MAX ||
	    (entry->held_count > 0 && router->held_count == router->held_max)) {
		held_drop(self, router, &entry->held[0], ROUTER_HELD_FULL);
		entry->held_count--;
		router->held_count--;
		memmove(&entry->held[0], &entry->held[1],
			entry->held_count * sizeof(entry->held[0]));
	}
	if (router->held_count == router->held_max) {
		held_drop(self, router, &held, ROUTER_HELD_FULL);
		return;
	}
	entry->held[entry->held_count++] = held;
	router->held_count++;
}

/* What waited for an entry that has its link address now. */
static void release(struct router *router, struct rt_neighbour *entry)
{
	if (entry->state == RT_NEIGHBOUR_INCOMPLETE)
		return;
	for (uint32_t i = 0; i < entry->held_count; i++) {
		uint32_t at = (router->released_first + router->released_count++) % ROUTER_HELD_MAX;

		router->released[at] = entry->held[i];
	}
	entry->held_count = 0;
}

/* --- neighbours ----------------------------------------------------------------------------- */

static void ask(struct vanity_shard *self, struct router *router, const struct rt_neighbour *entry,
		bool all)
{
	const struct rt_interface *out = &router->routes.interface[entry->interface];
	const uint8_t *mac = all ? NULL : entry->mac;
	struct craft_addr src;
	struct vanity_ref ref;
	uint8_t *frame;

	if (!rt_own_source(&router->routes, entry->interface, entry->family, &entry->addr, &src)) {
		vanity_count(self, ROUTER_UNSENT, 1);
		return;
	}
	frame = own_take(self, router, entry->interface, &ref);
	if (frame == NULL)
		return;
	if (entry->family == 4) {
		rt_arp_write(frame, true, out, &src, &entry->addr, mac);
		own_put(self, router, entry->interface, &ref, RT_ARP_FRAME_BYTES);
	} else {
		rt_nd_ask(frame, out, &src, &entry->addr, mac);
		own_put(self, router, entry->interface, &ref, RT_ND_FRAME_BYTES);
	}
}

const uint8_t *station_way(struct vanity_shard *self, struct router *router,
			   const struct rt_path *path, uint32_t family, uint32_t from,
			   const struct vanity_ref *ref)
{
	struct rt_held given_up = { *ref, (uint8_t)from, 0 };
	struct rt_neighbour *entry;

	if (path->mac != NULL)
		return path->mac;
	entry = rt_neighbour_find(&router->neighbours, path->interface, family, &path->next);
	if (entry == NULL) {
		entry = rt_neighbour_ask(&router->neighbours, path->interface, family, &path->next,
					 router->now);
		if (entry == NULL) {
			held_drop(self, router, &given_up, RT_NO_NEIGHBOUR);
			return NULL;
		}
		(void)rt_neighbour_due(&router->neighbours, entry, router->now);
		ask(self, router, entry, true);
	}
	if (entry->state == RT_NEIGHBOUR_INCOMPLETE) {
		hold(self, router, entry, from, path->interface, ref);
		return NULL;
	}
	rt_neighbour_use(&router->neighbours, entry, router->now);
	return entry->mac;
}

bool station_is_meant(const struct router *router, uint32_t from, const void *frame,
		      uint32_t length)
{
	const struct rt_routes *routes = &router->routes;
	uint32_t link = router->in_link[from];
	uint8_t dst[CRAFT_MAC_BYTES];

	if (length < CRAFT_ETHERNET_BYTES)
		return true; /* malformed, and counted as that */
	memcpy(dst, frame, sizeof(dst));
	if ((dst[0] & 1u) != 0)
		return true;
	for (uint32_t i = 0; i < routes->interface_count; i++) {
		if ((link == RT_LINK_UNKNOWN || link == i) &&
		    memcmp(dst, routes->interface[i].mac, sizeof(dst)) == 0)
			return true;
	}
	return false;
}

static bool is_own_mac(const struct router *router, const uint8_t mac[CRAFT_MAC_BYTES])
{
	for (uint32_t i = 0; i < router->routes.interface_count; i++) {
		if (memcmp(mac, router->routes.interface[i].mac, CRAFT_MAC_BYTES) == 0)
			return true;
	}
	return false;
}

/* Not about us; but whom we know may have moved: RFC 826's merge flag. */
static void merge(struct router *router, const struct rt_talk *talk, uint32_t link)
{
	struct rt_neighbours *cache = &router->neighbours;

	for (uint32_t i = 0; talk->has_mac && i < router->routes.interface_count; i++) {
		struct rt_neighbour *entry;

		if (link != RT_LINK_UNKNOWN && link != i)
			continue;
		entry = rt_neighbour_find(cache, i, talk->family, &talk->src);
		if (entry == NULL)
			continue;
		rt_neighbour_heard_of(cache, entry, i, talk->family, &talk->src, talk->mac,
				      router->now);
		release(router, entry);
	}
}

static void learn(struct router *router, const struct rt_talk *talk, uint32_t interface)
{
	struct rt_neighbours *cache = &router->neighbours;
	struct rt_neighbour *entry = rt_neighbour_find(cache, interface, talk->family, &talk->src);

	entry = rt_neighbour_heard_of(cache, entry, interface, talk->family, &talk->src, talk->mac,
				      router->now);
	if (entry != NULL)
		release(router, entry);
}

/* The station at @mac asked for an address of ours, or for another's and told us his own. */
static void asked(struct vanity_shard *self, struct router *router, const struct rt_talk *talk,
		  const uint8_t *mac, uint32_t link)
{
	const struct rt_interface *out;
	struct vanity_ref ref;
	uint8_t interface;
	uint8_t *answer;

	if (!rt_own(&router->routes, talk->family, &talk->target, &interface) ||
	    (link != RT_LINK_UNKNOWN && link != interface)) {
		merge(router, talk, link);
		return;
	}
	out = &router->routes.interface[interface];
	if (!talk->no_source) {
		bool near = rt_is_link_local(talk->family, &talk->src) ||
			    rt_interface_network(out, talk->family, &talk->src) != NULL;

		/* A host may ask from any address it has, but who knows from where? */
		if (!near && link == RT_LINK_UNKNOWN)
			return;
		if (near && talk->has_mac)
			learn(router, talk, interface);
	}
	answer = own_take(self, router, interface, &ref);
	if (answer == NULL)
		return;
	if (talk->family == 4) {
		rt_arp_write(answer, false, out, &talk->target, &talk->src, mac);
		own_put(self, router, interface, &ref, RT_ARP_FRAME_BYTES);
	} else {
		rt_nd_answer(answer, out, talk, mac);
		own_put(self, router, interface, &ref, RT_ND_FRAME_BYTES);
	}
}

static void answered(struct router *router, const struct rt_talk *talk, const uint8_t *frame,
		     uint32_t link)
{
	bool all = (craft_load_u8(frame) & 1u) != 0;

	for (uint32_t i = 0; i < router->routes.interface_count; i++) {
		struct rt_neighbour *entry =
			rt_neighbour_find(&router->neighbours, i, talk->family, &talk->target);

		/* An answer goes to the link address that asked: another link's is no answer. */
		if (entry == NULL || (link != RT_LINK_UNKNOWN && link != i) ||
		    (!all && memcmp(frame, router->routes.interface[i].mac, CRAFT_MAC_BYTES) != 0))
			continue;
		rt_neighbour_answered(&router->neighbours, entry, talk->has_mac ? talk->mac : NULL,
				      talk->solicited, talk->override, router->now);
		release(router, entry);
	}
}

static void talked(struct vanity_shard *self, struct router *router, const struct rt_talk *talk,
		   const uint8_t *frame, uint32_t link)
{
	const struct craft_addr *who = talk->kind == RT_TALK_ASKS ? &talk->src : &talk->target;
	uint8_t mac[CRAFT_MAC_BYTES];
	uint8_t interface;

	memcpy(mac, talk->has_mac ? talk->mac : frame + CRAFT_MAC_BYTES, sizeof(mac));
	/* From one station (IEEE 802, 8.2), and not from us: we would talk to ourselves. */
	if ((mac[0] & 1u) != 0 || is_own_mac(router, mac))
		return;
	/* Another station with an address of ours is not believed, and somebody should know. */
	if (!talk->no_source && rt_own(&router->routes, talk->family, who, &interface)) {
		vanity_count(self, ROUTER_CONFLICTS, 1);
		return;
	}
	if (talk->kind == RT_TALK_ASKS)
		asked(self, router, talk, mac, link);
	else
		answered(router, talk, frame, link);
}

uint32_t station_cut(struct vanity_shard *self, struct router *router, const void *frame,
		     const struct rt_decision *decision, uint32_t from,
		     const struct vanity_ref *ref)
{
	const struct craft_packet *packet = &decision->packet;
	const struct rt_interface *out = &router->routes.interface[decision->path.interface];
	uint32_t payload_bytes = packet->l3_end - packet->l4;
	uint32_t bytes = rt_cut_bytes(packet, out->mtu, router->pool_frame_bytes);
	uint32_t pieces = bytes != 0 ? (payload_bytes + bytes - 1) / bytes : RT_PIECES_MAX + 1;
	struct vanity_ref piece[RT_PIECES_MAX];
	const uint8_t *mac;
	uint32_t room, taken;

	if (pieces > RT_PIECES_MAX)
		return RT_TOO_BIG;
	mac = station_way(self, router, &decision->path, 4, from, ref);
	if (mac == NULL)
		return ROUTER_GONE;
	/* All of them or none: a packet with a hole is only load. */
	room = router->reserved + pieces;
	taken = 0;
	if (vanity_tx_room(router->out[decision->path.interface], room) >= room)
		taken = vanity_frame_take(router->pool, piece, pieces);
	if (taken < pieces) {
		for (uint32_t i = 0; i < taken; i++)
			vanity_frame_drop(router->pool, &piece[i], VANITY_DONE);
		vanity_count(self, ROUTER_UNSENT, 1);
		return RT_TOO_BIG;
	}
	for (uint32_t i = 0; i < pieces; i++) {
		uint8_t *to = vanity_ref_write(self, &piece[i]);
		uint32_t length = rt_cut(to, frame, packet, i * bytes, bytes);
		uint32_t header_bytes = packet->l4 - packet->l3;

		/* Neither list is copied into the pieces behind the first: RFC 791, 3.1. */
		if (i == 0 && header_bytes > CRAFT_IP4_BYTES)
			rt_mark(&router->routes, to + packet->l3, header_bytes,
				decision->path.interface, router->stamp);
		memcpy(to, mac, CRAFT_MAC_BYTES);
		memcpy(to + CRAFT_MAC_BYTES, out->mac, CRAFT_MAC_BYTES);
		own_put(self, router, decision->path.interface, &piece[i], length);
	}
	return ROUTER_CUT;
}

/* --- ICMP ----------------------------------------------------------------------------------- */

static void tell(struct vanity_shard *self, struct router *router, const void *frame,
		 uint32_t length, const struct craft_packet *packet, const struct rt_error *error)
{
	struct rt_path path;
	struct craft_addr src;
	struct vanity_ref ref;
	uint8_t *message;

	if (error->type == 0 || packet->tagged ||
	    !rt_icmp_may_tell(&router->routes, frame, length, packet) ||
	    !rt_path_find(&router->routes, packet->family, &packet->src, &path))
		return;
	if (router->pool == NULL ||
	    !rt_own_source(&router->routes, path.interface, packet->family, &path.next, &src)) {
		vanity_count(self, ROUTER_UNSENT, 1);
		return;
	}
	if (!rt_limit_take(&router->limit, router->now)) {
		vanity_count(self, ROUTER_LIMITED, 1);
		return;
	}
	message = own_take(self, router, path.interface, &ref);
	if (message == NULL)
		return;
	ref.length = rt_icmp_error(message, router->pool_frame_bytes, frame, packet, &src, error);
	own_send(self, router, &path, packet->family, &ref);
}

/* A packet for an address of ours. */
static void arrived(struct vanity_shard *self, struct router *router, const void *frame,
		    uint32_t length, const struct craft_packet *packet, uint32_t interface)
{
	struct rt_error error = rt_icmp_arrived(packet);
	struct rt_path path;
	struct vanity_ref ref;
	uint8_t own;
	uint8_t *reply;

	if (error.type != 0) {
		tell(self, router, frame, length, packet, &error);
		return;
	}
	if (packet->tagged || !rt_is_station(packet->family, &packet->src) ||
	    rt_own(&router->routes, packet->family, &packet->src, &own))
		return;
	if (rt_is_link_local(packet->family, &packet->src)) {
		path.next = packet->src;
		path.mac = NULL;
		path.interface = (uint8_t)interface;
	} else if (!rt_path_find(&router->routes, packet->family, &packet->src, &path)) {
		return;
	}
	if (!rt_limit_take(&router->limit, router->now)) {
		vanity_count(self, ROUTER_LIMITED, 1);
		return;
	}
	reply = own_take(self, router, path.interface, &ref);
	if (reply == NULL)
		return;
	router->ident = (uint16_t)(router->ident + 1u == 0x10000u ? 1u : router->ident + 1u);
	ref.length = rt_icmp_echo(reply, router->pool_frame_bytes, frame, packet, router->ident);
	if (ref.length == 0) {
		vanity_frame_drop(router->pool, &ref, VANITY_DONE);
		return;
	}
	own_send(self, router, &path, packet->family, &ref);
}

uint32_t station_heard(struct vanity_shard *self, struct router *router, uint32_t link,
		       const void *frame, uint32_t length, const struct rt_decision *decision,
		       uint32_t reason)
{
	struct craft_packet packet;
	struct rt_talk talk;
	uint8_t interface;

	if (reason == RT_NOT_IP && router->pool != NULL && rt_arp_read(frame, length, &talk)) {
		talked(self, router, &talk, frame, link);
		return ROUTER_HEARD;
	}
	if (reason != RT_FOR_US && reason != RT_NOT_FOR_US) {
		tell(self, router, frame, length, &decision->packet, &decision->error);
		return reason;
	}
	if (router->pool == NULL ||
	    craft_packet_transport(frame, length, &packet) != CRAFT_FAULT_NONE)
		return reason;
	if (rt_nd_read(frame, &packet, &talk)) {
		talked(self, router, &talk, frame, link);
		return ROUTER_HEARD;
	}
	/* A group's ping is not answered: RFC 1812, 4.3.3.6. */
	if ((craft_load_u8(frame) & 1u) != 0 ||
	    !rt_own(&router->routes, packet.family, &packet.dst, &interface))
		return reason;
	arrived(self, router, frame, length, &packet, interface);
	return RT_FOR_US;
}

/* --- time ----------------------------------------------------------------------------------- */

/* Nobody answered: whoever sent what waited is told, and the frames go home. */
static void gone(struct vanity_shard *self, struct router *router, struct rt_neighbour *entry)
{
	const struct rt_error four = { RT_ICMP4_UNREACHABLE, RT_ICMP4_HOST, 0 };
	const struct rt_error six = { RT_ICMP6_UNREACHABLE, RT_ICMP6_ADDRESS, 0 };
	struct rt_held waited[RT_HELD_MAX];
	uint32_t count = entry->held_count;

	/* The way back to a sender may be the same neighbour: what waits from here on is new. */
	memcpy(waited, entry->held, sizeof(waited));
	entry->held_count = 0;
	rt_neighbour_forget(&router->neighbours, entry);
	for (uint32_t i = 0; i < count; i++) {
		const struct rt_held *held = &waited[i];
		struct craft_packet packet;

		/* What we say ourselves is not worth an error: RFC 1812, 4.3.2.7. */
		if (held->from != RT_FROM_US) {
			const void *frame = vanity_ref_read(router->in[held->from], &held->ref);

			if (craft_packet_ip(frame, held->ref.length, &packet) == CRAFT_FAULT_NONE)
				tell(self, router, frame, held->ref.length, &packet,
				     packet.family == 4 ? &four : &six);
		}
		held_drop(self, router, held, RT_NO_NEIGHBOUR);
		router->held_count--;
	}
}

static void work_off_released(struct vanity_shard *self, struct router *router)
{
	/* Who must wait again stands behind all others: no turn is longer than its start. */
	for (uint32_t n = router->released_count; n > 0; n--) {
		struct rt_held held = router->released[router->released_first];
		struct craft_packet packet;
		struct rt_path path;

		for (uint32_t i = 0; i < router->routes.interface_count; i++) {
			if (vanity_tx_room(router->out[i], 1) == 0)
				return;
		}
		router->released_first = (router->released_first + 1) % ROUTER_HELD_MAX;
		router->released_count--;
		router->held_count--;
		if (held.from != RT_FROM_US) {
			router_frame(self, router, held.from, &held.ref);
			continue;
		}
		if (craft_packet_ip(vanity_ref_write(self, &held.ref), held.ref.length, &packet) !=
		    CRAFT_FAULT_NONE) {
			vanity_frame_drop(router->pool, &held.ref, ROUTER_UNSENT);
			continue;
		}
		if (!rt_path_find(&router->routes, packet.family, &packet.dst, &path)) {
			path.next = packet.dst;
			path.mac = NULL;
			path.interface = held.interface;
		}
		own_send(self, router, &path, packet.family, &held.ref);
	}
}

void station_turn(struct vanity_shard *self, struct router *router)
{
	struct rt_neighbours *cache = &router->neighbours;

	router->now = vanity_now(self);
	router->stamp = (uint32_t)(router->now / router->ticks_a_ms);
	work_off_released(self, router);
	for (uint32_t n = rt_neighbours_sweep(cache, router->now); n > 0; n--) {
		struct rt_neighbour *entry = rt_neighbours_next(cache);

		switch (rt_neighbour_due(cache, entry, router->now)) {
		case RT_DUE_ASK_ALL:
			ask(self, router, entry, true);
			break;
		case RT_DUE_ASK_HIM:
			ask(self, router, entry, false);
			break;
		case RT_DUE_GONE:
			gone(self, router, entry);
			break;
		case RT_DUE_NOTHING:
		default:
			break;
		}
	}
	vanity_gauge(self, ROUTER_NEIGHBOURS, cache->count);
}

uint64_t station_due(const struct router *router)
{
	if (router->neighbours.asked_count == 0)
		return VANITY_NEVER;
	return router->now + router->neighbours.hz / LOOKS_A_SECOND;
}

void station_stop(struct vanity_shard *self, struct router *router)
{
	for (uint32_t i = 1; i <= RT_NEIGHBOURS_MAX; i++) {
		struct rt_neighbour *entry = &router->neighbours.entry[i];

		for (uint32_t k = 0; k < entry->held_count; k++)
			held_drop(self, router, &entry->held[k], RT_NO_NEIGHBOUR);
		entry->held_count = 0;
	}
	for (; router->released_count > 0; router->released_count--) {
		held_drop(self, router, &router->released[router->released_first], RT_NO_NEIGHBOUR);
		router->released_first = (router->released_first + 1) % ROUTER_HELD_MAX;
	}
	router->held_count = 0;
}
