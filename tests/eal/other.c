/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sinks that hand mbufs on: net_ring to a reader in this process, and vdevs of which no more is
 * known than their driver's name.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "lib/pmdinfo.h"
#include "tests/eal/host.h"

#define RING      "name=m,port=net_ring0,dir=tx,"
#define RING_ROOM 1023 /* what one of net_ring's holds */
#define N_RINGS   16
#define LEN       200

static struct rte_mbuf *got[2048];

static struct rte_ring *
ring_of(const char *vdev)
{
	char name[64];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "ETH_RXTX0_%s", vdev);
	ring = rte_ring_lookup(name);
	assert_non_null(ring);
	return ring;
}

/* Transmit packets with these serial numbers, and let them go round. */
static void
pass(uint32_t serial, unsigned int n)
{
	while (n-- > 0) {
		struct rte_mbuf *pkt = host_packet(LEN, serial++);

		host_tx(0, 0, &pkt, 1);
		assert_int_equal(host_rx_drop(0, 0), 1);
	}
}

static void
assert_packet(const struct rte_mbuf *pkt, uint32_t serial)
{
	uint8_t bytes[LEN];

	host_bytes(bytes, sizeof(bytes), serial);
	rte_mbuf_sanity_check(pkt, 1);
	assert_int_equal(pkt->pkt_len, LEN);
	assert_int_equal(pkt->nb_segs, 1);
	assert_int_equal(rte_mbuf_refcnt_read(pkt), 1);
	assert_memory_equal(rte_pktmbuf_mtod(pkt, const void *), bytes, LEN);
}

static unsigned int
take(struct rte_ring *ring, unsigned int most)
{
	return rte_ring_dequeue_burst(ring, (void **)got, most, NULL);
}

static void
give_back(unsigned int n)
{
	rte_pktmbuf_free_bulk(got, n);
}

/* A reader that keeps up gets each packet, and gives it back. */
static void
test_reader(void **state)
{
	unsigned int round, n;

	host_mirror(RING "sink=[net_ring]");
	for (round = 0; round < 300; round++) {
		pass(round * 20, 20);
		n = take(ring_of("net_ring_m"), 2048);
		assert_int_equal(n, 20);
		while (n-- > 0)
			assert_packet(got[n], round * 20 + n);
		give_back(20);
	}
	assert_int_equal(host_stats("m").total.delivered, 6000);
	host_remove("m");
}

static unsigned int
count_pools(void)
{
	return host_footprint().mempools;
}

/* What a reader holds stays its own after the mirror, and even the engine, has gone. */
static void
test_reader_holds(void **state)
{
	struct host_footprint before = host_footprint();
	unsigned int n;

	host_mirror(RING "sink=[net_ring]");
	pass(7, 500);
	n = take(ring_of("net_ring_m"), 300);
	assert_int_equal(n, 300);
	assert_int_equal(host_stats("m").total.in_flight, 500);
	assert_int_equal(host_stats("m").total.delivered, 0);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	assert_true(host_noticed("mirror 'm': 300 mbufs are still held"));
	assert_int_equal(count_pools(), before.mempools + 1);
	/* Another of the same name has a mempool of its own. */
	host_mirror(RING "sink=[net_ring]");
	pass(1000, 500);
	assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	assert_int_equal(count_pools(), before.mempools + 1);
	vmirror_engine_fini();
	while (n-- > 0)
		assert_packet(got[n], 7 + n);
	assert_int_equal(count_pools(), before.mempools + 1);
	give_back(300);
	host_engine_init();
	vmirror_engine_tend();
	host_assert_footprint(&before);
}

static void
test_full(void **state)
{
	host_mirror(RING "sink=[net_ring]");
	pass(0, RING_ROOM + 100);
	assert_int_equal(host_stats("m").total.sink_rejected, 100);
	host_wait(host_noticed("ring ETH_RXTX0_net_ring_m is full and refuses packets"));
	give_back(take(ring_of("net_ring_m"), 2048));
	pass(0, 10);
	host_wait(host_stats("m").reason[0] == '\0');
	assert_int_equal(host_stats("m").total.delivered, RING_ROOM);
	assert_int_equal(host_stats("m").total.in_flight, 10);
	assert_int_equal(host_stats("m").total.sink_rejected, 100);
	give_back(take(ring_of("net_ring_m"), 2048));
	host_remove("m");
}

/* A mirror that ended by itself: what nobody has fetched may still be, and counts as unknown. */
static void
test_ends(void **state)
{
	host_mirror(RING "count=50,sink=[net_ring]");
	pass(0, 30);
	give_back(take(ring_of("net_ring_m"), 2048));
	pass(30, 30);
	host_wait(host_stats("m").state == VMIRROR_ENDED);
	host_assert_conserved("m");
	assert_int_equal(host_stats("m").total.delivered, 30);
	assert_int_equal(host_stats("m").total.unknown, 20);
	/* The ring is there until the next call. */
	assert_int_equal(take(ring_of("net_ring_m"), 5), 5);
	assert_packet(got[0], 30);
	give_back(5);
	vmirror_engine_tend();
	assert_null(rte_ring_lookup("ETH_RXTX0_net_ring_m"));
	host_remove("m");
}

/* Rings that the host made are the host's: they stay, with what is in them. */
static void
test_own_rings(void **state)
{
	struct rte_ring *rings[N_RINGS];
	unsigned int i;
	char name[64];

	for (i = 0; i < N_RINGS; i++) {
		snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring_m", i);
		rings[i] = rte_ring_create(name, i == 0 ? 256 : 2, 0, 0);
		assert_non_null(rings[i]);
	}
	for (i = 0; i < 3; i++) {
		host_mirror(RING "sink=[net_ring]");
		pass(i, 50);
		assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		assert_int_equal(take(rings[0], 2048), 50);
		assert_packet(got[0], i);
		give_back(50);
	}
	vmirror_engine_tend();
	for (i = 0; i < N_RINGS; i++)
		rte_ring_free(rings[i]);
}

/* While packets flow, nothing grows. */
static void
churn(const char *sink, unsigned int rounds)
{
	struct host_footprint before = host_footprint();
	unsigned int round;

	for (round = 0; round < rounds; round++) {
		host_mirror(RING "sink=[%s]", sink);
		pass(round, 40);
		assert_int_equal(host_stats("m").total.captured, 40);
		assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		host_assert_footprint(&before);
	}
}

static void
test_churn(void **state)
{
	churn("net_ring", host_rounds(200, 2000));
	churn("net_null", host_rounds(200, 2000));
	churn("net_null,copy=1,size=100", host_rounds(20, 200));
}

/* Longer ones than an mbuf of the mirror's holds: net_ring has them in several, others do without. */
static void
test_long_frames(void **state)
{
	struct rte_mbuf *pkt = host_packet(9000, 1);

	host_mirror(RING "sink=[net_ring]");
	host_mirror("name=n,port=net_ring0,dir=tx,sink=[net_null]");
	host_tx(0, 0, &pkt, 1);
	assert_int_equal(take(ring_of("net_ring_m"), 2), 1);
	assert_int_equal(got[0]->pkt_len, 9000);
	assert_in_range(got[0]->nb_segs, 2, 9);
	give_back(1);
	assert_int_equal(host_rx_drop(0, 0), 1);
	assert_int_equal(host_stats("n").total.sink_rejected, 1);
	host_wait(strstr(host_stats("n").reason, "vdev net_null_n takes") != NULL);
	host_remove("m");
	host_remove("n");
}

/*
 * Every driver for virtual ports that is in this process, without a key: it works, or is refused
 * with a line, and the process is none the worse. What drivers themselves leave in DPDK's memory
 * when they fail is not vmirror's.
 */
static void
test_every_driver(void **state)
{
	struct host_footprint before = host_footprint(), now;
	struct vmirror_pmdinfo info;
	struct vmirror_error err;
	char spec[128];
	unsigned int i;

	assert_int_equal(vmirror_pmdinfo_read(&info), 0);
	assert_true(info.n > 10);
	for (i = 0; i < info.n; i++) {
		snprintf(spec, sizeof(spec), RING "sink=[%s]", info.pmds[i].name);
		memset(&err, 0, sizeof(err));
		if (host_try_mirror(&err, "%s", spec) == 0) {
			printf("%s: works\n", info.pmds[i].name);
			pass(i, 3);
			assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
		} else {
			printf("%s\n", err.text);
			assert_non_null(strstr(err.text, info.pmds[i].name));
			assert_null(strchr(err.text, '\n'));
		}
		now = host_footprint();
		now.heap_bytes = before.heap_bytes;
		if (memcmp(&now, &before, sizeof(now)) != 0)
			fail_msg("%s leaves something behind", info.pmds[i].name);
	}
	vmirror_pmdinfo_fini(&info);
}

/* Nobody is connected: packets are refused, and that is said. */
static void
test_vhost(void **state)
{
	struct host_footprint before;
	unsigned int round;

	for (round = 0; round < 20; round++) {
		host_mirror(RING "sink=[net_vhost,iface=vhost.sock]");
		pass(round, 5);
		host_wait(host_stats("m").total.sink_rejected == 5);
		if (round == 0)
			host_wait(host_noticed("vdev net_vhost_m refuses packets: its link is "
					       "down, nobody is connected"));
		host_remove("m");
		assert_int_not_equal(access("vhost.sock", F_OK), 0);
		/* rte_vhost starts a thread the first time, which stays. */
		if (round == 0)
			before = host_footprint();
	}
	host_assert_footprint(&before);
}

/* Another process, which takes what comes through shared memory and counts it: this program anew. */
static struct {
	pid_t pid;
	char socket[32];
	char fd[16];   /* of the memory in which it counts */
	uint64_t *got; /* and, behind it, whether it is to end */
} peer;

static uint64_t *
map_count(int fd)
{
	void *count = mmap(NULL, 2 * sizeof(*peer.got), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(count, MAP_FAILED);
	return count;
}

static void
serve(const char *socket, int fd)
{
	struct rte_mbuf *pkts[32];
	char devargs[64];
	uint16_t port_id, n;

	peer.got = map_count(fd);
	host_init();
	snprintf(devargs, sizeof(devargs), "role=server,socket=%s", socket);
	port_id = host_plug("net_memif0", devargs, 1);
	while (__atomic_load_n(peer.got + 1, __ATOMIC_RELAXED) == 0) {
		n = rte_eth_rx_burst(port_id, 0, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts, n);
		__atomic_fetch_add(peer.got, n, __ATOMIC_RELAXED);
		if (n == 0)
			rte_delay_us_sleep(200);
	}
	host_remove_dir();
	exit(0);
}

static void
end_peer(void)
{
	__atomic_store_n(peer.got + 1, 1, __ATOMIC_RELAXED);
	waitpid(peer.pid, NULL, 0);
}

static void
spawn_peer(void)
{
	fflush(NULL);
	peer.pid = fork();
	assert_true(peer.pid >= 0);
	if (peer.pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A sanitizer would make an exit status of the signal that DPDK's server dies of. */
	setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
	setenv("UBSAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);
	execl("/proc/self/exe", "peer", peer.socket, peer.fd, NULL);
	_exit(1);
}

static void
start_peer(void)
{
	int fd = memfd_create("count", 0);

	assert_true(fd >= 0 && ftruncate(fd, 2 * sizeof(*peer.got)) == 0);
	peer.got = map_count(fd);
	snprintf(peer.fd, sizeof(peer.fd), "%d", fd);
	snprintf(peer.socket, sizeof(peer.socket), "vmirror-test-%d", getpid());
	spawn_peer();
}

/*
 * DPDK's server panics now and then, in its interrupt thread, when a client goes. It is no part of
 * what is tested, that the mirror finds the next one is.
 */
static void
mind_peer(void)
{
	int status;

	if (waitpid(peer.pid, &status, WNOHANG) != peer.pid)
		return;
	printf("the peer died, wait status 0x%x\n", status);
	assert_true(WIFSIGNALED(status));
	spawn_peer();
}

static uint64_t
peer_got(void)
{
	return __atomic_load_n(peer.got, __ATOMIC_RELAXED);
}

static bool
peer_listens(void)
{
	char spec[128];

	mind_peer();
	snprintf(spec, sizeof(spec), RING "sink=[net_memif,socket=%s]", peer.socket);
	return vmirror_mirror_check(&(const char *){spec}, 1, NULL, NULL, NULL) == 0;
}

/* Packets go round until they arrive. */
static bool
arrives(void)
{
	uint64_t before = peer_got();

	mind_peer();
	vmirror_engine_tend();
	pass(0, 1);
	rte_delay_us_sleep(500);
	return peer_got() > before;
}

/* It may die after it was seen to listen: DPDK's memif server does now and then, when a client goes. */
static void
mirror_to_peer(const char *more)
{
	struct vmirror_error err = {0};

	host_wait(peer_listens() && host_try_mirror(&err, RING "sink=[net_memif,socket=%s%s]",
						    peer.socket, more) == 0);
}

/* Mirrors to another process come and go while packets flow, each connecting anew. */
static void
test_memif(void **state)
{
	unsigned int round, rounds = host_rounds(200, 1000), vdevs;
	unsigned int back = host_notices("is back");
	struct host_footprint before;

	for (round = 0; round < rounds; round++) {
		mirror_to_peer("");
		host_wait(arrives());
		pass(round, 40);
		host_wait(arrives());
		host_remove("m");
		/* net_memif makes a table of sockets the first time, which stays. */
		if (round == 0)
			before = host_footprint();
	}
	/* It leaves 27072 bytes of DPDK's memory behind with each vdev; a peer that hung up has had another. */
	vdevs = rounds + host_notices("is back") - back;
	assert_true(host_footprint().heap_bytes <= before.heap_bytes + 28000 * vdevs);
	before.heap_bytes = host_footprint().heap_bytes;
	host_assert_footprint(&before);
}

/* What the PMD does when its server goes it does on EAL's interrupt thread: it must not hear of it. */
static void
test_memif_dies(void **state)
{
	struct rte_eth_link link;
	uint16_t port_id;

	mirror_to_peer("");
	host_wait(arrives());
	assert_int_equal(rte_eth_dev_get_port_by_name("net_memif_m", &port_id), 0);
	kill(peer.pid, SIGKILL);
	host_wait(host_noticed("its server has gone"));
	assert_int_equal(rte_eth_link_get_nowait(port_id, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
	host_wait(arrives());
	host_remove("m");
}

/* One whose server does not want it says so, in the server's words, and does no harm. */
static void
test_memif_unwanted(void **state)
{
	mirror_to_peer(",id=7");
	host_wait(host_noticed("its server does not want it: ID not found"));
	pass(0, 40);
	host_wait(host_stats("m").total.sink_rejected >= 40);
	host_remove("m");
}

#define test(name) cmocka_unit_test_setup_teardown(name, host_test_begin, host_test_end)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		test(test_reader),
		test(test_reader_holds),
		test(test_full),
		test(test_ends),
		test(test_own_rings),
		test(test_churn),
		test(test_long_frames),
		cmocka_unit_test(test_every_driver),
		cmocka_unit_test(test_vhost),
		cmocka_unit_test(test_memif),
		cmocka_unit_test(test_memif_dies),
		cmocka_unit_test(test_memif_unwanted),
	};
	int failed;

	if (argc == 3)
		serve(argv[1], atoi(argv[2]));
	start_peer();
	host_init();
	host_plug("net_ring0", "", 1);
	host_engine_init();
	host_warm_up("net_ring0", "[net_null]");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	vmirror_engine_fini();
	host_fini();
	end_peer();
	return failed;
}
