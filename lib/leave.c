/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A mirror on its way out: what its sink has yet to take may need seconds, for which nobody waits who
 * holds the control lock. Whoever ends it calls vmirror_mirror_stop() then, as ever.
 */

#include "lib/leave.h"

#include "lib/mirror.h"
#include "lib/replay.h"
#include "lib/shared.h"
#include "lib/thread.h"

void
vmirror_mirror_leave(struct vmirror_mirror *mirror)
{
	if (mirror->over || mirror->left_ns != 0)
		return;
	mirror->left_ns = vmirror_now_ns();
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
	if (mirror->state == VMIRROR_ATTACHED)
		mirror->state = VMIRROR_DETACHED;
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_snapshot_cut(mirror);
}

bool
vmirror_mirror_has_left(struct vmirror_mirror *mirror, uint64_t ns)
{
	if (mirror->over || !mirror->drain.running)
		return true;
	/* The thread that is told to end has no patience for a snapshot. */
	if (mirror->snapshot.runs && vmirror_replay_runs(&mirror->drain) &&
	    vmirror_now_ns() - mirror->left_ns < VMIRROR_SNAPSHOT_COMPLETE_NS) {
		vmirror_replay_wait(&mirror->drain, ns);
		return false;
	}
	vmirror_drain_end(&mirror->drain);
	return vmirror_drain_has_ended(&mirror->drain, ns);
}

void
vmirror_mirror_abort(struct vmirror_mirror *mirror)
{
	vmirror_drain_abort(&mirror->drain);
	if (mirror->sink != NULL && !mirror->sink_gone && !vmirror_shared.eal_gone)
		vmirror_sink_stop(mirror->sink);
	vmirror_mirror_unplug_sink(mirror, VMIRROR_SINK_ABORT);
}

/* Whether what it has is to be brought to an end in order. */
static bool
wants_order(const struct vmirror_mirror *mirror)
{
	return mirror->over || mirror->lost || mirror->left_ns != 0 ||
	       mirror->spec.reference != 0 || vmirror_mirror_makes_sinks(mirror);
}

void
vmirror_mirror_undo(struct vmirror_mirror *mirror)
{
	if (wants_order(mirror)) {
		vmirror_mirror_stop(mirror, VMIRROR_ENDED, "removed");
		vmirror_mirror_close(mirror);
		return;
	}
	mirror->over = true;
	pthread_mutex_lock(&vmirror_shared.hooks);
	vmirror_mirror_unhook(mirror, RTE_MAX_ETHPORTS);
	pthread_mutex_unlock(&vmirror_shared.hooks);
	vmirror_mirror_abort(mirror);
}
