/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the drain's thread does in mode=recorder: sleep, note the time, and for a snapshot what drain.c
 * does in mode=ring, up to where that ends.
 */

#include "lib/replay.h"

#include <rte_common.h>
#include <rte_cycles.h>

#include "lib/spool.h"

/* How often the time is noted. */
#define NOTE_NS UINT64_C(1000000000)

/* Packets of a snapshot that are still to come are looked for so often. */
#define LOOK_NS UINT64_C(5000000)

/* A sink that takes nothing for so long is given up; and so long after the mirror's end. */
#define PATIENCE_NS UINT64_C(3000000000)

static uint64_t
convert(struct vmirror_drain *drain, uint64_t tsc)
{
	if (tsc >= vmirror_clock_since(&drain->clock))
		return vmirror_clock_convert(&drain->clock, tsc);
	return vmirror_almanac_convert(drain->almanac, tsc, 1e9 / (double)rte_get_tsc_hz());
}

uint64_t
vmirror_drain_time(struct vmirror_drain *drain, const struct vmirror_entry *entry)
{
	uint64_t ns;

	if (drain->almanac == NULL)
		return vmirror_clock_convert(&drain->clock, entry->tsc);
	ns = convert(drain, entry->tsc);
	/* Where what was noted meets what the clock remembers, they may differ by a trifle. */
	if (ns < drain->last_time_ns && entry->tsc >= drain->last_tsc)
		ns = drain->last_time_ns;
	drain->last_time_ns = ns;
	return ns;
}

bool
vmirror_replay_shows(const struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		     const struct vmirror_entry *entry)
{
	const struct vmirror_tally one = {.captured = 1, .bytes = entry->wire_len};

	if (entry->tsc < drain->replay.from_tsc)
		return false;
	/* One that a busy sink did not take comes again. */
	if (r->at >= r->shown)
		vmirror_tally_add(&r->drained, &one);
	r->shown = r->at + 1;
	return true;
}

static void
note_time(struct vmirror_drain *drain)
{
	uint64_t now = vmirror_now_ns(), tsc;

	if (now - drain->noted_ns < NOTE_NS)
		return;
	drain->noted_ns = now;
	vmirror_clock_look(&drain->clock);
	tsc = rte_rdtsc();
	vmirror_almanac_note(drain->almanac, tsc, vmirror_clock_convert(&drain->clock, tsc));
}

/* A sink that stops taking must not stop the recorder for ever. */
static void
watch_progress(struct vmirror_drain *drain)
{
	const struct vmirror_merge_ring *r;
	uint64_t now = vmirror_now_ns(), at = 0;

	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next)
		at += r->reads ? r->at : 0;
	if (at != drain->replayed)
		drain->moved_ns = now;
	drain->replayed = at;
	if (now - drain->moved_ns >= PATIENCE_NS)
		drain->gave_up = true;
}

/* What there is by now. @return whether that was all of it */
static bool
play(struct vmirror_drain *drain, uint64_t until, bool whole, bool stop)
{
	uint64_t horizon = RTE_MIN(until, rte_rdtsc() - drain->hold_tsc), next;

	if (whole || stop)
		horizon = until;
	vmirror_merge_look(&drain->merge);
	drain->until_ns = vmirror_now_ns() + PATIENCE_NS;
	vmirror_drain_pass(drain, horizon, stop);
	if (drain->spools) {
		vmirror_drain_enter(drain);
		vmirror_spool_poll(drain);
		vmirror_drain_leave(drain);
	}
	if (vmirror_merge_oldest(&drain->merge, horizon, &next) != NULL) {
		watch_progress(drain);
		return false;
	}
	drain->moved_ns = vmirror_now_ns();
	return whole || stop;
}

/* The sink has it all: nothing is held any more. */
static void
finish(struct vmirror_drain *drain)
{
	struct vmirror_merge_ring *r;

	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next) {
		if (r->reads)
			vmirror_recorder_hold(r->recorder, VMIRROR_RECORDER_FREE);
		r->reads = false;
	}
	/* That may take long, and none of it is in the rings any more. */
	if (drain->spools) {
		vmirror_drain_enter(drain);
		vmirror_spool_finish(drain);
		vmirror_drain_leave(drain);
	}
	pthread_mutex_lock(&drain->lock);
	drain->replays = false;
	pthread_cond_broadcast(&drain->idle);
	pthread_mutex_unlock(&drain->lock);
}

/* Sleep, unless there is something to be shown. */
static void
doze(struct vmirror_drain *drain, uint64_t ns, bool waits)
{
	pthread_mutex_lock(&drain->lock);
	if (!drain->stop && (!drain->replays || (waits && !drain->replay.whole)))
		vmirror_cond_wait_for(&drain->wake, &drain->lock, ns);
	pthread_mutex_unlock(&drain->lock);
}

vmirror_thread_ret_t
vmirror_replay_thread(void *arg)
{
	struct vmirror_drain *drain = arg;
	bool runs, whole, stop;

	pthread_getaffinity_np(pthread_self(), sizeof(drain->allowed), &drain->allowed);
	drain->used = drain->allowed;
	for (;;) {
		pthread_mutex_lock(&drain->lock);
		runs = drain->replays;
		whole = drain->replay.whole;
		stop = drain->stop;
		pthread_mutex_unlock(&drain->lock);

		if (runs && play(drain, drain->replay.until_tsc, whole, stop)) {
			finish(drain);
			runs = false;
		}
		if (stop && !runs)
			return VMIRROR_THREAD_RETURN;
		note_time(drain);
		vmirror_drain_place(drain);
		doze(drain, runs ? LOOK_NS : NOTE_NS, runs);
	}
}

/* --- control */

void
vmirror_replay_begin(struct vmirror_drain *drain, const struct vmirror_replay *replay)
{
	struct vmirror_merge_ring *r;

	pthread_mutex_lock(&drain->lock);
	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next) {
		r->before = r->drained;
		r->offered = 0;
		r->shown = 0;
		r->end = r->at;
	}
	drain->replay = *replay;
	drain->spools = replay->sink != NULL;
	drain->gave_up = false;
	drain->busy_since_ns = 0;
	drain->last_tsc = 0;
	drain->last_time_ns = 0;
	drain->replayed = 0;
	drain->moved_ns = vmirror_now_ns();
	drain->replays = true;
	pthread_cond_signal(&drain->wake);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_replay_is_whole(struct vmirror_drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	drain->replay.whole = true;
	pthread_cond_signal(&drain->wake);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_replay_wait(struct vmirror_drain *drain, uint64_t ns)
{
	uint64_t now = vmirror_now_ns(), until = now + ns;

	pthread_mutex_lock(&drain->lock);
	for (; drain->replays && now < until; now = vmirror_now_ns())
		vmirror_cond_wait_for(&drain->idle, &drain->lock, until - now);
	pthread_mutex_unlock(&drain->lock);
}

bool
vmirror_replay_runs(struct vmirror_drain *drain)
{
	bool runs;

	pthread_mutex_lock(&drain->lock);
	runs = drain->replays;
	pthread_mutex_unlock(&drain->lock);
	return runs;
}
