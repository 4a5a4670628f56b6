/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the TSC to CLOCK_REALTIME. engine.c ticks, drain.c reads, mirror.c tells of jumps. Knows
 * nothing of DPDK, so that it can be tested with clocks of the test's own.
 *
 * CLOCK_MONOTONIC is slewed as CLOCK_REALTIME is, and never set: the difference of the two tells a
 * clock that was set (or a machine that was suspended) from one that runs at another rate, and the
 * rate is measured by it, across jumps.
 */

#include "lib/clock.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

/* The tightest of so many readings counts, if it took no longer than this; else twice as long may do. */
#define READINGS 5
#define WIDEST   UINT64_C(20000)

/* A segment is replaced when it is as old as this, or wrong by as much. */
#define SEGMENT_NS NS_PER_S
#define WRONG_NS   1000

/* What a correction takes, at the least, and how many times as long as the error is. */
#define BEND_NS UINT64_C(100000000)
#define BEND    4

/* The rate is measured over the last one or two of these; over this at the least, but the first time. */
#define WINDOW_NS      (8 * NS_PER_S)
#define SHORT_NS       UINT64_C(100000000)
#define SHORT_FIRST_NS UINT64_C(5000000)

/* A rate beyond this part of tsc_hz is none: chrony slews by a twelfth. */
#define RATE_OFF 0.12

/* One that is further off than this part since the last tick is another from then on. */
#define RATE_CHANGED 0.001

/* Less than this is made up for, even where the clock was set. */
#define JUMP_NS 500000

/* A TSC that is further off than that since the last tick has jumped: no two rates differ by as much. */
#define SLACK_NS   1000000
#define SLACK_PART 0.25

/* All three clocks at a moment. */
struct reading {
	uint64_t tsc;
	uint64_t real_ns;
	uint64_t mono_ns;
	uint64_t width;   /* how long it took, of the TSC */
	uint64_t real_at; /* how far from tsc real_ns may have been read, of the TSC */
};

/* Control lock, but for history, which readers copy. */
static struct {
	struct vmirror_clock_source source;
	unsigned int readers;
	double rate;          /* nanoseconds for each of the TSC */
	bool measured;        /* it is not just what the source said */
	uint64_t limit_ns;    /* readings may take as long */
	struct reading last;  /* that counted */
	struct reading young; /* since which the rate will be measured next */
	struct reading old;   /* since which it is */
	uint64_t ahead_tsc;   /* of the last jump */
	struct vmirror_clock_jumps jumps;
	struct vmirror_clock_history history;
} self;

static uint64_t
system_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t
magnitude(int64_t value)
{
	return (uint64_t)(value < 0 ? -value : value);
}

/* --- segments */

static uint64_t
segment_at(const struct vmirror_clock_segment *s, uint64_t tsc)
{
	if (tsc >= s->bend_tsc)
		return s->bend_ns + (uint64_t)((double)(tsc - s->bend_tsc) * s->rate);
	if (tsc >= s->tsc)
		return s->ns + (uint64_t)((double)(tsc - s->tsc) * s->slew);
	/* Older than all that are kept. */
	return s->ns - (uint64_t)((double)(s->tsc - tsc) * s->rate);
}

static struct vmirror_clock_segment *
place(struct vmirror_clock_history *history, uint64_t n)
{
	return &history->segments[n % VMIRROR_CLOCK_SEGMENTS];
}

/* The number of the oldest that is kept. */
static uint64_t
oldest_of(const struct vmirror_clock_history *history)
{
	return history->n > VMIRROR_CLOCK_SEGMENTS ? history->n - VMIRROR_CLOCK_SEGMENTS : 0;
}

/* The segment that a TSC belongs to, or the oldest. */
static const struct vmirror_clock_segment *
find(struct vmirror_clock_history *history, uint64_t tsc)
{
	uint64_t n = history->n;
	uint64_t oldest = oldest_of(history);

	for (n--; n > oldest && place(history, n)->tsc > tsc; n--)
		;
	return place(history, n);
}

#define STORE(to, from) __atomic_store(&(to), &(from), __ATOMIC_RELEASE)
#define LOAD(to, from)  __atomic_load(&(from), &(to), __ATOMIC_ACQUIRE)

/*
 * Each is stored with release, behind the odd number, and read with acquire, before that is looked at
 * again: who read anything of a change sees that there was one.
 */
static void
publish(const struct vmirror_clock_segment *s, bool first)
{
	struct vmirror_clock_history *h = &self.history;
	struct vmirror_clock_segment *to = place(h, first ? 0 : h->n);
	uint64_t life = h->life + first, n = first ? 1 : h->n + 1;

	__atomic_store_n(&h->seq, h->seq + 1, __ATOMIC_RELAXED);
	STORE(to->tsc, s->tsc);
	STORE(to->ns, s->ns);
	STORE(to->bend_tsc, s->bend_tsc);
	STORE(to->bend_ns, s->bend_ns);
	STORE(to->slew, s->slew);
	STORE(to->rate, s->rate);
	STORE(to->ahead_ns, s->ahead_ns);
	STORE(to->ahead_tsc, s->ahead_tsc);
	STORE(h->life, life);
	STORE(h->n, n);
	__atomic_store_n(&h->seq, h->seq + 1, __ATOMIC_RELEASE);
}

/* @return false: it is being changed, or was meanwhile */
static bool
copy(struct vmirror_clock_history *to)
{
	struct vmirror_clock_history *h = &self.history;
	uint64_t i, n;

	LOAD(to->seq, h->seq);
	LOAD(to->life, h->life);
	LOAD(to->n, h->n);
	n = to->n < VMIRROR_CLOCK_SEGMENTS ? to->n : VMIRROR_CLOCK_SEGMENTS;
	for (i = 0; i < n; i++) {
		LOAD(to->segments[i].tsc, h->segments[i].tsc);
		LOAD(to->segments[i].ns, h->segments[i].ns);
		LOAD(to->segments[i].bend_tsc, h->segments[i].bend_tsc);
		LOAD(to->segments[i].bend_ns, h->segments[i].bend_ns);
		LOAD(to->segments[i].slew, h->segments[i].slew);
		LOAD(to->segments[i].rate, h->segments[i].rate);
		LOAD(to->segments[i].ahead_ns, h->segments[i].ahead_ns);
		LOAD(to->segments[i].ahead_tsc, h->segments[i].ahead_tsc);
	}
	return (to->seq & 1) == 0 && __atomic_load_n(&h->seq, __ATOMIC_RELAXED) == to->seq;
}

/* A segment from a time on, that makes up for an error on its way. */
static void
begin_segment(uint64_t tsc, uint64_t ns, int64_t error_ns, bool first)
{
	uint64_t bend_ns = magnitude(error_ns) * BEND;
	struct vmirror_clock_segment s = {
		.tsc = tsc,
		.ns = ns,
		.rate = self.rate,
		.ahead_ns = self.jumps.ahead_ns,
		.ahead_tsc = self.ahead_tsc,
	};

	if (bend_ns < BEND_NS)
		bend_ns = BEND_NS;
	s.slew = self.rate * (1 + (double)error_ns / (double)bend_ns);
	s.bend_tsc = tsc + (uint64_t)((double)bend_ns / self.rate);
	s.bend_ns = ns + (uint64_t)((double)(s.bend_tsc - tsc) * s.slew);
	publish(&s, first);
}

/* --- the clocks */

/* @return false: whoever read was interrupted each time */
static bool
read_clocks(struct reading *best)
{
	uint64_t (*ns)(clockid_t id) = self.source.ns != NULL ? self.source.ns : system_ns;
	unsigned int i;

	*best = (struct reading){.width = UINT64_MAX};
	for (i = 0; i < READINGS; i++) {
		uint64_t begin = self.source.tsc(), mono_ns = ns(CLOCK_MONOTONIC);
		uint64_t middle = self.source.tsc(), real_ns = ns(CLOCK_REALTIME);
		uint64_t end = self.source.tsc();

		if (end - begin >= best->width || end < middle || middle < begin)
			continue;
		*best = (struct reading){
			.tsc = middle + (end - middle) / 2,
			.real_ns = real_ns,
			.mono_ns = mono_ns,
			.width = end - begin,
			.real_at = (end - middle) / 2,
		};
	}
	if ((double)best->width * self.rate <= (double)self.limit_ns) {
		self.limit_ns = WIDEST;
		return true;
	}
	if (self.limit_ns < NS_PER_S)
		self.limit_ns *= 2;
	return false;
}

static void
measure_from(const struct reading *now)
{
	self.old = self.young = *now;
}

static void
measure(const struct reading *now)
{
	uint64_t ns = now->mono_ns - self.old.mono_ns;
	double rate = (double)ns / (double)(now->tsc - self.old.tsc);
	double said = (double)NS_PER_S / (double)self.source.tsc_hz;

	if (ns >= (self.measured ? SHORT_NS : SHORT_FIRST_NS) && rate > said * (1 - RATE_OFF) &&
	    rate < said * (1 + RATE_OFF)) {
		self.rate = rate;
		self.measured = true;
	}
	if (now->mono_ns - self.young.mono_ns < WINDOW_NS)
		return;
	self.old = self.young;
	self.young = *now;
}

/* How far from each other the clocks of two readings may have been read. */
static double
unsure_ns(const struct reading *now)
{
	return (double)(now->width + self.last.width) * self.rate;
}

/*
 * Whether the TSC and CLOCK_MONOTONIC went different ways since the last tick, so far that it is no
 * matter of rates. The rate is measured across nothing of the kind.
 */
static bool
follow_tsc(const struct reading *now)
{
	double ns = (double)(now->mono_ns - self.last.mono_ns);
	double off = ns - (double)(now->tsc - self.last.tsc) * self.rate;

	off = off < 0 ? -off : off;
	if (off > SLACK_NS + SLACK_PART * ns) {
		measure_from(now);
		return true;
	}
	if (self.measured && off > unsure_ns(now) + RATE_CHANGED * ns) {
		measure_from(&self.last);
		self.measured = false;
	}
	measure(now);
	return false;
}

/* Whether CLOCK_REALTIME and CLOCK_MONOTONIC did. */
static bool
was_set(const struct reading *now)
{
	int64_t before = (int64_t)(self.last.real_ns - self.last.mono_ns);
	int64_t by_ns = (int64_t)(now->real_ns - now->mono_ns) - before;

	return (double)magnitude(by_ns) >= JUMP_NS + unsure_ns(now);
}

/* --- the timeline */

/* Nobody reads it, or the TSC is another: it is as late as it must be. */
static void
begin_timeline(const struct reading *now, uint64_t at_least_ns)
{
	uint64_t ns = now->real_ns + self.jumps.ahead_ns;

	self.ahead_tsc = now->tsc;
	self.last = *now;
	begin_segment(now->tsc, ns < at_least_ns ? at_least_ns : ns, 0, true);
}

static void
restart(void)
{
	struct reading now;

	while (!read_clocks(&now) && self.limit_ns < NS_PER_S)
		;
	/* If this is long ago, what happened meanwhile nobody has seen. */
	if (now.tsc > self.old.tsc && now.mono_ns - self.old.mono_ns < 2 * WINDOW_NS)
		measure(&now);
	else
		measure_from(&now);
	self.jumps.ahead_ns = 0;
	begin_timeline(&now, 0);
}

/* The clock is elsewhere, by so much. Forward is followed, less what the timeline was ahead. */
static void
jump(const struct reading *now, uint64_t ns, int64_t by_ns)
{
	struct vmirror_clock_jumps *jumps = &self.jumps;

	jumps->n++;
	jumps->sum_ns += by_ns;
	self.ahead_tsc = now->tsc;
	if (by_ns < 0) {
		jumps->ahead_ns += magnitude(by_ns);
	} else if ((uint64_t)by_ns <= jumps->ahead_ns) {
		jumps->ahead_ns -= (uint64_t)by_ns;
	} else {
		ns += (uint64_t)by_ns - jumps->ahead_ns;
		jumps->ahead_ns = 0;
	}
	begin_segment(now->tsc, ns, 0, false);
}

/* What is no jump: made up for, as far as the reading is sure of it. */
static void
steer(const struct reading *now, uint64_t ns, int64_t error_ns)
{
	const struct vmirror_clock_segment *newest = find(&self.history, UINT64_MAX);
	int64_t may_be_ns = (int64_t)((double)now->real_at * self.rate);
	uint64_t age = now->tsc - newest->tsc;
	double left = 0; /* that will have been made up for at the bend */

	if (now->tsc < newest->bend_tsc)
		left = (newest->slew - newest->rate) * (double)(newest->bend_tsc - now->tsc);
	if (magnitude(error_ns) <= (uint64_t)may_be_ns)
		error_ns = 0;
	else
		error_ns -= error_ns < 0 ? -may_be_ns : may_be_ns;
	if (magnitude(error_ns - (int64_t)left) > WRONG_NS || (double)age * self.rate >= SEGMENT_NS)
		begin_segment(now->tsc, ns, error_ns, false);
}

void
vmirror_clock_tick(void)
{
	struct reading now;
	int64_t error_ns;
	bool jumped;
	uint64_t ns;

	if (self.readers == 0 || !read_clocks(&now))
		return;
	ns = segment_at(find(&self.history, UINT64_MAX), now.tsc);
	if (now.tsc < self.last.tsc) {
		measure_from(&now);
		begin_timeline(&now, segment_at(find(&self.history, UINT64_MAX), self.last.tsc));
		return;
	}
	jumped = follow_tsc(&now);
	jumped = was_set(&now) || jumped;
	error_ns = (int64_t)(now.real_ns + self.jumps.ahead_ns - ns);
	if (jumped && magnitude(error_ns) >= JUMP_NS)
		jump(&now, ns, error_ns);
	else
		steer(&now, ns, error_ns);
	self.last = now;
}

/* --- life */

void
vmirror_clock_init(const struct vmirror_clock_source *source)
{
	/* Even, and another than before. */
	uint64_t seq = (self.history.seq | 1) + 1;

	memset(&self, 0, sizeof(self));
	self.history.seq = seq;
	self.source = *source;
	self.rate = (double)NS_PER_S / (double)source->tsc_hz;
	self.limit_ns = WIDEST;
	read_clocks(&self.old);
	self.young = self.old;
}

struct vmirror_clock_jumps
vmirror_clock_jumps(void)
{
	return self.jumps;
}

/* --- readers */

void
vmirror_clock_join(struct vmirror_clock_reader *reader)
{
	*reader = (struct vmirror_clock_reader){.joined = self.source.tsc != NULL};
	if (!reader->joined)
		return;
	if (self.readers++ == 0)
		restart();
	else
		vmirror_clock_tick();
	copy(&reader->seen);
	reader->ahead_ns = reader->ahead_before = self.jumps.ahead_ns;
}

void
vmirror_clock_leave(struct vmirror_clock_reader *reader)
{
	if (reader->joined)
		self.readers--;
	reader->joined = false;
}

void
vmirror_clock_look(struct vmirror_clock_reader *reader)
{
	struct vmirror_clock_history now;

	if (__atomic_load_n(&self.history.seq, __ATOMIC_RELAXED) == reader->seen.seq ||
	    !reader->joined || !copy(&now))
		return;
	if (now.life != reader->seen.life) {
		reader->newest_tsc = 0;
		reader->ahead_before = reader->ahead_ns;
	}
	reader->seen = now;
}

uint64_t
vmirror_clock_since(const struct vmirror_clock_reader *reader)
{
	uint64_t oldest = oldest_of(&reader->seen);

	return reader->seen.n == 0 ? 0 : reader->seen.segments[oldest % VMIRROR_CLOCK_SEGMENTS].tsc;
}

uint64_t
vmirror_clock_convert(struct vmirror_clock_reader *reader, uint64_t tsc)
{
	const struct vmirror_clock_segment *s;
	uint64_t ns;

	if (reader->seen.n == 0)
		return 0;
	s = find(&reader->seen, tsc);
	if (s->ahead_ns < reader->ahead_ns && tsc >= reader->newest_tsc) {
		reader->ahead_before = reader->ahead_ns;
		reader->ahead_ns = s->ahead_ns;
		reader->ahead_tsc = s->ahead_tsc;
	}
	ns = segment_at(s, tsc);
	ns -= tsc >= reader->ahead_tsc ? reader->ahead_ns : reader->ahead_before;
	if (tsc < reader->newest_tsc)
		return ns;
	/* As an older copy had it, it may have been later by a trifle. */
	if (ns < reader->newest_ns)
		ns = reader->newest_ns;
	reader->newest_tsc = tsc;
	reader->newest_ns = ns;
	return ns;
}
