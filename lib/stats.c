/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A mirror's statistics by name: as text, for logs and the application's lines, and for telemetry.c.
 */

#include "lib/stats.h"

#include <inttypes.h>
#include <stddef.h>

#include "lib/text.h"

#define TOTAL(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct vmirror_stats, total.name)                                  \
	}
#define RINGS(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct vmirror_stats, name), VMIRROR_STATS_RINGS                   \
	}
#define SNAPSHOTS(name)                                                                            \
	{                                                                                          \
#name, offsetof(struct vmirror_stats, name), VMIRROR_STATS_SNAPSHOTS               \
	}
#define FILES(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct vmirror_stats, name), VMIRROR_STATS_FILES                   \
	}
#define OWN(name)                                                                                  \
	{                                                                                          \
#name, offsetof(struct vmirror_stats, name)                                        \
	}

/* In the order in which they are shown. */
const struct vmirror_stats_field vmirror_stats_fields[] = {
	TOTAL(seen),
	TOTAL(filtered),
	TOTAL(sampled_out),
	TOTAL(captured),
	TOTAL(no_room),
	TOTAL(delivered),
	TOTAL(sink_rejected),
	TOTAL(write_error),
	TOTAL(overwritten),
	TOTAL(unknown),
	TOTAL(in_flight),
	TOTAL(truncated),
	TOTAL(captured_bytes),
	TOTAL(tso_pending),
	TOTAL(csum_pending),
	TOTAL(lro_merged),
	TOTAL(tx_repeats),
	TOTAL(late),
	OWN(tx_seen),
	OWN(tx_sent),
	OWN(port_imissed),
	OWN(memory_bytes),
	OWN(first_packet_ns),
	OWN(last_packet_ns),
	OWN(clock_steps),
	RINGS(ring_bytes),
	RINGS(ring_used_bytes),
	RINGS(ring_fullest_percent),
	SNAPSHOTS(snapshots),
	SNAPSHOTS(snapshots_failed),
	SNAPSHOTS(snapshots_running),
	SNAPSHOTS(snapshot_pkts),
	SNAPSHOTS(snapshot_delivered),
	SNAPSHOTS(snapshot_lost),
	FILES(files),
	FILES(files_done),
	FILES(file_bytes),
	{NULL, 0},
};

uint64_t
vmirror_stats_value(const struct vmirror_stats *stats, const struct vmirror_stats_field *field)
{
	return *(const uint64_t *)((const char *)stats + field->offset);
}

bool
vmirror_stats_is_counter(const struct vmirror_stats_field *field)
{
	const size_t first = offsetof(struct vmirror_stats, total);

	return field->offset >= first && field->offset < first + sizeof(struct vmirror_counters);
}

const char *
vmirror_stats_state(const struct vmirror_stats *stats)
{
	static const char *const states[] = {
		[VMIRROR_ATTACHED] = "attached",
		[VMIRROR_DETACHED] = "detached",
		[VMIRROR_ENDED] = "ended",
		[VMIRROR_FAILED] = "failed",
	};

	return states[stats->state];
}

static void
append_quoted(struct vmirror_text *t, const char *s)
{
	vmirror_text_append(t, "\"");
	for (; *s != '\0'; s++)
		vmirror_text_append(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	vmirror_text_append(t, "\"");
}

int
vmirror_stats_build(const struct vmirror_stats *stats, char *buf, size_t size)
{
	struct vmirror_text t = {.buf = buf, .size = size};
	const struct vmirror_stats_field *field;
	const bool there[] = {
		[VMIRROR_STATS_ALL] = true,
		[VMIRROR_STATS_RINGS] = stats->ring_bytes > 0,
		[VMIRROR_STATS_SNAPSHOTS] =
			stats->snapshots + stats->snapshots_failed + stats->snapshots_running > 0,
		[VMIRROR_STATS_FILES] = stats->files > 0,
	};

	for (field = vmirror_stats_fields; field->name != NULL; field++)
		if (there[field->part])
			vmirror_text_append(&t, "%s=%" PRIu64 " ", field->name,
					    vmirror_stats_value(stats, field));
	vmirror_text_append(&t, "state=%s", vmirror_stats_state(stats));
	if (stats->reason[0] != '\0') {
		vmirror_text_append(&t, " reason=");
		append_quoted(&t, stats->reason);
	}
	return (int)t.len;
}
