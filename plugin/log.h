/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGIN_LOG_H
#define PLUGIN_LOG_H

/* A line in the program's own log, which is where its people look. */

#include "vmirror.h"

/** Info is shown where the program shows notices. Any thread. */
void
plugin_log(enum vmirror_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The same for struct vmirror_engine_opts. */
void
plugin_log_notify(void *arg, enum vmirror_level level, const char *text);

#endif
