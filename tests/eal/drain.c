/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The drain by itself: rings that the test fills by hand, with times of its choice, and a net_ring
 * port as the sink, on which the test receives what was sent.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "lib/drain.h"
#include "lib/entry.h"
#include "tests/eal/host.h"

#define N_RINGS 3
#define MS      (rte_get_tsc_hz() / 1000)

static uint16_t sink;
static struct vmirror_path path;
static struct vmirror_drain drain;
static struct vmirror_merge_ring rings[N_RINGS] __attribute__((aligned(64)));

static void
begin_with(unsigned int n_rings, unsigned int n_mbufs)
{
	unsigned int i;

	path = (struct vmirror_path){
		.sink_port = sink,
		.snaplen = UINT32_MAX,
		.budget = UINT64_MAX,
		.budget_bytes = UINT64_MAX,
		.pool = rte_pktmbuf_pool_create("drain", n_mbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
						SOCKET_ID_ANY),
	};
	assert_non_null(path.pool);
	static const struct vmirror_sink_ops holds = {.holds = true};

	assert_int_equal(vmirror_drain_init(&drain, &path, 10000000, -1, &holds, false), 0);
	memset(rings, 0, sizeof(rings));
	for (i = 0; i < n_rings; i++) {
		rings[i].ring = vmirror_ring_create(1 << 20, -1);
		assert_non_null(rings[i].ring);
		vmirror_merge_add(&drain.merge, &rings[i]);
	}
}

static void
start(void)
{
	assert_int_equal(vmirror_drain_start(&drain, NULL), 0);
}

static void
end(void)
{
	unsigned int i;

	vmirror_drain_stop(&drain);
	vmirror_drain_fini(&drain);
	for (i = 0; i < N_RINGS; i++)
		vmirror_ring_destroy(rings[i].ring);
	host_rx_drop(sink, 0);
	assert_int_equal(rte_mempool_in_use_count(path.pool), 0);
	rte_mempool_free(path.pool);
}

/* A packet of a time into a ring; its bytes depend on serial. */
static void
put(unsigned int at, uint64_t tsc, uint32_t len, uint32_t serial)
{
	struct vmirror_entry *entry;

	vmirror_ring_refresh(rings[at].ring);
	entry = vmirror_ring_reserve(rings[at].ring, vmirror_entry_size(len));
	assert_non_null(entry);
	*entry = (struct vmirror_entry){.tsc = tsc, .len = len, .wire_len = len};
	host_bytes(entry->bytes, len, serial);
	vmirror_ring_commit(rings[at].ring);
}

static uint64_t
sum(size_t offset)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < N_RINGS; i++)
		n += __atomic_load_n((uint64_t *)((char *)&rings[i].drained + offset),
				     __ATOMIC_ACQUIRE);
	return n;
}

#define drained(counter) sum(offsetof(struct vmirror_tally, counter))

/* The sink got packets first to last, in this order, all of one length. */
static void
assert_got(uint32_t first, uint32_t last, uint32_t len)
{
	uint8_t *wanted = malloc(len), *room = malloc(len);
	struct rte_mbuf *pkt;

	for (; first <= last; first++) {
		assert_int_equal(rte_eth_rx_burst(sink, 0, &pkt, 1), 1);
		assert_int_equal(pkt->pkt_len, len);
		host_bytes(wanted, len, first);
		assert_memory_equal(rte_pktmbuf_read(pkt, 0, len, room), wanted, len);
		rte_pktmbuf_free(pkt);
	}
	free(wanted);
	free(room);
}

static void
test_order(void **state)
{
	uint64_t tsc = rte_rdtsc() - 1000 * MS;
	uint32_t serial;

	begin_with(N_RINGS, 1023);
	/* Bursts have one time; which ring's is next is at random. */
	for (serial = 0; serial < 900;) {
		unsigned int burst = 1 + host_random(40), at = host_random(N_RINGS);

		for (; burst > 0 && serial < 900; burst--)
			put(at, tsc, 200, serial++);
		tsc += 1 + host_random(100000);
	}
	start();
	host_wait(drained(accepted) == 900);
	vmirror_drain_flush(&drain);
	assert_got(0, 899, 200);
	assert_int_equal(drained(late), 0);
	assert_int_equal(path.fed.accepted_pkts, 900);
	assert_int_equal(path.fed.accepted_bytes, 900 * 200);
	end();
}

/* One that comes a little later into another ring is still in time. */
static void
test_held_back(void **state)
{
	uint64_t now;

	begin_with(2, 1023);
	start();
	now = rte_rdtsc();
	put(0, now + 3000 * MS, 100, 1);
	rte_delay_us_sleep(50000);
	assert_int_equal(drained(accepted), 0);
	put(1, now + 2000 * MS, 100, 0);
	host_wait(drained(accepted) == 2);
	assert_true(rte_rdtsc() >= now + 3000 * MS);
	assert_got(0, 1, 100);
	assert_int_equal(drained(late), 0);
	end();
}

static void
test_late(void **state)
{
	uint64_t tsc = rte_rdtsc() - 100 * MS;

	begin_with(2, 1023);
	start();
	put(0, tsc, 100, 0);
	host_wait(drained(accepted) == 1);
	put(1, tsc - 1, 100, 1);
	host_wait(drained(accepted) == 2);
	put(0, tsc, 100, 2);
	host_wait(drained(accepted) == 3);
	assert_got(0, 2, 100);
	assert_int_equal(drained(late), 1);
	end();
}

/* With one ring nothing is held back; the sink has it within the latency. */
static void
test_latency(void **state)
{
	uint64_t start_tsc, took, best = UINT64_MAX;
	uint32_t serial;

	begin_with(1, 1023);
	start();
	for (serial = 0; serial < 20; serial++) {
		rte_delay_us_sleep(20000);
		start_tsc = rte_rdtsc();
		put(0, start_tsc, 100, serial);
		while (drained(accepted) == serial)
			rte_delay_us_sleep(100);
		took = rte_rdtsc() - start_tsc;
		best = RTE_MIN(best, took);
	}
	/* The machine may be busy, but not each time. */
	assert_true(best < 10 * MS);
	assert_got(0, 19, 100);
	end();
}

static void
test_segments(void **state)
{
	struct rte_mbuf *pkt;

	begin_with(1, 1023);
	put(0, 1, 9000, 7);
	put(0, 1, 0, 8);
	put(0, 1, 65535, 9);
	start();
	host_wait(drained(accepted) == 3);
	assert_got(7, 7, 9000);
	assert_int_equal(rte_eth_rx_burst(sink, 0, &pkt, 1), 1);
	assert_int_equal(pkt->pkt_len, 0);
	rte_pktmbuf_free(pkt);
	assert_got(9, 9, 65535);
	end();
}

static void
test_too_long(void **state)
{
	uint32_t serial;

	begin_with(1, 1023);
	path.limits.max_frame = 150;
	for (serial = 0; serial < 10; serial++)
		put(0, 1, 150, serial);
	put(0, 1, 151, 0);
	for (; serial < 20; serial++)
		put(0, 1, 150, serial);
	start();
	vmirror_drain_flush(&drain);
	assert_int_equal(drained(accepted), 20);
	assert_int_equal(drained(rejected), 1);
	assert_int_equal(path.fed.too_long_pkts, 1);
	assert_got(0, 19, 150);
	end();
}

/* A sink that takes no more is waited for, but not for ever, and each packet is counted. */
static void
test_refused(void **state)
{
	uint64_t begin = rte_rdtsc();
	uint32_t serial, room = 0;

	begin_with(1, 4095);
	for (serial = 0; serial < 3000; serial++)
		put(0, 1, 100, serial);
	start();
	vmirror_drain_flush(&drain);
	assert_true(rte_rdtsc() - begin < 20000 * MS);
	room = (uint32_t)drained(accepted);
	assert_in_range(room, 1000, 2999);
	assert_int_equal(room + drained(rejected), 3000);
	assert_got(0, room - 1, 100);
	/* It takes again. */
	for (serial = 0; serial < 200; serial++)
		put(0, 1, 100, serial);
	vmirror_drain_flush(&drain);
	assert_int_equal(drained(accepted), room + 200);
	assert_got(0, 199, 100);
	end();
}

/* The sink holds all mbufs that there are. */
static void
test_no_mbufs(void **state)
{
	uint32_t serial;

	begin_with(1, 63);
	for (serial = 0; serial < 100; serial++)
		put(0, 1, 100, serial);
	start();
	vmirror_drain_flush(&drain);
	assert_int_equal(drained(accepted), 63);
	assert_int_equal(drained(rejected), 37);
	assert_got(0, 62, 100);
	put(0, 1, 100, 5);
	vmirror_drain_flush(&drain);
	assert_got(5, 5, 100);
	end();
}

static void
test_gate(void **state)
{
	uint32_t serial;

	begin_with(2, 1023);
	start();
	vmirror_path_close_gate(&path, VMIRROR_GATE_SINK_LOST);
	vmirror_drain_sync(&drain);
	for (serial = 0; serial < 100; serial++)
		put(serial % 2, 1, 100, serial);
	vmirror_drain_flush(&drain);
	assert_int_equal(drained(rejected), 100);
	assert_int_equal(path.fed.rejected_pkts, 0);
	assert_int_equal(host_rx_drop(sink, 0), 0);
	vmirror_path_open_gate(&path);
	put(0, 2, 100, 1);
	vmirror_drain_flush(&drain);
	assert_int_equal(drained(accepted), 1);
	assert_got(1, 1, 100);
	end();
}

static void
test_count(void **state)
{
	uint32_t serial;

	begin_with(1, 1023);
	path.budget = 10;
	for (serial = 0; serial < 15; serial++)
		put(0, 1, 100, serial);
	start();
	vmirror_drain_flush(&drain);
	assert_int_equal(path.gate, VMIRROR_GATE_ENDED);
	assert_int_equal(drained(accepted), 10);
	assert_int_equal(rings[0].surplus.seen, 5);
	assert_int_equal(rings[0].surplus.captured, 5);
	assert_int_equal(rings[0].surplus.bytes, 500);
	assert_got(0, 9, 100);
	assert_int_equal(host_rx_drop(sink, 0), 0);
	end();
}

/* It leaves the core that fills the ring to that, if it has another. */
static void
test_place(void **state)
{
	cpu_set_t all;
	int cpu = 0;

	begin_with(1, 1023);
	start();
	vmirror_drain_flush(&drain);
	all = drain.allowed;
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	__atomic_store_n(&rings[0].ring->cpu, cpu, __ATOMIC_RELAXED);
	rte_delay_us_sleep(300000);
	vmirror_drain_stop(&drain);
	assert_int_equal(CPU_ISSET(cpu, &drain.used) != 0, CPU_COUNT(&all) == 1);
	end();
}

/* What is in the rings when it is stopped is with the sink when that returns. */
static void
test_stop(void **state)
{
	uint32_t serial;

	begin_with(2, 1023);
	start();
	for (serial = 0; serial < 500; serial++)
		put(serial % 2, rte_rdtsc(), 100, serial);
	vmirror_drain_stop(&drain);
	assert_int_equal(drained(accepted), 500);
	assert_got(0, 499, 100);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),    cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_late),     cmocka_unit_test(test_latency),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_refused),  cmocka_unit_test(test_no_mbufs),
		cmocka_unit_test(test_gate),     cmocka_unit_test(test_count),
		cmocka_unit_test(test_stop),     cmocka_unit_test(test_place),
	};
	int failed;

	host_init();
	sink = host_plug("net_ring0", "", 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	host_fini();
	return failed;
}
