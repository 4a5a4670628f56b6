/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Counting where packets pass (inline.c, ring_hook.c, drain.c), reading and adding up on the control
 * side (mirror.c).
 */

#include "lib/tally.h"

#include <stddef.h>

static void
add(uint64_t *counter, uint64_t n)
{
	if (n > 0)
		__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n,
				 __ATOMIC_RELEASE);
}

void
vmirror_tally_add(struct vmirror_tally *tally, const struct vmirror_tally *burst)
{
	add(&tally->seen, burst->seen);
	add(&tally->repeats, burst->repeats);
	add(&tally->filtered, burst->filtered);
	add(&tally->sampled_out, burst->sampled_out);
	add(&tally->no_room, burst->no_room);
	add(&tally->captured, burst->captured);
	add(&tally->bytes, burst->bytes);
	add(&tally->truncated, burst->truncated);
	add(&tally->tso, burst->tso);
	add(&tally->csum, burst->csum);
	add(&tally->lro, burst->lro);
	add(&tally->overwritten, burst->overwritten);
	add(&tally->accepted, burst->accepted);
	add(&tally->rejected, burst->rejected);
	add(&tally->write_error, burst->write_error);
	add(&tally->late, burst->late);
}

void
vmirror_tally_read(const struct vmirror_tally *tally, struct vmirror_tally *out)
{
	out->late = __atomic_load_n(&tally->late, __ATOMIC_ACQUIRE);
	out->write_error = __atomic_load_n(&tally->write_error, __ATOMIC_ACQUIRE);
	out->rejected = __atomic_load_n(&tally->rejected, __ATOMIC_ACQUIRE);
	out->accepted = __atomic_load_n(&tally->accepted, __ATOMIC_ACQUIRE);
	out->overwritten = __atomic_load_n(&tally->overwritten, __ATOMIC_ACQUIRE);
	out->lro = __atomic_load_n(&tally->lro, __ATOMIC_ACQUIRE);
	out->csum = __atomic_load_n(&tally->csum, __ATOMIC_ACQUIRE);
	out->tso = __atomic_load_n(&tally->tso, __ATOMIC_ACQUIRE);
	out->truncated = __atomic_load_n(&tally->truncated, __ATOMIC_ACQUIRE);
	out->bytes = __atomic_load_n(&tally->bytes, __ATOMIC_ACQUIRE);
	out->captured = __atomic_load_n(&tally->captured, __ATOMIC_ACQUIRE);
	out->no_room = __atomic_load_n(&tally->no_room, __ATOMIC_ACQUIRE);
	out->sampled_out = __atomic_load_n(&tally->sampled_out, __ATOMIC_ACQUIRE);
	out->filtered = __atomic_load_n(&tally->filtered, __ATOMIC_ACQUIRE);
	out->repeats = __atomic_load_n(&tally->repeats, __ATOMIC_ACQUIRE);
	out->seen = __atomic_load_n(&tally->seen, __ATOMIC_ACQUIRE);
}

/* Nothing but numbers of one type stands in the struct. */
#define N_NUMBERS (sizeof(struct vmirror_tally) / sizeof(uint64_t))

void
vmirror_tally_plus(struct vmirror_tally *sum, const struct vmirror_tally *t)
{
	size_t i;

	for (i = 0; i < N_NUMBERS; i++)
		((uint64_t *)sum)[i] += ((const uint64_t *)t)[i];
}

void
vmirror_tally_minus(struct vmirror_tally *sum, const struct vmirror_tally *t)
{
	size_t i;

	for (i = 0; i < N_NUMBERS; i++)
		((uint64_t *)sum)[i] -= ((const uint64_t *)t)[i];
}

void
vmirror_tally_counters(const struct vmirror_tally *tally, uint64_t doubtful, uint64_t held,
		       struct vmirror_counters *out)
{
	*out = (struct vmirror_counters){
		.seen = tally->seen,
		.filtered = tally->filtered,
		.sampled_out = tally->sampled_out,
		.captured = tally->captured,
		.no_room = tally->no_room,
		.delivered = tally->accepted - doubtful - held,
		.sink_rejected = tally->rejected,
		.write_error = tally->write_error,
		.unknown = doubtful,
		.in_flight = tally->captured - tally->accepted - tally->rejected -
			     tally->write_error - tally->overwritten + held,
		.overwritten = tally->overwritten,
		.truncated = tally->truncated,
		.captured_bytes = tally->bytes,
		.tso_pending = tally->tso,
		.csum_pending = tally->csum,
		.lro_merged = tally->lro,
		.tx_repeats = tally->repeats,
		.late = tally->late,
	};
}

void
vmirror_counters_sum(struct vmirror_counters *sum, const struct vmirror_counters *c)
{
	/* Nothing but counters of one type stands in the struct. */
	const uint64_t *from = (const uint64_t *)c;
	uint64_t *to = (uint64_t *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}
