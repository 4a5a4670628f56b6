/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_MERGE_H
#define LIB_MERGE_H

/*
 * The rings of a mirror as one stream, oldest packet first. attach.c adds rings; all else is the
 * drain's, on its thread.
 */

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/entry.h"
#include "lib/hold.h"
#include "lib/recorder.h"
#include "lib/ring.h"
#include "lib/sink.h"
#include "lib/tally.h"

/** A ring, and what became of what was in it. Made before its hook runs, never taken off the list. */
struct vmirror_merge_ring {
	struct vmirror_merge_ring *next;
	struct vmirror_ring *ring;
	struct vmirror_hold *hold;         /**< NULL: every packet is copied */
	struct vmirror_recorder *recorder; /**< NULL: mode=ring */
	struct vmirror_sink_source source;
	const struct vmirror_tally *counted; /**< by the core */
	const uint64_t *imissed;             /**< by the port, as control saw it last; atomic */

	/* mode=recorder: control's, before the drain is asked for a snapshot. */
	bool reads;                  /**< the ring is part of it, and held */
	struct vmirror_tally before; /**< drained, as it was then */

	/* The drain's. */
	struct vmirror_tally drained; /**< accepted, rejected, late, truncated */
	struct vmirror_tally surplus; /**< counted by the core, and beyond the mirror's count */
	uint64_t offered;  /**< shown to a sink that takes packets itself, and not refused */
	uint64_t at;       /**< position of the next entry */
	uint64_t shown;    /**< mode=recorder: entries before it were counted */
	uint64_t end;      /**< where entries ended at the last look */
	uint64_t held;     /**< entries read whose packets were held */
	uint64_t held_end; /**< those that there were at the last look */
};

struct vmirror_merge {
	struct vmirror_merge_ring *rings; /**< control adds, the drain reads */
};

/** What a look found, of the ring in which that is the most; in 1/256 of what it may have. */
struct vmirror_merge_fill {
	unsigned int all;
	unsigned int fresh; /**< since the look before */
};

/** Control lock. */
void
vmirror_merge_add(struct vmirror_merge *merge, struct vmirror_merge_ring *ring);

/** Look what is there; what comes later waits for the next look. */
struct vmirror_merge_fill
vmirror_merge_look(struct vmirror_merge *merge);

/**
 * The ring with the oldest packet, if that is not after the horizon.
 *
 * @param until  set to the time up to which the ring may be read before another's turn comes
 * @return       NULL: there is none
 */
struct vmirror_merge_ring *
vmirror_merge_oldest(struct vmirror_merge *merge, uint64_t horizon, uint64_t *until);

/** Give the cores back what stands before the next entries. */
void
vmirror_merge_release(struct vmirror_merge *merge);

/** Take the cores that fill the rings out of a set. */
void
vmirror_merge_clear_cpus(struct vmirror_merge *merge, cpu_set_t *set);

static inline struct vmirror_merge_ring *
vmirror_merge_first(const struct vmirror_merge *merge)
{
	return __atomic_load_n(&merge->rings, __ATOMIC_ACQUIRE);
}

/** The next entry of a ring, or NULL. */
static inline const struct vmirror_entry *
vmirror_merge_peek(const struct vmirror_merge_ring *r)
{
	return r->at == r->end ? NULL : vmirror_ring_at(r->ring, r->at);
}

/** On to the one after it. Its bytes stay until they are released. */
static inline void
vmirror_merge_skip(struct vmirror_merge_ring *r, const struct vmirror_entry *entry)
{
	r->held += (entry->flags & VMIRROR_ENTRY_HELD) != 0;
	r->at += vmirror_entry_room(entry);
}

#endif
