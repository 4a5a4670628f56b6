/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CTL_TCPDUMP_H
#define CTL_TCPDUMP_H

/* tcpdump, which shows what comes through a pipe. */

#include <limits.h>
#include <sys/types.h>

#include "vmirror_error.h"

/** Where it is. @return 0; -ENOENT with err set */
int
ctl_tcpdump_find(char path[PATH_MAX], struct vmirror_error *err);

/**
 * Start it. It has a process group of its own, as it is to show what is left after Ctrl-C, and ends
 * with us at the latest.
 *
 * @param letters  flags of its own: "nnv"
 * @param fd       what it reads, a capture
 * @return         its process id; -errno with err set
 */
pid_t
ctl_tcpdump_start(const char *path, const char *letters, int fd, struct vmirror_error *err);

/** It was waited for. */
void
ctl_tcpdump_ended(void);

#endif
