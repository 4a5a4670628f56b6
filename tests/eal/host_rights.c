/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a host may do, whatever is mirrored: call in any order, start the engine anew, close and
 * replace ports, remove our sinks and take their numbers, and plug on a thread of its own.
 */

#include "tests/eal/host.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#define SENTINEL "net_null_vmirror_sentinel"
#define N_ENDING 8

/* A thread of the host's, which runs until stop. */
static atomic_bool stop;
static pthread_t helper;
static bool helping;
static bool own_namespace;

static void
start_helper(void *(*run)(void *arg), void *arg)
{
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&helper, NULL, run, arg), 0);
	helping = true;
}

static void *
stop_helper(void)
{
	void *result = NULL;

	atomic_store(&stop, true);
	if (helping)
		pthread_join(helper, &result);
	helping = false;
	return result;
}

/* What a test that failed left to the next. */
static int
setup(void **state)
{
	stop_helper();
	host_reset();
	return 0;
}

static bool
port_exists(const char *name)
{
	uint16_t port_id;

	return rte_eth_dev_get_port_by_name(name, &port_id) == 0;
}

static uint64_t
opackets(uint16_t port_id)
{
	struct rte_eth_stats stats;

	assert_int_equal(rte_eth_stats_get(port_id, &stats), 0);
	return stats.opackets;
}

/* Nothing can be done without an engine, and everything says so. */
static void
assert_no_engine(void)
{
	static const char spec[] = "name=m,port=0,sink=[net_pcap,tx_pcap=m.pcap]";
	const char *const specs[] = {spec};
	struct vmirror_stats stats = {.size = sizeof(stats)};
	struct vmirror_error err = {0};

	assert_int_equal(vmirror_mirror_add(spec, NULL, &err), -EPERM);
	assert_non_null(strstr(err.text, "call vmirror_engine_init() after rte_eal_init()"));
	assert_int_equal(vmirror_mirror_check(specs, 1, NULL, NULL, &err), -EPERM);
	assert_int_equal(vmirror_mirror_attach("m", &err), -EPERM);
	assert_int_equal(vmirror_mirror_detach("m", &err), -ENOENT);
	assert_int_equal(vmirror_mirror_remove("m", &err), -ENOENT);
	assert_int_equal(vmirror_mirror_stats("m", &stats, &err), -ENOENT);
	assert_int_equal(vmirror_mirror_queue_stats("m", NULL, 0, &err), -ENOENT);
	assert_string_equal(err.text, "there is no mirror 'm'");
	assert_int_equal(vmirror_mirror_list(NULL, 0), 0);
	assert_int_equal(access("m.pcap", F_OK), -1);
}

static void
test_before_eal(void **state)
{
	struct vmirror_error err = {0};

	assert_no_engine();
	assert_int_equal(vmirror_engine_init(NULL, &err), -EPERM);
	assert_string_equal(err.text, "call rte_eal_init() first");
	vmirror_engine_fini();
	assert_no_engine();
}

static void
test_after_fini(void **state)
{
	unlink("m.pcap");
	vmirror_engine_fini();
	assert_no_engine();
	vmirror_engine_fini();
	host_engine_init();
}

/* Ports that went while the engine heard of it, and came while there was none. */
static void
test_ports_between_engines(void **state)
{
	uint16_t ports[4], gone;
	char name[32];
	unsigned int i;

	vmirror_engine_fini();
	gone = host_plug("net_ring_gone", "", 1);
	host_engine_init();
	host_mirror("name=m,port=net_ring_gone,sink=[net_pcap,tx_pcap=m.pcap]");
	host_unplug("net_ring_gone");
	host_remove("m");
	vmirror_engine_fini();
	assert_int_equal(host_plug("net_ring_a", "", 1), gone);
	host_engine_init();
	host_mirror("name=m,port=net_ring_a,sink=[net_pcap,tx_pcap=m.pcap]");
	assert_int_equal(host_stats("m").hooks, 2);
	host_loop(gone, 0, 10, 100);
	assert_int_equal(host_stats("m").total.seen, 20);
	host_remove("m");

	/* The numbers of the engine's own vdevs, among them. */
	assert_int_equal(rte_eth_dev_get_port_by_name(SENTINEL, &gone), 0);
	vmirror_engine_fini();
	for (i = 0; i < RTE_DIM(ports); i++) {
		snprintf(name, sizeof(name), "net_ring_%u", i);
		ports[i] = host_plug(name, "", 1);
	}
	assert_in_range(gone, ports[0], ports[3]);
	host_engine_init();
	host_mirror("name=m,port=all,sink=[net_pcap,tx_pcap=m.pcap]");
	assert_int_equal(host_stats("m").hooks, 2 * (RTE_DIM(ports) + 1));
	for (i = 0; i < RTE_DIM(ports); i++)
		host_loop(ports[i], 0, 10, 100);
	assert_int_equal(host_stats("m").total.seen, 20 * RTE_DIM(ports));
	host_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 20 * RTE_DIM(ports));
	for (i = 0; i < RTE_DIM(ports); i++) {
		snprintf(name, sizeof(name), "net_ring_%u", i);
		host_unplug(name);
	}
	host_unplug("net_ring_a");
}

/* What is done first after the host took a sink's number. */
enum first { ATTACH, DETACH, TICK, REMOVE, FINI, N_FIRSTS };

static void
do_first(enum first first)
{
	struct vmirror_error err = {0};

	switch (first) {
	case ATTACH:
		assert_true(vmirror_mirror_attach("m", &err) < 0);
		assert_true(err.text[0] != '\0');
		break;
	case DETACH:
		assert_int_equal(vmirror_mirror_detach("m", &err), 0);
		assert_true(vmirror_mirror_attach("m", &err) < 0);
		break;
	case REMOVE:
		assert_int_equal(vmirror_mirror_remove("m", &err), 0);
		break;
	case FINI:
		vmirror_engine_fini();
		host_engine_init();
		break;
	default:
		break;
	}
}

static void
assert_unharmed(uint16_t host_port, uint64_t sent)
{
	struct rte_eth_link link;

	/* Whatever a mirror put there would come back. */
	assert_int_equal(host_rx_drop(host_port, 0), 0);
	assert_int_equal(opackets(host_port), sent);
	assert_int_equal(rte_eth_link_get_nowait(host_port, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
}

static void
wait_failed(const char *vdev)
{
	host_wait(host_stats("m").state == VMIRROR_FAILED);
	assert_string_equal(host_stats("m").reason, "its sink's vdev was removed by the process");
	assert_int_equal(host_stats("m").hooks, 0);
	host_assert_conserved("m");
	assert_false(port_exists(vdev));
}

/* The host removes a mirror's sink, and a port of its own takes the number. */
static void
check_number_taken(const char *vdev, const char *sink, enum first first)
{
	uint16_t source, sink_id, other, other_b;

	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring_a", &source), 0);
	host_mirror("name=m,port=net_ring_a,sink=[%s,%s]", vdev, sink);
	host_loop(source, 0, 10, 100);
	assert_int_equal(rte_eth_dev_get_port_by_name(vdev, &sink_id), 0);

	assert_int_equal(rte_eth_dev_stop(sink_id), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", vdev), 0);
	other = host_plug("net_ring_b", "", 1);
	assert_int_equal(other, sink_id);
	do_first(first);
	host_loop(source, 0, 10, 100);
	assert_unharmed(other, 0);
	host_loop(other, 0, 5, 100);

	if (first <= TICK) {
		wait_failed(vdev);
		assert_int_equal(host_stats("m").total.delivered, 20);
		host_loop(source, 0, 10, 100);
		assert_unharmed(other, 5);
		/* It is over, and holds nothing any more. */
		host_mirror("name=again,port=net_ring_a,sink=[%s,%s]", vdev, sink);
		host_loop(source, 0, 10, 100);
		assert_int_equal(host_stats("again").total.delivered, 20);
		host_remove("m");
		host_loop(source, 0, 10, 100);
		assert_int_equal(host_stats("again").total.delivered, 40);
		host_remove("again");
	}
	host_mirror("name=m,port=net_ring_a,sink=[%s,%s]", vdev, sink);
	host_loop(source, 0, 10, 100);
	assert_int_equal(host_stats("m").total.delivered, 20);
	host_remove("m");
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring_b", &other_b), 0);
	assert_int_equal(other_b, other);
	assert_unharmed(other, 5);
	host_unplug("net_ring_b");
}

static void
test_sink_number_taken(void **state)
{
	unsigned int round;

	host_plug("net_ring_a", "", 1);
	for (round = 0; round < host_rounds(2, 40) * N_FIRSTS; round++) {
		check_number_taken("net_pcap_mine", "tx_pcap=mine.pcap", round % N_FIRSTS);
		assert_int_equal(host_read_pcap("mine.pcap", NULL), 20);
	}
	host_unplug("net_ring_a");
}

static void
test_tap_number_taken(void **state)
{
	unsigned int first;

	if (!own_namespace)
		skip();
	host_plug("net_ring_a", "", 1);
	for (first = 0; first < N_FIRSTS; first++) {
		check_number_taken("net_tap_mine", "iface=mon0", first);
		assert_int_equal(if_nametoindex("mon0"), 0);
	}
	host_unplug("net_ring_a");
}

/* Another vdev under the sink's own name is the host's, too. */
static void
test_sink_name_taken(void **state)
{
	uint16_t source = host_plug("net_ring_a", "", 1);
	uint16_t other;

	host_mirror("name=m,port=net_ring_a,sink=[net_pcap_mine,tx_pcap=mine.pcap]");
	host_loop(source, 0, 10, 100);
	host_unplug("net_pcap_mine");
	other = host_plug("net_pcap_mine", "tx_pcap=/dev/null", 1);
	host_loop(source, 0, 10, 100);
	host_wait(host_stats("m").state == VMIRROR_FAILED);
	assert_unharmed(other, 0);
	host_remove("m");
	host_loop(source, 0, 10, 100);
	assert_unharmed(other, 0);
	host_unplug("net_pcap_mine");
	host_unplug("net_ring_a");
	assert_int_equal(host_read_pcap("mine.pcap", NULL), 20);
}

/* A forwarder without cmocka, which goes on until it is told. @return packets, 0: some were lost */
static void *
forward(void *arg)
{
	uint16_t port_id = *(uint16_t *)arg;
	struct rte_mbuf *pkts[16];
	uintptr_t n = 0;

	while (!atomic_load(&stop) || n == 0) {
		if (rte_pktmbuf_alloc_bulk(host_pool(), pkts, RTE_DIM(pkts)) != 0)
			return NULL;
		for (unsigned int i = 0; i < RTE_DIM(pkts); i++)
			memset(rte_pktmbuf_append(pkts[i], 100), 0, 100);
		if (rte_eth_tx_burst(port_id, 0, pkts, RTE_DIM(pkts)) != RTE_DIM(pkts) ||
		    rte_eth_rx_burst(port_id, 0, pkts, RTE_DIM(pkts)) != RTE_DIM(pkts))
			return NULL;
		n += RTE_DIM(pkts);
		rte_pktmbuf_free_bulk(pkts, RTE_DIM(pkts));
		rte_delay_us_sleep(20);
	}
	return (void *)n;
}

static void
test_source_closed(void **state)
{
	uint16_t a = host_plug("net_ring_a", "", 1);
	uint16_t b = host_plug("net_ring_b", "", 1);
	uint64_t on_a = 0;
	void *on_b;
	unsigned int round;

	host_mirror("name=a,port=net_ring_a,sink=[net_pcap,tx_pcap=a.pcap]");
	host_mirror("name=b,port=net_ring_b,sink=[net_pcap,tx_pcap=b.pcap]");
	host_mirror("name=all,port=all,sink=[net_pcap,tx_pcap=all.pcap]");
	start_helper(forward, &b);
	for (round = 0; round < host_rounds(3, 50); round++) {
		host_loop(a, 0, 50, 100);
		on_a += 100;
		assert_int_equal(rte_eth_dev_stop(a), 0);
		assert_int_equal(rte_eth_dev_close(a), 0);
		assert_int_equal(host_stats("a").hooks, 0);
		assert_int_equal(host_stats("a").state, VMIRROR_ATTACHED);
		assert_int_equal(host_stats("a").total.seen, on_a);
		host_assert_conserved("a");
		assert_int_equal(host_stats("all").hooks, 2);
		rte_delay_us_sleep(60000);
		assert_int_equal(host_stats("a").hooks, 0);
		assert_int_equal(rte_eal_hotplug_remove("vdev", "net_ring_a"), 0);
		a = host_plug("net_ring_a", "", 1);
		host_wait(host_stats("a").hooks == 2 && host_stats("all").hooks == 4);
	}
	on_b = stop_helper();
	assert_non_null(on_b);
	assert_int_equal(host_stats("b").total.seen, 2 * (uintptr_t)on_b);
	assert_int_equal(host_stats("all").total.seen, on_a + 2 * (uintptr_t)on_b);
	assert_int_equal(host_stats("all").total.captured, on_a + 2 * (uintptr_t)on_b);
	host_remove("a");
	host_remove("b");
	host_remove("all");
	host_unplug("net_ring_a");
	host_unplug("net_ring_b");
}

static void *
plug_and_unplug(void *arg)
{
	unsigned int i, failures = 0;
	char name[32];

	for (i = 0; !atomic_load(&stop); i++) {
		snprintf(name, sizeof(name), "net_null_h%u", i % 16);
		failures += rte_eal_hotplug_add("vdev", name, "") != 0;
		failures += rte_eal_hotplug_remove("vdev", name) != 0;
	}
	return (void *)(uintptr_t)failures;
}

/* The last one ends first, for whoever adds one after it unplugs what has ended. */
static void
add_ending(void)
{
	unsigned int i;

	for (i = 0; i < N_ENDING; i++)
		host_mirror("name=m%u,port=net_ring_a,dir=tx,mbufs=127,%s,"
			    "sink=[net_pcap,tx_pcap=%u.pcap]",
			    i, i == N_ENDING - 1 ? "duration=1ms" : "count=1", i);
}

/* Ended, the file complete, and nothing was plugged or unplugged on the control thread. */
static void
assert_ended(unsigned int i)
{
	struct vmirror_stats stats;
	char name[32], vdev[32], file[32];

	snprintf(name, sizeof(name), "m%u", i);
	snprintf(vdev, sizeof(vdev), "net_pcap_m%u", i);
	snprintf(file, sizeof(file), "%u.pcap", i);
	host_wait(host_stats(name).state == VMIRROR_ENDED);
	stats = host_stats(name);
	assert_int_equal(stats.hooks, 0);
	if (i < N_ENDING - 1)
		assert_int_equal(stats.total.delivered, 1);
	if (stats.total.delivered > 0)
		assert_int_equal(host_read_pcap(file, NULL), stats.total.delivered);
	host_assert_conserved(name);
	assert_true(port_exists(vdev));
}

static void
test_host_plugs_while_mirrors_end(void **state)
{
	uint16_t a = host_plug("net_ring_a", "", 1);
	unsigned int round, i;
	char name[32];

	for (round = 0; round < host_rounds(8, 200); round++) {
		add_ending();
		start_helper(plug_and_unplug, NULL);
		host_loop(a, 0, 3, 100);
		for (i = 0; i < N_ENDING; i++)
			assert_ended(i);
		assert_null(stop_helper());

		host_remove("m0");
		assert_false(port_exists("net_pcap_m0"));
		host_mirror("name=m0,port=net_ring_a,sink=[net_pcap,tx_pcap=0.pcap]");
		for (i = 1; i < N_ENDING; i++) {
			snprintf(name, sizeof(name), "net_pcap_m%u", i);
			assert_false(port_exists(name));
		}
		for (i = 0; i < N_ENDING; i++) {
			snprintf(name, sizeof(name), "m%u", i);
			host_remove(name);
		}
	}
	host_unplug("net_ring_a");
}

/* Times that a clock of 64 bits cannot reach. */
static void
test_duration_beyond(void **state)
{
	static const char *const durations[] = {
		"18446744073709ms",
		"18446744073710ms",
		"18446744073709551615ms",
		"9223372036855ms",
		"584y",
		"18446744073709551s",
	};
	uint16_t a = host_plug("net_ring_a", "", 1);
	struct vmirror_error err;
	unsigned int i, n = 0;
	char text[128];

	for (i = 0; i < RTE_DIM(durations); i++) {
		snprintf(text, sizeof(text),
			 "port=net_ring_a,duration=%s,sink=[net_pcap,tx_pcap=%u.pcap]",
			 durations[i], i);
		/* A unit or size that the parser does not take is refused by it. */
		if (host_try_mirror(&err, "%s", text) == 0)
			n++;
		else
			assert_non_null(strstr(err.text, "duration"));
	}
	assert_true(n >= 4);
	rte_delay_us_sleep(200000);
	host_loop(a, 0, 5, 100);
	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "mirror%u", i);
		assert_int_equal(host_stats(text).state, VMIRROR_ATTACHED);
		assert_int_equal(host_stats(text).total.seen, 10);
		host_remove(text);
	}
	host_unplug("net_ring_a");
}

#define test(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest before[] = {
		cmocka_unit_test(test_before_eal),
	};
	const struct CMUnitTest tests[] = {
		test(test_ports_between_engines), test(test_sink_number_taken),
		test(test_tap_number_taken),      test(test_sink_name_taken),
		test(test_source_closed),         test(test_host_plugs_while_mirrors_end),
		test(test_duration_beyond),       test(test_after_fini),
	};
	int failed = cmocka_run_group_tests(before, NULL, NULL);

	own_namespace = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	host_init();
	host_engine_init();
	failed += cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
