/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The inline engine. Everything but the functions at the end runs on a forwarding core,
 * inside vmirror_dispatch_burst(): counters, no logs, no heap, no system calls but the PMD's own.
 */

#include "lib/inline.h"

#include <sched.h>
#include <string.h>

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

static bool
match(const struct vmirror_inline *path, struct rte_mbuf *pkt, bool is_tx)
{
	struct vmirror_packet_tags tags;

	if (path->filter == NULL)
		return true;
	if (!vmirror_packet_tagged(pkt, is_tx))
		return vmirror_filter_match(path->filter, pkt);
	vmirror_packet_tags(pkt, is_tx, &tags);
	return vmirror_packet_match(path->filter, pkt, &tags);
}

/*
 * The mirror's own mbuf for a packet: a clone where the sink may have one and the bytes are as they
 * are to be shown, else a copy: snaplen cuts, or a tag is put back.
 */
static struct rte_mbuf *
take(const struct vmirror_inline *path, struct rte_mbuf *pkt, bool is_tx,
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
too_long(const struct vmirror_inline *path, const struct rte_mbuf *pkt, bool is_tx, uint32_t len)
{
	const struct vmirror_sink_limits *limits = &path->limits;
	uint32_t most = __atomic_load_n(&limits->max_frame, __ATOMIC_RELAXED);

	if (most == 0 || len <= most)
		return false;
	return len > most + limits->vlan_room || !vmirror_packet_is_vlan(pkt, is_tx);
}

/* Bytes that the sink keeps of a frame that it is about to be given. */
static uint32_t
fit(const struct vmirror_sink_limits *limits, struct rte_mbuf *own)
{
	uint32_t kept = own->pkt_len;

	if (limits->max_chain != 0 && own->nb_segs > 1)
		kept = RTE_MIN(kept, limits->max_chain);
	if (limits->claim_len != 0)
		own->pkt_len = RTE_MIN(own->pkt_len, limits->claim_len);
	return kept;
}

static void
count_taken(struct vmirror_tally *t, uint32_t wire_len, struct vmirror_packet_pending pending)
{
	t->captured++;
	t->bytes += wire_len;
	t->tso += pending.tso;
	t->csum += pending.csum;
	t->lro += pending.lro;
}

static void
take_one(struct vmirror_inline *path, struct rte_mbuf *pkt, bool is_tx, struct chunk *c,
	 struct vmirror_tally *t)
{
	struct vmirror_packet_pending pending = vmirror_packet_pending(pkt, is_tx);
	uint32_t wire_len = pkt->pkt_len + vmirror_packet_tags_len(pkt, is_tx);
	struct rte_mbuf *own;

	if (c->lost || too_long(path, pkt, is_tx, RTE_MIN(wire_len, path->snaplen))) {
		path->budget--;
		count_taken(t, wire_len, pending);
		t->rejected++;
		c->too_long += !c->lost;
		return;
	}
	own = take(path, pkt, is_tx, pending);
	if (own == NULL) {
		t->no_room++;
		return;
	}
	path->budget--;
	count_taken(t, wire_len, pending);
	c->kept[c->n] = fit(&path->limits, own);
	t->truncated += c->kept[c->n] < wire_len;
	c->out[c->n++] = own;
}

/*
 * Replace the matched packets by clones, up to the budget. The burst is seen as far as the packet
 * with which the budget ran out.
 */
static void
take_all(struct vmirror_inline *path, struct rte_mbuf *const *pkts, bool is_tx, struct chunk *c,
	 struct vmirror_tally *t)
{
	uint16_t matched = c->n;
	uint16_t i;

	c->n = 0;
	for (i = 0; i < matched && path->budget > 0; i++)
		take_one(path, pkts[c->at[i]], is_tx, c, t);
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
deliver(struct vmirror_inline *path, struct chunk *c, struct vmirror_tally *t)
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

static void
add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

/* Publish what a burst brought, so that vmirror_inline_read_fed() sees all of it or nothing. */
static void
account(struct vmirror_inline *path, struct vmirror_tally *tally, const struct vmirror_tally *t,
	const struct chunk *c, uint64_t kept_bytes)
{
	__atomic_store_n(&path->seq, path->seq + 1, __ATOMIC_RELAXED);
	add(&path->fed.accepted_pkts, t->accepted);
	add(&path->fed.accepted_bytes, kept_bytes);
	add(&path->fed.rejected_pkts, t->rejected);
	add(&path->fed.too_long_pkts, c->too_long);
	vmirror_tally_add(tally, t);
	add(&path->seq, 1);
}

/* Of a packet's length and the headers that tell it from its neighbours: numbers, checksums. */
static uint64_t
fingerprint(const struct rte_mbuf *pkt)
{
	uint64_t words[8] = {0};
	uint64_t print = pkt->pkt_len;
	unsigned int i;

	memcpy(words, rte_pktmbuf_mtod(pkt, const void *),
	       RTE_MIN((size_t)pkt->data_len, sizeof(words)));
	for (i = 0; i < RTE_DIM(words); i++)
		print = (print ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return print;
}

/*
 * A host offers again what its driver did not take of a burst, so the last packet is the same, and
 * there are not more than before. An mbuf comes back with another packet as well, as pools hand out
 * first what they got last: the bytes tell, unless all packets look alike.
 * @return how many of the burst are repeated
 */
static uint16_t
count_repeats(struct vmirror_inline_hook *h, struct rte_mbuf *const *pkts, uint16_t n)
{
	const struct vmirror_inline_tail now = {
		.pkt = pkts[n - 1],
		.print = fingerprint(pkts[n - 1]),
		.n_pkts = n,
	};
	const struct vmirror_inline_tail before = h->tail;

	h->tail = now;
	return now.pkt == before.pkt && now.print == before.print && n <= before.n_pkts ? n : 0;
}

static void
run_chunk(struct vmirror_inline_hook *h, struct rte_mbuf *const *pkts, uint16_t n, uint16_t repeats)
{
	struct vmirror_inline *path = h->path;
	struct vmirror_tally t = {.seen = n, .repeats = repeats};
	enum vmirror_inline_gate gate;
	struct chunk c;
	uint16_t i;

	c.n = 0;
	c.too_long = 0;

	for (i = 0; i < n; i++)
		if (match(path, pkts[i], h->is_tx))
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
		take_all(path, pkts, h->is_tx, &c, &t);
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
inline_run(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	struct vmirror_inline_hook *h = (struct vmirror_inline_hook *)hook;
	uint16_t repeats = h->is_tx ? count_repeats(h, pkts, n_pkts) : 0;
	uint16_t at, n;

	for (at = 0; at < n_pkts; at += n) {
		if (__atomic_load_n(&h->path->gate, __ATOMIC_RELAXED) == VMIRROR_GATE_ENDED)
			return;
		n = RTE_MIN(n_pkts - at, CHUNK);
		run_chunk(h, pkts + at, n, RTE_MIN(repeats, n));
	}
}

void
vmirror_inline_hook_init(struct vmirror_inline_hook *hook, struct vmirror_inline *path,
			 struct vmirror_tally *tally, bool is_tx)
{
	*hook = (struct vmirror_inline_hook){
		.hook = {.run = inline_run},
		.path = path,
		.tally = tally,
		.is_tx = is_tx,
	};
}

bool
vmirror_inline_read_fed(const struct vmirror_inline *path, struct vmirror_sink_progress *fed,
			void (*read)(void *arg), void *arg)
{
	unsigned int tries;

	for (tries = 0; tries < 100; tries++) {
		uint64_t seq = __atomic_load_n(&path->seq, __ATOMIC_ACQUIRE);

		fed->accepted_pkts = __atomic_load_n(&path->fed.accepted_pkts, __ATOMIC_ACQUIRE);
		fed->accepted_bytes = __atomic_load_n(&path->fed.accepted_bytes, __ATOMIC_ACQUIRE);
		fed->rejected_pkts = __atomic_load_n(&path->fed.rejected_pkts, __ATOMIC_ACQUIRE);
		fed->too_long_pkts = __atomic_load_n(&path->fed.too_long_pkts, __ATOMIC_ACQUIRE);
		read(arg);
		if ((seq & 1) == 0 && __atomic_load_n(&path->seq, __ATOMIC_RELAXED) == seq)
			return true;
		sched_yield();
	}
	return false;
}

void
vmirror_inline_close_gate(struct vmirror_inline *path, enum vmirror_inline_gate gate)
{
	enum vmirror_inline_gate now = __atomic_load_n(&path->gate, __ATOMIC_RELAXED);

	while (now < gate && !__atomic_compare_exchange_n(&path->gate, &now, gate, false,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void
vmirror_inline_open_gate(struct vmirror_inline *path)
{
	enum vmirror_inline_gate lost = VMIRROR_GATE_SINK_LOST;

	__atomic_compare_exchange_n(&path->gate, &lost, VMIRROR_GATE_OPEN, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}

void
vmirror_inline_set_max_frame(struct vmirror_inline *path, uint32_t max_frame)
{
	__atomic_store_n(&path->limits.max_frame, max_frame, __ATOMIC_RELAXED);
}
