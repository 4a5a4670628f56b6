/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What ties a mirror to ports: which ports its spec means, a record for every queue that it was
 * ever hooked to, and hooking and unhooking them all at once. mirror.c decides when, port.c knows
 * ethdev, dispatch.c publishes.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devargs/error.h"
#include "lib/mirror.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/vdev.h"

/* What drivers that know of jumbo frames take at least. */
#define JUMBO_MTU 9216

static struct vmirror_source *
source_find(const struct vmirror_mirror *mirror, const char *name)
{
	struct vmirror_source *source;

	TAILQ_FOREACH (source, &mirror->sources, next)
		if (strcmp(source->name, name) == 0)
			return source;
	return NULL;
}

static int
source_add(struct vmirror_mirror *mirror, const char *name, uint64_t imissed_base,
	   struct vmirror_error *err)
{
	struct vmirror_source *source;

	source = calloc(1, sizeof(*source));
	if (source == NULL)
		return vmirror_error_set(err, -ENOMEM, "port '%s': out of memory", name);
	snprintf(source->name, sizeof(source->name), "%.*s", RTE_ETH_NAME_MAX_LEN - 1, name);
	source->imissed_base = imissed_base;
	TAILQ_INSERT_TAIL(&mirror->sources, source, next);
	return 0;
}

static uint64_t
read_imissed(const char *name)
{
	struct rte_eth_stats stats;
	uint16_t port_id;

	if (rte_eth_dev_get_port_by_name(name, &port_id) != 0 || !vmirror_port_may_ask(port_id) ||
	    rte_eth_stats_get(port_id, &stats) != 0)
		return 0;
	return stats.imissed;
}

/*
 * port=all: ports of the host, those that came since included. Those have missed nothing before,
 * and the control thread, which finds them, does not ask their drivers. Hook lock.
 */
static int
find_all(struct vmirror_mirror *mirror, bool at_start, struct vmirror_error *err)
{
	char names[RTE_MAX_ETHPORTS][RTE_ETH_NAME_MAX_LEN];
	unsigned int i, n = vmirror_port_names(names);
	int ret = 0;

	for (i = 0; i < n && ret == 0; i++)
		if (source_find(mirror, names[i]) == NULL)
			ret = source_add(mirror, names[i], at_start ? read_imissed(names[i]) : 0,
					 err);
	return ret;
}

/* By the vdev's name, also when the mirror is only being checked, or by the port's number. */
static bool
is_sink(const char *word)
{
	const struct vmirror_mirror *other;
	char number[8];

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next) {
		if (other->over && other->sink == NULL)
			continue;
		if (strcmp(other->sink_plan.vdev, word) == 0)
			return true;
		if (other->sink == NULL)
			continue;
		snprintf(number, sizeof(number), "%u", other->sink->port_id);
		if (strcmp(number, word) == 0)
			return true;
	}
	return false;
}

/* A queue that the spec names and that the port has in no direction is a mistake. */
static int
check_queues(const struct vmirror_spec *spec, const char *name, struct vmirror_error *err)
{
	uint16_t n_rxq = 0, n_txq = 0;
	uint16_t port_id, last;

	if (spec->n_queues == 0 || rte_eth_dev_get_port_by_name(name, &port_id) != 0)
		return 0;
	if (spec->dir & VMIRROR_SPEC_RX)
		n_rxq = vmirror_port_queues(port_id, false);
	if (spec->dir & VMIRROR_SPEC_TX)
		n_txq = vmirror_port_queues(port_id, true);
	last = spec->queues[spec->n_queues - 1].last;
	/* A port that is not configured yet has none; they are hooked when they appear. */
	if (last < RTE_MAX(n_rxq, n_txq) || (n_rxq == 0 && n_txq == 0))
		return 0;
	return vmirror_error_set(err, -EINVAL,
				 "queue %u: port '%s' has %u rx and %u tx queues, numbered from 0",
				 last, name, vmirror_port_queues(port_id, false),
				 vmirror_port_queues(port_id, true));
}

/* A name may be that of a port to come, where the host wants it so; a number says nothing. */
static int
find_port(const char *word, char name[RTE_ETH_NAME_MAX_LEN], struct vmirror_error *err)
{
	int ret = vmirror_port_find(word, name, err);

	if (ret != -ENODEV || !vmirror_shared.unaware_host ||
	    word[strspn(word, "0123456789")] == '\0' || strlen(word) >= RTE_ETH_NAME_MAX_LEN)
		return ret;
	strcpy(name, word);
	return 0;
}

int
vmirror_mirror_find_sources(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_spec *spec = &mirror->spec;
	char name[RTE_ETH_NAME_MAX_LEN];
	unsigned int i;
	int ret;

	if (spec->all_ports) {
		pthread_mutex_lock(&vmirror_shared.hooks);
		ret = find_all(mirror, true, err);
		pthread_mutex_unlock(&vmirror_shared.hooks);
		return ret;
	}
	for (i = 0; i < spec->n_ports; i++) {
		if (is_sink(spec->ports[i]))
			return vmirror_error_set(
				err, -EINVAL,
				"port '%s' is the sink of a mirror; a sink is no source",
				spec->ports[i]);
		ret = find_port(spec->ports[i], name, err);
		if (ret != 0)
			return ret;
		if (source_find(mirror, name) != NULL)
			return vmirror_error_set(err, -EINVAL, "port '%s' is named twice, as %s",
						 name, spec->ports[i]);
		ret = check_queues(spec, name, err);
		if (ret == 0)
			ret = source_add(mirror, name, read_imissed(name), err);
		if (ret != 0)
			return ret;
	}
	return 0;
}

uint16_t
vmirror_mirror_source_mtu(const struct vmirror_mirror *mirror)
{
	const struct vmirror_source *source;
	/* A port to come may be of any size. */
	uint16_t largest = vmirror_shared.unaware_host ? JUMBO_MTU : RTE_ETHER_MTU;
	uint16_t port_id, mtu;

	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (source, &mirror->sources, next)
		if (vmirror_port_present(source->name, &port_id) &&
		    rte_eth_dev_get_mtu(port_id, &mtu) == 0)
			largest = RTE_MAX(largest, mtu);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return largest;
}

const char *
vmirror_mirror_source_on(const struct vmirror_mirror *mirror, unsigned int ifindex)
{
	const struct vmirror_source *source;

	TAILQ_FOREACH (source, &mirror->sources, next)
		if (vmirror_port_ifindex(source->name) == ifindex)
			return source->name;
	return NULL;
}

void
vmirror_mirror_sync_cores(struct vmirror_mirror *mirror)
{
	const struct vmirror_record *record;

	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next)
		if (record->hooked)
			vmirror_dispatch_sync(record->dispatcher);
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

void
vmirror_mirror_sync(struct vmirror_mirror *mirror)
{
	vmirror_mirror_sync_cores(mirror);
	vmirror_drain_sync(&mirror->drain);
}

void
vmirror_record_read(const struct vmirror_record *record, struct vmirror_tally *out)
{
	struct vmirror_tally drained, surplus;

	if (record->recorder != NULL) {
		vmirror_tally_read(&record->tally, out);
		return;
	}
	/* Backwards, as each is read: what is taken off or compared is never more than there is. */
	vmirror_tally_read(&record->drained.surplus, &surplus);
	surplus.seen = surplus.captured; /* as they are when the drain is not just at it */
	vmirror_tally_read(&record->drained.drained, &drained);
	vmirror_tally_read(&record->tally, out);
	vmirror_tally_plus(out, &drained);
	vmirror_tally_minus(out, &surplus);
}

/* @return whether there are hooks on the port's tx; seen is what all that ever were have seen */
static bool
read_tx_seen(const struct vmirror_mirror *mirror, const char *port, uint64_t *seen)
{
	const struct vmirror_record *record;
	struct vmirror_tally tally;
	bool hooked = false;

	*seen = 0;
	TAILQ_FOREACH (record, &mirror->records, next) {
		if (!record->is_tx || strcmp(record->port, port) != 0)
			continue;
		vmirror_record_read(record, &tally);
		*seen += tally.seen;
		hooked |= record->hooked;
	}
	return hooked;
}

/*
 * What passed since the last look. Where there was none since the port was hooked, the next one
 * begins here. The port was asked first: what it has sent was seen.
 */
static void
account_tx(const struct vmirror_mirror *mirror, struct vmirror_source *source, uint64_t opackets)
{
	struct vmirror_tx now = {.sent = opackets};
	bool hooked = read_tx_seen(mirror, source->name, &now.seen);

	/* At the end of its count the hooks see nothing more, until they are taken off. */
	if (mirror->spec.n_queues != 0 || !hooked ||
	    __atomic_load_n(&mirror->path.gate, __ATOMIC_RELAXED) == VMIRROR_GATE_ENDED)
		return;
	/* Somebody may have reset the port's counters. */
	if (source->tx_looked && opackets >= source->tx_last.sent) {
		source->tx.seen += now.seen - source->tx_last.seen;
		source->tx.sent += now.sent - source->tx_last.sent;
	}
	source->tx_last = now;
	source->tx_looked = true;
}

void
vmirror_mirror_read_ports(struct vmirror_mirror *mirror)
{
	struct vmirror_source *source;
	struct rte_eth_stats stats;
	uint16_t port_id;

	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (source, &mirror->sources, next) {
		if (vmirror_shared.eal_gone || !vmirror_port_present(source->name, &port_id) ||
		    !vmirror_port_may_ask(port_id) || rte_eth_stats_get(port_id, &stats) != 0)
			continue;
		/* Somebody reset the port's counters, or it came back with new ones. */
		if (stats.imissed < source->imissed_base)
			source->imissed_base = 0;
		__atomic_store_n(&source->imissed, stats.imissed - source->imissed_base,
				 __ATOMIC_RELAXED);
		account_tx(mirror, source, stats.opackets);
	}
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

void
vmirror_mirror_forget_sources(struct vmirror_mirror *mirror)
{
	struct vmirror_source *source;
	struct vmirror_record *record;
	struct vmirror_ring *ring;

	while ((source = TAILQ_FIRST(&mirror->sources)) != NULL) {
		TAILQ_REMOVE(&mirror->sources, source, next);
		free(source);
	}
	while ((record = TAILQ_FIRST(&mirror->records)) != NULL) {
		TAILQ_REMOVE(&mirror->records, record, next);
		vmirror_ring_destroy(record->drained.ring);
		vmirror_hold_destroy(record->hold);
		vmirror_recorder_destroy(record->recorder);
		free(record);
	}
	while ((ring = vmirror_mirror_take_ring(mirror, VMIRROR_ANY_NODE)) != NULL)
		vmirror_ring_destroy(ring);
}

/* Where the packets of a record come from, for a sink that wants to know. */
static void
init_source(struct vmirror_mirror *mirror, struct vmirror_record *record)
{
	struct vmirror_merge_ring *drained = &record->drained;
	const struct vmirror_source *source;

	drained->source = (struct vmirror_sink_source){
		.port = record->port,
		.queue = record->queue,
		.is_tx = record->is_tx,
		.index = mirror->n_rings++,
	};
	drained->counted = &record->tally;
	TAILQ_FOREACH (source, &mirror->sources, next)
		if (strcmp(source->name, record->port) == 0)
			drained->imissed = &source->imissed;
}

static void
init_hook(struct vmirror_mirror *mirror, struct vmirror_record *record, struct vmirror_ring *ring)
{
	struct vmirror_limit_hook *limit = NULL;
	struct vmirror_guard_hook *guard = NULL;

	if (vmirror_limit_any(&mirror->limit)) {
		limit = &record->limit;
		vmirror_limit_add(&mirror->limit, limit);
	}
	if (mirror->guard.percent != 0) {
		guard = &record->guard;
		vmirror_guard_add(&mirror->guard, guard);
	}
	if (ring == NULL) {
		vmirror_inline_hook_init(&record->inline_hook, &mirror->path, &record->tally, limit,
					 guard, record->is_tx);
		record->hook = &record->inline_hook.hook;
		return;
	}
	record->drained.ring = ring;
	vmirror_ring_hook_init(&record->ring_hook, &mirror->path, ring, &record->tally, limit,
			       guard, record->is_tx);
	record->ring_hook.hold = record->hold;
	record->ring_hook.recorder = record->recorder;
	record->ring_hook.trigger = mirror->snapshot.trigger;
	record->drained.hold = record->hold;
	record->drained.recorder = record->recorder;
	init_source(mirror, record);
	record->hook = &record->ring_hook.hook;
	vmirror_merge_add(&mirror->drain.merge, &record->drained);
}

/* The record of a queue, or NULL. Hook lock. */
static struct vmirror_record *
record_find(struct vmirror_mirror *mirror, const char *port, uint16_t queue, bool is_tx)
{
	struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next)
		if (record->queue == queue && record->is_tx == is_tx &&
		    strcmp(record->port, port) == 0)
			return record;
	return NULL;
}

static struct vmirror_record *
record_create(const struct vmirror_mirror *mirror, bool is_tx, struct vmirror_ring *ring)
{
	struct vmirror_record *record = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*record), 64));
	bool holds = mirror->spec.reference != 0 && is_tx;

	if (record == NULL)
		return NULL;
	memset(record, 0, sizeof(*record));
	if (holds)
		record->hold = vmirror_hold_create(mirror->spec.reference);
	if (vmirror_mirror_records(mirror))
		record->recorder = vmirror_recorder_create(ring);
	if ((holds && record->hold == NULL) ||
	    (vmirror_mirror_records(mirror) && record->recorder == NULL)) {
		vmirror_hold_destroy(record->hold);
		vmirror_recorder_destroy(record->recorder);
		free(record);
		return NULL;
	}
	return record;
}

/* The same; made when it is not there. @return 0, -ENOMEM or, when a ring must be made first, -EAGAIN */
static int
record_get(struct vmirror_mirror *mirror, const char *port, uint16_t queue, bool is_tx, int node,
	   struct vmirror_record **found)
{
	struct vmirror_record *record = record_find(mirror, port, queue, is_tx);
	struct vmirror_ring *ring = NULL;

	*found = record;
	if (record != NULL)
		return 0;
	if (vmirror_mirror_has_rings(mirror)) {
		ring = vmirror_mirror_take_ring(mirror, node);
		if (ring == NULL)
			return -EAGAIN;
	}
	record = record_create(mirror, is_tx, ring);
	if (record == NULL) {
		vmirror_ring_destroy(ring);
		return -ENOMEM;
	}
	snprintf(record->port, sizeof(record->port), "%s", port);
	record->queue = queue;
	record->is_tx = is_tx;
	init_hook(mirror, record, ring);
	TAILQ_INSERT_TAIL(&mirror->records, record, next);
	*found = record;
	return 0;
}

/* A ring is missing: those of one node are made at a time. */
static void
want_ring(struct vmirror_mirror *mirror, int node)
{
	if (mirror->rings_missing++ == 0)
		mirror->rings_node = node;
	mirror->rings_wanted += node == mirror->rings_node;
}

/* Prepare the hooks of one port in one direction. Hook lock. */
static int
prepare_direction(struct vmirror_mirror *mirror, const char *port, uint16_t port_id, bool is_tx,
		  struct vmirror_dispatch_change *change, struct vmirror_error *err)
{
	struct vmirror_dispatcher *d;
	int node = rte_eth_dev_socket_id(port_id);
	struct vmirror_record *record;
	uint16_t queue;
	int ret;

	for (queue = 0; queue < RTE_MAX_QUEUES_PER_PORT; queue++) {
		if (!vmirror_spec_has_queue(&mirror->spec, queue))
			continue;
		ret = vmirror_port_dispatcher(port_id, queue, is_tx, &d, err);
		if (ret == -EINVAL)
			return 0; /* there is no such queue yet, nor one behind it */
		if (ret != 0)
			return ret;
		ret = record_get(mirror, port, queue, is_tx, node, &record);
		if (ret == -EAGAIN) {
			want_ring(mirror, node);
			continue;
		}
		if (ret != 0 ||
		    (!record->hooked && vmirror_dispatch_add(change, d, record->hook) != 0))
			return vmirror_error_set(err, -ENOMEM, "port '%s': out of memory", port);
		vmirror_mirror_allow_hold(mirror, record, port_id);
		if (record->hooked)
			continue;
		record->dispatcher = d;
		record->port_id = port_id;
		record->pending = true;
	}
	return 0;
}

static int
prepare(struct vmirror_mirror *mirror, struct vmirror_dispatch_change *change,
	struct vmirror_error *err)
{
	const struct vmirror_source *source;
	uint16_t port_id;
	int is_tx, ret;

	TAILQ_FOREACH (source, &mirror->sources, next) {
		if (!vmirror_port_present(source->name, &port_id))
			continue;
		for (is_tx = 0; is_tx <= 1; is_tx++) {
			if (!(mirror->spec.dir & (is_tx ? VMIRROR_SPEC_TX : VMIRROR_SPEC_RX)))
				continue;
			ret = prepare_direction(mirror, source->name, port_id, is_tx, change, err);
			if (ret != 0)
				return ret;
		}
	}
	return mirror->rings_missing > 0 ? -EAGAIN : 0;
}

/* @return 0, -EAGAIN when rings must be made first, or another -errno with err set */
static int
try_to_hook(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	struct vmirror_dispatch_change change = {0};
	struct vmirror_record *record;
	int ret = 0;

	mirror->rings_missing = 0;
	mirror->rings_wanted = 0;
	pthread_mutex_lock(&vmirror_shared.hooks);
	/* What an event has just told of must not be undone here. */
	if (!vmirror_mirror_is_fed(mirror) || mirror->sink_gone || vmirror_shared.eal_gone) {
		pthread_mutex_unlock(&vmirror_shared.hooks);
		return vmirror_error_set(err, -ESTALE, "the sink is gone");
	}
	vmirror_mirror_look_at_ports(mirror);
	if (mirror->spec.all_ports)
		ret = find_all(mirror, false, err);
	if (ret == 0)
		ret = prepare(mirror, &change, err);
	if (ret == 0)
		vmirror_dispatch_commit(&change);
	else
		vmirror_dispatch_abort(&change);
	TAILQ_FOREACH (record, &mirror->records, next) {
		if (record->pending && ret == 0) {
			record->hooked = true;
			source_find(mirror, record->port)->tx_looked &= !record->is_tx;
		}
		record->pending = false;
	}
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return ret;
}

int
vmirror_mirror_hook(struct vmirror_mirror *mirror, bool asks, struct vmirror_error *err)
{
	int ret;

	mirror->asks = asks;
	ret = try_to_hook(mirror, err);
	while (ret == -EAGAIN) {
		ret = vmirror_mirror_make_rings(mirror, err);
		if (ret == 0)
			ret = try_to_hook(mirror, err);
	}
	mirror->rings_missing = 0;
	mirror->rings_wanted = 0;
	return ret;
}

/* Unhook one record by itself, waiting for memory rather than leaving it hooked. Hook lock. */
static void
unhook_record(struct vmirror_record *record)
{
	const struct timespec nap = {.tv_nsec = 1000 * 1000};
	struct vmirror_dispatch_change change = {0};

	while (vmirror_dispatch_del(&change, record->dispatcher, record->hook) != 0)
		nanosleep(&nap, NULL);
	vmirror_dispatch_commit(&change);
}

void
vmirror_mirror_unhook(struct vmirror_mirror *mirror, uint16_t port_id)
{
	struct vmirror_dispatch_change change = {0};
	struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next) {
		if (!record->hooked || (port_id != RTE_MAX_ETHPORTS && record->port_id != port_id))
			continue;
		record->hooked = false;
		if (vmirror_dispatch_del(&change, record->dispatcher, record->hook) != 0)
			unhook_record(record);
	}
	vmirror_dispatch_commit(&change);
	TAILQ_FOREACH (record, &mirror->records, next)
		if (!record->hooked && record->drained.ring != NULL)
			vmirror_ring_hook_idle(&record->ring_hook);
}
