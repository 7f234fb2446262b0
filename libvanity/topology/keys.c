/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all keys, and the check of one item against its row. docs/topology.md says the
 * same in words; a test holds the two together.
 */
#include "topology/parts.h"

#define NONE KEY_TOP_LEVEL
#define MS 1000000ull
#define SECOND 1000000000ull
#define KIB 1024ull
#define MPPS 1000000ull
#define LIST_MAX 256u
#define CORE_MAX 4095u

/* kind, key number, parent, shape, low, high, multiple, choices */
static const struct key keys[] = {
	{ "vanity", TOPOLOGY_TOP, KEY_VANITY, NONE, SHAPE_COUNT, 1, 1, 0, NULL, "vanity = 1" },
	{ "system", TOPOLOGY_TOP, KEY_SYSTEM, NONE, SHAPE_NAME, 0, 0, 0, NULL, "system = edge-fw" },

	{ "iommu", TOPOLOGY_REQUIRE, KEY_REQUIRE_IOMMU, NONE, SHAPE_CHOICE, 0, 0, 0, "off|on",
	  "iommu = on" },
	{ "hugepages", TOPOLOGY_REQUIRE, KEY_REQUIRE_HUGEPAGES, NONE, SHAPE_CHOICE, 0, 0, 0,
	  "off|on", "hugepages = on" },
	{ "cores", TOPOLOGY_REQUIRE, KEY_REQUIRE_CORES, NONE, SHAPE_CHOICE, 0, 0, 0, "any|isolated",
	  "cores = isolated" },

	{ "housekeeping", TOPOLOGY_HOST, KEY_HOST_HOUSEKEEPING, NONE, SHAPE_CORE_RANGE, 0, CORE_MAX,
	  0, NULL, "housekeeping = 0-1" },
	{ "programs", TOPOLOGY_HOST, KEY_HOST_PROGRAMS, NONE, SHAPE_TEXT, 0, 0, 0, NULL,
	  "programs = \"/usr/lib/vanity/shards\"" },

	{ "backend", TOPOLOGY_DEVICE, KEY_DEVICE_BACKEND, NONE, SHAPE_CHOICE, 0, 0, 0,
	  "vfio|xdp|dpdk|tuntap|pcap|loop", "backend = vfio" },
	{ "match", TOPOLOGY_DEVICE, KEY_DEVICE_MATCH, NONE, SHAPE_TEXT, 0, 0, 0, NULL,
	  "match = \"pci 0000:03:00.2\"" },
	{ "queue", TOPOLOGY_DEVICE, KEY_DEVICE_QUEUE, NONE, SHAPE_COUNT, 0, 65535, 0, NULL,
	  "queue = 0" },
	{ "dma", TOPOLOGY_DEVICE, KEY_DEVICE_DMA, NONE, SHAPE_RIGHT_LIST, 0, 0, 0, NULL,
	  "dma = packets:rw" },
	{ "peak", TOPOLOGY_DEVICE, KEY_DEVICE_PEAK, NONE, SHAPE_PPS, 1, 100000 * MPPS, 0, NULL,
	  "peak = 14.88Mpps" },
	{ "read", TOPOLOGY_DEVICE, KEY_DEVICE_READ, NONE, SHAPE_TEXT, 0, 0, 0, NULL,
	  "read = \"in.pcap\"" },
	{ "write", TOPOLOGY_DEVICE, KEY_DEVICE_WRITE, NONE, SHAPE_TEXT, 0, 0, 0, NULL,
	  "write = \"out.pcap\"" },
	{ "pace", TOPOLOGY_DEVICE, KEY_DEVICE_PACE, NONE, SHAPE_PACE, 1, 100000 * MPPS, 0,
	  "fast|recorded", "pace = recorded" },
	{ "unsafe_no_iommu", TOPOLOGY_DEVICE, KEY_DEVICE_UNSAFE, NONE, SHAPE_CHOICE, 0, 0, 0,
	  "off|on", "unsafe_no_iommu = on" },

	{ "owner", TOPOLOGY_POOL, KEY_POOL_OWNER, NONE, SHAPE_NAME, 0, 0, 0, NULL, "owner = rx" },
	{ "frames", TOPOLOGY_POOL, KEY_POOL_FRAMES, NONE, SHAPE_COUNT, 1, VANITY_FRAMES_MAX, 0,
	  NULL, "frames = 65536" },
	{ "frame", TOPOLOGY_POOL, KEY_POOL_FRAME, NONE, SHAPE_BYTES, VANITY_FRAME_BYTES_MIN,
	  VANITY_FRAME_BYTES_MAX, 64, NULL, "frame = 2KiB" },
	{ "access", TOPOLOGY_POOL, KEY_POOL_ACCESS, NONE, SHAPE_RIGHT_LIST, 0, 0, 0, NULL,
	  "access = [ fw:ro, router:rw ]" },

	{ "program", TOPOLOGY_SHARD, KEY_SHARD_PROGRAM, NONE, SHAPE_NAME, 0, 0, 0, NULL,
	  "program = firewall" },
	{ "cores", TOPOLOGY_SHARD, KEY_SHARD_CORES, NONE, SHAPE_CORES, 0, CORE_MAX, 0, "shared",
	  "cores = 2" },
	{ "grant", TOPOLOGY_SHARD, KEY_SHARD_GRANT, NONE, SHAPE_NAMES, 0, 0, 0, NULL,
	  "grant = wan" },
	{ "config", TOPOLOGY_SHARD, KEY_SHARD_CONFIG, NONE, SHAPE_TEXT, 0, 0, 0, NULL,
	  "config = \"fw.rules\"" },
	{ "option", TOPOLOGY_SHARD, KEY_SHARD_OPTION, NONE, SHAPE_BLOCK, 0, 0, 0, NULL,
	  "option { rate = 1Mpps }" },
	{ "trust", TOPOLOGY_SHARD, KEY_SHARD_TRUST, NONE, SHAPE_NAME, 0, 0, 0, NULL,
	  "trust = edge" },
	{ "memory", TOPOLOGY_SHARD, KEY_SHARD_MEMORY, NONE, SHAPE_BYTES, 256 * KIB,
	  1024 * KIB *KIB *KIB, 0, NULL, "memory = 8MiB" },
	{ "watchdog", TOPOLOGY_SHARD, KEY_SHARD_WATCHDOG, NONE, SHAPE_TIME, MS, 60 * SECOND, 0,
	  NULL, "watchdog = 20ms" },
	{ "restart", TOPOLOGY_SHARD, KEY_SHARD_RESTART, NONE, SHAPE_BLOCK, 0, 0, 0, NULL,
	  "restart { on = fault, max = 5/10s, then = backoff }" },
	{ "carry", TOPOLOGY_SHARD, KEY_SHARD_CARRY, NONE, SHAPE_CHOICE, 0, 0, 0, "reload|keep",
	  "carry = reload" },
	{ "standby", TOPOLOGY_SHARD, KEY_SHARD_STANDBY, NONE, SHAPE_CHOICE, 0, 0, 0, "none|warm",
	  "standby = none" },
	{ "on", TOPOLOGY_SHARD, KEY_RESTART_ON, KEY_SHARD_RESTART, SHAPE_CHOICE, 0, 0, 0,
	  "fault|always|never", "on = fault" },
	{ "max", TOPOLOGY_SHARD, KEY_RESTART_MAX, KEY_SHARD_RESTART, SHAPE_RATE, 1, 256, 0,
	  NULL, "max = 5/10s" },
	{ "then", TOPOLOGY_SHARD, KEY_RESTART_THEN, KEY_SHARD_RESTART, SHAPE_CHOICE, 0, 0, 0,
	  "backoff|hold|stop", "then = backoff" },

	{ "slots", TOPOLOGY_CHANNEL, KEY_CHANNEL_SLOTS, NONE, SHAPE_COUNT, VANITY_SLOTS_MIN,
	  VANITY_SLOTS_MAX, MULTIPLE_POWER, NULL, "slots = 1024" },
	{ "slot", TOPOLOGY_CHANNEL, KEY_CHANNEL_SLOT, NONE, SHAPE_BYTES, VANITY_SLOT_BYTES_MIN,
	  VANITY_SLOT_BYTES_MAX, 8, NULL, "slot = 16B" },
	{ "full", TOPOLOGY_CHANNEL, KEY_CHANNEL_FULL, NONE, SHAPE_CHOICE, 0, 0, 0, "wait|drop",
	  "full = wait" },
	{ "pools", TOPOLOGY_CHANNEL, KEY_CHANNEL_POOLS, NONE, SHAPE_NAMES, 0, 0, 0, NULL,
	  "pools = [ packets ]" },
	{ "lend", TOPOLOGY_CHANNEL, KEY_CHANNEL_LEND, NONE, SHAPE_COUNT, 1, VANITY_FRAMES_MAX, 0,
	  NULL, "lend = 512" },
	{ "copy", TOPOLOGY_CHANNEL, KEY_CHANNEL_COPY, NONE, SHAPE_NAME, 0, 0, 0, NULL,
	  "copy = private" },
	{ "borrow", TOPOLOGY_CHANNEL, KEY_CHANNEL_BORROW, NONE, SHAPE_CHOICE, 0, 0, 0, "trusted",
	  "borrow = trusted" },
};

static const char *const kinds[TOPOLOGY_KINDS] = {
	"topology", "require", "host", "device", "pool", "shard", "channel",
};

const char *kind_name(uint32_t kind)
{
	return kinds[kind];
}

uint32_t kind_find(const char *s, uint32_t bytes)
{
	for (uint32_t i = TOPOLOGY_REQUIRE; i < TOPOLOGY_KINDS; i++) {
		if (same(s, bytes, kinds[i]))
			return i;
	}
	return TOPOLOGY_KINDS;
}

const struct key *key_at(uint32_t kind, uint32_t parent, uint32_t i)
{
	for (uint32_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		if (keys[k].kind == kind && keys[k].parent == parent && i-- == 0)
			return &keys[k];
	}
	return NULL;
}

const struct key *key_find(uint32_t kind, uint32_t parent, const char *s, uint32_t bytes)
{
	const struct key *key;

	for (uint32_t i = 0; (key = key_at(kind, parent, i)) != NULL; i++) {
		if (same(s, bytes, key->name))
			return key;
	}
	return NULL;
}

uint32_t shape_arg(uint32_t shape)
{
	switch (shape) {
	case SHAPE_BYTES:
		return ARG_BYTES;
	case SHAPE_TIME:
		return ARG_TIME;
	case SHAPE_PPS:
	case SHAPE_PACE:
		return ARG_RATE;
	default:
		return ARG_COUNT;
	}
}

static const char *shape_words(uint32_t shape)
{
	static const char *const words[] = {
		[SHAPE_COUNT] = "a count without unit",
		[SHAPE_BYTES] = "a size with a unit (B, KiB, MiB, GiB)",
		[SHAPE_TIME] = "a time with a unit (ns, us, ms, s)",
		[SHAPE_PPS] = "a rate with a unit (pps, kpps, Mpps)",
		[SHAPE_RATE] = "a count per time",
		[SHAPE_CHOICE] = "a word",
		[SHAPE_NAME] = "a name",
		[SHAPE_NAMES] = "a name or a list of names",
		[SHAPE_TEXT] = "quoted text",
		[SHAPE_RIGHT_LIST] = "a right (name:ro or name:rw) or a list of rights",
		[SHAPE_CORES] = "the number of a core, or shared",
		[SHAPE_CORE_RANGE] = "the number of a core, or a range",
		[SHAPE_PACE] = "a rate with a unit (pps, kpps, Mpps) or a word",
		[SHAPE_BLOCK] = "a block in braces",
	};

	return words[shape];
}

static const char *value_words(const struct topology_value *v)
{
	static const char *const numbers[] = { "a count", "a size", "a time", "a rate" };
	static const char *const words[] = {
		[VALUE_NUMBER] = "",          [VALUE_WORD] = "a word",
		[VALUE_TEXT] = "quoted text", [VALUE_RANGE] = "a range",
		[VALUE_RIGHT] = "a right",    [VALUE_RATE] = "a count per time",
	};

	return v->kind == VALUE_NUMBER ? numbers[v->unit] : words[v->kind];
}

/* May a value of this kind and unit stand behind a key of this shape at all? */
static bool shape_fits(uint32_t shape, const struct topology_value *v)
{
	bool number = v->kind == VALUE_NUMBER;

	switch (shape) {
	case SHAPE_COUNT:
		return number && v->unit == UNIT_NONE;
	case SHAPE_BYTES:
		return number && v->unit == UNIT_BYTES;
	case SHAPE_TIME:
		return number && v->unit == UNIT_TIME;
	case SHAPE_PPS:
		return number && v->unit == UNIT_RATE;
	case SHAPE_RATE:
		return v->kind == VALUE_RATE;
	case SHAPE_CHOICE:
	case SHAPE_NAME:
	case SHAPE_NAMES:
		return v->kind == VALUE_WORD;
	case SHAPE_TEXT:
		return v->kind == VALUE_TEXT;
	case SHAPE_RIGHT_LIST:
		return v->kind == VALUE_RIGHT;
	case SHAPE_CORES:
		return (number && v->unit == UNIT_NONE) || v->kind == VALUE_RANGE ||
		       v->kind == VALUE_WORD;
	case SHAPE_CORE_RANGE:
		return (number && v->unit == UNIT_NONE) || v->kind == VALUE_RANGE;
	case SHAPE_PACE:
		return (number && v->unit == UNIT_RATE) || v->kind == VALUE_WORD;
	default:
		return false;
	}
}

static bool number_check(struct topology *t, const struct key *key, const struct topology_value *v,
			 uint64_t n)
{
	uint64_t below = 1;

	if (n < key->low || n > key->high) {
		REPORT(t, key->low == key->high ? MESSAGE_ONLY_VALUE : MESSAGE_OUT_OF_RANGE, v->at,
		       v->bytes, A_TEXT(key->name), A_SPAN(t, v->at, v->bytes),
		       A_NUMBER(key->shape, key->low), A_NUMBER(key->shape, key->high));
		return false;
	}
	if (key->multiple == MULTIPLE_POWER && (n & (n - 1)) != 0) {
		while (below * 2 < n)
			below *= 2;
		REPORT(t, MESSAGE_NOT_POWER_OF_TWO, v->at, v->bytes, A_TEXT(key->name), A_COUNT(n),
		       A_COUNT(below), A_COUNT(below * 2));
		return false;
	}
	if (key->multiple != 0 && key->multiple != MULTIPLE_POWER && n % key->multiple != 0) {
		REPORT(t, MESSAGE_NOT_MULTIPLE, v->at, v->bytes, A_TEXT(key->name),
		       A_SPAN(t, v->at, v->bytes), A_NUMBER(key->shape, key->multiple),
		       A_NUMBER(SHAPE_BYTES, (n / key->multiple + 1) * key->multiple));
		return false;
	}
	return true;
}

static bool choice_check(struct topology *t, const struct key *key, const struct topology_value *v)
{
	struct near near;
	const char *s = t->text + v->at;

	if (value_choice(t, v, key->choices) != TOPOLOGY_NONE)
		return true;
	if (word_reserved(s, v->bytes)) {
		REPORT(t, MESSAGE_RESERVED, v->at, v->bytes, A_SPAN(t, v->at, v->bytes));
		return false;
	}
	near_init(&near, s, v->bytes);
	near_offer_all(&near, key->choices);
	REPORT(t, MESSAGE_UNKNOWN_CHOICE, v->at, v->bytes, A_TEXT(key->name),
	       A_SPAN(t, v->at, v->bytes), A_CHOICES(key->choices), A_NEAR(&near));
	return false;
}

static bool name_check(struct topology *t, const struct topology_value *v)
{
	if (name_valid(t->text + v->at, v->bytes))
		return true;
	REPORT(t, MESSAGE_BAD_NAME, v->at, v->bytes, A_SPAN(t, v->at, v->bytes));
	return false;
}

/* Bytes of the UTF-8 character at @s (RFC 3629, section 4), 0 when it is none. */
static uint32_t character(const char *s, uint32_t bytes, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = (unsigned char)s[0], n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > bytes)
		return 0;
	*ret_point = n == 1 ? c : c & (0x7fu >> n);
	for (uint32_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		*ret_point = *ret_point << 6 | ((unsigned char)s[i] & 0x3fu);
	}
	if (*ret_point < least[n] || *ret_point > 0x10ffff ||
	    (*ret_point >= 0xd800 && *ret_point < 0xe000))
		return 0;
	return n;
}

bool text_check(struct topology *t, const struct topology_value *v)
{
	if (v->bytes == 0) {
		REPORT(t, MESSAGE_TEXT_EMPTY, v->at - 1, 2, A_COUNT(0));
		return false;
	}
	if (v->bytes > VANITY_TEXT_MAX) {
		REPORT(t, MESSAGE_TEXT_TOO_LONG, v->at - 1, v->whole_bytes, A_COUNT(v->bytes),
		       A_COUNT(VANITY_TEXT_MAX));
		return false;
	}
	for (uint32_t i = 0, n; i < v->bytes; i += n) {
		uint32_t point;

		n = character(t->text + v->at + i, v->bytes - i, &point);
		if (n == 0) {
			REPORT(t, MESSAGE_TEXT_NOT_UTF8, v->at + i, 1,
			       A_COUNT((unsigned char)t->text[v->at + i]));
			return false;
		}
		if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
			REPORT(t, MESSAGE_TEXT_CONTROL, v->at + i, n, A_COUNT(point));
			return false;
		}
	}
	return true;
}

static bool value_check(struct topology *t, const struct key *key, const struct topology_value *v)
{
	if (!shape_fits(key->shape, v)) {
		REPORT(t, MESSAGE_WRONG_KIND, v->at - (v->kind == VALUE_TEXT), v->whole_bytes,
		       A_TEXT(key->name), A_TEXT(shape_words(key->shape)), A_TEXT(value_words(v)),
		       A_TEXT(key->example));
		return false;
	}
	switch (v->kind) {
	case VALUE_NUMBER:
		return number_check(t, key, v, v->number);
	case VALUE_RANGE:
		return number_check(t, key, v, v->number) && number_check(t, key, v, v->second);
	case VALUE_RATE:
		if (v->second < 1000000 || v->second > 86400ull * 1000000000) {
			REPORT(t, MESSAGE_OUT_OF_RANGE, v->at, v->bytes, A_TEXT(key->name),
			       A_SPAN(t, v->at, v->bytes), A_TEXT("1/1ms"),
			       A_TEXT("256/86400s"));
			return false;
		}
		return number_check(t, key, v, v->number);
	case VALUE_WORD:
		return key->choices != NULL ? choice_check(t, key, v) : name_check(t, v);
	case VALUE_RIGHT:
		return name_check(t, v);
	default:
		return text_check(t, v);
	}
}

bool key_check(struct topology *t, const struct key *key, const struct topology_item *item)
{
	bool ok = true;

	if (item->list != 0 && key->shape != SHAPE_NAMES && key->shape != SHAPE_RIGHT_LIST) {
		REPORT(t, MESSAGE_LIST_UNWANTED, item->at, item->bytes, A_TEXT(key->name),
		       A_TEXT(shape_words(key->shape)), A_TEXT(key->example));
		return false;
	}
	if (item->count > LIST_MAX) {
		REPORT(t, MESSAGE_LIST_TOO_LONG, item->at, item->bytes, A_TEXT(key->name),
		       A_COUNT(item->count), A_COUNT(LIST_MAX));
		return false;
	}
	for (uint32_t i = 0; i < item->count; i++) {
		const struct topology_value *v = &t->value[item->first + i];

		if (!value_check(t, key, v)) {
			ok = false;
			continue;
		}
		for (uint32_t j = 0; j < i; j++) {
			const struct topology_value *w = &t->value[item->first + j];

			if (w->bytes == v->bytes &&
			    compare_bytes(t->text + w->at, t->text + v->at, v->bytes) == 0) {
				REPORT(t, MESSAGE_LISTED_TWICE, v->at, v->bytes,
				       A_SPAN(t, v->at, v->bytes));
				ok = false;
				break;
			}
		}
	}
	return ok;
}
