/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_POOL_H
#define LIB_POOL_H

/*
 * Mempools of a mirror. One cannot be freed while somebody holds an mbuf of it: a reader behind a
 * net_ring, a driver that lost its peer. Such a pool is parked, and freed by a later sweep.
 *
 * Control lock, a host's thread.
 */

#include <stdbool.h>
#include <stdint.h>

struct rte_mempool;

/** How the mbufs of a pool come back. */
enum vmirror_pool_use {
	VMIRROR_POOL_ONE,    /**< taken and given back by one thread at a time */
	VMIRROR_POOL_SHARED, /**< taken by one, given back by anybody */
	/**
	 * As that; and one mbuf lies directly behind the other, in one piece of memory, across
	 * pages too: a driver counts on it that hands the whole of it to the kernel.
	 */
	VMIRROR_POOL_PACKED,
};

/** @param data_room  bytes of each mbuf, headroom included. @return NULL: rte_errno tells */
struct rte_mempool *
vmirror_pool_create(uint32_t n, uint16_t data_room, int socket, enum vmirror_pool_use use);

/** Bytes that such a pool takes. */
uint64_t
vmirror_pool_bytes(uint32_t n, uint16_t data_room);

/**
 * Free a pool, or park it. Takes NULL. After rte_eal_cleanup() the memory is gone already and
 * nothing is done.
 *
 * @return mbufs that are still out
 */
unsigned int
vmirror_pool_release(struct rte_mempool *pool);

/** Free a pool whose missing mbufs only a driver had that is gone. Takes NULL. */
void
vmirror_pool_drop(struct rte_mempool *pool);

/** Free what was parked and is whole again. @return mbufs still out, of all pools */
unsigned int
vmirror_pool_sweep(void);

#endif
