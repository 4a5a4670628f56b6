/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The drain's thread, and what starts, stops and waits for it. mirror.c and feed.c decide when;
 * what it reads, ring_hook.c wrote on the forwarding cores.
 */

#include "lib/drain.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "devargs/error.h"
#include "lib/entry.h"
#include "lib/offer.h"
#include "lib/replay.h"
#include "lib/spool.h"

/* While the sink takes nothing, what is younger than so many times the latency stays in the rings. */
#define KEEP 10

/* The shortest sleep that is worth one. */
#define NAP_NS UINT64_C(50000)

/* How long a sink that takes packets itself may take to get rid of them. */
#define FLUSH_NS UINT64_C(3000000000)

/* And to take what may not stay in the rings; references.c waits for two seconds. */
#define LAST_PATIENCE_NS    UINT64_C(3000000000)
#define HURRIED_PATIENCE_NS UINT64_C(1000000000)

/* And how long the kernel may take, when it is done, to let the thread go. */
#define LEAVE_NS UINT64_C(1000000000)

/* Batches after which it looks whether a recorder is to stop. */
#define RECORDER_STEPS 64

/* How often the drain looks which cores it is to keep off. */
#define PLACE_NS UINT64_C(100000000)

void
vmirror_drain_nap(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

/* One that is late may be older than the first. */
void
vmirror_drain_note_time(struct vmirror_drain *drain, uint64_t ns)
{
	if (ns < drain->first_ns || drain->first_ns == 0)
		__atomic_store_n(&drain->first_ns, ns, __ATOMIC_RELAXED);
	if (ns > drain->last_ns)
		__atomic_store_n(&drain->last_ns, ns, __ATOMIC_RELAXED);
}

bool
vmirror_drain_is_late(struct vmirror_drain *drain, const struct vmirror_entry *entry)
{
	bool late = entry->tsc < drain->last_tsc;

	drain->last_tsc = RTE_MAX(drain->last_tsc, entry->tsc);
	return late;
}

static bool
too_long(const struct vmirror_path *path, const struct vmirror_entry *entry)
{
	if (vmirror_path_fits(path, entry->len))
		return false;
	return !vmirror_path_fits_tagged(path, entry->len) || !vmirror_unpack_is_vlan(entry);
}

static void
reject(struct vmirror_drain *drain, struct vmirror_merge_ring *r, bool is_too_long)
{
	const struct vmirror_sink_progress more = {
		.rejected_pkts = 1,
		.too_long_pkts = is_too_long,
	};
	const struct vmirror_tally one = {.rejected = 1};

	vmirror_path_begin_feed(drain->path);
	vmirror_tally_add(&r->drained, &one);
	vmirror_path_end_feed(drain->path, &more);
}

/* The mirror has had its count: this one was seen by the core alone. */
static void
leave_out(struct vmirror_merge_ring *r, const struct vmirror_entry *entry)
{
	const struct vmirror_tally one = {
		.seen = 1,
		.captured = 1,
		.bytes = entry->wire_len,
		.truncated = entry->len < entry->wire_len,
		.tso = (entry->flags & VMIRROR_ENTRY_TSO) != 0,
		.csum = (entry->flags & VMIRROR_ENTRY_CSUM) != 0,
		.lro = (entry->flags & VMIRROR_ENTRY_LRO) != 0,
		.repeats = (entry->flags & VMIRROR_ENTRY_REPEAT) != 0,
	};

	vmirror_tally_add(&r->surplus, &one);
}

static void
spend(struct vmirror_path *path, const struct vmirror_entry *entry)
{
	vmirror_path_spend(path, entry->len);
	if (path->budget == 0)
		vmirror_path_close_gate(path, VMIRROR_GATE_ENDED);
}

/*
 * One entry, whatever becomes of it.
 * @return false: it stays, as the sink holds all mbufs, or all blocks
 */
static bool
handle(struct vmirror_drain *drain, struct vmirror_merge_ring *r, struct vmirror_batch *batch)
{
	const struct vmirror_entry *entry = vmirror_merge_peek(r);
	struct vmirror_path *path = drain->path;
	/* Acquire: an open gate comes after what is behind it. */
	enum vmirror_path_gate gate = __atomic_load_n(&path->gate, __ATOMIC_ACQUIRE);

	if (vmirror_drain_records(drain) && !vmirror_replay_shows(drain, r, entry)) {
		vmirror_merge_skip(r, entry);
		return true;
	}
	/* A sink that a snapshot has for itself says itself how it is. */
	if (drain->replay.sink != NULL) {
		if (!vmirror_spool_put(drain, r, entry))
			return false;
	} else if (path->budget == 0) {
		leave_out(r, entry);
	} else if (gate == VMIRROR_GATE_SINK_LOST || gate == VMIRROR_GATE_SINK_FAILED) {
		/* A successor that is being made just now was not fed these. */
		const struct vmirror_tally one = {.rejected = 1};

		vmirror_tally_add(&r->drained, &one);
		if (gate == VMIRROR_GATE_SINK_LOST)
			spend(path, entry);
	} else if (too_long(path, entry)) {
		reject(drain, r, true);
		spend(path, entry);
	} else if (drain->spools ? vmirror_spool_put(drain, r, entry)
				 : vmirror_batch_take(drain, r, entry, batch)) {
		spend(path, entry);
	} else {
		return false;
	}
	vmirror_merge_skip(r, entry);
	return true;
}

/* Fill a batch with what is oldest. @return false: there is no more before the horizon */
static bool
fill(struct vmirror_drain *drain, uint64_t horizon, struct vmirror_batch *batch)
{
	struct vmirror_merge_ring *r;
	const struct vmirror_entry *entry;
	unsigned int handled;
	uint64_t until;

	vmirror_clock_look(&drain->clock);
	/* Also those that do not get into the batch count: control may be waiting. */
	for (handled = 0; handled < VMIRROR_BATCH;) {
		r = vmirror_merge_oldest(&drain->merge, horizon, &until);
		if (r == NULL)
			return false;
		while (handled < VMIRROR_BATCH && (entry = vmirror_merge_peek(r)) != NULL &&
		       entry->tsc <= until) {
			if (!handle(drain, r, batch))
				return batch->n > 0;
			handled++;
		}
	}
	return true;
}

/* Of what is not after the horizon, the oldest: NULL when there is none. */
static const struct vmirror_entry *
next(struct vmirror_drain *drain, uint64_t horizon, struct vmirror_merge_ring **r)
{
	uint64_t until;

	*r = vmirror_merge_oldest(&drain->merge, horizon, &until);
	return *r == NULL ? NULL : vmirror_merge_peek(*r);
}

/* Take out a batch, or an entry for which there is no mbuf. @return false: the sink is stuck */
static bool
step(struct vmirror_drain *drain, uint64_t horizon, bool last, struct vmirror_batch *batch,
     bool *more)
{
	struct vmirror_merge_ring *r;
	const struct vmirror_entry *entry;

	*more = fill(drain, horizon, batch);
	if (batch->n > 0)
		return vmirror_batch_offer(drain, batch);
	if (*more || (entry = next(drain, horizon, &r)) == NULL)
		return true;
	*more = true;
	if (drain->spools)
		return vmirror_spool_wait(drain, last);
	if (vmirror_batch_wait(drain))
		return true;
	reject(drain, r, false);
	spend(drain->path, entry);
	vmirror_merge_skip(r, entry);
	return false;
}

/* Pairs with vmirror_drain_sync(): the gate is looked at after this is seen. */
void
vmirror_drain_enter(struct vmirror_drain *drain)
{
	__atomic_store_n(&drain->seq, drain->seq + 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
vmirror_drain_leave(struct vmirror_drain *drain)
{
	__atomic_store_n(&drain->seq, drain->seq + 1, __ATOMIC_RELEASE);
}

void
vmirror_drain_pass(struct vmirror_drain *drain, uint64_t horizon, bool last)
{
	struct vmirror_batch batch = {.n = 0};
	const struct vmirror_entry *entry;
	struct vmirror_merge_ring *r;
	bool goes, more = true;
	unsigned int steps;

	for (steps = 0; more && !(vmirror_drain_records(drain) && steps == RECORDER_STEPS);
	     steps++) {
		vmirror_drain_enter(drain);
		goes = step(drain, horizon, last, &batch, &more);
		vmirror_merge_release(&drain->merge);
		vmirror_drain_leave(drain);
		if (goes || last)
			continue;
		if (drain->spools || vmirror_drain_records(drain))
			return;
		entry = next(drain, horizon, &r);
		if (entry != NULL && rte_rdtsc() - entry->tsc < drain->keep_tsc)
			return;
	}
}

/* --- the thread */

/*
 * Take out what is there, but not what is held back. A ring by itself needs no order, and one that is
 * half full cannot wait.
 * @return how long to sleep then: until a ring is a quarter full, at the rate at which it filled
 */
static uint64_t
work(struct vmirror_drain *drain, bool last)
{
	const uint64_t longest = drain->latency_ns / 2;
	const uint64_t start = vmirror_now_ns();
	uint64_t since = start - drain->looked_ns;
	uint64_t horizon = rte_rdtsc() - drain->hold_tsc; /* before the look: nothing is missed */
	struct vmirror_merge_fill found = vmirror_merge_look(&drain->merge);
	const struct vmirror_merge_ring *r = vmirror_merge_first(&drain->merge);
	uint64_t until = longest, took;

	if (last || r == NULL || r->next == NULL || found.all >= 128)
		horizon = UINT64_MAX;
	vmirror_drain_pass(drain, horizon, last);
	drain->looked_ns = start;
	if (found.fresh > 0)
		until = RTE_MIN(longest, since * 64 / found.fresh);
	took = vmirror_now_ns() - start;
	return until > took ? until - took : 0;
}

/* Sleep, unless control wants something. */
static void
doze(struct vmirror_drain *drain, uint64_t ns)
{
	pthread_mutex_lock(&drain->lock);
	if (!drain->stop && !drain->hurried && drain->asked == drain->emptied)
		vmirror_cond_wait_for(&drain->wake, &drain->lock, ns);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_drain_place(struct vmirror_drain *drain)
{
	cpu_set_t use = drain->allowed;
	uint64_t now = vmirror_now_ns();

	if (drain->core >= 0 || now - drain->placed_ns < PLACE_NS)
		return;
	drain->placed_ns = now;
	vmirror_merge_clear_cpus(&drain->merge, &use);
	if (CPU_COUNT(&use) == 0)
		use = drain->allowed;
	if (!CPU_EQUAL(&use, &drain->used) &&
	    pthread_setaffinity_np(pthread_self(), sizeof(use), &use) == 0)
		drain->used = use;
}

/* The rings are empty: so is to be what the sink has under way, if it goes on. */
static void
flush_sink(struct vmirror_drain *drain)
{
	uint64_t until = vmirror_now_ns() + FLUSH_NS;
	bool done;

	do {
		vmirror_drain_enter(drain);
		done = vmirror_spool_flush(drain);
		vmirror_drain_leave(drain);
	} while (!done && vmirror_now_ns() < until);
}

/* What a sink that takes packets itself needs after each look into the rings. */
static void
tend_sink(struct vmirror_drain *drain, bool flush, bool stop)
{
	if (!drain->spools)
		return;
	drain->gave_up = false;
	if (flush)
		flush_sink(drain);
	vmirror_drain_enter(drain);
	if (stop && !drain->aborts)
		vmirror_spool_finish(drain);
	else
		vmirror_spool_poll(drain);
	vmirror_drain_leave(drain);
}

static void
run(struct vmirror_drain *drain)
{
	uint64_t asked, idle;
	bool hurried, stop;

	pthread_getaffinity_np(pthread_self(), sizeof(drain->allowed), &drain->allowed);
	drain->used = drain->allowed;
	drain->looked_ns = vmirror_now_ns();
	for (;;) {
		pthread_mutex_lock(&drain->lock);
		asked = drain->asked;
		hurried = drain->hurried;
		drain->hurried = false;
		stop = drain->stop;
		pthread_mutex_unlock(&drain->lock);

		/* Who has only hurried it may be about to free what is held. */
		drain->until_ns =
			vmirror_now_ns() +
			(stop || asked != drain->emptied ? LAST_PATIENCE_NS : HURRIED_PATIENCE_NS);
		/* Whoever asks has stopped the cores: what they wrote is there. */
		idle = work(drain, stop || hurried || asked != drain->emptied);
		tend_sink(drain, asked != drain->emptied, stop);
		if (asked != drain->emptied) {
			pthread_mutex_lock(&drain->lock);
			drain->emptied = asked;
			pthread_cond_broadcast(&drain->idle);
			pthread_mutex_unlock(&drain->lock);
		}
		if (stop)
			return;
		vmirror_drain_place(drain);
		/* A sink that does not keep up gets no rest, and others of this core their turn. */
		doze(drain, RTE_MAX(idle, NAP_NS));
	}
}

static vmirror_thread_ret_t
drain_thread(void *arg)
{
	struct vmirror_drain *drain = arg;

	if (vmirror_drain_records(drain))
		vmirror_replay_run(drain);
	else
		run(drain);
	pthread_mutex_lock(&drain->lock);
	drain->ended = true;
	pthread_cond_broadcast(&drain->idle);
	pthread_mutex_unlock(&drain->lock);
	return VMIRROR_THREAD_RETURN;
}

/* --- control */

int
vmirror_drain_init(struct vmirror_drain *drain, struct vmirror_path *path, uint64_t latency_ns,
		   int core, const struct vmirror_sink_ops *ops, bool records)
{
	struct vmirror_almanac *almanac = records ? calloc(1, sizeof(*almanac)) : NULL;

	if (records && almanac == NULL)
		return -ENOMEM;
	*drain = (struct vmirror_drain){
		.path = path,
		.latency_ns = latency_ns,
		.core = core,
		.hold_tsc = latency_ns / 4 * rte_get_tsc_hz() / 1000000000,
		.keep_tsc = latency_ns * KEEP / 1000 * rte_get_tsc_hz() / 1000000,
		.patience = VMIRROR_PATIENCE,
		.spools = ops->takes != NULL,
		.almanac = almanac,
	};
	vmirror_clock_join(&drain->clock);
	vmirror_unpack_init(&drain->unpack, &path->pool, !ops->holds);
	pthread_mutex_init(&drain->lock, NULL);
	vmirror_cond_init(&drain->wake);
	vmirror_cond_init(&drain->idle);
	return 0;
}

void
vmirror_drain_fini(struct vmirror_drain *drain)
{
	if (drain->path == NULL)
		return;
	vmirror_clock_leave(&drain->clock);
	pthread_cond_destroy(&drain->idle);
	pthread_cond_destroy(&drain->wake);
	pthread_mutex_destroy(&drain->lock);
	free(drain->almanac);
}

/* By whoever starts the thread: it may get no turn on a core that somebody else never leaves. */
static int
pin(struct vmirror_drain *drain, struct vmirror_error *err)
{
	cpu_set_t cpus;
	int ret;

	CPU_ZERO(&cpus);
	CPU_SET(drain->core, &cpus);
	ret = vmirror_thread_set_affinity(drain->thread, &cpus);
	if (ret == 0)
		return 0;
	vmirror_drain_abort(drain);
	return vmirror_error_set(
		err, ret, "core=%d: there is no such core, or the process may not run on it (%s)",
		drain->core, strerror(-ret));
}

int
vmirror_drain_start(struct vmirror_drain *drain, struct vmirror_error *err)
{
	int ret;

	drain->stop = false;
	drain->ended = false;
	ret = vmirror_thread_start(&drain->thread, "vmirror-drain", drain_thread, drain);
	if (ret != 0)
		return vmirror_error_set(err, ret, "drain thread: %s", strerror(-ret));
	drain->running = true;
	return drain->core < 0 ? 0 : pin(drain, err);
}

void
vmirror_drain_end(struct vmirror_drain *drain)
{
	if (!drain->running)
		return;
	pthread_mutex_lock(&drain->lock);
	drain->stop = true;
	pthread_cond_signal(&drain->wake);
	pthread_mutex_unlock(&drain->lock);
}

bool
vmirror_drain_has_ended(struct vmirror_drain *drain, uint64_t ns)
{
	uint64_t now = vmirror_now_ns(), until = now + ns;
	bool ended;

	if (!drain->running)
		return true;
	pthread_mutex_lock(&drain->lock);
	for (; !drain->ended && now < until; now = vmirror_now_ns())
		vmirror_cond_wait_for(&drain->idle, &drain->lock, until - now);
	ended = drain->ended;
	pthread_mutex_unlock(&drain->lock);
	return ended;
}

void
vmirror_drain_stop(struct vmirror_drain *drain)
{
	if (!drain->running)
		return;
	vmirror_drain_end(drain);
	while (!vmirror_drain_has_ended(drain, FLUSH_NS))
		;
	vmirror_thread_leave(drain->thread, LEAVE_NS);
	drain->running = false;
}

void
vmirror_drain_abort(struct vmirror_drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	drain->aborts = true;
	pthread_mutex_unlock(&drain->lock);
	vmirror_drain_stop(drain);
}

void
vmirror_drain_flush(struct vmirror_drain *drain)
{
	uint64_t asked;

	/* A recorder's rings are not emptied. */
	if (!drain->running || vmirror_drain_records(drain))
		return;
	pthread_mutex_lock(&drain->lock);
	asked = ++drain->asked;
	pthread_cond_signal(&drain->wake);
	while (drain->emptied < asked && !drain->ended)
		pthread_cond_wait(&drain->idle, &drain->lock);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_drain_hurry(struct vmirror_drain *drain)
{
	pthread_mutex_lock(&drain->lock);
	drain->hurried = true;
	pthread_cond_signal(&drain->wake);
	pthread_mutex_unlock(&drain->lock);
}

void
vmirror_drain_sync(struct vmirror_drain *drain)
{
	uint64_t seq;

	/* Pairs with vmirror_drain_enter(): whoever enters after this sees what was stored before. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	seq = __atomic_load_n(&drain->seq, __ATOMIC_SEQ_CST);
	while ((seq & 1) != 0 && __atomic_load_n(&drain->seq, __ATOMIC_ACQUIRE) == seq)
		vmirror_drain_nap(NAP_NS);
}
