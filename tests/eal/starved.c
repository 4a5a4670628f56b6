/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A drain that gets no turn: its core is taken by a thread of the host's with a real-time priority.
 * Forwarding goes on, what finds no room is counted, the other mirror delivers all it gets, and
 * whoever detaches or removes the mirror meanwhile gets to the end.
 */

#include "tests/eal/host.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "lib/thread.h"

#define SKIP     77
#define BURST    32
#define N_BURSTS 500
#define LEN      200
#define S        UINT64_C(1000000000)

/* After so long it gives the core back by itself, where the system lets it have all of it. */
#define LONGEST_NS (3 * S)

/* What is done meanwhile ends within this, however busy the machine is. */
#define BOUND_NS (10 * S)

static uint16_t port;
static int ours;  /* the core of the test's own thread */
static int taken; /* the drain's */
static uint32_t serial;
static uint32_t next_serial; /* the least that may come next in a file */
static unsigned int wrong;

static pthread_t hog;
static atomic_bool stop;
static atomic_bool runs;

static void *
take_core(void *arg)
{
	uint64_t start = vmirror_now_ns();

	atomic_store(&runs, true);
	while (!atomic_load_explicit(&stop, memory_order_relaxed) &&
	       vmirror_now_ns() - start < LONGEST_NS)
		;
	return NULL;
}

static int
create_hog(void *(*run)(void *arg))
{
	const struct sched_param priority = {.sched_priority = 1};
	pthread_attr_t attr;
	cpu_set_t cpus;
	int ret;

	CPU_ZERO(&cpus);
	CPU_SET(taken, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &priority);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	ret = pthread_create(&hog, &attr, run, NULL);
	pthread_attr_destroy(&attr);
	return ret;
}

static void
starve(void)
{
	atomic_store(&stop, false);
	atomic_store(&runs, false);
	assert_int_equal(create_hog(take_core), 0);
	host_wait(atomic_load(&runs));
}

static void
give_back(void)
{
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(hog, NULL), 0);
}

/* No packet of the host's is lost or held up. */
static void
forward(unsigned int n_bursts)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (; n_bursts > 0; n_bursts--) {
		for (i = 0; i < BURST; i++)
			pkts[i] = host_packet(LEN, serial++);
		host_tx(port, 0, pkts, BURST);
		assert_int_equal(host_rx_drop(port, 0), BURST);
	}
}

static void
see(const struct host_record *record, unsigned int n)
{
	uint8_t bytes[LEN];
	uint32_t got;

	memcpy(&got, record->data + 42, sizeof(got));
	host_bytes(bytes, LEN, got);
	if (record->caplen != LEN || memcmp(bytes, record->data, LEN) != 0 || got < next_serial)
		wrong++;
	next_serial = got + 1;
}

/* One core forwards: the order is kept whatever was left out in between. */
static void
assert_file(const char *path, uint64_t records)
{
	next_serial = 0;
	wrong = 0;
	assert_int_equal(host_read_pcap(path, see), records);
	assert_int_equal(wrong, 0);
	assert_int_equal(unlink(path), 0);
}

static void
add_starved(void)
{
	host_mirror("name=m,dir=tx,port=%u,core=%d,ring_bytes=64k,sink=[net_pcap,tx_pcap=m.pcap]",
		    port, taken);
}

/* Its drain has a core on which it gets its turns, and a ring for all there is. */
static void
add_other(void)
{
	host_mirror("name=o,dir=tx,port=%u,core=%d,ring_bytes=16M,sink=[net_pcap,tx_pcap=o.pcap]",
		    port, ours);
}

static void
assert_all_counted(const struct vmirror_stats *stats, uint64_t sent)
{
	assert_int_equal(stats->total.seen, sent);
	assert_int_equal(stats->total.captured + stats->total.no_room, sent);
	assert_int_equal(stats->total.delivered + stats->total.in_flight, stats->total.captured);
}

static void
test_resumes(void **state)
{
	const uint64_t sent = N_BURSTS * BURST;
	struct vmirror_stats stats;
	uint64_t no_room;

	serial = 0;
	add_starved();
	add_other();
	starve();
	forward(N_BURSTS);
	stats = host_stats_now("m");
	assert_all_counted(&stats, sent);
	assert_true(stats.total.no_room > 0);
	no_room = stats.total.no_room;
	/* The other one has it all, while this one still waits. */
	host_wait(host_stats_now("o").total.delivered == sent);
	assert_int_equal(host_stats_now("o").total.no_room, 0);
	give_back();

	host_wait(host_stats_now("m").total.in_flight == 0);
	forward(2);
	host_wait(host_stats_now("m").total.delivered == sent + 2 * BURST - no_room);
	stats = host_stats("m");
	assert_all_counted(&stats, sent + 2 * BURST);
	assert_int_equal(stats.total.no_room, no_room);
	assert_int_equal(stats.total.late, 0);
	host_remove("m");
	host_remove("o");
	assert_file("m.pcap", stats.total.delivered);
	assert_file("o.pcap", sent + 2 * BURST);
}

static void
test_detach(void **state)
{
	struct vmirror_stats stats;
	unsigned int round;
	uint64_t start;

	serial = 0;
	add_starved();
	for (round = 1; round <= host_rounds(2, 10); round++) {
		starve();
		forward(N_BURSTS);
		start = vmirror_now_ns();
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		assert_true(vmirror_now_ns() - start < BOUND_NS);
		stats = host_stats_now("m");
		assert_all_counted(&stats, round * N_BURSTS * BURST);
		assert_int_equal(stats.total.in_flight, 0);
		assert_true(stats.total.no_room > 0);
		give_back();
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	}
	stats = host_stats("m");
	host_remove("m");
	assert_file("m.pcap", stats.total.delivered);
}

static void
test_remove(void **state)
{
	struct vmirror_stats other;
	unsigned int round;
	uint64_t start;

	serial = 0;
	add_other();
	for (round = 0; round < host_rounds(2, 10); round++) {
		add_starved();
		starve();
		forward(N_BURSTS);
		start = vmirror_now_ns();
		assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		assert_true(vmirror_now_ns() - start < BOUND_NS);
		give_back();
		assert_true(host_read_pcap("m.pcap", NULL) > 0);
		assert_int_equal(unlink("m.pcap"), 0);
	}
	assert_int_equal(vmirror_mirror_detach("o", NULL), 0);
	other = host_stats("o");
	assert_int_equal(other.total.delivered, serial);
	host_remove("o");
	assert_file("o.pcap", serial);
}

static void *
do_nothing(void *arg)
{
	return NULL;
}

/* @return what is missing, or NULL */
static const char *
find_cores(void)
{
	cpu_set_t all;
	int cpu, n = 0;

	if (sched_getaffinity(0, sizeof(all), &all) != 0 || CPU_COUNT(&all) < 2)
		return "two processors";
	for (cpu = 0; n < 2; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		*(n++ == 0 ? &ours : &taken) = cpu;
	}
	if (create_hog(do_nothing) != 0)
		return "the right to SCHED_FIFO";
	pthread_join(hog, NULL);
	return NULL;
}

/* EAL has put the thread on a core of its choice. */
static void
keep_off(void)
{
	cpu_set_t mine;

	CPU_ZERO(&mine);
	CPU_SET(ours, &mine);
	assert_int_equal(pthread_setaffinity_np(pthread_self(), sizeof(mine), &mine), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_resumes),
		test(test_detach),
		test(test_remove),
	};
	const char *missing;
	int failed;

	missing = find_cores();
	if (missing != NULL) {
		printf("skipped: needs %s\n", missing);
		return SKIP;
	}
	setenv("VMIRROR_TEST_MODE", "ring", 1);
	host_init();
	keep_off();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
