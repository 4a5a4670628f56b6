/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every sink, plugged and unplugged under traffic, again and again, with something real at its far
 * end: the host loses no packet, counters conserve each time, nothing is left behind. A soak run
 * goes round 1,000 times for each with mirrors that have a drain (VMIRROR_TEST_MODE=ring), and a quarter
 * as often without.
 */

#include "tests/eal/host.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "tests/eal/traffic.h"

static const struct {
	const char *spec; /* %s: the directory */
	struct traffic_leak leak;
	const char *peer; /* vdev of a testpmd that receives; NULL: none is needed */
} sinks[] = {
	{"[net_pcap,tx_pcap=m.pcap]"},
	{"[net_tap,iface=mon0]"},
	{"[net_pcap,tx_iface=veth0]"},
	{"[net_pcap,iface=veth0]"},
	{"[net_af_packet,iface=veth0]"},
	/* Of the PMD's queues, and of libxdp's program. */
	{"[net_af_xdp,iface=veth0]", {.dpdk = 192, .libc = 1000}},
	{"[net_ring]"},
	{"[net_null]"},
	{"[net_memif,socket=%s/peer.sock,socket-abstract=no]",
	 /* Of the PMD's queues, and what the allocator finds too little to split off. */
	 .leak = {.dpdk = 27072 + 64},
	 .peer = "net_memif0,role=server,socket=%s/peer.sock,socket-abstract=no"},
	{"[virtio_user0,path=%s/peer.sock]", .peer = "net_vhost0,iface=%s/peer.sock"},
};

static char sink[256];
static const char *peer_vdev; /* NULL: the sink has no peer */
static pid_t peer;
static unsigned int restarts; /* of the peer, which died by itself */
static uint64_t delivered, rejected;

static void
run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* A peer that takes all it gets: a process of DPDK's own. */
static pid_t
start_peer(const char *fmt)
{
	char vdev[256];
	struct stat st;
	pid_t pid;

	snprintf(vdev, sizeof(vdev), fmt, host_dir());
	pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		assert_non_null(freopen("peer.log", "w", stdout));
		assert_true(dup2(STDOUT_FILENO, STDERR_FILENO) >= 0);
		execlp("dpdk-testpmd", "dpdk-testpmd", "--no-huge", "-m", "256", "--no-pci", "-l",
		       "0,1", "--file-prefix", "vmpeer", "--no-telemetry", "--vdev", vdev, "--",
		       "--forward-mode=rxonly", "--auto-start", "--no-mlockall",
		       "--total-num-mbufs=4096", "--stats-period=3600", NULL);
		_exit(127);
	}
	host_wait(stat("peer.sock", &st) == 0 || waitpid(pid, NULL, WNOHANG) == pid);
	assert_int_equal(stat("peer.sock", &st), 0);
	return pid;
}

/* A detached mirror: what it captured it can tell of, what its sink still holds included. */
static void
assert_conserved(const struct vmirror_counters *c)
{
	assert_int_equal(c->seen, c->filtered + c->captured + c->no_room);
	assert_int_equal(c->captured, c->delivered + c->sink_rejected + c->write_error +
					      c->unknown + c->in_flight);
}

/* A testpmd with net_memif panics now and then when a connection ends early: it is started anew. */
static void
add(void)
{
	struct vmirror_error err;

	while (host_try_mirror(&err, "name=m,port=net_ring_a,sink=%s", sink) != 0) {
		if (peer == 0)
			fail_msg("%s", err.text);
		host_wait(waitpid(peer, NULL, WNOHANG) == peer);
		unlink("peer.sock");
		peer = start_peer(peer_vdev);
		restarts++;
	}
}

static void
plug_unplug(unsigned int n)
{
	struct vmirror_stats stats;
	unsigned int i;

	for (i = 0; i < n; i++) {
		add();
		host_wait(host_stats_now("m").total.captured > 0);
		rte_delay_us_sleep(100 + i % 7 * 100);
		if (i % 2 == 0)
			assert_int_equal(vmirror_mirror_detach("m", NULL), 0);
		stats = host_stats_now("m");
		if (i % 2 == 0)
			assert_conserved(&stats.total);
		assert_true(stats.state == (i % 2 == 0 ? VMIRROR_DETACHED : VMIRROR_ATTACHED));
		delivered += stats.total.delivered + stats.total.in_flight;
		rejected += stats.total.sink_rejected;
		assert_int_equal(vmirror_mirror_remove("m", NULL), 0);
	}
}

static void
live(unsigned int which)
{
	uint16_t port;

	if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		host_cannot("a network namespace and /dev/net/tun");
	run("ip link add veth0 type veth peer veth1 && ip link set veth0 up && "
	    "ip link set veth1 up");
	host_init();
	host_engine_init();
	port = host_plug("net_ring_a", "", RTE_MIN(2U, rte_lcore_count()));
	snprintf(sink, sizeof(sink), sinks[which].spec, host_dir());
	peer_vdev = sinks[which].peer;
	if (peer_vdev != NULL)
		peer = start_peer(peer_vdev);
	print_message("%s\n", sink);
	traffic_during(port, plug_unplug, 10,
		       host_rounds(10, getenv("VMIRROR_TEST_MODE") != NULL ? 1000 : 250),
		       &sinks[which].leak);
	print_message("delivered %lu, rejected %lu, peers that died %u\n", delivered, rejected,
		      restarts);
	assert_true(delivered > 0);
	assert_true(restarts == 0 || strstr(sink, "memif") != NULL);
	if (peer != 0) {
		kill(peer, SIGKILL);
		waitpid(peer, NULL, 0);
	}
	vmirror_engine_fini();
	host_fini();
}

static void
test_all(void **state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(sinks); i++)
		if (!host_fork(live, i))
			skip();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
