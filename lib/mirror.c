/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of a mirror on the control side: made from a spec, started, looked after, ended. Its
 * ports are attach.c's, its sink is feed.c's, packets are inline.c's and drain.c's. engine.c ticks
 * it, api.c hands it out.
 */

#include "lib/mirror.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "devargs/error.h"
#include "lib/filter.h"
#include "lib/leave.h"
#include "lib/pool.h"
#include "lib/shared.h"
#include "lib/thread.h"

/* A chunk of segmented jumbo frames on its way, with room to spare; a ring's size less one. */
#define DEFAULT_MBUFS 2047

#define DEFAULT_LATENCY_MS 10

/* In which a sink that goes on gets rid of what it has; the control thread waits no longer at a time. */
#define SHORT_NS UINT64_C(10000000)

static struct vmirror_mirror *
find_by_name(const char *name)
{
	struct vmirror_mirror *mirror;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (!mirror->leaves && strcmp(mirror->spec.name, name) == 0)
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

/* Two files may have the same name, each in its own container. */
static bool
is_same_resource(const struct vmirror_sink_plan *a, const struct vmirror_sink_plan *b)
{
	if (a->ino != 0 && b->ino != 0)
		return a->dev == b->dev && a->ino == b->ino;
	return strcmp(a->resource, b->resource) == 0;
}

/* Interfaces and files serve one sink at a time, also one that is only being checked. */
static int
check_resources(const struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_sink_plan *plan = &mirror->sink_plan;
	const struct vmirror_mirror *other;
	int ret = vmirror_mirror_check_interface(mirror, mirror, err);

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next) {
		if (ret != 0)
			return ret;
		if (other->leaves || (other->over && other->sink == NULL))
			continue;
		if (strcmp(other->sink_plan.vdev, plan->vdev) == 0)
			return vmirror_error_set(err, -EEXIST,
						 "sink: vdev '%s' is the sink of mirror '%s'",
						 plan->vdev, other->spec.name);
		if (!plan->shareable && is_same_resource(&other->sink_plan, plan))
			return vmirror_error_set(err, -EEXIST, "sink: %s is in use by mirror '%s'",
						 plan->resource, other->spec.name);
		ret = vmirror_mirror_check_interface(mirror, other, err);
		if (ret == 0)
			ret = vmirror_mirror_check_interface(other, mirror, err);
	}
	return ret;
}

static uint32_t
n_mbufs(const struct vmirror_mirror *mirror)
{
	return mirror->spec.mbufs != 0 ? mirror->spec.mbufs : DEFAULT_MBUFS;
}

/*
 * Bytes of an mbuf. Where a driver reads one segment only, a frame of the sources must fit, two
 * tags more than they know of included.
 */
static uint16_t
data_room(const struct vmirror_mirror *mirror)
{
	uint32_t room = RTE_MBUF_DEFAULT_BUF_SIZE;

	if (mirror->sink_plan.ops->linear)
		room = RTE_MAX(room, (uint32_t)vmirror_mirror_source_mtu(mirror) +
					     RTE_PKTMBUF_HEADROOM + RTE_ETHER_HDR_LEN +
					     2 * RTE_VLAN_HLEN);
	return RTE_MIN(room, (uint32_t)UINT16_MAX);
}

static uint64_t
pool_bytes(const struct vmirror_mirror *mirror)
{
	if (mirror->sink_plan.ops->takes != NULL)
		return 0;
	return vmirror_pool_bytes(n_mbufs(mirror) + mirror->sink_plan.ops->rx_mbufs,
				  data_room(mirror));
}

static int
create_pool(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	struct rte_malloc_socket_stats heap = {0};

	if (mirror->sink_plan.ops->takes != NULL)
		return 0;
	/* Used under the path's lock alone, unless the sink's driver hands mbufs on. */
	mirror->path.pool = vmirror_pool_create(n_mbufs(mirror), data_room(mirror), SOCKET_ID_ANY,
						mirror->sink_plan.ops->holds ? VMIRROR_POOL_SHARED
									     : VMIRROR_POOL_ONE);
	if (mirror->path.pool != NULL)
		return 0;

	rte_malloc_get_socket_stats(RTE_MAX(0, (int)rte_socket_id()), &heap);
	return vmirror_error_set(
		err, -ENOMEM,
		"mbufs=%u: the mempool takes %.1f MB and more, and of DPDK's memory "
		"%.1f MB are free, %.1f MB in one piece; use a smaller mbufs= or give "
		"DPDK more memory (-m, hugepages)",
		n_mbufs(mirror), mirror->pool_bytes / 1e6, heap.heap_freesz_bytes / 1e6,
		heap.greatest_free_size / 1e6);
}

static int
init_path(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	struct vmirror_path *path = &mirror->path;
	int ret;

	vmirror_limit_init(&mirror->limit, mirror->spec.sample, mirror->spec.max_pps,
			   mirror->spec.max_bps);
	vmirror_guard_init(&mirror->guard, mirror->spec.guard);
	path->filter = mirror->filter;
	path->snaplen = mirror->spec.snaplen != 0 ? mirror->spec.snaplen : UINT32_MAX;
	path->copy = mirror->sink_plan.ops->holds || mirror->sink_plan.ops->linear;
	path->budget = mirror->spec.count != 0 ? mirror->spec.count : UINT64_MAX;
	path->budget_bytes = mirror->spec.bytes != 0 ? mirror->spec.bytes : UINT64_MAX;
	ret = vmirror_drain_init(
		&mirror->drain, path,
		(mirror->spec.latency_ms != 0 ? mirror->spec.latency_ms : DEFAULT_LATENCY_MS) *
			UINT64_C(1000000),
		mirror->spec.has_core ? (int)mirror->spec.core : -1, mirror->sink_plan.ops,
		vmirror_mirror_records(mirror));
	if (ret != 0)
		return vmirror_error_set(err, ret, "out of memory");
	mirror->clock.before = mirror->clock.told = vmirror_clock_jumps();
	mirror->clock.ahead_ns = mirror->clock.before.ahead_ns;
	return -pthread_spin_init(&path->lock, PTHREAD_PROCESS_PRIVATE);
}

/* Keys that have no meaning for a sink which takes packets itself, on a thread that feeds it. */
static int
check_takes(const struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_spec *spec = &mirror->spec;

	if (mirror->sink_plan.ops->takes == NULL)
		return 0;
	if (!vmirror_mirror_has_rings(mirror))
		return vmirror_error_set(err, -EINVAL,
					 "mode=inline: sink %s has no vdev that a forwarding core "
					 "could feed; leave mode= out, it is ring then",
					 mirror->sink_plan.driver);
	if (spec->mbufs != 0)
		return vmirror_error_set(err, -EINVAL,
					 "mbufs=%" PRIu32 ": sink %s uses none; leave it out",
					 spec->mbufs, mirror->sink_plan.driver);
	return 0;
}

/* Who goes has the same sink by the same name, whose vdev and interface are there until then: it is not lost. */
static const struct vmirror_mirror *
find_predecessor(const struct vmirror_mirror *mirror)
{
	const struct vmirror_mirror *other;

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next)
		if (other->leaves && other->sink_plan.ops->takes == NULL && other->sink != NULL &&
		    !other->lost && strcmp(other->spec.name, mirror->spec.name) == 0 &&
		    vmirror_spec_sink_equal(&other->spec.sink, &mirror->spec.sink))
			return other;
	return NULL;
}

/* Another sink may have its name then. */
static bool
is_leaving_vdev(const char *vdev)
{
	const struct vmirror_mirror *other;

	TAILQ_FOREACH (other, &vmirror_shared.mirrors, next)
		if (other->leaves && other->sink_plan.ops->takes == NULL &&
		    strcmp(other->sink_plan.vdev, vdev) == 0)
			return true;
	return false;
}

static int
plan_sink(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_mirror *before = find_predecessor(mirror);

	if (before == NULL)
		return vmirror_sink_check(&mirror->spec.sink, mirror->spec.name,
					  vmirror_mirror_records(mirror), is_leaving_vdev,
					  &mirror->sink_plan, err);
	mirror->sink_plan = before->sink_plan;
	return 0;
}

/* All that can be found wrong before anything is made outside the process. */
static int
prepare(struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	const struct vmirror_spec *spec = &mirror->spec;
	int ret;

	ret = vmirror_mirror_find_sources(mirror, err);
	if (ret == 0)
		ret = plan_sink(mirror, err);
	if (ret == 0)
		ret = check_takes(mirror, err);
	if (ret == 0)
		ret = check_resources(mirror, err);
	if (ret == 0 && spec->filter != NULL)
		ret = vmirror_filter_create(&mirror->filter, spec->filter, err);
	if (ret == 0 && spec->trigger != NULL) {
		ret = vmirror_filter_create(&mirror->snapshot.trigger, spec->trigger, err);
		if (ret != 0)
			vmirror_error_prefix(err, ret, "trigger: ");
	}
	if (ret == 0)
		mirror->pool_bytes = pool_bytes(mirror);
	if (ret == 0)
		ret = vmirror_mirror_check_memory(
			mirror, vmirror_mirror_has_rings(mirror) ? vmirror_mirror_hooks(mirror) : 0,
			err);
	if (ret == 0)
		ret = create_pool(mirror, err);
	if (ret == 0)
		ret = init_path(mirror, err);
	return ret;
}

static void
release_pool(struct vmirror_mirror *mirror)
{
	unsigned int out = vmirror_pool_release(mirror->path.pool);

	if (out > 0)
		vmirror_shared_notify(VMIRROR_INFO,
				      "mirror '%s': %u mbufs are still held by those who got them; "
				      "its mempool stays until they are back",
				      mirror->spec.name, out);
}

void
vmirror_mirror_destroy(struct vmirror_mirror *mirror)
{
	if (mirror == NULL)
		return;
	vmirror_drain_fini(&mirror->drain);
	release_pool(mirror);
	vmirror_filter_destroy(mirror->filter);
	vmirror_filter_destroy(mirror->snapshot.trigger);
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

/* A time beyond the clock's reach is never. */
static void
set_deadline(struct vmirror_mirror *mirror)
{
	uint64_t now = vmirror_now_ns();
	uint64_t ms = mirror->spec.duration_ms;

	if (ms != 0 && ms <= (UINT64_MAX - now) / 1000000)
		mirror->deadline_ns = now + ms * 1000000;
}

void
vmirror_mirror_set_reason(struct vmirror_mirror *mirror, const char *reason)
{
	snprintf(mirror->reason, sizeof(mirror->reason), "%s", reason);
}

void
vmirror_mirror_say_spent(const struct vmirror_mirror *mirror, char *buf, size_t size)
{
	if (__atomic_load_n(&mirror->path.budget_bytes, __ATOMIC_RELAXED) == 0)
		snprintf(buf, size, "reached its %" PRIu64 " bytes", mirror->spec.bytes);
	else
		snprintf(buf, size, "reached its count of %" PRIu64, mirror->spec.count);
}

bool
vmirror_mirror_is_late(const struct vmirror_mirror *mirror, uint64_t now, char *buf, size_t size)
{
	if (mirror->deadline_ns == 0 || now < mirror->deadline_ns)
		return false;
	snprintf(buf, size, "reached its duration of %" PRIu64 " ms", mirror->spec.duration_ms);
	return true;
}

int
vmirror_mirror_start(struct vmirror_mirror *mirror, bool attach, struct vmirror_error *err)
{
	int ret = 0;

	if (mirror->sink_plan.ops->takes != NULL)
		vmirror_mirror_ask_ports(mirror);
	if (!vmirror_mirror_makes_sinks(mirror))
		ret = vmirror_mirror_plug_sink(mirror, err);
	if (ret != 0)
		goto fail;
	if (vmirror_mirror_has_rings(mirror))
		ret = vmirror_drain_start(&mirror->drain, err);
	if (ret == 0 && attach)
		ret = vmirror_mirror_hook(mirror, true, err);
	if (ret != 0)
		goto abort;
	mirror->state = attach ? VMIRROR_ATTACHED : VMIRROR_DETACHED;
	set_deadline(mirror);
	return 0;

abort:
	vmirror_mirror_abort(mirror);
fail:
	return vmirror_error_prefix(err, ret, "mirror '%s': ", mirror->spec.name);
}

/* What queues that are not hooked any more had sent, and the drain has read. */
static void
give_back(struct vmirror_mirror *mirror)
{
	if (mirror->spec.reference == 0)
		return;
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_mirror_give_back(mirror, false);
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

void
vmirror_mirror_look(struct vmirror_mirror *mirror)
{
	vmirror_drain_flush(&mirror->drain);
	vmirror_snapshot_complete(mirror);
	give_back(mirror);
	if (vmirror_shared.eal_gone)
		return;
	if (mirror->sink != NULL && !mirror->over && !mirror->lost &&
	    mirror->state != VMIRROR_FAILED)
		vmirror_mirror_check_sink(mirror);
	/* A snapshot goes on feeding it. */
	if (mirror->sink != NULL && !mirror->over && !mirror->lost && !mirror->snapshot.runs &&
	    !__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		vmirror_mirror_settle_sink(mirror);
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
	pthread_mutex_unlock(&vmirror_shared.hooks);
	/* That may take as long as the sink does, and meanwhile it may be removed. */
	vmirror_snapshot_complete(mirror);
	vmirror_drain_stop(&mirror->drain);
	vmirror_snapshot_stop(mirror);
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_mirror_give_back(mirror, false);
	sink_gone = mirror->sink_gone || vmirror_shared.eal_gone;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	if (!vmirror_mirror_is_fed(mirror))
		return;

	vmirror_path_close_gate(&mirror->path, VMIRROR_GATE_ENDED);
	if (mirror->sink != NULL && mirror->state != VMIRROR_FAILED && !mirror->lost &&
	    !vmirror_shared.eal_gone)
		vmirror_mirror_check_sink(mirror);
	/* Of a sink that is gone the mempool tells what it held. */
	if (mirror->sink != NULL && !vmirror_shared.eal_gone)
		vmirror_mirror_settle_sink(mirror);
	if (mirror->state != VMIRROR_FAILED) {
		mirror->state = state;
		vmirror_mirror_set_reason(mirror, reason);
	}
	if (mirror->sink != NULL && !sink_gone)
		vmirror_sink_stop(mirror->sink);
}

void
vmirror_mirror_close(struct vmirror_mirror *mirror)
{
	if (mirror->over)
		vmirror_mirror_unplug_sink(mirror, VMIRROR_SINK_DONE);
}

/* New ports under a name that the mirror waits for, and new queues. */
static void
follow_ports(struct vmirror_mirror *mirror)
{
	struct vmirror_error err;
	int ret = vmirror_mirror_hook(mirror, false, &err);

	if (ret == 0 || ret == -ESTALE)
		mirror->sync_errors = 0;
	else if (mirror->sync_errors++ == 0)
		vmirror_shared_notify(VMIRROR_WARNING, "mirror '%s' does not follow its ports: %s",
				      mirror->spec.name, err.text);
}

/* When its sink has all of it. Others wait for this thread: it looks in again. */
static void
stop_and_tell(struct vmirror_mirror *mirror, const char *reason)
{
	vmirror_mirror_leave(mirror);
	if (!vmirror_mirror_has_left(mirror, SHORT_NS))
		return;
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

/* What it costs the forwarding cores. That packets are left out, and that none are any more, is told. */
static void
check_guard(struct vmirror_mirror *mirror, uint64_t now)
{
	const struct vmirror_guard *guard = &mirror->guard;
	bool samples;

	vmirror_guard_look(&mirror->guard);
	samples = guard->one_in > 1;
	if (samples == mirror->guard_told || now < mirror->next_guard_notice_ns)
		return;
	mirror->guard_told = samples;
	mirror->next_guard_notice_ns = now + VMIRROR_NOTICE_INTERVAL_NS;
	if (samples)
		vmirror_shared_notify(VMIRROR_WARNING,
				      "mirror '%s' took more of a forwarding core's time than "
				      "guard=%u%% and looks at 1 burst in %u now",
				      mirror->spec.name, guard->percent, guard->one_in);
	else
		vmirror_shared_notify(VMIRROR_INFO, "mirror '%s' looks at every burst again",
				      mirror->spec.name);
}

static void
tell_jumps(const struct vmirror_mirror *mirror, const struct vmirror_clock_jumps *jumps)
{
	int64_t by_ns = jumps->sum_ns - mirror->clock.told.sum_ns;
	uint64_t ahead_ns = jumps->ahead_ns - mirror->clock.ahead_ns;
	uint64_t n = jumps->n - mirror->clock.told.n;
	char times[48] = "", then[64] = "follow";

	if (n > 1)
		snprintf(times, sizeof(times), ", in %" PRIu64 " jumps", n);
	if (ahead_ns > 0)
		snprintf(then, sizeof(then), "go on from before, %.3f s ahead of it",
			 (double)ahead_ns / 1e9);
	vmirror_shared_notify(VMIRROR_WARNING,
			      "mirror '%s': the system's clock jumped %s by %.3f s%s; "
			      "its packets' times %s",
			      mirror->spec.name, by_ns < 0 ? "back" : "forward",
			      (double)(by_ns < 0 ? -by_ns : by_ns) / 1e9, times, then);
}

/* Only in mode=ring do packets have times that are ours. */
static void
check_clock(struct vmirror_mirror *mirror, uint64_t now)
{
	struct vmirror_clock_jumps jumps = vmirror_clock_jumps();

	if (!vmirror_mirror_has_rings(mirror))
		return;
	mirror->clock.n = jumps.n - mirror->clock.before.n;
	mirror->clock.ahead_ns = RTE_MIN(mirror->clock.ahead_ns, jumps.ahead_ns);
	if (jumps.n == mirror->clock.told.n || now < mirror->clock.next_notice_ns)
		return;
	tell_jumps(mirror, &jumps);
	mirror->clock.told = jumps;
	mirror->clock.next_notice_ns = now + VMIRROR_NOTICE_INTERVAL_NS;
}

void
vmirror_mirror_tick(struct vmirror_mirror *mirror, uint64_t now)
{
	char reason[64];

	if (mirror->over || !vmirror_mirror_is_fed(mirror))
		return;
	if (vmirror_mirror_records(mirror))
		vmirror_snapshot_tick(mirror);
	if (__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED)) {
		fail_without_sink(mirror);
	} else if (__atomic_load_n(&mirror->path.gate, __ATOMIC_RELAXED) == VMIRROR_GATE_ENDED) {
		vmirror_mirror_say_spent(mirror, reason, sizeof(reason));
		stop_and_tell(mirror, reason);
	} else if (vmirror_mirror_is_late(mirror, now, reason, sizeof(reason))) {
		stop_and_tell(mirror, reason);
	} else if (mirror->state != VMIRROR_FAILED || vmirror_mirror_records(mirror)) {
		/* A recorder whose sink has failed records. */
		vmirror_limit_grant(&mirror->limit, now);
		check_guard(mirror, now);
		check_clock(mirror, now);
		if (mirror->state == VMIRROR_ATTACHED)
			follow_ports(mirror);
		give_back(mirror);
		vmirror_mirror_tell_copied_port(mirror);
		if (mirror->lost)
			vmirror_mirror_tell_reason(mirror);
		else if (mirror->sink != NULL && mirror->state != VMIRROR_FAILED)
			vmirror_mirror_check_sink(mirror);
	}
}
