/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_INLINE_H
#define LIB_INLINE_H

/*
 * mode=inline: the forwarding core itself clones the packet from the mirror's mempool and hands
 * the clone to the sink's vdev. Simple, in order, exact in time, and as slow as the vdev's PMD.
 *
 * A vdev's tx queue serves one core at a time. Cores that meet at one sink take turns at a lock,
 * which also covers the mempool (a plain single-producer, single-consumer ring) and the count.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/dispatch.h"
#include "lib/sink.h"
#include "lib/tally.h"

struct rte_mempool;
struct vmirror_filter;

enum vmirror_inline_gate {
	VMIRROR_GATE_OPEN,
	VMIRROR_GATE_SINK_LOST,   /**< as below, until another takes its place */
	VMIRROR_GATE_SINK_FAILED, /**< packets are counted as rejected and the sink is left alone */
	VMIRROR_GATE_ENDED,       /**< packets are not looked at any more */
};

/**
 * What the hooks of one mirror share. The first part is fixed before the first hook runs; the sink's
 * changes while the gate is shut and no core is inside (limits.max_frame at any time).
 */
struct vmirror_inline {
	const struct vmirror_filter *filter; /**< NULL: every packet */
	struct rte_mempool *pool;
	uint32_t snaplen; /**< UINT32_MAX: all */
	bool copy;        /**< the sink is given copies, not clones */

	uint16_t sink_port;
	struct vmirror_sink_limits limits;

	enum vmirror_inline_gate gate; /**< control and cores write, cores read */

	/* Cores only: a control thread that is preempted must not hold what cores wait for. */
	pthread_spinlock_t lock __attribute__((aligned(64)));
	uint64_t budget;                  /**< packets left to capture; under the lock */
	uint64_t seq;                     /**< odd while fed and the tallies are being changed */
	struct vmirror_sink_progress fed; /**< written under the lock, read by control */
};

/** The end of a burst, by which its repetition is known. */
struct vmirror_inline_tail {
	const struct rte_mbuf *pkt;
	uint64_t print;  /**< of its length and first bytes */
	uint16_t n_pkts; /**< of the burst */
};

/** One hook: this mirror on one queue of one port in one direction. */
struct vmirror_inline_hook {
	struct vmirror_dispatch_hook hook;
	struct vmirror_inline *path;
	struct vmirror_tally *tally;
	bool is_tx;
	struct vmirror_inline_tail tail; /**< tx: of the last burst; the core's */
};

void
vmirror_inline_hook_init(struct vmirror_inline_hook *hook, struct vmirror_inline *path,
			 struct vmirror_tally *tally, bool is_tx);

/**
 * Control side, while cores run: read what the sink has been fed, and with it the tallies of the
 * mirror's hooks, such that they agree.
 *
 * @param read  called with arg for the tallies, again when a core came in between
 * @return      false when cores came in between each time; then nothing that was read counts
 */
bool
vmirror_inline_read_fed(const struct vmirror_inline *path, struct vmirror_sink_progress *fed,
			void (*read)(void *arg), void *arg);

/** Close the gate further; opens nothing. Control side, while cores run. */
void
vmirror_inline_close_gate(struct vmirror_inline *path, enum vmirror_inline_gate gate);

/** Open a gate that is shut because the sink was lost. What the path knows of it is published. */
void
vmirror_inline_open_gate(struct vmirror_inline *path);

/** Change the sink's limit on frames while cores run. */
void
vmirror_inline_set_max_frame(struct vmirror_inline *path, uint32_t max_frame);

#endif
