/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mode=ring through the public API: overload, order across queues, what --check says, and that
 * nothing of a ring stays behind. What a mirror shows is the same in both modes: mirror.c and others
 * run in each.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/eal/host.h"

#define BURST 32

static uint16_t one;
static uint16_t two;

static uint8_t bytes[2000];
static uint32_t serial;

/* A burst on a queue, received again; noted for host_assert_pcap() if it is to be in the file. */
static void
burst(uint16_t port, uint16_t queue, unsigned int n, uint32_t len, bool noted)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		host_bytes(bytes, len, serial++);
		pkts[i] = host_scatter(bytes, len, UINT16_MAX);
		if (noted)
			host_expect(bytes, len, len);
	}
	host_tx(port, queue, pkts, n);
	assert_int_equal(host_rx_drop(port, queue), n);
}

/* One thread alternates between queues, and that is the order in the file. */
static void
test_order(void **state)
{
	unsigned int i;

	host_mirror("name=m,dir=tx,port=%u,ring_bytes=8M,sink=[net_pcap,tx_pcap=m.pcap]", two);
	for (i = 0; i < host_rounds(500, 20000); i++) {
		burst(two, host_random(2), 1 + host_random(BURST), 60 + host_random(1400), true);
		if (i % 64 == 63)
			host_stats("m"); /* until it is all in the file */
	}
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(host_stats("m").total.in_flight, 0);
	assert_int_equal(host_stats("m").total.late, 0);
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

/* More than the ring holds: counted, and each packet that was captured arrives. */
static void
test_overload(void **state)
{
	struct vmirror_counters total;
	unsigned int i;

	host_mirror("name=m,dir=tx,port=%u,ring_bytes=64k,sink=[net_pcap,tx_pcap=m.pcap]", one);
	for (i = 0; i < 500; i++)
		burst(one, 0, BURST, 1500, false);
	total = host_stats("m").total;
	assert_int_equal(total.seen, 500 * BURST);
	assert_true(total.no_room > 0);
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), total.captured);
	assert_int_equal(unlink("m.pcap"), 0);
}

/* What waits in a ring is seen to, as long as it does; the thread of this mirror looks twice a second. */
static void
test_used(void **state)
{
	struct vmirror_stats stats;
	char spec[128];

	host_mirror(
		"name=m,dir=tx,port=%u,ring_bytes=64k,latency=1s,sink=[net_pcap,tx_pcap=m.pcap]",
		two);
	stats = host_stats_now("m");
	assert_int_equal(stats.ring_bytes, 2 * 65536);
	assert_int_equal(stats.ring_used_bytes, 0);
	assert_int_equal(stats.ring_fullest_percent, 0);
	/* It may look just in between: then the next burst is seen. */
	host_wait((burst(two, 1, 1, 1000, false), stats = host_stats_now("m"),
		   stats.ring_used_bytes > 0));
	/* One of the two is empty. An entry of 1000 bytes is one of 32 and as many, in whole 16. */
	assert_int_equal(stats.ring_used_bytes % 1040, 0);
	assert_int_equal(stats.ring_fullest_percent, (stats.ring_used_bytes * 100 + 65535) / 65536);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	stats = host_stats_now("m");
	assert_int_equal(stats.ring_bytes, 2 * 65536);
	assert_int_equal(stats.ring_used_bytes, 0);
	assert_int_equal(stats.ring_fullest_percent, 0);
	host_remove("m");
	assert_int_equal(unlink("m.pcap"), 0);

	/* No rings. */
	snprintf(spec, sizeof(spec), "name=m,mode=inline,port=%u,sink=[net_pcap,tx_pcap=m.pcap]",
		 two);
	assert_int_equal(vmirror_mirror_add(spec, NULL, NULL), 0);
	burst(two, 1, 1, 1000, false);
	stats = host_stats_now("m");
	assert_int_equal(stats.total.captured, 2);
	assert_int_equal(stats.ring_bytes + stats.ring_used_bytes + stats.ring_fullest_percent, 0);
	host_remove("m");
	assert_int_equal(unlink("m.pcap"), 0);
}

static void
test_check(void **state)
{
	const char *spec = "name=m,mode=ring,port=1,ring_bytes=1M,sink=[net_pcap,tx_pcap=m.pcap]";
	struct vmirror_error err = {""};
	struct vmirror_plan plan;

	assert_int_equal(vmirror_mirror_check(&spec, 1, &plan, NULL, &err), 0);
	assert_int_equal(plan.hooks, 4);
	assert_int_equal(plan.ring_bytes, 4 << 20);
	assert_non_null(strstr(plan.text, "mode=ring"));
	assert_non_null(strstr(plan.text, "4 rings of 1.0 MB"));

	spec = "name=m,mode=inline,port=1,ring_bytes=1M,sink=[net_pcap,tx_pcap=m.pcap]";
	assert_int_equal(vmirror_mirror_check(&spec, 1, &plan, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "ring_bytes"));
}

/* Mappings of shared memory that is no file's. */
static unsigned int
count_shared(void)
{
	char line[512];
	unsigned int n = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "/dev/zero (deleted)") != NULL;
	fclose(f);
	return n;
}

static void
test_leaves_nothing(void **state)
{
	unsigned int before = count_shared();
	unsigned int i;

	for (i = 0; i < host_rounds(20, 500); i++) {
		host_mirror("name=m,port=%u,ring_bytes=64k,sink=[net_pcap,tx_pcap=m.pcap]", two);
		assert_in_range(count_shared(), before + 1, before + 8);
		burst(two, 1, 8, 100, false);
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		assert_int_equal(host_stats("m").total.delivered, 16);
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
		burst(two, 0, 8, 100, false);
		host_remove("m");
		assert_int_equal(host_read_pcap("m.pcap", NULL), 32);
		assert_int_equal(unlink("m.pcap"), 0);
		assert_int_equal(count_shared(), before);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_order), test(test_overload),       test(test_used),
		test(test_check), test(test_leaves_nothing),
	};
	int failed;

	setenv("VMIRROR_TEST_MODE", "ring", 1);
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
