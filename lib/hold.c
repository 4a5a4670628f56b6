/* SPDX-License-Identifier: BSD-3-Clause */

/* Packets that are held in place of a copy: ring_hook.c takes and gives back, attach.c owns. */

#include "lib/hold.h"

#include <stdlib.h>
#include <string.h>

/* Mbufs that are put into a mempool at a time. */
#define AT_ONCE 64

unsigned int vmirror_hold_count;

/*
 * The core that took references may never have another burst, and then it is another thread that
 * returns them: to a mempool that more than one may put into at a time, without a register of them.
 */
static uint64_t
pools_of_all_threads(void)
{
	static const char *const names[] = {
		"ring_mp_mc", "ring_mp_sc", "ring_mt_rts", "ring_mt_hts", "stack", "lf_stack",
	};
	uint64_t pools = 0;
	unsigned int i, k;

	for (i = 0; i < rte_mempool_ops_table.num_ops; i++)
		for (k = 0; k < RTE_DIM(names); k++)
			if (strcmp(rte_mempool_ops_table.ops[i].name, names[k]) == 0)
				pools |= UINT64_C(1) << i;
	return pools;
}

struct vmirror_hold *
vmirror_hold_create(uint32_t min_len)
{
	struct vmirror_hold *hold = aligned_alloc(64, sizeof(*hold));

	if (hold == NULL)
		return NULL;
	memset(hold, 0, sizeof(*hold));
	hold->min_len = min_len;
	hold->pools = pools_of_all_threads();
	__atomic_add_fetch(&vmirror_hold_count, 1, __ATOMIC_RELAXED);
	return hold;
}

void
vmirror_hold_destroy(struct vmirror_hold *hold)
{
	if (hold == NULL)
		return;
	__atomic_sub_fetch(&vmirror_hold_count, 1, __ATOMIC_RELAXED);
	free(hold);
}

/*
 * That one reference, and not what may hang on the packet by now: others may have made it the first of
 * several segments since.
 */
void
vmirror_hold_return(struct vmirror_hold *hold, uint64_t n)
{
	struct rte_mbuf *last[AT_ONCE];
	unsigned int n_last = 0;
	uint64_t end = hold->returned + n;

	for (; hold->returned != end; hold->returned++) {
		struct rte_mbuf *pkt = hold->pkts[hold->returned & (VMIRROR_HOLD_PKTS - 1)];

		pkt = rte_pktmbuf_prefree_seg(pkt);
		if (pkt == NULL)
			continue;
		if (n_last == AT_ONCE || (n_last > 0 && pkt->pool != last[0]->pool)) {
			rte_mempool_put_bulk(last[0]->pool, (void **)last, n_last);
			n_last = 0;
		}
		last[n_last++] = pkt;
	}
	if (n_last > 0)
		rte_mempool_put_bulk(last[0]->pool, (void **)last, n_last);
}

void
vmirror_hold_return_all(struct vmirror_hold *hold)
{
	uint64_t done = __atomic_load_n(&hold->done, __ATOMIC_ACQUIRE);

	vmirror_hold_return(hold, done - hold->returned);
}
