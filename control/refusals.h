/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_REFUSALS_H
#define CONTROL_REFUSALS_H

/*
 * What clients are refused for want of rights, as the host hears of it: who, what and why, and never more
 * lines than somebody would read, however often they ask. The server's thread only.
 */

#include "control/session.h"
#include "vmirror_error.h"

/** The server begins: what was counted for another is forgotten. */
void
vmirror_refusals_begin(void);

/** Tell of a request that was refused, or count it. */
void
vmirror_refusals_tell(struct vmirror_session *s, const char *method,
		      const struct vmirror_error *err);

/** A session ends: tell how many of its refusals were only counted. */
void
vmirror_refusals_conclude(const struct vmirror_session *s);

/** The server ends: tell how many of all there were of which nothing was told yet. */
void
vmirror_refusals_finish(void);

#endif
