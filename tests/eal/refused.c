/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Truth about tx: what the hooks saw beside what the port says it sent, and packets that are offered
 * again because the driver refused them. The port is a net_ring that fills up.
 */

#include <string.h>

#include <rte_ethdev.h>

#include "tests/eal/host.h"

#define BURST 32

static uint16_t port;
static uint32_t serial;

static void
fill(struct rte_mbuf *pkts[BURST])
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		pkts[i] = host_packet(100, serial++);
}

static void
empty(void)
{
	while (host_rx_drop(port, 0) > 0)
		;
}

/* As a host that retries: @return packets that were taken until none was */
static uint64_t
send_until_full(struct rte_mbuf *pkts[BURST], uint16_t *rest)
{
	uint64_t taken = 0;
	uint16_t n;

	do {
		fill(pkts);
		n = rte_eth_tx_burst(port, 0, pkts, BURST);
		taken += n;
	} while (n == BURST);
	*rest = BURST - n;
	memmove(pkts, pkts + n, *rest * sizeof(*pkts));
	return taken;
}

static void
test_refused(void **state)
{
	struct rte_mbuf *pkts[BURST];
	struct vmirror_stats stats;
	uint64_t taken;
	uint16_t rest;

	host_mirror("name=m,port=net_ring0,dir=tx,sink=[net_null]");
	taken = send_until_full(pkts, &rest);
	assert_true(rest > 0);
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts, rest), 0);
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts, rest), 0);

	stats = host_stats("m");
	assert_int_equal(stats.total.seen, taken + 3 * rest);
	assert_int_equal(stats.tx_seen, stats.total.seen);
	assert_int_equal(stats.tx_sent, taken);
	assert_int_equal(stats.total.tx_repeats, 2 * rest);
	host_assert_conserved("m");

	/* A part of the rest is taken, and the remainder offered again. */
	assert_int_equal(rte_eth_rx_burst(port, 0, pkts + rest, 1), 1);
	rte_pktmbuf_free(pkts[rest]);
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts, rest), 1);
	assert_int_equal(rte_eth_tx_burst(port, 0, pkts + 1, rest - 1), 0);
	stats = host_stats("m");
	assert_int_equal(stats.total.tx_repeats, 2 * rest + rest + rest - 1);
	assert_int_equal(stats.tx_sent, taken + 1);
	rte_pktmbuf_free_bulk(pkts + 1, rest - 1);
	host_remove("m");
	empty();
}

/* One mbuf, over and over: another packet each time, or the same. */
static void
test_recycled(void **state)
{
	struct rte_mbuf *pkt = host_packet(100, serial++);
	unsigned int i;

	host_mirror("name=m,port=net_ring0,dir=tx,sink=[net_null]");
	for (i = 0; i < 10; i++) {
		rte_pktmbuf_mtod(pkt, uint32_t *)[5] = serial++;
		assert_int_equal(rte_eth_tx_burst(port, 0, &pkt, 1), 1);
		assert_int_equal(rte_eth_rx_burst(port, 0, &pkt, 1), 1);
	}
	assert_int_equal(host_stats("m").total.tx_repeats, 0);
	assert_int_equal(rte_eth_tx_burst(port, 0, &pkt, 1), 1);
	assert_int_equal(host_stats("m").total.tx_repeats, 1);
	assert_int_equal(host_stats("m").tx_sent, 11);
	host_remove("m");
	empty();
}

/* What is sent while nobody looks is in neither count. */
static void
test_detached(void **state)
{
	host_mirror("name=m,port=net_ring0,sink=[net_null]");
	host_loop(port, 0, 7, 100);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	host_loop(port, 0, 5, 100);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	host_loop(port, 0, 3, 100);
	assert_int_equal(host_stats("m").tx_seen, 10);
	assert_int_equal(host_stats("m").tx_sent, 10);
	host_remove("m");
}

/* Some queues, or rx alone: the port's counters say nothing of them. */
static void
test_not_comparable(void **state)
{
	host_mirror("name=m,port=net_ring0,queue=0,sink=[net_null]");
	host_mirror("name=r,port=net_ring0,dir=rx,sink=[net_null]");
	host_loop(port, 0, 7, 100);
	assert_int_equal(host_stats("m").total.seen, 14);
	assert_int_equal(host_stats("m").tx_seen + host_stats("m").tx_sent, 0);
	assert_int_equal(host_stats("r").tx_seen + host_stats("r").tx_sent, 0);
	host_remove("m");
	host_remove("r");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_refused),
		test(test_recycled),
		test(test_detached),
		test(test_not_comparable),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("net_ring0", "[net_null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
