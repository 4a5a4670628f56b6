/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_THREAD_H
#define LIB_THREAD_H

/* Threads of vmirror's own, and the clock by which they wait: CLOCK_MONOTONIC throughout. */

#include <pthread.h>
#include <stdint.h>

#include "lib/compat.h"

/** CLOCK_MONOTONIC, in nanoseconds. Any thread. */
uint64_t
vmirror_now_ns(void);

/**
 * Start a control thread of EAL's kind, all of whose signals are blocked: they are the host's.
 *
 * @param name  as ps shows it, at most 15 characters
 * @param run   VMIRROR_THREAD_RETURN at its end
 * @return      0 or -errno; vmirror_thread_join() later, or vmirror_thread_leave()
 */
int
vmirror_thread_start(vmirror_thread_t *thread, const char *name,
		     vmirror_thread_ret_t (*run)(void *), void *arg);

/**
 * Join a thread that is about to return, or leave it to itself: one that has written to a disk that does not
 * answer is kept by the kernel until that does [seen in io_wq_put_and_exit(), Linux 6.18].
 *
 * @param ns  for which it is waited for
 */
void
vmirror_thread_leave(vmirror_thread_t thread, uint64_t ns);

/** A condition to be waited for with vmirror_cond_wait_for(). */
void
vmirror_cond_init(pthread_cond_t *cond);

/** As pthread_cond_wait(), for so many nanoseconds at the most. */
void
vmirror_cond_wait_for(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ns);

#endif
