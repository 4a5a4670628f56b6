/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VLAN tags that stand beside a packet and not in it, because the port stripped them or is to
 * insert them: files and filters show the packet as it was, or will be, on the wire. And what the
 * sink's driver is not to do to it again.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <rte_byteorder.h>

#include "tests/eal/host.h"

#define MACS  12
#define FRAME 2000

#define RX_ONE (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED)
#define RX_TWO (RX_ONE | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED)
/* The outer tag alone was taken off: the inner one is told as well, and still in the packet. */
#define RX_OUTER (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED)
/* Tags that the port recognised and left where they are. */
#define RX_TOLD (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_QINQ)

/* What flags mean, for a mirror of rx or of tx. */
static const struct tagging {
	uint64_t flags;
	bool is_tx;
	bool outer;
	bool inner;
} taggings[] = {
	{0, false, false, false},
	{RX_ONE, false, false, true},
	{RX_TWO, false, true, true},
	{RX_OUTER, false, true, false},
	{RX_TOLD, false, false, false},
	{RTE_MBUF_F_TX_VLAN, false, false, false},
	{RTE_MBUF_F_TX_QINQ, false, false, false},
	{0, true, false, false},
	{RTE_MBUF_F_TX_VLAN, true, false, true},
	{RTE_MBUF_F_TX_QINQ, true, true, true},
	{RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ, true, true, true},
	/* Received with a tag, sent on without: the flags of rx say nothing about tx. */
	{RX_TWO, true, false, false},
	{RX_ONE | RTE_MBUF_F_TX_QINQ, true, true, true},
};

static uint16_t port;
static uint32_t serial;
static uint8_t plain[FRAME];
static uint8_t wire[FRAME + 8];

static void
put_tag(uint8_t **at, uint16_t tpid, uint16_t tci)
{
	const uint16_t tag[2] = {rte_cpu_to_be_16(tpid), rte_cpu_to_be_16(tci)};

	memcpy(*at, tag, sizeof(tag));
	*at += sizeof(tag);
}

/* Addresses that differ from what an mbuf's headroom holds. */
static void
make_plain(uint32_t len)
{
	uint32_t i;

	host_bytes(plain, len, serial++);
	for (i = 0; i < MACS && i < len; i++)
		plain[i] = 0x10 + host_random(4);
}

/* A packet with tags beside it; wire then holds its bytes on the wire. @return how many */
static uint32_t
make(struct rte_mbuf **pkt, const struct tagging *t, uint32_t len, uint16_t vlan, uint16_t max_seg)
{
	uint8_t *at = wire + MACS;

	make_plain(len);
	*pkt = host_scatter(plain, len, max_seg);
	(*pkt)->ol_flags |= t->flags;
	(*pkt)->vlan_tci = vlan;
	(*pkt)->vlan_tci_outer = 0x6000 | (vlan + 100);

	memcpy(wire, plain, MACS);
	if (t->outer)
		put_tag(&at, RTE_ETHER_TYPE_QINQ, 0x6000 | (vlan + 100));
	if (t->inner)
		put_tag(&at, RTE_ETHER_TYPE_VLAN, vlan);
	memcpy(at, plain + MACS, len - MACS);
	return len + 4 * t->outer + 4 * t->inner;
}

/* First segments that hold both addresses; others have a test of their own. */
static uint16_t
random_seg(struct rte_mbuf **pkt, const struct tagging *t, uint32_t len, uint16_t vlan,
	   uint32_t *wire_len)
{
	static const uint16_t max_segs[] = {20, 40, 300, FRAME};
	uint16_t max_seg = max_segs[host_random(RTE_DIM(max_segs))];

	for (;;) {
		*wire_len = make(pkt, t, len, vlan, max_seg);
		if ((*pkt)->data_len >= MACS)
			return max_seg;
		rte_pktmbuf_free(*pkt);
	}
}

static void
pass(struct rte_mbuf *pkt)
{
	host_tx(port, 0, &pkt, 1);
	assert_int_equal(host_rx_drop(port, 0), 1);
}

static void
test_files(void **state)
{
	struct rte_mbuf *pkt;
	uint32_t wire_len;
	unsigned int i, n;
	uint64_t bytes;

	for (i = 0; i < RTE_DIM(taggings); i++) {
		host_mirror("name=m,port=%u,dir=%s,mbufs=255,sink=[net_pcap,tx_pcap=m.pcap]", port,
			    taggings[i].is_tx ? "tx" : "rx");
		bytes = 0;
		for (n = 0; n < 100; n++) {
			random_seg(&pkt, &taggings[i], 60 + host_random(FRAME - 59), 5, &wire_len);
			host_expect(wire, wire_len, wire_len);
			bytes += wire_len;
			pass(pkt);
		}
		assert_int_equal(host_stats("m").total.captured_bytes, bytes);
		assert_int_equal(host_stats("m").total.truncated, 0);
		host_remove("m");
		host_assert_pcap("m.pcap");
	}
}

static void
check_snaplen(const struct tagging *t, uint32_t snaplen)
{
	struct rte_mbuf *pkt;
	uint32_t wire_len, kept;
	unsigned int n, cut = 0;

	host_mirror("name=m,port=%u,dir=%s,mbufs=255,snaplen=%u,sink=[net_pcap,tx_pcap=m.pcap]",
		    port, t->is_tx ? "tx" : "rx", snaplen);
	for (n = 0; n < 8; n++) {
		random_seg(&pkt, t, n < 4 ? 60 : 14 + host_random(200), 5, &wire_len);
		kept = RTE_MIN(wire_len, snaplen);
		host_expect(wire, kept, kept);
		cut += kept < wire_len;
		pass(pkt);
	}
	assert_int_equal(host_stats("m").total.truncated, cut);
	host_remove("m");
	host_assert_pcap("m.pcap");
}

static void
test_snaplens(void **state)
{
	static const uint32_t larger[] = {25, 59, 60, 61, 63, 64, 65, 67, 68, 69, 128, 4000};
	unsigned int i, snaplen;

	for (i = 0; i < RTE_DIM(taggings); i++) {
		for (snaplen = 1; snaplen <= 24; snaplen++)
			check_snaplen(&taggings[i], snaplen);
		for (snaplen = 0; snaplen < RTE_DIM(larger); snaplen++)
			check_snaplen(&taggings[i], larger[snaplen]);
	}
}

static void
check_filter(const char *filter, const struct tagging *t)
{
	struct bpf_program program;
	struct pcap_pkthdr header;
	struct rte_mbuf *pkt;
	unsigned int n, matched = 0;
	uint32_t wire_len;
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

	assert_int_equal(pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN), 0);
	host_mirror("name=m,port=%u,dir=%s,mbufs=255,filter=\"%s\",sink=[net_pcap,tx_pcap=m.pcap]",
		    port, t->is_tx ? "tx" : "rx", filter);
	for (n = 0; n < 40; n++) {
		random_seg(&pkt, t, 60 + host_random(300), 4 + n % 3, &wire_len);
		header.len = header.caplen = wire_len;
		if (pcap_offline_filter(&program, &header, wire) != 0) {
			host_expect(wire, wire_len, wire_len);
			matched++;
		}
		pass(pkt);
	}
	assert_int_equal(host_stats("m").total.captured, matched);
	assert_int_equal(host_stats("m").total.filtered, 40 - matched);
	host_remove("m");
	/* Nothing is written before the first packet, the file's header included. */
	if (matched > 0)
		host_assert_pcap("m.pcap");
	pcap_freecode(&program);
	pcap_close(pcap);
}

static void
test_filters(void **state)
{
	static const char *const filters[] = {
		"vlan 5",
		"vlan 5 and udp",
		"udp",
		"vlan",
		"not vlan",
		"vlan and vlan 5",
		"vlan 105",
		"vlan 105 and vlan 5 and udp port 53",
		"len > 200",
		"ether[12:2] = 0x8100",
		"ether[20:2] = 5",
		"ether[100] > 99",
		"ether[11] = 0x11",
		"ether[10:4] & 0xffff = 0x8100",
		"greater 64",
		"ether proto 0x88a8",
	};
	unsigned int f, i;

	for (f = 0; f < RTE_DIM(filters); f++)
		for (i = 0; i < RTE_DIM(taggings); i++)
			check_filter(filters[f], &taggings[i]);
}

/*
 * Where the first segment does not hold both addresses, there is no place in it for a tag: DPDK's
 * own rte_vlan_insert() refuses such a packet. It is shown as its bytes are, and passes unharmed.
 */
static void
test_tiny_first_segment(void **state)
{
	struct rte_mbuf *pkt;
	unsigned int i, first;

	for (i = 0; i < RTE_DIM(taggings); i++) {
		host_mirror("name=m,port=%u,dir=%s,mbufs=255,sink=[net_pcap,tx_pcap=m.pcap]", port,
			    taggings[i].is_tx ? "tx" : "rx");
		host_mirror("name=v,port=%u,dir=%s,mbufs=255,filter=\"vlan 5\",snaplen=20,"
			    "sink=[net_pcap,tx_pcap=v.pcap]",
			    port, taggings[i].is_tx ? "tx" : "rx");
		for (first = 1; first < MACS;) {
			make(&pkt, &taggings[i], 100, 5, first);
			if (pkt->data_len != first) {
				rte_pktmbuf_free(pkt);
				continue;
			}
			host_expect(plain, 100, 100);
			pass(pkt);
			first++;
		}
		assert_int_equal(host_stats("v").total.filtered, MACS - 1);
		host_remove("v");
		host_remove("m");
		host_assert_pcap("m.pcap");
	}
}

/* Shorter than two addresses, tags or not: shown as it is. */
static void
test_runts(void **state)
{
	struct rte_mbuf *pkt;
	unsigned int i, len;

	for (i = 0; i < RTE_DIM(taggings); i++) {
		host_mirror("name=m,port=%u,dir=%s,mbufs=255,sink=[net_pcap,tx_pcap=m.pcap]", port,
			    taggings[i].is_tx ? "tx" : "rx");
		for (len = 1; len < MACS; len++) {
			make_plain(len);
			pkt = host_scatter(plain, len, len);
			pkt->ol_flags |= taggings[i].flags;
			host_expect(plain, len, len);
			pass(pkt);
		}
		host_remove("m");
		host_assert_pcap("m.pcap");
	}
}

/* Flags and what the driver of the sink was given, by a callback on the sink's port. */
static uint64_t given_flags;
static unsigned int n_given;

static uint16_t
see_given(uint16_t port_id, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, void *arg)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		given_flags |= pkts[i]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK;
	__atomic_fetch_add(&n_given, n, __ATOMIC_RELEASE);
	return n;
}

static void
check_cleared(unsigned int snaplen)
{
	static const uint64_t offloads[] = {
		RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM,
		RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_IPV6,
		RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4,
		RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_TUNNEL_VXLAN,
		RTE_MBUF_F_TX_OFFLOAD_MASK,
	};
	const struct rte_eth_rxtx_callback *callback;
	struct rte_mbuf *pkt;
	uint16_t sink;
	unsigned int i;

	given_flags = n_given = 0;
	host_mirror("name=m,port=%u,dir=rxtx,snaplen=%u,sink=[net_pcap,tx_pcap=m.pcap]", port,
		    snaplen);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_pcap_m", &sink), 0);
	callback = rte_eth_add_tx_callback(sink, 0, see_given, NULL);
	assert_non_null(callback);
	for (i = 0; i < RTE_DIM(offloads); i++) {
		host_bytes(plain, 500, serial++);
		pkt = host_scatter(plain, 500, 300);
		pkt->ol_flags |= offloads[i] & ~(RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ);
		pkt->tso_segsz = 100;
		host_tx(port, 0, &pkt, 1);
		/* The host's own packet keeps its flags. */
		assert_int_equal(rte_eth_rx_burst(port, 0, &pkt, 1), 1);
		assert_int_equal(pkt->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK,
				 offloads[i] & ~(RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ));
		assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
		rte_pktmbuf_free(pkt);
		make(&pkt, &taggings[9], 500, 5, 300);
		pass(pkt);
	}
	host_wait(__atomic_load_n(&n_given, __ATOMIC_ACQUIRE) == 4 * RTE_DIM(offloads));
	assert_int_equal(given_flags, 0);
	assert_int_equal(rte_eth_remove_tx_callback(sink, 0, callback), 0);
	host_remove("m");
}

static void
test_offloads_cleared(void **state)
{
	check_cleared(9000);
	check_cleared(100);
}

static int
setup(void **state)
{
	host_reset();
	return 0;
}

/* Every mbuf is back, whatever a test did. */
static int
teardown(void **state)
{
	assert_int_equal(rte_mempool_in_use_count(host_pool()), 0);
	return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_files), test(test_snaplens),           test(test_filters),
		test(test_runts), test(test_tiny_first_segment), test(test_offloads_cleared),
	};
	int failed;

	host_init();
	port = host_plug("net_ring0", "", 1);
	host_engine_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
