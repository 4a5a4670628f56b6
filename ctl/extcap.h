/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_EXTCAP_H
#define CTL_EXTCAP_H

#include "ctl/commands.h"

/** Answer Wireshark: as a command, of a line without one. */
int
ctl_run_extcap(struct ctl *ctl, int argc, char *const argv[], struct vmirror_error *err);

#endif
