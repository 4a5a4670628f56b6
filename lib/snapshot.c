/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Snapshots on the control side. api.c begins them for the host, a trigger's packet, which ring_hook.c
 * has noticed, at the control thread's tick. What they show is replay.c's.
 */

#include "lib/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "devargs/error.h"
#include "lib/filter.h"
#include "lib/mirror.h"
#include "lib/replay.h"
#include "lib/shared.h"
#include "lib/thread.h"

/* When a trigger's snapshot could not be begun, another is tried so much later. */
#define AGAIN_NS UINT64_C(1000000000)

/* To hold all rings takes no longer than this, unless the thread is interrupted; so often it is tried. */
#define HOLD_US    20
#define HOLD_TRIES 50

/* --- where to */

/* The mirror's own, with a vdev: as fit to be fed as in any mode? */
static int
check_own_sink(const struct vmirror_mirror *mirror, struct vmirror_error *err)
{
	if (mirror->sink != NULL && mirror->state != VMIRROR_FAILED && !mirror->lost)
		return 0;
	return vmirror_error_set(err, -EIO, "its sink, %.100s, does not work: %.100s",
				 mirror->sink_plan.resource, mirror->reason);
}

static int
make_from(struct vmirror_mirror *mirror, const struct vmirror_spec_sink *spec, unsigned int number,
	  struct vmirror_error *err)
{
	struct vmirror_sink_plan plan;
	int ret = vmirror_sink_check(spec, mirror->spec.name, number, NULL, &plan, err);

	if (ret == 0 && plan.ops->takes == NULL)
		ret = vmirror_error_set(err, -EINVAL,
					"sink %s: a snapshot that says where to goes into a file; "
					"right would be [file,path=snapshot.pcapng]",
					plan.driver);
	if (ret == 0)
		ret = vmirror_mirror_make_sink(mirror, &mirror->snapshot.sink, spec, &plan, err);
	return ret;
}

/* A sink that is given as text, as in a mirror's spec what stands behind sink=. */
static int
make_given(struct vmirror_mirror *mirror, const char *text, struct vmirror_error *err)
{
	char whole[VMIRROR_SPEC_TEXT_SIZE];
	struct vmirror_spec spec, bare;
	int ret;

	if (snprintf(whole, sizeof(whole), "port=all,sink=%s", text) >= (int)sizeof(whole))
		return vmirror_error_set(err, -E2BIG, "sink: it is too long");
	ret = vmirror_spec_parse(&spec, whole, err);
	if (ret != 0)
		return ret;
	bare = (struct vmirror_spec){
		.all_ports = true, .dir = VMIRROR_SPEC_RXTX, .sink = spec.sink};
	if (vmirror_spec_equal(&spec, &bare))
		ret = make_from(mirror, &spec.sink, 0, err);
	else
		ret = vmirror_error_set(err, -EINVAL,
					"sink: something stands behind it; right would be, say, "
					"[file,path=snapshot.pcapng] alone");
	vmirror_spec_fini(&spec);
	return ret;
}

static int
make_sink(struct vmirror_mirror *mirror, const char *given, struct vmirror_error *err)
{
	struct vmirror_snapshot *s = &mirror->snapshot;
	int ret;

	if (given != NULL)
		return make_given(mirror, given, err);
	if (!vmirror_mirror_makes_sinks(mirror))
		return check_own_sink(mirror, err);
	ret = make_from(mirror, &mirror->spec.sink, s->number + 1, err);
	s->number += ret == 0;
	return ret;
}

/* --- from when to when */

/*
 * Nothing is given up from here on, and every core knows. What passed up to then is the snapshot: the time
 * is taken before, as a core that finds no room may lose some. If this thread is interrupted in between,
 * what is held passed after that time, and the snapshot would be short: so it is tried again.
 * @return that time, as TSC
 */
static uint64_t
hold_all(struct vmirror_mirror *mirror)
{
	const uint64_t longest = rte_get_tsc_hz() / 1000000 * HOLD_US;
	struct vmirror_record *record;
	unsigned int tries = 0;
	uint64_t now;

	for (;;) {
		TAILQ_FOREACH (record, &mirror->records, next)
			vmirror_recorder_look(record->recorder);
		now = rte_rdtsc();
		TAILQ_FOREACH (record, &mirror->records, next)
			vmirror_recorder_hold(record->recorder, 0);
		if (rte_rdtsc() - now <= longest || ++tries == HOLD_TRIES)
			break;
		TAILQ_FOREACH (record, &mirror->records, next)
			vmirror_recorder_hold(record->recorder, VMIRROR_RECORDER_FREE);
	}
	vmirror_mirror_sync_cores(mirror);
	return now;
}

/* So many bytes back. @return TSC; 0: all there is */
static uint64_t
find_bytes(struct vmirror_mirror *mirror, uint64_t bytes)
{
	struct vmirror_recorder **recs = calloc(mirror->n_rings + 1, sizeof(*recs));
	struct vmirror_record *record;
	unsigned int n = 0;
	uint64_t tsc = 0;

	if (recs == NULL)
		return 0;
	TAILQ_FOREACH (record, &mirror->records, next)
		recs[n++] = record->recorder;
	if (n > 0)
		tsc = vmirror_recorder_since(recs, n, bytes);
	free(recs);
	return tsc;
}

/* Where each ring is read from; what stands before that may be given up. */
static void
choose(struct vmirror_mirror *mirror, uint64_t from_tsc)
{
	struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next) {
		struct vmirror_merge_ring *r = &record->drained;

		r->at = vmirror_recorder_find(record->recorder, from_tsc);
		r->reads = true;
		vmirror_recorder_hold(record->recorder, r->at);
	}
}

/* What the driver of a vdev holds, for a far end that fetches it, is not lost. */
static uint64_t
lost_of(const struct vmirror_counters *sum)
{
	return sum->sink_rejected + sum->write_error + sum->unknown;
}

static void
note_counters(struct vmirror_mirror *mirror)
{
	struct vmirror_counters sum;

	vmirror_snapshot_counters(mirror, &sum);
	mirror->snapshot.pkts = sum.captured;
	mirror->snapshot.lost = lost_of(&sum);
}

int
vmirror_snapshot_begin(struct vmirror_mirror *mirror, const struct vmirror_snapshot_want *want,
		       struct vmirror_error *err)
{
	struct vmirror_snapshot *s = &mirror->snapshot;
	uint64_t from_tsc = want->from_tsc, now;
	struct vmirror_replay replay;
	int ret;

	if (s->runs)
		return vmirror_error_set(err, -EBUSY, "another snapshot of it is being written");
	if (mirror->over)
		return vmirror_error_set(err, -EBUSY, "it is over: %s", mirror->reason);
	if (mirror->left_ns != 0)
		return vmirror_error_set(err, -EBUSY, "it is being taken away");
	ret = make_sink(mirror, want->sink, err);
	if (ret != 0)
		return ret;
	now = hold_all(mirror);
	s->until_tsc = want->until_tsc != 0 ? want->until_tsc : now;
	if (want->bytes != 0)
		from_tsc = RTE_MAX(from_tsc, find_bytes(mirror, want->bytes));
	choose(mirror, from_tsc);
	if (s->sink == NULL)
		vmirror_mirror_unsettle_sink(mirror);
	note_counters(mirror);
	s->runs = true;
	s->whole = false;
	replay = (struct vmirror_replay){from_tsc, s->until_tsc, false, s->sink};
	vmirror_replay_begin(&mirror->drain, &replay);
	/* What had passed when no core was inside is there. */
	vmirror_snapshot_tick(mirror);
	return 0;
}

/* --- its end */

/* @return whether the sink is well, as far as it knows; else a sentence in reason */
static bool
look_at_sink(struct vmirror_mirror *mirror, char reason[VMIRROR_SINK_REASON_SIZE])
{
	static const struct vmirror_sink_progress none;
	struct vmirror_sink *sink = mirror->snapshot.sink;

	reason[0] = '\0';
	if (sink != NULL)
		return sink->ops->health == NULL ||
		       sink->ops->health(sink, &none, reason) == VMIRROR_SINK_WELL;
	/* One that hides its losses tells of them when it is asked. */
	if (mirror->sink != NULL && mirror->state != VMIRROR_FAILED && !mirror->lost &&
	    !vmirror_shared.eal_gone && !__atomic_load_n(&mirror->sink_gone, __ATOMIC_RELAXED))
		vmirror_mirror_check_sink(mirror);
	snprintf(reason, VMIRROR_SINK_REASON_SIZE, "%s", mirror->reason);
	return mirror->state != VMIRROR_FAILED && !mirror->lost;
}

static void
tell(const struct vmirror_mirror *mirror, const struct vmirror_counters *sum, bool well,
     const char *reason)
{
	const struct vmirror_snapshot *s = &mirror->snapshot;
	uint64_t pkts = sum->captured - s->pkts;
	uint64_t lost = RTE_MIN(pkts, lost_of(sum) - s->lost);
	char where[128];

	snprintf(where, sizeof(where), "%.120s", mirror->sink_plan.resource);
	if (s->sink != NULL)
		s->sink->ops->takes->name(s->sink, where, sizeof(where));
	if (well && lost == 0)
		vmirror_shared_notify(VMIRROR_INFO,
				      "mirror '%s': snapshot %" PRIu64 " of %" PRIu64
				      " packets is in %s",
				      mirror->spec.name, s->n, pkts, where);
	else
		vmirror_shared_notify(VMIRROR_ERROR,
				      "mirror '%s': snapshot %" PRIu64 ": %" PRIu64 " of %" PRIu64
				      " packets are not in %s%s%.250s",
				      mirror->spec.name, s->n, lost, pkts, where,
				      reason[0] != '\0' ? ": " : "", reason);
}

/* What went elsewhere after the mirror's own sink had failed is none of what that may have lost. */
static void
keep_apart(struct vmirror_mirror *mirror)
{
	struct vmirror_record *record;

	if (mirror->snapshot.sink == NULL || mirror->state != VMIRROR_FAILED)
		return;
	TAILQ_FOREACH (record, &mirror->records, next)
		record->well += record->drained.drained.accepted - record->drained.before.accepted;
}

static void
end(struct vmirror_mirror *mirror)
{
	struct vmirror_snapshot *s = &mirror->snapshot;
	char reason[VMIRROR_SINK_REASON_SIZE];
	struct vmirror_sink *sink = s->sink;
	struct vmirror_counters sum;
	bool well = look_at_sink(mirror, reason);

	s->runs = false;
	s->n++;
	keep_apart(mirror);
	vmirror_snapshot_counters(mirror, &sum);
	if (!well || lost_of(&sum) > s->lost)
		s->failed++;
	tell(mirror, &sum, well, reason);
	/* A fork must not find one that is going. */
	s->sink = NULL;
	vmirror_sink_destroy(sink, VMIRROR_SINK_DONE, true);
}

void
vmirror_snapshot_cut(struct vmirror_mirror *mirror)
{
	if (!mirror->snapshot.runs || mirror->snapshot.whole)
		return;
	mirror->snapshot.whole = true;
	vmirror_replay_is_whole(&mirror->drain);
}

void
vmirror_snapshot_complete(struct vmirror_mirror *mirror)
{
	if (!mirror->snapshot.runs)
		return;
	vmirror_snapshot_cut(mirror);
	vmirror_replay_wait(&mirror->drain, VMIRROR_SNAPSHOT_COMPLETE_NS);
	if (!vmirror_replay_runs(&mirror->drain))
		end(mirror);
}

void
vmirror_snapshot_stop(struct vmirror_mirror *mirror)
{
	if (mirror->snapshot.runs)
		end(mirror);
}

/* --- a trigger */

/* So many are longer than any TSC is; twice as many can still be said. */
static uint64_t
tsc_of_ms(uint64_t ms)
{
	uint64_t per_ms = rte_get_tsc_hz() / 1000;

	return RTE_MIN(ms, INT64_MAX / per_ms) * per_ms;
}

uint64_t
vmirror_snapshot_ago(uint64_t ms)
{
	uint64_t now = rte_rdtsc(), tsc = tsc_of_ms(ms);

	return tsc < now ? now - tsc : 0;
}

/*
 * The first packet that matched, of those that no trigger's snapshot shows; 0: none did. It stays where it
 * is until one does.
 */
static uint64_t
first_trigger(const struct vmirror_mirror *mirror)
{
	const struct vmirror_record *record;
	uint64_t first = 0;

	TAILQ_FOREACH (record, &mirror->records, next) {
		uint64_t tsc = __atomic_load_n(&record->ring_hook.triggered_tsc, __ATOMIC_RELAXED);

		if (tsc > mirror->path.shown_until)
			first = first == 0 ? tsc : RTE_MIN(first, tsc);
	}
	return first;
}

/* Whether all that passed up to then has been given up. */
static bool
is_overwritten(const struct vmirror_mirror *mirror, uint64_t until_tsc)
{
	const struct vmirror_record *record;

	TAILQ_FOREACH (record, &mirror->records, next)
		if (vmirror_recorder_oldest(record->recorder) <= until_tsc)
			return false;
	return true;
}

static void
tell_trigger_off(struct vmirror_mirror *mirror)
{
	if (mirror->snapshot.trigger_told)
		return;
	mirror->snapshot.trigger_told = true;
	vmirror_shared_notify(VMIRROR_WARNING,
			      "mirror '%s': its trigger has made its %" PRIu64
			      " snapshots (snapshots=) and makes no more",
			      mirror->spec.name, mirror->snapshot.triggered);
}

/* Of each packet that is one failure, however often it is tried. */
static void
tell_no_snapshot(struct vmirror_mirror *mirror, uint64_t tsc, const struct vmirror_error *err)
{
	uint64_t now = vmirror_now_ns();

	mirror->snapshot.failed += tsc != mirror->snapshot.failed_tsc;
	mirror->snapshot.failed_tsc = tsc;
	mirror->snapshot.again_ns = now + AGAIN_NS;
	if (now < mirror->snapshot.next_notice_ns)
		return;
	mirror->snapshot.next_notice_ns = now + VMIRROR_NOTICE_INTERVAL_NS;
	vmirror_shared_notify(VMIRROR_ERROR, "mirror '%s': no snapshot for its trigger: %s",
			      mirror->spec.name, err->text);
}

static void
heed_trigger(struct vmirror_mirror *mirror)
{
	const struct vmirror_spec *spec = &mirror->spec;
	struct vmirror_snapshot *s = &mirror->snapshot;
	uint64_t after =
		tsc_of_ms(spec->after_ms != 0 ? spec->after_ms : VMIRROR_SNAPSHOT_AFTER_MS);
	uint64_t before = tsc_of_ms(spec->before_ms);
	struct vmirror_snapshot_want want = {0};
	uint64_t tsc = first_trigger(mirror);
	struct vmirror_error err;

	if (s->runs || tsc == 0 || vmirror_now_ns() < s->again_ns)
		return;
	/* What waits then stays where it is: the core looks at no more packets. */
	if (s->triggered >= (spec->snapshots != 0 ? spec->snapshots : VMIRROR_SNAPSHOTS)) {
		tell_trigger_off(mirror);
		return;
	}
	want.until_tsc = tsc + after;
	if (spec->before_ms != 0 && tsc > before)
		want.from_tsc = tsc - before;
	/* One that has failed is tried for as long as there is something to show. */
	if (tsc != s->failed_tsc || !is_overwritten(mirror, want.until_tsc)) {
		if (vmirror_snapshot_begin(mirror, &want, &err) != 0) {
			tell_no_snapshot(mirror, tsc, &err);
			return;
		}
		s->triggered++;
	}
	__atomic_store_n(&mirror->path.shown_until, want.until_tsc, __ATOMIC_RELAXED);
}

void
vmirror_snapshot_tick(struct vmirror_mirror *mirror)
{
	struct vmirror_snapshot *s = &mirror->snapshot;

	if (s->runs && !s->whole && rte_rdtsc() > s->until_tsc) {
		vmirror_mirror_sync_cores(mirror);
		s->whole = true;
		vmirror_replay_is_whole(&mirror->drain);
	}
	if (s->runs && !vmirror_replay_runs(&mirror->drain))
		end(mirror);
	if (s->trigger != NULL && mirror->left_ns == 0)
		heed_trigger(mirror);
}

/* --- */

void
vmirror_snapshot_counters(struct vmirror_mirror *mirror, struct vmirror_counters *sum)
{
	const struct vmirror_record *record;
	struct vmirror_counters counters;
	struct vmirror_tally tally;
	uint64_t held = vmirror_mirror_held(mirror);

	*sum = (struct vmirror_counters){0};
	TAILQ_FOREACH (record, &mirror->records, next) {
		uint64_t doubtful = record->unsent, share;

		vmirror_tally_read(&record->drained.drained, &tally);
		if (mirror->state == VMIRROR_FAILED)
			doubtful += tally.accepted - RTE_MIN(record->well, tally.accepted);
		doubtful = RTE_MIN(doubtful, tally.accepted);
		share = RTE_MIN(held, tally.accepted - doubtful);
		held -= share;
		vmirror_tally_counters(&tally, doubtful, share, &counters);
		vmirror_counters_sum(sum, &counters);
	}
}
