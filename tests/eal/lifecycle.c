/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ports that come and go under mirrors: removed, back under their name, replaced by another port
 * under the same number, reconfigured with more and fewer queues; sinks removed by the host.
 */

#include "tests/eal/host.h"

#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#define MIRROR "sink=[net_pcap,tx_pcap=report.pcap]"

static unsigned int
hooks(const char *name)
{
	return host_stats(name).hooks;
}

static uint64_t
seen(const char *name)
{
	return host_stats(name).total.seen;
}

static void
test_port_gone_and_back(void **state)
{
	uint16_t port_id = host_plug("net_ring_a", "", 1);

	host_mirror("name=m,port=net_ring_a," MIRROR);
	assert_int_equal(hooks("m"), 2);
	host_loop(port_id, 0, 100, 100);
	assert_int_equal(seen("m"), 200);

	host_unplug("net_ring_a");
	assert_int_equal(hooks("m"), 0);
	assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);

	port_id = host_plug("net_ring_a", "", 1);
	host_wait(hooks("m") == 2);
	host_loop(port_id, 0, 50, 100);
	assert_int_equal(seen("m"), 300);
	host_assert_conserved("m");

	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	assert_int_equal(host_read_pcap("report.pcap", NULL), 300);
	host_unplug("net_ring_a");
}

static void
test_other_port_under_the_number(void **state)
{
	uint16_t old_id = host_plug("net_ring_a", "", 1);
	uint16_t new_id;

	host_mirror("name=m,port=net_ring_a," MIRROR);
	host_loop(old_id, 0, 10, 100);
	host_unplug("net_ring_a");

	new_id = host_plug("net_ring_b", "", 1);
	assert_int_equal(new_id, old_id);
	rte_delay_us_sleep(200000);
	host_loop(new_id, 0, 10, 100);
	assert_int_equal(seen("m"), 20);
	assert_int_equal(hooks("m"), 0);

	/* The name comes back, under another number. */
	old_id = host_plug("net_ring_a", "", 1);
	assert_int_not_equal(old_id, new_id);
	host_wait(hooks("m") == 2);
	host_loop(old_id, 0, 10, 100);
	host_loop(new_id, 0, 10, 100);
	assert_int_equal(seen("m"), 40);
	host_assert_conserved("m");

	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_unplug("net_ring_a");
	host_unplug("net_ring_b");
}

/* Two mirrors on the port that takes the number, so that its dispatcher is in use again. */
static void
test_number_taken_while_mirrored(void **state)
{
	uint16_t port_id = host_plug("net_ring_a", "", 1);

	host_mirror("name=a,port=net_ring_a,dir=rx,sink=[net_pcap,tx_pcap=a.pcap]");
	host_unplug("net_ring_a");
	assert_int_equal(host_plug("net_ring_b", "", 1), port_id);
	host_mirror("name=b,port=net_ring_b,dir=rx,sink=[net_pcap,tx_pcap=b.pcap]");
	host_loop(port_id, 0, 32, 100);
	assert_int_equal(seen("a"), 0);
	assert_int_equal(seen("b"), 32);
	host_unplug("net_ring_b");
	assert_int_equal(vmirror_mirror_remove("a", NULL), 0);
	assert_int_equal(vmirror_mirror_remove("b", NULL), 0);
}

static void
test_all_ports_takes_new_ones(void **state)
{
	uint16_t a = host_plug("net_ring_a", "", 1);
	uint16_t b;

	host_mirror("name=m,port=all,dir=tx," MIRROR);
	assert_int_equal(hooks("m"), 1);
	b = host_plug("net_ring_b", "", 1);
	host_wait(hooks("m") == 2);
	host_loop(a, 0, 5, 100);
	host_loop(b, 0, 7, 100);
	assert_int_equal(seen("m"), 12);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_unplug("net_ring_a");
	host_unplug("net_ring_b");
}

static void
reconfigure(uint16_t port_id, uint16_t n_queues)
{
	static const struct rte_eth_conf conf;
	uint16_t q;

	assert_int_equal(rte_eth_dev_stop(port_id), 0);
	assert_int_equal(rte_eth_dev_configure(port_id, n_queues, n_queues, &conf), 0);
	for (q = 0; q < n_queues; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(port_id, q, 64, 0, NULL, host_pool()), 0);
		assert_int_equal(rte_eth_tx_queue_setup(port_id, q, 64, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(port_id), 0);
}

/* More queues, fewer, more again: each seen once, none doubled. net_null makes its own packets. */
static void
test_queues_appear(void **state)
{
	uint16_t port_id = host_plug("net_null_q", "no-rx=1", 1);
	struct rte_mbuf *pkt;
	uint16_t n, q;

	host_mirror("name=m,port=net_null_q,dir=tx," MIRROR);
	for (n = 1; n <= 6; n++) {
		/* 1 4 2 4 1 3 */
		static const uint16_t counts[] = {1, 4, 2, 4, 1, 3};
		static const unsigned int hooked[] = {1, 4, 4, 4, 4, 4};
		uint64_t before = seen("m");

		reconfigure(port_id, counts[n - 1]);
		host_wait(hooks("m") == hooked[n - 1]);
		for (q = 0; q < counts[n - 1]; q++) {
			pkt = host_packet(100, n);
			host_tx(port_id, q, &pkt, 1);
		}
		assert_int_equal(seen("m") - before, counts[n - 1]);
	}
	host_assert_conserved("m");
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	host_unplug("net_null_q");
}

static void
test_sink_removed_by_host(void **state)
{
	uint16_t port_id = host_plug("net_ring_a", "", 1);

	host_mirror("name=m,port=net_ring_a,sink=[net_pcap_mine,tx_pcap=report.pcap]");
	host_loop(port_id, 0, 10, 100);
	assert_int_equal(host_stats("m").total.delivered, 20);
	host_unplug("net_pcap_mine");
	assert_int_equal(hooks("m"), 0);
	host_loop(port_id, 0, 10, 100);
	host_wait(host_stats("m").state == VMIRROR_FAILED);
	host_wait(host_noticed("removed by the process"));
	host_assert_conserved("m");
	assert_int_equal(host_stats("m").total.seen, 20);
	assert_int_equal(vmirror_mirror_attach("m", NULL), -EBUSY);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	assert_int_equal(host_read_pcap("report.pcap", NULL), 20);
	host_unplug("net_ring_a");
}

static unsigned int
count_owned(void)
{
	return rte_eth_dev_count_total() - rte_eth_dev_count_avail();
}

static void
test_sinks_are_not_the_hosts(void **state)
{
	uint16_t port_id = host_plug("net_ring_a", "", 1);
	unsigned int before = count_owned();
	uint16_t p;

	host_mirror("name=m,port=all,sink=[net_pcap_mine,tx_pcap=report.pcap]");
	assert_int_equal(count_owned(), before + 1);
	RTE_ETH_FOREACH_DEV (p)
		assert_int_equal(p, port_id);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	assert_int_equal(count_owned(), before);
	host_unplug("net_ring_a");
}

static void
test_engine_again(void **state)
{
	struct vmirror_error err;
	uint16_t port_id;
	unsigned int i;

	assert_int_equal(vmirror_engine_init(NULL, &err), -EALREADY);
	for (i = 0; i < host_rounds(5, 100); i++) {
		vmirror_engine_fini();
		assert_int_equal(count_owned(), 0);
		assert_int_equal(vmirror_mirror_add("port=0," MIRROR, NULL, &err), -EPERM);
		assert_int_equal(vmirror_mirror_list(NULL, 0), 0);
		vmirror_engine_fini();

		host_engine_init();
		port_id = host_plug("net_ring_a", "", 1);
		host_mirror("name=m,port=net_ring_a," MIRROR);
		host_loop(port_id, 0, 64, 100);
		assert_int_equal(seen("m"), 128);
		/* Left for fini to remove. */
		if (i % 2 == 0)
			assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		host_unplug("net_ring_a");
	}
}

static int
setup(void **state)
{
	host_init();
	host_engine_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_gone_and_back),
		cmocka_unit_test(test_other_port_under_the_number),
		cmocka_unit_test(test_number_taken_while_mirrored),
		cmocka_unit_test(test_all_ports_takes_new_ones),
		cmocka_unit_test(test_queues_appear),
		cmocka_unit_test(test_sink_removed_by_host),
		cmocka_unit_test(test_sinks_are_not_the_hosts),
		cmocka_unit_test(test_engine_again),
	};

	return cmocka_run_group_tests(tests, setup, host_end);
}
