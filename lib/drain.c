/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The drain's thread, and what starts, stops and waits for it. mirror.c and feed.c decide when;
 * what it reads, ring_hook.c wrote on the forwarding cores.
 */

#include "lib/drain.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "devargs/error.h"
#include "lib/entry.h"

/* Packets that the sink is offered at a time. */
#define BATCH 32

/* A refused packet is offered again so often, so long apart; then it is the sink's no. */
#define PATIENCE 100u
#define TRY_NS   UINT64_C(100000)

/* While the sink takes nothing, what is younger than so many times the latency stays in the rings. */
#define KEEP 10

/* The shortest sleep that is worth one. */
#define NAP_NS UINT64_C(50000)

/* How often the drain looks which cores it is to keep off. */
#define PLACE_NS UINT64_C(100000000)

struct batch {
	uint16_t n;
	struct rte_mbuf *own[BATCH];
	uint32_t kept[BATCH]; /* bytes that the sink keeps of each */
	uint64_t ns[BATCH];   /* when each passed its hook, CLOCK_REALTIME */
	struct vmirror_merge_ring *from[BATCH];
};

static bool
too_long(const struct vmirror_path *path, const struct vmirror_entry *entry)
{
	if (vmirror_path_fits(path, entry->len))
		return false;
	return !vmirror_path_fits_tagged(path, entry->len) || !vmirror_unpack_is_vlan(entry);
}

/* --- feeding the sink */

static void
nap(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

/*
 * One that the sink's driver has no room for now it may have in a moment; one that it never takes
 * must not hold up the others for long. @return how many it takes of the rest, or 0
 */
static uint16_t
offer(struct vmirror_drain *drain, struct rte_mbuf **pkts, uint16_t n)
{
	const struct vmirror_path *path = drain->path;
	uint16_t sent = rte_eth_tx_burst(path->sink_port, 0, pkts, n);
	unsigned int tries;

	for (tries = 0; sent == 0 && tries < drain->patience; tries++) {
		enum vmirror_path_gate gate = __atomic_load_n(&path->gate, __ATOMIC_RELAXED);

		if (gate == VMIRROR_GATE_SINK_LOST || gate == VMIRROR_GATE_SINK_FAILED)
			return 0;
		nap(TRY_NS);
		sent = rte_eth_tx_burst(path->sink_port, 0, pkts, n);
	}
	if (sent > 0 && tries > 0)
		drain->patience = PATIENCE; /* it was worth it */
	return sent;
}

/* The sink took a packet of that time. One that is late may be older than the first. */
static void
note_time(struct vmirror_drain *drain, uint64_t ns)
{
	if (ns < drain->first_ns || drain->first_ns == 0)
		__atomic_store_n(&drain->first_ns, ns, __ATOMIC_RELAXED);
	if (ns > drain->last_ns)
		__atomic_store_n(&drain->last_ns, ns, __ATOMIC_RELAXED);
}

/*
 * Hand over a batch, and count.
 * @return false: the sink wants nothing now, and what it did not take was given up
 */
static bool
deliver(struct vmirror_drain *drain, struct batch *batch)
{
	struct vmirror_sink_progress more = {0};
	bool accepted[BATCH];
	unsigned int refusals = 0;
	uint16_t at = 0, i;

	while (at < batch->n && refusals < 2) {
		uint16_t sent = offer(drain, batch->own + at, batch->n - at);

		if (sent > 0 && refusals > 0)
			drain->patience /= 2; /* it was that one */
		refusals = sent == 0 ? refusals + 1 : 0;
		for (i = at, at += sent; i < at; i++) {
			accepted[i] = true;
			note_time(drain, batch->ns[i]);
			more.accepted_bytes += batch->kept[i];
		}
		if (sent == 0) {
			rte_pktmbuf_free(batch->own[at]);
			accepted[at++] = false;
		}
	}
	if (refusals == 2)
		drain->patience = 0;
	else if (refusals == 0)
		drain->patience = RTE_MIN(PATIENCE, 2 * drain->patience + 1);
	for (; at < batch->n; at++) {
		rte_pktmbuf_free(batch->own[at]);
		accepted[at] = false;
	}

	vmirror_path_begin_feed(drain->path);
	for (i = 0; i < batch->n; i++) {
		const struct vmirror_tally one = {.accepted = accepted[i],
						  .rejected = !accepted[i]};

		vmirror_tally_add(&batch->from[i]->drained, &one);
		more.accepted_pkts += accepted[i];
		more.rejected_pkts += !accepted[i];
	}
	vmirror_path_end_feed(drain->path, &more);
	batch->n = 0;
	return refusals < 2;
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
spend(struct vmirror_path *path)
{
	if (--path->budget == 0)
		vmirror_path_close_gate(path, VMIRROR_GATE_ENDED);
}

/* An mbuf for an entry, added to the batch. @return false: the sink holds all there are */
static bool
take(struct vmirror_drain *drain, struct vmirror_merge_ring *r, const struct vmirror_entry *entry,
     struct batch *batch)
{
	struct rte_mbuf *own = vmirror_unpack_entry(&drain->unpack, entry);
	struct vmirror_tally odd = {0};

	if (own == NULL)
		return false;
	batch->own[batch->n] = own;
	batch->kept[batch->n] = vmirror_path_fit(drain->path, own);
	batch->ns[batch->n] = vmirror_clock_convert(&drain->clock, entry->tsc);
	batch->from[batch->n] = r;
	odd.truncated = entry->len == entry->wire_len && batch->kept[batch->n] < entry->wire_len;
	odd.late = entry->tsc < drain->last_tsc;
	drain->last_tsc = RTE_MAX(drain->last_tsc, entry->tsc);
	vmirror_tally_add(&r->drained, &odd);
	batch->n++;
	return true;
}

/*
 * One entry, whatever becomes of it.
 * @return false: it stays, as the sink holds all mbufs
 */
static bool
handle(struct vmirror_drain *drain, struct vmirror_merge_ring *r, struct batch *batch)
{
	const struct vmirror_entry *entry = vmirror_merge_peek(r);
	struct vmirror_path *path = drain->path;
	/* Acquire: an open gate comes after what is behind it. */
	enum vmirror_path_gate gate = __atomic_load_n(&path->gate, __ATOMIC_ACQUIRE);

	if (path->budget == 0) {
		leave_out(r, entry);
	} else if (gate == VMIRROR_GATE_SINK_LOST || gate == VMIRROR_GATE_SINK_FAILED) {
		/* A successor that is being made just now was not fed these. */
		const struct vmirror_tally one = {.rejected = 1};

		vmirror_tally_add(&r->drained, &one);
		if (gate == VMIRROR_GATE_SINK_LOST)
			spend(path);
	} else if (too_long(path, entry)) {
		reject(drain, r, true);
		spend(path);
	} else if (take(drain, r, entry, batch)) {
		spend(path);
	} else {
		return false;
	}
	vmirror_merge_skip(r, entry);
	return true;
}

/* Fill a batch with what is oldest. @return false: there is no more before the horizon */
static bool
fill(struct vmirror_drain *drain, uint64_t horizon, struct batch *batch)
{
	struct vmirror_merge_ring *r;
	const struct vmirror_entry *entry;
	unsigned int handled;
	uint64_t until;

	vmirror_clock_look(&drain->clock);
	/* Also those that do not get into the batch count: control may be waiting. */
	for (handled = 0; handled < BATCH;) {
		r = vmirror_merge_oldest(&drain->merge, horizon, &until);
		if (r == NULL)
			return false;
		while (handled < BATCH && (entry = vmirror_merge_peek(r)) != NULL &&
		       entry->tsc <= until) {
			if (!handle(drain, r, batch))
				return batch->n > 0;
			handled++;
		}
	}
	return true;
}

/*
 * The sink holds all mbufs: it is given a moment.
 * @return false: it has had those
 */
static bool
wait_for_mbufs(struct vmirror_drain *drain)
{
	if (drain->patience == 0)
		return false;
	drain->patience--;
	nap(TRY_NS);
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
step(struct vmirror_drain *drain, uint64_t horizon, struct batch *batch, bool *more)
{
	struct vmirror_merge_ring *r;
	const struct vmirror_entry *entry;

	*more = fill(drain, horizon, batch);
	if (batch->n > 0)
		return deliver(drain, batch);
	if (*more || (entry = next(drain, horizon, &r)) == NULL)
		return true;
	*more = true;
	if (wait_for_mbufs(drain))
		return true;
	reject(drain, r, false);
	spend(drain->path);
	vmirror_merge_skip(r, entry);
	return false;
}

/*
 * All that is not after the horizon. While the sink is stuck, what is young enough stays in the
 * rings, unless it is the last time.
 */
static void
pass(struct vmirror_drain *drain, uint64_t horizon, bool last)
{
	struct batch batch = {.n = 0};
	const struct vmirror_entry *entry;
	struct vmirror_merge_ring *r;
	bool goes, more = true;

	while (more) {
		/* Pairs with vmirror_drain_sync(): the gate is looked at after this is seen. */
		__atomic_store_n(&drain->seq, drain->seq + 1, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		goes = step(drain, horizon, &batch, &more);
		vmirror_merge_release(&drain->merge);
		__atomic_store_n(&drain->seq, drain->seq + 1, __ATOMIC_RELEASE);
		if (goes || last)
			continue;
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
	pass(drain, horizon, last);
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

/* Now and then, keep off the cores that fill the rings: they may have moved. */
static void
place(struct vmirror_drain *drain)
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

static vmirror_thread_ret_t
drain_thread(void *arg)
{
	struct vmirror_drain *drain = arg;
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

		/* Whoever asks has stopped the cores: what they wrote is there. */
		idle = work(drain, stop || hurried || asked != drain->emptied);
		if (asked != drain->emptied) {
			pthread_mutex_lock(&drain->lock);
			drain->emptied = asked;
			pthread_cond_broadcast(&drain->idle);
			pthread_mutex_unlock(&drain->lock);
		}
		if (stop)
			return VMIRROR_THREAD_RETURN;
		place(drain);
		/* A sink that does not keep up gets no rest, and others of this core their turn. */
		doze(drain, RTE_MAX(idle, NAP_NS));
	}
}

/* --- control */

void
vmirror_drain_init(struct vmirror_drain *drain, struct vmirror_path *path, uint64_t latency_ns,
		   int core, bool holds)
{
	*drain = (struct vmirror_drain){
		.path = path,
		.latency_ns = latency_ns,
		.core = core,
		.hold_tsc = latency_ns / 4 * rte_get_tsc_hz() / 1000000000,
		.keep_tsc = latency_ns * KEEP / 1000 * rte_get_tsc_hz() / 1000000,
		.patience = PATIENCE,
	};
	vmirror_clock_join(&drain->clock);
	vmirror_unpack_init(&drain->unpack, &path->pool, !holds);
	pthread_mutex_init(&drain->lock, NULL);
	vmirror_cond_init(&drain->wake);
	vmirror_cond_init(&drain->idle);
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
	vmirror_drain_stop(drain);
	return vmirror_error_set(
		err, ret, "core=%d: there is no such core, or the process may not run on it (%s)",
		drain->core, strerror(-ret));
}

int
vmirror_drain_start(struct vmirror_drain *drain, struct vmirror_error *err)
{
	int ret;

	drain->stop = false;
	ret = vmirror_thread_start(&drain->thread, "vmirror-drain", drain_thread, drain);
	if (ret != 0)
		return vmirror_error_set(err, ret, "drain thread: %s", strerror(-ret));
	drain->running = true;
	return drain->core < 0 ? 0 : pin(drain, err);
}

void
vmirror_drain_stop(struct vmirror_drain *drain)
{
	if (!drain->running)
		return;
	pthread_mutex_lock(&drain->lock);
	drain->stop = true;
	pthread_cond_signal(&drain->wake);
	pthread_mutex_unlock(&drain->lock);
	vmirror_thread_join(drain->thread);
	drain->running = false;
}

void
vmirror_drain_flush(struct vmirror_drain *drain)
{
	uint64_t asked;

	if (!drain->running)
		return;
	pthread_mutex_lock(&drain->lock);
	asked = ++drain->asked;
	pthread_cond_signal(&drain->wake);
	while (drain->emptied < asked)
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

	/* Pairs with pass(): what the caller stored before is seen by whoever enters after this. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	seq = __atomic_load_n(&drain->seq, __ATOMIC_SEQ_CST);
	while ((seq & 1) != 0 && __atomic_load_n(&drain->seq, __ATOMIC_ACQUIRE) == seq)
		nap(NAP_NS);
}
