/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_REMOVALS_H
#define CONTROL_REMOVALS_H

/*
 * Mirrors on their way out. A sink whose reader takes nothing may keep its mirror for seconds: others are
 * served meanwhile, and whoever asked is answered when it is done. The server's thread only.
 */

#include <stdbool.h>

#include <jansson.h>

#include "control/owners.h"
#include "control/session.h"
#include "vmirror.h"

/**
 * Begin to take a mirror away for somebody who asks. While it goes the session is busy.
 *
 * @param id  of the request; NULL: no answer is wanted
 * @return    0; -ENOENT; -EALREADY when it is going; -ENOMEM; err set
 */
int
vmirror_removals_begin(const char *name, struct vmirror_session *s, json_t *id,
		       struct vmirror_error *err);

/** The same for one whose client has gone. */
void
vmirror_removals_begin_orphan(const struct vmirror_owner *owner);

/** Finish what can be finished. @return how many are still going */
unsigned int
vmirror_removals_poll(const struct vmirror_control_opts *host);

/** A session ends: it is not answered any more. */
void
vmirror_removals_forget(const struct vmirror_session *s);

/** In a child of fork(): there are none. */
void
vmirror_removals_forked(void);

/** Wait for all of them. */
void
vmirror_removals_finish(const struct vmirror_control_opts *host);

#endif
