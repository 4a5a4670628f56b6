/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Filters, as rte_bpf's code runs them on segmented mbufs, against libpcap's own interpreter on
 * the same bytes in one piece: for every filter and every packet, whole or torn off, both must
 * say the same.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pcap/pcap.h>

#include "lib/filter.h"
#include "tests/eal/host.h"

#define MAX_FRAME 400

static const char *const filters[] = {
	/* links */
	"ether host 02:00:00:00:00:01",
	"ether src 02:00:00:00:00:01",
	"ether dst 02:00:00:00:00:02 and not arp",
	"ether broadcast",
	"ether multicast",
	"ether proto 0x0800",
	"ether proto 0x88cc or ether proto 0x8847",
	"ether[0] & 1 != 0",
	"ether[6:4] = 0x02000000",
	"ether[12:2] < 1536",
	"stp",
	"ether[0] & 0x80 = 0",
	"ether[0:2] & 0x8000 = 0",
	"llc",
	"ipx or netbeui or iso",
	"aarp or atalk or decnet",
	/* tags and labels */
	"vlan",
	"vlan 5",
	"vlan 5 and udp",
	"vlan 6 and tcp port 80",
	"vlan and vlan",
	"vlan 5 and vlan 6",
	"vlan and vlan 6 and ip",
	"not vlan",
	"udp or (vlan and udp)",
	"mpls",
	"mpls 100",
	"mpls 100 and mpls",
	"mpls and ip",
	"mpls 100 and host 10.0.0.1",
	"vlan and mpls",
	"pppoed or pppoes",
	"pppoes and ip",
	/* addresses */
	"ip",
	"ip6",
	"arp",
	"rarp",
	"arp or ip6",
	"host 10.0.0.1",
	"src host 10.0.0.1",
	"dst host 10.0.0.2",
	"src or dst host 10.0.0.3",
	"src and dst host 10.0.0.1",
	"host 10.0.0.1 and host 10.0.0.2",
	"net 10.0.0.0/8",
	"src net 10.0.0.0/30",
	"dst net 10.0.0.2/31",
	"net 192.168.0.0 mask 255.255.0.0",
	"ip host 10.0.0.1",
	"arp host 10.0.0.1",
	"arp src host 10.0.0.2",
	"host fe80::1",
	"src host fe80::1",
	"ip6 net fe80::/64",
	"ip6 host fe80::2 and udp",
	"dst net fe80::/10",
	"ip multicast",
	"ip6 multicast",
	"not host 10.0.0.1",
	/* protocols */
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"igmp",
	"ah or esp",
	"pim or vrrp",
	"ip proto 6",
	"ip proto \\udp",
	"ip6 proto 17",
	"ip6 proto \\tcp",
	"proto 17",
	"tcp or udp or icmp",
	"not tcp",
	"ip and not tcp and not udp",
	/* ports */
	"port 53",
	"port 80 or port 443",
	"tcp port 80",
	"udp port 53",
	"src port 80",
	"dst port 53",
	"tcp src port 80",
	"udp dst port 53",
	"src and dst port 53",
	"portrange 50-100",
	"tcp portrange 0-100",
	"src portrange 80-443",
	"udp dst portrange 1-60",
	"sctp port 80",
	"not port 53",
	"port 53 and host 10.0.0.1",
	"tcp port 80 and src net 10.0.0.0/8",
	"host 10.0.0.1 and (port 53 or port 80)",
	"not (host 10.0.0.1 and port 53)",
	"ip6 and tcp port 443",
	"ip6 and not udp port 53",
	/* lengths */
	"len > 100",
	"len <= 60",
	"len = 64 or len = 65",
	"greater 128",
	"less 64",
	"len - 14 > ip[2:2]",
	"ip[2:2] > 100",
	"ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
	/* bytes */
	"ip[0] = 0x45",
	"ip[0] & 0xf != 5",
	"ip[1] & 0xfc != 0",
	"ip[6] & 0x20 != 0",
	"ip[6:2] & 0x1fff = 0",
	"ip[6:2] & 0x1fff != 0",
	"ip[8] < 10",
	"ip[8] * 2 > 100",
	"ip[9] = 6 or ip[9] = 17",
	"ip[12:4] = 0x0a000001",
	"ip[12:4] & 0xff = ip[16:4] & 0xff",
	"ip[10:2] ^ 0xffff > 0x8000",
	"ip6[6] = 17",
	"ip6[4:2] > 20",
	"ip6[7] = 255",
	"tcp[13] & 2 != 0",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[tcpflags] = tcp-syn",
	"tcp[12] >> 4 = 5",
	"tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
	"tcp[0:2] > tcp[2:2]",
	"tcp[4:4] % 2 = 1",
	"tcp[4:4] / 3 > 1000",
	"tcp[14:2] << 2 > 1000",
	"udp[4:2] > 20",
	"udp[8:4] = 0 or udp[8:2] = 0x0707",
	"udp[0:2] + udp[2:2] > 500",
	"udp[0:2] | udp[2:2] = 0x75",
	"icmp[icmptype] = icmp-echo",
	"icmp[icmptype] = icmp-echoreply or icmp[icmpcode] = 1",
	"icmp6[icmp6type] = icmp6-echo",
	"icmp6[0] = 135 or icmp6[0] = 136",
	"arp[6:2] = 1",
	"arp[7] = 2 and arp[14:4] = 0x0a000001",
	"ether[100] > 127",
	"ether[20:4] = 0x0a000001",
	"ether[399] = 0",
	"ether[len - 1] & 1 = 1",
	"ether[len - 4:4] > 0x7fffffff",
	"ether[ether[14] & 0x3f] > 64",
	"ip[ip[3] & 0x1f] = 0",
	/* all together */
	"(tcp and (port 80 or port 443)) or (udp and port 53) or icmp or arp",
	"ip and (src net 10.0.0.0/8 or dst net 10.0.0.0/8) and not (tcp port 22 or udp port 123)",
	"(vlan 5 and tcp) or (vlan 6 and udp)",
	"tcp[tcpflags] & tcp-push != 0 and len > 100 and not host 10.0.0.3",
	"(ip6 and udp port 53) or (ip and udp port 53 and ip[8] > 32)",
	"ip or ip6 and tcp or udp and not port 80",
};

struct frame {
	uint8_t bytes[MAX_FRAME];
	uint32_t len;
};

static void
put(struct frame *f, uint64_t value, unsigned int size)
{
	while (size-- > 0)
		f->bytes[f->len++] = (uint8_t)(value >> (8 * size));
}

/* One of a few values, which filters name, or now and then any. */
static uint32_t
few(const uint32_t *values, unsigned int n)
{
	return host_random(12) == 0 ? host_random(UINT32_MAX) : values[host_random(n)];
}

#define FEW(...)                                                                                   \
	few((const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void
put_l4(struct frame *f, uint32_t protocol)
{
	switch (protocol) {
	case 6:
	case 17:
	case 132:
		put(f, FEW(53, 80, 443, 22, 123), 2);
		put(f, FEW(53, 80, 443, 60), 2);
		if (protocol == 17) {
			put(f, FEW(8, 30, 60), 2);
			put(f, 0, 2);
			put(f, FEW(0, 0x07070000), 4);
			break;
		}
		put(f, host_random(10000), 4);
		put(f, 0, 4);
		put(f, FEW(5, 6, 8) << 4, 1);
		put(f, FEW(2, 1, 3, 16, 18, 24), 1);
		put(f, host_random(1000), 2);
		put(f, 0, 4);
		put(f, FEW(0x47455420, 0), 4);
		break;
	default:
		put(f, FEW(8, 0, 128, 135, 136), 1);
		put(f, FEW(0, 1), 1);
		put(f, 0, 6);
	}
}

static void
put_ip4(struct frame *f)
{
	uint32_t protocol = FEW(6, 6, 17, 17, 1, 132, 2, 50) & 0xff;
	uint32_t words = host_random(4) ? 5 : 5 + host_random(3);

	put(f, 0x40 | words, 1);
	put(f, FEW(0, 0x10, 4), 1);
	put(f, FEW(40, 100, 200), 2);
	put(f, 7, 2);
	put(f, host_random(4) ? 0 : FEW(0x2000, 0x4000, 0x2010, 100), 2);
	put(f, FEW(64, 1, 255), 1);
	put(f, protocol, 1);
	put(f, host_random(65536), 2);
	put(f, FEW(0x0a000001, 0x0a000002, 0x0a000003, 0xc0a80101), 4);
	put(f, FEW(0x0a000001, 0x0a000002, 0x0a000003, 0xe0000001), 4);
	for (; words > 5; words--)
		put(f, 0x01010101, 4);
	put_l4(f, protocol);
}

static void
put_ip6_address(struct frame *f)
{
	put(f, host_random(4) ? UINT64_C(0xfe80000000000000) : UINT64_C(0xff02000000000000), 8);
	put(f, FEW(1, 2, 3), 8);
}

static void
put_ip6(struct frame *f)
{
	uint32_t protocol = FEW(6, 17, 58, 132) & 0xff;
	uint32_t extension = host_random(3) ? 0xffff : FEW(0, 43, 44, 60) & 0xff;

	put(f, 0x60000000, 4);
	put(f, FEW(20, 40, 100), 2);
	put(f, extension <= 0xff ? extension : protocol, 1);
	put(f, FEW(64, 255), 1);
	put_ip6_address(f);
	put_ip6_address(f);
	if (extension <= 0xff) {
		put(f, protocol, 1);
		put(f, 0, 7);
	}
	put_l4(f, protocol);
}

static void
put_arp(struct frame *f)
{
	put(f, 0x00010800, 4);
	put(f, 0x0604, 2);
	put(f, FEW(1, 2), 2);
	put(f, 0x020000000001, 6);
	put(f, FEW(0x0a000001, 0x0a000002), 4);
	put(f, 0, 6);
	put(f, FEW(0x0a000001, 0x0a000003), 4);
}

static void
put_network(struct frame *f)
{
	unsigned int labels;

	switch (host_random(8)) {
	case 0:
		put(f, 0x0806, 2);
		put_arp(f);
		break;
	case 1:
	case 2:
		put(f, 0x86dd, 2);
		put_ip6(f);
		break;
	case 3:
		put(f, 0x8847, 2);
		for (labels = host_random(3); labels > 0; labels--)
			put(f, FEW(100, 200) << 12 | 64, 4);
		put(f, FEW(100, 200) << 12 | 0x100 | 64, 4);
		put_ip4(f);
		break;
	case 4:
		put(f, FEW(0x88cc, 0x8864, 0x8035, 46, 1500), 2);
		put(f, FEW(0x42420300, 0xe0e00300, 0xaaaa0300), 4);
		break;
	default:
		put(f, 0x0800, 2);
		put_ip4(f);
	}
}

/* A frame, most often a whole one. */
static void
make_frame(struct frame *f)
{
	unsigned int tags = host_random(3) ? 0 : 1 + host_random(2);
	unsigned int padding = host_random(120);

	f->len = 0;
	if (host_random(20) == 0) {
		padding = 1 + host_random(MAX_FRAME - 1);
	} else {
		put(f, host_random(8) ? 0x020000000002 : 0xffffffffffff, 6);
		put(f, 0x020000000001, 6);
		for (; tags > 0; tags--) {
			put(f, FEW(0x8100, 0x8100, 0x88a8), 2);
			put(f, FEW(5, 6, 0x2005), 2);
		}
		put_network(f);
	}
	for (; padding > 0; padding--)
		f->bytes[f->len++] = (uint8_t)host_random(256);
	if (host_random(4) == 0)
		f->len = 1 + host_random(f->len);
}

static void
check_frame(const char *text, const struct bpf_program *program,
	    const struct vmirror_filter *filter, const struct frame *f)
{
	static const uint16_t max_segs[] = {1, 3, 8, 30, 100, MAX_FRAME};
	uint16_t max_seg = max_segs[host_random(RTE_DIM(max_segs))];
	struct pcap_pkthdr header = {.len = f->len, .caplen = f->len};
	struct rte_mbuf *pkt = host_scatter(f->bytes, f->len, max_seg);
	bool wanted = pcap_offline_filter(program, &header, f->bytes) != 0;
	unsigned int i;

	if (vmirror_filter_match(filter, pkt) != wanted ||
	    (rte_bpf_exec(filter->bpf, pkt) != 0) != wanted) {
		for (i = 0; i < f->len; i++)
			fprintf(stderr, "%02x", f->bytes[i]);
		fail_msg(": filter \"%s\" on %u bytes in %u segments of at most %u: libpcap says "
			 "%d, JIT %d, interpreter %d",
			 text, f->len, pkt->nb_segs, max_seg, wanted,
			 vmirror_filter_match(filter, pkt), rte_bpf_exec(filter->bpf, pkt) != 0);
	}
	rte_pktmbuf_free(pkt);
}

/* @return how many packets matched */
static unsigned int
check_filter(const char *text, unsigned int n_frames)
{
	struct vmirror_filter *filter = NULL;
	struct vmirror_error err = {0};
	struct bpf_program program;
	struct pcap_pkthdr header;
	unsigned int i, matched = 0;
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	struct frame f;

	if (vmirror_filter_create(&filter, text, &err) != 0)
		fail_msg("%s", err.text);
	/* Optimized, as tcpdump does: on a packet torn off, that decides what is loaded at all. */
	assert_int_equal(pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	for (i = 0; i < n_frames; i++) {
		make_frame(&f);
		check_frame(text, &program, filter, &f);
		header.len = header.caplen = f.len;
		matched += pcap_offline_filter(&program, &header, f.bytes) != 0;
	}
	vmirror_filter_destroy(filter);
	pcap_freecode(&program);
	pcap_close(pcap);
	return matched;
}

static void
test_differential(void **state)
{
	unsigned int rounds = host_rounds(40, 400);
	unsigned int i, matched, both = 0;

	host_random_init();
	for (i = 0; i < RTE_DIM(filters); i++) {
		matched = check_filter(filters[i], rounds);
		both += matched > 0 && matched < rounds;
	}
	printf("%zu filters, %zu cases; %u filters told packets apart\n", RTE_DIM(filters),
	       RTE_DIM(filters) * rounds, both);
	/* The packets are such that filters have something to tell apart. */
	assert_true(both > RTE_DIM(filters) / 2);
	assert_int_equal(rte_mempool_in_use_count(host_pool()), 0);
}

/* Offsets that wrap round: below the packet is as far outside as above it. */
static void
test_offsets_below(void **state)
{
	static const char *const below[] = {
		"ether[len - 4:4] = 0",
		"ether[len - 4:4] != 0",
		"ether[len - 2:2] > 0",
		"ip[ether[0] - 17:4] != 0",
		"ip[ether[0] - 15:2] != 0",
		/* Fixed ones, which are negative in rte_bpf's instructions. */
		"ether[4294967290:4] = 0",
		"ether[4294967292:4] = 0",
		"ether[4294967295] = 0",
		"ether[4294967294:2] != 1",
		"ether[2147483648] = 0",
		"ether[2147483647:4] = 0",
		"ether[2147483646:2] = 0",
		"ether[3000000000:4] >= 0",
		"ip[4294967282:4] != 1",
		"ip[4294967281] >= 0",
		"arp or ether[4294967290:4] = 0",
		"not ether[4294967290:4] = 0",
	};
	struct bpf_program program;
	struct vmirror_filter *filter;
	struct frame f = {.bytes = {0}};
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	unsigned int i;

	f.bytes[12] = 8;
	for (i = 0; i < RTE_DIM(below); i++) {
		assert_int_equal(vmirror_filter_create(&filter, below[i], NULL), 0);
		assert_int_equal(pcap_compile(pcap, &program, below[i], 1, PCAP_NETMASK_UNKNOWN),
				 0);
		for (f.len = 1; f.len < 64; f.len++)
			check_frame(below[i], &program, filter, &f);
		vmirror_filter_destroy(filter);
		pcap_freecode(&program);
	}
	pcap_close(pcap);
}

/* libpcap's own words come through. */
static void
test_refused(void **state)
{
	struct vmirror_filter *filter = NULL;
	struct vmirror_error err;

	assert_int_equal(vmirror_filter_create(&filter, "tcp prt 80", &err), -EINVAL);
	assert_string_equal(err.text,
			    "filter \"tcp prt 80\": can't parse filter expression: syntax error");
	assert_int_equal(vmirror_filter_create(&filter, "host 10.0.0.0.1", &err), -EINVAL);
	assert_int_equal(vmirror_filter_create(&filter, "vlan 5000", &err), -EINVAL);
	assert_int_equal(vmirror_filter_create(&filter, "ip broadcast", &err), -EINVAL);
	/* A loop, which no rte_bpf program may have. */
	assert_true(vmirror_filter_create(&filter, "ip6 protochain 17", &err) < 0);
	assert_non_null(strstr(err.text, "filter \"ip6 protochain 17\": rte_bpf cannot run it"));
	assert_null(filter);
	vmirror_filter_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differential),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_offsets_below),
	};
	int failed;

	host_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	host_fini();
	return failed;
}
