/* SPDX-License-Identifier: BSD-3-Clause */

/* stats: counters for a person, as JSON, or again and again as rates. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/commands.h"
#include "ctl/counters.h"
#include "ctl/grid.h"
#include "ctl/json.h"
#include "ctl/rates.h"
#include "ctl/say.h"
#include "devargs/error.h"

/* Lines of rates between two headings. */
#define HEADING_EVERY 20

static bool
is_shown(const struct ctl_counter *c, const json_t *mirror)
{
	if (strcmp(c->key, "hooks") == 0) /* it stands in the heading */
		return false;
	return c->always || ctl_json_number(mirror, c->key) != 0 ||
	       (c->beside != NULL && ctl_json_number(mirror, c->beside) != 0);
}

static void
print_counters(const json_t *mirror)
{
	struct ctl_grid grid;

	printf("%s: %s, %" PRIu64 " hooks\n", ctl_json_text(mirror, "name"),
	       ctl_json_text(mirror, "state"), ctl_json_number(mirror, "hooks"));
	if (*ctl_json_text(mirror, "reason") != '\0')
		printf("    %s\n", ctl_json_text(mirror, "reason"));
	ctl_grid_init(&grid, "lr");
	for (const struct ctl_counter *c = ctl_counters; c->key != NULL; c++) {
		if (!is_shown(c, mirror))
			continue;
		ctl_grid_add(&grid, "%s", c->key);
		ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(mirror, c->key));
	}
	ctl_grid_print(&grid, "    ", stdout);
}

static void
print_queues(const json_t *mirror)
{
	static const char *const keys[] = {"seen",    "filtered",    "sampled_out",   "captured",
					   "no_room", "delivered",   "sink_rejected", "write_error",
					   "unknown", "overwritten", "in_flight"};
	struct ctl_grid grid;
	json_t *queue;
	size_t i;

	ctl_grid_init(&grid, "lrlrrrrrrrrrrr");
	ctl_grid_head(&grid, "PORT QUEUE DIR SEEN FILTERED SAMPLED_OUT CAPTURED NO_ROOM DELIVERED "
			     "SINK_REJECTED WRITE_ERROR UNKNOWN OVERWRITTEN IN_FLIGHT");
	json_array_foreach (json_object_get(mirror, "queues"), i, queue) {
		ctl_grid_add(&grid, "%s", ctl_json_text(queue, "port"));
		ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(queue, "queue"));
		ctl_grid_add(&grid, "%s", ctl_json_text(queue, "dir"));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			ctl_grid_add(&grid, "%" PRIu64, ctl_json_number(queue, keys[k]));
	}
	ctl_grid_print(&grid, "    ", stdout);
}

static json_t *
params_of(const char *name, bool queues)
{
	json_t *params = ctl_must(json_pack("{s:b}", "queues", queues));

	if (name != NULL)
		json_object_set_new(params, "name", ctl_must(json_string(name)));
	return params;
}

/* All, or those that are named, in their order. */
static int
fetch(struct ctl_session *session, const struct ctl_words *words, json_t *mirrors,
      struct vmirror_error *err)
{
	bool queues = ctl_words_has(words, CTL_KEY_QUEUES);
	unsigned int n = words->n_args > 0 ? words->n_args : 1;
	json_t *result;
	int ret = 0;

	for (unsigned int i = 0; i < n; i++) {
		ret = ctl_call(session, "stats",
			       params_of(words->n_args > 0 ? words->args[i] : NULL, queues),
			       &result, err);
		if (ret != 0)
			break;
		json_array_extend(mirrors, json_object_get(result, "mirrors"));
		json_decref(result);
	}
	return ret;
}

static void
print_json(json_t *mirrors, size_t flags)
{
	json_t *object = ctl_must(json_pack("{s:O}", "mirrors", mirrors));

	json_dumpf(object, stdout, flags);
	putchar('\n');
	json_decref(object);
}

static int
print_once(struct ctl_session *session, const struct ctl_words *words, struct vmirror_error *err)
{
	json_t *mirrors = ctl_must(json_array()), *mirror;
	size_t i;
	int ret;

	ret = fetch(session, words, mirrors, err);
	if (ret == 0 && ctl_words_has(words, CTL_KEY_JSON)) {
		print_json(mirrors, JSON_INDENT(2));
	} else if (ret == 0) {
		if (json_array_size(mirrors) == 0)
			puts("there are no mirrors");
		json_array_foreach (mirrors, i, mirror) {
			print_counters(mirror);
			if (ctl_words_has(words, CTL_KEY_QUEUES))
				print_queues(mirror);
		}
	}
	json_decref(mirrors);
	return ret;
}

/* A line for each mirror. */
static void
print_rates(const json_t *mirrors, const struct ctl_rates *rates, unsigned int *line)
{
	static const char *const keys[] = {"seen", "filtered", "captured", "delivered"};
	time_t now = time(NULL);
	struct tm tm;
	json_t *mirror;
	size_t i;

	localtime_r(&now, &tm);
	json_array_foreach (mirrors, i, mirror) {
		if ((*line)++ % HEADING_EVERY == 0)
			printf("%-8s  %-16s %12s %12s %12s %12s %12s  %s\n", "TIME", "MIRROR",
			       "SEEN/s", "FILTERED/s", "CAPTURED/s", "DELIVERED/s", "DROPPED/s",
			       "STATE");
		printf("%02d:%02d:%02d  %-16s", tm.tm_hour, tm.tm_min, tm.tm_sec,
		       ctl_json_text(mirror, "name"));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			printf(" %12" PRIu64, ctl_rates_of(rates, mirror, keys[k]));
		printf(" %12" PRIu64 "  %s\n", ctl_rates_lost(rates, mirror),
		       ctl_json_text(mirror, "state"));
	}
	fflush(stdout);
}

static bool
is_wanted(const struct ctl_words *words, const json_t *mirror)
{
	for (unsigned int i = 0; i < words->n_args; i++)
		if (strcmp(words->args[i], ctl_json_text(mirror, "name")) == 0)
			return true;
	return words->n_args == 0;
}

static json_t *
choose(const struct ctl_words *words, const json_t *params)
{
	json_t *chosen = ctl_must(json_array()), *mirror;
	size_t i;

	json_array_foreach (json_object_get(params, "mirrors"), i, mirror)
		if (is_wanted(words, mirror))
			json_array_append(chosen, mirror);
	return chosen;
}

struct live {
	const struct ctl_words *words;
	struct ctl_rates rates;
	unsigned int line; /* of those between two headings */
};

static int
print_look(struct live *live, const json_t *params, struct vmirror_error *err)
{
	json_t *mirrors = choose(live->words, params);
	int ret = 0;

	if (live->words->n_args > 0 && json_array_size(mirrors) == 0) {
		ret = vmirror_error_set(err, -ENOENT, "%s was removed", live->words->args[0]);
	} else if (ctl_words_has(live->words, CTL_KEY_JSON)) {
		print_json(mirrors, JSON_COMPACT);
		fflush(stdout);
	} else if (ctl_rates_next(&live->rates, mirrors)) {
		print_rates(mirrors, &live->rates, &live->line);
	}
	json_decref(mirrors);
	return ret;
}

static int
print_live(struct ctl_session *session, const struct ctl_words *words, int interval_ms,
	   struct vmirror_error *err)
{
	struct live live = {.words = words};
	json_t *params = params_of(NULL, ctl_words_has(words, CTL_KEY_QUEUES));
	int ret;

	json_object_set_new(params, "interval_ms", ctl_must(json_integer(interval_ms)));
	ret = ctl_call(session, "watch", params, NULL, err);
	while (ret == 0 && !ferror(stdout)) {
		ret = ctl_notified(session, -1, &params, err);
		if (ret < 0)
			break;
		ret = print_look(&live, params, err);
		json_decref(params);
	}
	ctl_rates_fini(&live.rates);
	return ret;
}

static int
check_names(struct ctl_session *session, const struct ctl_words *words, struct vmirror_error *err)
{
	json_t *mirrors = ctl_must(json_array());
	int ret = words->n_args > 0 ? fetch(session, words, mirrors, err) : 0;

	json_decref(mirrors);
	return ret;
}

int
ctl_run_stats(struct ctl *ctl, struct vmirror_error *err)
{
	bool live = ctl_words_has(&ctl->words, CTL_KEY_LIVE);
	struct ctl_session session;
	int interval_ms = 1000, ret = 0;

	if (live)
		ret = ctl_rates_interval(ctl_words_value(&ctl->words, CTL_KEY_LIVE), &interval_ms,
					 "--live", err);
	if (ret == 0 && live && ctl_words_has(&ctl->words, CTL_KEY_QUEUES) &&
	    !ctl_words_has(&ctl->words, CTL_KEY_JSON))
		ret = vmirror_error_set(err, -EINVAL,
					"--live prints no queues; right would be --json beside it");
	if (ret != 0)
		return ctl_usage(ctl, vmirror_error_prefix(err, ret, "stats: "));
	ret = ctl_session_open(&session, &ctl->place, err);
	if (ret == 0 && live)
		ret = check_names(&session, &ctl->words, err);
	if (ret == 0)
		ret = live ? print_live(&session, &ctl->words, interval_ms, err)
			   : print_once(&session, &ctl->words, err);
	ctl_session_close(&session);
	return ret;
}
