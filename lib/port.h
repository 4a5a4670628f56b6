/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_PORT_H
#define LIB_PORT_H

/*
 * The ports of the process as sources: finding them, knowing which are going away, and the one
 * permanent callback per queue and direction.
 *
 * Locks: what is said to need the hook lock needs shared.h's; the rest needs none.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "lib/dispatch.h"
#include "vmirror_error.h"

/**
 * Find a port by what a person calls it.
 *
 * @param word  device name or number
 * @param name  receives the device name
 * @return      0; -ENODEV with err naming the ports that there are
 */
int
vmirror_port_find(const char *word, char name[RTE_ETH_NAME_MAX_LEN], struct vmirror_error *err);

/** A port of the host's by its device name, if it is there and not going away. Hook lock. */
bool
vmirror_port_present(const char *name, uint16_t *port_id);

/** Whether a port is started, told without its driver. Any thread. */
bool
vmirror_port_is_started(uint16_t port_id);

/**
 * Whether a port's driver may be asked: on a host's thread always, beside one while the port is
 * started. Hook lock.
 */
bool
vmirror_port_may_ask(uint16_t port_id);

/** Whether this thread stands beside the host's: it serves others, whatever the host does to its ports. */
void
vmirror_port_stand_beside(bool beside);

/** Whether a port's driver hands on the mbufs that it is given (net_ring, net_softnic). Any thread. */
bool
vmirror_port_hands_on(uint16_t port_id);

/**
 * Whether any port is configured to return mbufs without a look at their references,
 * RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE. Told without the drivers. Any thread.
 *
 * @param name  receives the device name of such a one
 */
bool
vmirror_port_any_fast_free(char name[RTE_ETH_NAME_MAX_LEN]);

/**
 * Whether a tx queue by itself is set up for that, or may be. Asks the driver, which may be asked.
 * Hook lock.
 */
bool
vmirror_port_queue_fast_free(uint16_t port_id, uint16_t queue);

/** The kernel interface that a port sits on; 0: none, or not to be asked. */
unsigned int
vmirror_port_ifindex(const char *name);

/** Queues that a port has in one direction now; 0 as well: not to be asked. */
uint16_t
vmirror_port_queues(uint16_t port_id, bool is_tx);

/**
 * Names of the host's ports, sinks and other owned ones left out. Hook lock.
 *
 * @return how many
 */
unsigned int
vmirror_port_names(char names[RTE_MAX_ETHPORTS][RTE_ETH_NAME_MAX_LEN]);

/**
 * The dispatcher of a queue, its callback installed. That there is no such queue is found out
 * without asking the driver, so that the control thread may look at any time. Hook lock.
 *
 * @return 0; -EINVAL when the queue is not there or cannot have a callback (hairpin); -ENOMEM;
 *         err set but for -EINVAL
 */
int
vmirror_port_dispatcher(uint16_t port_id, uint16_t queue, bool is_tx, struct vmirror_dispatcher **d,
			struct vmirror_error *err);

/** Whether this DPDK runs rx and tx callbacks at all. */
bool
vmirror_port_has_callbacks(void);

/** What ethdev's events told of a port. Hook lock. */
void
vmirror_port_came(uint16_t port_id);

void
vmirror_port_goes(uint16_t port_id);

/** In a child of fork(): no hook sees what it forwards. */
void
vmirror_port_silence(void);

/** Events were not heard: what they told is void. Hook lock. */
void
vmirror_port_forget(void);

#endif
