/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_FORWARD_H
#define APP_FORWARD_H

/* The data path: units of work, and the lcores that do them. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "vmirror_error.h"

#include "wait.h"

struct ports;

#define FORWARD_BURST 32

/** tx_port of a unit that only receives. */
#define FORWARD_NOWHERE UINT16_MAX

/** Written by the unit's lcore only, read by anyone: load and store relaxed. */
struct unit_counters {
	uint64_t rx;
	uint64_t tx;
	uint64_t tx_dropped;
};

/** One rx queue and where its packets go. */
struct __rte_cache_aligned unit {
	uint16_t rx_port;
	uint16_t tx_port;
	uint16_t queue; /* of both */
	struct unit_counters counters;
};

/** What one lcore does. */
struct __rte_cache_aligned worker {
	struct unit *unit;
	unsigned int n;
	unsigned int lcore;
	bool interrupts; /* all of its ports were configured for them */
	struct wait wait;
};

struct forward {
	struct worker *worker;
	unsigned int n; /* workers: all lcores, the main one first */
	const atomic_bool *stop;
};

/**
 * Deal the ports' queues out to all lcores, and prepare their sleep. The ports must be started.
 *
 * @param forward    filled on success (forward_fini() then undoes it)
 * @param busy_poll  never sleep
 * @param stop       the lcores end when it becomes true
 * @return           0; -ENOMEM with err set
 */
int
forward_init(struct forward *forward, const struct ports *ports, bool busy_poll,
	     const atomic_bool *stop, struct vmirror_error *err);

/** Forward on all lcores, this one included. Returns when all have stopped. @return 0; -EBUSY */
int
forward_run(struct forward *forward);

/** Before the ports are stopped. Takes a zeroed one, too. */
void
forward_fini(struct forward *forward);

/** Add up what was received from, sent to and dropped before a port. Any thread. */
struct unit_counters
forward_counters(const struct forward *forward, uint16_t port);

#endif
