/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_RING_HOOK_H
#define LIB_RING_HOOK_H

/*
 * mode=ring: the forwarding core copies the packet into a ring of its own, one for each queue and
 * direction of each mirror. Everything slow is the drain's. mode=recorder: the same, but what is
 * oldest makes room, and a packet may be the trigger of a snapshot.
 */

#include <stdbool.h>

#include "lib/dispatch.h"
#include "lib/guard.h"
#include "lib/hold.h"
#include "lib/limit.h"
#include "lib/path.h"
#include "lib/recorder.h"
#include "lib/repeat.h"
#include "lib/ring.h"
#include "lib/tally.h"

/** One hook: this mirror on one queue of one port in one direction. */
struct vmirror_ring_hook {
	struct vmirror_dispatch_hook hook;
	const struct vmirror_path *path;
	struct vmirror_ring *ring;
	struct vmirror_tally *tally;
	struct vmirror_limit_hook *limit;     /**< NULL: every packet that matches */
	struct vmirror_guard_hook *guard;     /**< NULL: none */
	struct vmirror_hold *hold;            /**< NULL: every packet is copied; set after init */
	struct vmirror_recorder *recorder;    /**< NULL: mode=ring; set after init, as the next */
	const struct vmirror_filter *trigger; /**< NULL: none */
	/** Of a packet that matched it, until a snapshot shows it; 0: none has. The core writes. */
	uint64_t triggered_tsc;
	bool is_tx;
	unsigned int bursts;          /**< the core's */
	struct vmirror_repeat repeat; /**< tx; the core's */
};

void
vmirror_ring_hook_init(struct vmirror_ring_hook *hook, const struct vmirror_path *path,
		       struct vmirror_ring *ring, struct vmirror_tally *tally,
		       struct vmirror_limit_hook *limit, struct vmirror_guard_hook *guard,
		       bool is_tx);

/** Nobody fills the ring any more: no core is to be kept clear for that. No core is inside. */
void
vmirror_ring_hook_idle(struct vmirror_ring_hook *hook);

#endif
