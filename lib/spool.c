/* SPDX-License-Identifier: BSD-3-Clause */

/* What the drain's thread does with packets of a sink that takes them itself. */

#include "lib/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "lib/offer.h"
#include "lib/thread.h"

/* A busy sink is waited for so long at a time; */
#define TRY_NS UINT64_C(1000000)

/* and so long before packets that may be left where they are. */
#define PATIENCE_NS UINT64_C(20000000)

/* The sink, if it is to be used. */
static struct vmirror_sink *
sink_of(const struct vmirror_drain *drain)
{
	enum vmirror_path_gate gate = __atomic_load_n(&drain->path->gate, __ATOMIC_ACQUIRE);

	if (drain->replay.sink != NULL)
		return drain->replay.sink;
	if (gate == VMIRROR_GATE_SINK_LOST || gate == VMIRROR_GATE_SINK_FAILED)
		return NULL;
	return drain->path->sink;
}

static struct vmirror_merge_ring *
ring_of(const struct vmirror_drain *drain, unsigned int source)
{
	struct vmirror_merge_ring *r = vmirror_merge_first(&drain->merge);

	while (r != NULL && r->source.index != source)
		r = r->next;
	return r;
}

static void
count(struct vmirror_drain *drain, struct vmirror_merge_ring *r, const struct vmirror_tally *more)
{
	const struct vmirror_sink_progress fed = {
		.accepted_pkts = more->accepted,
		.rejected_pkts = more->rejected + more->write_error,
	};

	/* What the mirror's own sink is fed, it is compared with. */
	if (drain->replay.sink != NULL) {
		vmirror_tally_add(&r->drained, more);
		return;
	}
	vmirror_path_begin_feed(drain->path);
	vmirror_tally_add(&r->drained, more);
	vmirror_path_end_feed(drain->path, &fed);
}

void
vmirror_spool_settled(void *arg, unsigned int source, uint64_t pkts, bool written)
{
	struct vmirror_drain *drain = arg;
	struct vmirror_merge_ring *r = ring_of(drain, source);
	const struct vmirror_tally more = {
		.accepted = written ? pkts : 0,
		.write_error = written ? 0 : pkts,
	};

	if (r != NULL)
		count(drain, r, &more);
}

/* All that the mirror knows of its queues of a port. */
void
vmirror_spool_count_port(void *arg, const char *port, struct vmirror_sink_port_stats *stats)
{
	struct vmirror_drain *drain = arg;
	struct vmirror_merge_ring *r;
	struct vmirror_tally core, drained, surplus;

	memset(stats, 0, sizeof(*stats));
	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next) {
		if (strcmp(r->source.port, port) != 0)
			continue;
		vmirror_tally_read(&r->drained, &drained);
		vmirror_tally_read(r->counted, &core);
		vmirror_tally_read(&r->surplus, &surplus);
		vmirror_tally_minus(&drained, &r->before);
		stats->seen += core.seen - surplus.captured;
		stats->left_out += core.filtered + core.sampled_out;
		stats->no_room += core.no_room;
		stats->overwritten += core.overwritten;
		stats->rejected += core.rejected + drained.rejected;
		stats->write_error += drained.write_error;
		/* What is under way stands before the statistics that say so. */
		stats->written += r->offered - drained.write_error;
		if (r->imissed != NULL)
			stats->imissed = __atomic_load_n(r->imissed, __ATOMIC_RELAXED);
	}
}

bool
vmirror_spool_put(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		  const struct vmirror_entry *entry)
{
	struct vmirror_sink *sink = sink_of(drain);
	const struct vmirror_sink_packet pkt = {
		.source = &r->source,
		.ns = vmirror_drain_time(drain, entry),
		.bytes = vmirror_entry_bytes(entry),
		.len = entry->len,
		.wire_len = entry->wire_len,
		.hash = entry->hash,
		.has_hash = (entry->flags & RTE_MBUF_F_RX_RSS_HASH) != 0,
	};
	const struct vmirror_tally rejected = {.rejected = 1};
	const struct vmirror_tally lost = {.write_error = 1};

	if (sink == NULL || drain->gave_up) {
		count(drain, r, &rejected);
		return true;
	}
	switch (sink->ops->takes->put(sink, &pkt)) {
	case VMIRROR_SINK_BUSY:
		return false;
	case VMIRROR_SINK_LOSES:
		r->offered++;
		count(drain, r, &lost);
		return true;
	case VMIRROR_SINK_TAKEN:
		r->offered++;
		break;
	}
	drain->busy_since_ns = 0;
	vmirror_drain_note_time(drain, pkt.ns);
	if (__builtin_expect(vmirror_drain_is_late(drain, entry), 0)) {
		const struct vmirror_tally late = {.late = 1};

		vmirror_tally_add(&r->drained, &late);
	}
	return true;
}

bool
vmirror_spool_wait(struct vmirror_drain *drain, bool last)
{
	struct vmirror_sink *sink = sink_of(drain);
	uint64_t now = vmirror_now_ns();

	if (sink == NULL)
		return true;
	if (drain->busy_since_ns == 0)
		drain->busy_since_ns = now;
	if (last ? now >= drain->until_ns : now - drain->busy_since_ns >= PATIENCE_NS) {
		drain->gave_up = last;
		return last;
	}
	sink->ops->takes->wait(sink, TRY_NS);
	return true;
}

/* Also one that has failed has something under way. One that is lost has not, and goes any moment. */
static struct vmirror_sink *
sink_to_tend(const struct vmirror_drain *drain)
{
	enum vmirror_path_gate gate = __atomic_load_n(&drain->path->gate, __ATOMIC_ACQUIRE);

	if (drain->replay.sink != NULL)
		return drain->replay.sink;
	return gate == VMIRROR_GATE_SINK_LOST ? NULL : drain->path->sink;
}

void
vmirror_spool_poll(struct vmirror_drain *drain)
{
	struct vmirror_sink *sink = sink_to_tend(drain);

	if (sink != NULL)
		sink->ops->takes->poll(sink);
}

bool
vmirror_spool_flush(struct vmirror_drain *drain)
{
	struct vmirror_sink *sink = sink_to_tend(drain);

	return sink == NULL || sink->ops->takes->flush(sink);
}

void
vmirror_spool_finish(struct vmirror_drain *drain)
{
	struct vmirror_sink *sink =
		drain->replay.sink != NULL ? drain->replay.sink : drain->path->sink;

	/* Also one that has failed: what was written is to be left readable. */
	if (sink != NULL)
		sink->ops->takes->finish(sink);
}
