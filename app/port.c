/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The ports: how many queues and descriptors, from which mempool, with which offloads, and their
 * start and end. main.c calls these in order; forward.c polls what they leave behind.
 */

#include "port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "devargs/capability.h"
#include "devargs/error.h"

#include "forward.h"
#include "options.h"
#include "say.h"

/* Moderate, so that two ports and a few mirrors fit into the 64 MB of --no-huge. */
#define DEFAULT_DESC 256
#define MBUF_CACHE   128
/* Packets that sinks may hold for a while (a clone keeps the packet it was made of). */
#define MBUFS_FOR_SINKS 1024

#define RSS_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* What a vdev that could not be made, or started, wants of the process and has not; maybe nothing. */
static uint64_t
find_missing(const char *name, const char *args, char missing[VMIRROR_CAPABILITY_TEXT_SIZE])
{
	static const struct {
		const char *driver;
		const char *arg; /* with which alone */
		uint64_t wanted;
	} drivers[] = {
		{"net_tap", "", VMIRROR_CAP_NET_ADMIN},
		{"net_af_packet", "", VMIRROR_CAP_NET_RAW | VMIRROR_CAP_NET_ADMIN},
		{"net_pcap", "iface=", VMIRROR_CAP_NET_RAW},
	};

	missing[0] = '\0';
	for (unsigned int i = 0; i < RTE_DIM(drivers); i++)
		if (strncmp(name, drivers[i].driver, strlen(drivers[i].driver)) == 0 &&
		    strstr(args, drivers[i].arg) != NULL)
			return vmirror_capability_missing(drivers[i].wanted, missing);
	return 0;
}

/* EAL goes on without a vdev that it could not make; default pairs would shift unnoticed. */
static int
check_vdevs(struct vmirror_error *err)
{
	static const char *const prefixes[] = {"net_", "eth_", "virtio_user"};
	char missing[VMIRROR_CAPABILITY_TEXT_SIZE];
	struct rte_devargs *devargs;
	uint16_t id;

	RTE_EAL_DEVARGS_FOREACH("vdev", devargs)
	{
		for (unsigned int i = 0; i < RTE_DIM(prefixes); i++)
			if (strncmp(devargs->name, prefixes[i], strlen(prefixes[i])) == 0 &&
			    rte_eth_dev_get_port_by_name(devargs->name, &id) < 0)
				return vmirror_error_set(
					err, -ENODEV, "EAL could not make the vdev '%s'; %s",
					devargs->name,
					find_missing(devargs->name, devargs->args, missing) != 0
						? missing
						: "its log above says why");
	}
	return 0;
}

int
ports_find(struct ports *ports, struct vmirror_error *err)
{
	struct port *port;
	uint16_t id;
	int ret;

	*ports = (struct ports){0};
	ret = check_vdevs(err);
	if (ret < 0)
		return ret;
	ports->port = calloc(RTE_MAX_ETHPORTS, sizeof(*ports->port));
	if (ports->port == NULL)
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	/* Leaves out owned ports, and so the sinks and the sentinel of vmirror itself. */
	RTE_ETH_FOREACH_DEV (id) {
		port = &ports->port[ports->n];
		port->id = id;
		ret = rte_eth_dev_get_name_by_port(id, port->name);
		if (ret == 0)
			ret = rte_eth_dev_info_get(id, &port->info);
		if (ret < 0) {
			vmirror_error_set(err, ret, "port %u: %s", id, strerror(-ret));
			goto free_ports;
		}
		ports->n++;
	}
	if (ports->n == 0) {
		ret = vmirror_error_set(err, -ENODEV,
					"no ports; give EAL a NIC (-a 0000:01:00.0) or a vdev "
					"(--vdev net_tap0)");
		goto free_ports;
	}
	return 0;

free_ports:
	free(ports->port);
	*ports = (struct ports){0};
	return ret;
}

static uint16_t
queue_limit(const struct port *port)
{
	uint16_t limit = port->info.max_rx_queues;

	if (port->peer == NULL)
		return limit;
	limit = RTE_MIN(limit, port->info.max_tx_queues);
	limit = RTE_MIN(limit, port->peer->info.max_rx_queues);
	return RTE_MIN(limit, port->peer->info.max_tx_queues);
}

/*
 * Both ports of a pair get the same number of queues, so that rx queue q of the one sends to tx
 * queue q of the other and no two cores ever share a tx queue.
 */
static int
choose_queues(struct port *port, uint16_t wanted, unsigned int n_lcores, struct vmirror_error *err)
{
	uint16_t limit = queue_limit(port);

	if (limit == 0)
		return vmirror_error_set(err, -ENOTSUP, "port '%s' %s", port->name,
					 port->peer == NULL
						 ? "has no rx queues"
						 : "or its peer lacks rx or tx queues to forward");
	if (wanted > limit)
		return vmirror_error_set(
			err, -EINVAL, "--queues %u: port '%s'%s can do no more than %u", wanted,
			port->name, port->peer == NULL ? "" : " or its peer", limit);
	port->n_rxq = wanted != 0 ? wanted : (uint16_t)RTE_MIN(limit, n_lcores);
	/* net_tap wants as many of either, also where nothing is sent. */
	port->n_txq = RTE_MIN(port->n_rxq, port->info.max_tx_queues);
	return 0;
}

static int
choose_descriptors(struct port *port, const struct options *options, struct vmirror_error *err)
{
	uint16_t rxd = options->rxd, txd = options->txd;
	int ret;

	if (rxd == 0)
		rxd = port->info.default_rxportconf.ring_size;
	if (txd == 0)
		txd = port->info.default_txportconf.ring_size;
	port->rxd = rxd != 0 ? rxd : DEFAULT_DESC;
	port->txd = txd != 0 ? txd : DEFAULT_DESC;
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &port->rxd, &port->txd);
	if (ret < 0 && ret != -ENOTSUP)
		return vmirror_error_set(err, ret, "port '%s': descriptors: %s", port->name,
					 strerror(-ret));
	if (options->rxd != 0 && options->rxd != port->rxd)
		return vmirror_error_set(err, -EINVAL, "--rxd %u: port '%s' takes %u instead", rxd,
					 port->name, port->rxd);
	if (options->txd != 0 && options->txd != port->txd)
		return vmirror_error_set(err, -EINVAL, "--txd %u: port '%s' takes %u instead", txd,
					 port->name, port->txd);
	return 0;
}

static unsigned int
port_socket(const struct port *port)
{
	int socket = rte_eth_dev_socket_id(port->id);

	if (socket < 0 || socket >= RTE_MAX_NUMA_NODES)
		return rte_lcore_to_socket_id(rte_get_main_lcore());
	return (unsigned int)socket;
}

/* The most that can be in use at once: all rings full, all bursts, all caches. */
static unsigned int
count_mbufs(const struct ports *ports, unsigned int socket, unsigned int n_lcores)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ports->n; i++) {
		const struct port *port = &ports->port[i];

		if (port_socket(port) != socket)
			continue;
		n += port->n_rxq * (port->rxd + FORWARD_BURST);
		if (port->peer != NULL)
			n += port->peer->n_txq * port->peer->txd;
	}
	return n == 0 ? 0 : n + n_lcores * MBUF_CACHE * 3 / 2 + MBUFS_FOR_SINKS;
}

static int
create_pools(struct ports *ports, unsigned int n_lcores, struct vmirror_error *err)
{
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int n;
	uint64_t bytes;

	for (unsigned int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		n = count_mbufs(ports, socket, n_lcores);
		if (n == 0)
			continue;
		snprintf(name, sizeof(name), "vmirror_ports_%u", socket);
		bytes = (uint64_t)n *
			rte_mempool_calc_obj_size(
				sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0, NULL);
		pool = rte_pktmbuf_pool_create(name, n, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       (int)socket);
		if (pool == NULL)
			return vmirror_error_set(
				err, -rte_errno,
				"the ports need a mempool of %u packets, %" PRIu64
				" MB, on socket %u: %s; try a larger -m, or smaller --rxd and "
				"--txd",
				n, (bytes + (1 << 20) - 1) >> 20, socket, strerror(rte_errno));
		ports->pool[socket] = pool;
		ports->n_mbufs += n;
		ports->pool_bytes += bytes;
	}
	return 0;
}

/* Checked here, because EAL's log would say it worse. */
static int
check_mtu(const struct port *port, uint16_t mtu, struct vmirror_error *err)
{
	const struct rte_eth_dev_info *info = &port->info;
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN, max;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	max = RTE_MIN((uint32_t)info->max_mtu, info->max_rx_pktlen - overhead);
	if (mtu < info->min_mtu || mtu > max)
		return vmirror_error_set(err, -EINVAL,
					 "--mtu %u: port '%s' (%s) takes %u to %" PRIu32, mtu,
					 port->name, info->driver_name, info->min_mtu, max);
	return 0;
}

/* Chains in both directions, for jumbo frames. Never MBUF_FAST_FREE: mirrors hold references. */
static void
fill_conf(const struct port *port, uint16_t mtu, struct rte_eth_conf *conf)
{
	uint64_t rss_hf = port->info.flow_type_rss_offloads & RSS_WANTED;

	*conf = (struct rte_eth_conf){
		.rxmode =
			{
				.mtu = mtu,
				.offloads = port->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER,
			},
		.txmode.offloads = port->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
		.intr_conf.rxq = port->rx_interrupts,
	};
	if (port->n_rxq > 1 && rss_hf != 0) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf = rss_hf;
	}
}

/* Asks for rx interrupts first, and without the log: to be refused is no fault. */
static int
configure(struct port *port, const struct options *options, struct rte_eth_conf *conf)
{
	uint32_t level = rte_log_get_global_level();
	int ret;

	port->rx_interrupts = !options->busy_poll;
	fill_conf(port, options->mtu, conf);
	if (port->rx_interrupts) {
		rte_log_set_global_level(RTE_LOG_EMERG);
		ret = rte_eth_dev_configure(port->id, port->n_rxq, port->n_txq, conf);
		rte_log_set_global_level(level);
		if (ret == 0)
			return 0;
		port->rx_interrupts = false;
		fill_conf(port, options->mtu, conf);
	}
	return rte_eth_dev_configure(port->id, port->n_rxq, port->n_txq, conf);
}

static int
setup_queues(const struct port *port, const struct rte_eth_conf *conf, struct rte_mempool *pool)
{
	struct rte_eth_rxconf rx = port->info.default_rxconf;
	struct rte_eth_txconf tx = port->info.default_txconf;
	int socket = rte_eth_dev_socket_id(port->id), ret = 0;

	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	for (uint16_t q = 0; q < port->n_rxq && ret == 0; q++)
		ret = rte_eth_rx_queue_setup(port->id, q, port->rxd, (unsigned int)socket, &rx,
					     pool);
	for (uint16_t q = 0; q < port->n_txq && ret == 0; q++)
		ret = rte_eth_tx_queue_setup(port->id, q, port->txd, (unsigned int)socket, &tx);
	return ret;
}

static int
configure_port(struct port *port, const struct options *options, struct rte_mempool *pool,
	       struct vmirror_error *err)
{
	struct rte_eth_conf conf;
	int ret;

	if (options->mtu != 0) {
		ret = check_mtu(port, options->mtu, err);
		if (ret < 0)
			return ret;
	}
	ret = configure(port, options, &conf);
	if (ret < 0)
		return vmirror_error_set(err, ret, "port '%s': configuration refused: %s",
					 port->name, strerror(-ret));
	/* Configuring set the limit of what is received; the device itself hears of it here. */
	if (options->mtu != 0)
		ret = rte_eth_dev_set_mtu(port->id, options->mtu);
	if (ret < 0 && ret != -ENOTSUP)
		return vmirror_error_set(err, ret, "port '%s': MTU %u refused: %s", port->name,
					 options->mtu, strerror(-ret));
	ret = setup_queues(port, &conf, pool);
	if (ret < 0)
		return vmirror_error_set(err, ret, "port '%s': queue setup: %s%s", port->name,
					 strerror(-ret), ret == -ENOMEM ? "; try a larger -m" : "");
	return 0;
}

int
ports_configure(struct ports *ports, const struct options *options, unsigned int n_lcores,
		struct vmirror_error *err)
{
	int ret;

	for (unsigned int i = 0; i < ports->n; i++) {
		ret = choose_queues(&ports->port[i], options->queues, n_lcores, err);
		if (ret == 0)
			ret = choose_descriptors(&ports->port[i], options, err);
		if (ret < 0)
			return ret;
	}
	ret = create_pools(ports, n_lcores, err);
	for (unsigned int i = 0; i < ports->n && ret == 0; i++) {
		struct port *port = &ports->port[i];

		ret = configure_port(port, options, ports->pool[port_socket(port)], err);
	}
	return ret;
}

int
ports_start(struct ports *ports, struct vmirror_error *err)
{
	for (unsigned int i = 0; i < ports->n; i++) {
		struct port *port = &ports->port[i];
		int ret = rte_eth_dev_start(port->id);
		char missing[VMIRROR_CAPABILITY_TEXT_SIZE];

		if (ret < 0)
			return vmirror_error_set(
				err, ret, "port '%s' does not start: %s", port->name,
				find_missing(port->name, "", missing) != 0 ? missing
									   : strerror(-ret));
		port->started = true;
		ret = rte_eth_promiscuous_enable(port->id);
		if (ret < 0 && ret != -ENOTSUP)
			say("port '%s': no promiscuous mode: %s", port->name, strerror(-ret));
	}
	return 0;
}

void
ports_fini(struct ports *ports)
{
	for (unsigned int i = ports->n; i-- > 0;)
		if (ports->port[i].started)
			rte_eth_dev_stop(ports->port[i].id);
	for (unsigned int i = ports->n; i-- > 0;)
		rte_eth_dev_close(ports->port[i].id);
	for (unsigned int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++)
		rte_mempool_free(ports->pool[socket]);
	free(ports->port);
	*ports = (struct ports){0};
}

const char *
port_describe(const struct port *port, char *buf, size_t size)
{
	snprintf(buf, size, "port %s (%s, %u queue%s): %s%s", port->name, port->info.driver_name,
		 port->n_rxq, port->n_rxq == 1 ? "" : "s",
		 port->peer != NULL ? "forwards to " : "receive-only",
		 port->peer != NULL ? port->peer->name : "");
	return buf;
}
