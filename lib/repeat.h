/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_REPEAT_H
#define LIB_REPEAT_H

/*
 * Packets that a host offers its driver again, as it did not take them: hooks on tx see them twice.
 * They are marked, never left out.
 */

#include <stdint.h>

struct rte_mbuf;

/** The end of a burst, by which its repetition is known. */
struct vmirror_repeat {
	const struct rte_mbuf *pkt;
	uint64_t print;  /**< of its length and first bytes */
	uint16_t n_pkts; /**< of the burst */
};

/**
 * How many of a burst are repeated, and what to know the next one by. The core that owns the queue.
 *
 * A host offers again what its driver did not take of a burst, so the last packet is the same, and
 * there are not more than before. An mbuf comes back with another packet as well, as pools hand out
 * first what they got last: the bytes tell, unless all packets look alike.
 */
uint16_t
vmirror_repeat_count(struct vmirror_repeat *last, struct rte_mbuf *const *pkts, uint16_t n);

#endif
