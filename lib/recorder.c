/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The parts of a ring in mode=recorder. ring_hook.c turns them on a forwarding core, snapshot.c holds
 * them, drain.c reads. Knows no DPDK, so that plain threads can race it.
 */

#include "lib/recorder.h"

#include <stdlib.h>
#include <string.h>

struct vmirror_recorder *
vmirror_recorder_create(struct vmirror_ring *ring)
{
	struct vmirror_recorder *rec = aligned_alloc(64, sizeof(*rec));

	if (rec == NULL)
		return NULL;
	memset(rec, 0, sizeof(*rec));
	rec->ring = ring;
	rec->hold = VMIRROR_RECORDER_FREE;
	/* Full, as of its last look: so that the first entry begins a part. */
	ring->tail_seen = 0 - ring->size;
	return rec;
}

void
vmirror_recorder_destroy(struct vmirror_recorder *rec)
{
	free(rec);
}

static const struct vmirror_recorder_mark *
mark(const struct vmirror_recorder *rec, uint64_t n)
{
	return &rec->marks[n % VMIRROR_RECORDER_MARKS];
}

static void
begin_part(struct vmirror_recorder *rec, uint64_t tsc, uint64_t pkts)
{
	rec->marks[rec->n % VMIRROR_RECORDER_MARKS] = (struct vmirror_recorder_mark){
		.at = rec->ring->next,
		.pkts = pkts,
		.tsc = tsc,
	};
	/* Pairs with readers': the mark is there. */
	__atomic_store_n(&rec->n, rec->n + 1, __ATOMIC_RELEASE);
}

bool
vmirror_recorder_turn(struct vmirror_recorder *rec, uint64_t bytes, uint64_t tsc, uint64_t pkts,
		      uint64_t *overwritten)
{
	const uint64_t size = rec->ring->size, part = size / VMIRROR_RECORDER_PARTS;
	const uint64_t at = rec->ring->next;
	const uint64_t hold = __atomic_load_n(&rec->hold, __ATOMIC_ACQUIRE);
	uint64_t end = at + (bytes > part ? bytes : part);
	uint64_t first = rec->first;

	if (bytes > size)
		return false;
	/* An entry that is large may end one early; were that none's end, parts were two parts long. */
	if (rec->n == 0 || at - mark(rec, rec->n - 1)->at >= part / 2)
		begin_part(rec, tsc, pkts);
	/* One part more than is needed: a burst that is under way when all is held finds room. */
	while (end + part - mark(rec, first)->at > size && first + 1 < rec->n &&
	       mark(rec, first + 1)->at <= hold) {
		*overwritten += mark(rec, first + 1)->pkts - mark(rec, first)->pkts;
		first++;
	}
	__atomic_store_n(&rec->first, first, __ATOMIC_RELEASE);
	/* For vmirror_ring_used(): that place is nobody else's here. */
	vmirror_ring_release(rec->ring, mark(rec, first)->at);
	if (end - mark(rec, first)->at > size)
		end = mark(rec, first)->at + size;
	/* Up to there the core goes on without looking. */
	rec->ring->tail_seen = end - size;
	return at + bytes <= end;
}

uint64_t
vmirror_recorder_oldest(const struct vmirror_recorder *rec)
{
	/* If it is given up just now, its place may have a younger one. */
	uint64_t first = __atomic_load_n(&rec->first, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&rec->n, __ATOMIC_ACQUIRE) == 0)
		return UINT64_MAX;
	return mark(rec, first)->tsc;
}

uint64_t
vmirror_recorder_find(const struct vmirror_recorder *rec, uint64_t tsc)
{
	uint64_t n = __atomic_load_n(&rec->n, __ATOMIC_ACQUIRE);
	uint64_t first = __atomic_load_n(&rec->first, __ATOMIC_ACQUIRE);

	if (n == 0)
		return 0;
	/*
	 * Entries of the same time may stand before the mark. And a core that is inside may have begun
	 * a part of which nothing can be read yet, before a part of another core's from which on packets
	 * are wanted.
	 */
	while (--n > first && (mark(rec, n)->tsc >= tsc || mark(rec, n)->at > rec->end))
		;
	return mark(rec, n)->at;
}

/* How far back one was walked. */
struct walk {
	uint64_t n;   /* marks that are still to come */
	uint64_t end; /* where the part of the next one ends */
};

/* The youngest part that is left, of all; NULL when there is none. */
static struct walk *
youngest(struct vmirror_recorder *const recs[], struct walk *walks, unsigned int n)
{
	struct walk *best = NULL;
	uint64_t best_tsc = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t tsc;

		if (walks[i].n <= __atomic_load_n(&recs[i]->first, __ATOMIC_RELAXED))
			continue;
		tsc = mark(recs[i], walks[i].n - 1)->tsc;
		if (best == NULL || tsc > best_tsc) {
			best = &walks[i];
			best_tsc = tsc;
		}
	}
	return best;
}

uint64_t
vmirror_recorder_since(struct vmirror_recorder *const recs[], unsigned int n, uint64_t bytes)
{
	struct walk *walks = calloc(n, sizeof(*walks)), *w;
	uint64_t taken = 0, tsc = 0;
	unsigned int i;

	/* All of it, if need be. */
	if (walks == NULL)
		return 0;
	for (i = 0; i < n; i++) {
		walks[i].n = __atomic_load_n(&recs[i]->n, __ATOMIC_ACQUIRE);
		walks[i].end = recs[i]->end;
	}
	while (taken < bytes && (w = youngest(recs, walks, n)) != NULL) {
		const struct vmirror_recorder_mark *m = mark(recs[w - walks], --w->n);

		/* One that was begun since then adds nothing. */
		if (w->end > m->at) {
			taken += w->end - m->at;
			w->end = m->at;
		}
		tsc = m->tsc;
	}
	free(walks);
	return taken < bytes ? 0 : tsc;
}
