/* SPDX-License-Identifier: BSD-3-Clause */

/* Mempools, and those that wait for their last mbufs. mirror.c and sink.c make and release them. */

#include "lib/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "lib/shared.h"

struct parked {
	SLIST_ENTRY(parked) next;
	struct rte_mempool *pool;
};

static SLIST_HEAD(, parked) parked_pools = SLIST_HEAD_INITIALIZER(parked_pools);

/* What rte_pktmbuf_pool_create() has no flag for. @return 0, or -errno */
static int
fill_packed(struct rte_mempool *pool, uint16_t data_room)
{
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = data_room};
	int ret = rte_mempool_set_ops_byname(pool, "ring_mp_sc", NULL);

	if (ret != 0)
		return ret;
	rte_pktmbuf_pool_init(pool, &priv);
	ret = rte_mempool_populate_default(pool);
	if (ret < 0)
		return ret;
	if (pool->nb_mem_chunks != 1)
		return -ENOMEM;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return 0;
}

static struct rte_mempool *
create_packed(const char *name, uint32_t n, uint16_t data_room, int socket)
{
	struct rte_mempool *pool;
	int ret;

	pool = rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + data_room, 0,
					sizeof(struct rte_pktmbuf_pool_private), socket,
					RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (pool == NULL)
		return NULL;
	ret = fill_packed(pool, data_room);
	if (ret == 0)
		return pool;
	rte_mempool_free(pool);
	rte_errno = -ret;
	return NULL;
}

struct rte_mempool *
vmirror_pool_create(uint32_t n, uint16_t data_room, int socket, enum vmirror_pool_use use)
{
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "vmirror_%u", serial++);
	if (use == VMIRROR_POOL_PACKED)
		return create_packed(name, n, data_room, socket);
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

void
vmirror_pool_drop(struct rte_mempool *pool)
{
	if (!vmirror_shared.eal_gone)
		rte_mempool_free(pool);
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
