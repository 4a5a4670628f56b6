/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_API_H
#define LIB_API_H

/* What public functions on mirrors have in common. */

#include "vmirror.h"

struct vmirror_mirror;

/** Take the control lock, if there is an engine to control. @return 0; -EPERM with err set, unlocked */
int
vmirror_api_enter(struct vmirror_error *err);

/** Give the control lock back. */
void
vmirror_api_leave(void);

/** Control lock. @return NULL with err set, which may be NULL: there is none of that name */
struct vmirror_mirror *
vmirror_api_find(const char *name, struct vmirror_error *err);

/** vmirror_mirror_add() under the control lock. */
int
vmirror_api_add(const char *spec, char name[VMIRROR_NAME_SIZE], struct vmirror_error *err);

#endif
