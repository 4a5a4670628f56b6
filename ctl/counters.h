/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_COUNTERS_H
#define CTL_COUNTERS_H

/*
 * What the numbers of `stats` are: which are counters, which tell a loss, what they are called
 * elsewhere. A number that is not in the table is one of a newer process's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct ctl_counter {
	const char *key;
	const char *metric; /**< Prometheus's name, behind "vmirror_" */
	const char *help;
	bool gauge;  /**< it also goes down */
	bool always; /**< shown when it is 0, too */
	bool lost;   /**< packets that the sink was meant to have and has not */
	/** Shown when it is 0, too, where the number of this key is not; NULL: none */
	const char *beside;
};

/** In the order in which they are shown; ends with one without a key. */
extern const struct ctl_counter ctl_counters[];

/**
 * Packets lost, of all reasons.
 *
 * @param reasons  receives "no_room 5, write_error 2", or ""; may be NULL
 */
uint64_t
ctl_counters_lost(const json_t *stats, char *reasons, size_t size);

#endif
