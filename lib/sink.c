/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What all sinks have in common: finding the driver in the table, checking keys against it, and
 * walking a sink through its life (sink.h). mirror.c calls it; vdev.c does the plugging.
 */

#include "lib/sink.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "devargs/nearest.h"
#include "lib/pool.h"
#include "lib/sigpipe.h"
#include "lib/vdev.h"

#define MAX_DRIVERS   32
#define SINK_TX_DESCS 512

/*
 * The vdev bus matches by prefix and would give net_pcapng0 to net_pcap. Here a driver's name may
 * be followed by anything but a letter.
 */
static bool
driver_claims(const char *driver, const char *vdev)
{
	size_t len = strlen(driver);

	return strncmp(driver, vdev, len) == 0 && !isalpha((unsigned char)vdev[len]);
}

static bool
claims(const struct vmirror_sink_ops *ops, const char *vdev)
{
	return driver_claims(ops->driver, vdev) ||
	       (ops->alias != NULL && driver_claims(ops->alias, vdev));
}

static int
find_driver(const char *vdev, const struct vmirror_sink_ops **ops, struct vmirror_error *err)
{
	const char *known[MAX_DRIVERS + 1];
	char hint[256];
	unsigned int i;

	for (i = 0; vmirror_sinks[i] != NULL && i < MAX_DRIVERS; i++) {
		if (claims(vmirror_sinks[i], vdev)) {
			*ops = vmirror_sinks[i];
			return 0;
		}
		known[i] = vmirror_sinks[i]->driver;
	}
	known[i] = NULL;
	return vmirror_error_set(err, -EINVAL, "sink: unknown driver '%s'; known: %s", vdev,
				 vmirror_nearest_hint(hint, sizeof(hint), vdev, known));
}

static int
check_keys(const struct vmirror_spec_sink *spec, const struct vmirror_sink_ops *ops,
	   struct vmirror_error *err)
{
	char hint[256];
	unsigned int i, k;

	for (i = 0; i < spec->n_args; i++) {
		for (k = 0; ops->keys[k] != NULL; k++)
			if (strcmp(ops->keys[k], spec->args[i].key) == 0)
				break;
		if (ops->keys[k] == NULL)
			return vmirror_error_set(
				err, -EINVAL, "sink %s: unknown key '%s'; it knows: %s",
				ops->driver, spec->args[i].key,
				vmirror_nearest_hint(hint, sizeof(hint), spec->args[i].key,
						     ops->keys));
	}
	return 0;
}

int
vmirror_sink_check(const struct vmirror_spec_sink *spec, const char *mirror,
		   struct vmirror_sink_plan *plan, struct vmirror_error *err)
{
	uint16_t port_id;
	int ret, len;

	memset(plan, 0, sizeof(*plan));
	ret = find_driver(spec->vdev, &plan->ops, err);
	if (ret != 0)
		return ret;
	ret = check_keys(spec, plan->ops, err);
	if (ret != 0)
		return ret;

	if (strcmp(spec->vdev, plan->ops->driver) == 0)
		len = snprintf(plan->vdev, sizeof(plan->vdev), "%s_%s", spec->vdev, mirror);
	else
		len = snprintf(plan->vdev, sizeof(plan->vdev), "%s", spec->vdev);
	if (len >= (int)sizeof(plan->vdev))
		return vmirror_error_set(err, -EINVAL, "sink: vdev name '%s' is longer than %zu",
					 spec->vdev, sizeof(plan->vdev) - 1);
	if (rte_eth_dev_get_port_by_name(plan->vdev, &port_id) == 0)
		return vmirror_error_set(
			err, -EEXIST,
			"sink: vdev '%s' exists already, as port %u; give the sink "
			"a name of its own, as in sink=[%s_%s,…]",
			plan->vdev, port_id, plan->ops->driver, mirror);
	return plan->ops->check(spec, plan, err);
}

static int
setup_queues(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs)
{
	struct rte_mempool *pool = needs->pool;
	uint16_t n_txd = SINK_TX_DESCS;
	uint16_t n_rxd = 1;
	uint16_t queue;
	int ret;

	if (sink->ops->rx_mbufs != 0) {
		sink->rx_pool = vmirror_pool_create(sink->ops->rx_mbufs, needs->data_room,
						    needs->socket, VMIRROR_POOL_SHARED);
		if (sink->rx_pool == NULL)
			return -rte_errno;
		pool = sink->rx_pool;
	}
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(sink->port_id, &n_rxd, &n_txd);
	for (queue = 0; ret == 0 && queue < sink->ops->n_rxq; queue++)
		ret = rte_eth_rx_queue_setup(sink->port_id, queue, n_rxd, needs->socket, NULL,
					     pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(sink->port_id, 0, n_txd, needs->socket, NULL);
	return ret;
}

/* The vdev is plugged and its port not configured. */
static int
start(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs, struct vmirror_error *err)
{
	static const struct rte_eth_conf conf;
	const char *step = "configure";
	int ret;

	ret = rte_eth_dev_configure(sink->port_id, sink->ops->n_rxq, 1, &conf);
	if (ret != 0)
		goto fail;

	if (sink->ops->setup != NULL) {
		ret = sink->ops->setup(sink, needs, err);
		if (ret != 0)
			return ret;
	}
	step = "set up the queues of";
	ret = setup_queues(sink, needs);
	if (ret != 0)
		goto fail;

	step = "start";
	ret = rte_eth_dev_start(sink->port_id);
	if (ret == 0)
		return 0;

fail:
	return vmirror_error_set(err, ret, "sink: could not %s vdev '%s': %s", step, sink->vdev,
				 strerror(-ret));
}

static int
plug(struct vmirror_sink *sink, const char *devargs, struct vmirror_error *err)
{
	const char *log = sink->ops->noisy_log;
	int type = log != NULL ? rte_log_register(log) : -1;
	int level = type >= 0 ? rte_log_get_level(type) : -1;
	bool hush = level >= 0 && level <= (int)RTE_LOG_NOTICE;
	int ret;

	if (hush)
		rte_log_set_level(type, RTE_LOG_CRIT);
	ret = vmirror_vdev_plug(sink->vdev, devargs, &sink->port_id, err);
	if (hush)
		rte_log_set_level(type, level);
	if (ret != 0 && hush && err != NULL)
		vmirror_error_set(err, ret, "%s; --log-level=%s:info shows the driver's reason",
				  err->text, log);
	return ret;
}

int
vmirror_sink_create(struct vmirror_sink **sink, const struct vmirror_spec_sink *spec,
		    const struct vmirror_sink_plan *plan, const struct vmirror_sink_needs *needs,
		    struct vmirror_error *err)
{
	struct vmirror_sink *s = calloc(1, sizeof(*s));
	struct vmirror_sigpipe sigpipe;
	char devargs[1024] = "";
	int ret;

	if (s == NULL)
		return vmirror_error_set(err, -ENOMEM, "sink: out of memory");
	s->ops = plan->ops;
	memcpy(s->vdev, plan->vdev, sizeof(s->vdev));

	ret = s->ops->open(s, spec, devargs, sizeof(devargs), err);
	if (ret != 0)
		goto free_sink;
	ret = plug(s, devargs, err);
	if (ret != 0)
		goto close;
	vmirror_sigpipe_block(&sigpipe);
	ret = start(s, needs, err);
	vmirror_sigpipe_restore(&sigpipe);
	if (ret != 0)
		goto unplug;
	*sink = s;
	return 0;

unplug:
	vmirror_vdev_unplug(s->vdev);
	vmirror_pool_release(s->rx_pool);
close:
	if (s->ops->close != NULL)
		s->ops->close(s, VMIRROR_SINK_ABORT);
free_sink:
	free(s);
	return ret;
}

void
vmirror_sink_stop(struct vmirror_sink *sink)
{
	struct vmirror_sigpipe sigpipe;

	/* The host may have removed it just now, and plugged a port of its own in its place. */
	if (!vmirror_vdev_is_own(sink->port_id))
		return;
	vmirror_sigpipe_block(&sigpipe);
	rte_eth_dev_stop(sink->port_id);
	vmirror_sigpipe_restore(&sigpipe);
}

void
vmirror_sink_destroy(struct vmirror_sink *sink, enum vmirror_sink_end end, bool vdev_gone)
{
	if (sink == NULL)
		return;
	if (!vdev_gone)
		vmirror_vdev_unplug(sink->vdev);
	vmirror_pool_release(sink->rx_pool);
	if (sink->ops->close != NULL)
		sink->ops->close(sink, end);
	free(sink);
}

int
vmirror_sink_devargs(const struct vmirror_spec_sink *spec, char *buf, size_t size,
		     struct vmirror_error *err)
{
	size_t at = strlen(buf);
	unsigned int i;

	for (i = 0; i < spec->n_args; i++) {
		const struct vmirror_spec_arg *arg = &spec->args[i];

		/* DPDK's kvargs have no quotes. */
		if (arg->value != NULL && strchr(arg->value, ',') != NULL)
			return vmirror_error_set(err, -EINVAL,
						 "sink %s: %s=%s: a driver's value cannot hold a "
						 "comma",
						 spec->vdev, arg->key, arg->value);
		at += snprintf(buf + at, size - at, "%s%s%s%s", at > 0 ? "," : "", arg->key,
			       arg->value != NULL ? "=" : "", arg->value != NULL ? arg->value : "");
		if (at >= size)
			return vmirror_error_set(err, -EINVAL,
						 "sink %s: arguments longer than %zu bytes",
						 spec->vdev, size - 1);
	}
	return 0;
}
