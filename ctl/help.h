/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ctl/commands.h"

/** Print what there is. */
void
ctl_help_all(void);

/** Print what a command does. */
void
ctl_help_command(const struct ctl_command *command);

#endif
