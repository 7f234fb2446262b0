/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus of malformed frames through the whole router, which sees them without a firewall. */
#include "cm.h"

#include "corpus.h"

static struct vanity_rx *in;
static struct vanity_tx *out[2];

static void setup(void)
{
	fake_new();
	in = fake_rx("in_a");
	out[0] = fake_tx("a");
	out[1] = fake_tx("b");
	fake.may_hold = true;
	fake.now = 1000000000000;
	corpus_config("malformed.routes");
}

/* Counters that are no reason of a frame's. */
static bool is_of_our_own(const char *name)
{
	static const char own[][16] = { "sent", "unsent", "limited", "neighbours", "conflicts" };

	for (uint32_t i = 0; i < 5; i++) {
		if (strcmp(name, own[i]) == 0)
			return true;
	}
	return false;
}

static uint64_t judged(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; vanity_counter_names[i].counter != 0; i++) {
		if (!is_of_our_own(vanity_counter_names[i].name))
			sum += fake.counter[vanity_counter_names[i].counter];
	}
	return sum;
}

static uint32_t be16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t sum_of(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* An ICMP message of either family, with its value where it has one: an MTU, a pointer. */
static void describe_icmp(const char *kind, const uint8_t *icmp, char port, char *to,
			  size_t to_bytes)
{
	/* RFC 792: the pointer of a parameter problem is the first byte. */
	uint32_t value = icmp[4] != 0 ? icmp[4] : be16(icmp + 6);
	bool error =
		kind[4] == '\0' ? icmp[0] == 3 || icmp[0] == 11 || icmp[0] == 12 : icmp[0] < 128;

	if (error && value != 0)
		snprintf(to, to_bytes, "%c: %s %u %u %u", port, kind, icmp[0], icmp[1], value);
	else
		snprintf(to, to_bytes, "%c: %s %u %u", port, kind, icmp[0], icmp[1]);
}

/* What a frame of the router's own is; fails where its sums or lengths are wrong. */
static void describe(const uint8_t *frame, uint32_t length, char port, char *to, size_t to_bytes)
{
	static const uint8_t mac[2][6] = { { 2, 0, 0, 0, 0x0a, 1 }, { 2, 0, 0, 0, 0x0b, 1 } };
	const uint8_t *ip = frame + 14, *icmp;
	uint32_t bytes;

	assert_true(length >= 60 && length <= 1514);
	assert_memory_equal(frame + 6, mac[port - 'a'], 6);
	switch (be16(frame + 12)) {
	case 0x0806:
		snprintf(to, to_bytes, "%c: arp %u", port, be16(ip + 6));
		return;
	case 0x0800:
		bytes = be16(ip + 2);
		assert_true(ip[0] == 0x45 && bytes + 14 <= length);
		assert_int_equal(sum_of(ip, 20, 0), 0xffff);
		if ((be16(ip + 6) & 0x3fff) != 0) {
			snprintf(to, to_bytes, "%c: piece", port);
			return;
		}
		assert_int_equal(ip[9], 1);
		icmp = ip + 20;
		assert_int_equal(sum_of(icmp, bytes - 20, 0), 0xffff);
		describe_icmp("icmp", icmp, port, to, to_bytes);
		return;
	case 0x86dd:
		bytes = be16(ip + 4);
		assert_true(ip[0] == 0x60 && ip[6] == 58 && bytes + 54 <= length);
		icmp = ip + 40;
		assert_int_equal(sum_of(icmp, bytes, sum_of(ip + 8, 32, 58 + bytes)), 0xffff);
		describe_icmp("icmp6", icmp, port, to, to_bytes);
		return;
	default:
		fail_msg("the router sends EtherType %x", be16(frame + 12));
	}
}

static void check_says(const struct corpus_frame *frame)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; i < out[k]->put_count; i++) {
			const struct vanity_ref *ref = &out[k]->put[i];
			char words[CORPUS_WORDS];

			if (ref->frame < fake.frames_queued)
				continue; /* forwarded */
			describe(fake.frame[ref->frame], ref->length, (char)('a' + k), words,
				 sizeof(words));
			if (n == frame->says_count || strcmp(words, frame->says[n]) != 0)
				fail_msg("%s: the router says %s", frame->name, words);
			n++;
		}
	}
	if (n < frame->says_count)
		fail_msg("%s: the router does not say %s", frame->name, frame->says[n]);
}

static void each_frame_has_the_fate_and_the_answer_that_are_written_beside_it(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < corpus_count; i++) {
		const struct corpus_frame *frame = &corpus[i];

		setup();
		corpus_queue(in, frame->bytes, frame->length);
		corpus_run(in, frame->name);
		if (fake_counter(frame->router) != 1)
			fail_msg("%s is not %s", frame->name, frame->router);
		assert_int_equal(judged(), 1);
		check_says(frame);
	}
}

static void all_of_them_in_a_row_have_the_same_fate(void **state)
{
	(void)state;
	setup();
	for (uint32_t i = 0; i < corpus_count; i++)
		corpus_queue(in, corpus[i].bytes, corpus[i].length);
	corpus_run(in, "all");
	assert_int_equal(judged(), corpus_count);
	for (uint32_t i = 0; i < corpus_count; i++) {
		uint32_t count = 0;

		for (uint32_t k = 0; k < corpus_count; k++)
			count += strcmp(corpus[k].router, corpus[i].router) == 0;
		if (fake_counter(corpus[i].router) != count)
			fail_msg("%u are %s", count, corpus[i].router);
	}
}

static void cut(const struct corpus_frame *frame)
{
	setup();
	for (uint32_t length = 0; length <= frame->length; length++)
		corpus_queue(in, frame->bytes, length);
	corpus_run(in, frame->name);
	assert_int_equal(judged(), frame->length + 1);
	assert_true(fake_counter("malformed") >= 14);
}

static void no_frame_cut_short_is_read_too_far_or_lost(void **state)
{
	(void)state;
	corpus_each_cut(cut);
}

static void spoil(const struct corpus_frame *frame)
{
	static const uint8_t by[4] = { 0x01, 0x80, 0x0f, 0xff };

	for (uint32_t n = 0; n < 4; n++) {
		setup();
		for (uint32_t at = 0; at < frame->length; at++) {
			uint8_t bytes[sizeof(frame->bytes)];

			memcpy(bytes, frame->bytes, frame->length);
			bytes[at] ^= by[n];
			corpus_queue(in, bytes, frame->length);
		}
		corpus_run(in, frame->name);
		assert_int_equal(judged(), frame->length);
	}
}

static void no_frame_spoilt_anywhere_is_read_too_far_or_lost(void **state)
{
	(void)state;
	corpus_each_cut(spoil);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_has_the_fate_and_the_answer_that_are_written_beside_it),
		cmocka_unit_test(all_of_them_in_a_row_have_the_same_fate),
		cmocka_unit_test(no_frame_cut_short_is_read_too_far_or_lost),
		cmocka_unit_test(no_frame_spoilt_anywhere_is_read_too_far_or_lost),
	};

	return cmocka_run_group_tests(tests, corpus_load, NULL);
}
