/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_UNPACK_H
#define LIB_UNPACK_H

/*
 * An mbuf for what stands in a ring (drain.c). A driver that is done with the bytes when
 * rte_eth_tx_burst() returns is lent them where they lie, in one segment however long they are; one
 * that holds what it gets is given a copy.
 */

#include <stdbool.h>

#include <rte_mbuf.h>

#include "lib/entry.h"

struct rte_mempool;

/** Whose bytes are lent: a share in them is always the lender's, so that nobody frees them. */
struct vmirror_unpack {
	struct rte_mempool **pool; /**< that mbufs are taken from, as it is then */
	bool lends;
	struct rte_mbuf_ext_shared_info lent;
};

void
vmirror_unpack_init(struct vmirror_unpack *unpack, struct rte_mempool **pool, bool lends);

/**
 * Where the bytes were lent, they are the mbuf's until it is freed.
 *
 * @return NULL when the pool has too few mbufs
 */
struct rte_mbuf *
vmirror_unpack_entry(struct vmirror_unpack *unpack, const struct vmirror_entry *entry);

/** Whether the frame begins with an 802.1Q tag. */
bool
vmirror_unpack_is_vlan(const struct vmirror_entry *entry);

#endif
