/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mode=recorder through the public API, without traffic beside it: what a snapshot shows, of one queue
 * and of several, in files and in a vdev. With traffic: recorder_load.c; triggers and what is refused:
 * recorder_control.c.
 */

#include "tests/eal/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ring.h>

#define BURST 32U

/* What is kept at the least of a ring of so many bytes, with packets of up to 1500. */
#define KEPT(bytes) ((bytes)-3 * RTE_MAX((bytes) / 64, UINT64_C(1532)))

static uint16_t one;
static uint16_t two; /* queues each way */

static uint32_t serial;
static uint32_t lengths[1 << 20]; /* by serial */
static uint8_t queues[1 << 20];
static struct snapshots_file file;

/* A burst on a queue, received again. */
static void
burst(uint16_t port, uint16_t queue, unsigned int n, uint32_t min, uint32_t max)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t len = min + host_random(max - min + 1);

		assert_true(serial < RTE_DIM(lengths));
		lengths[serial] = len;
		queues[serial] = (uint8_t)queue;
		pkts[i] = host_packet(len, serial++);
	}
	host_tx(port, queue, pkts, (uint16_t)n);
	assert_int_equal(host_rx_drop(port, queue), n);
}

static void
pass(uint16_t port, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i += BURST)
		burst(port, 0, RTE_MIN(n - i, BURST), 60, 1500);
}

/* The file has these packets, one after the other. */
static void
assert_packets(uint32_t first, uint64_t n)
{
	uint64_t i;

	assert_int_equal(file.n, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(file.pkts[i].serial, first + i);
		assert_int_equal(file.pkts[i].len, lengths[first + i]);
		assert_int_equal(file.pkts[i].queue, queues[first + i]);
		assert_true(file.pkts[i].is_tx);
	}
}

static uint64_t
entries(uint32_t first, uint32_t end)
{
	uint64_t bytes = 0;

	for (; first < end; first++)
		bytes += snapshots_entry(lengths[first]);
	return bytes;
}

static void
check_last(uint64_t ring_bytes, unsigned int n)
{
	struct vmirror_counters c;
	struct vmirror_stats stats;
	uint32_t begin = serial;
	unsigned int i;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=%llu,sink=[file,path=s.pcapng]", one,
			 (unsigned long long)ring_bytes);
	/* Nothing yet. */
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	assert_int_equal(file.n, 0);
	pass(one, n);
	c = snapshots_counters("m");
	assert_int_equal(c.seen, n);
	assert_int_equal(c.no_room, 0);
	assert_int_equal(c.captured, n);
	if (entries(begin, serial) > ring_bytes)
		assert_in_range(entries(serial - (uint32_t)c.in_flight, serial), KEPT(ring_bytes),
				ring_bytes);
	else
		assert_int_equal(c.overwritten, 0);
	/* The same twice; and once more when it is detached. */
	for (i = 2; i <= 4; i++) {
		if (i == 4)
			assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		snapshots_make("m", NULL);
		snapshots_read_number("s", i, &file);
		assert_packets(serial - (uint32_t)c.in_flight, c.in_flight);
		assert_int_equal(file.dropped, 0);
	}
	stats = host_stats_now("m");
	assert_int_equal(stats.total.in_flight, c.in_flight);
	assert_int_equal(stats.ring_bytes, ring_bytes);
	assert_int_equal(stats.ring_used_bytes, entries(serial - (uint32_t)c.in_flight, serial));
	assert_int_equal(stats.snapshots, 4);
	assert_int_equal(stats.snapshot_pkts, 3 * c.in_flight);
	assert_int_equal(stats.snapshot_delivered, 3 * c.in_flight);
	/* Attached again it goes on behind what it has. */
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	pass(one, 10);
	c = snapshots_counters("m");
	snapshots_make("m", NULL);
	snapshots_read_number("s", 5, &file);
	assert_packets(serial - (uint32_t)c.in_flight, c.in_flight);
	snapshots_remove("m");
}

static void
test_last(void **state)
{
	check_last(65536, 5);
	check_last(65536, 5000);
	check_last(1 << 20, 100);
	check_last(1 << 20, 5000);
}

/* Of what passes the filter, as much as the limit lets through, cut: counted all the same. */
static void
test_filter(void **state)
{
	struct vmirror_counters c;
	uint64_t i;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=64k,filter=less 500,snaplen=100,"
			 "sample=2,sink=[file,path=s.pcapng]",
			 one);
	pass(one, 5000);
	c = snapshots_counters("m");
	assert_int_equal(c.seen, 5000);
	assert_true(c.filtered > 0 && c.sampled_out > 0 && c.overwritten > 0 && c.truncated > 0);
	assert_int_equal(c.no_room, 0);
	snapshots_make("m", NULL);
	snapshots_read_number("s", 1, &file);
	assert_int_equal(file.n, c.in_flight);
	for (i = 0; i < file.n; i++) {
		assert_int_equal(file.pkts[i].len, RTE_MIN(100U, lengths[file.pkts[i].serial]));
		assert_true(i == 0 || file.pkts[i].serial > file.pkts[i - 1].serial);
	}
	snapshots_remove("m");
}

/*
 * A span of time, a span of bytes, both; into files of other names. Of bytes a little more may come: up
 * to a part, and the rest of the burst in which it began.
 */
static void
test_span(void **state)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .sink = "[file,path=x.pcapng]"};
	const uint64_t more = 2 * (1 << 20) / 64 + BURST * 1532;
	uint32_t begin = serial, middle;
	uint64_t bytes;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[file,path=s.pcapng]", one);
	pass(one, 500);
	rte_delay_us_sleep(2200000);
	middle = serial;
	pass(one, 300);
	opts.last_ms = 2000;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_packets(middle, 300);
	opts.last_ms = 100000;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_packets(begin, 800);
	/* Longer than the TSC can say. */
	opts.last_ms = UINT64_MAX / (rte_get_tsc_hz() / 1000) + 2;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_packets(begin, 800);

	opts.last_ms = 0;
	for (bytes = 1; bytes < (1 << 20); bytes = bytes * 3 + 1000) {
		opts.last_bytes = bytes;
		snapshots_make("m", &opts);
		snapshots_read("x.pcapng", &file);
		assert_packets(serial - (uint32_t)file.n, file.n);
		if (file.n < 800)
			assert_in_range(entries(serial - (uint32_t)file.n, serial), bytes,
					bytes + more);
		else
			assert_true(entries(begin, serial) <= bytes + more);
	}
	/* Of both the shorter. */
	opts.last_ms = 2000;
	opts.last_bytes = 1 << 20;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_true(file.n <= 300);
	opts.last_ms = 100000;
	opts.last_bytes = 10000;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_in_range(entries(serial - (uint32_t)file.n, serial), 10000, 10000 + more);
	snapshots_remove("m");
}

/* --- several queues */

/* Of each queue the last ones, all in the order in which they were sent. */
static void
test_queues(void **state)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .sink = "[file,path=x.pcapng]"};
	uint32_t begin = serial, last[2] = {0, 0}, next[2];
	uint64_t i, n[2] = {0, 0};
	unsigned int q, round;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=64k,sink=[file,path=s.pcapng]", two);
	for (round = 0; round < host_rounds(20, 500); round++) {
		/* Queue 1 is slow, and has packets that are much older. */
		for (i = 0; i < 50; i++)
			burst(two, host_random(10) == 0, 1 + host_random(BURST), 60, 1500);
		snapshots_make("m", &opts);
		snapshots_read("x.pcapng", &file);
		assert_int_equal(file.n, snapshots_counters("m").in_flight);
		n[0] = n[1] = 0;
		for (i = 0; i < file.n; i++) {
			assert_true(i == 0 || file.pkts[i].serial > file.pkts[i - 1].serial);
			q = file.pkts[i].queue;
			assert_int_equal(queues[file.pkts[i].serial], q);
			for (next[q] = last[q] + 1;
			     next[q] < serial && n[q] > 0 && queues[next[q]] != q;)
				next[q]++;
			assert_true(n[q] == 0 || file.pkts[i].serial == next[q]);
			last[q] = file.pkts[i].serial;
			n[q]++;
		}
		/* To the end. */
		assert_int_equal(file.pkts[file.n - 1].serial, serial - 1);
	}
	assert_true(n[0] > 0 && n[1] > 0);
	/* Together so many bytes: the slow one's old ones are not among them. */
	opts.last_bytes = 20000;
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_int_equal(file.pkts[file.n - 1].serial, serial - 1);
	assert_packets(serial - (uint32_t)file.n, file.n);
	assert_in_range(entries(serial - (uint32_t)file.n, serial), 20000,
			20000 + 2 * 1532 + 2 * BURST * 1532);
	assert_true(serial - begin > file.n);
	snapshots_remove("m");
}

/* --- a vdev */

static void
test_pcap(void **state)
{
	struct vmirror_snapshot_opts opts = {.size = sizeof(opts), .sink = "[file,path=x.pcapng]"};
	uint64_t kept;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=64k,sink=[net_pcap,tx_pcap=m.pcap]",
			 one);
	pass(one, 1000);
	kept = snapshots_counters("m").in_flight;
	snapshots_make("m", NULL);
	snapshots_make("m", &opts);
	snapshots_read("x.pcapng", &file);
	assert_packets(serial - (uint32_t)kept, kept);
	snapshots_make("m", NULL);
	assert_int_equal(host_stats_now("m").snapshot_delivered, 3 * kept);
	snapshots_remove("m");
	assert_int_equal(host_read_pcap("m.pcap", NULL), 2 * kept);
	assert_int_equal(unlink("m.pcap"), 0);
}

static unsigned int
read_ring(void)
{
	struct rte_ring *ring = rte_ring_lookup("ETH_RXTX0_net_ring_m");
	unsigned int n = 0;
	void *pkt;

	assert_non_null(ring);
	for (; rte_ring_dequeue(ring, &pkt) == 0; n++)
		rte_pktmbuf_free(pkt);
	return n;
}

/* One whose reader comes later: what its driver has is not lost. */
static void
test_ring(void **state)
{
	struct vmirror_stats stats;
	unsigned int i;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=1M,sink=[net_ring]", one);
	pass(one, 200);
	for (i = 1; i <= 3; i++) {
		snapshots_begin("m", NULL);
		host_wait(host_stats_now("m").snapshots_running == 0);
		assert_int_equal(read_ring(), 200);
		stats = snapshots_wait("m");
		assert_int_equal(stats.snapshots, i);
		assert_int_equal(stats.snapshots_failed, 0);
		assert_int_equal(stats.snapshot_delivered, 200 * i);
	}
	/* Detached, what nobody has fetched is unknown. It may be all the same, and be shown again. */
	snapshots_begin("m", NULL);
	host_wait(host_stats_now("m").snapshots_running == 0);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_int_equal(host_stats_now("m").snapshot_delivered, 600);
	assert_int_equal(host_stats_now("m").snapshot_lost, 200);
	assert_int_equal(read_ring(), 200);
	assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	assert_int_equal(snapshots_wait("m").snapshot_delivered, 800);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	snapshots_begin("m", NULL);
	host_wait(host_stats_now("m").snapshots_running == 0);
	assert_int_equal(read_ring(), 200);
	stats = snapshots_wait("m");
	assert_int_equal(stats.snapshot_delivered, 1000);
	assert_int_equal(stats.snapshots_failed, 0);
	snapshots_remove("m");
}

/* One whose reader did nothing, and does now: the next has as much patience with it as the first. */
static void
test_patience(void **state)
{
	struct vmirror_stats stats;
	unsigned int n = 0;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=8M,sink=[net_ring]", one);
	pass(one, 6000);
	snapshots_begin("m", NULL);
	host_wait(host_stats_now("m").snapshots_running == 0);
	n = read_ring();
	stats = snapshots_wait("m");
	assert_int_equal(stats.snapshots_failed, 1);
	assert_int_equal(stats.snapshot_delivered, n);
	assert_true(stats.snapshot_lost > 0);
	snapshots_begin("m", NULL);
	for (n = 0; host_stats_now("m").snapshots_running != 0;) {
		n += read_ring();
		rte_delay_us_sleep(1000);
	}
	n += read_ring();
	assert_int_equal(n, 6000);
	assert_int_equal(snapshots_wait("m").snapshots_failed, 1);
	snapshots_remove("m");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_last), test(test_filter), test(test_span),     test(test_queues),
		test(test_pcap), test(test_ring),   test(test_patience),
	};
	int failed;

	host_init();
	one = host_plug("net_ring0", "", 1);
	two = host_plug("net_ring1", "", 2);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snapshots_forget(&file);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
