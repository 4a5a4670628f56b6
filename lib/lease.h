/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LIB_LEASE_H
#define LIB_LEASE_H

/*
 * Mirrors that are kept for somebody else, who may go at any time: known by a number, as another may
 * have a name by then, and given up without waiting for their sinks. All take the control lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vmirror.h"

/** As vmirror_mirror_add(). @param serial  receives its vmirror_mirror_serial() */
int
vmirror_lease_take(const char *spec, char name[VMIRROR_NAME_SIZE], uint64_t *serial,
		   struct vmirror_error *err);

/** Begin to take it away. What goes meanwhile by another's hand is gone. */
void
vmirror_lease_give_up(uint64_t serial);

/**
 * Whether it has given its sink all that it had, or is gone: to remove it takes no time then.
 *
 * @param ns  how long to wait for it, at the most
 */
bool
vmirror_lease_is_over(uint64_t serial, uint64_t ns);

#endif
