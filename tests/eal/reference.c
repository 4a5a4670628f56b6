/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * reference=: packets that are sent are held in place of a copy. What comes out are their bytes; the
 * host has every mbuf back; and where a reference would not do, there is a copy. The host's ports are
 * net_null ones, which free what they are given at once: what is in use of its mempool is held.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "tests/eal/host.h"

#define FRAME 512
#define SINK  "sink=[net_pcap,tx_pcap=m.pcap]"

static uint16_t one; /* two queues each way */
static uint32_t serial;
static bool fast_free; /* what ports are configured with */

int
__real_rte_eth_dev_conf_get(uint16_t port_id, struct rte_eth_conf *conf);

int
__wrap_rte_eth_dev_conf_get(uint16_t port_id, struct rte_eth_conf *conf);

/* No virtual port can be configured with it. */
int
__wrap_rte_eth_dev_conf_get(uint16_t port_id, struct rte_eth_conf *conf)
{
	int ret = __real_rte_eth_dev_conf_get(port_id, conf);

	if (ret == 0 && __atomic_load_n(&fast_free, __ATOMIC_RELAXED))
		conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	return ret;
}

static unsigned int
held(void)
{
	return rte_mempool_in_use_count(host_pool());
}

/* Packets with a pattern, expected in the file, in bursts of 50 at the most. */
static void
send_from(struct rte_mempool *pool, uint16_t port, uint16_t queue, unsigned int n, uint32_t len)
{
	static uint8_t bytes[RTE_ETHER_MAX_JUMBO_FRAME_LEN];
	struct rte_mbuf *pkts[50];
	unsigned int i, burst;

	for (; n > 0; n -= burst) {
		burst = RTE_MIN(n, (unsigned int)RTE_DIM(pkts));
		for (i = 0; i < burst; i++) {
			host_bytes(bytes, len, ++serial);
			host_expect(bytes, len, len);
			pkts[i] = rte_pktmbuf_alloc(pool);
			assert_non_null(pkts[i]);
			memcpy(rte_pktmbuf_append(pkts[i], (uint16_t)len), bytes, len);
		}
		host_tx(port, queue, pkts, (uint16_t)burst);
	}
}

static void
send_on(uint16_t port, uint16_t queue, unsigned int n, uint32_t len)
{
	send_from(host_pool(), port, queue, n, len);
}

/* As many are held as should be; once detached, none is, and the file has them all. */
static void
end(unsigned int n_held)
{
	assert_int_equal(held(), n_held);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(held(), 0);
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

/* From so many bytes on, and no more than a ring's latency. */
static void
test_held(void **state)
{
	host_mirror("name=m,port=%u,dir=tx,reference=300,latency=1s," SINK, one);
	send_on(one, 0, 10, 299);
	assert_int_equal(held(), 0);
	send_on(one, 0, 10, 300);
	send_on(one, 1, 10, 1500);
	send_on(one, 0, 10, 100);
	end(20);
}

static void
test_snaplen(void **state)
{
	struct rte_mbuf *pkt;
	uint8_t bytes[400];

	host_mirror("name=m,port=%u,dir=tx,reference=300,snaplen=400,latency=1s," SINK, one);
	pkt = host_packet(1000, ++serial);
	memcpy(bytes, rte_pktmbuf_mtod(pkt, void *), sizeof(bytes));
	/* net_pcap knows no original length. */
	host_expect(bytes, sizeof(bytes), sizeof(bytes));
	host_tx(one, 0, &pkt, 1);
	end(1);
}

/* The core gives them back by itself when the drain has read them. */
static void
test_given_back(void **state)
{
	host_mirror("name=m,port=%u,dir=tx,reference=300,latency=2ms," SINK, one);
	send_on(one, 0, 50, FRAME);
	host_wait(host_stats_now("m").total.in_flight == 0);
	assert_int_equal(held(), 50);
	send_on(one, 0, 1, 100);
	end(0);
}

/* What is shared with somebody, or is not one piece of its own memory, is copied. */
static void
test_copied(void **state)
{
	struct rte_mbuf *pkt, *clone;

	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,sink=[net_null]", one);
	pkt = host_packet(FRAME, ++serial);
	rte_mbuf_refcnt_update(pkt, 1);
	host_tx(one, 0, &pkt, 1);
	assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
	clone = rte_pktmbuf_clone(pkt, host_pool());
	assert_non_null(clone);
	host_tx(one, 0, &clone, 1);
	assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
	pkt->ol_flags |= RTE_MBUF_F_TX_VLAN;
	host_tx(one, 0, &pkt, 1);
	pkt = host_packet_segmented(FRAME, ++serial, 100);
	host_tx(one, 0, &pkt, 1);
	assert_int_equal(held(), 0);
	host_stats("m");
	host_remove("m");
}

/* A mempool that one thread alone may put into. */
static void
test_single_producer(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create_by_ops(
		"single", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, "ring_sp_sc");
	struct rte_mbuf *pkt;

	assert_non_null(pool);
	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,sink=[net_null]", one);
	pkt = rte_pktmbuf_alloc(pool);
	assert_non_null(rte_pktmbuf_append(pkt, FRAME));
	host_tx(one, 0, &pkt, 1);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	host_remove("m");
	rte_mempool_free(pool);
}

static void
test_port_hands_on(void **state)
{
	uint16_t ring = host_plug("net_ring0", "", 1);

	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,sink=[net_null]", ring);
	host_wait(host_noticed("'net_ring0' returns packets without a look"));
	host_loop(ring, 0, 10, FRAME);
	assert_int_equal(held(), 0);
	host_remove("m");
	host_unplug("net_ring0");
}

/* Before it is hooked, and while it is. */
static void
test_fast_free(void **state)
{
	__atomic_store_n(&fast_free, true, __ATOMIC_RELAXED);
	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,sink=[net_null]", one);
	send_on(one, 0, 10, FRAME);
	assert_int_equal(held(), 0);
	__atomic_store_n(&fast_free, false, __ATOMIC_RELAXED);
	rte_delay_us_sleep(200000);
	send_on(one, 0, 10, FRAME);
	assert_int_equal(held(), 10);
	__atomic_store_n(&fast_free, true, __ATOMIC_RELAXED);
	rte_delay_us_sleep(200000);
	send_on(one, 0, 10, FRAME);
	assert_in_range(held(), 0, 10);
	host_remove("m");
	assert_int_equal(held(), 0);
	__atomic_store_n(&fast_free, false, __ATOMIC_RELAXED);
	host_forget_expected();
}

/* Of the host's mempool one in eight, for all queues together; the rest is copied, and nothing lost. */
static void
test_share(void **state)
{
	unsigned int size = host_pool()->size;
	struct vmirror_counters total;

	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,sink=[net_null]", one);
	send_on(one, 0, size / 4, FRAME);
	assert_in_range(held(), 1, size / 16);
	send_on(one, 1, size / 4, FRAME);
	assert_in_range(held(), size / 16, size / 8);
	total = host_stats("m").total;
	assert_int_equal(total.captured, size / 4 * 2);
	assert_int_equal(total.delivered, size / 4 * 2);
	host_remove("m");
	assert_int_equal(held(), 0);
	host_forget_expected();
}

/* A full sink: what it does not take is given back as well. */
static void
test_sink_full(void **state)
{
	struct rte_mbuf *pkts[32];
	unsigned int i, n;

	host_mirror("name=m,port=%u,dir=tx,reference=1,mbufs=4095,sink=[net_ring_full]", one);
	for (n = 0; n < 4096; n += RTE_DIM(pkts)) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = host_packet(FRAME, ++serial);
		host_tx(one, 0, pkts, RTE_DIM(pkts));
	}
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(held(), 0);
	assert_true(host_stats_now("m").total.sink_rejected > 0);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
}

/* At the end of its count. */
static void
test_count(void **state)
{
	host_mirror("name=m,port=%u,dir=tx,reference=1,count=5,sink=[net_null]", one);
	send_on(one, 0, 20, FRAME);
	host_wait(host_stats_now("m").state == VMIRROR_ENDED);
	host_wait(held() == 0);
	assert_int_equal(host_stats("m").total.delivered, 5);
	host_remove("m");
	host_forget_expected();
}

static void
test_sink_goes(void **state)
{
	host_mirror("name=m,port=%u,dir=tx,reference=1,sink=[net_null_m]", one);
	send_on(one, 0, 20, FRAME);
	assert_int_equal(rte_eal_hotplug_remove("vdev", "net_null_m"), 0);
	host_wait(held() == 0);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_forget_expected();
}

/* The port goes, and with it the mempool of what it sent. */
static void
test_port_goes(void **state)
{
	uint16_t port = host_plug("net_null7", "", 1);
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"own", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	assert_non_null(pool);
	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=100ms,sink=[net_null]", port);
	send_from(pool, port, 0, 50, FRAME);
	assert_int_equal(rte_mempool_in_use_count(pool), 50);
	host_unplug("net_null7");
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	assert_int_equal(host_stats("m").total.delivered, 50);
	host_remove("m");
	host_forget_expected();
}

/* The same when the sink takes nothing more: what is held is given up. */
static void
test_port_goes_stuck(void **state)
{
	uint16_t port = host_plug("net_null7", "", 1);
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"own", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	assert_non_null(pool);
	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=1s,mbufs=8191,sink=[net_ring]",
		    port);
	send_on(port, 0, 1200, FRAME);
	/* Half a second, and the ring is full. */
	rte_delay_us_sleep(700000);
	send_from(pool, port, 0, 100, FRAME);
	assert_int_equal(rte_mempool_in_use_count(pool), 100);
	host_unplug("net_null7");
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_true(host_stats_now("m").total.sink_rejected >= 100);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_forget_expected();
}

static uint16_t
add_trailer(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, void *arg)
{
	struct rte_mbuf *trailer;
	uint16_t i;

	for (i = 0; i < n; i++) {
		trailer = rte_pktmbuf_alloc(host_pool());
		assert_non_null(rte_pktmbuf_append(trailer, 4));
		assert_int_equal(rte_pktmbuf_chain(pkts[i], trailer), 0);
	}
	return n;
}

/* What the host hangs on a packet after the hook has seen it is not the mirror's to free. */
static void
test_trailer(void **state)
{
	const struct rte_eth_rxtx_callback *callback;

	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=2ms," SINK, one);
	callback = rte_eth_add_tx_callback(one, 0, add_trailer, NULL);
	assert_non_null(callback);
	send_on(one, 0, 20, FRAME);
	host_wait(host_stats_now("m").total.in_flight == 0);
	assert_int_equal(held(), 20);
	assert_int_equal(rte_eth_remove_tx_callback(one, 0, callback), 0);
	send_on(one, 0, 1, 100);
	end(1);
}

static void
test_refused(void **state)
{
	struct vmirror_error err;

	assert_int_equal(
		vmirror_mirror_add("port=0,dir=rx,reference=1,sink=[net_null]", NULL, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "dir=tx"));
	assert_int_equal(
		vmirror_mirror_add("port=0,mode=inline,reference=1,sink=[net_null]", NULL, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "mode=ring"));
}

static bool over;
static uint64_t sent;

static int
forwarder(void *arg)
{
	struct rte_mbuf *pkts[32];
	uint64_t n = 0;
	unsigned int i;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		if (rte_pktmbuf_alloc_bulk(host_pool(), pkts, RTE_DIM(pkts)) != 0)
			continue;
		for (i = 0; i < RTE_DIM(pkts); i++)
			rte_pktmbuf_append(pkts[i], i % 3 == 0 ? 100 : FRAME);
		n += rte_eth_tx_burst(one, 0, pkts, RTE_DIM(pkts));
	}
	__atomic_store_n(&sent, n, __ATOMIC_RELAXED);
	return 0;
}

static int
stop_forwarder(void **state)
{
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	rte_eal_mp_wait_lcore();
	return 0;
}

static int
end_churn(void **state)
{
	stop_forwarder(state);
	return host_test_end(state);
}

/* Mirrors come and go while a core sends: it has every mbuf back, and is never held up. */
static void
test_churn(void **state)
{
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0);
	unsigned int round, n = host_rounds(30, 3000);

	if (lcore == RTE_MAX_LCORE) {
		print_message("one processor: not run\n");
		return;
	}
	__atomic_store_n(&over, false, __ATOMIC_RELAXED);
	assert_int_equal(rte_eal_remote_launch(forwarder, NULL, lcore), 0);
	for (round = 0; round < n; round++) {
		host_mirror("name=m,port=%u,dir=tx,reference=200,latency=1ms,sink=[net_null]", one);
		if (round % 2 == 0)
			host_mirror("name=n,port=%u,dir=tx,reference=1,sink=[net_null]", one);
		rte_delay_us_sleep(host_random(5000));
		if (round % 2 == 0) {
			assert_int_equal(vmirror_mirror_detach("n", NULL), 0);
			host_remove("n");
		}
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		host_assert_conserved("m");
		host_remove("m");
	}
	stop_forwarder(state);
	assert_true(__atomic_load_n(&sent, __ATOMIC_RELAXED) > 0);
	assert_int_equal(held(), 0);
}

/* EAL is cleaned up with packets held. */
static void
live_cleanup(unsigned int arg)
{
	uint16_t port;

	host_init();
	port = host_plug("net_null3", "", 1);
	host_engine_init();
	host_mirror("name=m,port=%u,dir=tx,reference=1,latency=%ums,sink=[net_null]", port, arg);
	send_on(port, 0, 50, FRAME);
	assert_int_equal(held(), 50);
	host_fini();
}

static void
test_cleanup(void **state)
{
	host_fork(live_cleanup, 10);
	host_fork(live_cleanup, 1000);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_held),
		test(test_snaplen),
		test(test_given_back),
		test(test_copied),
		test(test_share),
		test(test_single_producer),
		test(test_fast_free),
		test(test_sink_full),
		test(test_count),
		test(test_refused),
		/* Ports that come and go leave ethdev's callbacks behind. */
		cmocka_unit_test(test_sink_goes),
		cmocka_unit_test(test_port_hands_on),
		cmocka_unit_test(test_port_goes),
		cmocka_unit_test(test_port_goes_stuck),
		cmocka_unit_test(test_trailer),
		/* The last: ThreadSanitizer does not see how mbufs pass from a core to another. */
		cmocka_unit_test_setup_teardown(test_churn, host_test_begin, end_churn),
	};
	const struct CMUnitTest alone[] = {cmocka_unit_test(test_cleanup)};
	int failed;

	setenv("VMIRROR_TEST_MODE", "ring", 1);
	/* Before this process has an EAL. */
	failed = cmocka_run_group_tests(alone, NULL, NULL);
	host_init();
	one = host_plug("net_null1", "", 2);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed += cmocka_run_group_tests(tests, NULL, host_end);
	return failed;
}
