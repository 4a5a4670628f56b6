/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any vdev whose driver is in the process and not in the table. Nothing is known of it, so it is
 * taken for one that keeps mbufs and reads the first segment alone, and its keys for those that it
 * publishes (lib/pmdinfo.h). Refused are drivers that make no sense as a sink, or do harm.
 */

#include "drivers/other.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#define DEVARGS_SIZE 1024

/* How long a driver that gives mbufs back may take, and how long one is waited for that does not. */
#define DRAIN_MS 200
#define STALL_MS 20

/* [drivers/net/{bonding,failsafe,vdev_netvsc,softnic,tap}, 22.11 to 25.11] */
static const struct {
	const char *driver;
	const char *why;
} refused[] = {
	{"net_bonding", "it would take ports of the process for its own"},
	{"net_failsafe", "it would take ports of the process for its own, and can run commands"},
	{"net_vdev_netvsc", "it would take interfaces of the machine for its own"},
	{"net_ionic", "it is a NIC's, and ends the process where that NIC is not"},
	{"net_softnic", "packets would wait in it for a pipeline, which nobody runs"},
	{"net_tun", "it takes IP packets, and a mirror has frames; net_tap takes those"},
};

static int
other_check(const struct vmirror_spec_sink *spec, struct vmirror_sink_plan *plan,
	    struct vmirror_error *err)
{
	char devargs[DEVARGS_SIZE] = "";
	unsigned int i;

	for (i = 0; i < RTE_DIM(refused); i++)
		if (strcmp(refused[i].driver, plan->driver) == 0)
			return vmirror_error_set(err, -EINVAL, "sink %s: the driver is refused: %s",
						 plan->driver, refused[i].why);
	snprintf(plan->resource, sizeof(plan->resource), "vdev %s", plan->vdev);
	return vmirror_sink_devargs(spec, devargs, sizeof(devargs), err);
}

int
vmirror_other_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
		   size_t size, struct vmirror_error *err)
{
	int ret = vmirror_sink_devargs(spec, devargs, size, err);

	if (ret != 0)
		return ret;
	sink->priv = calloc(1, sizeof(struct vmirror_other));
	if (sink->priv == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink %s: out of memory", sink->vdev);
	return 0;
}

static bool
is_link_down(const struct vmirror_sink *sink)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(sink->port_id, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_DOWN;
}

enum vmirror_sink_health
vmirror_other_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
		     char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vmirror_other *other = sink->priv;
	uint64_t rejected = progress->rejected_pkts - progress->too_long_pkts;

	if (rejected != other->rejected) {
		other->rejected = rejected;
		other->accepted = progress->accepted_pkts;
		snprintf(other->reason, sizeof(other->reason), "vdev %s refuses packets%s",
			 sink->vdev,
			 is_link_down(sink) ? ": its link is down, nobody is connected" : "");
	} else if (progress->accepted_pkts != other->accepted) {
		other->reason[0] = '\0';
	}
	memcpy(reason, other->reason, sizeof(other->reason));
	return other->reason[0] != '\0' ? VMIRROR_SINK_AILS : VMIRROR_SINK_WELL;
}

uint32_t
vmirror_other_drain(struct vmirror_sink *sink, struct rte_mempool *pool)
{
	uint32_t held = rte_mempool_in_use_count(pool);
	unsigned int ms, still = 0;

	for (ms = 0; held > 0 && ms < DRAIN_MS && still < STALL_MS; ms++) {
		uint32_t before = held;

		rte_delay_us_sleep(1000);
		held = rte_mempool_in_use_count(pool);
		still = held < before ? 0 : still + 1;
	}
	return held;
}

void
vmirror_other_close(struct vmirror_sink *sink, enum vmirror_sink_end end)
{
	free(sink->priv);
}

/*
 * net_null allocates for its queues and releases none when it is closed; ethdev does for queues that
 * are not configured any more.
 * [drivers/net/null/rte_eth_null.c, 22.11 to 25.11: eth_rx_queue_setup(), eth_dev_close()]
 */
static void
null_reclaim(struct vmirror_sink *sink)
{
	static const struct rte_eth_conf conf;

	if (rte_eth_dev_configure(sink->port_id, 0, 1, &conf) == 0)
		rte_eth_dev_configure(sink->port_id, 1, 0, &conf);
}

static const char *const other_keys[] = {NULL};

const struct vmirror_sink_ops vmirror_sink_other = {
	.keys = other_keys,
	/* Most want one; those that do not leave it alone. */
	.n_rxq = 1,
	.holds = true,
	.linear = true,
	.check = other_check,
	.open = vmirror_other_open,
	.health = vmirror_other_health,
	.drain = vmirror_other_drain,
	.close = vmirror_other_close,
};

extern const struct vmirror_sink_ops vmirror_sink_net_null;

const struct vmirror_sink_ops vmirror_sink_net_null = {
	.driver = "net_null",
	.alias = "eth_null",
	.keys = other_keys,
	.n_rxq = 1,
	.holds = true,
	.linear = true,
	.check = other_check,
	.open = vmirror_other_open,
	.health = vmirror_other_health,
	.drain = vmirror_other_drain,
	.reclaim = null_reclaim,
	.close = vmirror_other_close,
};
