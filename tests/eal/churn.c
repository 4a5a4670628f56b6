/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Attaching and detaching, many thousand times, while two cores send through the two queues of a
 * port: nothing crashes, no packet of the host is lost or kept, counters conserve, memory does not
 * grow. A soak run does 100,000.
 */

#include "tests/eal/host.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

static atomic_bool stop;
static uint16_t port_id;

struct sender {
	pthread_t thread;
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
		n = rte_eth_tx_burst(port_id, s->queue, pkts, 8);
		s->sent += n;
		rte_pktmbuf_free_bulk(pkts + n, 8 - n);
		while ((n = rte_eth_rx_burst(port_id, s->queue, pkts, RTE_DIM(pkts))) > 0) {
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
};

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
	return memory;
}

/* What a run may add: pages that libc keeps and touches late, nothing that grows with the rounds. */
static void
assert_no_growth(const struct memory *before, unsigned int rounds)
{
	struct memory after = read_memory();

	print_message("%u rounds: DPDK memory %+zd, heap %+zd, resident pages %+zd\n", rounds,
		      (ssize_t)(after.dpdk - before->dpdk), (ssize_t)(after.libc - before->libc),
		      (ssize_t)(after.rss_pages - before->rss_pages));
	assert_int_equal(after.dpdk, before->dpdk);
	assert_true(after.libc <= before->libc + 16384);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadows grow */
	assert_true(after.rss_pages <= before->rss_pages + 1024);
#endif
}

static void
with_traffic(void (*churn)(unsigned int n), unsigned int warm_up, unsigned int n)
{
	struct sender senders[2] = {{.queue = 0}, {.queue = 1}};
	struct memory before;
	unsigned int i, pool_full = rte_mempool_avail_count(host_pool());

	atomic_store(&stop, false);
	for (i = 0; i < RTE_DIM(senders); i++)
		pthread_create(&senders[i].thread, NULL, send_packets, &senders[i]);
	churn(warm_up);
	before = read_memory();
	churn(n);
	assert_no_growth(&before, n);
	atomic_store(&stop, true);
	for (i = 0; i < RTE_DIM(senders); i++) {
		pthread_join(senders[i].thread, NULL);
		assert_true(senders[i].sent > 0);
		assert_int_equal(senders[i].received + host_rx_drop(port_id, senders[i].queue),
				 senders[i].sent);
	}
	assert_int_equal(rte_mempool_avail_count(host_pool()), pool_full);
}

static void
attach_detach(unsigned int n)
{
	struct vmirror_error err = {0};
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (vmirror_mirror_detach("a", &err) != 0 || vmirror_mirror_attach("a", &err) != 0)
			fail_msg("round %u: %s", i, err.text);
		if (i % 3 == 0)
			assert_int_equal(vmirror_mirror_detach("b", NULL), 0);
		else
			assert_int_equal(vmirror_mirror_attach("b", NULL), 0);
	}
	assert_int_equal(vmirror_mirror_detach("a", NULL), 0);
	assert_int_equal(vmirror_mirror_detach("b", NULL), 0);
	host_assert_conserved("a");
	host_assert_conserved("b");
	assert_int_equal(vmirror_mirror_attach("a", NULL), 0);
}

static void
test_attach_detach(void **state)
{
	struct vmirror_stats stats;

	host_mirror("name=a,port=net_ring_a,sink=[net_pcap,tx_pcap=/dev/null]");
	host_mirror("name=b,port=net_ring_a,filter=udp src port 1025,snaplen=60,"
		    "sink=[net_pcap,tx_pcap=/dev/null]");
	with_traffic(attach_detach, 200, host_rounds(5000, 100000));
	stats = host_stats("a");
	assert_true(stats.total.delivered > 0);
	assert_int_equal(stats.total.no_room, 0);
	assert_true(host_stats("b").total.filtered > 0);
	assert_int_equal(vmirror_mirror_remove("a", NULL), 0);
	assert_int_equal(vmirror_mirror_remove("b", NULL), 0);
}

/* The whole of it: the vdev plugged and unplugged, the file complete each time. */
static void
add_remove(unsigned int n)
{
	struct vmirror_stats stats;
	unsigned int i;

	for (i = 0; i < n; i++) {
		host_mirror("name=m,port=net_ring_a,sink=[net_pcap,tx_pcap=m.pcap]");
		rte_delay_us_sleep(100 + i % 7 * 100);
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		host_assert_conserved("m");
		stats = host_stats("m");
		assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		if (stats.total.delivered > 0)
			assert_int_equal(host_read_pcap("m.pcap", NULL), stats.total.delivered);
	}
}

static void
test_add_remove(void **state)
{
	with_traffic(add_remove, 50, host_rounds(300, 2000));
}

static int
setup(void **state)
{
	host_init();
	host_engine_init();
	port_id = host_plug("net_ring_a", "", RTE_MIN(2U, rte_lcore_count()));
	return 0;
}

static int
teardown(void **state)
{
	vmirror_engine_fini();
	host_fini();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach_detach),
		cmocka_unit_test(test_add_remove),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
