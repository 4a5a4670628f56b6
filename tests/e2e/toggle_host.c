/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A host for toggle.sh: forwards between ports 0 and 1 on one core while mirrors are added and
 * removed on another, so many times, from the first SIGUSR1 on. Prints what they captured, ends on
 * SIGTERM; any figure that does not conserve, and any failure, is a line and a non-zero status.
 *
 *     toggle_host [EAL options] -- TIMES SPEC [SPEC...]
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "vmirror.h"

#define N_PORTS 2
#define BURST   32

static atomic_bool stop;

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "toggle_host: %s: %s\n", what, why);
	_exit(1);
}

static void
start_port(uint16_t port_id, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;

	if (rte_eth_dev_configure(port_id, 1, 1, &conf) != 0 ||
	    rte_eth_rx_queue_setup(port_id, 0, 256, 0, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(port_id, 0, 256, 0, NULL) != 0 ||
	    rte_eth_dev_start(port_id) != 0)
		die("port", "does not start");
}

static void *
forward(void *arg)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int idle = 0;
	uint16_t port_id, n, sent;

	while (!atomic_load(&stop)) {
		idle++;
		for (port_id = 0; port_id < N_PORTS; port_id++) {
			n = rte_eth_rx_burst(port_id, 0, pkts, BURST);
			if (n == 0)
				continue;
			idle = 0;
			sent = rte_eth_tx_burst(port_id ^ 1, 0, pkts, n);
			rte_pktmbuf_free_bulk(pkts + sent, n - sent);
		}
		if (idle > 1000)
			usleep(50);
	}
	return NULL;
}

/* One life of a mirror. @return packets that it delivered */
static uint64_t
once(const char *spec)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	const struct vmirror_counters *c = &stats.total;
	struct vmirror_error err;
	char name[VMIRROR_NAME_SIZE];

	if (vmirror_mirror_add(spec, name, &err) != 0)
		die(spec, err.text);
	usleep(10000);
	if (vmirror_mirror_detach(name, &err) != 0 || vmirror_mirror_stats(name, &stats, &err) != 0)
		die(spec, err.text);
	if (c->seen != c->filtered + c->captured + c->no_room || c->in_flight != 0 ||
	    c->captured != c->delivered + c->sink_rejected)
		die(spec, "the counters do not conserve");
	if (c->sink_rejected != 0 || c->no_room != 0)
		die(spec, "packets were lost");
	if (vmirror_mirror_remove(name, &err) != 0)
		die(spec, err.text);
	return c->delivered;
}

int
main(int argc, char **argv)
{
	struct vmirror_error err;
	struct rte_mempool *pool;
	uint64_t delivered = 0;
	pthread_t thread;
	sigset_t signals;
	int n, i, times, signal_got;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	n = rte_eal_init(argc, argv);
	if (n < 0 || argc - n < 3 || rte_eth_dev_count_avail() != N_PORTS)
		die("usage", "[EAL options, two ports] -- TIMES SPEC [SPEC...]");
	times = atoi(argv[n + 1]);
	pool = rte_pktmbuf_pool_create("host", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	if (pool == NULL || vmirror_engine_init(NULL, &err) != 0)
		die("start", "no pool or no engine");
	for (i = 0; i < N_PORTS; i++)
		start_port(i, pool);
	pthread_create(&thread, NULL, forward, NULL);
	fprintf(stderr, "forwarding\n");

	sigwait(&signals, &signal_got);
	for (i = 0; i < times; i++)
		delivered += once(argv[n + 2 + i % (argc - n - 2)]);
	printf("toggled %d times, %lu packets mirrored\n", times, (unsigned long)delivered);
	fflush(stdout);

	while (signal_got != SIGTERM)
		sigwait(&signals, &signal_got);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	vmirror_engine_fini();
	rte_eal_cleanup();
	return 0;
}
