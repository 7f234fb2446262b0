/* SPDX-License-Identifier: Apache-2.0 */
/* tun, tap, captures and loop, by calls of the test's own. */
#include "../shards/cm.h"

#include "../shards/fake_vanity.h"
#include "../shards/frames.h"
#include "drivers/netdev.h"
#include "drivers/pcapng.h"

static struct netdev dev;
static struct vanity_grant_facts facts;
static struct vanity_grant grant;
static const char *words;

static uint8_t in[2048]; /* what the next read gives */
static long in_bytes; /* or says */
static uint32_t reads; /* how often it may */
static uint8_t out[1 << 20]; /* what was written, behind each other */
static uint32_t out_bytes;
static uint32_t out_max; /* of one write */
static long out_answer;
static uint32_t out_calls;

static long fake_read(void *context, void *to, size_t bytes)
{
	(void)context;
	if (reads == 0 || in_bytes <= 0)
		return reads == 0 ? 0 : in_bytes;
	reads--;
	if ((size_t)in_bytes > bytes) {
		memcpy(to, in, bytes);
		return (long)bytes; /* the kernel cuts */
	}
	memcpy(to, in, (size_t)in_bytes);
	return in_bytes;
}

static long fake_write(void *context, const void *from, size_t bytes)
{
	(void)context;
	out_calls++;
	if (out_answer != 0)
		return out_answer;
	if (bytes > out_max)
		bytes = out_max;
	assert_true(out_bytes + bytes <= sizeof(out));
	memcpy(out + out_bytes, from, bytes);
	out_bytes += (uint32_t)bytes;
	return (long)bytes;
}

static const struct vanity_grant_calls calls = { .read = fake_read, .write = fake_write };

static void begin(uint32_t kind)
{
	fake_new();
	fake.may_hold = true;
	memset(&facts, 0, sizeof(facts));
	memset(&grant, 0, sizeof(grant));
	facts.kind = kind;
	facts.epoch = 1;
	grant = (struct vanity_grant){ .name = "dev", .facts = &facts, .calls = &calls };
	in_bytes = 0;
	reads = 0;
	out_bytes = 0;
	out_max = UINT32_MAX;
	out_answer = 0;
	out_calls = 0;
}

static int open_dev(uint32_t uses)
{
	int ret;

	memset(&dev, 0, sizeof(dev));
	words = NULL;
	fake.ready = false;
	ret = netdev_open(&dev, fake_shard(), &grant, fake.has_pool ? fake_pool() : NULL, uses,
			  &words);
	fake.ready = true;
	return ret;
}

static void start(uint32_t kind)
{
	begin(kind);
	assert_int_equal(open_dev(NETDEV_RECEIVES | NETDEV_SENDS), 0);
}

static uint32_t send_frame(const struct frame *f)
{
	const struct netdev_packet packet = { f->bytes, f->length };

	return netdev_send(&dev, &packet, 1);
}

static void read_gives(const void *bytes, uint32_t count, uint32_t times)
{
	memcpy(in, bytes, count);
	in_bytes = (long)count;
	reads = times;
}

/* --- tun and tap ------------------------------------------------------------------------------ */

static void a_tap_moves_whole_frames(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 7);
	struct vanity_ref ref[8];

	(void)state;
	start(VANITY_GRANT_TAP);
	read_gives(f.bytes, f.length, 3);
	assert_int_equal(netdev_receive(&dev, ref, 8), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(ref[i].length, f.length);
		assert_int_equal((ref[i].offset + 14u) % 4, 0);
		assert_memory_equal(netdev_bytes(&dev, &ref[i]), f.bytes, f.length);
	}
	assert_int_equal(dev.count[NETDEV_KICKS], 4); /* and one that found nothing */
	assert_int_equal(send_frame(&f), 1);
	assert_int_equal(out_bytes, f.length);
	assert_memory_equal(out, f.bytes, f.length);
}

static void a_tun_gets_an_ethernet_header_and_loses_it(void **state)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	struct vanity_ref ref[8];

	(void)state;
	for (uint32_t family = 4; family <= 6; family += 2) {
		struct frame f = frame_l4(family, 17, 1, 2, 0);
		const uint8_t *got;

		start(VANITY_GRANT_TUN);
		read_gives(f.bytes + 14, f.length - 14, 1);
		assert_int_equal(netdev_receive(&dev, ref, 8), 1);
		assert_int_equal(ref[0].length, f.length);
		got = netdev_bytes(&dev, &ref[0]);
		assert_memory_equal(got, macs, 12);
		assert_memory_equal(got + 12, f.bytes + 12, f.length - 12);
		assert_int_equal(send_frame(&f), 1);
		assert_int_equal(out_bytes, f.length - 14);
		assert_memory_equal(out, f.bytes + 14, f.length - 14);
	}
}

static void a_tun_carries_ip_and_nothing_else(void **state)
{
	struct frame arp, tagged = frame_l4(4, 6, 1, 2, 7), empty = frame_l4(4, 6, 1, 2, 0);
	struct vanity_ref ref[8];
	uint8_t five[20] = { 0x55 };

	(void)state;
	frame_link(&arp, 0x0806, 0);
	arp.length = 60;
	empty.length = 14;
	start(VANITY_GRANT_TUN);
	assert_int_equal(send_frame(&arp), 0);
	assert_int_equal(send_frame(&tagged), 0);
	assert_int_equal(send_frame(&empty), 0);
	assert_int_equal(dev.count[NETDEV_TX_BAD], 3);
	assert_int_equal(out_calls, 0);
	read_gives(five, sizeof(five), 1);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 1);
}

static void reads_are_bounded_by_what_was_asked_for_and_by_the_turn(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	struct vanity_ref ref[64];

	(void)state;
	start(VANITY_GRANT_TAP);
	read_gives(f.bytes, f.length, 1000);
	assert_int_equal(netdev_receive(&dev, ref, 5), 5);
	assert_int_equal(netdev_receive(&dev, ref, 0), 0);
	assert_int_equal(reads, 995);
	assert_int_equal(netdev_receive(&dev, ref, 64), 32);
}

static void a_read_that_may_be_cut_or_has_no_header_is_refused_and_its_frame_used_again(
	void **state)
{
	struct vanity_ref ref[8];
	uint32_t held = 0;

	(void)state;
	start(VANITY_GRANT_TAP);
	read_gives(in, 2048 - 66, 1);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	read_gives(in, 13, 1);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 2);
	read_gives(in, 2048 - 67, 1);
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	for (uint32_t i = 0; i < FAKE_FRAMES; i++)
		held += fake.place[i] == FAKE_HELD;
	assert_int_equal(held, 2); /* the packet's, and one to read into */
}

static void errors_of_reading_are_counted_when_they_begin(void **state)
{
	static const struct {
		long error;
		enum netdev_count count;
		uint64_t want;
	} table[] = {
		{ VANITY_GRANT_DOWN, NETDEV_LINK_DOWN, 1 },
		{ VANITY_GRANT_GONE, NETDEV_GONE, 1 },
		{ VANITY_GRANT_FAILED, NETDEV_RX_BAD, 0 },
		{ VANITY_GRANT_REFUSED, NETDEV_RX_BAD, 0 },
	};
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	struct vanity_ref ref[8];

	(void)state;
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		start(VANITY_GRANT_TAP);
		in_bytes = table[i].error;
		reads = 1;
		for (uint32_t n = 0; n < 5; n++)
			assert_int_equal(netdev_receive(&dev, ref, 8), 0);
		assert_int_equal(dev.count[table[i].count], table[i].want);
		/* Down again after it was up is another time; gone is gone. */
		read_gives(f.bytes, f.length, 1);
		assert_int_equal(netdev_receive(&dev, ref, 1),
				 table[i].error == VANITY_GRANT_GONE ? 0 : 1);
		in_bytes = table[i].error;
		reads = 1;
		assert_int_equal(netdev_receive(&dev, ref, 8), 0);
		assert_int_equal(dev.count[table[i].count],
				 table[i].error == VANITY_GRANT_DOWN ? 2 : table[i].want);
	}
}

static void errors_of_writing_have_a_reason_each(void **state)
{
	static const struct {
		long answer;
		enum netdev_count count;
	} table[] = {
		{ VANITY_GRANT_DOWN, NETDEV_LINK_DOWN },
		{ VANITY_GRANT_REFUSED, NETDEV_TX_BAD },
		{ VANITY_GRANT_FAILED, NETDEV_TX_FULL },
		{ VANITY_GRANT_GONE, NETDEV_GONE },
	};
	struct frame f = frame_l4(4, 6, 1, 2, 0);

	(void)state;
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		start(VANITY_GRANT_TAP);
		out_answer = table[i].answer;
		assert_int_equal(send_frame(&f), 0);
		assert_int_equal(send_frame(&f), 0);
		assert_int_equal(dev.count[table[i].count], 2);
		out_answer = 0;
		assert_int_equal(send_frame(&f), table[i].answer == VANITY_GRANT_GONE ? 0 : 1);
	}
	/* Full is an answer of 0, and so is half a packet. */
	start(VANITY_GRANT_TAP);
	out_max = 0;
	assert_int_equal(send_frame(&f), 0);
	out_max = f.length - 1;
	assert_int_equal(send_frame(&f), 0);
	assert_int_equal(dev.count[NETDEV_TX_FULL], 2);
	assert_int_equal(dev.count[NETDEV_SENT], 0);
}

static void without_a_free_frame_nothing_is_read(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	start(VANITY_GRANT_TAP);
	memset(fake.place, FAKE_PUT, sizeof(fake.place));
	read_gives(in, 60, 1);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(reads, 1);
	assert_int_equal(dev.count[NETDEV_RX_NO_FRAME], 1);
}

/* --- captures ----------------------------------------------------------------------------------
 */

static uint8_t capture[8192];
static uint32_t capture_bytes;

static void capture_new(void)
{
	capture_bytes = pcapng_begin(capture, "cap");
}

static void capture_add(uint64_t time_ns, uint32_t length)
{
	uint8_t bytes[2048];

	memset(bytes, (int)length, sizeof(bytes));
	assert_true(capture_bytes + pcapng_packet_bytes(length) <= sizeof(capture));
	capture_bytes += pcapng_packet(capture + capture_bytes, time_ns, bytes, length);
}

static void play(uint32_t pace, uint64_t per_s)
{
	facts.flags = VANITY_GRANT_READS;
	facts.pace = pace;
	facts.pace_per_s = per_s;
	grant.data = capture;
	grant.data_bytes = capture_bytes;
	assert_int_equal(open_dev(NETDEV_RECEIVES), 0);
}

static void a_capture_is_read_once_from_its_first_packet(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	capture_new();
	for (uint32_t i = 0; i < 5; i++)
		capture_add(0, 60 + i);
	play(VANITY_PACE_MAX, 0);
	assert_int_equal(netdev_receive(&dev, ref, 3), 3);
	assert_int_equal(netdev_receive(&dev, ref + 3, 5), 2);
	for (uint32_t i = 0; i < 5; i++) {
		uint8_t want[64];

		memset(want, (int)(60 + i), sizeof(want));
		assert_int_equal(ref[i].length, 60 + i);
		assert_int_equal(ref[i].tag, i);
		assert_memory_equal(netdev_bytes(&dev, &ref[i]), want, 60 + i);
	}
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_true(fake_logged("capture: all %0 packets read"));
	assert_int_equal(fake.log_count, 1);
	assert_int_equal(dev.count[NETDEV_RECEIVED], 5);
}

static void packets_no_frame_holds_are_skipped_and_what_is_broken_ends_it(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	fake.frame_bytes = 256;
	capture_new();
	capture_add(0, 256);
	capture_add(0, 257);
	capture_add(0, 13);
	capture_add(0, 14);
	capture_add(0, 60);
	capture[capture_bytes - 1] ^= 1; /* the last block's second length */
	play(VANITY_PACE_MAX, 0);
	assert_int_equal(netdev_receive(&dev, ref, 8), 2);
	assert_int_equal(ref[0].length, 256);
	assert_int_equal(ref[1].length, 14);
	assert_int_equal(ref[1].tag, 3);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 3);
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(dev.count[NETDEV_RX_BAD], 3);
	assert_int_equal(fake.log_count, 1);
}

static void recorded_pace_follows_the_files_own_clock(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	fake.hz = 3000000000u;
	fake.now = 12345;
	capture_new();
	capture_add(1700000000000000000ull, 60);
	capture_add(1700000000000000000ull + 1000, 60);
	capture_add(1700000000000000000ull - 5000, 60); /* a clock set back: due at once */
	capture_add(1700000000000000000ull + 3000000000ull, 60);
	play(VANITY_PACE_RECORDED, 0);
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	fake.now += 2999; /* 3 ticks a nanosecond */
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	fake.now += 1;
	assert_int_equal(netdev_receive(&dev, ref, 8), 2);
	fake.now += 9000000000ull - 3001;
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	fake.now += 1;
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
}

static void a_rate_is_kept_and_made_up_for_at_most_a_second(void **state)
{
	struct vanity_ref ref[64];
	uint32_t n = 0;

	(void)state;
	begin(VANITY_GRANT_PCAP);
	fake.pool_frames = FAKE_FRAMES;
	capture_new();
	for (uint32_t i = 0; i < 85; i++)
		capture_add(0, 60);
	play(VANITY_PACE_RATE, 10);
	assert_int_equal(netdev_receive(&dev, ref, 64), 1);
	fake.now += 99999999;
	assert_int_equal(netdev_receive(&dev, ref, 64), 0);
	fake.now += 1;
	assert_int_equal(netdev_receive(&dev, ref, 64), 1);
	fake.now += 60000000000ull; /* a minute asleep */
	assert_int_equal(netdev_receive(&dev, ref, 64), 10);
	for (uint32_t i = 0; i < 100; i++) {
		fake.now += 10000000;
		n += netdev_receive(&dev, ref, 64);
	}
	assert_int_equal(n, 10);
}

static void a_paced_capture_tells_when_its_next_packet_is_due(void **state)
{
	struct vanity_ref ref[8];
	uint64_t begun;

	(void)state;
	begin(VANITY_GRANT_PCAP);
	fake.hz = 3000000000u;
	fake.now = begun = 12345;
	capture_new();
	capture_add(1000, 60);
	capture_add(6000, 60);
	capture_add(6000, 60);
	capture_add(500, 60); /* a clock set back: due at once */
	play(VANITY_PACE_RECORDED, 0);
	assert_true(netdev_due(&dev) == VANITY_NEVER); /* its clock begins with the first look */
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	assert_int_equal(netdev_due(&dev), begun + 15000);
	fake.now += 14999;
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(netdev_due(&dev), begun + 15000);
	fake.now += 1;
	/* What cannot be taken for want of a frame is not a matter of its clock. */
	memset(fake.place, FAKE_PUT, sizeof(fake.place));
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_true(netdev_due(&dev) == VANITY_NEVER);
	memset(fake.place, FAKE_FREE, sizeof(fake.place));
	assert_int_equal(netdev_receive(&dev, ref, 2), 2);
	assert_true(netdev_due(&dev) <= fake.now);
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	assert_true(netdev_due(&dev) == VANITY_NEVER);
}

static void a_rate_tells_when_its_next_packet_is_due(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	fake.now = 77;
	capture_new();
	for (uint32_t i = 0; i < 3; i++)
		capture_add(0, 60);
	play(VANITY_PACE_RATE, 3);
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	assert_int_equal(netdev_due(&dev), 77 + 333333334);
	fake.now += 333333333;
	assert_int_equal(netdev_receive(&dev, ref, 8), 0);
	assert_int_equal(netdev_due(&dev), fake.now + 1);
	fake.now += 1;
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	play(VANITY_PACE_MAX, 0);
	assert_int_equal(netdev_receive(&dev, ref, 1), 1);
	assert_true(netdev_due(&dev) == VANITY_NEVER);
}

static void a_stamp_of_another_age_is_due_in_another_age(void **state)
{
	struct vanity_ref ref[8];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	capture_new();
	capture_add(0, 60);
	capture_add(UINT64_MAX, 60);
	play(VANITY_PACE_RECORDED, 0);
	assert_int_equal(netdev_receive(&dev, ref, 8), 1);
	assert_true(netdev_due(&dev) > fake.now + 3600ull * 24 * 365 * fake.hz);
}

static void what_cannot_be_a_capture_or_a_pace_is_refused(void **state)
{
	(void)state;
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_READS;
	assert_int_equal(open_dev(NETDEV_RECEIVES), -1);
	assert_string_equal(words, "device: its capture cannot be read");
	grant.data = "no capture at all, but longer than a header";
	grant.data_bytes = 40;
	assert_int_equal(open_dev(NETDEV_RECEIVES), -1);
	assert_string_equal(words, "device: its capture cannot be read");
	assert_true(fake_logged("capture: the first bytes are not a pcap file's"));
	assert_int_equal(open_dev(NETDEV_SENDS), 0); /* who reads nothing does not care */
	facts.pace = VANITY_PACE_RATE;
	assert_int_equal(open_dev(NETDEV_SENDS), -1);
	assert_string_equal(words, "device: no usable clock here for its pace");
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_WRITES;
	grant.calls = NULL;
	assert_int_equal(open_dev(NETDEV_SENDS), -1);
	assert_string_equal(words, "device: it cannot be written");
	begin(VANITY_GRANT_TAP);
	grant.calls = NULL;
	assert_int_equal(open_dev(NETDEV_SENDS), -1);
	assert_string_equal(words, "device: it can be neither read nor written");
	begin(VANITY_GRANT_TAP);
	fake.frame_bytes = 255;
	assert_int_equal(open_dev(NETDEV_RECEIVES), -1);
	assert_string_equal(words, "device: the frames of its pool are small");
	fake.has_pool = false;
	assert_int_equal(open_dev(NETDEV_RECEIVES), -1);
	assert_string_equal(words, "device: nothing to receive into: its shard owns no pool");
	begin(VANITY_GRANT_LOOP);
	fake.has_pool = false;
	assert_int_equal(open_dev(NETDEV_SENDS), -1);
	assert_string_equal(words, "device: loop needs a pool of its shard");
}

/* What was written, read by our reader. Return: packets, -1 where it is no capture. */
static int read_back(uint32_t *ret_lengths, uint64_t *ret_times)
{
	struct pcap_reader reader;
	struct pcap_packet packet;
	struct pcap_error error;
	int n = 0, more;

	if (pcap_open(&reader, out, out_bytes, &error) != 0)
		return -1;
	while ((more = pcap_next(&reader, &packet, &error)) == 1) {
		ret_lengths[n] = packet.length;
		ret_times[n++] = packet.time_ns;
	}
	return more == 0 ? n : -1;
}

static void what_is_sent_is_written_once_a_turn_and_can_be_read_back(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	uint32_t length[16];
	uint64_t time[16];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_WRITES;
	fake.hz = 500000000;
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	netdev_turn(&dev);
	assert_int_equal(out_calls, 1); /* an empty capture is one, too */
	assert_int_equal(read_back(length, time), 0);
	fake.now = 1000;
	for (uint32_t i = 0; i < 3; i++) {
		f.length = 60 + i;
		assert_int_equal(send_frame(&f), 1);
	}
	assert_int_equal(dev.count[NETDEV_SENT], 0);
	netdev_turn(&dev);
	assert_int_equal(out_calls, 2);
	assert_int_equal(dev.count[NETDEV_SENT], 3);
	assert_int_equal(read_back(length, time), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(length[i], 60 + i);
		assert_int_equal(time[i], 2000);
	}
	netdev_turn(&dev);
	assert_int_equal(out_calls, 2);
	/* The next generation appends a section. */
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	assert_int_equal(send_frame(&f), 1);
	netdev_turn(&dev);
	assert_int_equal(read_back(length, time), 4);
}

static void a_write_that_stops_anywhere_goes_on_there(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	uint32_t length[512];
	uint64_t time[512];
	uint32_t sent = 0, full;

	(void)state;
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_WRITES;
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	for (uint32_t i = 0; i < 300; i++) {
		out_max = i % 97;
		out_answer = i % 5 == 0 ? VANITY_GRANT_FAILED : 0;
		sent += send_frame(&f);
		netdev_turn(&dev);
	}
	out_max = UINT32_MAX;
	out_answer = 0;
	netdev_turn(&dev);
	full = (uint32_t)dev.count[NETDEV_TX_FULL];
	assert_true(full > 0 && sent > 0);
	assert_int_equal(sent + full, 300);
	assert_int_equal(dev.count[NETDEV_SENT], sent);
	assert_int_equal(read_back(length, time), (int)sent);
}

static void a_full_buffer_leaves_before_the_turn_ends(void **state)
{
	static struct frame f;
	uint32_t length[512];
	uint64_t time[512];

	(void)state;
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_WRITES;
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	f = frame_l4(4, 6, 1, 2, 0);
	f.length = 1600;
	for (uint32_t i = 0; i < 200; i++)
		assert_int_equal(send_frame(&f), 1);
	netdev_turn(&dev);
	assert_in_range(out_calls, 4, 6);
	assert_int_equal(read_back(length, time), 200);
}

static void a_packet_longer_than_the_buffer_is_refused(void **state)
{
	static uint8_t large[NETDEV_FILE_BYTES];
	uint32_t length[4];
	uint64_t time[4];
	struct netdev_packet packet = { large, 0 };

	(void)state;
	begin(VANITY_GRANT_PCAP);
	facts.flags = VANITY_GRANT_WRITES;
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	packet.length = netdev_send_max(&dev);
	assert_true(packet.length > 65535 + 18);
	assert_int_equal(netdev_send(&dev, &packet, 1), 1);
	netdev_turn(&dev);
	packet.length++;
	assert_int_equal(netdev_send(&dev, &packet, 1), 0);
	assert_int_equal(dev.count[NETDEV_TX_OVERSIZE], 1);
	assert_int_equal(read_back(length, time), 1);
	/* A device that is only read carries nothing out. */
	facts.flags = 0;
	assert_int_equal(open_dev(NETDEV_SENDS), 0);
	packet.length = 60;
	assert_int_equal(netdev_send(&dev, &packet, 1), 0);
	assert_int_equal(dev.count[NETDEV_TX_BAD], 1);
}

/* --- loop ---------------------------------------------------------------------------------------
 */

static void a_loop_holds_what_it_can_and_gives_it_back_in_order(void **state)
{
	struct frame f = frame_l4(4, 6, 1, 2, 0);
	struct vanity_ref ref[64];
	uint32_t n = 0;

	(void)state;
	start(VANITY_GRANT_LOOP);
	for (uint32_t i = 0; i < NETDEV_LOOP_MAX + 3; i++) {
		f.bytes[40] = (uint8_t)i;
		assert_int_equal(send_frame(&f), i < NETDEV_LOOP_MAX ? 1 : 0);
	}
	assert_int_equal(dev.count[NETDEV_TX_FULL], 3);
	for (uint32_t got; (got = netdev_receive(&dev, ref, 64)) > 0;) {
		for (uint32_t i = 0; i < got; i++) {
			const uint8_t *bytes = netdev_bytes(&dev, &ref[i]);

			assert_int_equal(bytes[40], (uint8_t)n++);
			vanity_frame_drop(fake_pool(), &ref[i], VANITY_DONE);
		}
	}
	assert_int_equal(n, NETDEV_LOOP_MAX);
	memset(fake.place, FAKE_PUT, sizeof(fake.place));
	assert_int_equal(send_frame(&f), 0);
	assert_int_equal(dev.count[NETDEV_RX_NO_FRAME], 1);
	assert_int_equal(netdev_turn(&dev), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tap_moves_whole_frames),
		cmocka_unit_test(a_tun_gets_an_ethernet_header_and_loses_it),
		cmocka_unit_test(a_tun_carries_ip_and_nothing_else),
		cmocka_unit_test(reads_are_bounded_by_what_was_asked_for_and_by_the_turn),
		cmocka_unit_test(
			a_read_that_may_be_cut_or_has_no_header_is_refused_and_its_frame_used_again),
		cmocka_unit_test(errors_of_reading_are_counted_when_they_begin),
		cmocka_unit_test(errors_of_writing_have_a_reason_each),
		cmocka_unit_test(without_a_free_frame_nothing_is_read),
		cmocka_unit_test(a_capture_is_read_once_from_its_first_packet),
		cmocka_unit_test(packets_no_frame_holds_are_skipped_and_what_is_broken_ends_it),
		cmocka_unit_test(recorded_pace_follows_the_files_own_clock),
		cmocka_unit_test(a_rate_is_kept_and_made_up_for_at_most_a_second),
		cmocka_unit_test(a_paced_capture_tells_when_its_next_packet_is_due),
		cmocka_unit_test(a_rate_tells_when_its_next_packet_is_due),
		cmocka_unit_test(a_stamp_of_another_age_is_due_in_another_age),
		cmocka_unit_test(what_cannot_be_a_capture_or_a_pace_is_refused),
		cmocka_unit_test(what_is_sent_is_written_once_a_turn_and_can_be_read_back),
		cmocka_unit_test(a_write_that_stops_anywhere_goes_on_there),
		cmocka_unit_test(a_full_buffer_leaves_before_the_turn_ends),
		cmocka_unit_test(a_packet_longer_than_the_buffer_is_refused),
		cmocka_unit_test(a_loop_holds_what_it_can_and_gives_it_back_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
