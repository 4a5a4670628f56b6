/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_WAIT_H
#define APP_WAIT_H

/*
 * How an lcore waits for packets without burning its core. After a spell of empty polls it sleeps:
 * on rx interrupts when each of its queues has them, else for a time that grows to a millisecond.
 *
 * The lcore that polls calls wait_traffic() or wait_idle() after every round; wait_init() and
 * wait_fini() are the main thread's, before and after.
 */

#include <stdbool.h>
#include <stdint.h>

struct unit;

struct wait {
	const struct unit *unit; /* whose queues are waited for */
	unsigned int n;
	int epfd; /* -1: no rx interrupts */
	bool never;
	bool can_arm; /* some driver has interrupts to switch on and off */
	bool armed;
	uint64_t spell_tsc;    /* length of the spell of empty polls */
	uint64_t idle_since;   /* TSC; 0: not idle */
	unsigned int sleep_us; /* next sleep, without rx interrupts */
	int timeout_ms;        /* next sleep, with them */
};

/**
 * @param unit, n    the queues; must outlive wait
 * @param interrupts whether all of their ports were configured for rx interrupts
 * @param never      never sleep
 */
void
wait_init(struct wait *wait, const struct unit *unit, unsigned int n, bool interrupts, bool never);

/** Give the interrupts back. The ports must not be stopped yet. Takes a zeroed one, too. */
void
wait_fini(struct wait *wait);

/** The last round brought nothing: perhaps sleep, for 10 ms at most. */
void
wait_idle(struct wait *wait);

void
wait_disarm(struct wait *wait);

/** The last round brought packets. */
static inline void
wait_traffic(struct wait *wait)
{
	if (wait->armed)
		wait_disarm(wait);
	wait->idle_since = 0;
}

#endif
