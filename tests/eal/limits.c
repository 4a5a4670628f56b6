/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where a mirror stops: at its count, at its duration, and at the end of its mempool; and what
 * forwarding notices of it, which must be nothing.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "tests/eal/host.h"

#define MAX_BURST 200
#define FRAME     512

static uint8_t bytes[FRAME];
static uint32_t serial;
static uint16_t one; /* one queue each way */
static uint16_t two; /* two */
/* Receive a burst and find every byte of it as it was sent. */
static void
receive_unharmed(uint32_t first, unsigned int n)
{
	static uint8_t got[FRAME];
	struct rte_mbuf *pkts[MAX_BURST];
	unsigned int i;

	assert_int_equal(rte_eth_rx_burst(one, 0, pkts, MAX_BURST), n);
	for (i = 0; i < n; i++) {
		assert_int_equal(pkts[i]->pkt_len, FRAME);
		assert_int_equal(rte_mbuf_refcnt_read(pkts[i]), 1);
		host_bytes(bytes, FRAME, first + i);
		assert_memory_equal(rte_pktmbuf_read(pkts[i], 0, FRAME, got), bytes, FRAME);
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

/* A burst on the port with one queue, of which a mirror of tx shows the first `shown`. */
static void
pass(unsigned int n, unsigned int shown, uint16_t max_seg)
{
	struct rte_mbuf *pkts[MAX_BURST];
	uint32_t first = serial;
	unsigned int i;

	for (i = 0; i < n; i++) {
		host_bytes(bytes, FRAME, serial++);
		pkts[i] = host_scatter(bytes, FRAME, max_seg);
		if (i < shown)
			host_expect(bytes, FRAME, FRAME);
	}
	host_tx(one, 0, pkts, n);
	receive_unharmed(first, n);
}

static void
check_end(const char *key, unsigned int count, unsigned int burst)
{
	bool by_bytes = strcmp(key, "bytes") == 0;
	/* Bytes are kept up to the packet with which they are full. */
	unsigned int limit = by_bytes ? count * FRAME - FRAME / 2 : count;
	struct vmirror_error err;
	struct vmirror_stats stats;
	unsigned int sent, left;
	char words[64];

	host_mirror("name=m,port=%u,dir=tx,%s=%u,sink=[net_pcap,tx_pcap=m.pcap]", one, key, limit);
	for (sent = 0; sent < count + 2 * burst; sent += burst) {
		left = sent < count ? count - sent : 0;
		pass(burst, RTE_MIN(left, burst), 300);
	}
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	stats = host_stats("m");
	assert_int_equal(stats.total.seen, count);
	assert_int_equal(stats.total.captured, count);
	assert_int_equal(stats.total.delivered, count);
	assert_int_equal(stats.hooks, 0);
	snprintf(words, sizeof(words),
		 by_bytes ? "reached its %u bytes" : "reached its count of %u", limit);
	assert_string_equal(stats.reason, words);
	snprintf(words, sizeof(words), "mirror 'm' ended: %.40s\n", stats.reason);
	assert_true(host_noticed(words));

	/* The file is whole though the mirror is still there. */
	host_assert_pcap("m.pcap");
	pass(burst, 0, 300);
	assert_int_equal(host_stats("m").total.seen, count);
	assert_int_equal(vmirror_mirror_attach("m", &err), -EBUSY);
	assert_non_null(strstr(err.text, "is over: reached its "));
	host_remove("m");
	assert_int_equal(unlink("m.pcap"), 0);
}

static void
check_count(unsigned int count, unsigned int burst)
{
	check_end("count", count, burst);
	check_end("bytes", count, burst);
}

static void
test_count(void **state)
{
	check_count(1, 1);
	check_count(1, 32);
	check_count(31, 32);
	check_count(32, 32);
	check_count(33, 32);
	check_count(100, 7);
	check_count(64, 200);
	check_count(65, 200);
	check_count(199, 200);
}

/* What is seen ends with the packet that fills the count; what follows it in the burst is not. */
static void
test_count_filter(void **state)
{
	struct rte_mbuf *pkts[30];
	unsigned int i, round;

	host_mirror("name=m,port=%u,dir=tx,count=25,filter=\"udp src port 7\","
		    "sink=[net_pcap,tx_pcap=m.pcap]",
		    one);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < RTE_DIM(pkts); i++) {
			host_bytes(bytes, FRAME, serial++);
			bytes[34] = 0;
			bytes[35] = i % 3 == 1 ? 7 : 8;
			pkts[i] = host_scatter(bytes, FRAME, 300);
			if (i % 3 == 1 && round * 10 + i / 3 < 25)
				host_expect(bytes, FRAME, FRAME);
		}
		host_tx(one, 0, pkts, RTE_DIM(pkts));
		assert_int_equal(host_rx_drop(one, 0), RTE_DIM(pkts));
	}
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	assert_int_equal(host_stats("m").total.captured, 25);
	/* A core that fills a ring hears of the end later. */
	if (host_in_rings())
		assert_in_range(host_stats("m").total.seen, 2 * 30 + 4 * 3 + 2, 4 * 30);
	else
		assert_int_equal(host_stats("m").total.seen, 2 * 30 + 4 * 3 + 2);
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

/* A forwarder that needs no cmocka, for a core of its own. @return packets lost */
static int
forward(void *arg)
{
	uint16_t queue = (uint16_t)(uintptr_t)arg;
	struct rte_mbuf *pkts[32];
	unsigned int i, round;
	int lost = 0;
	uint16_t n;

	for (round = 0; round < 200; round++) {
		if (rte_pktmbuf_alloc_bulk(host_pool(), pkts, RTE_DIM(pkts)) != 0)
			return -1;
		for (i = 0; i < RTE_DIM(pkts); i++)
			memset(rte_pktmbuf_append(pkts[i], 100), queue, 100);
		n = rte_eth_tx_burst(two, queue, pkts, RTE_DIM(pkts));
		lost += (int)RTE_DIM(pkts) - n;
		rte_pktmbuf_free_bulk(pkts + n, RTE_DIM(pkts) - n);
		n = rte_eth_rx_burst(two, queue, pkts, RTE_DIM(pkts));
		lost += (int)RTE_DIM(pkts) - n;
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return lost;
}

/* Two cores feed the mirror while the count is reached. */
static void
check_count_cores(unsigned int count)
{
	struct vmirror_queue_stats queues[4];
	unsigned int worker = rte_get_next_lcore(-1, 1, 0);

	host_mirror("name=m,port=%u,count=%u,sink=[net_pcap,tx_pcap=m.pcap]", two, count);
	if (worker < RTE_MAX_LCORE)
		assert_int_equal(rte_eal_remote_launch(forward, (void *)1, worker), 0);
	else
		assert_int_equal(forward((void *)1), 0);
	assert_int_equal(forward((void *)0), 0);
	if (worker < RTE_MAX_LCORE)
		assert_int_equal(rte_eal_wait_lcore(worker), 0);
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	assert_int_equal(host_stats("m").total.captured, count);
	assert_int_equal(host_stats("m").total.seen, count);
	assert_int_equal(vmirror_mirror_queue_stats("m", queues, 4, NULL), 4);
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), count);
	assert_int_equal(unlink("m.pcap"), 0);
}

static void
test_count_cores(void **state)
{
	unsigned int round;

	for (round = 0; round < host_rounds(10, 200); round++)
		check_count_cores(1 + host_random(12000));
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
test_duration(void **state)
{
	uint64_t start = now_ms(), took;
	unsigned int sent = 0;

	host_mirror("name=m,port=%u,dir=tx,duration=3s,sink=[net_pcap,tx_pcap=m.pcap]", one);
	while (now_ms() < start + 200) {
		pass(8, 8, 300);
		sent += 8;
		rte_delay_us_sleep(1000);
	}
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	took = now_ms() - start;
	assert_in_range(took, 3000, 10000);
	assert_int_equal(host_stats("m").total.captured, sent);
	assert_string_equal(host_stats("m").reason, "reached its duration of 3000 ms");
	assert_true(host_noticed("mirror 'm' ended: reached its duration of 3000 ms"));
	host_assert_pcap("m.pcap");
	pass(8, 0, 300);
	assert_int_equal(host_stats("m").total.seen, sent);
	host_remove("m");
	assert_int_equal(unlink("m.pcap"), 0);
}

/* Packets of three segments: ten clones of them take 30 mbufs of 32. */
static void
test_no_room(void **state)
{
	struct vmirror_counters total;
	struct rte_mbuf *pkts[64];
	uint32_t first;
	unsigned int i, round;

	/* There a driver that is done at once never has more than a batch of them. */
	if (host_in_rings())
		return;
	host_mirror("name=m,port=%u,dir=tx,mbufs=32,sink=[net_pcap,tx_pcap=m.pcap]", one);
	for (round = 0; round < 20; round++) {
		first = serial;
		for (i = 0; i < RTE_DIM(pkts); i++) {
			pkts[i] = host_packet_segmented(FRAME, serial, 200);
			host_bytes(bytes, FRAME, serial++);
			if (i < 10)
				host_expect(bytes, FRAME, FRAME);
		}
		host_tx(one, 0, pkts, RTE_DIM(pkts));
		receive_unharmed(first, RTE_DIM(pkts));
	}
	total = host_stats("m").total;
	assert_int_equal(total.seen, 20 * 64);
	assert_int_equal(total.captured, 20 * 10);
	assert_int_equal(total.no_room, 20 * 54);
	assert_int_equal(total.delivered, 20 * 10);
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

/* Those that found no room do not count towards the count. */
static void
test_no_room_count(void **state)
{
	struct rte_mbuf *pkts[64];
	unsigned int i, round;

	if (host_in_rings())
		return;
	host_mirror("name=m,port=%u,dir=tx,mbufs=32,count=25,sink=[net_pcap,tx_pcap=m.pcap]", one);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = host_packet_segmented(FRAME, serial++, 200);
		host_tx(one, 0, pkts, RTE_DIM(pkts));
		assert_int_equal(host_rx_drop(one, 0), RTE_DIM(pkts));
	}
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	assert_int_equal(host_stats("m").total.captured, 25);
	assert_int_equal(host_stats("m").total.no_room, 2 * 54);
	assert_int_equal(host_stats("m").total.seen, 2 * 64 + 5);
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 25);
	assert_int_equal(unlink("m.pcap"), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_count),    test(test_count_filter), test(test_count_cores),
		test(test_duration), test(test_no_room),      test(test_no_room_count),
	};
	int failed;

	host_init();
	one = host_plug("net_ring0", "", 1);
	two = host_plug("net_ring1", "", 2);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
