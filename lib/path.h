/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_PATH_H
#define LIB_PATH_H

/*
 * What everything that carries packets of one mirror shares: the filter, the sink that is fed, how
 * it was fed, and the gate that shuts it off.
 *
 * In mode=inline the forwarding cores feed the sink, taking turns at the lock; in mode=ring the
 * mirror's drain does, alone. Whoever feeds owns the mempool, the budget and the counts.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/sink.h"

struct rte_mbuf;
struct rte_mempool;
struct vmirror_filter;

enum vmirror_path_gate {
	VMIRROR_GATE_OPEN,
	VMIRROR_GATE_SINK_LOST,   /**< as below, until another takes its place */
	VMIRROR_GATE_SINK_FAILED, /**< packets are counted as rejected and the sink is left alone */
	VMIRROR_GATE_ENDED,       /**< packets are not looked at any more */
};

/**
 * The first part is fixed before the first hook runs; the sink's changes while the gate is shut and
 * nobody feeds it (limits.max_frame at any time).
 */
struct vmirror_path {
	const struct vmirror_filter *filter; /**< NULL: every packet */
	struct rte_mempool *pool;
	uint32_t snaplen; /**< UINT32_MAX: all */
	bool copy;        /**< the sink is given copies, not clones */

	struct vmirror_sink *sink; /**< NULL while there is none */
	uint16_t sink_port;
	struct vmirror_sink_limits limits;

	uint64_t shown_until; /**< TSC of a trigger's last snapshot; control writes, cores read */

	enum vmirror_path_gate gate; /**< control and whoever feeds write, cores read */

	/* mode=inline, cores only: a control thread that is preempted must not hold what they wait for. */
	pthread_spinlock_t lock __attribute__((aligned(64)));
	uint64_t budget;                  /**< packets left to capture */
	uint64_t budget_bytes;            /**< bytes left to keep of them; control reads */
	uint64_t seq;                     /**< odd while fed and the tallies are being changed */
	struct vmirror_sink_progress fed; /**< read by control */
};

/**
 * Control side, while packets pass: read what the sink has been fed, and with it the tallies of the
 * mirror's hooks, such that they agree.
 *
 * @param read  called with arg for the tallies, again when somebody fed in between
 * @return      false when somebody did each time; then nothing that was read counts
 */
bool
vmirror_path_read_fed(const struct vmirror_path *path, struct vmirror_sink_progress *fed,
		      void (*read)(void *arg), void *arg);

/** Close the gate further; opens nothing. Control side, while packets pass. */
void
vmirror_path_close_gate(struct vmirror_path *path, enum vmirror_path_gate gate);

/** Open a gate that is shut because the sink was lost. What the path knows of it is published. */
void
vmirror_path_open_gate(struct vmirror_path *path);

/** Change the sink's limit on frames while packets pass. */
void
vmirror_path_set_max_frame(struct vmirror_path *path, uint32_t max_frame);

/** Whether a frame of so many bytes is one that the driver may be given if it has a VLAN tag. */
static inline bool
vmirror_path_fits_tagged(const struct vmirror_path *path, uint32_t len)
{
	uint32_t most = __atomic_load_n(&path->limits.max_frame, __ATOMIC_RELAXED);

	return most == 0 || len <= most + path->limits.vlan_room;
}

/** Whether the driver may be given it in any case. */
static inline bool
vmirror_path_fits(const struct vmirror_path *path, uint32_t len)
{
	uint32_t most = __atomic_load_n(&path->limits.max_frame, __ATOMIC_RELAXED);

	return most == 0 || len <= most;
}

/** A packet was captured of which so much is kept: when the budget is 0 then, it was the last. */
static inline void
vmirror_path_spend(struct vmirror_path *path, uint64_t bytes)
{
	uint64_t left = path->budget_bytes > bytes ? path->budget_bytes - bytes : 0;

	path->budget--;
	if (path->budget_bytes == UINT64_MAX) /* no limit */
		return;
	__atomic_store_n(&path->budget_bytes, left, __ATOMIC_RELAXED);
	if (left == 0)
		path->budget = 0;
}

/** Prepare a frame that the driver is about to be given. @return bytes that the sink keeps of it */
uint32_t
vmirror_path_fit(const struct vmirror_path *path, struct rte_mbuf *own);

/**
 * Publish what the sink was fed, and with it tallies, so that vmirror_path_read_fed() sees all of
 * it or nothing: begin, tallies, end. Whoever feeds.
 */
static inline void
vmirror_path_begin_feed(struct vmirror_path *path)
{
	__atomic_store_n(&path->seq, path->seq + 1, __ATOMIC_RELAXED);
}

void
vmirror_path_end_feed(struct vmirror_path *path, const struct vmirror_sink_progress *more);

#endif
