/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_RATES_H
#define CTL_RATES_H

/* From two looks at counters to what happens a second. */

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "vmirror_error.h"

struct ctl_rates {
	json_t *before; /**< mirrors, at the look before; NULL: there was none */
	json_t *last;
	uint64_t before_ns;
	uint64_t last_ns;
};

/** Take note of mirrors, as they are now. @return whether there are rates: it is not the first time */
bool
ctl_rates_next(struct ctl_rates *rates, json_t *mirrors);

/** A counter's, of a mirror of the last look; since it was made where it is new. */
uint64_t
ctl_rates_of(const struct ctl_rates *rates, const json_t *mirror, const char *key);

/** What is lost, of all reasons. */
uint64_t
ctl_rates_lost(const struct ctl_rates *rates, const json_t *mirror);

void
ctl_rates_fini(struct ctl_rates *rates);

/**
 * Read an interval in seconds; NULL leaves it as it is.
 *
 * @param what  what it was given for
 * @return      0; -EINVAL with err set
 */
int
ctl_rates_interval(const char *seconds, int *interval_ms, const char *what,
		   struct vmirror_error *err);

#endif
