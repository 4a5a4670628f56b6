/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Snapshots of a recorder while cores forward: each holds whole packets, of every queue without a gap,
 * in order, and as much as was asked for; and forwarding pays for them only while one is made.
 */

#include "tests/eal/snapshots.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#define N_QUEUES   2
#define BURST      32
#define RING_BYTES (UINT64_C(1) << 20)
#define LARGEST    600

static uint16_t port;
static atomic_bool stop;
static struct snapshots_file file;

static struct sender {
	pthread_t thread;
	uint16_t queue;
	uint32_t seed;
	_Atomic uint32_t sent; /* serial of the next one */
} senders[N_QUEUES];

/* What a sender sends as its n-th. */
static uint32_t
length(uint32_t serial)
{
	return 60 + serial * UINT32_C(2654435761) % (LARGEST - 60);
}

/* Wherever there is a processor, and not where the test is. */
static void
go_anywhere(void)
{
	cpu_set_t all;
	long i, n = sysconf(_SC_NPROCESSORS_ONLN);

	CPU_ZERO(&all);
	for (i = 0; i < n; i++)
		CPU_SET(i, &all);
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
}

/* The same mbufs again and again: a mempool would have the two wait for each other. */
static void *
forward(void *arg)
{
	struct sender *s = arg;
	struct rte_mbuf *pkts[BURST];
	uint32_t serial = 0, n, i;

	go_anywhere();
	assert_int_equal(rte_pktmbuf_alloc_bulk(host_pool(), pkts, BURST), 0);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		n = 1 + (s->seed = s->seed * 1664525 + 1013904223) % BURST;
		for (i = 0; i < n; i++) {
			uint32_t len = length(serial + i);

			rte_pktmbuf_reset(pkts[i]);
			host_bytes((uint8_t *)rte_pktmbuf_append(pkts[i], (uint16_t)len), len,
				   serial + i);
		}
		host_tx(port, s->queue, pkts, (uint16_t)n);
		serial += n;
		atomic_store(&s->sent, serial);
		assert_int_equal(rte_eth_rx_burst(port, s->queue, pkts, (uint16_t)n), n);
	}
	rte_pktmbuf_free_bulk(pkts, BURST);
	return NULL;
}

static void
start_traffic(void)
{
	unsigned int q;

	atomic_store(&stop, false);
	for (q = 0; q < N_QUEUES; q++) {
		senders[q].queue = (uint16_t)q;
		senders[q].seed = q;
		atomic_store(&senders[q].sent, 0);
		assert_int_equal(pthread_create(&senders[q].thread, NULL, forward, &senders[q]), 0);
	}
}

static uint64_t
stop_traffic(void)
{
	uint64_t sent = 0;
	unsigned int q;

	atomic_store(&stop, true);
	for (q = 0; q < N_QUEUES; q++) {
		pthread_join(senders[q].thread, NULL);
		sent += senders[q].sent;
	}
	return sent;
}

/* Until all queues have written their rings twice over since now. */
static void
let_them_pass(void)
{
	uint32_t until[N_QUEUES];
	unsigned int q;

	for (q = 0; q < N_QUEUES; q++)
		until[q] = senders[q].sent + 2 * RING_BYTES / snapshots_entry(60);
	for (q = 0; q < N_QUEUES; q++)
		host_wait(senders[q].sent >= until[q]);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* How a snapshot was asked for, and what had passed then. */
struct asked {
	struct vmirror_snapshot_opts opts;
	uint64_t ns;
	uint32_t before[N_QUEUES]; /* all of these are in it */
	uint32_t after[N_QUEUES];  /* and none of these */
};

static void
ask(struct asked *a)
{
	unsigned int q;

	for (q = 0; q < N_QUEUES; q++)
		a->before[q] = senders[q].sent;
	a->ns = now_ns();
	snapshots_begin("m", &a->opts);
	/* A burst may be on its way out. */
	for (q = 0; q < N_QUEUES; q++)
		a->after[q] = senders[q].sent + BURST;
}

/* What a queue has in the file. */
struct share {
	uint64_t n;
	uint64_t bytes; /* of the ring */
	uint32_t first;
	uint32_t next;
	uint64_t first_ns;
};

static void
share_out(struct share shares[N_QUEUES])
{
	uint64_t i;

	memset(shares, 0, N_QUEUES * sizeof(*shares));
	for (i = 0; i < file.n; i++) {
		const struct snapshots_packet *p = &file.pkts[i];
		struct share *s = &shares[p->queue];

		assert_true(p->is_tx);
		assert_int_equal(p->len, length(p->serial));
		if (s->n++ == 0) {
			s->first = s->next = p->serial;
			s->first_ns = p->ns;
		}
		if (p->serial != s->next)
			fail_msg("queue %u: %u behind %u", p->queue, p->serial, s->next - 1);
		s->next++;
		s->bytes += snapshots_entry(p->len);
	}
}

static void
check_span(const struct asked *a)
{
	/* And not what made way for packets that passed while all was being held: a burst, or some more. */
	const uint64_t kept = RING_BYTES - 4 * RING_BYTES / 64;
	struct share shares[N_QUEUES];
	uint64_t bytes = 0;
	unsigned int q;

	share_out(shares);
	for (q = 0; q < N_QUEUES; q++) {
		const struct share *s = &shares[q];

		bytes += s->bytes;
		assert_true(s->n > 0 || a->opts.last_bytes != 0 || a->opts.last_ms != 0);
		if (s->n == 0)
			continue;
		assert_in_range(s->next, a->before[q], a->after[q]);
		assert_true(s->bytes <= RING_BYTES);
		/* All that the ring has, or all that was asked for. */
		if (a->opts.last_bytes == 0 && s->bytes < kept) {
			assert_true(a->opts.last_ms != 0);
			assert_true(s->first_ns <
				    a->ns - a->opts.last_ms * 1000000 + UINT64_C(100000000));
		}
		if (a->opts.last_ms != 0)
			assert_true(s->first_ns + 1000000 >= a->ns - a->opts.last_ms * 1000000);
	}
	if (a->opts.last_bytes != 0 && a->opts.last_ms == 0)
		assert_true(bytes >= RTE_MIN(a->opts.last_bytes, N_QUEUES * kept));
}

static void
one_round(unsigned int round)
{
	struct asked a = {.opts = {.size = sizeof(a.opts)}};
	uint64_t no_room;

	if (round % 4 == 1)
		a.opts.last_bytes = 1 + host_random(2 * RING_BYTES);
	if (round % 4 == 2)
		a.opts.last_ms = 1 + host_random(5);
	if (round % 8 >= 4)
		a.opts.sink = "[file,path=x.pcapng]";
	/* A gap that the last one left is gone, and told of when its burst ends; and there is none since then. */
	let_them_pass();
	no_room = host_stats_now("m").total.no_room;
	let_them_pass();
	assert_int_equal(host_stats_now("m").total.no_room, no_room);
	ask(&a);
	snapshots_wait("m");
	if (a.opts.sink != NULL)
		snapshots_read("x.pcapng", &file);
	else
		snapshots_read_number("s", round - round / 8 * 4 + 1, &file);
	check_span(&a);
}

static void
test_under_load(void **state)
{
	struct vmirror_stats stats;
	unsigned int n = host_rounds(24, 1000), round;
	uint64_t pkts = 0;

	snapshots_record("name=m,dir=tx,port=%u,ring_bytes=%llu,sink=[file,path=s.pcapng]", port,
			 (unsigned long long)RING_BYTES);
	start_traffic();
	for (round = 0; round < n; round++) {
		one_round(round);
		pkts += file.n;
	}
	stats = snapshots_wait("m");
	assert_int_equal(stats.snapshots, n);
	assert_int_equal(stats.snapshots_failed, 0);
	assert_int_equal(stats.snapshot_lost, 0);
	assert_int_equal(stats.snapshot_pkts, pkts);
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	assert_true(snapshots_counters("m").seen <= stop_traffic());
	print_message("%u snapshots of %llu packets, no_room %llu of %llu\n", n,
		      (unsigned long long)pkts,
		      (unsigned long long)host_stats_now("m").total.no_room,
		      (unsigned long long)host_stats_now("m").total.seen);
	snapshots_remove("m");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_under_load),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", N_QUEUES);
	host_engine_init();
	host_warm_up("all", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snapshots_forget(&file);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
