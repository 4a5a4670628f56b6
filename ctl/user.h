/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_USER_H
#define CTL_USER_H

#include "vmirror_error.h"

/**
 * Go on as this user, with his groups and nothing of root's: what is connected stays connected.
 *
 * @param name  of a user; NULL: as whoever called
 * @return      0; -ENOENT: there is no such user; -EPERM: only root becomes another; -errno; err set
 */
int
ctl_user_become(const char *name, struct vmirror_error *err);

#endif
