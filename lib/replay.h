/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_REPLAY_H
#define LIB_REPLAY_H

/*
 * mode=recorder: the drain's thread shows a sink what is in the rings, from one time to another, while
 * they are written to. snapshot.c decides when, and holds the rings.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/drain.h"
#include "lib/thread.h"

/** What the drain's thread does, until it is to end. */
void
vmirror_replay_run(struct vmirror_drain *drain);

/**
 * Whether the sink is to be shown the next entry, because it belongs to the snapshot and the sink has not
 * been given up. One that belongs to it is counted, once. The drain's thread.
 */
bool
vmirror_replay_shows(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		     const struct vmirror_entry *entry);

/**
 * Whether a packet that a vdev refuses is offered again, as it is not the packet that is at fault, and
 * all others wait safely. The drain's thread.
 */
bool
vmirror_replay_waits(struct vmirror_drain *drain);

/**
 * Show what is recorded. Nothing is being shown; rings that are to be part of it are held, and their
 * merge_ring says from where on. Control lock; does not wait.
 */
void
vmirror_replay_begin(struct vmirror_drain *drain, const struct vmirror_replay *replay);

/** All that belongs to it has passed, and no core has more of it in hand. Control lock. */
void
vmirror_replay_is_whole(struct vmirror_drain *drain);

/** Wait until all is shown, for so long at the most. Control lock. */
void
vmirror_replay_wait(struct vmirror_drain *drain, uint64_t ns);

/** Whether it is being shown. Any thread. */
bool
vmirror_replay_runs(struct vmirror_drain *drain);

#endif
