/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_OVS_H
#define APP_OVS_H

#include "vmirror_error.h"

struct options;

/**
 * Print the commands for --ovs-port to stdout. Needs no EAL.
 *
 * @return 0; negative errno with err set
 */
int
ovs_print(const struct options *options, struct vmirror_error *err);

#endif
