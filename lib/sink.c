/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What all sinks have in common: finding the driver in the table or among the PMDs, checking keys
 * against both, and walking a sink through its life (sink.h). mirror.c calls it; vdev.c does the plugging.
 */

#include "lib/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_log.h>

#include "devargs/nearest.h"
#include "lib/pmdinfo.h"
#include "lib/pool.h"
#include "lib/sigpipe.h"
#include "lib/vdev.h"

#define MAX_WORDS     64
#define SINK_TX_DESCS 512

/* The name by which the vdev asks for a driver of the table; NULL: another's. */
static const char *
claims(const struct vmirror_sink_ops *ops, const char *vdev)
{
	if (vmirror_spec_is_driver(vdev, ops->driver))
		return ops->driver;
	return ops->alias != NULL && vmirror_spec_is_driver(vdev, ops->alias) ? ops->alias : NULL;
}

/* Words for a hint, each once. */
struct words {
	const char *known[MAX_WORDS + 1];
	unsigned int n;
};

static bool
has_word(const struct words *words, const char *word)
{
	unsigned int i;

	for (i = 0; i < words->n; i++)
		if (strcmp(words->known[i], word) == 0)
			return true;
	return false;
}

static void
add_word(struct words *words, const char *word)
{
	if (words->n < MAX_WORDS && !has_word(words, word))
		words->known[words->n++] = word;
}

static int
no_driver(const char *vdev, const struct vmirror_pmdinfo *info, struct vmirror_error *err)
{
	struct words words = {.n = 0};
	char hint[VMIRROR_ERROR_SIZE];
	unsigned int i;

	for (i = 0; vmirror_sinks[i] != NULL; i++)
		add_word(&words, vmirror_sinks[i]->driver);
	for (i = 0; i < info->n; i++)
		add_word(&words, info->pmds[i].name);
	return vmirror_error_set(err, -EINVAL, "sink: unknown driver '%s'; known: %s", vdev,
				 vmirror_nearest_hint(hint, sizeof(hint), vdev, words.known));
}

/* Of the drivers in this process that the table does not have, the one with the longest name. */
static int
find_other_driver(const char *vdev, struct vmirror_sink_plan *plan, struct vmirror_error *err)
{
	const char *longest = "";
	struct vmirror_pmdinfo info;
	int ret = vmirror_pmdinfo_read(&info);
	unsigned int i;

	if (ret != 0)
		return vmirror_error_set(err, ret, "sink: out of memory");
	for (i = 0; i < info.n; i++)
		if (vmirror_spec_is_driver(vdev, info.pmds[i].name) &&
		    strlen(info.pmds[i].name) > strlen(longest))
			longest = info.pmds[i].name;
	if (*longest == '\0' || strlen(longest) >= sizeof(plan->driver)) {
		ret = no_driver(vdev, &info, err);
	} else {
		plan->ops = &vmirror_sink_other;
		strcpy(plan->driver, longest);
	}
	vmirror_pmdinfo_fini(&info);
	return ret;
}

static int
find_driver(const char *vdev, struct vmirror_sink_plan *plan, struct vmirror_error *err)
{
	unsigned int i;

	for (i = 0; vmirror_sinks[i] != NULL; i++) {
		const char *name = claims(vmirror_sinks[i], vdev);

		if (name == NULL)
			continue;
		plan->ops = vmirror_sinks[i];
		snprintf(plan->driver, sizeof(plan->driver), "%s", name);
		return 0;
	}
	return find_other_driver(vdev, plan, err);
}

/* Where the table has a driver, its name is that of the PMD, and not an alias. */
static const char *
pmd_name(const struct vmirror_sink_plan *plan)
{
	return plan->ops->driver != NULL ? plan->ops->driver : plan->driver;
}

static const char *
why_refused(const struct vmirror_sink_ops *ops, const char *key)
{
	const struct vmirror_sink_refusal *refusal;

	for (refusal = ops->refused; refusal != NULL && refusal->key != NULL; refusal++)
		if (strcmp(refusal->key, key) == 0)
			return refusal->why;
	return NULL;
}

/*
 * A key that the table does not have may be one of a newer driver's.
 * @param published  NULL: the driver's are not known
 */
static int
check_key(const char *key, const struct vmirror_sink_plan *plan, char *const *published,
	  struct vmirror_error *err)
{
	const char *why = why_refused(plan->ops, key);
	const char *const *known;
	struct words words = {.n = 0};
	char hint[VMIRROR_ERROR_SIZE];

	if (why != NULL)
		return vmirror_error_set(err, -EINVAL, "sink %s: the key '%s' is refused: %s",
					 plan->driver, key, why);
	for (known = plan->ops->keys; *known != NULL; known++)
		add_word(&words, *known);
	for (; published != NULL && *published != NULL; published++)
		if (why_refused(plan->ops, *published) == NULL)
			add_word(&words, *published);
	if (has_word(&words, key))
		return 0;
	if (words.n == 0)
		return vmirror_error_set(err, -EINVAL, "sink %s: unknown key '%s'; it takes none",
					 plan->driver, key);
	return vmirror_error_set(err, -EINVAL, "sink %s: unknown key '%s'; it knows: %s",
				 plan->driver, key,
				 vmirror_nearest_hint(hint, sizeof(hint), key, words.known));
}

/* The table's keys are enough for most, and drivers are searched for what they publish if not. */
static int
check_keys(const struct vmirror_spec_sink *spec, const struct vmirror_sink_plan *plan,
	   struct vmirror_error *err)
{
	const struct vmirror_pmd *pmd;
	struct vmirror_pmdinfo info;
	unsigned int i = 0;
	char **published = NULL;
	int ret;

	while (i < spec->n_args && check_key(spec->args[i].key, plan, NULL, NULL) == 0)
		i++;
	if (i == spec->n_args)
		return 0;
	ret = vmirror_pmdinfo_read(&info);
	if (ret != 0)
		return vmirror_error_set(err, ret, "sink: out of memory");
	pmd = vmirror_pmdinfo_find(&info, pmd_name(plan));
	if (pmd != NULL) {
		published = vmirror_pmdinfo_keys(pmd->params);
		if (published == NULL)
			ret = vmirror_error_set(err, -ENOMEM, "sink: out of memory");
	}
	for (; ret == 0 && i < spec->n_args; i++)
		ret = check_key(spec->args[i].key, plan, published, err);
	free(published);
	vmirror_pmdinfo_fini(&info);
	return ret;
}

int
vmirror_sink_check(const struct vmirror_spec_sink *spec, const char *mirror, unsigned int number,
		   bool (*goes)(const char *vdev), struct vmirror_sink_plan *plan,
		   struct vmirror_error *err)
{
	uint16_t port_id;
	int ret, len;

	memset(plan, 0, sizeof(*plan));
	plan->number = number;
	ret = find_driver(spec->vdev, plan, err);
	if (ret != 0)
		return ret;
	ret = check_keys(spec, plan, err);
	if (ret != 0)
		return ret;

	if (strcmp(spec->vdev, plan->driver) == 0)
		len = snprintf(plan->vdev, sizeof(plan->vdev), "%s_%s", spec->vdev, mirror);
	else
		len = snprintf(plan->vdev, sizeof(plan->vdev), "%s", spec->vdev);
	if (len >= (int)sizeof(plan->vdev))
		return vmirror_error_set(err, -EINVAL, "sink: vdev name '%s' is longer than %zu",
					 spec->vdev, sizeof(plan->vdev) - 1);
	if (plan->ops->takes == NULL && (goes == NULL || !goes(plan->vdev)) &&
	    rte_eth_dev_get_port_by_name(plan->vdev, &port_id) == 0)
		return vmirror_error_set(
			err, -EEXIST,
			"sink: vdev '%s' exists already, as port %u; give the sink "
			"a name of its own, as in sink=[%s_%s,…]",
			plan->vdev, port_id, plan->driver, mirror);
	return plan->ops->check(spec, plan, err);
}

/* For a PMD that takes mbufs for its rx queues. */
static int
create_rx_pool(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs,
	       struct vmirror_error *err)
{
	uint16_t room = RTE_MIN(needs->data_room, sink->ops->rx_room);
	uint32_t n = sink->ops->rx_mbufs;

	if (n == 0)
		return 0;
	sink->rx_pool = vmirror_pool_create(n, room, needs->socket, VMIRROR_POOL_PACKED);
	if (sink->rx_pool != NULL)
		return 0;
	return vmirror_error_set(
		err, -ENOMEM,
		"sink %s: the driver's own mempool takes %.1f MB, which DPDK's "
		"memory does not have in one piece; give DPDK more (-m, hugepages)",
		sink->ops->driver, vmirror_pool_bytes(n, room) / 1e6);
}

static int
setup_queues(struct vmirror_sink *sink, uint16_t n_rxq, const struct vmirror_sink_needs *needs)
{
	struct rte_mempool *pool = needs->pool;
	uint16_t n_txd = sink->n_txd != 0 ? sink->n_txd : SINK_TX_DESCS;
	uint16_t n_rxd = 1;
	uint16_t queue;
	int ret;

	if (sink->rx_pool != NULL) {
		pool = sink->rx_pool;
		n_rxd = 0; /* the driver's own choice, for a queue that is really used */
	}
	ret = rte_eth_dev_adjust_nb_rx_tx_desc(sink->port_id, &n_rxd, &n_txd);
	for (queue = 0; ret == 0 && queue < n_rxq; queue++)
		ret = rte_eth_rx_queue_setup(sink->port_id, queue, n_rxd, needs->socket, NULL,
					     pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(sink->port_id, 0, n_txd, needs->socket, NULL);
	return ret;
}

static uint16_t
count_rxq(const struct vmirror_sink *sink)
{
	struct rte_eth_dev_info info;

	if (sink->ops->n_rxq != UINT16_MAX || rte_eth_dev_info_get(sink->port_id, &info) != 0)
		return sink->ops->n_rxq;
	return info.max_rx_queues;
}

/* The vdev is plugged and its port not configured. */
static int
start(struct vmirror_sink *sink, const struct vmirror_sink_needs *needs, struct vmirror_error *err)
{
	static const struct rte_eth_conf conf;
	const char *step = "configure";
	uint16_t n_rxq = count_rxq(sink);
	int ret;

	ret = rte_eth_dev_configure(sink->port_id, n_rxq, 1, &conf);
	if (ret != 0)
		goto fail;

	if (sink->ops->setup != NULL) {
		ret = sink->ops->setup(sink, needs, err);
		if (ret != 0)
			return ret;
	}
	ret = create_rx_pool(sink, needs, err);
	if (ret != 0)
		return ret;
	step = "set up the queues of";
	ret = setup_queues(sink, n_rxq, needs);
	if (ret != 0)
		goto fail;

	step = "start";
	ret = rte_eth_dev_start(sink->port_id);
	if (ret != 0)
		goto fail;
	if (sink->ops->started != NULL)
		sink->ops->started(sink);
	return 0;

fail:
	vmirror_error_set(err, ret, "sink: could not %s vdev '%s': %s", step, sink->vdev,
			  strerror(-ret));
	return sink->ops->explain != NULL ? sink->ops->explain(sink, ret, err) : ret;
}

static void
reclaim(struct vmirror_sink *sink)
{
	if (sink->ops->reclaim != NULL && vmirror_vdev_is_own(sink->port_id))
		sink->ops->reclaim(sink);
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
	if (ret != 0 && sink->ops->explain != NULL)
		ret = sink->ops->explain(sink, ret, err);
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
	s->needs = needs;
	s->port_id = RTE_MAX_ETHPORTS;
	memcpy(s->vdev, plan->vdev, sizeof(s->vdev));

	ret = s->ops->open(s, spec, devargs, sizeof(devargs), err);
	s->needs = NULL;
	if (ret != 0)
		goto free_sink;
	if (s->ops->takes != NULL) {
		*sink = s;
		return 0;
	}
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
	reclaim(s);
	vmirror_vdev_unplug(s->vdev);
close:
	if (s->ops->close != NULL)
		s->ops->close(s, VMIRROR_SINK_ABORT);
	vmirror_pool_drop(s->rx_pool);
free_sink:
	free(s);
	return ret;
}

void
vmirror_sink_stop(struct vmirror_sink *sink)
{
	struct vmirror_sigpipe sigpipe;

	/* The host may have removed it just now, and plugged a port of its own in its place. */
	if (sink->ops->takes != NULL || !vmirror_vdev_is_own(sink->port_id))
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
	if (!vdev_gone && sink->ops->takes == NULL) {
		reclaim(sink);
		vmirror_vdev_unplug(sink->vdev);
	}
	if (sink->ops->close != NULL)
		sink->ops->close(sink, end);
	vmirror_pool_drop(sink->rx_pool);
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
