/* SPDX-License-Identifier: BSD-3-Clause */

/* Making mbufs of a ring's entries, on the drain's thread. */

#include "lib/unpack.h"

#include <string.h>

#include <rte_ether.h>

#include "lib/packet.h"

/* Nobody frees what is lent: the drain itself has a share in it. */
static void
keep_lent(void *addr, void *opaque)
{
}

/* The bytes where they lie. */
static void
lend(struct vmirror_unpack *unpack, const struct vmirror_entry *entry, struct rte_mbuf *own)
{
	rte_mbuf_ext_refcnt_update(&unpack->lent, 1);
	rte_pktmbuf_attach_extbuf(own, (void *)(uintptr_t)vmirror_entry_bytes(entry), RTE_BAD_IOVA,
				  (uint16_t)entry->len, &unpack->lent);
	own->data_len = (uint16_t)entry->len;
}

/* The bytes into as many segments as they need. @return false when the pool has too few */
static bool
copy(struct rte_mempool *pool, const struct vmirror_entry *entry, struct rte_mbuf *head)
{
	const uint8_t *bytes = vmirror_entry_bytes(entry);
	struct rte_mbuf *last = head;
	uint32_t at = 0;

	for (;;) {
		uint32_t n = RTE_MIN(entry->len - at, (uint32_t)rte_pktmbuf_tailroom(last));

		memcpy(rte_pktmbuf_mtod(last, void *), bytes + at, n);
		last->data_len = (uint16_t)n;
		at += n;
		if (at == entry->len)
			return true;
		last->next = rte_pktmbuf_alloc(pool);
		if (last->next == NULL)
			return false;
		last = last->next;
		head->nb_segs++;
	}
}

struct rte_mbuf *
vmirror_unpack_entry(struct vmirror_unpack *unpack, const struct vmirror_entry *entry)
{
	struct rte_mbuf *own = rte_pktmbuf_alloc(*unpack->pool);

	if (own == NULL)
		return NULL;
	if (unpack->lends && entry->len <= UINT16_MAX) {
		lend(unpack, entry, own);
	} else if (!copy(*unpack->pool, entry, own)) {
		rte_pktmbuf_free(own);
		return NULL;
	}
	own->pkt_len = entry->len;
	own->ol_flags |= entry->flags & ~(uint32_t)VMIRROR_ENTRY_MARKS;
	own->packet_type = entry->type;
	own->port = entry->port;
	own->hash.rss = entry->hash;
	own->tso_segsz = entry->segsz;
	return own;
}

void
vmirror_unpack_init(struct vmirror_unpack *unpack, struct rte_mempool **pool, bool lends)
{
	*unpack = (struct vmirror_unpack){
		.pool = pool,
		.lends = lends,
		.lent = {.free_cb = keep_lent},
	};
	rte_mbuf_ext_refcnt_set(&unpack->lent, 1);
}

bool
vmirror_unpack_is_vlan(const struct vmirror_entry *entry)
{
	const uint8_t *bytes = vmirror_entry_bytes(entry);

	return entry->len >= RTE_ETHER_HDR_LEN && bytes[VMIRROR_MACS_LEN] == 0x81 &&
	       bytes[VMIRROR_MACS_LEN + 1] == 0x00;
}
