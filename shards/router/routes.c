/* SPDX-License-Identifier: Apache-2.0 */
#include "routes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/mem.h"

static const char line_words[][CRAFT_NAME_BYTES] = { "interface", "neighbour", "route" };
#define LINE_WORDS 3u

/* The order in which kinds of lines are understood: each needs only those before it. */
enum pass { PASS_INTERFACES, PASS_NEIGHBOURS, PASS_ROUTES, PASSES };

struct parser {
	struct rt_routes *routes;
	struct craft_errors *errors;
	uint32_t line;
};

const struct craft_prefix *rt_interface_network(const struct rt_interface *interface,
						uint32_t family, const struct craft_addr *addr)
{
	for (uint32_t i = 0; i < interface->address_count; i++) {
		const struct craft_prefix *own = &interface->address[i];
		struct craft_addr mask = craft_addr_mask(own->length);

		if (own->family == family && (((own->addr.hi ^ addr->hi) & mask.hi) |
					      ((own->addr.lo ^ addr->lo) & mask.lo)) == 0)
			return own;
	}
	return NULL;
}

/* --- pieces of a line ----------------------------------------------------------------------- */

/* Words that say what was expected at a place, then what was found there. */
static bool refuse_found(struct parser *p, const struct craft_word *word, const char *expected,
			 const char *hint)
{
	struct craft_error *error = craft_error_at(p->errors, p->line, 0, word, "", hint);

	error->words[0] = '\0';
	craft_say(error->words, sizeof(error->words), "expected ");
	craft_say(error->words, sizeof(error->words), expected);
	craft_say(error->words, sizeof(error->words), ", found ");
	if (word->length == 0) {
		craft_say(error->words, sizeof(error->words), "the end of the line");
	} else {
		craft_say(error->words, sizeof(error->words), "'");
		craft_say_word(error->words, sizeof(error->words), word);
		craft_say(error->words, sizeof(error->words), "'");
	}
	return false;
}

static bool refuse_because(struct parser *p, const struct craft_word *word, const char *words,
			   const char *hint)
{
	craft_error_at(p->errors, p->line, 0, word, words, hint);
	return false;
}

/* The same, where the reason is another line of the file. */
static bool refuse_line(struct parser *p, const struct craft_word *word, const char *words,
			uint32_t line)
{
	struct craft_error *error = craft_error_at(p->errors, p->line, 0, word, words, "see line ");

	craft_say_u32(error->hint, sizeof(error->hint), line);
	return false;
}

static bool expect_end(struct parser *p, struct craft_line *line)
{
	struct craft_word word;

	if (!craft_text_word(line, &word))
		return true;
	return refuse_found(p, &word, "the end of the line", NULL);
}

static bool parse_mac(struct parser *p, struct craft_line *line, uint8_t ret[CRAFT_MAC_BYTES])
{
	static const uint8_t none[CRAFT_MAC_BYTES] = { 0 };
	struct craft_word word;

	craft_text_word(line, &word);
	if (!craft_word_mac(&word, ret))
		return refuse_found(p, &word, "a link address", "like 02:00:00:00:00:01");
	/* The lowest bit of the first byte is a group of stations: IEEE 802, 8.2. */
	if ((ret[0] & 1u) != 0)
		return refuse_because(p, &word, "a group's link address is nobody's",
				      "its first byte must be even");
	if (memcmp(ret, none, CRAFT_MAC_BYTES) == 0)
		return refuse_because(p, &word, "this link address is nobody's", NULL);
	return true;
}

/* ADDR[/LEN]. Return: whether it is there and right. */
static bool parse_prefix(struct parser *p, const struct craft_word *word, bool host_bits,
			 bool *ret_has_length, struct craft_prefix *ret)
{
	uint32_t slash = craft_word_find(word, '/');
	struct craft_word addr = craft_word_cut(word, 0, slash);
	struct craft_word length = craft_word_cut(word, slash + 1, word->length);

	*ret_has_length = slash < word->length;
	if (craft_word_is(word, "default") || craft_word_is(word, "any"))
		return refuse_because(p, word, "not a prefix", "write 0.0.0.0/0 or ::/0");
	return craft_word_prefix(p->errors, p->line, &addr, *ret_has_length ? &length : NULL,
				 host_bits, ret);
}

/* An address that stands for one station: not a group, not this host, not nobody. */
static bool is_unicast(const struct craft_prefix *a)
{
	if (a->family == 4)
		return a->addr.hi >> 60 != 0xe && a->addr.hi >> 60 != 0xf &&
		       a->addr.hi >> 56 != 127 && a->addr.hi >> 56 != 0;
	return a->addr.hi >> 56 != 0xff && (a->addr.hi | (a->addr.lo & ~1ull)) != 0;
}

static bool parse_station(struct parser *p, struct craft_line *line, struct craft_word *ret_word,
			  struct craft_prefix *ret)
{
	bool has_length;

	if (!craft_text_word(line, ret_word))
		return refuse_found(p, ret_word, "an address", "like 192.0.2.1 or 2001:db8::1");
	if (!parse_prefix(p, ret_word, true, &has_length, ret))
		return false;
	if (has_length)
		return refuse_because(p, ret_word, "one address is meant here, without a length",
				      NULL);
	if (!is_unicast(ret))
		return refuse_because(p, ret_word, "not the address of one station", NULL);
	return true;
}

static uint32_t interface_find(const struct rt_routes *routes, const struct craft_word *word)
{
	uint32_t i = 0;

	while (i < routes->interface_count && !craft_word_is(word, routes->interface[i].name))
		i++;
	return i;
}

/* A port that an interface line has named. */
static bool parse_port(struct parser *p, struct craft_line *line, uint8_t *ret)
{
	struct craft_word word;
	struct craft_error *error;
	uint32_t index;

	if (!craft_text_word(line, &word))
		return refuse_found(p, &word, "a port", NULL);
	index = interface_find(p->routes, &word);
	if (index < p->routes->interface_count) {
		*ret = (uint8_t)index;
		return true;
	}
	error = craft_error_at(p->errors, p->line, 0, &word, "no interface line names", NULL);
	for (uint32_t i = 0; i < p->routes->interface_count; i++) {
		/* Names lie inside structs, not in a table: one at a time. */
		char name[1][CRAFT_NAME_BYTES];

		memcpy(name[0], p->routes->interface[i].name, CRAFT_NAME_BYTES);
		if (craft_word_near(&word, (const char(*)[CRAFT_NAME_BYTES])name, 1) == 0) {
			craft_say(error->hint, sizeof(error->hint), "did you mean '");
			craft_say(error->hint, sizeof(error->hint), name[0]);
			craft_say(error->hint, sizeof(error->hint), "'?");
			return false;
		}
	}
	craft_say(error->hint, sizeof(error->hint), "add: interface PORT mac MAC");
	return false;
}

/* --- lines ---------------------------------------------------------------------------------- */

static bool add_route(struct parser *p, const struct craft_word *word,
		      const struct craft_prefix *prefix, const struct rt_hop *hop)
{
	switch (rt_table_add(&p->routes->table, prefix, hop, p->line)) {
	case RT_ADDED:
		return true;
	case RT_THERE_ALREADY:
		return refuse_line(p, word,
				   "given twice:", rt_table_find(&p->routes->table, prefix)->line);
	case RT_FULL:
	default:
		return refuse_because(p, word, "the table is full",
				      "4096 routes, neighbours and addresses");
	}
}

/* Behind `address`: an address of ours and, with it, the network of its link. */
static bool parse_address(struct parser *p, struct craft_line *line, uint32_t interface)
{
	struct rt_hop hop = { RT_KIND_LOCAL, (uint8_t)interface, { 0 }, 0 };
	struct rt_interface *self = &p->routes->interface[interface];
	const struct rt_route *there;
	struct craft_prefix prefix, host;
	struct craft_addr mask;
	struct craft_word word;
	bool has_length;

	if (!craft_text_word(line, &word))
		return refuse_found(p, &word, "an address", "like 192.0.2.1/24 or 2001:db8::1/64");
	if (!parse_prefix(p, &word, true, &has_length, &prefix))
		return false;
	if (!has_length)
		return refuse_because(p, &word, "the network's length is missing behind",
				      "like 192.0.2.1/24 or 2001:db8::1/64");
	if (!is_unicast(&prefix))
		return refuse_because(p, &word, "not the address of one station", NULL);
	if (self->address_count == RT_ADDRESSES_MAX)
		return refuse_because(p, &word, "more than 8 addresses of one interface", NULL);
	host = prefix;
	host.length = prefix.family == 4 ? 32 : 128;
	if (!add_route(p, &word, &host, &hop))
		return false;
	self->address[self->address_count++] = prefix;
	if (prefix.length == host.length)
		return true;

	mask = craft_addr_mask(prefix.length);
	prefix.addr.hi &= mask.hi;
	prefix.addr.lo &= mask.lo;
	hop.kind = RT_KIND_CONNECTED;
	/* Two addresses in one network are fine, one network on two links is not. */
	there = rt_table_find(&p->routes->table, &prefix);
	if (there != NULL && there->hop.kind == RT_KIND_CONNECTED &&
	    there->hop.interface == interface)
		return true;
	return add_route(p, &word, &prefix, &hop);
}

static bool is_name(const struct craft_word *word)
{
	if (word->length == 0 || word->length >= CRAFT_NAME_BYTES)
		return false;
	for (uint32_t i = 0; i < word->length; i++) {
		uint8_t byte = word->bytes[i];
		bool letter = byte >= 'a' && byte <= 'z';
		bool other = (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';

		if (!letter && (i == 0 || !other))
			return false;
	}
	return true;
}

/* Behind `mtu`: what an IP packet on that link may hold. */
static bool parse_mtu(struct parser *p, struct craft_line *line, uint32_t *ret)
{
	struct craft_word word;
	uint32_t mtu;

	craft_text_word(line, &word);
	if (!craft_word_u32(&word, RT_MTU_MAX, &mtu) || mtu < RT_MTU_MIN)
		return refuse_found(p, &word, "an MTU", "68 to 65535; IPv6 needs 1280");
	*ret = mtu;
	return true;
}

/* IPv6 asks 1280 of every link (RFC 8200, section 5): below it there is only IPv4. */
static bool mtu_is_sound(struct parser *p, const struct craft_word *name,
			 const struct rt_interface *interface)
{
	for (uint32_t i = 0; interface->mtu < RT_MTU6_MIN && i < interface->address_count; i++) {
		if (interface->address[i].family == 6)
			return refuse_because(p, name, "an MTU below 1280 and IPv6 on",
					      "1280 or more, or no IPv6 address");
	}
	return true;
}

static bool parse_interface(struct parser *p, struct craft_line *line)
{
	struct rt_routes *routes = p->routes;
	struct rt_interface *interface;
	struct craft_word name, word;
	bool mtu_given = false;

	craft_text_word(line, &name);
	if (!is_name(&name))
		return refuse_found(p, &name, "a port's name", "interface PORT mac MAC");
	if (interface_find(routes, &name) < routes->interface_count)
		return refuse_because(p, &name, "a second interface line for", "keep one");
	if (routes->interface_count == RT_INTERFACES_MAX)
		return refuse_because(p, &name, "more than 32 interfaces", NULL);
	craft_text_word(line, &word);
	if (!craft_word_is(&word, "mac"))
		return refuse_found(p, &word, "'mac'", "interface PORT mac MAC");
	interface = &routes->interface[routes->interface_count];
	if (!parse_mac(p, line, interface->mac))
		return false;
	memset(interface->name, 0, sizeof(interface->name));
	memcpy(interface->name, name.bytes, name.length);
	interface->mtu = RT_MTU;
	routes->interface_count++;

	while (craft_text_word(line, &word)) {
		if (craft_word_is(&word, "address")) {
			if (!parse_address(p, line, routes->interface_count - 1))
				return false;
		} else if (craft_word_is(&word, "mtu") && !mtu_given) {
			mtu_given = true;
			if (!parse_mtu(p, line, &interface->mtu))
				return false;
		} else {
			return refuse_found(p, &word,
					    mtu_given ? "'address' or the end of the line"
						      : "'address', 'mtu' or the end of the line",
					    NULL);
		}
	}
	return mtu_is_sound(p, &name, interface);
}

static bool parse_neighbour(struct parser *p, struct craft_line *line)
{
	struct rt_hop hop = { RT_KIND_NEIGHBOUR, 0, { 0 }, 0 };
	const struct rt_route *link;
	struct craft_prefix prefix;
	struct craft_word addr, word;

	if (!parse_station(p, line, &addr, &prefix) || !parse_mac(p, line, hop.mac))
		return false;
	craft_text_word(line, &word);
	if (!craft_word_is(&word, "port"))
		return refuse_found(p, &word, "'port'", "neighbour ADDR MAC port PORT");
	if (!parse_port(p, line, &hop.interface) || !expect_end(p, line))
		return false;
	link = rt_table_lookup(&p->routes->table, prefix.family, &prefix.addr);
	if (link != NULL && link->hop.kind == RT_KIND_CONNECTED &&
	    link->hop.interface != hop.interface)
		return refuse_line(p, &addr, "another port's network holds", link->line);
	return add_route(p, &addr, &prefix, &hop);
}

/* The interface on whose link an address lies, or the count of interfaces. */
static uint32_t link_of(const struct rt_routes *routes, const struct craft_prefix *station)
{
	uint32_t i;

	for (i = 0; i < routes->interface_count; i++) {
		if (rt_interface_network(&routes->interface[i], station->family, &station->addr))
			break;
	}
	return i;
}

/* Somebody without a neighbour line: his address becomes a route, and he is asked when needed. */
static bool add_gateway(struct parser *p, const struct craft_word *word,
			const struct craft_prefix *next, struct rt_hop *ret)
{
	struct rt_table *table = &p->routes->table;
	uint32_t interface = link_of(p->routes, next);
	struct rt_hop hop = { RT_KIND_CONNECTED, (uint8_t)interface, { 0 }, 0 };

	if (interface == p->routes->interface_count)
		return refuse_because(p, word, "nobody on our links is the next hop",
				      "an interface's network must hold it, or a neighbour line");
	if (rt_table_find(table, next) == NULL && !add_route(p, word, next, &hop))
		return false;
	ret->kind = RT_KIND_GATEWAY;
	ret->interface = (uint8_t)interface;
	ret->via = (uint16_t)(rt_table_find(table, next) - table->route);
	return true;
}

static bool parse_via(struct parser *p, struct craft_line *line, const struct craft_prefix *prefix,
		      struct rt_hop *ret)
{
	const struct rt_route *neighbour;
	struct craft_prefix next;
	struct craft_word word;

	if (!parse_station(p, line, &word, &next))
		return false;
	if (next.family != prefix->family)
		return refuse_because(p, &word,
				      "prefix and next hop are of different families:", NULL);
	neighbour = rt_table_find(&p->routes->table, &next);
	if (neighbour == NULL || neighbour->hop.kind == RT_KIND_CONNECTED)
		return add_gateway(p, &word, &next, ret);
	if (neighbour->hop.kind != RT_KIND_NEIGHBOUR)
		return refuse_line(p, &word, "the next hop is not somebody else:", neighbour->line);
	*ret = neighbour->hop;
	return true;
}

static bool parse_route(struct parser *p, struct craft_line *line)
{
	struct rt_hop hop = { RT_KIND_NEIGHBOUR, 0, { 0 }, 0 };
	struct craft_prefix prefix;
	struct craft_word to, word;
	bool has_length;

	if (!craft_text_word(line, &to))
		return refuse_found(p, &to, "a prefix", "route PREFIX via ADDR");
	if (!parse_prefix(p, &to, false, &has_length, &prefix))
		return false;
	craft_text_word(line, &word);
	if (craft_word_is(&word, "via")) {
		if (!parse_via(p, line, &prefix, &hop))
			return false;
	} else if (craft_word_is(&word, "port")) {
		if (!parse_port(p, line, &hop.interface) || !parse_mac(p, line, hop.mac))
			return false;
	} else {
		return refuse_found(p, &word, "'via' or 'port'",
				    "route PREFIX via ADDR, or port PORT MAC");
	}
	return expect_end(p, line) && add_route(p, &to, &prefix, &hop);
}

/* --- the file ------------------------------------------------------------------------------- */

static void refuse_line_word(struct parser *p, const struct craft_word *word)
{
	struct craft_error *error =
		craft_error_at(p->errors, p->line, 0, word, "unknown line", NULL);
	uint32_t near = craft_word_near(word, line_words, LINE_WORDS);

	if (near < LINE_WORDS) {
		craft_say(error->hint, sizeof(error->hint), "did you mean '");
		craft_say(error->hint, sizeof(error->hint), line_words[near]);
		craft_say(error->hint, sizeof(error->hint), "'?");
	} else {
		craft_say(error->hint, sizeof(error->hint),
			  "a line begins with interface, neighbour or route");
	}
}

static void walk(struct parser *p, enum pass pass, const void *bytes, size_t byte_count)
{
	/* What is wrong with a line as such is said once, in the first pass. */
	struct craft_errors again;
	struct craft_text text;
	struct craft_line line;

	again.count = 0;
	craft_text_init(&text, bytes, byte_count);
	while (craft_text_line(&text, &line, pass == PASS_INTERFACES ? p->errors : &again)) {
		struct craft_word word;
		uint32_t kind = 0;

		p->line = line.number;
		craft_text_word(&line, &word);
		while (kind < LINE_WORDS && !craft_word_is(&word, line_words[kind]))
			kind++;
		if (kind == LINE_WORDS && pass == PASS_INTERFACES)
			refuse_line_word(p, &word);
		if (kind != (uint32_t)pass)
			continue;
		if (pass == PASS_INTERFACES)
			parse_interface(p, &line);
		else if (pass == PASS_NEIGHBOURS)
			parse_neighbour(p, &line);
		else
			parse_route(p, &line);
	}
}

static void sort_errors(struct craft_errors *errors)
{
	uint32_t kept = errors->count < CRAFT_ERRORS_KEPT ? errors->count : CRAFT_ERRORS_KEPT;

	for (uint32_t i = 1; i < kept; i++) {
		for (uint32_t j = i; j > 0 && errors->kept[j].line < errors->kept[j - 1].line;
		     j--) {
			struct craft_error swap = errors->kept[j];

			errors->kept[j] = errors->kept[j - 1];
			errors->kept[j - 1] = swap;
		}
	}
}

int rt_routes_parse(struct rt_routes *ret, const void *bytes, size_t byte_count,
		    struct craft_errors *ret_errors)
{
	struct parser p = { ret, ret_errors, 0 };

	/* An error ends the reading after its pass: what needs that line would only echo it. */
	for (uint32_t pass = 0; pass < PASSES && ret_errors->count == 0; pass++)
		walk(&p, (enum pass)pass, bytes, byte_count);
	if (ret_errors->count == 0 && ret->interface_count == 0)
		craft_error_at(ret_errors, 1, 1, NULL, "no interface line: nothing could leave",
			       "add: interface PORT mac MAC");
	if (ret_errors->count == 0)
		return 0;
	sort_errors(ret_errors);
	memset(ret, 0, sizeof(*ret));
	return -1;
}
