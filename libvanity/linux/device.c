/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.c: devices of a shard under Linux: what is mapped at start, the calls, and their part in
 * sleeping. No call here is one that the steady filter of such a shard does not know.
 */
#include "linux/device.h"

#include <asm/errno.h>
#include <linux/if_xdp.h>
#include <linux/mman.h>
#include <linux/poll.h>

#include "linux/call.h"

#define DO_NOT_WAIT 0x40 /* MSG_DONTWAIT; linux/socket.h does not export it */
#define RING_ENTRIES_MAX (1u << 20)
#define RING_WORDS_MAX 4096u /* bytes in front of a ring's entries */

/* Offsets to map at, and bytes an entry has; in the order of enum vanity_ring. */
static const struct {
	uint64_t at;
	uint32_t entry_bytes;
} rings[VANITY_RINGS] = {
	[VANITY_RING_RX] = { XDP_PGOFF_RX_RING, 16 },
	[VANITY_RING_TX] = { XDP_PGOFF_TX_RING, 16 },
	[VANITY_RING_FILL] = { XDP_UMEM_PGOFF_FILL_RING, 8 },
	[VANITY_RING_DONE] = { XDP_UMEM_PGOFF_COMPLETION_RING, 8 },
};

/* --- what the privileged side found out ---------------------------------------------------- */

static bool ring_possible(const struct vanity_ring_place *r, uint32_t entry_bytes)
{
	return r->entries >= 2 && r->entries <= RING_ENTRIES_MAX &&
	       (r->entries & (r->entries - 1)) == 0 && r->entry_bytes == entry_bytes &&
	       r->desc <= RING_WORDS_MAX && r->desc % 8 == 0 && r->producer % 4 == 0 &&
	       r->consumer % 4 == 0 && r->flags % 4 == 0 && r->producer < r->desc &&
	       r->consumer < r->desc && r->flags < r->desc;
}

bool device_facts_possible(const struct bind_grant *bind, const struct vanity_grant_facts *facts,
			   uint64_t bytes)
{
	if (facts == NULL || bytes < sizeof(*facts) || facts->magic != VANITY_GRANT_MAGIC ||
	    facts->bytes != sizeof(*facts) || facts->kind != bind->kind || facts->epoch == 0)
		return false;
	if (facts->data_bytes != 0 && (facts->data_at < sizeof(*facts) || facts->data_at > bytes ||
				       facts->data_bytes > bytes - facts->data_at))
		return false;
	for (uint32_t i = 0; facts->kind == VANITY_GRANT_XDP && i < VANITY_RINGS; i++)
		if (!ring_possible(&facts->ring[i], rings[i].entry_bytes))
			return false;
	return true;
}

uint64_t device_window_bytes(const struct vanity_grant_facts *facts, uint32_t window)
{
	const struct vanity_ring_place *r = &facts->ring[window];

	if (facts->kind != VANITY_GRANT_XDP)
		return 0;
	return r->desc + (uint64_t)r->entries * r->entry_bytes;
}

bool device_window_map(const struct bind_grant *bind, uint32_t window, uint64_t at, uint64_t bytes)
{
	return !call_failed(CALL_6(__NR_mmap, at, bytes, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED | MAP_POPULATE, (int)bind->fd,
				   rings[window].at));
}

/* --- calls --------------------------------------------------------------------------------- */

/*
 * What the kernel says, in the words of every world. Of a tun that is down, tun_get_user() says
 * EIO; of one that was deleted, EBADFD. Of a socket whose interface is down, xsk_check_common()
 * says ENETDOWN; of one that lost it, ENXIO. No room is a matter of time, not an error.
 */
long device_error(long result)
{
	if (!call_failed(result))
		return result;
	switch (-result) {
	case EAGAIN:
	case EBUSY:
	case EINTR:
	case ENOBUFS:
	case ENOMEM:
		return 0;
	case EBADF:
	case EBADFD:
	case ENODEV:
	case ENXIO:
		return VANITY_GRANT_GONE;
	case EIO:
	case ENETDOWN:
		return VANITY_GRANT_DOWN;
	case EINVAL:
	case EMSGSIZE:
		return VANITY_GRANT_REFUSED;
	default:
		return VANITY_GRANT_FAILED;
	}
}

static long device_read(void *context, void *to, size_t bytes)
{
	struct device *d = context;

	d->looks++;
	return device_error(CALL_3(__NR_read, d->fd, to, bytes));
}

static long device_write(void *context, const void *from, size_t bytes)
{
	const struct device *d = context;

	return device_error(CALL_3(__NR_write, d->fd, from, bytes));
}

static long device_kick(void *context)
{
	const struct device *d = context;

	return device_error(CALL_6(__NR_sendto, d->fd, NULL, 0, DO_NOT_WAIT, NULL, 0));
}

static const struct vanity_grant_calls *device_calls(const struct device *d)
{
	static const struct vanity_grant_calls socket = { .kick = device_kick };
	static const struct vanity_grant_calls tap = { .read = device_read, .write = device_write };
	static const struct vanity_grant_calls capture = { .write = device_write };
	static const struct vanity_grant_calls none;

	switch (d->kind) {
	case VANITY_GRANT_XDP:
		return &socket;
	case VANITY_GRANT_TAP:
	case VANITY_GRANT_TUN:
		return &tap;
	default:
		return d->fd >= 0 ? &capture : &none;
	}
}

void device_make(struct device *d, const struct bind_grant *bind,
		 const struct vanity_grant_facts *facts, struct vanity_grant *grant)
{
	d->kind = bind->kind;
	d->fd = bind->keeps_fd ? (int)bind->fd : -1;
	d->polled = bind->kind == VANITY_GRANT_XDP || bind->kind == VANITY_GRANT_TAP ||
		    bind->kind == VANITY_GRANT_TUN;
	d->grant = grant;
	grant->facts = facts;
	if (facts->data_bytes != 0)
		grant->data = (const char *)facts + facts->data_at;
	grant->data_bytes = facts->data_bytes;
	grant->calls = device_calls(d);
	grant->context = d;
}

/* --- sleeping ------------------------------------------------------------------------------ */

static uint32_t ring_word(const struct vanity_window *w, uint64_t at)
{
	return wire_load_u32((const wire_u32 *)(const void *)((const char *)w->base + at));
}

int devices_news(struct device *d, uint32_t count)
{
	int news = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct vanity_window *rx = &d[i].grant->window[VANITY_RING_RX];
		const struct vanity_ring_place *place = &d[i].grant->facts->ring[VANITY_RING_RX];
		uint32_t produced;

		if (!d[i].polled)
			continue;
		if (d[i].kind != VANITY_GRANT_XDP)
			return -1;
		produced = ring_word(rx, place->producer);
		if (produced != d[i].produced && produced != ring_word(rx, place->consumer))
			news = 1;
		d[i].produced = produced;
	}
	return news;
}

/*
 * Has the shard left what it was offered? Then it cannot take (no free frame, frozen, its outputs
 * full), and what it waits for rings its bell: this descriptor has nothing to tell it.
 *
 * A packet may come between the program's last look and this one, so that once is no answer: it
 * is woken, looks, and must come back without having touched it.
 */
static bool device_left(struct device *d)
{
	const struct vanity_window *rx = &d->grant->window[VANITY_RING_RX];
	uint64_t at = d->looks;
	bool offered = d->woke, left;

	if (d->kind == VANITY_GRANT_XDP) {
		const struct vanity_ring_place *place = &d->grant->facts->ring[VANITY_RING_RX];

		/* Its consumer word tells whether it took; the kernel's, whether there is one. */
		at = ring_word(rx, place->consumer);
		offered = ring_word(rx, place->producer) != (uint32_t)at;
	}
	left = offered && d->offered && d->offered_at == at;
	d->offered = offered;
	d->offered_at = at;
	return left;
}

/* The descriptors of a sleep: poll() passes over a negative one, and the filter counts them all. */
uint64_t devices_arm(struct device *d, uint32_t count, uint64_t now, uint64_t deadline,
		     struct pollfd *ret_poll)
{
	for (uint32_t i = 0; i < count; i++) {
		bool quiet;

		if (!d[i].polled)
			continue;
		quiet = device_left(&d[i]);
		if (d[i].failed_until > now) {
			quiet = true;
			deadline = d[i].failed_until < deadline ? d[i].failed_until : deadline;
		}
		*ret_poll++ = (struct pollfd){ .fd = quiet ? ~d[i].fd : d[i].fd, .events = POLLIN };
	}
	return deadline;
}

/* An interface that is gone or down is an error to poll() for as long as it is so: then the
 * descriptor stays out for a while, and the sleeper sleeps. */
void devices_woken(struct device *d, uint32_t count, uint64_t until, const struct pollfd *poll)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!d[i].polled)
			continue;
		if (poll->fd >= 0) {
			d[i].woke = (poll->revents & POLLIN) != 0;
			if (poll->revents != 0 && !d[i].woke)
				d[i].failed_until = until;
		}
		poll++;
	}
}
