/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

/*
 * The housekeeping thread: signals, --duration and --stats, so that no lcore has to. It lives from
 * before EAL is started until after EAL is gone, so that Ctrl-C is heard at any time.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "vmirror_error.h"

enum control_phase {
	CONTROL_IDLE,    /* no packets flow: yet, or any more */
	CONTROL_RUNNING, /* the clocks of duration and stats tick */
	CONTROL_QUIT,    /* the thread is to end */
};

struct control {
	pthread_t thread;
	int signal_fd;
	int wake_fd;      /* written whenever phase changes */
	atomic_bool stop; /* the lcores shall end; written by the housekeeping thread */

	pthread_mutex_t lock; /* over all of the following, and held during a tick */
	enum control_phase phase;
	uint64_t stats_ms;       /* interval; 0: none */
	uint64_t next_ms;        /* when the next tick is due */
	uint64_t end_ms;         /* when the duration is over; 0: never */
	void (*tick)(void *arg); /* called at each interval, from the thread */
	void *tick_arg;

	uint64_t signal_ms; /* when a signal first asked for the end; 0: none did. The thread's */
};

/**
 * Block SIGINT, SIGTERM and SIGHUP for the calling thread and all that it creates later, ignore
 * SIGPIPE and SIGXFSZ, and start the thread. Real-time signals stay as they are: net_tap needs one.
 *
 * @return 0; negative errno with err set
 */
int
control_start(struct control *control, struct vmirror_error *err);

/**
 * Packets flow from now on.
 *
 * @param stats_ms, duration_ms  0: none
 * @param tick, arg              called at each interval
 */
void
control_run(struct control *control, uint64_t stats_ms, uint64_t duration_ms,
	    void (*tick)(void *arg), void *arg);

/** The lcores have ended. On return no tick is running, and none will. */
void
control_pause(struct control *control);

/** End the thread. */
void
control_end(struct control *control);

#endif
