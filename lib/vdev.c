/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * vdevs of our own: the sinks' (sink.c) and the sentinel and its guard (engine.c). The calls come one at a time,
 * under the engine's control lock, because EAL's list of devargs has no lock of its own.
 */

#include "lib/vdev.h"

#include <errno.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "devargs/error.h"
#include "lib/sigpipe.h"

static struct rte_eth_dev_owner owner = {.name = "vmirror"};

/* This thread is plugging a vdev. ethdev sends EVENT_NEW on the same thread. */
static _Thread_local bool plugging;

int
vmirror_vdev_init(struct vmirror_error *err)
{
	int ret = owner.id != RTE_ETH_DEV_NO_OWNER ? 0 : rte_eth_dev_owner_new(&owner.id);

	if (ret != 0)
		return vmirror_error_set(err, ret, "ethdev gave no owner id: %s",
					 rte_strerror(-ret));
	return 0;
}

bool
vmirror_vdev_adopt(uint16_t port_id)
{
	return plugging && rte_eth_dev_owner_set(port_id, &owner) == 0;
}

bool
vmirror_vdev_is_own(uint16_t port_id)
{
	struct rte_eth_dev_owner got;

	return owner.id != RTE_ETH_DEV_NO_OWNER && rte_eth_dev_is_valid_port(port_id) &&
	       rte_eth_dev_owner_get(port_id, &got) == 0 && got.id == owner.id;
}

int
vmirror_vdev_plug(const char *name, const char *devargs, uint16_t *port_id,
		  struct vmirror_error *err)
{
	struct vmirror_sigpipe sigpipe;
	int ret;

	/* EAL would log an error and return 0. */
	if (rte_eth_dev_get_port_by_name(name, port_id) == 0)
		return vmirror_error_set(err, -EEXIST, "vdev '%s' exists already, as port %u", name,
					 *port_id);
	/* Before a driver makes files and interfaces for a port that it will not get. */
	if (rte_eth_dev_count_total() == RTE_MAX_ETHPORTS)
		return vmirror_error_set(err, -ENOSPC,
					 "vdev '%s': this DPDK has %u ports, and all are in use",
					 name, RTE_MAX_ETHPORTS);
	vmirror_sigpipe_block(&sigpipe);
	plugging = true;
	ret = rte_eal_hotplug_add("vdev", name, devargs);
	plugging = false;
	vmirror_sigpipe_restore(&sigpipe);
	if (ret != 0) {
		/* EAL's word for a name that no driver of the bus begins with. */
		if (ret == -EFAULT)
			return vmirror_error_set(err, -ENXIO,
						 "vdev '%s' (%s) could not be plugged: this "
						 "process has no driver for such a vdev",
						 name, devargs);
		/* Drivers say -1 for whatever went wrong. */
		ret = ret < -1 ? ret : -EIO;
		return vmirror_error_set(err, ret, "vdev '%s' (%s) could not be plugged: %s", name,
					 devargs, rte_strerror(-ret));
	}

	if (rte_eth_dev_get_port_by_name(name, port_id) != 0) {
		/* Not removed: it is somebody's whose port was closed, and EAL plugged nothing. */
		return vmirror_error_set(err, -ENXIO, "vdev '%s' made no port", name);
	}
	if (!vmirror_vdev_is_own(*port_id)) {
		rte_eal_hotplug_remove("vdev", name);
		return vmirror_error_set(err, -EBUSY, "vdev '%s' was taken by somebody else", name);
	}
	return 0;
}

void
vmirror_vdev_unplug(const char *name)
{
	struct vmirror_sigpipe sigpipe;

	vmirror_sigpipe_block(&sigpipe);
	rte_eal_hotplug_remove("vdev", name);
	vmirror_sigpipe_restore(&sigpipe);
}
