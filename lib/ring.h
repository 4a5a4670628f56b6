/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_RING_H
#define LIB_RING_H

/*
 * A ring of bytes between one producer and one consumer. Its memory is mapped twice, one copy
 * behind the other, so that nothing in it ever wraps. It is not EAL's memory: it outlives
 * rte_eal_cleanup() and takes nothing of what the host gave to DPDK.
 *
 * Who does what:
 *   vmirror_ring_reserve(), _refresh(), _commit()    the producer
 *   vmirror_ring_readable(), _at(), _release()       the consumer
 *   vmirror_ring_used()                              any thread
 *
 * In mode=recorder nobody consumes: the producer gives up itself what is oldest (recorder.h).
 *
 * The producer writes what it has reserved and commits it all at once. It never waits: where there
 * is no room it is told so. Positions only grow; a position's place is its rest by the size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmirror_ring {
	uint8_t *base;              /**< size bytes, and the same ones again */
	uint64_t size;              /**< power of two */
	struct vmirror_ring *spare; /**< its maker's, until it is used */
	int node;                   /**< the maker's: for whom it was made */

	/* The producer's. */
	uint64_t head __attribute__((aligned(64))); /**< committed up to here; both read it */
	uint64_t next;                              /**< reserved up to here */
	uint64_t tail_seen;                         /**< the consumer's position, once */
	int cpu; /**< where the producer ran last; -1: it never did. The consumer may look */

	/* The consumer's. */
	uint64_t tail __attribute__((aligned(64))); /**< released up to here; both read it */
} __attribute__((aligned(64)));

/** The least and the most that a ring takes. */
#define VMIRROR_RING_MIN UINT64_C(65536)
#define VMIRROR_RING_MAX (UINT64_C(1) << 36)

/** The bytes that a ring asked for has: the next power of two, within the limits. */
uint64_t
vmirror_ring_bytes(uint64_t bytes);

/**
 * Make a ring; its pages are there, and none is faulted in later.
 *
 * @param bytes  rounded as vmirror_ring_bytes() has it
 * @param node   NUMA node to take them from, if it has as many; -1: any
 * @return       NULL: errno tells
 */
struct vmirror_ring *
vmirror_ring_create(uint64_t bytes, int node);

/** Nobody uses it any more. Takes NULL. */
void
vmirror_ring_destroy(struct vmirror_ring *ring);

/** Look again where the consumer is. */
static inline void
vmirror_ring_refresh(struct vmirror_ring *ring)
{
	/* Pairs with _release(): what was read there is overwritten only now. */
	ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
}

/** Bytes to write to, or NULL where there is no room for them as of the last look. */
static inline void *
vmirror_ring_reserve(struct vmirror_ring *ring, uint64_t bytes)
{
	uint64_t at = ring->next;

	if (__builtin_expect(at + bytes - ring->tail_seen > ring->size, 0))
		return NULL;
	ring->next = at + bytes;
	return ring->base + (at & (ring->size - 1));
}

/** Show the consumer all that was reserved, and written, since the last time. */
static inline void
vmirror_ring_commit(struct vmirror_ring *ring)
{
	__atomic_store_n(&ring->head, ring->next, __ATOMIC_RELEASE);
}

/** Where the committed bytes end. */
static inline uint64_t
vmirror_ring_readable(const struct vmirror_ring *ring)
{
	return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
}

/** What stands at a position between the tail and the end of what can be read. */
static inline const void *
vmirror_ring_at(const struct vmirror_ring *ring, uint64_t position)
{
	return ring->base + (position & (ring->size - 1));
}

/** The consumer's own position. */
static inline uint64_t
vmirror_ring_tail(const struct vmirror_ring *ring)
{
	return __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
}

/** Give back what stands before a position. */
static inline void
vmirror_ring_release(struct vmirror_ring *ring, uint64_t position)
{
	__atomic_store_n(&ring->tail, position, __ATOMIC_RELEASE);
}

/** Bytes committed and not released: of one moment, which is over when this returns. */
static inline uint64_t
vmirror_ring_used(const struct vmirror_ring *ring)
{
	/* Pairs with _release(): the head that is read next is not before what was released. */
	uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);

	/* A recorder may give up what its burst has not committed yet. */
	if (head - tail > UINT64_MAX / 2)
		return 0;
	/* And between the two looks the ring may have gone on by more than it holds. */
	return head - tail < ring->size ? head - tail : ring->size;
}

#endif
