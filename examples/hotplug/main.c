/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The idea that vmirror grew from, whole and in plain DPDK: hotplug a net_pcap vdev, clone every
 * received packet into it from a callback, and there is report.pcap. README.md goes through it and
 * says what it takes to do this inside a program that does other things too.
 *
 *     hotplug [EAL options] [-- SECONDS]      ends at SIGINT, or after so long without a packet
 */

#include <signal.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#define BURST 32

static volatile sig_atomic_t stop;
static struct rte_mempool *packets, *clones;
static unsigned long mirrored, lost;

static void
on_signal(int number)
{
	stop = 1;
}

/* rte_exit() ends in rte_eal_cleanup(), which also removes the vdev. */
static void
must(int ret, const char *what)
{
	if (ret < 0)
		rte_exit(EXIT_FAILURE, "hotplug: %s: %s\n", what, rte_strerror(-ret));
}

static uint16_t
mirror(uint16_t port, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n, uint16_t max, void *sink)
{
	struct rte_mbuf *out[BURST];
	uint16_t i, sent, n_out = 0;

	for (i = 0; i < n; i++)
		if ((out[n_out] = rte_pktmbuf_clone(pkts[i], clones)) != NULL)
			n_out++;
	sent = rte_eth_tx_burst(*(uint16_t *)sink, 0, out, n_out);
	rte_pktmbuf_free_bulk(out + sent, n_out - sent);
	mirrored += sent;
	lost += n - sent;
	return n;
}

static void
start(uint16_t port, uint16_t n_rxq)
{
	static const struct rte_eth_conf conf;

	must(rte_eth_dev_configure(port, n_rxq, 1, &conf), "configure");
	if (n_rxq > 0)
		must(rte_eth_rx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL, packets), "rx");
	must(rte_eth_tx_queue_setup(port, 0, 512, SOCKET_ID_ANY, NULL), "tx");
	must(rte_eth_dev_start(port), "start");
}

int
main(int argc, char *argv[])
{
	const struct rte_eth_rxtx_callback *callback;
	struct rte_mbuf *pkts[BURST];
	uint64_t last, patience = UINT64_MAX;
	uint16_t sink, n;
	int ret = rte_eal_init(argc, argv);

	must(ret, "EAL");
	must(rte_eth_dev_is_valid_port(0) ? 0 : -ENODEV, "port 0");
	if (ret + 1 < argc)
		patience = strtoul(argv[ret + 1], NULL, 10) * rte_get_tsc_hz();
	signal(SIGINT, on_signal);

	packets = rte_pktmbuf_pool_create("packets", 4095, 0, 0, 2176, SOCKET_ID_ANY);
	clones = rte_pktmbuf_pool_create("clones", 1023, 0, 0, 0, SOCKET_ID_ANY);
	must(packets != NULL && clones != NULL ? 0 : -rte_errno, "mempools");

	must(rte_eal_hotplug_add("vdev", "net_pcap_report", "tx_pcap=report.pcap"), "vdev");
	must(rte_eth_dev_get_port_by_name("net_pcap_report", &sink), "vdev's port");
	start(sink, 0);
	start(0, 1);
	callback = rte_eth_add_rx_callback(0, 0, mirror, &sink);
	must(callback != NULL ? 0 : -rte_errno, "callback");

	for (last = rte_rdtsc(); !stop && rte_rdtsc() - last < patience;) {
		n = rte_eth_rx_burst(0, 0, pkts, BURST);
		rte_pktmbuf_free_bulk(pkts, n);
		if (n > 0)
			last = rte_rdtsc();
	}

	rte_eth_remove_rx_callback(0, 0, callback);
	rte_eth_dev_stop(0);
	rte_eth_dev_stop(sink);
	rte_eal_hotplug_remove("vdev", "net_pcap_report");
	printf("report.pcap: %lu packets, %lu lost\n", mirrored, lost);
	rte_mempool_free(clones);
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
