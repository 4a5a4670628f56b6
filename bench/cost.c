/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a hook costs the forwarding core: time per packet of a forwarder with it, less the time
 * without. bench/run starts this, several times over, and makes statistics of what it prints.
 *
 *     cost [EAL options] -- BYTES SECONDS DIRECTORY [NAME…]
 *
 * EAL gives three net_null ports of size=BYTES, which differ in nothing but what hangs on them:
 * nothing ever, a plain rx callback, or libvmirror. The forwarder takes 32 packets from a port,
 * rewrites an address in each and transmits them. The packets come from a mempool that is used in
 * turn and is larger than the last-level cache, so every packet is cold when it arrives. Two more
 * ports, of no-rx=1, never have a packet: what costs a nanosecond a burst is measured by polling
 * those, because beside 32 cold packets it could not be seen.
 *
 * A round is A, B, A: without, with, without, a few milliseconds each. A round in which the thread
 * lost the core, to another thread or to another guest of the machine, does not count.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_tcp.h>

#include "lib/filter.h"
#include "vmirror.h"

#define BURST      32
#define WARM_UP    16          /* bursts at the start of a batch that are not timed */
#define BATCH_S    0.002       /* how long the timed part of a batch is to take */
#define MAX_ROUNDS 100000      /* of all measurements of a process: a bound, never reached */
#define PEER       "peer.sock" /* a vhost-user peer's, in the directory, where there is one */
#define FILE_SINK  "[net_pcap,tx_pcap=%s/bench.pcap]"
/* Rings that a batch does not fill, and a drain that looks in during one. */
#define RINGS    "mode=ring,ring_bytes=128M,latency=1ms,"
#define INLINE   "mode=inline,"
#define PATIENCE 3 /* how many times its seconds a measurement may take when disturbed */

enum port {
	PORT_BARE,
	PORT_CALLBACK,
	PORT_MIRRORED,
	PORT_IDLE_BARE,
	PORT_IDLE_MIRRORED,
	N_PORTS,
};

/* What all measurements share. */
static struct {
	uint16_t bytes;
	double seconds;
	const char *dir;
	size_t cache_bytes; /* twice the last-level cache */
	struct rte_mempool *pool;
	uint8_t *copies; /* what cost/memcpy writes to, in turn */
	size_t copies_at;
	struct vmirror_filter *filter;
	uint64_t matched;
	const struct rte_eth_rxtx_callback *callback;
	char mirror[VMIRROR_NAME_SIZE];
	char spec[512];
} bed;

struct measurement {
	const char *name;
	const char *unit;
	enum port without;
	enum port with;   /* the same: it is the forwarder that is measured */
	unsigned int per; /* the unit is of so many packets' time */
	/* Hang the thing on the port; NULL: nothing. */
	int (*begin)(const struct measurement *m);
	void (*end)(void);
	const char *sink; /* of a mirror; %s is the directory */
	const char *keys; /* more of its spec */
};

static int
fail(const char *what, int ret)
{
	fprintf(stderr, "cost: %s: %s\n", what, rte_strerror(-ret));
	return ret;
}

/* Frames of a TCP connection to port 443: "tcp port 80" has to look at all that it can. */
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
		.src_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 1)),
		.dst_addr = rte_cpu_to_be_32(RTE_IPV4(192, 0, 2, 2)),
	};
	tcp->src_port = rte_cpu_to_be_16(40000);
	tcp->dst_port = rte_cpu_to_be_16(443);
}

/* Of the lines of packets and mbufs, so many that they do not fit into the cache. */
static int
make_pool(void)
{
	uint32_t lines = 2 * RTE_CACHE_LINE_SIZE + RTE_ALIGN_CEIL(bed.bytes, RTE_CACHE_LINE_SIZE);
	uint32_t n = rte_align32pow2(bed.cache_bytes / lines) - 1;
	uint16_t room = RTE_PKTMBUF_HEADROOM + RTE_ALIGN_CEIL(bed.bytes, RTE_CACHE_LINE_SIZE);

	/* A ring without a cache before it: first in, first out. */
	bed.pool =
		rte_pktmbuf_pool_create_by_ops("bench", n, 0, 0, room, SOCKET_ID_ANY, "ring_sp_sc");
	if (bed.pool == NULL)
		return fail("mempool", -rte_errno);
	rte_mempool_obj_iter(bed.pool, fill, NULL);
	return 0;
}

static int
start_port(uint16_t port)
{
	static const struct rte_eth_conf conf;
	int ret = rte_eth_dev_configure(port, 1, 1, &conf);

	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, bed.pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	return ret == 0 ? 0 : fail("port", ret);
}

static uint16_t
on_copy(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, uint16_t max, void *arg)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (bed.copies_at + bed.bytes > bed.cache_bytes)
			bed.copies_at = 0;
		memcpy(bed.copies + bed.copies_at, rte_pktmbuf_mtod(pkts[i], void *),
		       pkts[i]->data_len);
		bed.copies_at += pkts[i]->data_len;
	}
	return n;
}

static uint16_t
on_filter(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, uint16_t max,
	  void *arg)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		bed.matched += vmirror_filter_match(bed.filter, pkts[i]);
	return n;
}

static int
add_callback(rte_rx_callback_fn fn)
{
	bed.callback = rte_eth_add_rx_callback(PORT_CALLBACK, 0, fn, NULL);
	return bed.callback != NULL ? 0 : fail("callback", -rte_errno);
}

static void
end_callback(void)
{
	/* No other thread polls the port. */
	rte_eth_remove_rx_callback(PORT_CALLBACK, 0, bed.callback);
}

static int
begin_memcpy(const struct measurement *m)
{
	bed.copies = malloc(bed.cache_bytes);
	if (bed.copies == NULL)
		return fail("memcpy", -ENOMEM);
	memset(bed.copies, 1, bed.cache_bytes);
	return add_callback(on_copy);
}

static void
end_memcpy(void)
{
	end_callback();
	free(bed.copies);
}

static int
begin_jit(const struct measurement *m)
{
	struct vmirror_error err = {""};
	int ret = vmirror_filter_create(&bed.filter, "tcp port 80", &err);

	if (ret != 0) {
		fprintf(stderr, "cost: %s\n", err.text);
		return ret;
	}
	return add_callback(on_filter);
}

static void
end_jit(void)
{
	end_callback();
	vmirror_filter_destroy(bed.filter);
}

static int
begin_mirror(const struct measurement *m)
{
	struct vmirror_error err = {""};
	char sink[256];
	int ret;

	snprintf(sink, sizeof(sink), m->sink, bed.dir);
	snprintf(bed.spec, sizeof(bed.spec), "port=%d,dir=rx,%ssink=%s", m->with,
		 m->keys != NULL ? m->keys : "", sink);
	ret = vmirror_mirror_add(bed.spec, bed.mirror, &err);
	if (ret != 0)
		fprintf(stderr, "cost: %s\n", err.text);
	return ret;
}

static int
begin_detached(const struct measurement *m)
{
	int ret = begin_mirror(m);

	return ret == 0 ? vmirror_mirror_detach(bed.mirror, NULL) : ret;
}

/* All that was taken was delivered: else it was not what it says that was measured. */
static void
end_mirror(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	char path[256];

	vmirror_mirror_detach(bed.mirror, NULL);
	if (vmirror_mirror_stats(bed.mirror, &stats, NULL) != 0 ||
	    stats.total.delivered + stats.total.in_flight !=
		    stats.total.seen - stats.total.filtered)
		fprintf(stderr, "cost: %s: %" PRIu64 " of %" PRIu64 " packets delivered %s\n",
			bed.spec, stats.total.delivered, stats.total.seen - stats.total.filtered,
			stats.reason);
	vmirror_mirror_remove(bed.mirror, NULL);
	snprintf(path, sizeof(path), "%s/bench.pcap", bed.dir);
	unlink(path);
}

#define MIRROR(name, sink, keys)                                                                   \
	{                                                                                          \
		name, "ns/pkt", PORT_BARE, PORT_MIRRORED, 1, begin_mirror, end_mirror, sink, keys  \
	}
#define BOTH_MODES(of, sink)                                                                       \
	MIRROR("cost/inline-" of, sink, INLINE), MIRROR("cost/ring-" of, sink, RINGS)

static const struct measurement measurements[] = {
	{"cost/none", "ns/pkt", PORT_BARE, PORT_BARE, 1, NULL, NULL},
	{"cost/noise", "ns/pkt", PORT_BARE, PORT_CALLBACK, 1, NULL, NULL},
	{"cost/memcpy", "ns/pkt", PORT_BARE, PORT_CALLBACK, 1, begin_memcpy, end_memcpy},
	{"cost/jit", "ns/pkt", PORT_BARE, PORT_CALLBACK, 1, begin_jit, end_jit},
	MIRROR("cost/filter-none", FILE_SINK, "filter=\"tcp port 80\","),
	{"cost/detached", "ns/burst", PORT_IDLE_BARE, PORT_IDLE_MIRRORED, BURST, begin_detached,
	 end_mirror, FILE_SINK},
	BOTH_MODES("null", "[net_null_bench]"),
	BOTH_MODES("pcap", FILE_SINK),
	BOTH_MODES("tap", "[net_tap,iface=bench0]"),
	BOTH_MODES("pcap-iface", "[net_pcap,tx_iface=bench1]"),
	BOTH_MODES("af_packet", "[net_af_packet,iface=bench1]"),
	BOTH_MODES("af_xdp", "[net_af_xdp,iface=bench1]"),
	BOTH_MODES("virtio", "[virtio_user_bench,path=%s/" PEER "]"),
};

static __rte_noinline void
forward(uint16_t port, unsigned int n_bursts)
{
	static const struct rte_ether_addr addr = {{2, 0, 0, 0, 0, 1}};
	struct rte_mbuf *pkts[BURST];
	uint16_t i, n;

	while (n_bursts-- > 0) {
		n = rte_eth_rx_burst(port, 0, pkts, BURST);
		for (i = 0; i < n; i++)
			rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *)->src_addr = addr;
		rte_eth_tx_burst(port, 0, pkts, n);
	}
}

/* Nanoseconds per packet. */
static double
batch(uint16_t port, unsigned int n_bursts)
{
	uint64_t begin;

	forward(port, WARM_UP);
	begin = rte_rdtsc_precise();
	forward(port, n_bursts);
	return (rte_rdtsc_precise() - begin) * 1e9 / rte_get_tsc_hz() / BURST / n_bursts;
}

static unsigned int
bursts_for(uint16_t port)
{
	double ns = RTE_MIN(batch(port, 8), batch(port, 8));
	unsigned int n = BATCH_S * 1e9 / BURST / ns;

	return RTE_MAX(n, 8u);
}

/* Ticks in which the machine ran somebody else on this core, and times that this thread lost it. */
static uint64_t
disturbances(void)
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

/* Until the rings are empty: a sink is slower than the core that fills them. It may keep some. */
static void
settle(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	unsigned int tries = 0;

	do
		rte_delay_us_sleep(100);
	while (++tries < 2000 && vmirror_mirror_stats(bed.mirror, &stats, NULL) == 0 &&
	       stats.total.in_flight > BURST);
}

static double
one_round(const struct measurement *m, unsigned int n_without, unsigned int n_with)
{
	double before, with, after;

	before = batch(m->without, n_without);
	if (m->with == m->without)
		return before;
	with = batch(m->with, n_with);
	if (m->keys != NULL && strcmp(m->keys, RINGS) == 0)
		settle();
	after = batch(m->without, n_without);
	return (with - (before + after) / 2) * m->per;
}

static void
measure(const struct measurement *m)
{
	unsigned int n_without = bursts_for(m->without);
	unsigned int n_with = bursts_for(m->with);
	uint64_t begin = rte_rdtsc(), hz = rte_get_tsc_hz();
	unsigned int n = 0, discarded = 0;
	double counted_s = 0;

	printf("{\"name\": \"%s\", \"bytes\": %u, \"unit\": \"%s\", \"rounds\": [", m->name,
	       bed.bytes, m->unit);
	while (counted_s < bed.seconds && n < MAX_ROUNDS &&
	       rte_rdtsc() - begin < PATIENCE * bed.seconds * hz) {
		uint64_t disturbed = disturbances();
		uint64_t start = rte_rdtsc();
		double value = one_round(m, n_without, n_with);

		if (disturbances() != disturbed) {
			discarded++;
			continue;
		}
		counted_s += (double)(rte_rdtsc() - start) / hz;
		printf("%s%.3f", n++ > 0 ? ", " : "", value);
	}
	printf("], \"discarded\": %u}\n", discarded);
	fflush(stdout);
}

/* A peer that polls is measured with, and nothing else beside it. */
static bool
wanted(const struct measurement *m, int n_words, char *words[])
{
	bool with_peer = m->sink != NULL && strstr(m->sink, PEER) != NULL;
	char path[256];
	int i;

	snprintf(path, sizeof(path), "%s/" PEER, bed.dir);
	if (with_peer != (access(path, F_OK) == 0))
		return false;
	for (i = 0; i < n_words; i++)
		if (strcmp(words[i], m->name) == 0)
			return true;
	return n_words == 0;
}

static int
measure_all(int n_words, char *words[])
{
	unsigned int i;
	int failed = 0;

	for (i = 0; i < RTE_DIM(measurements); i++) {
		const struct measurement *m = &measurements[i];

		if (!wanted(m, n_words, words))
			continue;
		if (m->begin != NULL && m->begin(m) != 0) {
			fprintf(stderr, "cost: %s at %u bytes left out\n", m->name, bed.bytes);
			failed = -EIO;
			continue;
		}
		measure(m);
		if (m->end != NULL)
			m->end();
	}
	return failed;
}

static int
run(int n_words, char *words[])
{
	struct vmirror_error err = {""};
	uint16_t port;
	int ret;

	if (rte_eth_dev_count_avail() != N_PORTS)
		return fail("five net_null ports are needed", -ENODEV);
	ret = make_pool();
	for (port = 0; ret == 0 && port < N_PORTS; port++)
		ret = start_port(port);
	if (ret != 0)
		return ret;
	ret = vmirror_engine_init(NULL, &err);
	if (ret != 0) {
		fprintf(stderr, "cost: %s\n", err.text);
		return ret;
	}
	ret = measure_all(n_words, words);
	vmirror_engine_fini();
	return ret;
}

/*
 * The kernel knows what this core shares; sysconf() may add up what the whole machine has. A virtual
 * machine may be told of caches that it shares with many others, and has little of.
 */
static size_t
last_level_cache(void)
{
	const size_t most = 32 << 20;
	FILE *file = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re");
	size_t kib = 0;

	if (file == NULL || fscanf(file, "%zuK", &kib) != 1 || kib == 0)
		kib = 32 << 10;
	if (file != NULL)
		fclose(file);
	return RTE_MIN(kib << 10, most);
}

int
main(int argc, char *argv[])
{
	int n_args = rte_eal_init(argc, argv);
	int ret = -EINVAL;

	if (n_args < 0)
		return EXIT_FAILURE;
	argc -= n_args;
	argv += n_args;
	bed.cache_bytes = 2 * last_level_cache();
	if (argc < 4) {
		fprintf(stderr, "usage: cost [EAL options] -- BYTES SECONDS DIRECTORY [NAME...]\n");
	} else {
		bed.bytes = strtoul(argv[1], NULL, 10);
		bed.seconds = strtod(argv[2], NULL);
		bed.dir = argv[3];
		ret = run(argc - 4, argv + 4);
	}
	rte_eal_cleanup();
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
