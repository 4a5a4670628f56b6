/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_SNAPSHOT_H
#define LIB_SNAPSHOT_H

/*
 * mode=recorder: snapshots of what is recorded, one at a time. Whoever begins one holds the rings
 * (recorder.h), says from when to when, and leaves it to the drain's thread (replay.h); the control
 * thread ends it.
 *
 *     begin ─▶ held ─▶ shown to the sink, while more is recorded ─▶ whole ─▶ ended, and told
 *              (no core is inside a hook that does not know)         (the last has passed)
 *
 * A sink that takes packets itself is made for each, and so is its file; one with a vdev is the
 * mirror's, as in other modes.
 *
 * Control lock: all functions.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmirror.h"

struct vmirror_mirror;
struct vmirror_filter;
struct vmirror_sink;

/** Of a trigger's, where its mirror does not say. */
#define VMIRROR_SNAPSHOT_AFTER_MS UINT64_C(1000)
#define VMIRROR_SNAPSHOTS         10u

/** For so long one is waited for whose mirror ends: as long as a file that takes little. */
#define VMIRROR_SNAPSHOT_COMPLETE_NS UINT64_C(9000000000)

/** What a mirror knows of its snapshots. */
struct vmirror_snapshot {
	bool runs;
	bool whole;                /**< the drain was told that it is */
	uint64_t until_tsc;        /**< the last packet passed by then */
	struct vmirror_sink *sink; /**< made for it; NULL: the mirror's own is fed */
	uint64_t n;                /**< that have ended */
	uint64_t failed;     /**< of these, not all packets were delivered, or that never began */
	unsigned int number; /**< of the last one, where each has a file */
	struct vmirror_filter *trigger;
	uint64_t triggered;      /**< that the trigger made */
	uint64_t failed_tsc;     /**< of the last packet for which one could not be begun */
	uint64_t again_ns;       /**< before then it is not tried again, */
	uint64_t next_notice_ns; /**< and before then another failure is not told of */
	bool trigger_told;       /**< that it makes no more */
	uint64_t pkts, lost;     /**< before this one */
};

/** What it is that is wanted. */
struct vmirror_snapshot_want {
	uint64_t from_tsc;  /**< 0: all there is */
	uint64_t until_tsc; /**< 0: now */
	uint64_t bytes;     /**< of the rings, at the least, if they have as many; 0: no matter */
	const char *sink;   /**< spec of one that takes packets itself; NULL: the mirror's */
};

/** The TSC of so many milliseconds ago. */
uint64_t
vmirror_snapshot_ago(uint64_t ms);

/** @return 0; -EBUSY while another runs; -EINVAL, or what making the sink said; err set */
int
vmirror_snapshot_begin(struct vmirror_mirror *mirror, const struct vmirror_snapshot_want *want,
		       struct vmirror_error *err);

/** Look after it: whole? ended? And is there a trigger's packet? */
void
vmirror_snapshot_tick(struct vmirror_mirror *mirror);

/** What it waited for is no part of it any more. */
void
vmirror_snapshot_cut(struct vmirror_mirror *mirror);

/** Nobody hooks any more: what it waited for does not come. Wait, within bounds, for its end. */
void
vmirror_snapshot_complete(struct vmirror_mirror *mirror);

/** The drain has stopped. */
void
vmirror_snapshot_stop(struct vmirror_mirror *mirror);

/** Packets of all snapshots so far, and what became of them. They conserve as those of a mirror. */
void
vmirror_snapshot_counters(struct vmirror_mirror *mirror, struct vmirror_counters *sum);

#endif
