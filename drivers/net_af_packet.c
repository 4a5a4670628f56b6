/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The sink net_af_packet, iface=NAME: the PMD copies frames into a ring that it shares with the
 * kernel (PACKET_TX_RING), and asks the kernel once a burst to send them.
 *
 * - It takes no frame that is longer than a place in the ring, and drops it as if it had gone; the
 *   kernel drops one over the MTU without a word. limits.max_frame keeps both away.
 * - When the kernel refuses to send, the PMD counts the burst in oerrors, and yet leaves it in the
 *   ring: what is there goes out with a later burst, or is lost at the end. So oerrors are of no
 *   use, and the ring is looked at instead, by drain().
 * - When the ring is full it waits in poll(), for as long as the socket's send buffer is more than
 *   half full. The buffer is made so large that the whole ring cannot fill it.
 * [drivers/net/af_packet/rte_eth_af_packet.c, 22.11 to 25.11: rte_eth_from_packet(),
 * eth_af_packet_tx(); net/packet/af_packet.c: packet_set_ring(), tpacket_snd(), packet_poll()]
 */

#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_cycles.h>

#include "devargs/capability.h"
#include "drivers/descriptors.h"
#include "drivers/iface.h"

#ifndef SO_SNDBUFFORCE
#define SO_SNDBUFFORCE 32
#endif

/* What the PMD takes when nothing is said. */
#define PMD_FRAME_SIZE 2048
#define PMD_FRAMES     512

/* Of a place in the ring, what goes before the frame. [eth_af_packet_tx(): pbuf] */
#define FRAME_OVERHEAD (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll))

#define LEAST_FRAME_SIZE 128
#define MOST_FRAME_SIZE  131072u
#define MOST_BLOCK_SIZE  (1024 * 1024)
#define MOST_RING_BYTES  (64 * 1024 * 1024)
/* Of the rings that are chosen here; a burst is 64 frames at the most. */
#define RING_BYTES   (4 * 1024 * 1024)
#define LEAST_FRAMES 64
#define MOST_FRAMES  65536

#define DRAIN_MS 200

/* What the kernel may charge to the socket for a frame beside its bytes. */
#define SKB_OVERHEAD 4096

/* Of one ring; the PMD makes two alike, for receiving and for sending. */
struct ring {
	uint32_t frame_size;
	uint32_t block_size;
	uint32_t frames;
};

struct af_packet_sink {
	struct vmirror_iface iface;
	struct ring ring;
	struct vmirror_descriptors before; /* sockets like the PMD's, before it came */
	int fd; /* the PMD's, as long as the vdev is there; -1: unknown */
};

/* Both rings. */
static size_t
map_size(const struct ring *ring)
{
	return 2 * (size_t)ring->frames * ring->frame_size;
}

/* The PMD locks the rings: as much must be allowed. */
static int
check_memory(const struct ring *ring, struct vmirror_error *err)
{
	size_t size = map_size(ring);
	void *map = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

	if (map == MAP_FAILED)
		return vmirror_error_set(err, -errno,
					 "sink net_af_packet: its rings lock %.1f MB of memory: "
					 "%s; raise 'ulimit -l', or lower framecnt=",
					 size / 1e6, strerror(errno));
	munmap(map, size);
	return 0;
}

/*
 * The PMD takes the ring for one piece of memory, the kernel for blocks with a rest at the end: a
 * frame's size must divide a block's, or they write and read at different places.
 */
static int
check_ring(const struct ring *ring, struct vmirror_error *err)
{
	uint32_t per_block = ring->block_size / ring->frame_size;
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);

	if (ring->frame_size % TPACKET_ALIGNMENT != 0 || per_block == 0 ||
	    ring->block_size % ring->frame_size != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_packet: framesz=%u must be a multiple of %d "
					 "and divide blocksz=%u",
					 ring->frame_size, TPACKET_ALIGNMENT, ring->block_size);
	if (ring->block_size % page != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_packet: blocksz=%u must be a multiple of a "
					 "page, %u",
					 ring->block_size, page);
	if (ring->frames % per_block != 0)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_packet: framecnt=%u must be a multiple of "
					 "the %u frames of framesz=%u in a block of blocksz=%u",
					 ring->frames, per_block, ring->frame_size,
					 ring->block_size);
	if ((uint64_t)ring->frames * ring->frame_size > MOST_RING_BYTES)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_packet: framecnt=%u of framesz=%u are more "
					 "than %d MB",
					 ring->frames, ring->frame_size, MOST_RING_BYTES >> 20);
	return check_memory(ring, err);
}

/* From the spec, and where that says nothing such that the interface's frames fit. */
static int
size_ring(const struct vmirror_spec_sink *spec, const char *name, struct ring *ring,
	  struct vmirror_error *err)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint32_t need = rte_align32pow2(vmirror_iface_frame(name) + FRAME_OVERHEAD);
	uint32_t block = 0;
	int ret;

	ret = vmirror_iface_number(spec, "blocksz", page, MOST_BLOCK_SIZE, &block, err);
	if (ret != 0)
		return ret;
	ring->frame_size = RTE_MAX(need, (uint32_t)PMD_FRAME_SIZE);
	ring->frame_size = RTE_MIN(ring->frame_size, block != 0 ? block : MOST_FRAME_SIZE);
	ret = vmirror_iface_number(spec, "framesz", LEAST_FRAME_SIZE, MOST_FRAME_SIZE,
				   &ring->frame_size, err);
	if (ret != 0)
		return ret;
	ring->block_size = block != 0 ? block : RTE_MAX(rte_align32pow2(ring->frame_size), page);
	ring->frames = RTE_MIN(RING_BYTES / ring->frame_size, (uint32_t)PMD_FRAMES);
	ring->frames = RTE_MAX(ring->frames, (uint32_t)LEAST_FRAMES);
	ret = vmirror_iface_number(spec, "framecnt", LEAST_FRAMES, MOST_FRAMES, &ring->frames, err);
	return ret != 0 ? ret : check_ring(ring, err);
}

static int
af_packet_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
		struct vmirror_error *err)
{
	const char *name = vmirror_spec_sink_arg(spec, "iface");
	uint32_t bypass = 1;
	struct ring ring;
	int ret;

	if (name == NULL)
		return vmirror_error_set(err, -EINVAL,
					 "sink net_af_packet: no iface=; name the interface to "
					 "send on, as in sink=[net_af_packet,iface=eth1]");
	ret = vmirror_iface_check("net_af_packet", "iface", name, plan, err);
	if (ret == 0)
		ret = vmirror_iface_number(spec, "qdisc_bypass", 0, 1, &bypass, err);
	return ret != 0 ? ret : size_ring(spec, name, &ring, err);
}

/* Of a socket like the PMD's, which discards what it cannot send from a ring: its interface. */
static bool
identify(int fd, uint64_t *ifindex)
{
	struct sockaddr_ll addr = {0};
	socklen_t len = sizeof(addr);
	int loss = 0, version = 0;

	if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 || addr.sll_family != AF_PACKET)
		return false;
	*ifindex = (uint64_t)addr.sll_ifindex;
	len = sizeof(loss);
	if (getsockopt(fd, SOL_PACKET, PACKET_LOSS, &loss, &len) != 0 || !loss)
		return false;
	len = sizeof(version);
	return getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &len) == 0 &&
	       version == TPACKET_V2;
}

/* The PMD does not tell its socket: it is the one that was not there before. -1: not found */
static int
find_socket(const struct af_packet_sink *packet)
{
	struct vmirror_descriptors now;

	vmirror_descriptors_find(&now, identify);
	vmirror_descriptors_subtract(&now, &packet->before);
	return now.n == 1 && now.of[0].id == packet->iface.index ? now.of[0].fd : -1;
}

static int
af_packet_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
	       size_t size, struct vmirror_error *err)
{
	const char *name = vmirror_spec_sink_arg(spec, "iface");
	const char *bypass = vmirror_spec_sink_arg(spec, "qdisc_bypass");
	struct af_packet_sink *packet;
	struct ring ring;
	int ret;

	ret = size_ring(spec, name, &ring, err);
	if (ret == 0)
		ret = vmirror_iface_open(sink, name, sizeof(*packet),
					 ring.frame_size - FRAME_OVERHEAD, err);
	if (ret != 0)
		return ret;
	packet = sink->priv;
	packet->ring = ring;
	packet->fd = -1;
	vmirror_descriptors_find(&packet->before, identify);
	snprintf(devargs, size, "iface=%s,framesz=%u,blocksz=%u,framecnt=%u,qdisc_bypass=%s", name,
		 ring.frame_size, ring.block_size, ring.frames, bypass != NULL ? bypass : "1");
	return 0;
}

/* ethdev sets the interface's address and flags when it starts the vdev. */
static int
af_packet_explain(struct vmirror_sink *sink, int error, struct vmirror_error *err)
{
	const struct vmirror_iface *iface = sink->priv;

	return vmirror_iface_explain("net_af_packet", iface->name,
				     VMIRROR_CAP_NET_RAW | VMIRROR_CAP_NET_ADMIN, error, err);
}

/* The kernel doubles the number. Without CAP_NET_ADMIN it gives less, and the PMD may wait. */
static void
widen(int fd, uint32_t bytes)
{
	int value = (int)bytes;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &value, sizeof(value)) != 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof(value)) != 0)
		errno = 0;
}

static int
af_packet_setup(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
		struct vmirror_error *err)
{
	struct af_packet_sink *packet = sink->priv;

	vmirror_iface_keep_promiscuous(sink);
	packet->fd = find_socket(packet);
	if (packet->fd >= 0)
		widen(packet->fd, packet->ring.frames * (packet->ring.frame_size + SKB_OVERHEAD));
	return 0;
}

/* Frames in the ring, which is mapped behind that for receiving, that the kernel has not taken. */
static uint32_t
count_unsent(const struct ring *ring, const uint8_t *map)
{
	const uint8_t *tx = map + (size_t)ring->frames * ring->frame_size;
	uint32_t i, n = 0;

	for (i = 0; i < ring->frames; i++) {
		const struct tpacket2_hdr *header =
			(const struct tpacket2_hdr *)(tx + (size_t)i * ring->frame_size);

		n += (__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_SEND_REQUEST) != 0;
	}
	return n;
}

static uint32_t
af_packet_drain(struct vmirror_sink *sink, struct rte_mempool *pool)
{
	const struct af_packet_sink *packet = sink->priv;
	size_t size = map_size(&packet->ring);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, packet->fd, 0);
	unsigned int ms;
	uint32_t unsent;

	if (map == MAP_FAILED)
		return 0;
	for (ms = 0; (unsent = count_unsent(&packet->ring, map)) > 0 && ms < DRAIN_MS; ms++) {
		if (sendto(packet->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno == ENXIO)
			break;
		rte_delay_us_sleep(1000);
	}
	munmap(map, size);
	return unsent;
}

static const char *const af_packet_keys[] = {"iface",    "framesz",      "blocksz",
					     "framecnt", "qdisc_bypass", NULL};

static const struct vmirror_sink_refusal af_packet_refused[] = {
	{"qpairs", "it would make queues that nobody feeds"},
	{"fanout_mode", "it would share out what is received, and a mirror sends"},
	{NULL, NULL},
};

extern const struct vmirror_sink_ops vmirror_sink_net_af_packet;

const struct vmirror_sink_ops vmirror_sink_net_af_packet = {
	.driver = "net_af_packet",
	.alias = "eth_af_packet",
	.keys = af_packet_keys,
	.refused = af_packet_refused,
	.check = af_packet_check,
	.open = af_packet_open,
	.explain = af_packet_explain,
	.setup = af_packet_setup,
	.health = vmirror_iface_health,
	.drain = af_packet_drain,
	.close = vmirror_iface_close,
};
