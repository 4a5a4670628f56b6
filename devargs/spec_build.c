/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a spec to its text, and whether two say the same. What spec.c reads, this
 * writes: keys in one order, those that say what their absence says left out, quotes only where a
 * bare value would read as something else.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec.h"
#include "token.h"
#include "value.h"

/* Counts on when the buffer is full, as snprintf() does. */
struct output {
	char *buf;
	size_t size;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) print(struct output *out, const char *fmt, ...)
{
	bool room = out->len < out->size;
	va_list args;

	va_start(args, fmt);
	out->len += (size_t)vsnprintf(room ? out->buf + out->len : NULL,
				      room ? out->size - out->len : 0, fmt, args);
	va_end(args);
}

static void
print_key(struct output *out, const char *key)
{
	print(out, "%s%s=", out->len == 0 ? "" : ",", key);
}

/* A backslash needs another before it only where it would else escape what follows. */
static void
print_quoted(struct output *out, const char *text)
{
	print(out, "\"");
	for (; *text != '\0'; text++) {
		bool escaped =
			*text == '"' ||
			(*text == '\\' && (text[1] == '"' || text[1] == '\\' || text[1] == '\0'));

		print(out, escaped ? "\\%c" : "%c", *text);
	}
	print(out, "\"");
}

static void
print_value(struct output *out, const char *text)
{
	if (vmirror_token_is_plain(text))
		print(out, "%s", text);
	else
		print_quoted(out, text);
}

static void
print_ports(struct output *out, const struct vmirror_spec *spec)
{
	if (!spec->all_ports && spec->n_ports == 0)
		return;
	print_key(out, "port");
	if (spec->all_ports) {
		print(out, "all");
		return;
	}
	print(out, "%s", spec->n_ports > 1 ? "[" : "");
	for (unsigned int i = 0; i < spec->n_ports; i++)
		print(out, "%s%s", i > 0 ? "," : "", spec->ports[i]);
	print(out, "%s", spec->n_ports > 1 ? "]" : "");
}

static void
print_queues(struct output *out, const struct vmirror_spec *spec)
{
	if (spec->n_queues == 0)
		return;
	print_key(out, "queue");
	print(out, "%s", spec->n_queues > 1 ? "[" : "");
	for (unsigned int i = 0; i < spec->n_queues; i++) {
		const struct vmirror_spec_range *range = &spec->queues[i];

		print(out, "%s%u", i > 0 ? "," : "", range->first);
		if (range->last > range->first)
			print(out, "-%u", range->last);
	}
	print(out, "%s", spec->n_queues > 1 ? "]" : "");
}

/* In a configuration file a bare '#' would begin a comment. */
static void
print_filter(struct output *out, const char *key, const char *filter)
{
	if (filter == NULL)
		return;
	print_key(out, key);
	if (strchr(filter, '#') != NULL)
		print_quoted(out, filter);
	else
		print_value(out, filter);
}

static void
print_number(struct output *out, const char *key, uint64_t number, const char *unit)
{
	if (number == 0)
		return;
	print_key(out, key);
	print(out, "%" PRIu64 "%s", number, unit);
}

static void
print_duration(struct output *out, const char *key, uint64_t ms)
{
	uint64_t number;
	const char *unit = vmirror_value_duration_unit(ms, &number);

	print_number(out, key, number, unit);
}

static void
print_sink(struct output *out, const struct vmirror_spec_sink *sink)
{
	if (sink->vdev == NULL)
		return;
	print_key(out, "sink");
	print(out, "%s%s", sink->n_args > 0 ? "[" : "", sink->vdev);
	for (unsigned int i = 0; i < sink->n_args; i++) {
		print(out, ",%s", sink->args[i].key);
		if (sink->args[i].value != NULL) {
			print(out, "=");
			print_value(out, sink->args[i].value);
		}
	}
	print(out, "%s", sink->n_args > 0 ? "]" : "");
}

int
vmirror_spec_build(const struct vmirror_spec *spec, char *buf, size_t size)
{
	struct output out = {.buf = buf, .size = size};

	if (size > 0)
		buf[0] = '\0';
	if (spec->name[0] != '\0') {
		print_key(&out, "name");
		print(&out, "%s", spec->name);
	}
	print_ports(&out, spec);
	print_queues(&out, spec);
	if (spec->dir == VMIRROR_SPEC_RX || spec->dir == VMIRROR_SPEC_TX) {
		print_key(&out, "dir");
		print(&out, "%s", spec->dir == VMIRROR_SPEC_RX ? "rx" : "tx");
	}
	print_filter(&out, "filter", spec->filter);
	print_number(&out, "snaplen", spec->snaplen, "");
	print_number(&out, "sample", spec->sample, "");
	print_number(&out, "max_pps", spec->max_pps, "");
	print_number(&out, "max_bps", spec->max_bps, "");
	print_number(&out, "guard", spec->guard, "%");
	print_number(&out, "count", spec->count, "");
	print_number(&out, "bytes", spec->bytes, "");
	print_duration(&out, "duration", spec->duration_ms);
	print_number(&out, "mbufs", spec->mbufs, "");
	if (spec->mode != VMIRROR_SPEC_RING) {
		print_key(&out, "mode");
		print(&out, spec->mode == VMIRROR_SPEC_INLINE ? "inline" : "recorder");
	}
	print_number(&out, "ring_bytes", spec->ring_bytes, "");
	print_duration(&out, "latency", spec->latency_ms);
	if (spec->has_core) {
		print_key(&out, "core");
		print(&out, "%" PRIu32, spec->core);
	}
	print_number(&out, "reference", spec->reference, "");
	print_filter(&out, "trigger", spec->trigger);
	print_duration(&out, "before", spec->before_ms);
	print_duration(&out, "after", spec->after_ms);
	print_number(&out, "snapshots", spec->snapshots, "");
	print_sink(&out, &spec->sink);
	return (int)out.len;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* In any order; none stands twice. */
static bool
same_ports(const struct vmirror_spec *a, const struct vmirror_spec *b)
{
	if (a->all_ports != b->all_ports || a->n_ports != b->n_ports)
		return false;
	for (unsigned int i = 0; i < a->n_ports; i++) {
		unsigned int j = 0;

		while (j < b->n_ports && strcmp(a->ports[i], b->ports[j]) != 0)
			j++;
		if (j == b->n_ports)
			return false;
	}
	return true;
}

static bool
same_queues(const struct vmirror_spec *a, const struct vmirror_spec *b)
{
	if (a->n_queues != b->n_queues)
		return false;
	for (unsigned int i = 0; i < a->n_queues; i++)
		if (a->queues[i].first != b->queues[i].first ||
		    a->queues[i].last != b->queues[i].last)
			return false;
	return true;
}

/* In the same order, which means something to some drivers. */
bool
vmirror_spec_sink_equal(const struct vmirror_spec_sink *a, const struct vmirror_spec_sink *b)
{
	if (!same_text(a->vdev, b->vdev) || a->n_args != b->n_args)
		return false;
	for (unsigned int i = 0; i < a->n_args; i++)
		if (!same_text(a->args[i].key, b->args[i].key) ||
		    !same_text(a->args[i].value, b->args[i].value))
			return false;
	return true;
}

bool
vmirror_spec_equal(const struct vmirror_spec *a, const struct vmirror_spec *b)
{
	return strcmp(a->name, b->name) == 0 && same_ports(a, b) && same_queues(a, b) &&
	       a->dir == b->dir && same_text(a->filter, b->filter) && a->snaplen == b->snaplen &&
	       a->sample == b->sample && a->max_pps == b->max_pps && a->max_bps == b->max_bps &&
	       a->guard == b->guard && a->mode == b->mode && a->count == b->count &&
	       a->bytes == b->bytes && a->duration_ms == b->duration_ms && a->mbufs == b->mbufs &&
	       a->ring_bytes == b->ring_bytes && a->latency_ms == b->latency_ms &&
	       a->has_core == b->has_core && a->core == b->core && a->reference == b->reference &&
	       same_text(a->trigger, b->trigger) && a->before_ms == b->before_ms &&
	       a->after_ms == b->after_ms && a->snapshots == b->snapshots &&
	       vmirror_spec_sink_equal(&a->sink, &b->sink);
}

bool
vmirror_spec_has_queue(const struct vmirror_spec *spec, uint16_t queue)
{
	for (unsigned int i = 0; i < spec->n_queues; i++)
		if (queue >= spec->queues[i].first && queue <= spec->queues[i].last)
			return true;
	return spec->n_queues == 0;
}
