/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A forwarding thread that loses its core in the middle of a burst, for longer than the drain holds
 * packets back. The bytes of one packet are on a page that may not be read: the hook's thread ends
 * up in a signal's handler, and stays there until the test lets it go on. What it brings then is
 * late, counted so, and delivered all the same.
 */

#include "tests/eal/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "lib/thread.h"

#define BURST      32
#define TRAP       16 /* which packet of the burst */
#define LEN        200
#define PAGE       4096
#define BOUND_NS   UINT64_C(10000000000)
#define SLOW_QUEUE 0
#define QUEUE      1

static uint16_t port;
static uint8_t *page;
static struct rte_mbuf_ext_shared_info shared;
static atomic_bool trapped;
static atomic_bool go_on;
static atomic_bool detached;
static unsigned int received;
static struct sigaction others;

/* @return not before the test says so; then the hook reads the bytes */
static void
on_fault(int number, siginfo_t *info, void *context)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	uint8_t *at = info->si_addr;

	if (at < page || at >= page + PAGE) {
		sigaction(SIGSEGV, &others, NULL); /* that one is meant */
		return;
	}
	atomic_store(&trapped, true);
	while (!atomic_load(&go_on))
		nanosleep(&nap, NULL);
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void
keep_page(void *addr, void *arg)
{
}

static struct rte_mbuf *
packet_on_page(uint32_t serial)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(host_pool());

	assert_non_null(pkt);
	host_bytes(page, LEN, serial);
	shared.free_cb = keep_page;
	rte_mbuf_ext_refcnt_set(&shared, 1);
	rte_pktmbuf_attach_extbuf(pkt, page, RTE_BAD_IOVA, PAGE, &shared);
	assert_non_null(rte_pktmbuf_append(pkt, LEN));
	return pkt;
}

/* A burst that waits in the port to be received. */
static void
put(uint16_t queue, bool traps, uint32_t serial)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (i = 0; i < BURST; i++, serial++)
		pkts[i] = traps && i == TRAP ? packet_on_page(serial) : host_packet(LEN, serial);
	host_tx(port, queue, pkts, BURST);
}

static void *
receive(void *arg)
{
	received = host_rx_drop(port, SLOW_QUEUE);
	return NULL;
}

/* A thread receives a burst, and is in the middle of it when this returns. */
static pthread_t
begin_burst(uint32_t serial)
{
	pthread_t thread;

	atomic_store(&trapped, false);
	atomic_store(&go_on, false);
	put(SLOW_QUEUE, true, serial);
	assert_int_equal(mprotect(page, PAGE, PROT_NONE), 0);
	assert_int_equal(pthread_create(&thread, NULL, receive, NULL), 0);
	host_wait(atomic_load(&trapped));
	return thread;
}

static void
end_burst(pthread_t thread)
{
	atomic_store(&go_on, true);
	pthread_join(thread, NULL);
	assert_int_equal(received, BURST);
}

/* cmocka has a handler of its own, which it sets for each test. */
static void
add(void)
{
	const struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	assert_int_equal(sigaction(SIGSEGV, &action, &others), 0);
	host_mirror("name=m,dir=rx,port=%u,sink=[net_pcap,tx_pcap=m.pcap]", port);
}

static void
expect(uint32_t serial, unsigned int n)
{
	uint8_t bytes[LEN];

	for (; n > 0; n--) {
		host_bytes(bytes, LEN, serial++);
		host_expect(bytes, LEN, LEN);
	}
}

/* The other queue's are with the sink long before those that passed the hook first. */
static void
test_late(void **state)
{
	struct vmirror_counters total;
	unsigned int round, rounds = host_rounds(20, 500);
	pthread_t thread;

	add();
	for (round = 0; round < rounds; round++) {
		thread = begin_burst(2 * round * BURST);
		put(QUEUE, false, (2 * round + 1) * BURST);
		assert_int_equal(host_rx_drop(port, QUEUE), BURST);
		host_wait(host_stats_now("m").total.delivered == (2 * round + 1) * BURST);
		end_burst(thread);
		host_wait(host_stats_now("m").total.delivered == (2 * round + 2) * BURST);
		expect((2 * round + 1) * BURST, BURST);
		expect(2 * round * BURST, BURST);
	}
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	total = host_stats("m").total;
	assert_int_equal(total.seen, 2 * rounds * BURST);
	assert_int_equal(total.delivered, total.seen);
	assert_int_equal(total.late, rounds * BURST);
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

static void *
detach(void *arg)
{
	vmirror_mirror_detach("m", NULL);
	atomic_store(&detached, true);
	return NULL;
}

/* Whoever detaches waits for the thread in the hook, and what that brings is delivered. */
static void
test_detach(void **state)
{
	struct vmirror_counters total;
	unsigned int round, rounds = host_rounds(5, 100);
	pthread_t thread, detacher;
	uint64_t start;

	add();
	for (round = 0; round < rounds; round++) {
		atomic_store(&detached, false);
		thread = begin_burst(round * BURST);
		assert_int_equal(pthread_create(&detacher, NULL, detach, NULL), 0);
		rte_delay_us_sleep(50000);
		assert_false(atomic_load(&detached));
		start = vmirror_now_ns();
		end_burst(thread);
		pthread_join(detacher, NULL);
		assert_true(vmirror_now_ns() - start < BOUND_NS);
		host_assert_conserved("m");
		total = host_stats_now("m").total;
		assert_int_equal(total.seen, (round + 1) * BURST);
		assert_int_equal(total.delivered, total.seen);
		expect(round * BURST, BURST);
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	}
	host_remove("m");
	host_assert_pcap("m.pcap");
	assert_int_equal(unlink("m.pcap"), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_late),
		test(test_detach),
	};
	int failed;

	setenv("VMIRROR_TEST_MODE", "ring", 1);
	host_init();
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	port = host_plug("net_ring0", "", 2);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
