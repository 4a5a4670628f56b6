/* SPDX-License-Identifier: BSD-3-Clause */

/* An alarm runs on the interrupt thread, after all that was due there before. */

#include "drivers/interrupts.h"

#include <stdbool.h>

#include <rte_alarm.h>
#include <rte_cycles.h>

static void
note(void *done)
{
	__atomic_store_n((bool *)done, true, __ATOMIC_RELEASE);
}

void
vmirror_interrupts_settle(void)
{
	bool done = false;
	unsigned int ms;

	if (rte_eal_alarm_set(1, note, &done) != 0)
		return;
	for (ms = 0; ms < 1000 && !__atomic_load_n(&done, __ATOMIC_ACQUIRE); ms++)
		rte_delay_us_sleep(1000);
	rte_eal_alarm_cancel(note, &done);
}
