/* SPDX-License-Identifier: BSD-3-Clause */

/* Which of a mirror's rings comes next (drain.c). */

#include "lib/merge.h"

#include <stddef.h>

#include <rte_common.h>

void
vmirror_merge_add(struct vmirror_merge *merge, struct vmirror_merge_ring *ring)
{
	ring->next = merge->rings;
	__atomic_store_n(&merge->rings, ring, __ATOMIC_RELEASE);
}

/* The same of the packets that are held. */
static void
look_at_held(struct vmirror_merge_ring *r, struct vmirror_merge_fill *fill)
{
	uint64_t taken = __atomic_load_n(&r->hold->taken, __ATOMIC_RELAXED);

	fill->all = RTE_MAX(fill->all, (unsigned int)((taken - r->held) * 256 / VMIRROR_HOLD_PKTS));
	fill->fresh = RTE_MAX(fill->fresh,
			      (unsigned int)((taken - r->held_end) * 256 / VMIRROR_HOLD_PKTS));
	r->held_end = taken;
}

struct vmirror_merge_fill
vmirror_merge_look(struct vmirror_merge *merge)
{
	struct vmirror_merge_fill fill = {0};
	struct vmirror_merge_ring *r;

	for (r = vmirror_merge_first(merge); r != NULL; r = r->next) {
		uint64_t end = vmirror_ring_readable(r->ring);
		uint64_t size = r->ring->size;

		if (r->recorder != NULL && !r->reads)
			continue;
		fill.all = RTE_MAX(fill.all, (unsigned int)((end - r->at) * 256 / size));
		fill.fresh = RTE_MAX(fill.fresh, (unsigned int)((end - r->end) * 256 / size));
		r->end = end;
		if (r->hold != NULL)
			look_at_held(r, &fill);
	}
	return fill;
}

struct vmirror_merge_ring *
vmirror_merge_oldest(struct vmirror_merge *merge, uint64_t horizon, uint64_t *until)
{
	struct vmirror_merge_ring *r, *best = NULL;
	uint64_t first = horizon;

	*until = horizon;
	for (r = vmirror_merge_first(merge); r != NULL; r = r->next) {
		const struct vmirror_entry *entry = vmirror_merge_peek(r);

		if (entry == NULL || entry->tsc > horizon)
			continue;
		if (best == NULL || entry->tsc < first) {
			*until = best == NULL ? horizon : first;
			first = entry->tsc;
			best = r;
		} else {
			*until = RTE_MIN(*until, entry->tsc);
		}
	}
	return best;
}

void
vmirror_merge_release(struct vmirror_merge *merge)
{
	struct vmirror_merge_ring *r;

	for (r = vmirror_merge_first(merge); r != NULL; r = r->next) {
		if (r->recorder != NULL) {
			if (r->reads)
				vmirror_recorder_hold(r->recorder, r->at);
			continue;
		}
		if (vmirror_ring_tail(r->ring) == r->at)
			continue;
		/* Pairs with vmirror_hold_give_back(): nobody reads those packets any more. */
		if (r->hold != NULL)
			__atomic_store_n(&r->hold->done, r->held, __ATOMIC_RELEASE);
		vmirror_ring_release(r->ring, r->at);
	}
}

void
vmirror_merge_clear_cpus(struct vmirror_merge *merge, cpu_set_t *set)
{
	struct vmirror_merge_ring *r;

	for (r = vmirror_merge_first(merge); r != NULL; r = r->next) {
		int cpu = __atomic_load_n(&r->ring->cpu, __ATOMIC_RELAXED);

		if (cpu >= 0 && cpu < CPU_SETSIZE)
			CPU_CLR(cpu, set);
	}
}
