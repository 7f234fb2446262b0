/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and who drives them. */
#include "topology/parts.h"

static const struct backend {
	const char *name, *match, *keys;
	uint32_t allowed; /* bit: key number */
	uint32_t match_needed;
} backends[] = {
	[PLAN_BACKEND_VFIO] = { "vfio", "match = \"pci 0000:03:00.2\"",
				"match, dma, peak, unsafe_no_iommu",
				1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_DMA |
					1u << KEY_DEVICE_PEAK | 1u << KEY_DEVICE_UNSAFE,
				1 },
	[PLAN_BACKEND_XDP] = { "xdp", "match = \"netdev eth0\"", "match, queue, dma, peak",
			       1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_QUEUE |
				       1u << KEY_DEVICE_DMA | 1u << KEY_DEVICE_PEAK,
			       1 },
	[PLAN_BACKEND_DPDK] = { "dpdk", "match = \"net_tap0,iface=tap0\"", "match, dma, peak",
				1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_DMA |
					1u << KEY_DEVICE_PEAK,
				1 },
	[PLAN_BACKEND_TUNTAP] = { "tuntap", "match = \"tap vanity0\"", "match, peak",
				  1u << KEY_DEVICE_MATCH | 1u << KEY_DEVICE_PEAK, 1 },
	[PLAN_BACKEND_PCAP] = { "pcap", "", "read, write, pace, peak",
				1u << KEY_DEVICE_READ | 1u << KEY_DEVICE_WRITE |
					1u << KEY_DEVICE_PACE | 1u << KEY_DEVICE_PEAK,
				0 },
	[PLAN_BACKEND_LOOP] = { "loop", "", "peak", 1u << KEY_DEVICE_PEAK, 0 },
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

/* An interface as Linux names it: 1 to 15 characters, no slash, no blank, no colon. */
static bool interface_valid(const char *s, uint32_t bytes)
{
	if (bytes == 0 || bytes > 15 || (bytes == 1 && s[0] == '.') ||
	    (bytes == 2 && s[0] == '.' && s[1] == '.'))
		return false;
	for (uint32_t i = 0; i < bytes; i++) {
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '/' || s[i] == ':')
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

/* Do two rows stand for one piece of hardware, or write one file? */
static bool device_same(const struct topology *t, const struct plan *plan, uint32_t a, uint32_t b)
{
	const struct topology_block *x = &t->block[t->device_block[a]];
	const struct topology_block *y = &t->block[t->device_block[b]];
	const struct topology_value *p, *q;
	uint32_t key = KEY_DEVICE_MATCH;

	if (plan->device[a].backend != plan->device[b].backend)
		return false;
	if (plan->device[a].backend == PLAN_BACKEND_PCAP)
		key = KEY_DEVICE_WRITE;
	p = value_of(t, x, key);
	q = value_of(t, y, key);
	if (p == NULL || q == NULL || p->bytes != q->bytes ||
	    compare_bytes(t->text + p->at, t->text + q->at, p->bytes) != 0)
		return false;
	p = value_of(t, x, KEY_DEVICE_QUEUE);
	q = value_of(t, y, KEY_DEVICE_QUEUE);
	return (p == NULL ? 0 : p->number) == (q == NULL ? 0 : q->number);
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
	}
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
	unbuilt_add(t, plan, b, "", b->at);
	if (v == NULL) {
		row->backend = PLAN_BACKEND_LOOP;
		REPORT(t, MESSAGE_MISSING_KEY, b->name_at, b->name_bytes, A_TEXT("device"),
		       A_NAME(t, b), A_TEXT("backend"), A_TEXT("backend = vfio"));
		return;
	}
	row->backend = value_choice(t, v, key->choices);
	check_keys(t, b, &backends[row->backend]);
	check_match(t, b, row);
	for (uint32_t i = 0; dma != NULL && i < dma->count; i++) {
		struct near near;

		v = &t->value[dma->first + i];
		if (pool_lookup(plan, t->text + v->at, v->bytes, &near) == PLAN_NONE)
			REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("pool"),
			       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
	}
	for (uint32_t i = 0; i < device; i++) {
		if (device_same(t, plan, i, device)) {
			REPORT(t, MESSAGE_DEVICE_TWICE, b->name_at, b->name_bytes, A_NAME(t, b),
			       A_TEXT(plan->device[i].name),
			       A_PLACE(t->block[t->device_block[i]].name_at));
			break;
		}
	}
}

void check_devices(struct topology *t, struct plan *plan)
{
	for (uint32_t i = 0; i < plan->device_count; i++) {
		plan->device[i].shard = PLAN_NONE;
		check_device(t, plan, i);
	}
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

void check_grants(struct topology *t, struct plan *plan)
{
	for (uint32_t shard = 0; shard < plan->shard_count; shard++) {
		const struct topology_block *b = &t->block[t->shard_block[shard]];
		const struct topology_item *item = item_of(t, b, KEY_SHARD_GRANT);

		for (uint32_t i = 0; item != NULL && i < item->count; i++) {
			const struct topology_value *v = &t->value[item->first + i];
			struct near near;
			uint32_t device = device_lookup(plan, t->text + v->at, v->bytes, &near);
			struct plan_device *row = &plan->device[device == PLAN_NONE ? 0 : device];

			if (device == PLAN_NONE) {
				REPORT(t, MESSAGE_UNKNOWN_NAME, v->at, v->bytes, A_TEXT("device"),
				       A_SPAN(t, v->at, v->bytes), A_NEAR(&near));
				continue;
			}
			if (row->shard != PLAN_NONE) {
				REPORT(t, MESSAGE_GRANTED_TWICE, v->at, v->bytes, A_TEXT(row->name),
				       A_TEXT(plan->shard[row->shard].name),
				       A_PLACE(t->block[t->shard_block[row->shard]].name_at));
				continue;
			}
			row->shard = shard;
			check_dma(t, plan, device, shard);
		}
		if (item != NULL && item->count > 0)
			unbuilt_add(t, plan, b, "grant", item->at);
	}
}
