/* SPDX-License-Identifier: Apache-2.0 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system.h"

#define SLOTS 256 /* prepared frames; a power of two, so that a number tells its slot */
#define SAMPLE_MASK 1023 /* one packet in so many is looked at */
#define SAMPLES_BYTES (64 << 20)
#define PING_TIMEOUT_MS 200

/* Where things lie in a frame. */
#define AT_IP 14
#define AT_UDP 34
#define AT_KIND 42 /* 4 bytes: one of the two below */
#define AT_NUMBER 46 /* 8 bytes, big end first */
#define AT_PATTERN 54
#define KIND_FLOOD 0x56616e46u
#define KIND_PING 0x56616e50u

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static void put_32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

static void put_64(uint8_t *p, uint64_t v)
{
	put_32(p, (uint32_t)(v >> 32));
	put_32(p + 4, (uint32_t)v);
}

static uint32_t get_32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return ntohl(v);
}

static uint8_t pattern(uint64_t number, uint32_t at)
{
	return (uint8_t)((number & (SLOTS - 1)) * 13 + at * 7 + 1);
}

static void ip_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* From A's station to one of B, by way of va. */
static void craft(const struct net_lab *lab, uint8_t *frame, uint32_t length, uint32_t kind,
		  uint64_t number)
{
	static const uint8_t ip[20] = { 0x45, 0, 0,  0, 0,  0, 0x40, 0, 64, 17,
					0,    0, 10, 77, 1, 2, 10,   77, 2, 2 };
	uint32_t ip_bytes = length - AT_IP;

	memcpy(frame, lab->mac_va, 6);
	memcpy(frame + 6, lab->mac_a, 6);
	frame[12] = 0x08;
	frame[13] = 0x00;
	memcpy(frame + AT_IP, ip, sizeof(ip));
	frame[AT_IP + 2] = (uint8_t)(ip_bytes >> 8);
	frame[AT_IP + 3] = (uint8_t)ip_bytes;
	ip_checksum(frame + AT_IP);
	put_32(frame + AT_UDP, 0x1f401f41); /* ports 8000, 8001 */
	put_32(frame + AT_UDP + 4, (ip_bytes - 20) << 16); /* no checksum */
	put_32(frame + AT_KIND, kind);
	put_64(frame + AT_NUMBER, number);
	for (uint32_t i = AT_PATTERN; i < length; i++)
		frame[i] = pattern(number, i);
}

/* An AF_PACKET socket at eth0 of a place, which takes packets of a kind, or none. */
static int wire_open(const struct net_lab *lab, enum net_place place, uint32_t kind, uint32_t mask)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_KIND),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kind, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_NUMBER + 4),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	int fd, one = 1, bytes = SAMPLES_BYTES;

	if (net_lab_enter(lab, place) != 0)
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = (int)if_nametoindex("eth0");
	at.sll_protocol = kind ? htons(ETH_P_ALL) : 0;
	if (fd < 0 || (kind && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
					  sizeof(filter)) != 0) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		fprintf(stderr, "net: AF_PACKET at eth0: %s\n", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

/* What eth0 of B has received, by its own count. */
static uint64_t received_at_b(const struct net_lab *lab)
{
	char line[512];
	unsigned long long packets = 0;
	FILE *f = NULL;

	if (net_lab_enter(lab, NET_B) == 0)
		f = fopen("/proc/thread-self/net/dev", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " eth0: %*u %llu", &packets) == 1)
			break;
	if (f)
		fclose(f);
	return packets;
}

/* --- the flood ------------------------------------------------------------------------------ */

/*
 * One send(2) hands the kernel many packets: a UDP datagram that it cuts into segments (virtio
 * 1.2, 5.1.6: a header before the frame says how). One core so offers more than it could packet by
 * packet, and what is measured is the joiner, not the sender.
 */
struct flood {
	uint8_t bytes[sizeof(struct virtio_net_hdr) + 65536];
	uint32_t header, segment, segments; /* bytes before the first payload, of one, and how many */
};

#define SEGMENTS_MAX 64 /* UDP_MAX_SEGMENTS of Linux before 6.10 */
#define FLOODS_MAX 8

/* As many as one datagram holds, and a power of two, so that SLOTS is a multiple. */
static uint32_t flood_segments(uint32_t length)
{
	uint32_t n = SEGMENTS_MAX;

	while (n * (length - AT_KIND) > 65535 - 28)
		n /= 2;
	return n;
}

static void flood_craft(const struct net_lab *lab, struct flood *f, uint32_t length)
{
	struct virtio_net_hdr *h = (void *)f->bytes;
	uint8_t *frame = f->bytes + sizeof(*h), one[NET_FRAME_MAX + 22];
	uint32_t payload;

	f->segment = length - AT_KIND;
	f->segments = flood_segments(length);
	f->header = sizeof(*h) + AT_KIND;
	payload = f->segment * f->segments;
	craft(lab, one, length, KIND_FLOOD, 0);
	memcpy(frame, one, AT_KIND);
	frame[AT_IP + 2] = (uint8_t)((payload + 28) >> 8);
	frame[AT_IP + 3] = (uint8_t)(payload + 28);
	ip_checksum(frame + AT_IP);
	frame[AT_UDP + 4] = (uint8_t)((payload + 8) >> 8);
	frame[AT_UDP + 5] = (uint8_t)(payload + 8);
	*h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				      .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
				      .hdr_len = AT_KIND,
				      .gso_size = (uint16_t)f->segment,
				      .csum_start = AT_UDP,
				      .csum_offset = 6 };
}

/* The next packets, from @number on. */
static void flood_fill(struct flood *f, uint64_t number)
{
	for (uint32_t i = 0; i < f->segments; i++) {
		uint8_t *p = f->bytes + f->header + i * f->segment;

		put_32(p, KIND_FLOOD);
		put_64(p + 4, number + i);
		for (uint32_t at = AT_PATTERN; at < AT_KIND + f->segment; at++)
			p[at - AT_KIND] = pattern(number + i, at);
	}
}

/* At eth0 of A, with a header before each frame; nothing is received. */
static int flood_open(const struct net_lab *lab)
{
	int fd = wire_open(lab, NET_A, 0, 0), one = 1, zero = 0;

	/* Who bypasses the queueing discipline may not have packets cut. */
	if (fd >= 0 && (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &zero, sizeof(zero)) != 0 ||
			setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0)) {
		fprintf(stderr, "net: PACKET_VNET_HDR: %s\n", strerror(errno));
		close(fd);
		fd = -1;
	}
	return fd;
}

static uint64_t flood(int fd, struct flood *prepared, uint32_t count, uint32_t ms)
{
	uint64_t end = system_now_ns() + (uint64_t)ms * 1000000, number = 0;
	uint32_t at = 0;

	do {
		struct flood *f = &prepared[at];
		size_t bytes = f->header + (size_t)f->segment * f->segments;

		at = (at + 1) % count;
		/* The pattern comes back with the prepared packets; only the numbers are new. */
		for (uint32_t i = 0; i < f->segments; i++)
			put_64(f->bytes + f->header + i * f->segment + 4, number + i);
		if (send(fd, f->bytes, bytes, 0) == (ssize_t)bytes)
			number += f->segments;
	} while (system_now_ns() < end);
	return number;
}

/* Everything sampled, against what its number says it must be. */
static void look(int fd, uint32_t length, struct net_rate *ret)
{
	uint8_t frame[NET_FRAME_MAX + 22];
	uint64_t next = 0;
	ssize_t n;

	while ((n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
		uint64_t number = (uint64_t)get_32(frame + AT_NUMBER) << 32 |
				  get_32(frame + AT_NUMBER + 4);
		int wrong = n != (ssize_t)length || number < next;

		for (uint32_t i = AT_PATTERN; i < length && !wrong; i++)
			wrong = frame[i] != pattern(number, i);
		next = number + 1;
		ret->sampled++;
		ret->wrong += (uint64_t)wrong;
	}
}

int net_wire_rate(const struct net_lab *lab, uint32_t length, uint32_t ms, struct net_rate *ret)
{
	static struct flood prepared[FLOODS_MAX];
	const uint32_t segments = flood_segments(length), floods = SLOTS / segments;
	int tap = wire_open(lab, NET_B, KIND_FLOOD, SAMPLE_MASK);
	int out = flood_open(lab);
	uint64_t before, begun, sent, took, now, last;

	memset(ret, 0, sizeof(*ret));
	if (tap < 0 || out < 0)
		return -1;
	for (uint32_t i = 0; i < floods; i++) {
		flood_craft(lab, &prepared[i], length);
		flood_fill(&prepared[i], i * segments);
	}
	(void)net_pin(lab->core_hosts);
	before = received_at_b(lab);
	begun = system_now_ns();
	sent = flood(out, prepared, floods, ms);
	took = system_now_ns() - begun;
	/* Counted to the end of the sending: what lies in queues then is not arrived. */
	now = received_at_b(lab);
	ret->offered_pps = (double)sent * 1e9 / (double)took;
	ret->arrived_pps = (double)(now - before) * 1e9 / (double)took;
	do { /* let the queues run dry before anything else is measured */
		last = now;
		poll(NULL, 0, 20);
		now = received_at_b(lab);
	} while (now != last);
	look(tap, length, ret);
	close(tap);
	close(out);
	return 0;
}

/* --- there and back ------------------------------------------------------------------------- */

/* Sends every ping back to where it came from, by way of vb. */
static void echo(const struct net_lab *lab, int fd)
{
	uint8_t frame[NET_FRAME_MAX + 22], swap[4];

	for (;;) {
		ssize_t n = recv(fd, frame, sizeof(frame), 0);

		if (n < AT_PATTERN)
			continue;
		memcpy(frame + 6, frame, 6);
		memcpy(frame, lab->mac_vb, 6);
		memcpy(swap, frame + AT_IP + 12, 4);
		memcpy(frame + AT_IP + 12, frame + AT_IP + 16, 4);
		memcpy(frame + AT_IP + 16, swap, 4);
		(void)send(fd, frame, (size_t)n, 0);
	}
}

static pid_t echo_start(const struct net_lab *lab)
{
	int fd = wire_open(lab, NET_B, KIND_PING, 0);
	pid_t pid;

	if (fd < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)net_pin(lab->core_hosts);
		echo(lab, fd);
	}
	close(fd);
	return pid;
}

static void echo_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* One packet there and back; its time in ns, or 0 when it did not come back in time. */
static uint64_t ping(int fd, uint8_t *frame, uint32_t length, uint64_t number, int timeout_ms)
{
	uint8_t answer[NET_FRAME_MAX + 22];
	struct pollfd p = { fd, POLLIN, 0 };
	uint64_t begun, now;

	put_64(frame + AT_NUMBER, number);
	begun = system_now_ns();
	if (send(fd, frame, length, 0) != (ssize_t)length)
		return 0;
	for (;;) {
		int left = timeout_ms - (int)((system_now_ns() - begun) / 1000000);

		if (left <= 0 || poll(&p, 1, left) <= 0)
			return 0;
		if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) != (ssize_t)length)
			continue;
		now = system_now_ns();
		/* A late answer to an earlier one does not count. */
		if (memcmp(answer + AT_NUMBER, frame + AT_NUMBER, length - AT_NUMBER) == 0)
			return now - begun;
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int net_wire_ping(const struct net_lab *lab, uint32_t length, uint32_t ms, struct net_times *ret)
{
	static double us[NET_PINGS_MAX];
	uint8_t frame[NET_FRAME_MAX + 22];
	int fd = wire_open(lab, NET_A, KIND_PING, 0);
	pid_t echoer = echo_start(lab);
	uint64_t end = system_now_ns() + (uint64_t)ms * 1000000;

	memset(ret, 0, sizeof(*ret));
	if (fd < 0 || echoer < 0)
		return -1;
	(void)net_pin(lab->core_hosts);
	craft(lab, frame, length, KIND_PING, 0);
	for (uint64_t i = 0; i < NET_PINGS_MAX && system_now_ns() < end; i++) {
		uint64_t ns = ping(fd, frame, length, i, PING_TIMEOUT_MS);

		if (ns == 0)
			ret->lost++;
		else
			us[ret->answered++] = (double)ns / 1e3;
	}
	echo_end(echoer);
	close(fd);
	if (ret->answered == 0)
		return -1;
	qsort(us, ret->answered, sizeof(us[0]), by_size);
	ret->p50_us = us[ret->answered / 2];
	ret->p99_us = us[(uint32_t)((double)(ret->answered - 1) * 0.99 + 0.5)];
	return 0;
}

int net_wire_joined(const struct net_lab *lab, int timeout_ms)
{
	uint8_t frame[NET_FRAME_MAX + 22];
	int fd = wire_open(lab, NET_A, KIND_PING, 0), joined = 0;
	pid_t echoer = echo_start(lab);
	uint64_t end = system_now_ns() + (uint64_t)timeout_ms * 1000000;

	if (fd < 0 || echoer < 0)
		return 0;
	craft(lab, frame, 64, KIND_PING, 0);
	for (uint64_t i = 1; !joined && system_now_ns() < end; i++)
		joined = ping(fd, frame, 64, i, 20) != 0;
	echo_end(echoer);
	close(fd);
	return joined;
}
