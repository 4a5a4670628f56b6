/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_CAPTURE_H
#define CTL_CAPTURE_H

/* What capture shares with extcap: a mirror of this connection's, into what was opened here. */

#include "ctl/output.h"
#include "ctl/session.h"

/**
 * Add the mirror, and leave what it writes to the process alone. What a file has is emptied when all
 * else is right.
 *
 * @param spec   with fd=0
 * @param out    closed when it is added, else it stays the caller's
 * @param added  the process's answer, with the mirror's name; for the caller to json_decref()
 * @return       0, or -errno with err set, no name of a mirror in it
 */
int
ctl_capture_add(struct ctl_session *session, const char *spec, struct ctl_output *out,
		json_t **added, struct vmirror_error *err);

/** The name that the process would have given means nothing to whoever named no mirror. @return ret */
int
ctl_capture_without_name(int ret, struct vmirror_error *err);

#endif
