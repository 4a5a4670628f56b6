/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * rte_eal_cleanup() under traffic, with mirrors attached; and while another thread adds and removes
 * mirrors. Each round is a process of its own, because EAL starts once in a process. Two cores
 * send through the mirrored ports until the host learns, as any host can, from
 * RTE_ETH_EVENT_DESTROY that its ports are going: by then the cleanup is well under way.
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <rte_cycles.h>
#include <rte_eal.h>

/* What is varied from round to round. */
enum {
	SOURCES_FIRST = 1 << 0, /* plugged before the engine starts: they go before the sentinel */
	FINI_AFTER = 1 << 1,    /* vmirror_engine_fini() after the cleanup, else never */
	N_VARIANTS = 1 << 2,
};

static atomic_bool stop;
static pthread_t senders[2];
static uint16_t ports[2];

static void *
send_packets(void *arg)
{
	uint16_t port_id = *(uint16_t *)arg;
	struct rte_mbuf *pkts[8];
	unsigned int i;

	while (!atomic_load(&stop)) {
		for (i = 0; i < RTE_DIM(pkts); i++)
			pkts[i] = host_packet(200, i);
		i = rte_eth_tx_burst(port_id, 0, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts + i, RTE_DIM(pkts) - i);
		host_rx_drop(port_id, 0);
	}
	return NULL;
}

static int
on_destroy(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret_param)
{
	if (atomic_exchange(&stop, true))
		return 0;
	pthread_join(senders[0], NULL);
	pthread_join(senders[1], NULL);
	return 0;
}

static void
plug_sources(void)
{
	ports[0] = host_plug("net_ring_a", "", 1);
	ports[1] = host_plug("net_ring_b", "", 1);
}

/* One life of a host. Everything that goes wrong here ends it with a signal or a status. */
static void
live(unsigned int round)
{
	unsigned int variant = round % N_VARIANTS;
	struct vmirror_stats stats = {.size = sizeof(stats)};

	host_init();
	if (variant & SOURCES_FIRST)
		plug_sources();
	host_engine_init();
	if (!(variant & SOURCES_FIRST))
		plug_sources();
	host_mirror("name=a,port=all,sink=[net_pcap,tx_pcap=a.pcap]");
	host_mirror("name=b,port=net_ring_a,filter=udp port 53,sink=[net_pcap,tx_pcap=b.pcap]");
	assert_int_equal(
		rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY, on_destroy, NULL),
		0);
	pthread_create(&senders[0], NULL, send_packets, &ports[0]);
	pthread_create(&senders[1], NULL, send_packets, &ports[1]);
	host_wait(host_stats_now("a").total.captured > 0);
	rte_delay_us_sleep(2000 + round * 977 % 60000);

	rte_eal_cleanup();

	host_assert_conserved("a");
	host_assert_conserved("b");
	assert_int_equal(vmirror_mirror_stats("a", &stats, NULL), 0);
	assert_true(stats.total.delivered > 0);
	assert_int_equal(host_read_pcap("a.pcap", NULL), stats.total.delivered);
	assert_int_equal(vmirror_mirror_stats("b", &stats, NULL), 0);
	assert_int_equal(host_read_pcap("b.pcap", NULL), stats.total.delivered);
	if (variant & FINI_AFTER) {
		vmirror_engine_fini();
		vmirror_engine_fini();
	}
	host_remove_dir();
}

static void
test_cleanup_under_traffic(void **state)
{
	unsigned int n = host_rounds(10, 100);
	unsigned int round;

	for (round = 0; round < n; round++)
		host_fork(live, round);
}

/* Mirrors come and go without a pause. @return how many came, 0: something was wrong */
static void *
add_and_remove(void *arg)
{
	struct vmirror_error err;
	uintptr_t n = 0;
	int ret;

	for (;;) {
		err.text[0] = '\0';
		ret = host_try_mirror(
			&err, "name=c,port=net_ring_b,mbufs=63,sink=[net_pcap,tx_pcap=c.pcap]");
		if (ret == -EPERM && atomic_load(&stop))
			return (void *)n;
		if (ret < 0 && err.text[0] == '\0')
			return NULL;
		if (ret < 0)
			continue;
		n++;
		if (vmirror_mirror_remove("c", &err) != 0)
			return NULL;
	}
}

/*
 * One life of a host that cleans up while another of its threads controls mirrors. Its sources are
 * plugged after the engine started: those plugged before go before the sentinel, and until then
 * EAL's cleanup and EAL's hotplug change one list without a lock between them.
 */
static void
live_controlling(unsigned int round)
{
	unsigned int variant = round % N_VARIANTS & ~SOURCES_FIRST;
	/* Without another mirror, the one that comes and goes stands behind the sentinel and guard. */
	bool alone = round / N_VARIANTS % 2 == 0;
	pthread_t controller;
	void *n;

	host_init();
	host_engine_init();
	plug_sources();
	if (!alone)
		host_mirror("name=a,port=net_ring_a,sink=[net_pcap,tx_pcap=a.pcap]");
	host_loop(ports[0], 0, 10, 100);
	assert_int_equal(pthread_create(&controller, NULL, add_and_remove, NULL), 0);
	rte_delay_us_sleep(5000 + round * 977 % 20000);

	rte_eal_cleanup();

	atomic_store(&stop, true);
	pthread_join(controller, &n);
	assert_non_null(n);
	if (!alone) {
		host_assert_conserved("a");
		assert_int_equal(host_read_pcap("a.pcap", NULL), 20);
	}
	if (variant & FINI_AFTER)
		vmirror_engine_fini();
	host_remove_dir();
}

static void
test_cleanup_under_control(void **state)
{
	unsigned int n = host_rounds(10, 200);
	unsigned int round;

	for (round = 0; round < n; round++)
		host_fork(live_controlling, round);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cleanup_under_traffic),
		cmocka_unit_test(test_cleanup_under_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
