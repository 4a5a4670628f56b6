/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a mirror shows: through the public API, from net_ring ports into capture files, packet for
 * packet and byte for byte. Ends of mirrors are limits.c's, live interfaces tap.c's.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "tests/eal/host.h"

/* What net_pcap keeps of a segmented frame, and the most that it is shown of any. */
#define PCAP_CHAIN UINT32_C(16128)
#define MAX_FRAME  UINT32_C(40000)

#define BURST 32

static uint8_t bytes[MAX_FRAME];
static uint32_t serial;
static uint16_t one; /* one queue each way */
static uint16_t two; /* two */
/* Look at a mirror's file, when it is complete, and forget it. */
static void
assert_file(const char *path)
{
	host_assert_pcap(path);
	assert_int_equal(unlink(path), 0);
}

static uint32_t
length(uint32_t min, uint32_t max)
{
	return min + host_random(max - min + 1);
}

/* Transmit and receive a burst; a file that keeps max bytes of each shows it so many times. */
static void
pass(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, unsigned int n, uint32_t keep,
     unsigned int times)
{
	unsigned int i;

	while (times-- > 0) {
		for (i = 0; i < n; i++) {
			uint32_t len = RTE_MIN(pkts[i]->pkt_len, keep);
			bool chained = pkts[i]->nb_segs > 1 && !host_in_rings();
			uint32_t kept = chained ? RTE_MIN(len, PCAP_CHAIN) : len;

			host_expect(rte_pktmbuf_read(pkts[i], 0, kept, bytes), kept, len);
		}
	}
	host_tx(port, queue, pkts, n);
	assert_int_equal(host_rx_drop(port, queue), n);
}

/* Random packets, as pass() has them. */
static void
burst(uint16_t port, uint16_t queue, unsigned int n, uint16_t max_seg, unsigned int times)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t len = length(60, 10000);

		host_bytes(bytes, len, serial++);
		pkts[i] = host_scatter(bytes, len, max_seg);
	}
	pass(port, queue, pkts, n, UINT32_MAX, times);
}

static void
test_names(void **state)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	char names[3][VMIRROR_NAME_SIZE];
	char name[VMIRROR_NAME_SIZE];
	struct vmirror_error err;

	assert_int_equal(vmirror_mirror_list(NULL, 0), 0);
	assert_int_equal(vmirror_mirror_add("port=0,sink=[net_pcap,tx_pcap=a.pcap]", name, &err),
			 0);
	assert_string_equal(name, "mirror0");
	host_mirror("name=b,port=net_ring0,sink=[net_pcap,tx_pcap=b.pcap]");
	assert_int_equal(vmirror_mirror_list(names, 1), 2);
	assert_string_equal(names[0], "mirror0");
	assert_int_equal(vmirror_mirror_list(names, 3), 2);
	assert_string_equal(names[1], "b");
	stats = host_stats("b");
	assert_string_equal(stats.name, "b");
	assert_string_equal(stats.reason, "");
	assert_int_equal(stats.hooks, 2);
	assert_int_equal(stats.state, VMIRROR_ATTACHED);
	host_remove("mirror0");
	host_remove("b");
	assert_int_equal(vmirror_mirror_list(NULL, 0), 0);
	assert_file("a.pcap");
	assert_file("b.pcap");
}

#define assert_unknown(call)                                                                       \
	do {                                                                                       \
		err.text[0] = '\0';                                                                \
		assert_int_equal(call, -ENOENT);                                                   \
		assert_string_equal(err.text, "there is no mirror 'nobody'");                      \
	} while (0)

static void
test_unknown(void **state)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	struct vmirror_error err;

	assert_unknown(vmirror_mirror_remove("nobody", &err));
	assert_unknown(vmirror_mirror_detach("nobody", &err));
	assert_unknown(vmirror_mirror_attach("nobody", &err));
	assert_unknown(vmirror_mirror_stats("nobody", &stats, &err));
	assert_unknown(vmirror_mirror_queue_stats("nobody", NULL, 0, &err));
	assert_int_equal(vmirror_mirror_remove("nobody", NULL), -ENOENT);
	stats.size = 8;
	assert_int_equal(vmirror_mirror_stats("nobody", &stats, &err), -EINVAL);
}

static void
test_bytes(void **state)
{
	static const uint16_t max_segs[] = {1, 11, 64, 300, 10240};
	unsigned int rounds = host_rounds(40, 1000);
	unsigned int i, n, total = 0;

	host_mirror("name=m,port=%u,dir=rx,mbufs=16383,sink=[net_pcap,tx_pcap=m.pcap]", one);
	for (i = 0; i < rounds; i++) {
		uint16_t max_seg = max_segs[host_random(RTE_DIM(max_segs))];

		n = i < BURST ? i + 1 : 1 + host_random(BURST);
		/* The host's own mempool holds so many small segments and no more. */
		n = max_seg < 300 ? 1 + n % 8 * max_seg / 64 : n;
		if (max_seg == 1) {
			struct rte_mbuf *pkt;
			uint32_t len = length(60, 2000);

			host_bytes(bytes, len, serial++);
			pkt = host_scatter(bytes, len, 1);
			pass(one, 0, &pkt, 1, UINT32_MAX, 1);
		} else {
			burst(one, 0, n, max_seg, 1);
		}
		total += n;
		/* More than a ring holds is not to come while its drain sleeps. */
		while (i % 4 == 3 && host_stats("m").total.in_flight > 0)
			rte_delay_us_sleep(200);
	}
	assert_int_equal(host_stats("m").total.captured, total);
	assert_int_equal(host_stats("m").total.delivered, total);
	assert_int_equal(host_stats("m").total.truncated, 0);
	host_remove("m");
	assert_file("m.pcap");
}

/* net_pcap gathers a segmented frame into a buffer of its own, and cuts what is longer. */
static void
test_giant_frames(void **state)
{
	static const uint32_t lengths[] = {16127, 16128, 16129, 16384, 20000, MAX_FRAME};
	struct rte_mempool *giants;
	struct rte_mbuf *pkt;
	unsigned int i, seg;

	giants = rte_pktmbuf_pool_create("giants", 15, 0, 0,
					 (uint16_t)MAX_FRAME + RTE_PKTMBUF_HEADROOM, 0);
	assert_non_null(giants);
	host_mirror("name=m,port=%u,dir=tx,sink=[net_pcap,tx_pcap=m.pcap]", one);
	for (i = 0; i < RTE_DIM(lengths); i++) {
		for (seg = 300; seg <= 9600; seg *= 2) {
			host_bytes(bytes, lengths[i], serial++);
			pkt = host_scatter(bytes, lengths[i], seg);
			pass(one, 0, &pkt, 1, UINT32_MAX, 1);
		}
		host_bytes(bytes, lengths[i], serial++);
		pkt = rte_pktmbuf_alloc(giants);
		memcpy(rte_pktmbuf_append(pkt, lengths[i]), bytes, lengths[i]);
		pass(one, 0, &pkt, 1, UINT32_MAX, 1);
	}
	/* Out of a ring each is in one piece. */
	assert_int_equal(host_stats("m").total.truncated, host_in_rings() ? 0 : 4 * 6);
	assert_int_equal(host_stats("m").total.delivered, 6 * 7);
	host_remove("m");
	assert_file("m.pcap");
	assert_int_equal(rte_mempool_avail_count(giants), 15);
	rte_mempool_free(giants);
}

static void
check_direction(const char *dir, unsigned int times)
{
	unsigned int i, rx = strchr(dir, 'r') != NULL;
	struct vmirror_queue_stats queues[4];

	host_mirror("name=m,port=%u,dir=%s,mbufs=8191,sink=[net_pcap,tx_pcap=m.pcap]", two, dir);
	assert_int_equal(host_stats("m").hooks, 2 * times);
	for (i = 0; i < 10; i++)
		burst(two, i % 2, 1 + host_random(16), 300, times);
	assert_int_equal(vmirror_mirror_queue_stats("m", queues, 4, NULL), 2 * times);
	for (i = 0; i < 2 * times; i++) {
		assert_string_equal(queues[i].port, "net_ring1");
		assert_int_equal(queues[i].queue, i % 2);
		assert_int_equal(queues[i].is_tx, i / 2 + !rx);
		assert_true(queues[i].counters.captured >= 5);
	}
	host_remove("m");
	assert_file("m.pcap");
}

static void
test_directions(void **state)
{
	check_direction("rx", 1);
	check_direction("tx", 1);
	check_direction("rxtx", 2);
}

static void
check_queues(const char *list, bool first, bool second)
{
	struct vmirror_queue_stats queues[2];
	unsigned int i;

	host_mirror("name=m,port=%u,dir=tx,queue=%s,mbufs=8191,sink=[net_pcap,tx_pcap=m.pcap]", two,
		    list);
	assert_int_equal(host_stats("m").hooks, first + second);
	for (i = 0; i < 10; i++)
		burst(two, i % 2, 1 + host_random(16), 300, i % 2 == 0 ? first : second);
	assert_int_equal(vmirror_mirror_queue_stats("m", queues, 2, NULL), first + second);
	assert_int_equal(queues[0].queue, first ? 0 : 1);
	host_remove("m");
	assert_file("m.pcap");
}

static void
test_queues(void **state)
{
	check_queues("0", true, false);
	check_queues("1", false, true);
	check_queues("[0,1]", true, true);
	check_queues("[0-1]", true, true);
}

/* UDP and TCP, from a few hosts and ports, so that filters have something to tell apart. */
static uint32_t
make_frame(uint8_t *frame)
{
	uint32_t len = length(60, 1500);

	host_bytes(frame, len, serial++);
	frame[23] = host_random(2) ? 6 : 17;
	frame[29] = (uint8_t)host_random(3);
	frame[37] = (uint8_t)host_random(4);
	return len;
}

static void
check_filter(const char *filter)
{
	uint64_t matched = 0, wanted = 0;
	struct bpf_program program;
	struct pcap_pkthdr header;
	struct rte_mbuf *pkts[BURST];
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	unsigned int i, round;

	assert_int_equal(pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN), 0);
	host_mirror("name=m,port=%u,dir=rx,filter=\"%s\",sink=[net_pcap,tx_pcap=m.pcap]", one,
		    filter);
	for (round = 0; round < host_rounds(10, 200); round++) {
		for (i = 0; i < BURST; i++) {
			header.len = header.caplen = make_frame(bytes);
			pkts[i] = host_scatter(bytes, header.len, host_random(2) ? 40 : 2000);
			if (pcap_offline_filter(&program, &header, bytes) != 0) {
				host_expect(bytes, header.len, header.len);
				wanted++;
			}
		}
		pass(one, 0, pkts, BURST, 0, 0);
		matched += BURST;
		host_stats("m"); /* waits for the drain: many rounds are more than a ring holds */
	}
	assert_int_equal(host_stats("m").total.seen, matched);
	assert_int_equal(host_stats("m").total.captured, wanted);
	assert_int_equal(host_stats("m").total.filtered, matched - wanted);
	host_remove("m");
	assert_file("m.pcap");
	pcap_freecode(&program);
	pcap_close(pcap);
}

static void
test_filter(void **state)
{
	static const char *const filters[] = {
		"udp",           "tcp port 1",       "src net 10.0.0.0/24",
		"host 10.0.0.1", "len > 700",        "udp[4:2] > 0 or ip[8] = 64",
		"arp",           "not (arp or ip6)", "ether[100] = 7 and (tcp or udp port 53)",
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(filters); i++)
		check_filter(filters[i]);
}

static void
check_snaplen(uint32_t snaplen)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, round, cut = 0;
	uint64_t wire = 0;

	host_mirror("name=m,port=%u,dir=tx,snaplen=%u,mbufs=8191,sink=[net_pcap,tx_pcap=m.pcap]",
		    one, snaplen);
	for (round = 0; round < 6; round++) {
		for (i = 0; i < BURST; i++) {
			uint32_t len = length(60, i % 8 == 0 ? 10000 : 300);

			host_bytes(bytes, len, serial++);
			pkts[i] = host_scatter(bytes, len, round % 2 ? 300 : 10000);
			cut += len > snaplen;
			wire += len;
		}
		pass(one, 0, pkts, BURST, snaplen, 1);
	}
	assert_int_equal(host_stats("m").total.captured, 6 * BURST);
	assert_int_equal(host_stats("m").total.truncated, cut);
	assert_int_equal(host_stats("m").total.captured_bytes, wire);
	host_remove("m");
	assert_file("m.pcap");
}

static void
test_snaplen(void **state)
{
	static const uint32_t snaplens[] = {1, 14, 59, 60, 64, 128, 2047, 2048, 2049, 9999, 10000};
	unsigned int i;

	for (i = 0; i < RTE_DIM(snaplens); i++)
		check_snaplen(snaplens[i]);
}

static void
see_tcp(const struct host_record *record, unsigned int n)
{
	assert_int_equal(record->data[23], 6);
	assert_in_range(record->caplen, 60, 100);
}

static void
see_udp(const struct host_record *record, unsigned int n)
{
	assert_int_equal(record->data[23], 17);
	assert_in_range(record->caplen, 60, 200);
}

/* Each with a file of its own, on the same queues; one is removed while the others go on. */
static void
test_several(void **state)
{
	static const char *const protocols[] = {"tcp", "udp", "ip"};
	unsigned int i, round, n[RTE_DIM(protocols)] = {0};
	struct rte_mbuf *pkts[BURST];

	for (i = 0; i < RTE_DIM(protocols); i++)
		host_mirror("name=%s,port=%u,filter=%s,snaplen=%u,sink=[net_pcap,tx_pcap=%s.pcap]",
			    protocols[i], one, protocols[i], 100 * (i + 1), protocols[i]);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < BURST; i++) {
			uint32_t len = make_frame(bytes);

			n[0] += bytes[23] == 6;
			n[1] += bytes[23] == 17;
			n[2] += round < 5;
			pkts[i] = host_scatter(bytes, len, 200);
		}
		pass(one, 0, pkts, BURST, 0, 0);
		if (round == 4)
			host_remove("ip");
	}
	host_remove("tcp");
	host_remove("udp");
	assert_int_equal(host_read_pcap("tcp.pcap", see_tcp), 2 * n[0]);
	assert_int_equal(host_read_pcap("udp.pcap", see_udp), 2 * n[1]);
	assert_int_equal(host_read_pcap("ip.pcap", NULL), 2 * n[2]);
	for (i = 0; i < RTE_DIM(protocols); i++) {
		char path[16];

		snprintf(path, sizeof(path), "%s.pcap", protocols[i]);
		assert_int_equal(unlink(path), 0);
	}
}

static void
test_detach_attach(void **state)
{
	struct vmirror_error err;
	unsigned int round;

	host_mirror("name=m,port=[%u,%u],mbufs=8191,sink=[net_pcap,tx_pcap=m.pcap]", one, two);
	for (round = 0; round < 4; round++) {
		burst(one, 0, 9, 300, 2);
		burst(two, 1, 9, 300, 2);
		assert_int_equal(vmirror_mirror_detach("m", &err), 0);
		assert_int_equal(vmirror_mirror_detach("m", &err), 0);
		assert_int_equal(host_stats("m").state, VMIRROR_DETACHED);
		assert_int_equal(host_stats("m").hooks, 0);
		burst(one, 0, 9, 300, 0);
		burst(two, 1, 9, 300, 0);
		host_assert_conserved("m");
		assert_int_equal(host_stats("m").total.seen, (round + 1) * 36);
		assert_int_equal(vmirror_mirror_attach("m", &err), 0);
		assert_int_equal(vmirror_mirror_attach("m", &err), 0);
		assert_int_equal(host_stats("m").state, VMIRROR_ATTACHED);
		assert_int_equal(host_stats("m").hooks, 6);
	}
	host_remove("m");
	assert_file("m.pcap");
}

/* A mirror that was removed leaves nothing on the path, and its file may be written anew. */
static void
test_again(void **state)
{
	unsigned int round;

	for (round = 0; round < 3; round++) {
		host_mirror("name=m,port=%u,mbufs=8191,sink=[net_pcap,tx_pcap=m.pcap]", one);
		burst(one, 0, 5 + round, 300, 2);
		host_remove("m");
		burst(one, 0, 7, 300, 0);
		host_assert_pcap("m.pcap");
	}
	assert_int_equal(unlink("m.pcap"), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_names),  test(test_unknown),       test(test_bytes),
		test(test_filter), test(test_giant_frames),  test(test_directions),
		test(test_queues), test(test_snaplen),       test(test_several),
		test(test_again),  test(test_detach_attach),
	};
	int failed;

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
