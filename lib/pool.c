/* SPDX-License-Identifier: BSD-3-Clause */

/* Mempools, and those that wait for their last mbufs. mirror.c and sink.c make and release them. */

#include "lib/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "lib/shared.h"

struct parked {
	SLIST_ENTRY(parked) next;
	struct rte_mempool *pool;
};

static SLIST_HEAD(, parked) parked_pools = SLIST_HEAD_INITIALIZER(parked_pools);

struct rte_mempool *
vmirror_pool_create(uint32_t n, uint16_t data_room, int socket, enum vmirror_pool_use use)
{
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "vmirror_%u", serial++);
	/* No cache: the threads that use it need not be EAL's. */
	return rte_pktmbuf_pool_create_by_ops(name, n, 0, 0, data_room, socket,
					      use == VMIRROR_POOL_ONE ? "ring_sp_sc"
								      : "ring_mp_sc");
}

uint64_t
vmirror_pool_bytes(uint32_t n, uint16_t data_room)
{
	uint32_t elt = sizeof(struct rte_mbuf) + data_room;

	return (uint64_t)n * rte_mempool_calc_obj_size(elt, 0, NULL);
}

unsigned int
vmirror_pool_release(struct rte_mempool *pool)
{
	struct parked *parked;
	unsigned int out;

	if (pool == NULL || vmirror_shared.eal_gone)
		return 0;
	out = rte_mempool_in_use_count(pool);
	if (out == 0) {
		rte_mempool_free(pool);
		return 0;
	}
	/* Without memory for the note the pool stays for good: nobody else may be given its mbufs. */
	parked = malloc(sizeof(*parked));
	if (parked != NULL) {
		parked->pool = pool;
		SLIST_INSERT_HEAD(&parked_pools, parked, next);
	}
	return out;
}

unsigned int
vmirror_pool_sweep(void)
{
	struct parked *parked, *next;
	unsigned int out = 0;

	for (parked = SLIST_FIRST(&parked_pools); parked != NULL; parked = next) {
		unsigned int still = 0;

		next = SLIST_NEXT(parked, next);
		if (!vmirror_shared.eal_gone)
			still = rte_mempool_in_use_count(parked->pool);
		out += still;
		if (still > 0)
			continue;
		SLIST_REMOVE(&parked_pools, parked, parked, next);
		if (!vmirror_shared.eal_gone)
			rte_mempool_free(parked->pool);
		free(parked);
	}
	return out;
}
