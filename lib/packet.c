/* SPDX-License-Identifier: BSD-3-Clause */

/* Putting VLAN tags back, for filters and for copies. Runs on the forwarding core (inline.c). */

#include "lib/packet.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

/* Bytes before the first tag: the two addresses. */
#define MACS_LEN (2 * RTE_ETHER_ADDR_LEN)

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
vmirror_packet_match(const struct vmirror_filter *filter, struct rte_mbuf *pkt,
		     const struct vmirror_packet_tags *tags)
{
	uint8_t head[MACS_LEN + VMIRROR_TAGS_SIZE];
	struct rte_mbuf front;
	struct rte_mbuf rest;

	memcpy(head, rte_pktmbuf_mtod(pkt, const void *), MACS_LEN);
	memcpy(head + MACS_LEN, tags->bytes, tags->len);

	rest = *pkt;
	rest.data_off += MACS_LEN;
	rest.data_len -= MACS_LEN;

	front = *pkt;
	front.buf_addr = head;
	front.buf_len = sizeof(head);
	front.data_off = 0;
	front.data_len = MACS_LEN + tags->len;
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
	uint32_t len = RTE_MAX(snaplen, (uint32_t)MACS_LEN + tags->len) - tags->len;
	struct rte_mbuf *copy = rte_pktmbuf_copy(pkt, pool, 0, len);
	char *start;

	if (copy == NULL)
		return NULL;
	if (tags->len > 0) {
		start = rte_pktmbuf_prepend(copy, tags->len);
		memmove(start, start + tags->len, MACS_LEN);
		memcpy(start + MACS_LEN, tags->bytes, tags->len);
	}
	if (copy->pkt_len > snaplen)
		rte_pktmbuf_trim(copy, copy->pkt_len - snaplen);
	return copy;
}
