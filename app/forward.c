/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The poll loop. A unit of work is one rx queue; it belongs to one lcore, and so does the tx queue
 * of the same number on the peer, hence no locks. Mirroring is not seen here: the library's
 * callbacks run inside the rx and tx bursts. What to do between packets is wait.c's.
 */

#include "forward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "devargs/error.h"

#include "port.h"

static void
count(uint64_t *counter, uint16_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static uint16_t
unit_burst(struct unit *unit)
{
	struct rte_mbuf *pkts[FORWARD_BURST];
	uint16_t n, sent;

	n = rte_eth_rx_burst(unit->rx_port, unit->queue, pkts, FORWARD_BURST);
	if (n == 0)
		return 0;
	count(&unit->counters.rx, n);
	if (unit->tx_port == FORWARD_NOWHERE) {
		rte_pktmbuf_free_bulk(pkts, n);
		return n;
	}
	/* Offered once: a port that is full or down must not hold up the other direction. */
	sent = rte_eth_tx_burst(unit->tx_port, unit->queue, pkts, n);
	count(&unit->counters.tx, sent);
	if (unlikely(sent < n)) {
		rte_pktmbuf_free_bulk(pkts + sent, (unsigned int)(n - sent));
		count(&unit->counters.tx_dropped, (uint16_t)(n - sent));
	}
	return n;
}

static int
work(void *arg)
{
	const struct forward *forward = arg;
	unsigned int lcore = rte_lcore_id(), index = 0, n;
	struct worker *worker;

	while (forward->worker[index].lcore != lcore)
		index++;
	worker = &forward->worker[index];
	while (worker->n > 0 && !atomic_load_explicit(forward->stop, memory_order_relaxed)) {
		n = 0;
		for (unsigned int i = 0; i < worker->n; i++)
			n += unit_burst(&worker->unit[i]);
		if (n > 0)
			wait_traffic(&worker->wait);
		else
			wait_idle(&worker->wait);
	}
	return 0;
}

int
forward_run(struct forward *forward)
{
	int ret = rte_eal_mp_remote_launch(work, forward, CALL_MAIN);

	rte_eal_mp_wait_lcore();
	return ret;
}

static void *
alloc_lines(size_t n, size_t size)
{
	void *lines = aligned_alloc(RTE_CACHE_LINE_SIZE, n * size);

	if (lines != NULL)
		memset(lines, 0, n * size);
	return lines;
}

/* The main lcore comes first: were it without work it would wait for the others, spinning. */
static int
create_workers(struct forward *forward, unsigned int n_units)
{
	unsigned int lcore, each;

	forward->worker = alloc_lines(rte_lcore_count(), sizeof(*forward->worker));
	if (forward->worker == NULL)
		return -ENOMEM;
	forward->worker[forward->n++].lcore = rte_get_main_lcore();
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		forward->worker[forward->n++].lcore = lcore;
	}
	each = (n_units + forward->n - 1) / forward->n;
	for (unsigned int i = 0; i < forward->n; i++) {
		forward->worker[i].interrupts = true;
		forward->worker[i].unit = alloc_lines(each, sizeof(struct unit));
		if (forward->worker[i].unit == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
deal_units(struct forward *forward, const struct ports *ports)
{
	unsigned int next = 0;

	for (unsigned int i = 0; i < ports->n; i++) {
		const struct port *port = &ports->port[i];

		for (uint16_t queue = 0; queue < port->n_rxq; queue++) {
			struct worker *worker = &forward->worker[next++ % forward->n];

			worker->interrupts = worker->interrupts && port->rx_interrupts;
			worker->unit[worker->n++] = (struct unit){
				.rx_port = port->id,
				.tx_port = port->peer != NULL ? port->peer->id : FORWARD_NOWHERE,
				.queue = queue,
			};
		}
	}
}

int
forward_init(struct forward *forward, const struct ports *ports, bool busy_poll,
	     const atomic_bool *stop, struct vmirror_error *err)
{
	unsigned int n_units = 0;

	*forward = (struct forward){.stop = stop};
	for (unsigned int i = 0; i < ports->n; i++)
		n_units += ports->port[i].n_rxq;
	if (create_workers(forward, n_units) < 0) {
		forward_fini(forward);
		return vmirror_error_set(err, -ENOMEM, "out of memory");
	}
	deal_units(forward, ports);
	for (unsigned int i = 0; i < forward->n; i++) {
		struct worker *worker = &forward->worker[i];

		wait_init(&worker->wait, worker->unit, worker->n, worker->interrupts, busy_poll);
	}
	return 0;
}

void
forward_fini(struct forward *forward)
{
	for (unsigned int i = 0; i < forward->n; i++) {
		wait_fini(&forward->worker[i].wait);
		free(forward->worker[i].unit);
	}
	free(forward->worker);
	*forward = (struct forward){0};
}

struct unit_counters
forward_counters(const struct forward *forward, uint16_t port)
{
	struct unit_counters sum = {0};

	for (unsigned int i = 0; i < forward->n; i++) {
		for (unsigned int k = 0; k < forward->worker[i].n; k++) {
			const struct unit *unit = &forward->worker[i].unit[k];
			const struct unit_counters *c = &unit->counters;

			if (unit->rx_port == port)
				sum.rx += __atomic_load_n(&c->rx, __ATOMIC_RELAXED);
			if (unit->tx_port != port)
				continue;
			sum.tx += __atomic_load_n(&c->tx, __ATOMIC_RELAXED);
			sum.tx_dropped += __atomic_load_n(&c->tx_dropped, __ATOMIC_RELAXED);
		}
	}
	return sum;
}
