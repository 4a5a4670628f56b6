/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Attaching and detaching, many thousand times, while two cores send through the two queues of a
 * port: nothing crashes, no packet of the host is lost or kept, counters conserve, memory does not
 * grow. A soak run does 100,000.
 */

#include "tests/eal/host.h"

#include <rte_cycles.h>

#include "tests/eal/traffic.h"

static uint16_t port_id;

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
	/* The senders may not have run while b was attached. */
	assert_int_equal(vmirror_mirror_attach("b", NULL), 0);
	host_wait(host_stats("b").total.filtered > 0);
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
	traffic_during(port_id, attach_detach, 200, host_rounds_all(5000, 100000), NULL);
	stats = host_stats("a");
	assert_true(stats.total.delivered > 0);
	/* A thread that gets no turn for long leaves its rings full. */
	assert_true(stats.total.no_room == 0 || host_in_rings());
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
	traffic_during(port_id, add_remove, 50, host_rounds(300, 2000), NULL);
}

static int
setup(void **state)
{
	host_init();
	host_engine_init();
	port_id = host_plug("net_ring_a", "", RTE_MIN(2U, rte_lcore_count()));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach_detach),
		cmocka_unit_test(test_add_remove),
	};

	return cmocka_run_group_tests(tests, setup, host_end);
}
