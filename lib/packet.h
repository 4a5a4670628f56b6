/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_PACKET_H
#define LIB_PACKET_H

/*
 * A packet as it stood, or will stand, on the wire: with the VLAN tags that the port stripped, or
 * will insert, back in place.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "lib/filter.h"
#include "lib/tally.h"

/** Bytes before the first tag: the two addresses. */
#define VMIRROR_MACS_LEN (2 * RTE_ETHER_ADDR_LEN)

/** Two tags at the most. */
#define VMIRROR_TAGS_SIZE 8

/** The tags that stand beside a packet's bytes, in wire order. */
struct vmirror_packet_tags {
	uint8_t bytes[VMIRROR_TAGS_SIZE];
	uint8_t len; /* 0, 4 or 8 */
};

#define VMIRROR_RX_TAGGED (RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED)
#define VMIRROR_TX_TAGGED (RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_QINQ)

/** Whether tags stand beside the packet; most often not. */
static inline bool
vmirror_packet_tagged(const struct rte_mbuf *pkt, bool is_tx)
{
	return (pkt->ol_flags & (is_tx ? VMIRROR_TX_TAGGED : VMIRROR_RX_TAGGED)) != 0 &&
	       pkt->data_len >= VMIRROR_MACS_LEN;
}

/* Flags on which a port segments, and those on which it sums. [rte_mbuf_core.h, 22.11 to 25.11] */
#define VMIRROR_TX_SEG (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)
#define VMIRROR_TX_PENDING                                                                         \
	(VMIRROR_TX_SEG | RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM |                         \
	 RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM)

/** A packet shown as it passed the hook, for it is not yet, or no more, as it is on the wire. */
struct vmirror_packet_pending {
	bool tso;
	bool csum;
	bool lro;
};

/* What a port's word on a packet is kept of. What it said at reception has no meaning for a packet on
 * tx, which may have changed since. */
#define VMIRROR_RX_WORD                                                                            \
	(RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)

/** What is pending with a packet. */
struct vmirror_packet_pending
vmirror_packet_pending(const struct rte_mbuf *pkt, bool is_tx);

/** Count it, for a packet that was captured. */
static inline void
vmirror_packet_count_pending(struct vmirror_packet_pending pending, struct vmirror_tally *t)
{
	t->tso += pending.tso;
	t->csum += pending.csum;
	t->lro += pending.lro;
}

/**
 * The flags of a clone or copy that speaks for itself: no offload is left for a port to do, no tag
 * is said to be missing, and what is pending is marked as virtual devices mark what they receive.
 * Those that say how the mbuf's memory is had are not among them. All are below 1 << 24.
 */
uint64_t
vmirror_packet_flags(const struct rte_mbuf *pkt, bool is_tx, struct vmirror_packet_pending pending);

/** Make a clone or copy of a packet speak for itself. */
void
vmirror_packet_settle(struct rte_mbuf *own, const struct rte_mbuf *pkt, bool is_tx,
		      struct vmirror_packet_pending pending);

/** Whether a frame, its tags in place, begins with an 802.1Q tag. */
bool
vmirror_packet_is_vlan(const struct rte_mbuf *pkt, bool is_tx);

/** The tags of a packet for which vmirror_packet_tagged() holds. */
void
vmirror_packet_tags(const struct rte_mbuf *pkt, bool is_tx, struct vmirror_packet_tags *tags);

/** Bytes that a packet is longer on the wire. */
static inline uint32_t
vmirror_packet_tags_len(const struct rte_mbuf *pkt, bool is_tx)
{
	struct vmirror_packet_tags tags;

	if (!vmirror_packet_tagged(pkt, is_tx))
		return 0;
	vmirror_packet_tags(pkt, is_tx, &tags);
	return tags.len;
}

/** Run a filter on a packet with its tags in place, without copying the packet. */
bool
vmirror_packet_match(const struct vmirror_filter *filter, struct rte_mbuf *pkt,
		     const struct vmirror_packet_tags *tags);

/** Whether a packet, its tags in place, matches. filter NULL: every packet does. */
static inline bool
vmirror_packet_passes(const struct vmirror_filter *filter, struct rte_mbuf *pkt, bool is_tx)
{
	struct vmirror_packet_tags tags;

	if (filter == NULL)
		return true;
	if (!vmirror_packet_tagged(pkt, is_tx))
		return vmirror_filter_match(filter, pkt);
	vmirror_packet_tags(pkt, is_tx, &tags);
	return vmirror_packet_match(filter, pkt, &tags);
}

/**
 * A copy of at most snaplen bytes of a packet, tags in place.
 *
 * @return NULL when the pool has too few mbufs
 */
struct rte_mbuf *
vmirror_packet_copy(const struct rte_mbuf *pkt, const struct vmirror_packet_tags *tags,
		    uint32_t snaplen, struct rte_mempool *pool);

#endif
