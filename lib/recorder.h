/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_RECORDER_H
#define LIB_RECORDER_H

/*
 * mode=recorder: a ring whose producer makes room for itself, by giving up what is oldest. The ring
 * is in parts, each of which holds whole entries:
 *
 *       given up │ oldest part │ part │ part │ … │ part being written
 *                ▲                    ▲                    ▲
 *                tail                 hold                 head
 *
 * One part, or nearly two, lie free between head and tail. The tail is told for vmirror_ring_used() alone.
 * A part begins where the producer has filled the one before it, and is given up as a whole. For that
 * the producer looks here once a part; what it pays for a packet is what it pays in any ring.
 *
 * What is to be read is held: from there on nothing is given up, and where that leaves no room the
 * producer is told so. The reader moves the hold along as it reads, and what it has passed may be
 * given up, but need not be: another snapshot can read it again.
 *
 *     control                                core
 *     see what can be read by now
 *     hold = 0 (release)                     hold?      acquire, each time a part is given up
 *     wait until no core is inside a hook
 *       that has not seen it (dispatch.h)
 *     from here on the tail stands still:
 *       choose where to begin, hold = that
 *     reader: entries from there to the
 *       head (ring.h), hold moves along
 *     hold = VMIRROR_RECORDER_FREE
 *
 * Who does what: vmirror_recorder_turn() is the producer's; all else is control's, under its lock, or
 * the drain's while it takes a snapshot.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lib/ring.h"

/** Parts of a ring. All but three of them, at the least, hold what was written last. */
#define VMIRROR_RECORDER_PARTS UINT64_C(64)

/** More than there are parts at a time: a large entry, or a hold, may cut each to a half. */
#define VMIRROR_RECORDER_MARKS 256

/** Nothing is held. */
#define VMIRROR_RECORDER_FREE UINT64_MAX

/** Where a part begins. Written once, before it counts. */
struct vmirror_recorder_mark {
	uint64_t at;   /**< position in the ring, of its first entry */
	uint64_t pkts; /**< entries before it, since the ring was made */
	uint64_t tsc;  /**< not before that of any entry before it, nor after that of any in it */
};

struct vmirror_recorder {
	struct vmirror_ring *ring;
	struct vmirror_recorder_mark marks[VMIRROR_RECORDER_MARKS]; /**< number n in n % MARKS */
	uint64_t n;     /**< marks made; the core writes */
	uint64_t first; /**< the oldest that stands; the core writes */
	/** Control and the drain write, the core reads. */
	uint64_t hold __attribute__((aligned(64)));
	uint64_t end; /**< control's: where what could be read ended before all was held */
} __attribute__((aligned(64)));

/** For a ring that nobody has used. @return NULL: out of memory */
struct vmirror_recorder *
vmirror_recorder_create(struct vmirror_ring *ring);

/** Takes NULL. */
void
vmirror_recorder_destroy(struct vmirror_recorder *rec);

/**
 * The core's ring has no room, as of its last look: a part has been filled.
 *
 * @param bytes        that are to be written
 * @param tsc          of the entries to come
 * @param pkts         entries written so far
 * @param overwritten  grows by the entries that were given up
 * @return             whether there is room for them now; else what a reader holds is in the way, or
 *                     they are more than the ring has without a part
 */
bool
vmirror_recorder_turn(struct vmirror_recorder *rec, uint64_t bytes, uint64_t tsc, uint64_t pkts,
		      uint64_t *overwritten);

/** Keep what stands from a position on. */
static inline void
vmirror_recorder_hold(struct vmirror_recorder *rec, uint64_t position)
{
	/* Pairs with the core's look: what was read there is overwritten only after it. */
	__atomic_store_n(&rec->hold, position, __ATOMIC_RELEASE);
}

/** Note where what can be read ends; before all is held. */
static inline void
vmirror_recorder_look(struct vmirror_recorder *rec)
{
	rec->end = vmirror_ring_readable(rec->ring);
}

/** TSC of what is oldest, or a little less; UINT64_MAX: there is nothing yet. */
uint64_t
vmirror_recorder_oldest(const struct vmirror_recorder *rec);

/** All is held, and the core knows: where those begin that are not before a time. */
uint64_t
vmirror_recorder_find(const struct vmirror_recorder *rec, uint64_t tsc);

/**
 * All of several are held: since when they had taken so many bytes by then, together, or a little more.
 *
 * @return TSC; 0: they have not
 */
uint64_t
vmirror_recorder_since(struct vmirror_recorder *const recs[], unsigned int n, uint64_t bytes);

#endif
