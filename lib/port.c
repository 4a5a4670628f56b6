/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Between ethdev and the dispatchers. ethdev's callbacks are added here, once each, and never
 * removed: they survive their port, and fire again for whatever port takes the same number, so a
 * dispatcher belongs to a number and is emptied (mirror.c) when the port behind it goes.
 */

#include "lib/port.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>

#include "devargs/error.h"
#include "devargs/nearest.h"
#include "lib/shared.h"
#include "lib/vdev.h"

/* Never freed: the callbacks point there as long as the process lives. */
static struct vmirror_dispatcher *dispatchers[RTE_MAX_ETHPORTS][2][RTE_MAX_QUEUES_PER_PORT];

/* Between EVENT_DESTROY and the next EVENT_NEW ethdev may still call the port valid. */
static bool going[RTE_MAX_ETHPORTS];

static uint16_t
on_rx(uint16_t port_id, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n_pkts, uint16_t max_pkts,
      void *arg)
{
	vmirror_dispatch_burst(arg, pkts, n_pkts);
	return n_pkts;
}

static uint16_t
on_tx(uint16_t port_id, uint16_t queue, struct rte_mbuf *pkts[], uint16_t n_pkts, void *arg)
{
	vmirror_dispatch_burst(arg, pkts, n_pkts);
	return n_pkts;
}

unsigned int
vmirror_port_names(char names[RTE_MAX_ETHPORTS][RTE_ETH_NAME_MAX_LEN])
{
	struct rte_eth_dev_owner owner;
	unsigned int n = 0;
	uint16_t port_id;

	/* Not RTE_ETH_FOREACH_DEV: it follows pointers that a port which goes takes along. */
	for (port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++)
		if (!going[port_id] && rte_eth_dev_is_valid_port(port_id) &&
		    rte_eth_dev_owner_get(port_id, &owner) == 0 &&
		    owner.id == RTE_ETH_DEV_NO_OWNER &&
		    rte_eth_dev_get_name_by_port(port_id, names[n]) == 0)
			n++;
	return n;
}

static int
not_found(const char *word, struct vmirror_error *err)
{
	char names[RTE_MAX_ETHPORTS][RTE_ETH_NAME_MAX_LEN];
	const char *known[RTE_MAX_ETHPORTS + 1];
	unsigned int i, n;
	char hint[320];

	pthread_mutex_lock(&vmirror_shared.hooks);
	n = vmirror_port_names(names);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	for (i = 0; i < n; i++)
		known[i] = names[i];
	known[n] = NULL;
	if (n == 0)
		return vmirror_error_set(err, -ENODEV, "port '%s' does not exist; there are none",
					 word);
	return vmirror_error_set(err, -ENODEV, "port '%s' does not exist; there are: %s", word,
				 vmirror_nearest_hint(hint, sizeof(hint), word, known));
}

int
vmirror_port_find(const char *word, char name[RTE_ETH_NAME_MAX_LEN], struct vmirror_error *err)
{
	uint16_t port_id = RTE_MAX_ETHPORTS;
	char *end;

	if (isdigit((unsigned char)word[0])) {
		unsigned long number = strtoul(word, &end, 10);

		if (*end == '\0' && number < RTE_MAX_ETHPORTS)
			port_id = number;
	}
	if (!rte_eth_dev_is_valid_port(port_id) &&
	    rte_eth_dev_get_port_by_name(word, &port_id) != 0)
		return not_found(word, err);
	if (rte_eth_dev_get_name_by_port(port_id, name) != 0)
		return not_found(word, err);
	/* The sentinel, or a sink, which attach.c has a word for. */
	return vmirror_vdev_is_own(port_id) ? not_found(word, err) : 0;
}

bool
vmirror_port_present(const char *name, uint16_t *port_id)
{
	return rte_eth_dev_get_port_by_name(name, port_id) == 0 && !going[*port_id] &&
	       !vmirror_vdev_is_own(*port_id);
}

/* What ethdev calls for a port that is not started; a number without a port has it. */
static eth_rx_burst_t
idle_burst(void)
{
	static eth_rx_burst_t idle;
	uint16_t port_id;

	for (port_id = 0; idle == NULL && port_id < RTE_MAX_ETHPORTS; port_id++)
		if (!rte_eth_dev_is_valid_port(port_id))
			idle = rte_eth_fp_ops[port_id].rx_pkt_burst;
	return idle;
}

bool
vmirror_port_is_started(uint16_t port_id)
{
	return rte_eth_fp_ops[port_id].rx_pkt_burst != idle_burst();
}

static __thread bool beside_host;

void
vmirror_port_stand_beside(bool beside)
{
	beside_host = beside;
}

/*
 * What its driver says. Between EVENT_NEW and the end of its probe a port has no driver that could be
 * asked (22.11: a NULL pointer), and while it is being closed the driver's data go. The host's own
 * threads are never in between; others must keep to ports that are started: their probe is over, and
 * they are stopped before they are closed.
 */
bool
vmirror_port_may_ask(uint16_t port_id)
{
	return !(vmirror_shared.unaware_host || beside_host) || vmirror_port_is_started(port_id);
}

bool
vmirror_port_hands_on(uint16_t port_id)
{
	static const char *const drivers[] = {"net_ring", "eth_ring", "net_softnic"};
	char name[RTE_ETH_NAME_MAX_LEN];
	unsigned int i;

	if (rte_eth_dev_get_name_by_port(port_id, name) != 0)
		return true;
	for (i = 0; i < RTE_DIM(drivers); i++)
		if (strncmp(name, drivers[i], strlen(drivers[i])) == 0)
			return true;
	return false;
}

bool
vmirror_port_any_fast_free(char name[RTE_ETH_NAME_MAX_LEN])
{
	struct rte_eth_conf conf;
	uint16_t port_id;

	for (port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++)
		if (rte_eth_dev_is_valid_port(port_id) &&
		    rte_eth_dev_conf_get(port_id, &conf) == 0 &&
		    (conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0 &&
		    rte_eth_dev_get_name_by_port(port_id, name) == 0)
			return true;
	return false;
}

bool
vmirror_port_queue_fast_free(uint16_t port_id, uint16_t queue)
{
	struct rte_eth_txq_info txq;
	struct rte_eth_dev_info info;

	if (rte_eth_tx_queue_info_get(port_id, queue, &txq) == 0)
		return (txq.conf.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	/* Its driver does not say. Is it one that can? */
	return rte_eth_dev_info_get(port_id, &info) != 0 ||
	       ((info.tx_queue_offload_capa | info.default_txconf.offloads) &
		RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
}

/* The hook lock keeps a port from being released meanwhile. */
static bool
ask(uint16_t port_id, struct rte_eth_dev_info *info)
{
	bool told;

	pthread_mutex_lock(&vmirror_shared.hooks);
	told = !going[port_id] && vmirror_port_may_ask(port_id) &&
	       rte_eth_dev_info_get(port_id, info) == 0;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return told;
}

unsigned int
vmirror_port_ifindex(const char *name)
{
	struct rte_eth_dev_info info;
	uint16_t port_id;

	if (rte_eth_dev_get_port_by_name(name, &port_id) != 0 || !ask(port_id, &info))
		return 0;
	return info.if_index;
}

uint16_t
vmirror_port_queues(uint16_t port_id, bool is_tx)
{
	struct rte_eth_dev_info info;

	if (!ask(port_id, &info))
		return 0;
	return is_tx ? info.nb_tx_queues : info.nb_rx_queues;
}

bool
vmirror_port_has_callbacks(void)
{
	/*
	 * The library's build, not ours, decides. Without callbacks it says ENOTSUP before it
	 * looks at the port; with them it finds that this one is none.
	 */
	return rte_eth_add_rx_callback(RTE_MAX_ETHPORTS, 0, on_rx, NULL) == NULL &&
	       rte_errno != ENOTSUP;
}

static int
install(struct vmirror_dispatcher *d, uint16_t port_id, uint16_t queue, bool is_tx,
	struct vmirror_error *err)
{
	const void *callback;

	/* As near to the wire as ethdev lets us: the first on rx, the last so far on tx. */
	if (is_tx)
		callback = rte_eth_add_tx_callback(port_id, queue, on_tx, d);
	else
		callback = rte_eth_add_first_rx_callback(port_id, queue, on_rx, d);
	if (callback == NULL && rte_errno == EINVAL)
		return -EINVAL;
	if (callback == NULL)
		return vmirror_error_set(err, -rte_errno, "port %u: no callback on %s queue %u: %s",
					 port_id, is_tx ? "tx" : "rx", queue,
					 rte_strerror(rte_errno));
	d->installed = true;
	return 0;
}

/*
 * Several cores may transmit on one queue where the port offers that and the host took it up. The
 * host may take it up later, unseen, so the offer is what counts. Until the port is started it is not
 * asked, and taken for one that does. Any thread, the control thread foremost.
 */
static void
find_shared(struct vmirror_dispatcher *d, uint16_t port_id, bool is_tx)
{
	bool started = is_tx && vmirror_port_is_started(port_id);
	struct rte_eth_dev_info info;
	bool shared = is_tx;

	if (started && rte_eth_dev_info_get(port_id, &info) == 0)
		shared = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MT_LOCKFREE) != 0;
	d->asked = started || !is_tx;
	__atomic_store_n(&d->shared, shared, __ATOMIC_RELAXED);
}

int
vmirror_port_dispatcher(uint16_t port_id, uint16_t queue, bool is_tx, struct vmirror_dispatcher **d,
			struct vmirror_error *err)
{
	struct vmirror_dispatcher **slot = &dispatchers[port_id][is_tx][queue];
	int ret;

	if (*slot == NULL) {
		*slot = vmirror_dispatcher_create();
		if (*slot == NULL)
			return vmirror_error_set(err, -ENOMEM, "port %u: out of memory", port_id);
	}
	*d = *slot;
	if (!(*d)->installed) {
		ret = install(*d, port_id, queue, is_tx, err);
		if (ret != 0)
			return ret;
	}
	/* The port behind the number may be another than the last time. Asked once, not at every tick. */
	if ((*d)->hooks == NULL || !(*d)->asked)
		find_shared(*d, port_id, is_tx);
	return 0;
}

void
vmirror_port_came(uint16_t port_id)
{
	going[port_id] = false;
}

void
vmirror_port_goes(uint16_t port_id)
{
	going[port_id] = true;
}

void
vmirror_port_silence(void)
{
	struct vmirror_dispatcher *const *slot = &dispatchers[0][0][0];
	size_t i;

	for (i = 0; i < sizeof(dispatchers) / sizeof(*slot); i++)
		if (slot[i] != NULL)
			vmirror_dispatch_silence(slot[i]);
}

void
vmirror_port_forget(void)
{
	memset(going, 0, sizeof(going));
}
