/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTROL_SHOW_H
#define CONTROL_SHOW_H

/* What there is, as JSON: ports, mirrors, their statistics. */

#include <stdbool.h>

#include <jansson.h>

#include "vmirror.h"

/** A text that somebody else may have made, and so no UTF-8: then with ? in place of such bytes. */
json_t *
vmirror_show_text(const char *text);

/** All ports of the host's. @return new; NULL: out of memory */
json_t *
vmirror_show_ports(void);

/** All mirrors, without figures. */
json_t *
vmirror_show_mirrors(void);

/** A mirror's statistics, with those of its queues if they are wanted. @return new; NULL: errno tells */
json_t *
vmirror_show_stats(const char *name, bool queues, struct vmirror_error *err);

/**
 * An array of the statistics of one mirror, or of all.
 *
 * @param name  NULL: all; such as go meanwhile are left out
 * @return      new; NULL with err set
 */
json_t *
vmirror_show_all_stats(const char *name, bool queues, struct vmirror_error *err);

#endif
