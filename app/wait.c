/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Sleeping between packets, for the poll loop in forward.c.
 *
 * net_tap shapes this. Its queues have a file descriptor to wait on, edge-triggered, but no switch
 * (-ENOTSUP); and its rx reads only after a real-time signal has been handled by some thread. A
 * wake-up may thus come before there is anything to be polled: a spell of polling follows each, and
 * when it brings nothing the next sleep is short, because that edge will not come again.
 */

#include "wait.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <rte_pause.h>

#include "forward.h"

#define SPELL_US         100
#define SLEEP_FIRST_US   20
#define SLEEP_LAST_US    1000
#define TIMEOUT_MS       10
#define TIMEOUT_FALSE_MS 1 /* after a wake-up that brought nothing */
#define EVENTS           16

static void
unregister_queues(struct wait *wait, unsigned int n)
{
	while (n-- > 0)
		rte_eth_dev_rx_intr_ctl_q(wait->unit[n].rx_port, wait->unit[n].queue, wait->epfd,
					  RTE_INTR_EVENT_DEL, NULL);
}

/* All or none. Ethdev can only be asked by trying, and would log an error each time. */
static bool
register_queues(struct wait *wait)
{
	uint32_t level = rte_log_get_global_level();
	unsigned int done = 0;

	rte_log_set_global_level(RTE_LOG_EMERG);
	for (; done < wait->n; done++)
		if (rte_eth_dev_rx_intr_ctl_q(wait->unit[done].rx_port, wait->unit[done].queue,
					      wait->epfd, RTE_INTR_EVENT_ADD, NULL) < 0)
			break;
	for (unsigned int i = 0; done == wait->n && i < wait->n; i++) {
		if (rte_eth_dev_rx_intr_enable(wait->unit[i].rx_port, wait->unit[i].queue) < 0)
			continue;
		rte_eth_dev_rx_intr_disable(wait->unit[i].rx_port, wait->unit[i].queue);
		wait->can_arm = true;
	}
	if (done < wait->n)
		unregister_queues(wait, done);
	rte_log_set_global_level(level);
	return done == wait->n;
}

void
wait_init(struct wait *wait, const struct unit *unit, unsigned int n, bool interrupts, bool never)
{
	*wait = (struct wait){
		.unit = unit,
		.n = n,
		.epfd = -1,
		.never = never,
		.spell_tsc = rte_get_tsc_hz() / 1000000 * SPELL_US,
		.sleep_us = SLEEP_FIRST_US,
		.timeout_ms = TIMEOUT_MS,
	};
	if (!interrupts || never)
		return;
	wait->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (wait->epfd >= 0 && !register_queues(wait)) {
		close(wait->epfd);
		wait->epfd = -1;
	}
}

void
wait_fini(struct wait *wait)
{
	if (wait->unit == NULL || wait->epfd < 0)
		return;
	unregister_queues(wait, wait->n);
	close(wait->epfd);
	wait->epfd = -1;
}

static void
arm(struct wait *wait)
{
	for (unsigned int i = 0; i < wait->n; i++)
		rte_eth_dev_rx_intr_enable(wait->unit[i].rx_port, wait->unit[i].queue);
	wait->armed = true;
}

void
wait_disarm(struct wait *wait)
{
	for (unsigned int i = 0; i < wait->n; i++)
		rte_eth_dev_rx_intr_disable(wait->unit[i].rx_port, wait->unit[i].queue);
	wait->armed = false;
}

static void
sleep_for_interrupt(struct wait *wait)
{
	struct rte_epoll_event events[EVENTS];
	int n;

	/* Armed queues are polled once more before sleeping: a packet may have come just before. */
	if (wait->can_arm && !wait->armed) {
		arm(wait);
		return;
	}
	/*
	 * A signal ends the sleep. It is most likely net_tap's; and the variant that carries on
	 * would never see the end of vmirror while signals for another core's port keep coming.
	 */
	n = rte_epoll_wait_interruptible(wait->epfd, events, EVENTS, wait->timeout_ms);
	if (wait->armed)
		wait_disarm(wait);
	if (n == 0) {
		wait->timeout_ms = TIMEOUT_MS;
		return;
	}
	wait->timeout_ms = TIMEOUT_FALSE_MS;
	wait->idle_since = 0;
}

static void
sleep_longer(struct wait *wait)
{
	struct timespec time = {.tv_nsec = wait->sleep_us * 1000L};

	wait->sleep_us = RTE_MIN(wait->sleep_us * 2, (unsigned int)SLEEP_LAST_US);
	nanosleep(&time, NULL); /* a signal may end it early: no harm */
}

void
wait_idle(struct wait *wait)
{
	uint64_t now;

	if (wait->never)
		return;
	now = rte_rdtsc();
	if (wait->idle_since == 0) {
		wait->idle_since = now;
		wait->sleep_us = SLEEP_FIRST_US;
	}
	if (now - wait->idle_since < wait->spell_tsc)
		rte_pause();
	else if (wait->epfd >= 0)
		sleep_for_interrupt(wait);
	else
		sleep_longer(wait);
}
