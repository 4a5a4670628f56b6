/* SPDX-License-Identifier: BSD-3-Clause */

/* Traffic on all queues of a port while a test does something, and what may not grow meanwhile. */

#include "tests/eal/traffic.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "tests/eal/host.h"

static atomic_bool stop;

struct sender {
	pthread_t thread;
	uint16_t port_id;
	uint16_t queue;
	uint64_t sent;
	uint64_t received;
};

static void *
send_packets(void *arg)
{
	struct sender *s = arg;
	struct rte_mbuf *pkts[32];
	unsigned int i;
	uint16_t n;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (i = 0; i < 8; i++)
			pkts[i] = i % 2 ? host_packet(200, i) : host_packet_segmented(600, i, 256);
		n = rte_eth_tx_burst(s->port_id, s->queue, pkts, 8);
		s->sent += n;
		rte_pktmbuf_free_bulk(pkts + n, 8 - n);
		while ((n = rte_eth_rx_burst(s->port_id, s->queue, pkts, RTE_DIM(pkts))) > 0) {
			s->received += n;
			rte_pktmbuf_free_bulk(pkts, n);
		}
	}
	return NULL;
}

struct memory {
	size_t dpdk;
	size_t libc;
	size_t rss_pages;
	unsigned int fds;
};

static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static struct memory
read_memory(void)
{
	struct rte_malloc_socket_stats heap;
	struct memory memory = {0};
	unsigned long vm, rss;
	FILE *f;

	assert_int_equal(rte_malloc_get_socket_stats(0, &heap), 0);
	memory.dpdk = heap.heap_allocsz_bytes;
	memory.libc = mallinfo2().uordblks;
	f = fopen("/proc/self/statm", "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &vm, &rss), 2);
	fclose(f);
	memory.rss_pages = rss;
	memory.fds = count_fds();
	return memory;
}

/* What a run may add: pages that libc keeps and touches late, nothing that grows with the rounds. */
static void
assert_no_growth(const struct memory *before, unsigned int rounds, const struct traffic_leak *leak)
{
	static const struct traffic_leak none;
	struct memory after = read_memory();
	unsigned int tries;

	/* ThreadSanitizer's own thread opens a file now and then. */
	for (tries = 0; after.fds != before->fds && tries < 20; tries++) {
		rte_delay_us_sleep(50000);
		after = read_memory();
	}
	print_message(
		"%u rounds: DPDK memory %+zd, heap %+zd, resident pages %+zd, files %+d\n", rounds,
		(ssize_t)(after.dpdk - before->dpdk), (ssize_t)(after.libc - before->libc),
		(ssize_t)(after.rss_pages - before->rss_pages), (int)(after.fds - before->fds));
	assert_int_equal(after.fds, before->fds);
	if (leak == NULL)
		leak = &none;
	assert_in_range(after.dpdk, before->dpdk, before->dpdk + rounds * leak->dpdk);
	assert_true(after.libc <= before->libc + 16384 + rounds * leak->libc);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadows grow */
	assert_true(after.rss_pages <=
		    before->rss_pages + 1024 + rounds * (leak->dpdk + leak->libc) / 4096);
#endif
}

void
traffic_during(uint16_t port_id, void (*churn)(unsigned int n), unsigned int warm_up,
	       unsigned int n, const struct traffic_leak *leak)
{
	struct sender senders[2] = {{.port_id = port_id}, {.port_id = port_id, .queue = 1}};
	struct memory before;
	unsigned int i, pool_full = rte_mempool_avail_count(host_pool());

	atomic_store(&stop, false);
	for (i = 0; i < RTE_DIM(senders); i++)
		pthread_create(&senders[i].thread, NULL, send_packets, &senders[i]);
	churn(warm_up);
	before = read_memory();
	for (i = 0; before.fds != count_fds() && i < 20; i++) {
		rte_delay_us_sleep(50000);
		before = read_memory();
	}
	churn(n);
	assert_no_growth(&before, n, leak);
	atomic_store(&stop, true);
	for (i = 0; i < RTE_DIM(senders); i++) {
		pthread_join(senders[i].thread, NULL);
		assert_true(senders[i].sent > 0);
		assert_int_equal(senders[i].received + host_rx_drop(port_id, senders[i].queue),
				 senders[i].sent);
	}
	assert_int_equal(rte_mempool_avail_count(host_pool()), pool_full);
}
