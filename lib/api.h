/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_API_H
#define LIB_API_H

/* What public functions on mirrors have in common. */

#include <stdbool.h>

#include "vmirror.h"

struct vmirror_mirror;

/** Take the control lock, if there is an engine to control. @return 0; -EPERM with err set, unlocked */
int
vmirror_api_enter(struct vmirror_error *err);

/**
 * The same, for mirrors of these specs: what takes long in their filters is done before.
 *
 * @return 0; -EPERM or -ENOMEM with err set, unlocked
 */
int
vmirror_api_enter_for(const char *const specs[], unsigned int n, struct vmirror_error *err);

/** Give the control lock back. */
void
vmirror_api_leave(void);

/** Control lock held. @return NULL with err set, which may be NULL: there is none of that name */
struct vmirror_mirror *
vmirror_api_find(const char *name, struct vmirror_error *err);

/* The others are called under the control lock. */

/** vmirror_mirror_add() */
int
vmirror_api_add(const char *spec, char name[VMIRROR_NAME_SIZE], struct vmirror_error *err);

/** vmirror_mirror_check() */
int
vmirror_api_check(const char *const specs[], unsigned int n, struct vmirror_plan *plans,
		  unsigned int *bad, struct vmirror_error *err);

/** Put a mirror into the list: by its serial, behind all others if that is 0. */
void
vmirror_api_list(struct vmirror_mirror *mirror);

/** Take it out of the list. */
void
vmirror_api_unlist(struct vmirror_mirror *mirror);

/**
 * Bring one that was created, and has its serial, to life.
 *
 * @param attach  false: it is detached
 * @return        0; -errno with err set: it is freed
 */
int
vmirror_api_begin(struct vmirror_mirror *mirror, bool attach, struct vmirror_error *err);

/** End a mirror, and free it. */
void
vmirror_api_end(struct vmirror_mirror *mirror);

#endif
