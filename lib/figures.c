/* SPDX-License-Identifier: BSD-3-Clause */

/* What mirrors have counted, put together: the public functions. stats.c has the names. */

#include <errno.h>
#include <string.h>

#include "devargs/error.h"
#include "lib/api.h"
#include "lib/mirror.h"
#include "lib/shared.h"

static void
fill_in_snapshots(struct vmirror_stats *stats, struct vmirror_mirror *mirror)
{
	struct vmirror_counters sum;

	vmirror_snapshot_counters(mirror, &sum);
	stats->snapshots = mirror->snapshot.n;
	stats->snapshots_failed = mirror->snapshot.failed;
	stats->snapshots_running = mirror->snapshot.runs;
	stats->snapshot_pkts = sum.captured;
	stats->snapshot_delivered = sum.delivered;
	stats->snapshot_lost = sum.captured - sum.delivered - sum.in_flight;
}

static void
fill_in_files(struct vmirror_stats *stats, const struct vmirror_mirror *mirror)
{
	struct vmirror_sink_files files;

	vmirror_mirror_files(mirror, &files);
	stats->files = files.begun;
	stats->files_done = files.done;
	stats->file_bytes = files.bytes;
}

/* What is in it is read as it passes by. Of a mirror that is over nobody is given it any more. */
static void
add_ring(struct vmirror_stats *stats, const struct vmirror_ring *ring, bool over)
{
	uint64_t used = over ? 0 : vmirror_ring_used(ring);
	uint64_t percent = (used * 100 + ring->size - 1) / ring->size;

	stats->ring_bytes += ring->size;
	stats->ring_used_bytes += used;
	stats->ring_fullest_percent = RTE_MAX(stats->ring_fullest_percent, percent);
}

int
vmirror_mirror_stats(const char *name, struct vmirror_stats *stats, struct vmirror_error *err)
{
	const struct vmirror_record *record;
	struct vmirror_counters counters;
	struct vmirror_source *source;
	struct vmirror_mirror *mirror;
	uint64_t held;

	if (stats->size < sizeof(*stats))
		return vmirror_error_set(err, -EINVAL, "vmirror_stats: size %zu is not %zu",
					 stats->size, sizeof(*stats));
	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, err);
	if (mirror == NULL)
		goto leave;

	*stats = (struct vmirror_stats){.size = stats->size, .state = mirror->state};
	memcpy(stats->name, mirror->spec.name, sizeof(stats->name));
	memcpy(stats->reason, mirror->reason, sizeof(stats->reason));
	vmirror_mirror_read_ports(mirror);
	TAILQ_FOREACH (source, &mirror->sources, next) {
		stats->port_imissed += source->imissed;
		stats->tx_seen += source->tx.seen;
		stats->tx_sent += source->tx.sent;
	}

	stats->clock_steps = mirror->clock.n;
	stats->memory_bytes = vmirror_mirror_bytes(mirror);
	held = vmirror_mirror_held(mirror);
	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next) {
		stats->hooks += record->hooked;
		vmirror_mirror_counters(mirror, record, &held, &counters);
		vmirror_counters_sum(&stats->total, &counters);
		if (record->drained.ring != NULL)
			add_ring(stats, record->drained.ring, mirror->over);
	}
	pthread_mutex_unlock(&vmirror_shared.hooks);
	/* The drain notes them before it counts: they are those of all that was counted, or later. */
	stats->first_packet_ns = __atomic_load_n(&mirror->drain.first_ns, __ATOMIC_RELAXED);
	stats->last_packet_ns = __atomic_load_n(&mirror->drain.last_ns, __ATOMIC_RELAXED);
	/* The very first is being noted, and not counted yet. */
	if (stats->first_packet_ns == 0 || stats->last_packet_ns == 0)
		stats->first_packet_ns = stats->last_packet_ns = 0;
	if (vmirror_mirror_records(mirror))
		fill_in_snapshots(stats, mirror);
	fill_in_files(stats, mirror);

leave:
	vmirror_api_leave();
	return mirror != NULL ? 0 : -ENOENT;
}

int
vmirror_mirror_queue_stats(const char *name, struct vmirror_queue_stats *stats, unsigned int n,
			   struct vmirror_error *err)
{
	const struct vmirror_record *record;
	struct vmirror_mirror *mirror;
	uint64_t held;
	int count = 0;

	pthread_mutex_lock(&vmirror_shared.control);
	mirror = vmirror_api_find(name, err);
	if (mirror == NULL) {
		count = -ENOENT;
		goto leave;
	}
	held = vmirror_mirror_held(mirror);
	pthread_mutex_lock(&vmirror_shared.hooks);
	TAILQ_FOREACH (record, &mirror->records, next) {
		if ((unsigned int)count < n) {
			memcpy(stats[count].port, record->port, sizeof(stats[count].port));
			stats[count].queue = record->queue;
			stats[count].is_tx = record->is_tx;
			vmirror_mirror_counters(mirror, record, &held, &stats[count].counters);
		}
		count++;
	}
	pthread_mutex_unlock(&vmirror_shared.hooks);

leave:
	vmirror_api_leave();
	return count;
}
