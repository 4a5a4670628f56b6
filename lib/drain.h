/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_DRAIN_H
#define LIB_DRAIN_H

/*
 * mode=ring: the thread that takes packets out of a mirror's rings, in the order of their times, and
 * feeds the sink with them. One for each mirror, so that a slow sink holds up no other.
 *
 *     ring of queue 0 ─┐                ┌─▶ mbufs of the mirror's mempool ─▶ rte_eth_tx_burst()
 *     ring of queue 1 ─┼─▶ oldest first ┤     offer.c
 *     ring of queue 2 ─┘                └─▶ a sink that takes packets itself
 *                                             spool.c
 *
 * A packet is held back until others that were earlier can no longer come, unless their core was
 * interrupted for that long: those are late, delivered all the same, and counted.
 *
 * While nothing comes the thread sleeps, for half the latency at a time: no core can wake it, as
 * that would be a system call. While something does, until the rings are a quarter full.
 *
 * It runs on the cores that EAL leaves to control threads, less those on which packets were seen to
 * pass: Open vSwitch's, for one, are not EAL's. Unless none is left.
 *
 * In mode=recorder the thread sleeps until a snapshot is asked for, and then shows the sink what is
 * recorded, or a part of it (replay.c).
 *
 * Control lock: all functions but the thread's own; vmirror_drain_sync() also in ethdev's events.
 */

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/almanac.h"
#include "lib/clock.h"
#include "lib/merge.h"
#include "lib/path.h"
#include "lib/thread.h"
#include "lib/unpack.h"
#include "vmirror_error.h"

/** What of a recorder's rings is shown to a sink. */
struct vmirror_replay {
	uint64_t from_tsc;  /**< packets that passed before it are left out */
	uint64_t until_tsc; /**< and those after it */
	bool whole;         /**< all of them are in the rings, as far as they ever will be */
	/** That takes packets itself, and is this snapshot's alone; NULL: the mirror's own is fed */
	struct vmirror_sink *sink;
};

struct vmirror_drain {
	struct vmirror_path *path;
	struct vmirror_merge merge; /**< its rings */
	uint64_t latency_ns;
	bool spools; /**< the sink takes packets itself */
	struct vmirror_unpack unpack;

	vmirror_thread_t thread;
	bool running; /**< control lock */
	int core;     /**< that the thread is to run on; -1: none is asked for */

	pthread_mutex_t lock; /**< of what follows; a leaf, never held while the sink is fed */
	pthread_cond_t wake;  /**< the drain waits */
	pthread_cond_t idle;  /**< control waits */
	uint64_t asked;       /**< times that control asked for empty rings */
	uint64_t emptied;     /**< the last of them that was heeded */
	bool hurried;         /**< control asked for it, and does not wait */
	bool stop;
	bool ended;   /**< the thread did all that it had to do */
	bool replays; /**< mode=recorder: a snapshot was asked for, and is not done */
	struct vmirror_replay replay; /**< control writes it while there is none; but for whole */

	/* The drain's. */
	cpu_set_t allowed;  /**< cores that EAL gave its thread */
	cpu_set_t used;     /**< those that it is to run on */
	uint64_t placed_ns; /**< when it last looked where it runs */
	uint64_t seq;       /**< odd while it may use the sink; control reads */
	uint64_t looked_ns; /**< when it last looked what is there */
	struct vmirror_clock_reader clock;
	uint64_t last_tsc;      /**< of the newest packet delivered */
	uint64_t hold_tsc;      /**< how long a packet is held back */
	uint64_t keep_tsc;      /**< how long one waits for a sink that is stuck */
	unsigned int patience;  /**< how often a refused packet is offered again */
	uint64_t busy_since_ns; /**< a sink that takes packets itself; 0: it is not */
	uint64_t until_ns;     /**< then it has been waited for, if nothing may stay in the rings */
	bool gave_up;          /**< it was */
	bool aborts;           /**< it is not to complete its output; lock */
	uint64_t replayed;     /**< mode=recorder: how far it is, of all rings together */
	uint64_t moved_ns;     /**< and when that last changed */
	uint64_t noted_ns;     /**< when the time was noted */
	uint64_t last_time_ns; /**< of the packet before */
	bool moves;            /**< it went on, or has nothing to do */
	bool impatient;        /**< one packet was waited for in vain */
	struct vmirror_almanac *almanac; /**< mode=recorder */

	/* CLOCK_REALTIME of packets that the sink took, 0: none. The drain writes, control reads. */
	uint64_t first_ns; /**< of the oldest */
	uint64_t last_ns;  /**< of the newest */
};

/**
 * Fill in; there is no thread yet.
 *
 * @param latency_ns  within which a packet is to be with the sink
 * @param core        that the thread is to run on; -1: where it keeps off the forwarding cores
 * @param ops         the sink's driver's
 * @param records     mode=recorder
 * @return            0 or -ENOMEM
 */
int
vmirror_drain_init(struct vmirror_drain *drain, struct vmirror_path *path, uint64_t latency_ns,
		   int core, const struct vmirror_sink_ops *ops, bool records);

/** The thread was stopped. Takes one that is all zeroes. */
void
vmirror_drain_fini(struct vmirror_drain *drain);

/** On its core, or not at all. @return 0, or -errno with err set */
int
vmirror_drain_start(struct vmirror_drain *drain, struct vmirror_error *err);

/** Have the rings, which nobody fills any more, emptied and the thread ended, if there is one. */
void
vmirror_drain_end(struct vmirror_drain *drain);

/** Whether it has, and stopping it waits for nothing. Waits for so long at the most. */
bool
vmirror_drain_has_ended(struct vmirror_drain *drain, uint64_t ns);

/** Have it end, and wait for that. */
void
vmirror_drain_stop(struct vmirror_drain *drain);

/** The same before it has run: the sink, which never got a packet, is left as it is. */
void
vmirror_drain_abort(struct vmirror_drain *drain);

/** Wait until all that is in the rings now is with the sink, or counted as rejected. */
void
vmirror_drain_flush(struct vmirror_drain *drain);

/** Hold nothing back of what is in the rings now. Any thread; does not wait. */
void
vmirror_drain_hurry(struct vmirror_drain *drain);

/** For those who feed the sink on the drain's thread: offer.c, spool.c, replay.c. */
void
vmirror_drain_nap(uint64_t ns);

/** The time of a packet, in nanoseconds of CLOCK_REALTIME. */
uint64_t
vmirror_drain_time(struct vmirror_drain *drain, const struct vmirror_entry *entry);

/**
 * Show the sink all that is not after the horizon. While it is stuck, what is young enough stays in the
 * rings, unless it is the last time; with one that takes packets itself, all that there is room for. A
 * recorder's is shown some, for some milliseconds, and nothing while it is stuck.
 */
void
vmirror_drain_pass(struct vmirror_drain *drain, uint64_t horizon, bool last);

/** Whether it is a recorder's. */
static inline bool
vmirror_drain_records(const struct vmirror_drain *drain)
{
	return drain->almanac != NULL;
}

/** Between these the drain may use the sink: vmirror_drain_sync() waits. */
void
vmirror_drain_enter(struct vmirror_drain *drain);
void
vmirror_drain_leave(struct vmirror_drain *drain);

/** Now and then, keep off the cores that fill the rings: they may have moved. */
void
vmirror_drain_place(struct vmirror_drain *drain);

/** The sink took a packet of that time. */
void
vmirror_drain_note_time(struct vmirror_drain *drain, uint64_t ns);

/** Whether one that is taken now was earlier than one before it. */
bool
vmirror_drain_is_late(struct vmirror_drain *drain, const struct vmirror_entry *entry);

/** Wait until the thread is not feeding the sink, or sees that the gate was closed. */
void
vmirror_drain_sync(struct vmirror_drain *drain);

#endif
