/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and who drives them. */
#include <vanity/grant.h>

#include "topology/parts.h"

static const struct backend {
	const char *name, *match, *keys;
	uint32_t allowed; /* bit: key number */
	uint32_t match_needed;
	uint32_t kind; /* enum vanity_grant_kind; NONE: not built yet */
} backends[] = {
	[PLAN_BACKEND_VFIO] = { "vfio", "match = \"pci 0000:03:00.2\"",
				"match, dma, peak, unsafe_no_iommu",
				1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_DMA |
					1u << KEY_DEVICE_PEAK | 1u << KEY_DEVICE_UNSAFE,
				1, VANITY_GRANT_NONE },
	[PLAN_BACKEND_XDP] = { "xdp", "match = \"netdev eth0\"", "match, queue, dma, peak",
			       1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_QUEUE |
				       1u << KEY_DEVICE_DMA | 1u << KEY_DEVICE_PEAK,
			       1, VANITY_GRANT_XDP },
	[PLAN_BACKEND_DPDK] = { "dpdk", "match = \"net_tap0,iface=tap0\"", "match, dma, peak",
				1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_DMA |
					1u << KEY_DEVICE_PEAK,
				1, VANITY_GRANT_NONE },
	[PLAN_BACKEND_TUNTAP] = { "tuntap", "match = \"tap vanity0\"", "match, peak",
				  1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_PEAK, 1,
				  VANITY_GRANT_TAP },
	[PLAN_BACKEND_PCAP] = { "pcap", "", "read, write, pace, peak",
				1u << KEY_DEVICE_READ | 1u << KEY_DEVICE_WRITE |
					1u << KEY_DEVICE_PACE | 1u << KEY_DEVICE_PEAK,
				0, VANITY_GRANT_PCAP },
	[PLAN_BACKEND_LOOP] = { "loop", "", "peak", 1u << KEY_DEVICE_PEAK, 0, VANITY_GRANT_LOOP },
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Domain, bus, device, function: 0000:03:00.2, lower case. */
static bool bdf_valid(const char *s, uint32_t bytes)
{
	static const char form[] = "xxxx:xx:xx.x";

	if (bytes != sizeof(form) - 1)
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		if (form[i] == 'x' ? !is_hex(s[i]) : s[i] != form[i])
			return false;
	}
	/* Five bits of device, three of function. */
	return s[8] <= '1' && s[11] <= '7';
}

/* An interface as Linux names it: 1 to 15 characters, no slash, no blank, no colon; and no percent
 * sign, which asks the kernel to choose a number. */
static bool interface_valid(const char *s, uint32_t bytes)
{
	if (bytes == 0 || bytes > VANITY_INTERFACE_MAX || (bytes == 1 && s[0] == '.') ||
	    (bytes == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '/' || s[i] == ':' || s[i] == '%')
			return false;
	}
	return true;
}

/* Is the text `word rest`? Then @ret_rest is where the rest starts. */
static bool starts_with(const char *s, uint32_t bytes, const char *word, uint32_t *ret_rest)
{
	uint32_t n = length(word);

	*ret_rest = n;
	return bytes > n && compare_bytes(s, word, n) == 0;
}

static bool match_valid(uint32_t backend, const char *s, uint32_t bytes)
{
	uint32_t rest;

	switch (backend) {
	case PLAN_BACKEND_VFIO:
		return starts_with(s, bytes, "pci ", &rest) && bdf_valid(s + rest, bytes - rest);
	case PLAN_BACKEND_XDP:
		return starts_with(s, bytes, "netdev ", &rest) &&
		       interface_valid(s + rest, bytes - rest);
	case PLAN_BACKEND_TUNTAP:
		return (starts_with(s, bytes, "tun ", &rest) ||
			starts_with(s, bytes, "tap ", &rest)) &&
		       interface_valid(s + rest, bytes - rest);
	default:
		return true; /* dpdk: any ethdev, by its arguments */
	}
}

static bool text_same(const char *a, const char *b)
{
	return same(a, length(a), b);
}

/* Do two rows stand for one piece of hardware, or write one file? */
static bool device_same(const struct plan_device *a, const struct plan_device *b)
{
	if (a->backend != b->backend)
		return false;
	switch (a->backend) {
	case PLAN_BACKEND_XDP:
	case PLAN_BACKEND_TUNTAP: /* a tun and a tap of one name are one interface too */
		return a->interface[0] != '\0' && text_same(a->interface, b->interface) &&
		       a->queue == b->queue;
	case PLAN_BACKEND_PCAP:
		return a->write[0] != '\0' && text_same(a->write, b->write);
	default:
		return a->match[0] != '\0' && text_same(a->match, b->match);
	}
}

static void check_keys(struct topology *t, const struct topology_block *b,
		       const struct backend *backend)
{
	for (uint32_t key = KEY_DEVICE_MATCH; key <= KEY_DEVICE_UNSAFE; key++) {
		/* Of defaults only what a backend takes is taken. */
		if (b->item[key] == TOPOLOGY_NONE || (backend->allowed >> key & 1) != 0)
			continue;
		REPORT(t, MESSAGE_DEVICE_KEY_UNWANTED, t->item[b->item[key]].at,
		       t->item[b->item[key]].bytes, A_TEXT(backend->name),
		       A_SPAN(t, t->item[b->item[key]].at, t->item[b->item[key]].bytes),
		       A_TEXT(backend->keys));
	}
}

/* The name behind the word in `match`; a tun is a kind of its own. */
static void check_interface(const struct topology *t, const struct topology_value *v,
			    struct plan_device *row)
{
	const char *s = t->text + v->at;
	uint32_t rest;

	if (row->backend != PLAN_BACKEND_XDP && row->backend != PLAN_BACKEND_TUNTAP)
		return;
	if (starts_with(s, v->bytes, "tun ", &rest))
		row->kind = VANITY_GRANT_TUN;
	else if (row->backend == PLAN_BACKEND_XDP)
		rest = length("netdev ");
	name_copy(row->interface, sizeof(row->interface), s + rest, v->bytes - rest);
}

static void check_match(struct topology *t, const struct topology_block *b, struct plan_device *row)
{
	const struct backend *backend = &backends[row->backend];
	const struct topology_value *v = value_of(t, b, KEY_DEVICE_MATCH);

	if (backend->match_needed == 0) {
		if (row->backend == PLAN_BACKEND_PCAP && value_of(t, b, KEY_DEVICE_READ) == NULL &&
		    value_of(t, b, KEY_DEVICE_WRITE) == NULL)
			REPORT(t, MESSAGE_PCAP_IDLE, b->name_at, b->name_bytes, A_NAME(t, b));
		return;
	}
	if (v == NULL) {
		REPORT(t, MESSAGE_MISSING_KEY, b->name_at, b->name_bytes, A_TEXT("device"),
		       A_NAME(t, b), A_TEXT("match"), A_TEXT(backend->match));
		return;
	}
	name_copy(row->match, sizeof(row->match), t->text + v->at, v->bytes);
	if (!match_valid(row->backend, t->text + v->at, v->bytes)) {
		REPORT(t, MESSAGE_BAD_MATCH, v->at - 1, v->whole_bytes, A_SPAN(t, v->at, v->bytes),
		       A_TEXT(backend->name), A_TEXT(backend->match));
		return;
	}
	check_interface(t, v, row);
}

/* What a capture is read from and written to, and how fast. */
static void check_pcap(struct topology *t, const struct topology_block *b, struct plan_device *row)
{
	const struct topology_value *v = value_of(t, b, KEY_DEVICE_READ);
	const struct key *key = key_find(TOPOLOGY_DEVICE, KEY_TOP_LEVEL, "pace", 4);

	if (v != NULL)
		path_copy(t, v, row->read);
	v = value_of(t, b, KEY_DEVICE_WRITE);
	if (v != NULL)
		path_copy(t, v, row->write);
	if (v != NULL && text_same(row->read, row->write))
		REPORT(t, MESSAGE_PCAP_SAME, v->at - 1, v->whole_bytes, A_NAME(t, b));
	v = value_of(t, b, KEY_DEVICE_PACE);
	if (v != NULL && v->kind == VALUE_NUMBER) {
		row->pace = VANITY_PACE_RATE;
		row->pace_per_s = v->number;
	} else if (v != NULL) {
		row->pace = value_choice(t, v, key->choices);
	}
}

/*
 * AF_XDP's rules on the memory that it is given (Linux, net/xdp/xdp_umem.c): one area, pinned for
 * writing, in pieces of a power of two between 2 KiB and a page.
 */
static void check_xdp_pool(struct topology *t, struct plan *plan, const struct topology_block *b,
			   struct plan_device *row)
{
	const struct topology_item *dma = item_of(t, b, KEY_DEVICE_DMA);
	const struct topology_value *v;
	uint32_t device = (uint32_t)(row - plan->device), frame_bytes;
	struct near near;

	if (dma == NULL || dma->count == 0) {
		REPORT(t, MESSAGE_MISSING_KEY, b->name_at, b->name_bytes, A_TEXT("device"),
		       A_NAME(t, b), A_TEXT("dma"), A_TEXT("dma = packets:rw"));
		return;
	}
	v = &t->value[dma->first];
	if (dma->count > 1) {
		REPORT(t, MESSAGE_XDP_POOLS, v[1].at, v[1].whole_bytes, A_NAME(t, b));
		return;
	}
	if (v->number != PLAN_RW) {
		REPORT(t, MESSAGE_XDP_READ_ONLY, v->at, v->whole_bytes, A_NAME(t, b),
		       A_SPAN(t, v->at, v->bytes));
		return;
	}
	row->pool = pool_lookup(plan, t->text + v->at, v->bytes, &near);
	if (row->pool == PLAN_NONE)
		return; /* said already */
	frame_bytes = plan->pool[row->pool].frame_bytes;
	if (frame_bytes != 2048 && frame_bytes != 4096)
		REPORT(t, MESSAGE_XDP_FRAME, v->at, v->whole_bytes, A_SPAN(t, v->at, v->bytes),
		       A_BYTES(frame_bytes));
	for (uint32_t i = 0; i < device; i++) {
		if (plan->device[i].pool == row->pool)
			REPORT(t, MESSAGE_XDP_POOL_TWICE, v->at, v->whole_bytes,
			       A_SPAN(t, v->at, v->bytes), A_TEXT(plan->device[i].name),
			       A_PLACE(t->block[t->device_block[i]].name_at));
	}
}

static void check_backend(struct topology *t, struct plan *plan, const struct topology_block *b,
			  struct plan_device *row)
{
	const struct topology_value *queue = value_of(t, b, KEY_DEVICE_QUEUE);

	row->kind = backends[row->backend].kind;
	check_keys(t, b, &backends[row->backend]);
	check_match(t, b, row);
	switch (row->backend) {
	case PLAN_BACKEND_XDP:
		row->queue = queue == NULL ? 0 : (uint32_t)queue->number;
		check_xdp_pool(t, plan, b, row);
		row->keeps_fd = 1;
		break;
	case PLAN_BACKEND_TUNTAP:
		row->keeps_fd = 1;
		break;
	case PLAN_BACKEND_PCAP:
		check_pcap(t, b, row);
		row->keeps_fd = row->write[0] != '\0';
		break;
	default:
		break;
	}
	if (row->kind == VANITY_GRANT_NONE)
		unbuilt_add(t, plan, b, "", b->at);
}

static void check_device(struct topology *t, struct plan *plan, uint32_t device)
{
	const struct topology_block *b = &t->block[t->device_block[device]];
	struct plan_device *row = &plan->device[device];
	const struct topology_value *v = value_of(t, b, KEY_DEVICE_BACKEND);
	const struct topology_item *dma = item_of(t, b, KEY_DEVICE_DMA);
	const struct key *key = key_find(TOPOLOGY_DEVICE, KEY_TOP_LEVEL, "backend", 7);

	const struct topology_value *peak = value_of(t, b, KEY_DEVICE_PEAK);

	row->line = line_of(t, b->at);
	row->peak_per_s = peak == NULL ? 0 : peak->number;
	name_copy(row->name, sizeof(row->name), t->text + b->name_at, b->name_bytes);
	row->shard = PLAN_NONE;
	row->pool = PLAN_NONE;
	row->region = PLAN_NONE;
	if (v == NULL) {
		row->backend = PLAN_BACKEND_LOOP;
		REPORT(t, MESSAGE_MISSING_KEY, b->name_at, b->name_bytes, A_TEXT("device"),
		       A_NAME(t, b), A_TEXT("backend"), A_TEXT("backend = vfio"));
		return;
	}
	row->backend = value_choice(t, v, key->choices);
	check_backend(t, plan, b, row);
	for (uint32_t i = 0; dma != NULL && i < dma->count; i++) {
		struct near near;

		v = &t->value[dma->first + i];
		if (pool_lookup(plan, t->text + v->at, v->bytes, &near) == PLAN_NONE)
			REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("pool"),
			       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
	}
	for (uint32_t i = 0; i < device; i++) {
		if (device_same(&plan->device[i], row)) {
			REPORT(t, MESSAGE_DEVICE_TWICE, b->name_at, b->name_bytes, A_NAME(t, b),
			       A_TEXT(plan->device[i].name),
			       A_PLACE(t->block[t->device_block[i]].name_at));
			break;
		}
	}
}

void check_devices(struct topology *t, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->device_count; i++)
		check_device(t, plan, i);
}

/* What a device may write or read must be its shard's to write or read. */
static void check_dma(struct topology *t, struct plan *plan, uint32_t device, uint32_t shard)
{
	const struct topology_block *b = &t->block[t->device_block[device]];
	const struct topology_item *dma = item_of(t, b, KEY_DEVICE_DMA);

	if ((backends[plan->device[device].backend].allowed >> KEY_DEVICE_DMA & 1) == 0)
		return;
	for (uint32_t i = 0; dma != NULL && i < dma->count; i++) {
		const struct topology_value *v = &t->value[dma->first + i];
		struct near near;
		uint32_t pool = pool_lookup(plan, t->text + v->at, v->bytes, &near), right;

		if (pool == PLAN_NONE)
			continue;
		right = plan_access_find(plan, pool, shard);
		if (right == PLAN_NONE || right < v->number)
			REPORT(t, MESSAGE_DMA_BEYOND_ACCESS, v->at, v->whole_bytes,
			       A_TEXT(plan->device[device].name),
			       A_TEXT(v->number == PLAN_RW ? "rw" : "ro"),
			       A_SPAN(t, v->at, v->bytes), A_TEXT(plan->shard[shard].name));
	}
}

/* Rings hold frames of one pool, and only its owner can post and free them. */
static void check_owned(struct topology *t, struct plan *plan, uint32_t device, uint32_t shard)
{
	const struct topology_block *b = &t->block[t->device_block[device]];
	const struct plan_device *row = &plan->device[device];
	const struct topology_value *v = value_of(t, b, KEY_DEVICE_DMA);

	if (row->pool == PLAN_NONE || plan->pool[row->pool].owner == shard ||
	    plan->pool[row->pool].owner == PLAN_NONE)
		return;
	REPORT(t, MESSAGE_XDP_NOT_OWNED, v->at, v->whole_bytes, A_SPAN(t, v->at, v->bytes),
	       A_TEXT(plan->shard[plan->pool[row->pool].owner].name),
	       A_TEXT(plan->shard[shard].name));
}

static void check_grant(struct topology *t, struct plan *plan, uint32_t shard,
			const struct topology_value *v)
{
	struct plan_shard *s = &plan->shard[shard];
	struct near near;
	uint32_t device = device_lookup(plan, t->text + v->at, v->bytes, &near);
	struct plan_device *row = &plan->device[device == PLAN_NONE ? 0 : device];

	if (device == PLAN_NONE) {
		REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("device"),
		       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
		return;
	}
	if (row->shard != PLAN_NONE) {
		REPORT(t, MESSAGE_GRANTED_TWICE, v->at, v->bytes, A_TEXT(row->name),
		       A_TEXT(plan->shard[row->shard].name),
		       A_PLACE(t->block[t->shard_block[row->shard]].name_at));
		return;
	}
	row->shard = shard;
	s->grant[s->grant_count++] = device;
	/* Of xdp all is said in one sentence: what is not its own it may not write either. */
	if (row->backend == PLAN_BACKEND_XDP)
		check_owned(t, plan, device, shard);
	else
		check_dma(t, plan, device, shard);
}

void check_grants(struct topology *t, struct plan *plan)
{
	for (uint32_t shard = 0; shard < plan->shard_count; shard++) {
		const struct topology_block *b = &t->block[t->shard_block[shard]];
		const struct topology_item *item = item_of(t, b, KEY_SHARD_GRANT);

		for (uint32_t i = 0; item != NULL && i < item->count; i++) {
			if (i == VANITY_GRANTS_MAX) {
				REPORT(t, MESSAGE_TOO_MANY_GRANTS, t->value[item->first + i].at,
				       t->value[item->first + i].bytes,
				       A_TEXT(plan->shard[shard].name), A_COUNT(VANITY_GRANTS_MAX));
				break;
			}
			check_grant(t, plan, shard, &t->value[item->first + i]);
		}
	}
}
