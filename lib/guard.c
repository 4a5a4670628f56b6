/* SPDX-License-Identifier: BSD-3-Clause */

/* The control side of guard=; inline.c and ring_hook.c time themselves. */

#include "lib/guard.h"

#include <stddef.h>

/* One burst in more than so many is as good as none. */
#define MOST (1u << 20)

/* At so small a part of what is allowed, for so many looks, twice as many bursts are looked at. */
#define CHEAP 3
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
			sum += __atomic_load_n(&hook->cycles, __ATOMIC_RELAXED) - hook->cycles_seen;
	return sum;
}

/* Of the thread that paid most. */
static double
percent_of_time(struct vmirror_guard *guard, uint64_t elapsed)
{
	struct vmirror_guard_hook *hook;
	uint64_t most = 0;

	for (hook = guard->hooks; hook != NULL; hook = hook->next) {
		uint64_t sum = cycles_of(guard, __atomic_load_n(&hook->thread, __ATOMIC_RELAXED));

		if (sum > most)
			most = sum;
	}
	for (hook = guard->hooks; hook != NULL; hook = hook->next)
		hook->cycles_seen = __atomic_load_n(&hook->cycles, __ATOMIC_RELAXED);
	return 100.0 * (double)most / (double)elapsed;
}

/* So many bursts that the cost would be what is allowed, at the least twice as few. */
static uint32_t
fewer(const struct vmirror_guard *guard)
{
	double one_in = guard->one_in * guard->share / guard->percent;

	if (one_in < 2.0 * guard->one_in)
		one_in = 2.0 * guard->one_in;
	return one_in < MOST ? (uint32_t)one_in : MOST;
}

bool
vmirror_guard_look(struct vmirror_guard *guard, uint64_t now_tsc)
{
	uint64_t elapsed = now_tsc - guard->last_tsc;
	bool is_first = guard->last_tsc == 0;
	uint32_t before = guard->one_in;
	struct vmirror_guard_hook *hook;

	if (guard->percent == 0 || elapsed == 0)
		return false;
	guard->last_tsc = now_tsc;
	guard->share = percent_of_time(guard, elapsed);
	if (is_first)
		return false;
	if (guard->share > guard->percent) {
		guard->one_in = fewer(guard);
		guard->calm = 0;
	} else if (guard->one_in > 1 && guard->share * CHEAP < guard->percent) {
		if (++guard->calm == LOOKS) {
			guard->one_in /= 2;
			guard->calm = 0;
		}
	} else {
		guard->calm = 0;
	}
	if (guard->one_in == before)
		return false;
	for (hook = guard->hooks; hook != NULL; hook = hook->next)
		__atomic_store_n(&hook->one_in, guard->one_in, __ATOMIC_RELAXED);
	return true;
}
