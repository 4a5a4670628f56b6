/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_ENGINE_H
#define LIB_ENGINE_H

/*
 * The engine: what there is one of in a process. Two locks, always taken in this order:
 *
 *   control lock  one control operation at a time; held across hotplug, the file system, and
 *                 everything else that is slow. Never taken in an ethdev event, but for the
 *                 sentinel's.
 *   hook lock     the published lists, the records of mirrors, the list of mirrors; a leaf, held
 *                 for as long as cores need to leave a list. ethdev's events take it, on the
 *                 host's threads, which may hold EAL's own locks.
 *
 * The list of mirrors and their records change under both; either is enough to read them.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "vmirror.h"

struct vmirror_mirror;

TAILQ_HEAD(vmirror_mirror_list, vmirror_mirror);

struct vmirror_engine {
	pthread_mutex_t control;
	pthread_mutex_t hooks;
	struct vmirror_mirror_list mirrors;
	bool running;  /**< control lock */
	bool eal_gone; /**< rte_eal_cleanup() has begun: no DPDK call any more; both locks to set */
};

extern struct vmirror_engine vmirror_engine;

/** Tell the host something. Control lock. */
void
vmirror_engine_notify(enum vmirror_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Have the control thread look at the mirrors now. Control lock. */
void
vmirror_engine_wake(void);

#endif
