/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * EAL's list of devargs has no lock, and whoever plugs or unplugs a vdev changes it, for some
 * hundred nanoseconds. A program plugs on a thread of its own which nobody can ask to wait. What can
 * be done is to keep out of its way while it is at it: programs plug many ports in a row, when they
 * start above all. ethdev tells of each.
 */

#include "plugin/host.h"

#include <stdint.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "lib/port.h"
#include "lib/thread.h"
#include "plugin/gate.h"

#define QUIET_MS    100
#define PATIENCE_MS 3000
#define LOOK_MS     10

static _Thread_local bool own_thread;
static uint64_t last_event_ns; /* atomic; CLOCK_MONOTONIC */

bool
plugin_host_has_begun(void)
{
	struct rte_eth_dev_owner owner;
	uint16_t port_id;

	/* Ports that somebody owns are sinks, or parts of another port. */
	for (port_id = 0; port_id < RTE_MAX_ETHPORTS; port_id++)
		if (rte_eth_dev_is_valid_port(port_id) && vmirror_port_is_started(port_id) &&
		    rte_eth_dev_owner_get(port_id, &owner) == 0 && owner.id == RTE_ETH_DEV_NO_OWNER)
			return true;
	return false;
}

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret_param)
{
	if (own_thread)
		return 0;
	if (type == RTE_ETH_EVENT_NEW)
		plugin_gate_adopt(port_id);
	__atomic_store_n(&last_event_ns, vmirror_now_ns(), __ATOMIC_RELAXED);
	return 0;
}

void
plugin_host_is_us(void)
{
	own_thread = true;
}

int
plugin_host_watch(void)
{
	int ret;

	ret = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, on_event, NULL);
	if (ret == 0)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY, on_event,
						    NULL);
	return ret;
}

void
plugin_host_wait_quiet(void)
{
	unsigned int ms;

	for (ms = 0; ms < PATIENCE_MS; ms += LOOK_MS) {
		if (vmirror_now_ns() - __atomic_load_n(&last_event_ns, __ATOMIC_RELAXED) >
		    QUIET_MS * UINT64_C(1000000))
			return;
		rte_delay_us_sleep(LOOK_MS * 1000);
	}
}
