/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_LIMIT_H
#define LIB_LIMIT_H

/*
 * Which of the packets that match are taken: one in so many (sample=), and no more than so many
 * packets and bits a second (max_pps=, max_bps=).
 *
 * The mirror's rate is one bucket, which the control side keeps: what time brings goes in, what the
 * hooks have taken goes out, and what is there is handed out to them by what each of them wanted.
 * A hook spends its own part, and shares nothing with other cores. While the bucket is not empty
 * every hook may take a packet, so that a lone one on a queue that was idle is not lost; that may be
 * more than there is, and is paid back.
 */

#include <stdbool.h>
#include <stdint.h>

/** What one hook takes of one rate. */
struct vmirror_limit_meter {
	uint64_t until;  /**< as far as it may take; control writes, the core reads */
	uint64_t taken;  /**< the core writes, control reads */
	uint64_t wanted; /**< taken, or left out for the rate; the same */

	/* Control's. */
	uint64_t taken_seen; /**< at the last look */
	uint64_t wanted_seen;
	uint64_t demand;
	uint64_t share;
};

/** A mirror's rates. */
enum vmirror_limit_rate {
	VMIRROR_LIMIT_PKTS,
	VMIRROR_LIMIT_BITS,
	VMIRROR_LIMIT_RATES,
};

/** A hook's part: the forwarding core's, but for the meters' grants. */
struct vmirror_limit_hook {
	struct vmirror_limit_hook *next;
	uint32_t sample; /**< 0: every packet */
	uint32_t skip;   /**< packets to be left out before the next is taken */
	uint64_t random;
	struct vmirror_limit_meter meters[VMIRROR_LIMIT_RATES];
};

/** A mirror's limits. Control lock. */
struct vmirror_limit {
	uint32_t sample;
	uint64_t rates[VMIRROR_LIMIT_RATES]; /**< a second; 0: no limit */
	double content[VMIRROR_LIMIT_RATES]; /**< of the buckets; below zero: owed */
	uint64_t last_ns;
	struct vmirror_limit_hook *hooks;
};

/** @param sample, pps, bps  0: no limit */
void
vmirror_limit_init(struct vmirror_limit *limit, uint32_t sample, uint64_t pps, uint64_t bps);

/** Whether there is anything to limit. */
static inline bool
vmirror_limit_any(const struct vmirror_limit *limit)
{
	return limit->sample != 0 || limit->rates[VMIRROR_LIMIT_PKTS] != 0 ||
	       limit->rates[VMIRROR_LIMIT_BITS] != 0;
}

/** A hook more, before it runs. It is never taken off again. */
void
vmirror_limit_add(struct vmirror_limit *limit, struct vmirror_limit_hook *hook);

/** Hand out what time has brought since the last call. @param now_ns  of any clock that goes on */
void
vmirror_limit_grant(struct vmirror_limit *limit, uint64_t now_ns);

/** How many packets to leave out until the next is taken, one in hook->sample on average. */
uint32_t
vmirror_limit_draw(struct vmirror_limit_hook *hook);

static inline bool
vmirror_limit_allows(const struct vmirror_limit_meter *meter)
{
	return meter->taken < __atomic_load_n(&meter->until, __ATOMIC_RELAXED);
}

static inline void
vmirror_limit_count(uint64_t *number, uint64_t n)
{
	__atomic_store_n(number, *number + n, __ATOMIC_RELAXED);
}

/**
 * Whether a packet is taken. The forwarding core.
 *
 * @param bytes  that are kept of it
 */
static inline bool
vmirror_limit_takes(struct vmirror_limit_hook *hook, uint32_t bytes)
{
	struct vmirror_limit_meter *pkts = &hook->meters[VMIRROR_LIMIT_PKTS];
	struct vmirror_limit_meter *bits = &hook->meters[VMIRROR_LIMIT_BITS];

	if (hook->sample != 0) {
		if (hook->skip > 0) {
			hook->skip--;
			return false;
		}
		hook->skip = vmirror_limit_draw(hook);
	}
	vmirror_limit_count(&pkts->wanted, 1);
	vmirror_limit_count(&bits->wanted, (uint64_t)bytes * 8);
	if (!vmirror_limit_allows(pkts) || !vmirror_limit_allows(bits))
		return false;
	vmirror_limit_count(&pkts->taken, 1);
	vmirror_limit_count(&bits->taken, (uint64_t)bytes * 8);
	return true;
}

#endif
