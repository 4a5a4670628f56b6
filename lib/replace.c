/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Mirrors in the place of others. Those that go are set aside, ended and without their sinks, until the
 * others run; should one of these fail, they come back. Single mirrors are api.c's.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devargs/error.h"
#include "lib/api.h"
#include "lib/engine.h"
#include "lib/leave.h"
#include "lib/mirror.h"
#include "lib/shared.h"
#include "lib/text.h"
#include "lib/thread.h"

/* What one that is made again has of the one that it was. */
struct rest {
	uint64_t serial;
	bool attach;
	uint64_t deadline_ns;
	uint64_t budget;
	uint64_t budget_bytes;
	unsigned int number;
	uint64_t triggered;
	bool trigger_told;
	char resource[VMIRROR_SINK_RESOURCE_SIZE];
	struct vmirror_source_list sources;
};

static void
mark_leaving(const char *const names[], unsigned int n, bool leaves)
{
	struct vmirror_mirror *mirror;
	unsigned int i;

	for (i = 0; i < n; i++) {
		mirror = vmirror_api_find(names[i], NULL);
		if (mirror != NULL)
			mirror->leaves = leaves;
	}
}

/* --- those that go */

/* One of those set aside, whose state is what it was before. */
static bool
worked(const struct vmirror_mirror *mirror)
{
	return mirror->state == VMIRROR_ATTACHED || mirror->state == VMIRROR_DETACHED;
}

static void
set_aside(struct vmirror_mirror *mirror, struct vmirror_mirror_list *aside)
{
	const uint64_t now = vmirror_now_ns();
	char reason[64];

	/* It may have come to its end since the control thread looked. */
	vmirror_mirror_tick(mirror, now);
	if (!vmirror_mirror_is_late(mirror, now, reason, sizeof(reason)))
		snprintf(reason, sizeof(reason), "removed");
	if (mirror->left_ns != 0)
		vmirror_mirror_stop(mirror, VMIRROR_ENDED, reason);
	else
		vmirror_mirror_stop(mirror, mirror->state, "");
	/* Or with what was in its rings. */
	if (mirror->path.budget == 0 && mirror->state != VMIRROR_FAILED) {
		mirror->state = VMIRROR_ENDED;
		vmirror_mirror_say_spent(mirror, reason, sizeof(reason));
		vmirror_mirror_set_reason(mirror, reason);
	}
	vmirror_mirror_close(mirror);
	vmirror_api_unlist(mirror);
	TAILQ_INSERT_TAIL(aside, mirror, next);
}

static void
set_all_aside(const char *const names[], unsigned int n, struct vmirror_mirror_list *aside)
{
	struct vmirror_mirror *mirror;
	unsigned int i;

	for (i = 0; i < n; i++) {
		mirror = vmirror_api_find(names[i], NULL);
		if (mirror != NULL)
			set_aside(mirror, aside);
	}
}

static void
forget(struct vmirror_mirror_list *aside)
{
	struct vmirror_mirror *mirror;

	while ((mirror = TAILQ_FIRST(aside)) != NULL) {
		TAILQ_REMOVE(aside, mirror, next);
		vmirror_mirror_destroy(mirror);
	}
}

/* --- and come back */

static void
take_rest(struct vmirror_mirror *mirror, struct rest *rest)
{
	*rest = (struct rest){
		.serial = mirror->serial,
		.attach = mirror->state == VMIRROR_ATTACHED,
		.deadline_ns = mirror->deadline_ns,
		.budget = mirror->path.budget,
		.budget_bytes = mirror->path.budget_bytes,
		.number = mirror->snapshot.number,
		.triggered = mirror->snapshot.triggered,
		.trigger_told = mirror->snapshot.trigger_told,
	};
	snprintf(rest->resource, sizeof(rest->resource), "%s", mirror->sink_plan.resource);
	TAILQ_INIT(&rest->sources);
	TAILQ_CONCAT(&rest->sources, &mirror->sources, next);
}

static void
free_rest(struct rest *rest)
{
	struct vmirror_source *source;

	while ((source = TAILQ_FIRST(&rest->sources)) != NULL) {
		TAILQ_REMOVE(&rest->sources, source, next);
		free(source);
	}
}

static bool
had_source(const struct rest *rest, const char *name)
{
	const struct vmirror_source *source;

	TAILQ_FOREACH (source, &rest->sources, next)
		if (strcmp(source->name, name) == 0)
			return true;
	return false;
}

/* A descriptor's number may be another file's by now, and a port's another port's. */
static int
check_same(const struct vmirror_mirror *mirror, const struct rest *rest, struct vmirror_error *err)
{
	const struct vmirror_source *source;

	if (strcmp(mirror->sink_plan.resource, rest->resource) != 0)
		return vmirror_error_set(
			err, -ESTALE, "mirror '%s': sink: what was %.120s is %.120s now",
			mirror->spec.name, rest->resource, mirror->sink_plan.resource);
	if (mirror->spec.all_ports)
		return 0;
	TAILQ_FOREACH (source, &mirror->sources, next)
		if (!had_source(rest, source->name))
			return vmirror_error_set(
				err, -ESTALE, "mirror '%s': port: another one, %s, has its number",
				mirror->spec.name, source->name);
	return 0;
}

/* No core sees it yet. */
static void
hand_rest(struct vmirror_mirror *mirror, const struct rest *rest)
{
	mirror->serial = rest->serial;
	mirror->path.budget = rest->budget;
	mirror->path.budget_bytes = rest->budget_bytes;
	mirror->snapshot.number = rest->number;
	mirror->snapshot.triggered = rest->triggered;
	mirror->snapshot.trigger_told = rest->trigger_told;
}

/* @return 0, or -errno with err set; either way what was set aside is freed */
static int
make_again(struct vmirror_mirror *old, struct vmirror_error *err)
{
	char spec[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_mirror *mirror;
	struct rest rest;
	int ret;

	take_rest(old, &rest);
	vmirror_spec_build(&old->spec, spec, sizeof(spec));
	/* There may not be memory for both. */
	vmirror_mirror_destroy(old);
	ret = vmirror_mirror_create(&mirror, spec, err);
	if (ret == 0) {
		ret = check_same(mirror, &rest, err);
		if (ret != 0)
			vmirror_mirror_destroy(mirror);
	}
	if (ret == 0) {
		hand_rest(mirror, &rest);
		ret = vmirror_api_begin(mirror, rest.attach, err);
	}
	if (ret == 0)
		mirror->deadline_ns = rest.deadline_ns;
	free_rest(&rest);
	return ret;
}

/* @param why  receives, behind what it says, the names of those that do not */
static void
bring_back(struct vmirror_mirror_list *aside, struct vmirror_error *why)
{
	struct vmirror_error err;
	char names[VMIRROR_ERROR_SIZE] = "";
	struct vmirror_text lost = {.buf = names, .size = sizeof(names)};
	struct vmirror_mirror *mirror;
	char name[VMIRROR_NAME_SIZE];

	while ((mirror = TAILQ_FIRST(aside)) != NULL) {
		TAILQ_REMOVE(aside, mirror, next);
		memcpy(name, mirror->spec.name, sizeof(name));
		if (!worked(mirror)) {
			vmirror_api_list(mirror);
		} else if (make_again(mirror, &err) != 0) {
			vmirror_shared_notify(VMIRROR_ERROR, "it is not there again: %s", err.text);
			vmirror_text_append(&lost, "%s'%s'", lost.len > 0 ? ", " : "", name);
		} else {
			vmirror_shared_notify(VMIRROR_INFO,
					      "mirror '%s' is there again, from the beginning",
					      name);
		}
	}
	vmirror_engine_wake();
	if (lost.len > 0 && why != NULL)
		vmirror_error_set(why, 0, "%s; what could not be brought back: %s", why->text,
				  names);
}

/* --- those that come */

static int
add_all(const char *const specs[], unsigned int n, char (*names)[VMIRROR_NAME_SIZE],
	unsigned int *bad, struct vmirror_error *err)
{
	struct vmirror_mirror *mirror;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && ret == 0; i++)
		ret = vmirror_api_add(specs[i], names[i], err);
	if (ret == 0)
		return 0;
	if (bad != NULL)
		*bad = i - 1;
	for (i--; i > 0; i--) {
		mirror = vmirror_api_find(names[i - 1], NULL);
		if (mirror == NULL)
			continue;
		vmirror_mirror_undo(mirror);
		vmirror_api_unlist(mirror);
		vmirror_mirror_destroy(mirror);
	}
	return ret;
}

int
vmirror_mirror_replace(const char *const old[], unsigned int n_old, const char *const specs[],
		       unsigned int n, char (*names)[VMIRROR_NAME_SIZE], unsigned int *bad,
		       struct vmirror_error *err)
{
	struct vmirror_mirror_list aside = TAILQ_HEAD_INITIALIZER(aside);
	int ret = vmirror_api_enter_for(specs, n, err);

	if (ret != 0)
		return ret;
	mark_leaving(old, n_old, true);
	ret = vmirror_api_check(specs, n, NULL, bad, err);
	mark_leaving(old, n_old, false);
	if (ret != 0)
		goto leave;
	set_all_aside(old, n_old, &aside);
	ret = add_all(specs, n, names, bad, err);
	if (ret != 0)
		bring_back(&aside, err);
	else
		forget(&aside);
leave:
	vmirror_api_leave();
	return ret;
}
