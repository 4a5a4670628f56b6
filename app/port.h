/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_PORT_H
#define APP_PORT_H

/*
 * The ports that EAL gave us, and what is done to them: found, paired (pair.h), configured,
 * started, and all of it undone. Main thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "vmirror_error.h"

struct options;
struct rte_mempool;

struct port {
	uint16_t id;
	char name[RTE_ETH_NAME_MAX_LEN];
	struct port *peer; /* NULL: receive-only */
	uint16_t n_rxq;
	uint16_t n_txq;
	uint16_t rxd; /* descriptors per queue */
	uint16_t txd;
	bool rx_interrupts; /* asked for at configuration, and not refused */
	bool started;
	struct rte_eth_dev_info info;
};

struct ports {
	struct port *port;
	unsigned int n;
	struct rte_mempool *pool[RTE_MAX_NUMA_NODES]; /* by socket; NULL where no port is */
	unsigned int n_mbufs;
	uint64_t pool_bytes;
};

/**
 * List the ports that nobody owns.
 *
 * @param ports  filled on success (ports_fini() then undoes it)
 * @return       0; -ENODEV when there is none; -ENOMEM; err set
 */
int
ports_find(struct ports *ports, struct vmirror_error *err);

/**
 * Configure every port and set up its queues, but start none. The pairs must be known.
 *
 * @param n_lcores  cores that will poll
 * @return          0; negative errno with err set
 */
int
ports_configure(struct ports *ports, const struct options *options, unsigned int n_lcores,
		struct vmirror_error *err);

/** Start every port. @return 0; negative errno with err set */
int
ports_start(struct ports *ports, struct vmirror_error *err);

/** Stop what was started, close every port, free the pools; empties it. Takes an empty one, too. */
void
ports_fini(struct ports *ports);

/**
 * Write what a port is and does: "port net_tap0 (net_tap, 1 queue): forwards to net_tap1".
 *
 * @return buf
 */
const char *
port_describe(const struct port *port, char *buf, size_t size);

#endif
