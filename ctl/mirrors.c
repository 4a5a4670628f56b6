/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands on mirrors: list, remove, check. add is a file of its own. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/counters.h"
#include "ctl/grid.h"
#include "ctl/json.h"
#include "ctl/place.h"
#include "ctl/plan.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* Who made it, and whether it outlives him. */
static void
add_owner(struct ctl_grid *grid, const json_t *mirror)
{
	const json_t *owner = json_object_get(mirror, "owner");

	if (owner == NULL || json_is_null(owner))
		ctl_grid_add(grid, "the process");
	else
		ctl_grid_add(grid, "%s %" PRIu64 ", user %" PRIu64,
			     ctl_json_flag(owner, "persist") ? "stays, of" : "of",
			     ctl_json_number(owner, "pid"), ctl_json_number(owner, "uid"));
}

static void
add_state(struct ctl_grid *grid, const json_t *mirror)
{
	const char *reason = ctl_json_text(mirror, "reason");

	ctl_grid_add(grid, "%s%s%s", ctl_json_text(mirror, "state"), *reason != '\0' ? ": " : "",
		     reason);
}

static void
print_list(const json_t *mirrors)
{
	struct ctl_grid grid;
	json_t *mirror;
	size_t i;

	ctl_grid_init(&grid, "llll");
	ctl_grid_head(&grid, "NAME STATE OWNER SPEC");
	json_array_foreach (mirrors, i, mirror) {
		ctl_grid_add(&grid, "%s", ctl_json_text(mirror, "name"));
		add_state(&grid, mirror);
		add_owner(&grid, mirror);
		ctl_grid_add(&grid, "%s", ctl_json_text(mirror, "spec"));
	}
	ctl_grid_print(&grid, "", stdout);
}

int
ctl_run_list(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	json_t *result;
	int ret;

	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_call(&session, "list", NULL, &result, err);
	if (ret == 0) {
		print_list(json_object_get(result, "mirrors"));
		json_decref(result);
	}
	ctl_session_close(&session);
	return ret;
}

static int
remove_one(struct ctl_session *session, const char *name, struct vmirror_error *err)
{
	char reasons[256];
	const json_t *stats;
	uint64_t lost;
	json_t *result;
	int ret;

	ret = ctl_call(session, "remove", ctl_must(json_pack("{s:s}", "name", name)), &result, err);
	if (ret != 0)
		return ret;
	stats = json_object_get(result, "stats");
	lost = ctl_counters_lost(stats, reasons, sizeof(reasons));
	printf("%s: removed; %" PRIu64 " packets captured, %" PRIu64 " dropped%s%s\n", name,
	       ctl_json_number(stats, "delivered"), lost, lost > 0 ? ": " : "", reasons);
	json_decref(result);
	return 0;
}

/* One that is not there does not keep the others. */
int
ctl_run_remove(struct ctl *ctl, struct vmirror_error *err)
{
	struct vmirror_error one;
	struct ctl_session session;
	int ret, last = 0;

	ret = ctl_session_open(&session, &ctl->place, err);
	for (unsigned int i = 0; i < ctl->words.n_args && ret == 0; i++) {
		int failed = remove_one(&session, ctl->words.args[i], &one);

		if (failed == 0)
			continue;
		if (last != 0) /* the last one is said at the end */
			ctl_say("%s", err->text);
		*err = one;
		last = failed;
		if (failed == -ECONNRESET)
			break;
	}
	ctl_session_close(&session);
	return ret != 0 ? ret : last;
}

/* Paths are from here; a descriptor is checked by whoever gets it. */
static int
place_all(char **specs, const struct ctl_words *words, struct vmirror_error *err)
{
	struct ctl_placed placed;
	int ret = 0;

	for (unsigned int i = 0; i < words->n_args && ret == 0; i++) {
		ret = ctl_place(&placed, words->args[i], false, err);
		if (ret == 0 && placed.out.fd >= 0) {
			ctl_output_close(&placed.out);
			ret = vmirror_error_set(err, -EINVAL,
						"fd=: only add can hand a descriptor over; right "
						"would be path=/dev/null");
		}
		if (ret == 0)
			specs[i] = ctl_must(strdup(placed.text));
		else if (words->n_args > 1)
			vmirror_error_prefix(err, ret, "spec %u: ", i + 1);
	}
	return ret;
}

int
ctl_run_check(struct ctl *ctl, struct vmirror_error *err)
{
	unsigned int n = ctl->words.n_args;
	char **specs = ctl_must(calloc(n, sizeof(*specs)));
	struct ctl_session session = {0};
	int ret;

	ret = place_all(specs, &ctl->words, err);
	if (ret != 0)
		ctl_usage(ctl, vmirror_error_prefix(err, ret, "check: "));
	else
		ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_plan_print(&session, (const char *const *)specs, n, -1, err);
	ctl_session_close(&session);
	for (unsigned int i = 0; i < n; i++)
		free(specs[i]);
	free(specs);
	return ret;
}
