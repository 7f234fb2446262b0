/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: the longest prefix decides where a frame goes; MACs, hop limit and checksum are
 * rewritten where it lies. Each interface of the config is an output of the same name.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/mem.h"
#include "../common/report.h"
#include "station.h"

#define ICMP_RATE 1000u /* messages a second, and at once */
#define ICMP_BURST 50u
#define HELD 32u
#define ROUTER_FRAME_BYTES_MIN 256u

enum { ROUTER_BAD_ROUTES = 1, ROUTER_NO_ROUTES, ROUTER_SMALL_FRAMES, ROUTER_MANY_INPUTS };
VANITY_COUNTERS({ RT_NO_ROUTE, "no_route" }, { RT_TTL_EXPIRED, "ttl_expired" },
		{ RT_MALFORMED, "malformed" }, { RT_BAD_CHECKSUM, "bad_checksum" },
		{ RT_NOT_FOR_US, "not_for_us" }, { RT_FOR_US, "for_us" },
		{ RT_NO_NEIGHBOUR, "no_neighbour" }, { RT_NOT_IP, "not_ip" },
		{ RT_BAD_SOURCE, "bad_source" }, { RT_SOURCE_ROUTED, "source_routed" },
		{ RT_BAD_OPTION, "bad_option" }, { RT_TOO_BIG, "too_big" },
		{ ROUTER_FORWARDED, "forwarded" }, { ROUTER_READ_ONLY, "read_only" },
		{ ROUTER_HEARD, "heard" }, { ROUTER_HELD_FULL, "held_full" },
		{ ROUTER_SENT, "sent" }, { ROUTER_UNSENT, "unsent" }, { ROUTER_LIMITED, "limited" },
		{ ROUTER_NEIGHBOURS, "neighbours" }, { ROUTER_CUT, "cut" },
		{ ROUTER_NOT_OUR_MAC, "not_our_mac" }, { ROUTER_CONFLICTS, "conflicts" })

VANITY_CARRY(struct router, 5)

/* `in_NAME` is an end of the link of the interface NAME. */
static uint32_t link_of(const struct router *router, const char *input)
{
	uint32_t link = 0;

	if (input[0] != 'i' || input[1] != 'n' || input[2] != '_')
		return RT_LINK_UNKNOWN;
	for (; link < router->routes.interface_count; link++) {
		const char *name = router->routes.interface[link].name;
		uint32_t i = 0;

		while (name[i] != '\0' && name[i] == input[3 + i])
			i++;
		if (name[i] == input[3 + i])
			return link;
	}
	return RT_LINK_UNKNOWN;
}

static int load(struct vanity_shard *self, struct router *router)
{
	struct craft_errors errors;
	size_t config_bytes = 0;
	const void *config = vanity_config(self, &config_bytes);

	if (config == NULL)
		return vanity_fatal(self, ROUTER_NO_ROUTES,
				    "router needs its routes: config = \"FILE\"");
	memset(&errors, 0, sizeof(errors));
	if (rt_routes_parse(&router->routes, config, config_bytes, &errors) != 0)
		return craft_report(self, ROUTER_BAD_ROUTES, "routes", &errors);
	for (uint32_t i = 0; i < router->routes.interface_count; i++)
		router->out[i] = vanity_tx(self, router->routes.interface[i].name);
	for (uint32_t i = 0; i < router->in_count; i++)
		router->in_link[i] = (uint8_t)link_of(router, vanity_rx_name(router->in[i]));
	vanity_log(self, "%0 interfaces, %1 routes, neighbours and addresses",
		   router->routes.interface_count, router->routes.table.route_count);
	return 0;
}

/* Every input is served alike; there is at least `in`. */
static int bind_inputs(struct vanity_shard *self, struct router *router)
{
	for (uint32_t i = 0; vanity_rx_at(self, i) != NULL; i++) {
		if (i == ROUTER_INPUTS_MAX)
			return vanity_fatal(self, ROUTER_MANY_INPUTS, "more than 32 inputs");
		router->in[i] = vanity_rx_at(self, i);
		router->in_count = i + 1;
	}
	if (router->in_count == 0)
		(void)vanity_rx(self, "in");
	return 0;
}

static int bind_pool(struct vanity_shard *self, struct router *router)
{
	uint64_t hz = vanity_hz(self);
	uint64_t rate = vanity_option_u64(self, "icmp_rate", ICMP_RATE);
	uint64_t held = vanity_option_u64(self, "hold", HELD);

	router->pool = vanity_pool_at(self, 0);
	if (router->pool == NULL)
		return 0;
	router->pool_frame_bytes = vanity_pool_frame_bytes(router->pool);
	/* Room for every message but the longest pings and errors, which are cut or not sent. */
	if (router->pool_frame_bytes < ROUTER_FRAME_BYTES_MIN)
		return vanity_fatal(self, ROUTER_SMALL_FRAMES, "the router's own frames are small");
	router->held_max = held < ROUTER_HELD_MAX ? (uint32_t)held : ROUTER_HELD_MAX;
	rt_limit_init(&router->limit, hz, rate < hz ? rate : hz, ICMP_BURST);
	rt_neighbours_init(&router->neighbours, hz);
	router->ticks_a_ms = hz >= 1000 ? hz / 1000 : 1;
	return 0;
}

/* Any frame may go to any output: the fullest one says how many we can take. */
static uint32_t room(const struct router *router)
{
	uint32_t least = VANITY_BURST_MAX;

	for (uint32_t i = 0; i < router->routes.interface_count && least > 0; i++)
		least = vanity_tx_room(router->out[i], least);
	return least;
}

void router_frame(struct vanity_shard *self, struct router *router, uint32_t from,
		  const struct vanity_ref *ref)
{
	struct vanity_rx *in = router->in[from];
	void *frame = vanity_ref_write(self, ref);
	struct rt_decision d;
	const uint8_t *mac;
	uint32_t reason;

	if (frame == NULL) {
		/* The topology's mistake, not the packet's: say `access = [ router:rw ]`. */
		vanity_rx_give_back(in, ref, ROUTER_READ_ONLY);
		return;
	}
	/* Without a pool we are no station of a link: whoever hands us a frame means us. */
	if (router->pool != NULL && !station_is_meant(router, from, frame, ref->length)) {
		vanity_rx_give_back(in, ref, ROUTER_NOT_OUR_MAC);
		return;
	}
	reason = rt_decide(&router->routes, frame, ref->length, &d);
	if (reason == RT_FORWARD) {
		mac = d.path.mac;
	} else if (reason == RT_NO_NEIGHBOUR && router->pool != NULL) {
		mac = station_way(self, router, &d.path, d.packet.family, from, ref);
		if (mac == NULL)
			return;
	} else if (reason == RT_TOO_BIG && d.error.type == 0 && router->pool != NULL) {
		reason = station_cut(self, router, frame, &d, from, ref);
		if (reason != ROUTER_GONE)
			vanity_rx_give_back(in, ref, reason);
		return;
	} else {
		reason = station_heard(self, router, router->in_link[from], frame, ref->length, &d,
				       reason);
		vanity_rx_give_back(in, ref, reason);
		return;
	}
	rt_rewrite(&router->routes, frame, &d.packet, d.path.interface, mac, router->stamp);
	vanity_tx_put(router->out[d.path.interface], ref);
	router->forwarded++;
	router->put_count++;
}

static uint32_t burst(struct vanity_shard *self, struct router *router, uint32_t from)
{
	struct vanity_ref ref[VANITY_BURST_MAX];
	uint32_t n = vanity_rx_take(router->in[from], ref, room(router));

	for (uint32_t i = 0; i < n; i++) {
		router->reserved = n - i - 1;
		router_frame(self, router, from, &ref[i]);
	}
	return n;
}

int vanity_main(struct vanity_shard *self)
{
	struct router *router = vanity_carry(self);
	uint64_t spin_ns = vanity_option_u64(self, "spin", VANITY_SPIN_DEFAULT);

	if (bind_inputs(self, router) != 0 || load(self, router) != 0 ||
	    bind_pool(self, router) != 0)
		return 1;
	vanity_ready(self);
	while (vanity_running(self)) {
		uint32_t taken = 0;

		router->forwarded = 0;
		router->put_count = 0;
		if (router->pool != NULL)
			station_turn(self, router);
		/* What was released and found no room goes first. */
		for (uint32_t i = 0; router->released_count == 0 && i < router->in_count; i++)
			taken += burst(self, router, i);
		if (router->put_count > 0) {
			for (uint32_t i = 0; i < router->routes.interface_count; i++)
				vanity_tx_publish(router->out[i]);
		}
		if (taken > 0 || router->put_count > 0)
			vanity_count(self, ROUTER_FORWARDED, router->forwarded);
		else
			vanity_wait_until(self, spin_ns, station_due(router));
	}
	station_stop(self, router);
	return 0;
}
