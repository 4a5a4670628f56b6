/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_GUARD_H
#define LIB_GUARD_H

/*
 * guard=: what a mirror costs a forwarding core stays below a share of the core's time. The hooks
 * time themselves; when those that one thread runs take more together, the mirror looks at one burst
 * in so many only, and at all of them again when that has become cheap. A burst that is left out is
 * not even filtered: nothing is cheaper.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_cycles.h>

/** A hook's part. */
struct vmirror_guard_hook {
	struct vmirror_guard_hook *next;
	uint32_t one_in; /**< control writes, the core reads */

	/* The core's. */
	uint32_t bursts; /**< since the last that was looked at */
	/* The core writes, control reads. */
	pthread_t thread; /**< that ran it last */
	uint64_t cycles;  /**< spent in it */

	/* Control's. */
	uint64_t cycles_seen; /**< at the last look */
	uint64_t cycles_more; /**< since the one before */
};

/** A mirror's. Control lock. */
struct vmirror_guard {
	uint32_t percent;  /**< 0: there is none */
	uint32_t one_in;   /**< bursts; 1: all are looked at */
	unsigned int calm; /**< looks in a row at which more would have been cheap enough */
	unsigned int hot;  /**< looks in a row at which it was too much */
	uint64_t last_tsc;
	double share; /**< of the thread that paid most, in per cent, at the last look */
	struct vmirror_guard_hook *hooks;
};

/** @param percent  0: none */
void
vmirror_guard_init(struct vmirror_guard *guard, uint32_t percent);

/** A hook more, before it runs. It is never taken off again. */
void
vmirror_guard_add(struct vmirror_guard *guard, struct vmirror_guard_hook *hook);

/** See what the hooks cost since the last look, and look at another part of the bursts if need be. */
void
vmirror_guard_look(struct vmirror_guard *guard);

/** Whether a burst is left out. The forwarding core, as the next. */
static inline bool
vmirror_guard_skips(struct vmirror_guard_hook *hook)
{
	if (++hook->bursts < __atomic_load_n(&hook->one_in, __ATOMIC_RELAXED))
		return true;
	hook->bursts = 0;
	return false;
}

/** @param begin_tsc  when the hook began with a burst */
static inline void
vmirror_guard_end(struct vmirror_guard_hook *hook, uint64_t begin_tsc)
{
	uint64_t cycles = hook->cycles + (rte_rdtsc() - begin_tsc);

	__atomic_store_n(&hook->thread, pthread_self(), __ATOMIC_RELAXED);
	__atomic_store_n(&hook->cycles, cycles, __ATOMIC_RELAXED);
}

#endif
