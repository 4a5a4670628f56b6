/* SPDX-License-Identifier: BSD-3-Clause */

/* The ports, the packets and the forwarder of cost.c. */

#include "bench/bed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_tcp.h>

#define WARM_UP 16 /* bursts at the start of a batch that are not timed */

struct bed bed;

int
bed_fail(const char *what, int ret)
{
	fprintf(stderr, "cost: %s: %s\n", what, rte_strerror(-ret));
	return ret;
}

/*
 * Frames of TCP to port 443, so that "tcp port 81" has to look at all that it can; one in a hundred to
 * port 80.
 */
static void
fill(struct rte_mempool *pool, void *arg, void *obj, unsigned int index)
{
	struct rte_mbuf *mbuf = obj;
	uint8_t *data = (uint8_t *)mbuf->buf_addr + RTE_PKTMBUF_HEADROOM;
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)data;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	memset(data, index, bed.bytes);
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(bed.bytes - sizeof(*eth)),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(BED_SOURCE),
		.dst_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 2)),
	};
	tcp->src_port = rte_cpu_to_be_16(40000);
	tcp->dst_port = rte_cpu_to_be_16(index % 100 == 0 ? 80 : 443);
}

/* Of the lines of packets and mbufs, so many that they do not fit into the cache. */
static struct rte_mempool *
make_pool(void)
{
	uint32_t lines = 2 * RTE_CACHE_LINE_SIZE + RTE_ALIGN_CEIL(bed.bytes, RTE_CACHE_LINE_SIZE);
	uint32_t n = rte_align32pow2(bed.cache_bytes / lines) - 1;
	uint16_t room = RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(bed.bytes, RTE_CACHE_LINE_SIZE);

	/* A ring without a cache before it: first in, first out. */
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create_by_ops("bench", n, 0, 0, room, SOCKET_ID_ANY, "ring_mp_sc");

	if (pool != NULL)
		rte_mempool_obj_iter(pool, fill, NULL);
	return pool;
}

static int
start_port(uint16_t port, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;
	int ret = rte_eth_dev_configure(port, BED_QUEUES, 1, &conf);
	uint16_t queue;

	for (queue = 0; queue < BED_QUEUES && ret == 0; queue++)
		ret = rte_eth_rx_queue_setup(port, queue, 512, SOCKET_ID_ANY, NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	return ret == 0 ? 0 : bed_fail("port", ret);
}

/* The kernel knows what this core shares; sysconf() may add up what the whole machine has. */
size_t
bed_cache_size(unsigned int level)
{
	const size_t most_kib = 32 << 10;
	size_t kib = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%u/size", level);
	file = fopen(path, "re");
	if (file == NULL || fscanf(file, "%zuK", &kib) != 1 || kib == 0)
		kib = level < 3 ? 1 << 10 : most_kib;
	if (file != NULL)
		fclose(file);
	return RTE_MIN(kib, most_kib) << 10;
}

int
bed_open(uint16_t bytes, const char *dir)
{
	struct rte_mempool *pool;
	uint16_t port;
	int ret = 0;

	bed = (struct bed){
		.bytes = bytes,
		.dir = dir,
		.cache_bytes = 2 * bed_cache_size(3),
		.queues = 1,
	};
	if (rte_eth_dev_count_avail() != BED_PORTS)
		return bed_fail("five net_null ports are needed", -ENODEV);
	pool = make_pool();
	if (pool == NULL)
		return bed_fail("mempool", -rte_errno);
	for (port = 0; ret == 0 && port < BED_PORTS; port++)
		ret = start_port(port, pool);
	return ret;
}

/* Marsaglia's xorshift: three instructions, so that the table's lines are what costs. */
static void
count_in_table(uint16_t n)
{
	static uint64_t state = 88172645463325252;
	uint64_t drawn = state;

	while (n-- > 0) {
		drawn ^= drawn << 13;
		drawn ^= drawn >> 7;
		drawn ^= drawn << 17;
		bed.table[(drawn >> 32) * bed.table_entries >> 32].packets++;
	}
	state = drawn;
}

__rte_noinline void
bed_forward(uint16_t port, unsigned int n_bursts)
{
	static const struct rte_ether_addr addr = {{2, 0, 0, 0, 0, 1}};
	struct rte_mbuf *pkts[BED_BURST];
	uint16_t i, n, queue = 0;

	while (n_bursts-- > 0) {
		n = rte_eth_rx_burst(port, queue, pkts, BED_BURST);
		if (++queue == bed.queues)
			queue = 0;
		for (i = 0; i < n; i++)
			rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *)->src_addr = addr;
		if (bed.table != NULL)
			count_in_table(n);
		/* Seen once, where it comes from or where it goes to. */
		rte_eth_tx_burst(bed.sends ? port : BED_BARE, 0, pkts, n);
	}
}

double
bed_batch(uint16_t port, unsigned int n_bursts)
{
	uint64_t begin;

	bed_forward(port, WARM_UP);
	begin = rte_rdtsc_precise();
	bed_forward(port, n_bursts);
	return (rte_rdtsc_precise() - begin) * 1e9 / rte_get_tsc_hz() / BED_BURST / n_bursts;
}

uint64_t
bed_disturbances(void)
{
	unsigned int cpu = rte_lcore_to_cpu_id(-1);
	struct rusage usage = {0};
	unsigned long steal = 0;
	char line[256], label[16];
	FILE *stat = fopen("/proc/stat", "re");

	snprintf(label, sizeof(label), "cpu%u ", cpu);
	while (stat != NULL && fgets(line, sizeof(line), stat) != NULL)
		if (strncmp(line, label, strlen(label)) == 0)
			sscanf(line, "%*s %*u %*u %*u %*u %*u %*u %*u %lu", &steal);
	if (stat != NULL)
		fclose(stat);
	getrusage(RUSAGE_THREAD, &usage);
	return steal + usage.ru_nivcsw;
}

uint64_t
bed_pace(uint16_t port, double pps, double seconds, uint64_t begin, uint64_t deadline)
{
	const double interval = rte_get_tsc_hz() * BED_BURST / pps;
	unsigned int n = seconds * pps / BED_BURST, i;

	for (i = 0; i < n && rte_rdtsc() < deadline; i++) {
		while (rte_rdtsc() < begin + (uint64_t)(i * interval))
			rte_pause();
		bed_forward(port, 1);
	}
	return i == n ? (uint64_t)n * BED_BURST : 0;
}
