/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A forwarder between ports 0 and 1, one queue each, on one core, that gains a mirror: the three
 * calls of libvmirror stand in main(). It sees nothing of the library but the installed headers.
 *
 *     embed [EAL options] -- SPEC         ends at SIGINT
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <vmirror.h>

#define BURST   32
#define N_DESCS 512
#define N_MBUFS 8191

static volatile sig_atomic_t stop;

static void
on_signal(int number)
{
	stop = 1;
}

static int
start_port(uint16_t port, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;
	int ret = rte_eth_dev_configure(port, 1, 1, &conf);

	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, N_DESCS, SOCKET_ID_ANY, NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, N_DESCS, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret != 0)
		fprintf(stderr, "embed: port %u: %s\n", port, rte_strerror(-ret));
	return ret;
}

static void
forward(uint16_t from, uint16_t to)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = rte_eth_rx_burst(from, 0, pkts, BURST);
	uint16_t sent = rte_eth_tx_burst(to, 0, pkts, n);

	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

/* A detached mirror has final counters: everything captured was delivered or is accounted for. */
static void
print_counters(const char *name)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};

	vmirror_mirror_detach(name, NULL);
	if (vmirror_mirror_stats(name, &stats, NULL) != 0)
		return;
	printf("mirror %s: seen=%" PRIu64 " filtered=%" PRIu64 " captured=%" PRIu64
	       " no_room=%" PRIu64 " delivered=%" PRIu64 " sink_rejected=%" PRIu64
	       " unknown=%" PRIu64 "\n",
	       name, stats.total.seen, stats.total.filtered, stats.total.captured,
	       stats.total.no_room, stats.total.delivered, stats.total.sink_rejected,
	       stats.total.unknown);
}

static int
run(const char *spec)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"ports", N_MBUFS, 250, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct vmirror_error err = {""};
	char name[VMIRROR_NAME_SIZE];

	if (pool == NULL) {
		fprintf(stderr, "embed: mempool: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	if (start_port(0, pool) != 0 || start_port(1, pool) != 0)
		return EXIT_FAILURE;
	if (vmirror_mirror_add(spec, name, &err) != 0) {
		fprintf(stderr, "embed: %s\n", err.text);
		return EXIT_FAILURE;
	}
	while (!stop) {
		forward(0, 1);
		forward(1, 0);
	}
	print_counters(name);
	return EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
	struct vmirror_error err = {""};
	int n_args, status = EXIT_FAILURE;

	n_args = rte_eal_init(argc, argv);
	if (n_args < 0)
		return EXIT_FAILURE;
	signal(SIGINT, on_signal);
	if (argc - n_args != 2)
		fprintf(stderr, "usage: embed [EAL options] -- SPEC\n");
	else if (rte_eth_dev_count_avail() < 2)
		fprintf(stderr, "embed: needs two ports\n");
	else if (vmirror_engine_init(NULL, &err) != 0)
		fprintf(stderr, "embed: %s\n", err.text);
	else
		status = run(argv[n_args + 1]);

	vmirror_engine_fini();
	rte_eal_cleanup();
	return status;
}
