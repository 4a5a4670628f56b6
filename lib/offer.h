/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_OFFER_H
#define LIB_OFFER_H

/* mode=ring, a sink with a vdev: packets become mbufs, which its driver is offered (drain.c). */

#include <stdbool.h>
#include <stdint.h>

#include "lib/drain.h"

/** Packets that the sink is offered at a time. */
#define VMIRROR_BATCH 32

/** A refused packet is offered again so often; then it is the sink's no. */
#define VMIRROR_PATIENCE 100u

struct vmirror_batch {
	uint16_t n;
	struct rte_mbuf *own[VMIRROR_BATCH];
	uint32_t kept[VMIRROR_BATCH]; /* bytes that the sink keeps of each */
	uint64_t ns[VMIRROR_BATCH];   /* when each passed its hook, CLOCK_REALTIME */
	struct vmirror_merge_ring *from[VMIRROR_BATCH];
};

/** An mbuf for an entry, added to the batch. @return false: the sink holds all there are */
bool
vmirror_batch_take(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		   const struct vmirror_entry *entry, struct vmirror_batch *batch);

/**
 * Hand over a batch, and count.
 *
 * @return false: the sink wants nothing now, and what it did not take was given up
 */
bool
vmirror_batch_offer(struct vmirror_drain *drain, struct vmirror_batch *batch);

/** The sink holds all mbufs: it is given a moment. @return false: it has had those */
bool
vmirror_batch_wait(struct vmirror_drain *drain);

#endif
