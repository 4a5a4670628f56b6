/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The public functions on mirrors: locks, the list of mirrors, and filling in what the caller
 * sees. What they do is mirror.c's; starting and stopping the engine is engine.c's.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/error.h"
#include "devargs/spec.h"
#include "lib/api.h"
#include "lib/engine.h"
#include "lib/filter.h"
#include "lib/mirror.h"
#include "lib/pool.h"
#include "lib/shared.h"
#include "lib/thread.h"

/* How long one call replaces sinks, until it leaves the others to the next. */
#define TEND_NS UINT64_C(200000000)

/*
 * What the control thread must leave undone, as it is hotplug: unplug the sinks of mirrors that
 * ended by themselves.
 */
static void
tidy(void)
{
	struct vmirror_mirror *mirror;

	if (!vmirror_shared.running || vmirror_shared.eal_gone)
		return;
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		vmirror_mirror_close(mirror);
	vmirror_pool_sweep();
}

/*
 * The same, and sinks that were lost replaced. One that takes long, because its peer does not answer,
 * is enough: others wait for the lock.
 */
static void
tend(void)
{
	uint64_t start = vmirror_now_ns();
	struct vmirror_mirror *mirror;

	tidy();
	if (!vmirror_shared.running || vmirror_shared.eal_gone)
		return;
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next) {
		vmirror_mirror_read_ports(mirror);
		/* For snapshots that the control thread makes, which does not ask. */
		if (vmirror_mirror_makes_sinks(mirror))
			vmirror_mirror_ask_ports(mirror);
		if (vmirror_now_ns() - start < TEND_NS)
			vmirror_mirror_revive(mirror);
	}
}

int
vmirror_api_enter(struct vmirror_error *err)
{
	pthread_mutex_lock(&vmirror_shared.control);
	if (vmirror_shared.running && !vmirror_shared.eal_gone &&
	    !__atomic_load_n(&vmirror_shared.eal_goes, __ATOMIC_RELAXED)) {
		tidy();
		return 0;
	}
	pthread_mutex_unlock(&vmirror_shared.control);
	return vmirror_error_set(err, -EPERM,
				 "the engine does not run; call vmirror_engine_init() "
				 "after rte_eal_init()");
}

/* A spec that cannot be read is no matter here: whoever makes a mirror of it says why. */
static int
compile_ahead(const char *text, struct vmirror_error *err)
{
	struct vmirror_spec spec = {0};
	int ret = vmirror_spec_parse(&spec, text, err);

	if (ret != 0)
		return ret == -ENOMEM ? ret : 0;
	if (spec.filter != NULL)
		ret = vmirror_filter_ahead(spec.filter, err);
	if (ret == 0 && spec.trigger != NULL)
		ret = vmirror_filter_ahead(spec.trigger, err);
	vmirror_spec_fini(&spec);
	return ret;
}

int
vmirror_api_enter_for(const char *const specs[], unsigned int n, struct vmirror_error *err)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && ret == 0; i++)
		ret = compile_ahead(specs[i], err);
	if (ret == 0)
		ret = vmirror_api_enter(err);
	if (ret != 0)
		vmirror_filter_forget();
	return ret;
}

void
vmirror_api_leave(void)
{
	pthread_mutex_unlock(&vmirror_shared.control);
	vmirror_filter_forget();
}

struct vmirror_mirror *
vmirror_api_find(const char *name, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;

	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next)
		if (strcmp(mirror->spec.name, name) == 0)
			return mirror;
	vmirror_error_set(err, -ENOENT, "there is no mirror '%s'", name);
	return NULL;
}

/* In the order in which they were added, which is that of their serials: one that was there has its place. */
void
vmirror_api_list(struct vmirror_mirror *mirror)
{
	struct vmirror_mirror *later = NULL;

	if (mirror->serial != 0)
		TAILQ_FOREACH (later, &vmirror_shared.mirrors, next)
			if (later->serial > mirror->serial)
				break;
	pthread_mutex_lock(&vmirror_shared.hooks);
	if (later != NULL)
		TAILQ_INSERT_BEFORE(later, mirror, next);
	else
		TAILQ_INSERT_TAIL(&vmirror_shared.mirrors, mirror, next);
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

void
vmirror_api_unlist(struct vmirror_mirror *mirror)
{
	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_REMOVE(&vmirror_shared.mirrors, mirror, next);
	pthread_mutex_unlock(&vmirror_shared.hooks);
}

int
vmirror_engine_tend(void)
{
	int ret;

	pthread_mutex_lock(&vmirror_shared.control);
	tend();
	ret = vmirror_shared.running && !vmirror_shared.eal_gone ? 0 : -EPERM;
	vmirror_api_leave();
	return ret;
}

int
vmirror_api_begin(struct vmirror_mirror *mirror, bool attach, struct vmirror_error *err)
{
	int ret;

	vmirror_api_list(mirror);
	ret = vmirror_mirror_start(mirror, attach, err);
	if (ret != 0) {
		vmirror_api_unlist(mirror);
		vmirror_mirror_destroy(mirror);
		return ret;
	}
	vmirror_mirror_read_ports(mirror);
	vmirror_engine_wake();
	return 0;
}

int
vmirror_api_add(const char *spec, char name[VMIRROR_NAME_SIZE], struct vmirror_error *err)
{
	static uint64_t serial;
	struct vmirror_mirror *mirror;
	int ret = vmirror_mirror_create(&mirror, spec, err);

	if (ret != 0)
		return ret;
	mirror->serial = ++serial;
	ret = vmirror_api_begin(mirror, true, err);
	if (ret == 0 && name != NULL)
		snprintf(name, VMIRROR_NAME_SIZE, "%s", mirror->spec.name);
	return ret;
}

int
vmirror_mirror_add(const char *spec, char name[VMIRROR_NAME_SIZE], struct vmirror_error *err)
{
	int ret = vmirror_api_enter_for(&spec, 1, err);

	if (ret != 0)
		return ret;
	ret = vmirror_api_add(spec, name, err);
	vmirror_api_leave();
	return ret;
}

void
vmirror_api_end(struct vmirror_mirror *mirror)
{
	vmirror_mirror_stop(mirror, VMIRROR_ENDED, "removed");
	vmirror_mirror_close(mirror);
	vmirror_api_unlist(mirror);
	vmirror_mirror_destroy(mirror);
}

int
vmirror_mirror_remove(const char *name, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.control);
	tidy();
	mirror = vmirror_api_find(name, err);
	if (mirror != NULL) {
		/* A file's last words are of them. */
		vmirror_mirror_read_ports(mirror);
		vmirror_api_end(mirror);
	}
	vmirror_api_leave();
	return mirror != NULL ? 0 : -ENOENT;
}

int
vmirror_mirror_detach(const char *name, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;

	pthread_mutex_lock(&vmirror_shared.control);
	tidy();
	mirror = vmirror_api_find(name, err);
	if (mirror != NULL) {
		vmirror_mirror_read_ports(mirror);
		pthread_mutex_lock(&vmirror_shared.hooks);
		vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
		if (mirror->state == VMIRROR_ATTACHED)
			mirror->state = VMIRROR_DETACHED;
		pthread_mutex_unlock(&vmirror_shared.hooks);
		vmirror_mirror_look(mirror);
	}
	vmirror_api_leave();
	return mirror != NULL ? 0 : -ENOENT;
}

int
vmirror_mirror_attach(const char *name, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;
	int ret = vmirror_api_enter(err);

	if (ret != 0)
		return ret;
	mirror = vmirror_api_find(name, err);
	if (mirror == NULL)
		ret = -ENOENT;
	else if (mirror->state == VMIRROR_ENDED || mirror->state == VMIRROR_FAILED)
		ret = vmirror_error_set(err, -EBUSY, "mirror '%s' is over: %s", name,
					mirror->reason);
	else if (mirror->left_ns != 0)
		ret = vmirror_error_set(err, -EBUSY, "mirror '%s' is being taken away", name);
	else
		ret = vmirror_mirror_hook(mirror, true, err);
	if (ret == 0) {
		vmirror_mirror_unsettle_sink(mirror);
		vmirror_mirror_read_ports(mirror);
	}
	/* A stopped one keeps its word on how it ended. */
	if (ret == 0)
		mirror->state = VMIRROR_ATTACHED;
	vmirror_api_leave();
	return ret;
}

int
vmirror_mirror_snapshot(const char *name, const struct vmirror_snapshot_opts *opts,
			struct vmirror_error *err)
{
	const struct vmirror_snapshot_opts all = {.size = sizeof(all)};
	struct vmirror_snapshot_want want = {0};
	struct vmirror_mirror *mirror;
	int ret;

	if (opts == NULL)
		opts = &all;
	if (opts->size < sizeof(*opts))
		return vmirror_error_set(err, -EINVAL, "vmirror_snapshot_opts: size %zu is not %zu",
					 opts->size, sizeof(*opts));
	ret = vmirror_api_enter(err);
	if (ret != 0)
		return ret;
	want.bytes = opts->last_bytes;
	want.sink = opts->sink;
	want.from_tsc = opts->last_ms != 0 ? vmirror_snapshot_ago(opts->last_ms) : 0;
	mirror = vmirror_api_find(name, err);
	if (mirror == NULL)
		ret = -ENOENT;
	else if (!vmirror_mirror_records(mirror))
		ret = vmirror_error_set(err, -ENOTSUP,
					"mirror '%s' keeps nothing to make a snapshot of; right "
					"would be one with mode=recorder",
					name);
	else
		vmirror_mirror_ask_ports(mirror);
	if (ret == 0)
		ret = vmirror_snapshot_begin(mirror, &want, err);
	if (ret != 0 && mirror != NULL && vmirror_mirror_records(mirror))
		vmirror_error_prefix(err, ret, "snapshot of mirror '%s': ", name);
	vmirror_api_leave();
	return ret;
}

int
vmirror_mirror_next_file(const char *name, int fd, struct vmirror_error *err)
{
	const struct vmirror_sink_takes *takes;
	struct vmirror_mirror *mirror;
	int ret = vmirror_api_enter(err);

	if (ret != 0)
		return ret;
	mirror = vmirror_api_find(name, err);
	takes = mirror != NULL ? mirror->sink_plan.ops->takes : NULL;
	if (mirror == NULL)
		ret = -ENOENT;
	else if (takes == NULL || takes->next == NULL || vmirror_mirror_makes_sinks(mirror))
		ret = vmirror_error_set(err, -ENOTSUP,
					"mirror '%s' has one output; right would be "
					"sink=[file,fd=N,rotate_bytes=…]",
					name);
	else if (mirror->sink == NULL || mirror->over || mirror->left_ns != 0)
		ret = vmirror_error_set(err, -EBUSY, "mirror '%s' is over", name);
	else
		ret = vmirror_error_prefix(err, takes->next(mirror->sink, fd, err),
					   "mirror '%s': ", name);
	vmirror_api_leave();
	return ret;
}

/* --- what would be */

/* Like vmirror_mirror_add() up to the point where something would be seen from outside. */
static int
check_one(const char *spec, struct vmirror_plan *plan, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;
	int ret = vmirror_mirror_create(&mirror, spec, err);

	if (ret != 0)
		return ret;
	mirror->planned = true;
	vmirror_api_list(mirror);
	if (plan != NULL) {
		snprintf(plan->name, sizeof(plan->name), "%s", mirror->spec.name);
		vmirror_mirror_describe(mirror, plan->text, sizeof(plan->text));
		plan->hooks = vmirror_mirror_hooks(mirror);
		plan->memory_bytes = mirror->pool_bytes;
		if (vmirror_mirror_has_rings(mirror))
			plan->ring_bytes = plan->hooks * vmirror_mirror_ring_bytes(mirror);
	}
	return 0;
}

int
vmirror_api_check(const char *const specs[], unsigned int n, struct vmirror_plan *plans,
		  unsigned int *bad, struct vmirror_error *err)
{
	struct vmirror_mirror *last, *mirror;
	unsigned int i;
	int ret = 0;

	/* All stay until the last is checked: names, interfaces and memory are taken together. */
	last = TAILQ_LAST(&vmirror_shared.mirrors, vmirror_mirror_list);
	for (i = 0; i < n && ret == 0; i++)
		ret = check_one(specs[i], plans == NULL ? NULL : &plans[i], err);
	if (ret != 0 && bad != NULL)
		*bad = i - 1;

	while ((mirror = TAILQ_LAST(&vmirror_shared.mirrors, vmirror_mirror_list)) != last) {
		vmirror_api_unlist(mirror);
		vmirror_mirror_destroy(mirror);
	}
	return ret;
}

int
vmirror_mirror_check(const char *const specs[], unsigned int n, struct vmirror_plan *plans,
		     unsigned int *bad, struct vmirror_error *err)
{
	int ret = vmirror_api_enter_for(specs, n, err);

	if (ret != 0)
		return ret;
	ret = vmirror_api_check(specs, n, plans, bad, err);
	vmirror_api_leave();
	return ret;
}

/* --- which there are */

int
vmirror_mirror_list(char (*names)[VMIRROR_NAME_SIZE], unsigned int n)
{
	const struct vmirror_mirror *mirror;
	int count = 0;

	pthread_mutex_lock(&vmirror_shared.control);
	TAILQ_FOREACH (mirror, &vmirror_shared.mirrors, next) {
		if ((unsigned int)count < n)
			memcpy(names[count], mirror->spec.name, VMIRROR_NAME_SIZE);
		count++;
	}
	vmirror_api_leave();
	return count;
}

uint64_t
vmirror_mirror_serial(const char *name)
{
	const struct vmirror_mirror *mirror;
	uint64_t serial;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, NULL);
	serial = mirror != NULL ? mirror->serial : 0;
	vmirror_api_leave();
	return serial;
}

int
vmirror_mirror_spec(const char *name, char *buf, size_t size, struct vmirror_error *err)
{
	const struct vmirror_mirror *mirror;
	int len = -ENOENT;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, err);
	if (mirror != NULL)
		len = vmirror_spec_build(&mirror->spec, buf, size);
	vmirror_api_leave();
	return len;
}

const char *
vmirror_version(void)
{
	return VMIRROR_VERSION;
}
