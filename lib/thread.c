/* SPDX-License-Identifier: BSD-3-Clause */

/* Starting threads and waiting in them, the same way everywhere (engine.c, drain.c, the plugin). */

#include "lib/thread.h"

#include <signal.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t
vmirror_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* A thread inherits the mask of whoever makes it. */
int
vmirror_thread_start(vmirror_thread_t *thread, const char *name,
		     vmirror_thread_ret_t (*run)(void *), void *arg)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = vmirror_thread_create(thread, name, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

void
vmirror_thread_leave(vmirror_thread_t thread, uint64_t ns)
{
	const struct timespec nap = {.tv_nsec = 50000};
	pthread_t id = vmirror_thread_pthread(thread);
	uint64_t until = vmirror_now_ns() + ns;

	while (pthread_tryjoin_np(id, NULL) != 0) {
		if (vmirror_now_ns() >= until) {
			pthread_detach(id);
			return;
		}
		nanosleep(&nap, NULL);
	}
}

void
vmirror_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void
vmirror_cond_wait_for(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ns)
{
	uint64_t until_ns = vmirror_now_ns() + ns;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / NS_PER_S),
		.tv_nsec = (long)(until_ns % NS_PER_S),
	};

	pthread_cond_timedwait(cond, lock, &until);
}
