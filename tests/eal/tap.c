/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A mirror on a live interface: what a packet socket in the kernel sees of it. In a network
 * namespace of the test's own, so that no interface of the machine is touched.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/eal/host.h"

#define MAX_FRAME 16384
#define BURST     32
#define SKIP      77

static uint8_t bytes[MAX_FRAME];
static uint32_t serial;
static uint16_t port;
static uint16_t null;
static int sniffer; /* sees whatever passes on any interface of the namespace */
static int
teardown(void **state)
{
	assert_int_equal(if_nametoindex("mon0"), 0);
	return host_test_end(state);
}

static void
open_sniffer(void)
{
	const int size = 32 << 20;

	sniffer = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003));
	assert_true(sniffer >= 0);
	assert_int_equal(setsockopt(sniffer, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
}

/* The next frame on any interface. @return its length; 0: none within wait_ms */
static unsigned int
sniff(uint8_t *frame, const char *iface, int wait_ms)
{
	struct pollfd pfd = {.fd = sniffer, .events = POLLIN};
	struct sockaddr_ll from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	if (poll(&pfd, 1, wait_ms) == 0)
		return 0;
	len = recvfrom(sniffer, frame, MAX_FRAME, MSG_TRUNC, (struct sockaddr *)&from, &from_len);
	assert_in_range(len, 1, MAX_FRAME);
	assert_int_not_equal(from.sll_pkttype, PACKET_OUTGOING);
	assert_int_equal(from.sll_ifindex, if_nametoindex(iface));
	return (unsigned int)len;
}

static void
assert_silence(int ms)
{
	static uint8_t frame[MAX_FRAME];

	if (sniff(frame, "nothing", ms) != 0)
		fail_msg("a frame that nobody mirrored");
}

/* A burst through the port, which the interface shows so many times. */
static void
pass(unsigned int n, uint32_t max_len, uint16_t max_seg, const char *iface, unsigned int times)
{
	static uint8_t frame[MAX_FRAME];
	struct rte_mbuf *pkts[BURST];
	uint32_t lens[BURST];
	unsigned int i;

	for (i = 0; i < n; i++) {
		lens[i] = 60 + host_random(max_len - 59);
		host_bytes(bytes, lens[i], serial + i);
		pkts[i] = host_scatter(bytes, lens[i], max_seg);
	}
	host_tx(port, 0, pkts, n);
	assert_int_equal(host_rx_drop(port, 0), n);
	for (i = 0; i < n * times; i++) {
		assert_int_equal(sniff(frame, iface, 30000), lens[i % n]);
		host_bytes(bytes, lens[i % n], serial + i % n);
		assert_memory_equal(frame, bytes, lens[i % n]);
	}
	serial += n;
}

static struct ifreq
query(const char *iface, unsigned long request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", iface);
	assert_int_equal(ioctl(fd, request, &ifr), 0);
	close(fd);
	return ifr;
}

static void
test_bytes(void **state)
{
	static const uint16_t max_segs[] = {40, 300, 2000, 10240};
	unsigned int round;

	host_mirror("name=m,port=%u,mbufs=8191,sink=[net_tap,iface=mon0]", port);
	for (round = 0; round < host_rounds(40, 1000); round++)
		pass(1 + host_random(BURST), 1500, max_segs[host_random(RTE_DIM(max_segs))], "mon0",
		     2);
	assert_silence(50);
	assert_int_equal(host_stats("m").total.delivered, host_stats("m").total.seen);
	host_remove("m");
}

/* Longer than the source's and the interface's MTU: what passes the port is shown. */
static void
test_jumbo(void **state)
{
	unsigned int round;

	host_mirror("name=m,port=%u,dir=rx,mbufs=16383,sink=[net_tap,iface=mon0]", port);
	for (round = 0; round < host_rounds(20, 500); round++)
		pass(1 + host_random(BURST), round % 2 ? 9600 : MAX_FRAME, 300 << round % 4, "mon0",
		     1);
	assert_silence(50);
	assert_int_equal(host_stats("m").total.sink_rejected, 0);
	host_remove("m");
}

static void
test_interface(void **state)
{
	/* Plugged by main(): every plug of net_null leaks a little. */
	host_mirror("name=m,port=%u,sink=[net_tap,iface=mon0]", port);
	assert_int_equal(query("mon0", SIOCGIFMTU).ifr_mtu, 1500);
	assert_true(query("mon0", SIOCGIFFLAGS).ifr_flags & IFF_UP);
	assert_true(query("mon0", SIOCGIFFLAGS).ifr_flags & IFF_RUNNING);
	assert_true(query("mon0", SIOCGIFFLAGS).ifr_flags & IFF_NOARP);
	assert_false(query("mon0", SIOCGIFFLAGS).ifr_flags & IFF_MULTICAST);
	host_remove("m");
	assert_int_equal(if_nametoindex("mon0"), 0);

	assert_int_equal(rte_eth_dev_set_mtu(null, 9000), 0);
	host_mirror("name=m,port=[%u,%u],sink=[net_tap,iface=mon0]", port, null);
	assert_int_equal(query("mon0", SIOCGIFMTU).ifr_mtu, 9000);
	host_remove("m");
}

/* Neighbour discovery, multicast reports and the like come within the first seconds, if at all. */
static void
test_silent(void **state)
{
	host_mirror("name=m,port=%u,sink=[net_tap,iface=mon0]", port);
	assert_silence(3000);
	pass(5, 1500, 300, "mon0", 2);
	assert_silence(500);
	host_remove("m");
	assert_silence(0);
}

static void
test_detach(void **state)
{
	unsigned int round;

	host_mirror("name=m,port=%u,dir=tx,sink=[net_tap,iface=mon0]", port);
	for (round = 0; round < 3; round++) {
		pass(9, 1500, 300, "mon0", 1);
		assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		assert_int_not_equal(if_nametoindex("mon0"), 0);
		pass(9, 1500, 300, "mon0", 0);
		assert_silence(20);
		host_assert_conserved("m");
		assert_int_equal(vmirror_mirror_attach("m", NULL), 0);
	}
	host_remove("m");
}

/* A file and an interface at once, and the interface alone is cut. */
static void
test_with_file(void **state)
{
	static uint8_t frame[MAX_FRAME];
	struct rte_mbuf *pkts[BURST];
	unsigned int i;

	host_mirror("name=t,port=%u,dir=tx,snaplen=100,sink=[net_tap,iface=mon0]", port);
	host_mirror("name=f,port=%u,dir=tx,sink=[net_pcap,tx_pcap=f.pcap]", port);
	for (i = 0; i < BURST; i++) {
		host_bytes(bytes, 700, serial + i);
		host_expect(bytes, 700, 700);
		pkts[i] = host_scatter(bytes, 700, 300);
	}
	host_tx(port, 0, pkts, BURST);
	assert_int_equal(host_rx_drop(port, 0), BURST);
	for (i = 0; i < BURST; i++) {
		assert_int_equal(sniff(frame, "mon0", 30000), 100);
		host_bytes(bytes, 700, serial++);
		assert_memory_equal(frame, bytes, 100);
	}
	assert_int_equal(host_stats("t").total.truncated, BURST);
	host_remove("t");
	host_remove("f");
	host_assert_pcap("f.pcap");
	assert_int_equal(unlink("f.pcap"), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_bytes),  test(test_jumbo),  test(test_interface),
		test(test_silent), test(test_detach), test(test_with_file),
	};
	int failed;

	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
		printf("skipped: needs a network namespace and /dev/net/tun: %s\n",
		       strerror(errno));
		return SKIP;
	}
	host_init();
	port = host_plug("net_ring0", "", 1);
	null = host_plug("net_null0", "", 1);
	host_engine_init();
	open_sniffer();
	/* What is made once and stays is there before memory is compared. */
	host_mirror("name=warm,port=all,sink=[net_tap,iface=mon0]");
	host_mirror("name=hot,port=all,sink=[net_pcap,tx_pcap=/dev/null]");
	host_remove("warm");
	host_remove("hot");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	close(sniffer);
	vmirror_engine_fini();
	host_fini();
	return failed;
}
