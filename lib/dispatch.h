/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_DISPATCH_H
#define LIB_DISPATCH_H

/*
 * The dispatcher: what a queue's one permanent callback runs.
 *
 * ethdev can unlink a callback but cannot say when the last call of it has returned, and never
 * frees its record. So a callback of ours is added once per (port, queue, direction) and stays;
 * what comes and goes is the list of hooks behind it:
 *
 *     callback -> dispatcher -> immutable list of hooks -> hook -> …
 *
 * The control side makes a new list, publishes it, waits until no forwarding core can still be
 * reading the old one, and frees it.
 *
 * Who does what:
 *   vmirror_dispatch_burst()   the core that owns the queue, one at a time (or `shared`, below)
 *   everything else            the control side, under the engine's hook lock
 *
 * How the two agree without a fence on the forwarding core:
 *
 *     core                              control
 *     seq = odd                         hooks = new list
 *     (compiler barrier)                membarrier()
 *     list = hooks                      read seq: even -> nobody inside, or whoever enters next
 *     … run the hooks …                           sees the new list
 *     seq = even (release)                        odd  -> wait until seq changes (acquire)
 *
 * The store of seq must be visible before the load of hooks is done: a store-load order, which
 * the hardware does not keep by itself. membarrier(2)'s PRIVATE_EXPEDITED executes a full barrier
 * on every core that runs a thread of this process, which puts one between the two at the only
 * time it matters. Where the kernel has none, vmirror_dispatch_fence is set and the core fences.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct rte_mbuf;

/** Embedded in what wants to see packets; run is called on the forwarding core. */
struct vmirror_dispatch_hook {
	void (*run)(struct vmirror_dispatch_hook *hook, struct rte_mbuf *const *pkts,
		    uint16_t n_pkts);
};

/** Written once, before it is published; freed after the readers have left. */
struct vmirror_dispatch_list {
	unsigned int n_hooks;
	struct vmirror_dispatch_hook *hooks[];
};

/** One for each (port, queue, direction) that was ever hooked; never freed. */
struct vmirror_dispatcher {
	struct vmirror_dispatch_list *hooks; /* control writes, core reads; NULL: nothing to do */
	uint64_t seq;                        /* core writes, control reads; odd: core is inside */
	bool shared;    /* several cores may enter at once: they take the lock */
	bool installed; /* control side only: ethdev has the callback */
	bool asked;     /* control side only: shared is the port's own word */
	pthread_spinlock_t lock;
} __attribute__((aligned(64)));

/** True where membarrier(2) does not work: the cores then fence. Goes from false to true only. */
extern bool vmirror_dispatch_fence;

/** Find out about membarrier(2). Before the first dispatcher is made. */
void
vmirror_dispatch_init(void);

/** @return a dispatcher without hooks, NULL when memory is short */
struct vmirror_dispatcher *
vmirror_dispatcher_create(void);

/**
 * A change of several dispatchers' lists, all or none.
 *
 * add() and del() only prepare; commit() publishes and returns when no core reads an old list any
 * more, so that a deleted hook may be freed; it cannot fail. abort() forgets what was prepared.
 * A dispatcher stands in a change once.
 */
struct vmirror_dispatch_change {
	struct vmirror_dispatch_edit *edits;
	unsigned int n_edits;
	unsigned int room;
};

/** @return 0 or -ENOMEM */
int
vmirror_dispatch_add(struct vmirror_dispatch_change *change, struct vmirror_dispatcher *d,
		     struct vmirror_dispatch_hook *hook);

/** Of a hook that is not there: nothing happens. @return 0 or -ENOMEM */
int
vmirror_dispatch_del(struct vmirror_dispatch_change *change, struct vmirror_dispatcher *d,
		     struct vmirror_dispatch_hook *hook);

void
vmirror_dispatch_commit(struct vmirror_dispatch_change *change);

void
vmirror_dispatch_abort(struct vmirror_dispatch_change *change);

/**
 * In a child of fork(), on its only thread: what it forwards no hook sees. Locks that were held when
 * it was made are not taken; the list stays where it is, for somebody of the parent's may change it.
 */
void
vmirror_dispatch_silence(struct vmirror_dispatcher *d);

/** Wait until no core runs hooks that does not see what this thread has stored before. */
void
vmirror_dispatch_sync(const struct vmirror_dispatcher *d);

/* Out of line: where there is no hook, no register is saved for what is in here. */
static __attribute__((noinline)) void
vmirror_dispatch_enter(struct vmirror_dispatcher *d, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	struct vmirror_dispatch_list *list;
	uint64_t seq = __atomic_load_n(&d->seq, __ATOMIC_RELAXED);
	unsigned int i;

	__atomic_store_n(&d->seq, seq + 1, __ATOMIC_RELAXED);
	/* Pairs with barrier() in dispatch.c. */
	if (__builtin_expect(__atomic_load_n(&vmirror_dispatch_fence, __ATOMIC_RELAXED), 0))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	else
		__atomic_signal_fence(__ATOMIC_SEQ_CST);

	list = __atomic_load_n(&d->hooks, __ATOMIC_ACQUIRE);
	if (list != NULL)
		for (i = 0; i < list->n_hooks; i++)
			list->hooks[i]->run(list->hooks[i], pkts, n_pkts);

	/* Pairs with the acquire in quiesce(): what the hooks did happened before their end. */
	__atomic_store_n(&d->seq, seq + 2, __ATOMIC_RELEASE);
}

/** Show a burst to the hooks. Costs a load and a branch when there is none. */
static inline void
vmirror_dispatch_burst(struct vmirror_dispatcher *d, struct rte_mbuf *const *pkts, uint16_t n_pkts)
{
	/*
	 * A look without entering: the list is read again inside, and not followed here. Acquire,
	 * because shared was set before the first list was published.
	 */
	if (__atomic_load_n(&d->hooks, __ATOMIC_ACQUIRE) == NULL || n_pkts == 0)
		return;

	if (__builtin_expect(__atomic_load_n(&d->shared, __ATOMIC_RELAXED), 0)) {
		pthread_spin_lock(&d->lock);
		vmirror_dispatch_enter(d, pkts, n_pkts);
		pthread_spin_unlock(&d->lock);
		return;
	}
	vmirror_dispatch_enter(d, pkts, n_pkts);
}

#endif
