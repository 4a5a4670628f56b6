/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_PAIR_H
#define APP_PAIR_H

#include "vmirror_error.h"

struct ports;

/**
 * Pair ports as --forward says, or adjacent ones when it says nothing.
 *
 * @param forward, n  "a:b", ports by name or number
 * @return            0; -ENODEV, -EINVAL, -EEXIST (a port in two pairs) with err set
 */
int
ports_pair(struct ports *ports, const char *const forward[], unsigned int n,
	   struct vmirror_error *err);

#endif
