/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_STATS_H
#define LIB_STATS_H

/* The names that a mirror's statistics go by, everywhere. Pure; vmirror_stats_build() as well. */

#include <stdbool.h>

#include "vmirror.h"

/** What a field tells of; text leaves out what there is none of. */
enum vmirror_stats_part {
	VMIRROR_STATS_ALL,
	VMIRROR_STATS_RINGS,
	VMIRROR_STATS_SNAPSHOTS,
	VMIRROR_STATS_FILES,
};

struct vmirror_stats_field {
	const char *name;
	size_t offset; /**< of a uint64_t in struct vmirror_stats */
	enum vmirror_stats_part part;
};

/** Ended by one without a name. */
extern const struct vmirror_stats_field vmirror_stats_fields[];

uint64_t
vmirror_stats_value(const struct vmirror_stats *stats, const struct vmirror_stats_field *field);

/** Whether it is one of struct vmirror_counters, which queues have as well. */
bool
vmirror_stats_is_counter(const struct vmirror_stats_field *field);

/** "attached", … */
const char *
vmirror_stats_state(const struct vmirror_stats *stats);

#endif
