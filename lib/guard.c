/* SPDX-License-Identifier: BSD-3-Clause */

/* The control side of guard=; inline.c and ring_hook.c time themselves. */

#include "lib/guard.h"

#include <stddef.h>

#include <rte_common.h>

/* One burst in more than so many is as good as none. */
#define MOST (1u << 20)

/* A look that comes sooner after the last one says too little. */
#define SOONEST_S 0.02

/* One look may have seen a core that was interrupted inside a hook; two in a row are believed. */
#define HOT 2

/* Where twice as many bursts would be this part of what is allowed, for so many looks, they are. */
#define CHEAP 0.8
#define LOOKS 10

void
vmirror_guard_init(struct vmirror_guard *guard, uint32_t percent)
{
	*guard = (struct vmirror_guard){.percent = percent, .one_in = 1};
}

void
vmirror_guard_add(struct vmirror_guard *guard, struct vmirror_guard_hook *hook)
{
	*hook = (struct vmirror_guard_hook){
		.next = guard->hooks,
		.one_in = guard->one_in,
	};
	guard->hooks = hook;
}

/* What the hooks that a thread ran took since the last look. */
static uint64_t
cycles_of(const struct vmirror_guard *guard, pthread_t thread)
{
	const struct vmirror_guard_hook *hook;
	uint64_t sum = 0;

	for (hook = guard->hooks; hook != NULL; hook = hook->next)
		if (__atomic_load_n(&hook->thread, __ATOMIC_RELAXED) == thread)
			sum += hook->cycles_more;
	return sum;
}

/* Of the thread that paid most. */
static uint64_t
cycles_of_most(struct vmirror_guard *guard)
{
	struct vmirror_guard_hook *hook;
	uint64_t most = 0;

	for (hook = guard->hooks; hook != NULL; hook = hook->next)
		if (hook->cycles_more > 0)
			most = RTE_MAX(most, cycles_of(guard, __atomic_load_n(&hook->thread,
									      __ATOMIC_RELAXED)));
	return most;
}

static void
look(struct vmirror_guard *guard)
{
	struct vmirror_guard_hook *hook;

	for (hook = guard->hooks; hook != NULL; hook = hook->next) {
		uint64_t cycles = __atomic_load_n(&hook->cycles, __ATOMIC_RELAXED);

		hook->cycles_more = cycles - hook->cycles_seen;
		hook->cycles_seen = cycles;
	}
}

/* So few bursts that the cost would be less than what is allowed, at the least twice as few. */
static uint32_t
fewer(const struct vmirror_guard *guard)
{
	double exact = guard->one_in * guard->share / guard->percent;
	uint32_t one_in = exact < MOST ? (uint32_t)exact + 1 : MOST;

	if (one_in < 2 * guard->one_in)
		one_in = 2 * guard->one_in;
	return RTE_MIN(one_in, MOST);
}

/* What follows from a share. */
static void
adapt(struct vmirror_guard *guard)
{
	bool hot = guard->share > guard->percent;
	bool calm = guard->one_in > 1 && 2 * guard->share < CHEAP * guard->percent;

	guard->hot = hot ? guard->hot + 1 : 0;
	guard->calm = calm ? guard->calm + 1 : 0;
	if (guard->hot == HOT) {
		guard->one_in = fewer(guard);
		guard->hot = 0;
	} else if (guard->calm == LOOKS) {
		guard->one_in /= 2;
		guard->calm = 0;
	}
}

void
vmirror_guard_look(struct vmirror_guard *guard)
{
	uint64_t before = guard->last_tsc, now = rte_rdtsc();
	uint32_t one_in = guard->one_in;
	struct vmirror_guard_hook *hook;

	if (guard->percent == 0 || now - before < SOONEST_S * (double)rte_get_tsc_hz())
		return;
	look(guard);
	guard->last_tsc = rte_rdtsc(); /* after the look, if this thread is interrupted */
	if (before == 0)
		return;
	guard->share = 100.0 * (double)cycles_of_most(guard) / (double)(guard->last_tsc - before);
	adapt(guard);
	if (guard->one_in == one_in)
		return;
	for (hook = guard->hooks; hook != NULL; hook = hook->next)
		__atomic_store_n(&hook->one_in, guard->one_in, __ATOMIC_RELAXED);
}
