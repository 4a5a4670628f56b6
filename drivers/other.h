/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DRIVERS_OTHER_H
#define DRIVERS_OTHER_H

/* What sinks share whose driver tells no more than that it refuses packets, and its link. */

#include "lib/sink.h"

/** How such a sink fares; sink->priv, or what it begins with. */
struct vmirror_other {
	uint64_t rejected; /**< as of the last look */
	uint64_t accepted; /**< at the last look at which packets had been refused */
	char reason[VMIRROR_SINK_REASON_SIZE]; /**< empty: well */
};

/** Operations: makes sink->priv, writes the spec's arguments. */
int
vmirror_other_open(struct vmirror_sink *sink, const struct vmirror_spec_sink *spec, char *devargs,
		   size_t size, struct vmirror_error *err);

enum vmirror_sink_health
vmirror_other_health(struct vmirror_sink *sink, const struct vmirror_sink_progress *progress,
		     char reason[VMIRROR_SINK_REASON_SIZE]);

/** Waits until the driver has given its mbufs back, or has ceased to. */
uint32_t
vmirror_other_drain(struct vmirror_sink *sink, struct rte_mempool *pool);

void
vmirror_other_close(struct vmirror_sink *sink, enum vmirror_sink_end end);

#endif
