/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a file says of the packets that it has, and of those that it has not: where each loss was, in the
 * mirror's own figures and in the port's.
 */

#include "tests/eal/host.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "tests/unit/capture.h"

#define LARGE  1400
#define SMALL  100
#define MANY   20000 /* more than blocks and rings have room for */
#define MISSED 77

int
__real_rte_eth_stats_get(uint16_t port_id, struct rte_eth_stats *stats);
int
__wrap_rte_eth_stats_get(uint16_t port_id, struct rte_eth_stats *stats);

static uint16_t port; /* two queues each way */
static uint64_t missed;

/* A fifo's reader, who begins late. */
static struct {
	pthread_t thread;
	int fd;
	uint8_t *bytes;
	size_t size, room;
} reader;

static struct {
	uint64_t n, hashed, per_queue[2];
} got;

/* None of the ports here has a NIC that misses any. */
int
__wrap_rte_eth_stats_get(uint16_t port_id, struct rte_eth_stats *stats)
{
	int ret = __real_rte_eth_stats_get(port_id, stats);

	stats->imissed += 1000 + missed;
	return ret;
}

static void *
read_all(void *arg)
{
	ssize_t n;

	while ((n = read(reader.fd, reader.bytes + reader.size, reader.room - reader.size)) > 0)
		reader.size += (size_t)n;
	return NULL;
}

static void
open_fifo(void)
{
	reader.room = 2 * MANY * LARGE;
	reader.size = 0;
	reader.bytes = malloc(reader.room);
	assert_non_null(reader.bytes);
	assert_int_equal(mkfifo("f", 0600), 0);
	reader.fd = open("f", O_RDONLY | O_NONBLOCK);
	assert_true(reader.fd >= 0);
}

static void
begin_to_read(void)
{
	assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&reader.thread, NULL, read_all, NULL), 0);
}

static void
close_fifo(void)
{
	close(reader.fd);
	free(reader.bytes);
	assert_int_equal(unlink("f"), 0);
}

/* Each of them has a hash, as if a NIC had made it. */
static void
pass(unsigned int n, uint32_t len)
{
	struct rte_mbuf *pkt;
	unsigned int i;

	for (i = 0; i < n; i++) {
		pkt = host_packet(len, i);
		pkt->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
		pkt->hash.rss = i ^ 0x5a5a0000;
		host_tx(port, i % 2, &pkt, 1);
		assert_int_equal(host_rx_drop(port, i % 2), 1);
	}
}

static void
look_at_packet(void *arg, const struct capture_packet *pkt)
{
	got.n++;
	got.per_queue[pkt->queue & 1]++;
	got.hashed += pkt->has_hash && pkt->queue == pkt->hash % 2 && pkt->hash >> 16 == 0x5a5a;
}

static void
test_told(void **state)
{
	struct vmirror_error err = {.text = ""};
	struct vmirror_stats stats;
	struct capture *c = calloc(1, sizeof(*c));
	const struct vmirror_counters *total = &stats.total;
	char spec[200], wanted[200];

	assert_non_null(c);
	open_fifo();
	snprintf(spec, sizeof(spec),
		 "name=m,mode=ring,port=%u,dir=rx,ring_bytes=1M,filter=greater %d,"
		 "sink=[file,path=f]",
		 port, LARGE);
	missed = 0;
	if (vmirror_mirror_add(spec, NULL, &err) != 0)
		fail_msg("%s", err.text);
	pass(10, SMALL);
	pass(MANY, LARGE);
	begin_to_read();
	assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
	stats = host_stats("m");
	assert_int_equal(total->seen, MANY + 10);
	assert_int_equal(total->filtered, 10);
	assert_in_range(total->no_room, 1000, MANY - 200);
	assert_int_equal(total->delivered, MANY - total->no_room);
	/* Nobody asks for statistics any more. */
	missed = MISSED;
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	pthread_join(reader.thread, NULL);

	memset(&got, 0, sizeof(got));
	c->packet = look_at_packet;
	assert_int_equal(capture_read_pcapng(c, reader.bytes, reader.size), reader.size);
	assert_string_equal(c->problem, "");
	assert_int_equal(got.n, total->delivered);
	assert_int_equal(got.hashed, got.n);
	assert_true(got.per_queue[0] > 0 && got.per_queue[1] > 0);
	assert_int_equal(c->n_ports, 1);
	assert_int_equal(c->n_stats, 1);
	assert_int_equal(c->stats[0].received, total->seen);
	assert_int_equal(c->stats[0].accepted, MANY);
	assert_int_equal(c->stats[0].dropped, total->no_room);
	assert_int_equal(c->stats[0].delivered, total->delivered);
	snprintf(wanted, sizeof(wanted),
		 "dropped by the port itself (imissed): %d; by the mirror: no_room %lu, "
		 "sink_rejected 0, write_error 0",
		 MISSED, total->no_room);
	assert_string_equal(c->stats[0].comment, wanted);
	free(c);
	close_fifo();
}

static int
setup(void **state)
{
	host_init();
	port = host_plug("net_ring0", "", 2);
	host_engine_init();
	host_warm_up("0", "[net_pcap,tx_pcap=/dev/null]");
	return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_told),
	};

	return cmocka_run_group_tests(tests, setup, host_end);
}
