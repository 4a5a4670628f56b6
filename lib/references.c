/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * reference=, control's side: whether a port's packets may be held, and returning those of queues
 * that are not hooked any more. hold.c has what is held, ring_hook.c holds.
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "lib/mirror.h"
#include "lib/port.h"
#include "lib/shared.h"
#include "lib/thread.h"

/* How long a port that goes is kept for a sink that does not take what the port sent. */
#define GIVE_BACK_NS UINT64_C(2000000000)

void
vmirror_mirror_allow_hold(struct vmirror_mirror *mirror, struct vmirror_record *record,
			  uint16_t port_id)
{
	bool asks = mirror->asks || (vmirror_shared.unaware_host && !record->hold_asked);
	bool allowed;

	if (record->hold == NULL)
		return;
	/* Where it may not be asked now, a queue's packets are copied until it may. */
	if (asks && vmirror_port_may_ask(port_id))
		record->hold_asked = !vmirror_port_queue_fast_free(port_id, record->queue);
	allowed = record->hold_asked && !vmirror_port_hands_on(port_id);
	vmirror_hold_allow(record->hold, allowed && !mirror->fast_free);
	if (!allowed && asks)
		snprintf(mirror->copied_port, sizeof(mirror->copied_port), "%s", record->port);
}

/*
 * One port that returns mbufs unlooked at is enough: a packet that another's driver did not take may be
 * sent to it next, and is held.
 */
void
vmirror_mirror_look_at_ports(struct vmirror_mirror *mirror)
{
	if (mirror->spec.reference != 0)
		mirror->fast_free = vmirror_port_any_fast_free(mirror->copied_port);
}

void
vmirror_mirror_tell_copied_port(struct vmirror_mirror *mirror)
{
	if (mirror->copied_port[0] == '\0' || mirror->copied_told)
		return;
	mirror->copied_told = true;
	vmirror_shared_notify(VMIRROR_INFO,
			      "mirror '%s': reference=%" PRIu32
			      ": port '%s' returns packets without "
			      "a look at who has them (MBUF_FAST_FREE), or may, or hands them on: "
			      "they are copied",
			      mirror->spec.name, mirror->spec.reference, mirror->copied_port);
}

/* Whether the drain still reads what a queue holds that has no hook. */
static bool
is_held(const struct vmirror_mirror *mirror)
{
	const struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next)
		if (record->hold != NULL && !record->hooked && !vmirror_hold_is_done(record->hold))
			return true;
	return false;
}

void
vmirror_mirror_give_back(struct vmirror_mirror *mirror, bool wait)
{
	const uint64_t begin = vmirror_now_ns();
	const struct timespec nap = {.tv_nsec = 1000 * 1000};
	struct vmirror_record *record;

	if (mirror->spec.reference == 0 || vmirror_shared.eal_gone)
		return;
	if (wait && is_held(mirror))
		vmirror_drain_hurry(&mirror->drain);
	while (wait && is_held(mirror) && vmirror_now_ns() - begin < GIVE_BACK_NS)
		nanosleep(&nap, NULL);
	TAILQ_FOREACH (record, &mirror->records, next)
		if (record->hold != NULL && !record->hooked)
			vmirror_hold_return_all(record->hold);
}
