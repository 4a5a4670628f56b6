/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_HOLD_H
#define LIB_HOLD_H

/*
 * reference=: packets on their way out that a forwarding core does not copy. It takes a reference to
 * the mbuf, the drain reads the bytes where they lie, and at one of its next bursts the core gives
 * the reference back. Nobody else does while there is a hook: the host's mempools see those threads
 * alone that they know. To the host it is as if the port's tx ring were longer.
 *
 * Who does what:
 *   vmirror_hold_takes(), _take(), _give_back()   the forwarding core
 *   _done is stored by the drain                  when it has read the bytes of so many
 *   the others                                    control, hook lock; _return_all() with no hook
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

/** That one queue may hold: as many as a tx ring has descriptors. Power of two. */
#define VMIRROR_HOLD_PKTS 4096

/** Of a mempool, all that are held may be no more than one in so many. */
#define VMIRROR_HOLD_SHARE 8

struct vmirror_hold {
	/* The core's. */
	uint64_t taken; /**< the drain looks how many they are */
	uint64_t returned;

	/* Control's; the core reads. */
	uint32_t min_len; /**< bytes to be kept of a packet for which it is worth it */
	bool allowed;     /**< as long as the port's driver looks at references */
	uint64_t pools;   /**< a bit for each kind of mempool that any thread may return to */

	struct rte_mbuf *pkts[VMIRROR_HOLD_PKTS];

	/* The drain's. */
	uint64_t done __attribute__((aligned(64)));
} __attribute__((aligned(64)));

/** How many of them there are in the process, who share each mempool. Control adds; cores read. */
extern unsigned int vmirror_hold_count;

/** @param min_len  bytes to be kept of a packet from which on it is held. @return NULL: no memory */
struct vmirror_hold *
vmirror_hold_create(uint32_t min_len);

/** All was returned, or EAL's memory is gone. Takes NULL. */
void
vmirror_hold_destroy(struct vmirror_hold *hold);

static inline void
vmirror_hold_allow(struct vmirror_hold *hold, bool allowed)
{
	__atomic_store_n(&hold->allowed, allowed, __ATOMIC_RELAXED);
}

/** Whether all that the drain was shown was read, and control may return it. */
static inline bool
vmirror_hold_is_done(const struct vmirror_hold *hold)
{
	return __atomic_load_n(&hold->done, __ATOMIC_ACQUIRE) == hold->taken;
}

/** References that are out. */
static inline uint64_t
vmirror_hold_out(const struct vmirror_hold *hold)
{
	return hold->taken - hold->returned;
}

/** Return what the drain has read, with no core inside the hook. */
void
vmirror_hold_return_all(struct vmirror_hold *hold);

/** Return so many of those. */
void
vmirror_hold_return(struct vmirror_hold *hold, uint64_t n);

/** Return some: more than may be taken of this burst, so that it is caught up with. */
static inline void
vmirror_hold_give_back(struct vmirror_hold *hold, uint16_t n_pkts)
{
	/* Pairs with the drain's store: it has read the bytes. */
	uint64_t n = __atomic_load_n(&hold->done, __ATOMIC_ACQUIRE) - hold->returned;

	if (n > 0)
		vmirror_hold_return(hold, RTE_MIN(n, UINT64_C(64) + 2 * n_pkts));
}

/**
 * Whether a packet may be held: nobody else has a share in it, so that what its bytes are is settled
 * when the core is done with it, and the reference is had without an atomic operation.
 *
 * @param len  bytes to be kept of it
 */
static inline bool
vmirror_hold_takes(const struct vmirror_hold *hold, const struct rte_mbuf *pkt, uint32_t len)
{
	const struct rte_mempool *pool = pkt->pool;
	uint64_t out = vmirror_hold_out(hold);
	uint64_t share = VMIRROR_HOLD_SHARE;

	if (len < hold->min_len || !__atomic_load_n(&hold->allowed, __ATOMIC_RELAXED))
		return false;
	share *= __atomic_load_n(&vmirror_hold_count, __ATOMIC_RELAXED);
	return pkt->nb_segs == 1 && RTE_MBUF_DIRECT(pkt) && rte_mbuf_refcnt_read(pkt) == 1 &&
	       out < VMIRROR_HOLD_PKTS && (hold->pools >> pool->ops_index & 1) != 0 &&
	       (out + 1) * share <= pool->size;
}

static inline void
vmirror_hold_take(struct vmirror_hold *hold, struct rte_mbuf *pkt)
{
	rte_mbuf_refcnt_update(pkt, 1);
	hold->pkts[hold->taken & (VMIRROR_HOLD_PKTS - 1)] = pkt;
	__atomic_store_n(&hold->taken, hold->taken + 1, __ATOMIC_RELAXED);
}

#endif
