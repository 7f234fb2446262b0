/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp.c: AF_XDP sockets on the queues of one interface, and the program that fills them.
 *
 *      queue n --> program --> map[n] has a socket --> its receive ring, a frame of the pool
 *                          \-> it has none: the kernel's own network stack
 *
 * A socket's memory is the pool itself, chunk for frame. The rings are the kernel's; their places
 * go into the facts, and the shard maps them from the socket (libvanity/linux/start.c).
 *
 * The program is attached as a link: it is there as long as somebody holds the descriptor, and no
 * kill leaves it behind. docs/decisions/0005 has why the sockets are made here and not by libxdp.
 */
#include "netdev/run.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROGRAM "vanity_xdp" /* its name in the kernel, for people and for ourselves */
#define RING_ENTRIES 2048u /* two rounds of a NIC's own ring; half a pool of 4,096 frames */
/* Posted frames wait here and not in the pool, so that a burst finds them; more than this many
 * would only be colder. */
#define FILL_ENTRIES_MAX 4096u
#define HEADROOM 256u /* XDP_PACKET_HEADROOM, kernel ABI: left free before each received packet */
#define FRAME_BYTES_MAX 4096u /* of a chunk; the kernel's limit is a page */
#define ETHERNET_BYTES 18u /* header and one VLAN tag */
#define RETRY_MS 1200u /* a queue that was just left is busy for some hundred milliseconds */
#define RETRY_STEP_MS 10u

static void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

static uint32_t power_of_two(uint32_t at_least)
{
	uint32_t n = 2;

	while (n < at_least)
		n *= 2;
	return n;
}

/* --- what can be judged before anything is made ---------------------------------------------- */

static int device_check(struct run *r, struct bound *b, const struct interface *i)
{
	const char *name = b->plan->interface;
	uint32_t frame = r->plan->pool[b->plan->pool].frame_bytes;
	uint32_t room = frame - HEADROOM - ETHERNET_BYTES;
	uint32_t most = FRAME_BYTES_MAX - HEADROOM - ETHERNET_BYTES;
	char remedy[160];

	if (b->plan->queue >= i->queues) {
		snprintf(remedy, sizeof(remedy), "they count from 0; `ethtool -L %s` gives it more, if it can",
			 name);
		return run_fail(r, b, -EINVAL, remedy, "interface %s has %u receive queue%s, and no queue %u",
				name, i->queues, i->queues == 1 ? "" : "s", b->plan->queue);
	}
	if (i->mtu > room) {
		snprintf(remedy, sizeof(remedy), "%sip link set dev %s mtu %u",
			 frame < FRAME_BYTES_MAX && i->mtu <= most ?
				 "raise `frame` of the pool to 4KiB, or " :
				 "",
			 name, room);
		return run_fail(r, b, -EMSGSIZE, remedy,
				"interface %s has MTU %u: with headers and %u bytes of headroom that is more than a frame of %u bytes",
				name, i->mtu, HEADROOM, frame);
	}
	return 0;
}

static int run_check(struct run *r, struct interface *i)
{
	struct bound *first = &r->bound[0];
	const char *name = first->plan->interface;
	int error = interface_look(name, i);

	if (error != 0)
		return run_fail(r, first, error, "", "interface %s: %s", name, strerror(-error));
	if (i->index == 0)
		return run_fail(r, first, -ENODEV, "`ip link` lists those of this network namespace",
				"there is no interface %s", name);
	if (i->type != ARPHRD_ETHER && i->type != ARPHRD_LOOPBACK)
		return run_fail(r, first, -EINVAL, "take one that carries Ethernet frames",
				"interface %s is no Ethernet interface", name);
	for (uint32_t n = 0; n < r->count; n++)
		if (device_check(r, &r->bound[n], i) != 0)
			return -1;
	if ((i->flags & IFF_UP) == 0)
		bound_note(first, "interface %s is down: ip link set dev %s up", name, name);
	if (i->queues > r->count)
		bound_note(first, "%u of the %u receive queues of %s are bound: what arrives on the others goes to the kernel",
			   r->count, i->queues, name);
	return 0;
}

/* --- a socket -------------------------------------------------------------------------------- */

static int option(int fd, int what, const void *value, socklen_t bytes)
{
	return setsockopt(fd, SOL_XDP, what, value, bytes) == 0 ? 0 : -errno;
}

/* The pool becomes the socket's memory: pinned by the kernel, so our mapping is not needed later. */
static int memory_register(struct run *r, const struct bound *b, int pool_fd)
{
	const struct plan_pool *pool = &r->plan->pool[b->plan->pool];
	const struct plan_region *region = &r->plan->region[pool->region];
	uint64_t page = r->plan->host.page_bytes;
	uint64_t bytes = ((uint64_t)pool->frame_count * pool->frame_bytes + page - 1) / page * page;
	struct xdp_umem_reg umem = { .len = bytes, .chunk_size = pool->frame_bytes };
	void *at;
	int error;

	if (bytes > region->bytes)
		return run_fail(r, b, -EINVAL, "", "pool %s is smaller than its frames", pool->name);
	at = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pool_fd, 0);
	if (at == MAP_FAILED)
		return run_fail(r, b, -errno, "", "pool %s: %s", pool->name, strerror(errno));
	umem.addr = (uint64_t)(uintptr_t)at;
	error = option(b->keep, XDP_UMEM_REG, &umem, sizeof(umem));
	if (error == 0)
		return 0;
	return run_fail(r, b, error, error == -ENOBUFS ? "raise the limit of locked memory: ulimit -l" : "",
			"pool %s, %llu bytes, cannot be the memory of an AF_XDP socket: %s", pool->name,
			(unsigned long long)bytes, strerror(-error));
}

static int rings_make(struct run *r, struct bound *b)
{
	const struct plan_pool *pool = &r->plan->pool[b->plan->pool];
	uint32_t fill = power_of_two(pool->frame_count), ring = RING_ENTRIES;
	struct xdp_mmap_offsets offsets;
	socklen_t bytes = sizeof(offsets);
	int error;

	fill = fill < FILL_ENTRIES_MAX ? fill : FILL_ENTRIES_MAX;
	error = option(b->keep, XDP_UMEM_FILL_RING, &fill, sizeof(fill));
	error = error ? error : option(b->keep, XDP_UMEM_COMPLETION_RING, &ring, sizeof(ring));
	error = error ? error : option(b->keep, XDP_RX_RING, &ring, sizeof(ring));
	error = error ? error : option(b->keep, XDP_TX_RING, &ring, sizeof(ring));
	if (error == 0 && getsockopt(b->keep, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &bytes) != 0)
		error = -errno;
	/* A kernel before 5.4 has no flags there, and cannot say when it wants to be woken. */
	if (error == 0 && bytes != sizeof(offsets))
		error = -EOPNOTSUPP;
	if (error != 0)
		return run_fail(r, b, error, "", "rings of queue %u of %s: %s", b->plan->queue,
				b->plan->interface, strerror(-error));
	b->facts.ring[VANITY_RING_RX] = (struct vanity_ring_place){
		offsets.rx.producer, offsets.rx.consumer, offsets.rx.flags, offsets.rx.desc, ring, 16 };
	b->facts.ring[VANITY_RING_TX] = (struct vanity_ring_place){
		offsets.tx.producer, offsets.tx.consumer, offsets.tx.flags, offsets.tx.desc, ring, 16 };
	b->facts.ring[VANITY_RING_FILL] = (struct vanity_ring_place){
		offsets.fr.producer, offsets.fr.consumer, offsets.fr.flags, offsets.fr.desc, fill, 8 };
	b->facts.ring[VANITY_RING_DONE] = (struct vanity_ring_place){
		offsets.cr.producer, offsets.cr.consumer, offsets.cr.flags, offsets.cr.desc, ring, 8 };
	return 0;
}

/* Without a wish of ours the kernel takes zero-copy where the driver has it, else copies. */
static int socket_bind(struct run *r, struct bound *b, const struct interface *i)
{
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_NEED_WAKEUP,
					.sxdp_ifindex = i->index, .sxdp_queue_id = b->plan->queue };
	struct xdp_options options = { 0 };
	socklen_t bytes = sizeof(options);
	const char *remedy = "";
	int error;

	for (unsigned waited = 0;; waited += RETRY_STEP_MS) {
		error = bind(b->keep, (const void *)&address, sizeof(address)) == 0 ? 0 : -errno;
		if (error != -EBUSY || waited >= RETRY_MS)
			break;
		pause_ms(RETRY_STEP_MS);
	}
	if (error == -EBUSY)
		remedy = "stop the program that has an AF_XDP socket on this queue";
	else if (error == -ENETDOWN)
		remedy = "its driver wants it up first: ip link set dev NAME up";
	if (error != 0)
		return run_fail(r, b, error, remedy, "queue %u of %s: %s", b->plan->queue,
				b->plan->interface, strerror(-error));
	if (getsockopt(b->keep, SOL_XDP, XDP_OPTIONS, &options, &bytes) == 0 &&
	    (options.flags & XDP_OPTIONS_ZEROCOPY) != 0)
		b->facts.flags |= VANITY_GRANT_ZERO_COPY;
	return 0;
}

static int socket_make(struct run *r, struct bound *b, const struct interface *i, int pool_fd)
{
	b->keep = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (b->keep < 0)
		return run_fail(r, b, -errno,
				errno == EAFNOSUPPORT ? "this kernel is built without CONFIG_XDP_SOCKETS" : "",
				"an AF_XDP socket: %s", strerror(errno));
	if (memory_register(r, b, pool_fd) != 0 || rings_make(r, b) != 0)
		return -1;
	return socket_bind(r, b, i);
}

/* --- the program ----------------------------------------------------------------------------- */

/* Who else has a program there? 0 when it is the one of a system that just ended, or nobody. */
static uint32_t foreign_program(uint32_t index)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info), id;
	int fd;

	if (bpf_xdp_query((int)index, 0, &query) != 0)
		return 0;
	/* Of one program the kernel says it in the first place, of several by their modes. */
	id = query.prog_id != 0 ? query.prog_id : query.drv_prog_id;
	id = id != 0 ? id : query.skb_prog_id;
	id = id != 0 ? id : query.hw_prog_id;
	if (id == 0)
		return 0;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &bytes) == 0 &&
	    strncmp(info.name, PROGRAM, sizeof(info.name)) == 0)
		id = 0;
	/* In a rebinding we may not ask for its name: whoever it is may still go. */
	if (fd < 0 && errno == EPERM)
		id = 0;
	return id;
}

static uint32_t any_program(uint32_t index)
{
	uint32_t id = 0;

	return bpf_xdp_query_id((int)index, 0, &id) == 0 ? id : 0;
}

static int refuse_foreign(struct run *r, uint32_t id)
{
	const struct bound *b = &r->bound[0];
	char remedy[160];

	snprintf(remedy, sizeof(remedy), "stop what put it there, or `ip link set dev %s xdp off`",
		 b->plan->interface);
	return run_fail(r, b, -EBUSY, remedy, "interface %s has XDP program %u attached already",
			b->plan->interface, id);
}

/* The link of the binding before. Return: whether it holds our program on this interface. */
static int attached_before(const struct run *r, const struct interface *i)
{
	struct bpf_link_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return r->epoch > 1 &&
	       bpf_obj_get_info_by_fd(NETDEV_FD_POOLS + (int)r->count, &info, &bytes) == 0 &&
	       info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == i->index;
}

/*
 * Who asks for a binding that stands was misled, and would find its own queue busy for ever. The
 * kernel unbinds a socket for good when its interface goes, and says ENXIO then (xsk_sendmsg()).
 */
static int bound_before(const struct run *r, const struct interface *i)
{
	int old = NETDEV_FD_POOLS + (int)r->count + 1;

	return attached_before(r, i) &&
	       (sendto(old, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) >= 0 ||
		(errno != ENXIO && errno != EBADF && errno != ENOTSOCK));
}

/*
 * An interface that went to another namespace and back lost its sockets and kept our program, whose
 * map is empty now. The link of the binding before still holds it: the new one takes its place.
 * Return: the link, or -1 where there is no such.
 */
static int attach_again(struct run *r, const struct interface *i, int program)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int old = NETDEV_FD_POOLS + (int)r->count;

	if (!attached_before(r, i) || bpf_link_update(old, program, NULL) != 0)
		return -1;
	for (uint32_t n = 0; n < r->count; n++) {
		r->bound[n].link = old;
		if (bpf_xdp_query((int)i->index, 0, &query) == 0 &&
		    query.attach_mode == XDP_ATTACHED_SKB)
			r->bound[n].facts.flags |= VANITY_GRANT_GENERIC;
	}
	return old;
}

static int attach(struct run *r, const struct interface *i, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
	struct bound *b = &r->bound[0];
	int link = attach_again(r, i, program), driver = 0;

	if (link >= 0)
		return 0;
	for (unsigned waited = 0; link < 0; waited += RETRY_STEP_MS) {
		uint32_t id = foreign_program(i->index);

		if (id != 0)
			return refuse_foreign(r, id);
		options.flags = XDP_FLAGS_DRV_MODE;
		link = bpf_link_create(program, (int)i->index, BPF_XDP, &options);
		if (link < 0 && errno != EBUSY && errno != EEXIST) {
			driver = errno;
			options.flags = XDP_FLAGS_SKB_MODE;
			link = bpf_link_create(program, (int)i->index, BPF_XDP, &options);
		}
		if (link >= 0)
			break;
		if (errno != EBUSY && errno != EEXIST)
			return run_fail(r, b, -errno, "", "an XDP program on %s: %s",
					b->plan->interface, strerror(errno));
		if (waited >= RETRY_MS)
			return refuse_foreign(r, any_program(i->index));
		pause_ms(RETRY_STEP_MS);
	}
	for (uint32_t n = 0; n < r->count; n++) {
		r->bound[n].link = link;
		r->bound[n].facts.flags |= driver != 0 ? VANITY_GRANT_GENERIC : 0;
	}
	if (driver != 0)
		bound_note(b, "the driver of %s takes no XDP program (%s): generic mode, which is slower",
			   b->plan->interface, strerror(driver));
	return 0;
}

/* Return: the packet goes to the socket of its queue; where there is none, on to the kernel. */
static int program_load(int map)
{
	const struct bpf_insn code[] = {
		/* r2 = context->rx_queue_index */
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1,
		  .off = offsetof(struct xdp_md, rx_queue_index) },
		/* r1 = map, an instruction of two words */
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		/* r3 = what to return when map[r2] is empty (Linux 5.3) */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, PROGRAM, "Apache-2.0", code,
			     sizeof(code) / sizeof(code[0]), NULL);
}

static int program_make(struct run *r, const struct interface *i)
{
	const struct bound *b = &r->bound[0];
	uint32_t entries = 0;
	int map, program, error = 0;

	for (uint32_t n = 0; n < r->count; n++)
		if (r->bound[n].plan->queue >= entries)
			entries = r->bound[n].plan->queue + 1;
	map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "vanity_queues", 4, 4, entries, NULL);
	if (map < 0)
		error = -errno;
	for (uint32_t n = 0; n < r->count && error == 0; n++)
		if (bpf_map_update_elem(map, &r->bound[n].plan->queue, &r->bound[n].keep, 0) != 0)
			error = -errno;
	program = error == 0 ? program_load(map) : -1;
	if (program < 0)
		return run_fail(r, b, error ? error : -errno,
				"AF_XDP needs Linux 5.10 or newer with CONFIG_BPF_SYSCALL", "an XDP program: %s",
				strerror(error ? -error : errno));
	return attach(r, i, program);
}

int xdp_bind(struct run *r)
{
	struct interface i;

	if (run_check(r, &i) != 0)
		return -1;
	if (bound_before(r, &i))
		return run_fail(r, &r->bound[0], -EALREADY, "", "interface %s is bound as it was",
				r->bound[0].plan->interface);
	for (uint32_t n = 0; n < r->count; n++) {
		struct bound *b = &r->bound[n];

		if (socket_make(r, b, &i, NETDEV_FD_POOLS + (int)n) != 0)
			return -1;
		b->facts.ifindex = i.index;
		b->facts.mtu = i.mtu;
		b->facts.queue = b->plan->queue;
		b->facts.queues = i.queues;
		b->facts.headroom = HEADROOM;
		b->facts.flags |= VANITY_GRANT_HAS_MAC;
		memcpy(b->facts.mac, i.mac, sizeof(i.mac));
	}
	return program_make(r, &i);
}
