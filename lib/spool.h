/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_SPOOL_H
#define LIB_SPOOL_H

/*
 * mode=ring, a sink that takes packets itself (sink.h): what stands in the rings is shown to it, and
 * what it says has become of packets is counted (drain.c).
 */

#include <stdbool.h>

#include "lib/drain.h"

/** Show the sink a packet, or count what became of it without. @return false: it is busy */
bool
vmirror_spool_put(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		  const struct vmirror_entry *entry);

/**
 * The sink is busy: it is given a moment.
 *
 * @param last  for long, as nothing may stay in the rings
 * @return      false: it has had that
 */
bool
vmirror_spool_wait(struct vmirror_drain *drain, bool last);

/** Let the sink look after what is under way. */
void
vmirror_spool_poll(struct vmirror_drain *drain);

/** Have it all sent off. @return false: some is still under way; again */
bool
vmirror_spool_flush(struct vmirror_drain *drain);

/** No packet comes any more: its output is to be complete. */
void
vmirror_spool_finish(struct vmirror_drain *drain);

/** For a sink's owner: what it says. */
void
vmirror_spool_settled(void *drain, unsigned int source, uint64_t pkts, bool written);
void
vmirror_spool_count_port(void *drain, const char *port, struct vmirror_sink_port_stats *stats);

#endif
