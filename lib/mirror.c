/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of a mirror on the control side: made from a spec, started, looked after, ended. Ports
 * are attach.c's, the sink's driver is sink.c's, packets are inline.c's. engine.c ticks it, api.c
 * hands it out.
 */

#include "lib/mirror.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "devargs/error.h"
#include "lib/filter.h"
#include "lib/shared.h"

/* A chunk of segmented jumbo frames on its way, with room to spare; a ring's size less one. */
#define DEFAULT_MBUFS 2047

#define NOTICE_INTERVAL_NS UINT64_C(10000000000)

static struct vmirror_mirror *
find_by_name(const char *name)
{
	struct vmirror_mirror *mirror;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (strcmp(mirror->spec.name, name) == 0)
			return mirror;
	return NULL;
}

static int
settle_name(struct vmirror_spec *spec, struct vmirror_error *err)
{
	unsigned int n;

	if (spec->name[0] != '\0') {
		if (find_by_name(spec->name) == NULL)
			return 0;
		return vmirror_error_set(err, -EEXIST, "name '%s' is in use by another mirror",
					 spec->name);
	}
	for (n = 0; spec->name[0] == '\0'; n++) {
		char name[VMIRROR_SPEC_NAME_SIZE];

		snprintf(name, sizeof(name), "mirror%u", n);
		if (find_by_name(name) == NULL)
			memcpy(spec->name, name, sizeof(name));
	}
	return 0;
}

/* Interfaces and files serve one sink at a time, also one that is only being checked. */
static int
check_resources(const struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_sink_plan *plan = &mirror->sink_plan;
	const struct vmirror_mirror *other;

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next) {
		if (other->over && other->sink == NULL)
			continue;
		if (strcmp(other->sink_plan.vdev, plan->vdev) == 0)
			return vmirror_error_set(err, -EEXIST,
						 "sink: vdev '%s' is the sink of mirror '%s'",
						 plan->vdev, other->spec.name);
		if (!plan->shareable && strcmp(other->sink_plan.resource, plan->resource) == 0)
			return vmirror_error_set(err, -EEXIST, "sink: %s is in use by mirror '%s'",
						 plan->resource, other->spec.name);
	}
	return 0;
}

static uint32_t
n_mbufs(const struct vmirror_mirror *mirror)
{
	return mirror->spec.mbufs != 0 ? mirror->spec.mbufs : DEFAULT_MBUFS;
}

uint64_t
vmirror_mirror_memory(const struct vmirror_mirror *mirror)
{
	uint32_t elt = sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE;

	return (uint64_t)n_mbufs(mirror) * rte_mempool_calc_obj_size(elt, 0, NULL);
}

static int
create_pool(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	static unsigned int serial;
	struct rte_malloc_socket_stats heap = {0};

	snprintf(mirror->pool_name, sizeof(mirror->pool_name), "vmirror_%u", serial++);
	/* Used under the path's lock alone, hence one producer and one consumer and no cache. */
	mirror->path.pool = rte_pktmbuf_pool_create_by_ops(mirror->pool_name, n_mbufs(mirror), 0, 0,
							   RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY,
							   "ring_sp_sc");
	if (mirror->path.pool != NULL)
		return 0;

	rte_malloc_get_socket_stats(RTE_MAX(0, (int)rte_socket_id()), &heap);
	return vmirror_error_set(
		err, -ENOMEM,
		"mbufs=%u: the mempool takes %.1f MB and more, and of DPDK's memory "
		"%.1f MB are free, %.1f MB in one piece; use a smaller mbufs= or give "
		"DPDK more memory (-m, hugepages)",
		n_mbufs(mirror), vmirror_mirror_memory(mirror) / 1e6, heap.heap_freesz_bytes / 1e6,
		heap.greatest_free_size / 1e6);
}

static int
init_path(struct vmirror_mirror *mirror)
{
	struct vmirror_inline *path = &mirror->path;

	path->filter = mirror->filter;
	path->snaplen = mirror->spec.snaplen != 0 ? mirror->spec.snaplen : UINT32_MAX;
	path->budget = mirror->spec.count != 0 ? mirror->spec.count : UINT64_MAX;
	return -pthread_spin_init(&path->lock, PTHREAD_PROCESS_PRIVATE);
}

/* All that can be found wrong before anything is made outside the process. */
static int
prepare(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_spec *spec = &mirror->spec;
	int ret;

	ret = vmirror_mirror_find_sources(mirror, err);
	if (ret == 0)
		ret = vmirror_sink_check(&spec->sink, spec->name, &mirror->sink_plan, err);
	if (ret == 0)
		ret = check_resources(mirror, err);
	if (ret == 0 && spec->filter != NULL)
		ret = vmirror_filter_create(&mirror->filter, spec->filter, err);
	if (ret == 0)
		ret = create_pool(mirror, err);
	if (ret == 0)
		ret = init_path(mirror);
	return ret;
}

void
vmirror_mirror_destroy(struct vmirror_mirror *mirror)
{
	if (mirror == NULL)
		return;
	/* EAL's memory went with EAL; a filter's is its own. */
	if (!vmirror_shared.eal_gone)
		rte_mempool_free(mirror->path.pool);
	vmirror_filter_destroy(mirror->filter);
	vmirror_mirror_forget_sources(mirror);
	vmirror_spec_fini(&mirror->spec);
	free(mirror);
}

int
vmirror_mirror_create(struct vmirror_mirror **mirror, const char *text, struct vmirror_error *err)
{
	struct vmirror_mirror *m;
	int ret;

	m = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*m), 64));
	if (m == NULL)
		return vmirror_error_set(err, -ENOMEM, "mirror: out of memory");
	memset(m, 0, sizeof(*m));
	TAILQ_INIT(&m->sources);
	TAILQ_INIT(&m->records);
	m->state = VMIRROR_DETACHED;

	ret = vmirror_spec_parse(&m->spec, text, err);
	if (ret != 0) {
		vmirror_mirror_destroy(m);
		return ret;
	}
	ret = settle_name(&m->spec, err);
	if (ret == 0)
		ret = prepare(m, err);
	if (ret != 0) {
		vmirror_error_prefix(err, ret, "mirror '%s': ", m->spec.name);
		vmirror_mirror_destroy(m);
		return ret;
	}
	*mirror = m;
	return 0;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* A time beyond the clock's reach is never. */
static void
set_deadline(struct vmirror_mirror *mirror)
{
	uint64_t now = now_ns();
	uint64_t ms = mirror->spec.duration_ms;

	if (ms != 0 && ms <= (UINT64_MAX - now) / 1000000)
		mirror->deadline_ns = now + ms * 1000000;
}

int
vmirror_mirror_start(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	struct vmirror_sink_needs needs = {
		.mtu = vmirror_mirror_source_mtu(mirror),
		.pool = mirror->path.pool,
		.socket = SOCKET_ID_ANY,
	};
	struct vmirror_sink *sink;
	int ret;

	ret = vmirror_sink_create(&sink, &mirror->spec.sink, &mirror->sink_plan, &needs, err);
	if (ret != 0)
		goto fail;
	mirror->path.sink_port = sink->port_id;
	mirror->path.limits = sink->limits;
	pthread_mutex_lock(&vmirror_shared.hooks);
	mirror->sink = sink;
	pthread_mutex_unlock(&vmirror_shared.hooks);

	ret = vmirror_mirror_hook(mirror, err);
	if (ret != 0)
		goto destroy_sink;
	mirror->state = VMIRROR_ATTACHED;
	set_deadline(mirror);
	return 0;

destroy_sink:
	pthread_mutex_lock(&vmirror_shared.hooks);
	mirror->sink = NULL;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_sink_stop(sink);
	vmirror_sink_destroy(sink, VMIRROR_SINK_ABORT, false);
fail:
	return vmirror_error_prefix(err, ret, "mirror '%s': ", mirror->spec.name);
}

static void
set_reason(struct vmirror_mirror *mirror, const char *reason)
{
	snprintf(mirror->reason, sizeof(mirror->reason), "%s", reason);
}

static void
read_candidates(void *arg)
{
	struct vmirror_mirror *mirror = arg;
	struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next)
		record->well_candidate = __atomic_load_n(&record->tally.accepted, __ATOMIC_ACQUIRE);
}

/* Ask the sink how it is; its word on packets that it hides the loss of is kept per queue. */
static enum vmirror_sink_health
look_at_sink(struct vmirror_mirror *mirror, char reason[VMIRROR_SINK_REASON_SIZE])
{
	struct vmirror_sink *sink = mirror->sink;
	struct vmirror_sink_progress fed;
	struct vmirror_record *record;
	enum vmirror_sink_health health;

	if (!vmirror_inline_read_fed(&mirror->path, &fed, read_candidates, mirror))
		return VMIRROR_SINK_UNSEEN;

	health = sink->ops->health == NULL ? VMIRROR_SINK_WELL
					   : sink->ops->health(sink, &fed, reason);
	if (health != VMIRROR_SINK_FAILED)
		TAILQ_FOREACH (record, &mirror->records, next)
			record->well = record->well_candidate;
	return health;
}

/* Told at once, and then at most so often: packets that come and go must not flood a log. */
static void
tell_ailment(struct vmirror_mirror *mirror, const char *reason)
{
	uint64_t now = now_ns();

	if (strcmp(mirror->reason, reason) != 0 && now >= mirror->next_notice_ns) {
		vmirror_shared_notify(VMIRROR_WARNING, "mirror '%s': %s", mirror->spec.name,
				      reason);
		mirror->next_notice_ns = now + NOTICE_INTERVAL_NS;
	}
	set_reason(mirror, reason);
}

static void
check_health(struct vmirror_mirror *mirror)
{
	char reason[VMIRROR_SINK_REASON_SIZE];

	switch (look_at_sink(mirror, reason)) {
	case VMIRROR_SINK_FAILED:
		mirror->state = VMIRROR_FAILED;
		vmirror_inline_close_gate(&mirror->path, VMIRROR_GATE_SINK_FAILED);
		set_reason(mirror, reason);
		vmirror_shared_notify(VMIRROR_ERROR, "mirror '%s' failed: %s", mirror->spec.name,
				      reason);
		break;
	case VMIRROR_SINK_AILS:
		tell_ailment(mirror, reason);
		break;
	case VMIRROR_SINK_WELL:
		set_reason(mirror, "");
		break;
	case VMIRROR_SINK_UNSEEN:
		break;
	}
}

void
vmirror_mirror_look(struct vmirror_mirror *mirror)
{
	if (mirror->sink != NULL && !mirror->over && mirror->state != VMIRROR_FAILED)
		check_health(mirror);
}

void
vmirror_mirror_stop(struct vmirror_mirror *mirror, enum vmirror_state state, const char *reason)
{
	bool sink_gone;

	if (mirror->over)
		return;
	mirror->over = true;
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
	sink_gone = mirror->sink_gone || vmirror_shared.eal_gone;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	if (mirror->sink == NULL)
		return;

	vmirror_inline_close_gate(&mirror->path, VMIRROR_GATE_ENDED);
	if (mirror->state != VMIRROR_FAILED)
		check_health(mirror);
	if (mirror->state != VMIRROR_FAILED) {
		mirror->state = state;
		set_reason(mirror, reason);
	}
	if (!sink_gone)
		vmirror_sink_stop(mirror->sink);
}

void
vmirror_mirror_close(struct vmirror_mirror *mirror)
{
	struct vmirror_sink *sink;
	bool sink_gone;

	if (!mirror->over)
		return;
	pthread_mutex_lock(&vmirror_shared.hooks);
	sink = mirror->sink;
	sink_gone = mirror->sink_gone || vmirror_shared.eal_gone;
	mirror->sink = NULL;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_sink_destroy(sink, VMIRROR_SINK_DONE, sink_gone);
}

/* New ports under a name that the mirror waits for, and new queues. */
static void
follow_ports(struct vmirror_mirror *mirror)
{
	struct vmirror_error err;
	int ret = vmirror_mirror_hook(mirror, &err);

	if (ret == 0 || ret == -ESTALE)
		mirror->sync_errors = 0;
	else if (mirror->sync_errors++ == 0)
		vmirror_shared_notify(VMIRROR_WARNING, "mirror '%s' does not follow its ports: %s",
				      mirror->spec.name, err.text);
}

static void
stop_and_tell(struct vmirror_mirror *mirror, const char *reason)
{
	vmirror_mirror_stop(mirror, VMIRROR_ENDED, reason);
	/* The last look at the sink may have found, and told, something else. */
	if (mirror->state != VMIRROR_ENDED)
		return;
	vmirror_shared_notify(VMIRROR_INFO, "mirror '%s' ended: %s", mirror->spec.name, reason);
}

static void
fail_without_sink(struct vmirror_mirror *mirror)
{
	const char *reason = "its sink's vdev was removed by the process";

	vmirror_mirror_stop(mirror, VMIRROR_FAILED, reason);
	vmirror_shared_notify(VMIRROR_ERROR, "mirror '%s' failed: %s", mirror->spec.name, reason);
}

void
vmirror_mirror_tick(struct vmirror_mirror *mirror, uint64_t now)
{
	char reason[64];

	if (mirror->over || mirror->sink == NULL)
		return;
	if (__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED)) {
		fail_without_sink(mirror);
	} else if (__atomic_load_n(&mirror->path.gate, __ATOMIC_RELAXED) == VMIRROR_GATE_ENDED) {
		snprintf(reason, sizeof(reason), "reached its count of %" PRIu64,
			 mirror->spec.count);
		stop_and_tell(mirror, reason);
	} else if (mirror->deadline_ns != 0 && now >= mirror->deadline_ns) {
		snprintf(reason, sizeof(reason), "reached its duration of %" PRIu64 " ms",
			 mirror->spec.duration_ms);
		stop_and_tell(mirror, reason);
	} else if (mirror->state != VMIRROR_FAILED) {
		if (mirror->state == VMIRROR_ATTACHED)
			follow_ports(mirror);
		check_health(mirror);
	}
}
