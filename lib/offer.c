/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the drain's thread does with packets of a sink that has a vdev: rte_eth_tx_burst(), again where
 * its driver has no room, and counting.
 */

#include "lib/offer.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "lib/entry.h"
#include "lib/replay.h"

/* So long apart a refused packet is offered again. */
#define TRY_NS UINT64_C(100000)

/*
 * One that the sink's driver has no room for now it may have in a moment; one that it never takes
 * must not hold up the others for long. @return how many it takes of the rest, or 0
 */
static uint16_t
offer(struct vmirror_drain *drain, struct rte_mbuf **pkts, uint16_t n)
{
	const struct vmirror_path *path = drain->path;
	uint16_t sent = rte_eth_tx_burst(path->sink_port, 0, pkts, n);
	unsigned int tries;

	for (tries = 0; sent == 0 && (tries < drain->patience || vmirror_replay_waits(drain));
	     tries++) {
		enum vmirror_path_gate gate = __atomic_load_n(&path->gate, __ATOMIC_RELAXED);

		if (gate == VMIRROR_GATE_SINK_LOST || gate == VMIRROR_GATE_SINK_FAILED)
			return 0;
		vmirror_drain_nap(TRY_NS);
		sent = rte_eth_tx_burst(path->sink_port, 0, pkts, n);
	}
	if (sent > 0 && tries > 0)
		drain->patience = VMIRROR_PATIENCE; /* it was worth it */
	return sent;
}

bool
vmirror_batch_offer(struct vmirror_drain *drain, struct vmirror_batch *batch)
{
	struct vmirror_sink_progress more = {0};
	bool accepted[VMIRROR_BATCH];
	unsigned int refusals = 0;
	uint16_t at = 0, i;

	while (at < batch->n && refusals < 2) {
		uint16_t sent = offer(drain, batch->own + at, batch->n - at);

		if (sent > 0 && refusals > 0) {
			drain->patience /= 2; /* it was that one */
			drain->impatient = true;
		}
		refusals = sent == 0 ? refusals + 1 : 0;
		for (i = at, at += sent; i < at; i++) {
			accepted[i] = true;
			vmirror_drain_note_time(drain, batch->ns[i]);
			more.accepted_bytes += batch->kept[i];
		}
		if (sent == 0) {
			rte_pktmbuf_free(batch->own[at]);
			accepted[at++] = false;
		}
	}
	if (refusals == 2)
		drain->patience = 0;
	else if (refusals == 0)
		drain->patience = RTE_MIN(VMIRROR_PATIENCE, 2 * drain->patience + 1);
	for (; at < batch->n; at++) {
		rte_pktmbuf_free(batch->own[at]);
		accepted[at] = false;
	}

	vmirror_path_begin_feed(drain->path);
	for (i = 0; i < batch->n; i++) {
		const struct vmirror_tally one = {.accepted = accepted[i],
						  .rejected = !accepted[i]};

		vmirror_tally_add(&batch->from[i]->drained, &one);
		more.accepted_pkts += accepted[i];
		more.rejected_pkts += !accepted[i];
	}
	vmirror_path_end_feed(drain->path, &more);
	batch->n = 0;
	return refusals < 2;
}

bool
vmirror_batch_take(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		   const struct vmirror_entry *entry, struct vmirror_batch *batch)
{
	struct rte_mbuf *own = vmirror_unpack_entry(&drain->unpack, entry);
	struct vmirror_tally odd = {0};

	if (own == NULL)
		return false;
	batch->own[batch->n] = own;
	batch->kept[batch->n] = vmirror_path_fit(drain->path, own);
	batch->ns[batch->n] = vmirror_drain_time(drain, entry);
	batch->from[batch->n] = r;
	odd.truncated = entry->len == entry->wire_len && batch->kept[batch->n] < entry->wire_len;
	odd.late = vmirror_drain_is_late(drain, entry);
	vmirror_tally_add(&r->drained, &odd);
	batch->n++;
	return true;
}

bool
vmirror_batch_wait(struct vmirror_drain *drain)
{
	if (drain->patience == 0 && !vmirror_replay_waits(drain))
		return false;
	drain->patience -= drain->patience > 0;
	vmirror_drain_nap(TRY_NS);
	return true;
}
