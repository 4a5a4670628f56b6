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

/* Packets of a snapshot that are still to come are looked for so often, and a stuck sink is tried. */
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

	if (!vmirror_drain_records(drain))
		return vmirror_clock_convert(&drain->clock, entry->tsc);
	ns = convert(drain, entry->tsc);
	/* Where what was noted meets what the clock remembers, they may differ by a trifle. */
	if (ns < drain->last_time_ns && entry->tsc >= drain->last_tsc)
		ns = drain->last_time_ns;
	drain->last_time_ns = ns;
	return ns;
}

bool
vmirror_replay_shows(struct vmirror_drain *drain, struct vmirror_merge_ring *r,
		     const struct vmirror_entry *entry)
{
	const struct vmirror_tally one = {.captured = 1, .bytes = entry->wire_len};
	const struct vmirror_tally rejected = {.rejected = 1};

	if (entry->tsc < drain->replay.from_tsc)
		return false;
	/* One that a busy sink did not take comes again. */
	if (r->at >= r->shown)
		vmirror_tally_add(&r->drained, &one);
	r->shown = r->at + 1;
	if (!drain->gave_up)
		return true;
	vmirror_tally_add(&r->drained, &rejected);
	return false;
}

bool
vmirror_replay_waits(struct vmirror_drain *drain)
{
	bool stop;

	if (!vmirror_drain_records(drain) || drain->impatient)
		return false;
	pthread_mutex_lock(&drain->lock);
	stop = drain->stop;
	pthread_mutex_unlock(&drain->lock);
	if (!stop && vmirror_now_ns() - drain->moved_ns < PATIENCE_NS)
		return true;
	drain->impatient = true;
	return false;
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

/*
 * A sink that stops taking while a packet waits must not stop the recorder for ever, nor one that takes
 * a little now and then the mirror's end.
 */
static void
watch_progress(struct vmirror_drain *drain, bool waits, bool stop)
{
	const struct vmirror_merge_ring *r;
	uint64_t now = vmirror_now_ns(), at = 0;

	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next)
		at += r->at;
	drain->moves = at != drain->replayed;
	if (drain->moves || !waits)
		drain->moved_ns = now;
	drain->replayed = at;
	if (!stop)
		drain->until_ns = now + PATIENCE_NS;
	if (now - drain->moved_ns >= PATIENCE_NS || now >= drain->until_ns)
		drain->gave_up = true;
}

/* Nothing of a ring is read any more. */
static void
let_go(struct vmirror_merge_ring *r)
{
	r->reads = false;
	r->end = r->at;
	vmirror_recorder_hold(r->recorder, VMIRROR_RECORDER_FREE);
}

/* Of rings whose part is shown. @return whether all are */
static bool
let_go_of_those_shown(struct vmirror_drain *drain, uint64_t until)
{
	struct vmirror_merge_ring *r;
	bool all = true;

	for (r = vmirror_merge_first(&drain->merge); r != NULL; r = r->next) {
		const struct vmirror_entry *entry = r->reads ? vmirror_merge_peek(r) : NULL;

		if (entry != NULL && entry->tsc <= until)
			all = false;
		else if (r->reads)
			let_go(r);
	}
	return all;
}

/* Some of what there is by now. @return whether that was all of it */
static bool
play(struct vmirror_drain *drain, uint64_t until, bool whole, bool stop)
{
	uint64_t horizon = RTE_MIN(until, rte_rdtsc() - drain->hold_tsc), next;
	bool waits;

	whole = whole || stop;
	if (whole)
		horizon = until;
	vmirror_merge_look(&drain->merge);
	vmirror_drain_pass(drain, horizon, false);
	if (drain->spools) {
		vmirror_drain_enter(drain);
		vmirror_spool_poll(drain);
		vmirror_drain_leave(drain);
	}
	waits = vmirror_merge_oldest(&drain->merge, horizon, &next) != NULL;
	watch_progress(drain, waits, stop);
	return whole && let_go_of_those_shown(drain, until);
}

/* The sink has it all, and nothing is held any more: what comes now may take long. */
static void
finish(struct vmirror_drain *drain)
{
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

/* Sleep, unless there is something to be shown, and the sink takes it. */
static void
doze(struct vmirror_drain *drain, uint64_t ns)
{
	pthread_mutex_lock(&drain->lock);
	if (!drain->replays ? !drain->stop : !drain->moves)
		vmirror_cond_wait_for(&drain->wake, &drain->lock, ns);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_replay_run(struct vmirror_drain *drain)
{
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
			return;
		note_time(drain);
		vmirror_drain_place(drain);
		doze(drain, runs ? LOOK_NS : NOTE_NS);
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
	drain->impatient = false;
	drain->moves = true;
	drain->busy_since_ns = 0;
	drain->last_tsc = 0;
	drain->last_time_ns = 0;
	drain->replayed = 0;
	drain->moved_ns = vmirror_now_ns();
	drain->until_ns = drain->moved_ns + PATIENCE_NS;
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
	for (; drain->replays && !drain->ended && now < until; now = vmirror_now_ns())
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
