/* SPDX-License-Identifier: BSD-3-Clause */

/* snapshot: have a recorder write what it has, and wait for that. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/commands.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/say.h"
#include "devargs/error.h"
#include "devargs/value.h"

#define POLL_MS 100

struct snapshot {
	const char *name;
	uint64_t last_ms;    /* 0: all */
	uint64_t last_bytes; /* 0: all */
	struct ctl_output out;
};

static int
read_flags(struct snapshot *snapshot, const struct ctl_words *words, struct vmirror_error *err)
{
	static const struct vmirror_value_limits limits = {
		.min = 1, .max = INT64_MAX, .scaled = true};
	const char *last = ctl_words_value(words, CTL_KEY_LAST);
	const char *last_bytes = ctl_words_value(words, CTL_KEY_LAST_BYTES);
	int ret = 0;

	if (last != NULL)
		ret = vmirror_value_duration(&snapshot->last_ms, last, "--last", err);
	if (ret == 0 && last_bytes != NULL)
		ret = vmirror_value_number(&snapshot->last_bytes, last_bytes, &limits,
					   "--last-bytes", err);
	return ret;
}

static int
fetch(struct ctl_session *session, const char *name, json_t **stats, struct vmirror_error *err)
{
	json_t *result, *mirror;
	int ret;

	ret = ctl_call(session, "stats", ctl_must(json_pack("{s:s}", "name", name)), &result, err);
	if (ret != 0)
		return ret;
	mirror = ctl_json_named(json_object_get(result, "mirrors"), name);
	*stats = json_incref(mirror);
	json_decref(result);
	if (mirror == NULL)
		return vmirror_error_set(err, -ENOENT, "there is no mirror '%s'", name);
	return 0;
}

static int
begin(struct ctl_session *session, struct snapshot *snapshot, struct vmirror_error *err)
{
	json_t *params = ctl_must(json_pack("{s:s}", "name", snapshot->name));
	int ret;

	if (snapshot->last_ms != 0)
		json_object_set_new(params, "last_ms",
				    ctl_must(json_integer((json_int_t)snapshot->last_ms)));
	if (snapshot->last_bytes != 0)
		json_object_set_new(params, "last_bytes",
				    ctl_must(json_integer((json_int_t)snapshot->last_bytes)));
	if (snapshot->out.fd >= 0)
		json_object_set_new(params, "sink", ctl_must(json_string("[file,fd=0]")));
	/* What a file has is given up when there is something in its place. */
	ret = ctl_output_renew(&snapshot->out, err);
	if (ret != 0) {
		json_decref(params);
		return ret;
	}
	ret = ctl_call_fd(session, "snapshot", params, snapshot->out.fd, NULL, err);
	return ret != 0 ? ret : ctl_output_take_over(&snapshot->out, err);
}

/* Another that a trigger began meanwhile does not matter: one at a time is written. */
static int
await_end(struct ctl_session *session, const char *name, json_t **stats, struct vmirror_error *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	uint64_t ended;
	int ret;

	ret = fetch(session, name, stats, err);
	if (ret != 0)
		return ret;
	ended = ctl_json_number(*stats, "snapshots");
	while (ctl_json_number(*stats, "snapshots_running") > 0 &&
	       ctl_json_number(*stats, "snapshots") == ended) {
		nanosleep(&pause, NULL);
		json_decref(*stats);
		*stats = NULL;
		ret = fetch(session, name, stats, err);
		if (ret != 0)
			return ret;
	}
	return 0;
}

static uint64_t
more(const json_t *before, const json_t *after, const char *key)
{
	return ctl_json_number(after, key) - ctl_json_number(before, key);
}

static int
report(const struct snapshot *snapshot, const json_t *before, const json_t *after,
       struct vmirror_error *err)
{
	const char *path = snapshot->out.path;
	uint64_t lost = more(before, after, "snapshot_lost");
	uint64_t written = more(before, after, "snapshot_delivered");

	/* Behind what went to stdout there is nothing more. */
	fprintf(strcmp(path, "-") == 0 ? stderr : stdout,
		"%s: %" PRIu64 " packets written to %s, %" PRIu64 " lost\n", snapshot->name,
		written, *path != '\0' ? path : "its sink, as the process's log tells", lost);
	if (lost == 0 && more(before, after, "snapshots_failed") == 0)
		return 0;
	return vmirror_error_set(err, -EIO,
				 "%s: %" PRIu64 " of %" PRIu64 " packets could not be written%s%s",
				 snapshot->name, lost, more(before, after, "snapshot_pkts"),
				 *ctl_json_text(after, "reason") != '\0' ? ": " : "",
				 ctl_json_text(after, "reason"));
}

static int
take(struct ctl_session *session, struct snapshot *snapshot, struct vmirror_error *err)
{
	json_t *before = NULL, *after = NULL;
	int ret;

	ret = fetch(session, snapshot->name, &before, err);
	if (ret == 0)
		ret = begin(session, snapshot, err);
	if (ret != 0) {
		ctl_output_discard(&snapshot->out);
		json_decref(before);
		return ret;
	}
	ctl_output_close(&snapshot->out);
	ret = await_end(session, snapshot->name, &after, err);
	if (ret == 0)
		ret = report(snapshot, before, after, err);
	json_decref(before);
	json_decref(after);
	return ret;
}

int
ctl_run_snapshot(struct ctl *ctl, struct vmirror_error *err)
{
	struct snapshot snapshot = {.name = ctl->words.args[0], .out.fd = -1};
	const char *file = ctl_words_value(&ctl->words, CTL_KEY_WRITE);
	struct ctl_session session;
	int ret;

	ret = read_flags(&snapshot, &ctl->words, err);
	if (ret != 0)
		return ctl_usage(ctl, vmirror_error_prefix(err, ret, "snapshot: "));
	if (file != NULL)
		ret = ctl_output_open(&snapshot.out, file, err);
	if (ret != 0)
		return ret;
	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = take(&session, &snapshot, err);
	else
		ctl_output_discard(&snapshot.out);
	ctl_session_close(&session);
	return ret;
}
