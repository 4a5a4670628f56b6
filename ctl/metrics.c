/* SPDX-License-Identifier: BSD-3-Clause */

/* metrics: all counters in Prometheus's text format, for node_exporter's textfile collector. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/counters.h"
#include "ctl/json.h"
#include "ctl/say.h"

/* Of a label's value: backslash, quote and newline are escaped; others cannot be in it. */
static void
print_label(const char *name, const char *value, const char *before)
{
	printf("%s%s=\"", before, name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			putchar('\\');
		putchar(*value);
	}
	putchar('"');
}

static void
print_sample(const char *metric, const json_t *mirror, const json_t *queue, uint64_t number)
{
	printf("vmirror_%s", metric);
	print_label("mirror", ctl_json_text(mirror, "name"), "{");
	if (queue != NULL) {
		print_label("port", ctl_json_text(queue, "port"), ",");
		printf(",queue=\"%" PRIu64 "\"", ctl_json_number(queue, "queue"));
		print_label("dir", ctl_json_text(queue, "dir"), ",");
	}
	printf("} %" PRIu64 "\n", number);
}

/* Of each queue, where queues have it; else of the mirror: their sum says no more. */
static void
print_mirror(const struct ctl_counter *c, const json_t *mirror)
{
	json_t *queue;
	bool by_queue = false;
	size_t i;

	json_array_foreach (json_object_get(mirror, "queues"), i, queue) {
		if (!json_is_integer(json_object_get(queue, c->key)))
			continue;
		print_sample(c->metric, mirror, queue, ctl_json_number(queue, c->key));
		by_queue = true;
	}
	if (!by_queue && json_is_integer(json_object_get(mirror, c->key)))
		print_sample(c->metric, mirror, NULL, ctl_json_number(mirror, c->key));
}

static void
print_states(const json_t *mirrors)
{
	json_t *mirror;
	size_t i;

	puts("# HELP vmirror_state 1 for the state that the mirror is in.\n"
	     "# TYPE vmirror_state gauge");
	json_array_foreach (mirrors, i, mirror) {
		fputs("vmirror_state", stdout);
		print_label("mirror", ctl_json_text(mirror, "name"), "{");
		print_label("state", ctl_json_text(mirror, "state"), ",");
		puts("} 1");
	}
}

static void
print_all(const json_t *peer, const json_t *mirrors)
{
	json_t *mirror;
	size_t i;

	puts("# HELP vmirror_info The process that has these mirrors.\n"
	     "# TYPE vmirror_info gauge");
	fputs("vmirror_info", stdout);
	print_label("program", ctl_json_text(peer, "program"), "{");
	print_label("version", ctl_json_text(peer, "version"), ",");
	printf(",pid=\"%" PRIu64 "\"} 1\n", ctl_json_number(peer, "pid"));
	print_states(mirrors);
	for (const struct ctl_counter *c = ctl_counters; c->key != NULL; c++) {
		printf("# HELP vmirror_%s %s\n# TYPE vmirror_%s %s\n", c->metric, c->help,
		       c->metric, c->gauge ? "gauge" : "counter");
		json_array_foreach (mirrors, i, mirror)
			print_mirror(c, mirror);
	}
}

int
ctl_run_metrics(struct ctl *ctl, struct vmirror_error *err)
{
	struct ctl_session session;
	json_t *result;
	int ret;

	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0)
		ret = ctl_call(&session, "stats", ctl_must(json_pack("{s:b}", "queues", true)),
			       &result, err);
	if (ret == 0) {
		print_all(session.peer, json_object_get(result, "mirrors"));
		json_decref(result);
	}
	ctl_session_close(&session);
	return ret;
}
