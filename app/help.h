/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef APP_HELP_H
#define APP_HELP_H

/** Print --help to stdout. Needs no EAL. */
void
help_print(void);

/** Print --version to stdout. Needs no EAL. */
void
version_print(void);

#endif
