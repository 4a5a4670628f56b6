/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The numbers of a mirror, of which two programs have tables: the process (lib/stats.c) of what it tells,
 * vmirrorctl (ctl/counters.c) of what that is. What one of them lacks nobody sees.
 */

#include "test.h"

#include <stdio.h>

#include "ctl/counters.h"
#include "lib/stats.h"

/* Not in the process's table, since it is no uint64_t: control/show.c tells it by itself. */
#define APART "hooks"

static const struct vmirror_stats_field *
field_of(const char *name)
{
	const struct vmirror_stats_field *field = vmirror_stats_fields;

	while (field->name != NULL && strcmp(field->name, name) != 0)
		field++;
	return field->name != NULL ? field : NULL;
}

static const struct ctl_counter *
counter_of(const char *key)
{
	const struct ctl_counter *c = ctl_counters;

	while (c->key != NULL && strcmp(c->key, key) != 0)
		c++;
	return c->key != NULL ? c : NULL;
}

static void
both_have_the_same(void **state)
{
	const struct vmirror_stats_field *field;
	const struct ctl_counter *c;

	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (counter_of(field->name) == NULL)
			fail_msg("vmirrorctl does not know %s", field->name);
	for (c = ctl_counters; c->key != NULL; c++)
		if (field_of(c->key) == NULL && strcmp(c->key, APART) != 0)
			fail_msg("no process tells %s", c->key);
}

/* How many fields of the table stand in so many bytes of struct vmirror_stats, each in a place of its own. */
static size_t
fields_between(size_t from, size_t to)
{
	const struct vmirror_stats_field *field;
	size_t n = 0, at;

	for (at = from; at < to; at += sizeof(uint64_t)) {
		const char *name = NULL;

		for (field = vmirror_stats_fields; field->name != NULL; field++) {
			if (field->offset != at)
				continue;
			if (name != NULL)
				fail_msg("%s and %s are one number", name, field->name);
			name = field->name;
		}
		if (name == NULL)
			fail_msg("the number at byte %zu of struct vmirror_stats has no name", at);
		n++;
	}
	return n;
}

/* Behind the count of hooks nothing but such numbers stands in the struct. */
static void
every_number_has_a_name(void **state)
{
	const size_t first = offsetof(struct vmirror_stats, port_imissed);
	const struct vmirror_stats_field *field;
	size_t n = 0;

	for (field = vmirror_stats_fields; field->name != NULL; field++)
		n++;
	assert_int_equal(fields_between(first, sizeof(struct vmirror_stats)), n);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* As Prometheus wants names: each once, and of what only grows with _total behind it. */
static void
names_of_metrics(void **state)
{
	const struct ctl_counter *c, *other;

	for (c = ctl_counters; c->key != NULL; c++) {
		assert_true(strlen(c->help) > 0);
		if (c->gauge == ends_with(c->metric, "_total"))
			fail_msg("%s: a %s", c->metric, c->gauge ? "gauge" : "counter");
		for (other = c + 1; other->key != NULL; other++)
			if (strcmp(c->key, other->key) == 0 ||
			    strcmp(c->metric, other->metric) == 0)
				fail_msg("%s, %s: twice", c->key, c->metric);
		if (c->beside != NULL)
			assert_non_null(counter_of(c->beside));
	}
}

static struct vmirror_stats
filled(uint64_t number)
{
	struct vmirror_stats stats = {.size = sizeof(stats)};
	const struct vmirror_stats_field *field;

	for (field = vmirror_stats_fields; field->name != NULL; field++)
		*(uint64_t *)((char *)&stats + field->offset) = number;
	return stats;
}

static void
has(const char *text, const char *name, bool wanted)
{
	char item[64];

	snprintf(item, sizeof(item), " %s=", name);
	if ((strstr(text, item) != NULL) != wanted)
		fail_msg("%s is %sin: %s", name, wanted ? "not " : "", text);
}

/* What app/report.c and plugin/payload.c have room for. */
#define ROOM 2048

static void
text_has_all(void **state)
{
	struct vmirror_stats stats = filled(UINT64_MAX / 2);
	const struct vmirror_stats_field *field;
	char text[ROOM + 1] = " ";

	memset(stats.reason, '"', sizeof(stats.reason) - 1);
	assert_in_range(vmirror_stats_build(&stats, text + 1, ROOM), 1, ROOM - 1);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		has(text, field->name, true);
}

/* Of a mirror without rings, snapshots and files. */
static void
text_leaves_out(void **state)
{
	struct vmirror_stats stats = filled(0);
	const struct vmirror_stats_field *field;
	char text[ROOM + 1] = " ";

	vmirror_stats_build(&stats, text + 1, ROOM);
	for (field = vmirror_stats_fields; field->name != NULL; field++)
		has(text, field->name, field->part == VMIRROR_STATS_ALL);
	stats.ring_bytes = 65536;
	vmirror_stats_build(&stats, text + 1, ROOM);
	has(text, "ring_bytes", true);
	has(text, "ring_used_bytes", true);
	has(text, "ring_fullest_percent", true);
	has(text, "snapshots", false);
	has(text, "files", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_have_the_same), cmocka_unit_test(every_number_has_a_name),
		cmocka_unit_test(names_of_metrics),   cmocka_unit_test(text_has_all),
		cmocka_unit_test(text_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
