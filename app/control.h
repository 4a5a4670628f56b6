/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

/*
 * The housekeeping thread: signals, --duration, --stats and sinks that come back, so that no lcore
 * has to. It lives from before EAL is started until after EAL is gone, so that Ctrl-C is heard at
 * any time. SIGUSR1 and SIGHUP ask for something while packets flow, and are passed over else.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmirror_error.h"

enum control_phase {
	CONTROL_IDLE,    /* no packets flow: yet, or any more */
	CONTROL_RUNNING, /* the clocks of duration and stats tick */
	CONTROL_QUIT,    /* the thread is to end */
};

/* Something to be done again and again, on the housekeeping thread. */
struct control_clock {
	uint64_t every_ms; /* 0: never */
	void (*run)(void *arg);
	void *arg;
	uint64_t next_ms; /* when it is due */
};

#define CONTROL_CLOCKS 2

/* What signals ask for while packets flow, on the housekeeping thread. */
struct control_asks {
	void (*snapshot)(void *arg); /* SIGUSR1 */
	void (*reload)(void *arg);   /* SIGHUP, where control_start() was told so */
	void *arg;
};

struct control {
	pthread_t thread;
	int signal_fd;
	int wake_fd;      /* written whenever phase changes */
	atomic_bool stop; /* the lcores shall end; written by the housekeeping thread */
	bool reloads;     /* by SIGHUP, which else ends vmirror, as SIGTERM does */

	pthread_mutex_t lock; /* over all of the following, and held while a clock's work is done */
	enum control_phase phase;
	struct control_clock clock[CONTROL_CLOCKS];
	struct control_asks asks;
	uint64_t end_ms; /* when the duration is over; 0: never */

	uint64_t signal_ms; /* when a signal first asked for the end; 0: none did. The thread's */
};

/**
 * Block SIGINT, SIGTERM, SIGHUP and SIGUSR1 for the calling thread and all that it creates later, ignore
 * SIGPIPE and SIGXFSZ, and start the thread. Real-time signals stay as they are: net_tap needs one.
 *
 * @param reloads  SIGHUP asks for that, and does not end vmirror
 * @return 0; negative errno with err set
 */
int
control_start(struct control *control, bool reloads, struct vmirror_error *err);

/**
 * Packets flow from now on.
 *
 * @param clocks       what is to be done until control_pause(), and how often
 * @param asks         what signals ask for
 * @param duration_ms  0: without end
 */
void
control_run(struct control *control, const struct control_clock clocks[CONTROL_CLOCKS],
	    const struct control_asks *asks, uint64_t duration_ms);

/** The lcores have ended. On return no clock's work is being done, and none will be. */
void
control_pause(struct control *control);

/** End the thread. */
void
control_end(struct control *control);

#endif
