/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp.c: an AF_XDP socket that setup bound and the keeper holds; only its rings are here.
 *
 * Source: Linux Documentation/networking/af_xdp.rst, linux/if_xdp.h, net/xdp/xsk_queue.h (the
 * order of loads and stores at both ends of a ring). Every index, address and length that the
 * kernel wrote is a claim.
 *
 * Copy mode: the kernel copies what it receives into posted frames, and our frames into packets
 * when it is kicked. Zero-copy: the network driver moves frames itself; it then may wait for
 * a wake-up of the fill ring, too, which a kick gives it (drivers have one wake-up for both), and
 * so does the ppoll of a shard that sleeps.
 */
#include "netdev_inner.h"
#include "shared.h"
#include "xdp.h"

/* --- rings ---------------------------------------------------------------------------------- */

static bool ring_attach(struct xdp_ring *ring, const struct vanity_window *window,
			const struct vanity_ring_place *place, uint32_t entry_bytes, bool produces)
{
	uint8_t *base = window->base;
	uint64_t bytes = (uint64_t)place->entries * entry_bytes;

	if (base == NULL || window->bytes < 8 || place->entry_bytes != entry_bytes ||
	    place->entries == 0 || place->entries > XDP_ENTRIES_MAX ||
	    (place->entries & (place->entries - 1)) != 0)
		return false;
	if (place->producer > window->bytes - 4 || place->consumer > window->bytes - 4 ||
	    place->flags > window->bytes - 4 || place->desc > window->bytes ||
	    window->bytes - place->desc < bytes)
		return false;
	if (((place->producer | place->consumer | place->flags) & 3) != 0 || (place->desc & 7) != 0)
		return false;
	ring->mine = (uint32_t *)(base + (produces ? place->producer : place->consumer));
	ring->theirs = (const uint32_t *)(base + (produces ? place->consumer : place->producer));
	ring->flags = (uint32_t *)(base + place->flags);
	ring->slot = base + place->desc;
	ring->entries = place->entries;
	ring->mask = place->entries - 1;
	/* Where our forebear was; masked wherever it is used. */
	ring->at = shared_load(ring->mine);
	return true;
}

/* Looks at the kernel's cursor: 0..entries between it and ours. Anything else ends the device. */
static uint32_t ring_used(struct netdev *dev, struct xdp_ring *ring, bool produces)
{
	/* Pairs with the kernel's release: of a producer after its entries were written, of
	 * a consumer after they were read. */
	uint32_t seen = shared_load_acquire(ring->theirs);
	uint32_t used = produces ? ring->at - seen : seen - ring->at;

	if (used > ring->entries) {
		netdev_add(dev, NETDEV_RX_BAD, 1);
		/* No generation can mend it: only a new socket has new rings. */
		if (!dev->broken)
			vanity_log(dev->self,
				   "device: a ring that cannot be: nothing moves until stop and start",
				   0, 0);
		dev->broken = true;
		return produces ? ring->entries : 0;
	}
	ring->seen = seen;
	return used;
}

static uint32_t ring_filled(struct netdev *dev, struct xdp_ring *ring, uint32_t wanted)
{
	uint32_t n = ring->seen - ring->at;

	if (n < wanted)
		n = ring_used(dev, ring, false);
	return n < wanted ? n : wanted;
}

static uint32_t ring_room(struct netdev *dev, struct xdp_ring *ring, uint32_t wanted)
{
	uint32_t n = ring->entries - (ring->at - ring->seen);

	if (n < wanted)
		n = ring->entries - ring_used(dev, ring, true);
	return n < wanted ? n : wanted;
}

/* Pairs with the kernel's acquire of our cursor: what lies behind it is written, or read. */
static void ring_move(struct xdp_ring *ring, uint32_t n)
{
	ring->at += n;
	shared_store_release(ring->mine, ring->at);
}

static struct xdp_desc *ring_desc(const struct xdp_ring *ring, uint32_t at)
{
	return (struct xdp_desc *)ring->slot + (at & ring->mask);
}

static uint64_t *ring_addr(const struct xdp_ring *ring, uint32_t at)
{
	return (uint64_t *)ring->slot + (at & ring->mask);
}

/* --- what the kernel has: bits in keep ------------------------------------------------------- */

static void bit_set(uint64_t *bits, uint32_t n)
{
	keep_store(&bits[n / 64], keep_load(&bits[n / 64]) | 1ull << (n % 64));
}

/* Return: whether it was set. @n is no frame's number yet, but a claim. */
static bool bit_clear(const struct xdp *xdp, uint64_t *bits, uint64_t n)
{
	uint64_t word;

	if (n >= xdp->frames)
		return false;
	word = keep_load(&bits[n / 64]);
	if ((word >> (n % 64) & 1) == 0)
		return false;
	keep_store(&bits[n / 64], word & ~(1ull << (n % 64)));
	return true;
}

static uint64_t intent(const struct xdp_ring *ring, uint32_t n)
{
	return (uint64_t)n << 32 | ring->at;
}

/* --- after a forebear ------------------------------------------------------------------------ */

static void keep_void(struct xdp *xdp, uint64_t epoch)
{
	uint32_t words = (xdp->frames + 63) / 64;

	for (uint32_t i = 0; i < 2 * words; i++)
		keep_store(&xdp->keep->bits[i], 0);
	keep_store(&xdp->keep->fill_intent, 0);
	keep_store(&xdp->keep->tx_intent, 0);
	keep_store(&xdp->keep->epoch, epoch);
}

/* Entries that were written and never published: their frames are nobody's but the pool's. */
static void intent_undo(struct xdp *xdp, struct xdp_ring *ring, uint64_t *word, uint64_t *bits,
			bool descs)
{
	uint64_t meant = keep_load(word);
	uint32_t n = (uint32_t)(meant >> 32);

	if ((uint32_t)meant == ring->at && n <= ring->entries) {
		for (uint32_t i = 0; i < n; i++) {
			uint64_t addr = descs ? ring_desc(ring, ring->at + i)->addr
					      : *ring_addr(ring, ring->at + i);

			(void)bit_clear(xdp, bits, addr >> xdp->shift);
		}
	}
	keep_store(word, 0);
}

/* Entries in front that were acted on, but not released. */
static void rx_replay(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t n = ring_filled(dev, &xdp->rx, xdp->rx.entries);
	uint32_t stale = 0;

	for (; stale < n; stale++) {
		uint64_t frame = shared_load_u64(&ring_desc(&xdp->rx, xdp->rx.at + stale)->addr) >>
				 xdp->shift;

		if (frame < xdp->frames && keep_load(&xdp->posted[frame / 64]) >> (frame % 64) & 1)
			break;
	}
	if (stale > 0) {
		ring_move(&xdp->rx, stale);
		netdev_add(dev, NETDEV_REPLAYED, stale);
	}
}

/* What was sent meanwhile is free again, and need not be claimed first. */
static void done_replay(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t n = ring_filled(dev, &xdp->done, xdp->done.entries);

	for (uint32_t i = 0; i < n; i++) {
		uint64_t addr = shared_load_u64(ring_addr(&xdp->done, xdp->done.at + i));

		if (!bit_clear(xdp, xdp->sending, addr >> xdp->shift))
			netdev_add(dev, NETDEV_REPLAYED, 1);
	}
	if (n > 0)
		ring_move(&xdp->done, n);
}

static void take_over(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint64_t last = xdp->frames % 64 != 0 ? (1ull << (xdp->frames % 64)) - 1 : ~0ull;
	uint32_t words = (xdp->frames + 63) / 64;

	if (keep_load(&xdp->keep->epoch) != dev->grant->facts->epoch)
		keep_void(xdp, dev->grant->facts->epoch);
	intent_undo(xdp, &xdp->fill, &xdp->keep->fill_intent, xdp->posted, false);
	intent_undo(xdp, &xdp->tx, &xdp->keep->tx_intent, xdp->sending, true);
	rx_replay(dev);
	done_replay(dev);
	/* Bits of frames that do not exist are nobody's. */
	keep_store(&xdp->posted[words - 1], keep_load(&xdp->posted[words - 1]) & last);
	keep_store(&xdp->sending[words - 1], keep_load(&xdp->sending[words - 1]) & last);
	xdp->posted_count = vanity_pool_claim(dev->pool, xdp->posted);
	xdp->sending_count = vanity_pool_claim(dev->pool, xdp->sending);
	netdev_add(dev, NETDEV_RECLAIMED, (uint64_t)xdp->posted_count + xdp->sending_count);
	(void)ring_used(dev, &xdp->fill, true);
	(void)ring_used(dev, &xdp->tx, true);
}

/* A quarter of the pool is for sending, if we send; the rest is posted as far as the ring goes. */
static void share_frames(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;

	if ((dev->uses & NETDEV_SENDS) != 0) {
		xdp->send_frames =
			(dev->uses & NETDEV_RECEIVES) != 0 ? xdp->frames / 4 : xdp->frames / 2;
		if (xdp->send_frames == 0)
			xdp->send_frames = 1;
		if (xdp->send_frames > xdp->tx.entries)
			xdp->send_frames = xdp->tx.entries;
		if (xdp->send_frames > xdp->done.entries)
			xdp->send_frames = xdp->done.entries;
		if (xdp->send_frames > NETDEV_SPARE_MAX)
			xdp->send_frames = NETDEV_SPARE_MAX;
	}
	if ((dev->uses & NETDEV_RECEIVES) != 0) {
		xdp->posted_max = xdp->frames - xdp->send_frames;
		if (xdp->posted_max > xdp->fill.entries)
			xdp->posted_max = xdp->fill.entries;
		if (xdp->posted_max > xdp->rx.entries)
			xdp->posted_max = xdp->rx.entries;
		xdp->posted_batch = xdp->posted_max / 4 < NETDEV_BURST / 2 ? xdp->posted_max / 4
									   : NETDEV_BURST / 2;
		if (xdp->posted_batch == 0)
			xdp->posted_batch = 1;
	}
}

int xdp_open(struct netdev *dev, const char **ret_words)
{
	const struct vanity_grant *grant = dev->grant;
	const struct vanity_grant_facts *facts = grant->facts;
	struct xdp *xdp = &dev->xdp;

	if (grant->pool == NULL || grant->pool_base == NULL || grant->pool_frames == 0)
		*ret_words = "device: xdp needs a pool of its shard: dma = POOL:rw";
	else if (dev->frame_bytes < 2048 || dev->frame_bytes > 4096 ||
		 (dev->frame_bytes & (dev->frame_bytes - 1)) != 0)
		*ret_words = "device: xdp needs frames of 2KiB or 4KiB";
	else if (!ring_attach(&xdp->rx, &grant->window[VANITY_RING_RX],
			      &facts->ring[VANITY_RING_RX], 16, false) ||
		 !ring_attach(&xdp->tx, &grant->window[VANITY_RING_TX],
			      &facts->ring[VANITY_RING_TX], 16, true) ||
		 !ring_attach(&xdp->fill, &grant->window[VANITY_RING_FILL],
			      &facts->ring[VANITY_RING_FILL], 8, true) ||
		 !ring_attach(&xdp->done, &grant->window[VANITY_RING_DONE],
			      &facts->ring[VANITY_RING_DONE], 8, false))
		*ret_words = "device: its rings are not where its facts say";
	else if (grant->keep == NULL || grant->keep_bytes < xdp_keep_bytes(grant->pool_frames))
		*ret_words = "device: no memory to keep what the kernel has";
	else if (grant->calls == NULL || grant->calls->kick == NULL)
		*ret_words = "device: it cannot be kicked";
	if (*ret_words != NULL)
		return -1;
	xdp->base = grant->pool_base;
	xdp->frames = grant->pool_frames;
	xdp->shift = dev->frame_bytes == 2048 ? 11 : 12;
	xdp->keep = grant->keep;
	xdp->posted = xdp->keep->bits;
	xdp->sending = xdp->keep->bits + (xdp->frames + 63) / 64;
	xdp->rx.seen = xdp->rx.at;
	xdp->done.seen = xdp->done.at;
	dev->room_max = dev->frame_bytes;
	take_over(dev);
	share_frames(dev);
	return 0;
}

/* --- receiving ------------------------------------------------------------------------------- */

static uint64_t frame_addr(const struct netdev *dev, uint32_t frame)
{
	return (uint64_t)(frame - dev->grant->pool_first) << dev->xdp.shift;
}

uint32_t xdp_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t first = dev->grant->pool_first;
	uint32_t n, received = 0, bad = 0;

	if (dev->broken)
		return 0;
	n = ring_filled(dev, &xdp->rx, ref_max);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *desc = ring_desc(&xdp->rx, xdp->rx.at + i);
		uint64_t addr = shared_load_u64(&desc->addr);
		uint32_t length = shared_load(&desc->len);
		uint32_t options = shared_load(&desc->options);
		uint64_t frame = addr >> xdp->shift;
		uint32_t offset = (uint32_t)addr & (dev->frame_bytes - 1);
		struct vanity_ref *ref = &ret_ref[received];

		/* Not one we posted: whoever has it keeps it. */
		if (!bit_clear(xdp, xdp->posted, frame)) {
			bad++;
			continue;
		}
		xdp->posted_count--;
		*ref = (struct vanity_ref){ .frame = first + (uint32_t)frame,
					    .offset = (uint16_t)offset,
					    .length = length };
		if (length < NETDEV_ETHERNET_BYTES || length > dev->frame_bytes - offset ||
		    (options & XDP_DESC_CONTINUED) != 0) {
			*ref = (struct vanity_ref){ .frame = ref->frame };
			vanity_frame_drop(dev->pool, ref, VANITY_DONE);
			bad++;
			continue;
		}
		__builtin_prefetch(xdp->base + addr);
		received++;
	}
	if (n > 0)
		ring_move(&xdp->rx, n);
	netdev_add(dev, NETDEV_RECEIVED, received);
	netdev_add(dev, NETDEV_RX_BAD, bad);
	return received;
}

/* Hands free frames to the kernel, in batches, until it has all it may have. */
static void post(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t wanted =
		xdp->posted_max > xdp->posted_count ? xdp->posted_max - xdp->posted_count : 0;
	struct vanity_ref ref[NETDEV_BURST];

	if (wanted < xdp->posted_batch)
		return;
	while (wanted > 0 && !dev->broken) {
		uint32_t n =
			ring_room(dev, &xdp->fill, wanted < NETDEV_BURST ? wanted : NETDEV_BURST);

		if (n == 0)
			return;
		n = vanity_frame_take(dev->pool, ref, n);
		if (n == 0) {
			/* A pool that is all under way is well used; one that leaves the device
			 * with little is too small. */
			if (xdp->posted_count < xdp->posted_max / 4 && !vanity_frozen(dev->self))
				netdev_add(dev, NETDEV_RX_NO_FRAME, 1);
			return;
		}
		for (uint32_t i = 0; i < n; i++)
			shared_store_u64(ring_addr(&xdp->fill, xdp->fill.at + i),
					 frame_addr(dev, ref[i].frame));
		keep_store(&xdp->keep->fill_intent, intent(&xdp->fill, n));
		for (uint32_t i = 0; i < n; i++)
			bit_set(xdp->posted, ref[i].frame - dev->grant->pool_first);
		ring_move(&xdp->fill, n);
		xdp->posted_count += n;
		wanted -= n;
	}
}

/* --- sending --------------------------------------------------------------------------------- */

/* Frames that were sent come back. */
static void reap(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t n = ring_filled(dev, &xdp->done, xdp->done.entries);
	uint32_t first = dev->grant->pool_first;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t frame =
			shared_load_u64(ring_addr(&xdp->done, xdp->done.at + i)) >> xdp->shift;

		if (!bit_clear(xdp, xdp->sending, frame)) {
			netdev_add(dev, NETDEV_RX_BAD, 1);
			continue;
		}
		xdp->sending_count--;
		netdev_frame_spare(dev, first + (uint32_t)frame);
	}
	if (n > 0)
		ring_move(&xdp->done, n);
}

uint32_t xdp_send_room(struct netdev *dev, uint32_t max)
{
	struct xdp *xdp = &dev->xdp;

	if (dev->spare.count < max)
		reap(dev);
	if (dev->spare.count < max)
		max = dev->spare.count;
	return ring_room(dev, &xdp->tx, max);
}

uint32_t xdp_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		  uint32_t plain_max)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t room = xdp_send_room(dev, n);
	uint32_t posted = 0, full = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t frame;
		uint64_t addr;
		struct xdp_desc *desc;

		if (!netdev_takes(dev, &packet[i], plain_max))
			continue;
		if (posted == room) {
			full++;
			continue;
		}
		frame = dev->spare.frame[dev->spare.count - 1 - posted];
		addr = frame_addr(dev, frame);
		memcpy(xdp->base + addr, packet[i].bytes, packet[i].length);
		desc = ring_desc(&xdp->tx, xdp->tx.at + posted);
		*desc = (struct xdp_desc){ .addr = addr, .len = packet[i].length };
		arch_point(desc);
		posted++;
	}
	netdev_add(dev, NETDEV_TX_FULL, full);
	if (posted == 0)
		return 0;
	keep_store(&xdp->keep->tx_intent, intent(&xdp->tx, posted));
	for (uint32_t i = 0; i < posted; i++)
		bit_set(xdp->sending,
			dev->spare.frame[--dev->spare.count] - dev->grant->pool_first);
	ring_move(&xdp->tx, posted);
	xdp->sending_count += posted;
	netdev_add(dev, NETDEV_SENT, posted);
	netdev_add(dev, NETDEV_COPIED, posted);
	return posted;
}

static bool wants_kick(const struct xdp_ring *ring)
{
	return (shared_load(ring->flags) & XDP_FLAG_NEED_WAKEUP) != 0;
}

static void kick(struct netdev *dev)
{
	netdev_add(dev, NETDEV_KICKS, 1);
	(void)netdev_failed(dev, dev->grant->calls->kick(dev->grant->context));
}

/* Has the kernel take what lies in the tx ring, as long as kicking moves something. */
static void kick_tx(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t left = ring_used(dev, &xdp->tx, true);

	/* Our cursor was stored, now their flag is loaded; a driver stores its flag and then looks
	 * at our cursor again. One of the two sees the other's store. */
	if (left > 0)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < XDP_KICKS_MAX && left > 0 && wants_kick(&xdp->tx); i++) {
		uint32_t before = left;

		kick(dev);
		left = ring_used(dev, &xdp->tx, true);
		if (dev->error != 0 || dev->broken || left == before)
			break;
	}
	xdp->outstanding = left;
	/* Nothing is waiting that could tell us when it is up again. */
	if (left == 0 && dev->error != VANITY_GRANT_GONE)
		dev->error = 0;
}

/* Whether what is to be sent has stood still for long: the kernel takes none, or gives none back,
 * or others have all frames of the pool. */
static void see_stall(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	uint32_t moved = xdp->tx.seen + xdp->done.at;
	bool waits = xdp->outstanding > 0 || (xdp->send_frames > 0 && dev->spare.count == 0);

	if (!waits || !xdp->waited || moved != xdp->moved) {
		xdp->stalled = false;
		xdp->moved = moved;
		xdp->moved_at = waits ? vanity_now(dev->self) : 0;
	} else if (!xdp->stalled) {
		xdp->stalled = vanity_now(dev->self) - xdp->moved_at >
			       vanity_hz(dev->self) / XDP_STALL_PER_S;
	}
	xdp->waited = waits;
}

/* Frames for sending first: a device that cannot send makes what it receives worthless. */
static void keep_spare(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;
	struct vanity_ref ref[NETDEV_BURST];

	while (dev->spare.count + xdp->sending_count < xdp->send_frames) {
		uint32_t wanted = xdp->send_frames - dev->spare.count - xdp->sending_count;
		uint32_t n = vanity_frame_take(dev->pool, ref,
					       wanted < NETDEV_BURST ? wanted : NETDEV_BURST);

		for (uint32_t i = 0; i < n; i++)
			netdev_frame_spare(dev, ref[i].frame);
		if (n == 0)
			return;
	}
}

int xdp_turn(struct netdev *dev)
{
	struct xdp *xdp = &dev->xdp;

	if (dev->broken || dev->error == VANITY_GRANT_GONE)
		return 0;
	keep_spare(dev);
	post(dev);
	kick_tx(dev);
	see_stall(dev);
	if (dev->broken || dev->error == VANITY_GRANT_GONE)
		return 0;
	if (xdp->posted_max > 0 && wants_kick(&xdp->fill))
		kick(dev);
	return xdp->outstanding > 0 && !xdp->stalled && dev->error == 0 && wants_kick(&xdp->tx);
}
