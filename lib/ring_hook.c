/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The ring engine's side on the forwarding core, inside vmirror_dispatch_burst(): filter, copy,
 * count. No atomic read-modify-write, no mempool, no lock, no log, no system call; where the ring
 * is full it goes on at once.
 */

#include "lib/ring_hook.h"

#include <sched.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "lib/entry.h"
#include "lib/packet.h"

/* How many packets ahead their first bytes are asked for. */
#define AHEAD 4

/*
 * The drain has read the room that comes next; of small packets the copy would wait until it is this
 * core's again. With larger ones the processor sees it coming, and the request costs more than it gives.
 */
#define SMALL      128  /* bytes of a packet */
#define ROOM_AHEAD 1024 /* bytes; two lines, as an entry is longer than one */
#define LINE       64

/* Copy bytes of a packet from an offset on, over as many segments as there are. */
static void
gather(uint8_t *to, const struct rte_mbuf *pkt, uint32_t offset, uint32_t len)
{
	for (; len > 0; pkt = pkt->next) {
		uint32_t n;

		if (offset >= pkt->data_len) {
			offset -= pkt->data_len;
			continue;
		}
		n = RTE_MIN(len, pkt->data_len - offset);
		memcpy(to, rte_pktmbuf_mtod_offset(pkt, const void *, offset), n);
		to += n;
		len -= n;
		offset = 0;
	}
}

/* The same with tags put back behind the addresses. */
static void
gather_tagged(uint8_t *to, const struct rte_mbuf *pkt, const struct vmirror_packet_tags *tags,
	      uint32_t len)
{
	uint32_t n = RTE_MIN(len, (uint32_t)VMIRROR_MACS_LEN);

	gather(to, pkt, 0, n);
	to += n;
	len -= n;
	n = RTE_MIN(len, (uint32_t)tags->len);
	memcpy(to, tags->bytes, n);
	gather(to + n, pkt, VMIRROR_MACS_LEN, len - n);
}

/* Flags of a packet that has bytes beside it, or is not yet, or no more, what its bytes are. */
static uint64_t
unusual(bool is_tx)
{
	return is_tx ? VMIRROR_TX_TAGGED | VMIRROR_TX_PENDING
		     : VMIRROR_RX_TAGGED | RTE_MBUF_F_RX_LRO;
}

/* A call of memcpy() costs as much as the copy of a small packet. */
static inline void
copy(uint8_t *to, const uint8_t *from, uint32_t len)
{
	if (len >= 32 && len <= 64) {
		memcpy(to, from, 32);
		memcpy(to + len - 32, from + len - 32, 32);
	} else if (len > 64 && len <= SMALL) {
		memcpy(to, from, 64);
		memcpy(to + len - 64, from + len - 64, 64);
	} else {
		memcpy(to, from, len);
	}
}

/* What the packets of a burst share. */
struct burst {
	uint64_t tsc;
	uint32_t marks;
	bool looked; /* where the drain is by now */
};

/* There is none, as of the last look: where is the drain by now, or what can be given up? */
static __attribute__((noinline)) struct vmirror_entry *
look(const struct vmirror_ring_hook *h, uint64_t size, struct burst *burst, struct vmirror_tally *t)
{
	if (h->recorder == NULL) {
		burst->looked = true;
		vmirror_ring_refresh(h->ring);
	} else {
		uint64_t pkts = h->tally->captured + t->captured;

		burst->looked = !vmirror_recorder_turn(h->recorder, size, burst->tsc, pkts,
						       &t->overwritten);
	}
	return vmirror_ring_reserve(h->ring, size);
}

/* Room for an entry; of a burst, who finds none does not look again. */
static struct vmirror_entry *
reserve(const struct vmirror_ring_hook *h, uint32_t len, struct burst *burst,
	struct vmirror_tally *t)
{
	uint64_t size = vmirror_entry_size(len);
	struct vmirror_entry *entry = vmirror_ring_reserve(h->ring, size);

	if (__builtin_expect(entry != NULL, 1) || burst->looked)
		return entry;
	return look(h, size, burst, t);
}

static void
count(struct vmirror_tally *t, uint32_t wire_len, uint32_t len)
{
	t->captured++;
	t->bytes += wire_len;
	t->truncated += len < wire_len;
}

/* Any packet, also one with tags beside it, or something pending. */
static void
write_copied(const struct vmirror_ring_hook *h, const struct rte_mbuf *pkt, struct burst *burst,
	     struct vmirror_tally *t)
{
	struct vmirror_packet_pending pending = vmirror_packet_pending(pkt, h->is_tx);
	struct vmirror_packet_tags tags = {.len = 0};
	struct vmirror_entry *entry;
	uint32_t len, wire_len;

	if (vmirror_packet_tagged(pkt, h->is_tx))
		vmirror_packet_tags(pkt, h->is_tx, &tags);
	wire_len = pkt->pkt_len + tags.len;
	len = RTE_MIN(wire_len, h->path->snaplen);
	entry = reserve(h, len, burst, t);
	if (entry == NULL) {
		t->no_room++;
		return;
	}
	*entry = (struct vmirror_entry){
		.tsc = burst->tsc,
		.len = len,
		.wire_len = wire_len,
		.flags = (uint32_t)vmirror_packet_flags(pkt, h->is_tx, pending) | burst->marks |
			 (pending.tso ? VMIRROR_ENTRY_TSO : 0) |
			 (pending.csum ? VMIRROR_ENTRY_CSUM : 0) |
			 (pending.lro ? VMIRROR_ENTRY_LRO : 0),
		.hash = h->is_tx ? 0 : pkt->hash.rss,
		.type = pkt->packet_type,
		.port = pkt->port,
		.segsz = pending.tso || pending.lro ? pkt->tso_segsz : 0,
	};
	if (tags.len > 0)
		gather_tagged(entry->bytes, pkt, &tags, len);
	else
		gather(entry->bytes, pkt, 0, len);
	count(t, wire_len, len);
	vmirror_packet_count_pending(pending, t);
}

/* No copy: where the bytes are, and a reference so that they stay. */
static void
write_held(const struct vmirror_ring_hook *h, struct rte_mbuf *pkt, uint32_t len,
	   struct burst *burst, struct vmirror_tally *t)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(pkt, const uint8_t *);
	struct vmirror_entry *entry = reserve(h, sizeof(bytes), burst, t);

	if (entry == NULL) {
		t->no_room++;
		return;
	}
	*entry = (struct vmirror_entry){
		.tsc = burst->tsc,
		.len = len,
		.wire_len = pkt->pkt_len,
		.flags = burst->marks | VMIRROR_ENTRY_HELD,
		.type = pkt->packet_type,
		.port = pkt->port,
	};
	memcpy(entry->bytes, &bytes, sizeof(bytes));
	vmirror_hold_take(h->hold, pkt);
	count(t, pkt->pkt_len, len);
}

/* Where there is more to do than to copy a plain packet to where there is room. */
static __attribute__((noinline)) void
write_any(const struct vmirror_ring_hook *h, struct rte_mbuf *pkt, struct burst *burst,
	  struct vmirror_tally *t)
{
	uint32_t len = RTE_MIN(pkt->pkt_len, h->path->snaplen);

	if (h->hold != NULL && (pkt->ol_flags & unusual(h->is_tx)) == 0 &&
	    vmirror_hold_takes(h->hold, pkt, len))
		write_held(h, pkt, len, burst, t);
	else
		write_copied(h, pkt, burst, t);
}

/*
 * The core's place in the ring and what it has counted, while it stays with plain packets: a copy that
 * the compiler keeps in registers, as none but inline functions see it.
 */
struct pen {
	uint8_t *base;
	uint64_t mask;
	uint64_t next; /* reserved up to here */
	uint64_t end;  /* room up to here, as of the last look */
	uint64_t bytes;
	uint32_t captured;
	uint32_t truncated;
};

static inline struct pen
take_pen(const struct vmirror_ring *ring)
{
	return (struct pen){
		.base = ring->base,
		.mask = ring->size - 1,
		.next = ring->next,
		.end = ring->tail_seen + ring->size,
	};
}

static inline void
lay_down(const struct pen *pen, struct vmirror_ring *ring, struct vmirror_tally *t)
{
	ring->next = pen->next;
	t->captured += pen->captured;
	t->bytes += pen->bytes;
	t->truncated += pen->truncated;
}

/* @return whether there was room, as of the last look */
static inline bool
write_plain(const struct rte_mbuf *pkt, bool is_tx, uint32_t snaplen, const struct burst *burst,
	    struct pen *pen)
{
	uint32_t wire_len = pkt->pkt_len;
	uint32_t len = RTE_MIN(wire_len, snaplen);
	uint64_t after = pen->next + vmirror_entry_size(len);
	struct vmirror_entry *entry = (void *)(pen->base + (pen->next & pen->mask));

	if (__builtin_expect(after > pen->end, 0))
		return false;
	pen->next = after;
	if (len <= SMALL) {
		__builtin_prefetch((uint8_t *)entry + ROOM_AHEAD, 1);
		__builtin_prefetch((uint8_t *)entry + ROOM_AHEAD + LINE, 1);
	}
	*entry = (struct vmirror_entry){
		.tsc = burst->tsc,
		.len = len,
		.wire_len = wire_len,
		.flags = is_tx ? burst->marks : (uint32_t)(pkt->ol_flags & VMIRROR_RX_WORD),
		.hash = is_tx ? 0 : pkt->hash.rss,
		.type = pkt->packet_type,
		.port = pkt->port,
	};
	if (__builtin_expect(pkt->data_len >= len, 1))
		copy(entry->bytes, rte_pktmbuf_mtod(pkt, const uint8_t *), len);
	else
		gather(entry->bytes, pkt, 0, len);
	pen->captured++;
	pen->bytes += wire_len;
	pen->truncated += len < wire_len;
	return true;
}

/* The sink has failed for good: packets are counted as rejected, and not copied. */
static void
reject(const struct vmirror_ring_hook *h, struct rte_mbuf *const *pkts, uint16_t n,
       struct vmirror_tally *t)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (!vmirror_packet_passes(h->path->filter, pkts[i], h->is_tx)) {
			t->filtered++;
			continue;
		}
		count(t, pkts[i]->pkt_len + vmirror_packet_tags_len(pkts[i], h->is_tx), UINT32_MAX);
		t->rejected++;
		vmirror_packet_count_pending(vmirror_packet_pending(pkts[i], h->is_tx), t);
	}
}

static bool
takes(const struct vmirror_ring_hook *h, const struct rte_mbuf *pkt)
{
	uint32_t len = pkt->pkt_len + vmirror_packet_tags_len(pkt, h->is_tx);

	return vmirror_limit_takes(h->limit, RTE_MIN(len, h->path->snaplen));
}

/* Whether the core is to look into a packet. */
static inline bool
wants_bytes(const struct vmirror_ring_hook *h, const struct rte_mbuf *pkt)
{
	return h->hold == NULL || h->path->filter != NULL || pkt->pkt_len < h->hold->min_len;
}

/*
 * Any packet that passes may be the trigger, also one that is not recorded. Of those that a trigger's
 * snapshot does not show the queue's first counts, until one shows that.
 */
static __attribute__((noinline)) void
look_for_trigger(struct vmirror_ring_hook *h, struct rte_mbuf *const *pkts, uint16_t n,
		 uint64_t tsc)
{
	uint64_t noted = __atomic_load_n(&h->triggered_tsc, __ATOMIC_RELAXED);
	uint64_t shown = __atomic_load_n(&h->path->shown_until, __ATOMIC_RELAXED);
	uint16_t i;

	if (noted > shown || tsc <= shown)
		return;
	for (i = 0; i < n; i++)
		if (vmirror_packet_passes(h->trigger, pkts[i], h->is_tx))
			break;
	if (i < n)
		__atomic_store_n(&h->triggered_tsc, tsc, __ATOMIC_RELAXED);
}

static void
write_all(struct vmirror_ring_hook *h, struct rte_mbuf *const *pkts, uint16_t n,
	  struct vmirror_tally *t)
{
	const struct vmirror_filter *filter = h->path->filter;
	const bool is_tx = h->is_tx, holds = h->hold != NULL;
	const uint64_t mask = unusual(is_tx);
	const uint32_t snaplen = h->path->snaplen;
	struct pen pen = take_pen(h->ring);
	struct burst burst = {
		.tsc = rte_rdtsc(),
		.marks = t->repeats > 0 ? VMIRROR_ENTRY_REPEAT : 0,
	};
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (i + AHEAD < n && wants_bytes(h, pkts[i + AHEAD]))
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + AHEAD], const void *));
		if (filter != NULL && !vmirror_packet_passes(filter, pkts[i], is_tx)) {
			t->filtered++;
		} else if (h->limit != NULL && !takes(h, pkts[i])) {
			t->sampled_out++;
		} else if (__builtin_expect((pkts[i]->ol_flags & mask) != 0, 0) || holds ||
			   !write_plain(pkts[i], is_tx, snaplen, &burst, &pen)) {
			lay_down(&pen, h->ring, t);
			write_any(h, pkts[i], &burst, t);
			pen = take_pen(h->ring);
		}
	}
	lay_down(&pen, h->ring, t);
	if (h->trigger != NULL)
		look_for_trigger(h, pkts, n, burst.tsc);
}

/*
 * The drain keeps away from cores that forward; not all of them are EAL's. Now and then: where the C
 * library has no faster way it is a system call.
 */
static inline void
show_cpu(struct vmirror_ring_hook *h)
{
	if ((h->bursts++ & 1023) == 0)
		__atomic_store_n(&h->ring->cpu, sched_getcpu(), __ATOMIC_RELAXED);
}

static void
ring_run(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	struct vmirror_ring_hook *h = (struct vmirror_ring_hook *)hook;
	struct vmirror_tally t = {.seen = n_pkts};
	enum vmirror_path_gate gate = __atomic_load_n(&h->path->gate, __ATOMIC_RELAXED);
	uint64_t begin = 0;

	if (h->guard != NULL)
		begin = rte_rdtsc();
	if (h->hold != NULL)
		vmirror_hold_give_back(h->hold, n_pkts);
	if (gate == VMIRROR_GATE_ENDED)
		return;
	show_cpu(h);
	if (h->guard != NULL) {
		if (vmirror_guard_skips(h->guard)) {
			t.sampled_out = n_pkts;
			vmirror_tally_add(h->tally, &t);
			if (h->hold != NULL)
				vmirror_guard_end(h->guard, begin);
			return;
		}
	}
	if (h->is_tx)
		t.repeats = vmirror_repeat_count(&h->repeat, pkts, n_pkts);
	/* One that is lost may come back any moment: what becomes of them the drain decides. */
	if (__builtin_expect(gate == VMIRROR_GATE_SINK_FAILED && h->recorder == NULL, 0))
		reject(h, pkts, n_pkts, &t);
	else
		write_all(h, pkts, n_pkts, &t);
	/* In this order: nothing is delivered that was not captured. */
	vmirror_tally_add(h->tally, &t);
	vmirror_ring_commit(h->ring);
	if (h->guard != NULL)
		vmirror_guard_end(h->guard, begin);
}

void
vmirror_ring_hook_init(struct vmirror_ring_hook *hook, const struct vmirror_path *path,
		       struct vmirror_ring *ring, struct vmirror_tally *tally,
		       struct vmirror_limit_hook *limit, struct vmirror_guard_hook *guard,
		       bool is_tx)
{
	*hook = (struct vmirror_ring_hook){
		.hook = {.run = ring_run},
		.path = path,
		.ring = ring,
		.tally = tally,
		.limit = limit,
		.guard = guard,
		.is_tx = is_tx,
	};
}

void
vmirror_ring_hook_idle(struct vmirror_ring_hook *hook)
{
	hook->bursts = 0;
	__atomic_store_n(&hook->ring->cpu, -1, __ATOMIC_RELAXED);
}
