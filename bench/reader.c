/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An AF_PACKET socket with a ring that it shares with the kernel (TPACKET_V3), as tcpdump has one:
 * the kernel copies each frame into it, and one look has a block of many. It is large, so that a
 * reader that is kept from its core for a moment loses nothing.
 */

#include "bench/reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bed.h"
#include "lib/thread.h"

#define BLOCK_BYTES (1U << 20)
#define BLOCKS      64
#define BLOCK_MS    2 /* after which the kernel hands on a block that is not full */

static struct {
	int fd;
	uint8_t *blocks; /* the kernel's and the thread's in turn, as block_status says */
	vmirror_thread_t thread;
	atomic_bool stop;
	atomic_uint_fast64_t count; /* written by the thread, read by others */
	bool open;
} reader;

/* The kernel says things of its own on an interface that comes up. */
static bool
is_of_bed(const struct tpacket3_hdr *packet)
{
	const uint8_t *frame = (const uint8_t *)packet + packet->tp_mac;
	const struct ether_header *eth = (const struct ether_header *)frame;
	const struct iphdr *ip = (const struct iphdr *)(eth + 1);

	return packet->tp_snaplen >= sizeof(*eth) + sizeof(*ip) &&
	       eth->ether_type == htons(ETHERTYPE_IP) && ip->saddr == htonl(BED_SOURCE);
}

static unsigned int
count_block(const struct tpacket_block_desc *block)
{
	const uint8_t *at = (const uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
	unsigned int i, n = 0;

	for (i = 0; i < block->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *packet = (const struct tpacket3_hdr *)at;

		n += is_of_bed(packet);
		at += packet->tp_next_offset;
	}
	return n;
}

static vmirror_thread_ret_t
run(void *arg)
{
	struct pollfd pollfd = {.fd = reader.fd, .events = POLLIN};
	unsigned int next = 0;

	while (!atomic_load(&reader.stop)) {
		struct tpacket_block_desc *block =
			(struct tpacket_block_desc *)(reader.blocks + next * BLOCK_BYTES);

		/* Pairs with the kernel's barrier before it hands the block on, and back. */
		if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER)) {
			poll(&pollfd, 1, 10);
			continue;
		}
		atomic_fetch_add(&reader.count, count_block(block));
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		next = (next + 1) % BLOCKS;
	}
	return VMIRROR_THREAD_RETURN;
}

static int
make_ring(int fd)
{
	const int version = TPACKET_V3;
	const struct tpacket_req3 ring = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCK_BYTES / 2048 * BLOCKS,
		.tp_retire_blk_tov = BLOCK_MS,
	};

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) != 0)
		return -errno;
	reader.blocks =
		mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return reader.blocks == MAP_FAILED ? -errno : 0;
}

static int
bind_to(int fd, const char *iface)
{
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(iface),
	};

	if (at.sll_ifindex == 0)
		return -ENODEV;
	return bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : -errno;
}

int
reader_open(const char *iface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return bed_fail("AF_PACKET", -errno);
	ret = make_ring(fd);
	if (ret != 0)
		goto close_fd;
	ret = bind_to(fd, iface);
	if (ret != 0)
		goto unmap;
	reader.fd = fd;
	atomic_store(&reader.stop, false);
	atomic_store(&reader.count, 0);
	ret = vmirror_thread_start(&reader.thread, "bench-reader", run, NULL);
	if (ret != 0)
		goto unmap;
	reader.open = true;
	return 0;
unmap:
	munmap(reader.blocks, (size_t)BLOCK_BYTES * BLOCKS);
close_fd:
	close(fd);
	return bed_fail(iface, ret);
}

void
reader_close(void)
{
	if (!reader.open)
		return;
	atomic_store(&reader.stop, true);
	vmirror_thread_join(reader.thread);
	munmap(reader.blocks, (size_t)BLOCK_BYTES * BLOCKS);
	close(reader.fd);
	reader.open = false;
}

uint64_t
reader_count(void)
{
	return atomic_load(&reader.count);
}
