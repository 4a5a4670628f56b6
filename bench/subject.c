/* SPDX-License-Identifier: BSD-3-Clause */

/* The subjects: callbacks that set the scale, mirrors, and dpdk-dumpcap. */

#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "bench/dumpcap.h"
#include "bench/mirrors.h"
#include "lib/filter.h"
#include "vmirror.h"

#define FILE_SINK "[net_pcap,tx_pcap=%s/bench.pcap]"
/* As large as they are by default, which a batch does not fill, and a drain that looks in during it. */
#define RINGS "mode=ring,latency=1ms,"
/* Together as large as what is copied to. */
#define SHARES "mode=ring,latency=1ms,ring_bytes=%zu,"
/* Bursts of a batch: with a warm-up of 16, no more than the 4096 packets that a queue may hold. */
#define HELD   100
#define INLINE "mode=inline,"
#define IDLE_S 3

static struct {
	uint8_t *copies; /* what cost/memcpy writes to: a part for each queue, each in turn */
	size_t at[BED_QUEUES];
	struct vmirror_filter *filter;
	uint64_t matched;
	const struct rte_eth_rxtx_callback *callback[BED_QUEUES];
} hung;

static uint16_t
on_copy(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, uint16_t max, void *arg)
{
	size_t part = bed.cache_bytes / bed.queues;
	uint8_t *copies = hung.copies + queue * part;
	size_t at = hung.at[queue];
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (at + bed.bytes > part)
			at = 0;
		memcpy(copies + at, rte_pktmbuf_mtod(pkts[i], void *), pkts[i]->data_len);
		at += pkts[i]->data_len;
	}
	hung.at[queue] = at;
	return n;
}

static uint16_t
on_filter(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, uint16_t max,
	  void *arg)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		hung.matched += vmirror_filter_match(hung.filter, pkts[i]);
	return n;
}

static int
add_callbacks(rte_rx_callback_fn fn)
{
	uint16_t queue;

	for (queue = 0; queue < bed.queues; queue++) {
		hung.callback[queue] = rte_eth_add_rx_callback(BED_CALLBACK, queue, fn, NULL);
		if (hung.callback[queue] == NULL)
			return bed_fail("callback", -rte_errno);
	}
	return 0;
}

/* No other thread polls the port. */
static int
end_callbacks(void)
{
	uint16_t queue;

	for (queue = 0; queue < bed.queues; queue++)
		rte_eth_remove_rx_callback(BED_CALLBACK, queue, hung.callback[queue]);
	return 0;
}

static int
begin_memcpy(const struct subject *s)
{
	hung.copies = malloc(bed.cache_bytes);
	if (hung.copies == NULL)
		return bed_fail("memcpy", -ENOMEM);
	memset(hung.copies, 1, bed.cache_bytes);
	memset(hung.at, 0, sizeof(hung.at));
	return add_callbacks(on_copy);
}

static int
end_memcpy(void)
{
	int ret = end_callbacks();

	free(hung.copies);
	return ret;
}

static int
begin_jit(const struct subject *s)
{
	struct vmirror_error err = {""};
	int ret = vmirror_filter_create(&hung.filter, "tcp port 81", &err);

	if (ret != 0) {
		fprintf(stderr, "cost: %s\n", err.text);
		return ret;
	}
	return add_callbacks(on_filter);
}

static int
end_jit(void)
{
	int ret = end_callbacks();

	vmirror_filter_destroy(hung.filter);
	return ret;
}

static int
begin_detached(const struct subject *s)
{
	int ret = mirrors_begin(s);

	return ret == 0 ? vmirror_mirror_detach(mirrors_name(0), NULL) : ret;
}

#define CALLBACKS(name, begin, end, queues)                                                        \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_CALLBACK, 1, begin, end, NULL, NULL, NULL, queues    \
	}
#define MIRROR(name, sink, keys)                                                                   \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin, mirrors_end,             \
			mirrors_settle, sink, keys                                                 \
	}
#define INLINED(name, sink)                                                                        \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin, mirrors_end, NULL, sink, \
			INLINE                                                                     \
	}
#define BOTH_MODES(of, sink) INLINED("cost/inline-" of, sink), MIRROR("cost/ring-" of, sink, RINGS)
#define MIRRORS(n)                                                                                 \
	{                                                                                          \
		"cost/mirrors-" #n, "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin,            \
			mirrors_end, mirrors_settle, "[net_null]", SHARES, 1, n                    \
	}
#define QUEUES(n)                                                                                  \
	CALLBACKS("cost/memcpy-" #n, begin_memcpy, end_memcpy, n),                                 \
	{                                                                                          \
		"cost/queues-" #n, "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin,             \
			mirrors_end, mirrors_settle, "[net_null]", SHARES, n                       \
	}

const struct subject subjects[] = {
	{"cost/none", "ns/pkt", BED_BARE, BED_BARE},
	{"cost/noise", "ns/pkt", BED_BARE, BED_CALLBACK},
	CALLBACKS("cost/memcpy", begin_memcpy, end_memcpy, 1),
	CALLBACKS("cost/jit", begin_jit, end_jit, 1),
	MIRROR("cost/filter-none", FILE_SINK, "filter=\"tcp port 81\","),
	MIRROR("cost/filter-1pct", FILE_SINK, "filter=\"tcp port 80\","),
	{"cost/detached", "ns/burst", BED_IDLE_BARE, BED_IDLE_MIRRORED, BED_BURST, begin_detached,
	 mirrors_end, NULL, FILE_SINK},
	BOTH_MODES("null", "[net_null]"),
	BOTH_MODES("pcap", FILE_SINK),
	MIRROR("cost/ring-file", "[file,path=%s/bench.pcap]", RINGS),
	{"cost/recorder", "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin, mirrors_end, NULL,
	 "[net_null]", "mode=recorder,"},
	BOTH_MODES("tap", "[net_tap,iface=bench0]"),
	BOTH_MODES("pcap-iface", "[net_pcap,tx_iface=bench1]"),
	BOTH_MODES("af_packet", "[net_af_packet,iface=bench1]"),
	BOTH_MODES("af_xdp", "[net_af_xdp,iface=bench1]"),
	BOTH_MODES("virtio", "[virtio_user_bench,path=%s/" SUBJECT_PEER "]"),
	MIRRORS(1),
	MIRRORS(2),
	MIRRORS(4),
	MIRRORS(8),
	QUEUES(1),
	QUEUES(4),
	QUEUES(16),
	QUEUES(64),
	{"cost/sent", "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin, mirrors_end,
	 mirrors_settle, FILE_SINK, RINGS, 1, 1, true, HELD},
	{"cost/reference", "ns/pkt", BED_BARE, BED_MIRRORED, 1, mirrors_begin, mirrors_end,
	 mirrors_settle, FILE_SINK, RINGS "reference=1,", 1, 1, true, HELD},
	{"cost/dumpcap", "ns/pkt", BED_BARE, BED_CALLBACK, 1, dumpcap_begin, dumpcap_end,
	 dumpcap_settle, NULL, NULL, 1, 1, false, 32},
	{NULL},
};

static double
cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Mirrors on a port on which nothing comes; this thread sleeps, and EAL's others do. */
int
subject_idle(void)
{
	static const struct subject idle = {
		.with = BED_IDLE_MIRRORED,
		.sink = "[net_null]",
		.mirrors = MIRRORS_MAX,
	};
	struct vmirror_stats stats = {.size = sizeof(stats)};
	double before;
	int ret;

	bed.queues = 1;
	ret = mirrors_begin(&idle);
	if (ret != 0)
		return ret;
	vmirror_mirror_stats(mirrors_name(0), &stats, NULL);
	before = cpu_s();
	rte_delay_us_sleep(IDLE_S * 1000000);
	printf("{\"name\": \"cpu/idle\", \"bytes\": %u, \"unit\": \"%% of a core, %u mirrors\", "
	       "\"once\": %.3f}\n",
	       bed.bytes, MIRRORS_MAX, (cpu_s() - before) / IDLE_S * 100);
	printf("{\"name\": \"memory/mirror\", \"bytes\": %u, \"unit\": \"MB, 1 queue\", "
	       "\"once\": %.3f}\n",
	       bed.bytes, stats.memory_bytes / 1e6);
	mirrors_end();
	return 0;
}
