/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_SHARED_H
#define LIB_SHARED_H

/*
 * What there is one of in a process, for all of lib/ to share: the list of mirrors, two locks, and a
 * way to tell the host something. engine.c runs it. The locks, always taken in this order:
 *
 *   control lock  one control operation at a time; held across hotplug, the file system, and
 *                 everything else that is slow. Never taken in an ethdev event, but for the
 *                 sentinel's.
 *   hook lock     the published lists, the records of mirrors, the list of mirrors; a leaf, held
 *                 for as long as cores need to leave a list, and where a port goes whose packets
 *                 are held (reference=), a drain to read them. ethdev's events take it, on the
 *                 host's threads, which may hold EAL's own locks.
 *
 * The list of mirrors and their records change under both; either is enough to read them.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmirror.h"

struct vmirror_mirror;

TAILQ_HEAD(vmirror_mirror_list, vmirror_mirror);

struct vmirror_shared {
	pthread_mutex_t control;
	pthread_mutex_t hooks;
	struct vmirror_mirror_list mirrors;
	bool running;        /**< control lock */
	uint64_t max_memory; /**< as in the options; UINT64_MAX: no limit */
	bool unaware_host;   /**< as in the options; set before there are mirrors */
	bool eal_goes;       /**< rte_eal_cleanup() waits for the control lock; atomic */
	bool eal_gone; /**< rte_eal_cleanup() has begun: no DPDK call any more; both locks to set */
};

extern struct vmirror_shared vmirror_shared;

/** Where the host wants to be told. Before anything is; opts as of vmirror_engine_init(). */
void
vmirror_shared_init(const struct vmirror_engine_opts *opts);

/** Tell the host something. Control lock. */
void
vmirror_shared_notify(enum vmirror_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** The same without the lock: takes it. */
void
vmirror_shared_tell(enum vmirror_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
