/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Putting VLAN tags back, for filters and for copies; telling what is pending. Runs on the
 * forwarding core (inline.c, ring_hook.c).
 */

#include "lib/packet.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

/* The mbuf keeps a tag's TCI alone. A port that strips two expects 802.1ad outside 802.1Q. */
static void
tag_append(struct vmirror_packet_tags *tags, uint16_t tpid, uint16_t tci)
{
	uint16_t tag[2] = {rte_cpu_to_be_16(tpid), rte_cpu_to_be_16(tci)};

	memcpy(tags->bytes + tags->len, tag, sizeof(tag));
	tags->len += sizeof(tag);
}

void
vmirror_packet_tags(const struct rte_mbuf *pkt, bool is_tx, struct vmirror_packet_tags *tags)
{
	uint64_t outer = is_tx ? RTE_MBUF_F_TX_QINQ : RTE_MBUF_F_RX_QINQ_STRIPPED;
	/* On rx the outer tag may be the only one that was taken out of the packet. */
	uint64_t inner = is_tx ? VMIRROR_TX_TAGGED : RTE_MBUF_F_RX_VLAN_STRIPPED;

	tags->len = 0;
	if ((pkt->ol_flags & outer) != 0)
		tag_append(tags, RTE_ETHER_TYPE_QINQ, pkt->vlan_tci_outer);
	if ((pkt->ol_flags & inner) != 0)
		tag_append(tags, RTE_ETHER_TYPE_VLAN, pkt->vlan_tci);
}

bool
vmirror_packet_is_vlan(const struct rte_mbuf *pkt, bool is_tx)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);
	struct vmirror_packet_tags tags;
	uint16_t type;

	if (vmirror_packet_tagged(pkt, is_tx)) {
		vmirror_packet_tags(pkt, is_tx, &tags);
		memcpy(&type, tags.bytes, sizeof(type));
		return type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
	}
	return pkt->data_len >= sizeof(*eth) && eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_VLAN);
}

struct vmirror_packet_pending
vmirror_packet_pending(const struct rte_mbuf *pkt, bool is_tx)
{
	uint64_t flags = pkt->ol_flags;

	if (!is_tx)
		return (struct vmirror_packet_pending){.lro = (flags & RTE_MBUF_F_RX_LRO) != 0};
	/* What is segmented is summed as well. */
	return (struct vmirror_packet_pending){
		.tso = (flags & VMIRROR_TX_SEG) != 0,
		.csum = (flags & VMIRROR_TX_PENDING) != 0,
	};
}

uint64_t
vmirror_packet_flags(const struct rte_mbuf *pkt, bool is_tx, struct vmirror_packet_pending pending)
{
	uint64_t flags = is_tx ? 0 : pkt->ol_flags & (VMIRROR_RX_WORD | RTE_MBUF_F_RX_LRO);

	if (pending.tso)
		flags |= RTE_MBUF_F_RX_LRO;
	if ((pkt->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0 && is_tx)
		flags |= RTE_MBUF_F_RX_IP_CKSUM_NONE;
	if (pending.csum && (pkt->ol_flags & (VMIRROR_TX_SEG | RTE_MBUF_F_TX_L4_MASK)) != 0)
		flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return flags;
}

void
vmirror_packet_settle(struct rte_mbuf *own, const struct rte_mbuf *pkt, bool is_tx,
		      struct vmirror_packet_pending pending)
{
	const uint64_t memory = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;

	own->ol_flags = (own->ol_flags & memory) | vmirror_packet_flags(pkt, is_tx, pending);
	own->vlan_tci = 0;
	own->vlan_tci_outer = 0;
	if (pending.tso || pending.lro)
		own->tso_segsz = pkt->tso_segsz;
}

bool
vmirror_packet_match(const struct vmirror_filter *filter, struct rte_mbuf *pkt,
		     const struct vmirror_packet_tags *tags)
{
	uint8_t head[VMIRROR_MACS_LEN + VMIRROR_TAGS_SIZE];
	struct rte_mbuf front;
	struct rte_mbuf rest;

	memcpy(head, rte_pktmbuf_mtod(pkt, const void *), VMIRROR_MACS_LEN);
	memcpy(head + VMIRROR_MACS_LEN, tags->bytes, tags->len);

	rest = *pkt;
	rest.data_off += VMIRROR_MACS_LEN;
	rest.data_len -= VMIRROR_MACS_LEN;

	front = *pkt;
	front.buf_addr = head;
	front.buf_len = sizeof(head);
	front.data_off = 0;
	front.data_len = VMIRROR_MACS_LEN + tags->len;
	front.pkt_len = pkt->pkt_len + tags->len;
	front.nb_segs = pkt->nb_segs + 1;
	front.next = &rest;

	return vmirror_filter_match(filter, &front);
}

struct rte_mbuf *
vmirror_packet_copy(const struct rte_mbuf *pkt, const struct vmirror_packet_tags *tags,
		    uint32_t snaplen, struct rte_mempool *pool)
{
	/* A snaplen that ends inside the tags keeps the addresses and cuts the rest off below. */
	uint32_t len = RTE_MAX(snaplen, (uint32_t)VMIRROR_MACS_LEN + tags->len) - tags->len;
	struct rte_mbuf *copy;
	char *start;

	/* DPDK has no copy of nothing. */
	copy = pkt->pkt_len > 0 ? rte_pktmbuf_copy(pkt, pool, 0, len) : rte_pktmbuf_alloc(pool);

	if (copy == NULL)
		return NULL;
	if (tags->len > 0) {
		start = rte_pktmbuf_prepend(copy, tags->len);
		memmove(start, start + tags->len, VMIRROR_MACS_LEN);
		memcpy(start + VMIRROR_MACS_LEN, tags->bytes, tags->len);
	}
	if (copy->pkt_len > snaplen)
		rte_pktmbuf_trim(copy, copy->pkt_len - snaplen);
	return copy;
}
