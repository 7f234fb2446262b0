/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c: a capture that is read once, and one that is written.
 *
 * Reading: `pace = max` gives packets as fast as they are taken; `recorded` by the file's own
 * clock, from the first packet on; a rate, so many a second, where what a sleep cost is made up
 * for, but at most a second of it. At the end of the file nothing comes any more; each generation
 * begins at its first packet. A ref's tag is the packet's number.
 *
 * Writing: blocks gather in a buffer that leaves in one call a turn, or when it is full. A write
 * that was short goes on where it stopped, and one that failed is tried again, before anything
 * else is put in: the file never has half a block before a whole one. Meanwhile packets are
 * refused, counted. (A kill between the two halves of a short write does leave half a block.)
 * Stamps are the machine's cycle counter in nanoseconds: a shard does not know the date.
 */
#include "netdev_inner.h"
#include "pcapng.h"
#include "shared.h"

#define NS_PER_S 1000000000u
#define HZ_MAX 9000000000u /* twice a second of ticks times ns must fit in 64 bits */
#define RATE_MAX 1000000000u

int file_open(struct netdev *dev, const char **ret_words)
{
	const struct vanity_grant *grant = dev->grant;
	struct netdev_file *file = &dev->file;
	struct pcap_error error;

	file->reads = (grant->facts->flags & VANITY_GRANT_READS) != 0 &&
		      (dev->uses & NETDEV_RECEIVES) != 0;
	file->writes = (grant->facts->flags & VANITY_GRANT_WRITES) != 0;
	file->hz = vanity_hz(dev->self);
	if (file->hz == 0 || file->hz > HZ_MAX ||
	    (grant->facts->pace == VANITY_PACE_RATE &&
	     (grant->facts->pace_per_s == 0 || grant->facts->pace_per_s > RATE_MAX))) {
		*ret_words = "device: no usable clock here for its pace";
		return -1;
	}
	if (file->reads) {
		if (grant->data == NULL ||
		    pcap_open(&file->reader, grant->data, grant->data_bytes, &error) != 0) {
			vanity_log(dev->self, grant->data == NULL ? "no capture" : error.words, 0,
				   0);
			*ret_words = "device: its capture cannot be read";
			return -1;
		}
	}
	if (file->writes) {
		if (grant->calls == NULL || grant->calls->write == NULL) {
			*ret_words = "device: it cannot be written";
			return -1;
		}
		file->used = pcapng_begin(file->buffer, grant->name);
	}
	dev->room_max = NETDEV_FILE_BYTES - PCAPNG_BEGIN_MAX - pcapng_packet_bytes(0) - 3;
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

static uint64_t ticks_to_ns(const struct netdev_file *file, uint64_t ticks)
{
	return ticks / file->hz * NS_PER_S + ticks % file->hz * NS_PER_S / file->hz;
}

/* Packets that the pace lets go now, at most @max; RECORDED asks each packet's stamp instead. */
static uint32_t pace_allows(struct netdev *dev, uint32_t max)
{
	const struct vanity_grant_facts *facts = dev->grant->facts;
	struct netdev_file *file = &dev->file;
	uint64_t now, passed, allowed;

	if (facts->pace == VANITY_PACE_MAX)
		return max;
	now = vanity_now(dev->self);
	if (!file->begun) {
		file->begun = true;
		file->then = now;
		/* The first packet goes at once. */
		file->credit = file->hz;
	}
	passed = now - file->then;
	if (facts->pace == VANITY_PACE_RECORDED) {
		file->passed_ns = ticks_to_ns(file, passed);
		return max;
	}
	file->then = now;
	if (passed > file->hz)
		passed = file->hz;
	file->credit += passed * facts->pace_per_s;
	if (file->credit > facts->pace_per_s * file->hz)
		file->credit = facts->pace_per_s * file->hz;
	allowed = file->credit / file->hz;
	return allowed < max ? (uint32_t)allowed : max;
}

/* Whether there is a packet and its time has come. */
static bool next_is_due(struct netdev *dev)
{
	struct netdev_file *file = &dev->file;
	struct pcap_error error;
	int more;

	if (!file->have_next) {
		more = pcap_next(&file->reader, &file->next, &error);
		if (more != 1) {
			file->reads = false;
			if (more == 0) {
				vanity_log(dev->self, "capture: all %0 packets read",
					   file->reader.number, 0);
			} else {
				netdev_add(dev, NETDEV_RX_BAD, 1);
				vanity_log(dev->self, error.words, 0, 0);
			}
			return false;
		}
		if (file->reader.number == 1)
			file->first_ns = file->next.time_ns;
		file->have_next = true;
	}
	if (dev->grant->facts->pace != VANITY_PACE_RECORDED || file->next.time_ns <= file->first_ns)
		return true;
	return file->next.time_ns - file->first_ns <= file->passed_ns;
}

uint32_t file_receive(struct netdev *dev, struct vanity_ref *ret_ref, uint32_t ref_max)
{
	struct netdev_file *file = &dev->file;
	uint32_t n = 0, max;

	if (!file->reads || ref_max == 0)
		return 0;
	max = pace_allows(dev, ref_max);
	file->starved = false;
	while (n < max && next_is_due(dev)) {
		struct vanity_ref *ref = &ret_ref[n];

		if (file->next.length > dev->frame_bytes ||
		    file->next.length < NETDEV_ETHERNET_BYTES) {
			netdev_add(dev, NETDEV_RX_BAD, 1);
			file->have_next = false;
			continue;
		}
		if (!netdev_frame(dev, ref)) {
			file->starved = true;
			netdev_add(dev, NETDEV_RX_NO_FRAME, 1);
			break;
		}
		ref->length = file->next.length;
		ref->tag = (uint32_t)file->reader.number - 1;
		memcpy(netdev_bytes(dev, ref), file->reader.bytes + file->next.at, ref->length);
		file->have_next = false;
		n++;
	}
	if (dev->grant->facts->pace == VANITY_PACE_RATE)
		file->credit -= (uint64_t)n * file->hz;
	netdev_add(dev, NETDEV_RECEIVED, n);
	netdev_add(dev, NETDEV_COPIED, n);
	return n;
}

/* Rounded up: then it is due. */
static uint64_t ns_to_ticks(const struct netdev_file *file, uint64_t ns)
{
	if (ns / NS_PER_S >= UINT64_MAX / 4 / file->hz)
		return UINT64_MAX / 4;
	return ns / NS_PER_S * file->hz + (ns % NS_PER_S * file->hz + NS_PER_S - 1) / NS_PER_S;
}

uint64_t file_due(const struct netdev *dev)
{
	const struct vanity_grant_facts *facts = dev->grant->facts;
	const struct netdev_file *file = &dev->file;

	if (!file->reads || !file->begun || file->starved)
		return VANITY_NEVER;
	if (facts->pace == VANITY_PACE_RATE) {
		if (file->credit >= file->hz)
			return file->then;
		return file->then +
		       (file->hz - file->credit + facts->pace_per_s - 1) / facts->pace_per_s;
	}
	if (!file->have_next || file->next.time_ns <= file->first_ns)
		return file->then;
	return file->then + ns_to_ticks(file, file->next.time_ns - file->first_ns);
}

/* --- writing --------------------------------------------------------------------------------- */

static void flush(struct netdev *dev)
{
	struct netdev_file *file = &dev->file;
	uint32_t left = file->used - file->written;
	long bytes;

	if (left == 0)
		return;
	bytes = dev->grant->calls->write(dev->grant->context, file->buffer + file->written, left);
	netdev_add(dev, NETDEV_KICKS, 1);
	if (netdev_failed(dev, bytes))
		return;
	/* More than was asked for is a claim that cannot be true. */
	if ((uint64_t)bytes > left)
		bytes = (long)left;
	file->written += (uint32_t)bytes;
	if (file->written == file->used) {
		netdev_add(dev, NETDEV_SENT, file->pending);
		netdev_add(dev, NETDEV_COPIED, file->pending);
		file->pending = 0;
		file->written = 0;
		file->used = 0;
	}
}

uint32_t file_send(struct netdev *dev, const struct netdev_packet *packet, uint32_t n,
		   uint32_t plain_max)
{
	struct netdev_file *file = &dev->file;
	uint64_t now_ns = ticks_to_ns(file, vanity_now(dev->self));
	uint32_t sent = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!netdev_takes(dev, &packet[i], plain_max))
			continue;
		if (!file->writes) {
			netdev_add(dev, NETDEV_TX_BAD, 1);
			continue;
		}
		if (file->written == 0 &&
		    NETDEV_FILE_BYTES - file->used < pcapng_packet_bytes(packet[i].length))
			flush(dev);
		if (file->written != 0 ||
		    NETDEV_FILE_BYTES - file->used < pcapng_packet_bytes(packet[i].length)) {
			netdev_add(dev, NETDEV_TX_FULL, 1);
			continue;
		}
		file->used += pcapng_packet(file->buffer + file->used, now_ns, packet[i].bytes,
					    packet[i].length);
		file->pending++;
		sent++;
	}
	return sent;
}

int file_turn(struct netdev *dev)
{
	if (!dev->file.writes)
		return 0;
	flush(dev);
	/* What a short write left goes out next turn; after an error, when the shard wakes anyway.
	 */
	return dev->file.used != dev->file.written && dev->error == 0;
}
