/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_MIRRORS_H
#define APP_MIRRORS_H

/* The mirrors of the command line and the configuration file. Main thread only. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmirror.h"

struct options;
struct reload;

struct mirrors {
	struct vmirror_plan *plan; /* in the order of options.mirror */
	unsigned int n;
	uint64_t memory_bytes; /**< of DPDK's */
	uint64_t ring_bytes;   /**< and of the system's */
};

/**
 * Check all specs against the ports as they are now.
 *
 * @param mirrors  filled on success (mirrors_fini() then frees it)
 * @return         0; negative errno with err set, naming the spec's origin
 */
int
mirrors_check(struct mirrors *mirrors, const struct options *options, struct vmirror_error *err);

/**
 * Add them to the engine, one line each to stderr, until stop is set.
 *
 * @param reload  is told which the configuration file has
 * @return        0; negative errno with err set
 */
int
mirrors_add(const struct mirrors *mirrors, const struct options *options, struct reload *reload,
	    const atomic_bool *stop, struct vmirror_error *err);

/** Whether a mirror writes its capture to stdout, where nothing else may stand then. */
bool
mirrors_take_stdout(const struct options *options);

/** Begin a snapshot of each mirror with mode=recorder, and say so, or why not. */
void
mirrors_snapshot(void *arg);

/** Detach all mirrors that the engine has, so that their counters are final. */
void
mirrors_detach(void);

/** Takes a zeroed one, too. */
void
mirrors_fini(struct mirrors *mirrors);

#endif
