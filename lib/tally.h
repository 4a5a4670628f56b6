/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_TALLY_H
#define LIB_TALLY_H

/*
 * The counters of one hook as the forwarding core keeps them. One core writes at a time, plainly;
 * the control side reads at any time.
 *
 * The core adds in the order of the fields, each with a release; the control side reads them
 * backwards, each with an acquire: no difference between an earlier and a later field is ever
 * seen negative.
 */

#include <stdint.h>

#include "vmirror.h"

struct vmirror_tally {
	uint64_t seen;
	uint64_t repeats;
	uint64_t filtered;
	uint64_t sampled_out;
	uint64_t no_room;
	uint64_t captured;
	uint64_t bytes;
	uint64_t truncated;
	uint64_t tso;
	uint64_t csum;
	uint64_t lro;
	uint64_t overwritten; /**< mode=recorder: given up for newer ones */
	uint64_t accepted;
	uint64_t rejected;
	uint64_t write_error;
	uint64_t late;
};

/** The core: add what a burst brought. */
void
vmirror_tally_add(struct vmirror_tally *tally, const struct vmirror_tally *burst);

/** The control side: read. */
void
vmirror_tally_read(const struct vmirror_tally *tally, struct vmirror_tally *out);

/** One tally more, and one less. Such that were read. */
void
vmirror_tally_plus(struct vmirror_tally *sum, const struct vmirror_tally *t);
void
vmirror_tally_minus(struct vmirror_tally *sum, const struct vmirror_tally *t);

/**
 * Public counters from a tally.
 *
 * @param doubtful  of those accepted, how many the sink may have lost
 * @param held      of those accepted, how many the sink has still to send
 */
void
vmirror_tally_counters(const struct vmirror_tally *tally, uint64_t doubtful, uint64_t held,
		       struct vmirror_counters *out);

/** Add counters to a sum. */
void
vmirror_counters_sum(struct vmirror_counters *sum, const struct vmirror_counters *c);

#endif
