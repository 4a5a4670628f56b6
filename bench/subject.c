/* SPDX-License-Identifier: BSD-3-Clause */

/* The subjects: callbacks that set the scale, mirrors, and dpdk-dumpcap. */

#include "bench/subject.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "bench/dumpcap.h"
#include "lib/filter.h"
#include "vmirror.h"

#define FILE_SINK "[net_pcap,tx_pcap=%s/bench.pcap]"
/* As large as they are by default, which a batch does not fill, and a drain that looks in during it. */
#define RINGS "mode=ring,latency=1ms,"
/* Together as large as what is copied to. */
#define SHARES      "mode=ring,latency=1ms,ring_bytes=%zu,"
#define SHARED      (128 << 20)
#define INLINE      "mode=inline,"
#define MAX_MIRRORS 8
#define IDLE_S      3

static struct {
	uint8_t *copies; /* what cost/memcpy writes to: a part for each queue, each in turn */
	size_t at[BED_QUEUES];
	struct vmirror_filter *filter;
	uint64_t matched;
	const struct rte_eth_rxtx_callback *callback[BED_QUEUES];
	char mirror[MAX_MIRRORS][VMIRROR_NAME_SIZE];
	unsigned int mirrors;
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
static void
end_callbacks(void)
{
	uint16_t queue;

	for (queue = 0; queue < bed.queues; queue++)
		rte_eth_remove_rx_callback(BED_CALLBACK, queue, hung.callback[queue]);
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

static void
end_memcpy(void)
{
	end_callbacks();
	free(hung.copies);
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

static void
end_jit(void)
{
	end_callbacks();
	vmirror_filter_destroy(hung.filter);
}

/*
 * What was taken was delivered: else it was not what it says that was measured. A peer that has to
 * share its core with the drain may miss a little.
 */
static void
end_mirrors(void)
{
	char path[256];
	unsigned int i;

	for (i = 0; i < hung.mirrors; i++) {
		struct vmirror_stats stats = {.size = sizeof(stats)};

		vmirror_mirror_detach(hung.mirror[i], NULL);
		if (vmirror_mirror_stats(hung.mirror[i], &stats, NULL) != 0 ||
		    stats.total.delivered + stats.total.in_flight <
			    (stats.total.seen - stats.total.filtered) / 10 * 9)
			fprintf(stderr,
				"cost: %s: %" PRIu64 " of %" PRIu64 " packets delivered %s\n",
				hung.mirror[i], stats.total.delivered,
				stats.total.seen - stats.total.filtered, stats.reason);
		vmirror_mirror_remove(hung.mirror[i], NULL);
	}
	hung.mirrors = 0;
	snprintf(path, sizeof(path), "%s/bench.pcap", bed.dir);
	unlink(path);
}

static int
begin_mirrors(const struct subject *s)
{
	unsigned int n = RTE_MAX(s->mirrors, 1U);
	size_t ring_bytes = SHARED / n / bed.queues;
	struct vmirror_error err = {""};
	char spec[512], keys[128], sink[256];

	snprintf(keys, sizeof(keys), s->keys != NULL ? s->keys : "", ring_bytes);
	snprintf(sink, sizeof(sink), s->sink, bed.dir);
	while (hung.mirrors < n) {
		snprintf(spec, sizeof(spec), "port=%d,queue=0-%u,dir=rx,%ssink=%s", s->with,
			 bed.queues - 1, keys, sink);
		if (vmirror_mirror_add(spec, hung.mirror[hung.mirrors], &err) != 0) {
			fprintf(stderr, "cost: %s\n", err.text);
			end_mirrors();
			return -EIO;
		}
		hung.mirrors++;
	}
	return 0;
}

static int
begin_detached(const struct subject *s)
{
	int ret = begin_mirrors(s);

	return ret == 0 ? vmirror_mirror_detach(hung.mirror[0], NULL) : ret;
}

/*
 * Until the rings are empty: a sink is slower than the core that fills them. What its driver holds
 * until it is fed again stays in flight, and no more becomes of it.
 */
static void
settle(void)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	unsigned int i, same;
	uint64_t before;

	for (i = 0; i < hung.mirrors; i++) {
		stats.total.in_flight = 0;
		same = 0;
		do {
			before = stats.total.in_flight;
			rte_delay_us_sleep(100);
			if (vmirror_mirror_stats(hung.mirror[i], &stats, NULL) != 0)
				break;
			same = stats.total.in_flight == before ? same + 1 : 0;
		} while (stats.total.in_flight > BED_BURST && same < 30);
	}
}

#define CALLBACKS(name, begin, end, queues)                                                        \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_CALLBACK, 1, begin, end, NULL, NULL, NULL, queues    \
	}
#define MIRROR(name, sink, keys)                                                                   \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_MIRRORED, 1, begin_mirrors, end_mirrors, settle,     \
			sink, keys                                                                 \
	}
#define INLINED(name, sink)                                                                        \
	{                                                                                          \
		name, "ns/pkt", BED_BARE, BED_MIRRORED, 1, begin_mirrors, end_mirrors, NULL, sink, \
			INLINE                                                                     \
	}
#define BOTH_MODES(of, sink) INLINED("cost/inline-" of, sink), MIRROR("cost/ring-" of, sink, RINGS)
#define MIRRORS(n)                                                                                 \
	{                                                                                          \
		"cost/mirrors-" #n, "ns/pkt", BED_BARE, BED_MIRRORED, 1, begin_mirrors,            \
			end_mirrors, settle, "[net_null]", SHARES, 1, n                            \
	}
#define QUEUES(n)                                                                                  \
	CALLBACKS("cost/memcpy-" #n, begin_memcpy, end_memcpy, n),                                 \
	{                                                                                          \
		"cost/queues-" #n, "ns/pkt", BED_BARE, BED_MIRRORED, 1, begin_mirrors,             \
			end_mirrors, settle, "[net_null]", SHARES, n                               \
	}

const struct subject subjects[] = {
	{"cost/none", "ns/pkt", BED_BARE, BED_BARE},
	{"cost/noise", "ns/pkt", BED_BARE, BED_CALLBACK},
	CALLBACKS("cost/memcpy", begin_memcpy, end_memcpy, 1),
	CALLBACKS("cost/jit", begin_jit, end_jit, 1),
	MIRROR("cost/filter-none", FILE_SINK, "filter=\"tcp port 81\","),
	MIRROR("cost/filter-1pct", FILE_SINK, "filter=\"tcp port 80\","),
	{"cost/detached", "ns/burst", BED_IDLE_BARE, BED_IDLE_MIRRORED, BED_BURST, begin_detached,
	 end_mirrors, NULL, FILE_SINK},
	BOTH_MODES("null", "[net_null]"),
	BOTH_MODES("pcap", FILE_SINK),
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
	{"cost/dumpcap", "ns/pkt", BED_BARE, BED_CALLBACK, 1, dumpcap_begin, dumpcap_end,
	 dumpcap_settle, NULL, NULL, 1, 1, 32},
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
		.mirrors = MAX_MIRRORS,
	};
	struct vmirror_stats stats = {.size = sizeof(stats)};
	double before;
	int ret;

	bed.queues = 1;
	ret = begin_mirrors(&idle);
	if (ret != 0)
		return ret;
	vmirror_mirror_stats(hung.mirror[0], &stats, NULL);
	before = cpu_s();
	rte_delay_us_sleep(IDLE_S * 1000000);
	printf("{\"name\": \"cpu/idle\", \"bytes\": %u, \"unit\": \"%% of a core, %u mirrors\", "
	       "\"once\": %.3f}\n",
	       bed.bytes, MAX_MIRRORS, (cpu_s() - before) / IDLE_S * 100);
	printf("{\"name\": \"memory/mirror\", \"bytes\": %u, \"unit\": \"MB, 1 queue\", "
	       "\"once\": %.3f}\n",
	       bed.bytes, stats.memory_bytes / 1e6);
	end_mirrors();
	return 0;
}
