/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_INLINE_H
#define LIB_INLINE_H

/*
 * mode=inline: the forwarding core itself clones the packet from the mirror's mempool and hands
 * the clone to the sink's vdev. Simple, in order, exact in time, and as slow as the vdev's PMD.
 *
 * A vdev's tx queue serves one core at a time. Cores that meet at one sink take turns at the path's
 * lock, which also covers the mempool (a plain single-producer, single-consumer ring) and the count.
 */

#include <stdbool.h>

#include "lib/dispatch.h"
#include "lib/guard.h"
#include "lib/limit.h"
#include "lib/path.h"
#include "lib/repeat.h"
#include "lib/tally.h"

/** One hook: this mirror on one queue of one port in one direction. */
struct vmirror_inline_hook {
	struct vmirror_dispatch_hook hook;
	struct vmirror_path *path;
	struct vmirror_tally *tally;
	struct vmirror_limit_hook *limit; /**< NULL: every packet that matches */
	struct vmirror_guard_hook *guard; /**< NULL: none */
	bool is_tx;
	struct vmirror_repeat repeat; /**< tx; the core's */
};

void
vmirror_inline_hook_init(struct vmirror_inline_hook *hook, struct vmirror_path *path,
			 struct vmirror_tally *tally, struct vmirror_limit_hook *limit,
			 struct vmirror_guard_hook *guard, bool is_tx);

#endif
