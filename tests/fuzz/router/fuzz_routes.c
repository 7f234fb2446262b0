/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_routes: any bytes as a router's config; every route of an accepted one is found again,
 * by its prefix and by its first address, and the table keeps within its nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "router/routes.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

static void look_up(const struct rt_routes *routes)
{
	const struct rt_table *table = &routes->table;

	check(routes->interface_count >= 1 && routes->interface_count <= RT_INTERFACES_MAX);
	check(table->route_count <= RT_ROUTES_MAX && table->node_count <= 2 * table->route_count);
	for (uint32_t i = 1; i <= table->route_count; i++) {
		const struct rt_route *route = &table->route[i];
		struct craft_prefix prefix = { route->addr, route->family, route->length };
		const struct rt_route *best;

		check(route->hop.interface < routes->interface_count);
		check(rt_table_find(table, &prefix) == route);
		best = rt_table_lookup(table, route->family, &route->addr);
		check(best != NULL && best->length >= route->length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
	static struct rt_routes routes;
	struct craft_errors errors;

	memset(&routes, 0, sizeof(routes));
	memset(&errors, 0, sizeof(errors));
	if (rt_routes_parse(&routes, data, data_bytes, &errors) == 0) {
		check(errors.count == 0);
		look_up(&routes);
		return 0;
	}
	check(errors.count > 0 && routes.interface_count == 0 && routes.table.route_count == 0);
	for (uint32_t i = 0; i < errors.count && i < CRAFT_ERRORS_KEPT; i++) {
		char line[200] = "";

		check(errors.kept[i].line >= 1 && errors.kept[i].column >= 1);
		craft_error_line(&errors.kept[i], line, sizeof(line));
		for (const char *at = line; *at != '\0'; at++)
			check(*at >= 0x20 && *at <= 0x7e && *at != '%');
	}
	return 0;
}
