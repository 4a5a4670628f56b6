/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The inline engine. It runs on a forwarding core, inside vmirror_dispatch_burst(): counters, no
 * logs, no heap, no system calls but the PMD's own.
 */

#include "lib/inline.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "lib/filter.h"
#include "lib/packet.h"

/* Packets worked on at a time; what a forwarder hands over is most often 32. */
#define CHUNK 64

/* A chunk on its way: which packets matched, then their clones. */
struct chunk {
	uint16_t n;        /* matched packets, then clones */
	uint8_t at[CHUNK]; /* where the matched ones stand in the burst */
	struct rte_mbuf *out[CHUNK];
	uint32_t kept[CHUNK]; /* bytes that the sink keeps of each */
	uint32_t too_long;    /* for the sink: counted as rejected, and not among them */
	bool lost;            /* there is no sink: all are rejected */
};

/*
 * The mirror's own mbuf for a packet: a clone where the sink may have one and the bytes are as they
 * are to be shown, else a copy: snaplen cuts, or a tag is put back.
 */
static struct rte_mbuf *
take(const struct vmirror_path *path, struct rte_mbuf *pkt, bool is_tx,
     struct vmirror_packet_pending pending)
{
	struct vmirror_packet_tags tags = {.len = 0};
	struct rte_mbuf *own;

	if (vmirror_packet_tagged(pkt, is_tx))
		vmirror_packet_tags(pkt, is_tx, &tags);

	if (path->copy || tags.len > 0 || pkt->pkt_len > path->snaplen)
		own = vmirror_packet_copy(pkt, &tags, path->snaplen, path->pool);
	else
		own = rte_pktmbuf_clone(pkt, path->pool);
	if (own != NULL)
		vmirror_packet_settle(own, pkt, is_tx, pending);
	return own;
}

/* Whether a frame of len bytes is one that the driver must not be given. */
static bool
too_long(const struct vmirror_path *path, const struct rte_mbuf *pkt, bool is_tx, uint32_t len)
{
	if (vmirror_path_fits(path, len))
		return false;
	return !vmirror_path_fits_tagged(path, len) || !vmirror_packet_is_vlan(pkt, is_tx);
}

static void
count_taken(struct vmirror_tally *t, uint32_t wire_len, struct vmirror_packet_pending pending)
{
	t->captured++;
	t->bytes += wire_len;
	vmirror_packet_count_pending(pending, t);
}

static void
take_one(struct vmirror_inline_hook *h, struct rte_mbuf *pkt, struct chunk *c,
	 struct vmirror_tally *t)
{
	struct vmirror_packet_pending pending = vmirror_packet_pending(pkt, h->is_tx);
	uint32_t wire_len = pkt->pkt_len + vmirror_packet_tags_len(pkt, h->is_tx);
	struct vmirror_path *path = h->path;
	uint32_t len = RTE_MIN(wire_len, path->snaplen);
	struct rte_mbuf *own;

	if (h->limit != NULL && !vmirror_limit_takes(h->limit, len)) {
		t->sampled_out++;
		return;
	}
	if (c->lost || too_long(path, pkt, h->is_tx, len)) {
		vmirror_path_spend(path, len);
		count_taken(t, wire_len, pending);
		t->rejected++;
		c->too_long += !c->lost;
		return;
	}
	own = take(path, pkt, h->is_tx, pending);
	if (own == NULL) {
		t->no_room++;
		return;
	}
	vmirror_path_spend(path, len);
	count_taken(t, wire_len, pending);
	c->kept[c->n] = vmirror_path_fit(path, own);
	t->truncated += c->kept[c->n] < wire_len;
	c->out[c->n++] = own;
}

/*
 * Replace the matched packets by clones, up to the budget. The burst is seen as far as the packet
 * with which the budget ran out.
 */
static void
take_all(struct vmirror_inline_hook *h, struct rte_mbuf *const *pkts, struct chunk *c,
	 struct vmirror_tally *t)
{
	struct vmirror_path *path = h->path;
	uint16_t matched = c->n;
	uint16_t i;

	c->n = 0;
	for (i = 0; i < matched && path->budget > 0; i++)
		take_one(h, pkts[c->at[i]], c, t);
	if (path->budget == 0) {
		__atomic_store_n(&path->gate, VMIRROR_GATE_ENDED, __ATOMIC_RELAXED);
		t->seen = i == 0 ? 0 : c->at[i - 1] + 1;
		t->repeats = RTE_MIN(t->repeats, t->seen);
	}
	t->filtered = t->seen - i;
}

/*
 * Hand clones to the vdev. A driver may stop at one frame and still want the next, so a refused
 * one is dropped and the rest is offered again; two refusals in a row mean that it wants none.
 * @return bytes that it keeps
 */
static uint64_t
deliver(struct vmirror_path *path, struct chunk *c, struct vmirror_tally *t)
{
	unsigned int refusals = 0;
	uint64_t kept_bytes = 0;
	uint16_t at = 0;

	while (at < c->n && refusals < 2) {
		uint16_t sent = rte_eth_tx_burst(path->sink_port, 0, c->out + at, c->n - at);
		uint16_t end = at + sent;

		refusals = sent == 0 ? refusals + 1 : 0;
		for (; at < end; at++) {
			t->accepted++;
			kept_bytes += c->kept[at];
		}
		if (at < c->n) {
			rte_pktmbuf_free(c->out[at++]);
			t->rejected++;
		}
	}
	t->rejected += c->n - at;
	for (; at < c->n; at++)
		rte_pktmbuf_free(c->out[at]);
	return kept_bytes;
}

/* Publish what a burst brought. */
static void
account(struct vmirror_path *path, struct vmirror_tally *tally, const struct vmirror_tally *t,
	const struct chunk *c, uint64_t kept_bytes)
{
	const struct vmirror_sink_progress more = {
		.accepted_pkts = t->accepted,
		.accepted_bytes = kept_bytes,
		.rejected_pkts = t->rejected,
		.too_long_pkts = c->too_long,
	};

	vmirror_path_begin_feed(path);
	vmirror_tally_add(tally, t);
	vmirror_path_end_feed(path, &more);
}

static void
run_chunk(struct vmirror_inline_hook *h, struct rte_mbuf *const *pkts, uint16_t n, uint16_t repeats)
{
	struct vmirror_path *path = h->path;
	struct vmirror_tally t = {.seen = n, .repeats = repeats};
	enum vmirror_path_gate gate;
	struct chunk c;
	uint16_t i;

	c.n = 0;
	c.too_long = 0;

	for (i = 0; i < n; i++)
		if (vmirror_packet_passes(path->filter, pkts[i], h->is_tx))
			c.at[c.n++] = i;

	/* Acquire: an open gate comes after what is behind it. */
	gate = __atomic_load_n(&path->gate, __ATOMIC_ACQUIRE);
	if (c.n == 0) {
		t.filtered = n;
	} else if (gate == VMIRROR_GATE_SINK_FAILED) {
		t.filtered = n - c.n;
		t.captured = c.n;
		t.rejected = c.n;
	} else {
		c.lost = gate == VMIRROR_GATE_SINK_LOST;
		pthread_spin_lock(&path->lock);
		take_all(h, pkts, &c, &t);
		/* A successor that is being made just now was not fed these. */
		if (c.lost)
			vmirror_tally_add(h->tally, &t);
		else
			account(path, h->tally, &t, &c, deliver(path, &c, &t));
		pthread_spin_unlock(&path->lock);
		return;
	}
	vmirror_tally_add(h->tally, &t);
}

static void
run_burst(struct vmirror_inline_hook *h, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	uint16_t repeats = h->is_tx ? vmirror_repeat_count(&h->repeat, pkts, n_pkts) : 0;
	uint16_t at, n;

	for (at = 0; at < n_pkts; at += n) {
		if (__atomic_load_n(&h->path->gate, __ATOMIC_RELAXED) == VMIRROR_GATE_ENDED)
			return;
		n = RTE_MIN(n_pkts - at, CHUNK);
		run_chunk(h, pkts + at, n, RTE_MIN(repeats, n));
	}
}

static void
leave_out(struct vmirror_inline_hook *h, uint16_t n_pkts)
{
	const struct vmirror_tally t = {.seen = n_pkts, .sampled_out = n_pkts};

	if (__atomic_load_n(&h->path->gate, __ATOMIC_RELAXED) != VMIRROR_GATE_ENDED)
		vmirror_tally_add(h->tally, &t);
}

static void
inline_run(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	struct vmirror_inline_hook *h = (struct vmirror_inline_hook *)hook;
	uint64_t begin;

	if (h->guard == NULL) {
		run_burst(h, pkts, n_pkts);
	} else if (vmirror_guard_skips(h->guard)) {
		leave_out(h, n_pkts);
	} else {
		begin = rte_rdtsc();
		run_burst(h, pkts, n_pkts);
		vmirror_guard_end(h->guard, begin);
	}
}

void
vmirror_inline_hook_init(struct vmirror_inline_hook *hook, struct vmirror_path *path,
			 struct vmirror_tally *tally, struct vmirror_limit_hook *limit,
			 struct vmirror_guard_hook *guard, bool is_tx)
{
	*hook = (struct vmirror_inline_hook){
		.hook = {.run = inline_run},
		.path = path,
		.tally = tally,
		.limit = limit,
		.guard = guard,
		.is_tx = is_tx,
	};
}
