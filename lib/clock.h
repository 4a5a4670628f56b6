/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

/*
 * When a packet passed: the TSC of its burst as nanoseconds of CLOCK_REALTIME. One for the process.
 *
 * The control thread compares the two at each tick and publishes segments, each of which maps the TSC
 * from its beginning on. A segment begins where the one before it is by then, runs a little faster or
 * slower until it has made up for the error (its bend), and then at the rate that was measured:
 *
 *     ns │                 ╱ rate
 *        │        bend ──╱
 *        │            ╱─   slew
 *        │ before ──╱
 *        └──────────┴────┴───── TSC
 *
 * So the timeline is continuous, and rises with the TSC. A clock that jumps forward is followed at
 * once. One that jumps back is not: the timeline goes on, ahead of the clock by so much, which forward
 * jumps take back first. Who joins later subtracts what it was ahead by then, or has been since, if
 * that is less: so each reader's times never go back, and are no further ahead than they must be.
 *
 * Nothing waits: a reader has a copy of the last segments, and takes another between two batches if
 * there are newer ones that are not being changed just now.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** Segments that are kept: more than a minute of them, or three seconds while each tick makes one. */
#define VMIRROR_CLOCK_SEGMENTS 64

/** What the time is taken from. */
struct vmirror_clock_source {
	uint64_t (*tsc)(void);
	uint64_t tsc_hz; /**< about */
	/** CLOCK_REALTIME or CLOCK_MONOTONIC, in nanoseconds; NULL: clock_gettime() */
	uint64_t (*ns)(clockid_t id);
};

struct vmirror_clock_segment {
	uint64_t tsc; /**< at which it begins, and */
	uint64_t ns;  /**< which time that is */
	uint64_t bend_tsc;
	uint64_t bend_ns;
	double slew;        /**< nanoseconds for each of the TSC, up to the bend */
	double rate;        /**< and from there on */
	uint64_t ahead_ns;  /**< of CLOCK_REALTIME, which has jumped back */
	uint64_t ahead_tsc; /**< since then it is ahead by this */
};

/** Control writes; readers copy. Segment n is in place n modulo VMIRROR_CLOCK_SEGMENTS. */
struct vmirror_clock_history {
	uint64_t seq;  /**< odd while it is being changed */
	uint64_t life; /**< changes when the TSC began anew */
	uint64_t n;    /**< segments that there were */
	struct vmirror_clock_segment segments[VMIRROR_CLOCK_SEGMENTS];
};

/** A mirror's. Its drain's thread, but for joining and leaving. */
struct vmirror_clock_reader {
	struct vmirror_clock_history seen;
	uint64_t newest_tsc; /**< of those that were converted */
	uint64_t newest_ns;
	uint64_t ahead_ns;     /**< of the timeline, when the reader joined or at the least since */
	uint64_t ahead_tsc;    /**< since then */
	uint64_t ahead_before; /**< and before */
	bool joined;
};

/** Jumps of the clock that were noticed. */
struct vmirror_clock_jumps {
	uint64_t n;
	int64_t sum_ns;
	uint64_t ahead_ns; /**< by how much the timeline is ahead of the clock */
};

/**
 * Begin anew: no segment, no reader, no jump. Nobody reads. Control lock, as all the others that do
 * not say otherwise.
 */
void
vmirror_clock_init(const struct vmirror_clock_source *source);

/**
 * Look at the clocks, and correct the timeline. Now and then, twenty times a second, say; what jumps
 * is noticed then. Without readers nothing is looked at.
 */
void
vmirror_clock_tick(void);

/**
 * A reader more, to be filled in. The first one begins the timeline; later ones tick.
 *
 * Without vmirror_clock_init() before it, all its times are 0.
 */
void
vmirror_clock_join(struct vmirror_clock_reader *reader);

/** The reader reads no more. Takes one that is all zeroes. */
void
vmirror_clock_leave(struct vmirror_clock_reader *reader);

/** What has jumped since vmirror_clock_init(). */
struct vmirror_clock_jumps
vmirror_clock_jumps(void);

/** See what control has published since. The reader's thread, before each batch. Does not wait. */
void
vmirror_clock_look(struct vmirror_clock_reader *reader);

/** The TSC since which times are known; what was before is guessed. The reader's thread. */
uint64_t
vmirror_clock_since(const struct vmirror_clock_reader *reader);

/**
 * The time of a TSC, in nanoseconds of CLOCK_REALTIME. The reader's thread.
 *
 * It does not go back from one call to the next, unless the TSC does: what is late has a time of its
 * own.
 *
 * @param tsc  not before the reader joined
 * @return     0 when there is no clock
 */
uint64_t
vmirror_clock_convert(struct vmirror_clock_reader *reader, uint64_t tsc);

#endif
