/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control side of sampling and of rate limits; inline.c and ring_hook.c ask on the forwarding
 * cores. Knows nothing of DPDK, so that it can be tested with a clock of the test's own.
 */

#include "lib/limit.h"

#include <stddef.h>

/* What a bucket holds at the most, in parts of a second: bursts pass that are not longer. */
#define HOLDS_S 0.1

/* Granted to every hook while there is anything: one packet, and the bits of it that come first. */
#define LEAST 1

/* Of what a hook wanted, so much is forgotten at a time. */
#define FORGETS 64

void
vmirror_limit_init(struct vmirror_limit *limit, uint32_t sample, uint64_t pps, uint64_t bps)
{
	*limit = (struct vmirror_limit){
		.sample = sample,
		.rates = {[VMIRROR_LIMIT_PKTS] = pps, [VMIRROR_LIMIT_BITS] = bps},
	};
}

/* splitmix64 [Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014] */
static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/*
 * From 0 to 2 * (sample - 1), each as likely: traffic with a period of its own is not sampled in step
 * with it, and nothing is drawn for the packets between.
 */
uint32_t
vmirror_limit_draw(struct vmirror_limit_hook *hook)
{
	uint64_t n = 2 * ((uint64_t)hook->sample - 1) + 1;

	return (uint32_t)(((draw(&hook->random) >> 32) * n) >> 32);
}

void
vmirror_limit_add(struct vmirror_limit *limit, struct vmirror_limit_hook *hook)
{
	unsigned int i;

	*hook = (struct vmirror_limit_hook){
		.next = limit->hooks,
		.sample = limit->sample,
		.random = (uintptr_t)hook,
	};
	for (i = 0; i < VMIRROR_LIMIT_RATES; i++)
		hook->meters[i].until = limit->rates[i] != 0 ? LEAST : UINT64_MAX;
	if (hook->sample != 0) /* anywhere in the first so many */
		hook->skip = (uint32_t)(draw(&hook->random) % hook->sample);
	limit->hooks = hook;
}

/* What the core has counted since the last look. */
static uint64_t
look(const uint64_t *number, uint64_t *seen)
{
	uint64_t now = __atomic_load_n(number, __ATOMIC_RELAXED);
	uint64_t more = now - *seen;

	*seen = now;
	return more;
}

/*
 * Divide: nobody gets more than was wanted while another wants more, and what nobody wanted is
 * spread evenly.
 */
static void
divide(struct vmirror_limit_hook *hooks, enum vmirror_limit_rate rate, uint64_t content)
{
	struct vmirror_limit_hook *hook;
	struct vmirror_limit_meter *m;
	uint64_t left = content, unmet = 0, n = 0;

	for (hook = hooks; hook != NULL; hook = hook->next) {
		m = &hook->meters[rate];
		m->share = 0;
		unmet += m->demand > 0;
		n++;
	}
	while (unmet > 0 && left >= unmet) {
		uint64_t each = left / unmet;

		for (hook = hooks; hook != NULL; hook = hook->next) {
			uint64_t lacks, more;

			m = &hook->meters[rate];
			lacks = m->demand - m->share;
			more = lacks < each ? lacks : each;
			unmet -= lacks > 0 && more == lacks;
			m->share += more;
			left -= more;
		}
	}
	for (hook = hooks; hook != NULL && unmet == 0; hook = hook->next)
		hook->meters[rate].share += left / n;
}

/* Time goes into the bucket, what was taken comes out, the rest is handed out. */
static void
grant(struct vmirror_limit *limit, enum vmirror_limit_rate rate, double seconds)
{
	double most = (double)limit->rates[rate] * HOLDS_S + LEAST;
	double content = limit->content[rate] + (double)limit->rates[rate] * seconds;
	struct vmirror_limit_hook *hook;
	struct vmirror_limit_meter *m;
	uint64_t wanted;

	for (hook = limit->hooks; hook != NULL; hook = hook->next) {
		m = &hook->meters[rate];
		content -= (double)look(&m->taken, &m->taken_seen);
		wanted = look(&m->wanted, &m->wanted_seen);
		/* What comes in bursts is wanted again: it is forgotten within seconds. */
		m->demand -= (m->demand + FORGETS - 1) / FORGETS;
		if (m->demand < wanted)
			m->demand = wanted;
	}
	if (content > most)
		content = most;
	limit->content[rate] = content;
	divide(limit->hooks, rate, content > 0 ? (uint64_t)content : 0);
	for (hook = limit->hooks; hook != NULL; hook = hook->next) {
		uint64_t share;

		m = &hook->meters[rate];
		share = m->share > LEAST ? m->share : LEAST;
		if (content < LEAST)
			share = 0;
		__atomic_store_n(&m->until, m->taken_seen + share, __ATOMIC_RELAXED);
	}
}

void
vmirror_limit_grant(struct vmirror_limit *limit, uint64_t now_ns)
{
	double seconds = limit->last_ns == 0 ? 0 : (double)(now_ns - limit->last_ns) / 1e9;
	unsigned int i;

	limit->last_ns = now_ns;
	for (i = 0; i < VMIRROR_LIMIT_RATES; i++)
		if (limit->rates[i] != 0)
			grant(limit, i, seconds);
}
