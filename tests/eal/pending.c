/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets as applications and NICs make them: work pending with the port (TSO, checksums) or done by
 * it (LRO), bytes that belong to another mbuf or to nobody's pool, and segments of any lengths. Into
 * a ring, whose reader sees mbufs, and into a file.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ring.h>

#include "tests/eal/host.h"

#define LEN      200
#define SEGSZ    77
#define MAX_SEGS 10

#define TX_SUMS (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM)
#define RX_SUMS (RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE)
#define RX_GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)
#define RX_VLAN (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED)

static const struct pending {
	const char *dir;
	uint64_t flags;
	unsigned int tso, csum, lro;
	uint64_t marks;
	unsigned int tag; /* bytes that the mirror puts back */
} cases[] = {
	{"tx", 0, 0, 0, 0, 0, 0},
	{"tx", RTE_MBUF_F_TX_TCP_SEG | TX_SUMS, 1, 1, 0, RTE_MBUF_F_RX_LRO | RX_SUMS, 0},
	{"tx", RTE_MBUF_F_TX_TCP_SEG, 1, 1, 0, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, 0},
	{"tx", RTE_MBUF_F_TX_UDP_SEG, 1, 1, 0, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, 0},
	{"tx", TX_SUMS, 0, 1, 0, RX_SUMS, 0},
	{"tx", RTE_MBUF_F_TX_UDP_CKSUM, 0, 1, 0, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0},
	{"tx", RTE_MBUF_F_TX_SCTP_CKSUM, 0, 1, 0, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0},
	{"tx", RTE_MBUF_F_TX_IP_CKSUM, 0, 1, 0, RTE_MBUF_F_RX_IP_CKSUM_NONE, 0},
	{"tx", RTE_MBUF_F_TX_OUTER_IP_CKSUM, 0, 1, 0, 0, 0},
	{"tx", RTE_MBUF_F_TX_VLAN, 0, 0, 0, 0, 4},
	{"tx", RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ | TX_SUMS, 0, 1, 0, RX_SUMS, 8},
	/* What was said at reception says nothing of a packet that is sent. */
	{"tx", RTE_MBUF_F_RX_LRO | RX_GOOD | RX_VLAN | RTE_MBUF_F_RX_RSS_HASH, 0, 0, 0, 0, 0},
	{"rx", 0, 0, 0, 0, 0, 0},
	{"rx", RTE_MBUF_F_RX_LRO, 0, 0, 1, RTE_MBUF_F_RX_LRO, 0},
	{"rx", RTE_MBUF_F_RX_LRO | RX_GOOD, 0, 0, 1, RTE_MBUF_F_RX_LRO | RX_GOOD, 0},
	{"rx", RTE_MBUF_F_RX_IP_CKSUM_BAD, 0, 0, 0, RTE_MBUF_F_RX_IP_CKSUM_BAD, 0},
	{"rx", RX_VLAN, 0, 0, 0, 0, 4},
	{"rx", RX_VLAN | RTE_MBUF_F_RX_LRO, 0, 0, 1, RTE_MBUF_F_RX_LRO, 4},
	/* Nor has what a port is to do with packets it sends a meaning for those that come in. */
	{"rx", RTE_MBUF_F_TX_TCP_SEG | TX_SUMS | RTE_MBUF_F_TX_VLAN, 0, 0, 0, 0, 0},
};

static uint8_t bytes[65536];
static uint8_t gathered[65536];
static uint32_t serial;

/* What stands in the ring of mirror m: one packet. */
static struct rte_mbuf *
fetch(void)
{
	struct rte_ring *ring = rte_ring_lookup("ETH_RXTX0_net_ring_m");
	void *pkt = NULL;

	assert_non_null(ring);
	host_wait(rte_ring_count(ring) == 1);
	assert_int_equal(rte_ring_dequeue(ring, &pkt), 0);
	return pkt;
}

static void
assert_bytes(const struct rte_mbuf *pkt, uint32_t from, uint32_t to, uint32_t tag)
{
	uint8_t got[LEN];

	assert_non_null(rte_pktmbuf_read(pkt, from + tag, to - from, got));
	assert_memory_equal(rte_pktmbuf_read(pkt, from + tag, to - from, got), bytes + from,
			    to - from);
}

/* Send one round, and see that it comes back as it was. */
static void
pass(struct rte_mbuf *pkt)
{
	uint64_t flags = pkt->ol_flags;
	uint32_t len = pkt->pkt_len;
	uint16_t segs = pkt->nb_segs;
	struct rte_mbuf *back;

	host_tx(0, 0, &pkt, 1);
	assert_int_equal(rte_eth_rx_burst(0, 0, &back, 1), 1);
	assert_ptr_equal(back, pkt);
	assert_int_equal(pkt->ol_flags, flags);
	assert_int_equal(pkt->pkt_len, len);
	assert_int_equal(pkt->nb_segs, segs);
	assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
	rte_mbuf_sanity_check(pkt, 1);
}

static struct rte_mbuf *
make(const struct pending *pending)
{
	struct rte_mbuf *pkt = host_packet(LEN, serial);

	host_bytes(bytes, LEN, serial++);
	pkt->ol_flags |= pending->flags;
	pkt->tso_segsz = SEGSZ;
	pkt->vlan_tci = 5;
	pkt->vlan_tci_outer = 6;
	pkt->hash.rss = 0x12345678;
	return pkt;
}

static void
assert_counted(const char *name, const struct pending *pending, unsigned int times)
{
	struct vmirror_counters total = host_stats(name).total;

	assert_int_equal(total.captured, times);
	assert_int_equal(total.tso_pending, pending->tso * times);
	assert_int_equal(total.csum_pending, pending->csum * times);
	assert_int_equal(total.lro_merged, pending->lro * times);
}

static void
check_case(const struct pending *pending, uint32_t snaplen)
{
	uint32_t kept = RTE_MIN(snaplen, (uint32_t)LEN + pending->tag);
	struct rte_mbuf *pkt, *own;
	unsigned int i;

	host_mirror("name=m,port=0,dir=%s,snaplen=%u,sink=[net_ring]", pending->dir, snaplen);
	host_mirror("name=f,port=0,dir=%s,snaplen=%u,sink=[net_pcap,tx_pcap=f.pcap]", pending->dir,
		    snaplen);
	for (i = 1; i <= 3; i++) {
		pkt = make(pending);
		pass(pkt);
		rte_pktmbuf_free(pkt);
		own = fetch();
		if (own->ol_flags != pending->marks)
			fail_msg("%s, flags %" PRIx64 ": marks %" PRIx64 ", not %" PRIx64,
				 pending->dir, pending->flags, own->ol_flags, pending->marks);
		if (pending->tso || pending->lro)
			assert_int_equal(own->tso_segsz, SEGSZ);
		assert_int_equal(own->pkt_len, kept);
		assert_int_equal(own->nb_segs, 1);
		assert_bytes(own, 0, 12, 0);
		assert_bytes(own, 12, kept - pending->tag, pending->tag);
		host_expect(rte_pktmbuf_mtod(own, const void *), kept, kept);
		rte_pktmbuf_free(own);
		assert_counted("m", pending, i);
		assert_counted("f", pending, i);
	}
	host_remove("m");
	host_remove("f");
	host_assert_pcap("f.pcap");
	assert_int_equal(unlink("f.pcap"), 0);
}

static void
test_marks(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		check_case(&cases[i], 1000);
		check_case(&cases[i], 60);
	}
}

/* A large one that the port is to segment comes whole, in several mbufs, marked once. */
static void
test_large_tso(void **state)
{
	struct rte_mbuf *pkt, *own;
	unsigned int i;

	host_mirror("name=m,port=0,dir=tx,sink=[net_ring]");
	for (i = 0; i < 20; i++) {
		uint32_t len = 10000 + host_random(50000);

		host_bytes(bytes, len, i);
		pkt = host_scatter(bytes, len, 9000);
		pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | TX_SUMS;
		pkt->tso_segsz = 1448;
		pass(pkt);
		rte_pktmbuf_free(pkt);
		own = fetch();
		assert_int_equal(own->pkt_len, len);
		assert_int_equal(own->tso_segsz, 1448);
		assert_int_equal(own->ol_flags, RTE_MBUF_F_RX_LRO | RX_SUMS);
		assert_memory_equal(rte_pktmbuf_read(own, 0, len, gathered), bytes, len);
		rte_pktmbuf_free(own);
	}
	assert_int_equal(host_stats("m").total.tso_pending, 20);
	host_remove("m");
}

/* Both mirrors have seen the packet in bytes[]. */
static void
assert_shown(void)
{
	struct rte_mbuf *own = fetch();

	assert_int_equal(own->pkt_len, LEN);
	assert_int_equal(own->nb_segs, 1);
	assert_int_equal(own->ol_flags, 0);
	assert_bytes(own, 0, LEN, 0);
	rte_pktmbuf_free(own);
	host_expect(bytes, LEN, LEN);
}

static void
begin_both(const char *filter)
{
	host_mirror("name=m,port=0,dir=rx,%ssink=[net_ring]", filter);
	host_mirror("name=f,port=0,dir=tx,%ssink=[net_pcap,tx_pcap=f.pcap]", filter);
}

static void
end_both(void)
{
	assert_int_equal(host_stats("m").total.captured, host_stats("f").total.captured);
	host_remove("m");
	host_remove("f");
	host_assert_pcap("f.pcap");
	assert_int_equal(unlink("f.pcap"), 0);
}

/* Packets that are themselves clones: their bytes belong to the mbuf that they were cloned from. */
static void
test_indirect(void **state)
{
	struct rte_mbuf *whole, *clone;
	unsigned int i;

	begin_both("");
	for (i = 0; i < 50; i++) {
		whole = host_packet_segmented(LEN, serial, i % 2 ? 70 : LEN);
		host_bytes(bytes, LEN, serial++);
		clone = rte_pktmbuf_clone(whole, host_pool());
		assert_non_null(clone);
		/* Whose it was may let go of it before, or after. */
		if (i % 3 == 0)
			rte_pktmbuf_free(whole);
		pass(clone);
		rte_pktmbuf_free(clone);
		if (i % 3 != 0) {
			assert_int_equal(rte_mbuf_refcnt_read(whole), 1);
			rte_pktmbuf_free(whole);
		}
		assert_shown();
	}
	end_both();
}

static unsigned int freed;

static void
on_free(void *buffer, void *arg)
{
	freed++;
	free(buffer);
}

/* Memory of the application's, attached to an mbuf. */
static struct rte_mbuf *
external(void)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(host_pool());
	uint16_t size = 1024;
	uint8_t *buffer = malloc(size);
	struct rte_mbuf_ext_shared_info *shared;

	assert_non_null(pkt);
	assert_non_null(buffer);
	shared = rte_pktmbuf_ext_shinfo_init_helper(buffer, &size, on_free, NULL);
	assert_non_null(shared);
	rte_pktmbuf_attach_extbuf(pkt, buffer, RTE_BAD_IOVA, size, shared);
	memcpy(rte_pktmbuf_append(pkt, LEN), bytes, LEN);
	return pkt;
}

/* It is freed once: when neither the host nor a mirror has it any more. */
static void
test_external(void **state)
{
	struct rte_mbuf *pkt, *own;
	unsigned int i;

	begin_both("");
	freed = 0;
	for (i = 0; i < 50; i++) {
		host_bytes(bytes, LEN, serial++);
		pkt = external();
		pass(pkt);
		assert_int_equal(rte_mbuf_ext_refcnt_read(pkt->shinfo), 1);
		assert_int_equal(freed, i);
		rte_pktmbuf_free(pkt);
		assert_int_equal(freed, i + 1);
		/* The ring's reader has bytes of its own. */
		assert_shown();
		assert_int_equal(freed, i + 1);
	}
	/* A clone of one. */
	pkt = external();
	own = rte_pktmbuf_clone(pkt, host_pool());
	rte_pktmbuf_free(pkt);
	pass(own);
	rte_pktmbuf_free(own);
	assert_int_equal(freed, 51);
	assert_shown();
	end_both();
}

/* Segments that end at these places; two at one place make a segment of no bytes. */
static struct rte_mbuf *
split(const uint32_t *ends, unsigned int n)
{
	struct rte_mbuf *head = NULL;
	uint32_t at = 0;
	unsigned int i;

	for (i = 0; i < n; at = ends[i++]) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(host_pool());

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, ends[i] - at), bytes + at, ends[i] - at);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void
show(const uint32_t *ends, unsigned int n)
{
	struct rte_mbuf *pkt;

	host_bytes(bytes, LEN, serial++);
	pkt = split(ends, n);
	pass(pkt);
	rte_pktmbuf_free(pkt);
	assert_shown();
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
check_splits(const char *filter)
{
	uint32_t ends[MAX_SEGS];
	unsigned int i, n, round;

	begin_both(filter);
	for (i = 0; i <= LEN; i++) {
		ends[0] = i;
		ends[1] = LEN;
		show(ends, 2);
	}
	for (round = 0; round < host_rounds(500, 20000); round++) {
		n = 1 + host_random(MAX_SEGS);
		for (i = 0; i < n - 1; i++)
			ends[i] = host_random(4) == 0 ? host_random(2) * LEN : host_random(LEN + 1);
		ends[n - 1] = LEN;
		qsort(ends, n - 1, sizeof(*ends), compare);
		show(ends, n);
	}
	end_both();
}

static void
test_splits(void **state)
{
	check_splits("");
	check_splits("filter=\"udp port 53 and ether[190] >= 0\",");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_marks),    test(test_large_tso), test(test_indirect),
		test(test_external), test(test_splits),
	};
	int failed;

	host_init();
	host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("0", "[net_pcap,tx_pcap=/dev/null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
