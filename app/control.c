/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The housekeeping thread: waits for signals and for the clock, tells the lcores to stop, and has
 * the counters printed (report.c). Its affinity is that of the process before EAL pinned the main
 * thread, less EAL's cores when these are known: on a polling core it would take the packets' time.
 */

#include "control.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <rte_common.h>
#include <rte_lcore.h>

#include "devargs/error.h"

#include "say.h"

/*
 * A second Ctrl-C within this time is taken for the first: timeout(1) sends its signal to its child
 * and then to the group that the child is in.
 */
#define ONE_SIGNAL_MS 500

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* @return false: nothing was to be asked for by this signal */
static bool
take_request(struct control *control, int signal)
{
	void (*ask)(void *arg) = NULL;
	bool asked = true;

	pthread_mutex_lock(&control->lock);
	if (signal == SIGUSR1)
		ask = control->asks.snapshot;
	else if (signal == SIGHUP && control->reloads)
		ask = control->asks.reload;
	else
		asked = false;
	if (control->phase == CONTROL_RUNNING && ask != NULL)
		ask(control->asks.arg);
	else if (asked)
		say("SIG%s: no packets flow now", sigabbrev_np(signal));
	pthread_mutex_unlock(&control->lock);
	return asked;
}

static void
take_end(struct control *control, int signal)
{
	if (control->signal_ms == 0) {
		control->signal_ms = now_ms();
		atomic_store(&control->stop, true);
		say("SIG%s, ending", sigabbrev_np(signal));
	} else if (signal == SIGINT && now_ms() - control->signal_ms > ONE_SIGNAL_MS) {
		say("SIGINT again, exiting at once; sinks may be incomplete");
		_exit(128 + SIGINT);
	}
}

/* What was asked for comes before the end. */
static void
take_signals(struct control *control)
{
	struct signalfd_siginfo info[4];
	ssize_t len = read(control->signal_fd, info, sizeof(info));
	unsigned int n = len > 0 ? (unsigned int)((size_t)len / sizeof(info[0])) : 0, i;

	for (i = 0; i < n; i++)
		if (take_request(control, (int)info[i].ssi_signo))
			info[i].ssi_signo = 0;
	for (i = 0; i < n; i++)
		if (info[i].ssi_signo != 0)
			take_end(control, (int)info[i].ssi_signo);
}

/* Does a clock's work when it is due. Returns when it is due next. */
static uint64_t
run_clock(struct control_clock *clock, uint64_t now)
{
	if (clock->every_ms == 0)
		return UINT64_MAX;
	if (now >= clock->next_ms) {
		clock->run(clock->arg);
		clock->next_ms += clock->every_ms;
		if (clock->next_ms <= now)
			clock->next_ms = now + clock->every_ms;
	}
	return clock->next_ms;
}

/* Does what is due. Returns how long there is nothing to do, in ms; -1: for ever. */
static int
run_clocks(struct control *control)
{
	uint64_t now = now_ms(), next = UINT64_MAX;
	unsigned int i;

	if (control->phase != CONTROL_RUNNING || atomic_load(&control->stop))
		return -1;
	if (control->end_ms != 0 && now >= control->end_ms) {
		atomic_store(&control->stop, true);
		return -1;
	}
	for (i = 0; i < CONTROL_CLOCKS; i++)
		next = RTE_MIN(next, run_clock(&control->clock[i], now));
	if (control->end_ms != 0)
		next = RTE_MIN(next, control->end_ms);
	if (next == UINT64_MAX)
		return -1;
	now = now_ms();
	if (next <= now)
		return 0;
	/* poll() counts in int: a far end is waited for in pieces. */
	return next - now > 1000000 ? 1000000 : (int)(next - now);
}

static void *
housekeeping(void *arg)
{
	struct control *control = arg;
	struct pollfd fds[2] = {
		{.fd = control->signal_fd, .events = POLLIN},
		{.fd = control->wake_fd, .events = POLLIN},
	};
	enum control_phase phase;
	eventfd_t woken;
	int timeout;

	for (;;) {
		pthread_mutex_lock(&control->lock);
		timeout = run_clocks(control);
		phase = control->phase;
		pthread_mutex_unlock(&control->lock);
		if (phase == CONTROL_QUIT)
			return NULL;
		if (poll(fds, 2, timeout) <= 0)
			continue;
		if (fds[0].revents != 0)
			take_signals(control);
		if (fds[1].revents != 0)
			eventfd_read(control->wake_fd, &woken);
	}
}

/* Signals that are read. SIGHUP is, unless it is ignored already: nohup(1) did that. */
static void
known_signals(sigset_t *set)
{
	struct sigaction hup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGUSR1);
	if (sigaction(SIGHUP, NULL, &hup) < 0 || hup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

int
control_start(struct control *control, bool reloads, struct vmirror_error *err)
{
	sigset_t set;
	int ret;

	*control = (struct control){.phase = CONTROL_IDLE, .reloads = reloads};
	pthread_mutex_init(&control->lock, NULL);
	known_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);

	control->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	control->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = control->signal_fd < 0 || control->wake_fd < 0 ? -errno : 0;
	if (ret == 0)
		ret = -pthread_create(&control->thread, NULL, housekeeping, control);
	if (ret == 0) {
		pthread_setname_np(control->thread, "vmirror-control");
		return 0;
	}
	close(control->signal_fd);
	close(control->wake_fd);
	pthread_mutex_destroy(&control->lock);
	return vmirror_error_set(err, ret, "housekeeping thread: %s", strerror(-ret));
}

/* Off the cores that forward, if there are others. */
static void
place(const struct control *control)
{
	cpu_set_t use, lcores;
	unsigned int lcore;

	if (pthread_getaffinity_np(control->thread, sizeof(use), &use) != 0)
		return;
	CPU_ZERO(&lcores);
	RTE_LCORE_FOREACH (lcore) {
		const rte_cpuset_t set = rte_lcore_cpuset(lcore);

		CPU_OR(&lcores, &lcores, &set);
	}
	CPU_AND(&lcores, &lcores, &use);
	CPU_XOR(&use, &use, &lcores);
	if (CPU_COUNT(&use) > 0)
		pthread_setaffinity_np(control->thread, sizeof(use), &use);
}

void
control_run(struct control *control, const struct control_clock clocks[CONTROL_CLOCKS],
	    const struct control_asks *asks, uint64_t duration_ms)
{
	uint64_t now = now_ms();
	unsigned int i;

	place(control);
	pthread_mutex_lock(&control->lock);
	control->phase = CONTROL_RUNNING;
	control->asks = *asks;
	for (i = 0; i < CONTROL_CLOCKS; i++) {
		control->clock[i] = clocks[i];
		control->clock[i].next_ms = now + clocks[i].every_ms;
	}
	control->end_ms = duration_ms != 0 ? now + duration_ms : 0;
	pthread_mutex_unlock(&control->lock);
	eventfd_write(control->wake_fd, 1);
}

static void
set_phase(struct control *control, enum control_phase phase)
{
	pthread_mutex_lock(&control->lock);
	control->phase = phase;
	pthread_mutex_unlock(&control->lock);
	eventfd_write(control->wake_fd, 1);
}

void
control_pause(struct control *control)
{
	set_phase(control, CONTROL_IDLE);
}

void
control_end(struct control *control)
{
	set_phase(control, CONTROL_QUIT);
	pthread_join(control->thread, NULL);
	close(control->signal_fd);
	close(control->wake_fd);
	pthread_mutex_destroy(&control->lock);
}
