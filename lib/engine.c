/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The engine: starting and stopping, the control thread, and ethdev's events.
 *
 * The sentinel. rte_eal_cleanup() removes vdevs under whoever uses them, in the order in which
 * they were added. So before the first sink a net_null vdev is plugged whose removal tells that
 * the cleanup has begun: all mirrors are detached there, while every sink is still whole.
 *
 * The guard. While the sentinel is being removed, the cleanup remembers the vdev after it. A control
 * operation that is under way just then may unplug a sink, and must not unplug that one: so a
 * second net_null stands between the sentinel and the first sink.
 */

#include "lib/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "devargs/error.h"
#include "lib/clock.h"
#include "lib/dispatch.h"
#include "lib/mirror.h"
#include "lib/pool.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/telemetry.h"
#include "lib/thread.h"
#include "lib/vdev.h"

#define SENTINEL_NAME "net_null_vmirror_sentinel"
#define GUARD_NAME    "net_null_vmirror_guard"

/* How soon new queues and ports are hooked, and ends of mirrors noticed. */
#define TICK_NS (50 * 1000 * 1000)

/* How long a cleanup waits for a control operation that is under way. */
#define CLEANUP_WAIT_S 5

static struct {
	vmirror_thread_t thread;
	pthread_cond_t wake;
	bool stop;          /* control lock */
	uint16_t sentinel;  /* RTE_MAX_ETHPORTS: none; hook lock */
	bool watches_forks; /* control lock */
} self = {.sentinel = RTE_MAX_ETHPORTS};

/* On return the drain does not use the sink, nor DPDK's memory. What is in the rings is rejected. */
static void
leave_sink(struct vmirror_mirror *mirror)
{
	if (!vmirror_mirror_has_rings(mirror))
		return;
	vmirror_path_close_gate(&mirror->path, VMIRROR_GATE_SINK_FAILED);
	vmirror_drain_sync(&mirror->drain);
}

/*
 * EAL is being cleaned up, on the thread that calls it. vdevs cannot be unplugged from here, and
 * need not be: EAL does that next, and it finds them unused.
 */
static void
on_cleanup(void)
{
	struct vmirror_mirror *mirror;
	struct timespec deadline;
	bool locked;

	/* Or a host that controls mirrors without a pause would take the lock again and again. */
	__atomic_store_n(&vmirror_shared.eal_goes, true, __ATOMIC_RELAXED);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += CLEANUP_WAIT_S;
	locked = pthread_mutex_timedlock(&vmirror_shared.control, &deadline) == 0;
	/* Every sink is whole as yet. */
	if (locked)
		TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
			vmirror_mirror_stop(mirror, VMIRROR_ENDED, "EAL was cleaned up");

	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next) {
		vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
		leave_sink(mirror);
		vmirror_mirror_give_back(mirror, true);
	}
	vmirror_shared.eal_gone = true;
	self.sentinel = RTE_MAX_ETHPORTS;
	pthread_mutex_unlock(&vmirror_shared.hooks);

	if (locked)
		pthread_mutex_unlock(&vmirror_shared.control);
}

static int
on_destroy(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret_param)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.hooks);
	if (port_id == self.sentinel) {
		pthread_mutex_unlock(&vmirror_shared.hooks);
		on_cleanup();
		return 0;
	}
	vmirror_port_goes(port_id);
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next) {
		if (mirror->sink != NULL && mirror->sink->port_id == port_id) {
			vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
			leave_sink(mirror);
			__atomic_store_n(&mirror->sink_gone, true, __ATOMIC_RELAXED);
		} else {
			vmirror_mirror_unhook(mirror, port_id);
		}
		/* The host may free the mempool next. */
		vmirror_mirror_give_back(mirror, true);
	}
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return 0;
}

static int
on_new(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret_param)
{
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_port_came(port_id);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	/* A port of the host's is hooked by the next tick: here it is not valid yet. */
	vmirror_vdev_adopt(port_id);
	return 0;
}

static void
cut_off(struct vmirror_sink *sink)
{
	if (sink != NULL && sink->ops->forked != NULL)
		sink->ops->forked(sink);
}

/*
 * In a child of the host's fork(), which has one thread and none of ours. Rings and files are the
 * parent's as well, and locks may be held by threads that there are not: so the child has no engine
 * and no mirrors, and what it forwards passes no hook. Runs before fork() returns there.
 */
static void
on_fork(void)
{
	struct vmirror_mirror *mirror;

	vmirror_port_silence();
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next) {
		cut_off(mirror->sink);
		cut_off(mirror->snapshot.sink);
	}
	TAILQ_INIT(&vmirror_shared.mirrors);
	pthread_mutex_init(&vmirror_shared.control, NULL);
	pthread_mutex_init(&vmirror_shared.hooks, NULL);
	self.sentinel = RTE_MAX_ETHPORTS;
	vmirror_shared.running = false;
}

/* Once; where the library is unloaded, libc forgets it. */
static int
watch_forks(struct vmirror_error *err)
{
	int ret = self.watches_forks ? 0 : pthread_atfork(NULL, NULL, on_fork);

	if (ret != 0)
		return vmirror_error_set(err, -ret, "pthread_atfork: %s", strerror(ret));
	self.watches_forks = true;
	return 0;
}

static vmirror_thread_ret_t
control_thread(void *arg)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.control);
	while (!self.stop) {
		vmirror_clock_tick();
		if (!vmirror_shared.eal_gone)
			TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
				vmirror_mirror_tick(mirror, vmirror_now_ns());
		/* Without mirrors there is nothing to look after. */
		if (TAILQ_EMPTY(&vmirror_shared.mirrors))
			pthread_cond_wait(&self.wake, &vmirror_shared.control);
		else
			vmirror_cond_wait_for(&self.wake, &vmirror_shared.control, TICK_NS);
	}
	pthread_mutex_unlock(&vmirror_shared.control);
	return VMIRROR_THREAD_RETURN;
}

static int
start_thread(struct vmirror_error *err)
{
	int ret;

	vmirror_cond_init(&self.wake);
	self.stop = false;
	ret = vmirror_thread_start(&self.thread, "vmirror-ctl", control_thread, NULL);
	if (ret != 0)
		return vmirror_error_set(err, ret, "control thread: %s", strerror(-ret));
	return 0;
}

static void
stop_thread(void)
{
	pthread_mutex_lock(&vmirror_shared.control);
	self.stop = true;
	pthread_cond_signal(&self.wake);
	pthread_mutex_unlock(&vmirror_shared.control);
	vmirror_thread_join(self.thread);
	pthread_cond_destroy(&self.wake);
}

static int
plug_sentinel(struct vmirror_error *err)
{
	uint16_t port_id, guard;
	int ret = vmirror_vdev_plug(SENTINEL_NAME, "", &port_id, err);

	if (ret != 0)
		return vmirror_error_prefix(err, ret, "sentinel: ");
	ret = vmirror_vdev_plug(GUARD_NAME, "", &guard, err);
	if (ret != 0) {
		vmirror_vdev_unplug(SENTINEL_NAME);
		return vmirror_error_prefix(err, ret, "guard: ");
	}
	pthread_mutex_lock(&vmirror_shared.hooks);
	self.sentinel = port_id;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	return 0;
}

static void
unplug_sentinel(void)
{
	pthread_mutex_lock(&vmirror_shared.hooks);
	self.sentinel = RTE_MAX_ETHPORTS;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_vdev_unplug(GUARD_NAME);
	vmirror_vdev_unplug(SENTINEL_NAME);
}

static void
unregister_events(void)
{
	rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, on_new, NULL);
	rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY, on_destroy, NULL);
}

static int
register_events(struct vmirror_error *err)
{
	int ret;

	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_port_forget();
	pthread_mutex_unlock(&vmirror_shared.hooks);
	ret = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, on_new, NULL);
	if (ret == 0)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_DESTROY, on_destroy,
						    NULL);
	if (ret == 0)
		return 0;
	unregister_events();
	return vmirror_error_set(err, ret, "ethdev events: %s", strerror(-ret));
}

static int
check_host(const struct vmirror_engine_opts *opts, struct vmirror_error *err)
{
	if (opts != NULL && opts->size < sizeof(*opts))
		return vmirror_error_set(err, -EINVAL, "vmirror_engine_opts: size %zu is not %zu",
					 opts->size, sizeof(*opts));
	if (vmirror_shared.eal_gone)
		return vmirror_error_set(err, -EPERM, "EAL has been cleaned up");
	if (rte_lcore_count() == 0)
		return vmirror_error_set(err, -EPERM, "call rte_eal_init() first");
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return vmirror_error_set(err, -ENOTSUP,
					 "a secondary process cannot mirror; use the primary one");
	if (!vmirror_port_has_callbacks())
		return vmirror_error_set(err, -ENOTSUP,
					 "this DPDK has no rx/tx callbacks; build it with "
					 "RTE_ETHDEV_RXTX_CALLBACKS");
	return 0;
}

static uint64_t
read_tsc(void)
{
	return rte_rdtsc();
}

static int
start_engine(struct vmirror_error *err)
{
	const struct vmirror_clock_source clock = {.tsc = read_tsc, .tsc_hz = rte_get_tsc_hz()};
	int ret;

	vmirror_clock_init(&clock);
	vmirror_dispatch_init();
	ret = watch_forks(err);
	if (ret != 0)
		return ret;
	ret = vmirror_vdev_init(err);
	if (ret != 0)
		return ret;
	ret = register_events(err);
	if (ret != 0)
		return ret;
	ret = plug_sentinel(err);
	if (ret != 0)
		goto unregister;
	ret = start_thread(err);
	if (ret != 0)
		goto unplug;
	return 0;

unplug:
	unplug_sentinel();
unregister:
	unregister_events();
	return ret;
}

int
vmirror_engine_init(const struct vmirror_engine_opts *opts, struct vmirror_error *err)
{
	int ret;

	pthread_mutex_lock(&vmirror_shared.control);
	if (vmirror_shared.running) {
		ret = vmirror_error_set(err, -EALREADY, "the engine runs already");
		goto unlock;
	}
	ret = check_host(opts, err);
	if (ret != 0)
		goto unlock;

	vmirror_shared_init(opts);
	ret = start_engine(err);
	vmirror_shared.running = ret == 0;
	if (ret == 0)
		vmirror_telemetry_init();

unlock:
	pthread_mutex_unlock(&vmirror_shared.control);
	return ret;
}

void
vmirror_engine_fini(void)
{
	struct vmirror_mirror *mirror;
	bool was_running;

	pthread_mutex_lock(&vmirror_shared.control);
	was_running = vmirror_shared.running;
	vmirror_shared.running = false;
	while ((mirror = TAILQ_FIRST(&vmirror_shared.mirrors)) != NULL) {
		vmirror_mirror_stop(mirror, VMIRROR_ENDED, "removed");
		vmirror_mirror_close(mirror);
		pthread_mutex_lock(&vmirror_shared.hooks);
		TAILQ_REMOVE(&vmirror_shared.mirrors, mirror, next);
		pthread_mutex_unlock(&vmirror_shared.hooks);
		vmirror_mirror_destroy(mirror);
	}
	/* Without an engine nobody heard of the end of EAL. */
	if (was_running)
		vmirror_pool_sweep();
	pthread_mutex_unlock(&vmirror_shared.control);

	if (!was_running)
		return;
	stop_thread();
	pthread_mutex_lock(&vmirror_shared.control);
	if (!vmirror_shared.eal_gone) {
		unplug_sentinel();
		unregister_events();
	}
	pthread_mutex_unlock(&vmirror_shared.control);
}

void
vmirror_engine_wake(void)
{
	pthread_cond_signal(&self.wake);
}
