/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_PLAN_H
#define CTL_PLAN_H

/* What commands of mirrors and of captures share. */

#include "ctl/session.h"

/**
 * Ask what mirrors would do.
 *
 * @param fd  the descriptor fd=0 of them; -1: none
 * @return    0, or -errno with err set
 */
int
ctl_plan_check(struct ctl_session *session, const char *const specs[], unsigned int n, int fd,
	       json_t **plans, struct vmirror_error *err);

/** The same, printed for a person. */
int
ctl_plan_print(struct ctl_session *session, const char *const specs[], unsigned int n, int fd,
	       struct vmirror_error *err);

/** Print the ports that the process has. */
int
ctl_plan_print_ports(struct ctl_session *session, struct vmirror_error *err);

#endif
