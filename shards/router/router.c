/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router: the longest prefix decides where a frame goes; MACs, hop limit and checksum are
 * rewritten where it lies. Each interface of the config is an output of the same name.
 */
#include <stdint.h>

#include <vanity/vanity.h>

#include "../common/mem.h"
#include "../common/report.h"
#include "forward.h"

#define SPIN_NS 50000u

enum { ROUTER_BAD_ROUTES = 1, ROUTER_NO_ROUTES };
/* Behind the reasons of forward.h, which are counters 1.. themselves. */
enum { ROUTER_FORWARDED = RT_REASONS, ROUTER_READ_ONLY };

VANITY_COUNTERS({ RT_NO_ROUTE, "no_route" }, { RT_TTL_EXPIRED, "ttl_expired" },
		{ RT_MALFORMED, "malformed" }, { RT_BAD_CHECKSUM, "bad_checksum" },
		{ RT_NOT_FOR_US, "not_for_us" }, { RT_FOR_US, "for_us" },
		{ RT_NO_NEIGHBOUR, "no_neighbour" }, { RT_NOT_IP, "not_ip" },
		{ RT_BAD_SOURCE, "bad_source" }, { RT_SOURCE_ROUTED, "source_routed" },
		{ RT_BAD_OPTION, "bad_option" }, { RT_TOO_BIG, "too_big" },
		{ ROUTER_FORWARDED, "forwarded" }, { ROUTER_READ_ONLY, "read_only" })

struct router {
	struct vanity_tx *out[RT_INTERFACES_MAX];
	struct rt_routes routes;
};
VANITY_CARRY(struct router, 2)

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
	vanity_log(self, "%0 interfaces, %1 routes, neighbours and addresses",
		   router->routes.interface_count, router->routes.table.route_count);
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

static void route_one(struct vanity_shard *self, struct router *router, struct vanity_rx *in,
		      const struct vanity_ref *ref, uint32_t *forwarded)
{
	void *frame = vanity_ref_write(self, ref);
	uint32_t interface = 0;
	uint32_t reason;

	if (frame == NULL) {
		/* The topology's mistake, not the packet's: say `access = [ router:rw ]`. */
		vanity_rx_give_back(in, ref, ROUTER_READ_ONLY);
		return;
	}
	reason = rt_routes_forward(&router->routes, frame, ref->length, &interface);
	if (reason != RT_FORWARD) {
		vanity_rx_give_back(in, ref, reason);
		return;
	}
	vanity_tx_put(router->out[interface], ref);
	(*forwarded)++;
}

int vanity_main(struct vanity_shard *self)
{
	struct router *router = vanity_carry(self);
	struct vanity_rx *in = vanity_rx(self, "in");
	uint64_t spin_ns = vanity_option_u64(self, "spin", SPIN_NS);

	if (load(self, router) != 0)
		return 1;
	vanity_ready(self);
	while (vanity_running(self)) {
		struct vanity_ref ref[VANITY_BURST_MAX];
		uint32_t n = vanity_rx_take(in, ref, room(router));
		uint32_t forwarded = 0;

		for (uint32_t i = 0; i < n; i++)
			route_one(self, router, in, &ref[i], &forwarded);
		if (n == 0) {
			vanity_wait(self, spin_ns);
			continue;
		}
		for (uint32_t i = 0; i < router->routes.interface_count; i++)
			vanity_tx_publish(router->out[i]);
		vanity_count(self, ROUTER_FORWARDED, forwarded);
	}
	return 0;
}
